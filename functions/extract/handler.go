package extract

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// The faults of an extract.
var (
	ErrRequest = fault.New(fault.Invalid, "request_invalid", `The request must be {"account": …}, or go on with "id" and "next" of the answer before.`)
	ErrAccount = fault.New(fault.NotFound, "account_unknown", "There is no such account.")
)

// reserve is how much time must be left to begin another file.
const reserve = 2 * time.Minute

// lateFile is what Next says where only what was opened meanwhile is left; it sorts behind every cohort.
const lateFile = "late"

// Deps are what a handler needs.
type Deps struct {
	Store  *vault.Store
	Files  files
	Bucket string
	Audit  func(context.Context, audit.Entry) error
}

type files interface {
	// Put writes a file of what the reader gives, in parts, so that it is never in memory whole.
	Put(ctx context.Context, key string, r io.Reader) error
}

// Handler extracts.
type Handler struct{ Deps }

// New makes a handler.
func New(deps Deps) *Handler { return &Handler{deps} }

// Build makes the handler of the deployed function; it is the only place that names clients of AWS.
func Build() (*Handler, error) {
	env, err := awsenv.Required("RECORDS_TABLE", "KEYS_TABLE", "CONTROL_TABLE", "OBJECTS_BUCKET", "EXPORTS_BUCKET")
	if err != nil {
		return nil, err
	}
	cfg := awsenv.Config()
	tables := vault.Tables{Records: env["RECORDS_TABLE"], Keys: env["KEYS_TABLE"], Control: env["CONTROL_TABLE"]}
	store := vault.Connect(cfg, tables, env["OBJECTS_BUCKET"])
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = awsenv.Emulated() })
	return New(Deps{
		Store: store, Bucket: env["EXPORTS_BUCKET"],
		Files: bucket{transfermanager.New(client, func(o *transfermanager.Options) { o.Concurrency = 2 }), env["EXPORTS_BUCKET"]},
		Audit: func(ctx context.Context, e audit.Entry) error { return audit.Write(ctx, store.DB, tables.Control, e) },
	}), nil
}

type bucket struct {
	client *transfermanager.Client
	name   string
}

func (b bucket) Put(ctx context.Context, key string, r io.Reader) error {
	_, err := b.client.UploadObject(ctx, &transfermanager.UploadObjectInput{
		Bucket: &b.name, Key: &key, Body: r, ContentType: aws.String("application/x-ndjson"),
	})
	return err
}

// Request asks for an extract, or for the rest of one.
type Request struct {
	Account string `json:"account"`
	ID      string `json:"id,omitempty"`
	Next    string `json:"next,omitempty"`
}

// Answer says what was written.
type Answer struct {
	ID      string `json:"id"`
	Bucket  string `json:"bucket"`
	Prefix  string `json:"prefix"`
	Files   []File `json:"files"`
	Records int    `json:"records"`
	// Damaged are conversations that did not open though their keys are there; the log names them.
	Damaged int    `json:"damaged"`
	Done    bool   `json:"done"`
	Next    string `json:"next,omitempty"`
}

// File is one file of an extract.
type File struct {
	Name    string `json:"name"`
	Bytes   int64  `json:"bytes"`
	Records int    `json:"records"`
	SHA256  string `json:"sha256"`
}

var extractID = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[a-z2-7]{8}$`)

// Handle answers one request; what is wrong with it is part of the answer.
func (h *Handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var req Request
	if err := json.Unmarshal(raw, &req); err != nil || req.ID != "" && !extractID.MatchString(req.ID) || (req.ID == "") != (req.Next == "") {
		return edge.ErrorAnswer(ErrRequest), nil
	}
	answer, err := h.Extract(ctx, req)
	if errors.Is(err, ErrAccount) {
		return edge.ErrorAnswer(err), nil
	}
	return answer, err
}

// Extract writes files until everything is written or time runs out.
func (h *Handler) Extract(ctx context.Context, req Request) (Answer, error) {
	ses, err := h.Store.Open(ctx, req.Account, "")
	if errors.Is(err, vault.ErrNoAccount) {
		return Answer{}, ErrAccount
	}
	if err != nil {
		return Answer{}, err
	}
	now := h.Store.Now()
	if req.ID == "" {
		req.ID = now.UTC().Format(idTime) + "-" + strings.ToLower(rand.Text()[:8])
	}
	answer := Answer{ID: req.ID, Bucket: h.Bucket, Prefix: req.Account + "/" + req.ID + "/", Files: []File{}}
	entry := audit.Entry{Account: req.Account, Actor: "role:extract", Action: "extract", Target: req.ID, At: now}
	if err := h.Audit(ctx, entry); err != nil {
		return Answer{}, err
	}
	for next := req.Next; ; {
		// Read anew for every file: a cohort may begin or be destroyed while the extract runs.
		cohorts, err := ses.Cohorts(ctx, retention.Chat)
		if err != nil {
			return answer, err
		}
		all := parts(ses, cohorts, h.Store.Now(), started(req.ID))
		i := slices.IndexFunc(all, func(p part) bool { return p.next >= next })
		if i < 0 {
			break
		}
		if short(ctx) {
			answer.Next = all[i].next
			return answer, nil
		}
		if err := h.file(ctx, ses, cohorts, all[i], &answer); err != nil {
			return answer, fmt.Errorf("%s: %w", all[i].name, err)
		}
		next = all[i].next + "\x00" // what sorts right behind it
	}
	answer.Done = true
	slog.InfoContext(ctx, "extracted", slog.Int("records", answer.Records), slog.Int("files", len(answer.Files)))
	return answer, nil
}

// part is one file: the partitions of the index that it is made of, and what Next says before it.
type part struct {
	next, name string
	listings   []string
	since      time.Time
}

// parts are the files of an extract in their order. A conversation can settle while the extract runs, so the open ones
// come first, or be opened again, so those opened since the start come once more at the end.
func parts(ses *vault.Session, cohorts vault.Cohorts, now, start time.Time) []part {
	open := []string{vault.OpenListing(ses.Account, retention.Chat)}
	all := []part{{name: "chats-open.ndjson", listings: open}}
	for _, c := range slices.Backward(cohorts.List) {
		if c.Destroyed() || cohorts.Over(c.Cohort, now) {
			continue
		}
		p := part{next: c.ID, name: "chats-" + c.ID + ".ndjson"}
		for shard := range vault.Shards {
			p.listings = append(p.listings, vault.CohortListing(ses.Account, c.Kind, c.ID, shard))
		}
		all = append(all, p)
	}
	return append(all, part{next: lateFile, name: "chats-open-late.ndjson", listings: open, since: start})
}

const idTime = "20060102T150405Z"

// started is when an extract began, by its id.
func started(id string) time.Time {
	t, _ := time.Parse(idTime, id[:len(idTime)]) // the form of the id is checked
	return t
}

func short(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < reserve
}

// file writes the conversations of a part to its file; where there are none, no file.
func (h *Handler) file(ctx context.Context, ses *vault.Session, cohorts vault.Cohorts, p part, answer *Answer) error {
	r, w := io.Pipe()
	lines := &counter{w: w, sum: sha256.New()}
	written := make(chan error, 1)
	go func() {
		err := h.lines(ctx, ses, cohorts, p, lines)
		w.CloseWithError(err)
		written <- err
	}()
	first := make([]byte, 1)
	_, err := io.ReadFull(r, first)
	switch {
	case errors.Is(err, io.EOF):
		err := <-written
		answer.Damaged += lines.damaged
		return err
	case err == nil:
		err = h.Files.Put(ctx, answer.Prefix+p.name, io.MultiReader(strings.NewReader(string(first)), r))
	}
	r.CloseWithError(errors.New("the upload has ended")) // wakes the writer if the upload failed
	if err := errors.Join(err, <-written); err != nil {
		return err
	}
	answer.Damaged += lines.damaged
	answer.Files = append(answer.Files, File{Name: p.name, Bytes: lines.bytes, Records: lines.records, SHA256: hex.EncodeToString(lines.sum.Sum(nil))})
	answer.Records += lines.records
	return nil
}

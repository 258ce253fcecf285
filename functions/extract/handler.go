package extract

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/jobs"
	"github.com/supportvault/supportvault/shared/vault"
)

// The faults of an extract.
var (
	ErrRequest  = fault.New(fault.Invalid, "request_invalid", `The request must be {"account": …}, or go on with "id" and "next" of the answer before.`)
	ErrAccount  = fault.New(fault.NotFound, "account_unknown", "There is no such account.")
	ErrNotFound = fault.New(fault.NotFound, "extract_not_found", "There is no extract of this id, or its day is over.")
	ErrNoFile   = fault.New(fault.NotFound, "extract_file_not_found", "There is no extract of this id with a file of this name, or its day is over.")
	ErrRunning  = fault.New(fault.Conflict, "extract_running", "Three extracts of this account are running; wait for one of them.")
	ErrBusy     = fault.New(fault.Conflict, "extract_busy", "Somebody works on this extract already; try again in a quarter of an hour.")
)

// Handle tells the triggers apart.
func (h *Handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	return edge.Triggers{HTTP: h.HTTP, Batch: h.Messages, Otherwise: edge.Invoked(ErrRequest, h.Extract)}.Handle(ctx, raw)
}

// Request asks for an extract, or for the rest of one.
type Request struct {
	Account string `json:"account"`
	ID      string `json:"id,omitempty"`
	Next    string `json:"next,omitempty"`
}

// Answer says how far an extract is that somebody calls for themselves.
type Answer struct {
	ID     string `json:"id"`
	Bucket string `json:"bucket"`
	Prefix string `json:"prefix"`
	// Files are those that are finished, of this call and those before it.
	Files []File `json:"files"`
	// Records are the conversations in them.
	Records int `json:"records"`
	// Damaged are conversations that did not open though their keys are there; the manifest and the log name them.
	Damaged  int     `json:"damaged"`
	Progress float64 `json:"progress"`
	Done     bool    `json:"done"`
	Next     string  `json:"next,omitempty"`
}

// Extract begins a job, or goes on with one, and works on it until everything is written or time runs out. Where to go on
// stands in the job's row; what next says is only looked for, so that a call whose answer was lost can be made again.
func (h *Handler) Extract(ctx context.Context, req Request) (Answer, error) {
	if req.ID != "" && !jobs.ValidID(req.ID) || (req.ID == "") != (req.Next == "") {
		return Answer{}, ErrRequest
	}
	j, err := h.direct(ctx, req)
	if err != nil {
		return Answer{}, err
	}
	if j.Status == Running {
		claimed, err := h.take(ctx, j)
		if errors.Is(err, jobs.ErrBusy) {
			return Answer{}, ErrBusy
		}
		if err != nil {
			return Answer{}, err
		}
		if j, err = h.run(ctx, claimed); err != nil {
			h.release(ctx, j)
			return h.answer(j), err
		}
	}
	return h.answer(j), nil
}

// direct is the job of a direct invocation, with its audit entry.
func (h *Handler) direct(ctx context.Context, req Request) (job, error) {
	if req.ID == "" {
		return h.start(ctx, req.Account, "role:extract", true)
	}
	if !account.ValidID(req.Account) {
		return job{}, ErrAccount
	}
	j, ok, err := h.get(ctx, req.Account, req.ID)
	if err != nil {
		return j, err
	}
	if !ok || j.Status == Failed {
		return j, ErrNotFound
	}
	return j, h.Audit(ctx, audit.Entry{Account: req.Account, Actor: "role:extract", Action: "extract", Target: j.ID, At: h.Store.Now()})
}

func (h *Handler) answer(j job) Answer {
	a := Answer{
		ID: j.ID, Bucket: h.ExportsBucket, Prefix: j.prefix(), Files: j.work.Files, Records: j.work.conversations(),
		Damaged: j.work.Damaged, Progress: j.Progress, Done: j.Status == Complete,
	}
	if !a.Done {
		a.Next = j.work.Cursor.Kind + "/" + j.work.Cursor.Part
	}
	return a
}

// start begins a job: first the ledger knows of the copy, and the audit trail who wants it.
func (h *Handler) start(ctx context.Context, id, by string, direct bool) (job, error) {
	ses, err := h.Store.Open(ctx, id, "")
	if errors.Is(err, vault.ErrNoAccount) {
		return job{}, ErrAccount
	}
	if err != nil {
		return job{}, err
	}
	now := h.Store.Now()
	j := job{
		Account: id, ID: jobs.NewID(now), By: by, Direct: direct, Status: Running, Policy: ses.Policy.Version,
		CreatedAt: now, BusyUntil: now, work: begin(),
	}
	if _, err := h.leaving(ctx, j); err != nil {
		return j, err
	}
	if err := h.Audit(ctx, audit.Entry{Account: id, Actor: by, Action: "extract", Target: j.ID, At: now}); err != nil {
		return j, err
	}
	return j, h.put(ctx, j)
}

// release lets others work on a job of which this invocation has had enough. Where that fails too, its claim runs out.
func (h *Handler) release(ctx context.Context, j job) {
	j.BusyUntil = h.Store.Now()
	if err := h.update(context.WithoutCancel(ctx), j); err != nil {
		slog.WarnContext(ctx, "not released", slog.String("extract", j.ID), slog.String("cause", edge.Cause(err)))
	}
}

// message is what the queue carries.
type message struct {
	Account string `json:"account"`
	ID      string `json:"id"`
}

func (h *Handler) send(ctx context.Context, j job, delay time.Duration) error {
	b, err := json.Marshal(message{j.Account, j.ID})
	if err != nil {
		return err
	}
	return h.Queue.Send(ctx, string(b), delay)
}

// Messages works on the jobs of a batch, which has one. A job that fails for good fails the invocation too, for its alarm; the
// message that comes again finds it failed.
func (h *Handler) Messages(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	var given error
	res := edge.Queue(ctx, batch, func(ctx context.Context, m events.SQSMessage) error {
		err := h.message(ctx, m.Body)
		if errors.Is(err, errGivenUp) {
			given = err
		}
		return err
	})
	return res, given
}

// errGivenUp says that a job has failed for good.
var errGivenUp = errors.New("an extract has failed")

// message works on a job. What it does not finish it sends the next message for.
func (h *Handler) message(ctx context.Context, body string) error {
	var m message
	if err := json.Unmarshal([]byte(body), &m); err != nil || !account.ValidID(m.Account) || !jobs.ValidID(m.ID) {
		return errors.New("not a message of the extract queue")
	}
	j, ok, err := h.get(ctx, m.Account, m.ID)
	if err != nil {
		return err
	}
	if !ok || j.Status != Running && j.Reason != stalled {
		return nil // it is done, or its day is over
	}
	if j, err = h.take(ctx, j); err != nil {
		return err
	}
	if j.Tries > maxTries {
		return h.giveUp(ctx, j, triesExhausted)
	}
	j.Status = Running // it may have been stalled
	j, err = h.run(ctx, j)
	switch {
	case err == nil && j.Status == Running:
		return h.send(ctx, j, 0)
	case err == nil:
		return nil
	case errors.Is(err, jobs.ErrLost):
		return nil // whoever has it goes on
	case errors.Is(err, vault.ErrNoAccount):
		return h.giveUp(ctx, j, accountGone)
	case j.Tries >= maxTries:
		slog.ErrorContext(ctx, "extract failed", slog.String("extract", j.ID), slog.String("cause", edge.Cause(err)))
		return h.giveUp(ctx, j, triesExhausted)
	}
	slog.ErrorContext(ctx, "extract interrupted", slog.String("extract", j.ID), slog.Int("tries", j.Tries), slog.String("cause", edge.Cause(err)))
	h.release(ctx, j)
	return h.send(context.WithoutCancel(ctx), j, min(pause<<j.Tries, 15*time.Minute))
}

// pause is half of how long the first failure waits for the next try; SQS takes 15 minutes at most.
const pause = 15 * time.Second

func (h *Handler) giveUp(ctx context.Context, j job, reason string) error {
	j.Status, j.Reason, j.BusyUntil = Failed, reason, h.Store.Now()
	if err := h.update(context.WithoutCancel(ctx), j); err != nil {
		return err
	}
	return errGivenUp
}

// abandon says that a job that nobody will work on has failed. Where that fails too, it has stalled in a while.
func (h *Handler) abandon(ctx context.Context, j job) {
	j, err := h.take(context.WithoutCancel(ctx), j)
	if err == nil {
		err = h.giveUp(ctx, j, notQueued)
	}
	if !errors.Is(err, errGivenUp) {
		slog.WarnContext(ctx, "not abandoned", slog.String("extract", j.ID), slog.String("cause", edge.Cause(err)))
	}
}

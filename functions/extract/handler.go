package extract

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

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
	if j.Status == jobs.Running {
		claimed, err := h.jobs().Take(ctx, j)
		if errors.Is(err, jobs.ErrBusy) {
			return Answer{}, ErrBusy
		}
		if err != nil {
			return Answer{}, err
		}
		if j, err = h.run(ctx, claimed); err != nil {
			h.jobs().Release(ctx, j)
			return h.answer(j), err
		}
	}
	return h.answer(j), nil
}

// direct is the job of a direct invocation, with its audit entry.
func (h *Handler) direct(ctx context.Context, req Request) (job, error) {
	if req.ID == "" {
		return h.start(ctx, req.Account, byRole)
	}
	if !account.ValidID(req.Account) {
		return job{}, ErrAccount
	}
	j, ok, err := h.jobs().Get(ctx, req.Account, req.ID)
	if err != nil {
		return j, err
	}
	if !ok || j.Status == jobs.Failed {
		return j, ErrNotFound
	}
	return j, h.Audit(ctx, audit.Entry{Account: req.Account, Actor: byRole, Action: "extract", Target: j.ID, At: h.Store.Now()})
}

func (h *Handler) answer(j job) Answer {
	a := Answer{
		ID: j.ID, Bucket: h.ExportsBucket, Prefix: prefix(j), Files: j.Work.Files, Records: j.Work.conversations(),
		Damaged: j.Work.Damaged, Progress: j.Progress, Done: j.Status == jobs.Complete,
	}
	if !a.Done {
		a.Next = j.Work.Cursor.Kind + "/" + j.Work.Cursor.Part
	}
	return a
}

// start begins a job: first the ledger knows of the copy, and the audit trail who wants it.
func (h *Handler) start(ctx context.Context, id, by string) (job, error) {
	ses, err := h.Store.Open(ctx, id, "")
	if errors.Is(err, vault.ErrNoAccount) {
		return job{}, ErrAccount
	}
	if err != nil {
		return job{}, err
	}
	j := h.jobs().New(id, by, jobs.Running, begin(ses.Policy.Version))
	if _, err := h.leaving(ctx, j); err != nil {
		return j, err
	}
	if err := h.Audit(ctx, audit.Entry{Account: id, Actor: by, Action: "extract", Target: j.ID, At: j.CreatedAt}); err != nil {
		return j, err
	}
	return j, h.jobs().Put(ctx, j)
}

// Messages works on the jobs of a batch.
func (h *Handler) Messages(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	return h.jobs().Messages(ctx, batch)
}

// abandon says that a job that nobody will work on has failed. Where that fails too, it has stalled in a while.
func (h *Handler) abandon(ctx context.Context, j job) {
	j, err := h.jobs().Take(context.WithoutCancel(ctx), j)
	if err == nil {
		err = h.jobs().Fail(ctx, j, notQueued)
	}
	if err != nil {
		slog.WarnContext(ctx, "not abandoned", slog.String("extract", j.ID), slog.String("cause", edge.Cause(err)))
	}
}

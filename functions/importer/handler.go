package importer

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/jobs"
	"github.com/supportvault/supportvault/shared/staging"
	"github.com/supportvault/supportvault/shared/vault"
)

// The faults of an import.
var (
	ErrRequest  = fault.New(fault.Invalid, "request_invalid", `The request must be {"account": …, "action": "begin", "bytes": …}, or with an "id" and the action "start" or "status".`)
	ErrSize     = fault.New(fault.Invalid, "import_invalid", "An import is announced by the bytes of its file, 1 to 1073741824; import a larger one in parts.")
	ErrAccount  = fault.New(fault.NotFound, "account_unknown", "There is no such account.")
	ErrNotFound = fault.New(fault.NotFound, "import_not_found", "There is no import of this id, or its day is over.")
	ErrRunning  = fault.New(fault.Conflict, "import_running", "An import of this account is running; wait for its end.")
	ErrStarted  = fault.New(fault.Conflict, "import_started", "This import was started already.")
	ErrNoFile   = fault.New(fault.Conflict, "import_file_missing", "The file of this import has not been uploaded.")
)

// MaxFile is how many bytes a file may have.
const MaxFile = 1 << 30

// Deps are what a handler needs.
type Deps struct {
	Store *vault.Store
	Files files
	Queue jobs.Queue
	// Settling is the settle queue.
	Settling settling
	Audit    func(context.Context, audit.Entry) error
}

type files interface {
	// Link is a URL by which so many bytes of a type can be put for a while, and the headers that the request must have.
	Link(ctx context.Context, key, contentType string, size int64, life time.Duration) (url string, headers map[string]string, err error)
	// Size is how many bytes a file has, and the tag of its content, or staging.ErrGone.
	Size(ctx context.Context, key string) (bytes int64, tag string, err error)
	// Read reads up to n bytes of a file from an offset on, and the tag of its content, or answers staging.ErrGone.
	Read(ctx context.Context, key string, from int64, n int) (some []byte, tag string, err error)
	Delete(ctx context.Context, key string) error
}

type settling interface {
	// Settle asks for a conversation to be settled.
	Settle(context.Context, vault.Reference) error
}

// Handler imports.
type Handler struct {
	Config
	Deps
}

// New makes a handler.
func New(config Config, deps Deps) *Handler {
	if config.Reserve == 0 {
		config.Reserve = reserve
	}
	if config.ReadSize == 0 {
		config.ReadSize = readSize
	}
	return &Handler{config, deps}
}

// Handle tells the triggers apart.
func (h *Handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	return edge.Triggers{HTTP: h.HTTP, Batch: h.Messages, Otherwise: edge.Invoked(ErrRequest, h.act)}.Handle(ctx, raw)
}

// Request is a direct invocation.
type Request struct {
	Account string `json:"account"`
	Action  string `json:"action"`
	Bytes   int64  `json:"bytes,omitempty"`
	ID      string `json:"id,omitempty"`
}

// byRole is who an audit entry names where the function is invoked directly.
const byRole = "role:importer"

func (h *Handler) act(ctx context.Context, req Request) (Job, error) {
	if req.Action == "begin" && req.ID == "" {
		return h.begin(ctx, req.Account, byRole, req.Bytes)
	}
	if req.Action != "start" && req.Action != "status" {
		return Job{}, ErrRequest
	}
	if !account.ValidID(req.Account) {
		return Job{}, ErrAccount
	}
	if req.Action == "start" {
		return h.launch(ctx, req.Account, req.ID, byRole)
	}
	return h.status(ctx, req.Account, req.ID)
}

const (
	// uploadLife is how long an upload may be begun.
	uploadLife  = time.Hour
	contentType = "application/x-ndjson"
)

// begin makes a job that waits for its file.
func (h *Handler) begin(ctx context.Context, id, by string, bytes int64) (Job, error) {
	if bytes < 1 || bytes > MaxFile {
		return Job{}, ErrSize
	}
	if _, err := h.Store.Open(ctx, id, ""); errors.Is(err, vault.ErrNoAccount) {
		return Job{}, ErrAccount
	} else if err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	j := h.jobs().New(id, by, jobs.Waiting, work{Refusals: []Refusal{}})
	url, headers, err := h.Files.Link(ctx, object(j), contentType, bytes, uploadLife)
	if err == nil {
		err = h.Audit(ctx, audit.Entry{Account: id, Actor: by, Action: "import", Target: j.ID, At: j.CreatedAt})
	}
	if err == nil {
		err = h.jobs().Put(ctx, j)
	}
	if err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	v := view(j)
	v.Upload = &Upload{URL: url, Method: "PUT", Headers: headers, ExpiresAt: conversation.At(j.CreatedAt.Add(uploadLife))}
	return v, nil
}

// launch starts a job whose file is there, and hands it to the queue.
func (h *Handler) launch(ctx context.Context, id, job, by string) (Job, error) {
	j, ok, err := h.jobs().Get(ctx, id, job)
	if err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	switch {
	case !ok:
		return Job{}, ErrNotFound
	case j.Status != jobs.Waiting:
		return Job{}, ErrStarted
	}
	if err := h.alone(ctx, id); err != nil {
		return Job{}, err
	}
	if j.Work.Bytes, j.Work.Tag, err = h.Files.Size(ctx, object(j)); errors.Is(err, staging.ErrGone) {
		return Job{}, ErrNoFile
	} else if err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	now := h.Store.Now()
	j.Work.StartedAt = conversation.At(now)
	if err = h.Audit(ctx, audit.Entry{Account: id, Actor: by, Action: "import.start", Target: j.ID, At: now}); err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	if j, ok, err = h.jobs().Start(ctx, j); err == nil && !ok {
		return Job{}, ErrStarted
	}
	if err == nil {
		if err = h.jobs().Send(ctx, j, 0); err != nil {
			err = errors.Join(err, h.jobs().Unstart(ctx, j))
		}
	}
	if err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	return view(j), nil
}

// alone refuses a second import at a time. Where two are started in the same instant, both may run, and harm nothing.
func (h *Handler) alone(ctx context.Context, id string) error {
	all, err := h.jobs().List(ctx, id)
	if err != nil {
		return edge.ErrUnavailable.Because(err)
	}
	for _, j := range all {
		if j.Status == jobs.Running {
			return ErrRunning
		}
	}
	return nil
}

func (h *Handler) status(ctx context.Context, id, job string) (Job, error) {
	j, ok, err := h.jobs().Get(ctx, id, job)
	if err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	if !ok {
		return Job{}, ErrNotFound
	}
	return view(j), nil
}

// Messages works on the jobs of a batch.
func (h *Handler) Messages(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	return h.jobs().Messages(ctx, batch)
}

// forget deletes the file of a job that is over. Where that fails, the bucket forgets it after a day or two.
func (h *Handler) forget(ctx context.Context, j job) {
	if err := h.Files.Delete(ctx, object(j)); err != nil {
		slog.WarnContext(ctx, "the file of an import was not deleted", slog.String("import", j.ID), slog.String("cause", edge.Cause(err)))
	}
}

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
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/jobs"
	"github.com/supportvault/supportvault/shared/vault"
)

// The faults of an import.
var (
	ErrRequest  = fault.New(fault.Invalid, "request_invalid", `The request must be {"account": …, "action": "begin"}, or with an "id" and the action "start" or "status".`)
	ErrAccount  = fault.New(fault.NotFound, "account_unknown", "There is no such account.")
	ErrNotFound = fault.New(fault.NotFound, "import_not_found", "There is no import of this id, or its day is over.")
	ErrRunning  = fault.New(fault.Conflict, "import_running", "An import of this account is running; wait for its end.")
	ErrStarted  = fault.New(fault.Conflict, "import_started", "This import was started already.")
	ErrNoFile   = fault.New(fault.Conflict, "import_file_missing", "The file of this import has not been uploaded.")
	ErrTooLarge = fault.New(fault.TooLarge, "import_too_large", "The file is larger than 1 GB; import it in parts.")
)

// MaxFile is how many bytes a file may have.
const MaxFile = 1 << 30

// Deps are what a handler needs.
type Deps struct {
	Store *vault.Store
	Files files
	Queue queue
	// Settling is the settle queue.
	Settling settling
	Audit    func(context.Context, audit.Entry) error
}

type files interface {
	// Upload is a request by which anybody may put a file, for a while.
	Upload(ctx context.Context, key string, life time.Duration) (url string, headers map[string]string, err error)
	// Size is how many bytes a file has, and the tag of its content; ok is false where there is none.
	Size(ctx context.Context, key string) (bytes int64, tag string, ok bool, err error)
	// Read reads up to n bytes of a file from an offset on, and the tag of its content; errGone where there is none.
	Read(ctx context.Context, key string, from int64, n int) (some []byte, tag string, err error)
	Delete(ctx context.Context, key string) error
}

type queue interface {
	// Send sends a message to the import queue, to be received after a delay of at most 15 minutes.
	Send(ctx context.Context, body string, delay time.Duration) error
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
	ID      string `json:"id,omitempty"`
}

// byRole is who an audit entry names where the function is invoked directly.
const byRole = "role:importer"

func (h *Handler) act(ctx context.Context, req Request) (Job, error) {
	if req.Action == "begin" && req.ID == "" {
		return h.begin(ctx, req.Account, byRole)
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

// uploadLife is how long an upload may be begun.
const uploadLife = time.Hour

// begin makes a job that waits for its file.
func (h *Handler) begin(ctx context.Context, id, by string) (Job, error) {
	if _, err := h.Store.Open(ctx, id, ""); errors.Is(err, vault.ErrNoAccount) {
		return Job{}, ErrAccount
	} else if err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	now := h.Store.Now()
	j := job{Account: id, ID: jobs.NewID(now), By: by, Status: Waiting, CreatedAt: now, work: work{Refusals: []Refusal{}}}
	url, headers, err := h.Files.Upload(ctx, j.object(), uploadLife)
	if err == nil {
		err = h.Audit(ctx, audit.Entry{Account: id, Actor: by, Action: "import", Target: j.ID, At: now})
	}
	if err == nil {
		err = h.put(ctx, j)
	}
	if err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	v := j.view()
	v.Upload = &Upload{URL: url, Method: "PUT", Headers: headers, ExpiresAt: at(now.Add(uploadLife))}
	return v, nil
}

// launch starts a job whose file is there, and hands it to the queue.
func (h *Handler) launch(ctx context.Context, id, job, by string) (Job, error) {
	j, ok, err := h.get(ctx, id, job)
	if err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	switch {
	case !ok:
		return Job{}, ErrNotFound
	case j.Status != Waiting:
		return Job{}, ErrStarted
	}
	if err := h.alone(ctx, id); err != nil {
		return Job{}, err
	}
	var there bool
	if j.work.Bytes, j.work.Tag, there, err = h.Files.Size(ctx, j.object()); err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	switch {
	case !there:
		return Job{}, ErrNoFile
	case j.work.Bytes > MaxFile:
		return Job{}, ErrTooLarge
	}
	if err = h.Audit(ctx, audit.Entry{Account: id, Actor: by, Action: "import.start", Target: j.ID, At: h.Store.Now()}); err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	if j, ok, err = h.start(ctx, j); err == nil && !ok {
		return Job{}, ErrStarted
	}
	if err == nil {
		if err = h.send(ctx, j, 0); err != nil {
			err = errors.Join(err, h.unstart(ctx, j))
		}
	}
	if err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	return j.view(), nil
}

// alone refuses a second import at a time. Where two are started in the same instant, both may run, and harm nothing.
func (h *Handler) alone(ctx context.Context, id string) error {
	jobs, err := h.list(ctx, id)
	if err != nil {
		return edge.ErrUnavailable.Because(err)
	}
	for _, j := range jobs {
		if j.Status == Running {
			return ErrRunning
		}
	}
	return nil
}

func (h *Handler) status(ctx context.Context, id, job string) (Job, error) {
	j, ok, err := h.get(ctx, id, job)
	if err != nil {
		return Job{}, edge.ErrUnavailable.Because(err)
	}
	if !ok {
		return Job{}, ErrNotFound
	}
	return j.view(), nil
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

// errGivenUp says that a job has failed for good, through no fault of its file.
var errGivenUp = errors.New("an import has failed")

// message works on a job. What it does not finish it sends the next message for.
func (h *Handler) message(ctx context.Context, body string) error {
	var m message
	if err := json.Unmarshal([]byte(body), &m); err != nil || !account.ValidID(m.Account) || !jobs.ValidID(m.ID) {
		return errors.New("not a message of the import queue")
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
		return errors.Join(errGivenUp, h.giveUp(ctx, j, triesExhausted))
	}
	j.Status, j.Reason = Running, "" // it may have been stalled
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
	case errors.Is(err, errGone):
		return h.giveUp(ctx, j, fileGone)
	case errors.Is(err, errChanged):
		return h.giveUp(ctx, j, fileChanged)
	case j.Tries >= maxTries:
		slog.ErrorContext(ctx, "import failed", slog.String("import", j.ID), slog.String("cause", edge.Cause(err)))
		return errors.Join(errGivenUp, h.giveUp(ctx, j, triesExhausted))
	}
	slog.ErrorContext(ctx, "import interrupted", slog.String("import", j.ID), slog.Int("tries", j.Tries), slog.String("cause", edge.Cause(err)))
	h.release(ctx, j)
	return h.send(context.WithoutCancel(ctx), j, min(pause<<j.Tries, 15*time.Minute))
}

// pause is half of how long the first failure waits for the next try; SQS takes 15 minutes at most.
const pause = 15 * time.Second

// release lets others work on a job of which this invocation has had enough. Where that fails too, its claim runs out.
func (h *Handler) release(ctx context.Context, j job) {
	j.BusyUntil = h.Store.Now()
	if err := h.update(context.WithoutCancel(ctx), j); err != nil {
		slog.WarnContext(ctx, "not released", slog.String("import", j.ID), slog.String("cause", edge.Cause(err)))
	}
}

func (h *Handler) giveUp(ctx context.Context, j job, reason string) error {
	ctx = context.WithoutCancel(ctx)
	j.Status, j.Reason, j.BusyUntil = Failed, reason, h.Store.Now()
	if err := h.update(ctx, j); err != nil {
		return err
	}
	slog.WarnContext(ctx, "import given up", slog.String("import", j.ID), slog.String("reason", reason))
	h.forget(ctx, j)
	return nil
}

// forget deletes the file of a job that is over. Where that fails, the bucket forgets it within a day.
func (h *Handler) forget(ctx context.Context, j job) {
	if err := h.Files.Delete(ctx, j.object()); err != nil {
		slog.WarnContext(ctx, "the file of an import was not deleted", slog.String("import", j.ID), slog.String("cause", edge.Cause(err)))
	}
}

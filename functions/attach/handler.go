package attach

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/vault"
)

// Deps are what a handler needs.
type Deps struct {
	Store   *vault.Store
	Fetch   fetcher
	Uploads uploads
	Queue   queue
}

type fetcher interface {
	// Get asks for an address of one of the hosts, as package guard does.
	Get(ctx context.Context, address string, hosts []string) (*http.Response, error)
}

// ErrNoUpload is returned for an upload that is not there.
var ErrNoUpload = errors.New("attach: no such upload")

type uploads interface {
	// Open opens an upload and says of which type it is, or answers ErrNoUpload.
	Open(ctx context.Context, key string) (io.ReadCloser, string, error)
	// Delete forgets an upload; one that is gone is no error.
	Delete(ctx context.Context, key string) error
	// Link is a URL by which so many bytes of a type can be put for a while, and the headers that the request must have.
	Link(ctx context.Context, key, contentType string, size int64, life time.Duration) (url string, headers map[string]string, err error)
}

type queue interface {
	// Attach sends up to ten references to the attach queue.
	Attach(context.Context, []vault.FileReference) error
}

// Handler gets files.
type Handler struct{ Deps }

// New makes a handler.
func New(deps Deps) *Handler { return &Handler{deps} }

// Handle tells the triggers apart.
func (h *Handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	return edge.Triggers{HTTP: h.HTTP, Batch: h.Batch, Otherwise: edge.Action("sweep", h.Sweep)}.Handle(ctx, raw)
}

// Batch gets the files of a batch.
func (h *Handler) Batch(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	return edge.Queue(ctx, batch, func(ctx context.Context, m events.SQSMessage) error {
		ref, err := vault.ParseFileReference(m.Body)
		if err != nil {
			return err
		}
		return h.Get(ctx, ref)
	}), nil
}

// Sweep sends to the queue what is due, of every account. Where there is nothing, an account costs a read unit.
func (h *Handler) Sweep(ctx context.Context) (vault.Swept, error) { return h.Store.Sweep(ctx, h.sweep) }

func (h *Handler) sweep(ctx context.Context, account string) (n int, err error) {
	var due []vault.DueFile
	seen := 0
	err = h.Store.DueFiles(ctx, account, func(d vault.DueFile) (bool, error) {
		if seen++; !d.Sent {
			due = append(due, d)
		}
		return seen < MostDue, nil
	})
	for some := range slices.Chunk(due, 10) {
		refs := make([]vault.FileReference, len(some))
		for i, d := range some {
			refs[i] = d.FileReference
		}
		if sent := h.Queue.Attach(ctx, refs); sent != nil {
			return n, errors.Join(err, sent)
		}
		n += len(some)
		for _, d := range some {
			if noted := h.Store.SentFile(ctx, d); noted != nil {
				return n, errors.Join(err, noted)
			}
		}
	}
	return n, err
}

// MostDue is how many files of an account sweeps have in the queue: the others have their turn as those are got.
const MostDue = 1000

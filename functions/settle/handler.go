package settle

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// Deps are what a handler needs.
type Deps struct {
	Store *vault.Store
	Queue queue
	Bus   bus
	// Purge is the queue of what is to be kept no longer than until it completes.
	Purge queue
}

type queue interface {
	// Send sends up to ten references.
	Send(context.Context, []vault.Reference) error
}

type bus interface {
	// Publish says that a revision was settled. Publishing the same again does no harm: the event has the same id.
	Publish(context.Context, Event) error
}

// Event is what the bus carries: a reference, never content.
type Event struct {
	ID string `json:"id"`
	vault.Reference
	Revision int `json:"revision"`
}

// Handler settles conversations.
type Handler struct{ Deps }

// New makes a handler.
func New(deps Deps) *Handler { return &Handler{deps} }

// Batch settles what the queue holds.
func (h *Handler) Batch(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	return edge.Queue(ctx, batch, func(ctx context.Context, m events.SQSMessage) error {
		ref, err := vault.ParseReference(m.Body)
		if err != nil {
			return err
		}
		return h.Settle(ctx, ref)
	}), nil
}

// Sweep sends to the queue what may have gone idle, of every account. Where there is nothing, an account costs two
// read units.
func (h *Handler) Sweep(ctx context.Context) (vault.Swept, error) { return h.Store.Sweep(ctx, h.sweep) }

// sweepBatch is how many references are sent at once.
const sweepBatch = 10

func (h *Handler) sweep(ctx context.Context, account string) (n int, err error) {
	ses, err := h.Store.OpenPolicy(ctx, account)
	if err != nil {
		return 0, err
	}
	var batch []vault.Reference
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := h.Queue.Send(ctx, batch)
		n, batch = n+len(batch), nil
		return err
	}
	for _, kind := range retention.Conversations() {
		idle := vault.Range{Listing: vault.OpenListing(account, kind), Below: vault.Before(h.Store.Now().Add(-idleAfter(ses, kind)))}
		err = errors.Join(err, h.Store.Listed(ctx, idle, func(p vault.Listed) (bool, error) {
			if p.Act != "" {
				return true, nil // purge is about to state it
			}
			batch = append(batch, vault.Reference{Account: account, Kind: kind, Record: p.Record, Incarnation: p.Incarnation})
			if len(batch) == sweepBatch {
				return true, flush()
			}
			return true, nil
		}))
	}
	return n, errors.Join(err, flush())
}

// idleAfter is when a conversation counts as over; where an account keeps it for less than that, when its time is over.
func idleAfter(ses *vault.Session, kind retention.Kind) time.Duration {
	return min(retention.Idle(kind), ses.Policy.Shortest(kind))
}

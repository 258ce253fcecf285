package ingest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/intake"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/vault"
)

// MaxBody is the largest body in bytes that is taken.
const MaxBody = 1 << 20

// tablesTimeout is how long a delivery waits for the tables. Chatwoot waits five seconds for an answer and sends nothing
// twice; what takes longer than that holds a process for a sender that has gone.
const tablesTimeout = 4 * time.Second

// ErrSource is the fault of a source that this vault does not know.
var ErrSource = fault.New(fault.NotFound, "source_unknown", "There is no source of this name; the README lists them.")

// Deps are what a handler needs.
type Deps struct {
	Store *vault.Store
	Queue Queue
}

// Handler takes webhooks in.
type Handler struct {
	config Config
	Deps
}

// New makes a handler.
func New(config Config, deps Deps) *Handler { return &Handler{config, deps} }

// intake stores what comes by either trigger.
func (h *Handler) intake() *intake.Intake { return &intake.Intake{Store: h.Store, Queue: h.Queue} }

// Answer is what a sender gets for a delivery that is durable.
type Answer struct {
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
}

// Webhook handles one delivery.
func (h *Handler) Webhook(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return edge.HTTP(ctx, req, h.webhook), nil
}

func (h *Handler) webhook(ctx context.Context, req events.APIGatewayV2HTTPRequest) (int, any, error) {
	body, err := edge.Body(req, MaxBody)
	if err != nil {
		return 0, nil, err
	}
	from := req.PathParameters["source"]
	adapter, ok := source.Lookup(from)
	if !ok {
		return 0, nil, ErrSource
	}
	query, err := url.ParseQuery(req.RawQueryString)
	if err != nil {
		query = nil // no key is in it
	}
	delivery := source.Delivery{Header: edge.Header(req), Query: query, Body: body, Received: h.Store.Now()}
	// What the tables do not answer in time goes to the queue, for which there must be time left.
	tables, cancel := context.WithTimeout(ctx, tablesTimeout)
	defer cancel()
	ses, err := h.Store.Open(tables, req.PathParameters["account"], from)
	if errors.Is(err, vault.ErrNoAccount) {
		// The same work and the same answer as for a wrong signature: neither tells whether the account exists.
		return 0, nil, errors.Join(adapter.Verify(delivery, nil), source.ErrSignature)
	}
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	delivery.Settings = ses.Settings
	secrets := make([]string, len(ses.Secrets))
	for i, s := range ses.Secrets {
		secrets[i] = s.Value
	}
	if err := adapter.Verify(delivery, secrets); err != nil {
		return 0, nil, err
	}
	adapted, err := adapter.Adapt(delivery)
	if err != nil {
		return 0, nil, err
	}
	kept, cards := make([]conversation.Event, len(adapted.Events)), 0
	for i, e := range adapted.Events {
		e.Source = from
		var n int
		kept[i], n = ses.Policy.Start.Event(e)
		cards += n
	}
	answer, err := h.durable(ctx, tables, ses, kept)
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	slog.InfoContext(ctx, "delivery", slog.String("source", from), slog.String("type", adapted.Name), slog.Int("accepted", answer.Accepted),
		slog.Int("duplicates", answer.Duplicates), slog.Int("cardsMasked", cards))
	return http.StatusAccepted, answer, nil
}

// durable stores events, or what is left of them sealed in the queue.
func (h *Handler) durable(ctx, tables context.Context, ses *vault.Session, kept []conversation.Event) (Answer, error) {
	var answer Answer
	var visits []conversation.Event
	visits, kept = intake.Apart(ses, kept)
	if err := ses.PutVisits(tables, visits); err != nil {
		slog.WarnContext(ctx, "tables refused visits, queueing", slog.String("cause", edge.Cause(err)))
		if queueErr := h.enqueue(ctx, ses, visits); queueErr != nil {
			return answer, errors.Join(err, queueErr)
		}
	}
	answer.Accepted += len(visits)
	for i, e := range kept {
		duplicate, err := h.intake().Event(tables, ses, e)
		if err != nil {
			slog.WarnContext(ctx, "tables refused, queueing", slog.String("cause", edge.Cause(err)))
			if queueErr := h.enqueue(ctx, ses, kept[i:]); queueErr != nil {
				return answer, errors.Join(err, queueErr)
			}
			answer.Accepted += len(kept) - i
			return answer, nil
		}
		if duplicate {
			answer.Duplicates++
		} else {
			answer.Accepted++
		}
	}
	return answer, nil
}

// QueueBatch stores what waited in the queue.
func (h *Handler) QueueBatch(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	return edge.Queue(ctx, batch, h.dequeue), nil
}

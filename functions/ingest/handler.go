package ingest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/account"
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
	Store  *vault.Store
	Queue  Queue
	Health counter
}

// counter counts what was taken and refused, for the account to see.
type counter interface {
	Accepted(ctx context.Context, account, source, name string, duplicate bool) error
	Refused(ctx context.Context, account, source, code string) error
}

// Handler takes webhooks in.
type Handler struct {
	config Config
	Deps
	limiter *limiter
}

// New makes a handler.
func New(config Config, deps Deps) *Handler {
	return &Handler{config: config, Deps: deps, limiter: newLimiter()}
}

// intake stores what comes by either trigger.
func (h *Handler) intake() *intake.Intake {
	return &intake.Intake{Store: h.Store, Queue: h.Queue, Files: h.Queue}
}

// Answer is what a sender gets for a delivery that is durable.
type Answer struct {
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
}

// Webhook handles one delivery, or the question of a sender whether there is anything at an address.
func (h *Handler) Webhook(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	if !strings.HasPrefix(req.RouteKey, http.MethodPost+" ") {
		return edge.HTTP(ctx, req, address), nil
	}
	return edge.HTTP(ctx, req, h.webhook), nil
}

// address answers the same for every account that there can be, and looks at none.
func address(_ context.Context, req events.APIGatewayV2HTTPRequest) (int, any, error) {
	if _, ok := source.Lookup(req.PathParameters["source"]); !ok || !account.ValidID(req.PathParameters["account"]) {
		return 0, nil, ErrSource
	}
	return http.StatusOK, struct{}{}, nil
}

func (h *Handler) webhook(ctx context.Context, req events.APIGatewayV2HTTPRequest) (int, any, error) {
	body, unread := edge.Body(req, MaxBody)
	from := req.PathParameters["source"]
	adapter, ok := source.Lookup(from)
	if !ok {
		return 0, nil, ErrSource
	}
	if adapter.Limited && !h.limiter.addresses.allow(req.RequestContext.HTTP.SourceIP, h.Store.Now()) {
		return 0, nil, ErrLimited
	}
	query, err := url.ParseQuery(req.RawQueryString)
	if err != nil {
		query = nil // no key is in it
	}
	delivery := source.Delivery{Header: edge.Header(req), Query: query, Body: body, Received: h.Store.Now()}
	opening, opened := context.WithTimeout(ctx, tablesTimeout)
	begun := time.Now()
	ses, err := h.Store.Open(opening, req.PathParameters["account"], from)
	left := tablesTimeout - time.Since(begun) // without what it takes to read the body
	opened()
	if errors.Is(err, vault.ErrNoAccount) {
		if unread != nil {
			return 0, nil, unread
		}
		// The same work and the same answer as for a wrong signature: neither tells whether the account exists.
		return 0, nil, errors.Join(adapter.Verify(delivery, nil), source.ErrSignature)
	}
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	if unread != nil {
		h.counted(ctx, h.Health.Refused(ctx, ses.Account, from, fault.Of(unread).Code))
		return 0, nil, unread
	}
	delivery.Settings, delivery.Address = ses.Settings, ses.Index.Visitor(req.RequestContext.HTTP.SourceIP)
	adapted, err := h.understood(adapter, delivery, ses)
	if err != nil {
		h.counted(ctx, h.Health.Refused(ctx, ses.Account, from, fault.Of(err).Code))
		return 0, nil, err
	}
	kept, cards := make([]conversation.Event, len(adapted.Events)), 0
	for i, e := range adapted.Events {
		e.Source = from
		var n int
		kept[i], n = ses.Policy.Start.Event(e)
		cards += n
	}
	// What the tables do not answer in time goes to the queue, for which there must be time left.
	tables, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	answer, err := h.durable(ctx, tables, ses, intake.Bounded(kept))
	if err != nil {
		err = edge.ErrUnavailable.Because(err)
		h.counted(ctx, h.Health.Refused(ctx, ses.Account, from, fault.Of(err).Code))
		return 0, nil, err
	}
	h.counted(ctx, h.Health.Accepted(ctx, ses.Account, from, adapted.Name, answer.Accepted == 0 && answer.Duplicates > 0))
	slog.InfoContext(ctx, "delivery", slog.String("source", source.Sender(from)), slog.String("type", adapted.Name), slog.Int("accepted", answer.Accepted),
		slog.Int("duplicates", answer.Duplicates), slog.Int("cardsMasked", cards))
	return http.StatusAccepted, answer, nil
}

// understood is what a delivery says that its sender has signed.
func (h *Handler) understood(adapter source.Adapter, d source.Delivery, ses *vault.Session) (source.Adapted, error) {
	values := make([]string, len(ses.Secrets))
	for i, s := range ses.Secrets {
		values[i] = s.Value
	}
	if err := adapter.Verify(d, values); err != nil {
		return source.Adapted{}, err
	}
	// What no page of the account may send takes nothing away from those that may.
	if adapter.Limited && !h.limiter.accounts.allow(ses.Account, h.Store.Now()) {
		return source.Adapted{}, ErrLimited
	}
	return adapter.Adapt(d)
}

// counted logs that a count could not be written down: no delivery fails for that.
func (h *Handler) counted(ctx context.Context, err error) {
	if err != nil {
		slog.WarnContext(ctx, "not counted yet", slog.String("cause", edge.Cause(err)))
	}
}

// durable stores events, or what is left of them sealed in the queue.
func (h *Handler) durable(ctx, tables context.Context, ses *vault.Session, kept []conversation.Event) (Answer, error) {
	var answer Answer
	var visits []conversation.Event
	visits, kept = intake.Apart(ses, kept)
	_, known, err := ses.PutVisits(tables, visits)
	if err != nil {
		slog.WarnContext(ctx, "tables refused visits, queueing", slog.String("cause", edge.Cause(err)))
		if queueErr := h.enqueue(ctx, ses, visits); queueErr != nil {
			return answer, errors.Join(err, queueErr)
		}
	}
	answer.Accepted, answer.Duplicates = len(visits)-known, known
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

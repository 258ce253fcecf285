package admin

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/ledger"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/vault"
)

// The faults of the HTTP API.
var (
	ErrParameter = fault.New(fault.Invalid, "parameter_invalid",
		"A parameter is not as it must be: limit is 1 to 100, cursor is the next of an answer, conversation is the id of one.")
	ErrRoute = fault.New(fault.NotFound, "route_unknown", "There is no such route.")
)

// maxBody bounds the body of a request in bytes.
const maxBody = 1 << 20

// HTTP answers one request of an account's administrator.
func (h *Handler) HTTP(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return edge.HTTP(ctx, req, h.route), nil
}

// desk is an account opened for one request.
type desk struct {
	*Handler
	req    events.APIGatewayV2HTTPRequest
	ses    *vault.Session
	book   *mailbox.Book
	ledger *ledger.Ledger
	actor  string
}

var routes = map[string]func(*desk, context.Context) (int, any, error){
	"GET /v1/accounts/{account}/mail":                 (*desk).destinations,
	"PUT /v1/accounts/{account}/mail/{name}":          (*desk).putDestination,
	"DELETE /v1/accounts/{account}/mail/{name}":       (*desk).deleteDestination,
	"GET /v1/accounts/{account}/mail-log":             (*desk).mailLog,
	"GET /v1/accounts/{account}/suppressions":         (*desk).suppressions,
	"DELETE /v1/accounts/{account}/suppressions/{id}": (*desk).deleteSuppression,
	"GET /v1/accounts/{account}/copies":               (*desk).copies,

	"GET /v1/accounts/{account}/sources":                   (*desk).sources,
	"GET /v1/accounts/{account}/sources/{source}":          (*desk).source,
	"PUT /v1/accounts/{account}/sources/{source}":          (*desk).putSource,
	"DELETE /v1/accounts/{account}/sources/{source}":       (*desk).deleteSource,
	"POST /v1/accounts/{account}/sources/{source}/secrets": (*desk).rotateSource,
	"POST /v1/accounts/{account}/sources/{source}/try":     (*desk).trySource,

	"GET /v1/accounts/{account}/administrators": (*desk).administrators,
	"PUT /v1/accounts/{account}/administrators": (*desk).putAdministrators,

	"GET /v1/accounts/{account}/policy":             (*desk).policy,
	"GET /v1/accounts/{account}/policy/versions":    (*desk).versions,
	"POST /v1/accounts/{account}/policy/previews":   (*desk).previewPolicy,
	"POST /v1/accounts/{account}/policy/apply":      (*desk).applyPolicy,
	"POST /v1/accounts/{account}/policy/undo":       (*desk).undoPolicy,
	"GET /v1/accounts/{account}/retention/calendar": (*desk).calendar,
	"GET /v1/accounts/{account}/retention/drift":    (*desk).drift,

	"GET /v1/accounts/{account}/holds":                   (*desk).holds,
	"POST /v1/accounts/{account}/holds":                  (*desk).setHold,
	"POST /v1/accounts/{account}/holds/{hold}/release":   (*desk).releaseHold,
	"GET /v1/accounts/{account}/destructions":            (*desk).destructions,
	"POST /v1/accounts/{account}/destructions":           (*desk).destroy,
	"POST /v1/accounts/{account}/destructions/{id}/undo": (*desk).restore,
	"GET /v1/accounts/{account}/closure":                 (*desk).closure,
	"POST /v1/accounts/{account}/closure":                (*desk).close,
	"POST /v1/accounts/{account}/closure/undo":           (*desk).reopen,

	"GET /v1/accounts/{account}/receipts":          (*desk).receipts,
	"GET /v1/accounts/{account}/receipts/{number}": (*desk).receipt,
	"GET /v1/accounts/{account}/receipts/head":     (*desk).receiptsHead,
}

func (h *Handler) route(ctx context.Context, req events.APIGatewayV2HTTPRequest) (int, any, error) {
	answer, ok := routes[req.RouteKey]
	if !ok {
		return 0, nil, ErrRoute
	}
	asked, actor, err := edge.Actor(req)
	if err != nil {
		return 0, nil, err
	}
	ses, err := h.Store.Open(ctx, asked, "")
	if errors.Is(err, vault.ErrNoAccount) {
		return 0, nil, edge.ErrForbidden
	}
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	status, body, err := answer(&desk{
		Handler: h, req: req, ses: ses, book: mailbox.Open(h.Store, ses), actor: actor,
		ledger: &ledger.Ledger{DB: h.Store.DB, Table: h.Store.Tables.Control, Now: h.Store.Now},
	}, ctx)
	if _, told := errors.AsType[*fault.Fault](err); err != nil && !told {
		err = edge.ErrUnavailable.Because(err)
	}
	return status, body, err
}

// audit writes down what is about to be changed or shown; without it, neither happens. The target names no person.
func (d *desk) audit(ctx context.Context, action, target string, records int) error {
	return audit.Write(ctx, d.Store.DB, d.Store.Tables.Control, audit.Entry{
		Account: d.ses.Account, Actor: d.actor, Action: action, Target: target, Records: records, At: d.ses.Now(),
	})
}

// parameters reads the query: those that are named, each at most once; an empty one is as if it were not there.
func (d *desk) parameters(names ...string) (map[string]string, error) {
	values, err := url.ParseQuery(d.req.RawQueryString)
	if err != nil {
		return nil, ErrParameter
	}
	said := map[string]string{}
	for name, all := range values {
		if len(all) > 1 || !slices.Contains(names, name) {
			return nil, ErrParameter
		}
		said[name] = all[0]
	}
	return said, nil
}

// Limits of a page.
const (
	defaultLimit = 50
	maxLimit     = 100
)

func limitOf(said string) (int, error) {
	if said == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(said)
	if err != nil || n < 1 || n > maxLimit {
		return 0, ErrParameter
	}
	return n, nil
}

// next is a cursor, or null.
func next(cursor string) *string {
	if cursor == "" {
		return nil
	}
	return &cursor
}

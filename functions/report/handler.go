package report

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// ErrParameter is the fault of a query.
var ErrParameter = fault.New(fault.Invalid, "parameter_invalid", "A parameter is not as it must be: from and to are RFC 3339 times, state is open or settled, limit is 1 to 100, cursor is the next of an answer.")

// ErrNotFound is the fault of a conversation that cannot be read, for whatever reason.
func ErrNotFound(kind retention.Kind) *fault.Fault {
	return fault.New(fault.NotFound, string(kind)+"_not_found", fmt.Sprintf("There is no %s of this id, or its time is over.", kind))
}

// ErrTooLarge is the fault of a conversation that is larger than an answer can be.
func ErrTooLarge(kind retention.Kind) *fault.Fault {
	return fault.New(fault.TooLarge, string(kind)+"_too_large", fmt.Sprintf("The %s is larger than an answer can be (4 MB); an extract has it.", kind))
}

// MaxAnswer is the largest answer in bytes: Lambda allows 6 MB with everything that it wraps around it.
const MaxAnswer = 4 << 20

// Limits of a page.
const (
	defaultLimit = 50
	maxLimit     = 100
)

// Deps are what a handler needs.
type Deps struct {
	Store *vault.Store
	Audit func(context.Context, audit.Entry) error
}

// Handler answers readers.
type Handler struct{ Deps }

// New makes a handler.
func New(deps Deps) *Handler { return &Handler{deps} }

// Build makes the handler of the deployed function; it is the only place that names clients of AWS.
func Build() (*Handler, error) {
	env, err := awsenv.Required("RECORDS_TABLE", "KEYS_TABLE", "CONTROL_TABLE", "OBJECTS_BUCKET")
	if err != nil {
		return nil, err
	}
	tables := vault.TablesOf(env)
	store := vault.Connect(awsenv.Config(), tables, env["OBJECTS_BUCKET"])
	return New(Deps{Store: store, Audit: audit.Writer(store.DB, tables.Control)}), nil
}

// Handle reads the request.
func (h *Handler) Handle(ctx context.Context, raw stdjson.RawMessage) (any, error) {
	var req events.APIGatewayV2HTTPRequest
	if err := stdjson.Unmarshal(raw, &req); err != nil {
		return nil, errors.New("not a request of the HTTP API")
	}
	return h.HTTP(ctx, req)
}

// HTTP answers one request.
func (h *Handler) HTTP(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	switch req.RouteKey {
	case linkedRoute:
		return h.linked(ctx, req), nil
	case attachmentRoute:
		return h.attachment(ctx, req), nil
	}
	return edge.HTTP(ctx, req, h.route), nil
}

func (h *Handler) route(ctx context.Context, req events.APIGatewayV2HTTPRequest) (int, any, error) {
	asked, actor, err := edge.Actor(req)
	if err != nil {
		return 0, nil, err
	}
	kind := kindOf(req.RouteKey)
	ses, err := h.Store.Open(ctx, asked, "")
	if errors.Is(err, vault.ErrNoAccount) {
		return 0, nil, ErrNotFound(kind)
	}
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	entry := audit.Entry{Account: asked, Actor: actor, At: h.Store.Now()}
	if id, ok := req.PathParameters["id"]; ok {
		return h.one(ctx, ses, entry, kind, id)
	}
	if kind == retention.Visit {
		return h.visits(ctx, ses, entry, req.RawQueryString)
	}
	return h.list(ctx, ses, entry, kind, req.RawQueryString)
}

// kindOf is what a route reads: its path has the kind's plural behind the account.
func kindOf(route string) retention.Kind {
	_, path, _ := strings.Cut(route, "{account}/")
	kinds, _, _ := strings.Cut(path, "/")
	return retention.Kind(strings.TrimSuffix(kinds, "s"))
}

func (h *Handler) one(ctx context.Context, ses *vault.Session, entry audit.Entry, kind retention.Kind, id string) (int, any, error) {
	record, incarnation, err := vault.ParseID(id)
	if err != nil {
		return 0, nil, ErrNotFound(kind)
	}
	row, ok, err := ses.Row(ctx, record, incarnation)
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	if !ok || row.Kind != kind {
		return 0, nil, ErrNotFound(kind)
	}
	c, err := ses.Load(ctx, row, nil)
	if errors.Is(err, vault.ErrUnreadable) {
		return 0, nil, ErrNotFound(kind)
	}
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	view, err := ses.View(ctx, c)
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	answer, err := json.Marshal(view)
	if err != nil {
		return 0, nil, err
	}
	if len(answer) > MaxAnswer {
		return 0, nil, ErrTooLarge(kind)
	}
	entry.Action, entry.Target, entry.Records = string(kind)+".read", id, 1
	if err := h.Audit(ctx, entry); err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	return http.StatusOK, jsontext.Value(answer), nil
}

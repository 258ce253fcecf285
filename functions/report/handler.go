package report

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/vault"
)

// The faults of reading.
var (
	ErrForbidden = fault.New(fault.Unauthorized, "token_missing", "A bearer token of this account is needed.")
	ErrNotFound  = fault.New(fault.NotFound, "chat_not_found", "There is no chat of this id, or its time is over.")
	ErrParameter = fault.New(fault.Invalid, "parameter_invalid", "A parameter is not as it must be: from and to are RFC 3339 times, state is open or settled, limit is 1 to 100, cursor is the next of an answer.")
	ErrTooLarge  = fault.New(fault.TooLarge, "chat_too_large", "The chat is larger than an answer can be (4 MB); an extract has it.")
)

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
	tables := vault.Tables{Records: env["RECORDS_TABLE"], Keys: env["KEYS_TABLE"], Control: env["CONTROL_TABLE"]}
	store := vault.Connect(awsenv.Config(), tables, env["OBJECTS_BUCKET"])
	return New(Deps{Store: store, Audit: func(ctx context.Context, e audit.Entry) error {
		return audit.Write(ctx, store.DB, tables.Control, e)
	}}), nil
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
	return edge.HTTP(ctx, req, h.route), nil
}

func (h *Handler) route(ctx context.Context, req events.APIGatewayV2HTTPRequest) (int, any, error) {
	asked, actor := req.PathParameters["account"], ""
	// API Gateway has asked authorize; a mistake in a route must not open the vault all the same.
	if a := req.RequestContext.Authorizer; a != nil && a.Lambda["account"] == asked {
		actor, _ = a.Lambda["token"].(string)
	}
	if actor == "" {
		return 0, nil, ErrForbidden
	}
	ses, err := h.Store.Open(ctx, asked, "")
	if errors.Is(err, vault.ErrNoAccount) {
		return 0, nil, ErrNotFound
	}
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	entry := audit.Entry{Account: asked, Actor: "token:" + actor, At: h.Store.Now()}
	if id, ok := req.PathParameters["id"]; ok {
		return h.one(ctx, ses, entry, id)
	}
	return h.list(ctx, ses, entry, req.RawQueryString)
}

func (h *Handler) one(ctx context.Context, ses *vault.Session, entry audit.Entry, id string) (int, any, error) {
	record, incarnation, err := vault.ParseID(id)
	if err != nil {
		return 0, nil, ErrNotFound
	}
	row, ok, err := ses.Row(ctx, record, incarnation)
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	if !ok {
		return 0, nil, ErrNotFound
	}
	c, err := ses.Load(ctx, row, nil)
	if errors.Is(err, vault.ErrUnreadable) {
		return 0, nil, ErrNotFound
	}
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	answer, err := json.Marshal(c.View())
	if err != nil {
		return 0, nil, err
	}
	if len(answer) > MaxAnswer {
		return 0, nil, ErrTooLarge
	}
	entry.Action, entry.Target, entry.Records = "chat.read", id, 1
	if err := h.Audit(ctx, entry); err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	return http.StatusOK, jsontext.Value(answer), nil
}

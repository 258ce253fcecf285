package authorize

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
)

// Deps are what a handler needs.
type Deps struct {
	Control control
	Now     func() time.Time
}

type control interface {
	// Get reads a row of the control table consistently; nil is none.
	Get(ctx context.Context, pk, sk string) (attr.Item, error)
}

// Handler answers API Gateway.
type Handler struct{ Deps }

// New makes a handler.
func New(deps Deps) *Handler { return &Handler{deps} }

// Answer is a simple response with what the functions behind may know.
type Answer struct {
	IsAuthorized bool           `json:"isAuthorized"`
	Context      map[string]any `json:"context,omitempty"`
}

// linkedRoute is the one route that a link opens, and no token.
const linkedRoute = "GET /v1/accounts/{account}/transcripts/{id}"

// Authorize answers one request.
func (h *Handler) Authorize(ctx context.Context, req events.APIGatewayV2CustomAuthorizerV2Request) (Answer, error) {
	known, reason, err := map[string]any(nil), "", error(nil)
	if req.RouteKey == linkedRoute {
		known, reason, err = h.link(ctx, req)
	} else {
		var id string
		id, reason, err = h.token(ctx, req)
		known = map[string]any{"account": req.PathParameters["account"], "token": id}
	}
	if err != nil {
		return Answer{}, err // API Gateway answers 500 and the caller gets nothing
	}
	if reason != "" {
		slog.InfoContext(ctx, "refused", slog.String("reason", reason))
		return Answer{}, nil
	}
	return Answer{IsAuthorized: true, Context: known}, nil
}

// link says what a link opens, and to whom: one conversation, to whoever has it.
func (h *Handler) link(ctx context.Context, req events.APIGatewayV2CustomAuthorizerV2Request,
) (known map[string]any, reason string, err error) {
	asked := req.PathParameters["account"]
	if !account.ValidID(asked) {
		return nil, "no account", nil
	}
	link, err := account.ParseLink(req.QueryStringParameters["link"])
	if err != nil {
		return nil, "no link", nil
	}
	row, err := h.Control.Get(ctx, link.Partition(asked), link.ID)
	if err != nil {
		return nil, "", err
	}
	opening, ok := link.Opens(row, h.Now())
	switch {
	case !ok:
		return nil, "unknown link, or it is over", nil
	case opening.Conversation != req.PathParameters["id"]:
		return nil, "link of another conversation", nil
	}
	return map[string]any{
		"account": asked, "link": link.ID, "conversation": opening.Conversation, "reader": string(opening.Reader),
	}, "", nil
}

func (h *Handler) token(ctx context.Context, req events.APIGatewayV2CustomAuthorizerV2Request) (id, reason string, err error) {
	asked := req.PathParameters["account"]
	if !account.ValidID(asked) {
		return "", "no account", nil
	}
	token, err := account.ParseBearer(authorization(req.Headers))
	if err != nil {
		return "", "no token", nil
	}
	row, err := h.Control.Get(ctx, account.Partition(asked), account.TokenKey(token.ID))
	switch {
	case err != nil:
		return "", "", err
	case !token.Matches(attr.GetB(row, "hash")):
		return "", "unknown token", nil
	}
	if until := attr.GetTime(row, "until"); !until.IsZero() && !h.Now().Before(until) {
		return "", "token is over", nil
	}
	return token.ID, "", nil
}

func authorization(headers map[string]string) string {
	for name, value := range headers {
		if strings.EqualFold(name, "Authorization") {
			return value
		}
	}
	return ""
}

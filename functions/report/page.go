package report

import (
	"context"
	"errors"
	"maps"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/vault"
)

// linkedRoute is the route that shows one conversation, as a page, to whoever was sent a link to it.
const linkedRoute = "GET /v1/accounts/{account}/transcripts/{id}"

// The faults of links. Why a conversation cannot be shown, nobody is told.
var (
	ErrLink         = fault.New(fault.Unauthorized, "link_missing", "A link to this conversation is needed.")
	ErrNoTranscript = fault.New(fault.NotFound, "transcript_not_found", "There is no such conversation, or its time is over.")
	ErrLongPage     = fault.New(fault.TooLarge, "transcript_too_large", "The conversation is larger than a page can be (4 MB).")
)

// The page loads nothing, runs nothing, is kept nowhere, stands in no frame, is found by no search engine, and tells nobody
// whose link was followed from it. The link itself is in its address, which therefore must not go on either.
var pageHeaders = map[string]string{
	"content-type":            "text/html; charset=utf-8",
	"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"cache-control":           "no-store",
	"referrer-policy":         "no-referrer",
	"x-content-type-options":  "nosniff",
	"x-frame-options":         "DENY",
	"x-robots-tag":            "noindex, nofollow, noarchive",
}

// linked answers a request of the linked route: an error as everywhere, else the page.
func (h *Handler) linked(ctx context.Context, req events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPResponse {
	var html []byte
	res := edge.HTTP(ctx, req, func(ctx context.Context, req events.APIGatewayV2HTTPRequest) (status int, _ any, err error) {
		html, err = h.transcript(ctx, req)
		return http.StatusOK, nil, err
	})
	if res.StatusCode == http.StatusOK {
		res.Body, res.Headers = string(html), maps.Clone(pageHeaders)
	}
	return res
}

func (h *Handler) transcript(ctx context.Context, req events.APIGatewayV2HTTPRequest) ([]byte, error) {
	asked, id := req.PathParameters["account"], req.PathParameters["id"]
	var link, reader string
	// API Gateway has asked authorize; a mistake in a route must not open the vault all the same.
	if a := req.RequestContext.Authorizer; a != nil && a.Lambda["account"] == asked && a.Lambda["conversation"] == id {
		link, _ = a.Lambda["link"].(string)
		reader, _ = a.Lambda["reader"].(string)
	}
	if link == "" {
		return nil, ErrLink
	}
	record, incarnation, err := vault.ParseID(id)
	if err != nil {
		return nil, ErrNoTranscript
	}
	ses, err := h.Store.Open(ctx, asked, "")
	if errors.Is(err, vault.ErrNoAccount) {
		return nil, ErrNoTranscript
	}
	if err != nil {
		return nil, edge.ErrUnavailable.Because(err)
	}
	row, ok, err := ses.Row(ctx, record, incarnation)
	if err != nil {
		return nil, edge.ErrUnavailable.Because(err)
	}
	if !ok {
		return nil, ErrNoTranscript
	}
	c, err := ses.Load(ctx, row, nil)
	if errors.Is(err, vault.ErrUnreadable) {
		return nil, ErrNoTranscript
	}
	if err != nil {
		return nil, edge.ErrUnavailable.Because(err)
	}
	html, err := letter.Page(c.View(), letter.Options{
		Account: asked, Zone: ses.Policy.Zone, Content: letter.Full, Private: account.Reader(reader) == account.Staff,
	})
	if err != nil {
		return nil, err
	}
	if len(html) > MaxAnswer {
		return nil, ErrLongPage
	}
	entry := audit.Entry{
		Account: asked, Actor: "link:" + link, Action: string(row.Kind) + ".read", Target: id, Records: 1, At: h.Store.Now(),
	}
	if err := h.Audit(ctx, entry); err != nil {
		return nil, edge.ErrUnavailable.Because(err)
	}
	return html, nil
}

package openapi

import (
	"context"
	_ "embed" // for the description
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/source"
)

// Description is the description of the API. Package openapitest reads it for the tests that keep it true.
//
//go:embed openapi.yaml
var Description []byte

// ErrRoute is the fault of a request that is none of the API's.
var ErrRoute = fault.New(fault.NotFound, "route_unknown",
	"There is nothing at this path, or not for this method; GET /v1/openapi.yaml lists what there is.")

// document is what is answered at a path, and as what.
type document struct {
	body *[]byte
	kind string
}

// documents by their routes.
var documents = map[string]document{
	"GET /v1/openapi.yaml":          {&Description, "application/yaml"},
	"GET /v1/canonical.schema.json": {&source.CanonicalSchema, "application/schema+json"},
	"GET /v1/beacon.js":             {&source.BeaconScript, "text/javascript; charset=utf-8"},
}

// Handler tells what the API is.
type Handler struct{}

// New makes a handler.
func New() *Handler { return &Handler{} }

// HTTP answers one request.
func (h *Handler) HTTP(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	if d, ok := documents[req.RouteKey]; ok {
		return events.APIGatewayV2HTTPResponse{
			StatusCode: http.StatusOK, Body: string(*d.body),
			Headers: map[string]string{
				"content-type": d.kind, "cache-control": "public, max-age=300", "x-content-type-options": "nosniff",
			},
		}, nil
	}
	return edge.HTTP(ctx, req, func(context.Context, events.APIGatewayV2HTTPRequest) (int, any, error) {
		return 0, nil, ErrRoute
	}), nil
}

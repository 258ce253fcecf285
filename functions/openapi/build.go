package openapi

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-lambda-go/events"
)

// Build makes the handler of the deployed function. It needs no client of AWS and nothing of the environment.
func Build() (*Handler, error) { return New(), nil }

// Handle reads the request.
func (h *Handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var req events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(raw, &req); err != nil {
		return nil, errors.New("not a request of the HTTP API")
	}
	return h.HTTP(ctx, req)
}

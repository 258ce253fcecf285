package edge

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/fault"
)

// Triggers are what calls a function, each nil where it does not.
type Triggers struct {
	HTTP  func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)
	Batch func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)
	// Otherwise is for what is neither: the input of a schedule, or of whoever invokes the function.
	Otherwise func(context.Context, stdjson.RawMessage) (any, error)
}

// Handle tells them apart: requests of the API have a context, messages of a queue are records.
func (t Triggers) Handle(ctx context.Context, raw stdjson.RawMessage) (any, error) {
	var in struct {
		RequestContext stdjson.RawMessage `json:"requestContext"`
		Records        stdjson.RawMessage `json:"Records"`
	}
	_ = stdjson.Unmarshal(raw, &in) // what is no object is neither
	switch {
	case in.RequestContext != nil && t.HTTP != nil:
		var req events.APIGatewayV2HTTPRequest
		if stdjson.Unmarshal(raw, &req) != nil {
			return nil, errors.New("not a request of the HTTP API")
		}
		return t.HTTP(ctx, req)
	case in.Records != nil && t.Batch != nil:
		var batch events.SQSEvent
		if stdjson.Unmarshal(raw, &batch) != nil {
			return nil, errors.New("not a batch of the queue")
		}
		return t.Batch(ctx, batch)
	}
	return t.Otherwise(ctx, raw)
}

// Action does the one thing that the schedule of a function asks for: {"action": …}.
func Action[A any](name string, do func(context.Context) (A, error)) func(context.Context, stdjson.RawMessage) (any, error) {
	return func(ctx context.Context, raw stdjson.RawMessage) (any, error) {
		var in struct {
			Action string `json:"action"`
		}
		if stdjson.Unmarshal(raw, &in) != nil || in.Action != name {
			return nil, fmt.Errorf("the action must be %q", name)
		}
		return do(ctx)
	}
}

// Invoked answers a direct invocation. What is wrong with its request is part of the answer; what may succeed later is an error.
func Invoked[Q, A any](malformed *fault.Fault, do func(context.Context, Q) (A, error),
) func(context.Context, stdjson.RawMessage) (any, error) {
	return func(ctx context.Context, raw stdjson.RawMessage) (any, error) {
		var req Q
		if stdjson.Unmarshal(raw, &req) != nil {
			return ErrorAnswer(malformed), nil
		}
		answer, err := do(ctx, req)
		if err != nil && !fault.Of(err).Retry() {
			return ErrorAnswer(err), nil
		}
		return answer, err
	}
}

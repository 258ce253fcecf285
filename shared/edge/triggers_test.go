package edge_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
)

func TestTriggers(t *testing.T) {
	both := edge.Triggers{
		HTTP: func(_ context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
			return events.APIGatewayV2HTTPResponse{Body: req.RouteKey}, nil
		},
		Batch: func(_ context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
			return events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{{ItemIdentifier: batch.Records[0].MessageId}}}, nil
		},
		Otherwise: edge.Action("sweep", func(context.Context) (string, error) { return "swept", nil }),
	}
	batch := both
	batch.HTTP = nil
	request := both
	request.Batch = nil
	for _, tc := range []struct {
		name     string
		triggers edge.Triggers
		raw      string
		want     any
		err      string
	}{
		{"a request", both, `{"routeKey":"GET /v1","requestContext":{}}`, events.APIGatewayV2HTTPResponse{Body: "GET /v1"}, ""},
		{"a request that is none", both, `{"routeKey":1,"requestContext":{}}`, nil, "not a request of the HTTP API"},
		{"a batch", both, `{"Records":[{"messageId":"m1"}]}`,
			events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{{ItemIdentifier: "m1"}}}, ""},
		{"a batch that is none", both, `{"Records":"canary"}`, nil, "not a batch of the queue"},
		{"an action", both, `{"action":"sweep"}`, "swept", ""},
		{"another action", both, `{"action":"canary"}`, nil, `the action must be "sweep"`},
		{"no action", both, `{}`, nil, `the action must be "sweep"`},
		{"no object", both, `"canary"`, nil, `the action must be "sweep"`},
		{"a request of a function that takes none", batch, `{"requestContext":{}}`, nil, `the action must be "sweep"`},
		{"a batch of a function that takes none", request, `{"Records":[]}`, nil, `the action must be "sweep"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.triggers.Handle(t.Context(), json.RawMessage(tc.raw))
			if text := edge.Cause(err); text != tc.err {
				t.Errorf("error %q, want %q", text, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInvoked(t *testing.T) {
	malformed, taken := fault.New(fault.Invalid, "request_invalid", "It is wrong."), fault.New(fault.Conflict, "taken", "It is taken.")
	gone := errors.New("the table is gone")
	for _, tc := range []struct {
		name, raw string
		fails     error
		want      any
		err       error
	}{
		{"a request", `{"name":"x"}`, nil, "hello x", nil},
		{"what is none", `"canary"`, nil, edge.ErrorAnswer(malformed), nil},
		{"what cannot be", `{"name":"x"}`, taken, edge.ErrorAnswer(taken), nil},
		{"what may succeed later", `{"name":"x"}`, gone, "hello x", gone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := edge.Invoked(malformed, func(_ context.Context, req struct{ Name string }) (string, error) {
				return "hello " + req.Name, tc.fails
			})(t.Context(), json.RawMessage(tc.raw))
			if !errors.Is(err, tc.err) || got != tc.want {
				t.Errorf("%v %v, want %v %v", got, err, tc.want, tc.err)
			}
		})
	}
}

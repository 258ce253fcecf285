// Package edge is what the functions share of being called: the triggers, HTTP by way of API Gateway, queues, and the log. An
// error is logged here, once, and rendered as its kind's status with a stable code and a sentence:
//
//	{"error": {"code": "signature_invalid", "message": "The delivery is not signed with …"}, "message": "…"}
package edge

import (
	"context"
	"encoding/base64"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/fault"
)

// Start sets the process's log to JSON with the request id of each invocation.
func Start(service string) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(os.Getenv("LOG_LEVEL"))); err != nil {
		level = slog.LevelInfo
	}
	handler := slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: level})
	slog.SetDefault(slog.New(requestID{handler}).With(slog.String("service", service)))
}

// requestID adds the invocation's id to every record logged with its context.
type requestID struct{ slog.Handler }

func (h requestID) Handle(ctx context.Context, r slog.Record) error {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		r.AddAttrs(slog.String("requestId", lc.AwsRequestID))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestID) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestID{h.Handler.WithAttrs(attrs)}
}

func (h requestID) WithGroup(name string) slog.Handler { return requestID{h.Handler.WithGroup(name)} }

// The faults of requests.
var (
	ErrBodyTooLarge = fault.New(fault.TooLarge, "body_too_large", "The body is larger than 1 MB.")
	ErrBodyEncoding = fault.New(fault.Invalid, "body_encoding", "The body is not valid base64.")
	ErrUnavailable  = fault.New(fault.Unavailable, "unavailable", "The vault cannot do this right now; try again in a moment.")
	ErrForbidden    = fault.New(fault.Unauthorized, "token_missing", "A bearer token of this account is needed.")
)

// Actor is the account that a request's path names, and who asks, as audit entries call them; ErrForbidden where a request has no
// token of that account.
func Actor(req events.APIGatewayV2HTTPRequest) (account, actor string, err error) {
	account = req.PathParameters["account"]
	var token string
	// API Gateway has asked authorize; a mistake in a route must not open the vault all the same.
	if a := req.RequestContext.Authorizer; a != nil && a.Lambda["account"] == account {
		token, _ = a.Lambda["token"].(string)
	}
	if token == "" {
		return account, "", ErrForbidden
	}
	return account, "token:" + token, nil
}

// Body is the body's raw bytes, refused over a limit in bytes before it is decoded.
func Body(req events.APIGatewayV2HTTPRequest, limit int) ([]byte, error) {
	if !req.IsBase64Encoded {
		if len(req.Body) > limit {
			return nil, ErrBodyTooLarge
		}
		return []byte(req.Body), nil
	}
	if base64.StdEncoding.DecodedLen(len(req.Body)) > limit+2 {
		return nil, ErrBodyTooLarge
	}
	b, err := base64.StdEncoding.DecodeString(req.Body)
	if err != nil {
		return nil, ErrBodyEncoding
	}
	if len(b) > limit {
		return nil, ErrBodyTooLarge
	}
	return b, nil
}

// Header is the request's header under canonical names.
func Header(req events.APIGatewayV2HTTPRequest) http.Header {
	h := make(http.Header, len(req.Headers))
	for name, value := range req.Headers {
		h.Set(name, value)
	}
	return h
}

// HTTP runs a handler of a request and renders what it answers or what went wrong. A nil answer has no body.
func HTTP(ctx context.Context, req events.APIGatewayV2HTTPRequest,
	handle func(context.Context, events.APIGatewayV2HTTPRequest) (int, any, error),
) (res events.APIGatewayV2HTTPResponse) {
	defer func() {
		if p := recover(); p != nil {
			// What was panicked with may hold content; the stack does not.
			slog.ErrorContext(ctx, "panic", slog.String("type", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
			res = render(ctx, http.StatusInternalServerError, errorBody(fault.Of(errPanic)))
		}
	}()
	status, answer, err := handle(ctx, req)
	if err == nil {
		return render(ctx, status, answer)
	}
	f := fault.Of(err)
	level := slog.LevelInfo
	if f.Status() >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	slog.Log(ctx, level, "refused", slog.String("route", req.RouteKey), slog.Int("status", f.Status()),
		slog.String("code", f.Code), slog.String("cause", Cause(err)))
	return render(ctx, f.Status(), errorBody(f))
}

// Located is HTTP for a handler that says where what it answers stands, or where it leads.
func Located(ctx context.Context, req events.APIGatewayV2HTTPRequest,
	handle func(context.Context, events.APIGatewayV2HTTPRequest) (status int, answer any, location string, err error),
) events.APIGatewayV2HTTPResponse {
	var location string
	res := HTTP(ctx, req, func(ctx context.Context, req events.APIGatewayV2HTTPRequest) (status int, answer any, err error) {
		status, answer, location, err = handle(ctx, req)
		return status, answer, err
	})
	if location != "" && res.StatusCode < http.StatusBadRequest {
		res.Headers["location"] = location
	}
	return res
}

var errPanic, errAnswer = errors.New("panic"), errors.New("answer")

// Cause is an error's text for the log. Texts of errors hold no content: packages that parse content replace the texts of
// their libraries.
func Cause(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// errorAnswer has the message twice: API Gateway's own answers (no token, over its throttle) have it at the top and nothing
// else, so that every error of the API has it there.
type errorAnswer struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Message string `json:"message"`
}

func errorBody(f *fault.Fault) any {
	var e errorAnswer
	e.Error.Code, e.Error.Message, e.Message = f.Code, f.Message, f.Message
	return e
}

// ErrorAnswer is an error as a function answers it that is invoked directly.
func ErrorAnswer(err error) any { return errorBody(fault.Of(err)) }

func render(ctx context.Context, status int, answer any) events.APIGatewayV2HTTPResponse {
	headers := map[string]string{"cache-control": "no-store", "x-content-type-options": "nosniff"}
	if answer == nil {
		return events.APIGatewayV2HTTPResponse{StatusCode: status, Headers: headers}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		// The library's text may quote what it could not write.
		slog.ErrorContext(ctx, "the answer cannot be written", slog.String("type", fmt.Sprintf("%T", answer)))
		return render(ctx, http.StatusInternalServerError, errorBody(fault.Of(errAnswer)))
	}
	headers["content-type"] = "application/json; charset=utf-8"
	return events.APIGatewayV2HTTPResponse{StatusCode: status, Body: string(body) + "\n", Headers: headers}
}

// Queue runs a handler for each message of a batch and reports the failed ones, so that only they come again.
func Queue(ctx context.Context, batch events.SQSEvent, handle func(context.Context, events.SQSMessage) error) events.SQSEventResponse {
	// An empty list: MiniStack fails on null and brings every message again, which AWS takes for the same.
	res := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, m := range batch.Records {
		if err := one(ctx, m, handle); err != nil {
			slog.WarnContext(ctx, "message failed", slog.String("message", m.MessageId), slog.String("cause", Cause(err)))
			res.BatchItemFailures = append(res.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return res
}

func one(ctx context.Context, m events.SQSMessage, handle func(context.Context, events.SQSMessage) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.ErrorContext(ctx, "panic", slog.String("type", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
			err = errPanic
		}
	}()
	return handle(ctx, m)
}

// Late says whether less time than a reserve is left to an invocation.
func Late(ctx context.Context, reserve time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < reserve
}

// Run builds a handler and serves it; a mistake in the configuration ends the process with all that is wrong.
func Run[H interface {
	Handle(context.Context, stdjson.RawMessage) (any, error)
}](service string, build func() (H, error)) {
	Start(service)
	h, err := build()
	if err != nil {
		slog.Error("configuration", slog.String("cause", Cause(err)))
		os.Exit(1)
	}
	lambda.Start(h.Handle)
}

package edge_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
)

const limit = 1 << 20

func TestBody(t *testing.T) {
	plain := func(n int) events.APIGatewayV2HTTPRequest {
		return events.APIGatewayV2HTTPRequest{Body: strings.Repeat("a", n)}
	}
	encoded := func(body string) events.APIGatewayV2HTTPRequest {
		return events.APIGatewayV2HTTPRequest{Body: body, IsBase64Encoded: true}
	}
	of := func(n int) events.APIGatewayV2HTTPRequest {
		return encoded(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("a"), n)))
	}
	for _, tc := range []struct {
		name string
		req  events.APIGatewayV2HTTPRequest
		size int
		err  error
	}{
		{"takes nothing", plain(0), 0, nil},
		{"takes a text", plain(11), 11, nil},
		{"takes a text of 1 MB less a byte", plain(limit - 1), limit - 1, nil},
		{"takes a text of 1 MB", plain(limit), limit, nil},
		{"refuses a text of 1 MB and a byte", plain(limit + 1), 0, edge.ErrBodyTooLarge},
		{"refuses a text of 6 MB", plain(6 << 20), 0, edge.ErrBodyTooLarge},
		{"takes base64 of nothing", of(0), 0, nil},
		{"takes base64 with two signs of padding", of(1), 1, nil},
		{"takes base64 with one sign of padding", of(2), 2, nil},
		{"takes base64 without padding", of(3), 3, nil},
		{"takes base64 of 1 MB less two bytes", of(limit - 2), limit - 2, nil},
		{"takes base64 of 1 MB less a byte", of(limit - 1), limit - 1, nil},
		{"takes base64 of 1 MB", of(limit), limit, nil},
		{"refuses base64 of 1 MB and a byte", of(limit + 1), 0, edge.ErrBodyTooLarge},
		{"refuses base64 of 1 MB and two bytes", of(limit + 2), 0, edge.ErrBodyTooLarge},
		{"refuses base64 of 1 MB and three bytes", of(limit + 3), 0, edge.ErrBodyTooLarge},
		{"refuses what is too large before it looks whether it is base64", encoded(strings.Repeat("!", 2*limit)), 0, edge.ErrBodyTooLarge},
		{"refuses what is no base64", encoded("canary!"), 0, edge.ErrBodyEncoding},
		{"refuses base64 without its padding", encoded("YQ"), 0, edge.ErrBodyEncoding},
		{"refuses base64 with padding inside", encoded("YQ==YQ=="), 0, edge.ErrBodyEncoding},
		{"refuses base64 of the other alphabet", encoded("-_-_"), 0, edge.ErrBodyEncoding},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := edge.Body(tc.req, limit)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if want := bytes.Repeat([]byte("a"), tc.size); !bytes.Equal(got, want) {
				t.Errorf("%d bytes, want %d", len(got), tc.size)
			}
		})
	}
	t.Run("bytes that are no text come as they are", func(t *testing.T) {
		raw := []byte{0, 0xff, 0xfe, '\n', '"'}
		got, err := edge.Body(encoded(base64.StdEncoding.EncodeToString(raw)), limit)
		if diff := cmp.Diff(raw, got); diff != "" || err != nil {
			t.Errorf("error %v, body (-want +got):\n%s", err, diff)
		}
	})
}

func FuzzBody(f *testing.F) {
	f.Add("YQ==", true)
	f.Add("YWFhYWFhYWFhYWFhYWFhYWE=", true)
	f.Add("a", false)
	f.Add("Y\r\nQ==", true)
	f.Fuzz(func(t *testing.T, body string, encoded bool) {
		const limit = 16
		got, err := edge.Body(events.APIGatewayV2HTTPRequest{Body: body, IsBase64Encoded: encoded}, limit)
		if len(got) > limit {
			t.Errorf("%d bytes were taken", len(got))
		}
		switch {
		case err != nil:
			if fault.Of(err).Status() >= 500 || got != nil {
				t.Errorf("%q: %q, %v", body, got, err)
			}
		case encoded:
			if want, err := base64.StdEncoding.DecodeString(body); err != nil || !bytes.Equal(want, got) {
				t.Errorf("%q is %q, want %q, %v", body, got, want, err)
			}
		case string(got) != body:
			t.Errorf("%q is %q", body, got)
		}
	})
}

func TestHeader(t *testing.T) {
	h := edge.Header(events.APIGatewayV2HTTPRequest{Headers: map[string]string{"x-chatwoot-signature": "sha256=ab", "AUTHORIZATION": "Bearer x"}})
	if diff := cmp.Diff(http.Header{"X-Chatwoot-Signature": {"sha256=ab"}, "Authorization": {"Bearer x"}}, h); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if got := edge.Header(events.APIGatewayV2HTTPRequest{}).Get("Authorization"); got != "" {
		t.Errorf("a request without headers has %q", got)
	}
}

// logged takes the log for the time of a test.
func logged(t *testing.T) *bytes.Buffer {
	t.Helper()
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &log
}

const internal = `{"error":{"code":"internal","message":"Something went wrong here; the request id in the answer's header names it in the log."},"message":"Something went wrong here; the request id in the answer's header names it in the log."}` + "\n"

type secretive struct{ Content string }

func TestActor(t *testing.T) {
	type claims = map[string]any
	for _, tc := range []struct {
		name   string
		claims claims
		ok     bool
	}{
		{"a token of the account", claims{"account": "demo", "token": "t1"}, true},
		{"no authorizer", nil, false},
		{"an authorizer that says nothing", claims{}, false},
		{"a token of another account", claims{"account": "other", "token": "t1"}, false},
		{"an account without a token", claims{"account": "demo"}, false},
		{"an empty token", claims{"account": "demo", "token": ""}, false},
		{"a token that is no text", claims{"account": "demo", "token": 1}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req := events.APIGatewayV2HTTPRequest{PathParameters: map[string]string{"account": "demo"}}
			if tc.claims != nil {
				req.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: tc.claims}
			}
			account, actor, err := edge.Actor(req)
			if tc.ok && (account != "demo" || actor != "token:t1" || err != nil) {
				t.Errorf("%q %q %v", account, actor, err)
			}
			if !tc.ok && (actor != "" || !errors.Is(err, edge.ErrForbidden)) {
				t.Errorf("%q %v, want ErrForbidden", actor, err)
			}
		})
	}
}

func TestHTTP(t *testing.T) {
	taken := fault.New(fault.Conflict, "taken", "It is taken.")
	for _, tc := range []struct {
		name   string
		handle func() (int, any, error)
		status int
		body   string
		log    string // how many lines of which level; empty: none
	}{
		{"an answer", func() (int, any, error) { return http.StatusAccepted, map[string]int{"accepted": 1}, nil }, 202, `{"accepted":1}` + "\n", ""},
		{"no answer", func() (int, any, error) { return http.StatusNoContent, nil, nil }, 204, "", ""},
		{"a fault", func() (int, any, error) { return 0, nil, taken }, 409, `{"error":{"code":"taken","message":"It is taken."},"message":"It is taken."}` + "\n", "INFO"},
		{"a fault and an answer, which is not told", func() (int, any, error) { return 200, "canary", taken }, 409, `{"error":{"code":"taken","message":"It is taken."},"message":"It is taken."}` + "\n", "INFO"},
		{"a fault whose cause is not told", func() (int, any, error) { return 0, nil, edge.ErrUnavailable.Because(errors.New("throttled")) }, 503,
			`{"error":{"code":"unavailable","message":"The vault cannot do this right now; try again in a moment."},"message":"The vault cannot do this right now; try again in a moment."}` + "\n", "ERROR"},
		{"an error that nobody knows", func() (int, any, error) { return 200, nil, fmt.Errorf("read: %w", io.ErrUnexpectedEOF) }, 500, internal, "ERROR"},
		{"a panic with content", func() (int, any, error) { panic("canary") }, 500, internal, "ERROR"},
		{"a panic with a value of content", func() (int, any, error) { panic(secretive{"canary"}) }, 500, internal, "ERROR"},
		{"a panic with an error of content", func() (int, any, error) { panic(errors.New("canary")) }, 500, internal, "ERROR"},
		{"an index out of range", func() (int, any, error) { return []int{}[len(os.Args[:0])], nil, nil }, 500, internal, "ERROR"},
		{"an answer that JSON does not have", func() (int, any, error) { return 200, map[string]any{"canary": func() {}}, nil }, 500, internal, "ERROR"},
		{"an answer that is not UTF-8", func() (int, any, error) { return 200, map[string]string{"canary": "canary\xff"}, nil }, 500, internal, "ERROR"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			log := logged(t)
			res := edge.HTTP(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: "GET /v1", Body: "canary"},
				func(context.Context, events.APIGatewayV2HTTPRequest) (int, any, error) { return tc.handle() })
			want := events.APIGatewayV2HTTPResponse{StatusCode: tc.status, Body: tc.body, Headers: map[string]string{
				"content-type": "application/json; charset=utf-8", "cache-control": "no-store", "x-content-type-options": "nosniff",
			}}
			if tc.body == "" {
				delete(want.Headers, "content-type")
			}
			if diff := cmp.Diff(want, res); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if strings.Contains(log.String(), "canary") {
				t.Errorf("content in the log: %s", log)
			}
			var levels []string
			for line := range strings.Lines(log.String()) {
				var record struct{ Level string }
				if err := json.Unmarshal([]byte(line), &record); err != nil {
					t.Fatal(err)
				}
				levels = append(levels, record.Level)
			}
			if diff := cmp.Diff(tc.log, strings.Join(levels, " ")); diff != "" {
				t.Errorf("levels of the log's lines (-want +got):\n%s\n%s", diff, log)
			}
		})
	}
}

func TestLocated(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		err    error
		want   string
	}{
		{"where something was made", http.StatusCreated, nil, "/v1/x"},
		{"where a file is", http.StatusFound, nil, "/v1/x"},
		{"of a refusal, nowhere", 0, fault.New(fault.Conflict, "taken", "It is taken."), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := edge.Located(t.Context(), events.APIGatewayV2HTTPRequest{},
				func(context.Context, events.APIGatewayV2HTTPRequest) (int, any, string, error) {
					return tc.status, nil, "/v1/x", tc.err
				})
			if got := res.Headers["location"]; got != tc.want {
				t.Errorf("location %q, want %q", got, tc.want)
			}
		})
	}
}

func TestARefusalIsLoggedWithItsCause(t *testing.T) {
	log := logged(t)
	edge.HTTP(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: "GET /v1"}, func(context.Context, events.APIGatewayV2HTTPRequest) (int, any, error) {
		return 0, nil, edge.ErrUnavailable.Because(errors.New("throttled"))
	})
	var record map[string]any
	if err := json.Unmarshal(log.Bytes(), &record); err != nil {
		t.Fatal(err)
	}
	delete(record, "time")
	want := map[string]any{"level": "ERROR", "msg": "refused", "route": "GET /v1", "status": 503.0, "code": "unavailable", "cause": "unavailable: throttled"}
	if diff := cmp.Diff(want, record); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestErrorAnswer(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		err        error
	}{
		{"a fault", `{"error":{"code":"body_encoding","message":"The body is not valid base64."},"message":"The body is not valid base64."}`, fmt.Errorf("read: %w", edge.ErrBodyEncoding)},
		{"an error that nobody knows", strings.TrimSpace(internal), errors.New("canary")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, err := json.Marshal(edge.ErrorAnswer(tc.err))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(b)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCause(t *testing.T) {
	if got := edge.Cause(nil); got != "" {
		t.Errorf("no error has the cause %q", got)
	}
	if diff := cmp.Diff("read: EOF", edge.Cause(fmt.Errorf("read: %w", io.EOF))); diff != "" {
		t.Errorf("cause (-want +got):\n%s", diff)
	}
}

func TestQueueReportsOnlyTheMessagesThatFailed(t *testing.T) {
	log := logged(t)
	batch := events.SQSEvent{}
	for _, id := range []string{"good", "bad", "panics", "good too", "bad too"} {
		batch.Records = append(batch.Records, events.SQSMessage{MessageId: id, Body: "canary"})
	}
	var handled []string
	res := edge.Queue(t.Context(), batch, func(_ context.Context, m events.SQSMessage) error {
		handled = append(handled, m.MessageId)
		switch {
		case strings.HasPrefix(m.MessageId, "bad"):
			return errors.New("throttled")
		case m.MessageId == "panics":
			panic(m.Body)
		}
		return nil
	})
	if diff := cmp.Diff([]string{"good", "bad", "panics", "good too", "bad too"}, handled); diff != "" {
		t.Errorf("handled (-want +got):\n%s", diff)
	}
	want := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{{ItemIdentifier: "bad"}, {ItemIdentifier: "panics"}, {ItemIdentifier: "bad too"}}}
	if diff := cmp.Diff(want, res); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if strings.Contains(log.String(), "canary") {
		t.Errorf("content in the log: %s", log)
	}
	if got := strings.Count(log.String(), "message failed"); got != 3 {
		t.Errorf("%d failures in the log, want 3: %s", got, log)
	}
}

func TestQueueReportsNothingOfWhatWentWell(t *testing.T) {
	log := logged(t)
	res := edge.Queue(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "a"}}}, func(context.Context, events.SQSMessage) error { return nil })
	if b, err := json.Marshal(res); string(b) != `{"batchItemFailures":[]}` || err != nil || log.Len() != 0 {
		t.Errorf("report %s, %v, log %s", b, err, log)
	}
}

func TestLate(t *testing.T) {
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if edge.Late(t.Context(), time.Hour) || edge.Late(soon, time.Second) || !edge.Late(soon, time.Hour) {
		t.Error("it is late when there is time, or not when there is none")
	}
}

func TestStartWritesTheServiceAndTheRequestID(t *testing.T) {
	for _, tc := range []struct {
		name, level string
		want        []string // messages
	}{
		{"at the level info unless it is set", "", []string{"info"}},
		{"at debug level", "debug", []string{"debug", "info"}},
		{"at error level", "ERROR", nil},
		{"at the level info where the level is nonsense", "loud", []string{"info"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("LOG_LEVEL", tc.level)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, before := os.Stdout, slog.Default()
			t.Cleanup(func() { os.Stdout = stdout; slog.SetDefault(before) })
			os.Stdout = w
			edge.Start("ingest")
			ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
			slog.DebugContext(ctx, "debug")
			slog.InfoContext(ctx, "info")
			w.Close()
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.Lines(string(b)) {
				var record struct{ Msg, Service, RequestID string }
				if err := json.Unmarshal([]byte(line), &record); err != nil {
					t.Fatal(err)
				}
				if record.Service != "ingest" || record.RequestID != "request-1" {
					t.Errorf("line %s lacks the service or the request id", line)
				}
				got = append(got, record.Msg)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

package functions_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/functions/admin"
)

var codeForm = regexp.MustCompile(`^[a-z][a-z_]*$`)

// refusal is the code of an answer of the error shape.
func refusal(t testing.TB, name string, status int, answer string) string {
	t.Helper()
	var e struct {
		Error   struct{ Code, Message string }
		Message string
	}
	d := json.NewDecoder(strings.NewReader(answer))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || !codeForm.MatchString(e.Error.Code) || e.Message == "" || e.Error.Message != e.Message {
		t.Errorf("%s: %d %s", name, status, answer)
	}
	return e.Error.Code
}

// unwritten is every table, object and queue; a request that is refused changes none of it, but is counted where the account
// has the source.
func (r *road) unwritten(t testing.TB) map[string]any {
	all := r.tables(t)
	maps.DeleteFunc(all, func(key string, _ any) bool { return strings.Contains(key, "#health#") })
	all["queues"] = fmt.Sprint(r.queues.sent, r.queues.waited, r.queues.published)
	return all
}

// Nobody learns from a refusal whether an account exists, or which sources it has.
func TestStoreRefusalsTellNothing(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	part := r.account(t, admin.Request{Account: "part"})
	for _, item := range r.Items(t, r.Tables.Control) { // an account that does not have every source
		if pk, sk := item["pk"], item["sk"]; reflect.DeepEqual(pk, attrS("part#")) && reflect.DeepEqual(sk, attrS("source#tawkto")) {
			r.remove(t, r.Tables.Control, item, "")
		}
	}
	before := r.unwritten(t)
	body := tawkStart("c1", noon, "hello")
	good := r.signed(demo, "tawkto", body)
	with := func(account string, headers map[string]string) events.APIGatewayV2HTTPRequest {
		req := good
		req.PathParameters = map[string]string{"account": account, "source": "tawkto"}
		if headers != nil {
			req.Headers = headers
		}
		return req
	}
	wrong := map[string]string{"x-tawk-signature": strings.Repeat("0", 40)}
	var first string
	for name, req := range map[string]events.APIGatewayV2HTTPRequest{
		"an unknown account":                  with("nobody", nil),
		"an unknown account, wrong signature": with("nobody", wrong),
		"an account that cannot be":           with("NO#BODY", nil),
		"no account":                          with("", nil),
		"a source that the account has not":   with("part", nil),
		"a wrong signature":                   with("demo", wrong),
		"no signature":                        with("demo", map[string]string{}),
		"a signature of another length":       with("demo", map[string]string{"x-tawk-signature": "00"}),
		"a signature that is no number":       with("demo", map[string]string{"x-tawk-signature": strings.Repeat("z", 40)}),
		"the signature of another account": func() events.APIGatewayV2HTTPRequest {
			q := with("demo", nil)
			q.Headers = r.signed(part, "tawkto", body).Headers
			return q
		}(),
		"the signature of another body": func() events.APIGatewayV2HTTPRequest { q := with("demo", nil); q.Body += " "; return q }(),
	} {
		res, err := r.ingest.Webhook(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(res.StatusCode, res.Headers, res.Body)
		if first == "" {
			first = got
		}
		if got != first || res.StatusCode != 401 || refusal(t, name, res.StatusCode, res.Body) != "signature_invalid" {
			t.Errorf("%s: %s", name, got)
		}
	}
	// A name that is no source of this vault at all is told, before anybody asks for an account.
	var told []string
	for _, account := range []string{"demo", "nobody"} {
		req := with(account, nil)
		req.PathParameters["source"] = "pigeon"
		res, _ := r.ingest.Webhook(context.Background(), req)
		told = append(told, fmt.Sprint(res.StatusCode, res.Headers, res.Body))
		if refusal(t, "pigeon", res.StatusCode, res.Body) != "source_unknown" || res.StatusCode != 404 {
			t.Errorf("an unknown source: %d %s", res.StatusCode, res.Body)
		}
	}
	if told[0] != told[1] {
		t.Errorf("an unknown source is told differently: %v", told)
	}
	// A stale or early signature of Chatwoot is as wrong as any.
	for _, offset := range []time.Duration{-301 * time.Second, 301 * time.Second} {
		r.Clock.Set(noon.Add(offset))
		req := r.signed(demo, "chatwoot", wootMessage(1, 1, noon, "hello"))
		r.Clock.Set(noon)
		if res, _ := r.ingest.Webhook(context.Background(), req); fmt.Sprint(res.StatusCode, res.Headers, res.Body) != first {
			t.Errorf("signed %v off: %d %s", offset, res.StatusCode, res.Body)
		}
	}
	if diff := keysOf(before, r.unwritten(t)); diff != "" || !reflect.DeepEqual(before, r.unwritten(t)) {
		t.Errorf("refusals wrote:\n%s", diff)
	}
}

// Whatever is signed and wrong gets a 4xx with a stable code, and nothing is written.
func TestStoreBadInput(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	r.nameSite(t, demo)
	r.mustPost(t, demo, "chatwoot", wootMessage(7, 1, noon, "hello"))
	before := r.unwritten(t)
	type bad struct {
		name, source, body string
		status             int
		code               string
	}
	at := stamp(noon)
	deep := func(n int) string {
		return fmt.Sprintf(`{"event":"chat:start","chatId":"c","time":%q,"x":%s%s}`, at, strings.Repeat("[", n-1), strings.Repeat("]", n-1))
	}
	sized := func(n int) string {
		const head = `{"event":"chat:start","chatId":"c","pad":"`
		return head + strings.Repeat("a", n-len(head)-2) + `"}`
	}
	cases := []bad{
		{"one byte over 1 MB", "tawkto", sized(1<<20 + 1), 413, "body_too_large"},
		{"a whole MB without a time", "tawkto", sized(1 << 20), 400, "field_missing"},
		{"nothing", "tawkto", "", 400, "json_invalid"},
		{"no JSON", "tawkto", "hello", 400, "json_invalid"},
		{"an array", "tawkto", "[]", 400, "json_shape"},
		{"cut off", "tawkto", `{"event":"chat:start"`, 400, "json_invalid"},
		{"two values", "tawkto", `{"event":"chat:start"} {}`, 400, "json_invalid"},
		{"invalid UTF-8", "tawkto", "{\"event\":\"chat:start\",\"x\":\"\xff\"}", 400, "json_invalid"},
		{"half a surrogate pair", "tawkto", `{"event":"chat:start","x":"\ud800"}`, 400, "json_invalid"},
		{"duplicate keys", "tawkto", `{"event":"chat:start","event":"chat:end"}`, 400, "json_invalid"},
		{"duplicate keys far inside", "chatwoot", `{"event":"message_created","x":[{"y":{"z":1,"z":1}}]}`, 400, "json_invalid"},
		{"65 deep", "tawkto", deep(65), 400, "json_too_deep"},
		{"100,000 deep", "tawkto", strings.Repeat("[", 100_000), 400, "json_too_deep"},
		{"no event", "tawkto", `{}`, 400, "field_missing"},
		{"no chat", "tawkto", fmt.Sprintf(`{"event":"chat:start","time":%q}`, at), 400, "field_missing"},
		{"an empty chat", "tawkto", fmt.Sprintf(`{"event":"chat:start","chatId":" ","time":%q}`, at), 400, "field_missing"},
		{"a chat that is a list", "tawkto", fmt.Sprintf(`{"event":"chat:start","chatId":[1],"time":%q}`, at), 400, "json_shape"},
		{"a long id", "tawkto", fmt.Sprintf(`{"event":"chat:start","chatId":%q,"time":%q}`, strings.Repeat("x", 257), at), 400, "id_too_long"},
		{"no time", "tawkto", `{"event":"chat:start","chatId":"c"}`, 400, "field_missing"},
		{"a time that is none", "tawkto", `{"event":"chat:start","chatId":"c","time":"yesterday"}`, 400, "json_shape"},
		{"no message", "chatwoot", fmt.Sprintf(`{"event":"message_created","created_at":%q,"conversation":{"id":1}}`, at), 400, "field_missing"},
		{"no conversation", "chatwoot", fmt.Sprintf(`{"event":"message_created","id":1,"created_at":%q}`, at), 400, "field_missing"},
		{"an id with a fraction", "chatwoot", fmt.Sprintf(`{"event":"message_created","id":1.5,"created_at":%q,"conversation":{"id":1}}`, at), 400, "json_shape"},
	}
	for _, absurd := range []string{
		`"1999-12-31T23:59:59Z"`, `"2026-11-22T12:00:00.001Z"`, `"9999-12-31T23:59:59Z"`, `"0000-01-01T00:00:00Z"`, "0", "-1", "1e400", "1e15", "99999999999999999999",
		`"99999999999999999999"`, "253402300800", `"-5"`,
	} {
		cases = append(cases, bad{"the time " + absurd, "tawkto", `{"event":"chat:start","chatId":"c","time":` + absurd + `}`, 400, ""},
			bad{"the time of a message " + absurd, "chatwoot", `{"event":"message_created","id":1,"created_at":` + absurd + `,"conversation":{"id":1}}`, 400, ""})
	}
	for _, s := range samples(t) {
		if !s.ok {
			cases = append(cases, bad{s.file, s.source, string(s.body), 400, ""})
		}
	}
	for _, c := range cases {
		for _, coded := range []bool{false, true} {
			req := r.signed(demo, c.source, []byte(c.body))
			if coded {
				req.Body, req.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(req.Body)), true
			}
			res, err := r.ingest.Webhook(context.Background(), req)
			if err != nil {
				t.Fatal(err)
			}
			if code := refusal(t, c.name, res.StatusCode, res.Body); res.StatusCode != c.status || c.code != "" && code != c.code {
				t.Errorf("%s (base64 %v): %d %s", c.name, coded, res.StatusCode, res.Body)
			}
		}
	}
	req := r.signed(demo, "tawkto", []byte("{}"))
	req.IsBase64Encoded = true
	if res, _ := r.ingest.Webhook(context.Background(), req); res.StatusCode != 400 || refusal(t, "base64", res.StatusCode, res.Body) != "body_encoding" {
		t.Errorf("what is not base64: %d %s", res.StatusCode, res.Body)
	}
	after := r.unwritten(t)
	if diff := keysOf(before, after); diff != "" || !reflect.DeepEqual(before, after) {
		t.Errorf("bad input wrote:\n%s", diff)
	}
	// As deep and as large as is allowed.
	for _, body := range []string{deep(64), strings.Replace(sized(1<<20-len(strconv.Quote(at))-len(`,"time":`)), `","pad"`, `","time":`+strconv.Quote(at)+`,"pad"`, 1)} {
		if status, answer := r.post(demo, "tawkto", []byte(body)); status != 202 {
			t.Errorf("%d bytes as allowed: %d %s", len(body), status, answer)
		}
	}
}

// A minimal account keeps what was said and when, and nothing of who said it; an identified one keeps who. Cards are masked
// in both. What matters is what is sealed, so it is what is opened again.
func TestStoreMinimalAndIdentified(t *testing.T) {
	for _, start := range []string{"minimal", "identified"} {
		t.Run(start, func(t *testing.T) {
			r := newRoad(t)
			a := r.account(t, admin.Request{Account: "demo", Start: start})
			card := "pay with 4111 1111 1111 1111"
			r.mustPost(t, a, "tawkto", tawkStart("c1", noon, card))
			r.mustPost(t, a, "chatwoot", wootMessage(1, 1, noon, card))
			r.mustPost(t, a, "chatwoot", wootMessage(1, 2, noon.Add(time.Second), "thank you"))
			for _, state := range []string{"open", "settled"} {
				told, err := json.Marshal(r.all(t, a))
				if err != nil {
					t.Fatal(err)
				}
				for _, personal := range []string{"Iris Vogel", "iris.vogel@example.com", "+15555550142", "4711", "Noor Bakker"} {
					if has := strings.Contains(string(told), personal); has != (start == "identified") {
						t.Errorf("%s, %s: %q is kept: %v", start, state, personal, has)
					}
				}
				for _, never := range []string{"1111 1111", "Arnhem", "never-store-me"} {
					if strings.Contains(string(told), never) {
						t.Errorf("%s, %s: %q is kept", start, state, never)
					}
				}
				if !strings.Contains(string(told), "thank you") || !strings.Contains(string(told), "pay with") {
					t.Errorf("%s: what was said is not kept: %s", start, told)
				}
				r.quiesce(t)
			}
			pointers := 0
			for _, item := range r.Items(t, r.Tables.Records) {
				if pk := fmt.Sprint(item["pk"].(*attrString).Value); strings.Contains(pk, "#subject#") {
					pointers++
				}
			}
			if (pointers > 0) != (start == "identified") {
				t.Errorf("%s: %d pointers to subjects", start, pointers)
			}
		})
	}
}

package functions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

const oneSource = " /v1/accounts/{account}/sources/{source}"

func (r *road) putSource(t testing.TB, a admin.Created, name, settings string) (int, admin.SourceView, string) {
	t.Helper()
	status, body := r.administers(t, a, "PUT"+oneSource, settings, map[string]string{"source": name})
	var view admin.SourceView
	if err := json.Unmarshal([]byte(body), &view); err != nil {
		t.Fatal(err)
	}
	return status, view, body
}

func (r *road) try(t testing.TB, a admin.Created, name, body string) (tried admin.Tried) {
	t.Helper()
	status, answer := r.administers(t, a, "POST"+oneSource+"/try", body, map[string]string{"source": name})
	if err := json.Unmarshal([]byte(answer), &tried); err != nil || status != 200 {
		t.Fatalf("try: %d %s", status, answer)
	}
	return tried
}

// by is a delivery to an address that a source was shown at.
func by(a admin.Created, name, query, body string, headers map[string]string) events.APIGatewayV2HTTPRequest {
	return events.APIGatewayV2HTTPRequest{
		RouteKey: "POST /v1/webhooks/{account}/{source}", RawQueryString: query, Body: body, Headers: headers,
		PathParameters: map[string]string{"account": a.Account, "source": name},
	}
}

const shopMapping = `"mapping":{"rules":[{"name":"order","kind":"ticket","when":[{"path":"$.order","exists":true}],
	"fields":{"does":"message","conversation":"$.order","time":"$.at","title":"$.about","subject.name":"$.who"},
	"entries":{"fields":{"role":"visitor","text":"$.text"}}}]}`

func shopBody(order int, text string) string {
	return fmt.Sprintf(`{"order":%d,"at":%q,"about":"Size","who":"Iris Vogel","text":%q}`, order, stamp(noon), text)
}

func TestStoreMappedSources(t *testing.T) { mappedSources(t, newRoad(t)) }

func TestMappedSourcesInMemory(t *testing.T) { mappedSources(t, inMemory()) }

func mappedSources(t *testing.T, r *road) {
	demo := r.account(t, admin.Request{Account: "demo"})
	posted := func(req events.APIGatewayV2HTTPRequest) int {
		t.Helper()
		res, err := r.ingest.Webhook(context.Background(), req)
		if err == nil {
			err = asDescribed(req, res)
		}
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode
	}
	if status := posted(by(demo, "mapped-shop", "", shopBody(1, "x"), nil)); status != 401 {
		t.Errorf("a source that the account has not: %d", status)
	}
	status, made, body := r.putSource(t, demo, "mapped-shop", `{"auth":{"kind":"key"},`+shopMapping+`}`)
	if status != 200 || made.Path != "/v1/webhooks/demo/mapped-shop?key={secret}" || len(made.Secret) < 43 || !strings.Contains(made.Weak, "address") {
		t.Fatalf("%d %s", status, body)
	}
	key := "key=" + url.QueryEscape(made.Secret)
	if status := posted(by(demo, "mapped-shop", key, shopBody(1, "Does it fit?"), nil)); status != 202 {
		t.Errorf("with the key: %d", status)
	}
	for _, query := range []string{"", "key=x", key + "&" + key} {
		if status := posted(by(demo, "mapped-shop", query, shopBody(1, "x"), nil)); status != 401 {
			t.Errorf("with %q: %d", query, status)
		}
	}
	// Other settings, the same secret.
	status, changed, body := r.putSource(t, demo, "mapped-shop", `{"auth":{"kind":"basic","user":"shop"},"hosts":["files.example.com"],"zone":"Europe/Berlin",`+shopMapping+`}`)
	if status != 200 || changed.Secret != "" || changed.Path != "/v1/webhooks/demo/mapped-shop" || !slices.Equal(changed.Hosts, []string{"files.example.com"}) {
		t.Fatalf("%d %s", status, body)
	}
	if diff := cmp.Diff(changed, r.source(t, demo, "mapped-shop"), cmp.Transformer("string", func(m json.RawMessage) string { return string(m) })); diff != "" {
		t.Errorf("what is shown later (-put +got):\n%s", diff)
	}
	basic := http.Request{Header: http.Header{}}
	basic.SetBasicAuth("shop", made.Secret)
	password := map[string]string{"authorization": basic.Header.Get("Authorization")}
	if status := posted(by(demo, "mapped-shop", "", shopBody(2, "And red?"), password)); status != 202 {
		t.Errorf("with the password: %d", status)
	}
	if status := posted(by(demo, "mapped-shop", key, shopBody(2, "x"), nil)); status != 401 {
		t.Errorf("with the key that is none any more: %d", status)
	}
	r.Clock.Advance(10 * time.Second)
	// What no rule is for is acknowledged, and not kept.
	if status := posted(by(demo, "mapped-shop", "", `{"hello":1}`, password)); status != 202 {
		t.Errorf("of no rule: %d", status)
	}
	if h := r.source(t, demo, "mapped-shop").Health; h.LastAccepted == nil || h.LastRefused == nil {
		t.Errorf("its health: %+v", h)
	}

	// Rotated: both are taken for a week.
	status, body = r.administers(t, demo, "POST"+oneSource+"/secrets", "", map[string]string{"source": "mapped-shop"})
	var rotated admin.Rotated
	if err := json.Unmarshal([]byte(body), &rotated); err != nil || status != 200 || rotated.Secret == made.Secret {
		t.Fatalf("%d %s", status, body)
	}
	if status := posted(by(demo, "mapped-shop", "", shopBody(3, "x"), password)); status != 202 {
		t.Errorf("with the password before: %d", status)
	}
	r.Clock.Set(rotated.PreviousValidUntil)
	late := strings.ReplaceAll(shopBody(3, "y"), stamp(noon), stamp(r.Clock.Now()))
	if status := posted(by(demo, "mapped-shop", "", late, password)); status != 401 {
		t.Errorf("with the password before, a week later: %d", status)
	}
	given := map[string]string{"source": "mapped-shop"}
	if status, body := r.administers(t, demo, "POST"+oneSource+"/secrets", `{"secret":"made by the sender"}`, given); status != 400 {
		t.Errorf("a secret with blanks: %d %s", status, body)
	}
	if status, body := r.administers(t, demo, "POST"+oneSource+"/secrets", `{"secret":"made-by-the-sender"}`, given); status != 200 || !strings.Contains(body, `"made-by-the-sender"`) {
		t.Errorf("a given secret: %d %s", status, body)
	}

	// Taken away, and back with another secret and without settings.
	if status, body := r.administers(t, demo, "DELETE"+oneSource, "", given); status != 204 {
		t.Fatalf("%d %s", status, body)
	}
	basic.SetBasicAuth("shop", "made-by-the-sender")
	password["authorization"] = basic.Header.Get("Authorization")
	for _, q := range []string{"GET", "DELETE"} {
		if status, _ := r.administers(t, demo, q+oneSource, "", given); status != 404 {
			t.Errorf("%s of what was taken away: %d", q, status)
		}
	}
	if status := posted(by(demo, "mapped-shop", "", late, password)); status != 401 {
		t.Errorf("to what was taken away: %d", status)
	}
	status, again, _ := r.putSource(t, demo, "mapped-shop", `{}`)
	if status != 200 || again.Secret == "" || again.Secret == made.Secret {
		t.Errorf("made again: %d", status)
	}
	if status := posted(by(demo, "mapped-shop", "", `{}`, map[string]string{"x-supportvault-key": again.Secret})); status != 202 {
		t.Errorf("to what was made again: %d", status)
	}
	var acts []string
	if err := audit.Read(context.Background(), r.DB, r.Tables.Control, "demo", noon, r.Clock.Now(), func(e audit.Entry) error {
		if e.Target == "mapped-shop" && e.Action != "source.read" {
			acts = append(acts, e.Action)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(acts)
	want := []string{"source.delete", "source.rotate", "source.rotate", "source.set", "source.set", "source.set"}
	if diff := cmp.Diff(want, acts); diff != "" {
		t.Errorf("audit entries (-want +got):\n%s", diff)
	}
	for _, item := range r.Items(t, r.Tables.Control) {
		if text := fmt.Sprint(item["settings"]); strings.Contains(text, "files.example.com") || strings.Contains(text, "$.order") {
			t.Error("settings stand in the table as they are")
		}
	}
}

func TestSettingsOfSourcesThatCannotBe(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	before := r.unwritten(t)
	for settings, want := range map[string]string{
		`{"hosts":["a"],"zone":"Mars","auth":{"kind":"header"},"mapping":{"rules":[{}]}}`: "/auth/header is needed for this kind; /hosts/0 must be",
		`{"mapping":{"rules":[{}]}}`:           "/mapping/rules/0/kind is missing; /mapping/rules/0/name is missing.",
		`{"ready":"fax"}`:                      "/ready must be one of livehelpnow, zendesk",
		`{"mapping":null}`:                     "another type",
		`{"mapings":{}}`:                       "another type",
		`[]`:                                   "another type",
		`{`:                                    "not one valid JSON value",
		`{"auth":{"kind":"key","magic":true}}`: "another type",
	} {
		status, body := r.administers(t, demo, "PUT"+oneSource, settings, map[string]string{"source": "mapped-shop"})
		if status != 400 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %s", settings, status, body, want)
		}
	}
	if status, _ := r.administers(t, demo, "PUT"+oneSource, `{"zone":"Europe/Berlin"}`, map[string]string{"source": "tawkto"}); status != 400 {
		t.Errorf("a zone of tawk.to: %d", status)
	}
	if status, _ := r.administers(t, demo, "PUT"+oneSource, `{}`, map[string]string{"source": "pigeon"}); status != 404 {
		t.Errorf("a pigeon: %d", status)
	}
	if diff := keysOf(before, r.unwritten(t)); diff != "" {
		t.Errorf("refusals wrote:\n%s", diff)
	}
	for i := range 30 {
		status, _, body := r.putSource(t, demo, fmt.Sprintf("mapped-shop%d", i), `{}`)
		if want := map[bool]int{true: 200, false: 409}[i < 20-len(source.ReadyNames())]; status != want {
			t.Fatalf("mapped source %d: %d %s", i, status, body)
		}
	}
	// Another kind of sender, and one that is there, are not counted.
	for _, name := range []string{"tawkto", "mapped-shop0"} {
		if status, _, body := r.putSource(t, demo, name, `{"hosts":["*.example.com"]}`); status != 200 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// Trying shows what would be kept, and of a mapping every field; nothing is stored but that somebody tried.
func TestTryingASource(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo", Start: "minimal"})
	r.putSource(t, demo, "mapped-shop", `{`+shopMapping+`}`)
	before := r.unwritten(t)
	tried := r.try(t, demo, "mapped-shop", shopBody(7, "My card is 4111 1111 1111 1111."))
	if tried.Type != "ticket.message" || tried.Rule != "order" || tried.Error != nil || len(tried.Delivery.Events) != 1 {
		t.Fatalf("%+v", tried)
	}
	e := tried.Delivery.Events[0]
	if len(e.Subjects) > 0 || e.Entries[0].Author.Name != "" || strings.Contains(e.Entries[0].Text, "1111 1111") || e.Title != "Size" {
		t.Errorf("what would be kept: %+v", e)
	}
	want := []admin.TriedField{
		{Field: "does", Found: 1, First: "message"}, {Field: "conversation", Found: 1, First: "7"}, {Field: "time", Found: 1, First: stamp(noon)},
		{Field: "title", Found: 1, First: "Size"}, {Field: "subject.name", Found: 1, First: "Iris Vogel"},
		{Field: "entries.role", Found: 1, First: "visitor"}, {Field: "entries.text", Found: 1, First: "My card is 4111 1111 1111 1111."},
	}
	if diff := cmp.Diff(want, tried.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	wrong := r.try(t, demo, "mapped-shop", `{"order":{"id":7},"at":"tomorrow","about":null,"text":"`+strings.Repeat("é", 300)+`"}`)
	if wrong.Error == nil || wrong.Error.Code != "json_shape" || wrong.Type != "" || len(wrong.Delivery.Events) != 0 {
		t.Errorf("%+v", wrong)
	}
	said := map[string]string{}
	for _, f := range wrong.Fields {
		said[f.Field] = fmt.Sprint(f.Found, f.Wrong, len(f.First))
	}
	if diff := cmp.Diff(map[string]string{
		"does": "17", "conversation": "1json_shape0", "time": "1json_shape8", "title": "10", "subject.name": "00", "entries.role": "17", "entries.text": "1200",
	}, said); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if other := r.try(t, demo, "mapped-shop", `[1]`); other.Type != "other" || other.Rule != "" || len(other.Fields) != 0 {
		t.Errorf("of no rule: %+v", other)
	}
	if chat := r.try(t, demo, "tawkto", string(tawkStart("c", noon, "Hello"))); chat.Type != "chat:start" || len(chat.Delivery.Events) != 1 {
		t.Errorf("of tawk.to: %+v", chat)
	}
	after := r.unwritten(t)
	for key := range after {
		if strings.Contains(key, "#audit#") {
			delete(after, key)
		}
	}
	for key := range before {
		if strings.Contains(key, "#audit#") {
			delete(before, key)
		}
	}
	if diff := keysOf(before, after); diff != "" {
		t.Errorf("trying wrote:\n%s", diff)
	}
}

// What a sample of any sender becomes is, in the canonical format, a delivery that the source canonical takes for the same.
func TestTriedSamplesAreCanonical(t *testing.T) {
	r := inMemory()
	r.Clock.Set(time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC))
	demo := r.account(t, admin.Request{Account: "demo"})
	tried := 0
	for _, s := range samples(t) {
		if !s.ok {
			continue
		}
		first := r.try(t, demo, s.source, string(s.body))
		if first.Error != nil {
			t.Errorf("%s: %v", s.file, first.Error)
		}
		if len(first.Delivery.Events) == 0 {
			continue
		}
		body, err := json.Marshal(first.Delivery)
		if err != nil {
			t.Fatal(err)
		}
		again := r.try(t, demo, "canonical", string(body))
		if again.Error != nil {
			t.Errorf("%s: %v", s.file, again.Error)
			continue
		}
		tried++
		for i := range again.Delivery.Events { // visitors and agents who wrote are named beside what they wrote
			one, other := &first.Delivery.Events[i], &again.Delivery.Events[i]
			one.Subjects, other.Subjects, one.Agents, other.Agents = nil, nil, nil, nil
			if one.Status == "" {
				other.Status = ""
			}
		}
		if diff := cmp.Diff(first.Delivery, again.Delivery); diff != "" {
			t.Errorf("%s (-tried +taken):\n%s", s.file, diff)
		}
	}
	if tried < 20 {
		t.Errorf("only %d samples", tried)
	}
}

// moved makes somebody else change a source just before it is written.
func (r *road) moved(t testing.TB, sourceName string) {
	r.Fault.Set(func(_ context.Context, req vaulttest.Request) error {
		if req.Operation != "TransactWriteItems" {
			return nil
		}
		r.Fault.Set(nil)
		for _, item := range r.Items(t, r.Tables.Control) {
			if attr.GetS(item, "pk") == "demo#" && attr.GetS(item, "sk") == "source#"+sourceName {
				item["version"] = attr.N(attr.GetN(item, "version") + 1)
				r.put(t, r.Tables.Control, item)
			}
		}
		return nil
	})
}

package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/source"
)

func TestStoreAccountsAreCheckedBeforeTheyAreMade(t *testing.T) {
	r := newRoad(t)
	r.account(t, admin.Request{Account: "taken"})
	before := len(r.Items(t, r.Tables.Keys)) + len(r.Items(t, r.Tables.Control))
	for _, test := range []struct {
		name string
		req  admin.Request
		code string
	}{
		{"refuses an id with upper case", admin.Request{Account: "Demo"}, "account_invalid"},
		{"refuses an id that would reach other keys", admin.Request{Account: "demo#x"}, "account_invalid"},
		{"refuses an id that is too short", admin.Request{Account: "abc"}, "account_invalid"},
		{"refuses an account that exists", admin.Request{Account: "taken"}, "account_exists"},
		{"refuses an unknown plan", admin.Request{Account: "demo", Plan: "free"}, "policy_not_possible"},
		{"refuses an unknown start", admin.Request{Account: "demo", Start: "everything"}, "start_unknown"},
		{"refuses a retention that is no duration", admin.Request{Account: "demo", Retention: "two weeks"}, "retention_invalid"},
		{"refuses a retention of nothing", admin.Request{Account: "demo", Retention: "P0D"}, "retention_invalid"},
		{"refuses a retention longer than the plan's", admin.Request{Account: "demo", Retention: "P1Y"}, "policy_not_possible"},
		{"refuses an unknown time zone", admin.Request{Account: "demo", TimeZone: "Europe/Utopia"}, "time_zone_unknown"},
		{"refuses the machine's own time zone", admin.Request{Account: "demo", TimeZone: "Local"}, "time_zone_unknown"},
		{"refuses a time zone that is a path", admin.Request{Account: "demo", TimeZone: "../../etc/passwd"}, "time_zone_unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.req.Plan == "" {
				test.req.Plan = "standard"
			}
			if test.req.Start == "" {
				test.req.Start = "minimal"
			}
			_, err := r.admin.Create(context.Background(), test.req)
			if f, ok := errors.AsType[*fault.Fault](err); !ok || f.Code != test.code || f.Retry() {
				t.Errorf("got %v, want the code %s", err, test.code)
			}
		})
	}
	if after := len(r.Items(t, r.Tables.Keys)) + len(r.Items(t, r.Tables.Control)); after != before {
		t.Errorf("refusals wrote %d rows", after-before)
	}
}

func TestStoreARefusalIsAnAnswer(t *testing.T) {
	r := newRoad(t)
	answer, err := r.admin.Handle(context.Background(), json.RawMessage(`{"action":"create-account","account":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(answer)
	if err != nil || !strings.Contains(string(b), `"code":"account_invalid"`) {
		t.Errorf("got %s %v", b, err)
	}
}

func TestStoreANewAccountHasEverySource(t *testing.T) {
	r := newRoad(t)
	created := r.account(t, admin.Request{Account: "demo"})
	secrets := map[string]bool{}
	for _, name := range source.Names() {
		s, ok := created.Sources[name]
		if !ok || s.Path != "/v1/webhooks/demo/"+name || len(s.Secret) < 43 { // 256 bits in base64 or longer
			t.Errorf("%s: %q", name, s.Path)
		}
		secrets[s.Secret] = true
	}
	if len(secrets) != len(source.Names()) || len(created.Sources) != len(secrets) {
		t.Errorf("%d sources with %d secrets", len(created.Sources), len(secrets))
	}
	for _, item := range append(r.Items(t, r.Tables.Keys), r.Items(t, r.Tables.Control)...) {
		for secret := range secrets {
			var b bytes.Buffer
			dump(&b, attr.Map(item))
			if bytes.Contains(b.Bytes(), []byte(secret)) || bytes.Contains(b.Bytes(), []byte(created.Token)) {
				t.Error("a secret or the token stands in a table")
			}
		}
	}
}

func TestStoreTwoSecretsAreTakenWhileOneIsRotated(t *testing.T) {
	r := newRoad(t)
	first := r.account(t, admin.Request{Account: "demo"})
	with := func(secret string) admin.Created {
		return admin.Created{Account: "demo", Sources: map[string]admin.Source{"tawkto": {Secret: secret}}}
	}
	taken := func(secret, chat string) bool {
		status, _ := r.post(with(secret), "tawkto", tawkStart(chat, r.Clock.Now(), "Hello"))
		return status == 202
	}
	old := first.Sources["tawkto"].Secret
	second, err := r.admin.Rotate(context.Background(), admin.Request{Account: "demo", Source: "tawkto"})
	if err != nil {
		t.Fatal(err)
	}
	if !taken(old, "a") || !taken(second.Secret, "b") {
		t.Error("while it is rotated, both secrets must be taken")
	}
	if other := first.Sources["chatwoot"].Secret; taken(other, "c") {
		t.Error("the secret of another source was taken")
	}
	third, err := r.admin.Rotate(context.Background(), admin.Request{Account: "demo", Source: "tawkto"})
	if err != nil {
		t.Fatal(err)
	}
	if taken(old, "d") || !taken(second.Secret, "e") || !taken(third.Secret, "f") {
		t.Error("after a second rotation, the last two secrets must be taken and the first not")
	}
	r.Clock.Set(third.PreviousValidUntil.Add(-time.Second))
	if !taken(second.Secret, "g") {
		t.Error("the previous secret is refused before its time is over")
	}
	r.Clock.Set(third.PreviousValidUntil)
	if taken(second.Secret, "h") || !taken(third.Secret, "i") {
		t.Error("past the time of the rotation, only the new secret must be taken")
	}
	if _, err := r.admin.Rotate(context.Background(), admin.Request{Account: "nobody", Source: "tawkto"}); !errors.Is(err, admin.ErrMissing) {
		t.Errorf("rotation of an unknown account: %v", err)
	}
	if _, err := r.admin.Rotate(context.Background(), admin.Request{Account: "demo", Source: "fax"}); !errors.Is(err, admin.ErrMissing) {
		t.Errorf("rotation of an unknown source: %v", err)
	}
}

// Some senders make the secret themselves, and an account may be older than a source.
func TestStoreAGivenSecretAndASourceThatIsNew(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	rotate := func(source, secret string) error {
		rotated, err := r.admin.Rotate(context.Background(), admin.Request{Account: "demo", Source: source, Secret: secret})
		demo.Sources[source] = admin.Source{Secret: rotated.Secret}
		return err
	}
	if err := rotate("tawkto", "made-by-the-sender"); err != nil || demo.Sources["tawkto"].Secret != "made-by-the-sender" {
		t.Fatalf("%v: %+v", err, demo.Sources["tawkto"])
	}
	r.mustPost(t, demo, "tawkto", tawkStart("given", noon, "one"))
	for _, item := range r.Items(t, r.Tables.Control) {
		if attr.GetS(item, "sk") == "source#chatwoot" {
			r.remove(t, r.Tables.Control, attr.Item{"pk": item["pk"], "sk": item["sk"]}, "")
		}
	}
	if err := rotate("chatwoot", ""); err != nil {
		t.Fatal(err)
	}
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 1, noon, "one"))
	for source, secret := range map[string]string{"tawkto": "short", "chatwoot": "with a blank in it", "canonical": "whsec_!!", "zendesk": strings.Repeat("x", 257), "freshchat": "made-by-the-sender"} {
		if err := rotate(source, secret); !errors.Is(err, admin.ErrSecret) {
			t.Errorf("%s: %v", source, err)
		}
	}
	// Only Freshchat can make the secret of its source: what is there at first, and what is made without one, verifies nothing.
	message := []byte(`{"action":"message_create","data":{"message":{"id":"m1","conversation_id":"c1","created_time":"` + noon.Format(time.RFC3339) + `"}}}`)
	r.mustPost(t, demo, "freshchat", message)
	// A hook of Crisp's for a website signs nothing and has the secret in its address.
	hook := r.signed(demo, "crisp", []byte(`{"event":"session:set_state","timestamp":`+strconv.FormatInt(noon.UnixMilli(), 10)+`,"data":{"session_id":"s1","state":"resolved"}}`))
	hook.Headers = map[string]string{"content-type": "application/json"}
	for query, want := range map[string]int{
		"key=" + url.QueryEscape(demo.Sources["crisp"].Secret): 202, "key=" + demo.Sources["chatwoot"].Secret: 401, "key=": 401, "": 401, "key=%zz": 401,
	} {
		hook.RawQueryString = query
		if res, err := r.ingest.Webhook(context.Background(), hook); err != nil || res.StatusCode != want {
			t.Errorf("with a query of %d bytes: %d, want %d, %v", len(query), res.StatusCode, want, err)
		}
	}
	fresh, err := r.admin.Create(context.Background(), admin.Request{Account: "fresh", Plan: "standard", Start: "minimal"})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := r.post(fresh, "freshchat", message); status != 401 {
		t.Errorf("before a key was given: %d %s", status, body)
	}
}

package functions_test

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/ingest"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// administers asks admin as an administrator of the account does.
func (r *road) administers(t testing.TB, a admin.Created, route, body string, path map[string]string) (int, string) {
	t.Helper()
	req := r.reading(a, "", "")
	req.RouteKey, req.Body = route, body
	maps.Copy(req.PathParameters, path)
	res, err := r.admin.HTTP(context.Background(), req)
	if err == nil {
		err = asDescribed(req, res)
	}
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Body
}

// source is what an administrator is shown of a source.
func (r *road) source(t testing.TB, a admin.Created, name string) (view admin.SourceView) {
	t.Helper()
	status, body := r.administers(t, a, "GET /v1/accounts/{account}/sources/{source}", "", map[string]string{"source": name})
	if err := json.Unmarshal([]byte(body), &view); err != nil || status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	return view
}

func (r *road) healthRows(t testing.TB) (rows []attr.Item) {
	t.Helper()
	for _, item := range r.Items(t, r.Tables.Control) {
		if strings.Contains(attr.GetS(item, "pk"), "#health#") {
			rows = append(rows, item)
		}
	}
	return rows
}

func TestStoreHealthOfASource(t *testing.T) { healthOfASource(t, newRoad(t)) }

func TestHealthOfASourceInMemory(t *testing.T) { healthOfASource(t, inMemory()) }

func healthOfASource(t *testing.T, r *road) {
	demo := r.account(t, admin.Request{Account: "demo"})
	if h := r.source(t, demo, "tawkto").Health; h.LastAccepted != nil || h.LastRefused != nil || len(h.Days) != 0 {
		t.Errorf("before anything came: %+v", h)
	}
	r.mustPost(t, demo, "tawkto", tawkStart("c1", noon, "Hello"))
	h := r.source(t, demo, "tawkto").Health
	if h.LastAccepted == nil || h.LastAccepted.Type != "chat:start" || !h.LastAccepted.At.Equal(noon) {
		t.Errorf("after the first: %+v", h)
	}
	forged := r.signed(demo, "tawkto", tawkStart("c2", noon, "Hello"))
	forged.Body += " "
	refused := func() {
		t.Helper()
		if res, _ := r.ingest.Webhook(context.Background(), forged); res.StatusCode != 401 {
			t.Fatalf("forged: %d", res.StatusCode)
		}
	}
	for range 5 {
		refused()
	}
	h = r.source(t, demo, "tawkto").Health
	if len(h.Days) != 1 || h.Days[0].Accepted != 1 || h.Days[0].Refused != 5 || h.LastRefused == nil {
		t.Errorf("after six, which are written down at once: %+v", h)
	}
	for range 45 {
		refused()
	}
	if got := r.source(t, demo, "tawkto").Health; cmp.Diff(h, got) != "" {
		t.Errorf("within ten seconds it was written again: %+v", got)
	}
	r.Clock.Advance(time.Second)
	r.mustPost(t, demo, "tawkto", tawkStart("c1", noon, "Hello"))
	h = r.source(t, demo, "tawkto").Health
	if h.Days[0].Accepted != 2 || h.Days[0].Refused != 50 || !h.LastAccepted.At.Equal(noon.Add(time.Second)) {
		t.Errorf("the first that is taken after refusals is not written: %+v", h)
	}
	refused()
	if got := r.source(t, demo, "tawkto").Health; got.Days[0].Refused != 51 {
		t.Errorf("the first that is refused after one that was taken is not written: %+v", got)
	}
	for range 3 {
		refused()
	}
	r.Clock.Advance(10 * time.Second)
	if status, _ := r.post(demo, "tawkto", []byte(`{}`)); status != 400 {
		t.Fatalf("without an event: %d", status)
	}
	want := admin.SourceHealth{
		LastAccepted: &admin.LastAccepted{At: h.LastAccepted.At, Type: "chat:start"},
		LastRefused:  &admin.LastRefused{At: h.LastAccepted.At, Code: "field_missing"},
		Days:         []admin.SourceDay{{Day: "2026-11-21", Accepted: 2, Duplicates: 1, Refused: 55}},
	}
	want.LastRefused.At.Time = noon.Add(11 * time.Second)
	if diff := cmp.Diff(want, r.source(t, demo, "tawkto").Health); diff != "" {
		t.Errorf("ten seconds later (-want +got):\n%s", diff)
	}

	// What is counted before midnight and written after it belongs to the day before.
	r.Clock.Set(noon.Add(12*time.Hour - time.Second))
	for range 8 {
		refused()
	}
	r.Clock.Advance(2 * time.Second)
	r.mustPost(t, demo, "tawkto", tawkStart("c3", r.Clock.Now(), "Hello"))
	want.Days = []admin.SourceDay{{Day: "2026-11-22", Accepted: 1}, {Day: "2026-11-21", Accepted: 2, Duplicates: 1, Refused: 63}}
	if diff := cmp.Diff(want.Days, r.source(t, demo, "tawkto").Health.Days); diff != "" {
		t.Errorf("past midnight (-want +got):\n%s", diff)
	}

	// Several processes add up, and only 31 days are shown.
	r.ingest.Health = r.counter()
	r.mustPost(t, demo, "tawkto", tawkStart("c4", r.Clock.Now(), "Hello"))
	want.Days[0].Accepted++
	if diff := cmp.Diff(want.Days, r.source(t, demo, "tawkto").Health.Days); diff != "" {
		t.Errorf("of two processes (-want +got):\n%s", diff)
	}
	r.Clock.Set(time.Date(2026, 12, 22, 0, 0, 0, 0, time.UTC))
	if diff := cmp.Diff(want.Days[:1], r.source(t, demo, "tawkto").Health.Days); diff != "" {
		t.Errorf("31 days later (-want +got):\n%s", diff)
	}
	for _, row := range r.healthRows(t) {
		if ttl := time.Unix(attr.GetN(row, "ttl"), 0); ttl.Before(noon.AddDate(0, 0, 31)) || ttl.After(noon.AddDate(0, 0, 42)) {
			t.Errorf("a row goes at %v", ttl)
		}
	}
}

// Nobody but who knows an account and its sources can have anything counted, and that, after six, at most every ten seconds.
func TestHealthIsNotForStrangers(t *testing.T) {
	r := inMemory()
	r.account(t, admin.Request{Account: "demo"})
	nobody := admin.Created{Account: "nobody", Sources: map[string]admin.Source{"tawkto": {Secret: "x"}}}
	r.post(nobody, "tawkto", tawkStart("c", noon, "Hello"))
	r.post(nobody, "fax", tawkStart("c", noon, "Hello"))
	if rows := r.healthRows(t); len(rows) != 0 {
		t.Errorf("%d rows", len(rows))
	}
	writes := 0
	r.Fault.Set(func(ctx context.Context, req vaulttest.Request) error {
		if ctx.Value(counting{}) != nil {
			writes++
		}
		return nil
	})
	nobody.Account = "demo"
	for range 100 {
		r.Clock.Advance(time.Second)
		if status, _ := r.post(nobody, "tawkto", tawkStart("c", noon, "Hello")); status != 401 {
			t.Fatal(status)
		}
	}
	if want := 6 + 9; writes != want {
		t.Errorf("%d writes in 100 seconds, want %d", writes, want)
	}
}

// What is refused before it is read shows too: a sender whose deliveries are too large has its administrator look here. Its answer
// is the same where there is no account.
func TestHealthOfWhatIsTooLarge(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	large := []byte(strings.Repeat(" ", ingest.MaxBody+1))
	nobody := admin.Created{Account: "nobody", Sources: demo.Sources}
	status, answer := r.post(demo, "tawkto", large)
	if other, same := r.post(nobody, "tawkto", large); status != 413 || other != status || same != answer {
		t.Errorf("%d %s, of no account %d %s", status, answer, other, same)
	}
	if h := r.source(t, demo, "tawkto").Health; h.LastRefused == nil || h.LastRefused.Code != "body_too_large" {
		t.Errorf("%+v", h)
	}
}

// A count that cannot be written fails no delivery, and is not lost while the process lives.
func TestHealthFailsNoDelivery(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	r.Fault.Set(func(ctx context.Context, req vaulttest.Request) error {
		if ctx.Value(counting{}) != nil {
			return errKilled
		}
		return nil
	})
	for range 3 {
		r.mustPost(t, demo, "tawkto", tawkStart("c1", noon, "Hello"))
		r.Clock.Advance(11 * time.Second)
	}
	r.unharmed()
	r.mustPost(t, demo, "tawkto", tawkStart("c1", noon, "Hello"))
	want := []admin.SourceDay{{Day: "2026-11-21", Accepted: 4, Duplicates: 3}}
	if diff := cmp.Diff(want, r.source(t, demo, "tawkto").Health.Days); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An address is said to be one for every account alike, and no table is asked.
func TestAddresses(t *testing.T) {
	r := inMemory()
	r.Fault.Set(func(context.Context, vaulttest.Request) error { t.Error("a table is asked"); return errKilled })
	for _, method := range []string{"GET", "HEAD"} {
		for source, want := range map[string]int{"tawkto": 200, "fax": 404} {
			req := events.APIGatewayV2HTTPRequest{
				RouteKey: method + " /v1/webhooks/{account}/{source}", PathParameters: map[string]string{"account": "nobody", "source": source},
			}
			res, err := r.ingest.Webhook(context.Background(), req)
			if err == nil {
				err = asDescribed(req, res)
			}
			if err != nil || res.StatusCode != want {
				t.Errorf("%s %s: %d %q %v", method, source, res.StatusCode, res.Body, err)
			}
		}
	}
}

package functions_test

import (
	"strings"
	"testing"
	"time"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/vault"
)

const why = `{"reason":"The contract ends."}`

func (r *road) closing(t testing.TB, a admin.Created, route string) (c admin.Closure, code string) {
	t.Helper()
	body := why
	if strings.HasPrefix(route, "GET") {
		body = ""
	}
	code = r.asked(t, a, route, body, &c)
	return c, code
}

func TestStoreClosureIsAnnouncedAndUndone(t *testing.T) {
	r := newRoad(t)
	demo, ids := r.daily(t, 2)
	if c, code := r.closing(t, demo, "GET closure"); code != "" || c.ClosesAt != nil || c.Holds != 0 {
		t.Errorf("before: %+v %s", c, code)
	}
	if _, code := r.closing(t, demo, "POST closure/undo"); code != "closure_unknown" {
		t.Errorf("undone before: %q", code)
	}
	for body, want := range map[string]string{`{}`: "reason_invalid", `{"reason":"x","at":"now"}`: "json_shape", ``: "json_invalid"} {
		for _, route := range []string{"POST closure", "POST closure/undo"} {
			if code := r.asked(t, demo, route, body, nil); code != want {
				t.Errorf("%s %s: %q, want %q", route, body, code, want)
			}
		}
	}
	var end time.Time
	for range 2 {
		end = r.Clock.Now().AddDate(0, 0, 30)
		if c, code := r.closing(t, demo, "POST closure"); code != "" || c.ClosesAt == nil || !c.ClosesAt.Equal(end) {
			t.Fatalf("announced: %+v %s", c, code)
		}
		if _, code := r.closing(t, demo, "POST closure"); code != "closure_announced" {
			t.Errorf("announced again: %q", code)
		}
		var p vault.PolicyView
		if code := r.asked(t, demo, "GET policy", "", &p); code != "" || p.ClosesAt == nil || !p.ClosesAt.Equal(end) || p.Reason != "The contract ends." {
			t.Errorf("the policy: %+v %s", p, code)
		}
		if code := r.asked(t, demo, "POST policy/undo", why, nil); code != "undo_over" {
			t.Errorf("undone as a policy: %q", code)
		}
		r.Clock.Set(end.Add(-time.Minute - time.Second))
		if rep := r.purgeAll(t); rep.Conversations != 0 {
			t.Errorf("within the notice a purge destroyed %+v", rep)
		}
		r.shown(t, demo, ids[1], "within the notice")
		if c, code := r.closing(t, demo, "POST closure/undo"); code != "" || c.ClosesAt != nil {
			t.Errorf("undone: %+v %s", c, code)
		}
		r.Clock.Set(end.Add(time.Hour))
		r.purgeAll(t)
		r.shown(t, demo, ids[1], "after the undoing")
	}
	end = r.Clock.Now().AddDate(0, 0, 30)
	r.closing(t, demo, "POST closure")
	// A change of the policy does not take the announcement back.
	r.change(t, demo, `"retention":{"fact":"P30D"}`)
	if c, code := r.closing(t, demo, "GET closure"); code != "" || c.ClosesAt == nil || !c.ClosesAt.Equal(end) {
		t.Errorf("after a change of the policy: %+v %s", c, code)
	}
	r.Clock.Set(end.Add(-time.Minute))
	if _, code := r.closing(t, demo, "POST closure/undo"); code != "undo_over" {
		t.Errorf("in the last minute: %q", code)
	}
}

// closed says that nothing of an account answers.
func (r *road) closed(t testing.TB, a admin.Created, id, when string) {
	t.Helper()
	for _, of := range []string{id, ""} {
		if status, body := r.get(t, a, of, ""); status != 404 {
			t.Errorf("%s: reading %q answers %d %.60s", when, of, status, body)
		}
	}
	for _, route := range []string{"GET policy", "GET closure", "GET receipts", "GET holds"} {
		if code := r.asked(t, a, route, "", nil); code != "token_missing" {
			t.Errorf("%s: %s answers %q", when, route, code)
		}
	}
	if status, body := r.post(a, "tawkto", tawkStart("late", r.Clock.Now(), "hello")); status != 401 {
		t.Errorf("%s: a delivery is answered %d %s", when, status, body)
	}
	if all, err := r.extracted(t.Context(), a); err == nil && all != "" {
		t.Errorf("%s: extracted %.60s", when, all)
	}
}

// left are the items of an account in the tables records and keys but the rows that have no key and only remember.
func (r *road) left(t testing.TB, account string) (left []string) {
	t.Helper()
	for _, table := range []string{r.Tables.Records, r.Tables.Keys} {
		for _, item := range r.Items(t, table) {
			pk := attr.GetS(item, "pk")
			if strings.HasPrefix(pk, account+"#") && (table == r.Tables.Records || item["key"] != nil || item["own"] != nil) {
				left = append(left, pk+" "+attr.GetS(item, "sk"))
			}
		}
	}
	return left
}

func TestStoreClosureDestroysEverythingOfOneAccount(t *testing.T) {
	r := newRoad(t)
	other := r.account(t, admin.Request{Account: "other"})
	r.mustPost(t, other, "canonical", canonicalEnded("chat", "1"))
	demo, ids := r.daily(t, 3)
	r.mustPost(t, demo, "canonical", canonicalEnded("ticket", "1"))
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 1, noon, large(50_000, 7))) // an object
	r.mustPost(t, demo, "chatwoot", wootResolved(1, noon.Add(time.Second)))
	r.settleAll(t)
	r.Clock.Advance(29 * 24 * time.Hour)
	r.closing(t, demo, "POST closure")
	r.mustPost(t, demo, "tawkto", tawkStart("open", r.Clock.Now(), "stays open"))
	answer, err := r.extracted(t.Context(), demo)
	if err != nil || !strings.Contains(answer, ids[0]) {
		t.Fatalf("within the notice the extract is %q, %v", answer, err)
	}
	before := r.left(t, "other")
	r.Clock.Advance(30 * 24 * time.Hour)
	r.closed(t, demo, ids[2], "before the purge")
	rep := r.purgeAll(t)
	if rep.Conversations != 6 || rep.Facts != 5 || rep.Receipts == 0 {
		t.Errorf("the purge: %+v", rep)
	}
	r.closed(t, demo, ids[2], "after the purge")
	if left := r.left(t, "demo"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if objects := r.S3.Objects(); len(objects) > 0 {
		t.Errorf("%d objects are left", len(objects))
	}
	records := int64(0)
	for _, signed := range r.receipts(t, "demo") {
		rec := signed.Receipt
		records += rec.Size
		if rec.Act != receipt.Closure {
			t.Errorf("a receipt of the act %s", rec.Act)
		}
		for _, part := range rec.What {
			if part.Why != "closure" {
				t.Errorf("a part: %+v", part)
			}
		}
	}
	if records != 11 {
		t.Errorf("the receipts name %d records", records)
	}
	for hours := range 3 {
		r.Clock.Advance(time.Duration(hours+1) * time.Hour)
		if rep := r.purgeAll(t); rep.Conversations+rep.Items+rep.Receipts != 0 {
			t.Errorf("a later purge: %+v", rep)
		}
	}
	if after := r.left(t, "other"); len(after) != len(before) || len(r.receipts(t, "other")) != 0 {
		t.Errorf("of the other account %d of %d are left", len(after), len(before))
	}
	r.shown(t, other, r.id(t, other, "canonical", "1", 1), "of another account")
}

// While anything is held, all of it waits, and goes on as before.
func TestStoreClosureWaitsForHolds(t *testing.T) {
	r := newRoad(t)
	demo, ids := r.daily(t, 2)
	h := r.holding(t, demo, `"records":["`+ids[0]+`"]`)
	if c, code := r.closing(t, demo, "POST closure"); code != "" || c.Holds != 1 {
		t.Errorf("announced: %+v %s", c, code)
	}
	r.Clock.Set(noon.AddDate(0, 0, 31))
	if rep := r.purgeAll(t); rep.Conversations != 0 {
		t.Errorf("a purge destroyed %+v", rep)
	}
	r.shown(t, demo, ids[0], "held")
	r.shown(t, demo, ids[1], "beside what is held")
	if code := r.release(t, demo, h.ID, nil); code != "" {
		t.Fatal(code)
	}
	r.closed(t, demo, ids[0], "released")
	if rep := r.purgeAll(t); rep.Conversations != 2 {
		t.Errorf("the purge after the release: %+v", rep)
	}
	if left := r.left(t, "demo"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

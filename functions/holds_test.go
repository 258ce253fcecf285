package functions_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/retention"
)

// another is the same account as another administrator of it has it: with a token of their own.
func (r *road) another(t testing.TB, a admin.Created) admin.Created {
	t.Helper()
	token := account.NewToken()
	row := attr.Key(account.Partition(a.Account), account.TokenKey(token.ID))
	row["hash"], row["createdAt"] = attr.B(token.Hash()), attr.Time(r.Clock.Now())
	r.put(t, r.Tables.Control, row)
	a.Token = token.Reveal()
	return a
}

// holding sets a hold.
func (r *road) holding(t testing.TB, a admin.Created, about string) (h admin.Hold) {
	t.Helper()
	if code := r.asked(t, a, "POST holds", `{"reason":"A dispute about an order.",`+about+`}`, &h); code != "" {
		t.Fatalf("hold %s: %s", about, code)
	}
	return h
}

func (r *road) release(t testing.TB, a admin.Created, hold string, v any) (code string) {
	t.Helper()
	return r.askedOf(t, a, "POST holds/{hold}/release", map[string]string{"hold": hold}, `{"reason":"The dispute is settled."}`, v)
}

func (r *road) holds(t testing.TB, a admin.Created) (states []string) {
	t.Helper()
	var all admin.Holds
	if code := r.asked(t, a, "GET holds", "", &all); code != "" {
		t.Fatal(code)
	}
	for _, h := range all.Holds {
		if h.Matches != nil || h.Reason == "" {
			t.Errorf("listed: %+v", h)
		}
		states = append(states, h.State)
	}
	return states
}

// audited are the audit entries of an account whose action begins so, in order.
func (r *road) audited(t testing.TB, a admin.Created, begins string) (entries []string) {
	t.Helper()
	if err := audit.Read(t.Context(), r.DB, r.Tables.Control, a.Account, noon, r.Clock.Now(), func(e audit.Entry) error {
		if strings.HasPrefix(e.Action, begins) {
			entries = append(entries, e.Action+" "+e.Target)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(entries) // they may be of one instant
	return entries
}

func TestStoreHoldKeepsBeyondTheRetention(t *testing.T) {
	r := newRoad(t)
	demo, ids := r.daily(t, 3)
	h := r.holding(t, demo, fmt.Sprintf(`"records":[%q]`, ids[0]))
	if h.State != "in_force" || !h.Since.Equal(noon) || h.ReleasedAt != nil || h.Matches == nil || h.Matches.Records != 1 || h.Matches.Bytes <= 0 {
		t.Errorf("set: %+v", h)
	}
	if v := r.shown(t, demo, ids[0], "held, within its time"); !v.Held {
		t.Error("it is not said that it is held")
	}
	if v := r.one(t, demo, ids[1]); v.Held {
		t.Error("what is not held is said to be")
	}
	r.Clock.Set(noon.AddDate(0, 4, 0))
	r.hidden(t, demo, ids[1], "beyond its time")
	for range 2 {
		if v := r.shown(t, demo, ids[0], "held, beyond its time"); !v.Held || !cmp.Equal(texts(v), []string{"hello"}) {
			t.Errorf("held: %+v", v)
		}
		r.purgeAll(t)
	}
	var drifts admin.Drifts
	var calendar admin.Calendar
	if code := r.asked(t, demo, "GET retention/drift", "", &drifts); code != "" || drifts.Kinds[0].Held != 1 || drifts.Kinds[0].OverdueSeconds != 0 ||
		drifts.Kinds[0].OldestReadable == nil || *drifts.Kinds[0].OldestReadable != "2026-11-19" {
		t.Errorf("drift: %+v %s", drifts, code)
	}
	if code := r.asked(t, demo, "GET retention/calendar?kind=chat", "", &calendar); code != "" || len(calendar.Days) != 1 ||
		calendar.Days[0].Held != 1 || calendar.Days[0].Records != 1 {
		t.Errorf("calendar: %+v %s", calendar, code)
	}

	var released admin.Hold
	if code := r.release(t, demo, h.ID, &released); code != "" || released.State != "released" || released.ReleasedAt == nil ||
		released.ReleaseReason != "The dispute is settled." || released.ReleasedBy != released.By {
		t.Errorf("released: %+v %s", released, code)
	}
	r.hidden(t, demo, ids[0], "released")
	if rep := r.purgeAll(t); rep.Conversations != 1 || rep.Receipts == 0 {
		t.Errorf("the purge after the release: %+v", rep)
	}
	if got := r.holds(t, demo); !cmp.Equal(got, []string{"released"}) {
		t.Errorf("listed: %v", got)
	}
	for _, item := range r.Items(t, r.Tables.Control) {
		if said := fmt.Sprint(item); strings.Contains(said, "dispute") || strings.Contains(said, ids[0]) && !strings.Contains(said, "#audit#") &&
			attr.GetS(item, "sk") != account.PolicyKey {
			t.Errorf("in the clear: %.300s", said)
		}
	}
}

func TestStoreHoldMatches(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	for _, kind := range []string{"chat", "ticket"} {
		r.mustPost(t, demo, "canonical", canonicalEnded(kind, kind))
	}
	r.mustPost(t, demo, "tawkto", tawkStart("c", noon, "hello"))
	r.mustPost(t, demo, "tawkto", tawkEnd("c", noon.Add(time.Minute)))
	r.settleAll(t)
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 1, noon, "open"))
	chat := r.id(t, demo, "canonical", "chat", 1)
	for about, want := range map[string]int{
		fmt.Sprintf(`"records":[%q]`, chat):                                                 1,
		fmt.Sprintf(`"records":[%q],"source":"tawkto"`, chat):                               0,
		`"records":["` + strings.Repeat("a", 32) + `-1"]`:                                   0,
		`"subject":{"email":" IRIS@example.com "}`:                                          2,
		`"subject":{"email":"iris.vogel@example.com"}`:                                      1,
		`"subject":{"phone":"+1 (555) 555-0142"}`:                                           2,
		`"subject":{"visitor":"canonical/v1"}`:                                              2,
		`"subject":{"visitor":"tawkto/v1"}`:                                                 0,
		`"subject":{"custom":"customer-31"}`:                                                2,
		`"kinds":["ticket"],"from":"2026-11-21","to":"2026-11-21"`:                          1,
		`"kinds":["ticket"],"from":"2026-11-22"`:                                            0,
		`"to":"2026-11-20"`:                                                                 0,
		`"kinds":["fact"]`:                                                                  3,
		`"kinds":["fact"],"tag":"parcel"`:                                                   0,
		`"from":"2026-11-01"`:                                                               6, // with their facts
		`"tag":"PARCEL"`:                                                                    2,
		`"tag":"PARCEL","kinds":["chat"]`:                                                   1,
		`"tag":"parcel","department":"shipping","source":"canonical","kinds":["chat"]`:      1,
		`"tag":"parcel","department":"sales"`:                                               0,
		`"source":"tawkto","until":"2026-12-21T00:00:00+01:00","kinds":[],"tag":"","to":""`: 1,
	} {
		h := r.holding(t, demo, about)
		if h.Matches.Records != want || h.Matches.Bytes > 0 != (want > 0) {
			t.Errorf("%s matches %+v, want %d", about, *h.Matches, want)
		}
		if code := r.release(t, demo, h.ID, nil); code != "" {
			t.Errorf("release: %s", code)
		}
	}
}

func TestStoreHoldFaults(t *testing.T) {
	r := newRoad(t)
	demo, _ := r.daily(t, 1)
	for wanted, want := range map[string]string{
		`{"kinds":["chat"]}`:                                                   "reason_invalid",
		`{"reason":" ","kinds":["chat"]}`:                                      "reason_invalid",
		`{"reason":"x"}`:                                                       "hold_not_possible",
		`{"reason":"x","kinds":[],"records":[]}`:                               "hold_not_possible",
		`{"reason":"x","kinds":["fax"]}`:                                       "hold_not_possible",
		`{"reason":"x","records":["everything"]}`:                              "hold_not_possible",
		`{"reason":"x","from":"2026-11-31"}`:                                   "hold_not_possible",
		`{"reason":"x","from":"2026-11-21T00:00:00Z"}`:                         "hold_not_possible",
		`{"reason":"x","from":"2026-11-21","to":"2026-11-20"}`:                 "hold_not_possible",
		`{"reason":"x","tag":"a","until":"` + noon.Format(time.RFC3339) + `"}`: "hold_not_possible",
		`{"reason":"x","tag":"a","until":"next year"}`:                         "hold_not_possible",
		`{"reason":"x","tag":" "}`:                                             "hold_not_possible",
		`{"reason":"x","tag":"` + strings.Repeat("ä", 1001) + `"}`:             "hold_not_possible",
		`{"reason":"x","subject":{}}`:                                          "hold_not_possible",
		`{"reason":"x","subject":{"email":"a@b.example","phone":"+1555"}}`:     "hold_not_possible",
		`{"reason":"x","subject":{"email":"a@b.example","phone":null}}`:        "json_shape",
		`{"reason":"x","subject":null,"tag":"a"}`:                              "json_shape",
		`{"reason":"x","labels":["a"]}`:                                        "json_shape",
		`{`:                                                                    "json_invalid",
		`{"reason":"x","records":["` + strings.Repeat(strings.Repeat("a", 32)+`-1","`, retention.MaxHeld) + strings.Repeat("b", 32) + `-1"]}`: "hold_not_possible",
	} {
		if code := r.asked(t, demo, "POST holds", wanted, nil); code != want {
			t.Errorf("%.100s: %q, want %q", wanted, code, want)
		}
	}
	if got := r.holds(t, demo); got != nil {
		t.Errorf("there are holds: %v", got)
	}
	h := r.holding(t, demo, `"tag":"`+strings.Repeat("ä", 1000)+`"`)
	for id, want := range map[string]string{h.ID: "", h.ID[1:]: "hold_unknown", "abcdefghijklmnop": "hold_unknown", "ABCDEFGHIJKLMNOP": "hold_unknown"} {
		if code := r.release(t, demo, id, nil); code != want {
			t.Errorf("release of %s: %q, want %q", id, code, want)
		}
	}
	if code := r.release(t, demo, h.ID, nil); code != "hold_unknown" {
		t.Errorf("released again: %q", code)
	}
	other := r.account(t, admin.Request{Account: "other"})
	if code := r.release(t, other, r.holding(t, demo, `"tag":"a"`).ID, nil); code != "hold_unknown" {
		t.Errorf("another account's: %q", code)
	}
}

func TestStoreHoldsAreFifty(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	for range retention.MaxHolds {
		r.holding(t, demo, `"kinds":["chat"]`)
	}
	if code := r.asked(t, demo, "POST holds", `{"reason":"One more.","kinds":["chat"]}`, nil); code != "holds_full" {
		t.Errorf("answered %q", code)
	}
	if got := r.holds(t, demo); len(got) != retention.MaxHolds {
		t.Errorf("%d are listed", len(got))
	}
}

// Where the account asks for two administrators, nobody releases a hold alone, nor makes one enough.
func TestStoreHoldIsReleasedByTwo(t *testing.T) {
	r := newRoad(t)
	first, ids := r.daily(t, 1)
	second := r.another(t, first)
	r.change(t, first, `"twoToRelease":true`)
	h := r.holding(t, first, `"kinds":["chat"]`)
	r.Clock.Set(noon.AddDate(0, 4, 0))
	var asked, released admin.Hold
	if code := r.release(t, first, h.ID, &asked); code != "" || asked.State != "release_asked" || asked.ReleaseBy != h.By || asked.ReleasedBy != "" {
		t.Errorf("asked: %+v %s", asked, code)
	}
	if code := r.release(t, first, h.ID, nil); code != "second_administrator_needed" {
		t.Errorf("asked again: %q", code)
	}
	for _, route := range []string{"POST policy/previews", "POST policy/apply"} {
		body := `{"twoToRelease":false,"asOf":"2027-03-21T12:00:00Z","hash":"","reason":"It is in the way."}`
		if strings.HasSuffix(route, "previews") {
			body = `{"twoToRelease":false}`
		}
		if code := r.asked(t, first, route, body, nil); code != "holds_in_force" {
			t.Errorf("%s: %q", route, code)
		}
	}
	r.purgeAll(t)
	r.shown(t, first, ids[0], "the release was only asked for")
	if got := r.holds(t, second); !cmp.Equal(got, []string{"release_asked"}) {
		t.Errorf("listed: %v", got)
	}
	if code := r.release(t, second, h.ID, &released); code != "" || released.State != "released" || released.ReleaseBy != h.By ||
		released.ReleasedBy == h.By || released.ReleasedBy == "" {
		t.Errorf("released: %+v %s", released, code)
	}
	r.hidden(t, first, ids[0], "released by two")
	r.change(t, first, `"twoToRelease":false`)
}

func TestStoreHoldEndsByItself(t *testing.T) {
	r := newRoad(t)
	demo, ids := r.daily(t, 1)
	until := noon.AddDate(0, 5, 0)
	h := r.holding(t, demo, `"kinds":["chat"],"until":"`+until.Format(time.RFC3339)+`"`)
	r.Clock.Set(until.Add(-time.Second))
	r.purgeAll(t)
	r.shown(t, demo, ids[0], "held")
	r.Clock.Set(until)
	r.hidden(t, demo, ids[0], "at the end of the hold")
	if got := r.holds(t, demo); !cmp.Equal(got, []string{"over"}) {
		t.Errorf("listed: %v", got)
	}
	if rep := r.purgeAll(t); rep.Conversations != 1 {
		t.Errorf("the purge after it: %+v", rep)
	}
	r.holding(t, demo, `"kinds":["ticket"]`) // the one that is over goes
	if code := r.release(t, demo, h.ID, nil); code != "hold_unknown" {
		t.Errorf("released after its end: %q", code)
	}
}

// A hold brings nothing back that was over for good, whether a purge has run or not.
func TestStoreHoldRevivesNothing(t *testing.T) {
	for _, purged := range []bool{false, true} {
		t.Run(fmt.Sprintf("purged %t", purged), func(t *testing.T) {
			r := newRoad(t)
			demo, ids := r.daily(t, 2)
			r.Clock.Set(noon.AddDate(0, 3, 0)) // the first is over, the second is not
			if purged {
				r.purgeAll(t)
			}
			if h := r.holding(t, demo, `"kinds":["chat"]`); h.Matches.Records != 1 {
				t.Errorf("it matches %+v", *h.Matches)
			}
			r.hidden(t, demo, ids[0], "held too late")
			r.Clock.Advance(48 * time.Hour)
			r.purgeAll(t)
			r.hidden(t, demo, ids[0], "purged")
			r.shown(t, demo, ids[1], "held in time")
		})
	}
}

// The preview of a policy says what it would hide if nothing held it, and hides it not.
func TestStoreHoldIsInThePreview(t *testing.T) {
	r := newRoad(t)
	demo, ids := r.daily(t, 10)
	h := r.holding(t, demo, fmt.Sprintf(`"records":[%q]`, ids[0]))
	_, apply := r.preview(t, demo, `"retention":{"chat":"P7D"}`)
	if code := r.release(t, demo, h.ID, nil); code != "" {
		t.Fatal(code)
	}
	if code := r.asked(t, demo, "POST policy/apply", apply, nil); code != "preview_changed" {
		t.Errorf("after a release: %q", code)
	}
	r.holding(t, demo, fmt.Sprintf(`"records":[%q]`, ids[0]))
	p := r.change(t, demo, `"retention":{"chat":"P7D"}`)
	if of := p.Kinds[0]; of.Hides.Records != 1 || of.Held.Records != 1 || of.Held.Bytes <= 0 {
		t.Errorf("the preview: %+v", of)
	}
	r.shown(t, demo, ids[0], "held")
	r.hidden(t, demo, ids[1], "of another day that goes")
}

// What was asked of an account and what was done stands in its audit trail, without anybody's name.
func TestStoreHoldsAreAudited(t *testing.T) {
	r := newRoad(t)
	demo, _ := r.daily(t, 1)
	h := r.holding(t, demo, `"subject":{"email":"iris@example.com"}`)
	r.holds(t, demo)
	r.release(t, demo, h.ID, nil)
	got := r.audited(t, demo, "hold")
	if diff := cmp.Diff([]string{"hold.release hold=" + h.ID, "hold.set hold=" + h.ID, "holds.read "}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A hold keeps what comes in later too: what is told of visits of a day whose time is over stays as long as the day is held, whether
// anything was told of it before or not.
func TestAHeldDayTakesWhatIsToldOfItLate(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	r.change(t, demo, `"cadence":{"visit":"daily"},"waitHours":0`)
	var hold admin.Hold
	if code := r.asked(t, demo, "POST holds", `{"reason":"A case.","kinds":["visit"]}`, &hold); code != "" {
		t.Fatal(code)
	}
	shown := func(when string, want int) {
		t.Helper()
		r.purgeAll(t)
		if visits := r.listOf(t, demo, "visits", "").Visits; len(visits) != want {
			t.Errorf("%s there are %d visits, want %d", when, len(visits), want)
		}
	}
	r.Clock.Advance(24 * time.Hour)
	r.mustPost(t, demo, "canonical", canonicalVisit("first", noon.Add(24*time.Hour)))
	r.Clock.Advance(48 * time.Hour)
	r.mustPost(t, demo, "canonical", canonicalVisit("another", noon.Add(25*time.Hour)))
	shown("of a day that is there", 2)
	r.mustPost(t, demo, "canonical", canonicalVisit("third", noon))
	shown("of a day of which nothing is known", 3)
	if code := r.askedOf(t, demo, "POST holds/{hold}/release", map[string]string{"hold": hold.ID}, `{"reason":"It is over."}`, nil); code != "" {
		t.Fatal(code)
	}
	r.Clock.Advance(time.Hour)
	r.mustPost(t, demo, "canonical", canonicalVisit("fourth", noon))
	shown("after the release", 0)
	if n := r.itemsOf(t, "demo#visit#"); n != 0 {
		t.Errorf("%d items of visits are left", n)
	}
}

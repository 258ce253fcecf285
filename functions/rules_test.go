package functions_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/vault"
)

// two is an account with a chat that has a tag, a department and a source, and one that has others; both are of a day.
func (r *road) two(t testing.TB) (a admin.Created, parcel, other string) {
	t.Helper()
	a = r.account(t, admin.Request{Account: "demo"})
	parcel, other = r.fill(t, a)
	return a, parcel, other
}

func (r *road) fill(t testing.TB, a admin.Created) (parcel, other string) {
	t.Helper()
	r.mustPost(t, a, "canonical", canonicalEnded("chat", "1"))
	r.mustPost(t, a, "tawkto", tawkStart("c", noon, "hello"))
	r.mustPost(t, a, "tawkto", tawkEnd("c", noon.Add(time.Minute)))
	r.settleAll(t)
	return r.id(t, a, "canonical", "1", 1), r.id(t, a, "tawkto", "c", 1)
}

func TestStorePolicyRules(t *testing.T) {
	for _, about := range []string{`"tag":"Parcel"`, `"department":"shipping"`, `"source":"canonical"`, `"kinds":["chat"],"tag":"parcel","department":""`} {
		t.Run(about, func(t *testing.T) {
			r := newRoad(t)
			demo, parcel, other := r.two(t)
			r.Clock.Set(noon.AddDate(0, 0, 10))
			rules := `"rules":[{"name":"parcels",` + about + `,"retention":"P7D"}]`
			p := r.change(t, demo, rules)
			if got := p.Kinds[0].Hides; got.Records != 1 || got.Oldest != "2026-11-21" || len(p.Rules) != 1 || p.Rules[0].Name != "parcels" {
				t.Errorf("the preview: %+v", p)
			}
			r.hidden(t, demo, parcel, "by the rule")
			r.shown(t, demo, other, "of which the rule says nothing")
			if code := r.asked(t, demo, "POST policy/undo", `{"reason":"A mistake."}`, nil); code != "" {
				t.Fatal(code)
			}
			r.shown(t, demo, parcel, "undone")
			r.change(t, demo, rules)
			r.Clock.Advance(25 * time.Hour)
			if rep := r.purgeAll(t); rep.Conversations != 1 || rep.Cohorts != 0 {
				t.Errorf("the purge after the wait: %+v", rep)
			}
			r.change(t, demo, `"plan":"enterprise"`)
			r.hidden(t, demo, parcel, "destroyed, under a policy without the rule")
			r.shown(t, demo, other, "not destroyed")
			all := r.receipts(t, "demo")
			if len(all) != 1 || len(all[0].Receipt.What) != 1 || all[0].Receipt.What[0].Rule != "parcels" || all[0].Receipt.What[0].Policy != 4 {
				t.Errorf("stated: %+v", all)
			}
			var versions admin.Versions
			if code := r.asked(t, demo, "GET policy/versions", "", &versions); code != "" || len(versions.Versions) != 5 {
				t.Fatalf("%d versions %s", len(versions.Versions), code)
			}
			for i, want := range []int{0, 1, 0, 1, 0} {
				if v := versions.Versions[i]; len(v.Rules) != want || want == 1 && v.Rules[0].Retention != "P7D" {
					t.Errorf("version %d has the rules %+v", v.Version, v.Rules)
				}
			}
			for _, item := range r.Items(t, r.Tables.Control) {
				if said := strings.ToLower(fmt.Sprint(item)); strings.Contains(said, "shipping") || strings.Contains(said, "&{parcel}") {
					t.Errorf("in the clear: %.200s", said)
				}
			}
		})
	}
}

// A rule may keep what it matches for longer than the others of its kind; the first that matches counts.
func TestStorePolicyRuleKeepsLonger(t *testing.T) {
	r := newRoad(t)
	demo, parcel, other := r.two(t)
	r.Clock.Set(noon.AddDate(0, 0, 10))
	h := r.holding(t, demo, `"kinds":["ticket"]`)
	r.change(t, demo, `"retention":{"chat":"P7D"},"rules":[{"name":"parcels","tag":"parcel","retention":"P2M"},{"name":"all","source":"canonical","retention":"P1D"}]`)
	r.hidden(t, demo, other, "by the period of the kind")
	if v := r.shown(t, demo, parcel, "by the rule"); !v.ExpiresAt.Equal(time.Date(2027, time.January, 22, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("it expires at %v", v.ExpiresAt)
	}
	r.Clock.Advance(25 * time.Hour)
	if rep := r.purgeAll(t); rep.Conversations != 1 {
		t.Errorf("the purge: %+v", rep)
	}
	r.shown(t, demo, parcel, "by the rule, after the purge")
	r.release(t, demo, h.ID, nil)
	r.Clock.Set(time.Date(2027, time.January, 22, 0, 0, 0, 0, time.UTC))
	r.hidden(t, demo, parcel, "at its end")
	if rep := r.purgeAll(t); rep.Conversations != 1 {
		t.Errorf("the last purge: %+v", rep)
	}
}

func TestStorePolicyFaultsOfRulesAndCadences(t *testing.T) {
	r := newRoad(t)
	demo, _ := r.daily(t, 1)
	rule := func(body string) string { return `{"rules":[` + body + `]}` }
	for wanted, want := range map[string]string{
		rule(`{"name":"a"}`): "policy_not_possible", rule(`{"tag":"a"}`): "policy_not_possible", rule(`{}`): "policy_not_possible",
		rule(`{"name":"a","tag":"a","source":"tawkto"}`):                               "policy_not_possible",
		rule(`{"name":"A","tag":"a"}`):                                                 "policy_not_possible",
		rule(`{"name":"a","tag":" "}`):                                                 "policy_not_possible",
		rule(`{"name":"a","tag":"` + strings.Repeat("ä", 201) + `"}`):                  "policy_not_possible",
		rule(`{"name":"a","tag":"a"},{"name":"a","tag":"b"}`):                          "policy_not_possible",
		rule(`{"name":"a","tag":"a","kinds":["fact"]}`):                                "policy_not_possible",
		rule(`{"name":"a","tag":"a","retention":"P4M"}`):                               "policy_not_possible", // of a chat
		rule(`{"name":"a","tag":"a","retention":"P0D"}`):                               "policy_not_possible",
		rule(`{"name":"a","tag":"a","cadence":"weekly"}`):                              "policy_not_possible",
		rule(`{"name":"a","tag":"a","keep":"P1M"}`):                                    "json_shape",
		rule(`{"name":"a","tag":"a","store":null}`):                                    "json_shape",
		rule(strings.Repeat(`{"name":"a","tag":"a"},`, 20) + `{"name":"b","tag":"a"}`): "policy_not_possible",
		rule(`null`): "json_shape", `{"rules":null}`: "json_shape",
		`{"cadence":{"chat":"weekly"}}`: "policy_not_possible", `{"cadence":{"chat":""}}`: "policy_not_possible",
		`{"cadence":{"fax":"never"}}`: "policy_not_possible", `{"cadence":{"chat":null}}`: "json_shape",
		`{"store":{"fax":false}}`: "policy_not_possible", `{"store":{"fax":true}}`: "policy_not_possible", `{"store":{"chat":null}}`: "json_shape",
		`{"store":{"chat":"no"}}`: "json_shape", `{"retention":{"chat":null}}`: "", `{"retention":null}`: "json_shape",
		`{"deadlineHours":0}`: "policy_not_possible", `{"deadlineHours":721}`: "policy_not_possible", `{"deadlineHours":1}`: "", `{"deadlineHours":720}`: "",
		`{"required":{"chat":["mail:archive"]}}`: "policy_not_possible", `{"required":{"fact":[]}}`: "policy_not_possible", `{"required":{"chat":[]}}`: "",
		rule(`{"name":"a","tag":"` + strings.Repeat("ä", 200) + `","kinds":["ticket"],"retention":"P24M","cadence":"daily","store":true}`): "",
	} {
		if code := r.asked(t, demo, "POST policy/previews", wanted, nil); code != want {
			t.Errorf("%.120s: %q, want %q", wanted, code, want)
		}
	}
}

// A cadence of completion hides what has completed with the change and destroys it after its wait; what completes later goes at
// once.
func TestStorePolicyCadenceOfCompletion(t *testing.T) {
	r := newRoad(t)
	demo, ids := r.daily(t, 2)
	r.mustPost(t, demo, "tawkto", tawkStart("open", noon, "stays open"))
	if p := r.change(t, demo, `"cadence":{"chat":"completion"}`); p.Kinds[0].Hides.Records != 2 || p.Kinds[0].Hides.Open != 0 {
		t.Errorf("the preview: %+v", p.Kinds[0])
	}
	for _, id := range ids {
		r.hidden(t, demo, id, "completed before the change")
	}
	r.shown(t, demo, r.id(t, demo, "tawkto", "open", 1), "still open")
	if rep := r.purgeAll(t); rep.Conversations != 0 {
		t.Errorf("within the wait: %+v", rep)
	}
	r.Clock.Advance(25 * time.Hour)
	if rep := r.purgeAll(t); rep.Conversations < 2 {
		t.Errorf("after the wait: %+v", rep)
	}
	for i := range 3 { // a run that states what went since the last destroys nothing of its own
		r.queues.completing = nil
		chat := fmt.Sprint("new", i)
		r.mustPost(t, demo, "canonical", canonicalEndedAt("chat", chat, r.Clock.Now()))
		r.settleAll(t)
		id := r.id(t, demo, "canonical", chat, 1)
		r.hidden(t, demo, id, "as it completes")
		if len(r.queues.completing) != 1 {
			t.Fatalf("purge was told of %v", r.queues.completing)
		}
		if err := r.purge.Complete(context.Background(), r.queues.completing[0]); err != nil {
			t.Fatal(err)
		}
		r.Clock.Advance(time.Hour)
		r.purgeAll(t)
		var named []receipt.Act
		for _, signed := range r.receipts(t, "demo") {
			if _, ok := signed.Prove(id); ok {
				named = append(named, signed.Receipt.Act)
			}
		}
		if !cmp.Equal(named, []receipt.Act{receipt.Completion}) {
			t.Errorf("the receipts that name %s are of the acts %v", chat, named)
		}
		for _, item := range r.Items(t, r.Tables.Records) {
			if pk := fmt.Sprint(item["pk"]); strings.Contains(pk, id[:32]) {
				t.Errorf("left: %s", pk)
			}
		}
	}
}

func canonicalEndedAt(kind, id string, at time.Time) []byte {
	return []byte(strings.ReplaceAll(string(canonicalEnded(kind, id)), stamp(noon), stamp(at)))
}

// A cadence of a day ends what has completed at the account's midnight, and the calendar says so.
func TestStorePolicyCadenceOfADay(t *testing.T) {
	r := newRoad(t)
	r.Clock.Set(noon.AddDate(0, 0, -2))
	demo := r.account(t, admin.Request{Account: "demo"})
	r.change(t, demo, `"waitHours":0`) // of two waits the longer counts
	r.Clock.Set(noon)
	parcel, other := r.fill(t, demo)
	r.change(t, demo, `"rules":[{"name":"parcels","tag":"parcel","cadence":"daily"}]`)
	h := r.holding(t, demo, fmt.Sprintf(`"records":[%q]`, other))
	midnight := time.Date(2026, time.November, 22, 0, 0, 0, 0, time.UTC)
	if v := r.shown(t, demo, parcel, "on its day"); !v.ExpiresAt.Equal(midnight) {
		t.Errorf("it expires at %v", v.ExpiresAt)
	}
	var calendar admin.Calendar
	want := []admin.CalendarDay{{Date: "2026-11-22", Cohorts: 1, Records: 1}, {Date: "2027-02-22", Cohorts: 1, Records: 1, Held: 1}}
	code := r.asked(t, demo, "GET retention/calendar?kind=chat", "", &calendar)
	for i := range calendar.Days {
		calendar.Days[i].Bytes = 0
	}
	if diff := cmp.Diff(want, calendar.Days); diff != "" || code != "" {
		t.Errorf("the calendar %s (-want +got)\n%s", code, diff)
	}
	r.Clock.Set(midnight.Add(-time.Millisecond))
	r.shown(t, demo, parcel, "a moment before midnight")
	r.Clock.Set(midnight)
	r.hidden(t, demo, parcel, "at midnight")
	r.shown(t, demo, other, "without a cadence")
	if rep := r.purgeAll(t); rep.Conversations != 1 {
		t.Errorf("the purge: %+v", rep)
	}
	if part := r.receipts(t, "demo")[0].Receipt.What[0]; part.Why != "daily" || part.Rule != "parcels" || !part.Due.From.Equal(midnight) {
		t.Errorf("stated: %+v", part)
	}
	r.release(t, demo, h.ID, nil)
}

// What an account does not store is answered as ever, and dropped before it is written; what was stored before is hidden, and
// destroyed after the wait.
func TestStorePolicyOfWhatIsNotStored(t *testing.T) {
	r := newRoad(t)
	demo, parcel, other := r.two(t)
	dropped := func(source string, body []byte, want bool) {
		t.Helper()
		before := len(r.rows(t))
		if status, answer := r.post(demo, source, body); status != 202 || strings.Contains(answer, `"duplicates":1`) {
			t.Errorf("answered %d %s", status, answer)
		}
		if got := len(r.rows(t)) == before; got != want {
			t.Errorf("a delivery of %s was dropped: %t, want %t", source, got, want)
		}
	}
	if p := r.change(t, demo, `"store":{"chat":false}`); p.Kinds[0].Hides.Records != 2 || p.Store["chat"] || !p.Store["ticket"] {
		t.Errorf("the preview: %+v", p)
	}
	r.hidden(t, demo, parcel, "of a kind that is not stored")
	dropped("tawkto", tawkStart("d", noon, "not stored"), true)
	dropped("canonical", canonicalEnded("ticket", "t"), false)
	if code := r.asked(t, demo, "POST policy/undo", `{"reason":"A mistake."}`, nil); code != "" {
		t.Fatal(code)
	}
	r.shown(t, demo, parcel, "undone")
	r.change(t, demo, `"rules":[{"name":"tests","source":"canonical","store":false}]`)
	r.hidden(t, demo, parcel, "from a source that is not stored")
	r.shown(t, demo, other, "from another")
	dropped("canonical", canonicalEnded("chat", "2"), true)
	dropped("canonical", canonicalEnded("ticket", "2"), true)
	dropped("tawkto", tawkStart("e", noon, "stored"), false)
	r.Clock.Advance(25 * time.Hour)
	if rep := r.purgeAll(t); rep.Conversations != 2 { // the ticket as well
		t.Errorf("the purge: %+v", rep)
	}
	// What has a tag is known when it settles.
	r.change(t, demo, `"waitHours":0,"rules":[{"name":"spam","tag":"parcel","store":false}]`)
	r.mustPost(t, demo, "canonical", canonicalEndedAt("chat", "3", r.Clock.Now()))
	r.settleAll(t)
	r.hidden(t, demo, r.id(t, demo, "canonical", "3", 1), "with a tag that is not stored")
	r.Clock.Advance(time.Hour)
	r.purgeAll(t)
	for _, row := range r.rows(t) {
		if strings.Contains(fmt.Sprint(row["pk"]), r.id(t, demo, "canonical", "3", 1)[:32]) && fmt.Sprint(row["state"]) == fmt.Sprint(attrS(string(vault.Settled))) {
			t.Error("it is still there")
		}
	}
}

// What a policy waits for is a destination that there is, that takes the kind, and that cannot be deleted meanwhile.
func TestStorePolicyWaitsForDestinationsThatThereAre(t *testing.T) {
	r := newRoad(t)
	r.admin.Sends = true
	demo, ids := r.daily(t, 1)
	archive := map[string]string{"name": "archive"}
	put := func(kinds string) {
		t.Helper()
		body := `{"when":"settled","content":"full","to":{"kind":"fixed","addresses":["archive@example.com"]},"kinds":` + kinds + `}`
		if code := r.askedOf(t, demo, "PUT mail/{name}", archive, body, nil); code != "" {
			t.Fatal(code)
		}
	}
	wait := `"cadence":{"chat":"completion"},"required":{"chat":["mail:archive"]},"deadlineHours":48`
	if code := r.asked(t, demo, "POST policy/previews", "{"+wait+"}", nil); code != "policy_not_possible" {
		t.Errorf("of no destination: %q", code)
	}
	put(`["ticket"]`)
	if code := r.asked(t, demo, "POST policy/previews", "{"+wait+"}", nil); code != "policy_not_possible" {
		t.Errorf("of a destination of another kind: %q", code)
	}
	put(`["chat"]`)
	for _, names := range []string{`["archive"]`, `["mail:archive","mail:archive"]`, `["mail:archive","mail:other"]`} {
		if code := r.asked(t, demo, "POST policy/previews", `{"required":{"chat":`+names+`}}`, nil); code != "policy_not_possible" {
			t.Errorf("%s: %q", names, code)
		}
	}
	p := r.change(t, demo, wait)
	if !cmp.Equal(p.Required["chat"], []string{"mail:archive"}) || p.DeadlineHours != 48 {
		t.Errorf("the preview: %+v", p.TermsView)
	}
	if code := r.askedOf(t, demo, "DELETE mail/{name}", archive, "", nil); code != "destination_required" {
		t.Errorf("deleted: %q", code)
	}
	r.hidden(t, demo, ids[0], "settled when nothing was required")

	r.mustPost(t, demo, "canonical", canonicalEnded("chat", "new"))
	r.settleAll(t)
	id := r.id(t, demo, "canonical", "new", 1)
	if v := r.shown(t, demo, id, "not delivered yet"); v.State != conversation.Settled || !v.ExpiresAt.Equal(noon.Add(48*time.Hour)) {
		t.Errorf("not delivered yet: %+v", v)
	}
	r.Clock.Set(noon.Add(48 * time.Hour))
	r.hidden(t, demo, id, "at the deadline")
	r.purgeAll(t)
	var missing int64
	for _, signed := range r.receipts(t, "demo") {
		for _, not := range signed.Receipt.NotDelivered {
			missing += not.Records
		}
	}
	if missing != 1 {
		t.Errorf("%d are stated as not delivered", missing)
	}
}

package functions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// asked asks the policy's routes as the account's administrator and reads the answer into v, or answers the code of the error.
func (r *road) asked(t testing.TB, a admin.Created, route, body string, v any) (code string) {
	t.Helper()
	return r.askedOf(t, a, route, nil, body, v)
}

// askedOf is asked of something that the path names.
func (r *road) askedOf(t testing.TB, a admin.Created, route string, of map[string]string, body string, v any) (code string) {
	t.Helper()
	method, path, _ := strings.Cut(route, " ")
	path, query, _ := strings.Cut(path, "?")
	req := r.reading(a, "", query)
	req.RouteKey, req.Body = method+" /v1/accounts/{account}/"+path, body
	maps.Copy(req.PathParameters, of)
	res, err := r.admin.HTTP(context.Background(), req)
	if err == nil {
		err = asDescribed(req, res)
	}
	if err != nil {
		t.Errorf("%s: %v", route, err)
		return "?"
	}
	if res.StatusCode/100 == 2 {
		if v != nil {
			if err := json.Unmarshal([]byte(res.Body), v); err != nil {
				t.Errorf("%s: %v", route, err)
			}
		}
		return ""
	}
	var e struct{ Error struct{ Code string } }
	if err := json.Unmarshal([]byte(res.Body), &e); err != nil {
		t.Errorf("%s: %s", route, res.Body)
	}
	return e.Error.Code
}

// preview asks what a policy would do, and answers the body by which it is applied.
func (r *road) preview(t testing.TB, a admin.Created, wanted string) (p admin.Preview, apply string) {
	t.Helper()
	if code := r.asked(t, a, "POST policy/previews", "{"+wanted+"}", &p); code != "" {
		t.Fatalf("preview of %s: %s", wanted, code)
	}
	return p, fmt.Sprintf(`{%s,"asOf":%q,"hash":%q,"reason":"As agreed with the privacy officer."}`, wanted, p.AsOf, p.Hash)
}

func (r *road) change(t testing.TB, a admin.Created, wanted string) admin.Preview {
	t.Helper()
	p, apply := r.preview(t, a, wanted)
	if code := r.asked(t, a, "POST policy/apply", apply, nil); code != "" {
		t.Fatalf("apply %s: %s", wanted, code)
	}
	return p
}

// daily is an account with a chat on each of as many days, the last of them on the clock's day.
func (r *road) daily(t testing.TB, days int) (a admin.Created, ids []string) {
	t.Helper()
	a = r.account(t, admin.Request{Account: "demo"})
	end := r.Clock.Now()
	for day := range days {
		at := end.AddDate(0, 0, day-days+1)
		r.Clock.Set(at)
		chat := fmt.Sprintf("chat%03d", day)
		r.mustPost(t, a, "canonical", []byte(fmt.Sprintf(`{"version":"1","events":[{"type":"conversation.transcript","time":%[1]q,"kind":"chat",
			"conversation":%[2]q,"ended":true,"entries":[{"id":"1","time":%[1]q,"author":{"role":"visitor","name":"Iris Vogel"},"text":"hello"}]}]}`,
			stamp(at), chat)))
		r.settleAll(t)
		ids = append(ids, r.id(t, a, "canonical", chat, 1))
	}
	return a, ids
}

func (r *road) readable(t testing.TB, a admin.Created) (ids []string) {
	t.Helper()
	for _, v := range r.list(t, a, "limit=100") {
		ids = append(ids, v.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestStorePolicyHidesAtOnceAndDestroysAfterTheWait(t *testing.T) {
	r := newRoad(t)
	demo, ids := r.daily(t, 10)
	all := r.readable(t, demo)
	old := ids[0] // of 12 November: under P7D over from the 20th
	shown := r.change(t, demo, `"retention":{"chat":"P7D"}`)
	if got := shown.Kinds[0].Hides; got.Records != 2 || got.Oldest != "2026-11-12" || got.Newest != "2026-11-13" || got.Bytes <= 0 {
		t.Errorf("the preview of chats: %+v", got)
	}
	if got := shown.Kinds[2]; got.Hides.Records != 0 || len(got.Days) != 0 {
		t.Errorf("the preview of facts: %+v", got)
	}
	r.hidden(t, demo, old, "at once, in a warm process")
	r.hidden(t, demo, ids[1], "at once")
	r.shown(t, demo, ids[2], "of a day that the policy still keeps")
	before := len(r.Items(t, r.Tables.Records))
	for _, at := range []time.Duration{time.Minute, 23 * time.Hour, 24*time.Hour - time.Millisecond} {
		r.Clock.Set(noon.Add(at))
		if rep := r.purgeAll(t); rep.Cohorts+rep.Conversations+rep.Items != 0 {
			t.Errorf("%v after the change a purge destroyed %+v", at, rep)
		}
	}
	if after := len(r.Items(t, r.Tables.Records)); after != before {
		t.Errorf("%d of %d items are left", after, before)
	}
	r.Clock.Set(noon.Add(23 * time.Hour))
	var undone vault.PolicyView
	if code := r.asked(t, demo, "POST policy/undo", `{"reason":"It was meant for another account."}`, &undone); code != "" {
		t.Fatalf("undo: %s", code)
	}
	if undone.Version != 3 || undone.Retention[retention.Chat] != "P3M" || undone.UndoUntil != nil || undone.Reason != "It was meant for another account." {
		t.Errorf("undone: %+v", undone)
	}
	if diff := cmp.Diff(all, r.readable(t, demo)); diff != "" {
		t.Errorf("after the undoing (-before +now):\n%s", diff)
	}
	r.shown(t, demo, old, "after the undoing")
	if code := r.asked(t, demo, "POST policy/undo", `{"reason":"Once more."}`, nil); code != "undo_over" {
		t.Errorf("an undoing was undone: %s", code)
	}
	r.Clock.Set(noon.Add(48 * time.Hour))
	if rep := r.purgeAll(t); rep.Cohorts != 0 {
		t.Errorf("after the undoing a purge destroyed %+v", rep)
	}

	// Once more, and not undone.
	at := r.Clock.Now()
	shown = r.change(t, demo, `"retention":{"chat":"P7D"}`)
	r.Clock.Set(at.Add(24*time.Hour - time.Minute))
	if code := r.asked(t, demo, "POST policy/undo", `{"reason":"Too late."}`, nil); code != "undo_over" {
		t.Errorf("in the last minute: %s", code)
	}
	r.Clock.Set(at.Add(24 * time.Hour))
	rep := r.purgeAll(t)
	if want := shown.Kinds[0].Hides; rep.Conversations < want.Records || rep.Conversations > want.Records+1 { // a day has ended as well
		t.Errorf("the preview showed %+v, the purge destroyed %+v", want, rep)
	}
	r.change(t, demo, `"plan":"enterprise"`)
	r.hidden(t, demo, old, "destroyed, under a policy that is longer")
	r.shown(t, demo, ids[9], "what was kept, under a policy that is longer")
}

// Whether purge has run or not, a longer policy brings back nothing that could have been destroyed.
func TestStorePolicyRevivesNothing(t *testing.T) {
	for _, purged := range []bool{false, true} {
		t.Run(fmt.Sprintf("purged %t", purged), func(t *testing.T) {
			r := newRoad(t)
			demo, ids := r.daily(t, 10)
			r.mustPost(t, demo, "tawkto", tawkStart("open", noon, "stays open"))
			open := r.id(t, demo, "tawkto", "open", 1)
			r.change(t, demo, `"retention":{"chat":"P7D"},"waitHours":0`)
			r.Clock.Set(noon.Add(24*time.Hour - 2*time.Minute))
			p, _ := r.preview(t, demo, `"waitHours":24`)
			if got := p.Kinds[0].Shows.Records; got != 3 { // by the one before, whose longer wait counted
				t.Errorf("%d would be shown within the wait, want 3", got)
			}
			r.Clock.Set(noon.Add(9 * 24 * time.Hour)) // of 21 November and before
			if purged {
				r.purgeAll(t)
			}
			if p := r.change(t, demo, `"plan":"enterprise","waitHours":24`); p.Kinds[0].Shows.Records != 0 || p.Kinds[0].Shows.Open != 0 {
				t.Errorf("the preview of a longer policy: %+v", p.Kinds[0])
			}
			for _, id := range append(ids[:1:1], ids[9], open) {
				r.hidden(t, demo, id, "under a longer policy")
			}
			r.quiesce(t)
			r.purgeAll(t)
			for _, id := range append(ids[:1:1], ids[9], open) {
				r.hidden(t, demo, id, "purged under a longer policy")
			}
			for _, row := range r.rows(t) {
				if attr.GetS(row, "state") != "destroyed" {
					t.Errorf("left: %s in state %s", attr.GetS(row, "pk"), attr.GetS(row, "state"))
				}
			}
		})
	}
}

// What settles while it is hidden is not lost when the change is undone, nor what is said meanwhile.
func TestStorePolicyUndoneBringsBackWhatSettledMeanwhile(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	ticket := func(text string, at time.Time) []byte {
		return []byte(fmt.Sprintf(`{"version":"1","events":[{"type":"conversation.message","id":%[1]q,"time":%[2]q,"kind":"ticket","conversation":"t1",
			"entries":[{"id":%[1]q,"time":%[2]q,"author":{"role":"visitor","name":"Iris Vogel"},"text":%[1]q}]}]}`, text, stamp(at)))
	}
	r.mustPost(t, demo, "canonical", ticket("one", noon))
	r.Clock.Set(noon.AddDate(0, 0, 10))
	if p := r.change(t, demo, `"retention":{"ticket":"P7D"}`); p.Kinds[1].Hides.Open != 1 {
		t.Errorf("the preview: %+v", p.Kinds[1])
	}
	r.mustPost(t, demo, "canonical", ticket("two", noon.Add(time.Hour)))
	r.mustPost(t, demo, "canonical", []byte(fmt.Sprintf(
		`{"version":"1","events":[{"type":"conversation.ended","id":"end","time":%q,"kind":"ticket","conversation":"t1"}]}`, stamp(noon.Add(2*time.Hour)))))
	r.settleAll(t)
	r.purgeAll(t)
	if code := r.asked(t, demo, "POST policy/undo", `{"reason":"A mistake."}`, nil); code != "" {
		t.Fatal(code)
	}
	views := r.lines(t, demo)
	if len(views) != 1 || !cmp.Equal(texts(views[0]), []string{"one", "two"}) || views[0].State != conversation.Settled {
		t.Errorf("after the undoing: %+v", views)
	}
}

func TestStorePolicyOfAPreviewThatDoesNotHoldIsRefused(t *testing.T) {
	r := newRoad(t)
	demo, _ := r.daily(t, 10)
	_, apply := r.preview(t, demo, `"retention":{"chat":"P7D"}`)
	at := noon.AddDate(0, 0, -9)
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 1, at, "late"))
	r.mustPost(t, demo, "chatwoot", wootResolved(1, at.Add(time.Second)))
	r.settleAll(t)
	if code := r.asked(t, demo, "POST policy/apply", apply, nil); code != "preview_changed" {
		t.Errorf("after a settling in a day that goes: %q", code)
	}
	_, apply = r.preview(t, demo, `"retention":{"chat":"P7D"}`)
	if code := r.asked(t, demo, "POST policy/apply", strings.Replace(apply, "P7D", "P6D", 1), nil); code != "preview_changed" {
		t.Errorf("another policy: %q", code)
	}
	r.Clock.Set(noon.Add(13 * time.Hour)) // another day is over
	if code := r.asked(t, demo, "POST policy/apply", apply, nil); code != "preview_changed" {
		t.Errorf("after midnight: %q", code)
	}
	for wanted, want := range map[string]string{
		`{"retention":{"chat":"P0D"}}`: "policy_not_possible", `{"retention":{"chat":"-P1D"}}`: "policy_not_possible",
		`{"retention":{"chat":"P4M"}}`: "policy_not_possible", `{"retention":{"fax":"P1D"}}`: "policy_not_possible",
		`{"plan":"gold"}`: "policy_not_possible", `{"waitHours":721}`: "policy_not_possible", `{"waitHours":-1}`: "policy_not_possible",
		`{"retentoin":{}}`: "json_shape", `{"retention":{"chat":7}}`: "json_shape", `{`: "json_invalid",
	} {
		if code := r.asked(t, demo, "POST policy/previews", wanted, nil); code != want {
			t.Errorf("%s: %q, want %q", wanted, code, want)
		}
	}
	r.admin.Floor = retention.FloorDay
	if code := r.asked(t, demo, "POST policy/previews", `{"retention":{"chat":"PT23H"}}`, nil); code != "policy_not_possible" {
		t.Errorf("below the floor: %q", code)
	}
}

func TestStorePolicyAppliedTwiceAtOnceIsAppliedOnce(t *testing.T) {
	r := newRoad(t)
	demo, _ := r.daily(t, 3)
	_, apply := r.preview(t, demo, `"retention":{"chat":"P30D"}`)
	codes := make([]string, 8)
	var all sync.WaitGroup
	for i := range codes {
		all.Go(func() { codes[i] = r.asked(t, demo, "POST policy/apply", apply, nil) })
	}
	all.Wait()
	won := 0
	for _, code := range codes {
		switch code {
		case "":
			won++
		case "policy_moved", "preview_changed":
		default:
			t.Errorf("answered %q", code)
		}
	}
	var versions admin.Versions
	if code := r.asked(t, demo, "GET policy/versions", "", &versions); code != "" || won != 1 || len(versions.Versions) != 2 {
		t.Errorf("%d won, %d versions, %q", won, len(versions.Versions), code)
	}
}

// A policy over ninety days of data is in force after one transaction: nothing else is written but its audit entry.
func TestStorePolicyIsOneWrite(t *testing.T) {
	r := newRoad(t)
	demo, _ := r.daily(t, 90)
	_, apply := r.preview(t, demo, `"retention":{"chat":"P1D","fact":"P1D"}`)
	writes := map[string]int{}
	r.After.Set(func(_ context.Context, req vaulttest.Request) error {
		if req.Writes() {
			writes[req.Operation]++
		}
		return nil
	})
	code := r.asked(t, demo, "POST policy/apply", apply, nil)
	r.After.Set(nil)
	if code != "" || !maps.Equal(writes, map[string]int{"PutItem": 1, "TransactWriteItems": 1}) {
		t.Errorf("%q, %v", code, writes)
	}
	if left := r.readable(t, demo); len(left) != 2 {
		t.Errorf("%d can be read, want those of today and yesterday", len(left))
	}
	var calendar admin.Calendar
	if code := r.asked(t, demo, "GET retention/calendar?kind=chat", "", &calendar); code != "" {
		t.Fatal(code)
	}
	records := 0
	for _, day := range calendar.Days {
		records += day.Records
	}
	if first := calendar.Days[0]; records != 90 || first.Date != "2026-11-22" || first.Records != 88+1 {
		t.Errorf("the calendar: %+v", calendar)
	}
	for _, item := range r.Items(t, r.Tables.Control) {
		if strings.Contains(fmt.Sprint(item), "privacy officer") {
			t.Error("the reason stands in the table in the clear")
		}
	}
}

// What a smaller plan hides waits for thirty days, whatever the account says of its wait.
func TestStorePolicyOfASmallerPlanWaitsForThirtyDays(t *testing.T) {
	r := newRoad(t)
	demo, ids := r.daily(t, 1)
	r.change(t, demo, `"plan":"enterprise","waitHours":0`)
	r.Clock.Set(noon.AddDate(0, 6, 0))
	r.shown(t, demo, ids[0], "under the larger plan")
	changed := r.Clock.Now()
	if p := r.change(t, demo, `"plan":"standard","waitHours":0`); p.Kinds[0].Hides.Records != 1 || !p.UndoUntil.Equal(changed.AddDate(0, 0, 30)) {
		t.Errorf("the preview: %+v", p)
	}
	r.hidden(t, demo, ids[0], "under the smaller plan")
	r.Clock.Set(changed.AddDate(0, 0, 29))
	r.purgeAll(t)
	if code := r.asked(t, demo, "POST policy/undo", `{"reason":"The contract goes on."}`, nil); code != "" {
		t.Fatal(code)
	}
	r.shown(t, demo, ids[0], "under the larger plan again")
	answer, err := r.extracted(context.Background(), demo)
	if err != nil || !strings.Contains(answer, ids[0]) {
		t.Errorf("the extract: %v", err)
	}
	for name, body := range r.files.Objects() {
		if strings.HasSuffix(name, "policies.ndjson") && strings.Contains(string(body), `"version":4`) && !strings.Contains(string(body), "The contract goes on.") {
			t.Errorf("the extract does not say why: %s", body)
		}
	}
}

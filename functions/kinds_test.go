package functions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/report"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// listOf reads a list of any kind.
func (r *road) listOf(t testing.TB, a admin.Created, kinds, query string) report.Page {
	t.Helper()
	req := r.reading(a, "", query)
	req.RouteKey = "GET /v1/accounts/{account}/" + kinds
	res, err := r.report.HTTP(context.Background(), req)
	if err == nil {
		err = asDescribed(req, res)
	}
	var page report.Page
	if err != nil || res.StatusCode != 200 || json.Unmarshal([]byte(res.Body), &page) != nil {
		t.Fatalf("%s?%s: %d %s, %v", kinds, query, res.StatusCode, res.Body, err)
	}
	return page
}

// oneOf reads a conversation of any kind.
func (r *road) oneOf(t testing.TB, a admin.Created, kinds, id string) (status int, v conversation.View) {
	t.Helper()
	req := r.reading(a, id, "")
	req.RouteKey = strings.Replace(req.RouteKey, "chats", kinds, 1)
	res, err := r.report.HTTP(context.Background(), req)
	if err == nil {
		err = asDescribed(req, res)
	}
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode == 200 {
		if err := json.Unmarshal([]byte(res.Body), &v); err != nil {
			t.Fatal(err)
		}
	}
	return res.StatusCode, v
}

// itemsOf counts the items of records in partitions of a prefix.
func (r *road) itemsOf(t testing.TB, prefix string) (n int) {
	t.Helper()
	for _, item := range r.Items(t, r.Tables.Records) {
		if strings.HasPrefix(attr.GetS(item, "pk"), prefix) {
			n++
		}
	}
	return n
}

func canonicalDelivery(events ...string) []byte {
	return []byte(`{"version":"1","events":[` + strings.Join(events, ",") + `]}`)
}

// A call settles when it is hung up, and is completed then; one that nobody ends settles after a day, and is not.
func TestCallsCompleteWhenTheyAreHungUp(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo"})
	call := func(id, kind, more string) {
		r.mustPost(t, a, "canonical", canonicalDelivery(fmt.Sprintf(
			`{"id":%q,"type":%q,"time":%q,"kind":"call","conversation":%q,"call":{%s}}`, id+kind, "conversation."+kind, stamp(r.Clock.Now()), id, more)))
	}
	call("hung-up", "started", `"direction":"inbound"`)
	call("cut", "started", `"direction":"outbound"`)
	r.Clock.Advance(5 * time.Minute)
	call("hung-up", "ended", `"outcome":"answered","seconds":300`)
	r.settleAll(t)
	r.Clock.Advance(time.Minute)
	call("hung-up", "updated", `"recording":"rec-1"`) // comes later, and makes the next revision
	r.settleAll(t)
	states := map[string]string{}
	for _, v := range r.listOf(t, a, "calls", "").Calls {
		states[v.Conversation] = fmt.Sprint(v.State, " ", v.Revision)
	}
	if diff := cmp.Diff(map[string]string{"hung-up": "settled 2", "cut": "open 0"}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	id := r.listOf(t, a, "calls", "state=settled").Calls[0].ID
	_, v := r.oneOf(t, a, "calls", id)
	if diff := cmp.Diff(&conversation.Call{Direction: conversation.Inbound, Outcome: "answered", Seconds: 300, Recording: "rec-1"}, v.Call); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
	if status, _ := r.oneOf(t, a, "chats", id); status != 404 {
		t.Errorf("the call is a chat: %d", status)
	}
	r.Clock.Advance(25 * time.Hour)
	r.quiesce(t)
	if n := len(r.listOf(t, a, "calls", "state=settled").Calls); n != 2 {
		t.Errorf("%d calls settled", n)
	}
	r.change(t, a, `"cadence":{"call":"completion"},"waitHours":0`)
	r.purgeAll(t)
	left := r.listOf(t, a, "calls", "").Calls
	if len(left) != 1 || left[0].Conversation != "cut" {
		t.Errorf("left after a purge of what completed: %+v", left)
	}
}

// However late an article is changed, it is the same one, of which only the last text is kept; a cadence takes it when it is
// withdrawn, and not before.
func TestArticlesAreKeptUntilTheyAreWithdrawn(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo"})
	article := func(kind, more string) {
		r.mustPost(t, a, "canonical", canonicalDelivery(fmt.Sprintf(`{"type":%q,"time":%q,"article":"kb-1"%s}`, "article."+kind, stamp(r.Clock.Now()), more)))
		r.settleAll(t)
	}
	only := func() conversation.View {
		t.Helper()
		list := r.listOf(t, a, "articles", "").Articles
		if len(list) != 1 {
			t.Fatalf("articles: %+v", list)
		}
		_, v := r.oneOf(t, a, "articles", list[0].ID)
		return v
	}
	article("published", `,"title":"Wheels","text":"Round."`)
	first := only()
	if first.State != conversation.Settled || first.EndedAt != nil || first.Status != conversation.StatusPublished {
		t.Errorf("published: %+v", first)
	}
	r.Clock.Advance(400 * 24 * time.Hour)
	article("changed", `,"text":"Rounder."`)
	v := only()
	if v.ID != first.ID || v.Revision != 2 || len(*v.Entries) != 1 || (*v.Entries)[0].Text != "Rounder." || v.Title != "Wheels" {
		t.Errorf("changed after a year: %+v", v)
	}
	if n := r.itemsOf(t, "demo#fact#"); n != 0 {
		t.Errorf("an article made %d facts", n)
	}
	r.change(t, a, `"cadence":{"article":"hourly"},"waitHours":0`)
	r.Clock.Advance(2 * time.Hour)
	r.purgeAll(t)
	only()
	article("withdrawn", "")
	if v := only(); v.Status != conversation.StatusWithdrawn || v.EndedAt == nil {
		t.Errorf("withdrawn: %+v", v)
	}
	r.Clock.Advance(25 * time.Hour) // the wait of the change is over then too
	if rep := r.purgeAll(t); rep.Conversations != 1 || len(r.listOf(t, a, "articles", "").Articles) != 0 {
		t.Errorf("after a purge: %+v, %+v", rep, r.listOf(t, a, "articles", "").Articles)
	}
}

// A call of which everything is told in one moment, when it is over, lasted as long as its sender measured.
func TestTheFactOfACallHasItsDuration(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo"})
	r.mustPost(t, a, "canonical", canonicalDelivery(fmt.Sprintf(
		`{"id":"1","type":"conversation.ended","time":%q,"kind":"call","conversation":"c1","call":{"outcome":"answered","seconds":300}}`, stamp(noon))))
	r.settleAll(t)
	j := r.job(t, a, "POST", "", 202)
	r.work(t, endless)
	if facts := string(r.filesOf(t, r.files, a, r.job(t, a, "GET", j.ID, 200))["facts.ndjson"]); !strings.Contains(facts, `"seconds":300`) {
		t.Errorf("facts: %s", facts)
	}
}

// A sender whose clock is ahead keeps no visit longer than one whose clock is right.
func TestAVisitGoesWithTheDayOfItsReceipt(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo"})
	r.mustPost(t, a, "canonical", canonicalVisit("now", noon))
	r.mustPost(t, a, "canonical", canonicalVisit("ahead", noon.Add(20*time.Hour)))
	visits := r.listOf(t, a, "visits", "").Visits
	if len(visits) != 2 || visits[0].ExpiresAt != visits[1].ExpiresAt {
		t.Errorf("visits: %+v", visits)
	}
}

// Whatever adds up in a conversation, such as tags and people of many deliveries, its row has room for the marks of it.
func TestMarksOfVeryManyTagsAndPeopleAreBounded(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo", Start: "identified"})
	var events []conversation.Event
	for i := range 20 {
		e := conversation.Event{
			ID: fmt.Sprint(i), Source: "chatwoot", Conversation: "c1", Kind: retention.Chat, Time: conversation.At(noon), Received: conversation.At(noon),
			Ended: true,
		}
		for n := range 100 {
			e.Tagged = append(e.Tagged, fmt.Sprint("tag ", i, " ", n))
			e.Subjects = append(e.Subjects, conversation.Subject{VisitorID: fmt.Sprint(i, "-", n)})
		}
		events = append(events, e)
	}
	ses, err := r.Open(t.Context(), a.Account, "chatwoot")
	if err != nil {
		t.Fatal(err)
	}
	if marks := ses.Marks(conversation.Transcript{}.Fold(events)); len(marks) != 1000 {
		t.Errorf("%d marks, of which a row has room for 1,000", len(marks))
	}
}

// Nobody who holds an extract can find out who looked at a page by trying all addresses: what an address is called is each account's own.
func TestWhoLooksAtPagesIsCalledByNoAddress(t *testing.T) {
	r := inMemory()
	var called []string
	for _, name := range []string{"demo", "other"} {
		a := r.account(t, admin.Request{Account: name, Start: "identified"})
		r.nameSite(t, a)
		for range 2 {
			if status := r.pageOf(t, a, name, "", "192.0.2.1"); status != 202 {
				t.Fatal(status)
			}
		}
		if n := len(r.listOf(t, a, "visits", "").Visits); n != 1 {
			t.Errorf("%s has %d visits of one address on one day", name, n)
		}
		line, _, _ := strings.Cut(string(r.historyOf(t, name)), "\n")
		var v vault.Visit
		if err := json.Unmarshal([]byte(line), &v); err != nil || v.Told.Visit == "" {
			t.Fatalf("%s: %v", line, err)
		}
		called = append(called, v.Told.Visit)
	}
	if called[0] == called[1] {
		t.Errorf("both accounts call an address the same")
	}
}

// Visits come many in one delivery and again; a visit of which more is told later is one; they are read in pages, each once, and
// go with their day.
func TestVisitsAreReadOnceAndGoWithTheirDay(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo", Start: "identified"})
	var many []string
	for i := range 120 {
		at := noon.Add(time.Duration(i-130) * 20 * time.Minute) // over three days
		many = append(many, fmt.Sprintf(`{"type":"visit.recorded","time":%[1]q,"visit":"v%[2]d","visitorId":"p%[2]d","pages":[{"time":%[1]q,"url":"https://shop.example.com/%[2]d?mail=iris@example.com"}]}`,
			stamp(at), i))
	}
	for range 2 {
		r.mustPost(t, a, "canonical", canonicalDelivery(many...))
	}
	last := noon.Add(-10 * 20 * time.Minute)
	r.mustPost(t, a, "canonical", canonicalDelivery(fmt.Sprintf(
		`{"type":"visit.recorded","time":%[1]q,"visit":"v119","pages":[{"time":%[1]q,"url":"https://shop.example.com/checkout"}]}`, stamp(last))))
	read := func(query string) (all []report.Visit) {
		t.Helper()
		for cursor := ""; ; {
			page := r.listOf(t, a, "visits", query+"&limit=7&cursor="+cursor)
			if len(page.Visits) > 7 {
				t.Errorf("a page of %d", len(page.Visits))
			}
			all = append(all, page.Visits...)
			if page.Next == nil {
				return all
			}
			cursor = *page.Next
		}
	}
	visits, ids := read(""), map[string]bool{}
	for _, v := range visits {
		ids[v.ID] = true
	}
	if len(visits) != 120 || len(ids) != 120 {
		t.Errorf("%d visits, %d of them different", len(visits), len(ids))
	}
	i := slices.IndexFunc(visits, func(v report.Visit) bool { return v.VisitorID == "p119" })
	if i < 0 || len(visits[i].Pages) != 2 || visits[i].Pages[1].URL != "https://shop.example.com/checkout" || !visits[i].EndedAt.Equal(last) {
		t.Errorf("the visit of which more was told: %d of %+v", i, visits)
	}
	if n := len(read("from=" + stamp(noon.Add(-24*time.Hour)))); n < 50 || n > 70 {
		t.Errorf("%d visits of the last day", n)
	}
	j := r.job(t, a, "POST", "", 202)
	r.work(t, endless)
	lines := string(r.filesOf(t, r.files, a, r.job(t, a, "GET", j.ID, 200))["visits.ndjson"])
	if n := strings.Count(lines, "\n"); n != 121 || strings.Contains(lines, "iris@") {
		t.Errorf("%d lines of visits in the extract:\n%s", n, lines)
	}
	r.change(t, a, `"retention":{"visit":"P1D"},"waitHours":0`)
	r.purgeAll(t)
	kept := read("")
	if len(kept) == 0 || len(kept) >= 120 {
		t.Errorf("%d visits are left", len(kept))
	}
	for _, v := range kept {
		if v.StartedAt.Before(noon.Add(-48 * time.Hour)) {
			t.Errorf("the visit of %v is left", v.StartedAt)
		}
	}
	r.change(t, a, `"store":{"visit":false},"waitHours":0`)
	r.mustPost(t, a, "canonical", canonicalVisit("late", r.Clock.Now()))
	if all := read(""); len(all) != 0 {
		t.Errorf("visits are not stored, and there are %d", len(all))
	}
	r.Clock.Advance(25 * time.Hour)
	r.purgeAll(t)
	if n := r.itemsOf(t, "demo#visit#"); n != 0 {
		t.Errorf("%d items of visits are left", n)
	}
}

// However much is told of a visit, all of it can be read, in answers of the size that there can be.
func TestAVisitOfVeryManyPartsIsReadToItsEnd(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo"})
	const parts, pages = 150, 60
	for part := range parts {
		at, told := stamp(noon.Add(time.Duration(part-200)*time.Second)), make([]string, pages)
		for i := range told {
			told[i] = fmt.Sprintf(`{"time":%q,"url":"https://shop.example.com/%d/%d/%s"}`, at, part, i, strings.Repeat("a", 500))
		}
		r.mustPost(t, a, "canonical", canonicalDelivery(fmt.Sprintf(`{"type":"visit.recorded","time":%q,"visit":"v1","pages":[%s]}`,
			at, strings.Join(told, ","))))
	}
	read, ids := 0, map[string]bool{}
	for cursor := ""; ; {
		page := r.listOf(t, a, "visits", "&limit=100&cursor="+cursor)
		if body, err := json.Marshal(page); err != nil || len(body) > report.MaxAnswer+1024 {
			t.Errorf("an answer of %d bytes, %v", len(body), err)
		}
		for _, v := range page.Visits {
			read, ids[v.ID] = read+len(v.Pages), true
			if len(v.Pages) > 1000 {
				t.Errorf("%d pages of one item", len(v.Pages))
			}
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	if read != parts*pages || len(ids) != 1 {
		t.Errorf("%d pages of %d visits were read", read, len(ids))
	}
}

// Under minimal nobody who visits is known again.
func TestVisitsUnderMinimal(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo", Start: "minimal"})
	r.mustPost(t, a, "canonical", canonicalVisit("one", noon))
	visits := r.listOf(t, a, "visits", "").Visits
	if len(visits) != 1 || visits[0].VisitorID != "" || len(visits[0].Pages) != 2 || visits[0].Pages[0].URL != "https://shop.example.com/" {
		t.Errorf("visits: %+v", visits)
	}
}

// When the tables refuse visits they wait in the queue, sealed, and are stored from there.
func TestVisitsWaitWhenTheTablesRefuse(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo"})
	r.kill(1, false, writes)
	if status, body := r.post(a, "canonical", canonicalVisit("one", noon)); status != 503 {
		t.Errorf("with everything gone: %d %s", status, body)
	}
	r.unharmed()
	r.fail(1, false, writes, false)
	r.mustPost(t, a, "canonical", canonicalVisit("one", noon))
	r.unharmed()
	if len(r.queues.waiting) != 1 || strings.Contains(r.queues.waiting[0], "shop") {
		t.Fatalf("waiting: %v", r.queues.waiting)
	}
	r.drain(t)
	if visits := r.listOf(t, a, "visits", "").Visits; len(visits) != 1 || len(visits[0].Pages) != 2 {
		t.Errorf("visits: %+v", visits)
	}
}

package functions_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/extract"
	"github.com/supportvault/supportvault/functions/importer"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/history"
	"github.com/supportvault/supportvault/shared/jobs"
	uploads "github.com/supportvault/supportvault/shared/staging"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// historyBucket is where files to be imported are put.
type historyBucket struct{ bucket *vaulttest.Bucket }

func (s historyBucket) Link(_ context.Context, key, contentType string, size int64, life time.Duration) (string, map[string]string, error) {
	return fmt.Sprintf("https://staging.invalid/%s?expires=%.0f", key, life.Seconds()),
		map[string]string{"content-type": contentType, "content-length": fmt.Sprint(size)}, nil
}

func (s historyBucket) Size(_ context.Context, key string) (int64, string, error) {
	body, tag, err := s.content(key)
	return int64(len(body)), tag, err
}

func (s historyBucket) Read(_ context.Context, key string, from int64, n int) ([]byte, string, error) {
	body, tag, err := s.content(key)
	if err != nil {
		return nil, "", err
	}
	return body[from:min(int64(len(body)), from+int64(n))], tag, nil
}

// content is that of an upload, and its tag.
func (s historyBucket) content(key string) ([]byte, string, error) {
	body, ok := s.bucket.Objects()[key]
	if !ok {
		return nil, "", uploads.ErrGone
	}
	return body, fmt.Sprintf("%x", sha256.Sum256(body)), nil
}

func (s historyBucket) Delete(_ context.Context, key string) error {
	s.bucket.Forget(key)
	return nil
}

// importing is a direct invocation of importer.
func (r *road) importing(t testing.TB, req importer.Request) importer.Job {
	t.Helper()
	raw, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := r.importer.Handle(context.Background(), raw)
	j, ok := answer.(importer.Job)
	if err != nil || !ok {
		t.Fatalf("%s: %+v %v", req.Action, answer, err)
	}
	return j
}

// started begins an import of a file and starts it.
func (r *road) started(t testing.TB, account string, file []byte) importer.Job {
	t.Helper()
	j := r.importing(t, importer.Request{Account: account, Action: "begin", Bytes: int64(len(file))})
	if err := r.staged.bucket.Keep("imports/"+account+"/"+j.ID, bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	return r.importing(t, importer.Request{Account: account, Action: "start", ID: j.ID})
}

// workImports hands the messages of the import queue to their consumer until there are none; what fails comes again, as in SQS.
func (r *road) workImports(t testing.TB) {
	t.Helper()
	for range 50 {
		all := r.queues.take(&r.queues.importing)
		if len(all) == 0 {
			return
		}
		for _, body := range all {
			res, _ := r.importer.Messages(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", Body: body}}})
			if len(res.BatchItemFailures) > 0 {
				r.queues.mu.Lock()
				r.queues.importing = append(r.queues.importing, body)
				r.queues.mu.Unlock()
				r.Clock.Advance(16 * time.Minute) // a claim runs out
			}
		}
	}
	t.Fatal("the import queue does not become empty")
}

// imported imports a file and answers the job as it is at its end.
func (r *road) imported(t testing.TB, account string, file []byte) importer.Job {
	t.Helper()
	j := r.started(t, account, file)
	r.workImports(t)
	return r.importing(t, importer.Request{Account: account, Action: "status", ID: j.ID})
}

// historyOf is what an extract of an account has of conversations and visits, in its order.
func (r *road) historyOf(t testing.TB, account string) []byte {
	t.Helper()
	answer, err := r.extract.Extract(context.Background(), extract.Request{Account: account})
	if err != nil || !answer.Done {
		t.Fatalf("extract: %+v %v", answer, err)
	}
	var all []byte
	for _, f := range answer.Files {
		if strings.HasSuffix(f.Name, ".ndjson") && slices.Contains([]string{"chat", "ticket", "call", "article", "visit"}, f.Kind) {
			all = append(all, r.files.Objects()[answer.Prefix+f.Name]...)
		}
	}
	return all
}

// comparable are lines without what belongs to the account that they were extracted from, of files too, sorted.
func comparable(t testing.TB, lines []byte) []string {
	t.Helper()
	var all []string
	for line := range strings.Lines(string(lines)) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"id", "incarnation", "revision", "settledAt"} {
			delete(v, name)
		}
		entries, _ := v["entries"].([]any)
		for _, e := range entries {
			attachments, _ := e.(map[string]any)["attachments"].([]any)
			for _, a := range attachments {
				delete(a.(map[string]any), "id")
				delete(a.(map[string]any), "state")
			}
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	slices.Sort(all)
	return all
}

// lived is an account with a past: what every kind can go through within a few weeks.
func (r *road) lived(t testing.TB, name, start string) admin.Created {
	t.Helper()
	a := r.account(t, admin.Request{Account: name, Start: start})
	r.allow(t, a, "canonical", "files.example.com")
	r.web.serve("files.example.com", servesPNG)
	say := func(source string, events ...string) {
		t.Helper()
		r.mustPost(t, a, source, canonicalDelivery(events...))
	}
	n := 0
	event := func(kind, conversation, does, more string) string {
		n++
		return fmt.Sprintf(`{"id":"e%d","type":"conversation.%s","time":%q,"kind":%q,"conversation":%q%s}`, n, does, stamp(r.Clock.Now()), kind, conversation, more)
	}
	entry := func(role, text, more string) string {
		return fmt.Sprintf(`,"entries":[{"id":"m%d","time":%q,"author":{"role":%q,"id":"p-%s","name":"Noor Bakker"},"text":%q%s}]`, n, stamp(r.Clock.Now()), role, role, text, more)
	}
	pass := func(d time.Duration) { r.Clock.Advance(d) }

	// A chat of several lives: ended, then idle, then one that still goes on when the account is extracted.
	say("canonical", event("chat", "lives", "started", `,"department":"Sales","subjects":[{"name":"Iris Vogel","email":"iris.vogel@example.com","phone":"+1 555 555 0142"}]`))
	pass(time.Minute)
	say("canonical", event("chat", "lives", "message", entry("visitor", "Hello", "")), event("chat", "lives", "message", entry("agent", "Good morning", "")))
	pass(time.Minute)
	say("canonical", event("chat", "lives", "ended", `,"rating":4`))
	r.quiesce(t)
	pass(30 * time.Hour)
	say("canonical", event("chat", "lives", "message", entry("visitor", "It is me again", "")))
	r.quiesce(t)
	pass(30 * time.Hour)
	// A chat of several revisions, with a file, notes, tags and a late rating.
	say("canonical", event("chat", "revisions", "message", entry("visitor", "My card is 4111 1111 1111 1111", `,"attachments":[{"name":"photo.png","type":"image/png","bytes":1234,"url":"https://files.example.com/photo.png"}]`)),
		event("chat", "revisions", "updated", `,"tags":["billing","vip"]`))
	r.getFiles(t)
	pass(time.Minute)
	say("canonical", event("chat", "revisions", "message", entry("agent", "a note", `,"private":true`)), event("chat", "revisions", "ended", ""))
	r.quiesce(t)
	pass(time.Hour)
	say("canonical", event("chat", "revisions", "message", entry("visitor", "one more thing", "")))
	pass(time.Minute)
	say("canonical", event("chat", "revisions", "ended", `,"tags":[]`))
	r.quiesce(t)
	say("canonical", event("chat", "revisions", "updated", `,"rating":2`))
	r.quiesce(t)
	// What comes whole, of a vendor, twice.
	r.mustPost(t, a, "tawkto", tawkTranscript("whole", r.Clock.Now().Add(-time.Minute), "Hello?", "Yes. My name is Noor.", "Good!"))
	r.mustPost(t, a, "chatwoot", wootMessage(31, 1, r.Clock.Now(), "Where is it?"))
	r.mustPost(t, a, "chatwoot", wootResolved(31, r.Clock.Now().Add(time.Second)))
	r.quiesce(t)
	// Tickets: open, solved, closed, reopened.
	for _, ticket := range []string{"open", "solved", "closed", "reopened"} {
		say("canonical", event("ticket", ticket, "started", `,"title":"Wheels","subjects":[{"name":"Tom Berg","email":"tom.berg@example.com"}],"agents":["a2","a1"]`+entry("visitor", "They squeak", "")))
		pass(time.Minute)
		if ticket != "open" {
			status := strings.Replace(ticket, "reopened", "solved", 1)
			say("canonical", event("ticket", ticket, "updated", fmt.Sprintf(`,"status":%q`, status)+entry("agent", "Oil them", "")))
		}
	}
	r.quiesce(t)
	say("canonical", event("ticket", "reopened", "reopened", entry("visitor", "They squeak again", "")))
	// One of Zendesk, with single tags, a comment that is taken back and one that is made a note.
	for _, sample := range []string{"created", "comment-agent", "comment-visitor", "tags", "comment-redacted", "comment-made-private"} {
		r.mustPost(t, a, "zendesk", ofOneTicket(t, sample))
	}
	r.quiesce(t)
	// Calls: hung up, and cut off.
	say("canonical", event("call", "hung-up", "started", `,"call":{"direction":"inbound"}`), event("call", "cut", "started", `,"call":{"direction":"outbound"}`+entry("visitor", "Hi", "")))
	pass(3 * time.Minute)
	say("canonical", event("call", "hung-up", "ended", `,"call":{"outcome":"answered","seconds":180,"recording":"rec-1"}`))
	// Articles: published, changed, withdrawn.
	article := func(id, does, more string) {
		say("canonical", fmt.Sprintf(`{"type":"article.%s","time":%q,"article":%q%s}`, does, stamp(r.Clock.Now()), id, more))
		pass(time.Minute)
		r.settleAll(t)
	}
	article("kb-1", "published", `,"title":"Wheels","text":"Round.","tags":["howto"]`)
	article("kb-1", "changed", `,"text":"Rounder."`)
	article("kb-2", "published", `,"title":"Doors","text":"Flat."`)
	article("kb-2", "withdrawn", "")
	// Visits, of which one comes in two parts.
	visit := func(id, visit, page string) {
		say("canonical", fmt.Sprintf(`{"id":%q,"type":"visit.recorded","time":%q,"visit":%q,"visitorId":"w-7","referrer":"https://search.example.com/","pages":[{"time":%q,"url":"https://shop.example.com/%s","title":"Shop"}]}`,
			id, stamp(r.Clock.Now()), visit, stamp(r.Clock.Now().Add(-time.Minute)), page))
	}
	visit("v1", "visit-1", "")
	visit("v2", "visit-1", "cart")
	visit("v3", "visit-2", "")
	r.quiesce(t)
	// What goes on while the account is extracted.
	say("canonical", event("chat", "lives", "message", entry("visitor", "And again", "")))
	say("canonical", event("chat", "now", "started", entry("visitor", "Is anybody there?", "")))
	return a
}

// An extract imported into an empty account and extracted again is equal; importing it again changes nothing, and neither does
// importing it where it came from.
func TestImportOfAnExtract(t *testing.T) {
	for _, start := range []string{"identified", "minimal"} {
		t.Run(start, func(t *testing.T) {
			r := inMemory()
			from := r.lived(t, "demo", start)
			to := r.account(t, admin.Request{Account: "empty", Start: start})
			file := r.historyOf(t, from.Account)
			want := comparable(t, file)
			if len(want) < 15 {
				t.Fatalf("the past has %d lines", len(want))
			}
			if bytes.Contains(file, []byte(`"state":"stored"`)) != (start == "identified") {
				t.Fatal("the past has a file, or should have one")
			}

			j := r.imported(t, to.Account, file)
			if j.Status != jobs.Complete || j.Lines != len(want) || j.Accepted != len(want) || j.Duplicates+j.PassedOver+j.Refused != 0 || j.Progress != 1 {
				t.Fatalf("imported: %+v, of %d lines", j, len(want))
			}
			r.settleAll(t)
			if diff := cmp.Diff(want, comparable(t, r.historyOf(t, to.Account))); diff != "" {
				t.Fatalf("after the import (-want +got):\n%s", diff)
			}
			if len(r.staged.bucket.Objects()) != 0 {
				t.Error("the file is still there")
			}
			if got := r.historyOf(t, to.Account); bytes.Contains(got, []byte(`"state":"stored"`)) || bytes.Contains(got, []byte(`"state":"waiting"`)) {
				t.Error("a file is said to be there that did not come")
			}

			before := r.tables(t)
			for _, account := range []string{to.Account, from.Account} {
				if j := r.imported(t, account, file); j.Duplicates != len(want) {
					t.Errorf("imported again into %s: %+v", account, j)
				}
			}
			r.settleAll(t)
			if diff := keysOf(records(before), records(r.tables(t))); diff != "" {
				t.Errorf("importing again changed the tables:\n%s", diff)
			}

			// What goes on here and there goes idle here as there.
			r.quiesce(t)
			if diff := cmp.Diff(comparable(t, r.historyOf(t, from.Account)), comparable(t, r.historyOf(t, to.Account))); diff != "" {
				t.Errorf("at rest (-want +got):\n%s", diff)
			}
		})
	}
}

// What many deliveries told of one conversation, which no single one can, is imported as it was extracted.
func TestImportOfALargeConversation(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo", Start: "identified"})
	for n := range 3 {
		var people, agents []string
		for i := range 90 {
			people, agents = append(people, fmt.Sprintf(`{"email":"s%d-%d@example.com"}`, n, i)), append(agents, fmt.Sprintf(`"agent-%d-%d"`, n, i))
		}
		r.mustPost(t, a, "canonical", canonicalDelivery(fmt.Sprintf(
			`{"id":"e%[1]d","type":"conversation.message","time":%[2]q,"kind":"chat","conversation":"c","subjects":[%[3]s],"agents":[%[4]s],`+
				`"entries":[{"id":"m%[1]d","time":%[2]q,"author":{"role":"visitor"},"text":%[5]q}]}`,
			n, stamp(noon), strings.Join(people, ","), strings.Join(agents, ","), strings.Repeat("hello ", 80_000))))
	}
	for _, state := range []string{"open", "settled"} {
		file := r.historyOf(t, a.Account)
		to := r.account(t, admin.Request{Account: state, Start: "identified"})
		if j := r.imported(t, to.Account, file); j.Accepted != 1 || !bytes.Contains(file, []byte(`"state":"`+state)) {
			t.Fatalf("%s: %+v", state, j)
		}
		if !slices.Equal(comparable(t, file), comparable(t, r.historyOf(t, to.Account))) { // a difference of megabytes says nothing
			t.Errorf("%s: it is another one", state)
		}
		r.quiesce(t)
	}
}

// ofOneTicket is a sample of Zendesk, those that are of another ticket moved to the one of the others.
func ofOneTicket(t testing.TB, sample string) []byte {
	t.Helper()
	body, err := os.ReadFile("../events/ingest/ok-zendesk-" + sample + ".json")
	if err != nil {
		t.Fatal(err)
	}
	moved := strings.NewReplacer("7733", "7714", "67ab5f551564", "41990000000103", "41990000000301", "41990000000104")
	return []byte(moved.Replace(string(body)))
}

// What was taken back, or made a note, stays so in the account that it was imported into, though it is delivered there once more.
func TestImportKeepsWhatWasTakenBack(t *testing.T) {
	r := inMemory()
	file := r.historyOf(t, r.lived(t, "demo", "identified").Account)
	to := r.account(t, admin.Request{Account: "empty"})
	r.imported(t, to.Account, file)
	again := func() {
		for _, sample := range []string{"comment-agent", "comment-visitor"} {
			if status, answer := r.post(to, "zendesk", ofOneTicket(t, sample)); status != 202 {
				t.Fatalf("%d %s", status, answer)
			}
		}
	}
	for _, when := range []string{"at once", "when it settled"} {
		again()
		tickets := r.listOf(t, to, "tickets", "").Tickets
		i := slices.IndexFunc(tickets, func(v conversation.View) bool { return v.Conversation == "7714" })
		if i < 0 {
			t.Fatalf("%s: it is not there", when)
		}
		_, v := r.oneOf(t, to, "tickets", tickets[i].ID)
		found := 0
		for _, e := range *v.Entries {
			switch e.ID {
			case "41990000000103":
				if found++; e.Text != "" || !e.Redacted {
					t.Errorf("%s: it is back: %+v", when, e)
				}
			case "41990000000104":
				if found++; e.Text == "" || !e.Private {
					t.Errorf("%s: it is no note: %+v", when, e)
				}
			}
		}
		if found != 2 {
			t.Errorf("%s: %+v", when, *v.Entries)
		}
		r.quiesce(t)
	}
}

// records are tables without jobs and audit entries.
func records(tables map[string]any) map[string]any {
	tables = maps.Clone(tables)
	maps.DeleteFunc(tables, func(name string, _ any) bool { return strings.HasPrefix(name, "control ") })
	return tables
}

// What an account does not keep is not imported, whatever the file has.
func TestImportMinimises(t *testing.T) {
	r := inMemory()
	file := r.historyOf(t, r.lived(t, "demo", "identified").Account)
	to := r.account(t, admin.Request{Account: "minimal", Start: "minimal"})
	if j := r.imported(t, to.Account, file); j.Refused != 0 || j.Accepted == 0 {
		t.Fatalf("imported: %+v", j)
	}
	got := strings.Join(comparable(t, r.historyOf(t, to.Account)), "\n")
	for _, kept := range []string{"They squeak", "Wheels", "billing", "answered"} {
		if !strings.Contains(string(file), kept) || kept != "billing" && !strings.Contains(got, kept) {
			t.Errorf("%q is not kept", kept)
		}
	}
	for _, personal := range []string{"Iris", "Noor Bakker", "iris.vogel", "Tom Berg", "0142", "photo.png", "w-7", `"a1"`} {
		if !strings.Contains(string(file), personal) {
			t.Errorf("the file has no %q", personal)
		}
		if strings.Contains(got, personal) {
			t.Errorf("%q is kept", personal)
		}
	}
}

// What was destroyed stays destroyed, though it is imported again; of what goes on since, only that comes.
func TestImportDoesNotBringBack(t *testing.T) {
	r := inMemory()
	a := r.lived(t, "demo", "identified")
	r.quiesce(t)
	file := r.historyOf(t, a.Account)
	r.change(t, a, `"cadence":{"chat":"completion"},"waitHours":0`)
	r.purgeAll(t)
	left := comparable(t, r.historyOf(t, a.Account))
	if bytes.Contains([]byte(strings.Join(left, "")), []byte(`"kind":"chat"`)) {
		t.Fatal("chats are left")
	}
	j := r.imported(t, a.Account, file)
	r.quiesce(t)
	r.purgeAll(t)
	if diff := cmp.Diff(left, comparable(t, r.historyOf(t, a.Account))); diff != "" || j.Refused != 0 {
		t.Errorf("after importing what was destroyed (-want +got):\n%s", diff)
	}
	// The same chat, as an account has it in which it was not destroyed and went on.
	r.Clock.Advance(48 * time.Hour)
	more := strings.NewReplacer("HERE", stamp(r.Clock.Now().Add(-time.Hour))).Replace(
		`{"version":"1","events":[{"id":"n","type":"conversation.message","time":"HERE","kind":"chat","conversation":"now","entries":[{"id":"new","time":"HERE","author":{"role":"visitor"},"text":"Still me"}]}]}`)
	r.change(t, a, `"cadence":{},"waitHours":0`)
	more = string(append([]byte(more+"\n"), file...))
	if j := r.imported(t, a.Account, []byte(more)); j.Accepted != 1 {
		t.Errorf("something new: %+v", j)
	}
	if got := string(r.historyOf(t, a.Account)); !strings.Contains(got, "Still me") || strings.Contains(got, "Is anybody there?") {
		t.Errorf("what is new came with what was destroyed, or not at all")
	}
}

// A visit whose sender's clock is ahead is of the day of its receipt, wherever it comes from; one whose day is over is passed over.
func TestImportOfVisits(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo"})
	visit := func(id string, at time.Time) string {
		return fmt.Sprintf(`{"id":%q,"type":"visit.recorded","time":%[2]q,"visit":%[1]q,"pages":[{"time":%[2]q,"url":"https://shop.example.com/"}]}`, id, stamp(at))
	}
	r.mustPost(t, a, "canonical", canonicalDelivery(visit("ahead", noon.Add(23*time.Hour)), visit("now", noon)))
	r.Clock.Advance(72 * time.Hour)
	file := r.historyOf(t, a.Account)
	if j := r.imported(t, a.Account, file); j.Lines != 2 || j.Duplicates != 2 {
		t.Errorf("where they came from: %+v", j)
	}
	if diff := cmp.Diff(comparable(t, file), comparable(t, r.historyOf(t, a.Account))); diff != "" {
		t.Errorf("where they came from (-want +got):\n%s", diff)
	}
	to := r.account(t, admin.Request{Account: "empty"})
	for _, want := range []importer.Job{{Accepted: 2}, {Duplicates: 2}} {
		if j := r.imported(t, to.Account, file); j.Accepted != want.Accepted || j.Duplicates != want.Duplicates {
			t.Errorf("into another account: %+v", j)
		}
	}
	if diff := cmp.Diff(comparable(t, file), comparable(t, r.historyOf(t, to.Account))); diff != "" {
		t.Errorf("in another account (-want +got):\n%s", diff)
	}
	over := string(compact(t, canonicalDelivery(visit("over", noon.AddDate(-11, 0, 0)))))
	both := string(compact(t, canonicalDelivery(visit("over", noon.AddDate(-11, 0, 0)), visit("now", noon))))
	if j := r.imported(t, a.Account, []byte(over+"\n"+both)); j.PassedOver != 1 || j.Duplicates != 1 || j.Accepted != 0 {
		t.Errorf("of long ago: %+v", j)
	}
}

// Lines that cannot be read are counted, named by number and code, and keep nothing else from being imported; what is over
// here is passed over.
func TestImportOfBadLines(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo"})
	chat := func(id string, at time.Time) string { return compact(t, wholeChat(id, at, "Hello", "")) }
	lines := []string{
		chat("good", noon.Add(-time.Hour)),
		`{"version":"1","events":[{"type":"conversation.message"`,
		"",
		strings.Repeat("x", history.MaxLine+1),
		strings.Repeat("y", 3*history.MaxLine), // more than is read at once
		`{"messages":["secret"]}`,
		strings.Replace(chat("nobody", noon), `{`, `{"source":"nobody",`, 1),
		chat("tomorrow", noon.Add(48*time.Hour)),
		chat("year-ago", noon.AddDate(-1, 0, 0)),
		chat("years-ago", noon.AddDate(-2, 0, 0)),
		`{"kind":"chat","state":"settled","source":"tawkto","conversation":"vast","startedAt":"2026-11-20T10:00:00Z","subjects":[],"tags":[],` +
			`"entries":[{"id":"1","time":"2026-11-20T10:00:00Z","author":{"role":"visitor","name":""},"text":"` + strings.Repeat("z", 17<<20) + `","attachments":[]}]}`,
		`{"at":"2026-11-20T10:00:00Z","actor":"token:x","action":"extract"}`,
		chat("good", noon.Add(-time.Hour)),
		chat("last", noon.Add(-time.Hour)), // without an end of its line
	}
	j := r.imported(t, a.Account, []byte(strings.Join(lines, "\n")))
	want := []importer.Refusal{
		{Line: 2, Code: "json_invalid"}, {Line: 4, Code: "line_too_long"}, {Line: 5, Code: "line_too_long"}, {Line: 6, Code: "line_unknown"},
		{Line: 7, Code: "line_source_unknown"}, {Line: 8, Code: "time_out_of_range"}, {Line: 11, Code: "line_too_long"},
	}
	if diff := cmp.Diff(want, j.Refusals); diff != "" || j.Refused != 7 {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
	if j.Status != jobs.Complete || j.Lines != 13 || j.Accepted != 2 || j.Duplicates != 1 || j.PassedOver != 3 {
		t.Errorf("imported: %+v", j)
	}
	var many strings.Builder
	for range 1000 {
		many.WriteString("no line\n")
	}
	if j := r.imported(t, a.Account, []byte(many.String())); j.Refused != 1000 || len(j.Refusals) != 100 {
		t.Errorf("of a thousand: %d refused, %d named", j.Refused, len(j.Refusals))
	}
}

func compact(t testing.TB, body []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A process that imports is killed before or after every one of its writes: the next goes on, and the end is the same.
func TestImportInterrupted(t *testing.T) {
	t.Parallel()
	fresh := func() (*road, []byte) {
		r := inMemory()
		file := r.historyOf(t, r.lived(t, "demo", "identified").Account)
		r.account(t, admin.Request{Account: "empty"})
		return r, file
	}
	r, file := fresh()
	want := comparable(t, file)
	count := r.kill(1<<30, false, writes)
	r.imported(t, "empty", file)
	r.unharmed()
	if count.made < 50 {
		t.Fatalf("an import makes %d writes", count.made)
	}
	for at := 1; at <= count.made; at += 3 {
		for _, after := range []bool{false, true} {
			r, file := fresh()
			j := r.started(t, "empty", file)
			bodies := r.queues.importing
			k := r.kill(at, after, writes)
			_, _ = r.importer.Messages(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", Body: bodies[0]}}})
			if !k.dead {
				continue
			}
			r.unharmed()
			r.Clock.Advance(16 * time.Minute)
			r.workImports(t)
			if now := r.importing(t, importer.Request{Account: "empty", Action: "status", ID: j.ID}); now.Status != jobs.Complete || now.Refused != 0 {
				t.Fatalf("killed at write %d (after: %v): %+v", at, after, now)
			}
			r.settleAll(t)
			if diff := cmp.Diff(want, comparable(t, r.historyOf(t, "empty"))); diff != "" {
				t.Fatalf("killed at write %d (after: %v) (-want +got):\n%s", at, after, diff)
			}
		}
	}
}

// Where time runs out, the next message goes on where this one was; meanwhile no other import of the account begins.
func TestImportGoesOn(t *testing.T) {
	r := inMemory()
	r.importer = importer.New(importer.Config{Reserve: time.Hour}, r.importer.Deps)
	a := r.account(t, admin.Request{Account: "demo"})
	var file strings.Builder
	for i := range 200 {
		file.WriteString(compact(t, wholeChat(fmt.Sprint("c", i), noon.Add(-time.Hour), "Hello", "")) + "\n")
	}
	j := r.started(t, a.Account, []byte(file.String()))
	waits := r.importing(t, importer.Request{Account: a.Account, Action: "begin", Bytes: int64(file.Len())})
	if err := r.staged.bucket.Keep("imports/"+a.Account+"/"+waits.ID, strings.NewReader(file.String())); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	progress := 0.0
	for n, lines := range []int{64, 128, 192, 200} {
		if len(r.queues.importing) != 1 {
			t.Fatalf("after %d messages %d wait", n, len(r.queues.importing))
		}
		body := r.queues.importing[0]
		r.queues.importing = nil
		if res, err := r.importer.Messages(ctx, events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", Body: body}}}); err != nil || len(res.BatchItemFailures) > 0 {
			t.Fatalf("message %d: %+v %v", n, res, err)
		}
		j = r.importing(t, importer.Request{Account: a.Account, Action: "status", ID: j.ID})
		if j.Lines != lines || j.Accepted != lines || j.Progress <= progress {
			t.Fatalf("after message %d: %+v", n, j)
		}
		progress = j.Progress
		want := "import_running"
		if j.Status == jobs.Complete {
			want = "import_started"
			waits.ID = j.ID
		}
		answer, err := r.importer.Handle(context.Background(), fmt.Appendf(nil, `{"account":"demo","action":"start","id":%q}`, waits.ID))
		if b, _ := json.Marshal(answer); err != nil || !bytes.Contains(b, []byte(want)) {
			t.Errorf("another start after message %d: %s %v, want %s", n, b, err, want)
		}
	}
	if j.Status != jobs.Complete || len(r.queues.importing) != 0 || len(r.queues.sent) != 0 {
		t.Errorf("at the end: %+v, %d messages, %d to settle", j, len(r.queues.importing), len(r.queues.sent))
	}
}

// A file that was replaced after the start, or that is gone, fails its job, and nothing else.
func TestImportOfAnotherFile(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo"})
	for _, want := range []string{"file_changed", "file_gone"} {
		j := r.started(t, a.Account, []byte(compact(t, wholeChat("c", noon, "Hello", ""))))
		if r.staged.bucket.Forget("imports/"); want == "file_changed" {
			if err := r.staged.bucket.Keep("imports/"+a.Account+"/"+j.ID, strings.NewReader("something else")); err != nil {
				t.Fatal(err)
			}
		}
		r.workImports(t)
		if j = r.importing(t, importer.Request{Account: a.Account, Action: "status", ID: j.ID}); j.Status != jobs.Failed || j.Reason != want || j.Lines != 0 {
			t.Errorf("%+v, want %s", j, want)
		}
	}
	if len(r.staged.bucket.Objects()) != 0 || len(r.list(t, a, "")) != 0 {
		t.Error("something is left")
	}
}

// A request that fails once costs a while, and nothing else: the import goes on by itself.
func TestImportGoesOnAfterAFailure(t *testing.T) {
	for at := 1; at < 60; at += 7 {
		r := inMemory()
		file := r.historyOf(t, r.lived(t, "demo", "identified").Account)
		r.account(t, admin.Request{Account: "empty"})
		j := r.started(t, "empty", file)
		r.fail(at, false, everything, false)
		r.workImports(t)
		r.unharmed()
		if j = r.importing(t, importer.Request{Account: "empty", Action: "status", ID: j.ID}); j.Status != jobs.Complete || j.Refused != 0 || len(j.Refusals) != 0 {
			t.Fatalf("request %d failed: %+v", at, j)
		}
		if diff := cmp.Diff(comparable(t, file), comparable(t, r.historyOf(t, "empty"))); diff != "" {
			t.Fatalf("request %d failed (-want +got):\n%s", at, diff)
		}
	}
}

package history_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/history"
	"github.com/supportvault/supportvault/shared/minimise"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

// lineOf is a transcript as an extract writes it.
func lineOf(t testing.TB, tr conversation.Transcript) []byte {
	t.Helper()
	v := tr.View()
	v.ID, v.State, v.Incarnation, v.Revision = "aaaa-1", conversation.Settled, 1, 1
	b, err := json.Marshal(history.Conversation{View: v, Rest: history.RestOf(tr)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// random makes events of one conversation of a kind: few times, so that many are equal, and few people.
func random(r *rand.Rand, kind retention.Kind) []conversation.Event {
	at := func() conversation.Time { return conversation.At(noon.Add(time.Duration(r.IntN(12)-20) * time.Minute)) }
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	var events []conversation.Event
	for i := range 1 + r.IntN(8) {
		e := conversation.Event{
			ID: fmt.Sprint(i), Source: "chatwoot", Conversation: "c", Kind: kind, Time: at(), Received: at(), Ended: r.IntN(4) == 0,
			Reopened: r.IntN(5) == 0, Department: one("", "", "Sales", "Support"),
		}
		for range r.IntN(4) {
			e.Entries = append(e.Entries, conversation.Entry{
				ID: one("1", "2", "3", "10"), Time: at(), Text: one("", "hello", "bye"), Private: r.IntN(5) == 0, Attachments: []conversation.Attachment{},
				Author: conversation.Author{Role: conversation.Role(one("visitor", "agent", "bot", "system")), Name: one("", "Iris Vogel")},
			})
		}
		e.Whole = len(e.Entries) > 0 && r.IntN(3) == 0
		for range r.IntN(3) {
			e.Subjects = append(e.Subjects, conversation.Subject{Name: one("", "Iris Vogel", "Noor Bakker"), Email: one("", "iris.vogel@example.com"), VisitorID: one("", "v1", "v2")})
		}
		e.AgentIDs = append(e.AgentIDs, []string{"a", "b", "c"}[:r.IntN(4)]...)
		r.Shuffle(len(e.AgentIDs), func(i, j int) { e.AgentIDs[i], e.AgentIDs[j] = e.AgentIDs[j], e.AgentIDs[i] })
		if r.IntN(3) == 0 {
			e.Tags = []string{"billing", "vip"}[:r.IntN(3)]
		}
		if r.IntN(3) == 0 {
			e.Tagged, e.Untagged = []string{one("billing", "vip", "late")}, []string{one("billing", "vip", "gone")}[:r.IntN(2)]
		}
		if r.IntN(4) == 0 {
			e.Redacted, e.Noted = []string{one("1", "2", "never")}[:r.IntN(2)], []string{one("2", "3", "never")}[:r.IntN(2)]
		}
		if r.IntN(3) == 0 {
			e.Rating = new(1 + r.IntN(5))
		}
		switch kind {
		case retention.Ticket:
			e.Title, e.Status = one("", "Wheels", "Doors"), conversation.Status(one("", "open", "solved", "closed"))
		case retention.Call:
			e.Call = &conversation.Call{Direction: conversation.Direction(one("", "inbound")), Outcome: one("", "missed", "answered"), Seconds: r.IntN(3), Recording: one("", "r1")}
		}
		events = append(events, e)
	}
	return events
}

var sameLists = cmpopts.EquateEmpty()

// Of a line, exactly the transcript is made of which it was written, however its events come; and none of them is news to it.
func TestLineMakesTheSameTranscript(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 4_000 {
		kind := []retention.Kind{retention.Chat, retention.Ticket, retention.Call}[n%3]
		want := conversation.Transcript{}.Fold(random(r, kind))
		line, err := history.Read(lineOf(t, want), noon)
		if err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		r.Shuffle(len(line.Events), func(i, j int) { line.Events[i], line.Events[j] = line.Events[j], line.Events[i] })
		if diff := cmp.Diff(want, conversation.Transcript{}.Fold(line.Events), sameLists); diff != "" {
			t.Fatalf("%d: transcript (-want +got):\n%s", n, diff)
		}
		ids := map[string]bool{}
		for _, e := range line.Events {
			if want.Adds(e) {
				t.Fatalf("%d: an event is news to its own transcript", n)
			}
			if e.Time.After(want.KnownUntil().Time) && e.Time.After(want.WholeUntil.Time) && e.Time.After(latest(want)) {
				t.Fatalf("%d: an event lies behind all that is known", n)
			}
			if ids[e.ID] {
				t.Fatalf("%d: two events have one id", n)
			}
			ids[e.ID] = true
		}
	}
}

// What many events of one time said of a conversation is in no event more than an account keeps of one.
func TestLineOfManyAtOneTime(t *testing.T) {
	at := conversation.At(noon.Add(-time.Hour))
	var events []conversation.Event
	for i := range 3 {
		e := conversation.Event{ID: fmt.Sprint(i), Source: "chatwoot", Conversation: "c", Kind: retention.Ticket, Time: at, Received: at}
		for n := range 90 {
			e.Subjects = append(e.Subjects, conversation.Subject{Email: fmt.Sprintf("s%d-%d@example.com", i, n)})
			e.AgentIDs = append(e.AgentIDs, fmt.Sprintf("a%d-%d", i, n))
			e.Tagged, e.Untagged = append(e.Tagged, fmt.Sprintf("t%d-%d", i, n)), append(e.Untagged, fmt.Sprintf("u%d-%d", i, n))
		}
		e.Entries = []conversation.Entry{{ID: e.ID, Time: at, Author: conversation.Author{Role: conversation.Visitor}, Attachments: []conversation.Attachment{}}}
		events = append(events, e)
	}
	want := conversation.Transcript{}.Fold(events)
	line, err := history.Read(lineOf(t, want), noon)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range line.Events {
		line.Events[i], _ = minimise.Identified.Event(e)
	}
	if diff := cmp.Diff(want, conversation.Transcript{}.Fold(line.Events), sameLists); diff != "" {
		t.Errorf("transcript (-want +got):\n%s", diff)
	}
}

// latest is the latest time at which anything was said.
func latest(t conversation.Transcript) (last time.Time) {
	s := t.Said
	times := []conversation.Time{t.ReopenedAt, s.Title, s.Status, s.Department, s.Tags, s.Rating, s.Direction, s.Outcome, s.Seconds, s.Recording}
	for _, p := range s.Subjects {
		times = append(times, p.First, p.Last)
	}
	for _, a := range s.Agents {
		times = append(times, a.First)
	}
	for _, change := range s.TagChanges {
		times = append(times, change.At)
	}
	for _, at := range times {
		if at.After(last) {
			last = at.Time
		}
	}
	return last
}

// A line that says what is known of the transcript alone, as the API answers it, makes the same view.
func TestLineWithoutTheRest(t *testing.T) {
	at := func(minutes int) conversation.Time {
		return conversation.At(noon.Add(time.Duration(minutes-60) * time.Minute))
	}
	want := conversation.Transcript{}.Fold([]conversation.Event{{
		ID: "1", Source: "chatwoot", Conversation: "c", Kind: retention.Chat, Time: at(3), Received: at(3), Ended: true, Department: "Sales", Tags: []string{"vip"},
		Subjects: []conversation.Subject{{Name: "Iris Vogel", Email: "iris.vogel@example.com"}}, Rating: new(4),
		Entries: []conversation.Entry{{ID: "1", Time: at(1), Author: conversation.Author{Role: conversation.Visitor}, Text: "hello"}},
	}})
	b, err := json.Marshal(want.View())
	if err != nil {
		t.Fatal(err)
	}
	line, err := history.Read([]byte(strings.Replace(string(b), `"state":""`, `"state":"settled"`, 1)), noon)
	if err != nil {
		t.Fatal(err)
	}
	got := conversation.Transcript{}.Fold(line.Events)
	if diff := cmp.Diff(want.View(), got.View(), sameLists); diff != "" {
		t.Errorf("view (-want +got):\n%s", diff)
	}
	if got.Anchor != at(3) || !line.Settled || line.Open {
		t.Errorf("anchor %v, %+v", got.Anchor, line.Settled)
	}
}

func TestRead(t *testing.T) {
	const chat = `{"kind":"chat","state":"settled","source":"chatwoot","conversation":"7","startedAt":"2026-11-20T10:00:00Z","subjects":[],"tags":[],` +
		`"entries":[{"id":"1","time":"2026-11-20T10:00:00Z","author":{"role":"visitor","name":""},"text":"hello","attachments":[]}],` +
		`"transcript":{"anchor":"2026-11-20T10:00:00Z","said":{"written":true}}}`
	const visit = `{"id":"x","source":"canonical","startedAt":"2026-11-20T10:00:00Z","endedAt":"2026-11-20T10:01:00Z",` +
		`"pages":[{"time":"2026-11-20T10:00:00Z","url":"https://example.com/"}],"told":{"event":"e","visit":"v","time":"2026-11-20T10:01:00Z"},"expiresAt":"2027-11-21T00:00:00Z"}`
	const delivery = `{"version":"1","events":[{"id":"e","type":"conversation.started","time":"2026-11-20T10:00:00Z","kind":"chat","conversation":"7"}]}`
	for _, c := range []struct {
		name, line string
		want       error
		events     int
		source     string
	}{
		{"a conversation", chat, nil, 1, "chatwoot"},
		{"a visit", visit, nil, 1, "canonical"},
		{"a delivery is canonical by itself", delivery, nil, 1, "canonical"},
		{"a delivery of another source", strings.Replace(delivery, `{`, `{"source":"tawkto",`, 1), nil, 1, "tawkto"},
		{"a fact is passed over", `{"id":"x","source":"chatwoot","kind":"chat","visitorEntries":1}`, nil, 0, ""},
		{"an audit entry is passed over", `{"at":"2026-11-20T10:00:00Z","actor":"token:x","action":"extract"}`, nil, 0, ""},
		{"a delivery of an unknown source", strings.Replace(delivery, `{`, `{"source":"nobody",`, 1), history.ErrSource, 0, ""},
		{"a conversation of an unknown source", strings.Replace(chat, "chatwoot", "nobody", 1), history.ErrSource, 0, ""},
		{"a delivery with a time of long ago", strings.Replace(delivery, "2026", "1926", 1), source.ErrTime, 0, ""},
		{"a conversation with a time that is to come", strings.Replace(chat, "2026", "2036", 1), source.ErrTime, 0, ""},
		{"an anchor later than the import", strings.Replace(chat, `"anchor":"2026-11-20T10:00:00Z"`, `"anchor":"2026-11-21T12:00:01Z"`, 1), source.ErrTime, 0, ""},
		{"entries in another order than that of time", strings.Replace(chat, `"entries":[`, `"entries":[{"id":"0","time":"2026-11-20T10:00:01Z","author":{"role":"visitor"}},`, 1), strictjson.ErrShape, 0, ""},
		{"a role that there is not", strings.Replace(chat, `"visitor"`, `"queen"`, 1), strictjson.ErrShape, 0, ""},
		{"a place among too many agents", strings.Replace(chat, `"said":{`, `"said":{"agents":[{"id":"a","first":"2026-11-20T10:00:00Z","place":1000000}],`, 1), strictjson.ErrShape, 0, ""},
		{"a conversation without its id", strings.Replace(chat, `"conversation":"7"`, `"conversation":""`, 1), source.ErrMissing, 0, ""},
		{"a visit without its id", strings.Replace(visit, `"visit":"v"`, `"visit":""`, 1), source.ErrMissing, 0, ""},
		{"entries that are null", strings.Replace(chat, chat[strings.Index(chat, `"entries":`):strings.Index(chat, `"transcript"`)], `"entries":null,`, 1), strictjson.ErrShape, 0, ""},
		{"half a line", chat[:100], strictjson.ErrJSON, 0, ""},
		{"a key twice", `{"version":"1","version":"1"}`, strictjson.ErrJSON, 0, ""},
		{"a list", `[]`, history.ErrUnknown, 0, ""},
		{"something else", `{"messages":[]}`, history.ErrUnknown, 0, ""},
		{"more than 24 MB", `"` + strings.Repeat("x", history.MaxLine) + `"`, history.ErrLong, 0, ""},
		{"a delivery of more than 1 MB", strings.Replace(delivery, `"7"`, `"7","text":"`+strings.Repeat("x", 1<<20)+`"`, 1), history.ErrLong, 0, ""},
		{"a conversation of more than 1 MB", strings.Replace(chat, `"hello"`, `"`+strings.Repeat("x", 1<<20)+`"`, 1), nil, 1, "chatwoot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			line, err := history.Read([]byte(c.line), noon)
			if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if len(line.Events) != c.events {
				t.Fatalf("%d events, want %d", len(line.Events), c.events)
			}
			for _, e := range line.Events {
				if e.Source != c.source {
					t.Errorf("source %q, want %q", e.Source, c.source)
				}
			}
		})
	}
}

// FuzzRead reads anything without a panic; what is read has ids and times, and reads the same again.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("../../events/ingest/*canonical*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add(lineOf(f, conversation.Transcript{}.Fold(random(r, retention.Ticket))))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := history.Read(line, noon)
		if err != nil {
			return
		}
		for _, e := range got.Events {
			if e.ID == "" || e.Conversation == "" || e.Time.IsZero() || e.Received.After(noon) && e.Visit == nil {
				t.Fatalf("an event without its marks: %v", e)
			}
		}
		again, err := history.Read(line, noon)
		if diff := cmp.Diff(got, again); err != nil || diff != "" {
			t.Fatalf("another time: %v %s", err, diff)
		}
	})
}

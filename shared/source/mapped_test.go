package source_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// mappedTypes are what can be made of a delivery of a mapped source.
func mappedTypes() (all []string) {
	for _, kind := range []retention.Kind{retention.Chat, retention.Ticket, retention.Call} {
		for _, does := range []string{"started", "message", "updated", "ended", "reopened", "transcript"} {
			all = append(all, string(kind)+"."+does)
		}
	}
	return append(all, "other")
}

var (
	_ = describe("mapped-livehelpnow", traits{
		names: mappedTypes(), kinds: []retention.Kind{retention.Chat, retention.Ticket, retention.Call}, uncovered: true,
		signature: "X-Supportvault-Key",
		uses: func(of func(name string) map[string]use) {
			text, id := use{takes: "snb"}, use{takes: "sn", required: true}
			of("other")["event"] = use{takes: anything}
			for name, fields := range map[string][]string{
				"chat.started":   {"department", "name", "email", "phone", "text", "subject"},
				"chat.updated":   {"department", "agent", "name", "email", "phone"},
				"chat.message":   {"from", "author", "text"},
				"chat.ended":     {"department", "agent", "name", "email", "phone", "text"},
				"ticket.started": {"subject", "status", "department", "agent", "name", "email", "phone", "text"},
				"ticket.message": {"subject", "status", "agent", "from", "author", "text"},
				"ticket.ended":   {"subject", "status", "agent"},
				"call.ended":     {"department", "name", "phone", "outcome", "recording", "text"},
			} {
				m := of(name)
				m["event"], m["id"], m["time"] = use{takes: anything}, id, id
				for _, field := range fields {
					m[field] = text
				}
				if name == "call.ended" {
					m["direction"], m["seconds"] = use{takes: "snb"}, use{takes: anything}
				}
				m["rating"], m["agent"] = use{takes: anything}, use{takes: "snba"}
				if strings.HasSuffix(name, ".message") {
					m["messageId"] = use{takes: "sn"}
				}
			}
		},
	})
	_ = describe("mapped-zendesk", traits{
		names: mappedTypes(), kinds: []retention.Kind{retention.Ticket}, uncovered: true, signature: "X-Supportvault-Key",
		uses: func(of func(name string) map[string]use) {
			for _, name := range []string{"ticket.message", "ticket.updated"} {
				m := of(name)
				m["event"], m["ticket"], m["time"] = use{takes: anything}, use{takes: "sn", required: true}, use{takes: "sn", required: true}
				for _, field := range []string{"title", "status", "group", "requester.name", "requester.email", "requester.phone"} {
					m[field] = use{takes: "snb"}
				}
				m["tags"], m["assignee"] = use{takes: "snba"}, use{takes: "snba"}
				m["requester"], m["requester.customId"] = use{takes: anything}, use{takes: "sn"}
			}
			m := of("ticket.message")
			m["comment"], m["comment.id"] = use{takes: anything}, use{takes: "sn"}
			for _, field := range []string{"by", "author", "text"} {
				m["comment."+field] = use{takes: "snb"}
			}
		},
	})
)

// own is a delivery of a source with a mapping of one's own.
func own(t testing.TB, mapping, body string) source.Delivery {
	t.Helper()
	s := account.SourceSettings{Mapping: []byte(mapping)}
	if mistakes := source.CheckSettings("mapped-shop", s); len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return source.Delivery{Body: []byte(body), Received: received, Settings: s}
}

// ruled is a mapping with one rule of fields, and of entries if there are any.
func ruled(kind, fields, entries string) string {
	if entries != "" {
		entries = `,"entries":` + entries
	}
	return `{"rules":[{"name":"r","kind":"` + kind + `","fields":{"does":"message","conversation":"$.id",` + fields + `}` + entries + `}]}`
}

func TestMappedFields(t *testing.T) {
	at := conversation.At(received)
	text := func(e conversation.Entry) []conversation.Entry {
		e.Time = at
		return []conversation.Entry{e}
	}
	for _, tc := range []struct {
		name, kind, fields, entries, body string
		want                              conversation.Event
		err                               error
	}{
		{"a title and a status are a ticket's", "ticket", `"title":"$.t","status":"solved","event":"$.e"`, ``, `{"t":"T","e":7}`,
			conversation.Event{ID: "message/7", Title: "T", Status: "solved", Ended: true}, nil},
		{"values say what stands for what", "ticket", `"event":"e","status":{"path":"$.s","values":{"Offen":"open","7":"closed"}}`, ``, `{"s":7}`,
			conversation.Event{ID: "message/e", Status: "closed", Ended: true}, nil},
		{"what the values do not have says nothing", "ticket", `"event":"e","status":{"path":"$.s","values":{"Offen":"open"}}`, ``, `{"s":"x"}`,
			conversation.Event{ID: "message/e"}, nil},
		{"or what stands otherwise", "ticket", `"event":"e","status":{"path":"$.s","values":{"Offen":"open"},"otherwise":"solved"}`, ``, `{}`,
			conversation.Event{ID: "message/e", Status: "solved", Ended: true}, nil},
		{"tags are what a path finds", "chat", `"event":"e","tags":"$.l[*].n"`, ``, `{"l":[{"n":"b"},{"n":"a"},{"m":1},{"n":null}]}`,
			conversation.Event{ID: "message/e", Tags: []string{"b", "a"}}, nil},
		{"or a list", "chat", `"event":"e","tags":"$.l"`, ``, `{"l":["a","",7,true]}`,
			conversation.Event{ID: "message/e", Tags: []string{"a", "7", "true"}}, nil},
		{"or parts of a text", "chat", `"event":"e","tags":{"path":"$.l","split":","}`, ``, `{"l":"a, b,,c"}`,
			conversation.Event{ID: "message/e", Tags: []string{"a", "b", "c"}}, nil},
		{"of which there may not be too many", "chat", `"event":"e","tags":{"path":"$.l","split":","}`, ``, `{"l":"` + strings.Repeat("a,", 100) + `"}`,
			conversation.Event{}, strictjson.ErrShape},
		{"an empty list says that there are none", "chat", `"event":"e","tags":"$.l"`, ``, `{"l":[]}`,
			conversation.Event{ID: "message/e", Tags: []string{}}, nil},
		{"a filter picks", "chat", `"event":"e","department":"$.f[?@.n=='team'].v"`, ``, `{"f":[{"n":"x","v":1},{"n":"team","v":"T"}]}`,
			conversation.Event{ID: "message/e", Department: "T"}, nil},
		{"what is known of a call", "call", `"event":"e","call.direction":"inbound","call.outcome":"$.o","call.seconds":"$.s","call.recording":"$.r"`, ``,
			`{"o":"missed","s":"1:02:03","r":7}`, conversation.Event{ID: "message/e", Call: &conversation.Call{Direction: "inbound", Outcome: "missed", Seconds: 3723, Recording: "7"}}, nil},
		{"a link to a recording without what opens it", "call", `"event":"e","call.recording":"$.r"`, ``, `{"r":" HTTPS://jo:pw@calls.example.com/r/7.mp3?token=t#x"}`,
			conversation.Event{ID: "message/e", Call: &conversation.Call{Recording: "HTTPS://calls.example.com/r/7.mp3"}}, nil},
		{"a call of seconds", "call", `"event":"e","call.seconds":"$.s"`, ``, `{"s":61.9}`, conversation.Event{ID: "message/e", Call: &conversation.Call{Seconds: 61}}, nil},
		{"a call of no time", "call", `"event":"e","call.seconds":"$.s","call.direction":"$.d"`, ``, `{"s":"","d":"sideways"}`, conversation.Event{ID: "message/e"}, nil},
		{"a call that lasts for ever", "call", `"event":"e","call.seconds":"$.s"`, ``, `{"s":"1:00:00:00"}`, conversation.Event{}, strictjson.ErrShape},
		{"a rating is 1 to 5", "chat", `"event":"e","rating":"$.r"`, ``, `{"r":"4"}`, conversation.Event{ID: "message/e", Rating: new(4)}, nil},
		{"and nothing else", "chat", `"event":"e","rating":"$.r"`, ``, `{"r":{}}`, conversation.Event{ID: "message/e"}, nil},
		{"a subject is what is known of them", "chat", `"event":"e","subject.name":"$.n","subject.visitorId":"$.v","subject.phone":"$.p"`, ``, `{"n":"N","v":9007199254740993,"p":null}`,
			conversation.Event{ID: "message/e", Subjects: []conversation.Subject{{Name: "N", VisitorID: "9007199254740993"}}}, nil},
		{"agents are named once", "chat", `"event":"e","agent":"$.a[*]"`, ``, `{"a":["x","x","y"]}`,
			conversation.Event{ID: "message/e", AgentIDs: []string{"x", "y"}}, nil},
		{"an object is no text", "chat", `"event":"e","department":"$.d"`, ``, `{"d":{}}`, conversation.Event{}, strictjson.ErrShape},
		{"a time is no word", "chat", `"event":"e","time":"$.d"`, ``, `{"d":"soon"}`, conversation.Event{}, strictjson.ErrShape},
		{"a time that the mapping has must be there", "chat", `"event":"e","time":"$.d"`, ``, `{"d":null}`, conversation.Event{}, source.ErrMissing},
		{"a body is an entry", "chat", `"event":"e"`, `{"fields":{"id":"$.m","role":"agent","author":"$.a","text":"$.t","html":true}}`, `{"m":1,"a":"A","t":"<p>x</p>"}`,
			conversation.Event{ID: "message/e", Entries: text(conversation.Entry{ID: "1", Author: conversation.Author{Role: "agent", Name: "A"}, Text: "x"}), AgentIDs: []string{"A"}}, nil},
		{"an entry of nothing is none", "chat", `"event":"e"`, `{"fields":{"role":"agent","text":"$.t"}}`, `{"t":" "}`,
			conversation.Event{ID: "message/e"}, nil},
		{"who it was stands nowhere", "chat", `"event":"e"`, `{"fields":{"id":"1","role":"$.r","author":"$.a","text":"x"}}`, `{"r":"them","a":"A"}`,
			conversation.Event{ID: "message/e", Entries: text(conversation.Entry{ID: "1", Author: conversation.Author{Role: "system"}, Text: "x"})}, nil},
		{"a visitor has the subject's name", "chat", `"event":"e","subject.name":"N"`, `{"fields":{"id":"1","role":"visitor","text":"x"}}`, `{}`,
			conversation.Event{ID: "message/e", Subjects: []conversation.Subject{{Name: "N"}},
				Entries: text(conversation.Entry{ID: "1", Author: conversation.Author{Role: "visitor", Name: "N"}, Text: "x"})}, nil},
		{"what is not said to be public is a note", "chat", `"event":"e"`, `{"fields":{"id":"1","role":"agent","text":"x","private":"$.p"}}`, `{}`,
			conversation.Event{ID: "message/e", Entries: text(conversation.Entry{ID: "1", Author: conversation.Author{Role: "agent"}, Text: "x", Private: true})}, nil},
		{"and what is said to be is none", "chat", `"event":"e"`, `{"fields":{"id":"1","role":"agent","text":"x","private":"$.p"}}`, `{"p":false}`,
			conversation.Event{ID: "message/e", Entries: text(conversation.Entry{ID: "1", Author: conversation.Author{Role: "agent"}, Text: "x"})}, nil},
		{"files have links and names", "chat", `"event":"e"`, `{"fields":{"id":"1","role":"agent","files":"$.f[*].u","fileNames":"$.f[*].n"}}`,
			`{"f":[{"u":"https://files.example.com/1","n":"C:\\a\\b.png"},{"u":"http://files.example.com/2","n":"c/d"}]}`,
			conversation.Event{ID: "message/e", Entries: text(conversation.Entry{ID: "1", Author: conversation.Author{Role: "agent"}, Attachments: []conversation.Attachment{
				{Name: "b.png", URL: "https://files.example.com/1"}, {Name: "d", URL: "http://files.example.com/2"}}})}, nil},
		{"an id may be missing, but not be an object", "chat", `"event":"$.e"`, ``, `{"e":{}}`, conversation.Event{}, strictjson.ErrShape},
		{"more files than can be are too many", "chat", `"event":"e"`, `{"fields":{"role":"agent","files":"$.f[*]"}}`, `{"f":[` + strings.Repeat(`1,`, 100) + `1]}`,
			conversation.Event{}, strictjson.ErrShape},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := own(t, ruled(tc.kind, tc.fields, tc.entries), `{"id":"c",`+strings.TrimPrefix(tc.body, "{"))
			d.Body = bytes.Replace(d.Body, []byte(`,}`), []byte(`}`), 1)
			got, err := lookup(t, "mapped-shop").Adapt(d)
			checkOutcome(t, "mapped-livehelpnow", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("%v, want %v", err, tc.err)
			}
			if err != nil {
				return
			}
			tc.want.Conversation, tc.want.Kind, tc.want.Time, tc.want.Received = "c", retention.Kind(tc.kind), at, at
			tc.want.Untimed = true
			if diff := cmp.Diff([]conversation.Event{tc.want}, got.Events); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is written in a chat is no markup, whatever it looks like; a mail and a transcript are.
func TestLiveHelpNowMarkup(t *testing.T) {
	const text = `if a<b and c>d it fails, see <file.txt> &amp; <b>this</b>`
	for happened, want := range map[string]string{
		"chat-opened": text, "chat-message": text,
		"chat-closed": "if ad it fails, see <file.txt> & this", "ticket-message": "if ad it fails, see <file.txt> & this",
	} {
		e := one(t, "mapped-livehelpnow", fmt.Sprintf(`{"event":%q,"id":"c","time":"11/20/2026 1:05:58 PM","from":"visitor","text":%q}`, happened, text))
		if got := e.Entries[0].Text; got != want {
			t.Errorf("%s: %q, want %q", happened, got, want)
		}
	}
}

func TestMappedTurns(t *testing.T) {
	for _, tc := range []struct {
		kind, does, more string
		want             conversation.Event
	}{
		{"ticket", "started", `"status":"$.none"`, conversation.Event{Status: "open"}},
		{"ticket", "started", `"status":"closed"`, conversation.Event{Status: "closed", Ended: true}},
		{"ticket", "message", `"status":"open"`, conversation.Event{Status: "open", Reopened: true}},
		{"ticket", "updated", `"status":"solved"`, conversation.Event{Status: "solved", Ended: true}},
		{"ticket", "ended", `"status":"pending"`, conversation.Event{Status: "closed", Ended: true}},
		{"ticket", "ended", `"status":"solved"`, conversation.Event{Status: "solved", Ended: true}},
		{"ticket", "reopened", `"status":"solved"`, conversation.Event{Status: "open", Reopened: true}},
		{"ticket", "reopened", `"status":"pending"`, conversation.Event{Status: "pending", Reopened: true}},
		{"ticket", "message", `"status":"open","ended":true`, conversation.Event{Status: "closed", Ended: true}},
		{"chat", "transcript", `"ended":"$.over"`, conversation.Event{Ended: true}},
		{"chat", "ended", `"ended":false`, conversation.Event{Ended: true}},
	} {
		t.Run(tc.kind+" "+tc.does+" "+tc.more, func(t *testing.T) {
			mapping := strings.Replace(ruled(tc.kind, tc.more, ""), `"message"`, `"`+tc.does+`"`, 1)
			got, err := lookup(t, "mapped-shop").Adapt(own(t, mapping, `{"id":"c","over":true}`))
			checkOutcome(t, "mapped-livehelpnow", got, err)
			if err != nil || got.Name != tc.kind+"."+tc.does {
				t.Fatalf("%s %v", got.Name, err)
			}
			e := got.Events[0]
			if diff := cmp.Diff(tc.want, conversation.Event{Status: e.Status, Ended: e.Ended, Reopened: e.Reopened}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A list in the body becomes its entries, known by themselves however often they come, and nothing ends before the last of them.
func TestMappedTranscript(t *testing.T) {
	mapping := ruled("chat", `"ended":true,"time":"$.at"`,
		`{"each":"$.lines[*]","fields":{"time":"$.at","role":{"path":"$.by","values":{"v":"visitor"},"otherwise":"agent"},"text":"$.say"}}`)
	mapping = strings.Replace(mapping, `"message"`, `"transcript"`, 1)
	lines := `{"at":"2026-11-20T10:00:00Z","by":"v","say":"Hello?"},{"at":"2026-11-20T10:00:00Z","by":"v","say":"Hello?"},{"at":1795179941286,"by":"a","say":"Yes"}`
	a := lookup(t, "mapped-shop")
	one, err := a.Adapt(own(t, mapping, `{"id":"c","at":"2026-11-20T09:59:00Z","lines":[`+lines+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	other, err := a.Adapt(own(t, mapping, `{"more":1,"lines":[`+lines+`],"id":"c","at":"2026-11-20T09:59:00Z"}`))
	if err != nil {
		t.Fatal(err)
	}
	e := one.Events[0]
	if !e.Whole || !e.Ended || len(e.Entries) != 3 || e.Time != e.Entries[2].Time || e.Entries[0].ID == e.Entries[1].ID {
		t.Errorf("%+v", e)
	}
	if e.ID == other.Events[0].ID {
		t.Error("another body is the same event")
	}
	if diff := cmp.Diff(e.Entries, other.Events[0].Entries); diff != "" {
		t.Errorf("the same entries in another body (-one +other):\n%s", diff)
	}
	many := strings.TrimSuffix(strings.Repeat(`{"at":1795179941286,"by":"a","say":"x"},`, 10_001), ",")
	if _, err := a.Adapt(own(t, mapping, `{"id":"c","at":1795179941,"lines":[`+many+`]}`)); !errors.Is(err, strictjson.ErrShape) {
		t.Errorf("10,001 entries: %v", err)
	}
	got, err := a.Adapt(own(t, mapping, `{"id":"c","at":1795179941,"lines":[`+many[len(`{"at":1795179941286,"by":"a","say":"x"},`):]+`]}`))
	if err != nil || len(got.Events[0].Entries) != 10_000 {
		t.Errorf("10,000 entries: %v", err)
	}
}

// A body without a time may come again: what was made of it is known by nothing of its receipt.
func TestMappedWithoutTimeIsTheSameLater(t *testing.T) {
	mapping := ruled("chat", `"event":"$.event"`, `{"fields":{"role":"visitor","text":"$.say"}}`)
	made := func(body string, later time.Duration) conversation.Event {
		d := own(t, mapping, body)
		d.Received = d.Received.Add(later)
		got, err := lookup(t, "mapped-shop").Adapt(d)
		if err != nil {
			t.Fatal(err)
		}
		return got.Events[0]
	}
	for _, body := range []string{`{"id":"c","say":"Yes"}`, `{"id":"c","say":"Yes","event":1}`} {
		first, again := made(body, 0), made(body, time.Hour)
		if first.ID != again.ID || first.Entries[0].ID != again.Entries[0].ID {
			t.Errorf("%s: is another an hour later: %s and %s", body, first.Entries[0].ID, again.Entries[0].ID)
		}
	}
	if made(`{"id":"c","say":"Yes","event":1}`, 0).Entries[0].ID == made(`{"id":"c","say":"Yes","event":2}`, 0).Entries[0].ID {
		t.Error("the same words of another event are the same entry")
	}
}

// Of times without milliseconds many are the same: what is written at one stands as it stood in the body, whatever its ids.
func TestMappedEntriesOfOneInstant(t *testing.T) {
	layouts := `{"layouts":["2006-01-02 15:04"],"rules"`
	for _, tc := range []struct{ name, does, fields string }{
		{"seconds", "message", `"time":"$.s",`}, {"minutes", "message", `"time":"$.m",`}, {"the same for all", "ended", ``},
		{"with ids", "message", `"time":"$.m","id":"$.id",`}, {"a transcript", "transcript", `"time":"$.m",`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mapping := ruled("chat", `"event":"e"`, `{"each":"$.l[*]","fields":{`+tc.fields+`"role":"visitor","text":"$.t"}}`)
			mapping = strings.Replace(strings.Replace(mapping, `{"rules"`, layouts, 1), `"message"`, `"`+tc.does+`"`, 1)
			var lines, want []string
			for i := range 30 {
				lines = append(lines, fmt.Sprintf(`{"s":%d,"m":"2026-11-20 10:%02d","id":%d,"t":"line %d"}`, 1795179900+i/10, i/10, 99-i, i))
				want = append(want, fmt.Sprintf("line %d", i))
			}
			got, err := lookup(t, "mapped-shop").Adapt(own(t, mapping, `{"id":"c","l":[`+strings.Join(lines, ",")+`]}`))
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, e := range (conversation.Transcript{}).Fold(got.Events).Entries {
				texts = append(texts, e.Text)
			}
			if diff := cmp.Diff(want, texts); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Many senders tell no more than the minute. What is delivered as it happens stands in the order of its receipt, whatever comes twice.
func TestMappedMinutes(t *testing.T) {
	minute := time.Date(2026, 11, 20, 13, 7, 0, 0, time.UTC)
	event := func(name, body string, after time.Duration) conversation.Event {
		t.Helper()
		got, err := lookup(t, name).Adapt(source.Delivery{Body: []byte(body), Received: minute.Add(after)})
		if err != nil || len(got.Events) != 1 {
			t.Fatalf("%s: %d events, %v", body, len(got.Events), err)
		}
		return got.Events[0]
	}
	t.Run("messages of a chat", func(t *testing.T) {
		var events []conversation.Event
		var want []string
		for i, from := range []string{"visitor", "agent", "visitor", "agent", "visitor"} {
			text := fmt.Sprintf("line %d", i)
			body := fmt.Sprintf(`{"event":"chat-message","id":"c","time":"11/20/2026 1:07 PM","from":%q,"text":%q}`, from, text)
			events = append(events, event("mapped-livehelpnow", body, time.Duration(15*i)*time.Second))
			want = append(want, from+" "+text)
		}
		slices.Reverse(events)
		var got []string
		for _, e := range (conversation.Transcript{}).Fold(events).Entries {
			got = append(got, string(e.Author.Role)+" "+e.Text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("a ticket that is solved and goes on", func(t *testing.T) {
		var events []conversation.Event
		for i, status := range []string{"Open", "Solved", "Open"} {
			body := fmt.Sprintf(`{"event":"status","ticket":"7","time":"2026-11-20T13:07Z","status":%q,"title":"%d"}`, status, i)
			events = append(events, event("mapped-zendesk", body, time.Duration(10+i)*time.Second))
		}
		got := conversation.Transcript{}.Fold(events)
		if got.Ended() || got.Status != conversation.StatusOpen || got.Title != "2" {
			t.Errorf("ended %v, %s, %s", got.Ended(), got.Status, got.Title)
		}
	})
	said := func(id string) string {
		return `{"event":"chat-message","id":"c","time":"11/20/2026 1:07 PM","from":"visitor","text":"yes"` + id + `}`
	}
	t.Run("a delivery that comes late or again", func(t *testing.T) {
		first := event("mapped-livehelpnow", said(""), 0)
		for after, prompt := range map[time.Duration]bool{
			-time.Minute: false, -time.Minute + time.Millisecond: true, 0: true, 2*time.Minute - time.Millisecond: true,
			2 * time.Minute: false, 24 * time.Hour: false,
		} {
			e, want := event("mapped-livehelpnow", said(""), after), minute
			if prompt {
				want = minute.Add(after)
			}
			if !e.Time.Equal(want) || !e.Entries[0].Time.Equal(want) || !e.Untimed || e.ID != first.ID || e.Entries[0].ID != first.Entries[0].ID {
				t.Errorf("%v later: %+v", after, e)
			}
		}
	})
	t.Run("the same words are told apart by their ids", func(t *testing.T) {
		ids := map[string]bool{}
		for _, id := range []string{``, `,"messageId":1`, `,"messageId":"2"`} {
			e := event("mapped-livehelpnow", said(id), 0)
			ids[e.ID], ids[e.Entries[0].ID] = true, true
		}
		if len(ids) != 6 || !ids["1"] || !ids["2"] {
			t.Errorf("%v", ids)
		}
	})
	t.Run("times of entries", func(t *testing.T) {
		const rest = `"role":"visitor","text":"$.t"}}`
		for name, tc := range map[string]struct {
			entries string
			want    time.Duration
		}{
			"one has that of the receipt":   {`{"fields":{"time":"$.m",` + rest, 20 * time.Second},
			"a list has the one it tells":   {`{"each":"$.l[*]","fields":{"time":"$.m",` + rest, 0},
			"one with seconds keeps them":   {`{"fields":{"time":"$.s",` + rest, 5 * time.Second},
			"one without has the event's":   {`{"fields":{` + rest, 20 * time.Second},
			"a list without has it as well": {`{"each":"$.l[*]","fields":{` + rest, 20 * time.Second},
		} {
			mapping := strings.Replace(ruled("chat", `"time":"$.m"`, tc.entries), `{"rules"`, `{"layouts":["2006-01-02 15:04"],"rules"`, 1)
			d := own(t, mapping, `{"id":"c","m":"2026-11-20 13:07","s":"2026-11-20T13:07:05Z","t":"x","l":[{"m":"2026-11-20 13:07","t":"x"}]}`)
			d.Received = minute.Add(20 * time.Second)
			got, err := lookup(t, "mapped-shop").Adapt(d)
			if err != nil {
				t.Fatal(err)
			}
			if e := got.Events[0]; !e.Untimed || !e.Time.Equal(d.Received) || !e.Entries[0].Time.Equal(minute.Add(tc.want)) {
				t.Errorf("%s: %+v", name, e)
			}
		}
	})
	t.Run("seconds are in a layout that has them", func(t *testing.T) {
		for layout, at := range map[string]string{"2/1/2006 15:04:05": "20/11/2026 13:07:00", "2006-1-2 15-4-5": "2026-11-20 13-7-0", time.RFC1123: "Fri, 20 Nov 2026 13:07:00 UTC"} {
			d := own(t, strings.Replace(ruled("chat", `"time":"$.m"`, ``), `{"rules"`, `{"layouts":["`+layout+`"],"rules"`, 1), `{"id":"c","m":"`+at+`"}`)
			d.Received = minute.Add(20 * time.Second)
			got, err := lookup(t, "mapped-shop").Adapt(d)
			if err != nil || got.Events[0].Untimed || !got.Events[0].Time.Equal(minute) {
				t.Errorf("%s: %+v %v", layout, got.Events, err)
			}
		}
	})
}

func TestMappedRules(t *testing.T) {
	rule := func(name, when, does string) string {
		return `{"name":"` + name + `","kind":"chat","when":[` + when + `],"fields":{"does":"` + does + `","conversation":"$.id"}}`
	}
	mapping := `{"rules":[` + strings.Join([]string{
		rule("both", `{"path":"$.a","equals":["1","x"]},{"path":"$.b","exists":true}`, "started"),
		rule("not", `{"path":"$.b","exists":false},{"path":"$.a","exists":true}`, "updated"),
		rule("last", `{"path":"$.l[-1]","equals":"true"}`, "ended"),
		rule("empty", `{"path":"$.n","equals":["","7.50"]}`, "reopened"),
	}, ",") + `]}`
	for body, want := range map[string]string{
		`{"id":1,"a":1,"b":0}`: "chat.started", `{"id":1,"a":"x","b":""}`: "chat.started", `{"id":1,"a":"y","b":1}`: "other",
		`{"id":1,"a":"y","b":null}`: "chat.updated", `{"id":1,"l":[false,true]}`: "chat.ended", `{"id":1,"l":[true,false]}`: "other", `{"id":1,"l":[[true]]}`: "other",
		`{"id":1,"n":null}`: "chat.reopened", `{"id":1,"n":""}`: "chat.reopened", `{"id":1,"n":[]}`: "other", `{"id":1,"n":7.50}`: "chat.reopened",
		`{"id":1}`: "other", `[]`: "other", `null`: "other", `7`: "other",
	} {
		got, err := lookup(t, "mapped-shop").Adapt(own(t, mapping, body))
		if err != nil || got.Name != want {
			t.Errorf("%s: %s %v, want %s", body, got.Name, err, want)
		}
	}
	// A source without a mapping of its own understands nothing; one that is named after a ready mapping has it until it is given another.
	for name, want := range map[string]string{"mapped": "other", "mapped-shop": "other", "mapped-livehelpnow": "chat.updated"} {
		d := source.Delivery{Received: received, Body: []byte(`{"event":"chat-assigned","id":"1","time":"11/20/2026 1:05 PM"}`)}
		if got, err := lookup(t, name).Adapt(d); err != nil || got.Name != want {
			t.Errorf("%s: %s %v, want %s", name, got.Name, err, want)
		}
		d.Settings.Ready = "livehelpnow"
		if got, err := lookup(t, name).Adapt(d); err != nil || got.Name != "chat.updated" {
			t.Errorf("%s, ready: %s %v", name, got.Name, err)
		}
	}
	for name, known := range map[string]bool{
		"mapped": true, "mapped-a": true, "mapped-0": true, "mapped-" + strings.Repeat("a", 24): true,
		"mapped-": false, "mapped-A": false, "mapped-a-b": false, "mapped-" + strings.Repeat("a", 25): false, "mappeda": false, "mapped-a\n": false,
	} {
		if _, ok := source.Lookup(name); ok != known {
			t.Errorf("%q is known: %v", name, ok)
		}
		if got := source.Sender(name); (got == "mapped") != known {
			t.Errorf("the sender of %q is %q", name, got)
		}
	}
}

func TestMappedTimes(t *testing.T) {
	mapping := strings.Replace(ruled("chat", `"time":"$.at"`, ``), `{"rules"`, `{"layouts":["2.1.2006 15:04","1/2/2006 3:04:05 PM"],"rules"`, 1)
	for _, tc := range []struct{ zone, at, want string }{
		{"", `"20.11.2026 13:05"`, "2026-11-20T13:05:00.000Z"},
		{"Europe/Berlin", `"20.11.2026 13:05"`, "2026-11-20T12:05:00.000Z"},
		{"America/New_York", `" 7/4/2026 1:05:09 PM "`, "2026-07-04T17:05:09.000Z"},
		{"America/New_York", `"2026-11-20T13:05:00.123456789Z"`, "2026-11-20T13:05:00.123Z"},
		{"America/New_York", `1795179941.286`, "2026-11-20T13:05:41.286Z"},
	} {
		d := own(t, mapping, `{"id":"c","at":`+tc.at+`}`)
		d.Settings.Zone = tc.zone
		got, err := lookup(t, "mapped-shop").Adapt(d)
		if err != nil || got.Events[0].Time.String() != tc.want {
			t.Errorf("%s in %s: %v %v", tc.at, tc.zone, got.Events, err)
		}
	}
}

// Everything that is wrong is said at once, with its place.
func TestMappingMistakes(t *testing.T) {
	for _, tc := range []struct {
		name, mapping string
		want          []string
	}{
		{"a text", `"x"`, []string{"/ must be an object"}},
		{"broken", `{`, []string{"/ must be one JSON object of up to 64 KB with unique keys"}},
		{"no rules", `{"rules":[]}`, []string{"/rules must have one rule at least"}},
		{"an empty rule", `{"rules":[{}]}`, []string{"/rules/0/name is missing", "/rules/0/kind is missing", "/rules/0/fields is missing"}},
		{"everything at once", `{"layouts":["2006"],"zone":"UTC","rules":[{"name":"A b","kind":"fax","when":[{"path":"$..a","equals":1},{"path":"$"}],
			"fields":{"does":"sung","time":"$.a[0,1]","status":"open","x/y~":"$"},"entries":{"each":"a","fields":{"role":{"path":"$[?@.*]","values":{"a":"b"}},"private":"maybe"}}}]}`, []string{
			"/zone is not known; there are rules, layouts",
			"/layouts/0 must be how Go writes",
			"/rules/0/name must be up to 40",
			"/rules/0/kind must be chat, ticket or call",
			"/rules/0/when/0/path must be a path of RFC 9535",
			"/rules/0/when/0/equals must be a text",
			"/rules/0/when/1 must have either equals or exists",
			"/rules/0/fields/status is not known",
			"/rules/0/fields/x~1y~0 is not known",
			"/rules/0/fields/conversation is missing",
			"/rules/0/fields/does must be a path, or one of started, message",
			"/rules/0/fields/time must be a path of RFC 9535",
			"/rules/0/entries/each must be a path of RFC 9535",
			"/rules/0/entries/fields/role/path must be a path of RFC 9535",
			"/rules/0/entries/fields/role/values/a must be a path, or one of visitor",
			"/rules/0/entries/fields/private must be a path, or one of true",
		}},
		{"conditions of several values", strings.Replace(ruled("chat", `"tags":"$[*][*][*][*]"`, ``), `"kind"`, `"when":[{"path":"$.a[*]","exists":true},
			{"path":"$.a[?@.b]","equals":"1"},{"path":"$.a[0:1]","equals":"1"},{"path":"$.a[0].b","equals":"1"}],"kind"`, 1), []string{
			"/rules/0/when/0/path must lead to one value", "/rules/0/when/1/path must lead to one value", "/rules/0/when/2/path must lead to one value",
			"/rules/0/fields/tags must have up to three selectors that may find several",
		}},
		{"too many rules", `{"rules":[` + strings.Repeat(`{},`, 50) + `{}]}`, []string{"/rules must be a list of up to 50"}},
		{"a long path", ruled("chat", `"time":"$.`+strings.Repeat("a", 200)+`"`, ``), []string{"/rules/0/fields/time must be a text", "/rules/0/fields/time must be a path"}},
		{"what goes with nothing", ruled("chat", `"department":{"path":"$.a","otherwise":"x","split":","}`, ``),
			[]string{"/rules/0/fields/department/otherwise is for what", "/rules/0/fields/department/split must be a text, of a field"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, mistakes := source.ParseMapping([]byte(tc.mapping))
			if len(mistakes) != len(tc.want) {
				t.Errorf("%d mistakes: %v", len(mistakes), mistakes)
			}
			for i, m := range mistakes {
				if i < len(tc.want) && !strings.HasPrefix(m.String(), tc.want[i]) {
					t.Errorf("%q, want %q", m, tc.want[i])
				}
			}
		})
	}
}

func TestPathsThatTakeTooLong(t *testing.T) {
	for path, takes := range map[string]bool{
		"$": true, "$.a.b": true, "$['a b']": true, "$.a[-1]": true, "$.a[1:3]": true, "$[*].a[*]": true, "$.a[?@.b]": true,
		"$.a[?@.b=='..' && @.c!='$,*']": true, "$.a[?!(@.b.c==1||@.d<2)].e": true, "$[*].a[?@.b].c[1:].d": true,
		"$[*].a[?@.b].c[1:].*": false, "$[*][*][*][*]": false, "$[?@.a==@.b]": false, "$[?@.a==1||@==@]": false,
		"$..a": false, "$.a..b": false, "$[*,*]": false, "$['a','b']": false, "$[?@..a]": false, "$[?@.*]": false, "$[?$.a==1]": false,
		"$[?@[?@.a]]": false, "$[?length(@.a)==1]": false, "$[?match(@.a,'b')]": false, "$[?@[1:2]]": false, "a": false, "": false, "$.": false, "$ ": false,
	} {
		_, mistakes := source.ParseMapping([]byte(ruled("chat", `"time":{"path":`+strconv.Quote(path)+`}`, ``)))
		if (len(mistakes) == 0) != takes {
			t.Errorf("%s: %v", path, mistakes)
		}
	}
}

// However large a body, a path looks at no value of it twice, but with a filter at each as often as that compares; and when all paths
// together have looked at a million, the body is refused.
func TestLooksAreBounded(t *testing.T) {
	lists := `{"id":"c","l":[` + strings.Repeat(`[[0]],`, 1<<20/6) + `0]}`
	numbers := `{"id":"c","l":[` + strings.Repeat(`0,`, 1<<19) + `0]}`
	parsed := map[string]any{}
	for _, body := range []string{lists, numbers} {
		var from any
		if err := json.Unmarshal([]byte(body), &from); err != nil {
			t.Fatal(err)
		}
		parsed[body] = from
	}
	for _, tc := range []struct {
		path, body         string
		most, found, looks int
	}{
		{"$.l[*]", numbers, 100, 101, 1 + 1 + 1<<19 + 1},
		{"$.l[*][*][*]", lists, 100, 101, 1 + 1 + 1<<20/6 + 1 + 4*101},
		{"$.l[*][*][*].x", lists, 100, 0, 1 + 1 + 1<<20/6 + 1 + 5*(1<<20/6) + 1},
		{"$.l[?@.a==1].b", numbers, 100, 0, 1 + 1 + 1<<19 + 1},
		{"$.l[?@.a==1||@.b==1]", numbers, 100, 0, 1 + 1 + 2*(1<<19+1)},
		{"$.l[?@.a==1||@.b==1||@.c==1]", numbers, 100, 0, 1 + 1 + 3*(1<<19+1)},
		{"$.l[-1]", lists, 1, 1, 2},
	} {
		if found, looks := source.Looks(tc.path, parsed[tc.body], tc.most); found != tc.found || looks != tc.looks {
			t.Errorf("%s: found %d by %d looks, want %d by %d", tc.path, found, looks, tc.found, tc.looks)
		}
	}
	each := func(path string) string {
		fields := `"does":"message","conversation":"$.id"`
		for _, name := range []string{"tags", "agent", "department", "subject.name", "subject.email", "subject.phone"} {
			fields += `,"` + name + `":"` + path + `"`
		}
		return `{"rules":[{"name":"r","kind":"chat","fields":{` + fields + `}}]}`
	}
	for path, body := range map[string]string{"$.l[*][*][*].x": lists, "$.l[?@.a==1].b": numbers} {
		if _, err := lookup(t, "mapped-shop").Adapt(own(t, each(path), body)); !errors.Is(err, strictjson.ErrShape) {
			t.Errorf("%s in all fields: %v", path, err)
		}
	}
	// As much as there may be of what is taken.
	line := `{"id":1,"a":{"r":"visitor","t":"x","f":[{"u":"https://files.example.com/1","n":"1"}]}},`
	all := `{"rules":[{"name":"r","kind":"chat","fields":{"does":"message","conversation":"$.id"},"entries":{"each":"$.l[*]","fields":{"role":"$.a.r",
		"author":"$.a.n","text":"$.a.t","html":"$.a.h","private":"$.a.p","time":"$.a.at","files":"$.a.f[*].u","fileNames":"$.a.f[*].n"}}}]}`
	body := `{"id":"c","l":[` + strings.TrimSuffix(strings.Repeat(strings.Replace(line, `"r"`, `"at":1795179941,"r"`, 1), 9_500), ",") + `]}`
	got, err := lookup(t, "mapped-shop").Adapt(own(t, all, body))
	if err != nil || len(got.Events[0].Entries) != 9_500 || len(body) > 1<<20 {
		t.Errorf("%d bytes of entries: %v", len(body), err)
	}
}

func TestMappedAuth(t *testing.T) {
	body := `{"id":"c"}`
	stamp := strconv.FormatInt(received.Unix(), 10)
	coded := func(newHash func() hash.Hash, text string) []byte { return code(newHash, []byte(secret), text) }
	hmacOf := func(newHash, encoding, prefix, timeHeader, signed string) account.SourceAuth {
		a := account.SourceAuth{Kind: "hmac", Header: "X-Sig", Hash: newHash, Encoding: encoding, Prefix: prefix, TimeHeader: timeHeader, Signed: signed}
		if timeHeader != "" {
			a.Tolerance = 300
		}
		return a
	}
	const (
		malformed = "a header of the signature has another form than the sender's"
		unsigned  = "a header of the signature is missing or comes twice"
		mismatch  = "no secret of the source made the signature"
		stale     = "the signed time is too long ago"
	)
	for _, tc := range []struct {
		name   string
		auth   account.SourceAuth
		header http.Header
		query  string
		reason string
	}{
		{"a secret header", account.SourceAuth{Kind: "header", Header: "x-token"}, http.Header{"X-Token": {secret}}, "", ""},
		{"a secret header with a prefix", account.SourceAuth{Kind: "header", Header: "Authorization", Prefix: "Bearer "}, http.Header{"Authorization": {"Bearer " + secret}}, "", ""},
		{"a secret header without its prefix", account.SourceAuth{Kind: "header", Header: "Authorization", Prefix: "Bearer "}, http.Header{"Authorization": {secret}}, "", malformed},
		{"a wrong secret header", account.SourceAuth{Kind: "header", Header: "X-Token"}, http.Header{"X-Token": {secret + "x"}}, "", mismatch},
		{"no secret header", account.SourceAuth{Kind: "header", Header: "X-Token"}, http.Header{}, "", unsigned},
		{"two secret headers", account.SourceAuth{Kind: "header", Header: "X-Token"}, http.Header{"X-Token": {secret, secret}}, "", unsigned},
		{"a key", account.SourceAuth{Kind: "key"}, nil, "key=" + url.QueryEscape(secret), ""},
		{"a wrong key", account.SourceAuth{Kind: "key"}, nil, "key=x", mismatch},
		{"no key", account.SourceAuth{Kind: "key"}, nil, "", unsigned},
		{"two keys", account.SourceAuth{Kind: "key"}, nil, "key=x&key=" + url.QueryEscape(secret), unsigned},
		{"an empty key", account.SourceAuth{Kind: "key"}, nil, "key=", mismatch},
		{"a password", account.SourceAuth{Kind: "basic", User: "vault"}, basic("vault", secret), "", ""},
		{"a wrong password", account.SourceAuth{Kind: "basic", User: "vault"}, basic("vault", "x"), "", mismatch},
		{"another user", account.SourceAuth{Kind: "basic", User: "vault"}, basic("Vault", secret), "", mismatch},
		{"no password", account.SourceAuth{Kind: "basic", User: "vault"}, http.Header{"Authorization": {"Basic !"}}, "", malformed},
		{"SHA-1 in hex behind a prefix", hmacOf("sha1", "hex", "sha1=", "", ""), http.Header{"X-Sig": {"sha1=" + hex.EncodeToString(coded(sha1.New, body))}}, "", ""},
		{"SHA-256 in base64", hmacOf("sha256", "base64", "", "", ""), http.Header{"X-Sig": {base64.StdEncoding.EncodeToString(coded(sha256.New, body))}}, "", ""},
		{"SHA-512 in hex", hmacOf("sha512", "hex", "", "", ""), http.Header{"X-Sig": {hex.EncodeToString(coded(sha512.New, body))}}, "", ""},
		{"a code of another length", hmacOf("sha512", "hex", "", "", ""), http.Header{"X-Sig": {hex.EncodeToString(coded(sha256.New, body))}}, "", malformed},
		{"a code of another body", hmacOf("sha256", "hex", "", "", ""), http.Header{"X-Sig": {hex.EncodeToString(coded(sha256.New, body+" "))}}, "", mismatch},
		{"a code without its prefix", hmacOf("sha256", "hex", "v0=", "", ""), http.Header{"X-Sig": {hex.EncodeToString(coded(sha256.New, body))}}, "", malformed},
		{"with a time in seconds", hmacOf("sha256", "hex", "v0=", "X-Time", "v0:{time}:{body}"),
			http.Header{"X-Time": {stamp}, "X-Sig": {"v0=" + hex.EncodeToString(coded(sha256.New, "v0:"+stamp+":"+body))}}, "", ""},
		{"with a time behind the body", hmacOf("sha256", "hex", "", "X-Time", "{body}.{time}"),
			http.Header{"X-Time": {"2026-11-20T14:00:00Z"}, "X-Sig": {hex.EncodeToString(coded(sha256.New, body+".2026-11-20T14:00:00Z"))}}, "", ""},
		{"with a time in milliseconds", hmacOf("sha256", "hex", "", "X-Time", "{time}{body}"),
			http.Header{"X-Time": {stamp + "000"}, "X-Sig": {hex.EncodeToString(coded(sha256.New, stamp+"000"+body))}}, "", ""},
		{"with a time that is too long ago", hmacOf("sha256", "hex", "", "X-Time", "{time}{body}"),
			http.Header{"X-Time": {"1795179941"}, "X-Sig": {hex.EncodeToString(coded(sha256.New, "1795179941"+body))}}, "", stale},
		{"with a time that is none", hmacOf("sha256", "hex", "", "X-Time", "{time}{body}"),
			http.Header{"X-Time": {"now"}, "X-Sig": {hex.EncodeToString(coded(sha256.New, "now"+body))}}, "", malformed},
		{"without its time", hmacOf("sha256", "hex", "", "X-Time", "{time}{body}"), http.Header{"X-Sig": {hex.EncodeToString(coded(sha256.New, body))}}, "", unsigned},
	} {
		t.Run(tc.name, func(t *testing.T) {
			settings := account.SourceSettings{Auth: &tc.auth}
			if mistakes := source.CheckSettings("mapped-shop", settings); len(mistakes) > 0 {
				t.Fatal(mistakes)
			}
			query, err := url.ParseQuery(tc.query)
			if err != nil {
				t.Fatal(err)
			}
			d := source.Delivery{Header: tc.header, Query: query, Body: []byte(body), Received: received, Settings: settings}
			verify := lookup(t, "mapped-shop").Verify
			checkVerdict(t, verify(d, []string{"another", secret}), tc.reason)
			for _, secrets := range [][]string{nil, {""}, {"another"}} {
				if verify(d, secrets) == nil {
					t.Errorf("accepted with the secrets %q", secrets)
				}
			}
		})
	}
}

func basic(user, password string) http.Header {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header
}

func TestSettingsMistakes(t *testing.T) {
	for _, tc := range []struct {
		name, source string
		settings     account.SourceSettings
		want         []string
	}{
		{"none", "mapped", account.SourceSettings{}, nil},
		{"hosts", "tawkto", account.SourceSettings{Hosts: []string{"files.example.com", "*.cdn.example.com"}}, nil},
		{"no host", "tawkto", account.SourceSettings{Hosts: []string{"https://example.com"}}, []string{"/hosts/0"}},
		{"a number", "tawkto", account.SourceSettings{Hosts: []string{"169.254.169.254"}}, []string{"/hosts/0"}},
		{"many hosts", "tawkto", account.SourceSettings{Hosts: slices.Repeat([]string{"example.com"}, 21)}, []string{"/hosts/20"}},
		{"a mapping of what has none", "tawkto", account.SourceSettings{Ready: "livehelpnow"}, []string{""}},
		{"a mapping that is not ready", "mapped", account.SourceSettings{Ready: "fax"}, []string{"/ready"}},
		{"two mappings", "mapped", account.SourceSettings{Ready: "zendesk", Mapping: []byte(ruled("chat", `"time":"$.t"`, ``))}, []string{"/mapping"}},
		{"a zone", "mapped", account.SourceSettings{Zone: "Local"}, []string{"/zone"}},
		{"another way", "mapped", account.SourceSettings{Auth: &account.SourceAuth{Kind: "magic"}}, []string{"/auth/kind"}},
		{"no header", "mapped", account.SourceSettings{Auth: &account.SourceAuth{Kind: "header"}}, []string{"/auth/header"}},
		{"a header of two words", "mapped", account.SourceSettings{Auth: &account.SourceAuth{Kind: "header", Header: "a b"}}, []string{"/auth/header"}},
		{"no user", "mapped", account.SourceSettings{Auth: &account.SourceAuth{Kind: "basic"}}, []string{"/auth/user"}},
		{"what a key has not", "mapped", account.SourceSettings{Auth: &account.SourceAuth{Kind: "key", Header: "X", Prefix: "a", Hash: "sha1", Tolerance: 1}},
			[]string{"/auth/hash", "/auth/header", "/auth/prefix", "/auth/tolerance"}},
		{"nothing of a code", "mapped", account.SourceSettings{Auth: &account.SourceAuth{Kind: "hmac"}}, []string{"/auth/encoding", "/auth/hash", "/auth/header"}},
		{"a wrong code", "mapped", account.SourceSettings{Auth: &account.SourceAuth{Kind: "hmac", Header: "X", Hash: "md5", Encoding: "hex", Signed: "{time}", Tolerance: 4000}},
			[]string{"/auth/hash", "/auth/signed", "/auth/tolerance"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var places []string
			for _, m := range source.CheckSettings(tc.source, tc.settings) {
				places = append(places, m.Place)
			}
			if diff := cmp.Diff(tc.want, places); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzMapping shows that any mapping is refused or makes of bodies what can be stored, and quotes nothing where it does not.
func FuzzMapping(f *testing.F) {
	for _, name := range source.ReadyNames() {
		text, err := os.ReadFile("ready/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		var about struct{ Mapping json.RawMessage }
		if err := json.Unmarshal(text, &about); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(about.Mapping), []byte(`{"event":"comment","ticket":1}`))
	}
	f.Add([]byte(ruled("chat", `"time":"$.t","tags":{"path":"$.a[?@.b==1].c","split":","}`, `{"each":"$.l[*]","fields":{"role":"bot","text":"$"}}`)),
		[]byte(`{"id":1,"t":1795179941,"a":[{"b":1e0,"c":"x,y"}],"l":["a",{"b":[null]},7]}`))
	f.Fuzz(func(t *testing.T, mapping, body []byte) {
		if _, mistakes := source.ParseMapping(mapping); len(mistakes) > 0 {
			return
		}
		d := source.Delivery{Body: body, Received: received, Settings: account.SourceSettings{Mapping: mapping}}
		got, trace, err := source.Try("mapped-shop", d)
		checkOutcome(t, "mapped-livehelpnow", got, err)
		again, _ := lookup(t, "mapped-shop").Adapt(d)
		if !reflect.DeepEqual(got, again) {
			t.Error("the same delivery makes something else when it is tried")
		}
		if len(trace.Fields) > 100 {
			t.Errorf("%d fields are traced", len(trace.Fields))
		}
	})
}

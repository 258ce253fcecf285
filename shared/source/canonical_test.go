package source_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

var _ = describe("canonical", traits{
	names: []string{
		"conversation.started", "conversation.message", "conversation.updated", "conversation.ended", "conversation.reopened",
		"conversation.transcript", "article.published", "article.changed", "article.withdrawn", "visit.recorded", "several", "other",
	},
	kinds:     []retention.Kind{retention.Chat, retention.Ticket, retention.Call, retention.Article, retention.Visit},
	nameField: "events.*.type", signature: "Webhook-Signature", stamp: "Webhook-Timestamp",
	secret: "whsec_" + base64.StdEncoding.EncodeToString([]byte(secret+" and more")),
	uses: func(of func(name string) map[string]use) {
		text, list := use{takes: "s"}, use{takes: "a"}
		needed, perhaps := use{takes: "s", required: true}, use{takes: "o", required: true, optional: true}
		for _, name := range []string{
			"other", "conversation.started", "conversation.message", "conversation.updated", "conversation.ended", "conversation.reopened",
			"conversation.transcript",
		} {
			m := of(name)
			m["version"], m["events"], m["events.*"] = needed, use{takes: "a", required: true}, use{takes: "o", required: true}
			if name == "other" {
				continue
			}
			const event = "events.*."
			m[event+"time"], m[event+"kind"], m[event+"conversation"], m[event+"id"] = needed, needed, needed, text
			m[event+"title"], m[event+"status"], m[event+"department"], m[event+"rating"] = text, text, text, use{takes: "n"}
			m[event+"call"] = use{takes: "o"}
			for _, field := range []string{"direction", "outcome", "recording"} {
				m[event+"call."+field] = text
			}
			m[event+"call.seconds"] = use{takes: "n"}
			m[event+"ended"], m[event+"subjects"], m[event+"subjects.*"] = use{takes: "b"}, list, perhaps
			for _, list := range []string{"tags", "agents"} {
				m[event+list], m[event+list+".*"] = use{takes: "a"}, use{takes: "s", required: true, optional: true}
			}
			for _, field := range []string{"name", "email", "phone", "visitorId", "customId"} {
				m[event+"subjects.*."+field] = text
			}
			const entry = event + "entries.*."
			m[event+"entries"], m[event+"entries.*"] = list, perhaps
			if name == "conversation.message" || name == "conversation.transcript" {
				m[event+"entries"] = use{takes: "a", required: true}
			}
			if name == "conversation.message" { // of which the samples have one
				m[event+"entries.*"] = use{takes: "o", required: true}
			}
			m[entry+"id"], m[entry+"time"], m[entry+"author"], m[entry+"author.role"] = needed, needed, use{takes: "o", required: true}, needed
			m[entry+"author.id"], m[entry+"author.name"], m[entry+"text"] = text, text, text
			m[entry+"private"], m[entry+"attachments"], m[entry+"attachments.*"] = use{takes: "b"}, list, perhaps
			for _, field := range []string{"name", "type", "url", "upload"} {
				m[entry+"attachments.*."+field] = text
			}
			m[entry+"attachments.*.bytes"] = use{takes: "n"}
		}
		for _, name := range []string{"article.published", "article.changed", "article.withdrawn"} {
			m := of(name)
			const event = "events.*."
			m["version"], m["events"], m["events.*"] = needed, use{takes: "a", required: true}, use{takes: "o", required: true}
			m[event+"time"], m[event+"article"], m[event+"id"] = needed, needed, text
			m[event+"title"], m[event+"department"], m[event+"text"] = text, text, text
			for _, list := range []string{"tags", "agents"} {
				m[event+list], m[event+list+".*"] = use{takes: "a"}, use{takes: "s", required: true, optional: true}
			}
			if name == "article.published" {
				m[event+"text"] = needed
			}
		}
		v := of("visit.recorded")
		v["version"], v["events"], v["events.*"] = needed, use{takes: "a", required: true}, perhaps
		v["events.*.time"], v["events.*.visit"], v["events.*.id"] = needed, needed, text
		v["events.*.visitorId"], v["events.*.referrer"] = text, text
		v["events.*.pages"], v["events.*.pages.*"] = use{takes: "a", required: true}, perhaps
		v["events.*.pages.*.time"], v["events.*.pages.*.url"], v["events.*.pages.*.title"] = needed, needed, text
		m := of("several")
		maps.Copy(m, of("conversation.updated"))
		m["events.*"], m["events.*.entries"], m["events.*.entries.*"] = perhaps, use{takes: "a", several: true}, use{takes: "o", several: true}
	},
})

// canonicalBody is a delivery of one event with the fields given, beside those that every event has.
func canonicalBody(kind, eventType, fields string) string {
	if fields != "" {
		fields = "," + fields
	}
	return fmt.Sprintf(`{"version":"1","events":[{"id":"e","type":%q,"time":"2026-11-20T10:00:00Z","kind":%q,"conversation":"c"%s}]}`, eventType, kind, fields)
}

const canonicalEntries = `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"visitor"},"text":"x"}]`

func TestCanonicalTurns(t *testing.T) {
	for _, tc := range []struct {
		name, kind, eventType, fields string
		want                          conversation.Event
		err                           error
	}{
		{"a chat begins", "chat", "conversation.started", ``, conversation.Event{}, nil},
		{"a ticket begins open", "ticket", "conversation.started", ``, conversation.Event{Status: "open"}, nil},
		{"a ticket begins pending", "ticket", "conversation.started", `"status":"pending"`, conversation.Event{Status: "pending"}, nil},
		{"a ticket begins solved", "ticket", "conversation.started", `"status":"solved"`, conversation.Event{Status: "solved", Ended: true}, nil},
		{"a message says nothing of the status", "ticket", "conversation.message", canonicalEntries, conversation.Event{}, nil},
		{"a message and the end", "ticket", "conversation.message", canonicalEntries + `,"status":"solved"`, conversation.Event{Status: "solved", Ended: true}, nil},
		{"a message after an end", "ticket", "conversation.message", canonicalEntries + `,"status":"open"`, conversation.Event{Status: "open", Reopened: true}, nil},
		{"a ticket is solved", "ticket", "conversation.updated", `"status":"solved"`, conversation.Event{Status: "solved", Ended: true}, nil},
		{"a ticket is closed", "ticket", "conversation.updated", `"status":"closed"`, conversation.Event{Status: "closed", Ended: true}, nil},
		{"a ticket goes on", "ticket", "conversation.updated", `"status":"open"`, conversation.Event{Status: "open", Reopened: true}, nil},
		{"a ticket waits for its visitor", "ticket", "conversation.updated", `"status":"pending"`, conversation.Event{Status: "pending", Reopened: true}, nil},
		{"an update without status does neither", "ticket", "conversation.updated", `"status":null`, conversation.Event{}, nil},
		{"a chat ends", "chat", "conversation.ended", ``, conversation.Event{Ended: true}, nil},
		{"a chat ends and says so twice", "chat", "conversation.ended", `"ended":true`, conversation.Event{Ended: true}, nil},
		{"a ticket ends closed", "ticket", "conversation.ended", ``, conversation.Event{Status: "closed", Ended: true}, nil},
		{"a ticket ends solved", "ticket", "conversation.ended", `"status":"solved"`, conversation.Event{Status: "solved", Ended: true}, nil},
		{"a chat goes on", "chat", "conversation.reopened", ``, conversation.Event{Reopened: true}, nil},
		{"a ticket goes on by name", "ticket", "conversation.reopened", ``, conversation.Event{Status: "open", Reopened: true}, nil},
		{"a transcript of what goes on", "chat", "conversation.transcript", canonicalEntries, conversation.Event{Whole: true}, nil},
		{"a transcript of what ended", "chat", "conversation.transcript", canonicalEntries + `,"ended":true`, conversation.Event{Whole: true, Ended: true}, nil},
		{"a transcript of a ticket that ended", "ticket", "conversation.transcript", canonicalEntries + `,"ended":true`,
			conversation.Event{Whole: true, Ended: true, Status: "closed"}, nil},
		{"a transcript of a solved ticket", "ticket", "conversation.transcript", canonicalEntries + `,"status":"solved"`,
			conversation.Event{Whole: true, Ended: true, Status: "solved"}, nil},
		{"an end that is open", "ticket", "conversation.ended", `"status":"pending"`, conversation.Event{}, strictjson.ErrShape},
		{"a reopening that is solved", "ticket", "conversation.reopened", `"status":"solved"`, conversation.Event{}, strictjson.ErrShape},
		{"a transcript that ended and is open", "ticket", "conversation.transcript", canonicalEntries + `,"ended":true,"status":"open"`, conversation.Event{}, strictjson.ErrShape},
		{"an update that ends in passing", "chat", "conversation.updated", `"ended":true`, conversation.Event{}, strictjson.ErrShape},
		{"a transcript of nothing", "chat", "conversation.transcript", `"entries":[]`, conversation.Event{}, source.ErrMissing},
		{"a message of nothing", "chat", "conversation.message", ``, conversation.Event{}, source.ErrMissing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "canonical", []byte(canonicalBody(tc.kind, tc.eventType, tc.fields)))
			checkOutcome(t, "canonical", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err != nil {
				return
			}
			e := got.Events[0]
			if diff := cmp.Diff(tc.want, conversation.Event{Status: e.Status, Ended: e.Ended, Reopened: e.Reopened, Whole: e.Whole}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Name != tc.eventType || string(e.Kind) != tc.kind {
				t.Errorf("name %s, kind %s", got.Name, e.Kind)
			}
		})
	}
}

func TestCanonicalPeople(t *testing.T) {
	entry := func(author string) string {
		return `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":` + author + `}]`
	}
	for _, tc := range []struct {
		name, fields string
		subjects     []conversation.Subject
		agents       []string
	}{
		{"a visitor who wrote is a subject", entry(`{"role":"visitor","id":"v1","name":"Ana"}`), []conversation.Subject{{Name: "Ana", VisitorID: "v1"}}, nil},
		{"a visitor without id is one by name", entry(`{"role":"visitor","name":"Ana"}`), []conversation.Subject{{Name: "Ana"}}, nil},
		{"a visitor of whom nothing is known is none", entry(`{"role":"visitor"}`), nil, nil},
		{"who is named twice is one", entry(`{"role":"visitor","id":"v1"}`) + `,"subjects":[{"visitorId":"v1"},{"visitorId":"v1"},{}]`,
			[]conversation.Subject{{VisitorID: "v1"}}, nil},
		{"an agent who wrote takes part", entry(`{"role":"agent","id":"a1","name":"Jo"}`), nil, []string{"a1"}},
		{"an agent without id goes by the name", entry(`{"role":"agent","name":"Jo"}`), nil, []string{"Jo"}},
		{"agents who are named come first", entry(`{"role":"agent","id":"a1"}`) + `,"agents":["a2","a1"]`, nil, []string{"a2", "a1"}},
		{"a bot and a system line are nobody", entry(`{"role":"bot","id":"b1","name":"Helper"}`), nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "canonical", canonicalBody("chat", "conversation.message", tc.fields))
			if diff := cmp.Diff(tc.subjects, e.Subjects); diff != "" {
				t.Errorf("subjects (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.agents, e.AgentIDs); diff != "" {
				t.Errorf("agents (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCanonicalFields(t *testing.T) {
	long := func(n int) string { return strings.Repeat("é", n) }
	for _, tc := range []struct {
		name, fields string
		err          error
	}{
		{"an empty list says that there are no tags", `"tags":[]`, nil},
		{"a rating of five", `"rating":5`, nil},
		{"five may be written with a fraction", `"rating":5.0`, nil},
		{"five may be written with an exponent", `"rating":0.5e1`, nil},
		{"a rating of six", `"rating":6`, strictjson.ErrShape},
		{"a rating of zero", `"rating":0`, strictjson.ErrShape},
		{"a rating between two", `"rating":4.5`, strictjson.ErrShape},
		{"a rating as text", `"rating":"5"`, strictjson.ErrShape},
		{"a department of 1,000 characters", `"department":"` + long(1000) + `"`, nil},
		{"a department of 1,001 characters", `"department":"` + long(1001) + `"`, strictjson.ErrShape},
		{"an id of 256 characters", `"entries":[{"id":"` + strings.Repeat("x", 256) + `","time":"2026-11-20T09:59:00Z","author":{"role":"bot"}}]`, nil},
		{"an id of 257 characters", `"entries":[{"id":"` + strings.Repeat("x", 257) + `","time":"2026-11-20T09:59:00Z","author":{"role":"bot"}}]`, source.ErrIDTooLong},
		{"an id with an umlaut", `"subjects":[{"visitorId":"Zürich"}]`, strictjson.ErrShape},
		{"an id with a line's end", `"subjects":[{"visitorId":"a\n"}]`, strictjson.ErrShape},
		{"100 tags", `"tags":["a"` + strings.Repeat(`,"b"`, 99) + `]`, nil},
		{"101 tags", `"tags":["a"` + strings.Repeat(`,"b"`, 100) + `]`, strictjson.ErrShape},
		{"100 subjects", `"subjects":[{}` + strings.Repeat(`,{}`, 99) + `]`, nil},
		{"101 subjects", `"subjects":[{}` + strings.Repeat(`,{}`, 100) + `]`, strictjson.ErrShape},
		{"101 agents", `"agents":["a"` + strings.Repeat(`,"b"`, 100) + `]`, strictjson.ErrShape},
		{"an agent of 256 characters", `"agents":["` + long(256) + `"]`, nil},
		{"an agent of 257 characters", `"agents":["` + long(257) + `"]`, strictjson.ErrShape},
		{"a file of 9 petabytes", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"},"attachments":[{"bytes":9007199254740991}]}]`, nil},
		{"a file of a byte more", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"},"attachments":[{"bytes":9007199254740992}]}]`, strictjson.ErrShape},
		{"a file at an address, one in an upload", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"},"attachments":[{"url":"https://files.example.com/a?b=c"},{"upload":"abcdefghijklmnopqrstuvwxyz"},{"url":"","upload":null}]}]`, nil},
		{"a file at an address without TLS", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"},"attachments":[{"url":"http://files.example.com/"}]}]`, strictjson.ErrShape},
		{"a file at an address of a line break", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"},"attachments":[{"url":"https://files.example.com/\n"}]}]`, strictjson.ErrShape},
		{"a file at the longest address", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"},"attachments":[{"url":"https://a.example/` + strings.Repeat("a", 2048-18) + `"}]}]`, nil},
		{"a file at a longer address", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"},"attachments":[{"url":"https://a.example/` + strings.Repeat("a", 2049-18) + `"}]}]`, strictjson.ErrShape},
		{"a file in what is no upload", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"},"attachments":[{"upload":"../abcdefghijklmnopqrstuvw"}]}]`, strictjson.ErrShape},
		{"101 files", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"},"attachments":[{}` + strings.Repeat(",{}", 100) + `]}]`, strictjson.ErrShape},
		{"a text of 900 KB", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"},"text":"` + long(450_000) + `"}]`, nil},
		{"10,000 entries", `"entries":[` + strings.TrimSuffix(strings.Repeat(`{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"visitor"}},`, 10_000), ",") + `]`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := []byte(canonicalBody("chat", "conversation.updated", tc.fields))
			got, err := adapt(t, "canonical", body)
			checkOutcome(t, "canonical", got, err)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			checkSchema(t, canonicalSchema(t), tc.name, body, err)
		})
	}
	t.Run("of a file's name the folders are not kept", func(t *testing.T) {
		e := one(t, "canonical", canonicalBody("chat", "conversation.message", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"},
			"attachments":[{"name":"../../etc/bill.pdf","type":"application/pdf","bytes":1.2e3},{"name":"folder/"},{}]}]`))
		want := []conversation.Attachment{{Name: "bill.pdf", Type: "application/pdf", Bytes: 1200}, {}, {}}
		if diff := cmp.Diff(want, e.Entries[0].Attachments); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("nothing ends before its last message", func(t *testing.T) {
		for fields, want := range map[string]string{
			`"entries":[{"id":"1","time":"2026-11-20T10:00:07.5Z","author":{"role":"visitor"}}]`: "2026-11-20T10:00:07.500Z",
			canonicalEntries: "2026-11-20T10:00:00.000Z",
		} {
			if e := one(t, "canonical", canonicalBody("chat", "conversation.ended", fields)); e.Time.String() != want {
				t.Errorf("ended at %s, want %s", e.Time, want)
			}
		}
	})
}

func TestCanonicalTimes(t *testing.T) {
	for _, tc := range []struct {
		name, time, want string
		err              error
	}{
		{"in UTC", "2026-11-20T13:05:41Z", "2026-11-20T13:05:41.000Z", nil},
		{"with an offset", "2026-11-20T14:05:41.286+01:00", "2026-11-20T13:05:41.286Z", nil},
		{"with nine digits", "2026-11-20T13:05:41.286999999Z", "2026-11-20T13:05:41.286Z", nil},
		{"with ten digits", "2026-11-20T13:05:41.2869999999Z", "", strictjson.ErrShape},
		{"with a comma", "2026-11-20T13:05:41,286Z", "", strictjson.ErrShape},
		{"without zone", "2026-11-20T13:05:41", "", strictjson.ErrShape},
		{"with a blank in its middle", "2026-11-20 13:05:41Z", "", strictjson.ErrShape},
		{"in small letters", "2026-11-20t13:05:41z", "", strictjson.ErrShape},
		{"of a day that is not", "2026-02-30T13:05:41Z", "", strictjson.ErrShape},
		{"of a leap second", "2016-12-31T23:59:60Z", "", strictjson.ErrShape},
		{"of hour 24", "2026-11-19T24:00:00Z", "", strictjson.ErrShape},
		{"with an offset of a day", "2026-11-20T13:05:41+24:00", "", strictjson.ErrShape},
		{"in digits", "1795179941", "", strictjson.ErrShape},
		{"of the first instant of 2000", "2000-01-01T00:00:00Z", "2000-01-01T00:00:00.000Z", nil},
		{"of the last century", "1999-12-31T23:59:59.999Z", "", source.ErrTime},
		{"a day ahead", "2026-11-21T14:00:00.123Z", "2026-11-21T14:00:00.123Z", nil},
		{"more than a day ahead", "2026-11-21T14:00:00.124Z", "", source.ErrTime},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := []byte(strings.Replace(canonicalBody("chat", "conversation.ended", ""), "2026-11-20T10:00:00Z", tc.time, 1))
			got, err := adapt(t, "canonical", body)
			checkOutcome(t, "canonical", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err == nil && got.Events[0].Time.String() != tc.want {
				t.Errorf("got %v, want %v", got.Events[0].Time, tc.want)
			}
			checkSchema(t, canonicalSchema(t), tc.time, body, err)
		})
	}
}

func TestCanonicalEventsAreToldApart(t *testing.T) {
	without := strings.Replace(canonicalBody("chat", "conversation.updated", `"tags":["a"]`), `"id":"e",`, "", 1)
	first, other := one(t, "canonical", without), one(t, "canonical", strings.Replace(without, `"a"`, `"b"`, 1))
	if first.ID == other.ID || !strings.HasPrefix(first.ID, "content/") {
		t.Errorf("ids %s and %s of different contents", first.ID, other.ID)
	}
	// The same event in another delivery, beside others, is the same.
	event := strings.TrimSuffix(strings.TrimPrefix(without, `{"version":"1","events":[`), "]}")
	got, err := adapt(t, "canonical", []byte(`{"events":[{"type":"x"}, `+event+`],"version":"1"}`))
	if err != nil || got.Events[0].ID != first.ID {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestCanonicalDeliveries(t *testing.T) {
	event := `{"type":"conversation.ended","time":"2026-11-20T10:00:00Z","kind":"chat","conversation":"c"}`
	events := func(n int) string { return strings.TrimSuffix(strings.Repeat(event+",", n), ",") }
	for _, tc := range []struct {
		name, body, want string
		n                int
		err              error
	}{
		{"500 events", `{"version":"1","events":[` + events(500) + `]}`, "conversation.ended", 500, nil},
		{"501 events", `{"version":"1","events":[` + events(501) + `]}`, "", 0, strictjson.ErrShape},
		{"events of two types", `{"version":"1","events":[` + event + `,` + strings.Replace(event, "ended", "updated", 1) + `]}`, "several", 2, nil},
		{"a type that is not known among others", `{"version":"1","events":[{"type":"x"},` + event + `]}`, "several", 1, nil},
		{"types that are not known alone", `{"version":"1","events":[{"type":"x"},{"type":"y","time":7}]}`, "other", 0, nil},
		{"one bad event among good ones", `{"version":"1","events":[` + event + `,{"type":"conversation.ended"},` + event + `]}`, "", 0, source.ErrMissing},
		{"a version as a number", `{"version":1,"events":[` + event + `]}`, "", 0, strictjson.ErrShape},
		{"another version", `{"version":"1.1","events":[` + event + `]}`, "", 0, strictjson.ErrShape},
		{"no events", `{"version":"1","events":[]}`, "", 0, source.ErrMissing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "canonical", []byte(tc.body))
			checkOutcome(t, "canonical", got, err)
			if !errors.Is(err, tc.err) || got.Name != tc.want || len(got.Events) != tc.n {
				t.Errorf("name %s, %d events, %v", got.Name, len(got.Events), err)
			}
			checkSchema(t, canonicalSchema(t), tc.name, []byte(tc.body), err)
		})
	}
}

func TestCanonicalRefusalsSayWhere(t *testing.T) {
	for _, tc := range []struct{ body, want string }{
		{`{}`, "/version"},
		{`{"version":"2"}`, "/version"},
		{`{"version":"1"}`, "/events"},
		{`{"version":"1","events":[{"type":"x"},7]}`, "/events/1"},
		{`{"version":"1","events":[{"type":"x"},{}]}`, "/events/1/type"},
		{canonicalBody("", "conversation.ended", ""), "/events/0/kind"},
		{canonicalBody("fax", "conversation.ended", ""), "/events/0/kind"},
		{canonicalBody("chat", "conversation.message", ""), "/events/0/entries"},
		{canonicalBody("chat", "conversation.message", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"}},{"id":"2","time":"secret","author":{"role":"bot"}}]`), "/events/0/entries/1/time"},
		{canonicalBody("chat", "conversation.message", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"},"text":{"secret":7}}]`), "/events/0/entries/0/text"},
		{canonicalBody("chat", "conversation.message", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"secret"}}]`), "/events/0/entries/0/author/role"},
		{canonicalBody("chat", "conversation.message", `"entries":[{"id":"1","time":"2026-11-20T09:59:00Z","author":{"role":"bot"},"attachments":[{},{"bytes":-1}]}]`), "/events/0/entries/0/attachments/1/bytes"},
		{canonicalBody("chat", "conversation.updated", `"subjects":[{"email":["secret"]}]`), "/events/0/subjects/0/email"},
		{canonicalBody("chat", "conversation.updated", `"subjects":[null]`), "/events/0/subjects/0"},
		{canonicalBody("chat", "conversation.updated", `"tags":["a",""]`), "/events/0/tags/1"},
		{canonicalBody("chat", "conversation.updated", `"rating":9`), "/events/0/rating"},
	} {
		t.Run(tc.want, func(t *testing.T) {
			_, err := adapt(t, "canonical", []byte(tc.body))
			if f := fault.Of(err); err == nil || !strings.HasSuffix(f.Message, " It is "+tc.want+".") || strings.Contains(f.Message, "secret") {
				t.Errorf("%v: %q", err, f.Message)
			}
		})
	}
}

const schemaURL = "urn:supportvault:canonical:1"

// canonicalSchema compiles the schema, which checks it against that of its version of JSON Schema.
func canonicalSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(source.CanonicalSchema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(schemaURL, document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(schemaURL)
	if err != nil {
		t.Fatal(err)
	}
	if schema.DraftVersion != 2020 || schema.ID != schemaURL {
		t.Errorf("version %d, id %s", schema.DraftVersion, schema.ID)
	}
	return schema
}

// checkSchema asserts that schema and adapter say the same of a body that is JSON without a fault. Only what time it is no
// schema knows.
func checkSchema(t testing.TB, schema *jsonschema.Schema, where string, body []byte, refused error) {
	t.Helper()
	if errors.Is(refused, strictjson.ErrJSON) || errors.Is(refused, strictjson.ErrDepth) {
		return
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	switch err := schema.Validate(value); {
	case err != nil && refused == nil:
		t.Errorf("%s: the schema refuses what the adapter takes: %v", where, err)
	case err == nil && refused != nil && !errors.Is(refused, source.ErrTime):
		t.Errorf("%s: the schema takes what the adapter refuses: %v", where, refused)
	}
}

// Neither schema nor adapter takes a sample, or one with anything else in any of its places, that the other refuses.
func TestCanonicalSchemaIsTrue(t *testing.T) {
	t.Parallel()
	schema := canonicalSchema(t)
	values := []string{
		`"2026-11-20T10:00:00Z"`, `"2026-02-30T10:00:00Z"`, `"conversation.ended"`, `"conversation.reopened"`, `"conversation.updated"`,
		`"conversation.message"`, `"conversation.started"`, `"conversation.transcript"`, `"conversation.other"`, `"chat"`, `"ticket"`, `"call"`, `"fact"`, `"article.withdrawn"`, `"visit.recorded"`, `"https://shop.example.com/a?b#c"`,
		`"open"`, `"solved"`, `"visitor"`, `"system"`, `"x y"`, `"é"`, `false`, `[{}]`, `[7]`, `["a"]`, `[""]`, `[[]]`, `0`, `5`, `5.0`, `5e0`,
		`5.00000000000000000001`, `6`, `-0.0`, `9007199254740991`, `9007199254740993`, `1e-400`,
		`"` + strings.Repeat("x", 256) + `"`, `"` + strings.Repeat("x", 257) + `"`, `"` + strings.Repeat("é", 1000) + `"`, `"` + strings.Repeat("é", 1001) + `"`,
	}
	for _, m := range mutations {
		if m.kind != "-" {
			values = append(values, m.value)
		}
	}
	tried := 0
	for _, s := range readSamples(t) {
		if s.source != "canonical" {
			continue
		}
		_, err := adapt(t, "canonical", s.body)
		checkSchema(t, schema, s.file, s.body, err)
		if s.verdict != "ok" {
			continue
		}
		for _, path := range paths(t, s.body) {
			where := s.file + ": " + strings.Join(path, ".")
			bodies := map[string][]byte{"nothing": mutate(t, s.body, path, "")}
			marked := mutate(t, s.body, path, mark)
			for _, value := range values {
				bodies[value] = bytes.Replace(marked, []byte(mark), []byte(value), 1)
			}
			for value, body := range bodies {
				tried++
				_, err := adapt(t, "canonical", body)
				checkSchema(t, schema, where+" = "+value, body, err)
			}
		}
	}
	// Every combination of the fields that depend on each other.
	options := func(field string, values ...string) (all []string) {
		for _, value := range values {
			all = append(all, fmt.Sprintf(`%q:%s`, field, value))
		}
		return append(all, `"x":0`)
	}
	for _, eventType := range append(options("type", `"conversation.other"`), options("type", quoted(names("canonical"))...)...) {
		for _, kind := range options("kind", `"chat"`, `"ticket"`, `"call"`) {
			for _, status := range options("status", `"open"`, `"pending"`, `"solved"`, `"closed"`, `""`, `null`) {
				for _, ended := range options("ended", `true`, `false`, `null`) {
					for _, title := range options("title", `"t"`, `""`) {
						for _, entries := range append(options("entries", `[]`, `null`), canonicalEntries) {
							var fields []string
							for i, field := range []string{eventType, kind, status, ended, title, entries} {
								fields = append(fields, strings.Replace(field, `"x"`, fmt.Sprintf(`"x%d"`, i), 1))
							}
							body := `{"version":"1","events":[{"time":"2026-11-20T10:00:00Z","conversation":"c",` + strings.Join(fields, ",") + `}]}`
							tried++
							got, err := adapt(t, "canonical", []byte(body))
							checkOutcome(t, "canonical", got, err)
							checkSchema(t, schema, body, []byte(body), err)
						}
					}
				}
			}
		}
	}
	if tried < 5000 {
		t.Errorf("only %d bodies tried", tried)
	}
}

func quoted(texts []string) (all []string) {
	for _, text := range texts {
		all = append(all, fmt.Sprintf("%q", text))
	}
	return all
}

// What is named in the schema is what the adapter reads, and each of its definitions is used.
func TestCanonicalSchemaNamesWhatIsRead(t *testing.T) {
	var schema struct {
		Defs map[string]struct {
			Enum       []string                   `json:"enum"`
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(source.CanonicalSchema, &schema); err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	for key, fields := range uses() {
		if strings.HasPrefix(key, "canonical ") {
			for path := range fields {
				parts := strings.Split(path, ".")
				read[parts[len(parts)-1]] = true
			}
		}
	}
	for name, def := range schema.Defs {
		if !bytes.Contains(source.CanonicalSchema, []byte(`"#/$defs/`+name+`"`)) {
			t.Errorf("nothing uses the definition %s", name)
		}
		for field := range def.Properties {
			if !read[field] {
				t.Errorf("the field %s of %s is not read", field, name)
			}
		}
	}
	if want := slices.DeleteFunc(slices.Clone(names("canonical")), func(name string) bool { return name == "several" || name == "other" }); !slices.Equal(want, schema.Defs["type"].Enum) {
		t.Errorf("types %v, want %v", schema.Defs["type"].Enum, want)
	}
}

func TestCanonicalRecordingIsNoCredential(t *testing.T) {
	for given, want := range map[string]string{
		"rec-2026-5120?": "rec-2026-5120?", "https://calls.example.com/r/7?token=t": "https://calls.example.com/r/7", "http://jo:pw@calls.example.com": "http://calls.example.com",
	} {
		e := one(t, "canonical", `{"version":"1","events":[{"type":"conversation.ended","time":"2026-11-20T10:00:00Z","kind":"call","conversation":"c","call":{"recording":"`+given+`"}}]}`)
		if e.Call.Recording != want {
			t.Errorf("%q, want %q", e.Call.Recording, want)
		}
	}
}

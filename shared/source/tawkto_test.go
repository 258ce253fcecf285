package source_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
)

var _ = describe("tawkto", traits{
	names:     []string{"chat:start", "chat:end", "chat:transcript_created", "ticket:create", "other"},
	kinds:     []retention.Kind{retention.Chat, retention.Ticket},
	nameField: "event", signature: "X-Tawk-Signature",
	uses: func(of func(name string) map[string]use) {
		text, object, list := use{takes: "s"}, use{takes: "o"}, use{takes: "a"}
		id := use{takes: "sn", required: true}
		for _, name := range []string{"chat:start", "chat:end"} {
			maps.Copy(of(name), map[string]use{
				"chatId": id, "time": id, "visitor": object, "visitor.name": text, "visitor.email": text,
				"message": object, "message.text": text, "message.type": text, "message.sender": object, "message.sender.type": text,
			})
		}
		maps.Copy(of("chat:transcript_created"), map[string]use{
			"time": id, "chat": {takes: "o", required: true}, "chat.id": id, "chat.visitor": object, "chat.visitor.name": text,
			"chat.visitor.email": text, "chat.messages": list, "chat.messages.*": {takes: "o", required: true, optional: true},
			"chat.messages.*.sender": object, "chat.messages.*.sender.t": text, "chat.messages.*.sender.n": text,
			"chat.messages.*.type": text, "chat.messages.*.msg": text, "chat.messages.*.time": id, "chat.messages.*.attchs": {takes: anything},
		})
		for _, field := range []string{"", ".content", ".content.file", ".content.file.url", ".content.file.name", ".content.file.mimeType", ".content.file.size"} {
			of("chat:transcript_created")["chat.messages.*.attchs.*"+field] = use{takes: anything}
		}
		maps.Copy(of("ticket:create"), map[string]use{
			"time": id, "requester": object, "requester.name": text, "requester.email": text, "requester.type": text,
			"ticket": {takes: "o", required: true}, "ticket.id": id, "ticket.subject": text, "ticket.message": text,
		})
	},
})

// one adapts a body that makes one event.
func one(t *testing.T, name, body string) conversation.Event {
	t.Helper()
	got, err := adapt(t, name, []byte(body))
	checkOutcome(t, name, got, err)
	if err != nil || len(got.Events) != 1 {
		t.Fatalf("%d events, %v", len(got.Events), err)
	}
	return got.Events[0]
}

func TestTawktoNames(t *testing.T) {
	for _, tc := range []struct{ name, given, want string }{
		{"keeps a name", "Marta Lindqvist", "Marta Lindqvist"},
		{"drops a name that tawk.to made up", "V4410926655071823", ""},
		{"keeps a short number, which may be a customer's", "V20417", "V20417"},
		{"keeps a name that only begins so", "V4410926655071823 Marta", "V4410926655071823 Marta"},
		{"keeps control characters as they are", `Marta\u0000\u001b`, "Marta\x00\x1b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			start := one(t, "tawkto", fmt.Sprintf(`{"event":"chat:start","chatId":"c","time":"2026-11-20T09:00:00Z",
				"visitor":{"name":"%s","city":"Uppsala"},"message":{"text":"x","type":"msg","sender":{"type":"visitor"}}}`, tc.given))
			whole := one(t, "tawkto", fmt.Sprintf(`{"event":"chat:transcript_created","time":"2026-11-20T09:00:00Z","chat":{"id":"c",
				"messages":[{"sender":{"t":"v","n":"%s"},"msg":"x","time":"2026-11-20T09:00:00Z"}]}}`, tc.given))
			for _, e := range []conversation.Event{start, whole} {
				if got := e.Entries[0].Author; got != (conversation.Author{Role: conversation.Visitor, Name: tc.want}) {
					t.Errorf("author %+v, want the name %q", got, tc.want)
				}
			}
			var want []conversation.Subject
			if tc.want != "" {
				want = []conversation.Subject{{Name: tc.want}}
			}
			if diff := cmp.Diff(want, start.Subjects); diff != "" {
				t.Errorf("subjects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTawktoSenders(t *testing.T) {
	for _, tc := range []struct {
		name, sender string
		want         conversation.Author
		agents       []string
	}{
		{"a visitor without a name has the chat's", `{"t":"v"}`, conversation.Author{Role: "visitor", Name: "Marta"}, nil},
		{"a visitor with a name has it", `{"t":"v","n":"Marta L."}`, conversation.Author{Role: "visitor", Name: "Marta L."}, nil},
		{"an agent took part", `{"t":"a","n":"Jonas"}`, conversation.Author{Role: "agent", Name: "Jonas"}, []string{"Jonas"}},
		{"an agent without a name is nobody in particular", `{"t":"a"}`, conversation.Author{Role: "agent"}, nil},
		{"a bot is no agent", `{"t":"b","n":"Apollo"}`, conversation.Author{Role: "bot", Name: "Apollo"}, nil},
		{"the system may have the shop's name", `{"t":"s","n":"Shop"}`, conversation.Author{Role: "system", Name: "Shop"}, nil},
		{"a letter that is not known yet speaks for nobody", `{"t":"z","n":"Zoe"}`, conversation.Author{Role: "system"}, nil},
		{"a sender without type speaks for nobody", `null`, conversation.Author{Role: "system"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "tawkto", `{"event":"chat:transcript_created","time":"2026-11-20T09:00:00Z","chat":{"id":"c","visitor":{"name":"Marta"},
				"messages":[{"sender":`+tc.sender+`,"type":"msg","msg":"x","time":"2026-11-20T09:00:00Z"},
				{"sender":`+tc.sender+`,"type":"msg","msg":"y","time":"2026-11-20T09:00:01Z"}]}}`)
			if diff := cmp.Diff(tc.want, e.Entries[1].Author); diff != "" {
				t.Errorf("author (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.agents, e.AgentIDs); diff != "" {
				t.Errorf("agents (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTawktoTranscripts(t *testing.T) {
	t.Run("a chat ends with its latest message, wherever it stands", func(t *testing.T) {
		e := one(t, "tawkto", `{"event":"chat:transcript_created","time":"2026-11-20T09:30:00Z","chat":{"id":"c","messages":[
			{"sender":{"t":"v"},"msg":"second","time":"2026-11-20T09:00:02Z"},{"sender":{"t":"v"},"msg":"first","time":"2026-11-20T09:00:01Z"}]}}`)
		if e.Time.String() != "2026-11-20T09:00:02.000Z" || !e.Ended || !e.Whole {
			t.Errorf("time %v, ended %v, whole %v", e.Time, e.Ended, e.Whole)
		}
		if e.ID != "transcript/2026-11-20T09:30:00.000Z" || e.Entries[0].ID != "m1" || e.Entries[1].ID != "m2" {
			t.Errorf("ids %s, %s, %s", e.ID, e.Entries[0].ID, e.Entries[1].ID)
		}
	})
	t.Run("a transcript of nothing ends the chat and replaces nothing", func(t *testing.T) {
		for _, messages := range []string{`[]`, `null`} {
			e := one(t, "tawkto", `{"event":"chat:transcript_created","time":"2026-11-20T09:30:00Z","chat":{"id":"c","messages":`+messages+`}}`)
			if e.Time.String() != "2026-11-20T09:30:00.000Z" || !e.Ended || e.Whole {
				t.Errorf("time %v, ended %v, whole %v", e.Time, e.Ended, e.Whole)
			}
		}
	})
	t.Run("one message without time refuses the whole", func(t *testing.T) {
		_, err := adapt(t, "tawkto", []byte(`{"event":"chat:transcript_created","time":"2026-11-20T09:30:00Z","chat":{"id":"c","messages":[
			{"sender":{"t":"v"},"msg":"a","time":"2026-11-20T09:00:02Z"},{"sender":{"t":"v"},"msg":"b"}]}}`))
		if !errors.Is(err, source.ErrMissing) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("what stands for a file is not kept, but that there was one", func(t *testing.T) {
		e := one(t, "tawkto", `{"event":"chat:transcript_created","time":"2026-11-20T09:30:00Z","chat":{"id":"c","messages":[
			{"sender":{"t":"v"},"type":"file","msg":"https://files.example.com/opens-without-asking","time":"2026-11-20T09:00:02Z"},
			{"sender":{"t":"v"},"type":"webrtc-call","msg":"A call of two minutes","time":"2026-11-20T09:00:03Z"}]}}`)
		want := []conversation.Entry{
			{Text: "", Attachments: []conversation.Attachment{{Type: "file"}}},
			{Text: "A call of two minutes"},
		}
		for i, entry := range e.Entries {
			if diff := cmp.Diff(want[i], conversation.Entry{Text: entry.Text, Attachments: entry.Attachments}); diff != "" {
				t.Errorf("entry %d (-want +got):\n%s", i, diff)
			}
		}
	})
	t.Run("a line of nobody does not name the visitor", func(t *testing.T) {
		for _, tc := range []struct{ visitor, sender, text, want string }{
			{"Marta Lindqvist", `{"t":"s"}`, "Marta Lindqvist has left", "The visitor has left"},
			{"V4410926655071823", `{"t":"s"}`, "V4410926655071823 has left", "The visitor has left"},
			{"Marta", `{"t":"s","n":"Shop"}`, "Welcome back, Marta", "Welcome back, Marta"},
			{"Marta", `{"t":"a","n":"Jonas"}`, "Hi Marta", "Hi Marta"},
			{"", `{"t":"s"}`, "Somebody has left", "Somebody has left"},
		} {
			e := one(t, "tawkto", fmt.Sprintf(`{"event":"chat:transcript_created","time":"2026-11-20T09:30:00Z","chat":{"id":"c","visitor":{"name":%q},
				"messages":[{"sender":%s,"type":"msg","msg":%q,"time":"2026-11-20T09:00:02Z"}]}}`, tc.visitor, tc.sender, tc.text))
			if got := e.Entries[0].Text; got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		}
	})
	t.Run("files that are listed are attached", func(t *testing.T) {
		const link = "https://tawk.link/6d2f/messages/receipt.png?signature=x"
		unknown := []conversation.Attachment{{Type: "file"}}
		file := func(fields string) string { return `[{"type":"file","content":{"file":{` + fields + `}}}]` }
		for _, tc := range []struct {
			messageType, attached string
			want                  []conversation.Attachment
		}{
			{"msg", file(`"url":"` + link + `","name":"receipt.png","mimeType":"image/png","size":20417,"extension":"png"`),
				[]conversation.Attachment{{Name: "receipt.png", Type: "image/png", Bytes: 20417, URL: link}}},
			{"file", file(`"url":"` + link + `","name":"C:\\a\\receipt.png"`), []conversation.Attachment{{Name: "receipt.png", Type: "file", URL: link}}},
			{"msg", `[{"content":{"file":{"name":"a","size":-1}}},{"content":{"file":{"name":"b","size":"7"}}}]`,
				[]conversation.Attachment{{Name: "a", Type: "file"}, {Name: "b", Type: "file"}}},
			{"msg", file(`"url":"javascript:alert(1)","size":1e3`), unknown},
			{"msg", file(`"url":["` + link + `"],"name":"a"`), unknown},
			{"msg", `[null]`, unknown}, {"msg", `["x"]`, unknown}, {"file", `[]`, unknown}, {"file", `"x"`, unknown}, {"file", `null`, unknown},
			{"msg", `[]`, nil}, {"msg", `{"content":{}}`, nil}, {"msg", `null`, nil},
		} {
			e := one(t, "tawkto", `{"event":"chat:transcript_created","time":"2026-11-20T09:30:00Z","chat":{"id":"c","messages":[
				{"sender":{"t":"v"},"type":"`+tc.messageType+`","msg":"","attchs":`+tc.attached+`,"time":"2026-11-20T09:00:02Z"}]}}`)
			if diff := cmp.Diff(tc.want, e.Entries[0].Attachments); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", tc.messageType, tc.attached, diff)
			}
		}
	})
	t.Run("as many messages as a megabyte holds are all there", func(t *testing.T) {
		const message = `{"time":"2026-11-20T09:00:02Z"}`
		n := (1<<20 - 200) / (len(message) + 1)
		e := one(t, "tawkto", `{"event":"chat:transcript_created","time":"2026-11-20T09:30:00Z","chat":{"id":"c","messages":[`+
			strings.Repeat(message+",", n-1)+message+`]}}`)
		if len(e.Entries) != n {
			t.Errorf("%d entries, want %d", len(e.Entries), n)
		}
	})
}

func TestTawktoStart(t *testing.T) {
	t.Run("a start without message opens a chat", func(t *testing.T) {
		e := one(t, "tawkto", `{"event":"chat:start","chatId":"c","time":"2026-11-20T09:00:00.5Z","visitor":null,"message":null}`)
		if e.ID != "start/2026-11-20T09:00:00.500Z" || e.Entries != nil || e.Subjects != nil || e.Ended {
			t.Errorf("%+v", e)
		}
	})
	t.Run("an agent may begin", func(t *testing.T) {
		e := one(t, "tawkto", `{"event":"chat:start","chatId":"c","time":"2026-11-20T09:00:00Z","message":{"text":"Hi","sender":{"type":"agent"}}}`)
		if got := e.Entries[0].Author; got != (conversation.Author{Role: conversation.Agent}) {
			t.Errorf("author %+v", got)
		}
	})
	t.Run("an end keeps no message", func(t *testing.T) {
		e := one(t, "tawkto", `{"event":"chat:end","chatId":"c","time":"2026-11-20T09:00:00Z","message":{"text":"Hi","sender":{"type":"agent"}}}`)
		if e.ID != "end/2026-11-20T09:00:00.000Z" || e.Entries != nil || !e.Ended {
			t.Errorf("%+v", e)
		}
	})
}

func TestTawktoTickets(t *testing.T) {
	visitor := []conversation.Subject{{Name: "Marta", Email: "marta@example.com"}}
	for _, tc := range []struct {
		name, requester string
		want            conversation.Author
		subjects        []conversation.Subject
		agents          []string
	}{
		{"of a visitor", `{"name":"Marta","email":"marta@example.com","type":"visitor"}`, conversation.Author{Role: "visitor", Name: "Marta"}, visitor, nil},
		{"of a visitor with a name that tawk.to made up", `{"name":"V4410926655071823","email":"marta@example.com","type":"visitor"}`,
			conversation.Author{Role: "visitor"}, []conversation.Subject{{Email: "marta@example.com"}}, nil},
		{"of an agent, who is no subject", `{"name":"Jonas","email":"jonas@example.com","type":"agent"}`,
			conversation.Author{Role: "agent", Name: "Jonas"}, nil, []string{"Jonas"}},
		{"of an agent without name", `{"type":"agent"}`, conversation.Author{Role: "agent"}, nil, nil},
		{"of somebody of a type that is not known yet", `{"name":"Marta","email":"marta@example.com","type":"partner"}`, conversation.Author{Role: "system"}, visitor, nil},
		{"of nobody", `null`, conversation.Author{Role: "system"}, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "tawkto", `{"event":"ticket:create","time":"2026-11-20T09:00:00.5Z","requester":`+tc.requester+`,
				"ticket":{"id":"t","humanId":318,"subject":"Refund","message":"When?"}}`)
			want := conversation.Event{
				ID: "create/2026-11-20T09:00:00.500Z", Conversation: "t", Kind: "ticket", Time: e.Time, Received: e.Received,
				Entries:  []conversation.Entry{{ID: "message", Time: e.Time, Author: tc.want, Text: "When?"}},
				Subjects: tc.subjects, Title: "Refund", Status: conversation.StatusOpen, AgentIDs: tc.agents,
			}
			if diff := cmp.Diff(want, e); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a ticket without id is refused", func(t *testing.T) {
		if _, err := adapt(t, "tawkto", []byte(`{"event":"ticket:create","time":"2026-11-20T09:00:00Z","ticket":{"humanId":318}}`)); !errors.Is(err, source.ErrMissing) {
			t.Errorf("error %v", err)
		}
	})
}

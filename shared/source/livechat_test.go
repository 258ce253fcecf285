package source_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

var _ = describe("livechat", traits{
	names: []string{
		"incoming_chat", "incoming_event", "event_deleted", "user_added_to_chat", "chat_transferred", "chat_deactivated",
		"agent_approved", "agent_created", "agent_deleted", "agent_suspended", "agent_unsuspended", "agent_updated",
		"auto_accesses_updated", "bot_created", "bot_deleted", "bot_updated", "chat_access_updated", "chat_properties_deleted",
		"chat_properties_updated", "customer_session_fields_updated", "event_properties_deleted", "event_properties_updated",
		"event_updated", "events_marked_as_seen", "group_created", "group_deleted", "group_updated", "incoming_customer",
		"incoming_rich_message_postback", "routing_status_set", "tag_created", "tag_deleted", "tag_updated",
		"thread_properties_deleted", "thread_properties_updated", "thread_summary_set", "thread_tagged", "thread_untagged",
		"user_removed_from_chat", "other",
	},
	kinds:     []retention.Kind{retention.Chat},
	nameField: "action", uncovered: true,
	uses: func(of func(name string) map[string]use) {
		text, object, list := use{takes: "s"}, use{takes: "o"}, use{takes: "a"}
		id, maybeID := use{takes: "sn", required: true}, use{takes: "sn"}
		user := func(at string, m map[string]use, theID use) {
			m[at+".id"], m[at+".type"], m[at+".name"], m[at+".email"] = theID, text, text, text
		}
		file := func(at string, m map[string]use) {
			m[at+"name"], m[at+"url"], m[at+"content_type"], m[at+"size"] = text, text, text, use{takes: "n"}
		}
		event := func(at string, m map[string]use) {
			m[at+".id"], m[at+".created_at"], m[at+".author_id"] = id, id, maybeID
			for _, field := range []string{"type", "visibility", "text", "system_message_type"} {
				m[at+"."+field] = text
			}
			file(at+".", m)
			m[at+".elements"], m[at+".elements.*"], m[at+".elements.*.image"] = list, object, object
			m[at+".elements.*.title"], m[at+".elements.*.subtitle"] = text, text
			file(at+".elements.*.image.", m)
			m[at+".elements.*.buttons"], m[at+".elements.*.buttons.*"], m[at+".elements.*.buttons.*.text"] = list, object, text
			m[at+".fields"], m[at+".fields.*"], m[at+".fields.*.type"], m[at+".fields.*.answer"] = list, object, text, use{takes: anything}
			m[at+".text_vars"], m[at+".text_vars.score"], m[at+".text_vars.customer"] = object, use{takes: anything}, use{takes: anything}
		}
		for _, name := range []string{"chat_properties_updated", "thread_summary_set", "event_updated", "other"} {
			of(name)
		}
		for _, name := range []string{"incoming_event", "event_deleted", "user_added_to_chat", "chat_transferred", "thread_tagged", "thread_untagged", "chat_deactivated"} {
			m := of(name)
			m["payload"], m["payload.chat_id"], m["payload.thread_id"] = use{takes: "o", required: true}, id, id
			switch name {
			case "incoming_event":
				m["payload.event"] = use{takes: "o", required: true}
				event("payload.event", m)
			case "event_deleted":
				m["payload.event_id"] = id
			case "thread_tagged", "thread_untagged":
				m["payload.tag"] = use{takes: "s", required: true}
			case "user_added_to_chat":
				m["payload.user"] = use{takes: "o", required: true}
				user("payload.user", m, id)
			case "chat_transferred":
				m["payload"], m["payload.thread_id"] = object, maybeID // a chat that nobody is in has none
				m["payload.transferred_to"], m["payload.transferred_to.agent_ids"] = object, list
				m["payload.transferred_to.agent_ids.*"] = text
			}
		}
		m := of("incoming_chat")
		for _, field := range []string{"payload", "payload.chat", "payload.chat.thread"} {
			m[field] = use{takes: "o", required: true}
		}
		m["payload.chat.id"], m["payload.chat.thread.id"], m["payload.chat.thread.created_at"] = id, id, id
		m["payload.chat.thread.tags"], m["payload.chat.thread.tags.*"] = list, text
		m["payload.chat.users"], m["payload.chat.users.*"] = list, object
		user("payload.chat.users.*", m, maybeID)
		m["payload.chat.thread.events"] = list
		m["payload.chat.thread.events.*"] = use{takes: "o", required: true, optional: true}
		event("payload.chat.thread.events.*", m)
	},
})

const (
	livechatCustomer = "3f0c9a52-7d1e-4b60-8a35-5be1f2c4d917"
	livechatBot      = "7b41e0d59c2f4a6388d1c5f09e2ab374"
)

// livechatEvent is a delivery of one event with the fields given, beside those that every event has.
func livechatEvent(fields string) string {
	return `{"action":"incoming_event","secret_key":"k","payload":{"chat_id":"C","thread_id":"T","event":{"id":"T_1",
		"created_at":"2026-11-20T11:02:10.120999Z",` + fields + `}}}`
}

func TestLivechatAuthors(t *testing.T) {
	for _, tc := range []struct {
		name, author, users string
		want                conversation.Author
		agents              []string
	}{
		{"an e-mail address is an agent's", `"jo@example.com"`, ``, conversation.Author{Role: "agent"}, []string{"jo@example.com"}},
		{"a UUID is a customer's", `"` + livechatCustomer + `"`, ``, conversation.Author{Role: "visitor"}, nil},
		{"32 hexadecimal digits are a bot's", `"` + livechatBot + `"`, ``, conversation.Author{Role: "bot"}, nil},
		{"anything else is nobody's", `"C4711"`, ``, conversation.Author{Role: "system"}, nil},
		{"a number is nobody's", `4711`, ``, conversation.Author{Role: "system"}, nil},
		{"none is nobody's", `null`, ``, conversation.Author{Role: "system"}, nil},
		{"who is listed has a name", `"jo@example.com"`, `{"id":"jo@example.com","type":"agent","name":"Jo"}`, conversation.Author{Role: "agent", Name: "Jo"}, []string{"jo@example.com"}},
		{"a bot is listed as an agent", `"` + livechatBot + `"`, `{"id":"` + livechatBot + `","type":"agent","name":"Helper"}`, conversation.Author{Role: "bot", Name: "Helper"}, nil},
		{"a customer is told by type, whatever the id", `"C4711"`, `{"id":"C4711","type":"customer","name":"Ana"}`, conversation.Author{Role: "visitor", Name: "Ana"}, nil},
		{"a customer is told by type, though the id is a number", `4711`, `{"id":4711,"type":"customer","name":"Ana"}`, conversation.Author{Role: "visitor", Name: "Ana"}, nil},
		{"none is nobody's, though somebody is listed without id", `null`, `{"type":"customer","name":"Ana"}`, conversation.Author{Role: "system"}, nil},
		{"an agent is told by type, whatever the id", `"A4711"`, `{"id":"A4711","type":"agent","name":"Jo"}`, conversation.Author{Role: "agent", Name: "Jo"}, []string{"A4711"}},
		{"who is listed without type or a known id may be a visitor, and so has no name", `"C4711"`, `{"id":"C4711","name":"Ana"}`, conversation.Author{Role: "system"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := livechatEvent(`"type":"message","text":"x","author_id":` + tc.author)
			if tc.users != "" {
				body = fmt.Sprintf(`{"action":"incoming_chat","payload":{"chat":{"id":"C","users":[%s],"thread":{"id":"T","created_at":"2026-11-20T11:00:00Z",
					"events":[{"id":"T_1","type":"message","text":"x","created_at":"2026-11-20T11:02:10.120Z","author_id":%s}]}}}}`, tc.users, tc.author)
			}
			e := one(t, "livechat", body)
			want := []conversation.Entry{{ID: "T_1", Time: e.Entries[0].Time, Author: tc.want, Text: "x"}}
			if diff := cmp.Diff(want, e.Entries); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.agents, e.AgentIDs); diff != "" {
				t.Errorf("agents (-want +got):\n%s", diff)
			}
			if e.Conversation != "C/T" || e.Entries[0].Time.String() != "2026-11-20T11:02:10.120Z" {
				t.Errorf("conversation %s, time %v", e.Conversation, e.Entries[0].Time)
			}
		})
	}
}

func TestLivechatEvents(t *testing.T) {
	customer := `"author_id":"` + livechatCustomer + `",`
	for _, tc := range []struct {
		name, fields string
		text         string
		files        []conversation.Attachment
		private      bool
	}{
		{"a message", customer + `"type":"message","text":"<b>&amp; as it is"`, "<b>&amp; as it is", nil, false},
		{"a note", customer + `"type":"message","text":"x","visibility":"agents"`, "x", nil, true},
		{"cards with buttons", customer + `"type":"rich_message","elements":[{"title":"a","subtitle":"","buttons":[{"text":"b","value":"https://example.com"},{}]},{"title":"c","image":{"url":"https://example.com/c.png"}}]`,
			"a\nb\nc", []conversation.Attachment{{URL: "https://example.com/c.png"}}, false},
		{"a sticker without elements", customer + `"type":"rich_message","template_id":"sticker"`, "", nil, false},
		{"a file", customer + `"type":"file","name":"../a.png","content_type":"image/png","size":12,"url":"https://cdn.livechat-files.com/a.png"`,
			"", []conversation.Attachment{{Name: "a.png", Type: "image/png", Bytes: 12, URL: "https://cdn.livechat-files.com/a.png"}}, false},
		{"a file that is sent in the clear", customer + `"type":"file","name":"a.png","url":"http://cdn.livechat-files.com/a.png"`,
			"", []conversation.Attachment{{Name: "a.png", URL: "http://cdn.livechat-files.com/a.png"}}, false},
		{"a file without anything", customer + `"type":"file"`, "", []conversation.Attachment{{}}, false},
		{"a line of the system", `"type":"system_message","text":"Jo left","text_vars":{"agent":"Jo","customer":""}`, "Jo left", nil, false},
		{"a line of the system without the customer's name", `"type":"system_message","text":"Ana left","text_vars":{"customer":"Ana"}`, "The customer left", nil, false},
		{"a line that names the customer twice, and words that begin or end so", `"type":"system_message","text":"Ana: Anaïs moved Ana to Diana, Ana","text_vars":{"customer":"Ana"}`,
			"The customer: Anaïs moved The customer to Diana, The customer", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			entry := one(t, "livechat", livechatEvent(tc.fields)).Entries[0]
			want := conversation.Entry{ID: "T_1", Time: entry.Time, Author: entry.Author, Text: tc.text, Attachments: tc.files, Private: tc.private}
			if diff := cmp.Diff(want, entry); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for name, fields := range map[string]string{
		"a custom event": `"type":"custom","content":{"a":1}`, "an empty form": `"type":"form","fields":[{"type":"name"}]`,
		"a new type": `"type":"hologram","text":"x"`, "no type": `"text":"x"`, "an agent's form": `"type":"filled_form","author_id":"jo@example.com","fields":[{"type":"name","answer":"Jo"}]`,
	} {
		t.Run("nothing is kept of "+name, func(t *testing.T) {
			got, err := adapt(t, "livechat", []byte(livechatEvent(fields)))
			if diff := cmp.Diff(source.Adapted{Name: "incoming_event"}, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	for _, size := range []string{"-1", "1.5", `"12"`} {
		if _, err := adapt(t, "livechat", []byte(livechatEvent(`"type":"file","size":`+size))); !errors.Is(err, strictjson.ErrShape) {
			t.Errorf("size %s: %v", size, err)
		}
	}
}

func TestLivechatForms(t *testing.T) {
	for _, tc := range []struct {
		name, fields string
		want         conversation.Subject
	}{
		{"name and address", `{"type":"name","answer":"Ana"},{"type":"email","answer":"ana@example.com"}`, conversation.Subject{Name: "Ana", Email: "ana@example.com"}},
		{"no other answers", `{"type":"question","label":"Name","answer":"Bo"},{"type":"radio","answer":{"id":"0","label":"x"}},null`, conversation.Subject{}},
		{"no answers of another shape", `{"type":"name","answer":{"label":"Bo"}},{"type":"email","answer":null}`, conversation.Subject{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "livechat", livechatEvent(`"type":"filled_form","author_id":"`+livechatCustomer+`","fields":[`+tc.fields+`]`))
			tc.want.VisitorID = livechatCustomer
			if diff := cmp.Diff([]conversation.Subject{tc.want}, e.Subjects); diff != "" || e.Entries != nil {
				t.Errorf("%d entries, subjects (-want +got):\n%s", len(e.Entries), diff)
			}
		})
	}
}

func TestLivechatRatings(t *testing.T) {
	for score, want := range map[string]*int{`"good"`: new(5), `"bad"`: new(1), `"fair"`: nil, `1`: nil, `null`: nil} {
		e := one(t, "livechat", livechatEvent(`"type":"system_message","system_message_type":"rating.chat_rated","text_vars":{"score":`+score+`}`))
		if diff := cmp.Diff(want, e.Rating); diff != "" {
			t.Errorf("%s (-want +got):\n%s", score, diff)
		}
	}
	if e := one(t, "livechat", livechatEvent(`"type":"system_message","system_message_type":"rating.chat_commented","text_vars":{"score":"good"}`)); e.Rating != nil {
		t.Errorf("a comment rates %d", *e.Rating)
	}
}

func TestLivechatTurns(t *testing.T) {
	const of = `"payload":{"chat_id":"C","thread_id":"T",`
	ended := one(t, "livechat", `{"action":"chat_deactivated",`+of+`"user_id":"jo@example.com"}}`)
	if !ended.Ended || ended.ID != "chat_deactivated" || ended.Time != conversation.At(received) {
		t.Errorf("%+v", ended)
	}
	deleted := one(t, "livechat", `{"action":"event_deleted",`+of+`"event_id":"T_4"}}`)
	if diff := cmp.Diff([]string{"T_4"}, deleted.Redacted); diff != "" || deleted.Entries != nil {
		t.Errorf("redacted (-want +got):\n%s", diff)
	}
	moved := one(t, "livechat", `{"action":"chat_transferred",`+of+`"transferred_to":{"group_ids":[19],"agent_ids":["jo@example.com",""]}}}`)
	if diff := cmp.Diff([]string{"jo@example.com"}, moved.AgentIDs); diff != "" {
		t.Errorf("agents (-want +got):\n%s", diff)
	}
	got, err := adapt(t, "livechat", []byte(`{"action":"chat_transferred","payload":{"chat_id":"C","transferred_to":{"group_ids":[19]}}}`))
	if diff := cmp.Diff(source.Adapted{Name: "chat_transferred"}, got); err != nil || diff != "" {
		t.Errorf("a chat that nobody is in: %v (-want +got):\n%s", err, diff)
	}
	tagged, untagged := one(t, "livechat", `{"action":"thread_tagged",`+of+`"tag":"a"}}`), one(t, "livechat", `{"action":"thread_untagged",`+of+`"tag":"a"}}`)
	if diff := cmp.Diff([]any{[]string{"a"}, []string(nil), []string(nil), []string{"a"}}, []any{tagged.Tagged, tagged.Untagged, untagged.Tagged, untagged.Untagged}); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	later, err := lookup(t, "livechat").Adapt(source.Delivery{Body: []byte(`{"action":"thread_tagged",` + of + `"tag":"a"}}`), Received: received.Add(time.Minute)})
	if err != nil || later.Events[0].ID == tagged.ID {
		t.Errorf("a tag that is set again is taken for a repetition: %v", err)
	}
	again := one(t, "livechat", `{"action":"chat_deactivated","payload":{"chat_id":"C","thread_id":"U"}}`)
	if again.Conversation == ended.Conversation {
		t.Error("a chat that is taken up again is the same conversation")
	}
}

func TestLivechatSecret(t *testing.T) {
	verify := lookup(t, "livechat").Verify
	for _, tc := range []struct {
		name, body string
		secrets    []string
		reason     string
	}{
		{"accepts its own", `{"secret_key":"own"}`, []string{"own"}, ""},
		{"accepts an escaped one", `{"a":[{}],"secret_key":"\u006fwn"}`, []string{"new", "own"}, ""},
		{"rejects another", `{"secret_key":"owl"}`, []string{"own"}, "no secret of the source made the signature"},
		{"rejects a longer one", `{"secret_key":"own "}`, []string{"own"}, "no secret of the source made the signature"},
		{"rejects an empty one", `{"secret_key":""}`, []string{"", "own"}, "no secret of the source made the signature"},
		{"rejects none", `{"action":"incoming_chat"}`, []string{"", "own"}, "no secret of the source made the signature"},
		{"rejects one that stands deeper", `{"payload":{"secret_key":"own"}}`, []string{"own"}, "no secret of the source made the signature"},
		{"rejects one of a source without", `{"secret_key":"own"}`, nil, "the source has no secret"},
		{"rejects what is no text", `{"secret_key":["own"]}`, []string{"own"}, "a header of the signature has another form than the sender's"},
		{"rejects what is no object", `["own"]`, []string{"own"}, "a header of the signature has another form than the sender's"},
		{"rejects what is nested without end", `{"a":` + strings.Repeat("[", 1<<20), []string{"own"}, "a header of the signature has another form than the sender's"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checkVerdict(t, verify(source.Delivery{Body: []byte(tc.body), Received: received}, tc.secrets), tc.reason)
		})
	}
}

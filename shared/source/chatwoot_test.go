package source_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

var _ = describe("chatwoot", traits{
	names: []string{
		"message_created", "message_updated", "conversation_created", "conversation_status_changed", "conversation_resolved",
		"conversation_opened", "conversation_updated", "automation_event.conversation_created",
		"automation_event.conversation_resolved", "automation_event.conversation_opened",
		"automation_event.conversation_updated", "automation_event.message_created", "contact_created", "contact_updated",
		"conversation_typing_on", "conversation_typing_off", "inbox_created", "inbox_updated", "macro.executed",
		"webwidget_triggered", "other",
	},
	kinds:     []retention.Kind{retention.Chat},
	nameField: "event", signature: "X-Chatwoot-Signature", stamp: "X-Chatwoot-Timestamp",
	uses: func(of func(name string) map[string]use) {
		text, object, list := use{takes: "s"}, use{takes: "o"}, use{takes: "a"}
		id, maybeID := use{takes: "sn", required: true}, use{takes: "sn"}
		person := func(at string, m map[string]use, id bool) {
			m[at] = object
			for _, field := range []string{"type", "name", "email", "phone_number"} {
				m[at+"."+field] = text
			}
			if id {
				m[at+".id"], m[at+".identifier"] = maybeID, maybeID
			}
		}
		about := func(at string, m map[string]use, assignee bool) {
			m[at+"id"], m[at+"labels"], m[at+"labels.*"] = id, list, text
			m[at+"meta"], m[at+"meta.team"], m[at+"meta.team.name"] = object, object, text
			person(at+"meta.sender", m, true)
			person(at+"meta.assignee", m, assignee)
		}
		message := func(at string, m map[string]use, senderID bool) {
			m[at+"id"], m[at+"created_at"], m[at+"message_type"] = id, id, maybeID
			m[at+"content"], m[at+"private"] = text, use{takes: "b"}
			m[at+"attachments"], m[at+"attachments.*"] = list, object
			m[at+"attachments.*.file_type"], m[at+"attachments.*.data_url"] = text, text
			m[at+"attachments.*.file_size"] = use{takes: "n"}
			person(at+"sender", m, senderID)
		}
		of("contact_updated")
		of("conversation_typing_on")

		m := of("message_created")
		message("", m, true)
		m["conversation"] = use{takes: "o", required: true}
		about("conversation.", m, false)

		m = of("message_updated")
		m["conversation"], m["conversation.id"] = use{takes: "o", required: true}, id
		m["conversation.updated_at"] = maybeID
		const attributes = "content_attributes"
		m["id"] = use{takes: anything, several: true} // needed of a message that was deleted or answered
		m[attributes], m[attributes+".submitted_values"] = use{takes: anything}, use{takes: anything}
		m[attributes+".deleted"] = use{takes: anything}
		m[attributes+".submitted_values.*"], m[attributes+".submitted_values.*.title"] = use{takes: anything}, use{takes: anything}
		m[attributes+".submitted_values.csat_survey_response"] = object
		m[attributes+".submitted_values.csat_survey_response.rating"] = maybeID

		for _, name := range []string{"conversation_created", "automation_event.conversation_created"} {
			m = of(name)
			about("", m, true)
			m["messages"], m["messages.*"], m["status"], m["created_at"] = list, object, text, id
			message("messages.*.", m, false)
			m["messages.*.updated_at"] = maybeID
		}
		for _, name := range []string{"conversation_status_changed", "conversation_updated"} {
			m = of(name)
			about("", m, true)
			m["messages"], m["status"], m["updated_at"] = list, text, maybeID
			m["changed_attributes"], m["changed_attributes.*"] = list, object
			m["changed_attributes.*.status"] = object
			m["changed_attributes.*.status.previous_value"] = use{takes: anything}
		}

	},
})

// chatwootMessage is a delivery of one message with the fields given, beside those that every message has.
func chatwootMessage(fields string) string {
	return `{"event":"message_created","created_at":"2026-11-20T13:00:00.250Z","conversation":{"id":4182,
		"meta":{"sender":{"id":90412,"name":"Priya","type":"contact"}}},` + fields + `}`
}

func TestChatwootAuthors(t *testing.T) {
	contact := []conversation.Subject{{Name: "Priya", VisitorID: "90412"}}
	for _, tc := range []struct {
		name, fields string
		want         conversation.Author
		agents       []string
		subjects     []conversation.Subject
	}{
		{"incoming is a visitor's", `"message_type":"incoming","sender":{"id":1,"name":"Ana"}`,
			conversation.Author{Role: "visitor", Name: "Ana"}, nil, []conversation.Subject{{Name: "Ana", VisitorID: "1"}}},
		{"incoming as a number is a visitor's too", `"message_type":0,"sender":{"id":"1","name":"Ana","type":"contact"}`,
			conversation.Author{Role: "visitor", Name: "Ana"}, nil, []conversation.Subject{{Name: "Ana", VisitorID: "1"}}},
		{"incoming without sender is of the conversation's contact", `"message_type":"incoming","sender":null`,
			conversation.Author{Role: "visitor"}, nil, contact},
		{"an agent is no subject, even of an incoming message", `"message_type":"incoming","sender":{"id":27,"name":"Elif","type":"user","email":"elif@example.com"}`,
			conversation.Author{Role: "visitor"}, nil, contact},
		{"outgoing is an agent's", `"message_type":"outgoing","sender":{"id":27,"name":"Elif","type":"user","email":"elif@example.com"}`,
			conversation.Author{Role: "agent", Name: "Elif"}, []string{"27"}, contact},
		{"outgoing of older versions, without type, is an agent's", `"message_type":1,"sender":{"id":"27","name":"Elif"}`,
			conversation.Author{Role: "agent", Name: "Elif"}, []string{"27"}, contact},
		{"an agent without id goes by the name", `"message_type":"outgoing","sender":{"name":"Elif","type":"user"}`,
			conversation.Author{Role: "agent", Name: "Elif"}, []string{"Elif"}, contact},
		{"outgoing of nobody is an agent's without name", `"message_type":"outgoing"`,
			conversation.Author{Role: "agent"}, nil, contact},
		{"outgoing of an agent bot is a bot's", `"message_type":"outgoing","sender":{"id":4,"name":"Helper","type":"agent_bot"}`,
			conversation.Author{Role: "bot", Name: "Helper"}, nil, contact},
		{"outgoing of Chatwoot's assistant is a bot's", `"message_type":"outgoing","sender":{"id":4,"name":"Captain","type":"captain_assistant"}`,
			conversation.Author{Role: "bot", Name: "Captain"}, nil, contact},
		{"a contact lends no name to an outgoing message", `"message_type":"outgoing","sender":{"id":1,"name":"Ana","type":"contact"}`,
			conversation.Author{Role: "agent"}, nil, contact},
		{"a template is a bot's", `"message_type":"template"`, conversation.Author{Role: "bot"}, nil, contact},
		{"a template has a bot's name only", `"message_type":3,"sender":{"id":1,"name":"Ana"}`, conversation.Author{Role: "bot"}, nil, contact},
		{"an activity is nobody's", `"message_type":"activity","sender":{"id":27,"name":"Elif","type":"user"}`,
			conversation.Author{Role: "system"}, nil, contact},
		{"an activity as a number is nobody's", `"message_type":2`, conversation.Author{Role: "system"}, nil, contact},
		{"a type that is not known yet is nobody's", `"message_type":"voice_call","sender":{"id":1,"name":"Ana"}`,
			conversation.Author{Role: "system"}, nil, contact},
		{"a number that is not known yet is nobody's", `"message_type":4`, conversation.Author{Role: "system"}, nil, contact},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "chatwoot", chatwootMessage(`"id":7,"content":"x",`+tc.fields))
			if diff := cmp.Diff(tc.want, e.Entries[0].Author); diff != "" {
				t.Errorf("author (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.agents, e.AgentIDs); diff != "" {
				t.Errorf("agents (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.subjects, e.Subjects); diff != "" {
				t.Errorf("subjects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChatwootMessageIDs(t *testing.T) {
	for _, tc := range []struct {
		name, id, want string
		err            error
	}{
		{"a number and its text are one message", `77`, "message/77", nil},
		{"a text is the same message", `"77"`, "message/77", nil},
		{"an id that fits alone but not with its prefix is refused", `"` + strings.Repeat("7", 256) + `"`, "", source.ErrIDTooLong},
		{"a longer one is refused", `"` + strings.Repeat("7", 257) + `"`, "", source.ErrIDTooLong},
		{"the longest that fits is taken", `"` + strings.Repeat("7", 248) + `"`, "message/" + strings.Repeat("7", 248), nil},
		{"an empty one is missing", `""`, "", source.ErrMissing},
		{"an exponent is no id", `7e1`, "", strictjson.ErrShape},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "chatwoot", []byte(chatwootMessage(`"message_type":"incoming","id":`+tc.id)))
			checkOutcome(t, "chatwoot", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err == nil && got.Events[0].ID != tc.want {
				t.Errorf("id %s, want %s", got.Events[0].ID, tc.want)
			}
		})
	}
}

func TestChatwootPersonsIDs(t *testing.T) {
	for _, tc := range []struct {
		name, fields string
		err          error
	}{
		{"a contact's id may be missing", `"message_type":"incoming","sender":{"name":"Ana"}`, nil},
		{"a contact's id may be null", `"message_type":"incoming","sender":{"id":null,"identifier":null}`, nil},
		{"a contact's identifier may be empty", `"message_type":"incoming","sender":{"identifier":""}`, nil},
		{"a contact's id is no fraction", `"message_type":"incoming","sender":{"id":1.5}`, strictjson.ErrShape},
		{"a contact's identifier is no object", `"message_type":"incoming","sender":{"identifier":{}}`, strictjson.ErrShape},
		{"a contact's identifier is not endless", `"message_type":"incoming","sender":{"identifier":"` + strings.Repeat("c", 257) + `"}`, source.ErrIDTooLong},
		{"an agent's id is no array", `"message_type":"outgoing","sender":{"id":[]}`, strictjson.ErrShape},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "chatwoot", []byte(chatwootMessage(`"id":7,`+tc.fields)))
			checkOutcome(t, "chatwoot", got, err)
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
		})
	}
}

func TestChatwootAttachments(t *testing.T) {
	for _, tc := range []struct {
		name, attachment string
		want             conversation.Attachment
	}{
		{"name, type and size of a file", `{"file_type":"file","file_size":120,"data_url":"https://chat.example.org/rails/active_storage/blobs/redirect/ey/bill%202.pdf"}`,
			conversation.Attachment{Name: "bill 2.pdf", Type: "file", Bytes: 120, URL: "https://chat.example.org/rails/active_storage/blobs/redirect/ey/bill%202.pdf"}},
		{"an escaped slash does not hide what opens the file", `{"file_type":"file","data_url":"https://chat.example.org/rails/active_storage/blobs/redirect/ey%2Fbill.pdf"}`,
			conversation.Attachment{Name: "bill.pdf", Type: "file", URL: "https://chat.example.org/rails/active_storage/blobs/redirect/ey%2Fbill.pdf"}},
		{"no name from another's address", `{"file_type":"image","data_url":"https://media.example.com/v/t51.2885-15/opens-without-asking.jpg?token=1"}`,
			conversation.Attachment{Type: "image", URL: "https://media.example.com/v/t51.2885-15/opens-without-asking.jpg?token=1"}},
		{"no name from an address without end", `{"file_type":"image","data_url":"https://chat.example.org/rails/active_storage/blobs/redirect/ey/"}`,
			conversation.Attachment{Type: "image", URL: "https://chat.example.org/rails/active_storage/blobs/redirect/ey/"}},
		{"a link in the clear", `{"file_type":"file","data_url":"http://chat.example.org/rails/active_storage/blobs/redirect/ey/bill.pdf"}`,
			conversation.Attachment{Name: "bill.pdf", Type: "file", URL: "http://chat.example.org/rails/active_storage/blobs/redirect/ey/bill.pdf"}},
		{"nothing of what is no address", `{"file_type":"image","data_url":"://%zz"}`, conversation.Attachment{Type: "image"}},
		{"no place", `{"file_type":"location","coordinates_lat":53.8,"coordinates_long":-1.5,"fallback_title":"1 Invented Street, Leeds"}`,
			conversation.Attachment{Type: "location"}},
		{"nothing at all", `null`, conversation.Attachment{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "chatwoot", chatwootMessage(`"id":7,"content":null,"message_type":"incoming","attachments":[`+tc.attachment+`]`))
			if diff := cmp.Diff([]conversation.Attachment{tc.want}, e.Entries[0].Attachments); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, size := range []string{"-1", "1.5", "9223372036854775808", `"120"`} {
		_, err := adapt(t, "chatwoot", []byte(chatwootMessage(`"id":7,"attachments":[{"file_size":`+size+`}]`)))
		if !errors.Is(err, strictjson.ErrShape) {
			t.Errorf("size %s: %v", size, err)
		}
	}
}

func TestChatwootStatus(t *testing.T) {
	const changed = `"changed_attributes":[{"assignee_id":{"previous_value":null,"current_value":27}},{"status":{"previous_value":%q,"current_value":"x"}}]`
	from := func(previous string) string { return fmt.Sprintf(changed, previous) }
	const labels = `"changed_attributes":[{"label_list":{"previous_value":[],"current_value":["outage"]}}]`
	for _, tc := range []struct {
		name, event, status, changes string
		ended, reopened              bool
	}{
		{"open to resolved ends", "conversation_status_changed", "resolved", from("open"), true, false},
		{"pending to resolved ends", "conversation_status_changed", "resolved", from("pending"), true, false},
		{"resolved ends where older versions do not tell from what", "conversation_status_changed", "resolved", `"x":0`, true, false},
		{"resolved to open goes on", "conversation_status_changed", "open", from("resolved"), false, true},
		{"resolved to snoozed goes on", "conversation_status_changed", "snoozed", from("resolved"), false, true},
		{"open goes on where older versions do not tell from what", "conversation_status_changed", "open", `"changed_attributes":null`, false, true},
		{"pending to open is no going on", "conversation_status_changed", "open", from("pending"), false, false},
		{"open to snoozed is neither", "conversation_status_changed", "snoozed", from("open"), false, false},
		{"pending of unknown origin is neither", "conversation_status_changed", "pending", `"x":0`, false, false},
		{"an update of the status to resolved ends", "conversation_updated", "resolved", from("open"), true, false},
		{"an update of the status from resolved goes on", "conversation_updated", "open", from("resolved"), false, true},
		{"a label set while resolved does not end anew", "conversation_updated", "resolved", labels, false, false},
		{"an update that does not say of what is neither", "conversation_updated", "resolved", `"x":0`, false, false},
		{"an automation's update is neither", "automation_event.conversation_updated", "resolved", `"x":0`, false, false},
		{"resolved ends", "conversation_resolved", "resolved", `"x":0`, true, false},
		{"an automation's resolved ends", "automation_event.conversation_resolved", "resolved", `"x":0`, true, false},
		{"opened goes on", "conversation_opened", "open", `"x":0`, false, true},
		{"an automation's opened goes on", "automation_event.conversation_opened", "open", `"x":0`, false, true},
		{"a conversation created resolved does not end", "conversation_created", "resolved", `"x":0`, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "chatwoot", fmt.Sprintf(`{"event":%q,"id":4182,"status":%q,%s,"created_at":1795179940,"last_activity_at":1795180000,
				"updated_at":1795180001.5}`, tc.event, tc.status, tc.changes))
			if e.Ended != tc.ended || e.Reopened != tc.reopened {
				t.Errorf("ended %v, reopened %v, want %v, %v", e.Ended, e.Reopened, tc.ended, tc.reopened)
			}
			want := map[bool]string{true: "2026-11-20T13:05:40.000Z", false: "2026-11-20T13:06:41.500Z"}[tc.event == "conversation_created"]
			if e.Time.String() != want {
				t.Errorf("time %v, want %s", e.Time, want)
			}
		})
	}
	t.Run("the last activity is the time where older versions have no other", func(t *testing.T) {
		e := one(t, "chatwoot", `{"event":"conversation_resolved","id":4182,"created_at":1795179940,"last_activity_at":1795180000}`)
		if e.Time.String() != "2026-11-20T13:06:40.000Z" {
			t.Errorf("time %v", e.Time)
		}
	})
	t.Run("an end without time is refused", func(t *testing.T) {
		_, err := adapt(t, "chatwoot", []byte(`{"event":"conversation_resolved","id":4182,"created_at":1795179940,"updated_at":null}`))
		if !errors.Is(err, source.ErrMissing) {
			t.Errorf("error %v", err)
		}
	})
}

func TestChatwootTags(t *testing.T) {
	for _, tc := range []struct {
		name, labels string
		want         []string
	}{
		{"labels are tags", `"labels":["outage","technician"]`, []string{"outage", "technician"}},
		{"an empty list says that there are none", `"labels":[]`, []string{}},
		{"a list of nothing says the same", `"labels":[null,""]`, []string{}},
		{"null says nothing", `"labels":null`, nil},
		{"no list says nothing", `"x":0`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, body := range []string{
				`{"event":"conversation_updated","id":4182,"updated_at":1795179940,` + tc.labels + `}`,
				`{"event":"message_created","id":7,"created_at":1795179940,"conversation":{"id":4182,` + tc.labels + `}}`,
			} {
				if diff := cmp.Diff(tc.want, one(t, "chatwoot", body).Tags); diff != "" {
					t.Errorf("%s (-want +got):\n%s", body, diff)
				}
			}
		})
	}
}

func TestChatwootAssignee(t *testing.T) {
	for _, tc := range []struct {
		name, assignee string
		want           []string
	}{
		{"an agent takes part by id", `{"id":27,"name":"Elif","type":"user"}`, []string{"27"}},
		{"an agent without id takes part by name", `{"name":"Elif"}`, []string{"Elif"}},
		{"a bot does not", `{"id":4,"name":"Helper","type":"agent_bot"}`, nil},
		{"nobody does not", `null`, nil},
		{"an empty object does not", `{}`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "chatwoot", `{"event":"conversation_updated","id":4182,"updated_at":1795179940,"meta":{"assignee":`+tc.assignee+`}}`)
			if diff := cmp.Diff(tc.want, e.AgentIDs); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if e.Subjects != nil {
				t.Errorf("an agent became a subject: %+v", e.Subjects)
			}
		})
	}
}

func TestChatwootMessagesOfAConversation(t *testing.T) {
	const body = `{"event":%q,"id":4182,"created_at":1795179940,"updated_at":1795179950,"messages":[{},null,
		{"id":7,"created_at":1795179941,"updated_at":%q,"message_type":0,"content":"x"}]}`
	t.Run("an opening and an automation's message bring the last message, others do not", func(t *testing.T) {
		for event, want := range map[string]int{
			"conversation_created": 1, "automation_event.conversation_created": 1, "automation_event.message_created": 1,
			"conversation_status_changed": 0, "conversation_updated": 0, "automation_event.conversation_resolved": 0,
		} {
			e := one(t, "chatwoot", fmt.Sprintf(body, event, "2026-11-20T13:05:41.286Z"))
			if len(e.Entries) != want {
				t.Errorf("%s: %d entries, want %d", event, len(e.Entries), want)
			}
		}
	})
	t.Run("a message has the milliseconds of its last change if that was its writing", func(t *testing.T) {
		for updated, want := range map[string]string{
			"2026-11-20T13:05:41.286Z": "2026-11-20T13:05:41.286Z",
			"2026-11-20T13:05:40.999Z": "2026-11-20T13:05:41.000Z",
			"2026-11-20T13:05:42.000Z": "2026-11-20T13:05:41.000Z",
		} {
			e := one(t, "chatwoot", fmt.Sprintf(body, "conversation_created", updated))
			if e.Entries[0].Time.String() != want {
				t.Errorf("changed at %s: time %v, want %s", updated, e.Entries[0].Time, want)
			}
		}
	})
	t.Run("a message with content but without id is refused", func(t *testing.T) {
		_, err := adapt(t, "chatwoot", []byte(`{"event":"conversation_created","id":4182,"created_at":1795179940,"messages":[{"content":"x"}]}`))
		if !errors.Is(err, source.ErrMissing) {
			t.Errorf("error %v", err)
		}
	})
}

func TestChatwootRatings(t *testing.T) {
	survey := func(rating string) string {
		return `{"submitted_values":{"csat_survey_response":{"rating":` + rating + `}}}`
	}
	for _, tc := range []struct {
		name, attributes string
		want             int // 0 is none
		err              error
	}{
		{"one", survey(`1`), 1, nil},
		{"five", survey(`5`), 5, nil},
		{"a number as text", survey(`"4"`), 4, nil},
		{"not answered yet", survey(`null`), 0, nil},
		{"an answer without rating", `{"submitted_values":{"csat_survey_response":{"feedback_message":"x"}}}`, 0, nil},
		{"the answers of a form, which are a list", `{"submitted_values":[{"name":"x","value":"y"}]}`, 0, nil},
		{"another question's answer", `{"submitted_values":{"submitted_email":"x"}}`, 0, nil},
		{"a message that was not deleted", `{"deleted":false}`, 0, nil},
		{"no attributes", `null`, 0, nil},
		{"zero", survey(`0`), 0, nil},
		{"six", survey(`6`), 0, nil},
		{"ten", survey(`10`), 0, nil},
		{"a half", survey(`4.5`), 0, nil},
		{"a word", survey(`"good"`), 0, nil},
		{"an empty text", survey(`""`), 0, nil},
		{"true", survey(`true`), 0, strictjson.ErrShape},
		{"a list", survey(`[5]`), 0, strictjson.ErrShape},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "chatwoot", []byte(`{"event":"message_updated","id":7,"content":"not taken","created_at":"2026-11-20T13:00:00Z",
				"content_attributes":`+tc.attributes+`,"conversation":{"id":4182,"updated_at":1795179950.5}}`))
			checkOutcome(t, "chatwoot", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if tc.want == 0 {
				if len(got.Events) != 0 {
					t.Fatalf("%d events", len(got.Events))
				}
				return
			}
			e := got.Events[0]
			if e.Rating == nil || *e.Rating != tc.want || e.Entries != nil || e.Time.String() != "2026-11-20T13:05:50.500Z" {
				t.Errorf("%+v", e)
			}
		})
	}
}

// What was chosen of what a bot offered is an entry of its own; what was written into a form has the sender's fields.
func TestChatwootChoices(t *testing.T) {
	for submitted, want := range map[string]string{
		`[{"title":"Billing","value":"b"}]`: "Billing", `[{"title":"A","value":"a"},{"title":"B","name":null}]`: "A\nB",
		`[{"title":"A"},{"name":"email","value":"x"},{"title":7},null,"x",[]]`: "A",
		`[{"name":"email","title":"E-mail","value":"x"}]`:                      "", `[{"title":""}]`: "", `[{"value":"b"}]`: "", `[]`: "", `"x"`: "", `null`: "",
	} {
		got, err := adapt(t, "chatwoot", []byte(`{"event":"message_updated","id":7,"content":"What is it about?","created_at":"2026-11-20T13:00:00Z",
			"content_type":"input_select","content_attributes":{"submitted_values":`+submitted+`},"conversation":{"id":4182,"updated_at":1795179950.5}}`))
		checkOutcome(t, "chatwoot", got, err)
		if err != nil || (want == "") != (len(got.Events) == 0) {
			t.Errorf("%s: %+v, %v", submitted, got.Events, err)
		}
		for _, e := range got.Events {
			entry := conversation.Entry{ID: "7/answer", Time: e.Time, Author: conversation.Author{Role: "visitor"}, Text: want}
			if diff := cmp.Diff([]conversation.Entry{entry}, e.Entries); diff != "" || e.Time.String() != "2026-11-20T13:05:50.500Z" {
				t.Errorf("%s at %v (-want +got):\n%s", submitted, e.Time, diff)
			}
		}
	}
	_, err := adapt(t, "chatwoot", []byte(`{"event":"message_updated","created_at":"2026-11-20T13:00:00Z",
		"content_attributes":{"submitted_values":[{"title":"x"}]},"conversation":{"id":4182}}`))
	if !errors.Is(err, source.ErrMissing) {
		t.Errorf("of a message without id: %v", err)
	}
}

// The contact's name stands in lines of nobody, as it is or as Chatwoot writes it there, and is not always kept.
func TestChatwootActivities(t *testing.T) {
	for _, tc := range []struct{ messageType, name, text, want string }{
		{"activity", "Priya Raman", "Conversation was resolved by Priya raman", "Conversation was resolved by the contact"},
		{"activity", "Priya Raman", "Priya Raman was muted by Elif", "the contact was muted by Elif"},
		{"activity", " élodie DUPONT ", "Résolue par Élodie dupont.", "Résolue par the contact."},
		{"activity", "Ana", "Conversation was resolved by Anastasia", "Conversation was resolved by Anastasia"},
		{"activity", "", "Conversation was resolved", "Conversation was resolved"},
		{"incoming", "Priya", "I am Priya", "I am Priya"},
		{"outgoing", "Priya", "Good afternoon Priya", "Good afternoon Priya"},
	} {
		message := fmt.Sprintf(`"id":7,"message_type":%q,"content":%q`, tc.messageType, tc.text)
		meta := fmt.Sprintf(`"meta":{"sender":{"id":1,"name":%q,"type":"contact"}}`, tc.name)
		for _, body := range []string{
			`{"event":"message_created","created_at":1795179940,"conversation":{"id":4182,` + meta + `},` + message + `}`,
			`{"event":"automation_event.message_created","id":4182,"updated_at":1795179940,` + meta + `,"messages":[{"created_at":1795179940,` + message + `}]}`,
		} {
			if got := one(t, "chatwoot", body).Entries[0].Text; got != tc.want {
				t.Errorf("%s: %q, want %q", body, got, tc.want)
			}
		}
	}
}

func TestChatwootDeletedMessages(t *testing.T) {
	const body = `{"event":"message_updated","id":%s,"content":"This message was deleted","created_at":"2026-11-20T13:00:00Z",
		"content_attributes":{"deleted":true},"conversation":{"id":4182,"updated_at":1795179950.5}}`
	for id, want := range map[string]error{`7`: nil, `"7"`: nil, `null`: source.ErrMissing, `[]`: strictjson.ErrShape} {
		got, err := adapt(t, "chatwoot", fmt.Appendf(nil, body, id))
		checkOutcome(t, "chatwoot", got, err)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
		if err != nil {
			continue
		}
		e := got.Events[0]
		if diff := cmp.Diff([]string{"7", "7/answer"}, e.Redacted); diff != "" || e.Entries != nil || e.Rating != nil || e.Conversation != "4182" {
			t.Errorf("%+v (-want +got):\n%s", e, diff)
		}
	}
}

func TestChatwootDeliveriesAreToldApart(t *testing.T) {
	body := `{"event":"conversation_updated","id":4182,"last_activity_at":1795179940,"labels":["a"]}`
	again, other := one(t, "chatwoot", body), one(t, "chatwoot", strings.Replace(body, `"a"`, `"b"`, 1))
	if first := one(t, "chatwoot", body); first.ID != again.ID || first.ID == other.ID {
		t.Errorf("ids %s, %s, %s: want the same for the same delivery, another for another of the same second", first.ID, again.ID, other.ID)
	}
}

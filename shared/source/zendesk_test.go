package source_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

var _ = describe("zendesk", traits{
	names: []string{
		"ticket.created", "ticket.comment_added", "ticket.status_changed", "ticket.subject_changed", "ticket.tags_changed",
		"ticket.agent_assignment_changed", "ticket.requester_changed", "ticket.marked_as_spam", "ticket.merged",
		"ticket.soft_deleted", "ticket.undeleted",
		"ticket.attachment_linked_to_comment", "ticket.attachment_redacted_from_comment", "ticket.brand_changed",
		"ticket.comment_made_private", "ticket.comment_redacted", "ticket.csat_received", "ticket.csat_requested",
		"ticket.custom_field_changed", "ticket.custom_status_changed", "ticket.description_changed", "ticket.email_ccs_changed",
		"ticket.external_id_changed", "ticket.followers_changed", "ticket.form_changed", "ticket.group_assignment_changed",
		"ticket.next_sla_breach_changed", "ticket.ola_policy_changed", "ticket.organization_changed", "ticket.permanently_deleted",
		"ticket.priority_changed", "ticket.problem_link_changed", "ticket.schedule_changed", "ticket.sla_policy_changed",
		"ticket.submitter_changed", "ticket.task_due_at_changed", "ticket.type_changed", "messaging_ticket.message_added", "other",
	},
	kinds:     []retention.Kind{retention.Ticket},
	nameField: "type", signature: "X-Zendesk-Webhook-Signature", stamp: "X-Zendesk-Webhook-Signature-Timestamp", empty: true,
	uses: func(of func(name string) map[string]use) {
		text, object := use{takes: "s"}, use{takes: "o"}
		id, maybeID := use{takes: "sn", required: true}, use{takes: "sn"}
		of("ticket.priority_changed")
		of("ticket.soft_deleted")
		of("other")
		for _, name := range []string{
			"ticket.created", "ticket.comment_added", "ticket.status_changed", "ticket.tags_changed", "ticket.subject_changed",
			"ticket.agent_assignment_changed", "ticket.attachment_linked_to_comment", "ticket.attachment_redacted_from_comment",
			"ticket.comment_made_private", "ticket.comment_redacted", "messaging_ticket.message_added",
		} {
			m := of(name)
			m["id"], m["time"], m["detail"], m["detail.id"] = id, id, use{takes: "o", required: true}, id
			for _, field := range []string{"subject", "description", "status"} {
				m["detail."+field] = text
			}
			m["detail.tags"], m["detail.tags.*"], m["detail.is_public"] = use{takes: "as"}, text, use{takes: "b"}
			m["detail.requester_id"], m["detail.assignee_id"] = maybeID, maybeID
			m["event"] = object
			switch name {
			case "ticket.created":
				m["detail.submitter_id"] = maybeID
			case "ticket.comment_added":
				m["event"], m["event.comment"], m["event.comment.id"] = use{takes: "o", required: true}, use{takes: "o", required: true}, id
				m["detail.created_at"] = use{takes: anything}
				m["event.comment.body"], m["event.comment.is_public"] = text, use{takes: "b"}
				m["event.comment.author"], m["event.comment.author.id"] = object, maybeID
				m["event.comment.author.is_staff"], m["event.comment.author.name"] = use{takes: "b"}, text
			case "ticket.status_changed":
				m["event.current"], m["event.previous"] = use{takes: anything}, use{takes: anything}
			case "ticket.subject_changed":
				m["event.current"] = use{takes: anything}
			case "ticket.attachment_linked_to_comment", "ticket.attachment_redacted_from_comment":
				for _, field := range []string{"event", "event.comment", "event.comment.attachment"} {
					m[field] = use{takes: "o", required: true}
				}
				m["event.comment.attachment.id"], m["event.comment.id"] = id, maybeID
				for _, field := range []string{"filename", "content_type", "content_url"} {
					m["event.comment.attachment."+field] = text
				}
				m["event.comment.attachment.is_public"] = use{takes: "b"}
				if name == "ticket.attachment_linked_to_comment" {
					m["detail.actor_id"] = maybeID
				}
			case "ticket.comment_redacted", "ticket.comment_made_private":
				m["event"], m["event.comment"], m["event.comment.id"] = use{takes: "o", required: true}, use{takes: "o", required: true}, id
				if name == "ticket.comment_made_private" {
					m["event.comment.body"] = text
				}
			case "messaging_ticket.message_added":
				m["event"], m["event.message"], m["event.message.id"] = use{takes: "o", required: true}, use{takes: "o", required: true}, id
				m["event.message.body"], m["event.actor"], m["event.actor.id"] = text, object, maybeID
				m["event.actor.type"], m["event.actor.name"] = text, text
			}
		}
	},
})

// zendeskBody is an event of a ticket with the fields of detail and event given.
func zendeskBody(name, detail, event string) string {
	if detail != "" {
		detail = "," + detail
	}
	return fmt.Sprintf(`{"type":"zen:event-type:%s","id":"e","time":"2026-11-20T10:00:00.123456789Z","subject":"zen:ticket:7714",
		"detail":{"id":"7714"%s},"event":{%s}}`, name, detail, event)
}

func TestZendeskStatus(t *testing.T) {
	for _, tc := range []struct {
		previous, current string
		want              conversation.Event
	}{
		{`"NEW"`, `"OPEN"`, conversation.Event{Status: "open"}},
		{`"OPEN"`, `"PENDING"`, conversation.Event{Status: "pending"}},
		{`"PENDING"`, `"HOLD"`, conversation.Event{Status: "pending"}},
		{`"HOLD"`, `"OPEN"`, conversation.Event{Status: "open"}},
		{`"OPEN"`, `"SOLVED"`, conversation.Event{Status: "solved", Ended: true}},
		{`"OPEN"`, `"CLOSED"`, conversation.Event{Status: "closed", Ended: true}},
		{`"SOLVED"`, `"CLOSED"`, conversation.Event{Status: "closed", Ended: true}},
		{`"SOLVED"`, `"NEW"`, conversation.Event{Status: "open", Reopened: true}},
		{`"SOLVED"`, `"OPEN"`, conversation.Event{Status: "open", Reopened: true}},
		{`"SOLVED"`, `"PENDING"`, conversation.Event{Status: "pending", Reopened: true}},
		{`"CLOSED"`, `"HOLD"`, conversation.Event{Status: "pending", Reopened: true}},
		{`"solved"`, `"open"`, conversation.Event{Status: "open", Reopened: true}},
		{`"OPEN"`, `"DELETED"`, conversation.Event{Status: "closed", Ended: true}},
		{`"CLOSED"`, `"DELETED"`, conversation.Event{}},
		{`"DELETED"`, `"OPEN"`, conversation.Event{Status: "open", Reopened: true}},
		{`"DELETED"`, `"SOLVED"`, conversation.Event{Status: "solved", Ended: true}},
		{`"CLOSED"`, `"ARCHIVED"`, conversation.Event{}},
		{`"ARCHIVED"`, `"SCRUBBED"`, conversation.Event{}},
		{`null`, `"OPEN"`, conversation.Event{Status: "open", Reopened: true}},
		{`null`, `null`, conversation.Event{Status: "solved", Ended: true}}, // as the ticket is
		{`7`, `{}`, conversation.Event{Status: "solved", Ended: true}},
	} {
		t.Run(tc.previous+" to "+tc.current, func(t *testing.T) {
			e := one(t, "zendesk", zendeskBody("ticket.status_changed", `"status":"SOLVED"`, `"previous":`+tc.previous+`,"current":`+tc.current))
			if diff := cmp.Diff(tc.want, conversation.Event{Status: e.Status, Ended: e.Ended, Reopened: e.Reopened}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a ticket may be created solved", func(t *testing.T) {
		for status, ended := range map[string]bool{"NEW": false, "PENDING": false, "SOLVED": true, "CLOSED": true, "": false} {
			e := one(t, "zendesk", zendeskBody("ticket.created", `"status":"`+status+`"`, ``))
			if e.Ended != ended || e.Reopened {
				t.Errorf("%q: ended %v, reopened %v", status, e.Ended, e.Reopened)
			}
		}
	})
	t.Run("what happens to a solved ticket does not end it anew", func(t *testing.T) {
		for _, name := range []string{"ticket.tags_changed", "ticket.subject_changed", "ticket.agent_assignment_changed", "ticket.requester_changed"} {
			if e := one(t, "zendesk", zendeskBody(name, `"status":"SOLVED"`, ``)); e.Ended || e.Reopened || e.Status != "" || e.Entries != nil {
				t.Errorf("%s: %+v", name, e)
			}
		}
	})
}

func TestZendeskComments(t *testing.T) {
	requester := []conversation.Subject{{VisitorID: "4"}}
	for _, tc := range []struct {
		name, comment string
		want          conversation.Entry
		subjects      []conversation.Subject
		agents        []string
	}{
		{"an agent's", `"id":"9","body":"x","is_public":true,"author":{"id":"2","is_staff":true,"name":"Jo"}`,
			conversation.Entry{ID: "9", Text: "x", Author: conversation.Author{Role: "agent", Name: "Jo"}}, requester, []string{"2"}},
		{"an agent's without id", `"id":9,"body":"x","is_public":true,"author":{"is_staff":true,"name":"Jo"}`,
			conversation.Entry{ID: "9", Text: "x", Author: conversation.Author{Role: "agent", Name: "Jo"}}, requester, []string{"Jo"}},
		{"a note of an agent", `"id":"9","body":"x","is_public":false,"author":{"id":"2","is_staff":true}`,
			conversation.Entry{ID: "9", Text: "x", Author: conversation.Author{Role: "agent"}, Private: true}, requester, []string{"2"}},
		{"what is not said to be public is a note", `"id":"9","body":"x","author":{"id":"2","is_staff":true}`,
			conversation.Entry{ID: "9", Text: "x", Author: conversation.Author{Role: "agent"}, Private: true}, requester, []string{"2"}},
		{"an agent's in a ticket of their own", `"id":"9","body":"x","is_public":true,"author":{"id":"4","is_staff":true,"name":"Jo"}`,
			conversation.Entry{ID: "9", Text: "x", Author: conversation.Author{Role: "agent", Name: "Jo"}}, nil, []string{"4"}},
		{"the requester's", `"id":"9","body":"x","is_public":true,"author":{"id":"4","is_staff":false,"name":"Ana"}`,
			conversation.Entry{ID: "9", Text: "x", Author: conversation.Author{Role: "visitor", Name: "Ana"}},
			[]conversation.Subject{{Name: "Ana", VisitorID: "4"}}, nil},
		{"that of somebody in copy", `"id":"9","body":"x","is_public":true,"author":{"id":5,"is_staff":false,"name":"Bo"}`,
			conversation.Entry{ID: "9", Text: "x", Author: conversation.Author{Role: "visitor", Name: "Bo"}},
			[]conversation.Subject{{VisitorID: "4"}, {Name: "Bo", VisitorID: "5"}}, nil},
		{"the requester's, though not said to be", `"id":"9","body":"x","is_public":true,"author":{"id":"4","name":"Ana"}`,
			conversation.Entry{ID: "9", Text: "x", Author: conversation.Author{Role: "visitor", Name: "Ana"}},
			[]conversation.Subject{{Name: "Ana", VisitorID: "4"}}, nil},
		{"somebody's of whom it is not said who they are", `"id":"9","body":"x","is_public":true,"author":{"id":"6","name":"Cy"}`,
			conversation.Entry{ID: "9", Text: "x", Author: conversation.Author{Role: "system"}}, requester, nil},
		{"nobody's", `"id":"9","body":"x","is_public":true,"author":null`,
			conversation.Entry{ID: "9", Text: "x", Author: conversation.Author{Role: "system"}}, requester, nil},
		{"Zendesk's own", `"id":"9","body":"x","is_public":true,"author":{"id":-1,"is_staff":false,"name":"Zendesk"}`,
			conversation.Entry{ID: "9", Text: "x", Author: conversation.Author{Role: "bot", Name: "Zendesk"}}, requester, nil},
		{"Zendesk's own, by an id that is a text", `"id":"9","body":"x","is_public":true,"author":{"id":"-1","is_staff":true}`,
			conversation.Entry{ID: "9", Text: "x", Author: conversation.Author{Role: "bot"}}, requester, nil},
		{"the description once more", `"id":"9","body":"It is broken.\n","is_public":true,"author":{"id":"4","is_staff":false,"name":"Ana"}`,
			conversation.Entry{ID: "description", Text: "It is broken.\n", Author: conversation.Author{Role: "visitor", Name: "Ana"}},
			[]conversation.Subject{{Name: "Ana", VisitorID: "4"}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "zendesk", zendeskBody("ticket.comment_added", `"requester_id":"4","assignee_id":"3","status":"SOLVED",
				"description":"It is broken.","created_at":"2026-11-20T09:59:59Z"`, `"comment":{`+tc.comment+`}`))
			tc.want.Time = e.Time
			if diff := cmp.Diff([]conversation.Entry{tc.want}, e.Entries); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.subjects, e.Subjects); diff != "" {
				t.Errorf("subjects (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.agents, e.AgentIDs); diff != "" {
				t.Errorf("agents (-want +got):\n%s", diff)
			}
			if e.Time.String() != "2026-11-20T10:00:00.123Z" || e.ID != "e" || e.Conversation != "7714" || e.Ended {
				t.Errorf("%+v", e)
			}
		})
	}
	t.Run("the words of the description, said later, are another comment", func(t *testing.T) {
		e := one(t, "zendesk", zendeskBody("ticket.comment_added", `"description":"Hello?","created_at":"2026-11-20T09:58:59Z"`,
			`"comment":{"id":"9","body":"Hello?","is_public":true}`))
		if e.Entries[0].ID != "9" {
			t.Errorf("id %s", e.Entries[0].ID)
		}
	})
}

func TestZendeskDescriptions(t *testing.T) {
	for _, tc := range []struct {
		name, detail string
		want         []conversation.Entry
		agents       []string
	}{
		{"the requester wrote it", `"description":"x","is_public":true,"submitter_id":"4","requester_id":"4","assignee_id":"3"`,
			[]conversation.Entry{{ID: "description", Text: "x", Author: conversation.Author{Role: "visitor"}}}, []string{"3"}},
		{"an agent wrote it for the requester", `"description":"x","is_public":true,"submitter_id":"3","requester_id":"4","assignee_id":"3"`,
			[]conversation.Entry{{ID: "description", Text: "x", Author: conversation.Author{Role: "agent"}}}, []string{"3"}},
		{"another agent wrote it", `"description":"x","is_public":true,"submitter_id":"5","requester_id":"4","assignee_id":"3"`,
			[]conversation.Entry{{ID: "description", Text: "x", Author: conversation.Author{Role: "agent"}}}, []string{"5", "3"}},
		{"nobody is said to have written it", `"description":"x","is_public":true,"requester_id":"4"`,
			[]conversation.Entry{{ID: "description", Text: "x", Author: conversation.Author{Role: "visitor"}}}, nil},
		{"Zendesk itself wrote it", `"description":"x","is_public":true,"submitter_id":-1,"requester_id":"4"`,
			[]conversation.Entry{{ID: "description", Text: "x", Author: conversation.Author{Role: "bot"}}}, nil},
		{"Zendesk itself is requester and assigned", `"description":"x","is_public":true,"submitter_id":"-1","requester_id":"-1","assignee_id":"-1"`,
			[]conversation.Entry{{ID: "description", Text: "x", Author: conversation.Author{Role: "bot"}}}, nil},
		{"no agent is assigned", `"description":"x","is_public":false,"submitter_id":"0","requester_id":"4","assignee_id":""`,
			[]conversation.Entry{{ID: "description", Text: "x", Author: conversation.Author{Role: "visitor"}, Private: true}}, nil},
		{"there is none", `"description":"","submitter_id":"4"`, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "zendesk", zendeskBody("ticket.created", tc.detail, ``))
			for i := range tc.want {
				tc.want[i].Time = e.Time
			}
			if diff := cmp.Diff(tc.want, e.Entries); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.agents, e.AgentIDs); diff != "" {
				t.Errorf("agents (-want +got):\n%s", diff)
			}
			if slices.ContainsFunc(e.Subjects, func(s conversation.Subject) bool { return s.VisitorID == "-1" }) {
				t.Error("Zendesk itself is a visitor")
			}
		})
	}
}

func TestZendeskTicketFields(t *testing.T) {
	for _, tc := range []struct {
		name, detail, event string
		title               string
		tags                []string
		err                 error
	}{
		{"tags are a list", `"tags":["a","b"]`, ``, "", []string{"a", "b"}, nil},
		{"or a text with blanks", `"tags":"a b"`, ``, "", []string{"a", "b"}, nil},
		{"an empty list says that there are none", `"tags":[]`, ``, "", []string{}, nil},
		{"so does an empty text", `"tags":""`, ``, "", []string{}, nil},
		{"null says nothing", `"tags":null`, ``, "", nil, nil},
		{"tags are no objects", `"tags":[{}]`, ``, "", nil, strictjson.ErrShape},
		{"the subject is the title", `"subject":"s"`, ``, "s", nil, nil},
		{"the new subject is the title", `"subject":"s"`, `"previous":"s","current":"t"`, "t", nil, nil},
		{"an id of a person is no fraction", `"requester_id":1.5`, ``, "", nil, strictjson.ErrShape},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "zendesk", []byte(zendeskBody("ticket.subject_changed", tc.detail, tc.event)))
			checkOutcome(t, "zendesk", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err == nil {
				if e := got.Events[0]; e.Title != tc.title || !cmp.Equal(e.Tags, tc.tags) {
					t.Errorf("title %q, tags %#v", e.Title, e.Tags)
				}
			}
		})
	}
}

func TestZendeskMessages(t *testing.T) {
	for _, tc := range []struct {
		name, actor string
		want        conversation.Author
		subjects    []conversation.Subject
		agents      []string
	}{
		{"a visitor's", `{"id":"4","name":"Ana","type":"end_user"}`, conversation.Author{Role: "visitor", Name: "Ana"}, []conversation.Subject{{Name: "Ana", VisitorID: "4"}}, nil},
		{"a visitor's of whom nothing is known", `{"id":"0","type":"end_user"}`, conversation.Author{Role: "visitor"}, nil, nil},
		{"an agent's", `{"id":2,"name":"Jo","type":"agent"}`, conversation.Author{Role: "agent", Name: "Jo"}, nil, []string{"2"}},
		{"the bot's", `{"id":"zd:answerBot","name":"Helper","type":"system"}`, conversation.Author{Role: "bot", Name: "Helper"}, nil, nil},
		{"a trigger's", `{"id":"7","name":"Away","type":"trigger"}`, conversation.Author{Role: "bot", Name: "Away"}, nil, nil},
		{"of a new type", `{"id":"4","name":"Ana","type":"guest"}`, conversation.Author{Role: "system"}, nil, nil},
		{"nobody's", `null`, conversation.Author{Role: "system"}, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "zendesk", strings.Replace(zendeskBody("ticket.x", "", `"actor":`+tc.actor+`,"message":{"id":"67ab","body":"x"}`),
				"ticket.x", "messaging_ticket.message_added", 1))
			if diff := cmp.Diff([]conversation.Entry{{ID: "67ab", Time: e.Time, Author: tc.want, Text: "x"}}, e.Entries); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]any{tc.subjects, tc.agents}, []any{e.Subjects, e.AgentIDs}); diff != "" {
				t.Errorf("people (-want +got):\n%s", diff)
			}
			if e.Kind != retention.Ticket || e.Conversation != "7714" {
				t.Errorf("%s %s, of which the ticket would be another record", e.Kind, e.Conversation)
			}
		})
	}
}

func TestZendeskFiles(t *testing.T) {
	const file = `"comment":{"id":"9","attachment":{"id":"91","filename":"a/b.png","content_type":"image/png","content_url":"%s","is_public":%t}}`
	for _, tc := range []struct {
		name, detail, url string
		public            bool
		want              conversation.Entry
	}{
		{"the requester's", `"requester_id":"4","actor_id":"4"`, "https://x.zendesk.com/attachments/token/t/?name=b.png", true, conversation.Entry{Author: conversation.Author{Role: "visitor"},
			Attachments: []conversation.Attachment{{Name: "b.png", Type: "image/png", URL: "https://x.zendesk.com/attachments/token/t/?name=b.png"}}}},
		{"somebody's, among agents", `"requester_id":"4","actor_id":"2"`, "http://x.zendesk.com/b.png", false, conversation.Entry{Author: conversation.Author{Role: "system"}, Private: true,
			Attachments: []conversation.Attachment{{Name: "b.png", Type: "image/png", URL: "http://x.zendesk.com/b.png"}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "zendesk", zendeskBody("ticket.attachment_linked_to_comment", tc.detail, fmt.Sprintf(file, tc.url, tc.public)))
			tc.want.ID, tc.want.Time = "9/attachment/91", e.Time
			if diff := cmp.Diff([]conversation.Entry{tc.want}, e.Entries); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestZendeskFilesOfComments: whether the comment is told with a file or not, the file goes when it is taken back, and nobody sees it of
// a comment that became a note.
func TestZendeskFilesOfComments(t *testing.T) {
	const linked, redacted = "ticket.attachment_linked_to_comment", "ticket.attachment_redacted_from_comment"
	event := func(name, comment string) conversation.Event {
		if comment != "" {
			comment = `"id":"` + comment + `",`
		}
		return one(t, "zendesk", zendeskBody(name, ``, `"comment":{`+comment+`"attachment":{"id":"91","filename":"b.png","is_public":true}}`))
	}
	noted := one(t, "zendesk", zendeskBody("ticket.comment_made_private", `"is_public":true`, `"comment":{"id":"9"}`))
	for _, with := range []string{"9", ""} {
		for _, without := range []string{"9", ""} {
			entries := conversation.Transcript{}.Fold([]conversation.Event{event(linked, with), event(redacted, without)}).Entries
			if len(entries) != 1 || !entries[0].Redacted || entries[0].Attachments != nil {
				t.Errorf("linked to %q, redacted from %q: %+v", with, without, entries)
			}
		}
		if entries := (conversation.Transcript{}).Fold([]conversation.Event{event(linked, with), noted}).Entries; len(entries) != 1 || !entries[0].Private {
			t.Errorf("linked to %q: the file of a note is public: %+v", with, entries)
		}
	}
	if e := event(linked, "9"); e.Entries[0].Private {
		t.Error("a public file is private")
	}
}

func TestZendeskRedactions(t *testing.T) {
	for _, tc := range []struct {
		name, event, detail, comment string
		want                         []string
		err                          error
	}{
		{"a comment", "ticket.comment_redacted", `"description":"x"`, `"comment":{"id":9}`, []string{"9"}, nil},
		{"the description", "ticket.comment_redacted", `"description":"my card ▇▇▇▇"`, `"comment":{"id":"9"}`, []string{"9", "description"}, nil},
		{"a file", "ticket.attachment_redacted_from_comment", `"description":"my card ▇▇▇▇"`, `"comment":{"id":"9","attachment":{"id":"91"}}`, []string{"attachment/91"}, nil},
		{"a file of no comment", "ticket.attachment_redacted_from_comment", ``, `"comment":{"attachment":{"id":"91"}}`, []string{"attachment/91"}, nil},
		{"nothing", "ticket.comment_redacted", ``, ``, nil, source.ErrMissing},
		{"no file", "ticket.attachment_redacted_from_comment", ``, `"comment":{"id":"9"}`, nil, source.ErrMissing},
		{"a file without id", "ticket.attachment_redacted_from_comment", ``, `"comment":{"id":"9","attachment":{}}`, nil, source.ErrMissing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "zendesk", []byte(zendeskBody(tc.event, tc.detail, tc.comment)))
			checkOutcome(t, "zendesk", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err == nil {
				if diff := cmp.Diff(tc.want, got.Events[0].Redacted); diff != "" || got.Events[0].Entries != nil {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestZendeskNotes(t *testing.T) {
	for _, tc := range []struct {
		name, detail, comment string
		want                  []string
		err                   error
	}{
		{"a comment", `"description":"x","is_public":true`, `"comment":{"id":9}`, []string{"9"}, nil},
		{"the last that was public", `"description":"x","is_public":false`, `"comment":{"id":"9"}`, []string{"9", "description"}, nil},
		{"the description", `"description":"my card","is_public":true`, `"comment":{"id":"9","body":"my card "}`, []string{"9", "description"}, nil},
		{"a comment without text", `"description":"","is_public":true`, `"comment":{"id":"9","body":""}`, []string{"9"}, nil},
		{"nothing", ``, ``, nil, source.ErrMissing},
		{"a comment without id", ``, `"comment":{}`, nil, source.ErrMissing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "zendesk", []byte(zendeskBody("ticket.comment_made_private", tc.detail, tc.comment)))
			checkOutcome(t, "zendesk", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err == nil {
				if diff := cmp.Diff(tc.want, got.Events[0].Noted); diff != "" || got.Events[0].Entries != nil {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestZendeskWithoutEvent(t *testing.T) {
	for _, body := range []string{``, `{"type":"ticket.created"}`, `{"type":"zen:event-type:user.created","detail":7}`, `{"type":"zen:event-type:ticket.permanently_deleted"}`} {
		got, err := adapt(t, "zendesk", []byte(body))
		checkOutcome(t, "zendesk", got, err)
		if err != nil || len(got.Events) != 0 {
			t.Errorf("%q: %d events, %v", body, len(got.Events), err)
		}
	}
	if _, err := adapt(t, "zendesk", []byte(` `)); !errors.Is(err, strictjson.ErrJSON) {
		t.Errorf("a body of a blank: %v", err)
	}
	if _, err := adapt(t, "zendesk", []byte(`{"ticket":{"id":7}}`)); !errors.Is(err, source.ErrMissing) {
		t.Errorf("a body that an administrator wrote: %v", err)
	}
}

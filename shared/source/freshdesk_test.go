package source_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

var _ = describe("freshdesk", traits{
	names:     []string{"created", "comment", "status", "changed", "unsaid"},
	kinds:     []retention.Kind{retention.Ticket},
	uncovered: true,
	uses: func(of func(name string) map[string]use) {
		const at = "freshdesk_webhook"
		for _, name := range []string{"created", "comment", "status", "changed", "unsaid"} {
			m := of(name)
			m[at], m[at+".ticket_id"] = use{takes: "o", required: true}, use{takes: "sn", required: true}
			m[at+".ticket_tags"] = use{takes: "sa"}
			for _, field := range []string{
				"triggered_event", "ticket_subject", "ticket_group_name", "ticket_agent_name", "ticket_agent_email", "ticket_requester_name",
				"ticket_requester_email", "ticket_requester_phone", "ticket_contact_name", "ticket_contact_email", "ticket_contact_phone",
				"ticket_contact_unique_external_id", "conversation_requester",
			} {
				m[at+"."+field] = use{takes: "sn"}
			}
			// What else there is depends on what happened, which is in the body as well.
			for _, field := range []string{
				"ticket_status", "ticket_description", "ticket_latest_public_comment", "ticket_latest_private_comment", "conversation_body",
				"ticket_created_at", "ticket_updated_at", "conversation_created_at",
			} {
				m[at+"."+field] = use{takes: anything}
			}
		}
	},
})

func freshdeskBody(fields string) string {
	return `{"freshdesk_webhook":{"ticket_id":20317,"ticket_requester_name":"Ana","ticket_agent_name":"Jo",` + fields + `}}`
}

func TestFreshdeskComments(t *testing.T) {
	for _, tc := range []struct {
		name, fields string
		want         []conversation.Entry // without id and time
	}{
		{"the requester's", `"triggered_event":"{note_type:public}","ticket_latest_public_comment":"Ana : <div>x &amp; y</div>"`,
			[]conversation.Entry{{Text: "x & y", Author: conversation.Author{Role: "visitor", Name: "Ana"}}}},
		{"the agent's", `"triggered_event":"{reply_sent:sent}","ticket_latest_public_comment":"Jo : x : y"`,
			[]conversation.Entry{{Text: "x : y", Author: conversation.Author{Role: "agent", Name: "Jo"}}}},
		{"somebody's", `"triggered_event":"{note_type:public}","ticket_latest_public_comment":"Bo : x"`,
			[]conversation.Entry{{Text: "x", Author: conversation.Author{Role: "system"}}}},
		{"nobody's", `"triggered_event":"{note_type:public}","ticket_latest_public_comment":"x"`,
			[]conversation.Entry{{Text: "x", Author: conversation.Author{Role: "system"}}}},
		{"nobody's, but said to be the customer's", `"triggered_event":"customer_reply_added","conversation_body":"x"`,
			[]conversation.Entry{{Text: "x", Author: conversation.Author{Role: "visitor", Name: "Ana"}}}},
		{"a customer's body, in which nothing is a name", `"triggered_event":"customer_reply_added","conversation_body":"Order 123 : not arrived"`,
			[]conversation.Entry{{Text: "Order 123 : not arrived", Author: conversation.Author{Role: "visitor", Name: "Ana"}}}},
		{"an agent's body", `"triggered_event":"{reply_sent:sent}","conversation_body":"Ana : x"`,
			[]conversation.Entry{{Text: "Ana : x", Author: conversation.Author{Role: "agent"}}}},
		{"what looks like a name in markup is none", `"triggered_event":"{note_type:public}","ticket_latest_public_comment":"<b>Ana : x</b>"`,
			[]conversation.Entry{{Text: "Ana : x", Author: conversation.Author{Role: "system"}}}},
		{"a note, and not the public comment of before", `"triggered_event":"{note_type:private}","ticket_latest_private_comment":"Kim : x","ticket_latest_public_comment":"Ana : y"`,
			[]conversation.Entry{{Text: "x", Author: conversation.Author{Role: "agent", Name: "Kim"}, Private: true}}},
		{"a public comment, and not the note of before", `"triggered_event":"{note_type:public}","ticket_latest_private_comment":"Kim : x","ticket_latest_public_comment":"Ana : y"`,
			[]conversation.Entry{{Text: "y", Author: conversation.Author{Role: "visitor", Name: "Ana"}}}},
		{"a note by its body", `"triggered_event":"{note_type:private}","conversation_body":"x"`,
			[]conversation.Entry{{Text: "x", Author: conversation.Author{Role: "agent"}, Private: true}}},
		{"a note that is not said to be public", `"triggered_event":"note_added","conversation_body":"x"`,
			[]conversation.Entry{{Text: "x", Author: conversation.Author{Role: "agent"}, Private: true}}},
		{"a body is nobody's where nothing is said of what happened", `"conversation_body":"x","ticket_latest_private_comment":"Kim : x"`,
			[]conversation.Entry{{Text: "x", Author: conversation.Author{Role: "agent", Name: "Kim"}, Private: true}}},
		{"both where nothing is said of what happened", `"ticket_latest_private_comment":"Kim : x","ticket_latest_public_comment":"Ana : y"`,
			[]conversation.Entry{{Text: "y", Author: conversation.Author{Role: "visitor", Name: "Ana"}}, {Text: "x", Author: conversation.Author{Role: "agent", Name: "Kim"}, Private: true}}},
		{"an agent's who is not the assigned one", `"triggered_event":"{reply_sent:sent}","ticket_latest_public_comment":"Kim : x"`,
			[]conversation.Entry{{Text: "x", Author: conversation.Author{Role: "agent", Name: "Kim"}}}},
		{"a reply of nobody's name", `"triggered_event":"{reply_sent:sent}","ticket_latest_public_comment":"x"`,
			[]conversation.Entry{{Text: "x", Author: conversation.Author{Role: "agent"}}}},
		{"the requester's, though told as a reply that was sent", `"triggered_event":"{reply_sent:sent}","ticket_latest_public_comment":"Ana : x"`,
			[]conversation.Entry{{Text: "x", Author: conversation.Author{Role: "visitor", Name: "Ana"}}}},
		{"a customer's who is neither", `"triggered_event":"{customer_reply:sent}","ticket_latest_public_comment":"Bo : x"`,
			[]conversation.Entry{{Text: "x", Author: conversation.Author{Role: "visitor", Name: "Bo"}}}},
		{"a customer's who has the agent's name", `"triggered_event":"{customer_reply:sent}","ticket_latest_public_comment":"Jo : x"`,
			[]conversation.Entry{{Text: "x", Author: conversation.Author{Role: "visitor", Name: "Jo"}}}},
		{"none of before when something else happened", `"triggered_event":"{status:{from:2,to:4}}","ticket_latest_public_comment":"Ana : y"`, nil},
		{"none where there is none", `"triggered_event":"{note_type:public}","ticket_latest_public_comment":" "`, nil},
		{"the description of a new ticket", `"triggered_event":"{ticket_action:created}","ticket_description":"<p>a</p><p>b</p>"`,
			[]conversation.Entry{{Text: "a\n\nb", Author: conversation.Author{Role: "visitor", Name: "Ana"}}}},
		{"no description later", `"triggered_event":"{note_type:public}","ticket_description":"<p>a</p>"`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "freshdesk", freshdeskBody(tc.fields))
			for i := range e.Entries {
				e.Entries[i].ID, e.Entries[i].Time = "", conversation.Time{}
			}
			if diff := cmp.Diff(tc.want, e.Entries); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
	comment := func(text string) string {
		return one(t, "freshdesk", freshdeskBody(`"ticket_latest_public_comment":"`+text+`"`)).Entries[0].ID
	}
	if one, again := comment("Ana : x"), comment("Ana : x"); one != again || one == comment("Ana : y") {
		t.Error("a comment is not known by its text")
	}
	if comment("Ana : my card is 4111 1111 1111 1111") != comment("Ana : my card is <b>4242 4242 4204 1111</b>") {
		t.Error("the id of a comment is made of a number that is not kept")
	}
	const sent = `"triggered_event":"{customer_reply:sent}","ticket_latest_public_comment":"`
	if by := func(name string) string { return one(t, "freshdesk", freshdeskBody(sent+name+` : x"`)).Entries[0].ID }; by("Ana") != by("Bo") {
		t.Error("the id of a comment is made of a name that may not be kept")
	}
}

func TestFreshdeskStatus(t *testing.T) {
	for _, tc := range []struct {
		happened, status string
		want             conversation.Event
	}{
		{`"{ticket_action:created}"`, `"Open"`, conversation.Event{Status: "open"}},
		{`"{ticket_action:created}"`, `"Closed"`, conversation.Event{Status: "closed", Ended: true}},
		{`"{status:{from:2,to:3}}"`, `"Pending"`, conversation.Event{Status: "pending"}},
		{`"{status:{from:3,to:2}}"`, `2`, conversation.Event{Status: "open"}},
		{`"{status:{from:2,to:4}}"`, `"Resolved"`, conversation.Event{Status: "solved", Ended: true}},
		{`"{status:{from:4,to:5}}"`, `"CLOSED"`, conversation.Event{Status: "closed", Ended: true}},
		{`"{status:{from:2,to:5}},{note_type:private}"`, `"Closed"`, conversation.Event{Status: "closed", Ended: true}},
		{`"{priority:{from:2,to:3}},{status:{from:5,to:2}}"`, `"Open"`, conversation.Event{Status: "open", Reopened: true}},
		{`"{status:{from:4,to:2}}"`, `"Open"`, conversation.Event{Status: "open", Reopened: true}},
		{`"{status:{from:5,to:6}}"`, `"Waiting on Customer"`, conversation.Event{Status: "pending", Reopened: true}},
		{`"{status:{from:2,to:9}}"`, `"Parts ordered"`, conversation.Event{}},
		{`"{reply_sent:sent}"`, `"Resolved"`, conversation.Event{Status: "solved", Ended: true}}, // sent and resolved at once
		{`"{status:{from:2,to:5}}"`, `"Geschlossen"`, conversation.Event{Status: "closed", Ended: true}},
		{`"{status: {from: 2, to: 5}}"`, `"Geschlossen"`, conversation.Event{Status: "closed", Ended: true}},
		{`"{status:{from:4,to:9}}"`, `"Parts ordered"`, conversation.Event{Status: "open", Reopened: true}},
		{`"{status:{from:9,to:5}}"`, `"Closed"`, conversation.Event{Status: "closed", Ended: true}},
		{`"{status:{from:2,to:4}}"`, `"Open"`, conversation.Event{Status: "solved", Ended: true}}, // taken up again by the time it was sent
		{`"{status:{from:4,to:2}}"`, `"Closed"`, conversation.Event{Status: "open", Reopened: true}},
		{`"{status:{from:,to:4}}"`, `"Resolved"`, conversation.Event{Status: "solved", Ended: true}},
		{`"{status:{from:4,to:2}},{note_type:private}"`, `"Open"`, conversation.Event{Status: "open", Reopened: true}},
		{`"{cf_repair_status:{from:2,to:5}}"`, `"Open"`, conversation.Event{}},
		{`"ticket_status_changed"`, `"Open"`, conversation.Event{Status: "open", Reopened: true}},
		{`"ticket_status_changed"`, `"Resolved"`, conversation.Event{Status: "solved", Ended: true}},
		{`"{note_type:public}"`, `"Open"`, conversation.Event{}}, // when, nothing tells
		{`"{reply_sent:sent}","conversation_created_at":"2026-11-20T10:00:00Z"`, `"Open"`, conversation.Event{Status: "open"}},
		{`"{note_type:private}"`, `"Closed"`, conversation.Event{}},
		{`"{priority:{from:1,to:2}}"`, `"Closed"`, conversation.Event{}},
		{`null`, `"Closed"`, conversation.Event{Status: "closed"}}, // since when, nothing tells
		{`null,"ticket_updated_at":"2026-11-20T11:00:00Z"`, `"Closed"`, conversation.Event{Status: "closed", Ended: true}},
		{`null`, `"Open"`, conversation.Event{Status: "open"}},
		{`null,"ticket_updated_at":"2026-11-20T11:00:00Z"`, `"Pending"`, conversation.Event{Status: "pending", Reopened: true}},
		{`null,"ticket_updated_at":"2026-11-20T11:00:00Z"`, `"Parts ordered"`, conversation.Event{}},
		{`null`, `null`, conversation.Event{}},
	} {
		t.Run(tc.happened+" "+tc.status, func(t *testing.T) {
			e := one(t, "freshdesk", freshdeskBody(`"triggered_event":`+tc.happened+`,"ticket_status":`+tc.status))
			if diff := cmp.Diff(tc.want, conversation.Event{Status: e.Status, Ended: e.Ended, Reopened: e.Reopened}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestFreshdeskShuffles: what was told of a ticket before its end, and comes after it, does not take the ticket up again.
func TestFreshdeskShuffles(t *testing.T) {
	const ended = `"triggered_event":"{status:{from:2,to:4}}","ticket_status":"Resolved","ticket_updated_at":"2026-11-20T11:00:00Z"`
	for _, tc := range []struct {
		name, late string
		over       bool
	}{
		{"a reply", `"triggered_event":"{reply_sent:sent}","ticket_status":"Open","ticket_latest_public_comment":"Jo : x"`, true},
		{"a change of which nothing is told", `"ticket_status":"Open"`, true},
		{"an older change of which nothing is told", `"ticket_status":"Open","ticket_updated_at":"2026-11-20T10:59:59Z"`, true},
		{"a later change of which nothing is told", `"ticket_status":"Open","ticket_updated_at":"2026-11-20T11:00:01Z"`, false},
		{"a customer's reply, which is later", `"triggered_event":"{customer_reply:sent}","ticket_status":"Open","ticket_latest_public_comment":"Ana : x"`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := conversation.Transcript{}.Fold([]conversation.Event{one(t, "freshdesk", freshdeskBody(ended)), one(t, "freshdesk", freshdeskBody(tc.late))})
			if got.Ended() != tc.over {
				t.Errorf("ended %v, reopened %v", got.EndedAt, got.ReopenedAt)
			}
		})
	}
}

func TestFreshdeskTimes(t *testing.T) {
	for _, tc := range []struct {
		name, fields, want string
		err                error
	}{
		{"of a comment", `"triggered_event":"{note_type:public}","conversation_created_at":"2026-11-20T10:00:00Z","ticket_updated_at":"2026-11-20T11:00:00Z"`, "2026-11-20T10:00:00.000Z", nil},
		{"of a creation", `"triggered_event":"{ticket_action:created}","ticket_created_at":1795179941`, "2026-11-20T13:05:41.000Z", nil},
		{"of a change", `"triggered_event":"{priority:{from:1,to:2}}","ticket_updated_at":"2026-11-20T11:00:00+01:00"`, "2026-11-20T10:00:00.000Z", nil},
		{"of an end of which nothing is told", `"ticket_status":"Closed","ticket_updated_at":"2026-11-20T11:00:00Z"`, "2026-11-20T11:00:00.000Z", nil},
		{"of receipt where none is given", `"triggered_event":"{priority:{from:1,to:2}}"`, "2026-11-20T14:00:00.123Z", nil},
		{"of receipt where it has another form", `"triggered_event":"{ticket_action:created}","ticket_created_at":"Fri, 20 Nov 2026 10:00"`, "2026-11-20T14:00:00.123Z", nil},
		{"not of another age", `"triggered_event":"{ticket_action:created}","ticket_created_at":"1999-11-20T10:00:00Z"`, "", source.ErrTime},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "freshdesk", []byte(freshdeskBody(tc.fields)))
			checkOutcome(t, "freshdesk", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err == nil && got.Events[0].Time.String() != tc.want {
				t.Errorf("time %v, want %s", got.Events[0].Time, tc.want)
			}
		})
	}
}

func TestFreshdeskFields(t *testing.T) {
	e := one(t, "freshdesk", `{"freshdesk_webhook":{"ticket_id":"20317","ticket_contact_name":"Ana","ticket_contact_email":"ana@example.com","ticket_contact_phone":15550100,
		"ticket_contact_unique_external_id":7731,"ticket_tags":["a",""],"ticket_group_name":"Desk","ticket_agent_name":"Jo","ticket_subject":7}}`)
	want := conversation.Event{
		ID: e.ID, Conversation: "20317", Kind: retention.Ticket, Time: e.Time, Received: e.Received, Untimed: true, Title: "7", Department: "Desk", Tags: []string{"a"},
		AgentIDs: []string{"Jo"}, Subjects: []conversation.Subject{{Name: "Ana", Email: "ana@example.com", Phone: "15550100", CustomID: "7731"}},
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for body, want := range map[string]error{
		`{}`: source.ErrMissing, `null`: source.ErrMissing, `{"freshdesk_webhook":{}}`: source.ErrMissing, `[]`: strictjson.ErrShape,
		`{"freshdesk_webhook":[]}`: strictjson.ErrShape, `{"freshdesk_webhook":{"ticket_id":1,"triggered_event":{}}}`: strictjson.ErrShape, ``: strictjson.ErrJSON,
	} {
		if _, err := adapt(t, "freshdesk", []byte(body)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
	}
}

func TestFreshdeskSecret(t *testing.T) {
	basic := func(text string) []string {
		return []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(text))}
	}
	const (
		unsigned   = "a header of the signature is missing or comes twice"
		mismatched = "no secret of the source made the signature"
		malformed  = "a header of the signature has another form than the sender's"
	)
	for _, tc := range []struct {
		name    string
		header  http.Header
		secrets []string
		reason  string
	}{
		{"accepts a password", http.Header{"Authorization": basic("anybody:own")}, []string{"new", "own"}, ""},
		{"accepts a password with a colon", http.Header{"Authorization": basic("anybody:o:wn")}, []string{"o:wn"}, ""},
		{"accepts a header", http.Header{"X-Supportvault-Key": {"own"}}, []string{"own", "old"}, ""},
		{"accepts the header beside another's authorization", http.Header{"X-Supportvault-Key": {"own"}, "Authorization": {"Bearer x"}}, []string{"own"}, ""},
		{"rejects another password", http.Header{"Authorization": basic("anybody:owl")}, []string{"own"}, mismatched},
		{"rejects the secret as the username", http.Header{"Authorization": basic("own:")}, []string{"own", ""}, mismatched},
		{"rejects another header", http.Header{"X-Supportvault-Key": {"owl"}}, []string{"own"}, mismatched},
		{"rejects a wrong header beside the right password", http.Header{"X-Supportvault-Key": {"owl"}, "Authorization": basic("anybody:own")}, []string{"own"}, mismatched},
		{"rejects nothing", http.Header{}, []string{"own", ""}, unsigned},
		{"rejects an empty header", http.Header{"X-Supportvault-Key": {""}}, []string{"own", ""}, unsigned},
		{"rejects two headers", http.Header{"X-Supportvault-Key": {"own", "own"}}, []string{"own"}, unsigned},
		{"rejects two passwords", http.Header{"Authorization": append(basic("anybody:own"), basic("anybody:own")...)}, []string{"own"}, unsigned},
		{"rejects what is no Basic", http.Header{"Authorization": {"Bearer own"}}, []string{"own"}, malformed},
		{"rejects what is no base64", http.Header{"Authorization": {"Basic own"}}, []string{"own"}, malformed},
		{"rejects everything of a source without secrets", http.Header{"X-Supportvault-Key": {"own"}}, nil, "the source has no secret"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			checkVerdict(t, lookup(t, "freshdesk").Verify(source.Delivery{Header: tc.header, Received: received}, tc.secrets), tc.reason)
		})
	}
}

package source_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

var _ = describe("intercom", traits{
	names: []string{
		"conversation.user.created", "conversation.user.replied", "conversation.admin.single.created", "conversation.admin.replied",
		"conversation.operator.replied", "conversation.admin.noted", "conversation.admin.closed", "conversation.admin.opened",
		"conversation.admin.assigned", "conversation.admin.open.assigned", "conversation.admin.snoozed",
		"conversation.admin.unsnoozed", "conversation.rating.added", "conversation.contact.attached", "conversation_part.tag.created",
		"ping", "conversation.admin.replied.translated", "conversation.company.updated", "conversation.contact.detached",
		"conversation.deleted", "conversation.priority.updated", "conversation.read", "conversation_part.redacted",
		"conversation_part.redacted.orphan", "other",
	},
	kinds:     []retention.Kind{retention.Chat},
	nameField: "topic", signature: "X-Hub-Signature",
	uses: func(of func(name string) map[string]use) {
		text, object, list := use{takes: "s"}, use{takes: "o"}, use{takes: "a"}
		id, maybeID := use{takes: "sn", required: true}, use{takes: "sn"}
		written := func(at string, m map[string]use) {
			for _, field := range []string{"body", "author.type", "author.name", "author.email", "attachments.*.name", "attachments.*.content_type", "attachments.*.url"} {
				m[at+field] = text
			}
			m[at+"author"], m[at+"author.id"], m[at+"author.from_ai_agent"] = object, maybeID, use{takes: "b"}
			m[at+"redacted"] = use{takes: "b"}
			m[at+"attachments"], m[at+"attachments.*"], m[at+"attachments.*.filesize"] = list, object, use{takes: "n"}
		}
		of("ping")
		of("other")
		alone := of("conversation_part.redacted.orphan")
		alone["data"], alone["data.item"], alone["data.item.type"] = object, object, text
		for _, name := range []string{
			"conversation.user.created", "conversation.user.replied", "conversation.admin.replied", "conversation.operator.replied",
			"conversation.admin.noted", "conversation.admin.closed", "conversation.admin.opened", "conversation.admin.assigned",
			"conversation.rating.added", "conversation_part.tag.created", "conversation_part.redacted",
		} {
			m := of(name)
			const at = "data.item."
			m["id"], m["data"], m["data.item"] = id, object, object
			m[at+"type"], m[at+"id"], m[at+"created_at"], m[at+"updated_at"], m[at+"admin_assignee_id"] = text, id, id, maybeID, maybeID
			m[at+"source"], m[at+"source.subject"], m[at+"source.delivered_as"] = object, text, text
			written(at+"source.", m)
			const contacts, parts = at + "contacts", at + "conversation_parts"
			m[contacts], m[contacts+".contacts"], m[contacts+".contacts.*"] = object, list, object
			m[contacts+".contacts.*.id"], m[contacts+".contacts.*.external_id"] = maybeID, maybeID
			m[parts], m[parts+".conversation_parts"], m[parts+".conversation_parts.*"] = object, list, use{takes: "o", required: true, optional: true}
			const part = parts + ".conversation_parts.*."
			m[part+"id"], m[part+"created_at"], m[part+"part_type"] = id, id, text
			written(part, m)
			m[at+"tags"], m[at+"tags.tags"], m[at+"tags.tags.*"], m[at+"tags.tags.*.name"] = object, list, object, text
			m[at+"conversation_rating"], m[at+"conversation_rating.rating"] = object, maybeID
			if name == "conversation_part.redacted" { // which is of a conversation, or of a part alone
				m[at+"conversation_id"], m[at+"created_at"] = maybeID, use{takes: "sn", required: true, several: true}
			}
		}
	},
})

func TestIntercomRedactions(t *testing.T) {
	parts := intercomParts(`"part_type":"comment","redacted":true,"body":"<p>x</p>","author":{"type":"user","id":"7"}`,
		`"part_type":"comment","redacted":false,"body":"<p>y</p>","author":{"type":"user","id":"7"}`)
	e := one(t, "intercom", intercomBody("conversation_part.redacted", `"source":{"body":"z","redacted":true},`+parts))
	if diff := cmp.Diff([]string{"source", "100"}, e.Redacted); diff != "" {
		t.Errorf("redacted (-want +got):\n%s", diff)
	}
	if len(e.Entries) != 1 || e.Entries[0].Text != "y" {
		t.Errorf("entries %+v", e.Entries)
	}
}

func TestIntercomRedactionsOfPartsAlone(t *testing.T) {
	body := func(item string) []byte {
		return []byte(`{"topic":"conversation_part.redacted","id":"notif_1","data":{"item":` + item + `}}`)
	}
	const part = `"type":"conversation_part","id":"100","created_at":1795179900,"updated_at":1795179950,"redacted":true,"tags":[]`
	const orphan = "conversation_part.redacted.orphan"
	for _, tc := range []struct {
		name, item, of, conversation string
		err                          error
	}{
		{"with the id of its conversation", `{` + part + `,"conversation_id":215}`, "conversation_part.redacted", "215", nil},
		{"with its conversation", `{` + part + `,"conversation":{"type":"conversation","id":"215"}}`, "conversation_part.redacted", "215", nil},
		{"with neither", `{` + part + `}`, orphan, "", nil},
		{"with an empty one", `{` + part + `,"conversation_id":"","conversation":null}`, orphan, "", nil},
		{"with nothing", `null`, orphan, "", nil},
		{"without its own id", `{"type":"conversation_part","created_at":1795179900,"conversation_id":215}`, "", "", source.ErrMissing},
		{"with an id of another kind", `{` + part + `,"conversation_id":true}`, "", "", strictjson.ErrShape},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "intercom", body(tc.item))
			checkOutcome(t, "intercom", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			want := source.Adapted{Name: tc.of}
			if tc.conversation != "" {
				want.Events = []conversation.Event{{
					ID: "notif_1", Conversation: tc.conversation, Kind: "chat", Time: conversation.At(time.Unix(1795179950, 0)),
					Received: conversation.At(received), Redacted: []string{"100"},
				}}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// intercomBody is a notification of a conversation with the fields given, beside those that every one has.
func intercomBody(topic, fields string) string {
	if fields != "" {
		fields = "," + fields
	}
	return fmt.Sprintf(`{"type":"notification_event","topic":%q,"id":"notif_1","created_at":1795179999,"data":{"item":{"type":"conversation","id":215,
		"created_at":1795179900,"updated_at":1795179950%s}}}`, topic, fields)
}

// intercomParts are parts with the fields given each.
func intercomParts(parts ...string) string {
	for i, fields := range parts {
		parts[i] = fmt.Sprintf(`{"type":"conversation_part","id":"%d","created_at":%d,%s}`, 100+i, 1795179940+i, fields)
	}
	return `"conversation_parts":{"conversation_parts":[` + strings.Join(parts, ",") + `]}`
}

func TestIntercomAuthors(t *testing.T) {
	ana := []conversation.Subject{{Name: "Ana", Email: "ana@example.com", VisitorID: "v"}}
	for _, tc := range []struct {
		name, part string
		want       conversation.Author
		private    bool
		agents     []string
		subjects   []conversation.Subject
	}{
		{"a user", `"part_type":"comment","author":{"type":"user","id":"v","name":"Ana","email":"ana@example.com"}`, conversation.Author{Role: "visitor", Name: "Ana"}, false, nil, ana},
		{"a lead", `"part_type":"open","author":{"type":"lead","id":"v","name":"Ana","email":"ana@example.com"}`, conversation.Author{Role: "visitor", Name: "Ana"}, false, nil, ana},
		{"a contact, in a part of a type that is not known yet", `"part_type":"sung","author":{"type":"contact","id":"v","name":"Ana","email":"ana@example.com"}`,
			conversation.Author{Role: "visitor", Name: "Ana"}, false, nil, ana},
		{"a visitor without anything", `"author":{"type":"visitor"}`, conversation.Author{Role: "visitor"}, false, nil, nil},
		{"an admin", `"part_type":"comment","author":{"type":"admin","id":7,"name":"Jo","email":"jo@shop.example"}`, conversation.Author{Role: "agent", Name: "Jo"}, false, []string{"7"}, nil},
		{"an admin without id", `"part_type":"comment","author":{"type":"admin","id":null,"name":"Jo"}`, conversation.Author{Role: "agent", Name: "Jo"}, false, nil, nil},
		{"an admin who closes with a word", `"part_type":"close","author":{"type":"admin","id":"7"}`, conversation.Author{Role: "agent"}, false, []string{"7"}, nil},
		{"an admin's note", `"part_type":"note","author":{"type":"admin","id":"7"}`, conversation.Author{Role: "agent"}, true, []string{"7"}, nil},
		{"an admin's note that opens it", `"part_type":"note_and_reopen","author":{"type":"admin","id":"7"}`, conversation.Author{Role: "agent"}, true, []string{"7"}, nil},
		{"an admin's part of a type that is not known yet", `"part_type":"whispered","author":{"type":"admin","id":"7"}`, conversation.Author{Role: "agent"}, true, []string{"7"}, nil},
		{"an admin's part without type", `"author":{"type":"admin","id":"7"}`, conversation.Author{Role: "agent"}, true, []string{"7"}, nil},
		{"a team", `"part_type":"comment","author":{"type":"team","id":"3","name":"Repairs"}`, conversation.Author{Role: "agent", Name: "Repairs"}, false, nil, nil},
		{"a bot", `"part_type":"quick_reply","author":{"type":"bot","id":"4","name":"Fin"}`, conversation.Author{Role: "bot", Name: "Fin"}, false, nil, nil},
		{"the artificial agent in an admin's name", `"part_type":"comment","author":{"type":"admin","id":"7","name":"Jo","from_ai_agent":true}`, conversation.Author{Role: "bot", Name: "Jo"}, false, nil, nil},
		{"somebody who is not known yet", `"part_type":"comment","author":{"type":"guest","id":"9","name":"Zoe"}`, conversation.Author{Role: "system"}, false, nil, nil},
		{"nobody", `"part_type":"comment","author":null`, conversation.Author{Role: "system"}, false, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "intercom", intercomBody("conversation.admin.replied", intercomParts(`"body":"<p>x</p>",`+tc.part)))
			want := conversation.Event{
				ID: "notif_1", Conversation: "215", Kind: "chat", Time: e.Time, Received: e.Received, AgentIDs: tc.agents, Subjects: tc.subjects,
				Entries: []conversation.Entry{{ID: "100", Time: conversation.At(time.Unix(1795179940, 0)), Author: tc.want, Text: "x", Private: tc.private}},
			}
			if diff := cmp.Diff(want, e); diff != "" || e.Time.String() != "2026-11-20T13:05:50.000Z" {
				t.Errorf("%v (-want +got):\n%s", e.Time, diff)
			}
		})
	}
}

func TestIntercomFirstMessages(t *testing.T) {
	for _, tc := range []struct {
		name, source string
		want         []conversation.Entry
	}{
		{"a visitor's", `{"id":"9","delivered_as":"customer_initiated","body":"<p>Hi</p>","author":{"type":"user","name":"Ana"}}`,
			[]conversation.Entry{{Text: "Hi", Author: conversation.Author{Role: "visitor", Name: "Ana"}}}},
		{"an admin's, which everybody sees", `{"delivered_as":"admin_initiated","body":"<p>Hi</p>","author":{"type":"admin","id":"7","name":"Jo"}}`,
			[]conversation.Entry{{Text: "Hi", Author: conversation.Author{Role: "agent", Name: "Jo"}}}},
		{"an automation's in an admin's name", `{"delivered_as":"automated","body":"<p>Hi</p>","author":{"type":"admin","id":"7","name":"Jo"}}`,
			[]conversation.Entry{{Text: "Hi", Author: conversation.Author{Role: "bot", Name: "Jo"}}}},
		{"a mail's, with its subject", `{"subject":"My lamp","body":"<div>It is broken.</div>","author":{"type":"user"}}`,
			[]conversation.Entry{{Text: "My lamp\nIt is broken.", Author: conversation.Author{Role: "visitor"}}}},
		{"one of a blank subject and no body", `{"subject":" ","body":null,"author":{"type":"user"}}`, nil},
		{"none", `null`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "intercom", intercomBody("conversation.user.created", `"source":`+tc.source))
			for i := range tc.want {
				tc.want[i].ID, tc.want[i].Time = "source", conversation.At(time.Unix(1795179900, 0))
			}
			if diff := cmp.Diff(tc.want, e.Entries); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestIntercomBodies(t *testing.T) {
	for _, tc := range []struct {
		name, part, text string
		files            []conversation.Attachment
	}{
		{"markup is gone", `"body":"<p>One <b>two</b><script>three</script></p><p>four</p>"`, "One two\n\nfour", nil},
		{"a picture is a file", `"body":"<p>See</p><img src=\"https://downloads.intercomcdn.com/i/o/1/a.png?expires=1&amp;signature=x\">"`, "See",
			[]conversation.Attachment{{Name: "a.png", Type: "image", URL: "https://downloads.intercomcdn.com/i/o/1/a.png?expires=1&signature=x"}}},
		{"a picture that is not sent securely is a file as well", `"body":"<img src='http://example.com/a.png'/><img src='://%zz'>"`, "",
			[]conversation.Attachment{{Name: "a.png", Type: "image", URL: "http://example.com/a.png"}, {Type: "image"}}},
		{"files are listed", `"body":null,"attachments":[{"type":"upload","name":"a/b.pdf","url":"https://downloads.intercomcdn.com/x","content_type":"application/pdf","filesize":12},null]`, "",
			[]conversation.Attachment{{Name: "b.pdf", Type: "application/pdf", Bytes: 12, URL: "https://downloads.intercomcdn.com/x"}, {}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			entry := one(t, "intercom", intercomBody("conversation.user.replied", intercomParts(`"part_type":"comment",`+tc.part))).Entries[0]
			if diff := cmp.Diff(conversation.Entry{Text: tc.text, Attachments: tc.files}, conversation.Entry{Text: entry.Text, Attachments: entry.Attachments}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("parts in which nothing was written are no entries, but who made them took part", func(t *testing.T) {
		e := one(t, "intercom", intercomBody("conversation.admin.closed", `"admin_assignee_id":8,`+intercomParts(
			`"part_type":"comment","body":"<p> </p>","attachments":[],"author":{"type":"admin","id":"7"}`,
			`"part_type":"close","body":null,"author":{"type":"admin","id":"9"}`, `"part_type":"close","author":{"type":"admin","id":"7"}`)))
		if diff := cmp.Diff([]string{"7", "9"}, e.AgentIDs); diff != "" || e.Entries != nil || !e.Ended || e.Time.String() != "2026-11-20T13:05:42.000Z" {
			t.Errorf("%+v", e)
		}
	})
}

func TestIntercomConversations(t *testing.T) {
	for _, tc := range []struct {
		name, topic, fields string
		want                conversation.Event
		err                 error
	}{
		{"tags", "conversation_part.tag.created", `"tags":{"tags":[{"name":"a"},null,{"name":""},{"name":"b"}]}`, conversation.Event{Tags: []string{"a", "b"}}, nil},
		{"no tags", "conversation.user.replied", `"tags":{"tags":[]}`, conversation.Event{Tags: []string{}}, nil},
		{"nothing of tags", "conversation.user.replied", `"tags":{"tags":null}`, conversation.Event{}, nil},
		{"a rating", "conversation.rating.added", `"conversation_rating":{"rating":2,"remark":"x"}`, conversation.Event{Rating: new(2)}, nil},
		{"a rating that was asked for", "conversation.rating.added", `"conversation_rating":{"rating":null}`, conversation.Event{}, nil},
		{"a rating of zero, with what else is told", "conversation.rating.added", `"conversation_rating":{"rating":0},"tags":{"tags":[{"name":"a"}]}`,
			conversation.Event{Tags: []string{"a"}}, nil},
		{"a rating of ten", "conversation.user.replied", `"conversation_rating":{"rating":10}`, conversation.Event{}, nil},
		{"a rating in words", "conversation.user.replied", `"conversation_rating":{"rating":"great"}`, conversation.Event{}, nil},
		{"a rating of another kind", "conversation.rating.added", `"conversation_rating":{"rating":true}`, conversation.Event{}, strictjson.ErrShape},
		{"contacts, each once", "conversation.contact.attached", `"contacts":{"contacts":[{"id":"v","external_id":7},{"id":"v","external_id":"7"},{},null,{"id":"w","external_id":""}]}`,
			conversation.Event{Subjects: []conversation.Subject{{VisitorID: "v", CustomID: "7"}, {VisitorID: "w"}}}, nil},
		{"a contact of another kind", "conversation.contact.attached", `"contacts":{"contacts":[{"id":{}}]}`, conversation.Event{}, strictjson.ErrShape},
		{"who is assigned", "conversation.admin.assigned", `"admin_assignee_id":7390114`, conversation.Event{AgentIDs: []string{"7390114"}}, nil},
		{"nobody is assigned", "conversation.admin.assigned", `"admin_assignee_id":0`, conversation.Event{}, nil},
		{"closed is the end", "conversation.admin.closed", `"state":"closed"`, conversation.Event{Ended: true}, nil},
		{"what happens to a closed one does not end it anew", "conversation.rating.added", `"state":"closed","open":false`, conversation.Event{}, nil},
		{"opened goes on", "conversation.admin.opened", `"state":"open"`, conversation.Event{Reopened: true}, nil},
		{"snoozed is neither", "conversation.admin.snoozed", `"state":"snoozed"`, conversation.Event{}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "intercom", []byte(intercomBody(tc.topic, tc.fields)))
			checkOutcome(t, "intercom", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err != nil {
				return
			}
			e := got.Events[0]
			tc.want.ID, tc.want.Conversation, tc.want.Kind, tc.want.Time, tc.want.Received = "notif_1", "215", "chat", e.Time, e.Received
			if diff := cmp.Diff(tc.want, e); diff != "" || e.Time.String() != "2026-11-20T13:05:50.000Z" {
				t.Errorf("%v (-want +got):\n%s", e.Time, diff)
			}
		})
	}
	t.Run("a tag that was taken away since is gone, though the part that was tagged is older", func(t *testing.T) {
		events := make([]conversation.Event, 2)
		for i, tags := range []string{`{"name":"a"},{"name":"b"}`, `{"name":"a"}`} {
			events[i] = one(t, "intercom", fmt.Sprintf(`{"topic":"conversation_part.tag.created","id":"n%d","data":{"item":{"type":"conversation","id":"1",
				"created_at":1795179900,"updated_at":%d,"tags":{"tags":[%s]},%s}}}`, i, 1795179950+i, tags, intercomParts(`"part_type":"comment","body":"x"`)))
		}
		if got := (conversation.Transcript{}).Fold(events); !cmp.Equal(got.Tags, []string{"a"}) {
			t.Errorf("tags %q", got.Tags)
		}
	})
	t.Run("a conversation of which nothing but its beginning is told", func(t *testing.T) {
		e := one(t, "intercom", `{"topic":"conversation.user.created","id":"n","data":{"item":{"type":"conversation","id":"1","created_at":"1795179900"}}}`)
		if e.Time.String() != "2026-11-20T13:05:00.000Z" || e.Entries != nil {
			t.Errorf("%+v", e)
		}
	})
	t.Run("what has no conversation in it is acknowledged", func(t *testing.T) {
		for _, body := range []string{
			`{"topic":"conversation_part.tag.created","id":"n","data":{"item":{"type":"conversation_part","id":"1","created_at":1,"tags":[]}}}`,
			`{"topic":"conversation.contact.attached","id":"n","data":{"item":{"type":"conversation_contact"}}}`,
			`{"topic":"ping","id":null,"data":{"item":{"type":"ping","message":"x"}}}`, `{"topic":"ping","data":7}`, `{"topic":"conversation.deleted"}`,
		} {
			got, err := adapt(t, "intercom", []byte(body))
			checkOutcome(t, "intercom", got, err)
			if err != nil || len(got.Events) != 0 || got.Name == "other" {
				t.Errorf("%s: %+v, %v", body, got, err)
			}
		}
	})
}

func TestIntercomSizes(t *testing.T) {
	long := strings.Repeat("x", 900<<10)
	if e := one(t, "intercom", intercomBody("conversation.user.replied", intercomParts(`"part_type":"comment","body":"<p>`+long+`</p>"`))); e.Entries[0].Text != long {
		t.Errorf("a text of %d bytes became one of %d", len(long), len(e.Entries[0].Text))
	}
	parts := make([]string, 10_000)
	for i := range parts {
		parts[i] = fmt.Sprintf(`"part_type":"comment","body":"x","author":{"type":"user","id":"v%d"}`, i)
	}
	e := one(t, "intercom", intercomBody("conversation.user.replied", intercomParts(parts...)))
	if len(e.Entries) != 10_000 || len(e.Subjects) != 10_000 {
		t.Errorf("%d entries, %d subjects, %v", len(e.Entries), len(e.Subjects), e.Time)
	}
}

func TestIntercomVerify(t *testing.T) {
	const malformed = "a header of the signature has another form than the sender's"
	const unsigned, mismatched = "a header of the signature is missing or comes twice", "no secret of the source made the signature"
	// printf %s '{"topic":"ping"}' | openssl dgst -sha1 -hmac 'a secret of the tests'
	const made = "7d14e04f57c63b08cc58cad2d5c89ac662f5bbb0"
	for _, tc := range []struct {
		name   string
		header []string
		reason string
	}{
		{"the signature", []string{"sha1=" + made}, ""},
		{"the signature in upper case", []string{"sha1=" + strings.ToUpper(made)}, ""},
		{"the digits alone", []string{made}, malformed},
		{"another algorithm's name", []string{"sha256=" + made}, malformed},
		{"a digit less", []string{"sha1=" + made[:39]}, malformed},
		{"a bit turned", []string{"sha1=" + strings.Repeat("0", 40)}, mismatched},
		{"the signature twice", []string{"sha1=" + made, "sha1=" + made}, unsigned},
		{"an empty one", []string{""}, unsigned},
		{"none", nil, unsigned},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := source.Delivery{Header: http.Header{"X-Hub-Signature": tc.header}, Body: []byte(`{"topic":"ping"}`), Received: received}
			checkVerdict(t, lookup(t, "intercom").Verify(d, []string{"another", secret}), tc.reason)
		})
	}
}

package source_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

var _ = describe("zammad", traits{
	names:     []string{"article", "ticket"},
	kinds:     []retention.Kind{retention.Ticket},
	signature: "X-Hub-Signature",
	uses: func(of func(name string) map[string]use) {
		text, object, named := use{takes: "s"}, use{takes: "o"}, use{takes: "so"}
		id, maybeID := use{takes: "sn", required: true}, use{takes: "sn"}
		person := func(at string, m map[string]use, fields ...string) {
			m[at], m[at+".id"] = object, maybeID
			for _, field := range []string{"firstname", "lastname", "email", "phone", "mobile"} {
				m[at+"."+field] = text
			}
		}
		for _, name := range []string{"article", "ticket"} {
			m := of(name)
			m["ticket"], m["ticket.id"], m["ticket.updated_at"], m["ticket.title"] = use{takes: "o", required: true}, id, id, text
			m["ticket.state"], m["ticket.state.name"] = named, text
			m["ticket.group"], m["ticket.group.name"] = named, text
			m["ticket.tags"], m["ticket.tags.*"] = use{takes: "sa"}, text
			m["ticket.close_at"], m["ticket.last_close_at"] = use{takes: anything}, use{takes: anything}
			person("ticket.customer", m)
			person("ticket.owner", m)
		}
		m := of("article")
		m["article"], m["article.id"], m["article.created_at"] = object, id, id
		m["article.body"], m["article.from"], m["article.content_type"] = text, text, text
		m["article.sender"], m["article.internal"] = named, use{takes: "b"}
		person("article.created_by", m)
		m["article.attachments"], m["article.attachments.*"] = use{takes: "a"}, object
		m["article.attachments.*.filename"], m["article.attachments.*.size"] = text, use{takes: anything}
		m["article.attachments.*.preferences"] = object
		m["article.attachments.*.preferences.Content-Type"], m["article.attachments.*.preferences.Mime-Type"] = text, text
	},
})

// zammadArticle is a delivery of an article with the fields given, beside those that every article has.
func zammadArticle(fields string) string {
	return `{"ticket":{"id":5081,"updated_at":"2026-11-20T10:00:01Z"},"article":{"id":104,"created_at":"2026-11-20T10:00:00.5Z",` + fields + `}}`
}

func TestZammadArticles(t *testing.T) {
	jo := `"created_by":{"id":5,"firstname":"Jo","lastname":"Berg"},`
	for _, tc := range []struct {
		name, fields string
		want         conversation.Entry
		agents       []string
	}{
		{"a customer's, by the name of the mail", jo + `"sender":"Customer","internal":false,"from":"Ana Ruiz <ana@example.com>","body":"x"`,
			conversation.Entry{Text: "x", Author: conversation.Author{Role: "visitor", Name: "Ana Ruiz"}}, nil},
		{"a customer's without a name", `"sender":"Customer","internal":false,"from":"ana@example.com","body":"x"`,
			conversation.Entry{Text: "x", Author: conversation.Author{Role: "visitor"}}, nil},
		{"a customer's of no address", `"sender":"Customer","internal":false,"from":"<<","body":"x"`,
			conversation.Entry{Text: "x", Author: conversation.Author{Role: "visitor"}}, nil},
		{"an agent's", jo + `"sender":"Agent","internal":false,"from":"Jo via Desk <desk@example.com>","body":"x"`,
			conversation.Entry{Text: "x", Author: conversation.Author{Role: "agent", Name: "Jo Berg"}}, []string{"5"}},
		{"an agent's, of whom nothing is told", `"sender":{"id":1,"name":"Agent"},"internal":false,"body":"x"`,
			conversation.Entry{Text: "x", Author: conversation.Author{Role: "agent"}}, nil},
		{"a note", jo + `"sender":"Agent","internal":true,"body":"x"`,
			conversation.Entry{Text: "x", Author: conversation.Author{Role: "agent", Name: "Jo Berg"}, Private: true}, []string{"5"}},
		{"what is not said to be public is a note", jo + `"sender":"Agent","body":"x"`,
			conversation.Entry{Text: "x", Author: conversation.Author{Role: "agent", Name: "Jo Berg"}, Private: true}, []string{"5"}},
		{"the system's", jo + `"sender":"System","internal":false,"body":"x"`,
			conversation.Entry{Text: "x", Author: conversation.Author{Role: "system"}}, nil},
		{"of a new kind of sender", jo + `"sender":"Robot","internal":false,"body":"x"`,
			conversation.Entry{Text: "x", Author: conversation.Author{Role: "system"}}, nil},
		{"with markup", `"sender":"Customer","internal":false,"content_type":"text/html","body":"<p>a &lt; b</p><script>c</script>"`,
			conversation.Entry{Text: "a < b", Author: conversation.Author{Role: "visitor"}}, nil},
		{"without markup", `"sender":"Customer","internal":false,"content_type":"text/plain","body":"<p>a &lt; b</p>"`,
			conversation.Entry{Text: "<p>a &lt; b</p>", Author: conversation.Author{Role: "visitor"}}, nil},
		{"files without links", `"sender":"Customer","internal":false,"attachments":[{"filename":"/a/b.pdf","size":"12","preferences":{"Content-Type":"application/pdf"},"url":"https://zammad.example.com/1"},{"size":7},null]`,
			conversation.Entry{Author: conversation.Author{Role: "visitor"}, Attachments: []conversation.Attachment{{Name: "b.pdf", Type: "application/pdf", Bytes: 12}, {Bytes: 7}, {}}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "zammad", zammadArticle(tc.fields))
			tc.want.ID, tc.want.Time = "104", e.Entries[0].Time
			if diff := cmp.Diff([]conversation.Entry{tc.want}, e.Entries); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.agents, e.AgentIDs); diff != "" {
				t.Errorf("agents (-want +got):\n%s", diff)
			}
			if e.Conversation != "5081" || e.Time.String() != "2026-11-20T10:00:01.000Z" || e.Entries[0].Time.String() != "2026-11-20T10:00:00.500Z" {
				t.Errorf("%+v", e)
			}
		})
	}
	for _, size := range []string{"-1", `"-1"`, "1.5", `"many"`, "99999999999999999999", "[]"} {
		if _, err := adapt(t, "zammad", []byte(zammadArticle(`"attachments":[{"size":`+size+`}]`))); !errors.Is(err, strictjson.ErrShape) {
			t.Errorf("size %s: %v", size, err)
		}
	}
}

func TestZammadStates(t *testing.T) {
	type turn struct {
		Time            string
		Status          conversation.Status
		Ended, Reopened bool
	}
	const updated, closed = "2026-11-20T12:00:00.000Z", "2026-11-20T11:00:00.000Z"
	const after = "2026-11-20T12:00:00.001Z"
	for _, tc := range []struct {
		name, state, more string
		want              []turn
	}{
		{"new is open", `"new"`, ``, []turn{{updated, "open", false, false}}},
		{"open", `"open"`, ``, []turn{{updated, "open", false, false}}},
		{"a state may be an object", `{"id":2,"name":"open"}`, ``, []turn{{updated, "open", false, false}}},
		{"an object without name", `{"id":2}`, ``, []turn{{updated, "", false, false}}},
		{"pending for a reminder", `"pending reminder"`, ``, []turn{{updated, "pending", false, false}}},
		{"pending before it is closed", `"pending close"`, ``, []turn{{updated, "pending", false, false}}},
		{"closed, in a version that does not tell when", `"closed"`, ``, []turn{{updated, "closed", true, false}}},
		{"closed for the first time, in such a version", `"closed"`, `"close_at":"` + closed + `"`, []turn{{updated, "closed", true, false}}},
		{"merged is closed", `"merged"`, ``, []turn{{updated, "closed", true, false}}},
		{"closed when it was closed, whatever happened since", `"closed"`, `"last_close_at":"` + closed + `"`, []turn{{updated, "closed", false, false}, {closed, "", true, false}}},
		{"open after it was closed goes on", `"open"`, `"close_at":"` + closed + `"`, []turn{{updated, "open", false, true}}},
		{"pending after it was closed goes on", `"pending close"`, `"last_close_at":"` + closed + `"`, []turn{{updated, "pending", false, true}}},
		{"open as of when it was closed goes on after that", `"open"`, `"last_close_at":"` + updated + `"`, []turn{{after, "open", false, true}}},
		{"in a state that was added since it was closed it goes on", `"waiting for parts"`, `"last_close_at":"` + closed + `"`, []turn{{updated, "open", false, true}}},
		{"the same in an older version", `"waiting for parts"`, `"close_at":"` + closed + `"`, []turn{{updated, "open", false, true}}},
		{"in a state that was added, which closed it", `"filed"`, `"last_close_at":"2026-11-20T11:59:59.900Z"`, []turn{{updated, "", false, false}}},
		{"in a state that was added, and never closed", `"waiting for parts"`, ``, []turn{{updated, "", false, false}}},
		{"none says nothing", `null`, `"last_close_at":"` + closed + `"`, []turn{{updated, "", false, false}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.more != "" {
				tc.more = "," + tc.more
			}
			got, err := adapt(t, "zammad", fmt.Appendf(nil, `{"ticket":{"id":"5081","state":%s,"updated_at":%q%s}}`, tc.state, updated, tc.more))
			checkOutcome(t, "zammad", got, err)
			var turns []turn
			for _, e := range got.Events {
				turns = append(turns, turn{e.Time.String(), e.Status, e.Ended, e.Reopened})
			}
			if diff := cmp.Diff(tc.want, turns); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestZammadTickets(t *testing.T) {
	ticket := func(fields string) string {
		return `{"ticket":{"id":5081,"updated_at":"2026-11-20T12:00:00Z",` + fields + `}}`
	}
	for _, tc := range []struct {
		name, fields string
		subjects     []conversation.Subject
		agents, tags []string
		department   string
		err          error
	}{
		{"the customer", `"customer":{"id":"8","firstname":"Ana","lastname":"","email":"ana@example.com","phone":"","mobile":"+15550100"}`,
			[]conversation.Subject{{Name: "Ana", Email: "ana@example.com", Phone: "+15550100", VisitorID: "8"}}, nil, nil, "", nil},
		{"no customer", `"customer":{}`, nil, nil, nil, "", nil},
		{"the owner", `"owner":{"id":5}`, nil, []string{"5"}, nil, "", nil},
		{"nobody owns it", `"owner":{"id":1,"login":"-"}`, nil, nil, nil, "", nil},
		{"tags in a list", `"tags":["a","",null]`, nil, nil, []string{"a"}, "", nil},
		{"tags in a text", `"tags":"a, b c,"`, nil, nil, []string{"a", "b c"}, "", nil},
		{"no tags", `"tags":[]`, nil, nil, []string{}, "", nil},
		{"the group", `"group":{"id":3,"name":"Desk"}`, nil, nil, nil, "Desk", nil},
		{"the group's name", `"group":"Desk"`, nil, nil, nil, "Desk", nil},
		{"a group is no number", `"group":3`, nil, nil, nil, "", strictjson.ErrShape},
		{"an id of a person is no list", `"customer":{"id":[]}`, nil, nil, nil, "", strictjson.ErrShape},
		{"an id of an owner is no list", `"owner":{"id":[]}`, nil, nil, nil, "", strictjson.ErrShape},
		{"the time of an end of nothing", `"state":"closed","last_close_at":""`, nil, nil, nil, "", source.ErrMissing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "zammad", []byte(ticket(tc.fields)))
			checkOutcome(t, "zammad", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err != nil {
				return
			}
			e := got.Events[0]
			if diff := cmp.Diff([]any{tc.subjects, tc.agents, tc.tags, tc.department}, []any{e.Subjects, e.AgentIDs, e.Tags, e.Department}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestZammadSignature(t *testing.T) {
	// printf %s '{"ticket":{"id":1}}' | openssl dgst -sha1 -hmac key
	const made = "sha1=114cdfa80f7333f8a6f80ec7a52fb944defdb4a4"
	for _, tc := range []struct {
		name, signature, reason string
	}{
		{"accepts a code that OpenSSL made", made, ""},
		{"rejects it without the name of the algorithm", made[5:], "a header of the signature has another form than the sender's"},
		{"rejects it as that of another algorithm", "sha256=" + made[5:], "a header of the signature has another form than the sender's"},
		{"rejects another", "sha1=0000000000000000000000000000000000000000", "no secret of the source made the signature"},
		{"rejects none", "", "a header of the signature is missing or comes twice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := source.Delivery{Header: http.Header{"X-Hub-Signature": {tc.signature}}, Body: []byte(`{"ticket":{"id":1}}`), Received: received}
			checkVerdict(t, lookup(t, "zammad").Verify(d, []string{"older", "key"}), tc.reason)
		})
	}
}

package source_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

var _ = describe("crisp", traits{
	names: []string{
		"message:send", "message:received", "message:updated", "session:set_state", "session:set_email", "session:set_nickname",
		"session:set_phone", "session:set_segments", "session:sync:rating",
		"message:acknowledge:delivered", "message:acknowledge:ignored", "message:acknowledge:read:received",
		"message:acknowledge:read:send", "message:acknowledge:unread:send", "message:compose:receive", "message:compose:send",
		"message:notify:unread:received", "message:notify:unread:send", "message:removed", "people:bind:session",
		"people:profile:created", "people:profile:removed", "people:profile:updated", "people:sync:profile", "session:error",
		"session:removed", "session:request:initiated", "session:set_address", "session:set_avatar", "session:set_block",
		"session:set_closed", "session:set_data", "session:set_inbox", "session:set_mentions", "session:set_opened",
		"session:set_origin", "session:set_participants", "session:set_routing", "session:set_subject", "session:sync:capabilities",
		"session:sync:events", "session:sync:geolocation", "session:sync:locales", "session:sync:network", "session:sync:pages",
		"session:sync:system", "session:sync:timezone", "session:sync:topic", "session:update_availability", "session:update_verify",
		"other",
	},
	kinds:     []retention.Kind{retention.Chat},
	nameField: "event", signature: "X-Crisp-Signature", stamp: "X-Crisp-Request-Timestamp",
	uses: func(of func(name string) map[string]use) {
		text, object, list := use{takes: "s"}, use{takes: "o"}, use{takes: "a"}
		id, maybeID, needed := use{takes: "sn", required: true}, use{takes: "sn"}, use{takes: "o", required: true}
		content := func(m map[string]use) {
			const at = "data.content"
			m[at] = use{takes: "so"}
			m[at+".value"] = use{takes: anything}
			for _, field := range []string{"text", "namespace", "name", "url", "type", "choices.*.label", "targets.*.title", "targets.*.description"} {
				m[at+"."+field] = text
			}
			m[at+".choices"], m[at+".choices.*"], m[at+".choices.*.selected"] = list, object, use{takes: "b"}
			m[at+".targets"], m[at+".targets.*"] = list, object
		}
		of("message:compose:send")
		of("session:sync:network")
		for _, name := range []string{"message:send", "message:received"} {
			m := of(name)
			m["timestamp"], m["data"], m["data.session_id"], m["data.fingerprint"] = use{takes: anything}, needed, id, id
			m["data.timestamp"], m["data.type"], m["data.from"], m["data.automated"] = maybeID, text, text, use{takes: "b"}
			m["data.user"], m["data.user.type"], m["data.user.user_id"], m["data.user.nickname"] = object, text, maybeID, text
			content(m)
		}
		m := of("message:updated")
		m["timestamp"], m["data"], m["data.session_id"], m["data.fingerprint"] = id, needed, id, id
		content(m)
		m = of("message:removed")
		m["timestamp"], m["data"], m["data.session_id"], m["data.fingerprint"] = id, needed, id, id
		for name, field := range map[string]string{
			"set_state": "state", "set_email": "email", "set_nickname": "nickname", "set_phone": "phone", "set_segments": "segments", "sync:rating": "rating",
		} {
			m := of("session:" + name)
			m["timestamp"], m["data"], m["data.session_id"], m["data."+field] = id, needed, id, text
			switch field {
			case "segments":
				m["data.segments"], m["data.segments.*"] = list, text
			case "rating":
				m["data.rating"], m["data.rating.stars"] = object, maybeID
			}
		}
	},
})

// crispMessage is a delivery of one message with the fields given, beside those that every message has.
func crispMessage(fields string) string {
	return `{"website_id":"w","event":"message:received","timestamp":1795179941290,"data":{"session_id":"session_1","fingerprint":150698569649423,
		"timestamp":1795179941286,` + fields + `}}`
}

func TestCrispAuthors(t *testing.T) {
	visitor := func(name string) []conversation.Subject {
		return []conversation.Subject{{Name: name, VisitorID: "session_1"}}
	}
	for _, tc := range []struct {
		name, fields string
		want         conversation.Author
		agents       []string
		subjects     []conversation.Subject
	}{
		{"a visitor", `"from":"user","type":"text","content":"x","user":{"nickname":"Ana","user_id":"session_1"}`,
			conversation.Author{Role: "visitor", Name: "Ana"}, nil, visitor("Ana")},
		{"a visitor whose name Crisp made up", `"from":"user","type":"text","content":"x","user":{"nickname":"visitor493603"}`,
			conversation.Author{Role: "visitor"}, nil, visitor("")},
		{"a visitor whose name only begins so", `"from":"user","type":"text","content":"x","user":{"nickname":"visitor of Ana"}`,
			conversation.Author{Role: "visitor", Name: "visitor of Ana"}, nil, visitor("visitor of Ana")},
		{"a visitor of whom nothing is told", `"from":"user","type":"text","content":"x","user":null`, conversation.Author{Role: "visitor"}, nil, visitor("")},
		{"somebody whom the visitor asked in", `"from":"user","type":"text","content":"x","user":{"type":"participant","nickname":"Bo","user_id":"p"}`,
			conversation.Author{Role: "visitor", Name: "Bo"}, nil, nil},
		{"an operator", `"from":"operator","type":"text","content":"x","user":{"nickname":"Jo","user_id":"o1"}`,
			conversation.Author{Role: "agent", Name: "Jo"}, []string{"o1"}, nil},
		{"an operator with a number for an id", `"from":"operator","type":"text","content":"x","user":{"nickname":"Jo","user_id":17}`,
			conversation.Author{Role: "agent", Name: "Jo"}, []string{"17"}, nil},
		{"an operator without id", `"from":"operator","type":"note","content":"x","user":{"nickname":"Jo","user_id":null}`,
			conversation.Author{Role: "agent", Name: "Jo"}, nil, nil},
		{"a bot", `"from":"operator","automated":true,"type":"text","content":"x","user":{"nickname":"Helper","user_id":"b1"}`,
			conversation.Author{Role: "bot", Name: "Helper"}, nil, nil},
		{"nobody, for something that happened", `"from":"operator","type":"event","content":{"namespace":"call:started"},"user":{"nickname":"Jo","user_id":"o1"}`,
			conversation.Author{Role: "system"}, nil, nil},
		{"somebody who is not known yet", `"from":"partner","type":"text","content":"x","user":{"nickname":"Zoe","user_id":"z"}`, conversation.Author{Role: "system"}, nil, nil},
		{"nobody at all", `"content":"x"`, conversation.Author{Role: "system"}, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "crisp", crispMessage(tc.fields))
			want := conversation.Event{
				ID: "message/150698569649423", Conversation: "session_1", Kind: "chat", Time: e.Time, Received: e.Received,
				Entries: []conversation.Entry{{
					ID: "150698569649423", Time: e.Time, Author: tc.want, Text: e.Entries[0].Text, Private: strings.Contains(tc.fields, `"note"`),
				}},
				AgentIDs: tc.agents, Subjects: tc.subjects,
			}
			if diff := cmp.Diff(want, e); diff != "" || e.Time.String() != "2026-11-20T13:05:41.286Z" {
				t.Errorf("%v (-want +got):\n%s", e.Time, diff)
			}
		})
	}
}

func TestCrispContents(t *testing.T) {
	for _, tc := range []struct {
		name, content, text string
		files               []conversation.Attachment
	}{
		{"a text as it was written", `"a <b>c</b>\n& d"`, "a <b>c</b>\n& d", nil},
		{"nothing", `null`, "", nil},
		{"an object of nothing", `{}`, "", nil},
		{"a file", `{"name":"a/b.pdf","url":"https://storage.crisp.chat/x/b.pdf?t=1","type":"application/pdf"}`, "",
			[]conversation.Attachment{{Name: "b.pdf", Type: "application/pdf", URL: "https://storage.crisp.chat/x/b.pdf?t=1"}}},
		{"a file that is not sent securely", `{"name":"b.pdf","url":"http://storage.crisp.chat/x/b.pdf"}`, "",
			[]conversation.Attachment{{Name: "b.pdf", URL: "http://storage.crisp.chat/x/b.pdf"}}},
		{"a voice", `{"url":"https://storage.crisp.chat/x/1.mp3","type":"audio/mp3","duration":7}`, "",
			[]conversation.Attachment{{Type: "audio/mp3", URL: "https://storage.crisp.chat/x/1.mp3"}}},
		{"a question with choices", `{"id":"q","text":"Which?","choices":[{"value":"1","label":"One"},{"label":""},null,{"value":"2","label":"Two"}]}`, "Which?\n- One\n- Two", nil},
		{"a question with a field of a number", `{"id":"q","text":"How many?","value":3}`, "How many?", nil},
		{"a question with a field", `{"id":"q","text":"Where?","explain":"Street","value":""}`, "Where?", nil},
		{"cards", `{"text":"These:","targets":[{"title":"A","description":"b","actions":[{"label":"c","url":"d"}]},null]}`, "These:\n- A\nb", nil},
		{"what happened, in words", `{"namespace":"state:resolved","text":"Resolved"}`, "Resolved", nil},
		{"what happened, without words", `{"namespace":"call:ended"}`, "call:ended", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			entry := one(t, "crisp", crispMessage(`"from":"operator","content":`+tc.content)).Entries[0]
			if diff := cmp.Diff(conversation.Entry{Text: tc.text, Attachments: tc.files}, conversation.Entry{Text: entry.Text, Attachments: entry.Attachments}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCrispAnswers(t *testing.T) {
	for _, tc := range []struct{ name, content, want string }{
		{"the choice", `{"text":"Which?","choices":[{"label":"One","selected":true},{"label":"Two","selected":false}]}`, "One"},
		{"several choices", `{"choices":[{"label":"One","selected":true},{"label":"Two","selected":true}]}`, "One\nTwo"},
		{"what was filled in", `{"text":"Where?","value":"Here"}`, "Here"},
		{"a number that was filled in", `{"text":"How many?","value":12.50}`, "12.50"},
		{"what is neither a text nor a number", `{"text":"How many?","value":{"a":1}}`, ""},
		{"nothing of it, but what was chosen", `{"text":"Which?","value":null,"choices":[{"label":"One","selected":true}]}`, "One"},
		{"no choice yet", `{"choices":[{"label":"One"}]}`, ""},
		{"a corrected text", `"other words"`, ""},
		{"nothing", `null`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "crisp", []byte(`{"event":"message:updated","timestamp":1795179941286,"data":{"session_id":"s","fingerprint":7,"content":`+tc.content+`}}`))
			checkOutcome(t, "crisp", got, err)
			if err != nil || got.Name != "message:updated" || (len(got.Events) > 0) != (tc.want != "") {
				t.Fatalf("%+v, %v", got, err)
			}
			if tc.want == "" {
				return
			}
			want := []conversation.Entry{{ID: "7/answer", Time: got.Events[0].Time, Author: conversation.Author{Role: "visitor"}, Text: tc.want}}
			if diff := cmp.Diff(want, got.Events[0].Entries); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("the last answer counts", func(t *testing.T) {
		answer := func(at int64, text string) conversation.Event {
			return one(t, "crisp", fmt.Sprintf(`{"event":"message:updated","timestamp":%d,"data":{"session_id":"s","fingerprint":7,"content":{"value":%q}}}`, at, text))
		}
		first, last := answer(1795179941286, "zoo"), answer(1795179942286, "ark")
		if got := (conversation.Transcript{}).Fold([]conversation.Event{last, first}); len(got.Entries) != 1 || got.Entries[0].Text != "ark" || first.ID == last.ID {
			t.Errorf("%+v", got.Entries)
		}
	})
}

func TestCrispSessions(t *testing.T) {
	for _, tc := range []struct {
		name, event, data string
		want              *conversation.Event
		err               error
	}{
		{"resolved is the end", "session:set_state", `"state":"resolved"`, &conversation.Event{Ended: true}, nil},
		{"unresolved goes on", "session:set_state", `"state":"unresolved"`, &conversation.Event{Reopened: true}, nil},
		{"pending goes on", "session:set_state", `"state":"pending"`, &conversation.Event{Reopened: true}, nil},
		{"a state that is not known yet says nothing", "session:set_state", `"state":"asleep"`, nil, nil},
		{"a name", "session:set_nickname", `"nickname":"Ana"`, &conversation.Event{Subjects: []conversation.Subject{{Name: "Ana", VisitorID: "s"}}}, nil},
		{"a name that Crisp made up says nothing", "session:set_nickname", `"nickname":"visitor1"`, nil, nil},
		{"an address", "session:set_email", `"email":"ana@example.com"`, &conversation.Event{Subjects: []conversation.Subject{{Email: "ana@example.com", VisitorID: "s"}}}, nil},
		{"an address that was taken away says nothing", "session:set_email", `"email":null`, nil, nil},
		{"a number", "session:set_phone", `"phone":"+1 555 0100"`, &conversation.Event{Subjects: []conversation.Subject{{Phone: "+1 555 0100", VisitorID: "s"}}}, nil},
		{"tags", "session:set_segments", `"segments":["a","",null,"b"]`, &conversation.Event{Tags: []string{"a", "b"}}, nil},
		{"no tags", "session:set_segments", `"segments":[]`, &conversation.Event{Tags: []string{}}, nil},
		{"nothing of tags", "session:set_segments", `"segments":null`, nil, nil},
		{"a rating", "session:sync:rating", `"rating":{"stars":5,"comment":"x"}`, &conversation.Event{Rating: new(5)}, nil},
		{"a rating as a text", "session:sync:rating", `"rating":{"stars":"1"}`, &conversation.Event{Rating: new(1)}, nil},
		{"a rating that was taken away says nothing", "session:sync:rating", `"rating":null`, nil, nil},
		{"zero stars are no rating", "session:sync:rating", `"rating":{"stars":0}`, nil, nil},
		{"six stars are none either", "session:sync:rating", `"rating":{"stars":6}`, nil, nil},
		{"stars of another kind", "session:sync:rating", `"rating":{"stars":[5]}`, nil, strictjson.ErrShape},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "crisp", []byte(fmt.Sprintf(`{"event":%q,"timestamp":1795179941286,"data":{"session_id":"s",%s}}`, tc.event, tc.data)))
			checkOutcome(t, "crisp", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			var want []conversation.Event
			if tc.want != nil {
				tc.want.ID, tc.want.Conversation, tc.want.Kind = tc.event+"/2026-11-20T13:05:41.286Z", "s", "chat"
				tc.want.Time, tc.want.Received = got.Events[0].Time, got.Events[0].Received
				want = []conversation.Event{*tc.want}
			}
			if diff := cmp.Diff(want, got.Events); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCrispSizes(t *testing.T) {
	long := strings.Repeat("x", 900<<10)
	if e := one(t, "crisp", crispMessage(`"from":"user","type":"text","content":"`+long+`"`)); e.Entries[0].Text != long {
		t.Errorf("a text of %d bytes became one of %d", len(long), len(e.Entries[0].Text))
	}
	var events []conversation.Event
	for i := range 10_000 {
		events = append(events, one(t, "crisp", fmt.Sprintf(`{"event":"message:send","data":{"session_id":"s","fingerprint":%d,"from":"user","content":"x","timestamp":%d}}`,
			1506985696494230+i, 1795136400000+i)))
	}
	if got := (conversation.Transcript{}).Fold(events); len(got.Entries) != 10_000 {
		t.Errorf("%d entries", len(got.Entries))
	}
}

func TestCrispVerify(t *testing.T) {
	const malformed = "a header of the signature has another form than the sender's"
	const unsigned, mismatched, none = "a header of the signature is missing or comes twice", "no secret of the source made the signature", "the source has no secret"
	body := `{"event":"message:send"}`
	// printf %s '[1795179941286;{"event":"message:send"}]' | openssl dgst -sha256 -hmac 'a secret of the tests'
	const made = "18ec3a29adfe533dc7e0810e1060abb3a5b500076ee45ec8bc4aed143e902406"
	plugin := func(name, value string) http.Header {
		h := http.Header{"X-Crisp-Signature": {made}, "X-Crisp-Request-Timestamp": {"1795179941286"}}
		h.Set(name, value)
		return h
	}
	key := func(values ...string) url.Values { return url.Values{"key": values} }
	for _, tc := range []struct {
		name    string
		header  http.Header
		query   url.Values
		secrets []string
		body    string
		reason  string
	}{
		{"a plugin's signature", plugin("X", "y"), nil, []string{secret}, body, ""},
		{"a plugin's signature in upper case", plugin("X-Crisp-Signature", strings.ToUpper(made)), nil, []string{"new", secret}, body, ""},
		{"a plugin's signature, whatever the address says", plugin("X", "y"), key("x"), []string{secret}, body, ""},
		{"a plugin's signature on another body", plugin("X", "y"), nil, []string{secret}, body + " ", mismatched},
		{"a plugin's signature of another time", plugin("X-Crisp-Request-Timestamp", "1795179941287"), nil, []string{secret}, body, mismatched},
		{"a plugin's signature without its time", http.Header{"X-Crisp-Signature": {made}}, nil, []string{secret}, body, unsigned},
		{"a plugin's signature that is cut off", plugin("X-Crisp-Signature", made[:62]), nil, []string{secret}, body, malformed},
		{"two signatures", http.Header{"X-Crisp-Signature": {made, made}, "X-Crisp-Request-Timestamp": {"1795179941286"}}, nil, []string{secret}, body, unsigned},
		{"a wrong signature beside the right key", plugin("X-Crisp-Signature", strings.Repeat("0", 64)), key(secret), []string{secret}, body, mismatched},
		{"an empty signature beside the right key", plugin("X-Crisp-Signature", ""), key(secret), []string{secret}, body, unsigned},
		{"a website's key", http.Header{}, key(secret), []string{secret}, body, ""},
		{"a website's key while it is rotated", http.Header{}, key(secret), []string{"new", secret}, body, ""},
		{"another key", http.Header{}, key(secret + "x"), []string{secret}, body, mismatched},
		{"the beginning of the key", http.Header{}, key(secret[:8]), []string{secret}, body, mismatched},
		{"the key twice", http.Header{}, key(secret, secret), []string{secret}, body, unsigned},
		{"an empty key, even if the source has it", http.Header{}, key(""), []string{""}, body, unsigned},
		{"no key", http.Header{}, url.Values{"Key": {secret}}, []string{secret}, body, unsigned},
		{"a key for a source without one", http.Header{}, key(secret), nil, body, none},
		{"neither", http.Header{}, nil, []string{secret}, body, unsigned},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := source.Delivery{Header: tc.header, Query: tc.query, Body: []byte(tc.body), Received: received}
			checkVerdict(t, lookup(t, "crisp").Verify(d, tc.secrets), tc.reason)
		})
	}
}

package functions_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/letter"
)

func wootDeleted(chat, id int, at time.Time) []byte {
	return fmt.Appendf(nil, `{"event":"message_updated","id":%d,"content":"This message was deleted","content_attributes":{"deleted":true},
		"created_at":%q,"conversation":{"id":%d,"updated_at":%d.5}}`, id, stamp(at), chat, at.Unix())
}

// TestStoreRoadOfAMessageThatIsTakenBack: whenever a sender takes a message back, its text is in no revision from then on, and a
// late copy of the message does not bring it back.
func TestStoreRoadOfAMessageThatIsTakenBack(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	check := func(when string, id string, want ...string) conversation.View {
		t.Helper()
		got := r.one(t, demo, id)
		var texts []string
		for _, e := range *got.Entries {
			if e.Redacted != (e.Text == "") {
				t.Errorf("%s: %+v", when, e)
			}
			texts = append(texts, e.Text)
		}
		if fmt.Sprint(texts) != fmt.Sprint(want) {
			t.Errorf("%s: texts %q, want %q", when, texts, want)
		}
		return got
	}
	const chat = 4182
	message := wootMessage(chat, 3, noon.Add(2*time.Second), "my PIN is 0000")
	r.mustPost(t, demo, "chatwoot", wootMessage(chat, 1, noon, "Hello"))
	r.mustPost(t, demo, "chatwoot", wootDeleted(chat, 5, noon.Add(time.Second))) // before the message itself
	r.mustPost(t, demo, "chatwoot", wootMessage(chat, 5, noon.Add(time.Second), "my password is x"))
	r.mustPost(t, demo, "chatwoot", message)
	id := r.id(t, demo, "chatwoot", fmt.Sprint(chat), 1)
	check("open", id, "Hello", "", "my PIN is 0000")

	r.mustPost(t, demo, "chatwoot", wootResolved(chat, noon.Add(time.Minute)))
	r.Clock.Advance(2 * time.Minute)
	r.settleAll(t)
	first := check("settled", id, "Hello", "", "my PIN is 0000")

	r.Clock.Advance(72 * time.Hour) // too late for a message to reopen it
	r.mustPost(t, demo, "chatwoot", wootDeleted(chat, 3, r.Clock.Now()))
	r.settleAll(t)
	second := check("taken back", id, "Hello", "", "")
	if second.State != conversation.Settled || second.Revision != first.Revision+1 || second.EndedAt == nil || second.ExpiresAt != first.ExpiresAt {
		t.Errorf("taken back: %+v, before: %+v", second, first)
	}

	r.mustPost(t, demo, "chatwoot", message)
	r.settleAll(t)
	check("the message once more", id, "Hello", "", "")
	if all := r.all(t, demo); len(all) != 1 {
		t.Errorf("%d conversations", len(all))
	}
}

// TestStoreRoadOfAMessageOfAnEarlierLife: what is taken back goes from whichever life has it, and the conversation goes on as it was.
func TestStoreRoadOfAMessageOfAnEarlierLife(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	const chat = 4183
	texts := func(life int) (texts []string) {
		t.Helper()
		for _, e := range *r.one(t, demo, r.id(t, demo, "chatwoot", fmt.Sprint(chat), life)).Entries {
			texts = append(texts, e.Text)
		}
		return texts
	}
	resolve := func() {
		t.Helper()
		r.mustPost(t, demo, "chatwoot", wootResolved(chat, r.Clock.Now().Add(time.Second)))
		r.Clock.Advance(2 * time.Minute)
		r.settleAll(t)
	}
	r.mustPost(t, demo, "chatwoot", wootMessage(chat, 1, r.Clock.Now(), "my PIN is 0000"))
	resolve()
	first := r.one(t, demo, r.id(t, demo, "chatwoot", fmt.Sprint(chat), 1))
	r.Clock.Advance(72 * time.Hour)
	r.mustPost(t, demo, "chatwoot", wootMessage(chat, 2, r.Clock.Now(), "Hello again"))
	for _, settled := range []bool{false, true} {
		if settled {
			resolve()
		}
		r.mustPost(t, demo, "chatwoot", wootDeleted(chat, 1, r.Clock.Now()))
		r.settleAll(t)
		if got := fmt.Sprint(texts(1), texts(2)); got != "[] [Hello again]" {
			t.Errorf("second life settled %t: texts %s", settled, got)
		}
	}
	now := r.one(t, demo, r.id(t, demo, "chatwoot", fmt.Sprint(chat), 1))
	if now.State != conversation.Settled || now.ExpiresAt != first.ExpiresAt || now.Revision != first.Revision+1 {
		t.Errorf("the first life: %+v, before: %+v", now, first)
	}
	if all := r.all(t, demo); len(all) != 2 {
		t.Errorf("%d conversations", len(all))
	}
}

func zendeskComment(kind string, at time.Time, comment string) []byte {
	return fmt.Appendf(nil, `{"type":"zen:event-type:ticket.%s","id":%q,"time":%q,"detail":{"id":"7714","is_public":true,"requester_id":"4"},"event":{"comment":%s}}`,
		kind, kind+stamp(at), stamp(at), comment)
}

// Whenever a sender makes a message a note, it is one in every revision from then on, a late copy of the message makes it public no
// more, and no letter to a visitor has it.
func TestRoadOfAMessageThatBecomesANote(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	public := zendeskComment("comment_added", noon, `{"id":9,"body":"The discount is ours to keep quiet about","is_public":true,"author":{"id":2,"is_staff":true,"name":"Noor"}}`)
	check := func(when string, revision int, private bool) {
		t.Helper()
		got := r.lines(t, demo)
		if len(got) != 1 || got[0].Revision != revision || len(*got[0].Entries) != 2 || (*got[0].Entries)[0].Private || (*got[0].Entries)[1].Private != private {
			t.Fatalf("%s: %+v", when, got)
		}
		page, err := letter.Page(got[0], letter.Options{Account: "demo", Zone: time.UTC, Content: letter.Full})
		if err != nil || bytes.Contains(page, []byte("keep quiet")) == private || !bytes.Contains(page, []byte("Hello")) {
			t.Errorf("%s: a letter has it, or nothing: %v", when, err)
		}
	}
	r.mustPost(t, demo, "zendesk", zendeskComment("comment_added", noon.Add(-time.Minute), `{"id":8,"body":"Hello","is_public":true,"author":{"id":4,"is_staff":false,"name":"Iris"}}`))
	r.mustPost(t, demo, "zendesk", public)
	r.mustPost(t, demo, "zendesk", fmt.Appendf(nil, `{"type":"zen:event-type:ticket.status_changed","id":"closed","time":%q,"detail":{"id":"7714"},"event":{"previous":"OPEN","current":"CLOSED"}}`, stamp(noon.Add(time.Second))))
	r.settleAll(t)
	check("settled", 1, false)
	r.Clock.Advance(50 * 24 * time.Hour)
	r.mustPost(t, demo, "zendesk", zendeskComment("comment_made_private", r.Clock.Now(), `{"id":9}`))
	r.settleAll(t)
	check("made a note", 2, true)
	r.mustPost(t, demo, "zendesk", public)
	r.settleAll(t)
	check("told again", 2, true)
}

package functions_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/conversation"
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

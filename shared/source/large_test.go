package source_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestLargeDeliveries: what fits into a delivery is taken, one message of 900 KB or 10,000 of them.
func TestLargeDeliveries(t *testing.T) {
	long := strings.Repeat("مرحبا 😀 ", 900<<10/len("مرحبا 😀 "))
	many := func(n int, format string) string {
		var list strings.Builder
		for i := range n {
			fmt.Fprintf(&list, format+",", i)
		}
		return strings.TrimSuffix(list.String(), ",")
	}
	const chat = `{"action":"incoming_chat","payload":{"chat":{"id":"C","thread":{"id":"T","created_at":"2026-11-20T11:00:00Z","events":[%s]}}}}`
	for _, tc := range []struct {
		name, source, body string
		entries, text      int
	}{
		{"a message", "livechat", livechatEvent(`"type":"message","text":"` + long + `"`), 1, len(long)},
		{"10,000 messages", "livechat", fmt.Sprintf(chat, many(10_000, `{"id":%d,"type":"message","created_at":1795179941,"text":"x"}`)), 10_000, 10_000},
		{"a comment", "freshdesk", freshdeskBody(`"triggered_event":"{note_type:public}","ticket_latest_public_comment":"Ana : <p>` + long + `</p>"`), 1, len(strings.TrimSpace(long))},
		{"an article", "zammad", zammadArticle(`"content_type":"text/html","body":"<p>` + long + `</p>"`), 1, len(strings.TrimSpace(long))},
		{"a comment", "zendesk", zendeskBody("ticket.comment_added", "", `"comment":{"id":1,"body":"`+long+`"}`), 1, len(long)},
		{"a message", "chatwoot", chatwootMessage(`"id":7,"content":"` + long + `"`), 1, len(long)},
	} {
		t.Run(tc.name+", "+tc.source, func(t *testing.T) {
			entries, text := 0, 0
			e := one(t, tc.source, tc.body)
			for _, entry := range e.Entries {
				entries, text = entries+1, text+len(entry.Text)
			}
			if entries != tc.entries || text != tc.text {
				t.Errorf("%d entries with %d bytes, want %d with %d", entries, text, tc.entries, tc.text)
			}
		})
	}
	e := one(t, "zammad", zammadArticle(`"attachments":[`+many(10_000, `{"filename":"%d.png","size":1}`)+`]`))
	if n := len(e.Entries[0].Attachments); n != 10_000 {
		t.Errorf("%d attachments", n)
	}
}

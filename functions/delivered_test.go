package functions_test

import (
	"context"
	"testing"
	"time"

	"github.com/supportvault/supportvault/functions/admin"
)

// completeAll hands what waits in the queue of purge to its consumer.
func (r *road) completeAll(t testing.TB) (n int) {
	t.Helper()
	r.queues.mu.Lock()
	waiting := r.queues.completing
	r.queues.completing = nil
	r.queues.mu.Unlock()
	for _, ref := range waiting {
		if err := r.purge.Complete(context.Background(), ref); err != nil {
			t.Fatal(err)
		}
	}
	return len(waiting)
}

// Under a cadence of completion a chat goes once the mailbox that is waited for has it: not before, and by its own key at once.
func TestStoreCompletionWaitsForItsDestination(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("settled", "full", "archive@shop.example"))
	p.change(t, demo, `"cadence":{"chat":"completion"},"required":{"chat":["mail:archive"]},"waitHours":0`)
	p.Clock.Advance(25 * time.Hour) // the wait of the policy before is over
	req := p.reading(demo, "", "")
	req.RouteKey, req.PathParameters["name"] = "DELETE /v1/accounts/{account}/mail/{name}", "archive"
	if res, err := p.admin.HTTP(t.Context(), req); err != nil || res.StatusCode != 409 || asDescribed(req, res) != nil {
		t.Errorf("the destination that is waited for is deleted: %+v %v", res, err)
	}
	p.chat(t, demo, "c1", "one")
	id := p.id(t, demo, "tawkto", "c1", 1)
	if v := p.one(t, demo, id); v.Held {
		t.Errorf("%+v", v)
	}
	p.purgeAll(t)
	p.shown(t, demo, id, "while the mailbox does not have it")
	p.deliver(t)
	p.hidden(t, demo, id, "delivered")
	if n := p.completeAll(t); n != 1 {
		t.Fatalf("%d messages to purge", n)
	}
	for _, row := range p.rows(t) {
		if row["own"] != nil {
			t.Error("its own key is there after it was delivered")
		}
	}
	p.purgeAll(t)
	if got := p.stated(t, "demo"); got["chat completion"] != 1 || len(got) != 1 {
		t.Errorf("stated: %v", got)
	}
	if left := p.Items(t, p.Tables.Records); len(left) != 1 { // its fact
		t.Errorf("%d items are left", len(left))
	}
}

// What is not delivered by the deadline goes all the same, and the receipt says so.
func TestStoreCompletionGoesAtTheDeadline(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("settled", "full", "archive@shop.example"))
	p.change(t, demo, `"cadence":{"chat":"daily"},"required":{"chat":["mail:archive"]},"deadlineHours":48,"waitHours":0`)
	p.Clock.Advance(25 * time.Hour) // the wait of the policy before is over
	p.chat(t, demo, "c1", "one")
	id := p.id(t, demo, "tawkto", "c1", 1)
	settled := p.one(t, demo, id).SettledAt
	p.Clock.Set(settled.Add(48*time.Hour - time.Millisecond))
	p.purgeAll(t)
	p.shown(t, demo, id, "before the deadline")
	p.Clock.Set(settled.Add(48 * time.Hour))
	p.hidden(t, demo, id, "at the deadline")
	p.purgeAll(t)
	signed, err := p.purge.Chain.Newest(context.Background(), "demo", 0, 10)
	if err != nil || len(signed) != 1 {
		t.Fatalf("%d receipts, %v", len(signed), err)
	}
	if r := signed[0].Receipt; len(r.NotDelivered) != 1 || r.NotDelivered[0].Destination != "mail:archive" || r.NotDelivered[0].Records != 1 ||
		r.What[0].Why != "daily" || !r.What[0].Due.To.Equal(settled.Add(48*time.Hour)) {
		t.Errorf("%+v", r)
	}
}

// A digest counts as delivery too.
func TestStoreDigestIsADelivery(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("hourly", "full", "archive@shop.example"))
	p.change(t, demo, `"cadence":{"chat":"completion"},"required":{"chat":["mail:archive"]},"waitHours":0`)
	p.Clock.Advance(25 * time.Hour) // the wait of the policy before is over
	p.chat(t, demo, "c1", "one")
	id := p.id(t, demo, "tawkto", "c1", 1)
	p.deliver(t)
	p.shown(t, demo, id, "in the digest that is not due yet")
	p.Clock.Advance(2 * time.Hour)
	p.digests(t)
	p.deliver(t)
	p.hidden(t, demo, id, "after the digest")
	if n := p.completeAll(t); n != 1 {
		t.Errorf("%d messages to purge", n)
	}
	rows := p.rows(t)
	if len(rows) != 1 || rows[0]["own"] != nil || rows[0]["act"] == nil {
		t.Errorf("%v", rows)
	}
}

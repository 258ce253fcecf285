package functions_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
)

// Under a retention of two minutes a chat can be read until the instant its time is over, and not from it on, through no
// path, although nobody has purged anything.
func TestStoreExpiry(t *testing.T) {
	r := newRoad(t)
	brief := r.account(t, admin.Request{Account: "brief", Retention: "PT2M"})
	at := noon.Add(30 * time.Second)
	r.Clock.Set(at)
	r.mustPost(t, brief, "tawkto", tawkStart("c1", at, "settles"))
	r.mustPost(t, brief, "tawkto", tawkEnd("c1", at.Add(time.Second)))
	r.mustPost(t, brief, "tawkto", tawkStart("c2", at, "stays open"))
	r.settleAll(t)
	settled, open := r.id(t, brief, "tawkto", "c1", 1), r.id(t, brief, "tawkto", "c2", 1)
	over := noon.Add(3 * time.Minute) // the minute's end and two more
	for _, id := range []string{settled, open} {
		if v := r.shown(t, brief, id, "at once"); !v.ExpiresAt.Equal(over) {
			t.Errorf("%s expires at %v, want %v", v.State, v.ExpiresAt, over)
		}
	}
	r.Clock.Set(over.Add(-time.Millisecond))
	r.shown(t, brief, settled, "just before")
	r.shown(t, brief, open, "just before")
	r.Clock.Set(over)
	r.hidden(t, brief, settled, "at the instant")
	r.hidden(t, brief, open, "at the instant")
	if len(r.rows(t)) != 2 {
		t.Error("somebody has purged")
	}
	// What is open past its time is destroyed, not settled.
	published := len(r.queues.published)
	r.quiesce(t)
	r.purgeAll(t)
	for _, item := range r.Items(t, r.Tables.Records) {
		if !strings.Contains(attr.GetS(item, "pk"), "#fact#") {
			t.Errorf("left: %s %s", attr.GetS(item, "pk"), attr.GetS(item, "sk"))
		}
	}
	if len(r.queues.published) != published {
		t.Error("what was past its time was published")
	}
}

// A conversation that goes on lives as long as its last message may be kept, with all that it says.
func TestStoreExpiryOfWhatWasReopened(t *testing.T) {
	r := newRoad(t)
	brief := r.account(t, admin.Request{Account: "brief", Retention: "PT3M"})
	r.mustPost(t, brief, "chatwoot", wootMessage(1, 1, noon, "one"))
	r.mustPost(t, brief, "chatwoot", wootResolved(1, noon.Add(time.Second)))
	r.settleAll(t)
	id := r.id(t, brief, "chatwoot", "1", 1)
	if v := r.one(t, brief, id); !v.ExpiresAt.Equal(noon.Add(4 * time.Minute)) {
		t.Errorf("expires at %v", v.ExpiresAt)
	}
	again := noon.Add(3*time.Minute + 30*time.Second)
	r.Clock.Set(again)
	r.mustPost(t, brief, "chatwoot", wootMessage(1, 3, again, "two"))
	r.Clock.Set(noon.Add(4 * time.Minute))
	for _, state := range []conversation.State{conversation.Open, conversation.Settled} {
		v := r.shown(t, brief, id, "past its first time")
		if v.State != state || !cmp.Equal(texts(v), []string{"one", "two"}) || !v.ExpiresAt.Equal(noon.Add(7*time.Minute)) {
			t.Errorf("%s: %v, expires at %v", v.State, texts(v), v.ExpiresAt)
		}
		r.mustPost(t, brief, "chatwoot", wootResolved(1, again.Add(time.Second)))
		r.settleAll(t)
	}
	r.purgeAll(t)
	r.shown(t, brief, id, "after a purge")
	r.Clock.Set(noon.Add(7 * time.Minute))
	r.hidden(t, brief, id, "past its second time")
	// A message for what is past its time begins another life.
	r.mustPost(t, brief, "chatwoot", wootMessage(1, 5, r.Clock.Now(), "three"))
	if v := r.shown(t, brief, r.id(t, brief, "chatwoot", "1", 2), "the next life"); !cmp.Equal(texts(v), []string{"three"}) {
		t.Errorf("%+v", v)
	}
	r.hidden(t, brief, id, "beside the next life")
}

// A cohort that was destroyed is never made again, and a policy made longer brings nothing back.
func TestStoreDestroyedCohortsStayDestroyed(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo", Retention: "P1D"})
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 1, noon, "one"))
	r.mustPost(t, demo, "chatwoot", wootResolved(1, noon.Add(time.Second)))
	r.settleAll(t)
	id := r.id(t, demo, "chatwoot", "1", 1)
	r.Clock.Set(time.Date(2026, time.November, 23, 0, 0, 0, 0, time.UTC))
	r.hidden(t, demo, id, "past its time")
	// The policy grows before anybody has purged: it is the policy in force that counts, and nothing was destroyed yet.
	r.keep(t, "demo", map[retention.Kind]retention.Period{})
	r.shown(t, demo, id, "a longer policy, nothing destroyed")
	r.keep(t, "demo", map[retention.Kind]retention.Period{retention.Chat: {Days: 1}})
	copies := r.Items(t, r.Tables.Records)
	r.purgeAll(t)
	r.keep(t, "demo", map[retention.Kind]retention.Period{})
	r.hidden(t, demo, id, "a longer policy, destroyed")
	r.Restore(t, r.Tables.Records, copies)
	r.hidden(t, demo, id, "a longer policy and a copy put back")

	r.keep(t, "demo", map[retention.Kind]retention.Period{retention.Chat: {Days: 1}})
	r.Clock.Advance(time.Hour)
	r.purgeAll(t) // the row goes as well
	r.keep(t, "demo", map[retention.Kind]retention.Period{})
	r.mustPost(t, demo, "chatwoot", wootMessage(2, 1, noon, "a late one of that day"))
	r.mustPost(t, demo, "chatwoot", wootResolved(2, noon.Add(time.Second)))
	r.settleAll(t)
	r.purgeAll(t)
	r.quiesce(t)
	r.hidden(t, demo, r.id(t, demo, "chatwoot", "2", 1), "of a day that is destroyed")
	for _, item := range r.Items(t, r.Tables.Keys) {
		if attr.GetS(item, "pk") == "demo#cohort#chat#" && attr.GetS(item, "sk") == "2026-11-21" {
			t.Error("the cohort was made again")
		}
	}
	if left := r.entriesLeft(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A day is a day of the account's time zone, and so is the day on which it expires.
func TestStoreExpiryInZones(t *testing.T) {
	r := newRoad(t)
	for zone, want := range map[string]time.Time{
		"":                    time.Date(2027, time.February, 22, 0, 0, 0, 0, time.UTC),
		"Pacific/Kiritimati":  time.Date(2027, time.February, 22, 10, 0, 0, 0, time.UTC), // there it is the 22nd already
		"Pacific/Pago_Pago":   time.Date(2027, time.February, 22, 11, 0, 0, 0, time.UTC),
		"America/New_York":    time.Date(2027, time.February, 22, 5, 0, 0, 0, time.UTC),
		"Asia/Kathmandu":      time.Date(2027, time.February, 21, 18, 15, 0, 0, time.UTC),
		"Australia/Lord_Howe": time.Date(2027, time.February, 21, 13, 0, 0, 0, time.UTC),
	} {
		r.Clock.Set(noon)
		id := fmt.Sprintf("zone%d", len(zone))
		a := r.account(t, admin.Request{Account: id, TimeZone: zone})
		r.mustPost(t, a, "tawkto", tawkStart("c", noon, "hello"))
		r.mustPost(t, a, "tawkto", tawkEnd("c", noon.Add(time.Second)))
		r.settleAll(t)
		chat := r.id(t, a, "tawkto", "c", 1)
		if v := r.one(t, a, chat); !v.ExpiresAt.Equal(want) {
			t.Errorf("%s: expires at %v, want %v", zone, v.ExpiresAt, want)
		}
		r.Clock.Set(want.Add(-time.Millisecond))
		r.shown(t, a, chat, zone+" just before")
		if _, err := r.purge.Purge(context.Background(), purgeOf(id)); err != nil {
			t.Error(err)
		}
		r.shown(t, a, chat, zone+" after a purge just before")
		r.Clock.Set(want)
		r.hidden(t, a, chat, zone+" at the instant")
	}
}

// A conversation is idle by the times of its messages, as soon as nothing comes in for a while.
func TestStoreOldMessagesSettleWhenNothingComesIn(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 1, noon.Add(-time.Hour), "An hour ago"))
	r.mustPost(t, demo, "chatwoot", wootMessage(2, 1, noon, "Now"))
	sweep := func() (settled []string) {
		t.Helper()
		if _, err := r.settle.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		r.settleAll(t)
		for _, v := range r.list(t, demo, "state=settled") {
			settled = append(settled, v.Conversation)
		}
		return settled
	}
	if got := sweep(); len(got) != 0 {
		t.Errorf("at once, %v are settled", got)
	}
	r.Clock.Advance(2 * time.Minute)
	if got := sweep(); len(got) != 1 || got[0] != "1" {
		t.Errorf("two minutes later, %v are settled, want the old one", got)
	}
	if open := r.list(t, demo, "state=open"); len(open) != 1 || open[0].Conversation != "2" {
		t.Errorf("open: %+v", open)
	}
	r.Clock.Set(noon.Add(30 * time.Minute))
	sweep() // its place in the index is its message's time, which is not before the bound
	r.Clock.Advance(time.Millisecond)
	if got := sweep(); len(got) != 2 {
		t.Errorf("half an hour later, %v are settled", got)
	}
}

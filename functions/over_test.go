package functions_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
)

var overAt = time.Date(2026, time.November, 23, 0, 0, 0, 0, time.UTC) // of 21 November under P1D

// An open conversation that nobody has settled or purged is over as any other: what comes begins another life, and duplicates of
// what is over are dropped before and after that.
func TestAnOpenConversationThatIsOverIsNotRevived(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo", Retention: "P1D"})
	old := wootMessage(1, 1, noon, "one")
	r.mustPost(t, demo, "chatwoot", old)
	first, second := r.id(t, demo, "chatwoot", "1", 1), r.id(t, demo, "chatwoot", "1", 2)
	r.Clock.Set(overAt)
	r.mustPost(t, demo, "chatwoot", old)
	r.hidden(t, demo, first, "after a duplicate")
	if n := len(r.rows(t)); n != 1 {
		t.Errorf("%d lives after a duplicate", n)
	}
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 3, overAt, "two"))
	r.mustPost(t, demo, "chatwoot", old)
	r.hidden(t, demo, first, "after a new message")
	if v := r.shown(t, demo, second, "the next life"); !cmp.Equal(texts(v), []string{"two"}) {
		t.Errorf("the next life says %q", texts(v))
	}
	r.purgeAll(t)
	r.mustPost(t, demo, "chatwoot", old)
	if v := r.shown(t, demo, second, "after the purge"); !cmp.Equal(texts(v), []string{"two"}) {
		t.Errorf("after the purge the next life says %q", texts(v))
	}
}

// A hold keeps an open conversation of a day of which nothing has settled, whatever is destroyed of the days after it.
func TestAHoldKeepsWhatIsOpen(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo", Retention: "P1D"})
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 1, noon, "held"))
	held := r.id(t, demo, "chatwoot", "1", 1)
	if code := r.asked(t, demo, "POST holds", `{"reason":"A case.","kinds":["chat"],"to":"2026-11-21"}`, nil); code != "" {
		t.Fatal(code)
	}
	r.Clock.Set(noon.AddDate(0, 0, 1))
	r.mustPost(t, demo, "canonical", wholeChat("c2", r.Clock.Now(), "not held", ""))
	r.settleAll(t)
	r.Clock.Set(overAt.AddDate(0, 0, 1))
	if rep := r.purgeAll(t); rep.Conversations != 1 {
		t.Errorf("the purge: %+v", rep)
	}
	r.shown(t, demo, held, "after the purge")
}

// What was over for good while it was open stays so under a longer policy: after a purge that could not tell, after another change
// and when it settles.
func TestWhatWasOverWhileOpenStaysSo(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	r.change(t, demo, `"rules":[{"name":"brief","tag":"brief","retention":"P1D"}],"waitHours":0`)
	for _, kind := range []string{"chat", "ticket"} {
		r.mustPost(t, demo, "canonical", fmt.Appendf(nil, `{"version":"1","events":[{"type":"conversation.message","time":%[1]q,"kind":%[2]q,
			"conversation":%[2]q,"tags":["brief"],"entries":[{"id":"1","time":%[1]q,"author":{"role":"visitor"},"text":"one"}]}]}`, stamp(noon), kind))
	}
	id := r.id(t, demo, "canonical", "chat", 1)
	r.shown(t, demo, id, "at first")
	r.Clock.Set(overAt.AddDate(0, 0, 1))
	r.hidden(t, demo, id, "by the rule")
	for _, policy := range []string{`"rules":[]`, `"plan":"enterprise"`} {
		r.change(t, demo, policy)
		r.hidden(t, demo, id, "under "+policy)
		r.Clock.Advance(2 * time.Minute)
		r.purgeAll(t)
		r.Clock.Advance(time.Hour)
		r.purgeAll(t)
	}
	if code := r.asked(t, demo, "POST policy/undo", `{"reason":"No."}`, nil); code != "" && code != "undo_over" {
		t.Fatal(code)
	}
	r.hidden(t, demo, id, "after the undoing")
	if _, err := r.settle.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.settleAll(t)
	r.hidden(t, demo, id, "settled")
}

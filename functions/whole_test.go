package functions_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// A conversation that comes whole is settled when it is acknowledged, is published once by settling, and takes what comes
// later as its next revision.
func TestStoreWhole(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	whole := tawkTranscript("w", noon, "one", "two")
	r.mustPost(t, demo, "tawkto", whole)
	id := r.id(t, demo, "tawkto", "w", 1)
	v := r.one(t, demo, id)
	if v.State != conversation.Settled || v.Revision != 1 || !cmp.Equal(texts(v), []string{"one", "two"}) {
		t.Errorf("%+v", v)
	}
	if left := r.entriesLeft(t); len(left) > 0 {
		t.Errorf("written as an event too: %v", left)
	}
	if all := r.list(t, demo, "state=settled"); len(all) != 1 || all[0].ID != id {
		t.Errorf("listed: %+v", all)
	}
	if len(r.queues.published) != 0 {
		t.Error("published by ingest")
	}
	r.settleAll(t)
	if len(r.queues.published) != 1 || r.queues.published[0].Revision != 1 {
		t.Errorf("published: %+v", r.queues.published)
	}
	for _, known := range [][]byte{whole, tawkEnd("w", noon.Add(time.Second))} {
		if _, answer := r.post(demo, "tawkto", known); !strings.Contains(answer, `"duplicates":1`) {
			t.Errorf("what is known: %s", answer)
		}
	}
	r.mustPost(t, demo, "tawkto", tawkTranscript("w", noon, "one", "two", "three"))
	r.settleAll(t)
	if v := r.one(t, demo, id); v.Revision != 2 || !cmp.Equal(texts(v), []string{"one", "two", "three"}) {
		t.Errorf("%+v", v)
	}
}

// A record that was written is published, even where settling could not be told at first.
func TestStoreWholeIsPublished(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	whole := tawkTranscript("w", noon, "one", "two")
	r.queues.refuseWith(errKilled)
	if status, answer := r.post(demo, "tawkto", whole); status != 503 {
		t.Fatalf("%d %s", status, answer)
	}
	r.queues.refuseWith(nil)
	r.mustPost(t, demo, "tawkto", whole)
	r.settleAll(t)
	if len(r.queues.published) != 1 {
		t.Errorf("published: %+v", r.queues.published)
	}
}

// What comes between any two requests that make the record of a whole conversation (the same delivery, its beginning, its
// end, each with a settling or without) takes nothing away from it, and nothing comes twice.
func TestStoreWholeMeetsOthers(t *testing.T) { wholeMeetsOthers(t, newRoad(t), writes) }

func TestWholeMeetsOthersInMemory(t *testing.T) { wholeMeetsOthers(t, inMemory(), everything) }

func wholeMeetsOthers(t *testing.T, r *road, counts func(vaulttest.Request) bool) {
	demo := r.account(t, admin.Request{Account: "demo"})
	c := r.conduct(t, counts)
	chat := 0
	for name, other := range map[string]func(chat string) []byte{
		"the same":      func(chat string) []byte { return tawkTranscript(chat, noon, "one", "two") },
		"its beginning": func(chat string) []byte { return tawkStart(chat, noon, "one") },
		"its end":       func(chat string) []byte { return tawkEnd(chat, noon.Add(time.Second)) },
	} {
		for _, settling := range []bool{false, true} {
			points := 0
			for at := 1; ; at++ {
				chat++
				id := fmt.Sprint(chat)
				play := fmt.Sprintf("%s before request %d, settling %v", name, at, settling)
				paused := c.start("whole", at, func(ctx context.Context) error {
					r.postAs(ctx, demo, "tawkto", tawkTranscript(id, noon, "one", "two"))
					return nil
				})
				r.mustPost(t, demo, "tawkto", other(id))
				record, _, _ := vault.ParseID(r.id(t, demo, "tawkto", id, 1))
				ref := vault.Reference{Account: "demo", Kind: retention.Chat, Record: record, Incarnation: 1}
				if settling {
					r.Clock.Set(noon.Add(31 * time.Minute)) // a beginning alone goes idle
					if err := r.settle.Settle(context.Background(), ref); err != nil {
						t.Logf("%s: %v", play, err)
					}
					r.Clock.Set(noon)
				}
				if err := c.end("whole"); err != nil {
					t.Errorf("%s: %v", play, err)
				}
				r.drain(t)
				r.Clock.Set(noon.Add(31 * time.Minute))
				r.queues.locked(func() { r.queues.settling = append(r.queues.settling, ref) })
				r.settleAll(t)
				v := r.one(t, demo, r.id(t, demo, "tawkto", id, 1))
				r.Clock.Set(noon)
				if diff := cmp.Diff([]string{"one", "two"}, texts(v)); diff != "" || v.State != conversation.Settled {
					t.Errorf("%s: %s (-want +got):\n%s", play, v.State, diff)
				}
				if !paused {
					break
				}
				points++
			}
			t.Logf("%s, settling %v: %d points", name, settling, points)
		}
	}
	if left := r.entriesLeft(t); len(left) > 0 {
		t.Errorf("events are left: %v", left)
	}
}

// A record that was begun and never acknowledged, because its sender did not come again, goes with its cohort.
func TestStoreWholeInterruptedIsPurged(t *testing.T) {
	for at := 1; ; at++ {
		r := newRoad(t)
		demo := r.account(t, admin.Request{Account: "demo"})
		k := r.kill(at, true, writes)
		r.post(demo, "tawkto", tawkTranscript("w", noon, "one", "two"))
		r.unharmed()
		if !k.dead {
			break
		}
		r.Clock.Set(noon.AddDate(0, 0, 100))
		r.hidden(t, demo, r.id(t, demo, "tawkto", "w", 1), fmt.Sprintf("killed at %d", at))
		r.purgeAll(t)
		for _, item := range slices.Concat(r.Items(t, r.Tables.Records), r.rows(t)) {
			if len(attr.GetMap(item, "own")) > 0 || item["body"] != nil && !strings.Contains(attr.GetS(item, "pk"), "#fact#") {
				t.Errorf("killed at %d: left %v", at, item)
			}
		}
	}
}

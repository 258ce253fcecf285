package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/ingest"
	"github.com/supportvault/supportvault/functions/purge"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/receipt/chain"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// snapshot is tables, by what they are for, and bucket.
type snapshot struct {
	tables  map[string]vaulttest.Table
	objects map[string][]byte
}

// names are the physical names of a vault's tables by what they are for.
func names(t vault.Tables) map[string]string {
	return map[string]string{"records": t.Records, "keys": t.Keys, "control": t.Control}
}

func take(v *vaulttest.Vault, m *vaulttest.Memory) snapshot {
	s := snapshot{map[string]vaulttest.Table{}, v.S3.Objects()}
	all := m.Snapshot()
	for use, name := range names(v.Tables) {
		s.tables[use] = all[name]
	}
	return s
}

func (s snapshot) putBack(v *vaulttest.Vault, m *vaulttest.Memory) {
	all := map[string]vaulttest.Table{}
	for use, name := range names(v.Tables) {
		all[name] = s.tables[use]
	}
	m.PutBack(all)
	v.S3.PutBack(s.objects)
}

// into puts a snapshot into empty tables of DynamoDB Local.
func (s snapshot) into(t testing.TB, v *vaulttest.Vault) {
	var items sync.WaitGroup
	for use, name := range names(v.Tables) {
		for _, partition := range s.tables[use] {
			items.Go(func() {
				for _, item := range partition {
					v.Restore(t, name, []attr.Item{item})
				}
			})
		}
	}
	items.Wait()
	v.S3.PutBack(s.objects)
}

const doomed, spared = 100, 10

// filled is a vault in which 100 records of one cohort are past their time with their facts and 10 of another are not: small
// ones and some that are objects, each with a subject of its own.
func filled(t *testing.T) (snapshot, time.Time) {
	v, m := vaulttest.NewMemory(noon)
	r := roadOver(v)
	demo := r.account(t, admin.Request{Account: "demo"})
	month := retention.Period{Days: 30}
	r.keep(t, "demo", map[retention.Kind]retention.Period{retention.Chat: month, retention.Fact: month})
	for i := range doomed + spared {
		if i == doomed {
			r.Clock.Advance(24 * time.Hour)
		}
		text := fmt.Sprintf("text %d", i)
		if i%8 == 0 {
			text = large(50_000, uint64(i))
		}
		chat, at := i+1, r.Clock.Now()
		r.mustPost(t, demo, "chatwoot", wootFrom(chat, i+1, at, text, fmt.Sprintf("visitor%d@example.com", i)))
		r.mustPost(t, demo, "chatwoot", wootResolved(chat, at.Add(time.Second)))
	}
	r.settleAll(t)
	if left := r.entriesLeft(t); len(left) > 0 {
		t.Fatalf("entries are left: %v", left)
	}
	return take(v, m), time.Date(2026, time.December, 22, 3, 0, 0, 0, time.UTC)
}

// finish lets the hourly schedule run twice more and answers the state in which that ends.
func (r *road) finish(t testing.TB, at time.Time) map[string]any {
	t.Helper()
	for hour := range 2 {
		r.Clock.Set(at.Add(time.Duration(hour+1) * time.Hour))
		r.purgeAll(t)
	}
	all := r.tables(t)
	// In how many acts it went is different every time, and the salts are; what is stated is not.
	maps.DeleteFunc(all, func(key string, _ any) bool {
		return strings.Contains(key, "#receipt#") || strings.Contains(key, "#fence#")
	})
	for of, n := range r.stated(t, "demo") {
		all["stated "+of] = n
	}
	return all
}

// stated are how many records the receipts of an account name, by kind and reason. It verifies them.
func (r *road) stated(t testing.TB, account string) map[string]int64 {
	t.Helper()
	of := map[string]int64{}
	var set bytes.Buffer
	keys, err := r.purge.Chain.Export(context.Background(), account, &set)
	if errors.Is(err, chain.ErrNone) {
		return of
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = receipt.Verify(&set, keys, func(s receipt.Signed) error {
		for _, part := range s.Receipt.What {
			of[string(part.Kind)+" "+string(part.Why)] += part.Records
		}
		return nil
	})
	if err != nil {
		t.Fatalf("receipts: %v", err)
	}
	return of
}

// A purge that is killed at any write and run again ends as one that was not: for every write of a purge of 100 records,
// of which some are objects, with their pointers and facts, and of the runs that remove what is left of the cohorts.
//
// What a killed process leaves is what it had written, whether it died after one write or before the next, so the state
// after each write is every state that a kill can leave. From each of them a whole new run is made, on tables in memory:
// they are 120,000 requests. That the same runs do the same on DynamoDB Local is tested below.
func TestPurgeKilledAtEveryWrite(t *testing.T) {
	begin, at := filled(t)
	v, m := vaulttest.NewMemory(at)
	begin.putBack(v, m)
	r := roadOver(v)
	r.purge.Deleters = 1 // a state is of one moment
	var states []snapshot
	r.Fault.Set(func(_ context.Context, req vaulttest.Request) error {
		if req.Writes() {
			states = append(states, take(v, m))
		}
		return nil
	})
	rep := r.purgeAll(t)
	if rep.Cohorts != 2 || rep.Conversations != doomed || rep.Facts != doomed || rep.Objects != 13 || rep.Waiting != 0 {
		t.Fatalf("the purge that was not killed: %+v", rep)
	}
	first := len(states)
	want := r.finish(t, at)
	r.unharmed()
	t.Logf("%d writes, %d of them of later runs", len(states), len(states)-first)
	left := map[string]int{}
	for k, v := range want {
		item, _ := v.(attr.Item)
		switch {
		case strings.HasPrefix(k, "keys demo#conversation#"):
			left[attr.GetS(item, "state")]++
		case strings.HasPrefix(k, "object "):
			left["objects"]++
		default:
			if parts := strings.Split(k, "#"); len(parts) > 2 {
				left[parts[1]]++
			}
		}
	}
	if left["destroyed"] != doomed || left["settled"] != spared || left["objects"] != 1 || left["subject"] != 4*spared || left["fact"] != spared || left["cohort"] != 4 {
		t.Errorf("what is left: %v", left)
	}

	var workers sync.WaitGroup
	for w := range 2 {
		workers.Go(func() {
			v, m := vaulttest.NewMemory(at)
			r := roadOver(v)
			for i := w; i < len(states); i += 2 {
				states[i].putBack(v, m)
				if got := r.finish(t, at); !reflect.DeepEqual(want, got) {
					t.Errorf("killed after %d writes, the next runs end elsewhere (-want +got):\n%s", i, keysOf(want, got))
				}
			}
		})
	}
	workers.Wait()
}

// The same items purged on DynamoDB Local: by the same requests to the same end. And killed there again and again, one to
// seven writes after each beginning, until a run is through: what was begun is done again first, so a run that is always
// killed at its first write would not get on.
func TestStorePurgeKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	begin, at := filled(t)
	requests := func(r *road) (made []string) {
		use := map[string]string{}
		for u, name := range names(r.Tables) {
			use[name] = u
		}
		var mu sync.Mutex // conversations are deleted side by side
		r.After.Set(func(_ context.Context, req vaulttest.Request) error {
			line := req.Operation
			for _, table := range req.Tables {
				line += " " + use[table]
			}
			mu.Lock()
			defer mu.Unlock()
			made = append(made, line)
			return nil
		})
		defer r.After.Set(nil)
		r.purgeAll(t)
		slices.Sort(made)
		return made
	}
	v, m := vaulttest.NewMemory(at)
	begin.putBack(v, m)
	inMemory := roadOver(v)
	want := requests(inMemory)

	r := roadOver(vaulttest.New(t, at))
	begin.into(t, r.Vault)
	if diff := cmp.Diff(want, requests(r)); diff != "" {
		t.Errorf("requests (-memory +DynamoDB Local):\n%s", diff)
	}
	end := inMemory.finish(t, at)
	if got := r.finish(t, at); !reflect.DeepEqual(end, got) {
		t.Errorf("items (-memory +DynamoDB Local):\n%s", keysOf(end, got))
	}

	r = roadOver(vaulttest.New(t, at))
	begin.into(t, r.Vault)
	runs := 0
	for {
		if runs++; runs > 1000 {
			t.Fatal("it does not get on")
		}
		k := r.kill(1+runs%7, runs%2 == 0, writes)
		_, err := r.purge.Purge(context.Background(), purge.Request{})
		r.unharmed()
		if !k.dead {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	t.Logf("%d runs", runs)
	if got := r.finish(t, at); !reflect.DeepEqual(end, got) {
		t.Errorf("items after %d runs (-want +got):\n%s", runs, keysOf(end, got))
	}
}

// What comes late for a conversation that was purged is acknowledged and dropped; what is newer begins another life.
func TestStoreAfterThePurge(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	chat := "70fe3290-99ad-11e9-a30a-51567162179f"
	old := [][]byte{tawkStart(chat, noon, "Hello?"), tawkEnd(chat, noon.Add(time.Minute)), tawkTranscript(chat, noon, "Hello?", "Yes?", "Bye.")}
	r.mustPost(t, demo, "tawkto", old[0])
	r.mustPost(t, demo, "tawkto", old[1])
	r.quiesce(t)
	first := r.id(t, demo, "tawkto", chat, 1)
	r.mustPost(t, demo, "tawkto", old[2])
	r.quiesce(t)
	expires := r.one(t, demo, first).ExpiresAt
	r.Clock.Set(expires.Time)
	// Past its time and not purged yet: dropped as well.
	for range 2 {
		for _, body := range old {
			status, answer := r.post(demo, "tawkto", body)
			var a ingest.Answer
			if err := json.Unmarshal([]byte(answer), &a); err != nil || status != 202 || a.Accepted != 0 || a.Duplicates != 1 {
				t.Errorf("a late duplicate: %d %s", status, answer)
			}
		}
		r.quiesce(t)
		r.hidden(t, demo, first, "after late duplicates")
		if all := r.list(t, demo, ""); len(all) != 0 {
			t.Errorf("late duplicates revived %+v", all)
		}
		r.purgeAll(t)
	}
	r.Clock.Advance(time.Hour)
	r.purgeAll(t)
	for _, item := range r.Items(t, r.Tables.Records) {
		if pk := attr.GetS(item, "pk"); !strings.HasPrefix(pk, "demo#fact#") {
			t.Errorf("left after the purge: %s %s", pk, attr.GetS(item, "sk"))
		}
	}

	again := r.Clock.Now()
	r.mustPost(t, demo, "tawkto", tawkStart(chat, again, "Hello again"))
	second := r.id(t, demo, "tawkto", chat, 2)
	if v := r.shown(t, demo, second, "a newer message"); v.Incarnation != 2 || !cmp.Equal(texts(v), []string{"Hello again"}) {
		t.Errorf("the second life: %+v", v)
	}
	r.mustPost(t, demo, "tawkto", old[1]) // of the first
	r.mustPost(t, demo, "tawkto", tawkEnd(chat, again.Add(time.Second)))
	r.quiesce(t)
	if v := r.shown(t, demo, second, "settled"); v.State != conversation.Settled || !cmp.Equal(texts(v), []string{"Hello again"}) || !v.StartedAt.Equal(again.Truncate(time.Millisecond)) {
		t.Errorf("the second life settled: %+v", v)
	}
	r.hidden(t, demo, first, "after the second life")

	// The fact of the first life outlives it, for a year.
	facts := func() (n int) {
		for _, item := range r.Items(t, r.Tables.Records) {
			if strings.HasPrefix(attr.GetS(item, "pk"), vault.DayPartition("demo", retention.Fact, "2026-11-21")) {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		at   time.Time
		want int
	}{
		{time.Date(2027, time.November, 21, 23, 59, 59, 0, time.UTC), 1},
		{time.Date(2027, time.November, 22, 0, 0, 0, 0, time.UTC), 0},
	} {
		r.Clock.Set(c.at)
		r.purgeAll(t)
		if n := facts(); n != c.want {
			t.Errorf("at %v: %d facts of 21 November, want %d", c.at, n, c.want)
		}
	}
}

// A conversation that goes on while its old cohort's time is over keeps what it said, until it has settled anew.
func TestStorePurgeSparesWhatGoesOn(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	r.keep(t, "demo", map[retention.Kind]retention.Period{retention.Chat: {Days: 1}})
	day := time.Date(2026, time.November, 21, 23, 50, 0, 0, time.UTC)
	r.Clock.Set(day)
	for chat := range 2 {
		r.mustPost(t, demo, "chatwoot", wootMessage(chat+1, chat+1, day, fmt.Sprintf("one of %d", chat+1)))
		r.mustPost(t, demo, "chatwoot", wootResolved(chat+1, day.Add(time.Second)))
	}
	r.settleAll(t)
	going, over := r.id(t, demo, "chatwoot", "1", 1), r.id(t, demo, "chatwoot", "2", 1)
	next := day.Add(23*time.Hour + 55*time.Minute)
	r.Clock.Set(next)
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 9, next, "it goes on"))
	r.queues.takeSettling()
	r.Clock.Set(time.Date(2026, time.November, 23, 0, 0, 0, 0, time.UTC)) // the time of 21 November is over
	rep := r.purgeAll(t)
	if rep.Waiting != 1 || rep.Conversations != 1 || rep.Cohorts != 0 {
		t.Errorf("purge: %+v", rep)
	}
	r.hidden(t, demo, over, "past its time")
	if v := r.shown(t, demo, going, "going on"); !cmp.Equal(texts(v), []string{"one of 1", "it goes on"}) {
		t.Errorf("going on: %+v", v)
	}
	r.quiesce(t)
	if v := r.shown(t, demo, going, "settled anew"); !cmp.Equal(texts(v), []string{"one of 1", "it goes on"}) || v.Revision != 2 {
		t.Errorf("settled anew: %+v", v)
	}
	if rep := r.purgeAll(t); rep.Cohorts != 1 {
		t.Errorf("the old cohort keeps its key: %+v", rep)
	}
	r.shown(t, demo, going, "after its old cohort")
	r.Clock.Set(time.Date(2026, time.November, 24, 0, 0, 0, 0, time.UTC))
	r.hidden(t, demo, going, "past its time")
	r.purgeAll(t)
	r.Clock.Advance(time.Hour)
	r.purgeAll(t)
	for _, item := range r.Items(t, r.Tables.Keys) {
		if strings.Contains(attr.GetS(item, "pk"), "#cohort#chat#") && attr.GetS(item, "sk") != "~destroyed" {
			t.Errorf("a cohort is left: %s", attr.GetS(item, "sk"))
		}
	}
}

package functions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/ingest"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/vault"
)

// delivered is one webhook of the volume test.
type delivered struct {
	source string
	body   []byte
}

// said is an entry as the test compares it.
type said struct {
	At   string
	Role conversation.Role
	Text string
}

func saidIn(v conversation.View) []said {
	all := []said{}
	for _, e := range *v.Entries {
		all = append(all, said{e.Time.String(), e.Author.Role, e.Text})
	}
	return all
}

// crowd is 1,000 distinct events of 240 conversations, and what every conversation must end as.
func crowd() (all []delivered, want map[string][]said) {
	want = map[string][]said{}
	begin := noon.Add(-20 * time.Minute)
	for i := range 120 { // start, end and the whole transcript
		chat, at := fmt.Sprintf("5c0ab1e2-c4e7-11f1-8f3d-%012d", i), begin.Add(time.Duration(i)*time.Second)
		lines := []string{fmt.Sprintf("Question %d", i), "One moment, please.", fmt.Sprintf("Order %d?", i), "It left this morning.", "Thank you."}
		all = append(all, delivered{"tawkto", tawkStart(chat, at, lines[0])}, delivered{"tawkto", tawkEnd(chat, at.Add(10*time.Second))},
			delivered{"tawkto", tawkTranscript(chat, at, lines...)})
		for j, line := range lines {
			role := []conversation.Role{conversation.Visitor, conversation.Agent}[j%2]
			want[chat] = append(want[chat], said{stamp(at.Add(time.Duration(j) * time.Second)), role, line})
		}
	}
	for i := range 40 { // nobody made a transcript
		chat, at := fmt.Sprintf("7d1bc2f3-c4e7-11f1-8f3d-%012d", i), begin.Add(time.Duration(i)*time.Second)
		text := fmt.Sprintf("Anybody there, %d?", i)
		all = append(all, delivered{"tawkto", tawkStart(chat, at, text)}, delivered{"tawkto", tawkEnd(chat, at.Add(time.Minute))})
		want[chat] = []said{{stamp(at), conversation.Visitor, text}}
	}
	id := 1000
	for i := range 80 { // message by message; two of a millisecond; a quarter never ends and goes idle
		chat, at := 500+i, begin.Add(time.Duration(i)*time.Second)
		messages := 6
		if i%4 == 0 {
			messages = 7
		}
		for j := range messages {
			id++
			when, text := at.Add(time.Duration(j/2)*time.Second), fmt.Sprintf("Line %d of %d", j, i)
			all = append(all, delivered{"chatwoot", wootMessage(chat, id, when, text)})
			role := conversation.Visitor
			if id%2 == 0 {
				role = conversation.Agent
			}
			want[strconv.Itoa(chat)] = append(want[strconv.Itoa(chat)], said{stamp(when), role, text})
		}
		if messages == 6 {
			all = append(all, delivered{"chatwoot", wootResolved(chat, at.Add(time.Minute))})
		}
	}
	return all, want
}

// A thousand events, each ten times, shuffled, from 32 workers, with settling and sweeps going on: exactly the expected
// records, entries in order, none lost, none twice.
func TestStoreVolume(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	distinct, want := crowd()
	if len(distinct) != 1000 {
		t.Fatalf("%d distinct events", len(distinct))
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SUPPORTVAULT_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("seed %d (SUPPORTVAULT_SEED repeats it)", seed)
	var work []delivered
	for range 10 {
		work = append(work, distinct...)
	}
	rand.New(rand.NewPCG(seed, 1)).Shuffle(len(work), func(i, j int) { work[i], work[j] = work[j], work[i] })

	var next, accepted, duplicates, answers atomic.Int64
	var senders, settlers sync.WaitGroup
	stop := make(chan struct{})
	for range 32 {
		senders.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(work) {
					return
				}
				status, body := r.post(demo, work[i].source, work[i].body)
				var answer ingest.Answer
				if err := json.Unmarshal([]byte(body), &answer); status != 202 || err != nil {
					t.Errorf("delivery %d: %d %s", i, status, body)
					continue
				}
				answers.Add(1)
				accepted.Add(int64(answer.Accepted))
				duplicates.Add(int64(answer.Duplicates))
			}
		})
	}
	var refused atomic.Int64
	for range 2 {
		settlers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				time.Sleep(250 * time.Millisecond)
				for _, ref := range r.queues.takeBatch(10) {
					if err := r.settle.Settle(context.Background(), ref); err != nil { // it comes again, as in SQS
						refused.Add(1)
						r.queues.locked(func() { r.queues.settling = append(r.queues.settling, ref) })
					}
				}
			}
		})
	}
	settlers.Go(func() { // sweeps, on a clock that goes on: what went quiet goes idle while copies of it still come in
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
				r.Clock.Advance(4 * time.Minute)
				if _, err := r.settle.Sweep(context.Background()); err != nil {
					t.Errorf("sweep: %v", err)
				}
			}
		}
	})
	senders.Wait()
	close(stop)
	settlers.Wait()
	waited := len(r.queues.waiting)
	r.quiesce(t)

	if answers.Load() != 10_000 || accepted.Load()+duplicates.Load() != 10_000 || accepted.Load() < 1000 {
		t.Errorf("%d answers of 202 count %d accepted and %d duplicates", answers.Load(), accepted.Load(), duplicates.Load())
	}
	t.Logf("%d accepted, %d duplicates, %d by way of the queue, %d settlings fenced, %d revisions", accepted.Load(), duplicates.Load(), waited, refused.Load(), len(r.queues.published))

	listed := r.list(t, demo, "limit=100")
	extracted := r.lines(t, demo)
	for path, views := range map[string][]conversation.View{"list": listed, "extract": extracted} {
		seen := map[string]bool{}
		for _, v := range views {
			if seen[v.Conversation] {
				t.Errorf("%s: %s stands twice", path, v.Conversation)
			}
			seen[v.Conversation] = true
			if path == "list" {
				v = r.one(t, demo, v.ID)
			}
			if v.State != conversation.Settled || v.Incarnation != 1 || v.Revision < 1 || v.SettledAt == nil || v.EndedAt == nil {
				t.Errorf("%s: %s is %s, incarnation %d, revision %d", path, v.Conversation, v.State, v.Incarnation, v.Revision)
			}
			if d := cmp.Diff(want[v.Conversation], saidIn(v)); d != "" {
				t.Errorf("%s: entries of %s (-want +got):\n%s", path, v.Conversation, d)
			}
		}
		if len(seen) != len(want) {
			t.Errorf("%s: %d conversations, want %d", path, len(seen), len(want))
		}
	}
	for _, row := range r.rows(t) {
		if state := attr.GetS(row, "state"); state != string(vault.Settled) {
			t.Errorf("a row is %s", state)
		}
		if own := attr.GetMap(row, "own"); len(own) != 1 {
			t.Errorf("a settled row has %d own keys", len(own))
		}
	}
	if left := r.entriesLeft(t); len(left) > 0 {
		t.Errorf("%d items of events are left: %v", len(left), left[:min(3, len(left))])
	}
	records, facts := 0, 0
	for _, item := range r.Items(t, r.Tables.Records) {
		switch sk, pk := attr.GetS(item, "sk"), attr.GetS(item, "pk"); {
		case sk == "record#0001":
			records++
		case slices.Contains([]int{len("demo#fact#2026-11-21#")}, len(pk)):
			facts++
		}
	}
	if records != len(want) || facts != len(want) {
		t.Errorf("%d records and %d facts, want %d of each", records, facts, len(want))
	}
}

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
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// Every play of this file is played before each write on DynamoDB Local, and before each request, reads too, on tables in
// memory: these are too many for a server.

// stage is an account with conversations of Chatwoot, one for each interleaving that is played.
type stage struct {
	*road
	t    *testing.T
	demo admin.Created
	chat int
	two  string // the second message
}

func newStage(t *testing.T, r *road) *stage {
	return &stage{road: r, t: t, demo: r.account(t, admin.Request{Account: "demo"}), chat: 100, two: "two"}
}

func (s *stage) say(ctx context.Context, id int, after time.Duration, text string) {
	if status, answer := s.postAs(ctx, s.demo, "chatwoot", wootMessage(s.chat, id, noon.Add(after), text)); status != 202 {
		s.t.Errorf("message %d: %d %s", id, status, answer)
	}
}

func (s *stage) resolve(after time.Duration) {
	s.mustPost(s.t, s.demo, "chatwoot", wootResolved(s.chat, noon.Add(after)))
}

// ended begins the next conversation and ends it; again says that it was settled once before.
func (s *stage) ended(again bool) {
	s.chat++
	s.say(context.Background(), 1, 0, "one")
	s.say(context.Background(), 2, time.Second, s.two)
	s.resolve(2 * time.Second)
	if again {
		s.settleAll(s.t)
		s.say(context.Background(), 3, 3*time.Second, "three")
		s.resolve(4 * time.Second)
	}
	s.queues.takeSettling()
}

func (s *stage) id() string { return s.road.id(s.t, s.demo, "chatwoot", fmt.Sprint(s.chat), 1) }

func (s *stage) ref() vault.Reference {
	return reference(conversation.View{ID: s.id(), Kind: "chat"}, s.demo.Account)
}

func (s *stage) settling(ctx context.Context) error { return s.settle.Settle(ctx, s.ref()) }

// check lets everything come to rest and compares what can be read.
func (s *stage) check(play string, want ...string) {
	s.t.Helper()
	s.queues.locked(func() { s.queues.settling = append(s.queues.settling, s.ref()) })
	s.settleAll(s.t)
	v := s.one(s.t, s.demo, s.id())
	if v.State == conversation.Open { // a visitor wrote after the end: it goes idle
		s.Clock.Set(noon.Add(31 * time.Minute))
		s.queues.locked(func() { s.queues.settling = append(s.queues.settling, s.ref()) })
		s.settleAll(s.t)
		v = s.one(s.t, s.demo, s.id())
		s.Clock.Set(noon)
	}
	if diff := cmp.Diff(want, texts(v)); diff != "" || v.State != conversation.Settled {
		s.t.Errorf("%s: %s (-want +got):\n%s", play, v.State, diff)
	}
}

// clean says that nothing is left of what was settled.
func (s *stage) clean() {
	s.t.Helper()
	if left := s.entriesLeft(s.t); len(left) > 0 {
		s.t.Errorf("%d items of events are left: %v", len(left), left[:min(3, len(left))])
	}
	for _, row := range s.rows(s.t) {
		if own := attr.GetMap(row, "own"); attr.GetS(row, "state") != string(vault.Settled) || len(own) != 1 {
			s.t.Errorf("a row is %s with %d own keys", attr.GetS(row, "state"), len(own))
		}
	}
}

// An event that comes between any two requests of a settling (between raising and reading, between reading and
// committing, after committing) is read by it or by the next.
func TestStoreSettleMeetsAnEvent(t *testing.T) { settleMeetsAnEvent(t, newRoad(t), writes, true) }

func TestSettleMeetsAnEventInMemory(t *testing.T) {
	settleMeetsAnEvent(t, inMemory(), everything, false, true)
}

func settleMeetsAnEvent(t *testing.T, r *road, counts func(vaulttest.Request) bool, before ...bool) {
	s := newStage(t, r)
	c := s.conduct(t, counts)
	for _, again := range before {
		base := []string{"one", "two"}
		if again {
			base = append(base, "three")
		}
		for name, meanwhile := range map[string]struct {
			post func()
			want []string
		}{
			"a new message":  {func() { s.say(context.Background(), 9, 9*time.Second, "nine") }, append(slices.Clone(base), "nine")},
			"a late message": {func() { s.say(context.Background(), 9, 500*time.Millisecond, "nine") }, slices.Insert(slices.Clone(base), 1, "nine")},
			"a duplicate":    {func() { s.say(context.Background(), 2, time.Second, "two") }, base},
		} {
			points := 0
			for at := 1; ; at++ {
				s.ended(again)
				paused := c.start("settle", at, s.settling)
				meanwhile.post()
				err := c.end("settle")
				s.check(fmt.Sprintf("%s at request %d, settled before %v (%v)", name, at, again, err), meanwhile.want...)
				if !paused {
					break
				}
				points++
			}
			t.Logf("%s, settled before %v: %d points", name, again, points)
		}
	}
	s.clean()
}

// A settling, with or without another message, that runs between any two requests of a webhook loses nothing of it.
func TestStoreEventMeetsASettling(t *testing.T) { eventMeetsASettling(t, newRoad(t), writes) }

func TestEventMeetsASettlingInMemory(t *testing.T) { eventMeetsASettling(t, inMemory(), everything) }

func eventMeetsASettling(t *testing.T, r *road, counts func(vaulttest.Request) bool) {
	s := newStage(t, r)
	c := s.conduct(t, counts)
	for _, begin := range []string{"ended", "settled"} {
		for _, with := range []string{"nothing", "a message", "the same event"} {
			points := 0
			for at := 1; ; at++ {
				s.ended(false)
				if begin == "settled" {
					s.check("begin", "one", "two")
				}
				// It is late, so a mistake about what is known would drop it.
				webhook := func(ctx context.Context) error {
					s.say(ctx, 9, 500*time.Millisecond, "nine")
					return nil
				}
				paused := c.start("webhook", at, webhook)
				want := []string{"one", "nine", "two"}
				switch with {
				case "a message":
					s.say(context.Background(), 8, 8*time.Second, "eight")
					want = append(want, "eight")
				case "the same event":
					_ = webhook(context.Background())
				}
				if err := s.settling(context.Background()); err != nil {
					t.Logf("settling meanwhile: %v", err)
				}
				_ = c.end("webhook")
				s.check(fmt.Sprintf("%s, settling with %s before request %d", begin, with, at), want...)
				if !paused {
					break
				}
				points++
			}
			t.Logf("%s, with %s: %d points", begin, with, points)
		}
	}
	s.clean()
}

// Two settlings of one conversation, because the queue delivered twice: the first stops before any of its writes, the
// second before any of its own; the first goes on to its end, then the second.
func TestStoreTwoSettlings(t *testing.T) {
	t.Parallel()
	twoSettlings(t, newRoad(t), writes, true)
}

func TestTwoSettlingsInMemory(t *testing.T) { twoSettlings(t, inMemory(), everything, false, true) }

// A record over 32 KB is an object in S3, which a settling must not take from under the other.
func TestTwoSettlingsOfALargeRecordInMemory(t *testing.T) {
	r := inMemory()
	twoSettlingsOf(t, r, large(60<<10, 7), everything, true)
	if objects := r.S3.Objects(); len(objects) == 0 {
		t.Error("no record is an object")
	}
}

func twoSettlings(t *testing.T, r *road, counts func(vaulttest.Request) bool, before ...bool) {
	twoSettlingsOf(t, r, "two", counts, before...)
}

func twoSettlingsOf(t *testing.T, r *road, two string, counts func(vaulttest.Request) bool, before ...bool) {
	s := newStage(t, r)
	s.two = two
	c := s.conduct(t, counts)
	pairs := 0
	for _, again := range before {
		want := []string{"one", two}
		if again {
			want = append(want, "three")
		}
		for i := 1; ; i++ {
			var first bool
			for j := 1; ; j++ {
				s.ended(again)
				first = c.start("first", i, s.settling)
				second := c.start("second", j, s.settling)
				err1, err2 := c.end("first"), c.end("second")
				s.check(fmt.Sprintf("first at %d (%v), second at %d (%v)", i, err1, j, err2), want...)
				pairs++
				if !second {
					break
				}
			}
			if !first {
				break
			}
		}
	}
	t.Logf("%d interleavings", pairs)
	s.clean()
}

// A message of the queue that came twice does what follows a commit once more. Meanwhile the conversation goes on and the
// next settling is under way at any of its requests: nothing that came meanwhile may count as left over.
func TestStoreLateSecondDeliveryOfTheQueue(t *testing.T) { lateSecondDelivery(t, newRoad(t), writes) }

func TestLateSecondDeliveryOfTheQueueInMemory(t *testing.T) {
	lateSecondDelivery(t, inMemory(), everything)
}

func lateSecondDelivery(t *testing.T, r *road, counts func(vaulttest.Request) bool) {
	s := newStage(t, r)
	c := s.conduct(t, counts)
	plays := 0
	for i := 1; ; i++ {
		var late bool
		for j := 1; ; j++ {
			s.ended(false)
			s.check("begin", "one", "two")
			late = c.start("late", i, s.settling)
			s.say(context.Background(), 8, 8*time.Second, "eight") // of an agent, so it stays ended
			next := c.start("next", j, s.settling)
			s.say(context.Background(), 10, 10*time.Second, "ten")
			errLate, errNext := c.end("late"), c.end("next")
			s.check(fmt.Sprintf("late at %d (%v), next at %d (%v)", i, errLate, j, errNext), "one", "two", "eight", "ten")
			plays++
			if !next {
				break
			}
		}
		if !late {
			break
		}
	}
	t.Logf("%d interleavings", plays)
	s.clean()
}

// What a reader finds while a conversation settles is the conversation: it never seems to be gone.
func TestStoreReadingMeetsASettling(t *testing.T) { readingMeetsASettling(t, newRoad(t), writes) }

func TestReadingMeetsASettlingInMemory(t *testing.T) {
	readingMeetsASettling(t, inMemory(), everything)
}

func readingMeetsASettling(t *testing.T, r *road, counts func(vaulttest.Request) bool) {
	s := newStage(t, r)
	c := s.conduct(t, counts)
	for path, read := range map[string]func(context.Context) (string, error){
		"one": func(ctx context.Context) (string, error) {
			res, err := s.report.HTTP(ctx, s.reading(s.demo, s.id(), ""))
			return res.Body, err
		},
		"extract": func(ctx context.Context) (string, error) {
			return s.extracted(ctx, s.demo)
		},
	} {
		for at := 1; ; at++ {
			s.ended(false)
			s.check("begin", "one", "two")
			body := ""
			paused := c.start("reader", at, func(ctx context.Context) (err error) {
				body, err = read(ctx)
				return err
			})
			s.say(context.Background(), 4, 4*time.Second, "four")
			s.resolve(5 * time.Second)
			s.settleAll(t)
			if err := c.end("reader"); err != nil || !strings.Contains(body, `"text":"two"`) || !strings.Contains(body, s.id()) {
				t.Errorf("%s: a settling before request %d: %v %.200s", path, at, err, body)
			}
			if !paused {
				break
			}
			if path == "extract" { // the account grows with every play; what was played is not needed any more
				s.demo = s.account(t, admin.Request{Account: fmt.Sprintf("demo%d", at)})
			}
		}
	}
}

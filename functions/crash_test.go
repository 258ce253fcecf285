package functions_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// large is a text of n letters that does not compress well, the same for the same seed.
func large(n int, seed uint64) string {
	random := rand.New(rand.NewPCG(seed, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_ .,;:!?+=0"[random.IntN(64)]
	}
	for i := range b { // no run of digits that could pass for a card
		if b[i] >= '0' && b[i] <= '9' {
			b[i] = 'o'
		}
	}
	return string(b)
}

// wootFrom is a message of a visitor with an address of his own.
func wootFrom(chat, id int, at time.Time, text, email string) []byte {
	return []byte(strings.ReplaceAll(string(wootMessage(chat, id, at, text)), "iris.vogel@example.com", email))
}

var twelveDigits = regexp.MustCompile(`\d{12}`)

// left is everything of a conversation in tables and bucket, with generations replaced.
func (s *stage) left() (all []string) {
	record := s.ref().Record
	for _, item := range s.Items(s.t, s.Tables.Records) {
		pk, sk := attr.GetS(item, "pk"), attr.GetS(item, "sk")
		switch {
		case pk == vault.RecordPartition(s.demo.Account, record):
			all = append(all, twelveDigits.ReplaceAllString(sk, "N"))
		case strings.HasPrefix(sk, record):
			all = append(all, pk)
		case strings.Contains(pk, "#fact#"):
			all = append(all, pk+sk)
		}
	}
	ses, err := s.Open(context.Background(), s.demo.Account, "")
	if err != nil {
		s.t.Fatal(err)
	}
	fact := ses.Index.FactID(record, 1)
	all = slices.DeleteFunc(all, func(k string) bool { return strings.Contains(k, "#fact#") && !strings.Contains(k, fact) })
	for name := range s.S3.Objects() {
		if strings.Contains(name, record) {
			name = strings.ReplaceAll(name, record, "RECORD") // which may have nine digits in a row, too
			all = append(all, regexp.MustCompile(`\d{9,}`).ReplaceAllString(name, "N"))
		}
	}
	for i, k := range all {
		all[i] = strings.ReplaceAll(strings.ReplaceAll(k, record, "RECORD"), fact, "FACT")
	}
	for _, row := range s.rows(s.t) {
		if strings.Contains(attr.GetS(row, "pk"), record) {
			all = append(all, fmt.Sprintf("row %s, %d own keys, revision %d, cohort %s, facts in %s, known %d, %s", attr.GetS(row, "state"),
				len(attr.GetMap(row, "own")), attr.GetN(row, "revision"), attr.GetS(row, "cohort"), attr.GetS(row, "factCohort"),
				attr.GetN(row, "known"), attr.GetS(row, "listing")[:len("demo#chat#")]))
		}
	}
	slices.Sort(all)
	return all
}

const first, again = "for the first time", "again, large, under another address"

func settleCases() map[string]func(*stage) {
	begin := func(s *stage) { s.chat++; s.demo.Account = "demo" }
	say := func(s *stage, id int, after time.Duration, text, email string) {
		s.mustPost(s.t, s.demo, "chatwoot", wootFrom(s.chat, id, noon.Add(after), text, email))
	}
	return map[string]func(*stage){
		first: func(s *stage) {
			begin(s)
			say(s, 1, 0, "one", "iris.vogel@example.com")
			s.resolve(time.Second)
			s.queues.takeSettling()
		},
		// Record and events are objects, and a pointer is to go.
		again: func(s *stage) {
			begin(s)
			say(s, 1, 0, large(50_000, 1), "iris.vogel@example.com")
			s.resolve(time.Second)
			s.settleAll(s.t)
			say(s, 3, 2*time.Second, large(50_000, 3), "vogel.iris@example.org")
			s.resolve(3 * time.Second)
			s.queues.takeSettling()
		},
	}
}

// A settling that is killed before or after any request, and is done again when the queue's message comes again, ends as
// one that was not.
func TestStoreSettleKilled(t *testing.T) {
	t.Parallel()
	settleKilled(t, newRoad(t), writes, again)
}

func TestSettleKilledInMemory(t *testing.T) { settleKilled(t, inMemory(), everything, first, again) }

func settleKilled(t *testing.T, r *road, counts func(vaulttest.Request) bool, cases ...string) {
	s := newStage(t, r)
	for _, name := range cases {
		prepare := settleCases()[name]
		prepare(s)
		if err := s.settling(context.Background()); err != nil {
			t.Fatal(err)
		}
		want, read := s.left(), s.one(t, s.demo, s.id())
		points := 0
		for _, after := range []bool{false, true} {
			for at := 1; ; at++ {
				prepare(s)
				ref := s.ref()
				k := s.kill(at, after, counts)
				err := s.settle.Settle(context.Background(), ref)
				s.unharmed()
				if !k.dead {
					break
				}
				points++
				play := fmt.Sprintf("%s, killed at %d, after %v (%v)", name, at, after, err)
				if after && k.made == at && err == nil {
					t.Errorf("%s: it did not notice", play)
				}
				if err := s.settling(context.Background()); err != nil {
					t.Errorf("%s: %v", play, err)
				}
				s.settleAll(t)
				if diff := cmp.Diff(want, s.left()); diff != "" {
					t.Errorf("%s: tables (-want +got):\n%s", play, diff)
				}
				got := s.one(t, s.demo, s.id())
				got.ID, got.Conversation = read.ID, read.Conversation
				if diff := cmp.Diff(read, got); diff != "" {
					t.Errorf("%s: what is read (-want +got):\n%.600s", play, diff)
				}
			}
		}
		t.Logf("%s: %d points", name, points)
	}
	s.clean()
}

// A settling that is killed sixteen times, each time one write farther on, ends as one that was not.
func TestStoreSettleKilledAgainAndAgain(t *testing.T) {
	s := newStage(t, newRoad(t))
	for name, prepare := range settleCases() {
		prepare(s)
		if err := s.settling(context.Background()); err != nil {
			t.Fatal(err)
		}
		want := s.left()
		prepare(s)
		ref := s.ref()
		for at := range 16 {
			s.kill(at+1, at%2 == 0, writes)
			_ = s.settle.Settle(context.Background(), ref)
			s.unharmed()
		}
		s.check(name, texts(s.one(t, s.demo, s.id()))...)
		if diff := cmp.Diff(want, s.left()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	s.clean()
}

// A webhook that is killed before or after any request, and is sent again because it was not answered: exactly one copy of
// each entry. The same where only one request fails, and the queue takes what the tables did not.
func TestStoreIngestKilled(t *testing.T) {
	t.Parallel()
	ingestKilled(t, newRoad(t), writes, true)
}

func TestIngestKilledInMemory(t *testing.T) { ingestKilled(t, inMemory(), everything, true, false) }

func ingestKilled(t *testing.T, r *road, counts func(vaulttest.Request) bool, ways ...bool) {
	s := newStage(t, r)
	big := large(60_000, 9)
	for name, c := range map[string]struct {
		prepare func()
		source  string
		body    func() []byte
		want    []string
	}{
		"the first of a conversation": {func() { s.chat++ }, "chatwoot", func() []byte { return wootMessage(s.chat, 9, noon, "nine") }, []string{"nine"}},
		"a large one":                 {func() { s.chat++ }, "chatwoot", func() []byte { return wootMessage(s.chat, 9, noon, big) }, []string{big}},
		"into an open one": {func() { s.ended(false) }, "chatwoot",
			func() []byte { return wootMessage(s.chat, 9, noon.Add(5*time.Second), "nine") }, []string{"one", "two", "nine"}},
		"into a settled one, late": {func() { s.ended(false); s.check("begin", "one", "two") }, "chatwoot",
			func() []byte { return wootMessage(s.chat, 9, noon.Add(500*time.Millisecond), "nine") }, []string{"one", "nine", "two"}},
		"the end": {func() { s.chat++; s.say(context.Background(), 1, 0, "one") }, "chatwoot",
			func() []byte { return wootResolved(s.chat, noon.Add(time.Second)) }, []string{"one"}},
		"a whole transcript": {func() { s.chat++ }, "tawkto",
			func() []byte { return tawkTranscript(fmt.Sprint(s.chat), noon, "one", "two", "three") }, []string{"one", "two", "three"}},
	} {
		for _, forGood := range ways {
			points := 0
			for _, after := range []bool{false, true} {
				for at, on := 1, true; on; at++ {
					c.prepare()
					body := c.body()
					k := s.fail(at, after, counts, forGood)
					status, answer := s.post(s.demo, c.source, body)
					s.unharmed()
					if on = k.dead; on {
						points++
					}
					play := fmt.Sprintf("%s, for good %v, failed at %d, after %v (%d)", name, forGood, at, after, status)
					if status != 202 && (status != 503 || !strings.Contains(answer, `"unavailable"`)) || status == 202 && forGood && on {
						t.Errorf("%s: %s", play, answer)
					}
					if status != 202 || at%2 == 0 { // a sender may try again what was answered, too
						s.mustPost(t, s.demo, c.source, body)
					}
					s.drain(t)
					id := s.road.id(t, s.demo, c.source, fmt.Sprint(s.chat), 1)
					if diff := cmp.Diff(c.want, texts(s.one(t, s.demo, id))); diff != "" {
						t.Errorf("%s: open (-want +got):\n%.600s", play, diff)
					}
					s.Clock.Set(noon.Add(31 * time.Minute))
					s.queues.locked(func() {
						s.queues.settling = append(s.queues.settling, reference(conversation.View{ID: id, Kind: "chat"}, "demo"))
					})
					s.settleAll(t)
					s.Clock.Set(noon)
					if v := s.one(t, s.demo, id); !slices.Equal(c.want, texts(v)) || v.State != conversation.Settled || v.Incarnation != 1 {
						t.Errorf("%s: settled as %+v", play, v)
					}
				}
			}
			t.Logf("%s, for good %v: %d points", name, forGood, points)
		}
	}
	s.clean()
	for name := range s.S3.Objects() {
		if strings.HasPrefix(name, "queue/") || strings.Contains(name, "/entry/") {
			t.Errorf("an object is left: %s", name)
		}
	}
}

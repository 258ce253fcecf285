package functions_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/mail"
	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// holds says which of the texts a message has.
func (s sent) holds(texts ...string) (has []string) {
	for _, text := range texts {
		if strings.Contains(s.text, text) && strings.Contains(s.html, text) {
			has = append(has, text)
		}
	}
	return has
}

// rowsOf counts the rows of the control table whose partition key has a part.
func (p *post) rowsOf(t testing.TB, part string) (n int) {
	t.Helper()
	for _, item := range p.Items(t, p.Tables.Control) {
		if strings.Contains(attr.GetS(item, "pk"), part) {
			n++
		}
	}
	return n
}

// Over both changes of the clocks in Berlin: what settles in a period is sent after it, together and once.
func TestStoreDigests(t *testing.T) {
	at := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, tc := range []struct {
		name, when string
		// settles are when chats settle; due is when the digest may be begun, and title what it calls itself.
		settles []string
		due     string
		title   string
		in      []int // which chats are in it
	}{
		{"an hour", "hourly", []string{"2026-11-21T12:00:00Z", "2026-11-21T12:59:59Z", "2026-11-21T13:00:00Z"}, "2026-11-21T13:10:00Z", "Hourly digest", []int{0, 1}},
		{"the hour that Berlin has twice is two hours of UTC", "hourly",
			[]string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"}, "2026-10-25T01:10:00Z", "Hourly digest", []int{0}},
		{"a day", "daily", []string{"2026-11-20T23:00:00Z", "2026-11-21T22:59:59Z", "2026-11-21T23:00:00Z"}, "2026-11-21T23:10:00Z", "Daily digest", []int{0, 1}},
		{"the day of 25 hours", "daily", []string{"2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"}, "2026-10-25T23:10:00Z", "Daily digest", []int{0, 1}},
		{"the day of 23 hours", "daily", []string{"2027-03-27T23:00:00Z", "2027-03-28T21:59:59Z", "2027-03-28T22:00:00Z"}, "2027-03-28T22:10:00Z", "Daily digest", []int{0, 1}},
		{"a week from Monday", "weekly", []string{"2026-11-15T23:00:00Z", "2026-11-22T22:59:59Z", "2026-11-22T23:00:00Z"}, "2026-11-22T23:10:00Z", "Weekly digest", []int{0, 1}},
		{"the week that is an hour longer", "weekly", []string{"2026-10-18T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"}, "2026-10-25T23:10:00Z", "Weekly digest", []int{0, 1}},
		{"the week that is an hour shorter", "weekly", []string{"2027-03-21T23:00:00Z", "2027-03-28T21:59:59Z", "2027-03-28T22:00:00Z"}, "2027-03-28T22:10:00Z", "Weekly digest", []int{0, 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPost(t)
			p.Clock.Set(at(tc.settles[0]).Add(-time.Hour))
			demo := p.account(t, admin.Request{Account: "demo", TimeZone: "Europe/Berlin"})
			p.to(t, demo, "archive", toFixed(tc.when, "full", "a@shop.example", "b@shop.example"))
			var texts, want []string
			for i, settles := range tc.settles {
				texts = append(texts, fmt.Sprintf("Message number %d", i))
				if slices.Contains(tc.in, i) {
					want = append(want, texts[i])
				}
				p.Clock.Set(at(settles))
				p.chat(t, demo, fmt.Sprint("c", i), texts[i])
				p.deliver(t)
			}
			p.Clock.Set(at(tc.due).Add(-time.Second))
			if p.digests(t); len(p.taken()) > 0 {
				t.Fatal("it was sent before it was due")
			}
			p.Clock.Set(at(tc.due))
			p.digests(t)
			all := p.taken()
			if got := recipients(all); !slices.Equal(got, []string{"a@shop.example", "b@shop.example"}) {
				t.Fatalf("sent to %v", got)
			}
			for _, m := range all {
				if diff := cmp.Diff(want, m.holds(texts...)); diff != "" {
					t.Errorf("what is in it (-want +got)\n%s", diff)
				}
				if subject := m.header.Get("Subject"); !strings.Contains(subject, tc.title) {
					t.Errorf("the subject is %q", subject)
				}
			}
			if p.digests(t); len(p.taken()) > 0 {
				t.Error("it was sent again")
			}
			for i, settles := range tc.settles {
				id := p.id(t, demo, "tawkto", fmt.Sprint("c", i), 1)
				want := []string(nil)
				if slices.Contains(tc.in, i) {
					want = []string{"mail:archive left 1", "mail:archive left 1"}
				}
				if diff := cmp.Diff(want, p.copies(t, demo, id)); diff != "" {
					t.Errorf("the chat that settled at %s (-want +got)\n%s", settles, diff)
				}
			}
			// The rest follows in its own time, and then nothing is left.
			p.Clock.Advance(8 * 24 * time.Hour)
			p.digests(t)
			if rest := p.taken(); len(rest) != 2 || len(rest[0].holds(texts...)) != len(texts)-len(want) {
				t.Errorf("the rest: %d messages", len(rest))
			}
			if left := p.rowsOf(t, "demo#digest#"); left > 0 {
				t.Errorf("%d rows of digests are left", left)
			}
		})
	}
}

func TestADigestOfManyIsSplit(t *testing.T) {
	t.Parallel()
	p := postOver(inMemory())
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("daily", "full", "a@shop.example"))
	p.to(t, demo, "links", toFixed("daily", "link", "a@shop.example"))
	const chats = 450
	var texts []string
	for i := range chats {
		texts = append(texts, fmt.Sprintf("Message-%03d-", i))
		p.Clock.Advance(time.Second)
		p.chat(t, demo, fmt.Sprint("c", i), texts[i])
	}
	p.deliver(t)
	p.Clock.Set(noon.Add(24 * time.Hour))
	p.digests(t)
	all := p.taken()
	var in, links []string
	parts := 0
	for _, m := range all {
		if strings.Contains(m.text, "?link=svl_") {
			for line := range strings.Lines(m.text) {
				if _, link, ok := strings.Cut(line, "?link="); ok {
					links = append(links, strings.TrimSpace(link))
				}
			}
			if got := m.holds(texts...); len(got) > 0 {
				t.Errorf("a message of links holds %v", got)
			}
			continue
		}
		parts++
		if subject := m.header.Get("Subject"); !strings.Contains(subject, fmt.Sprintf("%d of 3", parts)) {
			t.Errorf("the subject of part %d is %q", parts, subject)
		}
		held := m.holds(texts...)
		if len(held) > 200 {
			t.Errorf("a part holds %d", len(held))
		}
		in = append(in, held...)
	}
	if parts != 3 || !slices.Equal(in, texts) { // in the order in which they settled
		t.Errorf("%d parts hold %d chats", parts, len(in))
	}
	slices.Sort(links)
	if links = slices.Compact(links); len(links) != chats {
		t.Errorf("%d links", len(links))
	}
	if left := p.rowsOf(t, "demo#digest#"); left > 0 {
		t.Errorf("%d rows of digests are left", left)
	}
	if got := p.rowsOf(t, "demo#copy#digest#"); got != 6 {
		t.Errorf("%d messages in the ledger", got)
	}
	// Everything that ever was in the queue comes again, long after.
	if err := p.SendAll(t.Context(), slices.Clone(p.queued)); err != nil {
		t.Fatal(err)
	}
	p.deliver(t)
	p.Clock.Advance(48 * time.Hour)
	p.digests(t)
	if again := p.taken(); len(again) > 0 {
		t.Errorf("sent again: %d messages", len(again))
	}
}

// A letter has a size, too.
func TestStoreALargeDigestIsSplit(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("hourly", "full", "a@shop.example"))
	for i := range 8 {
		p.chat(t, demo, fmt.Sprint("c", i), fmt.Sprintf("Message-%d- ", i)+large(700_000, uint64(i)))
	}
	p.deliver(t)
	p.Clock.Advance(2 * time.Hour)
	p.digests(t)
	all := p.taken()
	held := 0
	for i := range 8 {
		for _, m := range all {
			held += len(m.holds(fmt.Sprintf("Message-%d-", i)))
		}
	}
	for _, m := range all {
		if len(m.raw) > 5<<20 {
			t.Errorf("a message of %d bytes", len(m.raw))
		}
	}
	if len(all) < 2 || held != 8 {
		t.Errorf("%d messages hold %d chats", len(all), held)
	}
}

func TestStoreADigestLeavesOutWhatIsGone(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("weekly", "full", "a@shop.example"))
	p.to(t, demo, "hourly", toFixed("hourly", "full", "a@shop.example"))
	p.keep(t, "demo", map[retention.Kind]retention.Period{retention.Chat: {Days: 1}})
	p.Clock.Set(time.Date(2026, time.November, 16, 12, 0, 0, 0, time.UTC)) // a Monday
	p.chat(t, demo, "early", "An early message")
	p.Clock.Advance(5*24*time.Hour + 22*time.Hour)
	p.chat(t, demo, "late", "A late message")
	p.deliver(t)
	p.Clock.Set(time.Date(2026, time.November, 23, 0, 10, 0, 0, time.UTC))
	p.digests(t)
	all := p.taken()
	for _, m := range all {
		if got := m.holds("An early message", "A late message"); !slices.Equal(got, []string{"A late message"}) {
			t.Errorf("it holds %v", got)
		}
	}
	if len(all) != 2 { // the weekly one, and that of the last hour; of the first nothing was left
		t.Errorf("%d messages", len(all))
	}
	if left := p.rowsOf(t, "demo#digest#"); left > 0 {
		t.Errorf("%d rows of digests are left", left)
	}
}

func TestStoreEachVisitorAndAgentHasADigestOfTheirOwn(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "visitors", `{"when":"daily","to":{"kind":"visitor"},"content":"full"}`)
	p.to(t, demo, "agents", `{"when":"daily","to":{"kind":"agent","agents":{"Noor Bakker":"noor@shop.example"}},"content":"full"}`)
	for i, who := range []string{"ada@example.com", "ben@example.com", "ada@example.com"} {
		whole := strings.ReplaceAll(string(tawkTranscript(fmt.Sprint("c", i), p.Clock.Now().Add(-time.Minute), fmt.Sprintf("Message-%d-", i), "Answer")), "iris.vogel@example.com", who)
		p.mustPost(t, demo, "tawkto", []byte(whole))
		p.settleAll(t)
	}
	p.deliver(t)
	p.Clock.Advance(24 * time.Hour)
	p.digests(t)
	got := map[string][]string{}
	for _, m := range p.taken() {
		got[m.to] = append(got[m.to], m.holds("Message-0-", "Message-1-", "Message-2-")...)
	}
	want := map[string][]string{
		"ada@example.com": {"Message-0-", "Message-2-"}, "ben@example.com": {"Message-1-"},
		"noor@shop.example": {"Message-0-", "Message-1-", "Message-2-"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("digests (-want +got)\n%s", diff)
	}
}

// What is heard of late goes into the next digest, and what is heard of twice, before and after a period's end, is sent
// once.
func TestStoreWhatIsLateGoesIntoTheNextDigest(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("hourly", "full", "a@shop.example"))
	p.Clock.Set(noon.Add(59 * time.Minute))
	p.chat(t, demo, "c1", "Heard of in time")
	p.deliver(t)
	p.chat(t, demo, "c2", "Heard of late")
	p.hear(t)
	late := p.waiting
	p.waiting = nil
	p.Clock.Set(noon.Add(time.Hour + mailbox.Late + time.Second))
	if err := p.SendAll(t.Context(), append(slices.Clone(late), p.queued[0])); err != nil { // and the first once more
		t.Fatal(err)
	}
	p.deliver(t)
	texts := []string{"Heard of in time", "Heard of late"}
	for i, want := range [][]string{{"Heard of in time"}, {"Heard of late"}, nil} {
		p.Clock.Set(noon.Add(time.Duration(i+1)*time.Hour + mailbox.Grace))
		p.digests(t)
		var got []string
		for _, m := range p.taken() {
			got = append(got, m.holds(texts...)...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("digest %d (-want +got)\n%s", i, diff)
		}
	}
}

func TestStoreANewRevisionIsInNoSecondDigest(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("hourly", "full", "a@shop.example"))
	p.to(t, demo, "now", toFixed("settled", "full", "a@shop.example"))
	p.chat(t, demo, "c1", "one")
	p.deliver(t)
	p.Clock.Advance(90 * time.Minute)
	p.digests(t)
	if got := len(p.taken()); got != 2 {
		t.Fatalf("%d messages", got)
	}
	p.mustPost(t, demo, "tawkto", tawkTranscript("c1", noon.Add(-time.Minute), "one", "two"))
	p.settleAll(t)
	// What went by one way does not go by another of the same destination either.
	p.to(t, demo, "now", toFixed("hourly", "full", "a@shop.example"))
	p.to(t, demo, "archive", toFixed("settled", "full", "a@shop.example"))
	p.deliver(t)
	p.Clock.Advance(48 * time.Hour)
	p.digests(t)
	if again := p.taken(); len(again) > 0 {
		t.Errorf("sent again: %d messages", len(again))
	}
}

func TestStoreDigestsOfADestinationThatIsNoMoreAreDropped(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("hourly", "full", "a@shop.example"))
	p.chat(t, demo, "c1", "one")
	p.deliver(t)
	if status, body := p.asks(t, demo, "DELETE /v1/accounts/{account}/mail/{name}", map[string]string{"name": "archive"}, "", ""); status != 204 {
		t.Fatalf("%d %s", status, body)
	}
	p.Clock.Advance(2 * time.Hour)
	p.digests(t)
	if got := p.taken(); len(got) > 0 || p.rowsOf(t, "demo#digest#") > 0 {
		t.Errorf("%d messages, %d rows", len(got), p.rowsOf(t, "demo#digest#"))
	}
}

// An address that was taken out of the destination meanwhile gets nothing, and one that is suppressed is told in the log.
func TestStoreADigestGoesToWhomItIsForNow(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("hourly", "full", "a@shop.example", "b@shop.example"))
	p.chat(t, demo, "c1", "one")
	p.deliver(t)
	p.to(t, demo, "archive", toFixed("hourly", "link", "a@shop.example", "c@shop.example"))
	p.Clock.Advance(2 * time.Hour)
	p.digests(t)
	all := p.taken()
	if got := recipients(all); !slices.Equal(got, []string{"a@shop.example"}) || !strings.Contains(all[0].text, "?link=svl_") || strings.Contains(all[0].text, "one\n") {
		t.Errorf("sent to %v: %s", got, all[0].text)
	}
}

// A conversation that nobody can open any more, or of which no letter can be made, does not keep the others of its part back.
func TestStoreADigestGoesWithoutWhatIsDamaged(t *testing.T) {
	for _, tc := range []struct {
		name   string
		chats  []string
		damage func(t *testing.T, p *post, record string) // of the first chat
		holds  []string
		ledger []string // of the first chat
	}{
		{"a record that was altered", []string{"Quibblethorn", "Message-1-"}, alterRecord, []string{"Message-1-"}, nil},
		{"a record whose object is gone", []string{"Quibblethorn" + large(700_000, 1), "Message-1-"}, loseObjects, []string{"Message-1-"}, nil},
		{"one of which no letter can be made", []string{"Quibblethorn", "Message-1-", "Message-2-"}, refuseLetters,
			[]string{"Message-1-", "Message-2-"}, []string{"mail:archive failed 1"}},
		{"nothing else", []string{"Quibblethorn"}, refuseLetters, nil, []string{"mail:archive failed 1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPost(t)
			demo := p.account(t, admin.Request{Account: "demo"})
			p.to(t, demo, "archive", toFixed("hourly", "full", "a@shop.example"))
			for i, text := range tc.chats {
				p.chat(t, demo, fmt.Sprint("c", i), text)
				p.Clock.Advance(time.Second)
			}
			p.deliver(t)
			id := p.id(t, demo, "tawkto", "c0", 1)
			tc.damage(t, p, strings.TrimSuffix(id, "-1"))
			log := listen(t)
			p.Clock.Advance(2 * time.Hour)
			p.digests(t)
			var held []string
			for _, m := range p.taken() {
				held = append(held, m.holds("Quibblethorn", "Message-1-", "Message-2-")...)
			}
			if diff := cmp.Diff(tc.holds, held); diff != "" {
				t.Errorf("sent (-want +got)\n%s", diff)
			}
			if said := log.b.String(); !strings.Contains(said, "left out of a digest") || strings.Contains(said, "Quibblethorn") {
				t.Errorf("the log says %s", said)
			}
			if diff := cmp.Diff(tc.ledger, p.copies(t, demo, id)); diff != "" {
				t.Errorf("ledger (-want +got)\n%s", diff)
			}
			if left := p.rowsOf(t, "demo#digest#"); left > 0 {
				t.Errorf("%d rows of digests are left", left)
			}
		})
	}
}

func alterRecord(t *testing.T, p *post, record string) {
	for _, item := range p.Items(t, p.Tables.Records) {
		if attr.GetS(item, "pk") == vault.RecordPartition("demo", record) {
			body := attr.GetB(item, "body")
			body[len(body)-1] ^= 1
			p.put(t, p.Tables.Records, item)
		}
	}
}

func loseObjects(_ *testing.T, p *post, _ string) { p.S3.PutBack(map[string][]byte{}) }

func refuseLetters(_ *testing.T, p *post, record string) {
	p.mail.Compose = func(m letter.Message) ([]byte, error) {
		for _, item := range m.Items {
			if strings.Contains(item.View.ID, record) {
				return nil, errors.New("writing a letter failed")
			}
		}
		return letter.Compose(m)
	}
}

// A letter that cannot be made for a reason of its own waits until that is mended, with all that is in it.
func TestStoreADigestWaitsForItsSender(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("hourly", "full", "a@shop.example"))
	p.chat(t, demo, "c1", "Message-1-")
	p.deliver(t)
	p.Clock.Advance(2 * time.Hour)
	if _, err := p.mail.Digests(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.mail.From = "nobody"
	if failed := p.once(t.Context(), t); failed != 1 {
		t.Errorf("%d failed", failed)
	}
	p.mail.From = mailFrom
	p.Clock.Advance(comesAgain)
	p.deliver(t)
	if all := p.taken(); len(all) != 1 || len(all[0].holds("Message-1-")) != 1 {
		t.Errorf("%d messages", len(all))
	}
}

// A digest is interrupted before or after any request, and goes on when its message comes again, or with the next hour: at
// most one message more for it, never none, and always the same messages.
func TestStoreDigestKilled(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("hourly", "full", "a@shop.example", "b@shop.example"))
	points, twice := 0, 0
	for _, after := range []bool{false, true} {
		for at, on := 1, true; on; at++ {
			var texts []string
			for i := range 2 {
				texts = append(texts, fmt.Sprintf("Message-%d-%d-%t-", i, at, after))
				p.chat(t, demo, fmt.Sprintf("c-%d-%d-%t", i, at, after), texts[i])
				p.Clock.Advance(time.Second)
			}
			p.deliver(t)
			p.Clock.Set(p.Clock.Now().Truncate(time.Hour).Add(time.Hour + mailbox.Grace))
			if _, err := p.mail.Digests(context.Background()); err != nil {
				t.Fatal(err)
			}
			k := p.reap(at, after)
			p.once(context.Background(), t)
			p.spare()
			if on = k.dead; on {
				points++
			}
			if at%2 == 0 { // the queue's message, or that of the next hour
				p.waiting = nil
				p.Clock.Advance(time.Hour)
				if _, err := p.mail.Digests(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			p.Clock.Advance(comesAgain)
			p.deliver(t)
			counts := map[string]int{}
			for _, s := range p.taken() {
				counts[s.to]++
				if got := s.holds(texts...); !slices.Equal(got, texts) {
					t.Errorf("killed at %d, after %t: a message holds %v", at, after, got)
				}
			}
			more := counts["a@shop.example"] + counts["b@shop.example"] - 2
			if counts["a@shop.example"] == 0 || counts["b@shop.example"] == 0 || more > 1 || more > 0 && !on {
				t.Errorf("killed at %d, after %t: sent %v", at, after, counts)
			}
			twice += more
			if left := p.rowsOf(t, "demo#digest#"); left > 0 {
				t.Errorf("killed at %d, after %t: %d rows of digests are left", at, after, left)
			}
			for i := range texts {
				id := p.id(t, demo, "tawkto", fmt.Sprintf("c-%d-%d-%t", i, at, after), 1)
				if diff := cmp.Diff([]string{"mail:archive left 1", "mail:archive left 1"}, p.copies(t, demo, id)); diff != "" {
					t.Errorf("killed at %d, after %t: ledger (-want +got)\n%s", at, after, diff)
				}
			}
		}
	}
	t.Logf("%d points, %d messages twice", points, twice)
	if points < 40 || twice < 4 {
		t.Errorf("only %d points, and %d messages twice: the test does not test what it should", points, twice)
	}
}

// A run that is at its end hands the rest on.
func TestStoreALongDigestGoesOnInAnotherRun(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("hourly", "full", "a@shop.example", "b@shop.example"))
	p.chat(t, demo, "c1", "one")
	p.deliver(t)
	p.Clock.Advance(2 * time.Hour)
	if _, err := p.mail.Digests(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // too little to begin a part
	defer cancel()
	if failed := p.once(ctx, t); failed != 0 || len(p.waiting) != 1 || len(p.taken()) != 0 {
		t.Fatalf("%d failed, %d wait", failed, len(p.waiting))
	}
	p.deliver(t)
	if got := recipients(p.taken()); !slices.Equal(got, []string{"a@shop.example", "b@shop.example"}) {
		t.Errorf("sent to %v", got)
	}
}

func TestStoreAMessageThatTakesLongGoesOnInAnotherRun(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("settled", "full", "a@shop.example", "b@shop.example"))
	p.chat(t, demo, "c1", "one")
	p.hear(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // too little to begin a message
	defer cancel()
	if failed := p.once(ctx, t); failed != 1 || len(p.taken()) != 0 {
		t.Fatalf("%d failed", failed)
	}
	p.deliver(t) // at once: nothing was claimed
	if got := recipients(p.taken()); !slices.Equal(got, []string{"a@shop.example", "b@shop.example"}) {
		t.Errorf("sent to %v", got)
	}
}

func TestStoreADigestThatSESThrottlesWaits(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("hourly", "full", "a@shop.example", "b@shop.example"))
	p.chat(t, demo, "c1", "one")
	p.deliver(t)
	p.Clock.Advance(2 * time.Hour)
	asked := 0
	p.ses.takes = func(*sesv2.SendEmailInput) error {
		if asked++; asked == 2 || asked == 3 {
			return &sestypes.TooManyRequestsException{}
		}
		return nil
	}
	p.digests(t)
	if got := recipients(p.taken()); !slices.Equal(got, []string{"a@shop.example", "b@shop.example"}) {
		t.Errorf("sent to %v", got)
	}
}

// The log forgets after ninety days, links go after a week, and both are cleared once a day.
func TestStoreLogAndLinksAreForgotten(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo", Retention: "P2D"})
	p.to(t, demo, "archive", toFixed("settled", "link", "a@shop.example"))
	p.to(t, demo, "visitor", `{"when":"settled","to":{"kind":"visitor"},"content":"full"}`)
	p.chat(t, demo, "c1", "one")
	p.deliver(t)
	rows := func() [2]int { return [2]int{p.rowsOf(t, "#maillog#"), p.rowsOf(t, "#link#")} }
	for _, step := range []struct {
		after time.Duration
		log   int
		rows  [2]int
	}{
		{0, 2, [2]int{2, 1}},
		{48 * time.Hour, 2, [2]int{2, 1}},
		{account.LinkLife, 2, [2]int{2, 1}},
		{account.LinkLife + 36*time.Hour, 2, [2]int{2, 0}},
		{mailbox.LogKeeps - time.Hour, 2, [2]int{2, 0}},
		{mailbox.LogKeeps, 0, [2]int{2, 0}},
		{mailbox.LogKeeps + 36*time.Hour, 0, [2]int{0, 0}},
	} {
		at := noon.Add(step.after)
		before := rows()
		p.Clock.Set(at.Truncate(24 * time.Hour).Add(2*time.Hour + 12*time.Minute))
		p.digests(t)
		if got := rows(); got != before {
			t.Errorf("after %v: cleared in an hour that is not for it: %v, then %v", step.after, before, got)
		}
		p.Clock.Advance(time.Hour)
		p.digests(t)
		p.Clock.Set(at)
		p.digests(t)
		if got := p.mailLog(t, demo); len(got) != step.log || rows() != step.rows {
			t.Errorf("after %v: %v, rows %v, want %d and %v", step.after, got, rows(), step.log, step.rows)
		}
	}
}

func TestStoreWhatOneAccountLacksDoesNotKeepItFromTheOthers(t *testing.T) {
	p := newPost(t)
	var all []admin.Created
	for _, name := range []string{"aaaa", "bbbb"} {
		a := p.account(t, admin.Request{Account: name})
		p.to(t, a, "archive", toFixed("hourly", "full", name+"@shop.example"))
		p.chat(t, a, "c1", "one")
		all = append(all, a)
	}
	p.deliver(t)
	p.Clock.Advance(2 * time.Hour)
	p.remove(t, p.Tables.Control, attr.Key(account.Partition(all[0].Account), account.PolicyKey), "terms")
	found, err := p.mail.Digests(t.Context())
	if !errors.Is(err, account.ErrRow) || found.Digests != 1 {
		t.Errorf("%+v %v", found, err)
	}
	p.deliver(t)
	if got := recipients(p.taken()); !slices.Equal(got, []string{"bbbb@shop.example"}) {
		t.Errorf("sent to %v", got)
	}
}

// ending is a context whose time is up soon after something has happened.
type ending struct {
	context.Context
	soon atomic.Bool
}

func (e *ending) Deadline() (time.Time, bool) {
	if e.soon.Load() {
		return time.Now().Add(time.Second), true
	}
	return time.Now().Add(time.Hour), true
}

// A run that does not get through all accounts says so, and the next ones get to those that it lacked.
func TestStoreARunOfTheDigestsMayEndAnywhere(t *testing.T) {
	p := newPost(t)
	const accounts = 12
	for i := range accounts {
		a := p.account(t, admin.Request{Account: fmt.Sprintf("demo%02d", i)})
		p.to(t, a, "archive", toFixed("hourly", "full", "a@shop.example"))
		p.chat(t, a, "c1", "one")
	}
	p.deliver(t)
	p.Clock.Advance(2 * time.Hour)
	served := map[string]bool{}
	for run := 0; len(served) < accounts; run++ {
		if run == 300 {
			t.Fatalf("after %d runs, only %d accounts were served", run, len(served))
		}
		ctx := &ending{Context: t.Context()}
		h := mail.New(p.mail.Config, mail.Deps{Store: p.Store, SES: p.ses, Queue: queueOf(func(bodies []string) {
			ctx.soon.Store(true)
			p.mu.Lock()
			defer p.mu.Unlock()
			served[bodies[0]] = true
		})})
		if _, err := h.Digests(ctx); err == nil || !strings.Contains(err.Error(), "wait for the next run") {
			t.Fatalf("it lacks accounts, and says %v", err)
		}
	}
}

type queueOf func(bodies []string)

func (q queueOf) SendAll(_ context.Context, bodies []string) error { q(bodies); return nil }

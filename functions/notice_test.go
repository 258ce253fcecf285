package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/mailbox"
)

// administer puts the administrators of an account.
func (p *post) administer(t testing.TB, a admin.Created, addresses ...string) (answer admin.Administrators) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"addresses": append([]string{}, addresses...)})
	if err != nil {
		t.Fatal(err)
	}
	if code := p.asked(t, a, "PUT administrators", string(body), &answer); code != "" {
		t.Fatalf("administrators: %s", code)
	}
	return answer
}

// waitingNotices are the rows of what administrators are to be told.
func (p *post) waitingNotices(t testing.TB) (rows []attr.Item) {
	t.Helper()
	for _, item := range p.Items(t, p.Tables.Control) {
		if strings.HasSuffix(attr.GetS(item, "pk"), "#notice#") {
			rows = append(rows, item)
		}
	}
	return rows
}

// told is an account with ten days of chats and two administrators, of whose making the mails are read.
func (p *post) told(t testing.TB) admin.Created {
	t.Helper()
	demo, _ := p.daily(t, 10)
	p.heard = len(p.queues.published)
	p.administer(t, demo, "iris@shop.example", "jan@shop.example")
	p.deliver(t)
	p.taken()
	return demo
}

var both = []string{"iris@shop.example", "jan@shop.example"}

func TestStoreNoticeOfAPolicyAndOfItsUndoing(t *testing.T) {
	log := listen(t)
	p := newPost(t)
	demo := p.told(t)
	p.change(t, demo, `"retention":{"chat":"P7D"}`)
	p.deliver(t)
	all := p.taken()
	if diff := cmp.Diff(both, recipients(all)); diff != "" {
		t.Fatalf("recipients (-want +got)\n%s", diff)
	}
	for _, m := range all {
		if got := m.header.Get("Subject"); got != "supportvault: the retention policy of demo was changed" {
			t.Errorf("the subject is %q", got)
		}
		for _, want := range []string{
			"As agreed with the privacy officer.", "Chats", "12 Nov 2026", "13 Nov 2026", "kept for P7D, before for P3M", "22 November 2026, 11:59 (UTC)",
			"https://api.example/v1/accounts/demo/policy/undo", "the token ",
		} {
			if !strings.Contains(m.text, want) || !strings.Contains(m.words(), want) {
				t.Errorf("it does not say %q:\n%s", want, m.text)
			}
		}
		// Nothing of a conversation, and no other administrator.
		for _, word := range []string{"Iris", "Vogel", "hello", "chat000"} {
			if strings.Contains(m.words(), word) {
				t.Errorf("it says %q:\n%s", word, m.words())
			}
		}
		if other := both[(slices.Index(both, m.to)+1)%2]; strings.Contains(m.words(), other) {
			t.Errorf("to %s: it names %s", m.to, other)
		}
	}
	if left := p.waitingNotices(t); len(left) != 0 {
		t.Errorf("%d notices still wait", len(left))
	}

	// The same message, and the schedule, send nothing again.
	if err := p.SendAll(t.Context(), p.queued); err != nil {
		t.Fatal(err)
	}
	p.deliver(t)
	p.Clock.Advance(10 * time.Minute)
	p.digests(t)
	if again := p.taken(); len(again) > 0 {
		t.Errorf("sent again to %v", recipients(again))
	}

	if code := p.asked(t, demo, "POST policy/undo", `{"reason":"It was meant for another account."}`, nil); code != "" {
		t.Fatal(code)
	}
	p.deliver(t)
	all = p.taken()
	if diff := cmp.Diff(both, recipients(all)); diff != "" {
		t.Fatalf("recipients of the undoing (-want +got)\n%s", diff)
	}
	for _, m := range all {
		for _, want := range []string{"It was meant for another account.", "It can be read again", "12 Nov 2026"} {
			if !strings.Contains(m.text, want) {
				t.Errorf("the undoing does not say %q:\n%s", want, m.text)
			}
		}
		if strings.Contains(m.text, "curl") {
			t.Errorf("an undoing can be undone:\n%s", m.text)
		}
	}
	sent := slices.DeleteFunc(p.mailLog(t, demo), func(l string) bool { return !strings.HasPrefix(l, "sent mail:administrators ") })
	if len(sent) != 6 || !strings.HasSuffix(sent[0], "@shop.example") {
		t.Errorf("log: %q", sent)
	}

	// No address and no reason stands in the clear.
	var clear bytes.Buffer
	for _, item := range p.Items(t, p.Tables.Control) {
		dump(&clear, &types.AttributeValueMemberM{Value: item})
	}
	for _, word := range []string{"iris@", "jan@", "privacy officer", "another account"} {
		if strings.Contains(clear.String(), word) || strings.Contains(log.b.String(), word) || strings.Contains(strings.Join(p.queued, ""), word) {
			t.Errorf("%q stands in the clear", word)
		}
	}
}

// Whoever ends between the transaction and the queue, or before a request of the mail function or after it: everybody is told,
// and a crash costs at most one message twice.
func TestStoreNoticeKilled(t *testing.T) {
	p := newPost(t)
	demo := p.told(t)
	p.admin.Queue = lost{}
	code := p.asked(t, demo, "PUT administrators", `{"addresses":["iris@shop.example","jan@shop.example","noor@shop.example"]}`, nil)
	if code != "" {
		t.Fatalf("a request fails for its notice: %s", code)
	}
	if len(p.waiting) > 0 || len(p.waitingNotices(t)) != 1 {
		t.Fatalf("%q wait in the queue, %d in the table", p.waiting, len(p.waitingNotices(t)))
	}
	p.digests(t)
	if got := recipients(p.taken()); len(got) > 0 {
		t.Errorf("the schedule sends what whoever wrote it is about to: %v", got)
	}
	p.Clock.Advance(mailbox.Unsent + time.Second)
	p.digests(t)
	if got := recipients(p.taken()); len(got) != 3 {
		t.Errorf("told: %v", got)
	}

	p.admin.Queue = p
	points, twice := 0, 0
	for _, after := range []bool{false, true} {
		for at, on := 1, true; on; at++ {
			// Another list each time, of the same two.
			list := slices.Clone(both)
			if points%2 == 1 {
				slices.Reverse(list)
			}
			p.administer(t, demo, list...)
			p.deliver(t)
			p.taken()
			slices.Reverse(list)
			p.administer(t, demo, list...)
			k := p.reap(at, after)
			p.once(context.Background(), t)
			p.spare()
			if on = k.dead; on {
				points++
			}
			p.Clock.Advance(comesAgain)
			p.deliver(t)
			counts := map[string]int{}
			for _, s := range p.taken() {
				counts[s.to]++
			}
			more := 0
			for _, to := range both {
				if counts[to] == 0 {
					t.Errorf("killed at %d, after %t: nothing was sent to %s", at, after, to)
				}
				more += counts[to] - 1
			}
			if more > 1 || more > 0 && !on || len(counts) != 2 {
				t.Errorf("killed at %d, after %t: sent %v", at, after, counts)
			}
			if left := p.waitingNotices(t); len(left) != 0 {
				t.Errorf("killed at %d, after %t: %d notices still wait", at, after, len(left))
			}
			twice += more
		}
	}
	t.Logf("%d points, %d messages twice", points, twice)
	if points < 20 || twice < 2 {
		t.Errorf("only %d points, and %d messages twice: the test does not test what it should", points, twice)
	}
}

// lost is a queue that takes nothing.
type lost struct{}

func (lost) SendAll(context.Context, []string) error { return errKilled }

// Whoever ends before or after any request of admin: the policy and its notice are both there, or neither.
func TestStoreNoticeComesWithItsPolicy(t *testing.T) {
	p := newPost(t)
	demo := p.told(t)
	for _, after := range []bool{false, true} {
		for at, on := 1, true; on; at++ {
			period := fmt.Sprintf(`"retention":{"chat":"P%dD"}`, 30+at%50)
			if after {
				period = fmt.Sprintf(`"retention":{"ticket":"P%dD"}`, 30+at%50)
			}
			_, apply := p.preview(t, demo, period+`,"waitHours":0`)
			before, notices := p.version(t, demo), len(p.waitingNotices(t))
			k := p.kill(at, after, writes)
			p.asked(t, demo, "POST policy/apply", apply, nil)
			p.unharmed()
			on = k.dead
			if changed, told := p.version(t, demo)-before, len(p.waitingNotices(t))-notices; changed != told {
				t.Fatalf("killed at %d, after %t: %d changes and %d notices", at, after, changed, told)
			}
		}
	}
}

func (p *post) version(t testing.TB, a admin.Created) int {
	t.Helper()
	ses, err := p.OpenPolicy(t.Context(), a.Account)
	if err != nil {
		t.Fatal(err)
	}
	return ses.Policy.Version
}

func TestStoreNoticeTwoProcessesTellOnce(t *testing.T) {
	p := newPost(t)
	demo := p.told(t)
	p.change(t, demo, `"retention":{"chat":"P7D"}`)
	bodies := slices.Clone(p.waiting)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			// What is turned away comes again.
			if _, err := p.mail.Batch(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "0", Body: bodies[0]}}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	p.Clock.Advance(comesAgain)
	p.deliver(t)
	if diff := cmp.Diff(both, recipients(p.taken())); diff != "" {
		t.Errorf("recipients (-want +got)\n%s", diff)
	}
}

func TestStoreNoticeToTheAdministratorsBefore(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo", Administrators: []string{"Iris@Shop.Example", "iris@shop.example", "o'hara@shop.example"}})
	var now admin.Administrators
	if code := p.asked(t, demo, "GET administrators", "", &now); code != "" || !now.Told {
		t.Fatalf("%q %+v", code, now)
	}
	if diff := cmp.Diff([]string{"Iris@shop.example", "o'hara@shop.example"}, now.Addresses); diff != "" {
		t.Errorf("of a new account (-want +got)\n%s", diff)
	}
	if len(p.waiting) > 0 {
		t.Errorf("a new account tells %q", p.waiting)
	}

	// The list is taken away, and then the policy changed: who was in the list hears of the first.
	if now := p.administer(t, demo, "mallory@shop.example"); !now.Told || len(now.Addresses) != 1 {
		t.Errorf("%+v", now)
	}
	p.deliver(t)
	all := p.taken()
	if diff := cmp.Diff([]string{"Iris@shop.example", "mallory@shop.example", "o'hara@shop.example"}, recipients(all)); diff != "" {
		t.Fatalf("recipients (-want +got)\n%s", diff)
	}
	for _, m := range all {
		for _, want := range []string{"mallory@shop.example", `-d '{"addresses":["Iris@shop.example","o'\''hara@shop.example"]}'`} {
			if !strings.Contains(m.text, want) {
				t.Errorf("it does not say %q:\n%s", want, m.text)
			}
		}
	}

	// A policy is told to those who were in the list then, though it changes before the mail leaves.
	p.change(t, demo, `"retention":{"chat":"P7D"}`)
	if now := p.administer(t, demo); now.Told || !strings.Contains(now.Message, "Nobody is told") {
		t.Errorf("an empty list: %+v", now)
	}
	p.deliver(t)
	if got := recipients(p.taken()); !slices.Equal(got, []string{"mallory@shop.example", "mallory@shop.example"}) {
		t.Errorf("told: %v", got)
	}
	p.change(t, demo, `"retention":{"chat":"P6D"}`)
	p.deliver(t)
	if got := recipients(p.taken()); len(got) > 0 || len(p.waitingNotices(t)) > 0 {
		t.Errorf("without administrators: %v are told, %d notices wait", got, len(p.waitingNotices(t)))
	}

	// The same list again changes nothing.
	p.administer(t, demo)
	if len(p.waiting) > 0 || len(p.waitingNotices(t)) > 0 {
		t.Error("the same list is told as a change")
	}
}

func TestStoreNoticeAdministratorsThatCannotBe(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	many := `"` + strings.Join(strings.Fields(strings.Repeat("a@shop.example ", 21)), `","`) + `"`
	for body, want := range map[string]string{
		`null`: "json_shape", `[]`: "json_shape", `{}`: "json_shape", `{"addresses":null}`: "json_shape", `{"addresses":"a@shop.example"}`: "json_shape",
		`{"addresses":[7]}`: "json_shape", `{"addresses":[],"adresses":[]}`: "json_shape", `{"addresses":[null]}`: "json_shape", `{`: "json_invalid",
		`{"addresses":["Iris <iris@shop.example>"]}`: "administrators_invalid", `{"addresses":["iris@shop.example, jan@shop.example"]}`: "administrators_invalid",
		`{"addresses":["iris@shop.example\r\nBcc: x@example.com"]}`: "administrators_invalid", `{"addresses":[` + many + `]}`: "administrators_invalid",
	} {
		if code := p.asked(t, demo, "PUT administrators", body, nil); code != want {
			t.Errorf("%s: %q, want %q", body, code, want)
		}
	}
	if _, err := p.admin.Create(t.Context(), admin.Request{Account: "other", Plan: "standard", Start: "minimal", Administrators: []string{"iris"}}); !errors.Is(err, mailbox.ErrAdministrators) {
		t.Errorf("a new account: %v", err)
	}
	if len(p.waitingNotices(t)) > 0 {
		t.Error("what was refused is told")
	}
}

// Lists that are put at the same moment follow one another, and each change is told with the list that it changed.
func TestStoreNoticeOfListsAtOnce(t *testing.T) {
	p := newPost(t)
	demo := p.told(t)
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			if code := p.asked(t, demo, "PUT administrators", fmt.Sprintf(`{"addresses":["a%d@shop.example"]}`, i), nil); code != "" {
				t.Errorf("%d: %s", i, code)
			}
		})
	}
	all.Wait()
	p.deliver(t)
	got := recipients(p.taken())
	if diff := cmp.Diff([]string{"a0@shop.example", "a1@shop.example", "a2@shop.example"}, slices.DeleteFunc(slices.Compact(slices.Clone(got)),
		func(a string) bool { return slices.Contains(both, a) })); diff != "" || len(got) != 3+2+2 {
		t.Errorf("told %v (-want +got)\n%s", got, diff)
	}
}

func TestStoreNoticeOfAHostileReason(t *testing.T) {
	p := newPost(t)
	demo := p.told(t)
	_, apply := p.preview(t, demo, `"retention":{"chat":"P7D"}`)
	reason, err := json.Marshal("</td><script>alert(1)</script>\r\nBcc: x@example.com\r\n\r\n. \u202eIt can be undone until never.\n  curl -X POST 'https://evil.example'")
	if err != nil {
		t.Fatal(err)
	}
	apply = strings.Replace(apply, `"As agreed with the privacy officer."`, string(reason), 1)
	if code := p.asked(t, demo, "POST policy/apply", apply, nil); code != "" {
		t.Fatal(code)
	}
	p.deliver(t)
	all := p.taken()
	if diff := cmp.Diff(both, recipients(all)); diff != "" {
		t.Fatalf("recipients (-want +got)\n%s", diff)
	}
	for _, m := range all {
		if m.header.Get("Bcc") != "" || strings.Contains(m.html, "<script") || strings.Contains(m.words(), "\u202e") ||
			!strings.Contains(m.text, "\r\n      Bcc: x@example.com") || !strings.Contains(m.text, "\r\n        curl -X POST 'https://evil.example'") {
			t.Errorf("%v\n%s\n%s", m.header, m.text, m.html)
		}
	}
}

func TestStoreNoticeToASuppressedAddress(t *testing.T) {
	p := newPost(t)
	demo := p.told(t)
	p.change(t, demo, `"retention":{"chat":"P7D"}`)
	p.deliver(t)
	all := p.taken()
	// It came back for good, as the tag of the message says.
	gone := all[slices.IndexFunc(all, func(m sent) bool { return m.to == both[0] })]
	report := fmt.Sprintf(`{"report":{"event":"bounce","type":"Permanent","subtype":"General","account":["demo"],"copy":[%q],"message":"m1","at":%q}}`,
		gone.tag, stamp(p.Clock.Now()))
	if err := p.SendAll(t.Context(), []string{report}); err != nil {
		t.Fatal(err)
	}
	p.deliver(t)
	p.Clock.Advance(time.Second)
	p.change(t, demo, `"retention":{"chat":"P6D"}`)
	p.deliver(t)
	if got := recipients(p.taken()); !slices.Equal(got, both[1:]) {
		t.Errorf("told: %v", got)
	}
	log := p.mailLog(t, demo)
	for _, want := range []string{"bounced mail:administrators iris@shop.example", "suppressed mail:administrators iris@shop.example"} {
		if !slices.Contains(log, want) {
			t.Errorf("the log lacks %q: %q", want, log)
		}
	}
	if len(p.waitingNotices(t)) > 0 {
		t.Error("a notice waits for an address to which nothing is sent")
	}
}

// Without a sender a policy is changed all the same, and its notice waits; the schedule does not send it in vain.
func TestStoreNoticeWithoutASenderWaits(t *testing.T) {
	p := newPost(t)
	demo := p.told(t)
	p.mail.From, p.admin.Sends = "", false
	p.change(t, demo, `"retention":{"chat":"P7D"}`)
	if failed := p.once(t.Context(), t); failed != 1 || len(p.waitingNotices(t)) != 1 {
		t.Errorf("%d failed, %d wait", failed, len(p.waitingNotices(t)))
	}
	p.waiting = nil // it is in the dead-letter queue by now
	p.Clock.Advance(24 * time.Hour)
	if due, err := p.mail.Digests(t.Context()); err != nil || due.Notices != 0 || len(p.waiting) != 0 {
		t.Errorf("%+v %v %q", due, err, p.waiting)
	}
	if now := p.administer(t, demo, both[0]); now.Told || !strings.Contains(now.Message, "sender") {
		t.Errorf("%+v", now)
	}
	p.waiting = nil
	p.mail.From = mailFrom
	p.Clock.Advance(time.Hour)
	p.digests(t)
	if got := recipients(p.taken()); len(got) != 4 || len(p.waitingNotices(t)) != 0 {
		t.Errorf("told: %v", got)
	}
}

// A notice that was moved to another account or to another id opens nowhere.
func TestStoreNoticeOpensInItsRowOnly(t *testing.T) {
	p := newPost(t)
	demo := p.told(t)
	p.change(t, demo, `"retention":{"chat":"P7D"}`)
	p.waiting = nil
	row := p.waitingNotices(t)[0]
	row["sk"] = attr.S(mailbox.NewNoticeID(p.Clock.Now()))
	p.Restore(t, p.Tables.Control, []attr.Item{row})
	body := fmt.Sprintf(`{"notice":{"account":"demo","id":%q}}`, attr.GetS(row, "sk"))
	if err := p.SendAll(t.Context(), []string{body, `{"notice":{"account":"demo","id":"../list"}}`, `{"notice":{"account":"nobody","id":"x"}}`}); err != nil {
		t.Fatal(err)
	}
	if failed := p.once(t.Context(), t); failed != 1 {
		t.Errorf("%d failed", failed)
	}
	if got := p.taken(); len(got) > 0 {
		t.Errorf("sent to %v", recipients(got))
	}
}

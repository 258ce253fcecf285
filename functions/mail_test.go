package functions_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/mail"
	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// post is a road at whose end mail stands, with a mail queue and an SES in memory.
type post struct {
	*road
	mail *mail.Handler
	ses  *mailer
	mu   sync.Mutex
	// heard is how many of the published events are in the queue; waiting are the bodies in it, queued all that ever were.
	heard           int
	waiting, queued []string
}

// comesAgain is when a message that failed is handed out again: the visibility timeout of the mail queue.
const comesAgain = 6 * time.Minute

const mailFrom = "supportvault <transcripts@vault.example>"

func newPost(t testing.TB) *post {
	t.Helper()
	return postOver(newRoad(t))
}

func postOver(r *road) *post {
	p := &post{road: r, ses: &mailer{}}
	p.mail = mail.New(mail.Config{From: mailFrom, ConfigurationSet: "set", API: "https://api.example"}, mail.Deps{Store: r.Store, SES: p.ses, Queue: p, Purge: mailPurge{r.queues}})
	r.admin.Sends, r.admin.Queue = true, p
	return p
}

// mailPurge is the queue of purge as mail reaches it.
type mailPurge struct{ *queues }

func (q mailPurge) SendAll(_ context.Context, bodies []string) error {
	return q.locked(func() {
		for _, body := range bodies {
			ref, err := vault.ParseReference(body)
			if err != nil {
				panic(err) // it is ours
			}
			q.completing = append(q.completing, ref)
		}
	})
}

// SendAll puts into the mail queue.
func (p *post) SendAll(_ context.Context, bodies []string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting, p.queued = append(p.waiting, bodies...), append(p.queued, bodies...)
	return nil
}

// mailer is SES. Takes, if set, is asked before a message is taken, and answers is what is said after it was.
type mailer struct {
	mu             sync.Mutex
	sent           []sent
	takes, answers func(*sesv2.SendEmailInput) error
}

// sent is a message that SES has taken.
type sent struct {
	to, tag, account, from, set string
	raw                         string
	header                      netmail.Header
	text, html                  string
}

func (m *mailer) SendEmail(_ context.Context, in *sesv2.SendEmailInput, _ ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.takes != nil {
		if err := m.takes(in); err != nil {
			return nil, err
		}
	}
	s := sent{to: strings.Join(in.Destination.ToAddresses, " "), raw: string(in.Content.Raw.Data), from: *in.FromEmailAddress, set: *in.ConfigurationSetName}
	for _, tag := range in.EmailTags {
		switch *tag.Name {
		case "copy":
			s.tag = *tag.Value
		case "account":
			s.account = *tag.Value
		}
	}
	m.sent = append(m.sent, s.parsed())
	if m.answers != nil {
		if err := m.answers(in); err != nil {
			return nil, err
		}
	}
	return &sesv2.SendEmailOutput{MessageId: aws.String(fmt.Sprint(len(m.sent)))}, nil
}

// parsed reads the message as a mail program does.
func (s sent) parsed() sent {
	m, err := netmail.ReadMessage(strings.NewReader(s.raw))
	if err != nil {
		panic(err)
	}
	s.header = m.Header
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		panic(err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return s
		}
		if err != nil {
			panic(err)
		}
		var body io.Reader = part
		switch strings.ToLower(part.Header.Get("Content-Transfer-Encoding")) {
		case "quoted-printable":
			body = quotedprintable.NewReader(part)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, part)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			panic(err)
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			s.html = string(b)
		} else {
			s.text = string(b)
		}
	}
}

// words is everything that can be read of a message, as headers and parts.
func (s sent) words() string {
	var b strings.Builder
	decoder := &mime.WordDecoder{}
	for name, values := range s.header {
		for _, v := range values {
			if decoded, err := decoder.DecodeHeader(v); err == nil {
				v = decoded
			}
			b.WriteString(name + ": " + v + "\n")
		}
	}
	return b.String() + s.text + s.html
}

// taken are the messages that SES has taken since it was asked last.
func (p *post) taken() []sent {
	p.ses.mu.Lock()
	defer p.ses.mu.Unlock()
	all := p.ses.sent
	p.ses.sent = nil
	return all
}

// recipients are those of messages, in order.
func recipients(all []sent) (to []string) {
	for _, s := range all {
		to = append(to, s.to)
	}
	slices.Sort(to)
	return to
}

// hear puts what was published since into the mail queue.
func (p *post) hear(t testing.TB) {
	t.Helper()
	p.queues.mu.Lock()
	news := p.queues.published[p.heard:]
	p.heard = len(p.queues.published)
	p.queues.mu.Unlock()
	for _, e := range news {
		body, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.SendAll(context.Background(), []string{string(body)}); err != nil {
			t.Fatal(err)
		}
	}
}

// once hands out what is in the mail queue; what fails stays in it.
func (p *post) once(ctx context.Context, t testing.TB) (failed int) {
	t.Helper()
	p.mu.Lock()
	bodies := p.waiting
	p.waiting = nil
	p.mu.Unlock()
	var batch events.SQSEvent
	for i, body := range bodies {
		batch.Records = append(batch.Records, events.SQSMessage{MessageId: fmt.Sprint(i), Body: body})
	}
	res, err := p.mail.Batch(ctx, batch)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range res.BatchItemFailures {
		var i int
		fmt.Sscan(f.ItemIdentifier, &i)
		p.waiting = append(p.waiting, bodies[i])
	}
	return len(res.BatchItemFailures)
}

// deliver works off the mail queue; what fails comes again when its time has come.
func (p *post) deliver(t testing.TB) {
	t.Helper()
	p.hear(t)
	for range 20 {
		if p.once(context.Background(), t); len(p.waiting) == 0 {
			return
		}
		p.Clock.Advance(comesAgain)
	}
	t.Fatal("the mail queue does not become empty")
}

// digests does what the schedule does, and works off the queue.
func (p *post) digests(t testing.TB) {
	t.Helper()
	if _, err := p.mail.Digests(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.deliver(t)
}

// asks is a request of the HTTP API for a route, as authorize lets it through for the account's token.
func (p *post) asks(t testing.TB, a admin.Created, route string, path map[string]string, query, body string) (int, string) {
	t.Helper()
	path = maps.Clone(path)
	if path == nil {
		path = map[string]string{}
	}
	path["account"] = a.Account
	allowed, err := p.authorize.Authorize(context.Background(), events.APIGatewayV2CustomAuthorizerV2Request{
		RouteKey: route, Headers: map[string]string{"authorization": "Bearer " + a.Token}, PathParameters: path,
	})
	if err != nil || !allowed.IsAuthorized {
		t.Fatalf("authorize: %v %v", allowed, err)
	}
	req := events.APIGatewayV2HTTPRequest{
		RouteKey: route, PathParameters: path, RawQueryString: query, Body: body,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			Authorizer: &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: allowed.Context},
		},
	}
	res, err := p.admin.HTTP(context.Background(), req)
	if err == nil {
		err = asDescribed(req, res)
	}
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Body
}

// to makes a destination of an account.
func (p *post) to(t testing.TB, a admin.Created, name, setting string) {
	t.Helper()
	status, answer := p.asks(t, a, "PUT /v1/accounts/{account}/mail/{name}", map[string]string{"name": name}, "", setting)
	if status != 200 {
		t.Fatalf("destination %s: %d %s", name, status, answer)
	}
}

// mailLog is what the log of an account says, the oldest first, as "event destination address".
func (p *post) mailLog(t testing.TB, a admin.Created) (lines []string) {
	t.Helper()
	for cursor := ""; ; {
		status, body := p.asks(t, a, "GET /v1/accounts/{account}/mail-log", nil, "limit=7&cursor="+cursor, "")
		var log admin.Log
		if err := json.Unmarshal([]byte(body), &log); err != nil || status != 200 {
			t.Fatalf("mail log: %d %s %v", status, body, err)
		}
		for _, e := range log.Entries {
			lines = append(lines, fmt.Sprintf("%s %s %s", e.Event, e.Destination, e.Address))
		}
		if log.Next == nil {
			slices.Reverse(lines)
			return lines
		}
		cursor = *log.Next
	}
}

// logAbout are the conversations of which the log of an account speaks, each once.
func (p *post) logAbout(t testing.TB, a admin.Created) (ids []string) {
	t.Helper()
	status, body := p.asks(t, a, "GET /v1/accounts/{account}/mail-log", nil, "limit=100", "")
	var log admin.Log
	if err := json.Unmarshal([]byte(body), &log); err != nil || status != 200 {
		t.Fatalf("mail log: %d %s %v", status, body, err)
	}
	for _, e := range log.Entries {
		if !slices.Contains(ids, e.Conversation) {
			ids = append(ids, e.Conversation)
		}
	}
	return ids
}

// copies is what the ledger says of a conversation, as "destination state revision".
func (p *post) copies(t testing.TB, a admin.Created, id string) (lines []string) {
	t.Helper()
	status, body := p.asks(t, a, "GET /v1/accounts/{account}/copies", nil, "conversation="+id, "")
	var copies admin.Copies
	if err := json.Unmarshal([]byte(body), &copies); err != nil || status != 200 {
		t.Fatalf("copies: %d %s %v", status, body, err)
	}
	for _, c := range copies.Copies {
		lines = append(lines, fmt.Sprintf("%s %s %d", c.Destination, c.State, c.Revision))
	}
	slices.Sort(lines)
	return lines
}

// chat sends a whole chat, which settles at once, and answers its id.
func (p *post) chat(t testing.TB, a admin.Created, name string, texts ...string) string {
	t.Helper()
	p.mustPost(t, a, "tawkto", tawkTranscript(name, p.Clock.Now().Add(-time.Minute), texts...))
	p.settleAll(t)
	return p.id(t, a, "tawkto", name, 1)
}

func toFixed(when, content string, addresses ...string) string {
	return fmt.Sprintf(`{"when":%q,"to":{"kind":"fixed","addresses":["%s"]},"content":%q}`, when, strings.Join(addresses, `","`), content)
}

func TestStoreASettledChatIsMailedOnce(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo", TimeZone: "Europe/Berlin"})
	p.to(t, demo, "archive", toFixed("settled", "full", "a@shop.example", "B@Shop.Example"))
	p.to(t, demo, "visitor", `{"when":"settled","to":{"kind":"visitor"},"content":"full"}`)
	p.to(t, demo, "agents", `{"when":"settled","to":{"kind":"agent","agents":{"Noor Bakker":"noor@shop.example","Nobody":"nobody@shop.example"}},"content":"redacted"}`)
	p.to(t, demo, "tickets", `{"when":"settled","to":{"kind":"fixed","addresses":["tickets@shop.example"]},"content":"full","kinds":["ticket"]}`)

	// Before anything is handed to SES, the ledger says that it is about to leave.
	p.ses.takes = func(in *sesv2.SendEmailInput) error {
		var tag string
		for _, kv := range in.EmailTags {
			if *kv.Name == "copy" {
				tag = *kv.Value
			}
		}
		parts := strings.Split(tag, "_")
		for _, item := range p.Items(t, p.Tables.Control) {
			record, incarnation, _ := strings.Cut(parts[1], "-")
			if attr.GetS(item, "pk") == "demo#copy#"+record+"#" && attr.GetS(item, "sk") == "000"+incarnation+"#mail:"+parts[0]+"#"+parts[2] &&
				attr.GetS(item, "state") == "leaving" {
				return nil
			}
		}
		t.Errorf("a message leaves that is not in the ledger: %s", tag)
		return nil
	}
	id := p.chat(t, demo, "c1", "Where is my order?", "On its way, says the parcel service.")
	p.deliver(t)
	all := p.taken()
	want := []string{"B@shop.example", "a@shop.example", "iris.vogel@example.com", "noor@shop.example"}
	if diff := cmp.Diff(want, recipients(all)); diff != "" {
		t.Fatalf("recipients (-want +got)\n%s", diff)
	}
	for _, m := range all {
		if m.from != mailFrom || m.set != "set" || m.account != "demo" || strings.Contains(m.tag, "@") || len(m.tag) > 256 {
			t.Errorf("sent from %s by %s with the tags %s and %s", m.from, m.set, m.account, m.tag)
		}
		if to, err := m.header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != m.to {
			t.Errorf("To is %v, %v, want %s", to, err, m.to)
		}
		for _, text := range []string{m.text, m.html} {
			if !strings.Contains(text, "Where is my order?") || !strings.Contains(text, "parcel service") {
				t.Errorf("to %s: %s", m.to, text)
			}
		}
		if (strings.Contains(m.words(), "iris.vogel") && m.to != "iris.vogel@example.com") != (m.to == "a@shop.example" || m.to == "B@shop.example") {
			t.Errorf("to %s: the visitor's address is where it should not be, or not where it should: %s", m.to, m.text)
		}
	}
	wantCopies := []string{"mail:agents left 1", "mail:archive left 1", "mail:archive left 1", "mail:visitor left 1"}
	if diff := cmp.Diff(wantCopies, p.copies(t, demo, id)); diff != "" {
		t.Errorf("ledger (-want +got)\n%s", diff)
	}
	wantLog := []string{"sent agents noor@shop.example", "sent archive B@shop.example", "sent archive a@shop.example", "sent visitor "}
	if diff := cmp.Diff(wantLog, slices.Sorted(slices.Values(p.mailLog(t, demo)))); diff != "" {
		t.Errorf("log (-want +got)\n%s", diff)
	}

	t.Run("the same event again sends nothing", func(t *testing.T) {
		for range 3 {
			p.Clock.Advance(time.Hour)
			if err := p.SendAll(t.Context(), p.queued); err != nil {
				t.Fatal(err)
			}
			p.deliver(t)
		}
		if again := p.taken(); len(again) > 0 {
			t.Errorf("sent again to %v", recipients(again))
		}
	})
	t.Run("the next revision sends nothing", func(t *testing.T) {
		p.mustPost(t, demo, "tawkto", tawkTranscript("c1", noon.Add(-time.Minute), "Where is my order?", "On its way, says the parcel service.", "Thank you!"))
		p.quiesce(t)
		if got := p.one(t, demo, id); got.Revision != 2 {
			t.Fatalf("it is revision %d", got.Revision)
		}
		p.deliver(t)
		if again := p.taken(); len(again) > 0 {
			t.Errorf("sent again to %v", recipients(again))
		}
		if diff := cmp.Diff(wantCopies, p.copies(t, demo, id)); diff != "" {
			t.Errorf("ledger (-want +got)\n%s", diff)
		}
	})
	t.Run("the next life is a conversation of its own", func(t *testing.T) {
		p.Clock.Advance(48 * time.Hour)
		p.mustPost(t, demo, "tawkto", tawkTranscript("c1", p.Clock.Now().Add(-time.Minute), "Me again."))
		p.quiesce(t)
		p.deliver(t)
		if got := recipients(p.taken()); len(got) != 3 { // no agent took part
			t.Errorf("sent to %v", got)
		}
	})
}

// What is published by a settling that was followed by the next before anybody heard of it: the mail is sent all the same.
func TestStoreAMailIsNotLostWithItsFirstRevision(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("settled", "full", "a@shop.example"))
	p.chat(t, demo, "c1", "one")
	p.queues.published = nil // the process ended before it published
	p.mustPost(t, demo, "tawkto", tawkTranscript("c1", noon.Add(-time.Minute), "one", "two"))
	p.quiesce(t)
	p.deliver(t)
	if got := recipients(p.taken()); !slices.Equal(got, []string{"a@shop.example"}) {
		t.Errorf("sent to %v", got)
	}
}

func TestStoreTwoProcessesSendOneMail(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("settled", "full", "a@shop.example", "b@shop.example"))
	for i := range 5 {
		p.chat(t, demo, fmt.Sprint("c", i), "Hello")
		p.hear(t)
		bodies := p.waiting
		var all sync.WaitGroup
		var failed sync.Map
		for n := range 6 {
			all.Go(func() {
				res, err := p.mail.Batch(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "0", Body: bodies[0]}}})
				if err != nil || len(res.BatchItemFailures) > 0 {
					failed.Store(n, true)
				}
			})
		}
		all.Wait()
		p.Clock.Advance(comesAgain)
		p.deliver(t) // what was turned away comes again
		if got := recipients(p.taken()); !slices.Equal(got, []string{"a@shop.example", "b@shop.example"}) {
			t.Errorf("sent to %v", got)
		}
	}
}

// reaper ends a process at a request to a table, the bucket or SES: before it is made, or after it and before its answer.
type reaper struct {
	mu       sync.Mutex
	at, made int
	after    bool
	dead     bool
}

func (k *reaper) see(afterwards bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !afterwards && !k.dead {
		k.made++
	}
	if k.made == k.at && k.after == afterwards {
		k.dead = true
	}
	if k.dead {
		return errKilled
	}
	return nil
}

// reap ends whoever makes the nth request from now on.
func (p *post) reap(at int, after bool) *reaper {
	k := &reaper{at: at, after: after}
	p.Fault.Set(func(context.Context, vaulttest.Request) error { return k.see(false) })
	p.After.Set(func(context.Context, vaulttest.Request) error { return k.see(true) })
	p.ses.takes = func(*sesv2.SendEmailInput) error { return k.see(false) }
	p.ses.answers = func(*sesv2.SendEmailInput) error { return k.see(true) }
	return k
}

func (p *post) spare() {
	p.unharmed()
	p.ses.takes, p.ses.answers = nil, nil
}

// A process that ends before or after any request: at most one message more for it, never none.
func TestStoreMailKilled(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("settled", "full", "a@shop.example", "b@shop.example"))
	p.to(t, demo, "linked", toFixed("settled", "link", "c@shop.example"))
	points, twice := 0, 0
	for _, after := range []bool{false, true} {
		for at, on := 1, true; on; at++ {
			id := p.chat(t, demo, fmt.Sprintf("c-%d-%t", at, after), "Hello")
			p.hear(t)
			k := p.reap(at, after)
			p.once(context.Background(), t)
			p.spare()
			if on = k.dead; on {
				points++
				if len(p.waiting) == 0 {
					t.Fatalf("killed at %d, after %t: the message is gone", at, after)
				}
			}
			p.Clock.Advance(comesAgain)
			p.deliver(t)
			counts := map[string]int{}
			for _, s := range p.taken() {
				counts[s.to]++
				if strings.Contains(s.tag, id) == false {
					t.Fatalf("a message of another chat: %s", s.tag)
				}
			}
			more := 0
			for _, to := range []string{"a@shop.example", "b@shop.example", "c@shop.example"} {
				if counts[to] == 0 {
					t.Errorf("killed at %d, after %t: nothing was sent to %s", at, after, to)
				}
				more += counts[to] - 1
			}
			if more > 1 || more > 0 && !on {
				t.Errorf("killed at %d, after %t: sent %v", at, after, counts)
			}
			twice += more
			if diff := cmp.Diff([]string{"mail:archive left 1", "mail:archive left 1", "mail:linked left 1"}, p.copies(t, demo, id)); diff != "" {
				t.Errorf("killed at %d, after %t: ledger (-want +got)\n%s", at, after, diff)
			}
		}
	}
	t.Logf("%d points, %d messages twice", points, twice)
	if points < 30 || twice < 3 {
		t.Errorf("only %d points, and %d messages twice: the test does not test what it should", points, twice)
	}
}

func TestStoreWhatSESAnswers(t *testing.T) {
	p := newPost(t)
	for i, tc := range []struct {
		name   string
		answer error
		after  bool // the answer comes after SES has taken the message
		// tries is how often SES is asked until it is over, when it answers so twice, and then takes the message.
		sent  int
		state string
		log   []string
	}{
		{"its throttle: the message waits", &sestypes.TooManyRequestsException{}, false, 1, "left", []string{"sent archive a@shop.example"}},
		{"its quota: the message waits", &sestypes.LimitExceededException{}, false, 1, "left", []string{"sent archive a@shop.example"}},
		{"a paused account: the message waits", &sestypes.SendingPausedException{}, false, 1, "left", []string{"sent archive a@shop.example"}},
		{"a suspended account: the message waits", &sestypes.AccountSuspendedException{}, false, 1, "left", []string{"sent archive a@shop.example"}},
		{"a sender's domain that is not verified: the message waits", &sestypes.MailFromDomainNotVerifiedException{}, false, 1, "left", []string{"sent archive a@shop.example"}},
		{"no such configuration set: the message waits", &sestypes.NotFoundException{}, false, 1, "left", []string{"sent archive a@shop.example"}},
		{"an identity that is not verified: the message waits",
			&sestypes.MessageRejected{Message: aws.String("Email address is not verified. The following identities failed the check in region US-EAST-2: a@shop.example")}, false,
			1, "left", []string{"sent archive a@shop.example"}},
		{"the content: it is given up and told", &sestypes.MessageRejected{Message: aws.String("Email contains a virus sent by a@shop.example")}, false,
			0, "failed", []string{"failed archive a@shop.example"}},
		{"the form: it is given up and told", &sestypes.BadRequestException{Message: aws.String("a@shop.example")}, false, 0, "failed", []string{"failed archive a@shop.example"}},
		{"a failure of its own: it waits for the lease, as it may have left", &sestypes.InternalServiceErrorException{}, false, 1, "left", []string{"sent archive a@shop.example"}},
		{"nothing, though it has taken the message", errors.New("connection reset, a@shop.example"), true, 3, "left", []string{"sent archive a@shop.example"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			log := listen(t)
			demo := p.account(t, admin.Request{Account: fmt.Sprint("demo", i)})
			p.to(t, demo, "archive", toFixed("settled", "full", "a@shop.example"))
			id := p.chat(t, demo, "c1", "Hello")
			asked := 0
			answer := func(*sesv2.SendEmailInput) error {
				if asked++; asked <= 2 {
					return tc.answer
				}
				return nil
			}
			if tc.after {
				p.ses.answers = answer
			} else {
				p.ses.takes = answer
			}
			p.deliver(t)
			p.spare()
			if got := p.taken(); len(got) != tc.sent {
				t.Errorf("sent %d times, want %d", len(got), tc.sent)
			}
			if diff := cmp.Diff([]string{"mail:archive " + tc.state + " 1"}, p.copies(t, demo, id)); diff != "" {
				t.Errorf("ledger (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tc.log, p.mailLog(t, demo)); diff != "" {
				t.Errorf("log (-want +got)\n%s", diff)
			}
			if strings.Contains(log.b.String(), "shop.example") {
				t.Errorf("an address in the log: %s", log.b.String())
			}
		})
	}
}

func TestStoreWithoutASenderTheMessageWaits(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("settled", "full", "a@shop.example"))
	p.mail.From = ""
	p.chat(t, demo, "c1", "Hello")
	p.hear(t)
	if failed := p.once(t.Context(), t); failed != 1 {
		t.Errorf("%d messages failed", failed)
	}
	p.mail.From = mailFrom
	p.deliver(t)
	if got := len(p.taken()); got != 1 {
		t.Errorf("%d messages", got)
	}
	p.admin.Sends = false
	status, answer := p.asks(t, demo, "PUT /v1/accounts/{account}/mail/{name}", map[string]string{"name": "other"}, "", toFixed("settled", "full", "a@shop.example"))
	if status != 409 || refusal(t, "no sender", status, answer) != "mail_not_configured" {
		t.Errorf("a destination without a sender: %d %s", status, answer)
	}
}

// Under a regime a message holds account, kind, date and link, and no word of the conversation, in whatever header or part.
func TestStoreUnderARegimeOnlyALinkLeaves(t *testing.T) {
	words := []string{"Quibblethorn", "Zephyrwhistle", "Iris", "Vogel", "Noor", "Bakker", "iris.vogel"}
	for _, regime := range account.Regimes() {
		t.Run(string(regime), func(t *testing.T) {
			p := newPost(t)
			demo := p.account(t, admin.Request{Account: "demo"})
			// A destination of before.
			p.to(t, demo, "archive", toFixed("settled", "full", "a@shop.example"))
			p.to(t, demo, "digest", toFixed("daily", "redacted", "a@shop.example"))
			p.to(t, demo, "visitor", `{"when":"settled","to":{"kind":"visitor"},"content":"full"}`)
			ses, err := p.OpenPolicy(t.Context(), "demo")
			if err != nil {
				t.Fatal(err)
			}
			policy := ses.Policy
			policy.Version, policy.Regimes = 2, []account.Regime{regime}
			item := policy.Item()
			maps.Copy(item, attr.Key(account.Partition("demo"), account.PolicyKey))
			p.put(t, p.Tables.Control, item)

			p.chat(t, demo, "c1", "The Quibblethorn is broken.", "Zephyrwhistle!")
			p.deliver(t)
			p.Clock.Advance(24 * time.Hour)
			p.digests(t)
			all := p.taken()
			if len(all) != 3 {
				t.Fatalf("%d messages", len(all))
			}
			for _, m := range all {
				said := strings.ReplaceAll(m.words(), m.to, "")
				for _, word := range words {
					if strings.Contains(strings.ToLower(said), strings.ToLower(word)) {
						t.Errorf("to %s: it holds %q:\n%s", m.to, word, said)
					}
				}
				if !strings.Contains(m.text, "https://api.example/v1/accounts/demo/transcripts/") || !strings.Contains(m.text, "?link=svl_") {
					t.Errorf("to %s: no link: %s", m.to, m.text)
				}
			}
			for _, content := range []string{"full", "redacted"} {
				status, answer := p.asks(t, demo, "PUT /v1/accounts/{account}/mail/{name}", map[string]string{"name": "new"}, "", toFixed("settled", content, "a@shop.example"))
				if status != 409 || refusal(t, content, status, answer) != "link_only" {
					t.Errorf("content %s: %d %s", content, status, answer)
				}
			}
			p.to(t, demo, "new", toFixed("settled", "link", "a@shop.example"))
		})
	}
	t.Run("an account is made under one", func(t *testing.T) {
		p := newPost(t)
		demo := p.account(t, admin.Request{Account: "demo", Regimes: []account.Regime{account.PCI, account.HIPAA}})
		status, answer := p.asks(t, demo, "PUT /v1/accounts/{account}/mail/{name}", map[string]string{"name": "new"}, "", toFixed("settled", "full", "a@shop.example"))
		if status != 409 || refusal(t, "full", status, answer) != "link_only" || len(demo.Regimes) != 2 {
			t.Errorf("%d %s %v", status, answer, demo.Regimes)
		}
	})
	t.Run("and under no other", func(t *testing.T) {
		p := newPost(t)
		for _, regimes := range [][]account.Regime{{"sox"}, {""}, {account.PCI, account.PCI}} {
			_, err := p.admin.Create(t.Context(), admin.Request{Account: "demo", Plan: "standard", Start: "minimal", Regimes: regimes})
			if !errors.Is(err, admin.ErrRegime) {
				t.Errorf("%v: %v", regimes, err)
			}
		}
	})
}

// note is a private note among agents.
func note(chat, id int, at time.Time, text string) []byte {
	return bytes.Replace(wootMessage(chat, id, at, text), []byte(`"private":false`), []byte(`"private":true`), 1)
}

func TestStoreWhoReadsWhat(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("settled", "full", "a@shop.example"))
	p.to(t, demo, "visitor", `{"when":"settled","to":{"kind":"visitor"},"content":"full"}`)
	p.to(t, demo, "agent", `{"when":"settled","to":{"kind":"agent","agents":{"7":"noor@shop.example"}},"content":"full"}`)
	// An address of the account's choice that turns out to be the visitor's.
	p.to(t, demo, "mistake", toFixed("settled", "full", "IRIS.VOGEL@example.com"))
	p.mustPost(t, demo, "chatwoot", wootMessage(1, 1, noon, "Where is my order?"))
	p.mustPost(t, demo, "chatwoot", note(1, 2, noon.Add(time.Second), "She asks every day."))
	p.mustPost(t, demo, "chatwoot", wootMessage(1, 4, noon.Add(2*time.Second), "On its way."))
	p.mustPost(t, demo, "chatwoot", wootResolved(1, noon.Add(3*time.Second)))
	p.quiesce(t)
	p.deliver(t)
	all := p.taken()
	if got, want := recipients(all), []string{"IRIS.VOGEL@example.com", "a@shop.example", "iris.vogel@example.com", "noor@shop.example"}; !slices.Equal(got, want) {
		t.Fatalf("sent to %v, want %v", got, want)
	}
	for _, m := range all {
		visitor := strings.Contains(strings.ToLower(m.to), "iris")
		if strings.Contains(m.words(), "every day") == visitor {
			t.Errorf("to %s: the note is there: %t", m.to, !visitor)
		}
		if !strings.Contains(m.text, "On its way.") {
			t.Errorf("to %s: %s", m.to, m.text)
		}
	}
}

func TestStoreAgentsWithoutAnAddressGetNothing(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "agent", `{"when":"settled","to":{"kind":"agent"},"content":"full"}`)
	p.chat(t, demo, "c1", "Hello", "Hello, I am Noor.")
	whole := bytes.ReplaceAll(tawkTranscript("c2", noon.Add(-time.Minute), "Hello", "Hello"), []byte("Noor Bakker"), []byte("noor@shop.example"))
	p.mustPost(t, demo, "tawkto", whole)
	p.settleAll(t)
	p.deliver(t)
	if got := recipients(p.taken()); !slices.Equal(got, []string{"noor@shop.example"}) { // whose name is an address
		t.Errorf("sent to %v", got)
	}
}

func TestStoreAVisitorWhoseAddressIsNoneIsTold(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "visitor", `{"when":"settled","to":{"kind":"visitor"},"content":"full"}`)
	p.mustPost(t, demo, "tawkto", bytes.ReplaceAll(tawkTranscript("c1", noon.Add(-time.Minute), "Hello"), []byte("iris.vogel@example.com"), []byte("iris at home")))
	p.settleAll(t)
	p.deliver(t)
	if diff := cmp.Diff([]string{"failed visitor "}, p.mailLog(t, demo)); diff != "" || len(p.taken()) > 0 {
		t.Errorf("log (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"mail:visitor failed 1"}, p.copies(t, demo, p.id(t, demo, "tawkto", "c1", 1))); diff != "" {
		t.Errorf("ledger (-want +got)\n%s", diff)
	}
}

// reports is what the rules make of events of SES.
func reports(event, kind string, m sent, at time.Time) string {
	return fmt.Sprintf(`{"report":{"event":%q,"type":%q,"subtype":"General","account":[%q],"copy":[%q],"message":"m-1","at":%q}}`,
		event, kind, m.account, m.tag, at.Format(time.RFC3339))
}

func TestStoreWhatComesBackSuppresses(t *testing.T) {
	p, n := newPost(t), 0
	for _, tc := range []struct {
		name, event, kind string
		log               string
		reason            string // empty: not suppressed
	}{
		{"a permanent bounce", "bounce", "Permanent", "bounced", "bounced"},
		{"a complaint", "complaint", "", "complained", "complained"},
		{"no transient bounce", "bounce", "Transient", "bounced", ""},
		{"no bounce of which nobody knows", "bounce", "Undetermined", "bounced", ""},
	} {
		// Told is the address as log and suppressions have it: one that only the conversation has is in neither.
		for name, to := range map[string]struct{ setting, agent, told string }{
			"fixed":         {toFixed("settled", "full", "a@shop.example"), "Noor Bakker", "a@shop.example"},
			"visitor":       {`{"when":"settled","to":{"kind":"visitor"},"content":"full"}`, "Noor Bakker", ""},
			"daily visitor": {`{"when":"daily","to":{"kind":"visitor"},"content":"full"}`, "Noor Bakker", ""},
			"agent": {`{"when":"settled","to":{"kind":"agent","agents":{"Noor Bakker":"noor@shop.example"}},"content":"full"}`,
				"Noor Bakker", "noor@shop.example"},
			"agent whose name is an address": {`{"when":"settled","to":{"kind":"agent"},"content":"full"}`, "noor@shop.example", ""},
			"daily":                          {toFixed("daily", "full", "a@shop.example"), "Noor Bakker", "a@shop.example"},
		} {
			t.Run(tc.name+" "+name, func(t *testing.T) {
				n++
				demo := p.account(t, admin.Request{Account: fmt.Sprint("demo", n)})
				p.to(t, demo, "one", to.setting)
				send := func(chat string) []sent {
					whole := tawkTranscript(chat, p.Clock.Now().Add(-time.Minute), "Hello", "Hello")
					p.mustPost(t, demo, "tawkto", bytes.ReplaceAll(whole, []byte("Noor Bakker"), []byte(to.agent)))
					p.settleAll(t)
					p.deliver(t)
					p.Clock.Advance(24 * time.Hour)
					p.digests(t)
					p.Clock.Advance(time.Second)
					return p.taken()
				}
				all := send("c1")
				if len(all) != 1 {
					t.Fatalf("%d messages", len(all))
				}
				for range 2 { // SES may say so twice
					if err := p.SendAll(t.Context(), []string{reports(tc.event, tc.kind, all[0], p.Clock.Now())}); err != nil {
						t.Fatal(err)
					}
				}
				p.deliver(t)
				at := p.Clock.Now()
				p.Clock.Advance(time.Second)
				want := []string{"sent one " + to.told, tc.log + " one " + to.told}
				if diff := cmp.Diff(want, p.mailLog(t, demo)); diff != "" {
					t.Errorf("log (-want +got)\n%s", diff)
				}
				about := p.id(t, demo, "tawkto", "c1", 1)
				if strings.HasPrefix(name, "daily") {
					about = "" // a digest is about none
				}
				if got := p.logAbout(t, demo); !slices.Equal(got, []string{about}) {
					t.Errorf("the log is about %q, want %q", got, about)
				}
				for _, item := range p.Items(t, p.Tables.Control) {
					pk := attr.GetS(item, "pk")
					if kept := strings.Contains(pk, demo.Account+"#mailbox#") || strings.Contains(pk, demo.Account+"#maillog#"); kept && (item["address"] != nil) != (to.told != "") {
						t.Errorf("a row of %s has an address: %t", pk, item["address"] != nil)
					}
				}
				suppressed := p.suppressions(t, demo)
				if tc.reason == "" {
					if len(suppressed) != 0 || len(send("c2")) != 1 {
						t.Errorf("it is suppressed: %v", suppressed)
					}
					return
				}
				if len(suppressed) != 1 || suppressed[0].Address != to.told || string(suppressed[0].Reason) != tc.reason || !suppressed[0].At.Equal(at) {
					t.Fatalf("suppressed: %+v", suppressed)
				}
				if again := send("c2"); len(again) != 0 {
					t.Errorf("sent to a suppressed address")
				}
				if got := p.mailLog(t, demo); got[len(got)-1] != "suppressed one "+to.told {
					t.Errorf("log: %v", got)
				}
				id := p.id(t, demo, "tawkto", "c2", 1)
				if diff := cmp.Diff([]string{"mail:one failed 1"}, p.copies(t, demo, id)); diff != "" {
					t.Errorf("ledger (-want +got)\n%s", diff)
				}
				path := map[string]string{"id": suppressed[0].ID}
				if status, body := p.asks(t, demo, "DELETE /v1/accounts/{account}/suppressions/{id}", path, "", ""); status != 204 || body != "" {
					t.Errorf("lifted: %d %s", status, body)
				}
				if status, body := p.asks(t, demo, "DELETE /v1/accounts/{account}/suppressions/{id}", path, "", ""); status != 404 || refusal(t, "again", status, body) != "suppression_unknown" {
					t.Errorf("lifted again: %d %s", status, body)
				}
				if again := send("c3"); len(again) != 1 || len(p.suppressions(t, demo)) != 0 {
					t.Errorf("%d messages after it was lifted", len(again))
				}
			})
		}
	}
}

func (p *post) suppressions(t testing.TB, a admin.Created) []admin.Suppression {
	t.Helper()
	status, body := p.asks(t, a, "GET /v1/accounts/{account}/suppressions", nil, "", "")
	var s admin.Suppressions
	if err := json.Unmarshal([]byte(body), &s); err != nil || status != 200 {
		t.Fatalf("suppressions: %d %s %v", status, body, err)
	}
	return s.Suppressions
}

// What comes back of a conversation that is no more suppresses the address all the same, of which nothing is told any more.
func TestStoreWhatComesBackLate(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "visitor", `{"when":"settled","to":{"kind":"visitor"},"content":"full"}`)
	p.chat(t, demo, "c1", "Hello")
	p.deliver(t)
	all := p.taken()
	p.keep(t, "demo", map[retention.Kind]retention.Period{retention.Chat: {Days: 1}})
	p.Clock.Advance(72 * time.Hour)
	if err := p.SendAll(t.Context(), []string{reports("bounce", "Permanent", all[0], p.Clock.Now())}); err != nil {
		t.Fatal(err)
	}
	p.deliver(t)
	if s := p.suppressions(t, demo); len(s) != 1 || s[0].Address != "" {
		t.Errorf("suppressed: %+v", s)
	}
	p.chat(t, demo, "c2", "Hello again")
	p.deliver(t)
	if again := p.taken(); len(again) > 0 {
		t.Error("sent to a suppressed address")
	}
}

// Nothing that is no report of ours changes anything.
func TestStoreReportsOfOthersArePassedOver(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("settled", "full", "a@shop.example"))
	p.chat(t, demo, "c1", "Hello")
	p.deliver(t)
	good := p.taken()[0]
	for name, body := range map[string]string{
		"without tags":                 `{"report":{"event":"bounce","type":"Permanent","account":"","copy":""}}`,
		"with lists of nothing":        `{"report":{"event":"bounce","type":"Permanent","account":[],"copy":[]}}`,
		"of another form":              strings.Replace(reports("bounce", "Permanent", good, noon), good.tag, "archive", 1),
		"of an account that is none":   strings.Replace(reports("bounce", "Permanent", good, noon), `["demo"]`, `["nobody"]`, 1),
		"of an account that cannot be": strings.Replace(reports("bounce", "Permanent", good, noon), `["demo"]`, `["demo#mail"]`, 1),
		"of another event":             reports("open", "Permanent", good, noon),
	} {
		if err := p.SendAll(t.Context(), []string{body}); err != nil {
			t.Fatal(err)
		}
		p.once(t.Context(), t)
		if len(p.waiting) > 0 {
			t.Errorf("%s: it waits", name)
			p.waiting = nil
		}
	}
	if s := p.suppressions(t, demo); len(s) != 0 || len(p.mailLog(t, demo)) != 1 {
		t.Errorf("suppressed: %v, log: %v", s, p.mailLog(t, demo))
	}
	for _, poison := range []string{"", "hello", "[]", `{"account":"demo"}`} {
		p.waiting = []string{poison}
		if failed := p.once(t.Context(), t); failed != 1 {
			t.Errorf("%q does not end in the dead-letter queue", poison)
		}
		p.waiting = nil
	}
}

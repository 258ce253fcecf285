package functions_test

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/ingest"
	"github.com/supportvault/supportvault/functions/settle"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/intake"
	"github.com/supportvault/supportvault/shared/pack"
	"github.com/supportvault/supportvault/shared/sqsqueue"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// What the stack sets: infra/queues.go and infra/fn_ingest.go; template_test holds them to it.
const (
	ingestTimeout, ingestVisibility, ingestTries = 20 * time.Second, 120 * time.Second, 100
	settleTimeout, settleVisibility, settleTries = 30 * time.Second, 180 * time.Second, 10
	settleDelay                                  = 30 * time.Second
	consumers, batchSize                         = 10, 10 // of each queue
	largestMessage                               = 256 << 10
)

// A hundred webhooks a second: for five seconds as ever, then throttled, and for five seconds more as ever.
const (
	every      = 10 * time.Millisecond
	beforehand = 5 * time.Second
	afterwards = 5 * time.Second
)

// What things take, give or take a half.
const (
	reading, writing, refusing = 4 * time.Millisecond, 6 * time.Millisecond, 3 * time.Millisecond // a table
	sending, storing           = 8 * time.Millisecond, 30 * time.Millisecond                      // a queue, the bucket
	computing, starting        = 3 * time.Millisecond, 200 * time.Millisecond                     // an invocation, a process
)

// A table that holds what comes in refuses everything for two minutes, at 100 webhooks a second. Nothing that was
// acknowledged is lost or there twice, no sender is sent away for it or waits long, few processes are busy at once, and
// five minutes after the first refusal nothing waits any more.
//
// It plays in virtual time, one thing after the other, so that a seed repeats it to the nanosecond.
func TestThrottledForTwoMinutes(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError + 1})))
	t.Cleanup(func() { slog.SetDefault(before) })
	percent := debug.SetGCPercent(400) // what is in memory stays there
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SUPPORTVAULT_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("seed %d (SUPPORTVAULT_SEED repeats it)", seed)
	for _, tc := range []struct {
		name    string
		lasts   time.Duration
		refuses func(vault.Tables, vaulttest.Request) bool
		queued  int // at the least
	}{
		{"records refuses everything for two minutes", 2 * time.Minute, func(tables vault.Tables, req vaulttest.Request) bool {
			return slices.Contains(req.Tables, tables.Records)
		}, 11_000},
		{"records refuses every write for ten seconds", 10 * time.Second, func(tables vault.Tables, req vaulttest.Request) bool {
			return req.Writes() && slices.Contains(req.Tables, tables.Records)
		}, 800},
		{"keys refuses every write for ten seconds", 10 * time.Second, func(tables vault.Tables, req vaulttest.Request) bool {
			return req.Writes() && slices.Contains(req.Tables, tables.Keys)
		}, 100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			w := newWorld(t, seed)
			w.from, w.to = beforehand, beforehand+tc.lasts
			w.webhooks = int((w.to + afterwards) / every)
			w.refuses = func(req vaulttest.Request) bool { return tc.refuses(w.Tables, req) }
			synctest.Test(t, w.play)
			w.figures(t)
			w.unlost(t)
			if n := w.waiting.number; n < tc.queued {
				t.Errorf("%d messages went by way of the queue, want %d at the least", n, tc.queued)
			}
		})
	}
}

// world is everything around the functions: senders, API Gateway, Lambda, SQS, the repetitions of the client of DynamoDB,
// and the time that each of them takes. Whoever waits in it wakes at an instant of its own, so that one runs at a time.
type world struct {
	*road
	t        *testing.T
	accounts []admin.Created
	webhooks int
	from, to time.Duration // of the throttling
	refuses  func(vaulttest.Request) bool
	actors   sync.WaitGroup

	mu     sync.Mutex
	random *rand.Rand
	begin  time.Time
	taken  map[time.Duration]bool // the instants at which somebody wakes

	waiting, due         *sqsQueue // the ingest queue and the settle queue
	ingesting, settling  fleet
	answering, handling  gauge // invocations of ingest by the API and by its queue
	chats, going         []*script
	messages, unanswered int // the last id of a message; deliveries on their way
	answered, refusals   int
	unheard, again       int // answers that the sender did not get, and deliveries that it repeats without a reason
	slowest              time.Duration
}

func newWorld(t *testing.T, seed uint64) *world {
	for name, value := range map[string]string{
		"AWS_REGION": "us-east-2", "RECORDS_TABLE": "r", "KEYS_TABLE": "k", "CONTROL_TABLE": "c", "OBJECTS_BUCKET": "o",
		"BUS_NAME": "b", "INGEST_QUEUE_URL": "ingest", "SETTLE_QUEUE_URL": "settle", "PURGE_QUEUE_URL": "purge", "ATTACH_QUEUE_URL": "attach", "SETTLE_DELAY": settleDelay.String(),
	} {
		t.Setenv(name, value)
	}
	w := &world{
		road: inMemory(), random: rand.New(rand.NewPCG(seed, 3)), taken: map[time.Duration]bool{},
		waiting: &sqsQueue{visibility: ingestVisibility, tries: ingestTries},
		due:     &sqsQueue{visibility: settleVisibility, tries: settleTries},
	}
	// A process repeats as the client does that Build gives it.
	w.ingesting.start = func() (*vault.Store, error) {
		h, err := ingest.Build()
		return h.Store, err
	}
	w.settling.start = func() (*vault.Store, error) {
		h, err := settle.Build()
		return h.Store, err
	}
	// What these packages make when they are first used must not belong to the bubble of time.
	if _, err := pack.Unpack(pack.Pack(make([]byte, 4096))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"busy", "calm", "third"} {
		w.accounts = append(w.accounts, w.account(t, admin.Request{Account: name}))
	}
	w.ingest = ingest.New(ingest.Config{}, ingest.Deps{
		Store: w.Store, Health: w.counter(), Queue: ingest.Queues{
			Ingest:      sqsqueue.Queue{Client: w, URL: "ingest"},
			SettleQueue: intake.SettleQueue{Queue: sqsqueue.Queue{Client: w, URL: "settle"}, Delay: settleDelay},
		},
	})
	w.settle = settle.New(settle.Deps{Store: w.Store, Queue: w, Bus: w, Purge: w})
	return w
}

func (w *world) play(t *testing.T) {
	w.t, w.begin = t, time.Now()
	w.Fault.Set(w.request)
	w.unanswered = w.webhooks
	w.act(every, w.send)
	for i := range consumers {
		at := time.Duration(i) * time.Millisecond
		w.act(at, func() { w.consume(w.waiting, &w.ingesting, &w.handling, ingestTimeout, w.ingest.QueueBatch) })
		w.act(at, func() { w.consume(w.due, &w.settling, &gauge{}, settleTimeout, w.settle.Batch) })
	}
	w.act(w.to+5*time.Second, w.sweep)
	w.actors.Wait()
	w.Fault.Set(nil)
}

func (w *world) now() time.Duration { return time.Since(w.begin) }

// wake is an instant after a while, at which nobody else wakes.
func (w *world) wake(after time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.now() + after
	for w.taken[at] {
		at++
	}
	w.taken[at] = true
	return at
}

// act begins to do something after a while.
func (w *world) act(after time.Duration, do func()) {
	at := w.wake(after)
	w.actors.Go(func() {
		time.Sleep(at - w.now())
		w.Clock.Set(noon.Add(at))
		do()
	})
}

func (w *world) sleep(ctx context.Context, d time.Duration) error {
	at := w.wake(d)
	select {
	case <-ctx.Done():
	case <-time.After(at - w.now()):
	}
	w.Clock.Set(noon.Add(w.now()))
	return ctx.Err()
}

// takes is sleep for about a while.
func (w *world) takes(ctx context.Context, d time.Duration) error {
	return w.sleep(ctx, d/2+time.Duration(w.number(int(d))))
}

func (w *world) number(below int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(below)
}

// onceIn is true once in so many times.
func (w *world) onceIn(n int) bool { return w.number(n) == 0 }

func (w *world) locked(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// process is one of Lambda's; its budget of repetitions is its own.
type process struct{ retryer aws.RetryerV2 }

type processOf struct{}

type gauge struct{ now, peak int }

func (g *gauge) add(n int) {
	g.now += n
	g.peak = max(g.peak, g.now)
}

// fleet is the processes of one function.
type fleet struct {
	start func() (*vault.Store, error)
	free  []*process
	busy  gauge
}

// invoke runs an invocation in a process, ok says whether it ended before its time was over.
func invoke[In, Out any](w *world, f *fleet, by *gauge, timeout time.Duration, in In,
	handle func(context.Context, In) (Out, error),
) (out Out, ok bool) {
	var p *process
	w.locked(func() {
		f.busy.add(1)
		by.add(1)
		if n := len(f.free); n > 0 {
			p, f.free = f.free[n-1], f.free[:n-1]
		}
	})
	if p == nil {
		store, err := f.start()
		if err != nil {
			w.t.Error(err)
		}
		p = &process{store.DB.Options().Retryer.(aws.RetryerV2)}
		_ = w.takes(context.Background(), starting)
	}
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), processOf{}, p), timeout)
	defer cancel()
	_ = w.takes(ctx, computing)
	out, err := handle(ctx, in)
	if err != nil {
		w.t.Errorf("an invocation failed: %v", err)
	}
	w.locked(func() {
		f.busy.add(-1)
		by.add(-1)
		f.free = append(f.free, p)
	})
	return out, ctx.Err() == nil
}

// request is what a client does with a request to a table: it makes it, and makes it again, as its retryer says.
func (w *world) request(ctx context.Context, req vaulttest.Request) error {
	p, ok := ctx.Value(processOf{}).(*process)
	if !ok {
		return nil
	}
	if len(req.Tables) == 0 {
		return w.takes(ctx, storing)
	}
	paid := func(error) error { return nil }
	for attempt := 1; ; attempt++ {
		release, err := p.retryer.GetAttemptToken(ctx)
		if err != nil {
			return err
		}
		at, refused := w.now(), error(nil)
		took := reading
		switch {
		case at >= w.from && at < w.to && w.refuses(req):
			refused, took = &types.ProvisionedThroughputExceededException{}, refusing
		case req.Writes():
			took = writing
		}
		if err := w.takes(ctx, took); err != nil {
			return err
		}
		_ = paid(refused)
		_ = release(refused)
		if refused == nil || attempt == p.retryer.MaxAttempts() {
			return refused
		}
		if paid, err = p.retryer.GetRetryToken(ctx, refused); err != nil {
			return errors.Join(refused, err)
		}
		delay, err := p.retryer.RetryDelay(attempt, refused)
		if err != nil {
			return err
		}
		if err := w.sleep(ctx, delay); err != nil {
			return err
		}
	}
}

// sqsQueue is a standard queue: it delivers at least once, in no strict order, and what is not deleted comes again.
type sqsQueue struct {
	visibility time.Duration
	tries      int
	hidden     messages // all that are neither deleted nor dead, by when they are visible
	number     int
	count      gauge
	empty      time.Duration // since when it is empty
	dead       []string
	// Receptions counts messages handed out, failures those of them that were not deleted.
	receptions, failures int
}

type message struct {
	id, body string
	visible  time.Duration
	tries    int
	deleted  bool
}

type messages []*message

func (m messages) Len() int           { return len(m) }
func (m messages) Less(i, j int) bool { return m[i].visible < m[j].visible }
func (m messages) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *messages) Push(x any)        { *m = append(*m, x.(*message)) }
func (m *messages) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// SendMessage is the client of SQS, as ingest has it. Once in a thousand times the ingest queue takes nothing either.
func (w *world) SendMessage(ctx context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	if err := w.takes(ctx, sending); err != nil {
		return nil, err
	}
	if len(*in.MessageBody) > largestMessage {
		w.t.Errorf("a message of %d bytes", len(*in.MessageBody))
		return nil, errors.New("InvalidParameterValue")
	}
	q := w.due
	if *in.QueueUrl == "ingest" {
		if q = w.waiting; w.onceIn(1000) {
			return nil, errors.New("ServiceUnavailable")
		}
	}
	w.put(q, *in.MessageBody, time.Duration(in.DelaySeconds)*time.Second)
	return &sqs.SendMessageOutput{}, nil
}

// SendMessageBatch is how ingest sends for files, of which there are none here.
func (w *world) SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	w.t.Error("a file was sent for")
	return nil, errors.New("ServiceUnavailable")
}

// Send is what settling's sweep does with what it finds.
func (w *world) Send(ctx context.Context, references []vault.Reference) error {
	if err := w.takes(ctx, sending); err != nil {
		return err
	}
	for _, r := range references {
		w.put(w.due, r.String(), 0)
	}
	return nil
}

// Publish is settling's bus.
func (w *world) Publish(ctx context.Context, _ settle.Event) error {
	return w.takes(ctx, sending)
}

func (w *world) put(q *sqsQueue, body string, delay time.Duration) {
	w.locked(func() {
		q.number++
		q.count.add(1)
		disorder := time.Duration(w.random.IntN(int(time.Second)))
		heap.Push(&q.hidden, &message{id: strconv.Itoa(q.number), body: body, visible: w.now() + delay + disorder})
	})
}

// receive hands out what is visible. Once in a hundred times a message is handed out to another as well.
func (w *world) receive(q *sqsQueue) (batch []*message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(batch) < batchSize && len(q.hidden) > 0 && q.hidden[0].visible <= w.now() {
		m := heap.Pop(&q.hidden).(*message)
		if m.deleted {
			continue
		}
		if m.tries++; m.tries > q.tries {
			q.dead = append(q.dead, m.body)
			q.count.add(-1)
			continue
		}
		q.receptions++
		m.visible = w.now() + q.visibility
		if w.random.IntN(100) == 0 {
			m.visible = w.now() + time.Duration(1+w.random.IntN(int(time.Second)))
		}
		batch = append(batch, m)
		heap.Push(&q.hidden, m)
	}
	return batch
}

// delete deletes what was handled. Once in a hundred times a message comes again nevertheless.
func (w *world) delete(q *sqsQueue, m *message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m.deleted {
		return
	}
	if w.random.IntN(100) == 0 {
		m.visible = w.now() + time.Duration(1+w.random.IntN(int(5*time.Second)))
		heap.Init(&q.hidden)
		return
	}
	m.deleted = true
	if q.count.add(-1); q.count.now == 0 {
		q.empty = w.now()
	}
}

// forever is when the play is broken off.
const forever = time.Hour

// over says that everything is done.
func (w *world) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now() > forever {
		return true
	}
	return w.unanswered == 0 && w.waiting.count.now == 0 && w.due.count.now == 0
}

// consume is one of the concurrent invocations by which Lambda hands a queue to a function.
func (w *world) consume(q *sqsQueue, f *fleet, by *gauge, timeout time.Duration,
	handle func(context.Context, events.SQSEvent) (events.SQSEventResponse, error),
) {
	for !w.over() {
		batch := w.receive(q)
		if len(batch) == 0 {
			_ = w.sleep(context.Background(), 200*time.Millisecond)
			continue
		}
		payload := events.SQSEvent{}
		for _, m := range batch {
			payload.Records = append(payload.Records, events.SQSMessage{MessageId: m.id, Body: m.body, EventSource: "aws:sqs"})
		}
		res, ok := invoke(w, f, by, timeout, payload, handle)
		failed := map[string]bool{}
		for _, m := range batch {
			failed[m.id] = !ok
		}
		for _, failure := range res.BatchItemFailures {
			failed[failure.ItemIdentifier] = true
		}
		for _, m := range batch {
			if failed[m.id] {
				w.locked(func() { q.failures++ })
			} else {
				w.delete(q, m)
			}
		}
	}
}

func (w *world) sweep() {
	for !w.over() {
		invoke(w, &w.settling, &gauge{}, settleTimeout, 0, func(ctx context.Context, _ int) (vault.Swept, error) {
			return w.settle.Sweep(ctx)
		})
		_ = w.sleep(context.Background(), time.Minute)
	}
}

// script is a conversation as its sender sends it, and what has to be read of it in the end.
type script struct {
	account admin.Created
	source  string
	id      string
	next    func(at time.Time) []byte // the next webhook; nil if there is none
	said    []said
}

// send sends webhooks, one every ten milliseconds: whatever comes next of one of some 300 conversations that go on at once.
func (w *world) send() {
	for range w.webhooks {
		var s *script
		var body []byte
		for body == nil {
			i := w.number(300)
			if i >= len(w.going) {
				i, w.going = len(w.going), append(w.going, w.begun())
			}
			s = w.going[i]
			if body = s.next(noon.Add(w.now().Truncate(time.Millisecond))); body == nil {
				w.going = slices.Delete(w.going, i, i+1)
			}
		}
		w.act(0, func() { w.deliver(s, body) })
		_ = w.sleep(context.Background(), every)
	}
}

// begun is a new conversation.
func (w *world) begun() *script {
	n := len(w.chats) + 1
	s := &script{account: w.accounts[w.number(len(w.accounts))], source: "chatwoot", id: strconv.Itoa(n)}
	w.chats = append(w.chats, s)
	left, age := 1+w.number(14), time.Duration(0)
	ends, kind := w.number(3), w.number(100)
	lines := []string{fmt.Sprintf("Question %d", n), "One moment, please.", fmt.Sprintf("Order %d?", n), "It left today.", "Thanks."}
	lines = lines[:2+w.number(4)]
	transcript := func(first time.Time) []byte {
		s.said = nil
		for i, line := range lines {
			role := []conversation.Role{conversation.Visitor, conversation.Agent}[i%2]
			s.said = append(s.said, said{stamp(first.Add(time.Duration(i) * time.Second)), role, line})
		}
		return tawkTranscript(s.id, first, lines...)
	}
	switch {
	case kind < 20: // beginning, end, all of it
		s.source, s.id = "tawkto", fmt.Sprintf("5c0ab1e2-c4e7-11f1-8f3d-%012d", n)
		var first time.Time
		step := 0
		s.next = func(at time.Time) []byte {
			switch step++; step {
			case 1:
				first, s.said = at, []said{{stamp(at), conversation.Visitor, lines[0]}}
				return tawkStart(s.id, at, lines[0])
			case 2:
				return tawkEnd(s.id, first.Add(10*time.Second))
			case 3:
				return transcript(first)
			}
			return nil
		}
		return s
	case kind < 30: // all of it at once
		s.source, s.id = "tawkto", fmt.Sprintf("7d1bc2f3-c4e7-11f1-8f3d-%012d", n)
		s.next = func(at time.Time) []byte {
			if s.said != nil {
				return nil
			}
			return transcript(at.Add(-time.Minute))
		}
		return s
	case kind < 35: // of an hour ago, by a sender that was down: idle as soon as it is here
		left, ends, age = 3, 0, time.Hour
	}
	// Message by message; with an end, after which it may go on, or without.
	s.next = func(at time.Time) []byte {
		if left--; left < 0 {
			if ends--; ends < 0 {
				return nil
			}
			left = 1
			return wootResolved(n, at.Add(time.Second))
		}
		w.messages++
		role, text := conversation.Visitor, fmt.Sprintf("Line %d", w.messages)
		if w.messages%2 == 0 {
			role = conversation.Agent
		}
		if w.onceIn(1000) {
			text = large(250_000, uint64(w.messages))
		}
		at = at.Add(-age)
		s.said = append(s.said, said{stamp(at), role, text})
		return wootMessage(n, w.messages, at, text)
	}
	return s
}

// patience is how long a sender waits for an answer: Chatwoot five seconds, the others longer.
const patience = 5 * time.Second

// deliver sends a webhook until it is acknowledged, and now and then once more.
func (w *world) deliver(s *script, body []byte) {
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		begin := w.now()
		res, ok := invoke(w, &w.ingesting, &w.answering, ingestTimeout, w.signed(s.account, s.source, body), w.ingest.Webhook)
		took, status := w.now()-begin, res.StatusCode
		heard := ok && took < patience && !w.onceIn(200)
		w.locked(func() {
			w.slowest = max(w.slowest, took)
			switch {
			case !heard:
				w.unheard++
			case status == 503:
				w.refusals++
			case status == 202:
				w.answered++
			default:
				w.t.Errorf("answered %d", status)
			}
		})
		if heard && status != 503 || w.now() > forever {
			break
		}
		_ = w.takes(context.Background(), pause)
	}
	if w.onceIn(50) {
		w.locked(func() { w.again++ })
		_ = w.takes(context.Background(), time.Minute)
		invoke(w, &w.ingesting, &w.answering, ingestTimeout, w.signed(s.account, s.source, body), w.ingest.Webhook)
	}
	w.locked(func() { w.unanswered-- })
}

// figures says how it went, and what of it was not good enough.
func (w *world) figures(t *testing.T) {
	q := w.waiting
	fromBegin, fromEnd := q.empty-w.from, q.empty-w.to
	t.Logf("%d webhooks of %d conversations acknowledged, %d messages queued; %d answers of 503, %d not heard, %d repeated without need",
		w.answered, len(w.chats), q.number, w.refusals, w.unheard, w.again)
	t.Logf("the slowest answer took %v; ingest had up to %d processes busy: up to %d answering, up to %d at the queue",
		w.slowest.Round(time.Millisecond), w.ingesting.busy.peak, w.answering.peak, w.handling.peak)
	t.Logf("up to %d messages waited; %d were handed out, %d of them in vain; the queue was empty %v after the throttling began, %v after it ended",
		q.count.peak, q.receptions, q.failures, fromBegin.Round(time.Second), fromEnd.Round(time.Second))
	if w.answered != w.webhooks || q.count.now+w.due.count.now > 0 {
		t.Errorf("%d deliveries of %d were acknowledged; %d and %d messages are left", w.answered, w.webhooks, q.count.now, w.due.count.now)
	}
	if w.refusals > w.webhooks/100 || w.slowest > patience/2 {
		t.Errorf("%d answers of 503, and answers after up to %v", w.refusals, w.slowest)
	}
	if fromBegin > 5*time.Minute {
		t.Errorf("the queue was empty only %v after the throttling began", fromBegin)
	}
	if n := w.ingesting.busy.peak; n > 50 { // 1,000 is what an AWS account has for everything
		t.Errorf("%d processes at once", n)
	}
	if len(w.waiting.dead)+len(w.due.dead) > 0 {
		t.Errorf("%d and %d dead letters", len(w.waiting.dead), len(w.due.dead))
	}
	for name := range w.S3.Objects() {
		if strings.HasPrefix(name, "queue/") {
			t.Errorf("left: %s", name)
		}
	}
}

// unlost reads every conversation: each is there once, with everything that was said in it, once and in order.
func (w *world) unlost(t *testing.T) {
	for _, a := range w.accounts {
		want := map[string][]said{}
		for _, s := range w.chats {
			if s.account.Account == a.Account && s.said != nil {
				want[s.source+" "+s.id] = s.said
			}
		}
		seen, wrong := map[string]bool{}, 0
		for _, v := range w.list(t, a, "limit=100") {
			name := v.Source + " " + v.Conversation
			if seen[name] {
				t.Errorf("%s: %s stands twice", a.Account, name)
			}
			seen[name] = true
			if diff := cmp.Diff(want[name], saidIn(w.one(t, a, v.ID))); diff != "" && wrong < 3 {
				wrong++
				t.Errorf("%s: %s, %s (-want +got):\n%.600s", a.Account, name, v.State, diff)
			}
		}
		if len(seen) != len(want) {
			t.Errorf("%s: %d conversations, want %d", a.Account, len(seen), len(want))
		}
	}
}

// stingy is a queue for a number of messages.
type stingy struct {
	*queues
	left int
}

func (q *stingy) Wait(ctx context.Context, body string) error {
	if q.left--; q.left < 0 {
		return errors.New("refused")
	}
	return q.queues.Wait(ctx, body)
}

// The events of a large delivery wait in several messages, so that a batch of the queue is done in time. Where the queue
// takes only some of them the sender comes again, and nothing is there twice.
func TestThrottledDeliveryOfManyEvents(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	var all, want []string
	for i := range 120 {
		at := stamp(noon.Add(time.Duration(i) * time.Second))
		want = append(want, fmt.Sprintf("Line %d", i))
		all = append(all, fmt.Sprintf(`{"id": "e%d", "type": "conversation.message", "time": %q, "kind": "chat", "conversation": "c",
			"entries": [{"id": "m%d", "time": %q, "author": {"role": "visitor"}, "text": "Line %d"}]}`, i, at, i, at, i))
	}
	body := []byte(`{"version": "1", "events": [` + strings.Join(all, ",") + `]}`)
	r.Fault.Set(refuses(r.Tables.Records))
	queue := &stingy{r.queues, 1}
	r.ingest = ingest.New(ingest.Config{}, ingest.Deps{Store: r.Store, Queue: queue, Health: r.counter()})
	if status, answer := r.post(demo, "canonical", body); status != 503 || len(r.queues.waiting) != 1 {
		t.Fatalf("the queue takes one message: %d %s, and %d wait", status, answer, len(r.queues.waiting))
	}
	queue.left = 10
	status, answer := r.post(demo, "canonical", body)
	if status != 202 || !strings.Contains(answer, `"accepted":120`) || len(r.queues.waiting) != 1+3 {
		t.Fatalf("the queue takes ten messages: %d %s, and %d wait", status, answer, len(r.queues.waiting))
	}
	r.unharmed()
	r.drain(t)
	if diff := cmp.Diff(want, texts(r.one(t, demo, r.id(t, demo, "canonical", "c", 1)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/ledger"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/vault"
)

// Deps are what a handler needs.
type Deps struct {
	Store *vault.Store
	SES   sender
	Queue queue
	// Purge is the queue of what a cadence keeps no longer than until it is delivered.
	Purge queue
	// Compose is letter.Compose, if nil.
	Compose func(letter.Message) ([]byte, error)
}

type sender interface {
	// SendEmail hands a complete message over. An error other than a refusal says nothing about whether it was taken.
	SendEmail(context.Context, *sesv2.SendEmailInput, ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error)
}

type queue interface {
	// SendAll sends up to ten messages.
	SendAll(ctx context.Context, bodies []string) error
}

// Handler sends mail.
type Handler struct {
	Config
	Deps
}

// New makes a handler.
func New(config Config, deps Deps) *Handler {
	if deps.Compose == nil {
		deps.Compose = letter.Compose
	}
	return &Handler{config, deps}
}

// Batch works off what the queue holds.
func (h *Handler) Batch(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	return edge.Queue(ctx, batch, h.message), nil
}

// message tells apart what comes by the queue.
func (h *Handler) message(ctx context.Context, m events.SQSMessage) error {
	var in struct {
		Digest *due    `json:"digest"`
		Report *report `json:"report"`
		Notice *waits  `json:"notice"`
	}
	if err := json.Unmarshal([]byte(m.Body), &in); err != nil {
		return errors.New("not a message of the mail queue")
	}
	switch {
	case in.Digest != nil:
		return h.digest(ctx, *in.Digest)
	case in.Report != nil:
		return h.reported(ctx, *in.Report)
	case in.Notice != nil:
		return h.notice(ctx, *in.Notice)
	}
	ref, err := vault.ParseReference(m.Body)
	if err != nil {
		return err
	}
	return h.settled(ctx, ref)
}

// desk is an account opened to work off one message.
type desk struct {
	*Handler
	ses    *vault.Session
	book   *mailbox.Book
	ledger *ledger.Ledger
}

// open opens an account; nil where there is none any more.
func (h *Handler) open(ctx context.Context, account string) (*desk, error) {
	ses, err := h.Store.Open(ctx, account, "")
	if errors.Is(err, vault.ErrNoAccount) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &desk{h, ses, mailbox.Open(h.Store, ses), &ledger.Ledger{DB: h.Store.DB, Table: h.Store.Tables.Control, Now: h.Store.Now}}, nil
}

// errNoSender is returned where something is to be sent and nobody is configured to send it: the message waits until it is.
var errNoSender = errors.New("no sender is configured")

// settled sends a conversation that has settled to the destinations of its account, or puts it into their digests. Which
// revision it was makes no difference: what has left does not leave again. So a mail is not lost either where the first
// revision was followed by the next before anybody heard of it.
func (h *Handler) settled(ctx context.Context, ref vault.Reference) error {
	d, err := h.open(ctx, ref.Account)
	if err != nil || d == nil {
		return err
	}
	all, err := d.book.Destinations(ctx)
	if err != nil {
		return err
	}
	var wanted []mailbox.Destination
	for _, to := range all {
		if to.Takes(ref.Kind) {
			wanted = append(wanted, to)
		}
	}
	switch {
	case len(wanted) == 0:
		return nil
	case h.From == "":
		return errNoSender
	}
	row, ok, err := d.ses.Row(ctx, ref.Record, ref.Incarnation)
	if err != nil || !ok {
		return err
	}
	c, err := d.ses.Load(ctx, row, nil)
	if errors.Is(err, vault.ErrUnreadable) && !errors.Is(err, vault.ErrObjectGone) {
		return nil // destroyed, or its time is over
	}
	if err != nil {
		return err
	}
	if c.State != vault.Settled {
		return nil // it goes on, and will settle again
	}
	var failures []error
	for _, to := range wanted {
		if to.When == mailbox.Settled {
			err = d.send(ctx, to, c)
		} else {
			err = d.file(ctx, to, c)
		}
		if err == nil { // an earlier revision may have been delivered already
			err = d.delivered(ctx, c.Row, to)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("destination %s: %w", to.Name, err))
		}
	}
	return errors.Join(failures...)
}

// Due is what a run of the schedule found.
type Due struct {
	Digests int `json:"digests"`
	Notices int `json:"notices"`
}

// queued is how many messages are sent to the queue at once.
const queued = 10

// clearsAt is the hour of the day, of UTC, in whose run is cleared what is over: once a day, because whole days are cleared.
const clearsAt = 3

// Digests sends the digests that are due to the queue, of every account, and the notices that still wait; once a day, it clears
// what the log and the links need no longer. Accounts come in another order each time: a run that does not get through lacks others than the run before it.
func (h *Handler) Digests(ctx context.Context) (found Due, err error) {
	var accounts []string
	err = h.Store.Accounts(ctx, func(account string) (bool, error) {
		accounts = append(accounts, account)
		return true, nil
	})
	if err != nil {
		return Due{}, err
	}
	rand.Shuffle(len(accounts), func(i, j int) { accounts[i], accounts[j] = accounts[j], accounts[i] })
	var digests, notices atomic.Int64
	failures := []error{eachOf(ctx, accounts, "digests", func(ctx context.Context, account string) error {
		n, err := h.due(ctx, account)
		digests.Add(int64(n))
		return err
	})}
	if h.From != "" { // without a sender they would only fail; they wait where they stand
		failures = append(failures, eachOf(ctx, accounts, "notices", func(ctx context.Context, account string) error {
			n, err := h.unsent(ctx, account)
			notices.Add(int64(n))
			return err
		}))
	}
	if h.Store.Now().UTC().Hour() == clearsAt {
		failures = append(failures, eachOf(ctx, accounts, "clearing", h.clear))
	}
	found.Digests, found.Notices = int(digests.Load()), int(notices.Load())
	slog.InfoContext(ctx, "digests", slog.Int("due", found.Digests), slog.Int("notices", found.Notices))
	return found, errors.Join(failures...)
}

// eachOf does something for all accounts, some at a time, while there is time. What fails for one does not keep it from the
// others.
func eachOf(ctx context.Context, accounts []string, what string, does func(context.Context, string) error) error {
	within := ctx
	if deadline, ok := ctx.Deadline(); ok { // what takes long is ended in time to say so
		var cancel context.CancelFunc
		within, cancel = context.WithDeadline(ctx, deadline.Add(-reserveOne/2))
		defer cancel()
	}
	var mu sync.Mutex
	var failures []error
	left := 0
	// None of them returns an error, which would end the others.
	_ = together(within, len(accounts), func(within context.Context, i int) error {
		over := edge.Late(ctx, reserveOne)
		var err error
		if !over {
			err = does(within, accounts[i])
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case over:
			left++
		case err != nil:
			failures = append(failures, fmt.Errorf("%s of %s: %w", what, accounts[i], err))
		}
		return nil
	})
	if left > 0 {
		failures = append(failures, fmt.Errorf("%s: the time is up, and %d of %d accounts wait for the next run",
			what, left, len(accounts)))
	}
	return errors.Join(failures...)
}

// due is a digest in the queue.
type due struct {
	Account     string    `json:"account"`
	Destination string    `json:"destination"`
	End         time.Time `json:"end"`
}

func (d due) String() string {
	b, err := json.Marshal(struct {
		Digest due `json:"digest"`
	}{d})
	if err != nil {
		panic(err) // two strings and a time of this age always marshal
	}
	return string(b)
}

// due sends the digests of an account that are due to the queue.
func (h *Handler) due(ctx context.Context, account string) (n int, err error) {
	ses, err := h.Store.OpenPolicy(ctx, account)
	if err != nil {
		return 0, err
	}
	digests, err := mailbox.Open(h.Store, ses).Due(ctx)
	if err != nil {
		return 0, err
	}
	var bodies []string
	for _, d := range digests {
		bodies = append(bodies, due{account, d.Destination, d.To}.String())
	}
	return h.queue(ctx, bodies)
}

// queue sends messages to the queue, and says how many it has.
func (h *Handler) queue(ctx context.Context, bodies []string) (n int, err error) {
	for some := range slices.Chunk(bodies, queued) {
		if err := h.Queue.SendAll(ctx, some); err != nil {
			return n, err
		}
		n += len(some)
	}
	return n, nil
}

// clear removes what is over of an account. What it does not get to, the next day's does.
func (h *Handler) clear(ctx context.Context, account string) error {
	ses, err := h.Store.OpenPolicy(ctx, account)
	if err != nil {
		return err
	}
	return mailbox.Open(h.Store, ses).Clear(ctx)
}

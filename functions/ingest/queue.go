package ingest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/intake"
	"github.com/supportvault/supportvault/shared/seal"
	"github.com/supportvault/supportvault/shared/sqsqueue"
	"github.com/supportvault/supportvault/shared/vault"
)

// inlineMessage is the size in bytes of a sealed message up to which it goes through SQS itself, which takes 256 KB (1 MB
// since 2025) of base64 and names.
const inlineMessage = 150 << 10

// Queue is where events wait that the tables refused, and where ended conversations wait to be settled.
type Queue interface {
	// Settle asks for a conversation to be settled.
	Settle(context.Context, vault.Reference) error
	// Attach asks for up to ten files to be fetched.
	Attach(context.Context, []vault.FileReference) error
	// Wait holds a message until the tables take it.
	Wait(ctx context.Context, body string) error
}

// message is what waits: who can open it and what it is, sealed. Nothing of its content is in the clear.
type message struct {
	Account string `json:"account"`
	ID      string `json:"id"`
	Sealed  string `json:"sealed,omitempty"`
	Object  bool   `json:"object,omitempty"`
}

var messageID = regexp.MustCompile(`^[A-Z2-7]{26}$`)

func (m message) context() seal.Context { return seal.Context{"account": m.Account, "message": m.ID} }

// together is how many events wait in one message. An event takes four requests, some 25 ms: ten messages are stored well
// within the function's time, however many events their deliveries had.
const together = 50

// enqueue seals events for the queue. Where not all of them get there, those that did are stored as well: the sender, who
// is told to come again, sends them under the same ids.
func (h *Handler) enqueue(ctx context.Context, ses *vault.Session, kept []conversation.Event) error {
	for some := range slices.Chunk(kept, together) {
		if err := h.enqueueSome(ctx, ses, some); err != nil {
			return err
		}
	}
	return nil
}

// enqueueSome seals events under the account's key, since they may have no row yet and so no own key.
func (h *Handler) enqueueSome(ctx context.Context, ses *vault.Session, kept []conversation.Event) error {
	plain, err := vault.Marshal(kept)
	if err != nil {
		return err
	}
	m := message{Account: ses.Account, ID: rand.Text()}
	sealed, err := seal.Seal(ses.Key.QueueKey(m.ID), m.context(), plain)
	if err != nil {
		return err
	}
	if m.Object = len(sealed) > inlineMessage; m.Object {
		if err := h.Store.Objects.Put(ctx, vault.QueueObject(m.Account, m.ID), sealed); err != nil {
			return err
		}
	} else {
		m.Sealed = base64.StdEncoding.EncodeToString(sealed)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := h.Queue.Wait(ctx, string(body)); err != nil {
		if m.Object { // no message names it
			err = errors.Join(err, h.Store.Objects.Delete(ctx, vault.QueueObject(m.Account, m.ID)))
		}
		return err
	}
	return nil
}

// dequeue stores the events of one message.
func (h *Handler) dequeue(ctx context.Context, raw events.SQSMessage) error {
	var m message
	if err := json.Unmarshal([]byte(raw.Body), &m); err != nil || !messageID.MatchString(m.ID) {
		return errors.New("a message of another form is in the ingest queue")
	}
	ses, err := h.Store.Open(ctx, m.Account, "")
	if errors.Is(err, vault.ErrNoAccount) {
		return nil // the account and its key are gone, and with them the right to keep this
	}
	if err != nil {
		return err
	}
	sealed, err := base64.StdEncoding.DecodeString(m.Sealed)
	if m.Object {
		sealed, err = h.Store.Objects.Get(ctx, vault.QueueObject(m.Account, m.ID))
	}
	if errors.Is(err, vault.ErrUnreadable) {
		// It was stored and its object deleted, and only the message came again; or it waited longer than objects are kept.
		slog.ErrorContext(ctx, "the object of a queued message is gone", slog.String("message", m.ID))
		return nil
	}
	if err != nil {
		return err
	}
	plain, err := seal.Open(ses.Key.QueueKey(m.ID), m.context(), sealed)
	if err != nil {
		return err
	}
	var kept []conversation.Event
	if err := vault.Unmarshal(plain, &kept); err != nil {
		return err
	}
	visits, kept := intake.Apart(ses, kept)
	if _, _, err := ses.PutVisits(ctx, visits); err != nil {
		return err
	}
	for _, e := range kept {
		if _, err := h.intake().Event(ctx, ses, e); err != nil {
			return err
		}
	}
	if m.Object {
		return h.Store.Objects.Delete(ctx, vault.QueueObject(m.Account, m.ID))
	}
	return nil
}

// Queues are the queues in SQS.
type Queues struct {
	Ingest, Attaching sqsqueue.Queue
	intake.SettleQueue
}

// Attach sends to the attach queue.
func (q Queues) Attach(ctx context.Context, files []vault.FileReference) error {
	return q.Attaching.SendFor(ctx, files[0].Account, sqsqueue.Texts(files))
}

// waitDelay is after how long a refused event is tried again. If the tables refuse it then too, it comes again after the
// queue's visibility timeout, two minutes: throttling that is over sooner is not to cost as much.
const waitDelay = 5 * time.Second

// Wait sends to the ingest queue.
func (q Queues) Wait(ctx context.Context, body string) error {
	return q.Ingest.Send(ctx, body, waitDelay)
}

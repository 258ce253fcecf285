package mail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/vault"
)

// report is what SES says later of a message, as the rule hands it on: without an address.
type report struct {
	// Event is bounce or complaint; Type and Subtype are a bounce's.
	Event   string `json:"event"`
	Type    string `json:"type"`
	Subtype string `json:"subtype"`
	// Account and Copy are the message's tags; SES makes lists of them.
	Account texts `json:"account"`
	Copy    texts `json:"copy"`
	// Message is SES's id of the message, At when it says so.
	Message string    `json:"message"`
	At      time.Time `json:"at"`
}

// texts is a text, or a list of which the first counts.
type texts string

func (t *texts) UnmarshalJSON(b []byte) error {
	var all []string
	if json.Unmarshal(b, &all) == nil {
		*t = ""
		if len(all) > 0 {
			*t = texts(all[0])
		}
		return nil
	}
	var one string
	err := json.Unmarshal(b, &one)
	*t = texts(one)
	return err
}

var tagForm = lazyregexp.New(`^([a-z0-9][a-z0-9-]{0,31})_([a-z2-7]{32}-[1-9]\d{0,3})_([a-z2-7]{32})$`)

// reported notes what became of a message. The same report again changes nothing.
func (h *Handler) reported(ctx context.Context, r report) error {
	m := tagForm().FindStringSubmatch(string(r.Copy))
	if m == nil || !account.ValidID(string(r.Account)) || r.Event != "bounce" && r.Event != "complaint" {
		slog.WarnContext(ctx, "passed over a report that is of none of our messages")
		return nil
	}
	d, err := h.open(ctx, string(r.Account))
	if err != nil || d == nil {
		return err
	}
	name, id, blind := m[1], m[2], m[3]
	address, until, err := d.whose(ctx, name, id, blind)
	if err != nil {
		return err
	}
	if r.At.IsZero() {
		r.At = d.ses.Now()
	}
	e := mailbox.Logged{At: r.At, Event: mailbox.LogBounced, Destination: name, Conversation: id, Address: address, Until: until}
	reason := mailbox.Bounced
	if r.Event == "complaint" {
		e.Event, reason = mailbox.LogComplained, mailbox.Complained
	}
	if r.Event == "complaint" || r.Type == "Permanent" {
		if err := d.book.Suppress(ctx, mailbox.Suppression{ID: blind, Address: address, Reason: reason, At: r.At}); err != nil {
			return err
		}
	}
	slog.InfoContext(ctx, "reported", slog.String("event", r.Event), slog.String("type", r.Type), slog.String("subtype", r.Subtype),
		slog.String("message", r.Message))
	sum := sha256.Sum256([]byte(r.Message + "\x00" + r.Event + "\x00" + blind))
	return d.book.Log(ctx, e, hex.EncodeToString(sum[:16]))
}

// whose finds the address behind a blind index where it came from: the destination's own, or the conversation's. It is empty
// where destination or conversation are no more. One of a visitor is remembered no longer than the conversation.
func (d *desk) whose(ctx context.Context, name, id, blind string) (address string, until time.Time, err error) {
	to, ok, err := d.book.Destination(ctx, name)
	if err != nil || !ok {
		return "", time.Time{}, err
	}
	if to.To.Kind == mailbox.Fixed {
		for _, address := range to.To.Addresses {
			if d.book.Blind(address) == blind {
				return address, time.Time{}, nil
			}
		}
		return "", time.Time{}, nil
	}
	record, incarnation, err := vault.ParseID(id)
	if err != nil {
		return "", time.Time{}, nil // the tag's form says that it is one
	}
	row, ok, err := d.ses.Row(ctx, record, incarnation)
	if err != nil || !ok {
		return "", time.Time{}, err
	}
	c, err := d.ses.Load(ctx, row, nil)
	if errors.Is(err, vault.ErrUnreadable) {
		return "", time.Time{}, nil
	}
	if err != nil {
		return "", time.Time{}, err
	}
	for _, r := range d.recipients(to, c) {
		if r.blind == blind {
			if to.To.Kind == mailbox.Visitor {
				until = c.Expires
			}
			return r.address, until, nil
		}
	}
	return "", time.Time{}, nil
}

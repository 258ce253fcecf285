package mail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/mailbox"
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

var tagForm = lazyregexp.New(`^([a-z0-9][a-z0-9-]{0,31})_([a-z2-7]{32}-[1-9]\d{0,3}|digest|notice)_([a-z2-7]{32})$`)

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
	var address string // empty where the destination is no more
	switch id {
	case ofNotice:
		id, name = "", announced
		address, err = d.administrator(ctx, blind)
	default:
		if id == ofDigest {
			id = "" // it is of many
		}
		var to mailbox.Destination
		to, _, err = d.book.Destination(ctx, name)
		address = d.own(to, blind)
	}
	if err != nil {
		return err
	}
	if r.At.IsZero() {
		r.At = d.ses.Now()
	}
	e := mailbox.Logged{At: r.At, Event: mailbox.LogBounced, Destination: name, Conversation: id, Address: address}
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

// own is the address of a destination that a blind index names; empty where the destination does not have it: what only a
// conversation has, such as a visitor's address, is kept nowhere else, because it must not outlive the conversation.
func (d *desk) own(to mailbox.Destination, blind string) string {
	for _, address := range to.To.Addresses {
		if d.book.Blind(address) == blind {
			return address
		}
	}
	for _, address := range to.To.Agents {
		if d.book.Blind(address) == blind {
			return address
		}
	}
	return ""
}

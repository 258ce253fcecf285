package admin

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/ledger"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/vault"
)

// The faults of mail.
var (
	ErrNoSender = fault.New(fault.Conflict, "mail_not_configured",
		"This installation sends no e-mail: its operator has configured no sender.")
	ErrNoDestination = fault.New(fault.NotFound, "destination_unknown", "There is no destination of this name.")
	ErrRequired      = fault.New(fault.Conflict, "destination_required",
		"The policy waits for this destination before it destroys; change the policy first.")
	ErrNoSuppression = fault.New(fault.NotFound, "suppression_unknown", "There is no suppressed address of this id.")
)

// Destinations is the answer of GET …/mail.
type Destinations struct {
	Destinations []mailbox.Destination `json:"destinations"`
}

func (d *desk) destinations(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	all, err := d.book.Destinations(ctx)
	if err != nil {
		return 0, nil, err
	}
	if err := d.audit(ctx, "mail.read", "", len(all)); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, Destinations{append([]mailbox.Destination{}, all...)}, nil
}

func (d *desk) putDestination(ctx context.Context) (int, any, error) {
	body, err := edge.Body(d.req, maxBody)
	if err != nil {
		return 0, nil, err
	}
	to, err := mailbox.ParseDestination(d.req.PathParameters["name"], body, d.ses.Policy)
	if err != nil {
		return 0, nil, err
	}
	if !d.Sends {
		return 0, nil, ErrNoSender
	}
	all, err := d.book.Destinations(ctx)
	if err != nil {
		return 0, nil, err
	}
	known := false
	for _, other := range all {
		known = known || other.Name == to.Name
	}
	if !known && len(all) >= mailbox.MaxDestinations {
		return 0, nil, mailbox.ErrMany
	}
	for kind, required := range d.ses.Policy.Required {
		if slices.Contains(required, to.InLedger()) && !to.Takes(kind) {
			return 0, nil, ErrRequired
		}
	}
	target := fmt.Sprintf("%s when=%s to=%s content=%s", to.Name, to.When, to.To.Kind, to.Content)
	if err := d.audit(ctx, "mail.set", target, 0); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, to, d.book.Put(ctx, to)
}

func (d *desk) deleteDestination(ctx context.Context) (int, any, error) {
	name := d.req.PathParameters["name"]
	if !mailbox.ValidName(name) {
		return 0, nil, ErrNoDestination
	}
	for _, required := range d.ses.Policy.Required {
		if slices.Contains(required, mailbox.Destination{Name: name}.InLedger()) {
			return 0, nil, ErrRequired
		}
	}
	if err := d.audit(ctx, "mail.delete", name, 0); err != nil {
		return 0, nil, err
	}
	ok, err := d.book.Delete(ctx, name)
	if err == nil && !ok {
		err = ErrNoDestination
	}
	return http.StatusNoContent, nil, err
}

// Log is the answer of GET …/mail-log, the newest first.
type Log struct {
	Entries []Entry `json:"entries"`
	Next    *string `json:"next"`
}

// Entry is what became of one message. The conversation is empty of a digest, the address where no destination has it.
type Entry struct {
	At           conversation.Time `json:"at"`
	Event        mailbox.Happening `json:"event"`
	Destination  string            `json:"destination"`
	Conversation string            `json:"conversation"`
	Address      string            `json:"address"`
}

func (d *desk) mailLog(ctx context.Context) (int, any, error) {
	said, err := d.parameters("limit", "cursor")
	if err != nil {
		return 0, nil, err
	}
	limit, err := limitOf(said["limit"])
	if err != nil {
		return 0, nil, err
	}
	entries, cursor, err := d.book.LogPage(ctx, limit, said["cursor"])
	if errors.Is(err, mailbox.ErrCursor) {
		return 0, nil, ErrParameter
	}
	if err != nil {
		return 0, nil, err
	}
	log := Log{Entries: []Entry{}, Next: next(cursor)}
	for _, e := range entries {
		log.Entries = append(log.Entries, Entry{conversation.At(e.At), e.Event, e.Destination, e.Conversation, e.Address})
	}
	if err := d.audit(ctx, "mail-log.read", fmt.Sprintf("limit=%d", limit), len(log.Entries)); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, log, nil
}

// Suppressions is the answer of GET …/suppressions.
type Suppressions struct {
	Suppressions []Suppression `json:"suppressions"`
}

// Suppression is an address to which nothing is sent any more; the address is empty where no destination has it.
type Suppression struct {
	ID      string            `json:"id"`
	Address string            `json:"address"`
	Reason  mailbox.Reason    `json:"reason"`
	At      conversation.Time `json:"at"`
}

func (d *desk) suppressions(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	all, err := d.book.Suppressions(ctx)
	if err != nil {
		return 0, nil, err
	}
	answer := Suppressions{[]Suppression{}}
	for _, s := range all {
		answer.Suppressions = append(answer.Suppressions, Suppression{s.ID, s.Address, s.Reason, conversation.At(s.At)})
	}
	if err := d.audit(ctx, "suppressions.read", "", len(all)); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, answer, nil
}

func (d *desk) deleteSuppression(ctx context.Context) (int, any, error) {
	id := d.req.PathParameters["id"]
	if !mailbox.ValidBlind(id) {
		return 0, nil, ErrNoSuppression
	}
	if err := d.audit(ctx, "suppression.delete", id, 0); err != nil {
		return 0, nil, err
	}
	ok, err := d.book.Unsuppress(ctx, id)
	if err == nil && !ok {
		err = ErrNoSuppression
	}
	return http.StatusNoContent, nil, err
}

// Copies is the answer of GET …/copies.
type Copies struct {
	Copies []Copy  `json:"copies"`
	Next   *string `json:"next"`
}

// Copy is what the copy ledger says of one copy.
type Copy struct {
	Destination string             `json:"destination"`
	State       ledger.State       `json:"state"`
	Revision    int                `json:"revision"`
	At          conversation.Time  `json:"at"`
	LeftAt      *conversation.Time `json:"leftAt"`
}

func (d *desk) copies(ctx context.Context) (int, any, error) {
	said, err := d.parameters("conversation", "cursor")
	if err != nil {
		return 0, nil, err
	}
	record, incarnation, err := vault.ParseID(said["conversation"])
	if err != nil {
		return 0, nil, ErrParameter
	}
	after, err := base64.RawURLEncoding.DecodeString(said["cursor"])
	if err != nil || !ledger.ValidCursor(string(after)) {
		return 0, nil, ErrParameter
	}
	entries, cursor, err := d.ledger.Page(ctx, d.ses.Account, record, incarnation, string(after))
	if err != nil {
		return 0, nil, err
	}
	answer := Copies{Copies: []Copy{}, Next: next(base64.RawURLEncoding.EncodeToString([]byte(cursor)))}
	for _, e := range entries {
		c := Copy{Destination: e.Destination, State: e.State, Revision: e.Revision, At: conversation.At(e.At)}
		if !e.LeftAt.IsZero() {
			at := conversation.At(e.LeftAt)
			c.LeftAt = &at
		}
		answer.Copies = append(answer.Copies, c)
	}
	if err := d.audit(ctx, "copies.read", said["conversation"], 1); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, answer, nil
}

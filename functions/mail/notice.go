package mail

import (
	"context"
	"errors"
	"fmt"

	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/ledger"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/mailbox"
)

// waits is a notice in the queue.
type waits struct {
	Account string `json:"account"`
	ID      string `json:"id"`
}

// announced is in the log what a destination's name is of a transcript; no destination can be called so.
const announced = "mail:administrators"

// notice tells an account's administrators what was done, each once, and then forgets it: what has left stands in the ledger
// and in the log. One that is gone has been told.
func (h *Handler) notice(ctx context.Context, what waits) error {
	d, err := h.open(ctx, what.Account)
	if err != nil || d == nil {
		return err
	}
	n, ok, err := d.book.Notice(ctx, what.ID)
	if err != nil || !ok {
		return err
	}
	to := n.To
	if len(to) == 0 {
		now, err := d.book.Administrators(ctx)
		if err != nil {
			return err
		}
		to = now.Addresses
	}
	if len(to) > 0 && h.From == "" {
		return errNoSender
	}
	var failures []error
	for _, address := range to {
		if edge.Late(ctx, reserveOne) {
			failures = append(failures, errLate)
			break
		}
		failures = append(failures, d.tell(ctx, n, address))
	}
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("notice: %w", err)
	}
	return d.book.NoticeDone(ctx, n.ID)
}

// tell sends a notice to one administrator.
func (d *desk) tell(ctx context.Context, n mailbox.Notice, address string) error {
	r := recipient{address: address, blind: d.book.Blind(address)}
	claim, err := d.ledger.Begin(ctx, ledger.OfNotice(d.ses.Account, n.ID, announced, r.blind), ledger.NewClaimant())
	if err != nil || !claim.Mine {
		return err
	}
	raw, err := letter.ComposeNotice(letter.Notice{
		ID: d.ses.Account + "/" + n.ID + "/" + r.blind, From: d.From, To: address, Account: d.ses.Account, Zone: d.ses.Policy.Zone,
		Date: d.ses.Now(), API: d.API, News: n.News,
	})
	if err != nil {
		return errors.Join(err, claim.Release(ctx))
	}
	return d.leave(ctx, outgoing{
		recipient: r, tag: "administrators_" + ofNotice + "_" + r.blind, raw: raw, copies: claims{claim},
		log: mailbox.Logged{Destination: announced, Address: address},
	})
}

// administrator is the address among the administrators' that a blind index names; empty where it is none of theirs any more.
func (d *desk) administrator(ctx context.Context, blind string) (string, error) {
	now, err := d.book.Administrators(ctx)
	for _, address := range now.Addresses {
		if d.book.Blind(address) == blind {
			return address, err
		}
	}
	return "", err
}

// unsent sends the notices of an account that still wait to the queue.
func (h *Handler) unsent(ctx context.Context, account string) (n int, err error) {
	ses, err := h.Store.OpenPolicy(ctx, account)
	if err != nil {
		return 0, err
	}
	bodies, err := mailbox.Open(h.Store, ses).UnsentNotices(ctx)
	if err != nil {
		return 0, err
	}
	return h.queue(ctx, bodies)
}

package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/ledger"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// file puts a conversation into the digest of the period in which it settled, for those mailboxes to which it has not gone
// yet.
func (d *desk) file(ctx context.Context, to mailbox.Destination, c vault.Conversation) error {
	entries, err := d.ledger.List(ctx, d.ses.Account, c.Row.ID, c.Incarnation)
	if err != nil {
		return err
	}
	var blinds []string
	for _, r := range d.recipients(to, c) {
		known := slices.ContainsFunc(entries, func(e ledger.Entry) bool {
			return e.Destination == to.InLedger() && e.Detail == r.blind
		})
		if !known {
			blinds = append(blinds, r.blind)
		}
	}
	if len(blinds) == 0 {
		return nil
	}
	content := to.Contains(d.ses.Policy)
	item := letter.Item{View: c.View()}
	if content == letter.Link {
		item.Link = d.url(item.View.ID, account.NewLink(d.ses.Now())) // one like it will be made
	}
	period := mailbox.PeriodFor(c.SettledAt, d.ses.Now(), to.When, d.ses.Policy.Zone)
	of := mailbox.Digest{Account: d.ses.Account, Destination: to.Name, When: to.When, Period: period}
	return d.book.File(ctx, of, mailbox.Filed{
		Record: c.Row.ID, Incarnation: c.Incarnation, Kind: c.Row.Kind, Settled: c.SettledAt,
		Mailboxes: blinds, Content: content, Size: letter.Size(item, content),
	})
}

// digest sends a digest. Whoever works on it has taken it for a lease, which is longer than this function may run; what is in
// it does not change any more; so its messages are the same, part by part, however often it is begun. A destination that is
// no more drops its digests.
func (h *Handler) digest(ctx context.Context, what due) error {
	d, err := h.open(ctx, what.Account)
	if err != nil || d == nil {
		return err
	}
	taken, ok, err := d.book.Take(ctx, what.Destination, what.End, ledger.Lease)
	if err != nil || !ok {
		return err // where somebody else is at it, the digest stays due until they are done
	}
	if !taken.Done {
		to, ok, err := d.book.Destination(ctx, what.Destination)
		if err != nil {
			return err
		}
		if ok {
			again, err := d.sendDigest(ctx, taken, to)
			if err != nil {
				return err
			}
			if again {
				return errors.Join(taken.Release(ctx), h.Queue.SendAll(ctx, []string{what.String()}))
			}
		}
		if err := taken.Sent(ctx); err != nil {
			return err
		}
	}
	return taken.Delete(ctx)
}

// part is one message of a digest, to one mailbox.
type part struct {
	blind      string
	number, of int
	filed      []mailbox.Filed
}

// split makes the messages of a digest of its rows alone: the same rows make the same messages.
func split(all []mailbox.Filed) (parts []part) {
	by := map[string][]mailbox.Filed{}
	for _, f := range all {
		for _, blind := range f.Mailboxes {
			by[blind] = append(by[blind], f)
		}
	}
	for blind, filed := range by {
		var own []part
		bytes := 0
		for _, f := range filed {
			if last := len(own) - 1; last < 0 || len(own[last].filed) == letter.MaxItems || bytes+f.Size > letter.Room {
				own, bytes = append(own, part{blind: blind, number: len(own) + 1}), 0
			}
			last := &own[len(own)-1]
			last.filed, bytes = append(last.filed, f), bytes+f.Size
		}
		for _, p := range own {
			p.of = len(own)
			parts = append(parts, p)
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Or(cmp.Compare(a.blind, b.blind), cmp.Compare(a.number, b.number)) })
	return parts
}

// sendDigest sends the parts that have not left yet; again says that the time is up and some are left. What fails for one does
// not keep it from the others.
func (d *desk) sendDigest(ctx context.Context, taken *mailbox.Taken, to mailbox.Destination) (again bool, err error) {
	filed, err := taken.Conversations(ctx)
	if err != nil {
		return false, err
	}
	if len(filed) > 0 && d.From == "" {
		return false, errNoSender
	}
	var failures []error
	for _, p := range split(filed) {
		if edge.Late(ctx, reservePart) {
			return len(failures) == 0, errors.Join(failures...)
		}
		if err := d.sendPart(ctx, taken.Digest, to, p); err != nil {
			failures = append(failures, fmt.Errorf("part %d of %d: %w", p.number, p.of, err))
		}
	}
	if len(failures) == 0 {
		failures = append(failures, d.deliveredAll(ctx, filed, to))
	}
	return false, errors.Join(failures...)
}

var titles = map[mailbox.When]string{mailbox.Hourly: "Hourly digest", mailbox.Daily: "Daily digest", mailbox.Weekly: "Weekly digest"}

// strictness orders contents by how little they tell.
var strictness = []letter.Content{letter.Full, letter.Redacted, letter.Link}

// sendPart sends one message of a digest. In the ledger are both it and each conversation in it, before it leaves. One that has
// gone to the mailbox otherwise meanwhile is left out, as is one that cannot be read any more; a part of which nothing is left
// is not sent.
func (d *desk) sendPart(ctx context.Context, of mailbox.Digest, to mailbox.Destination, p part) error {
	number := fmt.Sprintf("%04d", p.number)
	name := strings.Join([]string{d.ses.Account, to.Name, of.To.UTC().Format(time.RFC3339), p.blind, number}, "/")
	// The digest is taken, so nobody else can be at its parts; a claim that is left of an interrupted run is its own.
	whole, err := d.ledger.Begin(ctx, ledger.OfDigest(d.ses.Account, of.To, to.InLedger(), p.blind+"#"+number), name)
	if err != nil || !whole.Mine {
		return err
	}
	in, err := d.claim(ctx, to, p, name)
	if err != nil {
		return err
	}
	if len(in) == 0 {
		return whole.Failed(ctx, codeEmpty)
	}
	r, content := in[0].recipient, to.Contains(d.ses.Policy)
	for _, i := range in {
		content = strictness[max(slices.Index(strictness, content), slices.Index(strictness, i.filed.Content))]
		if i.reader == account.Visitor { // a digest is for one mailbox, and shows no more than it may see of any of them
			r.reader = account.Visitor
		}
	}
	m := d.letter(name, r, content, to.To.Kind)
	m.Digest = &letter.Digest{Title: titles[of.When], From: of.From, To: of.To, Part: p.number, Parts: p.of}
	m.Items = make([]letter.Item, len(in))
	err = together(ctx, len(in), func(ctx context.Context, n int) (err error) {
		m.Items[n], err = d.item(ctx, in[n].Conversation, content, r.reader)
		return err
	})
	if err != nil {
		return err
	}
	raw, err := d.compose(r, m)
	if spoilt(err) {
		if in, m.Items, err = d.withoutSpoilt(ctx, in, m); err != nil {
			return err
		}
		if len(in) == 0 {
			return whole.Failed(ctx, codeEmpty)
		}
		raw, err = d.compose(r, m)
	}
	if err != nil {
		return err // what is claimed here is claimed again by the same name
	}
	var copies claims
	for _, i := range in {
		copies = append(copies, i.claim)
	}
	return d.leave(ctx, outgoing{
		recipient: r, tag: tag(to, ofDigest, p.blind), raw: raw, copies: append(copies, whole),
		log: mailbox.Logged{Destination: to.Name, Address: d.own(to, p.blind)},
	})
}

// spoilt says whether no letter could be made because of what is in it, rather than of where it goes or what it lacks.
func spoilt(err error) bool {
	return err != nil && !errors.Is(err, letter.ErrMessage) && !errors.Is(err, letter.ErrAddress)
}

// withoutSpoilt leaves out the conversations of which no letter can be made, so that they do not keep the others back.
func (d *desk) withoutSpoilt(ctx context.Context, in []included, m letter.Message,
) (rest []included, items []letter.Item, err error) {
	for n, i := range in {
		alone := m
		alone.Items = m.Items[n : n+1]
		if _, err := d.Compose(alone); !spoilt(err) {
			rest, items = append(rest, i), append(items, m.Items[n])
			continue
		}
		leftOut(ctx, i.filed, "no letter can be made of it")
		if err := i.claim.Failed(ctx, codeLetter); err != nil {
			return nil, nil, err
		}
	}
	return rest, items, nil
}

// leftOut tells the operator that a digest goes without a conversation.
func leftOut(ctx context.Context, f mailbox.Filed, cause string) {
	slog.ErrorContext(ctx, "left out of a digest", slog.String("record", f.Record), slog.Int("incarnation", f.Incarnation),
		slog.String("cause", cause))
}

// included is a conversation that a part sends.
type included struct {
	vault.Conversation
	recipient
	filed mailbox.Filed
	claim ledger.Claim
}

// claim opens the conversations of a part and claims their copies. What this very part has sent in a run that was interrupted
// is in it again, so that it stays the same message.
func (d *desk) claim(ctx context.Context, to mailbox.Destination, p part, by string) ([]included, error) {
	places := make([]vault.Place, len(p.filed))
	kinds := map[retention.Kind]*vault.Cohorts{}
	for i, f := range p.filed {
		places[i] = vault.Place{Record: f.Record, Incarnation: f.Incarnation}
		kinds[f.Kind] = nil
	}
	for kind := range kinds {
		cohorts, err := d.ses.Cohorts(ctx, kind)
		if err != nil {
			return nil, err
		}
		kinds[kind] = &cohorts
	}
	rows, err := d.ses.RowsAt(ctx, places)
	if err != nil {
		return nil, err
	}
	at := map[string]vault.Row{}
	for _, r := range rows {
		at[vault.ID(r.ID, r.Incarnation)] = r
	}
	found := make([]*included, len(p.filed))
	err = together(ctx, len(p.filed), func(ctx context.Context, n int) error {
		f := p.filed[n]
		row, ok := at[vault.ID(f.Record, f.Incarnation)]
		if !ok {
			return nil
		}
		c, err := d.ses.Load(ctx, row, kinds[f.Kind])
		switch {
		case errors.Is(err, vault.ErrDamaged), errors.Is(err, vault.ErrObjectGone):
			leftOut(ctx, f, edge.Cause(err)) // nothing mends it, and the others wait
			return nil
		case errors.Is(err, vault.ErrUnreadable):
			return nil
		case err != nil:
			return err
		}
		all := d.recipients(to, c)
		who := slices.IndexFunc(all, func(r recipient) bool { return r.blind == p.blind })
		if who < 0 {
			return nil // the destination is for others now
		}
		claim, err := d.ledger.Begin(ctx, copyOf(to, c, p.blind), by)
		if err != nil {
			return err
		}
		if claim.Mine || claim.State == ledger.Left && claim.By == by {
			found[n] = &included{c, all[who], f, claim}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var in []included
	for _, i := range found {
		if i != nil {
			in = append(in, *i)
		}
	}
	return in, nil
}

// together does n things, some at a time.
func together(ctx context.Context, n int, does func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(hands)
	for i := range n {
		group.Go(func() error { return does(ctx, i) })
	}
	return group.Wait()
}

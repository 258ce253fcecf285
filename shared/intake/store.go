package intake

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// attempts bounds how often a write is repeated because its conversation moved: each time somebody else got on.
const attempts = 12

var errMoving = errors.New("intake: the conversation keeps moving")

// Event writes one event so that no settling can miss it; package vault draws the protocol.
func (h *Intake) Event(ctx context.Context, ses *vault.Session, e conversation.Event) (duplicate bool, err error) {
	if ses.Policy.Refuses(e.Kind, ses.Mark(vault.MarkSource, e.Source)) {
		return false, nil // the account does not store it
	}
	record := ses.Index.RecordID(e.Source, e.Kind, e.Conversation)
	e, with := takeFiles(ses, record, e)
	defer func() {
		if err == nil {
			h.attach(ctx, with)
		}
	}()
	if t, ok := whole(e); ok {
		if ok, err := h.record(ctx, ses, record, e, t, with); ok || err != nil {
			return false, err
		}
	}
	if duplicate, err = h.write(ctx, ses, record, e, with, choose); err != nil || !e.OfAnyLife() {
		return duplicate, err
	}
	return duplicate, h.everywhere(ctx, ses, record, e)
}

// everywhere writes what an event takes back, or makes a note, to every life of its conversation: the message may be of any of them,
// and when that happened does not say of which.
func (h *Intake) everywhere(ctx context.Context, ses *vault.Session, record string, e conversation.Event) error {
	rows, err := ses.Rows(ctx, record)
	if err != nil || len(rows) < 2 {
		return err
	}
	for _, r := range rows {
		if r.State == vault.Destroyed {
			continue
		}
		// As of the beginning of that life, which so knows nothing of the time of a later one.
		taken := conversation.Event{
			ID: e.ID, Source: e.Source, Conversation: e.Conversation, Kind: e.Kind, Time: conversation.At(r.Since), Received: e.Received,
			Redacted: e.Redacted, Noted: e.Noted,
		}
		its := func(rows []vault.Row, _ conversation.Event) (vault.Row, bool) {
			i := slices.IndexFunc(rows, func(o vault.Row) bool { return o.Incarnation == r.Incarnation })
			if i < 0 {
				return vault.Row{State: vault.Destroyed, Known: r.Since}, false // nothing is stored in it any more
			}
			return rows[i], false
		}
		if _, err := h.write(ctx, ses, record, taken, &files{}, its); err != nil {
			return err
		}
	}
	return nil
}

// chooser picks the life that an event belongs to among those of its conversation, or says that one begins.
type chooser func([]vault.Row, conversation.Event) (row vault.Row, begin bool)

// write writes an event to the life that is chosen.
func (h *Intake) write(ctx context.Context, ses *vault.Session, record string, e conversation.Event, with *files, choose chooser) (duplicate bool, err error) {
	wrote := false
	var strayed *vault.Row // where the event was written too late: a settling had passed that generation
	for range attempts {
		row, ok, err := h.life(ctx, ses, record, &e, with, choose)
		if err != nil {
			return false, err
		}
		if !ok {
			switch {
			case strayed != nil: // settling deletes it
				err = h.Queue.Settle(ctx, reference(*strayed))
			case e.Ended && row.State == vault.Settled:
				// The first time, the record may have been written and settling not told: it publishes what is settled.
				err = h.Queue.Settle(ctx, reference(row))
			}
			return !wrote, err
		}
		if row, ok, err = h.putFiles(ctx, ses, row, with); err != nil {
			return false, err
		} else if !ok {
			continue // it was destroyed meanwhile
		}
		stands, err := ses.PutEvent(ctx, row, e)
		if err != nil {
			return false, err
		}
		wrote = wrote || !stands
		unmoved, reopened, err := h.unmoved(ctx, ses, row, e.Time.Time)
		if err != nil {
			return false, err
		}
		if !unmoved {
			strayed = &row
			continue
		}
		// What comes after the end may belong before it; settling knows which.
		if strayed != nil {
			if err := h.Queue.Settle(ctx, reference(*strayed)); err != nil {
				return false, err
			}
		}
		if e.Ended || reopened {
			if err := h.Queue.Settle(ctx, reference(row)); err != nil {
				return false, err
			}
		}
		return !wrote, nil
	}
	return false, errMoving
}

func reference(r vault.Row) vault.Reference {
	return vault.Reference{Account: r.Account, Kind: r.Kind, Record: r.ID, Incarnation: r.Incarnation}
}

// life finds the life of the conversation that the event belongs to, or begins one; ok is false for an event of which
// everything is known already, but perhaps where its files are.
func (h *Intake) life(ctx context.Context, ses *vault.Session, record string, e *conversation.Event, with *files, choose chooser) (row vault.Row, ok bool, err error) {
	for range attempts {
		rows, err := ses.Rows(ctx, record)
		if err != nil {
			return row, false, err
		}
		if row, known, err := h.repeated(ctx, ses, rows, e, with); err != nil || known {
			if errors.Is(err, vault.ErrMoved) {
				continue
			}
			return row, false, err
		}
		row, begin := choose(rows, *e)
		if !begin && row.State == vault.Settled {
			// What counts as known must be in the row's own record, so the row is not read again behind our back.
			c, err := ses.Collect(ctx, row, nil)
			switch {
			case errors.Is(err, vault.ErrMoved):
				continue
			case errors.Is(err, vault.ErrUnreadable):
				if now, ok, err := ses.Row(ctx, row.ID, row.Incarnation); err != nil || !ok || now.Moved(row) {
					if err != nil {
						return row, false, err
					}
					continue // it goes on, or is being destroyed
				}
				begin, row.State = true, vault.Destroyed
			case errors.Is(err, vault.ErrDamaged):
				begin = true
			case err != nil:
				return row, false, err
			case c.Over: // and not yet purged
				begin, row.State = true, vault.Destroyed
			case !c.Adds(*e):
				return row, false, h.retold(ctx, ses, c, with)
			}
		}
		if !begin && (row.State == vault.Open || row.State == vault.Settling) && ses.MayBeOver(row) {
			// Nothing brings back what is over, settled or not.
			c, err := ses.Collect(ctx, row, nil)
			switch {
			case errors.Is(err, vault.ErrMoved):
				continue
			case errors.Is(err, vault.ErrUnreadable), errors.Is(err, vault.ErrDamaged): // settling ends it
			case err != nil:
				return row, false, err
			case c.Over:
				begin, row.State, row.Known = true, vault.Destroyed, c.KnownNow()
			}
		}
		if row.State == vault.Destroyed && !e.Time.After(row.Known) {
			return row, false, nil
		}
		if !begin {
			return row, true, nil
		}
		if len(rows) > 0 && (!rows[0].Known.IsZero() || row.State == vault.Destroyed || e.OfAnyLife()) && len(e.Entries) == 0 {
			return row, false, nil // a tag or a rating brings nothing back to life, nor does what is taken back
		}
		row = ses.NewRow(record, e.Kind, newest(rows)+1, e.Time.Time)
		_, err = h.Store.DB.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &h.Store.Tables.Keys, Item: row.New(), ConditionExpression: aws.String("attribute_not_exists(pk)"),
		})
		if vault.IsConditionFailed(err) {
			continue
		}
		return row, true, err
	}
	return row, false, errMoving
}

// repeated finds the life that knows an event without a time of its own, which by the time of its receipt would be something new
// whenever it comes. An end or a reopening can happen again in just the same words: it does where the newest life stands otherwise,
// and is then all that the event says. What was written with it is known.
func (h *Intake) repeated(ctx context.Context, ses *vault.Session, rows []vault.Row, e *conversation.Event, with *files) (row vault.Row, ok bool, err error) {
	i := slices.IndexFunc(rows, func(r vault.Row) bool { return ses.Knows(r, *e) })
	if i < 0 {
		return row, false, nil
	}
	// Of what was written while a ticket was open, its sender says that it was; that does not open it again.
	if e.Ended == e.Reopened || e.Reopened && len(e.Entries) > 0 || rows[0].State == vault.Destroyed {
		return rows[i], true, nil
	}
	c, err := ses.Collect(ctx, rows[0], nil)
	if errors.Is(err, vault.ErrUnreadable) || errors.Is(err, vault.ErrDamaged) { // it is being destroyed
		return rows[i], true, nil
	}
	if err != nil || c.Over || c.Ended() == e.Ended {
		return rows[i], err == nil, err
	}
	e.Entries, e.Whole = nil, false
	clear(with.contents)
	return row, false, nil
}

func newest(rows []vault.Row) int {
	if len(rows) == 0 {
		return 0
	}
	return rows[0].Incarnation
}

// choose picks the life that an event belongs to, by the event's time; begin says that it is the first of a new one. Rows
// come newest first. An event from before the newest life belongs to the one before, unless that one cannot be reopened
// so late. What is said of a settled conversation without an entry, such as a rating, belongs to it however late.
func choose(rows []vault.Row, e conversation.Event) (row vault.Row, begin bool) {
	for i, r := range rows {
		older := i+1 < len(rows)
		if older && e.Time.Before(r.Since) && !e.Time.After(reopenable(rows[i+1], r.Since)) {
			continue
		}
		over := (r.State == vault.Destroyed || !r.Hand.IsZero()) && e.Time.After(r.Known) ||
			r.State == vault.Settled && len(e.Entries) > 0 && e.Time.After(reopenable(r, r.Since))
		switch {
		case over && i == 0:
			return r, true
		case over:
			return rows[i-1], false
		default:
			return r, false
		}
	}
	return vault.Row{}, true
}

// reopenable is up to when a message still belongs to a life that is over. One that is open beside a newer one was past its
// time when that began: all that came before is its own.
func reopenable(r vault.Row, newer time.Time) time.Time {
	switch r.State {
	case vault.Destroyed:
		return r.Known
	case vault.Settled:
		return r.Known.Add(retention.Reopens(r.Kind))
	}
	return newer
}

// unmoved says whether the generation is still the one in which an event was just written, and sees to it that the
// conversation is open, so that a settling will follow; reopened says that it had to.
func (h *Intake) unmoved(ctx context.Context, ses *vault.Session, row vault.Row, at time.Time) (unmoved, reopened bool, err error) {
	now, ok, err := ses.Row(ctx, row.ID, row.Incarnation)
	if err != nil || !ok || now.Generation != row.Generation || now.State == vault.Destroyed {
		return false, false, err
	}
	if now.State == vault.Open {
		return true, false, nil
	}
	if clock := h.Store.Now(); clock.Before(at) {
		at = clock
	}
	_, err = h.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Store.Tables.Keys, Key: row.Key(),
		UpdateExpression:         aws.String("SET #state = :open, listing = :listing, #position = :position"),
		ConditionExpression:      aws.String("generation = :generation AND #state IN (:settling, :settled)"),
		ExpressionAttributeNames: map[string]string{"#state": "state", "#position": "position"},
		ExpressionAttributeValues: attr.Item{
			":open": attr.S(vault.Open), ":settling": attr.S(vault.Settling), ":settled": attr.S(vault.Settled),
			":generation": attr.N(row.Generation), ":listing": attr.S(vault.OpenListing(row.Account, row.Kind)),
			":position": attr.S(vault.Position(at, row.ID, row.Incarnation)),
		},
	})
	if vault.IsConditionFailed(err) {
		return false, false, nil
	}
	return err == nil, err == nil, err
}

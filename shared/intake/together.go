package intake

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/vault"
)

// Outcome is what became of events.
type Outcome int

// The outcomes: something is stored; everything was known, if only to be destroyed; nothing may be kept, since its time is over
// or the account does not store its kind.
const (
	Stored Outcome = iota
	Known
	Past
)

// Extent is how much of a conversation events tell.
type Extent int

// The extents: something, or all that is known of one life, which goes on where they come from, or has settled there, ended or
// idle.
const (
	Something Extent = iota
	Life
	SettledLife
)

// Together stores events of one conversation. Where they tell a settled life that is new here, its record is written at once;
// so is one that they tell from its beginning to its end. Nobody is sent what comes so: it is history, and settling, which
// would publish it, is not asked.
//
// Of what a destroyed life knew, nothing is stored again, though something newer comes with it.
func (h *Intake) Together(ctx context.Context, ses *vault.Session, events []conversation.Event, tell Extent) (Outcome, error) {
	e := events[0]
	if ses.Policy.Refuses(e.Kind, ses.Mark(vault.MarkSource, e.Source)) {
		return Past, nil
	}
	rows, err := ses.Rows(ctx, ses.Index.RecordID(e.Source, e.Kind, e.Conversation))
	if err != nil {
		return Known, err
	}
	if events = undestroyed(rows, events); len(events) == 0 {
		return Known, nil
	}
	events = withoutFiles(events)
	t := conversation.Transcript{}.Fold(events)
	// A life begins when somebody writes; of one that nobody wrote in, the beginning is all there is.
	row, begins := choose(rows, conversation.Event{Time: t.StartedAt, Entries: t.Entries})
	if tell != Something && !begins && row.State != vault.Settling {
		if c, err := ses.Collect(ctx, row, nil); err == nil && !c.Over && !slices.ContainsFunc(events, c.Adds) {
			return Known, nil
		} // and else the usual way finds out what it is, and knows what to do about it
	}
	if tell == SettledLife || t.Ended() && len(t.Entries) > 0 {
		if begins {
			row = ses.NewRow(ses.Index.RecordID(t.Source, t.Kind, t.Conversation), t.Kind, newest(rows)+1, t.StartedAt.Time)
		}
		for _, e := range events {
			row.Known = vault.Latest(row.Known, vault.Latest(e.Time.Time, t.KnownUntil().Time))
		}
		outcome, ok, err := h.complete(ctx, ses, row, begins, t)
		if ok || err != nil {
			return outcome, err
		}
	}
	outcome := Known
	for _, e := range events {
		duplicate, err := h.Event(ctx, ses, e)
		if err != nil {
			return outcome, err
		}
		if !duplicate {
			outcome = Stored
		}
	}
	return outcome, nil
}

// undestroyed is what no destroyed life of a conversation knew.
func undestroyed(rows []vault.Row, events []conversation.Event) (left []conversation.Event) {
	var known conversation.Time
	for _, r := range rows {
		if r.State == vault.Destroyed && r.Known.After(known.Time) {
			known.Time = r.Known
		}
	}
	if known.IsZero() {
		return events
	}
	for _, e := range events {
		if !e.Time.After(known.Time) {
			continue
		}
		if n := len(e.Entries); n > 0 {
			e.Entries = slices.DeleteFunc(slices.Clone(e.Entries), func(entry conversation.Entry) bool { return !entry.Time.After(known.Time) })
			if len(e.Entries) == 0 {
				e.Entries, e.Whole = nil, false
			}
		}
		left = append(left, e)
	}
	return left
}

// complete writes the record of a life that begins, of which the row says up to when everything is known, or begins again where that was interrupted; ok is false where its events have
// to go the usual way.
func (h *Intake) complete(ctx context.Context, ses *vault.Session, row vault.Row, begins bool, t conversation.Transcript) (outcome Outcome, ok bool, err error) {
	switch {
	case begins && row.Incarnation > 1 && len(t.Entries) == 0:
		return Known, true, nil // a tag or a rating brings nothing back to life
	case !begins && (row.State != vault.Settling || row.Revision > 0):
		return Known, false, nil
	}
	joined, err := ses.JoinCohorts(ctx, t.Anchor.Time, vault.Settles(t.Kind)...)
	if err != nil {
		return Known, false, err
	}
	if over, err := ses.Past(ctx, row, t, joined[t.Kind]); err != nil || over {
		return Past, over, err
	}
	var last vault.Sealed
	if begins {
		row, ok, err = h.begin(ctx, ses, row, t, joined)
	} else {
		row, last, ok, err = h.again(ctx, ses, row)
	}
	if err != nil || !ok {
		return Known, false, err
	}
	row.Cohort = joined[t.Kind].ID
	ses.Stands(&row, t)
	row.Awaits = nil // no destination is sent it
	ok, err = h.fill(ctx, ses, row, t, joined, last)
	return Stored, ok, err
}

// again begins a record again that was interrupted before anything else came of its conversation: the next generation fences
// whoever may still be at it, as a settling does.
func (h *Intake) again(ctx context.Context, ses *vault.Session, row vault.Row) (next vault.Row, last vault.Sealed, ok bool, err error) {
	stored, _, err := ses.Events(ctx, row)
	if errors.Is(err, vault.ErrUnreadable) || errors.Is(err, vault.ErrDamaged) {
		return row, last, false, nil // it is being destroyed, or settling ends it
	}
	if err != nil || len(stored) > 0 {
		return row, last, false, err
	}
	if last, _, err = ses.Record(ctx, row); err != nil || last.Generation > row.Generation {
		return row, last, false, err
	}
	next = row
	next.Generation, next.Own = row.Generation+1, maps.Clone(row.Own)
	next.Own[next.Generation] = ses.WrapOwn(row, next.Generation)
	_, err = h.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Store.Tables.Keys, Key: row.Key(),
		UpdateExpression:         aws.String("SET generation = :next, own = :own"),
		ConditionExpression:      aws.String("generation = :generation AND #state = :settling AND attribute_not_exists(revision)"),
		ExpressionAttributeNames: map[string]string{"#state": "state"},
		ExpressionAttributeValues: attr.Item{
			":settling": attr.S(vault.Settling), ":generation": attr.N(row.Generation), ":next": attr.N(next.Generation),
			":own": attr.Map(vault.OwnAttribute(next.Own)),
		},
	})
	if vault.IsConditionFailed(err) {
		return row, last, false, nil
	}
	return next, last, err == nil, err
}

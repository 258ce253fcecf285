package settle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// Settle settles one conversation if it is over.
func (h *Handler) Settle(ctx context.Context, ref vault.Reference) error {
	ses, err := h.Store.Open(ctx, ref.Account, "")
	if errors.Is(err, vault.ErrNoAccount) {
		return nil
	}
	if err != nil {
		return err
	}
	row, ok, err := ses.Row(ctx, ref.Record, ref.Incarnation)
	if err != nil || !ok {
		return err
	}
	switch row.State {
	case vault.Destroyed:
		if row.Ending.Act != "" {
			return nil // purge states it, and then deletes it
		}
		_, err := h.Store.DeleteItems(ctx, row) // an interrupted destruction
		return err
	case vault.Settled:
		return h.finish(ctx, ses, row) // an interrupted settling, or a message that came twice
	}
	c, err := ses.Collect(ctx, row, nil)
	if errors.Is(err, vault.ErrUnreadable) {
		return h.unreadable(ctx, row, err)
	}
	if err != nil {
		return err
	}
	if c.CohortOver && c.Held {
		return nil // it stays as it is
	}
	if !h.over(ses, c) {
		return h.touch(ctx, row, c.Anchor.Time)
	}
	return h.settle(ctx, ses, row)
}

// quiet is how long nothing may have come in of a conversation that counts as idle by the times of its messages: a sender
// that was down delivers old messages one after the other.
const quiet = 2 * time.Minute

// over says whether a conversation ended, went idle or is past its time.
func (h *Handler) over(ses *vault.Session, c vault.Conversation) bool {
	now := h.Store.Now()
	idle := !now.Before(c.Anchor.Add(idleAfter(ses, c.Kind))) && !now.Before(c.LastReceived().Add(min(quiet, idleAfter(ses, c.Kind))))
	return c.Ended() || idle || !now.Before(c.Expires) || c.CohortOver || c.State == vault.Settling
}

// touch moves a conversation that is not over to where the sweep looks for it next; nothing else of the row changes.
func (h *Handler) touch(ctx context.Context, row vault.Row, last time.Time) error {
	if !last.After(row.Active) {
		return nil
	}
	_, err := h.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Store.Tables.Keys, Key: row.Key(),
		UpdateExpression:         aws.String("SET #position = :position"),
		ConditionExpression:      aws.String("generation = :generation AND #state = :open"),
		ExpressionAttributeNames: map[string]string{"#state": "state", "#position": "position"},
		ExpressionAttributeValues: attr.Item{
			":open": attr.S(vault.Open), ":generation": attr.N(row.Generation),
			":position": attr.S(vault.Position(last, row.ID, row.Incarnation)),
		},
	})
	if vault.IsConditionFailed(err) {
		return nil // it moved by itself
	}
	return err
}

// settle raises the generation, reads everything, writes the record and commits.
func (h *Handler) settle(ctx context.Context, ses *vault.Session, row vault.Row) error {
	row, err := h.raise(ctx, ses, row)
	if err != nil {
		return err
	}
	c, err := ses.Collect(ctx, row, nil)
	if errors.Is(err, vault.ErrUnreadable) {
		return h.unreadable(ctx, row, err)
	}
	if err != nil {
		return err
	}
	row.Known = c.KnownNow()
	joined, err := ses.JoinCohorts(ctx, c.Anchor.Time, vault.Settles(row.Kind)...)
	if err != nil {
		return err
	}
	cohort, ok := joined[row.Kind]
	if !ok {
		return h.end(ctx, ses, c)
	}
	revision := row.Revision
	if c.News || revision == 0 || c.Record.Revision > revision { // the last: a settling was interrupted
		revision++
	}
	pointers := ses.Pointers(c.Transcript)
	replaced, size, err := ses.PutRecord(ctx, row, c.Transcript, revision, cohort, pointers, c.Record)
	if err != nil {
		return err
	}
	if err := ses.PutPointers(ctx, row, pointers, c.Record.Pointers, cohort); err != nil {
		return err
	}
	if err := ses.DropRedacted(ctx, row, c.Transcript); err != nil {
		return err
	}
	factCohort, err := ses.PutFact(ctx, row, c.Transcript, joined[retention.Fact])
	if err != nil {
		return err
	}
	row.Revision, row.Cohort, row.FactCohort = revision, cohort.ID, factCohort
	ses.Tell(&row, c.Events)
	if ses.Stands(&row, c.Transcript); c.Over {
		row.SettledAt = c.Anchor.Time // or it would count as something new, that no earlier policy was over with
	}
	if row, err = h.commit(ctx, row, c.Anchor.Time, size); err != nil {
		return err
	}
	if err := h.deleteEvents(ctx, append(c.Events, c.Stale...)); err != nil {
		return err
	}
	if err := ses.DeleteObjects(ctx, replaced); err != nil {
		return err
	}
	slog.InfoContext(ctx, "settled", slog.String("record", row.ID), slog.Int("revision", revision), slog.Int("events", len(c.Events)))
	return h.publish(ctx, ses, row)
}

// raise begins a settling: what is written from now on belongs to the next generation, under its own key. A settling that
// was interrupted is begun again, which fences whoever may still be at it.
func (h *Handler) raise(ctx context.Context, ses *vault.Session, row vault.Row) (vault.Row, error) {
	next := row
	next.Generation, next.State, next.Own = row.Generation+1, vault.Settling, maps.Clone(row.Own)
	next.Own[next.Generation] = ses.WrapOwn(row, next.Generation)
	_, err := h.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Store.Tables.Keys, Key: row.Key(),
		UpdateExpression:         aws.String("SET #state = :settling, generation = :next, own = :own"),
		ConditionExpression:      aws.String("generation = :generation AND #state IN (:open, :settling)"),
		ExpressionAttributeNames: map[string]string{"#state": "state"},
		ExpressionAttributeValues: attr.Item{
			":open": attr.S(vault.Open), ":settling": attr.S(vault.Settling), ":generation": attr.N(row.Generation),
			":next": attr.N(next.Generation), ":own": attr.Map(vault.OwnAttribute(next.Own)),
		},
	})
	if err != nil {
		return row, fmt.Errorf("raise generation: %w", err)
	}
	return next, nil
}

// commit makes the record the conversation's content. An event that came meanwhile has opened the conversation again, and
// it stays open.
func (h *Handler) commit(ctx context.Context, row vault.Row, anchor time.Time, size int) (vault.Row, error) {
	row.Own = map[int64][]byte{row.Generation: row.Own[row.Generation]}
	values := attr.Item{
		":settling": attr.S(vault.Settling), ":settled": attr.S(vault.Settled), ":generation": attr.N(row.Generation),
		":own": attr.Map(vault.OwnAttribute(row.Own)), ":revision": attr.N(row.Revision), ":cohort": attr.S(row.Cohort),
		":factCohort": attr.S(row.FactCohort), ":known": attr.Time(row.Known), ":settledAt": attr.Time(row.SettledAt), ":bytes": attr.N(size),
		":listing":  attr.S(row.Listing()),
		":position": attr.S(vault.Position(anchor, row.ID, row.Incarnation)),
	}
	names := map[string]string{"#state": "state", "#position": "position", "#bytes": "bytes"}
	standing, remove := row.Standing(values)
	set := "SET own = :own, revision = :revision, cohort = :cohort, factCohort = :factCohort, known = :known, settledAt = :settledAt, #bytes = :bytes, " + standing
	update := &dynamodb.UpdateItemInput{
		TableName: &h.Store.Tables.Keys, Key: row.Key(),
		UpdateExpression:         aws.String(set + ", #state = :settled, listing = :listing, #position = :position REMOVE " + remove),
		ConditionExpression:      aws.String("generation = :generation AND #state = :settling"),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}
	_, err := h.Store.DB.UpdateItem(ctx, update)
	if err == nil {
		row.State = vault.Settled
		return row, nil
	}
	if !vault.IsConditionFailed(err) {
		return row, fmt.Errorf("commit: %w", err)
	}
	delete(values, ":settled")
	delete(values, ":listing")
	delete(values, ":position")
	delete(values, ":settling")
	delete(names, "#position")
	values[":open"] = attr.S(vault.Open)
	update.UpdateExpression, update.ConditionExpression = aws.String(set+" REMOVE "+remove), aws.String("generation = :generation AND #state = :open")
	if _, err := h.Store.DB.UpdateItem(ctx, update); err != nil {
		return row, fmt.Errorf("commit: %w", err)
	}
	row.State = vault.Open
	return row, nil
}

// finish does again what follows a commit.
func (h *Handler) finish(ctx context.Context, ses *vault.Session, row vault.Row) error {
	_, stale, err := ses.Events(ctx, row)
	if err != nil {
		return err
	}
	if err := h.deleteEvents(ctx, stale); err != nil {
		return err
	}
	rec, _, err := ses.Record(ctx, row)
	if err != nil {
		return err
	}
	if err := ses.DeleteObjects(ctx, rec.Replaced); err != nil {
		return err
	}
	return h.publish(ctx, ses, row)
}

func (h *Handler) deleteEvents(ctx context.Context, events []vault.StoredEvent) error {
	keys := make([]attr.Item, len(events))
	for i, e := range events {
		if e.Object != "" {
			if err := h.Store.Objects.Delete(ctx, e.Object); err != nil {
				return err
			}
		}
		keys[i] = e.Key
	}
	return h.Store.DeleteAll(ctx, h.Store.Tables.Records, keys)
}

// publish says what has settled to whoever wants it, and to purge where it is to be kept no longer than that.
func (h *Handler) publish(ctx context.Context, ses *vault.Session, row vault.Row) error {
	ref := vault.Reference{Account: row.Account, Kind: row.Kind, Record: row.ID, Incarnation: row.Incarnation}
	err := h.Bus.Publish(ctx, Event{
		ID:        fmt.Sprintf("%s/%s/%d", row.Account, vault.ID(row.ID, row.Incarnation), row.Revision),
		Reference: ref, Revision: row.Revision,
	})
	if err != nil || row.State != vault.Settled || !ses.CompletesNow(row) {
		return err
	}
	return h.Purge.Send(ctx, []vault.Reference{ref})
}

// unreadable ends a conversation that no key opens any more, or that never had an event: its writer failed before it was
// acknowledged. Where a writer may still be about to write, it is left alone.
func (h *Handler) unreadable(ctx context.Context, row vault.Row, why error) error {
	if errors.Is(why, vault.ErrObjectGone) {
		return why // its keys are there, and nothing may be destroyed by mistake
	}
	if h.Store.Now().Sub(vault.Latest(row.Active, row.Opened())) < time.Minute {
		return nil
	}
	return h.destroy(ctx, row)
}

// end takes the own keys of an open conversation whose day is over, unless a hold keeps it: then it stays as it is. Purge states
// what was destroyed so, and deletes it.
func (h *Handler) end(ctx context.Context, ses *vault.Session, c vault.Conversation) error {
	if c.Held {
		return nil
	}
	f, err := ses.JoinFence(ctx)
	if err != nil {
		return err // the policy has just changed: again, under the new one
	}
	row := c.Row
	row.Known = vault.Latest(c.LastReceived(), c.KnownNow())
	_, err = h.Store.End(ctx, f, []vault.Doomed{{Row: row, Ending: vault.Ending{
		Act: f.Run + vault.Late, Why: retention.Retention, Due: c.Expires, Policy: int64(ses.Policy.Version), At: h.Store.Now(),
	}}})
	return err
}

func (h *Handler) destroy(ctx context.Context, row vault.Row) error {
	d, ok, err := h.Store.Destroy(ctx, row)
	if ok {
		slog.InfoContext(ctx, "destroyed", slog.String("record", row.ID), slog.Int("items", d.Items))
	}
	return err
}

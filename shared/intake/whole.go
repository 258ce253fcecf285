package intake

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// whole is the transcript of an event that tells a conversation from its beginning to its end. If nothing is known of it yet,
// its record can be written at once, and not first as an event that settling reads, writes once more and deletes.
func whole(e conversation.Event) (t conversation.Transcript, ok bool) {
	if !e.Whole || !e.Ended || len(e.Entries) == 0 {
		return t, false
	}
	t = t.Fold([]conversation.Event{e})
	return t, t.Ended()
}

// record makes the record of a whole conversation as settling would, if this is the first event that comes of it. ok is false
// where it has to go the usual way: something is known of it already, another writer was faster, or its time is over.
//
// The row comes first, as being settled and at its last place in the index, so that two writers cannot both make a record,
// and so that what is left of an interrupted one is found by purge. Another event that comes meanwhile opens the row, and
// settling then takes the record as its last revision. An interrupted one has not been acknowledged: the sender's next try
// finds the row and goes the usual way.
func (h *Intake) record(ctx context.Context, ses *vault.Session, id string, e conversation.Event, t conversation.Transcript, with *files) (ok bool, err error) {
	joined, known, err := ses.JoinCohortsOfNew(ctx, id, t.Anchor.Time, vault.Settles(e.Kind)...)
	if err != nil || known {
		return false, err
	}
	row, ok, err := h.begin(ctx, ses, ses.NewRow(id, e.Kind, 1, e.Time.Time), t, joined)
	if err != nil || !ok {
		return false, err
	}
	if row, ok, err = h.putFiles(ctx, ses, row, with); err != nil || !ok {
		return false, err
	}
	row.Known = vault.Latest(t.KnownUntil().Time, e.Time.Time)
	ses.Stands(&row, t)
	ses.Tell(&row, []vault.StoredEvent{{Event: e}})
	if ok, err := h.fill(ctx, ses, row, t, joined, vault.Sealed{}); err != nil || !ok {
		return false, err
	}
	// Settling finds it settled, and publishes it.
	return true, h.Queue.Settle(ctx, reference(row))
}

// begin puts the row of a conversation whose record comes next.
func (h *Intake) begin(ctx context.Context, ses *vault.Session, row vault.Row, t conversation.Transcript, joined map[retention.Kind]vault.Cohort) (_ vault.Row, ok bool, err error) {
	cohort, ok := joined[row.Kind]
	if !ok {
		return row, false, nil
	}
	row.State, row.Cohort = vault.Settling, cohort.ID
	item := row.New()
	item["cohort"], item["listing"] = attr.S(row.Cohort), attr.S(row.Listing())
	item["factCohort"] = attr.S(joined[retention.Fact].ID) // where an interrupted one may have left a fact
	item["position"] = attr.S(vault.Position(t.Anchor.Time, row.ID, row.Incarnation))
	_, err = h.Store.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &h.Store.Tables.Keys, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if vault.IsConditionFailed(err) {
		return row, false, nil
	}
	return row, err == nil, err
}

// fill writes the record of a row that was begun, and what belongs to it. Last is what an interrupted attempt may have left.
func (h *Intake) fill(ctx context.Context, ses *vault.Session, row vault.Row, t conversation.Transcript, joined map[retention.Kind]vault.Cohort, last vault.Sealed) (ok bool, err error) {
	cohort, pointers := joined[row.Kind], ses.Pointers(t)
	replaced, size, err := ses.PutRecord(ctx, row, t, 1, cohort, pointers, last)
	if err == nil {
		err = ses.PutPointers(ctx, row, pointers, nil, cohort) // the record names those that are left; settling deletes them
	}
	if err == nil {
		row.FactCohort, err = ses.PutFact(ctx, row, t, joined[retention.Fact])
	}
	if errors.Is(err, vault.ErrFenced) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if ok, err = h.commit(ctx, ses, row, size); err != nil || !ok {
		return false, err
	}
	return true, ses.DeleteObjects(ctx, replaced)
}

// commit says that the record is there. Where another event has opened the row meanwhile, its settling will read the record;
// where that settling has begun already, it may not have, and ok is false.
func (h *Intake) commit(ctx context.Context, ses *vault.Session, row vault.Row, size int) (ok bool, err error) {
	values := attr.Item{
		":settling": attr.S(vault.Settling), ":settled": attr.S(vault.Settled), ":generation": attr.N(row.Generation),
		":bytes": attr.N(size), ":one": attr.N(1), ":factCohort": attr.S(row.FactCohort), ":known": attr.Time(row.Known), ":now": attr.Time(row.SettledAt),
	}
	standing, remove := row.Standing(values)
	_, err = h.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Store.Tables.Keys, Key: row.Key(),
		UpdateExpression: aws.String("SET #state = :settled, revision = :one, factCohort = :factCohort, known = :known, settledAt = :now, #bytes = :bytes, " +
			standing + " REMOVE " + remove),
		ConditionExpression:      aws.String("generation = :generation AND #state = :settling"),
		ExpressionAttributeNames: map[string]string{"#state": "state", "#bytes": "bytes"}, ExpressionAttributeValues: values,
	})
	if !vault.IsConditionFailed(err) {
		return err == nil, err
	}
	now, ok, err := ses.Row(ctx, row.ID, row.Incarnation)
	return ok && now.Generation == row.Generation && now.State == vault.Open, err
}

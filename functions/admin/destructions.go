package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// The faults of destroying one record.
var (
	ErrRecordUnknown = fault.New(fault.NotFound, "record_unknown", "There is no such record, or its time is over.")
	ErrRecordOpen    = fault.New(fault.Conflict, "record_open", "The conversation is still open; what has settled can be destroyed.")
	ErrRecordHeld    = fault.New(fault.Conflict, "record_held", "A hold keeps this record.")
	ErrRecordMoved   = fault.New(fault.Conflict, "record_moved", "Something happened to this record at the same moment; try again.")
	ErrNotDoomed     = fault.New(fault.NotFound, "destruction_unknown", "This record is not waiting for its destruction.")
)

// Destruction is a record that an administrator had destroyed: hidden since, and destroyed from the end of the wait on.
type Destruction struct {
	ID            string            `json:"id"`
	Kind          retention.Kind    `json:"kind"`
	By            string            `json:"by"`
	At            conversation.Time `json:"at"`
	Reason        string            `json:"reason"`
	DestroyedFrom conversation.Time `json:"destroyedFrom"`
	// UndoUntil is up to when it can be brought back; null is not at all.
	UndoUntil *conversation.Time `json:"undoUntil"`
}

// Destructions is the answer of GET …/destructions, the newest first.
type Destructions struct {
	Destructions []Destruction `json:"destructions"`
}

func handPlace(id, record string) string { return account.HandPartition(id) + "\x00" + record }

func destruction(id string, kind retention.Kind, by string, at, until time.Time, reason string) Destruction {
	d := Destruction{ID: id, Kind: kind, By: by, At: conversation.At(at), Reason: reason, DestroyedFrom: conversation.At(until)}
	if undo := until.Add(-margin); undo.After(at) {
		t := conversation.At(undo)
		d.UndoUntil = &t
	}
	return d
}

func (d *desk) destructions(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	answer := Destructions{[]Destruction{}}
	err := d.Store.Query(ctx, attr.Partition(d.Store.Tables.Control, account.HandPartition(d.ses.Account)), func(item attr.Item) (bool, error) {
		id := attr.GetS(item, "sk")
		reason, err := d.ses.Key.Unwrap(handPlace(d.ses.Account, id), attr.GetB(item, "reasonSealed"))
		if err != nil {
			return false, err
		}
		answer.Destructions = append(answer.Destructions, destruction(id, retention.Kind(attr.GetS(item, "kind")), attr.GetS(item, "by"),
			attr.GetTime(item, "at"), attr.GetTime(item, "until"), string(reason)))
		return true, nil
	})
	if err != nil {
		return 0, nil, err
	}
	slices.SortFunc(answer.Destructions, func(a, b Destruction) int { return b.At.Compare(a.At.Time) })
	return http.StatusOK, answer, d.audit(ctx, "destructions.read", "", len(answer.Destructions))
}

// row reads the row of a record by the id that a reader has of it.
func (d *desk) row(ctx context.Context, id string) (vault.Row, error) {
	record, incarnation, err := vault.ParseID(id)
	if err != nil {
		return vault.Row{}, ErrRecordUnknown
	}
	row, ok, err := d.ses.Row(ctx, record, incarnation)
	if err == nil && !ok {
		err = ErrRecordUnknown
	}
	return row, err
}

// destroy hides a record at once and has it destroyed after the account's wait.
func (d *desk) destroy(ctx context.Context) (int, any, error) {
	var in struct {
		ID     string `json:"id"`
		Reason string `json:"reason"`
	}
	if err := d.strict(&in); err != nil {
		return 0, nil, err
	}
	reason, err := reasonOf(in.Reason)
	if err != nil {
		return 0, nil, err
	}
	row, err := d.row(ctx, in.ID)
	if err != nil {
		return 0, nil, err
	}
	switch {
	case row.State == vault.Destroyed || !row.Hand.IsZero():
		return 0, nil, ErrRecordUnknown
	case row.State != vault.Settled:
		return 0, nil, ErrRecordOpen
	}
	cohorts, err := d.ses.CohortAt(ctx, row.Kind, row.Cohort)
	if err != nil {
		return 0, nil, err
	}
	now := conversation.At(d.ses.Now()).Time
	c, ok := cohorts.Find(row.Cohort)
	switch {
	case !ok || c.Destroyed() || cohorts.Hidden(row.Item(c.Cohort), now):
		return 0, nil, ErrRecordUnknown
	case cohorts.Held(row.Item(c.Cohort), now):
		return 0, nil, ErrRecordHeld
	}
	until := now.Add(d.ses.Policy.Wait)
	told := destruction(in.ID, row.Kind, d.actor, now, until, reason)
	wish := attr.Key(account.HandPartition(d.ses.Account), in.ID)
	wish["kind"], wish["by"], wish["at"], wish["until"] = attr.S(row.Kind), attr.S(told.By), attr.Time(now), attr.Time(until)
	wish["reasonSealed"] = attr.B(d.ses.Key.Wrap(handPlace(d.ses.Account, in.ID), []byte(reason)))
	if err := d.audit(ctx, "record.destroy", "record="+in.ID, 1); err != nil {
		return 0, nil, err
	}
	news := letter.News{Kind: letter.RecordDestroying, Reason: reason, Target: in.ID}
	if told.UndoUntil != nil {
		news.Until = told.UndoUntil.Time
		news.Undo = letter.Call{Method: http.MethodPost, Path: "/destructions/" + in.ID + "/undo", Body: `{"reason":"Why it is kept"}`}
	}
	return d.told(ctx, http.StatusAccepted, told, news, []types.TransactWriteItem{
		{Update: &types.Update{
			TableName: &d.Store.Tables.Keys, Key: row.Key(),
			UpdateExpression:         aws.String("SET hand = :now, handUntil = :until"),
			ConditionExpression:      aws.String("generation = :generation AND #state = :state AND attribute_not_exists(hand)"),
			ExpressionAttributeNames: map[string]string{"#state": "state"},
			ExpressionAttributeValues: attr.Item{
				":now": attr.Time(now), ":until": attr.Time(until), ":generation": attr.N(row.Generation), ":state": attr.S(row.State),
			},
		}},
		{Put: &types.Put{TableName: &d.Store.Tables.Control, Item: wish}},
	})
}

// told writes what concerns one record together with the notice of it.
func (d *desk) told(ctx context.Context, status int, answer any, news letter.News, writes []types.TransactWriteItem) (int, any, error) {
	notice, tell, err := d.announce(ctx, news)
	if err != nil {
		return 0, nil, err
	}
	if err := d.transact(ctx, append(writes, notice), ErrRecordMoved); err != nil {
		return 0, nil, err
	}
	tell(ctx)
	return status, answer, nil
}

// restore brings a record back that waits for its destruction.
func (d *desk) restore(ctx context.Context) (int, any, error) {
	reason, err := d.reason()
	if err != nil {
		return 0, nil, err
	}
	id := d.req.PathParameters["id"]
	row, err := d.row(ctx, id)
	if errors.Is(err, ErrRecordUnknown) || err == nil && row.Hand.IsZero() {
		return 0, nil, ErrNotDoomed
	}
	if err != nil {
		return 0, nil, err
	}
	if row.State == vault.Destroyed || !d.ses.Now().Add(margin).Before(row.HandUntil) {
		return 0, nil, ErrUndoOver
	}
	if err := d.audit(ctx, "record.restore", "record="+id, 1); err != nil {
		return 0, nil, err
	}
	answer := struct {
		ID string `json:"id"`
	}{id}
	news := letter.News{Kind: letter.RecordRestored, Reason: reason, Target: id}
	return d.told(ctx, http.StatusOK, answer, news, []types.TransactWriteItem{
		{Update: &types.Update{
			TableName: &d.Store.Tables.Keys, Key: row.Key(),
			UpdateExpression:          aws.String("REMOVE hand, handUntil"),
			ConditionExpression:       aws.String("hand = :hand AND #state <> :destroyed"),
			ExpressionAttributeNames:  map[string]string{"#state": "state"},
			ExpressionAttributeValues: attr.Item{":hand": attr.Time(row.Hand), ":destroyed": attr.S(vault.Destroyed)},
		}},
		{Delete: &types.Delete{TableName: &d.Store.Tables.Control, Key: attr.Key(account.HandPartition(d.ses.Account), id)}},
	})
}

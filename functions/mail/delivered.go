package mail

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/ledger"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/vault"
)

// delivered notes on the row of a conversation that a destination has it, if a cadence waits for that: every copy for it has
// left, and there was one. What could not be sent is waited for until the deadline, and then stands in the receipt. Noted again,
// it is as before; where a later revision has settled meanwhile, that one is told of by itself.
func (d *desk) delivered(ctx context.Context, row vault.Row, to mailbox.Destination) error {
	name := to.InLedger()
	if !slices.Contains(row.Awaits, name) {
		return nil
	}
	all, err := d.ledger.List(ctx, row.Account, row.ID, row.Incarnation)
	if err != nil {
		return err
	}
	copies := slices.DeleteFunc(all, func(e ledger.Entry) bool { return e.Destination != name })
	if len(copies) == 0 || slices.ContainsFunc(copies, func(e ledger.Entry) bool { return e.State != ledger.Left }) {
		return nil
	}
	now := d.ses.Now()
	_, err = d.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &d.Store.Tables.Keys, Key: row.Key(),
		UpdateExpression:         aws.String("DELETE awaits :names SET delivered = :now"),
		ConditionExpression:      aws.String("generation = :generation AND #state = :settled AND contains(awaits, :name)"),
		ExpressionAttributeNames: map[string]string{"#state": "state"},
		ExpressionAttributeValues: attr.Item{
			":names": attr.Set(name), ":name": attr.S(name), ":now": attr.Time(now), ":generation": attr.N(row.Generation), ":settled": attr.S(vault.Settled),
		},
	})
	if vault.IsConditionFailed(err) {
		return nil
	}
	if err != nil {
		return err
	}
	row.Awaits = slices.DeleteFunc(row.Awaits, func(other string) bool { return other == name })
	if !d.ses.CompletesNow(row) {
		return nil
	}
	// Where this fails, the hourly run finds it.
	return d.Purge.SendAll(ctx, []string{vault.Reference{Account: row.Account, Kind: row.Kind, Record: row.ID, Incarnation: row.Incarnation}.String()})
}

// deliveredAll is delivered of what a digest held.
func (d *desk) deliveredAll(ctx context.Context, filed []mailbox.Filed, to mailbox.Destination) error {
	return together(ctx, len(filed), func(ctx context.Context, n int) error {
		row, ok, err := d.ses.Row(ctx, filed[n].Record, filed[n].Incarnation)
		if err != nil || !ok {
			return err
		}
		return d.delivered(ctx, row, to)
	})
}

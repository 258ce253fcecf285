// Package audit writes who read what. An entry is put on the condition that it is new and nobody has permission to update
// or delete one. It names actors and targets by ids and holds nothing of their content.
//
//	table control: demo#audit#2026-11-21T20#   2026-11-21T20:27:00.123Z#<random>
package audit

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
)

// Entry is one act.
type Entry struct {
	Account string
	// Actor is "token:<id>" or "role:<function>", Action a verb such as "chat.read", Target an id or a list's parameters.
	Actor, Action, Target string
	// Records is how many conversations were handed out.
	Records int
	At      time.Time
}

// Write puts an entry; what it records must not be handed out before it returns.
func Write(ctx context.Context, db *dynamodb.Client, table string, e Entry) error {
	at := e.At.UTC()
	item := attr.Key(Partition(e.Account, at), at.Format("2006-01-02T15:04:05.000Z")+"#"+rand.Text())
	item["actor"], item["action"], item["target"], item["records"] = attr.S(e.Actor), attr.S(e.Action), attr.S(e.Target), attr.N(e.Records)
	_, err := db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &table, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if err != nil {
		return fmt.Errorf("write audit entry: %w", err)
	}
	return nil
}

// Partition is the partition key of the entries of one hour.
func Partition(account string, at time.Time) string {
	return account + "#audit#" + at.UTC().Format("2006-01-02T15") + "#"
}

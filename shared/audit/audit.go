// Package audit writes who read what, and reads it back for the account. An entry is put on the condition that it is new and
// nobody has permission to update or delete one. It names actors and targets by ids and holds nothing of their content.
//
//	table control: demo#audit#2026-11-21#   2026-11-21T20:27:00.123Z#<random>
//
// A partition is a day of UTC: it takes 1,000 writes a second, twice what the API lets through, and the entries of
// three years are read by some thousand queries. Within it, an hour is a range of sort keys.
package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

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

const timeForm = "2006-01-02T15:04:05.000Z"

// Write puts an entry; what it records must not be handed out before it returns.
func Write(ctx context.Context, db *dynamodb.Client, table string, e Entry) error {
	at := e.At.UTC()
	item := attr.Key(Partition(e.Account, at), at.Format(timeForm)+"#"+rand.Text())
	item["actor"], item["action"], item["target"], item["records"] = attr.S(e.Actor), attr.S(e.Action), attr.S(e.Target), attr.N(e.Records)
	_, err := db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &table, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	// Nobody else makes this key: it is there where the client repeated a request whose answer was lost.
	if _, there := errors.AsType[*types.ConditionalCheckFailedException](err); there {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write audit entry: %w", err)
	}
	return nil
}

// Writer is Write into a table.
func Writer(db *dynamodb.Client, table string) func(context.Context, Entry) error {
	return func(ctx context.Context, e Entry) error { return Write(ctx, db, table, e) }
}

// Read hands out an account's entries in the order in which they were written, those of the days of both instants too. A day
// costs a query even where nobody read anything.
func Read(ctx context.Context, db *dynamodb.Client, table, account string, from, to time.Time, each func(Entry) error) error {
	to = to.UTC()
	for day := from.UTC().Truncate(24 * time.Hour); !day.After(to); day = day.AddDate(0, 0, 1) {
		pages := dynamodb.NewQueryPaginator(db, attr.Partition(table, Partition(account, day)))
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("read audit entries: %w", err)
			}
			for _, item := range page.Items {
				e, err := entryOf(account, item)
				if err != nil {
					return err
				}
				if err := each(e); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func entryOf(account string, item attr.Item) (Entry, error) {
	stamp, _, _ := strings.Cut(attr.GetS(item, "sk"), "#")
	at, err := time.Parse(timeForm, stamp)
	if err != nil {
		return Entry{}, errors.New("read audit entries: a row has another key")
	}
	return Entry{
		Account: account, Actor: attr.GetS(item, "actor"), Action: attr.GetS(item, "action"), Target: attr.GetS(item, "target"),
		Records: int(attr.GetN(item, "records")), At: at,
	}, nil
}

// Partition is the partition key of the entries of one day.
func Partition(account string, at time.Time) string {
	return account + "#audit#" + at.UTC().Format("2006-01-02") + "#"
}

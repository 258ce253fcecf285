package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/retention"
)

// Cohort is a cohort as the table has it.
type Cohort struct {
	retention.Cohort
	Kind retention.Kind
	// DestroyedAt is when the key went.
	DestroyedAt time.Time
	wrapped     []byte
}

// Destroyed says whether the key is gone: what it sealed opens nowhere, and the row waits for the rest to be deleted.
func (c Cohort) Destroyed() bool { return len(c.wrapped) == 0 }

// Cohorts are all cohorts of an account and kind, the newest first, and up to when all are destroyed.
type Cohorts struct {
	List      []Cohort
	Destroyed time.Time
	policy    retention.Policy
	kind      retention.Kind
}

// Find is a cohort by its id.
func (c Cohorts) Find(id string) (Cohort, bool) {
	for _, cohort := range c.List {
		if cohort.ID == id {
			return cohort, true
		}
	}
	return Cohort{}, false
}

// Expires is when a cohort's time is over under the policy in force. What was destroyed once stays over, whatever the
// policy says now.
func (c Cohorts) Expires(cohort retention.Cohort) time.Time {
	expires := c.policy.Expires(c.kind, cohort)
	if !cohort.End.After(c.Destroyed) && expires.After(c.Destroyed) {
		return c.Destroyed
	}
	return expires
}

// Over says whether nothing of a cohort may be read any more.
func (c Cohorts) Over(cohort retention.Cohort, now time.Time) bool {
	return !now.Before(c.Expires(cohort)) || !cohort.End.After(c.Destroyed)
}

// Cohorts reads all cohorts of a kind, consistently.
func (ses *Session) Cohorts(ctx context.Context, kind retention.Kind) (Cohorts, error) {
	all := Cohorts{policy: ses.Policy.Policy, kind: kind}
	err := ses.store.Query(ctx, &dynamodb.QueryInput{
		TableName: &ses.store.Tables.Keys, ConsistentRead: aws.Bool(true), ScanIndexForward: aws.Bool(false),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: attr.Item{":pk": attr.S(cohortPartition(ses.Account, kind))},
	}, func(item attr.Item) (bool, error) {
		return true, all.add(kind, item)
	})
	return all, err
}

// CohortAt reads one cohort, if its row exists, and up to when all are destroyed.
func (ses *Session) CohortAt(ctx context.Context, kind retention.Kind, id string) (Cohorts, error) {
	pk := cohortPartition(ses.Account, kind)
	keys := []attr.Item{attr.Key(pk, destroyedRow)}
	if id != "" {
		keys = append(keys, attr.Key(pk, id))
	}
	all := Cohorts{policy: ses.Policy.Policy, kind: kind}
	rows, err := ses.store.batchGet(ctx, map[string][]attr.Item{ses.store.Tables.Keys: keys})
	if err != nil {
		return all, err
	}
	for _, item := range rows[ses.store.Tables.Keys] {
		if err := all.add(kind, item); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (c *Cohorts) add(kind retention.Kind, item attr.Item) error {
	id := attr.GetS(item, "sk")
	if id == destroyedRow {
		c.Destroyed = attr.GetTime(item, "until")
		return nil
	}
	zone, err := time.LoadLocation(attr.GetS(item, "zone"))
	if err != nil {
		return fmt.Errorf("vault: cohort: %w", err)
	}
	cohort, err := retention.ParseCohort(id, attr.GetTime(item, "start"), attr.GetTime(item, "end"), zone)
	if err != nil {
		return fmt.Errorf("vault: cohort: %w", err)
	}
	c.List = append(c.List, Cohort{Cohort: cohort, Kind: kind, DestroyedAt: attr.GetTime(item, "destroyedAt"), wrapped: attr.GetB(item, "key")})
	return nil
}

// cohortKey opens a cohort's key.
func (ses *Session) cohortKey(c Cohort) ([]byte, error) {
	if c.Destroyed() {
		return nil, ErrUnreadable
	}
	key, err := ses.Key.Unwrap(place(cohortPartition(ses.Account, c.Kind), c.ID), c.wrapped)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return key, nil
}

// ErrOver is returned where something would go into a cohort whose time is over.
var ErrOver = errors.New("vault: the cohort's time is over")

// JoinCohort is the cohort of an anchor, made if it does not exist. A cohort that was destroyed is never made again.
func (ses *Session) JoinCohort(ctx context.Context, kind retention.Kind, anchor time.Time) (Cohort, error) {
	wanted := retention.CohortOf(anchor, ses.Policy.Keeps(kind), ses.Policy.Zone)
	all, err := ses.CohortAt(ctx, kind, wanted.ID)
	if err != nil {
		return Cohort{}, err
	}
	if c, ok := all.Find(wanted.ID); ok {
		if c.Destroyed() || all.Over(c.Cohort, ses.Now()) {
			return Cohort{}, ErrOver
		}
		return c, nil
	}
	if all.Over(wanted, ses.Now()) {
		return Cohort{}, ErrOver
	}
	pk := cohortPartition(ses.Account, kind)
	c := Cohort{Cohort: wanted, Kind: kind, wrapped: ses.Key.Wrap(place(pk, wanted.ID), keyring.NewKey())}
	item := attr.Key(pk, wanted.ID)
	item["key"], item["zone"] = attr.B(c.wrapped), attr.S(wanted.Start.Location().String())
	item["start"], item["end"] = attr.Time(wanted.Start), attr.Time(wanted.End)
	_, err = ses.store.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &ses.store.Tables.Keys, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if IsConditionFailed(err) { // another made it meanwhile
		return ses.JoinCohort(ctx, kind, anchor)
	}
	return c, err
}

// CohortKeyItem is the primary key of a cohort's row.
func CohortKeyItem(account string, kind retention.Kind, id string) attr.Item {
	return attr.Key(cohortPartition(account, kind), id)
}

// DestroyedKeyItem is the primary key of the row that says up to when everything of a kind is destroyed.
func DestroyedKeyItem(account string, kind retention.Kind) attr.Item {
	return attr.Key(cohortPartition(account, kind), destroyedRow)
}

package purge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// grace is how long a cohort's row outlives its key: the index may lag behind the table, and a settling may have been
// under way. Whatever shows up within it is swept by a later run.
const grace = 10 * time.Minute

func (h *Handler) account(ctx context.Context, account string, report *Report) error {
	ses, err := h.Store.OpenPolicy(ctx, account)
	if err != nil {
		return err
	}
	var failures []error
	for _, kind := range []retention.Kind{retention.Chat, retention.Fact} {
		failures = append(failures, h.kind(ctx, ses, kind, report))
	}
	return errors.Join(failures...)
}

func (h *Handler) kind(ctx context.Context, ses *vault.Session, kind retention.Kind, report *Report) error {
	cohorts, err := ses.Cohorts(ctx, kind)
	if err != nil {
		return err
	}
	now := h.Store.Now()
	var over []vault.Cohort
	until := cohorts.Destroyed
	for _, c := range cohorts.List {
		if c.Destroyed() || cohorts.Over(c.Cohort, now) {
			over = append(over, c)
			if c.End.After(until) {
				until = c.End
			}
		}
	}
	if len(over) == 0 {
		return nil
	}
	if until.After(cohorts.Destroyed) {
		if err := h.mark(ctx, ses.Account, kind, until); err != nil {
			return err
		}
	}
	going, err := h.goingOn(ctx, ses, kind)
	if err != nil {
		return err
	}
	var failures []error
	for _, c := range over {
		if err := h.cohort(ctx, ses, c, going[c.ID], report); err != nil {
			failures = append(failures, fmt.Errorf("cohort %s of %ss: %w", c.ID, kind, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}

// mark says up to when everything of a kind is destroyed; it never goes back.
func (h *Handler) mark(ctx context.Context, account string, kind retention.Kind, until time.Time) error {
	_, err := h.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Store.Tables.Keys, Key: vault.DestroyedKeyItem(account, kind),
		UpdateExpression:          aws.String("SET #until = :until"),
		ConditionExpression:       aws.String("attribute_not_exists(#until) OR #until < :until"),
		ExpressionAttributeNames:  map[string]string{"#until": "until"},
		ExpressionAttributeValues: attr.Item{":until": attr.Time(until)},
	})
	if vault.IsConditionFailed(err) {
		return nil
	}
	return err
}

// goingOn are the cohorts in which conversations stand that were settled there and go on again.
func (h *Handler) goingOn(ctx context.Context, ses *vault.Session, kind retention.Kind) (map[string]bool, error) {
	var places []vault.Place
	err := h.Store.Places(ctx, vault.Range{Listing: vault.OpenListing(ses.Account)}, func(p vault.Place, _ string) (bool, error) {
		places = append(places, p)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	rows, err := ses.RowsAt(ctx, places)
	if err != nil {
		return nil, err
	}
	cohorts := map[string]bool{}
	for _, r := range rows {
		if r.Kind == kind && r.Cohort != "" && r.State != vault.Destroyed {
			cohorts[r.Cohort] = true
		}
	}
	return cohorts, nil
}

func (h *Handler) cohort(ctx context.Context, ses *vault.Session, c vault.Cohort, goingOn bool, report *Report) error {
	if goingOn && !c.Destroyed() {
		report.Waiting++
		_, err := h.conversations(ctx, ses, c, report)
		return err
	}
	destroyed, err := h.key(ctx, ses.Account, c, report)
	if err != nil {
		return err
	}
	var left int
	if c.Kind == retention.Fact {
		left, err = h.facts(ctx, ses.Account, c, report)
	} else {
		left, err = h.conversations(ctx, ses, c, report)
	}
	if err != nil || left > 0 || h.Store.Now().Sub(destroyed) < grace {
		return err
	}
	_, err = h.Store.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &h.Store.Tables.Keys, Key: vault.CohortKeyItem(ses.Account, c.Kind, c.ID),
		ConditionExpression:      aws.String("attribute_not_exists(#key)"),
		ExpressionAttributeNames: map[string]string{"#key": "key"},
	})
	return err
}

// key removes a cohort's key and answers when that was done.
func (h *Handler) key(ctx context.Context, account string, c vault.Cohort, report *Report) (time.Time, error) {
	if c.Destroyed() {
		return c.DestroyedAt, nil
	}
	now := h.Store.Now()
	_, err := h.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Store.Tables.Keys, Key: vault.CohortKeyItem(account, c.Kind, c.ID),
		UpdateExpression:          aws.String("SET destroyedAt = :now REMOVE #key"),
		ConditionExpression:       aws.String("attribute_exists(#key)"),
		ExpressionAttributeNames:  map[string]string{"#key": "key"},
		ExpressionAttributeValues: attr.Item{":now": attr.Time(now)},
	})
	if vault.IsConditionFailed(err) {
		return now, nil // another run was faster
	}
	if err == nil {
		report.Cohorts++
	}
	return now, err
}

// conversations destroys every conversation of a cohort and answers how many there were.
func (h *Handler) conversations(ctx context.Context, ses *vault.Session, c vault.Cohort, report *Report) (n int, err error) {
	for shard := range vault.Shards {
		var places []vault.Place
		listing := vault.Range{Listing: vault.CohortListing(ses.Account, c.Kind, c.ID, shard)}
		err := h.Store.Places(ctx, listing, func(p vault.Place, _ string) (bool, error) {
			places = append(places, p)
			return true, nil
		})
		if err != nil {
			return n, err
		}
		rows, err := ses.RowsAt(ctx, places)
		if err != nil {
			return n, err
		}
		for _, r := range rows {
			if r.Cohort != c.ID || r.State != vault.Settled && r.State != vault.Destroyed {
				continue // it goes on again, and its old place is still in the index
			}
			n++
			d, ok, err := h.Store.Destroy(ctx, r)
			report.Items, report.Objects = report.Items+d.Items, report.Objects+d.Objects
			if err != nil {
				return n, err
			}
			if ok {
				report.Conversations++
			}
		}
	}
	return n, nil
}

// facts deletes every fact of a cohort and answers how many there were.
func (h *Handler) facts(ctx context.Context, account string, c vault.Cohort, report *Report) (n int, err error) {
	var keys []attr.Item
	err = h.Store.Query(ctx, &dynamodb.QueryInput{
		TableName: &h.Store.Tables.Records, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("pk, sk"),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: attr.Item{":pk": attr.S(vault.FactPartition(account, c.ID))},
	}, func(item attr.Item) (bool, error) {
		keys = append(keys, item)
		return true, nil
	})
	if err != nil {
		return 0, err
	}
	report.Facts, report.Items = report.Facts+len(keys), report.Items+len(keys)
	return len(keys), h.Store.DeleteAll(ctx, h.Store.Tables.Records, keys)
}

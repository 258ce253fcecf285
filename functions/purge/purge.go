package purge

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// kinds are what is purged.
var kinds = retention.Kinds()

// keys destroys the keys of every cohort whose time is over.
func (h *Handler) keys(ctx context.Context, ses *vault.Session, report *Report) error {
	var failures []error
	for _, kind := range kinds {
		over, cohorts, err := h.over(ctx, ses, kind)
		if err != nil || len(over) == 0 {
			failures = append(failures, err)
			continue
		}
		if until := over[0].End; until.After(cohorts.Destroyed) {
			if err := h.mark(ctx, ses.Account, kind, until); err != nil {
				failures = append(failures, err)
				continue
			}
		}
		going, err := h.goingOn(ctx, ses, kind)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		for _, c := range over {
			switch {
			case c.Destroyed():
			case going[c.ID]:
				report.Waiting++
			default:
				failures = append(failures, h.key(ctx, ses.Account, c, report))
			}
		}
	}
	return errors.Join(failures...)
}

// over are the cohorts that may be destroyed or were, the one that ends last first. What only a change of the policy hides is
// not among them while the change can be undone.
func (h *Handler) over(ctx context.Context, ses *vault.Session, kind retention.Kind) ([]vault.Cohort, vault.Cohorts, error) {
	cohorts, err := ses.Cohorts(ctx, kind)
	if err != nil {
		return nil, cohorts, err
	}
	var over []vault.Cohort
	for _, c := range cohorts.List {
		if c.Destroyed() || cohorts.Destroys(c.Cohort) {
			over = append(over, c)
		}
	}
	slices.SortStableFunc(over, func(a, b vault.Cohort) int { return b.End.Compare(a.End) })
	return over, cohorts, nil
}

// rest destroys the own keys and deletes the items and objects of what is past its time.
func (h *Handler) rest(ctx context.Context, ses *vault.Session, report *Report) error {
	var failures []error
	for _, kind := range retention.Conversations() {
		failures = append(failures, h.unsettled(ctx, ses, kind, report))
	}
	for _, kind := range kinds {
		over, _, err := h.over(ctx, ses, kind)
		failures = append(failures, err)
		for _, c := range over {
			if err := h.cohort(ctx, ses, c, report); err != nil {
				failures = append(failures, fmt.Errorf("cohort %s of %ss: %w", c.ID, kind, err))
			}
			if ctx.Err() != nil {
				break
			}
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
	cohorts := map[string]bool{}
	err := h.rows(ctx, ses, vault.Range{Listing: vault.OpenListing(ses.Account, kind)}, func(r vault.Row) error {
		if r.Cohort != "" && r.State != vault.Destroyed {
			cohorts[r.Cohort] = true
		}
		return nil
	})
	return cohorts, err
}

func (h *Handler) cohort(ctx context.Context, ses *vault.Session, c vault.Cohort, report *Report) error {
	clear := h.conversations
	if c.Kind == retention.Fact {
		clear = h.facts
	}
	left, err := clear(ctx, ses, c, report)
	if err != nil || left > 0 || !c.Destroyed() || h.Store.Now().Sub(c.DestroyedAt) < grace {
		return err
	}
	_, err = h.Store.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &h.Store.Tables.Keys, Key: vault.CohortKeyItem(ses.Account, c.Kind, c.ID),
		ConditionExpression:      aws.String("attribute_not_exists(#key)"),
		ExpressionAttributeNames: map[string]string{"#key": "key"},
	})
	if vault.IsConditionFailed(err) {
		return nil
	}
	return err
}

// key removes a cohort's key.
func (h *Handler) key(ctx context.Context, account string, c vault.Cohort, report *Report) error {
	_, err := h.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Store.Tables.Keys, Key: vault.CohortKeyItem(account, c.Kind, c.ID),
		UpdateExpression:          aws.String("SET destroyedAt = :now REMOVE #key"),
		ConditionExpression:       aws.String("attribute_exists(#key)"),
		ExpressionAttributeNames:  map[string]string{"#key": "key"},
		ExpressionAttributeValues: attr.Item{":now": attr.Time(h.Store.Now())},
	})
	if vault.IsConditionFailed(err) {
		return nil // another run was faster
	}
	if err == nil {
		report.Cohorts++
	}
	return err
}

// page is how many rows are read together.
const page = 100

// rows hands out the rows of a range of the index, a page at a time.
func (h *Handler) rows(ctx context.Context, ses *vault.Session, in vault.Range, each func(vault.Row) error) error {
	var places []vault.Place
	flush := func() error {
		rows, err := ses.RowsAt(ctx, places)
		places = places[:0]
		for _, r := range rows {
			if err = errors.Join(err, each(r)); err != nil {
				break
			}
		}
		return err
	}
	err := h.Store.Places(ctx, in, func(p vault.Place, _ string) (bool, error) {
		if places = append(places, p); len(places) == page {
			return true, flush()
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	return flush()
}

func (h *Handler) destroy(ctx context.Context, r vault.Row, report *Report) error {
	d, ok, err := h.Store.Destroy(ctx, r)
	report.Items, report.Objects = report.Items+d.Items, report.Objects+d.Objects
	if ok {
		report.Conversations++
	}
	return err
}

// conversations destroys every conversation of a cohort and answers how many there were.
func (h *Handler) conversations(ctx context.Context, ses *vault.Session, c vault.Cohort, report *Report) (n int, err error) {
	for shard := range vault.Shards {
		in := vault.Range{Listing: vault.CohortListing(ses.Account, c.Kind, c.ID, shard)}
		err := h.rows(ctx, ses, in, func(r vault.Row) error {
			if r.Cohort != c.ID || !r.InCohort() {
				return nil // it goes on again, and its old place is still in the index
			}
			n++
			return h.destroy(ctx, r, report)
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// unsettled destroys open conversations that are past their time: settling has not got to them, or cannot. The last that
// came in counts, which is never before the anchor.
func (h *Handler) unsettled(ctx context.Context, ses *vault.Session, kind retention.Kind, report *Report) error {
	cohorts, err := ses.CohortAt(ctx, kind, "")
	if err != nil {
		return err
	}
	over := func(at time.Time) bool {
		return cohorts.Destroys(retention.CohortOf(at, ses.Policy.Keeps(kind), ses.Policy.Zone))
	}
	// What was over before the policy became a longer one stays so.
	below := vault.Latest(h.Store.Now().Add(-ses.Policy.Keeps(kind).AtLeast()), vault.Latest(ses.Policy.Gone[kind], cohorts.Destroyed))
	in := vault.Range{Listing: vault.OpenListing(ses.Account, kind), Below: vault.Before(below)}
	return h.rows(ctx, ses, in, func(r vault.Row) error {
		last, err := h.Store.LastReceived(ctx, r)
		if err != nil {
			return err
		}
		if r.State != vault.Destroyed && !over(vault.Latest(last, r.Active)) {
			return nil
		}
		r.Known = vault.Latest(r.Known, last)
		return h.destroy(ctx, r, report)
	})
}

// facts deletes every fact of a cohort and answers how many there were.
func (h *Handler) facts(ctx context.Context, ses *vault.Session, c vault.Cohort, report *Report) (n int, err error) {
	var keys []attr.Item
	err = h.Store.Query(ctx, &dynamodb.QueryInput{
		TableName: &h.Store.Tables.Records, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("pk, sk"),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: attr.Item{":pk": attr.S(vault.FactPartition(ses.Account, c.ID))},
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

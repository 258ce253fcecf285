package vault

import (
	"context"
	"time"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/retention"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Drift is how a kind stands against its policy.
type Drift struct {
	Kind retention.Kind
	// OldestReadable is the first day of which something can be read, KeepsFrom the first of which the policy of the kind keeps
	// something; zero is none. Rules and holds may keep what is older.
	OldestReadable, KeepsFrom time.Time
	// OldestPresent is the first day of which anything is left in the tables, readable or not.
	OldestPresent time.Time
	// OverdueSeconds is for how long the first has been there that was to be destroyed.
	OverdueSeconds int64
	// Held counts what is only there because it is held.
	Held int
}

// Drift looks at everything of a kind that could be over.
func (ses *Session) Drift(ctx context.Context, kind retention.Kind) (Drift, error) {
	d := Drift{Kind: kind}
	cohorts, err := ses.Cohorts(ctx, kind)
	if err != nil {
		return d, err
	}
	now := ses.Now()
	first := func(at *time.Time, start time.Time) {
		if at.IsZero() || start.Before(*at) {
			*at = start
		}
	}
	due := func(at time.Time) {
		// What an earlier policy ended has the end of its day for its time, which may be long before that policy was in force.
		d.OverdueSeconds = max(d.OverdueSeconds, int64(now.Sub(Latest(at, ses.Policy.At)).Seconds()))
	}
	if !kind.ByDay() {
		if err := ses.openDrift(ctx, kind, cohorts, due); err != nil {
			return d, err
		}
	}
	for _, c := range cohorts.List {
		if !c.Destroyed() && !cohorts.policy.Closed(now) && now.Before(c.Cohort.Expires(ses.Policy.Keeps(kind))) {
			first(&d.KeepsFrom, c.Start)
		}
		if kind.ByDay() {
			if !c.Destroyed() && !cohorts.Over(c.Cohort, now) {
				first(&d.OldestReadable, c.Start)
			}
			left, err := ses.anyOfDay(ctx, c)
			if err != nil {
				return d, err
			}
			if left {
				first(&d.OldestPresent, c.Start)
			}
			if (left || !c.Destroyed()) && cohorts.DestroysAll(c.Cohort) && !cohorts.MayHold(c.Cohort) {
				due(cohorts.DestroysAllFrom(c.Cohort))
			}
			continue
		}
		ask := !ses.Policy.Single(kind) || len(ses.Policy.Holds) > 0
		empty := true
		err := ses.ListedIn(ctx, c, func(l Listed) (bool, error) {
			empty = false
			it := l.Item(kind, c.Cohort)
			switch {
			case l.State != Destroyed && !c.Destroyed() && l.Hand.IsZero() && !cohorts.Hidden(it, now):
				first(&d.OldestReadable, c.Start)
				if cohorts.Held(it, now) && !now.Before(cohorts.DestroyedBy(it).At) {
					d.Held++
				}
			case cohorts.Destroys(it):
				due(cohorts.DestroyedBy(it).At)
			}
			return ask, nil // where all of a day go together, one of each shard is enough
		})
		if err != nil {
			return d, err
		}
		if !empty {
			first(&d.OldestPresent, c.Start)
		}
		if !c.Destroyed() && cohorts.DestroysAll(c.Cohort) && !cohorts.MayHold(c.Cohort) {
			due(cohorts.DestroysAllFrom(c.Cohort))
		}
	}
	return d, nil
}

// openDrift looks at what is open, or was while it was destroyed. When something last came in counts, as for purge.
func (ses *Session) openDrift(ctx context.Context, kind retention.Kind, cohorts Cohorts, due func(time.Time)) error {
	var places []Place
	err := ses.store.Listed(ctx, Range{Listing: OpenListing(ses.Account, kind)}, func(l Listed) (bool, error) {
		of := retention.CohortOf(l.At, ses.Policy.Keeps(kind), ses.Policy.Zone)
		if l.State != Destroyed && cohorts.DestroysAll(of) && !cohorts.MayHoldUpTo(of) {
			places = append(places, l.Place)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	rows, err := ses.RowsAt(ctx, places)
	if err != nil {
		return err
	}
	for _, r := range rows {
		last, err := ses.store.LastReceived(ctx, r)
		if err != nil {
			return err
		}
		if of := retention.CohortOf(Latest(last, r.Active), ses.Policy.Keeps(kind), ses.Policy.Zone); cohorts.DestroysAll(of) && !cohorts.MayHoldUpTo(of) {
			due(cohorts.DestroysAllFrom(of))
		}
	}
	return nil
}

func (ses *Session) anyOfDay(ctx context.Context, c Cohort) (bool, error) {
	out, err := ses.store.DB.Query(ctx, &dynamodb.QueryInput{
		TableName: &ses.store.Tables.Records, Limit: aws.Int32(1), ProjectionExpression: aws.String("pk, sk"),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: attr.Item{":pk": attr.S(DayPartition(ses.Account, c.Kind, c.ID))},
	})
	if err != nil {
		return false, err
	}
	return len(out.Items) > 0, nil
}

package vault

import (
	"context"
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
	// DestroyedAt is when the key went, Ending in what act and why.
	DestroyedAt time.Time
	Ending      Ending
	wrapped     []byte
}

// Destroyed says whether the key is gone: what it sealed opens nowhere, and the row waits for the rest to be deleted.
func (c Cohort) Destroyed() bool { return len(c.wrapped) == 0 }

// Cohorts are all cohorts of an account and kind, the newest first, and up to when all are destroyed.
type Cohorts struct {
	List      []Cohort
	Destroyed time.Time
	// Swept is up to when nothing is left of what was over for good.
	Swept  time.Time
	policy retention.InForce
	kind   retention.Kind
	opened time.Time
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

// gone says whether everything of a cohort was destroyed once: it stays over, whatever the policy says now.
func (c Cohorts) gone(cohort retention.Cohort) bool { return !cohort.End.After(c.Destroyed) }

// Ends is when and why the time of a record is over under the policy in force.
func (c Cohorts) Ends(it retention.Item) retention.End {
	end := c.policy.Ends(it)
	if c.gone(it.Cohort) && end.At.After(c.Destroyed) {
		return retention.End{At: c.Destroyed, Why: retention.Retention}
	}
	return end
}

// Held says whether a hold keeps a record.
func (c Cohorts) Held(it retention.Item, now time.Time) bool {
	return !c.gone(it.Cohort) && c.policy.Held(it, now)
}

// Hidden says whether a record may not be read.
func (c Cohorts) Hidden(it retention.Item, now time.Time) bool {
	return c.gone(it.Cohort) || c.policy.Hidden(it, now)
}

// Over says whether nothing of a cohort may be read any more.
func (c Cohorts) Over(cohort retention.Cohort, now time.Time) bool {
	return c.gone(cohort) || c.policy.CohortHidden(c.kind, cohort, now)
}

// Expires is the instant from which nothing of a cohort may be read but what is held.
func (c Cohorts) Expires(cohort retention.Cohort) time.Time {
	expires := c.policy.CohortHiddenFrom(c.kind, cohort)
	if c.gone(cohort) && expires.After(c.Destroyed) {
		return c.Destroyed
	}
	return expires
}

// Destroys says whether a record may be destroyed: it is over, not only by a change that can still be undone, and not held. Its
// time is that at which the policy was read: what is destroyed by a policy is over while that policy is in force.
func (c Cohorts) Destroys(it retention.Item) bool {
	return c.gone(it.Cohort) || c.policy.Destroys(it, c.opened)
}

// DestroyedBy is when and why a record may be destroyed.
func (c Cohorts) DestroyedBy(it retention.Item) retention.End {
	if c.gone(it.Cohort) {
		return c.Ends(it)
	}
	return c.policy.Destroyed(it)
}

// DestroysAll says whether all of a cohort may be destroyed but what is held.
func (c Cohorts) DestroysAll(cohort retention.Cohort) bool {
	return c.gone(cohort) || c.policy.CohortDestroyed(c.kind, cohort, c.opened)
}

// closed says whether nothing joins a cohort any more. A day that is held as a whole takes what is told of it late; a conversation
// that is held stays open.
func (c Cohorts) closed(cohort retention.Cohort) bool {
	return c.DestroysAll(cohort) && !(c.kind.ByDay() && c.MayHold(cohort))
}

// DestroysAllFrom is when DestroysAll begins, if no other policy comes.
func (c Cohorts) DestroysAllFrom(cohort retention.Cohort) time.Time {
	if c.gone(cohort) {
		return c.Expires(cohort)
	}
	return c.policy.CohortDestroyedFrom(c.kind, cohort)
}

// MayHold says whether a hold can keep something of a cohort.
func (c Cohorts) MayHold(cohort retention.Cohort) bool {
	return !c.gone(cohort) && c.policy.MayHold(c.kind, cohort, c.opened)
}

// MayHoldUpTo says whether a hold can keep something of a cohort or of what was before it, of which there may be no cohort yet.
func (c Cohorts) MayHoldUpTo(cohort retention.Cohort) bool {
	return !c.gone(cohort) && c.policy.MayHoldUpTo(c.kind, cohort, c.opened)
}

// Begins says whether anything of a cohort can be over.
func (c Cohorts) Begins(cohort retention.Cohort) bool {
	return c.gone(cohort) || c.policy.Begins(c.kind, cohort, c.opened)
}

// Cohorts reads all cohorts of a kind, consistently.
func (ses *Session) Cohorts(ctx context.Context, kind retention.Kind) (Cohorts, error) {
	all := Cohorts{policy: ses.Policy.InForce, kind: kind, opened: ses.opened}
	in := attr.Partition(ses.store.Tables.Keys, cohortPartition(ses.Account, kind))
	in.ScanIndexForward = aws.Bool(false)
	err := ses.store.Query(ctx, in, func(item attr.Item) (bool, error) {
		return true, all.add(kind, item)
	})
	return all, err
}

// CohortAt reads one cohort, if its row exists, and up to when all are destroyed.
func (ses *Session) CohortAt(ctx context.Context, kind retention.Kind, id string) (Cohorts, error) {
	return ses.CohortsAt(ctx, kind, []string{id})
}

// CohortsAt is CohortAt of up to 99 cohorts, in no order; the empty id is that of none.
func (ses *Session) CohortsAt(ctx context.Context, kind retention.Kind, ids []string) (Cohorts, error) {
	pk := cohortPartition(ses.Account, kind)
	keys := []attr.Item{attr.Key(pk, destroyedRow)}
	for _, id := range ids {
		if id != "" {
			keys = append(keys, attr.Key(pk, id))
		}
	}
	all := Cohorts{policy: ses.Policy.InForce, kind: kind, opened: ses.opened}
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
		c.Destroyed, c.Swept = attr.GetTime(item, "until"), attr.GetTime(item, "swept")
		return nil
	}
	zone, err := retention.Zone(attr.GetS(item, "zone"))
	if err != nil {
		return fmt.Errorf("vault: cohort: %w", err)
	}
	cohort, err := retention.ParseCohort(id, attr.GetTime(item, "start"), attr.GetTime(item, "end"), zone)
	if err != nil {
		return fmt.Errorf("vault: cohort: %w", err)
	}
	c.List = append(c.List, Cohort{Cohort: cohort, Kind: kind, DestroyedAt: attr.GetTime(item, "destroyedAt"), Ending: readEnding(item), wrapped: attr.GetB(item, "key")})
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

// JoinCohorts are the cohorts of an anchor for several kinds, made if they do not exist. A kind whose cohort is over for good
// or destroyed has none: it is never made again. What only a change of the policy hides has one, or undoing the change would
// not bring back what was settled meanwhile; and so has a day that is held.
func (ses *Session) JoinCohorts(ctx context.Context, anchor time.Time, kinds ...retention.Kind) (map[retention.Kind]Cohort, error) {
	joined, _, err := ses.join(ctx, anchor, kinds, nil)
	return joined, err
}

// Settles are the kinds of records that a conversation of a kind settles as: itself and, unless it is an article, its fact.
func Settles(kind retention.Kind) []retention.Kind {
	if kind == retention.Article {
		return []retention.Kind{kind}
	}
	return []retention.Kind{kind, retention.Fact}
}

// JoinCohortsOfNew is JoinCohorts for a conversation of which there must be no life yet; known says that there is one. It
// costs no request more.
func (ses *Session) JoinCohortsOfNew(ctx context.Context, record string, anchor time.Time, kinds ...retention.Kind) (joined map[retention.Kind]Cohort, known bool, err error) {
	// A row is never deleted, so whoever has any life has the first.
	return ses.join(ctx, anchor, kinds, []attr.Item{attr.Key(conversationPartition(ses.Account, record), incarnationKey(1))})
}

// join reads the cohorts, and other rows in the same request; where there is one of those, it makes no cohort.
func (ses *Session) join(ctx context.Context, anchor time.Time, kinds []retention.Kind, others []attr.Item) (joined map[retention.Kind]Cohort, other bool, err error) {
	wanted, keys := map[retention.Kind]retention.Cohort{}, others
	for _, kind := range kinds {
		wanted[kind] = retention.CohortOf(anchor, ses.Policy.Keeps(kind), ses.Policy.Zone)
		pk := cohortPartition(ses.Account, kind)
		keys = append(keys, attr.Key(pk, destroyedRow), attr.Key(pk, wanted[kind].ID))
	}
	rows, err := ses.store.batchGet(ctx, map[string][]attr.Item{ses.store.Tables.Keys: keys})
	if err != nil {
		return nil, false, err
	}
	all := map[string]*Cohorts{}
	for _, kind := range kinds {
		all[cohortPartition(ses.Account, kind)] = &Cohorts{policy: ses.Policy.InForce, kind: kind, opened: ses.opened}
	}
	for _, item := range rows[ses.store.Tables.Keys] {
		of := all[attr.GetS(item, "pk")]
		if of == nil {
			return nil, true, nil
		}
		if err := of.add(of.kind, item); err != nil {
			return nil, false, err
		}
	}
	joined = map[retention.Kind]Cohort{}
	for _, of := range all {
		c, ok := of.Find(wanted[of.kind].ID)
		switch {
		case ok && (c.Destroyed() || of.closed(c.Cohort)), !ok && of.closed(wanted[of.kind]):
			continue
		case !ok:
			c, err = ses.makeCohort(ctx, of.kind, wanted[of.kind])
		}
		if IsConditionFailed(err) { // another made it meanwhile
			return ses.join(ctx, anchor, kinds, others)
		}
		if err != nil {
			return nil, false, err
		}
		joined[of.kind] = c
	}
	return joined, false, nil
}

func (ses *Session) makeCohort(ctx context.Context, kind retention.Kind, cohort retention.Cohort) (Cohort, error) {
	pk := cohortPartition(ses.Account, kind)
	c := Cohort{Cohort: cohort, Kind: kind, wrapped: ses.Key.Wrap(place(pk, cohort.ID), keyring.NewKey())}
	item := attr.Key(pk, cohort.ID)
	item["key"], item["zone"] = attr.B(c.wrapped), attr.S(cohort.Start.Location().String())
	item["start"], item["end"] = attr.Time(cohort.Start), attr.Time(cohort.End)
	_, err := ses.store.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &ses.store.Tables.Keys, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
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

package purge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// grace is how long a cohort's row outlives its key: the index may lag behind the table, and a settling may have been
// under way. Whatever shows up within it is swept by a later run.
const grace = 10 * time.Minute

// kinds are what is purged.
var kinds = retention.Kinds()

// most is how many conversations lose their keys before they are stated and deleted: what a process remembers of them.
const most = 20_000

// run is the purging of one account.
type run struct {
	*Handler
	ses    *vault.Session
	report *Report
	id     string
	fence  *vault.Fence
	// gone is what has lost its keys and is neither stated nor deleted yet, of this run and of those that were interrupted.
	gone []vault.Doomed
	// doomed counts what this pass has taken the keys of, listed what it has found of days; full says that there was more.
	doomed, listed int
	full           bool
	seen           map[string]bool
	days           []dayOf
	hands          []attr.Item // the wishes of administrators that are fulfilled
	// held says of a kind that something that was over may stay, because it is held or open.
	held map[retention.Kind]bool
}

// newID names a run. It begins with the time, for whoever reads the rows.
func (r *run) newID() string {
	return r.Store.Now().UTC().Format("20060102T150405") + "-" + strings.ToLower(rand.Text()[:10])
}

// hold takes the fence, once something is to be destroyed.
func (r *run) hold(ctx context.Context) (vault.Fence, error) {
	if r.fence == nil || r.fence.N != r.ses.Policy.Fence {
		r.id = r.newID()
		f, err := r.ses.TakeFence(ctx, r.id)
		if err != nil {
			return f, err
		}
		r.fence = &f
	}
	return *r.fence, nil
}

// The acts of a run: what is destroyed for different reasons is stated apart.
func actOf(id string, why retention.Why) string {
	switch why {
	case retention.Why(retention.Completion):
		return id + "/" + string(receipt.Completion)
	case vault.Hand:
		return id + "/" + string(receipt.ByHand)
	case vault.Closing:
		return id + "/" + string(receipt.Closure)
	}
	return id
}

// ending says that something is destroyed now.
func (r *run) ending(end retention.End) vault.Ending {
	now := r.Store.Now()
	if r.ses.Policy.Closed(now) {
		end = retention.End{At: r.ses.Policy.Closes, Why: vault.Closing}
	}
	return vault.Ending{
		Act: actOf(r.fence.Run, end.Why), Why: end.Why, Rule: end.Rule, Due: end.At, Policy: int64(r.ses.Policy.Version), At: now,
	}
}

// keys destroys the keys of every cohort whose time is over; where the account's is, its own first.
func (r *run) keys(ctx context.Context) error {
	if now := r.Store.Now(); r.ses.Policy.Closed(now) {
		gone, err := r.ses.KeysGone(ctx)
		if err != nil {
			return err
		}
		if !gone {
			f, err := r.hold(ctx)
			if err == nil {
				err = r.Store.EndAccount(ctx, f, now)
			}
			if err != nil {
				return err
			}
		}
	}
	var failures []error
	for _, kind := range kinds {
		if err := r.keysOf(ctx, kind); errors.Is(err, vault.ErrFence) {
			return err
		} else if err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

func (r *run) keysOf(ctx context.Context, kind retention.Kind) error {
	cohorts, err := r.ses.Cohorts(ctx, kind)
	if err != nil {
		return err
	}
	now := r.Store.Now()
	var until time.Time
	var over []vault.Cohort
	stays := false // an older one: nothing after it counts as destroyed together with what is before
	for _, c := range slices.Backward(cohorts.List) {
		// Of a kind that is not stored any more today goes one by one: it may be stored again this afternoon. What goes by the day has no keys of
		// their own, and are lost for such a day.
		today := !kind.ByDay() && c.End.After(now) && !r.ses.Policy.Closed(now)
		if !c.Destroyed() && (today || !cohorts.DestroysAll(c.Cohort) || cohorts.MayHold(c.Cohort)) {
			stays = true
			continue
		}
		stays = stays || cohorts.MayHoldUpTo(c.Cohort) // if only something that is open, of which there is no cohort yet
		if !stays {
			until = vault.Latest(until, c.End)
		}
		if !c.Destroyed() {
			over = append(over, c)
		}
	}
	if !until.After(cohorts.Destroyed) && len(over) == 0 {
		return nil
	}
	f, err := r.hold(ctx)
	if err != nil {
		return err
	}
	if until.After(cohorts.Destroyed) {
		if err := r.Store.Mark(ctx, f, kind, vault.DestroyedUntil, until); err != nil {
			return err
		}
	}
	going, err := r.goingOn(ctx, kind)
	if err != nil {
		return err
	}
	var failures []error
	for _, c := range over {
		if going[c.ID] {
			r.report.Waiting++
			continue
		}
		why := retention.Retention
		if kind.ByDay() {
			why = cohorts.DestroyedBy(retention.OfDay(kind, c.Cohort, r.ses.Policy.Zone)).Why
		}
		ended, err := r.Store.EndCohort(ctx, f, c, r.ending(retention.End{At: cohorts.DestroysAllFrom(c.Cohort), Why: why}))
		if errors.Is(err, vault.ErrFence) {
			return err
		}
		if ended {
			r.report.Cohorts++
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// goingOn are the cohorts in which conversations stand that were settled there and go on again.
func (r *run) goingOn(ctx context.Context, kind retention.Kind) (map[string]bool, error) {
	cohorts := map[string]bool{}
	err := r.rows(ctx, vault.Range{Listing: vault.OpenListing(r.ses.Account, kind)}, nil, func(row vault.Row) error {
		if row.Cohort != "" && row.State != vault.Destroyed {
			cohorts[row.Cohort] = true
		}
		return nil
	})
	return cohorts, err
}

// rest destroys the own keys of what is past its time, states what was destroyed and deletes it.
func (r *run) rest(ctx context.Context) error {
	for {
		fenced := r.fence != nil && r.fence.N == r.ses.Policy.Fence
		err := r.find(ctx)
		if !errors.Is(err, vault.ErrFence) && !fenced && len(r.gone)+len(r.days) > 0 {
			// What others destroyed under the fence of the run before is only all there is once nobody can add to it.
			if _, err = r.hold(ctx); err == nil {
				err = r.find(ctx)
			}
		}
		if errors.Is(err, vault.ErrFence) || ctx.Err() != nil {
			return err
		}
		// What was found is stated and deleted, whatever else could not be read.
		stated := r.state(ctx)
		if stated == nil {
			stated = r.clean(ctx)
		}
		if err = errors.Join(err, stated); err != nil || !r.full {
			return errors.Join(err, r.last(ctx, err == nil))
		}
		r.fence = nil // what follows is another act
	}
}

// find takes the own keys of everything that is past its time and lists all that has lost its keys.
func (r *run) find(ctx context.Context) error {
	r.gone, r.days, r.hands, r.doomed, r.listed, r.full = nil, nil, nil, 0, 0, false
	r.seen, r.held = map[string]bool{}, map[retention.Kind]bool{}
	failures := []error{r.byHand(ctx)}
	for _, kind := range retention.Conversations() {
		failures = append(failures, r.unsettled(ctx, kind))
	}
	for _, kind := range kinds {
		cohorts, err := r.ses.Cohorts(ctx, kind)
		failures = append(failures, err)
		for _, c := range cohorts.List {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case kind.ByDay() && c.Destroyed():
				err = r.listDay(ctx, c)
			case kind.ByDay():
				err = nil
			case c.Destroyed(), cohorts.DestroysAll(c.Cohort), !r.ses.Policy.Single(kind) && cohorts.Begins(c.Cohort):
				err = r.cohort(ctx, cohorts, c)
			default:
				err = nil
			}
			if errors.Is(err, vault.ErrFence) {
				return err
			}
			if err != nil {
				failures = append(failures, fmt.Errorf("cohort %s of %ss: %w", c.ID, kind, err))
			}
		}
	}
	return errors.Join(failures...)
}

// page is how many rows are read together.
const page = 100

// rows hands out the rows of a range of the index that are wanted, a page at a time.
func (r *run) rows(ctx context.Context, in vault.Range, wanted func(vault.Listed) bool, each func(vault.Row) error) error {
	var places []vault.Place
	flush := func() error {
		rows, err := r.ses.RowsAt(ctx, places)
		places = places[:0]
		for _, row := range rows {
			if err = errors.Join(err, each(row)); err != nil {
				break
			}
		}
		return err
	}
	err := r.Store.Listed(ctx, in, func(l vault.Listed) (bool, error) {
		if wanted != nil && !wanted(l) {
			return true, nil
		}
		if places = append(places, l.Place); len(places) == page {
			return true, flush()
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// end takes the own keys of rows.
func (r *run) end(ctx context.Context, doomed []vault.Doomed) error {
	if room := most - r.doomed; len(doomed) > room {
		doomed, r.full = doomed[:max(0, room)], true
	}
	if len(doomed) == 0 {
		return nil
	}
	f, err := r.hold(ctx)
	if err != nil {
		return err
	}
	for i := range doomed {
		doomed[i].Ending = r.ending(retention.End{At: doomed[i].Due, Why: doomed[i].Why, Rule: doomed[i].Rule})
	}
	ended, err := r.Store.End(ctx, f, doomed)
	r.doomed += len(ended)
	for _, d := range ended {
		r.ended(d.Row)
	}
	return err
}

// doom is a row with when and why it ends.
func doom(row vault.Row, end retention.End) vault.Doomed {
	return vault.Doomed{Row: row, Ending: vault.Ending{Due: end.At, Why: end.Why, Rule: end.Rule}}
}

// ended takes up a row that has lost its keys already.
func (r *run) ended(row vault.Row) {
	id := vault.ID(row.ID, row.Incarnation)
	if r.seen[id] {
		return
	}
	r.seen[id] = true
	r.gone = append(r.gone, vault.Doomed{Row: row, Ending: row.Ending})
}

// cohort takes the own keys of what is over in a cohort.
func (r *run) cohort(ctx context.Context, cohorts vault.Cohorts, c vault.Cohort) error {
	now := r.Store.Now()
	destroys := func(it retention.Item) bool { return c.Destroyed() || cohorts.Destroys(it) }
	left := 0
	for shard := range vault.Shards {
		var doomed []vault.Doomed
		in := vault.Range{Listing: vault.CohortListing(r.ses.Account, c.Kind, c.ID, shard)}
		err := r.rows(ctx, in, func(l vault.Listed) bool {
			left++
			it := l.Item(c.Kind, c.Cohort)
			if !c.Destroyed() && cohorts.Held(it, now) && !now.Before(cohorts.DestroyedBy(it).At) {
				r.held[c.Kind] = true
			}
			return l.State == vault.Destroyed || destroys(it)
		}, func(row vault.Row) error {
			switch {
			case row.Cohort != c.ID || !row.InCohort(): // it goes on again, and its old place is still in the index
			case row.State == vault.Destroyed:
				r.ended(row)
			case destroys(row.Item(c.Cohort)):
				end := cohorts.DestroyedBy(row.Item(c.Cohort))
				if c.Destroyed() {
					end = retention.End{At: c.Ending.Due, Why: c.Ending.Why}
				}
				if doomed = append(doomed, doom(row, end)); len(doomed) == page {
					err := r.end(ctx, doomed)
					doomed = nil
					return err
				}
			}
			return nil
		})
		if err = errors.Join(err, r.end(ctx, doomed)); err != nil {
			return err
		}
	}
	if left > 0 || !c.Destroyed() || now.Sub(c.DestroyedAt) < grace {
		return nil
	}
	return r.forget(ctx, c)
}

// forget removes the row of a cohort of which nothing is left.
func (r *run) forget(ctx context.Context, c vault.Cohort) error {
	_, err := r.Store.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &r.Store.Tables.Keys, Key: vault.CohortKeyItem(r.ses.Account, c.Kind, c.ID),
		ConditionExpression:      aws.String("attribute_not_exists(#key)"),
		ExpressionAttributeNames: map[string]string{"#key": "key"},
	})
	if vault.IsConditionFailed(err) {
		return nil
	}
	return err
}

// unsettled takes the keys of open conversations that are past their time: settling has not got to them, or cannot. The last
// that came in counts, which is never before the anchor. What a hold may be about stays: nobody here can see whether it is.
func (r *run) unsettled(ctx context.Context, kind retention.Kind) error {
	cohorts, err := r.ses.CohortAt(ctx, kind, "")
	if err != nil {
		return err
	}
	p := r.ses.Policy
	below := r.Store.Now()
	if !p.Closed(below) && p.Single(kind) && !p.Unstored[kind] {
		// What was over before the policy became a longer one stays so.
		below = vault.Latest(below.Add(-p.Shortest(kind)), vault.Latest(p.Gone[kind], cohorts.Destroyed))
	}
	var doomed []vault.Doomed
	wanted := func(l vault.Listed) bool { return l.State == vault.Destroyed || l.At.Before(below) }
	err = r.rows(ctx, vault.Range{Listing: vault.OpenListing(r.ses.Account, kind)}, wanted, func(row vault.Row) error {
		if row.State == vault.Destroyed {
			r.ended(row)
			return nil
		}
		last, err := r.Store.LastReceived(ctx, row)
		if err != nil {
			return err
		}
		of := retention.CohortOf(vault.Latest(last, row.Active), p.Keeps(kind), p.Zone)
		if !cohorts.DestroysAll(of) || cohorts.MayHoldUpTo(of) { // its last activity may be of any day before
			// It may have been over when the policy changed, by a rule or in spite of a hold that nobody here can ask it about.
			if slices.ContainsFunc(p.Ended, func(e retention.Ended) bool { return !row.Active.After(e.At) }) {
				r.held[kind] = true
			}
			return nil
		}
		frozen, ok, err := r.Store.Freeze(ctx, row)
		if err != nil || !ok {
			return err
		}
		if again, err := r.Store.LastReceived(ctx, frozen); err != nil || again.After(last) {
			return err // the next run sees what that makes of it
		}
		row = frozen
		row.Known = vault.Latest(row.Known, last)
		doomed = append(doomed, doom(row, retention.End{At: cohorts.DestroysAllFrom(of), Why: retention.Retention}))
		return nil
	})
	return errors.Join(err, r.end(ctx, doomed))
}

// last is what a run does when nothing is left to destroy: it says so, if all went well, and keeps the receipts where nobody
// can delete them.
func (r *run) last(ctx context.Context, well bool) error {
	var failures []error
	if well && len(r.ses.Policy.Ended) > 0 {
		f, err := r.hold(ctx)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			if !r.held[kind] {
				failures = append(failures, r.Store.Mark(ctx, f, kind, vault.SweptUntil, r.ses.Opened()))
			}
		}
	}
	return errors.Join(append(failures, r.archive(ctx))...)
}

package purge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// factsOf are what is left of the facts of a cohort that has lost its key.
type factsOf struct {
	vault.Cohort
	keys  []attr.Item
	bytes int64
}

// listFacts lists the facts of a cohort; where none is left, the cohort's row goes.
func (r *run) listFacts(ctx context.Context, c vault.Cohort) error {
	of := factsOf{Cohort: c}
	err := r.Store.Query(ctx, &dynamodb.QueryInput{
		TableName: &r.Store.Tables.Records, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("pk, sk, body"),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: attr.Item{":pk": attr.S(vault.FactPartition(r.ses.Account, c.ID))},
	}, func(item attr.Item) (bool, error) {
		of.keys, of.bytes = append(of.keys, attr.Item{"pk": item["pk"], "sk": item["sk"]}), of.bytes+int64(len(attr.GetB(item, "body")))
		return true, nil
	})
	switch {
	case err != nil:
		return err
	case len(of.keys) > 0:
		r.facts = append(r.facts, of)
	case r.Store.Now().Sub(c.DestroyedAt) >= grace:
		return r.forget(ctx, c)
	}
	return nil
}

// lot is what stands together in a receipt: of one act and kind, by cohort, reason and rule.
type lot struct {
	act, cohort, rule string
	kind              retention.Kind
	why               retention.Why
	policy            int64
}

// most parts of a receipt; what an act has more of is several receipts.
const parts = receipt.MaxParts - 100

// state appends a receipt for every act of which something was found, before anything of it is deleted. What is appended
// again, because a run was interrupted, has one already.
func (r *run) state(ctx context.Context) error {
	lots := map[lot]*receipt.Lot{}
	done := map[string]time.Time{} // by act
	missing := map[string]map[string]int64{}
	add := func(key lot, e vault.Ending, bytes int64, ids ...string) {
		of := lots[key]
		if of == nil {
			of = &receipt.Lot{Part: receipt.Part{
				Kind: key.kind, Cohort: key.cohort, Why: receipt.Why(key.why), Policy: key.policy, Rule: key.rule, Due: receipt.Due(e.Due, e.Due),
			}}
			lots[key] = of
		}
		if e.Due.Before(of.Due.From.Time) {
			of.Due = receipt.Due(e.Due, of.Due.To.Time)
		}
		of.Due = receipt.Due(of.Due.From.Time, vault.Latest(of.Due.To.Time, e.Due))
		of.Bytes, of.IDs = of.Bytes+bytes, append(of.IDs, ids...)
		done[key.act] = vault.Latest(done[key.act], e.At)
	}
	for _, g := range r.gone {
		e := g.Ending
		if e.Act == "" {
			continue // nobody could read it
		}
		key := lot{e.Act, g.Cohort, e.Rule, g.Kind, e.Why, e.Policy}
		add(key, e, g.Bytes, vault.ID(g.ID, g.Incarnation))
		for _, to := range g.Awaits {
			if missing[e.Act+string(g.Kind)] == nil {
				missing[e.Act+string(g.Kind)] = map[string]int64{}
			}
			missing[e.Act+string(g.Kind)][to]++
		}
	}
	for _, f := range r.facts {
		if f.Ending.Act == "" {
			continue
		}
		ids := make([]string, len(f.keys))
		for i, key := range f.keys {
			ids[i] = attr.GetS(key, "sk")
		}
		add(lot{f.Ending.Act, f.ID, "", retention.Fact, f.Ending.Why, f.Ending.Policy}, f.Ending, f.bytes, ids...)
	}
	order := slices.SortedFunc(maps.Keys(lots), func(a, b lot) int {
		return cmp.Or(cmp.Compare(a.act, b.act), cmp.Compare(a.kind, b.kind), cmp.Compare(a.cohort, b.cohort), cmp.Compare(a.why, b.why),
			cmp.Compare(a.rule, b.rule), cmp.Compare(a.policy, b.policy))
	})
	for len(order) > 0 {
		first, n := order[0], 0
		for n < len(order) && order[n].act == first.act && order[n].kind == first.kind {
			n++
		}
		for i := 0; i*parts < n; i++ {
			draft := receipt.Draft{Account: r.ses.Account, Act: kindOf(first.act), Done: done[first.act]}
			for _, key := range order[i*parts : min(n, (i+1)*parts)] {
				draft.What = append(draft.What, *lots[key])
			}
			if i == 0 {
				of := missing[first.act+string(first.kind)]
				for _, to := range slices.Sorted(maps.Keys(of)) {
					draft.NotDelivered = append(draft.NotDelivered, receipt.Undelivered{Destination: to, Records: of[to]})
				}
			}
			if _, err := r.Chain.Append(ctx, fmt.Sprintf("%s#%s#%d", first.act, first.kind, i), draft, nil); err != nil {
				return err
			}
			r.report.Receipts++
		}
		order = order[n:]
	}
	return nil
}

// kindOf is what an act is called in its receipt.
func kindOf(act string) receipt.Act {
	if _, of, ok := strings.Cut(strings.Replace(act, vault.Late, "", 1), "/"); ok {
		return receipt.Act(of)
	}
	return receipt.Purge
}

// clean deletes what is stated: items, objects, then the places in the index. It goes no faster than Pace, so that those who
// write find their tables free.
func (r *run) clean(ctx context.Context) error {
	pace := pacer{rate: r.Pace}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(r.Deleters, 8))
	type deleted struct{ items, objects int }
	results := make([]deleted, len(r.gone))
	for i, g := range r.gone {
		if within.Err() != nil {
			break
		}
		group.Go(func() error {
			d, err := r.Store.DeleteItems(within, g.Row)
			results[i] = deleted{d.Items, d.Objects}
			return errors.Join(err, pace.wait(within, 1+d.Items))
		})
	}
	err := group.Wait()
	for _, d := range results {
		r.report.Items, r.report.Objects = r.report.Items+d.items, r.report.Objects+d.objects
	}
	if err != nil {
		return err
	}
	r.report.Conversations += len(r.gone)
	for _, f := range r.facts {
		if err := r.Store.DeleteAll(ctx, r.Store.Tables.Records, f.keys); err != nil {
			return err
		}
		if err := pace.wait(ctx, len(f.keys)); err != nil {
			return err
		}
		r.report.Facts, r.report.Items = r.report.Facts+len(f.keys), r.report.Items+len(f.keys)
	}
	failures := []error{r.extracts(ctx)}
	for _, wish := range r.hands {
		_, err := r.Store.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &r.Store.Tables.Control, Key: wish})
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

package purge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// dayOf is what is left of a cohort that has lost its key, of a kind that goes by the day: how many records, their items and how
// large these are.
type dayOf struct {
	vault.Cohort
	records int
	keys    []attr.Item
	bytes   []int64
}

// listDay lists what is left of such a cohort, as much as there is room for; where there is nothing, the cohort's row goes. A visit
// is listed whole, so that it is stated at once, unless it is larger than all of the room.
func (r *run) listDay(ctx context.Context, c vault.Cohort) error {
	if r.listed >= most {
		r.full = true
		return nil
	}
	of, last := dayOf{Cohort: c}, ""
	in := attr.Partition(r.Store.Tables.Records, vault.DayPartition(r.ses.Account, c.Kind, c.ID))
	in.ProjectionExpression = aws.String("pk, sk, body")
	err := r.Store.Query(ctx, in, func(item attr.Item) (bool, error) {
		record := c.RecordOf(attr.GetS(item, "sk"))
		if n := r.listed + len(of.keys); n >= most && record != last || n >= 2*most {
			r.full = true
			return false, nil
		}
		if record != last {
			of.records, last = of.records+1, record
		}
		of.keys = append(of.keys, attr.Item{"pk": item["pk"], "sk": item["sk"]})
		of.bytes = append(of.bytes, int64(len(attr.GetB(item, "body"))))
		return true, nil
	})
	switch {
	case err != nil:
		return err
	case len(of.keys) > 0:
		r.days, r.listed = append(r.days, of), r.listed+len(of.keys)
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

// piece is one thing that was destroyed, or a part of it: those of a visit are one record.
type piece struct {
	lot
	vault.Ending
	id               string
	bytes            int64
	files, fileBytes int64
	awaits           []string
}

// state appends receipts of all that was found, before anything of it is deleted, each record in one: what an interrupted run,
// or another at the same time, has stated of an act is not stated again, and what came to an act after it was stated is.
func (r *run) state(ctx context.Context) error {
	all, err := r.pieces(ctx)
	if err != nil {
		return err
	}
	for _, f := range r.days {
		if e := f.Ending; e.Act != "" {
			for i, key := range f.keys {
				all = append(all, piece{
					lot: lot{e.Act, f.ID, "", f.Kind, e.Why, e.Policy}, Ending: e, id: f.RecordOf(attr.GetS(key, "sk")), bytes: f.bytes[i],
				})
			}
		}
	}
	slices.SortFunc(all, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.act, b.act), cmp.Compare(a.kind, b.kind), cmp.Compare(a.cohort, b.cohort), cmp.Compare(a.why, b.why),
			cmp.Compare(a.rule, b.rule), cmp.Compare(a.policy, b.policy), cmp.Compare(a.id, b.id))
	})
	for len(all) > 0 {
		n := slices.IndexFunc(all, func(p piece) bool { return p.act != all[0].act || p.kind != all[0].kind })
		if n < 0 {
			n = len(all)
		}
		if err := r.stateOf(ctx, all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// pieces are the conversations that are to be stated. Their files are counted while there are rows of them: nobody could read a file
// that comes after the keys are gone.
func (r *run) pieces(ctx context.Context) ([]piece, error) {
	// Of what no act names nobody could read anything.
	stated := slices.DeleteFunc(slices.Clone(r.gone), func(g vault.Doomed) bool { return g.Ending.Act == "" })
	all := make([]piece, len(stated))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(r.Deleters, deleters))
	for i, g := range stated {
		group.Go(func() error {
			e := g.Ending
			files, bytes, err := r.Store.CountFiles(ctx, g.Row)
			all[i] = piece{
				lot: lot{e.Act, g.Cohort, e.Rule, g.Kind, e.Why, e.Policy}, Ending: e, id: vault.ID(g.ID, g.Incarnation), bytes: g.Bytes,
				files: files, fileBytes: bytes, awaits: g.Awaits,
			}
			return err
		})
	}
	return all, group.Wait()
}

// stateOf states what was destroyed of a kind in an act.
func (r *run) stateOf(ctx context.Context, left []piece) error {
	name := left[0].act + "#" + string(left[0].kind)
	for i := 0; len(left) > 0; i++ {
		of, err := r.Chain.Append(ctx, fmt.Sprintf("%s#%d", name, i), r.draft(left), nil)
		if err != nil {
			return err
		}
		signed, err := r.Chain.Get(ctx, r.ses.Account, of.Number)
		if err != nil {
			return err
		}
		left = slices.DeleteFunc(left, func(p piece) bool {
			for part := range signed.FindAll(p.id) {
				if part.Cohort == p.cohort { // a visit may be of two days
					return true
				}
			}
			return false
		})
		r.report.Receipts++
	}
	return nil
}

// draft is what a receipt states of pieces in their order: as many as it has room for.
func (r *run) draft(of []piece) receipt.Draft {
	draft := receipt.Draft{Account: r.ses.Account, Act: kindOf(of[0].act)}
	missing := map[string]int64{}
	for i, p := range of {
		if i == 0 || p.lot != of[i-1].lot {
			if len(draft.What) == parts {
				break
			}
			draft.What = append(draft.What, receipt.Lot{Part: receipt.Part{
				Kind: p.kind, Cohort: p.cohort, Why: receipt.Why(p.why), Policy: p.policy, Rule: p.rule, Due: receipt.Due(p.Due, p.Due),
			}})
		}
		to := &draft.What[len(draft.What)-1]
		if p.Due.Before(to.Due.From.Time) {
			to.Due = receipt.Due(p.Due, to.Due.To.Time)
		}
		to.Due = receipt.Due(to.Due.From.Time, vault.Latest(to.Due.To.Time, p.Due))
		to.Bytes, to.Files, to.FileBytes, to.IDs = to.Bytes+p.bytes, to.Files+p.files, to.FileBytes+p.fileBytes, append(to.IDs, p.id)
		draft.Done = vault.Latest(draft.Done, p.At)
		for _, name := range p.awaits {
			missing[name]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		draft.NotDelivered = append(draft.NotDelivered, receipt.Undelivered{Destination: name, Records: missing[name]})
	}
	return draft
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
	// Extracts first: what they hold is only known while it is in the list.
	failures := []error{r.extracts(ctx)}
	pace := pacer{rate: r.Pace}
	var group errgroup.Group // one that cannot be deleted does not keep the others
	group.SetLimit(cmp.Or(r.Deleters, deleters))
	type deleted struct {
		vault.Destruction
		err error
	}
	results := make([]deleted, len(r.gone))
	for i, g := range r.gone {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			d, err := r.Store.DeleteItems(ctx, g.Row)
			results[i] = deleted{d, errors.Join(err, pace.wait(ctx, 1+d.Items))}
			return nil
		})
	}
	_ = group.Wait() // their errors are in the results
	for _, d := range results {
		r.report.Items, r.report.Objects = r.report.Items+d.Items, r.report.Objects+d.Objects
		if failures = append(failures, d.err); d.err == nil {
			r.report.Conversations++
		}
	}
	for _, f := range r.days {
		err := r.Store.DeleteAll(ctx, r.Store.Tables.Records, f.keys)
		if failures = append(failures, err, pace.wait(ctx, len(f.keys))); err == nil {
			if r.report.Items += len(f.keys); f.Kind == retention.Visit {
				r.report.Visits += f.records
			} else {
				r.report.Facts += f.records
			}
		}
	}
	if err := errors.Join(append(failures, ctx.Err())...); err != nil {
		return err // the wishes lead to what is left
	}
	for _, wish := range r.hands {
		_, err := r.Store.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &r.Store.Tables.Control, Key: wish})
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

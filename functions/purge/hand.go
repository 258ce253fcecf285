package purge

import (
	"context"
	"errors"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// byHand takes the own keys of what administrators had destroyed, once it cannot be undone any more.
func (r *run) byHand(ctx context.Context) error {
	wishes, err := r.wishes(ctx, r.ses.Account)
	if err != nil {
		return err
	}
	var failures []error
	for _, wish := range wishes {
		if err := r.fulfil(ctx, wish); errors.Is(err, vault.ErrFence) {
			return err
		} else if err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// wishes are the records that administrators of an account had destroyed and that are there yet.
func (h *Handler) wishes(ctx context.Context, id string) (wishes []attr.Item, err error) {
	err = h.Store.Query(ctx, attr.Partition(h.Store.Tables.Control, account.HandPartition(id)), func(item attr.Item) (bool, error) {
		wishes = append(wishes, item)
		return true, nil
	})
	return wishes, err
}

func (r *run) fulfil(ctx context.Context, wish attr.Item) error {
	now, until := r.Store.Now(), attr.GetTime(wish, "until")
	if now.Before(until) {
		return nil
	}
	record, incarnation, err := vault.ParseID(attr.GetS(wish, "sk"))
	if err != nil {
		return err
	}
	row, ok, err := r.ses.Row(ctx, record, incarnation)
	if err != nil {
		return err
	}
	key := attr.Key(attr.GetS(wish, "pk"), attr.GetS(wish, "sk"))
	switch {
	case !ok:
		r.hands = append(r.hands, key)
		return nil
	case row.State == vault.Destroyed:
		if row.Ending.Act != "" {
			r.ended(row)
		}
		r.hands = append(r.hands, key)
		return nil
	case !row.Hand.Equal(attr.GetTime(wish, "at")):
		return nil // undone, at this moment
	}
	cohorts, err := r.ses.CohortAt(ctx, row.Kind, row.Cohort)
	if err != nil {
		return err
	}
	if c, ok := cohorts.Find(row.Cohort); ok && cohorts.Held(row.Item(c.Cohort), now) {
		return nil
	}
	if err := r.end(ctx, []vault.Doomed{doom(row, retention.End{At: until, Why: vault.Hand})}); err != nil {
		return err
	}
	if r.seen[vault.ID(row.ID, row.Incarnation)] {
		r.hands = append(r.hands, key)
	}
	return nil
}

package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/seal"
)

// This file reads many at a time, for whoever reads everything. What may be read, and what a reader does where a settling
// overtakes it, stands in read.go for one and for many.

// Fetched is a row and, where it was settled, its record as it was right after.
type Fetched struct {
	Row
	record    Sealed
	hasRecord bool
	read      bool // the record, whether it is there or not
}

// Size is how many sealed bytes Fetch has read of a conversation. Zero is unknown: LoadFetched reads its events or its
// object.
func (f Fetched) Size() int { return len(attr.GetB(f.record.item, "body")) }

// Fetch is RowsAt, with the records of the rows that are settled: a request for each hundred rows and one for their
// records, instead of one for each. Events are not among them, because they must be read before the record.
func (ses *Session) Fetch(ctx context.Context, places []Place) ([]Fetched, error) {
	rows, err := ses.RowsAt(ctx, places)
	if err != nil {
		return nil, err
	}
	all := make([]Fetched, len(rows))
	at := map[string]*Fetched{}
	var keys []attr.Item
	for i, r := range rows {
		all[i].Row = r
		if r.State == Settled {
			pk, sk := RecordPartition(r.Account, r.ID), recordKey(r.Incarnation)
			at[pk+sk], all[i].read = &all[i], true
			keys = append(keys, attr.Key(pk, sk))
		}
	}
	for chunk := range slices.Chunk(keys, 100) {
		found, err := ses.store.batchGet(ctx, map[string][]attr.Item{ses.store.Tables.Records: chunk})
		if err != nil {
			return nil, err
		}
		for _, item := range found[ses.store.Tables.Records] {
			f := at[attr.GetS(item, "pk")+attr.GetS(item, "sk")]
			if f == nil {
				return nil, errors.New("vault: a record that nobody asked for")
			}
			f.record, f.hasRecord = readSealed(item), true
		}
	}
	return all, nil
}

// SealedItem is a record of a kind that goes by the day, as its item has it.
type SealedItem struct {
	ID   string
	body []byte
}

// Size is its length in bytes.
func (s SealedItem) Size() int { return len(s.body) }

// OfDay hands out what is sealed in a cohort of a kind that goes by the day, behind an id if there is one, until the function
// answers false. Page is how many are read at a time; zero is a megabyte.
func (ses *Session) OfDay(ctx context.Context, c Cohort, after string, page int32, each func(SealedItem) (bool, error)) error {
	pk := DayPartition(ses.Account, c.Kind, c.ID)
	in := attr.Partition(ses.store.Tables.Records, pk)
	if page > 0 {
		in.Limit = &page
	}
	if after != "" {
		in.ExclusiveStartKey = attr.Key(pk, after)
	}
	return ses.store.Query(ctx, in, func(item attr.Item) (bool, error) {
		return each(SealedItem{attr.GetS(item, "sk"), attr.GetB(item, "body")})
	})
}

// DayOpener opens what is sealed in one cohort into v; ErrUnreadable where its key is gone.
func (ses *Session) DayOpener(c Cohort) (open func(s SealedItem, v any) error, err error) {
	key, err := ses.cohortKey(c)
	if err != nil {
		return nil, err
	}
	return func(s SealedItem, v any) error {
		record := keyring.Record{Account: ses.Account, Kind: c.Kind, ID: s.ID, Incarnation: 1}
		plain, err := seal.Open(keyring.DayKey(key, record), sealContext(record), s.body)
		if err != nil {
			return fmt.Errorf("%w: open %s: %w", ErrDamaged, c.Kind, err)
		}
		return Unmarshal(plain, v)
	}, nil
}

// sealOfDay is an item of a cohort of a kind that goes by the day.
func (ses *Session) sealOfDay(c Cohort, id string, v any) (attr.Item, error) {
	key, err := ses.cohortKey(c)
	if err != nil {
		return nil, err
	}
	plain, err := Marshal(v)
	if err != nil {
		return nil, err
	}
	record := keyring.Record{Account: ses.Account, Kind: c.Kind, ID: id, Incarnation: 1}
	sealed, err := seal.Seal(keyring.DayKey(key, record), sealContext(record), plain)
	if err != nil {
		return nil, err
	}
	item := attr.Key(DayPartition(ses.Account, c.Kind, c.ID), id)
	item["body"], item["ttl"] = attr.B(sealed), attr.N(ses.garbage(c.Kind, c.Start))
	return item, nil
}

// PolicyVersions are the rows of versions of the account's policy, from one to another, the first one first.
func (ses *Session) PolicyVersions(ctx context.Context, from, to int) ([]attr.Item, error) {
	var keys []attr.Item
	for version := max(1, from); version <= min(to, ses.Policy.Version); version++ {
		keys = append(keys, attr.Key(account.Partition(ses.Account), account.PolicyVersionKey(version)))
	}
	var rows []attr.Item
	for chunk := range slices.Chunk(keys, 100) {
		found, err := ses.store.batchGet(ctx, map[string][]attr.Item{ses.store.Tables.Control: chunk})
		if err != nil {
			return nil, err
		}
		rows = append(rows, found[ses.store.Tables.Control]...)
	}
	slices.SortFunc(rows, func(a, b attr.Item) int { return cmp.Compare(attr.GetN(a, "version"), attr.GetN(b, "version")) })
	return rows, nil
}

package vault

import (
	"context"
	"time"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/retention"
)

// Listed is a row as the index shows it: enough to tell when its time is over, and how much it is. The index follows the table
// within moments: whoever destroys reads the row.
type Listed struct {
	Place
	State State
	// Act is that in which it was destroyed.
	Act   string
	Bytes int64
	Hand  time.Time
	row   Row
}

// Item is what a policy asks of it in a cohort.
func (l Listed) Item(kind retention.Kind, c retention.Cohort) retention.Item {
	l.row.Kind = kind
	return l.row.Item(c)
}

// Listed hands out the rows of a range of the index until the function answers false.
func (s *Store) Listed(ctx context.Context, in Range, each func(Listed) (bool, error)) error {
	return s.Query(ctx, in.query(s.Tables.Keys), func(item attr.Item) (bool, error) {
		place, err := ParsePosition(attr.GetS(item, "position"))
		if err != nil {
			return false, err
		}
		l := Listed{
			Place: place, State: State(attr.GetS(item, "state")), Act: attr.GetS(item, "act"), Bytes: attr.GetN(item, "bytes"),
			Hand: attr.GetTime(item, "hand"),
		}
		l.row.ID, l.row.Incarnation = place.Record, place.Incarnation
		l.row.Completes, l.row.SettledAt = attr.GetTime(item, "completes"), attr.GetTime(item, "settledAt")
		l.row.Awaits, l.row.Delivered = attr.GetSet(item, "awaits"), attr.GetTime(item, "delivered")
		if l.row.Marks, err = retention.ParseMarks(attr.GetB(item, "marks")); err != nil {
			return false, err
		}
		return each(l)
	})
}

// ListedIn hands out the rows that stand in a cohort, shard by shard.
func (ses *Session) ListedIn(ctx context.Context, c Cohort, each func(Listed) (bool, error)) error {
	for shard := range Shards {
		if err := ses.store.Listed(ctx, Range{Listing: CohortListing(ses.Account, c.Kind, c.ID, shard)}, each); err != nil {
			return err
		}
	}
	return nil
}

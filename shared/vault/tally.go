package vault

import (
	"context"
)

// Tally is how many records there are and how many sealed bytes they have.
type Tally struct {
	Records int
	Bytes   int64
}

// Tally counts what is settled in a cohort and hidden by nobody's hand, without reading any of it: conversations by the index, which follows the table
// within moments and knows how large they are, what goes by the day by its items, in which the parts of a visit stand together.
func (ses *Session) Tally(ctx context.Context, c Cohort) (t Tally, err error) {
	if c.Kind.ByDay() {
		last := ""
		err = ses.OfDay(ctx, c, "", 0, func(f SealedItem) (bool, error) {
			if record := c.RecordOf(f.ID); record != last {
				t.Records, last = t.Records+1, record
			}
			t.Bytes += int64(f.Size())
			return true, nil
		})
		return t, err
	}
	err = ses.ListedIn(ctx, c, func(l Listed) (bool, error) {
		if l.State != Destroyed && l.Hand.IsZero() {
			t.Records, t.Bytes = t.Records+1, t.Bytes+l.Bytes
		}
		return true, nil
	})
	return t, err
}

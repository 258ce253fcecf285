package retention_test

import (
	"time"

	"github.com/supportvault/supportvault/shared/retention"
)

// item is a record that was last active and settled at an instant, in UTC.
func item(kind retention.Kind, at time.Time, marks ...retention.Mark) retention.Item {
	return retention.Item{
		ID: "r", Kind: kind, Cohort: retention.CohortOf(at, threeMonths, time.UTC), Zone: time.UTC, Settled: at, Marks: retention.MarksOf(marks...),
	}
}

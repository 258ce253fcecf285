package retention

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/supportvault/supportvault/shared/lazyregexp"
)

// Hold keeps from destruction, and from the end of its time, all that it matches: everything that it says must be true of a
// record. It does not bring back what was over for good when it was set.
type Hold struct {
	ID string
	// Since is when it was set, Until when it ends by itself; zero is never.
	Since, Until time.Time
	// Kinds are those that it is about; none are all.
	Kinds []Kind
	// From and To are the first and the last day of activity, in the account's time zone; empty is no bound.
	From, To string
	// Records are ids of records; Marks are of a subject, or of what a rule could ask for. What goes by the day has neither.
	Records []string
	Marks   []Mark
}

// MaxHolds and MaxHeld are the most holds of an account and the most records that one names.
const (
	MaxHolds = 50
	MaxHeld  = 100
)

// ErrHold is returned for a hold that cannot be meant.
var ErrHold = errors.New("hold not possible")

var dateForm = lazyregexp.New(`^\d{4}-\d{2}-\d{2}$`)

// Check refuses what matches everything by mistake, or nothing ever.
func (h Hold) Check() error {
	for _, kind := range h.Kinds {
		if !slices.Contains(Kinds(), kind) {
			return fmt.Errorf("%w: unknown kind", ErrHold)
		}
	}
	for _, date := range []string{h.From, h.To} {
		if _, err := time.Parse(time.DateOnly, date); date != "" && (err != nil || !dateForm().MatchString(date)) {
			return fmt.Errorf("%w: a day is written as 2026-11-21", ErrHold)
		}
	}
	switch {
	case h.From != "" && h.To != "" && h.To < h.From:
		return fmt.Errorf("%w: the last day is before the first", ErrHold)
	case len(h.Records) > MaxHeld:
		return fmt.Errorf("%w: it names more than %d records", ErrHold, MaxHeld)
	case len(h.Kinds) == 0 && h.From == "" && h.To == "" && len(h.Records) == 0 && len(h.Marks) == 0:
		return fmt.Errorf("%w: it names no record, subject, kind, day, tag, department or source", ErrHold)
	}
	return nil
}

func (h Hold) active(now time.Time) bool { return h.Until.IsZero() || now.Before(h.Until) }

// may says whether it can match a record of a cohort.
func (h Hold) may(kind Kind, c Cohort, now time.Time) bool {
	date := c.ID[:min(len(c.ID), len(time.DateOnly))]
	return h.active(now) &&
		(len(h.Kinds) == 0 || slices.Contains(h.Kinds, kind)) &&
		(h.From == "" || date >= h.From) && (h.To == "" || date <= h.To) &&
		(!kind.ByDay() || len(h.Records) == 0 && len(h.Marks) == 0)
}

func (h Hold) matches(it Item, now time.Time) bool {
	if !h.may(it.Kind, it.Cohort, now) || len(h.Records) > 0 && !slices.Contains(h.Records, it.ID) {
		return false
	}
	for _, m := range h.Marks {
		if !it.Marks.Has(m) {
			return false
		}
	}
	return true
}

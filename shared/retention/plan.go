package retention

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what sort of data a record is.
type Kind string

// The kinds of data.
const (
	Chat   Kind = "chat"
	Ticket Kind = "ticket"
	Fact   Kind = "fact"
)

// Conversations are the kinds that consist of entries, which settle and are read one by one.
func Conversations() []Kind { return []Kind{Chat, Ticket} }

// Plan is what the account pays for: how long each kind may be kept at most.
type Plan string

// The plans.
const (
	Standard   Plan = "standard"
	Enterprise Plan = "enterprise"
)

var plans = map[Plan]map[Kind]Period{
	Standard:   {Chat: {Months: 3}, Ticket: {Months: 24}, Fact: {Months: 12}},
	Enterprise: {Chat: {Months: 24}, Ticket: {Months: 36}, Fact: {Months: 36}},
}

// Longest is the longest period for which any plan keeps a kind.
func Longest(kind Kind) Period { return plans[Enterprise][kind] }

// ErrPolicy is returned for a plan, kind or period that no account may have.
var ErrPolicy = errors.New("policy not possible")

// Floor is the shortest retention that a policy may ask for.
type Floor Period

// The floors: a day, so that a typing error does not destroy what came in this morning; a minute on a laptop, so that
// the end of a record can be watched.
var (
	FloorDay    = Floor{Days: 1}
	FloorMinute = Floor{Minutes: 1}
)

// FloorOf is the floor of a stage.
func FloorOf(stage string) Floor {
	if stage == "local" {
		return FloorMinute
	}
	return FloorDay
}

// Policy is how long an account keeps its data: the plan, shortened per kind where the account chose so.
type Policy struct {
	Plan      Plan
	Shortened map[Kind]Period
}

// Check refuses an unknown plan or kind and a period below the floor or longer than the plan's, from whatever day counted.
func (p Policy) Check(floor Floor) error {
	kinds, ok := plans[p.Plan]
	if !ok {
		return fmt.Errorf("%w: the plan must be standard or enterprise", ErrPolicy)
	}
	for kind, period := range p.Shortened {
		longest, ok := kinds[kind]
		switch {
		case !ok:
			return fmt.Errorf("%w: unknown kind", ErrPolicy)
		case period.shorterThan(Period(floor)):
			return fmt.Errorf("%w: the retention of a %s must be at least %s", ErrPolicy, kind, Period(floor))
		case period.longerThan(longest):
			return fmt.Errorf("%w: the plan %s keeps a %s for %s at most, and %s is longer", ErrPolicy, p.Plan, kind, longest, period)
		}
	}
	return nil
}

// Keeps is the period that the account chose for a kind, or the plan's. Where days and months cannot be compared the plan
// may end earlier: Expires says when.
func (p Policy) Keeps(kind Kind) Period {
	if short, ok := p.Shortened[kind]; ok && !short.longerThan(plans[p.Plan][kind]) {
		return short
	}
	return plans[p.Plan][kind]
}

// Expires is the instant from which nothing of a cohort may be read: by the chosen period or by the plan's, whichever is
// over first. 90 days are shorter than three months in summer and longer in February.
func (p Policy) Expires(kind Kind, c Cohort) time.Time {
	plan, chosen := c.Expires(plans[p.Plan][kind]), c.Expires(p.Keeps(kind))
	if chosen.Before(plan) {
		return chosen
	}
	return plan
}

// Reopens is how long after its anchor a conversation of the kind that goes on is the same life of it; later begins another.
func Reopens(kind Kind) time.Duration {
	if kind == Ticket {
		return 30 * 24 * time.Hour
	}
	return 24 * time.Hour
}

// Idle is how long after its last entry a conversation of the kind counts as over.
func Idle(kind Kind) time.Duration {
	if kind == Ticket {
		return 30 * 24 * time.Hour
	}
	return 30 * time.Minute
}

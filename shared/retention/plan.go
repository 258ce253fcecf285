package retention

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/supportvault/supportvault/shared/lazyregexp"
)

// Kind is what sort of data a record is.
type Kind string

// The kinds of data.
const (
	Chat       Kind = "chat"
	Ticket     Kind = "ticket"
	Call       Kind = "call"
	Article    Kind = "article"
	Attachment Kind = "attachment"
	Visit      Kind = "visit"
	Fact       Kind = "fact"
)

// Conversations are the kinds that consist of entries, which settle and are read one by one. An article is one of which the
// entry is its text.
func Conversations() []Kind { return []Kind{Chat, Ticket, Call, Article} }

// Kinds are all kinds of data that are taken in by themselves.
func Kinds() []Kind { return append(Conversations(), Visit, Fact) }

// ByDay says that records of the kind have no key of their own: what there is of a day goes together.
func (k Kind) ByDay() bool { return k == Visit || k == Fact }

// Storable are the kinds of which a policy says whether they are stored. Attachments are, which live as their conversations do and
// have no other terms: files that there are when they are not stored any more are hidden, and go with their conversations.
func Storable() []Kind { return append(Kinds(), Attachment) }

// Plan is what the account pays for: how long each kind may be kept at most.
type Plan string

// The plans.
const (
	Standard   Plan = "standard"
	Enterprise Plan = "enterprise"
)

// WhileOpen is the period of what is kept while the account is open: longer than anybody will ask for, and like any other to
// compare and to count with.
var WhileOpen = Period{Months: maxMonths}

// plans is the table of plans. An attachment lives as its conversation does, and for as long as this at most.
var plans = map[Plan]map[Kind]Period{
	Standard: {
		Chat: {Months: 3}, Ticket: {Months: 24}, Call: {Months: 24}, Attachment: {Months: 24}, Visit: {Months: 12}, Fact: {Months: 12},
		Article: WhileOpen,
	},
	Enterprise: {
		Chat: {Months: 24}, Ticket: {Months: 36}, Call: {Months: 36}, Attachment: {Months: 36}, Visit: {Months: 36}, Fact: {Months: 36},
		Article: WhileOpen,
	},
}

// Longest is the longest period for which any plan keeps a kind.
func Longest(kind Kind) Period { return plans[Enterprise][kind] }

// ErrPolicy is returned for a plan, kind, period, cadence or rule that no account may have.
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

// Policy is how long an account keeps its data: the plan, shortened per kind and by rules where the account chose so.
type Policy struct {
	Plan      Plan
	Shortened map[Kind]Period
	// Cadences are those of kinds that are purged early; absent is never.
	Cadences map[Kind]Cadence
	// Unstored are the kinds that are not stored at all.
	Unstored map[Kind]bool
	// Rules are asked in their order; the first that matches a conversation counts.
	Rules []Rule
	// Deadline is how long after its settling a cadence waits for the destinations of a record; zero is DefaultDeadline.
	Deadline time.Duration
}

// DefaultDeadline is a day longer than deliveries are tried again. MinDeadline and MaxDeadline are the shortest and the longest
// that an account may say.
const (
	DefaultDeadline = 4 * 24 * time.Hour
	MinDeadline     = time.Hour
	MaxDeadline     = 30 * 24 * time.Hour
)

// Rule is what holds for the conversations with a mark instead of what holds for their kind. What it leaves out is as for the
// kind.
type Rule struct {
	Name string
	// Kinds are those for which it is asked; none are all conversations.
	Kinds []Kind
	Mark  Mark
	// Keeps is the period, zero that of the kind; it may be longer than that, and not longer than the plan's.
	Keeps    Period
	Cadence  Cadence
	Unstored bool
}

// MaxRules is the most rules of a policy.
const MaxRules = 20

var ruleForm = lazyregexp.New(`^[a-z0-9][a-z0-9-]{0,31}$`)

// Terms are what holds for one record.
type Terms struct {
	Keeps    Period
	Cadence  Cadence
	Unstored bool
	// Rule is the name of the rule that matched, if one did.
	Rule string
}

// Check refuses an unknown plan, kind, cadence or form of rule, and a period below the floor or longer than the plan's, from
// whatever day counted.
func (p Policy) Check(floor Floor) error {
	if _, ok := plans[p.Plan]; !ok {
		return fmt.Errorf("%w: the plan must be standard or enterprise", ErrPolicy)
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Shortened)) {
		if err := p.checkPeriod(kind, p.Shortened[kind], floor); err != nil {
			return err
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Cadences)) {
		if err := checkCadence(kind, p.Cadences[kind]); err != nil {
			return err
		}
	}
	for kind := range p.Unstored {
		if !slices.Contains(Storable(), kind) {
			return fmt.Errorf("%w: unknown kind", ErrPolicy)
		}
	}
	if p.Deadline != 0 && p.Deadline < MinDeadline || p.Deadline > MaxDeadline {
		return fmt.Errorf("%w: the deadline of deliveries is 1 to %d hours", ErrPolicy, int(MaxDeadline/time.Hour))
	}
	if len(p.Rules) > MaxRules {
		return fmt.Errorf("%w: there are %d rules, and %d are possible", ErrPolicy, len(p.Rules), MaxRules)
	}
	names := map[string]bool{}
	for _, r := range p.Rules {
		if !ruleForm().MatchString(r.Name) || names[r.Name] {
			return fmt.Errorf("%w: the name of a rule is 1 to 32 of the characters a–z, 0–9 and -, of which the first is no -, and no other's", ErrPolicy)
		}
		names[r.Name] = true
		for _, kind := range r.kinds() {
			if !slices.Contains(Conversations(), kind) {
				return fmt.Errorf("%w: the kinds of a rule are those of conversations", ErrPolicy)
			}
			if r.Keeps != (Period{}) {
				if err := p.checkPeriod(kind, r.Keeps, floor); err != nil {
					return err
				}
			}
			if r.Cadence != "" {
				if err := checkCadence(kind, r.Cadence); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (p Policy) checkPeriod(kind Kind, period Period, floor Floor) error {
	longest := plans[p.Plan][kind]
	switch {
	case !slices.Contains(Kinds(), kind):
		return fmt.Errorf("%w: unknown kind", ErrPolicy)
	case period.shorterThan(Period(floor)):
		return fmt.Errorf("%w: the retention of a %s must be at least %s", ErrPolicy, kind, Period(floor))
	case period.longerThan(longest):
		return fmt.Errorf("%w: the plan %s keeps a %s for %s at most, and %s is longer", ErrPolicy, p.Plan, kind, longest, period)
	}
	return nil
}

func checkCadence(kind Kind, c Cadence) error {
	if !slices.Contains(Kinds(), kind) {
		return fmt.Errorf("%w: unknown kind", ErrPolicy)
	}
	if !slices.Contains(Cadences(), c) {
		return fmt.Errorf("%w: a cadence is never, completion, hourly, daily or monthly", ErrPolicy)
	}
	return nil
}

func (r Rule) kinds() []Kind {
	if len(r.Kinds) == 0 {
		return Conversations()
	}
	return r.Kinds
}

// Keeps is the period that the account chose for a kind, or the plan's. Where days and months cannot be compared the plan
// may end earlier: Expires says when.
func (p Policy) Keeps(kind Kind) Period {
	if short, ok := p.Shortened[kind]; ok && !short.longerThan(plans[p.Plan][kind]) {
		return short
	}
	return plans[p.Plan][kind]
}

// of are the terms of a kind where no rule matches.
func (p Policy) of(kind Kind) Terms {
	t := Terms{Keeps: p.Keeps(kind), Cadence: p.Cadences[kind], Unstored: p.Unstored[kind]}
	if t.Cadence == "" {
		t.Cadence = Never
	}
	return t
}

// with are the terms of a kind where a rule matches.
func (p Policy) with(kind Kind, r Rule) Terms {
	t := p.of(kind)
	t.Rule, t.Unstored = r.Name, t.Unstored || r.Unstored
	if r.Keeps != (Period{}) && !r.Keeps.longerThan(plans[p.Plan][kind]) {
		t.Keeps = r.Keeps
	}
	if r.Cadence != "" {
		t.Cadence = r.Cadence
	}
	return t
}

// Terms are what holds for a record of a kind with marks.
func (p Policy) Terms(kind Kind, marks Marks) Terms {
	if !kind.ByDay() {
		for _, r := range p.Rules {
			if slices.Contains(r.kinds(), kind) && marks.Has(r.Mark) {
				return p.with(kind, r)
			}
		}
	}
	return p.of(kind)
}

// Refuses says that nothing of a kind is stored that comes from a source, whatever else is said of it.
func (p Policy) Refuses(kind Kind, source Mark) bool {
	if p.Unstored[kind] {
		return true
	}
	for _, r := range p.Rules {
		if slices.Contains(r.kinds(), kind) && (r.Mark == source || !r.Unstored) {
			return r.Mark == source && r.Unstored
		}
	}
	return false
}

// every are all terms that a record of a kind can have.
func (p Policy) every(kind Kind) []Terms {
	all := []Terms{p.of(kind)}
	if !kind.ByDay() {
		for _, r := range p.Rules {
			if slices.Contains(r.kinds(), kind) {
				all = append(all, p.with(kind, r))
			}
		}
	}
	return all
}

// Shortest is the least time for which anything of a kind is kept.
func (p Policy) Shortest(kind Kind) time.Duration {
	shortest := time.Duration(-1)
	for _, t := range p.every(kind) {
		if d := t.Keeps.AtLeast(); shortest < 0 || d < shortest {
			shortest = d
		}
	}
	return shortest
}

// Single says that all records of one cohort of a kind end together, by the period of the kind alone.
func (p Policy) Single(kind Kind) bool {
	all := p.every(kind)
	return len(all) == 1 && all[0].Cadence == Never || kind.ByDay()
}

// expires is the instant from which nothing of a cohort may be read that is kept for a period: by it or by the plan's,
// whichever is over first. 90 days are shorter than three months in summer and longer in February.
func (p Policy) expires(kind Kind, keeps Period, c Cohort) time.Time {
	return earlier(c.Expires(plans[p.Plan][kind]), c.Expires(keeps))
}

// Expires is when the time of a cohort is over by the period of its kind, whatever rules and cadences say.
func (p Policy) Expires(kind Kind, c Cohort) time.Time { return p.expires(kind, p.Keeps(kind), c) }

// Why is what ends a record.
type Why string

// Retention is the period of keeping; else it is the cadence of the name.
const Retention Why = "retention"

// Item is what a policy asks of one record.
type Item struct {
	// ID is that of the record, for holds.
	ID     string
	Kind   Kind
	Cohort Cohort
	Marks  Marks
	// Zone is that of the account: a cadence turns by its clock.
	Zone *time.Location
	// Completes is when it counts as completed, if nothing comes any more; zero is never. Settled is when its last revision
	// settled; of an open conversation, when it was last active.
	Completes, Settled time.Time
	// Awaits says that a required destination does not have it yet, Delivered since when all have it; zero where none is.
	Awaits    bool
	Delivered time.Time
}

// OfDay is what a policy asks of a cohort of a kind that goes by the day: it has no marks, and is complete when the day is over.
func OfDay(kind Kind, c Cohort, zone *time.Location) Item {
	return Item{Kind: kind, Cohort: c, Zone: zone, Completes: c.End, Settled: c.Start}
}

// End is when and why the time of a record is over.
type End struct {
	At   time.Time
	Why  Why
	Rule string
}

// Ends is when the time of a record is over: by its period or, where it has completed, by the cadence, which waits for the
// required destinations until the deadline.
func (p Policy) Ends(it Item) End {
	t := p.Terms(it.Kind, it.Marks)
	end := End{At: p.expires(it.Kind, t.Keeps, it.Cohort), Why: Retention, Rule: t.Rule}
	if t.Unstored && it.Cohort.Start.Before(end.At) {
		end.At = it.Cohort.Start
	}
	if it.Completes.IsZero() {
		return end
	}
	due, ok := t.Cadence.Due(it.Completes, it.Zone)
	if !ok {
		return end
	}
	if it.Awaits || !it.Delivered.IsZero() {
		until := it.Settled.Add(p.deadline())
		if !it.Awaits {
			until = earlier(until, it.Delivered)
		}
		if until.After(due) {
			due = until
		}
	}
	if due.Before(end.At) {
		end.At, end.Why = due, Why(t.Cadence)
	}
	return end
}

func (p Policy) deadline() time.Duration {
	if p.Deadline == 0 {
		return DefaultDeadline
	}
	return p.Deadline
}

// whole is when the time of every record of a cohort is over, whatever its marks are and whether it completes or not.
func (p Policy) whole(kind Kind, c Cohort, zone *time.Location) time.Time {
	if kind.ByDay() {
		return p.Ends(OfDay(kind, c, zone)).At
	}
	var last time.Time
	for _, t := range p.every(kind) {
		at := p.expires(kind, t.Keeps, c)
		if t.Unstored && c.Start.Before(at) {
			at = c.Start
		}
		last = later(last, at)
	}
	return last
}

// first is when the time of any record of a cohort can be over.
func (p Policy) first(kind Kind, c Cohort, zone *time.Location) time.Time {
	first := p.whole(kind, c, zone)
	for _, t := range p.every(kind) {
		if t.Cadence != Never || t.Unstored {
			return c.Start
		}
		first = earlier(first, p.expires(kind, t.Keeps, c))
	}
	return first
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Reopens is how long after its anchor a conversation of the kind that goes on is the same life of it; later begins another.
func Reopens(kind Kind) time.Duration {
	switch kind {
	case Ticket:
		return 30 * 24 * time.Hour
	case Article:
		return WhileOpen.AtLeast() // however late it is changed, it is the same article
	}
	return 24 * time.Hour
}

// Idle is how long after its last entry a conversation of the kind counts as over.
func Idle(kind Kind) time.Duration {
	switch kind {
	case Ticket:
		return 30 * 24 * time.Hour
	case Call:
		return 24 * time.Hour // nobody writes while a call lasts
	}
	return 30 * time.Minute
}

// SolvedWait is how long a solved ticket may be reopened before it counts as completed.
const SolvedWait = 7 * 24 * time.Hour

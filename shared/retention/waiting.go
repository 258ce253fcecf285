package retention

import (
	"maps"
	"slices"
	"sort"
	"time"
)

// InForce is a policy with what is left of those before it.
//
//	change at t: the new policy hides at once; what only it hides is destroyed from t + wait on
//	undo before: the policy before is in force again, and what was hidden can be read again
//
// A policy never brings back what was gone under the one before: Gone says up to when that is, and only grows.
type InForce struct {
	Policy
	// Earlier are policies that were in force before, each as long as it keeps from destruction what only later ones hide.
	Earlier []Earlier
	// Gone is, for each kind, the instant up to which every cohort is over for good.
	Gone map[Kind]time.Time
}

// Earlier is a policy that was in force and until when it still keeps from destruction.
type Earlier struct {
	Policy
	Until time.Time
}

// Kinds are all kinds of data.
func Kinds() []Kind { return append(Conversations(), Fact) }

// HiddenFrom is the instant from which nothing of a cohort may be read; what is over for good was so before the change that
// would have kept it longer.
func (f InForce) HiddenFrom(kind Kind, c Cohort) time.Time {
	at := f.Expires(kind, c)
	if until := f.Gone[kind]; f.gone(kind, c) && at.After(until) {
		return until
	}
	return at
}

// Hidden says whether nothing of a cohort may be read.
func (f InForce) Hidden(kind Kind, c Cohort, now time.Time) bool {
	return !now.Before(f.HiddenFrom(kind, c))
}

// DestroyedFrom is the first instant at which a cohort may be destroyed, if no other policy comes: it is hidden then, and
// every earlier policy has either hidden it too or has waited long enough.
func (f InForce) DestroyedFrom(kind Kind, c Cohort) time.Time {
	at := f.HiddenFrom(kind, c)
	if f.gone(kind, c) {
		return at
	}
	for _, e := range f.Earlier {
		keeps := e.Expires(kind, c)
		if e.Until.Before(keeps) {
			keeps = e.Until
		}
		if keeps.After(at) {
			at = keeps
		}
	}
	return at
}

// Destroys says whether a cohort may be destroyed.
func (f InForce) Destroys(kind Kind, c Cohort, now time.Time) bool {
	return !now.Before(f.DestroyedFrom(kind, c))
}

func (f InForce) gone(kind Kind, c Cohort) bool { return !c.End.After(f.Gone[kind]) }

// Change makes the policy that follows. Whatever the new one hides that can be read now waits for its destruction; what may be
// destroyed now stays hidden under any policy, whether it has been destroyed or not. Days are those of the zone, and made are
// the cohorts that there are, of which some may be of another zone.
func (f InForce) Change(next Policy, zone *time.Location, made map[Kind][]Cohort, now time.Time, wait time.Duration) InForce {
	changed := InForce{Policy: next, Gone: maps.Clone(f.Gone)}
	if changed.Gone == nil {
		changed.Gone = map[Kind]time.Time{}
	}
	for _, kind := range Kinds() {
		over := slices.Clone(made[kind])
		if last, ok := f.lastDestroyed(kind, zone, now); ok {
			over = append(over, last)
		}
		for _, c := range over {
			if f.Destroys(kind, c, now) && c.End.After(changed.Gone[kind]) {
				changed.Gone[kind] = c.End
			}
		}
	}
	for _, e := range f.Earlier {
		if now.Before(e.Until) {
			changed.wait(e)
		}
	}
	if wait > 0 {
		changed.wait(Earlier{f.Policy, now.Add(wait)})
	}
	return changed
}

// wait adds an earlier policy; one that was in force twice waits for as long as the later of its ends.
func (f *InForce) wait(e Earlier) {
	for i, other := range f.Earlier {
		if other.Plan == e.Plan && maps.Equal(other.Shortened, e.Shortened) {
			if e.Until.After(other.Until) {
				f.Earlier[i].Until = e.Until
			}
			return
		}
	}
	f.Earlier = append(f.Earlier, e)
}

// lastDestroyed is the newest cohort that may be destroyed, whether anything is in it or not: what is open has none yet. An
// older one may be destroyed whenever a newer one may.
func (f InForce) lastDestroyed(kind Kind, zone *time.Location, now time.Time) (Cohort, bool) {
	const longest = 40 * 31 * 24 * time.Hour // more than any plan
	step := 12 * time.Hour                   // less than any day, so that none is skipped
	if f.Keeps(kind).shorterThan(Period(FloorDay)) {
		step = time.Minute
	}
	at := func(i int) Cohort { return CohortOf(now.Add(-time.Duration(i)*step), f.Keeps(kind), zone) }
	n := int(longest / step)
	i := sort.Search(n, func(i int) bool { return f.Destroys(kind, at(i), now) })
	return at(i), i < n
}

package retention

import (
	"maps"
	"slices"
	"sort"
	"time"
)

// InForce is a policy with what is left of those before it, and with what holds against it.
//
//	change at t: the new policy hides at once; what only it hides is destroyed from t + wait on
//	undo before: the policy before is in force again, and what was hidden can be read again
//
// A policy never brings back what was gone under the one before: Gone and Ended say what that is.
type InForce struct {
	Policy
	// Zone is the account's: its days and its cadences are of this zone.
	Zone *time.Location
	// Earlier are policies that were in force before, each as long as it keeps from destruction what only later ones hide.
	Earlier []Earlier
	// Gone is, for each kind, the instant up to which every cohort is over for good.
	Gone map[Kind]time.Time
	// Ended are the moments at which something was over for good that Gone does not say, because it did not go by whole
	// cohorts, or because a hold may have kept it.
	Ended []Ended
	Holds []Hold
	// Closes is when the account closes; zero is never.
	Closes time.Time
}

// Earlier is a policy that was in force and until when it still keeps from destruction.
type Earlier struct {
	Policy
	Until time.Time
}

// Ended is a moment with all policies that kept something from destruction then, and all holds: what every policy had ended and
// no hold kept is gone.
type Ended struct {
	At       time.Time
	Policies []Policy
	Gone     map[Kind]time.Time
	Holds    []Hold
}

// over is the first of the moments at which a record was over for good, and the end that it had then. A moment counts only if no
// hold that matched kept it: one that was set too late, when it was over already, has such a moment before it.
func over(ended []Ended, it Item) (first Ended, end End, ok bool) {
	for _, e := range ended {
		if ok && !e.At.Before(first.At) || slices.ContainsFunc(e.Holds, func(h Hold) bool { return h.matches(it, e.At) }) {
			continue
		}
		if by, covers := e.covers(it); covers {
			first, end, ok = e, by, true
		}
	}
	return first, end, ok
}

// covers says whether every policy of the moment had ended a record, and the last of these ends.
func (e Ended) covers(it Item) (end End, ok bool) {
	if gone := e.Gone[it.Kind]; !it.Cohort.End.After(gone) {
		return End{At: gone, Why: Retention}, true
	}
	for i, p := range e.Policies {
		if by := p.Ends(it); i == 0 || by.At.After(end.At) {
			end = by
		}
	}
	return end, !it.Settled.After(e.At) && !end.At.After(e.At)
}

// Closed says that the account's time is over. A hold on anything of it keeps it open.
func (f InForce) Closed(now time.Time) bool {
	return !f.Closes.IsZero() && !now.Before(f.Closes) &&
		!slices.ContainsFunc(f.Holds, func(h Hold) bool { return h.active(now) })
}

// MayHold says whether a hold can match anything of a cohort.
func (f InForce) MayHold(kind Kind, c Cohort, now time.Time) bool {
	if kind.ByDay() {
		return f.Held(OfDay(kind, c, f.Zone), now)
	}
	return !f.gone(kind, c) && slices.ContainsFunc(f.Holds, func(h Hold) bool { return h.may(kind, c, now) })
}

// MayHoldUpTo says whether a hold can match anything of a cohort or of what was before it.
func (f InForce) MayHoldUpTo(kind Kind, c Cohort, now time.Time) bool {
	return slices.ContainsFunc(f.Holds, func(h Hold) bool {
		h.To = ""
		return h.may(kind, c, now)
	})
}

// Held says whether a hold keeps a record: one that was set before it was over for good.
func (f InForce) Held(it Item, now time.Time) bool {
	it.Zone = f.Zone
	if f.gone(it.Kind, it.Cohort) {
		return false
	}
	first, _, ok := over(f.Ended, it)
	return slices.ContainsFunc(f.Holds, func(h Hold) bool { return h.matches(it, now) && !(ok && !first.At.After(h.Since)) })
}

// Ends is the instant from which a record may not be read unless it is held; what is over for good was so before the change
// that would have kept it longer.
func (f InForce) Ends(it Item) End {
	end, _ := f.ends(it)
	return end
}

// ends is Ends, and whether it is over for good by what was in force before.
func (f InForce) ends(it Item) (end End, forGood bool) {
	it.Zone = f.Zone
	end = f.Policy.Ends(it)
	if until := f.Gone[it.Kind]; f.gone(it.Kind, it.Cohort) {
		if end.At.After(until) {
			end = End{At: until, Why: Retention}
		}
		forGood = true
	}
	if _, by, ok := over(f.Ended, it); ok {
		if end.At.After(by.At) {
			end = by
		}
		forGood = true
	}
	return end, forGood
}

// Hidden says whether a record may not be read.
func (f InForce) Hidden(it Item, now time.Time) bool {
	return f.Closed(now) || !now.Before(f.Ends(it).At) && !f.Held(it, now)
}

// Destroyed is the first instant at which a record may be destroyed unless it is held, if no other policy comes: it is hidden
// then, and every earlier policy has either hidden it too or has waited long enough.
func (f InForce) Destroyed(it Item) End {
	end, forGood := f.ends(it)
	it.Zone = f.Zone
	if forGood {
		return end
	}
	for _, e := range f.Earlier {
		end.At = later(end.At, earlier(e.Ends(it).At, e.Until))
	}
	return end
}

// Destroys says whether a record may be destroyed.
func (f InForce) Destroys(it Item, now time.Time) bool {
	return f.Closed(now) || !now.Before(f.Destroyed(it).At) && !f.Held(it, now)
}

// CohortHiddenFrom is the instant from which nothing of a cohort may be read but what is held.
func (f InForce) CohortHiddenFrom(kind Kind, c Cohort) time.Time {
	if kind.ByDay() {
		return f.Ends(OfDay(kind, c, f.Zone)).At
	}
	at := f.whole(kind, c, f.Zone)
	if until := f.Gone[kind]; f.gone(kind, c) && at.After(until) {
		return until
	}
	return at
}

// CohortHidden says whether nothing of a cohort may be read.
func (f InForce) CohortHidden(kind Kind, c Cohort, now time.Time) bool {
	return f.Closed(now) || !now.Before(f.CohortHiddenFrom(kind, c)) && !f.MayHold(kind, c, now)
}

// CohortDestroyedFrom is the first instant at which all of a cohort may be destroyed but what is held.
func (f InForce) CohortDestroyedFrom(kind Kind, c Cohort) time.Time {
	if kind.ByDay() {
		return f.Destroyed(OfDay(kind, c, f.Zone)).At
	}
	at := f.CohortHiddenFrom(kind, c)
	if f.gone(kind, c) {
		return at
	}
	for _, e := range f.Earlier {
		at = later(at, earlier(e.whole(kind, c, f.Zone), e.Until))
	}
	return at
}

// CohortDestroyed says whether all of a cohort may be destroyed but what is held: nothing joins it any more.
func (f InForce) CohortDestroyed(kind Kind, c Cohort, now time.Time) bool {
	return f.Closed(now) || !now.Before(f.CohortDestroyedFrom(kind, c))
}

// Single says whether all records of a cohort of a kind go together, so that nothing has to be asked of each.
func (f InForce) Single(kind Kind) bool {
	return f.Policy.Single(kind) && len(f.Ended) == 0 &&
		!slices.ContainsFunc(f.Earlier, func(e Earlier) bool { return !e.Single(kind) })
}

// Begins says whether anything of a cohort can be over by now, by whatever policy still says something.
func (f InForce) Begins(kind Kind, c Cohort, now time.Time) bool {
	return f.Closed(now) || f.gone(kind, c) || len(f.Ended) > 0 || !now.Before(f.first(kind, c, f.Zone))
}

func (f InForce) gone(kind Kind, c Cohort) bool { return !c.End.After(f.Gone[kind]) }

// Change makes the policy that follows. Whatever the new one hides that can be read now waits for its destruction; what may be
// destroyed now stays hidden under any policy, whether it has been destroyed or not. Made are the cohorts that there are, of
// which some may be of another zone. Of what ended up to swept nothing is left.
func (f InForce) Change(next Policy, made map[Kind][]Cohort, swept, now time.Time, wait time.Duration) InForce {
	changed := f.stop(made, swept, now)
	changed.Policy, changed.Earlier = next, nil
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

// Hold is the same policy with one more hold, which keeps nothing that is over for good by now.
func (f InForce) Hold(h Hold, made map[Kind][]Cohort, swept, now time.Time) InForce {
	h.Since = now
	changed := f.stop(made, swept, now)
	changed.Holds = append(slices.Clone(f.Holds), h)
	return changed
}

// Expire is the same policy without the holds that have ended by themselves.
func (f InForce) Expire(now time.Time) InForce {
	f.Holds = slices.DeleteFunc(slices.Clone(f.Holds), func(h Hold) bool { return !h.active(now) })
	return f
}

// Release is the same policy without a hold.
func (f InForce) Release(id string) InForce {
	f.Holds = slices.DeleteFunc(slices.Clone(f.Holds), func(h Hold) bool { return h.ID == id })
	return f
}

// stop writes down what is over for good at a moment. What whole cohorts say is enough where nothing goes by itself and nothing
// is held.
func (f InForce) stop(made map[Kind][]Cohort, swept, now time.Time) InForce {
	stopped := f
	stopped.Gone = maps.Clone(f.Gone)
	if stopped.Gone == nil {
		stopped.Gone = map[Kind]time.Time{}
	}
	stopped.Ended = slices.DeleteFunc(slices.Clone(f.Ended), func(e Ended) bool { return !e.At.After(swept) })
	policies := []Policy{f.Policy}
	for _, e := range f.Earlier {
		if now.Before(e.Until) {
			policies = append(policies, e.Policy)
		}
	}
	if len(f.Holds) == 0 {
		for _, kind := range Kinds() {
			gone := slices.Clone(made[kind])
			if last, ok := f.lastPassed(kind, now); ok {
				gone = append(gone, last)
			}
			for _, c := range gone {
				// What is not stored is over from its day's beginning, and what may be stored later that day is not.
				if !c.End.After(now) && f.passed(kind, c, now) && c.End.After(stopped.Gone[kind]) {
					stopped.Gone[kind] = c.End
				}
			}
		}
		if !slices.ContainsFunc(policies, Policy.oneByOne) {
			return stopped // that was all
		}
	}
	stopped.Ended = append(stopped.Ended, Ended{At: now, Policies: policies, Gone: stopped.Gone, Holds: f.Holds})
	return stopped
}

// oneByOne says whether a policy may end one record of a day and not another, or all of a day that is not over.
func (p Policy) oneByOne() bool {
	return slices.ContainsFunc(Kinds(), func(kind Kind) bool {
		return !p.Single(kind) || slices.ContainsFunc(p.every(kind), func(t Terms) bool { return t.Unstored })
	})
}

// wait adds an earlier policy; one that was in force twice waits for as long as the later of its ends.
func (f *InForce) wait(e Earlier) {
	for i, other := range f.Earlier {
		if other.same(e.Policy) {
			f.Earlier[i].Until = later(other.Until, e.Until)
			return
		}
	}
	f.Earlier = append(f.Earlier, e)
}

func (p Policy) same(other Policy) bool {
	return p.Plan == other.Plan && p.deadline() == other.deadline() && maps.Equal(p.Shortened, other.Shortened) &&
		maps.Equal(p.Cadences, other.Cadences) && maps.Equal(p.Unstored, other.Unstored) &&
		slices.EqualFunc(p.Rules, other.Rules, func(a, b Rule) bool {
			return slices.Equal(a.Kinds, b.Kinds) && a.Name == b.Name && a.Mark == b.Mark && a.Keeps == b.Keeps &&
				a.Cadence == b.Cadence && a.Unstored == b.Unstored
		})
}

// passed says whether every policy that says something has ended all of a cohort. Where it has, it has ended all older ones: of
// what Ended says that is not true, since a hold may have kept an older one until a policy came that keeps it longer.
func (f InForce) passed(kind Kind, c Cohort, now time.Time) bool {
	return f.gone(kind, c) || !now.Before(f.whole(kind, c, f.Zone)) && !slices.ContainsFunc(f.Earlier, func(e Earlier) bool {
		return now.Before(e.Until) && now.Before(e.whole(kind, c, f.Zone))
	})
}

// lastPassed is the newest cohort that has passed, whether anything is in it or not: what is open has none yet.
func (f InForce) lastPassed(kind Kind, now time.Time) (Cohort, bool) {
	const longest = 40 * 31 * 24 * time.Hour // more than any plan
	step := 12 * time.Hour                   // less than any day, so that none is skipped
	if f.Keeps(kind).shorterThan(Period(FloorDay)) {
		step = time.Minute
	}
	at := func(i int) Cohort { return CohortOf(now.Add(-time.Duration(i)*step), f.Keeps(kind), f.Zone) }
	n := int(longest / step)
	i := sort.Search(n, func(i int) bool { return f.passed(kind, at(i), now) })
	return at(i), i < n
}

package retention_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/retention"
)

// A step changes the policy at an instant.
type step struct {
	at   string // in November and December 2026, UTC
	plan retention.Plan
	chat string // empty: the plan's
	wait time.Duration
}

const dayLong = 24 * time.Hour

// What is said of a cohort: readable, waiting (hidden, and not to be destroyed yet) or destroyed.
func TestChange(t *testing.T) {
	for _, tc := range []struct {
		name   string
		begins step
		steps  []step
		cohort string
		want   map[string]string
	}{
		{
			"a shorter policy hides at once and destroys after the wait", step{plan: retention.Standard},
			[]step{{at: "11-21 12:00", plan: retention.Standard, chat: "P30D", wait: dayLong}}, "2026-10-01",
			map[string]string{"11-21 11:59": "readable", "11-21 12:00": "waiting", "11-22 11:59": "waiting", "11-22 12:00": "destroyed"},
		},
		{
			"what a shorter policy does not reach stays", step{plan: retention.Standard},
			[]step{{at: "11-21 12:00", plan: retention.Standard, chat: "P30D", wait: dayLong}}, "2026-10-22",
			map[string]string{"11-21 12:00": "readable", "11-21 23:59": "readable", "11-22 00:00": "waiting", "11-22 11:59": "waiting", "11-22 12:00": "destroyed"},
		},
		{
			"what expires after the wait needs none", step{plan: retention.Standard},
			[]step{{at: "11-21 12:00", plan: retention.Standard, chat: "P30D", wait: dayLong}}, "2026-11-01",
			map[string]string{"12-01 23:59": "readable", "12-02 00:00": "destroyed"},
		},
		{
			"without a wait it destroys at once", step{plan: retention.Standard},
			[]step{{at: "11-21 12:00", plan: retention.Standard, chat: "P30D"}}, "2026-10-01",
			map[string]string{"11-21 11:59": "readable", "11-21 12:00": "destroyed"},
		},
		{
			"what expires by the earlier policy during the wait waits no longer", step{plan: retention.Standard},
			[]step{{at: "11-21 12:00", plan: retention.Standard, chat: "P30D", wait: dayLong}}, "2026-08-21",
			map[string]string{"11-21 12:00": "waiting", "11-21 23:59": "waiting", "11-22 00:00": "destroyed"},
		},
		{
			"what was over before the change waits for nothing", step{plan: retention.Standard},
			[]step{{at: "11-21 12:00", plan: retention.Standard, chat: "P30D", wait: dayLong}}, "2026-08-20",
			map[string]string{"11-21 00:00": "destroyed", "11-21 12:00": "destroyed"},
		},
		{
			"undone within the wait it is as before", step{plan: retention.Standard},
			[]step{
				{at: "11-21 12:00", plan: retention.Standard, chat: "P30D", wait: dayLong},
				{at: "11-22 11:00", plan: retention.Standard, wait: dayLong},
			}, "2026-10-01",
			map[string]string{"11-22 10:59": "waiting", "11-22 11:00": "readable", "11-23 12:00": "readable", "12-31 23:59": "readable"},
		},
		{
			"made longer after the wait nothing comes back, though nobody has purged", step{plan: retention.Standard},
			[]step{
				{at: "11-21 12:00", plan: retention.Standard, chat: "P30D", wait: dayLong},
				{at: "11-22 12:00", plan: retention.Standard, wait: dayLong},
			}, "2026-10-01",
			map[string]string{"11-22 11:59": "waiting", "11-22 12:00": "destroyed", "11-30 12:00": "destroyed"},
		},
		{
			"what was not over then is kept longer", step{plan: retention.Standard},
			[]step{
				{at: "11-21 12:00", plan: retention.Standard, chat: "P30D", wait: dayLong},
				{at: "11-22 12:00", plan: retention.Standard, wait: dayLong},
			}, "2026-10-23",
			map[string]string{"11-22 12:00": "readable", "11-30 12:00": "readable"},
		},
		{
			"what expired by itself never comes back", step{plan: retention.Standard, chat: "P30D"},
			[]step{{at: "11-22 00:00", plan: retention.Enterprise, wait: dayLong}}, "2026-10-22",
			map[string]string{"11-21 23:59": "readable", "11-22 00:00": "destroyed", "12-31 00:00": "destroyed"},
		},
		{
			"nor after more changes", step{plan: retention.Standard, chat: "P30D"},
			[]step{
				{at: "11-22 00:00", plan: retention.Enterprise, wait: dayLong},
				{at: "11-22 01:00", plan: retention.Standard, chat: "P7D", wait: dayLong},
				{at: "11-22 02:00", plan: retention.Enterprise, wait: dayLong},
			}, "2026-10-22",
			map[string]string{"11-22 00:30": "destroyed", "11-22 01:30": "destroyed", "11-22 02:30": "destroyed"},
		},
		{
			"shortened twice each waits for its own time", step{plan: retention.Standard},
			[]step{
				{at: "11-21 12:00", plan: retention.Standard, chat: "P30D", wait: dayLong},
				{at: "11-22 00:00", plan: retention.Standard, chat: "P7D", wait: dayLong},
			}, "2026-10-01",
			map[string]string{"11-22 00:00": "waiting", "11-22 11:59": "waiting", "11-22 12:00": "destroyed"},
		},
		{
			"and what only the second hides for the second's", step{plan: retention.Standard},
			[]step{
				{at: "11-21 12:00", plan: retention.Standard, chat: "P30D", wait: dayLong},
				{at: "11-22 06:00", plan: retention.Standard, chat: "P7D", wait: dayLong},
			}, "2026-11-01",
			map[string]string{"11-22 05:59": "readable", "11-22 06:00": "waiting", "11-23 05:59": "waiting", "11-23 06:00": "destroyed"},
		},
		{
			"a shorter wait of the second does not cut the first's", step{plan: retention.Standard},
			[]step{
				{at: "11-21 12:00", plan: retention.Standard, chat: "P30D", wait: dayLong},
				{at: "11-21 13:00", plan: retention.Standard, chat: "P7D"},
			}, "2026-10-01",
			map[string]string{"11-21 13:00": "waiting", "11-22 11:59": "waiting", "11-22 12:00": "destroyed"},
		},
		{
			"shortened, undone and shortened again it waits from the last", step{plan: retention.Standard},
			[]step{
				{at: "11-21 12:00", plan: retention.Standard, chat: "P30D", wait: dayLong},
				{at: "11-22 11:00", plan: retention.Standard, wait: dayLong},
				{at: "11-22 11:30", plan: retention.Standard, chat: "P30D", wait: dayLong},
			}, "2026-10-01",
			map[string]string{"11-22 11:00": "readable", "11-22 11:30": "waiting", "11-23 11:29": "waiting", "11-23 11:30": "destroyed"},
		},
		{
			"a smaller plan waits for thirty days", step{plan: retention.Enterprise},
			[]step{{at: "11-21 12:00", plan: retention.Standard, wait: 30 * dayLong}}, "2026-08-01",
			map[string]string{"11-21 12:00": "waiting", "12-21 11:59": "waiting", "12-21 12:00": "destroyed"},
		},
		{
			"and the larger one again brings back what it hid", step{plan: retention.Enterprise},
			[]step{
				{at: "11-21 12:00", plan: retention.Standard, wait: 30 * dayLong},
				{at: "12-21 11:00", plan: retention.Enterprise, wait: dayLong},
			}, "2026-08-01",
			map[string]string{"12-21 10:59": "waiting", "12-21 11:00": "readable"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			day, err := time.Parse(time.RFC3339, tc.cohort+"T12:00:00Z")
			if err != nil {
				t.Fatal(err)
			}
			c := retention.CohortOf(day, threeMonths, time.UTC)
			for _, made := range []map[retention.Kind][]retention.Cohort{nil, {retention.Chat: {c}}} {
				got := map[string]string{}
				for at := range tc.want {
					f := retention.InForce{Policy: tc.begins.policy(t), Zone: time.UTC}
					for _, s := range tc.steps {
						if when := instant(t, s.at); !when.After(instant(t, at)) {
							f = f.Change(s.policy(t), made, time.Time{}, when, s.wait)
						}
					}
					got[at] = stateOf(f, c, instant(t, at))
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("a cohort that is made: %t (-want +got):\n%s", made != nil, diff)
				}
			}
		})
	}
}

func stateOf(f retention.InForce, c retention.Cohort, now time.Time) string {
	switch {
	case f.CohortDestroyed(retention.Chat, c, now):
		return "destroyed"
	case f.CohortHidden(retention.Chat, c, now):
		return "waiting"
	}
	return "readable"
}

func (s step) policy(t *testing.T) retention.Policy {
	t.Helper()
	p := retention.Policy{Plan: s.plan}
	if s.chat != "" {
		keeps, err := retention.ParsePeriod(s.chat)
		if err != nil {
			t.Fatal(err)
		}
		p.Shortened = map[retention.Kind]period{retention.Chat: keeps}
	}
	return p
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", "2026-"+s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Undoing again and again leaves no trace but the two policies that there were.
func TestChangeForgetsWhatItNeedNotKnow(t *testing.T) {
	long, short := retention.Policy{Plan: retention.Standard}, step{plan: retention.Standard, chat: "P30D"}.policy(t)
	f, at := retention.InForce{Policy: long, Zone: time.UTC}, instant(t, "11-21 12:00")
	for i := range 50 {
		f = f.Change([]retention.Policy{short, long}[i%2], nil, time.Time{}, at.Add(time.Duration(i)*time.Minute), dayLong)
	}
	if len(f.Earlier) != 2 {
		t.Errorf("%d earlier policies are remembered, want 2", len(f.Earlier))
	}
	if f = f.Change(short, nil, time.Time{}, at.Add(3*dayLong), 0); len(f.Earlier) != 0 {
		t.Errorf("%d earlier policies are remembered after all waits, want none", len(f.Earlier))
	}
}

// Nothing of a day can be destroyed while something of an earlier one cannot, in any zone: what is gone is said by one instant.
func TestWhatIsGoneIsEverythingBefore(t *testing.T) {
	for _, name := range zones {
		zone := load(t, name)
		now := time.Date(2026, time.March, 30, 0, 30, 0, 0, zone)
		f := retention.InForce{Policy: step{plan: retention.Standard, chat: "P1D"}.policy(t), Zone: zone}
		changed := f.Change(retention.Policy{Plan: retention.Enterprise}, nil, time.Time{}, now, dayLong)
		for day := range 120 {
			c := retention.CohortOf(now.Add(-time.Duration(day)*12*time.Hour), threeMonths, zone)
			if f.CohortHidden(retention.Chat, c, now) != changed.CohortHidden(retention.Chat, c, now) {
				t.Errorf("%s: %s was hidden: %t, and now: %t", name, c.ID, f.CohortHidden(retention.Chat, c, now), changed.CohortHidden(retention.Chat, c, now))
			}
		}
	}
}

func TestDestroyedFromIsWhenItDestroys(t *testing.T) {
	f := retention.InForce{Policy: retention.Policy{Plan: retention.Standard}, Zone: time.UTC}
	f = f.Change(step{plan: retention.Standard, chat: "P30D"}.policy(t), nil, time.Time{}, instant(t, "11-21 12:00"), dayLong)
	for day := range 90 {
		c := retention.CohortOf(instant(t, "11-21 12:00").AddDate(0, 0, -day), threeMonths, time.UTC)
		at := f.CohortDestroyedFrom(retention.Chat, c)
		if !f.CohortDestroyed(retention.Chat, c, at) || f.CohortDestroyed(retention.Chat, c, at.Add(-1)) || !f.CohortHidden(retention.Chat, c, at) {
			t.Errorf("%s is destroyed from %s", c.ID, at)
		}
	}
}

// TestChangeOfRulesAndCadences is TestChange for what does not go by whole days.
func TestChangeOfRulesAndCadences(t *testing.T) {
	week := retention.Policy{Rules: []retention.Rule{{Name: "vip", Mark: vip, Keeps: period{Days: 7}}}}
	other := retention.Policy{Rules: []retention.Rule{{Name: "spam", Mark: spam, Keeps: period{Days: 7}}}}
	hourly, byRule := retention.Policy{Cadences: due(retention.Hourly)}, retention.Policy{Rules: []retention.Rule{{Name: "vip", Mark: vip, Cadence: retention.Completion}}}
	none := retention.Policy{Unstored: unstored(retention.Chat)}
	noneByRule := retention.Policy{Rules: []retention.Rule{{Name: "vip", Mark: vip, Unstored: true}}}
	// The chat of a vip was last active and settled on 1 November at 14:05 and completed half an hour later.
	for _, tc := range []struct {
		name   string
		begins retention.Policy
		turns  []turn
		want   map[string]string
	}{
		{"a rule hides at once and destroys after the wait", retention.Policy{}, []turn{changes("11-21 12:00", week, dayLong)},
			map[string]string{"11-21 11:59": "readable", "11-21 12:00": "waiting", "11-22 11:59": "waiting", "11-22 12:00": "destroyed"}},
		{"a rule of another mark does not", retention.Policy{}, []turn{changes("11-21 12:00", other, 0)},
			map[string]string{"11-21 12:00": "readable", "12-31 00:00": "readable"}},
		{"so does a cadence", retention.Policy{}, []turn{changes("11-21 12:00", hourly, dayLong)},
			map[string]string{"11-21 11:59": "readable", "11-21 12:00": "waiting", "11-22 11:59": "waiting", "11-22 12:00": "destroyed"}},
		{"and a cadence of a rule", retention.Policy{}, []turn{changes("11-21 12:00", byRule, dayLong)},
			map[string]string{"11-21 12:00": "waiting", "11-22 12:00": "destroyed"}},
		{"and not to store the kind", retention.Policy{}, []turn{changes("11-21 12:00", none, dayLong)},
			map[string]string{"11-21 11:59": "readable", "11-21 12:00": "waiting", "11-22 12:00": "destroyed"}},
		{"and not to store the mark", retention.Policy{}, []turn{changes("11-21 12:00", noneByRule, dayLong)},
			map[string]string{"11-21 12:00": "waiting", "11-22 12:00": "destroyed"}},
		{"without a wait at once", retention.Policy{}, []turn{changes("11-21 12:00", hourly, 0)},
			map[string]string{"11-21 11:59": "readable", "11-21 12:00": "destroyed"}},
		{"a cadence that comes due needs no wait", hourly, nil,
			map[string]string{"11-01 14:59": "readable", "11-01 15:00": "destroyed"}},
		{"nor after a change that changes nothing of it", hourly, []turn{changes("11-01 14:50", retention.Policy{Cadences: due(retention.Hourly), Shortened: keepsChats(period{Months: 1})}, dayLong)},
			map[string]string{"11-01 14:59": "readable", "11-01 15:00": "destroyed"}},
		{"what comes due within the wait waits for it", retention.Policy{}, []turn{changes("11-01 14:50", hourly, dayLong)},
			map[string]string{"11-01 14:59": "readable", "11-01 15:00": "waiting", "11-02 14:49": "waiting", "11-02 14:50": "destroyed"}},
		{"undone within the wait it comes back", retention.Policy{}, []turn{changes("11-21 12:00", week, dayLong), changes("11-22 11:59", retention.Policy{}, dayLong)},
			map[string]string{"11-22 11:58": "waiting", "11-22 11:59": "readable", "11-30 12:00": "readable"}},
		{"a cadence undone as well", retention.Policy{}, []turn{changes("11-21 12:00", hourly, dayLong), changes("11-22 11:59", retention.Policy{}, dayLong)},
			map[string]string{"11-22 11:58": "waiting", "11-22 11:59": "readable", "11-30 12:00": "readable"}},
		{"made longer after the wait nothing comes back", retention.Policy{}, []turn{changes("11-21 12:00", week, dayLong), changes("11-22 12:00", retention.Policy{}, dayLong)},
			map[string]string{"11-22 11:59": "waiting", "11-22 12:00": "destroyed", "12-31 12:00": "destroyed"}},
		{"nor what a cadence ended", hourly, []turn{changes("11-01 15:00", retention.Policy{}, dayLong)},
			map[string]string{"11-01 14:59": "readable", "11-01 15:00": "destroyed", "11-30 12:00": "destroyed"}},
		{"but what it had not ended", hourly, []turn{changes("11-01 14:59", retention.Policy{}, dayLong)},
			map[string]string{"11-01 14:59": "readable", "11-30 12:00": "readable"}},
		{"nor what was not stored, though all of a kind goes together then", none, []turn{changes("11-01 14:30", retention.Policy{}, 0)},
			map[string]string{"11-01 14:29": "destroyed", "11-01 14:30": "destroyed", "11-30 12:00": "destroyed"}},
		{"what settles after it is stored again is, on the same day", none, []turn{changes("11-01 14:00", retention.Policy{}, 0)},
			map[string]string{"11-01 14:05": "readable", "11-30 12:00": "readable"}},
		{"and with a rule", noneByRule, []turn{changes("11-01 14:00", retention.Policy{}, 0)},
			map[string]string{"11-01 14:05": "readable", "11-30 12:00": "readable"}},
		{"made longer and shorter again it is destroyed at once, and not after another wait", hourly, []turn{changes("11-02 12:00", retention.Policy{}, dayLong), changes("11-03 12:00", hourly, dayLong)},
			map[string]string{"11-02 12:00": "destroyed", "11-03 12:00": "destroyed"}},
		{"of two ways not to keep it the second waits for its own time, undone by the first", retention.Policy{}, []turn{changes("11-21 12:00", week, dayLong), changes("11-22 06:00", hourly, dayLong)},
			map[string]string{"11-22 06:00": "waiting", "11-22 11:59": "waiting", "11-22 12:00": "destroyed"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			it := item(retention.Chat, time.Date(2026, 11, 1, 14, 5, 0, 0, time.UTC), vip)
			it.Completes = it.Settled.Add(30 * time.Minute)
			statesOf(t, tc.begins, tc.turns, it, tc.want)
		})
	}
}

// Policies that end whole days say with one instant what is gone. The others need a moment for each change, until nothing is left of
// what was over then; what hides everything of a kind needs one as well, as its last day is not over.
func TestEndedIsForgottenWhenItIsSwept(t *testing.T) {
	month := retention.Policy{Shortened: keepsChats(period{Months: 1})}
	rule := retention.Policy{Rules: []retention.Rule{{Name: "vip", Mark: vip, Keeps: period{Days: 7}}}}
	for _, tc := range []struct {
		name   string
		begins retention.Policy
		turns  []turn
		swept  string
		next   retention.Policy
		want   int
		single bool
	}{
		{"a change of periods leaves no moment", retention.Policy{}, nil, "", month, 0, true},
		{"nor does a change of facts by a cadence", retention.Policy{Cadences: map[retention.Kind]retention.Cadence{retention.Fact: retention.Daily}}, nil, "", month, 0, true},
		{"a change to a rule leaves none, and nothing goes by days", retention.Policy{}, nil, "", rule, 0, false},
		{"a change from a rule leaves one", rule, nil, "", month, 1, false},
		{"a change from a cadence too", retention.Policy{Cadences: due(retention.Hourly)}, nil, "", month, 1, false},
		{"and from what is not stored", retention.Policy{Unstored: unstored(retention.Chat)}, nil, "", month, 1, false},
		{"one of each of them", rule, []turn{changes("11-02 12:00", month, 0), changes("11-03 12:00", rule, 0)}, "", month, 2, false},
		{"swept before the first all stay", rule, []turn{changes("11-02 12:00", month, 0), changes("11-03 12:00", rule, 0)}, "11-02 11:59", month, 2, false},
		{"swept at the first one goes", rule, []turn{changes("11-02 12:00", month, 0), changes("11-03 12:00", rule, 0)}, "11-02 12:00", month, 1, false},
		{"swept after all of them that of the change itself stays", rule, []turn{changes("11-02 12:00", month, 0), changes("11-03 12:00", rule, 0)}, "11-21 11:00", month, 1, false},
		{"and goes by days again when the rule is long past", rule, []turn{changes("11-02 12:00", month, 0)}, "11-21 11:00", retention.Policy{}, 0, true},
		{"not while the rule still keeps something", rule, []turn{changes("11-20 12:00", month, 30*dayLong)}, "11-21 11:00", retention.Policy{}, 1, false},
		{"a hold leaves none", month, []turn{holds("11-02 12:00", retention.Hold{ID: "a", From: "2026-01-01"}), releases("11-02 12:01", "a")}, "", month, 0, true},
		{"a hold where a rule is leaves one", rule, []turn{holds("11-02 12:00", retention.Hold{ID: "a", From: "2026-01-01"}), releases("11-02 12:01", "a")}, "11-02 11:00", month, 2, false},
		{"a change while something is held leaves one", month, []turn{holds("11-02 12:00", retention.Hold{ID: "a", From: "2026-01-01"})}, "11-21 11:00", retention.Policy{}, 1, false},
		{"and none after the release", month, []turn{holds("11-02 12:00", retention.Hold{ID: "a", From: "2026-01-01"}), releases("11-03 12:00", "a")}, "11-21 11:00", retention.Policy{}, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.begins.Plan, tc.next.Plan = retention.Standard, retention.Standard
			now, swept := instant(t, "11-21 12:00"), time.Time{}
			if tc.swept != "" {
				swept = instant(t, tc.swept)
			}
			f := after(t, retention.InForce{Policy: tc.begins, Zone: time.UTC}, tc.turns, nil, time.Time{}, now)
			f = f.Change(tc.next, nil, swept, now, 0)
			if len(f.Ended) != tc.want || f.Single(retention.Chat) != tc.single {
				t.Errorf("%d moments, want %d; chats go by days: %t, want %t", len(f.Ended), tc.want, f.Single(retention.Chat), tc.single)
			}
		})
	}
}

// What ended a record is said by the policy that ended it, also when another is in force that would not have.
func TestWhyItEndedIsNotForgotten(t *testing.T) {
	it := item(retention.Chat, instant(t, "11-01 14:05"), vip)
	it.Completes = it.Settled.Add(30 * time.Minute)
	begins := retention.Policy{Plan: retention.Standard, Rules: []retention.Rule{{Name: "vip", Mark: vip, Cadence: retention.Hourly}}}
	f := retention.InForce{Policy: begins, Zone: time.UTC}.Change(retention.Policy{Plan: retention.Enterprise}, nil, time.Time{}, instant(t, "11-21 12:00"), dayLong)
	want := retention.End{At: instant(t, "11-01 15:00"), Why: retention.Why(retention.Hourly), Rule: "vip"}
	if diff := cmp.Diff([]retention.End{want, want}, []retention.End{f.Ends(it), f.Destroyed(it)}); diff != "" {
		t.Errorf("end and destruction (-want +got):\n%s", diff)
	}
}

// A conversation that comes late, of a day that is over for good and swept, is not there for a hold.
func TestAHoldKeepsNothingOfADayThatIsGone(t *testing.T) {
	begins := retention.Policy{Plan: retention.Standard, Shortened: keepsChats(period{Days: 1})}
	f := retention.InForce{Policy: begins, Zone: time.UTC}
	f = f.Hold(retention.Hold{ID: "a", Kinds: []retention.Kind{retention.Chat}}, nil, time.Time{}, instant(t, "11-21 12:00"))
	f = f.Change(retention.Policy{Plan: retention.Standard}, nil, instant(t, "11-22 12:00"), instant(t, "11-23 12:00"), 0)
	it := item(retention.Chat, instant(t, "11-01 14:05"))
	it.Settled = instant(t, "11-24 12:00")
	if now := instant(t, "11-24 12:01"); itemState(f, it, now) != "destroyed" || f.MayHold(retention.Chat, it.Cohort, now) {
		t.Errorf("it is %s", itemState(f, it, now))
	}
}

// Of two earlier policies that differ in anything both are remembered, each for its own time; of the same it is one.
func TestEarlierPoliciesAreTheSameOnlyInEverything(t *testing.T) {
	rule := retention.Rule{Name: "vip", Mark: vip, Keeps: period{Days: 7}, Cadence: retention.Daily}
	first := func() retention.Policy {
		return retention.Policy{
			Plan: retention.Standard, Shortened: keepsChats(period{Months: 1}), Cadences: due(retention.Hourly), Unstored: unstored(retention.Ticket),
			Rules: []retention.Rule{rule, {Name: "spam", Mark: spam}}, Deadline: time.Hour,
		}
	}
	for _, tc := range []struct {
		name   string
		change func(*retention.Policy)
		want   int
	}{
		{"nothing", func(*retention.Policy) {}, 1},
		{"the plan", func(p *retention.Policy) { p.Plan = retention.Enterprise }, 2},
		{"a period", func(p *retention.Policy) { p.Shortened = keepsChats(period{Days: 1}) }, 2},
		{"a cadence", func(p *retention.Policy) { p.Cadences = due(retention.Daily) }, 2},
		{"what is not stored", func(p *retention.Policy) { p.Unstored = nil }, 2},
		{"the deadline", func(p *retention.Policy) { p.Deadline = 0 }, 2},
		{"the rules", func(p *retention.Policy) { p.Rules = p.Rules[:1] }, 2},
		{"their order", func(p *retention.Policy) { p.Rules[0], p.Rules[1] = p.Rules[1], p.Rules[0] }, 2},
		{"a rule's name, which a receipt says", func(p *retention.Policy) { p.Rules[0].Name = "vips" }, 2},
		{"its mark", func(p *retention.Policy) { p.Rules[0].Mark = sales }, 2},
		{"its kinds", func(p *retention.Policy) { p.Rules[0].Kinds = []retention.Kind{retention.Chat} }, 2},
		{"its period", func(p *retention.Policy) { p.Rules[0].Keeps = period{} }, 2},
		{"its cadence", func(p *retention.Policy) { p.Rules[0].Cadence = "" }, 2},
		{"whether it stores", func(p *retention.Policy) { p.Rules[0].Unstored = true }, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			other := first()
			tc.change(&other)
			f := retention.InForce{Policy: first(), Zone: time.UTC}
			f = f.Change(other, nil, time.Time{}, instant(t, "11-21 12:00"), dayLong)
			f = f.Change(retention.Policy{Plan: retention.Standard}, nil, time.Time{}, instant(t, "11-21 13:00"), dayLong)
			if len(f.Earlier) != tc.want || !f.Earlier[tc.want-1].Until.Equal(instant(t, "11-22 13:00")) {
				t.Errorf("%d are remembered, want %d", len(f.Earlier), tc.want)
			}
		})
	}
}

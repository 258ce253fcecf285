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

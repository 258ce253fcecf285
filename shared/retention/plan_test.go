package retention_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/retention"
)

// TestPlans has one case for every cell of the table of plans.
func TestPlans(t *testing.T) {
	for _, tc := range []struct {
		name    string
		plan    retention.Plan
		kind    retention.Kind
		want    string
		expires string // of what was last active in the afternoon of 30 November 2026, in UTC
	}{
		{"standard keeps chats for three months", retention.Standard, retention.Chat, "P3M", "2027-03-01T00:00:00Z"},
		{"standard keeps facts for a year", retention.Standard, retention.Fact, "P1Y", "2027-12-01T00:00:00Z"},
		{"enterprise keeps chats for two years", retention.Enterprise, retention.Chat, "P2Y", "2028-12-01T00:00:00Z"},
		{"enterprise keeps facts for three years", retention.Enterprise, retention.Fact, "P3Y", "2029-12-01T00:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			keeps := retention.Policy{Plan: tc.plan}.Keeps(tc.kind)
			if diff := cmp.Diff(tc.want, keeps.String()); diff != "" {
				t.Errorf("period (-want +got):\n%s", diff)
			}
			c := retention.CohortOf(time.Date(2026, 11, 30, 14, 5, 0, 0, time.UTC), keeps, time.UTC)
			if diff := cmp.Diff(tc.expires, c.Expires(keeps).Format(time.RFC3339)); diff != "" {
				t.Errorf("expiry (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPolicyCheck(t *testing.T) {
	for _, tc := range []struct {
		name  string
		plan  retention.Plan
		kind  retention.Kind
		keep  string // empty: the plan's own
		stage string
		wrong string // a part of the sentence; empty: allowed
	}{
		{"allows a plan as it is", retention.Standard, "", "", "prod", ""},
		{"allows the plan's own period", retention.Standard, retention.Chat, "P3M", "prod", ""},
		{"allows less", retention.Standard, retention.Chat, "P1M", "prod", ""},
		{"allows the most days that three months always have", retention.Standard, retention.Chat, "P89D", "prod", ""},
		{"allows a year of facts", retention.Standard, retention.Fact, "P365D", "prod", ""},
		{"allows two years less leap day", retention.Enterprise, retention.Chat, "P730D", "prod", ""},
		{"allows a day", retention.Standard, retention.Chat, "P1D", "prod", ""},
		{"allows a day in minutes", retention.Standard, retention.Chat, "PT1440M", "prod", ""},
		{"allows a minute in local", retention.Standard, retention.Chat, "PT1M", "local", ""},

		{"refuses a plan that does not exist", "gold", "", "", "prod", "plan must be"},
		{"refuses no plan", "", "", "", "prod", "plan must be"},
		{"refuses a kind that does not exist", retention.Standard, "chats", "P1M", "prod", "unknown kind"},
		{"refuses a minute less than a day", retention.Standard, retention.Chat, "PT1439M", "prod", "at least P1D"},
		{"refuses a minute in prod", retention.Standard, retention.Chat, "PT1M", "prod", "at least P1D"},
		{"refuses a minute in dev", retention.Standard, retention.Chat, "PT1M", "dev", "at least P1D"},
		{"refuses a day more than the plan", retention.Standard, retention.Chat, "P3M1D", "prod", "P3M at most"},
		{"refuses a minute more than the plan", retention.Standard, retention.Chat, "P3MT1M", "local", "P3M at most"},
		{"refuses the other plan's period", retention.Standard, retention.Chat, "P2Y", "prod", "P3M at most"},
		{"takes 90 days, which are longer than three months only in some months", retention.Standard, retention.Chat, "P90D", "prod", ""},
		{"takes two months and 29 days, which are longer over February only", retention.Standard, retention.Chat, "P2M29D", "prod", ""},
		{"refuses 93 days, which are longer than any three months", retention.Standard, retention.Chat, "P93D", "prod", "P3M at most"},
		{"refuses 366 days of facts, which no year exceeds", retention.Standard, retention.Fact, "P366D", "prod", "P1Y at most"},
		{"refuses a period of nothing", retention.Standard, retention.Chat, "zero", "local", "at least PT1M"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			policy := retention.Policy{Plan: tc.plan}
			if tc.keep != "" {
				p, err := retention.ParsePeriod(tc.keep)
				if err != nil && tc.keep != "zero" {
					t.Fatal(err)
				}
				policy.Shortened = map[retention.Kind]period{tc.kind: p}
			}
			err := policy.Check(retention.FloorOf(tc.stage))
			if tc.wrong == "" {
				if err != nil {
					t.Errorf("error %v, want none", err)
				}
				return
			}
			if !errors.Is(err, retention.ErrPolicy) || !strings.Contains(err.Error(), tc.wrong) {
				t.Errorf("error %v, want %v with %q", err, retention.ErrPolicy, tc.wrong)
			}
		})
	}
}

func TestTheShorterOfPlanAndPolicyWins(t *testing.T) {
	for _, tc := range []struct {
		name, keep, want string
	}{
		{"the policy's month", "P1M", "P1M"},
		{"the policy's 89 days", "P89D", "P89D"},
		{"the policy's minute", "PT1M", "PT1M"},
		{"the plan's months, if a policy that nobody checked has more", "P1Y", "P3M"},
		{"the policy's 90 days", "P90D", "P90D"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			keep, err := retention.ParsePeriod(tc.keep)
			if err != nil {
				t.Fatal(err)
			}
			p := retention.Policy{Plan: retention.Standard, Shortened: map[retention.Kind]period{retention.Chat: keep}}
			if diff := cmp.Diff(tc.want, p.Keeps(retention.Chat).String()); diff != "" {
				t.Errorf("chats (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff("P1Y", p.Keeps(retention.Fact).String()); diff != "" {
				t.Errorf("facts, of which the policy says nothing (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoPolicyKeepsLongerThanItsPlan compares on every day of a leap cycle.
func TestNoPolicyKeepsLongerThanItsPlan(t *testing.T) {
	for _, text := range []string{"P1D", "P28D", "P1M", "P1M28D", "P2M", "P2M28D", "P2M29D", "P2M30D", "P1M58D", "P1M59D", "P1M60D", "P88D", "P89D", "P90D", "P91D", "P92D", "P3M", "P12W", "P13W"} {
		keep, err := retention.ParsePeriod(text)
		if err != nil {
			t.Fatal(err)
		}
		p := retention.Policy{Plan: retention.Standard, Shortened: map[retention.Kind]period{retention.Chat: keep}}
		if err := p.Check(retention.FloorDay); err != nil {
			continue // the table above says which
		}
		for day := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC); day.Year() < 2031; day = day.AddDate(0, 0, 1) {
			plan := wallClock(day, period{Months: 3})
			c := retention.CohortOf(day, p.Keeps(retention.Chat), time.UTC)
			expires := p.Expires(retention.Chat, c)
			if expires.After(plan.Add(12 * time.Hour)) {
				t.Errorf("%s keeps the %s until %s, the plan until the end of %s", text, c.ID, expires, plan)
			}
			if chosen := wallClock(day, keep); expires.Before(plan) && expires.Before(chosen) {
				t.Errorf("%s keeps the %s only until %s", text, c.ID, expires)
			}
		}
	}
}

func TestTimesOfConversations(t *testing.T) {
	if got := retention.Idle(retention.Chat); got != 30*time.Minute {
		t.Errorf("a chat is idle after %s, want 30 minutes", got)
	}
	if got := retention.Reopens(retention.Chat); got != 24*time.Hour {
		t.Errorf("a chat can be reopened for %s, want 24 hours", got)
	}
}

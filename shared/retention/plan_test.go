package retention_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/retention"
)

// expiries are when a cohort of a period expires, each counted by hand: zone, a day of activity, the first instant after it.
var expiries = map[string][][3]string{
	"P3M": {
		{"UTC", "2026-11-30", "2027-03-01T00:00:00Z"}, // 30 February
		{"UTC", "2026-11-29", "2027-03-01T00:00:00Z"},
		{"UTC", "2026-11-28", "2027-03-01T00:00:00Z"},
		{"UTC", "2026-12-01", "2027-03-02T00:00:00Z"},
		{"UTC", "2027-11-30", "2028-03-01T00:00:00Z"}, // into a leap year
		{"UTC", "2027-11-29", "2028-03-01T00:00:00Z"},
		{"UTC", "2027-11-28", "2028-02-29T00:00:00Z"},
		{"UTC", "2026-01-30", "2026-05-01T00:00:00Z"},
		{"UTC", "2026-01-31", "2026-05-01T00:00:00Z"}, // 31 April
		{"UTC", "2026-08-30", "2026-12-01T00:00:00Z"},
		{"UTC", "2026-08-31", "2026-12-01T00:00:00Z"}, // 31 November
		{"UTC", "2026-12-31", "2027-04-01T00:00:00Z"},
		{"UTC", "2028-02-29", "2028-05-30T00:00:00Z"},
		{"Europe/Berlin", "2026-12-27", "2027-03-28T00:00:00+01:00"},
		{"Europe/Berlin", "2026-12-28", "2027-03-29T00:00:00+02:00"}, // a day of 23 hours
		{"Europe/Berlin", "2026-07-24", "2026-10-25T00:00:00+02:00"},
		{"Europe/Berlin", "2026-07-25", "2026-10-26T00:00:00+01:00"}, // of 25
		{"America/New_York", "2026-12-14", "2027-03-15T00:00:00-04:00"},
		{"America/New_York", "2026-08-01", "2026-11-02T00:00:00-05:00"},
		{"America/Sao_Paulo", "2018-08-03", "2018-11-04T01:00:00-02:00"}, // no midnight
		{"America/Sao_Paulo", "2018-08-04", "2018-11-05T00:00:00-02:00"},
		{"America/Sao_Paulo", "2017-11-17", "2018-02-18T00:00:00-03:00"}, // its last hour twice
		{"Atlantic/Azores", "2026-07-24", "2026-10-25T00:00:00Z"},        // the first of two midnights
		{"Atlantic/Azores", "2026-07-25", "2026-10-26T00:00:00-01:00"},
		{"Pacific/Apia", "2011-09-29", "2011-12-31T00:00:00+14:00"},
		{"Pacific/Apia", "2011-09-30", "2011-12-31T00:00:00+14:00"}, // a day that was left out
		{"Pacific/Apia", "2011-10-01", "2012-01-02T00:00:00+14:00"},
		{"Australia/Lord_Howe", "2026-07-04", "2026-10-05T00:00:00+11:00"}, // of 23.5 hours
		{"Australia/Lord_Howe", "2027-01-03", "2027-04-04T00:00:00+11:00"},
		{"Australia/Lord_Howe", "2027-01-04", "2027-04-05T00:00:00+10:30"}, // of 24.5
	},
	"P1Y": {
		{"UTC", "2026-11-30", "2027-12-01T00:00:00Z"},
		{"UTC", "2026-01-31", "2027-02-01T00:00:00Z"},
		{"UTC", "2026-08-31", "2027-09-01T00:00:00Z"},
		{"UTC", "2026-12-31", "2028-01-01T00:00:00Z"},
		{"UTC", "2028-02-29", "2029-03-01T00:00:00Z"},
		{"UTC", "2027-02-28", "2028-02-29T00:00:00Z"},
		{"UTC", "2027-03-01", "2028-03-02T00:00:00Z"},
		{"Europe/Berlin", "2026-03-28", "2027-03-29T00:00:00+02:00"},
		{"Europe/Berlin", "2026-10-25", "2027-10-26T00:00:00+02:00"},
		{"Europe/Berlin", "2026-10-31", "2027-11-01T00:00:00+01:00"},
		{"America/New_York", "2026-03-14", "2027-03-15T00:00:00-04:00"},
		{"America/New_York", "2026-11-07", "2027-11-08T00:00:00-05:00"},
		{"America/Sao_Paulo", "2017-11-03", "2018-11-04T01:00:00-02:00"},
		{"Atlantic/Azores", "2026-10-30", "2027-10-31T00:00:00Z"},
		{"Pacific/Apia", "2010-12-29", "2011-12-31T00:00:00+14:00"},
		{"Pacific/Apia", "2010-12-30", "2011-12-31T00:00:00+14:00"},
		{"Australia/Lord_Howe", "2026-10-03", "2027-10-04T00:00:00+11:00"},
	},
	"P2Y": {
		{"UTC", "2026-11-30", "2028-12-01T00:00:00Z"},
		{"UTC", "2026-01-31", "2028-02-01T00:00:00Z"},
		{"UTC", "2026-08-31", "2028-09-01T00:00:00Z"},
		{"UTC", "2026-12-31", "2029-01-01T00:00:00Z"},
		{"UTC", "2028-02-29", "2030-03-01T00:00:00Z"},
		{"UTC", "2026-02-28", "2028-02-29T00:00:00Z"},
		{"Europe/Berlin", "2025-03-28", "2027-03-29T00:00:00+02:00"},
		{"Europe/Berlin", "2024-10-25", "2026-10-26T00:00:00+01:00"},
		{"America/New_York", "2025-03-14", "2027-03-15T00:00:00-04:00"},
		{"America/New_York", "2024-11-01", "2026-11-02T00:00:00-05:00"},
		{"America/Sao_Paulo", "2016-11-03", "2018-11-04T01:00:00-02:00"},
		{"Atlantic/Azores", "2024-10-24", "2026-10-25T00:00:00Z"},
		{"Pacific/Apia", "2009-12-30", "2011-12-31T00:00:00+14:00"},
		{"Australia/Lord_Howe", "2024-10-04", "2026-10-05T00:00:00+11:00"},
	},
	"P3Y": {
		{"UTC", "2026-11-30", "2029-12-01T00:00:00Z"},
		{"UTC", "2026-01-31", "2029-02-01T00:00:00Z"},
		{"UTC", "2026-08-31", "2029-09-01T00:00:00Z"},
		{"UTC", "2026-12-31", "2030-01-01T00:00:00Z"},
		{"UTC", "2028-02-29", "2031-03-01T00:00:00Z"},
		{"UTC", "2025-02-28", "2028-02-29T00:00:00Z"},
		{"Europe/Berlin", "2024-03-28", "2027-03-29T00:00:00+02:00"},
		{"Europe/Berlin", "2023-10-25", "2026-10-26T00:00:00+01:00"},
		{"America/New_York", "2024-03-14", "2027-03-15T00:00:00-04:00"},
		{"America/New_York", "2023-11-01", "2026-11-02T00:00:00-05:00"},
		{"America/Sao_Paulo", "2015-11-03", "2018-11-04T01:00:00-02:00"},
		{"Atlantic/Azores", "2023-10-24", "2026-10-25T00:00:00Z"},
		{"Pacific/Apia", "2008-12-30", "2011-12-31T00:00:00+14:00"},
		{"Australia/Lord_Howe", "2023-10-04", "2026-10-05T00:00:00+11:00"},
	},
	"P100Y": {{"UTC", "2026-11-30", "2126-12-01T00:00:00Z"}}, // an article: nobody will see it
}

// TestPlans has one case for every cell of the table of plans.
func TestPlans(t *testing.T) {
	for _, tc := range []struct {
		name string
		plan retention.Plan
		kind retention.Kind
		want string
	}{
		{"standard keeps chats for three months", retention.Standard, retention.Chat, "P3M"},
		{"standard keeps tickets for two years", retention.Standard, retention.Ticket, "P2Y"},
		{"standard keeps calls for two years", retention.Standard, retention.Call, "P2Y"},
		{"standard keeps attachments for two years", retention.Standard, retention.Attachment, "P2Y"},
		{"standard keeps facts for a year", retention.Standard, retention.Fact, "P1Y"},
		{"standard keeps articles while the account is open", retention.Standard, retention.Article, retention.WhileOpen.String()},
		{"standard keeps visits for a year", retention.Standard, retention.Visit, "P1Y"},
		{"enterprise keeps chats for two years", retention.Enterprise, retention.Chat, "P2Y"},
		{"enterprise keeps tickets for three years", retention.Enterprise, retention.Ticket, "P3Y"},
		{"enterprise keeps calls for three years", retention.Enterprise, retention.Call, "P3Y"},
		{"enterprise keeps attachments for three years", retention.Enterprise, retention.Attachment, "P3Y"},
		{"enterprise keeps facts for three years", retention.Enterprise, retention.Fact, "P3Y"},
		{"enterprise keeps articles while the account is open", retention.Enterprise, retention.Article, retention.WhileOpen.String()},
		{"enterprise keeps visits for three years", retention.Enterprise, retention.Visit, "P3Y"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := retention.Policy{Plan: tc.plan}
			keeps := p.Keeps(tc.kind)
			if diff := cmp.Diff(tc.want, keeps.String()); diff != "" {
				t.Errorf("period (-want +got):\n%s", diff)
			}
			if tc.plan == retention.Enterprise {
				if diff := cmp.Diff(tc.want, retention.Longest(tc.kind).String()); diff != "" {
					t.Errorf("the longest of any plan (-want +got):\n%s", diff)
				}
			}
			for _, of := range expiries[tc.want] {
				noon, err := time.ParseInLocation("2006-01-02 15:04", of[1]+" 12:00", load(t, of[0]))
				if err != nil {
					t.Fatal(err)
				}
				c := retention.CohortOf(noon, keeps, noon.Location())
				it := retention.Item{Kind: tc.kind, Cohort: c, Zone: noon.Location()}
				for from, at := range map[string]time.Time{"cohort": c.Expires(keeps), "policy": p.Expires(tc.kind, c), "record": p.Ends(it).At} {
					if diff := cmp.Diff(of[2], at.Format(time.RFC3339)); diff != "" {
						t.Errorf("expiry of %s in %s by the %s (-want +got):\n%s", c.ID, of[0], from, diff)
					}
				}
			}
		})
	}
}

// An article is over when the account is, unless it was withdrawn and a cadence or a shorter period is chosen for it.
func TestAnArticleIsKeptWhileTheAccountIsOpen(t *testing.T) {
	year := func(y int) time.Time { return time.Date(y, time.February, 28, 12, 0, 0, 0, time.UTC) }
	article := item(retention.Article, year(2026))
	f := retention.InForce{Policy: retention.Policy{Plan: retention.Standard}, Zone: time.UTC}
	f = f.Change(retention.Policy{Plan: retention.Enterprise}, nil, time.Time{}, year(2027), 0)
	f = f.Change(retention.Policy{Plan: retention.Standard}, nil, time.Time{}, year(2028), 0)
	if f.Hidden(article, year(2076)) || f.CohortDestroyed(retention.Article, article.Cohort, year(2076)) {
		t.Error("an article of an open account is over")
	}
	f.Closes = year(2050)
	if f.Hidden(article, year(2050).Add(-1)) || !f.Destroys(article, year(2050)) {
		t.Error("an article is not over when the account closes")
	}
	withdrawn := article
	withdrawn.Completes, withdrawn.Settled = year(2027), year(2027)
	daily := retention.Policy{Plan: retention.Standard, Cadences: map[retention.Kind]retention.Cadence{retention.Article: retention.Daily}}
	if got := daily.Ends(article).At; got.Before(year(2076)) {
		t.Errorf("a cadence ends a published article at %s", got)
	}
	want := retention.End{At: time.Date(2027, time.March, 1, 0, 0, 0, 0, time.UTC), Why: retention.Why(retention.Daily)}
	if diff := cmp.Diff(want, daily.Ends(withdrawn)); diff != "" {
		t.Errorf("the end of one that was withdrawn (-want +got):\n%s", diff)
	}
	short := retention.Policy{Plan: retention.Standard, Shortened: map[retention.Kind]period{retention.Article: {Months: 12}}}
	if diff := cmp.Diff("2027-03-01T00:00:00Z", short.Ends(article).At.Format(time.RFC3339)); diff != "" {
		t.Errorf("the end of an article that is kept for a year (-want +got):\n%s", diff)
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

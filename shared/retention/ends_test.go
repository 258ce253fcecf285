package retention_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/retention"
)

// Marks of tags.
var vip, spam, sales = retention.Mark{1}, retention.Mark{2}, retention.Mark{3}

// item is a record that was last active and settled at an instant, in UTC.
func item(kind retention.Kind, at time.Time, marks ...retention.Mark) retention.Item {
	return retention.Item{
		ID: "r", Kind: kind, Cohort: retention.CohortOf(at, threeMonths, time.UTC), Zone: time.UTC, Settled: at, Marks: retention.MarksOf(marks...),
	}
}

// due is a cadence for chats alone.
func due(c retention.Cadence) map[retention.Kind]retention.Cadence {
	return map[retention.Kind]retention.Cadence{retention.Chat: c}
}

// keepsChats is a period for chats alone.
func keepsChats(p period) map[retention.Kind]period {
	return map[retention.Kind]period{retention.Chat: p}
}

func unstored(kind retention.Kind) map[retention.Kind]bool {
	return map[retention.Kind]bool{kind: true}
}

func TestEnds(t *testing.T) {
	// The chat was last active and settled at 11-21 14:05, and expires by the plan on 2027-02-22.
	const expires = "2027-02-22 00:00"
	anchor := time.Date(2026, 11, 21, 14, 5, 0, 0, time.UTC)
	day, month := period{Days: 1}, period{Months: 1}
	for _, tc := range []struct {
		name      string
		policy    retention.Policy
		marks     []retention.Mark
		completes string
		awaits    bool
		delivered string
		at        string
		why       retention.Why
		rule      string
	}{
		{"the plan's period where nothing else is said", retention.Policy{}, nil, "2026-11-21 14:35", false, "", expires, "retention", ""},
		{"the account's shorter one", retention.Policy{Shortened: keepsChats(month)}, nil, "", false, "", "2026-12-22 00:00", "retention", ""},
		{"of 90 days and three months what is over first", retention.Policy{Shortened: keepsChats(period{Days: 90})}, nil, "", false, "", "2027-02-20 00:00", "retention", ""},

		{"a cadence spares what has not completed", retention.Policy{Cadences: due(retention.Hourly)}, nil, "", false, "", expires, "retention", ""},
		{"and what has not completed is not delivered early either", retention.Policy{Cadences: due(retention.Hourly)}, nil, "", true, "", expires, "retention", ""},
		{"a cadence of another kind does nothing", retention.Policy{Cadences: map[retention.Kind]retention.Cadence{retention.Ticket: retention.Hourly}}, nil, "2026-11-21 14:35", false, "", expires, "retention", ""},
		{"never is no cadence", retention.Policy{Cadences: due(retention.Never)}, nil, "2026-11-21 14:35", false, "", expires, "retention", ""},
		{"completion, to the minute", retention.Policy{Cadences: due(retention.Completion)}, nil, "2026-11-21 14:35", false, "", "2026-11-21 14:35", "completion", ""},
		{"the hour after the completion, not after the anchor", retention.Policy{Cadences: due(retention.Hourly)}, nil, "2026-11-21 15:05", false, "", "2026-11-21 16:00", "hourly", ""},
		{"the day after the completion", retention.Policy{Cadences: due(retention.Daily)}, nil, "2026-11-22 00:05", false, "", "2026-11-23 00:00", "daily", ""},
		{"the month after the completion", retention.Policy{Cadences: due(retention.Monthly)}, nil, "2026-11-21 14:35", false, "", "2026-12-01 00:00", "monthly", ""},

		{"what awaits a destination goes at the deadline", retention.Policy{Cadences: due(retention.Hourly)}, nil, "2026-11-21 14:35", true, "", "2026-11-25 14:05", "hourly", ""},
		{"which counts from the settling, not from the completion", retention.Policy{Cadences: due(retention.Completion)}, nil, "2026-11-24 14:35", true, "", "2026-11-25 14:05", "completion", ""},
		{"and is not waited for when it is before the turn", retention.Policy{Cadences: due(retention.Monthly)}, nil, "2026-11-21 14:35", true, "", "2026-12-01 00:00", "monthly", ""},
		{"nor when it is before the completion", retention.Policy{Cadences: due(retention.Completion)}, nil, "2026-11-28 14:05", true, "", "2026-11-28 14:05", "completion", ""},
		{"a deadline that is set", retention.Policy{Cadences: due(retention.Hourly), Deadline: 36 * time.Hour}, nil, "2026-11-21 14:35", true, "", "2026-11-23 02:05", "hourly", ""},
		{"a longer deadline moves the turn of a month", retention.Policy{Cadences: due(retention.Monthly), Deadline: 30 * dayLong}, nil, "2026-11-21 14:35", true, "", "2026-12-21 14:05", "monthly", ""},
		{"what was delivered before the turn waits for the turn", retention.Policy{Cadences: due(retention.Hourly)}, nil, "2026-11-21 14:35", false, "2026-11-21 14:40", "2026-11-21 15:00", "hourly", ""},
		{"delivered before it completed", retention.Policy{Cadences: due(retention.Completion)}, nil, "2026-11-21 14:35", false, "2026-11-21 14:10", "2026-11-21 14:35", "completion", ""},
		{"delivered after the turn it goes at once", retention.Policy{Cadences: due(retention.Hourly)}, nil, "2026-11-21 14:35", false, "2026-11-22 17:17", "2026-11-22 17:17", "hourly", ""},
		{"delivered after the deadline it was over at the deadline", retention.Policy{Cadences: due(retention.Hourly)}, nil, "2026-11-21 14:35", false, "2026-11-27 00:00", "2026-11-25 14:05", "hourly", ""},
		{"delivered after a deadline that is set", retention.Policy{Cadences: due(retention.Daily), Deadline: dayLong}, nil, "2026-11-21 14:35", false, "2026-11-23 00:00", "2026-11-22 14:05", "daily", ""},
		{"without a required destination nothing waits", retention.Policy{Cadences: due(retention.Daily), Deadline: 30 * dayLong}, nil, "2026-11-21 14:35", false, "", "2026-11-22 00:00", "daily", ""},

		{"retention is not kept from ending by a later turn", retention.Policy{Shortened: keepsChats(day), Cadences: due(retention.Monthly)}, nil, "2026-11-21 14:35", false, "", "2026-11-23 00:00", "retention", ""},
		{"nor by a destination", retention.Policy{Shortened: keepsChats(day), Cadences: due(retention.Completion)}, nil, "2026-11-21 14:35", true, "", "2026-11-23 00:00", "retention", ""},
		{"nor by a late completion", retention.Policy{Shortened: keepsChats(day), Cadences: due(retention.Completion)}, nil, "2026-11-28 14:35", false, "", "2026-11-23 00:00", "retention", ""},
		{"at the same instant it was retention", retention.Policy{Shortened: keepsChats(day), Cadences: due(retention.Daily)}, nil, "2026-11-22 14:35", false, "", "2026-11-23 00:00", "retention", ""},

		{"a rule's period", retention.Policy{Rules: []retention.Rule{{Name: "spam", Mark: spam, Keeps: day}}}, []retention.Mark{vip, spam}, "", false, "", "2026-11-23 00:00", "retention", "spam"},
		{"a rule of a mark that it has not", retention.Policy{Rules: []retention.Rule{{Name: "spam", Mark: spam, Keeps: day}}}, []retention.Mark{vip}, "", false, "", expires, "retention", ""},
		{"the first rule that matches wins, though it keeps longer", retention.Policy{Rules: []retention.Rule{{Name: "vip", Mark: vip, Keeps: month}, {Name: "spam", Mark: spam, Keeps: day}}}, []retention.Mark{spam, vip}, "", false, "", "2026-12-22 00:00", "retention", "vip"},
		{"in the other order the other", retention.Policy{Rules: []retention.Rule{{Name: "spam", Mark: spam, Keeps: day}, {Name: "vip", Mark: vip, Keeps: month}}}, []retention.Mark{spam, vip}, "", false, "", "2026-11-23 00:00", "retention", "spam"},
		{"the second where the first is for tickets", retention.Policy{Rules: []retention.Rule{{Name: "tickets", Mark: vip, Kinds: []retention.Kind{retention.Ticket}, Keeps: day}, {Name: "vip", Mark: vip, Keeps: month}}}, []retention.Mark{vip}, "", false, "", "2026-12-22 00:00", "retention", "vip"},
		{"a rule that is longer than the kind and not than the plan", retention.Policy{Shortened: keepsChats(day), Rules: []retention.Rule{{Name: "vip", Mark: vip, Keeps: month}}}, []retention.Mark{vip}, "", false, "", "2026-12-22 00:00", "retention", "vip"},
		{"a rule that nobody checked is not longer than the plan", retention.Policy{Shortened: keepsChats(month), Rules: []retention.Rule{{Name: "vip", Mark: vip, Keeps: period{Months: 4}}}}, []retention.Mark{vip}, "", false, "", "2026-12-22 00:00", "retention", "vip"},
		{"of a rule's 90 days and the kind's three months the rule's", retention.Policy{Rules: []retention.Rule{{Name: "vip", Mark: vip, Keeps: period{Days: 90}}}}, []retention.Mark{vip}, "", false, "", "2027-02-20 00:00", "retention", "vip"},
		{"a rule's cadence, with the period of the kind", retention.Policy{Shortened: keepsChats(month), Rules: []retention.Rule{{Name: "spam", Mark: spam, Cadence: retention.Daily}}}, []retention.Mark{spam}, "2026-11-21 14:35", false, "", "2026-11-22 00:00", "daily", "spam"},
		{"which spares what has not completed", retention.Policy{Shortened: keepsChats(month), Rules: []retention.Rule{{Name: "spam", Mark: spam, Cadence: retention.Daily}}}, []retention.Mark{spam}, "", false, "", "2026-12-22 00:00", "retention", "spam"},
		{"a rule without a cadence has that of the kind", retention.Policy{Cadences: due(retention.Daily), Rules: []retention.Rule{{Name: "vip", Mark: vip, Keeps: month}}}, []retention.Mark{vip}, "2026-11-21 14:35", false, "", "2026-11-22 00:00", "daily", "vip"},
		{"a rule's never spares what the kind does not", retention.Policy{Cadences: due(retention.Daily), Rules: []retention.Rule{{Name: "vip", Mark: vip, Cadence: retention.Never}}}, []retention.Mark{vip}, "2026-11-21 14:35", false, "", expires, "retention", "vip"},
		{"the first rule that matches says everything, also what it leaves out", retention.Policy{Rules: []retention.Rule{{Name: "vip", Mark: vip, Keeps: month}, {Name: "spam", Mark: spam, Cadence: retention.Completion}}}, []retention.Mark{vip, spam}, "2026-11-21 14:35", false, "", "2026-12-22 00:00", "retention", "vip"},

		{"what is not stored was over before it began", retention.Policy{Unstored: unstored(retention.Chat)}, nil, "", false, "", "2026-11-21 00:00", "retention", ""},
		{"and waits for nothing", retention.Policy{Unstored: unstored(retention.Chat), Cadences: due(retention.Monthly)}, nil, "2026-11-21 14:35", true, "", "2026-11-21 00:00", "retention", ""},
		{"another kind that is not stored is none of its", retention.Policy{Unstored: unstored(retention.Ticket)}, nil, "", false, "", expires, "retention", ""},
		{"a rule that stores nothing", retention.Policy{Rules: []retention.Rule{{Name: "spam", Mark: spam, Unstored: true}}}, []retention.Mark{spam}, "", false, "", "2026-11-21 00:00", "retention", "spam"},
		{"no rule stores what its kind does not", retention.Policy{Unstored: unstored(retention.Chat), Rules: []retention.Rule{{Name: "vip", Mark: vip, Keeps: month}}}, []retention.Mark{vip}, "", false, "", "2026-11-21 00:00", "retention", "vip"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.policy.Plan = retention.Standard
			if err := tc.policy.Check(retention.FloorDay); err != nil && !strings.Contains(tc.name, "nobody checked") {
				t.Fatal(err)
			}
			it := item(retention.Chat, anchor, tc.marks...)
			it.Completes, it.Awaits, it.Delivered = moment(t, tc.completes), tc.awaits, moment(t, tc.delivered)
			want := retention.End{At: moment(t, tc.at), Why: tc.why, Rule: tc.rule}
			if diff := cmp.Diff(want, tc.policy.Ends(it)); diff != "" {
				t.Errorf("end (-want +got):\n%s", diff)
			}
			f := retention.InForce{Policy: tc.policy, Zone: time.UTC}
			if diff := cmp.Diff([]retention.End{want, want}, []retention.End{f.Ends(it), f.Destroyed(it)}); diff != "" {
				t.Errorf("end and destruction of the policy in force (-want +got):\n%s", diff)
			}
			if f.Hidden(it, want.At.Add(-1)) || !f.Hidden(it, want.At) || f.Destroys(it, want.At.Add(-1)) || !f.Destroys(it, want.At) {
				t.Error("it is not hidden and destroyed at its end")
			}
			if !f.Begins(retention.Chat, it.Cohort, want.At) || f.CohortHiddenFrom(retention.Chat, it.Cohort).Before(want.At) {
				t.Errorf("the cohort does not say so: hidden from %s", f.CohortHiddenFrom(retention.Chat, it.Cohort))
			}
		})
	}
}

// moment reads 2026-11-21 14:05, in UTC; empty is zero.
func moment(t *testing.T, s string) time.Time {
	t.Helper()
	if s == "" {
		return time.Time{}
	}
	at, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Facts have no marks, so no rule reaches them; a cadence that names them ends them when their day is over.
func TestEndsOfFacts(t *testing.T) {
	berlin := load(t, "Europe/Berlin")
	c := retention.CohortOf(time.Date(2026, 10, 25, 12, 0, 0, 0, berlin), threeMonths, berlin)
	for _, tc := range []struct {
		name    string
		policy  retention.Policy
		at, why string
	}{
		{"the plan's year", retention.Policy{}, "2027-10-26T00:00:00+02:00", "retention"},
		{"the cadence of chats is not theirs", retention.Policy{Cadences: due(retention.Hourly)}, "2027-10-26T00:00:00+02:00", "retention"},
		{"no rule is theirs", retention.Policy{Rules: []retention.Rule{{Name: "all", Cadence: retention.Completion}}}, "2027-10-26T00:00:00+02:00", "retention"},
		{"completion is the end of the day", retention.Policy{Cadences: map[retention.Kind]retention.Cadence{retention.Fact: retention.Completion}}, "2026-10-26T00:00:00+01:00", "completion"},
		{"hourly is an hour later", retention.Policy{Cadences: map[retention.Kind]retention.Cadence{retention.Fact: retention.Hourly}}, "2026-10-26T01:00:00+01:00", "hourly"},
		{"daily is a day later", retention.Policy{Cadences: map[retention.Kind]retention.Cadence{retention.Fact: retention.Daily}}, "2026-10-27T00:00:00+01:00", "daily"},
		{"monthly is the next first", retention.Policy{Cadences: map[retention.Kind]retention.Cadence{retention.Fact: retention.Monthly}}, "2026-11-01T00:00:00+01:00", "monthly"},
		{"not stored is from the beginning", retention.Policy{Unstored: unstored(retention.Fact)}, "2026-10-25T00:00:00+02:00", "retention"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.policy.Plan = retention.Standard
			f := retention.InForce{Policy: tc.policy, Zone: berlin}
			end := f.Ends(retention.OfDay(retention.Fact, c, berlin))
			if diff := cmp.Diff([]string{tc.at, tc.why}, []string{end.At.Format(time.RFC3339), string(end.Why)}); diff != "" {
				t.Errorf("end (-want +got):\n%s", diff)
			}
			if !f.Single(retention.Fact) || !f.CohortHidden(retention.Fact, c, end.At) || f.CohortHidden(retention.Fact, c, end.At.Add(-1)) || !f.CohortDestroyedFrom(retention.Fact, c).Equal(end.At) {
				t.Error("the cohort does not end as its facts do")
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	stores := func(name string, m retention.Mark) retention.Rule {
		return retention.Rule{Name: name, Mark: m, Keeps: period{Months: 1}}
	}
	drops := func(name string, m retention.Mark) retention.Rule {
		return retention.Rule{Name: name, Mark: m, Unstored: true}
	}
	for _, tc := range []struct {
		name   string
		policy retention.Policy
		want   bool
	}{
		{"nothing of itself", retention.Policy{}, false},
		{"everything of a kind that is not stored", retention.Policy{Unstored: unstored(retention.Chat)}, true},
		{"nothing because of another kind", retention.Policy{Unstored: unstored(retention.Ticket)}, false},
		{"a source that a rule drops", retention.Policy{Rules: []retention.Rule{drops("a", sales)}}, true},
		{"a source that a rule drops behind one that drops a tag", retention.Policy{Rules: []retention.Rule{drops("a", spam), drops("b", sales)}}, true},
		{"no source that a rule before may keep by a tag", retention.Policy{Rules: []retention.Rule{stores("a", vip), drops("b", sales)}}, false},
		{"no source that a rule before keeps", retention.Policy{Rules: []retention.Rule{stores("a", sales), drops("b", sales)}}, false},
		{"no source because of a tag", retention.Policy{Rules: []retention.Rule{drops("a", spam)}}, false},
		{"no source of which a rule drops the tickets", retention.Policy{Rules: []retention.Rule{{Name: "a", Mark: sales, Kinds: []retention.Kind{retention.Ticket}, Unstored: true}}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.policy.Refuses(retention.Chat, sales); got != tc.want {
				t.Errorf("refuses: %t", got)
			}
		})
	}
}

func TestPolicyCheckOfRulesAndCadences(t *testing.T) {
	rule := func(change func(*retention.Rule)) []retention.Rule {
		r := retention.Rule{Name: "vip", Mark: vip}
		change(&r)
		return []retention.Rule{r}
	}
	keeps := func(p period, kinds ...retention.Kind) []retention.Rule {
		return rule(func(r *retention.Rule) { r.Keeps, r.Kinds = p, kinds })
	}
	many := func(n int) (rules []retention.Rule) {
		for i := range n {
			rules = append(rules, retention.Rule{Name: fmt.Sprintf("r%d", i), Mark: vip})
		}
		return rules
	}
	for _, tc := range []struct {
		name   string
		policy retention.Policy
		wrong  string // a part of the sentence; empty: allowed
	}{
		{"allows a rule that says nothing", retention.Policy{Rules: rule(func(*retention.Rule) {})}, ""},
		{"allows twenty rules", retention.Policy{Rules: many(20)}, ""},
		{"refuses twenty-one", retention.Policy{Rules: many(21)}, "21 rules, and 20"},
		{"allows a name of 32 characters", retention.Policy{Rules: rule(func(r *retention.Rule) { r.Name = "0" + strings.Repeat("a-", 15) + "z" })}, ""},
		{"refuses one of 33", retention.Policy{Rules: rule(func(r *retention.Rule) { r.Name = strings.Repeat("a", 33) })}, "name of a rule"},
		{"refuses no name", retention.Policy{Rules: rule(func(r *retention.Rule) { r.Name = "" })}, "name of a rule"},
		{"refuses a capital", retention.Policy{Rules: rule(func(r *retention.Rule) { r.Name = "Vip" })}, "name of a rule"},
		{"refuses a hyphen in front", retention.Policy{Rules: rule(func(r *retention.Rule) { r.Name = "-vip" })}, "name of a rule"},
		{"refuses a space", retention.Policy{Rules: rule(func(r *retention.Rule) { r.Name = "a b" })}, "name of a rule"},
		{"refuses a newline behind", retention.Policy{Rules: rule(func(r *retention.Rule) { r.Name = "vip\n" })}, "name of a rule"},
		{"refuses a letter of another script", retention.Policy{Rules: rule(func(r *retention.Rule) { r.Name = "víp" })}, "name of a rule"},
		{"refuses a name that another rule has", retention.Policy{Rules: append(keeps(period{Days: 1}), rule(func(*retention.Rule) {})...)}, "no other's"},
		{"refuses a rule for facts", retention.Policy{Rules: keeps(period{}, retention.Fact)}, "kinds of a rule"},
		{"refuses a rule for visits", retention.Policy{Rules: keeps(period{}, retention.Visit)}, "kinds of a rule"},
		{"allows a rule for calls and articles", retention.Policy{Rules: keeps(period{Months: 1}, retention.Call, retention.Article)}, ""},
		{"allows a year of visits", retention.Policy{Shortened: map[retention.Kind]period{retention.Visit: {Months: 12}}}, ""},
		{"refuses more", retention.Policy{Shortened: map[retention.Kind]period{retention.Visit: {Months: 13}}}, "P1Y at most"},
		{"refuses a rule for a kind that does not exist", retention.Policy{Rules: keeps(period{}, retention.Chat, "chats")}, "kinds of a rule"},

		{"allows a rule that keeps longer than its kind", retention.Policy{Shortened: keepsChats(period{Days: 1}), Rules: keeps(period{Months: 3}, retention.Chat)}, ""},
		{"refuses a rule that keeps longer than the plan", retention.Policy{Rules: keeps(period{Months: 4}, retention.Chat)}, "P3M at most"},
		{"refuses a rule for all conversations that keeps chats longer than the plan", retention.Policy{Rules: keeps(period{Months: 4})}, "P3M at most"},
		{"allows it for tickets", retention.Policy{Rules: keeps(period{Months: 4}, retention.Ticket)}, ""},
		{"and for chats in the other plan", retention.Policy{Plan: retention.Enterprise, Rules: keeps(period{Months: 4})}, ""},
		{"refuses a rule under the floor", retention.Policy{Rules: keeps(period{Minutes: 1439})}, "at least P1D"},
		{"allows a rule at the floor", retention.Policy{Rules: keeps(period{Days: 1})}, ""},

		{"allows every cadence", retention.Policy{Cadences: due(retention.Completion), Rules: rule(func(r *retention.Rule) { r.Cadence = retention.Never })}, ""},
		{"allows a cadence of facts", retention.Policy{Cadences: map[retention.Kind]retention.Cadence{retention.Fact: retention.Monthly}}, ""},
		{"refuses a cadence that does not exist", retention.Policy{Cadences: due("weekly")}, "a cadence is"},
		{"refuses an empty one for a kind", retention.Policy{Cadences: due("")}, "a cadence is"},
		{"refuses one in a rule", retention.Policy{Rules: rule(func(r *retention.Rule) { r.Cadence = "weekly" })}, "a cadence is"},
		{"refuses a cadence of a kind that does not exist", retention.Policy{Cadences: map[retention.Kind]retention.Cadence{"chats": retention.Daily}}, "unknown kind"},
		{"refuses not to store a kind that does not exist", retention.Policy{Unstored: unstored("chats")}, "unknown kind"},
		{"allows to store nothing", retention.Policy{Unstored: map[retention.Kind]bool{retention.Chat: true, retention.Ticket: true, retention.Fact: true}}, ""},

		{"allows a deadline of an hour", retention.Policy{Deadline: time.Hour}, ""},
		{"allows a deadline of thirty days", retention.Policy{Deadline: 30 * dayLong}, ""},
		{"refuses one of more", retention.Policy{Deadline: 30*dayLong + time.Minute}, "deadline"},
		{"refuses one of less than an hour, which could be written as none", retention.Policy{Deadline: time.Minute - 1}, "deadline"},
		{"refuses one in the past", retention.Policy{Deadline: -time.Hour}, "deadline"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.policy.Plan == "" {
				tc.policy.Plan = retention.Standard
			}
			err := tc.policy.Check(retention.FloorDay)
			switch {
			case tc.wrong == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case tc.wrong != "" && (!errors.Is(err, retention.ErrPolicy) || !strings.Contains(err.Error(), tc.wrong)):
				t.Errorf("error %v, want %v with %q", err, retention.ErrPolicy, tc.wrong)
			}
		})
	}
	for _, kind := range []retention.Kind{retention.Attachment} {
		t.Run("refuses terms of "+string(kind)+"s, which live as their conversations do", func(t *testing.T) {
			policies := []retention.Policy{
				{Plan: retention.Standard, Shortened: map[retention.Kind]period{kind: {Months: 1}}},
				{Plan: retention.Standard, Cadences: map[retention.Kind]retention.Cadence{kind: retention.Daily}},
				{Plan: retention.Standard, Rules: keeps(period{Months: 1}, kind)},
			}
			not := retention.Policy{Plan: retention.Standard, Unstored: unstored(kind)}
			if err := not.Check(retention.FloorDay); err != nil {
				t.Errorf("none are stored: %v", err)
			}
			for _, p := range policies {
				if err := p.Check(retention.FloorDay); !errors.Is(err, retention.ErrPolicy) {
					t.Errorf("%+v: error %v, want %v", p, err, retention.ErrPolicy)
				}
			}
		})
	}
}

func TestHoldCheck(t *testing.T) {
	records := func(n int) retention.Hold { return retention.Hold{Records: make([]string, n)} }
	for _, tc := range []struct {
		name  string
		hold  retention.Hold
		wrong string
	}{
		{"allows a record", records(1), ""},
		{"allows a hundred records", records(100), ""},
		{"refuses more", records(101), "more than 100"},
		{"allows a mark", retention.Hold{Marks: []retention.Mark{vip}}, ""},
		{"allows a kind", retention.Hold{Kinds: []retention.Kind{retention.Fact}}, ""},
		{"allows a first day", retention.Hold{From: "2026-11-21"}, ""},
		{"allows a last day", retention.Hold{To: "2028-02-29"}, ""},
		{"allows a single day", retention.Hold{From: "2026-11-21", To: "2026-11-21"}, ""},
		{"refuses nothing", retention.Hold{}, "names no record"},
		{"refuses an end alone", retention.Hold{ID: "h", Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}, "names no record"},
		{"refuses reversed days", retention.Hold{From: "2026-11-22", To: "2026-11-21"}, "before the first"},
		{"refuses a kind that does not exist", retention.Hold{Kinds: []retention.Kind{retention.Chat, "chats"}}, "unknown kind"},
		{"refuses a day that no calendar has", retention.Hold{From: "2026-02-30"}, "a day is written"},
		{"refuses a leap day of another year", retention.Hold{To: "2027-02-29"}, "a day is written"},
		{"refuses a day of one digit", retention.Hold{From: "2026-11-1"}, "a day is written"},
		{"refuses an instant", retention.Hold{From: "2026-11-21T00:00:00Z"}, "a day is written"},
		{"refuses a newline behind", retention.Hold{To: "2026-11-21\n"}, "a day is written"},
		{"refuses a year of five digits", retention.Hold{To: "12026-11-21"}, "a day is written"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.hold.Check()
			switch {
			case tc.wrong == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case tc.wrong != "" && (!errors.Is(err, retention.ErrHold) || !strings.Contains(err.Error(), tc.wrong)):
				t.Errorf("error %v, want %v with %q", err, retention.ErrHold, tc.wrong)
			}
		})
	}
}

func TestMarks(t *testing.T) {
	m := retention.MarksOf(sales, vip, sales, spam)
	if diff := cmp.Diff(retention.Marks{vip, spam, sales}, m); diff != "" {
		t.Errorf("in order and each once (-want +got):\n%s", diff)
	}
	if !m.Has(vip) || !m.Has(sales) || m.Has(retention.Mark{4}) || m.Has(retention.Mark{}) || retention.Marks(nil).Has(vip) {
		t.Error("it has others than it was made of")
	}
	back, err := retention.ParseMarks(m.Bytes())
	if diff := cmp.Diff(m, back); diff != "" || err != nil {
		t.Errorf("read back, error %v (-want +got):\n%s", err, diff)
	}
	if _, err := retention.ParseMarks(m.Bytes()[1:]); !errors.Is(err, retention.ErrMarks) {
		t.Errorf("error %v, want %v", err, retention.ErrMarks)
	}
}

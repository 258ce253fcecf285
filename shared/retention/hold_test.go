package retention_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/retention"
)

// A turn is what is done to a policy in force at an instant in 2026, UTC.
type turn struct {
	at string
	do func(f retention.InForce, made map[retention.Kind][]retention.Cohort, swept, now time.Time) retention.InForce
}

func changes(at string, next retention.Policy, wait time.Duration) turn {
	next.Plan = retention.Standard
	return turn{at, func(f retention.InForce, made map[retention.Kind][]retention.Cohort, swept, now time.Time) retention.InForce {
		return f.Change(next, made, swept, now, wait)
	}}
}

func holds(at string, h retention.Hold) turn {
	return turn{at, func(f retention.InForce, made map[retention.Kind][]retention.Cohort, swept, now time.Time) retention.InForce {
		return f.Hold(h, made, swept, now)
	}}
}

func releases(at, id string) turn {
	return turn{at, func(f retention.InForce, _ map[retention.Kind][]retention.Cohort, _, now time.Time) retention.InForce {
		return f.Expire(now).Release(id)
	}}
}

// after is what is in force at an instant.
func after(t *testing.T, f retention.InForce, turns []turn, made map[retention.Kind][]retention.Cohort, swept, now time.Time) retention.InForce {
	t.Helper()
	for _, turn := range turns {
		if at := instant(t, turn.at); !at.After(now) {
			f = turn.do(f, made, swept, at)
		}
	}
	return f
}

func itemState(f retention.InForce, it retention.Item, now time.Time) string {
	switch ended := !now.Before(f.Ends(it).At); {
	case f.Destroys(it, now) && !f.Hidden(it, now):
		return "destroyed while it can be read"
	case f.Destroys(it, now):
		return "destroyed"
	case f.Hidden(it, now):
		return "waiting"
	case ended && f.Held(it, now):
		return "held"
	case ended:
		return "readable after its end"
	}
	return "readable"
}

// statesOf runs the turns up to each instant of want, with and without the cohort among those that are made.
func statesOf(t *testing.T, begins retention.Policy, turns []turn, it retention.Item, want map[string]string) {
	t.Helper()
	begins.Plan = retention.Standard
	for _, made := range []map[retention.Kind][]retention.Cohort{nil, {it.Kind: {it.Cohort}}} {
		got := map[string]string{}
		for at := range want {
			now := instant(t, at)
			f := after(t, retention.InForce{Policy: begins, Zone: time.UTC}, turns, made, time.Time{}, now)
			got[at] = itemState(f, it, now)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("a cohort that is made: %t (-want +got):\n%s", made != nil, diff)
		}
	}
}

func TestHolds(t *testing.T) {
	byRecord := retention.Hold{ID: "a", Records: []string{"x", "r"}}
	b := retention.Hold{ID: "b", Records: []string{"r"}}
	until := retention.Hold{ID: "a", Records: []string{"r"}, Until: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)}
	month, week := retention.Policy{Shortened: keepsChats(period{Months: 1})}, retention.Policy{Shortened: keepsChats(period{Days: 7})}
	spamWeek := retention.Policy{Shortened: keepsChats(period{Months: 1}), Rules: []retention.Rule{{Name: "vip", Mark: vip, Keeps: period{Days: 7}}}}
	// The chat of a vip of 21 October ends, where it is kept for a month, at the beginning of 22 November.
	for _, tc := range []struct {
		name   string
		begins retention.Policy
		turns  []turn
		want   map[string]string
	}{
		{"a hold keeps beyond the end, and release makes it destroyable at once", month, []turn{holds("11-21 12:00", byRecord), releases("11-25 12:00", "a")},
			map[string]string{"11-21 23:59": "readable", "11-22 00:00": "held", "11-25 11:59": "held", "11-25 12:00": "destroyed", "12-31 00:00": "destroyed"}},
		{"the release of another does not", month, []turn{holds("11-21 12:00", byRecord), releases("11-25 12:00", "b")},
			map[string]string{"11-25 12:00": "held"}},
		{"a hold that ends by itself", month, []turn{holds("11-21 12:00", until)},
			map[string]string{"11-22 00:00": "held", "11-29 23:59": "held", "11-30 00:00": "destroyed"}},
		{"a hold comes too late for what is over, whether it was purged or not", month, []turn{holds("11-22 00:00", byRecord)},
			map[string]string{"11-22 00:00": "destroyed", "11-25 12:00": "destroyed"}},
		{"and for what a rule has ended", spamWeek, []turn{holds("11-01 12:00", byRecord)},
			map[string]string{"11-01 12:00": "destroyed"}},
		{"a second one is too late as well", month, []turn{holds("11-22 00:00", byRecord), holds("11-23 00:00", b), releases("11-24 00:00", "a")},
			map[string]string{"11-23 00:00": "destroyed", "11-24 00:00": "destroyed"}},
		{"and a longer policy brings nothing back to hold", month, []turn{holds("11-22 00:00", byRecord), changes("11-23 00:00", retention.Policy{}, 0), holds("11-24 00:00", b)},
			map[string]string{"11-23 00:00": "destroyed", "11-24 00:00": "destroyed"}},
		{"a second hold that is set while the first keeps it keeps it after the first's release", month, []turn{holds("11-21 12:00", byRecord), holds("11-25 12:00", b), releases("11-26 12:00", "a"), releases("11-27 12:00", "b")},
			map[string]string{"11-25 12:00": "held", "11-26 12:00": "held", "11-27 11:59": "held", "11-27 12:00": "destroyed"}},
		{"a second hold after the first's release does not", month, []turn{holds("11-21 12:00", byRecord), releases("11-25 12:00", "a"), holds("11-25 12:01", b)},
			map[string]string{"11-25 12:00": "destroyed", "11-25 12:01": "destroyed"}},
		{"nor after the first has ended by itself", month, []turn{holds("11-21 12:00", until), holds("11-30 00:00", b)},
			map[string]string{"11-29 23:59": "held", "11-30 00:00": "destroyed"}},
		{"what waits for its destruction can be held, and is to be read again", retention.Policy{}, []turn{changes("11-21 12:00", week, dayLong), holds("11-22 11:59", byRecord)},
			map[string]string{"11-22 11:58": "waiting", "11-22 11:59": "held", "11-22 12:00": "held"}},
		{"and not after the wait", retention.Policy{}, []turn{changes("11-21 12:00", week, dayLong), holds("11-22 12:00", byRecord)},
			map[string]string{"11-22 11:59": "waiting", "11-22 12:00": "destroyed"}},
		{"released within the wait it waits on", retention.Policy{}, []turn{changes("11-21 12:00", week, dayLong), holds("11-21 13:00", byRecord), releases("11-21 14:00", "a")},
			map[string]string{"11-21 13:00": "held", "11-21 14:00": "waiting", "11-22 11:59": "waiting", "11-22 12:00": "destroyed"}},
		{"a policy that is made longer while it is held keeps it after the release", month, []turn{holds("11-21 12:00", byRecord), changes("11-25 12:00", retention.Policy{}, dayLong), releases("11-26 12:00", "a")},
			map[string]string{"11-25 11:59": "held", "11-25 12:00": "readable", "11-26 12:00": "readable", "12-31 12:00": "readable"}},
		{"and one that is made longer after the release does not", month, []turn{holds("11-21 12:00", byRecord), releases("11-25 12:00", "a"), changes("11-26 12:00", retention.Policy{}, dayLong)},
			map[string]string{"11-25 12:00": "destroyed", "11-26 12:00": "destroyed", "12-31 12:00": "destroyed"}},
		{"shortened while it is held and made longer again it has lost nothing", retention.Policy{}, []turn{holds("11-21 12:00", byRecord), changes("11-22 12:00", week, 0), changes("11-24 12:00", retention.Policy{}, 0), releases("11-25 12:00", "a")},
			map[string]string{"11-22 12:00": "held", "11-24 12:00": "readable", "11-25 12:00": "readable"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			statesOf(t, tc.begins, tc.turns, item(retention.Chat, time.Date(2026, 10, 21, 14, 5, 0, 0, time.UTC), vip), tc.want)
		})
	}
}

func TestWhatAHoldMatches(t *testing.T) {
	chat, fact := item(retention.Chat, instant(t, "10-21 14:05"), vip, sales), retention.CohortOf(instant(t, "10-21 14:05"), threeMonths, time.UTC)
	for _, tc := range []struct {
		name       string
		hold       retention.Hold
		chat, fact bool
	}{
		{"its record", retention.Hold{Records: []string{"r"}}, true, false},
		{"another's record", retention.Hold{Records: []string{"x"}}, false, false},
		{"its mark", retention.Hold{Marks: []retention.Mark{sales}}, true, false},
		{"a mark that it has not", retention.Hold{Marks: []retention.Mark{spam}}, false, false},
		{"all of its marks", retention.Hold{Marks: []retention.Mark{sales, vip}}, true, false},
		{"a mark that it has and one that it has not", retention.Hold{Marks: []retention.Mark{vip, spam}}, false, false},
		{"its record with a mark that it has not", retention.Hold{Records: []string{"r"}, Marks: []retention.Mark{spam}}, false, false},
		{"chats", retention.Hold{Kinds: []retention.Kind{retention.Chat}}, true, false},
		{"facts", retention.Hold{Kinds: []retention.Kind{retention.Fact}}, false, true},
		{"facts of a mark, which they have not", retention.Hold{Kinds: []retention.Kind{retention.Fact}, Marks: []retention.Mark{vip}}, false, false},
		{"tickets", retention.Hold{Kinds: []retention.Kind{retention.Ticket}}, false, false},
		{"from its day on", retention.Hold{From: "2026-10-21"}, true, true},
		{"from the next day on", retention.Hold{From: "2026-10-22"}, false, false},
		{"to its day", retention.Hold{To: "2026-10-21"}, true, true},
		{"to the day before", retention.Hold{To: "2026-10-20"}, false, false},
		{"chats of its day", retention.Hold{Kinds: []retention.Kind{retention.Chat}, From: "2026-10-21", To: "2026-10-21"}, true, false},
		{"a hold that has not ended", retention.Hold{From: "2026-10-21", Until: instant(t, "12-01 00:01")}, true, true},
		{"a hold that has ended", retention.Hold{From: "2026-10-21", Until: instant(t, "12-01 00:00")}, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			day := map[retention.Kind]period{retention.Chat: {Months: 1}, retention.Fact: {Months: 1}}
			f := retention.InForce{Policy: retention.Policy{Plan: retention.Standard, Shortened: day}, Zone: time.UTC}
			f, now := f.Hold(tc.hold, nil, time.Time{}, instant(t, "11-01 00:00")), instant(t, "12-01 00:00")
			facts := retention.OfDay(retention.Fact, fact, time.UTC)
			want := map[string]bool{"chat": tc.chat, "fact": tc.fact, "cohort of facts": tc.fact, "facts can be read": tc.fact, "chat can be read": tc.chat}
			got := map[string]bool{
				"chat": f.Held(chat, now), "fact": f.Held(facts, now), "cohort of facts": f.MayHold(retention.Fact, fact, now),
				"facts can be read": !f.CohortHidden(retention.Fact, fact, now), "chat can be read": !f.Hidden(chat, now),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("held (-want +got):\n%s", diff)
			}
			if tc.chat && (!f.MayHold(retention.Chat, chat.Cohort, now) || f.CohortHidden(retention.Chat, chat.Cohort, now)) {
				t.Error("its cohort does not say so")
			}
		})
	}
}

func TestClosingWaitsForHolds(t *testing.T) {
	chat, closes := item(retention.Chat, instant(t, "11-21 14:05")), instant(t, "12-01 00:00")
	for _, tc := range []struct {
		name  string
		turns []turn
		want  map[string]string
	}{
		{"without a hold everything is over", nil, map[string]string{"11-30 23:59": "readable", "12-01 00:00": "destroyed"}},
		{"a hold on anything keeps the account open", []turn{holds("11-30 00:00", retention.Hold{ID: "a", Kinds: []retention.Kind{retention.Fact}}), releases("12-03 00:00", "a")},
			map[string]string{"12-01 00:00": "readable", "12-02 23:59": "readable", "12-03 00:00": "destroyed"}},
		{"until it ends by itself", []turn{holds("11-30 00:00", retention.Hold{ID: "a", From: "2026-01-01", Until: time.Date(2026, 12, 5, 0, 0, 0, 0, time.UTC)})},
			map[string]string{"12-04 23:59": "readable", "12-05 00:00": "destroyed"}},
		{"of two the last", []turn{holds("11-30 00:00", retention.Hold{ID: "a", From: "2026-01-01"}), holds("12-02 00:00", retention.Hold{ID: "b", From: "2026-01-01"}), releases("12-03 00:00", "a"), releases("12-04 00:00", "b")},
			map[string]string{"12-03 23:59": "readable", "12-04 00:00": "destroyed"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := map[string]string{}
			for at := range tc.want {
				f := retention.InForce{Policy: retention.Policy{Plan: retention.Standard}, Zone: time.UTC, Closes: closes}
				f = after(t, f, tc.turns, nil, time.Time{}, instant(t, at))
				if got[at] = itemState(f, chat, instant(t, at)); f.Closed(instant(t, at)) != f.CohortDestroyed(retention.Chat, chat.Cohort, instant(t, at)) {
					t.Errorf("%s: closed: %t", at, f.Closed(instant(t, at)))
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
		})
	}
}

// A newer day of facts is over for good, an older one was held until a policy came that keeps it: it is not gone with the newer.
func TestWhatWasHeldIsNotGoneWithWhatIsNewer(t *testing.T) {
	facts := func(p period) retention.Policy {
		return retention.Policy{Shortened: map[retention.Kind]period{retention.Fact: p}}
	}
	of := func(at string) retention.Item {
		return retention.OfDay(retention.Fact, retention.CohortOf(instant(t, at), threeMonths, time.UTC), time.UTC)
	}
	older, newer := of("11-01 12:00"), of("11-10 12:00")
	made := map[retention.Kind][]retention.Cohort{retention.Fact: {newer.Cohort, older.Cohort}}
	begins := facts(period{Days: 1})
	begins.Plan = retention.Standard
	turns := []turn{
		holds("11-02 12:00", retention.Hold{ID: "a", To: "2026-11-05"}),
		changes("11-20 12:00", facts(period{Months: 6}), 0),
		releases("11-21 12:00", "a"),
		changes("11-22 12:00", facts(period{Months: 7}), 0),
	}
	f, now := after(t, retention.InForce{Policy: begins, Zone: time.UTC}, turns, made, time.Time{}, instant(t, "11-23 00:00")), instant(t, "11-23 00:00")
	got := []string{itemState(f, older, now), itemState(f, newer, now)}
	if diff := cmp.Diff([]string{"readable", "destroyed"}, got); diff != "" {
		t.Errorf("older and newer (-want +got):\n%s", diff)
	}
}

// Each of a hundred holds takes over from the one before: what is asked of a record must not double with each.
func TestAChainOfHoldsIsReadAtOnce(t *testing.T) {
	f := retention.InForce{Policy: retention.Policy{Plan: retention.Standard, Shortened: keepsChats(period{Days: 7})}, Zone: time.UTC}
	f = f.Hold(retention.Hold{ID: "-1", Records: []string{"r"}}, nil, time.Time{}, instant(t, "11-02 00:00"))
	chat, at := item(retention.Chat, instant(t, "11-01 14:05")), instant(t, "11-10 00:00")
	for i := range 100 {
		at = at.Add(time.Hour)
		f = f.Hold(retention.Hold{ID: fmt.Sprint(i), Records: []string{"r"}}, nil, time.Time{}, at).Release(fmt.Sprint(i - 1))
	}
	if later := at.AddDate(1, 0, 0); itemState(f, chat, later) != "held" || itemState(f.Release("99"), chat, later) != "destroyed" {
		t.Errorf("it is %s, and after the release %s", itemState(f, chat, later), itemState(f.Release("99"), chat, later))
	}
}

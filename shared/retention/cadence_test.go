package retention_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/retention"
)

func TestDue(t *testing.T) {
	for _, tc := range []struct {
		name    string
		cadence retention.Cadence
		zone    string
		at      string
		want    string // empty: nothing goes early
	}{
		{"never is never", retention.Never, "UTC", "2026-11-21T14:05:00Z", ""},
		{"no cadence is never", "", "UTC", "2026-11-21T14:05:00Z", ""},
		{"completion is at once", retention.Completion, "Europe/Berlin", "2026-11-21T14:05:01.5Z", "2026-11-21T14:05:01.5Z"},

		{"an hour ends at the next", retention.Hourly, "UTC", "2026-11-21T14:05:00Z", "2026-11-21T15:00:00Z"},
		{"its first instant has a whole one before it", retention.Hourly, "UTC", "2026-11-21T14:00:00Z", "2026-11-21T15:00:00Z"},
		{"its last nanosecond has the next", retention.Hourly, "UTC", "2026-11-21T14:59:59.999999999Z", "2026-11-21T15:00:00Z"},
		{"an hour of a zone of half hours", retention.Hourly, "Asia/Kolkata", "2026-11-21T14:05:00Z", "2026-11-21T14:30:00Z"},
		{"an hour of a zone of quarters", retention.Hourly, "Asia/Kathmandu", "2026-11-21T14:15:00Z", "2026-11-21T15:15:00Z"},
		{"the hour before spring", retention.Hourly, "Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"},
		{"the first of two hours of autumn", retention.Hourly, "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"},
		{"the second of them", retention.Hourly, "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"},
		{"the hour that begins late by half an hour begins with the change", retention.Hourly, "Australia/Lord_Howe", "2026-10-03T15:15:00Z", "2026-10-03T15:30:00Z"},
		{"and lasts for half an hour", retention.Hourly, "Australia/Lord_Howe", "2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z"},
		{"the hour that is set back by half has a turn where the clock struck", retention.Hourly, "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-04T15:00:00Z"},
		{"and another where it strikes again", retention.Hourly, "Australia/Lord_Howe", "2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z"},
		{"a clock that is put from half past to the full hour strikes then", retention.Hourly, "America/Caracas", "2016-05-01T06:40:00Z", "2016-05-01T07:00:00Z"},
		{"and an hour later", retention.Hourly, "America/Caracas", "2016-05-01T07:00:00Z", "2016-05-01T08:00:00Z"},
		{"so does one in Pyongyang", retention.Hourly, "Asia/Pyongyang", "2018-05-04T14:40:00Z", "2018-05-04T15:00:00Z"},
		{"an hour that begins a minute late", retention.Hourly, "America/St_Johns", "2011-03-13T03:30:30Z", "2011-03-13T03:31:00Z"},

		{"a day ends at midnight", retention.Daily, "UTC", "2026-11-21T14:05:00Z", "2026-11-22T00:00:00Z"},
		{"midnight has a whole day before it", retention.Daily, "UTC", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"},
		{"a day of the account, not of UTC", retention.Daily, "Asia/Tokyo", "2026-11-21T15:00:00Z", "2026-11-22T15:00:00Z"},
		{"a day of 23 hours", retention.Daily, "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"a day of 25 hours", retention.Daily, "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"a day that ends where the next begins at one o'clock", retention.Daily, "America/Sao_Paulo", "2018-11-04T02:59:59Z", "2018-11-04T03:00:00Z"},
		{"the first of two midnights ends the day", retention.Daily, "Atlantic/Azores", "2026-10-24T23:59:59Z", "2026-10-25T00:00:00Z"},
		{"between them it is the new day already", retention.Daily, "Atlantic/Azores", "2026-10-25T00:30:00Z", "2026-10-26T01:00:00Z"},
		{"a day that was left out has no turn", retention.Daily, "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-30T10:00:00Z"},
		{"and the day after it one", retention.Daily, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
		{"a day of 23.5 hours", retention.Daily, "Australia/Lord_Howe", "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z"},

		{"a month ends on the first", retention.Monthly, "UTC", "2026-11-21T14:05:00Z", "2026-12-01T00:00:00Z"},
		{"the first has a whole month before it", retention.Monthly, "UTC", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"},
		{"December ends with the year", retention.Monthly, "UTC", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"},
		{"31 January has February next", retention.Monthly, "UTC", "2026-01-31T12:00:00Z", "2026-02-01T00:00:00Z"},
		{"a leap day is of February", retention.Monthly, "UTC", "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z"},
		{"a month of the account, not of UTC", retention.Monthly, "America/New_York", "2026-11-01T03:59:59Z", "2026-11-01T04:00:00Z"},
		{"and from summer into winter", retention.Monthly, "America/New_York", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z"},
		{"a month of which the last day but one was left out", retention.Monthly, "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-31T10:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339Nano, tc.at)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if due, ok := tc.cadence.Due(at, load(t, tc.zone)); ok {
				got = due.UTC().Format(time.RFC3339Nano)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("due (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTurns walks through four years in steps of ten minutes: the turns of a cadence cut time into pieces, one for each day or
// month that the zone has, and everything that completed in a piece is due at its end.
func TestTurns(t *testing.T) {
	for _, tc := range []struct {
		zone string
		from int
	}{
		{"UTC", 2025}, {"Europe/Berlin", 2025}, {"America/New_York", 2025}, {"America/Sao_Paulo", 2015}, {"Atlantic/Azores", 2025},
		{"Pacific/Apia", 2009}, {"Australia/Lord_Howe", 2025}, {"America/Caracas", 2014}, {"Asia/Pyongyang", 2015},
		{"America/St_Johns", 2008}, {"Africa/Cairo", 2025}, {"America/Havana", 2025},
	} {
		t.Run(tc.zone, func(t *testing.T) {
			t.Parallel()
			zone := load(t, tc.zone)
			from, to := time.Date(tc.from, 1, 1, 0, 0, 0, 0, zone), time.Date(tc.from+4, 1, 1, 0, 0, 0, 0, zone)
			turns := map[retention.Cadence][]time.Time{}
			days, months := map[string]bool{}, map[string]bool{}
			for at := from; at.Before(to); at = at.Add(10 * time.Minute) {
				days[at.Format(time.DateOnly)], months[at.Format("2006-01")] = true, true
				for _, cadence := range []retention.Cadence{retention.Hourly, retention.Daily, retention.Monthly} {
					due, ok := cadence.Due(at, zone)
					last := from
					if n := len(turns[cadence]); n > 0 {
						last = turns[cadence][n-1]
					}
					switch {
					case !ok || !due.After(at) || due.Before(last):
						t.Fatalf("%s: what completed at %s is due at %s, after a turn at %s", cadence, at, due, last)
					case due.After(last):
						if at.Before(last) {
							t.Fatalf("%s: what completed at %s is due at %s, past the turn at %s", cadence, at, due, last)
						}
						turns[cadence] = append(turns[cadence], due)
						// The last and the first nanosecond of a turn.
						if before, _ := cadence.Due(due.Add(-1), zone); !before.Equal(due) {
							t.Fatalf("%s: just before the turn at %s what completes is due at %s", cadence, due, before)
						}
						if after, _ := cadence.Due(due, zone); !after.After(due) {
							t.Fatalf("%s: at the turn at %s what completes is due at %s", cadence, due, after)
						}
					}
				}
			}
			if got := len(turns[retention.Daily]); got != len(days) {
				t.Errorf("%d days have %d turns", len(days), got)
			}
			if got := len(turns[retention.Monthly]); got != len(months) {
				t.Errorf("%d months have %d turns", len(months), got)
			}
			ended := map[string]bool{} // each turn ends another day, which is the day of the instant before it
			for _, turn := range turns[retention.Daily] {
				day := retention.CohortOf(turn.Add(-1), threeMonths, zone)
				if ended[day.ID] = true; !day.End.Equal(turn) || !days[day.ID] {
					t.Errorf("the turn at %s is in the day %s", turn, day.ID)
				}
			}
			if diff := cmp.Diff(days, ended); diff != "" {
				t.Errorf("days that end with a turn (-want +got):\n%s", diff)
			}
			for _, turn := range turns[retention.Monthly] {
				if day := retention.CohortOf(turn, threeMonths, zone); !day.Start.Equal(turn) || day.ID[8:] != "01" {
					t.Errorf("the month turns at %s, on the day %s", turn, day.ID)
				}
			}
			checkHours(t, from, turns[retention.Hourly])
		})
	}
}

// checkHours says that hours are an hour at most, and that each begins where the clock strikes. Where the clock is put by half an
// hour, or not at a full hour, it may strike at the change, or skip the stroke: that hour begins with the change, and is shorter.
func checkHours(t *testing.T, last time.Time, turns []time.Time) {
	for _, turn := range turns {
		begins, _ := turn.ZoneBounds()
		if turn.Minute() != 0 && !begins.Equal(turn) || turn.Second() != 0 {
			t.Errorf("an hour begins at %s", turn)
		}
		if length := turn.Sub(last); length > time.Hour || length < time.Hour && !begins.Equal(turn) && !begins.Equal(last) {
			t.Errorf("the hour from %s to %s has %s", last, turn, length)
		}
		last = turn
	}
}

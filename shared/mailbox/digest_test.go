package mailbox_test

import (
	"testing"
	"time"

	"github.com/supportvault/supportvault/shared/mailbox"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestPeriodOf(t *testing.T) {
	for _, tc := range []struct {
		name, zone, at string
		when           mailbox.When
		from, to       string
	}{
		{"an hour", "UTC", "2026-11-21T12:30:00Z", mailbox.Hourly, "2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z"},
		{"an hour from its first instant", "UTC", "2026-11-21T13:00:00Z", mailbox.Hourly, "2026-11-21T13:00:00Z", "2026-11-21T14:00:00Z"},
		{"an hour is one of UTC in a zone of half hours too", "Asia/Kolkata", "2026-11-21T12:30:00Z", mailbox.Hourly, "2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z"},
		{"a day", "Europe/Berlin", "2026-11-21T12:00:00Z", mailbox.Daily, "2026-11-20T23:00:00Z", "2026-11-21T23:00:00Z"},
		{"a day from its first instant", "Europe/Berlin", "2026-11-21T23:00:00Z", mailbox.Daily, "2026-11-21T23:00:00Z", "2026-11-22T23:00:00Z"},
		{"a day of 25 hours", "Europe/Berlin", "2026-10-25T12:00:00Z", mailbox.Daily, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"a day of 23 hours", "Europe/Berlin", "2027-03-28T12:00:00Z", mailbox.Daily, "2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z"},
		{"a day without its midnight", "America/Sao_Paulo", "2018-11-04T12:00:00Z", mailbox.Daily, "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
		{"a week", "Europe/Berlin", "2026-11-21T12:00:00Z", mailbox.Weekly, "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z"},
		{"a week on its Monday", "Europe/Berlin", "2026-11-15T23:00:00Z", mailbox.Weekly, "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z"},
		{"a week on its Sunday", "Europe/Berlin", "2026-11-15T22:59:59Z", mailbox.Weekly, "2026-11-08T23:00:00Z", "2026-11-15T23:00:00Z"},
		{"a week that is an hour longer", "Europe/Berlin", "2026-10-20T12:00:00Z", mailbox.Weekly, "2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"a week that is an hour shorter", "Europe/Berlin", "2027-03-28T21:00:00Z", mailbox.Weekly, "2027-03-21T23:00:00Z", "2027-03-28T22:00:00Z"},
		{"a week over the end of a year", "UTC", "2027-01-01T00:00:00Z", mailbox.Weekly, "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"},
		{"a week that lacks its Friday", "Pacific/Apia", "2011-12-29T12:00:00Z", mailbox.Weekly, "2011-12-26T10:00:00Z", "2012-01-01T10:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, tc.at)
			if err != nil {
				t.Fatal(err)
			}
			p := mailbox.PeriodOf(at, tc.when, zone(t, tc.zone))
			if from, to := p.From.UTC().Format(time.RFC3339), p.To.UTC().Format(time.RFC3339); from != tc.from || to != tc.to {
				t.Errorf("from %s to %s, want %s to %s", from, to, tc.from, tc.to)
			}
		})
	}
}

// Periods follow each other without a gap, whatever the clocks do.
func TestPeriodsLeaveNoGap(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "Atlantic/Azores", "Pacific/Apia", "Asia/Kolkata", "Australia/Lord_Howe"} {
		z := zone(t, name)
		for _, when := range []mailbox.When{mailbox.Hourly, mailbox.Daily, mailbox.Weekly} {
			for _, start := range []time.Time{time.Date(2011, 12, 20, 0, 0, 0, 0, time.UTC), time.Date(2018, 10, 28, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)} {
				p := mailbox.PeriodOf(start, when, z)
				for range 60 {
					next := mailbox.PeriodOf(p.To, when, z)
					if !next.From.Equal(p.To) || !next.To.After(next.From) {
						t.Fatalf("%s, %s: after %v–%v comes %v–%v", name, when, p.From, p.To, next.From, next.To)
					}
					for _, at := range []time.Time{next.From, next.To.Add(-time.Nanosecond)} {
						if got := mailbox.PeriodOf(at, when, z); got != next {
							t.Fatalf("%s, %s: %v is in %v–%v, not in %v–%v", name, when, at, got.From, got.To, next.From, next.To)
						}
					}
					p = next
				}
			}
		}
	}
}

func TestPeriodFor(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name         string
		settled, now time.Time
		from         time.Time
	}{
		{"at once", noon.Add(30 * time.Minute), noon.Add(30 * time.Minute), noon},
		{"a little after the period's end", noon.Add(30 * time.Minute), noon.Add(time.Hour + mailbox.Late), noon},
		{"too late for it", noon.Add(30 * time.Minute), noon.Add(time.Hour + mailbox.Late + time.Millisecond), noon.Add(time.Hour)},
		{"days later", noon, noon.Add(49 * time.Hour), noon.Add(49 * time.Hour)},
		{"before it settled, by another clock", noon.Add(time.Hour), noon.Add(time.Hour - time.Second), noon.Add(time.Hour)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := mailbox.PeriodFor(tc.settled, tc.now, mailbox.Hourly, time.UTC); !got.From.Equal(tc.from) {
				t.Errorf("from %v, want %v", got.From, tc.from)
			}
		})
	}
	// What the digests lean on: nobody puts anything into one that may have been begun.
	const run = time.Minute
	if mailbox.Late+run >= mailbox.Grace {
		t.Error("a digest may be begun while something is put into it")
	}
}

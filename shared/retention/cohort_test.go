package retention_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/retention"
)

// zones have every oddity that clocks are known to have: midnight skipped or twice, half hours, shifts of half an hour,
// dates left out, the clocks put back over midnight.
var zones = []string{
	"UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/Los_Angeles", "America/Sao_Paulo",
	"Africa/Cairo", "Africa/Casablanca", "Atlantic/Azores", "America/Havana", "America/Asuncion", "America/Santiago",
	"America/St_Johns", "America/Nuuk", "America/Scoresbysund", "Asia/Amman", "Asia/Beirut", "Asia/Gaza", "Asia/Tehran",
	"Asia/Kathmandu", "Asia/Kolkata", "Asia/Tokyo", "Asia/Pyongyang", "Asia/Manila", "Australia/Lord_Howe", "Australia/Adelaide",
	"Antarctica/Troll", "Pacific/Apia", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Easter", "Pacific/Kiritimati",
	"Pacific/Kwajalein", "Pacific/Pago_Pago", "Etc/GMT+12", "Etc/GMT-14",
}

var threeMonths = period{Months: 3}

func load(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// wallClock is a period after an instant, counted on the calendar without time's own arithmetic of months.
func wallClock(from time.Time, p period) time.Time {
	y, m, d := from.Date()
	months := int(m) - 1 + p.Months
	y, m = y+months/12, time.Month(months%12+1)
	length := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[m-1]
	if m == time.February && (y%4 == 0 && y%100 != 0 || y%400 == 0) {
		length = 29
	}
	h, mi, s := from.Clock()
	return time.Date(y, m, min(d, length)+p.Days, h, mi, s, from.Nanosecond(), from.Location()).Add(time.Duration(p.Minutes) * time.Minute)
}

func TestCohortOfADay(t *testing.T) {
	for _, tc := range []struct {
		name, zone, anchor, id, start, end string
		hours                              float64
	}{
		{"a day in UTC", "UTC", "2026-11-21T14:05:00Z", "2026-11-21", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", 24},
		{"the first instant belongs to the day", "UTC", "2026-11-21T00:00:00Z", "2026-11-21", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", 24},
		{"the last nanosecond belongs to the day", "UTC", "2026-11-21T23:59:59.999999999Z", "2026-11-21", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", 24},
		{"an evening in UTC is the next day in Tokyo", "Asia/Tokyo", "2026-11-21T15:00:00Z", "2026-11-22", "2026-11-22T00:00:00+09:00", "2026-11-23T00:00:00+09:00", 24},
		{"a morning in UTC is the day before in Los Angeles", "America/Los_Angeles", "2026-11-21T07:59:59Z", "2026-11-20", "2026-11-20T00:00:00-08:00", "2026-11-21T00:00:00-08:00", 24},
		{"a zone of three quarters of an hour", "Asia/Kathmandu", "2026-11-21T18:15:00Z", "2026-11-22", "2026-11-22T00:00:00+05:45", "2026-11-23T00:00:00+05:45", 24},
		{"spring in Berlin has 23 hours", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-29", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", 23},
		{"autumn in Berlin has 25 hours", "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-25", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", 25},
		{"spring in New York has 23 hours", "America/New_York", "2026-03-08T12:00:00Z", "2026-03-08", "2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00", 23},
		{"autumn in New York has 25 hours", "America/New_York", "2026-11-01T12:00:00Z", "2026-11-01", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00", 25},
		{"Lord Howe shifts by half an hour", "Australia/Lord_Howe", "2026-10-04T02:00:00Z", "2026-10-04", "2026-10-04T00:00:00+10:30", "2026-10-05T00:00:00+11:00", 23.5},
		{"São Paulo once began a day at one o'clock", "America/Sao_Paulo", "2017-10-15T15:00:00Z", "2017-10-15", "2017-10-15T01:00:00-02:00", "2017-10-16T00:00:00-02:00", 23},
		{"the day before that one ends where it begins", "America/Sao_Paulo", "2017-10-15T02:59:59Z", "2017-10-14", "2017-10-14T00:00:00-03:00", "2017-10-15T01:00:00-02:00", 24},
		{"São Paulo had the last hour of a day twice", "America/Sao_Paulo", "2018-02-18T02:30:00Z", "2018-02-17", "2018-02-17T00:00:00-02:00", "2018-02-18T00:00:00-03:00", 25},
		{"Cairo begins a day at one o'clock", "Africa/Cairo", "2026-04-24T10:00:00Z", "2026-04-24", "2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00", 23},
		{"Cairo has the last hour of a day twice", "Africa/Cairo", "2026-10-29T21:30:00Z", "2026-10-29", "2026-10-29T00:00:00+03:00", "2026-10-30T00:00:00+02:00", 25},
		{"the Azores begin a day at one o'clock", "Atlantic/Azores", "2026-03-29T12:00:00Z", "2026-03-29", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z", 23},
		{"the Azores have the first hour of a day twice, and it begins with the first", "Atlantic/Azores", "2026-10-25T00:30:00Z", "2026-10-25", "2026-10-25T00:00:00Z", "2026-10-26T00:00:00-01:00", 25},
		{"Havana has the first hour of a day twice, and it begins with the first", "America/Havana", "2026-11-01T05:30:00Z", "2026-11-01", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00", 25},
		{"Samoa had no 30 December 2011", "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29", "2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00", 24},
		{"and after it came the 31st", "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31", "2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00", 24},
	} {
		t.Run(tc.name, func(t *testing.T) {
			anchor, err := time.Parse(time.RFC3339Nano, tc.anchor)
			if err != nil {
				t.Fatal(err)
			}
			c := retention.CohortOf(anchor, threeMonths, load(t, tc.zone))
			want := []string{tc.id, tc.start, tc.end}
			if diff := cmp.Diff(want, []string{c.ID, c.Start.Format(time.RFC3339), c.End.Format(time.RFC3339)}); diff != "" {
				t.Errorf("id, start and end (-want +got):\n%s", diff)
			}
			if got := c.End.Sub(c.Start).Hours(); got != tc.hours {
				t.Errorf("it has %v hours, want %v", got, tc.hours)
			}
		})
	}
}

// TestCohortsTileTime shows for random instants and zones that every instant is in exactly one cohort.
func TestCohortsTileTime(t *testing.T) {
	const seed = 2026_11_21
	r := rand.New(rand.NewPCG(seed, 1))
	first, last := time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func() time.Time { return first.Add(time.Duration(r.Int64N(int64(last.Sub(first))))) }
	for _, name := range zones {
		zone := load(t, name)
		instants := []time.Time{}
		for range 60 {
			anchor := at()
			instants = append(instants, anchor)
			// Near where the clocks change, where all the mistakes are.
			if _, end := anchor.In(zone).ZoneBounds(); !end.IsZero() {
				instants = append(instants, end, end.Add(-1), end.Add(time.Duration(r.Int64N(int64(4*time.Hour)))-2*time.Hour))
			}
		}
		for _, anchor := range instants {
			for _, keeps := range []period{threeMonths, {Minutes: 2}} {
				checkTiles(t, anchor, keeps, zone)
			}
			if t.Failed() {
				t.Fatalf("seed %d, zone %s, anchor %s", seed, name, anchor)
			}
		}
	}
}

func checkTiles(t *testing.T, anchor time.Time, keeps period, zone *time.Location) {
	t.Helper()
	of := func(at time.Time) retention.Cohort { return retention.CohortOf(at, keeps, zone) }
	c := of(anchor)
	if anchor.Before(c.Start) || !anchor.Before(c.End) {
		t.Errorf("cohort %v does not contain its anchor", c)
	}
	for _, same := range []time.Time{c.Start, c.End.Add(-1)} {
		if other := of(same); other.ID != c.ID || !other.Start.Equal(c.Start) || !other.End.Equal(c.End) {
			t.Errorf("%s of cohort %v is of %v", same, c, other)
		}
	}
	next, before := of(c.End), of(c.Start.Add(-1))
	if !next.Start.Equal(c.End) || next.ID <= c.ID {
		t.Errorf("after %v comes %v", c, next)
	}
	if !before.End.Equal(c.Start) || before.ID >= c.ID {
		t.Errorf("before %v comes %v", c, before)
	}
}

func TestCohortExpires(t *testing.T) {
	for _, tc := range []struct {
		name, zone, anchor, keeps, want string
	}{
		{"30 November and three months is the end of 28 February", "UTC", "2026-11-30T14:05:00Z", "P3M", "2027-03-01T00:00:00Z"},
		{"in a leap year the end of 29 February", "UTC", "2027-11-30T14:05:00Z", "P3M", "2028-03-01T00:00:00Z"},
		{"29 November as well, in a leap year", "UTC", "2027-11-29T14:05:00Z", "P3M", "2028-03-01T00:00:00Z"},
		{"28 November is a day earlier then", "UTC", "2027-11-28T14:05:00Z", "P3M", "2028-02-29T00:00:00Z"},
		{"1 December and three months is the end of 1 March", "UTC", "2026-12-01T00:00:00Z", "P3M", "2027-03-02T00:00:00Z"},
		{"31 August and a month is the end of 30 September", "UTC", "2026-08-31T14:05:00Z", "P1M", "2026-10-01T00:00:00Z"},
		{"29 February and a year is the end of 28 February", "UTC", "2028-02-29T14:05:00Z", "P1Y", "2029-03-01T00:00:00Z"},
		{"29 February and four years is the end of the next", "UTC", "2028-02-29T14:05:00Z", "P4Y", "2032-03-01T00:00:00Z"},
		{"over a century that is no leap year", "UTC", "2096-02-29T14:05:00Z", "P4Y", "2100-03-01T00:00:00Z"},
		{"a day lasts until the end of the next", "UTC", "2026-11-21T00:00:00Z", "P1D", "2026-11-23T00:00:00Z"},
		{"months are counted before days", "UTC", "2026-01-31T14:05:00Z", "P1M1D", "2026-03-02T00:00:00Z"},
		{"a day and an hour", "UTC", "2026-11-21T14:05:00Z", "P1DT1H", "2026-11-23T01:00:00Z"},
		{"two days in hours are counted in hours", "Europe/Berlin", "2026-03-28T14:05:00Z", "PT48H", "2026-03-31T01:00:00+02:00"},
		{"the account's day ends, not that of UTC", "Asia/Tokyo", "2026-11-29T15:00:00Z", "P3M", "2027-03-01T00:00:00+09:00"},
		{"from winter into summer", "Europe/Berlin", "2026-01-15T12:00:00Z", "P3M", "2026-04-16T00:00:00+02:00"},
		{"from summer into winter", "Europe/Berlin", "2026-08-15T12:00:00Z", "P3M", "2026-11-16T00:00:00+01:00"},
		{"at the end of a day of 23 hours", "Europe/Berlin", "2026-03-28T12:00:00Z", "P1D", "2026-03-30T00:00:00+02:00"},
		{"at the end of a day of 25 hours", "Europe/Berlin", "2026-10-24T12:00:00Z", "P1D", "2026-10-26T00:00:00+01:00"},
		{"where the next day begins at one o'clock", "Africa/Cairo", "2026-04-22T12:00:00Z", "P1D", "2026-04-24T01:00:00+03:00"},
		{"where midnight comes twice", "Atlantic/Azores", "2026-10-23T12:00:00Z", "P1D", "2026-10-25T00:00:00Z"},
		{"where the last day was left out", "Pacific/Apia", "2011-09-30T12:00:00Z", "P3M", "2011-12-31T00:00:00+14:00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			anchor, err := time.Parse(time.RFC3339, tc.anchor)
			if err != nil {
				t.Fatal(err)
			}
			keeps, err := retention.ParsePeriod(tc.keeps)
			if err != nil {
				t.Fatal(err)
			}
			c := retention.CohortOf(anchor, keeps, load(t, tc.zone))
			if diff := cmp.Diff(tc.want, c.Expires(keeps).Format(time.RFC3339)); diff != "" {
				t.Errorf("expiry of %s (-want +got):\n%s", c.ID, diff)
			}
		})
	}
}

func TestMinuteCohorts(t *testing.T) {
	anchor := time.Date(2026, 11, 21, 14, 5, 59, 999_000_000, time.UTC)
	twoMinutes := period{Minutes: 2}
	for _, name := range []string{"UTC", "Asia/Kathmandu", "America/Los_Angeles"} {
		t.Run("of UTC in "+name, func(t *testing.T) {
			c := retention.CohortOf(anchor, twoMinutes, load(t, name))
			got := []string{c.ID, c.Start.Format(time.RFC3339), c.End.Format(time.RFC3339), c.Expires(twoMinutes).Format(time.RFC3339)}
			if diff := cmp.Diff([]string{"2026-11-21T14:05Z", "2026-11-21T14:05:00Z", "2026-11-21T14:06:00Z", "2026-11-21T14:08:00Z"}, got); diff != "" {
				t.Errorf("id, start, end and expiry (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("are made for less than a day, and days from a day on", func(t *testing.T) {
		for keeps, want := range map[string]string{"PT1M": "2026-11-21T14:05Z", "PT1439M": "2026-11-21T14:05Z", "PT1440M": "2026-11-21", "P1D": "2026-11-21", "P1M": "2026-11-21"} {
			p, err := retention.ParsePeriod(keeps)
			if err != nil {
				t.Fatal(err)
			}
			if got := retention.CohortOf(anchor, p, time.UTC).ID; got != want {
				t.Errorf("%s makes the cohort %s, want %s", keeps, got, want)
			}
		}
	})
	t.Run("outlive a policy that keeps longer later", func(t *testing.T) {
		c := retention.CohortOf(time.Date(2026, 11, 30, 23, 59, 30, 0, time.UTC), twoMinutes, time.UTC)
		if diff := cmp.Diff("2027-03-01T00:00:00Z", c.Expires(threeMonths).Format(time.RFC3339)); diff != "" {
			t.Errorf("expiry (-want +got):\n%s", diff)
		}
	})
	t.Run("days end at their end when the policy keeps shorter later", func(t *testing.T) {
		c := retention.CohortOf(anchor, threeMonths, time.UTC)
		if diff := cmp.Diff("2026-11-22T00:02:00Z", c.Expires(twoMinutes).Format(time.RFC3339)); diff != "" {
			t.Errorf("expiry (-want +got):\n%s", diff)
		}
	})
}

// TestNothingExpiresTooEarlyOrADayTooLate counts each period on the calendar by other means.
func TestNothingExpiresTooEarlyOrADayTooLate(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 2))
	first := time.Date(2013, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range zones {
		zone := load(t, name)
		for range 100 {
			anchor := first.Add(time.Duration(r.Int64N(int64(30 * 365 * 24 * time.Hour)))).Truncate(time.Millisecond)
			keeps := period{Months: r.IntN(40), Days: r.IntN(40)}
			if r.IntN(4) == 0 {
				keeps.Minutes = r.IntN(3000)
			}
			if r.IntN(8) == 0 {
				keeps = period{Minutes: 1 + r.IntN(3000)}
			}
			if keeps == (period{}) {
				continue
			}
			// An hour that the target day lacks or has twice may be read in two ways, an hour apart.
			over := wallClock(anchor.In(zone), keeps)
			c := retention.CohortOf(anchor, keeps, zone)
			if expires := c.Expires(keeps); expires.Before(over) || expires.After(over.Add(26*time.Hour)) {
				t.Errorf("seed %d, zone %s: anchor %s and %s is %s, the cohort %s expires at %s", seed, name, anchor, keeps, over, c.ID, expires)
			}
			if diff := cmp.Diff(anchor.In(zone).Format("2006-01-02"), c.ID[:10]); diff != "" && len(c.ID) == 10 {
				t.Errorf("seed %d, zone %s, day of %s (-want +got):\n%s", seed, name, anchor, diff)
			}
		}
	}
}

// TestParseCohort reads back what a table keeps: the id, and boundaries in milliseconds.
func TestParseCohort(t *testing.T) {
	for _, name := range zones {
		zone := load(t, name)
		for _, keeps := range []period{threeMonths, {Minutes: 2}} {
			c := retention.CohortOf(time.Date(2026, 3, 31, 23, 30, 0, 0, time.UTC), keeps, zone)
			back, err := retention.ParseCohort(c.ID, time.UnixMilli(c.Start.UnixMilli()).UTC(), time.UnixMilli(c.End.UnixMilli()).UTC(), zone)
			if err != nil {
				t.Fatalf("%s in %s: %v", c.ID, name, err)
			}
			if diff := cmp.Diff(c, back); diff != "" {
				t.Errorf("%s in %s (-want +got):\n%s", c.ID, name, diff)
			}
			for _, later := range []period{threeMonths, {Months: 1}, {Days: 40}, {Days: 1, Minutes: 30}, {Minutes: 7}} {
				if want, got := c.Expires(later), back.Expires(later); !want.Equal(got) {
					t.Errorf("%s in %s under %s: it expires at %s, read again at %s", c.ID, name, later, want, got)
				}
			}
		}
	}
}

func TestParseCohortRefuses(t *testing.T) {
	start := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	end := start.Add(24 * time.Hour)
	for _, tc := range []struct {
		name, id   string
		start, end time.Time
	}{
		{"no id", "", start, end},
		{"the mark of what is destroyed", "~destroyed", start, end},
		{"a day that no calendar has", "2026-02-30", start, end},
		{"a month", "2026-11", start, end},
		{"an hour", "2026-11-21T14Z", start, end},
		{"a minute without a zone", "2026-11-21T14:05", start, end},
		{"something behind", "2026-11-21 ", start, end},
		{"an end before the start", "2026-11-21", end, start},
		{"an end at the start", "2026-11-21", start, start},
		{"no boundaries", "2026-11-21", time.Time{}, time.Time{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if c, err := retention.ParseCohort(tc.id, tc.start, tc.end, time.UTC); !errors.Is(err, retention.ErrCohort) {
				t.Errorf("read %v, %v, want %v", c, err, retention.ErrCohort)
			}
		})
	}
}

package retention

import (
	"errors"
	"time"
	_ "time/tzdata" // the Lambda runtime brings no time zones
)

// Cohort is an interval of anchors that are kept and destroyed together.
type Cohort struct {
	// ID is unique for an account and kind and sorts by time: 2026-11-21, or 2026-11-21T14:05Z for a minute.
	ID string
	// Start and End are its boundaries, end exclusive. Both stay in the zone in which the cohort was made: the day on which
	// it expires is a day of that zone.
	Start, End time.Time
}

const (
	dayForm    = "2006-01-02"
	minuteForm = "2006-01-02T15:04Z"
)

// ErrCohort is returned for a cohort id of another form.
var ErrCohort = errors.New("not a cohort")

// CohortOf is the cohort of an anchor under a policy, in the account's time zone.
func CohortOf(anchor time.Time, keeps Period, zone *time.Location) Cohort {
	if keeps.shorterThan(Period(FloorDay)) {
		start := anchor.UTC().Truncate(time.Minute)
		return Cohort{ID: start.Format(minuteForm), Start: start, End: start.Add(time.Minute)}
	}
	return day(anchor.In(zone))
}

// day is the cohort of t's day. Where the clocks went back over midnight, a date comes twice with another between: its day
// is then one of the two, and t may be in the day before or after.
func day(t time.Time) Cohort {
	y, m, d := t.Date()
	for {
		c := Cohort{
			ID:    time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Format(dayForm),
			Start: firstInstant(y, m, d, t.Location()), End: firstInstant(y, m, d+1, t.Location()),
		}
		switch {
		case t.Before(c.Start):
			d--
		case !t.Before(c.End):
			d++
		default:
			return c
		}
	}
}

// firstInstant finds where the calendar day begins in a zone: the instant where the date becomes the day's or a later one.
// Daylight saving may remove midnight (São Paulo until 2018) or have it twice (Azores), and a zone that moves over the
// date line a whole day (Samoa in 2011).
func firstInstant(y int, m time.Month, d int, zone *time.Location) time.Time {
	noon, day := time.Date(y, m, d, 12, 0, 0, 0, zone), time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	lo, hi := noon.Add(-36*time.Hour), noon.Add(36*time.Hour) // date(lo) is earlier, date(hi) is not
	if offset(lo) == offset(noon) && offset(noon) == offset(hi) {
		return noon.Add(-12 * time.Hour) // no clock was changed, as nearly always
	}
	for hi.Sub(lo) > time.Second {
		mid := lo.Add(hi.Sub(lo) / 2)
		y, m, d := mid.Date()
		if !time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Before(day) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi.Truncate(time.Second)
}

func offset(t time.Time) int {
	_, seconds := t.Zone()
	return seconds
}

// ParseCohort makes a cohort of its stored id and boundaries. Minutes are of UTC, whatever the zone.
func ParseCohort(id string, start, end time.Time, zone *time.Location) (Cohort, error) {
	_, dayErr := time.Parse(dayForm, id)
	_, minuteErr := time.Parse(minuteForm, id)
	if dayErr != nil && minuteErr != nil || !start.Before(end) {
		return Cohort{}, ErrCohort
	}
	if minuteErr == nil {
		zone = time.UTC
	}
	return Cohort{ID: id, Start: start.In(zone), End: end.In(zone)}, nil
}

// Expires is the instant from which nothing of the cohort may be read: the end of its day (or minute) plus the period.
func (c Cohort) Expires(keeps Period) time.Time {
	if keeps.Months == 0 && keeps.Days == 0 {
		return c.End.Add(time.Duration(keeps.Minutes) * time.Minute)
	}
	if _, err := time.Parse(dayForm, c.ID); err != nil {
		return keeps.addTo(c.Start).Add(c.End.Sub(c.Start))
	}
	// Noon is in the middle of the day in every zone, so the arithmetic cannot slip into a neighbouring day.
	y, m, d := c.Start.Add(c.End.Sub(c.Start) / 2).Date()
	noon := time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
	calendar := Period{Months: keeps.Months, Days: keeps.Days}.addTo(noon)
	ny, nm, nd := calendar.Date()
	return firstInstant(ny, nm, nd+1, c.Start.Location()).Add(time.Duration(keeps.Minutes) * time.Minute)
}

package retention

import "time"

// Cadence is an early purge of what has completed: at once, or at the next turn of the hour, the day or the month.
type Cadence string

// The cadences. The empty one of a rule is that of its kind.
const (
	Never      Cadence = "never"
	Completion Cadence = "completion"
	Hourly     Cadence = "hourly"
	Daily      Cadence = "daily"
	Monthly    Cadence = "monthly"
)

// Cadences are all that a policy can name.
func Cadences() []Cadence { return []Cadence{Never, Completion, Hourly, Daily, Monthly} }

// Due is when what completed at an instant goes: then, or at the first turn after it of a clock and a calendar of the zone. A
// day that daylight saving makes longer, shorter or begin late has one turn, as any other. ok is false where nothing goes early.
func (c Cadence) Due(completed time.Time, zone *time.Location) (due time.Time, ok bool) {
	t := completed.In(zone)
	switch c {
	case Completion:
		return completed, true
	case Hourly:
		return strikes(t), true
	case Daily:
		return day(t).End, true
	case Monthly:
		c := day(t)
		y, m, _ := c.Start.Add(c.End.Sub(c.Start) / 2).Date()
		return firstInstant(y, m+1, 1, zone), true
	}
	return time.Time{}, false
}

// strikes is the first instant after t at which the clock of t's zone strikes the hour. A change of the clock that skips the stroke
// is the stroke, so that every hour begins, and none is longer than an hour; most changes are at a full hour and so are one anyway.
func strikes(t time.Time) time.Time {
	hour, into := wall(t)
	next := t.Add(time.Hour - into)
	_, change := t.ZoneBounds()
	if change.IsZero() || !change.Before(next) {
		return next
	}
	if changed, into := wall(change); into == 0 || changed.After(hour) {
		return change
	}
	return strikes(change)
}

// wall is what a clock shows: the hour, and how far it is into it.
func wall(t time.Time) (hour time.Time, into time.Duration) {
	y, m, d := t.Date()
	h, minute, second := t.Clock()
	into = time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + time.Duration(t.Nanosecond())
	return time.Date(y, m, d, h, 0, 0, 0, time.UTC), into
}

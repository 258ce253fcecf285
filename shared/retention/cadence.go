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
		_, minute, second := t.Clock()
		into := time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + time.Duration(t.Nanosecond())
		return completed.Add(time.Hour - into), true
	case Daily:
		return day(t).End, true
	case Monthly:
		c := day(t)
		y, m, _ := c.Start.Add(c.End.Sub(c.Start) / 2).Date()
		return firstInstant(y, m+1, 1, zone), true
	}
	return time.Time{}, false
}

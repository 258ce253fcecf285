package retention

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/supportvault/supportvault/shared/lazyregexp"
)

// ErrPeriod is returned for a text that is no period this package understands.
var ErrPeriod = errors.New("not a period such as P3M, P90D or P2Y")

// Period is a length of time in calendar units, written as ISO 8601 durations are: P2Y, P3M, P90D, PT2M.
// Years and months are calendar months; a day is a calendar day, whatever its length.
type Period struct {
	Months  int
	Days    int
	Minutes int
}

// The longest period that is accepted, a hundred years, keeps date arithmetic far from the ends of time.Time and is
// longer than any law that this project knows of.
const maxMonths, maxDays, maxMinutes = 1200, 36_525, 36_525 * 24 * 60

var periodForm = lazyregexp.New(`^P(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?)?$`)

// ParsePeriod reads an ISO 8601 duration of years, months, weeks, days, hours and minutes; zero is refused.
func ParsePeriod(s string) (Period, error) {
	m := periodForm().FindStringSubmatch(s)
	if m == nil || strings.HasSuffix(s, "T") {
		return Period{}, ErrPeriod
	}
	n := make([]int, len(m))
	for i, digits := range m[1:] {
		if digits != "" {
			n[i], _ = strconv.Atoi(digits) // the form bounds the digits
		}
	}
	p := Period{Months: 12*n[0] + n[1], Days: 7*n[2] + n[3], Minutes: 60*n[4] + n[5]}
	if p == (Period{}) || p.Months > maxMonths || p.Days > maxDays || p.Minutes > maxMinutes {
		return Period{}, ErrPeriod
	}
	return p, nil
}

// String is the form that ParsePeriod reads.
func (p Period) String() string {
	var b strings.Builder
	b.WriteByte('P')
	if p.Months != 0 && p.Months%12 == 0 {
		fmt.Fprintf(&b, "%dY", p.Months/12)
	} else if p.Months != 0 {
		fmt.Fprintf(&b, "%dM", p.Months)
	}
	if p.Days != 0 {
		fmt.Fprintf(&b, "%dD", p.Days)
	}
	if p.Minutes != 0 {
		fmt.Fprintf(&b, "T%dM", p.Minutes)
	}
	return b.String()
}

// MarshalText and UnmarshalText use the form of ParsePeriod.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the form of ParsePeriod.
func (p *Period) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePeriod(string(b))
	return err
}

// addTo is t plus the period, in t's own location; a month that lacks the day ends on its last: 30 November plus three
// months is 28 February.
func (p Period) addTo(t time.Time) time.Time {
	if p.Months != 0 {
		y, m, d := t.Date()
		first := time.Date(y, m+time.Month(p.Months), 1, 0, 0, 0, 0, t.Location())
		last := time.Date(first.Year(), first.Month()+1, 0, 0, 0, 0, 0, t.Location()).Day()
		h, mi, s := t.Clock()
		t = time.Date(first.Year(), first.Month(), min(d, last), h, mi, s, t.Nanosecond(), t.Location())
	}
	return t.AddDate(0, 0, p.Days).Add(time.Duration(p.Minutes) * time.Minute)
}

// shorterThan compares two periods of which one has no months, counted from the same day: a month is then as short as it
// can be.
func (p Period) shorterThan(q Period) bool {
	ref := time.Date(2026, time.January, 31, 0, 0, 0, 0, time.UTC)
	return p.addTo(ref).Before(q.addTo(ref))
}

// within says whether the period is never longer than another, from whatever day they are counted: 90 days are not
// within three months, which are 89 days from the end of January. From the 1st to the 28th of a month it makes no
// difference on which day one begins to count.
func (p Period) within(q Period) bool {
	// Most periods are far from each other, and this is asked for every request.
	minutes := func(r Period, month int) int { return (r.Months*month+r.Days)*24*60 + r.Minutes }
	if minutes(p, 31) <= minutes(q, 28) {
		return true
	}
	if minutes(p, 28) > minutes(q, 31) {
		return false
	}
	for month := range 48 {
		for _, day := range [...]int{1, 29, 30, 31} {
			from := time.Date(2026, time.January+time.Month(month), day, 0, 0, 0, 0, time.UTC)
			if p.addTo(from).After(q.addTo(from)) {
				return false
			}
		}
	}
	return true
}

// longerThan says whether the period is never shorter than another and sometimes longer.
func (p Period) longerThan(q Period) bool { return q.within(p) && !p.within(q) }

// AtLeast is a length of time that the period is never shorter than: a month counts as 28 days, a day as 23 hours.
func (p Period) AtLeast() time.Duration {
	return time.Duration(28*p.Months+p.Days)*23*time.Hour + time.Duration(p.Minutes)*time.Minute
}

package retention_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/retention"
)

type period = retention.Period

func TestParsePeriod(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       period
		form       string // as it is written again
	}{
		{"reads years as months", "P2Y", period{Months: 24}, "P2Y"},
		{"reads months", "P3M", period{Months: 3}, "P3M"},
		{"writes months that are a year as one", "P12M", period{Months: 12}, "P1Y"},
		{"writes a year and a half in months", "P1Y6M", period{Months: 18}, "P18M"},
		{"reads weeks as days", "P2W", period{Days: 14}, "P14D"},
		{"adds weeks and days", "P1W3D", period{Days: 10}, "P10D"},
		{"reads days", "P90D", period{Days: 90}, "P90D"},
		{"reads minutes, which are not months", "PT2M", period{Minutes: 2}, "PT2M"},
		{"tells months from minutes in one text", "P2MT2M", period{Months: 2, Minutes: 2}, "P2MT2M"},
		{"reads hours as minutes", "PT36H", period{Minutes: 36 * 60}, "PT2160M"},
		{"reads everything together", "P1Y2M3W4DT5H6M", period{Months: 14, Days: 25, Minutes: 306}, "P14M25DT306M"},
		{"ignores leading zeros", "P003M", period{Months: 3}, "P3M"},
		{"ignores a part that is zero", "P0Y1D", period{Days: 1}, "P1D"},
		{"reads a hundred years", "P100Y", period{Months: 1200}, "P100Y"},
		{"reads a hundred years less a month", "P99Y11M", period{Months: 1199}, "P1199M"},
		{"reads a hundred years in days", "P36525D", period{Days: 36_525}, "P36525D"},
		{"reads a hundred years in minutes", "PT52596000M", period{Minutes: 52_596_000}, "PT52596000M"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := retention.ParsePeriod(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("period (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.form, got.String()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParsePeriodRefuses(t *testing.T) {
	for _, tc := range []struct{ name, text string }{
		{"nothing", ""},
		{"a P alone", "P"},
		{"a T without a time", "PT"},
		{"a T behind days", "P1DT"},
		{"no time at all", "P0D"},
		{"zero written in every unit", "P0Y0M0W0DT0H0M"},
		{"a number without a unit", "P3"},
		{"a unit without a number", "PM"},
		{"lower case", "p3m"},
		{"a negative number", "P-3M"},
		{"a sign before all", "-P3M"},
		{"a plus", "P+3M"},
		{"a fraction", "P0.5Y"},
		{"seconds", "PT30S"},
		{"hours without T", "P3H"},
		{"days before months", "P1D1M"},
		{"the same unit twice", "P1M1M"},
		{"a space before", " P3M"},
		{"a newline behind", "P3M\n"},
		{"words", "3 months"},
		{"a Go duration", "72h"},
		{"digits of another script", "P٣M"},
		{"more than a hundred years", "P101Y"},
		{"a month more than a hundred years", "P100Y1M"},
		{"a day more than a hundred years", "P36526D"},
		{"a minute more than a hundred years", "PT52596001M"},
		{"more digits than a number has", "P99999999999999999999D"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := retention.ParsePeriod(tc.text); !errors.Is(err, retention.ErrPeriod) {
				t.Errorf("ParsePeriod(%q) = %v, %v, want %v", tc.text, got, err, retention.ErrPeriod)
			}
		})
	}
}

func TestPeriodIsTextInJSON(t *testing.T) {
	type row struct{ Keep period }
	b, err := json.Marshal(row{period{Months: 3}})
	if diff := cmp.Diff(`{"Keep":"P3M"}`, string(b)); diff != "" || err != nil {
		t.Errorf("error %v, JSON (-want +got):\n%s", err, diff)
	}
	var back row
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(row{period{Months: 3}}, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`{"Keep":"3 months"}`), &back); !errors.Is(err, retention.ErrPeriod) {
		t.Errorf("error %v, want %v", err, retention.ErrPeriod)
	}
}

func TestAtLeastIsNeverLongerThanThePeriod(t *testing.T) {
	// Over the end of the shortest February and the shortest day that a zone has.
	berlin := load(t, "Europe/Berlin")
	for _, text := range []string{"PT2M", "P1D", "P7D", "P1M", "P3M", "P1Y", "P2Y", "P3Y", "P1M1D", "P100YT3M"} {
		p, err := retention.ParsePeriod(text)
		if err != nil {
			t.Fatal(err)
		}
		for from := time.Date(2026, 1, 1, 2, 30, 0, 0, berlin); from.Year() < 2030; from = from.AddDate(0, 0, 1) {
			if over := wallClock(from, p); over.Sub(from) < p.AtLeast() {
				t.Errorf("%s from %s is %s, AtLeast says %s", text, from, over.Sub(from), p.AtLeast())
			}
		}
		if p.AtLeast() <= 0 {
			t.Errorf("AtLeast of %s is %s", text, p.AtLeast())
		}
	}
}

func FuzzParsePeriod(f *testing.F) {
	for _, s := range []string{"P2Y", "P3M", "P90D", "PT2M", "P1Y2M3W4DT5H6M", "P0D", "PT", "P1DT", "P100Y1M", "P٣M", "P-1D", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := retention.ParsePeriod(s)
		if err != nil {
			if p != (period{}) || !errors.Is(err, retention.ErrPeriod) {
				t.Fatalf("ParsePeriod(%q) = %v, %v", s, p, err)
			}
			return
		}
		again, err := retention.ParsePeriod(p.String())
		if err != nil || again != p {
			t.Errorf("%q is %v, written %s, which is %v, %v", s, p, p, again, err)
		}
		if least := p.AtLeast(); least <= 0 {
			t.Errorf("%q lasts at least %s", s, least)
		}
		anchor := time.Date(2026, 11, 30, 14, 5, 0, 0, time.UTC)
		if c := retention.CohortOf(anchor, p, time.UTC); c.Expires(p).Before(wallClock(anchor, p)) {
			t.Errorf("%q: cohort %s expires at %s, before its time is over", s, c.ID, c.Expires(p))
		}
	})
}

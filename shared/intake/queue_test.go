package intake_test

import (
	"testing"
	"time"

	"github.com/supportvault/supportvault/shared/intake"
)

func TestSettleDelay(t *testing.T) {
	for _, tc := range []struct {
		said string
		want time.Duration
		ok   bool
	}{
		{"30s", 30 * time.Second, true},
		{"0s", 0, true},
		{"15m", 15 * time.Minute, true},
		{"", 0, true}, // that it is not set is said where the environment is read
		{"15m1s", 0, false},
		{"-1s", 0, false},
		{"30", 0, false},
	} {
		if got, err := intake.SettleDelay(tc.said); got != tc.want || (err == nil) != tc.ok {
			t.Errorf("%q: %v %v, want %v", tc.said, got, err, tc.want)
		}
	}
}

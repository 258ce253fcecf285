package pause_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/supportvault/supportvault/shared/pause"
)

func TestFor(t *testing.T) {
	for _, tc := range []struct {
		name          string
		wait, lives   time.Duration
		after         time.Duration
		err           error
		canceledFirst bool
	}{
		{"as long as it is told", time.Minute, time.Hour, time.Minute, nil, false},
		{"as long as the context lives", time.Hour, time.Minute, time.Minute, context.DeadlineExceeded, false},
		{"not at all under a context that is over", time.Hour, time.Hour, 0, context.Canceled, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tc.lives)
				defer cancel()
				if tc.canceledFirst {
					cancel()
				}
				begun := time.Now()
				if err := pause.For(ctx, tc.wait); !errors.Is(err, tc.err) {
					t.Errorf("error %v, want %v", err, tc.err)
				}
				if took := time.Since(begun); took != tc.after {
					t.Errorf("it took %v, want %v", took, tc.after)
				}
			})
		})
	}
}

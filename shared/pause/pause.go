// Package pause waits no longer than the context lives.
package pause

import (
	"context"
	"time"
)

// For waits so long, or until the context is over, whose error it then returns.
func For(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

package purge

import (
	"context"
	"sync"
	"time"

	"github.com/supportvault/supportvault/shared/pause"
)

// pacer bounds how many items are deleted in a second. Zero is no bound.
type pacer struct {
	rate int
	mu   sync.Mutex
	free time.Time // when the next may be deleted
}

// wait takes the time of n items.
func (p *pacer) wait(ctx context.Context, n int) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	p.mu.Lock()
	now := time.Now()
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	until := p.free.Sub(now)
	p.mu.Unlock()
	return pause.For(ctx, until)
}

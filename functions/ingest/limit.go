package ingest

import (
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/supportvault/supportvault/shared/fault"
)

// ErrLimited is the fault of a sender that is too fast, of a source to which anybody can send.
var ErrLimited = fault.New(fault.TooMany, "too_many_requests", "That is more than one visitor sends; slow down.")

const (
	// perAddress is how many deliveries a second one address may send, to whichever accounts, after a burst.
	perAddress, burst = 1, 30
	// perAccount bounds what all addresses together send to one, of what its sites may send.
	perAccount, accountBurst = 100, 300
	// mostKept are remembered of either, so that memory has a bound.
	mostKept = 10_000
)

// limiter bounds what strangers can send. Each process counts for itself: with n of them at a time, n times as much is taken.
type limiter struct {
	addresses, accounts buckets
}

// buckets are the limits of several, by what they are of.
type buckets struct {
	limit rate.Limit
	burst int

	mu sync.Mutex
	of map[string]*rate.Limiter
}

func newLimiter() *limiter {
	return &limiter{
		addresses: buckets{limit: perAddress, burst: burst, of: map[string]*rate.Limiter{}},
		accounts:  buckets{limit: perAccount, burst: accountBurst, of: map[string]*rate.Limiter{}},
	}
}

// allow says whether one more delivery is taken. A route's throttle in API Gateway stands before it.
func (b *buckets) allow(key string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	one, known := b.of[key]
	if !known {
		if len(b.of) >= mostKept {
			// Who may send a whole burst again is as good as new. Nobody else is forgotten, whoever fills this.
			maps.DeleteFunc(b.of, func(_ string, l *rate.Limiter) bool { return l.TokensAt(now) >= float64(b.burst) })
		}
		if len(b.of) >= mostKept {
			return false
		}
		one = rate.NewLimiter(b.limit, b.burst)
		b.of[key] = one
	}
	return one.AllowN(now, 1)
}

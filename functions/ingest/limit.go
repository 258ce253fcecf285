package ingest

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/supportvault/supportvault/shared/fault"
)

// ErrLimited is the fault of a sender that is too fast, of a source to which anybody can send.
var ErrLimited = fault.New(fault.TooMany, "too_many_requests", "That is more than one visitor sends; slow down.")

const (
	// perAddress is how many deliveries a second one address may send to an account, after a burst.
	perAddress, burst = 1, 30
	// perAccount bounds what all addresses together send to one.
	perAccount, accountBurst = 100, 300
	// mostAddresses are remembered; whoever would be one more makes it forget all, so that memory has a bound.
	mostAddresses = 10_000
)

// limiter bounds what strangers can send. Each process counts for itself: with n of them at a time, n times as much is taken.
type limiter struct {
	mu  sync.Mutex
	per map[string]*rate.Limiter
}

// allow says whether one more delivery from an address to an account is taken. A route's throttle in API Gateway stands before it.
func (l *limiter) allow(account, address string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.per) >= mostAddresses {
		clear(l.per)
	}
	return l.of(account+" "+address, perAddress, burst).AllowN(now, 1) && l.of(account, perAccount, accountBurst).AllowN(now, 1)
}

func (l *limiter) of(key string, limit rate.Limit, burst int) *rate.Limiter {
	of, ok := l.per[key]
	if !ok {
		of = rate.NewLimiter(limit, burst)
		l.per[key] = of
	}
	return of
}

package intake

import (
	"context"
	"errors"
	"time"

	"github.com/supportvault/supportvault/shared/sqsqueue"
	"github.com/supportvault/supportvault/shared/vault"
)

// SettleQueue is the settle queue. Its messages wait for a while, so that what is late comes before the end is settled.
type SettleQueue struct {
	Queue sqsqueue.Queue
	Delay time.Duration
}

// Settle asks for a conversation to be settled.
func (q SettleQueue) Settle(ctx context.Context, r vault.Reference) error {
	return q.Queue.Send(ctx, r.String(), q.Delay)
}

// SettleDelay reads how long the messages of the settle queue wait, from what the environment says.
func SettleDelay(said string) (time.Duration, error) {
	delay, err := time.ParseDuration(said)
	if said != "" && (err != nil || delay < 0 || delay > sqsqueue.MaxDelay) {
		return 0, errors.New("SETTLE_DELAY must be between 0s and 15m")
	}
	return delay, nil
}

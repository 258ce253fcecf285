package functions_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/keyring"
)

// A thousand webhooks of twenty accounts in one process ask KMS at most once an account, and once more after the life of
// the cache.
func TestKMSCalls(t *testing.T) {
	r := inMemory() // what is cached has nothing to do with the tables
	accounts := make([]admin.Created, 20)
	for i := range accounts {
		accounts[i] = r.account(t, admin.Request{Account: fmt.Sprintf("account%02d", i)})
	}
	send := func(from int, step time.Duration) int {
		before := r.KMS.Calls()
		var workers sync.WaitGroup
		for w := range 20 {
			workers.Go(func() {
				for i := range 50 {
					n := from + w*50 + i
					a := accounts[n%len(accounts)]
					if status, answer := r.post(a, "chatwoot", wootMessage(n%7, n, noon, "hello")); status != 202 {
						t.Errorf("%d %s", status, answer)
					}
					if w == 0 {
						r.Clock.Advance(step)
					}
				}
			})
		}
		workers.Wait()
		return r.KMS.Calls() - before
	}
	if calls := send(0, (keyring.Life-time.Second)/50); calls > 20 {
		t.Errorf("KMS was asked %d times for 20 accounts within the life of the cache", calls)
	}
	r.Clock.Advance(keyring.Life)
	if calls := send(1000, 0); calls > 20 {
		t.Errorf("after the life of the cache KMS was asked %d times for 20 accounts", calls)
	}
}

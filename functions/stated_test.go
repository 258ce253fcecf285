package functions_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/supportvault/supportvault/functions/admin"
)

// Completion goes at once though no purge has run since the policy changed; and what goes between two purges that find nothing
// else is stated by each, though it is one act as long as none of them takes the fence.
func TestEveryCompletionIsStated(t *testing.T) {
	r := inMemory()
	r.Clock.Set(noon.AddDate(0, 0, -2))
	demo := r.account(t, admin.Request{Account: "demo"})
	r.change(t, demo, `"cadence":{"chat":"completion"},"waitHours":0`)
	r.Clock.Set(noon)
	var ids []string
	for i := range 3 {
		r.mustPost(t, demo, "canonical", wholeChat(fmt.Sprint("c", i), r.Clock.Now(), "text", ""))
		r.settleAll(t)
		if n := r.completeAll(t); n != 1 {
			t.Errorf("%d completed", n)
		}
		ids = append(ids, r.id(t, demo, "canonical", fmt.Sprint("c", i), 1))
		r.Clock.Advance(time.Hour)
		r.purgeAll(t)
		r.once(t, fmt.Sprint("purge ", i), ids)
		if n := len(r.archive.Objects()); n != i+1 {
			t.Errorf("%d receipts are in the archive after purge %d", n, i)
		}
	}
}

package extract

import (
	"github.com/supportvault/supportvault/shared/jobs"
	"github.com/supportvault/supportvault/shared/retention"
)

// job is an extract.
type job = jobs.Job[work]

// work is how far a job is.
type work struct {
	// Policy is the version of the policy in force when it began.
	Policy int    `json:"policy"`
	Cursor cursor `json:"cursor"`
	Files  []File `json:"files"`
	// Records counts by kind; LeftOut are the first of the Damaged.
	Records map[string]int `json:"records"`
	Damaged int            `json:"damaged"`
	LeftOut []string       `json:"leftOut"`
	// Known are the conversations of the cursor's kind that are in the files and may be met again.
	Known []byte `json:"known,omitempty"`
}

func (h *Handler) jobs() jobs.Jobs[work] {
	return jobs.Jobs[work]{What: jobs.Extract, Store: h.Store, Queue: h.Queue, Run: h.run}
}

// byRole is who wants a job that is invoked directly, and not handed to the queue.
const byRole = "role:extract"

// notQueued is the reason for which a job fails that the queue did not take.
const notQueued = "not_queued"

// conversations is how many of them there are in the files.
func (w work) conversations() (n int) {
	for _, kind := range retention.Conversations() {
		n += w.Records[string(kind)]
	}
	return n
}

// prefix is the folder of a job's files.
func prefix(j job) string { return j.Account + "/" + j.ID + "/" }

// Package jobs is what functions share that work on long jobs by messages of a queue: the rows of jobs, who works on one, and what
// becomes of one that fails.
//
//	table control: <account>#<what>#   <id>   status waiting | running | complete | failed, reason, by, createdAt, busyUntil, claim,
//	                                          tries, progress in thousandths, and work: what else the function keeps of it
//	queue:         {"account", "id"}
//
// Whoever works on a job claims its row for as long as it may run. A claim is over at its time or when it is given back, and what
// is written under one is written on the condition that it is still the last: then nobody writes over whoever took over.
//
// Where time runs out, the next message goes on. What fails is tried again, later each time, and five times without any progress;
// then the job is given up, with the reason tries_exhausted, and the invocation fails, for the function's alarm. So it is where the
// account's keys are gone, with the reason account_unknown. Where what a job was given is wrong it fails for a reason of the
// function's, and alarms nobody. A message of a process that died comes again when the queue says so. A job that nobody has worked
// on for three hours counts as failed, with the reason stalled, until a message comes for it all the same. After a day a job is
// not found any more, whatever its status.
package jobs

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/lazyregexp"
)

// What the jobs of a function are called, in its rows and in the log.
const (
	Extract = "extract"
	Import  = "import"
)

// Status is what has become of a job.
type Status string

// The statuses.
const (
	Waiting  Status = "waiting" // to be started
	Running  Status = "running"
	Complete Status = "complete"
	Failed   Status = "failed"
)

// The reasons for which any job fails.
const (
	triesExhausted = "tries_exhausted"
	stalled        = "stalled"
	accountGone    = "account_unknown"
)

const (
	// life is how long a job is there, from its beginning on: the buckets forget a file a day or two after it was written.
	life = 24 * time.Hour
	// stalledAfter is when nobody works on a job any more. A message of a process that died comes again after 90 minutes.
	stalledAfter = 3 * time.Hour
	// maxTries is how often a job is tried without coming any further.
	maxTries = 5
)

// Job is a job. Work is how far it is, and what else its function keeps of it.
type Job[W any] struct {
	Account, ID string
	// By is who wants it.
	By        string
	Status    Status
	Reason    string
	CreatedAt time.Time
	// BusyUntil is up to when somebody works on it, or did last.
	BusyUntil time.Time
	// Tries are how often it was tried since it came any further.
	Tries    int
	Progress float64
	Work     W
	// claim is by whom it was claimed last.
	claim string
}

// Expires is when a job is not found any more.
func (j Job[W]) Expires() time.Time { return j.CreatedAt.Add(life) }

// View is what the API answers of any job.
type View struct {
	ID     string `json:"id"`
	Status Status `json:"status"`
	// Progress is the share of what there is to do, from 0 to 1.
	Progress  float64           `json:"progress"`
	CreatedAt conversation.Time `json:"createdAt"`
	// ExpiresAt is when the job is not found any more.
	ExpiresAt conversation.Time `json:"expiresAt"`
	// Reason is why it failed.
	Reason string `json:"reason,omitzero"`
}

// View is what the API answers of it.
func (j Job[W]) View() View {
	return View{
		ID: j.ID, Status: j.Status, Reason: j.Reason, Progress: j.Progress,
		CreatedAt: conversation.At(j.CreatedAt), ExpiresAt: conversation.At(j.Expires()),
	}
}

const idTime = "20060102T150405Z"

var idForm = lazyregexp.New(`^[0-9]{8}T[0-9]{6}Z-[a-z2-7]{8}$`)

// ValidID says whether a text can be the id of a job.
func ValidID(id string) bool { return idForm().MatchString(id) }

// newID is the id of a job that begins: ids sort by time.
func newID(now time.Time) string {
	return now.UTC().Format(idTime) + "-" + strings.ToLower(rand.Text()[:8])
}

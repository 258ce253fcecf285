package extract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/jobs"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// Status is what has become of a job.
type Status string

// The statuses.
const (
	Running  Status = "running"
	Complete Status = "complete"
	Failed   Status = "failed"
)

// The reasons for which a job fails.
const (
	triesExhausted = "tries_exhausted"
	stalled        = "stalled"
	accountGone    = "account_unknown"
	notQueued      = "not_queued"
)

const (
	// life is how long a job and its files are there, from its beginning on: the bucket forgets a file a day after it was
	// written, and none is written before the job begins.
	life = 24 * time.Hour
	// stalledAfter is when nobody works on a job any more. A message of a process that died comes again after 90 minutes.
	stalledAfter = 3 * time.Hour
	// maxTries is how often a job is tried without coming any further.
	maxTries = 5
)

// job is the row of a job.
type job struct {
	Account, ID string
	// By is who wants it; Direct says that they call for it themselves, and not the queue.
	By     string
	Direct bool
	Status Status
	Reason string
	// Policy is the version of the policy in force when it began.
	Policy    int
	CreatedAt time.Time
	// BusyUntil is up to when somebody works on it, or did last.
	BusyUntil time.Time
	Tries     int
	Progress  float64
	work      work
	// claim is by whom it was claimed last.
	claim string
}

// work is how far a job is.
type work struct {
	Cursor cursor `json:"cursor"`
	Files  []File `json:"files"`
	// Records counts by kind; LeftOut are the first of the Damaged.
	Records map[string]int `json:"records"`
	Damaged int            `json:"damaged"`
	LeftOut []string       `json:"leftOut"`
	// Known are the conversations of the cursor's kind that are in the files and may be met again.
	Known []byte `json:"known,omitempty"`
}

// conversations is how many of them there are in the files.
func (w work) conversations() (n int) {
	for _, kind := range retention.Conversations() {
		n += w.Records[string(kind)]
	}
	return n
}

func partition(account string) string { return account + "#extract#" }

func (j job) expires() time.Time { return j.CreatedAt.Add(life) }

func (j job) over(now time.Time) bool { return !now.Before(j.expires()) }

// key is the primary key of the row.
func (j job) key() attr.Item { return attr.Key(partition(j.Account), j.ID) }

func (j job) prefix() string { return j.Account + "/" + j.ID + "/" }

func readJob(account string, item attr.Item, now time.Time) (job, error) {
	j := job{
		Account: account, ID: attr.GetS(item, "sk"), By: attr.GetS(item, "by"), Direct: attr.GetN(item, "direct") == 1,
		Status: Status(attr.GetS(item, "status")), Reason: attr.GetS(item, "reason"), Policy: int(attr.GetN(item, "policy")),
		CreatedAt: attr.GetTime(item, "createdAt"), BusyUntil: attr.GetTime(item, "busyUntil"), Tries: int(attr.GetN(item, "tries")),
		Progress: float64(attr.GetN(item, "progress")) / 1000, claim: attr.GetS(item, "claim"),
	}
	if j.Status == Running && now.Sub(j.BusyUntil) > stalledAfter {
		j.Status, j.Reason = Failed, stalled
	}
	if err := json.Unmarshal([]byte(attr.GetS(item, "work")), &j.work); err != nil {
		return j, errors.New("the row of an extract cannot be read")
	}
	return j, nil
}

func (w work) attribute() string {
	b, err := json.Marshal(w)
	if err != nil {
		panic(err) // texts and numbers always marshal
	}
	return string(b)
}

// put puts the row of a new job.
func (h *Handler) put(ctx context.Context, j job) error {
	item := j.key()
	item["by"], item["status"], item["policy"] = attr.S(j.By), attr.S(j.Status), attr.N(j.Policy)
	item["createdAt"], item["busyUntil"] = attr.Time(j.CreatedAt), attr.Time(j.BusyUntil)
	item["tries"], item["progress"], item["work"] = attr.N(j.Tries), attr.N(0), attr.S(j.work.attribute())
	if j.Direct {
		item["direct"] = attr.N(1)
	}
	_, err := h.Store.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &h.Store.Tables.Control, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if err != nil {
		return fmt.Errorf("put extract: %w", err)
	}
	return nil
}

// get reads a job; ok is false where there is none, or its time is over.
func (h *Handler) get(ctx context.Context, account, id string) (j job, ok bool, err error) {
	if !jobs.ValidID(id) {
		return job{}, false, nil
	}
	out, err := h.Store.DB.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &h.Store.Tables.Control, Key: attr.Key(partition(account), id), ConsistentRead: aws.Bool(true),
	})
	if err != nil || out.Item == nil {
		return job{}, false, err
	}
	j, err = readJob(account, out.Item, h.Store.Now())
	return j, err == nil && !j.over(h.Store.Now()), err
}

// listed is how many jobs a list has at most.
const listed = 100

// list reads the jobs whose time is not over, the newest first: an id begins with its time.
func (h *Handler) list(ctx context.Context, account string) ([]job, error) {
	var jobs []job
	err := h.Store.Query(ctx, &dynamodb.QueryInput{
		TableName: &h.Store.Tables.Control, ConsistentRead: aws.Bool(true), ScanIndexForward: aws.Bool(false), Limit: aws.Int32(listed),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: attr.Item{":pk": attr.S(partition(account))},
	}, func(item attr.Item) (bool, error) {
		j, err := readJob(account, item, h.Store.Now())
		if err != nil || j.over(h.Store.Now()) {
			return false, err
		}
		jobs = append(jobs, j)
		return len(jobs) < listed, nil
	})
	return jobs, err
}

// take claims a job for as long as this invocation may run.
func (h *Handler) take(ctx context.Context, j job) (job, error) {
	claim, until, err := jobs.Take(ctx, h.Store.DB, h.Store.Tables.Control, j.key(), string(Running), h.Store.Now(), j.Tries+1)
	if err != nil {
		return j, err
	}
	j.claim, j.BusyUntil, j.Tries = claim, until, j.Tries+1
	return j, nil
}

// update writes what a job is by now, as long as it is ours.
func (h *Handler) update(ctx context.Context, j job) error {
	values := attr.Item{
		":claim": attr.S(j.claim), ":status": attr.S(j.Status), ":reason": attr.S(j.Reason), ":until": attr.Time(j.BusyUntil),
		":tries": attr.N(j.Tries), ":progress": attr.N(int(j.Progress * 1000)), ":work": attr.S(j.work.attribute()),
	}
	_, err := h.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Store.Tables.Control, Key: j.key(),
		UpdateExpression: aws.String("SET #status = :status, reason = :reason, busyUntil = :until, tries = :tries, progress = :progress," +
			" #work = :work"),
		ConditionExpression:       aws.String("claim = :claim"),
		ExpressionAttributeNames:  map[string]string{"#status": "status", "#work": "work"},
		ExpressionAttributeValues: values,
	})
	if vault.IsConditionFailed(err) {
		return jobs.ErrLost
	}
	if err != nil {
		return fmt.Errorf("update extract: %w", err)
	}
	return nil
}

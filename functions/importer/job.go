package importer

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
	"github.com/supportvault/supportvault/shared/vault"
)

// Status is what has become of a job.
type Status string

// The statuses.
const (
	Waiting  Status = "waiting" // for its file, and to be started
	Running  Status = "running"
	Complete Status = "complete"
	Failed   Status = "failed"
)

// The reasons for which a job fails.
const (
	triesExhausted = "tries_exhausted"
	stalled        = "stalled"
	accountGone    = "account_unknown"
	fileGone       = "file_gone"
	fileChanged    = "file_changed"
)

const (
	// life is how long a job and its file are there, from its beginning on: the bucket forgets a file after a day.
	life = 24 * time.Hour
	// stalledAfter is when nobody works on a job any more. A message of a process that died comes again after 90 minutes.
	stalledAfter = 3 * time.Hour
	// maxTries is how often a job is tried without coming any further.
	maxTries = 5
)

// job is the row of a job.
type job struct {
	Account, ID          string
	By                   string
	Status               Status
	Reason               string
	CreatedAt, StartedAt time.Time
	// BusyUntil is up to when somebody works on it, or did last.
	BusyUntil time.Time
	Tries     int
	work      work
	// claim is by whom it was claimed last.
	claim string
}

// work is how far a job is. It moves on as a whole: what is done again after an interruption is counted again from here.
type work struct {
	// Bytes is the size of the file, Tag that of its content when it was started.
	Bytes int64  `json:"bytes"`
	Tag   string `json:"tag"`
	// Second says that the file is read for the second time, now for what had not settled; Offset and Line are where.
	Second bool  `json:"second,omitempty"`
	Offset int64 `json:"offset"`
	Line   int   `json:"line"`
	// Long says that the offset is within a line that is too long.
	Long bool `json:"long,omitempty"`
	// Lines are all of the file, as far as it was read once; Open those left for the second time.
	Lines      int       `json:"lines"`
	Open       int       `json:"open"`
	Accepted   int       `json:"accepted"`
	Duplicates int       `json:"duplicates"`
	PassedOver int       `json:"passedOver"`
	Refused    int       `json:"refused"`
	Refusals   []Refusal `json:"refusals"`
	Progress   float64   `json:"progress"`
}

// refusals is how many refused lines are named.
const refusals = 100

func (w *work) refuse(line int, code string) {
	if w.Refused++; len(w.Refusals) < refusals {
		w.Refusals = append(w.Refusals, Refusal{line, code})
	}
}

// moved measures the progress, which never goes back, and is below one until the job is complete.
func (w *work) moved() {
	read, all := w.Offset, w.Bytes
	if w.Open > 0 {
		all *= 2
	}
	if w.Second {
		read += w.Bytes
	}
	if all > 0 {
		w.Progress = max(w.Progress, min(0.999, float64(read)/float64(all)))
	}
}

func partition(account string) string { return account + "#import#" }

func (j job) expires() time.Time { return j.CreatedAt.Add(life) }

// key is the primary key of the row, object that of the file.
func (j job) key() attr.Item { return attr.Key(partition(j.Account), j.ID) }

func (j job) object() string { return "imports/" + j.Account + "/" + j.ID }

func readJob(account string, item attr.Item, now time.Time) (job, error) {
	j := job{
		Account: account, ID: attr.GetS(item, "sk"), By: attr.GetS(item, "by"), Status: Status(attr.GetS(item, "status")),
		Reason: attr.GetS(item, "reason"), CreatedAt: attr.GetTime(item, "createdAt"), StartedAt: attr.GetTime(item, "startedAt"),
		BusyUntil: attr.GetTime(item, "busyUntil"), Tries: int(attr.GetN(item, "tries")), claim: attr.GetS(item, "claim"),
	}
	if j.Status == Running && now.Sub(j.BusyUntil) > stalledAfter {
		j.Status, j.Reason = Failed, stalled
	}
	if err := json.Unmarshal([]byte(attr.GetS(item, "work")), &j.work); err != nil {
		return j, errors.New("the row of an import cannot be read")
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
	item["by"], item["status"], item["work"] = attr.S(j.By), attr.S(j.Status), attr.S(j.work.attribute())
	item["createdAt"], item["busyUntil"], item["tries"] = attr.Time(j.CreatedAt), attr.Time(j.CreatedAt), attr.N(0)
	_, err := h.Store.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &h.Store.Tables.Control, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if err != nil {
		return fmt.Errorf("put import: %w", err)
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
	now := h.Store.Now()
	j, err = readJob(account, out.Item, now)
	return j, err == nil && now.Before(j.expires()), err
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
		now := h.Store.Now()
		j, err := readJob(account, item, now)
		if err != nil || !now.Before(j.expires()) {
			return false, err
		}
		jobs = append(jobs, j)
		return len(jobs) < listed, nil
	})
	return jobs, err
}

// start says that a job runs from now on, of a file as it is; ok is false where it was started already.
func (h *Handler) start(ctx context.Context, j job) (_ job, ok bool, err error) {
	return h.turn(ctx, j, Waiting, Running)
}

// unstart takes a start back that nobody was told of.
func (h *Handler) unstart(ctx context.Context, j job) error {
	_, _, err := h.turn(context.WithoutCancel(ctx), j, Running, Waiting)
	return err
}

func (h *Handler) turn(ctx context.Context, j job, from, to Status) (_ job, ok bool, err error) {
	now := h.Store.Now()
	j.Status, j.StartedAt, j.BusyUntil = to, now, now
	_, err = h.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Store.Tables.Control, Key: j.key(),
		UpdateExpression:         aws.String("SET #status = :to, startedAt = :now, busyUntil = :now, #work = :work"),
		ConditionExpression:      aws.String("#status = :from AND attribute_not_exists(claim)"),
		ExpressionAttributeNames: map[string]string{"#status": "status", "#work": "work"},
		ExpressionAttributeValues: attr.Item{
			":from": attr.S(from), ":to": attr.S(to), ":now": attr.Time(now), ":work": attr.S(j.work.attribute()),
		},
	})
	if vault.IsConditionFailed(err) {
		return j, false, nil
	}
	if err != nil {
		return j, false, fmt.Errorf("start import: %w", err)
	}
	return j, true, nil
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
	_, err := h.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Store.Tables.Control, Key: j.key(),
		UpdateExpression:         aws.String("SET #status = :status, reason = :reason, busyUntil = :until, tries = :tries, #work = :work"),
		ConditionExpression:      aws.String("claim = :claim"),
		ExpressionAttributeNames: map[string]string{"#status": "status", "#work": "work"},
		ExpressionAttributeValues: attr.Item{
			":claim": attr.S(j.claim), ":status": attr.S(j.Status), ":reason": attr.S(j.Reason), ":until": attr.Time(j.BusyUntil),
			":tries": attr.N(j.Tries), ":work": attr.S(j.work.attribute()),
		},
	})
	if vault.IsConditionFailed(err) {
		return jobs.ErrLost
	}
	if err != nil {
		return fmt.Errorf("update import: %w", err)
	}
	return nil
}

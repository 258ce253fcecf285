package jobs

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/vault"
)

// Partition is where the jobs of an account are.
func Partition(account, what string) string { return account + "#" + what + "#" }

func (js Jobs[W]) key(j Job[W]) attr.Item { return attr.Key(Partition(j.Account, js.What), j.ID) }

// New is a job that begins. It is nowhere before it is put.
func (js Jobs[W]) New(account, by string, status Status, work W) Job[W] {
	now := js.Store.Now()
	return Job[W]{Account: account, ID: newID(now), By: by, Status: status, CreatedAt: now, BusyUntil: now, Work: work}
}

func (js Jobs[W]) read(account string, item attr.Item) (Job[W], error) {
	j := Job[W]{
		Account: account, ID: attr.GetS(item, "sk"), By: attr.GetS(item, "by"), Status: Status(attr.GetS(item, "status")),
		Reason: attr.GetS(item, "reason"), CreatedAt: attr.GetTime(item, "createdAt"), BusyUntil: attr.GetTime(item, "busyUntil"),
		Tries: int(attr.GetN(item, "tries")), Progress: float64(attr.GetN(item, "progress")) / 1000, claim: attr.GetS(item, "claim"),
	}
	if j.Status == Running && js.Store.Now().Sub(j.BusyUntil) > stalledAfter {
		j.Status, j.Reason = Failed, stalled
	}
	if json.Unmarshal([]byte(attr.GetS(item, "work")), &j.Work) != nil {
		return j, fmt.Errorf("the row of an %s cannot be read", js.What)
	}
	return j, nil
}

func (js Jobs[W]) over(j Job[W]) bool { return !js.Store.Now().Before(j.Expires()) }

// attributes are those that a job's row has and that change with it.
func (j Job[W]) attributes() attr.Item {
	work, err := json.Marshal(j.Work)
	if err != nil {
		panic(err) // texts and numbers always marshal
	}
	return attr.Item{
		"status": attr.S(j.Status), "reason": attr.S(j.Reason), "busyUntil": attr.Time(j.BusyUntil), "tries": attr.N(j.Tries),
		"progress": attr.N(int(j.Progress * 1000)), "work": attr.S(string(work)),
	}
}

// Put puts the row of a new job, whose id is random: nobody else has it.
func (js Jobs[W]) Put(ctx context.Context, j Job[W]) error {
	item := j.attributes()
	maps.Copy(item, js.key(j))
	item["by"], item["createdAt"] = attr.S(j.By), attr.Time(j.CreatedAt)
	if _, err := js.Store.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &js.Store.Tables.Control, Item: item}); err != nil {
		return fmt.Errorf("put %s: %w", js.What, err)
	}
	return nil
}

// Get reads a job; ok is false where there is none, or its time is over.
func (js Jobs[W]) Get(ctx context.Context, account, id string) (j Job[W], ok bool, err error) {
	if !ValidID(id) {
		return j, false, nil
	}
	out, err := js.Store.DB.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &js.Store.Tables.Control, Key: attr.Key(Partition(account, js.What), id), ConsistentRead: aws.Bool(true),
	})
	if err != nil || out.Item == nil {
		return j, false, err
	}
	j, err = js.read(account, out.Item)
	return j, err == nil && !js.over(j), err
}

// listed is how many jobs a list has at most.
const listed = 100

// List reads the jobs whose time is not over, the newest first: an id begins with its time.
func (js Jobs[W]) List(ctx context.Context, account string) (jobs []Job[W], err error) {
	in := attr.Partition(js.Store.Tables.Control, Partition(account, js.What))
	in.ScanIndexForward, in.Limit = aws.Bool(false), aws.Int32(listed)
	err = js.Store.Query(ctx, in, func(item attr.Item) (bool, error) {
		j, err := js.read(account, item)
		if err != nil || js.over(j) {
			return false, err
		}
		jobs = append(jobs, j)
		return len(jobs) < listed, nil
	})
	return jobs, err
}

// Start says that a job that waits runs from now on, as it is given; ok is false where it was started already, in an earlier
// millisecond: within one, two may both start it, which sends two messages of one job.
func (js Jobs[W]) Start(ctx context.Context, j Job[W]) (_ Job[W], ok bool, err error) {
	return js.turn(ctx, j, Waiting, Running)
}

// Unstart takes a start back that nobody was told of.
func (js Jobs[W]) Unstart(ctx context.Context, j Job[W]) error {
	_, _, err := js.turn(context.WithoutCancel(ctx), j, Running, Waiting)
	return err
}

func (js Jobs[W]) turn(ctx context.Context, j Job[W], from, to Status) (_ Job[W], ok bool, err error) {
	j.Status, j.BusyUntil = to, js.Store.Now()
	// Mine: the SDK repeats a write whose answer was lost.
	mine := "#status = :status AND #busyUntil = :busyUntil"
	err = js.set(ctx, j, "(#status = :from OR "+mine+") AND attribute_not_exists(claim)", attr.Item{":from": attr.S(from)})
	if vault.IsConditionFailed(err) {
		return j, false, nil
	}
	if err != nil {
		return j, false, fmt.Errorf("start %s: %w", js.What, err)
	}
	return j, true, nil
}

// claimed is how long a claim lasts where the invocation has no end; Lambda's have one of at most 15 minutes.
const claimed = 15 * time.Minute

// Take claims a job that runs for as long as this invocation may, and counts the try. ErrBusy is also for a job that somebody worked
// on since it was read: who goes on must know how far it is.
func (js Jobs[W]) Take(ctx context.Context, j Job[W]) (Job[W], error) {
	now, claim := js.Store.Now(), rand.Text()
	until := now.Add(claimed)
	if deadline, ok := ctx.Deadline(); ok {
		until = now.Add(min(time.Until(deadline), claimed))
	}
	values := attr.Item{
		":claim": attr.S(claim), ":until": attr.Time(until), ":tries": attr.N(j.Tries + 1), ":running": attr.S(Running), ":now": attr.Time(now),
	}
	asRead := "attribute_not_exists(claim)"
	if j.claim != "" {
		asRead, values[":read"] = "claim = :read", attr.S(j.claim)
	}
	_, err := js.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &js.Store.Tables.Control, Key: js.key(j),
		UpdateExpression: aws.String("SET claim = :claim, busyUntil = :until, tries = :tries"),
		// Mine: the SDK repeats a write whose answer was lost.
		ConditionExpression:       aws.String("#status = :running AND busyUntil <= :now AND " + asRead + " OR claim = :claim"),
		ExpressionAttributeNames:  map[string]string{"#status": "status"},
		ExpressionAttributeValues: values,
	})
	if vault.IsConditionFailed(err) {
		return j, ErrBusy
	}
	if err != nil {
		return j, fmt.Errorf("claim %s: %w", js.What, err)
	}
	j.claim, j.BusyUntil, j.Tries = claim, until, j.Tries+1
	return j, nil
}

// Update writes what a job is by now, as long as it is ours; ErrLost where it is not.
func (js Jobs[W]) Update(ctx context.Context, j Job[W]) error {
	err := js.set(ctx, j, "claim = :claim", attr.Item{":claim": attr.S(j.claim)})
	if vault.IsConditionFailed(err) {
		return ErrLost
	}
	if err != nil {
		return fmt.Errorf("update %s: %w", js.What, err)
	}
	return nil
}

// set writes what a job is by now on a condition.
func (js Jobs[W]) set(ctx context.Context, j Job[W], condition string, values attr.Item) error {
	names, sets := map[string]string{}, []string(nil)
	for name, value := range j.attributes() {
		names["#"+name], values[":"+name] = name, value
		sets = append(sets, "#"+name+" = :"+name)
	}
	slices.Sort(sets)
	_, err := js.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &js.Store.Tables.Control, Key: js.key(j), UpdateExpression: aws.String("SET " + strings.Join(sets, ", ")),
		ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	return err
}

// Package jobs is what functions share that work on long jobs by messages of a queue: the names of jobs, and who works on one.
//
//	table control: <account>#<what>#   <id>   claim, busyUntil, status, tries, and what else the function keeps of it
//
// Whoever works on a job claims its row for as long as it may run. A claim is over at its time or when it is given back, and what
// is written under one is written on the condition that it is still the last: then nobody writes over whoever took over.
package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/vault"
)

const idTime = "20060102T150405Z"

var idForm = lazyregexp.New(`^[0-9]{8}T[0-9]{6}Z-[a-z2-7]{8}$`)

// ValidID says whether a text can be the id of a job.
func ValidID(id string) bool { return idForm().MatchString(id) }

// NewID is the id of a job that begins: ids sort by time.
func NewID(now time.Time) string {
	return now.UTC().Format(idTime) + "-" + strings.ToLower(rand.Text()[:8])
}

// ErrBusy says that somebody else works on a job, ErrLost that somebody else does by now.
var (
	ErrBusy = errors.New("somebody works on this job")
	ErrLost = errors.New("somebody else works on this job now")
)

// claimed is how long a claim lasts where the invocation has no end; Lambda's have one of at most 15 minutes.
const claimed = 15 * time.Minute

// Take claims a job that runs for as long as this invocation may, and counts the try.
func Take(ctx context.Context, db *dynamodb.Client, table string, key attr.Item, running string, now time.Time, try int) (claim string, until time.Time, err error) {
	until = now.Add(claimed)
	if deadline, ok := ctx.Deadline(); ok {
		until = now.Add(min(time.Until(deadline), claimed))
	}
	claim = rand.Text()
	_, err = db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &table, Key: key,
		UpdateExpression: aws.String("SET claim = :claim, busyUntil = :until, tries = :tries"),
		// Mine: the SDK repeats a write whose answer was lost.
		ConditionExpression:      aws.String("#status = :running AND busyUntil <= :now OR claim = :claim"),
		ExpressionAttributeNames: map[string]string{"#status": "status"},
		ExpressionAttributeValues: attr.Item{
			":claim": attr.S(claim), ":until": attr.Time(until), ":tries": attr.N(try), ":running": attr.S(running), ":now": attr.Time(now),
		},
	})
	if vault.IsConditionFailed(err) {
		return "", until, ErrBusy
	}
	if err != nil {
		return "", until, fmt.Errorf("claim job: %w", err)
	}
	return claim, until, nil
}

package purge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/jobs"
	"github.com/supportvault/supportvault/shared/receipt/chain"
	"github.com/supportvault/supportvault/shared/vault"
)

// archive puts the receipts that are not there yet where nobody can delete them, each under a name of its own. Put again, an
// object is one more version of the same bytes.
func (r *run) archive(ctx context.Context) error {
	head, err := r.Chain.Head(ctx, r.ses.Account)
	if errors.Is(err, chain.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	if r.fence == nil { // an earlier run may have got no further than its receipts
		archived, err := r.ses.FenceArchived(ctx)
		if err != nil || archived >= head.Head.Number {
			return err
		}
	}
	if _, err := r.hold(ctx); err != nil {
		return err
	}
	for n := r.fence.Archived + 1; n <= head.Head.Number; n++ {
		signed, err := r.Chain.Get(ctx, r.ses.Account, n)
		if err != nil {
			return err
		}
		line, err := signed.Line()
		if err != nil {
			return err
		}
		if err := r.Archive.Put(ctx, chain.Object(r.ses.Account, n), line); err != nil {
			return err
		}
	}
	if head.Head.Number > r.fence.Archived {
		if err := r.Store.Archived(ctx, *r.fence, head.Head.Number); err != nil {
			return err
		}
		r.fence.Archived = head.Head.Number
	}
	return nil
}

// extractRuns is how long after its beginning, or after the end of its last turn, an extract may still read.
const extractRuns = 3 * time.Hour

// extracts deletes the extracts that may hold something that is gone: those that ended after the first of it began.
func (r *run) extracts(ctx context.Context) error {
	if len(r.gone)+len(r.days) == 0 {
		return nil
	}
	// holds says whether an extract may hold something that went: it ended after that began, and began before that was hidden.
	holds := func(began, ended time.Time) bool {
		for _, g := range r.gone {
			hidden := g.Ending.Due
			if !g.Hand.IsZero() && g.Hand.Before(hidden) {
				hidden = g.Hand
			}
			if g.Since.Before(ended) && (began.Before(hidden) || g.Ending.Act == "") {
				return true
			}
		}
		return slices.ContainsFunc(r.days, func(f dayOf) bool { return f.Start.Before(ended) && began.Before(f.Ending.Due) })
	}
	var found []attr.Item
	in := attr.Partition(r.Store.Tables.Control, jobs.Partition(r.ses.Account, jobs.Extract))
	in.ProjectionExpression = aws.String("pk, sk, createdAt, busyUntil, reason")
	err := r.Store.Query(ctx, in, func(item attr.Item) (bool, error) {
		// Where the bucket has forgotten the files already, there is nothing to delete.
		at := attr.GetTime(item, "createdAt")
		if holds(at, vault.Latest(at, attr.GetTime(item, "busyUntil")).Add(extractRuns)) && r.Store.Now().Before(at.Add(48*time.Hour)) &&
			attr.GetS(item, "reason") != overlaps {
			found = append(found, item)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, job := range found {
		id := attr.GetS(job, "sk")
		_, err := r.Store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &r.Store.Tables.Control, Key: attr.Key(attr.GetS(job, "pk"), id),
			UpdateExpression:         aws.String("SET #status = :failed, reason = :overlaps, claim = :none"),
			ConditionExpression:      aws.String("attribute_exists(pk)"),
			ExpressionAttributeNames: map[string]string{"#status": "status"},
			ExpressionAttributeValues: attr.Item{
				":failed": attr.S(jobs.Failed), ":overlaps": attr.S(overlaps), ":none": attr.S(""),
			},
		})
		if err != nil {
			return err
		}
		if err := r.Extracts.DeleteAll(ctx, r.ses.Account+"/"+id+"/"); err != nil {
			return err
		}
		r.report.Extracts++
	}
	return nil
}

// overlaps is why an extract is not there any more.
const overlaps = "destroyed_meanwhile"

// Bucket is a bucket of which a part is deleted, or to which something is added.
type Bucket struct {
	Client *s3.Client
	Name   string
}

// Put adds an object.
func (b Bucket) Put(ctx context.Context, name string, body []byte) error {
	_, err := b.Client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.Name, Key: &name, Body: bytes.NewReader(body), ContentType: aws.String("application/json"),
	})
	if err != nil {
		return fmt.Errorf("archive receipt: %w", err)
	}
	return nil
}

// DeleteAll deletes every object whose name begins so.
func (b Bucket) DeleteAll(ctx context.Context, prefix string) error {
	pages := s3.NewListObjectsV2Paginator(b.Client, &s3.ListObjectsV2Input{Bucket: &b.Name, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list extract: %w", err)
		}
		if len(page.Contents) == 0 {
			break
		}
		objects := make([]types.ObjectIdentifier, len(page.Contents))
		for i, o := range page.Contents {
			objects[i] = types.ObjectIdentifier{Key: o.Key}
		}
		out, err := b.Client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &b.Name, Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)}})
		if err != nil {
			return fmt.Errorf("delete extract: %w", err)
		}
		if len(out.Errors) > 0 {
			return fmt.Errorf("delete extract: %d objects were refused", len(out.Errors))
		}
	}
	return nil
}

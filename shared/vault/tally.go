package vault

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/retention"
)

// Tally is how many records there are and how many sealed bytes they have.
type Tally struct {
	Records int
	Bytes   int64
}

// Tally counts what is settled in a cohort, without reading any of it: conversations by the index, which follows the table
// within moments and knows how large they are, facts by their items.
func (ses *Session) Tally(ctx context.Context, c Cohort) (t Tally, err error) {
	if c.Kind == retention.Fact {
		err = ses.Facts(ctx, c, "", 0, func(f SealedFact) (bool, error) {
			t.Records, t.Bytes = t.Records+1, t.Bytes+int64(f.Size())
			return true, nil
		})
		return t, err
	}
	for shard := range Shards {
		err := ses.store.Query(ctx, &dynamodb.QueryInput{
			TableName: &ses.store.Tables.Keys, IndexName: aws.String(Listing),
			KeyConditionExpression:    aws.String("listing = :listing"),
			ExpressionAttributeValues: attr.Item{":listing": attr.S(CohortListing(ses.Account, c.Kind, c.ID, shard))},
		}, func(item attr.Item) (bool, error) {
			t.Records, t.Bytes = t.Records+1, t.Bytes+attr.GetN(item, "bytes")
			return true, nil
		})
		if err != nil {
			return t, err
		}
	}
	return t, nil
}

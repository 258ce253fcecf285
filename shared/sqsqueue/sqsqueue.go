// Package sqsqueue sends to the queues of SQS. It receives nothing: what a function receives is a trigger, which package edge
// reads.
package sqsqueue

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Queue is a queue of SQS.
type Queue struct {
	Client client
	URL    string
}

type client interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// MaxDelay is the longest delay that SQS takes.
const MaxDelay = 15 * time.Minute

// Send sends a message, to be received after a delay in whole seconds.
func (q Queue) Send(ctx context.Context, body string, delay time.Duration) error {
	_, err := q.Client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &q.URL, MessageBody: &body, DelaySeconds: int32(delay / time.Second),
	})
	if err != nil {
		return fmt.Errorf("send to queue: %w", err)
	}
	return nil
}

// SendAll sends up to ten messages, which SQS takes in one request. After an error some of them may have been sent.
func (q Queue) SendAll(ctx context.Context, bodies []string) error { return q.SendFor(ctx, "", bodies) }

// SendFor is the same of messages for one account, which has its fair share of the queue: where it has many, those of others do
// not wait behind them.
func (q Queue) SendFor(ctx context.Context, account string, bodies []string) error {
	var group *string
	if account != "" {
		group = &account
	}
	entries := make([]types.SendMessageBatchRequestEntry, len(bodies))
	for i, body := range bodies {
		entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &body, MessageGroupId: group}
	}
	out, err := q.Client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.URL, Entries: entries})
	if err != nil {
		return fmt.Errorf("send to queue: %w", err)
	}
	if len(out.Failed) > 0 {
		return fmt.Errorf("send to queue: %d of %d refused", len(out.Failed), len(entries))
	}
	return nil
}

// Texts are the bodies of messages that are references.
func Texts[T fmt.Stringer](references []T) []string {
	texts := make([]string, len(references))
	for i, r := range references {
		texts[i] = r.String()
	}
	return texts
}

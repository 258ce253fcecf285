package sqsqueue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/sqsqueue"
)

// client writes down what it is to send.
type client struct {
	sent    []string
	refuses int // of a batch
	fails   error
}

func (c *client) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	c.sent = append(c.sent, fmt.Sprint(aws.ToString(in.QueueUrl), " ", aws.ToString(in.MessageBody), " ", in.DelaySeconds))
	return &sqs.SendMessageOutput{}, c.fails
}

func (c *client) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	ids := map[string]bool{}
	for _, e := range in.Entries {
		ids[aws.ToString(e.Id)] = true
		c.sent = append(c.sent, fmt.Sprint(aws.ToString(in.QueueUrl), " ", aws.ToString(e.MessageBody), " ", e.DelaySeconds))
	}
	if len(ids) != len(in.Entries) {
		return nil, errors.New("two messages have one id")
	}
	return &sqs.SendMessageBatchOutput{Failed: make([]types.BatchResultErrorEntry, c.refuses)}, c.fails
}

type reference int

func (r reference) String() string { return fmt.Sprintf("reference %d", int(r)) }

func TestSend(t *testing.T) {
	gone := errors.New("the queue is gone")
	for _, tc := range []struct {
		name   string
		client client
		send   func(context.Context, sqsqueue.Queue) error
		sent   []string
		err    error
		text   string
	}{
		{"a message", client{}, func(ctx context.Context, q sqsqueue.Queue) error { return q.Send(ctx, "hello", 0) }, []string{"u hello 0"}, nil, ""},
		{"a message that waits", client{}, func(ctx context.Context, q sqsqueue.Queue) error { return q.Send(ctx, "hello", 1500*time.Millisecond) },
			[]string{"u hello 1"}, nil, ""},
		{"a message that is not sent", client{fails: gone}, func(ctx context.Context, q sqsqueue.Queue) error { return q.Send(ctx, "canary", 0) },
			[]string{"u canary 0"}, gone, "send to queue: the queue is gone"},
		{"several", client{}, func(ctx context.Context, q sqsqueue.Queue) error { return q.SendAll(ctx, []string{"a", "b"}) },
			[]string{"u a 0", "u b 0"}, nil, ""},
		{"several references", client{}, func(ctx context.Context, q sqsqueue.Queue) error {
			return q.SendAll(ctx, sqsqueue.Texts([]reference{1, 2}))
		},
			[]string{"u reference 1 0", "u reference 2 0"}, nil, ""},
		{"several of which one is refused", client{refuses: 1}, func(ctx context.Context, q sqsqueue.Queue) error { return q.SendAll(ctx, []string{"canary", "b"}) },
			[]string{"u canary 0", "u b 0"}, nil, "send to queue: 1 of 2 refused"},
		{"several that are not sent", client{fails: gone}, func(ctx context.Context, q sqsqueue.Queue) error { return q.SendAll(ctx, []string{"canary"}) },
			[]string{"u canary 0"}, gone, "send to queue: the queue is gone"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.send(t.Context(), sqsqueue.Queue{Client: &tc.client, URL: "u"})
			if diff := cmp.Diff(tc.sent, tc.client.sent); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			switch {
			case tc.text == "" && err != nil, tc.text != "" && (err == nil || err.Error() != tc.text), tc.err != nil && !errors.Is(err, tc.err):
				t.Errorf("error %v, want %q", err, tc.text)
			case err != nil && strings.Contains(err.Error(), "canary"):
				t.Errorf("content in the error: %v", err)
			}
		})
	}
}

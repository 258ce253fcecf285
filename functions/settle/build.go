package settle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	bustypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/vault"
)

// Build makes the handler of the deployed function; it is the only place that names clients of AWS.
func Build() (*Handler, error) {
	config, err := ReadConfig()
	if err != nil {
		return nil, err
	}
	cfg := awsenv.Config()
	queues := sqs.NewFromConfig(cfg)
	return New(Deps{
		Store: vault.Connect(cfg, config.Tables, config.ObjectsBucket),
		Queue: sqsQueue{queues, config.Queue}, Purge: sqsQueue{queues, config.PurgeQueue},
		Bus: eventBus{eventbridge.NewFromConfig(cfg), config.Bus},
	}), nil
}

// Handle tells the two triggers apart: the schedule's input has an action.
func (h *Handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var in struct {
		Action string `json:"action"`
		events.SQSEvent
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, errors.New("neither a batch of the queue nor an action")
	}
	switch {
	case in.Action == "sweep":
		return h.Sweep(ctx)
	case in.Action != "" || in.Records == nil:
		return nil, errors.New(`the action must be "sweep"`)
	}
	return h.Batch(ctx, in.SQSEvent)
}

type sqsQueue struct {
	client *sqs.Client
	url    string
}

func (q sqsQueue) Send(ctx context.Context, references []vault.Reference) error {
	entries := make([]sqstypes.SendMessageBatchRequestEntry, len(references))
	for i, r := range references {
		entries[i] = sqstypes.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(r.String())}
	}
	out, err := q.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
	if err != nil {
		return fmt.Errorf("send to queue: %w", err)
	}
	if len(out.Failed) > 0 {
		return fmt.Errorf("send to queue: %d of %d refused", len(out.Failed), len(entries))
	}
	return nil
}

type eventBus struct {
	client *eventbridge.Client
	name   string
}

func (b eventBus) Publish(ctx context.Context, e Event) error {
	detail, err := json.Marshal(e)
	if err != nil {
		return err
	}
	out, err := b.client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []bustypes.PutEventsRequestEntry{{
		EventBusName: &b.name, Source: aws.String("supportvault"), DetailType: aws.String("record.settled"), Detail: aws.String(string(detail)),
	}}})
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if out.FailedEntryCount > 0 {
		return errors.New("publish: refused")
	}
	return nil
}

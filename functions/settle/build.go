package settle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	bustypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/sqsqueue"
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
		Queue: references{queues, config.Queue}, Purge: references{queues, config.PurgeQueue},
		Bus: eventBus{eventbridge.NewFromConfig(cfg), config.Bus},
	}), nil
}

// Handle tells the triggers apart.
func (h *Handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	return edge.Triggers{Batch: h.Batch, Otherwise: edge.Action("sweep", h.Sweep)}.Handle(ctx, raw)
}

// references is a queue of references.
type references sqsqueue.Queue

func (q references) Send(ctx context.Context, all []vault.Reference) error {
	return sqsqueue.Queue(q).SendAll(ctx, sqsqueue.Texts(all))
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

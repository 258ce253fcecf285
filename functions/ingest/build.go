package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/health"
	"github.com/supportvault/supportvault/shared/intake"
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
	store := vault.Connect(cfg, config.Tables, config.ObjectsBucket, vault.Impatient)
	client := sqs.NewFromConfig(cfg)
	return New(config, Deps{
		Store: store, Health: health.NewCounter(store.DB, config.Tables.Control, store.Now),
		Queue: Queues{
			Ingest: sqsqueue.Queue{Client: client, URL: config.IngestQueue}, Attaching: sqsqueue.Queue{Client: client, URL: config.AttachQueue},
			SettleQueue: intake.SettleQueue{Queue: sqsqueue.Queue{Client: client, URL: config.SettleQueue}, Delay: config.SettleDelay},
		},
	}), nil
}

// Handle tells the two triggers apart by the field that only a queue's batch has.
func (h *Handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	if bytes.Contains(raw, []byte(`"requestContext"`)) {
		var req events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal(raw, &req); err != nil {
			return nil, fmt.Errorf("not a request of the HTTP API")
		}
		if req.RouteKey != "" {
			return h.Webhook(ctx, req)
		}
	}
	var batch events.SQSEvent
	if err := json.Unmarshal(raw, &batch); err != nil {
		return nil, fmt.Errorf("neither a request of the HTTP API nor a batch of the queue")
	}
	return h.QueueBatch(ctx, batch)
}

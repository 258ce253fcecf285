package mail

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
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
	return New(config, Deps{
		Store: vault.Connect(cfg, config.Tables, config.ObjectsBucket),
		SES: sesv2.NewFromConfig(cfg, func(o *sesv2.Options) {
			// Only what SES has certainly not taken is sent again here: an answer that was lost may have been a yes.
			o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
				s.Retryables = []retry.IsErrorRetryable{retry.RetryableErrorCode{Codes: map[string]struct{}{"TooManyRequestsException": {}}}}
				s.MaxAttempts = 4
			})
		}),
		Queue: sqsqueue.Queue{Client: queues, URL: config.QueueURL}, Purge: sqsqueue.Queue{Client: queues, URL: config.PurgeQueueURL},
	}), nil
}

// Handle tells the triggers apart.
func (h *Handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	return edge.Triggers{Batch: h.Batch, Otherwise: edge.Action("digest", h.Digests)}.Handle(ctx, raw)
}

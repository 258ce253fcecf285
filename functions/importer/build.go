package importer

import (
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/intake"
	"github.com/supportvault/supportvault/shared/sqsqueue"
	"github.com/supportvault/supportvault/shared/staging"
	"github.com/supportvault/supportvault/shared/vault"
)

// Build makes the handler of the deployed function; it is the only place that names clients of AWS.
func Build() (*Handler, error) {
	config, err := ReadConfig()
	if err != nil {
		return nil, err
	}
	cfg := awsenv.Config()
	store, client := vault.Connect(cfg, config.Tables, config.ObjectsBucket), sqs.NewFromConfig(cfg)
	return New(config, Deps{
		Store:    store,
		Files:    staging.New(vault.NewS3(cfg), config.StagingBucket),
		Queue:    sqsqueue.Queue{Client: client, URL: config.QueueURL},
		Settling: intake.SettleQueue{Queue: sqsqueue.Queue{Client: client, URL: config.SettleQueue}, Delay: config.SettleDelay},
		Audit:    audit.Writer(store.DB, config.Tables.Control),
	}), nil
}

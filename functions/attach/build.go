package attach

import (
	"context"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/guard"
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
	return New(Deps{
		Store: vault.Connect(cfg, config.Tables, config.ObjectsBucket), Fetch: guard.New(guard.Options{}),
		Uploads: staged{staging.New(vault.NewS3(cfg), config.StagingBucket)},
		Queue:   attachQueue{sqsqueue.Queue{Client: sqs.NewFromConfig(cfg), URL: config.Queue}},
	}), nil
}

// staged are uploads in the staging bucket.
type staged struct{ staging.Bucket }

func (s staged) Open(ctx context.Context, key string) (io.ReadCloser, string, error) {
	body, contentType, err := s.Bucket.Open(ctx, key)
	if errors.Is(err, staging.ErrGone) {
		return nil, "", ErrNoUpload
	}
	return body, contentType, err
}

// attachQueue is the attach queue.
type attachQueue struct{ sqsqueue.Queue }

func (q attachQueue) Attach(ctx context.Context, files []vault.FileReference) error {
	return q.SendFor(ctx, files[0].Account, sqsqueue.Texts(files))
}

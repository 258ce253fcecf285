package extract

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/ledger"
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
	store := vault.Connect(cfg, config.Tables, config.ObjectsBucket)
	return New(config, Deps{
		Store:  store,
		Files:  NewBucket(vault.NewS3(cfg), config.ExportsBucket),
		Queue:  sqsqueue.Queue{Client: sqs.NewFromConfig(cfg), URL: config.QueueURL},
		Ledger: &ledger.Ledger{DB: store.DB, Table: config.Tables.Control, Now: store.Now},
		Audit:  audit.Writer(store.DB, config.Tables.Control),
	}), nil
}

// partSize is the size of the parts of an upload, the smallest that S3 allows. 10,000 of them are 50 GB.
const partSize = 5 << 20

// Bucket is the exports bucket.
type Bucket struct {
	uploads *transfermanager.Client
	links   *s3.PresignClient
	name    string
}

// NewBucket makes the bucket of a client.
func NewBucket(client *s3.Client, name string) Bucket {
	return Bucket{
		// One part of a file at a time: three files are written side by side, and each holds two parts in memory.
		uploads: transfermanager.New(client, func(o *transfermanager.Options) {
			o.Concurrency, o.PartSizeBytes, o.MultipartUploadThreshold = 1, partSize, partSize
		}),
		links: s3.NewPresignClient(client), name: name,
	}
}

// Put writes a file of what the reader gives.
func (b Bucket) Put(ctx context.Context, key, contentType string, r io.Reader) error {
	_, err := b.uploads.UploadObject(ctx, &transfermanager.UploadObjectInput{
		Bucket: &b.name, Key: &key, Body: r, ContentType: &contentType,
	})
	return err
}

// Link is a URL by which anybody may get a file, under its name, until the time is over.
func (b Bucket) Link(ctx context.Context, key, name string, life time.Duration) (string, error) {
	out, err := b.links.PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &b.name, Key: &key, ResponseContentDisposition: aws.String(fmt.Sprintf("attachment; filename=%q", name)),
	}, s3.WithPresignExpires(life))
	if err != nil {
		return "", fmt.Errorf("sign link: %w", err)
	}
	return out.URL, nil
}

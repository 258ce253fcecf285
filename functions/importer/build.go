package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/awsenv"
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
	store, client := vault.Connect(cfg, config.Tables, config.ObjectsBucket), sqs.NewFromConfig(cfg)
	return New(config, Deps{
		Store:    store,
		Files:    NewBucket(vault.NewS3(cfg), config.StagingBucket),
		Queue:    sqsqueue.Queue{Client: client, URL: config.QueueURL},
		Settling: intake.SettleQueue{Queue: sqsqueue.Queue{Client: client, URL: config.SettleQueue}, Delay: config.SettleDelay},
		Audit:    audit.Writer(store.DB, config.Tables.Control),
	}), nil
}

// Bucket is the staging bucket.
type Bucket struct {
	client *s3.Client
	links  *s3.PresignClient
	name   string
}

// NewBucket makes the bucket of a client.
func NewBucket(client *s3.Client, name string) Bucket {
	return Bucket{client, s3.NewPresignClient(client), name}
}

const contentType = "application/x-ndjson"

// Upload is a request by which anybody may put a file, until the time is over.
func (b Bucket) Upload(ctx context.Context, key string, life time.Duration) (url string, headers map[string]string, err error) {
	out, err := b.links.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: &b.name, Key: &key, ContentType: aws.String(contentType)}, s3.WithPresignExpires(life))
	if err != nil {
		return "", nil, fmt.Errorf("sign upload: %w", err)
	}
	return out.URL, map[string]string{"content-type": contentType}, nil
}

// Size is how many bytes a file has, and the tag of its content; ok is false where there is none.
func (b Bucket) Size(ctx context.Context, key string) (bytes int64, tag string, ok bool, err error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key})
	if _, missing := errors.AsType[*s3types.NotFound](err); missing {
		return 0, "", false, nil
	}
	if err != nil {
		return 0, "", false, fmt.Errorf("look at upload: %w", err)
	}
	return aws.ToInt64(out.ContentLength), aws.ToString(out.ETag), true, nil
}

// Read reads up to n bytes of a file from an offset on, and the tag of its content; errGone where there is none.
func (b Bucket) Read(ctx context.Context, key string, from int64, n int) (some []byte, tag string, err error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &b.name, Key: &key, Range: aws.String(fmt.Sprintf("bytes=%d-%d", from, from+int64(n)-1)),
	})
	if _, missing := errors.AsType[*s3types.NoSuchKey](err); missing {
		return nil, "", errGone
	}
	if err != nil {
		return nil, "", fmt.Errorf("read upload: %w", err)
	}
	defer out.Body.Close()
	some = make([]byte, min(int64(n), aws.ToInt64(out.ContentLength))) // at once: as it grew, it would be there several times
	_, err = io.ReadFull(out.Body, some)
	return some, aws.ToString(out.ETag), err
}

// Delete deletes a file.
func (b Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key})
	return err
}

package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/guard"
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
	bucket := vault.NewS3(cfg)
	return New(Deps{
		Store: vault.Connect(cfg, config.Tables, config.ObjectsBucket), Fetch: guard.New(guard.Options{}),
		Uploads: staging{bucket, s3.NewPresignClient(bucket), config.StagingBucket},
		Queue:   attachQueue{sqsqueue.Queue{Client: sqs.NewFromConfig(cfg), URL: config.Queue}},
	}), nil
}

// staging is the bucket that uploads land in.
type staging struct {
	client *s3.Client
	links  *s3.PresignClient
	name   string
}

func (b staging) Open(ctx context.Context, key string) (io.ReadCloser, string, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if _, gone := errors.AsType[*s3types.NoSuchKey](err); gone {
		return nil, "", ErrNoUpload
	}
	if err != nil {
		return nil, "", fmt.Errorf("get upload: %w", err)
	}
	return out.Body, aws.ToString(out.ContentType), nil
}

func (b staging) Delete(ctx context.Context, key string) error {
	if _, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key}); err != nil {
		return fmt.Errorf("delete upload: %w", err)
	}
	return nil
}

func (b staging) Link(ctx context.Context, key, contentType string, size int64, life time.Duration) (string, map[string]string, error) {
	req, err := b.links.PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, ContentType: &contentType, ContentLength: &size,
	}, s3.WithPresignExpires(life))
	if err != nil {
		return "", nil, fmt.Errorf("link of an upload: %w", err)
	}
	headers := map[string]string{}
	for name := range req.SignedHeader {
		if n := strings.ToLower(name); n != "host" && n != "content-length" {
			headers[n] = http.Header(req.SignedHeader).Get(name)
		}
	}
	headers["content-length"] = strconv.FormatInt(size, 10)
	return req.URL, headers, nil
}

// attachQueue is the attach queue.
type attachQueue struct{ sqsqueue.Queue }

func (q attachQueue) Attach(ctx context.Context, files []vault.FileReference) error {
	return q.SendFor(ctx, files[0].Account, sqsqueue.Texts(files))
}

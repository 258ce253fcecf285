// Package staging is the bucket that uploads land in, as they are, until they are sealed or stored. Who may upload what is signed
// into a link: its key, its type and its size. The bucket forgets what nobody deletes.
package staging

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
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// ErrGone is returned for an upload that is not there.
var ErrGone = errors.New("staging: upload gone")

// Bucket is the staging bucket.
type Bucket struct {
	client *s3.Client
	links  *s3.PresignClient
	name   string
}

// New makes the bucket of a client.
func New(client *s3.Client, name string) Bucket {
	return Bucket{client, s3.NewPresignClient(client), name}
}

// Link is a URL by which so many bytes of a type can be put for a while, and the headers that the request must have.
func (b Bucket) Link(ctx context.Context, key, contentType string, size int64, life time.Duration) (url string, headers map[string]string, err error) {
	req, err := b.links.PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, ContentType: &contentType, ContentLength: &size,
	}, s3.WithPresignExpires(life))
	if err != nil {
		return "", nil, fmt.Errorf("link of an upload: %w", err)
	}
	headers = map[string]string{}
	for name := range req.SignedHeader {
		if n := strings.ToLower(name); n != "host" && n != "content-length" {
			headers[n] = http.Header(req.SignedHeader).Get(name)
		}
	}
	headers["content-length"] = strconv.FormatInt(size, 10)
	return req.URL, headers, nil
}

// Size is how many bytes an upload has, and the tag of its content, or ErrGone.
func (b Bucket) Size(ctx context.Context, key string) (bytes int64, tag string, err error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key})
	if _, missing := errors.AsType[*types.NotFound](err); missing {
		return 0, "", ErrGone
	}
	if err != nil {
		return 0, "", fmt.Errorf("look at upload: %w", err)
	}
	return aws.ToInt64(out.ContentLength), aws.ToString(out.ETag), nil
}

// Open opens an upload and says of which type it is, or answers ErrGone.
func (b Bucket) Open(ctx context.Context, key string) (io.ReadCloser, string, error) {
	out, err := b.get(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return nil, "", err
	}
	return out.Body, aws.ToString(out.ContentType), nil
}

// Read reads up to n bytes of an upload from an offset on, and the tag of its content, or answers ErrGone.
func (b Bucket) Read(ctx context.Context, key string, from int64, n int) (some []byte, tag string, err error) {
	out, err := b.get(ctx, &s3.GetObjectInput{
		Bucket: &b.name, Key: &key, Range: aws.String(fmt.Sprintf("bytes=%d-%d", from, from+int64(n)-1)),
	})
	if err != nil {
		return nil, "", err
	}
	defer out.Body.Close()
	some = make([]byte, min(int64(n), aws.ToInt64(out.ContentLength))) // at once: as it grew, it would be there several times
	if _, err := io.ReadFull(out.Body, some); err != nil {
		return nil, "", fmt.Errorf("read upload: %w", err)
	}
	return some, aws.ToString(out.ETag), nil
}

func (b Bucket) get(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	out, err := b.client.GetObject(ctx, in)
	if _, missing := errors.AsType[*types.NoSuchKey](err); missing {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("get upload: %w", err)
	}
	return out, nil
}

// Delete deletes an upload; one that is gone is no error.
func (b Bucket) Delete(ctx context.Context, key string) error {
	if _, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key}); err != nil {
		return fmt.Errorf("delete upload: %w", err)
	}
	return nil
}

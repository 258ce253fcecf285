package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// InlineLimit is the size in bytes up to which something sealed stands in its item; what is larger is an object in S3 that
// the item names. A DynamoDB item may have 400 KB, but is billed by the KB for every write.
const InlineLimit = 32 << 10

// maxObject bounds what is read of one object.
const maxObject = 64 << 20

type s3Client interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// Objects are the sealed objects of one bucket.
type Objects struct {
	Client s3Client
	Bucket string
}

// BodyObject is the name of the object of something sealed of a conversation.
func BodyObject(account, record, name string) string {
	return "bodies/" + account + "/" + record + "/" + strings.ReplaceAll(name, "#", "/")
}

// FileObject is the name of the object of a file. There is one for each file, so that whoever deletes the file's row knows it.
func FileObject(r FileReference) string {
	return "files/" + r.Account + "/" + ID(r.Record, r.Incarnation) + "/" + r.File
}

// QueueObject is the name of the object of a message too large for a queue.
func QueueObject(account, message string) string { return "queue/" + account + "/" + message }

// ErrObjectGone is returned for an object that is not there: its conversation was destroyed or settled meanwhile, or
// somebody deleted it.
var ErrObjectGone = fmt.Errorf("%w: object gone", ErrUnreadable)

// Put writes an object.
func (o *Objects) Put(ctx context.Context, name string, sealed []byte) error {
	_, err := o.Client.PutObject(ctx, &s3.PutObjectInput{Bucket: &o.Bucket, Key: &name, Body: bytes.NewReader(sealed)})
	if err != nil {
		return fmt.Errorf("put object: %w", err)
	}
	return nil
}

// Get reads an object, or ErrObjectGone.
func (o *Objects) Get(ctx context.Context, name string) ([]byte, error) {
	return o.get(ctx, &s3.GetObjectInput{Bucket: &o.Bucket, Key: &name})
}

// GetPart reads the bytes of an object from start and before end, or ErrObjectGone. Where it is shorter, they are fewer.
func (o *Objects) GetPart(ctx context.Context, name string, start, end int64) ([]byte, error) {
	return o.get(ctx, &s3.GetObjectInput{Bucket: &o.Bucket, Key: &name, Range: aws.String(fmt.Sprintf("bytes=%d-%d", start, end-1))})
}

func (o *Objects) get(ctx context.Context, in *s3.GetObjectInput) ([]byte, error) {
	out, err := o.Client.GetObject(ctx, in)
	if _, gone := errors.AsType[*types.NoSuchKey](err); gone {
		return nil, ErrObjectGone
	}
	if err != nil {
		return nil, fmt.Errorf("get object: %w", err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(io.LimitReader(out.Body, maxObject+1))
	if err != nil {
		return nil, fmt.Errorf("get object: %w", err)
	}
	if len(b) > maxObject {
		return nil, fmt.Errorf("get object: over %d bytes", maxObject)
	}
	return b, nil
}

// Delete deletes an object; one that is gone is no error.
func (o *Objects) Delete(ctx context.Context, name string) error {
	if _, err := o.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &o.Bucket, Key: &name}); err != nil {
		return fmt.Errorf("delete object: %w", err)
	}
	return nil
}

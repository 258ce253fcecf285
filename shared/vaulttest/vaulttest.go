// Package vaulttest gives tests a vault on DynamoDB Local: the real tables with the real conditions, a clock that the test
// sets, and, where a test must see or break what goes out, a KMS, a bucket and queues in memory.
//
// The endpoint is taken from SUPPORTVAULT_DYNAMODB; `make test` sets it. A test without it fails: it does not skip.
package vaulttest

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/vault"
)

// Clock is a clock that stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set moves the clock to an instant.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

// Vault is a vault with tables of its own.
type Vault struct {
	*vault.Store
	Clock *Clock
	KMS   *KMS
	S3    *Bucket
	// Fault, if set, is asked before every request to DynamoDB and to the bucket; an error that it returns is the request's
	// answer, and the request is not made. Its context is the request's.
	Fault Hook
	// After is the same after a request has been made. ErrAgain has it made again, and the second answer counts.
	After Hook
}

// ErrAgain is for a request whose answer is lost, which the SDK makes again.
var ErrAgain = errors.New("vaulttest: once more")

// Hook sees requests.
type Hook struct {
	f atomic.Pointer[func(context.Context, Request) error]
}

// Set makes f what sees requests from now on; nil is nothing.
func (h *Hook) Set(f func(context.Context, Request) error) {
	if f == nil {
		h.f.Store(nil)
		return
	}
	h.f.Store(&f)
}

func (h *Hook) see(ctx context.Context, r Request) error {
	if f := h.f.Load(); f != nil {
		return (*f)(ctx, r)
	}
	return nil
}

// Request is one request to DynamoDB or to the bucket.
type Request struct {
	// Operation is the name of the API, such as PutItem or DeleteObject.
	Operation string
	// Tables are the physical names of the tables that it reaches, of a transaction one for each of its items; none for the bucket.
	Tables []string
}

// Writes says whether a request changes anything.
func (r Request) Writes() bool {
	switch r.Operation {
	case "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems", "PutObject", "DeleteObject":
		return true
	}
	return false
}

func requestOf(operation string, parameters any) Request {
	r := Request{Operation: operation}
	switch in := parameters.(type) {
	case *dynamodb.GetItemInput:
		r.Tables = []string{*in.TableName}
	case *dynamodb.QueryInput:
		r.Tables = []string{*in.TableName}
	case *dynamodb.ScanInput:
		r.Tables = []string{*in.TableName}
	case *dynamodb.PutItemInput:
		r.Tables = []string{*in.TableName}
	case *dynamodb.UpdateItemInput:
		r.Tables = []string{*in.TableName}
	case *dynamodb.DeleteItemInput:
		r.Tables = []string{*in.TableName}
	case *dynamodb.BatchGetItemInput:
		r.Tables = slices.Sorted(maps.Keys(in.RequestItems))
	case *dynamodb.BatchWriteItemInput:
		r.Tables = slices.Sorted(maps.Keys(in.RequestItems))
	case *dynamodb.TransactWriteItemsInput:
		for _, w := range in.TransactItems {
			switch {
			case w.Put != nil:
				r.Tables = append(r.Tables, *w.Put.TableName)
			case w.Update != nil:
				r.Tables = append(r.Tables, *w.Update.TableName)
			case w.Delete != nil:
				r.Tables = append(r.Tables, *w.Delete.TableName)
			case w.ConditionCheck != nil:
				r.Tables = append(r.Tables, *w.ConditionCheck.TableName)
			}
		}
	case *dynamodb.TransactGetItemsInput:
		for _, w := range in.TransactItems {
			if w.Get != nil {
				r.Tables = append(r.Tables, *w.Get.TableName)
			}
		}
	}
	return r
}

// New makes a vault whose tables live as long as the test.
func New(t testing.TB, now time.Time) *Vault {
	t.Helper()
	endpoint := os.Getenv("SUPPORTVAULT_DYNAMODB")
	if endpoint == "" {
		t.Fatal("SUPPORTVAULT_DYNAMODB is not set: run the tests by `make test`, or start DynamoDB Local and set it to its URL")
	}
	v := connect(now, endpoint)
	for _, table := range []string{v.Tables.Records, v.Tables.Keys, v.Tables.Control} {
		create(t, v.DB, table, table == v.Tables.Keys)
	}
	return v
}

// connect makes a vault whose client passes every request by the hooks, and then by more.
func connect(now time.Time, endpoint string, more ...func(*middleware.Stack) error) *Vault {
	v := &Vault{Clock: &Clock{now: now}, KMS: NewKMS(), S3: NewBucket()}
	v.S3.before, v.S3.after = &v.Fault, &v.After
	cfg := aws.Config{
		Region: "local", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, // as many as a test has workers
	}
	db := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		// The hooks stand outside of the SDK's own repetitions: what they answer is not tried again, a broken connection is.
		o.APIOptions = append(append(o.APIOptions, v.inject), more...)
	})
	name := strings.ToLower(rand.Text()[:12])
	v.Store = &vault.Store{
		DB: db, Now: v.Clock.Now, Ring: keyring.New(v.KMS, v.Clock.Now), Objects: &vault.Objects{Client: v.S3, Bucket: "objects"},
		Tables: vault.Tables{Records: "records-" + name, Keys: "keys-" + name, Control: "control-" + name},
	}
	return v
}

func create(t testing.TB, db *dynamodb.Client, table string, indexed bool) {
	t.Helper()
	attribute := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS}
	}
	schema := func(hash, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}}
	}
	in := &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest, KeySchema: schema("pk", "sk"),
		AttributeDefinitions: []types.AttributeDefinition{attribute("pk"), attribute("sk")},
	}
	if indexed {
		in.AttributeDefinitions = append(in.AttributeDefinitions, attribute("listing"), attribute("position"))
		in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{
			IndexName: aws.String(vault.Listing), KeySchema: schema("listing", "position"),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: Projected},
		}}
	}
	ctx := context.Background()
	if _, err := db.CreateTable(ctx, in); err != nil {
		t.Fatalf("create table: %v", err)
	}
	t.Cleanup(func() { _, _ = db.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &table}) })
}

func (v *Vault) inject(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("fault", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (out middleware.InitializeOutput, md middleware.Metadata, err error) {
		r := requestOf(middleware.GetOperationName(ctx), in.Parameters)
		if err := v.Fault.see(ctx, r); err != nil {
			return out, md, err
		}
		out, md, err = next.HandleInitialize(ctx, in)
		if err == nil {
			err = v.After.see(ctx, r)
		}
		if errors.Is(err, ErrAgain) {
			return next.HandleInitialize(ctx, in)
		}
		return out, md, err
	}), middleware.After)
}

// Items reads a whole table.
func (v *Vault) Items(t testing.TB, table string) []attr.Item {
	t.Helper()
	var items []attr.Item
	pages := dynamodb.NewScanPaginator(v.DB, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatalf("scan: %v", err)
		}
		items = append(items, page.Items...)
	}
	return items
}

// Restore puts items back into a table, as a recovery would.
func (v *Vault) Restore(t testing.TB, table string, items []attr.Item) {
	t.Helper()
	for _, item := range items {
		if _, err := v.DB.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
			t.Fatalf("restore: %v", err)
		}
	}
}

// KMS is a key management service in memory. It refuses another encryption context, as KMS does.
type KMS struct {
	aead  cipher.AEAD
	calls atomic.Int64
}

// NewKMS makes one with a random key.
func NewKMS() *KMS {
	block, err := aes.NewCipher(keyring.NewKey())
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return &KMS{aead: aead}
}

// Calls is how often KMS was asked.
func (k *KMS) Calls() int { return int(k.calls.Load()) }

// GenerateDataKey makes a key.
func (k *KMS) GenerateDataKey(_ context.Context, in *kms.GenerateDataKeyInput, _ ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	k.calls.Add(1)
	key, nonce := keyring.NewKey(), make([]byte, 12)
	rand.Read(nonce)
	return &kms.GenerateDataKeyOutput{Plaintext: key, CiphertextBlob: k.aead.Seal(nonce, nonce, key, []byte(fmt.Sprint(in.EncryptionContext)))}, nil
}

// Decrypt opens a key.
func (k *KMS) Decrypt(_ context.Context, in *kms.DecryptInput, _ ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	k.calls.Add(1)
	if len(in.CiphertextBlob) < 12 {
		return nil, errors.New("InvalidCiphertextException")
	}
	key, err := k.aead.Open(nil, in.CiphertextBlob[:12], in.CiphertextBlob[12:], []byte(fmt.Sprint(in.EncryptionContext)))
	if err != nil {
		return nil, errors.New("InvalidCiphertextException")
	}
	return &kms.DecryptOutput{Plaintext: key}, nil
}

// Bucket is a bucket in memory.
type Bucket struct {
	mu            sync.Mutex
	objects       map[string][]byte
	before, after *Hook
}

// NewBucket makes an empty one.
func NewBucket() *Bucket {
	return &Bucket{objects: map[string][]byte{}, before: &Hook{}, after: &Hook{}}
}

// PutBack makes the bucket hold what Objects answered earlier.
func (b *Bucket) PutBack(objects map[string][]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects = maps.Clone(objects)
}

// request makes a request between the hooks. Made again, it is as it was.
func (b *Bucket) request(ctx context.Context, operation string, do func()) error {
	r := Request{Operation: operation}
	if err := b.before.see(ctx, r); err != nil {
		return err
	}
	b.mu.Lock()
	do()
	b.mu.Unlock()
	if err := b.after.see(ctx, r); !errors.Is(err, ErrAgain) {
		return err
	}
	return nil
}

// Objects is a copy of what the bucket holds.
func (b *Bucket) Objects() map[string][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string][]byte{}
	for name, body := range b.objects {
		all[name] = bytes.Clone(body)
	}
	return all
}

// PutObject keeps an object.
func (b *Bucket) PutObject(ctx context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	return &s3.PutObjectOutput{}, b.request(ctx, "PutObject", func() { b.objects[*in.Key] = body })
}

// GetObject hands an object out.
func (b *Bucket) GetObject(ctx context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	var body []byte
	var ok bool
	if err := b.request(ctx, "GetObject", func() { body, ok = b.objects[*in.Key] }); err != nil {
		return nil, err
	}
	if !ok {
		return nil, &s3types.NoSuchKey{}
	}
	if in.Range != nil {
		var from, to int
		if n, err := fmt.Sscanf(*in.Range, "bytes=%d-%d", &from, &to); n != 2 || from > to || from >= len(body) {
			return nil, fmt.Errorf("InvalidRange: %w", err)
		}
		body = body[from:min(to+1, len(body))]
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(body))}, nil
}

// DeleteObject forgets an object.
func (b *Bucket) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput, _ ...func(*s3.Options)) (*s3.DeleteObjectOutput, error) {
	return &s3.DeleteObjectOutput{}, b.request(ctx, "DeleteObject", func() { delete(b.objects, *in.Key) })
}

// Forget removes every object whose name begins so.
func (b *Bucket) Forget(prefix string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.objects, func(name string, _ []byte) bool { return strings.HasPrefix(name, prefix) })
}

// Keep puts what a reader gives.
func (b *Bucket) Keep(name string, r io.Reader) error {
	_, err := b.PutObject(context.Background(), &s3.PutObjectInput{Key: &name, Body: r})
	return err
}

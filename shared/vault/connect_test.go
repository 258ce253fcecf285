package vault_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/vault"
)

// answers is a DynamoDB that answers every request the same.
type answers struct {
	status   int
	body     string
	requests int
}

func (a *answers) Do(*http.Request) (*http.Response, error) {
	a.requests++
	return &http.Response{
		StatusCode: a.status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(strings.NewReader(a.body)),
	}, nil
}

const (
	throttled = `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}`
	throttles = `{"__type":"com.amazon.coral.availability#ThrottlingException","message":"slow down"}`
	broken    = `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"broken"}`
)

// How long the client, as a function has it, stays with a write that never succeeds.
func TestConnectPatience(t *testing.T) {
	impatient := []func(*dynamodb.Options){vault.Impatient}
	for _, tc := range []struct {
		name     string
		options  []func(*dynamodb.Options)
		status   int
		body     string
		from, to time.Duration // the longest of 30 writes, all of which are repeated twice
	}{
		{"a throttled table, by default", nil, 400, throttled, 3 * time.Second, 6 * time.Second},
		{"a throttled table, impatient", impatient, 400, throttled, 50 * time.Millisecond, 150 * time.Millisecond},
		{"throttled by the account's limits, impatient", impatient, 400, throttles, 50 * time.Millisecond, 150 * time.Millisecond},
		{"a broken table, impatient", impatient, 500, broken, 3 * time.Second, 6 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := &answers{status: tc.status, body: tc.body}
				cfg := aws.Config{Region: "us-east-2", Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), HTTPClient: db}
				store := vault.Connect(cfg, vault.Tables{Records: "records"}, "", tc.options...)
				put := func() time.Duration {
					begin := time.Now()
					_, err := store.DB.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &store.Tables.Records, Item: attr.Key("a", "b")})
					if err == nil {
						t.Fatal("it was written")
					}
					if _, ok := errors.AsType[*types.ProvisionedThroughputExceededException](err); ok != (tc.body == throttled) {
						t.Fatalf("%v", err)
					}
					return time.Since(begin)
				}
				var longest time.Duration
				for range 30 {
					longest = max(longest, put())
				}
				if longest < tc.from || longest > tc.to || db.requests != 90 {
					t.Errorf("30 writes take up to %v and %d requests, want %v to %v and 90", longest, db.requests, tc.from, tc.to)
				}
				for range 100 {
					put()
				}
				before := db.requests
				if took := put(); took != 0 || db.requests-before != 1 {
					t.Errorf("with the budget spent, %v and %d requests, want no time and one", took, db.requests-before)
				}
			})
		})
	}
}

package vault

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/keyring"
)

// Connect makes a store on AWS. The options are of its client of DynamoDB.
func Connect(cfg aws.Config, tables Tables, bucket string, options ...func(*dynamodb.Options)) *Store {
	return &Store{
		DB: dynamodb.NewFromConfig(cfg, options...), Tables: tables, Now: time.Now, Ring: keyring.New(kms.NewFromConfig(cfg), time.Now),
		Objects: &Objects{Bucket: bucket, Client: NewS3(cfg)},
	}
}

// NewS3 makes a client of S3 that an emulator understands too, which has no virtual hosts.
func NewS3(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = awsenv.Emulated() })
}

// impatience is how many times sooner than the SDK an impatient client repeats what a table throttles.
const impatience = 40

// Impatient is the option of who has somewhere else to go with what a table throttles. The SDK repeats twice, after up to
// two and then up to four seconds: three seconds on average, during which each webhook would hold a process of its own.
// An impatient client repeats twice within 150 ms, which helps against the throttling of a moment, and then says so. What
// fails for another reason is repeated as by the SDK.
//
// A client pays for repetitions from a budget, the SDK's: 500 tokens, 5 for each repetition, which every success gives back
// one by one. In a process that has repeated a hundred times in vain, the first refusal is the answer.
func Impatient(o *dynamodb.Options) {
	patient := retry.NewExponentialJitterBackoff(retry.DefaultMaxBackoff)
	o.Retryer = retry.NewStandard(func(so *retry.StandardOptions) {
		throttles := retry.IsErrorThrottles(so.Throttles)
		so.Backoff = retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) {
			delay, failed := patient.BackoffDelay(attempt, err)
			if throttles.IsErrorThrottle(err).Bool() {
				delay /= impatience
			}
			return delay, failed
		})
	})
}

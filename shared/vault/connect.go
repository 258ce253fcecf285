package vault

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/keyring"
)

// Connect makes a store on AWS.
func Connect(cfg aws.Config, tables Tables, bucket string) *Store {
	return &Store{
		DB: dynamodb.NewFromConfig(cfg), Tables: tables, Now: time.Now, Ring: keyring.New(kms.NewFromConfig(cfg), time.Now),
		Objects: &Objects{Bucket: bucket, Client: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = awsenv.Emulated() })},
	}
}

package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
)

type bucket = awss3.Bucket

// Key prefixes of the objects bucket.
const (
	bodiesPrefix = "bodies/" // sealed bodies too large for an item
	queuePrefix  = "queue/"  // sealed events too large for a queue message
)

// addBuckets makes the buckets. "objects" holds sealed bodies: it is versioned, against overwriting by mistake, and an old
// version goes within a day, so that a deletion is one. "exports" holds extracts in the clear, for a day.
func (v *vault) addBuckets() {
	days := func(n float64) awscdk.Duration { return awscdk.Duration_Days(jsii.Number(n)) }
	v.objects = v.bucket("Objects", true,
		&awss3.LifecycleRule{
			Id:                                  jsii.String("deleted-means-gone"),
			NoncurrentVersionExpiration:         days(1),
			ExpiredObjectDeleteMarker:           jsii.Bool(true),
			AbortIncompleteMultipartUploadAfter: days(1),
		},
		&awss3.LifecycleRule{
			// Longer than a message lives: 14 days in the ingest queue and its dead-letter queue together, and 14 more once it is
			// redriven, which makes a new message of it.
			Id:         jsii.String("queued"),
			Prefix:     jsii.String(queuePrefix),
			Expiration: days(30),
		},
	)
	v.exports = v.bucket("Exports", false,
		&awss3.LifecycleRule{
			Id:                                  jsii.String("fetched-within-a-day"),
			Expiration:                          days(1),
			AbortIncompleteMultipartUploadAfter: days(1),
		},
	)
}

func (v *vault) bucket(id string, versioned bool, rules ...*awss3.LifecycleRule) bucket {
	return awss3.NewBucket(v.stack, jsii.String(id), &awss3.BucketProps{
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		BucketKeyEnabled:  jsii.Bool(true),
		Encryption:        awss3.BucketEncryption_KMS,
		EncryptionKey:     v.storage,
		EnforceSSL:        jsii.Bool(true),
		LifecycleRules:    &rules,
		MinimumTLSVersion: jsii.Number(1.2),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		RemovalPolicy:     v.props.Stage.removal(),
		Versioned:         jsii.Bool(versioned),
	})
}

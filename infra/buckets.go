package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
)

type bucket = awss3.Bucket

// Key prefixes of the objects bucket, and of the receipts bucket.
const (
	bodiesPrefix = "bodies/" // sealed bodies too large for an item
	queuePrefix  = "queue/"  // sealed events too large for a queue message
	filesPrefix  = "files/"  // sealed files of conversations

	uploadsPrefix = "uploads/" // of staging: files of conversations
	importsPrefix = "imports/" // of staging: files to be imported

	receiptsPrefix = "receipts/" // as shared/receipt/chain names them
)

// receiptsKept is for how long nobody can delete or change a receipt in production: seven years, two leap days among them.
const receiptsKept = 2557

// addBuckets makes the buckets. "objects" holds sealed bodies: it is versioned, against overwriting by mistake, and an old
// version goes by itself, so that a deletion is one. "exports" holds extracts in the clear, and "staging" what is uploaded, until
// it is sealed or stored. What is to go after a day goes after one or two: S3 counts in whole days of UTC, and removes in its own
// time. "receipts" holds a copy of every receipt of destruction: they name nobody, and outlast what they speak of.
func (v *vault) addBuckets() {
	days := func(n float64) awscdk.Duration { return awscdk.Duration_Days(jsii.Number(n)) }
	v.objects = v.bucket("Objects", awss3.BucketProps{
		Versioned: jsii.Bool(true),
		LifecycleRules: &[]*awss3.LifecycleRule{
			{
				Id:                                  jsii.String("deleted-means-gone"),
				NoncurrentVersionExpiration:         days(1),
				ExpiredObjectDeleteMarker:           jsii.Bool(true),
				AbortIncompleteMultipartUploadAfter: days(1),
			},
			{
				// Longer than a message lives: 14 days in the ingest queue and its dead-letter queue together, and 14 more once it is
				// redriven, which makes a new message of it.
				Id:         jsii.String("queued"),
				Prefix:     jsii.String(queuePrefix),
				Expiration: days(30),
			},
		},
	})
	forADay := func(id string) awss3.BucketProps {
		return awss3.BucketProps{
			Versioned: jsii.Bool(false),
			LifecycleRules: &[]*awss3.LifecycleRule{{
				Id:                                  jsii.String(id),
				Expiration:                          days(1),
				AbortIncompleteMultipartUploadAfter: days(1),
			}},
		}
	}
	v.exports = v.bucket("Exports", forADay("fetched-within-a-day"))
	v.staging = v.bucket("Staging", forADay("sealed-within-a-day"))
	receipts := awss3.BucketProps{Versioned: jsii.Bool(true), ObjectLockEnabled: jsii.Bool(true)}
	// Compliance means nobody, the root user included, until the time is over: an object of a trial would stay for seven years,
	// and the bucket with it. So elsewhere a lock is possible, and nothing is locked by itself.
	if v.props.Stage.keepsData() {
		receipts.ObjectLockDefaultRetention = awss3.ObjectLockRetention_Compliance(days(receiptsKept))
	}
	v.receipts = v.bucket("Receipts", receipts)
}

func (v *vault) bucket(id string, props awss3.BucketProps) bucket {
	props.BlockPublicAccess = awss3.BlockPublicAccess_BLOCK_ALL()
	props.BucketKeyEnabled = jsii.Bool(true)
	props.Encryption = awss3.BucketEncryption_KMS
	props.EncryptionKey = v.storage
	props.EnforceSSL = jsii.Bool(true)
	props.MinimumTLSVersion = jsii.Number(1.2)
	props.ObjectOwnership = awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED
	props.RemovalPolicy = v.props.Stage.removal()
	return awss3.NewBucket(v.stack, jsii.String(id), &props)
}

package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// addPurge makes the function that destroys what is past its time, and signs for it. It alone may remove keys, and it may do
// nothing with the wrap key: what destroys cannot read. Of the rows of account and index keys it may take the key away, when an
// account is closed, and nothing else.
func (v *vault) addPurge() {
	f := v.function(functionProps{
		name:      "purge",
		does:      "Destroys the keys of what is past its time, then its items and objects",
		seconds:   purgeTimeout,
		megabytes: 256,
		environment: map[string]*string{
			"RECORDS_TABLE":   v.records.TableName(),
			"KEYS_TABLE":      v.keys.TableName(),
			"CONTROL_TABLE":   v.control.TableName(),
			"OBJECTS_BUCKET":  v.objects.BucketName(),
			"EXPORTS_BUCKET":  v.exports.BucketName(),
			"RECEIPTS_BUCKET": v.receipts.BucketName(),
			"SIGNING_KEY_ID":  v.signing.KeyId(),
		},
		may: []awsiam.PolicyStatement{
			v.mayOnTable(v.control, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
			v.mayOnRows(v.control, []string{fenceRows}, "dynamodb:ConditionCheckItem"),
			v.mayOnRows(v.control, []string{fenceRows, extractRows}, "dynamodb:UpdateItem"),
			v.mayOnRows(v.control, []string{receiptRows}, "dynamodb:PutItem"),
			v.mayOnRows(v.control, []string{handRows}, "dynamodb:DeleteItem"), // what is fulfilled
			v.mayOnTable(v.keys, "dynamodb:GetItem", "dynamodb:BatchGetItem"),
			v.mayOnRows(v.keys, []string{cohortRows, conversationRows}, "dynamodb:UpdateItem"),
			only(v.mayOnOtherRows(v.keys, []string{cohortRows, conversationRows}, "dynamodb:UpdateItem"), "key", "destroyedAt"),
			v.mayOnRows(v.keys, []string{cohortRows}, "dynamodb:DeleteItem"),
			v.mayOnListing("dynamodb:Query"),
			v.mayOnTable(v.records, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchWriteItem"),
			v.mayOnObjects(v.objects, bodiesPrefix, "s3:DeleteObject"),
			v.mayOnObjects(v.objects, filesPrefix, "s3:DeleteObject"),
			v.mayOnObjects(v.exports, "", "s3:DeleteObject"),
			v.mayList(v.exports),
			v.mayOnObjects(v.receipts, receiptsPrefix, "s3:PutObject"),
			v.signs(),
			v.mayConsume(v.purgeQueue),
			v.storageVia("dynamodb", "kms:Decrypt"),
			v.storageVia("sqs", "kms:Decrypt", "kms:GenerateDataKey"), // its queue, and its dead-letter queue
			v.storageVia("s3", "kms:Decrypt", "kms:GenerateDataKey"),
		},
		scheduled: true,
	})
	v.consume(v.purgeQueue, f)
	v.schedule(f, "Schedule", "rate(1 hour)", `{"action":"purge"}`)
	v.schedule(f, "Drift", "rate(1 hour)", `{"action":"drift"}`) // what should be destroyed and is not
	v.alarmOnMissed(f)
	v.alarmOnOverdue(f)
}

package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// addPurge makes the function that destroys what is past its time. It alone may remove keys, and it may do nothing with
// the wrap key: what destroys cannot read.
func (v *vault) addPurge() {
	f := v.function(functionProps{
		name:      "purge",
		does:      "Destroys the keys of what is past its time, then its items and objects",
		seconds:   15 * 60,
		megabytes: 256,
		environment: map[string]*string{
			"RECORDS_TABLE":  v.records.TableName(),
			"KEYS_TABLE":     v.keys.TableName(),
			"CONTROL_TABLE":  v.control.TableName(),
			"OBJECTS_BUCKET": v.objects.BucketName(),
		},
		may: []awsiam.PolicyStatement{
			v.mayOnTable(v.control, "dynamodb:GetItem", "dynamodb:Query"),
			v.mayOnTable(v.keys, "dynamodb:GetItem", "dynamodb:BatchGetItem"),
			v.mayOnRows(v.keys, []string{cohortRows, conversationRows}, "dynamodb:UpdateItem"),
			v.mayOnRows(v.keys, []string{cohortRows}, "dynamodb:DeleteItem"),
			v.mayOnListing("dynamodb:Query"),
			v.mayOnTable(v.records, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchWriteItem"),
			v.mayOnObjects(v.objects, bodiesPrefix, "s3:DeleteObject"),
			v.storageVia("dynamodb", "kms:Decrypt"),
			v.storageVia("sqs", "kms:Decrypt", "kms:GenerateDataKey"), // its dead-letter queue
		},
		scheduled: true,
	})
	v.schedule(f, "rate(1 hour)", `{"action":"purge"}`)
	v.alarmOnMissed(f, "purge", f)
}

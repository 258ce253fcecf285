package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// addSettle makes the function that turns the entries of a conversation into one record.
func (v *vault) addSettle() {
	f := v.function(functionProps{
		name:      "settle",
		does:      "Turns the entries of a conversation that ended or went idle into one sealed record",
		seconds:   queueFunctionTimeout,
		megabytes: 512,
		environment: map[string]*string{
			"RECORDS_TABLE":    v.records.TableName(),
			"KEYS_TABLE":       v.keys.TableName(),
			"CONTROL_TABLE":    v.control.TableName(),
			"SETTLE_QUEUE_URL": v.settleQueue.QueueUrl(),
			"PURGE_QUEUE_URL":  v.purgeQueue.QueueUrl(),
			"OBJECTS_BUCKET":   v.objects.BucketName(),
			"BUS_NAME":         v.bus.EventBusName(),
		},
		may: []awsiam.PolicyStatement{
			v.mayOnTable(v.control, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
			v.mayOnRows(v.control, []string{fenceRows}, "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"),
			v.mayOnTable(v.keys, "dynamodb:GetItem", "dynamodb:BatchGetItem"),
			v.mayOnRows(v.keys, []string{cohortRows}, "dynamodb:PutItem"),
			v.mayOnRows(v.keys, []string{conversationRows}, "dynamodb:UpdateItem"),
			v.mayOnListing("dynamodb:Query"),
			v.mayOnTable(v.records, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:BatchWriteItem"),
			v.wraps("kms:Decrypt"),
			v.maySend(v.settleQueue, v.purgeQueue),
			v.mayConsume(v.settleQueue),
			allow([]string{"events:PutEvents"}, v.bus.EventBusArn()).always(),
			v.mayOnObjects(v.objects, bodiesPrefix, "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
			v.mayOnObjects(v.objects, filesPrefix, "s3:DeleteObject"), // of what it destroys
			v.knowsMissing(v.objects),
			v.storageVia("dynamodb", "kms:Decrypt"),
			v.storageVia("sqs", "kms:Decrypt", "kms:GenerateDataKey"),
			v.storageVia("s3", "kms:Decrypt", "kms:GenerateDataKey"),
		},
		scheduled: true,
	})
	v.consume(v.settleQueue, f)
	v.schedule(f, "Schedule", v.props.Stage.sweep(), `{"action":"sweep"}`)
}

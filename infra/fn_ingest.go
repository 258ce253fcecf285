package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
)

// addIngest makes the function that takes webhooks in. Its route has no authorizer: every delivery carries a signature
// over its raw body, which the function checks.
func (v *vault) addIngest() {
	f := v.function(functionProps{
		name:      "ingest",
		does:      "Verifies webhooks, drops what the account does not keep, seals the rest and stores it",
		seconds:   ingestTimeout,
		megabytes: 512,
		environment: map[string]*string{
			"RECORDS_TABLE":    v.records.TableName(),
			"KEYS_TABLE":       v.keys.TableName(),
			"CONTROL_TABLE":    v.control.TableName(),
			"INGEST_QUEUE_URL": v.ingestQueue.QueueUrl(),
			"SETTLE_QUEUE_URL": v.settleQueue.QueueUrl(),
			"ATTACH_QUEUE_URL": v.attachQueue.QueueUrl(),
			"OBJECTS_BUCKET":   v.objects.BucketName(),
			"SETTLE_DELAY":     jsii.String(v.props.Stage.settleDelay()),
		},
		may: []awsiam.PolicyStatement{
			v.mayOnTable(v.control, "dynamodb:BatchGetItem"),
			v.mayOnRows(v.control, []string{healthRows}, "dynamodb:UpdateItem"),
			v.mayOnTable(v.keys, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
			v.mayOnRows(v.keys, []string{cohortRows, conversationRows}, "dynamodb:PutItem"),
			v.mayOnRows(v.keys, []string{conversationRows}, "dynamodb:UpdateItem"),
			v.mayOnTable(v.records, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"),
			v.wraps("kms:Decrypt"),
			v.maySend(v.ingestQueue, v.settleQueue, v.attachQueue),
			v.mayConsume(v.ingestQueue),
			v.mayOnObjects(v.objects, queuePrefix, "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
			v.mayOnObjects(v.objects, bodiesPrefix, "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
			v.knowsMissing(v.objects),
			v.storageVia("dynamodb", "kms:Decrypt"),
			v.storageVia("sqs", "kms:Decrypt", "kms:GenerateDataKey"),
			v.storageVia("s3", "kms:Decrypt", "kms:GenerateDataKey"),
		},
	})
	v.route(f, awsapigatewayv2.HttpMethod_POST, nil, "/v1/webhooks/{account}/{source}")
	// Some senders ask whether there is anything at an address before they take it.
	v.route(f, awsapigatewayv2.HttpMethod_GET, nil, "/v1/webhooks/{account}/{source}")
	v.route(f, awsapigatewayv2.HttpMethod_HEAD, nil, "/v1/webhooks/{account}/{source}")
	v.consume(v.ingestQueue, f)
}

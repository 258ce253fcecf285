package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// addAttach makes the function that gets the files that came with messages. It alone speaks to the world outside, and in no network
// of the AWS account: it has none. Of records it may change nothing but how far a file is, and delete what it dropped; it holds one
// file of 25 MB at a time.
func (v *vault) addAttach(authorizer awsapigatewayv2.IHttpRouteAuthorizer) {
	f := v.function(functionProps{
		name:      "attach",
		does:      "Gets the files that came with messages, and seals them",
		seconds:   attachTimeout,
		megabytes: 512,
		environment: map[string]*string{
			"RECORDS_TABLE":    v.records.TableName(),
			"KEYS_TABLE":       v.keys.TableName(),
			"CONTROL_TABLE":    v.control.TableName(),
			"OBJECTS_BUCKET":   v.objects.BucketName(),
			"STAGING_BUCKET":   v.staging.BucketName(),
			"ATTACH_QUEUE_URL": v.attachQueue.QueueUrl(),
		},
		may: []awsiam.PolicyStatement{
			v.mayOnTable(v.control, "dynamodb:BatchGetItem"),
			v.mayOnRows(v.control, []string{accountsRows}, "dynamodb:Query"),
			v.mayOnTable(v.keys, "dynamodb:GetItem", "dynamodb:BatchGetItem"),
			v.mayOnOtherRows(v.records, []string{factRows, visitRows, subjectRows}, "dynamodb:GetItem", "dynamodb:DeleteItem"),
			v.mayOnRows(v.records, []string{dueRows}, "dynamodb:Query", "dynamodb:PutItem"),
			only(v.mayOnTable(v.records, "dynamodb:UpdateItem"), "state", "attempts", "due", "reason", "file", "fileBytes"),
			v.wraps("kms:Decrypt"),
			v.maySend(v.attachQueue),
			v.mayConsume(v.attachQueue),
			v.mayOnObjects(v.objects, filesPrefix, "s3:PutObject", "s3:DeleteObject"),
			v.mayOnObjects(v.staging, uploadsPrefix, "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
			v.knowsMissing(v.staging),
			v.storageVia("dynamodb", "kms:Decrypt"),
			v.storageVia("sqs", "kms:Decrypt", "kms:GenerateDataKey"),
			v.storageVia("s3", "kms:Decrypt", "kms:GenerateDataKey"),
		},
		scheduled: true,
	})
	v.route(f, awsapigatewayv2.HttpMethod_POST, authorizer, "/v1/accounts/{account}/uploads")
	v.consumeBatches(v.attachQueue, f, 1)
	v.schedule(f, "Schedule", v.props.Stage.sweep(), `{"action":"sweep"}`)
}

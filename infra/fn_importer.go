package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
)

// addImporter makes the function that brings history in from files of the staging bucket, and signs the uploads of them: a presigned
// request may what its signer may. It stores as ingest does, side by side, with 32 MB of a file in memory. A
// conversation of 16 MB, the largest that can be kept, takes 170 MB until it is sealed.
func (v *vault) addImporter(authorizer awsapigatewayv2.IHttpRouteAuthorizer) {
	f := v.function(functionProps{
		name:      "importer",
		does:      "Imports history of an account from a file",
		seconds:   importTimeout,
		megabytes: 1024,
		environment: map[string]*string{
			"RECORDS_TABLE":    v.records.TableName(),
			"KEYS_TABLE":       v.keys.TableName(),
			"CONTROL_TABLE":    v.control.TableName(),
			"OBJECTS_BUCKET":   v.objects.BucketName(),
			"STAGING_BUCKET":   v.staging.BucketName(),
			"IMPORT_QUEUE_URL": v.importQueue.QueueUrl(),
			"SETTLE_QUEUE_URL": v.settleQueue.QueueUrl(),
			"SETTLE_DELAY":     jsii.String(v.props.Stage.settleDelay()),
		},
		may: []awsiam.PolicyStatement{
			v.mayOnTable(v.control, "dynamodb:BatchGetItem"),
			v.mayOnRows(v.control, []string{importRows}, "dynamodb:Query", "dynamodb:GetItem", "dynamodb:UpdateItem"),
			v.mayOnRows(v.control, []string{auditRows, importRows}, "dynamodb:PutItem"),
			v.mayOnTable(v.keys, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
			v.mayOnRows(v.keys, []string{cohortRows, conversationRows}, "dynamodb:PutItem"),
			v.mayOnRows(v.keys, []string{conversationRows}, "dynamodb:UpdateItem"),
			v.mayOnTable(v.records, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"),
			v.wraps("kms:Decrypt"),
			v.maySend(v.importQueue, v.settleQueue),
			v.mayConsume(v.importQueue),
			v.mayOnObjects(v.objects, bodiesPrefix, "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
			v.mayOnObjects(v.staging, importsPrefix, "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
			v.knowsMissing(v.objects),
			v.knowsMissing(v.staging),
			v.storageVia("dynamodb", "kms:Decrypt"),
			v.storageVia("sqs", "kms:Decrypt", "kms:GenerateDataKey"),
			v.storageVia("s3", "kms:Decrypt", "kms:GenerateDataKey"),
		},
	})
	const imports = "/v1/accounts/{account}/imports"
	v.route(f, awsapigatewayv2.HttpMethod_POST, authorizer, imports, imports+"/{id}/start")
	v.route(f, awsapigatewayv2.HttpMethod_GET, authorizer, imports, imports+"/{id}")
	v.consumeBatches(v.importQueue, f, 1)
}

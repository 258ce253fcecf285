package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// addExtract makes the function that writes everything of an account into the exports bucket, and leads to the files there: a
// presigned link may what its signer may. It needs far less memory than it has; but a Lambda function has a share of a
// processor for its memory, and this one opens seals.
func (v *vault) addExtract(authorizer awsapigatewayv2.IHttpRouteAuthorizer) {
	f := v.function(functionProps{
		name:      "extract",
		does:      "Writes everything of an account as raw files",
		seconds:   extractTimeout,
		megabytes: 1024,
		environment: map[string]*string{
			"RECORDS_TABLE":     v.records.TableName(),
			"KEYS_TABLE":        v.keys.TableName(),
			"CONTROL_TABLE":     v.control.TableName(),
			"OBJECTS_BUCKET":    v.objects.BucketName(),
			"EXPORTS_BUCKET":    v.exports.BucketName(),
			"EXTRACT_QUEUE_URL": v.extractQueue.QueueUrl(),
		},
		may: []awsiam.PolicyStatement{
			v.mayOnTable(v.control, "dynamodb:BatchGetItem"),
			v.mayOnRows(v.control, []string{auditRows, extractRows, accountCopyRows, receiptRows}, "dynamodb:Query"),
			v.mayOnRows(v.control, []string{extractRows, receiptRows}, "dynamodb:GetItem"),
			v.mayOnRows(v.control, []string{auditRows, extractRows}, "dynamodb:PutItem"),
			v.mayOnRows(v.control, []string{extractRows, accountCopyRows}, "dynamodb:UpdateItem"),
			v.mayOnTable(v.keys, "dynamodb:GetItem", "dynamodb:BatchGetItem"),
			v.mayOnListing("dynamodb:Query"),
			v.mayOnTable(v.records, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
			v.wraps("kms:Decrypt"),
			v.maySend(v.extractQueue),
			v.mayConsume(v.extractQueue),
			v.mayOnObjects(v.objects, bodiesPrefix, "s3:GetObject"),
			v.mayOnObjects(v.objects, filesPrefix, "s3:GetObject"),
			v.knowsMissing(v.objects),
			v.mayOnObjects(v.exports, "", "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"),
			v.storageVia("dynamodb", "kms:Decrypt"),
			v.storageVia("sqs", "kms:Decrypt", "kms:GenerateDataKey"),
			v.storageVia("s3", "kms:Decrypt", "kms:GenerateDataKey"),
		},
	})
	const extracts = "/v1/accounts/{account}/extracts"
	v.route(f, awsapigatewayv2.HttpMethod_POST, authorizer, extracts)
	v.route(f, awsapigatewayv2.HttpMethod_GET, authorizer, extracts, extracts+"/{id}", extracts+"/{id}/files/{name}")
	v.consumeBatches(v.extractQueue, f, 1)
}

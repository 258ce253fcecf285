package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// addReport makes the function that reads. It writes nothing but audit entries.
func (v *vault) addReport(authorizer, linkAuthorizer awsapigatewayv2.IHttpRouteAuthorizer) {
	f := v.function(functionProps{
		name:      "report",
		does:      "Lists and opens the conversations of an account",
		seconds:   30,
		megabytes: 512,
		environment: map[string]*string{
			"RECORDS_TABLE":  v.records.TableName(),
			"KEYS_TABLE":     v.keys.TableName(),
			"CONTROL_TABLE":  v.control.TableName(),
			"OBJECTS_BUCKET": v.objects.BucketName(),
		},
		may: []awsiam.PolicyStatement{
			v.mayOnTable(v.control, "dynamodb:BatchGetItem"),
			v.appendsAudit(),
			v.mayOnTable(v.keys, "dynamodb:GetItem", "dynamodb:BatchGetItem"),
			v.mayOnListing("dynamodb:Query"),
			v.mayOnTable(v.records, "dynamodb:GetItem", "dynamodb:Query"),
			v.wraps("kms:Decrypt"),
			v.mayOnObjects(v.objects, bodiesPrefix, "s3:GetObject"),
			v.mayOnObjects(v.objects, filesPrefix, "s3:GetObject"),
			v.knowsMissing(v.objects),
			v.storageVia("dynamodb", "kms:Decrypt"),
			v.storageVia("s3", "kms:Decrypt"),
		},
	})
	v.route(f, awsapigatewayv2.HttpMethod_GET, authorizer,
		"/v1/accounts/{account}/chats", "/v1/accounts/{account}/chats/{id}",
		"/v1/accounts/{account}/tickets", "/v1/accounts/{account}/tickets/{id}",
		"/v1/accounts/{account}/calls", "/v1/accounts/{account}/calls/{id}",
		"/v1/accounts/{account}/articles", "/v1/accounts/{account}/articles/{id}",
		"/v1/accounts/{account}/visits", "/v1/accounts/{account}/attachments/{id}/{file}")
	v.route(f, awsapigatewayv2.HttpMethod_GET, linkAuthorizer, "/v1/accounts/{account}/transcripts/{id}")
}

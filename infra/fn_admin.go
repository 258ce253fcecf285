package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
)

// addAdmin makes the function that opens accounts and changes what belongs to them. The operator invokes it, and an account's
// administrator asks it by way of the API. It alone makes account keys.
func (v *vault) addAdmin(authorizer awsapigatewayv2.IHttpRouteAuthorizer) {
	environment := map[string]*string{
		"RECORDS_TABLE":  v.records.TableName(),
		"KEYS_TABLE":     v.keys.TableName(),
		"CONTROL_TABLE":  v.control.TableName(),
		"WRAP_KEY_ID":    v.wrap.KeyId(),
		"MAIL_QUEUE_URL": v.mailQueue.QueueUrl(), // where administrators are told
		// How long before its end the closing of an account is announced.
		"CLOSURE_NOTICE": jsii.String(v.props.ClosureNotice),
	}
	if v.props.MailFrom != "" {
		environment["MAIL_FROM"] = jsii.String(v.props.MailFrom)
	}
	f := v.function(functionProps{
		name:        "admin",
		does:        "Creates accounts, their sources, tokens and keys; keeps their settings",
		seconds:     60,
		megabytes:   256,
		environment: environment,
		may: []awsiam.PolicyStatement{
			v.mayOnTable(v.control, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
			v.mayOnOtherRows(v.control, []string{auditRows, copyRows, digestRows, extractRows, healthRows, importRows, linkRows, mailboxRows, mailLogRows, receiptRows},
				"dynamodb:PutItem", "dynamodb:UpdateItem"),
			v.mayOnRows(v.control, []string{mailRows, mailboxRows, handRows}, "dynamodb:DeleteItem"),
			v.appendsAudit(),
			v.mayOnTable(v.keys, "dynamodb:GetItem", "dynamodb:BatchGetItem"),
			v.mayOnListing("dynamodb:Query"),
			v.mayOnRows(v.records, []string{factRows}, "dynamodb:Query"), // to count them
			v.mayOnOtherRows(v.keys, []string{cohortRows, conversationRows}, "dynamodb:PutItem"),
			// A record that is to be destroyed by hand.
			only(v.mayOnRows(v.keys, []string{conversationRows}, "dynamodb:UpdateItem"), "state", "generation", "hand", "handUntil"),
			v.wraps("kms:GenerateDataKey", "kms:Decrypt"),
			v.maySend(v.mailQueue),
			v.storageVia("dynamodb", "kms:Decrypt"),
			v.storageVia("sqs", "kms:Decrypt", "kms:GenerateDataKey"),
		},
	})
	v.route(f, awsapigatewayv2.HttpMethod_GET, authorizer, "/v1/accounts/{account}/mail", "/v1/accounts/{account}/mail-log",
		"/v1/accounts/{account}/suppressions", "/v1/accounts/{account}/copies", "/v1/accounts/{account}/administrators",
		"/v1/accounts/{account}/sources", "/v1/accounts/{account}/sources/{source}",
		"/v1/accounts/{account}/policy", "/v1/accounts/{account}/policy/versions",
		"/v1/accounts/{account}/retention/calendar", "/v1/accounts/{account}/retention/drift",
		"/v1/accounts/{account}/holds", "/v1/accounts/{account}/destructions", "/v1/accounts/{account}/closure",
		"/v1/accounts/{account}/receipts", "/v1/accounts/{account}/receipts/{number}", "/v1/accounts/{account}/receipts/head")
	v.route(f, awsapigatewayv2.HttpMethod_POST, authorizer, "/v1/accounts/{account}/policy/previews",
		"/v1/accounts/{account}/policy/apply", "/v1/accounts/{account}/policy/undo",
		"/v1/accounts/{account}/holds", "/v1/accounts/{account}/holds/{hold}/release",
		"/v1/accounts/{account}/destructions", "/v1/accounts/{account}/destructions/{id}/undo",
		"/v1/accounts/{account}/closure", "/v1/accounts/{account}/closure/undo",
		"/v1/accounts/{account}/sources/{source}/secrets", "/v1/accounts/{account}/sources/{source}/try")
	v.route(f, awsapigatewayv2.HttpMethod_PUT, authorizer, "/v1/accounts/{account}/mail/{name}", "/v1/accounts/{account}/administrators",
		"/v1/accounts/{account}/sources/{source}")
	v.route(f, awsapigatewayv2.HttpMethod_DELETE, authorizer, "/v1/accounts/{account}/mail/{name}",
		"/v1/accounts/{account}/suppressions/{id}", "/v1/accounts/{account}/sources/{source}")
}

package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2authorizers"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
)

// addAuthorize makes the authorizer of every route that reads. Its answers are not cached: a token that is withdrawn is
// refused at the next request.
func (v *vault) addAuthorize() awsapigatewayv2.IHttpRouteAuthorizer {
	f := v.function(functionProps{
		name:      "authorize",
		does:      "Says who is asking and for which account",
		seconds:   10,
		megabytes: 256,
		environment: map[string]*string{
			"CONTROL_TABLE": v.control.TableName(),
		},
		may: []awsiam.PolicyStatement{
			v.mayOnTable(v.control, "dynamodb:GetItem"),
			v.storageVia("dynamodb", "kms:Decrypt"),
		},
	})
	return awsapigatewayv2authorizers.NewHttpLambdaAuthorizer(jsii.String("Authorizer"), f, &awsapigatewayv2authorizers.HttpLambdaAuthorizerProps{
		AuthorizerName:  jsii.String("authorize"),
		IdentitySource:  jsii.Strings("$request.header.Authorization"),
		ResponseTypes:   &[]awsapigatewayv2authorizers.HttpLambdaResponseType{awsapigatewayv2authorizers.HttpLambdaResponseType_SIMPLE},
		ResultsCacheTtl: awscdk.Duration_Seconds(jsii.Number(0)),
	})
}

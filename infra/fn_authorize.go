package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2authorizers"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
)

// addAuthorize makes the two authorizers of the routes that read or change something: one asks for a token, the other for
// the link by which a transcript is shown to whoever was sent it. Their answers are not cached: a token that is withdrawn is
// refused at the next request.
func (v *vault) addAuthorize() (token, link awsapigatewayv2.IHttpRouteAuthorizer) {
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
	authorizer := func(id, name, identity string) awsapigatewayv2.IHttpRouteAuthorizer {
		return awsapigatewayv2authorizers.NewHttpLambdaAuthorizer(jsii.String(id), f, &awsapigatewayv2authorizers.HttpLambdaAuthorizerProps{
			AuthorizerName:  jsii.String(name),
			IdentitySource:  jsii.Strings(identity),
			ResponseTypes:   &[]awsapigatewayv2authorizers.HttpLambdaResponseType{awsapigatewayv2authorizers.HttpLambdaResponseType_SIMPLE},
			ResultsCacheTtl: awscdk.Duration_Seconds(jsii.Number(0)),
		})
	}
	return authorizer("Authorizer", "authorize", "$request.header.Authorization"),
		authorizer("LinkAuthorizer", "authorize-link", "$request.querystring.link")
}

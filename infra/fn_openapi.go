package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/jsii-runtime-go"
)

// addOpenapi makes the function that tells what the API is, to anybody, and that answers whatever is no route. It can reach
// nothing of the vault.
func (v *vault) addOpenapi() {
	f := v.function(functionProps{
		name:      "openapi",
		does:      "Tells what the API is, and what is no route of it",
		seconds:   10,
		megabytes: 256,
	})
	v.route(f, awsapigatewayv2.HttpMethod_GET, nil, "/v1/openapi.yaml", "/v1/canonical.schema.json", "/v1/beacon.js")
	awsapigatewayv2.NewHttpRoute(v.stack, jsii.String("NoRoute"), &awsapigatewayv2.HttpRouteProps{
		HttpApi:     v.api,
		RouteKey:    awsapigatewayv2.HttpRouteKey_DEFAULT(),
		Integration: awsapigatewayv2integrations.NewHttpLambdaIntegration(jsii.String("Integration"), f, nil),
	})
}

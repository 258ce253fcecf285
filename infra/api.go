package infra

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// Throttles of the whole API, in requests a second and in the bucket that takes bursts.
const (
	apiRate  = 500
	apiBurst = 1000
)

// accessLog is one line of the access log: nothing that identifies a person. Neither the client's address nor the user
// agent, and the route instead of the path and its query.
var accessLog = map[string]string{
	"requestId":          "$context.requestId",
	"time":               "$context.requestTime",
	"route":              "$context.routeKey",
	"status":             "$context.status",
	"responseLength":     "$context.responseLength",
	"responseLatency":    "$context.responseLatency",
	"integrationStatus":  "$context.integration.integrationStatus",
	"integrationLatency": "$context.integration.latency",
	"authorizerStatus":   "$context.authorizer.status",
	"authorizerLatency":  "$context.authorizer.latency",
	"error":              "$context.error.responseType",
}

// addAPI makes the HTTP API with its one stage, $default, and its alarm. Each function's file adds its routes.
func (v *vault) addAPI() {
	v.api = awsapigatewayv2.NewHttpApi(v.stack, jsii.String("HttpApi"), &awsapigatewayv2.HttpApiProps{
		ApiName:            v.stack.StackName(),
		CreateDefaultStage: jsii.Bool(false),
	})
	log := awslogs.NewLogGroup(v.stack, jsii.String("HttpApiLog"), &awslogs.LogGroupProps{
		RemovalPolicy: v.props.Stage.removal(),
		Retention:     v.props.Stage.logRetention(),
	})
	format, err := json.Marshal(accessLog)
	if err != nil {
		panic(err)
	}
	awsapigatewayv2.NewCfnStage(v.stack, jsii.String("HttpApiStage"), &awsapigatewayv2.CfnStageProps{
		ApiId:      v.api.ApiId(),
		StageName:  jsii.String("$default"),
		AutoDeploy: true,
		AccessLogSettings: &awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
			DestinationArn: log.LogGroupArn(),
			Format:         jsii.String(string(format)),
		},
		DefaultRouteSettings: &awsapigatewayv2.CfnStage_RouteSettingsProperty{
			DetailedMetricsEnabled: true,
			ThrottlingBurstLimit:   jsii.Number(apiBurst),
			ThrottlingRateLimit:    jsii.Number(apiRate),
		},
	})
	v.alarmOnServerErrors()
}

// route sends a method and a path to a function. Without an authorizer the function itself must find out who calls.
func (v *vault) route(f awslambda.Function, method awsapigatewayv2.HttpMethod, authorizer awsapigatewayv2.IHttpRouteAuthorizer, paths ...string) {
	integration := awsapigatewayv2integrations.NewHttpLambdaIntegration(jsii.String("Integration"), f, nil)
	for _, path := range paths {
		v.api.AddRoutes(&awsapigatewayv2.AddRoutesOptions{
			Path:        jsii.String(path),
			Methods:     &[]awsapigatewayv2.HttpMethod{method},
			Integration: integration,
			Authorizer:  authorizer,
		})
	}
}

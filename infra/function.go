package infra

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// functionProps is what distinguishes one function from another.
type functionProps struct {
	name        string // its folder under functions/
	does        string
	seconds     float64 // timeout
	megabytes   float64
	environment map[string]*string
	may         []awsiam.PolicyStatement
	// scheduled functions are invoked asynchronously: what fails after all retries goes to the schedules' dead-letter queue.
	scheduled bool
}

// function makes a function with a role and a log group of its own. Whatever it may do stands in one managed policy: its
// own statements, writing its log and its traces, and nothing that the construct library would add.
func (v *vault) function(p functionProps) awslambda.Function {
	scope := constructs.NewConstruct(v.stack, jsii.String(camelCase(p.name)))
	stage := v.props.Stage

	log := awslogs.NewLogGroup(scope, jsii.String("Log"), &awslogs.LogGroupProps{
		RemovalPolicy: stage.removal(),
		Retention:     stage.logRetention(),
	})
	statements := append([]awsiam.PolicyStatement{
		// The ARN of a log group ends with ":*", the streams in it.
		allow([]string{"logs:CreateLogStream", "logs:PutLogEvents"}, log.LogGroupArn()).always(),
		// X-Ray knows no resources for these.
		allow([]string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, jsii.String("*")).always(),
	}, p.may...)
	if p.scheduled {
		statements = append(statements, v.maySend(v.schedulesDead))
	}
	policy := awsiam.NewManagedPolicy(scope, jsii.String("Policy"), &awsiam.ManagedPolicyProps{
		Description: jsii.String("What the function " + p.name + " may do"),
		Statements:  &statements,
	})
	role := awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy:       awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		ManagedPolicies: &[]awsiam.IManagedPolicy{policy},
	})

	environment := map[string]*string{"STAGE": jsii.String(string(stage)), "LOG_LEVEL": jsii.String("info")}
	for key, value := range p.environment {
		environment[key] = value
	}
	props := &awslambda.FunctionProps{
		Architecture:          stage.architecture(),
		ApplicationLogLevelV2: awslambda.ApplicationLogLevel_INFO,
		Code:                  v.code(p.name),
		Description:           jsii.String(p.does),
		Environment:           &environment,
		Handler:               jsii.String("bootstrap"),
		LogGroup:              log,
		LoggingFormat:         awslambda.LoggingFormat_JSON,
		MemorySize:            jsii.Number(p.megabytes),
		Role:                  role.WithoutPolicyUpdates(nil),
		Runtime:               awslambda.Runtime_PROVIDED_AL2023(),
		SystemLogLevelV2:      awslambda.SystemLogLevel_INFO,
		Timeout:               awscdk.Duration_Seconds(jsii.Number(p.seconds)),
		Tracing:               awslambda.Tracing_ACTIVE,
	}
	if p.scheduled {
		props.DeadLetterQueue = v.schedulesDead
	}
	f := awslambda.NewFunction(scope, jsii.String("Function"), props)
	v.functions[p.name] = f
	v.alarmOnErrors(scope, p.name, f)
	return f
}

// code takes the function's binary as make built it.
func (v *vault) code(name string) awslambda.Code {
	folder := filepath.Join(v.props.Build, v.props.Stage.flavour(), name)
	binary := filepath.Join(folder, "bootstrap")
	if info, err := os.Stat(binary); err != nil || !info.Mode().IsRegular() {
		panic(fmt.Sprintf("the function %s has not been built (%s is missing): run `make build` in the repository's root", name, binary))
	}
	return awslambda.Code_FromAsset(jsii.String(folder), nil)
}

// camelCase makes a construct's name of a package's, which is one lower-case word.
func camelCase(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

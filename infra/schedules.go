package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/jsii-runtime-go"
)

// schedule invokes a function with a fixed input. A run that the scheduler could not start ends in the dead-letter queue
// of the schedules, as does one that failed (see functionProps.scheduled). The id tells the schedules of a function apart.
func (v *vault) schedule(f awslambda.Function, id, expression, input string) {
	policy := awsiam.NewManagedPolicy(f, jsii.String(id+"Policy"), &awsiam.ManagedPolicyProps{
		Description: jsii.String("Start the scheduled runs of one function"),
		Statements: &[]awsiam.PolicyStatement{
			allow([]string{"lambda:InvokeFunction"}, f.FunctionArn()).always(),
			v.maySend(v.schedulesDead),
			v.storageVia("sqs", "kms:Decrypt", "kms:GenerateDataKey"),
		},
	})
	role := awsiam.NewRole(f, jsii.String(id+"Role"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("scheduler.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": v.stack.Account()}},
		}),
		ManagedPolicies: &[]awsiam.IManagedPolicy{policy},
	})
	awsscheduler.NewCfnSchedule(f, jsii.String(id), &awsscheduler.CfnScheduleProps{
		FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		ScheduleExpression: jsii.String(expression),
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn:              f.FunctionArn(),
			RoleArn:          role.RoleArn(),
			Input:            jsii.String(input),
			DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: v.schedulesDead.QueueArn()},
			// The next run takes up what this one left, so an old one is not worth keeping.
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumEventAgeInSeconds: jsii.Number(3600),
				MaximumRetryAttempts:     jsii.Number(10),
			},
		},
	})
}

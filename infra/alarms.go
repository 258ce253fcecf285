package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// addAlarms makes the topic that every alarm goes to.
func (v *vault) addAlarms() {
	v.alarms = awssns.NewTopic(v.stack, jsii.String("Alarms"), &awssns.TopicProps{
		EnforceSSL: jsii.Bool(true),
		MasterKey:  v.storage,
	})
	if v.props.AlarmEmail != "" {
		v.alarms.AddSubscription(awssnssubscriptions.NewEmailSubscription(jsii.String(v.props.AlarmEmail), nil))
	}
	// CloudWatch publishes, and asks KMS, as itself: the topic's own policy (which takes the place of the default one) and
	// the key's must let it. It does not come to KMS by way of SNS, so that a condition on kms:ViaService would refuse it.
	cloudWatch := &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)}
	v.alarms.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("AlarmsReachTheTopic"),
		Principals: cloudWatch,
		Actions:    jsii.Strings("sns:Publish"),
		Resources:  &[]*string{v.alarms.TopicArn()},
		Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": v.stack.Account()}},
	}))
	v.storage.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("AlarmsReachTheTopic"),
		Principals: cloudWatch,
		Actions:    jsii.Strings("kms:Decrypt", "kms:GenerateDataKey"),
		Resources:  jsii.Strings("*"),
		Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": v.stack.Account()}},
	}), jsii.Bool(true))
}

// alarmOnDead is raised by the first message in a dead-letter queue.
func (v *vault) alarmOnDead(id, holds string, q queue) {
	v.alarm(v.stack, id+"Alarm", awscloudwatch.AlarmProps{
		AlarmDescription:   jsii.String("There are " + holds + ": look at the queue, mend the cause, redrive."),
		Metric:             q.MetricApproximateNumberOfMessagesVisible(&awscloudwatch.MetricOptions{Statistic: jsii.String("Maximum"), Period: minutes(5)}),
		EvaluationPeriods:  jsii.Number(1),
		Threshold:          jsii.Number(1),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
}

// alarmOnErrors is raised when an invocation fails: refusing bad input is an answer, not a failure.
func (v *vault) alarmOnErrors(scope constructs.Construct, name string, f awslambda.Function) {
	v.alarm(scope, "ErrorsAlarm", awscloudwatch.AlarmProps{
		AlarmDescription:   jsii.String("The function " + name + " failed: look at its log."),
		Metric:             f.MetricErrors(&awscloudwatch.MetricOptions{Statistic: jsii.String("Sum"), Period: minutes(5)}),
		EvaluationPeriods:  jsii.Number(1),
		Threshold:          jsii.Number(1),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
}

// alarmOnServerErrors is raised when the API answers 5xx again and again. The functions answer 503 and 500 themselves, which
// Lambda does not count as errors. Senders repeat what was answered so, and a single one is the throttle of a moment; five
// within five minutes are not.
func (v *vault) alarmOnServerErrors() {
	v.alarm(v.stack, "HttpApiErrorsAlarm", awscloudwatch.AlarmProps{
		AlarmDescription:   jsii.String("The API answers 5xx: look at the access log, then at the log of the route's function."),
		Metric:             v.api.MetricServerError(&awscloudwatch.MetricOptions{Statistic: jsii.String("Sum"), Period: minutes(5)}),
		EvaluationPeriods:  jsii.Number(1),
		Threshold:          jsii.Number(5),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
}

// logged is a metric that purge writes into its log, over an hour. Its function's invocations tell nothing: the queue and the drift
// make some too.
func (v *vault) logged(name, statistic string) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String("supportvault"),
		MetricName:    jsii.String(name),
		DimensionsMap: &map[string]*string{"Stage": jsii.String(string(v.props.Stage))},
		Statistic:     jsii.String(statistic),
		Period:        minutes(60),
	})
}

// alarmOnMissed is raised when purge did not get through in two hours.
func (v *vault) alarmOnMissed(scope constructs.Construct) {
	v.alarm(scope, "MissedAlarm", awscloudwatch.AlarmProps{
		AlarmDescription:   jsii.String("The function purge missed two of its hourly runs: look at its schedule, its log and at the throttles."),
		Metric:             v.logged("Purges", "Sum"),
		EvaluationPeriods:  jsii.Number(2),
		DatapointsToAlarm:  jsii.Number(2),
		Threshold:          jsii.Number(1),
		ComparisonOperator: awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_BREACHING,
	})
}

// alarmOnOverdue is raised when something still opens two hours after it was due, two hours running: purge runs every hour,
// and measures in between what it left, in seconds, as a metric in its log. No measurement breaches as well: where nobody looks,
// nothing is known to be on time.
func (v *vault) alarmOnOverdue(scope constructs.Construct) {
	v.alarm(scope, "OverdueAlarm", awscloudwatch.AlarmProps{
		AlarmDescription:   jsii.String("Something was not destroyed two hours after it was due, or nobody looked: see the log of purge."),
		Metric:             v.logged("OverdueSeconds", "Maximum"),
		EvaluationPeriods:  jsii.Number(2),
		DatapointsToAlarm:  jsii.Number(2),
		Threshold:          jsii.Number(2 * 60 * 60),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_BREACHING,
	})
}

func (v *vault) alarm(scope constructs.Construct, id string, props awscloudwatch.AlarmProps) {
	awscloudwatch.NewAlarm(scope, jsii.String(id), &props).AddAlarmAction(awscloudwatchactions.NewSnsAction(v.alarms))
}

func minutes(n float64) awscdk.Duration { return awscdk.Duration_Minutes(jsii.Number(n)) }

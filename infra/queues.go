package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

type queue = awssqs.Queue

// queueFunctionTimeout bounds a batch of ingest and settle. The visibility timeouts below are six times as long, as AWS
// advises: a message must not come back while a throttled invocation still waits to handle it.
const queueFunctionTimeout = 30 // seconds

// addQueues makes the queues, each with its dead-letter queue and an alarm on it. What lies in them is sealed or a
// reference.
//
//	ingest          sealed events that the table did not take; 100 tries of three minutes are five hours
//	settle          conversations that are due
//	schedules-dead  scheduled runs that failed for good
func (v *vault) addQueues() {
	v.ingestQueue = v.queue("IngestQueue", v.deadQueue("IngestDeadQueue", "events that could not be stored"), 100)
	v.settleQueue = v.queue("SettleQueue", v.deadQueue("SettleDeadQueue", "conversations that could not be settled"), 10)
	v.schedulesDead = v.deadQueue("SchedulesDeadQueue", "scheduled runs that failed for good")
}

func (v *vault) queue(id string, dead queue, tries float64) queue {
	return awssqs.NewQueue(v.stack, jsii.String(id), &awssqs.QueueProps{
		DeadLetterQueue:     &awssqs.DeadLetterQueue{Queue: dead, MaxReceiveCount: jsii.Number(tries)},
		Encryption:          awssqs.QueueEncryption_KMS,
		EncryptionMasterKey: v.storage,
		EnforceSSL:          jsii.Bool(true),
		RemovalPolicy:       v.props.Stage.removal(),
		RetentionPeriod:     awscdk.Duration_Days(jsii.Number(14)),
		VisibilityTimeout:   awscdk.Duration_Seconds(jsii.Number(6 * queueFunctionTimeout)),
	})
}

func (v *vault) deadQueue(id, holds string) queue {
	q := awssqs.NewQueue(v.stack, jsii.String(id), &awssqs.QueueProps{
		Encryption:          awssqs.QueueEncryption_KMS,
		EncryptionMasterKey: v.storage,
		EnforceSSL:          jsii.Bool(true),
		RemovalPolicy:       v.props.Stage.removal(),
		RetentionPeriod:     awscdk.Duration_Days(jsii.Number(14)),
	})
	v.alarmOnDead(id, holds, q)
	return q
}

// consume feeds a queue to a function, which reports the failed messages of a batch one by one. The concurrency is
// bounded here rather than reserved: a new AWS account must keep 100 executions unreserved, so reserving could fail the
// deployment.
func (v *vault) consume(q queue, f awslambda.Function) {
	awslambda.NewEventSourceMapping(f, jsii.String("Queue"), &awslambda.EventSourceMappingProps{
		BatchSize:               jsii.Number(10),
		EventSourceArn:          q.QueueArn(),
		MaxConcurrency:          jsii.Number(10),
		ReportBatchItemFailures: jsii.Bool(true),
		Target:                  f,
	})
}

package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

type queue = awssqs.Queue

// How long functions may take for a batch of a queue, in seconds. A queue's visibility timeout is six times as long, as AWS
// advises: a message must not come back while a throttled invocation still waits to handle it.
//
// It is also when a message comes again whose function refused it. What a throttled table refused is to be stored two
// minutes after the table takes it again, so ingest has less time than settle. It needs less than a second for ten
// messages of one event, and 13 for ten of the most that a message has.
const (
	queueFunctionTimeout = 30
	ingestTimeout        = 20
	extractTimeout       = 15 * 60
	importTimeout        = 15 * 60
	purgeTimeout         = 15 * 60
	attachTimeout        = 60 // half of it for the file to come
	mailTimeout          = 60 // half the lease of the copy ledger, which is over before a message comes again
)

// addQueues makes the queues, each with its dead-letter queue and an alarm on it. What lies in them is sealed or a
// reference.
//
//	ingest          sealed events that the table did not take; 100 tries of two minutes are more than three hours
//	settle          conversations that are due
//	attach          files that are to be fetched; 10 tries of six minutes, for processes that die: what is not there comes again when due
//	mail            what has settled, what SES reports, digests that are due, notices; 60 tries of six minutes are six hours
//	purge           completed conversations that may be destroyed; 10 tries of 90 minutes, and the next hourly run finds them too
//	extract         extracts that are under way; 10 tries of 90 minutes, for processes that die: what fails sends itself anew
//	import          imports that are under way, as extracts
//	schedules-dead  scheduled runs that failed for good
func (v *vault) addQueues() {
	v.ingestQueue = v.queue("IngestQueue", v.deadQueue("IngestDeadQueue", "events that could not be stored"), 100, ingestTimeout)
	v.settleQueue = v.queue("SettleQueue", v.deadQueue("SettleDeadQueue", "conversations that could not be settled"), 10, queueFunctionTimeout)
	v.attachQueue = v.queue("AttachQueue", v.deadQueue("AttachDeadQueue", "files that nobody could try to get"), 10, attachTimeout)
	v.mailDead = v.deadQueue("MailDeadQueue", "transcripts and notices that could not be sent")
	v.mailQueue = v.queue("MailQueue", v.mailDead, 60, mailTimeout)
	v.purgeQueue = v.queue("PurgeQueue", v.deadQueue("PurgeDeadQueue", "completed conversations that could not be destroyed"), 10, purgeTimeout)
	v.extractQueue = v.queue("ExtractQueue", v.deadQueue("ExtractDeadQueue", "extracts that nobody goes on with"), 10, extractTimeout)
	v.importQueue = v.queue("ImportQueue", v.deadQueue("ImportDeadQueue", "imports that nobody goes on with"), 10, importTimeout)
	v.schedulesDead = v.deadQueue("SchedulesDeadQueue", "scheduled runs that failed for good")
}

// queue makes a queue whose function may take so many seconds, and that gives a message up after so many tries.
func (v *vault) queue(id string, dead queue, tries, seconds float64) queue {
	return awssqs.NewQueue(v.stack, jsii.String(id), &awssqs.QueueProps{
		DeadLetterQueue:     &awssqs.DeadLetterQueue{Queue: dead, MaxReceiveCount: jsii.Number(tries)},
		Encryption:          awssqs.QueueEncryption_KMS,
		EncryptionMasterKey: v.storage,
		EnforceSSL:          jsii.Bool(true),
		RemovalPolicy:       v.props.Stage.removal(),
		RetentionPeriod:     awscdk.Duration_Days(jsii.Number(14)),
		VisibilityTimeout:   awscdk.Duration_Seconds(jsii.Number(6 * seconds)),
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
func (v *vault) consume(q queue, f awslambda.Function) { v.consumeBatches(q, f, 10) }

// consumeBatches is consume in batches of a size; where a message is minutes of work, of one.
func (v *vault) consumeBatches(q queue, f awslambda.Function, size float64) {
	awslambda.NewEventSourceMapping(f, jsii.String("Queue"), &awslambda.EventSourceMappingProps{
		BatchSize:               jsii.Number(size),
		EventSourceArn:          q.QueueArn(),
		MaxConcurrency:          jsii.Number(10),
		ReportBatchItemFailures: jsii.Bool(true),
		Target:                  f,
	})
}

package infra

import (
	"net/mail"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsses"
	"github.com/aws/jsii-runtime-go"
)

// addMail makes the function that sends transcripts and notices through SES, and the ways by which it hears what has settled and what
// became of a message.
func (v *vault) addMail() {
	set := v.addConfigurationSet()
	environment := map[string]*string{
		"RECORDS_TABLE":     v.records.TableName(),
		"KEYS_TABLE":        v.keys.TableName(),
		"CONTROL_TABLE":     v.control.TableName(),
		"OBJECTS_BUCKET":    v.objects.BucketName(),
		"MAIL_QUEUE_URL":    v.mailQueue.QueueUrl(),
		"PURGE_QUEUE_URL":   v.purgeQueue.QueueUrl(),
		"CONFIGURATION_SET": set.Ref(),
		"API_URL":           v.api.ApiEndpoint(), // what links begin with
	}
	may := []awsiam.PolicyStatement{
		v.mayOnTable(v.control, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
		v.mayOnRows(v.control, []string{mailboxRows, mailLogRows, digestRows, linkRows}, "dynamodb:PutItem"),
		v.mayOnRows(v.control, []string{copyRows, digestRows}, "dynamodb:UpdateItem"),
		v.mayOnRows(v.control, []string{mailLogRows, digestRows, linkRows, noticeRows}, "dynamodb:DeleteItem"),
		v.mayOnTable(v.keys, "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"),
		// That a destination without which nothing is destroyed early has a revision.
		only(v.mayOnRows(v.keys, []string{conversationRows}, "dynamodb:UpdateItem"), "state", "generation", "awaits", "delivered"),
		v.mayOnTable(v.records, "dynamodb:GetItem", "dynamodb:Query"),
		v.wraps("kms:Decrypt"),
		v.maySend(v.mailQueue, v.purgeQueue),
		v.mayConsume(v.mailQueue),
		v.mayOnObjects(v.objects, bodiesPrefix, "s3:GetObject"),
		v.knowsMissing(v.objects),
		v.storageVia("dynamodb", "kms:Decrypt"),
		v.storageVia("sqs", "kms:Decrypt", "kms:GenerateDataKey"),
		v.storageVia("s3", "kms:Decrypt"),
	}
	if v.props.MailFrom != "" {
		environment["MAIL_FROM"] = jsii.String(v.props.MailFrom)
		may = append(may, v.sendsMail(set))
	}
	f := v.function(functionProps{
		name:        "mail",
		does:        "Sends transcripts and notices by e-mail, and notes what became of them",
		seconds:     mailTimeout,
		megabytes:   512,
		environment: environment,
		may:         may,
		scheduled:   true,
	})
	v.consumeBatches(v.mailQueue, f, 1) // a conversation may go to hundreds of mailboxes
	// Twelve minutes after the hour: a digest is begun ten minutes after its period's end at the earliest.
	v.schedule(f, "Schedule", "cron(12 * * * ? *)", `{"action":"digest"}`)

	v.toMailQueue("MailSettled", v.bus.EventBusName(), map[string]any{
		"source": []string{"supportvault"}, "detail-type": []string{"record.settled"},
	}, awsevents.CfnRule_TargetProperty{
		InputPath: jsii.String("$.detail"),
		// What could not be delivered within a day. Reports have none: what is kept there would be the whole event, with the address.
		DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: v.mailDead.QueueArn()},
	})
	// A path that an event does not have spoils the whole report, so each event has a rule with the paths that it surely has.
	for _, event := range []string{"Bounce", "Complaint"} {
		v.toMailQueue("Mail"+event, nil, map[string]any{
			"source": []string{"aws.ses"},
			"detail": map[string]any{
				"eventType": []string{event},
				"mail":      map[string]any{"tags": map[string]any{"ses:configuration-set": []*string{set.Ref()}}},
			},
		}, awsevents.CfnRule_TargetProperty{InputTransformer: report(event)})
	}
	v.letEventsIn()
}

// addConfigurationSet makes the set of SES through which every message goes: never without TLS, with a report of what comes
// back to the default bus, the only one to which SES reports, and whatever the AWS account's suppression list says: each of our
// accounts has a list of its own, and takes addresses off it.
func (v *vault) addConfigurationSet() awsses.CfnConfigurationSet {
	set := awsses.NewCfnConfigurationSet(v.stack, jsii.String("MailSet"), &awsses.CfnConfigurationSetProps{
		Name:              v.stack.StackName(),
		DeliveryOptions:   &awsses.CfnConfigurationSet_DeliveryOptionsProperty{TlsPolicy: jsii.String("REQUIRE")},
		ReputationOptions: &awsses.CfnConfigurationSet_ReputationOptionsProperty{ReputationMetricsEnabled: jsii.Bool(true)},
		// The empty list turns the AWS account's list off; no list would leave it on.
		SuppressionOptions: &awsses.CfnConfigurationSet_SuppressionOptionsProperty{SuppressedReasons: &[]*string{}},
	})
	awsses.NewCfnConfigurationSetEventDestination(v.stack, jsii.String("MailReports"), &awsses.CfnConfigurationSetEventDestinationProps{
		ConfigurationSetName: set.Ref(),
		EventDestination: &awsses.CfnConfigurationSetEventDestination_EventDestinationProperty{
			Name:               jsii.String("reports"),
			Enabled:            jsii.Bool(true),
			MatchingEventTypes: jsii.Strings("bounce", "complaint"),
			EventBridgeDestination: &awsses.CfnConfigurationSetEventDestination_EventBridgeDestinationProperty{
				EventBusArn: v.arn("events", "event-bus/default"),
			},
		},
	})
	return set
}

// report passes on of an event of SES what leads back to the message: no address, no subject.
func report(event string) *awsevents.CfnRule_InputTransformerProperty {
	from := map[string]*string{
		"account": jsii.String("$.detail.mail.tags.account"),
		"copy":    jsii.String("$.detail.mail.tags.copy"),
		"message": jsii.String("$.detail.mail.messageId"),
		"at":      jsii.String("$.time"),
	}
	template := `{"report":{"event":"` + strings.ToLower(event) + `","account":<account>,"copy":<copy>,"message":<message>,"at":<at>`
	if event == "Bounce" {
		from["type"], from["subtype"] = jsii.String("$.detail.bounce.bounceType"), jsii.String("$.detail.bounce.bounceSubType")
		template += `,"type":<type>,"subtype":<subtype>`
	}
	return &awsevents.CfnRule_InputTransformerProperty{InputPathsMap: &from, InputTemplate: jsii.String(template + "}}")}
}

// toMailQueue makes a rule that brings events of a bus (nil is the default one) to the mail queue.
func (v *vault) toMailQueue(id string, bus *string, pattern map[string]any, target awsevents.CfnRule_TargetProperty) {
	target.Id, target.Arn = jsii.String("mail"), v.mailQueue.QueueArn()
	awsevents.NewCfnRule(v.stack, jsii.String(id), &awsevents.CfnRuleProps{
		EventBusName: bus,
		EventPattern: pattern,
		Targets:      &[]any{target},
	})
}

// letEventsIn lets the rules of this AWS account put into the mail queue and its dead-letter queue. EventBridge asks KMS as
// itself.
func (v *vault) letEventsIn() {
	eventBridge := &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)}
	ours := &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": v.stack.Account()}}
	for _, q := range []queue{v.mailQueue, v.mailDead} {
		q.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid:        jsii.String("EventsReachTheQueue"),
			Principals: eventBridge,
			Actions:    jsii.Strings("sqs:SendMessage"),
			Resources:  &[]*string{q.QueueArn()},
			Conditions: ours,
		}))
	}
	v.storage.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("EventsReachTheQueues"),
		Principals: eventBridge,
		Actions:    jsii.Strings("kms:Decrypt", "kms:GenerateDataKey"),
		Resources:  jsii.Strings("*"),
		Conditions: ours,
	}), jsii.Bool(true))
}

// sendsMail allows to send as the sender and nobody else, through the configuration set. Which of the sender's identities SES
// knows, its address, its domain or one above, is not known here; it asks for that one. For a message that is complete when
// it is handed over, it asks for the second action.
func (v *vault) sendsMail(set awsses.CfnConfigurationSet) awsiam.PolicyStatement {
	from, err := mail.ParseAddress(v.props.MailFrom)
	if err != nil {
		panic("MailFrom is not an e-mail address: " + err.Error())
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	on := []*string{v.arn("ses", "configuration-set/"+*set.Ref()), v.arn("ses", "identity/"+from.Address)}
	for ; strings.Contains(domain, "."); _, domain, _ = strings.Cut(domain, ".") {
		on = append(on, v.arn("ses", "identity/"+domain))
	}
	return allow([]string{"ses:SendEmail", "ses:SendRawEmail"}, on...).under(map[string]any{
		"StringEquals": map[string]any{"ses:FromAddress": from.Address},
	})
}

// arn is the ARN of something in this AWS account and Region.
func (v *vault) arn(service, resource string) *string {
	return v.stack.FormatArn(&awscdk.ArnComponents{
		Service: jsii.String(service), Resource: jsii.String(resource), ArnFormat: awscdk.ArnFormat_NO_RESOURCE_NAME,
	})
}

package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/jsii-runtime-go"
)

// addBus makes the event bus, over which references to settled records go, never content. It is named after the stack, so
// that two stages can share an AWS account.
func (v *vault) addBus() {
	v.bus = awsevents.NewEventBus(v.stack, jsii.String("Bus"), &awsevents.EventBusProps{
		EventBusName: v.stack.StackName(),
		Description:  jsii.String("References to settled records"),
	})
}

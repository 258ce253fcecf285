package infra

import (
	"fmt"
	"runtime"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// Stage is where a stack runs.
type Stage string

const (
	// Local is the emulator on this machine.
	Local Stage = "local"
	// Dev is a development account: as production, but everything goes when the stack goes.
	Dev Stage = "dev"
	// Prod keeps its data when the stack is deleted.
	Prod Stage = "prod"
)

// Stages are all stages, in the order of their weight.
var Stages = []Stage{Local, Dev, Prod}

// ParseStage reads the context value `stage`.
func ParseStage(s string) (Stage, error) {
	for _, stage := range Stages {
		if s == string(stage) {
			return stage, nil
		}
	}
	return "", fmt.Errorf("stage %q is unknown: give -c stage=local, dev or prod", s)
}

func (s Stage) keepsData() bool { return s == Prod }

// account is the AWS account of the stage, or nil for that of whoever deploys. The emulator's does not exist in AWS: with
// real credentials the CDK CLI refuses to deploy the stage.
func (s Stage) account() *string {
	if s == Local {
		return jsii.String("000000000000")
	}
	return nil
}

// flavour is the folder under .build that holds the binaries of the stage.
func (s Stage) flavour() string {
	if s == Local {
		return "local"
	}
	return "arm64"
}

// architecture is arm64 in AWS. The emulator starts the binaries as they are, so they are this machine's.
func (s Stage) architecture() awslambda.Architecture {
	if s == Local && runtime.GOARCH == "amd64" {
		return awslambda.Architecture_X86_64()
	}
	return awslambda.Architecture_ARM_64()
}

func (s Stage) removal() awscdk.RemovalPolicy {
	if s.keepsData() {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}

func (s Stage) logRetention() awslogs.RetentionDays {
	if s.keepsData() {
		return awslogs.RetentionDays_THREE_MONTHS
	}
	return awslogs.RetentionDays_ONE_WEEK
}

// settleDelay is how long the end of a conversation waits for late and shuffled messages.
func (s Stage) settleDelay() string {
	if s == Local {
		return "2s"
	}
	return "30s"
}

// sweep is how often idle conversations, and files that are due, are looked for.
func (s Stage) sweep() string {
	if s == Local {
		return "rate(1 minute)"
	}
	return "rate(5 minutes)"
}

// closureNotice is how long before its end the closing of an account is announced, unless the context says. On a laptop the end
// can be watched.
func (s Stage) closureNotice() string {
	if s == Local {
		return "PT10M"
	}
	return "P30D"
}

// leastNotice is the shortest notice that the context may ask for, in minutes: a mistake must be noticed before everything is gone.
func (s Stage) leastNotice() int {
	if s == Prod {
		return 7 * day
	}
	return 1
}

// mailFrom is the sender unless the context names one. The emulator's is of a domain that exists nowhere.
func (s Stage) mailFrom() string {
	if s == Local {
		return "supportvault <transcripts@vault.example>"
	}
	return ""
}

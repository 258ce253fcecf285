package main

import (
	"os"
	"strings"
)

// The local stack's Region and AWS account; the account is MiniStack's own default, and the one of infra's stage local.
const (
	localRegion     = "us-east-2"
	localAWSAccount = "000000000000"
)

// localEnviron is the environment of everything that talks to the emulator: the person's own without a single AWS
// setting (profiles, credentials, endpoints, container and instance roles), then credentials that are worth nothing.
func localEnviron(environ []string, emulator string) []string {
	env := make([]string, 0, len(environ)+10)
	for _, kv := range environ {
		if !strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "CDK_") {
			env = append(env, kv)
		}
	}
	return append(env,
		"AWS_ACCESS_KEY_ID=test",
		"AWS_SECRET_ACCESS_KEY=test",
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_REGION="+localRegion,
		"AWS_DEFAULT_REGION="+localRegion,
		"AWS_ENDPOINT_URL="+emulator,
	)
}

// cdkEnviron adds what keeps the CDK CLI quiet and at home.
func cdkEnviron(h home, env []string) []string {
	return append(env,
		"CDK_HOME="+h.tools()+"/cdk-home",
		"CDK_DISABLE_VERSION_CHECK=1",
		"CDK_DISABLE_CLI_TELEMETRY=true",
		"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20",
		"JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION=20",
	)
}

// Command app is the CDK app. The CDK CLI starts it (cdk.json) for the one stage of its context. With arguments it makes
// the template of each stage that they name, without the CLI, into $CDK_OUTDIR/<stage>.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/supportvault/supportvault/infra"
)

func main() {
	err := run(os.Getenv("CDK_OUTDIR"), os.Args[1:])
	jsii.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "supportvault:", err)
		os.Exit(1)
	}
}

func run(outdir string, stages []string) error {
	if len(stages) == 0 {
		return synth(&awscdk.AppProps{})
	}
	if outdir == "" {
		return fmt.Errorf("CDK_OUTDIR is not set: run `make synth`")
	}
	for _, stage := range stages {
		err := synth(&awscdk.AppProps{
			Outdir:         jsii.String(filepath.Join(outdir, stage)),
			PostCliContext: &map[string]any{"stage": stage},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func synth(props *awscdk.AppProps) error {
	// No metadata about the deployment goes into the template.
	props.AnalyticsReporting = jsii.Bool(false)
	app := awscdk.NewApp(props)
	p, err := infra.ReadProps(app.Node())
	if err != nil {
		return err
	}
	infra.NewStack(app, p)
	app.Synth(nil)
	return nil
}

package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
)

// synthCommand makes the template of every stage in cdk.out/<stage>, for template_test and for whoever wants to read them.
// The CDK's validator refuses bad ones here; starting it takes longer than all the rest, so that all stages share one
// process.
func synthCommand(ctx context.Context, root string, args []string) error {
	if err := parse(flag.NewFlagSet("synth", flag.ContinueOnError), args); err != nil {
		return err
	}
	h, p := mainHome(root), newProgress()
	for _, flavour := range []string{"local", "arm64"} {
		if err := build(ctx, h, p, flavour); err != nil {
			return err
		}
	}
	stages := append([]string{"local"}, awsStages...)
	out := filepath.Join(root, "cdk.out")
	for _, stage := range stages {
		if err := os.RemoveAll(filepath.Join(out, stage)); err != nil {
			return err
		}
	}
	return p.step("synthesizing the stages "+strings.Join(stages, ", "), func() error {
		env := append(cdkEnviron(h, localEnviron(os.Environ(), "http://127.0.0.1:1")), "CDK_OUTDIR="+out)
		return quietly(child(ctx, filepath.Join(root, "infra"), env, "go", append([]string{"run", "./app"}, stages...)...), h.log("synth"))
	})
}

package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
)

// diffCommand says what a deployment would change: on AWS, or with the stage local what make up would. Its exit code is 0
// only without any difference.
func diffCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("diff", flag.ContinueOnError)
	stage := flags.String("stage", "local", "local, dev or prod")
	region := regionFlag(flags)
	said := settingsFlags(flags)
	if err := parse(flags, args); err != nil {
		return err
	}
	h, p := mainHome(root), newProgress()
	d, err := newDoctor(ctx, root, *stage, *region)
	if err != nil {
		return err
	}
	flavour := "arm64"
	if d.stage == "local" {
		if flavour = "local"; d.emulator == nil {
			return errors.New("the local stack is not up; remedy: make up (or give STAGE=dev|prod for the stack on AWS)")
		}
	}
	err = together(
		func() error { return cdkCLI.ensure(ctx, h, p) },
		func() error { return build(ctx, h, p, flavour) })
	if err != nil {
		return err
	}
	if d.stage != "local" {
		return d.cdkOnAWS(ctx, h, p, *said, "diff", "--fail")
	}
	env := append(cdkEnviron(h, localEnviron(os.Environ(), d.emulator.url())), "CDK_VALIDATION=false")
	return openly(child(ctx, root, env, h.cdk(), "diff", "--fail", "--no-notices",
		"--output", filepath.Join(root, "cdk.out", "diff-local"), "-c", "stage=local"))
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// settings are what a person says to a deployment once. A later one that does not say them keeps them; "none" takes one away.
type settings struct{ alarmEmail, mailFrom string }

func settingsFlags(flags *flag.FlagSet) *settings {
	var s settings
	flags.StringVar(&s.alarmEmail, "alarm-email", "", "who gets the alarms; none for nobody; without it as deployed")
	flags.StringVar(&s.mailFrom, "mail-from", "", "the sender of mail; none for no mail; without it as deployed")
	return &s
}

// context is the settings for the CDK, after what was not said was taken from the deployed stack.
func (s settings) context(deployed settings, p *progress) (args []string) {
	for _, of := range []struct{ name, key, said, deployed string }{
		{"ALARM_EMAIL", "alarmEmail", s.alarmEmail, deployed.alarmEmail},
		{"MAIL_FROM", "mailFrom", s.mailFrom, deployed.mailFrom},
	} {
		if of.said == "" && of.deployed != "" {
			p.say("%s=%s stays, as deployed (%s=none takes it away)", of.name, of.deployed, of.name)
			of.said = of.deployed
		}
		if of.said != "" && of.said != "none" {
			args = append(args, "-c", of.key+"="+of.said)
		}
	}
	return args
}

// settings are those of the deployed stack. The address of the alarms stands nowhere but in its template.
func (d *doctor) settings(ctx context.Context) (settings, error) {
	if err := errors.Join(d.awsErr, d.deployedErr); err != nil || d.deployed.status == "" {
		return settings{}, err
	}
	name := stackName(d.stage)
	res, err := cloudformation.NewFromConfig(d.aws).GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &name})
	if err != nil {
		return settings{}, err
	}
	s := settings{mailFrom: d.deployed.outputs["MailFrom"]}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties struct{ Protocol, Endpoint any }
		}
	}
	if err := json.Unmarshal([]byte(aws.ToString(res.TemplateBody)), &template); err != nil {
		return s, fmt.Errorf("the deployed template: %w", err)
	}
	for _, r := range template.Resources {
		address, ok := r.Properties.Endpoint.(string)
		if ok && r.Type == "AWS::SNS::Subscription" && r.Properties.Protocol == "email" {
			s.alarmEmail = address
		}
	}
	return s, nil
}

// cdkOnAWS runs the CDK CLI for a stage on AWS, with the person's own credentials and terminal, so that it may ask.
func (d *doctor) cdkOnAWS(ctx context.Context, h home, p *progress, said settings, verb string, args ...string) error {
	deployed, err := d.settings(ctx)
	if err != nil && (said.alarmEmail == "" || said.mailFrom == "") {
		return fmt.Errorf("what ALARM_EMAIL and MAIL_FROM the deployed stack has cannot be seen; give both (none for none): %w", err)
	}
	// The output is an absolute path: the app runs in another folder than the CLI.
	args = slices.Concat([]string{verb, "--output", filepath.Join(h.root, "cdk.out", verb+"-"+d.stage),
		"-c", "stage=" + d.stage, "-c", "region=" + d.region}, said.context(deployed, p), args)
	// In this program's process group: the terminal belongs to it.
	cmd := exec.CommandContext(ctx, h.cdk(), args...)
	cmd.Dir, cmd.Env = h.root, cdkEnviron(h, os.Environ())
	return openly(cmd)
}

// deployCommand looks whether a deployment can go well, deploys to AWS, asking for consent to changed permissions, and looks
// at what it brought about.
func deployCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("deploy", flag.ContinueOnError)
	stage := flags.String("stage", "", "dev or prod")
	region := regionFlag(flags)
	said := settingsFlags(flags)
	force := flags.Bool("force", false, "deploy even if the doctor finds that something is missing")
	if err := parse(flags, args); err != nil {
		return err
	}
	if !slices.Contains(awsStages, *stage) {
		return fmt.Errorf("make deploy STAGE=dev|prod deploys to AWS (got %q); the stage local is for this machine: make up", *stage)
	}
	h, p := mainHome(root), newProgress()
	d, err := newDoctor(ctx, root, *stage, *region)
	if err != nil {
		return err
	}
	if d.mailFrom = said.mailFrom; d.mailFrom == "none" {
		d.mailFrom = ""
		delete(d.deployed.outputs, "MailFrom")
	}
	findings := d.examine(ctx, d.before())
	printFindings(os.Stdout, findings)
	if anyMissing(findings) && !*force {
		fmt.Println("\nNothing was deployed. FORCE=1 deploys nevertheless.")
		return exitCode(1)
	}
	if err := cdkCLI.ensure(ctx, h, p); err != nil {
		return err
	}
	if err := build(ctx, h, p, "arm64"); err != nil {
		return err
	}
	if err := d.cdkOnAWS(ctx, h, p, *said, "deploy", "--all"); err != nil {
		return err
	}
	d.open(ctx)
	var rows [][]string
	for _, key := range slices.Sorted(maps.Keys(d.deployed.outputs)) {
		rows = append(rows, []string{key, d.deployed.outputs[key]})
	}
	fmt.Println()
	table(os.Stdout, rows)
	fmt.Println()
	findings = d.examine(ctx, d.after())
	printFindings(os.Stdout, findings)
	if anyMissing(findings) {
		fmt.Printf("\nIt is deployed, but not in order. make doctor STAGE=%s REGION=%s looks again.\n", d.stage, d.region)
		return exitCode(1)
	}
	return nil
}

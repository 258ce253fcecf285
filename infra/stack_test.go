package infra_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/supportvault/supportvault/infra"
)

// What the stack contains is tested on its templates, in template_test. Here stands what a template cannot show: the
// mistakes that are refused before there is one.

func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

func TestReadProps(t *testing.T) {
	for _, test := range []struct {
		name    string
		context map[string]any
		want    infra.Props
		says    string
	}{
		{name: "takes the default Region", context: map[string]any{"stage": "dev"}, want: infra.Props{Stage: infra.Dev, Region: "us-east-2", ClosureNotice: "P30D", Build: "../.build"}},
		{
			name:    "takes Region and alarm address",
			context: map[string]any{"stage": "prod", "region": "eu-central-1", "alarmEmail": "operator@example.com"},
			want:    infra.Props{Stage: infra.Prod, Region: "eu-central-1", AlarmEmail: "operator@example.com", ClosureNotice: "P30D", Build: "../.build"},
		},
		{
			name:    "takes the sender of mail",
			context: map[string]any{"stage": "dev", "mailFrom": "Shop <mail@example.com>"},
			want:    infra.Props{Stage: infra.Dev, Region: "us-east-2", MailFrom: "Shop <mail@example.com>", ClosureNotice: "P30D", Build: "../.build"},
		},
		{
			name:    "has a sender on a laptop, where accounts close soon",
			context: map[string]any{"stage": "local"},
			want: infra.Props{
				Stage: infra.Local, Region: "us-east-2", MailFrom: "supportvault <transcripts@vault.example>", ClosureNotice: "PT10M", Build: "../.build",
			},
		},
		{
			name:    "takes the notice of closings",
			context: map[string]any{"stage": "prod", "closureNotice": "P6DT24H"},
			want:    infra.Props{Stage: infra.Prod, Region: "us-east-2", ClosureNotice: "P6DT24H", Build: "../.build"},
		},
		{
			name:    "takes a short notice where nothing is kept",
			context: map[string]any{"stage": "dev", "closureNotice": "PT1M"},
			want:    infra.Props{Stage: infra.Dev, Region: "us-east-2", ClosureNotice: "PT1M", Build: "../.build"},
		},
		{name: "refuses a notice of less than a week in prod", context: map[string]any{"stage": "prod", "closureNotice": "P6DT23H59M"}, says: "P7D at least"},
		{name: "refuses no notice at all", context: map[string]any{"stage": "dev", "closureNotice": "P0D"}, says: "-c closureNotice="},
		{name: "refuses a notice of months", context: map[string]any{"stage": "dev", "closureNotice": "P1M"}, says: "-c closureNotice="},
		{name: "refuses a notice that ends too early", context: map[string]any{"stage": "dev", "closureNotice": "P30DT"}, says: "-c closureNotice="},
		{name: "refuses a notice of more than a lifetime", context: map[string]any{"stage": "prod", "closureNotice": "P36526D"}, says: "-c closureNotice="},
		{name: "refuses a sender that is none", context: map[string]any{"stage": "dev", "mailFrom": "example.com"}, says: "-c mailFrom="},
		{name: "refuses no stage", context: map[string]any{}, says: "stage=local, dev or prod"},
		{name: "refuses an unknown stage", context: map[string]any{"stage": "test"}, says: `"test" is unknown`},
		{name: "refuses a Region that is none", context: map[string]any{"stage": "dev", "region": "Frankfurt"}, says: "-c region="},
	} {
		t.Run(test.name, func(t *testing.T) {
			app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(t.TempDir()), PostCliContext: &test.context})
			got, err := infra.ReadProps(app.Node())
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Fatalf("got %v, want an error that says %q", err, test.says)
				}
				return
			}
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestFunctionsThatWereNotBuilt(t *testing.T) {
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(t.TempDir())})
	defer func() {
		if says := fmt.Sprint(recover()); !strings.Contains(says, "run `make build`") {
			t.Errorf("got %q, want the remedy", says)
		}
	}()
	infra.NewStack(app, infra.Props{Stage: infra.Dev, Region: infra.DefaultRegion, ClosureNotice: "P30D", Build: t.TempDir()})
}

// The gate for the whole stack: the validator's rules are errors here. Its binaries are stand-ins, so that nothing needs
// to be built.
func TestStackPassesTheValidator(t *testing.T) {
	build := t.TempDir()
	functions, err := os.ReadDir("../functions")
	if err != nil {
		t.Fatal(err)
	}
	for _, flavour := range []string{"local", "arm64"} {
		for _, function := range functions {
			folder := filepath.Join(build, flavour, function.Name())
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "bootstrap"), []byte(function.Name()), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, stage := range []infra.Stage{infra.Local, infra.Prod} {
		t.Run(string(stage), func(t *testing.T) {
			app := validated(t.TempDir())
			infra.NewStack(app, infra.Props{
				Stage: stage, Region: infra.DefaultRegion, AlarmEmail: "operator@example.com", MailFrom: "mail@eu.example.com", ClosureNotice: "P30D",
				Build: build,
			})
			defer func() {
				if says := recover(); says != nil {
					t.Errorf("%v", says)
				}
			}()
			app.Synth(nil)
		})
	}
}

// validated makes an app whose synthesis fails on the validator's findings. It does not run where the environment has
// CDK_VALIDATION=false; TestValidatorRuns notices.
func validated(out string) awscdk.App {
	return awscdk.NewApp(&awscdk.AppProps{
		Outdir:         jsii.String(out),
		PostCliContext: &map[string]any{"@aws-cdk/core:validateAgainstDefaultRules": true},
	})
}

// A clean report looks the same as one of a validator that did not run; so it must refuse what is known to be bad.
func TestValidatorRuns(t *testing.T) {
	if os.Getenv("CDK_VALIDATION") == "false" {
		t.Fatal("CDK_VALIDATION=false turns the validator off: unset it")
	}
	out := t.TempDir()
	app := validated(out)
	awssqs.NewCfnQueue(awscdk.NewStack(app, jsii.String("bad"), nil), jsii.String("Queue"), &awssqs.CfnQueueProps{
		VisibilityTimeout: jsii.Number(999_999),
	})
	defer func() {
		if says := fmt.Sprint(recover()); !strings.Contains(says, "ValidationFailed") {
			t.Errorf("got %q, want a refusal", says)
		}
		report, err := os.ReadFile(filepath.Join(out, "validation-report.json"))
		if err != nil || !strings.Contains(string(report), "999999 is greater than the maximum of 43200") {
			t.Errorf("the report says %s, %v", report, err)
		}
	}()
	app.Synth(nil)
}

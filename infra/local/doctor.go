package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
)

// A state is what a check came to. Only missing makes the doctor's exit code 1.
type state string

const (
	good     state = "ok"
	doubtful state = "warning"
	missing  state = "missing"
)

// A finding is one line of the doctor's table.
type finding struct {
	Check  string `json:"check"`
	State  state  `json:"state"`
	Found  string `json:"found"`
	Remedy string `json:"remedy,omitempty"`
}

func ok(format string, args ...any) (finding, error) {
	return finding{State: good, Found: fmt.Sprintf(format, args...)}, nil
}

func warn(remedy, format string, args ...any) (finding, error) {
	return finding{State: doubtful, Found: fmt.Sprintf(format, args...), Remedy: remedy}, nil
}

func lacks(remedy, format string, args ...any) (finding, error) {
	return finding{State: missing, Found: fmt.Sprintf(format, args...), Remedy: remedy}, nil
}

// A check looks at one thing. Its error means that it could not look.
type check struct {
	name  string
	where place
	look  func(context.Context) (finding, error)
}

type place int

const (
	everywhere place = iota
	onEmulator
	onAWS
)

// A doctor looks at a stage: before a deployment at what it needs, after it at what was deployed. Every check has its own
// time and fails alone.
type doctor struct {
	root, stage, region string
	mailFrom, domain    string
	aws                 aws.Config
	awsErr              error     // why there are no credentials
	emulator            *emulator // of the stage local, when it runs
	deployed            deployment
	deployedErr         error

	now     time.Time
	limit   time.Duration // of each check
	resolve func(ctx context.Context, host string) ([]string, error)
	status  func(ctx context.Context, url string) (int, error) // of a GET
}

// newDoctor makes the doctor of a stage and looks once at what is deployed. Broken credentials are a finding, not an error.
func newDoctor(ctx context.Context, root, stage, region string) (*doctor, error) {
	d := &doctor{
		root: root, stage: stage, region: region,
		now: time.Now(), limit: 10 * time.Second, resolve: net.DefaultResolver.LookupHost, status: getStatus,
	}
	switch {
	case stage == "local":
		d.region = localRegion
		e, up := running(mainHome(root))
		if !up {
			d.awsErr = errors.New("the emulator is not running")
			return d, nil
		}
		s, err := localStack(outputs{Emulator: e.url(), Region: localRegion})
		if err != nil {
			return nil, err
		}
		d.emulator, d.aws = &e, s.aws
	case slices.Contains(awsStages, stage):
		d.aws, d.awsErr = config.LoadDefaultConfig(ctx, config.WithRegion(region), config.WithRetryMaxAttempts(2),
			config.WithLogger(logging.Nop{}))
	default:
		return nil, fmt.Errorf("unknown stage %q; say local, dev or prod", stage)
	}
	d.open(ctx)
	return d, nil
}

// open reads what is deployed, if there are credentials.
func (d *doctor) open(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	if d.awsErr == nil {
		_, d.awsErr = d.aws.Credentials.Retrieve(ctx)
	}
	if d.awsErr == nil {
		d.deployed, d.deployedErr = describe(ctx, d.aws, stackName(d.stage))
	}
}

// before is what a deployment needs.
func (d *doctor) before() []check {
	return []check{
		{"tools", everywhere, d.tools},
		{"emulator", onEmulator, d.emulates},
		{"credentials", onAWS, d.credentials},
		{"region", onAWS, d.regionEnabled},
		{"bootstrap", everywhere, d.bootstrapped},
		{"concurrency", onAWS, d.concurrency},
		{"mail", onAWS, d.mail},
		{"sender", onAWS, d.sender},
		{"stack", everywhere, d.stack},
	}
}

// after is what a deployed stack shows; nothing where none is deployed.
func (d *doctor) after() (checks []check) {
	if d.deployed.outputs["Api"] != "" {
		checks = []check{
			{"api", everywhere, d.api},
			{"functions", everywhere, d.functions},
			{"tables", everywhere, d.tables},
			{"dead letters", everywhere, d.deadLetters},
			{"alarms", onAWS, d.alarms},
			{"subscribers", onAWS, d.subscribers},
		}
	}
	if d.domain != "" {
		checks = append(checks, check{"domain", onAWS, d.domainReady})
	}
	return checks
}

// examine runs the checks that make sense here, at the same time, and keeps their order.
func (d *doctor) examine(ctx context.Context, checks []check) []finding {
	elsewhere := onEmulator
	if d.stage == "local" {
		elsewhere = onAWS
	}
	checks = slices.DeleteFunc(checks, func(c check) bool { return c.where == elsewhere })
	findings := make([]finding, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, d.limit)
			defer cancel()
			f, err := finding{State: doubtful, Found: "not looked at: see above"}, error(nil)
			if d.awsErr == nil || slices.Contains([]string{"tools", "emulator", "credentials"}, c.name) {
				f, err = c.look(ctx)
			}
			if err != nil {
				f, _ = d.unknown(err)
			}
			f.Check = c.name
			findings[i] = f
		})
	}
	wg.Wait()
	return findings
}

// How AWS's services say that somebody may not.
var refusals = []string{"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"}

// unknown is the finding of a check that could not look. Not being allowed to look is no fault of the stack's: a
// deployment uses the roles of the CDK's bootstrap, which may do more than the person.
func (d *doctor) unknown(err error) (finding, error) {
	const network = "look at the network (a proxy? a VPN?) and at REGION, then the same again"
	var told smithy.APIError
	var unreached *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return lacks(network, "no answer within %s", d.limit)
	case errors.As(err, &told) && slices.Contains(refusals, told.ErrorCode()):
		return warn("allow it to these credentials, or ask somebody who may", "not allowed to look: %s", told.ErrorMessage())
	case errors.As(err, &told):
		return lacks("", "AWS answers %s: %s", told.ErrorCode(), told.ErrorMessage())
	case errors.As(err, &unreached):
		return lacks(network, "%v", unreached)
	}
	return lacks("", "%v", err)
}

func getStatus(ctx context.Context, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func anyMissing(findings []finding) bool {
	return slices.ContainsFunc(findings, func(f finding) bool { return f.State == missing })
}

func printFindings(out io.Writer, findings []finding) {
	marks := map[state]string{good: green("✓"), doubtful: paint("33", "!"), missing: red("✗")}
	for _, f := range findings {
		fmt.Fprintf(out, "  %s %-12s  %s\n", marks[f.State], f.Check, f.Found)
		if f.Remedy != "" {
			fmt.Fprintf(out, "  %-14s  → %s\n", "", f.Remedy)
		}
	}
}

// doctorCommand prints what the stage lacks. Its exit code is 1 if that is anything.
func doctorCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	stage := flags.String("stage", "local", "local, dev or prod")
	region := regionFlag(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	mailFrom := flags.String("mail-from", "", "the sender of mail; without it that of the deployed stack")
	domain := flags.String("domain", "", "a domain of your own that leads to the API")
	if err := parse(flags, args); err != nil {
		return err
	}
	d, err := newDoctor(ctx, root, *stage, *region)
	if err != nil {
		return err
	}
	d.mailFrom, d.domain = *mailFrom, *domain
	findings := d.examine(ctx, append(d.before(), d.after()...))
	if *asJSON {
		err = printJSON(map[string]any{"stage": d.stage, "region": d.region, "healthy": !anyMissing(findings), "checks": findings})
	} else {
		fmt.Printf("The stage %s in %s:\n\n", bold(d.stage), bold(d.region))
		printFindings(os.Stdout, findings)
	}
	if err == nil && anyMissing(findings) {
		return exitCode(1)
	}
	return err
}

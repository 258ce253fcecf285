package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// bring brings the home's stack up: tools, functions, emulator, deployment. What does not depend on each other runs at
// the same time.
func bring(ctx context.Context, h home, p *progress, port int) (outputs, error) {
	unlock, err := lock(ctx, h, "stack", p)
	if err != nil {
		return outputs{}, err
	}
	defer unlock()
	var e emulator
	err = together(
		func() error {
			// What cdk.json would do by `go run`, but while the emulator starts.
			if err := build(ctx, h, p, "local"); err != nil {
				return err
			}
			return p.step("compiling the CDK app", func() error {
				return quietly(child(ctx, filepath.Join(h.root, "infra"), nil, "go", "build", "-o", h.app(), "./app"), h.log("build-app"))
			})
		},
		func() error {
			err := together(
				func() error { return cdkCLI.ensure(ctx, h, p) },
				func() (err error) {
					if err := miniStack.ensure(ctx, h, p); err != nil {
						return err
					}
					e, err = start(ctx, h, p, port)
					return err
				})
			if err != nil {
				return err
			}
			return bootstrap(ctx, h, p, e)
		})
	if err != nil {
		return outputs{}, err
	}
	err = p.step("deploying the stack", func() error {
		// Without the CDK's validator, which takes longer than all the rest: make synth has it.
		env := append(cdkEnviron(h, localEnviron(os.Environ(), e.url())), "CDK_VALIDATION=false")
		return quietly(child(ctx, h.root, env, h.cdk(), "deploy", "--all",
			"--app", "cd infra && exec '"+h.app()+"'", "--context", "stage=local", "--require-approval", "never", "--method", "direct", "--progress", "events", "--no-notices",
			"--output", filepath.Join(h.dir, "cdk.out"), "--outputs-file", h.stackOutputs()), h.log("deploy"))
	})
	if err != nil {
		return outputs{}, err
	}
	b, err := os.ReadFile(h.stackOutputs())
	if err != nil {
		return outputs{}, err
	}
	var stacks map[string]map[string]string
	if err := json.Unmarshal(b, &stacks); err != nil {
		return outputs{}, fmt.Errorf("%s: %w", h.stackOutputs(), err)
	}
	return localOutputs(stacks[stackName("local")], e.url())
}

// bootstrap gives the emulator what the CDK needs, once in its life.
func bootstrap(ctx context.Context, h home, p *progress, e emulator) error {
	done := filepath.Join(h.tmp(), "bootstrapped")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	return p.step("bootstrapping the CDK", func() error {
		// In a folder without cdk.json: it needs no app.
		cmd := child(ctx, h.tmp(), cdkEnviron(h, localEnviron(os.Environ(), e.url())), h.cdk(), "bootstrap", "--no-notices",
			"aws://"+localAWSAccount+"/"+localRegion)
		if err := quietly(cmd, h.log("bootstrap")); err != nil {
			return err
		}
		return os.WriteFile(done, nil, 0o600)
	})
}

func stackName(stage string) string { return "supportvault-" + stage }

// upCommand brings up the stack and its account demo in the background.
func upCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	port := flags.Int("port", defaultPort, "the emulator's port; another one is taken when it is not free")
	if err := parse(flags, args); err != nil {
		return err
	}
	h, p := mainHome(root), newProgress()
	o, err := bringWithDemo(ctx, h, p, *port)
	if err != nil {
		return err
	}
	p.say("the stack is up")
	fmt.Println()
	table(os.Stdout, [][]string{{"API", o.API}, {"account", o.Account}, {"token", o.Token}, {"everything", h.outputs()}})
	fmt.Println("\nmake down stops it.")
	return nil
}

// demoAdministrator is told what hides or destroys something of the account demo.
const demoAdministrator = "privacy@shop.example"

// bringWithDemo brings the stack up, creates the account demo unless it is there, and writes outputs.json.
func bringWithDemo(ctx context.Context, h home, p *progress, port int) (outputs, error) {
	o, err := bring(ctx, h, p, port)
	if err != nil {
		return o, err
	}
	s, err := localStack(o)
	if err != nil {
		return o, err
	}
	if err := p.step("verifying the sender "+o.MailFrom, func() error { return s.verifySender(ctx) }); err != nil {
		return o, err
	}
	err = p.step("creating the account demo", func() error {
		a, err := s.createOwnAccount(ctx, accountRequest{
			Account: "demo", Plan: "standard", Start: "identified", Administrators: []string{demoAdministrator},
		})
		var told *functionError
		if errors.As(err, &told) && told.Code == "account_exists" {
			before, err := readOutputs(h)
			if err != nil {
				return fmt.Errorf("the account demo exists, but its token is not known any more (%w); remedy: make down, then the same again", err)
			}
			o.Account, o.Token, o.Sources = before.Account, before.Token, before.Sources
			return nil
		}
		if err != nil {
			return err
		}
		o.take(a)
		return nil
	})
	if err != nil {
		return o, err
	}
	return o, writeOutputs(h, o)
}

func downCommand(ctx context.Context, root string, args []string) error {
	if err := parse(flag.NewFlagSet("down", flag.ContinueOnError), args); err != nil {
		return err
	}
	h, p := mainHome(root), newProgress()
	unlock, err := lock(ctx, h, "stack", p)
	if err != nil {
		return err
	}
	defer unlock()
	return bringDown(h, p)
}

// bringDown stops the emulator; its state was in memory, so what describes it goes as well.
func bringDown(h home, p *progress) error {
	e, ok := running(h)
	if !ok {
		p.say("the emulator is not running")
	} else if err := p.step("stopping MiniStack", func() error { return stop(h, e) }); err != nil {
		return err
	}
	return errors.Join(remove(h.state()), remove(h.outputs()), remove(h.stackOutputs()), os.RemoveAll(h.tmp()))
}

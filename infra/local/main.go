package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// A command is one word of the command line. Its function gets what follows the word.
type command struct {
	name, does string
	run        func(ctx context.Context, root string, args []string) error
}

var commands = []command{
	{"install", "install MiniStack, the CDK CLI and DynamoDB Local into .local/", installCommand},
	{"build", "build the functions into .build/<flavour>/<name>/bootstrap", buildCommand},
	{"synth", "synthesize the stack of every stage into cdk.out/<stage>", synthCommand},
	{"up", "start the emulator, deploy the stack and create the account demo", upCommand},
	{"down", "stop the emulator", downCommand},
	{"env", "print what is needed to use the stack as lines for a shell", envCommand},
	{"run", "up, then show what the stack does, until Ctrl-C", showCommand},
	{"account", "create an account", accountCommand},
	{"rotate", "give a source of an account a new secret", rotateCommand},
	{"extract", "write every conversation of an account to its folder", extractCommand},
	{"import", "bring history into an account from a file", importCommand},
	{"receipts", "write the receipts of an account and their public keys to files", receiptsCommand},
	{"invoke", "call a function with an event", invokeCommand},
	{"doctor", "say what a stage lacks, before and after a deployment", doctorCommand},
	{"logs", "print the functions' logs", logsCommand},
	{"diff", "compare the stack with the deployed one", diffCommand},
	{"deploy", "deploy the stack to AWS", deployCommand},
	{"dynamodb", "run a command with DynamoDB Local beside it", dynamodbCommand},
	{"e2e", "run a command with a stack of its own beside it", e2eCommand},
	{"fuzz", "run every fuzz target, sharing the time", fuzzCommand},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:])
	interrupted := ctx.Err() != nil
	stop()
	var exit exitCode
	switch {
	case err == nil:
	case errors.As(err, &exit):
		os.Exit(int(exit))
	case interrupted:
		fmt.Fprintln(os.Stderr, "interrupted")
		os.Exit(130)
	default:
		fmt.Fprintf(os.Stderr, "\n%s %v\n", red("error:"), err)
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, args []string) error {
	if len(args) > 0 {
		i := slices.IndexFunc(commands, func(c command) bool { return c.name == args[0] })
		if i >= 0 {
			root, err := findRoot()
			if err != nil {
				return err
			}
			return commands[i].run(ctx, root, args[1:])
		}
	}
	var b strings.Builder
	b.WriteString("say one of these:\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-10s %s\n", c.name, c.does)
	}
	return errors.New(b.String())
}

// An exitCode is the failure of a child process that has told its reason itself.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// parse reads flags and refuses what is left over: a forgotten name must not pass silently.
func parse(flags *flag.FlagSet, args []string) error {
	flags.SetOutput(os.Stderr)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s: do not know what to do with %q", flags.Name(), flags.Args())
	}
	return nil
}

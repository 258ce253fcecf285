package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A fuzzTarget is a fuzz test of a package of the root module.
type fuzzTarget struct{ pkg, name string }

// fuzzCommand runs every fuzz target for an equal share of the time. What it finds, Go writes to the package's
// testdata/fuzz, to be committed as a seed. The others still run after a find.
func fuzzCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("fuzz", flag.ContinueOnError)
	total := flags.Duration("time", 30*time.Minute, "for all targets together")
	only := flags.String("only", "", "run only the targets whose package or name contains this")
	if err := parse(flags, args); err != nil {
		return err
	}
	list := exec.CommandContext(ctx, "go", "test", "-list", "^Fuzz", "./...")
	list.Dir, list.Stderr = root, os.Stderr
	printed, err := list.Output()
	if err != nil {
		return fmt.Errorf("list the fuzz targets: %w\n%s", err, printed)
	}
	targets := fuzzTargets(string(printed), *only)
	if len(targets) == 0 {
		return errors.New("there is no fuzz target")
	}
	share := max(*total/time.Duration(len(targets)), time.Second).Round(time.Second)
	p := newProgress()
	var finds []string
	for i, t := range targets {
		p.say("%d of %d: %s of %s for %s", i+1, len(targets), t.name, t.pkg, share)
		// Making inputs smaller that only cover something new takes up to a minute each, in which nothing is tried.
		err := openly(child(ctx, root, nil, "go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", share.String(),
			"-fuzzminimizetime", "20x", t.pkg))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			finds = append(finds, t.pkg+" "+t.name)
		}
	}
	if len(finds) > 0 {
		return fmt.Errorf("%d of %d targets failed; correct them and commit what is new under testdata/fuzz:\n  %s",
			len(finds), len(targets), strings.Join(finds, "\n  "))
	}
	p.say("%d targets, no find", len(targets))
	return nil
}

// fuzzTargets reads what `go test -list` prints: the names of a package, then a line "ok <package> <time>".
func fuzzTargets(printed, only string) []fuzzTarget {
	var all []fuzzTarget
	var names []string
	for line := range strings.Lines(printed) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1 && strings.HasPrefix(fields[0], "Fuzz"):
			names = append(names, fields[0])
		case len(fields) >= 2 && fields[0] == "ok":
			for _, name := range names {
				if strings.Contains(fields[1]+" "+name, only) {
					all = append(all, fuzzTarget{fields[1], name})
				}
			}
			names = nil
		}
	}
	return all
}

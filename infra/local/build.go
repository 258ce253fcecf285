package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// A target is what the functions are built for: what stands in the environment and in the arguments of go build.
type target struct{ env, args []string }

var targets = map[string]target{
	// AWS. The same source gives the same bytes wherever it is built.
	"arm64": {
		[]string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64"},
		[]string{"-trimpath", "-ldflags", "-s -w -buildid="},
	},
	// This machine, where MiniStack runs them. It shares what go vet and go build have compiled already, and with a build id
	// Go sees that there is nothing to link anew.
	"local": {nil, []string{"-ldflags", "-s -w"}},
}

func buildCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	flavour := flags.String("flavour", "arm64", "local or arm64")
	if err := parse(flags, args); err != nil {
		return err
	}
	return build(ctx, mainHome(root), newProgress(), *flavour)
}

// functions are the names of the folders in functions/ that have a program.
func functions(root string) ([]string, error) {
	dirs, err := filepath.Glob(filepath.Join(root, "functions", "*", "bootstrap"))
	if err != nil {
		return nil, err
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("no function found in %s", filepath.Join(root, "functions"))
	}
	names := make([]string, len(dirs))
	for i, dir := range dirs {
		names[i] = filepath.Base(filepath.Dir(dir))
	}
	return names, nil
}

// build builds every function, two at a time. The same source gives the same bytes, so that an unchanged function is not
// deployed again.
func build(ctx context.Context, h home, p *progress, flavour string) error {
	to, ok := targets[flavour]
	if !ok {
		return fmt.Errorf("unknown flavour %q; say local or arm64", flavour)
	}
	names, err := functions(h.root)
	if err != nil {
		return err
	}
	env := append(append(os.Environ(), "GOFLAGS="), to.env...)
	return p.step(fmt.Sprintf("building %d functions (%s)", len(names), flavour), func() error {
		errs := make([]error, len(names))
		two := make(chan struct{}, 2)
		var wg sync.WaitGroup
		for i, name := range names {
			wg.Go(func() {
				two <- struct{}{}
				defer func() { <-two }()
				args := slices.Concat([]string{"build", "-buildvcs=false", "-tags", "lambda.norpc"}, to.args,
					[]string{"-o", filepath.Join(".build", flavour, name, "bootstrap"), "./functions/" + name + "/bootstrap"})
				errs[i] = quietly(child(ctx, h.root, env, "go", args...), h.log("build-"+flavour+"-"+name))
			})
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return removeOrphans(filepath.Join(h.root, ".build", flavour), names)
	})
}

// removeOrphans removes what was built for functions that are no more.
func removeOrphans(dir string, names []string) error {
	keep := map[string]bool{}
	for _, name := range names {
		keep[name] = true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !keep[entry.Name()] {
			if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

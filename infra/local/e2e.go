package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// e2eCommand runs a command with a stack of its own beside it: e2e -- go test -tags e2e ./infra/local
// It is isolated from the one of `make up` (another port, another folder) and goes when the command ends. The command
// finds it by SUPPORTVAULT_OUTPUTS, the path of its outputs.json.
func e2eCommand(ctx context.Context, root string, args []string) (err error) {
	args, err = afterDashes("e2e", args)
	if err != nil {
		return err
	}
	h, p := testHome(root), newProgress()
	unlock, err := lock(ctx, h, "run", p)
	if err != nil {
		return err
	}
	defer unlock()
	defer func() {
		signal.Ignore(os.Interrupt, syscall.SIGTERM) // a second Ctrl-C must not leave the emulator behind
		if stopped := bringDown(h, p); err == nil {
			err = stopped
		}
	}()
	if _, ok := running(h); ok { // left behind by a run that was killed
		if err := bringDown(h, p); err != nil {
			return err
		}
	}
	o, err := bringWithDemo(ctx, h, p, 0)
	if err != nil {
		return err
	}
	p.say("running the end-to-end tests")
	env := append(localEnviron(os.Environ(), o.Emulator), "SUPPORTVAULT_OUTPUTS="+h.outputs())
	return openly(child(ctx, root, env, args[0], args[1:]...))
}

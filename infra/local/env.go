package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// envCommand prints what outputs.json tells as assignments of a shell.
func envCommand(_ context.Context, root string, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("env: do not know what to do with %q", args)
	}
	o, err := readOutputs(mainHome(root))
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no local stack: make up starts one")
	}
	if err != nil {
		return err
	}
	o.export(os.Stdout)
	return nil
}

// export writes NAME='value' lines. No value holds a quote: they are URLs, ids, letters of secrets, and keys in PEM, in lines.
func (o outputs) export(w io.Writer) {
	set := func(name, value string) { fmt.Fprintf(w, "%s='%s'\n", name, strings.ReplaceAll(value, "'", "")) }
	set("API", o.API)
	set("ACCOUNT", o.Account)
	set("TOKEN", o.Token)
	set("EMULATOR", o.Emulator)
	for _, name := range slices.Sorted(maps.Keys(o.Sources)) {
		variable := strings.ReplaceAll(strings.ToUpper(name), "-", "_") // as a shell can name one
		set(variable+"_URL", o.Sources[name].URL)
		set(variable+"_SECRET", o.Sources[name].Secret)
	}
}

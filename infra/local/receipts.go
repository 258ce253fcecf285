package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The files of a set of receipts.
const (
	receiptsFile = "receipts.ndjson"
	keysFile     = "receipts.pem"
)

// A receiptsPart is what the function admin gives of a set at once.
type receiptsPart struct {
	Lines      []byte `json:"lines"`
	PublicKeys string `json:"publicKeys"`
	Last       int64  `json:"last"`
	Number     int64  `json:"number"`
	Offset     int    `json:"offset"`
}

// receiptsOf writes the set of an account and answers how many receipts it has and the file of keys. What is appended meanwhile
// may be at the end of the last part; the head does not count it, and it is left out.
func receiptsOf(w io.Writer, ask func(number int64, offset int) (receiptsPart, error)) (last int64, keys string, err error) {
	p, err := ask(0, 0)
	if err != nil {
		return 0, "", err
	}
	if p.PublicKeys == "" || bytes.Count(p.Lines, []byte("\n")) != 1 {
		return 0, "", errors.New("admin gave no head of receipts")
	}
	last, keys = p.Last, p.PublicKeys
	for left := last + 1; ; { // the head's line is one more
		for len(p.Lines) > 0 && left > 0 {
			line := p.Lines
			if end := bytes.IndexByte(line, '\n'); end >= 0 {
				line, left = line[:end+1], left-1
			}
			if _, err := w.Write(line); err != nil {
				return 0, "", err
			}
			p.Lines = p.Lines[len(line):]
		}
		if left == 0 {
			return last, keys, nil
		}
		before := p
		if p, err = ask(before.Number, before.Offset); err != nil {
			return 0, "", err
		}
		if len(p.Lines) == 0 || p.Number == before.Number && p.Offset <= before.Offset {
			return 0, "", errors.New("admin comes no further with the receipts")
		}
	}
}

// receipts brings the receipts of an account and their keys into a new folder.
func (s stack) receipts(ctx context.Context, account, folder string) (n int64, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return 0, err
	}
	if there, err := os.ReadDir(folder); err != nil || len(there) > 0 {
		return 0, errors.Join(fmt.Errorf("%s is not an empty folder", folder), err)
	}
	set := filepath.Join(folder, receiptsFile)
	f, err := os.OpenFile(set, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriter(f)
	n, keys, err := receiptsOf(w, func(number int64, offset int) (p receiptsPart, err error) {
		request := map[string]any{"action": "receipts", "account": account, "number": number, "offset": offset}
		return p, s.call(ctx, "admin", request, &p)
	})
	if err == nil {
		err = w.Flush()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.WriteFile(filepath.Join(folder, keysFile), []byte(keys), 0o600)
	}
	if err != nil {
		return 0, errors.Join(err, os.Remove(set)) // half a set looks like a chain that was cut off
	}
	return n, nil
}

func receiptsCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("receipts", flag.ContinueOnError)
	stage := flags.String("stage", "local", "local, dev or prod")
	region := regionFlag(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	name := flags.String("name", "", "the account's id")
	dir := flags.String("dir", "", "a folder to bring the files into")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *name == "" || *dir == "" {
		return errors.New("usage: make receipts NAME=… DIR=folder [STAGE=dev|prod [REGION=…]]")
	}
	s, err := openStack(ctx, root, *stage, *region)
	if err != nil {
		return err
	}
	n, err := s.receipts(ctx, *name, *dir)
	if err != nil {
		return err
	}
	set, keys := filepath.Join(*dir, receiptsFile), filepath.Join(*dir, keysFile)
	if *asJSON {
		return printJSON(map[string]any{"account": *name, "receipts": n, "file": set, "keys": keys})
	}
	fmt.Printf("The receipts of the account %s, %d, are in %s. To check them, also elsewhere and offline:\n\n", bold(*name), n, set)
	fmt.Printf("  make verify RECEIPTS=%s KEY=%s\n", set, keys)
	return nil
}

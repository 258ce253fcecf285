package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
)

// An extraction is what the function extract tells of its work so far.
type extraction struct {
	ID      string `json:"id"`
	Bucket  string `json:"bucket"`
	Prefix  string `json:"prefix"`
	Files   []file `json:"files"`
	Records int    `json:"records"`
	Done    bool   `json:"done"`
	Next    string `json:"next"`
}

type file struct {
	Name    string `json:"name"`
	Bytes   int64  `json:"bytes"`
	Records int    `json:"records"`
	SHA256  string `json:"sha256"`
}

// extract calls the function until the account is written out; a large account takes more than one call.
func (s stack) extract(ctx context.Context, account string, told func(extraction)) (extraction, error) {
	var all extraction
	request := map[string]string{"account": account}
	for {
		var part extraction
		if err := s.call(ctx, "extract", request, &part); err != nil {
			return all, err
		}
		all.ID, all.Bucket, all.Prefix = part.ID, part.Bucket, part.Prefix
		all.Files = append(all.Files, part.Files...)
		all.Records += part.Records
		if part.Done {
			all.Done = true
			return all, nil
		}
		if part.Next == "" || part.Next == request["next"] {
			return all, errors.New("extract is not done and does not tell where to go on")
		}
		told(all)
		request = map[string]string{"account": account, "id": part.ID, "next": part.Next}
	}
}

func extractCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("extract", flag.ContinueOnError)
	stage := flags.String("stage", "local", "local, dev or prod")
	region := regionFlag(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	name := flags.String("name", "", "the account's id")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *name == "" {
		return errors.New("usage: make extract NAME=… [STAGE=dev|prod [REGION=…]]")
	}
	s, err := openStack(ctx, root, *stage, *region)
	if err != nil {
		return err
	}
	x, err := s.extract(ctx, *name, func(x extraction) {
		fmt.Fprintf(os.Stderr, "%d conversations in %d files so far …\n", x.Records, len(x.Files))
	})
	if err != nil {
		return err
	}
	if *asJSON {
		return printJSON(x)
	}
	fmt.Printf("%d conversations of the account %s are in s3://%s/%s for a day:\n\n", x.Records, bold(*name), x.Bucket, x.Prefix)
	rows := [][]string{{"file", "conversations", "bytes", "SHA-256"}}
	for _, f := range x.Files {
		rows = append(rows, []string{f.Name, fmt.Sprint(f.Records), fmt.Sprint(f.Bytes), f.SHA256})
	}
	table(os.Stdout, rows)
	return nil
}

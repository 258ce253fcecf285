package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"time"
)

// An importation is what the function importer tells of an import.
type importation struct {
	ID         string    `json:"id"`
	Status     string    `json:"status"`
	Progress   float64   `json:"progress"`
	Bytes      int64     `json:"bytes"`
	Lines      int       `json:"lines"`
	Accepted   int       `json:"accepted"`
	Duplicates int       `json:"duplicates"`
	PassedOver int       `json:"passedOver"`
	Refused    int       `json:"refused"`
	Refusals   []refusal `json:"refusals"`
	Reason     string    `json:"reason,omitempty"`
	Upload     *upload   `json:"upload,omitempty"`
}

type refusal struct {
	Line int    `json:"line"`
	Code string `json:"code"`
}

type upload struct {
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
}

// importEvery is how often an import is asked how far it is.
const importEvery = 2 * time.Second

// importFile uploads a file, and has it imported.
func (s stack) importFile(ctx context.Context, account, file string, told func(importation)) (im importation, err error) {
	info, err := os.Stat(file)
	if err != nil {
		return im, err
	}
	call := func(action string, more map[string]any) error {
		request := map[string]any{"account": account, "action": action}
		maps.Copy(request, more)
		im = importation{}
		return s.call(ctx, "importer", request, &im)
	}
	if err := call("begin", map[string]any{"bytes": info.Size()}); err != nil {
		return im, err
	}
	if im.Upload == nil {
		return im, errors.New("importer did not say where the file is to go")
	}
	if err := put(ctx, *im.Upload, file); err != nil {
		return im, err
	}
	id := map[string]any{"id": im.ID}
	if err := call("start", id); err != nil {
		return im, err
	}
	for im.Status == "running" {
		if err := sleep(ctx, importEvery); err != nil {
			return im, err
		}
		if err := call("status", id); err != nil {
			return im, err
		}
		told(im)
	}
	if im.Status != "complete" {
		return im, fmt.Errorf("the import is %s (%s) after %d lines; what is imported stays, and importing the file again goes on with the rest",
			im.Status, im.Reason, im.Lines)
	}
	return im, nil
}

// put uploads a file as it was signed.
func put(ctx context.Context, to upload, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, to.Method, to.URL, f)
	if err != nil {
		return errors.New("the address of the upload is none") // the client's text has it, and it lets anybody upload
	}
	req.ContentLength = info.Size()
	for name, value := range to.Headers {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return errors.New("the file could not be uploaded: nothing answers")
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the file could not be uploaded: S3 answers %d", res.StatusCode)
	}
	return nil
}

func importCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("import", flag.ContinueOnError)
	stage := flags.String("stage", "local", "local, dev or prod")
	region := regionFlag(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	name := flags.String("name", "", "the account's id")
	file := flags.String("file", "", "a file of newline-delimited JSON")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *name == "" || *file == "" {
		return errors.New("usage: make import NAME=… FILE=history.ndjson [STAGE=dev|prod [REGION=…]]")
	}
	if _, err := os.Stat(*file); err != nil {
		return err
	}
	s, err := openStack(ctx, root, *stage, *region)
	if err != nil {
		return err
	}
	p := newProgress()
	p.out = os.Stderr
	var im importation
	err = p.step("importing "+*file+" into the account "+*name, func() (err error) {
		im, err = s.importFile(ctx, *name, *file, func(im importation) {
			p.say("%.0f %%: %d lines so far …", 100*im.Progress, im.Lines)
		})
		return err
	})
	if err != nil {
		return err
	}
	if *asJSON {
		err = printJSON(im)
	} else {
		showImport(im)
	}
	if err == nil && im.Refused > 0 {
		return exitCode(1)
	}
	return err
}

func showImport(im importation) {
	table(os.Stdout, [][]string{
		{"lines", "accepted", "known already", "passed over", "refused"},
		{fmt.Sprint(im.Lines), fmt.Sprint(im.Accepted), fmt.Sprint(im.Duplicates), fmt.Sprint(im.PassedOver), fmt.Sprint(im.Refused)},
	})
	if im.Refused == 0 {
		return
	}
	fmt.Printf("\n%d lines cannot be read", im.Refused)
	if im.Refused > len(im.Refusals) {
		fmt.Printf("; the first %d are", len(im.Refusals))
	}
	fmt.Print(":\n\n")
	rows := [][]string{{"line", "why"}}
	for _, r := range im.Refusals {
		rows = append(rows, []string{fmt.Sprint(r.Line), r.Code})
	}
	table(os.Stdout, rows)
}

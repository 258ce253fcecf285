package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// An extraction is what the function extract tells of its work so far.
type extraction struct {
	ID       string  `json:"id"`
	Bucket   string  `json:"bucket"`
	Prefix   string  `json:"prefix"`
	Files    []file  `json:"files"`
	Records  int     `json:"records"`
	Damaged  int     `json:"damaged"`
	Progress float64 `json:"progress"`
	Done     bool    `json:"done"`
	Next     string  `json:"next,omitempty"`
}

type file struct {
	Name    string `json:"name"`
	Kind    string `json:"kind,omitempty"`
	Bytes   int64  `json:"bytes"`
	Records int    `json:"records"`
	SHA256  string `json:"sha256"`
}

// extract calls the function until the account is written out; a large account takes more than one call.
func (s stack) extract(ctx context.Context, account string, told func(extraction)) (extraction, error) {
	request := map[string]string{"account": account}
	var before extraction
	for {
		var x extraction
		if err := s.call(ctx, "extract", request, &x); err != nil {
			return before, err
		}
		if x.Done {
			return x, nil
		}
		if x.Next == "" || x.Next == before.Next && len(x.Files) == len(before.Files) {
			return x, errors.New("extract is not done and comes no further")
		}
		told(x)
		before, request = x, map[string]string{"account": account, "id": x.ID, "next": x.Next}
	}
}

// download brings the files of an extract into a new folder, which only its owner may read, and checks each against
// SHA256SUMS.
func (s stack) download(ctx context.Context, x extraction, folder string, told func(file)) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if there, err := os.ReadDir(folder); err != nil || len(there) > 0 {
		return errors.Join(fmt.Errorf("%s is not an empty folder", folder), err)
	}
	sums := map[string]string{}
	for _, f := range x.Files {
		if f.Name != filepath.Base(f.Name) || !filepath.IsLocal(f.Name) {
			return fmt.Errorf("%q is not the name of a file", f.Name)
		}
		sum, err := s.downloadFile(ctx, x, f.Name, filepath.Join(folder, f.Name))
		if err != nil {
			return err
		}
		sums[f.Name] = sum
		told(f)
	}
	return checkSums(filepath.Join(folder, "SHA256SUMS"), sums)
}

func (s stack) downloadFile(ctx context.Context, x extraction, name, to string) (sum string, err error) {
	res, err := s.s3().GetObject(ctx, &s3.GetObjectInput{Bucket: &x.Bucket, Key: aws.String(x.Prefix + name)})
	if err != nil {
		return "", fmt.Errorf("read s3://%s/%s%s: %w", x.Bucket, x.Prefix, name, err)
	}
	defer res.Body.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, hash), res.Body)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("write %s: %w", to, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// checkSums compares files with what the list says of each; none may be missing on either side, but the list itself.
func checkSums(list string, sums map[string]string) error {
	f, err := os.Open(list)
	if err != nil {
		return err
	}
	defer f.Close()
	checked := 0
	for lines := bufio.NewScanner(f); lines.Scan(); checked++ {
		want, name, _ := strings.Cut(lines.Text(), "  ")
		if got, ok := sums[name]; !ok || got != want {
			return fmt.Errorf("%s is not what SHA256SUMS says", name)
		}
	}
	if checked != len(sums)-1 {
		return fmt.Errorf("SHA256SUMS speaks of %d files, there are %d", checked, len(sums)-1)
	}
	return nil
}

func extractCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("extract", flag.ContinueOnError)
	stage := flags.String("stage", "local", "local, dev or prod")
	region := regionFlag(flags)
	asJSON := flags.Bool("json", false, "print JSON")
	name := flags.String("name", "", "the account's id")
	dir := flags.String("dir", "", "a folder to bring the files into")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *name == "" {
		return errors.New("usage: make extract NAME=… [DIR=folder] [STAGE=dev|prod [REGION=…]]")
	}
	s, err := openStack(ctx, root, *stage, *region)
	if err != nil {
		return err
	}
	p := newProgress()
	p.out = os.Stderr
	var x extraction
	err = p.step("extracting the account "+*name, func() (err error) {
		x, err = s.extract(ctx, *name, func(x extraction) {
			p.say("%.0f %%: %d conversations in %d files so far …", 100*x.Progress, x.Records, len(x.Files))
		})
		return err
	})
	if err == nil && *dir != "" {
		err = p.step("downloading into "+*dir+" and checking SHA256SUMS", func() error {
			return s.download(ctx, x, *dir, func(f file) { p.say("%s (%d bytes)", f.Name, f.Bytes) })
		})
	}
	if err != nil {
		return err
	}
	if *asJSON {
		return printJSON(x)
	}
	fmt.Printf("%d conversations of the account %s are in s3://%s/%s for a day:\n\n", x.Records, bold(*name), x.Bucket, x.Prefix)
	rows := [][]string{{"file", "records", "bytes", "SHA-256"}}
	for _, f := range x.Files {
		records := ""
		if f.Kind != "" {
			records = fmt.Sprint(f.Records)
		}
		rows = append(rows, []string{f.Name, records, fmt.Sprint(f.Bytes), f.SHA256})
	}
	table(os.Stdout, rows)
	if x.Damaged > 0 {
		fmt.Printf("\n%d conversations did not open and are left out; manifest.json names them.\n", x.Damaged)
	}
	return nil
}

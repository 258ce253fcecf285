package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/receipt/receipttest"
	"github.com/supportvault/supportvault/shared/retention"
)

const (
	sample = "../testdata/sample"
	marta  = "abcdefghijklmnopqrstuvwxyz234567-1"
)

func call(args ...string) (out, errs string, code int) {
	var o, e bytes.Buffer
	code = run(args, &o, &e)
	return o.String(), e.String(), code
}

// altered is a copy of the sample with one file changed.
func altered(t *testing.T, name string, change func([]byte) []byte) string {
	t.Helper()
	folder := t.TempDir()
	for _, file := range []string{setFile, keysFile, "proof.json"} {
		b := read(t, filepath.Join(sample, file))
		if file == name {
			if b = change(b); b == nil {
				continue
			}
		}
		write(t, filepath.Join(folder, file), b)
	}
	return folder
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func replace(old, new string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
}

func without(line int) func([]byte) []byte {
	return func(b []byte) []byte {
		lines := bytes.SplitAfter(b, []byte("\n"))
		return bytes.Join(append(lines[:line:line], lines[line+1:]...), nil)
	}
}

func keep(b []byte) []byte { return b }

// TestWhatIsPrinted compares what is printed with the files under testdata; UPDATE_GOLDEN=1 writes them.
func TestWhatIsPrinted(t *testing.T) {
	none := func(t *testing.T) string {
		folder := t.TempDir()
		at := time.Date(2026, time.November, 22, 6, 0, 0, 0, time.UTC)
		c := receipttest.NewChain(t, receipttest.NewSigner("2026"), "demo", at)
		writeSet(t, folder, c)
		return folder
	}
	as := func(name string, change func([]byte) []byte) func(*testing.T) string {
		return func(t *testing.T) string { return altered(t, name, change) }
	}
	for _, tc := range []struct {
		name string
		path func(*testing.T) string
		args []string
		code int
	}{
		{"fine", as("", keep), nil, fine},
		{"record", as("", keep), []string{"-record", marta}, fine},
		{"record-in-none", as("", keep), []string{"-record", "abcdefghijklmnopqrstuvwxyz234567-2"}, faulty},
		{"altered", as(setFile, replace(`"done":"2026-11-24T14`, `"done":"2026-11-24T13`)), nil, faulty},
		{"altered-record", as(setFile, replace(`"done":"2026-11-24T14`, `"done":"2026-11-24T13`)), []string{"-record", marta}, faulty},
		{"first-missing", as(setFile, without(1)), nil, faulty},
		{"truncated", as(setFile, without(5)), nil, faulty},
		{"no-head", as(setFile, without(0)), nil, faulty},
		{"empty", as(setFile, func([]byte) []byte { return []byte{} }), nil, faulty},
		{"none", none, nil, fine},
		{"first-format", func(*testing.T) string { return "../testdata/first" }, nil, fine},
		{"json", as("", keep), []string{"-json", "-record", marta}, fine},
		{"json-altered", as(setFile, replace(`"number":2`, `"number":7`)), []string{"-json"}, faulty},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, errs, code := call(append([]string{"-receipts", tc.path(t)}, tc.args...)...)
			if code != tc.code || errs != "" {
				t.Errorf("answers %d, want %d: %s", code, tc.code, errs)
			}
			golden(t, tc.name, out)
		})
	}
	for _, tc := range []struct {
		name string
		file func([]byte) []byte
		args []string
		code int
	}{
		{"proof", keep, nil, fine},
		{"proof-of-another", keep, []string{"-record", marta}, faulty},
		{"proof-altered", replace(`"index":`, `"index":1`), nil, faulty},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(altered(t, "proof.json", tc.file), "proof.json")
			out, errs, code := call(append([]string{"-receipts", file}, tc.args...)...)
			if code != tc.code || errs != "" {
				t.Errorf("answers %d, want %d: %s", code, tc.code, errs)
			}
			golden(t, tc.name, out)
		})
	}
	t.Run("no file is of no test", func(t *testing.T) {
		entries, err := os.ReadDir("testdata")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !compared[e.Name()] {
				t.Errorf("testdata/%s", e.Name())
			}
		}
	})
}

var compared = map[string]bool{}

func golden(t *testing.T, name, got string) {
	t.Helper()
	compared[name+".txt"] = true
	file := filepath.Join("testdata", name+".txt")
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		write(t, file, []byte(got))
	}
	if diff := cmp.Diff(string(read(t, file)), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func writeSet(t *testing.T, folder string, c *receipttest.Chain) {
	t.Helper()
	keys, err := c.Keys.PEM()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, setFile), c.Set(t))
	write(t, filepath.Join(folder, keysFile), keys)
}

func TestWhereASetMayBe(t *testing.T) {
	lines := bytes.SplitAfter(read(t, filepath.Join(sample, setFile)), []byte("\n"))
	single := t.TempDir()
	write(t, filepath.Join(single, "head.json"), lines[0])
	for i, line := range lines[1:6] {
		write(t, filepath.Join(single, "00000000000"+string(rune('1'+i))+".json"), line)
	}
	write(t, filepath.Join(single, keysFile), read(t, filepath.Join(sample, keysFile)))
	write(t, filepath.Join(single, "manifest.json"), []byte("{}"))
	named := t.TempDir()
	write(t, filepath.Join(named, "demo.ndjson"), bytes.Join(lines, nil))
	write(t, filepath.Join(named, "demo.pem"), read(t, filepath.Join(sample, keysFile)))
	want, _, _ := call("-receipts", sample)
	for name, args := range map[string][]string{
		"a folder":                        {"-receipts", sample},
		"a file":                          {"-receipts", filepath.Join(sample, setFile)},
		"a folder of single receipts":     {"-receipts", single},
		"a file of another name":          {"-receipts", filepath.Join(named, "demo.ndjson")},
		"a file whose keys are elsewhere": {"-receipts", filepath.Join(named, "demo.ndjson"), "-key", filepath.Join(sample, keysFile)},
	} {
		got, errs, code := call(args...)
		if code != fine || got != want {
			t.Errorf("%s: answers %d %s, (-want +got)\n%s", name, code, errs, cmp.Diff(want, got))
		}
	}
	if err := os.Remove(filepath.Join(single, "head.json")); err != nil {
		t.Fatal(err)
	}
	if out, _, code := call("-receipts", single); code != faulty || !strings.Contains(out, "not a head") {
		t.Errorf("single receipts without a head: %d %s", code, out)
	}
}

// TestAnotherKey: whoever has the operator's key from another hand is not taken in by a set that brings its own.
func TestAnotherKey(t *testing.T) {
	at := time.Date(2026, time.November, 22, 6, 0, 0, 0, time.UTC)
	forged := receipttest.NewChain(t, receipttest.NewSigner("somebody"), "demo", at)
	forged.Append(t, receipt.Draft{Account: "demo", Act: receipt.Purge, Done: at, What: []receipt.Lot{{IDs: []string{marta}, Part: receipt.Part{
		Kind: retention.Chat, Why: receipt.Retained, Due: receipt.Due(at, at),
	}}}}, at)
	folder := t.TempDir()
	writeSet(t, folder, forged)
	if out, _, code := call("-receipts", folder); code != fine || !strings.Contains(out, forged.Head.Key.String()) {
		t.Errorf("under its own key: %d\n%s", code, out)
	}
	out, _, code := call("-receipts", folder, "-key", filepath.Join(sample, keysFile))
	if code != faulty || !strings.Contains(out, "not among the public keys") {
		t.Errorf("under the operator's: %d\n%s", code, out)
	}
}

func TestAProofIsWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "proof.json")
	out, errs, code := call("-receipts", sample, "-record", marta, "-proof", file)
	if code != fine || !strings.Contains(out, file) {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	out, _, code = call("-receipts", file, "-key", filepath.Join(sample, keysFile))
	if code != fine || !strings.Contains(out, "The record "+marta+" is in receipt 3") {
		t.Errorf("%d %s", code, out)
	}
	if _, errs, code := call("-receipts", sample, "-record", marta, "-proof", file); code != unread || !strings.Contains(errs, "exists") {
		t.Errorf("over another file: %d %s", code, errs)
	}
	none := filepath.Join(t.TempDir(), "proof.json")
	for name, args := range map[string][]string{
		"of what is in none":       {"-receipts", sample, "-record", "nobody-1", "-proof", none},
		"of what was altered":      {"-receipts", altered(t, setFile, without(5)), "-record", marta, "-proof", none},
		"of no record":             {"-receipts", sample, "-proof", none},
		"of what is one already":   {"-receipts", filepath.Join(sample, "proof.json"), "-record", marta, "-proof", none},
		"of what cannot be opened": {"-receipts", none, "-record", marta, "-proof", none},
	} {
		if _, _, code := call(args...); code == fine {
			t.Errorf("a proof %s is written", name)
		}
		if _, err := os.Stat(none); err == nil {
			t.Errorf("a proof %s is there", name)
		}
	}
}

func TestWhatItCannotDo(t *testing.T) {
	empty := t.TempDir()
	private := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("PUBLIC"), []byte("PRIVATE")) }
	for _, tc := range []struct {
		name string
		args []string
		says string
	}{
		{"says how it is called", nil, "which receipts"},
		{"refuses what it does not know", []string{"-receipts", sample, "-recrod", "x"}, "-recrod"},
		{"refuses what is too much", []string{"-receipts", sample, "x"}, "too much"},
		{"says that a file is missing", []string{"-receipts", filepath.Join(empty, "x")}, "no such file"},
		{"says that a folder has no receipts", []string{"-receipts", empty}, "neither"},
		{"says that the keys are missing", []string{"-receipts", altered(t, keysFile, func([]byte) []byte { return nil })}, "no public keys"},
		{"says that the keys are none", []string{"-receipts", altered(t, keysFile, private)}, "not a public key"},
		{"says that the keys that were given are missing", []string{"-receipts", sample, "-key", filepath.Join(empty, "x")}, "no such file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, errs, code := call(tc.args...)
			if code != unread || !strings.Contains(errs, tc.says) || out != "" {
				t.Errorf("answers %d %q %q", code, out, errs)
			}
		})
	}
	t.Run("helps", func(t *testing.T) {
		out, errs, code := call("-h")
		if code != fine || errs != "" || !strings.Contains(out, "does not show") || !strings.Contains(out, "signed statement") {
			t.Errorf("answers %d %q %q", code, out, errs)
		}
	})
}

func TestJSONIsReadable(t *testing.T) {
	out, _, _ := call("-receipts", sample, "-json", "-record", marta)
	var r result
	if err := json.Unmarshal([]byte(out), &r); err != nil || !r.OK || len(r.Receipts) != 5 || len(r.Record.In) != 1 || r.Head.Number != 5 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestNoAWS: whoever checks receipts builds nothing of AWS and no HTTP client.
func TestNoAWS(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, dependency := range strings.Fields(string(out)) {
		if regexp.MustCompile(`^github.com/aws/|^net/http$`).MatchString(dependency) {
			t.Errorf("verify is built with %s", dependency)
		}
	}
}

func TestSizesAndSpans(t *testing.T) {
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, time.November, day, hour, minute, 0, 0, time.UTC)
	}
	var got []string
	for _, n := range []int64{0, 999, 1_000, 999_949, 999_950, 1_234_567, 5_000_000_000, 7_000_000_000_000_000} {
		got = append(got, size(n))
	}
	for _, to := range []time.Time{at(1, 2, 3), at(1, 4, 0), at(2, 2, 3)} {
		got = append(got, due(receipt.Due(at(1, 2, 3), to)))
	}
	want := []string{
		"0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "1.2 MB", "5.0 GB", "7000.0 TB",
		"2026-11-01 02:03", "2026-11-01 02:03–04:00", "2026-11-01 02:03 – 2026-11-02 02:03",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

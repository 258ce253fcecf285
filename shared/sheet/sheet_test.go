package sheet_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/sheet"
)

func TestText(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		inert      bool
	}{
		{"an equals sign", "=1+1", true},
		{"a plus", "+1+1", true},
		{"a minus", "-1+1", true},
		{"an at sign", "@SUM(A1)", true},
		{"a tab", "\tx", true},
		{"a carriage return", "\rx", true},
		{"a line break", "\nx", true},
		{"an operator alone", "=", true},
		{"a hyphen of a list", "- milk", true},
		{"a phone number, which is a number to a spreadsheet", "+15555550142", true},
		{"a wide equals sign", "＝1+1", true},
		{"a wide plus", "＋1", true},
		{"a wide minus", "－1", true},
		{"a wide at sign", "＠SUM(A1)", true},
		{"a small equals sign", "﹦1", true},
		{"the minus of mathematics", "−1", true},
		{"behind blanks", "   =1", true},
		{"behind a blank that does not break", "\u00a0=1", true},
		{"behind an ideographic blank", "\u3000=1", true},
		{"behind a blank without width", "\u200b=1", true},
		{"behind a byte order mark", "\ufeff=1", true},
		{"behind a mark of direction", "\u202e=1", true},
		{"behind a NUL", "\x00=1", true},
		{"behind a quote", `"=1`, true},
		{"behind an apostrophe", "'=1", true},
		{"behind many apostrophes", "'''=1", true},
		{"behind a curly quote", "“=1", true},
		{"behind quote and blank", `" =1`, true},
		{"behind half a rune", "\xe2=1", true},
		{"nothing", "", false},
		{"a word", "hello", false},
		{"an address", "ada@example.com", false},
		{"an operator inside", "1=1", false},
		{"a time", "2026-11-21T12:00:00.000Z", false},
		{"an apostrophe of a word", "'tis", false},
		{"blanks", "   ", false},
		{"Arabic", "مرحبا", false},
		{"an emoji", "😀", false},
		{"a pipe, which begins nothing", "|cmd", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := tc.text
			if tc.inert {
				want = "'" + want
			}
			got := sheet.Text(tc.text)
			if got != want {
				t.Errorf("Text(%q) = %q, want %q", tc.text, got, want)
			}
			if back := sheet.Original(got); back != tc.text {
				t.Errorf("Original(%q) = %q, want %q", got, back, tc.text)
			}
		})
	}
}

func TestRows(t *testing.T) {
	var rows sheet.Rows
	rows.Add("id", "text")
	rows.Add("1", "plain")
	rows.Add("2", `with "quotes", commas`)
	rows.Add("3", "two\nlines\r\nand a third")
	rows.Add("", "")
	want := "id,text\r\n1,plain\r\n2,\"with \"\"quotes\"\", commas\"\r\n3,\"two\nlines\r\nand a third\"\r\n,\r\n"
	if diff := cmp.Diff(want, string(rows.Bytes())); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// FuzzCell: whatever the text, what a reader of the file gets begins no formula, and without the apostrophe is the text.
func FuzzCell(f *testing.F) {
	for _, s := range []string{"=1", "+", "-1", "@x", "\t=1", "\r\n=1", "'=1", `"=1`, "''", " '\" ＝1", "\u200b\u202e=1", "plain", "", "a,b", "a\"b", "\xff=1", "−"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var rows sheet.Rows
		rows.Add("before", sheet.Text(text), "after")
		if !bytes.HasSuffix(rows.Bytes(), []byte("\r\n")) {
			t.Fatalf("%q ends %q", text, rows.Bytes())
		}
		read, err := csv.NewReader(bytes.NewReader(rows.Bytes())).ReadAll()
		if err != nil || len(read) != 1 || len(read[0]) != 3 || read[0][0] != "before" || read[0][2] != "after" {
			t.Fatalf("%q is read as %q, %v", text, read, err)
		}
		cell := read[0][1]
		// The reader makes one line break of two characters; the file has both.
		unbroken := func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
		if begins(cell) {
			t.Errorf("%q stands as %q", text, cell)
		}
		if back := sheet.Original(cell); back != unbroken(text) {
			t.Errorf("%q stands as %q and comes back as %q", text, cell, back)
		}
		if sheet.Original(sheet.Text(text)) != text {
			t.Errorf("%q comes back as %q", text, sheet.Original(sheet.Text(text)))
		}
	})
}

// begins is what a spreadsheet looks at, in other words than the package's own: the first character, and the first that is
// not blank.
func begins(cell string) bool {
	for _, s := range []string{cell, strings.TrimLeftFunc(cell, unicode.IsSpace)} {
		if s != "" && strings.ContainsAny(s[:1], "=+-@\t\r") {
			return true
		}
		for _, wide := range []string{"＝", "＋", "－", "＠"} {
			if strings.HasPrefix(s, wide) {
				return true
			}
		}
	}
	return false
}

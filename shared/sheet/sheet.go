// Package sheet writes rows of CSV (RFC 4180, UTF-8, CRLF) that a spreadsheet shows and never calculates. A cell of
// somebody's text that a spreadsheet would take for a formula gets an apostrophe in front of it, which is how people tell
// a spreadsheet that a cell is text:
//
//	=HYPERLINK("…")     '=HYPERLINK("…")
//	 -1                 ' -1
//	'=1                 ''=1
//	-                   '-
//
// The apostrophe stands exactly where Text put it, so that Original can take it away again. What this project writes
// itself (numbers, times, ids) is not passed through Text.
//
// A file is to be read as what it is, separated by commas: a spreadsheet that is told to split it at semicolons finds
// cells that nobody wrote.
package sheet

import (
	"bytes"
	"encoding/csv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is a cell of somebody's text, made inert where it begins like a formula.
func Text(s string) string {
	if formula(s) {
		return "'" + s
	}
	return s
}

// Original is the text of a cell that Text made.
func Original(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && formula(rest) {
		return rest
	}
	return cell
}

// formula says whether a cell could be taken for a formula: it begins with an operator, also behind blanks, quotes and what
// cannot be seen, or there is a tab or a line break among these, at which programs trim and look again. An apostrophe in
// front never changes the answer, so that Original knows whose it is.
func formula(s string) bool {
	for _, r := range s {
		switch {
		case strings.ContainsRune(operators, r) || r == '\t' || r == '\r' || r == '\n':
			return true
		case !passedOver(r):
			return false
		}
	}
	return false
}

// operators begin a formula in one spreadsheet or another. Some take the wide forms, and those of mathematics, for the
// narrow ones.
const operators = "=+-@" + "＝＋－＠" + "﹦﹢﹣﹫" + "−"

// passedOver are the runes behind which an operator still begins a cell: blanks of every script, quotes, and marks without
// a width.
func passedOver(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError ||
		strings.ContainsRune("'\"`´‘’‚“”„«»＇＂", r)
}

// Rows gathers rows. The zero value is ready.
type Rows struct {
	buf bytes.Buffer
	csv *csv.Writer
}

// Add appends a row.
func (r *Rows) Add(cells ...string) {
	if r.csv == nil {
		r.csv = csv.NewWriter(&r.buf)
	}
	// Neither fails: a buffer takes everything. The writer's own CRLF mode would also change the line breaks within cells.
	_ = r.csv.Write(cells)
	r.csv.Flush()
	r.buf.Truncate(r.buf.Len() - 1)
	r.buf.WriteString("\r\n")
}

// Bytes are the rows so far.
func (r *Rows) Bytes() []byte { return r.buf.Bytes() }

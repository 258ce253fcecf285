package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/receipt"
)

func writeJSON(out io.Writer, r *result) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

const (
	minute = "2006-01-02 15:04"
	second = "2006-01-02 15:04:05 UTC"
)

// writeText prints the table and then, in sentences, what it is worth.
func writeText(out io.Writer, r *result) error {
	var b strings.Builder
	if len(r.Receipts) > 0 {
		fmt.Fprintf(&b, "Receipts of the account %s; all times are UTC\n\n", r.Receipts[0].Account)
		table(&b, r)
		b.WriteString("\n")
	}
	switch {
	case r.Fault != nil:
		fmt.Fprintf(&b, "✗ %s.\n", upper(r.Fault.Text))
		if n := len(r.Receipts); n > 0 {
			fmt.Fprintf(&b, "  What stands before that (%s) is as it was signed. Nothing behind it was looked at.\n",
				count(n, "receipt"))
		}
	case r.Head == nil:
		b.WriteString("✓ The receipt is as it was signed. Whether those before and after it are there, a proof of one record does not say.\n")
	case len(r.Receipts) == 0:
		fmt.Fprintf(&b, "✓ The account %s had no receipt up to %s, when the head was signed.\n", r.Account, r.Head.At.Format(second))
	default:
		fmt.Fprintf(&b, "✓ %s of %s: every one is as it was signed, and none is missing, put in or out of\n"+
			"  order, up to %s, when the head was signed.\n",
			count(len(r.Receipts), "receipt"), count(int(records(r.Receipts)), "record"), r.Head.At.Format(second))
	}
	writeRecord(&b, r)
	if r.Fault == nil {
		writeKeys(&b, r.Keys)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func writeRecord(b *strings.Builder, r *result) {
	switch {
	case r.Record == nil:
	case r.Fault != nil:
		b.WriteString("  So nothing is said about the record.\n")
	case len(r.Record.In) == 0:
		fmt.Fprintf(b, "✗ The record %q is in none of them.\n", r.Record.ID)
	}
	if r.Record == nil || r.Fault != nil {
		return
	}
	for _, in := range r.Record.In {
		fmt.Fprintf(b, "✓ The record %s is in receipt %d: %s, destroyed no later than\n  %s (%s).\n",
			r.Record.ID, in.Number, what(in.Part), in.done.Done.Format(second), why(in.Part))
	}
	if r.written {
		fmt.Fprintf(b, "  The proof is in %s; the public keys go with it.\n", r.Proof)
	}
}

func writeKeys(b *strings.Builder, keys []key) {
	if len(keys) == 0 {
		return
	}
	b.WriteString("\nThis is a signed statement, of whoever holds the key. Compare its id with one that you have from another hand:\n")
	for _, k := range keys {
		signed := count(k.Receipts, "receipt")
		switch {
		case k.Head && k.Receipts == 0:
			signed = "the head"
		case k.Head:
			signed += " and the head"
		}
		fmt.Fprintf(b, "  %s  (%s)\n", k.ID, signed)
	}
}

var headings = []string{"No", "Destroyed", "What", "Records", "Size", "Files", "Why", "Due", "Signed"}

// right says which columns are numbers.
var right = map[int]bool{0: true, 3: true, 4: true, 5: true}

func table(b *strings.Builder, r *result) {
	rows := [][]string{headings}
	for _, rc := range r.Receipts {
		first := []string{fmt.Sprint(rc.Number), rc.Done.Format(minute), "nothing", "0", "", "", act(rc.Act), "", "✓"}
		for i, p := range rc.What {
			row := []string{"", "", what(p), fmt.Sprint(p.Records), size(p.Bytes), filesOf(rc, p), why(p), due(p.Due), ""}
			if i == 0 {
				row[0], row[1], row[8] = first[0], first[1], first[8]
			}
			rows = append(rows, row)
		}
		if len(rc.What) == 0 {
			rows = append(rows, first)
		}
		for _, u := range rc.NotDelivered {
			rows = append(rows, []string{"", "", "not delivered", fmt.Sprint(u.Records), "", "", "to " + u.Destination, "", ""})
		}
	}
	if r.Fault != nil && r.Fault.Number > 0 {
		rows = append(rows, []string{fmt.Sprint(r.Fault.Number), "", "", "", "", "", "", "", "✗"})
	}
	widths := make([]int, len(headings))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if right[i] {
				cell = pad + cell
			} else {
				cell += pad
			}
			line.WriteString("  " + cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func what(p receipt.Part) string {
	if p.Cohort == "" {
		return string(p.Kind)
	}
	return string(p.Kind) + " of " + p.Cohort
}

// filesOf is how many went with the records of a part, and their size.
func filesOf(r receipt.Receipt, p receipt.Part) string {
	_, counted := r.Files()
	switch {
	case p.Files == 0 && (counted || p.Kind.ByDay()): // facts and visits have none
		return ""
	case !counted:
		return "not counted"
	}
	return fmt.Sprintf("%d, %s", p.Files, size(p.FileBytes))
}

var reasons = map[receipt.Why]string{
	receipt.Retained: "retention over", receipt.OnCompletion: "purge on completion", receipt.Hourly: "hourly purge",
	receipt.Daily: "daily purge", receipt.Monthly: "monthly purge", receipt.OnHand: "by hand", receipt.OnErasure: "erasure",
	receipt.OnClosure: "account closed",
}

func why(p receipt.Part) string {
	s := fmt.Sprintf("%s, policy %d", reasons[p.Why], p.Policy)
	if p.Rule != "" {
		s += ", rule " + p.Rule
	}
	return s
}

func act(a receipt.Act) string { return string(a) }

// due leaves out of the second instant what it shares with the first.
func due(s receipt.Span) string {
	from, to := s.From.Format(minute), s.To.Format(minute)
	switch {
	case from == to:
		return from
	case sameDay(s.From, s.To):
		return from + "–" + s.To.Format("15:04")
	}
	return from + " – " + to
}

func sameDay(a, b conversation.Time) bool { return a.Format("2006-01-02") == b.Format("2006-01-02") }

func records(all []receipt.Receipt) (sum int64) {
	for _, r := range all {
		sum += r.Size
	}
	return sum
}

func size(n int64) string {
	unit := []string{"kB", "MB", "GB", "TB"}
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1000, 0
	for f >= 999.95 && i < len(unit)-1 {
		f, i = f/1000, i+1
	}
	return fmt.Sprintf("%.1f %s", f, unit[i])
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

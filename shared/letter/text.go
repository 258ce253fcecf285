package letter

import (
	"strconv"
	"strings"
	"unicode"
)

const (
	columns = 76
	// indent is before every line that people wrote, and before no line of the letter itself.
	indent = "      "
)

// text is the sheet as plain text, with CRLF line ends.
func (s *sheet) text() string {
	var t lines
	if s.Heading != "" {
		t.title(s.Heading, '=')
		t.add("", s.Period)
		t.add("", s.Counts)
		t.blank()
		for _, section := range s.Sections {
			name := strconv.Itoa(section.Number) + ". " + section.Heading
			if !section.Dated && section.Start != "" {
				name += ", " + section.Start
			}
			t.add("    ", name)
			if section.LinkOnly {
				t.add("", "    "+section.Link)
			}
		}
		t.blank()
	}
	if !s.linksOnly() || s.Heading == "" {
		for _, section := range s.Sections {
			section.text(&t)
		}
	}
	t.add("", strings.Repeat("-", columns))
	for _, l := range s.Footer {
		t.add("", l)
	}
	return t.String()
}

// linksOnly says whether the table of contents is all that there is of a digest.
func (s *sheet) linksOnly() bool { return s.Sections[0].LinkOnly }

func (s *section) text(t *lines) {
	switch {
	case s.Number > 0:
		t.title(strconv.Itoa(s.Number)+". "+s.Heading, '=')
	case s.Titled:
		t.title(s.Kind+": "+s.Heading, '=')
	default:
		t.title(s.Heading, '=')
	}
	const label = "Department:  "
	for i, f := range s.Facts {
		name := f.Label + ":"
		if i > 0 && s.Facts[i-1].Label == f.Label {
			name = ""
		}
		t.add(strings.Repeat(" ", len(label)), (name + strings.Repeat(" ", len(label)))[:len(label)]+strings.Join(f.Values, ", "))
	}
	if s.LinkOnly {
		t.add("", s.Elsewhere())
	}
	if s.Link != "" {
		t.blank()
		t.add("", "Open the "+s.What()+":")
		t.add("", s.Link)
	}
	t.blank()
	for _, d := range s.Days {
		t.title(d.Name, '-')
		for _, e := range d.Entries {
			e.text(t)
		}
	}
	for _, note := range []string{s.Empty, s.Cut} {
		if note != "" {
			t.add("", "["+note+"]")
			t.blank()
		}
	}
}

func (e entry) text(t *lines) {
	head := e.Time
	switch {
	case e.Name != "" && e.Role != "":
		head += " " + e.Name + " (" + e.Role + ")"
	case e.Role != "":
		head += " " + strings.ToUpper(e.Role[:1]) + e.Role[1:]
	}
	if e.Look == bySystem && len(e.Lines) == 1 && len(e.Files) == 0 {
		t.add(indent, head+" * "+e.Lines[0])
	} else {
		t.add(indent, strings.TrimSpace(head))
		for _, l := range e.Lines {
			t.add(indent, indent+l)
		}
	}
	for _, f := range e.Files {
		t.add(indent, indent+"[file: "+f+"]")
	}
	t.blank()
}

// lines is text in lines.
type lines struct {
	strings.Builder
	// blanks says that the last line is blank.
	blanks bool
}

// blank leaves one line free, however often it is called.
func (t *lines) blank() {
	if !t.blanks {
		t.WriteString("\r\n")
	}
	t.blanks = true
}

// title is a line with a rule under it.
func (t *lines) title(s string, rule byte) {
	t.add("", s)
	t.add("", strings.Repeat(string(rule), min(width(s), columns)))
	t.blank()
}

// add adds a line. Where it is too long it is broken at blanks, and between signs of scripts that set none; what cannot be
// broken stays whole. What follows begins with the margin.
func (t *lines) add(margin, s string) {
	if s == "" {
		t.blank()
		return
	}
	t.blanks = false
	head, rest := wrap(s, columns)
	t.WriteString(strings.TrimRight(head, " "))
	for rest != "" {
		head, rest = wrap(rest, columns-len(margin))
		t.WriteString("\r\n")
		t.WriteString(margin)
		t.WriteString(strings.TrimRight(head, " "))
	}
	t.WriteString("\r\n")
}

// raw adds a line as it is, however long: one that a shell reads, or one of a table.
func (t *lines) raw(s string) {
	t.blanks = false
	t.WriteString(s + "\r\n")
}

// wrap returns what of s fits into so many columns, and what is left.
func wrap(s string, columns int) (head, rest string) {
	if len(s) <= columns {
		return s, ""
	}
	begun := len(s) - len(strings.TrimLeft(s, " "))
	at, column, wide := 0, 0, false
	for i, r := range s {
		if i > begun && (r == ' ' || wide || isWide(r)) && (column <= columns || at == 0) {
			at = i
		}
		column += runeWidth(r)
		if r != ' ' && column > columns && at > 0 {
			return s[:at], strings.TrimLeft(s[at:], " ")
		}
		wide = isWide(r)
	}
	return s, ""
}

func width(s string) (n int) {
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case isWide(r), r >= 0x1f300 && r < 0x1fb00:
		return 2
	}
	return 1
}

// isWide says whether r is of a script of East Asia that sets no blanks.
func isWide(r rune) bool {
	return r >= 0x2e80 && r < 0xa4d0 || r >= 0xac00 && r < 0xd7a4 || r >= 0xf900 && r < 0xfb00 || r >= 0xfe30 && r < 0xfe50 ||
		r >= 0xff01 && r < 0xff61 || r >= 0x20000 && r < 0x40000
}

package card

import "strings"

// isTrigger marks the bytes at which a number, masked or not, can begin: digits, the first byte of other scripts' digits,
// and the mask. The scan passes over everything else.
var isTrigger = func() (t [256]bool) {
	for _, c := range []byte("0123456789*\xd9\xdb\xe0\xef") {
		t[c] = true
	}
	return t
}()

// digitAt returns the value and the width in bytes of the decimal digit at text[i:], width 0 when there is none.
func digitAt(text string, i int) (value byte, width int) {
	if i < len(text) {
		if c := text[i]; isDigit(c) {
			return c - '0', 1
		} else if c >= 0xd9 {
			return wideDigit(text[i:])
		}
	}
	return 0, 0
}

func wideDigit(s string) (value byte, width int) {
	switch c := s[0]; {
	case c == 0xd9 && len(s) >= 2 && s[1]-0xa0 <= 9: // U+0660, Arabic-Indic
		return s[1] - 0xa0, 2
	case c == 0xdb && len(s) >= 2 && s[1]-0xb0 <= 9: // U+06F0, Persian
		return s[1] - 0xb0, 2
	case c == 0xe0 && len(s) >= 3 && s[1] == 0xa5 && s[2]-0xa6 <= 9: // U+0966, Devanagari
		return s[2] - 0xa6, 3
	case c == 0xef && len(s) >= 3 && s[1] == 0xbc && s[2]-0x90 <= 9: // U+FF10, full-width
		return s[2] - 0x90, 3
	}
	return 0, 0
}

// separatorAt returns the end of the separator between two groups that begins at text[i:], i when there is none, and
// whether it breaks the line.
func separatorAt(text string, i int) (end int, breaksLine bool) {
	if i+1 < len(text) && text[i] == ' ' && isDigit(text[i+1]) {
		return i + 1, false // by far the most frequent
	}
	const most = 3
	end = i
	marks := 0
	for range most {
		kind, width := separatorChar(text[end:])
		switch kind {
		case none:
			return end, breaksLine
		case mark:
			if marks++; marks > 1 {
				return i, false
			}
		case lineBreak:
			if breaksLine {
				return i, false
			}
			breaksLine = true
		}
		end += width
	}
	return end, breaksLine
}

type separatorKind int

const (
	none separatorKind = iota
	blank
	mark
	lineBreak
)

func separatorChar(s string) (kind separatorKind, width int) {
	if s == "" {
		return none, 0
	}
	switch c := s[0]; {
	case c == ' ' || c == '\t':
		return blank, 1
	case c == '-' || c == '.' || c == '/' || c == '_':
		return mark, 1
	case c == '\n':
		return lineBreak, 1
	case c == '\r' && len(s) > 1 && s[1] == '\n':
		return lineBreak, 2
	case c < 0xc2:
		return none, 0
	}
	switch {
	case strings.HasPrefix(s, "\u00a0"), strings.HasPrefix(s, "\u00ad"): // no-break space, soft hyphen
		return blank, 2
	case strings.HasPrefix(s, "\u202f"), strings.HasPrefix(s, "\u3000"): // narrow no-break, ideographic space
		return blank, 3
	case strings.HasPrefix(s, "\u2060"), strings.HasPrefix(s, "\ufeff"): // word joiner, byte-order mark
		return blank, 3
	case strings.HasPrefix(s, "\u2212"), strings.HasPrefix(s, "\uff0d"): // minus, full-width hyphen
		return mark, 3
	case len(s) >= 3 && s[0] == 0xe2 && s[1] == 0x80 && s[2] <= 0x8f: // U+2000–200F: blanks, zero-width, marks
		return blank, 3
	case len(s) >= 3 && s[0] == 0xe2 && s[1] == 0x80 && s[2] >= 0x90 && s[2] <= 0x95: // U+2010–2015: dashes
		return mark, 3
	}
	return none, 0
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c-'0' <= 9 }

func isAlphanumeric(c byte) bool { return isLetter(c) || isDigit(c) }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

package letter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// How long what stands on one line may be, in characters.
const (
	longestName = 100
	longestLine = 200
)

// text is what people wrote, as it may stand in a letter: lines without control characters. Signs that turn the direction
// of the text around them are gone; each line gets its direction from its own letters.
func text(s string) []string {
	const mostBlank = 1 // lines in a row that say nothing
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsControl(r):
			return unicode.ReplacementChar
		case turns(r):
			return -1
		}
		return r
	}, lineEnds.Replace(s))
	var lines []string
	blank := 0
	for l := range strings.SplitSeq(s, "\n") {
		l = strings.TrimRight(l, " ")
		if !visible(l) {
			l = ""
			blank++
		} else {
			blank = 0
		}
		if blank <= mostBlank && (l != "" || lines != nil) {
			lines = append(lines, l)
		}
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

var lineEnds = strings.NewReplacer(
	"\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n\n", "\u0085", "\n", "\v", "\n", "\f", "\n", "\t", "    ",
)

// line is what may stand within one line: no line breaks, no more blanks than needed, at most so many characters. It is
// empty where nothing of it would be seen.
func line(s string, longest int) string {
	// Nobody needs more bytes of so many characters.
	if most := longest * 16; len(s) > most {
		s = s[:most]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.IsSpace(r), r == '\u2028', r == '\u2029':
			return ' '
		case turns(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	s = strings.Join(strings.Fields(s), " ")
	if !visible(s) {
		return ""
	}
	return cut(s, longest)
}

// cut ends s after so many characters.
func cut(s string, longest int) string {
	n := 0
	for i := range s {
		if n++; n == longest {
			if _, width := utf8.DecodeRuneInString(s[i:]); i+width < len(s) {
				return strings.TrimRight(s[:i], " ") + "…"
			}
		}
	}
	return s
}

// turns says whether r embeds, overrides or isolates a direction. Marks of direction stay: they reach no farther than
// their place.
func turns(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r >= '\u206a' && r <= '\u206f' || r == '\ufeff'
}

// visible says whether anything of s can be seen.
func visible(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Mn, r)
	})
}

// header is s as it may stand in a header that people write freely: an encoded word of RFC 2047 in it shows as what it is.
func header(s string) string { return strings.ReplaceAll(s, "=?", "= ?") }

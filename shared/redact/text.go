package redact

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/supportvault/supportvault/shared/card"
)

// mark is what stands in place of what was found. Where two finds overlap, the greater mark stands for both.
type mark int

const (
	markID mark = iota
	markName
	markPhone
	markIP
	markMail
	markIBAN
	markCard
	markLogin
	markQuery
)

var marks = [...]string{
	markName: "[name]", markID: "[id]", markPhone: "[phone]", markIP: "[IP address]", markMail: "[e-mail]", markIBAN: "[IBAN]",
	markCard: "[card]", markLogin: "[login]", markQuery: "[query]",
}

// span is something found, text[start:end].
type span struct {
	start, end int
	mark       mark
}

// redact is the text with a mark in place of everything that is found in it. Every detector passes over the text once and
// looks from any place only a bounded way around, so the time is linear in the text's length.
func (k *known) redact(text string) string {
	text, _ = card.Mask(text)
	spans := slices.Concat(links(text), mails(text), maskedCards(text), ibans(text), ips(text), phones(text, k), k.names(text))
	if len(spans) == 0 {
		return text
	}
	var out strings.Builder
	out.Grow(len(text))
	at := 0
	for _, s := range merge(text, spans) {
		out.WriteString(text[at:s.start])
		out.WriteString(marks[s.mark])
		at = s.end
	}
	out.WriteString(text[at:])
	return out.String()
}

// merge puts spans in order and makes one of those that overlap, and of the parts of one name.
func merge(text string, spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(a.start-b.start, b.end-a.end) })
	merged := spans[:0]
	for _, s := range spans {
		if n := len(merged); n > 0 {
			switch last := &merged[n-1]; {
			case s.start < last.end && last.mark == markLogin && s.mark == markMail:
				continue // the end of a login and the host after it look like an e-mail address
			case s.start < last.end && last.mark == markMail && s.mark == markLogin:
				*last = s
				continue
			case s.start < last.end:
				last.end, last.mark = max(last.end, s.end), max(last.mark, s.mark)
				continue
			case s.mark == markName && last.mark == markName && strings.Trim(text[last.end:s.start], " \u00a0") == "":
				last.end = s.end
				continue
			}
		}
		merged = append(merged, s)
	}
	return merged
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c-'0' <= 9 }

func isAlphanumeric(c byte) bool { return isLetter(c) || isDigit(c) }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// wordBefore and wordAfter say whether a letter or digit of any script touches the place.
func wordBefore(text string, at int) bool {
	r, _ := utf8.DecodeLastRuneInString(text[:at])
	return at > 0 && isWord(r)
}

func wordAfter(text string, at int) bool {
	r, _ := utf8.DecodeRuneInString(text[at:])
	return at < len(text) && isWord(r)
}

func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return isAlphanumeric(byte(r))
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r))
}

package redact

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/supportvault/supportvault/shared/conversation"
)

// known is what a conversation itself says of its participants.
type known struct {
	// root leads, letter by letter, to every name, e-mail address and id.
	root node
	// phones are the numbers' digits without leading zeros, tails what they end with: a number may be written with or
	// without the codes of country and area.
	phones, tails map[string]bool
}

type node struct {
	next map[rune]*node
	// ends says that something known ends here, and mark what. spaced says that it must be a word of its own.
	ends   bool
	spaced bool
	mark   mark
}

const (
	longestKnown  = 100 // runes
	shortestPart  = 3   // letters
	shortestID    = 6   // bytes
	shortestPhone = 7   // digits
	longestPhone  = 15  // digits
	mostParts     = 5   // what has more words is a sentence; it counts as a whole only
)

func knownOf(v conversation.View) *known {
	k := &known{phones: map[string]bool{}, tails: map[string]bool{}}
	for _, s := range v.Subjects {
		k.addName(s.Name)
		k.addPhone(s.Phone)
		if s.Email != "" {
			k.add(s.Email, markMail)
		}
		for _, id := range []string{s.VisitorID, s.CustomID} {
			if len(id) >= shortestID {
				k.add(id, markID)
			}
		}
	}
	if v.Entries != nil {
		for _, e := range *v.Entries {
			if e.Author.Role == conversation.Visitor || e.Author.Role == conversation.Agent {
				k.addName(e.Author.Name)
			}
		}
	}
	return k
}

// addName adds a name and those of its parts that can stand for it.
func (k *known) addName(name string) {
	if strings.ContainsRune(name, '@') {
		k.add(name, markMail)
		return
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) })
	if !slices.ContainsFunc(parts, func(part string) bool { return !ordinary[strings.ToLower(part)] }) {
		return // "Visitor 4711", "Support Team"
	}
	k.add(name, markName)
	if len(parts) > mostParts {
		return
	}
	for _, part := range parts {
		letters := utf8.RuneCountInString(part)
		if letters >= shortestPart && !ordinary[strings.ToLower(part)] || letters > 1 && !spaced(part) {
			k.add(part, markName)
		}
	}
}

// ordinary are words that stand in names and on their own mean nobody.
var ordinary = func() map[string]bool {
	words := map[string]bool{}
	for _, w := range strings.Fields(`
		visitor guest customer user client member anonymous unknown website web chat mobile app name test new none null undefined
		support service help desk helpdesk team agent admin administrator operator sales billing info office assistant bot robot
		mrs miss sir madam the and von van den der del della dos das des las los bin ibn herr frau monsieur madame señor señora
		ltd llc inc gmbh corp company group besucher gast kunde kundin benutzer visiteur client invité visitante cliente invitado
		agente equipo équipe soporte`) {
		words[w] = true
	}
	return words
}()

func (k *known) addPhone(phone string) {
	digits := strings.TrimLeft(strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && isDigit(byte(r)) {
			return r
		}
		return -1
	}, phone), "0")
	if len(digits) < shortestPhone || len(digits) > longestPhone {
		return
	}
	k.phones[digits] = true
	for i := range len(digits) - shortestPhone + 1 {
		k.tails[digits[i:]] = true
	}
}

// hasPhone says whether the digits are a known number, with more or fewer codes before it.
func (k *known) hasPhone(digits string) bool {
	digits = strings.TrimLeft(digits, "0")
	if k.tails[digits] {
		return true
	}
	for i := 0; len(digits)-i >= shortestPhone; i++ {
		if k.phones[digits[i:]] {
			return true
		}
	}
	return false
}

// add makes that s is found, where it has a letter or digit.
func (k *known) add(s string, m mark) {
	n, runes := &k.root, 0
	gap := false
	for _, r := range s {
		f := fold(r)
		if f == gapRune || f == lineRune {
			gap = n != &k.root
			continue
		}
		if f == skipRune {
			continue
		}
		if runes++; runes > longestKnown {
			return
		}
		if gap {
			n, gap = n.to(gapRune), false
		}
		n = n.to(f)
	}
	if runes < 2 {
		return
	}
	if !n.ends || m > n.mark {
		n.mark = m
	}
	n.ends, n.spaced = true, spaced(s)
}

func (n *node) to(r rune) *node {
	if n.next == nil {
		n.next = map[rune]*node{}
	}
	next := n.next[r]
	if next == nil {
		next = &node{}
		n.next[r] = next
	}
	return next
}

// names finds what is known, at the beginnings of words and, in scripts without spaces, everywhere.
func (k *known) names(text string) (found []span) {
	if k.root.next == nil {
		return nil
	}
	before := ' '
	for i := 0; i < len(text); {
		r, width := utf8.DecodeRuneInString(text[i:])
		if isWord(r) && (!isWord(before) || !isSpaced(r) || !isSpaced(before)) {
			if s, ok := k.at(text, i); ok {
				found = append(found, s)
				before, _ = utf8.DecodeLastRuneInString(text[:s.end])
				i = s.end
				continue
			}
		}
		before = r
		i += width
	}
	return found
}

// at is the longest known thing that begins at text[start:].
func (k *known) at(text string, start int) (best span, ok bool) {
	const widest = 3 // signs between two parts of a name
	n := &k.root
	for i := start; i < len(text); {
		gap := 0
		r, width := utf8.DecodeRuneInString(text[i:])
		for fold(r) == gapRune && gap < widest {
			gap++
			i += width
			r, width = utf8.DecodeRuneInString(text[i:])
		}
		if gap > 0 {
			if n = n.next[gapRune]; n == nil {
				break
			}
		}
		i += width
		f := fold(r)
		if f == gapRune || i > len(text) {
			break
		}
		if f != skipRune {
			if n = n.next[f]; n == nil {
				break
			}
		}
		if !n.ends {
			continue
		}
		// An accent that is a sign of its own still belongs to the word.
		end := i
		for end < len(text) {
			r, width := utf8.DecodeRuneInString(text[end:])
			if !unicode.Is(unicode.Mn, r) {
				break
			}
			end += width
		}
		if !n.spaced || !wordAfter(text, end) {
			best, ok = span{start, end, n.mark}, true
		}
		i = end
	}
	return best, ok
}

// What fold makes of signs that are no letters.
const (
	gapRune  = ' '
	lineRune = '\n' // nothing goes on in the next line
	skipRune = -1
)

// fold is the form in which a rune is compared: in lower case and without accents.
func fold(r rune) rune {
	switch {
	case r < utf8.RuneSelf:
		switch {
		case isAlphanumeric(byte(r)):
			return unicode.ToLower(r)
		case r == '@', r == '+', r == '#', r == '$', r == '&', r == '*', r == '%':
			return r
		case r >= '\n' && r <= '\r':
			return lineRune
		}
		return gapRune
	case r == '\u0085', r == '\u2028', r == '\u2029':
		return lineRune
	case unicode.Is(unicode.Mn, r), unicode.Is(unicode.Cf, r):
		return skipRune
	case !unicode.IsLetter(r) && !unicode.IsDigit(r):
		return gapRune
	}
	var buf [utf8.UTFMax]byte
	if d := norm.NFKD.Properties(buf[:utf8.EncodeRune(buf[:], r)]).Decomposition(); len(d) > 0 && !unicode.Is(unicode.Hangul, r) {
		r, _ = utf8.DecodeRune(d)
	}
	return unicode.ToLower(unicode.ToUpper(r))
}

// spaced says whether s is of scripts that set spaces between words.
func spaced(s string) bool {
	for _, r := range s {
		if isWord(r) && !isSpaced(r) {
			return false
		}
	}
	return true
}

func isSpaced(r rune) bool {
	return r < 0x0e00 || !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao,
		unicode.Khmer, unicode.Myanmar)
}

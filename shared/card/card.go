package card

import "strings"

const (
	shortest = 12
	usual    = 16
	longest  = 19
	visible  = 4 // digits that stay
)

// Mask returns text with every payment card number masked: all digits but the last four become '*', separators stay. n
// counts the cards. When n is 0 the very same string is returned, no allocation.
//
// The text keeps its number of characters; bytes that are not UTF-8 stay as they are. Masking what was masked changes
// nothing.
func Mask(text string) (masked string, n int) {
	s := scanner{text: text}
	number, found := s.next()
	if !found {
		return text, 0
	}
	var out strings.Builder
	out.Grow(len(text))
	copied := 0
	for ; found; number, found = s.next() {
		out.WriteString(text[copied:number.start])
		writeMasked(&out, text[number.start:number.end], number.digits-visible)
		copied = number.end
		n++
	}
	out.WriteString(text[copied:])
	return out.String(), n
}

func writeMasked(out *strings.Builder, number string, hide int) {
	for i := 0; i < len(number); {
		_, width := digitAt(number, i)
		if width > 0 && hide > 0 {
			out.WriteByte('*')
			hide--
			i += width
			continue
		}
		width = max(width, 1)
		out.WriteString(number[i : i+width])
		i += width
	}
}

// span is a number in the text, masked or not.
type span struct {
	start, end int
	digits     int
	lastGroup  int // its size
}

// scanner passes once over the text, from one group of digits to the next.
type scanner struct {
	text string
	at   int

	// The group of digits passed last: a number that is spelt must not be the continuation of a row.
	groupEnd, groupSize int
}

// next returns the next card number.
func (s *scanner) next() (span, bool) {
	text := s.text
	for i := s.at; ; {
		for i < len(text) && !isTrigger[text[i]] {
			i++
		}
		if i == len(text) {
			break
		}
		if text[i] == '*' {
			i = s.passMask(i)
			continue
		}
		end, size := groupAt(text, i)
		if size == 0 {
			i++
			continue
		}
		if i == 0 || !isLetter(text[i-1]) {
			if number, ok := s.numberAt(i); ok {
				s.pass(number.end, number.lastGroup)
				s.at = number.end
				return number, true
			}
		}
		s.pass(end, size)
		i = end
	}
	s.at = len(text)
	return span{}, false
}

func (s *scanner) pass(end, size int) { s.groupEnd, s.groupSize = end, size }

// passMask passes over the stars at text[i:] and, where they are a masked number's, over its last digits too, so that
// these never become the beginning of another number.
func (s *scanner) passMask(i int) int {
	end := i
	for end < len(s.text) && s.text[end] == '*' {
		end++
	}
	for i = max(i, end-(longest-visible)); i < end; i++ {
		if masked, ok := maskedAt(s.text, i); ok {
			s.pass(masked.end, masked.lastGroup)
			return masked.end
		}
	}
	return end
}

// groupAt returns the end of the digits that begin at text[i:] and their number, 0 when there are none.
func groupAt(text string, i int) (end, size int) {
	for {
		_, width := digitAt(text, i)
		if width == 0 {
			return i, size
		}
		i += width
		size++
	}
}

// numberAt returns the card number whose first group of digits begins at start: the one of 16 digits if there are
// several, otherwise the longest.
func (s *scanner) numberAt(start int) (best span, found bool) {
	text := s.text
	var (
		group  grouping
		digits [longest]byte
		n      int
	)
	for i := start; ; {
		before := n
		for {
			value, width := digitAt(text, i)
			if width == 0 {
				break
			}
			if n == longest {
				return best, found
			}
			digits[n] = value
			n++
			i += width
		}
		group.add(n - before)
		if n >= shortest && group.plausible(n) && issued(digits[:n]) && luhn(digits[:n]) &&
			s.standsAlone(start, i, n, &group) {
			best, found = span{start: start, end: i, digits: n, lastGroup: group.last}, true
			if n == usual {
				return best, true
			}
		}
		if !group.mayContinue() || group.first <= 2 && s.continuesRow(start, group.first) {
			return best, found
		}
		next, breaksLine := separatorAt(text, i)
		if next == i {
			return best, found
		}
		if _, width := digitAt(text, next); width == 0 {
			return best, found
		}
		if breaksLine {
			group.lineBreaks++
		}
		i = next
	}
}

// luhn says whether the last of the digits is the check digit of the others (ISO/IEC 7812-1, annex B): it counts once, as
// every second one before it does; the rest count double, less nine where that has two digits.
func luhn(digits []byte) bool {
	sum := 0
	for i, d := range digits {
		if (len(digits)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += int(d)
	}
	return sum%10 == 0
}

// standsAlone says that nothing around text[start:end] makes it part of something else.
func (s *scanner) standsAlone(start, end, n int, group *grouping) bool {
	if group.groups == 1 && end < len(s.text) && isLetter(s.text[end]) {
		return false
	}
	if group.spelt() && rowContinues(s.text, end, group.first) {
		return false
	}
	return !fractionOrPhone(s.text, start, n, group.groups) && !partOfIdentifier(s.text, start, end)
}

// continuesRow says whether the group before start, on the same line, is of this size.
func (s *scanner) continuesRow(start, size int) bool {
	if s.groupSize != size {
		return false
	}
	next, breaksLine := separatorAt(s.text, s.groupEnd)
	return next == start && next > s.groupEnd && !breaksLine
}

// rowContinues says whether the group after end, on the same line, is of this size.
func rowContinues(text string, end, size int) bool {
	next, breaksLine := separatorAt(text, end)
	if next == end || breaksLine {
		return false
	}
	_, following := groupAt(text, next)
	return following == size
}

// maskedAt returns the masked number that begins at start.
func maskedAt(text string, start int) (span, bool) {
	var group grouping
	stars, digits := 0, 0
	for i := start; ; {
		size := 0
		for ; i < len(text) && stars+digits <= longest; size++ {
			_, width := digitAt(text, i)
			if width > 0 {
				digits++
			} else if text[i] == '*' && digits == 0 {
				stars++
				width = 1
			} else {
				break
			}
			i += width
		}
		n := stars + digits
		if size == 0 || digits > visible || n > longest {
			return span{}, false
		}
		group.add(size)
		if digits == visible {
			return span{start: start, end: i, digits: digits, lastGroup: size}, n >= shortest && group.plausible(n)
		}
		next, breaksLine := separatorAt(text, i)
		if next == i || !group.mayContinue() {
			return span{}, false
		}
		if breaksLine {
			group.lineBreaks++
		}
		i = next
	}
}

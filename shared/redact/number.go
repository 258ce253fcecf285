package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maskedCards finds what package card masked: eight to fifteen stars and the last four digits.
func maskedCards(text string) (found []span) {
	const fewest, most, digits = 8, 15, 4
	for i := 0; i < len(text); {
		if text[i] != '*' {
			i++
			continue
		}
		start, stars, seen := i, 0, 0
		for gap := 0; i < len(text) && gap <= 3 && seen < digits; {
			r, width := utf8.DecodeRuneInString(text[i:])
			switch {
			case r == '*' && seen == 0:
				stars, gap = stars+1, 0
			case unicode.IsDigit(r):
				seen, gap = seen+1, 0
			case isNumberSign(r) || unicode.Is(unicode.Cf, r) || r == '_' || r == '\t':
				gap++
			default:
				gap = 4
				continue
			}
			i += width
		}
		if stars >= fewest && stars <= most && seen == digits && !wordAfter(text, i) {
			found = append(found, span{start, i, markCard})
		}
	}
	return found
}

// ibanLengths are the lengths of all IBANs: those in the registry of ISO 13616, those of France's territories, and those
// that are in use without being registered.
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21,
	"CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18,
	"FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23,
	"IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27,
	"MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28,
	"PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
	"SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,

	"BL": 27, "GF": 27, "GP": 27, "MF": 27, "MQ": 27, "NC": 27, "PF": 27, "PM": 27, "RE": 27, "TF": 27, "WF": 27, "YT": 27,

	"AO": 25, "BF": 28, "BJ": 28, "CF": 27, "CG": 27, "CI": 28, "CM": 27, "CV": 25, "DZ": 26, "GA": 27, "GQ": 27, "GW": 25, "IR": 26,
	"KM": 27, "MA": 28, "MG": 27, "ML": 28, "MZ": 25, "NE": 28, "SN": 28, "TD": 27, "TG": 28,
}

// ibans finds IBANs in one piece or in groups.
func ibans(text string) (found []span) {
	for i := 2; i+1 < len(text); i++ {
		if !isDigit(text[i]) || !isDigit(text[i+1]) || !isLetter(text[i-1]) || !isLetter(text[i-2]) || wordBefore(text, i-2) {
			continue
		}
		length, ok := ibanLengths[strings.ToUpper(text[i-2:i])]
		if !ok {
			continue
		}
		if end, ok := ibanEnd(text, i-2, length); ok {
			found = append(found, span{i - 2, end, markIBAN})
			i = end
		}
	}
	return found
}

// ibanEnd returns where an IBAN of the length that begins at start ends, if its check digits hold: the characters, the
// first four moved to the end, are 1 modulo 97.
func ibanEnd(text string, start, length int) (end int, ok bool) {
	remainder, n, i := 0, 0, start
	for ; n < length && i < len(text); i++ {
		c := text[i]
		if (c == ' ' || c == '-') && i > start && isAlphanumeric(text[i-1]) {
			continue
		}
		if !isAlphanumeric(c) {
			return 0, false
		}
		if n++; n > 4 {
			remainder = mod97(remainder, c)
		}
	}
	if n < length || wordAfter(text, i) {
		return 0, false
	}
	for j := range 4 {
		remainder = mod97(remainder, text[start+j])
	}
	return i, remainder == 1
}

func mod97(remainder int, c byte) int {
	if isDigit(c) {
		return (remainder*10 + int(c-'0')) % 97
	}
	return (remainder*100 + int(c|0x20-'a') + 10) % 97
}

// group is some digits of a row that could hold phone numbers.
type group struct {
	start, end int
	// before is what stands between the group before and this one.
	before string
	// spoilt says that the digits belong to something else, a time, a decimal number, a word; inWord that it is a word.
	spoilt, inWord bool
}

func (g group) size() int { return g.end - g.start }

// row is digits in groups, with the signs between that people set in phone numbers.
type row struct {
	text   string
	groups []group
	end    int
}

// phones finds phone numbers.
func phones(text string, k *known) (found []span) {
	for i := 0; i < len(text); {
		if !isDigit(text[i]) {
			i++
			continue
		}
		r := rowAt(text, i)
		for g := 0; g < len(r.groups); {
			if n, start := r.phone(g, k); n > 0 {
				found = append(found, span{start, extension(text, r.groups[g+n-1].end), markPhone})
				g += n
			} else {
				g++
			}
		}
		i = r.end
	}
	return found
}

// rowAt reads the row whose first digit is at start.
func rowAt(text string, start int) row {
	const widest = 3 // signs between two groups, such as ") -"
	r := row{text: text}
	for i, before := start, ""; ; {
		g := group{start: i, before: before}
		for i < len(text) && isDigit(text[i]) {
			i++
		}
		g.end = i
		g.inWord = wordBefore(text, g.start) || wordAfter(text, g.end) && extension(text, g.end) == g.end
		g.spoilt = g.inWord || r.isSpoilt(g)
		r.groups = append(r.groups, g)
		r.end = i
		next := i
		for range widest {
			c, width := utf8.DecodeRuneInString(text[next:])
			if !isNumberSign(c) {
				break
			}
			next += width
		}
		if next == i || next == len(text) || !isDigit(text[next]) {
			return r
		}
		before, i = text[i:next], next
	}
}

// extension returns the end of the extension that stands at the end of a number, such as x12 or ext. 12; end when none does.
func extension(text string, end int) int {
	const most = 6 // digits
	i := end
	for _, sign := range []string{" ", "ext", "x", ".", ":", " "} {
		if i+len(sign) <= len(text) && strings.EqualFold(text[i:i+len(sign)], sign) {
			i += len(sign)
		}
	}
	digits := i
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	if i == digits || i-digits > most || !strings.ContainsAny(text[end:digits], "xX") || wordAfter(text, i) {
		return end
	}
	return i
}

// isNumberSign says whether people set r between the digits of a number.
func isNumberSign(r rune) bool {
	switch r {
	case ' ', '-', '.', '/', '(', ')', '\u00a0', '\u202f', '\u2010', '\u2011', '\u2012', '\u2013':
		return true
	}
	return false
}

// isSpoilt says whether what touches the group makes it a part of something else.
func (r row) isSpoilt(g group) bool {
	text := r.text
	if g.start > 0 {
		switch c := text[g.start-1]; c {
		case '_', '$', '=', '#':
			return true
		case ':', ',':
			if g.start > 1 && isDigit(text[g.start-2]) {
				return true
			}
		case '.', '/', '-':
			// After a word: v.12, abc-12, /12.
			if g.start > 1 && c != '.' && isLetter(text[g.start-2]) || c == '/' && !r.inRow(g) {
				return true
			}
		default:
			if c >= utf8.RuneSelf {
				if before, _ := utf8.DecodeLastRuneInString(text[:g.start]); unicode.Is(unicode.Sc, before) {
					return true
				}
			}
		}
	}
	if g.end < len(text) {
		switch c := text[g.end]; c {
		case '_', '%', '@':
			return true
		case ':', ',':
			return g.end+1 < len(text) && isDigit(text[g.end+1])
		default:
			after, _ := utf8.DecodeRuneInString(text[g.end:])
			return unicode.Is(unicode.Sc, after) && c != '$'
		}
	}
	return false
}

// inRow says whether a group stands before g.
func (r row) inRow(g group) bool { return g.before != "" }

// phone says how many groups from g on are a phone number, 0 when they are none, and where it starts.
func (r row) phone(g int, k *known) (n, start int) {
	first := r.groups[g]
	start = first.start
	paren, plus := false, false
	if start > 0 && r.text[start-1] == '(' {
		paren = true
		start--
	}
	if start > 0 && r.text[start-1] == '+' {
		plus = true
		start--
	} else if strings.HasSuffix(r.text[:start], "\uff0b") {
		plus = true
		start -= len("\uff0b")
	}
	if n := r.knownPhone(g, k); n > 0 {
		return n, start
	}
	if first.spoilt {
		return 0, 0
	}
	if plus {
		return r.international(g, 8), start
	}
	if r.isDate(g) {
		return 0, 0
	}
	// Numbers that join others of the row by anything but a blank are a part of these.
	if g > 0 && strings.Trim(first.before, " \u00a0(") != "" {
		return 0, 0
	}
	digits := r.text[first.start:first.end]
	words := wordsBefore(r.text, start, 4)
	isReference := start > 0 && r.text[start-1] == '#' || say(words, references)
	isPhone := !isReference && say(words, phoneWords)
	switch {
	case strings.HasPrefix(digits, "00") && !isReference && len(digits) > 2 && digits[2] != '0' && r.begins(g):
		n = r.international(g, 11)
	case paren && strings.HasPrefix(r.text[first.end:], ")") || r.joint(g+1) == "(":
		if n = r.grouped(g, 8, 12); n == 1 {
			n = 0 // a number in parentheses is no area code
		}
	}
	if n == 0 {
		n = r.american(g)
	}
	if n == 0 && !isReference && len(digits) > 1 && digits[0] == '0' && digits[1] != '0' && r.begins(g) {
		n = r.national(g)
	}
	if n == 0 && !isReference && first.size() == 3 && digits[0] == '1' && digits[1] >= '3' && r.hasSizes(g, 3, 4, 4) {
		n = 3
	}
	if n == 0 && isPhone {
		n = r.grouped(g, 7, 13)
	}
	return n, start
}

// knownPhone is how many groups from g on are a participant's number.
func (r row) knownPhone(g int, k *known) int {
	if len(k.phones) == 0 {
		return 0
	}
	digits := make([]byte, 0, longestPhone+3)
	longest := 0
	for i := g; i < len(r.groups) && len(digits)+r.groups[i].size() <= cap(digits); i++ {
		digits = append(digits, r.text[r.groups[i].start:r.groups[i].end]...)
		if len(digits) >= shortestPhone && k.hasPhone(string(digits)) {
			longest = i - g + 1
		}
	}
	return longest
}

// international is how many groups from g on are a number with the code of a country.
func (r row) international(g, fewest int) int {
	const usual, longest = 11, 15
	digits, n := 0, 0
	northAmerican := r.text[r.groups[g].start] == '1'
	for i := g; i < len(r.groups); i++ {
		next := r.groups[i]
		if i > g && (next.spoilt || strings.HasSuffix(r.text[:next.start], "+")) {
			break
		}
		sum := digits + next.size()
		if sum > longest || digits >= usual && sum > usual+2 || northAmerican && sum > usual {
			break
		}
		if i > g && r.isDate(i) {
			break
		}
		digits, n = sum, i-g+1
	}
	if digits < fewest {
		return 0
	}
	return n
}

// grouped is how many groups from g on make a number of so many digits.
func (r row) grouped(g, fewest, most int) int {
	digits, n := 0, 0
	for i := g; i < len(r.groups); i++ {
		next := r.groups[i]
		if next.spoilt || digits+next.size() > most || i > g && r.isDate(i) {
			break
		}
		if digits >= 10 && strings.Trim(next.before, " \u00a0") == "" && next.size() < 3 {
			break
		}
		digits += next.size()
		n = i - g + 1
	}
	if digits < fewest || !r.endsAfter(g+n) {
		return 0
	}
	return n
}

// begins says whether a number can begin with group g: it does not go on a row of groups.
func (r row) begins(g int) bool {
	return g == 0 || r.groups[g-1].size() <= 2 && !r.groups[g-1].inWord
}

// american is how many groups from g on are a number of North America: 3-3-4, perhaps after a country's code.
func (r row) american(g int) int {
	n := 3
	size := r.groups[g].size()
	if size == 1 && r.text[r.groups[g].start] == '1' || size <= 3 && r.joint(g+1) == "-" && r.hasSizes(g, size, 3, 3, 4) {
		g, n = g+1, 4
	}
	if !r.hasSizes(g, 3, 3, 4) {
		return 0
	}
	area, exchange := r.text[r.groups[g].start], r.text[r.groups[g+1].start]
	blank := strings.Trim(r.joint(g+1)+r.joint(g+2), " \u00a0") == ""
	if blank && (area < '2' || exchange < '2') {
		return 0
	}
	return n
}

// national is how many groups from g on are a number that begins with a zero.
func (r row) national(g int) int {
	if n := 1; r.groups[g].size() >= 10 {
		if r.groups[g].size() > 11 || !r.endsAfter(g+n) {
			return 0
		}
		return n
	}
	const fewest, usual, most = 9, 10, 12
	digits, n := 0, 0
	for i := g; i < len(r.groups) && digits < usual; i++ {
		next := r.groups[i]
		if next.spoilt || digits+next.size() > most || i > g && r.isDate(i) {
			break
		}
		digits += next.size()
		n = i - g + 1
	}
	if digits < fewest || n < 2 || !r.endsAfter(g+n) {
		return 0
	}
	return n
}

// joint is what stands before group g; empty before the first and after the last.
func (r row) joint(g int) string {
	if g >= len(r.groups) {
		return ""
	}
	return strings.Trim(r.groups[g].before, " ")
}

// endsAfter says whether a number can end before group g: nothing but a blank joins it to that.
func (r row) endsAfter(g int) bool {
	return g >= len(r.groups) || strings.Trim(r.groups[g].before, " \u00a0(") == ""
}

// hasSizes says whether the groups from g on have these sizes and then end.
func (r row) hasSizes(g int, sizes ...int) bool {
	if g+len(sizes) > len(r.groups) || !r.endsAfter(g+len(sizes)) {
		return false
	}
	for i, size := range sizes {
		if r.groups[g+i].size() != size || r.groups[g+i].spoilt {
			return false
		}
	}
	return true
}

// isDate says whether the groups from g on begin with a date: 21.11.2026, 2026-11-21, 11/21/26.
func (r row) isDate(g int) bool {
	if g+3 > len(r.groups) {
		return false
	}
	a, b, c := r.groups[g], r.groups[g+1], r.groups[g+2]
	if b.before != c.before || !strings.Contains("./-", b.before) || b.before == "" {
		return false
	}
	value := func(g group) int {
		n := 0
		for _, d := range []byte(r.text[g.start:min(g.end, g.start+4)]) {
			n = n*10 + int(d-'0')
		}
		return n
	}
	upTo := func(g group, most int) bool { return g.size() <= 2 && value(g) >= 1 && value(g) <= most }
	dayAndMonth := func(a, b group) bool { return upTo(a, 31) && upTo(b, 12) || upTo(a, 12) && upTo(b, 31) }
	year := func(g group) bool { return g.size() == 4 && value(g) >= 1900 && value(g) < 2100 }
	goesOn := g+3 < len(r.groups) && r.groups[g+3].before == c.before
	return dayAndMonth(a, b) && (year(c) || c.size() == 2 && !goesOn) || year(a) && dayAndMonth(b, c)
}

// say says whether the nearest of the words that says anything says this.
func say(words []string, these map[string]bool) bool {
	for _, w := range words {
		if phoneWords[w] || references[w] {
			return these[w]
		}
	}
	return false
}

// What people call their phone, and what they call other numbers.
var (
	phoneWords = set(`phone telephone tel call calls called calling caller mobile cell cellphone fax whatsapp sms text reach dial
		ring handy telefon telefonnummer handynummer rufnummer mobil anrufen téléphone portable appelez teléfono telefono
		móvil celular llamar telefone celulare telefoon mobiel bel telefonu numeru telegram viber answering answer`)
	references = set(`order orders ordernumber invoice ticket ref reference tracking shipment parcel package case account customer nr
		serial sku article item booking reservation confirmation transaction id bestellung bestellnummer rechnung rechnungsnummer
		auftrag kundennummer sendungsnummer commande facture pedido factura version model po code pin amount total isbn ean`)
)

func set(words string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(words) {
		all[w] = true
	}
	return all
}

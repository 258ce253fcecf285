package redact

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mails finds e-mail addresses, from the @ outwards.
func mails(text string) (found []span) {
	from := 0 // no address begins before the end of the one before it
	for {
		i := strings.IndexByte(text[from:], '@')
		if i < 0 {
			return found
		}
		at := from + i
		start, end := localPart(text, from, at), domain(text, at+1)
		if start < at && end > at+1 {
			found = append(found, span{start, end, markMail})
		}
		from = max(at+1, end)
	}
}

// localPart returns where the local part that ends at the @ begins; at itself when there is none.
func localPart(text string, from, at int) int {
	const longest = 128 // RFC 5321 says 64 bytes; people are not held to it
	from = max(from, at-longest)
	start := at
	if at > from && text[at-1] == '"' {
		if i := strings.LastIndexByte(text[from:at-1], '"'); i >= 0 && !strings.ContainsFunc(text[from+i:at], breaksLine) {
			return from + i
		}
	}
	for start > from {
		r, width := utf8.DecodeLastRuneInString(text[from:start])
		if !isWord(r) && !strings.ContainsRune(".!#$%'*+^_`{}~-", r) {
			break
		}
		start -= width
	}
	// Quotes and the like before an address are not part of it.
	for start < at {
		r, width := utf8.DecodeRuneInString(text[start:at])
		if isWord(r) || r == '_' || r == '+' {
			break
		}
		start += width
	}
	return start
}

// domain returns the end of the domain that begins at start; start itself when there is none.
func domain(text string, start int) int {
	if start < len(text) && text[start] == '[' {
		literal := text[start:min(len(text), start+50)]
		if i := strings.IndexByte(literal, ']'); i > 1 && !strings.ContainsFunc(literal[:i], unicode.IsSpace) {
			return start + i + 1
		}
	}
	const longest = 255
	end := start
	for end < len(text) && end-start < longest {
		r, width := utf8.DecodeRuneInString(text[end:])
		if !isWord(r) && r != '-' && r != '.' {
			break
		}
		end += width
	}
	for {
		end = start + len(strings.TrimRight(text[start:end], ".-"))
		dot := strings.LastIndexByte(text[start:end], '.')
		if dot <= 0 {
			return start
		}
		if isTopLevel(text[start+dot+1 : end]) {
			return end
		}
		// What follows the address was taken for the last label.
		end = start + strings.LastIndexAny(text[start:end], ".-")
	}
}

func isTopLevel(label string) bool {
	if len(label) > 4 && strings.EqualFold(label[:4], "xn--") {
		return true
	}
	letters := 0
	for _, r := range label {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) {
			return false
		}
		letters++
	}
	return letters >= 2
}

// links finds what must not be read in a URL: the login and the query string.
func links(text string) (found []span) {
	for start := 0; start < len(text); {
		end := strings.IndexFunc(text[start:], endsURL) + start
		if end < start {
			end = len(text)
		}
		found = linksIn(text, start, end, found)
		_, width := utf8.DecodeRuneInString(text[end:])
		start = end + width
	}
	return found
}

func endsURL(r rune) bool {
	return r == '<' || r == '>' || r == '"' || unicode.IsSpace(r) || unicode.IsControl(r)
}

func breaksLine(r rune) bool { return fold(r) == lineRune }

// linksIn is links of text[start:end], which has no blank.
func linksIn(text string, start, end int, found []span) []span {
	piece := text[start:end]
	query := -1
	if i := strings.Index(piece, "://"); i > 0 && isLetter(piece[i-1]) {
		for rest := i; rest >= 0; {
			authority := rest + len("://")
			length := strings.IndexAny(piece[authority:], "/?#")
			if length < 0 {
				length = len(piece) - authority
			}
			if at := strings.LastIndexByte(piece[authority:authority+length], '@'); at > 0 {
				found = append(found, span{start + authority, start + authority + at, markLogin})
			}
			next := strings.Index(piece[authority+length:], "://")
			if next < 0 {
				break
			}
			rest = authority + length + next
		}
		query = i + strings.IndexByte(piece[i:], '?')
		if query < i {
			query = -1
		}
		hash := i + strings.IndexByte(piece[i:], '#')
		if hash >= i && (query < 0 || hash < query) && strings.IndexByte(piece[hash:], '=') >= 0 {
			query = hash
		}
	} else if i := strings.IndexByte(piece, '?'); i > 0 && strings.IndexByte(piece[i:], '=') > 0 && isHostAndPath(piece[:i]) {
		query = i
	}
	if query < 0 {
		return found
	}
	first, last := start+query+1, end
	for last > first && strings.IndexByte(".,;:!?)'#", text[last-1]) >= 0 {
		last--
	}
	if last > first {
		found = append(found, span{first, last, markQuery})
	}
	return found
}

// isHostAndPath says whether s looks like a URL without a scheme.
func isHostAndPath(s string) bool {
	s = strings.TrimLeft(s, "('[")
	host, _, _ := strings.Cut(s, "/")
	host, _, _ = strings.Cut(host, ":")
	dot := strings.LastIndexByte(host, '.')
	if dot <= 0 || !isTopLevel(host[dot+1:]) {
		return false
	}
	for i := range dot {
		if c := host[i]; !isAlphanumeric(c) && c != '-' && c != '.' && c < utf8.RuneSelf {
			return false
		}
	}
	return true
}

// ips finds addresses of the internet protocol.
func ips(text string) (found []span) {
	for i := 0; i < len(text); {
		if !isHex(text[i]) && text[i] != ':' {
			i++
			continue
		}
		end, colons, dots := i, 0, 0
		for ; end < len(text) && (isHex(text[end]) || text[end] == ':' || text[end] == '.'); end++ {
			switch text[end] {
			case ':':
				colons++
			case '.':
				dots++
			}
		}
		if s, ok := ipIn(text, i, end, colons, dots); ok {
			found = append(found, s)
		}
		i = end
	}
	return found
}

// ipIn is the address in text[start:end], a run of hexadecimal digits, colons and dots.
func ipIn(text string, start, end, colons, dots int) (span, bool) {
	const longest = len("0000:0000:0000:0000:0000:ffff:255.255.255.255") + len(":65535") + 3
	if colons < 2 && dots < 3 || end-start > longest || wordBefore(text, start) || start > 0 && text[start-1] == '_' {
		return span{}, false
	}
	run := strings.TrimRight(text[start:end], ".")
	if colons >= 2 {
		if !strings.HasSuffix(run, "::") {
			run = strings.TrimSuffix(run, ":")
		}
		if _, err := netip.ParseAddr(run); err == nil && looksLikeV6(run, colons) && !wordAfter(text, start+len(run)) {
			return span{start, start + len(run), markIP}, true
		}
	}
	// A port may follow, or a colon.
	host, rest, _ := strings.Cut(run, ":")
	end = start + len(host)
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.Is4() || isVersion(text, start) || rest == "" && wordAfter(text, end) {
		return span{}, false
	}
	return span{start, end, markIP}, true
}

// looksLikeV6 tells addresses from the likes of ab::cd, which could be one.
func looksLikeV6(run string, colons int) bool {
	const global = 4 // digits of the first group of all addresses that machines have
	first := strings.IndexByte(run, ':')
	return colons >= 4 || first == global || run == "::1" || strings.HasPrefix(run, "::") && strings.Contains(run, ".")
}

// isVersion says whether what stands before a number with dots makes it that of a version: "version 1.2.3.4", "Chrome/1.2.3.4".
func isVersion(text string, start int) bool {
	if start > 1 && text[start-1] == '/' && isLetter(text[start-2]) {
		return true
	}
	for _, w := range wordsBefore(text, start, 2) {
		switch {
		case strings.HasPrefix(w, "vers"), w == "v", w == "ver", w == "build", w == "release", w == "firmware", w == "rev",
			w == "revision", w == "update", w == "patch", w == "driver", w == "section", w == "chapter":
			return true
		}
	}
	return false
}

// wordsBefore returns up to n words, in lower case, that stand before the place, not far away and on the same line or on the
// one before it if that ends with a colon; the nearest first.
func wordsBefore(text string, at, n int) (words []string) {
	const far = 40
	from := max(0, at-far)
	line := text[from:at]
	if i := strings.LastIndexByte(line, '\n'); i >= 0 {
		if blank := strings.TrimSpace(line[i:]) == ""; !blank || !strings.HasSuffix(strings.TrimSpace(line), ":") {
			line = line[i+1:]
		}
	}
	for len(words) < n {
		line = strings.TrimRightFunc(line, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		start := strings.LastIndexFunc(line, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) + 1
		if line == "" || start == len(line) {
			break // a number, which what it names stands before
		}
		words = append(words, strings.ToLower(line[start:]))
		line = line[:start]
	}
	return words
}

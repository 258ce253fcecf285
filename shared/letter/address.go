package letter

import (
	"errors"
	"net/mail"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// ErrAddress is returned for an address that no letter is sent to. Its text never holds the address.
var ErrAddress = errors.New("not a single plain e-mail address")

// Address returns the bare address that s is, its domain in lower case and ASCII, or ErrAddress: for display names, lists,
// groups, comments, quoted local parts, local parts that are not ASCII, IP addresses as domain, domains without a dot, and
// all that is longer than 254 bytes.
func Address(s string) (string, error) {
	const longest, longestLocal = 254, 64 // RFC 5321
	s = strings.Trim(s, " ")
	if len(s) > longest {
		return "", ErrAddress
	}
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Name != "" || parsed.Address != s {
		return "", ErrAddress
	}
	at := strings.LastIndexByte(s, '@')
	local := s[:at]
	if len(local) > longestLocal || strings.ContainsFunc(local, func(r rune) bool { return !isAtom(r) && r != '.' }) {
		return "", ErrAddress
	}
	domain, err := idna.Lookup.ToASCII(s[at+1:])
	if err != nil || !isDomain(domain) || len(local)+1+len(domain) > longest {
		return "", ErrAddress
	}
	return local + "@" + domain, nil
}

// mailbox reads an address that may have a display name.
func mailbox(s string) (mail.Address, error) {
	parsed, err := mail.ParseAddress(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return mail.Address{}, ErrAddress
	}
	address, err := Address(parsed.Address)
	if err != nil {
		return mail.Address{}, err
	}
	return mail.Address{Name: header(line(parsed.Name, longestName)), Address: address}, nil
}

// isAtom says whether r is atext of RFC 5322.
func isAtom(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return false
		}
	}
	last := labels[len(labels)-1]
	return len(labels) > 1 && len(s) <= 253 && strings.Trim(last, "0123456789") != ""
}

// isLabel says whether s is a label of a domain's name.
func isLabel(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != '-' || i == 0 || i == len(s)-1) {
			return false
		}
	}
	return s != "" && len(s) <= 63
}

// isLink says whether s is a URL that a letter may lead to: one that is written in no other way than it is read.
func isLink(s string) bool {
	const longest = 2000
	bad := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'<>\\`{}|^", r) }
	if len(s) > longest || strings.ContainsFunc(s, bad) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.String() == s
}

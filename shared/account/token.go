package account

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"regexp"
	"strings"
)

// A bearer token is svt_<id>_<secret>: ten characters that name its row and 52 (256 bits) of which only the SHA-256 is
// stored. Secrets of that strength need no slow hash.
var tokenForm = regexp.MustCompile(`^svt_([a-z2-7]{10})_([a-z2-7]{52})$`)

// ErrToken is returned for a text that is no token.
var ErrToken = errors.New("not a token")

// Token is a bearer token taken apart.
type Token struct {
	ID     string
	secret string
}

var tokenCoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewToken makes a random token.
func NewToken() Token { return Token{ID: random(10), secret: random(52)} }

func random(chars int) string {
	b := make([]byte, chars*5/8+1)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return tokenCoding.EncodeToString(b)[:chars]
}

// NewSecret is a random secret for a source, 256 bits in letters that survive every settings page.
func NewSecret() string { return random(52) }

// ParseToken reads a token.
func ParseToken(s string) (Token, error) {
	m := tokenForm.FindStringSubmatch(s)
	if m == nil {
		return Token{}, ErrToken
	}
	return Token{ID: m[1], secret: m[2]}, nil
}

// ParseBearer reads the value of an Authorization header.
func ParseBearer(header string) (Token, error) {
	scheme, value, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return Token{}, ErrToken
	}
	return ParseToken(value)
}

// Reveal is the whole token, to be shown once.
func (t Token) Reveal() string { return "svt_" + t.ID + "_" + t.secret }

// Hash is what is stored of the token.
func (t Token) Hash() []byte {
	sum := sha256.Sum256([]byte(t.secret))
	return sum[:]
}

// Matches compares the token with a stored hash in constant time.
func (t Token) Matches(hash []byte) bool { return subtle.ConstantTimeCompare(t.Hash(), hash) == 1 }

// TokenKey is the sort key of a token's row.
func TokenKey(id string) string { return "token#" + id }

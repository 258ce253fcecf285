package source

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tolerance is how far the time that a sender signed may lie from ours, in both directions.
const tolerance = 5 * time.Minute

// Why a delivery was not accepted, for the log. None of them says anything of a secret or a body.
var (
	errUnsigned  = errors.New("a header of the signature is missing or comes twice")
	errMalformed = errors.New("a header of the signature has another form than the sender's")
	errNoSecret  = errors.New("the source has no secret")
	errMismatch  = errors.New("no secret of the source made the signature")
	errStale     = errors.New("the signed time is too long ago")
	errAhead     = errors.New("the signed time lies ahead")
)

// signed says whether one of the secrets, taken as the raw bytes of their text, made the code over the parts.
func signed(newHash func() hash.Hash, secrets []string, code []byte, parts ...[]byte) error {
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		keys[i] = []byte(secret)
	}
	return signedBy(newHash, keys, [][]byte{code}, parts...)
}

// overBody verifies a code of the body alone, which stands in hexadecimal digits behind a prefix in one header.
func overBody(name, prefix string, newHash func() hash.Hash) func(Delivery, []string) error {
	return func(d Delivery, secrets []string) error {
		text, reason := header(d.Header, name)
		var code []byte
		if reason == nil {
			digits, ok := strings.CutPrefix(text, prefix)
			if code, reason = fromHex(digits, newHash); !ok {
				reason = errMalformed
			}
		}
		err := signed(newHash, secrets, code, d.Body)
		if reason = cmp.Or(reason, err); reason != nil {
			return ErrSignature.Because(reason)
		}
		return nil
	}
}

// presented says whether what was sent along is one of the secrets. Hashes are compared, of which the time tells nothing, and
// every secret is tried. An empty one never counts.
func presented(secrets []string, given string) error {
	sum, found := sha256.Sum256([]byte(given)), false
	for _, secret := range secrets {
		if own := sha256.Sum256([]byte(secret)); hmac.Equal(own[:], sum[:]) && secret != "" {
			found = true
		}
	}
	switch {
	case len(secrets) == 0:
		return errNoSecret
	case !found:
		return errMismatch
	}
	return nil
}

// keyHeader is in which header a secret that is sent along stands unless something else is said.
const keyHeader = "X-Supportvault-Key"

// basic are the user and the password of Basic authentication.
func basic(h http.Header) (user, password string, err error) {
	text, err := header(h, "Authorization")
	if err != nil {
		return "", "", err
	}
	user, password, ok := (&http.Request{Header: http.Header{"Authorization": {text}}}).BasicAuth()
	if !ok {
		err = errMalformed
	}
	return user, password, err
}

// signedBy says whether one of the keys made one of the codes over the parts. Every key is tried, whatever the others said,
// and a source without keys costs as much as one with a wrong one. An empty key is one that everybody knows, so it never
// counts.
func signedBy(newHash func() hash.Hash, keys, codes [][]byte, parts ...[]byte) error {
	reason := errMismatch
	if len(keys) == 0 {
		keys, reason = [][]byte{nil}, errNoSecret
	}
	found := false
	for _, key := range keys {
		mac := hmac.New(newHash, key)
		for _, part := range parts {
			mac.Write(part)
		}
		sum := mac.Sum(nil)
		for _, code := range codes {
			if hmac.Equal(sum, code) && len(key) > 0 {
				found = true
			}
		}
	}
	if !found {
		return reason
	}
	return nil
}

// header is the one value of a header. A second value makes it unclear which one was meant, so it counts as none.
func header(h http.Header, name string) (string, error) {
	values := h.Values(name)
	if len(values) != 1 || values[0] == "" {
		return "", errUnsigned
	}
	return values[0], nil
}

// fromHex is the code that a header spells in hexadecimal digits of either case and nothing else, of the hash's length.
func fromHex(text string, newHash func() hash.Hash) ([]byte, error) {
	code, err := hex.DecodeString(text)
	if err != nil || len(code) != newHash().Size() {
		return nil, errMalformed
	}
	return code, nil
}

// fromBase64 is the code that a header spells in padded base64 and nothing else, of the hash's length.
func fromBase64(text string, newHash func() hash.Hash) ([]byte, error) {
	code, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(code) != newHash().Size() || strings.ContainsAny(text, "\r\n") { // which the decoder passes over
		return nil, errMalformed
	}
	return code, nil
}

// recent says whether a signed time, in decimal seconds since 1970, lies within the tolerance of now.
func recent(seconds string, now time.Time) error {
	for _, c := range []byte(seconds) {
		if c < '0' || c > '9' { // ParseInt takes signs
			return errMalformed
		}
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n > 1e12 { // the year 33658: what time.Unix and Sub can take
		return errMalformed
	}
	return near(time.Unix(n, 0), now)
}

// near says whether a signed time lies within the tolerance of now.
func near(at, now time.Time) error {
	switch {
	case at.Before(now.Add(-tolerance)):
		return errStale
	case at.After(now.Add(tolerance)):
		return errAhead
	}
	return nil
}

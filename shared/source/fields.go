package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// Ids and times come in several forms, so adapters read them raw: a field that is missing and one that is null are the
// same to them.

// maxID is how many bytes an id may have.
const maxID = 256

// given says whether a field is there and not null.
func given(raw jsontext.Value) bool { return len(raw) > 0 && raw.Kind() != 'n' }

// unquoted is the text of a JSON string.
func unquoted(raw jsontext.Value) (string, bool) {
	if !given(raw) || raw.Kind() != '"' {
		return "", false
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), true // nothing in it is escaped, as nearly always
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	return string(text), err == nil
}

var wholeNumber = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

// shortHash is what tells texts from all others, in order: 32 hexadecimal digits.
func shortHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// parseID reads an id: a text, taken as it is, or a whole number, taken as its digits. So 207 and "207" are the same.
func parseID(raw jsontext.Value) (string, error) {
	id, isText := unquoted(raw)
	switch {
	case !given(raw):
		return "", ErrMissing
	case !isText && (raw.Kind() != '0' || !wholeNumber.Match(raw)):
		return "", strictjson.ErrShape
	case !isText:
		id = string(raw)
	}
	if strings.TrimSpace(id) == "" {
		return "", ErrMissing
	}
	return joinID(id)
}

// optionalID is parseID for an id that may be missing or empty.
func optionalID(raw jsontext.Value) (string, error) {
	if text, isText := unquoted(raw); !given(raw) || isText && strings.TrimSpace(text) == "" {
		return "", nil
	}
	return parseID(raw)
}

// joinID makes an id of its parts.
func joinID(parts ...string) (string, error) {
	id := strings.Join(parts, "/")
	if len(id) > maxID {
		return "", ErrIDTooLong
	}
	return id, nil
}

var (
	decimal = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	// earliest is the first time that is believed: before it there were no such senders.
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
)

const (
	// ahead is how much later than its receipt something may have happened: senders without a clock of their own.
	ahead = 24 * time.Hour
	// firstMillisecond is the number from which on a number counts milliseconds: as seconds it is the year 5138, as
	// milliseconds 1973.
	firstMillisecond = 1e11
	// spacedForm is how older documents of Chatwoot write a time.
	spacedForm = "2006-01-02 15:04:05 UTC"
)

// parseTime reads a time: RFC 3339 with any fraction, or seconds or milliseconds since 1970 as a number, as a number with a
// fraction, or as the text of one. What is finer than a millisecond is cut off, in every form alike.
func parseTime(raw jsontext.Value, received time.Time) (conversation.Time, error) {
	text, isText := unquoted(raw)
	var t time.Time
	var err error
	switch {
	case !given(raw) || isText && text == "":
		return conversation.Time{}, ErrMissing
	case isText && !strings.Contains(text, "-") && decimal.MatchString(text):
		t, err = fromDecimal(text)
	case isText:
		if t, err = time.Parse(time.RFC3339Nano, text); err != nil {
			t, err = time.Parse(spacedForm, text)
		}
		if err != nil {
			err = strictjson.ErrShape // the library's text quotes the value
		}
	case raw.Kind() == '0':
		t, err = fromNumber(string(raw))
	default:
		err = strictjson.ErrShape
	}
	if err != nil {
		return conversation.Time{}, err
	}
	return inRange(t, received)
}

// inRange refuses times in which nothing that is delivered now can have happened.
func inRange(t, received time.Time) (conversation.Time, error) {
	if !InRange(t, received) {
		return conversation.Time{}, ErrTime
	}
	return conversation.At(t), nil
}

// InRange says whether something that is delivered at a time can have happened at t.
func InRange(t, received time.Time) bool {
	return !t.Before(earliest) && !t.After(received.Add(ahead))
}

// firstTime is the first of the times that is there.
func firstTime(received time.Time, raws ...jsontext.Value) (conversation.Time, error) {
	for _, raw := range raws {
		if given(raw) {
			return parseTime(raw, received)
		}
	}
	return conversation.Time{}, ErrMissing
}

// fromNumber reads a JSON number, which fromDecimal could not if it has a sign or an exponent.
func fromNumber(text string) (time.Time, error) {
	if strings.ContainsAny(text, "-eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f < 0 || f > 1e15 {
			return time.Time{}, ErrTime
		}
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fromDecimal(text)
}

// fromDecimal reads digits as they stand: a float64 would not hold the milliseconds of every fraction.
func fromDecimal(text string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, ErrTime
	}
	if n < firstMillisecond {
		ms, err := strconv.ParseInt((fraction + "000")[:3], 10, 64)
		if err != nil {
			return time.Time{}, strictjson.ErrShape
		}
		n = n*1000 + ms
	}
	return time.UnixMilli(n), nil
}

// fill reads a field into its place.
func fill[T any](into *T, read func(jsontext.Value) (T, error), raw jsontext.Value) (err error) {
	*into, err = read(raw)
	return err
}

// parseRating reads a rating of 1 to 5, a number or the text of one. Null is none, and so is every other number or text: for a rating
// of another scale nothing that is delivered with it is to be refused.
func parseRating(raw jsontext.Value) (*int, error) {
	text, isText := unquoted(raw)
	switch {
	case !given(raw):
		return nil, nil
	case !isText && raw.Kind() != '0':
		return nil, strictjson.ErrShape
	case !isText:
		text = string(raw)
	}
	if len(text) != 1 || text[0] < '1' || text[0] > '5' {
		return nil, nil
	}
	return new(int(text[0] - '0')), nil
}

// nonempty are those of texts that are not empty.
func nonempty(texts []string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}

// joinLines puts texts below each other, those that are not empty.
func joinLines(lines []string) string { return strings.Join(nonempty(lines), "\n") }

// listed is a text as an item of a list.
func listed(text string) string {
	if text == "" {
		return ""
	}
	return "- " + text
}

// fileName is the name of a file without the folders before it.
func fileName(name string) string { return name[strings.LastIndexAny(name, `/\`)+1:] }

// linkName is the name of the file to which an address leads. What stands behind the path may open the file.
func linkName(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return fileName(u.Path)
}

// fileLink is an address of the web as it was given; others are left out. Whether a file can be fetched from it is not for an adapter
// to say.
func fileLink(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	if scheme := strings.ToLower(scheme); rest == "" || scheme != "https" && scheme != "http" {
		return ""
	}
	return address
}

// ends says whether a ticket of the status is over, and goesOn whether it is not; of no status neither is said.
func ends(s conversation.Status) bool {
	return s == conversation.StatusSolved || s == conversation.StatusClosed
}

func goesOn(s conversation.Status) bool {
	return s == conversation.StatusOpen || s == conversation.StatusPending
}

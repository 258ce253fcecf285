package source_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

func TestParseID(t *testing.T) {
	for _, tc := range []struct {
		name, raw, want string
		err             error
	}{
		{"takes a number as its digits", `207`, "207", nil},
		{"takes the text of the same number as the same id", `"207"`, "207", nil},
		{"takes a number longer than any integer type", `123456789012345678901234567890`, "123456789012345678901234567890", nil},
		{"takes zero", `0`, "0", nil},
		{"takes a text as it is", `"70fe-Ab é"`, "70fe-Ab é", nil},
		{"takes an escaped text as what it means", `"\u0061\/b"`, "a/b", nil},
		{"takes 256 bytes", `"` + strings.Repeat("x", 256) + `"`, strings.Repeat("x", 256), nil},
		{"refuses 257 bytes", `"` + strings.Repeat("x", 257) + `"`, "", source.ErrIDTooLong},
		{"refuses 129 letters of two bytes", `"` + strings.Repeat("é", 129) + `"`, "", source.ErrIDTooLong},
		{"refuses 257 digits", strings.Repeat("1", 257), "", source.ErrIDTooLong},
		{"misses a field that is not there", ``, "", source.ErrMissing},
		{"misses null", `null`, "", source.ErrMissing},
		{"misses an empty text", `""`, "", source.ErrMissing},
		{"misses a text of white space", `" \t\n"`, "", source.ErrMissing},
		{"refuses an exponent", `1e3`, "", strictjson.ErrShape},
		{"refuses a fraction", `207.0`, "", strictjson.ErrShape},
		{"refuses a negative number", `-207`, "", strictjson.ErrShape},
		{"refuses a negative zero", `-0`, "", strictjson.ErrShape},
		{"refuses true", `true`, "", strictjson.ErrShape},
		{"refuses false", `false`, "", strictjson.ErrShape},
		{"refuses an object", `{"id":207}`, "", strictjson.ErrShape},
		{"refuses an array", `[207]`, "", strictjson.ErrShape},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := source.ParseID(jsontext.Value(tc.raw))
			if got != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("got %q, %v, want %q, %v", got, err, tc.want, tc.err)
			}
		})
	}
}

func TestParseTime(t *testing.T) {
	const want = "2026-11-20T13:05:41.286Z"
	for _, tc := range []struct {
		name, raw, want string
		err             error
	}{
		{"reads RFC 3339 with milliseconds", `"2026-11-20T13:05:41.286Z"`, want, nil},
		{"cuts nine digits to three", `"2026-11-20T13:05:41.286999999Z"`, want, nil},
		{"reads six digits and an offset", `"2026-11-20T14:05:41.286000+01:00"`, want, nil},
		{"reads RFC 3339 without a fraction", `"2026-11-20T13:05:41Z"`, "2026-11-20T13:05:41.000Z", nil},
		{"reads the spaced form of older documents", `"2026-11-20 13:05:41 UTC"`, "2026-11-20T13:05:41.000Z", nil},
		{"reads seconds", `1795179941`, "2026-11-20T13:05:41.000Z", nil},
		{"reads milliseconds", `1795179941286`, want, nil},
		{"reads seconds with a fraction", `1795179941.286`, want, nil},
		{"cuts a longer fraction, as it stands and not as a float has it", `1795179941.286999999999`, want, nil},
		{"reads a fraction of one digit", `1795179941.2`, "2026-11-20T13:05:41.200Z", nil},
		{"reads an exponent", `1.795179941286e9`, want, nil},
		{"reads milliseconds with an exponent", `1.795179941286E+12`, want, nil},
		{"cuts the fraction of a millisecond", `1795179941286.9`, want, nil},
		{"reads seconds as text", `"1795179941"`, "2026-11-20T13:05:41.000Z", nil},
		{"reads a fraction as text", `"1795179941.286"`, want, nil},
		{"reads milliseconds as text", `"1795179941286"`, want, nil},
		{"takes the first instant of 2000", `946684800`, "2000-01-01T00:00:00.000Z", nil},
		{"refuses the millisecond before", `"1999-12-31T23:59:59.999Z"`, "", source.ErrTime},
		{"takes a day ahead", `"2026-11-21T14:00:00.123Z"`, "2026-11-21T14:00:00.123Z", nil},
		{"refuses a millisecond more", `"2026-11-21T14:00:00.124Z"`, "", source.ErrTime},
		{"refuses zero", `0`, "", source.ErrTime},
		{"refuses the first year", `"0001-01-01T00:00:00Z"`, "", source.ErrTime},
		{"refuses the last year", `"9999-12-31T23:59:59Z"`, "", source.ErrTime},
		{"refuses a negative number", `-1795179941`, "", source.ErrTime},
		{"refuses a negative zero", `-0`, "", source.ErrTime},
		{"refuses microseconds", `1795179941286000`, "", source.ErrTime},
		{"refuses what no integer holds", `99999999999999999999999`, "", source.ErrTime},
		{"refuses what no float holds", `1e999`, "", source.ErrTime},
		{"refuses a large exponent without spelling it out", `1e300`, "", source.ErrTime},
		{"refuses digits without end", `"` + strings.Repeat("9", 1<<19) + `"`, "", source.ErrTime},
		{"misses a field that is not there", ``, "", source.ErrMissing},
		{"misses null", `null`, "", source.ErrMissing},
		{"misses an empty text", `""`, "", source.ErrMissing},
		{"refuses a time without zone", `"2026-11-20T13:05:41"`, "", strictjson.ErrShape},
		{"refuses a day that is not", `"2026-02-30T13:05:41Z"`, "", strictjson.ErrShape},
		{"refuses a date as JavaScript prints it", `"Fri Nov 20 2026 13:05:40 GMT+0000"`, "", strictjson.ErrShape},
		{"refuses a word", `"yesterday"`, "", strictjson.ErrShape},
		{"refuses a sign in a text", `"-1795179941"`, "", strictjson.ErrShape},
		{"refuses true", `true`, "", strictjson.ErrShape},
		{"refuses an object", `{"timestamp":1795179941}`, "", strictjson.ErrShape},
		{"refuses an array", `[1795179941]`, "", strictjson.ErrShape},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := source.ParseTime(jsontext.Value(tc.raw), received)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err == nil && got.String() != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestFileName(t *testing.T) {
	for given, want := range map[string]string{
		"bill.pdf": "bill.pdf", "/etc/passwd": "passwd", `C:\users\ana\bill.pdf`: "bill.pdf", "../../bill.pdf": "bill.pdf", "bill/": "", "": "",
	} {
		if got := source.FileName(given); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}

func TestFileLink(t *testing.T) {
	for given, keeps := range map[string]bool{
		"https://files.example.com/a.pdf?expires=1&signature=x%2Fy": true, "http://files.example.com/a.pdf": true, "HTTP://files.example.com/a.pdf": true,
		"//files.example.com/a.pdf": false, "data:image/png;base64,iVBORw0KGgo=": false, "cid:a@example.com": false, "file:///etc/passwd": false,
		"javascript:alert(1)//https://files.example.com": false, "https://": false, "a.pdf": false, "": false,
	} {
		if got := source.FileLink(given); got != map[bool]string{true: given}[keeps] {
			t.Errorf("%q: %q", given, got)
		}
	}
}

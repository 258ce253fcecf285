package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/strictjson"
)

type shape struct {
	A     string   `json:"a"`
	N     int      `json:"n"`
	List  []string `json:"list"`
	Inner *struct {
		B bool `json:"b"`
	} `json:"inner"`
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func nestedObjects(depth int) string {
	return strings.Repeat(`{"x":`, depth) + "0" + strings.Repeat("}", depth)
}

func TestUnmarshal(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		err        error
	}{
		{"reads an object", `{"a":"x","n":1,"list":["y"],"inner":{"b":true}}`, nil},
		{"reads white space around the value", " \t\r\n{\"a\":\"x\"} \t\r\n", nil},
		{"reads null for every field", `{"a":null,"n":null,"list":null,"inner":null}`, nil},
		{"reads null for the whole", `null`, nil},
		{"passes over fields that it does not know", `{"z":[1,{"y":null}]}`, nil},
		{"passes over a key in another case, which is another key", `{"A":1,"a":"x"}`, nil},
		{"reads escaped control characters", `{"a":"\u0000\u001b\ufeff"}`, nil},
		{"reads a surrogate pair", `{"a":"\ud83d\udeb2"}`, nil},
		{"reads 64 levels", `{"z":` + nested(63) + `}`, nil},
		{"reads 64 levels of objects", nestedObjects(64), nil},
		{"reads siblings beyond number", `{"list":[` + strings.Repeat(`"",`, 99_999) + `""]}`, nil},

		{"refuses 65 levels", `{"z":` + nested(64) + `}`, strictjson.ErrDepth},
		{"refuses 65 levels of objects", nestedObjects(65), strictjson.ErrDepth},
		{"refuses a level without end before it has read it all", strings.Repeat("[", 1<<20), strictjson.ErrDepth},

		{"refuses nothing", ``, strictjson.ErrJSON},
		{"refuses white space", " \n", strictjson.ErrJSON},
		{"refuses a duplicate key", `{"a":"x","a":"y"}`, strictjson.ErrJSON},
		{"refuses a duplicate of the same value", `{"a":"x","a":"x"}`, strictjson.ErrJSON},
		{"refuses a duplicate key that is spelt otherwise", `{"a":"x","\u0061":"y"}`, strictjson.ErrJSON},
		{"refuses a duplicate key where it does not look", `{"z":[{"y":1,"y":2}]}`, strictjson.ErrJSON},
		{"refuses a second value", `{"a":"x"}{"a":"y"}`, strictjson.ErrJSON},
		{"refuses a stray bracket behind", `{"a":"x"}}`, strictjson.ErrJSON},
		{"refuses a NUL byte behind", "{}\x00", strictjson.ErrJSON},
		{"refuses a byte order mark", "\xef\xbb\xbf{}", strictjson.ErrJSON},
		{"refuses UTF-16", "{\x00}\x00", strictjson.ErrJSON},
		{"refuses invalid UTF-8 in a text", "{\"a\":\"M\xe4rta\"}", strictjson.ErrJSON},
		{"refuses invalid UTF-8 in a key that it does not know", "{\"\xff\":1}", strictjson.ErrJSON},
		{"refuses an overlong form", "{\"a\":\"\xc0\xaf\"}", strictjson.ErrJSON},
		{"refuses half a surrogate pair", `{"a":"\ud83d"}`, strictjson.ErrJSON},
		{"refuses half a surrogate pair where it does not look", `{"z":"\udeb2"}`, strictjson.ErrJSON},
		{"refuses a raw control character", "{\"a\":\"\x01\"}", strictjson.ErrJSON},
		{"refuses a comma too many", `{"list":["x",]}`, strictjson.ErrJSON},
		{"refuses a comment", `{/* x */"a":"x"}`, strictjson.ErrJSON},
		{"refuses single quotes", `{'a':'x'}`, strictjson.ErrJSON},
		{"refuses a number with a leading zero", `{"n":01}`, strictjson.ErrJSON},
		{"refuses what is no number", `{"n":NaN}`, strictjson.ErrJSON},
		{"refuses a value that is cut off", `{"a":"x`, strictjson.ErrJSON},

		{"refuses a number for a text", `{"a":1}`, strictjson.ErrShape},
		{"refuses a text for a number", `{"n":"1"}`, strictjson.ErrShape},
		{"refuses a number that does not fit", `{"n":9223372036854775808}`, strictjson.ErrShape},
		{"refuses an exponent without end", `{"n":1e999999999}`, strictjson.ErrShape},
		{"refuses an object for a list", `{"list":{}}`, strictjson.ErrShape},
		{"refuses a list for an object", `{"inner":[]}`, strictjson.ErrShape},
		{"refuses a list for the whole", `[]`, strictjson.ErrShape},
		{"refuses a text for the whole", `"a"`, strictjson.ErrShape},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var v shape
			err := strictjson.Unmarshal([]byte(tc.body), &v)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err != nil {
				checkFault(t, err)
			}
		})
	}
}

// checkFault asserts that an error blames the sender and can quote nothing of the body.
func checkFault(t testing.TB, err error) {
	t.Helper()
	f, ok := errors.AsType[*fault.Fault](err)
	if !ok || f.Status() != http.StatusBadRequest || f.Unwrap() != nil || f.Error() != f.Code {
		t.Errorf("error %v is not one of the faults of this package", err)
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, body := range []string{
		`{"a":"x","n":1,"list":["y"],"inner":{"b":true}}`, `{"a":"x","a":"y"}`, `{"\u0061":1}`, "\xef\xbb\xbf{}", "{\"a\":\"\xff\"}",
		`{"a":"\ud83d"}`, nested(64), nested(65), `{}{}`, `1e400`, ` null `, `"\u0000"`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		var v shape
		err := strictjson.Unmarshal(body, &v)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed, and its signature with it")
		}
		if err != nil {
			checkFault(t, err)
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("accepted what is no JSON or no UTF-8: %q", body)
		}
		if text, err := strictjson.Text(body, "a"); err != nil || text != v.A {
			t.Fatalf("the member is %q, read alone %q (%v)", v.A, text, err)
		}
		var any any
		if err := strictjson.Unmarshal(body, &any); err != nil {
			t.Fatalf("accepted into a shape, but not as a value: %v", err)
		}
		again, err := json.Marshal(any)
		if err != nil {
			return // a number that no float holds
		}
		if err := strictjson.Unmarshal(again, &any); err != nil {
			t.Fatalf("accepted %q, but not what it says, %q: %v", body, again, err)
		}
	})
}

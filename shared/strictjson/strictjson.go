// Package strictjson reads JSON of strangers: what two readers could understand in two ways is refused. Duplicate keys,
// invalid UTF-8, halves of surrogate pairs, a byte order mark and data after the value are errors, and so is nesting deeper
// than MaxDepth. A key in another case is another key.
package strictjson

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/fault"
)

// MaxDepth is how deeply objects and arrays may nest.
const MaxDepth = 64

// The faults of a body.
var (
	ErrJSON  = fault.New(fault.Invalid, "json_invalid", "The body is not one valid JSON value in UTF-8 with unique keys.")
	ErrDepth = fault.New(fault.Invalid, "json_too_deep", "The body nests objects or arrays more than 64 deep.")
	ErrShape = fault.New(fault.Invalid, "json_shape", "A field of the body has another type than the sender's documentation gives it.")
)

// Unmarshal reads one JSON value into v. Fields that v does not have are passed over.
func Unmarshal(body []byte, v any) error {
	if err := Check(body); err != nil {
		return err
	}
	return Read(body, v)
}

// Read is Unmarshal of a body that Check has passed, for who reads it more than once.
func Read(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return ErrShape // the library's text may quote the body
	}
	return nil
}

// Check walks the whole value once, so that what is passed over later is checked too.
func Check(body []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		if _, err := dec.ReadToken(); err != nil {
			return ErrJSON
		}
		switch depth := dec.StackDepth(); {
		case depth > MaxDepth:
			return ErrDepth
		case depth == 0: // the value is over; only white space may follow
			if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
				return ErrJSON
			}
			return nil
		}
	}
}

// Text is the text of a member of the object that a checked body is, read only that far; empty where there is none.
func Text(body []byte, name string) (string, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	if begin, err := dec.ReadToken(); err == nil && begin.Kind() == 'n' {
		return "", nil
	} else if err != nil || begin.Kind() != '{' {
		return "", ErrShape
	}
	for {
		key, err := dec.ReadToken()
		if err != nil || key.Kind() != '"' {
			return "", nil // the object is over
		}
		if key.String() != name {
			if err := dec.SkipValue(); err != nil {
				return "", ErrShape
			}
			continue
		}
		value, err := dec.ReadToken()
		switch {
		case err == nil && value.Kind() == '"':
			return value.String(), nil
		case err == nil && value.Kind() == 'n':
			return "", nil
		}
		return "", ErrShape
	}
}

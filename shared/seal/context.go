package seal

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	schemaKey      = "schema"
	reservedPrefix = "aws-crypto-"
)

// Context is what a message is bound to: authenticated, not stored. Open needs the same pairs that Seal had. Keys and
// values are valid UTF-8; a key is not empty, not "schema" and does not begin with "aws-crypto-"; serialized with the
// schema, the pairs fit 65535 bytes.
type Context map[string]string

// serialize returns the context with the schema, which authenticates the data key, and as given, which authenticates
// the header beside the stored schema.
func (c Context) serialize() (full, required []byte, err error) {
	keys := append(make([]string, 0, len(c)+1), schemaKey)
	size := 2 + 4 + len(schemaKey) + len(Schema)
	for k, v := range c {
		if k == "" || k == schemaKey || strings.HasPrefix(k, reservedPrefix) {
			return nil, nil, fmt.Errorf("%w: context key empty or reserved", ErrInput)
		}
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return nil, nil, fmt.Errorf("%w: context is not UTF-8", ErrInput)
		}
		keys = append(keys, k)
		size += 4 + len(k) + len(v)
	}
	if size > math.MaxUint16 {
		return nil, nil, fmt.Errorf("%w: context of %d bytes, more than %d", ErrInput, size, math.MaxUint16)
	}
	slices.Sort(keys)
	buf := c.appendPairs(make([]byte, 0, 2*size), keys)
	split := len(buf)
	keys = slices.DeleteFunc(keys, func(k string) bool { return k == schemaKey })
	buf = c.appendPairs(buf, keys)
	return buf[:split], buf[split:], nil
}

func (c Context) appendPairs(b []byte, keys []string) []byte {
	if len(keys) == 0 {
		return b
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(keys)))
	for _, k := range keys {
		v := c[k]
		if k == schemaKey {
			v = Schema
		}
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(k))), k...)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(v))), v...)
	}
	return b
}

package receipt

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// canonical writes a statement by RFC 8785. The library writes strings and whole numbers as that has them; the members come
// sorted because the fields of the types do. A test compares both with what the library's own canonical form is.
func canonical(v any) ([]byte, error) { return json.Marshal(v) }

// Signed is a receipt as it stands in a set.
type Signed struct {
	Key     Hash    `json:"key"`
	Leaves  []Hash  `json:"leaves"`
	Receipt Receipt `json:"receipt"`
	// Signature is of the receipt alone: the leaves are under its root.
	Signature []byte `json:"signature"`
}

// SignedHead is a head as it stands in a set.
type SignedHead struct {
	Head      Head   `json:"head"`
	Key       Hash   `json:"key"`
	Signature []byte `json:"signature"`
}

// Line is the receipt's line in a set, with its end.
func (s Signed) Line() ([]byte, error) {
	line, _, err := s.line()
	return line, err
}

// The lines are put together here and not by a library: what stands between the statements are digits and letters only.
func (s Signed) line() (line, statement []byte, err error) {
	if statement, err = s.Receipt.Canonical(); err != nil {
		return nil, nil, err
	}
	b := make([]byte, 0, len(statement)+len(s.Leaves)*(2*len(Hash{})+3)+300)
	b = append(appendHash(append(b, `{"key":`...), s.Key), `,"leaves":[`...)
	b = append(appendHashes(b, s.Leaves), `],"receipt":`...)
	return appendSignature(append(b, statement...), s.Signature), statement, nil
}

// Line is the head's line in a set, with its end.
func (s SignedHead) Line() ([]byte, error) {
	line, _, err := s.line()
	return line, err
}

func (s SignedHead) line() (line, statement []byte, err error) {
	if statement, err = s.Head.Canonical(); err != nil {
		return nil, nil, err
	}
	b := append(append([]byte(`{"head":`), statement...), `,"key":`...)
	return appendSignature(appendHash(b, s.Key), s.Signature), statement, nil
}

func appendHash(b []byte, h Hash) []byte {
	return append(hex.AppendEncode(append(b, '"'), h[:]), '"')
}

func appendHashes(b []byte, all []Hash) []byte {
	for i, h := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendHash(b, h)
	}
	return b
}

func appendSignature(b, signature []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(b, `,"signature":"`...), signature), `"}`+"\n"...)
}

// errForm is the answer to every line that this package would not have written so.
var errForm = errors.New("the line is not one that was written so: it is damaged, or was altered")

// read reads a line into v and makes it again: whatever v did not take in, or takes in two ways, makes a difference.
func read(line []byte, v interface {
	line() ([]byte, []byte, error)
}) (statement []byte, err error) {
	if err := json.Unmarshal(line, v, json.RejectUnknownMembers(true)); err != nil {
		return nil, errForm // the library's text may quote the line
	}
	again, statement, err := v.line()
	if err != nil || !bytes.Equal(again, line) {
		return nil, errForm
	}
	return statement, nil
}

// Proof is one receipt with the way from one record to its root: it shows that record's destruction without naming another.
type Proof struct {
	Key       Hash      `json:"key"`
	Proof     Inclusion `json:"proof"`
	Receipt   Receipt   `json:"receipt"`
	Signature []byte    `json:"signature"`
}

// Inclusion says where in a tree a record is.
type Inclusion struct {
	Index  int64  `json:"index"`
	Path   []Hash `json:"path"`
	Record string `json:"record"`
}

// Line is the proof as a file, with its end.
func (p Proof) Line() ([]byte, error) {
	line, _, err := p.line()
	return line, err
}

func (p Proof) line() (line, statement []byte, err error) {
	if statement, err = p.Receipt.Canonical(); err != nil {
		return nil, nil, err
	}
	b := append(appendHash([]byte(`{"key":`), p.Key), `,"proof":{"index":`...)
	b = append(strconv.AppendInt(b, p.Proof.Index, 10), `,"path":[`...)
	b = append(appendHashes(b, p.Proof.Path), `],"record":`...)
	if b, err = jsontext.AppendQuote(b, p.Proof.Record); err != nil {
		return nil, nil, err
	}
	return appendSignature(append(append(b, `},"receipt":`...), statement...), p.Signature), statement, nil
}

// IsProof says whether a file begins as a proof does and a set does not.
func IsProof(begin []byte) bool {
	const key = `{"key":"`
	rest, ok := bytes.CutPrefix(begin, []byte(key))
	return ok && len(rest) > 2*len(Hash{}) && bytes.HasPrefix(rest[2*len(Hash{}):], []byte(`","proof":`))
}

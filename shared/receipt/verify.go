package receipt

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/supportvault/supportvault/shared/conversation"
)

// Code says what is wrong with a receipt.
type Code string

// What can be wrong, in the order in which it is looked for.
const (
	NoHead    Code = "head_missing" // nothing says how many receipts there are
	BadForm   Code = "form"         // the line is damaged, or not one of a set
	NoKey     Code = "key"          // signed under a key that is not among the public keys
	BadSign   Code = "signature"    // altered after it was signed, or signed by somebody else
	BadText   Code = "content"      // signed, and cannot be meant
	Foreign   Code = "account"      // of another account than the head
	Missing   Code = "missing"      // a later one stands in its place
	Repeated  Code = "repeated"     // one that came before stands in its place
	BadChain  Code = "previous"     // it was not made after the receipt before it
	BadTime   Code = "time"         // it is older than the one before it, or younger than the head
	BadCount  Code = "records"      // it has another number of leaves than records
	BadOrder  Code = "leaves"       // its leaves are not in order
	BadRoot   Code = "root"         // its leaves are not those that were signed
	BeyondEnd Code = "beyond"       // the head does not count it
	Truncated Code = "truncated"    // the head counts more
	BadEnd    Code = "head"         // the last receipt is not the one that the head names
)

// Fault is the first thing that is wrong with a set.
type Fault struct {
	// Number is that of the receipt that should have stood there; 0 is the head, or a proof that cannot be read.
	Number int64
	Code   Code
	Text   string
}

// Error is a sentence without its full stop.
func (f *Fault) Error() string {
	if f.Number == 0 {
		return f.Text
	}
	return fmt.Sprintf("receipt %d: %s", f.Number, f.Text)
}

// maxLine is longer than the longest line.
const maxLine = 1 << 27

var errLine = errors.New("a line is over 128 MB")

// lines hands out lines with their ends.
type lines struct{ r *bufio.Reader }

func (l lines) next() (line []byte, err error) {
	for {
		part, err := l.r.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxLine {
			return nil, errLine
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) && len(line) > 0 {
			return line, nil // without an end: no line of a set
		}
		return line, err
	}
}

// Verify reads a set, hands out each receipt that is as it should be, and answers the head. The first fault ends it as a
// *Fault; every other error is that of the reader or of the function. Without a fault, all receipts have been handed out, in
// order.
func Verify(set io.Reader, keys Keys, each func(Signed) error) (SignedHead, error) {
	in := lines{bufio.NewReaderSize(set, 1<<16)}
	line, err := in.next()
	if errors.Is(err, io.EOF) {
		return SignedHead{}, &Fault{0, NoHead, "the set is empty"}
	}
	if err != nil {
		return SignedHead{}, err
	}
	signedHead, err := readHead(line, keys)
	if err != nil {
		return SignedHead{}, err
	}
	head := signedHead.Head
	last := Begin(head.Account)
	for {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return signedHead, err
		}
		signed, hash, err := follow(line, keys, head, last)
		if err != nil {
			return signedHead, err
		}
		last.Number, last.Hash, last.At = signed.Receipt.Number, hash, signed.Receipt.At
		if each != nil {
			if err := each(signed); err != nil {
				return signedHead, err
			}
		}
	}
	switch {
	case last.Number < head.Number:
		return signedHead, &Fault{last.Number + 1, Truncated, fmt.Sprintf(
			"it is missing, and whatever came after it: the set ends here, and the head of %s counts %d", show(head.At), head.Number)}
	case last.Hash != head.Hash:
		return signedHead, &Fault{last.Number, BadEnd, "it is another one than the head names: there are two chains"}
	}
	return signedHead, nil
}

func show(t conversation.Time) string { return t.Format("2006-01-02 15:04:05 UTC") }

func readHead(line []byte, keys Keys) (SignedHead, error) {
	if !bytes.HasPrefix(line, []byte(`{"head":`)) {
		return SignedHead{}, &Fault{0, NoHead, "the first line is not a head: nobody can know how many receipts there are"}
	}
	var signed SignedHead
	statement, err := read(line, &signed)
	if err != nil {
		return SignedHead{}, &Fault{0, BadForm, "the head: " + err.Error()}
	}
	if f := keys.check(signed.Key, statement, signed.Signature); f != nil {
		return SignedHead{}, &Fault{0, f.Code, "the head: " + f.Text}
	}
	if err := signed.Head.check(); err != nil {
		return SignedHead{}, &Fault{0, BadText, "the head: " + err.Error()}
	}
	return signed, nil
}

// check finds the fault of a signature.
func (k Keys) check(key Hash, statement, signature []byte) *Fault {
	public, ok := k[key]
	switch {
	case !ok:
		return &Fault{0, NoKey, fmt.Sprintf("it is signed under the key %s, which is not among the public keys", key)}
	case !verified(public, statement, signature):
		return &Fault{0, BadSign, "the signature does not fit: it was altered after it was signed, or signed by somebody else"}
	}
	return nil
}

// follow reads the line that comes after a place in the chain.
func follow(line []byte, keys Keys, head, last Head) (signed Signed, hash Hash, err error) {
	number := last.Number + 1
	fault := func(code Code, format string, args ...any) (Signed, Hash, error) {
		return Signed{}, Hash{}, &Fault{number, code, fmt.Sprintf(format, args...)}
	}
	statement, err := read(line, &signed)
	if err != nil {
		return fault(BadForm, "%s", err)
	}
	if f := keys.check(signed.Key, statement, signed.Signature); f != nil {
		return fault(f.Code, "%s", f.Text)
	}
	r := signed.Receipt
	if err := r.check(); err != nil {
		return fault(BadText, "%s", err)
	}
	switch {
	case r.Account != head.Account:
		return fault(Foreign, "it is of the account %s, the head of %s", r.Account, head.Account)
	case number > head.Number:
		return fault(BeyondEnd, "the head of %s counts only %d", show(head.At), head.Number)
	case r.Number > number:
		return fault(Missing, "it is missing here: receipt %d stands in its place", r.Number)
	case r.Number < number:
		return fault(Repeated, "it is missing here: receipt %d, which came before, stands in its place", r.Number)
	case r.Previous != last.Hash:
		return fault(BadChain, "it was not made after the receipt that stands before it")
	case r.At.Before(last.At.Time):
		return fault(BadTime, "it is older than the receipt before it")
	case r.At.After(head.At.Time):
		return fault(BadTime, "it is younger than the head of %s, which counts it", show(head.At))
	}
	if code, text := signed.leaves(); code != "" {
		return fault(code, "%s", text)
	}
	return signed, sha256.Sum256(statement), nil
}

// leaves checks what stands beside a receipt.
func (s Signed) leaves() (Code, string) {
	if int64(len(s.Leaves)) != s.Receipt.Size {
		return BadCount, fmt.Sprintf("it says %d records, and %d stand beside it", s.Receipt.Size, len(s.Leaves))
	}
	rest := s.Leaves
	for _, p := range s.Receipt.What {
		part := rest[:p.Records]
		rest = rest[p.Records:]
		for i := 1; i < len(part); i++ {
			if bytes.Compare(part[i-1][:], part[i][:]) >= 0 {
				return BadOrder, "the hashes of its records are not in order, or one stands there twice"
			}
		}
	}
	if root(s.Leaves) != s.Receipt.Root {
		return BadRoot, "the hashes of its records are not those that were signed"
	}
	return "", ""
}

// Find is where in a receipt a record is, first.
func (s Signed) Find(id string) (part Part, index int, ok bool) {
	for part, index := range s.FindAll(id) {
		return part, index, true
	}
	return Part{}, 0, false
}

// FindAll hands out the parts that a record is in, with the place of its leaf among all: a visit of two days is in those of both.
func (s Signed) FindAll(id string) iter.Seq2[Part, int] {
	return func(yield func(Part, int) bool) {
		leaf := leafOf(s.Receipt.Salt, id)
		rest, before := s.Leaves, 0
		for _, p := range s.Receipt.What {
			if p.Records > int64(len(rest)) {
				return // not one that Verify handed out
			}
			i, ok := slices.BinarySearchFunc(rest[:p.Records], leaf, func(a, b Hash) int { return bytes.Compare(a[:], b[:]) })
			if ok && !yield(p, before+i) {
				return
			}
			rest, before = rest[p.Records:], before+int(p.Records)
		}
	}
}

// Prove makes a proof that a record is in a receipt.
func (s Signed) Prove(id string) (Proof, bool) {
	_, index, ok := s.Find(id)
	if !ok {
		return Proof{}, false
	}
	return Proof{Key: s.Key, Receipt: s.Receipt, Signature: s.Signature, Proof: Inclusion{
		Index: int64(index), Path: pathOf(len(s.Leaves), index, hashedLeaf(s.Leaves)), Record: id,
	}}, true
}

// VerifyProof reads a proof and says which part its record is in. A fault is a *Fault. The chain around the receipt is not in
// a proof.
func VerifyProof(file []byte, keys Keys) (Proof, Part, error) {
	var p Proof
	statement, err := read(file, &p)
	if err != nil {
		return Proof{}, Part{}, &Fault{0, BadForm, "the proof: " + err.Error()}
	}
	fault := func(code Code, text string) (Proof, Part, error) {
		return Proof{}, Part{}, &Fault{max(p.Receipt.Number, 0), code, text}
	}
	if f := keys.check(p.Key, statement, p.Signature); f != nil {
		return fault(f.Code, f.Text)
	}
	if err := p.Receipt.check(); err != nil {
		return fault(BadText, err.Error())
	}
	const notIn = "the record is not among those that were signed"
	in := p.Proof
	if !nameForm().MatchString(in.Record) || in.Index < 0 || in.Index >= p.Receipt.Size {
		return fault(BadRoot, notIn)
	}
	leaf := leafOf(p.Receipt.Salt, in.Record)
	if got, ok := rootBy(int(p.Receipt.Size), int(in.Index), hashLeaf(leaf[:]), in.Path); !ok || got != p.Receipt.Root {
		return fault(BadRoot, notIn)
	}
	at := in.Index
	for _, part := range p.Receipt.What {
		if at < part.Records {
			return p, part, nil
		}
		at -= part.Records
	}
	return fault(BadCount, notIn)
}

// Command verify checks a set of receipts, or a proof, offline: signatures, chain and records. It prints what was destroyed,
// when and why, in a table; with a record's id, in which receipt that record is. It answers 0 if everything is as it was
// signed and what was asked for was found, 1 if not, and then says the first fault; 2 if it was called wrongly or a file
// cannot be read (make answers 2 for both). What a receipt is stands in package receipt.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/supportvault/supportvault/shared/receipt"
)

const help = `usage: make verify RECEIPTS=<file or folder> [RECORD=<id>] [KEY=<file>] [PROOF=<file>] [JSON=1]

Checks receipts: signed statements of what was destroyed. It needs no network and no account.

  RECEIPTS  receipts.ndjson of an account, with receipts.pem beside it; the folder of both; a folder
            of single receipts (000000000001.json, …) with head.json and receipts.pem; or a proof
  RECORD    the id of a conversation or of another record: says in which receipt it is
  KEY       a file of public keys that you have from another hand, instead of the one beside the set
  PROOF     with RECORD: writes a proof to this file. It shows the destruction of this one record,
            and names no other
  JSON      prints JSON

What it shows: whoever holds the key stated this at that time, and since then nothing of it was
altered, removed, put in or put in another order; and the record is among those that they named.

What it does not show: that the statement is true, that there is no copy anywhere else, what was
destroyed after the time of the head, and that the key belongs to whom you think. Compare the key's
id with one that you have from another hand. A receipt is a signed statement, and not more than it is.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const (
	fine   = 0
	faulty = 1
	unread = 2
)

func run(args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var c check
	flags.StringVar(&c.path, "receipts", "", "")
	flags.StringVar(&c.record, "record", "", "")
	flags.StringVar(&c.keyFile, "key", "", "")
	flags.StringVar(&c.proofFile, "proof", "", "")
	asJSON := flags.Bool("json", false, "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, help)
		return fine
	}
	switch {
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("%q is too much", flags.Arg(0))
	case err == nil && c.path == "":
		err = errors.New("which receipts? RECEIPTS=<file or folder>")
	case err == nil && c.proofFile != "" && c.record == "":
		err = errors.New("a proof is of one record: RECORD=<id>")
	}
	if err != nil {
		fmt.Fprintf(errs, "verify: %v\n\n%s", err, help)
		return unread
	}
	r, err := c.run()
	if err != nil {
		fmt.Fprintf(errs, "verify: %v\n", err)
		return unread
	}
	write := writeText
	if *asJSON {
		write = writeJSON
	}
	if err := write(out, r); err != nil {
		fmt.Fprintf(errs, "verify: %v\n", err)
		return unread
	}
	if !r.OK {
		return faulty
	}
	return fine
}

// check is what was asked for.
type check struct{ path, record, keyFile, proofFile string }

// result is what was found.
type result struct {
	// OK says that there is no fault, and that the record is in a receipt if one was asked for.
	OK      bool   `json:"ok"`
	Account string `json:"account,omitempty"`
	// Fault is the first one.
	Fault *fault `json:"fault,omitempty"`
	// Head is that of a set; a proof has none.
	Head *receipt.Head `json:"head,omitempty"`
	// Receipts are those before the fault, or all.
	Receipts []receipt.Receipt `json:"receipts"`
	Keys     []key             `json:"keys"`
	Record   *record           `json:"record,omitempty"`
	// Proof is the file that was read, or written, if it was one.
	Proof   string `json:"proof,omitempty"`
	written bool
}

type fault struct {
	Number int64        `json:"number"`
	Code   receipt.Code `json:"code"`
	Text   string       `json:"text"`
}

// key is a public key with what it signed.
type key struct {
	ID       receipt.Hash `json:"id"`
	Receipts int          `json:"receipts"`
	Head     bool         `json:"head"`
}

// record is what was asked for, and where it is.
type record struct {
	ID string `json:"id"`
	In []in   `json:"in"`
}

type in struct {
	Number int64        `json:"number"`
	Part   receipt.Part `json:"part"`
	done   receipt.Receipt
}

func (r *result) faulty(err error) error {
	f, ok := errors.AsType[*receipt.Fault](err)
	if !ok {
		return err
	}
	r.Fault, r.OK = &fault{f.Number, f.Code, f.Error()}, false
	return nil
}

func (r *result) key(id receipt.Hash) *key {
	i := slices.IndexFunc(r.Keys, func(k key) bool { return k.ID == id })
	if i < 0 {
		i = len(r.Keys)
		r.Keys = append(r.Keys, key{ID: id})
	}
	return &r.Keys[i]
}

func (c check) run() (*result, error) {
	set, err := open(c.path)
	if err != nil {
		return nil, err
	}
	defer set.Close()
	keys, err := c.keys()
	if err != nil {
		return nil, err
	}
	begin := make([]byte, 100)
	n, err := io.ReadFull(set, begin)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	begin = begin[:n]
	all := io.MultiReader(bytes.NewReader(begin), set)
	if receipt.IsProof(begin) {
		return c.proven(all, keys)
	}
	return c.verified(all, keys)
}

func (c check) verified(set io.Reader, keys receipt.Keys) (*result, error) {
	r := &result{OK: true, Receipts: []receipt.Receipt{}, Keys: []key{}}
	if c.record != "" {
		r.Record = &record{ID: c.record, In: []in{}}
	}
	var proof *receipt.Proof
	head, err := receipt.Verify(set, keys, func(s receipt.Signed) error {
		r.Receipts = append(r.Receipts, s.Receipt)
		r.key(s.Key).Receipts++
		if c.record == "" {
			return nil
		}
		for part := range s.FindAll(c.record) {
			r.Record.In = append(r.Record.In, in{s.Receipt.Number, part, s.Receipt})
		}
		if p, ok := s.Prove(c.record); ok && c.proofFile != "" && proof == nil {
			proof = &p
		}
		return nil
	})
	if err := r.faulty(err); err != nil {
		return nil, err
	}
	if head.Signature != nil {
		r.Account, r.Head = head.Head.Account, &head.Head
		r.key(head.Key).Head = true
	}
	if r.Record != nil && len(r.Record.In) == 0 {
		r.OK = false
	}
	if proof != nil && r.OK {
		r.Proof, r.written = c.proofFile, true
		return r, writeProof(c.proofFile, *proof)
	}
	return r, nil
}

func (c check) proven(file io.Reader, keys receipt.Keys) (*result, error) {
	if c.proofFile != "" {
		return nil, errors.New("this is a proof already")
	}
	b, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	r := &result{OK: true, Proof: c.path, Receipts: []receipt.Receipt{}, Keys: []key{}}
	p, part, err := receipt.VerifyProof(b, keys)
	if err != nil {
		return r, r.faulty(err)
	}
	r.Account, r.Receipts = p.Receipt.Account, append(r.Receipts, p.Receipt)
	r.key(p.Key).Receipts++
	r.Record = &record{ID: p.Proof.Record, In: []in{{p.Receipt.Number, part, p.Receipt}}}
	if c.record != "" && c.record != p.Proof.Record {
		r.OK, r.Record = false, &record{ID: c.record, In: []in{}}
	}
	return r, nil
}

// writeProof makes a file; one that is there already stays as it is.
func writeProof(name string, p receipt.Proof) error {
	line, err := p.Line()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	return errors.Join(err, f.Close())
}

const (
	setFile  = "receipts.ndjson"
	keysFile = "receipts.pem"
	headFile = "head.json"
)

var singleForm = regexp.MustCompile(`^\d{12}\.json$`)

// open opens a set: a file, or what a folder has of one.
func open(path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return os.Open(path)
	}
	if f, err := os.Open(filepath.Join(path, setFile)); !errors.Is(err, os.ErrNotExist) {
		return f, err
	}
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		return nil, err
	}
	var names []string
	if _, err := os.Stat(filepath.Join(path, headFile)); err == nil {
		names = append(names, filepath.Join(path, headFile))
	}
	for _, e := range entries {
		if singleForm.MatchString(e.Name()) {
			names = append(names, filepath.Join(path, e.Name()))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the folder %s has neither %s nor single receipts (000000000001.json)", path, setFile)
	}
	return &files{names: names}, nil
}

// files are files one behind the other, each open only while it is read.
type files struct {
	names []string
	now   *os.File
}

func (f *files) Read(b []byte) (int, error) {
	for {
		if f.now == nil {
			if len(f.names) == 0 {
				return 0, io.EOF
			}
			var err error
			if f.now, err = os.Open(f.names[0]); err != nil {
				return 0, err
			}
			f.names = f.names[1:]
		}
		n, err := f.now.Read(b)
		if n > 0 || err == nil {
			return n, nil
		}
		if !errors.Is(err, io.EOF) {
			return 0, err
		}
		if err := f.Close(); err != nil {
			return 0, err
		}
	}
}

func (f *files) Close() error {
	if f.now == nil {
		return nil
	}
	now := f.now
	f.now = nil
	return now.Close()
}

// keys reads the public keys: those that were given, or those beside the set.
func (c check) keys() (receipt.Keys, error) {
	names := []string{c.keyFile}
	if c.keyFile == "" {
		folder := c.path
		if info, err := os.Stat(c.path); err == nil && !info.IsDir() {
			folder = filepath.Dir(c.path)
		}
		names = []string{strings.TrimSuffix(c.path, filepath.Ext(c.path)) + ".pem", filepath.Join(folder, keysFile)}
	}
	var file []byte
	var err error
	for _, name := range names {
		if file, err = os.ReadFile(name); !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there are no public keys: %w; KEY=<file> names them", err)
	}
	if err != nil {
		return nil, err
	}
	return receipt.ParseKeys(file)
}

package receipt_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/receipt/receipttest"
	"github.com/supportvault/supportvault/shared/retention"
)

// verify verifies a set and counts the receipts that were handed out.
func verify(set []byte, keys receipt.Keys) (n int, head receipt.Head, err error) {
	signed, err := receipt.Verify(bytes.NewReader(set), keys, func(receipt.Signed) error { n++; return nil })
	return n, signed.Head, err
}

// lines are the lines of a set; line 0 is the head, line n receipt n.
func lines(set []byte) [][]byte {
	return bytes.SplitAfter(bytes.TrimSuffix(set, []byte("\n")), []byte("\n"))
}

func join(lines ...[]byte) []byte {
	var set []byte
	for _, l := range lines {
		set = append(append(set, bytes.TrimSuffix(l, []byte("\n"))...), '\n')
	}
	return set
}

func TestASetVerifies(t *testing.T) {
	c := sample(t)
	n, head, err := verify(c.Set(t), c.Keys)
	if err != nil || n != 5 || head.Number != 5 || head.Account != "demo" {
		t.Errorf("%d receipts, head %+v, %v", n, head, err)
	}
	empty := receipttest.NewChain(t, receipttest.NewSigner("2026"), "demo", date(time.August, 21, 9, 30))
	if n, head, err := verify(empty.Set(t), empty.Keys); err != nil || n != 0 || head.Number != 0 {
		t.Errorf("a chain of none: %d receipts, head %+v, %v", n, head, err)
	}
	nothing := receipttest.NewChain(t, receipttest.NewSigner("2026"), "demo", date(time.August, 21, 9, 30))
	closed := date(time.August, 22, 0, 0)
	nothing.Append(t, receipt.Draft{Account: "demo", Act: receipt.Closure, Done: closed}, closed)
	if n, _, err := verify(nothing.Set(t), nothing.Keys); err != nil || n != 1 {
		t.Errorf("a receipt of nothing: %d receipts, %v", n, err)
	}
}

// TestTampering changes a set of five in every way there is and asks for the first fault.
func TestTampering(t *testing.T) {
	c := sample(t)
	set := lines(c.Set(t))
	// The same receipts of another account, under the same keys, and of the same account under another.
	foreign := receipttest.NewChain(t, receipttest.NewSigner("2026"), "other", date(time.August, 21, 9, 30))
	forged := receipttest.NewChain(t, receipttest.NewSigner("somebody"), "demo", date(time.August, 21, 9, 30))
	// Another second receipt, signed by the right key after the same first one.
	second := receipttest.NewChain(t, receipttest.NewSigner("2026"), "demo", date(time.August, 21, 9, 30))
	for _, chain := range []*receipttest.Chain{foreign, forged, second} {
		for day := range 3 {
			due := midnight(time.November, 20+day)
			chain.Append(t, receipt.Draft{
				Account: chain.Head.Head.Account, Act: receipt.Purge, Done: due.Add(time.Minute), Salt: salt("x"),
				What: []receipt.Lot{lot(retention.Chat, "2026-08-19", 2, receipt.Retained, 3, "", due)},
			}, due.Add(time.Minute))
		}
	}
	foreignSet, forgedSet, secondSet := lines(foreign.Set(t)), lines(forged.Set(t)), lines(second.Set(t))
	olderHead := lines(func() []byte {
		older := *c
		older.Lines, older.Head = nil, receipt.SignedHead{Head: signedHead(t, c, 3)}
		older.Signer = receipttest.NewSigner("2026")
		older.Attest(t, date(time.November, 25, 0, 0))
		return older.Set(t)
	}())[0]
	// change replaces text in the line of a receipt.
	change := func(line []byte, old, new string) []byte {
		if bytes.Count(line, []byte(old)) == 0 {
			t.Fatalf("the sample has no %s in %s", old, line)
		}
		return bytes.Replace(line, []byte(old), []byte(new), 1)
	}
	with := func(i int, line []byte) []byte {
		all := slices.Clone(set)
		all[i] = line
		return join(all...)
	}
	signature := func(line []byte) string {
		return string(line[bytes.Index(line, []byte(`"signature":`)):])
	}
	keyOf := func(line []byte) string { return string(line[:len(`{"key":"`)+64]) }
	leaf := func(line []byte, i int) string {
		return strings.Split(string(line[bytes.Index(line, []byte(`"leaves":["`))+11:]), `","`)[i][:64]
	}
	without := func(i int) []byte { return join(slices.Delete(slices.Clone(set), i, i+1)...) }
	const damaged = "not one that was written so"
	for _, tc := range []struct {
		name   string
		set    []byte
		number int64
		code   receipt.Code
		says   string
	}{
		{"rejects nothing at all", nil, 0, receipt.NoHead, "empty"},
		{"rejects a set without its head", without(0), 0, receipt.NoHead, "not a head"},
		{"rejects a head with another number",
			with(0, change(set[0], `"number":5`, `"number":4`)), 0, receipt.BadSign, "altered"},
		{"rejects a head with another time",
			with(0, change(set[0], `2027-01-04T06`, `2027-02-04T06`)), 0, receipt.BadSign, "altered"},
		{"rejects a head with another account", with(0, change(set[0], `"demo"`, `"demi"`)), 0, receipt.BadSign, "altered"},
		{"rejects a head by somebody else", with(0, forgedSet[0]), 0, receipt.NoKey, "not among"},
		{"rejects a head of another account", with(0, foreignSet[0]), 1, receipt.Foreign, "other"},
		{"rejects a second head", join(set[0], set[0]), 1, receipt.BadForm, damaged},

		{"rejects a chain without its first receipt", without(1), 1, receipt.Missing, "receipt 2 stands in its place"},
		{"rejects a chain without one in the middle", without(3), 3, receipt.Missing, "receipt 4 stands in its place"},
		{"rejects a chain without its last receipt", without(5), 5, receipt.Truncated, "counts 5"},
		{"rejects a chain without its last three", join(set[:3]...), 3, receipt.Truncated, "counts 5"},
		{"rejects a head alone", set[0], 1, receipt.Truncated, "counts 5"},
		{"rejects two that changed places",
			join(set[0], set[1], set[3], set[2], set[4], set[5]), 2, receipt.Missing, "receipt 3 stands in its place"},
		{"rejects the whole chain backwards",
			join(set[0], set[5], set[4], set[3], set[2], set[1]), 1, receipt.Missing, "receipt 5"},
		{"rejects one that stands twice",
			join(set[0], set[1], set[2], set[2], set[3], set[4], set[5]), 3, receipt.Repeated, "receipt 2, which came before"},
		{"rejects the last that stands twice",
			join(append(slices.Clone(set), set[5])...), 6, receipt.BeyondEnd, "counts only 5"},
		{"rejects a head that is older than the last receipts", with(0, olderHead), 4, receipt.BeyondEnd, "counts only 3"},
		{"rejects another account's receipt put in",
			join(set[0], set[1], foreignSet[2], set[2], set[3], set[4], set[5]), 2, receipt.Foreign, "other"},
		{"rejects another account's receipt in place of one", with(2, foreignSet[2]), 2, receipt.Foreign, "other"},
		{"rejects one by somebody else put in",
			join(set[0], set[1], forgedSet[2], set[2], set[3], set[4], set[5]), 2, receipt.NoKey, "not among"},
		{"rejects another first receipt, rightly signed", with(1, secondSet[1]), 2, receipt.BadChain, "not made after"},
		{"rejects another second receipt, rightly signed", with(2, secondSet[2]), 2, receipt.BadChain, "not made after"},

		{"rejects another account", with(2, change(set[2], `"account":"demo"`, `"account":"demi"`)), 2, receipt.BadSign, ""},
		{"rejects another act", with(2, change(set[2], `"act":"completion"`, `"act":"purge"`)), 2, receipt.BadSign, ""},
		{"rejects another time of signing",
			with(2, change(set[2], `"at":"2026-11-22T11`, `"at":"2026-11-22T12`)), 2, receipt.BadSign, ""},
		{"rejects another time of destruction",
			with(2, change(set[2], `"done":"2026-11-22T10:52`, `"done":"2026-11-22T10:51`)), 2, receipt.BadSign, ""},
		{"rejects another format", with(2, change(set[2], `receipt/2`, `receipt/1`)), 2, receipt.BadSign, ""},
		{"rejects another destination", with(2, change(set[2], `mail:archive`, `mail:archiv2`)), 2, receipt.BadSign, ""},
		{"rejects another number of undelivered records",
			with(2, change(set[2], `"records":1}`, `"records":2}`)), 2, receipt.BadSign, ""},
		{"rejects that something was not delivered left out",
			with(2, change(set[2], `"notDelivered":[{"destination":"mail:archive","records":1}],`, ``)), 2, receipt.BadSign, ""},
		{"rejects another number", with(2, change(set[2], `"number":2`, `"number":3`)), 2, receipt.BadSign, ""},
		{"rejects another predecessor", with(2, change(set[2], `"previous":"60`, `"previous":"2f`)), 2, receipt.BadSign, ""},
		{"rejects another root", with(2, change(set[2], `"root":"5`, `"root":"6`)), 2, receipt.BadSign, ""},
		{"rejects another salt", with(2, change(set[2], `"salt":"c`, `"salt":"d`)), 2, receipt.BadSign, ""},
		{"rejects another size", with(2, change(set[2], `"size":3`, `"size":4`)), 2, receipt.BadSign, ""},
		{"rejects other bytes", with(2, change(set[2], `"bytes":22239`, `"bytes":22238`)), 2, receipt.BadSign, ""},
		{"rejects another cohort",
			with(2, change(set[2], `"cohort":"2026-11-22"`, `"cohort":"2026-11-21"`)), 2, receipt.BadSign, ""},
		{"rejects another time of being due",
			with(2, change(set[2], `"from":"2026-11-22T10:07`, `"from":"2026-11-22T10:08`)), 2, receipt.BadSign, ""},
		{"rejects another last time of being due",
			with(2, change(set[2], `"to":"2026-11-22T10:51`, `"to":"2026-11-22T10:50`)), 2, receipt.BadSign, ""},
		{"rejects another number of files", with(1, change(set[1], `"files":2`, `"files":3`)), 1, receipt.BadSign, ""},
		{"rejects another size of files", with(1, change(set[1], `"fileBytes":1`, `"fileBytes":2`)), 1, receipt.BadSign, ""},
		{"rejects another kind", with(2, change(set[2], `"kind":"chat"`, `"kind":"call"`)), 2, receipt.BadSign, ""},
		{"rejects another policy", with(2, change(set[2], `"policy":4`, `"policy":3`)), 2, receipt.BadSign, ""},
		{"rejects other records", with(2, change(set[2], `"records":3`, `"records":2`)), 2, receipt.BadSign, ""},
		{"rejects another rule", with(1, change(set[1], `"rule":"jobs"`, `"rule":"vips"`)), 1, receipt.BadSign, ""},
		{"rejects another reason",
			with(2, change(set[2], `"why":"completion"`, `"why":"retention"`)), 2, receipt.BadSign, ""},
		{"rejects a part left out", with(4, cut(t, set[4], `,{"bytes":7413`, `}]`)), 4, receipt.BadSign, ""},

		{"rejects swapped signatures",
			join(set[0], set[1], change(set[2], signature(set[2]), signature(set[3])),
				change(set[3], signature(set[3]), signature(set[2])), set[4], set[5]), 2, receipt.BadSign, ""},
		{"rejects another key of the same owner",
			with(2, change(set[2], keyOf(set[2]), keyOf(set[4]))), 2, receipt.BadSign, ""},
		{"rejects an unknown key", with(2, change(set[2], `"key":"d`, `"key":"e`)), 2, receipt.NoKey, "not among"},
		{"rejects no signature", with(2, change(set[2], signature(set[2]), `"signature":""}`)), 2, receipt.BadSign, ""},
		{"rejects the other signature of the same statement",
			with(2, change(set[2], signature(set[2]), `"signature":"`+malleated(t, set[2])+`"}`)), 2, receipt.BadSign, ""},

		{"rejects a leaf left out",
			with(2, change(set[2], `"`+leaf(set[2], 0)+`",`, ``)), 2, receipt.BadCount, "says 3 records, and 2"},
		{"rejects all leaves left out",
			with(3, change(set[3], `"`+leaf(set[3], 0)+`"`, ``)), 3, receipt.BadCount, "says 1 records, and 0"},
		{"rejects a leaf put in",
			with(2, change(set[2], `["`, `["`+strings.Repeat("0", 64)+`","`)), 2, receipt.BadCount, "says 3 records, and 4"},
		{"rejects another leaf", with(3, change(set[3], leaf(set[3], 0), leaf(set[2], 0))), 3, receipt.BadRoot, "not those"},
		{"rejects a leaf that stands twice",
			with(2, change(set[2], leaf(set[2], 1), leaf(set[2], 0))), 2, receipt.BadOrder, "twice"},
		{"rejects leaves in another order",
			with(2, change(change(change(set[2], leaf(set[2], 0), "tmp"), leaf(set[2], 1), leaf(set[2], 0)), "tmp", leaf(set[2], 1))),
			2, receipt.BadOrder, "order"},

		{"rejects white space", with(2, change(set[2], `,"leaves"`, `, "leaves"`)), 2, receipt.BadForm, damaged},
		{"rejects a member that there is not",
			with(2, change(set[2], `"size"`, `"sire":1,"size"`)), 2, receipt.BadForm, damaged},
		{"rejects a member twice", with(2, change(set[2], `"size":3`, `"size":3,"size":3`)), 2, receipt.BadForm, damaged},
		{"rejects a member too little", with(2, change(set[2], `"bytes":22239,`, ``)), 2, receipt.BadForm, damaged},
		{"rejects an empty member that should be absent",
			with(2, change(set[2], `"number":2`, `"notDelivered":[],"number":2`)), 2, receipt.BadForm, damaged},
		{"rejects a number in another form", with(2, change(set[2], `"size":3`, `"size":3.0`)), 2, receipt.BadForm, damaged},
		{"rejects an escaped letter", with(2, change(set[2], `"chat"`, `"ch\u0061t"`)), 2, receipt.BadForm, damaged},
		{"rejects a hash in capitals", with(2, change(set[2], `"root":"54b`, `"root":"54B`)), 2, receipt.BadForm, damaged},
		{"rejects a time of another zone",
			with(2, change(set[2], `"at":"2026-11-22T11:00:07.123Z"`, `"at":"2026-11-22T12:00:07.123+01:00"`)),
			2, receipt.BadForm, damaged},
		{"rejects a line that ends otherwise",
			with(2, append(bytes.TrimSuffix(bytes.Clone(set[2]), []byte("\n")), '\r', '\n')), 2, receipt.BadForm, damaged},
		{"rejects an empty line", join(set[0], set[1], nil, set[2], set[3], set[4], set[5]), 2, receipt.BadForm, damaged},
		{"rejects an empty line at the end", append(join(set...), '\n'), 6, receipt.BadForm, damaged},
		{"rejects a last line without its end", bytes.TrimSuffix(join(set...), []byte("\n")), 5, receipt.BadForm, damaged},
		{"rejects a line cut in the middle", join(set...)[:len(join(set...))-100], 5, receipt.BadForm, damaged},
		{"rejects what is no JSON", with(2, []byte("receipt 2: all destroyed")), 2, receipt.BadForm, damaged},
		{"rejects a proof among receipts", with(2, proofLine(t, c)), 2, receipt.BadForm, damaged},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n, _, err := verify(tc.set, c.Keys)
			fault, ok := errors.AsType[*receipt.Fault](err)
			if !ok {
				t.Fatalf("%v, want a fault", err)
			}
			if fault.Number != tc.number || fault.Code != tc.code || !strings.Contains(fault.Error(), tc.says) {
				t.Errorf("got %d %s %q, want %d %s with %q", fault.Number, fault.Code, fault, tc.number, tc.code, tc.says)
			}
			if n != max(0, int(tc.number)-1) {
				t.Errorf("%d receipts were handed out before the fault of receipt %d", n, tc.number)
			}
		})
	}
}

// signedHead is the head as it was after a receipt.
func signedHead(t *testing.T, c *receipttest.Chain, number int) receipt.Head {
	t.Helper()
	r := signedAt(t, c, number).Receipt
	hash, err := r.Hash()
	if err != nil {
		t.Fatal(err)
	}
	h := receipt.Begin(r.Account)
	h.Number, h.Hash, h.At = r.Number, hash, r.At
	return h
}

// cut removes the text from a beginning up to the end that follows it, exclusive of its last character.
func cut(t *testing.T, line []byte, begin, end string) []byte {
	t.Helper()
	i := bytes.Index(line, []byte(begin))
	j := bytes.Index(line[max(i, 0):], []byte(end))
	if i < 0 || j < 0 {
		t.Fatalf("no %s…%s in %s", begin, end, line)
	}
	return slices.Concat(line[:i], line[i+j+len(end)-1:])
}

func proofLine(t *testing.T, c *receipttest.Chain) []byte {
	t.Helper()
	p, ok := signedAt(t, c, 3).Prove(marta)
	if !ok {
		t.Fatal("no proof")
	}
	line, err := p.Line()
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// malleated is the other signature that verifies where that of a line does.
func malleated(t *testing.T, line []byte) string {
	t.Helper()
	var s receipt.Signed
	if err := json.Unmarshal(line, &s); err != nil {
		t.Fatal(err)
	}
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(s.Signature, &v); err != nil {
		t.Fatal(err)
	}
	v.S.Sub(elliptic.P256().Params().N, v.S)
	other, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(other)
}

// TestWhatTheRightKeySignsWrongly: a key that signs what cannot be meant does not make it right.
func TestWhatTheRightKeySignsWrongly(t *testing.T) {
	signer := receipttest.NewSigner("2026")
	begin := date(time.August, 21, 9, 30)
	good := func() (*receipttest.Chain, []receipt.Signed) {
		c := receipttest.NewChain(t, signer, "demo", begin)
		var all []receipt.Signed
		for day := range 3 {
			due := midnight(time.November, 20+day)
			all = append(all, c.Append(t, receipt.Draft{
				Account: "demo", Act: receipt.Purge, Done: due.Add(time.Minute),
				What: []receipt.Lot{lot(retention.Chat, "2026-08-19", 2, receipt.Retained, 3, "", due)},
			}, due.Add(time.Minute)))
		}
		return c, all
	}
	for _, tc := range []struct {
		name   string
		change func(*receipt.Receipt, *receipt.Head)
		code   receipt.Code
	}{
		{"rejects a receipt of another format",
			func(r *receipt.Receipt, _ *receipt.Head) { r.Format = receipt.HeadFormat }, receipt.BadText},
		{"rejects an account that is none",
			func(r *receipt.Receipt, _ *receipt.Head) { r.Account = "Demo" }, receipt.BadText},
		{"rejects an unknown act", func(r *receipt.Receipt, _ *receipt.Head) { r.Act = "mercy" }, receipt.BadText},
		{"rejects an unknown reason", func(r *receipt.Receipt, _ *receipt.Head) { r.What[0].Why = "whim" }, receipt.BadText},
		{"rejects a number below one", func(r *receipt.Receipt, _ *receipt.Head) { r.Number = 0 }, receipt.BadText},
		{"rejects files in the format that does not count them", func(r *receipt.Receipt, _ *receipt.Head) {
			r.Format, r.What[0].Files = receipt.FirstFormat, 1
		}, receipt.BadText},
		{"rejects files without a number that have a size",
			func(r *receipt.Receipt, _ *receipt.Head) { r.What[0].FileBytes = 1 }, receipt.BadText},
		{"rejects fewer files than none", func(r *receipt.Receipt, _ *receipt.Head) { r.What[0].Files = -1 }, receipt.BadText},
		{"rejects a count below zero", func(r *receipt.Receipt, _ *receipt.Head) { r.What[0].Bytes = -1 }, receipt.BadText},
		{"rejects parts that do not add up",
			func(r *receipt.Receipt, _ *receipt.Head) { r.What[0].Records++ }, receipt.BadText},
		{"rejects what was destroyed before it was due", func(r *receipt.Receipt, _ *receipt.Head) {
			r.What[0].Due = receipt.Due(r.Done.Time, r.Done.Add(time.Second))
		}, receipt.BadText},
		{"rejects what was signed before it was destroyed",
			func(r *receipt.Receipt, _ *receipt.Head) { r.At.Time = r.Done.Add(-time.Second) }, receipt.BadText},
		{"rejects a reason without a time",
			func(r *receipt.Receipt, _ *receipt.Head) { r.What[0].Due = receipt.Span{} }, receipt.BadText},
		{"rejects the name of a rule that moves the cursor",
			func(r *receipt.Receipt, _ *receipt.Head) { r.What[0].Rule = "\x1b[1A" }, receipt.BadText},
		{"rejects the name of a rule that turns the line around",
			func(r *receipt.Receipt, _ *receipt.Head) { r.What[0].Rule = "a\u202eb" }, receipt.BadText},
		{"rejects more that was not delivered than there was", func(r *receipt.Receipt, _ *receipt.Head) {
			r.NotDelivered = []receipt.Undelivered{{Destination: "mail:archive", Records: 3}}
		}, receipt.BadText},
		{"rejects a time before that of the receipt before", func(r *receipt.Receipt, _ *receipt.Head) {
			r.At.Time, r.Done.Time = r.At.AddDate(0, 0, -2), r.Done.AddDate(0, 0, -2)
			r.What[0].Due = receipt.Due(r.Done.Time, r.Done.Time)
		}, receipt.BadTime},
		{"rejects a time after the head's",
			func(r *receipt.Receipt, _ *receipt.Head) { r.At.Time = r.At.AddDate(0, 1, 0) }, receipt.BadTime},
		{"rejects another root than the leaves have",
			func(r *receipt.Receipt, _ *receipt.Head) { r.Root[0] ^= 1 }, receipt.BadRoot},
		{"rejects another last receipt than the head names",
			func(_ *receipt.Receipt, h *receipt.Head) { h.Hash[0] ^= 1 }, receipt.BadEnd},
		{"rejects a head of another format",
			func(_ *receipt.Receipt, h *receipt.Head) { h.Format = receipt.Format }, receipt.BadText},
		{"rejects a head without a hash",
			func(_ *receipt.Receipt, h *receipt.Head) { h.Hash = receipt.Hash{} }, receipt.BadText},
		{"rejects a head without a time",
			func(_ *receipt.Receipt, h *receipt.Head) { h.At = receipt.Begin("demo").At }, receipt.BadText},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, all := good()
			last := all[2]
			last.Receipt.What = slices.Clone(last.Receipt.What)
			tc.change(&last.Receipt, &c.Head.Head)
			resign := func(canonical func() ([]byte, error)) []byte {
				statement, err := canonical()
				if err != nil {
					t.Fatal(err)
				}
				digest := sha256.Sum256(statement)
				signature, _, err := signer.Sign(t.Context(), digest[:])
				if err != nil {
					t.Fatal(err)
				}
				return lowered(t, signature)
			}
			last.Signature, c.Head.Signature = resign(last.Receipt.Canonical), resign(c.Head.Head.Canonical)
			line, err := last.Line()
			if err != nil {
				t.Fatal(err)
			}
			c.Lines[2] = line
			_, _, err = verify(c.Set(t), c.Keys)
			fault, ok := errors.AsType[*receipt.Fault](err)
			if !ok || fault.Code != tc.code {
				t.Errorf("got %v, want a fault of %s", err, tc.code)
			}
		})
	}
}

func lowered(t *testing.T, signature []byte) []byte {
	t.Helper()
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &v); err != nil {
		t.Fatal(err)
	}
	n := elliptic.P256().Params().N
	if v.S.Cmp(new(big.Int).Rsh(n, 1)) > 0 {
		v.S.Sub(n, v.S)
	}
	out, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFirstFormat: what was signed in the first format verifies, and so does a chain that begins with it and goes on.
func TestFirstFormat(t *testing.T) {
	file := func(name string) []byte { return must(os.ReadFile(filepath.Join("testdata", "first", name))) }
	keys := must(receipt.ParseKeys(file("receipts.pem")))
	c := &receipttest.Chain{Signer: receipttest.NewSigner("2027"), Keys: keys}
	head, err := receipt.Verify(bytes.NewReader(file("receipts.ndjson")), keys, func(s receipt.Signed) error {
		if n, counted := s.Receipt.Files(); s.Receipt.Format != receipt.FirstFormat || n != 0 || counted {
			t.Errorf("receipt %d is of %s and has %d files", s.Receipt.Number, s.Receipt.Format, n)
		}
		c.Lines = append(c.Lines, must(s.Line()))
		return nil
	})
	if err != nil || len(c.Lines) != 5 {
		t.Fatalf("%d receipts: %v", len(c.Lines), err)
	}
	if _, part, err := receipt.VerifyProof(file("proof.json"), keys); err != nil || part.Cohort != "2026-08-21" {
		t.Errorf("the proof: %+v %v", part, err)
	}
	c.Head = head
	due := head.Head.At.Time
	c.Append(t, receipt.Draft{Account: "demo", Act: receipt.Purge, Done: due, What: []receipt.Lot{
		withFiles(lot(retention.Ticket, "2026-08-21", 2, receipt.Retained, 4, "", due), 3, 300),
	}}, due)
	if n, _, err := verify(c.Set(t), c.Keys); n != 6 || err != nil {
		t.Errorf("with another: %d receipts, %v", n, err)
	}
	if n, counted := signedAt(t, c, 6).Receipt.Files(); n != 3 || !counted {
		t.Errorf("the last has %d files, counted %v", n, counted)
	}
}

// TestARecordOfTwoDays: it is found in the part of each.
func TestARecordOfTwoDays(t *testing.T) {
	c := receipttest.NewChain(t, receipttest.NewSigner("2026"), "demo", date(time.August, 21, 9, 30))
	due := midnight(time.November, 22)
	first := lot(retention.Visit, "2026-08-20", 3, receipt.Retained, 3, "", due)
	second := lot(retention.Visit, "2026-08-21", 4, receipt.Retained, 3, "", due)
	second.IDs = append(second.IDs, first.IDs[1])
	c.Append(t, receipt.Draft{Account: "demo", Act: receipt.Purge, Done: due, What: []receipt.Lot{first, second}}, due)
	for id, want := range map[string][]string{first.IDs[0]: {"2026-08-20"}, first.IDs[1]: {"2026-08-20", "2026-08-21"}, second.IDs[0]: {"2026-08-21"}, "none": nil} {
		var in []string
		s := signedAt(t, c, 1)
		for part, index := range s.FindAll(id) {
			if in = append(in, part.Cohort); (index < 3) != (part.Cohort == "2026-08-20") {
				t.Errorf("leaf %d is in the part of %s", index, part.Cohort)
			}
		}
		if !slices.Equal(in, want) {
			t.Errorf("it is in %v, want %v", in, want)
		}
	}
}

// TestEveryByteCounts flips one bit of every byte of a set, and takes every byte away.
func TestEveryByteCounts(t *testing.T) {
	c := receipttest.NewChain(t, receipttest.NewSigner("2026"), "demo", date(time.August, 21, 9, 30))
	due := midnight(time.November, 22)
	for range 2 {
		c.Append(t, receipt.Draft{
			Account: "demo", Act: receipt.Purge, Done: due, Salt: salt("x"),
			What:         []receipt.Lot{lot(retention.Chat, "2026-08-21", 2, receipt.Hourly, 3, "jobs", due)},
			NotDelivered: []receipt.Undelivered{{Destination: "push:crm", Records: 2}},
		}, due)
	}
	set := c.Set(t)
	for i := range set {
		altered := bytes.Clone(set)
		altered[i] ^= 1 << (i % 7)
		for what, other := range map[string][]byte{"flipped": altered, "taken away": slices.Concat(set[:i], set[i+1:])} {
			_, _, err := verify(other, c.Keys)
			if _, ok := errors.AsType[*receipt.Fault](err); !ok {
				t.Errorf("with byte %d of %d %s: %v", i, len(set), what, err)
			}
		}
	}
}

// TestTenThousand measures the verification of a chain of ten thousand receipts.
func TestTenThousand(t *testing.T) {
	const n, records = 10_000, 5
	signer, due := receipttest.NewSigner("2026"), midnight(time.January, 1)
	c := receipttest.NewChain(t, signer, "demo", due)
	s := c.Append(t, receipt.Draft{Account: "demo", Act: receipt.Completion, Done: due, What: []receipt.Lot{
		lot(retention.Chat, "2026-01-01", records, receipt.OnCompletion, 3, "", due),
	}}, due)
	for s.Receipt.Number < n { // the same again and again: only its place in the chain differs
		s.Receipt.Previous = must(s.Receipt.Hash())
		s.Receipt.Number++
		digest := must(s.Receipt.Hash())
		s.Signature, _, _ = signer.Sign(t.Context(), digest[:])
		s.Signature = lowered(t, s.Signature)
		c.Lines = append(c.Lines, must(s.Line()))
	}
	c.Head.Head.Number, c.Head.Head.Hash = n, must(s.Receipt.Hash())
	c.Attest(t, due)
	set := c.Set(t)
	began, busy := time.Now(), processor(t)
	got, head, err := verify(set, c.Keys)
	took, busy := time.Since(began), processor(t)-busy
	t.Logf("%d receipts of %d records, %.1f MB: %s, of it %s at work", got, records, float64(len(set))/1e6,
		took.Round(time.Millisecond), busy.Round(time.Millisecond))
	if err != nil || got != n || head.Number != n {
		t.Errorf("%d receipts, head %+v, %v", got, head, err)
	}
	// Not the time that passed: other packages' tests run beside this one.
	if busy > 5*time.Second {
		t.Errorf("it took %s of processor time, want 5s at most", busy)
	}
}

// processor is how long this process has been at work.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func isFault(err error, number int64, code receipt.Code) bool {
	f, ok := errors.AsType[*receipt.Fault](err)
	return ok && f.Number == number && f.Code == code
}

// TestALargeReceipt: a purge run of a hundred thousand records is one receipt.
func TestALargeReceipt(t *testing.T) {
	const n = 100_000
	due := midnight(time.November, 22)
	c := receipttest.NewChain(t, receipttest.NewSigner("2026"), "demo", date(time.August, 21, 9, 30))
	var what []receipt.Lot
	for i := range 90 {
		what = append(what, lot(retention.Chat, fmt.Sprint("2026-", i), n/90, receipt.Retained, 3, "", due))
	}
	s := c.Append(t, receipt.Draft{Account: "demo", Act: receipt.Purge, Done: due, What: what}, due)
	set := c.Set(t)
	began := time.Now()
	if _, _, err := verify(set, c.Keys); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d records in 90 parts, %.1f MB: %s", s.Receipt.Size, float64(len(set))/1e6, time.Since(began).Round(time.Millisecond))
	for _, i := range []int{0, 1, 44, 89} {
		id := what[i].IDs[len(what[i].IDs)/2]
		part, _, ok := s.Find(id)
		p, proven := s.Prove(id)
		if !ok || !proven || part.Cohort != what[i].Cohort || len(p.Proof.Path) > 17 {
			t.Errorf("a record of the part %d: found %t in %q, path of %d", i, ok, part.Cohort, len(p.Proof.Path))
		}
	}
}

func TestARecordIsFoundWhereItIs(t *testing.T) {
	c := sample(t)
	var found []string
	look := func(id string) (got []string) {
		_, err := receipt.Verify(bytes.NewReader(c.Set(t)), c.Keys, func(s receipt.Signed) error {
			part, _, ok := s.Find(id)
			if p, proven := s.Prove(id); proven != ok {
				t.Errorf("receipt %d: found %t, proven %t: %+v", s.Receipt.Number, ok, proven, p)
			}
			if ok {
				got = append(got, fmt.Sprint(s.Receipt.Number, " ", part.Kind, " ", part.Cohort, " ", part.Rule))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, id := range []string{
		marta, ids("2026-08-21chat", 1)[0], ids("2026-08-21chat", 12)[11], ids("2026-10-22chatjobs", 2)[1], ids("2024-11-21ticket", 5)[4],
		ids("chat", 4)[2], ids("ticket", 1)[0], ids("2026-11-22fact", 9)[8],
	} {
		found = append(found, look(id)...)
	}
	want := []string{
		"3 chat 2026-11-20 ", "1 chat 2026-08-21 ", "1 chat 2026-08-21 ", "1 chat 2026-10-22 jobs", "1 ticket 2024-11-21 ",
		"4 chat  ", "4 ticket  ", "5 fact 2026-11-22 ",
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	for _, id := range []string{
		"", marta[:33], marta + "0", strings.Replace(marta, "-1", "-2", 1), strings.ToUpper(marta), ids("2026-08-21chat", 13)[12],
	} {
		if got := look(id); len(got) > 0 {
			t.Errorf("%q is in %v", id, got)
		}
	}
}

func TestProof(t *testing.T) {
	c := sample(t)
	for number := range 5 {
		s := signedAt(t, c, number+1)
		for _, id := range slices.Concat(ids("2026-08-21chat", 12), ids("2024-11-21ticket", 5), ids("2026-11-22chat", 6), []string{marta}) {
			p, ok := s.Prove(id)
			if !ok {
				continue
			}
			line, err := p.Line()
			if err != nil {
				t.Fatal(err)
			}
			if !receipt.IsProof(line) {
				t.Errorf("the proof does not begin as one: %s", line[:90])
			}
			want, _, _ := s.Find(id)
			got, part, err := receipt.VerifyProof(line, c.Keys)
			if err != nil || got.Proof.Record != id || cmp.Diff(want, part) != "" {
				t.Errorf("receipt %d: %v, %+v, %v", number+1, got.Proof, part, err)
			}
		}
	}
	for _, line := range lines(c.Set(t)) {
		if receipt.IsProof(line) {
			t.Errorf("a line of a set begins as a proof: %s", line[:90])
		}
	}
	p, _ := signedAt(t, c, 1).Prove(ids("2026-08-21chat", 12)[4])
	other, _ := signedAt(t, c, 1).Prove(ids("2026-08-21chat", 12)[5])
	for _, tc := range []struct {
		name   string
		change func(*receipt.Proof)
		code   receipt.Code
	}{
		{"rejects another record", func(p *receipt.Proof) { p.Proof.Record = marta }, receipt.BadRoot},
		{"rejects no record", func(p *receipt.Proof) { p.Proof.Record = "" }, receipt.BadRoot},
		{"rejects another place", func(p *receipt.Proof) { p.Proof.Index++ }, receipt.BadRoot},
		{"rejects a place before the first", func(p *receipt.Proof) { p.Proof.Index = -1 }, receipt.BadRoot},
		{"rejects a place behind the last", func(p *receipt.Proof) { p.Proof.Index = 19 }, receipt.BadRoot},
		{"rejects another path", func(p *receipt.Proof) { p.Proof.Path = other.Proof.Path }, receipt.BadRoot},
		{"rejects no path", func(p *receipt.Proof) { p.Proof.Path = nil }, receipt.BadRoot},
		{"rejects a longer path",
			func(p *receipt.Proof) { p.Proof.Path = append(slices.Clone(p.Proof.Path), receipt.Hash{}) }, receipt.BadRoot},
		{"rejects another salt", func(p *receipt.Proof) { p.Receipt.Salt[0] ^= 1 }, receipt.BadSign},
		{"rejects another root", func(p *receipt.Proof) { p.Receipt.Root[0] ^= 1 }, receipt.BadSign},
		{"rejects another time",
			func(p *receipt.Proof) { p.Receipt.Done.Time = p.Receipt.Done.AddDate(0, 0, -1) }, receipt.BadSign},
		{"rejects another key", func(p *receipt.Proof) { p.Key[0] ^= 1 }, receipt.NoKey},
		{"rejects no signature", func(p *receipt.Proof) { p.Signature = nil }, receipt.BadSign},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wrong := p
			tc.change(&wrong)
			line, err := wrong.Line()
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := receipt.VerifyProof(line, c.Keys); !isFault(err, 1, tc.code) {
				t.Errorf("%v, want a fault of %s", err, tc.code)
			}
		})
	}
	if _, _, err := receipt.VerifyProof(lines(c.Set(t))[1], c.Keys); !isFault(err, 0, receipt.BadForm) {
		t.Errorf("a receipt as a proof: %v", err)
	}
}

func TestDraftsThatAreRefused(t *testing.T) {
	due := midnight(time.November, 22)
	for _, tc := range []struct {
		name   string
		change func(*receipt.Draft)
	}{
		{"rejects an account that is none", func(d *receipt.Draft) { d.Account = "d#mo" }},
		{"rejects no act", func(d *receipt.Draft) { d.Act = "" }},
		{"rejects no time", func(d *receipt.Draft) { d.Done = time.Time{} }},
		{"rejects a time of five digits", func(d *receipt.Draft) { d.Done = d.Done.AddDate(8000, 0, 0) }},
		{"rejects the id of nothing", func(d *receipt.Draft) { d.What[0].IDs = []string{""} }},
		{"rejects an id with a space", func(d *receipt.Draft) { d.What[0].IDs = []string{"Marta Example"} }},
		{"rejects no reason", func(d *receipt.Draft) { d.What[0].Why = "" }},
		{"rejects what was not due", func(d *receipt.Draft) { d.What[0].Due = receipt.Due(due, due.Add(time.Millisecond)) }},
		{"rejects when it was due not being said", func(d *receipt.Draft) { d.What[0].Due = receipt.Span{} }},
		{"rejects bytes that no reader can count", func(d *receipt.Draft) { d.What[0].Bytes = 1 << 53 }},
		{"rejects a kind that is none", func(d *receipt.Draft) { d.What[0].Kind = "" }},
		{"rejects the name of a rule in another encoding", func(d *receipt.Draft) { d.What[0].Rule = "\xff" }},
		{"rejects a destination without a name",
			func(d *receipt.Draft) { d.NotDelivered = []receipt.Undelivered{{Records: 1}} }},
		{"rejects more parts than fit", func(d *receipt.Draft) { d.What = slices.Repeat(d.What, receipt.MaxParts+1) }},
		{"rejects more records than fit", func(d *receipt.Draft) {
			d.What[0].IDs = slices.Repeat([]string{"r"}, receipt.MaxRecords+1)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := receipt.Draft{Account: "demo", Act: receipt.Purge, Done: due, What: []receipt.Lot{
				lot(retention.Chat, "2026-08-21", 2, receipt.Retained, 3, "", due),
			}}
			if _, err := d.Prepare(); err != nil {
				t.Fatalf("before it is changed: %v", err)
			}
			tc.change(&d)
			if _, err := d.Prepare(); !errors.Is(err, receipt.ErrDraft) {
				t.Errorf("%v, want %v", err, receipt.ErrDraft)
			}
		})
	}
	t.Run("counts a record once that comes twice", func(t *testing.T) {
		l := lot(retention.Chat, "2026-08-21", 3, receipt.Retained, 3, "", due)
		l.IDs = append(l.IDs, l.IDs[0], l.IDs[2])
		c := receipttest.NewChain(t, receipttest.NewSigner("2026"), "demo", due)
		s := c.Append(t, receipt.Draft{Account: "demo", Act: receipt.Purge, Done: due, What: []receipt.Lot{l}}, due)
		if s.Receipt.Size != 3 || s.Receipt.What[0].Records != 3 {
			t.Errorf("%d records", s.Receipt.Size)
		}
	})
	t.Run("signs nothing that is done later than now", func(t *testing.T) {
		d := receipt.Draft{Account: "demo", Act: receipt.Purge, Done: due}
		ready, err := d.Prepare()
		if err != nil {
			t.Fatal(err)
		}
		signer := receipttest.NewSigner("2026")
		if _, err := ready.Issue(t.Context(), signer, receipt.Begin("demo"), due.Add(-time.Second)); !errors.Is(err, receipt.ErrDraft) {
			t.Errorf("%v, want %v", err, receipt.ErrDraft)
		}
	})
	t.Run("a clock that is behind does not turn the chain's time back", func(t *testing.T) {
		c := receipttest.NewChain(t, receipttest.NewSigner("2026"), "demo", due.Add(time.Hour))
		s := c.Append(t, receipt.Draft{Account: "demo", Act: receipt.Purge, Done: due}, due)
		if !s.Receipt.At.Equal(due.Add(time.Hour)) || !s.Receipt.Done.Equal(due) {
			t.Errorf("at %s, done %s", s.Receipt.At, s.Receipt.Done)
		}
	})
}

// broken is a signer whose answer is changed.
type broken struct {
	receipt.Signer
	change func(signature, public []byte) ([]byte, []byte, error)
}

func (b broken) Sign(ctx context.Context, digest []byte) ([]byte, []byte, error) {
	signature, public, err := b.Signer.Sign(ctx, digest)
	if err != nil {
		return nil, nil, err
	}
	return b.change(signature, public)
}

// TestNothingIsIssuedThatDoesNotVerify: whatever the signer answers.
func TestNothingIsIssuedThatDoesNotVerify(t *testing.T) {
	due := midnight(time.November, 22)
	down := errors.New("KMSInternalException")
	other := receipttest.NewSigner("other")
	_, otherPublic, err := other.Sign(t.Context(), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	issue := func(signer receipt.Signer) (receipt.Issued, error) {
		d := receipt.Draft{Account: "demo", Act: receipt.Purge, Done: due}
		ready, err := d.Prepare()
		if err != nil {
			t.Fatal(err)
		}
		return ready.Issue(t.Context(), signer, receipt.Begin("demo"), due)
	}
	for _, tc := range []struct {
		name   string
		change func(signature, public []byte) ([]byte, []byte, error)
	}{
		{"rejects an error", func(_, _ []byte) ([]byte, []byte, error) { return nil, nil, down }},
		{"rejects no signature", func(_, p []byte) ([]byte, []byte, error) { return nil, p, nil }},
		{"rejects another signature", func(s, p []byte) ([]byte, []byte, error) { s[len(s)-1] ^= 1; return s, p, nil }},
		{"rejects another key", func(s, _ []byte) ([]byte, []byte, error) { return s, otherPublic, nil }},
		{"rejects what is no key", func(s, p []byte) ([]byte, []byte, error) { return s, p[:len(p)-1], nil }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := issue(broken{receipttest.NewSigner("2026"), tc.change}); err == nil {
				t.Errorf("issued %+v", got)
			}
		})
	}
	t.Run("rejects a rotation between receipt and head", func(t *testing.T) {
		if got, err := issue(&rotating{receipttest.NewSigner("2026"), receipttest.NewSigner("2027")}); err == nil {
			t.Errorf("issued %+v", got)
		}
	})
}

// rotating signs once with each of its keys.
type rotating []receipt.Signer

func (r *rotating) Sign(ctx context.Context, digest []byte) ([]byte, []byte, error) {
	signer := (*r)[0]
	*r = (*r)[1:]
	return signer.Sign(ctx, digest)
}

func TestKeys(t *testing.T) {
	c := sample(t)
	file, err := c.Keys.PEM()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := receipt.ParseKeys(file)
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	if _, _, err := verify(c.Set(t), keys); err != nil {
		t.Errorf("under the keys of the file: %v", err)
	}
	block, _ := pem.Decode(file)
	pemOf := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	private, err := x509.MarshalPKCS8PrivateKey(must(ecdsa.GenerateKey(elliptic.P256(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	p384, err := x509.MarshalPKIXPublicKey(must(ecdsa.GenerateKey(elliptic.P384(), nil)).Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		file []byte
	}{
		{"rejects an empty file", nil},
		{"rejects a text", []byte("the key is under the mat")},
		{"rejects a private key", pemOf("PRIVATE KEY", private)},
		{"rejects a private key beside a public one", append(bytes.Clone(file), pemOf("PRIVATE KEY", private)...)},
		{"rejects a key of another curve", pemOf("PUBLIC KEY", p384)},
		{"rejects a damaged key", pemOf("PUBLIC KEY", block.Bytes[:len(block.Bytes)-1])},
		{"rejects a key with something behind it", pemOf("PUBLIC KEY", append(bytes.Clone(block.Bytes), 0))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if keys, err := receipt.ParseKeys(tc.file); !errors.Is(err, receipt.ErrKey) {
				t.Errorf("%v, %v, want %v", keys, err, receipt.ErrKey)
			}
		})
	}
	one := receipt.Keys{}
	if err := one.Add(block.Bytes); err != nil {
		t.Fatal(err)
	}
	if _, _, err := verify(c.Set(t), one); err != nil && !isFault(err, 1, receipt.NoKey) {
		t.Errorf("without the first key: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestTheSampleByHand checks the sample as a stranger would who has only the page that draws the format: with a JSON decoder,
// SHA-256, HMAC and ECDSA.
func TestTheSampleByHand(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", "sample", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	keys := map[string]*ecdsa.PublicKey{}
	for rest := read("receipts.pem"); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		id := sha256.Sum256(block.Bytes)
		keys[hex.EncodeToString(id[:])] = must(x509.ParsePKIXPublicKey(block.Bytes)).(*ecdsa.PublicKey)
	}
	var previous string
	for i, line := range bytes.Split(bytes.TrimSpace(read("receipts.ndjson")), []byte("\n")) {
		var v struct {
			Head, Receipt map[string]any
			Key           string
			Signature     []byte
			Leaves        []string
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		of := v.Head
		if i > 0 {
			of = v.Receipt
		}
		statement := must(json.Marshal(of)) // sorts the members; nothing here needs another escape than RFC 8785 has
		digest := sha256.Sum256(statement)
		if !ecdsa.VerifyASN1(keys[v.Key], digest[:], v.Signature) {
			t.Errorf("line %d does not verify: %s", i, statement)
		}
		if i == 0 {
			previous = ""
			defer func(want any) {
				if want != previous {
					t.Errorf("the head names %v, the last is %s", want, previous)
				}
			}(of["hash"])
			continue
		}
		if got, _ := of["previous"].(string); got != previous {
			t.Errorf("receipt %d names %q before it, which is %q", i, got, previous)
		}
		if i == 2 {
			if diff := cmp.Diff(string(read("statement")), string(statement)); diff != "" {
				t.Errorf("statement (-want +got):\n%s", diff)
			}
		}
		previous = hex.EncodeToString(digest[:])
		if i == 3 { // one record: the root is its hashed leaf
			mac := hmac.New(sha256.New, must(hex.DecodeString(of["salt"].(string))))
			mac.Write([]byte(marta))
			leaf := mac.Sum(nil)
			root := sha256.Sum256(append([]byte{0}, leaf...))
			if v.Leaves[0] != hex.EncodeToString(leaf) || of["root"] != hex.EncodeToString(root[:]) {
				t.Errorf("leaf %x, root %x: %+v", leaf, root, v)
			}
		}
	}
}

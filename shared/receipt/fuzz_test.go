package receipt_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/supportvault/supportvault/shared/receipt"
)

// FuzzVerify: nothing but the set itself verifies, and nothing panics.
func FuzzVerify(f *testing.F) {
	c := sample(f)
	set := c.Set(f)
	all := lines(set)
	f.Add(set, uint32(0), []byte(nil), uint32(0))
	f.Add(set, uint32(700), []byte(`"number":3`), uint32(10))
	f.Add(set[:len(set)/2], uint32(9), []byte("\n"), uint32(1))
	f.Add(join(all[0], all[2], all[1]), uint32(0), []byte(nil), uint32(0))
	f.Add(join(all[0], all[1], all[1]), uint32(0), []byte(`{"key":null}`), uint32(0))
	f.Add(proofOf(f), uint32(80), []byte(`{"index":-1}`), uint32(3))
	f.Add([]byte(nil), uint32(0), []byte(nil), uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, at uint32, put []byte, take uint32) {
		// Once as it is, and once as a splice into the set, so that the fuzzer reaches what is behind the signatures.
		i := int(at) % (len(set) + 1)
		j := min(i+int(take%256), len(set))
		spliced := append(append(bytes.Clone(set[:i]), put...), set[j:]...)
		for _, other := range [][]byte{b, spliced} {
			n, _, err := verify(other, c.Keys)
			if _, fault := errors.AsType[*receipt.Fault](err); err != nil && !fault {
				t.Fatalf("%v is not a fault", err)
			}
			if bytes.Equal(other, set) != (err == nil) || err == nil && n != 5 {
				t.Fatalf("%d receipts, %v", n, err)
			}
		}
	})
}

// FuzzProof: nothing but a proof itself verifies as one.
func FuzzProof(f *testing.F) {
	proof := proofOf(f)
	c := sample(f)
	f.Add(proof)
	f.Add(lines(c.Set(f))[3])
	f.Add(bytes.Replace(proof, []byte(`"index":`), []byte(`"index":1`), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, err := receipt.VerifyProof(b, c.Keys)
		if _, fault := errors.AsType[*receipt.Fault](err); err != nil && !fault {
			t.Fatalf("%v is not a fault", err)
		}
		if err == nil && !bytes.Equal(b, proof) {
			t.Fatalf("another proof verifies: %q", b)
		}
	})
}

// FuzzKeys: what is read as keys is written as the same keys.
func FuzzKeys(f *testing.F) {
	file, err := sample(f).Keys.PEM()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(file[50:])
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := receipt.ParseKeys(b)
		if err != nil {
			return
		}
		file, err := keys.PEM()
		if err != nil {
			t.Fatal(err)
		}
		again, err := receipt.ParseKeys(file)
		if err != nil || len(again) != len(keys) {
			t.Fatalf("%d keys, then %d, %v", len(keys), len(again), err)
		}
		for id := range keys {
			if again[id] == nil {
				t.Fatalf("the key %s is gone", id)
			}
		}
	})
}

// proofOf is the proof in the sample.
func proofOf(t testing.TB) []byte {
	t.Helper()
	p, ok := signedAt(t, sample(t), 1).Prove(ids("2026-08-21chat", 12)[4])
	if !ok {
		t.Fatal("no proof")
	}
	line, err := p.Line()
	if err != nil {
		t.Fatal(err)
	}
	return line
}

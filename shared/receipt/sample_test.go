package receipt_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/receipt/receipttest"
	"github.com/supportvault/supportvault/shared/retention"
)

// marta is the record that the sample's third receipt names.
const marta = "abcdefghijklmnopqrstuvwxyz234567-1"

// ids are invented ids of conversations.
func ids(of string, n int) []string {
	all := make([]string, n)
	for i := range all {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", of, i))
		all[i] = strings.ToLower(base32.StdEncoding.EncodeToString(sum[:20])) + "-1"
	}
	return all
}

func date(month time.Month, day, hour, minute int) time.Time {
	return time.Date(2026, month, day, hour, minute, 7, 123456789, time.UTC)
}

func midnight(month time.Month, day int) time.Time {
	return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC)
}

// lot is a part of a cohort that was due at once.
func lot(kind retention.Kind, cohort string, records int, why receipt.Why, policy int64, rule string, due time.Time) receipt.Lot {
	n := int64(records)
	return receipt.Lot{IDs: ids(cohort+string(kind)+rule, records), Part: receipt.Part{
		Kind: kind, Cohort: cohort, Bytes: 7_413 * n, Why: why, Policy: policy, Rule: rule,
		Due: receipt.Due(due, due),
	}}
}

// withFiles is a part whose records had files.
func withFiles(of receipt.Lot, files, bytes int64) receipt.Lot {
	of.Files, of.FileBytes = files, bytes
	return of
}

func salt(of string) receipt.Hash { return sha256.Sum256([]byte("salt " + of)) }

// sample is an invented chain of an account, as its months went by. The key is rotated before the fourth receipt.
func sample(t testing.TB) *receipttest.Chain {
	t.Helper()
	c := receipttest.NewChain(t, receipttest.NewSigner("2026"), "demo", date(time.August, 21, 9, 30))
	c.Append(t, receipt.Draft{
		Account: "demo", Act: receipt.Purge, Done: date(time.November, 22, 0, 4), Salt: salt("1"), What: []receipt.Lot{
			lot(retention.Chat, "2026-08-21", 12, receipt.Retained, 3, "", midnight(time.November, 22)),
			lot(retention.Chat, "2026-10-22", 2, receipt.Retained, 3, "jobs", midnight(time.November, 22)),
			withFiles(lot(retention.Ticket, "2024-11-21", 5, receipt.Retained, 3, "", midnight(time.November, 22)), 2, 1_873_411),
		},
	}, date(time.November, 22, 0, 4))
	completed := lot(retention.Chat, "2026-11-22", 3, receipt.OnCompletion, 4, "", date(time.November, 22, 10, 7))
	completed.Due = receipt.Due(date(time.November, 22, 10, 7), date(time.November, 22, 10, 51))
	c.Append(t, receipt.Draft{
		Account: "demo", Act: receipt.Completion, Done: date(time.November, 22, 10, 52), Salt: salt("2"), What: []receipt.Lot{completed},
		NotDelivered: []receipt.Undelivered{{Destination: "mail:archive", Records: 1}},
	}, date(time.November, 22, 11, 0))
	byHand := lot(retention.Chat, "2026-11-20", 0, receipt.OnHand, 4, "", date(time.November, 24, 14, 30))
	byHand.IDs, byHand.Bytes = []string{marta}, 18_310
	c.Append(t, receipt.Draft{
		Account: "demo", Act: receipt.ByHand, Done: date(time.November, 24, 14, 30), Salt: salt("3"), What: []receipt.Lot{byHand},
	}, date(time.November, 24, 14, 30))
	c.Signer = receipttest.NewSigner("2027")
	c.Append(t, receipt.Draft{
		Account: "demo", Act: receipt.Erasure, Done: date(time.December, 1, 8, 0), Salt: salt("4"), What: []receipt.Lot{
			lot(retention.Chat, "", 4, receipt.OnErasure, 4, "", date(time.December, 1, 8, 0)),
			lot(retention.Ticket, "", 1, receipt.OnErasure, 4, "", date(time.December, 1, 8, 0)),
		},
	}, date(time.December, 1, 8, 0))
	c.Append(t, receipt.Draft{
		Account: "demo", Act: receipt.Closure, Done: date(time.December, 31, 23, 1), Salt: salt("5"), What: []receipt.Lot{
			lot(retention.Chat, "2026-11-22", 6, receipt.OnClosure, 4, "", date(time.December, 31, 23, 0)),
			lot(retention.Fact, "2026-11-22", 9, receipt.OnClosure, 4, "", date(time.December, 31, 23, 0)),
		},
	}, date(time.December, 31, 23, 1))
	c.Attest(t, time.Date(2027, time.January, 4, 6, 0, 0, 0, time.UTC))
	return c
}

// TestSample pins the format: the files under testdata/sample change only with UPDATE_GOLDEN=1, and what was signed before
// then no longer verifies.
func TestSample(t *testing.T) {
	c := sample(t)
	keys, err := c.Keys.PEM()
	if err != nil {
		t.Fatal(err)
	}
	proof, ok := signedAt(t, c, 1).Prove(ids("2026-08-21chat", 12)[4])
	if !ok {
		t.Fatal("a record of the first receipt is not in it")
	}
	proven, err := proof.Line()
	if err != nil {
		t.Fatal(err)
	}
	statement, err := signedAt(t, c, 2).Receipt.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{
		"receipts.ndjson": c.Set(t), "receipts.pem": keys, "proof.json": proven,
		"statement": statement, // of the second receipt: what is hashed and signed
	}
	for name, got := range files {
		file := filepath.Join("testdata", "sample", name)
		if os.Getenv("UPDATE_GOLDEN") == "1" {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v; UPDATE_GOLDEN=1 writes it", err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	entries, err := os.ReadDir(filepath.Join("testdata", "sample"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if files[e.Name()] == nil {
			t.Errorf("testdata/sample/%s is of no test", e.Name())
		}
	}
}

// signedAt is a receipt of a chain.
func signedAt(t testing.TB, c *receipttest.Chain, number int) (signed receipt.Signed) {
	t.Helper()
	_, err := receipt.Verify(bytes.NewReader(c.Set(t)), c.Keys, func(s receipt.Signed) error {
		if s.Receipt.Number == int64(number) {
			s.Leaves = slices.Clone(s.Leaves)
			signed = s
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

package receipt_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/receipt"
)

// TestStatementsAreCanonical compares what is written with the canonical form of RFC 8785 of it.
func TestStatementsAreCanonical(t *testing.T) {
	at := date(time.November, 22, 0, 4)
	part := receipt.Part{
		Kind: "chat", Cohort: "2026-11-22T14:05Z", Due: receipt.Due(at, at), Records: 1_000_000, Bytes: 1<<53 - 1,
		Rule: "Größe \\ \"☃\" </script> & 😀 \u00a0 \u2028 é", Why: receipt.Monthly, Policy: 9,
	}
	full := receipt.Receipt{
		Format: receipt.Format, Account: "demo", Number: 12, Previous: salt("p"), Act: receipt.Purge, What: []receipt.Part{part, {}},
		NotDelivered: []receipt.Undelivered{{Destination: "push:crm", Records: 1}, {}}, Salt: salt("s"), Root: salt("r"), Size: 1,
	}
	for name, statement := range map[string]interface{ Canonical() ([]byte, error) }{
		"a receipt with everything": full, "a receipt with nothing": receipt.Receipt{},
		"a head with everything": receipt.Head{Account: "demo", Format: receipt.HeadFormat, Hash: salt("h"), Number: 1<<53 - 1},
		"a head with nothing":    receipt.Head{},
	} {
		got, err := statement.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		want := jsontext.Value(slices.Clone(got))
		if err := want.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestFieldsAreSorted: the members of a statement are in the order of the fields.
func TestFieldsAreSorted(t *testing.T) {
	for _, v := range []any{receipt.Receipt{}, receipt.Part{}, receipt.Span{}, receipt.Undelivered{}, receipt.Head{}} {
		var names []string
		for field := range reflect.TypeOf(v).Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			names = append(names, name)
		}
		if !slices.IsSorted(names) {
			t.Errorf("the fields of %T are %v", v, names)
		}
	}
}

package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/receipt/chain"
	"github.com/supportvault/supportvault/shared/receipt/receipttest"
	"github.com/supportvault/supportvault/shared/retention"
)

// issue appends a receipt of as many records to an account's chain.
func (r *road) issue(t testing.TB, account string, records int, undelivered ...receipt.Undelivered) {
	t.Helper()
	c := &chain.Chain{DB: r.DB, Table: r.Tables.Control, Signer: receipttest.NewSigner("2026"), Now: r.Clock.Now}
	r.Clock.Advance(time.Hour)
	at := r.Clock.Now()
	lot := receipt.Lot{Part: receipt.Part{
		Kind: retention.Chat, Cohort: "2026-08-21", Why: receipt.Retained, Policy: 1, Rule: "Größe", Bytes: 100, Due: receipt.Due(at, at),
	}}
	for i := range records {
		lot.IDs = append(lot.IDs, fmt.Sprintf("%d-%d", at.Unix(), i))
	}
	d := receipt.Draft{Account: account, Act: receipt.Purge, Done: at, What: []receipt.Lot{lot}, NotDelivered: undelivered}
	if _, err := c.Append(context.Background(), fmt.Sprint(at.Unix()), d, nil); err != nil {
		t.Fatal(err)
	}
}

// receipt asks a route of receipts, and answers the body or the code of the error.
func (r *road) receipt(t testing.TB, a admin.Created, path, number string) (body, code string) {
	t.Helper()
	path, query, _ := strings.Cut(path, "?")
	req := r.reading(a, "", query)
	req.RouteKey = "GET /v1/accounts/{account}/receipts" + path
	if number != "" {
		req.PathParameters["number"] = number
	}
	res, err := r.admin.HTTP(context.Background(), req)
	if err == nil {
		err = asDescribed(req, res)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", req.RouteKey, number, err)
	}
	if res.StatusCode == 200 {
		return res.Body, ""
	}
	var e struct{ Error struct{ Code string } }
	if err := json.Unmarshal([]byte(res.Body), &e); err != nil {
		t.Fatalf("%s: %s", path, res.Body)
	}
	return "", e.Error.Code
}

func (r *road) receiptsHead(t testing.TB, a admin.Created) (line []byte, keys receipt.Keys) {
	t.Helper()
	body, code := r.receipt(t, a, "/head", "")
	var answer struct {
		Head       json.RawMessage
		PublicKeys string
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%s %s: %v", body, code, err)
	}
	keys, err := receipt.ParseKeys([]byte(answer.PublicKeys))
	if err != nil {
		t.Fatal(err)
	}
	return append(answer.Head, '\n'), keys
}

func numbersOf(t testing.TB, set []byte, keys receipt.Keys) (numbers []int64) {
	t.Helper()
	if _, err := receipt.Verify(bytes.NewReader(set), keys, func(s receipt.Signed) error {
		numbers = append(numbers, s.Receipt.Number)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return numbers
}

// What the API answers is a set, byte for byte.
func TestStoreReceiptsAreASet(t *testing.T) {
	r := newRoad(t)
	demo, other := r.account(t, admin.Request{Account: "demo"}), r.account(t, admin.Request{Account: "other"})
	if body, _ := r.receipt(t, demo, "", ""); body != `{"receipts":[],"next":null}`+"\n" {
		t.Errorf("before the first receipt: %s", body)
	}
	for _, none := range []string{"/head", "/{number}"} {
		if _, code := r.receipt(t, demo, none, "1"); code != "receipt_unknown" {
			t.Errorf("before the first receipt: %s %q", none, code)
		}
	}
	r.issue(t, "demo", 2)
	r.issue(t, "demo", 0)
	r.issue(t, "demo", 1_200, receipt.Undelivered{Destination: "mail:archive", Records: 1})
	r.issue(t, "other", 1)
	set, keys := r.receiptsHead(t, demo)
	for number := range 3 {
		line, code := r.receipt(t, demo, "/{number}", fmt.Sprint(number+1))
		if code != "" {
			t.Fatalf("receipt %d: %s", number+1, code)
		}
		set = append(set, line...)
	}
	if diff := cmp.Diff([]int64{1, 2, 3}, numbersOf(t, set, keys)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, number := range []string{"0", "4", "01", "-1", "1.0", "x", "9999999999", "99999999999", "9999999999999999999999", "head"} {
		if _, code := r.receipt(t, demo, "/{number}", number); code != "receipt_unknown" {
			t.Errorf("receipt %s: %q", number, code)
		}
	}
	if _, code := r.receipt(t, other, "/{number}", "2"); code != "receipt_unknown" {
		t.Errorf("another account's: %q", code)
	}
	for _, path := range []string{"?limit=0", "?cursor=0", "?cursor=x", "?cursor=01", "?kind=chat", "/head?limit=1", "/{number}?limit=1"} {
		if _, code := r.receipt(t, demo, path, "1"); code != "parameter_invalid" {
			t.Errorf("%s: %q", path, code)
		}
	}
	var got []string
	err := audit.Read(t.Context(), r.DB, r.Tables.Control, "demo", noon, r.Clock.Now(), func(e audit.Entry) error {
		if strings.HasPrefix(e.Action, "receipt") {
			got = append(got, e.Action+" "+e.Target)
		}
		return nil
	})
	slices.Sort(got) // they are of one instant
	want := []string{"receipt.read 1", "receipt.read 2", "receipt.read 3", "receipts-head.read ", "receipts.read limit=50"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("audit entries (-want +got)\n%s%v", diff, err)
	}
}

func TestStoreReceiptsAreListed(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	// 32 KB of hashes each: more than a page of DynamoDB.
	const receipts = 40
	for i := range receipts {
		if i == receipts-1 {
			r.issue(t, "demo", 1_000, receipt.Undelivered{Destination: "mail:archive", Records: 7})
		} else {
			r.issue(t, "demo", 1_000)
		}
	}
	for _, limit := range []int{1, 7, 20, 100} {
		var numbers []int64
		for query := fmt.Sprintf("?limit=%d", limit); query != ""; {
			body, code := r.receipt(t, demo, query, "")
			var page admin.Receipts
			if err := json.Unmarshal([]byte(body), &page); err != nil || len(page.Receipts) > limit || len(page.Receipts) == 0 {
				t.Fatalf("%s: %s %v", body, code, err)
			}
			for _, short := range page.Receipts {
				numbers = append(numbers, short.Number)
			}
			if first := page.Receipts[0]; first.Number == receipts {
				if first.Parts != 1 || first.Records != 1_000 || first.Bytes != 100 || first.Act != receipt.Purge || first.Done != first.At ||
					len(first.NotDelivered) != 1 || first.NotDelivered[0].Records != 7 {
					t.Errorf("in short: %+v", first)
				}
			}
			query = ""
			if page.Next != nil {
				query = fmt.Sprintf("?limit=%d&cursor=%s", limit, *page.Next)
			}
		}
		want := make([]int64, receipts)
		for i := range want {
			want[i] = int64(receipts - i)
		}
		if !slices.Equal(numbers, want) {
			t.Errorf("limit %d: %d", limit, numbers)
		}
	}
}

// A receipt of more records than an answer can have is in the set all the same.
func TestStoreALargeReceiptIsGivenInParts(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	r.issue(t, "demo", 3)
	r.issue(t, "demo", 70_000)
	r.issue(t, "demo", 5)
	if _, code := r.receipt(t, demo, "/{number}", "2"); code != "receipt_too_large" {
		t.Errorf("70,000 records: %q", code)
	}
	ask := func(number int64, offset int) (part admin.Part, code string) {
		t.Helper()
		raw, err := json.Marshal(map[string]any{"action": "receipts", "account": "demo", "number": number, "offset": offset})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := r.admin.Handle(t.Context(), raw)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err = json.Marshal(answer); err != nil || len(raw) > 5<<20 {
			t.Fatalf("an answer of %d bytes, %v", len(raw), err)
		}
		var e struct{ Error struct{ Code string } }
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		if e.Error.Code == "" {
			if err := json.Unmarshal(raw, &part); err != nil {
				t.Fatal(err)
			}
		}
		return part, e.Error.Code
	}
	first, code := ask(0, 0)
	if code != "" || first.Last != 3 {
		t.Fatalf("the first part: %+v %s", first, code)
	}
	keys, err := receipt.ParseKeys([]byte(first.PublicKeys))
	if err != nil {
		t.Fatal(err)
	}
	r.issue(t, "demo", 1) // meanwhile; the head does not count it, and it is not in the set
	set, parts := first.Lines, 0
	for p := first; p.Number <= first.Last; parts++ {
		if p, code = ask(p.Number, p.Offset); code != "" {
			t.Fatal(code)
		}
		set = append(set, p.Lines...)
	}
	if parts != 2 {
		t.Errorf("%d parts", parts)
	}
	lines := bytes.SplitAfter(set, []byte("\n"))
	if diff := cmp.Diff([]int64{1, 2, 3}, numbersOf(t, bytes.Join(lines[:4], nil), keys)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, wrong := range []struct {
		number int64
		offset int
	}{{5, 0}, {-1, 0}, {1, -1}, {1, 1 << 20}} {
		if _, code := ask(wrong.number, wrong.offset); code != "receipt_unknown" {
			t.Errorf("the part at %+v: %q", wrong, code)
		}
	}
}

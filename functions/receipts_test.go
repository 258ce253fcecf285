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
	"github.com/supportvault/supportvault/functions/purge"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/receipt/chain"
	"github.com/supportvault/supportvault/shared/receipt/receipttest"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
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

// What a receipt says of files is those that could be read: not one that was never got, nor one whose conversation stays. It says so
// once, wherever a run is killed.
func TestReceiptsCountTheFilesThatWent(t *testing.T) {
	for at := 1; ; at++ {
		r := inMemory()
		demo, id, _ := r.withLabel(t, "c")
		r.mustPost(t, demo, "canonical", withFiles("c", noon, label+`,{"url":"https://evil.example/never.png"},{"url":"https://files.example.com/second.png"}`))
		r.mustPost(t, demo, "canonical", wholeWithFiles("d", noon, label))
		r.mustPost(t, demo, "canonical", wholeChat("e", noon, "without files", ""))
		r.mustPost(t, demo, "canonical", []byte(strings.ReplaceAll(string(wholeWithFiles("f", noon, label)), `"kind":"chat"`, `"kind":"ticket","status":"closed"`)))
		r.getFiles(t)
		r.mustPost(t, demo, "canonical", chatEnded("c", noon.Add(time.Minute)))
		r.settleAll(t)
		r.Clock.Set(r.one(t, demo, id).ExpiresAt.Time)
		k := r.kill(at, at%2 == 0, everything)
		_, _ = r.purge.Purge(t.Context(), purge.Request{})
		r.unharmed()
		r.purgeAll(t)
		var got receipt.Part
		for _, s := range r.receipts(t, "demo") { // one that is killed may have stated some of it
			for _, p := range s.Receipt.What {
				got.Records, got.Files, got.FileBytes = got.Records+p.Records, got.Files+p.Files, got.FileBytes+p.FileBytes
			}
		}
		if want := (receipt.Part{Records: 3, Files: 3, FileBytes: 3 * int64(len(png))}); got != want {
			t.Errorf("killed at %d: %+v, want %+v", at, got, want)
		}
		if left := r.filesLeft(t); len(left) != 2 {
			t.Errorf("killed at %d: left %v", at, left)
		}
		if !k.dead {
			body, _ := r.receipt(t, demo, "", "")
			if at < 20 || !strings.Contains(body, `"files":3`) {
				t.Errorf("%d requests, and in short: %s", at, body)
			}
			return
		}
	}
}

// Rows of before say by their files key alone that they have files. That goes as they are destroyed, and the files are counted all the
// same: by the run that destroys them, and by the next where that one dies.
func TestReceiptsCountTheFilesOfRowsOfBefore(t *testing.T) {
	for _, dies := range []bool{false, true} {
		r := inMemory()
		demo, id, _ := r.withLabel(t, "c")
		r.mustPost(t, demo, "canonical", chatEnded("c", noon.Add(time.Minute)))
		r.settleAll(t)
		for _, item := range r.Items(t, r.Tables.Keys) {
			if _, has := item["hasFiles"]; has {
				delete(item, "hasFiles")
				r.put(t, r.Tables.Keys, item)
			}
		}
		r.Clock.Set(r.one(t, demo, id).ExpiresAt.Time)
		dead := false
		r.After.Set(func(_ context.Context, req vaulttest.Request) error {
			dead = dead || dies && req.Operation == "TransactWriteItems" && slices.ContainsFunc(r.Items(t, r.Tables.Keys), func(item attr.Item) bool {
				return attr.GetS(item, "state") == string(vault.Destroyed)
			})
			if dead {
				return errKilled
			}
			return nil
		})
		_, _ = r.purge.Purge(t.Context(), purge.Request{})
		r.unharmed()
		r.Clock.Advance(time.Hour)
		r.purgeAll(t)
		var got receipt.Part
		for _, s := range r.receipts(t, "demo") {
			for _, p := range s.Receipt.What {
				got.Files, got.FileBytes = got.Files+p.Files, got.FileBytes+p.FileBytes
			}
		}
		if want := (receipt.Part{Files: 1, FileBytes: int64(len(png))}); got != want || dead != dies {
			t.Errorf("dead %t: %+v, want %+v", dead, got, want)
		}
	}
}

// A visit is one record of each of its days to whoever asks: in the list, in a preview, in the calendar, under a hold and in a receipt,
// where it has the id that it is listed by.
func TestAVisitIsOneRecordOfItsDayEverywhere(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	tell := func(visit string, ago time.Duration) {
		at := stamp(noon.Add(-ago))
		r.mustPost(t, demo, "canonical", canonicalDelivery(fmt.Sprintf(
			`{"type":"visit.recorded","time":%[1]q,"visit":%[2]q,"pages":[{"time":%[1]q,"url":"https://shop.example.com/%[3]d"}]}`, at, visit, int(ago.Seconds()))))
	}
	for _, ago := range []time.Duration{13 * time.Hour, 12*time.Hour + 2*time.Minute, 12*time.Hour + time.Minute, 11 * time.Hour, 10 * time.Hour} {
		tell("over-midnight", ago) // three parts of the day before, and two of this day
	}
	tell("short", time.Hour)
	const want = 3
	listed := r.listOf(t, demo, "visits", "").Visits
	p, apply := r.preview(t, demo, `"store":{"visit":false},"waitHours":0`)
	previewed := p.Kinds[slices.IndexFunc(p.Kinds, func(k admin.KindPreview) bool { return k.Kind == retention.Visit })].Hides.Records
	var calendar admin.Calendar
	if code := r.asked(t, demo, "GET retention/calendar?kind=visit", "", &calendar); code != "" {
		t.Fatal(code)
	}
	planned := 0
	for _, day := range calendar.Days {
		planned += day.Records
	}
	var hold admin.Hold
	if code := r.asked(t, demo, "POST holds", `{"reason":"A case.","kinds":["visit"]}`, &hold); code != "" {
		t.Fatal(code)
	}
	if code := r.askedOf(t, demo, "POST holds/{hold}/release", map[string]string{"hold": hold.ID}, `{"reason":"It is over."}`, nil); code != "" {
		t.Fatal(code)
	}
	r.change(t, demo, `"store":{"visit":false},"waitHours":0`)
	r.Clock.Advance(25 * time.Hour)
	rep := r.purgeAll(t)
	all := r.receipts(t, "demo")
	if len(all) != 1 {
		t.Fatalf("%d receipts", len(all))
	}
	got := []int{len(listed), previewed, planned, hold.Matches.Records, rep.Visits, int(all[0].Receipt.Size)}
	if !slices.Equal(got, []int{want, want, want, want, want, want}) {
		t.Errorf("listed, previewed, planned, held, purged and stated are %v, want %d of each; %s", got, want, apply)
	}
	days := map[string][]string{}
	for _, v := range listed {
		days[v.ID] = nil
		for part := range all[0].FindAll(v.ID) {
			days[v.ID] = append(days[v.ID], part.Cohort)
		}
	}
	if first := listed[len(listed)-1].ID; len(days) != 2 || !slices.Equal(days[first], []string{"2026-11-20", "2026-11-21"}) {
		t.Errorf("stated of the visits: %v", days)
	}
}

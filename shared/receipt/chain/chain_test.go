package chain_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/receipt/chain"
	"github.com/supportvault/supportvault/shared/receipt/receipttest"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func newChain(t *testing.T) (*chain.Chain, *vaulttest.Vault) {
	t.Helper()
	v := vaulttest.New(t, noon)
	return &chain.Chain{DB: v.DB, Table: v.Tables.Control, Signer: receipttest.NewSigner("2026"), Now: v.Clock.Now}, v
}

// draft is a purge of as many records, named after it.
func draft(name string, records int) receipt.Draft {
	ids := make([]string, records)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%d", name, i)
	}
	return receipt.Draft{Account: "demo", Act: receipt.Purge, Done: noon, What: []receipt.Lot{{IDs: ids, Part: receipt.Part{
		Kind: retention.Chat, Cohort: "2026-08-21", Why: receipt.Retained, Policy: 1, Due: receipt.Due(noon, noon),
	}}}}
}

func appended(t *testing.T, c *chain.Chain, act string, d receipt.Draft) receipt.Receipt {
	t.Helper()
	r, err := c.Append(t.Context(), act, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// verified exports a chain, verifies it and answers its receipts.
func verified(t *testing.T, c *chain.Chain, account string) (all []receipt.Signed, head receipt.Head) {
	t.Helper()
	var set bytes.Buffer
	keys, err := c.Export(t.Context(), account, &set)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := receipt.Verify(&set, keys, func(s receipt.Signed) error { all = append(all, s); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all, signed.Head
}

func TestStoreReceiptsFollowOneAnother(t *testing.T) {
	c, v := newChain(t)
	for i := range 12 {
		r := appended(t, c, fmt.Sprint("purge/", i), draft(fmt.Sprint("r", i), i))
		if r.Number != int64(i+1) || !r.At.Equal(v.Clock.Now()) {
			t.Errorf("receipt %d of %s", r.Number, r.At)
		}
		v.Clock.Advance(time.Hour)
	}
	all, head := verified(t, c, "demo")
	if len(all) != 12 || head.Number != 12 || !head.At.Equal(noon.Add(11*time.Hour)) {
		t.Errorf("%d receipts, head %+v", len(all), head)
	}
	for i, s := range all {
		if _, _, ok := s.Find(fmt.Sprintf("r%d-%d", i, i-1)); ok != (i > 0) {
			t.Errorf("receipt %d: its last record is in it: %t", i+1, ok)
		}
	}
}

func TestStoreRowsStandWhereThePackageSaysSo(t *testing.T) {
	c, v := newChain(t)
	r := appended(t, c, "purge/1", draft("r", 10_001))
	appended(t, c, "purge/2", draft("q", 1_000))
	var got []string
	for _, item := range v.Items(t, v.Tables.Control) {
		got = append(got, attr.GetS(item, "pk")+" "+attr.GetS(item, "sk"))
	}
	slices.Sort(got)
	head, err := c.Head(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"demo#receipt# 000000000001", "demo#receipt# 000000000002", "demo#receipt# act#purge/1", "demo#receipt# act#purge/2",
		"demo#receipt# ~head", "demo#receipt# ~key#" + head.Key.String(),
		"demo#receipt#leaves#" + r.Root.String() + "# 000000", "demo#receipt#leaves#" + r.Root.String() + "# 000001",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
	if all, _ := verified(t, c, "demo"); len(all) != 2 || len(all[0].Leaves) != 10_001 || len(all[1].Leaves) != 1_000 {
		t.Errorf("%d receipts", len(all))
	}
	if name := chain.Object("demo", 12); name != "receipts/demo/000000000012.json" {
		t.Errorf("the object is %s", name)
	}
}

func TestStoreAnActHasOneReceipt(t *testing.T) {
	c, v := newChain(t)
	first := appended(t, c, "purge/1", draft("r", 3))
	v.Clock.Advance(time.Hour)
	asked := 0
	count := func(int64) []types.TransactWriteItem { asked++; return nil }
	again, err := c.Append(t.Context(), "purge/1", draft("other", 5), count)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the same act again (-first +again)\n%s", diff)
	}
	if asked > 0 {
		t.Error("what goes with a receipt was asked for, for one that was there")
	}
	other := draft("r", 3)
	other.Account = "other"
	if r := appended(t, c, "purge/1", other); r.Number != 1 || r.Account != "other" {
		t.Errorf("the same act of another account is receipt %d of %s", r.Number, r.Account)
	}
	if all, _ := verified(t, c, "demo"); len(all) != 1 {
		t.Errorf("%d receipts", len(all))
	}
}

func TestStoreManyAppendAtOnce(t *testing.T) {
	c, v := newChain(t)
	const workers, acts = 6, 4
	var all sync.WaitGroup
	numbers := make([]int64, acts)
	var mu sync.Mutex
	for range workers {
		all.Go(func() {
			for i := range acts { // every worker does all acts
				r, err := c.Append(t.Context(), fmt.Sprint("purge/", i), draft(fmt.Sprint("r", i), i), nil)
				if errors.Is(err, chain.ErrBusy) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if numbers[i] != 0 && numbers[i] != r.Number {
					t.Errorf("the act %d is receipt %d and %d", i, numbers[i], r.Number)
				}
				numbers[i] = r.Number
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if got, _ := verified(t, c, "demo"); len(got) != acts {
		t.Errorf("%d receipts of %d acts", len(got), acts)
	}
	slices.Sort(numbers)
	if diff := cmp.Diff([]int64{1, 2, 3, 4}, numbers); diff != "" {
		t.Errorf("numbers (-want +got)\n%s", diff)
	}
	// One that comes between another's reading and writing: the other goes on behind it.
	v.Fault.Set(func(_ context.Context, r vaulttest.Request) error {
		if r.Operation == "TransactWriteItems" {
			v.Fault.Set(nil)
			appended(t, c, "purge/between", draft("b", 1))
		}
		return nil
	})
	if r := appended(t, c, "purge/late", draft("l", 1)); r.Number != acts+2 {
		t.Errorf("who came late is receipt %d, want %d", r.Number, acts+2)
	}
	verified(t, c, "demo")
}

// TestStoreAppendIsInterrupted breaks each request of an append, before it is made and after, and appends again.
func TestStoreAppendIsInterrupted(t *testing.T) {
	broken := errors.New("broken")
	for _, after := range []bool{false, true} {
		c, v := newChain(t)
		appended(t, c, "purge/0", draft("r", 1))
		hook := &v.Fault
		if after {
			hook = &v.After
		}
		steps := 0
		for ; ; steps++ {
			left := steps
			hook.Set(func(context.Context, vaulttest.Request) error {
				if left--; left < 0 {
					return broken
				}
				return nil
			})
			act := fmt.Sprintf("purge/%t/%d", after, steps)
			_, err := c.Append(t.Context(), act, draft(act, 1_500), nil)
			hook.Set(nil)
			if err == nil {
				break
			}
			if !errors.Is(err, broken) {
				t.Fatal(err)
			}
			number := appended(t, c, act, draft(act, 1_500)).Number
			if got := appended(t, c, act, draft(act, 1_500)).Number; got != number {
				t.Errorf("the act is receipt %d and %d", number, got)
			}
			if all, _ := verified(t, c, "demo"); len(all) != steps+2 {
				t.Errorf("after %d interruptions there are %d receipts, want %d", steps+1, len(all), steps+2)
			}
		}
		if steps < 4 {
			t.Errorf("an append was interrupted in %d places", steps)
		}
	}
}

func TestStoreWhatGoesWithAReceipt(t *testing.T) {
	c, v := newChain(t)
	mark := func(name string) func(int64) []types.TransactWriteItem {
		return func(number int64) []types.TransactWriteItem {
			item := attr.Key("demo#cohort#chat#", name)
			item["receipt"] = attr.N(number)
			return []types.TransactWriteItem{{Put: &types.Put{
				TableName: &v.Tables.Keys, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
			}}}
		}
	}
	if _, err := c.Append(t.Context(), "purge/1", draft("r", 3), mark("2026-08-21")); err != nil {
		t.Fatal(err)
	}
	// Another act that says it did the same.
	if r, err := c.Append(t.Context(), "purge/2", draft("r", 3), mark("2026-08-21")); !errors.Is(err, chain.ErrAlso) {
		t.Errorf("receipt %d, %v, want %v", r.Number, err, chain.ErrAlso)
	}
	if r, err := c.Append(t.Context(), "purge/3", draft("r", 3), mark("2026-08-22")); err != nil || r.Number != 2 {
		t.Errorf("receipt %d, %v", r.Number, err)
	}
	key := attr.Key("demo#cohort#chat#", "2026-08-22")
	out, err := v.DB.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &v.Tables.Keys, Key: key})
	if err != nil || attr.GetN(out.Item, "receipt") != 2 {
		t.Errorf("the row is %v, %v", out.Item, err)
	}
	tooMany := func(int64) []types.TransactWriteItem { return make([]types.TransactWriteItem, chain.MaxAlso+1) }
	if _, err := c.Append(t.Context(), "purge/4", draft("r", 3), tooMany); !errors.Is(err, chain.ErrAlso) {
		t.Errorf("%v, want %v", err, chain.ErrAlso)
	}
	most := func(int64) (writes []types.TransactWriteItem) {
		for i := range chain.MaxAlso {
			writes = append(writes, mark(fmt.Sprint(i))(1)...)
		}
		return writes
	}
	c.Signer = receipttest.NewSigner("2027") // the key's row goes too
	if _, err := c.Append(t.Context(), "purge/5", draft("r", 3), most); err != nil {
		t.Errorf("with %d writes: %v", chain.MaxAlso, err)
	}
	if all, _ := verified(t, c, "demo"); len(all) != 3 {
		t.Errorf("%d receipts", len(all))
	}
}

func TestStoreARotatedKeyStillVerifies(t *testing.T) {
	c, v := newChain(t)
	for i, key := range []string{"2026", "2026", "2027", "2026", "2028"} {
		c.Signer = receipttest.NewSigner(key)
		appended(t, c, fmt.Sprint("purge/", i), draft("r", 1))
	}
	v.Clock.Advance(time.Hour)
	c.Signer = receipttest.NewSigner("2029")
	if _, err := c.Attest(t.Context(), "demo"); err != nil {
		t.Fatal(err)
	}
	all, head := verified(t, c, "demo")
	keys, err := c.Keys(t.Context(), "demo")
	if err != nil || len(all) != 5 || len(keys) != 4 || !head.At.Equal(noon.Add(time.Hour)) {
		t.Errorf("%d receipts under %d keys, head of %s, %v", len(all), len(keys), head.At, err)
	}
}

func TestStoreAttestation(t *testing.T) {
	c, v := newChain(t)
	if _, err := c.Head(t.Context(), "demo"); !errors.Is(err, chain.ErrNone) {
		t.Errorf("the head of no chain: %v", err)
	}
	if _, err := c.Export(t.Context(), "demo", &bytes.Buffer{}); !errors.Is(err, chain.ErrNone) {
		t.Errorf("the set of no chain: %v", err)
	}
	attest := func() {
		t.Helper()
		head, err := c.Attest(t.Context(), "demo")
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := c.Head(t.Context(), "demo"); err != nil || cmp.Diff(head, kept) != "" {
			t.Errorf("signed %+v, kept %+v, %v", head, kept, err)
		}
	}
	attest()
	if all, head := verified(t, c, "demo"); len(all) != 0 || head.Number != 0 || !head.At.Equal(noon) {
		t.Errorf("%d receipts, head %+v", len(all), head)
	}
	appended(t, c, "purge/1", draft("r", 1))
	v.Clock.Advance(24 * time.Hour)
	attest()
	v.Clock.Advance(-time.Hour) // another process, whose clock is behind
	attest()
	if all, head := verified(t, c, "demo"); len(all) != 1 || head.Number != 1 || !head.At.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("%d receipts, head %+v", len(all), head)
	}
	// An append that comes between an attestation's reading and writing.
	v.Fault.Set(func(_ context.Context, r vaulttest.Request) error {
		if r.Operation == "TransactWriteItems" {
			v.Fault.Set(nil)
			appended(t, c, "purge/2", draft("r", 1))
		}
		return nil
	})
	attest()
	if all, head := verified(t, c, "demo"); len(all) != 2 || head.Number != 2 {
		t.Errorf("%d receipts, head %+v", len(all), head)
	}
}

func TestStoreReceiptsAreRead(t *testing.T) {
	c, _ := newChain(t)
	for i := range 5 {
		appended(t, c, fmt.Sprint("purge/", i), draft("r", 1_001))
	}
	page := func(below int64, limit int32) (numbers []int64) {
		all, err := c.Newest(t.Context(), "demo", below, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			numbers = append(numbers, s.Receipt.Number)
		}
		return numbers
	}
	for _, tc := range []struct {
		name  string
		below int64
		limit int32
		want  []int64
	}{
		{"the last two", 0, 2, []int64{5, 4}}, {"the two before them", 4, 2, []int64{3, 2}}, {"the first", 2, 2, []int64{1}},
		{"none before the first", 1, 2, nil}, {"all", 0, 100, []int64{5, 4, 3, 2, 1}}, {"those below one that there is not", 9, 1, []int64{5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, page(tc.below, tc.limit)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	s, err := c.Get(t.Context(), "demo", 3)
	if err != nil || s.Receipt.Number != 3 || len(s.Leaves) != 1_001 {
		t.Errorf("receipt %d with %d leaves, %v", s.Receipt.Number, len(s.Leaves), err)
	}
	p, ok := s.Prove("r-1000")
	line, err := p.Line()
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	keys, err := c.Keys(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	if _, part, err := receipt.VerifyProof(line, keys); err != nil || part.Cohort != "2026-08-21" {
		t.Errorf("the proof: %+v, %v", part, err)
	}
	for _, number := range []int64{0, 6, -1} {
		if _, err := c.Get(t.Context(), "demo", number); !errors.Is(err, chain.ErrNone) {
			t.Errorf("receipt %d: %v, want %v", number, err, chain.ErrNone)
		}
	}
}

func TestStoreWhatCannotBeAppended(t *testing.T) {
	c, v := newChain(t)
	for _, tc := range []struct {
		name, act string
		draft     receipt.Draft
		want      error
	}{
		{"rejects no act", "", draft("r", 1), chain.ErrAct},
		{"rejects an act with a space", "purge 1", draft("r", 1), chain.ErrAct},
		{"rejects an act longer than a key should be", strings.Repeat("a", 201), draft("r", 1), chain.ErrAct},
		{"rejects a draft that cannot be signed", "purge/1", receipt.Draft{Account: "demo"}, receipt.ErrDraft},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := c.Append(t.Context(), tc.act, tc.draft, nil); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
	t.Run("gives up when its time is over", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		v.Fault.Set(func(_ context.Context, r vaulttest.Request) error {
			if r.Operation == "TransactWriteItems" {
				return &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{
					{Code: aws.String("None")}, {Code: aws.String("TransactionConflict")}, {Code: aws.String("None")},
				}}
			}
			return nil
		})
		if _, err := c.Append(ctx, "purge/1", draft("r", 1), nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want %v", err, context.DeadlineExceeded)
		}
		v.Fault.Set(nil)
	})
	if got := v.Items(t, v.Tables.Control); len(got) != 0 {
		t.Errorf("%d rows were written", len(got))
	}
}

func TestAChainThatIsBusyAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, _ := vaulttest.NewMemory(noon)
		c := &chain.Chain{DB: v.DB, Table: v.Tables.Control, Signer: receipttest.NewSigner("2026"), Now: v.Clock.Now}
		tried := 0
		v.Fault.Set(func(_ context.Context, r vaulttest.Request) error {
			if r.Operation != "TransactWriteItems" {
				return nil
			}
			tried++
			conflict := types.CancellationReason{Code: aws.String("TransactionConflict")}
			return &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{conflict}}
		})
		began := time.Now()
		if _, err := c.Append(t.Context(), "purge/1", draft("r", 1), nil); !errors.Is(err, chain.ErrBusy) {
			t.Errorf("appended: %v, want %v", err, chain.ErrBusy)
		}
		if waited := time.Since(began); tried != 20 || waited > 5*time.Second {
			t.Errorf("given up after %d tries and %s", tried, waited)
		}
		if _, err := c.Attest(t.Context(), "demo"); !errors.Is(err, chain.ErrBusy) {
			t.Errorf("attested: %v, want %v", err, chain.ErrBusy)
		}
	})
}

// TestStoreWhatIsAlteredInTheTable: the verifier finds it, or the package does not read it.
func TestStoreWhatIsAlteredInTheTable(t *testing.T) {
	alter := func(sk, name string, change func(types.AttributeValue) types.AttributeValue) func(*testing.T, *vaulttest.Vault) {
		return func(t *testing.T, v *vaulttest.Vault) {
			for _, item := range v.Items(t, v.Tables.Control) {
				if strings.HasPrefix(attr.GetS(item, "sk"), sk) && !strings.Contains(attr.GetS(item, "pk"), "leaves") {
					item[name] = change(item[name])
					v.Restore(t, v.Tables.Control, []attr.Item{item})
				}
			}
		}
	}
	text := func(old, new string) func(types.AttributeValue) types.AttributeValue {
		return func(v types.AttributeValue) types.AttributeValue {
			return attr.S(strings.Replace(v.(*types.AttributeValueMemberS).Value, old, new, 1))
		}
	}
	flip := func(v types.AttributeValue) types.AttributeValue {
		b := bytes.Clone(v.(*types.AttributeValueMemberB).Value)
		b[len(b)-1] ^= 1
		return attr.B(b)
	}
	cut := func(v types.AttributeValue) types.AttributeValue {
		b := v.(*types.AttributeValueMemberB).Value
		return attr.B(b[:len(b)-1])
	}
	for _, tc := range []struct {
		name   string
		damage func(*testing.T, *vaulttest.Vault)
		code   receipt.Code // of the verifier; otherwise the row is refused
	}{
		{"a count", alter("000000000002", "statement", text(`"bytes":0`, `"bytes":1`)), receipt.BadSign},
		{"a signature", alter("000000000002", "signature", flip), receipt.BadSign},
		{"a key's id", alter("000000000002", "key", flip), receipt.NoKey},
		{"a leaf", alter("000000000002", "leaves", flip), receipt.BadRoot},
		{"the head's number", alter("~head", "statement", text(`"number":3`, `"number":2`)), receipt.BadSign},
		{"a receipt's number", alter("000000000002", "statement", text(`"number":2`, `"number":3`)), ""},
		{"a receipt's account", alter("000000000002", "statement", text(`"demo"`, `"demi"`)), ""},
		{"a statement", alter("000000000002", "statement", text(`{`, ``)), ""},
		{"a leaf cut", alter("000000000002", "leaves", cut), ""},
		{"a key's id cut", alter("000000000002", "key", cut), ""},
		{"a public key", alter("~key", "public", cut), ""},
		{"the head's statement", alter("~head", "statement", text(`{`, ``)), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, v := newChain(t)
			for i := range 3 {
				appended(t, c, fmt.Sprint("purge/", i), draft("r", 2))
			}
			tc.damage(t, v)
			var set bytes.Buffer
			keys, err := c.Export(t.Context(), "demo", &set)
			if tc.code == "" {
				if !errors.Is(err, chain.ErrRow) {
					t.Errorf("%v, want %v", err, chain.ErrRow)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = receipt.Verify(&set, keys, nil)
			if fault, ok := errors.AsType[*receipt.Fault](err); !ok || fault.Code != tc.code {
				t.Errorf("%v, want a fault of %s", err, tc.code)
			}
		})
	}
}

package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/ledger"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

const record = "abcdefghijklmnopqrstuvwxyz234567"

func newLedger(t *testing.T) (*ledger.Ledger, *vaulttest.Vault) {
	t.Helper()
	v := vaulttest.New(t, noon)
	return &ledger.Ledger{DB: v.DB, Table: v.Tables.Control, Now: v.Clock.Now}, v
}

func toArchive(incarnation int) ledger.Copy {
	return ledger.OfRecord("demo", record, incarnation, "mail:archive", "blind", 1)
}

func TestStoreRowsStandWhereThePackageSaysSo(t *testing.T) {
	l, v := newLedger(t)
	for _, c := range []ledger.Copy{
		toArchive(1),
		ledger.OfRecord("demo", record, 12, "push:crm", "2", 2),
		ledger.OfAccount("demo", "extract:x1"),
		ledger.OfNotice("demo", "20261121T120000.000Z-a", "mail:administrators", "blind"),
		ledger.OfDigest("demo", noon.In(time.FixedZone("", 3600)), "mail:archive", "blind#0001"),
	} {
		if claim, err := l.Begin(t.Context(), c, "me"); err != nil || !claim.Mine {
			t.Fatalf("begin %+v: %+v %v", c, claim, err)
		}
	}
	var got []string
	for _, item := range v.Items(t, v.Tables.Control) {
		got = append(got, attr.GetS(item, "pk")+" "+attr.GetS(item, "sk"))
	}
	slices.Sort(got)
	want := []string{
		"demo#copy#" + record + "# 0001#mail:archive#blind",
		"demo#copy#" + record + "# 0012#push:crm#2",
		"demo#copy#account# extract:x1",
		"demo#copy#digest# 2026-11-21T12:00:00Z#mail:archive#blind#0001",
		"demo#copy#told# 20261121T120000.000Z-a#mail:administrators#blind",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}

func TestStoreACopyLeavesOnce(t *testing.T) {
	type step struct {
		does  string
		after time.Duration
		by    string
		mine  bool
		state ledger.State
		err   error
	}
	begin := func(after time.Duration, by string, mine bool, state ledger.State, err error) step {
		return step{"begin", after, by, mine, state, err}
	}
	for _, tc := range []struct {
		name  string
		steps []step
	}{
		{"what left is not claimed again, however late", []step{
			begin(0, "a", true, ledger.Leaving, nil), {does: "left"}, begin(0, "b", false, ledger.Left, nil),
			begin(365*24*time.Hour, "c", false, ledger.Left, nil),
		}},
		{"what failed is not claimed again", []step{
			begin(0, "a", true, ledger.Leaving, nil), {does: "failed"}, begin(ledger.Lease, "b", false, ledger.Failed, nil),
		}},
		{"what somebody is sending is turned away until the lease is over", []step{
			begin(0, "a", true, ledger.Leaving, nil), begin(0, "b", false, "", ledger.ErrLeased),
			begin(ledger.Lease-time.Millisecond, "b", false, "", ledger.ErrLeased), begin(time.Millisecond, "b", true, ledger.Leaving, nil),
		}},
		{"being turned away does not make the lease longer", []step{
			begin(0, "a", true, ledger.Leaving, nil), begin(ledger.Lease/2, "b", false, "", ledger.ErrLeased),
			begin(ledger.Lease/2, "c", true, ledger.Leaving, nil),
		}},
		{"the same claimant has it again at once", []step{
			begin(0, "a", true, ledger.Leaving, nil), begin(0, "a", true, ledger.Leaving, nil), {does: "left"},
			begin(0, "a", false, ledger.Left, nil),
		}},
		{"what is released is claimed at once", []step{
			begin(0, "a", true, ledger.Leaving, nil), {does: "release"}, begin(0, "b", true, ledger.Leaving, nil),
		}},
		{"who was taken over says that it left all the same", []step{
			begin(0, "a", true, ledger.Leaving, nil), begin(ledger.Lease, "b", true, ledger.Leaving, nil), {does: "left", by: "a"},
			begin(ledger.Lease, "c", false, ledger.Left, nil),
		}},
		{"who was taken over cannot give up what another sends", []step{
			begin(0, "a", true, ledger.Leaving, nil), begin(ledger.Lease, "b", true, ledger.Leaving, nil), {does: "failed", by: "a"},
			{does: "release", by: "a"}, begin(0, "c", false, "", ledger.ErrLeased),
		}},
		{"what left cannot fail any more", []step{
			begin(0, "a", true, ledger.Leaving, nil), {does: "left"}, {does: "failed"}, begin(0, "b", false, ledger.Left, nil),
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, v := newLedger(t)
			claims, last := map[string]ledger.Claim{}, ""
			for i, s := range tc.steps {
				v.Clock.Advance(s.after)
				if s.does == "begin" {
					claim, err := l.Begin(t.Context(), toArchive(1), s.by)
					if claim.Mine != s.mine || claim.State != s.state || !errors.Is(err, s.err) {
						t.Fatalf("step %d: mine %t, state %q, error %v", i, claim.Mine, claim.State, err)
					}
					if claim.Mine {
						claims[s.by], last = claim, s.by
					}
					continue
				}
				if s.by == "" {
					s.by = last
				}
				claim := claims[s.by]
				var err error
				switch s.does {
				case "left":
					err = claim.Left(t.Context())
				case "failed":
					err = claim.Failed(t.Context(), "rejected")
				case "release":
					err = claim.Release(t.Context())
				}
				if err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
			}
		})
	}
}

func TestStoreOfManyClaimantsOneHasIt(t *testing.T) {
	l, _ := newLedger(t)
	for round := range 5 {
		var mine, leased int
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				claim, err := l.Begin(context.Background(), toArchive(round+1), fmt.Sprint(i))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case errors.Is(err, ledger.ErrLeased):
					leased++
				case err == nil && claim.Mine:
					mine++
				default:
					t.Errorf("%+v %v", claim, err)
				}
			})
		}
		all.Wait()
		if mine != 1 || leased != 15 {
			t.Errorf("%d have it and %d were turned away", mine, leased)
		}
	}
}

func TestStoreTheLedgerTells(t *testing.T) {
	l, v := newLedger(t)
	claim, err := l.Begin(t.Context(), toArchive(1), "a")
	if err != nil {
		t.Fatal(err)
	}
	v.Clock.Advance(ledger.Lease)
	if claim, err = l.Begin(t.Context(), ledger.OfRecord("demo", record, 1, "mail:archive", "blind", 2), "b"); err != nil {
		t.Fatal(err)
	}
	v.Clock.Advance(time.Second)
	if err := claim.Left(t.Context()); err != nil {
		t.Fatal(err)
	}
	other, err := l.Begin(t.Context(), ledger.OfRecord("demo", record, 1, "mail:visitor", "other", 1), "c")
	if err != nil || other.Failed(t.Context(), "suppressed") != nil {
		t.Fatal(err)
	}
	if _, err := l.Begin(t.Context(), toArchive(2), "d"); err != nil { // another life of it
		t.Fatal(err)
	}
	if _, err := l.Begin(t.Context(), ledger.OfRecord("demo2", record, 1, "mail:archive", "blind", 1), "e"); err != nil {
		t.Fatal(err)
	}
	got, err := l.List(t.Context(), "demo", record, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := []ledger.Entry{
		{Copy: ledger.Copy{Account: "demo", Record: record, Incarnation: 1, Destination: "mail:archive", Detail: "blind", Revision: 2},
			State: ledger.Left, At: noon.Add(ledger.Lease), LeftAt: noon.Add(ledger.Lease + time.Second), By: "b", Attempt: 2},
		{Copy: ledger.Copy{Account: "demo", Record: record, Incarnation: 1, Destination: "mail:visitor", Detail: "other", Revision: 1},
			State: ledger.Failed, At: noon.Add(ledger.Lease + time.Second), By: "c", Attempt: 1, Code: "suppressed"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(ledger.Copy{})); diff != "" {
		t.Errorf("entries (-want +got)\n%s", diff)
	}
}

func TestStoreALongLedgerIsReadInPages(t *testing.T) {
	l, _ := newLedger(t)
	for i := range 205 {
		if _, err := l.Begin(t.Context(), ledger.OfRecord("demo", record, 1, "mail:archive", fmt.Sprintf("%03d", i), 1), "a"); err != nil {
			t.Fatal(err)
		}
	}
	var pages []int
	var details []string
	for after := ""; ; {
		page, next, err := l.Page(t.Context(), "demo", record, 1, after)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, len(page))
		for _, e := range page {
			details = append(details, e.Detail)
		}
		if after = next; next == "" {
			break
		}
	}
	all, err := l.List(t.Context(), "demo", record, 1)
	if err != nil || len(all) != 205 || len(details) != 205 || !slices.IsSorted(details) || !slices.Equal(pages, []int{100, 100, 5}) {
		t.Errorf("%d entries, pages %v, %d details, %v", len(all), pages, len(details), err)
	}
	if strings.Join(details[:2], " ") != "000 001" {
		t.Errorf("it begins with %v", details[:2])
	}
}

func TestStoreARefusedRequestIsNoAnswer(t *testing.T) {
	l, v := newLedger(t)
	broken := errors.New("throttled")
	v.Fault.Set(func(context.Context, vaulttest.Request) error { return broken })
	if claim, err := l.Begin(t.Context(), toArchive(1), "a"); !errors.Is(err, broken) || claim.Mine {
		t.Errorf("begin: %+v %v", claim, err)
	}
	if _, err := l.List(t.Context(), "demo", record, 1); !errors.Is(err, broken) {
		t.Errorf("list: %v", err)
	}
	v.Fault.Set(nil)
	claim, err := l.Begin(t.Context(), toArchive(1), "a")
	if err != nil {
		t.Fatal(err)
	}
	v.Fault.Set(func(context.Context, vaulttest.Request) error { return broken })
	for name, says := range map[string]error{
		"left": claim.Left(t.Context()), "failed": claim.Failed(t.Context(), "rejected"), "release": claim.Release(t.Context()),
	} {
		if !errors.Is(says, broken) {
			t.Errorf("%s: %v", name, says)
		}
	}
}

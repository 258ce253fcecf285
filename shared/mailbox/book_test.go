package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/minimise"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

// newBook is the book of a new account.
func newBook(t *testing.T) (*mailbox.Book, *vaulttest.Vault) {
	t.Helper()
	v := vaulttest.New(t, noon)
	generated, err := v.KMS.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{EncryptionContext: keyring.KMSContext("demo")})
	if err != nil {
		t.Fatal(err)
	}
	put := func(table string, item attr.Item) {
		if _, err := v.DB.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	for _, item := range vault.NewAccountItems("demo", keyring.NewAccount("demo", generated.Plaintext), generated.CiphertextBlob) {
		put(v.Tables.Keys, item)
	}
	policy := account.Policy{Version: 1, InForce: retention.InForce{Policy: retention.Policy{Plan: retention.Standard}, Zone: time.UTC}, Start: minimise.Minimal, At: noon}.Item()
	policy["pk"], policy["sk"] = attr.S(account.Partition("demo")), attr.S(account.PolicyKey)
	put(v.Tables.Control, policy)
	ses, err := v.Open(t.Context(), "demo", "")
	if err != nil {
		t.Fatal(err)
	}
	return mailbox.Open(v.Store, ses), v
}

func TestStoreADestinationIsReadAsItWasKept(t *testing.T) {
	b, v := newBook(t)
	archive := mailbox.Destination{
		Name: "archive", When: mailbox.Weekly, Content: letter.Redacted, Kinds: []retention.Kind{retention.Ticket},
		To: mailbox.To{Kind: mailbox.Fixed, Addresses: []string{"quibblethorn@example.com", "b@example.com"}},
	}
	agents := mailbox.Destination{
		Name: "agents", When: mailbox.Settled, Content: letter.Link, Kinds: mailbox.Kinds(),
		To: mailbox.To{Kind: mailbox.Agent, Agents: map[string]string{"Zephyrwhistle": "z@example.com"}},
	}
	for _, d := range []mailbox.Destination{archive, agents} {
		if err := b.Put(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	all, err := b.Destinations(t.Context())
	if diff := cmp.Diff([]mailbox.Destination{agents, archive}, all); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	one, ok, err := b.Destination(t.Context(), "archive")
	if diff := cmp.Diff(archive, one); err != nil || !ok || diff != "" {
		t.Errorf("%t %v (-want +got)\n%s", ok, err, diff)
	}
	if _, ok, err := b.Destination(t.Context(), "other"); ok || err != nil {
		t.Errorf("one that is not there: %t %v", ok, err)
	}
	for _, item := range v.Items(t, v.Tables.Control) {
		for name, value := range item {
			if said := fmt.Sprint(value); strings.Contains(said, "quibblethorn") || strings.Contains(said, "Zephyrwhistle") {
				t.Errorf("%s is in the clear: %s", name, said)
			}
		}
	}
	// What is wrapped for one row opens in no other.
	for _, item := range v.Items(t, v.Tables.Control) {
		if attr.GetS(item, "sk") == "archive" {
			item["sk"] = attr.S("stolen")
			v.Restore(t, v.Tables.Control, []attr.Item{item})
		}
	}
	if _, _, err := b.Destination(t.Context(), "stolen"); !errors.Is(err, keyring.ErrUnwrap) {
		t.Errorf("a row under another key: %v", err)
	}
}

func TestStoreASuppressionKeepsWhyAndSinceWhen(t *testing.T) {
	b, _ := newBook(t)
	blind := b.Blind("A@Example.com ")
	if blind != b.Blind("a@example.com") || !mailbox.ValidBlind(blind) {
		t.Fatalf("the blind index is %q", blind)
	}
	first := mailbox.Suppression{ID: blind, Address: "a@example.com", Reason: mailbox.Bounced, At: noon}
	later := mailbox.Suppression{ID: blind, Address: "", Reason: mailbox.Complained, At: noon.Add(time.Hour)}
	for _, s := range []mailbox.Suppression{first, later} {
		if err := b.Suppress(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	all, err := b.Suppressions(t.Context())
	if diff := cmp.Diff([]mailbox.Suppression{first}, all); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for _, want := range []bool{true, false} {
		if got, err := b.IsSuppressed(t.Context(), blind); err != nil || got != want {
			t.Errorf("suppressed: %t %v", got, err)
		}
		if ok, err := b.Unsuppress(t.Context(), blind); err != nil || ok != want {
			t.Errorf("lifted: %t %v", ok, err)
		}
	}
}

func TestStoreTheLogIsReadFromTheNewest(t *testing.T) {
	b, _ := newBook(t)
	var want []mailbox.Logged
	for i := range 25 {
		e := mailbox.Logged{
			At: noon.Add(-time.Duration(i) * 37 * time.Hour), Event: mailbox.LogSent, Destination: "archive", Conversation: fmt.Sprint(i), Address: fmt.Sprintf("%d@example.com", i),
		}
		want = append(want, e)
		for range 2 { // the same again is no second one
			if err := b.Log(t.Context(), e, fmt.Sprintf("id%d", i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	over := mailbox.Logged{At: noon.Add(-mailbox.LogKeeps), Event: mailbox.LogSent, Destination: "archive"}
	if err := b.Log(t.Context(), over, "idx"); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, 7, 25, 100} {
		var got []mailbox.Logged
		for cursor := ""; ; {
			page, next, err := b.LogPage(t.Context(), limit, cursor)
			if err != nil || len(page) > limit {
				t.Fatalf("%d entries, %v", len(page), err)
			}
			got = append(got, page...)
			if cursor = next; next == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d (-want +got)\n%s", limit, diff)
		}
	}
}

func aDigest(from time.Time) mailbox.Digest {
	return mailbox.Digest{Account: "demo", Destination: "archive", When: mailbox.Hourly, Period: mailbox.Period{From: from, To: from.Add(time.Hour)}}
}

func TestStoreADigestIsTakenByOne(t *testing.T) {
	b, v := newBook(t)
	d := aDigest(noon)
	filed := []mailbox.Filed{
		{Record: strings.Repeat("b", 32), Incarnation: 1, Kind: retention.Chat, Settled: noon.Add(time.Minute), Mailboxes: []string{"x"}, Content: letter.Full, Size: 9},
		{Record: strings.Repeat("a", 32), Incarnation: 12, Kind: retention.Ticket, Settled: noon.Add(2 * time.Minute), Mailboxes: []string{"x", "y"}, Content: letter.Link, Size: 7},
	}
	for _, f := range slices.Backward(filed) {
		for range 2 {
			if err := b.File(t.Context(), d, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	due := func(at time.Time, want int) {
		t.Helper()
		v.Clock.Set(at)
		if all, err := b.Due(t.Context()); err != nil || len(all) != want || want == 1 && all[0] != d {
			t.Errorf("%v: due %+v %v", at, all, err)
		}
	}
	take := func() (*mailbox.Taken, bool) {
		t.Helper()
		taken, ok, err := b.Take(t.Context(), "archive", d.To, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return taken, ok
	}
	due(d.To.Add(mailbox.Grace-time.Second), 0)
	if _, ok := take(); ok {
		t.Error("it was taken before it was due")
	}
	due(d.To.Add(mailbox.Grace), 1)
	var mu sync.Mutex
	var all sync.WaitGroup
	taken := 0
	for range 8 {
		all.Go(func() {
			if _, ok, err := b.Take(context.Background(), "archive", d.To, time.Minute); err == nil && ok {
				mu.Lock()
				defer mu.Unlock()
				taken++
			}
		})
	}
	all.Wait()
	if taken != 1 {
		t.Errorf("%d have it", taken)
	}
	v.Clock.Advance(time.Minute)
	held, ok := take()
	if !ok || held.Digest != d || held.Done {
		t.Fatalf("after the lease: %+v %t", held, ok)
	}
	got, err := held.Conversations(t.Context())
	if diff := cmp.Diff(filed, got); err != nil || diff != "" {
		t.Errorf("%v: in it (-want +got)\n%s", err, diff)
	}
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.Clock.Advance(-5 * time.Millisecond)
	if held, ok = take(); !ok {
		t.Fatal("it was released, and cannot be taken by a clock that is behind")
	}
	if err := errors.Join(held.Sent(t.Context()), held.Release(t.Context())); err != nil {
		t.Fatal(err)
	}
	if held, ok = take(); !ok || !held.Done {
		t.Errorf("sent: %+v %t", held, ok)
	}
	if err := held.Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := held.Delete(t.Context()); err != nil { // done again after it was interrupted
		t.Fatal(err)
	}
	if _, ok := take(); ok {
		t.Error("it was deleted, and can be taken")
	}
	for _, item := range v.Items(t, v.Tables.Control) {
		if strings.Contains(attr.GetS(item, "pk"), "#digest#") {
			t.Errorf("left: %v", item)
		}
	}
}

// Permissions go by forms of partition keys: no name may bring a row under the form of another kind.
func TestStoreNoNameOfADestinationReachesAnotherKindOfRow(t *testing.T) {
	b, v := newBook(t)
	for _, name := range []string{"audit", "copy", "mail", "mailbox", "maillog", "digest", "link", "extract"} {
		d := aDigest(noon)
		d.Destination = name
		if err := b.File(t.Context(), d, mailbox.Filed{Record: strings.Repeat("b", 32), Incarnation: 1}); err != nil {
			t.Fatal(err)
		}
		if err := b.Put(t.Context(), mailbox.Destination{Name: name, To: mailbox.To{Kind: mailbox.Visitor}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, item := range v.Items(t, v.Tables.Control) {
		pk := attr.GetS(item, "pk")
		kinds := 0
		for _, kind := range []string{"audit", "copy", "mail", "mailbox", "maillog", "digest", "link", "extract"} {
			if strings.Contains(pk, "#"+kind+"#") {
				kinds++
			}
		}
		if kinds > 1 {
			t.Errorf("%s has the form of several kinds", pk)
		}
	}
}

package keyring_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/retention"
)

// key is a key of one repeated byte, for vectors.
func key(b byte) []byte { return bytes.Repeat([]byte{b}, keyring.Size) }

func TestWrap(t *testing.T) {
	account := keyring.NewAccount("demo", key(1))
	secret := keyring.NewKey()
	wrapped := account.Wrap("row", secret)
	if len(wrapped) != 60 {
		t.Errorf("a wrapped key has %d bytes, want 60", len(wrapped))
	}
	got, err := account.Unwrap("row", wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(secret, got); diff != "" {
		t.Errorf("unwrapped (-want +got):\n%s", diff)
	}
	if again := account.Wrap("row", secret); bytes.Equal(wrapped, again) {
		t.Error("the same key wrapped twice looks the same: the nonce repeats")
	}
	for name, secret := range map[string][]byte{"nothing": {}, "a byte": {7}, "a kilobyte": bytes.Repeat([]byte("x"), 1024)} {
		if got, err := account.Unwrap("row", account.Wrap("row", secret)); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%s comes back as %x, %v", name, got, err)
		}
	}
}

func TestUnwrapRefuses(t *testing.T) {
	account := keyring.NewAccount("demo", key(1))
	wrapped := account.Wrap("demo#\x00row", key(9))
	other := account.Wrap("demo#\x00other", key(8))
	for _, tc := range []struct {
		name    string
		account *keyring.Account
		place   string
		wrapped []byte
	}{
		{"a row that stands in another's place", account, "demo#\x00other", wrapped},
		{"another's row in this place", account, "demo#\x00row", other},
		{"a place that begins alike", account, "demo#\x00ro", wrapped},
		{"no place", account, "", wrapped},
		{"another account with the same key", keyring.NewAccount("demo2", key(1)), "demo#\x00row", wrapped},
		{"an account whose id takes a letter of the place", keyring.NewAccount("demod", key(1)), "emo#\x00row", wrapped},
		{"the same account with another key", keyring.NewAccount("demo", key(2)), "demo#\x00row", wrapped},
		{"nothing", account, "demo#\x00row", nil},
		{"less than a nonce and a tag", account, "demo#\x00row", wrapped[:27]},
		{"a nonce and a tag alone", account, "demo#\x00row", wrapped[:28]},
		{"a byte too few", account, "demo#\x00row", wrapped[:len(wrapped)-1]},
		{"a byte too many", account, "demo#\x00row", append(bytes.Clone(wrapped), 0)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := tc.account.Unwrap(tc.place, tc.wrapped); !errors.Is(err, keyring.ErrUnwrap) || got != nil {
				t.Errorf("unwrapped %x, %v, want %v", got, err, keyring.ErrUnwrap)
			}
		})
	}
	t.Run("any flipped bit", func(t *testing.T) {
		for i := range len(wrapped) * 8 {
			flipped := bytes.Clone(wrapped)
			flipped[i/8] ^= 1 << (i % 8)
			if got, err := account.Unwrap("demo#\x00row", flipped); !errors.Is(err, keyring.ErrUnwrap) || got != nil {
				t.Errorf("bit %d: unwrapped %x, %v, want %v", i, got, err, keyring.ErrUnwrap)
			}
		}
	})
}

func FuzzUnwrap(f *testing.F) {
	account := keyring.NewAccount("demo", key(1))
	f.Add("row", account.Wrap("row", key(9)))
	f.Add("row", account.Wrap("other", key(9)))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, place string, wrapped []byte) {
		before := bytes.Clone(wrapped)
		secret, err := account.Unwrap(place, wrapped)
		if !bytes.Equal(before, wrapped) {
			t.Error("unwrapping changed what it was given")
		}
		if err != nil {
			if !errors.Is(err, keyring.ErrUnwrap) || secret != nil {
				t.Errorf("unwrapped %x, %v", secret, err)
			}
			return
		}
		if len(secret) != len(wrapped)-28 {
			t.Errorf("unwrapped %d bytes of %d", len(secret), len(wrapped))
		}
	})
}

func TestNewKeysDiffer(t *testing.T) {
	a, b := keyring.NewKey(), keyring.NewKey()
	if len(a) != keyring.Size || bytes.Equal(a, b) || bytes.Equal(a, make([]byte, keyring.Size)) {
		t.Errorf("keys %x and %x", a, b)
	}
}

// TestDerivedKeysDiffer derives keys of parts that differ in one thing each, among them parts that read the same when they
// stand one behind the other, and keys of other uses of the same parts.
func TestDerivedKeysDiffer(t *testing.T) {
	cohort, own := key(1), key(2)
	base := keyring.Record{Account: "demo", Kind: retention.Chat, ID: "abc", Incarnation: 1}
	with := func(change func(*keyring.Record)) keyring.Record {
		r := base
		change(&r)
		return r
	}
	account := func(r *keyring.Record) { r.Account = "demo2" }
	kind := func(r *keyring.Record) { r.Kind = retention.Fact }
	id := func(r *keyring.Record) { r.ID = "abd" }
	incarnation := func(r *keyring.Record) { r.Incarnation = 2 }
	shifted := func(r *keyring.Record) { r.Account, r.Kind = "democ", "hat" } // demo chat
	moved := func(r *keyring.Record) { r.ID, r.Incarnation = "abc1", 1 }
	derived := map[string][]byte{
		"a record":                                  keyring.RecordKey(cohort, own, base, 1),
		"a record of another account":               keyring.RecordKey(cohort, own, with(account), 1),
		"a record of another kind":                  keyring.RecordKey(cohort, own, with(kind), 1),
		"a record of another id":                    keyring.RecordKey(cohort, own, with(id), 1),
		"a record of another incarnation":           keyring.RecordKey(cohort, own, with(incarnation), 1),
		"a record of another revision":              keyring.RecordKey(cohort, own, base, 2),
		"a record under another cohort key":         keyring.RecordKey(key(3), own, base, 1),
		"a record under another own key":            keyring.RecordKey(cohort, key(3), base, 1),
		"a record with the keys swapped":            keyring.RecordKey(own, cohort, base, 1),
		"a record with a letter of another part":    keyring.RecordKey(cohort, own, with(shifted), 1),
		"a record with a digit of another part":     keyring.RecordKey(cohort, own, with(moved), 1),
		"a record of incarnation 1 and revision 11": keyring.RecordKey(cohort, own, base, 11),
		"a record of incarnation 11 and revision 1": keyring.RecordKey(cohort, own, with(func(r *keyring.Record) { r.Incarnation = 11 }), 1),
		"an entry":                                keyring.EntryKey(own, base, 1, "e"),
		"an entry under another own key":          keyring.EntryKey(key(3), base, 1, "e"),
		"an entry of another account":             keyring.EntryKey(own, with(account), 1, "e"),
		"an entry of another kind":                keyring.EntryKey(own, with(kind), 1, "e"),
		"an entry of another record":              keyring.EntryKey(own, with(id), 1, "e"),
		"an entry of another incarnation":         keyring.EntryKey(own, with(incarnation), 1, "e"),
		"an entry of another generation":          keyring.EntryKey(own, base, 2, "e"),
		"an entry of another id":                  keyring.EntryKey(own, base, 1, "f"),
		"an entry without an id":                  keyring.EntryKey(own, base, 1, ""),
		"an entry with a digit of the generation": keyring.EntryKey(own, base, 1, "1e"),
		"an entry of generation 11":               keyring.EntryKey(own, base, 11, "e"),
		"a fact":                                  keyring.DayKey(cohort, base),
		"a fact of another account":               keyring.DayKey(cohort, with(account)),
		"a fact of another kind":                  keyring.DayKey(cohort, with(kind)),
		"a fact of another id":                    keyring.DayKey(cohort, with(id)),
		"a fact under another cohort key":         keyring.DayKey(own, base),
		"a message":                               keyring.NewAccount("demo", cohort).QueueKey("m"),
		"another message":                         keyring.NewAccount("demo", cohort).QueueKey("n"),
		"a message of another account":            keyring.NewAccount("demo2", cohort).QueueKey("m"),
		"a message under another account key":     keyring.NewAccount("demo", own).QueueKey("m"),
		"a message with a letter of the account":  keyring.NewAccount("dem", cohort).QueueKey("om"),
		"the cohort key itself":                   cohort,
		"the own key itself":                      own,
	}
	seen := map[string]string{}
	for name, k := range derived {
		if len(k) != keyring.Size {
			t.Errorf("the key of %s has %d bytes", name, len(k))
		}
		if other, twice := seen[string(k)]; twice {
			t.Errorf("%s and %s have the same key", name, other)
		}
		seen[string(k)] = name
	}
}

// TestDerivedKeysStay pins the derivation: what is sealed under these keys must open as long as it is kept.
func TestDerivedKeysStay(t *testing.T) {
	r := keyring.Record{Account: "demo", Kind: retention.Chat, ID: "abcdefghijklmnopqrstuvwxyz234567", Incarnation: 1}
	for _, tc := range []struct {
		name string
		key  []byte
		want string
	}{
		{"of a record", keyring.RecordKey(key(1), key(2), r, 3), "4c825a43738859b9ea152c15b170dfe26aa831d82d4e39b08fdb38cb80f872a0"},
		{"of an entry", keyring.EntryKey(key(2), r, 1_763_757_000, "e"), "79271f707202ec89e0355da712a38c4fdf7158d1552b37c8e373e445bf430979"},
		{"of a fact", keyring.DayKey(key(1), r), "8c66d287f41e99eb69f4dc68fe3af99af3471cf483d5a65f139f90631408bec8"},
		{"of a message", keyring.NewAccount("demo", key(4)).QueueKey("m"), "b98e03cecab3fb14dea8bbb44a456eec841fb49cfdf28788620536134347c7d3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, hex.EncodeToString(tc.key)); diff != "" {
				t.Errorf("key (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("of a row", func(t *testing.T) {
		wrapped, err := hex.DecodeString("3fccfbd6bf33026473c594780442af4827af07b0822eb9ff6a8a37594e9f4e831711732fcdd01f8c30388ef1f37a3702fd4135d94d10688792949c9e")
		if err != nil {
			t.Fatal(err)
		}
		got, err := keyring.NewAccount("demo", key(4)).Unwrap("demo#\x00index", wrapped)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(key(5), got); diff != "" {
			t.Errorf("unwrapped (-want +got):\n%s", diff)
		}
	})
}

func TestIndex(t *testing.T) {
	x := keyring.NewIndex(key(6))
	for _, tc := range []struct {
		name, got, want string
		length          int
	}{
		{"a record's id", x.RecordID("chatwoot", retention.Chat, "4182"), "cmkhftimhutv2q3jb3slmokdupvylhm3", 32},
		{"an entry's id", x.EntryID("abcdefghijklmnopqrstuvwxyz234567", "message/1"), "pseq5ahv4kqz64xvgwwxrmkulb", 26},
		{"a subject", x.Subject("email", "marta@example.com"), "qphwoxeho5pwxhoqabhdfujsnzttujux", 32},
		{"a visitor", x.Visitor("192.0.2.7"), "islqyv5o42bmkulmaamrpkugsgofgwqg", 32},
		{"a fact's id", x.FactID("abcdefghijklmnopqrstuvwxyz234567", 1), "hi4xpnr5i6fbv67jm43f44a23b65lfyo", 32},
		{"an agent's pseudonym", x.Pseudonym("chatwoot", "a1"), "h2q2ygunnmli5iod", 16},
		{"a record of nothing", x.RecordID("", "", ""), "gzx3srnywfvh5jqvzuyicvba4ez4jcba", 32},
	} {
		t.Run(tc.name+" stays", func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.got); diff != "" {
				t.Errorf("name (-want +got):\n%s", diff)
			}
			if !regexp.MustCompile(fmt.Sprintf("^[a-z2-7]{%d}$", tc.length)).MatchString(tc.got) {
				t.Errorf("%q is not %d of a-z and 2-7", tc.got, tc.length)
			}
		})
	}
	t.Run("names differ whenever a part differs", func(t *testing.T) {
		other := keyring.NewIndex(key(7))
		names := map[string]string{
			"a record":                      x.RecordID("a", "k", "b"),
			"another source":                x.RecordID("c", "k", "b"),
			"another kind":                  x.RecordID("a", "l", "b"),
			"another conversation":          x.RecordID("a", "k", "c"),
			"the parts swapped":             x.RecordID("b", "k", "a"),
			"the first part has all":        x.RecordID("akb", "", ""),
			"the second part has all":       x.RecordID("", "", "akb"),
			"a NUL between":                 x.RecordID("a\x00", "k", "b"),
			"another index key":             other.RecordID("a", "k", "b"),
			"a subject of the same parts":   x.Subject("a", "b"),
			"another field":                 x.Subject("b", "b"),
			"another value":                 x.Subject("a", "a"),
			"a subject of another key":      other.Subject("a", "b"),
			"a fact":                        x.FactID("a", 1),
			"a fact of another incarnation": x.FactID("a", 2),
			"a fact of another record":      x.FactID("b", 1),
			"a record whose id is a number": x.RecordID("a", "k", "1"),
		}
		for name, n := range maps.Clone(names) {
			for other, m := range names {
				if name != other && n == m {
					t.Errorf("%s and %s have the name %s", name, other, n)
				}
			}
		}
		if x.EntryID("a", "b") == x.RecordID("a", "k", "b")[:26] || x.Pseudonym("a", "b") == x.RecordID("a", "k", "b")[:16] {
			t.Error("an entry or an agent has the name of a record")
		}
	})
}

// service is a KMS that answers what the test says.
type service struct {
	calls  atomic.Int64
	answer func(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error)
}

func (s *service) Decrypt(ctx context.Context, in *kms.DecryptInput, _ ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	s.calls.Add(1)
	return s.answer(ctx, in)
}

// opens answers a key that is made of the wrapped one.
func opens(_ context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	return &kms.DecryptOutput{Plaintext: key(in.CiphertextBlob[0])}, nil
}

// same says whether two opened accounts have the same key.
func same(t *testing.T, a, b *keyring.Account) {
	t.Helper()
	if diff := cmp.Diff(hex.EncodeToString(a.QueueKey("m")), hex.EncodeToString(b.QueueKey("m"))); diff != "" {
		t.Errorf("opened to another key (-want +got):\n%s", diff)
	}
}

func TestRingAsksOnceForAHundredCallersAndAgainAfterFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
			time.Sleep(time.Second)
			if diff := cmp.Diff(map[string]string{"account": "demo"}, in.EncryptionContext); diff != "" {
				t.Errorf("encryption context (-want +got):\n%s", diff)
			}
			return opens(ctx, in)
		}}
		ring := keyring.New(s, time.Now)
		open := func() {
			t.Helper()
			a, err := ring.Open(t.Context(), "demo", []byte{1})
			if err != nil {
				t.Error(err)
				return
			}
			if a.ID() != "demo" {
				t.Errorf("opened the account %q", a.ID())
			}
			same(t, keyring.NewAccount("demo", key(1)), a)
		}
		asked := func(want int64, when string) {
			t.Helper()
			if got := s.calls.Load(); got != want {
				t.Errorf("%s KMS was asked %d times, want %d", when, got, want)
			}
		}
		hundred := func() {
			var all sync.WaitGroup
			for range 100 {
				all.Go(open)
			}
			all.Wait()
		}
		hundred()
		asked(1, "by a hundred callers")
		time.Sleep(keyring.Life - time.Nanosecond)
		hundred()
		asked(1, "just before five minutes")
		time.Sleep(time.Nanosecond)
		hundred()
		asked(2, "after five minutes")
		open()
		asked(2, "right after that")
	})
	if keyring.Life != 5*time.Minute {
		t.Errorf("a key is kept for %s", keyring.Life)
	}
}

func TestRingKeepsNoError(t *testing.T) {
	refused := errors.New("AccessDeniedException")
	s := &service{}
	ring := keyring.New(s, time.Now)
	for _, tc := range []struct {
		name   string
		answer func(context.Context, *kms.DecryptInput) (*kms.DecryptOutput, error)
		is     error
	}{
		{"KMS refuses", func(context.Context, *kms.DecryptInput) (*kms.DecryptOutput, error) { return nil, refused }, refused},
		{"KMS answers a short key", func(context.Context, *kms.DecryptInput) (*kms.DecryptOutput, error) {
			return &kms.DecryptOutput{Plaintext: key(1)[1:]}, nil
		}, nil},
		{"KMS answers no key", func(context.Context, *kms.DecryptInput) (*kms.DecryptOutput, error) { return &kms.DecryptOutput{}, nil }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.answer = tc.answer
			before := s.calls.Load()
			for range 2 {
				if a, err := ring.Open(t.Context(), "demo", []byte{1}); err == nil || a != nil || tc.is != nil && !errors.Is(err, tc.is) {
					t.Fatalf("opened %v, %v, want an error", a, err)
				}
			}
			if got := s.calls.Load() - before; got != 2 {
				t.Errorf("two callers, one after the other, asked %d times, want 2", got)
			}
		})
	}
	s.answer = opens
	if _, err := ring.Open(t.Context(), "demo", []byte{1}); err != nil {
		t.Errorf("when KMS opens again: %v", err)
	}
}

func TestRingTellsWrappedKeysAndAccountsApart(t *testing.T) {
	s := &service{answer: opens}
	ring := keyring.New(s, time.Now)
	for _, tc := range []struct {
		name, account string
		wrapped       []byte
		asks          int64
	}{
		{"the first", "demo", []byte{1}, 1},
		{"the same again, from memory", "demo", []byte{1}, 0},
		{"a key that was replaced", "demo", []byte{2}, 1},
		{"another account with the same blob", "demo2", []byte{2}, 1},
		{"an account that takes a letter of the blob", "dem", []byte{'o', '#', 2}, 1},
		{"the old key, still in memory", "demo", []byte{1}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := s.calls.Load()
			a, err := ring.Open(t.Context(), tc.account, tc.wrapped)
			if err != nil {
				t.Fatal(err)
			}
			same(t, keyring.NewAccount(tc.account, key(tc.wrapped[0])), a)
			if got := s.calls.Load() - before; got != tc.asks {
				t.Errorf("KMS was asked %d times, want %d", got, tc.asks)
			}
		})
	}
}

func TestOneCallerWhoLeavesFailsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Second):
				return opens(ctx, in)
			}
		}}
		ring := keyring.New(s, time.Now)
		leaving, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			began := time.Now()
			if a, err := ring.Open(leaving, "demo", []byte{1}); !errors.Is(err, context.Canceled) || a != nil {
				t.Errorf("who left got %v, %v", a, err)
			}
			if waited := time.Since(began); waited != 500*time.Millisecond {
				t.Errorf("who left after half a second was let go after %s", waited)
			}
		})
		synctest.Wait() // the one who leaves is the one who asks
		for range 10 {
			all.Go(func() {
				a, err := ring.Open(t.Context(), "demo", []byte{1})
				if err != nil {
					t.Errorf("who stayed got %v", err)
					return
				}
				same(t, keyring.NewAccount("demo", key(1)), a)
			})
		}
		time.Sleep(500 * time.Millisecond)
		leave()
		all.Wait()
		if got := s.calls.Load(); got != 1 {
			t.Errorf("KMS was asked %d times, want once", got)
		}
	})
}

func TestACallOfKMSEndsWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(ctx context.Context, _ *kms.DecryptInput) (*kms.DecryptOutput, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		began := time.Now()
		if _, err := keyring.New(s, time.Now).Open(t.Context(), "demo", []byte{1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
		}
		if waited := time.Since(began); waited != 5*time.Second {
			t.Errorf("it was given up after %s, want 5s", waited)
		}
	})
}

package account_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
)

func TestLinks(t *testing.T) {
	link := account.NewLink(now)
	t.Run("are read as they were sent", func(t *testing.T) {
		got, err := account.ParseLink(link.Reveal())
		if err != nil || got != link || !got.Matches(link.Hash()) {
			t.Errorf("read %q, want %q: %v", got.Reveal(), link.Reveal(), err)
		}
	})
	t.Run("are as long as every other, so that a letter's size is known before", func(t *testing.T) {
		for _, at := range []time.Time{time.Unix(0, 0), now, now.AddDate(500, 0, 0)} {
			if got := account.NewLink(at).Reveal(); len(got) != len("svl_")+14+1+52 {
				t.Errorf("%q is %d characters", got, len(got))
			}
		}
	})
	t.Run("match the hash of their secret only", func(t *testing.T) {
		other := account.NewLink(now)
		hash := link.Hash()
		if len(hash) != 32 || strings.Contains(link.Reveal(), string(hash)) {
			t.Errorf("the hash is %x", hash)
		}
		for name, hash := range map[string][]byte{
			"another link's": other.Hash(), "none": nil, "an empty one": {}, "a part": hash[:31], "a longer one": append(bytes.Clone(hash), 0),
		} {
			if link.Matches(hash) {
				t.Errorf("the link matches %s", name)
			}
		}
	})
	t.Run("and secrets are never the same again", func(t *testing.T) {
		seen := map[string]bool{}
		for range 1000 {
			link := account.NewLink(now)
			for _, s := range []string{link.ID, link.Reveal()} {
				if seen[s] {
					t.Fatalf("%q came twice", s)
				}
				seen[s] = true
			}
		}
	})
}

func TestLinksOfADayStandInOnePartition(t *testing.T) {
	var days []string
	for _, at := range []time.Time{
		time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 12, 31, 12, 0, 0, 0, time.UTC), time.Date(2057, 9, 4, 12, 0, 0, 0, time.UTC), time.Date(2514, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		link := account.NewLink(at)
		partition := account.LinkPartition("demo", at)
		if link.Partition("demo") != partition || !strings.HasPrefix(partition, "demo#link#") || !strings.HasSuffix(partition, "#") {
			t.Errorf("%v: %s, want %s", at, link.Partition("demo"), partition)
		}
		if later := account.LinkPartition("demo", at.UTC().Truncate(24*time.Hour).Add(24*time.Hour-time.Nanosecond)); later != partition {
			t.Errorf("%v: the day ends in %s and not in %s", at, later, partition)
		}
		days = append(days, partition)
	}
	if !slices.IsSorted(days) || len(slices.Compact(slices.Clone(days))) != len(days) {
		t.Errorf("the days do not follow each other: %v", days)
	}
	if berlin := time.FixedZone("", 3600); account.LinkPartition("demo", now.In(berlin)) != account.LinkPartition("demo", now) {
		t.Error("a day depends on the zone in which it is asked for")
	}
}

func TestParseLinkRefuses(t *testing.T) {
	id, secret := strings.Repeat("a", 14), strings.Repeat("b", 52)
	good := "svl_" + id + "_" + secret
	if _, err := account.ParseLink(good); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, link string }{
		{"nothing", ""},
		{"a token", "svt_" + id[:10] + "_" + secret},
		{"a token's prefix", "svt_" + id + "_" + secret},
		{"no prefix", id + "_" + secret},
		{"upper case", strings.ToUpper(good)},
		{"a blank before", " " + good},
		{"a blank behind", good + " "},
		{"a newline behind", good + "\n"},
		{"an id that is too short", "svl_" + id[1:] + "_" + secret},
		{"an id that is too long", "svl_" + id + "a_" + secret},
		{"a secret that is too short", "svl_" + id + "_" + secret[1:]},
		{"a secret that is too long", good + "b"},
		{"no secret", "svl_" + id + "_"},
		{"an id that reaches another key", "svl_aaaa#policy##aa_" + secret},
		{"digits that base32 lacks", "svl_01890189018901_" + secret},
		{"two links", good + "," + good},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := account.ParseLink(tc.link); !errors.Is(err, account.ErrLink) || got != (account.Link{}) {
				t.Errorf("read %q, %v, want %v", got.Reveal(), err, account.ErrLink)
			}
		})
	}
}

func FuzzParseLink(f *testing.F) {
	good := "svl_" + strings.Repeat("a", 14) + "_" + strings.Repeat("b", 52)
	for _, s := range []string{good, "", "svl__", good + "\n", "svt_" + good[4:]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		link, err := account.ParseLink(s)
		if err != nil {
			if link != (account.Link{}) || !errors.Is(err, account.ErrLink) {
				t.Errorf("%q: %q, %v", s, link.Reveal(), err)
			}
			return
		}
		if link.Reveal() != s || strings.ContainsAny(link.ID, "#\x00") {
			t.Errorf("%q is read as %q", s, link.Reveal())
		}
	})
}

func TestALinkOpens(t *testing.T) {
	link := account.NewLink(now)
	opening := account.Opening{Conversation: "abc-1", Reader: account.Visitor, Until: now.Add(account.LinkLife)}
	for _, tc := range []struct {
		name   string
		link   account.Link
		change func(attr.Item)
		after  time.Duration
		want   bool
	}{
		{"its conversation", link, nil, 0, true},
		{"to the last", link, nil, account.LinkLife - time.Millisecond, true},
		{"nothing in the instant in which its time is over", link, nil, account.LinkLife, false},
		{"nothing with another secret", account.NewLink(now), nil, 0, false},
		{"nothing without its row", link, func(row attr.Item) { clear(row) }, 0, false},
		{"nothing without a hash", link, func(row attr.Item) { delete(row, "hash") }, 0, false},
		{"nothing without a time", link, func(row attr.Item) { delete(row, "until") }, 0, false},
		{"nothing without a conversation", link, func(row attr.Item) { delete(row, "conversation") }, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			row := link.Item(opening)
			if tc.change != nil {
				tc.change(row)
			}
			got, ok := tc.link.Opens(row, now.Add(tc.after))
			if ok != tc.want {
				t.Fatalf("opens: %t, want %t", ok, tc.want)
			}
			if diff := cmp.Diff(opening, got); ok && diff != "" {
				t.Errorf("opening (-want +got)\n%s", diff)
			}
		})
	}
}

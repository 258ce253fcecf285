package account_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/minimise"
	"github.com/supportvault/supportvault/shared/retention"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestValidID(t *testing.T) {
	for _, tc := range []struct {
		name, id string
		want     bool
	}{
		{"letters", "demo", true},
		{"digits", "0000", true},
		{"letters and digits", "a1b2c3", true},
		{"32 characters", strings.Repeat("a", 32), true},
		{"33 characters", strings.Repeat("a", 33), false},
		{"3 characters", "abc", false},
		{"nothing", "", false},
		{"upper case", "Demo", false},
		{"the mark that ends an id", "demo#", false},
		{"another account's key", "demo#conversation", false},
		{"a hyphen", "de-mo", false},
		{"an underscore", "de_mo", false},
		{"a dot", "de.mo", false},
		{"a slash", "demo/chats", false},
		{"a blank behind", "demo ", false},
		{"a newline behind", "demo\n", false},
		{"a NUL", "demo\x00", false},
		{"a letter with an accent", "démo", false},
		{"a digit of another script", "demo٣", false},
		{"a full-width letter", "ｄｅｍｏ", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := account.ValidID(tc.id); got != tc.want {
				t.Errorf("ValidID(%q) = %t, want %t", tc.id, got, tc.want)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	for _, tc := range []struct{ name, got, want string }{
		{"a partition ends the id", account.Partition("demo"), "demo#"},
		{"the list of accounts is no account's partition", account.ListPartition, "#accounts"},
		{"the policy in force", account.PolicyKey, "policy"},
		{"versions of the policy sort as they count", account.PolicyVersionKey(12), "policy#00000012"},
		{"a source", account.SourceKey("tawkto"), "source#tawkto"},
		{"a token", account.TokenKey("abcdefghij"), "token#abcdefghij"},
		{"the place of secrets is one row", account.SecretsPlace("demo", "tawkto"), "demo#\x00source#tawkto"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.got); diff != "" {
				t.Errorf("key (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("no id is the beginning of another's partition", func(t *testing.T) {
		if strings.HasPrefix(account.Partition("demo2"), account.Partition("demo")) {
			t.Errorf("%q begins with %q", account.Partition("demo2"), account.Partition("demo"))
		}
	})
}

func policy(t *testing.T) account.Policy {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	hold := retention.Hold{
		ID: "abcdefghij", Since: now, Until: now.Add(time.Hour), Kinds: []retention.Kind{retention.Chat}, From: "2026-01-01", To: "2026-02-01",
		Records: []string{"a-1"}, Marks: []retention.Mark{{9}},
	}
	return account.Policy{
		Version: 3, Wait: 36 * time.Hour, UndoUntil: now.Add(36 * time.Hour), UndoTo: 2, Sealed: []byte("wrapped"),
		InForce: retention.InForce{
			Policy: retention.Policy{Plan: retention.Enterprise, Shortened: map[retention.Kind]retention.Period{
				retention.Chat: {Months: 1, Days: 3}, retention.Fact: {Months: 12},
			},
				Cadences: map[retention.Kind]retention.Cadence{retention.Chat: retention.Daily}, Unstored: map[retention.Kind]bool{retention.Ticket: true},
				Rules: []retention.Rule{
					{Name: "vip", Kinds: []retention.Kind{retention.Chat}, Mark: retention.Mark{1, 2}, Keeps: retention.Period{Days: 7}},
					{Name: "spam", Mark: retention.Mark{3}, Cadence: retention.Completion, Unstored: true},
				},
				Deadline: 36 * time.Hour,
			},
			Earlier: []retention.Earlier{
				{Policy: retention.Policy{Plan: retention.Enterprise}, Until: now.Add(24 * time.Hour)},
				{Policy: retention.Policy{Plan: retention.Standard, Shortened: map[retention.Kind]retention.Period{retention.Chat: {Days: 7}}}, Until: now.Add(time.Hour)},
			},
			Zone: zone,
			Gone: map[retention.Kind]time.Time{retention.Chat: now.Add(-time.Hour)},
			Ended: []retention.Ended{{
				At: now.Add(-time.Minute), Policies: []retention.Policy{{Plan: retention.Enterprise, Shortened: map[retention.Kind]retention.Period{}}},
				Gone: map[retention.Kind]time.Time{retention.Ticket: now.Add(-2 * time.Hour)}, Holds: []retention.Hold{hold},
			}},
			Holds: []retention.Hold{hold}, Closes: now.Add(30 * 24 * time.Hour),
		},
		Start:    minimise.Identified,
		Required: map[retention.Kind][]string{retention.Chat: {"mail:archive"}}, TwoToRelease: true, SealedRules: []byte("sealed"), Fence: 7,
		By: "token:abcdefghij", At: now.Add(123 * time.Millisecond), Reason: "after the review",
	}
}

func TestPolicyIsReadAsItWasWritten(t *testing.T) {
	full := policy(t)
	plain := account.Policy{Version: 1, InForce: retention.InForce{Policy: retention.Policy{Plan: retention.Standard}, Zone: time.UTC}, Start: minimise.Minimal, At: now}
	regimes := plain
	regimes.Regimes = []account.Regime{account.HIPAA, account.PCI}
	minute := plain
	minute.Shortened = map[retention.Kind]retention.Period{retention.Chat: {Minutes: 2}}
	for _, tc := range []struct {
		name string
		want account.Policy
	}{
		{"with everything", full},
		{"with the plan alone", plain},
		{"under two regimes", regimes},
		{"with two minutes, which the stage local may write", minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := account.ReadPolicy(tc.want.Item())
			if err != nil {
				t.Fatal(err)
			}
			sameZone := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
			if diff := cmp.Diff(tc.want, got, sameZone, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadPolicyRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(attr.Item)
	}{
		{"a row that is empty", func(row attr.Item) { clear(row) }},
		{"no version", func(row attr.Item) { delete(row, "version") }},
		{"a version that is a text", func(row attr.Item) { row["version"] = attr.S("3") }},
		{"no start", func(row attr.Item) { delete(row, "start") }},
		{"a start that does not exist", func(row attr.Item) { row["start"] = attr.S("all") }},
		{"a zone that does not exist", func(row attr.Item) { row["zone"] = attr.S("Europe/Nowhere") }},
		{"a path for a zone", func(row attr.Item) { row["zone"] = attr.S("../../etc/passwd") }},
		{"a regime that does not exist", func(row attr.Item) { row["regimes"] = attr.Strings([]string{"hipaa", "sox"}) }},
		{"regimes that are no list", func(row attr.Item) { row["regimes"] = attr.S("hipaa") }},
		{"regimes that are not texts", func(row attr.Item) { row["regimes"] = attr.Map(attr.Item{"hipaa": attr.S("")}) }},
		{"no terms", func(row attr.Item) { row["terms"] = attr.S("") }},
		{"terms that are no object", func(row attr.Item) { row["terms"] = attr.S(`[]`) }},
		{"terms with a member that nobody knows", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","more":1}`) }},
		{"no plan", func(row attr.Item) { row["terms"] = attr.S(`{}`) }},
		{"a plan that does not exist", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"gold"}`) }},
		{"a retention that is no period", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","shortened":{"chat":"soon"}}`) }},
		{"a retention of nothing", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","shortened":{"chat":""}}`) }},
		{"a retention that is a number", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","shortened":{"chat":3}}`) }},
		{"a retention longer than the plan", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","shortened":{"chat":"P3Y"}}`) }},
		{"a retention of an unknown kind", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","shortened":{"fax":"P1D"}}`) }},
		{"a cadence that does not exist", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","cadences":{"chat":"weekly"}}`) }},
		{"a rule without a mark", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","rules":[{"name":"a","mark":""}]}`) }},
		{"a rule without a name", func(row attr.Item) {
			row["terms"] = attr.S(`{"plan":"standard","rules":[{"name":"","mark":"AAAAAAAAAAAAAAAA"}]}`)
		}},
		{"an earlier policy of an unknown plan", func(row attr.Item) {
			row["terms"] = attr.S(`{"plan":"standard","earlier":[{"plan":"gold","until":1}]}`)
		}},
		{"an earlier policy without an end", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","earlier":[{"plan":"standard"}]}`) }},
		{"earlier policies that are a text", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","earlier":"000"}`) }},
		{"something gone that is a text", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","gone":{"chat":"all"}}`) }},
		{"something gone of an unknown kind", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","gone":{"fax":1}}`) }},
		{"something that ended without a moment", func(row attr.Item) {
			row["terms"] = attr.S(`{"plan":"standard","oncePolicies":[{"plan":"standard"}],"ended":[{"at":0,"policies":[0]}]}`)
		}},
		{"something that ended under no policy", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","ended":[{"at":1,"policies":[]}]}`) }},
		{"something that ended under a policy that is not there", func(row attr.Item) {
			row["terms"] = attr.S(`{"plan":"standard","ended":[{"at":1,"policies":[0]}]}`)
		}},
		{"something that ended under a hold that is not there", func(row attr.Item) {
			row["terms"] = attr.S(`{"plan":"standard","oncePolicies":[{"plan":"standard"}],"ended":[{"at":1,"policies":[0],"holds":[1]}]}`)
		}},
		{"a hold of nothing", func(row attr.Item) { row["terms"] = attr.S(`{"plan":"standard","holds":[{"id":"a","since":1}]}`) }},
		{"a hold without a name", func(row attr.Item) {
			row["terms"] = attr.S(`{"plan":"standard","holds":[{"id":"","since":1,"kinds":["chat"]}]}`)
		}},
		{"a hold with half a mark", func(row attr.Item) {
			row["terms"] = attr.S(`{"plan":"standard","holds":[{"id":"a","since":1,"marks":"AAAA"}]}`)
		}},
		{"a wait longer than any", func(row attr.Item) { row["wait"] = attr.N(43201) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			row := policy(t).Item()
			tc.change(row)
			if got, err := account.ReadPolicy(row); !errors.Is(err, account.ErrRow) {
				t.Errorf("read %v, %v, want %v", got, err, account.ErrRow)
			}
		})
	}
}

func TestTokens(t *testing.T) {
	token := account.NewToken()
	t.Run("are read as they were shown", func(t *testing.T) {
		got, err := account.ParseToken(token.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != token.ID || got.Reveal() != token.Reveal() || !got.Matches(token.Hash()) {
			t.Errorf("read %q, want %q", got.Reveal(), token.Reveal())
		}
	})
	t.Run("are read out of a header", func(t *testing.T) {
		for _, header := range []string{"Bearer " + token.Reveal(), "bearer " + token.Reveal(), "BEARER " + token.Reveal()} {
			if got, err := account.ParseBearer(header); err != nil || got.Reveal() != token.Reveal() {
				t.Errorf("%q is read as %q, %v", header, got.Reveal(), err)
			}
		}
	})
	t.Run("match the hash of their secret only", func(t *testing.T) {
		other := account.NewToken()
		hash := token.Hash()
		if len(hash) != 32 || bytes.Contains(hash, []byte(token.Reveal()[len("svt_0123456789_"):])) {
			t.Errorf("the hash is %x", hash)
		}
		for name, hash := range map[string][]byte{
			"another token's": other.Hash(), "none": nil, "an empty one": {}, "a part": hash[:31], "a longer one": append(bytes.Clone(hash), 0), "zeros": make([]byte, 32),
		} {
			if token.Matches(hash) {
				t.Errorf("the token matches %s", name)
			}
		}
		for i := range len(hash) * 8 {
			flipped := bytes.Clone(hash)
			flipped[i/8] ^= 1 << (i % 8)
			if token.Matches(flipped) {
				t.Errorf("the token matches its hash with bit %d flipped", i)
			}
		}
	})
	t.Run("and secrets are never the same again", func(t *testing.T) {
		seen := map[string]bool{}
		for range 1000 {
			token := account.NewToken()
			for _, s := range []string{token.ID, token.Reveal(), account.NewSecret()} {
				if seen[s] {
					t.Fatalf("%q came twice", s)
				}
				seen[s] = true
			}
			if _, err := account.ParseToken(token.Reveal()); err != nil {
				t.Fatalf("%q: %v", token.Reveal(), err)
			}
		}
	})
	t.Run("secrets have 256 bits", func(t *testing.T) {
		if s := account.NewSecret(); len(s) != 52 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Errorf("the secret is %q", s)
		}
	})
}

func TestParseBearerRefuses(t *testing.T) {
	id, secret := strings.Repeat("a", 10), strings.Repeat("b", 52)
	good := "svt_" + id + "_" + secret
	if _, err := account.ParseBearer("Bearer " + good); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, header string }{
		{"nothing", ""},
		{"the scheme alone", "Bearer"},
		{"the scheme and a blank", "Bearer "},
		{"a token without its scheme", good},
		{"another scheme", "Basic " + good},
		{"two blanks", "Bearer  " + good},
		{"a blank before", " Bearer " + good},
		{"a blank behind", "Bearer " + good + " "},
		{"a newline behind", "Bearer " + good + "\n"},
		{"two tokens", "Bearer " + good + ", Bearer " + good},
		{"another prefix", "Bearer svx_" + id + "_" + secret},
		{"no prefix", "Bearer " + id + "_" + secret},
		{"upper case", "Bearer svt_" + strings.ToUpper(id) + "_" + secret},
		{"an id that is too short", "Bearer svt_" + id[1:] + "_" + secret},
		{"an id that is too long", "Bearer svt_" + id + "a_" + secret},
		{"a secret that is too short", "Bearer svt_" + id + "_" + secret[1:]},
		{"a secret that is too long", "Bearer svt_" + id + "_" + secret + "b"},
		{"no secret", "Bearer svt_" + id + "_"},
		{"an id that reaches another key", "Bearer svt_a#policy##_" + secret},
		{"digits that base32 lacks", "Bearer svt_0189018901_" + secret},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := account.ParseBearer(tc.header); !errors.Is(err, account.ErrToken) || got != (account.Token{}) {
				t.Errorf("read %q, %v, want %v", got.Reveal(), err, account.ErrToken)
			}
		})
	}
}

func FuzzParseBearer(f *testing.F) {
	good := "svt_" + strings.Repeat("a", 10) + "_" + strings.Repeat("b", 52)
	for _, s := range []string{"Bearer " + good, "bearer " + good, good, "Bearer svt__", "", "Bearer " + good + "\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		token, err := account.ParseBearer(header)
		if err != nil {
			if token != (account.Token{}) || !errors.Is(err, account.ErrToken) {
				t.Errorf("%q: %q, %v", header, token.Reveal(), err)
			}
			return
		}
		if !strings.EqualFold("Bearer "+token.Reveal(), header) || !strings.HasSuffix(header, token.Reveal()) {
			t.Errorf("%q is read as %q", header, token.Reveal())
		}
	})
}

func TestLiveSecrets(t *testing.T) {
	secret := func(value string, until time.Time) account.Secret { return account.Secret{Value: value, Until: until} }
	for _, tc := range []struct {
		name   string
		stored []account.Secret
		want   []string
	}{
		{"one that is not rotated", []account.Secret{secret("new", time.Time{})}, []string{"new"}},
		{"both while one is rotated", []account.Secret{secret("new", time.Time{}), secret("old", now.Add(time.Nanosecond))}, []string{"new", "old"}},
		{"not the old one from the instant on", []account.Secret{secret("new", time.Time{}), secret("old", now)}, []string{"new"}},
		{"not the old one later", []account.Secret{secret("old", now.Add(-time.Hour)), secret("new", time.Time{})}, []string{"new"}},
		{"none of none", nil, nil},
		{"none where all are over", []account.Secret{secret("old", now)}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, err := account.MarshalSecrets(tc.stored)
			if err != nil {
				t.Fatal(err)
			}
			live, err := account.LiveSecrets(b, now)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range live {
				got = append(got, s.Value)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("live secrets (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("an error quotes nothing", func(t *testing.T) {
		for _, b := range []string{"", "canary", `{"value":"canary"}`, `[{"value":canary}]`} {
			if got, err := account.LiveSecrets([]byte(b), now); !errors.Is(err, account.ErrRow) || strings.Contains(err.Error(), "canary") || got != nil {
				t.Errorf("%q: %v, %v", b, got, err)
			}
		}
	})
}

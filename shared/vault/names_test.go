package vault_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

const someRecord = "abcdefghijklmnopqrstuvwxyz234567"

func TestPosition(t *testing.T) {
	for _, tc := range []struct {
		name string
		at   time.Time
		n    int
		want string
		read time.Time
	}{
		{"an afternoon", time.Date(2026, 11, 21, 14, 5, 0, 0, time.UTC), 1, "1795269900000#" + someRecord + "#0001", time.Date(2026, 11, 21, 14, 5, 0, 0, time.UTC)},
		{"in another zone", time.Date(2026, 11, 21, 15, 5, 0, 0, time.FixedZone("", 3600)), 1, "1795269900000#" + someRecord + "#0001", time.Date(2026, 11, 21, 14, 5, 0, 0, time.UTC)},
		{"cut to milliseconds", time.Date(2026, 11, 21, 14, 5, 0, 999_999, time.UTC), 1, "1795269900000#" + someRecord + "#0001", time.Date(2026, 11, 21, 14, 5, 0, 0, time.UTC)},
		{"the last incarnation", time.UnixMilli(1), 9999, "0000000000001#" + someRecord + "#9999", time.UnixMilli(1).UTC()},
		{"1970", time.UnixMilli(0), 1, "0000000000000#" + someRecord + "#0001", time.UnixMilli(0).UTC()},
		{"before 1970, as 1970", time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC), 1, "0000000000000#" + someRecord + "#0001", time.UnixMilli(0).UTC()},
		{"never, as 1970", time.Time{}, 1, "0000000000000#" + someRecord + "#0001", time.UnixMilli(0).UTC()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := vault.Position(tc.at, someRecord, tc.n)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Fatalf("position (-want +got):\n%s", diff)
			}
			place, err := vault.ParsePosition(got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(vault.Place{At: tc.read, Record: someRecord, Incarnation: tc.n}, place); diff != "" {
				t.Errorf("place (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPositionsSortByTime(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 1))
	times := make([]time.Time, 1000)
	for i := range times {
		times[i] = time.UnixMilli(r.Int64N(9_999_999_999_999))
	}
	positions := make([]string, len(times))
	for i, at := range times {
		positions[i] = vault.Position(at, someRecord, 1)
	}
	slices.SortFunc(times, time.Time.Compare)
	slices.Sort(positions)
	for i, at := range times {
		if want := vault.Position(at, someRecord, 1); positions[i] != want {
			t.Fatalf("seed %d: number %d is %s, want %s", seed, i, positions[i], want)
		}
	}
}

func TestParsePositionRefuses(t *testing.T) {
	for _, tc := range []struct{ name, text string }{
		{"nothing", ""},
		{"a time alone", "1795269900000"},
		{"a time of too few digits", "795269900000#" + someRecord + "#0001"},
		{"a time of too many digits", "11795269900000#" + someRecord + "#0001"},
		{"a negative time", "-795269900000#" + someRecord + "#0001"},
		{"a record that is too short", "1795269900000#" + someRecord[1:] + "#0001"},
		{"a record that is too long", "1795269900000#" + someRecord + "a#0001"},
		{"a record in upper case", "1795269900000#" + strings.ToUpper(someRecord) + "#0001"},
		{"a record with a digit that base32 lacks", "1795269900000#" + strings.Replace(someRecord, "a", "1", 1) + "#0001"},
		{"no incarnation", "1795269900000#" + someRecord + "#"},
		{"an incarnation of three digits", "1795269900000#" + someRecord + "#001"},
		{"an incarnation of five digits", "1795269900000#" + someRecord + "#00001"},
		{"another separator", "1795269900000/" + someRecord + "/0001"},
		{"a newline behind", "1795269900000#" + someRecord + "#0001\n"},
		{"something before", " 1795269900000#" + someRecord + "#0001"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := vault.ParsePosition(tc.text); !errors.Is(err, vault.ErrPosition) || got != (vault.Place{}) {
				t.Errorf("read %v, %v, want %v", got, err, vault.ErrPosition)
			}
		})
	}
}

func FuzzParsePosition(f *testing.F) {
	f.Add(vault.Position(time.UnixMilli(1_795_269_900_000), someRecord, 1))
	f.Add("0000000000000#" + someRecord + "#0000")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		place, err := vault.ParsePosition(s)
		if err != nil {
			if !errors.Is(err, vault.ErrPosition) || place != (vault.Place{}) {
				t.Errorf("%q: %v, %v", s, place, err)
			}
			return
		}
		if again := vault.Position(place.At, place.Record, place.Incarnation); again != s {
			t.Errorf("%q is %v, written %q", s, place, again)
		}
	})
}

func TestID(t *testing.T) {
	for _, tc := range []struct {
		name string
		n    int
		want string
	}{
		{"the first life", 1, someRecord + "-1"},
		{"the tenth", 10, someRecord + "-10"},
		{"the last that there can be", 9999, someRecord + "-9999"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id := vault.ID(someRecord, tc.n)
			if diff := cmp.Diff(tc.want, id); diff != "" {
				t.Errorf("id (-want +got):\n%s", diff)
			}
			record, n, err := vault.ParseID(id)
			if err != nil || record != someRecord || n != tc.n {
				t.Errorf("read %q, %d, %v", record, n, err)
			}
		})
	}
}

func TestParseIDRefuses(t *testing.T) {
	for _, tc := range []struct{ name, text string }{
		{"nothing", ""},
		{"a record alone", someRecord},
		{"a record and a hyphen", someRecord + "-"},
		{"no record", "-1"},
		{"a life before the first", someRecord + "-0"},
		{"a negative life", someRecord + "--1"},
		{"leading zeros, under which one life would have two ids", someRecord + "-01"},
		{"more lives than there can be", someRecord + "-10000"},
		{"a plus", someRecord + "-+1"},
		{"a record that is too short", someRecord[1:] + "-1"},
		{"a record that is too long", someRecord + "a-1"},
		{"a record in upper case", strings.ToUpper(someRecord) + "-1"},
		{"a record that reaches another key", someRecord[:31] + "#-1"},
		{"a path", "../" + someRecord[3:] + "-1"},
		{"a newline behind", someRecord + "-1\n"},
		{"something before", " " + someRecord + "-1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if record, n, err := vault.ParseID(tc.text); !errors.Is(err, vault.ErrID) || record != "" || n != 0 {
				t.Errorf("read %q, %d, %v, want %v", record, n, err, vault.ErrID)
			}
		})
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(someRecord + "-1")
	f.Add(someRecord + "-01")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		record, n, err := vault.ParseID(s)
		if err != nil {
			if !errors.Is(err, vault.ErrID) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if again := vault.ID(record, n); again != s || n < 1 {
			t.Errorf("%q is %q and %d, written %q", s, record, n, again)
		}
	})
}

func TestReference(t *testing.T) {
	r := vault.Reference{Account: "demo", Kind: retention.Chat, Record: someRecord, Incarnation: 12}
	if diff := cmp.Diff(`{"account":"demo","kind":"chat","record":"`+someRecord+`","incarnation":12}`, r.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	got, err := vault.ParseReference(r.String())
	if diff := cmp.Diff(r, got); diff != "" || err != nil {
		t.Errorf("error %v, reference (-want +got):\n%s", err, diff)
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	good := vault.Reference{Account: "demo", Kind: retention.Chat, Record: someRecord, Incarnation: 1}
	with := func(change func(*vault.Reference)) string {
		r := good
		change(&r)
		return r.String()
	}
	for _, tc := range []struct{ name, text string }{
		{"nothing", ""},
		{"null", "null"},
		{"an empty object", "{}"},
		{"a list", "[]"},
		{"what is no JSON", "canary"},
		{"something behind", good.String() + "x"},
		{"no account", with(func(r *vault.Reference) { r.Account = "" })},
		{"an account that reaches another key", with(func(r *vault.Reference) { r.Account = "demo#x" })},
		{"an account in upper case", with(func(r *vault.Reference) { r.Account = "DEMO" })},
		{"no record", with(func(r *vault.Reference) { r.Record = "" })},
		{"a record that is too long", with(func(r *vault.Reference) { r.Record += "a" })},
		{"a record with a newline", with(func(r *vault.Reference) { r.Record += "\n" })},
		{"a record that reaches another key", with(func(r *vault.Reference) { r.Record = "x#" + someRecord[2:] })},
		{"no incarnation", with(func(r *vault.Reference) { r.Incarnation = 0 })},
		{"a negative incarnation", with(func(r *vault.Reference) { r.Incarnation = -1 })},
		{"an incarnation that is a text", strings.Replace(good.String(), ":1}", `:"1"}`, 1)},
		{"an incarnation that is no whole number", strings.Replace(good.String(), ":1}", ":1.5}", 1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := vault.ParseReference(tc.text)
			if !errors.Is(err, vault.ErrReference) || got != (vault.Reference{}) || strings.Contains(err.Error(), "canary") {
				t.Errorf("read %v, %v, want %v", got, err, vault.ErrReference)
			}
		})
	}
}

func FuzzParseReference(f *testing.F) {
	f.Add(vault.Reference{Account: "demo", Kind: retention.Chat, Record: someRecord, Incarnation: 1}.String())
	f.Add(`{"account":"demo","account":"other","record":"` + someRecord + `","incarnation":1}`)
	f.Add("{}")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := vault.ParseReference(s)
		if err != nil {
			if !errors.Is(err, vault.ErrReference) || r != (vault.Reference{}) {
				t.Errorf("%q: %v, %v", s, r, err)
			}
			return
		}
		again, err := vault.ParseReference(r.String())
		if err != nil || again != r {
			t.Errorf("%q is %v, written %s, which is %v, %v", s, r, r, again, err)
		}
		if strings.ContainsAny(r.Account+r.Record, "#\x00/") {
			t.Errorf("%q names a key of its own: %v", s, r)
		}
	})
}

// TestNamesEndWhereTheyShould shows that no account, conversation, cohort or shard is the beginning of another's partition.
func TestNamesEndWhereTheyShould(t *testing.T) {
	for _, tc := range []struct{ name, got, want string }{
		{"the items of a conversation", vault.RecordPartition("demo", someRecord), "demo#" + someRecord},
		{"the pointers from a person", vault.SubjectPartition("demo", someRecord), "demo#subject#" + someRecord},
		{"the facts of a cohort", vault.DayPartition("demo", retention.Fact, "2026-11-21"), "demo#fact#2026-11-21#"},
		{"open conversations", vault.OpenListing("demo", retention.Chat), "demo#open#chat#"},
		{"a cohort's conversations", vault.CohortListing("demo", retention.Chat, "2026-11-21", 3), "demo#chat#2026-11-21#3#"},
		{"an object of a conversation", vault.BodyObject("demo", someRecord, "entry#0001#000000000001#e"), "bodies/demo/" + someRecord + "/entry/0001/000000000001/e"},
		{"an object of a message", vault.QueueObject("demo", "M"), "queue/demo/M"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.got); diff != "" {
				t.Errorf("name (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNormalForms(t *testing.T) {
	for _, tc := range []struct{ name, got, want string }{
		{"an address in upper case", vault.NormalEmail(" Marta@Example.COM\n"), "marta@example.com"},
		{"no address", vault.NormalEmail("  "), ""},
		{"a number with blanks and brackets", vault.NormalPhone("+1 (555) 01-00"), "+15550100"},
		{"a number without a plus", vault.NormalPhone("555.0100"), "5550100"},
		{"no number", vault.NormalPhone("none"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.got); diff != "" {
				t.Errorf("form (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMarshal(t *testing.T) {
	type content struct {
		Tags []string `json:"tags"`
	}
	for _, tc := range []struct {
		name string
		tags []string
	}{
		{"nothing said of tags stays nothing", nil},
		{"no tags stay none", []string{}},
		{"tags stay", []string{"refund"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, err := vault.Marshal(content{tc.tags})
			if err != nil {
				t.Fatal(err)
			}
			var got content
			if err := vault.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(content{tc.tags}, got); diff != "" {
				t.Errorf("content (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("an error quotes nothing", func(t *testing.T) {
		b, err := vault.Marshal("canary")
		if err != nil {
			t.Fatal(err)
		}
		var got content
		if err := vault.Unmarshal(b, &got); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("error %v", err)
		}
		if err := vault.Unmarshal([]byte("canary"), &got); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("error %v", err)
		}
	})
}

package letter_test

import (
	"errors"
	"net/mail"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/retention"
)

func notice(news letter.News) letter.Notice {
	news.At, news.By = begin, "token:abcdefghij"
	return letter.Notice{
		ID: "demo1/notice/1", From: "Example Support <support@example.com>", To: "iris@example.net", Account: "demo1", Zone: berlin,
		Date: begin.Add(time.Minute), API: "https://vault.example.com", News: news,
	}
}

// notices are the notices that are compared with files of testdata, by name.
var notices = map[string]letter.Notice{
	"notice-policy": notice(letter.News{
		Kind: letter.PolicyApplied, Version: 4, Reason: "Works council, 12 November:\nchats are needed for a month.", Until: begin.Add(24*time.Hour - time.Minute),
		Keeps: []letter.Kept{{Kind: retention.Chat, Now: "P30D", Before: "P3M"}, {Kind: retention.Ticket, Now: "P2Y", Before: "P2Y"}, {Kind: retention.Fact, Now: "P1Y"}},
		Hides: []letter.Count{
			{Kind: retention.Chat, Records: 1204, Open: 3, Bytes: 18_211_000, Oldest: "2026-08-21", Newest: "2026-10-21"},
			{Kind: retention.Ticket}, {Kind: retention.Fact, Records: 1207, Bytes: 301_750, Oldest: "2026-08-21", Newest: "2026-10-21"},
		},
		Undo: letter.Call{Method: "POST", Path: "/policy/undo", Body: `{"reason":"Why it is undone"}`},
	}),
	"notice-policy-longer": notice(letter.News{
		Kind: letter.PolicyApplied, Version: 5, Reason: "Longer.", Keeps: []letter.Kept{{Kind: retention.Chat, Now: "P2M", Before: "P30D"}},
		Hides: []letter.Count{{Kind: retention.Chat}},
	}),
	"notice-undone": notice(letter.News{
		Kind: letter.PolicyUndone, Version: 5, Reason: "It was meant for another account.",
		Shows: []letter.Count{{Kind: retention.Chat, Records: 1204, Bytes: 812, Oldest: "2026-08-21", Newest: "2026-10-21T10"}},
	}),
	"notice-administrators": notice(letter.News{
		Kind: letter.AdministratorsChanged, Before: []string{"iris@example.net", "o'hara@example.net"}, After: []string{"iris@example.net", "jan@example.net"},
		Undo: letter.Call{Method: "PUT", Path: "/administrators", Body: `{"addresses":["iris@example.net","o'hara@example.net"]}`},
	}),
	"notice-record": notice(letter.News{
		Kind: letter.RecordDestroying, Target: "abcdefghijklmnopqrstuvwxyz234567-1", Reason: "Asked for by the customer.", Until: begin.Add(time.Hour),
	}),
}

// Every kind of news has its own words, with and without everything that there can be.
func TestNoticeOfEveryKind(t *testing.T) {
	subjects := map[string]letter.NewsKind{}
	for _, kind := range letter.NewsKinds() {
		full := notices["notice-policy"]
		full.Kind, full.Target, full.Before, full.After = kind, "hold-1", []string{"a@example.com"}, nil
		for _, n := range []letter.Notice{full, notice(letter.News{Kind: kind})} {
			raw, err := letter.ComposeNotice(n)
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			o := open(t, raw)
			subject := o.subject(t)
			if other, ok := subjects[subject]; ok && other != kind || !strings.HasPrefix(subject, "supportvault: ") || !strings.Contains(subject, "demo1") {
				t.Errorf("%s: the subject is %q, as that of %q", kind, subject, other)
			}
			subjects[subject] = kind
			if strings.Contains(o.text+o.html, "%!") || strings.Contains(o.text, "0001") {
				t.Errorf("%s: %s", kind, o.text)
			}
		}
	}
}

func TestNoticeHeader(t *testing.T) {
	raw, err := letter.ComposeNotice(notices["notice-policy"])
	if err != nil {
		t.Fatal(err)
	}
	o := open(t, raw)
	want := mail.Header{
		"Auto-Submitted":           {"auto-generated"},
		"Content-Type":             o.header["Content-Type"],
		"Date":                     {"Sat, 21 Nov 2026 21:21:00 +0100"},
		"From":                     {`"Example Support" <support@example.com>`},
		"Message-Id":               o.header["Message-Id"],
		"Mime-Version":             {"1.0"},
		"Subject":                  {"supportvault: the retention policy of demo1 was changed"},
		"To":                       {"<iris@example.net>"},
		"X-Auto-Response-Suppress": {"All"},
	}
	if diff := cmp.Diff(want, o.header); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again, err := letter.ComposeNotice(notices["notice-policy"]); err != nil || string(again) != string(raw) {
		t.Errorf("two letters of one notice differ, %v", err)
	}
}

func TestNoticeThatIsNone(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*letter.Notice)
		want   error
	}{
		"without an id":                  {func(n *letter.Notice) { n.ID = "" }, letter.ErrMessage},
		"without a date":                 {func(n *letter.Notice) { n.Date = time.Time{} }, letter.ErrMessage},
		"of nothing":                     {func(n *letter.Notice) { n.Kind = "policy" }, letter.ErrMessage},
		"of an account that is none":     {func(n *letter.Notice) { n.Account = "demo'; rm -r /" }, letter.ErrMessage},
		"without an API":                 {func(n *letter.Notice) { n.API = "" }, letter.ErrMessage},
		"undone by what a shell expands": {func(n *letter.Notice) { n.Undo.Path = "/'$(reboot)'" }, letter.ErrMessage},
		"undone by no method":            {func(n *letter.Notice) { n.Undo.Method = "POST -d @/etc/passwd" }, letter.ErrMessage},
		"to two":                         {func(n *letter.Notice) { n.To = "a@example.com, b@example.com" }, letter.ErrAddress},
		"from nobody":                    {func(n *letter.Notice) { n.From = "" }, letter.ErrAddress},
	} {
		n := notices["notice-policy"]
		tc.change(&n)
		if _, err := letter.ComposeNotice(n); !errors.Is(err, tc.want) {
			t.Errorf("a notice %s: %v", name, err)
		}
	}
}

// The command of a notice is one command, and asks for what it should, whatever stands in its body.
func TestNoticeCommandIsOne(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range append(naughty(t), `{"addresses":["o'hara@example.com","a$(reboot)@example.com","b`+"`reboot`"+`@example.com"]}`) {
		n := notices["notice-policy"]
		n.Undo.Body = body
		raw, err := letter.ComposeNotice(n)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(lineEnds(open(t, raw).text), "  curl ")
		command, _, _ := strings.Cut(rest, "\n\n")
		out, err := exec.Command(sh, "-c", "curl() { printf '%s|' \"$@\"; }\nTOKEN=t\ncurl "+command).CombinedOutput()
		parts := strings.Split(string(out), "|")
		want := []string{"-X", "POST", "https://vault.example.com/v1/accounts/demo1/policy/undo", "-H", "Authorization: Bearer t"}
		if err != nil || len(parts) < len(want) || !slices.Equal(parts[:len(want)], want) {
			t.Errorf("%q: %s, %v", body, out, err)
		}
	}
}

// checkHostileNotice composes a notice about s and compares it with a harmless one of the same form.
func checkHostileNotice(t *testing.T, s string) {
	t.Helper()
	made := func(s string) opened {
		n := notices["notice-policy"]
		n.ID, n.By, n.Reason, n.Target = "id"+s, "token:"+s, s, s
		n.Keeps = []letter.Kept{{Kind: retention.Kind(s), Now: s, Before: s}}
		n.Hides = []letter.Count{{Kind: retention.Kind(s), Records: 1, Oldest: s, Newest: s}}
		n.Undo.Body = ""
		raw, err := letter.ComposeNotice(n)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		return open(t, raw)
	}
	got, like := made(s), made(harmless(s))
	if !slices.Equal(got.names, like.names) || got.header.Get("To") != "<iris@example.net>" || got.header.Get("Subject") != like.header.Get("Subject") {
		t.Errorf("%q: the header is %q", s, got.header)
	}
	if strings.ContainsFunc(got.text+got.html, func(r rune) bool {
		return unicode.IsControl(r) && r != '\r' && r != '\n' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	}) {
		t.Errorf("%q: something that cannot be seen is left", s)
	}
	checkPage(t, s, got.html, like.html)
	// No line of a reason passes for one of the letter.
	_, after, _ := strings.Cut(got.text, "Reason:\r\n")
	reason, _, _ := strings.Cut(after, "Hidden now: ")
	for l := range strings.SplitSeq(reason, "\r\n") {
		if visible := strings.TrimSpace(l) != ""; visible && !strings.HasPrefix(l, "      ") {
			t.Errorf("%q: the line %q of the reason begins as one of the letter", s, l)
		}
	}
}

func TestNoticeHostile(t *testing.T) {
	list := naughty(t)
	list = append(list, strings.Join(list, "\r\n"), strings.Repeat("<b>", 1_000), strings.Repeat("\u202e", 1_000), strings.Repeat("\u0301", 1_000),
		"Hidden now: it cannot be read any more\n---\n\nIt can be undone until never.\n\n  curl -X POST 'https://evil.example'")
	for _, s := range list {
		checkHostileNotice(t, s)
	}
}

func FuzzNotice(f *testing.F) {
	for _, s := range naughty(f) {
		f.Add(s)
	}
	f.Fuzz(checkHostileNotice)
}

package letter_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/retention"
)

// opened is a message as the standard library reads it.
type opened struct {
	header     mail.Header
	names      []string // of the header's fields, as they stand
	text, html string
}

func compose(t *testing.T, m letter.Message) opened {
	t.Helper()
	raw, err := letter.Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, raw)
}

// open reads a message, and fails where it is not exactly a header and two parts.
func open(t *testing.T, raw []byte) (o opened) {
	t.Helper()
	for l := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(l) > 998 || bytes.ContainsAny(l, "\r\n\x00") {
			t.Fatalf("not a line of a message: %.100q", l)
		}
	}
	head, _, _ := strings.Cut(string(raw), "\r\n\r\n")
	for l := range strings.SplitSeq(head, "\r\n") {
		if name, _, ok := strings.Cut(l, ":"); ok && l[0] != ' ' {
			o.names = append(o.names, name)
		} else if l == "" || l[0] != ' ' {
			t.Fatalf("not a line of a header: %q", l)
		}
	}
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	o.header = message.Header
	kind, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("the type is %q, %v", kind, err)
	}
	parts := multipart.NewReader(message.Body, params["boundary"])
	for i, want := range []string{"text/plain", "text/html"} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		if len(part.Header) != 2 {
			t.Errorf("part %d has the header %v", i, part.Header)
		}
		if got := part.Header.Get("Content-Type"); got != want+"; charset=UTF-8" {
			t.Errorf("part %d is %q", i, got)
		}
		var body io.Reader = quotedprintable.NewReader(part)
		if part.Header.Get("Content-Transfer-Encoding") == "base64" {
			body = base64.NewDecoder(base64.StdEncoding, part)
		}
		decoded, err := io.ReadAll(body)
		if err != nil || !utf8.Valid(decoded) {
			t.Fatalf("part %d cannot be read: %v", i, err)
		}
		if i == 0 {
			o.text = string(decoded)
		} else {
			o.html = string(decoded)
		}
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		t.Errorf("after the second part there is %v", err)
	}
	return o
}

func (o opened) subject(t *testing.T) string {
	t.Helper()
	subject, err := new(mime.WordDecoder).DecodeHeader(o.header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return subject
}

// goldens are the letters that are compared with files of testdata, by name.
var goldens = map[string]letter.Message{
	"chat":          message(letter.Full, chat()),
	"chat-visitor":  forVisitor(message(letter.Full, chat())),
	"chat-redacted": message(letter.Redacted, chat()),
	"chat-link":     message(letter.Link, chat()),
	"ticket":        message(letter.Full, ticket()),
	"digest":        digestOf(letter.Full, chat(), ticket(), short(30)),
	"digest-link":   digestOf(letter.Link, chat(), ticket(), short(30)),
}

func forVisitor(m letter.Message) letter.Message {
	m.To, m.Private, m.Why = "marta@example.com", false, "You get this mail because you chatted with Example."
	return m
}

func TestGolden(t *testing.T) {
	files := map[string]string{}
	for name, m := range goldens {
		raw, err := letter.Compose(m)
		if err != nil {
			t.Fatal(err)
		}
		o := open(t, raw)
		files[name+".txt"], files[name+".html"] = lineEnds(o.text), rows(o.html)
		if name == "chat" {
			files[name+".eml"] = lineEnds(string(raw))
		}
	}
	for name, n := range notices {
		raw, err := letter.ComposeNotice(n)
		if err != nil {
			t.Fatal(err)
		}
		o := open(t, raw)
		files[name+".txt"], files[name+".html"] = lineEnds(o.text), rows(o.html)
	}
	page, err := letter.Page(chat(), letter.Options{Account: "demo1", Zone: berlin, Content: letter.Full, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	files["page.html"] = rows(string(page))
	for name, got := range files {
		file := filepath.Join("testdata", "golden", name)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
	there, err := os.ReadDir(filepath.Join("testdata", "golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range there {
		if _, ok := files[file.Name()]; !ok {
			t.Errorf("%s belongs to no test", file.Name())
		}
	}
}

func lineEnds(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// rows breaks HTML into lines, for people who review it.
func rows(html string) string {
	for _, tag := range []string{"<head", "<meta", "<title", "<body", "<table", "</table", "<tr", "<td", "<div", "<p", "<h1", "<h2", "<!--", "</body"} {
		html = strings.ReplaceAll(html, tag, "\n"+tag)
	}
	return html + "\n"
}

func TestHeader(t *testing.T) {
	m := digestOf(letter.Full, chat(), ticket())
	o := compose(t, m)
	want := mail.Header{
		"Auto-Submitted":           {"auto-generated"},
		"Content-Type":             o.header["Content-Type"],
		"Date":                     {"Sat, 21 Nov 2026 21:40:00 +0100"},
		"From":                     {`"Example Support" <support@example.com>`},
		"List-Id":                  {"<digest.demo1.example.com>"},
		"Message-Id":               {"<f35396a63267eab1e94a924da2edf0018f4cc5d4@example.com>"},
		"Mime-Version":             {"1.0"},
		"Subject":                  {"Daily digest, 21 November 2026 (part 2 of 3)"},
		"To":                       {"<archive@example.net>"},
		"X-Auto-Response-Suppress": {"All"},
	}
	if diff := cmp.Diff(want, o.header); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSameMessageSameBytes(t *testing.T) {
	m := message(letter.Full, chat())
	first, _ := letter.Compose(m)
	again, err := letter.Compose(m)
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("two letters of one message differ, %v", err)
	}
	m.ID = "another"
	other := compose(t, m)
	if got := open(t, first).header.Get("Message-ID"); got == other.header.Get("Message-ID") {
		t.Error("two messages have one Message-ID")
	}
}

func TestSubject(t *testing.T) {
	untitled, unknown := ticket(), chat()
	untitled.Title, unknown.Subjects = "", nil
	long := ticket()
	long.Title = strings.Repeat("very ", 100) + "long"
	hour := digestOf(letter.Full, chat())
	hour.Digest = &letter.Digest{Title: "Hourly digest", From: begin.Truncate(time.Hour), To: begin.Truncate(time.Hour).Add(time.Hour)}
	week := digestOf(letter.Full, chat())
	week.Digest = &letter.Digest{Title: "Weekly digest", From: begin, To: begin.AddDate(0, 0, 7)}
	bare := digestOf(letter.Full, chat())
	bare.Digest = &letter.Digest{}
	for _, tc := range []struct {
		name string
		m    letter.Message
		want string
	}{
		{"a chat", message(letter.Full, chat()), "Chat with Marta Example, 21 November 2026"},
		{"a chat with nobody known", message(letter.Full, unknown), "Chat of 21 November 2026, 21:20"},
		{"a chat, redacted", message(letter.Redacted, chat()), "Chat of 21 November 2026, 21:20"},
		{"a chat, link only", message(letter.Link, chat()), "Chat of 21 November 2026, 21:20 (account demo1)"},
		{"a ticket", message(letter.Full, ticket()), "Ticket: Invoice 2026-1042 shows the wrong VAT number"},
		{"a ticket without a title", message(letter.Full, untitled), "Ticket with דנה דוגמה, 21 November 2026"},
		{"a ticket, link only", message(letter.Link, ticket()), "Ticket of 21 November 2026, 21:20 (account demo1)"},
		{"a long title", message(letter.Full, long), "Ticket: " + strings.Repeat("very ", 21) + "very v…"},
		{"an hour", hour, "Hourly digest, 21 November 2026, 21:00"},
		{"a week", week, "Weekly digest, 21 November 2026 to 28 November 2026"},
		{"a digest that says nothing of itself", bare, "Digest"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := compose(t, tc.m).subject(t)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if utf8.RuneCountInString(got) > 120 {
				t.Errorf("%d characters", utf8.RuneCountInString(got))
			}
		})
	}
}

// canaries is a view of which everything that people or senders wrote is to be recognised.
func canaries() conversation.View {
	v := chat()
	v.Source, v.Conversation, v.Title, v.Status, v.Department = "canarysource", "canary-conversation", "canary title", "canary-status", "canary department"
	v.Tags, v.Rating = []string{"canary-tag"}, new(987123)
	v.Subjects = []conversation.Subject{{Name: "Canary Visitor", Email: "canary@example.com", Phone: "+49 30 555 987123", VisitorID: "canary-1", CustomID: "canary-2"}}
	v.Entries = &[]conversation.Entry{
		entry(1, conversation.Visitor, "Canary Visitor", "canary text", conversation.Attachment{Name: "canary.pdf", Type: "canary/type", Bytes: 987_123}),
		entry(2, conversation.Agent, "Canary Agent", "canary text"),
		entry(3, conversation.System, "canary", "canary text"),
		note(4, "Canary Agent", "canary note"),
	}
	return v
}

func TestLinkSaysNothingOfTheConversation(t *testing.T) {
	for name, m := range map[string]letter.Message{
		"a letter": message(letter.Link, canaries()), "a digest": digestOf(letter.Link, canaries(), canaries()),
	} {
		raw, err := letter.Compose(m)
		if err != nil {
			t.Fatal(err)
		}
		o := open(t, raw)
		all := strings.ToLower(string(raw) + o.text + o.html + o.subject(t))
		for _, secret := range []string{"canary", "987123", "987.1"} {
			if strings.Contains(all, secret) {
				t.Errorf("%s says %q:\n%s", name, secret, all)
			}
		}
		if !strings.Contains(o.text, m.Items[0].Link) || !strings.Contains(o.html, `href="`+m.Items[0].Link+`"`) {
			t.Errorf("%s lacks the link", name)
		}
	}
}

func TestRedactedSaysNothingOfAnybody(t *testing.T) {
	v := canaries()
	v.Department, v.Status, v.Source, v.Tags = "Sales", "", "", nil
	v.Title, (*v.Entries)[0].Attachments[0].Type = "Canary again", "image/png"
	for i := range *v.Entries {
		(*v.Entries)[i].Text = "This is Canary, call 030 555987123"
	}
	raw, err := letter.Compose(message(letter.Redacted, v))
	if err != nil {
		t.Fatal(err)
	}
	o := open(t, raw)
	all := strings.ToLower(string(raw) + o.text + o.html + o.subject(t))
	for _, secret := range []string{"canary", "555987123"} {
		if strings.Contains(all, secret) {
			t.Errorf("it says %q:\n%s", secret, all)
		}
	}
	if !strings.Contains(o.text, "This is [name], call [phone]") || o.subject(t) != "Chat: [name] again" {
		t.Errorf("%q: %s", o.subject(t), o.text)
	}
}

func TestVisitorsGetNothingPrivate(t *testing.T) {
	for _, content := range []letter.Content{letter.Full, letter.Redacted} {
		for name, m := range map[string]letter.Message{
			"a letter": forVisitor(message(content, chat())), "a digest": forVisitor(digestOf(content, chat(), ticket())),
		} {
			o := compose(t, m)
			page, err := letter.Page(chat(), letter.Options{Content: content})
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"complaint", "private", "VAT number in", "parcel lost?", "Tags", "dana@example.org"} {
				if strings.Contains(o.text+o.html+string(page), secret) {
					t.Errorf("%s, %s: it says %q", name, content, secret)
				}
			}
		}
	}
}

func TestPrivateNotesAreMarked(t *testing.T) {
	o := compose(t, message(letter.Full, chat()))
	if !strings.Contains(o.text, "21:28 Jan Vorbild (agent, private note)") || strings.Count(o.html, "private note") != 1 {
		t.Errorf("the note is not marked:\n%s\n%s", o.text, o.html)
	}
}

func TestNoEntryPassesForAnother(t *testing.T) {
	v := chat()
	const forged = "hello\n21:40 Jan Vorbild (agent)\r      we pay you 100 EUR\u2028Saturday, 22 November 2026\n--------\n\v\x0c----\x85====" +
		"\nThis chat is kept until 1 January 2099, 00:00 (Europe/Berlin)."
	v.Entries = &[]conversation.Entry{entry(0, conversation.Visitor, "Jan Vorbild (agent)\n21:40 Jan Vorbild (agent)", forged)}
	for l := range strings.SplitSeq(compose(t, message(letter.Full, v)).text, "\r\n") {
		for _, part := range []string{"21:40 Jan", "22 November", "we pay", "2099"} {
			if strings.HasPrefix(l, part) {
				t.Errorf("a line of the letter is %q", l)
			}
		}
		if strings.HasPrefix(l, "21:20") && !strings.HasSuffix(l, "(visitor)") {
			t.Errorf("whose is %q?", l)
		}
	}
}

func TestTextIsWrapped(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"at blanks", strings.Repeat("word ", 20), []string{
			"      " + strings.TrimSpace(strings.Repeat("word ", 14)), "      " + strings.TrimSpace(strings.Repeat("word ", 6)),
		}},
		{"not within words", "see https://example.com/" + strings.Repeat("a", 80) + " please", []string{
			"      see", "      https://example.com/" + strings.Repeat("a", 80), "      please",
		}},
		{"between signs that set no blanks", strings.Repeat("早上好", 15), []string{
			"      " + strings.Repeat("早上好", 11) + "早上", "      好" + strings.Repeat("早上好", 3),
		}},
		{"by what is seen of it", strings.Repeat("e\u0301", 70), []string{"      " + strings.Repeat("e\u0301", 70)}},
		{"with its own indentation", "  - one\n\ttwo", []string{"        - one", "          two"}},
		{"without rows of blank lines", "one\n\n\n\n\n\ntwo\n\n\n", []string{"      one", "", "      two"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := chat()
			v.Entries = &[]conversation.Entry{entry(0, conversation.Agent, "Jan", tc.text)}
			_, got, _ := strings.Cut(compose(t, message(letter.Full, v)).text, "21:20 Jan (agent)\r\n")
			got, _, _ = strings.Cut(got, "\r\n\r\n-----")
			if diff := cmp.Diff(strings.Join(tc.want, "\n"), lineEnds(strings.TrimRight(got, "\r\n"))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTimesAreTheAccounts(t *testing.T) {
	v := chat()
	// Clocks went back in Berlin on 25 October 2026 at 01:00 UTC.
	v.Entries = &[]conversation.Entry{}
	for _, hour := range []int{21, 22, 24, 25} {
		e := entry(0, conversation.Visitor, "", time.Date(2026, 10, 24, hour, 30, 0, 0, time.UTC).Format("15:04 UTC"))
		e.Time = conversation.At(time.Date(2026, 10, 24, hour, 30, 0, 0, time.UTC))
		*v.Entries = append(*v.Entries, e)
	}
	got := lineEnds(compose(t, message(letter.Full, v)).text)
	for _, want := range []string{
		"Saturday, 24 October 2026\n-------------------------\n\n23:30 Visitor\n      21:30 UTC\n\n" +
			"Sunday, 25 October 2026\n-----------------------\n\n00:30 Visitor\n      22:30 UTC\n\n02:30 Visitor\n      00:30 UTC\n\n02:30 Visitor\n      01:30 UTC\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks\n%s\nand has\n%s", want, got)
		}
	}
	m := message(letter.Full, chat())
	m.Zone = nil
	if got := compose(t, m).text; !strings.Contains(got, "20:20 (UTC)") {
		t.Errorf("without a zone it is not UTC:\n%s", got)
	}
}

func TestLittleIsKnown(t *testing.T) {
	for name, v := range map[string]conversation.View{
		"nothing":        {},
		"no entries":     {Kind: retention.Chat, Entries: &[]conversation.Entry{}},
		"an open chat":   {Kind: retention.Chat, State: conversation.Open, StartedAt: at(0)},
		"an empty entry": {Kind: retention.Ticket, Entries: &[]conversation.Entry{{}}},
		"an unknown role": {Kind: retention.Ticket, Entries: &[]conversation.Entry{
			{Author: conversation.Author{Role: "owner", Name: "x"}, Text: "hello", Private: true, Attachments: []conversation.Attachment{{}, {Type: "file", Bytes: 999}, {Bytes: -1}}},
		}},
	} {
		for _, content := range []letter.Content{letter.Full, letter.Redacted, letter.Link} {
			m := message(content, v)
			m.Account, m.Why, m.Zone = "", "", nil
			o := compose(t, m)
			if o.subject(t) == "" || o.text == "" {
				t.Errorf("%s, %s: an empty letter", name, content)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*letter.Message)
		want   error
	}{
		{"no id", func(m *letter.Message) { m.ID = "" }, letter.ErrMessage},
		{"no date", func(m *letter.Message) { m.Date = time.Time{} }, letter.ErrMessage},
		{"no content", func(m *letter.Message) { m.Content = "" }, letter.ErrMessage},
		{"another content", func(m *letter.Message) { m.Content = "canary" }, letter.ErrMessage},
		{"no conversation", func(m *letter.Message) { m.Items = nil }, letter.ErrMessage},
		{"two conversations without a digest", func(m *letter.Message) { m.Items = append(m.Items, m.Items...) }, letter.ErrMessage},
		{"an empty digest", func(m *letter.Message) { m.Items, m.Digest = nil, &letter.Digest{} }, letter.ErrMessage},
		{"more than a digest holds", func(m *letter.Message) {
			m.Items, m.Digest = slices.Repeat(m.Items, letter.MaxItems+1), &letter.Digest{}
		}, letter.ErrMessage},
		{"part 3 of 2", func(m *letter.Message) { m.Digest = &letter.Digest{Part: 3, Parts: 2} }, letter.ErrMessage},
		{"no link", func(m *letter.Message) { m.Content = letter.Link }, letter.ErrMessage},
		{"a link that runs", func(m *letter.Message) { m.Items[0].Link = "javascript:canary()" }, letter.ErrMessage},
		{"a link with a login", func(m *letter.Message) { m.Items[0].Link = "https://canary:x@example.com/" }, letter.ErrMessage},
		{"a relative link", func(m *letter.Message) { m.Items[0].Link = "/canary" }, letter.ErrMessage},
		{"a link with a line break", func(m *letter.Message) { m.Items[0].Link = "https://example.com/canary\r\nBcc: x@example.com" }, letter.ErrMessage},
		{"a link with quotes", func(m *letter.Message) { m.Items[0].Link = `https://example.com/canary"onclick="` }, letter.ErrMessage},
		{"no sender", func(m *letter.Message) { m.From = "" }, letter.ErrAddress},
		{"two senders", func(m *letter.Message) { m.From = "canary@example.com, b@example.com" }, letter.ErrAddress},
		{"a sender with a line break", func(m *letter.Message) { m.From = "canary <a@example.com>\r\nBcc: b@example.com" }, letter.ErrAddress},
		{"a sender with a line break in an encoded word", func(m *letter.Message) {
			m.From = "=?utf-8?q?canary=0D=0ABcc:_b?= <a@example.com>"
		}, letter.ErrAddress},
		{"no recipient", func(m *letter.Message) { m.To = "" }, letter.ErrAddress},
		{"a recipient with a name", func(m *letter.Message) { m.To = "Canary <canary@example.com>" }, letter.ErrAddress},
		{"two recipients", func(m *letter.Message) { m.To = "canary@example.com, b@example.com" }, letter.ErrAddress},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := message(letter.Full, chat())
			tc.change(&m)
			got, err := letter.Compose(m)
			if got != nil || !errors.Is(err, tc.want) {
				t.Fatalf("it got %d bytes, %v", len(got), err)
			}
			if strings.Contains(err.Error(), "anary") {
				t.Errorf("the error says too much: %v", err)
			}
		})
	}
}

func TestSenderIsWrittenSafely(t *testing.T) {
	for _, tc := range []struct{ name, from, want, display string }{
		{"an address alone", "support@example.com", "<support@example.com>", ""},
		{"quotes", `"Support, \"Example\"" <support@example.com>`, `"Support, \"Example\"" <support@example.com>`, `Support, "Example"`},
		{"other scripts", "Hilfe für Müller <support@example.com>", "=?utf-8?q?Hilfe_f=C3=BCr_M=C3=BCller?= <support@example.com>", "Hilfe für Müller"},
		{"an encoded word in an encoded word", "=?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?= <support@example.com>", `"= ?utf-8?q?x?=" <support@example.com>`, "= ?utf-8?q?x?="},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := message(letter.Full, chat())
			m.From = tc.from
			o := compose(t, m)
			if got := o.header.Get("From"); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			from, err := o.header.AddressList("From")
			if err != nil || len(from) != 1 || from[0].Address != "support@example.com" || from[0].Name != tc.display {
				t.Errorf("it is read as %v, %v", from, err)
			}
		})
	}
}

func TestPage(t *testing.T) {
	if _, err := letter.Page(chat(), letter.Options{Content: letter.Link}); !errors.Is(err, letter.ErrMessage) {
		t.Errorf("a page of a link: %v", err)
	}
	redacted, err := letter.Page(chat(), letter.Options{Content: letter.Redacted, Private: true})
	if err != nil || bytes.Contains(redacted, []byte("Marta")) || bytes.Contains(redacted, []byte("Jan")) {
		t.Errorf("a redacted page names people, %v", err)
	}
}

package letter_test

import (
	"bufio"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/retention"
)

// everywhere is a conversation of which all that anybody outside can write is s.
func everywhere(s string) conversation.View {
	v := ticket()
	v.Kind, v.State, v.Source, v.Conversation, v.Status = retention.Kind(s), conversation.State(s), s, s, conversation.Status(s)
	v.Title, v.Department, v.Tags = s, s, []string{s, "x", s}
	v.Subjects = []conversation.Subject{{Name: s, Email: s, Phone: s, VisitorID: s, CustomID: s}, {Name: s}}
	files := []conversation.Attachment{{Name: s, Type: s, Bytes: 1}, {Type: s}, {Name: s}}
	v.Entries = &[]conversation.Entry{
		entry(0, conversation.Visitor, s, s, files...), entry(1, conversation.Agent, s, s, files...), entry(2, conversation.Bot, s, s),
		entry(3, conversation.System, s, s, files...), entry(4, conversation.Role(s), s, s), note(5, s, s),
		entry(6, conversation.Visitor, "x", "x "+s+" y"), entry(7, conversation.Visitor, s, ""), entry(8, conversation.Visitor, "", s),
	}
	return v
}

// harmless has the form of s, the same lines, blanks and signs that are not seen, and otherwise says nothing.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Mn, r) || r == utf8.RuneError {
			return 'x'
		}
		return r
	}, s)
}

func hostile(s string, content letter.Content, digest bool) letter.Message {
	m := message(content, everywhere(s))
	m.ID, m.Account, m.Why = "id"+s, s, s
	if digest {
		m = digestOf(content, everywhere(s), everywhere(s))
		m.ID, m.Account, m.Why, m.Digest.Title = "id"+s, s, s, s
	}
	return m
}

// tags are all tags of a page with their attributes, and all comments: what the text of a page has no part in.
func tags(t *testing.T, page string) (all []string) {
	t.Helper()
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return all
		case html.TextToken:
		default:
			all = append(all, z.Token().String())
		}
	}
}

// parsed is a page as a browser builds it, which tells what a tokenizer does not: whether a tag moved.
func parsed(t *testing.T, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var shape strings.Builder
	var walk func(*html.Node, int)
	walk = func(n *html.Node, depth int) {
		if n.Type == html.ElementNode {
			shape.WriteString(strings.Repeat(" ", depth) + n.Data + "\n")
		}
		for c := range n.ChildNodes() {
			walk(c, depth+1)
		}
	}
	walk(root, 0)
	return shape.String()
}

// checkHostile composes a letter about s and compares it with a harmless one of the same form.
func checkHostile(t *testing.T, s string, content letter.Content, digest bool) {
	t.Helper()
	m, like := hostile(s, content, digest), hostile(harmless(s), content, digest)
	got, want := compose(t, m), compose(t, like)
	if !slices.Equal(got.names, want.names) && !slices.Equal(slices.DeleteFunc(want.names, isListID), slices.DeleteFunc(got.names, isListID)) {
		t.Errorf("%q: the header has the fields %q, not %q", s, got.names, want.names)
	}
	for name, values := range got.header {
		if len(values) != 1 || strings.ContainsAny(values[0], "\r\n\x00") {
			t.Errorf("%q: the header has %s: %q", s, name, values)
		}
	}
	if to := got.header.Get("To"); to != "<archive@example.net>" {
		t.Errorf("%q: it goes to %q", s, to)
	}
	subject := got.subject(t)
	if subject == "" || utf8.RuneCountInString(subject) > 120 || strings.ContainsFunc(subject, unicode.IsControl) || strings.Contains(subject, "=?") {
		t.Errorf("%q: the subject is %q", s, subject)
	}
	if strings.ContainsFunc(got.text+got.html, func(r rune) bool {
		return unicode.IsControl(r) && r != '\r' && r != '\n' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	}) {
		t.Errorf("%q: something that cannot be seen is left", s)
	}
	checkPage(t, s, got.html, want.html)
	if content == letter.Link {
		return
	}
	var pages [2]string
	for i, s := range []string{s, harmless(s)} {
		page, err := letter.Page(everywhere(s), letter.Options{Account: s, Content: content, Private: !digest})
		if err != nil {
			t.Fatal(err)
		}
		pages[i] = string(page)
	}
	checkPage(t, s, pages[0], pages[1])
}

// isListID is true of the one field that there is only where the account's id is one.
func isListID(name string) bool { return name == "List-Id" }

func checkPage(t *testing.T, s, got, want string) {
	t.Helper()
	if diff := cmp.Diff(tags(t, want), tags(t, got)); diff != "" {
		t.Errorf("%q: the tags differ (-want +got):\n%s", s, diff)
	}
	if diff := cmp.Diff(parsed(t, want), parsed(t, got)); diff != "" {
		t.Errorf("%q: the elements differ (-want +got):\n%s", s, diff)
	}
}

// naughty are the strings of testdata/naughty.txt.
func naughty(t testing.TB) (all []string) {
	t.Helper()
	file, err := os.Open("testdata/naughty.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if lines.Text() == "" || lines.Text()[0] == '#' {
			continue
		}
		s, err := strconv.Unquote(lines.Text())
		if err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		all = append(all, s)
	}
	return all
}

func TestHostile(t *testing.T) {
	list := naughty(t)
	if len(list) < 90 {
		t.Fatalf("only %d strings", len(list))
	}
	list = append(list, strings.Join(list, "\r\n"), strings.Join(list, ""), strings.Repeat("<b>", 1_000), strings.Repeat("\u202e", 1_000), strings.Repeat("\u0301", 1_000))
	for _, s := range list {
		for _, content := range []letter.Content{letter.Full, letter.Redacted, letter.Link} {
			for _, digest := range []bool{false, true} {
				checkHostile(t, s, content, digest)
			}
		}
	}
}

// What the other tests compare would be worth nothing if a page did not contain what was written.
func TestWhatPeopleWroteIsThere(t *testing.T) {
	const s = `</td><script>alert("1 + 1")</script>&amp; {{.}}`
	o := compose(t, hostile(s, letter.Full, true))
	var text strings.Builder
	for z := html.NewTokenizer(strings.NewReader(o.html)); z.Next() != html.ErrorToken; {
		if token := z.Token(); token.Type == html.TextToken {
			text.WriteString(token.Data)
		}
	}
	for name, body := range map[string]string{"text": o.text, "HTML": text.String()} {
		if n := strings.Count(strings.ReplaceAll(body, "\r\n      ", " "), s); n < 30 {
			t.Errorf("the %s has it %d times:\n%s", name, n, body)
		}
	}
}

func FuzzLetter(f *testing.F) {
	for i, s := range naughty(f) {
		f.Add(s, byte(i))
	}
	f.Fuzz(func(t *testing.T, s string, form byte) {
		content := []letter.Content{letter.Full, letter.Redacted, letter.Link}[form%3]
		checkHostile(t, s, content, form&0x80 != 0)
	})
}

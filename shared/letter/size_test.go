package letter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/letter"
)

// long is a chat in which a text is said n times, an hour apart.
func long(n int, text string) conversation.View {
	v := chat()
	entries := make([]conversation.Entry, n)
	for i := range entries {
		entries[i] = entry(float64(i)*60, []conversation.Role{conversation.Visitor, conversation.Agent}[i%2], "Marta Example", text)
	}
	v.Entries = &entries
	return v
}

// crowded is a chat with as much as possible around little text.
func crowded() conversation.View {
	v := chat()
	v.Title, v.Department = strings.Repeat("<&>", 1000), strings.Repeat("+'\"", 1000)
	for i := range 100 {
		name := strings.Repeat("\"", 150) + fmt.Sprint(i)
		v.Tags = append(v.Tags, name)
		v.Subjects = append(v.Subjects, conversation.Subject{Name: name, Email: name, Phone: name})
		e := entry(float64(i)*60*24, conversation.Agent, name, "<")
		for range 60 {
			e.Attachments = append(e.Attachments, conversation.Attachment{Name: name + ".pdf", Bytes: 1e9})
		}
		e.Private = true
		*v.Entries = append(*v.Entries, e)
	}
	return v
}

var sizes = []struct {
	name string
	view conversation.View
	// cut are the contents in which it is too long.
	cut []letter.Content
}{
	{"a chat", chat(), nil},
	{"a ticket", ticket(), nil},
	{"nothing", conversation.View{}, nil},
	{"one message of 900 KB", long(1, strings.Repeat("All work and no play. ", 900<<10/22)), nil},
	{"one message of 900 KB without a blank", long(1, strings.Repeat("a", 900<<10)), nil},
	{"one message of 900 KB of lines", long(1, strings.Repeat("a\n", 450<<10)), []letter.Content{letter.Full, letter.Redacted}},
	{"one message of 900 KB that is escaped", long(1, strings.Repeat("'", 900<<10)), []letter.Content{letter.Full, letter.Redacted}},
	{"one message of 900 KB of emoji", long(1, strings.Repeat("🙂", 225<<10)), nil},
	{"one message of 900 KB of blanks", long(1, strings.Repeat(" ", 900<<10)), nil},
	{"one message of 900 KB of accents", long(1, strings.Repeat("\u0301", 450<<10)), nil},
	{"one message of 900 KB of short words of wide letters", long(1, strings.Repeat("早 ", 225<<10)), nil},
	{"10,000 messages", long(10_000, "Where is my parcel?"), nil},
	{"40,000 messages", long(40_000, "Where is my parcel?"), []letter.Content{letter.Full, letter.Redacted}},
	{"a crowd", crowded(), []letter.Content{letter.Full}},
}

func TestSizeIsNotExceeded(t *testing.T) {
	for _, tc := range sizes {
		for _, content := range []letter.Content{letter.Full, letter.Redacted} {
			o := checkSize(t, tc.name, message(content, tc.view))
			if cut := strings.Contains(o.text, "longer than a letter may be"); cut != slices.Contains(tc.cut, content) {
				t.Errorf("%s, %s: is it cut? %t", tc.name, content, cut)
			}
		}
		page, err := letter.Page(tc.view, letter.Options{Content: letter.Full, Private: true})
		if err != nil || len(page) > 4_000_000 {
			t.Errorf("%s: a page of %d bytes, %v", tc.name, len(page), err)
		}
	}
}

// checkSize composes a letter of one conversation, which must not be longer than Size says.
func checkSize(t *testing.T, name string, m letter.Message) opened {
	t.Helper()
	raw, err := letter.Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	size := letter.Size(m.Items[0], m.Content)
	if size > letter.Room {
		t.Errorf("%s, %s: %d bytes are more than there is room for", name, m.Content, size)
	}
	if len(raw) > size+letter.MaxBytes-letter.Room {
		t.Errorf("%s, %s: %d bytes, but its size is %d", name, m.Content, len(raw), size)
	}
	return open(t, raw)
}

func TestSizeIsRightInEveryZone(t *testing.T) {
	v := long(4_000, "")
	for i := range *v.Entries {
		// Half past midnight and half past eleven at night of every day.
		(*v.Entries)[i].Time = conversation.At(time.Date(2020, 1, 1, 0, 30, 0, 0, time.UTC).AddDate(0, 0, i/2).Add(time.Duration(i%2) * 23 * time.Hour))
	}
	for _, offset := range []int{-10, 0, 1, 14} {
		m := message(letter.Full, v)
		m.Zone = time.FixedZone("somewhere", offset*60*60)
		checkSize(t, m.Zone.String(), m)
	}
	m := message(letter.Link, v)
	checkSize(t, "a link", m)
}

func TestWhatIsCutSaysSo(t *testing.T) {
	o := compose(t, message(letter.Full, long(40_000, "Where is my parcel?")))
	shown := strings.Count(o.text, "Where is my parcel?")
	for _, body := range []string{o.text, o.html} {
		if got := strings.Count(body, "Where is my parcel?"); got < 9_000 || got-shown > 1 { // the preheader
			t.Errorf("it has %d messages", got)
		}
		if want := fmt.Sprintf("%d more messages are left out.", 40_000-shown); !strings.Contains(lineEnds(body), want) &&
			!strings.Contains(strings.ReplaceAll(body, "\r\n", " "), want) {
			t.Errorf("it does not say that %s", want)
		}
	}
	o = compose(t, message(letter.Full, long(1, strings.Repeat("'", 900<<10))))
	if got := strings.Count(o.text, "'"); got < 300<<10 {
		t.Errorf("of 900 KB there are %d bytes", got)
	}
}

func TestParts(t *testing.T) {
	items := func(views ...conversation.View) []letter.Item { return message(letter.Full, views...).Items }
	third := long(3_000, "Where is my parcel?")
	for _, tc := range []struct {
		name  string
		items []letter.Item
		want  []int
	}{
		{"nothing", nil, nil},
		{"one", items(chat()), []int{1}},
		{"as many as fit", items(slices.Repeat([]conversation.View{short(1)}, letter.MaxItems)...), []int{200}},
		{"one more than fit", items(slices.Repeat([]conversation.View{short(1)}, letter.MaxItems+1)...), []int{200, 1}},
		{"long ones", items(third, third, third, third, chat(), chat()), []int{3, 3}},
		{"one that is too long in the middle", items(chat(), long(40_000, "x"), chat()), []int{1, 1, 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []int
			var all []letter.Item
			for i, part := range letter.Parts(tc.items, letter.Full) {
				got, all = append(got, len(part)), append(all, part...)
				m := digestOf(letter.Full)
				m.Items, m.Digest.Part, m.Digest.Parts = part, i+1, len(tc.want)
				raw, err := letter.Compose(m)
				if err != nil || len(raw) > letter.MaxBytes {
					t.Errorf("part %d has %d bytes, %v", i+1, len(raw), err)
				}
				if tc.name != "one that is too long in the middle" && strings.Contains(open(t, raw).text, "left out") {
					t.Errorf("part %d is cut", i+1)
				}
			}
			if !slices.Equal(got, tc.want) || len(all) != len(tc.items) {
				t.Errorf("the parts have %v items, want %v", got, tc.want)
			}
			for i := range all {
				if all[i].View.ID != tc.items[i].View.ID {
					t.Errorf("item %d is another", i)
				}
			}
		})
	}
}

// A caller that ignores Parts gets letters that are not much longer either.
func TestDigestIsBounded(t *testing.T) {
	raw, err := letter.Compose(digestOf(letter.Full, slices.Repeat([]conversation.View{long(5_000, "Where is my parcel?")}, letter.MaxItems)...))
	if err != nil || len(raw) > letter.MaxBytes*5/4 {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
}

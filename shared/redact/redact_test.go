package redact_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/redact"
	"github.com/supportvault/supportvault/shared/retention"
)

var noon = conversation.At(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))

// text is what the redaction leaves of one entry's text in a conversation with these subjects and an agent.
func text(s string, subjects ...conversation.Subject) string {
	v := redact.View(conversation.View{Subjects: subjects, Entries: &[]conversation.Entry{
		{Author: conversation.Author{Role: conversation.Agent, Name: "Jan Vorbild"}, Text: s},
	}})
	return (*v.Entries)[0].Text
}

func TestTextWithoutWhatIdentifies(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"an e-mail address", "write to marta@example.com.", "write to [e-mail]."},
		{"an e-mail address in brackets", "Marta <marta.e+shop@mail.example.co.uk>", "Marta <[e-mail]>"},
		{"a mailto link", "mailto:marta@example.com?subject=hi", "mailto:[e-mail]?subject=hi"},
		{"two e-mail addresses without a blank", "a@example.com,b@example.org", "[e-mail],[e-mail]"},
		{"an e-mail address in quotes", "'marta@example.com'", "'[e-mail]'"},
		{"an apostrophe in an e-mail address", "o'neill@example.com", "[e-mail]"},
		{"a quoted local part", `"marta e"@example.com`, "[e-mail]"},
		{"an e-mail address of other scripts", "почта: имя@пример.рф", "почта: [e-mail]"},
		{"an address literal", "root@[192.0.2.7] is mine", "[e-mail] is mine"},
		{"an e-mail address before a full stop and a word", "marta@example.com-thanks", "[e-mail]-thanks"},
		{"a handle is none", "ask @marta", "ask @marta"},
		{"a package's version is none", "react@18.2.0 and 5 @ 3.50", "react@18.2.0 and 5 @ 3.50"},

		{"a phone number with the code of the country", "call +49 (0)30 555 0100 now", "call [phone] now"},
		{"one in one piece", "+442079460958", "[phone]"},
		{"one of North America", "I am at 212-555-0123, or (212) 555-0123.", "I am at [phone], or [phone]."},
		{"one of North America with dots", "212.555.0123", "[phone]"},
		{"one of North America with a 1", "1-800-555-0199", "[phone]"},
		{"two beside each other", "212-555-0123 415-555-0199", "[phone] [phone]"},
		{"one with an extension", "212-555-0123x45 or 212-555-0123 ext. 45", "[phone] or [phone]"},
		{"a national one", "ruf mich an: 030 5550100", "ruf mich an: [phone]"},
		{"a national one with a slash", "0171/555 0100", "[phone]"},
		{"a French one", "01 42 55 01 00 ou 06.12.55.01.00", "[phone] ou [phone]"},
		{"one with 00", "0049 30 5550100", "[phone]"},
		{"one of Brazil", "(11) 95550-0100", "[phone]"},
		{"one of China", "138 0013 8000", "[phone]"},
		{"one after a word that says so", "my phone is 5550100", "my phone is [phone]"},
		{"one under a line that says so", "Phone:\n12 34 56 78", "Phone:\n[phone]"},
		{"one before a date", "call +49 30 5550100 21.11.2026", "call [phone] 21.11.2026"},
		{"a tel link", "tel:+4930555010", "tel:[phone]"},

		{"a card", "4111 1111 1111 1111 12/27", "[card] 12/27"},
		{"a card that was masked before", "card ****-****-****-1111.", "card [card]."},
		{"a card in one piece", "************1111", "[card]"},
		{"stars that are none", "**** very good **** 2026", "**** very good **** 2026"},
		{"a rule of stars", "********************\n1234", "********************\n1234"},
		{"an IBAN", "DE89370400440532013000", "[IBAN]"},
		{"an IBAN in groups", "IBAN: gb82 west 1234 5698 7654 32, please", "IBAN: [IBAN], please"},
		{"an IBAN with wrong check digits is none", "DE88370400440532013000", "DE88370400440532013000"},

		{"an address of IP version 4", "from 192.0.2.7:8080.", "from [IP address]:8080."},
		{"an address of IP version 6", "[2001:db8::7]:443 and fe80::1%eth0", "[[IP address]]:443 and [IP address]%eth0"},
		{"a version is none", "version 10.0.19.1, v1.2.3.4, Chrome/120.0.0.0", "version 10.0.19.1, v1.2.3.4, Chrome/120.0.0.0"},
		{"C++ is none", "std::cout ab::cd", "std::cout ab::cd"},

		{"a login in a URL", "https://marta:secret@shop.example.com/x", "https://[login]@shop.example.com/x"},
		{"a query string", "see https://shop.example.com/reset?token=abc&mail=x%40y.", "see https://shop.example.com/reset?[query]."},
		{"a fragment that is a query", "https://shop.example.com/#access_token=abc", "https://shop.example.com/#[query]"},
		{"a fragment that is none", "https://shop.example.com/#terms", "https://shop.example.com/#terms"},
		{"a URL without a scheme", "(shop.example.com/reset?token=abc)", "(shop.example.com/reset?[query])"},
		{"a login in the second of two URLs", "https://a.example/,https://u:p@b.example/", "https://a.example/,https://[login]@b.example/"},
		{"a question is none", "and=or?what=ever really?yes=no", "and=or?what=ever really?yes=no"},

		{"the agent's name", "Hi, I'm JAN, Jan Vorbild", "Hi, I'm [name], [name]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, text(tc.text)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", tc.text, diff)
			}
		})
	}
}

func TestOrdinaryTextStays(t *testing.T) {
	for _, s := range []string{
		"",
		"order 12345", "Order #20261121-0042", "order number 1234567890", "Bestellnummer 0301234567", "invoice no. 6011 0763 3216 2300",
		"2026-11-21", "21.11.2026 20:27", "11/21/2026", "21/11/26 09:00-17:30", "2026-11-21T20:27:00.000Z", "20261121", "12.30 - 14.00 Uhr",
		"from 01.02.2026 to 28.02.2026", "01.02.2026 12 Uhr", "on 21-11-2026 at 8",
		"€1,234,567.89", "$1200000", "1.234.567,89 EUR", "12 000 000", "3.14159265358979", "0.0123456789", "52.520008, 13.404954",
		"v1.2.3", "Go 1.26.8", "Windows 10.0.22631", "iOS 17.5.1",
		"550e8400-e29b-41d4-a716-446655440000", "0123456789abcdef0123456789abcdef", "00340434161094015902",
		"size 1920x1080", "ISBN 978-3-16-148410-0", "EAN 4006381333931", "IMEI 35-209900-176148-1",
		"room 212, 3 of 4, 10%", "08:00:00", "1:2:3", "a::b", "100 200 300", "page 12-14", "24/7", "1/2", "555-0100", "12345-6789",
		"😀 שלום مرحبا こんにちは", "\x00\u202e\ufffd", "a@b", "@", "://", "?", "?=", "https://", "https://?#", "*", "+", "(", "+ 1", "()", "00", "::",
	} {
		if got := text(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func TestParticipantsAreNotNamed(t *testing.T) {
	marta := conversation.Subject{
		Name: "Marta Example-Núñez", Email: "marta@localhost", Phone: "+49 30 555 0100", VisitorID: "visitor_8812", CustomID: "17",
	}
	for _, tc := range []struct {
		name    string
		subject conversation.Subject
		text    string
		want    string
	}{
		{"the whole name", marta, "This is Marta Example-Núñez.", "This is [name]."},
		{"parts of it", marta, "Dear Ms Example, marta's order", "Dear Ms [name], [name]'s order"},
		{"without its accents", marta, "NUNEZ", "[name]"},
		{"with accents that are signs of their own", marta, "Nu\u0301n\u0303ez is", "[name] is"},
		{"with an invisible sign in it", marta, "Mar\u200bta", "[name]"},
		{"in an address of the web", marta, "shop.invalid/marta_example", "shop.invalid/[name]_[name]"},
		{"not within words", marta, "Martas Schmarta marta1", "Martas Schmarta marta1"},
		{"an e-mail address that is none by its form", marta, "MARTA@LOCALHOST", "[e-mail]"},
		{"an id", marta, "I am visitor_8812", "I am [id]"},
		{"an id that is too short to be told apart", marta, "17 items", "17 items"},
		{"the phone number in another spelling", marta, "030/5550100, 5550100 or 555-0100", "[phone], [phone] or [phone]"},
		{"the phone number where a reference is expected", marta, "order 0305550100", "order [phone]"},
		{"another phone number's digits", marta, "order 5550101", "order 5550101"},
		{"a known national number with the code of the country", conversation.Subject{Phone: "030 5550100"}, "order 49305550100", "order [phone]"},
		{"a name of short parts", conversation.Subject{Name: "Li Na"}, "Li Na likes na and li", "[name] likes na and li"},
		{"a name without spaces", conversation.Subject{Name: "王小明"}, "我是王小明，你好", "我是[name]，你好"},
		{"a name with a particle", conversation.Subject{Name: "Vincent van der Berg"}, "the van of Vincent", "the van of [name]"},
		{"a Korean name before a particle", conversation.Subject{Name: "김민수"}, "김민수가 왔어요", "[name]가 왔어요"},
		{"an Arabic name", conversation.Subject{Name: "مريم مثال"}, "اسمي مريم.", "اسمي [name]."},
		{"a Cyrillic name in capitals", conversation.Subject{Name: "Марта Пример"}, "это МАРТА", "это [name]"},
		{"a name that says nothing", conversation.Subject{Name: "Website Visitor 4711"}, "a visitor of the website", "a visitor of the website"},
		{"a company's name", conversation.Subject{Name: "Acme Support Ltd"}, "Acme support", "[name] support"},
		{"a sentence as a name", conversation.Subject{Name: "I only want to know the price"}, "know the price", "know the price"},
		{"an e-mail address as a name", conversation.Subject{Name: "marta@example"}, "an example: marta@example", "an example: [e-mail]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, text(tc.text, tc.subject)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", tc.text, diff)
			}
		})
	}
}

// canary is a view of which every field says something.
func canary() conversation.View {
	return conversation.View{
		ID: "abcdefghijklmnopqrstuvwxyz234567-1", Kind: retention.Ticket, State: conversation.Settled, Source: "canonical",
		Conversation: "+4930canary", Incarnation: 1, Revision: 2, StartedAt: noon, EndedAt: &noon, SettledAt: &noon, ExpiresAt: noon, Held: true,
		Call:  &conversation.Call{Direction: conversation.Inbound, Outcome: "answered for Canary", Seconds: 4711, Recording: "canary-recording"},
		Title: "Parcel of Canary Example", Status: conversation.StatusSolved, Department: "Canary's team", Tags: []string{"vip", "canary@example.com"},
		Subjects: []conversation.Subject{{Name: "Canary Example", Email: "canary@example.com", Phone: "+49 30 555 0100", VisitorID: "canary", CustomID: "canary-1"}},
		Rating:   new(4),
		Entries: &[]conversation.Entry{
			{ID: "canary:1", Time: noon, Author: conversation.Author{Role: conversation.Visitor, Name: "Canary Example"}, Text: "I am Canary", Attachments: []conversation.Attachment{
				{Name: "canary.pdf", Type: "application/pdf", Bytes: 4711}, {Name: "canary", Type: "canary's file", Bytes: 1},
			}},
			{ID: "canary:2", Time: noon, Author: conversation.Author{Role: conversation.Agent, Name: "Canary Agentsson"}, Text: "Agentsson here", Private: true},
			{ID: "canary:3", Time: noon, Author: conversation.Author{Role: conversation.Bot, Name: "Canary Bot"}, Text: "?"},
			{ID: "canary:4", Time: noon, Author: conversation.Author{Role: conversation.System, Name: "canary"}, Text: "Canary left"},
		},
	}
}

func TestView(t *testing.T) {
	before := canary()
	got := redact.View(before)
	if diff := cmp.Diff(canary(), before); diff != "" {
		t.Errorf("the view handed in changed (-want +got):\n%s", diff)
	}
	want := canary()
	want.Conversation, want.Title, want.Department, want.Tags = "", "Parcel of [name]", "[name]'s team", []string{"vip", "[e-mail]"}
	want.Subjects = []conversation.Subject{{Name: "Visitor"}}
	want.Call = &conversation.Call{Direction: conversation.Inbound, Outcome: "answered for [name]", Seconds: 4711}
	want.Entries = &[]conversation.Entry{
		{ID: "1", Time: noon, Author: conversation.Author{Role: conversation.Visitor, Name: "Visitor"}, Text: "I am [name]", Attachments: []conversation.Attachment{
			{Type: "application/pdf", Bytes: 4711}, {Bytes: 1},
		}},
		{ID: "2", Time: noon, Author: conversation.Author{Role: conversation.Agent, Name: "Agent"}, Text: "[name] here", Private: true},
		{ID: "3", Time: noon, Author: conversation.Author{Role: conversation.Bot, Name: "Bot"}, Text: "?"},
		{ID: "4", Time: noon, Author: conversation.Author{Role: conversation.System}, Text: "[name] left"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(strings.ToLower(fmt.Sprintf("%+v %+v", got, *got.Entries)), "canary") {
		t.Errorf("something of a participant is left: %+v", got)
	}
}

func TestCanaryFillsEveryField(t *testing.T) {
	v := reflect.ValueOf(canary())
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is empty: that the redaction passes over it would go unnoticed", v.Type().Field(i).Name)
		}
	}
}

func TestViewWithoutEntries(t *testing.T) {
	if got := redact.View(conversation.View{}); got.Entries != nil || got.Subjects != nil || got.Tags != nil {
		t.Errorf("a view of a list came to have %+v", got)
	}
}

// What takes long in a detector that looks too far around, 256 KB of each.
func TestTimeIsLinear(t *testing.T) {
	const size = 1 << 18
	subject := conversation.Subject{Name: strings.Repeat("a ", 50) + "b", Phone: "11111111111"}
	for _, piece := range []string{
		"a", "a ", "1", "1 ", "1-", "12.", "@", "a@", "a.", "@a.", ":", "::", "1:", "f:", "://", "a://", "a://b@", "?", "a.b?", "#=", "*", "**** ", "*1",
		"DE89", "DE89 ", "GB82 ", "+1", "+1 ", "(", "(1)", "00", "00 1", "phone ", "phone 1", "\"@", "a\u0301", "\u0301", "王", "\x00", "\xff", "é", " ", "\n", "1.1.1.1.",
	} {
		s := strings.Repeat(piece, size/len(piece))
		start := time.Now()
		text(s, subject)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("256 KB of %q took %s", piece, took)
		}
	}
}

func TestManyParticipants(t *testing.T) {
	var v conversation.View
	var entries []conversation.Entry
	for i := range 10_000 {
		v.Subjects = append(v.Subjects, conversation.Subject{Name: fmt.Sprintf("First%c Last%d", 'a'+i%26, i), Phone: fmt.Sprintf("+4930%07d", i)})
		entries = append(entries, conversation.Entry{Text: "I am Firsta, call 030 0000042"})
	}
	v.Entries = &entries
	for _, e := range *redact.View(v).Entries {
		if e.Text != "I am [name], call [phone]" {
			t.Fatalf("got %q", e.Text)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{
		"", "I'm Marta Example, marta@example.com, +49 30 5550100", "https://u:p@h/?q=1#f=2", "DE89 3704 0044 0532 0130 00", "4111 1111 1111 1111",
		"(212) 555-0123x4", "fe80::1 192.0.2.7:80", "\xff\x00\u202e", "12.12.2026 0171/5550100", "王小明",
	} {
		f.Add(s, "Marta Example", "+49 30 5550100")
	}
	f.Fuzz(func(t *testing.T, s, name, phone string) {
		got := text(s, conversation.Subject{Name: name, Phone: phone})
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("%q became %q, which is not UTF-8", s, got)
		}
		// The longest mark for the shortest find.
		if len(got) > (len(s)+1)*len("[IP address]") {
			t.Errorf("%q grew to %d bytes", s, len(got))
		}
		beside := text(s+"\nmarta@example.com DE89370400440532013000 +442079460958", conversation.Subject{Name: name, Phone: phone})
		if strings.Contains(beside, "marta@example.com") || strings.Contains(beside, "532013000") || strings.Contains(beside, "7946095") {
			t.Errorf("after %q something is not found: %q", s, beside)
		}
	})
}

package card_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/card"
)

// The numbers are the networks' and processors' published test numbers, or invented ones with a check digit.

func TestMaskIssuers(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"Visa, 16 digits", "4111111111111111", "************1111"},
		{"Visa, 13 digits", "4222222222222", "*********2222"},
		{"Visa, 19 digits", "4000000000000000006", "***************0006"},
		{"Mastercard", "5555555555554444", "************4444"},
		{"Mastercard, first of the 2-series", "2221000000000009", "************0009"},
		{"Mastercard, last of the 2-series", "2720990000000007", "************0007"},
		{"American Express", "378282246310005", "***********0005"},
		{"Diners Club, 14 digits", "30569309025904", "**********5904"},
		{"Diners Club, 36", "36000000000008", "**********0008"},
		{"Discover", "6011111111111117", "************1117"},
		{"Discover, 18 digits", "644000000000000005", "**************0005"},
		{"JCB", "3530111333300000", "************0000"},
		{"JCB, old 15 digits", "180000000000002", "***********0002"},
		{"UnionPay, 16 digits", "6200000000000005", "************0005"},
		{"UnionPay, 19 digits", "6200000000000000000", "***************0000"},
		{"UnionPay, 81", "8110000000000000", "************0000"},
		{"RuPay", "8172000000000005", "************0005"},
		{"Maestro, 12 digits", "675900000000", "********0000"},
		{"Maestro, 13 digits", "6304123456782", "*********6782"},
		{"Maestro, 17 digits", "56418200000000004", "*************0004"},
		{"Dankort", "5019717010103742", "************3742"},
		{"Mir", "2200123456789019", "************9019"},
		{"Troy", "9792000000000003", "************0003"},
		{"Uzcard", "8600123456789012", "************9012"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { checkMask(t, "card "+test.text+".", "card "+test.want+".", 1) })
	}
}

func TestMaskWhatPeopleWrite(t *testing.T) {
	tests := []struct {
		name, text, want string
		n                int
	}{
		{"groups of four", "it is 4111 1111 1111 1111 thanks", "it is **** **** **** 1111 thanks", 1},
		{"hyphens", "4111-1111-1111-1111", "****-****-****-1111", 1},
		{"dots", "4111.1111.1111.1111", "****.****.****.1111", 1},
		{"slashes", "4111/1111/1111/1111", "****/****/****/1111", 1},
		{"underscores", "4111_1111_1111_1111", "****_****_****_1111", 1},
		{"mixed separators", "4111 1111-1111.1111", "**** ****-****.1111", 1},
		{"spaces around hyphens", "4111 - 1111 - 1111 - 1111", "**** - **** - **** - 1111", 1},
		{"two spaces", "4111  1111  1111  1111", "****  ****  ****  1111", 1},
		{"tabs", "4111\t1111\t1111\t1111", "****\t****\t****\t1111", 1},
		{"no-break spaces", "4111\u00a01111\u00a01111\u00a01111", "****\u00a0****\u00a0****\u00a01111", 1},
		{"narrow no-break spaces", "4111\u202f1111\u202f1111\u202f1111", "****\u202f****\u202f****\u202f1111", 1},
		{"en dashes", "4111–1111–1111–1111", "****–****–****–1111", 1},
		{"figure dashes", "4111‒1111‒1111‒1111", "****‒****‒****‒1111", 1},
		{"minus signs", "4111−1111−1111−1111", "****−****−****−1111", 1},
		{"zero-width spaces", "4111\u200b1111\u200b1111\u200b1111", "****\u200b****\u200b****\u200b1111", 1},
		{"American Express as on the card", "3782 822463 10005", "**** ****** *0005", 1},
		{"Diners Club as on the card", "3056 930902 5904", "**** ****** 5904", 1},
		{"nineteen digits in fours", "4000 0000 0000 0000 006", "**** **** **** ***0 006", 1},
		{"twelve digits in fours", "6759 0000 0000", "**** **** 0000", 1},
		{"the issuer's six digits apart", "411111 1111111111", "****** ******1111", 1},
		{"halves", "41111111 11111111", "******** ****1111", 1},
		{"digit by digit", "it's 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 ok", "it's * * * * * * * * * * * * 1 1 1 1 ok", 1},
		{"in pairs", "41 11 11 11 11 11 11 11", "** ** ** ** ** ** 11 11", 1},
		{"odd number of digits in pairs", "37 82 82 24 63 10 00 5", "** ** ** ** ** *0 00 5", 1},
		{"wrapped onto the next line", "my card 4111 1111\n1111 1111", "my card **** ****\n**** 1111", 1},
		{"wrapped with CRLF and a trailing space", "4111 1111 1111 \r\n1111", "**** **** **** \r\n1111", 1},

		{"expiry and code after it", "4111 1111 1111 1111 12/27 123", "**** **** **** 1111 12/27 123", 1},
		{"expiry and code after one piece", "4111111111111111 1227 123", "************1111 1227 123", 1},
		{"code after American Express", "3782 822463 10005 1234", "**** ****** *0005 1234", 1},
		{"digit by digit with expiry", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 12/27", "* * * * * * * * * * * * 1 1 1 1 12/27", 1},
		{"a quantity before it", "2 4111 1111 1111 1111", "2 **** **** **** 1111", 1},
		{"expiry before it", "12/27 4111111111111111", "12/27 ************1111", 1},
		{"16 digits before 19 that fit too", "4111 1111 1111 1111 003", "**** **** **** 1111 003", 1},

		{"label and colon", "card:4111111111111111", "card:************1111", 1},
		{"number sign", "#4111111111111111", "#************1111", 1},
		{"equals sign", "?pan=4111111111111111&x=1", "?pan=************1111&x=1", 1},
		{"abbreviation and dot", "no.4111111111111111", "no.************1111", 1},
		{"underscore before it", "card_4111111111111111", "card_************1111", 1},
		{"hyphen before it", "visa-4111111111111111", "visa-************1111", 1},
		{"question mark after it", "4111111111111111?", "************1111?", 1},
		{"comma after it", "4111111111111111, please", "************1111, please", 1},
		{"parentheses", "(4111111111111111)", "(************1111)", 1},
		{"quotes", `"4111111111111111"`, `"************1111"`, 1},
		{"JSON", `{"pan":"4111111111111111","cvv":"123"}`, `{"pan":"************1111","cvv":"123"}`, 1},
		{"CSV", "7,4111111111111111,x", "7,************1111,x", 1},
		{"bold in Markdown", "**4111 1111 1111 1111**", "****** **** **** 1111**", 1},
		{"after a label in bold", "**Card:** 4111111111111111", "**Card:** ************1111", 1},
		{"cents after it", "4111111111111111.50", "************1111.50", 1},
		{"plus before 16 digits", "+4111111111111111", "+************1111", 1},
		{"a letter after a grouped number", "4111 1111 1111 1111exp 12/27", "**** **** **** 1111exp 12/27", 1},
		{"in a link", "https://pay.example/c/4111111111111111?x", "https://pay.example/c/************1111?x", 1},
		{"after an IBAN", "DE89 3704 0044 0532 0130 00, 4111 1111 1111 1111",
			"DE89 3704 0044 0532 0130 00, **** **** **** 1111", 1},

		{"umlauts around it", "für 4111111111111111 gültig", "für ************1111 gültig", 1},
		{"Japanese without spaces", "番号は4111111111111111です", "番号は************1111です", 1},
		{"emoji beside it", "💳4111111111111111💳", "💳************1111💳", 1},
		{"full-width digits", "４１１１　１１１１　１１１１　１１１１", "****　****　****　１１１１", 1},
		{"Arabic-Indic digits", "بطاقة ٤١١١ ١١١١ ١١١١ ١١١١", "بطاقة **** **** **** ١١١١", 1},
		{"Persian digits", "۴۱۱۱۱۱۱۱۱۱۱۱۱۱۱۱", "************۱۱۱۱", 1},
		{"Devanagari digits", "४१११११११११११११११", "************११११", 1},
		{"bytes that are not UTF-8", "\xff4111111111111111\xe2\x80", "\xff************1111\xe2\x80", 1},
		{"a cut full-width digit after it", "4111111111111111\xef\xbc", "************1111\xef\xbc", 1},

		{"two cards", "4111111111111111 or 5555-5555-5555-4444", "************1111 or ****-****-****-4444", 2},
		{"two cards side by side", "4111 1111 1111 1111 5555 5555 5555 4444", "**** **** **** 1111 **** **** **** 4444", 2},
		{"one card a line", "4111111111111111\n5555555555554444\n378282246310005",
			"************1111\n************4444\n***********0005", 3},
		{"a card beside a masked one", "************1111 5555555555554444", "************1111 ************4444", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { checkMask(t, test.text, test.want, test.n) })
	}
}

func TestMaskLeavesLookalikes(t *testing.T) {
	tests := []struct{ name, text string }{
		{"no text", ""},
		{"no digits", "Where is my parcel?"},
		{"wrong check digit", "4111 1111 1111 1112"},
		{"no issuer's prefix", "7300000000000002"},
		{"no issuer has this length", "541275123412342"},
		{"IMEI", "350000000000006"},
		{"IMEI in groups", "35-000000-000000-6"},
		{"eleven digits", "67590000000"},
		{"twenty digits", "41111111111111110000"},
		{"glued to a code", "4111111111111111123"},
		{"digits before it", "94111111111111111"},
		{"letters before it", "order4111111111111111"},
		{"letters after it", "4111111111111111f978"},
		{"within a hash", "commit d4111111111111111f978"},
		{"UUID", "123e4567-e89b-12d3-a456-675900000000"},
		{"UUID of digits", "41111111-1111-4111-9111-111111111111"},
		{"IBAN", "PL65 4111 1111 1111 1111 3416 7211"},
		{"IBAN in lower case", "pl65 4111 1111 1111 1111 3416 7211"},
		{"IBAN without spaces", "PL65411111111111111134167211"},
		{"phone number with plus", "+573001234562"},
		{"phone number in groups", "57 300 123 4562"},
		{"fraction", "0.4111111111111111"},
		{"timestamp", "2026-11-01 12:00:00.000000"},
		{"order number in its usual groups", "302-1234567-1234565"},
		{"row of single digits", "9 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"},
		{"row of pairs", "41 11 11 11 11 11 11 11 22"},
		{"column of numbers", "4111\n1111\n1111\n1111"},
		{"column of references", "41111111\n11111111"},
		{"separated by commas", "4111,1111,1111,1111"},
		{"two marks between groups", "4111--1111--1111--1111"},
		{"four spaces between groups", "4111    1111    1111    1111"},
		{"masked already", "**** **** **** 1111"},
		{"masked, with numbers after it", "**** **** **** 4111 1111 1111 1111"},
		{"rule of stars", strings.Repeat("*", 80)},
		{"cut digits of other scripts", "\xef\xbc \xd9 \xdb \xe0\xa5"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { checkMask(t, test.text, test.text, 0) })
	}
}

func checkMask(t *testing.T, text, want string, wantN int) {
	t.Helper()
	got, n := card.Mask(text)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Mask(%q) (-want +got):\n%s", text, diff)
	}
	if n != wantN {
		t.Errorf("Mask(%q) counts %d cards, want %d", text, n, wantN)
	}
	checkProperties(t, text)
}

// checkProperties holds for every text.
func checkProperties(t *testing.T, text string) {
	t.Helper()
	masked, n := card.Mask(text)
	if n == 0 && masked != text {
		t.Errorf("Mask(%q) = %q, counts no card", text, masked)
	}
	if again, more := card.Mask(masked); more != 0 || again != masked {
		t.Errorf("Mask(%q) = %q, then masked again: %q, %d more", text, masked, again, more)
	}
	if utf8.ValidString(text) && !utf8.ValidString(masked) {
		t.Errorf("Mask(%q) = %q, not UTF-8 any more", text, masked)
	}

	before, after := []rune(text), []rune(masked)
	if len(before) != len(after) {
		t.Fatalf("Mask(%q) = %q, %d characters instead of %d", text, masked, len(after), len(before))
	}
	hidden := 0
	for i, r := range before {
		if r == after[i] {
			continue
		}
		hidden++
		if after[i] != '*' || !strings.ContainsRune("0123456789０１２３４５６７８９٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९", r) {
			t.Errorf("Mask(%q) turned %q into %q", text, r, after[i])
		}
	}
	if hidden < 8*n || hidden > 15*n {
		t.Errorf("Mask(%q) hid %d digits of %d cards", text, hidden, n)
	}
}

func TestMaskPropertiesOfRandomRuns(t *testing.T) {
	pieces := []string{
		"4111", "1111", "4", "1", "11", "41", "4111111111111111", "6759", "3782", "822463", "10005", "12", "0", "5",
		" ", " ", " ", "-", ".", "+", "\n", "  ", "*", "**", "****", "a", "x", "DE89", "٤", "４", "\xff",
	}
	cards := 0
	for seed := range uint64(50_000) {
		random := rand.New(rand.NewPCG(seed, 0))
		var text strings.Builder
		for range 4 + random.IntN(26) {
			if random.IntN(3) == 0 {
				fmt.Fprint(&text, random.IntN(10_000))
			} else {
				text.WriteString(pieces[random.IntN(len(pieces))])
			}
			if random.IntN(3) == 0 {
				text.WriteByte(' ')
			}
		}
		checkProperties(t, text.String())
		_, n := card.Mask(text.String())
		cards += n
	}
	if cards < 1000 {
		t.Errorf("only %d cards in random runs: they no longer test masking", cards)
	}
}

func TestMaskAllocatesNothingWithoutCards(t *testing.T) {
	text := plainText()
	if allocs := testing.AllocsPerRun(10, func() { card.Mask(text) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func FuzzMask(f *testing.F) {
	for _, seed := range []string{
		"", "4111 1111 1111 1111 12/27 123", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "37 82 82 24 63 10 00 5",
		"**** **** **** 4111 1111 1111 1111", "**4111 1111 1111 1111** 5555555555554444", "4111 1111\r\n1111 1111",
		"PL65 4111 1111 1111 1111 3416 7211 4111111111111111", "123e4567-e89b-12d3-a456-675900000000 6759 0000 0000",
		"４１１１　１１１１　１１１１　１１１１", "٤١١١ ١١١١ ١١١١ ١١١١", "\xff4000000000000000006\xe2\x80", "+4111111111111111",
		"0.4111111111111111 3782 822463 10005",
	} {
		f.Add(seed)
	}
	f.Fuzz(checkProperties)
}

func ExampleMask() {
	masked, n := card.Mask("Please charge 4111 1111 1111 1111, it expires 12/27.")
	fmt.Println(n, masked)
	// Output: 1 Please charge **** **** **** 1111, it expires 12/27.
}

func plainText() string {
	const sentence = "I ordered 2 blue ones on 14 March (order 88-1203) and they have not come yet; could you have a look? "
	return strings.Repeat(sentence, 20_000/len(sentence)+1)
}

func BenchmarkMask(b *testing.B) {
	texts := []struct{ name, text string }{
		{"plain", plainText()},
		{"letters", strings.Repeat("Where is my parcel, please? ", 20_000/28)},
		{"digits", strings.Repeat("4021 5532 9981 1123 ", 20_000/20)},
		{"singles", strings.Repeat("4 1 ", 20_000/4)},
		{"cards", strings.Repeat("my card is 4111 1111 1111 1111 and ", 20_000/35)},
	}
	for _, text := range texts {
		b.Run(text.name, func(b *testing.B) {
			b.SetBytes(int64(len(text.text)))
			b.ReportAllocs()
			for b.Loop() {
				card.Mask(text.text)
			}
		})
	}
}

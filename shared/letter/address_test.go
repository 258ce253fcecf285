package letter_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/supportvault/supportvault/shared/letter"
)

func TestAddress(t *testing.T) {
	for _, tc := range []struct{ name, address, want string }{
		{"an ordinary one", "marta@example.com", "marta@example.com"},
		{"a domain in capitals", "Marta.E@EXAMPLE.Com", "Marta.E@example.com"},
		{"every sign that needs no quotes", "!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"},
		{"blanks around it", "  marta@example.com ", "marta@example.com"},
		{"a domain of another script", "marta@bücher.example", "marta@xn--bcher-kva.example"},
		{"such a domain in capitals", "marta@BÜCHER.example", "marta@xn--bcher-kva.example"},
		{"such a domain in ASCII", "marta@xn--bcher-kva.example", "marta@xn--bcher-kva.example"},
		{"the longest local part", strings.Repeat("a", 64) + "@example.com", strings.Repeat("a", 64) + "@example.com"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := letter.Address(tc.address)
			if got != tc.want || err != nil {
				t.Errorf("%q became %q, %v", tc.address, got, err)
			}
			if again, err := letter.Address(got); again != got || err != nil {
				t.Errorf("%q is not canonical: %q, %v", got, again, err)
			}
		})
	}
}

func TestAddressRefused(t *testing.T) {
	long := strings.Repeat("a", 60) + "."
	for _, tc := range []struct{ name, address string }{
		{"nothing", ""},
		{"no @", "marta.example.com"},
		{"nothing before the @", "@example.com"},
		{"nothing after the @", "marta@"},
		{"two @", "marta@example.com@example.org"},
		{"a display name", "Marta <marta@example.com>"},
		{"brackets", "<marta@example.com>"},
		{"a list", "marta@example.com, jan@example.com"},
		{"a list with a semicolon", "marta@example.com;jan@example.com"},
		{"a group", "all: marta@example.com, jan@example.com;"},
		{"a group of one", "all: marta@example.com;"},
		{"a comment", "marta@example.com (Marta)"},
		{"a comment in the middle", "marta(x)@example.com"},
		{"a quoted local part", `"marta"@example.com`},
		{"a quoted local part with a line break", "\"mar\r\nta\"@example.com"},
		{"a quoted local part with a recipient", `"marta@example.com, jan"@example.com`},
		{"a header after it", "marta@example.com\r\nBcc: jan@example.com"},
		{"a line end after it", "marta@example.com\r\n"},
		{"a bare LF", "marta@example.com\n"},
		{"a bare CR", "marta\r@example.com"},
		{"a NUL", "marta\x00@example.com"},
		{"a tab", "marta@example.com\t"},
		{"a blank within", "mar ta@example.com"},
		{"an encoded word", "=?utf-8?q?marta@example.com?="},
		{"an encoded word as local part, unfinished", "=?utf-8?q?a,b?=@example"},
		{"two dots", "marta..e@example.com"},
		{"a dot at the end of the local part", "marta.@example.com"},
		{"a dot at the end of the domain", "marta@example.com."},
		{"a local part of another script", "märta@example.com"},
		{"a domain without a dot", "marta@localhost"},
		{"an address literal", "marta@[192.0.2.1]"},
		{"an address of the internet protocol", "marta@192.0.2.1"},
		{"an underscore in the domain", "marta@ex_ample.com"},
		{"a hyphen at the end of a label", "marta@example-.com"},
		{"a domain that is no punycode", "marta@xn--\u00fc.example"},
		{"a turned direction in the domain", "marta@exa\u202emple.com"},
		{"an invisible sign in the domain", "marta@exa\u200bmple\u2060.com\u3002\u3002x"},
		{"bytes that are not UTF-8", "marta@ex\xffample.com"},
		{"a label of 64 bytes", "marta@" + strings.Repeat("a", 64) + ".com"},
		{"a local part of 65 bytes", strings.Repeat("a", 65) + "@example.com"},
		{"255 bytes", "m@" + strings.Repeat(long, 4) + "example.co"},
		{"a megabyte", strings.Repeat("a", 1<<20) + "@example.com"},
		{"254 bytes that are more in ASCII", "m@" + strings.Repeat("ü.", 80) + "example"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := letter.Address(tc.address)
			if got != "" || !errors.Is(err, letter.ErrAddress) || err.Error() != letter.ErrAddress.Error() {
				t.Errorf("it became %q, %v", got, err)
			}
		})
	}
}

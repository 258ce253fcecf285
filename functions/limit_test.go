package functions_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/supportvault/supportvault/functions/admin"
)

// pageOf is what a page tells from an address, with an origin, of an account; it answers the status.
func (r *road) pageOf(t testing.TB, a admin.Created, account, origin, address string) int {
	t.Helper()
	req := r.signed(a, "beacon", []byte(`{"url":"https://shop.example.com/"}`))
	req.PathParameters["account"], req.RequestContext.HTTP.SourceIP = account, address
	if origin != "" {
		req.Headers["origin"] = origin
	}
	res, err := r.ingest.Webhook(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

// Whatever strangers make up, an address gets no second burst, neither by accounts that there are not nor by other addresses.
func TestAnAddressGetsNoSecondBurst(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo"})
	r.nameSite(t, a)
	for i := range 30 {
		if status := r.pageOf(t, a, a.Account, "", "192.0.2.1"); status != 202 {
			t.Fatalf("page %d: %d", i, status)
		}
	}
	for i := range 5100 {
		r.pageOf(t, a, fmt.Sprintf("made%d", i), "", fmt.Sprintf("198.51.%d.%d", i/256, i%256))
	}
	if status := r.pageOf(t, a, a.Account, "", "192.0.2.1"); status != 429 {
		t.Errorf("after 30 pages and many strangers: %d", status)
	}
	for i := range 40 { // of another address, each to another account
		want := 401
		if i >= 30 {
			want = 429
		}
		if status := r.pageOf(t, a, fmt.Sprintf("another%d", i), "", "192.0.2.2"); status != want {
			t.Errorf("to account %d that there is not: %d, want %d", i, status, want)
		}
	}
}

// What comes from another site takes nothing from what an account's own pages may send.
func TestOtherSitesTakeNothingFromAnAccount(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo"})
	r.nameSite(t, a)
	for i := range 400 {
		if status := r.pageOf(t, a, a.Account, "https://other.example.com", fmt.Sprintf("198.51.%d.%d", i/256, i%256)); status != 401 {
			t.Fatalf("of another site: %d", status)
		}
	}
	for i := range 301 {
		want := 202
		if i == 300 {
			want = 429
		}
		if status := r.pageOf(t, a, a.Account, "", fmt.Sprintf("203.0.%d.%d", i/256, i%256)); status != want {
			t.Fatalf("page %d: %d, want %d", i, status, want)
		}
	}
}

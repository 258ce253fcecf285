package source_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/source/sourcetest"
	"github.com/supportvault/supportvault/shared/strictjson"
)

var _ = describe("beacon", traits{
	names: []string{"page", "robot"}, kinds: []retention.Kind{retention.Visit},
	keyless: true, uncovered: true, settings: account.SourceSettings{Origins: []string{"https://www.example.com", sourcetest.Origin}},
	uses: func(of func(name string) map[string]use) {
		m := of("page")
		m["url"], m["title"], m["referrer"] = use{takes: "s", required: true}, use{takes: "s"}, use{takes: "s"}
	},
})

func TestBeaconTakesWhatPagesOfTheSiteSay(t *testing.T) {
	for _, tc := range []struct {
		name    string
		origins []string
		taken   bool
	}{
		{"takes an origin of the account", []string{sourcetest.Origin}, true},
		{"refuses another", []string{"https://shop.example.org"}, false},
		{"refuses another scheme", []string{"http://shop.example.com"}, false},
		{"refuses another port", []string{sourcetest.Origin + ":8443"}, false},
		{"refuses an origin of which it is the beginning", []string{sourcetest.Origin + ".example.org"}, false},
		{"refuses no origin", nil, false},
		{"refuses that of a page without one", []string{"null"}, false},
		{"refuses two", []string{sourcetest.Origin, sourcetest.Origin}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := signed("beacon", "", []byte(`{}`), received)
			d.Header["Origin"] = tc.origins
			err := lookup(t, "beacon").Verify(d, []string{secret})
			if (err == nil) != tc.taken {
				t.Errorf("error %v", err)
			}
			if err != nil {
				checkRefusal(t, err)
			}
		})
	}
	d := signed("beacon", "", []byte(`{}`), received)
	d.Settings = account.SourceSettings{}
	if lookup(t, "beacon").Verify(d, nil) == nil {
		t.Error("a page was taken of an account that has named no site")
	}
}

func TestBeaconVisits(t *testing.T) {
	visit := func(change func(d *source.Delivery)) string {
		d := signed("beacon", "", []byte(`{"url":"https://shop.example.com/a?b#c","title":"A","referrer":"https://search.example.com/?q=iris"}`), received)
		d.Address = "192.0.2.7"
		d.Header.Set("User-Agent", "Browser/1.0")
		if change != nil {
			change(&d)
		}
		got, err := lookup(t, "beacon").Adapt(d)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Events) == 0 {
			return got.Name
		}
		e := got.Events[0]
		if strings.Contains(e.Conversation, "192") || e.Visit.Pages[0].URL != "https://shop.example.com/a" || e.Visit.Referrer != "https://search.example.com/" {
			t.Errorf("%+v", e)
		}
		return e.Conversation
	}
	first := visit(nil)
	for _, tc := range []struct {
		name   string
		same   bool
		change func(d *source.Delivery)
	}{
		{"an hour later it is the same visit", true, func(d *source.Delivery) { d.Received = d.Received.Add(time.Hour) }},
		{"the next day it is another", false, func(d *source.Delivery) { d.Received = d.Received.Add(24 * time.Hour) }},
		{"from another address it is another", false, func(d *source.Delivery) { d.Address = "192.0.2.8" }},
		{"with another browser it is another", false, func(d *source.Delivery) { d.Header.Set("User-Agent", "Browser/2.0") }},
		{"of another site it is another", false, func(d *source.Delivery) {
			d.Header = http.Header{"Origin": {"https://www.example.com"}, "User-Agent": {"Browser/1.0"}}
		}},
	} {
		if got := visit(tc.change); (got == first) != tc.same {
			t.Errorf("%s: %q, the first was %q", tc.name, got, first)
		}
	}
	for _, robot := range []string{"Googlebot/2.1", "bingbot", "Some Spider", "HeadlessChrome/120"} {
		if got := visit(func(d *source.Delivery) { d.Header.Set("User-Agent", robot) }); got != "robot" {
			t.Errorf("%s made a visit", robot)
		}
	}
}

func TestBeaconBodies(t *testing.T) {
	for body, want := range map[string]error{
		`{"url":"https://shop.example.com/"}`:               nil,
		`{"url":"https://shop.example.com/","referrer":""}`: nil,
		``:                             strictjson.ErrJSON,
		`[]`:                           strictjson.ErrShape,
		`{}`:                           source.ErrMissing,
		`{"url":"file:///etc/passwd"}`: strictjson.ErrShape,
		`{"url":"https://shop.example.com/` + strings.Repeat("a", 2000) + `"}`: strictjson.ErrShape,
	} {
		got, err := adapt(t, "beacon", []byte(body))
		checkOutcome(t, "beacon", got, err)
		if !errors.Is(err, want) {
			t.Errorf("%.60s: %v, want %v", body, err, want)
		}
	}
}

func TestBeaconTakesAPageWhateverIsBesideIt(t *testing.T) {
	const page = `{"url":"https://shop.example.com/"`
	for _, referrer := range []string{"android-app://com.example.search/", "about:client", "https://search.example.com/" + strings.Repeat("a", 2000)} {
		if e := one(t, "beacon", page+`,"referrer":"`+referrer+`"}`); e.Visit.Referrer != "" {
			t.Errorf("%.40s is kept as %.40s", referrer, e.Visit.Referrer)
		}
	}
	if e := one(t, "beacon", page+`,"title":"`+strings.Repeat("é", 1001)+`"}`); e.Visit.Pages[0].Title != strings.Repeat("é", 1000) {
		t.Errorf("a title of %d bytes", len(e.Visit.Pages[0].Title))
	}
}

func TestBeaconScriptIsSmall(t *testing.T) {
	if n := len(source.BeaconScript); n > 1024 {
		t.Errorf("%d bytes", n)
	}
}

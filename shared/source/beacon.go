package source

import (
	_ "embed" // for the script
	"errors"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// beacon knows BeaconScript, which tells of every page that is looked at: {"url", "title", "referrer"}.
//
// A browser can keep no secret. What it says is believed if it comes from a page of an origin that the account named; who is no
// browser can say so too. The pages of one address and browser on one day (UTC) are one visit: its id is a hash of these, of the
// address by its name under a key of the account, so that neither is kept, and nobody is followed from one day to the next.
var beacon = Adapter{
	Verify: verifyBeacon, Adapt: adaptBeacon, Limited: true,
	Setup: []string{
		"In the vault: name the site's origins, such as https://shop.example.com, in the settings of this source.",
		"In every page of the site: <script async src=\"{script}\" data-account=\"{account}\"></script>",
		"There is no secret and no cookie. Browsers that ask not to be tracked send nothing.",
	},
	Weak: "No signature: the origin is what the sender says it is, and who is no browser can say anything.",
}

// BeaconScript is what a page embeds, less than a kilobyte.
//
//go:embed beacon.js
var BeaconScript []byte

var errOrigin = errors.New("the origin is none of the account's, or missing")

func verifyBeacon(d Delivery, _ []string) error {
	origin, err := header(d.Header, "Origin")
	if err == nil && !slices.Contains(d.Settings.Origins, origin) {
		err = errOrigin
	}
	if err != nil {
		return ErrSignature.Because(err)
	}
	return nil
}

// robots say that they are some.
var robots = regexp.MustCompile(`(?i)bot\b|crawl|spider|slurp|headless`)

func adaptBeacon(d Delivery) (Adapted, error) {
	var body struct {
		URL      string `json:"url"`
		Title    string `json:"title"`
		Referrer string `json:"referrer"`
	}
	if err := strictjson.Check(d.Body); err != nil {
		return Adapted{}, err
	}
	if err := strictjson.Read(d.Body, &body); err != nil {
		return Adapted{}, err
	}
	browser := d.Header.Get("User-Agent")
	if robots.MatchString(browser) {
		return Adapted{Name: "robot"}, nil
	}
	r := canonicalReader{received: d.Received}
	page := conversation.Page{Time: conversation.At(d.Received), URL: r.page(body.URL, "url"), Title: body.Title}
	if title := []rune(body.Title); len(title) > maxLine { // the site's own, which it need not know to be too long
		page.Title = string(title[:maxLine])
	}
	visit := conversation.Visit{Pages: []conversation.Page{page}}
	if isPage(body.Referrer) { // it may be an app, of which nothing is kept
		visit.Referrer = pageOnly(body.Referrer)
	}
	if r.wrong != nil {
		return Adapted{}, r.wrong
	}
	visitor := shortHash(d.Received.UTC().Format(time.DateOnly), d.Address, browser, d.Header.Get("Origin"))
	return Adapted{Name: "page", Events: []conversation.Event{{
		ID: "page/" + strconv.FormatInt(d.Received.UnixMicro(), 10), Conversation: visitor,
		Kind: retention.Visit, Time: page.Time, Received: page.Time, Visit: &visit,
	}}}, nil
}

package source_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/source/sourcetest"
)

// traits are what the tests of all sources must know of one; each adapter's own test describes it.
type traits struct {
	// names are the closed list of the adapter: a metric's dimension has no other value.
	names []string
	// kinds are the kinds of conversation that the source tells of.
	kinds []retention.Kind
	// nameField is where the deliveries have the name of what they are, as a path; empty where they have none.
	nameField string
	// secret is of the form that the source has; empty for any.
	secret string
	// signature is the header in which the signature stands, stamp that of the signed time; empty without.
	signature, stamp string
	// given says that only the sender can make a secret.
	given bool
	// uncovered says that the signature is none of the body, such as a secret that is sent along.
	uncovered bool
	// keyless says that there is no secret; settings are then what the account has said of who may send.
	keyless  bool
	settings account.SourceSettings
	// empty says that a delivery without a body is acknowledged.
	empty bool
	// uses says of every field that an adapter looks at what it may be: of answers the fields of the events of a name, of
	// which the name's own is there already. What is not listed must not matter at all.
	uses func(of func(name string) map[string]use)
}

var described = map[string]traits{}

// describe is called by the test of an adapter.
func describe(name string, t traits) bool {
	described[name] = t
	return true
}

// names are the closed lists of all adapters.
func names(name string) []string { return described[name].names }

const secret = "a secret of the tests"

// secretOf is a secret of the form that a source has.
func secretOf(name string) string {
	if s := described[name].secret; s != "" {
		return s
	}
	return secret
}

// signed is a delivery of a source, signed.
func signed(name, secret string, body []byte, at time.Time) source.Delivery {
	d := source.Delivery{Header: http.Header{}, Query: url.Values{}, Body: body, Received: received, Settings: described[name].settings}
	sourcetest.Sign(name, &d, secret, at)
	return d
}

// headersFor are the headers of a signed body.
func headersFor(name, secret string, body []byte, at time.Time) http.Header {
	return signed(name, secret, body, at).Header
}

func TestEverySourceIsDescribed(t *testing.T) {
	for _, name := range source.Names() {
		if described[name].uses == nil || !sourcetest.Knows(name) {
			t.Errorf("no test describes %s, or nothing signs its deliveries", name)
		}
	}
	for name := range described {
		lookup(t, name)
	}
}

//go:build bench

package functions_test

import (
	"cmp"
	"net/http"
	"net/url"
	"testing"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/source/sourcetest"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// benchSources is how many deliveries a second one core verifies and adapts, of each source the largest of its samples, beside how
// many of the same bodies it checks to be JSON and does nothing else with.
func benchSources(t *testing.T) (rows []row) {
	largest := map[string][]byte{}
	for _, s := range samples(t) {
		if s.ok && len(s.body) > len(largest[s.source]) {
			largest[s.source] = s.body
		}
	}
	for _, name := range source.Names() {
		adapter, _ := source.Lookup(name)
		secret := cmp.Or(sourcetest.Given(name), source.NewSecret(name))
		d := source.Delivery{
			Header: http.Header{}, Query: url.Values{}, Body: largest[name], Received: noon,
			Settings: account.SourceSettings{Origins: []string{sourcetest.Origin}},
		}
		sourcetest.Sign(name, &d, secret, noon)
		var ours, theirs []float64
		for range rounds {
			us, _ := timed(2000, func(int) {
				if err := adapter.Verify(d, []string{secret}); err != nil {
					t.Fatal(name, err)
				}
				if _, err := adapter.Adapt(d); err != nil {
					t.Fatal(name, err)
				}
			}, func(int) {
				if err := strictjson.Check(d.Body); err != nil {
					t.Fatal(name, err)
				}
			})
			ours, theirs = append(ours, 1e6/us[0]), append(theirs, 1e6/us[1])
		}
		r := beside(name+", its largest sample", median(ours), "checking the same JSON alone", median(theirs), "deliveries/s/core", 0)
		rows = append(rows, r)
	}
	return rows
}

package template_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/openapi/openapitest"
)

// What is described is what is deployed: the routes, and who is asked who is asking. schemes are the authorizers by the
// description's names of what they ask for.
func TestRoutesAreAsDescribed(t *testing.T) {
	schemes := map[string]string{"token": "authorize", "link": "authorize-link"}
	want := map[string]string{}
	for route, o := range openapitest.Read(t).Operations() {
		var asked []string
		for _, scheme := range o.Security {
			if schemes[scheme] == "" {
				t.Errorf("%s wants %s, for which there is no authorizer", route, scheme)
			}
			asked = append(asked, schemes[scheme])
		}
		want[route] = strings.Join(asked, " or ")
	}
	eachStage(t, func(t *testing.T, tpl template) {
		got := map[string]string{}
		for id, route := range tpl.ofType(t, "AWS::ApiGatewayV2::Route") {
			p := route.Properties
			key := plain(p["RouteKey"], nil)
			if key == "$default" {
				continue // answers what is no route
			}
			switch kind := plain(p["AuthorizationType"], nil); kind {
			case "CUSTOM":
				authorizer, _ := reference(p["AuthorizerId"])
				got[key] = plain(tpl.Resources[authorizer].Properties["Name"], nil)
			case "NONE", "null":
				got[key] = ""
			default:
				t.Errorf("%s: the authorization of %s is %s", id, key, kind)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("routes, and who is asked (-description +template)\n%s", diff)
		}
	})
}

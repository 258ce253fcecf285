package template_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// routes are all routes of the API, with the function that answers and whether authorize is asked first.
var routes = map[string]string{
	"$default":                              "openapi, open",
	"GET /v1/openapi.yaml":                  "openapi, open",
	"GET /v1/canonical.schema.json":         "openapi, open",
	"GET /v1/beacon.js":                     "openapi, open",
	"POST /v1/webhooks/{account}/{source}":  "ingest, open",
	"GET /v1/webhooks/{account}/{source}":   "ingest, open",
	"HEAD /v1/webhooks/{account}/{source}":  "ingest, open",
	"GET /v1/accounts/{account}/chats":      "report, authorized",
	"GET /v1/accounts/{account}/chats/{id}": "report, authorized",

	"GET /v1/accounts/{account}/tickets":       "report, authorized",
	"GET /v1/accounts/{account}/tickets/{id}":  "report, authorized",
	"GET /v1/accounts/{account}/calls":         "report, authorized",
	"GET /v1/accounts/{account}/calls/{id}":    "report, authorized",
	"GET /v1/accounts/{account}/articles":      "report, authorized",
	"GET /v1/accounts/{account}/articles/{id}": "report, authorized",
	"GET /v1/accounts/{account}/visits":        "report, authorized",

	"GET /v1/accounts/{account}/transcripts/{id}": "report, authorized by link",

	"GET /v1/accounts/{account}/mail":                "admin, authorized",
	"PUT /v1/accounts/{account}/mail/{name}":         "admin, authorized",
	"DELETE /v1/accounts/{account}/mail/{name}":      "admin, authorized",
	"GET /v1/accounts/{account}/mail-log":            "admin, authorized",
	"GET /v1/accounts/{account}/sources":             "admin, authorized",
	"GET /v1/accounts/{account}/sources/{source}":    "admin, authorized",
	"PUT /v1/accounts/{account}/sources/{source}":    "admin, authorized",
	"DELETE /v1/accounts/{account}/sources/{source}": "admin, authorized",

	"POST /v1/accounts/{account}/sources/{source}/secrets": "admin, authorized",
	"POST /v1/accounts/{account}/sources/{source}/try":     "admin, authorized",

	"GET /v1/accounts/{account}/administrators":       "admin, authorized",
	"PUT /v1/accounts/{account}/administrators":       "admin, authorized",
	"GET /v1/accounts/{account}/suppressions":         "admin, authorized",
	"DELETE /v1/accounts/{account}/suppressions/{id}": "admin, authorized",
	"GET /v1/accounts/{account}/copies":               "admin, authorized",

	"GET /v1/accounts/{account}/policy":             "admin, authorized",
	"GET /v1/accounts/{account}/policy/versions":    "admin, authorized",
	"POST /v1/accounts/{account}/policy/previews":   "admin, authorized",
	"POST /v1/accounts/{account}/policy/apply":      "admin, authorized",
	"POST /v1/accounts/{account}/policy/undo":       "admin, authorized",
	"GET /v1/accounts/{account}/retention/calendar": "admin, authorized",
	"GET /v1/accounts/{account}/retention/drift":    "admin, authorized",

	"GET /v1/accounts/{account}/holds":                   "admin, authorized",
	"POST /v1/accounts/{account}/holds":                  "admin, authorized",
	"POST /v1/accounts/{account}/holds/{hold}/release":   "admin, authorized",
	"GET /v1/accounts/{account}/destructions":            "admin, authorized",
	"POST /v1/accounts/{account}/destructions":           "admin, authorized",
	"POST /v1/accounts/{account}/destructions/{id}/undo": "admin, authorized",
	"GET /v1/accounts/{account}/closure":                 "admin, authorized",
	"POST /v1/accounts/{account}/closure":                "admin, authorized",
	"POST /v1/accounts/{account}/closure/undo":           "admin, authorized",

	"GET /v1/accounts/{account}/receipts":          "admin, authorized",
	"GET /v1/accounts/{account}/receipts/{number}": "admin, authorized",
	"GET /v1/accounts/{account}/receipts/head":     "admin, authorized",

	"GET /v1/accounts/{account}/attachments/{id}/{file}": "report, authorized",
	"POST /v1/accounts/{account}/uploads":                "attach, authorized",

	"POST /v1/accounts/{account}/extracts":                  "extract, authorized",
	"GET /v1/accounts/{account}/extracts":                   "extract, authorized",
	"POST /v1/accounts/{account}/imports":                   "importer, authorized",
	"GET /v1/accounts/{account}/imports":                    "importer, authorized",
	"GET /v1/accounts/{account}/imports/{id}":               "importer, authorized",
	"POST /v1/accounts/{account}/imports/{id}/start":        "importer, authorized",
	"GET /v1/accounts/{account}/extracts/{id}":              "extract, authorized",
	"GET /v1/accounts/{account}/extracts/{id}/files/{name}": "extract, authorized",
}

// open are the routes that ask nobody who is asking: deliveries, which are signed, and what says the same to everybody.
var open = []string{
	"POST /v1/webhooks/{account}/{source}", "GET /v1/webhooks/{account}/{source}", "HEAD /v1/webhooks/{account}/{source}",
	"GET /v1/openapi.yaml", "GET /v1/canonical.schema.json", "GET /v1/beacon.js", "$default",
}

func TestRoutes(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		got := map[string]string{}
		for _, route := range tpl.ofType(t, "AWS::ApiGatewayV2::Route") {
			integration := strings.Trim(strings.TrimPrefix(plain(route.Properties["Target"], nil), "integrations/"), "${}")
			uri := plain(tpl.Resources[integration].Properties["IntegrationUri"], tpl.names(t))
			how := "open"
			if route.Properties["AuthorizationType"] == "CUSTOM" {
				if authorizer, ok := reference(route.Properties["AuthorizerId"]); ok && tpl.Resources[authorizer].Type == "AWS::ApiGatewayV2::Authorizer" {
					how = "authorized"
					if plain(tpl.Resources[authorizer].Properties["IdentitySource"], nil) == byLink {
						how += " by link"
					}
				}
			}
			got[plain(route.Properties["RouteKey"], nil)] = strings.TrimPrefix(uri, "function ") + ", " + how
		}
		if diff := cmp.Diff(routes, got); diff != "" {
			t.Errorf("routes (-want +got)\n%s", diff)
		}
		// Also for routes that the table will have one day.
		for key, answers := range got {
			if !slices.Contains(open, key) && !strings.HasSuffix(answers, ", authorized") && key != "GET /v1/accounts/{account}/transcripts/{id}" {
				t.Errorf("anybody may call %s", key)
			}
		}
	})
}

// Where the authorizers look for who is asking.
const (
	byToken = `["$request.header.Authorization"]`
	byLink  = `["$request.querystring.link"]`
)

func TestAuthorizerIsAskedEveryTime(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		var sources []string
		for id, authorizer := range tpl.ofType(t, "AWS::ApiGatewayV2::Authorizer") {
			p := authorizer.Properties
			got := map[string]string{}
			for _, key := range []string{"AuthorizerType", "AuthorizerPayloadFormatVersion", "AuthorizerResultTtlInSeconds", "EnableSimpleResponses", "IdentitySource"} {
				got[key] = plain(p[key], nil)
			}
			want := map[string]string{
				"AuthorizerType":                 "REQUEST",
				"AuthorizerPayloadFormatVersion": "2.0",
				"AuthorizerResultTtlInSeconds":   "0",
				"EnableSimpleResponses":          "true",
				"IdentitySource":                 byToken,
			}
			if got["IdentitySource"] == byLink {
				want["IdentitySource"] = byLink
			}
			sources = append(sources, got["IdentitySource"])
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got)\n%s", id, diff)
			}
			if uri := plain(p["AuthorizerUri"], tpl.names(t)); !strings.Contains(uri, "/functions/function authorize/") {
				t.Errorf("%s asks %s, not authorize", id, uri)
			}
		}
		slices.Sort(sources)
		if diff := cmp.Diff([]string{byToken, byLink}, sources); diff != "" {
			t.Errorf("authorizers (-want +got)\n%s", diff)
		}
	})
}

// What the functions answer with 500 or 503 does not fail their invocation, so that only the API's own count tells.
func TestServerErrorsRaiseAnAlarm(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		found := 0
		for id, alarm := range tpl.ofType(t, "AWS::CloudWatch::Alarm") {
			p := alarm.Properties
			if p["Namespace"] != "AWS/ApiGateway" {
				continue
			}
			found++
			got := map[string]string{}
			for _, key := range []string{"MetricName", "Statistic", "Period", "EvaluationPeriods", "Threshold", "ComparisonOperator", "TreatMissingData"} {
				got[key] = plain(p[key], nil)
			}
			want := map[string]string{
				"MetricName": "5xx", "Statistic": "Sum", "Period": "300", "EvaluationPeriods": "1", "Threshold": "5",
				"ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got)\n%s", id, diff)
			}
			dimensions := list(p["Dimensions"])
			if len(dimensions) != 1 || dig(dimensions[0], "Name") != "ApiId" {
				t.Fatalf("%s watches %v, not the API", id, dimensions)
			}
			if api, ok := reference(dig(dimensions[0], "Value")); !ok || tpl.Resources[api].Type != "AWS::ApiGatewayV2::Api" {
				t.Errorf("%s watches %v, not the API", id, dimensions)
			}
			if len(list(p["AlarmActions"])) == 0 {
				t.Errorf("%s tells nobody", id)
			}
		}
		if found != 1 {
			t.Errorf("%d alarms tell of the API's errors, want one", found)
		}
	})
}

// loggable are the context variables that say nothing about a person. The path is not among them, because it holds ids.
var loggable = []string{
	"$context.requestId", "$context.requestTime", "$context.routeKey", "$context.status",
	"$context.responseLength", "$context.responseLatency",
	"$context.integration.integrationStatus", "$context.integration.latency",
	"$context.authorizer.status", "$context.authorizer.latency", "$context.error.responseType",
}

func TestStageIsLoggedAndThrottled(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		found := tpl.ofType(t, "AWS::ApiGatewayV2::Stage")
		if len(found) != 1 {
			t.Errorf("the API has %d stages, want one", len(found))
		}
		for _, stage := range found {
			p := stage.Properties
			if p["StageName"] != "$default" {
				t.Errorf("the stage is named %v", p["StageName"])
			}
			for _, limit := range []string{"ThrottlingBurstLimit", "ThrottlingRateLimit"} {
				if n, _ := dig(p, "DefaultRouteSettings", limit).(float64); n <= 0 {
					t.Errorf("%s is not set", limit)
				}
			}
			if p["RouteSettings"] != nil {
				t.Error("single routes have throttles of their own")
			}
			group, ok := reference(dig(p, "AccessLogSettings", "DestinationArn"))
			if !ok || tpl.Resources[group].Type != "AWS::Logs::LogGroup" {
				t.Error("the access log has no log group")
			}
			format, _ := dig(p, "AccessLogSettings", "Format").(string)
			var line map[string]string
			if err := json.Unmarshal([]byte(format), &line); err != nil || len(line) == 0 {
				t.Fatalf("the access log %q is not JSON: %v", format, err)
			}
			for _, variable := range logged(format) {
				if !slices.Contains(loggable, variable) {
					t.Errorf("the access log has %s", variable)
				}
			}
		}
	})
}

func TestAccessLogCheckRefusesTheClientsAddress(t *testing.T) {
	found := logged(`{"a":"$context.requestId","b":"$context.identity.sourceIp $context.path"}`)
	want := []string{"$context.requestId", "$context.identity.sourceIp", "$context.path"}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Fatalf("variables (-want +got)\n%s", diff)
	}
	if slices.Contains(loggable, found[1]) || slices.Contains(loggable, found[2]) {
		t.Error("an address or a path may be logged")
	}
}

func logged(format string) []string {
	return regexp.MustCompile(`\$\w+(\.\w+)*`).FindAllString(format, -1)
}

package functions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/attach"
	"github.com/supportvault/supportvault/functions/extract"
	"github.com/supportvault/supportvault/functions/importer"
	"github.com/supportvault/supportvault/functions/openapi"
	"github.com/supportvault/supportvault/functions/openapi/openapitest"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

var described = sync.OnceValues(func() (*openapitest.Description, error) { return openapitest.Parse(openapi.Description) })

// asDescribed says what of a function's answer is not as the description of the API has it. The tests of this package ask
// it of every answer that they get by way of the API.
func asDescribed(req events.APIGatewayV2HTTPRequest, res events.APIGatewayV2HTTPResponse) error {
	d, err := described()
	if err != nil {
		return err
	}
	header := http.Header{}
	for name, value := range res.Headers {
		header.Set(name, value)
	}
	return d.Answer(req.RouteKey, res.StatusCode, header, []byte(res.Body))
}

// Every operation is asked for what is there and for what is not, wrongly, by a stranger whom authorize let through, and while
// the tables are out of reach: all that is described, and that is not API Gateway's own, is answered, and as it is described.
func TestAnswersAreAsDescribed(t *testing.T) {
	p := postOver(inMemory())
	p.extract = p.extractOver(extract.Config{}, p.files)
	demo := p.account(t, admin.Request{Account: "demo"})
	kinds := []string{"chat", "ticket", "call", "article"}
	for _, kind := range kinds {
		for i := range 2 {
			p.mustPost(t, demo, "canonical", canonicalEnded(kind, fmt.Sprint(kind, i)))
		}
	}
	for i := range 3 {
		p.mustPost(t, demo, "canonical", canonicalVisit(fmt.Sprint("visit", i), noon))
	}
	p.settleAll(t)
	none := strings.Repeat("a", 32)
	p.put(t, p.Tables.Control, attr.Item{
		"pk": attr.S("demo#mailbox#"), "sk": attr.S(none), "reason": attr.S("bounced"), "at": attr.Time(noon),
	})
	seen := map[string]bool{}
	at := func(route string, path map[string]string, change func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
		req := events.APIGatewayV2HTTPRequest{RouteKey: route, PathParameters: map[string]string{"account": "demo"}}
		maps.Copy(req.PathParameters, path)
		req.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: map[string]any{
			"account": req.PathParameters["account"], "token": "abcdefghij", "link": "abcdefghijklmn", "conversation": req.PathParameters["id"], "reader": "staff",
		}}
		if change != nil {
			change(&req)
		}
		return req
	}
	answered := func(want int, req events.APIGatewayV2HTTPRequest) string {
		t.Helper()
		handle := p.admin.HTTP
		switch _, rest, _ := strings.Cut(req.RouteKey, "{account}/"); {
		case strings.Contains(req.RouteKey, " /v1/webhooks/"):
			handle = p.ingest.Webhook
		case rest == "":
			handle = openapi.New().HTTP
		case strings.HasPrefix(rest, "extracts"):
			handle = p.extract.HTTP
		case strings.HasPrefix(rest, "uploads"):
			handle = p.attach.HTTP
		case strings.HasPrefix(rest, "imports"):
			handle = p.importer.HTTP
		case slices.ContainsFunc(append(kinds, "visit", "transcript", "attachment"), func(kind string) bool { return strings.HasPrefix(rest, kind+"s") }):
			handle = p.report.HTTP
		}
		res, err := handle(context.Background(), req)
		if err == nil {
			err = asDescribed(req, res)
		}
		if err != nil || res.StatusCode != want {
			t.Errorf("%s: %d %s, %v, want %d", req.RouteKey, res.StatusCode, res.Body, err, want)
		}
		seen[fmt.Sprint(req.RouteKey, " ", want)] = true
		return res.Body
	}
	query := func(raw string) func(*events.APIGatewayV2HTTPRequest) {
		return func(req *events.APIGatewayV2HTTPRequest) { req.RawQueryString = raw }
	}
	body := func(raw string) func(*events.APIGatewayV2HTTPRequest) {
		return func(req *events.APIGatewayV2HTTPRequest) { req.Body = raw }
	}
	const v1 = "/v1/accounts/{account}"

	answered(200, at("GET /v1/openapi.yaml", nil, nil))
	answered(200, at("GET /v1/canonical.schema.json", nil, nil))
	answered(200, at("GET /v1/beacon.js", nil, nil))

	delivery := p.signed(demo, "tawkto", tawkEnd("open", noon))
	answered(202, delivery)
	answered(400, p.signed(demo, "tawkto", []byte("{}")))
	answered(413, p.signed(demo, "tawkto", make([]byte, 1<<20+1)))
	unsigned := delivery
	unsigned.Headers = nil
	answered(401, unsigned)
	unsigned.PathParameters = map[string]string{"account": "demo", "source": "nobody"}
	answered(404, unsigned)

	for _, method := range []string{"GET", "HEAD"} {
		route := method + " /v1/webhooks/{account}/{source}"
		answered(200, at(route, map[string]string{"account": "nobody", "source": "tawkto"}, nil))
		answered(404, at(route, map[string]string{"source": "nobody"}, nil))
	}

	answered(200, at("GET "+v1+"/sources", nil, nil))
	answered(400, at("GET "+v1+"/sources", nil, query("limit=1")))
	tawkto := map[string]string{"source": "tawkto"}
	answered(200, at("GET "+v1+"/sources/{source}", tawkto, nil))
	answered(400, at("GET "+v1+"/sources/{source}", tawkto, query("limit=1")))
	shop, nobody := map[string]string{"source": "mapped-shop"}, map[string]string{"source": "nobody"}
	for _, route := range []string{"GET ", "PUT ", "DELETE "} {
		answered(404, at(route+v1+"/sources/{source}", nobody, body(`{}`)))
	}
	setting, secrets, try := "PUT "+v1+"/sources/{source}", "POST "+v1+"/sources/{source}/secrets", "POST "+v1+"/sources/{source}/try"
	answered(200, at(setting, shop, body(`{"auth":{"kind":"hmac","header":"X-Signature","hash":"sha256","encoding":"hex"},`+shopMapping+`}`)))
	answered(200, at("GET "+v1+"/sources/{source}", shop, nil))
	answered(400, at(setting, shop, body(`{"ready":"fax"}`)))
	answered(413, at(setting, shop, body(strings.Repeat(" ", 1<<20+1))))
	answered(200, at(secrets, shop, nil))
	answered(200, at(secrets, shop, body(`{"secret":"made-by-the-sender"}`)))
	answered(400, at(secrets, shop, body(`{"secret":"short"}`)))
	answered(404, at(secrets, nobody, nil))
	answered(413, at(secrets, shop, body(strings.Repeat(" ", 1<<20+1))))
	answered(200, at(try, shop, body(shopBody(1, "Does it fit?"))))
	answered(200, at(try, shop, body(`{`)))
	answered(400, at(try, shop, func(req *events.APIGatewayV2HTTPRequest) { req.Body, req.IsBase64Encoded = "!", true }))
	answered(404, at(try, nobody, body(`{}`)))
	answered(413, at(try, shop, body(strings.Repeat(" ", 1<<20+1))))
	for _, route := range []string{setting, secrets, "DELETE " + v1 + "/sources/{source}"} {
		p.moved(t, "mapped-shop")
		answered(409, at(route, shop, body(map[bool]string{true: `{}`}[route == setting])))
	}
	answered(204, at("DELETE "+v1+"/sources/{source}", shop, nil))

	settled := map[string]string{}
	for _, kind := range kinds {
		list, one := "GET "+v1+"/"+kind+"s", "GET "+v1+"/"+kind+"s/{id}"
		var page map[string]json.RawMessage
		var views []conversation.View
		if err := json.Unmarshal([]byte(answered(200, at(list, nil, query("limit=2")))), &page); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(page[kind+"s"], &views); err != nil || len(views) != 2 {
			t.Fatalf("%s, %v", page, err)
		}
		settled[kind] = views[1].ID
		answered(400, at(list, nil, query("limit=101")))
		answered(404, at(list, map[string]string{"account": "nobody"}, nil))
		answered(200, at(one, map[string]string{"id": views[1].ID}, nil))
		answered(404, at(one, map[string]string{"id": none + "-1"}, nil))
		answered(200, at("GET "+v1+"/transcripts/{id}", map[string]string{"id": views[1].ID}, nil))
		answered(200, at("GET "+v1+"/copies", nil, query("conversation="+views[1].ID)))
	}
	visits := "GET " + v1 + "/visits"
	answered(200, at(visits, nil, query("limit=2")))
	answered(400, at(visits, nil, query("state=open")))
	answered(404, at(visits, map[string]string{"account": "nobody"}, nil))
	answered(404, at("GET "+v1+"/transcripts/{id}", map[string]string{"id": none + "-1"}, nil))
	answered(400, at("GET "+v1+"/copies", nil, nil))

	uploads, upload := "POST "+v1+"/uploads", body(`{"type":"image/png","bytes":8}`)
	var place attach.Place
	if err := json.Unmarshal([]byte(answered(201, at(uploads, nil, upload))), &place); err != nil {
		t.Fatal(err)
	}
	answered(400, at(uploads, nil, body(`{"type":"png","bytes":8}`)))
	answered(404, at(uploads, map[string]string{"account": "nobody"}, upload))
	answered(413, at(uploads, nil, body(strings.Repeat(" ", 1<<20+1))))
	p.account(t, admin.Request{Account: "minimal", Start: "minimal"})
	answered(409, at(uploads, map[string]string{"account": "minimal"}, upload))
	p.staged.put("uploads/demo/"+place.Upload, "image/png", png[:8])
	p.mustPost(t, demo, "canonical", withFiles("files", noon, fmt.Sprintf(`{"upload":%q},{"url":"https://files.example.com/a"}`, place.Upload)))
	p.getFiles(t)
	with, attachment := p.one(t, demo, p.id(t, demo, "canonical", "files", 1)), "GET "+v1+"/attachments/{id}/{file}"
	named := map[string]string{"id": with.ID, "file": (*with.Entries)[0].Attachments[0].ID}
	ranged := func(header string) func(*events.APIGatewayV2HTTPRequest) {
		return func(req *events.APIGatewayV2HTTPRequest) { req.Headers = map[string]string{"range": header} }
	}
	answered(200, at(attachment, named, nil))
	answered(206, at(attachment, named, ranged("bytes=2-3")))
	answered(416, at(attachment, named, ranged("bytes=8-")))
	answered(404, at(attachment, map[string]string{"id": with.ID, "file": none[:26]}, nil))

	var job extract.Job
	if err := json.Unmarshal([]byte(answered(202, at("POST "+v1+"/extracts", nil, nil))), &job); err != nil {
		t.Fatal(err)
	}
	answered(202, at("POST "+v1+"/extracts", nil, nil))
	answered(202, at("POST "+v1+"/extracts", nil, nil))
	answered(409, at("POST "+v1+"/extracts", nil, nil))
	answered(404, at("POST "+v1+"/extracts", map[string]string{"account": "nobody"}, nil))
	answered(200, at("GET "+v1+"/extracts", nil, nil))
	p.work(t, endless)
	answered(200, at("GET "+v1+"/extracts", nil, nil))
	answered(200, at("GET "+v1+"/extracts/{id}", map[string]string{"id": job.ID}, nil))
	answered(404, at("GET "+v1+"/extracts/{id}", map[string]string{"id": none}, nil))
	file := "GET " + v1 + "/extracts/{id}/files/{name}"
	answered(302, at(file, map[string]string{"id": job.ID, "name": "manifest.json"}, nil))
	answered(404, at(file, map[string]string{"id": job.ID, "name": "../manifest.json"}, nil))

	var waiting, second importer.Job
	for _, j := range []*importer.Job{&waiting, &second} {
		if err := json.Unmarshal([]byte(answered(201, at("POST "+v1+"/imports", nil, body(`{"bytes":8}`)))), j); err != nil {
			t.Fatal(err)
		}
		if j.Upload == nil || j.Upload.Headers["content-length"] != "8" {
			t.Errorf("uploaded by %+v", j.Upload)
		}
	}
	answered(404, at("POST "+v1+"/imports", map[string]string{"account": "nobody"}, body(`{"bytes":1073741824}`)))
	for _, wrong := range []string{``, `{}`, `{"bytes":0}`, `{"bytes":-1}`, `{"bytes":0.5}`, `{"bytes":1e30}`, `{"bytes":1073741825}`, `{"bytes":8,"type":"x"}`} {
		answered(400, at("POST "+v1+"/imports", nil, body(wrong)))
	}
	answered(413, at("POST "+v1+"/imports", nil, body(strings.Repeat(" ", 1<<20+1))))
	start := func(id string) events.APIGatewayV2HTTPRequest {
		return at("POST "+v1+"/imports/{id}/start", map[string]string{"id": id}, nil)
	}
	answered(404, start(none))
	answered(409, start(waiting.ID))
	if err := p.staged.bucket.Keep("imports/demo/"+waiting.ID, strings.NewReader("nothing\n")); err != nil {
		t.Fatal(err)
	}
	answered(202, start(waiting.ID))
	answered(409, start(waiting.ID))
	answered(409, start(second.ID))
	p.workImports(t)
	answered(200, at("GET "+v1+"/imports", nil, nil))
	answered(200, at("GET "+v1+"/imports/{id}", map[string]string{"id": waiting.ID}, nil))
	answered(404, at("GET "+v1+"/imports/{id}", map[string]string{"id": none}, nil))

	put, archive := "PUT "+v1+"/mail/{name}", map[string]string{"name": "archive"}
	for _, to := range []string{`{"kind":"fixed","addresses":["archive@example.com"]}`, `{"kind":"visitor","agents":{}}`, `{"kind":"agent","agents":{"7":"jan@example.com"}}`} {
		answered(200, at(put, archive, body(`{"when":"daily","content":"link","to":`+to+`}`)))
	}
	answered(200, at("GET "+v1+"/mail", nil, nil))
	answered(400, at("GET "+v1+"/mail", nil, query("name=archive")))
	answered(400, at(put, archive, body(`{"when":"never"}`)))
	answered(413, at(put, archive, body(strings.Repeat(" ", 1<<20+1))))
	p.admin.Sends = false
	answered(409, at(put, archive, body(`{"when":"daily","content":"link","to":{"kind":"visitor"}}`)))
	answered(204, at("DELETE "+v1+"/mail/{name}", archive, nil))
	answered(404, at("DELETE "+v1+"/mail/{name}", archive, nil))
	p.admin.Sends = true
	answered(200, at(put, archive, body(`{"when":"daily","content":"link","to":{"kind":"visitor"}}`)))
	answered(200, at("GET "+v1+"/mail-log", nil, nil))
	answered(400, at("GET "+v1+"/mail-log", nil, query("cursor=none")))
	answered(200, at("GET "+v1+"/suppressions", nil, nil))
	answered(400, at("GET "+v1+"/suppressions", nil, query("limit=1")))
	answered(204, at("DELETE "+v1+"/suppressions/{id}", map[string]string{"id": none}, nil))
	answered(404, at("DELETE "+v1+"/suppressions/{id}", map[string]string{"id": none}, nil))

	first := map[string]string{"number": "1"}
	for _, route := range []string{"GET " + v1 + "/receipts/head", "GET " + v1 + "/receipts/{number}"} {
		answered(404, at(route, first, nil))
		answered(400, at(route, first, query("limit=1")))
	}
	p.issue(t, "demo", 2, receipt.Undelivered{Destination: "mail:archive", Records: 1})
	answered(200, at("GET "+v1+"/receipts", nil, nil))
	answered(400, at("GET "+v1+"/receipts", nil, query("cursor=none")))
	answered(200, at("GET "+v1+"/receipts/{number}", first, nil))
	answered(200, at("GET "+v1+"/receipts/head", nil, nil))
	administrators := "PUT " + v1 + "/administrators"
	for _, list := range []string{`["iris@example.com","jan@example.com"]`, `[]`} {
		answered(200, at(administrators, nil, body(`{"addresses":`+list+`}`)))
		answered(200, at("GET "+v1+"/administrators", nil, nil))
	}
	answered(400, at("GET "+v1+"/administrators", nil, query("limit=1")))
	answered(400, at(administrators, nil, body(`{"addresses":["Iris <iris@example.com>"]}`)))
	answered(413, at(administrators, nil, body(strings.Repeat(" ", 1<<20+1))))

	answered(200, at("GET "+v1+"/retention/calendar", nil, query("kind=fact")))
	answered(400, at("GET "+v1+"/retention/calendar", nil, nil))
	answered(400, at("GET "+v1+"/policy", nil, query("version=1")))
	answered(400, at("GET "+v1+"/policy/versions", nil, query("limit=0")))
	p.Clock.Set(noon.AddDate(0, 0, 40))
	var shown admin.Preview
	if err := json.Unmarshal([]byte(answered(200, at("POST "+v1+"/policy/previews", nil, body(`{"retention":{"chat":"P30D"}}`)))), &shown); err != nil {
		t.Fatal(err)
	}
	if shown.Kinds[0].Hides.Records != 2 {
		t.Errorf("the preview: %+v", shown)
	}
	const terms = `"retention":{"chat":"P30D","ticket":null},"cadence":{"fact":"monthly"},"store":{"chat":true},"required":{"chat":["mail:archive"]},
		"deadlineHours":1,"waitHours":48,"twoToRelease":true,"rules":[{"name":"parcels","kinds":["chat"],"tag":"parcel","retention":"P2M","cadence":"daily"},
		{"name":"shipping","department":"Shipping","store":true},{"name":"tests","source":"zendesk","store":false}]`
	if err := json.Unmarshal([]byte(answered(200, at("POST "+v1+"/policy/previews", nil, body("{"+terms+"}")))), &shown); err != nil {
		t.Fatal(err)
	}
	wanted := fmt.Sprintf(`{`+terms+`,"asOf":%q,"hash":%q,"reason":"Thirty days are enough."}`, shown.AsOf, shown.Hash)
	apply, undo := "POST "+v1+"/policy/apply", "POST "+v1+"/policy/undo"
	answered(409, at(undo, nil, body(`{"reason":"There is nothing to undo."}`)))
	answered(200, at(apply, nil, body(wanted)))
	answered(409, at(apply, nil, body(wanted)))
	answered(409, at("DELETE "+v1+"/mail/{name}", archive, nil))
	answered(200, at(undo, nil, body(`{"reason":"It was a mistake."}`)))
	for _, route := range []string{"POST " + v1 + "/policy/previews", apply, undo} {
		answered(400, at(route, nil, body(`{"retention":{"chat":"P0D"},"reason":""}`)))
		answered(413, at(route, nil, body(strings.Repeat(" ", 1<<20+1))))
	}
	answered(200, at("GET "+v1+"/policy", nil, nil))
	answered(200, at("GET "+v1+"/policy/versions", nil, nil))
	answered(200, at("GET "+v1+"/retention/drift", nil, nil))
	answered(400, at("GET "+v1+"/retention/drift", nil, query("kind=chat")))

	p.purgeAll(t) // nothing is left of what was over for good before, so that there is room for fifty holds
	const why = `{"reason":"As agreed with the privacy officer."}`
	holds, release := v1+"/holds", "POST "+v1+"/holds/{hold}/release"
	var hold admin.Hold
	for _, about := range []string{
		`"records":["` + settled["chat"] + `"]`, `"subject":{"email":"iris@example.com"},"until":"2030-01-01T00:00:00Z"`,
		`"kinds":["chat","fact"],"from":"2026-11-01","to":"2026-11-30"`, `"tag":"parcel","department":"Shipping","source":"canonical"`,
	} {
		if err := json.Unmarshal([]byte(answered(201, at("POST "+holds, nil, body(`{"reason":"A dispute.",`+about+`}`)))), &hold); err != nil {
			t.Fatal(err)
		}
	}
	answered(400, at("POST "+holds, nil, body(`{"reason":"A dispute."}`)))
	answered(200, at("GET "+v1+"/chats/{id}", map[string]string{"id": settled["chat"]}, nil)) // held
	answered(200, at("GET "+holds, nil, nil))
	answered(400, at("GET "+holds, nil, query("limit=1")))
	one := map[string]string{"hold": hold.ID}
	answered(200, at(release, one, body(why)))
	answered(409, at(release, one, body(why)))
	answered(409, at("POST "+v1+"/policy/previews", nil, body(`{"twoToRelease":false}`)))
	answered(404, at(release, map[string]string{"hold": none[:16]}, body(why)))
	for range 46 {
		answered(201, at("POST "+holds, nil, body(`{"reason":"A dispute.","tag":"parcel"}`)))
	}
	answered(409, at("POST "+holds, nil, body(`{"reason":"A dispute.","tag":"parcel"}`)))
	answered(200, at("GET "+holds, nil, nil))
	answered(200, at("GET "+v1+"/retention/calendar", nil, query("kind=chat")))

	destructions, restore := v1+"/destructions", "POST "+v1+"/destructions/{id}/undo"
	of := func(id string) func(*events.APIGatewayV2HTTPRequest) {
		return body(`{"id":"` + id + `","reason":"It holds a photograph of a passport."}`)
	}
	p.Clock.Advance(time.Minute)
	other := p.account(t, admin.Request{Account: "other"})
	p.mustPost(t, other, "canonical", canonicalEnded("chat", "1"))
	p.settleAll(t)
	in := map[string]string{"account": "other", "id": p.id(t, other, "canonical", "1", 1)}
	answered(202, at("POST "+destructions, in, of(in["id"])))
	answered(404, at("POST "+destructions, in, of(in["id"])))
	answered(409, at("POST "+destructions, nil, of(settled["chat"])))
	answered(200, at("GET "+destructions, in, nil))
	answered(400, at("GET "+destructions, in, query("limit=1")))
	answered(200, at(restore, in, body(why)))
	answered(404, at(restore, in, body(why)))
	answered(202, at("POST "+destructions, in, of(in["id"])))
	p.Clock.Advance(24*time.Hour - time.Minute)
	answered(409, at(restore, in, body(why)))

	closure := v1 + "/closure"
	answered(200, at("GET "+closure, in, nil))
	answered(400, at("GET "+closure, in, query("limit=1")))
	answered(404, at("POST "+closure+"/undo", in, body(why)))
	answered(200, at("POST "+closure, in, body(why)))
	answered(200, at("GET "+closure, in, nil))
	answered(200, at("GET "+v1+"/policy", in, nil))
	answered(409, at("POST "+closure, in, body(why)))
	answered(200, at("POST "+closure+"/undo", in, body(why)))
	answered(200, at("POST "+closure, in, body(why)))
	p.Clock.Advance(30*24*time.Hour - time.Minute)
	answered(409, at("POST "+closure+"/undo", in, body(why)))
	for _, route := range []string{"POST " + holds, release, "POST " + destructions, restore, "POST " + closure, "POST " + closure + "/undo"} {
		answered(400, at(route, map[string]string{"hold": hold.ID, "id": in["id"]}, body(`{"reason":""}`)))
		answered(413, at(route, map[string]string{"hold": hold.ID, "id": in["id"]}, body(strings.Repeat(" ", 1<<20+1))))
	}

	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	p.Fault.Set(func(context.Context, vaulttest.Request) error { return errKilled })
	p.queues.refuseWith(errKilled)
	answered(503, delivery)
	found := map[string]string{"source": "tawkto", "id": none + "-1", "file": none[:26], "name": "archive", "hold": hold.ID}
	for route, o := range d.Operations() {
		if len(o.Security) == 0 {
			continue
		}
		switch {
		case strings.Contains(route, "extracts"):
			found["id"] = job.ID
		case strings.Contains(route, "imports"):
			found["id"] = second.ID
		case strings.Contains(route, "suppressions"):
			found["id"] = none
		default:
			found["id"] = none + "-1"
		}
		p.admin.Sends = true
		req := at(route, found, body(`{"when":"daily","content":"link","to":{"kind":"visitor"}}`))
		switch route {
		case administrators:
			req.Body = `{"addresses":[]}`
		case uploads:
			upload(&req)
		case "POST " + v1 + "/imports":
			req.Body = `{"bytes":8}`
		}
		if strings.Contains(route, "/sources/{source}") {
			req.Body = map[bool]string{true: `{}`}[strings.HasPrefix(route, "PUT ")]
		}
		if strings.HasSuffix(route, "/copies") {
			req.RawQueryString = "conversation=" + none + "-1"
		}
		answered(503, req)
		answered(401, at(route, found, func(req *events.APIGatewayV2HTTPRequest) { req.RequestContext.Authorizer = nil }))
	}

	// API Gateway's own, and what is asked for in other tests: conversations of more than 4 MB.
	gateways, large := []string{"403", "429", "500"}, "413"
	for route, o := range d.Operations() {
		responses, _ := d.At(o.Pointer + "/responses").(map[string]any)
		for status := range responses {
			noRoute := d.At(o.Pointer+"/responses/"+status+"/$ref") == "#/components/responses/NoRoute"
			gateway := d.At(o.Pointer+"/responses/"+status+"/$ref") == "#/components/responses/GatewayUnavailable"
			if slices.Contains(gateways, status) || noRoute || gateway || status == large && strings.HasPrefix(route, "GET ") {
				continue
			}
			if !seen[route+" "+status] {
				t.Errorf("nothing here answers %s with %s", route, status)
			}
		}
	}
}

// canonicalEnded is a conversation of a kind with everything that there can be in one.
func canonicalEnded(kind, id string) []byte {
	of := ""
	switch kind {
	case "ticket":
		of = `"title":"The parcel has not arrived","status":"solved",`
	case "call":
		of = `"call":{"direction":"inbound","outcome":"answered","seconds":61,"recording":"rec-1"},`
	case "article":
		return fmt.Appendf(nil, `{"version":"1","events":[{"type":"article.published","time":%q,"article":%q,"title":"Parcels","text":"They come by bicycle.",
			"department":"Shipping","tags":["parcel"],"agents":["7"]}]}`, stamp(noon), id)
	}
	return fmt.Appendf(nil, `{"version":"1","events":[{"type":"conversation.transcript","time":%[3]q,"kind":%[1]q,"conversation":%[2]q,"ended":true,%[4]s
		"department":"Shipping","tags":["parcel"],"rating":4,"agents":["7"],
		"subjects":[{"name":"Iris Vogel","email":"iris@example.com","phone":"+15555550142","visitorId":"v1","customId":"customer-31"}],"entries":[
		{"id":"1","time":%[3]q,"author":{"role":"visitor","name":"Iris Vogel"},"text":"Where is it?","attachments":[{"name":"label.png","type":"image/png","bytes":18211}]},
		{"id":"2","time":%[3]q,"author":{"role":"agent","name":"Jan"},"text":"At the depot.","private":true}]}]}`, kind, id, stamp(noon), of)
}

// canonicalVisit is a visit of two pages.
func canonicalVisit(id string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"version":"1","events":[{"type":"visit.recorded","time":%[2]q,"visit":%[1]q,"visitorId":"v1","referrer":"https://search.example.com/?q=x",
		"pages":[{"time":%[2]q,"url":"https://shop.example.com/?a=b","title":"Shop"},{"time":%[3]q,"url":"https://shop.example.com/bikes"}]}]}`,
		id, stamp(at), stamp(at.Add(time.Second)))
}

// The fallback is no operation, but its answers are those that every operation has for ids with which it is not reached.
func TestNoRouteIsAnsweredAsDescribed(t *testing.T) {
	d, err := described()
	if err != nil {
		t.Fatal(err)
	}
	res, err := openapi.New().HTTP(context.Background(), events.APIGatewayV2HTTPRequest{RouteKey: "$default"})
	if err != nil || res.StatusCode != 404 {
		t.Fatalf("%v, %v", res, err)
	}
	var answer any
	if err := json.Unmarshal([]byte(res.Body), &answer); err != nil {
		t.Fatal(err)
	}
	if err := d.Valid("/components/responses/NoRoute/content/application~1json/schema", answer); err != nil {
		t.Error(err)
	}
	for route, o := range d.Operations() {
		if !strings.Contains(o.Path, "{") {
			continue
		}
		if err := d.Answer(route, 404, http.Header{"Content-Type": {"application/json"}}, []byte(res.Body)); err != nil {
			t.Error(err)
		}
	}
}

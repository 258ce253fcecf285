package functions_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/report"
	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

const linkedRoute = "GET /v1/accounts/{account}/transcripts/{id}"

// linkIn is the link that a message holds.
func linkIn(t testing.TB, m sent) *url.URL {
	t.Helper()
	for word := range strings.FieldsSeq(m.text) {
		if strings.Contains(word, "?link=svl_") {
			u, err := url.Parse(strings.Trim(word, "<>."))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(m.html, u.Query().Get("link")) {
				t.Errorf("the HTML has another link than %s", u)
			}
			return u
		}
	}
	t.Fatalf("no link in %s", m.text)
	return nil
}

// follow opens a link as API Gateway would, first at authorize.
func (p *post) follow(t testing.TB, u *url.URL) (status int, body string, headers map[string]string) {
	t.Helper()
	parts := strings.Split(strings.TrimPrefix(u.Path, "/v1/accounts/"), "/") // account, transcripts, id
	if len(parts) != 3 || parts[1] != "transcripts" {
		t.Fatalf("the link %s is of no route", u)
	}
	path := map[string]string{"account": parts[0], "id": parts[2]}
	allowed, err := p.authorize.Authorize(context.Background(), events.APIGatewayV2CustomAuthorizerV2Request{
		RouteKey: linkedRoute, PathParameters: path, QueryStringParameters: map[string]string{"link": u.Query().Get("link")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !allowed.IsAuthorized {
		return 403, "", nil
	}
	return p.shows(t, path, allowed.Context)
}

// shows asks report for a page with what authorize has told.
func (p *post) shows(t testing.TB, path map[string]string, known map[string]any) (status int, body string, headers map[string]string) {
	t.Helper()
	req := events.APIGatewayV2HTTPRequest{
		RouteKey: linkedRoute, PathParameters: path,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			Authorizer: &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: known},
		},
	}
	res, err := p.report.HTTP(context.Background(), req)
	if err == nil {
		err = asDescribed(req, res)
	}
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Body, res.Headers
}

// audited are the entries of an account, as "actor action target records".
func (p *post) audited(t testing.TB, id string) (lines []string) {
	t.Helper()
	err := audit.Read(context.Background(), p.DB, p.Tables.Control, id, noon.AddDate(0, 0, -1), noon.AddDate(0, 0, 30), func(e audit.Entry) error {
		lines = append(lines, fmt.Sprintf("%s %s %s %d", e.Actor, e.Action, e.Target, e.Records))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestStoreALinkOpensItsConversation(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo", TimeZone: "Europe/Berlin"})
	other := p.account(t, admin.Request{Account: "other"})
	p.to(t, demo, "archive", toFixed("settled", "link", "a@shop.example"))
	p.to(t, demo, "visitor", `{"when":"settled","to":{"kind":"visitor"},"content":"link"}`)
	p.to(t, other, "archive", toFixed("settled", "link", "o@shop.example"))
	p.mustPost(t, demo, "chatwoot", wootMessage(1, 1, noon, "Where is <b>my</b> order?"))
	p.mustPost(t, demo, "chatwoot", note(1, 2, noon.Add(time.Second), "She asks every day."))
	p.mustPost(t, demo, "chatwoot", wootResolved(1, noon.Add(3*time.Second)))
	p.quiesce(t)
	p.chat(t, demo, "c2", "Another chat")
	p.chat(t, other, "c3", "Another account's chat")
	p.deliver(t)
	id := p.id(t, demo, "chatwoot", "1", 1)
	links := map[string]*url.URL{}
	for _, m := range p.taken() {
		u := linkIn(t, m)
		switch {
		case strings.Contains(u.Path, id):
			links[m.to] = u
		case m.to == "a@shop.example":
			links["another chat"] = u
		case m.to == "o@shop.example":
			links["another account"] = u
		}
	}
	if len(links) != 4 {
		t.Fatalf("links %v", links)
	}
	staff, visitor := links["a@shop.example"], links["iris.vogel@example.com"]

	status, page, headers := p.follow(t, staff)
	if status != 200 || !strings.Contains(page, "Where is &lt;b&gt;my&lt;/b&gt; order?") || !strings.Contains(page, "every day") {
		t.Fatalf("%d %s", status, page)
	}
	want := map[string]string{
		"content-type":            "text/html; charset=utf-8",
		"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"cache-control":           "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff",
		"x-frame-options": "DENY", "x-robots-tag": "noindex, nofollow, noarchive",
	}
	if diff := cmp.Diff(want, headers); diff != "" {
		t.Errorf("headers (-want +got)\n%s", diff)
	}
	link, err := account.ParseLink(staff.Query().Get("link"))
	if err != nil {
		t.Fatal(err)
	}
	entries := p.audited(t, "demo")
	if got, want := entries[len(entries)-1], "link:"+link.ID+" chat.read "+id+" 1"; got != want {
		t.Errorf("audit entry %q, want %q", got, want)
	}
	t.Run("to a visitor without what agents wrote among themselves", func(t *testing.T) {
		status, page, _ := p.follow(t, visitor)
		if status != 200 || !strings.Contains(page, "order?") || strings.Contains(page, "every day") {
			t.Errorf("%d %s", status, page)
		}
	})
	t.Run("and no other", func(t *testing.T) {
		secret := func(of *url.URL) string { return of.Query().Get("link") }
		changed := func(f func(u *url.URL)) *url.URL {
			u := *staff
			f(&u)
			return &u
		}
		withLink := func(link string) func(*url.URL) {
			return func(u *url.URL) { u.RawQuery = url.Values{"link": {link}}.Encode() }
		}
		for name, u := range map[string]*url.URL{
			"another conversation of the account": changed(func(u *url.URL) { u.Path = links["another chat"].Path }),
			"another account":                     changed(func(u *url.URL) { u.Path = strings.Replace(u.Path, "/demo/", "/other/", 1) }),
			"another account's conversation":      changed(func(u *url.URL) { u.Path = links["another account"].Path }),
			"with another account's link":         changed(withLink(secret(links["another account"]))),
			"with another conversation's link":    changed(withLink(secret(links["another chat"]))),
			"without a link":                      changed(func(u *url.URL) { u.RawQuery = "" }),
			"with a token":                        changed(withLink(demo.Token)),
			"with two links":                      changed(withLink(secret(staff) + "," + secret(visitor))),
			"with another secret":                 changed(withLink(strings.TrimSuffix(secret(staff), secret(staff)[len(secret(staff))-6:]) + "aaaaaa")),
			"with the id of another link":         changed(withLink("svl_" + strings.Split(secret(visitor), "_")[1] + "_" + strings.Split(secret(staff), "_")[2])),
			"an account that cannot be":           changed(func(u *url.URL) { u.Path = strings.Replace(u.Path, "/demo/", "/demo#link/", 1) }),
			"another life of the conversation":    changed(func(u *url.URL) { u.Path = strings.TrimSuffix(u.Path, "1") + "2" }),
		} {
			if status, body, _ := p.follow(t, u); status != 403 {
				t.Errorf("%s: %d %s", name, status, body)
			}
		}
	})
	t.Run("and no other route", func(t *testing.T) {
		for _, route := range []string{"GET /v1/accounts/{account}/chats", "GET /v1/accounts/{account}/chats/{id}", "GET /v1/accounts/{account}/mail", "PUT /v1/accounts/{account}/mail/{name}", ""} {
			allowed, err := p.authorize.Authorize(t.Context(), events.APIGatewayV2CustomAuthorizerV2Request{
				RouteKey: route, PathParameters: map[string]string{"account": "demo", "id": id}, QueryStringParameters: map[string]string{"link": staff.Query().Get("link")},
				Headers: map[string]string{"authorization": "Bearer " + staff.Query().Get("link")},
			})
			if err != nil || allowed.IsAuthorized {
				t.Errorf("%s: %v %v", route, allowed, err)
			}
		}
		allowed, err := p.authorize.Authorize(t.Context(), events.APIGatewayV2CustomAuthorizerV2Request{
			RouteKey: linkedRoute, PathParameters: map[string]string{"account": "demo", "id": id}, Headers: map[string]string{"authorization": "Bearer " + demo.Token},
		})
		if err != nil || allowed.IsAuthorized {
			t.Errorf("a token opens the page: %v %v", allowed, err)
		}
	})
	t.Run("whatever a mistake in a route tells report", func(t *testing.T) {
		path := map[string]string{"account": "demo", "id": id}
		good := map[string]any{"account": "demo", "conversation": id, "link": link.ID, "reader": "staff"}
		for name, change := range map[string]func(map[string]any){
			"nothing":                 func(m map[string]any) { clear(m) },
			"a token":                 func(m map[string]any) { clear(m); m["account"], m["token"] = "demo", "abcdefghij" },
			"another account":         func(m map[string]any) { m["account"] = "other" },
			"another conversation":    func(m map[string]any) { m["conversation"] = "x" },
			"a link that has no id":   func(m map[string]any) { m["link"] = "" },
			"a link that is a number": func(m map[string]any) { m["link"] = 7 },
		} {
			known := maps.Clone(good)
			change(known)
			if status, body, _ := p.shows(t, path, known); status != 401 || refusal(t, name, status, body) != "link_missing" {
				t.Errorf("%s: %d %s", name, status, body)
			}
		}
		known := maps.Clone(good)
		delete(known, "reader")
		if status, body, _ := p.shows(t, path, known); status != 200 || strings.Contains(body, "every day") {
			t.Errorf("a link for nobody in particular shows what agents wrote among themselves: %d", status)
		}
	})
	t.Run("as long as the conversation is there", func(t *testing.T) {
		status, body, _ := p.shows(t, map[string]string{"account": "demo", "id": "x"}, map[string]any{"account": "demo", "conversation": "x", "link": "l"})
		if status != 404 || refusal(t, "no id", status, body) != "transcript_not_found" {
			t.Errorf("%d %s", status, body)
		}
		for _, row := range p.rows(t) {
			if strings.Contains(attr.GetS(row, "pk"), strings.Split(id, "-")[0]) {
				p.remove(t, p.Tables.Keys, row, "own")
			}
		}
		status, body, _ = p.follow(t, staff)
		if status != 404 || refusal(t, "destroyed", status, body) != "transcript_not_found" {
			t.Errorf("%d %s", status, body)
		}
	})
}

func TestStoreALinkIsOverAfterAWeek(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("settled", "link", "a@shop.example"))
	p.chat(t, demo, "c1", "Hello")
	p.deliver(t)
	u := linkIn(t, p.taken()[0])
	sent := p.Clock.Now()
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{account.LinkLife - time.Millisecond, 200}, {account.LinkLife, 403}, {account.LinkLife + time.Hour, 403}} {
		p.Clock.Set(sent.Add(step.after))
		if status, body, _ := p.follow(t, u); status != step.want {
			t.Errorf("after %v: %d %s", step.after, status, body)
		}
	}
}

func TestStoreWithoutItsAuditEntryAPageIsNotShown(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("settled", "link", "a@shop.example"))
	p.chat(t, demo, "c1", "Hello")
	p.deliver(t)
	u := linkIn(t, p.taken()[0])
	p.Fault.Set(func(_ context.Context, r vaulttest.Request) error {
		if r.Writes() {
			return errors.New("throttled")
		}
		return nil
	})
	if status, body, _ := p.follow(t, u); status != 503 || strings.Contains(body, "Hello") {
		t.Errorf("%d %s", status, body)
	}
	p.Fault.Set(func(context.Context, vaulttest.Request) error { return errors.New("throttled") })
	path := map[string]string{"account": "demo", "id": p.idIn(u)}
	if status, body, _ := p.shows(t, path, map[string]any{"account": "demo", "conversation": p.idIn(u), "link": "l"}); status != 503 || refusal(t, "throttled", status, body) != "unavailable" {
		t.Errorf("%d %s", status, body)
	}
}

func (p *post) idIn(u *url.URL) string { return u.Path[strings.LastIndex(u.Path, "/")+1:] }

// A transcript that is larger than a page can be is said to be.
func TestStoreALongPageIsCutOrRefused(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	p.to(t, demo, "archive", toFixed("settled", "link", "a@shop.example"))
	var texts []string
	for i := range 10 {
		texts = append(texts, large(90_000, uint64(i)))
	}
	p.chat(t, demo, "c1", texts...)
	p.deliver(t)
	status, page, _ := p.follow(t, linkIn(t, p.taken()[0]))
	if status != 200 && status != 413 || len(page) > report.MaxAnswer {
		t.Errorf("%d, %d bytes", status, len(page))
	}
}

func TestStoreTheMailAPI(t *testing.T) {
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	other := p.account(t, admin.Request{Account: "other"})
	const list, one = "GET /v1/accounts/{account}/mail", "PUT /v1/accounts/{account}/mail/{name}"
	put := func(name, body string) (int, string) {
		return p.asks(t, demo, one, map[string]string{"name": name}, "", body)
	}
	if status, body := p.asks(t, demo, list, nil, "", ""); status != 200 || body != `{"destinations":[]}`+"\n" {
		t.Errorf("none: %d %s", status, body)
	}
	for name, setting := range map[string]string{
		"archive": `{"when":"settled","to":{"kind":"fixed","addresses":["A@Shop.Example","A@shop.example"]},"content":"full","kinds":["ticket","chat"]}`,
		"agents":  `{"name":"agents","when":"weekly","to":{"kind":"agent","agents":{"7":"noor@shop.example"}},"content":"redacted"}`,
		"0-9":     `{"when":"hourly","to":{"kind":"visitor"},"content":"link","kinds":[]}`,
	} {
		if status, body := put(name, setting); status != 200 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	want := `{"destinations":[` +
		`{"name":"0-9","when":"hourly","to":{"kind":"visitor"},"content":"link","kinds":["chat","ticket"]},` +
		`{"name":"agents","when":"weekly","to":{"kind":"agent","agents":{"7":"noor@shop.example"}},"content":"redacted","kinds":["chat","ticket"]},` +
		`{"name":"archive","when":"settled","to":{"kind":"fixed","addresses":["A@shop.example"]},"content":"full","kinds":["ticket","chat"]}]}` + "\n"
	if status, body := p.asks(t, demo, list, nil, "", ""); status != 200 || body != want {
		t.Errorf("list (-want +got)\n%s", cmp.Diff(want, body))
	}
	if status, body := p.asks(t, other, list, nil, "", ""); status != 200 || body != `{"destinations":[]}`+"\n" {
		t.Errorf("of another account: %d %s", status, body)
	}

	t.Run("refuses", func(t *testing.T) {
		fixed := func(addresses string) string {
			return `{"when":"settled","to":{"kind":"fixed","addresses":[` + addresses + `]},"content":"full"}`
		}
		for _, tc := range []struct {
			name, path, body string
			status           int
			code             string
		}{
			{"nothing", "x", "", 400, "json_invalid"},
			{"no object", "x", "[]", 400, "json_shape"},
			{"an empty object", "x", "{}", 400, "destination_invalid"},
			{"unknown fields", "x", `{"when":"settled","to":{"kind":"visitor"},"content":"full","copy":"a@shop.example"}`, 400, "destination_invalid"},
			{"unknown fields inside", "x", `{"when":"settled","to":{"kind":"visitor","cc":"a@shop.example"},"content":"full"}`, 400, "destination_invalid"},
			{"duplicate fields", "x", `{"when":"settled","when":"daily","to":{"kind":"visitor"},"content":"full"}`, 400, "json_invalid"},
			{"another name in the body", "x", `{"name":"y","when":"settled","to":{"kind":"visitor"},"content":"full"}`, 400, "destination_invalid"},
			{"a name with a key in it", "x#y", fixed(`"a@shop.example"`), 400, "destination_invalid"},
			{"a name in upper case", "Archive", fixed(`"a@shop.example"`), 400, "destination_invalid"},
			{"a name that begins with a hyphen", "-x", fixed(`"a@shop.example"`), 400, "destination_invalid"},
			{"a name that is too long", strings.Repeat("x", 33), fixed(`"a@shop.example"`), 400, "destination_invalid"},
			{"another time", "x", `{"when":"monthly","to":{"kind":"visitor"},"content":"full"}`, 400, "destination_invalid"},
			{"another content", "x", `{"when":"settled","to":{"kind":"visitor"},"content":"all"}`, 400, "destination_invalid"},
			{"another kind of recipient", "x", `{"when":"settled","to":{"kind":"everybody"},"content":"full"}`, 400, "destination_invalid"},
			{"another kind of record", "x", `{"when":"settled","to":{"kind":"visitor"},"content":"full","kinds":["fact"]}`, 400, "destination_invalid"},
			{"a kind twice", "x", `{"when":"settled","to":{"kind":"visitor"},"content":"full","kinds":["chat","chat"]}`, 400, "destination_invalid"},
			{"no address", "x", fixed(""), 400, "destination_invalid"},
			{"21 addresses", "x", fixed(strings.TrimSuffix(strings.Repeat(`"a@shop.example",`, 21), ",")), 400, "destination_invalid"},
			{"addresses of a visitor", "x", `{"when":"settled","to":{"kind":"visitor","addresses":["a@shop.example"]},"content":"full"}`, 400, "destination_invalid"},
			{"agents of an archive", "x", `{"when":"settled","to":{"kind":"fixed","addresses":["a@shop.example"],"agents":{"7":"a@shop.example"}},"content":"full"}`, 400, "destination_invalid"},
			{"an agent without a name", "x", `{"when":"settled","to":{"kind":"agent","agents":{"":"a@shop.example"}},"content":"full"}`, 400, "destination_invalid"},
			{"an agent whose address is none", "x", `{"when":"settled","to":{"kind":"agent","agents":{"7":"noor"}},"content":"full"}`, 400, "destination_invalid"},
			{"an address with a name", "x", fixed(`"A <a@shop.example>"`), 400, "destination_invalid"},
			{"an address that is none", "x", fixed(`"a@shop.example","canary"`), 400, "destination_invalid"},
			{"a list in an address", "x", fixed(`"a@shop.example, canary@shop.example"`), 400, "destination_invalid"},
			{"a header in an address", "x", fixed(`"a@shop.example\r\nBcc: canary@shop.example"`), 400, "destination_invalid"},
		} {
			status, body := put(tc.path, tc.body)
			if status != tc.status || refusal(t, tc.name, status, body) != tc.code || strings.Contains(body, "canary") || strings.Contains(body, "shop.example") {
				t.Errorf("%s: %d %s", tc.name, status, body)
			}
		}
		if got := p.rowsOf(t, "demo#mail#"); got != 3 {
			t.Errorf("refusals wrote: %d destinations", got)
		}
		for i := range 17 {
			if status, body := put(fmt.Sprint("many", i), fixed(`"a@shop.example"`)); status != 200 {
				t.Fatalf("%d %s", status, body)
			}
		}
		if status, body := put("onemore", fixed(`"a@shop.example"`)); status != 409 || refusal(t, "many", status, body) != "destinations_full" {
			t.Errorf("21 destinations: %d %s", status, body)
		}
		if status, body := put("many3", fixed(`"b@shop.example"`)); status != 200 {
			t.Errorf("one of 20 destinations in place of itself: %d %s", status, body)
		}
	})
	t.Run("deletes", func(t *testing.T) {
		const route = "DELETE /v1/accounts/{account}/mail/{name}"
		for name, want := range map[string]int{"archive": 204, "never": 404, "x#y": 404} {
			status, body := p.asks(t, demo, route, map[string]string{"name": name}, "", "")
			if status != want || status == 204 && body != "" || status == 404 && refusal(t, name, status, body) != "destination_unknown" {
				t.Errorf("%s: %d %s", name, status, body)
			}
		}
		if status, _ := p.asks(t, demo, route, map[string]string{"name": "archive"}, "", ""); status != 404 {
			t.Errorf("again: %d", status)
		}
	})
	t.Run("refuses parameters", func(t *testing.T) {
		for _, tc := range []struct{ route, query string }{
			{list, "limit=1"}, {"GET /v1/accounts/{account}/mail-log", "limit=0"}, {"GET /v1/accounts/{account}/mail-log", "limit=101"},
			{"GET /v1/accounts/{account}/mail-log", "limit=x"}, {"GET /v1/accounts/{account}/mail-log", "limit=1&limit=2"},
			{"GET /v1/accounts/{account}/mail-log", "cursor=x"}, {"GET /v1/accounts/{account}/mail-log", "cursor=" + cursorOf("9999-99-99T00:00:00.000Z#a")},
			{"GET /v1/accounts/{account}/mail-log", "before=x"}, {"GET /v1/accounts/{account}/mail-log", "%zz"},
			{"GET /v1/accounts/{account}/suppressions", "limit=1"},
			{"GET /v1/accounts/{account}/copies", ""}, {"GET /v1/accounts/{account}/copies", "conversation=x"}, {"GET /v1/accounts/{account}/copies", "conversation=" + strings.Repeat("a", 32) + "-1&cursor=" + cursorOf("x")},
		} {
			if status, body := p.asks(t, demo, tc.route, nil, tc.query, ""); status != 400 || refusal(t, tc.route+"?"+tc.query, status, body) != "parameter_invalid" {
				t.Errorf("%s?%s: %d %s", tc.route, tc.query, status, body)
			}
		}
		for _, cursor := range []string{cursorOf("9998-01-01T00:00:00.000Z#a"), cursorOf("0001-01-01T00:00:00.000Z#a")} {
			if status, body := p.asks(t, demo, "GET /v1/accounts/{account}/mail-log", nil, "cursor="+cursor, ""); status != 200 || !strings.HasSuffix(body, `"next":null}`+"\n") {
				t.Errorf("%s: %d %s", cursor, status, body)
			}
		}
		if status, body := p.asks(t, demo, "GET /v1/accounts/{account}/copies", nil, "conversation="+strings.Repeat("a", 32)+"-1", ""); status != 200 || body != `{"copies":[],"next":null}`+"\n" {
			t.Errorf("copies of what nobody knows: %d %s", status, body)
		}
	})
	t.Run("asks who is asking", func(t *testing.T) {
		for name, known := range map[string]map[string]any{
			"nothing": nil, "another account": {"account": "other", "token": "x"}, "a link": {"account": "demo", "link": "x", "conversation": "y"}, "no token": {"account": "demo", "token": ""},
		} {
			res, err := p.admin.HTTP(t.Context(), events.APIGatewayV2HTTPRequest{
				RouteKey: list, PathParameters: map[string]string{"account": "demo"},
				RequestContext: events.APIGatewayV2HTTPRequestContext{Authorizer: &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: known}},
			})
			if err != nil || res.StatusCode != 401 || refusal(t, name, res.StatusCode, res.Body) != "token_missing" {
				t.Errorf("%s: %d %s", name, res.StatusCode, res.Body)
			}
		}
	})
	t.Run("writes down who did what", func(t *testing.T) {
		entries := p.audited(t, "demo")
		for _, want := range []string{"mail.read  0", "mail.set archive when=settled to=fixed content=full 0", "mail.delete archive 0", "mail-log.read limit=50 0"} {
			found := false
			for _, e := range entries {
				found = found || strings.HasPrefix(e, "token:") && strings.HasSuffix(e, want)
			}
			if !found {
				t.Errorf("no entry ends with %q in %v", want, entries)
			}
		}
		for _, e := range entries {
			if strings.Contains(e, "@") {
				t.Errorf("an entry holds an address: %s", e)
			}
		}
		p.Fault.Set(func(_ context.Context, r vaulttest.Request) error {
			if r.Writes() {
				return errors.New("throttled")
			}
			return nil
		})
		defer p.unharmed()
		if status, body := p.asks(t, demo, list, nil, "", ""); status != 503 || strings.Contains(body, "shop.example") {
			t.Errorf("without its entry: %d %s", status, body)
		}
	})
}

// No address, and no word of a conversation, stands in any table, queue, event or log while it is mailed.
func TestStoreNoPlaintextOfMail(t *testing.T) {
	log := listen(t)
	p := newPost(t)
	demo := p.account(t, admin.Request{Account: "demo"})
	words := []string{"quibblethorn", "zephyrwhistle", "featherington", "oswaldine", "grumblesnort", "marmaladeforge", "kettledrummer", "snickerdoodler"}
	p.to(t, demo, "archive", toFixed("settled", "full", "quibblethorn@marmaladeforge.example"))
	p.to(t, demo, "digest", toFixed("hourly", "link", "zephyrwhistle@marmaladeforge.example"))
	p.to(t, demo, "visitor", `{"when":"settled","to":{"kind":"visitor"},"content":"redacted"}`)
	p.to(t, demo, "agent", `{"when":"hourly","to":{"kind":"agent","agents":{"Grumblesnort":"kettledrummer@marmaladeforge.example"}},"content":"full"}`)
	say := func(chat string) {
		whole := strings.NewReplacer("Iris Vogel", "Oswaldine Featherington", "iris.vogel@example.com", "oswaldine@featherington.example",
			"Noor Bakker", "Grumblesnort").Replace(string(tawkTranscript(chat, p.Clock.Now().Add(-time.Minute), "Snickerdoodler", "Snickerdoodler")))
		p.mustPost(t, demo, "tawkto", []byte(whole))
		p.settleAll(t)
	}
	look := func(when string) {
		t.Helper()
		outside := p.outside(t, log)
		outside["mail queue "+when] = []byte(strings.Join(p.queued, "\n"))
		search(t, outside, words)
	}
	say("c1")
	p.hear(t)
	look("before")
	p.deliver(t)
	look("after")
	p.Clock.Advance(2 * time.Hour)
	p.digests(t)
	all := p.taken()
	if len(all) != 4 {
		t.Fatalf("%d messages", len(all))
	}
	for _, m := range all {
		p.Clock.Advance(time.Second)
		if err := p.SendAll(t.Context(), []string{reports("bounce", "Permanent", m, p.Clock.Now())}); err != nil {
			t.Fatal(err)
		}
	}
	p.deliver(t)
	say("c2")
	p.deliver(t)
	look("suppressed")
	refuse := errors.New("SES says no to oswaldine@featherington.example and quibblethorn@marmaladeforge.example")
	p.ses.takes = func(*sesv2.SendEmailInput) error { return refuse }
	for _, s := range p.suppressions(t, demo) {
		p.asks(t, demo, "DELETE /v1/accounts/{account}/suppressions/{id}", map[string]string{"id": s.ID}, "", "")
	}
	say("c3")
	p.hear(t)
	p.once(t.Context(), t)
	look("refused")
	if got := p.mailLog(t, demo); len(got) < 8 || strings.Contains(strings.Join(got, " "), "oswaldine") {
		t.Errorf("the log does not tell the account: %v", got)
	}
	look("at the end")
}

func cursorOf(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

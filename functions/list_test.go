package functions_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	diff "github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/purge"
	"github.com/supportvault/supportvault/functions/report"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

func purgeOf(account string) purge.Request { return purge.Request{Account: account} }

// pages reads a list page by page.
func (r *road) pages(t testing.TB, a admin.Created, query string, limit int) (all []conversation.View, n int) {
	t.Helper()
	next := ""
	for {
		status, body := r.get(t, a, "", fmt.Sprintf("%s&limit=%d%s", query, limit, next))
		var page report.Page
		if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 {
			t.Fatalf("list: %d %s", status, body)
		}
		n++
		if len(page.Chats) > limit || page.Next != nil && len(page.Chats) == 0 {
			t.Fatalf("a page of %d, next %v", len(page.Chats), page.Next)
		}
		all = append(all, page.Chats...)
		if page.Next == nil {
			return all, n
		}
		next = "&cursor=" + url.QueryEscape(*page.Next)
	}
}

// 250 chats of five days, seven a page: each once, newest first, and only those that were asked for.
func TestStoreListPages(t *testing.T) {
	t.Parallel()
	listPages(t, newRoad(t), false)
}

func TestListPagesInMemory(t *testing.T) { listPages(t, inMemory(), true) }

// listPages asks every question where a request costs nothing.
func listPages(t *testing.T, r *road, every bool) {
	demo := r.account(t, admin.Request{Account: "demo"})
	ended := map[string]time.Time{}
	for i := range 250 {
		at := noon.Add(time.Duration(i%5)*24*time.Hour + time.Duration(i/5/3)*time.Minute) // some at the same instant
		r.Clock.Set(at)
		chat := fmt.Sprintf("chat-%03d", i)
		r.mustPost(t, demo, "tawkto", tawkStart(chat, at, "hello"))
		if i < 240 {
			ended[chat] = at.Add(time.Second)
			r.Clock.Set(ended[chat])
			r.mustPost(t, demo, "tawkto", tawkEnd(chat, ended[chat]))
		}
	}
	r.Clock.Set(noon.Add(4*24*time.Hour + 20*time.Minute))
	r.settleAll(t)
	check := func(query string, limit int, want func(v conversation.View) bool) {
		t.Helper()
		all, n := r.pages(t, demo, query, limit)
		seen := map[string]bool{}
		for _, v := range all {
			if seen[v.ID] || !want(v) {
				t.Errorf("%s: %s of %v stands there (twice: %v)", query, v.Conversation, v.EndedAt, seen[v.ID])
			}
			seen[v.ID] = true
		}
		settled := slices.DeleteFunc(slices.Clone(all), func(v conversation.View) bool { return v.State == conversation.Open })
		if !slices.IsSortedFunc(settled, func(a, b conversation.View) int {
			return cmp.Or(b.EndedAt.Compare(a.EndedAt.Time), cmp.Compare(b.ID, a.ID))
		}) {
			t.Errorf("%s: not the newest first", query)
		}
		missing := 0
		for _, v := range everyone(t, r, demo) {
			if want(v) && !seen[v.ID] {
				missing++
			}
		}
		if missing > 0 {
			t.Errorf("%s, %d a page: %d of %d are missing after %d pages", query, limit, missing, missing+len(all), n)
		}
	}
	all := func(conversation.View) bool { return true }
	settled := func(v conversation.View) bool { return v.State == conversation.Settled }
	check("", 7, all)
	if every {
		check("", 100, all)
		check("", 1, all)
		check("state=settled", 7, settled)
	}
	check("state=open", 7, func(v conversation.View) bool { return !settled(v) })
	from, to := noon.Add(24*time.Hour+5*time.Minute), noon.Add(3*24*time.Hour+2*time.Minute+time.Second)
	last := func(v conversation.View) time.Time {
		if v.EndedAt != nil {
			return v.EndedAt.Time
		}
		return v.StartedAt.Time
	}
	if every {
		check("from="+from.Format(time.RFC3339), 7, func(v conversation.View) bool { return !last(v).Before(from) })
		check("from="+url.QueryEscape(from.In(time.FixedZone("", 19800)).Format(time.RFC3339)), 50, func(v conversation.View) bool { return !last(v).Before(from) })
	}
	if every {
		check("to="+to.Format(time.RFC3339), 7, func(v conversation.View) bool { return last(v).Before(to) })
	}
	check("state=settled&from="+from.Format(time.RFC3339)+"&to="+to.Format(time.RFC3339), 7,
		func(v conversation.View) bool { return settled(v) && !last(v).Before(from) && last(v).Before(to) })
	if n := len(everyone(t, r, demo)); n != 250 {
		t.Errorf("%d conversations are extracted", n)
	}
	// A day that was destroyed is passed over.
	r.remove(t, r.Tables.Keys, vault.CohortKeyItem("demo", "chat", "2026-11-24"), "key")
	check("", 100, func(v conversation.View) bool { return v.EndedAt == nil || v.EndedAt.UTC().Day() != 24 })
}

var extractedOnce = map[*road][]conversation.View{}

// everyone is what an extract says; it is made once.
func everyone(t testing.TB, r *road, a admin.Created) []conversation.View {
	if extractedOnce[r] == nil {
		extractedOnce[r] = r.lines(t, a)
	}
	return extractedOnce[r]
}

func TestStoreListParameters(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	garbage := base64.RawURLEncoding.EncodeToString([]byte("0000000000000#'; DROP#0001"))
	for _, query := range []string{
		"limit=0", "limit=101", "limit=-1", "limit=ten", "limit=1e1", "limit=5&limit=6", "state=closed", "state=Open", "from=yesterday", "from=2026-13-01T00:00:00Z",
		"to=2026-11-21", "to=1969-12-31T23:59:59Z", "from=10000-01-01T00:00:00Z", "cursor=garbage", "cursor=%00", "cursor=" + garbage, "cursor=" + strings.Repeat("A", 5000),
		"page=2", "%zz", "from=a;to=b", "limit=99999999999999999999",
	} {
		status, body := r.get(t, demo, "", query)
		if code := refusal(t, query, status, body); status != 400 || code != "parameter_invalid" {
			t.Errorf("%q: %d %s", query, status, body)
		}
	}
	for _, id := range []string{"x", strings.Repeat("a", 32) + "-1", strings.Repeat("a", 32) + "-0", strings.Repeat("a", 32) + "-10000", "../demo", strings.Repeat("a", 32) + "-1 "} {
		if status, body := r.get(t, demo, id, ""); status != 404 || refusal(t, id, status, body) != "chat_not_found" {
			t.Errorf("the id %q: %d %s", id, status, body)
		}
	}
	if status, body := r.get(t, demo, "", "limit=100&state=settled&from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00%2B05:30"); status != 200 || strings.TrimSpace(body) != `{"chats":[],"next":null}` {
		t.Errorf("nothing: %d %s", status, body)
	}
}

// Every answer with content has its audit entry first; where the entry cannot be written there is no answer.
func TestStoreEveryReadIsAudited(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	r.mustPost(t, demo, "tawkto", tawkStart("c1", noon, "hello"))
	id := r.id(t, demo, "tawkto", "c1", 1)
	entries := func() (all []string) {
		for _, item := range r.Items(t, r.Tables.Control) {
			if pk := attr.GetS(item, "pk"); strings.HasPrefix(pk, audit.Partition("demo", noon)) {
				actor, _, _ := strings.Cut(attr.GetS(item, "actor"), ":")
				all = append(all, fmt.Sprint(actor, " ", attr.GetS(item, "action"), " ", attr.GetS(item, "target"), " ", attr.GetN(item, "records")))
			}
		}
		slices.Sort(all)
		return all
	}
	r.one(t, demo, id)
	r.list(t, demo, "limit=5")
	r.lines(t, demo)
	got := entries()
	for i, e := range got {
		if strings.HasPrefix(e, "role extract") {
			got[i] = "role extract"
		}
	}
	if d := diff.Diff([]string{"role extract", "token chat.list from= to= state= limit=5 1", "token chat.read " + id + " 1"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	r.Fault.Set(refuses(r.Tables.Control))
	for _, path := range []string{id, ""} {
		if status, body := r.get(t, demo, path, ""); status != 503 || refusal(t, path, status, body) != "unavailable" || strings.Contains(body, "hello") {
			t.Errorf("without an audit entry: %d %s", status, body)
		}
	}
	files := len(r.files.Objects())
	if all, err := r.extracted(context.Background(), demo); err == nil || all != "" || len(r.files.Objects()) != files {
		t.Errorf("extracted without an audit entry: %q %v", all, err)
	}
	r.Fault.Set(func(_ context.Context, req vaulttest.Request) error {
		if slices.Contains(req.Tables, r.Tables.Records) {
			return errors.New("gone")
		}
		return nil
	})
	if status, body := r.get(t, demo, id, ""); status != 503 {
		t.Errorf("without the records: %d %s", status, body)
	}
}

// A token opens its own account and no other, even where something in front of the function mixes them up.
func TestStoreTokensOfAnotherAccount(t *testing.T) {
	r := newRoad(t)
	one, two := r.account(t, admin.Request{Account: "account1"}), r.account(t, admin.Request{Account: "account2"})
	r.mustPost(t, two, "tawkto", tawkStart("c1", noon, "of two"))
	id := r.id(t, two, "tawkto", "c1", 1)
	authorize := func(account, header string) bool {
		answer, err := r.authorize.Authorize(context.Background(), events.APIGatewayV2CustomAuthorizerV2Request{
			Headers: map[string]string{"Authorization": header}, PathParameters: map[string]string{"account": account},
		})
		return err == nil && answer.IsAuthorized
	}
	if !authorize("account2", "Bearer "+two.Token) || !authorize("account2", "bearer "+two.Token) {
		t.Error("its own token is refused")
	}
	for account, header := range map[string]string{
		"account2": "Bearer " + one.Token, "account1": "Bearer " + two.Token, "account": "Bearer " + one.Token, "": "Bearer " + one.Token,
		"account1#": "Bearer " + one.Token, "nobody": "Bearer " + one.Token,
	} {
		if authorize(account, header) {
			t.Errorf("%s is opened by a token that is not its own", account)
		}
	}
	for _, header := range []string{"", "Bearer", "Bearer ", one.Token, "Basic " + one.Token, "Bearer " + one.Token + "a", "Bearer " + one.Token[:len(one.Token)-1], "Bearer svt_aaaaaaaaaa_" + strings.Repeat("a", 52)} {
		if authorize("account1", header) {
			t.Errorf("%q is let in", header)
		}
	}
	for name, change := range map[string]func(*events.APIGatewayV2HTTPRequest){
		"another account's path":    func(q *events.APIGatewayV2HTTPRequest) { q.PathParameters["account"] = "account2" },
		"no authorizer":             func(q *events.APIGatewayV2HTTPRequest) { q.RequestContext.Authorizer = nil },
		"an empty context":          func(q *events.APIGatewayV2HTTPRequest) { q.RequestContext.Authorizer.Lambda = nil },
		"a context without a token": func(q *events.APIGatewayV2HTTPRequest) { delete(q.RequestContext.Authorizer.Lambda, "token") },
		"a token that is no text":   func(q *events.APIGatewayV2HTTPRequest) { q.RequestContext.Authorizer.Lambda["token"] = 7 },
		"a context of another":      func(q *events.APIGatewayV2HTTPRequest) { q.RequestContext.Authorizer.Lambda["account"] = "account2" },
		"a context without an account": func(q *events.APIGatewayV2HTTPRequest) {
			delete(q.RequestContext.Authorizer.Lambda, "account")
			delete(q.PathParameters, "account")
		},
	} {
		for _, path := range []string{"", id} {
			req := r.reading(one, path, "")
			change(&req)
			res, err := r.report.HTTP(context.Background(), req)
			if err != nil || res.StatusCode != 401 || refusal(t, name, res.StatusCode, res.Body) != "token_missing" {
				t.Errorf("%s: %d %s", name, res.StatusCode, res.Body)
			}
		}
	}
	if status, body := r.get(t, one, id, ""); status != 404 {
		t.Errorf("the id of another account's chat: %d %s", status, body)
	}
}

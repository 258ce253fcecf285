// Package functions_test drives the functions together, in one process, over DynamoDB Local: the road of a chat from its
// webhook to its end.
package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/attach"
	"github.com/supportvault/supportvault/functions/authorize"
	"github.com/supportvault/supportvault/functions/extract"
	"github.com/supportvault/supportvault/functions/importer"
	"github.com/supportvault/supportvault/functions/ingest"
	"github.com/supportvault/supportvault/functions/purge"
	"github.com/supportvault/supportvault/functions/report"
	"github.com/supportvault/supportvault/functions/settle"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/health"
	"github.com/supportvault/supportvault/shared/ledger"
	"github.com/supportvault/supportvault/shared/receipt/chain"
	"github.com/supportvault/supportvault/shared/receipt/receipttest"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/source/sourcetest"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

// road is every function over one vault, with queues that the test empties when it wants.
type road struct {
	*vaulttest.Vault
	ingest    *ingest.Handler
	settle    *settle.Handler
	report    *report.Handler
	purge     *purge.Handler
	extract   *extract.Handler
	importer  *importer.Handler
	authorize *authorize.Handler
	admin     *admin.Handler
	attach    *attach.Handler
	queues    *queues
	web       *web
	staged    *staging
	files     *vaulttest.Bucket
	archive   *vaulttest.Bucket
}

// queues holds what was sent. Refuse, if set, answers every sending.
type queues struct {
	mu       sync.Mutex
	settling []vault.Reference
	waiting  []string
	// noticed are the messages of the mail queue.
	noticed []string
	// extracting are the messages of the extract queue.
	extracting []string
	// importing are the messages of the import queue.
	importing []string
	// completing is what waits in the queue of purge.
	completing []vault.Reference
	// attaching is what waits in the attach queue.
	attaching []vault.FileReference
	// sent and waited are everything that ever was sent.
	sent      []vault.Reference
	waited    []string
	published []settle.Event
	refuse    error
}

func (q *queues) locked(f func()) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.refuse == nil {
		f()
	}
	return q.refuse
}

func (q *queues) refuseWith(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refuse = err
}

func (q *queues) Settle(_ context.Context, r vault.Reference) error {
	return q.locked(func() { q.settling, q.sent = append(q.settling, r), append(q.sent, r) })
}

func (q *queues) Attach(_ context.Context, files []vault.FileReference) error {
	return q.locked(func() { q.attaching = append(q.attaching, files...) })
}

func (q *queues) Wait(_ context.Context, body string) error {
	return q.locked(func() { q.waiting, q.waited = append(q.waiting, body), append(q.waited, body) })
}

func (q *queues) Send(_ context.Context, rs []vault.Reference) error {
	return q.locked(func() { q.settling, q.sent = append(q.settling, rs...), append(q.sent, rs...) })
}

func (q *queues) Publish(_ context.Context, e settle.Event) error {
	return q.locked(func() { q.published = append(q.published, e) })
}

// take takes the messages of one of the queues.
func (q *queues) take(from *[]string) (all []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	all, *from = *from, nil
	return all
}

func (q *queues) takeSettling() (all []vault.Reference) {
	q.mu.Lock()
	defer q.mu.Unlock()
	all, q.settling = q.settling, nil
	return all
}

func newRoad(t testing.TB) *road {
	t.Helper()
	return roadOver(vaulttest.New(t, noon))
}

// roadOver is every function over a vault.
func roadOver(v *vaulttest.Vault) *road {
	r := &road{Vault: v, queues: &queues{}, files: vaulttest.NewBucket()}
	write := audit.Writer(v.DB, v.Tables.Control)
	r.ingest = ingest.New(ingest.Config{}, ingest.Deps{Store: v.Store, Queue: r.queues, Health: r.counter()})
	r.settle = settle.New(settle.Deps{Store: v.Store, Queue: r.queues, Bus: r.queues, Purge: purgeQueue{r.queues}})
	r.web, r.staged = &web{}, &staging{types: map[string]string{}, bucket: vaulttest.NewBucket()}
	r.attach = attach.New(attach.Deps{Store: v.Store, Fetch: r.web, Uploads: r.staged, Queue: r.queues})
	r.report = report.New(report.Deps{Store: v.Store, Audit: write})
	r.archive = vaulttest.NewBucket()
	r.purge = purge.New(purge.Deps{
		Store: &vault.Store{DB: v.DB, Tables: v.Tables, Now: v.Clock.Now, Objects: v.Objects}, Stage: "test",
		Chain:   &chain.Chain{DB: v.DB, Table: v.Tables.Control, Signer: receipttest.NewSigner("2026"), Now: v.Clock.Now},
		Archive: archive{r.archive}, Extracts: putter{r.files},
	})
	r.extract = extract.New(extract.Config{ExportsBucket: "exports"}, extract.Deps{
		Store: v.Store, Files: putter{r.files}, Queue: extractQueue{r.queues}, Audit: write,
		Ledger: &ledger.Ledger{DB: v.DB, Table: v.Tables.Control, Now: v.Clock.Now},
	})
	r.importer = importer.New(importer.Config{}, importer.Deps{
		Store: v.Store, Files: historyBucket{r.staged.bucket}, Queue: importQueue{r.queues}, Settling: r.queues, Audit: write,
	})
	r.authorize = authorize.New(authorize.Deps{Control: authorize.Table{DB: v.DB, Name: v.Tables.Control}, Now: v.Clock.Now})
	r.admin = admin.New(admin.Deps{
		Store: v.Store, KMS: v.KMS, WrapKey: "wrap", Floor: retention.FloorMinute, Notice: 30 * 24 * time.Hour, Queue: noticeQueue{r.queues},
	})
	return r
}

// counter is that of another process of ingest.
func (r *road) counter() counter {
	return counter{health.NewCounter(r.DB, r.Tables.Control, r.Clock.Now)}
}

// counter marks the writes of counts, in which no process is killed: a delivery is durable before them and is answered
// whatever becomes of them.
type counter struct{ *health.Counter }

type counting struct{}

func (c counter) Accepted(ctx context.Context, account, source, name string, duplicate bool) error {
	return c.Counter.Accepted(context.WithValue(ctx, counting{}, true), account, source, name, duplicate)
}

func (c counter) Refused(ctx context.Context, account, source, code string) error {
	return c.Counter.Refused(context.WithValue(ctx, counting{}, true), account, source, code)
}

type putter struct{ bucket *vaulttest.Bucket }

func (p putter) Put(_ context.Context, key, _ string, r io.Reader) error {
	return p.bucket.Keep(key, r)
}

func (p putter) Link(_ context.Context, key, name string, life time.Duration) (string, error) {
	return fmt.Sprintf("https://exports.invalid/%s?name=%s&expires=%.0f", key, name, life.Seconds()), nil
}

// DeleteAll forgets every file whose name begins so.
func (p putter) DeleteAll(_ context.Context, prefix string) error {
	p.bucket.Forget(prefix)
	return nil
}

// archive is where receipts cannot be deleted.
type archive struct{ bucket *vaulttest.Bucket }

func (a archive) Put(_ context.Context, name string, body []byte) error {
	return a.bucket.Keep(name, bytes.NewReader(body))
}

// purgeQueue is the queue of purge among the queues.
type purgeQueue struct{ *queues }

func (q purgeQueue) Send(_ context.Context, rs []vault.Reference) error {
	return q.locked(func() { q.completing = append(q.completing, rs...) })
}

// noticeQueue is the mail queue among the queues, of which only notices are put by a function.
type noticeQueue struct{ *queues }

func (q noticeQueue) SendAll(_ context.Context, bodies []string) error {
	return q.locked(func() { q.noticed = append(q.noticed, bodies...) })
}

// extractQueue is the queue of extract among the queues.
type extractQueue struct{ *queues }

func (q extractQueue) Send(_ context.Context, body string, delay time.Duration) error {
	return q.locked(func() { q.extracting = append(q.extracting, body) })
}

// importQueue is the queue of importer among the queues.
type importQueue struct{ *queues }

func (q importQueue) Send(_ context.Context, body string, delay time.Duration) error {
	return q.locked(func() { q.importing = append(q.importing, body) })
}

func (r *road) account(t testing.TB, req admin.Request) admin.Created {
	t.Helper()
	if req.Plan == "" {
		req.Plan = "standard"
	}
	if req.Start == "" {
		req.Start = "identified"
	}
	created, err := r.admin.Create(context.Background(), req)
	if err != nil {
		t.Fatalf("create account: %v", err)
	}
	for name := range created.Sources {
		if given := sourcetest.Given(name); given != "" {
			if _, err := r.admin.Rotate(context.Background(), admin.Request{Account: req.Account, Source: name, Secret: given}); err != nil {
				t.Fatalf("give %s its secret: %v", name, err)
			}
			created.Sources[name] = admin.Source{Path: created.Sources[name].Path, Secret: given}
		}
	}
	return created
}

// nameSite lets the pages of the samples' site tell of visits.
func (r *road) nameSite(t testing.TB, a admin.Created) {
	t.Helper()
	if code := r.askedOf(t, a, "PUT sources/{source}", map[string]string{"source": "beacon"}, `{"origins":["`+sourcetest.Origin+`"]}`, nil); code != "" {
		t.Fatal(code)
	}
}

// post sends a body as the source would and answers status and body.
func (r *road) post(account admin.Created, source string, body []byte) (int, string) {
	return r.postAs(context.Background(), account, source, body)
}

func (r *road) postAs(ctx context.Context, account admin.Created, source string, body []byte) (int, string) {
	req := r.signed(account, source, body)
	res, err := r.ingest.Webhook(ctx, req)
	if err == nil {
		err = asDescribed(req, res)
	}
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, res.Body
}

// signed is the request by which a source sends a body.
func (r *road) signed(account admin.Created, name string, body []byte) events.APIGatewayV2HTTPRequest {
	d := source.Delivery{Header: http.Header{"Content-Type": {"application/json"}}, Query: url.Values{}, Body: body}
	sourcetest.Sign(name, &d, account.Sources[name].Secret, r.Clock.Now())
	headers := map[string]string{}
	for key := range d.Header {
		headers[strings.ToLower(key)] = d.Header.Get(key)
	}
	return events.APIGatewayV2HTTPRequest{
		RouteKey: "POST /v1/webhooks/{account}/{source}", Headers: headers, Body: string(d.Body), RawQueryString: d.Query.Encode(),
		PathParameters: map[string]string{"account": account.Account, "source": name},
	}
}

func (r *road) mustPost(t testing.TB, account admin.Created, source string, body []byte) {
	t.Helper()
	if status, answer := r.post(account, source, body); status != 202 {
		t.Fatalf("post to %s: %d %s", source, status, answer)
	}
}

// settleAll settles what the queue holds until it is empty; what fails comes again, as in SQS.
func (r *road) settleAll(t testing.TB) {
	t.Helper()
	for range 100 {
		all := r.queues.takeSettling()
		if len(all) == 0 {
			return
		}
		for _, ref := range all {
			if err := r.settle.Settle(context.Background(), ref); err != nil {
				r.queues.locked(func() { r.queues.settling = append(r.queues.settling, ref) })
			}
		}
	}
	t.Fatal("the settle queue does not become empty")
}

// reading is a request for a path, as authorize lets it through for the account's token.
func (r *road) reading(account admin.Created, id, query string) events.APIGatewayV2HTTPRequest {
	path := map[string]string{"account": account.Account}
	route := "GET /v1/accounts/{account}/chats"
	if id != "" {
		path["id"] = id
		route += "/{id}"
	}
	allowed, err := r.authorize.Authorize(context.Background(), events.APIGatewayV2CustomAuthorizerV2Request{
		Headers: map[string]string{"authorization": "Bearer " + account.Token}, PathParameters: path,
	})
	if err != nil || !allowed.IsAuthorized {
		panic(fmt.Sprintf("authorize: %v %v", allowed, err))
	}
	return events.APIGatewayV2HTTPRequest{
		RouteKey: route, PathParameters: path, RawQueryString: query,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			Authorizer: &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: allowed.Context},
		},
	}
}

// get reads a path as the account's token may.
func (r *road) get(t testing.TB, account admin.Created, id, query string) (int, string) {
	t.Helper()
	req := r.reading(account, id, query)
	res, err := r.report.HTTP(context.Background(), req)
	if err == nil {
		err = asDescribed(req, res)
	}
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Body
}

// list reads all pages.
func (r *road) list(t testing.TB, account admin.Created, query string) []conversation.View {
	t.Helper()
	var all []conversation.View
	next := query
	for {
		status, body := r.get(t, account, "", next)
		if status != 200 {
			t.Fatalf("list: %d %s", status, body)
		}
		var page report.Page
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Chats...)
		if page.Next == nil {
			return all
		}
		next = query + "&cursor=" + *page.Next
	}
}

func (r *road) one(t testing.TB, account admin.Created, id string) conversation.View {
	t.Helper()
	status, body := r.get(t, account, id, "")
	if status != 200 {
		t.Fatalf("read %s: %d %s", id, status, body)
	}
	var v conversation.View
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

func tawkStart(chat string, at time.Time, text string) []byte {
	return fmt.Appendf(nil, `{"event":"chat:start","chatId":%q,"time":%q,"message":{"text":%q,"type":"msg","sender":{"type":"visitor"}},
		"visitor":{"name":"Iris Vogel","email":"iris.vogel@example.com","city":"Arnhem","country":"NL"},"property":{"id":"p1","name":"Shop"}}`, chat, stamp(at), text)
}

func tawkEnd(chat string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"event":"chat:end","chatId":%q,"time":%q,
		"visitor":{"name":"Iris Vogel","email":"iris.vogel@example.com","city":"Arnhem","country":"NL"},"property":{"id":"p1","name":"Shop"}}`, chat, stamp(at))
}

func tawkTranscript(chat string, first time.Time, texts ...string) []byte {
	var messages []map[string]any
	for i, text := range texts {
		sender := map[string]string{"t": "v"}
		if i%2 == 1 {
			sender = map[string]string{"t": "a", "n": "Noor Bakker"}
		}
		messages = append(messages, map[string]any{"sender": sender, "type": "msg", "msg": text, "time": stamp(first.Add(time.Duration(i) * time.Second))})
	}
	b, err := json.Marshal(map[string]any{
		"event": "chat:transcript_created", "time": stamp(first.Add(time.Duration(len(texts)) * time.Second)), "property": map[string]string{"id": "p1", "name": "Shop"},
		"chat": map[string]any{"id": chat, "visitor": map[string]string{"name": "Iris Vogel", "email": "iris.vogel@example.com", "city": "Arnhem"}, "messages": messages},
	})
	if err != nil {
		panic(err)
	}
	return b
}

func wootMessage(chat, id int, at time.Time, text string) []byte {
	kind, sender := "incoming", `{"id":4711,"name":"Iris Vogel","email":"iris.vogel@example.com","phone_number":"+15555550142","type":"contact"}`
	if id%2 == 0 {
		kind, sender = "outgoing", `{"id":7,"name":"Noor Bakker","type":"user"}`
	}
	return fmt.Appendf(nil, `{"event":"message_created","id":%d,"content":%q,"message_type":%q,"private":false,"created_at":%q,"sender":%s,
		"conversation":{"id":%d,"status":"open","labels":[],"contact_inbox":{"pubsub_token":"never-store-me"},"meta":{"sender":{"id":4711,"name":"Iris Vogel","email":"iris.vogel@example.com","phone_number":"+15555550142"}}},
		"account":{"id":3,"name":"Shop"},"inbox":{"id":5,"name":"Web"}}`, id, text, kind, stamp(at), sender, chat)
}

func wootResolved(chat int, at time.Time) []byte {
	return fmt.Appendf(nil, `{"event":"conversation_status_changed","id":%d,"status":"resolved","labels":["billing"],"meta":{"sender":{"id":4711,"name":"Iris Vogel","email":"iris.vogel@example.com","phone_number":"+15555550142"},"assignee":{"id":7,"name":"Noor Bakker"},"team":{"id":1,"name":"Sales"}},
		"created_at":%d,"last_activity_at":%d,"timestamp":%d,"updated_at":%d.25}`, chat, at.Unix()-60, at.Unix(), at.Unix(), at.Unix())
}

func TestStoreRoadOfAChat(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	chat := "70fe3290-99ad-11e9-a30a-51567162179f"
	r.mustPost(t, demo, "tawkto", tawkStart(chat, noon, "Hello, is anybody there?"))

	open := r.list(t, demo, "")
	if len(open) != 1 || open[0].State != conversation.Open || open[0].SettledAt != nil || open[0].Entries != nil {
		t.Fatalf("an open chat is not listed as one: %+v", open)
	}
	if got := r.one(t, demo, open[0].ID); len(*got.Entries) != 1 || (*got.Entries)[0].Text != "Hello, is anybody there?" {
		t.Fatalf("an open chat does not have its entry: %+v", got)
	}

	r.mustPost(t, demo, "tawkto", tawkEnd(chat, noon.Add(time.Minute)))
	r.Clock.Advance(2 * time.Minute)
	r.settleAll(t)
	settled := r.list(t, demo, "state=settled")
	if len(settled) != 1 || settled[0].State != conversation.Settled || settled[0].Revision != 1 || settled[0].Incarnation != 1 {
		t.Fatalf("the chat has not settled: %+v", settled)
	}
	got := r.one(t, demo, settled[0].ID)
	if len(*got.Entries) != 1 || got.EndedAt == nil || !got.EndedAt.Equal(noon.Add(time.Minute)) || got.Conversation != chat {
		t.Fatalf("settled: %+v", got)
	}
	if want := time.Date(2027, time.February, 22, 0, 0, 0, 0, time.UTC); !got.ExpiresAt.Equal(want) {
		t.Errorf("expires at %v, want %v", got.ExpiresAt, want)
	}

	// The whole transcript comes after settling: the next revision, in which nothing stands twice.
	r.mustPost(t, demo, "tawkto", tawkTranscript(chat, noon, "Hello, is anybody there?", "Yes. My name is Noor.", "Good!"))
	r.settleAll(t)
	got = r.one(t, demo, settled[0].ID)
	if got.State != conversation.Settled || got.Revision != 2 || len(*got.Entries) != 3 {
		t.Fatalf("after the transcript: %+v", got)
	}
	if len(r.queues.published) == 0 || r.queues.published[len(r.queues.published)-1].Revision != 2 {
		t.Errorf("published: %+v", r.queues.published)
	}

	// Past its time it is gone, though nobody has purged.
	r.Clock.Set(got.ExpiresAt.Add(-time.Millisecond))
	r.one(t, demo, got.ID)
	r.Clock.Set(got.ExpiresAt.Time)
	if status, _ := r.get(t, demo, got.ID, ""); status != 404 {
		t.Errorf("past its time: %d", status)
	}
	if left := r.list(t, demo, ""); len(left) != 0 {
		t.Errorf("past its time it is listed: %+v", left)
	}
	rep, err := r.purge.Purge(context.Background(), purge.Request{})
	if err != nil || rep.Cohorts != 1 || rep.Conversations != 1 || len(rep.Failures) != 0 {
		t.Errorf("purge: %+v %v", rep, err)
	}
}

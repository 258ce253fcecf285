package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/extract"
	"github.com/supportvault/supportvault/functions/purge"
	"github.com/supportvault/supportvault/functions/report"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/receipt/chain"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// someone is a conversation that takes part.
type someone struct {
	name, department, email string
	kind                    retention.Kind
	record                  string
	// kept is the address that is kept of him.
	kept string
}

// posted is a delivery that was taken in, and of which life it was. Unfiled are the files that came with it and were not taken: told once
// more when the account takes files, it tells more than it did.
type posted struct {
	body    []byte
	of      string
	unfiled []*filed
}

// theatre is every function over tables in memory, with an account in them, and how that began.
type theatre struct {
	*road
	memory  *vaulttest.Memory
	begin   snapshot
	demo    admin.Created
	allowed events.APIGatewayV2HTTPRequestContext
	zone    *time.Location
	convs   []someone
	// knowledge is an article.
	knowledge someone
	large     string
	start     string
	index     keyring.Index
	down      bool // the host of files
	// Of the sequence that is played:
	random *rand.Rand
	model  *ideal
	story  []string
	bodies []posted
	said   int
	filed  int
	// behind says that a purge was killed and none has run to its end since.
	behind bool
}

// mismatch is a difference between what should be and what is; sort is the same for those of one sort.
type mismatch struct{ sort, says string }

func (m *mismatch) Error() string { return m.says }

func (w *theatre) wrong(format string, args ...any) {
	panic(&mismatch{format, fmt.Sprintf(format, args...)})
}

func (w *theatre) must(err error, what string) {
	if err != nil {
		w.wrong("%s: %v", what, err)
	}
}

func newTheatre(t testing.TB, zone, start string) *theatre {
	v, m := vaulttest.NewMemory(noon)
	w := &theatre{road: roadOver(v), memory: m, large: large(50_000, 11), start: start}
	w.admin.Floor, w.admin.Sends = retention.FloorDay, true
	w.demo = w.account(t, admin.Request{Account: "demo", TimeZone: zone, Start: start})
	w.allow(t, w.demo, "canonical", fileHost)
	w.web.serve(fileHost, w.serveFile)
	var err error
	if w.zone, err = retention.Zone(zone); err != nil {
		t.Fatal(err)
	}
	w.allowed = w.reading(w.demo, "", "").RequestContext
	if status, body := w.ask("PUT mail/{name}", map[string]string{"name": "archive"},
		`{"when":"settled","to":{"kind":"fixed","addresses":["a@shop.example"]},"content":"full","kinds":["ticket","chat"]}`); status != 200 {
		t.Fatalf("destination: %d %s", status, body)
	}
	ses, err := w.Open(context.Background(), "demo", "")
	if err != nil {
		t.Fatal(err)
	}
	w.index = ses.Index
	for i, kind := range []retention.Kind{
		retention.Chat, retention.Chat, retention.Chat, retention.Ticket, retention.Ticket, retention.Call, retention.Call,
	} {
		c := someone{name: fmt.Sprint("conversation", i), department: []string{"sales", "support"}[i%2], email: fmt.Sprintf("visitor%d@example.com", i%2), kind: kind}
		c.record, c.kept = ses.Index.RecordID("canonical", kind, c.name), c.email
		w.convs = append(w.convs, c)
	}
	w.knowledge = someone{name: "knowledge", department: "support", kind: retention.Article}
	w.knowledge.record = ses.Index.RecordID("canonical", retention.Article, w.knowledge.name)
	if start == "minimal" {
		for i := range w.convs {
			w.convs[i].kept = ""
		}
	}
	w.begin = take(v, m)
	return w
}

// ask asks a route of admin, named without what is before the account.
func (w *theatre) ask(route string, path map[string]string, body string) (int, string) {
	method, rest, _ := strings.Cut(route, " ")
	req := events.APIGatewayV2HTTPRequest{
		RouteKey: method + " /v1/accounts/{account}/" + rest, PathParameters: map[string]string{"account": "demo"}, Body: body, RequestContext: w.allowed,
	}
	for k, v := range path {
		req.PathParameters[k] = v
	}
	res, err := w.admin.HTTP(context.Background(), req)
	w.must(err, route)
	return res.StatusCode, res.Body
}

func (w *theatre) read(kind retention.Kind, id, query string) (int, string) {
	req := events.APIGatewayV2HTTPRequest{
		RouteKey: "GET /v1/accounts/{account}/" + string(kind) + "s", PathParameters: map[string]string{"account": "demo"},
		RequestContext: w.allowed, RawQueryString: query,
	}
	if id != "" {
		req.RouteKey += "/{id}"
		req.PathParameters["id"] = id
	}
	res, err := w.report.HTTP(context.Background(), req)
	w.must(err, req.RouteKey)
	return res.StatusCode, res.Body
}

func code(body string) string {
	var e struct{ Error struct{ Code string } }
	json.Unmarshal([]byte(body), &e)
	return e.Error.Code
}

func (w *theatre) tell(format string, args ...any) {
	w.story = append(w.story, w.Clock.Now().UTC().Format("2006-01-02 15:04:05 ")+fmt.Sprintf(format, args...))
}

func (w *theatre) now() time.Time { return w.Clock.Now() }

// perhaps does something in a process that is killed now and then, and says that it was.
func (w *theatre) perhaps(do func()) (dead bool) {
	if w.random.IntN(10) > 0 {
		do()
		return false
	}
	at, after := 1+w.random.IntN(14), w.random.IntN(2) == 0
	k := w.kill(at, after, everything)
	do()
	w.unharmed()
	if k.dead {
		w.tell("  … killed at its request %d, after it %v", at, after)
	}
	return k.dead
}

// play plays a sequence; each operation is drawn by a number of its own, so that one can be left out.
func (w *theatre) play(operations []uint64) (story []string, err error) {
	w.begin.putBack(w.Vault, w.memory)
	w.Clock.Set(noon)
	w.queues.locked(func() {
		q := w.queues
		q.settling, q.waiting, q.extracting, q.completing, q.sent, q.waited, q.published, q.attaching = nil, nil, nil, nil, nil, nil, nil, nil
	})
	w.staged.bucket.PutBack(map[string][]byte{})
	w.unharmed()
	w.files.PutBack(map[string][]byte{})
	w.archive.PutBack(map[string][]byte{})
	w.model = &ideal{zone: w.zone, minimal: w.start == "minimal", days: map[string]*visitDay{}, policy: regulation{
		plan: retention.Standard, of: map[retention.Kind]terms{}, wait: 24 * time.Hour, deadline: retention.DefaultDeadline,
	}}
	w.story, w.bodies, w.said, w.filed, w.behind, w.down = nil, nil, 0, 0, false, false
	w.random = rand.New(rand.NewPCG(uint64(len(operations)), 6))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *mismatch:
			story, err = w.story, r
		default:
			panic(r)
		}
	}()
	for _, seed := range operations {
		w.random = rand.New(rand.NewPCG(seed, 6))
		w.Clock.Advance(time.Second)
		w.model.pass(w.now())
		w.operation()
		w.model.pass(w.now())
		w.compare(w.random.IntN(8) == 0)
	}
	w.end()
	return w.story, nil
}

func (w *theatre) operation() {
	all := []struct {
		weight int
		do     func()
	}{
		{26, w.message}, {12, w.over}, {4, w.whole}, {5, w.article}, {7, w.visit}, {10, w.settleQueue}, {5, w.sweep}, {7, w.again},
		{8, w.fetch}, {4, w.sweepFiles},
		{7, w.policies}, {4, w.undo}, {4, w.hold}, {3, w.release}, {10, w.purges},
		{3, w.byHand}, {2, w.restore}, {2, w.ownKeys}, {4, w.delivered}, {12, w.jump},
	}
	sum := 0
	for _, op := range all {
		sum += op.weight
	}
	n := w.random.IntN(sum)
	for _, op := range all {
		if n -= op.weight; n < 0 {
			op.do()
			return
		}
	}
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (w *theatre) some() someone { return pick(w.random, w.convs...) }

// send posts a delivery, again if its process was killed, as its sender does.
func (w *theatre) send(body []byte) {
	var status int
	var answer string
	post := func() {
		res, err := w.ingest.Webhook(context.Background(), w.signed(w.demo, "canonical", body))
		w.must(err, "webhook")
		status, answer = res.StatusCode, res.Body
	}
	if w.perhaps(post) {
		if status == 202 {
			w.wrong("a webhook was answered %d though its process was killed", status)
		}
		post()
	}
	if status != 202 {
		w.wrong("a webhook is answered %d %s", status, answer)
	}
	if len(w.queues.waiting) > 0 {
		w.wrong("%d messages wait", len(w.queues.waiting))
	}
}

func (c someone) event(kind string, at time.Time, more string) []byte {
	return fmt.Appendf(nil, `{"version":"1","events":[{"id":"%[1]s-%[2]d","type":"conversation.%[1]s","time":%[3]q,"kind":%[4]q,"conversation":%[5]q,
		"department":%[6]q,"subjects":[{"email":%[7]q}]%[8]s}]}`, kind, at.UnixNano(), stamp(at), c.kind, c.name, c.department, c.email, more)
}

func (w *theatre) message() {
	c, now := w.some(), w.now()
	w.said++
	text, more := fmt.Sprint("text ", w.said), ""
	if w.random.IntN(60) == 0 {
		text = fmt.Sprint(w.said, " ", w.large)
	}
	var tags []string
	if w.random.IntN(3) == 0 {
		tags = pick(w.random, []string{"vip"}, []string{"spam"}, []string{"spam", "vip"})
		b, _ := json.Marshal(tags)
		more += `,"tags":` + string(b)
	}
	if c.kind == retention.Ticket {
		more += `,"status":"open"`
	}
	entry, files := w.entry(c, text)
	body := c.event("message", now, more+entry)
	w.tell("message %d to %s, tags %v, %d files", w.said, c.name, tags, len(files))
	w.send(body)
	w.say(c, text, tags, files, body)
}

// entry is one that a visitor wrote, with files now and then.
func (w *theatre) entry(c someone, text string) (more string, files []*filed) {
	id, attachments := fmt.Sprint("e", w.said), []string{}
	if w.random.IntN(4) == 0 {
		for i := range 1 + w.random.IntN(2) {
			f, said := w.newFile(w.index.FileID(c.record, id, i))
			files, attachments = append(files, f), append(attachments, said)
		}
	}
	return fmt.Sprintf(`,"entries":[{"id":%q,"time":%q,"author":{"role":"visitor"},"text":%q,"attachments":[%s]}]`,
		id, stamp(w.now()), text, strings.Join(attachments, ",")), files
}

func (w *theatre) say(c someone, text string, tags []string, files []*filed, body []byte) *life {
	if w.model.policy.of[c.kind].unstored {
		return nil
	}
	l := w.model.said(life{conversation: c.name, kind: c.kind, department: c.department, email: c.kept}, text, tags, w.now())
	l.id = vault.ID(c.record, l.number)
	for _, f := range files {
		f.entry = len(l.texts) - 1
	}
	if w.model.takesFiles() {
		l.files, files = append(l.files, files...), nil
	}
	if c.kind == retention.Ticket {
		l.status, l.statusAt = "open", w.now()
	}
	w.bodies = append(w.bodies, posted{body, l.id, files})
	return l
}

// over ends a conversation.
func (w *theatre) over() {
	c, now := w.some(), w.now()
	l := w.model.newest(c.name)
	if l == nil || l.settled || l.gone || l.destroyed || w.model.policy.of[c.kind].unstored {
		w.message()
		return
	}
	more, status := "", ""
	switch c.kind {
	case retention.Ticket:
		status = pick(w.random, "closed", "solved")
		more = fmt.Sprintf(`,"status":%q`, status)
	case retention.Call:
		more = `,"call":{"outcome":"answered","seconds":30}`
	}
	body := c.event("ended", now, more)
	w.tell("the end of %s %s", l.id, status)
	w.send(body)
	l.anchor, l.known, l.ended, l.status, l.statusAt = now, now, true, status, now
	w.bodies = append(w.bodies, posted{body: body, of: l.id})
}

// whole is a transcript from its beginning to its end of a conversation of which nothing is known.
func (w *theatre) whole() {
	c, now := w.some(), w.now()
	if w.model.newest(c.name) != nil || w.model.policy.of[c.kind].unstored {
		w.message()
		return
	}
	w.said++
	text, more := fmt.Sprint("text ", w.said), ""
	if c.kind == retention.Ticket {
		more = `,"status":"closed"`
	}
	entry, files := w.entry(c, text)
	body := c.event("transcript", now, more+`,"ended":true`+entry)
	w.tell("all of %s, %d files", c.name, len(files))
	w.send(body)
	l := w.say(c, text, nil, files, body)
	l.ended = true
	if c.kind == retention.Ticket {
		l.status = "closed"
	}
}

// again is a late duplicate, which changes nothing but that a conversation that goes on has the files that were not taken before.
func (w *theatre) again() {
	if len(w.bodies) == 0 {
		w.message()
		return
	}
	b := pick(w.random, w.bodies...)
	if w.model.takesFiles() {
		if i := slices.IndexFunc(w.bodies, func(b posted) bool { return len(b.unfiled) > 0 }); i >= 0 {
			w.filesOf(&w.bodies[i])
			return
		}
	}
	w.tell("once more something of %s", b.of)
	w.send(b.body)
}

// filesOf tells once more of files that were not taken, if their conversation goes on: then they are its own.
func (w *theatre) filesOf(b *posted) {
	files := b.unfiled
	b.unfiled = nil
	l := w.model.lives[slices.IndexFunc(w.model.lives, func(l *life) bool { return l.id == b.of })]
	if l.settled || l.gone || l.destroyed || w.model.policy.of[l.kind].unstored {
		w.bodies = slices.DeleteFunc(w.bodies, func(other posted) bool { return bytes.Equal(other.body, b.body) })
		w.message()
		return
	}
	w.tell("once more something of %s, with %d files", l.id, len(files))
	w.send(b.body)
	l.files = append(l.files, files...)
}

func (w *theatre) settleQueue() {
	w.tell("settling")
	w.settleEach()
}

func (w *theatre) settleEach() {
	for _, ref := range w.queues.takeSettling() {
		settle := func() (err error) {
			if w.perhaps(func() { err = w.settle.Settle(context.Background(), ref) }) {
				err = w.settle.Settle(context.Background(), ref)
			}
			return err
		}
		if err := settle(); err != nil {
			w.wrong("settle: %v", err)
		}
		w.taken(ref)
	}
}

// taken is what a settling did with what it was told of.
func (w *theatre) taken(ref vault.Reference) {
	id := vault.ID(ref.Record, ref.Incarnation)
	i := slices.IndexFunc(w.model.lives, func(l *life) bool { return l.id == id })
	if i < 0 {
		w.wrong("somebody told of %s", id)
	}
	l := w.model.lives[i]
	if l.settled || l.destroyed {
		return
	}
	state := w.rowOf(l)
	w.tell("  %s is %s", l.id, state)
	if state == vault.Settled {
		w.settledNow(l)
		return
	}
	over, _ := w.model.cohort(l.kind, w.model.day(l.anchor), w.now())
	if l.ended && !over && !l.gone {
		w.wrong("%s has ended and is %s", l.id, state)
	}
}

func (w *theatre) settledNow(l *life) {
	idle := 30 * time.Minute
	if l.kind != retention.Chat {
		idle = 23 * time.Hour
	}
	if !l.ended && w.now().Before(l.anchor.Add(idle)) && w.now().Before(w.model.ends(w.model.policy, l)) {
		w.wrong("%s has settled and goes on", l.id)
	}
	w.model.settle(l, w.now())
}

func (w *theatre) sweep() {
	w.tell("sweep")
	sweep := func() {
		if _, err := w.settle.Sweep(context.Background()); err != nil && w.queues.refuse == nil {
			w.must(err, "sweep")
		}
	}
	if w.perhaps(sweep) {
		sweep()
	}
	w.settleEach()
}

// policy draws a policy, and how it is asked for.
func (w *theatre) draw() (r regulation, wanted string) {
	r = regulation{
		plan: pick(w.random, retention.Standard, retention.Standard, retention.Enterprise), of: map[retention.Kind]terms{}, required: map[retention.Kind]bool{},
		wait: time.Duration(pick(w.random, 0, 1, 24, 24, 48, 720)) * time.Hour, deadline: time.Duration(pick(w.random, 1, 96, 720)) * time.Hour,
	}
	periods := map[retention.Kind][]string{
		retention.Chat: {"P1D", "P7D", "P30D", "P1M", "P2M"}, retention.Ticket: {"P1D", "P14D", "P2M", "P1Y"}, retention.Fact: {"P1D", "P30D", "P6M"},
		retention.Call: {"P1D", "P14D", "P2M", "P1Y"}, retention.Article: {"P1D", "P30D", "P3Y"}, retention.Visit: {"P1D", "P7D", "P6M"},
	}
	if r.plan == retention.Enterprise {
		periods[retention.Chat] = append(periods[retention.Chat], "P6M", "P1Y")
	}
	keep, cadence, store, required := []string{}, []string{}, []string{}, []string{}
	if w.random.IntN(6) == 0 {
		r.of[retention.Attachment] = terms{unstored: true}
		store = append(store, `"attachment":false`)
	}
	for _, kind := range retention.Kinds() {
		var t terms
		if w.random.IntN(2) == 0 {
			t.keeps = pick(w.random, periods[kind]...)
			keep = append(keep, fmt.Sprintf("%q:%q", kind, t.keeps))
		}
		t.cadence = retention.Never
		if w.random.IntN(3) == 0 {
			t.cadence = pick(w.random, retention.Cadences()...)
			cadence = append(cadence, fmt.Sprintf("%q:%q", kind, t.cadence))
		}
		if w.random.IntN(25) == 0 {
			t.unstored = true
			store = append(store, fmt.Sprintf("%q:false", kind))
		}
		if slices.Contains(mailbox.Kinds(), kind) && w.random.IntN(4) == 0 {
			r.required[kind] = true
			required = append(required, fmt.Sprintf(`%q:["mail:archive"]`, kind))
		}
		r.of[kind] = t
	}
	var rules []string
	for i := range pick(w.random, 0, 0, 1, 1, 2) {
		rule := ruling{name: fmt.Sprint("rule", i)}
		asks := ""
		switch w.random.IntN(3) {
		case 0:
			rule.department = pick(w.random, "sales", "support")
			asks = fmt.Sprintf(`"department":%q`, rule.department)
		default:
			rule.tag = pick(w.random, "vip", "spam")
			asks = fmt.Sprintf(`"tag":%q`, rule.tag)
		}
		kinds := pick(w.random, nil, []retention.Kind{retention.Chat}, []retention.Kind{retention.Ticket}, []retention.Kind{retention.Call},
			[]retention.Kind{retention.Article})
		if rule.kinds = kinds; kinds != nil {
			asks += fmt.Sprintf(`,"kinds":[%q]`, kinds[0])
		}
		if w.random.IntN(2) == 0 {
			rule.keeps = pick(w.random, "P1D", "P3D", "P30D", "P2M")
			asks += fmt.Sprintf(`,"retention":%q`, rule.keeps)
		}
		if w.random.IntN(3) == 0 {
			rule.cadence = pick(w.random, retention.Cadences()...)
			asks += fmt.Sprintf(`,"cadence":%q`, rule.cadence)
		}
		r.rules = append(r.rules, rule)
		rules = append(rules, fmt.Sprintf(`{"name":%q,%s}`, rule.name, asks))
	}
	return r, fmt.Sprintf(`"plan":%q,"retention":{%s},"cadence":{%s},"store":{%s},"rules":[%s],"required":{%s},"deadlineHours":%d,"waitHours":%d`, r.plan,
		strings.Join(keep, ","), strings.Join(cadence, ","), strings.Join(store, ","), strings.Join(rules, ","), strings.Join(required, ","),
		r.deadline/time.Hour, r.wait/time.Hour)
}

// version is that of the policy in force.
func (w *theatre) version() (v struct{ Version int }) {
	status, body := w.ask("GET policy", nil, "")
	if status != 200 || json.Unmarshal([]byte(body), &v) != nil {
		w.wrong("the policy: %d %s", status, body)
	}
	return v
}

func (w *theatre) policies() {
	next, wanted := w.draw()
	w.tell("policy %s", wanted)
	before := w.version().Version
	status, body := w.ask("POST policy/previews", nil, "{"+wanted+"}")
	var p admin.Preview
	if status != 200 || json.Unmarshal([]byte(body), &p) != nil {
		w.wrong("preview: %d %s", status, body)
	}
	w.previewed(p, next)
	apply := func() {
		status, body = w.ask("POST policy/apply", nil, fmt.Sprintf(`{%s,"asOf":%q,"hash":%q,"reason":"So be it."}`, wanted, p.AsOf, p.Hash))
	}
	if w.perhaps(apply) && w.version().Version == before {
		apply()
	} else if w.version().Version > before {
		status = 200
	}
	if status != 200 {
		w.wrong("apply: %d %s", status, body)
	}
	w.model.change(next, w.now(), false)
	w.Clock.Advance(time.Minute) // nothing is read in the margin
}

func (w *theatre) undo() {
	can := !w.model.undo.IsZero() && w.now().Add(time.Minute).Before(w.model.undo)
	w.tell("undo, which is possible: %v", can)
	before := w.version().Version
	var status int
	var body string
	undo := func() { status, body = w.ask("POST policy/undo", nil, `{"reason":"Not so."}`) }
	if w.perhaps(undo) && w.version().Version == before {
		undo()
	} else if w.version().Version > before {
		status = 200
	}
	if (status == 200) != can || !can && code(body) != "undo_over" {
		w.wrong("undo, which is possible: %v: %d %s", can, status, body)
	}
	if can {
		w.model.change(w.model.before, w.now(), true)
		w.Clock.Advance(time.Minute)
	}
}

func (w *theatre) hold() {
	var h holding
	asks := []string{`"reason":"A case."`}
	ask := func(name, value string) { asks = append(asks, fmt.Sprintf("%q:%q", name, value)) }
	for len(asks) == 1 {
		if w.random.IntN(3) == 0 {
			h.kinds = []retention.Kind{pick(w.random, retention.Kinds()...)}
			asks = append(asks, fmt.Sprintf(`"kinds":[%q]`, h.kinds[0]))
		}
		if w.random.IntN(4) == 0 {
			h.from = w.now().AddDate(0, 0, -w.random.IntN(10)).Format(time.DateOnly)
			ask("from", h.from)
		}
		if w.random.IntN(4) == 0 {
			h.to = w.now().AddDate(0, 0, w.random.IntN(10)).Format(time.DateOnly)
			ask("to", h.to)
		}
		if len(w.model.lives) > 0 && w.random.IntN(4) == 0 {
			h.records = []string{pick(w.random, w.model.lives...).id}
			asks = append(asks, fmt.Sprintf(`"records":[%q]`, h.records[0]))
		}
		switch w.random.IntN(8) {
		case 0:
			h.tag = pick(w.random, "vip", "spam")
			ask("tag", h.tag)
		case 1:
			h.department = pick(w.random, "sales", "support")
			ask("department", h.department)
		case 2:
			h.email = pick(w.random, "visitor0@example.com", "visitor1@example.com")
			asks = append(asks, fmt.Sprintf(`"subject":{"email":%q}`, h.email))
		}
	}
	if w.random.IntN(3) == 0 {
		h.until = w.now().Add(time.Duration(1+w.random.IntN(2000)) * time.Hour)
		ask("until", h.until.UTC().Format(time.RFC3339))
	}
	w.tell("hold %s", strings.Join(asks, ","))
	set := func() { h.id = w.set("{" + strings.Join(asks, ",") + "}") }
	had := w.holdIDs()
	if w.perhaps(set) {
		if now := w.holdIDs(); len(now) > len(had) {
			h.id = now[slices.IndexFunc(now, func(id string) bool { return !slices.Contains(had, id) })]
		} else {
			set()
		}
	}
	if h.id == "" {
		w.wrong("the hold was refused")
	}
	w.model.holds = append(w.model.holds, h)
}

func (w *theatre) set(body string) string {
	status, answer := w.ask("POST holds", nil, body)
	var h struct{ ID string }
	if status != 201 || json.Unmarshal([]byte(answer), &h) != nil {
		w.story = append(w.story, fmt.Sprintf("  hold: %d %s", status, answer))
	}
	return h.ID
}

func (w *theatre) holdIDs() (ids []string) {
	status, body := w.ask("GET holds", nil, "")
	var all admin.Holds
	if status != 200 || json.Unmarshal([]byte(body), &all) != nil {
		w.wrong("holds: %d %s", status, body)
	}
	for _, h := range all.Holds {
		if h.State == "in_force" {
			ids = append(ids, h.ID)
		}
	}
	return ids
}

func (w *theatre) release() {
	if len(w.model.holds) == 0 {
		w.jump()
		return
	}
	h := pick(w.random, w.model.holds...)
	w.tell("release %s", h.id)
	release := func() {
		w.ask("POST holds/{hold}/release", map[string]string{"hold": h.id}, `{"reason":"The case is over."}`)
	}
	if w.perhaps(release) && slices.Contains(w.holdIDs(), h.id) {
		release()
	}
	if h.active(w.now()) && slices.Contains(w.holdIDs(), h.id) {
		w.wrong("the hold is still there")
	}
	w.model.holds = slices.DeleteFunc(w.model.holds, func(other holding) bool { return other.id == h.id })
}

func (w *theatre) purges() {
	w.tell("purge")
	if w.perhaps(w.complete) {
		w.complete()
	}
	w.behind = w.perhaps(w.purgeOnce)
	if w.behind && w.random.IntN(2) == 0 {
		w.purgeOnce()
		w.behind = false
	}
	w.model.pass(w.now())
	w.rows()
	if !w.behind {
		w.purged()
	}
}

// complete is what the queue of purge does.
func (w *theatre) complete() {
	var all []vault.Reference
	w.queues.mu.Lock()
	all = w.queues.completing
	w.queues.mu.Unlock()
	for i, ref := range all {
		if err := w.road.purge.Complete(context.Background(), ref); err != nil {
			if w.queues.refuse == nil {
				w.wrong("complete: %v", err)
			}
			all = all[i:]
			break
		}
		if i == len(all)-1 {
			all = nil
		}
	}
	w.queues.mu.Lock()
	w.queues.completing = all
	w.queues.mu.Unlock()
}

func (w *theatre) purgeOnce() {
	rep, err := w.road.purge.Purge(context.Background(), purge.Request{Account: "demo"})
	if (err != nil || len(rep.Failures) > 0) && w.queues.refuse == nil {
		w.wrong("purge: %+v %v", rep, err)
	}
}

// byHand has one record destroyed.
func (w *theatre) byHand() {
	if len(w.model.lives) == 0 {
		w.message()
		return
	}
	l, now := pick(w.random, w.model.lives...), w.now()
	want := ""
	shown := !l.gone && (now.Before(w.model.ends(w.model.policy, l)) || w.model.held(l, now))
	switch {
	case l.destroyed || !l.hand.IsZero():
		want = "record_unknown"
	case !l.settled:
		want = "record_open"
	case !shown:
		want = "record_unknown"
	case w.model.held(l, now):
		want = "record_held"
	}
	w.tell("destroy %s: %q", l.id, want)
	var status int
	var body string
	destroy := func() {
		status, body = w.ask("POST destructions", nil, fmt.Sprintf(`{"id":%q,"reason":"It is wrong."}`, l.id))
	}
	if w.perhaps(destroy) {
		if destroy(); want == "" && code(body) == "record_unknown" { // the first had done it
			status, body = 202, ""
		}
	}
	if code(body) != want || want == "" && status != 202 {
		w.wrong("destroy %s: %d %s, want %q", l.id, status, body, want)
	}
	if want == "" {
		l.hand, l.until = now, now.Add(w.model.policy.wait)
	}
}

func (w *theatre) restore() {
	var of []*life
	for _, l := range w.model.lives {
		if !l.hand.IsZero() && !l.destroyed {
			of = append(of, l)
		}
	}
	if len(of) == 0 {
		w.byHand()
		return
	}
	l := pick(w.random, of...)
	can := w.now().Add(time.Minute).Before(l.until)
	w.tell("restore %s, which is possible: %v", l.id, can)
	var status int
	var body string
	restore := func() {
		status, body = w.ask("POST destructions/{id}/undo", map[string]string{"id": l.id}, `{"reason":"It is right."}`)
	}
	if w.perhaps(restore) {
		if restore(); can && code(body) == "destruction_unknown" {
			status = 200
		}
	}
	if (status == 200) != can {
		w.wrong("restore %s, which is possible: %v: %d %s", l.id, can, status, body)
	}
	if can {
		l.hand, l.until = time.Time{}, time.Time{}
	}
}

// ownKeys takes the own keys of a person's settled conversations.
func (w *theatre) ownKeys() {
	email := pick(w.random, "visitor0@example.com", "visitor1@example.com")
	w.tell("the own keys of %s", email)
	for _, l := range w.model.lives {
		if l.email == email && l.settled && !l.destroyed {
			w.update(l, "REMOVE own", nil)
			l.keyless = true
		}
	}
}

func (w *theatre) update(l *life, expression string, values attr.Item) {
	record, incarnation, _ := vault.ParseID(l.id)
	_, err := w.DB.UpdateItem(context.Background(), &dynamodb.UpdateItemInput{
		TableName: &w.Tables.Keys, Key: attr.Key("demo#conversation#"+record, fmt.Sprintf("%04d", incarnation)),
		UpdateExpression: &expression, ExpressionAttributeValues: values,
	})
	w.must(err, "update")
}

// delivered is what mail writes when a required destination has a record.
func (w *theatre) delivered() {
	w.tell("delivered")
	for _, l := range w.model.lives {
		if l.settled && l.awaits && !l.destroyed && w.random.IntN(2) == 0 {
			w.update(l, "DELETE awaits :name SET delivered = :now", attr.Item{":name": attr.Set("mail:archive"), ":now": attr.Time(w.now())})
			l.awaits, l.delivered = false, w.now()
		}
	}
}

// jump moves the clock on: by minutes to months, or right to where something ends.
func (w *theatre) jump() {
	to := w.now().Add(pick(w.random, time.Minute, 10*time.Minute, 31*time.Minute, 31*time.Minute, 2*time.Hour, 5*time.Hour, 24*time.Hour, 24*time.Hour,
		2*24*time.Hour, 8*24*time.Hour, 31*24*time.Hour, 95*24*time.Hour))
	if w.random.IntN(2) == 0 {
		var ends []time.Time
		for _, l := range w.model.lives {
			for _, r := range w.model.inForce(w.now()) {
				ends = append(ends, w.model.ends(r, l))
			}
			ends = append(ends, l.until)
			for _, d := range w.model.days {
				ends = append(ends, w.model.dayEnds(w.model.policy, retention.Visit, d.Cohort))
			}
		}
		for _, x := range w.model.waiting {
			ends = append(ends, x.until)
		}
		for _, h := range w.model.holds {
			ends = append(ends, h.until)
		}
		if ends = slices.DeleteFunc(ends, func(at time.Time) bool { return !at.After(w.now()) || at.After(w.now().AddDate(4, 0, 0)) }); len(ends) > 0 {
			slices.SortFunc(ends, time.Time.Compare) // the days come in no order
			to = pick(w.random, ends...)
		}
	}
	w.Clock.Set(to)
	w.tell("it is later")
	w.model.pass(to)
}

// rowOf is the state of the row of a life.
func (w *theatre) rowOf(l *life) vault.State {
	record, incarnation, _ := vault.ParseID(l.id)
	out, err := w.DB.GetItem(context.Background(), &dynamodb.GetItemInput{
		TableName: &w.Tables.Keys, Key: attr.Key("demo#conversation#"+record, fmt.Sprintf("%04d", incarnation)), ConsistentRead: aws.Bool(true),
	})
	w.must(err, "row")
	return vault.State(attr.GetS(out.Item, "state"))
}

func (w *theatre) items(table string) (items []attr.Item) {
	pages := dynamodb.NewScanPaginator(w.DB, &dynamodb.ScanInput{TableName: &table})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		w.must(err, "scan")
		items = append(items, page.Items...)
	}
	return items
}

// rows compares the rows with the lives: there is one for each, and what is destroyed was to be.
func (w *theatre) rows() {
	rows := 0
	at := map[string]*life{}
	for _, l := range w.model.lives {
		record, incarnation, _ := vault.ParseID(l.id)
		at[fmt.Sprintf("demo#conversation#%s %04d", record, incarnation)] = l
	}
	w.dayRows()
	for _, item := range w.items(w.Tables.Keys) {
		if !strings.HasPrefix(attr.GetS(item, "pk"), "demo#conversation#") {
			continue
		}
		rows++
		l, state := at[attr.GetS(item, "pk")+" "+attr.GetS(item, "sk")], vault.State(attr.GetS(item, "state"))
		switch {
		case l == nil:
			w.wrong("there is a row of a life that never was: %s %s", attr.GetS(item, "pk"), attr.GetS(item, "sk"))
		case state == vault.Destroyed && !l.destroyed:
			if !w.model.destroys(l, w.now()) {
				w.wrong("%s is destroyed and was not to be", l.id)
			}
			l.destroyed, l.destroyedAt = true, w.now()
		case state == vault.Destroyed:
			if len(attr.GetMap(item, "own")) > 0 {
				w.wrong("%s is destroyed and has own keys", l.id)
			}
		case l.destroyed:
			w.wrong("%s was destroyed and is %s", l.id, state)
		case l.settled != (state == vault.Settled):
			if l.settled {
				w.wrong("%s is %s and has settled", l.id, state)
			}
			w.settledNow(l)
		}
	}
	if rows != len(w.model.lives) {
		w.wrong("there are %d rows of %d lives", rows, len(w.model.lives))
	}
}

// compare compares what can be read, and with all what each says.
func (w *theatre) compare(all bool) {
	w.rows()
	now := w.now()
	for _, kind := range retention.Conversations() {
		status, body := w.read(kind, "", "limit=100")
		var page report.Page
		if status != 200 || json.Unmarshal([]byte(body), &page) != nil {
			w.wrong("list: %d %s", status, body)
		}
		listed := slices.Concat(page.Chats, page.Tickets, page.Calls, page.Articles)
		var got, want []string
		for _, v := range listed {
			got = append(got, v.ID+" "+string(v.State))
		}
		for _, l := range w.model.lives {
			if l.kind == kind && w.model.readable(l, now) {
				want = append(want, l.id+" "+string(w.stateOf(l)))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			w.wrong("listed %ss: %v, want %v\n%s", kind, got, want, w.about())
		}
	}
	for _, l := range w.model.lives {
		if all || !l.destroyed && w.random.IntN(6) == 0 {
			w.compareOne(l)
		}
	}
	if all || w.random.IntN(3) == 0 {
		w.compareVisits()
	}
}

func (w *theatre) stateOf(l *life) conversation.State {
	if l.settled {
		return conversation.Settled
	}
	return conversation.Open
}

func (w *theatre) compareOne(l *life) {
	status, body := w.read(l.kind, l.id, "")
	readable := w.model.readable(l, w.now())
	if !readable {
		if status != 404 {
			w.wrong("%s answers %d, want 404\n%s", l.id, status, w.about())
		}
		for _, f := range l.files {
			w.compareFile(l, f, false)
		}
		return
	}
	var v conversation.View
	if status != 200 || json.Unmarshal([]byte(body), &v) != nil {
		w.wrong("%s answers %d %s, want 200\n%s", l.id, status, body, w.about())
	}
	if !slices.Equal(texts(v), l.texts) || v.State != w.stateOf(l) {
		w.wrong("%s says %.60q and is %s, want %.60q\n%s", l.id, texts(v), v.State, l.texts, w.about())
	}
	w.compareFiles(l, v)
}

// about tells what the model thinks.
func (w *theatre) about() string {
	var b strings.Builder
	for _, l := range w.model.lives {
		fmt.Fprintf(&b, "  %s %s: anchor %s, settled %v, ends %s, held %v, gone %v, destroyed %v, hand %v, keyless %v, awaits %v\n", l.id, l.conversation,
			l.anchor.Format(time.RFC3339), l.settled, w.model.ends(w.model.policy, l).Format(time.RFC3339), w.model.held(l, w.now()), l.gone, l.destroyed,
			!l.hand.IsZero(), l.keyless, l.awaits)
	}
	return b.String()
}

// purged compares what there is after a purge that ran to its end.
func (w *theatre) purged() {
	now := w.now()
	going := map[string]bool{}
	alive := map[string]bool{} // records of which anything is left
	for _, l := range w.model.lives {
		record, _, _ := vault.ParseID(l.id)
		if !l.destroyed {
			alive[record] = true
			if l.settled && w.model.destroys(l, now) {
				w.wrong("%s was to be destroyed and is not\n%s", l.id, w.about())
			}
		}
		if !l.settled && (!l.destroyed || l.destroyedAt.Equal(now)) { // the key that it needed goes with the next purge
			going[string(l.kind)] = true
		}
	}
	for _, item := range w.items(w.Tables.Records) {
		pk, sk := attr.GetS(item, "pk"), attr.GetS(item, "sk")
		for _, l := range w.model.lives {
			record, incarnation, _ := vault.ParseID(l.id)
			n := fmt.Sprintf("#%04d", incarnation)
			if l.destroyed && (pk == "demo#"+record && strings.Contains(sk, n) || sk == record+n) {
				w.wrong("%s is destroyed, and there is %s %s", l.id, pk, sk)
			}
		}
		for _, kind := range []retention.Kind{retention.Fact, retention.Visit} {
			if day, ok := strings.CutPrefix(pk, "demo#"+string(kind)+"#"); ok {
				c := w.dayOf(strings.TrimSuffix(day, "#"))
				if over, held := w.model.dayOver(kind, c, now); over && !held {
					w.wrong("there are %ss of %s", kind, c.ID)
				}
			}
		}
	}
	w.purgedFiles()
	for name := range w.S3.Objects() {
		if strings.HasPrefix(name, "files/") {
			continue
		}
		if record := strings.Split(strings.TrimPrefix(name, "bodies/demo/"), "/")[0]; !alive[record] {
			w.wrong("there is %s", name)
		}
	}
	for _, item := range w.items(w.Tables.Keys) {
		kind, ok := strings.CutPrefix(attr.GetS(item, "pk"), "demo#cohort#")
		if !ok || attr.GetS(item, "start") == "" && attr.GetTime(item, "start").IsZero() {
			continue
		}
		of, c := retention.Kind(strings.TrimSuffix(kind, "#")), w.dayOf(attr.GetS(item, "sk"))
		over, held := w.model.dayOver(of, c, now)
		if !of.ByDay() {
			over, held = w.model.cohort(of, c, now)
			over = over && !c.End.After(now) // of a kind that is not stored any more, today goes one by one
		}
		if over && !held && !going[string(of)] && len(attr.GetB(item, "key")) > 0 {
			w.wrong("there is the key of the %ss of %s\n%s", of, c.ID, w.about())
		}
	}
}

func (w *theatre) dayOf(id string) retention.Cohort {
	day, err := time.ParseInLocation(time.DateOnly, id, w.zone)
	w.must(err, "cohort")
	return w.model.day(day.Add(12 * time.Hour))
}

// end lets everything come to its end: what is due is settled and got, what is over is destroyed, what a receipt states is compared;
// then, years later, everything is gone but the articles, and they when the account is closed.
func (w *theatre) end() {
	w.tell("the end")
	w.lastFiles()
	w.quiet()
	if w.random.IntN(4) > 0 { // it costs as much as all that was compared so far
	} else if answer, err := w.extract.Extract(context.Background(), extract.Request{Account: "demo"}); err != nil {
		w.wrong("extract: %v", err)
	} else {
		all := w.ofConversations(answer)
		for _, l := range w.model.lives {
			if strings.Contains(all, `"`+l.id+`"`) != w.model.readable(l, w.now()) {
				w.wrong("%s in the extract, which should be %v\n%s", l.id, w.model.readable(l, w.now()), w.about())
			}
		}
		w.extractedVisits(string(w.files.Objects()[answer.Prefix+"visits.ndjson"]))
	}
	w.receipts()
	w.model.holds = nil
	for _, id := range w.holdIDs() {
		if status, body := w.ask("POST holds/{hold}/release", map[string]string{"hold": id}, `{"reason":"It is over."}`); status != 200 {
			w.wrong("release: %d %s", status, body)
		}
	}
	w.Clock.Set(w.now().AddDate(5, 0, 0))
	w.tell("years later")
	w.model.pass(w.now())
	w.quiet()
	left := false
	for _, l := range w.model.lives {
		if left = left || !l.destroyed; !l.destroyed && l.kind != retention.Article {
			w.wrong("%s is left\n%s", l.id, w.about())
		}
	}
	w.receipts()
	if left {
		w.closing()
	}
	for _, item := range w.items(w.Tables.Records) {
		w.wrong("there is %s %s", attr.GetS(item, "pk"), attr.GetS(item, "sk"))
	}
	for name := range w.S3.Objects() {
		w.wrong("there is %s", name)
	}
}

// closing ends the account, and with it what is left.
func (w *theatre) closing() {
	if status, body := w.ask("POST closure", nil, `{"reason":"The contract ends."}`); status != 200 {
		w.wrong("closure: %d %s", status, body)
	}
	w.Clock.Set(w.now().AddDate(0, 0, 31))
	w.tell("the account is closed")
	for _, l := range w.model.lives {
		l.gone = true
	}
	w.purgeOnce()
	w.rows()
	for _, l := range w.model.lives {
		if !l.destroyed {
			w.wrong("%s is left of an account that is closed\n%s", l.id, w.about())
		}
	}
	w.receipts()
}

// quiet runs the schedules undisturbed.
func (w *theatre) quiet() {
	w.settleCalm()
	w.filesCalm()
	w.complete()
	w.purgeOnce()
	w.model.pass(w.now())
	w.rows()
	w.purged()
	w.Clock.Advance(time.Hour)
	w.model.pass(w.now())
	w.settleCalm()
	w.filesCalm()
	w.purgeOnce()
	w.model.pass(w.now())
	w.compare(true)
	w.purged()
}

func (w *theatre) settleCalm() {
	for _, ref := range w.queues.takeSettling() {
		w.must(w.settle.Settle(context.Background(), ref), "settle")
		w.taken(ref)
	}
}

// receipts compares what the receipts state with what is destroyed.
func (w *theatre) receipts() {
	var set bytes.Buffer
	var all []receipt.Signed
	keys, err := w.road.purge.Chain.Export(context.Background(), "demo", &set)
	if err == nil {
		_, err = receipt.Verify(&set, keys, func(s receipt.Signed) error { all = append(all, s); return nil })
	} else if errors.Is(err, chain.ErrNone) {
		err = nil
	}
	w.must(err, "receipts")
	named, files := 0, 0
	for _, l := range w.model.lives {
		n := 0
		for _, s := range all {
			if _, _, ok := s.Find(l.id); ok {
				n++
			}
		}
		if l.destroyed && n != 1 || !l.destroyed && n > 0 {
			w.wrong("%s, destroyed %v, stands in %d receipts\n%s", l.id, l.destroyed, n, w.about())
		}
		named += n
		if l.destroyed {
			files += l.stored()
		}
	}
	named += w.statedVisits(all)
	stated, statedFiles := 0, 0
	for _, s := range all {
		for _, p := range s.Receipt.What {
			if statedFiles += int(p.Files); p.Kind != retention.Fact {
				stated += int(p.Records)
			}
		}
	}
	if stated != named || statedFiles != files {
		w.wrong("the receipts state %d records with %d files, and %d with %d are known\n%s", stated, statedFiles, named, files, w.about())
	}
}

// sequenceOf is a sequence of operations.
func sequenceOf(seed uint64) []uint64 {
	random := rand.New(rand.NewPCG(seed, 50))
	all := make([]uint64, 50)
	for i := range all {
		all[i] = random.Uint64()
	}
	return all
}

// scenes are where accounts live and what they keep; a seed chooses one.
var scenes = []struct{ zone, start string }{
	{"UTC", "identified"}, {"Europe/Berlin", "identified"}, {"America/New_York", "identified"}, {"Europe/Berlin", "minimal"},
}

// Random sequences of 50 operations, from messages to killed purges, against a simple model: after each the same can be read, and
// after each purge the same exists. SUPPORTVAULT_SEED is the first sequence, SUPPORTVAULT_SEQUENCES how many; without the latter
// as many as there is time for, from the first.
func TestRandomSequencesAgainstAModel(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	defer slog.SetDefault(before)
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // there is little to keep, and much to forget
	most, _ := strconv.ParseUint(os.Getenv("SUPPORTVAULT_SEQUENCES"), 10, 64)
	seed := uint64(1) // `make test` plays the same ones, so that what it says does not depend on the day
	if most > 0 {
		seed = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	if s := os.Getenv("SUPPORTVAULT_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	deadline := time.Now().Add(30 * time.Second) // of two cores
	var next, played atomic.Uint64
	var failed atomic.Bool
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			theatres := map[int]*theatre{}
			for {
				i := next.Add(1) - 1
				if failed.Load() || most > 0 && i >= most || most == 0 && time.Now().After(deadline) {
					return
				}
				scene := int((seed + i) % uint64(len(scenes)))
				if theatres[scene] == nil {
					theatres[scene] = newTheatre(t, scenes[scene].zone, scenes[scene].start)
				}
				w, operations := theatres[scene], sequenceOf(seed+i)
				story, err := w.play(operations)
				if err == nil {
					played.Add(1)
					continue
				}
				if !failed.CompareAndSwap(false, true) {
					return
				}
				n := len(operations)
				operations, story, err = w.shrink(operations, story, err)
				t.Errorf("sequence %d, %v; make model SEED=%d SEQUENCES=1 plays it again. Shrunk from %d operations to %d:\n%s\n%v",
					seed+i, scenes[scene], seed+i, n, len(operations), strings.Join(story, "\n"), err)
			}
		})
	}
	workers.Wait()
	t.Logf("%d sequences from seed %d on", played.Load(), seed)
}

// shrink leaves out operations for as long as what is left goes wrong as well.
func (w *theatre) shrink(operations []uint64, story []string, err error) ([]uint64, []string, error) {
	for again := true; again; {
		again = false
		for i := len(operations) - 1; i >= 0; i-- {
			fewer := slices.Delete(slices.Clone(operations), i, i+1)
			if s, e := w.play(fewer); e != nil && e.(*mismatch).sort == err.(*mismatch).sort {
				operations, story, err, again = fewer, s, e, true
			}
		}
	}
	return operations, story, err
}

package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/extract"
	"github.com/supportvault/supportvault/functions/purge"
	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// errKilled is the answer of every request of a process that was killed.
var errKilled = errors.New("the process was killed")

// actor names who runs, in the contexts of what runs side by side, so that a hook knows whose request it sees.
type actor struct{}

func actorOf(ctx context.Context) string {
	name, _ := ctx.Value(actor{}).(string)
	return name
}

func as(name string) context.Context { return context.WithValue(context.Background(), actor{}, name) }

// killing kills whoever makes the nth request (from 1) that counts: before it is made, or after it and before its answer
// arrives. From then on every request and every sending fails, as if the process were gone. Made says how many requests that
// count came.
type killing struct {
	mu    sync.Mutex
	at    int
	after bool
	made  int
	dead  bool
}

// inMemory is every function over tables in memory.
func inMemory() *road {
	v, _ := vaulttest.NewMemory(noon)
	return roadOver(v)
}

func (r *road) kill(at int, after bool, counts func(vaulttest.Request) bool) *killing {
	return r.fail(at, after, counts, true)
}

// fail makes one request fail, or with forGood all that follow too.
func (r *road) fail(at int, after bool, counts func(vaulttest.Request) bool, forGood bool) *killing {
	k := &killing{at: at, after: after}
	hook := func(afterwards bool) func(context.Context, vaulttest.Request) error {
		return func(ctx context.Context, req vaulttest.Request) error {
			if ctx.Value(counting{}) != nil {
				return nil
			}
			k.mu.Lock()
			defer k.mu.Unlock()
			if counts(req) {
				if !afterwards {
					k.made++
				}
				if k.made == k.at && k.after == afterwards && !k.dead {
					k.dead = true
					if forGood {
						r.queues.refuseWith(errKilled)
					}
					return errKilled
				}
			}
			if k.dead && forGood {
				return errKilled
			}
			return nil
		}
	}
	r.Fault.Set(hook(false))
	r.After.Set(hook(true))
	return k
}

func (r *road) unharmed() {
	r.Fault.Set(nil)
	r.After.Set(nil)
	r.queues.refuseWith(nil)
}

func writes(req vaulttest.Request) bool { return req.Writes() }

func everything(vaulttest.Request) bool { return true }

// quiesce lets everything come to rest: what waits is stored, what goes idle is swept, what is due is settled.
func (r *road) quiesce(t testing.TB) {
	t.Helper()
	slices.SortFunc(r.queues.settling, func(a, b vault.Reference) int { return strings.Compare(a.Record, b.Record) })
	r.queues.settling = slices.Compact(r.queues.settling)
	for range 10 {
		r.drain(t)
		r.settleAll(t)
		r.Clock.Advance(31 * time.Minute)
		if swept, err := r.settle.Sweep(context.Background()); err != nil {
			t.Fatalf("sweep: %v", err)
		} else if swept.Due == 0 && len(r.queues.waiting) == 0 {
			return
		}
	}
	t.Fatal("it does not come to rest")
}

// takeBatch takes up to n of what waits to be settled, each conversation once, as a batch of a queue that is behind.
func (q *queues) takeBatch(n int) []vault.Reference {
	q.mu.Lock()
	defer q.mu.Unlock()
	var batch, rest []vault.Reference
	for _, ref := range q.settling {
		switch {
		case slices.Contains(batch, ref):
		case len(batch) < n:
			batch = append(batch, ref)
		default:
			rest = append(rest, ref)
		}
	}
	q.settling = rest
	return batch
}

// drain hands what waits in the ingest queue to its consumer; what fails comes again, as in SQS.
func (r *road) drain(t testing.TB) {
	t.Helper()
	for range 20 {
		waiting := r.queues.take(&r.queues.waiting)
		if len(waiting) == 0 {
			return
		}
		failed := r.deliver(t, waiting)
		r.queues.mu.Lock()
		r.queues.waiting = append(r.queues.waiting, failed...)
		r.queues.mu.Unlock()
	}
	t.Fatal("the ingest queue does not become empty")
}

// deliver hands messages to the consumer of the ingest queue and answers those that failed.
func (r *road) deliver(t testing.TB, bodies []string) (failed []string) {
	t.Helper()
	var batch events.SQSEvent
	for i, body := range bodies {
		batch.Records = append(batch.Records, events.SQSMessage{MessageId: fmt.Sprint(i), Body: body})
	}
	res, err := r.ingest.QueueBatch(context.Background(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range res.BatchItemFailures {
		var i int
		fmt.Sscan(f.ItemIdentifier, &i)
		failed = append(failed, bodies[i])
	}
	return failed
}

// all reads every conversation with its entries, by way of the list.
func (r *road) all(t testing.TB, a admin.Created) []conversation.View {
	t.Helper()
	var views []conversation.View
	for _, v := range r.list(t, a, "limit=100") {
		views = append(views, r.one(t, a, v.ID))
	}
	return views
}

// extracted is every conversation that an extract wrote, as lines.
func (r *road) extracted(ctx context.Context, a admin.Created) (string, error) {
	answer, err := r.extract.Extract(ctx, extract.Request{Account: a.Account})
	return r.ofConversations(answer), err
}

// ofConversations is what the files of conversations hold; the others hold what is said about extracts too.
func (r *road) ofConversations(answer extract.Answer) string {
	var all strings.Builder
	for _, f := range answer.Files {
		if strings.HasSuffix(f.Name, ".ndjson") && slices.Contains(retention.Conversations(), retention.Kind(f.Kind)) {
			all.Write(r.files.Objects()[answer.Prefix+f.Name])
		}
	}
	return all.String()
}

// lines reads every conversation that an extract wrote.
func (r *road) lines(t testing.TB, a admin.Created) []conversation.View {
	t.Helper()
	answer, err := r.extract.Extract(context.Background(), extract.Request{Account: a.Account})
	if err != nil || !answer.Done {
		t.Fatalf("extract: %+v %v", answer, err)
	}
	var views []conversation.View
	for line := range strings.Lines(r.ofConversations(answer)) {
		var v conversation.View
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		views = append(views, v)
	}
	if len(views) != answer.Records {
		t.Fatalf("the extract has %d lines and counts %d", len(views), answer.Records)
	}
	return views
}

// hidden says that a conversation cannot be read through any path.
func (r *road) hidden(t testing.TB, a admin.Created, id, when string) {
	t.Helper()
	if status, body := r.get(t, a, id, ""); status != 404 {
		t.Errorf("%s: reading %s answers %d %.60s", when, id, status, body)
	}
	has := func(v conversation.View) bool { return v.ID == id }
	if slices.ContainsFunc(r.list(t, a, ""), has) {
		t.Errorf("%s: %s is listed", when, id)
	}
	if slices.ContainsFunc(r.lines(t, a), has) {
		t.Errorf("%s: %s is extracted", when, id)
	}
}

// shown says that a conversation can be read through every path.
func (r *road) shown(t testing.TB, a admin.Created, id, when string) conversation.View {
	t.Helper()
	v := r.one(t, a, id)
	has := func(v conversation.View) bool { return v.ID == id }
	if !slices.ContainsFunc(r.list(t, a, ""), has) {
		t.Errorf("%s: %s is not listed", when, id)
	}
	if !slices.ContainsFunc(r.lines(t, a), has) {
		t.Errorf("%s: %s is not extracted", when, id)
	}
	return v
}

func texts(v conversation.View) []string {
	if v.Entries == nil {
		return nil
	}
	all := make([]string, len(*v.Entries))
	for i, e := range *v.Entries {
		all[i] = e.Text
	}
	return all
}

// entriesLeft are the items of open conversations' events.
func (r *road) entriesLeft(t testing.TB) (left []string) {
	t.Helper()
	for _, item := range r.Items(t, r.Tables.Records) {
		if sk := attr.GetS(item, "sk"); strings.HasPrefix(sk, "entry#") {
			left = append(left, attr.GetS(item, "pk")+" "+sk)
		}
	}
	return left
}

// rows are the conversations' rows.
func (r *road) rows(t testing.TB) (rows []attr.Item) {
	t.Helper()
	for _, item := range r.Items(t, r.Tables.Keys) {
		if strings.Contains(attr.GetS(item, "pk"), "#conversation#") {
			rows = append(rows, item)
		}
	}
	return rows
}

func (r *road) put(t testing.TB, table string, item attr.Item) {
	t.Helper()
	if _, err := r.DB.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
		t.Fatal(err)
	}
}

func (r *road) remove(t testing.TB, table string, key attr.Item, attribute string) {
	t.Helper()
	var err error
	key = attr.Item{"pk": key["pk"], "sk": key["sk"]}
	if attribute == "" {
		_, err = r.DB.DeleteItem(context.Background(), &dynamodb.DeleteItemInput{TableName: &table, Key: key})
	} else {
		_, err = r.DB.UpdateItem(context.Background(), &dynamodb.UpdateItemInput{
			TableName: &table, Key: key, UpdateExpression: aws.String("REMOVE #a"), ExpressionAttributeNames: map[string]string{"#a": attribute},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// keep replaces the periods of an account's policy, as an administrator will.
func (r *road) keep(t testing.TB, id string, periods map[retention.Kind]retention.Period) {
	t.Helper()
	ses, err := r.OpenPolicy(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	p := ses.Policy
	p.Version, p.Shortened = p.Version+1, periods
	item := p.Item()
	maps.Copy(item, attr.Key(account.Partition(id), account.PolicyKey))
	r.put(t, r.Tables.Control, item)
}

func (r *road) purgeAll(t testing.TB) purge.Report {
	t.Helper()
	rep, err := r.purge.Purge(context.Background(), purge.Request{})
	if err != nil || len(rep.Failures) > 0 {
		t.Fatalf("purge: %+v %v", rep, err)
	}
	return rep
}

// tables is every item by table and key, and every object, with physical names of tables replaced.
func (r *road) tables(t testing.TB) map[string]any {
	t.Helper()
	all := map[string]any{}
	for name, table := range map[string]string{"records": r.Tables.Records, "keys": r.Tables.Keys, "control": r.Tables.Control} {
		for _, item := range r.Items(t, table) {
			all[name+" "+attr.GetS(item, "pk")+" "+attr.GetS(item, "sk")] = item
		}
	}
	for name, body := range r.S3.Objects() {
		all["object "+name] = body
	}
	return all
}

// exported compares items, whose values have parts that nobody sees.
var exported = cmp.Exporter(func(reflect.Type) bool { return true })

// keysOf names what differs between two states of the tables.
func keysOf(want, got map[string]any) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if other, ok := got[k]; !ok {
			fmt.Fprintf(&b, "- %s\n", k)
		} else if diff := cmp.Diff(want[k], other, exported); diff != "" {
			fmt.Fprintf(&b, "~ %s: %s\n", k, diff)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[k]; !ok {
			fmt.Fprintf(&b, "+ %s\n", k)
		}
	}
	return b.String()
}

// sample is one file of events/ingest.
type sample struct {
	file, source string
	ok           bool
	body         []byte
}

func samples(t testing.TB) (all []sample) {
	t.Helper()
	files, err := filepath.Glob("../events/ingest/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.SplitN(filepath.Base(file), "-", 3)
		if parts[1] == "mapped" { // of which the next word says which one
			ready, _, _ := strings.Cut(parts[2], "-")
			parts[1] += "-" + ready
		}
		all = append(all, sample{filepath.Base(file), parts[1], parts[0] == "ok", body})
	}
	return all
}

func reference(v conversation.View, account string) vault.Reference {
	record, incarnation, err := vault.ParseID(v.ID)
	if err != nil {
		panic(err)
	}
	return vault.Reference{Account: account, Kind: v.Kind, Record: record, Incarnation: incarnation}
}

// id is the id of a life of a conversation.
func (r *road) id(t testing.TB, a admin.Created, source, conversation string, incarnation int) string {
	t.Helper()
	ses, err := r.Open(context.Background(), a.Account, "")
	if err != nil {
		t.Fatal(err)
	}
	return vault.ID(ses.Index.RecordID(source, retention.Chat, conversation), incarnation)
}

// conductor lets actors run side by side, one at a time, each up to a request of its own, so that one interleaving can be
// played again and again.
type conductor struct {
	mu    sync.Mutex
	parts map[string]*part
}

type part struct {
	at, made        int
	reached, resume chan struct{}
	done            chan error
}

// conduct makes a conductor that counts the requests it is told to.
func (r *road) conduct(t testing.TB, counts func(vaulttest.Request) bool) *conductor {
	c := &conductor{parts: map[string]*part{}}
	r.Fault.Set(func(ctx context.Context, req vaulttest.Request) error {
		c.mu.Lock()
		p := c.parts[actorOf(ctx)]
		c.mu.Unlock()
		if p == nil || !counts(req) {
			return ctx.Err() // whoever is dead asks for nothing
		}
		if p.made++; p.made == p.at {
			p.reached <- struct{}{}
			<-p.resume
		}
		return ctx.Err()
	})
	t.Cleanup(func() { r.Fault.Set(nil) })
	return c
}

// start runs f as an actor until it is about to make its request number at, of those that count, from 1, or ends; paused says which.
func (c *conductor) start(name string, at int, f func(context.Context) error) (paused bool) {
	p := &part{at: at, reached: make(chan struct{}), resume: make(chan struct{}), done: make(chan error, 1)}
	c.mu.Lock()
	c.parts[name] = p
	c.mu.Unlock()
	go func() { p.done <- f(as(name)) }()
	select {
	case <-p.reached:
		return true
	case err := <-p.done:
		p.done <- err
		return false
	}
}

// end lets a paused actor run to its end.
func (c *conductor) end(name string) error {
	c.mu.Lock()
	p := c.parts[name]
	delete(c.parts, name)
	c.mu.Unlock()
	close(p.resume)
	return <-p.done
}

type attrString = types.AttributeValueMemberS

func attrS(s string) types.AttributeValue { return attr.S(s) }

// wholeChat is a chat from its beginning to its end.
func wholeChat(id string, at time.Time, text string, tags string) []byte {
	return fmt.Appendf(nil, `{"version":"1","events":[{"type":"conversation.transcript","time":%[1]q,"kind":"chat","conversation":%[2]q,"ended":true,
		"tags":[%[4]s],"subjects":[{"email":"%[2]s@example.com"}],"entries":[{"id":"1","time":%[1]q,"author":{"role":"visitor"},"text":%[3]q}]}]}`,
		stamp(at), id, text, tags)
}

// once says of every id that it stands in one receipt, and of the receipts that they name nothing else but facts.
func (r *road) once(t testing.TB, when string, ids []string) {
	t.Helper()
	var set bytes.Buffer
	keys, err := r.purge.Chain.Export(context.Background(), "demo", &set)
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	named, stated := map[string]int{}, 0
	if _, err := receipt.Verify(&set, keys, func(s receipt.Signed) error {
		for _, part := range s.Receipt.What {
			if part.Kind == "chat" {
				stated += int(part.Records)
			}
		}
		for _, id := range ids {
			if _, _, ok := s.Find(id); ok {
				named[id]++
			}
		}
		return nil
	}); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	for _, id := range ids {
		if named[id] != 1 {
			t.Fatalf("%s: %s stands in %d receipts", when, id, named[id])
		}
	}
	if stated != len(ids) {
		t.Errorf("%s: the receipts state %d records of %d", when, stated, len(ids))
	}
}

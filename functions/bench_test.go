//go:build bench

package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/sys/unix"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/ingest"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/seal"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
	"github.com/supportvault/supportvault/shared/vault"
)

// rounds is how often each measurement is repeated; the table shows medians.
const rounds = 5

// row is one line of the table: what was measured beside its rival, and the limit of the ratio or of the figure itself.
type row struct {
	What   string  `json:"what"`
	Ours   float64 `json:"ours"`
	Beside string  `json:"beside"`
	Theirs float64 `json:"theirs"`
	Unit   string  `json:"unit"`
	// Ratio is ours to theirs; where Limit is none, the figure is for information. More says that the ratio must be at least
	// the limit instead of at most.
	Ratio float64 `json:"ratio"`
	Limit float64 `json:"limit,omitempty"`
	More  bool    `json:"more,omitempty"`
}

func (r row) ok() bool {
	return r.Limit == 0 || r.More && r.Ratio >= r.Limit || !r.More && r.Ratio <= r.Limit
}

// TestBench measures and prints one table; `make bench` runs it.
func TestBench(t *testing.T) {
	slog.SetDefault(slog.New(slog.NewJSONHandler(io.Discard, nil)))
	var rows []row
	for _, part := range []struct {
		name    string
		measure func(*testing.T) []row
	}{
		{"the ingest path", benchIngest}, {"write units", benchUnits}, {"KMS calls", benchKMS}, {"starts", benchStarts}, {"extract", benchExtract},
		{"adapters", benchSources},
		{"retention", benchRetention},
	} {
		if only := os.Getenv("BENCH_ONLY"); only != "" && !strings.Contains(part.name, only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s …\n", part.name)
		rows = append(rows, part.measure(t)...)
	}
	print(rows)
	if file := os.Getenv("BENCH_JSON"); file != "" {
		b, err := json.MarshalIndent(rows, "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(b, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range rows {
		if !r.ok() {
			t.Errorf("%s: %.2f, the limit is %.2f", r.What, r.Ratio, r.Limit)
		}
	}
}

func print(rows []row) {
	fmt.Printf("\n%s, %d processors, medians of %d runs\n\n", runtime.Version(), runtime.NumCPU(), rounds)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tours\tbeside\tunit\tratio\tlimit\t\t")
	for _, r := range rows {
		limit, mark := "", ""
		if r.Limit != 0 {
			limit, mark = "≤ "+figure(r.Limit), "✓"
			if r.More {
				limit = "≥ " + figure(r.Limit)
			}
			if !r.ok() {
				mark = "✗"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t  %s\n", r.What, figure(r.Ours), figure(r.Theirs), r.Unit, ratio(r.Ratio), limit, mark, "beside "+r.Beside)
	}
	w.Flush()
	fmt.Println()
}

// ratio has two decimals, and as many significant digits where that would be nothing.
func ratio(f float64) string {
	if f < 0.01 {
		return fmt.Sprintf("%.2g", f)
	}
	return fmt.Sprintf("%.2f", f)
}

func figure(f float64) string {
	switch {
	case f < 0.1 && f > 0:
		return fmt.Sprintf("%.2g", f)
	case f == float64(int64(f)):
		return fmt.Sprintf("%d", int64(f))
	case f < 10:
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprintf("%.0f", f)
}

func beside(what string, ours float64, rival string, theirs float64, unit string, limit float64) row {
	return row{What: what, Ours: ours, Beside: rival, Theirs: theirs, Unit: unit, Ratio: ours / theirs, Limit: limit}
}

// against is a figure beside its limit instead of a rival.
func against(what string, ours float64, unit string, limit float64) row {
	return row{What: what, Ours: ours, Beside: "the limit", Theirs: limit, Unit: unit, Ratio: ours / limit, Limit: 1}
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// vocabulary is what the words of invented chats are made of; common ones come more often.
var vocabulary = strings.Fields(`the I you to a is my it and of for in not have that can we on be with your this me do are was will if order
	please but at so what from there just an as no or has how when still get would one been which could them out then any up did
	parcel delivery address account password payment invoice refund return shipped tracking number email phone website page error
	button screen update install version settings login browser address street house arrived damaged missing broken replacement
	warranty receipt discount code subscription cancel change upgrade plan month year yesterday tomorrow today morning evening week
	Monday Thursday weekend colleague manager department technical support team ticket case reference check checked confirm confirmed
	wait moment minute second hours already again never always sometimes maybe probably certainly unfortunately sorry thanks thank
	welcome help helpful problem question answer information details exactly instead because although however therefore between before
	after during without customer service store warehouse courier driver neighbour signature photo picture attached document file
	colour size large small medium blue green black white quality product item quantity price total amount bank transfer card charged
	twice once balance money pounds euro transaction pending completed failed declined approved processed available stock expected
	delayed weather holiday office open closed contact form message reply sent received inbox spam folder link click opened working`)

// chatText is the texts of a chat of n messages of about the length in bytes, in sentences as people write them. Words come as
// often as their rank says (Zipf), and about three messages of ten hold something that is said only once, such as a number.
func chatText(random *rand.Rand, n, bytes int) []string {
	zipf := rand.NewZipf(random, 1.1, 8, uint64(len(vocabulary)-1))
	texts := make([]string, n)
	for i := range texts {
		var b strings.Builder
		for b.Len() < bytes {
			sentence := 6 + random.IntN(12)
			for w := range sentence {
				word := vocabulary[zipf.Uint64()]
				if w == 0 {
					word = strings.ToUpper(word[:1]) + word[1:]
				} else {
					b.WriteByte(' ')
				}
				b.WriteString(word)
			}
			b.WriteString([]string{". ", "? ", "! ", ", "}[random.IntN(4)])
		}
		if random.IntN(10) < 3 {
			fmt.Fprintf(&b, "%s-%06d.", []string{"RMA", "ORD", "INV"}[random.IntN(3)], random.IntN(1e6))
		}
		texts[i] = strings.TrimSpace(b.String())
	}
	return texts
}

// benchChat is a chat of fifty messages that is 20 KB as the JSON of its transcript.
func benchChat(id int) (body []byte, plain []byte) {
	random := rand.New(rand.NewPCG(uint64(id), 20))
	body = tawkTranscript(fmt.Sprintf("bench-%07d", id), noon.Add(-5*time.Minute), chatText(random, 50, 240)...)
	const event = `"event":"chat:transcript_created",` // tawk.to sends it first
	body = append([]byte("{"+event), bytes.Replace(body[1:], []byte(event), nil, 1)...)
	adapter, _ := source.Lookup("tawkto")
	adapted, err := adapter.Adapt(source.Delivery{Body: body, Received: noon})
	if err != nil {
		panic(err)
	}
	plain, err = json.Marshal(conversation.Transcript{}.Fold(adapted.Events).View())
	if err != nil {
		panic(err)
	}
	return body, plain
}

// tawkBody is the same shape that the adapter reads, so that decoding alone is the same work.
type tawkBody struct {
	Event string `json:"event"`
	Time  string `json:"time"`
	Chat  struct {
		ID      string `json:"id"`
		Visitor struct {
			Name  string `json:"name"`
			Email string `json:"email"`
		} `json:"visitor"`
		Messages []struct {
			Sender struct {
				Type string `json:"t"`
				Name string `json:"n"`
			} `json:"sender"`
			Type string `json:"type"`
			Text string `json:"msg"`
			Time string `json:"time"`
		} `json:"messages"`
	} `json:"chat"`
}

// benchIngest is the whole path of a delivery of fifty messages, from API Gateway's event to the answer, on tables in memory
// that take requests before they are serialized, beside decoding the same body and sealing the same transcript.
func benchIngest(t *testing.T) []row {
	const n = 200
	var path, alone, pathAllocs, aloneAllocs []float64
	for round := range rounds {
		r := inMemory()
		demo := r.account(t, admin.Request{Account: "demo"})
		requests := make([]events.APIGatewayV2HTTPRequest, n)
		bodies := make([][]byte, n)
		transcripts := make([]conversation.Transcript, n)
		adapter, _ := source.Lookup("tawkto")
		for i := range requests {
			bodies[i], _ = benchChat(round*n + i)
			requests[i] = r.signed(demo, "tawkto", bodies[i])
			adapted, err := adapter.Adapt(source.Delivery{Body: bodies[i], Received: noon})
			if err != nil {
				t.Fatal(err)
			}
			transcripts[i] = conversation.Transcript{}.Fold(adapted.Events)
		}
		key := keyring.NewKey()
		us, allocs := timed(n, func(i int) {
			if res, err := r.ingest.Webhook(context.Background(), requests[i]); err != nil || res.StatusCode != 202 {
				t.Fatalf("%d %v", res.StatusCode, err)
			}
		}, func(i int) {
			var body tawkBody
			if err := strictjson.Unmarshal(bodies[i], &body); err != nil {
				t.Fatal(err)
			}
			plain, err := vault.Marshal(transcripts[i])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := seal.Seal(key, seal.Context{"account": "demo", "record": "r"}, plain); err != nil {
				t.Fatal(err)
			}
		})
		path, alone = append(path, us[0]), append(alone, us[1])
		pathAllocs, aloneAllocs = append(pathAllocs, allocs[0]), append(aloneAllocs, allocs[1])
	}
	return []row{
		beside("ingest, 50 messages", median(path), "decoding and sealing alone", median(alone), "µs", 2),
		beside("ingest, 50 messages", median(pathAllocs), "decoding and sealing alone", median(aloneAllocs), "allocations", 0),
	}
}

// timed is microseconds of a processor and allocations of one of n calls of two rivals. They take turns, so that both find the
// caches as the other left them, and what else the machine does meanwhile does not count.
func timed(n int, rivals ...func(i int)) (us, allocs []float64) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	us, allocs = make([]float64, len(rivals)), make([]float64, len(rivals))
	var before, after runtime.MemStats
	for i := range n {
		for j, rival := range rivals {
			if i%20 == 1 { // reading them stops the world
				runtime.ReadMemStats(&before)
				rival(i)
				runtime.ReadMemStats(&after)
				allocs[j] = float64(after.Mallocs - before.Mallocs)
				continue
			}
			start := processor()
			rival(i)
			us[j] += float64((processor() - start).Nanoseconds()) / 1e3
		}
	}
	for j := range us {
		us[j] /= float64(n - (n+18)/20)
	}
	return us, allocs
}

// processor is the time that this thread has had of the processors.
func processor() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
		panic(err)
	}
	return time.Duration(at.Nano())
}

// units counts the write units that DynamoDB answers for every request, those of indexes too, by table.
type units struct{ writes, bytes float64 }

func (u *units) count(stack *middleware.Stack) error {
	err := stack.Initialize.Add(middleware.InitializeMiddlewareFunc("ask for units", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		switch p := in.Parameters.(type) {
		case *dynamodb.PutItemInput:
			p.ReturnConsumedCapacity = dbtypes.ReturnConsumedCapacityIndexes
			u.bytes += size(p.Item)
		case *dynamodb.UpdateItemInput:
			p.ReturnConsumedCapacity = dbtypes.ReturnConsumedCapacityIndexes
		case *dynamodb.DeleteItemInput:
			p.ReturnConsumedCapacity = dbtypes.ReturnConsumedCapacityIndexes
		case *dynamodb.BatchWriteItemInput:
			p.ReturnConsumedCapacity = dbtypes.ReturnConsumedCapacityIndexes
		case *dynamodb.TransactWriteItemsInput:
			p.ReturnConsumedCapacity = dbtypes.ReturnConsumedCapacityIndexes
		}
		out, md, err := next.HandleInitialize(ctx, in)
		var all []dbtypes.ConsumedCapacity
		switch o := out.Result.(type) {
		case *dynamodb.PutItemOutput:
			all = one(o.ConsumedCapacity)
		case *dynamodb.UpdateItemOutput:
			all = one(o.ConsumedCapacity)
		case *dynamodb.DeleteItemOutput:
			all = one(o.ConsumedCapacity)
		case *dynamodb.BatchWriteItemOutput:
			all = o.ConsumedCapacity
		case *dynamodb.TransactWriteItemsOutput:
			all = o.ConsumedCapacity
		}
		for _, c := range all {
			u.writes += *c.CapacityUnits // with those of the indexes
		}
		return out, md, err
	}), middleware.Before)
	return err
}

func one(c *dbtypes.ConsumedCapacity) []dbtypes.ConsumedCapacity {
	if c == nil {
		return nil
	}
	return []dbtypes.ConsumedCapacity{*c}
}

// size is an item's bytes as DynamoDB counts them, closely enough: names and values.
func size(item attr.Item) float64 {
	n := 0
	for name, value := range item {
		n += len(name)
		switch v := value.(type) {
		case *dbtypes.AttributeValueMemberS:
			n += len(v.Value)
		case *dbtypes.AttributeValueMemberB:
			n += len(v.Value)
		case *dbtypes.AttributeValueMemberN:
			n += len(v.Value)/2 + 1
		case *dbtypes.AttributeValueMemberM:
			n += int(size(v.Value)) + 3
		}
	}
	return float64(n)
}

// benchUnits is what a settled chat costs in write units and bytes written, everything counted but the cohorts' rows, which a
// day's chats share: delivered whole, and message by message; beside one item of plain JSON, and one for each message.
func benchUnits(t *testing.T) []row {
	u := &units{}
	r := newRoad(t)
	r.DB = dynamodb.New(r.DB.Options(), func(o *dynamodb.Options) { o.APIOptions = append(slices.Clone(o.APIOptions), u.count) })
	demo := r.account(t, admin.Request{Account: "demo", Start: "identified"})
	body, _ := benchChat(0) // makes the cohorts
	r.mustPost(t, demo, "tawkto", body)
	r.settleAll(t)

	put := func(item attr.Item) {
		if _, err := r.DB.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &r.Tables.Control, Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	var whole, wholeBytes, plainWhole, plainBytes, pieces, plainPieces, sealedBytes []float64
	for i := range rounds {
		body, plain := benchChat(i + 1)
		if len(plain) < 20_000 || len(plain) > 21_500 {
			t.Fatalf("the chat is %d bytes of JSON, not 20 KB", len(plain))
		}
		*u = units{}
		r.mustPost(t, demo, "tawkto", body)
		r.settleAll(t)
		whole, wholeBytes = append(whole, u.writes), append(wholeBytes, u.bytes)
		for _, item := range r.Items(t, r.Tables.Records) {
			if attr.GetS(item, "sk") == "record#0001" {
				sealedBytes = append(sealedBytes, size(item))
			}
		}
		*u = units{}
		item := attr.Key(fmt.Sprintf("plain#%d", i), "chat")
		item["body"] = attr.S(string(plain))
		put(item)
		plainWhole, plainBytes = append(plainWhole, u.writes), append(plainBytes, u.bytes)

		*u = units{}
		texts := chatText(rand.New(rand.NewPCG(uint64(i), 21)), 50, 240)
		for j, text := range texts {
			r.mustPost(t, demo, "chatwoot", wootMessage(1000+i, j+1, noon.Add(time.Duration(j)*time.Second-5*time.Minute), text))
		}
		r.mustPost(t, demo, "chatwoot", wootResolved(1000+i, noon))
		r.settleAll(t)
		pieces = append(pieces, u.writes)
		*u = units{}
		for j, text := range texts {
			item := attr.Key(fmt.Sprintf("pieces#%d", i), fmt.Sprint(j))
			message, err := json.Marshal(conversation.Entry{ID: fmt.Sprint(j), Time: conversation.At(noon), Author: conversation.Author{Role: "visitor", Name: "Iris Vogel"}, Text: text})
			if err != nil {
				t.Fatal(err)
			}
			item["body"] = attr.S(string(message))
			put(item)
		}
		plainPieces = append(plainPieces, u.writes)
	}
	return []row{
		against("a 20 KB chat delivered whole", median(whole), "write units", 14),
		beside("a 20 KB chat delivered whole", median(whole), "the plain JSON item alone", median(plainWhole), "write units", 0),
		beside("a 20 KB chat delivered whole", median(wholeBytes), "the plain JSON item alone", median(plainBytes), "bytes put", 0),
		beside("its record", median(sealedBytes), "the plain JSON item", median(plainBytes), "bytes", 0),
		beside("the chat in 51 deliveries", median(pieces), "50 plain JSON items", median(plainPieces), "write units", 0),
	}
}

// benchKMS is how often KMS is asked for a thousand webhooks of twenty accounts by one warm function.
func benchKMS(t *testing.T) []row {
	r := inMemory()
	var accounts []admin.Created
	for i := range 20 {
		accounts = append(accounts, r.account(t, admin.Request{Account: fmt.Sprintf("shop%02d", i)}))
	}
	r.ingest = ingest.New(ingest.Config{}, ingest.Deps{Store: r.fresh(), Queue: r.queues, Health: r.counter()})
	before := r.KMS.Calls()
	for i := range 1000 {
		r.mustPost(t, accounts[i%20], "chatwoot", wootMessage(i, 1, noon, "one"))
	}
	return []row{against("1,000 webhooks of 20 accounts", float64(r.KMS.Calls()-before), "KMS calls", 20)}
}

// benchExtract is an extract of 20,000 conversations beside draining their items by raw Query where they stand, and its memory.
func benchExtract(t *testing.T) []row {
	m := measureExtract(t, 20_000, 3)
	drain := beside("extract of 20,000 conversations", m.Extract, "draining their items by raw Query", m.Drain, "a second", 0.7)
	drain.More = true
	return []row{drain, against("extract of 20,000 conversations", float64(m.Peak)/(1<<20), "MB of memory", 128)}
}

// fresh is the store of a process that has just started: it keeps no account's key yet.
func (r *road) fresh() *vault.Store {
	store := *r.Store
	store.Ring = keyring.New(r.KMS, r.Clock.Now)
	return &store
}

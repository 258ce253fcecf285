package functions_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/extract"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/ledger"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// extractDays is over how many days the conversations of a measured account are spread.
const extractDays = 80

// withChats is a road over DynamoDB Local whose account has so many settled chats. They are made on tables in memory and copied:
// by webhooks, 20,000 would take half an hour.
func withChats(t testing.TB, n int) (*road, admin.Created) {
	t.Helper()
	v, m := vaulttest.NewMemory(noon)
	made := roadOver(v)
	a := made.account(t, admin.Request{Account: "demo"})
	made.settledChats(t, a, n)
	r := newRoad(t)
	r.Ring = v.Ring // which opens the account's key
	var group errgroup.Group
	group.SetLimit(4)
	to := names(r.Tables)
	for use, table := range take(v, m).tables {
		var batch []types.WriteRequest
		write := func() {
			left := map[string][]types.WriteRequest{to[use]: batch}
			batch = nil
			group.Go(func() error {
				for len(left) > 0 {
					out, err := r.DB.BatchWriteItem(context.Background(), &dynamodb.BatchWriteItemInput{RequestItems: left})
					if err != nil {
						return err
					}
					left = out.UnprocessedItems
				}
				return nil
			})
		}
		for _, partition := range table {
			for _, item := range partition {
				if batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}}); len(batch) == 25 {
					write()
				}
			}
		}
		if len(batch) > 0 {
			write()
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return r, a
}

// settledChats writes settled chats of about 20 KB of JSON each with their facts, as a settling leaves them, spread over days.
func (r *road) settledChats(t testing.TB, a admin.Created, n int) {
	t.Helper()
	ctx := context.Background()
	ses, err := r.Open(ctx, a.Account, "")
	if err != nil {
		t.Fatal(err)
	}
	now := r.Clock.Now()
	cohorts := make([]map[retention.Kind]vault.Cohort, extractDays)
	for day := range cohorts {
		if cohorts[day], err = ses.JoinCohorts(ctx, now.AddDate(0, 0, -1-day), retention.Chat, retention.Fact); err != nil {
			t.Fatal(err)
		}
	}
	words := vocabularyOf(3000)
	var group errgroup.Group
	group.SetLimit(16)
	for i := range n {
		group.Go(func() error {
			day := i % extractDays
			chat := fmt.Sprintf("chat-%06d", i)
			tr := invented(chat, now.AddDate(0, 0, -1-day), words, rand.New(rand.NewPCG(uint64(i), 7)))
			return r.settled(ctx, ses, tr, cohorts[day])
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// settled writes a settled conversation and its fact into the cohorts of its last day.
func (r *road) settled(ctx context.Context, ses *vault.Session, t conversation.Transcript, joined map[retention.Kind]vault.Cohort) error {
	in := joined[t.Kind]
	row := ses.NewRow(ses.Index.RecordID(t.Source, t.Kind, t.Conversation), t.Kind, 1, t.StartedAt.Time)
	if _, _, err := ses.PutRecord(ctx, row, t, 1, in, ses.Pointers(t), vault.Sealed{}); err != nil {
		return err
	}
	factCohort, err := ses.PutFact(ctx, row, t, joined[retention.Fact])
	if err != nil {
		return err
	}
	row.Revision, row.Cohort, row.FactCohort, row.State = 1, in.ID, factCohort, vault.Settled
	item := row.New()
	item["revision"], item["cohort"], item["factCohort"] = attr.N(1), attr.S(row.Cohort), attr.S(factCohort)
	item["known"], item["settledAt"] = attr.Time(t.KnownUntil().Time), attr.Time(t.Anchor.Time)
	item["marks"], item["completes"] = attr.B(ses.Marks(t).Bytes()), attr.Time(t.Anchor.Time)
	item["listing"], item["position"] = attr.S(row.Listing()), attr.S(vault.Position(t.Anchor.Time, row.ID, 1))
	_, err = r.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &r.Tables.Keys, Item: item})
	return err
}

// vocabularyOf is words of an invented language, of which the first are the most frequent.
func vocabularyOf(n int) []string {
	random := rand.New(rand.NewPCG(1, 1))
	words := make([]string, n)
	for i := range words {
		b := make([]byte, 2+random.IntN(8))
		for j := range b {
			b[j] = "eeeaaiioutnrsldhcmpgbvkfwyz"[random.IntN(27)]
		}
		words[i] = string(b)
	}
	return words
}

// invented is a transcript of fifty messages of some 400 bytes.
func invented(chat string, end time.Time, words []string, random *rand.Rand) conversation.Transcript {
	often := rand.NewZipf(random, 1.2, 4, uint64(len(words)-1))
	e := conversation.Event{
		ID: "all", Source: "tawkto", Conversation: chat, Kind: retention.Chat, Whole: true, Ended: true,
		Time: conversation.At(end), Received: conversation.At(end), Department: "Sales", Tags: []string{"billing"}, AgentIDs: []string{"noor"},
		Subjects: []conversation.Subject{{Name: "Iris Vogel", Email: chat + "@example.com", VisitorID: chat}},
	}
	for i := range 50 {
		author := conversation.Author{Role: conversation.Visitor, Name: "Iris Vogel"}
		if i%2 == 1 {
			author = conversation.Author{Role: conversation.Agent, Name: "Noor Bakker"}
		}
		var text strings.Builder
		for length := 150 + random.IntN(250); text.Len() < length; {
			text.WriteString(words[often.Uint64()] + " ")
		}
		e.Entries = append(e.Entries, conversation.Entry{
			ID: strconv.Itoa(i), Time: conversation.At(end.Add(time.Duration(i-50) * 20 * time.Second)), Author: author,
			Text: text.String(), Attachments: []conversation.Attachment{},
		})
	}
	return conversation.Transcript{}.Fold([]conversation.Event{e})
}

// sink is an S3 that takes every upload and keeps nothing of it.
func sink(t testing.TB) extract.Bucket {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body)
		w.Header().Set("ETag", `"x"`)
		switch query := req.URL.Query(); {
		case query.Has("uploads"):
			io.WriteString(w, `<InitiateMultipartUploadResult><UploadId>x</UploadId></InitiateMultipartUploadResult>`)
		case req.Method == http.MethodPost && query.Has("uploadId"):
			io.WriteString(w, `<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>`)
		}
	}))
	t.Cleanup(server.Close)
	return extract.NewBucket(s3.New(s3.Options{
		Region: "local", BaseEndpoint: aws.String(server.URL), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}), "exports")
}

// extracting is a handler of extract over the vault that uploads to a sink.
func (r *road) extracting(t testing.TB) *extract.Handler {
	return extract.New(extract.Config{ExportsBucket: "exports"}, extract.Deps{
		Store: r.Store, Files: sink(t), Queue: extractQueue{r.queues},
		Ledger: &ledger.Ledger{DB: r.DB, Table: r.Tables.Control, Now: r.Clock.Now},
		Audit:  audit.Writer(r.DB, r.Tables.Control),
	})
}

// drained queries every record and every fact of an account where they stand, several at a time, and decodes the items: what
// it takes to have them, and nothing else. It answers how many records there were and their bytes.
func (r *road) drained(t testing.TB, a admin.Created, workers int) (records int, size int64) {
	t.Helper()
	ctx := context.Background()
	ses, err := r.Open(ctx, a.Account, "")
	if err != nil {
		t.Fatal(err)
	}
	var n, bytes atomic.Int64
	query := func(pk string) error {
		return r.Query(ctx, &dynamodb.QueryInput{
			TableName: &r.Tables.Records, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :pk"),
			ExpressionAttributeValues: attr.Item{":pk": attr.S(pk)},
		}, func(item attr.Item) (bool, error) {
			n.Add(1)
			bytes.Add(int64(len(attr.GetB(item, "body"))))
			return true, nil
		})
	}
	var group errgroup.Group
	group.SetLimit(workers)
	chats, err := ses.Cohorts(ctx, retention.Chat)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chats.List {
		for shard := range vault.Shards {
			in := vault.Range{Listing: vault.CohortListing(a.Account, retention.Chat, c.ID, shard), NewestFirst: true}
			if err := r.Places(ctx, in, func(p vault.Place, _ string) (bool, error) {
				group.Go(func() error { return query(vault.RecordPartition(a.Account, p.Record)) })
				return true, nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	records = int(n.Load())
	facts, err := ses.Cohorts(ctx, retention.Fact)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range facts.List {
		group.Go(func() error { return query(vault.DayPartition(a.Account, retention.Fact, c.ID)) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return records, bytes.Load()
}

// watch answers what the process holds of memory at most until it is asked: what the runtime has from the system.
func watch() (peak func() uint64) {
	runtime.GC()
	debug.FreeOSMemory()
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	var most uint64
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64()-sample[1].Value.Uint64())
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	return func() uint64 {
		close(done)
		watcher.Wait()
		return most
	}
}

// extractMeasured is what an extract took beside draining the same items.
type extractMeasured struct {
	Conversations int
	// Extract and Drain are conversations a second: extracted, and their items queried where they stand.
	Extract, Drain float64
	// Peak is the most memory in bytes that the process held during an extract, and Bytes those of all its files.
	Peak  uint64
	Bytes int64
}

// measureExtract measures extracts and drains of so many conversations, one after the other, and answers the medians. Without
// runs it extracts once and drains nothing.
func measureExtract(t testing.TB, n, runs int) extractMeasured {
	t.Helper()
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	defer slog.SetDefault(before)
	r, a := withChats(t, n)
	h := r.extracting(t)
	m := extractMeasured{Conversations: n}
	rate := func(f func()) float64 {
		runtime.GC()
		start := time.Now()
		f()
		return float64(n) / time.Since(start).Seconds()
	}
	var extracts, drains []float64
	for range max(1, runs) {
		peak := watch()
		extracts = append(extracts, rate(func() {
			answer, err := h.Extract(context.Background(), extract.Request{Account: a.Account})
			if err != nil || !answer.Done || answer.Records != n || answer.Damaged != 0 {
				t.Fatalf("extract: %d of %d, %d damaged, %v", answer.Records, n, answer.Damaged, err)
			}
			m.Bytes = 0
			for _, f := range answer.Files {
				m.Bytes += f.Bytes
			}
		}))
		m.Peak = max(m.Peak, peak())
		if runs > 0 {
			drains = append(drains, rate(func() {
				if got, _ := r.drained(t, a, 8); got != n {
					t.Fatalf("drained: %d of %d", got, n)
				}
			}))
		}
	}
	middle := func(all []float64) float64 {
		slices.Sort(all)
		return all[len(all)/2]
	}
	if m.Extract = middle(extracts); runs > 0 {
		m.Drain = middle(drains)
	}
	return m
}

// An extract of thousands of conversations counts right and stays within its memory. EXTRACT_CONVERSATIONS says how many, and
// then the test tells how fast it was beside draining the same items.
func TestStoreExtractBounded(t *testing.T) {
	n, runs := 2000, 0
	if s := os.Getenv("EXTRACT_CONVERSATIONS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
		runs = 3
	}
	m := measureExtract(t, n, runs)
	t.Logf("%d conversations, %d MB of files, %.0f conversations a second, at most %.1f MB of memory", n, m.Bytes>>20, m.Extract, float64(m.Peak)/(1<<20))
	if runs > 0 {
		t.Logf("drained: %.0f a second; the extract has %.2f of it", m.Drain, m.Extract/m.Drain)
	}
	if m.Peak > 128<<20 {
		t.Errorf("it held %d bytes", m.Peak)
	}
}

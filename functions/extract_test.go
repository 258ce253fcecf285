package functions_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/extract"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/jobs"
	"github.com/supportvault/supportvault/shared/ledger"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/sheet"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// extractOver is a handler of extract over the road, with limits and a bucket of the test's choosing.
func (r *road) extractOver(config extract.Config, bucket *vaulttest.Bucket) *extract.Handler {
	config.ExportsBucket = "exports"
	return extract.New(config, extract.Deps{
		Store: r.Store, Files: putter{bucket}, Queue: extractQueue{r.queues},
		Ledger: &ledger.Ledger{DB: r.DB, Table: r.Tables.Control, Now: r.Clock.Now},
		Audit:  audit.Writer(r.DB, r.Tables.Control),
	})
}

// ask makes a request for a path below an account's extracts, as authorize lets it through for the account's token.
func (r *road) ask(a admin.Created, method string, id, name string) events.APIGatewayV2HTTPResponse {
	req := r.reading(a, "", "")
	route := "/v1/accounts/{account}/extracts"
	if id != "" {
		route += "/{id}"
		req.PathParameters["id"] = id
	}
	if name != "" {
		route += "/files/{name}"
		req.PathParameters["name"] = name
	}
	req.RouteKey = method + " " + route
	res, err := r.extract.HTTP(context.Background(), req)
	if err == nil {
		err = asDescribed(req, res)
	}
	if err != nil {
		panic(err)
	}
	return res
}

// job asks for a job and wants a status.
func (r *road) job(t testing.TB, a admin.Created, method, id string, want int) (j extract.Job) {
	t.Helper()
	res := r.ask(a, method, id, "")
	if res.StatusCode != want {
		t.Fatalf("%s %s: %d %s", method, id, res.StatusCode, res.Body)
	}
	if err := json.Unmarshal([]byte(res.Body), &j); err != nil {
		t.Fatal(err)
	}
	return j
}

// takeExtracting takes the messages of the extract queue.
func (q *queues) takeExtracting() []string { return q.take(&q.extracting) }

// received hands a message to extract and says whether it comes again.
func (r *road) received(ctx context.Context, body string) (again bool, err error) {
	event, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", Body: body}}})
	if err != nil {
		return false, err
	}
	answer, err := r.extract.Handle(ctx, event)
	res, ok := answer.(events.SQSEventResponse)
	return err != nil || !ok || len(res.BatchItemFailures) > 0, err
}

// work hands the messages of the queue to extract until there are none. What comes again does so after the queue's ninety
// minutes.
func (r *road) work(t testing.TB, ctx func() (context.Context, context.CancelFunc)) (messages int) {
	t.Helper()
	for len(r.queues.extracting) > 0 {
		for _, body := range r.queues.takeExtracting() {
			for again := true; again; messages++ {
				if messages > 1000 {
					t.Fatal("the extract queue does not become empty")
				}
				c, cancel := ctx()
				if again, _ = r.received(c, body); again {
					r.Clock.Advance(90 * time.Minute)
				}
				cancel()
			}
		}
	}
	return messages
}

func endless() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background())
}

// told is an event of a conversation with everything that a file could trip over.
func told(kind retention.Kind, id string, end time.Time) conversation.Transcript {
	return conversation.Transcript{}.Fold([]conversation.Event{{
		ID: "all", Source: "zendesk", Conversation: id, Kind: kind, Whole: true, Ended: true,
		Time: conversation.At(end), Received: conversation.At(end), Title: "=1+1", Status: conversation.StatusClosed,
		Department: "+Sales", Tags: []string{"-vip", "billing"},
		Subjects: []conversation.Subject{{Name: "@Iris", Email: "iris@example.com", Phone: "+15555550142", CustomID: "\t=2"}},
		Entries: []conversation.Entry{
			{ID: "-1", Time: conversation.At(end.Add(-time.Minute)), Author: conversation.Author{Role: conversation.Visitor, Name: "@Iris"},
				Text: "=HYPERLINK(\"https://example.com\";\"two\nlines\")", Attachments: []conversation.Attachment{{Name: "=a.png"}, {Name: "b,\"c\".txt"}}},
			{ID: "2", Time: conversation.At(end), Author: conversation.Author{Role: conversation.Agent, Name: "Noor, Bakker"},
				Text: "  ＝1, 😀 \u202e مرحبا", Private: true, Attachments: []conversation.Attachment{}},
		},
	}})
}

// furnished is an account with what there can be: open and settled chats, tickets, facts, two versions of the policy.
func furnished(t testing.TB, r *road) admin.Created {
	t.Helper()
	a := r.account(t, admin.Request{Account: "demo"})
	ses, err := r.Open(context.Background(), a.Account, "")
	if err != nil {
		t.Fatal(err)
	}
	for i, kind := range []retention.Kind{retention.Chat, retention.Ticket, retention.Chat, retention.Ticket, retention.Ticket} {
		at := noon.AddDate(0, 0, -i/2)
		joined, err := ses.JoinCohorts(context.Background(), at, kind, retention.Fact)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.settled(context.Background(), ses, told(kind, fmt.Sprint("=", i), at), joined); err != nil {
			t.Fatal(err)
		}
	}
	r.mustPost(t, a, "tawkto", tawkStart("open", noon, "Still here"))
	r.keep(t, a.Account, map[retention.Kind]retention.Period{retention.Ticket: {Months: 6}})
	row := attr.Key("demo#", "policy#00000002")
	for _, item := range r.Items(t, r.Tables.Control) {
		if attr.GetS(item, "pk") == "demo#" && attr.GetS(item, "sk") == "policy" {
			for name, value := range item {
				if name != "sk" {
					row[name] = value
				}
			}
		}
	}
	r.put(t, r.Tables.Control, row)
	return a
}

// filesOf are the files of a job by name, each checked against its record in the job.
func (r *road) filesOf(t testing.TB, bucket *vaulttest.Bucket, a admin.Created, j extract.Job) map[string][]byte {
	t.Helper()
	objects, files := bucket.Objects(), map[string][]byte{}
	for _, f := range j.Files {
		content, ok := objects[a.Account+"/"+j.ID+"/"+f.Name]
		if !ok || int64(len(content)) != f.Bytes {
			t.Errorf("%s has %d bytes, want %d", f.Name, len(content), f.Bytes)
		}
		files[f.Name] = content
		records := 0
		switch filepath.Ext(f.Name) {
		case ".ndjson":
			for line := range bytes.Lines(content) {
				var v map[string]any
				if err := json.Unmarshal(line, &v); err != nil || !bytes.HasSuffix(line, []byte("}\n")) {
					t.Errorf("%s: %q: %v", f.Name, line, err)
				}
				records++
			}
			if f.Kind == "receipt" {
				records-- // the head of the set is none
			}
		case ".csv":
			rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
			if err != nil || !bytes.HasSuffix(content, []byte("\r\n")) {
				t.Errorf("%s: %v", f.Name, err)
			}
			for _, row := range rows {
				for _, cell := range row {
					if begins := strings.TrimLeft(cell, " \t\r\n"); strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r") ||
						strings.HasPrefix(begins, "=") || strings.HasPrefix(begins, "＝") {
						t.Errorf("%s: the cell %q is a formula", f.Name, cell)
					}
				}
			}
			records = len(rows) - 1
		}
		if records != f.Records {
			t.Errorf("%s has %d records, want %d", f.Name, records, f.Records)
		}
	}
	return files
}

// verified writes files into a folder and has sha256sum check them.
func verified(t testing.TB, files map[string][]byte) {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sha256sum", "--strict", "--check", "SHA256SUMS")
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if err != nil || bytes.Count(out, []byte(": OK\n")) != len(files)-1 {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
}

func TestStoreExtractJob(t *testing.T) {
	r := newRoad(t)
	a := furnished(t, r)
	ledgerRow := func(id string) string {
		for _, item := range r.Items(t, r.Tables.Control) {
			if attr.GetS(item, "pk") == "demo#copy#account#" && attr.GetS(item, "sk") == "extract:"+id {
				return attr.GetS(item, "state") + " by " + strings.SplitN(attr.GetS(item, "by"), ":", 2)[0]
			}
		}
		return "none"
	}
	entries := func(action string) (n int) {
		for _, item := range r.Items(t, r.Tables.Control) {
			if strings.HasPrefix(attr.GetS(item, "pk"), "demo#audit#") && attr.GetS(item, "action") == action {
				n++
			}
		}
		return n
	}

	res := r.ask(a, "POST", "", "")
	var j extract.Job
	if err := json.Unmarshal([]byte(res.Body), &j); err != nil || res.StatusCode != http.StatusAccepted {
		t.Fatalf("begin: %d %s", res.StatusCode, res.Body)
	}
	if location := res.Headers["location"]; location != "/v1/accounts/demo/extracts/"+j.ID {
		t.Errorf("it is said to be at %q", location)
	}
	want := extract.Job{
		View:  jobs.View{ID: j.ID, Status: jobs.Running, CreatedAt: conversation.At(noon), ExpiresAt: conversation.At(noon.AddDate(0, 0, 1))},
		Files: []extract.File{},
	}
	if diff := cmp.Diff(want, j); diff != "" {
		t.Errorf("begun (-want +got):\n%s", diff)
	}
	if got := ledgerRow(j.ID); got != "leaving by token" || entries("extract") != 1 || len(r.files.Objects()) != 0 || len(r.queues.extracting) != 1 {
		t.Errorf("before anything leaves: ledger %s, %d entries, %d objects, %d messages", got, entries("extract"), len(r.files.Objects()), len(r.queues.extracting))
	}
	if res := r.ask(a, "GET", j.ID, "chats.ndjson"); res.StatusCode != 404 {
		t.Errorf("a file of a job that runs: %d %s", res.StatusCode, res.Body)
	}

	r.Clock.Advance(time.Second)
	if n := r.work(t, endless); n != 1 {
		t.Errorf("it took %d messages", n)
	}
	j = r.job(t, a, "GET", j.ID, 200)
	if j.Status != jobs.Complete || j.Progress != 1 || j.Records != 6 || !j.ExpiresAt.Equal(noon.AddDate(0, 0, 1)) || j.Reason != "" {
		t.Fatalf("complete: %+v", j)
	}
	if got := ledgerRow(j.ID); got != "left by token" {
		t.Errorf("the ledger says %s", got)
	}
	var names []string
	for _, f := range j.Files {
		names = append(names, fmt.Sprintf("%s %s %d", f.Name, f.Kind, f.Records))
		if f.Href != "/v1/accounts/demo/extracts/"+j.ID+"/files/"+f.Name {
			t.Errorf("%s is said to be at %s", f.Name, f.Href)
		}
	}
	if diff := cmp.Diff([]string{
		"chats.ndjson chat 3", "chats.csv chat 3", "chat-entries.csv chat 5", "tickets.ndjson ticket 3", "tickets.csv ticket 3", "ticket-entries.csv ticket 6",
		"facts.ndjson fact 5", "facts.csv fact 5", "policies.ndjson policy 2", "audit.ndjson audit 1", "copies.ndjson copy 1", "manifest.json  0", "SHA256SUMS  0",
	}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	files := r.filesOf(t, r.files, a, j)
	verified(t, files)
	var manifest struct {
		Account, ID   string
		CreatedAt     time.Time
		PolicyVersion int
		Files         []extract.File
		Records       map[string]int
		Bytes         int64
		LeftOut       struct {
			Damaged int
			IDs     []string
		}
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for i, f := range manifest.Files {
		sum += f.Bytes
		if f.Href = j.Files[i].Href; f != j.Files[i] {
			t.Errorf("the manifest says %+v, the job %+v", f, j.Files[i])
		}
	}
	if diff := cmp.Diff(map[string]int{"chat": 3, "ticket": 3, "fact": 5, "policy": 2, "audit": 1, "copy": 1}, manifest.Records); diff != "" ||
		manifest.Account != "demo" || manifest.ID != j.ID || !manifest.CreatedAt.Equal(noon) || manifest.PolicyVersion != 2 ||
		len(manifest.Files) != len(j.Files)-2 || manifest.Bytes != sum || manifest.LeftOut.Damaged != 0 || manifest.LeftOut.IDs == nil {
		t.Errorf("manifest: %s\n%s", diff, files["manifest.json"])
	}

	// A cell is the text with an apostrophe in front; a line has it as it was.
	rows, err := csv.NewReader(bytes.NewReader(files["ticket-entries.csv"])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	said := told(retention.Ticket, "", noon).Entries
	for i, e := range said {
		row := rows[1+i]
		wantRow := []string{row[0], e.ID, row[2], string(e.Author.Role), e.Author.Name, strconv.FormatBool(e.Private), e.Text, []string{"=a.png; b,\"c\".txt", ""}[i]}
		for i := range row {
			row[i] = sheet.Original(row[i])
		}
		if diff := cmp.Diff(wantRow, row); diff != "" {
			t.Errorf("entry %d (-want +got):\n%s", i, diff)
		}
	}
	for line := range bytes.Lines(files["tickets.ndjson"]) {
		var v conversation.View
		if err := json.Unmarshal(line, &v); err != nil || v.Title != "=1+1" || !cmp.Equal(texts(v), []string{said[0].Text, said[1].Text}) {
			t.Errorf("%s %v", line, err)
		}
	}
	if head, _, _ := strings.Cut(string(files["tickets.csv"]), "\r\n"); head != "id,state,source,conversation,incarnation,revision,startedAt,endedAt,settledAt,expiresAt,title,status,names,emails,phones,visitorIds,customIds,department,tags,rating,entries" {
		t.Errorf("heading: %s", head)
	}
	for name, wants := range map[string][]string{
		"policies.ndjson": {`"version":1`, `"version":2`, `"ticket":"P6M"`, `"timeZone":"UTC"`, `"at":"2026-11-21T12:00:00.000Z"`},
		"copies.ndjson":   {`"destination":"extract:` + j.ID + `"`, `"state":"leaving"`, `"by":"token:`, `"at":"2026-11-21T12:00:00.000Z"`},
		"audit.ndjson":    {`"action":"extract"`, `"actor":"token:`, `"target":"` + j.ID + `"`},
		"facts.ndjson":    {`"department":"+Sales"`, `"expiresAt":"2027-11-`},
		"facts.csv":       {`'+Sales`},
		"chats.csv":       {`'=0`, `'@Iris`, `'+15555550142`},
	} {
		for _, want := range wants {
			if !bytes.Contains(files[name], []byte(want)) {
				t.Errorf("%s has no %s:\n%s", name, want, files[name])
			}
		}
	}

	// A file is behind a link of a minute, and whoever gets the link stands in the audit trail first.
	res = r.ask(a, "GET", j.ID, "chats.csv")
	if res.StatusCode != http.StatusFound || res.Body != "" || res.Headers["location"] != "https://exports.invalid/demo/"+j.ID+"/chats.csv?name=chats.csv&expires=60" {
		t.Errorf("a file: %d %q %v", res.StatusCode, res.Body, res.Headers)
	}
	if n := entries("extract.file"); n != 1 {
		t.Errorf("%d audit entries", n)
	}
	r.Fault.Set(refuses(r.Tables.Control))
	if res := r.ask(a, "GET", j.ID, "chats.csv"); res.StatusCode != 503 || res.Headers["location"] != "" {
		t.Errorf("without an audit entry: %d %v", res.StatusCode, res.Headers)
	}
	if res := r.ask(a, "POST", "", ""); res.StatusCode != 503 || len(r.queues.extracting) != 0 {
		t.Errorf("without a ledger: %d, %d messages", res.StatusCode, len(r.queues.extracting))
	}
	r.unharmed()

	var list extract.Jobs
	second := r.job(t, a, "POST", "", 202)
	if err := json.Unmarshal([]byte(r.ask(a, "GET", "", "").Body), &list); err != nil || len(list.Extracts) != 2 {
		t.Fatalf("list: %+v %v", list, err)
	}
	for _, listed := range list.Extracts {
		if listed.ID != second.ID && cmp.Diff(j, listed) != "" {
			t.Errorf("listed (-want +got):\n%s", cmp.Diff(j, listed))
		}
	}

	// A day after it began nothing of it is found, though the files may lie there for some hours more.
	r.Clock.Set(noon.AddDate(0, 0, 1).Add(-time.Millisecond))
	if res := r.ask(a, "GET", j.ID, "chats.csv"); res.StatusCode != http.StatusFound || !strings.HasSuffix(res.Headers["location"], "expires=0") {
		t.Errorf("just before: %d %v", res.StatusCode, res.Headers)
	}
	r.Clock.Set(noon.AddDate(0, 0, 1))
	for _, name := range []string{"", "chats.csv"} {
		res := r.ask(a, "GET", j.ID, name)
		if code := refusal(t, name, res.StatusCode, res.Body); res.StatusCode != 404 || !strings.HasSuffix(code, "_not_found") {
			t.Errorf("past its day: %d %s", res.StatusCode, res.Body)
		}
	}
	if body := r.ask(a, "GET", "", "").Body; strings.Contains(body, j.ID) {
		t.Errorf("past its day it is listed: %s", body)
	}
}

// An extract leads to the files that it wrote and to nothing else, and only who has a token of its account.
func TestStoreExtractLeadsNowhereElse(t *testing.T) {
	r := newRoad(t)
	a, other := furnished(t, r), r.account(t, admin.Request{Account: "other"})
	mine := r.job(t, a, "POST", "", 202)
	foreign := r.job(t, other, "POST", "", 202)
	r.work(t, endless)
	for _, name := range []string{
		"../" + foreign.ID + "/manifest.json", "..", ".", "/manifest.json", "manifest.json/", "./manifest.json", "..%2f" + foreign.ID + "%2fmanifest.json",
		"MANIFEST.JSON", "manifest.json\x00", "chats-2.ndjson", "receipts.ndjson", "*", "%", " manifest.json",
	} {
		res := r.ask(a, "GET", mine.ID, name)
		if res.StatusCode != 404 || refusal(t, name, res.StatusCode, res.Body) != "extract_file_not_found" {
			t.Errorf("%q: %d %s %v", name, res.StatusCode, res.Body, res.Headers)
		}
	}
	for _, id := range []string{foreign.ID, "..", "../other/" + foreign.ID, mine.ID + "/", mine.ID[:len(mine.ID)-1], "policy", strings.ToUpper(mine.ID), "%", mine.ID + "\n"} {
		for _, name := range []string{"", "manifest.json"} {
			res := r.ask(a, "GET", id, name)
			if res.StatusCode != 404 || !strings.HasSuffix(refusal(t, id, res.StatusCode, res.Body), "_not_found") {
				t.Errorf("%q %s: %d %s", id, name, res.StatusCode, res.Body)
			}
		}
	}
	for name, change := range map[string]func(*events.APIGatewayV2HTTPRequest){
		"another account's path":    func(q *events.APIGatewayV2HTTPRequest) { q.PathParameters["account"] = "other" },
		"no authorizer":             func(q *events.APIGatewayV2HTTPRequest) { q.RequestContext.Authorizer = nil },
		"a context without a token": func(q *events.APIGatewayV2HTTPRequest) { delete(q.RequestContext.Authorizer.Lambda, "token") },
		"a context of another":      func(q *events.APIGatewayV2HTTPRequest) { q.RequestContext.Authorizer.Lambda["account"] = "other" },
	} {
		for _, route := range []string{"POST ", "GET ", "GET id", "GET id name"} {
			req := r.reading(a, "", "")
			req.RouteKey = route
			for _, p := range strings.Fields(route)[1:] {
				req.PathParameters[p] = map[string]string{"id": foreign.ID, "name": "manifest.json"}[p]
			}
			change(&req)
			res, err := r.extract.HTTP(context.Background(), req)
			if err != nil || res.StatusCode != 401 || refusal(t, name, res.StatusCode, res.Body) != "token_missing" || res.Headers["location"] != "" {
				t.Errorf("%s: %s: %d %s", name, route, res.StatusCode, res.Body)
			}
		}
	}
}

// Three extracts at a time; one that nobody works on any more does not count.
func TestStoreExtractLimit(t *testing.T) {
	r := newRoad(t)
	a := r.account(t, admin.Request{Account: "demo"})
	short, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if answer, err := r.extract.Extract(short, extract.Request{Account: "demo"}); err != nil || answer.Done {
		t.Fatalf("one by direct invocation, which does not count: %+v %v", answer, err)
	}
	for range 3 {
		r.job(t, a, "POST", "", 202)
	}
	res := r.ask(a, "POST", "", "")
	if res.StatusCode != 409 || refusal(t, "a fourth", res.StatusCode, res.Body) != "extract_running" {
		t.Errorf("a fourth: %d %s", res.StatusCode, res.Body)
	}
	r.Clock.Advance(3*time.Hour + time.Second)
	var list extract.Jobs
	if err := json.Unmarshal([]byte(r.ask(a, "GET", "", "").Body), &list); err != nil {
		t.Fatal(err)
	}
	for _, j := range list.Extracts {
		if j.Status != jobs.Failed || j.Reason != "stalled" {
			t.Errorf("after three hours: %+v", j)
		}
	}
	last := r.job(t, a, "POST", "", 202)
	r.work(t, endless) // the messages of those that stalled come all the same
	if err := json.Unmarshal([]byte(r.ask(a, "GET", "", "").Body), &list); err != nil {
		t.Fatal(err)
	}
	complete := 0
	for _, j := range list.Extracts {
		if j.Status == jobs.Complete {
			complete++
		}
	}
	if complete != 4 || r.job(t, a, "GET", last.ID, 200).Status != jobs.Complete {
		t.Errorf("%d of 4 are complete: %+v", complete, list)
	}
	r.queues.refuseWith(errors.New("the queue refuses"))
	if res := r.ask(a, "POST", "", ""); res.StatusCode != 503 {
		t.Errorf("without a queue: %d %s", res.StatusCode, res.Body)
	}
	r.queues.refuseWith(nil)
	if err := json.Unmarshal([]byte(r.ask(a, "GET", "", "").Body), &list); err != nil || list.Extracts[0].Reason != "not_queued" && !slices.ContainsFunc(list.Extracts, func(j extract.Job) bool { return j.Reason == "not_queued" }) {
		t.Errorf("%+v %v", list, err)
	}
}

// The job of an extract that is killed at any write goes on at the next delivery of its message and ends with the same files
// as one that was not, whether its files are long or each is followed by another.
func TestExtractKilledAtEveryWrite(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]extract.Config{"long files": {}, "a file for each conversation": {FileLimit: 1}} {
		v, m := vaulttest.NewMemory(noon)
		r := roadOver(v)
		a := furnished(t, r)
		r.extract = r.extractOver(config, r.S3) // whose hooks are those of the tables
		j := r.job(t, a, "POST", "", 202)
		begin, message := take(v, m), r.queues.extracting
		play := func(k *killing) (extract.Job, map[string][]byte) {
			r.work(t, func() (context.Context, context.CancelFunc) {
				return context.Background(), func() {
					if k != nil && k.dead { // the next process lives
						r.unharmed()
					}
				}
			})
			done := r.job(t, a, "GET", j.ID, 200)
			return done, r.filesOf(t, r.S3, a, done)
		}
		want, files := play(nil)
		if want.Status != jobs.Complete || want.Records != 6 {
			t.Fatalf("%s: not killed: %+v", name, want)
		}
		verified(t, files)
		points := 0
		for _, after := range []bool{false, true} {
			for at := 1; ; at++ {
				begin.putBack(v, m)
				r.Clock.Set(noon)
				r.queues.extracting = slices.Clone(message)
				k := r.kill(at, after, writes)
				got, again := play(k)
				r.unharmed()
				if !k.dead {
					break
				}
				points++
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s, killed at %d, after %v (-want +got):\n%s", name, at, after, diff)
				}
				if diff := cmp.Diff(files, again); diff != "" {
					t.Errorf("%s, killed at %d, after %v: files (-want +got):\n%s", name, at, after, diff)
				}
			}
		}
		t.Logf("%s: %d points", name, points)
	}
}

// Where time is always about to run out, every invocation comes a little further, and the files together are those of one
// that had all the time.
func TestExtractInManySteps(t *testing.T) {
	r := inMemory()
	a := furnished(t, r)
	whole := r.lines(t, a)
	r.extract = r.extractOver(extract.Config{}, r.files)
	hurried := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.Background(), time.Minute)
	}
	check := func(how string, steps int, id string) {
		t.Helper()
		j := r.job(t, a, "GET", id, 200)
		if j.Status != jobs.Complete || steps < 9 {
			t.Fatalf("%s: %d steps, %+v", how, steps, j)
		}
		files := r.filesOf(t, r.files, a, j)
		verified(t, files)
		var views []conversation.View
		for _, f := range j.Files {
			if strings.HasSuffix(f.Name, ".ndjson") && (f.Kind == "chat" || f.Kind == "ticket") {
				for line := range bytes.Lines(files[f.Name]) {
					var v conversation.View
					if err := json.Unmarshal(line, &v); err != nil {
						t.Fatal(err)
					}
					views = append(views, v)
				}
			}
		}
		if diff := cmp.Diff(whole, views); diff != "" {
			t.Errorf("%s (-want +got):\n%s", how, diff)
		}
		if files["chats-2.ndjson"] == nil || files["chat-entries-2.csv"] == nil || files["chats-4.ndjson"] != nil {
			t.Errorf("%s: %+v", how, j.Files)
		}
	}
	j := r.job(t, a, "POST", "", 202)
	check("by the queue", r.work(t, hurried), j.ID)

	req, steps, before := extract.Request{Account: "demo"}, 0, 0.0
	var id string
	for steps = 1; steps < 100; steps++ {
		ctx, cancel := hurried()
		answer, err := r.extract.Extract(ctx, req)
		cancel()
		if err != nil || answer.Progress < before || answer.Done == (answer.Next != "") {
			t.Fatalf("%+v %v", answer, err)
		}
		if before, id = answer.Progress, answer.ID; answer.Done {
			break
		}
		req = extract.Request{Account: "demo", ID: answer.ID, Next: answer.Next}
	}
	check("by direct invocation", steps, id)
	if again, err := r.extract.Extract(context.Background(), req); err != nil || !again.Done || again.Records != len(whole) {
		t.Errorf("called once more: %+v %v", again, err)
	}
	for name, wrong := range map[string]extract.Request{
		"an id that is none": {Account: "demo", ID: "../x", Next: "x"}, "an id without next": {Account: "demo", ID: id},
		"next without an id": {Account: "demo", Next: "x"}, "another account's": {Account: "other", ID: id, Next: "x"},
	} {
		if _, err := r.extract.Extract(context.Background(), wrong); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// What always fails is given up, with an error for the alarm; what fails now and then is not.
func TestExtractThatFails(t *testing.T) {
	r := inMemory()
	a := furnished(t, r)
	records := func(_ context.Context, req vaulttest.Request) error {
		if slices.Contains(req.Tables, r.Tables.Records) {
			return errors.New("the table is gone")
		}
		return nil
	}
	j := r.job(t, a, "POST", "", 202)
	r.Fault.Set(records)
	for try := 1; try <= 5; try++ {
		messages := r.queues.takeExtracting()
		if len(messages) != 1 {
			t.Fatalf("try %d: %d messages", try, len(messages))
		}
		again, err := r.received(context.Background(), messages[0])
		if last := try == 5; again != last || (err != nil) != last {
			t.Errorf("try %d: comes again %v, %v", try, again, err)
		}
	}
	if again, err := r.received(context.Background(), fmt.Sprintf(`{"account":"demo","id":%q}`, j.ID)); again || err != nil {
		t.Errorf("a message of what has failed: %v %v", again, err)
	}
	r.unharmed()
	if got := r.job(t, a, "GET", j.ID, 200); got.Status != jobs.Failed || got.Reason != "tries_exhausted" || len(got.Files) != 0 {
		t.Errorf("%+v", got)
	}

	j = r.job(t, a, "POST", "", 202)
	r.Fault.Set(records)
	for range 4 {
		if again, err := r.received(context.Background(), r.queues.takeExtracting()[0]); again || err != nil {
			t.Errorf("%v %v", again, err)
		}
	}
	r.unharmed()
	r.work(t, endless)
	if got := r.job(t, a, "GET", j.ID, 200); got.Status != jobs.Complete || got.Records != 6 {
		t.Errorf("at the fifth try: %+v", got)
	}

	j = r.job(t, a, "POST", "", 202)
	r.remove(t, r.Tables.Keys, vault.AccountKeyItem("demo"), "")
	if again, err := r.received(context.Background(), r.queues.takeExtracting()[0]); !again || err == nil {
		t.Errorf("an account without its key: %v %v", again, err)
	}
	if got := r.job(t, a, "GET", j.ID, 200); got.Status != jobs.Failed || got.Reason != "account_unknown" {
		t.Errorf("an account without its key: %+v", got)
	}
	for name, body := range map[string]string{
		"no JSON": "x", "no account": `{"id":"` + j.ID + `"}`, "an account that is none": `{"account":"de#mo","id":"` + j.ID + `"}`, "an id that is none": `{"account":"demo","id":"../x"}`,
	} {
		if again, err := r.received(context.Background(), body); !again || err != nil {
			t.Errorf("%s: %v %v", name, again, err)
		}
	}
	if again, err := r.received(context.Background(), `{"account":"demo","id":"20261121T120000Z-aaaaaaaa"}`); again || err != nil {
		t.Errorf("a job that does not exist: %v %v", again, err)
	}
}

// A message that comes twice is worked on once.
func TestExtractIsWorkedOnByOne(t *testing.T) {
	r := inMemory()
	a := furnished(t, r)
	j := r.job(t, a, "POST", "", 202)
	message := r.queues.takeExtracting()[0]
	c := r.conduct(t, writes)
	var again bool
	if !c.start("first", 4, func(ctx context.Context) (err error) {
		again, err = r.received(ctx, message)
		return err
	}) {
		t.Fatal("it has ended already")
	}
	if again, err := r.received(context.Background(), message); !again || err != nil {
		t.Errorf("the second: %v %v", again, err)
	}
	if answer, err := r.extract.Extract(context.Background(), extract.Request{Account: "demo", ID: j.ID, Next: "x"}); !errors.Is(err, extract.ErrBusy) {
		t.Errorf("called directly: %+v %v", answer, err)
	}
	if err := c.end("first"); err != nil || again {
		t.Errorf("the first: %v %v", again, err)
	}
	if got := r.job(t, a, "GET", j.ID, 200); got.Status != jobs.Complete || got.Records != 6 {
		t.Errorf("%+v", got)
	}
}

// A conversation that settles, goes on, or goes on and settles again while an extract runs is in it once, whenever that
// happens.
func TestExtractMeetsEveryChange(t *testing.T) {
	for name, c := range map[string]struct {
		settled bool // before the extract
		change  func(r *road, a admin.Created, at time.Time)
	}{
		"settles": {false, func(r *road, a admin.Created, at time.Time) {
			r.mustPost(t, a, "chatwoot", wootResolved(1, at))
			r.settleAll(t)
		}},
		"goes on": {true, func(r *road, a admin.Created, at time.Time) {
			r.mustPost(t, a, "chatwoot", wootMessage(1, 9, at, "again"))
		}},
		"goes on and settles again": {true, func(r *road, a admin.Created, at time.Time) {
			r.mustPost(t, a, "chatwoot", wootMessage(1, 9, at, "again"))
			r.mustPost(t, a, "chatwoot", wootResolved(1, at.Add(time.Second)))
			r.settleAll(t)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			points := 0
			for at, on := 1, true; on; at++ {
				r := inMemory()
				a := r.account(t, admin.Request{Account: "demo"})
				r.Clock.Set(noon.Add(-13 * time.Hour)) // yesterday
				r.mustPost(t, a, "chatwoot", wootMessage(1, 1, r.Clock.Now(), "hello"))
				r.mustPost(t, a, "chatwoot", wootMessage(2, 1, r.Clock.Now(), "another"))
				r.mustPost(t, a, "chatwoot", wootResolved(2, r.Clock.Now()))
				if c.settled {
					r.mustPost(t, a, "chatwoot", wootResolved(1, r.Clock.Now()))
				}
				r.settleAll(t)
				r.Clock.Set(noon)
				var mu sync.Mutex
				made := 0
				r.Fault.Set(func(ctx context.Context, _ vaulttest.Request) error {
					if actorOf(ctx) != "extract" {
						return nil
					}
					mu.Lock()
					defer mu.Unlock()
					if made++; made == at {
						c.change(r, a, noon)
					}
					return nil
				})
				answer, err := r.extract.Extract(as("extract"), extract.Request{Account: "demo"})
				r.Fault.Set(nil)
				if on = made >= at; on {
					points++
				}
				if err != nil || !answer.Done || answer.Records != 2 {
					t.Errorf("before request %d: %+v %v", at, answer, err)
				}
				id := r.id(t, a, "chatwoot", "1", 1)
				if n := strings.Count(r.ofConversations(answer), id); n != 1 {
					t.Errorf("before request %d it is there %d times", at, n)
				}
			}
			t.Logf("%d points", points)
		})
	}
}

// What does not open is left out by its id, which the manifest tells, and nothing else is.
func TestExtractNamesWhatItLeavesOut(t *testing.T) {
	r := inMemory()
	a := furnished(t, r)
	damaged := r.id(t, a, "zendesk", "=0", 1)
	record, _, _ := vault.ParseID(damaged)
	for _, item := range r.Items(t, r.Tables.Records) {
		if attr.GetS(item, "pk") == vault.RecordPartition("demo", record) {
			body := bytes.Clone(attr.GetB(item, "body"))
			body[len(body)-1] ^= 1
			item["body"] = attr.B(body)
			r.put(t, r.Tables.Records, item)
		}
	}
	j := r.job(t, a, "POST", "", 202)
	r.work(t, endless)
	j = r.job(t, a, "GET", j.ID, 200)
	files := r.filesOf(t, r.files, a, j)
	if j.Records != 5 || !bytes.Contains(files["manifest.json"], []byte(`"damaged": 1`)) || !bytes.Contains(files["manifest.json"], []byte(damaged)) {
		t.Errorf("%+v\n%s", j, files["manifest.json"])
	}
}

// Receipts are extracted as soon as there are any, as a set that can be verified.
func TestExtractTakesReceipts(t *testing.T) {
	r := inMemory()
	a := r.account(t, admin.Request{Account: "demo"})
	r.issue(t, "demo", 2)
	r.issue(t, "demo", 1_200) // of which the leaves are rows of their own
	j := r.job(t, a, "POST", "", 202)
	r.work(t, endless)
	j = r.job(t, a, "GET", j.ID, 200)
	files := r.filesOf(t, r.files, a, j)
	keys, err := receipt.ParseKeys(files["receipts.pem"])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1, 2}, numbersOf(t, files["receipts.ndjson"], keys)); diff != "" {
		t.Errorf("receipts (-want +got):\n%s", diff)
	}
	for _, f := range j.Files {
		if want := map[string]int{"receipts.ndjson": 2, "receipts.pem": 0}; f.Kind == "receipt" && f.Records != want[f.Name] {
			t.Errorf("%s counts %d records", f.Name, f.Records)
		}
	}
	if files["chats.ndjson"] != nil || files["chats.csv"] != nil || files["facts.csv"] != nil {
		t.Errorf("there are files of nothing: %+v", j.Files)
	}
	verified(t, files)
}

package functions_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/attach"
	"github.com/supportvault/supportvault/functions/extract"
	"github.com/supportvault/supportvault/functions/ingest"
	"github.com/supportvault/supportvault/functions/purge"
	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/guard"
	"github.com/supportvault/supportvault/shared/sqsqueue"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// web is what is fetched from: a host by its handler. It says no as the guard does to hosts that are not allowed.
type web struct {
	mu    sync.Mutex
	hosts map[string]http.HandlerFunc
	err   error
	asked int
}

// Get answers as the host of an address does.
func (w *web) Get(ctx context.Context, address string, hosts []string) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	u, err := guard.Parse(address)
	switch {
	case err != nil:
		return nil, err
	case !guard.Allowed(u.Hostname(), hosts):
		return nil, guard.ErrHost
	case w.err != nil:
		return nil, w.err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	rec := &recorder{header: http.Header{}}
	w.hosts[u.Hostname()](rec, req)
	return &http.Response{
		StatusCode: max(rec.status, 200), Header: rec.header, ContentLength: -1, Body: io.NopCloser(io.MultiReader(&rec.body, broken{rec.broke})),
	}, nil
}

func (w *web) serve(host string, handle http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hosts == nil {
		w.hosts = map[string]http.HandlerFunc{}
	}
	w.hosts[host] = handle
}

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
	broke  error
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// broken ends a body with an error, or as bodies end.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) {
	if b.err == nil {
		return 0, io.EOF
	}
	return 0, b.err
}

// staging is the bucket of uploads.
type staging struct {
	bucket *vaulttest.Bucket
	types  map[string]string
}

func (s *staging) put(key, contentType string, body []byte) {
	s.types[key] = contentType
	if err := s.bucket.Keep(key, bytes.NewReader(body)); err != nil {
		panic(err)
	}
}

func (s *staging) Open(ctx context.Context, key string) (io.ReadCloser, string, error) {
	body, ok := s.bucket.Objects()[key]
	if !ok {
		return nil, "", attach.ErrNoUpload
	}
	return io.NopCloser(bytes.NewReader(body)), s.types[key], nil
}

func (s *staging) Delete(ctx context.Context, key string) error {
	_, err := s.bucket.DeleteObject(ctx, &s3.DeleteObjectInput{Key: &key})
	return err
}

func (s *staging) Link(_ context.Context, key, contentType string, size int64, life time.Duration) (string, map[string]string, error) {
	return fmt.Sprintf("https://staging.invalid/%s?expires=%.0f", key, life.Seconds()),
		map[string]string{"content-type": contentType, "content-length": fmt.Sprint(size)}, nil
}

// takeAttaching takes what waits in the attach queue.
func (q *queues) takeAttaching() (all []vault.FileReference) {
	q.mu.Lock()
	defer q.mu.Unlock()
	all, q.attaching = q.attaching, nil
	return all
}

// getFiles gets what the attach queue holds, once.
func (r *road) getFiles(t testing.TB) {
	t.Helper()
	var batch events.SQSEvent
	for i, ref := range r.queues.takeAttaching() {
		batch.Records = append(batch.Records, events.SQSMessage{MessageId: fmt.Sprint(i), Body: ref.String()})
	}
	res, err := r.attach.Batch(context.Background(), batch)
	if err != nil || len(res.BatchItemFailures) > 0 {
		t.Fatalf("attach: %+v %v", res, err)
	}
}

// sweepFiles sends what is due, and gets it.
func (r *road) sweepFiles(t testing.TB) int {
	t.Helper()
	swept, err := r.attach.Sweep(context.Background())
	if err != nil {
		t.Fatalf("sweep: %v", err)
	}
	r.getFiles(t)
	return swept.Due
}

// allow lets files of a source be fetched from hosts.
func (r *road) allow(t testing.TB, a admin.Created, source string, hosts ...string) {
	t.Helper()
	body, err := json.Marshal(account.SourceSettings{Hosts: hosts})
	if err != nil {
		t.Fatal(err)
	}
	if code := r.askedOf(t, a, "PUT sources/{source}", map[string]string{"source": source}, string(body), nil); code != "" {
		t.Fatalf("hosts: %s", code)
	}
}

// withFiles is a message of a chat with attachments.
func withFiles(chat string, at time.Time, attachments string) []byte {
	return fmt.Appendf(nil, `{"version":"1","events":[{"id":"with-files","type":"conversation.message","time":%[1]q,"kind":"chat","conversation":%[2]q,
		"entries":[{"id":"1","time":%[1]q,"author":{"role":"visitor","name":"Iris Vogel"},"text":"Here it is.","attachments":[%[3]s]}]}]}`, stamp(at), chat, attachments)
}

// wholeWithFiles is the same as a chat from its beginning to its end.
func wholeWithFiles(chat string, at time.Time, attachments string) []byte {
	return []byte(strings.NewReplacer(`"id":"with-files","type":"conversation.message"`, `"type":"conversation.transcript","ended":true`).
		Replace(string(withFiles(chat, at, attachments))))
}

func chatEnded(chat string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"version":"1","events":[{"type":"conversation.ended","time":%q,"kind":"chat","conversation":%q}]}`, stamp(at), chat)
}

var png = append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte("nightingale"), 20)...)

func servesPNG(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(png)
}

const label = `{"name":"Iris Vogel label.png","type":"image/png","bytes":228,"url":"https://files.example.com/label.png?token=nightingaletoken"}`

// withLabel is an account with a chat that has a file, which has been fetched.
func (r *road) withLabel(t testing.TB, chat string) (a admin.Created, id, file string) {
	t.Helper()
	a = r.account(t, admin.Request{Account: "demo"})
	r.allow(t, a, "canonical", "files.example.com")
	r.web.serve("files.example.com", servesPNG)
	r.mustPost(t, a, "canonical", withFiles(chat, r.Clock.Now(), label))
	r.getFiles(t)
	id = r.id(t, a, "canonical", chat, 1)
	return a, id, r.attachments(t, a, id)[0].ID
}

// withLabelToGet is an account with a chat that has settled, whose file nobody has got yet.
func (r *road) withLabelToGet(t testing.TB) (a admin.Created, id string) {
	t.Helper()
	a = r.account(t, admin.Request{Account: "demo"})
	r.allow(t, a, "canonical", "files.example.com")
	r.web.serve("files.example.com", servesPNG)
	r.mustPost(t, a, "canonical", wholeWithFiles("c", noon, label))
	r.settleAll(t)
	return a, r.id(t, a, "canonical", "c", 1)
}

// attachments are those of the first entry of a chat.
func (r *road) attachments(t testing.TB, a admin.Created, id string) []conversation.Attachment {
	t.Helper()
	return (*r.one(t, a, id).Entries)[0].Attachments
}

// file asks for an attachment.
func (r *road) file(t testing.TB, a admin.Created, id, file, part string) (events.APIGatewayV2HTTPResponse, []byte) {
	t.Helper()
	req := r.reading(a, id, "")
	req.RouteKey, req.PathParameters = "GET /v1/accounts/{account}/attachments/{id}/{file}", map[string]string{"account": a.Account, "id": id, "file": file}
	if part != "" {
		req.Headers = map[string]string{"range": part}
	}
	res, err := r.report.HTTP(context.Background(), req)
	if err == nil {
		err = asDescribed(req, res)
	}
	if err != nil {
		t.Fatal(err)
	}
	body, err := decoded(res)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}

// decoded is the body of an answer.
func decoded(res events.APIGatewayV2HTTPResponse) ([]byte, error) {
	if res.IsBase64Encoded {
		return base64.StdEncoding.DecodeString(res.Body)
	}
	return []byte(res.Body), nil
}

func (r *road) fileShown(t testing.TB, a admin.Created, id, file, when string) {
	t.Helper()
	if res, body := r.file(t, a, id, file, ""); res.StatusCode != 200 || !bytes.Equal(body, png) {
		t.Errorf("%s: %d, %d bytes", when, res.StatusCode, len(body))
	}
}

func (r *road) fileHidden(t testing.TB, a admin.Created, id, file, when string) {
	t.Helper()
	for _, part := range []string{"", "bytes=0-3"} {
		if res, body := r.file(t, a, id, file, part); res.StatusCode != 404 || bytes.Contains(body, []byte("PNG")) {
			t.Errorf("%s: %d %s", when, res.StatusCode, body)
		}
	}
}

// filesLeft are the rows, the due rows and the objects of files.
func (r *road) filesLeft(t testing.TB) (left []string) {
	t.Helper()
	for _, item := range r.Items(t, r.Tables.Records) {
		if pk, sk := attr.GetS(item, "pk"), attr.GetS(item, "sk"); strings.HasPrefix(sk, "file#") || strings.HasSuffix(pk, "#due#") {
			left = append(left, pk+" "+sk)
		}
	}
	for name := range r.S3.Objects() {
		if strings.HasPrefix(name, "files/") {
			left = append(left, name)
		}
	}
	slices.Sort(left)
	return left
}

func TestFileIsFetchedSealedAndRead(t *testing.T) {
	r := inMemory()
	demo, id, file := r.withLabel(t, "c")
	want := []conversation.Attachment{{ID: file, Name: "Iris Vogel label.png", Type: "image/png", Bytes: 228, State: conversation.FileStored}}
	if diff := cmp.Diff(want, r.attachments(t, demo, id)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	res, body := r.file(t, demo, id, file, "")
	if !bytes.Equal(body, png) {
		t.Errorf("%d bytes", len(body))
	}
	headers := map[string]string{
		"content-type": "image/png", "content-disposition": `attachment; filename="Iris Vogel label.png"`, "x-content-type-options": "nosniff",
		"cache-control": "no-store", "content-security-policy": "default-src 'none'; sandbox", "accept-ranges": "bytes",
	}
	if diff := cmp.Diff(headers, res.Headers); diff != "" {
		t.Errorf("headers (-want +got)\n%s", diff)
	}
	for _, tc := range []struct {
		part, want string
		says       string
	}{
		{"bytes=0-3", string(png[:4]), "bytes 0-3/228"}, {"bytes=8-18", "nightingale", "bytes 8-18/228"}, {"bytes=217-", "nightingale", "bytes 217-227/228"},
		{"bytes=-4", "gale", "bytes 224-227/228"}, {"bytes=220-9999", "htingale", "bytes 220-227/228"}, {"bytes=-9999", string(png), "bytes 0-227/228"},
	} {
		if res, body := r.file(t, demo, id, file, tc.part); res.StatusCode != 206 || string(body) != tc.want || res.Headers["content-range"] != tc.says {
			t.Errorf("%s: %d %q %q", tc.part, res.StatusCode, res.Headers["content-range"], body)
		}
	}
	for _, part := range []string{"bytes=228-", "bytes=500-600", "bytes=-0"} {
		if res, _ := r.file(t, demo, id, file, part); res.StatusCode != 416 || res.Headers["content-range"] != "bytes */228" {
			t.Errorf("%s: %d %q", part, res.StatusCode, res.Headers["content-range"])
		}
	}
	for _, part := range []string{"bytes=0-1,3-4", "bytes=3-1", "bytes=a-b", "lines=0-1", "bytes=-", "bytes=1", "bytes=-1-2", "bytes=0-99999999999999999999"} {
		if res, body := r.file(t, demo, id, file, part); res.StatusCode != 200 || len(body) != len(png) {
			t.Errorf("%s, which is not for us: %d, %d bytes", part, res.StatusCode, len(body))
		}
	}
	if got := r.audited(t, demo, "attachment.read"); len(got) != 1+6+3+8 || got[0] != "attachment.read "+id+"/"+file {
		t.Errorf("audited: %v", got)
	}
	for name, path := range map[string][2]string{
		"another file": {id, strings.Repeat("a", 26)}, "another life": {strings.TrimSuffix(id, "1") + "2", file}, "another conversation": {strings.Repeat("a", 32) + "-1", file},
		"no file": {id, "x"}, "a path": {id, "../" + file}, "no conversation": {"x", file},
	} {
		if res, _ := r.file(t, demo, path[0], path[1], ""); res.StatusCode != 404 {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
	other := r.account(t, admin.Request{Account: "other"})
	if res, _ := r.file(t, other, id, file, ""); res.StatusCode != 404 {
		t.Errorf("another account: %d", res.StatusCode)
	}

	// It settles, goes on and settles again: the file stays, under the key that it had.
	r.mustPost(t, demo, "canonical", chatEnded("c", noon.Add(time.Minute)))
	r.settleAll(t)
	r.fileShown(t, demo, id, file, "settled")
	r.mustPost(t, demo, "canonical", []byte(strings.Replace(string(withFiles("c", noon.Add(time.Hour), "")), `"id":"1"`, `"id":"2"`, 1)))
	r.mustPost(t, demo, "canonical", chatEnded("c", noon.Add(2*time.Hour)))
	r.Clock.Advance(3 * time.Hour)
	r.settleAll(t)
	if v := r.one(t, demo, id); v.Revision != 2 {
		t.Errorf("revision %d", v.Revision)
	}
	r.fileShown(t, demo, id, file, "settled again")
}

// Wherever the tables, the queues, the objects and the log are looked at: no address, no name and no byte of the file.
func TestFilesAndTheirAddressesAreSealed(t *testing.T) {
	r, all := inMemory(), ""
	lines := logged(t, func() {
		demo, id, file := r.withLabel(t, "c")
		r.mustPost(t, demo, "canonical", chatEnded("c", noon.Add(time.Minute)))
		r.settleAll(t)
		r.fileShown(t, demo, id, file, "settled")
		r.web.serve("files.example.com", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		r.mustPost(t, demo, "canonical", withFiles("d", noon, label))
		all = fmt.Sprint(r.queues.attaching, r.queues.sent, r.queues.waited)
		r.getFiles(t)
	})
	all += fmt.Sprint(lines)
	for _, table := range []string{r.Tables.Records, r.Tables.Keys, r.Tables.Control} {
		for _, item := range r.Items(t, table) {
			all += fmt.Sprintf("%q", exportedText(item))
		}
	}
	for name, body := range r.S3.Objects() {
		all += name + string(body)
	}
	for _, word := range []string{"nightingale", "files.example.com", "label.png", "image/png", "Iris"} {
		if strings.Contains(all, word) {
			t.Errorf("%q is in the clear", word)
		}
	}
	if !strings.Contains(all, "files/demo/") || len(lines) == 0 {
		t.Error("there is nothing to look at")
	}
}

func exportedText(item attr.Item) (texts []string) {
	for name := range item {
		texts = append(texts, name, attr.GetS(item, name), string(attr.GetB(item, name)), fmt.Sprint(attr.GetStrings(item, name)))
	}
	return texts
}

func TestFileThatIsNotToBeHad(t *testing.T) {
	status := func(n int) http.HandlerFunc { return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n) } }
	of := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, tc := range []struct {
		name, url string
		serves    http.HandlerFunc
		err       error
		want      conversation.FileReason
		final     bool
	}{
		{name: "of a host that nobody allowed", url: "https://evil.example/label.png", want: conversation.HostNotAllowed},
		{name: "of a name that leads inside", err: guard.ErrAddress, want: conversation.AddressNotAllowed},
		{name: "that does not come in time", err: context.DeadlineExceeded, want: conversation.Timeout},
		{name: "of a host that does not answer", err: guard.ErrUnreachable, want: conversation.Unavailable},
		{name: "of a host that is busy", serves: status(503), want: conversation.Unavailable},
		{name: "of a host that had enough", serves: status(429), want: conversation.Unavailable},
		{name: "that is not there", serves: status(404), want: conversation.NotFound},
		{name: "that is gone", serves: status(410), want: conversation.Gone, final: true},
		{name: "that needs a login", serves: status(403), want: conversation.RefusedByHost},
		{name: "that is elsewhere", serves: status(302), want: conversation.RefusedByHost},
		{name: "that breaks off", serves: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(png)
			w.(*recorder).broke = io.ErrUnexpectedEOF
		}, want: conversation.Unavailable},
		{name: "that stops halfway", serves: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bytes.Repeat(png, 1000))
			w.(*recorder).broke = context.DeadlineExceeded
		}, want: conversation.Timeout},
		{name: "of a byte more than is kept", serves: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(png)
			_, _ = w.Write(make([]byte, vault.MaxFile+1-len(png)))
		}, want: conversation.TooLarge, final: true},
		{name: "that is a page", serves: of("text/html", "<html>"), want: conversation.TypeNotAllowed, final: true},
		{name: "that is a page and says that it is an image", serves: of("image/png", "<html>"), want: conversation.TypeNotAllowed, final: true},
		{name: "that is an image with scripts", serves: of("image/svg+xml", "<svg/>"), want: conversation.TypeNotAllowed, final: true},
		{name: "that is a program", serves: of("application/x-msdownload", "MZ"), want: conversation.TypeNotAllowed, final: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := inMemory()
			demo := r.account(t, admin.Request{Account: "demo"})
			r.allow(t, demo, "canonical", "files.example.com")
			r.web.err = tc.err
			if tc.serves != nil {
				r.web.serve("files.example.com", tc.serves)
			}
			address := tc.url
			if address == "" {
				address = "https://files.example.com/label.png"
			}
			r.mustPost(t, demo, "canonical", withFiles("c", noon, fmt.Sprintf(`{"name":"label.png","type":"image/png","url":%q}`, address)))
			id := r.id(t, demo, "canonical", "c", 1)
			if got := r.attachments(t, demo, id)[0]; got.State != conversation.FileWaiting || got.Reason != "" {
				t.Errorf("before it was tried: %+v", got)
			}
			r.getFiles(t)
			got := r.attachments(t, demo, id)[0]
			if state := map[bool]conversation.FileState{true: conversation.FileMissing, false: conversation.FileWaiting}[tc.final]; got.State != state || got.Reason != tc.want {
				t.Errorf("%+v, want %s with %s", got, state, tc.want)
			}
			r.fileHidden(t, demo, id, got.ID, "it is not there")
			attempts := []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}
			if tc.final {
				attempts = nil
			}
			for _, wait := range attempts {
				if got := r.attachments(t, demo, id)[0]; got.State != conversation.FileWaiting {
					t.Errorf("before %v: %+v", wait, got)
				}
				r.Clock.Advance(wait - time.Second)
				if n := r.sweepFiles(t); n != 0 {
					t.Errorf("due before %v", wait)
				}
				r.Clock.Advance(2 * time.Second)
				if n := r.sweepFiles(t); n != 1 {
					t.Errorf("%d due after %v", n, wait)
				}
			}
			if got := r.attachments(t, demo, id)[0]; got.State != conversation.FileMissing || got.Reason != tc.want {
				t.Errorf("in the end %+v", got)
			}
			r.Clock.Advance(48 * time.Hour)
			if n := r.sweepFiles(t); n != 0 {
				t.Errorf("%d are due of what is missing", n)
			}
			if left := r.filesLeft(t); len(left) != 1 || !strings.Contains(left[0], " file#0001#") {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// What could not be had at first is there when the host can be reached, and blocks nothing meanwhile.
func TestStoreFileComesLater(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	r.mustPost(t, demo, "canonical", withFiles("c", noon, label))
	r.mustPost(t, demo, "canonical", chatEnded("c", noon.Add(time.Minute)))
	r.settleAll(t)
	id := r.id(t, demo, "canonical", "c", 1)
	if v := r.one(t, demo, id); v.State != conversation.Settled {
		t.Errorf("%+v", v)
	}
	r.getFiles(t)
	if got := r.attachments(t, demo, id)[0]; got.Reason != conversation.HostNotAllowed {
		t.Errorf("%+v", got)
	}
	r.allow(t, demo, "canonical", "*.example.com")
	r.web.serve("files.example.com", servesPNG)
	r.Clock.Advance(2 * time.Minute)
	r.sweepFiles(t)
	got := r.attachments(t, demo, id)[0]
	if got.State != conversation.FileStored || got.Reason != "" {
		t.Errorf("%+v", got)
	}
	r.fileShown(t, demo, id, got.ID, "later")
}

// Of one file that is told of twice, by the same event, by another and by the whole chat, there is one.
func TestFileIsOneHoweverOftenItIsToldOf(t *testing.T) {
	r := inMemory()
	demo, id, file := r.withLabel(t, "c")
	asked := r.web.asked
	again := withFiles("c", noon, label)
	if _, answer := r.post(demo, "canonical", again); !strings.Contains(answer, `"duplicates":1`) {
		t.Errorf("again: %s", answer)
	}
	moved := strings.NewReplacer("label.png?token=nightingaletoken", "elsewhere.png", `"with-files"`, `"another-event"`).Replace(string(again))
	r.mustPost(t, demo, "canonical", []byte(moved))
	r.mustPost(t, demo, "canonical", wholeWithFiles("c", noon, label))
	r.settleAll(t)
	r.getFiles(t)
	if got := r.attachments(t, demo, id); len(got) != 1 || got[0].ID != file || r.web.asked != asked {
		t.Errorf("%+v, asked for %d times more", got, r.web.asked-asked)
	}
	if _, answer := r.post(demo, "canonical", wholeWithFiles("c", noon, label)); !strings.Contains(answer, `"duplicates":1`) {
		t.Errorf("the whole again: %s", answer)
	}
	r.sweepFiles(t)
	r.Clock.Advance(time.Hour)
	r.sweepFiles(t)
	if left := r.filesLeft(t); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
	r.fileShown(t, demo, id, file, "told of often")
}

// What was told of before its files were kept names them once they are, in a chat that goes on and in one that has settled: where the
// account kept none, where they were too many of their delivery, and where the message had fewer.
func TestFileThatIsKeptTheSecondTime(t *testing.T) {
	many := func(id string, n int) string {
		files := make([]string, n)
		for i := range files {
			files[i] = fmt.Sprintf(`{"url":"https://files.example.com/%s-%d.png"}`, id, i)
		}
		return fmt.Sprintf(`{"id":%[1]q,"type":"conversation.message","time":%[2]q,"kind":"chat","conversation":"c","entries":[{"id":%[1]q,"time":%[2]q,
			"author":{"role":"visitor"},"text":"Many.","attachments":[%[3]s]}]}`, id, stamp(noon.Add(time.Second)), strings.Join(files, ","))
	}
	message := withFiles("c", noon, label)
	inABatch := bytes.Replace(message, []byte(`"events":[`), []byte(`"events":[`+many("a", 100)+","+many("b", 100)+","), 1)
	second := label + `,{"name":"second.png","url":"https://files.example.com/second.png"}`
	for _, settled := range []bool{false, true} {
		for _, tc := range []struct {
			name          string
			first, again  []byte
			unstored      bool
			reason        conversation.FileReason
			before, after int
		}{
			{"where none were kept", message, message, true, "", 0, 1},
			{"that was too many", inABatch, message, false, conversation.TooMany, 0, 1},
			{"that the message did not have", message, withFiles("c", noon, second), false, "", 1, 2},
		} {
			r := inMemory()
			demo := r.account(t, admin.Request{Account: "demo"})
			r.allow(t, demo, "canonical", "files.example.com")
			r.web.serve("files.example.com", servesPNG)
			if tc.unstored {
				r.change(t, demo, `"store":{"attachment":false}`)
			}
			r.mustPost(t, demo, "canonical", tc.first)
			if settled {
				r.mustPost(t, demo, "canonical", chatEnded("c", noon.Add(time.Minute)))
				r.settleAll(t)
			}
			if tc.unstored {
				r.change(t, demo, `"store":{"attachment":true}`)
			}
			r.getFiles(t)
			id := r.id(t, demo, "canonical", "c", 1)
			named := func() (files []conversation.Attachment) {
				for _, a := range r.attachments(t, demo, id) {
					if a.ID != "" {
						files = append(files, a)
					}
				}
				return files
			}
			if got := r.attachments(t, demo, id)[0]; len(named()) != tc.before || got.Reason != tc.reason {
				t.Errorf("%s, settled %t: at first %+v", tc.name, settled, got)
			}
			for i, want := range []string{`"duplicates":0`, `"duplicates":1`} {
				if _, answer := r.post(demo, "canonical", tc.again); !strings.Contains(answer, want) {
					t.Errorf("%s, settled %t, told %d times more: %s", tc.name, settled, i+1, answer)
				}
			}
			r.mustPost(t, demo, "canonical", tc.first) // late, and it takes nothing away
			r.getFiles(t)
			r.settleAll(t)
			got := named()
			if len(got) != tc.after {
				t.Errorf("%s, settled %t: %+v", tc.name, settled, got)
			}
			for _, f := range got {
				r.fileShown(t, demo, id, f.ID, fmt.Sprintf("%s, settled %t", tc.name, settled))
			}
		}
	}
}

func TestFileOfAWholeConversation(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	r.allow(t, demo, "canonical", "files.example.com")
	r.web.serve("files.example.com", servesPNG)
	r.mustPost(t, demo, "canonical", wholeWithFiles("w", noon, label))
	id := r.id(t, demo, "canonical", "w", 1)
	if v := r.one(t, demo, id); v.State != conversation.Settled {
		t.Fatalf("%+v", v)
	}
	r.getFiles(t)
	r.fileShown(t, demo, id, r.attachments(t, demo, id)[0].ID, "whole")
}

// Whatever request of ingest or attach fails, or is the last of a process that dies: what was acknowledged is fetched in the end,
// once, and nothing is left beside it.
func TestFileSurvivesEveryFailure(t *testing.T) {
	for _, whole := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			for at := 1; ; at++ {
				r := inMemory()
				demo := r.account(t, admin.Request{Account: "demo"})
				r.allow(t, demo, "canonical", "files.example.com")
				r.web.serve("files.example.com", servesPNG)
				body := withFiles("c", noon, label)
				if whole {
					body = wholeWithFiles("c", noon, label)
				}
				k := r.kill(at, after, everything)
				status, _ := r.post(demo, "canonical", body)
				for _, ref := range r.queues.takeAttaching() {
					_ = r.attach.Get(context.Background(), ref)
				}
				died := k.dead
				r.unharmed()
				if status != 202 {
					r.mustPost(t, demo, "canonical", body) // the sender comes again
				}
				r.drain(t)
				r.settleAll(t)
				for range 4 {
					r.Clock.Advance(6 * time.Minute)
					r.sweepFiles(t)
				}
				r.Clock.Advance(time.Hour)
				r.sweepFiles(t)
				id := r.id(t, demo, "canonical", "c", 1)
				got := r.attachments(t, demo, id)[0]
				r.fileShown(t, demo, id, got.ID, fmt.Sprintf("whole %t, request %d, after %t", whole, at, after))
				if left := r.filesLeft(t); len(left) != 2 {
					t.Errorf("whole %t, request %d, after %t: left %v", whole, at, after, left)
				}
				if !died {
					if at < 10 {
						t.Fatalf("only %d requests", at)
					}
					break
				}
			}
		}
	}
}

// Nothing of a file is left, and what is left opens nothing, once its conversation is destroyed, however that comes.
func TestStoreFileGoesWithItsConversation(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, r *road, a admin.Created, id string){
		"by retention": func(t *testing.T, r *road, a admin.Created, id string) {
			r.Clock.Set(r.one(t, a, id).ExpiresAt.Time)
		},
		"by a policy": func(t *testing.T, r *road, a admin.Created, id string) {
			r.Clock.Advance(10 * 24 * time.Hour)
			r.change(t, a, `"retention":{"chat":"P3D"}`)
			r.hidden(t, a, id, "the policy")
			r.Clock.Advance(25 * time.Hour)
		},
		"by hand": func(t *testing.T, r *road, a admin.Created, id string) {
			if code := r.destroy(t, a, id, nil); code != "" {
				t.Fatal(code)
			}
			r.Clock.Advance(25 * time.Hour)
		},
		"by the closing of the account": func(t *testing.T, r *road, a admin.Created, id string) {
			r.closing(t, a, "POST closure")
			r.Clock.Advance(31 * 24 * time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoad(t)
			demo, id, file := r.withLabel(t, "c")
			r.mustPost(t, demo, "canonical", withFiles("c", noon, label+`,{"url":"https://evil.example/never.png"}`)) // once more, with another file
			r.mustPost(t, demo, "canonical", chatEnded("c", noon.Add(time.Minute)))
			r.settleAll(t)
			records, objects := r.Items(t, r.Tables.Records), r.S3.Objects()
			ses, err := r.Open(t.Context(), "demo", "")
			if err != nil {
				t.Fatal(err)
			}
			end(t, r, demo, id)
			r.fileHidden(t, demo, id, file, "hidden")
			r.purgeAll(t)
			r.fileHidden(t, demo, id, file, "purged")
			if left := r.filesLeft(t); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
			// With all that a recovery of the records and the objects brings back, and the keys that are left, nothing opens.
			r.Restore(t, r.Tables.Records, records)
			r.S3.PutBack(objects)
			r.fileHidden(t, demo, id, file, "recovered")
			ref := reference(conversation.View{ID: id, Kind: "chat"}, "demo")
			row, ok, err := ses.Row(t.Context(), ref.Record, ref.Incarnation)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			f, ok, err := r.File(t.Context(), row.FileOf(file))
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if _, err := ses.OpenFile(row, f); !errors.Is(err, vault.ErrUnreadable) {
				t.Errorf("its row: %v", err)
			}
			if _, err := ses.ReadFile(t.Context(), row, file, int64(len(png)), 0, 1); !errors.Is(err, vault.ErrUnreadable) {
				t.Errorf("its object: %v", err)
			}
		})
	}
}

func TestFileOfCompletionGoesAsItCompletes(t *testing.T) {
	r := inMemory()
	demo, _, _ := r.withLabel(t, "c")
	r.change(t, demo, `"cadence":{"chat":"completion"}`)
	r.Clock.Advance(25 * time.Hour)
	r.mustPost(t, demo, "canonical", withFiles("d", r.Clock.Now(), label))
	r.getFiles(t)
	other := r.id(t, demo, "canonical", "d", 1)
	of := r.attachments(t, demo, other)[0].ID
	r.fileShown(t, demo, other, of, "open")
	r.mustPost(t, demo, "canonical", chatEnded("d", r.Clock.Now().Add(time.Second)))
	r.Clock.Advance(time.Minute)
	r.settleAll(t)
	r.fileHidden(t, demo, other, of, "completed")
	r.Clock.Advance(time.Hour)
	r.purgeAll(t)
	if left := r.filesLeft(t); slices.ContainsFunc(left, func(s string) bool { return strings.Contains(s, of) }) {
		t.Errorf("left: %v", left)
	}
}

func TestHoldKeepsAFile(t *testing.T) {
	r := inMemory()
	demo, id, file := r.withLabel(t, "c")
	r.mustPost(t, demo, "canonical", chatEnded("c", noon.Add(time.Minute)))
	r.settleAll(t)
	h := r.holding(t, demo, fmt.Sprintf(`"records":[%q]`, id))
	r.Clock.Set(r.one(t, demo, id).ExpiresAt.AddDate(0, 1, 0))
	r.purgeAll(t)
	r.fileShown(t, demo, id, file, "held")
	if code := r.release(t, demo, h.ID, nil); code != "" {
		t.Fatal(code)
	}
	r.fileHidden(t, demo, id, file, "released")
}

func TestUndoBringsAFileBack(t *testing.T) {
	r := inMemory()
	demo, id, file := r.withLabel(t, "c")
	r.mustPost(t, demo, "canonical", chatEnded("c", noon.Add(time.Minute)))
	r.settleAll(t)
	if code := r.destroy(t, demo, id, nil); code != "" {
		t.Fatal(code)
	}
	r.fileHidden(t, demo, id, file, "by hand")
	r.Clock.Advance(time.Hour)
	r.purgeAll(t)
	if code := r.restore(t, demo, id); code != "" {
		t.Fatal(code)
	}
	r.fileShown(t, demo, id, file, "undone")
}

// A file that comes while its conversation is destroyed leaves nothing: before its object, before its row says so, or after.
func TestFileThatComesTooLate(t *testing.T) {
	for _, when := range []string{"PutObject", "UpdateItem"} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after %t", when, after), func(t *testing.T) {
				r := inMemory()
				demo, id := r.withLabelToGet(t)
				made := 0
				hook := func(_ context.Context, req vaulttest.Request) error {
					if req.Operation != when {
						return nil
					}
					if made++; when == "UpdateItem" && made == 1 {
						return nil // the claim
					}
					r.Fault.Set(nil)
					r.After.Set(nil)
					r.Clock.Set(r.Clock.Now().AddDate(1, 0, 0))
					r.purgeAll(t)
					return nil
				}
				if after {
					r.After.Set(hook)
				} else {
					r.Fault.Set(hook)
				}
				r.getFiles(t)
				if when == "UpdateItem" && made < 2 || made < 1 {
					t.Fatalf("%d requests", made)
				}
				if left := r.filesLeft(t); len(left) != 0 {
					t.Errorf("left: %v", left)
				}
				if status, _ := r.get(t, demo, id, ""); status != 404 {
					t.Errorf("%d", status)
				}
			})
		}
	}
}

// Two that have the same message get the file once.
func TestFileIsClaimed(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	r.allow(t, demo, "canonical", "files.example.com")
	var refs []vault.FileReference
	r.web.serve("files.example.com", func(w http.ResponseWriter, req *http.Request) {
		servesPNG(w, req)
	})
	r.mustPost(t, demo, "canonical", withFiles("c", noon, label))
	refs = r.queues.takeAttaching()
	other := make(chan error, 1)
	r.Fault.Set(func(_ context.Context, req vaulttest.Request) error {
		if req.Operation == "PutObject" {
			r.Fault.Set(nil)
			other <- r.attach.Get(t.Context(), refs[0])
		}
		return nil
	})
	if err := errors.Join(r.attach.Get(t.Context(), refs[0]), <-other); err != nil {
		t.Fatal(err)
	}
	if r.web.asked != 1 {
		t.Errorf("asked for %d times", r.web.asked)
	}
	id := r.id(t, demo, "canonical", "c", 1)
	r.fileShown(t, demo, id, r.attachments(t, demo, id)[0].ID, "claimed")
}

func TestStoreUploadIsSealedFromStaging(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	other := r.account(t, admin.Request{Account: "other"})
	var place attach.Place
	req := r.reading(demo, "", "")
	req.RouteKey, req.Body = "POST /v1/accounts/{account}/uploads", `{"type":"image/png","bytes":228}`
	res, err := r.attach.HTTP(t.Context(), req)
	if err == nil {
		err = asDescribed(req, res)
	}
	if err != nil || res.StatusCode != 201 {
		t.Fatalf("%d %s %v", res.StatusCode, res.Body, err)
	}
	if err := json.Unmarshal([]byte(res.Body), &place); err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"content-type": "image/png", "content-length": "228"}; !maps.Equal(place.Headers, want) ||
		place.URL != "https://staging.invalid/uploads/demo/"+place.Upload+"?expires=300" || !place.ExpiresAt.Equal(noon.Add(5*time.Minute)) {
		t.Errorf("%+v", place)
	}
	attachment := fmt.Sprintf(`{"name":"label.png","upload":%q}`, place.Upload)
	r.mustPost(t, demo, "canonical", withFiles("c", noon, attachment))
	r.mustPost(t, other, "canonical", withFiles("c", noon, attachment))
	r.getFiles(t)
	id := r.id(t, demo, "canonical", "c", 1)
	if got := r.attachments(t, demo, id)[0]; got.State != conversation.FileWaiting || got.Reason != conversation.UploadUnknown {
		t.Errorf("before it is put: %+v", got)
	}
	r.staged.put("uploads/demo/"+place.Upload, "image/png", png)
	r.Clock.Advance(2 * time.Minute)
	r.sweepFiles(t)
	got := r.attachments(t, demo, id)[0]
	if got.State != conversation.FileStored {
		t.Errorf("%+v", got)
	}
	r.fileShown(t, demo, id, got.ID, "put")
	if left := r.staged.bucket.Objects(); len(left) != 0 {
		t.Error("it is left in staging")
	}
	if got := r.attachments(t, other, r.id(t, other, "canonical", "c", 1))[0]; got.State != conversation.FileWaiting {
		t.Errorf("another account's: %+v", got)
	}
}

func TestLargeFileIsReadInParts(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	r.allow(t, demo, "canonical", "files.example.com")
	big := append(bytes.Clone(png), bytes.Repeat([]byte("0123456789abcdef"), 600_000)...)
	r.web.serve("files.example.com", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(big) })
	r.mustPost(t, demo, "canonical", withFiles("c", noon, label))
	r.getFiles(t)
	id := r.id(t, demo, "canonical", "c", 1)
	file := r.attachments(t, demo, id)[0].ID
	if res, body := r.file(t, demo, id, file, ""); res.StatusCode != 413 || !bytes.Contains(body, []byte("attachment_too_large")) || res.Headers["accept-ranges"] != "bytes" {
		t.Errorf("whole: %d %s", res.StatusCode, body)
	}
	if got := r.audited(t, demo, "attachment.read"); len(got) != 1 {
		t.Errorf("what says that it is there is audited as %v", got)
	}
	var read []byte
	for len(read) < len(big) {
		res, body := r.file(t, demo, id, file, fmt.Sprintf("bytes=%d-", len(read)))
		if res.StatusCode != 206 || len(res.Body) > 6<<20-4096 || len(body) == 0 {
			t.Fatalf("from %d: %d, %d bytes", len(read), res.StatusCode, len(res.Body))
		}
		if want := fmt.Sprintf("bytes %d-%d/%d", len(read), len(read)+len(body)-1, len(big)); res.Headers["content-range"] != want {
			t.Errorf("%s, want %s", res.Headers["content-range"], want)
		}
		read = append(read, body...)
	}
	if !bytes.Equal(read, big) {
		t.Error("the parts are not the whole")
	}
}

func TestNamesOfFilesAreHarmless(t *testing.T) {
	for name, want := range map[string]string{
		"bill.pdf": "attachment; filename=bill.pdf", `a"b\\c.pdf`: `attachment; filename=a_b__c.pdf`, "größe.png": "attachment; filename*=utf-8''gr%C3%B6%C3%9Fe.png",
		"a\r\nSet-Cookie: b.png": `attachment; filename="a__Set-Cookie_ b.png"`, "gnp.\u202eexe": "attachment; filename=gnp._exe",
	} {
		r := inMemory()
		demo := r.account(t, admin.Request{Account: "demo"})
		r.allow(t, demo, "canonical", "files.example.com")
		r.web.serve("files.example.com", servesPNG)
		said, err := json.Marshal(map[string]string{"name": name, "url": "https://files.example.com/a"})
		if err != nil {
			t.Fatal(err)
		}
		r.mustPost(t, demo, "canonical", withFiles("c", noon, string(said)))
		r.getFiles(t)
		id := r.id(t, demo, "canonical", "c", 1)
		if res, _ := r.file(t, demo, id, r.attachments(t, demo, id)[0].ID, ""); res.Headers["content-disposition"] != want {
			t.Errorf("%q: %s, want %s", name, res.Headers["content-disposition"], want)
		}
	}
}

// An account that stores no attachments, by its policy or because it keeps the minimum, has what is said of them and no file.
func TestFilesThatAreNotStored(t *testing.T) {
	for _, start := range []string{"minimal", "identified"} {
		r := inMemory()
		demo := r.account(t, admin.Request{Account: "demo", Start: start})
		if start == "identified" {
			r.change(t, demo, `"store":{"attachment":false}`)
		}
		r.mustPost(t, demo, "canonical", withFiles("c", noon, label))
		want := conversation.Attachment{Type: "image/png", Bytes: 228}
		if start == "identified" {
			want.Name = "Iris Vogel label.png"
		}
		if diff := cmp.Diff([]conversation.Attachment{want}, r.attachments(t, demo, r.id(t, demo, "canonical", "c", 1))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", start, diff)
		}
		if left := r.filesLeft(t); len(left) != 0 || len(r.queues.takeAttaching()) != 0 {
			t.Errorf("%s: %v", start, left)
		}
	}
}

// Files that an account has are hidden at once when it stores none any more, come back when it does again, and go with their
// conversations.
func TestFilesOfAnAccountThatStoresThemNoMore(t *testing.T) {
	r := inMemory()
	demo, id, file := r.withLabel(t, "c")
	r.mustPost(t, demo, "canonical", withFiles("d", noon, label))
	r.change(t, demo, `"store":{"attachment":false}`)
	r.fileHidden(t, demo, id, file, "not stored")
	if diff := cmp.Diff([]conversation.Attachment{{Name: "Iris Vogel label.png", Type: "image/png", Bytes: 228}}, r.attachments(t, demo, id)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	asked := r.web.asked
	r.getFiles(t)
	if r.web.asked != asked {
		t.Error("one that waited was fetched")
	}
	r.change(t, demo, `"store":{"attachment":true}`)
	r.fileShown(t, demo, id, file, "stored again")
	if got := r.attachments(t, demo, r.id(t, demo, "canonical", "d", 1))[0]; got.State != conversation.FileMissing || got.Reason != conversation.NotStored {
		t.Errorf("%+v", got)
	}
}

// An extract has the files that are stored, in an archive that tar opens, under names that lead nowhere else.
func TestExtractHasTheFiles(t *testing.T) {
	r := inMemory()
	demo, id, file := r.withLabel(t, "c")
	r.mustPost(t, demo, "canonical", chatEnded("c", noon.Add(time.Minute)))
	r.mustPost(t, demo, "canonical", wholeWithFiles("d", noon, strings.Replace(label, "Iris Vogel label.png", `..\\..\\größe\u202e.png`, 1)+
		`,{"name":"lost.png","url":"https://files.example.com/lost.png"},{"name":"never.png","url":"https://evil.example/never.png"}`))
	r.getFiles(t)
	r.settleAll(t)
	other := r.id(t, demo, "canonical", "d", 1)
	of := r.attachments(t, demo, other)
	ref := reference(conversation.View{ID: other, Kind: "chat"}, "demo")
	r.S3.Forget(vault.FileObject(vault.FileReference{Account: "demo", Record: ref.Record, Incarnation: 1, File: of[1].ID}))

	answer, err := r.extract.Extract(t.Context(), extract.Request{Account: "demo"})
	if err != nil || !answer.Done {
		t.Fatal(answer, err)
	}
	if answer.Records != 2 || answer.Damaged != 1 {
		t.Errorf("%d records, %d damaged", answer.Records, answer.Damaged)
	}
	archive := tar.NewReader(bytes.NewReader(r.files.Objects()[answer.Prefix+"chat-attachments.tar"]))
	got := map[string]string{}
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(archive)
		if err != nil || !head.ModTime.Equal(noon) || head.Mode != 0o600 {
			t.Errorf("%+v %v", head, err)
		}
		got[head.Name] = string(body)
	}
	want := map[string]string{
		id + "/" + file + "-Iris Vogel label.png": string(png), other + "/" + of[0].ID + "-.._.._größe_.png": string(png),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, f := range answer.Files {
		if f.Name == "chat-attachments.tar" && (f.Records != 2 || f.Bytes%512 != 0 || f.Kind != "chat") {
			t.Errorf("%+v", f)
		}
	}
	for _, v := range r.lines(t, demo) {
		if v.ID == id {
			if diff := cmp.Diff(r.attachments(t, demo, id), (*v.Entries)[0].Attachments); diff != "" {
				t.Errorf("the line (-api +extract)\n%s", diff)
			}
		}
	}
}

// The client of the deployed function, in front of a server of ours.
func TestFileIsFetchedByTheGuard(t *testing.T) {
	for address, want := range map[string]conversation.Attachment{
		"93.184.216.34":   {State: conversation.FileStored},
		"127.0.0.1":       {State: conversation.FileWaiting, Reason: conversation.AddressNotAllowed},
		"169.254.169.254": {State: conversation.FileWaiting, Reason: conversation.AddressNotAllowed},
	} {
		t.Run(address, func(t *testing.T) {
			asked := 0
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				servesPNG(w, r)
			}))
			t.Cleanup(server.Close)
			roots := x509.NewCertPool()
			roots.AddCert(server.Certificate())
			r := inMemory()
			r.attach.Fetch = guard.New(guard.Options{
				Roots: roots,
				Resolve: func(context.Context, string) ([]netip.Addr, error) {
					return []netip.Addr{netip.MustParseAddr(address)}, nil
				},
				Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
				},
			})
			demo := r.account(t, admin.Request{Account: "demo"})
			r.allow(t, demo, "canonical", "example.com") // whose the certificate is
			r.mustPost(t, demo, "canonical", withFiles("c", noon, `{"url":"https://example.com/label.png"}`))
			r.getFiles(t)
			id := r.id(t, demo, "canonical", "c", 1)
			got := r.attachments(t, demo, id)[0]
			if got.State != want.State || got.Reason != want.Reason || asked != map[bool]int{true: 1}[want.State == conversation.FileStored] {
				t.Errorf("%+v, asked %d times", got, asked)
			}
			if want.State == conversation.FileStored {
				r.fileShown(t, demo, id, got.ID, "fetched")
			}
		})
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	for body, want := range map[string]int{
		`{"type":"image/png","bytes":26214400}`: 201, `{"type":"image/png","bytes":2.28e2}`: 201, `{"type":"image/png","bytes":26214401}`: 400,
		`{"type":"image/png","bytes":0}`: 400, `{"type":"image/png","bytes":-1}`: 400, `{"type":"image/png","bytes":1.5}`: 400,
		`{"type":"image/png","bytes":"1"}`: 400, `{"type":"image/png"}`: 400, `{"bytes":1}`: 400, `{"type":"image/png; a=b","bytes":1}`: 400,
		`{"type":"image/png\r\nx: y","bytes":1}`: 400, `{"type":"image/png","bytes":1,"name":"label.png"}`: 400, `[]`: 400, ``: 400, `{`: 400,
	} {
		req := r.reading(demo, "", "")
		req.RouteKey, req.Body = "POST /v1/accounts/{account}/uploads", body
		res, err := r.attach.HTTP(t.Context(), req)
		if err == nil {
			err = asDescribed(req, res)
		}
		if err != nil || res.StatusCode != want {
			t.Errorf("%s: %d %s %v, want %d", body, res.StatusCode, res.Body, err, want)
		}
	}
	req := r.reading(demo, "", "")
	req.RouteKey, req.Body = "POST /v1/accounts/{account}/uploads", `{"type":"image/png","bytes":1}`
	req.PathParameters["account"] = "other"
	if res, err := r.attach.HTTP(t.Context(), req); err != nil || res.StatusCode != 401 {
		t.Errorf("with another account's token: %d %v", res.StatusCode, err)
	}
}

// ofTheAttachment makes the sample of a redaction one of the file, and the comment, of the sample of an attachment.
var ofTheAttachment = strings.NewReplacer("41990000000304", "41990000000302", "41990000000303", "41990000000301")

// A file that its sender took back cannot be read from then on, and goes when its conversation settles, whether the sender tells the
// comment with it or not.
func TestFileThatIsTakenBack(t *testing.T) {
	told, alone := strings.NewReplacer(), strings.NewReplacer(`"id": "41990000000301",`, "")
	for _, tc := range []struct {
		name, fetched string
		linked, taken *strings.Replacer
	}{
		{"fetched before", "before", told, told},
		{"never fetched", "never", told, told},
		{"linked without its comment", "before", alone, told},
		{"taken back without its comment", "before", told, alone},
		{"never fetched, taken back without its comment", "never", told, alone},
		{"without its comment", "before", alone, alone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := inMemory()
			demo := r.account(t, admin.Request{Account: "demo"})
			r.web.serve("ferry.zendesk.com", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "%PDF-1.7\n")
			})
			sample := func(name string) []byte {
				body, err := os.ReadFile("../events/ingest/ok-zendesk-" + name + ".json")
				if err != nil {
					t.Fatal(err)
				}
				return body
			}
			r.mustPost(t, demo, "zendesk", []byte(tc.linked.Replace(string(sample("attachment")))))
			refs := r.queues.takeAttaching()
			if len(refs) != 1 {
				t.Fatalf("%d files", len(refs))
			}
			id := vault.ID(refs[0].Record, 1)
			if tc.fetched == "before" {
				if err := r.attach.Get(t.Context(), refs[0]); err != nil {
					t.Fatal(err)
				}
				if res, body := r.file(t, demo, id, refs[0].File, ""); res.StatusCode != 200 || string(body) != "%PDF-1.7\n" {
					t.Fatalf("%d %s", res.StatusCode, body)
				}
			}
			r.mustPost(t, demo, "zendesk", []byte(tc.taken.Replace(ofTheAttachment.Replace(string(sample("attachment-redacted"))))))
			r.fileHidden(t, demo, id, refs[0].File, "taken back")
			r.Clock.Advance(31 * 24 * time.Hour)
			if _, err := r.settle.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.settleAll(t)
			if left := r.filesLeft(t); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
			if err := r.attach.Get(t.Context(), refs[0]); err != nil {
				t.Error(err)
			}
			if left := r.filesLeft(t); len(left) != 0 {
				t.Errorf("left after a message that came late: %v", left)
			}
		})
	}
}

// A message that was changed has another file in the same place; an older telling that comes again does not bring the first back.
func TestFileOfAChangedMessage(t *testing.T) {
	r := inMemory()
	demo, id, file := r.withLabel(t, "c")
	other := []byte("\x89PNG\r\n\x1a\nanother")
	r.web.serve("second.example.com", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(other)
	})
	r.allow(t, demo, "canonical", "files.example.com", "second.example.com")
	changed := func(at time.Time, name string) []byte {
		return withFiles("c", at, `{"name":"`+name+`","type":"image/png","url":"https://second.example.com/`+name+`"}`)
	}
	r.mustPost(t, demo, "canonical", changed(noon.Add(time.Minute), "second.png"))
	r.getFiles(t)
	if res, body := r.file(t, demo, id, file, ""); res.StatusCode != 200 || !bytes.Equal(body, other) {
		t.Errorf("the changed file: %d, %d bytes", res.StatusCode, len(body))
	}
	r.mustPost(t, demo, "canonical", changed(noon.Add(time.Minute), "second.png"))
	if refs := r.queues.takeAttaching(); len(refs) != 0 {
		t.Errorf("it is fetched once more: %v", refs)
	}
	for _, item := range r.Items(t, r.Tables.Records) {
		if _, ends := item["ttl"]; ends && strings.HasPrefix(attr.GetS(item, "sk"), "file#") {
			t.Error("a file may be collected before its conversation")
		}
	}
}

// What is told of a file that is stored, with another address, does not take it away, for senders make their addresses anew; with another
// upload, or as another file, it does. And what it leads to then is what there is, or nothing: not even where a process dies.
func TestFileThatIsStoredIsToldAnew(t *testing.T) {
	const addressed = `{"name":"Iris Vogel label.png","type":"image/png","bytes":228,"url":"https://files.example.com/second/label.png"}`
	page := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }
	for name, tc := range map[string]struct {
		first, again string
		serves       http.HandlerFunc
		stays        bool
		reason       conversation.FileReason
	}{
		"at another address":               {label, addressed, page, true, ""},
		"at an address, and it was put":    {`{"name":"label.png","upload":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}`, `{"name":"label.png","url":"https://files.example.com/a"}`, page, true, ""},
		"as another, which is refused":     {label, strings.Replace(addressed, "Iris Vogel ", "", 1), page, false, conversation.TypeNotAllowed},
		"as a larger one, which is gone":   {label, strings.Replace(addressed, "228", "229", 1), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, false, conversation.Gone},
		"as another, which is not there":   {label, strings.Replace(addressed, "png", "gif", 1), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, false, conversation.NotFound},
		"as another upload, which is none": {label, `{"name":"Iris Vogel label.png","type":"image/png","bytes":228,"upload":"bbbbbbbbbbbbbbbbbbbbbbbbbb"}`, page, false, conversation.UploadUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			for _, after := range []bool{false, true} {
				for at := 1; ; at++ {
					r := inMemory()
					r.staged.put("uploads/demo/aaaaaaaaaaaaaaaaaaaaaaaaaa", "image/png", png)
					demo := r.account(t, admin.Request{Account: "demo"})
					r.allow(t, demo, "canonical", "files.example.com")
					r.web.serve("files.example.com", servesPNG)
					r.mustPost(t, demo, "canonical", withFiles("c", noon, tc.first))
					r.getFiles(t)
					id := r.id(t, demo, "canonical", "c", 1)
					file := r.attachments(t, demo, id)[0].ID
					r.fileShown(t, demo, id, file, "at first")
					r.web.serve("files.example.com", tc.serves)
					again := []byte(strings.Replace(string(withFiles("c", noon, tc.again)), stamp(noon), stamp(noon.Add(time.Minute)), 1))
					k := r.kill(at, after, everything)
					_, _ = r.post(demo, "canonical", again)
					for _, ref := range r.queues.takeAttaching() {
						_ = r.attach.Get(t.Context(), ref)
					}
					died := k.dead
					r.unharmed()
					r.mustPost(t, demo, "canonical", again)
					r.getFiles(t)
					for range waitsOfAttach + 2 {
						r.Clock.Advance(25 * time.Hour)
						r.sweepFiles(t)
					}
					got, left := r.attachments(t, demo, id)[0], r.filesLeft(t)
					switch {
					case tc.stays:
						r.fileShown(t, demo, id, file, fmt.Sprintf("killed at %d, after it %t", at, after))
					case got.State != conversation.FileMissing || got.Reason != tc.reason || len(left) != 1:
						t.Errorf("killed at %d, after it %t: %+v, left %v", at, after, got, left)
					}
					if !died {
						break
					}
				}
			}
		})
	}
}

// Whoever puts the object of a file and dies leaves nothing where the file is given up after that: because the account keeps none any
// more, or because its row does not open.
func TestFileThatWasPutAndIsGivenUp(t *testing.T) {
	for reason, happens := range map[conversation.FileReason]func(t *testing.T, r *road, a admin.Created){
		conversation.NotStored: func(t *testing.T, r *road, a admin.Created) { r.change(t, a, `"store":{"attachment":false}`) },
		conversation.Damaged: func(t *testing.T, r *road, a admin.Created) {
			for _, item := range r.Items(t, r.Tables.Records) {
				if strings.HasPrefix(attr.GetS(item, "sk"), "file#") {
					item["file"] = attr.B([]byte("x"))
					r.put(t, r.Tables.Records, item)
				}
			}
		},
	} {
		r := inMemory()
		demo := r.account(t, admin.Request{Account: "demo"})
		r.allow(t, demo, "canonical", "files.example.com")
		r.web.serve("files.example.com", servesPNG)
		r.mustPost(t, demo, "canonical", withFiles("c", noon, label))
		put := false
		r.After.Set(func(_ context.Context, req vaulttest.Request) error {
			if put = put || req.Operation == "PutObject"; put {
				return errKilled
			}
			return nil
		})
		for _, ref := range r.queues.takeAttaching() {
			_ = r.attach.Get(t.Context(), ref)
		}
		r.unharmed()
		if left := r.filesLeft(t); len(left) != 3 {
			t.Fatalf("%s: it did not put the object: %v", reason, left)
		}
		happens(t, r, demo)
		for range 2 {
			r.Clock.Advance(time.Hour)
			r.sweepFiles(t)
		}
		for _, item := range r.Items(t, r.Tables.Records) {
			if strings.HasPrefix(attr.GetS(item, "sk"), "file#") && attr.GetS(item, "reason") != string(reason) {
				t.Errorf("%s: %s", reason, attr.GetS(item, "reason"))
			}
		}
		if left := r.filesLeft(t); len(left) != 1 {
			t.Errorf("%s: left %v", reason, left)
		}
	}
}

// An address of another form than is fetched is not looked for, and what is said of the file says why it is not there.
func TestFileOfAnAddressThatIsNeverFetched(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	r.allow(t, demo, "canonical", "files.example.com")
	for i, address := range []string{
		"https://127.0.0.1/label.png", "https://files.example.com:8443/label.png", "https://iris:nightingale@files.example.com/label.png", "https://localhost/label.png",
	} {
		chat := fmt.Sprintf("c%d", i)
		r.mustPost(t, demo, "canonical", withFiles(chat, noon, fmt.Sprintf(`{"name":"label.png","url":%q}`, address)))
		want := []conversation.Attachment{{Name: "label.png", State: conversation.FileMissing, Reason: conversation.AddressNotAllowed}}
		if diff := cmp.Diff(want, r.attachments(t, demo, r.id(t, demo, "canonical", chat, 1))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", address, diff)
		}
	}
	body, err := os.ReadFile("../events/ingest/ok-zendesk-attachment-note.json") // whose link is one of http
	if err != nil {
		t.Fatal(err)
	}
	r.mustPost(t, demo, "zendesk", body)
	_, v := r.oneOf(t, demo, "tickets", r.listOf(t, demo, "tickets", "").Tickets[0].ID)
	want := []conversation.Attachment{{Name: "passport.png", Type: "image/png", State: conversation.FileMissing, Reason: conversation.AddressNotAllowed}}
	if diff := cmp.Diff(want, (*v.Entries)[0].Attachments); diff != "" {
		t.Errorf("of http (-want +got)\n%s", diff)
	}
	if left := r.filesLeft(t); len(left) != 0 || len(r.queues.takeAttaching()) != 0 {
		t.Errorf("left: %v", left)
	}
	r.change(t, demo, `"store":{"attachment":false}`)
	if got := r.attachments(t, demo, r.id(t, demo, "canonical", "c0", 1))[0]; got != (conversation.Attachment{Name: "label.png"}) {
		t.Errorf("of an account that stores none: %+v", got)
	}
}

// However the destruction of a conversation, or the settling that deletes what was taken back, meets whoever gets its file, and
// wherever that one dies: nothing is left once it was swept.
func TestFileIsNeverLeftBehind(t *testing.T) {
	for _, takenBack := range []bool{false, true} {
		plays := 0
		for i := 1; ; i++ {
			getting := true
			for dies := i; getting; dies++ {
				going, died := true, false
				for j := 1; going; j++ {
					r := inMemory()
					ref, goes := r.fileThatGoes(t, takenBack)
					ctx, kill := context.WithCancel(context.Background())
					made := 0
					r.After.Set(func(ctx context.Context, req vaulttest.Request) error {
						if actorOf(ctx) == "getting" && req.Writes() {
							if made++; made == dies {
								died = true
								kill()
							}
						}
						return nil
					})
					c := r.conduct(t, writes)
					getting = c.start("getting", i, func(as context.Context) error {
						return r.attach.Get(context.WithValue(ctx, actor{}, actorOf(as)), ref)
					})
					going = c.start("going", j, goes)
					_, err := c.end("getting"), c.end("going")
					kill()
					if err != nil {
						t.Fatal(err)
					}
					r.unharmed()
					for range 4 {
						r.Clock.Advance(6 * time.Minute)
						r.sweepFiles(t)
					}
					if left := r.filesLeft(t); len(left) != 0 {
						t.Fatalf("taken back %t, got up to write %d, gone up to %d, dead after write %d: left %v", takenBack, i, j, dies, left)
					}
					plays++
				}
				if !died {
					break
				}
			}
			if !getting {
				break
			}
		}
		if plays < 100 {
			t.Errorf("only %d interleavings", plays)
		}
		t.Logf("%d interleavings", plays)
	}
}

// fileThatGoes is a file that nobody has got yet, and what deletes it: the settling of a ticket in which it was taken back, or the
// purge of a chat.
func (r *road) fileThatGoes(t testing.TB, takenBack bool) (ref vault.FileReference, goes func(context.Context) error) {
	t.Helper()
	demo := r.account(t, admin.Request{Account: "demo"})
	for _, host := range []string{"files.example.com", "ferry.zendesk.com"} {
		r.web.serve(host, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "%PDF-1.7\n") })
	}
	r.allow(t, demo, "canonical", "files.example.com")
	if takenBack {
		for _, name := range []string{"attachment", "attachment-redacted"} {
			body, err := os.ReadFile("../events/ingest/ok-zendesk-" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			r.mustPost(t, demo, "zendesk", []byte(ofTheAttachment.Replace(string(body))))
		}
		r.Clock.Advance(31 * 24 * time.Hour)
		if _, err := r.settle.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		tickets := r.queues.takeSettling()
		return r.queues.takeAttaching()[0], func(ctx context.Context) error { return r.settle.Settle(ctx, tickets[0]) }
	}
	r.mustPost(t, demo, "canonical", wholeWithFiles("c", noon, `{"url":"https://files.example.com/bill.pdf"}`))
	r.settleAll(t)
	r.Clock.Set(r.one(t, demo, r.id(t, demo, "canonical", "c", 1)).ExpiresAt.Add(-time.Minute))
	return r.queues.takeAttaching()[0], func(ctx context.Context) error {
		r.Clock.Advance(time.Minute)
		rep, err := r.purge.Purge(ctx, purge.Request{})
		if err == nil && len(rep.Failures) > 0 {
			err = fmt.Errorf("%+v", rep)
		}
		return err
	}
}

// tellAnew tells of the file of withLabel's chat again, at a later time with another token.
func tellAnew(chat string, at time.Time, address string) []byte {
	again := strings.NewReplacer(`"with-files"`, `"anew"`, "https://files.example.com/label.png?token=nightingaletoken", address).
		Replace(string(withFiles(chat, noon, label)))
	return []byte(strings.Replace(again, stamp(noon), stamp(at), 1)) // the event's, not the entry's
}

// serveToken serves the file to whoever has a token, and answers others with a status.
func (r *road) serveToken(token string, status int) {
	r.web.serve("files.example.com", func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Query().Get("token") != token {
			w.WriteHeader(status)
			return
		}
		servesPNG(w, req)
	})
}

// A newer telling of a file that is not there brings the address that opens it now: while it waits, and when it is missing for a
// reason that may be over; in a chat that goes on and in one that has settled.
func TestFileIsToldAnew(t *testing.T) {
	const fresh = "https://files.example.com/label.png?token=fresh"
	for _, settled := range []bool{false, true} {
		for _, status := range []int{403, 404, 410, 500} {
			for _, missing := range []bool{false, true} {
				r := inMemory()
				demo := r.account(t, admin.Request{Account: "demo"})
				r.allow(t, demo, "canonical", "files.example.com")
				r.serveToken("fresh", status)
				r.mustPost(t, demo, "canonical", withFiles("c", noon, label))
				if settled {
					r.mustPost(t, demo, "canonical", chatEnded("c", noon.Add(time.Minute)))
					r.settleAll(t)
				}
				r.getFiles(t)
				if missing {
					for range waitsOfAttach {
						r.Clock.Advance(25 * time.Hour)
						r.sweepFiles(t)
					}
				}
				id := r.id(t, demo, "canonical", "c", 1)
				before := r.attachments(t, demo, id)[0]
				r.mustPost(t, demo, "canonical", tellAnew("c", noon, fresh)) // which is no newer
				if refs := r.queues.takeAttaching(); len(refs) != 0 {
					t.Errorf("settled %t, %d, missing %t: a telling of the same time: %v", settled, status, missing, refs)
				}
				r.mustPost(t, demo, "canonical", tellAnew("c", noon.Add(time.Second), fresh))
				r.getFiles(t)
				if got := r.attachments(t, demo, id)[0]; got.State != conversation.FileStored || got.ID != before.ID {
					t.Errorf("settled %t, %d, missing %t: %+v after %+v", settled, status, missing, got, before)
				}
				r.mustPost(t, demo, "canonical", tellAnew("c", noon.Add(2*time.Second), fresh+"er"))
				if refs := r.queues.takeAttaching(); len(refs) != 0 {
					t.Errorf("settled %t, %d, missing %t: what is stored is asked for: %v", settled, status, missing, refs)
				}
				r.Clock.Advance(time.Hour)
				r.sweepFiles(t)
				if left := r.filesLeft(t); len(left) != 2 {
					t.Errorf("settled %t, %d, missing %t: left %v", settled, status, missing, left)
				}
			}
		}
	}
}

// waitsOfAttach is how often it is tried to get a file after the first time.
const waitsOfAttach = 5

// What the file itself is, no other address changes; and the same address waits for its turn.
func TestFileThatIsToldAnewInVain(t *testing.T) {
	for _, tc := range []struct {
		name, address string
		serves        http.HandlerFunc
	}{
		{"of a type that is not kept", "https://files.example.com/label.png?token=fresh", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }},
		{"of the same address", "https://files.example.com/label.png?token=nightingaletoken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }},
	} {
		r := inMemory()
		demo := r.account(t, admin.Request{Account: "demo"})
		r.allow(t, demo, "canonical", "files.example.com")
		r.web.serve("files.example.com", tc.serves)
		r.mustPost(t, demo, "canonical", withFiles("c", noon, label))
		r.getFiles(t)
		before := r.filesLeft(t)
		r.mustPost(t, demo, "canonical", tellAnew("c", noon.Add(time.Second), tc.address))
		if refs := r.queues.takeAttaching(); len(refs) != 0 || !slices.Equal(before, r.filesLeft(t)) {
			t.Errorf("%s: %v, left %v", tc.name, refs, r.filesLeft(t))
		}
	}
}

// A file that is told anew while somebody gets it is got once more when the claim is over, by whatever was told last, and nobody
// writes an object beside somebody else.
func TestFileIsToldAnewWhileItIsFetched(t *testing.T) {
	other := []byte("\x89PNG\r\n\x1a\nanother")
	for _, address := range []string{"https://files.example.com/label.png?token=fresh", "https://files.example.com/another.png"} {
		for _, opens := range []bool{false, true} {
			r := inMemory()
			demo := r.account(t, admin.Request{Account: "demo"})
			r.allow(t, demo, "canonical", "files.example.com")
			asked := 0
			r.web.serve("files.example.com", func(w http.ResponseWriter, req *http.Request) {
				if asked++; asked == 1 {
					r.mustPost(t, demo, "canonical", tellAnew("c", noon.Add(time.Second), address))
					if refs := r.queues.takeAttaching(); len(refs) != 0 {
						t.Errorf("%s: somebody else is asked: %v", address, refs)
					}
					if opens {
						servesPNG(w, req)
						return
					}
					w.WriteHeader(410)
					return
				}
				w.Header().Set("Content-Type", "image/png")
				_, _ = w.Write(other)
			})
			r.mustPost(t, demo, "canonical", withFiles("c", noon, label))
			r.getFiles(t)
			id := r.id(t, demo, "canonical", "c", 1)
			if got := r.attachments(t, demo, id)[0]; got.State != conversation.FileWaiting {
				t.Errorf("%s, %t: %+v", address, opens, got)
			}
			r.Clock.Advance(4 * time.Minute)
			if n := r.sweepFiles(t); n != 0 || asked != 1 {
				t.Errorf("%s, %t: got during the claim", address, opens)
			}
			r.Clock.Advance(2 * time.Minute)
			r.sweepFiles(t)
			if res, body := r.file(t, demo, id, r.attachments(t, demo, id)[0].ID, ""); res.StatusCode != 200 || !bytes.Equal(body, other) || asked != 2 {
				t.Errorf("%s, %t: %d, %d bytes, asked %d times", address, opens, res.StatusCode, len(body), asked)
			}
			r.Clock.Advance(time.Hour)
			r.sweepFiles(t)
			if left := r.filesLeft(t); len(left) != 2 {
				t.Errorf("%s, %t: left %v", address, opens, left)
			}
		}
	}
}

// What a sweep has sent the next does not send again, so a queue that is long does not become longer; a lost message costs an hour.
func TestSweepSendsWhatIsDueOnce(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	r.allow(t, demo, "canonical", "files.example.com")
	r.web.serve("files.example.com", servesPNG)
	r.mustPost(t, demo, "canonical", withFiles("c", noon, label))
	r.queues.takeAttaching() // and lost
	sweep := func() int {
		swept, err := r.attach.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return swept.Due
	}
	r.Clock.Advance(6 * time.Minute)
	r.queues.refuseWith(errors.New("refused"))
	if _, err := r.attach.Sweep(t.Context()); err == nil {
		t.Error("no error of a queue that refuses")
	}
	r.queues.refuseWith(nil)
	if n := sweep(); n != 1 {
		t.Errorf("%d are sent after a queue refused", n)
	}
	r.Clock.Advance(59 * time.Minute)
	if n := sweep(); n != 0 {
		t.Errorf("%d are sent again", n)
	}
	r.queues.takeAttaching() // and lost once more
	r.Clock.Advance(2 * time.Minute)
	if n := sweep(); n != 1 {
		t.Errorf("%d are sent after an hour", n)
	}
	r.getFiles(t)
	id := r.id(t, demo, "canonical", "c", 1)
	r.fileShown(t, demo, id, r.attachments(t, demo, id)[0].ID, "sent again")
	if left := r.filesLeft(t); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}

// A row that does not open is given up at once, and says so in the log by the name of the file alone; what is told anew heals it.
func TestFileWhoseRowIsDamaged(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	r.allow(t, demo, "canonical", "files.example.com")
	r.web.serve("files.example.com", servesPNG)
	r.mustPost(t, demo, "canonical", withFiles("c", noon, label))
	for _, item := range r.Items(t, r.Tables.Records) {
		if strings.HasPrefix(attr.GetS(item, "sk"), "file#") {
			item["file"] = attr.B([]byte("x"))
			r.Restore(t, r.Tables.Records, []attr.Item{item})
		}
	}
	lines := logged(t, func() { r.getFiles(t) })
	errs := slices.DeleteFunc(lines, func(l map[string]any) bool { return l["level"] != "ERROR" })
	id := r.id(t, demo, "canonical", "c", 1)
	got := r.attachments(t, demo, id)[0]
	if len(errs) != 1 || errs[0]["file"] != got.ID || len(errs[0]) != 4 { // with time, level and message
		t.Errorf("logged: %v", errs)
	}
	if got.State != conversation.FileMissing || got.Reason != conversation.Damaged || r.web.asked != 0 {
		t.Errorf("%+v, asked %d times", got, r.web.asked)
	}
	if left := r.filesLeft(t); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	r.mustPost(t, demo, "canonical", tellAnew("c", noon.Add(time.Second), "https://files.example.com/label.png"))
	r.getFiles(t)
	r.fileShown(t, demo, id, got.ID, "told anew")
}

// Nothing is fetched for a conversation that nobody may read; where that is undone, it is fetched then.
func TestFileOfAConversationThatNobodyMayRead(t *testing.T) {
	for _, byHand := range []bool{false, true} {
		r := inMemory()
		demo, id := r.withLabelToGet(t)
		if byHand {
			if code := r.destroy(t, demo, id, nil); code != "" {
				t.Fatal(code)
			}
		} else {
			r.Clock.Set(r.one(t, demo, id).ExpiresAt.Time)
		}
		refs := r.queues.takeAttaching()
		for range 2 {
			if err := r.attach.Get(t.Context(), refs[0]); err != nil {
				t.Fatal(err)
			}
		}
		if r.web.asked != 0 {
			t.Errorf("by hand %t: it is fetched", byHand)
		}
		if !byHand {
			r.purgeAll(t)
			if left := r.filesLeft(t); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
			continue
		}
		if code := r.restore(t, demo, id); code != "" {
			t.Fatal(code)
		}
		r.Clock.Advance(25 * time.Hour)
		r.sweepFiles(t)
		r.fileShown(t, demo, id, r.attachments(t, demo, id)[0].ID, "undone")
	}
}

// Of one delivery so many files are kept; of the others it is said that they were too many.
func TestFilesThatAreTooMany(t *testing.T) {
	of := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`{"name":"%d.png","url":"https://files.example.com/%d.png"}`, i, i)
		}
		return strings.Join(all, ",")
	}
	entry := func(id string, n int) string {
		return fmt.Sprintf(`{"id":%q,"time":%q,"author":{"role":"visitor"},"attachments":[%s]}`, id, stamp(noon), of(n))
	}
	event := func(id, entries string) string {
		return fmt.Sprintf(`{"id":%q,"type":"conversation.message","time":%q,"kind":"chat","conversation":"c","entries":[%s]}`, id, stamp(noon), entries)
	}
	for name, told := range map[string]string{
		"of one event":        event("a", entry("1", 100)+","+entry("2", 100)+","+entry("3", 3)),
		"of several":          event("a", entry("1", 100)+","+entry("2", 100)) + "," + event("b", entry("3", 3)),
		"of one that is last": event("a", entry("0", 1)) + "," + event("b", entry("1", 100)+","+entry("2", 100)+","+entry("3", 3)),
	} {
		r := inMemory()
		demo := r.account(t, admin.Request{Account: "demo"})
		r.mustPost(t, demo, "canonical", []byte(`{"version":"1","events":[`+told+`]}`))
		states := map[string]int{}
		for _, e := range *r.one(t, demo, r.id(t, demo, "canonical", "c", 1)).Entries {
			for _, a := range e.Attachments {
				if (a.ID == "") != (a.Reason == conversation.TooMany) {
					t.Errorf("%s: %+v", name, a)
				}
				states[string(a.State)+" "+string(a.Reason)]++
			}
		}
		want := map[string]int{"waiting ": 200, "missing too_many": 3}
		if name == "of one that is last" {
			want = map[string]int{"waiting ": 1, "missing too_many": 203}
		}
		if diff := cmp.Diff(want, states); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// An upload that is refused does not lie in staging until its day is over.
func TestUploadOfAFileThatIsRefused(t *testing.T) {
	for want, body := range map[conversation.FileReason][]byte{
		conversation.TypeNotAllowed: []byte("<html>"), conversation.TooLarge: append(bytes.Clone(png), make([]byte, vault.MaxFile)...),
	} {
		r := inMemory()
		demo := r.account(t, admin.Request{Account: "demo"})
		upload := strings.Repeat("a", 26)
		r.staged.put("uploads/demo/"+upload, "image/png", body)
		r.mustPost(t, demo, "canonical", withFiles("c", noon, fmt.Sprintf(`{"upload":%q}`, upload)))
		r.getFiles(t)
		if got := r.attachments(t, demo, r.id(t, demo, "canonical", "c", 1))[0]; got.State != conversation.FileMissing || got.Reason != want {
			t.Errorf("%+v", got)
		}
		if left := r.staged.bucket.Objects(); len(left) != 0 {
			t.Errorf("%s: it is left in staging", want)
		}
	}
}

// sentFiles is a client of SQS that remembers what it was given.
type sentFiles struct {
	sent []sqstypes.SendMessageBatchRequestEntry
}

func (c *sentFiles) SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	return nil, errors.New("one by one")
}

func (c *sentFiles) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	c.sent = append(c.sent, in.Entries...)
	return &sqs.SendMessageBatchOutput{}, nil
}

// A message of the attach queue says whose it is, so that one account's files do not delay another's.
func TestFilesAreSentInTheGroupOfTheirAccount(t *testing.T) {
	client := &sentFiles{}
	queues := ingest.Queues{Attaching: sqsqueue.Queue{Client: client}}
	for _, account := range []string{"demo", "other"} {
		ref := vault.FileReference{Account: account, Record: strings.Repeat("a", 32), Incarnation: 1, File: strings.Repeat("b", 26)}
		if err := queues.Attach(t.Context(), []vault.FileReference{ref}); err != nil {
			t.Fatal(err)
		}
	}
	if len(client.sent) != 2 || *client.sent[0].MessageGroupId != "demo" || *client.sent[1].MessageGroupId != "other" {
		t.Errorf("%d entries", len(client.sent))
	}
}

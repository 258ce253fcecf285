//go:build e2e

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// The end-to-end tests prove the wiring: routes, authorizer, permissions to reach things, queues, direct invocations. What
// the functions decide is tested in their own packages. `make e2e` deploys a stack for them and sets SUPPORTVAULT_OUTPUTS.
func deployedStack(t *testing.T) stack {
	t.Helper()
	path := os.Getenv("SUPPORTVAULT_OUTPUTS")
	if path == "" {
		t.Fatal("SUPPORTVAULT_OUTPUTS is not set; remedy: make e2e")
	}
	o, err := readOutputs(home{dir: filepath.Dir(path)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := localStack(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stored are the beginnings of the objects whose names begin so, by name.
func (s stack) stored(t *testing.T, prefix string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	objects := s3.NewListObjectsV2Paginator(s.s3(), &s3.ListObjectsV2Input{Bucket: aws.String(s.Buckets["objects"]), Prefix: &prefix})
	for objects.HasMorePages() {
		page, err := objects.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range page.Contents {
			lines, err := s.head(t.Context(), s.Buckets["objects"], *object.Key, 1000)
			if err != nil {
				t.Fatal(err)
			}
			texts[*object.Key] = strings.Join(lines, "\n")
		}
	}
	return texts
}

// newAccount creates an account of its own for the test.
func (s stack) newAccount(t *testing.T, r accountRequest) outputs {
	t.Helper()
	a, err := s.createOwnAccount(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	o := s.outputs
	o.take(a)
	return o
}

func readSamples(t *testing.T) []sample {
	t.Helper()
	all, err := samples("../..", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

type receipt struct {
	Accepted   int                            `json:"accepted"`
	Duplicates int                            `json:"duplicates"`
	Error      struct{ Code, Message string } `json:"error"`
}

// post sends a delivery with the given headers.
func post(t *testing.T, url string, headers map[string]string, body []byte) (int, receipt) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	status, answer, err := do(req)
	if err != nil {
		t.Fatal(err)
	}
	var r receipt
	if err := json.Unmarshal(answer, &r); err != nil {
		t.Errorf("the answer %q is not JSON: %v", answer, err)
	}
	return status, r
}

func TestEndToEndChat(t *testing.T) {
	s := deployedStack(t)
	sent := readSamples(t)
	for _, sample := range sent {
		to := s.Sources[sample.source]
		headers, err := sample.headers(to.Secret, time.Now())
		if err != nil {
			t.Fatalf("%s: %v", sample.name, err)
		}
		if status, r := post(t, to.URL, headers, sample.sent(to.Secret)); status != http.StatusAccepted {
			t.Errorf("%s: %d %+v, want 202", sample.name, status, r)
		}
		// Visits are written anew each time, and what LiveChat says of tags has no time: it may have been set again.
		anew := strings.Contains(sample.name, "visits") || sample.source == "beacon" || strings.HasSuffix(sample.name, "tagged.json")
		if status, r := post(t, to.URL, headers, sample.sent(to.Secret)); status != http.StatusAccepted || r.Accepted != 0 && !anew {
			t.Errorf("%s sent again: %d %+v, want 202 and nothing accepted", sample.name, status, r)
		}
	}
	c, err := s.settled(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Entries) == 0 {
		t.Fatalf("the settled chat has no entries: %s", c.opened)
	}

	t.Run("a list has no entries", func(t *testing.T) {
		_, answer, err := get(t.Context(), s.chats()+"?limit=100", s.Token)
		if err != nil || bytes.Contains(answer, []byte(`"entries"`)) || !bytes.Contains(answer, []byte(c.ID)) {
			t.Errorf("got %v %s", err, answer)
		}
	})
	t.Run("only the account's own token opens it", func(t *testing.T) {
		other := s.newAccount(t, accountRequest{Account: "stranger", Plan: "standard", Start: "minimal"})
		for _, token := range []string{"", "wrong", other.Token, s.Token + "x"} {
			status, answer, err := get(t.Context(), s.chats()+"/"+c.ID, token)
			if err != nil || status != http.StatusUnauthorized && status != http.StatusForbidden {
				t.Errorf("token %q: %d %v", token, status, err)
			}
			if bytes.Contains(answer, []byte("entries")) {
				t.Errorf("token %q opened it", token)
			}
		}
	})
	t.Run("nothing of it can be read in the tables, the buckets or the log", func(t *testing.T) { sealed(t, s, c) })
	t.Run("the extract holds it", func(t *testing.T) {
		x, err := s.extract(t.Context(), s.Account, func(extraction) {})
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(t.TempDir(), "extract")
		if err := s.download(t.Context(), x, folder, func(file) {}); err != nil {
			t.Fatal(err)
		}
		lines, found := 0, false
		for _, f := range x.Files {
			if !slices.Contains([]string{"chat", "ticket", "call", "article"}, f.Kind) || !strings.HasSuffix(f.Name, ".ndjson") {
				continue
			}
			content, err := os.ReadFile(filepath.Join(folder, f.Name))
			if err != nil {
				t.Fatal(err)
			}
			for text := range bytes.Lines(content) {
				var line chat
				if err := json.Unmarshal(text, &line); err != nil {
					t.Errorf("line %d of %s: %v", lines, f.Name, err)
				}
				lines++
				found = found || line.ID == c.ID && len(line.Entries) == len(c.Entries)
			}
		}
		if !found || lines != x.Records {
			t.Errorf("found the chat: %v; %d lines, %d records told", found, lines, x.Records)
		}
	})
	t.Run("what was extracted is imported elsewhere", func(t *testing.T) { importedElsewhere(t, s, c) })
	t.Run("an extract by the API leads to its files", func(t *testing.T) { extractedByAPI(t, s) })
	t.Run("a rotated secret and the one before both sign", func(t *testing.T) {
		before := s.Sources["tawkto"]
		var r struct{ Secret string }
		if err := s.call(t.Context(), "admin", map[string]string{"action": "rotate-secret", "account": s.Account, "source": "tawkto"}, &r); err != nil {
			t.Fatal(err)
		}
		for i, secret := range []string{before.Secret, r.Secret} {
			body := fmt.Appendf(nil, `{"event":"chat:start","chatId":"rotated-%d","time":%q,"message":{"text":"Hello there","type":"msg",`+
				`"sender":{"type":"visitor"}},"visitor":{"name":"Ada"},"property":{"id":"1","name":"Example"}}`, i, time.Now().UTC().Format(time.RFC3339Nano))
			if status, answer, err := (delivery{"tawkto", body}).send(t.Context(), source{before.URL, secret}); err != nil || status != http.StatusAccepted {
				t.Errorf("secret %d: %d %s %v", i, status, answer, err)
			}
		}
	})
}

// importedElsewhere extracts the account, and imports the file with a conversation into another, twice.
func importedElsewhere(t *testing.T, s stack, c chat) {
	x, err := s.extract(t.Context(), s.Account, func(extraction) {})
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "extract")
	if err := s.download(t.Context(), x, folder, func(file) {}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "chats.ndjson")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(content, "no line\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	to := s
	to.outputs = s.newAccount(t, accountRequest{Account: "history", Plan: "standard", Start: "identified"})
	lines := bytes.Count(content, []byte("\n"))
	for _, accepted := range []int{lines, 0} {
		im, err := to.importFile(t.Context(), to.Account, file, func(importation) {})
		if err != nil || im.Accepted != accepted || im.Duplicates != lines-accepted || im.Refused != 1 || im.Refusals[0].Line != lines+1 {
			t.Fatalf("imported %+v, %v, want %d of %d lines", im, err, accepted, lines)
		}
	}
	var page struct{ Chats []chat }
	status, answer, err := get(t.Context(), to.chats(), to.Token)
	if err != nil || status != http.StatusOK || json.Unmarshal(answer, &page) != nil || len(page.Chats) == 0 {
		t.Fatalf("%d %.300s %v", status, answer, err)
	}
}

// extractedByAPI has the account's token begin an extract, waits for it and follows the link to each of its files.
func extractedByAPI(t *testing.T, s stack) {
	url := s.API + "/v1/accounts/" + s.Account + "/extracts"
	type job struct {
		ID, Status string
		Files      []struct {
			file
			Href string
		}
	}
	client := http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, url, token string, want int) (http.Header, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != want {
			t.Fatalf("%s %s: %d %.300s %v", method, url, res.StatusCode, answer, err)
		}
		return res.Header, answer
	}
	header, _ := ask(http.MethodPost, url, s.Token, http.StatusAccepted)
	var j job
	for deadline := time.Now().Add(time.Minute); j.Status != "complete"; {
		if time.Now().After(deadline) {
			t.Fatalf("it is not complete within a minute: %+v", j)
		}
		if err := sleep(t.Context(), 200*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		_, answer := ask(http.MethodGet, s.API+header.Get("Location"), s.Token, http.StatusOK)
		if err := json.Unmarshal(answer, &j); err != nil {
			t.Fatal(err)
		}
	}
	if len(j.Files) < 8 {
		t.Errorf("there are %d files: %+v", len(j.Files), j.Files)
	}
	for _, f := range j.Files {
		header, _ := ask(http.MethodGet, s.API+f.Href, s.Token, http.StatusFound)
		if link := header.Get("Location"); !strings.Contains(link, "X-Amz-Expires=60") {
			t.Errorf("%s: the link is %s", f.Name, link)
		}
		got, content := ask(http.MethodGet, header.Get("Location"), "", http.StatusOK)
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != f.SHA256 || int64(len(content)) != f.Bytes {
			t.Errorf("%s has %d bytes, %x, want %d, %s", f.Name, len(content), sum, f.Bytes, f.SHA256)
		}
		if disposition := got.Get("Content-Disposition"); disposition != fmt.Sprintf("attachment; filename=%q", f.Name) {
			t.Errorf("%s comes as %q", f.Name, disposition)
		}
	}
}

// sealed looks for the texts of a conversation wherever something is kept.
func sealed(t *testing.T, s stack, c chat) {
	var words [][]byte
	for _, raw := range c.Entries {
		var entry struct{ Text string }
		if err := json.Unmarshal(raw, &entry); err != nil {
			t.Fatal(err)
		}
		if len(entry.Text) > 8 {
			words = append(words, []byte(entry.Text))
		}
	}
	if len(words) == 0 {
		t.Fatalf("the chat has no text to look for: %s", c.opened)
	}
	look := func(where string, b []byte) {
		for _, word := range words {
			if bytes.Contains(b, word) {
				t.Errorf("%s holds %q in the clear", where, word)
			}
		}
	}
	for name, tableName := range s.Tables {
		pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(s.aws), &dynamodb.ScanInput{TableName: &tableName})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range page.Items {
				for attribute, value := range item {
					switch v := value.(type) {
					case *types.AttributeValueMemberS:
						look(name+" "+attribute, []byte(v.Value))
					case *types.AttributeValueMemberB:
						look(name+" "+attribute, v.Value)
					default:
						look(name+" "+attribute, fmt.Append(nil, value))
					}
				}
			}
		}
	}
	for key, text := range s.stored(t, "") {
		look(key, []byte(text))
	}
	log, err := os.ReadFile(home{dir: filepath.Dir(os.Getenv("SUPPORTVAULT_OUTPUTS"))}.log("ministack"))
	if err != nil {
		t.Fatal(err)
	}
	look("the log", log)
}

func TestEndToEndRefusals(t *testing.T) {
	s := deployedStack(t)
	paths, err := filepath.Glob("../../events/ingest/reject-*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d := delivery{sourceOf(filepath.Base(path)), body}
		to := s.Sources[d.source]
		headers, err := d.headers(to.Secret, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		status, r := post(t, to.URL, headers, d.sent(to.Secret))
		if status < 400 || status > 499 || r.Error.Code == "" || r.Error.Message == "" {
			t.Errorf("%s: %d %+v, want a 4xx with a code and a sentence", filepath.Base(path), status, r)
		}
	}

	// Whether the account exists must not show.
	d := delivery{"tawkto", []byte(`{}`)}
	headers, err := d.headers("not the secret", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	known := s.Sources["tawkto"].URL
	statusKnown, answerKnown := post(t, known, headers, d.body)
	status, answer := post(t, strings.Replace(known, "/"+s.Account+"/", "/nobodyatall/", 1), headers, d.body)
	if statusKnown != status || answerKnown != answer || status < 400 || status > 499 {
		t.Errorf("a wrong signature gives %d %+v for an account and %d %+v for none", statusKnown, answerKnown, status, answer)
	}
}

func TestEndToEndExpiry(t *testing.T) {
	t.Parallel()
	s := deployedStack(t)
	brief := s.newAccount(t, accountRequest{Account: "brief", Plan: "standard", Start: "identified", Retention: "PT1M"})
	for _, sample := range readSamples(t) {
		if status, answer, err := sample.send(t.Context(), brief.Sources[sample.source]); err != nil || status != http.StatusAccepted {
			t.Fatalf("%s: %d %s %v", sample.name, status, answer, err)
		}
	}
	c, err := brief.settled(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wait := time.Until(c.ExpiresAt)
	if wait > 2*time.Minute {
		t.Fatalf("it expires at %s, a minute was agreed", c.ExpiresAt)
	}
	if err := sleep(t.Context(), wait+100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if status, answer, err := get(t.Context(), brief.chats()+"/"+c.ID, brief.Token); err != nil || status != http.StatusNotFound {
		t.Errorf("after its time: %d %s %v, want 404", status, answer, err)
	}
	var counts struct {
		Conversations int
		Failures      []any
	}
	if err := s.call(t.Context(), "purge", map[string]string{"action": "purge", "account": brief.Account}, &counts); err != nil {
		t.Fatal(err)
	}
	if counts.Conversations == 0 || len(counts.Failures) > 0 {
		t.Errorf("purge tells %+v, want conversations and no failures", counts)
	}
	// The items of a conversation have the first part of its id in their key; facts, which are kept for longer, do not. A settling of
	// the same moment may write one that no key opens; it goes with the next purge, or when the settling's message comes again, after 90 seconds.
	id, _, _ := strings.Cut(c.ID, "-")
	for end := time.Now().Add(3 * time.Minute); ; {
		item, err := s.itemOf(t.Context(), brief.Account, id)
		if errors.Is(err, errNothing) || err == nil && likeness(item, id) < inKey {
			return
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("the records table still holds %v (%v)", item, err)
		}
		if err := sleep(t.Context(), 5*time.Second); err != nil {
			t.Fatal(err)
		}
		if err := s.call(t.Context(), "purge", map[string]string{"action": "purge", "account": brief.Account}, &counts); err != nil {
			t.Fatal(err)
		}
	}
}

// The event bus brings what settled to mail, SES takes it, the link in it opens, and what SES reports comes back.
func TestEndToEndMail(t *testing.T) {
	s := deployedStack(t)
	shop := s.newAccount(t, accountRequest{Account: "mailshop", Plan: "standard", Start: "identified"})
	for name, setting := range map[string]string{
		"archive": `{"when":"settled","to":{"kind":"fixed","addresses":["mailshop@archive.example"]},"content":"full"}`,
		"desk":    `{"when":"settled","to":{"kind":"fixed","addresses":["mailshop@desk.example"]},"content":"link"}`,
	} {
		if err := shop.mailTo(t.Context(), name, setting); err != nil {
			t.Fatal(err)
		}
	}
	settle := func(chat, text string) {
		t.Helper()
		if status, answer, err := whole(chat, time.Now(), text, "I am looking.").send(t.Context(), shop.Sources["tawkto"]); err != nil || status != http.StatusAccepted {
			t.Fatalf("%d %s %v", status, answer, err)
		}
	}
	settle("mailed-1", "Where is <my> order?")
	m, err := shop.mailed(t.Context(), "mailshop@archive.example", "Where is <my> order?")
	if err != nil {
		t.Fatal(err)
	}
	if m.Source != s.MailFrom || !strings.Contains(m.BodyHTML, "Where is &lt;my&gt; order?") {
		t.Errorf("from %s: %s", m.Source, m.BodyHTML)
	}
	if m, err = shop.mailed(t.Context(), "mailshop@desk.example", "?link=svl_"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(m.BodyText+m.BodyHTML+m.Subject, "Where is") {
		t.Errorf("the message with the link holds the conversation: %s", m.BodyText)
	}
	link, err := m.link()
	if err != nil {
		t.Fatal(err)
	}
	if status, page, err := get(t.Context(), link, ""); err != nil || status != http.StatusOK || !bytes.Contains(page, []byte("Where is &lt;my&gt; order?")) {
		t.Errorf("%s: %d %.300s %v", link, status, page, err)
	}
	for _, wrong := range []string{link[:strings.Index(link, "?")], link[:len(link)-4] + "aaaa", strings.Replace(link, "-1?", "-2?", 1), strings.Replace(link, "/mailshop/", "/"+s.Account+"/", 1)} {
		if status, page, err := get(t.Context(), wrong, ""); err != nil || status != http.StatusUnauthorized && status != http.StatusForbidden {
			t.Errorf("%s: %d %.300s %v", wrong, status, page, err)
		}
	}

	var copies struct {
		Copies []struct{ Destination, State string }
	}
	id, _, _ := strings.Cut(link[strings.Index(link, "/transcripts/")+len("/transcripts/"):], "?")
	if status, answer, err := shop.ask(t.Context(), http.MethodGet, "/copies?conversation="+id, ""); err != nil || status != http.StatusOK || json.Unmarshal(answer, &copies) != nil || len(copies.Copies) != 2 {
		t.Errorf("copies: %d %s %v", status, answer, err)
	}

	// The emulator's SES reports nothing, and its event bus takes nothing in the name of AWS: the report is put into the queue as
	// the rule makes it of an event of SES. That the rule does is tested on the templates.
	blind := shop.blind(t, s, id)
	body := fmt.Sprintf(`{"report":{"event":"bounce","account":["mailshop"],"copy":["archive_%s_%s"],"message":"m-1","at":%q,"type":"Permanent","subtype":"General"}}`,
		id, blind, time.Now().UTC().Format(time.RFC3339))
	queue := s.Queues["mail"]
	if _, err := sqs.NewFromConfig(s.aws).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		status, answer, err := shop.ask(t.Context(), http.MethodGet, "/suppressions", "")
		if err != nil || status != http.StatusOK {
			t.Fatalf("suppressions: %d %s %v", status, answer, err)
		}
		if bytes.Contains(answer, []byte(`"address":"mailshop@archive.example","reason":"bounced"`)) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing is suppressed within a minute: %s", answer)
		}
		if err := sleep(t.Context(), 300*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	settle("mailed-2", "Where is my other order?")
	for deadline := time.Now().Add(time.Minute); ; {
		status, answer, err := shop.ask(t.Context(), http.MethodGet, "/mail-log", "")
		if err != nil || status != http.StatusOK {
			t.Fatalf("mail log: %d %s %v", status, answer, err)
		}
		if bytes.Contains(answer, []byte(`"event":"suppressed","destination":"archive"`)) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log does not tell of what is suppressed: %s", answer)
		}
		if err := sleep(t.Context(), 300*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := shop.messages(t.Context(), "mailshop@archive.example"); err != nil || len(all) != 1 {
		t.Errorf("%d messages to a suppressed address, %v", len(all), err)
	}
	var due struct{ Digests int }
	if err := s.call(t.Context(), "mail", map[string]string{"action": "digest"}, &due); err != nil {
		t.Errorf("the hourly run: %v", err)
	}
}

// blind is the blind index of the mailbox of the destination archive, which the ledger names.
func (o outputs) blind(t *testing.T, s stack, id string) string {
	t.Helper()
	record, _, _ := strings.Cut(id, "-")
	res, err := dynamodb.NewFromConfig(s.aws).Query(t.Context(), &dynamodb.QueryInput{
		TableName: aws.String(s.Tables["control"]), KeyConditionExpression: aws.String("pk = :pk AND begins_with(sk, :sk)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":pk": &types.AttributeValueMemberS{Value: o.Account + "#copy#" + record + "#"}, ":sk": &types.AttributeValueMemberS{Value: "0001#mail:archive#"},
		},
	})
	if err != nil || len(res.Items) != 1 {
		t.Fatalf("the ledger has %v, %v", res, err)
	}
	sk, _ := res.Items[0]["sk"].(*types.AttributeValueMemberS)
	return sk.Value[strings.LastIndexByte(sk.Value, '#')+1:]
}

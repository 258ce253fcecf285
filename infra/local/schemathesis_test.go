//go:build e2e

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// schemathesis makes requests of what the API says of itself at /v1/openapi.yaml, allowed ones and others, and compares every
// answer with it: no 5xx, no status, content type, header or field that is not described, nothing refused that is allowed and
// nothing taken that is not. schemathesis.toml says how, schemathesis_hooks.py adds what no description has.
func TestEndToEndDescription(t *testing.T) {
	t.Parallel() // with TestEndToEndExpiry, which mostly waits
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	h := mainHome(root)
	if err := schemathesis.ensure(t.Context(), h, newProgress()); err != nil {
		t.Fatal(err)
	}
	s := deployedStack(t)
	own := described{t, s, s.newAccount(t, accountRequest{Account: "described", Plan: "enterprise", Start: "identified"})}
	known := own.furnish()
	// As a file: what is loaded from the API itself counts as no operation of it.
	status, served, err := get(t.Context(), own.API+"/v1/openapi.yaml", "")
	if err != nil || status != http.StatusOK {
		t.Fatalf("the description: %d %s %v", status, served, err)
	}
	description := filepath.Join(t.TempDir(), "openapi.yaml")
	if err := os.WriteFile(description, served, 0o644); err != nil {
		t.Fatal(err)
	}
	stranger := s.newAccount(t, accountRequest{Account: "described2", Plan: "standard", Start: "minimal"})
	link := known["getTranscript"][0]["link"]
	delete(known["getTranscript"][0], "link")

	// Side by side, and more of them than there are cores: nearly all of the time is spent waiting, because the emulator takes
	// 0.1 seconds for every call of a function.
	type run struct {
		name   string
		report []byte
		err    error
		done   chan struct{}
	}
	var runs []*run
	start := func(name string, tokens []string, link string, args ...string) {
		r := &run{name: name, done: make(chan struct{})}
		cmd := own.schemathesis(h, description, known, tokens, link, args)
		go func() {
			defer close(r.done)
			r.report, r.err = cmd.CombinedOutput()
		}()
		runs = append(runs, r)
	}
	start("by strangers", []string{stranger.Token, mirrored(own.Token), "none"}, mirrored(link),
		"--include-path-regex", "^/v1/accounts/", "--phases", "fuzzing", "--max-examples", "5")
	parts := []string{
		"/(chats|transcripts)", "/(tickets|copies)", "/(calls|articles|visits)", "/mail/", "/extracts", "/policy/previews", "/policy/apply",
		"/policy(/(undo|versions))?$", "/holds", "/(destructions|closure)", "/(receipts|administrators)", "/sources",
	}
	for _, part := range append(parts, strings.Join(parts, "|")) {
		only, phases := "--include-path-regex", "coverage,fuzzing"
		switch part {
		case "/extracts": // where one answer leads to the next
			phases += ",stateful"
		case strings.Join(parts, "|"):
			only = "--exclude-path-regex"
		}
		start(only+" "+part, []string{own.Token}, link, only, part, "--phases", phases, "--max-examples", "10")
	}
	for _, r := range runs {
		<-r.done
		if r.err != nil {
			t.Errorf("%s: %v; the same requests go out in every run: make e2e\n%s", r.name, r.err, r.report)
		} else {
			t.Logf("%s: %s", r.name, regexp.MustCompile(`\d+ generated.*`).Find(r.report))
		}
	}
}

// schemathesis is a run with tokens and a link, of the account or not, and with the parameters that lead to what is there.
func (d described) schemathesis(
	h home, description string, known map[string][]map[string]string, tokens []string, link string, args []string,
) *exec.Cmd {
	d.t.Helper()
	leads, err := json.Marshal(known)
	if err != nil {
		d.t.Fatal(err)
	}
	local := filepath.Join(h.root, "infra", "local")
	return child(d.t.Context(), d.t.TempDir(), append(os.Environ(),
		"API="+d.API, "ACCOUNT="+d.Account, fmt.Sprintf("ADMITTED=%t", tokens[0] == d.Token), "TOKEN="+tokens[0], "LINK="+link,
		"TOKENS="+strings.Join(tokens, " "), "KNOWN="+string(leads), "CANONICAL_SECRET="+d.Sources["canonical"].Secret,
		"HOOKS="+filepath.Join(local, "schemathesis_hooks.py"), "PYTHONDONTWRITEBYTECODE=1", "PYTHONUTF8=1",
		"PYTHONHASHSEED=0", // or the order in sets differs, and with it what is generated
	), filepath.Join(h.tools(), "schemathesis", "bin", "schemathesis"),
		append([]string{"--config-file", filepath.Join(local, "schemathesis.toml"), "run", description, "--no-color"}, args...)...)
}

// mirrored is a token or a link of the same form that is none.
func mirrored(token string) string {
	parts := strings.SplitAfter(token, "_")
	secret := []byte(parts[len(parts)-1])
	for i, j := 0, len(secret)-1; i < j; i, j = i+1, j-1 {
		secret[i], secret[j] = secret[j], secret[i]
	}
	return strings.Join(parts[:len(parts)-1], "") + string(secret)
}

// described is an account in which every operation has something to answer with.
type described struct {
	t *testing.T
	stack
	outputs
}

// furnish makes conversations, e-mails, an extract, suppressed addresses, a receipt, destructions and holds, and gives the parameters that lead to them, by
// operation.
func (d described) furnish() map[string][]map[string]string {
	d.t.Helper()
	for name, content := range map[string]string{"archive": "full", "links": "link"} {
		d.ask(http.MethodPut, "/mail/"+name,
			fmt.Sprintf(`{"when":"settled","to":{"kind":"fixed","addresses":["%s@example.com"]},"content":%q}`, name, content), http.StatusOK)
	}
	for i := range 3 {
		d.deliver("chat", fmt.Sprintf("chat-%d", i), i > 0)
		d.deliver("ticket", fmt.Sprintf("ticket-%d", i), i > 0)
		d.deliver("call", fmt.Sprintf("call-%d", i), i > 0)
		if i > 0 {
			d.deliver("article", fmt.Sprintf("article-%d", i), true)
		}
	}
	var extract struct{ ID string }
	d.read(d.ask(http.MethodPost, "/extracts", "", http.StatusAccepted), &extract)

	known := map[string][]map[string]string{}
	for kind, operation := range map[string]string{"chats": "getChat", "tickets": "getTicket", "calls": "getCall", "articles": "getArticle"} {
		var list map[string]json.RawMessage
		var settled []struct{ ID string }
		d.until("two "+kind+" have settled", func() bool {
			d.read(d.ask(http.MethodGet, "/"+kind+"?state=settled", "", http.StatusOK), &list)
			d.read(list[kind], &settled)
			return len(settled) == 2
		})
		for _, c := range settled {
			known[operation] = append(known[operation], map[string]string{"id": c.ID})
			known["listCopies"] = append(known["listCopies"], map[string]string{"conversation": c.ID})
		}
	}
	var log struct{ Entries []struct{ Event string } }
	d.until("e-mails are sent", func() bool {
		d.read(d.ask(http.MethodGet, "/mail-log", "", http.StatusOK), &log)
		return len(log.Entries) == 8
	})
	conversation, link := d.link()
	of, file := d.outputs.attached(d.t, "with-a-file", d.outputs.upload(d.t, "image/png", []byte("\x89PNG\r\n\x1a\n")))
	known["getAttachment"] = []map[string]string{{"id": of, "file": file}}
	known["getTranscript"] = []map[string]string{{"id": conversation, "link": link}}

	var files struct{ Files []struct{ Name string } }
	d.until("the extract is complete", func() bool {
		d.read(d.ask(http.MethodGet, "/extracts/"+extract.ID, "", http.StatusOK), &files)
		return len(files.Files) > 0
	})
	known["getExtract"] = []map[string]string{{"id": extract.ID}}
	for _, f := range files.Files {
		known["getExtractFile"] = append(known["getExtractFile"], map[string]string{"id": extract.ID, "name": f.Name})
	}
	var begun struct {
		ID     string
		Upload struct {
			URL     string
			Headers map[string]string
		}
	}
	const history = "nothing\n"
	d.read(d.ask(http.MethodPost, "/imports", fmt.Sprintf(`{"bytes":%d}`, len(history)), http.StatusCreated), &begun)
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPut, begun.Upload.URL, strings.NewReader(history))
	if err != nil {
		d.t.Fatal(err)
	}
	for name, value := range begun.Upload.Headers {
		req.Header.Set(name, value)
	}
	if status, answer, err := do(req); err != nil || status != http.StatusOK {
		d.t.Fatalf("upload what is to be imported: %d %s %v", status, answer, err)
	}
	for _, operation := range []string{"getImport", "startImport"} {
		known[operation] = []map[string]string{{"id": begun.ID}}
	}
	for range 20 { // each can be deleted once
		known["deleteSuppression"] = append(known["deleteSuppression"], map[string]string{"id": d.suppressed()})
	}
	known["deleteDestination"] = []map[string]string{{"name": "archive"}, {"name": "links"}}
	d.destroyed(known)
	d.sent(known)
	return known
}

// sent makes sources to take away.
func (d described) sent(known map[string][]map[string]string) {
	d.t.Helper()
	for operation, names := range map[string][]string{
		"getSource": {"tawkto", "canonical"}, "putSource": {"mapped-shop", "chatwoot"}, "trySource": {"tawkto"}, "rotateSecret": {"zendesk"},
	} {
		for _, name := range names {
			known[operation] = append(known[operation], map[string]string{"source": name})
		}
	}
	for i := range each {
		name := fmt.Sprintf("mapped-doomed%d", i)
		d.ask(http.MethodPut, "/sources/"+name, `{}`, http.StatusOK)
		known["deleteSource"] = append(known["deleteSource"], map[string]string{"source": name})
	}
}

// each is how many there are of what can be done once to each.
const each = 10

// destroyed makes a receipt, records to destroy and to bring back, and holds to release, of conversations of their own.
func (d described) destroyed(known map[string][]map[string]string) {
	d.t.Helper()
	for i := range 2*each + 1 {
		d.deliver("chat", fmt.Sprintf("doomed-%d", i), true)
	}
	var settled []string
	d.until("what is to be destroyed has settled", func() bool {
		var list struct {
			Chats []struct{ ID, Conversation string }
		}
		d.read(d.ask(http.MethodGet, "/chats?state=settled&limit=100", "", http.StatusOK), &list)
		settled = nil
		for _, c := range list.Chats {
			if strings.HasPrefix(c.Conversation, "doomed-") {
				settled = append(settled, c.ID)
			}
		}
		return len(settled) == 2*each+1
	})
	destroy := func(id string) {
		d.ask(http.MethodPost, "/destructions", fmt.Sprintf(`{"id":%q,"reason":"It is described."}`, id), http.StatusAccepted)
	}
	// One without a wait, so that there is a receipt; the others with one, so that they can be brought back.
	d.policy(`"waitHours":0`)
	destroy(settled[0])
	d.policy(`"waitHours":24`)
	var purged struct{ Receipts int }
	if err := d.call(d.t.Context(), "purge", map[string]string{"action": "purge", "account": d.Account}, &purged); err != nil || purged.Receipts != 1 {
		d.t.Fatalf("purge: %+v %v", purged, err)
	}
	known["getReceipt"] = []map[string]string{{"number": "1"}}
	for _, id := range settled[1 : each+1] {
		destroy(id)
		known["restoreRecord"] = append(known["restoreRecord"], map[string]string{"id": id})
	}
	for _, id := range settled[each+1:] {
		known["destroyRecord"] = append(known["destroyRecord"], map[string]string{"id": id})
	}
	for range each {
		var hold struct{ ID string }
		d.read(d.ask(http.MethodPost, "/holds", `{"reason":"It is described.","tag":"of no conversation"}`, http.StatusCreated), &hold)
		known["releaseHold"] = append(known["releaseHold"], map[string]string{"hold": hold.ID})
	}
}

// policy puts a policy in force.
func (d described) policy(wanted string) {
	d.t.Helper()
	var shown struct{ AsOf, Hash string }
	d.read(d.ask(http.MethodPost, "/policy/previews", "{"+wanted+"}", http.StatusOK), &shown)
	d.ask(http.MethodPost, "/policy/apply", fmt.Sprintf(`{%s,"asOf":%q,"hash":%q,"reason":"It is described."}`, wanted, shown.AsOf, shown.Hash), http.StatusOK)
}

func (d described) deliver(kind, id string, ended bool) {
	d.t.Helper()
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	events := []map[string]any{{
		"type": "conversation.message", "time": now, "kind": kind, "conversation": id,
		"subjects":   []map[string]string{{"name": "Iris Vogel", "email": "iris@example.com", "customId": "customer-31"}},
		"department": "Shipping", "tags": []string{"parcel"}, "rating": 4,
		"entries": []map[string]any{{
			"id": "1", "time": now, "author": map[string]string{"role": "visitor", "name": "Iris Vogel"}, "text": "Where is it?",
			"attachments": []map[string]any{{"name": "label.png", "type": "image/png", "bytes": 18211}},
		}, {
			"id": "2", "time": now, "author": map[string]string{"role": "agent", "name": "Jan"}, "text": "At the depot.", "private": true,
		}},
	}}
	if kind == "article" {
		events, ended = []map[string]any{{"type": "article.published", "time": now, "article": id, "title": "Parcels", "text": "They come by bicycle."}}, false
	}
	if kind == "ticket" {
		events[0]["title"], events[0]["status"] = "The parcel has not arrived", "open"
	}
	if ended {
		events = append(events, map[string]any{"type": "conversation.ended", "time": now, "kind": kind, "conversation": id})
	}
	body, err := json.Marshal(map[string]any{"version": "1", "events": events})
	if err != nil {
		d.t.Fatal(err)
	}
	if status, answer, err := (delivery{"canonical", body}).send(d.t.Context(), d.Sources["canonical"]); err != nil || status != http.StatusAccepted {
		d.t.Fatalf("deliver a %s: %d %s %v", kind, status, answer, err)
	}
}

// link is what an e-mail led to: the conversation's id and the link.
func (d described) link() (conversation, link string) {
	d.t.Helper()
	_, messages, err := get(d.t.Context(), d.Mail, "")
	if err != nil {
		d.t.Fatal(err)
	}
	form := regexp.MustCompile(`/v1/accounts/` + d.Account + `/transcripts/([a-z0-9-]+)\?link=(svl_[a-z2-7_]+)`)
	for _, text := range texts(messages) {
		if m := form.FindStringSubmatch(text); m != nil {
			return m[1], m[2]
		}
	}
	d.t.Fatalf("no e-mail has a link; SES has %.2000s", messages)
	return "", ""
}

// texts are all texts in a JSON value, and what they are decoded by the encodings of e-mail.
func texts(value []byte) (found []string) {
	var in any
	if json.Unmarshal(value, &in) != nil {
		return nil
	}
	var look func(any)
	look = func(v any) {
		switch v := v.(type) {
		case string:
			found = append(found, v)
			if plain, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(v))); err == nil {
				found = append(found, string(plain))
			}
			if b, err := base64.StdEncoding.DecodeString(v); err == nil {
				plain, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(b)))
				found = append(found, string(plain))
			}
		case []any:
			for _, v := range v {
				look(v)
			}
		case map[string]any:
			for _, v := range v {
				look(v)
			}
		}
	}
	look(in)
	return found
}

// suppressed writes the row of a suppressed address, as mail does after a bounce, of an address that is not known any more.
func (d described) suppressed() string {
	d.t.Helper()
	id := strings.ToLower(rand.Text() + rand.Text())[:32]
	_, err := dynamodb.NewFromConfig(d.aws).PutItem(d.t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String(d.Tables["control"]),
		Item: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: d.Account + "#mailbox#"}, "sk": &types.AttributeValueMemberS{Value: id},
			"reason": &types.AttributeValueMemberS{Value: "bounced"},
			"at":     &types.AttributeValueMemberN{Value: fmt.Sprint(time.Now().UnixMilli())},
		},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return id
}

// ask makes a request of the account's administrator.
func (d described) ask(method, path, body string, want int) []byte {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.API+"/v1/accounts/"+d.Account+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.Token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	status, answer, err := do(req)
	if err != nil || status != want {
		d.t.Fatalf("%s %s: %d %s %v, want %d", method, path, status, answer, err, want)
	}
	return answer
}

func (d described) read(raw []byte, into any) {
	d.t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		d.t.Fatalf("%s: %v", raw, err)
	}
}

func (d described) until(what string, done func() bool) {
	d.t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(500 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("it takes more than a minute until %s", what)
		}
	}
}

package functions_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

var acceptedForm = regexp.MustCompile(`^\{"accepted":\d+,"duplicates":\d+\}\n$`)

// FuzzWebhook sends deliveries through the whole webhook path in process, verified, adapted, minimised, sealed and written,
// then settles and reads what was taken: never a panic, never a 5xx, always 202 or a 4xx with a stable code.
//
// The tables are in memory: DynamoDB Local takes some 200 deliveries a second, these some thousand, and what is fuzzed is
// what comes before and after the tables. The keys that it makes up reach them all the same, as values of these forms only:
// HMACs, counters and times.
func FuzzWebhook(f *testing.F) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})))
	v, m := vaulttest.NewMemory(noon)
	r := roadOver(v)
	accounts := []admin.Created{r.account(f, admin.Request{Account: "demo"}), r.account(f, admin.Request{Account: "tiny", Start: "minimal", Retention: "PT2M"})}
	for _, a := range accounts {
		r.nameSite(f, a)
	}
	fresh, deliveries := take(v, m), 0
	names := source.Names()
	index := map[string]byte{}
	for i, name := range names {
		index[name] = byte(i)
	}
	for _, s := range samples(f) {
		f.Add(index[s.source], true, false, s.body, "", "")
		f.Add(index[s.source]|0x80, true, true, s.body, "X-Tawk-Signature", "00")
		f.Add(index[s.source], false, false, s.body, "x-chatwoot-timestamp", "1795262400")
	}
	shown, err := filepath.Glob("../shared/source/testdata/vendors/*/*.json")
	if err != nil || len(shown) == 0 {
		f.Fatalf("%d deliveries that vendors show: %v", len(shown), err)
	}
	for _, file := range shown {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(index[filepath.Base(filepath.Dir(file))], true, false, body, "", "")
	}
	f.Add(index["tawkto"], false, true, []byte("not base64"), "x-tawk-signature", strings.Repeat("0", 40))
	f.Add(index["chatwoot"], false, false, []byte(`{}`), "x-chatwoot-signature", "sha256="+strings.Repeat("0", 64))
	f.Fuzz(func(t *testing.T, which byte, sign, coded bool, body []byte, header, value string) {
		if deliveries++; deliveries%500 == 0 {
			fresh.putBack(v, m)
			r.Clock.Set(noon)
		}
		// The highest bit chooses the account, the rest the source; one number more than there are sources is none.
		account, name := accounts[which>>7], "pigeon"
		if n := int(which&0x7f) % (len(names) + 1); n < len(names) {
			name = names[n]
		}
		if name == "beacon" { // of which one address sends no more than one a second
			r.Clock.Advance(time.Second)
		}
		req := r.signed(account, name, body)
		if !sign {
			req.Headers = map[string]string{}
		}
		if header != "" {
			req.Headers[header] = value
		}
		if req.IsBase64Encoded = coded; coded && sign {
			req.Body = base64.StdEncoding.EncodeToString(body)
		}
		res, err := r.ingest.Webhook(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case res.StatusCode == 202 && acceptedForm.MatchString(res.Body):
		case res.StatusCode >= 400 && res.StatusCode <= 499:
			refusal(t, name, res.StatusCode, res.Body)
		default:
			t.Fatalf("%d %s", res.StatusCode, res.Body)
		}
		if len(r.queues.waiting) > 0 {
			t.Fatal("the tables refused what was accepted")
		}
		for _, ref := range r.queues.takeSettling() {
			if err := r.settle.Settle(context.Background(), ref); err != nil {
				t.Fatalf("settle: %v", err)
			}
		}
		if res.StatusCode == 202 {
			status, body := r.get(t, account, "", "limit=3")
			if !json.Valid([]byte(body)) || status != 200 {
				t.Fatalf("the list answers %d %.200s", status, body)
			}
		}
		r.queues.sent, r.queues.waited, r.queues.published = nil, nil, nil
	})
}

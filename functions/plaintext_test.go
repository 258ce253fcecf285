package functions_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// journal keeps the log of a test at debug level.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func listen(t testing.TB) *journal {
	j, before := &journal{}, slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug - 4, AddSource: true})))
	t.Cleanup(func() { slog.SetDefault(before) })
	return j
}

// dump is everything that a value of DynamoDB holds, names too.
func dump(b *bytes.Buffer, v types.AttributeValue) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		b.WriteString(v.Value)
	case *types.AttributeValueMemberN:
		b.WriteString(v.Value)
	case *types.AttributeValueMemberB:
		b.Write(v.Value)
	case *types.AttributeValueMemberL:
		for _, e := range v.Value {
			dump(b, e)
		}
	case *types.AttributeValueMemberM:
		for name, e := range v.Value {
			b.WriteString(name + "\n")
			dump(b, e)
		}
	default:
		fmt.Fprintf(b, "%v", v)
	}
	b.WriteByte('\n')
}

// outside is everything that can be seen without a key, by where it stands.
func (r *road) outside(t testing.TB, log *journal) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for use, name := range names(r.Tables) {
		var b bytes.Buffer
		for _, item := range r.Items(t, name) {
			dump(&b, &types.AttributeValueMemberM{Value: item})
		}
		all["table "+use] = b.Bytes()
	}
	var objects bytes.Buffer
	for name, body := range r.S3.Objects() {
		objects.WriteString(name + "\n")
		objects.Write(body)
	}
	all["bucket"] = objects.Bytes()
	r.queues.mu.Lock()
	defer r.queues.mu.Unlock()
	queued, err := json.Marshal([]any{r.queues.settling, r.queues.sent, r.queues.published})
	if err != nil {
		t.Fatal(err)
	}
	all["queues and bus"] = append(queued, strings.Join(append(r.queues.waiting, r.queues.waited...), "\n")...)
	for i, message := range append(slices.Clone(r.queues.waiting), r.queues.waited...) {
		var m struct{ Sealed []byte }
		if json.Unmarshal([]byte(message), &m) == nil {
			all[fmt.Sprintf("queue message %d", i)] = m.Sealed
		}
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	all["log"] = bytes.Clone(log.b.Bytes())
	return all
}

// spellings are the forms in which a word may hide: as it is, hexadecimal, and base64 at each of the three offsets, of
// which only the characters that the word alone decides are looked for.
func spellings(word string) []string {
	all := []string{word, hex.EncodeToString([]byte(word))}
	for _, form := range []string{word, strings.ToUpper(word[:1]) + word[1:]} {
		for offset := range 3 {
			coded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + form))
			coded = coded[(8*offset+5)/6:]
			if (len(form)+offset)%3 != 0 {
				coded = coded[:len(coded)-1]
			}
			all = append(all, strings.ToLower(coded))
		}
	}
	return all
}

var wordForm = regexp.MustCompile(`[\pL\pN]+`)

// search looks for words in what is outside. A short word may be part of a random name, so it counts only as a whole word;
// of eight letters it counts anywhere, and in base64 and hexadecimal.
func search(t testing.TB, outside map[string][]byte, words []string) {
	t.Helper()
	for _, place := range slices.Sorted(maps.Keys(outside)) {
		text := strings.ToLower(string(outside[place]))
		whole := map[string]bool{}
		for _, w := range wordForm.FindAllString(text, -1) {
			whole[w] = true
		}
		for _, word := range words {
			word = strings.ToLower(word)
			if whole[word] {
				t.Errorf("%s holds the word %q", place, word)
			}
			if len(word) < 8 {
				continue
			}
			for _, form := range spellings(word) {
				if strings.Contains(text, form) {
					t.Errorf("%s holds %q as %q", place, word, form)
				}
			}
		}
	}
}

// A whole road with words that occur nowhere else: none of them stands in any table, queue, event, object or log, in no
// spelling, nor in an answer that refuses.
func TestStoreNoPlaintextAnywhere(t *testing.T) {
	log := listen(t)
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	words := []string{
		"Quibblethorn", "Zephyrwhistle", "Marmaladeforge", "Oswaldine", "Featherington", "Grumblesnort", "Kettledrummer", "Brackenfield",
		"Pumpernickelgasse", "Flibbertigibbet", "wobblebottom", "Snickerdoodler", "Xylophonist", "Vexillology", "Plimsollington", "Dandelionberg",
		"918273645918", "15555550173", "5555550173", "4111111111111111", "ff3c9a0177aa4b1e9d21", "nightingaleinvoice",
	}
	chat := "ff3c9a0177aa4b1e9d21"
	text := "Hello, I am Oswaldine Featherington of Pumpernickelgasse 12, Dandelionberg. The Quibblethorn is broken, my card is 4111 1111 1111 1111, call 15555550173. "
	big := text + large(60_000, 7) + " Zephyrwhistle"
	start := fmt.Appendf(nil, `{"event":"chat:start","chatId":%q,"time":%q,"message":{"text":%q,"type":"msg","sender":{"type":"visitor"}},
		"visitor":{"name":"Oswaldine Featherington","email":"oswaldine@featherington.example.com","city":"Dandelionberg","country":"Brackenfield"},"property":{"id":"p","name":"Marmaladeforge"}}`, chat, stamp(noon), text)
	whole := strings.NewReplacer("Iris Vogel", "Oswaldine Featherington", "iris.vogel@example.com", "oswaldine@featherington.example.com",
		"Noor Bakker", "Grumblesnort Kettledrummer").Replace(string(tawkTranscript(chat, noon, text, "A Flibbertigibbet, then?", big)))
	woot := func(id int, text string) []byte {
		body := strings.NewReplacer("Iris Vogel", "Oswaldine Featherington", "iris.vogel@example.com", "oswaldine@featherington.example.com",
			"+15555550142", "+15555550173", "Noor Bakker", "Grumblesnort Kettledrummer", `"labels":[]`, `"labels":["Xylophonist"]`,
			`"type":"contact"`, `"type":"contact","identifier":"Vexillology"`).Replace(string(wootMessage(918273645918, id, noon, text)))
		return []byte(strings.Replace(body, `"private":false`, `"private":false,"attachments":[{"file_type":"image","file_size":9,"data_url":"https://files.example.com/rails/active_storage/blobs/x/nightingaleinvoice.png"}]`, 1))
	}
	resolved := []byte(strings.NewReplacer("Iris Vogel", "Oswaldine Featherington", "iris.vogel@example.com", "oswaldine@featherington.example.com",
		"Noor Bakker", "Grumblesnort Kettledrummer", `"billing"`, `"Xylophonist"`, `"name":"Sales"`, `"name":"Plimsollington"`).Replace(string(wootResolved(918273645918, noon.Add(time.Minute)))))

	// Open, by way of the tables and of the queue, small and large.
	r.mustPost(t, demo, "tawkto", start)
	r.mustPost(t, demo, "chatwoot", woot(1, "Snickerdoodler wobblebottom"))
	r.Fault.Set(refuses(r.Tables.Records))
	r.mustPost(t, demo, "chatwoot", woot(2, "Zephyrwhistle"))
	r.mustPost(t, demo, "chatwoot", woot(3, big+large(250_000, 8)))
	r.unharmed()
	search(t, r.outside(t, log), words)
	r.drain(t)
	r.mustPost(t, demo, "chatwoot", woot(4, big))
	r.mustPost(t, demo, "chatwoot", resolved)
	search(t, r.outside(t, log), words)
	r.quiesce(t)
	r.mustPost(t, demo, "tawkto", []byte(whole))
	r.quiesce(t)
	search(t, r.outside(t, log), words)

	// Read, listed, extracted; and everything that is refused.
	views := r.all(t, demo)
	r.lines(t, demo)
	if len(views) != 2 || len(r.S3.Objects()) == 0 || len(r.queues.waited) != 2 || len(r.queues.published) < 2 {
		t.Fatalf("the road was not the whole one: %d conversations, %d objects", len(views), len(r.S3.Objects()))
	}
	told, err := json.Marshal(views)
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range []string{"Quibblethorn", "Zephyrwhistle", "Featherington", "Snickerdoodler", "15555550173", "Vexillology", chat} {
		if !bytes.Contains(told, []byte(kept)) {
			t.Errorf("what should be kept and read is not: %s", kept)
		}
	}
	for _, dropped := range []string{"4111111111111111", "4111 1111 1111 1111", "Dandelionberg\",\"country", "Marmaladeforge", "never-store-me"} {
		if bytes.Contains(told, []byte(dropped)) {
			t.Errorf("what should be dropped is kept: %s", dropped)
		}
	}
	refusals := map[string][]byte{}
	for _, body := range []string{
		`{"event":"chat:start","chatId":"` + chat + `","time":"Quibblethorn","visitor":{"name":"Featherington"}}`,
		`{"event":"chat:start","chatId":["Quibblethorn"],"time":"` + stamp(noon) + `"}`, `{"event":"chat:start","Quibblethorn":1,"Quibblethorn":2}`,
		`{"event":"Quibblethorn`, `{"event":{"Quibblethorn":1}}`, `"Quibblethorn"`, `{"event":"chat:start","chatId":"` + strings.Repeat("Quibblethorn", 50) + `","time":"` + stamp(noon) + `"}`,
		`{"event":"message_created","id":1,"content":{"Quibblethorn":1},"conversation":{"id":1}}`,
	} {
		for _, source := range []string{"tawkto", "chatwoot"} {
			status, answer := r.post(demo, source, []byte(body))
			refusals[fmt.Sprintf("answer %d to %.30s", status, body)] = []byte(answer)
		}
	}
	wrong := demo
	wrong.Sources = map[string]admin.Source{"tawkto": {Secret: "Quibblethorn"}, "chatwoot": {Secret: "Quibblethorn"}}
	_, answer := r.post(wrong, "tawkto", start)
	refusals["a wrong signature"] = []byte(answer)
	for _, id := range []string{"Quibblethorn", "%00Quibblethorn"} {
		_, answer := r.get(t, demo, id, "")
		refusals["answer to the id "+id] = []byte(answer)
		_, answer = r.get(t, demo, "", "cursor="+id)
		refusals["answer to the cursor "+id] = []byte(answer)
	}
	for _, f := range []func(context.Context, vaulttest.Request) error{refuses(r.Tables.Records), refuses(r.Tables.Keys), refuses(r.Tables.Control)} {
		r.Fault.Set(f)
		r.queues.refuseWith(errors.New("the queue refuses"))
		_, answer := r.post(demo, "chatwoot", woot(9, "Quibblethorn"))
		refusals["a refusal of tables and queue"] = []byte(answer)
		r.unharmed()
	}
	search(t, refusals, words)
	search(t, r.outside(t, log), words)
	r.Clock.Set(noon.AddDate(2, 0, 0))
	r.purgeAll(t)
	search(t, r.outside(t, log), words)
	if log.b.Len() == 0 {
		t.Error("nothing was logged, so nothing was tested of the log")
	}
}

// ours are words of samples that the vault itself uses in names of rows, attributes and logs.
var ours = strings.Fields("account agent article assigned beacon call canonical chatwoot conversation created crisp deleted delivery duplicate freshchat freshdesk https intercom invalid livechat message network number operator other page received robot settled signature since source status tawkto ticket until valid visit visitor zammad zendesk")

// Every sample event through the whole road: no word of a text, name or address in it gets out.
func TestStoreNoPlaintextOfTheSamples(t *testing.T) {
	log := listen(t)
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	r.nameSite(t, demo)
	words := map[string]bool{}
	var collect func(key string, v any)
	personal := []string{"content", "msg", "text", "name", "email", "phone_number", "identifier", "city", "country", "title", "labels", "subject", "chatId", "data_url", "n", "contract", "created_at_ip", "source_id", "pubsub_token", "message", "body", "description", "department", "phone", "customId",
		"firstname", "lastname", "mobile", "address", "note", "from", "answer", "ip", "user_agent", "secret_key", "filename", "ticket_subject",
		"ticket_description", "ticket_latest_public_comment", "ticket_latest_private_comment", "ticket_requester_name", "ticket_requester_email",
		"ticket_requester_address", "ticket_contact_name", "ticket_contact_email", "ticket_agent_name", "ticket_group_name", "conversation_body",
		"ticket_cf_contract", "conversation_requester", "nickname", "segments"}
	collect = func(key string, v any) {
		switch v := v.(type) {
		case string:
			if slices.Contains(personal, key) {
				for _, w := range wordForm.FindAllString(strings.ToLower(v), -1) {
					if len(w) >= 5 && !slices.Contains(ours, w) {
						words[w] = true
					}
				}
			}
		case []any:
			for _, e := range v {
				collect(key, e)
			}
		case map[string]any:
			for k, e := range v {
				collect(k, e)
			}
		}
	}
	for _, s := range samples(t) {
		var v any
		if json.Unmarshal(s.body, &v) == nil {
			collect("", v)
		}
		for _, times := range []string{"tables", "queue", "neither"} {
			switch times {
			case "queue":
				r.Fault.Set(refuses(r.Tables.Keys))
			case "neither":
				r.Fault.Set(refuses(r.Tables.Records))
				r.queues.refuseWith(errors.New("the queue refuses"))
			}
			status, answer := r.post(demo, s.source, s.body)
			r.unharmed()
			if want := 202; s.ok && times == "tables" && status != want || !s.ok && (status < 400 || status > 499) {
				t.Errorf("%s: %d %s", s.file, status, answer)
			}
			search(t, map[string][]byte{s.file + "'s answer": []byte(answer)}, slices.Sorted(maps.Keys(words)))
		}
	}
	all := slices.Sorted(maps.Keys(words))
	if len(all) < 80 {
		t.Fatalf("only %d words: %v", len(all), all)
	}
	search(t, r.outside(t, log), all)
	r.quiesce(t)
	r.lines(t, demo)
	r.all(t, demo)
	search(t, r.outside(t, log), all)
}

// refuses is a table that refuses every write, as DynamoDB does when it is written too fast.
func refuses(table string) func(context.Context, vaulttest.Request) error {
	return func(_ context.Context, req vaulttest.Request) error {
		if req.Writes() && slices.Contains(req.Tables, table) {
			return &types.ProvisionedThroughputExceededException{}
		}
		return nil
	}
}

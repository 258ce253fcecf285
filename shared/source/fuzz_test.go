package source_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/source"
)

func FuzzAdaptBeacon(f *testing.F)        { fuzzAdapt(f, "beacon") }
func FuzzAdaptCanonical(f *testing.F)     { fuzzAdapt(f, "canonical") }
func FuzzAdaptChatwoot(f *testing.F)      { fuzzAdapt(f, "chatwoot") }
func FuzzAdaptFreshdesk(f *testing.F)     { fuzzAdapt(f, "freshdesk") }
func FuzzAdaptLivechat(f *testing.F)      { fuzzAdapt(f, "livechat") }
func FuzzAdaptCrisp(f *testing.F)         { fuzzAdapt(f, "crisp") }
func FuzzAdaptFreshchat(f *testing.F)     { fuzzAdapt(f, "freshchat") }
func FuzzAdaptIntercom(f *testing.F)      { fuzzAdapt(f, "intercom") }
func FuzzAdaptMapped(f *testing.F)        { fuzzAdapt(f, "mapped-livehelpnow") }
func FuzzAdaptMappedZendesk(f *testing.F) { fuzzAdapt(f, "mapped-zendesk") }
func FuzzAdaptTawkto(f *testing.F)        { fuzzAdapt(f, "tawkto") }
func FuzzAdaptZammad(f *testing.F)        { fuzzAdapt(f, "zammad") }
func FuzzAdaptZendesk(f *testing.F)       { fuzzAdapt(f, "zendesk") }

// make fuzz runs whatever has the name of a target.
func TestEverySourceIsFuzzed(t *testing.T) {
	text, err := os.ReadFile("fuzz_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range source.Names() {
		if !regexp.MustCompile(`(?m)^func FuzzAdapt\w+\(f \*testing\.F\)\s+\{ fuzzAdapt\(f, "` + name + `"\) \}$`).Match(text) {
			t.Errorf("nothing fuzzes %s", name)
		}
	}
}

// fuzzAdapt shows that any body makes events that can be stored or a fault of its sender, and the same ones again.
func fuzzAdapt(f *testing.F, name string) {
	for _, s := range readSamples(f) {
		if s.source == name {
			f.Add(s.body)
		}
	}
	shown, err := filepath.Glob(filepath.Join(vendors, name, "*.json"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range shown {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	for _, body := range []string{
		``, `null`, `{}`, `{"event":"message_created","id":1e3}`, `{"event":"chat:end","chatId":"","time":0}`,
		`{"event":"conversation_resolved","id":0,"updated_at":-1e308}`, "\xef\xbb\xbf{}", strings.Repeat("[", 65),
		`{"event":"message_updated","content_attributes":{"submitted_values":{"csat_survey_response":{"rating":6}}}}`,
		// Small bodies of every branch: the fuzzer gets on with them faster than with the samples.
		`{"event":"chat:start","chatId":1,"time":1795179941286,"visitor":{"name":"V4410926655071823"},"message":{"type":"file","sender":{"type":"bot"}}}`,
		`{"event":"chat:transcript_created","time":"1795179941.5","chat":{"id":"c","messages":[{"sender":{"t":"a","n":"J"},"time":1.7e9},{"sender":{"t":"z"},"time":"2026-11-20 13:05:41 UTC"}]}}`,
		`{"event":"message_created","id":"7","message_type":1,"created_at":1795179941.25,"sender":{"id":27,"type":"user"},"conversation":{"id":4182,"labels":["a",null]},"attachments":[{"file_size":1,"data_url":"/rails/active_storage/a/b%2Fc"}]}`,
		`{"event":"message_created","id":7,"message_type":"incoming","created_at":1795179941,"sender":{"id":1,"identifier":"c"},"conversation":{"id":4182,"meta":{"sender":{"id":1,"type":"contact"},"team":{"name":"T"}}}}`,
		`{"event":"conversation_created","id":4182,"created_at":1795179941,"messages":[{},null,{"id":7,"created_at":1795179941,"updated_at":"2026-11-20T13:05:41.286Z","message_type":3}]}`,
		`{"event":"conversation_status_changed","id":4182,"status":"open","updated_at":1795179941.7,"changed_attributes":[{"status":{"previous_value":"resolved"}},null],"meta":{"assignee":{"name":"E"}}}`,
		`{"event":"message_updated","created_at":1795179941,"content_attributes":{"submitted_values":{"csat_survey_response":{"rating":"5"}}},"conversation":{"id":4182}}`,
		`{"event":"ticket:create","time":"2026-11-20T10:03:11Z","requester":{"name":"M","type":"agent"},"ticket":{"id":"t","subject":"s","message":"m"}}`,
		`{"version":"1","events":[{"type":"conversation.started","time":"2026-11-20T10:03:11Z","kind":"ticket","conversation":"t","title":"x"},{"type":"x"}]}`,
		`{"version":"1","events":[{"type":"conversation.transcript","time":"2026-11-20T10:03:11.5+01:00","kind":"chat","conversation":"c","ended":true,"entries":[{"id":"1","time":"2026-11-20T10:03:11Z","author":{"role":"visitor","id":"v"},"attachments":[{"name":"a/b","bytes":5.0}]}]}]}`,
		`{"version":"1","events":[{"type":"conversation.updated","time":"2026-11-20T10:03:11Z","kind":"ticket","conversation":"t","status":"solved","tags":["a"],"agents":["b"],"rating":5e0,"subjects":[{"email":"e"}]}]}`,
		`{"type":"zen:event-type:ticket.created","id":"1","time":"2026-11-20T07:30:05.672717030Z","detail":{"id":"7714","status":"SOLVED","description":"d","submitter_id":"3","requester_id":"4","tags":"a b"}}`,
		`{"type":"zen:event-type:ticket.comment_added","id":1,"time":1795179941,"detail":{"id":7714,"created_at":1795179941,"description":"d"},"event":{"comment":{"id":9,"body":"d","author":{"id":"2","is_staff":false,"name":"N"}}}}`,
		`{"type":"zen:event-type:ticket.attachment_linked_to_comment","id":"1","time":"2026-11-20T07:30:05Z","detail":{"id":"7714","actor_id":"4","requester_id":4},"event":{"comment":{"attachment":{"id":1,"filename":"a/b","content_url":"https://x.zendesk.com/b","is_public":true}}}}`,
		`{"type":"zen:event-type:ticket.attachment_redacted_from_comment","id":"1","time":"2026-11-20T07:30:05Z","detail":{"id":"7714"},"event":{"comment":{"attachment":{"id":"1"}}}}`,
		`{"type":"zen:event-type:ticket.comment_made_private","id":"1","time":"2026-11-20T07:30:05Z","detail":{"id":"7714","description":"d"},"event":{"comment":{"id":9,"body":"d"}}}`,
		`{"event":"comment","ticket":1,"time":"2026-11-20T07:30:05Z","title":"t","status":"Open","tags":"a b","requester":{"name":"N","customId":7},"comment":{"by":"agent","author":"A","text":"x"}}`,
		`{"url":"https://shop.example.com/a?b#c","title":"t","referrer":"https://example.com/x?y"}`,
		`{"type":"zen:event-type:ticket.comment_redacted","id":"1","time":"2026-11-20T07:30:05Z","detail":{"id":"7714","description":"▇"},"event":{"comment":{"id":9}}}`,
		`{"type":"zen:event-type:messaging_ticket.message_added","id":"1","time":"2026-11-20T07:30:05Z","detail":{"id":"7714"},"event":{"actor":{"id":"4","name":"N","type":"end_user"},"message":{"id":"a","body":"b"}}}`,
		`{"type":"zen:event-type:messaging_ticket.message_added","id":"1","time":"2026-11-20T07:30:05Z","detail":{"id":"7714"},"event":{"actor":{"id":4,"type":"agent"},"message":{"id":1}}}`,
		`{"event":"message_updated","id":7,"created_at":1795179941,"content_attributes":{"deleted":true},"conversation":{"id":4182}}`,
		`{"action":"incoming_chat","payload":{"chat":{"id":"C","users":[{"id":"a@b","type":"agent","name":"A"},{"id":1,"type":"customer","email":"c"}],"thread":{"id":"T","created_at":1795179941,"tags":["a",""],"events":[{"id":1,"type":"message","author_id":"a@b","created_at":1795179941,"visibility":"agents"}]}}}}`,
		`{"action":"incoming_event","payload":{"chat_id":"C","thread_id":1,"event":{"id":"1","type":"rich_message","author_id":"7b41e0d59c2f4a6388d1c5f09e2ab374","created_at":"1795179941","elements":[{"title":"t","image":{"url":"https://h/i","size":1},"buttons":[{"text":"b"}]}]}}}`,
		`{"action":"incoming_event","payload":{"chat_id":"C","thread_id":"T","event":{"id":"1","type":"filled_form","author_id":"3f0c9a52-7d1e-4b60-8a35-5be1f2c4d917","created_at":1795179941,"fields":[{"type":"name","answer":"A"},{"type":"email","answer":{}}]}}}`,
		`{"action":"incoming_event","payload":{"chat_id":"C","thread_id":"T","event":{"id":"1","type":"system_message","created_at":1795179941,"system_message_type":"rating.chat_rated","text_vars":{"score":"bad"}}}}`,
		`{"action":"incoming_event","payload":{"chat_id":"C","thread_id":"T","event":{"id":"1","type":"file","name":"a/b","url":"https://h","created_at":1795179941}}}`,
		`{"action":"event_deleted","payload":{"chat_id":"C","thread_id":"T","event_id":"1"}}`,
		`{"action":"user_added_to_chat","payload":{"chat_id":"C","thread_id":"T","user":{"id":"u"}}}`,
		`{"action":"chat_transferred","payload":{"chat_id":"C","thread_id":"T","transferred_to":{"agent_ids":["a",""]}}}`,
		`{"action":"thread_tagged","payload":{"chat_id":"C","thread_id":"T","tag":"a"}}`,
		`{"action":"chat_deactivated","payload":{"chat_id":"C","thread_id":"T"}}`,
		`{"freshdesk_webhook":{"ticket_id":1,"ticket_status":"Open","ticket_tags":"a, b","ticket_description":"<p>x","triggered_event":"{ticket_action:created}","ticket_created_at":"2026-11-20T10:03:11Z"}}`,
		`{"freshdesk_webhook":{"ticket_id":"1","ticket_status":4,"ticket_requester_name":"A","ticket_latest_public_comment":"A : <b>x","ticket_latest_private_comment":"B : y","ticket_contact_phone":1.5}}`,
		`{"freshdesk_webhook":{"ticket_id":1,"ticket_status":"Open","triggered_event":"{status:{from:4,to:2}}","ticket_updated_at":1795179941}}`,
		`{"ticket":{"id":1,"state":{"name":"closed"},"group":"g","tags":"a,b","customer":{"id":8,"firstname":"A"},"owner":{"id":1},"updated_at":1795179941,"last_close_at":1795179940},"article":{"id":"1","sender":"Customer","from":"A <a@b>","content_type":"text/html","body":"<p>x","created_at":1795179941,"attachments":[{"size":"1","filename":"a/b"}]}}`,
		`{"ticket":{"id":1,"state":"open","tags":["a",""],"updated_at":1795179941,"close_at":1},"article":{"id":1,"sender":{"name":"Agent"},"internal":false,"created_at":1795179941,"created_by":{"id":5}}}`,
		`{"type":"zen:event-type:ticket.status_changed","id":"1","time":"2026-11-20T07:30:05Z","detail":{"id":"7714"},"event":{"current":"OPEN","previous":"SOLVED"}}`,
		`{"event":"message:send","data":{"session_id":"s","fingerprint":7,"timestamp":1795179941286,"from":"user","type":"text","content":"x","user":{"nickname":"visitor1","type":"participant"}}}`,
		`{"event":"message:received","timestamp":1795179941286,"data":{"session_id":"s","fingerprint":"7","from":"operator","automated":true,"content":{"text":"t","choices":[{"label":"l"},null],"targets":[{"title":"a"}],"url":"https://a/b","name":"a/b"}}}`,
		`{"event":"message:updated","timestamp":1795179941.286,"data":{"session_id":1,"fingerprint":7,"content":{"value":"v","choices":[{"label":"l","selected":true}]}}}`,
		`{"event":"session:set_state","timestamp":1795179941286,"data":{"session_id":"s","state":"resolved"}}`,
		`{"event":"session:set_segments","timestamp":1795179941286,"data":{"session_id":"s","segments":["a",null,""]}}`,
		`{"event":"session:sync:rating","timestamp":1795179941286,"data":{"session_id":"s","rating":{"stars":"5"}}}`,
		`{"event":"session:set_email","timestamp":1795179941286,"data":{"session_id":"s","email":"e"}}`,
		`{"action":"message_create","data":{"message":{"id":"m","conversation_id":"c","created_time":"2026-11-20T13:05:41.286Z","actor_type":"agent","actor_id":"a","user_id":"u","message_type":"private","message_parts":[{"text":{"content":"x"}},{"file":{"name":"a/b","url":"https://a","file_size_in_bytes":1}},{"collection":{"sub_parts":[{"url_button":{"label":"l"}}]}}]}}}`,
		`{"action":"conversation_assignment","action_time":1795179941286,"data":{"assignment":{"to_agent_id":"a","conversation":{"conversation_id":"c"}}}}`,
		`{"action":"conversation_resolution","action_time":1795179941286,"data":{"resolve":{"conversation":{"conversation_id":"c"}}}}`,
		`{"topic":"conversation.user.replied","id":"n","data":{"item":{"type":"conversation","id":1,"created_at":1795179900,"updated_at":"1795179950","source":{"subject":"s","body":"<p>a<br>b<a href='https://c'>d</a><img src='https://e/f'></p>","author":{"type":"user","id":"v","email":"e"}},"contacts":{"contacts":[{"id":"v","external_id":2},null]},"tags":{"tags":[{"name":"t"},null]},"conversation_rating":{"rating":4}}}}`,
		`{"topic":"conversation.admin.closed","id":"n","data":{"item":{"type":"conversation","id":"1","created_at":1795179900,"admin_assignee_id":7,"conversation_parts":{"conversation_parts":[{"id":1,"part_type":"note","body":"<ul><li>x</ul>","created_at":1795179940,"author":{"type":"admin","id":7},"attachments":[{"name":"a/b","url":"http://a","filesize":1}]},{"id":"2","part_type":"close","created_at":1795179941,"author":{"type":"bot"}}]}}}}`,
	} {
		f.Add([]byte(body))
	}
	schema := canonicalSchema(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := adapt(t, name, body)
		checkOutcome(t, name, got, err)
		if name == "canonical" {
			checkSchema(t, schema, "the body", body, err)
		}
		if again, _ := adapt(t, name, body); !reflect.DeepEqual(got, again) {
			t.Error("the same delivery makes something else when it comes again")
		}
		// Whatever order and number events come in, folding them must not panic.
		conversation.Transcript{}.Fold(append(got.Events, got.Events...))
	})
}

var fuzzStamp = regexp.MustCompile(`^[0-9]+$`)

// FuzzVerify compares with a plain reading of what the senders document.
func FuzzVerify(f *testing.F) {
	body := []byte(`{"event":"chat:end"}`)
	now := received.Unix()
	names := slices.Sorted(maps.Keys(signatureHeaders))
	for i, name := range names {
		h := headersFor(name, secretOf(name), body, received)
		signature, stamp := h.Get(signatureHeaders[name]), h.Get(stampHeaders[name])
		f.Add(byte(i), "msg_of_the_tests", signature, stamp, body, secretOf(name), now)
		f.Add(byte(i), "msg_of_the_tests", signature, stamp, body, "", now)
		f.Add(byte(i), "msg", strings.ToUpper(signature), stamp, body, secretOf(name), now-301)
		f.Add(byte(i), "", signature+"0", "+"+stamp, body, secretOf(name), now+301)
		f.Add(byte(i), "msg_of_the_tests", "v1,AA== v1a,x "+signature, stamp, body, secretOf(name), now)
	}
	f.Fuzz(func(t *testing.T, which byte, id, signature, stamp string, body []byte, secret string, at int64) {
		if at < 0 || at > 1<<40 {
			return // not a clock of ours
		}
		name, text := names[int(which)%len(names)], string(body)
		var want string
		fresh, known := true, secret != ""
		switch name {
		case "tawkto":
			want = hex.EncodeToString(code(sha1.New, []byte(secret), text))
		case "chatwoot":
			want = "sha256=" + hex.EncodeToString(code(sha256.New, []byte(secret), stamp+"."+text))
			fresh = freshSeconds(stamp, at)
		case "zendesk":
			want = base64.StdEncoding.EncodeToString(code(sha256.New, []byte(secret), stamp+text))
			signed, err := time.Parse(time.RFC3339, stamp)
			fresh = err == nil && signed.Sub(time.Unix(at, 0)).Abs() <= 5*time.Minute
		case "canonical":
			key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
			want = "v1," + base64.StdEncoding.EncodeToString(code(sha256.New, key, id+"."+stamp+"."+text))
			fresh, known = freshSeconds(stamp, at) && id != "", err == nil && len(key) >= 24 && len(key) <= 64
		}
		header := http.Header{}
		if name == "canonical" {
			header.Set("Webhook-Id", id)
		}
		if stampHeaders[name] != "" {
			header.Set(stampHeaders[name], stamp)
		}
		for _, s := range []string{signature, want} {
			header.Set(signatureHeaders[name], s)
			same := s == want
			switch name {
			case "tawkto":
				same = asciiLower(s) == want
			case "chatwoot":
				digits, ok := strings.CutPrefix(s, "sha256=")
				same = ok && "sha256="+asciiLower(digits) == want
			case "canonical":
				same = slices.Contains(strings.Split(s, " "), want)
			}
			right := same && fresh && known
			err := lookup(t, name).Verify(source.Delivery{Header: header, Body: body, Received: time.Unix(at, 0)}, []string{"another", secret})
			if right != (err == nil) {
				t.Errorf("%s, signature %q: %v, want accepted: %v", name, s, err, right)
			}
			if err != nil {
				checkRefusal(t, err)
			}
			if err := lookup(t, name).Verify(source.Delivery{Header: header, Body: body, Received: time.Unix(at, 0)}, nil); err == nil {
				t.Error("accepted without a secret")
			}
		}
	})
}

func freshSeconds(stamp string, at int64) bool {
	n, err := strconv.ParseInt(stamp, 10, 64)
	return err == nil && fuzzStamp.MatchString(stamp) && n >= at-300 && n <= at+300
}

// asciiLower is lower case of the letters that hexadecimal digits have, and of no others.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'F' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

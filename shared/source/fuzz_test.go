package source_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/source"
)

func FuzzAdaptTawkto(f *testing.F)   { fuzzAdapt(f, "tawkto") }
func FuzzAdaptChatwoot(f *testing.F) { fuzzAdapt(f, "chatwoot") }

// fuzzAdapt shows that any body makes events that can be stored or a fault of its sender, and the same ones again.
func fuzzAdapt(f *testing.F, name string) {
	for _, s := range readSamples(f) {
		if s.source == name {
			f.Add(s.body)
		}
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
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := adapt(t, name, body)
		checkOutcome(t, name, got, err)
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
	for _, name := range []string{"tawkto", "chatwoot"} {
		h := headersFor(name, secret, body, received)
		signature, stamp := h.Get("X-Tawk-Signature")+h.Get("X-Chatwoot-Signature"), h.Get("X-Chatwoot-Timestamp")
		f.Add(name == "tawkto", signature, stamp, body, secret, now)
		f.Add(name == "tawkto", signature, stamp, body, "", now)
		f.Add(name == "tawkto", strings.ToUpper(signature), stamp, body, secret, now-301)
		f.Add(name == "tawkto", signature+"0", "+"+stamp, body, secret, now+301)
	}
	f.Fuzz(func(t *testing.T, isTawkto bool, signature, stamp string, body []byte, secret string, at int64) {
		if at < 0 || at > 1<<40 {
			return // not a clock of ours
		}
		name, header, want := "chatwoot", http.Header{}, ""
		n, err := strconv.ParseInt(stamp, 10, 64)
		fresh := err == nil && fuzzStamp.MatchString(stamp) && n >= at-300 && n <= at+300
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(stamp + "." + string(body)))
		want = "sha256=" + hex.EncodeToString(mac.Sum(nil))
		header.Set("X-Chatwoot-Signature", signature)
		header.Set("X-Chatwoot-Timestamp", stamp)
		if isTawkto {
			name, fresh = "tawkto", true
			mac := hmac.New(sha1.New, []byte(secret))
			mac.Write(body)
			want = hex.EncodeToString(mac.Sum(nil))
			header = http.Header{}
			header.Set("X-Tawk-Signature", signature)
		}
		lower := signature
		if code, ok := strings.CutPrefix(signature, "sha256="); ok && !isTawkto {
			lower = "sha256=" + asciiLower(code)
		} else if isTawkto {
			lower = asciiLower(signature)
		}
		d := source.Delivery{Header: header, Body: body, Received: time.Unix(at, 0)}
		for _, s := range []string{signature, want} {
			header[http.CanonicalHeaderKey(map[bool]string{true: "X-Tawk-Signature", false: "X-Chatwoot-Signature"}[isTawkto])] = []string{s}
			right := fresh && secret != "" && (s == want || lower == want)
			err := lookup(t, name).Verify(d, []string{"another", secret})
			if right != (err == nil) {
				t.Errorf("%s, signature %q: %v, want accepted: %v", name, s, err, right)
			}
			if err != nil {
				checkRefusal(t, err)
			}
			if err := lookup(t, name).Verify(d, nil); err == nil {
				t.Error("accepted without a secret")
			}
		}
	})
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

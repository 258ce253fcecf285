package source_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/source/sourcetest"
)

var code = sourcetest.Code

func TestVerifyKnowsCodesThatOpenSSLMade(t *testing.T) {
	// printf %s '{"event":"chat:end"}' | openssl dgst -sha1 -hmac key
	// printf %s '1795179941.{"event":"chat:end"}' | openssl dgst -sha256 -hmac key
	// printf %s '2026-11-20T13:05:41Z{"event":"chat:end"}' | openssl dgst -sha256 -hmac key -binary | openssl base64
	// printf %s 'msg_1.1795179941.{"event":"chat:end"}' | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(printf 'bb%.0s' $(seq 32))" -binary | openssl base64
	body := []byte(`{"event":"chat:end"}`)
	for name, h := range map[string]http.Header{
		"tawkto": {"X-Tawk-Signature": {"9a32a33c65e8a7f7eb5c1c123b7de6aeb61246ae"}},
		"chatwoot": {
			"X-Chatwoot-Timestamp": {"1795179941"},
			"X-Chatwoot-Signature": {"sha256=e2ed52dc64853af89851d297417473c3d173965584235226661fe793df3d4c02"},
		},
		"zendesk": {
			"X-Zendesk-Webhook-Signature-Timestamp": {"2026-11-20T13:05:41Z"},
			"X-Zendesk-Webhook-Signature":           {"BAz7Qrw4DckQe6juQaV7GS6SX+oPlJKT8YXHz4mrOr4="},
		},
		"canonical": {
			"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {"1795179941"},
			"Webhook-Signature": {"v1,QJN04x3pgdcdViR113RklUMhDomiA7rDPylYgiRUACo="},
		},
	} {
		d := source.Delivery{Header: h, Body: body, Received: time.Unix(1795179941, 0)}
		key := "key"
		if name == "canonical" {
			key = "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xbb}, 32))
		}
		if err := lookup(t, name).Verify(d, []string{key}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The sources whose signatures the finer tests below know how to bend.
var (
	signatureHeaders = map[string]string{}
	stampHeaders     = map[string]string{}
)

func init() {
	for _, name := range []string{"canonical", "chatwoot", "tawkto", "zendesk"} {
		signatureHeaders[name] = described[name].signature
		if stamp := described[name].stamp; stamp != "" {
			stampHeaders[name] = stamp
		}
	}
}

func TestVerify(t *testing.T) {
	type change func(d *source.Delivery, secrets *[]string)
	every, stamped := slices.Sorted(maps.Keys(signatureHeaders)), slices.Sorted(maps.Keys(stampHeaders))
	hexed, based, seconds := []string{"chatwoot", "tawkto"}, []string{"canonical", "zendesk"}, []string{"canonical", "chatwoot"}
	edit := func(headers map[string]string, text func(old string) string) func(string) change {
		return func(name string) change {
			return func(d *source.Delivery, _ *[]string) { d.Header.Set(headers[name], text(d.Header.Get(headers[name]))) }
		}
	}
	signature := func(text func(old string) string) func(string) change { return edit(signatureHeaders, text) }
	secrets := func(list func(good string) []string) func(string) change {
		return func(name string) change {
			return func(_ *source.Delivery, s *[]string) { *s = list(secretOf(name)) }
		}
	}
	signedAt := func(offset time.Duration) func(string) change {
		return func(name string) change {
			return func(d *source.Delivery, _ *[]string) {
				d.Header = headersFor(name, secretOf(name), d.Body, d.Received.Add(offset))
			}
		}
	}
	// A time in another form, rightly signed.
	stampText := func(text string) func(string) change {
		return func(name string) change {
			return func(d *source.Delivery, _ *[]string) {
				d.Header.Set(stampHeaders[name], text)
				switch key := []byte(secret); name {
				case "chatwoot":
					d.Header.Set(signatureHeaders[name], "sha256="+hex.EncodeToString(code(sha256.New, key, text+"."+string(d.Body))))
				case "zendesk":
					d.Header.Set(signatureHeaders[name], base64.StdEncoding.EncodeToString(code(sha256.New, key, text+string(d.Body))))
				case "canonical":
					signed := d.Header.Get("Webhook-Id") + "." + text + "." + string(d.Body)
					d.Header.Set(signatureHeaders[name], "v1,"+base64.StdEncoding.EncodeToString(code(sha256.New, []byte(secret+" and more"), signed)))
				}
			}
		}
	}
	empty := func(name string) change {
		return func(d *source.Delivery, s *[]string) {
			*s, d.Header = []string{""}, headersFor(name, "", d.Body, received)
		}
	}
	keyOf := func(n int) func(string) change {
		return func(name string) change {
			return func(d *source.Delivery, secrets *[]string) {
				*secrets = []string{"whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, n))}
				d.Header = headersFor(name, (*secrets)[0], d.Body, d.Received)
			}
		}
	}
	const (
		malformed  = "a header of the signature has another form than the sender's"
		unsigned   = "a header of the signature is missing or comes twice"
		mismatched = "no secret of the source made the signature"
		noSecret   = "the source has no secret"
	)
	for _, tc := range []struct {
		name    string
		sources []string
		change  func(name string) change
		reason  string // empty where the delivery is accepted
	}{
		{"accepts what its secret signed", every, signedAt(0), ""},
		{"accepts the older secret while a new one comes in", every, secrets(func(good string) []string { return []string{"new", good} }), ""},
		{"accepts the newer secret while an old one goes out", every, secrets(func(good string) []string { return []string{good, "old"} }), ""},
		{"accepts digits in upper case", hexed, signature(func(old string) string {
			code, had := strings.CutPrefix(old, "sha256=")
			if code = strings.ToUpper(code); had {
				code = "sha256=" + code
			}
			return code
		}), ""},
		{"accepts an empty body that was signed", every, func(name string) change {
			return func(d *source.Delivery, _ *[]string) {
				d.Body, d.Header = nil, headersFor(name, secretOf(name), nil, received)
			}
		}, ""},
		{"accepts the right one of several signatures", []string{"canonical"}, signature(func(old string) string {
			return "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= " + old + " v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
		}), ""},
		{"accepts a right one among ones of another form", []string{"canonical"}, signature(func(old string) string { return " v1, v1,0000 v1 , v1a,x " + old + " " }), ""},
		{"accepts a secret without its prefix", []string{"canonical"}, secrets(func(good string) []string {
			return []string{strings.TrimPrefix(good, "whsec_")}
		}), ""},
		{"rejects a secret that was taken back", every, secrets(func(string) []string { return []string{"new"} }), mismatched},
		{"rejects everything of a source without secrets", every, secrets(func(string) []string { return nil }), noSecret},
		{"rejects what the empty secret signed, even if the source has it", every, empty, mismatched},
		{"rejects what the empty secret signed for a source without secrets", every, func(name string) change {
			return func(d *source.Delivery, s *[]string) { empty(name)(d, s); *s = nil }
		}, noSecret},
		{"rejects a body with another byte", every, func(string) change {
			return func(d *source.Delivery, _ *[]string) { d.Body = append(bytes.Clone(d.Body), '\n') }
		}, mismatched},
		{"rejects a delivery without signature", every, func(name string) change {
			return func(d *source.Delivery, _ *[]string) { d.Header.Del(signatureHeaders[name]) }
		}, unsigned},
		{"rejects an empty signature", every, signature(func(string) string { return "" }), unsigned},
		{"rejects a second signature beside the right one", every, func(name string) change {
			return func(d *source.Delivery, _ *[]string) {
				d.Header.Add(signatureHeaders[name], d.Header.Get(signatureHeaders[name]))
			}
		}, unsigned},
		{"rejects a signature that lacks its last byte", every, signature(func(old string) string { return old[:len(old)-2] }), malformed},
		{"rejects a signature that lacks its last digit", every, signature(func(old string) string { return old[:len(old)-1] }), malformed},
		{"rejects a signature with a space behind it", []string{"chatwoot", "tawkto", "zendesk"}, signature(func(old string) string { return old + " " }), malformed},
		{"rejects a signature with a line's end in it", based, signature(func(old string) string { return old[:10] + "\n" + old[10:] }), malformed},
		{"rejects a signature that is no hexadecimal number", hexed, signature(func(old string) string { return old[:len(old)-1] + "g" }), malformed},
		{"rejects a signature in the base64 of URLs", based, signature(func(old string) string { return old[:len(old)-2] + "_=" }), malformed},
		{"rejects a signature of another algorithm", every, func(name string) change {
			return func(d *source.Delivery, _ *[]string) {
				other := map[string]string{"tawkto": "chatwoot", "chatwoot": "tawkto", "zendesk": "canonical", "canonical": "zendesk"}[name]
				d.Header.Set(signatureHeaders[name], headersFor(other, secretOf(other), d.Body, received).Get(signatureHeaders[other]))
			}
		}, malformed},
		{"rejects a signature with a bit turned", hexed, signature(func(old string) string {
			last := map[bool]string{true: "1", false: "0"}[strings.HasSuffix(old, "0")]
			return old[:len(old)-1] + last
		}), mismatched},
		{"rejects a signature with some bits turned", based, signature(func(old string) string {
			return old[:5] + map[bool]string{true: "B", false: "A"}[old[5] == 'A'] + old[6:]
		}), mismatched},
		{"rejects the digits without the name of the algorithm", []string{"chatwoot"}, signature(func(old string) string { return strings.TrimPrefix(old, "sha256=") }), malformed},
		{"rejects the name of the algorithm in upper case", []string{"chatwoot"}, signature(func(old string) string { return strings.Replace(old, "sha", "SHA", 1) }), malformed},
		{"rejects the signature without its version", []string{"canonical"}, signature(func(old string) string { return strings.TrimPrefix(old, "v1,") }), malformed},
		{"rejects the signature as that of a later version", []string{"canonical"}, signature(func(old string) string { return strings.Replace(old, "v1,", "v2,", 1) }), malformed},
		{"rejects signatures with commas between them", []string{"canonical"}, signature(func(old string) string { return old + "," + old }), malformed},
		{"rejects another id on the same signature", []string{"canonical"}, func(string) change {
			return func(d *source.Delivery, _ *[]string) { d.Header.Set("Webhook-Id", "msg_other") }
		}, mismatched},
		{"rejects a delivery without id", []string{"canonical"}, func(string) change {
			return func(d *source.Delivery, _ *[]string) { d.Header.Del("Webhook-Id") }
		}, unsigned},
		{"rejects what a key of 23 bytes signed", []string{"canonical"}, keyOf(23), mismatched},
		{"accepts what a key of 24 bytes signed", []string{"canonical"}, keyOf(24), ""},
		{"accepts what a key of 64 bytes signed", []string{"canonical"}, keyOf(64), ""},
		{"rejects what a key of 65 bytes signed", []string{"canonical"}, keyOf(65), mismatched},
		{"rejects a delivery without timestamp", stamped, func(name string) change {
			return func(d *source.Delivery, _ *[]string) { d.Header.Del(stampHeaders[name]) }
		}, unsigned},
		{"rejects a fresh timestamp put on an old signature", stamped, func(name string) change {
			return func(d *source.Delivery, _ *[]string) {
				d.Header.Set(stampHeaders[name], headersFor(name, "", nil, received.Add(-time.Second)).Get(stampHeaders[name]))
			}
		}, mismatched},
		{"accepts a signature four minutes and 59 seconds old", stamped, signedAt(-tolerance + time.Second), ""},
		{"accepts a signature five minutes ahead", stamped, signedAt(tolerance), ""},
		{"rejects a signature older than the tolerance", stamped, signedAt(-tolerance - time.Second), "the signed time is too long ago"},
		{"rejects a signature further ahead than the tolerance", stamped, signedAt(tolerance + time.Second), "the signed time lies ahead"},
		{"rejects a signed timestamp with a sign", seconds, stampText("+" + strconv.FormatInt(received.Unix(), 10)), malformed},
		{"rejects a signed timestamp in milliseconds", seconds, stampText(strconv.FormatInt(received.UnixMilli(), 10)), malformed},
		{"rejects a signed timestamp that no integer holds", seconds, stampText(strings.Repeat("9", 40)), malformed},
		{"rejects a signed timestamp that is a date", seconds, stampText("2026-11-20T14:00:00Z"), malformed},
		{"accepts a signed timestamp of another zone", []string{"zendesk"}, stampText("2026-11-20T15:00:00+01:00"), ""},
		{"accepts a signed timestamp with a fraction", []string{"zendesk"}, stampText("2026-11-20T14:00:00.123456789Z"), ""},
		{"rejects a signed timestamp in seconds", []string{"zendesk"}, stampText(strconv.FormatInt(received.Unix(), 10)), malformed},
		{"rejects a signed timestamp without zone", []string{"zendesk"}, stampText("2026-11-20T14:00:00"), malformed},
		{"rejects a signed word", stamped, stampText("hello"), malformed},
	} {
		for _, name := range tc.sources {
			t.Run(tc.name+", "+name, func(t *testing.T) {
				body := []byte(`{"event":"chat:end","chatId":"c1"}`)
				d := source.Delivery{Header: headersFor(name, secretOf(name), body, received), Body: body, Received: received}
				secrets := []string{secretOf(name)}
				tc.change(name)(&d, &secrets)
				checkVerdict(t, lookup(t, name).Verify(d, secrets), tc.reason)
			})
		}
	}
}

// The two examples of the specification's own libraries.
func TestVerifyKnowsTheOfficialExamples(t *testing.T) {
	for _, tc := range []struct{ name, secret, id, stamp, body, signature string }{
		{"of the libraries for Go, JavaScript, Python and Ruby", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
			`{"test": 2432232314}`, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		{"of the library for Rust", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", "1649367553",
			`{"email":"test@example.com","username":"test_user"}`, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="},
	} {
		t.Run(tc.name, func(t *testing.T) {
			seconds, err := strconv.ParseInt(tc.stamp, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			d := source.Delivery{
				Header: http.Header{"Webhook-Id": {tc.id}, "Webhook-Timestamp": {tc.stamp}, "Webhook-Signature": {tc.signature}},
				Body:   []byte(tc.body), Received: time.Unix(seconds, 0).Add(time.Minute),
			}
			verify := lookup(t, "canonical").Verify
			checkVerdict(t, verify(d, []string{tc.secret}), "")
			d.Received = d.Received.Add(tolerance)
			checkVerdict(t, verify(d, []string{tc.secret}), "the signed time is too long ago")
		})
	}
}

func TestNewSecret(t *testing.T) {
	for _, name := range append(source.Names(), "unknown") {
		one, other := source.NewSecret(name), source.NewSecret(name)
		if described[name].given {
			if source.ValidSecret(name, one) || one == "" {
				t.Errorf("%s: %q is made here, or tells nobody what to do", name, one)
			}
			continue
		}
		if one == other || len(one) < 43 { // 256 bits in base64 or longer
			t.Errorf("%s: secrets of %d characters", name, len(one))
		}
	}
	text, ok := strings.CutPrefix(source.NewSecret("canonical"), "whsec_")
	if key, err := base64.StdEncoding.DecodeString(text); !ok || err != nil || len(key) != 32 {
		t.Errorf("the secret is none of Standard Webhooks: %v, %d bytes", err, len(key))
	}
}

const tolerance = 5 * time.Minute

// checkVerdict asserts that a refusal has its reason inside, for the log.
func checkVerdict(t *testing.T, err error, reason string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := checkRefusal(t, err).Unwrap(); got == nil || got.Error() != reason {
		t.Errorf("reason %v, want %q", got, reason)
	}
}

// checkRefusal asserts that a refusal is always the same to the sender.
func checkRefusal(t testing.TB, err error) *fault.Fault {
	t.Helper()
	f, ok := errors.AsType[*fault.Fault](err)
	if !ok || !errors.Is(err, source.ErrSignature) || f.Status() != http.StatusUnauthorized || f.Message != source.ErrSignature.Message {
		t.Fatalf("error %v, want the fault of every wrong signature", err)
	}
	return f
}

func TestVerifyTriesEverySecretInAnyOrder(t *testing.T) {
	body := []byte(`{}`)
	for name := range described {
		all := []string{"one", "two", "", "three", secretOf(name)}
		for range all {
			all = slices.Concat(all[1:], all[:1])
			if err := lookup(t, name).Verify(signed(name, secretOf(name), body, received), all); err != nil {
				t.Errorf("%s with the secrets %q: %v", name, all, err)
			}
		}
	}
}

func TestEverySampleVerifies(t *testing.T) {
	for _, s := range readSamples(t) {
		d := signed(s.source, secretOf(s.source), s.body, received)
		if err := lookup(t, s.source).Verify(d, []string{secretOf(s.source)}); err != nil {
			t.Errorf("%s: %v", s.file, err)
		}
		if described[s.source].keyless {
			continue
		}
		for what, secrets := range map[string][]string{"a wrong secret": {"another secret"}, "no secret": nil, "an empty one": {""}} {
			err := lookup(t, s.source).Verify(d, secrets)
			if err == nil {
				t.Errorf("%s is accepted with %s", s.file, what)
				continue
			}
			checkRefusal(t, err)
		}
		if !described[s.source].uncovered {
			d.Body = append(bytes.Clone(d.Body), ' ')
			if lookup(t, s.source).Verify(d, []string{secretOf(s.source)}) == nil {
				t.Errorf("%s is accepted with another byte behind it", s.file)
			}
		}
	}
}

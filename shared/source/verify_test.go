package source_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/source"
)

const secret = "a secret of the tests"

// headersFor signs a body as the senders do, with the standard library alone.
func headersFor(name, secret string, body []byte, at time.Time) http.Header {
	h := http.Header{}
	switch name {
	case "tawkto":
		mac := hmac.New(sha1.New, []byte(secret))
		mac.Write(body)
		h.Set("X-Tawk-Signature", hex.EncodeToString(mac.Sum(nil)))
	case "chatwoot":
		stamp := strconv.FormatInt(at.Unix(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(stamp + "."))
		mac.Write(body)
		h.Set("X-Chatwoot-Timestamp", stamp)
		h.Set("X-Chatwoot-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	return h
}

func TestVerifyKnowsCodesThatOpenSSLMade(t *testing.T) {
	// printf %s '{"event":"chat:end"}' | openssl dgst -sha1 -hmac key
	// printf %s '1795179941.{"event":"chat:end"}' | openssl dgst -sha256 -hmac key
	body := []byte(`{"event":"chat:end"}`)
	for name, h := range map[string]http.Header{
		"tawkto": {"X-Tawk-Signature": {"9a32a33c65e8a7f7eb5c1c123b7de6aeb61246ae"}},
		"chatwoot": {
			"X-Chatwoot-Timestamp": {"1795179941"},
			"X-Chatwoot-Signature": {"sha256=e2ed52dc64853af89851d297417473c3d173965584235226661fe793df3d4c02"},
		},
	} {
		d := source.Delivery{Header: h, Body: body, Received: time.Unix(1795179941, 0)}
		if err := lookup(t, name).Verify(d, []string{"key"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerify(t *testing.T) {
	signature := map[string]string{"tawkto": "X-Tawk-Signature", "chatwoot": "X-Chatwoot-Signature"}
	set := func(name string, change func(old string) string) func(*source.Delivery, *[]string) {
		return func(d *source.Delivery, _ *[]string) { d.Header.Set(name, change(d.Header.Get(name))) }
	}
	type change func(d *source.Delivery, secrets *[]string)
	secrets := func(s ...string) change { return func(_ *source.Delivery, secrets *[]string) { *secrets = s } }
	both := func(of func(header string) change) map[string]change {
		return map[string]change{"tawkto": of(signature["tawkto"]), "chatwoot": of(signature["chatwoot"])}
	}
	same := func(c change) map[string]change { return map[string]change{"tawkto": c, "chatwoot": c} }
	stamp := func(offset time.Duration) map[string]change {
		return map[string]change{"chatwoot": func(d *source.Delivery, _ *[]string) {
			d.Header = headersFor("chatwoot", secret, d.Body, d.Received.Add(offset))
		}}
	}
	stampText := func(text string) map[string]change {
		return map[string]change{"chatwoot": func(d *source.Delivery, _ *[]string) {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(text + "."))
			mac.Write(d.Body)
			d.Header = http.Header{
				"X-Chatwoot-Timestamp": {text}, "X-Chatwoot-Signature": {"sha256=" + hex.EncodeToString(mac.Sum(nil))},
			}
		}}
	}
	for _, tc := range []struct {
		name    string
		changes map[string]change
		reason  string // empty where the delivery is accepted
	}{
		{"accepts what its secret signed", same(func(*source.Delivery, *[]string) {}), ""},
		{"accepts the older secret while a new one comes in", same(secrets("new", secret)), ""},
		{"accepts the newer secret while an old one goes out", same(secrets(secret, "old")), ""},
		{"accepts digits in upper case", both(func(h string) change {
			return set(h, func(old string) string {
				code, had := strings.CutPrefix(old, "sha256=")
				if code = strings.ToUpper(code); had {
					code = "sha256=" + code
				}
				return code
			})
		}), ""},
		{"accepts an empty body that was signed", map[string]change{
			"tawkto": func(d *source.Delivery, _ *[]string) {
				d.Body = nil
				d.Header = headersFor("tawkto", secret, nil, received)
			},
			"chatwoot": func(d *source.Delivery, _ *[]string) {
				d.Body = nil
				d.Header = headersFor("chatwoot", secret, nil, received)
			},
		}, ""},
		{"rejects a secret that was taken back", same(secrets("new")), "no secret of the source made the signature"},
		{"rejects everything of a source without secrets", same(secrets()), "the source has no secret"},
		{"rejects what the empty secret signed, even if the source has it", map[string]change{
			"tawkto": func(d *source.Delivery, s *[]string) {
				*s, d.Header = []string{""}, headersFor("tawkto", "", d.Body, received)
			},
			"chatwoot": func(d *source.Delivery, s *[]string) {
				*s, d.Header = []string{""}, headersFor("chatwoot", "", d.Body, received)
			},
		}, "no secret of the source made the signature"},
		{"rejects what the empty secret signed for a source without secrets", map[string]change{
			"tawkto": func(d *source.Delivery, s *[]string) { *s, d.Header = nil, headersFor("tawkto", "", d.Body, received) },
			"chatwoot": func(d *source.Delivery, s *[]string) {
				*s, d.Header = nil, headersFor("chatwoot", "", d.Body, received)
			},
		}, "the source has no secret"},
		{"rejects a body with another byte", same(func(d *source.Delivery, _ *[]string) {
			d.Body = append(bytes.Clone(d.Body), '\n')
		}), "no secret of the source made the signature"},
		{"rejects a delivery without signature", both(func(h string) change {
			return func(d *source.Delivery, _ *[]string) { d.Header.Del(h) }
		}), "a header of the signature is missing or comes twice"},
		{"rejects an empty signature", both(func(h string) change {
			return set(h, func(string) string { return "" })
		}), "a header of the signature is missing or comes twice"},
		{"rejects a second signature beside the right one", both(func(h string) change {
			return func(d *source.Delivery, _ *[]string) { d.Header.Add(h, d.Header.Get(h)) }
		}), "a header of the signature is missing or comes twice"},
		{"rejects a signature that lacks its last byte", both(func(h string) change {
			return set(h, func(old string) string { return old[:len(old)-2] })
		}), "a header of the signature has another form than the sender's"},
		{"rejects a signature that lacks its last digit", both(func(h string) change {
			return set(h, func(old string) string { return old[:len(old)-1] })
		}), "a header of the signature has another form than the sender's"},
		{"rejects a signature with a space behind it", both(func(h string) change {
			return set(h, func(old string) string { return old + " " })
		}), "a header of the signature has another form than the sender's"},
		{"rejects a signature that is no hexadecimal number", both(func(h string) change {
			return set(h, func(old string) string { return old[:len(old)-1] + "g" })
		}), "a header of the signature has another form than the sender's"},
		{"rejects a signature of another algorithm", both(func(h string) change {
			return func(d *source.Delivery, _ *[]string) {
				other := map[string]string{"X-Tawk-Signature": "chatwoot", "X-Chatwoot-Signature": "tawkto"}[h]
				d.Header.Set(h, headersFor(other, secret, d.Body, received).Get(signature[other]))
			}
		}), "a header of the signature has another form than the sender's"},
		{"rejects a signature with a bit turned", both(func(h string) change {
			return set(h, func(old string) string {
				last := map[bool]string{true: "1", false: "0"}[strings.HasSuffix(old, "0")]
				return old[:len(old)-1] + last
			})
		}), "no secret of the source made the signature"},
		{"rejects the digits without the name of the algorithm", map[string]change{
			"chatwoot": set("X-Chatwoot-Signature", func(old string) string { return strings.TrimPrefix(old, "sha256=") }),
		}, "a header of the signature has another form than the sender's"},
		{"rejects the name of the algorithm in upper case", map[string]change{
			"chatwoot": set("X-Chatwoot-Signature", func(old string) string { return strings.Replace(old, "sha", "SHA", 1) }),
		}, "a header of the signature has another form than the sender's"},
		{"rejects a delivery without timestamp", map[string]change{
			"chatwoot": func(d *source.Delivery, _ *[]string) { d.Header.Del("X-Chatwoot-Timestamp") },
		}, "a header of the signature is missing or comes twice"},
		{"rejects a fresh timestamp put on an old signature", map[string]change{
			"chatwoot": set("X-Chatwoot-Timestamp", func(string) string {
				return strconv.FormatInt(received.Unix()-1, 10)
			}),
		}, "no secret of the source made the signature"},
		{"accepts a signature four minutes and 59 seconds old", stamp(-tolerance + time.Second), ""},
		{"accepts a signature five minutes ahead", stamp(tolerance), ""},
		{"rejects a signature older than the tolerance", stamp(-tolerance - time.Second), "the signed time is too long ago"},
		{"rejects a signature further ahead than the tolerance", stamp(tolerance + time.Second), "the signed time lies ahead"},
		{"rejects a signed timestamp with a sign", stampText("+" + strconv.FormatInt(received.Unix(), 10)), "a header of the signature has another form than the sender's"},
		{"rejects a signed timestamp in milliseconds", stampText(strconv.FormatInt(received.UnixMilli(), 10)), "a header of the signature has another form than the sender's"},
		{"rejects a signed timestamp that no integer holds", stampText(strings.Repeat("9", 40)), "a header of the signature has another form than the sender's"},
		{"rejects a signed timestamp that is a date", stampText("2026-11-20T14:00:00Z"), "a header of the signature has another form than the sender's"},
	} {
		for name, change := range tc.changes {
			t.Run(tc.name+", "+name, func(t *testing.T) {
				body := []byte(`{"event":"chat:end","chatId":"c1"}`)
				d := source.Delivery{Header: headersFor(name, secret, body, received), Body: body, Received: received}
				secrets := []string{secret}
				change(&d, &secrets)
				checkVerdict(t, lookup(t, name).Verify(d, secrets), tc.reason)
			})
		}
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
	all := []string{"one", "two", "", "three", secret}
	for name := range names {
		for range all {
			all = slices.Concat(all[1:], all[:1])
			d := source.Delivery{Header: headersFor(name, secret, body, received), Body: body, Received: received}
			if err := lookup(t, name).Verify(d, all); err != nil {
				t.Errorf("%s with the secrets %q: %v", name, all, err)
			}
		}
	}
}

func TestEverySampleVerifies(t *testing.T) {
	for _, s := range readSamples(t) {
		d := source.Delivery{Header: headersFor(s.source, secret, s.body, received), Body: s.body, Received: received}
		if err := lookup(t, s.source).Verify(d, []string{secret}); err != nil {
			t.Errorf("%s: %v", s.file, err)
		}
	}
}

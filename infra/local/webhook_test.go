package main

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The signatures were made with openssl dgst -hmac.
func TestHeaders(t *testing.T) {
	now := time.Unix(1600000000, 0)
	h, err := delivery{"tawkto", []byte(`{"a":1}`)}.headers("secret", now)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := h["X-Tawk-Signature"], "f8446672f033e4b2beafc5ca3a71eafcd2cafb6e"; got != want {
		t.Errorf("X-Tawk-Signature %s, want %s", got, want)
	}
	h, err = delivery{"chatwoot", []byte(`{"a":1}`)}.headers("secret", now)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := h["X-Chatwoot-Signature"], "sha256=4e107d82910257d43758070322323c95b92af39939824d6610e2c9809a43b8d5"; got != want {
		t.Errorf("X-Chatwoot-Signature %s, want %s", got, want)
	}
	if got, want := h["X-Chatwoot-Timestamp"], "1600000000"; got != want {
		t.Errorf("X-Chatwoot-Timestamp %s, want %s", got, want)
	}
	h, err = delivery{"zendesk", []byte(`{"a":1}`)}.headers("secret", now)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := h["X-Zendesk-Webhook-Signature"], "DpTqHDbDSoVWtEyVZFdp4zhhhXsUBjMBeUf6Jr0RFv4="; got != want {
		t.Errorf("X-Zendesk-Webhook-Signature %s, want %s", got, want)
	}
	if got, want := h["X-Zendesk-Webhook-Signature-Timestamp"], "2020-09-13T12:26:40Z"; got != want {
		t.Errorf("X-Zendesk-Webhook-Signature-Timestamp %s, want %s", got, want)
	}
	h, err = delivery{"zammad", []byte(`{"a":1}`)}.headers("secret", now)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := h["X-Hub-Signature"], "sha1=f8446672f033e4b2beafc5ca3a71eafcd2cafb6e"; got != want {
		t.Errorf("X-Hub-Signature %s, want %s", got, want)
	}
	h, err = delivery{"freshdesk", []byte(`{"a":1}`)}.headers("secret", now)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := h["Authorization"], "Basic dmF1bHQ6c2VjcmV0"; got != want { // printf %s vault:secret | base64
		t.Errorf("Authorization %s, want %s", got, want)
	}
	chat := delivery{"livechat", []byte(`{"action":"x", "secret_key" : "sample", "payload":{}}`)}
	if h, err = chat.headers("secret", now); err != nil || len(h) != 1 {
		t.Errorf("LiveChat sends the headers %v, %v", h, err)
	}
	if got, want := string(chat.sent("my secret")), `{"action":"x", "secret_key": "my secret", "payload":{}}`; got != want {
		t.Errorf("LiveChat sends %s, want %s", got, want)
	}
	h, err = delivery{"canonical", []byte(`{"a":1}`)}.headers("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", now)
	if err != nil {
		t.Fatal(err)
	}
	key, err := hex.DecodeString("31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0")
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h["webhook-id"] + `.1600000000.{"a":1}`)) // the id is another each time
	if got, want := h["webhook-signature"], "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want || h["webhook-timestamp"] != "1600000000" || h["webhook-id"] == "" {
		t.Errorf("webhook-signature %s, want %s, of %s at %s", got, want, h["webhook-id"], h["webhook-timestamp"])
	}
	h, err = delivery{"intercom", []byte(`{"a":1}`)}.headers("secret", now)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := h["X-Hub-Signature"], "sha1=f8446672f033e4b2beafc5ca3a71eafcd2cafb6e"; got != want {
		t.Errorf("X-Hub-Signature %s, want %s", got, want)
	}
	h, err = delivery{"crisp", []byte(`{"a":1}`)}.headers("secret", now)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := h["X-Crisp-Signature"], "3d559ef93e3154dbdc65efb287be5e4ee2623ca409351fd829727bd8cb1e12d9"; got != want || h["X-Crisp-Request-Timestamp"] != "1600000000000" {
		t.Errorf("X-Crisp-Signature %s at %s, want %s", got, h["X-Crisp-Request-Timestamp"], want)
	}
	private, public, err := keyPair()
	if err != nil {
		t.Fatal(err)
	}
	h, err = delivery{"freshchat", []byte(`{"a":1}`)}.headers(private, now)
	if err != nil {
		t.Fatal(err)
	}
	code, err := base64.StdEncoding.DecodeString(h["X-Freshchat-Signature"])
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(public))
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(`{"a":1}`))
	if err := rsa.VerifyPKCS1v15(parsed.(*rsa.PublicKey), crypto.SHA256, sum[:], code); err != nil {
		t.Errorf("X-Freshchat-Signature: %v", err)
	}
	for _, secret := range []string{public, "none", ""} {
		if _, err := (delivery{"freshchat", nil}).headers(secret, now); err == nil {
			t.Errorf("signs with %q", secret)
		}
	}
	if _, err = (delivery{"canonical", nil}).headers("whsec_no base64", now); err == nil {
		t.Error("signs with what is no key")
	}
	for _, name := range []string{"mapped-livehelpnow", "mapped-zendesk"} {
		if h, err = (delivery{name, []byte(`{"a":1}`)}).headers("secret", now); err != nil || h["X-Supportvault-Key"] != "secret" {
			t.Errorf("%s: X-Supportvault-Key %q, %v", name, h["X-Supportvault-Key"], err)
		}
	}
	if _, err = (delivery{"carrier-pigeon", nil}).headers("secret", now); err == nil {
		t.Error("signs for a source that it does not know")
	}
}

func TestWrap(t *testing.T) {
	s := stack{outputs: outputs{
		API: "http://127.0.0.1:1/_aws/execute-api/x", Account: "demo",
		Sources: map[string]source{"tawkto": {"http://127.0.0.1:1/_aws/execute-api/x/v1/webhooks/demo/tawkto", "secret"}},
	}}
	b, err := s.wrap(delivery{"tawkto", []byte(`{"a":1}`)}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !isLambdaEvent(b) {
		t.Error("made what it does not know as an event itself")
	}
	var e struct {
		RawPath, Body  string
		PathParameters map[string]string
		Headers        map[string]string
	}
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/v1/webhooks/demo/tawkto", `{"a":1}`, "demo", "tawkto", "f8446672f033e4b2beafc5ca3a71eafcd2cafb6e"},
		[]string{e.RawPath, e.Body, e.PathParameters["account"], e.PathParameters["source"], e.Headers["x-tawk-signature"]}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if isLambdaEvent([]byte(`{"event":"chat:start"}`)) {
		t.Error("took a webhook for an event")
	}
	if _, err := s.wrap(delivery{"chatwoot", nil}, time.Now()); err == nil {
		t.Error("wraps for a source without a secret")
	}
}

// Package sourcetest signs deliveries as their senders do, with the standard library alone and without a line of package
// source that signs: what the adapters verify is compared with it.
package sourcetest

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"hash"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/supportvault/supportvault/shared/source"
)

// ID is the id of every delivery that has one.
const ID = "msg_of_the_tests"

// secretKey is where LiveChat puts its secret.
var secretKey = regexp.MustCompile(`"secret_key"\s*:\s*"[^"]*"`)

// Origin is that of the site whose pages tell of visits.
const Origin = "https://shop.example.com"

var signers = map[string]func(d *source.Delivery, secret string, at time.Time){
	"beacon": func(d *source.Delivery, _ string, _ time.Time) {
		d.Header.Set("Origin", Origin)
		d.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	},
	"canonical": func(d *source.Delivery, secret string, at time.Time) {
		stamp := strconv.FormatInt(at.Unix(), 10)
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		d.Header.Set("Webhook-Id", ID)
		d.Header.Set("Webhook-Timestamp", stamp)
		d.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(Code(sha256.New, key, ID+"."+stamp+"."+string(d.Body))))
	},
	"chatwoot": func(d *source.Delivery, secret string, at time.Time) {
		stamp := strconv.FormatInt(at.Unix(), 10)
		d.Header.Set("X-Chatwoot-Timestamp", stamp)
		d.Header.Set("X-Chatwoot-Signature", "sha256="+hex.EncodeToString(Code(sha256.New, []byte(secret), stamp+"."+string(d.Body))))
	},
	"freshdesk": func(d *source.Delivery, secret string, _ time.Time) {
		d.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("vault:"+secret)))
	},
	"livechat": func(d *source.Delivery, secret string, _ time.Time) {
		quoted, _ := json.Marshal(secret)
		member := append([]byte(`"secret_key": `), quoted...)
		if secretKey.Match(d.Body) {
			d.Body = secretKey.ReplaceAllLiteral(d.Body, member)
		} else if rest, ok := bytes.CutPrefix(d.Body, []byte("{")); ok {
			if !bytes.HasPrefix(bytes.TrimSpace(rest), []byte("}")) {
				member = append(member, ", "...)
			}
			d.Body = slices.Concat([]byte("{"), member, rest)
		}
	},
	"crisp": func(d *source.Delivery, secret string, at time.Time) {
		stamp := strconv.FormatInt(at.UnixMilli(), 10)
		d.Header.Set("X-Crisp-Request-Timestamp", stamp)
		d.Header.Set("X-Crisp-Signature", hex.EncodeToString(Code(sha256.New, []byte(secret), "["+stamp+";"+string(d.Body)+"]")))
	},
	"freshchat": func(d *source.Delivery, _ string, _ time.Time) {
		sum := sha256.Sum256(d.Body)
		code, err := rsa.SignPKCS1v15(nil, freshchatKey(), crypto.SHA256, sum[:])
		if err != nil {
			panic(err) // the key is large enough for the sum
		}
		d.Header.Set("X-Freshchat-Signature", base64.StdEncoding.EncodeToString(code))
	},
	"intercom": func(d *source.Delivery, secret string, _ time.Time) {
		d.Header.Set("X-Hub-Signature", "sha1="+hex.EncodeToString(Code(sha1.New, []byte(secret), string(d.Body))))
	},
	"mapped-livehelpnow": sentAlong,
	"mapped-zendesk":     sentAlong,
	"tawkto": func(d *source.Delivery, secret string, _ time.Time) {
		d.Header.Set("X-Tawk-Signature", hex.EncodeToString(Code(sha1.New, []byte(secret), string(d.Body))))
	},
	"zammad": func(d *source.Delivery, secret string, _ time.Time) {
		d.Header.Set("X-Hub-Signature", "sha1="+hex.EncodeToString(Code(sha1.New, []byte(secret), string(d.Body))))
	},
	"zendesk": func(d *source.Delivery, secret string, at time.Time) {
		stamp := at.UTC().Format(time.RFC3339)
		d.Header.Set("X-Zendesk-Webhook-Signature-Timestamp", stamp)
		d.Header.Set("X-Zendesk-Webhook-Signature", base64.StdEncoding.EncodeToString(Code(sha256.New, []byte(secret), stamp+string(d.Body))))
	},
}

// sentAlong is how deliveries of mapped sources show whose they are unless an account says otherwise.
func sentAlong(d *source.Delivery, secret string, _ time.Time) {
	d.Header.Set("X-Supportvault-Key", secret)
}

// Sign signs a delivery, of which everything else is there, as the source's sender does; of one that is not known it does
// nothing. A sender that puts its secret into the body or the address changes those.
func Sign(name string, d *source.Delivery, secret string, at time.Time) {
	if sign, ok := signers[name]; ok {
		sign(d, secret, at)
	}
}

var freshchatKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// Given is the secret that the account must be given for a source of which only the sender can make one; empty for others.
// Of Freshchat it is the public key, in one line as Freshchat shows it, of the key with which Sign signs.
func Given(name string) string {
	if name != "freshchat" {
		return ""
	}
	der, err := x509.MarshalPKIXPublicKey(freshchatKey().Public())
	if err != nil {
		panic(err)
	}
	return "-----BEGIN RSA PUBLIC KEY----- " + base64.StdEncoding.EncodeToString(der) + " -----END RSA PUBLIC KEY-----"
}

// Knows says whether deliveries of a source can be signed.
func Knows(name string) bool { return signers[name] != nil }

// Code is the HMAC of a text.
func Code(newHash func() hash.Hash, key []byte, text string) []byte {
	mac := hmac.New(newHash, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // #nosec G505: tawk.to, Intercom and Zammad sign with SHA-1
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A delivery is one webhook as its vendor sends it.
type delivery struct {
	source string
	body   []byte
}

// headers are what the vendor would send with the body: its signature and the id of the delivery.
func (d delivery) headers(secret string, now time.Time) (map[string]string, error) {
	h := map[string]string{"Content-Type": "application/json"}
	switch d.source {
	case "beacon": // a page of the site that createOwnAccount names
		h["Origin"], h["Content-Type"] = sampleOrigin, "text/plain;charset=UTF-8"
	case "mapped-livehelpnow", "mapped-zendesk": // as the account made them; PUT …/sources/{source} can change it
		h["X-Supportvault-Key"] = secret
	case "tawkto":
		mac := hmac.New(sha1.New, []byte(secret))
		mac.Write(d.body)
		h["X-Tawk-Signature"] = hex.EncodeToString(mac.Sum(nil))
		h["X-Hook-Event-Id"] = uuid()
	case "chatwoot":
		seconds := strconv.FormatInt(now.Unix(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(seconds + "."))
		mac.Write(d.body)
		h["X-Chatwoot-Signature"] = "sha256=" + hex.EncodeToString(mac.Sum(nil))
		h["X-Chatwoot-Timestamp"] = seconds
		h["X-Chatwoot-Delivery"] = uuid()
	case "zendesk":
		stamp := now.UTC().Format(time.RFC3339)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(stamp))
		mac.Write(d.body)
		h["X-Zendesk-Webhook-Signature"] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
		h["X-Zendesk-Webhook-Signature-Timestamp"] = stamp
		h["X-Zendesk-Webhook-Id"] = uuid()
	case "freshdesk":
		h["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte("vault:"+secret))
	case "livechat": // which sends its secret in the body
	case "zammad":
		mac := hmac.New(sha1.New, []byte(secret))
		mac.Write(d.body)
		h["X-Hub-Signature"] = "sha1=" + hex.EncodeToString(mac.Sum(nil))
		h["X-Zammad-Delivery"] = uuid()
	case "canonical":
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			return nil, errors.New("the secret of the source canonical is not whsec_ and base64")
		}
		id, seconds := "msg_"+uuid(), strconv.FormatInt(now.Unix(), 10)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + seconds + "."))
		mac.Write(d.body)
		h["webhook-id"] = id
		h["webhook-timestamp"] = seconds
		h["webhook-signature"] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	case "intercom":
		mac := hmac.New(sha1.New, []byte(secret))
		mac.Write(d.body)
		h["X-Hub-Signature"] = "sha1=" + hex.EncodeToString(mac.Sum(nil))
	case "crisp": // as a plugin; a website signs nothing and has the secret in its address
		stamp := strconv.FormatInt(now.UnixMilli(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("[" + stamp + ";"))
		mac.Write(d.body)
		mac.Write([]byte("]"))
		h["X-Crisp-Signature"] = hex.EncodeToString(mac.Sum(nil))
		h["X-Crisp-Request-Timestamp"] = stamp
	case "freshchat":
		key, err := privateKey(secret)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(d.body)
		code, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			return nil, err
		}
		h["X-Freshchat-Signature"] = base64.StdEncoding.EncodeToString(code)
	default:
		return nil, fmt.Errorf("do not know how the source %q signs", d.source)
	}
	return h, nil
}

// livechatSecret is where LiveChat puts its secret.
var livechatSecret = regexp.MustCompile(`"secret_key"\s*:\s*"[^"]*"`)

// sent is the body as the vendor sends it: LiveChat's has the secret in it.
func (d delivery) sent(secret string) []byte {
	if d.source != "livechat" {
		return d.body
	}
	return livechatSecret.ReplaceAllLiteral(d.body, fmt.Appendf(nil, `"secret_key": %q`, secret))
}

func (d delivery) send(ctx context.Context, to source) (status int, answer []byte, err error) {
	headers, err := d.headers(to.Secret, time.Now())
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(d.sent(to.Secret)))
	if err != nil {
		return 0, nil, err
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	return do(req)
}

// get reads a path of the API with the token.
func get(ctx context.Context, url, token string) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return do(req)
}

func do(req *http.Request) (status int, answer []byte, err error) {
	client := http.Client{Timeout: 30 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(res.Body, 16<<20))
	return res.StatusCode, answer, err
}

func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// A sample is a file events/ingest/<verdict>-<source>-….json.
type sample struct {
	name string
	delivery
}

// samples reads the sample events that are to be accepted, moved to now, in the order of their times.
func samples(root string, now time.Time) ([]sample, error) {
	paths, err := filepath.Glob(filepath.Join(root, "events", "ingest", "ok-*.json"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no sample event ok-*.json in %s", filepath.Join(root, "events", "ingest"))
	}
	all := make([]sample, len(paths))
	for i, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(path)
		all[i] = sample{name, delivery{sourceOf(name), body}}
	}
	slices.SortStableFunc(all, func(a, b sample) int { return newest(a.body).Compare(newest(b.body)) })
	// The deliveries of one conversation keep their distances: together they move by what brings its newest time to now.
	last := map[string]time.Time{}
	for _, s := range all {
		last[conversation(s.body)] = newest(s.body)
	}
	for i, s := range all {
		all[i].body = shift(s.body, now.Sub(last[conversation(s.body)]))
	}
	return all, nil
}

// sourceOf reads the source from a sample's name, as ok-tawkto-chat-start.json or ok-mapped-livehelpnow-chat-closed.json.
func sourceOf(name string) string {
	parts := strings.Split(strings.TrimSuffix(name, ".json"), "-")
	switch {
	case len(parts) < 2:
		return ""
	case parts[1] == "mapped" && len(parts) > 2:
		return "mapped-" + parts[2]
	}
	return parts[1]
}

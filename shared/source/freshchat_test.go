package source_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/source/sourcetest"
	"github.com/supportvault/supportvault/shared/strictjson"
)

var _ = describe("freshchat", traits{
	names:     []string{"message_create", "conversation_assignment", "conversation_resolution", "conversation_reopen", "other"},
	kinds:     []retention.Kind{retention.Chat},
	nameField: "action", signature: "X-Freshchat-Signature", secret: sourcetest.Given("freshchat"), given: true,
	uses: func(of func(name string) map[string]use) {
		text, object, list := use{takes: "s"}, use{takes: "o"}, use{takes: "a"}
		id, maybeID, needed := use{takes: "sn", required: true}, use{takes: "sn"}, use{takes: "o", required: true}
		of("other")
		m := of("message_create")
		const at = "data.message."
		m["data"], m["data.message"], m[at+"id"], m[at+"conversation_id"], m[at+"created_time"] = needed, needed, id, id, id
		m[at+"message_type"], m[at+"botsPrivateNote"], m[at+"actor_type"] = text, use{takes: "b"}, text
		m[at+"actor_id"], m[at+"user_id"] = maybeID, maybeID
		parts := func(at string) {
			m[at], m[at+".*"], m[at+".*.text"], m[at+".*.text.content"] = list, object, object, text
			for _, kind := range []string{"image", "video", "audio", "file"} {
				file := at + ".*." + kind
				m[file], m[file+".name"], m[file+".url"], m[file+".content_type"], m[file+".file_size_in_bytes"] = object, text, text, text, use{takes: "n"}
			}
			for _, button := range []string{"url_button", "quick_reply_button"} {
				m[at+".*."+button], m[at+".*."+button+".label"] = object, text
			}
			m[at+".*.collection"] = object
		}
		parts(at + "message_parts")
		parts(at + "message_parts.*.collection.sub_parts")
		for name, turn := range map[string]string{"assignment": "assignment", "resolution": "resolve", "reopen": "reopen"} {
			m := of("conversation_" + name)
			m["action_time"], m["data"], m["data."+turn], m["data."+turn+".to_agent_id"] = id, needed, needed, maybeID
			m["data."+turn+".conversation"], m["data."+turn+".conversation.conversation_id"] = needed, id
		}
	},
})

// freshchatMessage is a delivery of one message with the fields given, beside those that every message has.
func freshchatMessage(fields string) string {
	return `{"action":"message_create","action_time":"2026-11-20T13:05:41.300Z","data":{"message":{"id":"m1","conversation_id":"c1",
		"created_time":"2026-11-20T13:05:41.286Z",` + fields + `}}}`
}

func TestFreshchatAuthors(t *testing.T) {
	for _, tc := range []struct {
		name, fields string
		want         conversation.Author
		private      bool
		agents       []string
		subjects     []conversation.Subject
	}{
		{"a user", `"actor_type":"user","actor_id":"u"`, conversation.Author{Role: "visitor"}, false, nil, []conversation.Subject{{VisitorID: "u"}}},
		{"a user without id", `"actor_type":"user","actor_id":null`, conversation.Author{Role: "visitor"}, false, nil, nil},
		{"an agent", `"actor_type":"agent","actor_id":"a","user_id":"u","message_type":"normal"`, conversation.Author{Role: "agent"}, false, []string{"a"}, []conversation.Subject{{VisitorID: "u"}}},
		{"an agent with a number for an id", `"actor_type":"agent","actor_id":7,"user_id":8`, conversation.Author{Role: "agent"}, false, []string{"7"}, []conversation.Subject{{VisitorID: "8"}}},
		{"an agent without id", `"actor_type":"agent","actor_id":""`, conversation.Author{Role: "agent"}, false, nil, nil},
		{"an agent's note", `"actor_type":"agent","actor_id":"a","message_type":"private"`, conversation.Author{Role: "agent"}, true, []string{"a"}, nil},
		{"a bot", `"actor_type":"bot","actor_id":"b"`, conversation.Author{Role: "bot"}, false, nil, nil},
		{"a bot's note", `"actor_type":"bot","actor_id":"b","botsPrivateNote":true`, conversation.Author{Role: "bot"}, true, nil, nil},
		{"the system", `"actor_type":"system","actor_id":"s","user_id":"u"`, conversation.Author{Role: "system"}, false, nil, []conversation.Subject{{VisitorID: "u"}}},
		{"somebody who is not known yet", `"actor_type":"guest","actor_id":"g"`, conversation.Author{Role: "system"}, false, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, "freshchat", freshchatMessage(tc.fields+`,"message_parts":[{"text":{"content":"x"}}]`))
			want := conversation.Event{
				ID: "message/m1", Conversation: "c1", Kind: "chat", Time: e.Time, Received: e.Received, AgentIDs: tc.agents, Subjects: tc.subjects,
				Entries: []conversation.Entry{{ID: "m1", Time: e.Time, Author: tc.want, Text: "x", Private: tc.private}},
			}
			if diff := cmp.Diff(want, e); diff != "" || e.Time.String() != "2026-11-20T13:05:41.286Z" {
				t.Errorf("%v (-want +got):\n%s", e.Time, diff)
			}
		})
	}
}

func TestFreshchatParts(t *testing.T) {
	for _, tc := range []struct {
		name, parts, text string
		files             []conversation.Attachment
	}{
		{"texts below each other", `[{"text":{"content":"a <b>"}},{"text":null},null,{"text":{"content":"c"}}]`, "a <b>\nc", nil},
		{"buttons", `[{"url_button":{"label":"See","url":"https://example.com/?token=1"}},{"quick_reply_button":{"label":"Yes","payload":"y"}}]`, "- See\n- Yes", nil},
		{"a collection in a collection", `[{"collection":{"sub_parts":[{"collection":{"sub_parts":[{"text":{"content":"deep"}},{"image":{"url":"https://files.example.com/a.png"}}]}}]}}]`, "deep",
			[]conversation.Attachment{{Type: "image", URL: "https://files.example.com/a.png"}}},
		{"files", `[{"file":{"name":"x/a.pdf","url":"https://files.example.com/a.pdf","content_type":"application/pdf","file_size_in_bytes":9}},{"video":{"url":"http://files.example.com/v"}},{"audio":{"content_type":"audio/ogg"}}]`, "",
			[]conversation.Attachment{{Name: "a.pdf", Type: "application/pdf", Bytes: 9, URL: "https://files.example.com/a.pdf"},
				{Type: "video", URL: "http://files.example.com/v"}, {Type: "audio/ogg"}}},
		{"a template, of which nothing is taken", `[{"template_content":{"type":"carousel","sections":[]}}]`, "", nil},
		{"nothing", `[]`, "", nil},
		{"no parts", `null`, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			entry := one(t, "freshchat", freshchatMessage(`"message_parts":`+tc.parts)).Entries[0]
			if diff := cmp.Diff(conversation.Entry{Text: tc.text, Attachments: tc.files}, conversation.Entry{Text: entry.Text, Attachments: entry.Attachments}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFreshchatTurns(t *testing.T) {
	for _, tc := range []struct {
		name, action, data string
		want               conversation.Event
		err                error
	}{
		{"assigned", "conversation_assignment", `"assignment":{"to_agent_id":"a","conversation":{"conversation_id":"c1"}}`, conversation.Event{AgentIDs: []string{"a"}}, nil},
		{"assigned to a group alone", "conversation_assignment", `"assignment":{"to_agent_id":"","conversation":{"conversation_id":"c1"}}`, conversation.Event{}, nil},
		{"resolved", "conversation_resolution", `"resolve":{"resolver_id":"a","conversation":{"conversation_id":"c1"}}`, conversation.Event{Ended: true}, nil},
		{"reopened", "conversation_reopen", `"reopen":{"reopener":"user","conversation":{"conversation_id":"c1"}}`, conversation.Event{Reopened: true}, nil},
		{"assigned to what is no id", "conversation_assignment", `"assignment":{"to_agent_id":{},"conversation":{"conversation_id":"c1"}}`, conversation.Event{}, strictjson.ErrShape},
		{"resolved without a conversation", "conversation_resolution", `"resolve":{"conversation":null}`, conversation.Event{}, source.ErrMissing},
		{"resolved by another's name", "conversation_resolution", `"reopen":{"conversation":{"conversation_id":"c1"}}`, conversation.Event{}, source.ErrMissing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := adapt(t, "freshchat", []byte(fmt.Sprintf(`{"action":%q,"action_time":1795179941286,"data":{%s}}`, tc.action, tc.data)))
			checkOutcome(t, "freshchat", got, err)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err != nil {
				return
			}
			e := got.Events[0]
			tc.want.ID, tc.want.Conversation, tc.want.Kind, tc.want.Time, tc.want.Received = tc.action+"/2026-11-20T13:05:41.286Z", "c1", "chat", e.Time, e.Received
			if diff := cmp.Diff(tc.want, e); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFreshchatSizes(t *testing.T) {
	long := strings.Repeat("x", 900<<10)
	if e := one(t, "freshchat", freshchatMessage(`"message_parts":[{"text":{"content":"`+long+`"}}]`)); e.Entries[0].Text != long {
		t.Errorf("a text of %d bytes became one of %d", len(long), len(e.Entries[0].Text))
	}
	if e := one(t, "freshchat", freshchatMessage(`"message_parts":[`+strings.Repeat(`{"text":{"content":"x"}},`, 29_999)+`{}]`)); len(e.Entries[0].Text) != 2*29_999-1 {
		t.Errorf("a text of %d bytes", len(e.Entries[0].Text))
	}
	var events []conversation.Event
	for i := range 10_000 {
		events = append(events, one(t, "freshchat", fmt.Sprintf(`{"action":"message_create","data":{"message":{"id":"m%d","conversation_id":"c","created_time":%d}}}`, i, 1795136400000+i)))
	}
	if got := (conversation.Transcript{}).Fold(events); len(got.Entries) != 10_000 {
		t.Errorf("%d entries", len(got.Entries))
	}
}

// The vendor's example: its public key as its settings show it, a body, a signature of it, and one of another body.
const (
	freshchatKey  = "-----BEGIN RSA PUBLIC KEY----- MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuGJLF4hTTtxWogT6dNkGf3CEgLAR2mGJzlds5cNbrHFoJNFnmVhkRYGzLYxx4EtDiezNCZVHfyMI2AKuNSQW2fEdDatVIG+q3Zr/X9eeDl8kQOGy804J/fgCYDrN8RQu0n5Dh1inv4puca0wb29SCvoAwrWb33ehDBIvv6+rUKBdjtv2xTV65kNiVDo5VRCaYRVeE10osxeONgw55HVY4nczuxnR+dmc2282de6WHe5LXtr0ZBdJ8yttFOLIluZ/sNM5DIWZBkIWQhyT581tbA7bTpsIbrT/IMBlmioIILw8WGtI7zcmNkjU5dnq5HnlVKEDhj/Ug/dLiyno8+Vp7QIDAQAB -----END RSA PUBLIC KEY-----"
	freshchatBody = `{"actor":{"actor_type":"user","actor_id":"882f3926-b292-414b-a411-96380db373cd"},"action":"message_create","action_time":"2019-06-21T17:43:20.875Z","data":{"message":{"message_parts":[{"text":{"content":"Test 2"}}],"app_id":"55b190fa-5d3c-45c4-bc49-74ddcfcf53d7","actor_id":"882f3926-b292-414b-a411-96380db373cd","id":"7a454fde-c720-4c97-a61d-0ffe70449eb6","channel_id":"c8fddfaf-622a-4a0e-b060-4f3ccbeab606","conversation_id":"c327498e-f713-481e-8d83-0603e03d2521","message_type":"normal","actor_type":"user","created_time":"2019-06-21T17:43:20.866Z"}}}`
	freshchatMade = "AhrmypOSWoewHG6LmIRuWjxyokuMDmPklrSU9p0gpUNjdSRCJzvpL6rjuTi5poV/ZLzWRWNM7X9yWjT5m9YFPshYrvigcd1ph4Ot2xmaJGYoUNJHijQccE6oDtDIp6i/8oLRafHgObQnGukZWPbP9OE5EiKz/VcsMP0Wv7hawI/sfIviM0w+6fNOKXWi0jDBH9ap1mj5CqOUOojni7OD5iYmIrjV/h33dyNmbvAta9E+trzcEhYqxfHIN4Z8R2FsatfRHWicoQ4PE5cQ8+UONVya8qr85nQ9w8N7Ql7yNg9fEViYG4/W/JnGEbPPEf8WrYtKzoVyuupDz4mVHdfKWg=="
	freshchatElse = "f7wMD1BBhcj60U0z3dCY519qmxQ8qfVUU212Dapw9vpZfRBfjjmukUK2GwbAb0Nc+TGQHxN4iP4WD+Y/mSx6f4bmkBsvCy3l4OCQ/FEK0y5R7f+GLLDhgbTh90MwuLDHhvxB5dxIeu59leL+4yO+l/8M3Tm48aQurVBi9IAlzFsMtc1S1CiRxsDUb/rD6IRekPa0pUAbkno9qJ/CGXh0kZMdsYzRkzZmKCs79OWrvU94ha0ptyt5wArfmD1oSzY3PjeL2w8LWDc0QV21H/Hvj42azIUqebiNRtZ2E+f34AfQsyfcPuy1k/6qLuYGOdU1uZidPuPcGpeSIm0GW6k9HQ=="
)

func TestFreshchatVerify(t *testing.T) {
	const malformed = "a header of the signature has another form than the sender's"
	const unsigned, mismatched, none = "a header of the signature is missing or comes twice", "no secret of the source made the signature", "the source has no secret"
	own := sourcetest.Given("freshchat")
	for _, tc := range []struct {
		name      string
		signature []string
		secrets   []string
		body      string
		reason    string
	}{
		{"the vendor's example", []string{freshchatMade}, []string{freshchatKey}, freshchatBody, ""},
		{"the vendor's example while the key is rotated", []string{freshchatMade}, []string{own, freshchatKey}, freshchatBody, ""},
		{"the vendor's example, once the key is given", []string{freshchatMade}, []string{freshchatKey, source.NewSecret("freshchat")}, freshchatBody, ""},
		{"the vendor's example before", []string{freshchatMade}, []string{source.NewSecret("freshchat")}, freshchatBody, none},
		{"the vendor's wrong example", []string{freshchatElse}, []string{freshchatKey}, freshchatBody, mismatched},
		{"another key", []string{freshchatMade}, []string{own}, freshchatBody, mismatched},
		{"another body", []string{freshchatMade}, []string{freshchatKey}, freshchatBody + "\n", mismatched},
		{"what was cut off", []string{freshchatMade[:340]}, []string{freshchatKey}, freshchatBody, mismatched},
		{"what is no base64", []string{freshchatMade[1:]}, []string{freshchatKey}, freshchatBody, malformed},
		{"what has a line's end in it", []string{freshchatMade[:80] + "\n" + freshchatMade[80:]}, []string{freshchatKey}, freshchatBody, malformed},
		{"two signatures", []string{freshchatMade, freshchatMade}, []string{freshchatKey}, freshchatBody, unsigned},
		{"no signature", nil, []string{freshchatKey}, freshchatBody, unsigned},
		{"a source without keys", []string{freshchatMade}, nil, freshchatBody, none},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := source.Delivery{Header: http.Header{"X-Freshchat-Signature": tc.signature}, Body: []byte(tc.body), Received: received}
			checkVerdict(t, lookup(t, "freshchat").Verify(d, tc.secrets), tc.reason)
		})
	}
	t.Run("the case in which the vendor writes the header makes no difference", func(t *testing.T) {
		d := source.Delivery{Header: http.Header{}, Body: []byte(freshchatBody), Received: received}
		d.Header.Set("X-FreshChat-Signature", freshchatMade)
		checkVerdict(t, lookup(t, "freshchat").Verify(d, []string{freshchatKey}), "")
	})
}

func TestFreshchatKeys(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der := func(public crypto.PublicKey) []byte {
		b, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	text := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkix, pkcs1 := der(key.Public()), x509.MarshalPKCS1PublicKey(&key.PublicKey)
	small := rsa.PublicKey{N: new(big.Int).Rsh(key.N, 1), E: key.E}
	large := rsa.PublicKey{N: new(big.Int).Lsh(key.N, 8193-2048), E: key.E}
	body := []byte(freshchatBody)
	sum := sha256.Sum256(body)
	for _, tc := range []struct {
		name, secret string
		valid        bool
	}{
		{"the vendor's, in one line", freshchatKey, true},
		{"in lines", text("PUBLIC KEY", pkix), true},
		{"in lines with white space around", "\r\n " + strings.ReplaceAll(text("PUBLIC KEY", pkix), "\n", "\r\n") + "\t", true},
		{"in one line", strings.ReplaceAll(text("PUBLIC KEY", pkix), "\n", " "), true},
		{"in one line without blanks", strings.ReplaceAll(text("PUBLIC KEY", pkix), "\n", ""), true},
		{"of the older form", text("RSA PUBLIC KEY", pkcs1), true},
		{"of the newer form under the older header", text("RSA PUBLIC KEY", pkix), true},
		{"of the older form under the newer header", text("PUBLIC KEY", pkcs1), true},
		{"without header", base64.StdEncoding.EncodeToString(pkix), false},
		{"twice", text("PUBLIC KEY", pkix) + text("PUBLIC KEY", pkix), false},
		{"a private key", text("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), false},
		{"a private key under another header", text("PUBLIC KEY", x509.MarshalPKCS1PrivateKey(key)), false},
		{"of another algorithm", text("PUBLIC KEY", der(elliptical.Public())), false},
		{"of 2047 bits", text("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&small)), false},
		{"of more than 8192 bits", text("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&large)), false},
		{"of nothing", text("PUBLIC KEY", nil), false},
		{"of half", text("PUBLIC KEY", pkix[:100]), false},
		{"with something behind", text("PUBLIC KEY", append(pkix, 0)), false},
		{"no base64", "-----BEGIN PUBLIC KEY----- ===A -----END PUBLIC KEY-----", false},
		{"longer than any key", "-----BEGIN PUBLIC KEY-----" + strings.Repeat("A", 4096) + "-----END PUBLIC KEY-----", false},
		{"a word", "made-by-the-sender", false},
		{"what is there before one is given", source.NewSecret("freshchat"), false},
		{"nothing", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := source.ValidSecret("freshchat", tc.secret); got != tc.valid {
				t.Fatalf("valid %v, want %v", got, tc.valid)
			}
			if tc.secret == freshchatKey {
				return
			}
			code, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
			if err != nil {
				t.Fatal(err)
			}
			d := source.Delivery{Header: http.Header{"X-Freshchat-Signature": {base64.StdEncoding.EncodeToString(code)}}, Body: body, Received: received}
			if err := lookup(t, "freshchat").Verify(d, []string{tc.secret}); tc.valid != (err == nil) {
				t.Error(err)
			}
		})
	}
}

func FuzzFreshchatKey(f *testing.F) {
	for _, text := range []string{freshchatKey, sourcetest.Given("freshchat"), "-----BEGIN PUBLIC KEY-----MAA=-----END PUBLIC KEY-----", "", " "} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := source.Delivery{Header: http.Header{"X-Freshchat-Signature": {freshchatMade}}, Body: []byte(freshchatBody), Received: received}
		if err := lookup(t, "freshchat").Verify(d, []string{text}); err == nil && !source.ValidSecret("freshchat", text) {
			t.Error("a key that cannot be given verifies")
		} else if err != nil {
			checkRefusal(t, err)
		}
	})
}

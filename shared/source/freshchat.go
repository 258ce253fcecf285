package source

import (
	"cmp"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// freshchat knows Freshchat's webhooks: crmsupport.freshworks.com, "Freshchat webhooks – payload structure and authentication".
//
//	message_create           a message, known by its id; of the type private a note
//	conversation_assignment  who is to answer
//	conversation_resolution  the end
//	conversation_reopen      that it goes on after one
//
// It sends nothing else; what it may send one day is acknowledged. Only messages have ids; the others are known by their time.
// Nobody has a name in it: visitors and agents are ids. Tags and ratings are not told.
//
// It signs with a private key of its own, so its secret here is a public key, which its settings show in one line, and which
// has the header of one form of a key around another.
var freshchat = Adapter{
	Verify: verifyFreshchat, Adapt: adaptFreshchat,
	Secret: func() string { return "none-yet:give-the-public-key-that-Freshchat-shows" },
	Given:  func(secret string) bool { return freshchatKey(secret) != nil },
	Setup: []string{
		"In Freshchat: Admin settings → Webhooks (Settings → Marketplace and integrations → Conversation webhooks). Webhook URL: {url}",
		"Public key: Freshchat shows it beside the URL; give it to the vault, whole. Until then every delivery is refused.",
	},
	Weak: "RSA over the body without a time: an old delivery can be sent again, and is then a duplicate.",
	Hosts: []string{
		"fc-use1-00-pics-bkt-00.s3.amazonaws.com", "fc-use1-00-files-bkt-00.s3.amazonaws.com",
		"fc-euc1-00-pics-bkt-00.s3.amazonaws.com", "fc-euc1-00-pics-bkt-00.s3.eu-central-1.amazonaws.com",
	},
}

func verifyFreshchat(d Delivery, secrets []string) error {
	text, reason := header(d.Header, "X-Freshchat-Signature")
	var code []byte
	if reason == nil {
		var err error
		if code, err = base64.StdEncoding.Strict().DecodeString(text); err != nil || strings.ContainsAny(text, "\r\n") {
			reason = errMalformed
		}
	}
	if reason == nil {
		reason = errNoSecret
		sum := sha256.Sum256(d.Body)
		for _, secret := range secrets {
			key := freshchatKey(secret)
			if key == nil {
				continue
			}
			if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], code) == nil {
				return nil
			}
			reason = errMismatch
		}
	}
	return ErrSignature.Because(reason)
}

const (
	// The sizes of keys that are taken, in bits: shorter ones can be broken, longer ones take long.
	minKey, maxKey = 2048, 8192
	// maxKeyText is more than the longest key takes.
	maxKeyText = 4096
)

var keyForm = regexp.MustCompile(`^\s*-----BEGIN (?:RSA )?PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END (?:RSA )?PUBLIC KEY-----\s*$`)

// freshchatKey is the key of a PEM text in any number of lines. Its header may name either form of a public key, whichever is
// in it.
func freshchatKey(secret string) *rsa.PublicKey {
	if len(secret) > maxKeyText {
		return nil
	}
	parts := keyForm.FindStringSubmatch(secret)
	if parts == nil {
		return nil
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(parts[1]), ""))
	if err != nil {
		return nil
	}
	key, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		parsed, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return nil
		}
		key, _ = parsed.(*rsa.PublicKey)
	}
	if key == nil || key.N.BitLen() < minKey || key.N.BitLen() > maxKey {
		return nil
	}
	return key
}

type freshchatBody struct {
	Time jsontext.Value `json:"action_time"`
	Data struct {
		Message    *freshchatMessage `json:"message"`
		Assignment *freshchatTurn    `json:"assignment"`
		Resolve    *freshchatTurn    `json:"resolve"`
		Reopen     *freshchatTurn    `json:"reopen"`
	} `json:"data"`
}

type freshchatMessage struct {
	ID           jsontext.Value  `json:"id"`
	Conversation jsontext.Value  `json:"conversation_id"`
	Type         string          `json:"message_type"`
	Note         bool            `json:"botsPrivateNote"`
	ActorType    string          `json:"actor_type"`
	Actor        jsontext.Value  `json:"actor_id"`
	User         jsontext.Value  `json:"user_id"`
	Created      jsontext.Value  `json:"created_time"`
	Parts        []freshchatPart `json:"message_parts"`
}

// freshchatPart is one of several: a text, a file, a button, or a collection of these.
type freshchatPart struct {
	Text struct {
		Content string `json:"content"`
	} `json:"text"`
	Image  *freshchatFile `json:"image"`
	Video  *freshchatFile `json:"video"`
	Audio  *freshchatFile `json:"audio"`
	File   *freshchatFile `json:"file"`
	Button struct {
		Label string `json:"label"`
	} `json:"url_button"`
	Reply struct {
		Label string `json:"label"`
	} `json:"quick_reply_button"`
	Collection struct {
		Parts []freshchatPart `json:"sub_parts"`
	} `json:"collection"`
}

type freshchatFile struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Type string `json:"content_type"`
	Size int64  `json:"file_size_in_bytes"`
}

// freshchatTurn is what became of a conversation.
type freshchatTurn struct {
	Agent        jsontext.Value `json:"to_agent_id"`
	Conversation struct {
		ID jsontext.Value `json:"conversation_id"`
	} `json:"conversation"`
}

var freshchatNames = []string{"message_create", "conversation_assignment", "conversation_resolution", "conversation_reopen"}

func adaptFreshchat(d Delivery) (Adapted, error) {
	name, err := eventName(d.Body, "action")
	if err != nil {
		return Adapted{}, err
	}
	if !slices.Contains(freshchatNames, name) {
		return Adapted{Name: otherName}, nil
	}
	var body freshchatBody
	if err := strictjson.Read(d.Body, &body); err != nil {
		return Adapted{}, err
	}
	e := conversation.Event{Kind: retention.Chat, Received: conversation.At(d.Received)}
	switch name {
	case "message_create":
		err = body.Data.Message.event(d, &e)
	case "conversation_assignment":
		err = body.turn(d, &e, name, body.Data.Assignment)
	case "conversation_resolution":
		e.Ended = true
		err = body.turn(d, &e, name, body.Data.Resolve)
	case "conversation_reopen":
		e.Reopened = true
		err = body.turn(d, &e, name, body.Data.Reopen)
	}
	if err != nil {
		return Adapted{}, err
	}
	return Adapted{Name: name, Events: []conversation.Event{e}}, nil
}

// turn makes an event of what became of a conversation.
func (b freshchatBody) turn(d Delivery, e *conversation.Event, name string, t *freshchatTurn) (err error) {
	if t == nil {
		return ErrMissing
	}
	var agent string
	for _, err := range []error{fill(&e.Conversation, parseID, t.Conversation.ID), fill(&agent, optionalID, t.Agent)} {
		if err != nil {
			return err
		}
	}
	if agent != "" {
		e.AgentIDs = []string{agent}
	}
	e.Time, err = parseTime(b.Time, d.Received)
	e.ID = name + "/" + e.Time.String()
	return err
}

// event makes an event of a message.
func (m *freshchatMessage) event(d Delivery, e *conversation.Event) error {
	if m == nil {
		return ErrMissing
	}
	var id, actor, user string
	for _, err := range []error{
		fill(&id, parseID, m.ID), fill(&e.Conversation, parseID, m.Conversation), fill(&actor, optionalID, m.Actor), fill(&user, optionalID, m.User),
	} {
		if err != nil {
			return err
		}
	}
	var err error
	if e.ID, err = joinID("message", id); err != nil {
		return err
	}
	if e.Time, err = parseTime(m.Created, d.Received); err != nil {
		return err
	}
	entry := conversation.Entry{ID: id, Time: e.Time, Private: m.Type == "private" || m.Note}
	switch m.ActorType {
	case "user":
		entry.Author.Role, user = conversation.Visitor, actor
	case "agent":
		entry.Author.Role = conversation.Agent
		if actor != "" {
			e.AgentIDs = []string{actor}
		}
	case "bot":
		entry.Author.Role = conversation.Bot
	default: // what the system says, or somebody who is not known yet
		entry.Author.Role = conversation.System
	}
	addSubject(e, conversation.Subject{VisitorID: user})
	var lines []string
	if err := freshchatRead(m.Parts, &lines, &entry.Attachments); err != nil {
		return err
	}
	entry.Text = joinLines(lines)
	e.Entries = []conversation.Entry{entry}
	return nil
}

// freshchatRead reads parts into lines and files. That they nest no deeper than a body may is checked already.
func freshchatRead(parts []freshchatPart, lines *[]string, files *[]conversation.Attachment) error {
	for _, p := range parts {
		*lines = append(*lines, p.Text.Content, listed(p.Button.Label), listed(p.Reply.Label))
		for _, f := range []struct {
			kind string
			*freshchatFile
		}{{"image", p.Image}, {"video", p.Video}, {"audio", p.Audio}, {"file", p.File}} {
			if f.freshchatFile == nil {
				continue
			}
			if f.Size < 0 {
				return strictjson.ErrShape
			}
			*files = append(*files, conversation.Attachment{
				Name: fileName(f.Name), Type: cmp.Or(f.Type, f.kind), Bytes: f.Size, URL: fileLink(f.URL),
			})
		}
		if err := freshchatRead(p.Collection.Parts, lines, files); err != nil {
			return err
		}
	}
	return nil
}

package source

import (
	"crypto/sha256"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// crisp knows Crisp's web hooks, of a plugin and of a website: docs.crisp.chat/references/web-hooks/v1.
//
//	message:send           a message of the visitor, known by its fingerprint
//	message:received       one of an operator, a bot or nobody; of the type note a note
//	message:updated        the visitor's answer to a question with choices or a field; other changes of a message are acknowledged
//	message:removed        it is taken back, and the answer to it
//	session:set_state      the end (resolved), or that it goes on (unresolved, pending)
//	session:set_email, _nickname, _phone   who the visitor is
//	session:set_segments   the tags
//	session:sync:rating    the visitor's rating
//
// Everything else that it sends is acknowledged. A session is a conversation, and its id that of the visitor. What is no
// message has no id and is known by its time.
//
// A plugin signs. A website signs nothing and has the secret in the address, as ?key=; of a delivery with a signature the
// address does not count. Nothing is taken of pictures of people, pages, devices, places and the data of a session.
var crisp = Adapter{
	Verify: verifyCrisp, Adapt: adaptCrisp,
	Setup: []string{
		"As a plugin (signed, to be preferred): Crisp Marketplace → your plugin → Web Hooks. Request URL: {url}",
		"Signing secret: Crisp shows it; give it to the vault.",
		"Or of a website: Crisp → Settings → Advanced configuration → Web Hooks. Endpoint URL: {url}?key={secret}",
		"Events of both: message:send, message:received, message:updated, message:removed; session:set_state, set_email, set_nickname, set_phone, " +
			"set_segments, sync:rating.",
	},
	Weak: "A website's hook signs nothing: who reads its address can send anything. Of a plugin's the signature has no age: an old " +
		"delivery can be sent again, and is then a duplicate.",
	Hosts: []string{"storage.crisp.chat"},
}

func verifyCrisp(d Delivery, secrets []string) error {
	var reason error
	if len(d.Header.Values("X-Crisp-Signature")) == 0 {
		if keys := d.Query["key"]; len(keys) == 1 && keys[0] != "" {
			reason = presented(secrets, keys[0])
		} else {
			reason = errUnsigned
		}
	} else {
		reason = crispSigned(d, secrets)
	}
	if reason != nil {
		return ErrSignature.Because(reason)
	}
	return nil
}

// crispSigned says whether a plugin's secret signed the delivery. How old a delivery may be that is tried again is not known.
func crispSigned(d Delivery, secrets []string) error {
	text, err := header(d.Header, "X-Crisp-Signature")
	if err != nil {
		return err
	}
	timestamp, err := header(d.Header, "X-Crisp-Request-Timestamp")
	if err != nil {
		return err
	}
	code, err := fromHex(text, sha256.New)
	if err != nil {
		return err
	}
	return signed(sha256.New, secrets, code, []byte("["+timestamp+";"), d.Body, []byte("]"))
}

type crispMessage struct {
	Time jsontext.Value `json:"timestamp"`
	Data struct {
		Session     jsontext.Value `json:"session_id"`
		Fingerprint jsontext.Value `json:"fingerprint"`
		Time        jsontext.Value `json:"timestamp"`
		Type        string         `json:"type"`
		From        string         `json:"from"`
		Automated   bool           `json:"automated"`
		Content     jsontext.Value `json:"content"`
		User        struct {
			Type     string         `json:"type"`
			ID       jsontext.Value `json:"user_id"`
			Nickname string         `json:"nickname"`
		} `json:"user"`
	} `json:"data"`
}

// crispContent is what stands in the place of a text: a file, a question, cards, or something that happened.
type crispContent struct {
	Text      string         `json:"text"`
	Value     jsontext.Value `json:"value"` // the answer in a field
	Namespace string         `json:"namespace"`
	Name      string         `json:"name"`
	URL       string         `json:"url"`
	Type      string         `json:"type"`
	Choices   []struct {
		Label    string `json:"label"`
		Selected bool   `json:"selected"`
	} `json:"choices"`
	Targets []struct {
		Title       string `json:"title"`
		Description string `json:"description"`
	} `json:"targets"`
}

type crispSession struct {
	Time jsontext.Value `json:"timestamp"`
	Data struct {
		Session  jsontext.Value `json:"session_id"`
		State    string         `json:"state"`
		Email    string         `json:"email"`
		Nickname string         `json:"nickname"`
		Phone    string         `json:"phone"`
		Segments []string       `json:"segments"`
		Rating   struct {
			Stars jsontext.Value `json:"stars"`
		} `json:"rating"`
	} `json:"data"`
}

// crispNames are the events that Crisp sends of sessions and messages and of which nothing is kept.
var crispNames = []string{
	"message:acknowledge:delivered", "message:acknowledge:ignored", "message:acknowledge:read:received",
	"message:acknowledge:read:send", "message:acknowledge:unread:send", "message:compose:receive", "message:compose:send",
	"message:notify:unread:received", "message:notify:unread:send", "people:bind:session",
	"people:profile:created", "people:profile:removed", "people:profile:updated", "people:sync:profile", "session:error",
	"session:removed", "session:request:initiated", "session:set_address", "session:set_avatar", "session:set_block",
	"session:set_closed", "session:set_data", "session:set_inbox", "session:set_mentions", "session:set_opened",
	"session:set_origin", "session:set_participants", "session:set_routing", "session:set_subject", "session:sync:capabilities",
	"session:sync:events", "session:sync:geolocation", "session:sync:locales", "session:sync:network", "session:sync:pages",
	"session:sync:system", "session:sync:timezone", "session:sync:topic", "session:update_availability", "session:update_verify",
}

func adaptCrisp(d Delivery) (Adapted, error) {
	name, err := eventName(d.Body, "event")
	if err != nil {
		return Adapted{}, err
	}
	var e *conversation.Event
	switch name {
	case "message:send", "message:received":
		e, err = crispWritten(d)
	case "message:updated":
		e, err = crispAnswered(d)
	case "message:removed":
		e, err = crispRemoved(d)
	case "session:set_state", "session:set_email", "session:set_nickname", "session:set_phone", "session:set_segments",
		"session:sync:rating":
		e, err = crispSaid(d, name)
	default:
		if !slices.Contains(crispNames, name) {
			name = otherName
		}
	}
	if err != nil {
		return Adapted{}, err
	}
	if e == nil {
		return Adapted{Name: name}, nil
	}
	return Adapted{Name: name, Events: []conversation.Event{*e}}, nil
}

// crispEvent is what every event has.
func crispEvent(d Delivery, session jsontext.Value, times ...jsontext.Value) (*conversation.Event, error) {
	e := &conversation.Event{Kind: retention.Chat, Received: conversation.At(d.Received)}
	if err := fill(&e.Conversation, parseID, session); err != nil {
		return nil, err
	}
	var err error
	e.Time, err = firstTime(d.Received, times...)
	return e, err
}

func crispWritten(d Delivery) (*conversation.Event, error) {
	var body crispMessage
	if err := strictjson.Read(d.Body, &body); err != nil {
		return nil, err
	}
	m := body.Data
	e, err := crispEvent(d, m.Session, m.Time, body.Time)
	if err != nil {
		return nil, err
	}
	entry := conversation.Entry{Time: e.Time, Private: m.Type == "note"}
	person, err := optionalID(m.User.ID)
	if err != nil {
		return nil, err
	}
	if entry.ID, err = parseID(m.Fingerprint); err != nil {
		return nil, err
	}
	if e.ID, err = joinID("message", entry.ID); err != nil {
		return nil, err
	}
	switch {
	case m.Type == "event": // nobody's line
		entry.Author.Role = conversation.System
	case m.From == "user":
		entry.Author = conversation.Author{Role: conversation.Visitor, Name: crispName(m.User.Nickname)}
		if m.User.Type != "participant" { // who was asked in has another session
			addSubject(e, conversation.Subject{Name: entry.Author.Name, VisitorID: e.Conversation})
		}
	case m.From == "operator" && m.Automated:
		entry.Author = conversation.Author{Role: conversation.Bot, Name: m.User.Nickname}
	case m.From == "operator":
		entry.Author = conversation.Author{Role: conversation.Agent, Name: m.User.Nickname}
		addAgent(e, person)
	default: // not known yet, and so no name
		entry.Author.Role = conversation.System
	}
	content, err := crispRead(m.Content)
	if err != nil {
		return nil, err
	}
	entry.Text = content.words()
	if content.URL != "" {
		entry.Attachments = []conversation.Attachment{{Name: fileName(content.Name), Type: content.Type, URL: fileLink(content.URL)}}
	}
	e.Entries = []conversation.Entry{entry}
	return e, nil
}

// crispAnswer follows the id of a message that asked in the id of the answer.
const crispAnswer = "answer"

// crispAbout reads what is about a message that was told before, whose id it answers.
func crispAbout(d Delivery) (body crispMessage, e *conversation.Event, id string, err error) {
	if err = strictjson.Read(d.Body, &body); err == nil {
		e, err = crispEvent(d, body.Data.Session, body.Time)
	}
	if err == nil {
		id, err = parseID(body.Data.Fingerprint)
	}
	return body, e, id, err
}

// crispAnswered reads what a visitor chose or filled in, which is a change of the message that asked. The last answer counts.
func crispAnswered(d Delivery) (*conversation.Event, error) {
	body, e, asked, err := crispAbout(d)
	if err != nil {
		return nil, err
	}
	content, err := crispRead(body.Data.Content)
	if err != nil {
		return nil, err
	}
	filled, isText := unquoted(content.Value)
	if !isText && content.Value.Kind() == '0' {
		filled = string(content.Value) // a number, as it stands
	}
	answers := []string{filled}
	for _, c := range content.Choices {
		if c.Selected {
			answers = append(answers, c.Label)
		}
	}
	entry := conversation.Entry{Time: e.Time, Author: conversation.Author{Role: conversation.Visitor}, Text: joinLines(answers)}
	if entry.Text == "" { // another change
		return nil, nil
	}
	if entry.ID, err = joinID(asked, crispAnswer); err != nil {
		return nil, err
	}
	if e.ID, err = joinID("message", entry.ID, e.Time.String()); err != nil {
		return nil, err
	}
	e.Entries = []conversation.Entry{entry}
	return e, nil
}

// crispRemoved takes back a message.
func crispRemoved(d Delivery) (*conversation.Event, error) {
	_, e, id, err := crispAbout(d)
	if err != nil {
		return nil, err
	}
	answer, err := joinID(id, crispAnswer)
	if err != nil {
		return nil, err
	}
	e.Redacted = []string{id, answer}
	e.ID, err = joinID("message:removed", id)
	return e, err
}

// crispSaid reads what became of a session or is known of its visitor.
func crispSaid(d Delivery, name string) (*conversation.Event, error) {
	var body crispSession
	if err := strictjson.Read(d.Body, &body); err != nil {
		return nil, err
	}
	s := body.Data
	e, err := crispEvent(d, s.Session, body.Time)
	if err != nil {
		return nil, err
	}
	e.ID = name + "/" + e.Time.String()
	switch name {
	case "session:set_state":
		e.Ended, e.Reopened = s.State == "resolved", s.State == "unresolved" || s.State == "pending"
	case "session:set_segments":
		e.Tags = nonempty(s.Segments)
	case "session:sync:rating":
		e.Rating, err = parseRating(s.Rating.Stars)
	default:
		if who := (conversation.Subject{Name: crispName(s.Nickname), Email: s.Email, Phone: s.Phone}); who != (conversation.Subject{}) {
			who.VisitorID = e.Conversation
			addSubject(e, who)
		}
	}
	if err != nil || !e.Ended && !e.Reopened && e.Tags == nil && e.Rating == nil && e.Subjects == nil {
		return nil, err
	}
	return e, nil
}

// crispRead reads the content of a message: a text, or an object by the message's type.
func crispRead(raw jsontext.Value) (c crispContent, err error) {
	if text, isText := unquoted(raw); isText || !given(raw) {
		return crispContent{Text: text}, nil
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, strictjson.ErrShape // the library's text may quote the body
	}
	return c, nil
}

// words are what a reader sees of a content: of a question the choices too, of cards their titles.
func (c crispContent) words() string {
	text := c.Text
	if text == "" {
		text = c.Namespace
	}
	lines := []string{text}
	for _, choice := range c.Choices {
		lines = append(lines, listed(choice.Label))
	}
	for _, card := range c.Targets {
		lines = append(lines, listed(card.Title), card.Description)
	}
	return joinLines(lines)
}

var crispInvented = regexp.MustCompile(`^visitor[0-9]+$`)

// crispName drops the names that Crisp makes up for visitors who gave none.
func crispName(name string) string {
	if strings.HasPrefix(name, "visitor") && crispInvented.MatchString(name) {
		return ""
	}
	return name
}

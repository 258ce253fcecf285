package source

import (
	"cmp"
	"crypto/sha256"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// chatwoot knows Chatwoot from 4.11.2 on, the first that signs.
//
//	message_created                a message, known by its id
//	message_updated                the visitor's rating or choice ("ID/answer"), or that the message was deleted; other changes, and the
//	                               answers of forms, are acknowledged
//	conversation_created           the opening, with the last message if there is one
//	conversation_status_changed    the end (resolved), or that it goes on after one
//	conversation_resolved, _opened the same, as automations and agent bots are told
//	conversation_updated           labels, team, assignee; the status only if it is what changed
//	automation_event.…             the shape of a conversation whatever the event, message_created too
//
// Everything else that it sends is acknowledged. What has no id of its own is known by a hash of the body, which Chatwoot
// repeats byte for byte when it tries again.
//
// Taken are only the fields of the types below: nothing of the browser, the page, custom attributes or pictures, and not the
// pubsub_token, which opens the visitor's session. Activities are kept without the contact's name; those of agents stay in them.
var chatwoot = Adapter{
	Verify: verifyChatwoot, Adapt: adaptChatwoot,
	Setup: []string{
		"In Chatwoot 4.11.2 or later: Settings → Integrations → Webhooks → Add new webhook.",
		"Webhook URL: {url}",
		"Events: conversation created, status changed, updated; message created, updated.",
		"Secret: Chatwoot shows it after saving; give it to the vault.",
	},
	Hosts: []string{"app.chatwoot.com"},
}

func verifyChatwoot(d Delivery, secrets []string) error {
	text, reason := header(d.Header, "X-Chatwoot-Signature")
	timestamp, missing := header(d.Header, "X-Chatwoot-Timestamp")
	reason = cmp.Or(reason, missing)
	var code []byte
	if reason == nil {
		digits, ok := strings.CutPrefix(text, "sha256=")
		if code, reason = fromHex(digits, sha256.New); !ok {
			reason = errMalformed
		}
	}
	err := signed(sha256.New, secrets, code, []byte(timestamp), []byte("."), d.Body)
	if reason = cmp.Or(reason, err); reason == nil {
		reason = recent(timestamp, d.Received)
	}
	if reason != nil {
		return ErrSignature.Because(reason)
	}
	return nil
}

type chatwootMessage struct {
	ID          jsontext.Value       `json:"id"`
	Type        jsontext.Value       `json:"message_type"`
	Content     string               `json:"content"`
	Private     bool                 `json:"private"`
	Created     jsontext.Value       `json:"created_at"`
	Updated     jsontext.Value       `json:"updated_at"`
	Sender      *chatwootPerson      `json:"sender"`
	Attachments []chatwootAttachment `json:"attachments"`
}

type chatwootAttachment struct {
	Type string `json:"file_type"`
	Size int64  `json:"file_size"`
	URL  string `json:"data_url"` // ends in the file's name, which stands nowhere else
}

// chatwootPerson is a contact, an agent or a bot.
type chatwootPerson struct {
	ID         jsontext.Value `json:"id"`
	Type       string         `json:"type"`
	Name       string         `json:"name"`
	Email      string         `json:"email"`
	Phone      string         `json:"phone_number"`
	Identifier jsontext.Value `json:"identifier"`
}

type chatwootConversation struct {
	ID     jsontext.Value `json:"id"` // the number that agents see, unique in the sender's account
	Labels []string       `json:"labels"`
	Meta   struct {
		Sender   *chatwootPerson `json:"sender"`
		Assignee *chatwootPerson `json:"assignee"`
		Team     struct {
			Name string `json:"name"`
		} `json:"team"`
	} `json:"meta"`
}

type chatwootMessageBody struct {
	chatwootMessage `json:",inline"`
	Conversation    chatwootConversation `json:"conversation"`
}

type chatwootConversationBody struct {
	chatwootConversation `json:",inline"`
	Messages             []chatwootMessage `json:"messages"`
	Status               string            `json:"status"`
	Created              jsontext.Value    `json:"created_at"`
	Updated              jsontext.Value    `json:"updated_at"`
	LastActivity         jsontext.Value    `json:"last_activity_at"`
	Changes              []struct {
		Status *struct {
			Previous jsontext.Value `json:"previous_value"`
		} `json:"status"`
	} `json:"changed_attributes"`
}

type chatwootChangedBody struct {
	ID           jsontext.Value `json:"id"`
	Created      jsontext.Value `json:"created_at"`
	Attributes   jsontext.Value `json:"content_attributes"`
	Conversation struct {
		ID           jsontext.Value `json:"id"`
		Updated      jsontext.Value `json:"updated_at"`
		LastActivity jsontext.Value `json:"last_activity_at"`
	} `json:"conversation"`
}

// chatwootNames are the events that Chatwoot sends and of which nothing is kept.
var chatwootNames = []string{
	"contact_created", "contact_updated", "conversation_typing_off", "conversation_typing_on", "inbox_created",
	"inbox_updated", "macro.executed", "webwidget_triggered",
}

func adaptChatwoot(d Delivery) (Adapted, error) {
	name, err := eventName(d.Body, "event")
	if err != nil {
		return Adapted{}, err
	}
	var events []conversation.Event
	switch name {
	case "message_created":
		events, err = chatwootMessageCreated(d)
	case "message_updated":
		events, err = chatwootChanged(d)
	case "conversation_created", "conversation_status_changed", "conversation_resolved", "conversation_opened",
		"conversation_updated", "automation_event.conversation_created", "automation_event.conversation_resolved",
		"automation_event.conversation_opened", "automation_event.conversation_updated", "automation_event.message_created":
		events, err = chatwootConversationEvent(d, name)
	default:
		if !slices.Contains(chatwootNames, name) {
			name = otherName
		}
	}
	if err != nil {
		return Adapted{}, err
	}
	return Adapted{Name: name, Events: events}, nil
}

func chatwootMessageCreated(d Delivery) ([]conversation.Event, error) {
	var body chatwootMessageBody
	if err := strictjson.Read(d.Body, &body); err != nil {
		return nil, err
	}
	e, err := body.Conversation.event(d)
	if err != nil {
		return nil, err
	}
	entry, err := body.entry(d, body.Conversation.Meta.Sender)
	if err != nil {
		return nil, err
	}
	if e.ID, err = joinID("message", entry.ID); err != nil {
		return nil, err
	}
	e.Time, e.Entries = entry.Time, []conversation.Entry{entry}
	switch entry.Author.Role {
	case conversation.Visitor:
		s, err := body.Sender.subject()
		if err != nil {
			return nil, err
		}
		if s != (conversation.Subject{}) { // who writes, and not whom the conversation is with
			e.Subjects = []conversation.Subject{s}
		}
	case conversation.Agent:
		if e.AgentIDs, err = body.Sender.agentIDs(); err != nil {
			return nil, err
		}
	}
	return []conversation.Event{e}, nil
}

func chatwootConversationEvent(d Delivery, name string) ([]conversation.Event, error) {
	var body chatwootConversationBody
	if err := strictjson.Read(d.Body, &body); err != nil {
		return nil, err
	}
	e, err := body.event(d)
	if err != nil {
		return nil, err
	}
	if e.AgentIDs, err = body.Meta.Assignee.agentIDs(); err != nil {
		return nil, err
	}
	happening := strings.TrimPrefix(name, "automation_event.")
	times := []jsontext.Value{body.Updated, body.LastActivity}
	switch happening {
	case "conversation_created":
		times = []jsontext.Value{body.Created}
		fallthrough
	case "message_created":
		for _, m := range body.Messages {
			if m.blank() {
				continue
			}
			entry, err := m.entry(d, body.Meta.Sender)
			if err != nil {
				return nil, err
			}
			e.Entries = append(e.Entries, entry)
		}
	default:
		e.Ended, e.Reopened = body.turn(happening)
	}
	if e.Time, err = firstTime(d.Received, times...); err != nil {
		return nil, err
	}
	if e.ID, err = joinID(name, bodyHash(d)); err != nil {
		return nil, err
	}
	return []conversation.Event{e}, nil
}

// turn says whether the event is the end or a going on. Chatwoot tells of every change while a conversation is resolved as
// well, so of an update only a change of the status counts: a label set a week later does not end a chat anew.
func (c chatwootConversationBody) turn(happening string) (ended, reopened bool) {
	const resolved = "resolved"
	switch happening {
	case "conversation_resolved":
		return true, false
	case "conversation_opened":
		return false, true
	}
	changed, previous := happening == "conversation_status_changed", ""
	for _, change := range c.Changes {
		if change.Status != nil {
			changed = true
			previous, _ = unquoted(change.Status.Previous)
		}
	}
	if !changed {
		return false, false
	}
	// Older versions do not tell what it was before; a chat that was not resolved loses nothing by being reopened.
	goesOn := previous == resolved || previous == "" && c.Status == "open"
	return c.Status == resolved, c.Status != resolved && goesOn
}

// chatwootAnswer follows the id of a message that asked in the id of the answer.
const chatwootAnswer = "answer"

// chatwootChanged reads what a change of a message may tell: the answer to Chatwoot's question for satisfaction or to a bot's, which is
// a change of the message that asked, or that the message was deleted, in whose place Chatwoot puts a text of its own.
func chatwootChanged(d Delivery) ([]conversation.Event, error) {
	var body chatwootChangedBody
	if err := strictjson.Read(d.Body, &body); err != nil {
		return nil, err
	}
	change, err := chatwootAttributes(body.Attributes)
	if err != nil || change == (chatwootChange{}) {
		return nil, err
	}
	e := conversation.Event{Kind: retention.Chat, Received: conversation.At(d.Received), Rating: change.rating}
	if e.Conversation, err = parseID(body.Conversation.ID); err != nil {
		return nil, err
	}
	// When it was changed stands nowhere; the change touches the conversation.
	if e.Time, err = firstTime(d.Received, body.Conversation.Updated, body.Conversation.LastActivity, body.Created); err != nil {
		return nil, err
	}
	if change.deleted || change.chosen != "" {
		id, err := parseID(body.ID)
		if err != nil {
			return nil, err
		}
		answer, err := joinID(id, chatwootAnswer)
		if err != nil {
			return nil, err
		}
		if change.deleted {
			e.Redacted = []string{id, answer}
		} else {
			e.Entries = []conversation.Entry{{ID: answer, Time: e.Time, Author: conversation.Author{Role: conversation.Visitor}, Text: change.chosen}}
		}
	}
	if e.ID, err = joinID("message_updated", bodyHash(d)); err != nil {
		return nil, err
	}
	return []conversation.Event{e}, nil
}

// chatwootChange is what the attributes of a message say of it: that it was deleted, or what was answered.
type chatwootChange struct {
	deleted bool
	rating  *int
	chosen  string
}

// chatwootAttributes reads attributes, of which every question has its own. What is written into a form is not taken: its fields are
// the sender's own.
func chatwootAttributes(attributes jsontext.Value) (c chatwootChange, err error) {
	var asked struct {
		Deleted   jsontext.Value `json:"deleted"`
		Submitted jsontext.Value `json:"submitted_values"`
	}
	if attributes.Kind() != '{' {
		return c, nil
	}
	if err := json.Unmarshal(attributes, &asked); err != nil {
		return c, strictjson.ErrShape
	}
	if c.deleted = asked.Deleted.Kind() == 't'; c.deleted {
		return c, nil
	}
	switch asked.Submitted.Kind() {
	case '{':
		var submitted struct {
			Survey *struct {
				Rating jsontext.Value `json:"rating"`
			} `json:"csat_survey_response"`
		}
		if json.Unmarshal(asked.Submitted, &submitted) != nil {
			return c, strictjson.ErrShape
		}
		if submitted.Survey != nil {
			c.rating, err = parseRating(submitted.Survey.Rating)
		}
		return c, err
	case '[':
		c.chosen = chatwootChosen(asked.Submitted)
	}
	return c, nil
}

// chatwootChosen are the titles of what was chosen. The fields of a form have names in their place.
func chatwootChosen(submitted jsontext.Value) string {
	var all []jsontext.Value
	if json.Unmarshal(submitted, &all) != nil {
		return ""
	}
	var titles []string
	for _, raw := range all {
		var choice struct {
			Title string         `json:"title"`
			Name  jsontext.Value `json:"name"`
		}
		if json.Unmarshal(raw, &choice) == nil && !given(choice.Name) {
			titles = append(titles, choice.Title)
		}
	}
	return joinLines(titles)
}

// event is what every event about the conversation has, all but its id and time.
func (c chatwootConversation) event(d Delivery) (conversation.Event, error) {
	id, err := parseID(c.ID)
	if err != nil {
		return conversation.Event{}, err
	}
	e := conversation.Event{
		Conversation: id, Kind: retention.Chat, Received: conversation.At(d.Received), Department: c.Meta.Team.Name,
		Tags: nonempty(c.Labels),
	}
	s, err := c.Meta.Sender.subject()
	if err != nil {
		return conversation.Event{}, err
	}
	addSubject(&e, s)
	return e, nil
}

// entry is a message of a conversation with a contact.
func (m chatwootMessage) entry(d Delivery, contact *chatwootPerson) (conversation.Entry, error) {
	id, err := parseID(m.ID)
	if err != nil {
		return conversation.Entry{}, err
	}
	at, err := m.time(d)
	if err != nil {
		return conversation.Entry{}, err
	}
	author, err := m.author()
	if err != nil {
		return conversation.Entry{}, err
	}
	entry := conversation.Entry{ID: id, Time: at, Author: author, Text: m.Content, Private: m.Private}
	if author.Role == conversation.System && contact != nil {
		entry.Text = withoutName(m.Content, contact.Name)
	}
	for _, a := range m.Attachments {
		if a.Size < 0 {
			return conversation.Entry{}, strictjson.ErrShape
		}
		entry.Attachments = append(entry.Attachments, conversation.Attachment{
			Name: a.name(), Type: a.Type, Bytes: a.Size, URL: fileLink(a.URL),
		})
	}
	return entry, nil
}

// withoutName is an activity without the contact's name, which is not always kept. Where a contact resolved the conversation, Chatwoot
// has written the name with one capital letter.
func withoutName(text, name string) string {
	name = strings.TrimSpace(name)
	if name == "" {
		return text
	}
	_, first := utf8.DecodeRuneInString(name)
	for _, written := range []string{name, strings.ToUpper(name[:first]) + strings.ToLower(name[first:])} {
		text = replaceWords(text, written, "the contact")
	}
	return text
}

// time is when the message was written. The list of a conversation has it in seconds, in which a question and the bot's
// answer are one; the last change has milliseconds, and of a new message it is the same instant.
func (m chatwootMessage) time(d Delivery) (conversation.Time, error) {
	created, err := parseTime(m.Created, d.Received)
	if err != nil || !given(m.Updated) {
		return created, err
	}
	updated, err := parseTime(m.Updated, d.Received)
	if err == nil && created.Equal(updated.Truncate(time.Second)) {
		return updated, nil
	}
	return created, err
}

// blank says that a message is an empty object, as which senders with an eye for privacy pass it on.
func (m chatwootMessage) blank() bool {
	return !given(m.ID) && !given(m.Created) && !given(m.Type) && m.Content == "" && m.Sender == nil && len(m.Attachments) == 0
}

// author tells who wrote from the type of the message, a word in an event and a number in the list of a conversation. A type
// that is not known yet is kept as a line of nobody.
func (m chatwootMessage) author() (conversation.Author, error) {
	kind, isText := unquoted(m.Type)
	if !isText && given(m.Type) {
		if m.Type.Kind() != '0' {
			return conversation.Author{}, strictjson.ErrShape
		}
		kind = string(m.Type)
	}
	sender := m.Sender
	if sender == nil {
		sender = &chatwootPerson{}
	}
	switch kind {
	case "incoming", "0":
		if sender.Type != "" && sender.Type != "contact" {
			sender = &chatwootPerson{}
		}
		return conversation.Author{Role: conversation.Visitor, Name: sender.Name}, nil
	case "outgoing", "1":
		switch sender.Type {
		case "agent_bot", "captain_assistant":
			return conversation.Author{Role: conversation.Bot, Name: sender.Name}, nil
		case "contact":
			sender = &chatwootPerson{}
		}
		return conversation.Author{Role: conversation.Agent, Name: sender.Name}, nil
	case "template", "3":
		// A template answers in nobody's name; who is named without being a bot is the contact or agent it was sent for.
		if sender.Type != "agent_bot" && sender.Type != "captain_assistant" {
			sender = &chatwootPerson{}
		}
		return conversation.Author{Role: conversation.Bot, Name: sender.Name}, nil
	}
	return conversation.Author{Role: conversation.System}, nil
}

// name is the file's name, the end of the address under which Chatwoot serves its own files. The rest of the address opens
// the file, and addresses of others may end in what opens them.
func (a chatwootAttachment) name() string {
	u, err := url.Parse(a.URL)
	if err != nil || !strings.HasPrefix(u.Path, "/rails/active_storage/") || strings.HasSuffix(u.Path, "/") {
		return ""
	}
	return path.Base(u.Path)
}

// subject is the contact as a subject; agents and bots are none.
func (p *chatwootPerson) subject() (conversation.Subject, error) {
	if p == nil || p.Type != "" && p.Type != "contact" {
		return conversation.Subject{}, nil
	}
	visitorID, err := optionalID(p.ID)
	if err != nil {
		return conversation.Subject{}, err
	}
	customID, err := optionalID(p.Identifier)
	if err != nil {
		return conversation.Subject{}, err
	}
	return conversation.Subject{Name: p.Name, Email: p.Email, Phone: p.Phone, VisitorID: visitorID, CustomID: customID}, nil
}

// agentIDs is the agent's id, or name without one; contacts and bots are no agents. Older versions give agents no type.
func (p *chatwootPerson) agentIDs() ([]string, error) {
	if p == nil || p.Type != "" && p.Type != "user" {
		return nil, nil
	}
	id, err := optionalID(p.ID)
	if err != nil {
		return nil, err
	}
	if id = cmp.Or(id, p.Name); id == "" {
		return nil, nil
	}
	return []string{id}, nil
}

// bodyHash tells a delivery from every other of its conversation.
func bodyHash(d Delivery) string {
	return shortHash(string(d.Body))
}

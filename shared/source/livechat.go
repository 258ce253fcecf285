package source

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// livechat knows LiveChat's webhooks of the versions 3.4 to 3.7: platform.text.com/docs, management, webhooks.
//
//	incoming_chat       the chat's people, tags, and what was written before an agent took part
//	incoming_event      a message, rich message, file, system message, or a form that was filled in
//	event_deleted       the entry is taken back (3.7)
//	user_added_to_chat  who came in
//	chat_transferred    the agents who have it now
//	thread_tagged, thread_untagged
//	chat_deactivated    the end
//
// A chat of LiveChat lives as long as its customer does: a conversation is one thread of it, CHAT/THREAD, and a chat that is
// taken up again is another conversation. Everything else is acknowledged; so are changes of an event, which stays as it first
// was. What has no time of its own has that of receipt; what has no id either is known by a hash of the body, and a tag by its
// receipt as well: it may be set a second time, after it was taken away.
//
// An author is told by id alone: that of an agent is an e-mail address, of a bot 32 hexadecimal digits, of a customer a UUID;
// where the people are listed, their type counts first. An id of another form is nobody's.
//
// Of a form only name and e-mail address are taken, the other answers are custom fields; of a rating good as 5 and bad as 1.
// Nothing is taken of the last visit (address, place, pages), session fields, properties, custom events or the secret_key.
var livechat = Adapter{
	Verify: verifyLivechat, Adapt: adaptLivechat,
	Setup: []string{
		"In LiveChat's Developer Console: Apps → an app of yours → Building blocks → Chat webhooks.",
		"Target URL: {url}",
		"Secret key: {secret}",
		"Webhooks, API version 3.5 or later: incoming_chat, incoming_event, chat_deactivated, chat_transferred, user_added_to_chat, " +
			"thread_tagged, thread_untagged; of version 3.7, event_deleted. Install the app.",
	},
	Weak:  "No signature: the secret is sent along in the body, and nothing shows that the rest of it is what LiveChat sent.",
	Hosts: []string{"cdn.livechat-files.com", "cdn.livechatinc.com"},
}

func verifyLivechat(d Delivery, secrets []string) error {
	given, err := strictjson.Text(d.Body, "secret_key")
	if err != nil {
		return ErrSignature.Because(errMalformed)
	}
	if err := presented(secrets, given); err != nil {
		return ErrSignature.Because(err)
	}
	return nil
}

type livechatBody struct {
	Payload struct {
		ChatID   jsontext.Value `json:"chat_id"`
		ThreadID jsontext.Value `json:"thread_id"`
		Chat     struct {
			ID     jsontext.Value `json:"id"`
			Users  []livechatUser `json:"users"`
			Thread struct {
				ID      jsontext.Value  `json:"id"`
				Created jsontext.Value  `json:"created_at"`
				Tags    []string        `json:"tags"`
				Events  []livechatEvent `json:"events"`
			} `json:"thread"`
		} `json:"chat"`
		Event       livechatEvent  `json:"event"`
		EventID     jsontext.Value `json:"event_id"`
		User        livechatUser   `json:"user"`
		Tag         string         `json:"tag"`
		Transferred struct {
			AgentIDs []string `json:"agent_ids"`
		} `json:"transferred_to"`
	} `json:"payload"`
}

type livechatUser struct {
	ID    jsontext.Value `json:"id"`
	Type  string         `json:"type"`
	Name  string         `json:"name"`
	Email string         `json:"email"`
}

type livechatEvent struct {
	ID           jsontext.Value `json:"id"`
	Type         string         `json:"type"`
	Author       jsontext.Value `json:"author_id"`
	Created      jsontext.Value `json:"created_at"`
	Visibility   string         `json:"visibility"`
	Text         string         `json:"text"`
	livechatFile `json:",inline"`
	Elements     []struct {
		Title    string       `json:"title"`
		Subtitle string       `json:"subtitle"`
		Image    livechatFile `json:"image"`
		Buttons  []struct {
			Text string `json:"text"`
		} `json:"buttons"`
	} `json:"elements"`
	Fields []struct {
		Type   string         `json:"type"`
		Answer jsontext.Value `json:"answer"`
	} `json:"fields"`
	System string `json:"system_message_type"`
	Vars   struct {
		Score    jsontext.Value `json:"score"`
		Customer jsontext.Value `json:"customer"`
	} `json:"text_vars"`
}

type livechatFile struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Type string `json:"content_type"`
	Size int64  `json:"size"`
}

// livechatNames are the actions that LiveChat sends and of which nothing is kept.
var livechatNames = []string{
	"agent_approved", "agent_created", "agent_deleted", "agent_suspended", "agent_unsuspended", "agent_updated",
	"auto_accesses_updated", "bot_created", "bot_deleted", "bot_updated", "chat_access_updated", "chat_properties_deleted",
	"chat_properties_updated", "customer_session_fields_updated", "event_properties_deleted", "event_properties_updated",
	"event_updated", "events_marked_as_seen", "group_created", "group_deleted", "group_updated", "incoming_customer",
	"incoming_rich_message_postback", "routing_status_set", "tag_created", "tag_deleted", "tag_updated",
	"thread_properties_deleted", "thread_properties_updated", "thread_summary_set", "user_removed_from_chat",
}

func adaptLivechat(d Delivery) (Adapted, error) {
	name, err := eventName(d.Body, "action")
	if err != nil {
		return Adapted{}, err
	}
	switch name {
	case "incoming_chat", "incoming_event", "event_deleted", "user_added_to_chat", "chat_transferred", "thread_tagged", "thread_untagged",
		"chat_deactivated":
	default:
		if !slices.Contains(livechatNames, name) {
			name = otherName
		}
		return Adapted{Name: name}, nil
	}
	var body livechatBody
	if err := strictjson.Read(d.Body, &body); err != nil {
		return Adapted{}, err
	}
	p := body.Payload
	if name == "incoming_chat" {
		p.ChatID, p.ThreadID = p.Chat.ID, p.Chat.Thread.ID
	}
	if name == "chat_transferred" && !given(p.ThreadID) {
		return Adapted{Name: name}, nil // a chat that nobody is in
	}
	e := conversation.Event{Kind: retention.Chat, Time: conversation.At(d.Received), Received: conversation.At(d.Received)}
	var chat, thread string
	if err := cmp.Or(fill(&chat, parseID, p.ChatID), fill(&thread, parseID, p.ThreadID)); err != nil {
		return Adapted{}, err
	}
	if e.Conversation, err = joinID(chat, thread); err != nil {
		return Adapted{}, err
	}
	e.ID = name // as of its thread there is one, unless there can be more
	switch name {
	case "incoming_chat":
		err = body.start(d, &e)
	case "incoming_event":
		if e.ID, err = livechatPart(name, p.Event.ID); err == nil {
			e.Time, err = parseTime(p.Event.Created, d.Received)
		}
		if err == nil {
			err = p.Event.add(d, &e, nil)
		}
		if err == nil && e.Entries == nil && e.Subjects == nil {
			return Adapted{Name: name}, nil // of its kind nothing is kept
		}
	case "event_deleted":
		var id string
		if id, err = parseID(p.EventID); err == nil {
			e.ID, err = joinID(name, id)
			e.Redacted = []string{id}
		}
	case "user_added_to_chat":
		if e.ID, err = livechatPart(name, p.User.ID); err == nil {
			_, err = p.User.role(&e)
		}
	case "chat_transferred":
		e.ID = name + "/" + bodyHash(d)
		e.AgentIDs = nonempty(p.Transferred.AgentIDs)
	case "thread_tagged", "thread_untagged":
		e.ID = name + "/" + bodyHash(d) + "/" + e.Received.String() // the body of a tag that is set again is the same
		if p.Tag == "" {
			return Adapted{}, ErrMissing
		}
		if e.Tagged = []string{p.Tag}; name == "thread_untagged" {
			e.Tagged, e.Untagged = nil, e.Tagged
		}
	case "chat_deactivated":
		e.Ended, e.Untimed = true, true
	}
	if err != nil {
		return Adapted{}, err
	}
	return Adapted{Name: name, Events: []conversation.Event{e}}, nil
}

// livechatPart is the id of an event that is about one part of the thread.
func livechatPart(name string, raw jsontext.Value) (string, error) {
	id, err := parseID(raw)
	if err != nil {
		return "", err
	}
	return joinID(name, id)
}

// start reads a chat with everything that was there when it came in.
func (b livechatBody) start(d Delivery, e *conversation.Event) (err error) {
	chat := b.Payload.Chat
	if e.Time, err = parseTime(chat.Thread.Created, d.Received); err != nil {
		return err
	}
	e.Tags = nonempty(chat.Thread.Tags)
	people := map[string]conversation.Author{}
	for _, u := range chat.Users {
		author, err := u.role(e)
		if err != nil {
			return err
		}
		if id, _ := optionalID(u.ID); id != "" {
			people[id] = author
		}
	}
	for _, event := range chat.Thread.Events {
		if err := event.add(d, e, people); err != nil {
			return err
		}
	}
	return nil
}

// role tells who somebody is, a customer as a subject and an agent among those who took part.
func (u livechatUser) role(e *conversation.Event) (conversation.Author, error) {
	id, err := optionalID(u.ID)
	if err != nil {
		return conversation.Author{}, err
	}
	author := conversation.Author{Role: livechatRole(id), Name: u.Name}
	switch {
	case u.Type == "customer":
		author.Role = conversation.Visitor
	case u.Type == "agent" && author.Role != conversation.Bot:
		author.Role = conversation.Agent
	}
	switch author.Role {
	case conversation.Visitor:
		addSubject(e, conversation.Subject{Name: u.Name, Email: u.Email, VisitorID: id})
	case conversation.Agent:
		addAgent(e, id)
	case conversation.System:
		author.Name = "" // it may be a visitor's, which are not always kept
	}
	return author, nil
}

var (
	livechatCustomer = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	livechatBot      = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// livechatRole tells an author by the form of the id. One without id wrote nothing: it is a line of the system.
func livechatRole(id string) conversation.Role {
	switch {
	case strings.Contains(id, "@"):
		return conversation.Agent
	case livechatCustomer.MatchString(id):
		return conversation.Visitor
	case livechatBot.MatchString(id):
		return conversation.Bot
	}
	return conversation.System
}

// add reads an event of the thread. People are those of whom more is known than the id of an author.
func (ev livechatEvent) add(d Delivery, e *conversation.Event, people map[string]conversation.Author) error {
	entry := conversation.Entry{Private: ev.Visibility == "agents"}
	var author string
	if err := cmp.Or(fill(&entry.ID, parseID, ev.ID), fill(&author, optionalID, ev.Author)); err != nil {
		return err
	}
	var err error
	if entry.Time, err = parseTime(ev.Created, d.Received); err != nil {
		return err
	}
	var known bool
	if entry.Author, known = people[author]; !known {
		entry.Author.Role = livechatRole(author)
	}
	switch ev.Type {
	case "message":
		entry.Text = ev.Text
	case "rich_message":
		err = ev.rich(&entry)
	case "file":
		err = ev.livechatFile.attach(&entry)
	case "system_message":
		entry.Author, entry.Text = conversation.Author{Role: conversation.System}, ev.Text
		// The line names the customer, whose name is not always kept.
		if name, _ := unquoted(ev.Vars.Customer); name != "" {
			entry.Text = replaceWords(ev.Text, name, "The customer")
		}
		e.Rating = ev.rating(e.Rating)
	case "filled_form":
		if entry.Author.Role == conversation.Visitor {
			addSubject(e, ev.filled(author))
		}
		return nil
	default:
		return nil
	}
	if err != nil {
		return err
	}
	switch entry.Author.Role {
	case conversation.Visitor:
		if !known {
			addSubject(e, conversation.Subject{VisitorID: author})
		}
	case conversation.Agent:
		addAgent(e, author)
	}
	e.Entries = append(e.Entries, entry)
	return nil
}

// replaceWords puts other words for some, wherever they stand by themselves.
func replaceWords(text, words, others string) string {
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	var done strings.Builder
	parts, at := strings.Split(text, words), 0
	for i, part := range parts {
		done.WriteString(part)
		if at += len(part); i == len(parts)-1 {
			break
		}
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		at += len(words)
		if after, _ := utf8.DecodeRuneInString(text[at:]); inWord(before) || inWord(after) {
			done.WriteString(words)
		} else {
			done.WriteString(others)
		}
	}
	return done.String()
}

// rich reads cards and buttons: what they say, a line each, and their pictures.
func (ev livechatEvent) rich(entry *conversation.Entry) error {
	var lines []string
	for _, element := range ev.Elements {
		lines = append(lines, element.Title, element.Subtitle)
		for _, b := range element.Buttons {
			lines = append(lines, b.Text)
		}
		if element.Image != (livechatFile{}) {
			if err := element.Image.attach(entry); err != nil {
				return err
			}
		}
	}
	entry.Text = joinLines(lines)
	return nil
}

func (f livechatFile) attach(entry *conversation.Entry) error {
	if f.Size < 0 {
		return strictjson.ErrShape
	}
	entry.Attachments = append(entry.Attachments, conversation.Attachment{
		Name: fileName(f.Name), Type: f.Type, Bytes: f.Size, URL: fileLink(f.URL),
	})
	return nil
}

// rating is what a line about the customer's rating says, or else the one of before.
func (ev livechatEvent) rating(before *int) *int {
	score, _ := unquoted(ev.Vars.Score)
	switch {
	case ev.System != "rating.chat_rated":
		return before
	case score == "good":
		return new(5)
	case score == "bad":
		return new(1)
	}
	return before
}

// filled is what a form tells of who filled it in. Answers of other kinds of fields may be objects.
func (ev livechatEvent) filled(author string) conversation.Subject {
	s := conversation.Subject{VisitorID: author}
	for _, f := range ev.Fields {
		switch answer, _ := unquoted(f.Answer); f.Type {
		case "name":
			s.Name = answer
		case "email":
			s.Email = answer
		}
	}
	return s
}

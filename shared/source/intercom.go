package source

import (
	"cmp"
	"crypto/sha1" // Intercom signs with HMAC-SHA1 and with nothing else
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// intercom knows the conversation topics of Intercom's webhooks: developers.intercom.com, webhook models.
//
//	conversation.user.created, .user.replied                    a visitor wrote
//	conversation.admin.single.created, .admin.replied, .operator.replied   an agent or a bot wrote
//	conversation.admin.noted                                    a note
//	conversation_part.redacted                                  a part is taken back
//	conversation.admin.closed                                   the end
//	conversation.admin.opened                                   that it goes on after one
//	conversation.admin.assigned, .admin.open.assigned, .admin.snoozed, .admin.unsnoozed, .rating.added, .contact.attached,
//	conversation_part.tag.created                               what else is known of it
//
// Everything else that it sends is acknowledged, ping among it. A delivery has the conversation as it was then: its first
// message, which is "source" here, the parts that are new, people, tags and the rating. A part in which nothing was written
// makes no entry, and one that is said to be redacted is taken back in whatever delivery it stands. Bodies are HTML. The form is that of
// API 2.0 and later.
//
// Of a redaction some versions tell the part alone. Where nothing in it says of which conversation it is, the part stays here as it was,
// and the delivery is counted as conversation_part.redacted.orphan.
//
// Nothing is taken of custom attributes, pages, statistics and companies.
var intercom = Adapter{
	Verify: overBody("X-Hub-Signature", "sha1=", sha1.New), Adapt: adaptIntercom,
	Setup: []string{
		"In Intercom: Developer Hub → your app (API version 2.0 or later) → Configure → Webhooks.",
		"Endpoint URL: {url}",
		"Topics: conversation.user.created, conversation.user.replied, conversation.admin.single.created, conversation.admin.replied, " +
			"conversation.operator.replied, conversation.admin.noted, conversation.admin.closed, conversation.admin.opened, " +
			"conversation.admin.assigned, conversation.rating.added, conversation.contact.attached, conversation_part.tag.created, " +
			"conversation_part.redacted.",
		"Client secret: the app's Basic information shows it; give it to the vault.",
		"Watch for deliveries of the type conversation_part.redacted.orphan: Intercom told that a message was deleted, but not of " +
			"which conversation, and the vault still has it.",
	},
	Weak: "HMAC-SHA1 of the body without a time: an old delivery can be sent again, and is then a duplicate.",
	Hosts: []string{
		"downloads.intercomcdn.com", "downloads.intercomcdn.eu", "downloads.au.intercomcdn.com", "uploads.intercomcdn.com",
		"uploads.intercomcdn.eu", "uploads.intercomusercontent.com", "gifs.intercomcdn.com", "video-messages.intercomcdn.com",
		"*.intercom-attachments.eu", "*.au.intercom-attachments.com", "*.intercom-attachments-1.com", "*.intercom-attachments-2.com",
		"*.intercom-attachments-3.com", "*.intercom-attachments-4.com", "*.intercom-attachments-5.com", "*.intercom-attachments-6.com",
		"*.intercom-attachments-7.com", "*.intercom-attachments-8.com", "*.intercom-attachments-9.com",
	},
}

type intercomBody struct {
	ID   jsontext.Value `json:"id"`
	Data struct {
		Item struct {
			Type     string         `json:"type"`
			ID       jsontext.Value `json:"id"`
			Created  jsontext.Value `json:"created_at"`
			Updated  jsontext.Value `json:"updated_at"`
			Assignee jsontext.Value `json:"admin_assignee_id"`
			Source   intercomPart   `json:"source"`
			Contacts struct {
				Contacts []struct {
					ID         jsontext.Value `json:"id"`
					ExternalID jsontext.Value `json:"external_id"`
				} `json:"contacts"`
			} `json:"contacts"`
			Parts struct {
				Parts []intercomPart `json:"conversation_parts"`
			} `json:"conversation_parts"`
			Tags struct {
				Tags []struct {
					Name string `json:"name"`
				} `json:"tags"`
			} `json:"tags"`
			Rating struct {
				Rating jsontext.Value `json:"rating"`
			} `json:"conversation_rating"`
		} `json:"item"`
	} `json:"data"`
}

// intercomRedaction is of a part that is told without its conversation, whose id may stand with it.
type intercomRedaction struct {
	ID   jsontext.Value `json:"id"`
	Data struct {
		Item struct {
			ID             jsontext.Value `json:"id"`
			Created        jsontext.Value `json:"created_at"`
			Updated        jsontext.Value `json:"updated_at"`
			ConversationID jsontext.Value `json:"conversation_id"`
			Conversation   struct {
				ID jsontext.Value `json:"id"`
			} `json:"conversation"`
		} `json:"item"`
	} `json:"data"`
}

// intercomPart is the first message, of which the id and the time are not read, or a part.
type intercomPart struct {
	ID        jsontext.Value `json:"id"`
	Type      string         `json:"part_type"`
	Delivered string         `json:"delivered_as"` // of the first message
	Subject   string         `json:"subject"`      // of the first message, where it is a mail
	Body      string         `json:"body"`
	Created   jsontext.Value `json:"created_at"`
	Redacted  bool           `json:"redacted"`
	Author    struct {
		ID    jsontext.Value `json:"id"`
		Type  string         `json:"type"`
		Name  string         `json:"name"`
		Email string         `json:"email"`
		AI    bool           `json:"from_ai_agent"`
	} `json:"author"`
	Attachments []struct {
		Name string `json:"name"`
		Type string `json:"content_type"`
		Size int64  `json:"filesize"`
		URL  string `json:"url"`
	} `json:"attachments"`
}

var (
	intercomKept = []string{
		"conversation.user.created", "conversation.user.replied", "conversation.admin.single.created", "conversation.admin.replied",
		"conversation.operator.replied", "conversation.admin.noted", "conversation.admin.closed", "conversation.admin.opened",
		"conversation.admin.assigned", "conversation.admin.open.assigned", "conversation.admin.snoozed",
		"conversation.admin.unsnoozed", "conversation.rating.added", "conversation.contact.attached", "conversation_part.tag.created",
		intercomRedacted,
	}
	// intercomNames are the topics of which nothing is kept.
	intercomNames = []string{
		"ping", "conversation.admin.replied.translated", "conversation.company.updated", "conversation.contact.detached",
		"conversation.deleted", "conversation.priority.updated", "conversation.read",
	}
	// intercomPublic are the types of part of which a visitor sees what an agent wrote. All others count as notes.
	intercomPublic = []string{"comment", "open", "close", "assignment", "quick_reply"}
)

// intercomConversation is the type of a conversation.
const intercomConversation = "conversation"

// The topic of a redaction, and the name of one of which the conversation is not told.
const (
	intercomRedacted = "conversation_part.redacted"
	intercomOrphan   = intercomRedacted + ".orphan"
)

func adaptIntercom(d Delivery) (Adapted, error) {
	name, err := eventName(d.Body, "topic")
	switch {
	case err != nil:
		return Adapted{}, err
	case slices.Contains(intercomNames, name):
		return Adapted{Name: name}, nil
	case !slices.Contains(intercomKept, name):
		return Adapted{Name: otherName}, nil
	}
	if strings.HasPrefix(name, "conversation_part.") { // of which some versions tell without the conversation
		var about struct {
			Data struct {
				Item struct {
					Type string `json:"type"`
				} `json:"item"`
			} `json:"data"`
		}
		switch err := strictjson.Read(d.Body, &about); {
		case err != nil:
			return Adapted{}, err
		case about.Data.Item.Type == intercomConversation:
		case name == intercomRedacted:
			return adaptIntercomRedaction(d)
		default:
			return Adapted{Name: name}, nil
		}
	}
	var body intercomBody
	if err := strictjson.Read(d.Body, &body); err != nil {
		return Adapted{}, err
	}
	if body.Data.Item.Type != intercomConversation {
		return Adapted{Name: name}, nil
	}
	e, err := body.event(d, name)
	if err != nil {
		return Adapted{}, err
	}
	return Adapted{Name: name, Events: []conversation.Event{e}}, nil
}

func adaptIntercomRedaction(d Delivery) (Adapted, error) {
	var body intercomRedaction
	if err := strictjson.Read(d.Body, &body); err != nil {
		return Adapted{}, err
	}
	part := body.Data.Item
	var nested, id string
	e := conversation.Event{Kind: retention.Chat, Received: conversation.At(d.Received)}
	if err := cmp.Or(fill(&e.Conversation, optionalID, part.ConversationID), fill(&nested, optionalID, part.Conversation.ID)); err != nil {
		return Adapted{}, err
	}
	if e.Conversation = cmp.Or(e.Conversation, nested); e.Conversation == "" {
		return Adapted{Name: intercomOrphan}, nil
	}
	err := cmp.Or(fill(&e.ID, parseID, body.ID), fill(&id, parseID, part.ID))
	if err == nil {
		e.Time, err = firstTime(d.Received, part.Updated, part.Created)
	}
	if err != nil {
		return Adapted{}, err
	}
	e.Redacted = []string{id}
	return Adapted{Name: intercomRedacted, Events: []conversation.Event{e}}, nil
}

func (b intercomBody) event(d Delivery, name string) (conversation.Event, error) {
	c := b.Data.Item
	e := conversation.Event{Kind: retention.Chat, Received: conversation.At(d.Received)}
	e.Ended, e.Reopened = name == "conversation.admin.closed", name == "conversation.admin.opened"
	var assignee string
	for _, err := range []error{
		fill(&e.ID, parseID, b.ID), fill(&e.Conversation, parseID, c.ID), fill(&assignee, optionalID, c.Assignee),
		fill(&e.Rating, parseRating, c.Rating.Rating),
	} {
		if err != nil {
			return conversation.Event{}, err
		}
	}
	created, err := parseTime(c.Created, d.Received)
	if err != nil {
		return conversation.Event{}, err
	}
	if e.Time, err = firstTime(d.Received, c.Updated, c.Created); err != nil {
		return conversation.Event{}, err
	}
	if c.Tags.Tags != nil {
		e.Tags = []string{}
	}
	for _, tag := range c.Tags.Tags {
		if tag.Name != "" {
			e.Tags = append(e.Tags, tag.Name)
		}
	}
	people := intercomPeople{event: &e, known: map[conversation.Subject]bool{}}
	for _, contact := range c.Contacts.Contacts {
		var s conversation.Subject
		for _, err := range []error{fill(&s.VisitorID, optionalID, contact.ID), fill(&s.CustomID, optionalID, contact.ExternalID)} {
			if err != nil {
				return conversation.Event{}, err
			}
		}
		people.subject(s)
	}
	c.Source.Type = "comment" // it has no type, and everybody sees it
	if err := people.wrote(c.Source, "source", created); err != nil {
		return conversation.Event{}, err
	}
	var newest conversation.Time
	for _, part := range c.Parts.Parts {
		id, err := parseID(part.ID)
		if err != nil {
			return conversation.Event{}, err
		}
		at, err := parseTime(part.Created, d.Received)
		if err != nil {
			return conversation.Event{}, err
		}
		if at.After(newest.Time) {
			newest = at
		}
		if err := people.wrote(part, id, at); err != nil {
			return conversation.Event{}, err
		}
	}
	if (e.Ended || e.Reopened) && !newest.IsZero() { // what is told is as it was later, but this happened then
		e.Time = newest
	}
	if e.AgentIDs == nil && assignee != "" && assignee != "0" {
		e.AgentIDs = []string{assignee}
	}
	return e, nil
}

// intercomPeople fills an event with what people wrote, and with them.
type intercomPeople struct {
	event *conversation.Event
	known map[conversation.Subject]bool
}

func (p intercomPeople) subject(s conversation.Subject) {
	if s != (conversation.Subject{}) && !p.known[s] {
		p.known[s] = true
		p.event.Subjects = append(p.event.Subjects, s)
	}
}

func (p intercomPeople) wrote(part intercomPart, id string, at conversation.Time) error {
	author, err := optionalID(part.Author.ID)
	if err != nil {
		return err
	}
	if part.Redacted {
		p.event.Redacted = append(p.event.Redacted, id)
	}
	entry := conversation.Entry{
		ID: id, Time: at, Author: conversation.Author{Role: part.role(), Name: part.Author.Name},
		Text: joinLines([]string{strings.TrimSpace(plainText(part.Subject)), plainText(part.Body)}),
	}
	switch entry.Author.Role {
	case conversation.Visitor:
		p.subject(conversation.Subject{Name: part.Author.Name, Email: part.Author.Email, VisitorID: author})
	case conversation.Agent:
		if part.Author.Type == "admin" {
			addAgent(p.event, author)
		}
	case conversation.System:
		entry.Author.Name = "" // it may be a visitor's, which is not always to be kept
	}
	entry.Private = entry.Author.Role != conversation.Visitor && !slices.Contains(intercomPublic, part.Type)
	for _, a := range part.Attachments {
		if a.Size < 0 {
			return strictjson.ErrShape
		}
		entry.Attachments = append(entry.Attachments, conversation.Attachment{
			Name: fileName(a.Name), Type: a.Type, Bytes: a.Size, URL: fileLink(a.URL),
		})
	}
	for _, address := range pictures(part.Body) {
		entry.Attachments = append(entry.Attachments, conversation.Attachment{Name: linkName(address), Type: "image", URL: fileLink(address)})
	}
	if !part.Redacted && (entry.Text != "" || len(entry.Attachments) > 0) {
		p.event.Entries = append(p.event.Entries, entry)
	}
	return nil
}

// role tells who wrote. What is sent to many goes out in an agent's name, but no agent wrote it now.
func (p intercomPart) role() conversation.Role {
	switch p.Author.Type {
	case "user", "lead", "contact", "visitor":
		return conversation.Visitor
	case "bot":
		return conversation.Bot
	case "admin", "team":
		if p.Author.AI || slices.Contains([]string{"automated", "campaigns_initiated", "operator_initiated"}, p.Delivered) {
			return conversation.Bot
		}
		return conversation.Agent
	}
	return conversation.System
}

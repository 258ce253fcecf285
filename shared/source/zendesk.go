package source

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// zendesk knows the ticket events of Zendesk's event webhooks: developer.zendesk.com, webhooks, event types, ticket events.
//
//	ticket.created           the description as the first message, id "description"
//	ticket.comment_added     a public comment, or a note among agents
//	ticket.status_changed    solved and closed are ends, and so is a deletion before one; all others go on after one
//	ticket.subject_changed, .tags_changed, .agent_assignment_changed, .requester_changed
//	ticket.attachment_linked_to_comment      a file, as an entry "COMMENT/attachment/ID": the comment is told without its files
//	ticket.comment_made_private              the comment becomes a note, with its files
//	ticket.comment_redacted, .attachment_redacted_from_comment    it is taken back, all of it though Zendesk may black out a part
//	messaging_ticket.message_added           a message of the visitor, an agent or a bot
//
// What Zendesk's own user writes, whose id is -1, a bot says.
//
// A ticket of messaging stays a ticket: its status, tags and comments come under the same id as the messages, and an id is one
// record. What a rating (ticket.csat_received) looks like is not known; it is acknowledged.
//
// Everything else that it sends is acknowledged, and so is a delivery without a body. Every event has the ticket as it was
// then, from which subject, tags and requester are taken, but no status: a tag set on a solved ticket does not end it anew.
// A ticket that is merged or deleted at Zendesk is kept here as long as any other. Bodies that an administrator wrote
// (webhooks of triggers and automations) are not understood.
//
// The first message is the description, and under which id it is a comment no ticket tells: that it is made private shows only where
// nothing of the ticket is public any more, or the event has its text.
//
// Nothing is taken of custom fields or the channel.
var zendesk = Adapter{
	Verify: verifyZendesk, Adapt: adaptZendesk,
	Setup: []string{
		"In Zendesk: Admin Center → Apps and integrations → Webhooks → Create webhook → Zendesk events.",
		"Endpoint URL: {url}",
		"Ticket events: created, comment added, comment made private, comment redacted, attachment linked to comment, attachment redacted from comment, " +
			"status, subject, tags, agent assignment, requester changed; with messaging, Messaging ticket events: message added. " +
			"Format JSON, no authentication.",
		"Signing secret: Zendesk shows it after saving; give it to the vault.",
	},
	Hosts: []string{"*.zendesk.com", "*.zdusercontent.com"},
}

func verifyZendesk(d Delivery, secrets []string) error {
	text, reason := header(d.Header, "X-Zendesk-Webhook-Signature")
	timestamp, missing := header(d.Header, "X-Zendesk-Webhook-Signature-Timestamp")
	reason = cmp.Or(reason, missing)
	var code []byte
	if reason == nil {
		code, reason = fromBase64(text, sha256.New)
	}
	err := signed(sha256.New, secrets, code, []byte(timestamp), d.Body)
	if reason = cmp.Or(reason, err); reason == nil {
		// Zendesk states no tolerance; the one of the others is more than a retry of it needs.
		at, err := time.Parse(time.RFC3339, timestamp)
		if reason = errMalformed; err == nil {
			reason = near(at, d.Received)
		}
	}
	if reason != nil {
		return ErrSignature.Because(reason)
	}
	return nil
}

type zendeskBody struct {
	ID     jsontext.Value `json:"id"`
	Time   jsontext.Value `json:"time"`
	Detail struct {
		ID          jsontext.Value `json:"id"`
		Subject     string         `json:"subject"`
		Description string         `json:"description"`
		Public      bool           `json:"is_public"`
		Status      string         `json:"status"`
		Tags        jsontext.Value `json:"tags"`
		Requester   jsontext.Value `json:"requester_id"`
		Submitter   jsontext.Value `json:"submitter_id"`
		Assignee    jsontext.Value `json:"assignee_id"`
		Actor       jsontext.Value `json:"actor_id"`
		Created     jsontext.Value `json:"created_at"`
	} `json:"detail"`
	Event struct {
		Previous jsontext.Value  `json:"previous"`
		Current  jsontext.Value  `json:"current"`
		Comment  *zendeskComment `json:"comment"`
		Actor    struct {
			ID   jsontext.Value `json:"id"`
			Type string         `json:"type"`
			Name string         `json:"name"`
		} `json:"actor"`
		Message *struct {
			ID   jsontext.Value `json:"id"`
			Body string         `json:"body"`
		} `json:"message"`
	} `json:"event"`
}

type zendeskComment struct {
	ID     jsontext.Value `json:"id"`
	Body   string         `json:"body"`
	Public bool           `json:"is_public"`
	Author struct {
		ID    jsontext.Value `json:"id"`
		Staff *bool          `json:"is_staff"`
		Name  string         `json:"name"`
	} `json:"author"`
	Attachment *struct {
		ID     jsontext.Value `json:"id"`
		Name   string         `json:"filename"`
		Type   string         `json:"content_type"`
		URL    string         `json:"content_url"`
		Public bool           `json:"is_public"`
	} `json:"attachment"`
}

// zendeskPrefix stands before the name of every type of event.
const zendeskPrefix = "zen:event-type:"

// zendeskNames are the events that Zendesk sends of tickets and of which nothing is kept.
var zendeskNames = []string{
	"ticket.brand_changed", "ticket.csat_received", "ticket.csat_requested", "ticket.custom_field_changed",
	"ticket.custom_status_changed", "ticket.description_changed", "ticket.email_ccs_changed",
	"ticket.external_id_changed", "ticket.followers_changed", "ticket.form_changed", "ticket.group_assignment_changed",
	"ticket.marked_as_spam", "ticket.merged", "ticket.next_sla_breach_changed", "ticket.ola_policy_changed",
	"ticket.organization_changed", "ticket.permanently_deleted", "ticket.priority_changed", "ticket.problem_link_changed",
	"ticket.schedule_changed", "ticket.sla_policy_changed", "ticket.soft_deleted", "ticket.submitter_changed",
	"ticket.task_due_at_changed", "ticket.type_changed", "ticket.undeleted",
}

func adaptZendesk(d Delivery) (Adapted, error) {
	if len(d.Body) == 0 {
		return Adapted{Name: otherName}, nil
	}
	kind, err := eventName(d.Body, "type")
	if err != nil {
		return Adapted{}, err
	}
	name, ok := strings.CutPrefix(kind, zendeskPrefix)
	switch name {
	case "ticket.created", "ticket.comment_added", "ticket.status_changed", "ticket.subject_changed", "ticket.tags_changed",
		"ticket.agent_assignment_changed", "ticket.requester_changed", "ticket.attachment_linked_to_comment",
		"ticket.comment_made_private", "ticket.comment_redacted", "ticket.attachment_redacted_from_comment", "messaging_ticket.message_added":
		if !ok {
			return Adapted{Name: otherName}, nil
		}
	default:
		if !ok || !slices.Contains(zendeskNames, name) {
			name = otherName
		}
		return Adapted{Name: name}, nil
	}
	var body zendeskBody
	if err := strictjson.Read(d.Body, &body); err != nil {
		return Adapted{}, err
	}
	e, err := body.event(d, name)
	if err != nil {
		return Adapted{}, err
	}
	return Adapted{Name: name, Events: []conversation.Event{e}}, nil
}

func (z zendeskBody) event(d Delivery, name string) (e conversation.Event, err error) {
	e = conversation.Event{Kind: retention.Ticket, Received: conversation.At(d.Received), Title: z.Detail.Subject}
	var requester, assignee string
	for _, err := range []error{
		fill(&e.ID, parseID, z.ID), fill(&e.Conversation, parseID, z.Detail.ID), fill(&e.Tags, zendeskTags, z.Detail.Tags),
		fill(&requester, zendeskPerson, z.Detail.Requester), fill(&assignee, zendeskPerson, z.Detail.Assignee),
	} {
		if err != nil {
			return conversation.Event{}, err
		}
	}
	if e.Time, err = parseTime(z.Time, d.Received); err != nil {
		return conversation.Event{}, err
	}
	addSubject(&e, conversation.Subject{VisitorID: requester})
	addAgent(&e, assignee)
	current, _ := unquoted(z.Event.Current)
	switch name {
	case "ticket.created":
		err = z.description(&e, requester)
		e.Status = zendeskStatus(z.Detail.Status)
		e.Ended = ends(e.Status)
	case "ticket.comment_added":
		err = z.comment(d, &e, requester)
	case "ticket.status_changed":
		text, _ := unquoted(z.Event.Previous)
		previous := zendeskStatus(text)
		e.Status = zendeskStatus(cmp.Or(current, z.Detail.Status))
		if strings.EqualFold(current, "deleted") && goesOn(previous) { // what had ended before did not end anew
			e.Status = conversation.StatusClosed
		}
		e.Ended, e.Reopened = ends(e.Status), goesOn(e.Status) && !goesOn(previous)
	case "ticket.subject_changed":
		e.Title = cmp.Or(current, e.Title)
	case "ticket.attachment_linked_to_comment":
		err = z.attachment(&e, requester)
	case "ticket.comment_made_private":
		err = z.noted(&e)
	case "ticket.comment_redacted", "ticket.attachment_redacted_from_comment":
		err = z.redacted(&e, name)
	case "messaging_ticket.message_added":
		err = z.message(&e)
	}
	if err != nil {
		return conversation.Event{}, err
	}
	return e, nil
}

// zendeskDescription is the id of a ticket's description, its first message.
const zendeskDescription = "description"

// description adds the first message, which its submitter wrote. A submitter who is not the requester is an agent, or Zendesk itself.
func (z zendeskBody) description(e *conversation.Event, requester string) error {
	submitter, err := zendeskPerson(z.Detail.Submitter)
	if err != nil || z.Detail.Description == "" {
		return err
	}
	author := conversation.Author{Role: conversation.Visitor}
	switch {
	case zendeskItself(z.Detail.Submitter):
		author.Role = conversation.Bot
	case submitter != "" && submitter != requester:
		author.Role = conversation.Agent
		e.AgentIDs = slices.DeleteFunc(e.AgentIDs, func(id string) bool { return id == submitter })
		e.AgentIDs = slices.Insert(e.AgentIDs, 0, submitter)
	}
	e.Entries = []conversation.Entry{{
		ID: zendeskDescription, Time: e.Time, Author: author, Text: z.Detail.Description, Private: !z.Detail.Public,
	}}
	return nil
}

// comment adds a comment. What is not said to be public is a note.
func (z zendeskBody) comment(d Delivery, e *conversation.Event, requester string) error {
	c := z.Event.Comment
	if c == nil {
		return ErrMissing
	}
	id, err := parseID(c.ID)
	if err != nil {
		return err
	}
	author, err := zendeskPerson(c.Author.ID)
	if err != nil {
		return err
	}
	if z.repeats(d, e.Time) {
		id = zendeskDescription
	}
	entry := conversation.Entry{ID: id, Time: e.Time, Text: c.Body, Private: !c.Public}
	e.AgentIDs = nil // who is assigned did not write
	switch staff := c.Author.Staff; {
	case zendeskItself(c.Author.ID):
		entry.Author = conversation.Author{Role: conversation.Bot, Name: c.Author.Name}
	case staff != nil && *staff:
		entry.Author = conversation.Author{Role: conversation.Agent, Name: c.Author.Name}
		addAgent(e, cmp.Or(author, c.Author.Name))
		if author == requester { // an agent is no subject, even of their own ticket
			e.Subjects = nil
		}
	case staff != nil, author != "" && author == requester:
		entry.Author = conversation.Author{Role: conversation.Visitor, Name: c.Author.Name}
		if author == requester {
			e.Subjects = nil
		}
		addSubject(e, conversation.Subject{Name: c.Author.Name, VisitorID: author})
	default:
		entry.Author.Role = conversation.System // who it is stands nowhere, and so no name
	}
	e.Entries = []conversation.Entry{entry}
	return nil
}

// attachment adds a file of a comment, whose id stands before its own, for it becomes a note with its files. A file without one would
// stay public then, and so is a note. Whose the comment is stands nowhere, but who acted does.
func (z zendeskBody) attachment(e *conversation.Event, requester string) error {
	if z.Event.Comment == nil || z.Event.Comment.Attachment == nil {
		return ErrMissing
	}
	a := z.Event.Comment.Attachment
	id, comment, err := z.Event.Comment.file()
	if err != nil {
		return err
	}
	if comment != "" {
		if id, err = joinID(comment, id); err != nil {
			return err
		}
	}
	actor, err := zendeskPerson(z.Detail.Actor)
	if err != nil {
		return err
	}
	entry := conversation.Entry{ID: id, Time: e.Time, Author: conversation.Author{Role: conversation.System}, Private: !a.Public || comment == ""}
	if actor != "" && actor == requester {
		entry.Author.Role = conversation.Visitor
	}
	entry.Attachments = []conversation.Attachment{{Name: fileName(a.Name), Type: a.Type, URL: fileLink(a.URL)}}
	e.Entries = []conversation.Entry{entry}
	return nil
}

// file are the ids of a file and of its comment, which not every event has.
func (c *zendeskComment) file() (id, comment string, err error) {
	if err = cmp.Or(fill(&comment, optionalID, c.ID), fill(&id, parseID, c.Attachment.ID)); err == nil {
		id, err = joinID("attachment", id)
	}
	return id, comment, err
}

// noted makes a comment a note.
func (z zendeskBody) noted(e *conversation.Event) error {
	c := z.Event.Comment
	if c == nil {
		return ErrMissing
	}
	id, err := parseID(c.ID)
	e.Noted = []string{id}
	if text := strings.TrimSpace(c.Body); !z.Detail.Public || text != "" && text == strings.TrimSpace(z.Detail.Description) {
		e.Noted = append(e.Noted, zendeskDescription)
	}
	return err
}

// redacted takes back a comment or a file. The description is a comment too, whose id no ticket tells: that it is meant shows
// in the blocks that Zendesk puts for what it blacks out. So the description goes with any comment where a visitor typed such a block.
func (z zendeskBody) redacted(e *conversation.Event, name string) error {
	c := z.Event.Comment
	if c == nil {
		return ErrMissing
	}
	var id string
	var err error
	if name == "ticket.comment_redacted" {
		id, err = parseID(c.ID)
	} else if c.Attachment == nil {
		err = ErrMissing
	} else {
		id, _, err = c.file() // by which it goes with or without its comment's
	}
	e.Redacted = []string{id}
	if name == "ticket.comment_redacted" && strings.Contains(z.Detail.Description, "▇") {
		e.Redacted = append(e.Redacted, zendeskDescription)
	}
	return err
}

// message adds what was said in a messaging conversation. What Zendesk says of itself, by a trigger or its bot, a bot says.
func (z zendeskBody) message(e *conversation.Event) error {
	m, actor := z.Event.Message, z.Event.Actor
	if m == nil {
		return ErrMissing
	}
	var id, by string
	if err := cmp.Or(fill(&id, parseID, m.ID), fill(&by, zendeskPerson, actor.ID)); err != nil {
		return err
	}
	entry := conversation.Entry{ID: id, Time: e.Time, Text: m.Body, Author: conversation.Author{Name: actor.Name}}
	switch actor.Type {
	case "end_user":
		entry.Author.Role = conversation.Visitor
		addSubject(e, conversation.Subject{Name: actor.Name, VisitorID: by})
	case "agent":
		entry.Author.Role = conversation.Agent
		e.AgentIDs = nil // who is assigned did not write
		addAgent(e, cmp.Or(by, actor.Name))
	case "system", "trigger":
		entry.Author.Role = conversation.Bot
	default:
		entry.Author = conversation.Author{Role: conversation.System} // who it is stands nowhere, and so no name
	}
	e.Entries = []conversation.Entry{entry}
	return nil
}

// repeats says whether the comment is the description, which a ticket has as its first comment too.
func (z zendeskBody) repeats(d Delivery, at conversation.Time) bool {
	created, err := parseTime(z.Detail.Created, d.Received)
	return err == nil && at.Sub(created.Time).Abs() <= time.Minute &&
		strings.TrimSpace(z.Event.Comment.Body) == strings.TrimSpace(z.Detail.Description)
}

// zendeskStatus reads a status in either case. What is archived or scrubbed has had its end.
func zendeskStatus(text string) conversation.Status {
	switch strings.ToLower(text) {
	case "new", "open":
		return conversation.StatusOpen
	case "pending", "hold":
		return conversation.StatusPending
	case "solved":
		return conversation.StatusSolved
	case "closed":
		return conversation.StatusClosed
	}
	return ""
}

// zendeskItself says whether an id is that of Zendesk's own user, by whom triggers and integrations act in every account.
func zendeskItself(raw jsontext.Value) bool {
	return string(raw) == `-1` || string(raw) == `"-1"`
}

// zendeskPerson reads the id of a person, of whom there may be none: null, empty, zero or Zendesk's own.
func zendeskPerson(raw jsontext.Value) (string, error) {
	if zendeskItself(raw) {
		return "", nil
	}
	id, err := optionalID(raw)
	if id == "0" {
		id = ""
	}
	return id, err
}

// zendeskTags reads a list of tags, or what some payloads have in its place, a text with blanks between them.
func zendeskTags(raw jsontext.Value) ([]string, error) {
	if text, isText := unquoted(raw); isText {
		return strings.Fields(text), nil
	}
	if !given(raw) {
		return nil, nil
	}
	var tags []string
	if err := json.Unmarshal(raw, &tags); err != nil {
		return nil, strictjson.ErrShape
	}
	return nonempty(tags), nil
}

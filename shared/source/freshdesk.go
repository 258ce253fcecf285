package source

import (
	"cmp"
	"errors"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/card"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// freshdesk knows the webhooks of Freshdesk's automations: support.freshdesk.com, automations, trigger webhook. Their body is
// freshdesk_webhook with the keys that the administrator chose, each a placeholder's name with "_" for ".". Understood are
//
//	ticket_id (needed), ticket_subject, ticket_status, ticket_tags, ticket_group_name, ticket_agent_name and _email
//	ticket_requester_name, _email, _phone, or ticket_contact_… with _unique_external_id
//	ticket_description                          the first message, of a delivery about the creation
//	ticket_latest_public_comment, _private_…    what was said last, of a delivery about a reply or note
//	conversation_body                           the same, only where triggered_event tells whether everybody sees it
//	ticket_created_at, ticket_updated_at, conversation_created_at    times; conversation_requester, the requester's name
//	triggered_event                             what happened: {ticket_action:created}, {note_type:private}, {status:{from:2,to:4}}
//
// and all others are passed over, custom fields among them. Of what nothing is told, such as a comment's id and mostly its time,
// a hash of the text and the time of receipt stand in: two comments of the same words are one. A delivery is known by a hash of
// its body, so what happens a second time in just the same words is taken for a repetition unless a time is among the keys; but a
// ticket that goes on may be closed again.
//
// Freshdesk's latest comments begin with the name of who wrote, by which the role is told: the requester's is a visitor's, the
// assigned agent's and every note's an agent's, others are nobody's. Where reply_sent or customer_reply tells the role, that counts;
// for a conversation_body, nothing else does.
//
// The numbers that a status was turned from and to tell the end, and that the ticket goes on after one: in every status that an
// administrator added, for none of those is an end. A comment may end the ticket, whose status is then an end, but does not take it up
// again: its delivery may come after that of a later end, and a visitor's words do it anyway. Where nothing is told of what happened,
// the ticket ended or goes on at ticket_updated_at, and without it neither: each change of it would be one.
var freshdesk = Adapter{
	Verify: verifyFreshdesk, Adapt: adaptFreshdesk,
	Setup: []string{
		"In Freshdesk: Admin → Workflows → Automations. Make a rule on ticket creation, and one on ticket updates: status is changed, " +
			"reply is sent, note is added, tag is added or removed.",
		"Action of both: Trigger webhook, request type POST, URL: {url}",
		"Requires authentication: any username, password {secret} — or the custom header " + keyHeader + ": {secret}",
		"Encoding JSON, content Simple: tick ticket ID, subject, status, tags, group name, agent name and email, requester name, " +
			"email and phone, description, latest public comment, latest private comment, triggered event.",
	},
	Weak: "No signature: the secret is sent along, and nothing shows that the body is what Freshdesk sent.",
}

func verifyFreshdesk(d Delivery, secrets []string) error {
	given, reason := header(d.Header, keyHeader)
	if len(d.Header.Values(keyHeader)) == 0 {
		_, given, reason = basic(d.Header)
	}
	err := presented(secrets, given)
	if reason = cmp.Or(reason, err); reason != nil {
		return ErrSignature.Because(reason)
	}
	return nil
}

// freshdeskTicket reads keys of any body; its error is the first that there was.
type freshdeskTicket struct {
	fields map[string]jsontext.Value
	d      Delivery
	err    error
	// untimed says that the time of receipt stands in for another.
	untimed bool
}

// text is the first of the keys that says something: a text, or a number as it stands.
func (t *freshdeskTicket) text(keys ...string) string {
	for _, key := range keys {
		raw := t.fields[key]
		text, isText := unquoted(raw)
		switch {
		case !given(raw):
		case raw.Kind() == '0':
			return string(raw)
		case !isText:
			t.err = cmp.Or(t.err, error(strictjson.ErrShape))
		case strings.TrimSpace(text) != "":
			return text
		}
	}
	return ""
}

// stated is the time of a key, zero where it has none that can be read: administrators write times in many forms.
func (t *freshdeskTicket) stated(key string) conversation.Time {
	at, err := parseTime(t.fields[key], t.d.Received)
	if errors.Is(err, ErrTime) {
		t.err = cmp.Or(t.err, err)
	}
	return at
}

// time is that of a key, or of the receipt.
func (t *freshdeskTicket) time(key string) conversation.Time {
	if at := t.stated(key); !at.IsZero() {
		return at
	}
	t.untimed = true
	return conversation.At(t.d.Received)
}

func adaptFreshdesk(d Delivery) (Adapted, error) {
	var body struct {
		Fields map[string]jsontext.Value `json:"freshdesk_webhook"`
	}
	if err := strictjson.Unmarshal(d.Body, &body); err != nil {
		return Adapted{}, err
	}
	t := &freshdeskTicket{fields: body.Fields, d: d}
	e := conversation.Event{
		Kind: retention.Ticket, Received: conversation.At(d.Received), Title: t.text("ticket_subject"),
		Department: t.text("ticket_group_name"),
	}
	id, err := parseID(body.Fields["ticket_id"])
	if err == nil && strings.HasPrefix(id, "{{") {
		err = strictjson.ErrShape // a placeholder that nobody filled: a template is being tried out
	}
	if err != nil {
		return Adapted{}, err
	}
	e.Conversation = id
	subject := conversation.Subject{
		Name:  t.text("ticket_requester_name", "ticket_contact_name", "conversation_requester"),
		Email: t.text("ticket_requester_email", "ticket_contact_email"),
		Phone: t.text("ticket_requester_phone", "ticket_contact_phone"),
	}
	if e.Tags, err = tagList(body.Fields["ticket_tags"]); err != nil {
		return Adapted{}, err
	}
	if subject.CustomID = t.text("ticket_contact_unique_external_id"); len(subject.CustomID) > maxID {
		return Adapted{}, ErrIDTooLong
	}
	addSubject(&e, subject)
	agent := t.text("ticket_agent_name")
	addAgent(&e, cmp.Or(t.text("ticket_agent_email"), agent))

	happened := strings.ToLower(t.text("triggered_event"))
	name := freshdeskName(happened)
	// What is not said to be public is a note.
	private := strings.Contains(happened, freshdeskNote) || strings.Contains(happened, "note") && !strings.Contains(happened, "public")
	switch name {
	case "created":
		e.Time = t.time("ticket_created_at")
		if text := plainText(t.text("ticket_description")); text != "" {
			author := conversation.Author{Role: conversation.Visitor, Name: subject.Name}
			e.Entries = []conversation.Entry{{ID: "description", Time: e.Time, Author: author, Text: text}}
		}
	case "comment", "unsaid":
		e.Time = t.time("conversation_created_at")
		switch {
		case name == "unsaid":
			t.comment(&e, subject.Name, agent, "", "ticket_latest_public_comment")
			t.comment(&e, subject.Name, agent, freshdeskNote, "ticket_latest_private_comment")
		case private:
			t.comment(&e, subject.Name, agent, freshdeskNote, "ticket_latest_private_comment", "conversation_body")
		default:
			t.comment(&e, subject.Name, agent, happened, "ticket_latest_public_comment", "conversation_body")
		}
	default:
		e.Time = t.time("ticket_updated_at")
	}
	t.status(&e, name, happened, private)
	e.ID, e.Untimed = name+"/"+bodyHash(d), t.untimed
	if t.err != nil {
		return Adapted{}, t.err
	}
	return Adapted{Name: name, Events: []conversation.Event{e}}, nil
}

// freshdeskNote is Freshdesk's word for a note among agents.
const freshdeskNote = "private"

// freshdeskName is of what a delivery tells: the creation, a comment, the status, another change, or it does not say.
func freshdeskName(happened string) string {
	has := func(word string) bool { return strings.Contains(happened, word) }
	switch {
	case happened == "":
		return "unsaid"
	case has("created"):
		return "created"
	case has("note"), has("reply"), has("comment"):
		return "comment"
	case freshdeskTurn.MatchString(happened), has("status") && !has("from:"): // an added field may have the word in its name
		return "status"
	}
	return "changed"
}

// freshdeskTurn is the change of the status, in Freshdesk's numbers.
var freshdeskTurn = regexp.MustCompile(`(?:^|[{,\s])status:\s*\{\s*from:\s*([0-9]*)\s*,\s*to:\s*([0-9]+)\s*\}`)

// status says which one the ticket has, and whether that is an end or the ticket goes on after one. What the status was turned
// from and to counts before the one that the ticket has by the time its delivery is made.
func (t *freshdeskTicket) status(e *conversation.Event, name, happened string, private bool) {
	status := freshdeskStatus(t.text("ticket_status"))
	turn := freshdeskTurn.FindStringSubmatch(happened)
	switch {
	case turn != nil:
		from, to := freshdeskStatus(turn[1]), freshdeskStatus(turn[2])
		if e.Reopened = ends(from) && !ends(to); e.Reopened {
			to = cmp.Or(to, conversation.StatusOpen) // one that was added, and those are no ends
		}
		e.Status, e.Ended = to, ends(to)
	case name == "changed", private:
		// What else is changed of a ticket that is over does not end it anew.
	case name == "unsaid":
		e.Status = status
		if changed := t.stated("ticket_updated_at"); !changed.IsZero() && status != "" {
			e.Time, e.Ended, e.Reopened = changed, ends(status), goesOn(status)
		}
	case name == "comment" && goesOn(status) && t.untimed:
		// The ticket may have ended since: nothing tells when this was so.
	default:
		e.Status, e.Ended, e.Reopened = status, ends(status), name == "status" && goesOn(status)
	}
}

// comment adds what was said last, with markup: the latest comment, which is "NAME : TEXT", or else the text of a body.
func (t *freshdeskTicket) comment(e *conversation.Event, requester, agent, happened, latest string, body ...string) {
	said := t.text(latest)
	name, text, found := strings.Cut(said, " : ")
	if name = strings.TrimSpace(name); !found || len(name) > longestName || strings.ContainsAny(name, "<>\n") {
		name, text = "", said
	}
	if said == "" {
		text = t.text(body...)
	}
	if said == "" && text == "" {
		return
	}
	entry := conversation.Entry{Time: e.Time, Text: plainText(text), Private: happened == freshdeskNote}
	customer := strings.Contains(happened, "customer_reply")
	own := name != "" && name == requester && name != agent // a rule may take the requester's for a reply as well
	switch {
	case entry.Private, strings.Contains(happened, "reply_sent") && !own, !customer && name != "" && name == agent:
		entry.Author = conversation.Author{Role: conversation.Agent, Name: name}
	case customer, own:
		entry.Author = conversation.Author{Role: conversation.Visitor, Name: cmp.Or(name, requester)}
	default:
		entry.Author.Role = conversation.System // it may be a visitor whose name is not to be kept
	}
	// Of nothing that may not be kept, or the id could be tried against what somebody guesses.
	masked, _ := card.Mask(entry.Text)
	entry.ID = "comment/" + shortHash(string(entry.Author.Role), masked)
	e.Entries = append(e.Entries, entry)
}

// longestName is how many bytes may stand before the text of a comment as a name.
const longestName = 100

// freshdeskStatus reads the statuses that every Freshdesk has, by name or number, and none of those that were added.
func freshdeskStatus(text string) conversation.Status {
	switch strings.ToLower(text) {
	case "open", "2":
		return conversation.StatusOpen
	case "pending", "waiting on customer", "waiting on third party", "3", "6", "7":
		return conversation.StatusPending
	case "resolved", "4":
		return conversation.StatusSolved
	case "closed", "5":
		return conversation.StatusClosed
	}
	return ""
}

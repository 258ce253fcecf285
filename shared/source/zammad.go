package source

import (
	"cmp"
	"crypto/sha1"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// zammad knows the default payload of Zammad's webhooks: admin-docs.zammad.org, manage, webhook. A trigger or scheduler of the
// administrator sends it, so what happened is not told: a delivery has the ticket as it is then, and mostly its latest article.
//
//	article  the ticket with a message or note
//	ticket   the ticket alone
//
// Whatever the trigger was for, an article is known by its id, and the end by its time, which is last_close_at: so what is said
// of a closed ticket does not end it anew, except by older versions, which do not tell that time. Every other delivery is known
// by a hash of the body. A payload that an administrator wrote is not understood.
//
// Of a state that an administrator added, nothing tells whether it closes. A ticket that was closed and changed since to be in such a
// one is taken to go on, and so is kept the longer; one that is in no other is never closed.
//
// Attachments are known by name, type and size: their links open only to users of the Zammad. Taken are only the fields of the
// types below: nothing of the organisation, notes on people, addresses, pictures or custom fields.
var zammad = Adapter{
	Verify: overBody("X-Hub-Signature", "sha1=", sha1.New), Adapt: adaptZammad,
	Setup: []string{
		"In Zammad: Settings → Manage → Webhook → New Webhook.",
		"Endpoint: {url} — request method POST, no authentication, no custom payload.",
		"HMAC SHA1 Signature Token: {secret}",
		"Settings → Manage → Trigger → New Trigger: activated by action, condition “Ticket → Action is created or is updated”, " +
			"execute the webhook.",
	},
	Weak: "HMAC-SHA1 of the body without a time: an old delivery can be sent again, and is then a duplicate.",
}

type zammadBody struct {
	Ticket struct {
		ID        jsontext.Value `json:"id"`
		Title     string         `json:"title"`
		State     jsontext.Value `json:"state"`
		Group     jsontext.Value `json:"group"`
		Tags      jsontext.Value `json:"tags"`
		Customer  *zammadPerson  `json:"customer"`
		Owner     *zammadPerson  `json:"owner"`
		Updated   jsontext.Value `json:"updated_at"`
		Closed    jsontext.Value `json:"close_at"`
		LastClose jsontext.Value `json:"last_close_at"`
	} `json:"ticket"`
	Article *zammadArticle `json:"article"`
}

type zammadPerson struct {
	ID     jsontext.Value `json:"id"`
	First  string         `json:"firstname"`
	Last   string         `json:"lastname"`
	Email  string         `json:"email"`
	Phone  string         `json:"phone"`
	Mobile string         `json:"mobile"`
}

type zammadArticle struct {
	ID          jsontext.Value `json:"id"`
	Created     jsontext.Value `json:"created_at"`
	By          *zammadPerson  `json:"created_by"`
	Sender      jsontext.Value `json:"sender"`
	From        string         `json:"from"`
	Internal    *bool          `json:"internal"`
	Type        string         `json:"content_type"`
	Body        string         `json:"body"`
	Attachments []struct {
		Name        string         `json:"filename"`
		Size        jsontext.Value `json:"size"`
		Preferences struct {
			Type string `json:"Content-Type"`
			Mime string `json:"Mime-Type"`
		} `json:"preferences"`
	} `json:"attachments"`
}

func adaptZammad(d Delivery) (Adapted, error) {
	var body zammadBody
	if err := strictjson.Unmarshal(d.Body, &body); err != nil {
		return Adapted{}, err
	}
	t := body.Ticket
	e := conversation.Event{Kind: retention.Ticket, Received: conversation.At(d.Received), Title: t.Title}
	var state, owner string
	err := cmp.Or(
		fill(&e.Conversation, parseID, t.ID), fill(&state, zammadName, t.State), fill(&e.Department, zammadName, t.Group),
		fill(&e.Tags, tagList, t.Tags),
	)
	if err == nil {
		e.Time, err = parseTime(t.Updated, d.Received)
	}
	if err == nil {
		owner, err = t.Owner.id()
	}
	if err == nil {
		err = t.Customer.describe(&e)
	}
	name := "ticket"
	if err == nil && body.Article != nil {
		name = "article"
		err = body.Article.add(d, &e)
	}
	if err != nil {
		return Adapted{}, err
	}
	if owner != zammadNobody {
		addAgent(&e, owner)
	}
	e.ID, e.Status = name+"/"+bodyHash(d), zammadStatus(state)
	closed, err := firstTime(d.Received, t.LastClose, t.Closed)
	switch added := state != "" && e.Status == ""; {
	case ends(e.Status) && !given(t.LastClose):
		e.Ended = true
	case ends(e.Status):
		if err != nil {
			return Adapted{}, err
		}
		return Adapted{Name: name, Events: []conversation.Event{e, {
			ID: "end/" + closed.String(), Conversation: e.Conversation, Kind: e.Kind, Time: closed, Received: e.Received, Ended: true,
		}}}, nil
	case err == nil && (goesOn(e.Status) || added && e.Time.Sub(closed.Time) > zammadClosing):
		e.Reopened, e.Status = true, cmp.Or(e.Status, conversation.StatusOpen)
		if !e.Time.After(closed.Time) { // within the precision of what keeps their times
			e.Time = conversation.At(closed.Add(time.Millisecond))
		}
	}
	return Adapted{Name: name, Events: []conversation.Event{e}}, nil
}

// zammadClosing is how much later than it was closed a ticket may say that it was changed, of nothing but being closed.
const zammadClosing = time.Second

// zammadNobody is the id of the user "-", who owns what nobody owns.
const zammadNobody = "1"

// id is the person's id, of whom there may be none.
func (p *zammadPerson) id() (string, error) {
	if p == nil {
		return "", nil
	}
	return optionalID(p.ID)
}

func (p *zammadPerson) name() string {
	if p == nil {
		return ""
	}
	return strings.TrimSpace(p.First + " " + p.Last)
}

// describe adds the customer as a subject.
func (p *zammadPerson) describe(e *conversation.Event) error {
	id, err := p.id()
	if err != nil || p == nil {
		return err
	}
	addSubject(e, conversation.Subject{Name: p.name(), Email: p.Email, Phone: cmp.Or(p.Phone, p.Mobile), VisitorID: id})
	return nil
}

// add adds the article as an entry. What is not said to be no internal note is one.
func (a zammadArticle) add(d Delivery, e *conversation.Event) (err error) {
	entry := conversation.Entry{Text: a.Body, Private: a.Internal == nil || *a.Internal}
	var sender string
	if err := cmp.Or(fill(&entry.ID, parseID, a.ID), fill(&sender, zammadName, a.Sender)); err != nil {
		return err
	}
	if entry.Time, err = parseTime(a.Created, d.Received); err != nil {
		return err
	}
	if strings.Contains(a.Type, "html") {
		entry.Text = plainText(a.Body)
	}
	by, err := a.By.id()
	if err != nil {
		return err
	}
	switch sender {
	case "Customer": // agents write down what customers say, so who made the article says nothing
		entry.Author.Role = conversation.Visitor
		if from, err := mail.ParseAddress(a.From[:min(len(a.From), longestAddress)]); err == nil {
			entry.Author.Name = from.Name
		}
	case "Agent":
		entry.Author = conversation.Author{Role: conversation.Agent, Name: a.By.name()}
		addAgent(e, by)
	default: // System, and what a new version may add
		entry.Author.Role = conversation.System
	}
	for _, f := range a.Attachments {
		size, err := optionalID(f.Size)
		if err != nil {
			return err
		}
		bytes, err := strconv.ParseInt(cmp.Or(size, "0"), 10, 64)
		if err != nil || bytes < 0 {
			return strictjson.ErrShape
		}
		entry.Attachments = append(entry.Attachments, conversation.Attachment{
			Name: fileName(f.Name), Type: cmp.Or(f.Preferences.Mime, f.Preferences.Type), Bytes: bytes,
		})
	}
	e.Entries = []conversation.Entry{entry}
	return nil
}

// longestAddress is how much of the sender of a mail is read.
const longestAddress = 1000

// zammadStatus reads the states that every Zammad has, and none of those that an administrator added.
func zammadStatus(state string) conversation.Status {
	switch state {
	case "new", "open":
		return conversation.StatusOpen
	case "pending reminder", "pending close":
		return conversation.StatusPending
	case "closed", "merged":
		return conversation.StatusClosed
	}
	return ""
}

// zammadName reads what has a name: its name alone, or all of it.
func zammadName(raw jsontext.Value) (string, error) {
	if text, isText := unquoted(raw); isText || !given(raw) {
		return text, nil
	}
	var named struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(raw, &named); err != nil {
		return "", strictjson.ErrShape
	}
	return named.Name, nil
}

// tagList reads a list of tags, or a text with commas between them.
func tagList(raw jsontext.Value) ([]string, error) {
	if !given(raw) {
		return nil, nil
	}
	var tags []string
	if text, isText := unquoted(raw); isText {
		for tag := range strings.SplitSeq(text, ",") {
			tags = append(tags, strings.TrimSpace(tag))
		}
	} else if err := json.Unmarshal(raw, &tags); err != nil {
		return nil, strictjson.ErrShape
	}
	return nonempty(tags), nil
}

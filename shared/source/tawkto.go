package source

import (
	"cmp"
	"crypto/sha1" // tawk.to signs with HMAC-SHA1 and with nothing else
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// tawkto knows tawk.to: developer.tawk.to/webhooks.
//
//	chat:start               the first message, which has no id: "start"
//	chat:end                 the end
//	chat:transcript_created  the whole chat when it is over, with its files; its messages have no ids: "m1", "m2", … in their order
//	ticket:create            a ticket with its message, which has no id: "message"; of what becomes of it tawk.to tells nothing
//
// The signature covers the body alone, without a time: an old delivery can be sent again and is then a duplicate, known by
// the time in its body. Of the visitor only name and e-mail address are taken, of the property nothing.
var tawkto = Adapter{
	Verify: overBody("X-Tawk-Signature", "", sha1.New), Adapt: adaptTawkto,
	Setup: []string{
		"In tawk.to: Administration → Settings → Webhooks → Create webhook.",
		"Request URL: {url}",
		"Events: chat start, chat end, chat transcript created, new ticket.",
		"Secret key: tawk.to makes it; give it to the vault.",
	},
	Weak:  "HMAC-SHA1 of the body without a time: an old delivery can be sent again, and is then a duplicate.",
	Hosts: []string{"tawk.link"},
}

type tawktoChat struct {
	ChatID  jsontext.Value `json:"chatId"`
	Time    jsontext.Value `json:"time"`
	Visitor tawktoVisitor  `json:"visitor"`
	Message *struct {
		Text   string `json:"text"`
		Type   string `json:"type"`
		Sender struct {
			Type string `json:"type"`
		} `json:"sender"`
	} `json:"message"`
}

type tawktoTranscript struct {
	Time jsontext.Value `json:"time"`
	Chat struct {
		ID       jsontext.Value `json:"id"`
		Visitor  tawktoVisitor  `json:"visitor"`
		Messages []struct {
			Sender struct {
				Type string `json:"t"`
				Name string `json:"n"`
			} `json:"sender"`
			Type  string         `json:"type"`
			Text  string         `json:"msg"`
			Files jsontext.Value `json:"attchs"`
			Time  jsontext.Value `json:"time"`
		} `json:"messages"`
	} `json:"chat"`
}

type tawktoVisitor struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

type tawktoTicket struct {
	Time      jsontext.Value `json:"time"`
	Requester struct {
		tawktoVisitor `json:",inline"`
		Type          string `json:"type"`
	} `json:"requester"`
	Ticket struct {
		ID      jsontext.Value `json:"id"`
		Subject string         `json:"subject"`
		Message string         `json:"message"`
	} `json:"ticket"`
}

func adaptTawkto(d Delivery) (Adapted, error) {
	name, err := eventName(d.Body, "event")
	if err != nil {
		return Adapted{}, err
	}
	var e conversation.Event
	switch name {
	case "chat:start", "chat:end":
		e, err = tawktoStartOrEnd(d, name)
	case "chat:transcript_created":
		e, err = tawktoWhole(d)
	case "ticket:create":
		e, err = tawktoNewTicket(d)
	default:
		return Adapted{Name: otherName}, nil
	}
	if err != nil {
		return Adapted{}, err
	}
	return Adapted{Name: name, Events: []conversation.Event{e}}, nil
}

func tawktoStartOrEnd(d Delivery, name string) (conversation.Event, error) {
	var body tawktoChat
	if err := strictjson.Read(d.Body, &body); err != nil {
		return conversation.Event{}, err
	}
	e, err := tawktoEvent(d, retention.Chat, body.ChatID, body.Time, body.Visitor)
	if err != nil {
		return conversation.Event{}, err
	}
	if name == "chat:end" {
		e.ID, e.Ended = "end/"+e.Time.String(), true
		return e, nil
	}
	e.ID = "start/" + e.Time.String()
	if m := body.Message; m != nil {
		e.Entries = []conversation.Entry{{
			ID: "start", Time: e.Time, Author: tawktoAuthor(m.Sender.Type, "", body.Visitor),
			Text: tawktoText(m.Type, m.Text), Attachments: tawktoFiles(m.Type, nil),
		}}
	}
	return e, nil
}

func tawktoWhole(d Delivery) (conversation.Event, error) {
	var body tawktoTranscript
	if err := strictjson.Read(d.Body, &body); err != nil {
		return conversation.Event{}, err
	}
	e, err := tawktoEvent(d, retention.Chat, body.Chat.ID, body.Time, body.Chat.Visitor)
	if err != nil {
		return conversation.Event{}, err
	}
	e.ID, e.Ended = "transcript/"+e.Time.String(), true
	e.Whole = len(body.Chat.Messages) > 0 // a transcript of nothing must not replace what is known
	e.Entries = make([]conversation.Entry, 0, len(body.Chat.Messages))
	for i, m := range body.Chat.Messages {
		at, err := parseTime(m.Time, d.Received)
		if err != nil {
			return conversation.Event{}, err
		}
		if i == 0 || at.After(e.Time.Time) {
			e.Time = at // the chat ended with its last message, not when the transcript was made
		}
		author, text := tawktoAuthor(m.Sender.Type, m.Sender.Name, body.Chat.Visitor), tawktoText(m.Type, m.Text)
		// A line of nobody may name the visitor, whose name is not always kept.
		if name := body.Chat.Visitor.Name; author == (conversation.Author{Role: conversation.System}) && name != "" {
			text = replaceWords(text, name, "The visitor")
		}
		e.Entries = append(e.Entries, conversation.Entry{
			ID: "m" + strconv.Itoa(i+1), Time: at, Author: author, Text: text, Attachments: tawktoFiles(m.Type, m.Files),
		})
		if author.Role == conversation.Agent {
			addAgent(&e, author.Name)
		}
	}
	return e, nil
}

func tawktoNewTicket(d Delivery) (conversation.Event, error) {
	var body tawktoTicket
	if err := strictjson.Read(d.Body, &body); err != nil {
		return conversation.Event{}, err
	}
	by := body.Requester
	e, err := tawktoEvent(d, retention.Ticket, body.Ticket.ID, body.Time, by.tawktoVisitor)
	if err != nil {
		return conversation.Event{}, err
	}
	e.ID = "create/" + e.Time.String()
	e.Title, e.Status = body.Ticket.Subject, conversation.StatusOpen
	author := tawktoAuthor(by.Type, by.Name, by.tawktoVisitor)
	if author.Role == conversation.Agent { // who is no subject
		e.Subjects = nil
		addAgent(&e, author.Name)
	}
	e.Entries = []conversation.Entry{{ID: "message", Time: e.Time, Author: author, Text: body.Ticket.Message}}
	return e, nil
}

// tawktoEvent is what every event has; the time of the body is its time and, for want of an id, tells it from the others of
// its conversation.
func tawktoEvent(d Delivery, kind retention.Kind, rawID, rawTime jsontext.Value, v tawktoVisitor) (conversation.Event, error) {
	id, err := parseID(rawID)
	if err != nil {
		return conversation.Event{}, err
	}
	at, err := parseTime(rawTime, d.Received)
	if err != nil {
		return conversation.Event{}, err
	}
	e := conversation.Event{Conversation: id, Kind: kind, Time: at, Received: conversation.At(d.Received)}
	addSubject(&e, conversation.Subject{Name: tawktoName(v.Name), Email: v.Email})
	return e, nil
}

// tawktoRole reads both spellings of a sender. A spelling that is not known yet makes a system line.
func tawktoRole(t string) conversation.Role {
	switch t {
	case "v", "visitor":
		return conversation.Visitor
	case "a", "agent":
		return conversation.Agent
	case "b", "bot":
		return conversation.Bot
	}
	return conversation.System
}

// tawktoAuthor names the author. A visitor without a name in the message has the chat's. Whose role is not known may be a
// visitor whose name is not to be kept, so it has none.
func tawktoAuthor(senderType, name string, v tawktoVisitor) conversation.Author {
	role := tawktoRole(senderType)
	switch {
	case role == conversation.Visitor:
		name = cmp.Or(tawktoName(name), tawktoName(v.Name))
	case role == conversation.System && senderType != "s" && senderType != "system":
		name = ""
	}
	return conversation.Author{Role: role, Name: name}
}

var tawktoInvented = regexp.MustCompile(`^V[0-9]{10,20}$`)

// tawktoName drops the names that tawk.to makes up for visitors who gave none, V and a number: they name nobody, and the
// number follows a browser from chat to chat.
func tawktoName(name string) string {
	if strings.HasPrefix(name, "V") && tawktoInvented.MatchString(name) {
		return ""
	}
	return name
}

// tawktoText is what was written. What tawk.to puts there for a file is not documented; it may be a link that opens it,
// which is a credential.
func tawktoText(messageType, text string) string {
	if messageType == "file" {
		return ""
	}
	return text
}

type tawktoAttached struct {
	Content struct {
		File struct {
			URL  string         `json:"url"`
			Name string         `json:"name"`
			Type string         `json:"mimeType"`
			Size jsontext.Value `json:"size"`
		} `json:"file"`
	} `json:"content"`
}

// tawktoFiles are the files of a message, as transcripts list them; where none are listed, that there was one is all that is known. The
// list is not documented: what cannot be read of it is a file of which nothing is known.
func tawktoFiles(messageType string, listed jsontext.Value) (files []conversation.Attachment) {
	var each []jsontext.Value
	if listed.Kind() == '[' && json.Unmarshal(listed, &each) != nil {
		each = nil
	}
	for _, raw := range each {
		var attached tawktoAttached
		if json.Unmarshal(raw, &attached) != nil {
			attached = tawktoAttached{}
		}
		f := attached.Content.File
		size, _ := strconv.ParseInt(string(f.Size), 10, 64)
		files = append(files, conversation.Attachment{
			Name: fileName(f.Name), Type: cmp.Or(f.Type, "file"), Bytes: max(size, 0), URL: fileLink(f.URL),
		})
	}
	if files == nil && messageType == "file" {
		return []conversation.Attachment{{Type: "file"}}
	}
	return files
}

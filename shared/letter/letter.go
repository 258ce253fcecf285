package letter

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/supportvault/supportvault/shared/conversation"
)

// Content is how much of a conversation a letter carries.
type Content string

// The contents.
const (
	// Full is everything that the view has.
	Full Content = "full"
	// Redacted is what package redact leaves of it; the letter sees to that itself.
	Redacted Content = "redacted"
	// Link is nothing of it: the account's id, the kind, the date and a link.
	Link Content = "link"
)

// ErrMessage is returned for a message that lacks something or contradicts itself. Its text never holds content.
var ErrMessage = errors.New("not a letter")

// Item is a conversation in a letter.
type Item struct {
	View conversation.View
	// Link is an absolute URL of scheme https (or http) that leads to the conversation: needed for the content Link,
	// otherwise shown if there is one.
	Link string
}

// Digest is what a letter of several conversations says of itself.
type Digest struct {
	// Title says what it is, such as "Daily digest". It stands in the subject.
	Title string
	// From and To are the period that it is about; To is not part of it.
	From, To time.Time
	// Part of Parts: from 1; zero is the same as 1 of 1.
	Part, Parts int
}

// Message is a letter to one mailbox.
type Message struct {
	// ID makes the Message-ID: the same id and From, the same Message-ID. It cannot be read from it.
	ID string
	// From is the configured mailbox, with or without a display name; To is a bare address.
	From, To string
	// Account is the id of the account, as shown.
	Account string
	// Zone is the account's; nil is UTC.
	Zone *time.Location
	Date time.Time
	// Content is how much of the conversations there is.
	Content Content
	// Items are the conversations: one without a Digest, 1 to MaxItems with.
	Items  []Item
	Digest *Digest
	// Private says that the letter stays among agents: it has private notes, tags, and visitors' e-mail addresses and
	// phone numbers. A visitor must be written to without.
	Private bool
	// Why is one sentence of the footer that says why one gets this letter.
	Why string
}

// Options are how a page shows a transcript; each field is as in Message. The content Link is not possible.
type Options struct {
	Account string
	Zone    *time.Location
	Content Content
	Private bool
}

// Compose writes a complete message of RFC 5322 with CRLF line ends: multipart/alternative, text and HTML. The same Message
// gives the same bytes. It returns ErrAddress and ErrMessage, and nothing of the content in any error.
func Compose(m Message) ([]byte, error) {
	from, to, err := m.check()
	if err != nil {
		return nil, err
	}
	s := sheetOf(m)
	text := s.text()
	html, err := s.html()
	if err != nil {
		return nil, err
	}
	e := envelope{id: m.ID, from: from, to: to, date: m.Date.In(s.Zone), subject: s.Subject}
	if m.Digest != nil && isLabel(m.Account) {
		e.list = "digest." + m.Account
	}
	return e.around(text, html)
}

// envelope is what stands around the two parts of a message: parsed mailboxes, and a subject that is clean.
type envelope struct {
	id       string
	from, to mail.Address
	date     time.Time
	subject  string
	// list begins the List-Id, if there is one.
	list string
}

func (e envelope) around(text, html string) ([]byte, error) {
	domain := e.from.Address[strings.LastIndexByte(e.from.Address, '@')+1:]
	headers := map[gomail.Header]string{
		gomail.HeaderSubject:               e.subject,
		gomail.HeaderXAutoResponseSuppress: "All",
		"Auto-Submitted":                   "auto-generated",
	}
	if e.list != "" {
		headers["List-Id"] = "<" + e.list + "." + domain + ">"
	}
	letter := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary(digest(e.id, text, html)))
	letter.SetMessageIDWithValue(digest(e.id) + "@" + domain)
	letter.SetDateWithValue(e.date)
	letter.FromMailAddress(&e.from)
	letter.ToMailAddress(&e.to)
	for name, value := range headers {
		letter.SetGenHeader(name, value)
	}
	letter.SetBodyString(gomail.TypeTextPlain, text, gomail.WithPartEncoding(encoding(text)))
	letter.AddAlternativeString(gomail.TypeTextHTML, html, gomail.WithPartEncoding(encoding(html)))
	var out bytes.Buffer
	if _, err := letter.WriteTo(&out); err != nil {
		return nil, errWrite // the library's text may quote a header
	}
	return out.Bytes(), nil
}

var errWrite = errors.New("writing a letter failed")

// check returns the mailboxes.
func (m Message) check() (from, to mail.Address, err error) {
	switch {
	case m.ID == "":
		return from, to, fmt.Errorf("%w: it has no id", ErrMessage)
	case m.Date.IsZero():
		return from, to, fmt.Errorf("%w: it has no date", ErrMessage)
	case m.Content != Full && m.Content != Redacted && m.Content != Link:
		return from, to, fmt.Errorf("%w: the content must be full, redacted or link", ErrMessage)
	case m.Digest == nil && len(m.Items) != 1:
		return from, to, fmt.Errorf("%w: it must be about one conversation", ErrMessage)
	case len(m.Items) == 0 || len(m.Items) > MaxItems:
		return from, to, fmt.Errorf("%w: a digest is of 1 to %d conversations", ErrMessage, MaxItems)
	case m.Digest != nil && (m.Digest.Part < 0 || m.Digest.Part > max(m.Digest.Parts, 1)):
		return from, to, fmt.Errorf("%w: there is no such part", ErrMessage)
	}
	for _, item := range m.Items {
		if !isLink(item.Link) && (item.Link != "" || m.Content == Link) {
			return from, to, fmt.Errorf("%w: a link must be an absolute URL", ErrMessage)
		}
	}
	return mailboxes(m.From, m.To)
}

// mailboxes parses sender and recipient; nothing else becomes a header.
func mailboxes(sender, recipient string) (from, to mail.Address, err error) {
	if from, err = mailbox(sender); err != nil {
		return from, to, fmt.Errorf("the sender: %w", err)
	}
	if to.Address, err = Address(recipient); err != nil {
		return from, to, fmt.Errorf("the recipient: %w", err)
	}
	return from, to, nil
}

// digest is a name made of all the values. As a boundary it cannot be guessed by who writes a part of the text, because it
// depends on that too.
func digest(values ...string) string {
	h := sha256.New()
	for _, v := range values {
		fmt.Fprintf(h, "%d:%s", len(v), v)
	}
	const size = 20 // bytes, of which no two are alike by chance
	return hex.EncodeToString(h.Sum(nil)[:size])
}

// encoding is the shorter of the two. Base64 takes four bytes for three and a line end for every 57.
func encoding(body string) gomail.Encoding {
	quoted := len(body)
	for i := range len(body) {
		if c := body[i]; c >= 0x80 || c == '=' {
			quoted += 2
		}
	}
	if quoted*76/73 < len(body)*4/3*78/76 {
		return gomail.EncodingQP
	}
	return gomail.EncodingB64
}

// Page writes a complete HTML page of one transcript. It loads nothing, runs nothing, and needs no other policy than
// default-src 'none'; style-src 'unsafe-inline'. It has less than four megabytes.
func Page(v conversation.View, o Options) ([]byte, error) {
	if o.Content != Full && o.Content != Redacted {
		return nil, fmt.Errorf("%w: the content of a page must be full or redacted", ErrMessage)
	}
	s := sheetOf(Message{Account: o.Account, Zone: o.Zone, Content: o.Content, Private: o.Private, Items: []Item{{View: v}}})
	s.Preheader = ""
	html, err := s.html()
	return []byte(html), err
}

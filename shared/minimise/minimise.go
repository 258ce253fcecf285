// Package minimise drops from events what an account did not choose to keep, before anything is written. The start that
// the account chose is one of
//
//	minimal     what was said and when: no name of anybody, no e-mail, phone or id of a visitor, no file and no name of one
//	identified  names, e-mail addresses, phone numbers and the sender's ids of visitors too, and files
//
// IP addresses, places, user agents and custom fields are kept by neither: no adapter takes them from a delivery.
// Payment card numbers are masked in both, wherever text is kept. Of what is said about a conversation, both keep no more than
// a row of it has room for.
package minimise

import (
	"errors"

	"github.com/supportvault/supportvault/shared/card"
	"github.com/supportvault/supportvault/shared/conversation"
)

// Start is what an account chose to keep.
type Start string

// The starts.
const (
	Minimal    Start = "minimal"
	Identified Start = "identified"
)

// ErrStart is returned for another start.
var ErrStart = errors.New("the start must be minimal or identified")

// Check refuses a start that does not exist.
func (s Start) Check() error {
	if s != Minimal && s != Identified {
		return ErrStart
	}
	return nil
}

// Limits of what one event says about its conversation. What anybody writes is of any length.
const (
	MaxListed = 100  // tags, subjects and agents, each
	maxValue  = 1000 // characters of a title, a name and the like
)

// short is a text up to its limit.
func short(text string) string {
	if len(text) <= maxValue {
		return text
	}
	n := 0
	for at := range text {
		if n == maxValue {
			return text[:at]
		}
		n++
	}
	return text
}

// few are the first of a list.
func few[T any](list []T) []T { return list[:min(len(list), MaxListed)] }

// Event is what may be kept of an event, and how many card numbers were masked. The event handed in is not changed.
func (s Start) Event(e conversation.Event) (conversation.Event, int) {
	cards := 0
	mask := func(text string) string {
		masked, n := card.Mask(text)
		cards += n
		return masked
	}
	// A number that the limit cuts through is masked before.
	value := func(text string) string { return short(mask(text)) }
	name := func(text string) string {
		if s != Identified {
			return ""
		}
		return value(text)
	}
	entries := make([]conversation.Entry, len(e.Entries))
	for i, entry := range e.Entries {
		entry.Text = mask(entry.Text)
		entry.Author.Name = name(entry.Author.Name)
		attachments := make([]conversation.Attachment, len(entry.Attachments))
		for j, a := range entry.Attachments {
			attachments[j] = conversation.Attachment{Name: name(a.Name), Type: value(a.Type), Bytes: a.Bytes}
			if s == Identified {
				attachments[j].URL, attachments[j].Upload = a.URL, a.Upload
			}
		}
		entry.Attachments = attachments
		entries[i] = entry
	}
	if len(entries) > 0 {
		e.Entries = entries
	}
	for _, tags := range []*[]string{&e.Tags, &e.Tagged, &e.Untagged} {
		if *tags == nil {
			continue
		}
		kept := few(*tags)
		masked := make([]string, len(kept))
		for i, tag := range kept {
			masked[i] = value(tag)
		}
		*tags = masked
	}
	e.Title, e.Department = value(e.Title), value(e.Department)
	if e.Call != nil {
		call := *e.Call
		call.Outcome, call.Recording = value(call.Outcome), value(call.Recording)
		e.Call = &call
	}
	if e.Visit != nil {
		visit := conversation.Visit{Referrer: mask(e.Visit.Referrer), Pages: make([]conversation.Page, len(e.Visit.Pages))}
		if s == Identified {
			visit.VisitorID = short(e.Visit.VisitorID)
		}
		for i, p := range e.Visit.Pages {
			visit.Pages[i] = conversation.Page{Time: p.Time, URL: mask(p.URL), Title: mask(p.Title)}
		}
		e.Visit = &visit
	}
	subjects := few(e.Subjects)
	e.Subjects = nil
	if s == Identified {
		for _, p := range subjects {
			e.Subjects = append(e.Subjects, conversation.Subject{
				Name: value(p.Name), Email: value(p.Email), Phone: value(p.Phone), VisitorID: short(p.VisitorID), CustomID: value(p.CustomID),
			})
		}
		agents := few(e.AgentIDs)
		e.AgentIDs = nil
		for _, id := range agents {
			e.AgentIDs = append(e.AgentIDs, short(id))
		}
	} else {
		// Agents are told apart by a pseudonym only; without names there is no need to keep whose.
		e.AgentIDs = nil
	}
	return e, cards
}

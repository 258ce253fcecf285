package source

import (
	"slices"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
)

// CanonicalDelivery is events as the source canonical would deliver them.
type CanonicalDelivery struct {
	Version string           `json:"version"`
	Events  []CanonicalEvent `json:"events"`
}

// CanonicalEvent is an event in the canonical format; canonical.schema.json has the fields.
type CanonicalEvent struct {
	ID           string                 `json:"id"`
	Type         string                 `json:"type"`
	Time         conversation.Time      `json:"time"`
	Kind         retention.Kind         `json:"kind,omitzero"`
	Conversation string                 `json:"conversation,omitzero"`
	Article      string                 `json:"article,omitzero"`
	Visit        string                 `json:"visit,omitzero"`
	Entries      []CanonicalEntry       `json:"entries,omitempty"`
	Text         string                 `json:"text,omitzero"`
	Ended        bool                   `json:"ended,omitzero"`
	Subjects     []conversation.Subject `json:"subjects,omitempty"`
	Title        string                 `json:"title,omitzero"`
	Status       conversation.Status    `json:"status,omitzero"`
	Department   string                 `json:"department,omitzero"`
	Tags         []string               `json:"tags,omitzero"`
	Rating       *int                   `json:"rating,omitzero"`
	Agents       []string               `json:"agents,omitempty"`
	Call         *conversation.Call     `json:"call,omitzero"`
	VisitorID    string                 `json:"visitorId,omitzero"`
	Referrer     string                 `json:"referrer,omitzero"`
	Pages        []conversation.Page    `json:"pages,omitempty"`
}

// CanonicalEntry is an entry in the canonical format.
type CanonicalEntry struct {
	ID          string                    `json:"id"`
	Time        conversation.Time         `json:"time"`
	Author      conversation.Author       `json:"author"`
	Text        string                    `json:"text"`
	Attachments []conversation.Attachment `json:"attachments,omitempty"`
	Private     bool                      `json:"private,omitzero"`
}

// Canonical is events in the canonical format, without what it has no place for: what is taken back or made a note, and single tags.
func Canonical(events []conversation.Event) CanonicalDelivery {
	d := CanonicalDelivery{Version: canonicalVersion, Events: []CanonicalEvent{}}
	for _, e := range events {
		d.Events = append(d.Events, canonicalOf(e))
	}
	return d
}

func canonicalOf(e conversation.Event) CanonicalEvent {
	c := CanonicalEvent{
		ID: e.ID, Time: e.Time, Title: e.Title, Department: e.Department, Tags: e.Tags, Agents: e.AgentIDs, Rating: e.Rating, Call: e.Call,
	}
	switch e.Kind {
	case retention.Article:
		c.Type, c.Article = "article.changed", e.Conversation
		if e.Status == conversation.StatusWithdrawn {
			c.Type = "article.withdrawn"
		}
		for _, entry := range e.Entries {
			c.Text = entry.Text
		}
		return c
	case retention.Visit:
		c.Type, c.Visit = "visit.recorded", e.Conversation
		c.VisitorID, c.Referrer, c.Pages = e.Visit.VisitorID, e.Visit.Referrer, e.Visit.Pages
		return c
	}
	c.Kind, c.Conversation, c.Subjects, c.Status = e.Kind, e.Conversation, e.Subjects, e.Status
	for _, entry := range e.Entries {
		c.Entries = append(c.Entries, CanonicalEntry{entry.ID, entry.Time, entry.Author, entry.Text, canonicalFiles(entry.Attachments), entry.Private})
	}
	if ends(e.Status) && !e.Ended {
		c.Status = "" // which would end it: another event does
	}
	switch {
	case e.Whole:
		c.Type, c.Ended = "conversation.transcript", e.Ended
	case e.Ended:
		c.Type = "conversation.ended"
	case e.Reopened:
		c.Type = "conversation.reopened"
	case goesOn(e.Status): // which would reopen it with any other event
		c.Type = "conversation.started"
	case len(e.Entries) > 0:
		c.Type = "conversation.message"
	default:
		c.Type = "conversation.updated"
	}
	return c
}

// canonicalFiles are attachments without the addresses that the format does not take, from which nothing is fetched.
func canonicalFiles(files []conversation.Attachment) []conversation.Attachment {
	files = slices.Clone(files)
	for i := range files {
		if len(files[i].URL) > maxURL || !canonicalURL.MatchString(files[i].URL) {
			files[i].URL = ""
		}
	}
	return files
}

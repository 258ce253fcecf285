package history

import (
	"slices"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/minimise"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// Limits of a line, in elements of a list and bytes of an id. A delivery has less; what a conversation was told in many of them
// adds up.
const (
	// maxList is for tags and subjects: each has a mark in the conversation's row or a pointer that its record names.
	maxList  = 1000
	maxPages = 1000
	// maxSaid is for agents, changes of tags, and the ids of entries that were taken back or made notes: as many as a conversation of
	// 10,000 messages has.
	maxSaid = 10_000
	maxID   = 256
)

// checker remembers the first thing that is wrong with a line.
type checker struct {
	received time.Time
	wrong    error
}

func (k *checker) refuse(err error) {
	if k.wrong == nil {
		k.wrong = err
	}
}

func (k *checker) must(ok bool) {
	if !ok {
		k.refuse(strictjson.ErrShape)
	}
}

func (k *checker) source(name string) {
	if _, ok := source.Lookup(name); !ok {
		k.refuse(ErrSource)
	}
}

func (k *checker) maybeID(id string) {
	if len(id) > maxID {
		k.refuse(source.ErrIDTooLong)
	}
}

func (k *checker) id(id string) {
	if id == "" {
		k.refuse(source.ErrMissing)
	}
	k.maybeID(id)
}

func (k *checker) time(at conversation.Time) {
	if at.IsZero() {
		k.refuse(source.ErrMissing)
		return
	}
	k.maybeTime(at)
}

func (k *checker) maybeTime(times ...conversation.Time) {
	for _, at := range times {
		if !at.IsZero() && !source.InRange(at.Time, k.received) {
			k.refuse(source.ErrTime)
		}
	}
}

func (k *checker) most(n, most int) { k.must(n <= most) }

// check says what is wrong with a conversation's line. Within the limits above, nothing that was stored by way of an adapter is
// refused.
func (c Conversation) check(received time.Time) error {
	k := checker{received: received}
	k.must(slices.Contains(retention.Conversations(), c.Kind))
	k.must(c.State == conversation.Settled || c.State == conversation.Open)
	k.must(c.Entries != nil)
	if k.wrong != nil {
		return k.wrong
	}
	k.source(c.Source)
	k.id(c.Conversation)
	k.time(c.StartedAt)
	if c.EndedAt != nil {
		k.time(*c.EndedAt)
	}
	k.must(slices.Contains([]conversation.Status{
		"", conversation.StatusOpen, conversation.StatusPending, conversation.StatusSolved, conversation.StatusClosed,
		conversation.StatusPublished, conversation.StatusWithdrawn,
	}, c.Status))
	k.must(c.Rating == nil || *c.Rating >= 1 && *c.Rating <= 5)
	k.must(c.Call == nil || c.Kind == retention.Call && c.Call.Seconds >= 0 &&
		slices.Contains([]conversation.Direction{"", conversation.Inbound, conversation.Outbound}, c.Call.Direction))
	k.most(len(c.Tags), maxList)
	k.most(len(c.Subjects), maxList)
	for i, e := range *c.Entries {
		k.entry(e)
		k.must(i == 0 || !e.Time.Before((*c.Entries)[i-1].Time.Time))
	}
	k.rest(c.Rest)
	return k.wrong
}

func (k *checker) entry(e conversation.Entry) {
	k.id(e.ID)
	k.time(e.Time)
	k.must(slices.Contains([]conversation.Role{conversation.Visitor, conversation.Agent, conversation.Bot, conversation.System}, e.Author.Role))
	for _, a := range e.Attachments {
		k.must(a.Bytes >= 0)
	}
}

func (k *checker) rest(r Rest) {
	// A receipt is never later than the import, and nothing counts from later than its receipt.
	if r.Anchor.After(k.received) {
		k.refuse(source.ErrTime)
	}
	s := r.Said
	k.maybeTime(r.Anchor, r.EndedAt, r.ReopenedAt, r.WholeUntil,
		s.Title, s.Status, s.Department, s.Tags, s.Rating, s.Direction, s.Outcome, s.Seconds, s.Recording)
	k.most(len(s.Subjects), maxList)
	for _, subject := range s.Subjects {
		k.maybeTime(subject.First, subject.Last)
	}
	k.most(len(s.Agents), maxSaid)
	for _, a := range s.Agents {
		k.id(a.ID)
		k.maybeTime(a.First)
		k.must(a.Place >= 0 && a.Place < minimise.MaxListed) // one event names no more
	}
	k.most(len(s.TagChanges), maxSaid)
	k.most(len(s.Listed), maxList)
	for _, change := range s.TagChanges {
		k.must(change.Tag != "")
		k.time(change.At)
	}
	for _, ids := range [][]string{s.Redacted, s.Noted} {
		k.most(len(ids), maxSaid)
		for _, id := range ids {
			k.id(id)
		}
	}
}

package conversation

import (
	"cmp"
	"log/slog"
	"slices"
	"time"

	"github.com/supportvault/supportvault/shared/retention"
)

// Transcript is everything that is kept of one life of a conversation. It is what a revision seals.
type Transcript struct {
	Source       string         `json:"source"`
	Conversation string         `json:"conversation"`
	Kind         retention.Kind `json:"kind"`
	StartedAt    Time           `json:"startedAt"`
	// Anchor is the moment from which retention counts: the last entry of a visitor, agent or bot or the end, never later
	// than the receipt of what says so.
	Anchor Time `json:"anchor"`
	// EndedAt and ReopenedAt are the latest of each; zero is never.
	EndedAt    Time `json:"endedAt,omitzero"`
	ReopenedAt Time `json:"reopenedAt,omitzero"`
	// WholeUntil is up to when a delivery of the whole conversation speaks for every entry; zero is never.
	WholeUntil Time      `json:"wholeUntil,omitzero"`
	Subjects   []Subject `json:"subjects,omitzero"`
	Department string    `json:"department,omitzero"`
	Tags       []string  `json:"tags,omitzero"`
	Rating     *int      `json:"rating,omitzero"`
	AgentIDs   []string  `json:"agentIds,omitzero"`
	// Said are the times of the events that set department, tags and rating, so that a late older event does not win.
	Said    Said    `json:"said,omitzero"`
	Entries []Entry `json:"entries,omitzero"`
}

// Said holds when each field was last said.
type Said struct {
	Department Time `json:"department,omitzero"`
	Tags       Time `json:"tags,omitzero"`
	Rating     Time `json:"rating,omitzero"`
}

// LogValue keeps a transcript's content out of every log.
func (t Transcript) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", string(t.Kind)), slog.Int("entries", len(t.Entries)))
}

// wholeEcho is how long after the end of a whole delivery its first message may come again by itself: senders stamp
// the two with different clocks.
const wholeEcho = time.Minute

// Fold adds events to a transcript; the zero Transcript is a conversation of which nothing is known. The events may come
// in any order, repeated, and in any number of folds: the result is the same.
func (t Transcript) Fold(events []Event) Transcript {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b Event) int {
		return cmp.Or(a.Time.Compare(b.Time.Time), cmp.Compare(a.ID, b.ID))
	})
	t.Subjects, t.AgentIDs = slices.Clone(t.Subjects), slices.Clone(t.AgentIDs)
	for _, e := range events {
		t.Source, t.Conversation, t.Kind = e.Source, e.Conversation, e.Kind
		t.describe(e)
	}
	t.Entries = t.entries(events)
	return t
}

// describe takes from one event all but its entries' places.
func (t *Transcript) describe(e Event) {
	t.StartedAt = earlier(t.StartedAt, e.Time)
	for _, entry := range e.Entries {
		t.StartedAt = earlier(t.StartedAt, entry.Time)
		if entry.Author.Role != System {
			t.Anchor = later(t.Anchor, earlier(entry.Time, e.Received))
		}
	}
	if e.Ended {
		t.EndedAt = later(t.EndedAt, e.Time)
		t.Anchor = later(t.Anchor, earlier(e.Time, e.Received))
	}
	if e.Reopened {
		t.ReopenedAt = later(t.ReopenedAt, e.Time)
	}
	if t.Anchor.IsZero() {
		// Nobody wrote yet; until somebody does, the opening counts.
		t.Anchor = earlier(t.StartedAt, e.Received)
	}
	if e.Department != "" && !e.Time.Before(t.Said.Department.Time) {
		t.Department, t.Said.Department = e.Department, e.Time
	}
	if e.Tags != nil && !e.Time.Before(t.Said.Tags.Time) {
		t.Tags, t.Said.Tags = e.Tags, e.Time
	}
	if e.Rating != nil && !e.Time.Before(t.Said.Rating.Time) {
		t.Rating, t.Said.Rating = e.Rating, e.Time
	}
	for _, s := range e.Subjects {
		t.Subjects = meet(t.Subjects, s)
	}
	for _, id := range e.AgentIDs {
		if !slices.Contains(t.AgentIDs, id) {
			t.AgentIDs = append(t.AgentIDs, id)
		}
	}
}

// entries merges what the transcript has with what the events bring: the farthest whole delivery first, then what others
// say of later times; each id once; in order of time, and of the sender's order within a millisecond.
func (t *Transcript) entries(events []Event) []Entry {
	type placed struct {
		Entry
		order int
	}
	whole, rest := []Entry(nil), []Entry(nil)
	for _, e := range t.Entries {
		if e.Time.After(t.WholeUntil.Time) {
			rest = append(rest, e)
		} else {
			whole = append(whole, e)
		}
	}
	for _, e := range events {
		if !e.Whole {
			rest = append(rest, e.Entries...)
			continue
		}
		until := e.Time
		for _, entry := range e.Entries {
			until = later(until, entry.Time)
		}
		if until.After(t.WholeUntil.Time) || until.Equal(t.WholeUntil.Time) && len(e.Entries) > len(whole) {
			whole, t.WholeUntil = e.Entries, until
		}
	}
	type said struct {
		role Role
		text string
	}
	ids, texts := map[string]bool{}, map[said]bool{}
	merged := make([]placed, 0, len(whole)+len(rest))
	for _, e := range whole {
		texts[said{e.Author.Role, e.Text}] = true
		if !ids[e.ID] {
			ids[e.ID] = true
			merged = append(merged, placed{e, len(merged)})
		}
	}
	for _, e := range rest {
		echo := texts[said{e.Author.Role, e.Text}] && e.Time.Before(t.WholeUntil.Add(wholeEcho))
		if !e.Time.After(t.WholeUntil.Time) || echo || ids[e.ID] {
			continue
		}
		ids[e.ID] = true
		merged = append(merged, placed{e, len(whole)})
	}
	slices.SortStableFunc(merged, func(a, b placed) int {
		return cmp.Or(a.Time.Compare(b.Time.Time), cmp.Compare(a.order, b.order), compareIDs(a.ID, b.ID))
	})
	out := make([]Entry, len(merged))
	for i, p := range merged {
		out[i] = p.Entry
	}
	return out
}

// compareIDs orders ids as their sender counts: 9 before 10.
func compareIDs(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// Ended says whether the conversation is over: it ended, and neither a reopening nor a visitor's entry came later.
func (t Transcript) Ended() bool {
	if t.EndedAt.IsZero() || t.ReopenedAt.After(t.EndedAt.Time) {
		return false
	}
	return !slices.ContainsFunc(t.Entries, func(e Entry) bool {
		return e.Author.Role == Visitor && e.Time.After(t.EndedAt.Time)
	})
}

// KnownUntil is the time of the newest thing that the transcript knows: what comes later is new.
func (t Transcript) KnownUntil() Time {
	known := later(later(t.Anchor, t.EndedAt), t.StartedAt)
	for _, e := range t.Entries {
		known = later(known, e.Time)
	}
	return known
}

// meet adds a subject to those known, or to the one of them who it is: who shares an id, or of whom only one had ids.
func meet(known []Subject, s Subject) []Subject {
	if s == (Subject{}) {
		return known
	}
	for i, k := range known {
		if !k.same(s) {
			continue
		}
		known[i] = Subject{
			Name: cmp.Or(s.Name, k.Name), Email: cmp.Or(s.Email, k.Email), Phone: cmp.Or(s.Phone, k.Phone),
			VisitorID: cmp.Or(s.VisitorID, k.VisitorID), CustomID: cmp.Or(s.CustomID, k.CustomID),
		}
		return known
	}
	return append(known, s)
}

func (s Subject) same(o Subject) bool {
	shares := func(a, b string) bool { return a != "" && a == b }
	if shares(s.VisitorID, o.VisitorID) || shares(s.CustomID, o.CustomID) || shares(s.Email, o.Email) || shares(s.Phone, o.Phone) {
		return true
	}
	return (s.anonymous() || o.anonymous()) && (s.Name == o.Name || s.Name == "" || o.Name == "")
}

func (s Subject) anonymous() bool {
	return s.Email == "" && s.Phone == "" && s.VisitorID == "" && s.CustomID == ""
}

func earlier(a, b Time) Time {
	if a.IsZero() || !b.IsZero() && b.Before(a.Time) {
		return b
	}
	return a
}

func later(a, b Time) Time {
	if b.After(a.Time) {
		return b
	}
	return a
}

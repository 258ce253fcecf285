package conversation

import (
	"cmp"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
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
	// Title and Status are a ticket's or an article's.
	Title      string   `json:"title,omitzero"`
	Status     Status   `json:"status,omitzero"`
	Department string   `json:"department,omitzero"`
	Tags       []string `json:"tags,omitzero"`
	Rating     *int     `json:"rating,omitzero"`
	AgentIDs   []string `json:"agentIds,omitzero"`
	Call       *Call    `json:"call,omitzero"`
	// Said lets a late older event not win over what is known.
	Said    Said    `json:"said,omitzero"`
	Entries []Entry `json:"entries,omitzero"`
}

// Said is what a transcript remembers of what events said, so that the order in which they come in makes no difference.
type Said struct {
	// When each field was last said.
	Title      Time `json:"title,omitzero"`
	Status     Time `json:"status,omitzero"`
	Department Time `json:"department,omitzero"`
	Tags       Time `json:"tags,omitzero"`
	Rating     Time `json:"rating,omitzero"`
	Direction  Time `json:"direction,omitzero"`
	Outcome    Time `json:"outcome,omitzero"`
	Seconds    Time `json:"seconds,omitzero"`
	Recording  Time `json:"recording,omitzero"`
	// Written says that somebody wrote or that the conversation ended; until then its opening is the anchor.
	Written bool `json:"written,omitzero"`
	// Subjects and Agents are all that were ever named; the transcript's own are made of them.
	Subjects []SaidSubject `json:"subjects,omitzero"`
	Agents   []SaidAgent   `json:"agents,omitzero"`
	// TagChanges are what was said of single tags since all of them were, sorted; Listed are those then.
	TagChanges []TagChange `json:"tagChanges,omitzero"`
	Listed     []string    `json:"listed,omitzero"`
	// Redacted are the ids of all entries that were taken back, sorted: they may come, or come again, later.
	Redacted []string `json:"redacted,omitzero"`
	// Noted are those of all that were made notes.
	Noted []string `json:"noted,omitzero"`
}

// SaidSubject is what some events said of a subject, and when they first and last did.
type SaidSubject struct {
	Subject
	First Time `json:"first"`
	Last  Time `json:"last"`
}

// SaidAgent is an agent, when an event first named them, and at which place.
type SaidAgent struct {
	ID    string `json:"id"`
	First Time   `json:"first"`
	Place int    `json:"place,omitzero"`
}

// LogValue keeps what was said out of every log.
func (s Said) LogValue() slog.Value { return slog.StringValue("said") }

// LogValue keeps an agent out of every log.
func (s SaidAgent) LogValue() slog.Value { return slog.StringValue("agent") }

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
	t.Said.Subjects, t.Said.Agents = slices.Clone(t.Said.Subjects), slices.Clone(t.Said.Agents)
	t.Said.Redacted, t.Said.Noted, t.Said.TagChanges = slices.Clone(t.Said.Redacted), slices.Clone(t.Said.Noted), slices.Clone(t.Said.TagChanges)
	listed := t.listed()
	for _, e := range events {
		t.Source, t.Conversation, t.Kind = e.Source, e.Conversation, e.Kind
		t.Tags = listed
		t.describe(e)
		listed = t.Tags
	}
	t.changed(listed)
	t.Subjects, t.AgentIDs = people(t.Said.Subjects), nil
	for _, a := range t.Said.Agents {
		t.AgentIDs = append(t.AgentIDs, a.ID)
	}
	t.Entries = t.entries(events)
	for i, e := range t.Entries {
		whole, part, _ := strings.Cut(e.ID, "/")
		for _, id := range []string{e.ID, part} {
			if _, gone := slices.BinarySearch(t.Said.Redacted, id); gone {
				t.Entries[i].Text, t.Entries[i].Attachments, t.Entries[i].Redacted = "", nil, true
			}
		}
		for _, id := range []string{e.ID, whole} {
			if _, noted := slices.BinarySearch(t.Said.Noted, id); noted {
				t.Entries[i].Private = true
			}
		}
	}
	return t
}

// Adds says whether an event says anything that the transcript does not know. That somebody is named once more is nothing
// new.
func (t Transcript) Adds(e Event) bool {
	known, told := t.Fold(nil), t.Fold([]Event{e})
	if len(known.Said.Subjects) != len(told.Said.Subjects) {
		return true
	}
	known.Said.Subjects, told.Said.Subjects, known.Said.Agents, told.Said.Agents = nil, nil, nil, nil
	return !reflect.DeepEqual(known, told)
}

// describe takes from one event all but its entries' places. Where two events of the same time disagree, the greater value
// wins: nothing else is known of their order.
func (t *Transcript) describe(e Event) {
	t.StartedAt = earlier(t.StartedAt, e.Time)
	for _, entry := range e.Entries {
		t.StartedAt = earlier(t.StartedAt, entry.Time)
		if entry.Author.Role != System && !entry.Private {
			t.active(earlier(entry.Time, e.Received))
		}
	}
	if e.Ended {
		t.EndedAt = later(t.EndedAt, e.Time)
		t.active(earlier(e.Time, e.Received))
	}
	if !e.Anchor.IsZero() {
		t.active(earlier(e.Anchor, e.Received))
	}
	if e.Reopened {
		t.ReopenedAt = later(t.ReopenedAt, e.Time)
	}
	if !t.Said.Written {
		// Nobody wrote yet; until somebody does, the opening counts.
		t.Anchor = earlier(t.Anchor, earlier(t.StartedAt, e.Received))
	}
	wins := func(said Time, compared int) bool {
		return cmp.Or(e.Time.Compare(said.Time), compared) > 0
	}
	if e.Title != "" && wins(t.Said.Title, cmp.Compare(e.Title, t.Title)) {
		t.Title, t.Said.Title = e.Title, e.Time
	}
	if e.Status != "" && wins(t.Said.Status, cmp.Compare(e.Status, t.Status)) {
		t.Status, t.Said.Status = e.Status, e.Time
	}
	if e.Department != "" && wins(t.Said.Department, cmp.Compare(e.Department, t.Department)) {
		t.Department, t.Said.Department = e.Department, e.Time
	}
	if e.Tags != nil && wins(t.Said.Tags, slices.Compare(e.Tags, t.Tags)) {
		t.Tags, t.Said.Tags = e.Tags, e.Time
	}
	if e.Rating != nil && (t.Rating == nil || wins(t.Said.Rating, cmp.Compare(*e.Rating, *t.Rating))) {
		t.Rating, t.Said.Rating = e.Rating, e.Time
	}
	if e.Call != nil {
		var c Call
		if t.Call != nil {
			c = *t.Call
		}
		if said := e.Call.Direction; said != "" && wins(t.Said.Direction, cmp.Compare(said, c.Direction)) {
			c.Direction, t.Said.Direction = said, e.Time
		}
		if said := e.Call.Outcome; said != "" && wins(t.Said.Outcome, cmp.Compare(said, c.Outcome)) {
			c.Outcome, t.Said.Outcome = said, e.Time
		}
		if said := e.Call.Seconds; said != 0 && wins(t.Said.Seconds, cmp.Compare(said, c.Seconds)) {
			c.Seconds, t.Said.Seconds = said, e.Time
		}
		if said := e.Call.Recording; said != "" && wins(t.Said.Recording, cmp.Compare(said, c.Recording)) {
			c.Recording, t.Said.Recording = said, e.Time
		}
		if c != (Call{}) {
			t.Call = &c // a copy: the transcript that was folded from is not changed
		}
	}
	t.Said.hear(e)
}

// active moves the anchor on to where somebody wrote or the conversation ended.
func (t *Transcript) active(at Time) {
	if !t.Said.Written {
		t.Anchor, t.Said.Written = Time{}, true
	}
	t.Anchor = later(t.Anchor, at)
}

// entries merges what the transcript has with what the events bring: the farthest whole delivery first, then what others
// say of later times; each id once; in order of time, and of the sender's order within a millisecond.
func (t *Transcript) entries(events []Event) []Entry {
	whole, rest := []Entry(nil), []Entry(nil)
	for _, e := range t.Entries {
		if e.Time.After(t.WholeUntil.Time) {
			rest = append(rest, e)
		} else {
			whole = append(whole, e)
		}
	}
	for _, e := range events {
		if !e.Whole || len(e.Entries) == 0 {
			rest = append(rest, e.Entries...)
			continue
		}
		delivered, until := arrange(e.Entries), e.Time
		for _, entry := range delivered {
			until = later(until, entry.Time)
		}
		if cmp.Or(until.Compare(t.WholeUntil.Time), cmp.Compare(len(delivered), len(whole)), slices.CompareFunc(delivered, whole, compareEntries)) > 0 {
			whole, t.WholeUntil = delivered, until
		}
	}
	if len(rest) == 0 {
		return whole
	}
	type said struct {
		role Role
		text string
	}
	ids, texts := map[string]bool{}, map[said]bool{}
	for _, e := range whole {
		ids[e.ID], texts[said{e.Author.Role, e.Text}] = true, true
	}
	others := map[string]Entry{}
	for _, e := range rest {
		// What has no text is known by its id alone: two files are two messages.
		echo := e.Text != "" && texts[said{e.Author.Role, e.Text}] && e.Time.Before(t.WholeUntil.Add(wholeEcho))
		if !e.Time.After(t.WholeUntil.Time) || echo || ids[e.ID] {
			continue
		}
		// Of two forms of one entry, the later one is the more precise, or the corrected one.
		if other, known := others[e.ID]; !known || compareEntries(e, other) > 0 {
			others[e.ID] = e
		}
	}
	return slices.Concat(whole, slices.SortedFunc(maps.Values(others), compareEntries))
}

// arrange is the order in which the entries of a whole delivery are kept: by time, and within a millisecond as they were
// delivered; each id once.
func arrange(entries []Entry) []Entry {
	ids, arranged := map[string]bool{}, make([]Entry, 0, len(entries))
	for _, e := range entries {
		if !ids[e.ID] {
			ids[e.ID] = true
			arranged = append(arranged, e)
		}
	}
	slices.SortStableFunc(arranged, func(a, b Entry) int { return a.Time.Compare(b.Time.Time) })
	return arranged
}

// compareEntries orders entries by time, then as their sender counts, and forms of the same entry somehow: by what a redaction
// takes away last, so that the same form wins before and after it.
func compareEntries(a, b Entry) int {
	return cmp.Or(
		a.Time.Compare(b.Time.Time), compareIDs(a.ID, b.ID),
		cmp.Compare(a.Author.Role, b.Author.Role), cmp.Compare(a.Author.Name, b.Author.Name), compareBools(a.Private, b.Private),
		cmp.Compare(a.Text, b.Text),
		slices.CompareFunc(a.Attachments, b.Attachments, func(a, b Attachment) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Bytes, b.Bytes), cmp.Compare(a.ID, b.ID),
				cmp.Compare(a.URL, b.URL), cmp.Compare(a.Upload, b.Upload), cmp.Compare(a.State, b.State), cmp.Compare(a.Reason, b.Reason))
		}),
	)
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// compareIDs orders ids as their sender counts: 9 before 10.
func compareIDs(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// Ended says whether the conversation is over: it ended, and neither a reopening nor a visitor's entry came later. A call that was
// hung up is over: what is written of it afterwards, such as what somebody left on a machine, is no call.
func (t Transcript) Ended() bool {
	if t.EndedAt.IsZero() || t.ReopenedAt.After(t.EndedAt.Time) {
		return false
	}
	return t.Kind == retention.Call || !slices.ContainsFunc(t.Entries, func(e Entry) bool {
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

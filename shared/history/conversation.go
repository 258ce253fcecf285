package history

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/minimise"
)

// Conversation is a conversation as a line has it: as the API answers it, and the rest of its transcript.
type Conversation struct {
	conversation.View
	Rest Rest `json:"transcript,omitzero"`
}

// Rest is what a view leaves out of a transcript.
type Rest struct {
	Anchor     conversation.Time `json:"anchor,omitzero"`
	EndedAt    conversation.Time `json:"endedAt,omitzero"`
	ReopenedAt conversation.Time `json:"reopenedAt,omitzero"`
	WholeUntil conversation.Time `json:"wholeUntil,omitzero"`
	Said       conversation.Said `json:"said,omitzero"`
}

// LogValue keeps a line out of every log.
func (c Conversation) LogValue() slog.Value { return slog.StringValue("conversation") }

// LogValue keeps the rest of a transcript out of every log.
func (r Rest) LogValue() slog.Value { return slog.StringValue("transcript") }

// RestOf is what a view leaves out of a transcript.
func RestOf(t conversation.Transcript) Rest {
	return Rest{Anchor: t.Anchor, EndedAt: t.EndedAt, ReopenedAt: t.ReopenedAt, WholeUntil: t.WholeUntil, Said: t.Said}
}

// events are those of which the transcript of a line is made again. What an event brings is said at the time at which it was
// said first or last. Those with entries come first: a life of a conversation begins with an entry.
func (c Conversation) events(received conversation.Time) []conversation.Event {
	if c.Rest.Anchor.IsZero() {
		c.Rest = c.guess()
	} else {
		received = c.Rest.Anchor
	}
	w := writer{of: c, received: received, at: map[conversation.Time]*conversation.Event{}}
	w.event(c.StartedAt)
	w.describe()
	w.people()
	w.entries()
	return w.done()
}

// guess is the rest of a transcript of which only the view is known.
func (c Conversation) guess() (r Rest) {
	if c.EndedAt != nil {
		r.EndedAt = *c.EndedAt
	}
	if c.EndedAt == nil && c.State == conversation.Settled {
		r.EndedAt = c.StartedAt // an article that is published
		for _, e := range *c.Entries {
			if e.Time.After(r.EndedAt.Time) {
				r.EndedAt = e.Time
			}
		}
	}
	if len(c.Tags) > 0 {
		r.Said.Tags = c.StartedAt
	}
	for _, s := range c.Subjects {
		r.Said.Subjects = append(r.Said.Subjects, conversation.SaidSubject{Subject: s, First: c.StartedAt, Last: c.StartedAt})
	}
	return r
}

// writer puts events together, one for each time at which something is said.
type writer struct {
	of       Conversation
	received conversation.Time
	at       map[conversation.Time]*conversation.Event
	more     []*conversation.Event
}

func (w *writer) new(at conversation.Time) *conversation.Event {
	return &conversation.Event{Source: w.of.Source, Conversation: w.of.Conversation, Kind: w.of.Kind, Time: at, Received: w.received}
}

// event is the one of a time; of no time, that of the beginning.
func (w *writer) event(at conversation.Time) *conversation.Event {
	if at.IsZero() {
		at = w.of.StartedAt
	}
	if w.at[at] == nil {
		w.at[at] = w.new(at)
	}
	return w.at[at]
}

// room is event, or another of the same time where that says as much in a list as an account keeps of one.
func (w *writer) room(at conversation.Time, list func(*conversation.Event) int) *conversation.Event {
	e := w.event(at)
	if list(e) == minimise.MaxListed {
		w.more = append(w.more, e)
		w.at[e.Time] = w.new(e.Time)
	}
	return w.at[e.Time]
}

func (w *writer) describe() {
	c, said := w.of, w.of.Rest.Said
	if c.Title != "" {
		w.event(said.Title).Title = c.Title
	}
	if c.Status != "" {
		w.event(said.Status).Status = c.Status
	}
	if c.Department != "" {
		w.event(said.Department).Department = c.Department
	}
	w.tags()
	if c.Rating != nil {
		w.event(said.Rating).Rating = c.Rating
	}
	if c.Call != nil {
		w.call(*c.Call, said)
	}
	if r := c.Rest; !r.EndedAt.IsZero() {
		w.event(r.EndedAt).Ended = true
	}
	if r := c.Rest; !r.ReopenedAt.IsZero() {
		w.event(r.ReopenedAt).Reopened = true
	}
	if said.Written {
		w.event(c.StartedAt).Anchor = c.Rest.Anchor
	}
	// By their ids alone, as of the beginning: a delivery that comes late must not bring back what was taken back, nor show a note.
	if len(said.Redacted)+len(said.Noted) > 0 {
		e := w.event(c.StartedAt)
		e.Redacted, e.Noted = said.Redacted, said.Noted
	}
}

// tags say the latest list of all of them, and each change since.
func (w *writer) tags() {
	said, listed := w.of.Rest.Said, w.of.Tags
	if len(said.TagChanges) > 0 {
		listed = said.Listed
	}
	if !said.Tags.IsZero() {
		w.event(said.Tags).Tags = append([]string{}, listed...)
	}
	for _, change := range said.TagChanges {
		e := w.room(change.At, func(e *conversation.Event) int { return max(len(e.Tagged), len(e.Untagged)) })
		if change.Gone {
			e.Untagged = append(e.Untagged, change.Tag)
		} else {
			e.Tagged = append(e.Tagged, change.Tag)
		}
	}
}

func (w *writer) call(c conversation.Call, said conversation.Said) {
	of := func(at conversation.Time) *conversation.Call {
		e := w.event(at)
		if e.Call == nil {
			e.Call = &conversation.Call{}
		}
		return e.Call
	}
	if c.Direction != "" {
		of(said.Direction).Direction = c.Direction
	}
	if c.Outcome != "" {
		of(said.Outcome).Outcome = c.Outcome
	}
	if c.Seconds != 0 {
		of(said.Seconds).Seconds = c.Seconds
	}
	if c.Recording != "" {
		of(said.Recording).Recording = c.Recording
	}
}

// people name subjects when they were first and last named, and agents at the place at which they were first.
func (w *writer) people() {
	for _, s := range w.of.Rest.Said.Subjects {
		for _, at := range []conversation.Time{s.First, s.Last} {
			if e := w.room(at, func(e *conversation.Event) int { return len(e.Subjects) }); !slices.Contains(e.Subjects, s.Subject) {
				e.Subjects = append(e.Subjects, s.Subject)
			}
		}
	}
	agents := w.of.Rest.Said.Agents
	for i, a := range agents {
		e := w.event(a.First)
		if i > 0 && agents[i-1].First == a.First && agents[i-1].Place == a.Place { // another event of the same time named them
			e = w.new(a.First)
			w.more = append(w.more, e)
		}
		for len(e.AgentIDs) < a.Place {
			e.AgentIDs = append(e.AgentIDs, agents[0].ID) // nobody was named before
		}
		e.AgentIDs = append(e.AgentIDs, a.ID)
	}
}

// entries writes what a whole delivery spoke for as one, and the others as they are.
func (w *writer) entries() {
	all, until := *w.of.Entries, w.of.Rest.WholeUntil
	n := 0
	for n < len(all) && !all[n].Time.After(until.Time) {
		n++
	}
	if n > 0 {
		e := w.event(until)
		e.Entries, e.Whole = all[:n], true
	}
	if n < len(all) {
		w.event(all[len(all)-1].Time).Entries = all[n:]
	}
}

func (w *writer) done() []conversation.Event {
	all := slices.SortedFunc(maps.Values(w.at), func(a, b *conversation.Event) int { return a.Time.Compare(b.Time.Time) })
	all = append(all, w.more...)
	slices.SortStableFunc(all, func(a, b *conversation.Event) int {
		switch {
		case len(a.Entries) > 0 && len(b.Entries) == 0:
			return -1
		case len(a.Entries) == 0 && len(b.Entries) > 0:
			return 1
		}
		return 0
	})
	events := make([]conversation.Event, len(all))
	for i, e := range all {
		events[i] = *e
		events[i].ID = contentID(events[i])
	}
	return events
}

// contentID is the id of an event that is known by all that it says.
func contentID(v any) string {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic(errors.New("an event of a line cannot be written")) // what was read from JSON always can
	}
	sum := sha256.Sum256(b)
	return "history/" + hex.EncodeToString(sum[:16])
}

package vault

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
)

// Conversation is one life of a conversation, opened.
type Conversation struct {
	Row
	conversation.Transcript
	// Expires is the instant from which it may not be read unless it is Held; Hidden says that it may not be read now.
	Expires      time.Time
	Hidden, Held bool
	// Over says that its time is over for good, and not only by a change that can still be undone; CohortOver that this is so of
	// everything of its day, so that it cannot settle any more.
	Over, CohortOver bool
	// Events are those that no settling has read yet, Stale what one has left to be deleted.
	Events, Stale []StoredEvent
	// News says that the events tell something that the record does not have.
	News bool
	// Record is the settled revision, if HasRecord.
	Record    Sealed
	HasRecord bool
}

// ErrMoved is returned where a settling has replaced the record since the row was read: only the row as it is now has the
// key.
var ErrMoved = errors.New("vault: the conversation has settled meanwhile")

// reloads bounds how often a row is read again that a settling overtook.
const reloads = 5

// Load opens a conversation. What is destroyed, past its time or without its keys is ErrUnreadable: the three look alike
// to a reader. Where a settling overtakes the reading, the row is read again. Cohorts may be nil, and are then read as
// needed.
func (ses *Session) Load(ctx context.Context, r Row, cohorts *Cohorts) (c Conversation, err error) {
	return ses.LoadFetched(ctx, Fetched{Row: r}, cohorts)
}

// LoadFetched is Load of what Fetch has read.
func (ses *Session) LoadFetched(ctx context.Context, f Fetched, cohorts *Cohorts) (c Conversation, err error) {
	for range reloads {
		c, err = ses.collect(ctx, f, cohorts)
		if !errors.Is(err, ErrMoved) && !errors.Is(err, ErrUnreadable) {
			break
		}
		now, ok, rowErr := ses.Row(ctx, f.ID, f.Incarnation)
		switch {
		case rowErr != nil:
			return Conversation{}, rowErr
		case ok && !now.Moved(f.Row) && errors.Is(err, ErrObjectGone):
			return Conversation{}, err // its keys are there: somebody lost it
		case !ok || !now.Moved(f.Row):
			return Conversation{}, ErrUnreadable
		}
		f = Fetched{Row: now}
	}
	if err != nil {
		return Conversation{}, err
	}
	if c.Hidden {
		return Conversation{}, ErrUnreadable
	}
	return c, nil
}

// Collect is Load without regard to the time, and of the row as it is given: settling must see what is past its time to
// destroy it, and must not take over a row that another settling has raised.
//
// The events are read before the record, because a settling writes its record before it deletes events: whoever misses
// events finds a record that the row is too old for.
func (ses *Session) Collect(ctx context.Context, r Row, cohorts *Cohorts) (c Conversation, err error) {
	return ses.collect(ctx, Fetched{Row: r}, cohorts)
}

func (ses *Session) collect(ctx context.Context, f Fetched, cohorts *Cohorts) (c Conversation, err error) {
	r := f.Row
	c.Row = r
	if r.State == Destroyed {
		return c, ErrUnreadable
	}
	if r.State != Settled {
		if c.Events, c.Stale, err = ses.Events(ctx, r); err != nil {
			return c, err
		}
	}
	if c.Record, c.HasRecord = f.record, f.hasRecord; !f.read {
		if c.Record, c.HasRecord, err = ses.Record(ctx, r); err != nil {
			return c, err
		}
	}
	if c.Record.Generation > r.Generation {
		return c, ErrMoved
	}
	in := c.Record.Cohort
	if _, known := cohorts.lookup(in); !known {
		read, err := ses.CohortAt(ctx, r.Kind, in)
		if err != nil {
			return c, err
		}
		cohorts = &read
	}
	switch {
	case c.HasRecord:
		c.Transcript, err = ses.OpenRecord(ctx, r, c.Record, *cohorts)
		// An open conversation whose last revision went with its cohort goes on with what came since.
		went := errors.Is(err, ErrUnreadable) && !errors.Is(err, ErrObjectGone)
		if err != nil && !(went && len(c.Events) > 0) {
			return c, err
		}
	case len(c.Events) == 0:
		return c, ErrUnreadable
	}
	if len(c.Events) > 0 {
		c.News = !c.HasRecord || slices.ContainsFunc(c.Events, func(e StoredEvent) bool { return c.Adds(e.Event) })
		c.Transcript = c.Fold(eventsOf(c.Events))
	}
	cohort := retention.CohortOf(c.Anchor.Time, ses.Policy.Keeps(r.Kind), ses.Policy.Zone)
	it := retention.Item{ID: ID(r.ID, r.Incarnation), Kind: r.Kind, Cohort: cohort, Marks: ses.Marks(c.Transcript), Settled: c.Anchor.Time}
	if r.State == Settled {
		cohort, _ = cohorts.lookup(in)
		it = r.Item(cohort)
	}
	now := ses.Now()
	c.Expires, c.Hidden, c.Held = cohorts.Ends(it).At, !r.Hand.IsZero() || cohorts.Hidden(it, now), cohorts.Held(it, now)
	c.Over, c.CohortOver = cohorts.Destroys(it), cohorts.DestroysAll(cohort)
	return c, nil
}

// Past says whether the time of what settles into a cohort is over, whatever comes of it: that of the whole cohort, which the
// zero one stands for, or by a rule that keeps it for less.
func (ses *Session) Past(ctx context.Context, r Row, t conversation.Transcript, c Cohort) (bool, error) {
	if c.ID == "" {
		return true, nil
	}
	cohorts, err := ses.CohortAt(ctx, r.Kind, c.ID)
	if err != nil {
		return false, err
	}
	return cohorts.Destroys(retention.Item{ID: ID(r.ID, r.Incarnation), Kind: r.Kind, Cohort: c.Cohort, Marks: ses.Marks(t), Settled: t.Anchor.Time}), nil
}

// lookup finds a cohort that was read; no cohort at all is known of nil, and the empty id of any other.
func (c *Cohorts) lookup(id string) (retention.Cohort, bool) {
	if c == nil {
		return retention.Cohort{}, false
	}
	found, ok := c.Find(id)
	return found.Cohort, ok || id == ""
}

func eventsOf(stored []StoredEvent) []conversation.Event {
	events := make([]conversation.Event, len(stored))
	for i, s := range stored {
		events[i] = s.Event
	}
	return events
}

// View is the conversation as a reader gets it.
func (c Conversation) View() conversation.View {
	v := c.Transcript.View()
	v.ID, v.Incarnation, v.Revision = ID(c.Row.ID, c.Incarnation), c.Incarnation, c.Revision
	v.State, v.ExpiresAt, v.Held = conversation.Open, conversation.At(c.Expires), c.Held
	if c.State == Settled {
		at := conversation.At(c.SettledAt)
		v.State, v.SettledAt = conversation.Settled, &at
		if v.EndedAt == nil && v.Kind != retention.Article { // it went idle: the last that anybody wrote was its end
			v.EndedAt = &c.Anchor
		}
	}
	return v
}

// KnownNow is up to when everything is known, with what no settling has read yet.
func (c Conversation) KnownNow() time.Time {
	known := Latest(c.Known, c.KnownUntil().Time)
	for _, e := range c.Events {
		known = Latest(known, e.Time.Time)
	}
	return known
}

// LastReceived is when the newest of the events that await settling came in.
func (c Conversation) LastReceived() time.Time {
	var last time.Time
	for _, e := range c.Events {
		if e.Received.After(last) {
			last = e.Received.Time
		}
	}
	return last
}

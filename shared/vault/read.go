package vault

import (
	"context"
	"errors"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
)

// Conversation is one life of a conversation, opened.
type Conversation struct {
	Row
	conversation.Transcript
	// Expires is the instant from which it may not be read.
	Expires time.Time
	// Events are those that no settling has read yet, Stale what one has left to be deleted.
	Events, Stale []StoredEvent
	// Record is the settled revision, if HasRecord.
	Record    Sealed
	HasRecord bool
}

// Load opens a conversation. What is destroyed, past its time or without its keys is ErrUnreadable: the three look alike
// to a reader. Cohorts may be nil, and are then read as needed.
func (ses *Session) Load(ctx context.Context, r Row, cohorts *Cohorts) (c Conversation, err error) {
	if c, err = ses.Collect(ctx, r, cohorts); err != nil {
		return c, err
	}
	if !ses.Now().Before(c.Expires) {
		return Conversation{}, ErrUnreadable
	}
	return c, nil
}

// Collect is Load without regard to the time: settling must see what is past it to destroy it.
func (ses *Session) Collect(ctx context.Context, r Row, cohorts *Cohorts) (c Conversation, err error) {
	c.Row = r
	if r.State == Destroyed {
		return c, ErrUnreadable
	}
	if c.Record, c.HasRecord, err = ses.Record(ctx, r); err != nil {
		return c, err
	}
	if r.State != Settled {
		if c.Events, c.Stale, err = ses.Events(ctx, r); err != nil {
			return c, err
		}
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
		if err != nil && !(errors.Is(err, ErrUnreadable) && len(c.Events) > 0) {
			return c, err
		}
	case len(c.Events) == 0:
		return c, ErrUnreadable
	}
	if len(c.Events) > 0 {
		c.Transcript = c.Fold(eventsOf(c.Events))
	}
	cohort := retention.CohortOf(c.Anchor.Time, ses.Policy.Keeps(r.Kind), ses.Policy.Zone)
	if r.State == Settled {
		cohort, _ = cohorts.lookup(in)
	}
	c.Expires = cohorts.Expires(cohort)
	return c, nil
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
	v.State, v.ExpiresAt = conversation.Open, conversation.At(c.Expires)
	if c.State == Settled {
		at := conversation.At(c.SettledAt)
		v.State, v.SettledAt = conversation.Settled, &at
		if v.EndedAt == nil { // it went idle: the last that anybody wrote was its end
			v.EndedAt = &c.Anchor
		}
	}
	return v
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

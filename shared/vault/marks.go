package vault

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
)

// Fields of which a conversation has marks: those of rules, and those by which a subject is known.
const (
	MarkTag        = "tag"
	MarkDepartment = "department"
	MarkSource     = "source"
	MarkEmail      = "email"
	MarkPhone      = "phone"
	MarkVisitor    = "visitor"
	MarkCustom     = "custom"
)

// Mark is the mark of a value of a field, in the form in which it is compared. A visitor is written as source/id.
func (ses *Session) Mark(field, value string) retention.Mark {
	switch field {
	case MarkTag, MarkDepartment, MarkEmail:
		value = strings.ToLower(strings.TrimSpace(value))
	case MarkPhone:
		value = NormalPhone(value)
	}
	return ses.Index.Mark(field, value)
}

// maxMarks is how many marks a row has room for, beside all else in it: events add up, and an item has 400 KB.
const maxMarks = 1000

// Marks are those of a transcript: of its source, its department, its tags, and of its subjects by everything they were ever
// known by. Of very many, the first count.
func (ses *Session) Marks(t conversation.Transcript) retention.Marks {
	marks := map[retention.Mark]bool{}
	add := func(field, value string) {
		if value != "" && len(marks) < maxMarks {
			marks[ses.Mark(field, value)] = true
		}
	}
	add(MarkSource, t.Source)
	add(MarkDepartment, t.Department)
	for _, tag := range t.Tags {
		add(MarkTag, tag)
	}
	for _, s := range t.Said.Subjects {
		add(MarkEmail, s.Email)
		add(MarkPhone, s.Phone)
		add(MarkVisitor, visitorOf(t.Source, s.VisitorID))
		add(MarkCustom, s.CustomID)
	}
	return retention.MarksOf(slices.Collect(maps.Keys(marks))...)
}

// maxTold is how many events without a time of their own a row remembers.
const maxTold = 200

// Tell remembers in a row those of the events that settle now which have no time of their own. Of very many, the first count; another
// that comes again at once may make one more revision, in which it stands a little later.
func (ses *Session) Tell(r *Row, events []StoredEvent) {
	told := slices.Clone(r.Told)
	for _, e := range events {
		if mark := ses.eventMark(*r, e.Event); e.Untimed && len(told) < maxTold && !slices.Contains(told, mark) {
			told = append(told, mark)
		}
	}
	r.Told = retention.MarksOf(told...)
}

// Knows says whether a row remembers an event that has no time of its own.
func (ses *Session) Knows(r Row, e conversation.Event) bool {
	return e.Untimed && r.Told.Has(ses.eventMark(r, e))
}

func (ses *Session) eventMark(r Row, e conversation.Event) retention.Mark {
	return ses.Index.Mark("event", r.ID+"/"+e.ID)
}

// Stands says what a policy will ask of a row whose transcript settles now.
func (ses *Session) Stands(r *Row, t conversation.Transcript) {
	r.SettledAt, r.Marks, r.Completes, r.Delivered = ses.Now(), ses.Marks(t), time.Time{}, time.Time{}
	switch {
	case t.Kind == retention.Chat, t.Kind == retention.Call && t.Ended(), t.Status == conversation.StatusClosed,
		t.Status == conversation.StatusWithdrawn:
		r.Completes = r.SettledAt
	case t.Status == conversation.StatusSolved:
		r.Completes = Latest(r.SettledAt, t.Said.Status.Add(retention.SolvedWait))
	}
	r.Awaits = slices.Clone(ses.Policy.Required[r.Kind])
}

// CompletesNow says that a cadence ends a settled row at once, and that nothing is waited for.
func (ses *Session) CompletesNow(r Row) bool {
	return ses.Policy.Terms(r.Kind, r.Marks).Cadence == retention.Completion && len(r.Awaits) == 0 && !r.Completes.IsZero() &&
		!ses.Now().Before(r.Completes)
}

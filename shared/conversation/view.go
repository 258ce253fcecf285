package conversation

import (
	"github.com/supportvault/supportvault/shared/retention"
)

// State says whether entries are still expected.
type State string

// The states in which a conversation can be read.
const (
	Open    State = "open"
	Settled State = "settled"
)

// View is a conversation as a reader gets it. Times are RFC 3339 in UTC with milliseconds; null is never or unknown.
type View struct {
	ID    string         `json:"id"`
	Kind  retention.Kind `json:"kind"`
	State State          `json:"state"`
	// Source is who sent it, Conversation the sender's id.
	Source       string `json:"source"`
	Conversation string `json:"conversation"`
	// Incarnation counts the lives of the sender's id from 1, Revision how often this life was settled.
	Incarnation int   `json:"incarnation"`
	Revision    int   `json:"revision"`
	StartedAt   Time  `json:"startedAt"`
	EndedAt     *Time `json:"endedAt"`
	SettledAt   *Time `json:"settledAt"`
	ExpiresAt   Time  `json:"expiresAt"`
	// Held says that a hold keeps it, also beyond ExpiresAt.
	Held bool `json:"held,omitzero"`
	// Title and Status are a ticket's or an article's, Call is a call's; absent of other kinds.
	Title      string    `json:"title,omitzero"`
	Status     Status    `json:"status,omitzero"`
	Call       *Call     `json:"call,omitzero"`
	Subjects   []Subject `json:"subjects"`
	Department string    `json:"department"`
	Tags       []string  `json:"tags"`
	Rating     *int      `json:"rating"`
	// Entries are absent in lists.
	Entries *[]Entry `json:"entries,omitzero"`
}

// View is the transcript as a reader gets it; the caller adds what only the tables know.
func (t Transcript) View() View {
	v := View{
		Kind: t.Kind, Source: t.Source, Conversation: t.Conversation, StartedAt: t.StartedAt, Subjects: t.Subjects,
		Title: t.Title, Status: t.Status, Department: t.Department, Tags: t.Tags, Rating: t.Rating, Entries: &t.Entries, Call: t.Call,
	}
	if t.Ended() && (t.Kind != retention.Article || t.Status == StatusWithdrawn) {
		v.EndedAt = &t.EndedAt
	}
	return v
}

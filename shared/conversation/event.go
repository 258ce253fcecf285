package conversation

import (
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/supportvault/supportvault/shared/retention"
)

// Role is what an author is in a conversation.
type Role string

// The roles. A visitor is an outside participant; a system line is written by no one.
const (
	Visitor Role = "visitor"
	Agent   Role = "agent"
	Bot     Role = "bot"
	System  Role = "system"
)

// Status is how far a ticket has come, or an article.
type Status string

// The statuses. A solved ticket may be taken up again, a closed one is done with; both have ended. Adapters set Ended and
// Reopened of an event to match.
const (
	StatusOpen    Status = "open"
	StatusPending Status = "pending"
	StatusSolved  Status = "solved"
	StatusClosed  Status = "closed"
)

// The statuses of an article.
const (
	StatusPublished Status = "published"
	StatusWithdrawn Status = "withdrawn"
)

// Direction is who called.
type Direction string

// The directions.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// Call is what is known of a call beside who took part and what was written of it. Zero is unknown.
type Call struct {
	Direction Direction `json:"direction,omitzero"`
	// Outcome is the sender's word for how it ended, such as answered, missed or voicemail.
	Outcome string `json:"outcome,omitzero"`
	// Seconds is how long it lasted.
	Seconds int `json:"seconds,omitzero"`
	// Recording is the sender's reference of the recording, such as its id; it is not fetched.
	Recording string `json:"recording,omitzero"`
}

// LogValue keeps a call out of every log.
func (c Call) LogValue() slog.Value { return slog.StringValue("call") }

// Visit is what an event tells of a visit of a web site. A visit is not a conversation: it has no entries and never settles.
type Visit struct {
	VisitorID string `json:"visitorId,omitzero"`
	Referrer  string `json:"referrer,omitzero"`
	Pages     []Page `json:"pages"`
}

// Page is one page that was looked at. Its address has neither query nor fragment, which may hold anything.
type Page struct {
	Time  Time   `json:"time"`
	URL   string `json:"url"`
	Title string `json:"title,omitzero"`
}

// Told is the event that told of a visit: its id, the sender's id of the visit, and when it happened. An extract has it, so
// that the same event can be made of a line.
type Told struct {
	Event string `json:"event"`
	Visit string `json:"visit"`
	Time  Time   `json:"time"`
}

// LogValue keeps the event of a visit out of every log.
func (t Told) LogValue() slog.Value { return slog.StringValue("told") }

// LogValue keeps a visit out of every log.
func (v Visit) LogValue() slog.Value { return slog.IntValue(len(v.Pages)) }

// LogValue keeps a page out of every log.
func (p Page) LogValue() slog.Value { return slog.StringValue("page") }

// Author is who wrote an entry. The name is empty where the sender gave none or the account keeps none.
type Author struct {
	Role Role   `json:"role"`
	Name string `json:"name"`
}

// Attachment is what is known of a file that came with an entry.
type Attachment struct {
	// ID is ours, of a file that is kept; empty of one of which nothing but this is known.
	ID    string `json:"id,omitzero"`
	Name  string `json:"name,omitzero"`
	Type  string `json:"type,omitzero"`
	Bytes int64  `json:"bytes,omitzero"`
	// URL is from where the file can be fetched, Upload the id of an upload that has it. Either may open the file to anybody, so
	// nothing that is stored or answered has them.
	URL    string `json:"url,omitzero"`
	Upload string `json:"upload,omitzero"`
	// State and Reason say where the file is: of one with an id in answers only, of one without why it has none.
	State  FileState  `json:"state,omitzero"`
	Reason FileReason `json:"reason,omitzero"`
}

// FileState is how far a file is that is kept.
type FileState string

// The states of a file. Waiting is fetched, or tried again; Missing is not tried any more.
const (
	FileWaiting FileState = "waiting"
	FileStored  FileState = "stored"
	FileMissing FileState = "missing"
)

// FileReason is why a file is not there.
type FileReason string

// The reasons for which a file is not there.
const (
	HostNotAllowed    FileReason = "host_not_allowed"    // neither the sender's nor one that the account allows
	AddressNotAllowed FileReason = "address_not_allowed" // not https, or the name leads to an address that is not in the open
	Timeout           FileReason = "timeout"
	Unavailable       FileReason = "unavailable" // no answer, or one of 5xx, or one that broke off
	NotFound          FileReason = "not_found"
	Gone              FileReason = "gone"
	RefusedByHost     FileReason = "refused_by_host" // any other answer but the file, a redirect among them
	TooLarge          FileReason = "too_large"
	TypeNotAllowed    FileReason = "type_not_allowed"
	UploadUnknown     FileReason = "upload_unknown" // not there yet, or its day is over
	NotStored         FileReason = "not_stored"     // the account stores no files any more
	TooMany           FileReason = "too_many"       // behind as many of its delivery as are kept
	Damaged           FileReason = "damaged"        // what was kept of it does not open
)

// Entry is one message, note or system line.
type Entry struct {
	// ID is unique within its conversation and the same in every delivery of the entry.
	ID          string       `json:"id"`
	Time        Time         `json:"time"`
	Author      Author       `json:"author"`
	Text        string       `json:"text"`
	Attachments []Attachment `json:"attachments"`
	// Private marks a note among agents, which no visitor may be sent.
	Private bool `json:"private,omitzero"`
	// Redacted says that its sender took the text and the attachments back. Adapters leave it to Fold.
	Redacted bool `json:"redacted,omitzero"`
}

// Subject is an outside participant, as far as the account keeps what is known of them.
type Subject struct {
	Name      string `json:"name"`
	Email     string `json:"email"`
	Phone     string `json:"phone"`
	VisitorID string `json:"visitorId,omitzero"`
	CustomID  string `json:"customId,omitzero"`
}

// Event is what an adapter makes of a delivery: something that happened in one conversation.
type Event struct {
	// ID is the sender's own identification of what happened, or is derived from the signed body where the sender has none.
	// It is the same in every delivery of the same happening, and unique within the conversation.
	ID string `json:"id"`
	// Source is who sent it, Conversation the sender's id of the conversation. Adapters leave the source empty.
	Source       string         `json:"source"`
	Conversation string         `json:"conversation"`
	Kind         retention.Kind `json:"kind"`
	// Time is when it happened by the sender's clock; Received when it arrived by ours.
	Time     Time `json:"time"`
	Received Time `json:"received"`
	// Untimed says that the sender tells no time, or no more than the minute, so that Time may be that of the receipt: the event is known
	// by its ID alone when it comes again.
	Untimed bool `json:"untimed,omitzero"`
	// Anchor is of history alone: up to when somebody is known to have been active, which nothing else of it may say any more.
	Anchor Time `json:"anchor,omitzero"`
	// Entries were written. Whole says that they are all there were up to the last of them, so they replace what other
	// events said of that time.
	Entries []Entry `json:"entries,omitzero"`
	Whole   bool    `json:"whole,omitzero"`
	// Redacted are the ids of entries that were taken back: their text and attachments go, whichever comes first; with each, those
	// whose ids have it behind their first slash: a file that is known by itself as well as by its message. No sender has whole
	// deliveries too.
	Redacted []string `json:"redacted,omitzero"`
	// Noted are the ids of entries that were made notes among agents, whichever comes first; with each, those whose ids have it before
	// a slash: its files, where they are entries of their own.
	Noted []string `json:"noted,omitzero"`
	// Ended says that the conversation ended at Time, Reopened that an ended one goes on.
	Ended    bool `json:"ended,omitzero"`
	Reopened bool `json:"reopened,omitzero"`
	// What the event says about the conversation. Nil or empty says nothing; empty non-nil Tags say that there are none.
	Subjects   []Subject `json:"subjects,omitzero"`
	Title      string    `json:"title,omitzero"`
	Status     Status    `json:"status,omitzero"`
	Department string    `json:"department,omitzero"`
	Tags       []string  `json:"tags"`
	Rating     *int      `json:"rating,omitzero"`
	// Tagged and Untagged are single tags that were set and taken away, by senders that do not tell all there are.
	Tagged   []string `json:"tagged,omitzero"`
	Untagged []string `json:"untagged,omitzero"`
	// AgentIDs are the sender's ids (or, without ids, the names) of the agents who took part; only a pseudonym of the
	// first is ever kept outside the transcript.
	AgentIDs []string `json:"agentIds,omitzero"`
	// Call is of a call alone, Visit of a visit, of which the conversation is the sender's id of the visit.
	Call  *Call  `json:"call,omitzero"`
	Visit *Visit `json:"visit,omitzero"`
}

// OfAnyLife says that an event tells something of entries by their ids alone, of whatever life of the conversation they are.
func (e Event) OfAnyLife() bool { return len(e.Redacted)+len(e.Noted) > 0 }

// Files are the ids of the files that an event names, each behind a slash: told again with others, an event says more than it did.
func (e Event) Files() string {
	var ids strings.Builder
	for _, entry := range e.Entries {
		for _, a := range entry.Attachments {
			if a.ID != "" {
				ids.WriteString("/" + a.ID)
			}
		}
	}
	return ids.String()
}

// LogValue keeps an event's content out of every log.
func (e Event) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", string(e.Kind)), slog.Int("entries", len(e.Entries)))
}

// LogValue keeps an entry's content out of every log.
func (e Entry) LogValue() slog.Value { return slog.StringValue("entry") }

// LogValue keeps a subject out of every log.
func (s Subject) LogValue() slog.Value { return slog.StringValue("subject") }

// Time is an instant in UTC with milliseconds, written as RFC 3339 has it: 2026-11-21T20:27:00.000Z.
type Time struct{ time.Time }

// At is t in UTC, cut to milliseconds.
func At(t time.Time) Time {
	if t.IsZero() {
		return Time{}
	}
	return Time{t.UTC().Truncate(time.Millisecond)}
}

const timeForm = "2006-01-02T15:04:05.000Z07:00"

// String is the form of RFC 3339 with milliseconds.
func (t Time) String() string { return t.UTC().Format(timeForm) }

// MarshalJSON writes the form of String.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(make([]byte, 0, len(timeForm)+2), `"`+timeForm+`"`), nil
}

// UnmarshalJSON reads RFC 3339 of any precision.
func (t *Time) UnmarshalJSON(b []byte) error {
	parsed, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(b))
	if err != nil {
		return errTime // the library's text quotes what it could not read
	}
	*t = At(parsed)
	return nil
}

var errTime = errors.New("not a time of RFC 3339")

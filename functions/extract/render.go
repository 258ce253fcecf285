package extract

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/history"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/sheet"
	"github.com/supportvault/supportvault/shared/vault"
)

// piece is what one record is in each form of its kind.
type piece struct {
	forms   [4][]byte
	records [4]int
	// damaged is the id of what did not open though its keys are there.
	damaged string
	at      cursor
	id      string
	// files says that there are files with the conversation, which is of then.
	files bool
	of    vault.Conversation
	ses   *vault.Session
}

func heading(columns ...string) []byte {
	var rows sheet.Rows
	rows.Add(columns...)
	return rows.Bytes()
}

// conversationForms are the files of a kind of conversations. Only tickets and articles have a title and a status, and only calls
// what is said of a call.
func conversationForms(kind retention.Kind) []form {
	columns := []string{"id", "state", "source", "conversation", "incarnation", "revision", "startedAt", "endedAt", "settledAt", "expiresAt"}
	if titled(kind) {
		columns = append(columns, "title", "status")
	}
	if kind == retention.Call {
		columns = append(columns, "direction", "outcome", "seconds", "recording")
	}
	columns = append(columns, "names", "emails", "phones", "visitorIds", "customIds", "department", "tags", "rating", "entries")
	return []form{
		{string(kind) + "s", ".ndjson", nil},
		{string(kind) + "s", ".csv", heading(columns...)},
		{string(kind) + "-entries", ".csv", heading("id", "entry", "time", "role", "author", "private", "text", "attachments")},
		{string(kind) + "-attachments", ".tar", nil},
	}
}

func titled(kind retention.Kind) bool { return kind == retention.Ticket || kind == retention.Article }

// opened opens a conversation and writes it in its forms. What cannot be read is an empty piece.
func opened(ctx context.Context, c candidate) (piece, error) {
	p := piece{at: c.at, id: vault.ID(c.fetched.ID, c.fetched.Incarnation)}
	loaded, err := c.ses.LoadFetched(ctx, c.fetched, &c.cohorts)
	switch {
	case errors.Is(err, vault.ErrUnreadable) && !errors.Is(err, vault.ErrObjectGone): // its time was over, or it was destroyed
		return p, nil
	case errors.Is(err, vault.ErrDamaged), errors.Is(err, vault.ErrObjectGone):
		slog.ErrorContext(ctx, "left out", slog.String("record", c.fetched.ID), slog.String("cause", err.Error()))
		p.damaged = p.id
		return p, nil
	case err != nil:
		return p, err
	}
	view, err := c.ses.View(ctx, loaded)
	if err != nil {
		return p, err
	}
	if p.files = hasFiles(view); p.files {
		p.of, p.ses = loaded, c.ses
	}
	return p, p.conversation(history.Conversation{View: view, Rest: history.RestOf(loaded.Transcript)})
}

func (p *piece) conversation(v history.Conversation) error {
	line, err := json.Marshal(v)
	if err != nil {
		return errors.New("a conversation cannot be written") // the library's text may quote content
	}
	p.forms[0], p.records[0] = append(line, '\n'), 1
	// Ids, states, numbers and times are written here; everything else is somebody's text.
	var row, entries sheet.Rows
	cells := []string{
		v.ID, string(v.State), v.Source, sheet.Text(v.Conversation), strconv.Itoa(v.Incarnation), strconv.Itoa(v.Revision),
		v.StartedAt.String(), stamp(v.EndedAt), stamp(v.SettledAt), v.ExpiresAt.String(),
	}
	if titled(v.Kind) {
		cells = append(cells, sheet.Text(v.Title), string(v.Status))
	}
	if v.Kind == retention.Call {
		var c conversation.Call
		if v.Call != nil {
			c = *v.Call
		}
		cells = append(cells, string(c.Direction), sheet.Text(c.Outcome), strconv.Itoa(c.Seconds), sheet.Text(c.Recording))
	}
	for _, of := range []func(conversation.Subject) string{
		func(s conversation.Subject) string { return s.Name },
		func(s conversation.Subject) string { return s.Email },
		func(s conversation.Subject) string { return s.Phone },
		func(s conversation.Subject) string { return s.VisitorID },
		func(s conversation.Subject) string { return s.CustomID },
	} {
		cells = append(cells, joined(v.Subjects, of))
	}
	rating, said := "", 0
	if v.Rating != nil {
		rating = strconv.Itoa(*v.Rating)
	}
	if v.Entries != nil {
		said = len(*v.Entries)
		for _, e := range *v.Entries {
			entries.Add(v.ID, sheet.Text(e.ID), e.Time.String(), string(e.Author.Role), sheet.Text(e.Author.Name),
				strconv.FormatBool(e.Private), sheet.Text(e.Text), joined(e.Attachments, func(a conversation.Attachment) string { return a.Name }))
		}
	}
	row.Add(append(cells, sheet.Text(v.Department), joined(v.Tags, func(s string) string { return s }), rating, strconv.Itoa(said))...)
	p.forms[1], p.records[1] = row.Bytes(), 1
	p.forms[2], p.records[2] = entries.Bytes(), said
	return nil
}

// joined is a cell of several texts.
func joined[T any](all []T, of func(T) string) string {
	var texts []string
	for _, one := range all {
		if s := of(one); s != "" {
			texts = append(texts, s)
		}
	}
	return sheet.Text(strings.Join(texts, "; "))
}

func stamp(t *conversation.Time) string {
	if t == nil {
		return ""
	}
	return t.String()
}

// factForms are the files of facts.
var factForms = []form{
	{"facts", ".ndjson", nil},
	{"facts", ".csv", heading("id", "kind", "source", "startedAt", "endedAt", "seconds", "visitorEntries", "agentEntries", "botEntries",
		"firstReplySeconds", "department", "rating", "agent", "expiresAt")},
}

// fact is a fact as a line has it.
type fact struct {
	ID string `json:"id"`
	vault.Fact
	ExpiresAt conversation.Time `json:"expiresAt"`
}

func (p *piece) fact(id string, f vault.Fact, expires time.Time) error {
	at := conversation.At(expires)
	rating, reply := "", ""
	if f.Rating != nil {
		rating = strconv.Itoa(*f.Rating)
	}
	if f.FirstReply != 0 {
		reply = strconv.Itoa(f.FirstReply)
	}
	return p.both(fact{id, f, at}, id, string(f.Kind), f.Source, f.StartedAt.String(), f.EndedAt.String(), strconv.Itoa(f.Seconds),
		strconv.Itoa(f.Visitor), strconv.Itoa(f.Agent), strconv.Itoa(f.Bot), reply, sheet.Text(f.Department), rating, f.By, at.String())
}

// both makes a line of NDJSON of something, and a row of CSV of its cells.
func (p *piece) both(v any, cells ...string) error {
	line, err := json.Marshal(v)
	if err != nil {
		return errors.New("a line cannot be written") // the library's text may quote what it could not write
	}
	var row sheet.Rows
	row.Add(cells...)
	p.forms[0], p.records[0] = append(line, '\n'), 1
	p.forms[1], p.records[1] = row.Bytes(), 1
	return nil
}

// visitForms are the files of visits.
var visitForms = []form{
	{"visits", ".ndjson", nil},
	{"visits", ".csv", heading("id", "source", "startedAt", "endedAt", "visitorId", "referrer", "pages", "expiresAt")},
}

// visit is a visit as a line has it.
type visit struct {
	ID string `json:"id"`
	vault.Visit
	ExpiresAt conversation.Time `json:"expiresAt"`
}

func (p *piece) visit(id string, v vault.Visit, expires time.Time) error {
	at := conversation.At(expires)
	return p.both(visit{id, v, at}, id, v.Source, v.StartedAt.String(), v.EndedAt.String(), sheet.Text(v.VisitorID),
		sheet.Text(v.Referrer), joined(v.Pages, func(p conversation.Page) string { return p.URL }), at.String())
}

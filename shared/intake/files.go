package intake

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/guard"
	"github.com/supportvault/supportvault/shared/vault"
)

// files are those that an event tells of, and which of them nobody knew.
type files struct {
	told     time.Time
	contents map[string]vault.FileContent
	mu       sync.Mutex
	news     []vault.FileReference
}

// maxFiles is how many files of one delivery are kept: as many as can be written while its sender waits. Of more, what is said of
// them is kept, and that they were too many.
const maxFiles = 200

// Bounded are the events of one delivery, of which no more files are looked for than are kept of one.
func Bounded(events []conversation.Event) []conversation.Event {
	files := 0
	for i, e := range events {
		for _, entry := range e.Entries {
			for _, a := range entry.Attachments {
				if a.URL != "" || a.Upload != "" {
					files++
				}
			}
		}
		if files > maxFiles { // of one event alone, those that come first are kept
			if i == 0 {
				i = 1
			}
			return slices.Concat(events[:i], without(events[i:], conversation.TooMany))
		}
	}
	return events
}

// takeFiles gives each file of an event its id, or says why it is not kept, and takes out of the event from where it can be fetched.
// The event handed in is not changed: it may have to wait in the queue as it is.
func takeFiles(ses *vault.Session, record string, e conversation.Event) (conversation.Event, *files) {
	with := &files{told: e.Time.Time, contents: map[string]vault.FileContent{}}
	e.Entries = slices.Clone(e.Entries)
	for i := range e.Entries {
		entry := &e.Entries[i]
		entry.Attachments = slices.Clone(entry.Attachments)
		for j := range entry.Attachments {
			a := &entry.Attachments[j]
			_, bad := guard.Parse(a.URL)
			switch {
			case !ses.TakesFiles():
				a.State, a.Reason = "", ""
			case a.URL == "" && a.Upload == "":
			case a.Upload == "" && bad != nil:
				a.State, a.Reason = conversation.FileMissing, conversation.AddressNotAllowed
			case len(with.contents) == maxFiles:
				a.State, a.Reason = conversation.FileMissing, conversation.TooMany
			default:
				a.ID = ses.Index.FileID(record, entry.ID, j)
				with.contents[a.ID] = vault.FileContent{
					Name: a.Name, Type: a.Type, Bytes: a.Bytes, Source: e.Source, URL: a.URL, Upload: a.Upload,
				}
			}
			a.URL, a.Upload = "", ""
		}
	}
	return e, with
}

// withoutFiles are events of which no file is looked for: those of history have led nowhere for long.
func withoutFiles(events []conversation.Event) []conversation.Event { return without(events, "") }

// without are events of which no file is looked for, for a reason.
func without(events []conversation.Event, why conversation.FileReason) []conversation.Event {
	events = slices.Clone(events)
	for i := range events {
		entries := slices.Clone(events[i].Entries)
		for j := range entries {
			entries[j].Attachments = slices.Clone(entries[j].Attachments)
			for k := range entries[j].Attachments {
				a := &entries[j].Attachments[k]
				if why != "" && (a.URL != "" || a.Upload != "") {
					a.State, a.Reason = conversation.FileMissing, why
				}
				a.URL, a.Upload = "", ""
			}
		}
		events[i].Entries = entries
	}
	return events
}

// unsent is after how long somebody looks for a file whose message was lost.
const unsent = 5 * time.Minute

// putFiles writes that there are files, before the event that tells of them: what is acknowledged is looked for. ok is false where
// the row is destroyed.
func (h *Intake) putFiles(ctx context.Context, ses *vault.Session, row vault.Row, with *files) (_ vault.Row, ok bool, err error) {
	if len(with.contents) == 0 {
		return row, true, nil
	}
	if row, ok, err = ses.WithFilesKey(ctx, row); err != nil || !ok {
		return row, false, err
	}
	due := h.Store.Now().Add(unsent)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for id, content := range with.contents {
		group.Go(func() error {
			known, err := ses.PutFile(ctx, row, id, content, with.told, due)
			if err == nil && !known {
				with.mu.Lock()
				defer with.mu.Unlock()
				with.news = append(with.news, row.FileOf(id))
			}
			return err
		})
	}
	return row, true, group.Wait()
}

// retold writes what an event tells anew of the files of a settled conversation, which it otherwise knows.
func (h *Intake) retold(ctx context.Context, ses *vault.Session, c vault.Conversation, with *files) error {
	maps.DeleteFunc(with.contents, func(file string, _ vault.FileContent) bool { return !c.HasFile(file) })
	_, _, err := h.putFiles(ctx, ses, c.Row, with)
	return err
}

// attach asks for what is new to be fetched. Where that fails, attach itself finds it: the event is durable.
func (h *Intake) attach(ctx context.Context, with *files) {
	for some := range slices.Chunk(with.news, 10) {
		if err := h.Files.Attach(ctx, some); err != nil {
			slog.WarnContext(ctx, "files are fetched later", slog.Int("files", len(some)), slog.String("cause", edge.Cause(err)))
		}
	}
}

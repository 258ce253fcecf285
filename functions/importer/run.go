package importer

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/history"
	"github.com/supportvault/supportvault/shared/intake"
	"github.com/supportvault/supportvault/shared/jobs"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/staging"
	"github.com/supportvault/supportvault/shared/vault"
)

const (
	// together is how many lines are stored side by side at most, and storers how many conversations of them at a time.
	together = 64
	storers  = 8
	// tellEvery is how often the row says how far a job is: so much is done again after a process died.
	tellEvery = 3 * time.Second
)

// errGone says that there is no file, errChanged that it is not the one any more that was started.
const (
	errGone    = jobs.Failure("file_gone")
	errChanged = jobs.Failure("file_changed")
)

// errShort says that less of the file was read than was asked for.
var errShort = errors.New("less of the file of an import was read than a line")

// run works on a claimed job until it is complete or time runs out. The job is then released.
func (h *Handler) run(ctx context.Context, j job) (job, error) {
	told := h.Store.Now()
	for begun := false; ; begun = true {
		w := &j.Work
		if w.Offset >= w.Bytes {
			if w.Second || w.Open == 0 {
				return h.finish(ctx, j)
			}
			// A life that goes on comes after those before it, though an extract has it first.
			w.Second, w.Offset, w.Line, w.Long = true, 0, 0, false
			continue
		}
		lines, err := h.read(ctx, j)
		if err != nil {
			return j, err
		}
		for len(lines) > 0 {
			if begun && edge.Late(ctx, h.Reserve) {
				j.BusyUntil = h.Store.Now()
				return j, h.jobs().Update(ctx, j)
			}
			n := min(together, len(lines))
			if err := h.store(ctx, &j, lines[:n]); err != nil {
				return j, err
			}
			lines, begun, j.Tries = lines[n:], true, 0
			if now := h.Store.Now(); now.Sub(told) >= tellEvery {
				if err := h.jobs().Update(ctx, j); err != nil {
					return j, err
				}
				told = now
			}
		}
	}
}

// line is one line of a file: its text without its end, and where the next begins. Of one that is too long, the text is nil and
// more says that it goes on behind that.
type line struct {
	text []byte
	next int64
	more bool
}

// read reads the next lines of a file.
func (h *Handler) read(ctx context.Context, j job) ([]line, error) {
	w := j.Work
	some, tag, err := h.Files.Read(ctx, object(j), w.Offset, h.ReadSize)
	switch {
	case errors.Is(err, staging.ErrGone):
		return nil, errGone
	case err != nil:
		return nil, err
	case tag != w.Tag:
		return nil, errChanged
	case len(some) == 0:
		return nil, errShort
	}
	var lines []line
	at := w.Offset
	for len(some) > 0 {
		text, rest, ended := bytes.Cut(some, []byte("\n"))
		last := at+int64(len(some)) >= w.Bytes
		switch {
		case ended:
			at += int64(len(text)) + 1
		case last:
			at = w.Bytes
		case len(text) > history.MaxLine: // its end is not among what was read
			return append(lines, line{next: at + int64(len(text)), more: true}), nil
		case len(lines) == 0:
			return nil, errShort
		default:
			return lines, nil // it is read again, whole
		}
		l := line{text: text, next: at}
		if len(text) > history.MaxLine {
			l.text = nil
		}
		lines, some = append(lines, l), rest
	}
	return lines, nil
}

// unit is what a line says of one conversation, or of visits.
type unit struct {
	line   int
	events []conversation.Event
	tell   intake.Extent
}

// key names a conversation; that of visits is zero.
type key struct {
	source, conversation string
	kind                 retention.Kind
}

// store stores lines, those of one conversation one after the other, and counts what became of each.
func (h *Handler) store(ctx context.Context, j *job, lines []line) error {
	ses, err := h.Store.Open(ctx, j.Account, "")
	if err != nil {
		return err
	}
	w := j.Work
	w.Refusals = append([]Refusal{}, w.Refusals...)
	units, order, counted := map[key][]unit{}, []key(nil), map[int]bool{}
	for _, l := range lines {
		within := w.Long
		w.Long, w.Offset = l.more, l.next
		if within {
			continue // what is left of a line that was refused
		}
		w.Line++
		if l.text != nil && len(bytes.TrimSpace(l.text)) == 0 {
			continue // nothing at all
		}
		if !w.Second {
			w.Lines++
		}
		read, err := history.Line{}, error(history.ErrLong)
		if l.text != nil {
			read, err = history.Read(l.text, w.StartedAt.Time)
		}
		switch {
		case w.Second && (err != nil || !read.Open):
			continue
		case err != nil:
			w.refuse(w.Line, fault.Of(err).Code)
			continue
		case read.Open && !w.Second:
			w.Open++
			continue
		}
		for i, e := range read.Events {
			read.Events[i], _ = ses.Policy.Start.Event(e)
		}
		if tooLarge(l, read) {
			w.refuse(w.Line, history.ErrLong.Code)
			continue
		}
		counted[w.Line] = true
		tell := intake.Something
		switch {
		case read.Settled:
			tell = intake.SettledLife
		case read.Open:
			tell = intake.Life
		}
		for _, e := range read.Events {
			k := key{e.Source, e.Conversation, e.Kind}
			if e.Visit != nil {
				k = key{}
			}
			all, known := units[k]
			if !known {
				order = append(order, k)
			}
			if n := len(all); n > 0 && all[n-1].line == w.Line {
				all[n-1].events = append(all[n-1].events, e)
			} else {
				all = append(all, unit{w.Line, []conversation.Event{e}, tell})
			}
			units[k] = all
		}
	}
	outcomes, err := h.storeUnits(ctx, ses, units, order)
	if err != nil {
		return err
	}
	for line := range counted {
		switch of := outcomes[line]; {
		case of[intake.Stored]:
			w.Accepted++
		case of[intake.Known]:
			w.Duplicates++
		default:
			w.PassedOver++
		}
	}
	j.Work = w
	moved(j)
	return nil
}

// longLine is the length in bytes up to which no line tells a conversation that is too large to be sealed: sealed, an entry can be
// longer than in its line, by the names of what it does not say.
const longLine = 4 << 20

// tooLarge says whether a line tells a conversation that is too large to be sealed. None is begun for it: it would stay as it is.
func tooLarge(l line, read history.Line) bool {
	if len(l.text) <= longLine {
		return false
	}
	_, err := vault.Marshal(conversation.Transcript{}.Fold(read.Events))
	return errors.Is(err, vault.ErrTooLarge)
}

// storeUnits stores conversations side by side, and says of each line what became of what it says.
func (h *Handler) storeUnits(ctx context.Context, ses *vault.Session, units map[key][]unit, order []key) (map[int]map[intake.Outcome]bool, error) {
	var mu sync.Mutex
	outcomes := map[int]map[intake.Outcome]bool{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(storers)
	for _, k := range order {
		group.Go(func() error {
			for _, u := range units[k] {
				outcome, err := h.storeUnit(ctx, ses, u)
				if err != nil {
					return err
				}
				mu.Lock()
				if outcomes[u.line] == nil {
					outcomes[u.line] = map[intake.Outcome]bool{}
				}
				outcomes[u.line][outcome] = true
				mu.Unlock()
			}
			return nil
		})
	}
	return outcomes, group.Wait()
}

func (h *Handler) storeUnit(ctx context.Context, ses *vault.Session, u unit) (intake.Outcome, error) {
	visits, rest := intake.Apart(ses, u.events)
	switch {
	case len(rest) > 0:
		in := intake.Intake{Store: h.Store, Queue: h.Settling}
		return in.Together(ctx, ses, rest, u.tell)
	case len(visits) == 0:
		return intake.Past, nil
	}
	switch stored, known, err := ses.PutVisits(ctx, visits); {
	case err != nil:
		return intake.Past, err
	case stored > 0:
		return intake.Stored, nil
	case known > 0:
		return intake.Known, nil
	}
	return intake.Past, nil // their day is over
}

// finish says that a job is complete, and deletes its file.
func (h *Handler) finish(ctx context.Context, j job) (job, error) {
	j.Status, j.Progress, j.BusyUntil = jobs.Complete, 1, h.Store.Now()
	if err := h.jobs().Update(ctx, j); err != nil {
		return j, err
	}
	h.forget(ctx, j)
	slog.InfoContext(ctx, "imported", slog.String("import", j.ID), slog.Int("lines", j.Work.Lines), slog.Int("accepted", j.Work.Accepted),
		slog.Int("refused", j.Work.Refused))
	return j, nil
}

package attach

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/guard"
	"github.com/supportvault/supportvault/shared/seal"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/vault"
)

const (
	// fetchTimeout is how long a file has to come.
	fetchTimeout = 30 * time.Second
	// unread is after how long somebody looks again at a file of a conversation that nobody may read.
	unread = 24 * time.Hour
)

// waits are how long after each attempt the next is made.
var waits = []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// final are the reasons that no other attempt changes.
var final = []conversation.FileReason{conversation.TooLarge, conversation.TypeNotAllowed, conversation.Gone, conversation.NotStored}

// Get gets one file, if it is its turn.
func (h *Handler) Get(ctx context.Context, ref vault.FileReference) error {
	f, ok, err := h.Store.File(ctx, ref)
	if err != nil || !ok || f.State != conversation.FileWaiting {
		return err
	}
	if f.Attempts > 0 && h.Store.Now().Before(f.Due) {
		return nil // somebody has it, or it was tried a moment ago
	}
	ses, err := h.Store.Open(ctx, ref.Account, "")
	if errors.Is(err, vault.ErrNoAccount) {
		return h.Store.DropFile(ctx, f)
	}
	if err != nil {
		return err
	}
	row, ok, err := ses.Row(ctx, ref.Record, ref.Incarnation)
	if err != nil {
		return err
	}
	if !ok || row.State == vault.Destroyed {
		return h.Store.DropFile(ctx, f)
	}
	if hidden, err := ses.Hidden(ctx, row); err != nil {
		return err
	} else if hidden { // which may be undone
		return unlessTaken(ses.PostponeFile(ctx, f, f.Reason, h.Store.Now().Add(unread)))
	}
	if f, err = ses.ClaimFile(ctx, f, h.Store.Now().Add(vault.FileClaim)); err != nil {
		return unlessTaken(err)
	}
	content, err := ses.OpenFile(row, f)
	if errors.Is(err, vault.ErrDamaged) || errors.Is(err, vault.ErrUnreadable) {
		slog.ErrorContext(ctx, "what is known of a file does not open", slog.String("file", ref.File))
		return unlessTaken(ses.GiveUpFile(ctx, f, conversation.Damaged))
	}
	if err != nil {
		return err
	}
	g := getting{Handler: h, ses: ses, row: row, file: f, content: content}
	got, why, err := g.get(ctx)
	switch {
	case err != nil:
		return err
	case why == "":
		return g.keep(ctx, got)
	}
	return g.fail(ctx, why)
}

// unlessTaken is what went wrong, but that somebody else has the file, or it is gone.
func unlessTaken(err error) error {
	if errors.Is(err, vault.ErrFileTaken) {
		return nil
	}
	return err
}

// getting is one attempt to get a file.
type getting struct {
	*Handler
	ses     *vault.Session
	row     vault.Row
	file    vault.File
	content vault.FileContent
}

// got is a file as it came, sealed.
type got struct {
	object []byte
	size   int
	kind   string
}

// get gets the file, or says why it is not to be had.
func (g getting) get(ctx context.Context) (_ got, why conversation.FileReason, err error) {
	if !g.ses.TakesFiles() {
		return got{}, conversation.NotStored, nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if g.content.Upload != "" {
		return g.uploaded(ctx)
	}
	return g.fetched(ctx)
}

func (g getting) uploaded(ctx context.Context) (_ got, why conversation.FileReason, err error) {
	body, kind, err := g.Uploads.Open(ctx, uploadKey(g.ses.Account, g.content.Upload))
	if errors.Is(err, ErrNoUpload) {
		return got{}, conversation.UploadUnknown, nil
	}
	if err != nil {
		return got{}, "", err
	}
	defer body.Close()
	return g.seal(body, kind)
}

func (g getting) fetched(ctx context.Context) (_ got, why conversation.FileReason, err error) {
	adapter, _ := source.Lookup(g.content.Source)
	of, err := g.Store.Open(ctx, g.ses.Account, g.content.Source)
	if errors.Is(err, vault.ErrNoAccount) { // the account has the source no more, and nothing is allowed for it
		return got{}, conversation.HostNotAllowed, nil
	}
	if err != nil {
		return got{}, "", err
	}
	res, err := g.Fetch.Get(ctx, g.content.URL, slices.Concat(adapter.Hosts, of.Settings.Hosts))
	if err != nil {
		return got{}, reasonOf(err), nil
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusOK:
	case res.StatusCode == http.StatusNotFound:
		return got{}, conversation.NotFound, nil
	case res.StatusCode == http.StatusGone:
		return got{}, conversation.Gone, nil
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusRequestTimeout:
		return got{}, conversation.Unavailable, nil
	default:
		return got{}, conversation.RefusedByHost, nil
	}
	if res.ContentLength > vault.MaxFile {
		return got{}, conversation.TooLarge, nil
	}
	return g.seal(res.Body, res.Header.Get("Content-Type"))
}

// reasonOf is why nothing came.
func reasonOf(err error) conversation.FileReason {
	switch {
	case errors.Is(err, guard.ErrHost):
		return conversation.HostNotAllowed
	case errors.Is(err, guard.ErrURL), errors.Is(err, guard.ErrAddress):
		return conversation.AddressNotAllowed
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return conversation.Timeout
	}
	return conversation.Unavailable
}

// stream remembers that a body broke off: the sealing that it breaks has faults of its own.
type stream struct {
	io.Reader
	broke error
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if err != nil && err != io.EOF { // readers return it as it is
		s.broke = err
	}
	return n, err
}

// seal seals a file as it comes.
func (g getting) seal(body io.Reader, said string) (_ got, why conversation.FileReason, err error) {
	from := &stream{Reader: body}
	buffered := bufio.NewReaderSize(from, 64<<10)
	first, _ := buffered.Peek(peek) // a body that breaks is read once more
	if from.broke != nil {
		return got{}, reasonOf(from.broke), nil
	}
	kind, ok := typeOf(first, said, g.content.Type)
	if !ok {
		return got{}, conversation.TypeNotAllowed, nil
	}
	object, size, err := g.ses.SealFileObject(g.row, g.file.Reference.File, buffered)
	switch {
	case from.broke != nil:
		return got{}, reasonOf(from.broke), nil
	case errors.Is(err, seal.ErrTooLong):
		return got{}, conversation.TooLarge, nil
	case err != nil:
		return got{}, "", err
	}
	return got{object, size, kind}, "", nil
}

// keep writes the object, then that it is there. A conversation that was destroyed meanwhile takes it along: its key went before its
// objects were deleted, so whoever still sees the key has put the object before. So does an entry that was taken back. A file of which
// something else was told is put over this one. Only then the due row of the claim goes, which leads to the object until that.
func (g getting) keep(ctx context.Context, f got) error {
	object := vault.FileObject(g.file.Reference)
	if err := g.Store.Objects.Put(ctx, object, f.object); err != nil {
		return err
	}
	content := vault.FileContent{Name: g.content.Name, Type: f.kind, Bytes: int64(f.size)}
	if err := unlessTaken(g.ses.EndFile(ctx, g.row, g.file, conversation.FileStored, "", content)); err != nil {
		return err
	}
	now, ok, err := g.ses.Row(ctx, g.row.ID, g.row.Incarnation)
	if err != nil {
		return err
	}
	file, there, err := g.Store.File(ctx, g.file.Reference)
	if err != nil {
		return err
	}
	switch {
	case !ok || now.State == vault.Destroyed || !there || file.State == conversation.FileMissing:
		if err := g.Store.Objects.Delete(ctx, object); err != nil {
			return err
		}
		return g.Store.FileDone(ctx, g.file)
	case file.State == conversation.FileWaiting: // whoever gets what was told since may have put it already
		return g.Store.FileDone(ctx, g.file)
	}
	if err := g.Store.FileDone(ctx, g.file); err != nil {
		return err
	}
	slog.InfoContext(ctx, "stored", slog.String("file", g.file.Reference.File), slog.Int("attempts", g.file.Attempts))
	return g.forgetUpload(ctx)
}

// fail says why the file is not there, and when it is tried again.
func (g getting) fail(ctx context.Context, why conversation.FileReason) (err error) {
	missing := g.final(why) || g.file.Attempts > len(waits)
	if missing {
		err = g.ses.EndFile(ctx, g.row, g.file, conversation.FileMissing, why, g.content)
	} else {
		err = g.ses.PostponeFile(ctx, g.file, why, g.Store.Now().Add(waits[g.file.Attempts-1]))
	}
	slog.InfoContext(ctx, "not stored", slog.String("file", g.file.Reference.File), slog.Int("attempts", g.file.Attempts),
		slog.String("reason", string(why)), slog.Bool("missing", missing))
	if err != nil || !missing {
		return unlessTaken(err)
	}
	return g.forgetUpload(ctx)
}

// final says whether no other attempt changes why the file is not there. Where a name leads is another matter the next time.
func (g getting) final(why conversation.FileReason) bool {
	if why == conversation.AddressNotAllowed {
		_, err := guard.Parse(g.content.URL)
		return err != nil
	}
	return slices.Contains(final, why)
}

// forgetUpload deletes the upload that the file was, if it was one.
func (g getting) forgetUpload(ctx context.Context) error {
	if g.content.Upload == "" {
		return nil
	}
	return g.Uploads.Delete(ctx, uploadKey(g.ses.Account, g.content.Upload))
}

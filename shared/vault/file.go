package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/minimise"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/seal"
)

// filesKey is the attribute of a conversation's row that holds the wrapped files key.
const filesKey = "filesKey"

// hasFiles says of a conversation's row that it had a files key, when it has none any more.
const hasFiles = "hasFiles"

// MaxFile is the largest file in bytes that is kept.
const MaxFile = 25 << 20

// FileClaim is for how long whoever gets a file keeps others from it: longer than an invocation can take.
const FileClaim = 5 * time.Minute

// File is a file of one life of a conversation, as its row says without opening it.
type File struct {
	Reference FileReference
	State     conversation.FileState
	Reason    conversation.FileReason
	// Bytes are those of a file that is there.
	Bytes int64
	// Attempts is how often it was tried to get it, Due when somebody looks for it again; zero is never.
	Attempts int
	Due      time.Time
	// told is when its sender told of it, place an HMAC of where it leads, said one of what was said of it.
	told   time.Time
	place  []byte
	said   []byte
	key    attr.Item
	sealed []byte
}

// claimed says whether somebody may be getting the file, and put its object yet.
func (f File) claimed(now time.Time) bool {
	return f.State == conversation.FileWaiting && f.Attempts > 0 && f.Reason == "" && now.Before(f.Due) && !f.Due.After(now.Add(FileClaim))
}

// FileContent is what is sealed of a file beside the file itself. Source, URL and Upload, which say from where it comes, are kept
// until it is there or given up.
type FileContent struct {
	Name   string `json:"name,omitzero"`
	Type   string `json:"type,omitzero"`
	Bytes  int64  `json:"bytes,omitzero"`
	Source string `json:"source,omitzero"`
	URL    string `json:"url,omitzero"`
	Upload string `json:"upload,omitzero"`
}

// Fetched is what is left of it once nobody looks for the file any more.
func (c FileContent) Fetched() FileContent {
	return FileContent{Name: c.Name, Type: c.Type, Bytes: c.Bytes}
}

// KeepsFiles says whether the files of the account may be read.
func (ses *Session) KeepsFiles() bool { return !ses.Policy.Unstored[retention.Attachment] }

// TakesFiles says whether new files come to those that the account has.
func (ses *Session) TakesFiles() bool {
	return ses.KeepsFiles() && ses.Policy.Start == minimise.Identified
}

func filesPlace(r Row) string {
	return place(conversationPartition(r.Account, r.ID), incarnationKey(r.Incarnation), filesKey)
}

// WithFilesKey sees to it that the row has a files key. ok is false where the row is destroyed.
func (ses *Session) WithFilesKey(ctx context.Context, r Row) (with Row, ok bool, err error) {
	if len(r.files) > 0 {
		return r, true, nil
	}
	out, err := ses.store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &ses.store.Tables.Keys, Key: r.Key(), ReturnValues: types.ReturnValueAllNew,
		UpdateExpression:         aws.String("SET " + filesKey + " = if_not_exists(" + filesKey + ", :key), " + hasFiles + " = :one"),
		ConditionExpression:      aws.String("attribute_exists(pk) AND #state <> :destroyed"),
		ExpressionAttributeNames: map[string]string{"#state": "state"},
		ExpressionAttributeValues: attr.Item{
			":key": attr.B(ses.Key.Wrap(filesPlace(r), keyring.NewKey())), ":destroyed": attr.S(Destroyed),
			":one": attr.N(1),
		},
	})
	if IsConditionFailed(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	r.files, r.HasFiles = attr.GetB(out.Attributes, filesKey), true
	return r, true, nil
}

// fileKey opens the key of a file.
func (ses *Session) fileKey(r Row, file string) ([]byte, error) {
	if len(r.files) == 0 {
		return nil, ErrUnreadable
	}
	key, err := ses.Key.Unwrap(filesPlace(r), r.files)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return keyring.FileKey(key, r.Record, file), nil
}

func fileContext(r Row, file, part string) seal.Context {
	return sealContext(r.Record, "file", file, "part", part)
}

func (ses *Session) sealFile(r Row, file string, c FileContent) ([]byte, error) {
	key, err := ses.fileKey(r, file)
	if err != nil {
		return nil, err
	}
	plain, err := Marshal(c)
	if err != nil {
		return nil, err
	}
	return seal.Seal(key, fileContext(r, file, "row"), plain)
}

// OpenFile opens what is sealed in a file's row.
func (ses *Session) OpenFile(r Row, f File) (c FileContent, err error) {
	key, err := ses.fileKey(r, f.Reference.File)
	if err != nil {
		return c, err
	}
	plain, err := seal.Open(key, fileContext(r, f.Reference.File, "row"), f.sealed)
	if err != nil {
		return c, fmt.Errorf("%w: open file: %w", ErrDamaged, err)
	}
	return c, Unmarshal(plain, &c)
}

// FileOf is the reference to a file of a life of a conversation.
func (r Row) FileOf(file string) FileReference {
	return FileReference{Account: r.Account, Record: r.ID, Incarnation: r.Incarnation, File: file}
}

func fileItemKey(r FileReference) attr.Item {
	return attr.Key(RecordPartition(r.Account, r.Record), filePrefix(r.Incarnation)+r.File)
}

func dueKey(r FileReference, at time.Time) attr.Item {
	return attr.Key(duePartition(r.Account), Position(at, r.Record, r.Incarnation)+"#"+r.File)
}

// dueLife is how long a due row is there at the longest: it is one of a file that is looked for, for a day and a half.
const dueLife = 30 * 24 * time.Hour

func (s *Store) putDue(ctx context.Context, r FileReference, at time.Time) error {
	item := dueKey(r, at)
	item["ttl"] = attr.N(at.Add(dueLife).Unix())
	_, err := s.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.Tables.Records, Item: item})
	return err
}

// PutFile writes that there is a file, to be looked for by due, unless that is known. The row must have a files key. Where it is
// interrupted before its due row, nobody has acknowledged the file: whoever tells of it again puts that.
//
// What is told later starts anew where it leads to another file, a message that was changed, or where the file is not there and could
// be now: the address that opened it may have been another. An address of a file that is there may be another each time it is told, so
// it leads to another file only where another name, type or size is said of that: what is there is not given up for a second
// fetching, which may fail.
//
// The row has no end of its own: it goes with its conversation, which may last.
func (ses *Session) PutFile(ctx context.Context, r Row, file string, c FileContent, told, due time.Time) (known bool, err error) {
	sealed, err := ses.sealFile(r, file, c)
	if err != nil {
		return false, err
	}
	ref := r.FileOf(file)
	item := fileItemKey(ref)
	item["state"], item["due"], item["file"] = attr.S(conversation.FileWaiting), attr.Time(due), attr.B(sealed)
	item["told"], item["place"] = attr.Time(told), attr.B(ses.Index.FilePlace(withoutQuery(c.URL), c.Upload))
	item["said"] = attr.B(ses.Index.FileSaid(c.Name, c.Type, c.Bytes))
	_, err = ses.store.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &ses.store.Tables.Records, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if err == nil {
		return false, ses.store.putDue(ctx, ref, due)
	}
	for range retellings {
		if !IsConditionFailed(err) {
			break
		}
		f, ok, readErr := ses.store.File(ctx, ref)
		if readErr != nil || !ok { // its sender has taken it back
			return true, readErr
		}
		if !ses.startsAnew(r, f, c, told, item) {
			if f.State == conversation.FileWaiting && f.Attempts == 0 {
				return true, ses.store.putDue(ctx, ref, f.Due)
			}
			return true, nil
		}
		if known, err = ses.restart(ctx, f, item, due); err == nil {
			return known, nil
		}
	}
	return false, err
}

// retellings bounds how often it is tried to write over the row of a file that somebody gets.
const retellings = 8

// startsAnew says whether what is told of a file, which would be the item, leads to something that its row does not.
func (ses *Session) startsAnew(r Row, f File, c FileContent, told time.Time, item attr.Item) bool {
	elsewhere := !bytes.Equal(f.place, attr.GetB(item, "place"))
	switch {
	case !told.After(f.told):
		return false
	case f.State == conversation.FileStored:
		return elsewhere && (c.Upload != "" || !bytes.Equal(f.said, attr.GetB(item, "said")))
	case elsewhere:
		return true
	case f.State == conversation.FileMissing:
		return f.Reason != conversation.TooLarge && f.Reason != conversation.TypeNotAllowed // which is so of the file itself
	}
	was, err := ses.OpenFile(r, f)
	return err != nil || was.URL != c.URL
}

// restart writes a row of a file over another, as that was read. Who gets the file at this moment keeps others from it until the
// claim is over, and finds that the row is not its own any more; known then says that nobody else is to be asked.
func (ses *Session) restart(ctx context.Context, f File, item attr.Item, due time.Time) (known bool, err error) {
	item = maps.Clone(item)
	if known = f.claimed(ses.Now()); known {
		due, item["attempts"] = f.Due, attr.N(1)
	}
	if due.UnixMilli() == f.Due.UnixMilli() {
		due = due.Add(time.Millisecond) // by which a claim knows its row
	}
	item["due"] = attr.Time(due)
	if err := ses.store.putDue(ctx, f.Reference, due); err != nil {
		return false, err
	}
	was, values := "attribute_not_exists(due)", attr.Item{":state": attr.S(f.State), ":told": attr.Time(f.told)}
	if !f.Due.IsZero() {
		was, values[":due"] = "due = :due", attr.Time(f.Due)
	}
	_, err = ses.store.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &ses.store.Tables.Records, Item: item, ConditionExpression: aws.String("#state = :state AND told = :told AND " + was),
		ExpressionAttributeNames: map[string]string{"#state": "state"}, ExpressionAttributeValues: values,
	})
	return known, err
}

// withoutQuery is an address without what may be another each time it is told, such as a token.
func withoutQuery(address string) string {
	address, _, _ = strings.Cut(address, "?")
	return address
}

func (s *Store) deleteDue(ctx context.Context, r FileReference, at time.Time) error {
	if at.IsZero() {
		return nil
	}
	return s.deleteRecord(ctx, dueKey(r, at))
}

// deleteRecord deletes one item of the records table: who may delete items one by one cannot put any.
func (s *Store) deleteRecord(ctx context.Context, key attr.Item) error {
	_, err := s.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.Tables.Records, Key: attr.Item{"pk": key["pk"], "sk": key["sk"]}})
	return err
}

func readFile(account string, item attr.Item) (File, error) {
	sk := attr.GetS(item, "sk")
	const prefix = len("file#0001#")
	ref := FileReference{Account: account}
	if len(sk) > prefix {
		ref.Record = attr.GetS(item, "pk")[len(RecordPartition(account, "")):]
		_, _ = fmt.Sscanf(sk[len("file#"):prefix-1], "%d", &ref.Incarnation)
		ref.File = sk[prefix:]
	}
	if !fileForm().MatchString(ref.File) {
		return File{}, errors.New("vault: a row of files has another key")
	}
	return File{
		Reference: ref, State: conversation.FileState(attr.GetS(item, "state")), Reason: conversation.FileReason(attr.GetS(item, "reason")),
		Bytes: attr.GetN(item, "fileBytes"), Attempts: int(attr.GetN(item, "attempts")), Due: attr.GetTime(item, "due"),
		told: attr.GetTime(item, "told"), place: attr.GetB(item, "place"), said: attr.GetB(item, "said"), sealed: attr.GetB(item, "file"),
		key: attr.Item{"pk": item["pk"], "sk": item["sk"]},
	}, nil
}

// File reads the row of a file; ok is false where there is none.
func (s *Store) File(ctx context.Context, r FileReference) (f File, ok bool, err error) {
	item, err := s.get(ctx, s.Tables.Records, fileItemKey(r))
	if err != nil || item == nil {
		return File{}, false, err
	}
	f, err = readFile(r.Account, item)
	return f, err == nil, err
}

// files reads the rows of all files of a life of a conversation.
func (s *Store) files(ctx context.Context, r Row, attributes string) (all []File, err error) {
	in := attr.Beginning(s.Tables.Records, RecordPartition(r.Account, r.ID), filePrefix(r.Incarnation))
	in.ProjectionExpression, in.ExpressionAttributeNames = &attributes, map[string]string{"#state": "state"}
	err = s.Query(ctx, in, func(item attr.Item) (bool, error) {
		f, err := readFile(r.Account, item)
		all = append(all, f)
		return true, err
	})
	return all, err
}

// ErrFileTaken is returned where somebody else has the file, or it is gone.
var ErrFileTaken = errors.New("vault: somebody else has the file")

// ClaimFile counts an attempt to get a file, and keeps others from it until an instant. Why the last attempt failed is forgotten.
func (ses *Session) ClaimFile(ctx context.Context, f File, until time.Time) (File, error) {
	next := f
	next.Attempts, next.Reason, next.Due = f.Attempts+1, "", until
	return next, ses.updateFile(ctx, f, next, nil)
}

// PostponeFile says why a file is not there yet, and when it is tried again.
func (ses *Session) PostponeFile(ctx context.Context, f File, why conversation.FileReason, until time.Time) error {
	next := f
	next.Reason, next.Due = why, until
	return ses.updateFile(ctx, f, next, nil)
}

// EndFile says that a file is there, or why it will not be, to whoever has claimed it. Of one that is there the due row stays until FileDone: the object must
// be found where its conversation was destroyed meanwhile and whoever put it is dead.
func (ses *Session) EndFile(ctx context.Context, r Row, f File, state conversation.FileState, why conversation.FileReason, c FileContent) error {
	sealed, err := ses.sealFile(r, f.Reference.File, c.Fetched())
	if err != nil {
		return err
	}
	next := f
	next.State, next.Reason, next.Due = state, why, time.Time{}
	if state == conversation.FileStored {
		next.Bytes = c.Bytes
	}
	return ses.updateFile(ctx, f, next, sealed)
}

// FileDone deletes the due row of a claim, once the object that was put under it is to stay or gone.
func (s *Store) FileDone(ctx context.Context, claimed File) error {
	return s.deleteDue(ctx, claimed.Reference, claimed.Due)
}

// GiveUpFile says why a file will not be there, of which nothing opens, to whoever has claimed it.
func (ses *Session) GiveUpFile(ctx context.Context, f File, why conversation.FileReason) error {
	next := f
	next.State, next.Reason, next.Due = conversation.FileMissing, why, time.Time{}
	return ses.updateFile(ctx, f, next, nil)
}

// updateFile writes a file's row if it is as it was read. Its next due row is there before, and its last until after: whatever is
// interrupted, one of them leads to the file. Before it says that the file is missing, the object goes: that of what was told
// before, or of somebody who put it and died. Whoever dies after that leaves a file that waits.
func (ses *Session) updateFile(ctx context.Context, f, next File, sealed []byte) error {
	if next.State == conversation.FileMissing {
		if err := ses.store.Objects.Delete(ctx, FileObject(f.Reference)); err != nil {
			return err
		}
	}
	if !next.Due.IsZero() {
		if err := ses.store.putDue(ctx, f.Reference, next.Due); err != nil {
			return err
		}
	}
	values := attr.Item{
		":waiting": attr.S(conversation.FileWaiting), ":was": attr.Time(f.Due), ":state": attr.S(next.State), ":attempts": attr.N(next.Attempts),
	}
	set, remove := "SET #state = :state, attempts = :attempts", ""
	for _, of := range []struct {
		name  string
		empty bool
		value types.AttributeValue
	}{
		{"due", next.Due.IsZero(), attr.Time(next.Due)}, {"reason", next.Reason == "", attr.S(next.Reason)},
		{"fileBytes", next.Bytes == 0, attr.N(next.Bytes)},
	} {
		if of.empty {
			remove += ", " + of.name
			continue
		}
		set += ", " + of.name + " = :" + of.name
		values[":"+of.name] = of.value
	}
	if sealed != nil {
		set, values[":file"] = set+", #file = :file", attr.B(sealed)
	}
	names := map[string]string{"#state": "state"}
	if sealed != nil {
		names["#file"] = "file"
	}
	if remove != "" {
		set += " REMOVE " + remove[2:]
	}
	_, err := ses.store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &ses.store.Tables.Records, Key: f.key, UpdateExpression: &set,
		ConditionExpression:      aws.String("#state = :waiting AND due = :was"),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	switch {
	case IsConditionFailed(err):
		now, ok, err := ses.store.File(ctx, f.Reference)
		switch {
		case err != nil:
			return err
		case ok && now.State == next.State && now.Attempts == next.Attempts && now.Due.Equal(next.Due):
			// It was ours: the client repeats a write whose answer was lost.
			return ses.store.replacedDue(ctx, f, next)
		case !next.Due.Equal(f.Due) && !now.Due.Equal(next.Due):
			err = ses.store.deleteDue(ctx, f.Reference, next.Due)
		}
		return errors.Join(ErrFileTaken, err)
	case err != nil:
		return err
	}
	return ses.store.replacedDue(ctx, f, next)
}

func (s *Store) replacedDue(ctx context.Context, f, next File) error {
	if next.Due.Equal(f.Due) || next.State == conversation.FileStored {
		return nil
	}
	return s.deleteDue(ctx, f.Reference, f.Due)
}

// DropFile forgets a file of a conversation that is not there any more.
func (s *Store) DropFile(ctx context.Context, f File) error {
	if err := s.Objects.Delete(ctx, FileObject(f.Reference)); err != nil {
		return err
	}
	if err := s.deleteRecord(ctx, f.key); err != nil {
		return err
	}
	return s.deleteDue(ctx, f.Reference, f.Due)
}

// mostPlaces is how many attachments of an entry are looked for, more than any sender may give one.
const mostPlaces = 256

// DropRedacted deletes the files of entries that their sender took back: those never come again. Whoever gets one at this moment
// finds its row, before the object is deleted, in a state in which nothing is stored.
func (ses *Session) DropRedacted(ctx context.Context, r Row, t conversation.Transcript) error {
	if len(t.Said.Redacted) == 0 || len(r.files) == 0 {
		return nil
	}
	files, err := ses.store.files(ctx, r, "pk, sk, #state, due, attempts, reason")
	if err != nil || len(files) == 0 {
		return err
	}
	entries := slices.Clone(t.Said.Redacted)
	for _, e := range t.Entries {
		if e.Redacted { // of which another id may be among those
			entries = append(entries, e.ID)
		}
	}
	slices.Sort(entries)
	redacted := map[string]bool{}
	for _, entry := range slices.Compact(entries) {
		for place := range mostPlaces {
			redacted[ses.Index.FileID(r.ID, entry, place)] = true
		}
	}
	for _, f := range files {
		if !redacted[f.Reference.File] {
			continue
		}
		if f.State == conversation.FileWaiting {
			item := maps.Clone(f.key)
			item["state"], item["reason"] = attr.S(conversation.FileMissing), attr.S(conversation.Gone)
			if _, err := ses.store.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &ses.store.Tables.Records, Item: item}); err != nil {
				return err
			}
		}
		if err := ses.store.Objects.Delete(ctx, FileObject(f.Reference)); err != nil {
			return err
		}
		if err := ses.store.DeleteAll(ctx, ses.store.Tables.Records, f.rows(ses.Now())); err != nil {
			return err
		}
	}
	return nil
}

// rows are the keys of all that leads to a file and can be deleted with its object: not the due row of a claim, by which the object
// is found that somebody may put yet.
func (f File) rows(now time.Time) []attr.Item {
	keys := []attr.Item{f.key}
	if !f.Due.IsZero() && !f.claimed(now) {
		keys = append(keys, dueKey(f.Reference, f.Due))
	}
	return keys
}

// DueFile is a file that is due, and whether it was sent to whoever gets it so lately that it need not be sent again.
type DueFile struct {
	FileReference
	Sent bool
	item attr.Item
}

// sentAgain is after how long a file that is still due is sent again: its message may have been lost.
const sentAgain = time.Hour

// SentFile notes on the due row, if it is still there, that its file was sent.
func (s *Store) SentFile(ctx context.Context, d DueFile) error {
	item := maps.Clone(d.item)
	item["sent"] = attr.Time(s.Now())
	_, err := s.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.Tables.Records, Item: item, ConditionExpression: aws.String("attribute_exists(pk)"),
	})
	if IsConditionFailed(err) {
		return nil
	}
	return err
}

// DueFiles hands out the files of an account that are due, until the function answers false. A due row that leads to no such file
// is deleted; where there is nothing any more to which the file belongs, its object before.
func (s *Store) DueFiles(ctx context.Context, account string, each func(DueFile) (bool, error)) error {
	return s.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.Tables.Records, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk AND sk < :now"),
		ExpressionAttributeValues: attr.Item{":pk": attr.S(duePartition(account)), ":now": attr.S(Before(s.Now()))},
	}, func(item attr.Item) (bool, error) {
		sk := attr.GetS(item, "sk")
		at := len(sk) - len("#") - 26
		if at < 0 || !fileForm().MatchString(sk[at+1:]) {
			return false, errors.New("vault: a row of due files has another key")
		}
		of, err := ParsePosition(sk[:at])
		if err != nil {
			return false, err
		}
		due := DueFile{FileReference: FileReference{Account: account, Record: of.Record, Incarnation: of.Incarnation, File: sk[at+1:]}, item: item}
		if due.Sent = s.Now().Before(attr.GetTime(item, "sent").Add(sentAgain)); due.Sent {
			return each(due)
		}
		f, ok, err := s.File(ctx, due.FileReference)
		if err != nil {
			return false, err
		}
		if !ok || f.State != conversation.FileWaiting || f.Due.UnixMilli() != of.At.UnixMilli() {
			// Of a file that somebody is about to write, the row comes within moments; who has claimed one is done or dead by now.
			if s.Now().Sub(of.At) < strayed {
				return true, nil
			}
			return true, s.dropStray(ctx, due, ok)
		}
		return each(due)
	})
}

// strayed is how long a due row may be without its file: a writer is done by then, or dead. The row of a claim is due as that ends.
const strayed = 10 * time.Minute

// dropStray deletes a due row that leads to no file that is due. Of a file without a row, or of a conversation that was destroyed,
// whoever had claimed it may have put the object after everything else was deleted.
func (s *Store) dropStray(ctx context.Context, due DueFile, hasRow bool) error {
	if hasRow {
		row, err := s.get(ctx, s.Tables.Keys, attr.Key(conversationPartition(due.Account, due.Record), incarnationKey(due.Incarnation)))
		if err != nil {
			return err
		}
		hasRow = row != nil && State(attr.GetS(row, "state")) != Destroyed
	}
	if !hasRow {
		if err := s.Objects.Delete(ctx, FileObject(due.FileReference)); err != nil {
			return err
		}
	}
	return s.deleteRecord(ctx, due.item)
}

// SealFileObject seals a file of a stream, of at most MaxFile bytes: the object and how many bytes it holds.
func (ses *Session) SealFileObject(r Row, file string, from io.Reader) (object []byte, size int, err error) {
	key, err := ses.fileKey(r, file)
	if err != nil {
		return nil, 0, err
	}
	return seal.SealFrom(key, fileContext(r, file, "content"), from, MaxFile)
}

// ReadFile opens the bytes of a file from from and before to, of a size that its row said.
func (ses *Session) ReadFile(ctx context.Context, r Row, file string, size, from, to int64) ([]byte, error) {
	key, err := ses.fileKey(r, file)
	if err != nil {
		return nil, err
	}
	object := FileObject(r.FileOf(file))
	start, end := seal.Frames(size, from, to)
	var head, frames []byte
	if start == int64(seal.HeaderLen) {
		start = 0
	} else if head, err = ses.store.Objects.GetPart(ctx, object, 0, int64(seal.HeaderLen)); err != nil {
		return nil, err
	}
	if frames, err = ses.store.Objects.GetPart(ctx, object, start, end); err != nil {
		return nil, err
	}
	if start == 0 {
		n := min(seal.HeaderLen, len(frames))
		head, frames = frames[:n], frames[n:]
	}
	plain, err := seal.OpenPart(key, fileContext(r, file, "content"), head, frames, size, from, to)
	if err != nil {
		return nil, fmt.Errorf("%w: open file: %w", ErrDamaged, err)
	}
	return plain, nil
}

// ErrNoFile is returned for a file that there is not, or not yet.
var ErrNoFile = errors.New("vault: no such file")

// WholeFile is a file that is there, and what is known of it.
func (ses *Session) WholeFile(ctx context.Context, r Row, file string) (c FileContent, body []byte, err error) {
	f, ok, err := ses.store.File(ctx, r.FileOf(file))
	if err != nil {
		return c, nil, err
	}
	if !ok || f.State != conversation.FileStored {
		return c, nil, ErrNoFile
	}
	if c, err = ses.OpenFile(r, f); err != nil {
		return c, nil, err
	}
	body, err = ses.ReadFile(ctx, r, file, c.Bytes, 0, c.Bytes)
	return c, body, err
}

// View is the conversation as a reader gets it, with how far its files are.
func (ses *Session) View(ctx context.Context, c Conversation) (conversation.View, error) {
	v := c.View()
	if !c.hasAttachment(func(a conversation.Attachment) bool { return a.ID != "" || a.State != "" }) {
		return v, nil
	}
	known := map[string]File{}
	if ses.KeepsFiles() {
		files, err := ses.store.files(ctx, c.Row, "pk, sk, #state, reason")
		if err != nil {
			return v, err
		}
		for _, f := range files {
			known[f.Reference.File] = f
		}
	}
	entries := slices.Clone(*v.Entries)
	for i := range entries {
		entries[i].Attachments = slices.Clone(entries[i].Attachments)
		for j := range entries[i].Attachments {
			a := &entries[i].Attachments[j]
			f, ok := known[a.ID]
			switch {
			case !ses.KeepsFiles():
				a.ID, a.State, a.Reason = "", "", ""
			case ok:
				a.State, a.Reason = f.State, f.Reason
			case a.ID != "": // somebody lost its row
				a.State, a.Reason = conversation.FileMissing, conversation.Gone
			}
		}
	}
	v.Entries = &entries
	return v, nil
}

// HasFile says whether an entry of the conversation has a file.
func (c Conversation) HasFile(file string) bool {
	return file != "" && c.hasAttachment(func(a conversation.Attachment) bool { return a.ID == file })
}

func (c Conversation) hasAttachment(is func(conversation.Attachment) bool) bool {
	return slices.ContainsFunc(c.Entries, func(e conversation.Entry) bool { return slices.ContainsFunc(e.Attachments, is) })
}

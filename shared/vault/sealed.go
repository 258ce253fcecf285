package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/pack"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/seal"
)

// stored keeps the difference between no tags and nothing said of tags.
var stored = json.JoinOptions(json.FormatNilSliceAsNull(true), json.Deterministic(true))

// ErrTooLarge is returned for a conversation over pack.MaxSize. It stays open, with the events that it has.
var ErrTooLarge = errors.New("vault: too large to be sealed as one")

// Marshal is the compressed form in which events, transcripts and facts are sealed.
func Marshal(v any) ([]byte, error) {
	b, err := json.Marshal(v, stored)
	if err != nil {
		return nil, errors.New("vault: what is to be sealed cannot be written") // the library's text may quote content
	}
	if len(b) > pack.MaxSize {
		return nil, ErrTooLarge
	}
	return pack.Pack(b), nil
}

// ErrDamaged is returned for what does not open although its keys are there: an item that somebody altered or put elsewhere.
var ErrDamaged = errors.New("vault: damaged")

// Unmarshal reads what Marshal wrote.
func Unmarshal(packed []byte, v any) error {
	b, err := pack.Unpack(packed)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := json.Unmarshal(b, v, stored); err != nil {
		return fmt.Errorf("%w: of another form", ErrDamaged) // the library's text may quote content
	}
	return nil
}

// garbageYears is how long after the end of its time an item is collected that purge has not deleted: a hold may keep it for as long.
const garbageYears = 20

// garbage is when an item may be collected at the latest, counted with the longest period of any plan: an account may change
// to a larger one, and what it has then lives longer. Reading never relies on it.
func (ses *Session) garbage(kind retention.Kind, from time.Time) int64 {
	longest := retention.Longest(kind)
	return retention.CohortOf(from, longest, ses.Policy.Zone).Expires(longest).AddDate(garbageYears, 0, 0).Unix()
}

// StoredEvent is an event as an item holds it.
type StoredEvent struct {
	conversation.Event
	// Generation in which it was written; Key and Object are where it stands.
	Generation int64
	Key        attr.Item
	Object     string
}

// PutEvent seals an event under the row's generation and writes it, unless the same event stands there already, with the same files.
func (ses *Session) PutEvent(ctx context.Context, r Row, e conversation.Event) (duplicate bool, err error) {
	plain, err := Marshal(e)
	if err != nil {
		return false, err
	}
	own, err := ses.own(r, r.Generation)
	if err != nil {
		return false, err
	}
	id := ses.Index.EntryID(r.ID, e.ID+e.Files())
	sealed, err := seal.Seal(keyring.EntryKey(own, r.Record, r.Generation, id),
		sealContext(r.Record, "generation", strconv.FormatInt(r.Generation, 10), "entry", id), plain)
	if err != nil {
		return false, err
	}
	sk := entryKey(r.Incarnation, r.Generation, id)
	item := attr.Key(RecordPartition(r.Account, r.ID), sk)
	item["ttl"] = attr.N(ses.garbage(r.Kind, e.Received.Time))
	item["at"] = attr.Time(e.Received.Time)
	if err := ses.place(ctx, item, r, sk, sealed); err != nil {
		return false, err
	}
	return ses.store.putRecord(ctx, item)
}

// putRecord writes an item of records unless one stands there already.
func (s *Store) putRecord(ctx context.Context, item attr.Item) (known bool, err error) {
	_, err = s.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.Tables.Records, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if IsConditionFailed(err) {
		return true, nil
	}
	return false, err
}

// place puts something sealed into its item or, when it is large, into an object that the item names.
func (ses *Session) place(ctx context.Context, item attr.Item, r Row, name string, sealed []byte) error {
	if len(sealed) <= InlineLimit {
		item["body"] = attr.B(sealed)
		return nil
	}
	object := BodyObject(r.Account, r.ID, name)
	item["object"] = attr.S(object)
	return ses.store.Objects.Put(ctx, object, sealed)
}

func (ses *Session) fetch(ctx context.Context, item attr.Item) ([]byte, error) {
	if object := attr.GetS(item, "object"); object != "" {
		return ses.store.Objects.Get(ctx, object)
	}
	return attr.GetB(item, "body"), nil
}

// Events reads every event of a life of a conversation that a key of the row opens. Stale are the items of generations
// before the row's that none opens: what an earlier settling has read already. What was written in a generation that began
// after the row was read is neither.
func (ses *Session) Events(ctx context.Context, r Row) (events, stale []StoredEvent, err error) {
	prefix := entryPrefix(r.Incarnation)
	var items []attr.Item
	err = ses.store.Query(ctx, attr.Beginning(ses.store.Tables.Records, RecordPartition(r.Account, r.ID), prefix), func(item attr.Item) (bool, error) {
		items = append(items, item)
		return true, nil
	})
	if err != nil {
		return nil, nil, err
	}
	own := map[int64][]byte{}
	for generation := range r.Own {
		if own[generation], err = ses.own(r, generation); err != nil {
			return nil, nil, err
		}
	}
	for _, item := range items {
		sk := attr.GetS(item, "sk")
		number, id, _ := strings.Cut(strings.TrimPrefix(sk, prefix), "#")
		generation, _ := strconv.ParseInt(number, 10, 64)
		e := StoredEvent{Generation: generation, Key: attr.Item{"pk": item["pk"], "sk": item["sk"]}, Object: attr.GetS(item, "object")}
		key, ok := own[generation]
		if !ok {
			if generation < r.Generation {
				stale = append(stale, e)
			}
			continue
		}
		sealed, err := ses.fetch(ctx, item)
		if err != nil {
			return nil, nil, err
		}
		plain, err := seal.Open(keyring.EntryKey(key, r.Record, generation, id),
			sealContext(r.Record, "generation", strconv.FormatInt(generation, 10), "entry", id), sealed)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: open event: %w", ErrDamaged, err)
		}
		if err := Unmarshal(plain, &e.Event); err != nil {
			return nil, nil, err
		}
		events = append(events, e)
	}
	return events, stale, nil
}

// Sealed is a settled record as its item says without opening it.
type Sealed struct {
	Generation int64
	Revision   int
	Cohort     string
	// Pointers are the partitions of the pointers from its subjects, and of those of earlier revisions that may be left;
	// Object is where it stands if not in the item.
	// Replaced are objects of earlier revisions that may be left.
	Pointers []string
	Object   string
	Replaced []string
	item     attr.Item
}

// Record reads the sealed record of a life of a conversation; ok is false where there is none.
func (ses *Session) Record(ctx context.Context, r Row) (rec Sealed, ok bool, err error) {
	item, err := ses.store.get(ctx, ses.store.Tables.Records, attr.Key(RecordPartition(r.Account, r.ID), recordKey(r.Incarnation)))
	if err != nil || item == nil {
		return Sealed{}, false, err
	}
	return readSealed(item), true, nil
}

func readSealed(item attr.Item) Sealed {
	return Sealed{
		Generation: attr.GetN(item, "generation"), Revision: int(attr.GetN(item, "revision")), Cohort: attr.GetS(item, "cohort"),
		Pointers: attr.GetStrings(item, "pointers"), Object: attr.GetS(item, "object"), Replaced: attr.GetStrings(item, "replaced"),
		item: item,
	}
}

// OpenRecord opens a sealed record with the row's own key of its generation and its cohort's key.
func (ses *Session) OpenRecord(ctx context.Context, r Row, rec Sealed, all Cohorts) (t conversation.Transcript, err error) {
	own, err := ses.own(r, rec.Generation)
	if err != nil {
		return t, err
	}
	cohort, ok := all.Find(rec.Cohort)
	if !ok {
		return t, ErrUnreadable
	}
	cohortKey, err := ses.cohortKey(cohort)
	if err != nil {
		return t, err
	}
	sealed, err := ses.fetch(ctx, rec.item)
	if err != nil {
		return t, err
	}
	plain, err := seal.Open(keyring.RecordKey(cohortKey, own, r.Record, rec.Revision),
		sealContext(r.Record, "revision", strconv.Itoa(rec.Revision)), sealed)
	if err != nil {
		return t, fmt.Errorf("%w: open record: %w", ErrDamaged, err)
	}
	return t, Unmarshal(plain, &t)
}

// ErrFenced is returned where a later settling has taken over.
var ErrFenced = errors.New("vault: a later settling has taken over")

// PutRecord seals a transcript as a revision under the row's generation and a cohort and writes it in place of the last,
// unless one of a later generation stands there. The record names its pointers and those of the last, which may be left
// where the settling is interrupted, and the objects that it replaces: it alone knows them. Answered are those and how many
// sealed bytes there are, which belong into the row.
func (ses *Session) PutRecord(ctx context.Context, r Row, t conversation.Transcript, revision int, c Cohort, pointers []string, last Sealed) (replaced []string, size int, err error) {
	plain, err := Marshal(t)
	if err != nil {
		return nil, 0, err
	}
	own, err := ses.own(r, r.Generation)
	if err != nil {
		return nil, 0, err
	}
	cohortKey, err := ses.cohortKey(c)
	if err != nil {
		return nil, 0, err
	}
	sealed, err := seal.Seal(keyring.RecordKey(cohortKey, own, r.Record, revision),
		sealContext(r.Record, "revision", strconv.Itoa(revision)), plain)
	if err != nil {
		return nil, 0, err
	}
	item := attr.Key(RecordPartition(r.Account, r.ID), recordKey(r.Incarnation))
	if replaced = ses.replaced(r, last); len(replaced) > 0 {
		item["replaced"] = attr.Strings(replaced)
	}
	item["generation"], item["revision"], item["cohort"] = attr.N(r.Generation), attr.N(revision), attr.S(c.ID)
	item["ttl"] = attr.N(ses.garbage(r.Kind, c.Start))
	if pointers = slices.Concat(pointers, last.Pointers); len(pointers) > 0 {
		slices.Sort(pointers)
		item["pointers"] = attr.Strings(slices.Compact(pointers))
	}
	if err := ses.place(ctx, item, r, recordObject(r, r.Generation), sealed); err != nil {
		return nil, 0, err
	}
	_, err = ses.store.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &ses.store.Tables.Records, Item: item,
		// Equal: the SDK repeats a write whose answer was lost.
		ConditionExpression:       aws.String("attribute_not_exists(generation) OR generation <= :generation"),
		ExpressionAttributeValues: attr.Item{":generation": attr.N(r.Generation)},
	})
	object := attr.GetS(item, "object")
	switch {
	case IsConditionFailed(err) && object != "":
		return nil, 0, errors.Join(ErrFenced, ses.store.Objects.Delete(ctx, object))
	case IsConditionFailed(err):
		return nil, 0, ErrFenced
	}
	return replaced, len(sealed), err
}

func recordObject(r Row, generation int64) string {
	return fmt.Sprintf("%s/%d", recordKey(r.Incarnation), generation)
}

// replaced are the objects that a record of the row's generation replaces: that of the last record and, where settlings
// were interrupted, which may have put one that no item names, those of every generation since.
func (ses *Session) replaced(r Row, last Sealed) (objects []string) {
	if last.Object == "" && len(r.Own) <= 2 {
		return nil
	}
	for generation := range r.Own {
		if generation != r.Generation {
			objects = append(objects, BodyObject(r.Account, r.ID, recordObject(r, generation)))
		}
	}
	slices.Sort(objects)
	return objects
}

// DeleteObjects deletes what a committed record has replaced. Before the commit a settling that takes over may still read it.
func (ses *Session) DeleteObjects(ctx context.Context, objects []string) error {
	for _, object := range objects {
		if err := ses.store.Objects.Delete(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

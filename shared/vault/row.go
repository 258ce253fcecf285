package vault

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/retention"
)

// State is what is going on with one life of a conversation.
type State string

// The states of a row. Open awaits entries; Settling is being settled and has had no entry since that began; Settled has
// a record and no entries; Destroyed has neither, nor a key: it only remembers up to when everything was known.
const (
	Open      State = "open"
	Settling  State = "settling"
	Settled   State = "settled"
	Destroyed State = "destroyed"
)

// Row is one life of a conversation in the table keys.
type Row struct {
	keyring.Record
	State State
	// Generation is the one in which events are written; Own are the wrapped own keys by generation.
	Generation int64
	Own        map[int64][]byte
	// Revision counts settlings and Cohort is that of the last; zero and empty before the first.
	Revision int
	Cohort   string
	// FactCohort is where the fact of the last revision stands.
	FactCohort string
	// Since is when the event that opened this life happened, Known up to when everything is known.
	Since, Known time.Time
	// Told are the marks of events without a time of their own that have settled: they are known whenever they come again, when nothing
	// else is left too.
	Told retention.Marks
	// Active is when the conversation was last known to be active, never later than now; the index orders open ones by it.
	Active time.Time
	// SettledAt is when the last revision was settled.
	SettledAt time.Time
	// Marks are what rules and holds compare of the last revision, Completes when it counts as completed; zero is never.
	Marks     retention.Marks
	Completes time.Time
	// Awaits are the required destinations that do not have the revision yet, Delivered when the last that has it got it.
	Awaits    []string
	Delivered time.Time
	// Hand is when an administrator had it destroyed, HandUntil up to when that can be undone; zero is never.
	Hand, HandUntil time.Time
	// Bytes are how many it has sealed.
	Bytes int64
	// Ending is the act in which it was destroyed, if it is and the act has not been stated yet.
	Ending Ending
	// HasFiles says that it was told of files once.
	HasFiles bool
	// files is the wrapped files key, once the conversation has a file. It is not replaced when the own keys are, and goes with them.
	files []byte
	// listed is the index partition in which the row stands.
	listed string
}

// Key is the primary key of the row.
func (r Row) Key() attr.Item {
	return attr.Key(conversationPartition(r.Account, r.ID), incarnationKey(r.Incarnation))
}

func (r Row) place(generation int64) string {
	return place(conversationPartition(r.Account, r.ID), incarnationKey(r.Incarnation), strconv.FormatInt(generation, 10))
}

// Opened is when the first life of the row began, or a little later: generations count from that second.
func (r Row) Opened() time.Time { return time.Unix(r.Generation, 0) }

// Moved says whether a settling, a reopening or a destruction came between two readings of a row.
func (r Row) Moved(before Row) bool {
	return r.Generation != before.Generation || r.State != before.State
}

// MayBeOver says whether an open row can be past its time, which only its content tells: it was last active when it was last
// known to be, or later.
func (ses *Session) MayBeOver(r Row) bool {
	p := ses.Policy
	return !ses.Now().Before(r.Active.Add(p.Shortest(r.Kind))) ||
		!retention.CohortOf(r.Active, p.Keeps(r.Kind), p.Zone).End.After(p.Gone[r.Kind]) ||
		slices.ContainsFunc(p.Ended, func(e retention.Ended) bool { return !r.Active.After(e.At) })
}

// WrapOwn makes the own key of a generation.
func (ses *Session) WrapOwn(r Row, generation int64) []byte {
	return ses.Key.Wrap(r.place(generation), keyring.NewKey())
}

// own opens the own key of a generation.
func (ses *Session) own(r Row, generation int64) ([]byte, error) {
	wrapped, ok := r.Own[generation]
	if !ok {
		return nil, ErrUnreadable
	}
	key, err := ses.Key.Unwrap(r.place(generation), wrapped)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return key, nil
}

// OwnAttribute is the own keys as an attribute.
func OwnAttribute(own map[int64][]byte) attr.Item {
	m := attr.Item{}
	for generation, key := range own {
		m[strconv.FormatInt(generation, 10)] = attr.B(key)
	}
	return m
}

// NewRow is the row of a conversation's new life, opened by an event of the given time.
//
// Generations count from the second of the opening, so that the items of a row that somebody removed can never pass for
// those of the row that follows it.
func (ses *Session) NewRow(record string, kind retention.Kind, incarnation int, since time.Time) Row {
	now := ses.Now()
	active := now
	if since.Before(now) {
		active = since
	}
	r := Row{
		Record: keyring.Record{Account: ses.Account, Kind: kind, ID: record, Incarnation: incarnation},
		State:  Open, Generation: now.Unix(), Since: since, Active: active,
	}
	r.Own = map[int64][]byte{r.Generation: ses.WrapOwn(r, r.Generation)}
	return r
}

// New is the row of a new life as an item.
func (r Row) New() attr.Item {
	item := r.Key()
	item["kind"] = attr.S(r.Kind)
	item["state"] = attr.S(r.State)
	item["generation"] = attr.N(r.Generation)
	item["own"] = attr.Map(OwnAttribute(r.Own))
	item["since"] = attr.Time(r.Since)
	item["listing"] = attr.S(OpenListing(r.Account, r.Kind))
	item["position"] = attr.S(Position(r.Active, r.ID, r.Incarnation))
	return item
}

func (s *Store) readRow(account string, item attr.Item) (Row, error) {
	partition := conversationPartition(account, "")
	pk := attr.GetS(item, "pk")
	incarnation, err := strconv.Atoi(attr.GetS(item, "sk"))
	if err != nil || len(pk) != len(partition)+32 || pk[:len(partition)] != partition {
		return Row{}, fmt.Errorf("vault: a row of conversations has another key")
	}
	r := Row{
		Record: keyring.Record{Account: account, Kind: retention.Kind(attr.GetS(item, "kind")), ID: pk[len(partition):], Incarnation: incarnation},
		State:  State(attr.GetS(item, "state")), Generation: attr.GetN(item, "generation"), Own: map[int64][]byte{},
		Revision: int(attr.GetN(item, "revision")), Cohort: attr.GetS(item, "cohort"), FactCohort: attr.GetS(item, "factCohort"),
		Since: attr.GetTime(item, "since"), Known: attr.GetTime(item, "known"), SettledAt: attr.GetTime(item, "settledAt"),
		listed: attr.GetS(item, "listing"),
	}
	if r.Marks, err = retention.ParseMarks(attr.GetB(item, "marks")); err != nil {
		return Row{}, fmt.Errorf("vault: row: %w", err)
	}
	if r.Told, err = retention.ParseMarks(attr.GetB(item, "told")); err != nil {
		return Row{}, fmt.Errorf("vault: row: %w", err)
	}
	r.Completes, r.Awaits, r.Delivered = attr.GetTime(item, "completes"), attr.GetSet(item, "awaits"), attr.GetTime(item, "delivered")
	r.Hand, r.HandUntil, r.Bytes = attr.GetTime(item, "hand"), attr.GetTime(item, "handUntil"), attr.GetN(item, "bytes")
	r.Ending, r.files, r.HasFiles = readEnding(item), attr.GetB(item, filesKey), attr.GetN(item, hasFiles) > 0
	own := attr.GetMap(item, "own")
	for generation := range own {
		g, _ := strconv.ParseInt(generation, 10, 64)
		r.Own[g] = attr.GetB(own, generation)
	}
	if place, err := ParsePosition(attr.GetS(item, "position")); err == nil {
		r.Active = place.At
	}
	return r, nil
}

// Row reads one life of a conversation; ok is false where there is none.
func (ses *Session) Row(ctx context.Context, record string, incarnation int) (r Row, ok bool, err error) {
	item, err := ses.store.get(ctx, ses.store.Tables.Keys, attr.Key(conversationPartition(ses.Account, record), incarnationKey(incarnation)))
	if err != nil || item == nil {
		return Row{}, false, err
	}
	r, err = ses.store.readRow(ses.Account, item)
	return r, err == nil, err
}

// Rows reads all lives of a conversation, the newest first.
func (ses *Session) Rows(ctx context.Context, record string) ([]Row, error) {
	var rows []Row
	in := attr.Partition(ses.store.Tables.Keys, conversationPartition(ses.Account, record))
	in.ScanIndexForward = aws.Bool(false)
	err := ses.store.Query(ctx, in, func(item attr.Item) (bool, error) {
		r, err := ses.store.readRow(ses.Account, item)
		rows = append(rows, r)
		return true, err
	})
	return rows, err
}

// RowsAt reads the rows of places of the index, in the order of the places; those that are gone are left out.
func (ses *Session) RowsAt(ctx context.Context, places []Place) ([]Row, error) {
	order := map[string]int{}
	rows := make([]Row, 0, len(places))
	for chunk := range slices.Chunk(places, 100) {
		keys := make([]attr.Item, 0, len(chunk))
		for _, p := range chunk {
			id := ID(p.Record, p.Incarnation)
			if _, twice := order[id]; twice { // the index is read shard by shard and may show a row at two places
				continue
			}
			order[id] = len(order)
			keys = append(keys, attr.Key(conversationPartition(ses.Account, p.Record), incarnationKey(p.Incarnation)))
		}
		if len(keys) == 0 {
			continue
		}
		found, err := ses.store.batchGet(ctx, map[string][]attr.Item{ses.store.Tables.Keys: keys})
		if err != nil {
			return nil, err
		}
		for _, item := range found[ses.store.Tables.Keys] {
			r, err := ses.store.readRow(ses.Account, item)
			if err != nil {
				return nil, err
			}
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Compare(order[ID(a.ID, a.Incarnation)], order[ID(b.ID, b.Incarnation)])
	})
	return rows, nil
}

// Listing is the index partition of the row once it is settled.
func (r Row) Listing() string { return CohortListing(r.Account, r.Kind, r.Cohort, shardOf(r.ID)) }

// InCohort says whether the row stands in the index among those of its cohort: settled there, or being settled there for the
// first time.
func (r Row) InCohort() bool { return r.Cohort != "" && r.listed == r.Listing() }

// Standing are the attributes of a settled row that say what a policy asks of it, and what it has been told, for an update: what to
// set, and what to remove.
func (r Row) Standing(values attr.Item) (set, remove string) {
	values[":marks"] = attr.B(r.Marks.Bytes())
	set, remove = "marks = :marks", "delivered"
	if r.Completes.IsZero() {
		remove += ", completes"
	} else {
		set, values[":completes"] = set+", completes = :completes", attr.Time(r.Completes)
	}
	if len(r.Awaits) == 0 {
		remove += ", awaits"
	} else {
		set, values[":awaits"] = set+", awaits = :awaits", attr.Set(r.Awaits...)
	}
	if len(r.Told) > 0 {
		set, values[":told"] = set+", told = :told", attr.B(r.Told.Bytes())
	}
	return set, remove
}

// Hidden says whether nobody may read a life of a conversation, as far as its row says: of one that is open only who opens it can
// tell.
func (ses *Session) Hidden(ctx context.Context, r Row) (bool, error) {
	if !r.Hand.IsZero() || r.State != Settled {
		return !r.Hand.IsZero(), nil
	}
	cohorts, err := ses.CohortAt(ctx, r.Kind, r.Cohort)
	if err != nil {
		return false, err
	}
	c, ok := cohorts.Find(r.Cohort)
	return !ok || c.Destroyed() || cohorts.Hidden(r.Item(c.Cohort), ses.Now()), nil
}

// Item is what a policy asks of a settled row in a cohort.
func (r Row) Item(c retention.Cohort) retention.Item {
	return retention.Item{
		ID: ID(r.ID, r.Incarnation), Kind: r.Kind, Cohort: c, Marks: r.Marks, Completes: r.Completes, Settled: r.SettledAt,
		Awaits: len(r.Awaits) > 0, Delivered: r.Delivered,
	}
}

// Latest is the later of two instants.
func Latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

package vault

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/retention"
)

// Listing is the name of the index over the table keys, which projects keys and how large what is settled is.
const Listing = "listing"

// Shards is over how many partitions of the index a cohort's conversations are spread: a partition takes 1,000 writes a
// second.
const Shards = 4

const (
	accountRow   = "account"
	indexRow     = "index"
	destroyedRow = "~destroyed"
)

func keysPartition(account string) string { return account + "#" }

func cohortPartition(account string, kind retention.Kind) string {
	return account + "#cohort#" + string(kind) + "#"
}

func conversationPartition(account, record string) string {
	return account + "#conversation#" + record
}

func incarnationKey(incarnation int) string { return fmt.Sprintf("%04d", incarnation) }

// RecordPartition is the partition of a conversation's items in the table records.
func RecordPartition(account, record string) string { return account + "#" + record }

func recordKey(incarnation int) string { return "record#" + incarnationKey(incarnation) }

func entryPrefix(incarnation int) string { return "entry#" + incarnationKey(incarnation) + "#" }

func entryKey(incarnation int, generation int64, entry string) string {
	return fmt.Sprintf("%s%012d#%s", entryPrefix(incarnation), generation, entry)
}

func filePrefix(incarnation int) string { return "file#" + incarnationKey(incarnation) + "#" }

// duePartition is the partition of the files of an account that are to be fetched, by when.
func duePartition(account string) string { return account + "#due#" }

// SubjectPartition is the partition of the pointers from one person.
func SubjectPartition(account, blind string) string { return account + "#subject#" + blind }

// DayPartition is the partition of a cohort of a kind that goes by the day.
func DayPartition(account string, kind retention.Kind, cohort string) string {
	return account + "#" + string(kind) + "#" + cohort + "#"
}

// OpenListing is the index partition of an account's open conversations of a kind.
func OpenListing(account string, kind retention.Kind) string {
	return account + "#open#" + string(kind) + "#"
}

// CohortListing is one index partition of a cohort's settled conversations.
func CohortListing(account string, kind retention.Kind, cohort string, shard int) string {
	return fmt.Sprintf("%s#%s#%s#%d#", account, kind, cohort, shard)
}

func shardOf(record string) int { return int(record[0]) % Shards }

// Position is a place in the index: by time, newest last.
func Position(at time.Time, record string, incarnation int) string {
	return fmt.Sprintf("%013d#%s#%s", max(0, at.UnixMilli()), record, incarnationKey(incarnation))
}

var positionForm = lazyregexp.New(`^(\d{13})#([a-z2-7]{32})#(\d{4})$`)

// ErrPosition is returned for a text that is no position.
var ErrPosition = errors.New("not a position")

// Place is what a position says.
type Place struct {
	At          time.Time
	Record      string
	Incarnation int
}

// ParsePosition reads a position.
func ParsePosition(s string) (Place, error) {
	m := positionForm().FindStringSubmatch(s)
	if m == nil {
		return Place{}, ErrPosition
	}
	ms, _ := strconv.ParseInt(m[1], 10, 64)
	incarnation, _ := strconv.Atoi(m[3])
	return Place{At: time.UnixMilli(ms).UTC(), Record: m[2], Incarnation: incarnation}, nil
}

var idForm = lazyregexp.New(`^([a-z2-7]{32})-([1-9]\d{0,3})$`)

// ErrID is returned for a text that is no id of a conversation.
var ErrID = errors.New("not the id of a conversation")

// ID is the id by which one life of a conversation is read.
func ID(record string, incarnation int) string { return record + "-" + strconv.Itoa(incarnation) }

// ParseID reads what ID wrote.
func ParseID(s string) (record string, incarnation int, err error) {
	m := idForm().FindStringSubmatch(s)
	if m == nil {
		return "", 0, ErrID
	}
	incarnation, _ = strconv.Atoi(m[2])
	return m[1], incarnation, nil
}

// place is where a wrapped key stands: it opens nowhere else.
func place(parts ...string) string { return strings.Join(parts, "\x00") }

func sealContext(r keyring.Record, more ...string) map[string]string {
	ctx := map[string]string{
		"account": r.Account, "kind": string(r.Kind), "record": r.ID, "incarnation": strconv.Itoa(r.Incarnation),
	}
	for i := 0; i+1 < len(more); i += 2 {
		ctx[more[i]] = more[i+1]
	}
	return ctx
}

// Package ledger is the copy ledger: what left for where. Every copy of a record is in it before it leaves, so that completion
// knows what is delivered, erasure where copies are, and nobody sends the same twice.
//
//	table control
//	demo#copy#<record>#   0001#mail:archive#<blind index>    one conversation, to one mailbox
//	demo#copy#<record>#   0001#push:crm#2                    one conversation's second revision, to an endpoint
//	demo#copy#account#    extract:<id>                       everything
//	demo#copy#digest#     <period's end>#mail:archive#…      one message of a digest, which holds many of the first
//	demo#copy#told#       <notice>#mail:administrators#…     what one administrator is told
//
//	attribute   what
//	state       leaving | left | failed
//	at          when it was claimed last
//	by          who claimed it last
//	until       up to when nobody else may claim it
//	revision    which revision left; in the key only where every revision is a copy of its own
//	attempt     how often it was claimed
//	leftAt      since when it is known to have left
//	code        why it failed for good
//
// A row names no person: who a copy went to is a blind index, which only the account's index key makes.
//
// # Once, or twice after a crash
//
//	Begin    no row                  → leaving: go on
//	         leaving, lease is over  → leaving: go on, whoever claimed it before is gone
//	         leaving, leased         → somebody is at it: come again later
//	         left, failed            → done with
//	Left     leaving → left
//	Failed   leaving → failed
//	Release  leaving, the lease is over at once
//
// Whoever sends claims first and says afterwards that it left. A process that ends in between leaves its claim behind, and
// nobody can know whether the copy left; when the lease is over it is sent again. So it may leave once more for every such
// crash, and is never lost. The lease is longer than a claimant may run, so that two never send at the same time, and
// shorter than a queue waits before it brings a message again, so that what comes again is not turned away.
package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/lazyregexp"
)

// Lease is how long a claim keeps others away: twice as long as mail, which claims, may run (a minute); its queue brings a
// message again after six.
const Lease = 2 * time.Minute

// State is how far a copy has come.
type State string

// The states. Left and Failed are final.
const (
	Leaving State = "leaving"
	Left    State = "left"
	Failed  State = "failed"
)

// Copy names a copy: what, and for where.
type Copy struct {
	Account string
	// Record and Incarnation are the conversation's; empty and zero where the copy is of more than one.
	Record      string
	Incarnation int
	// Destination is kind and name, such as mail:archive; Detail tells copies to one destination apart.
	Destination, Detail string
	// Revision is the one that leaves.
	Revision int
	pk, sk   string
}

const (
	ofAccount = "account"
	ofDigest  = "digest"
	ofNotice  = "told" // no form of a key of notices, which are deleted
)

func partition(account, of string) string { return account + "#copy#" + of + "#" }

func prefix(incarnation int) string { return fmt.Sprintf("%04d#", incarnation) }

// OfRecord is a copy of one conversation. The revision is not part of its name; where every revision is a copy of its own,
// the detail says which.
func OfRecord(account, record string, incarnation int, destination, detail string, revision int) Copy {
	return Copy{
		Account: account, Record: record, Incarnation: incarnation, Destination: destination, Detail: detail, Revision: revision,
		pk: partition(account, record), sk: prefix(incarnation) + destination + "#" + detail,
	}
}

// OfAccount is a copy of everything.
func OfAccount(account, destination string) Copy {
	return Copy{Account: account, Destination: destination, pk: partition(account, ofAccount), sk: destination}
}

// OfDigest is one message that holds copies of several conversations of a period.
func OfDigest(account string, end time.Time, destination, detail string) Copy {
	return Copy{
		Account: account, Destination: destination, Detail: detail,
		pk: partition(account, ofDigest), sk: end.UTC().Format(time.RFC3339) + "#" + destination + "#" + detail,
	}
}

// OfNotice is what one administrator is told of something.
func OfNotice(account, id, destination, detail string) Copy {
	return Copy{
		Account: account, Destination: destination, Detail: detail,
		pk: partition(account, ofNotice), sk: id + "#" + destination + "#" + detail,
	}
}

// Entry is what the ledger says of a copy.
type Entry struct {
	Copy
	State State
	// At is when it was claimed last and LeftAt since when it is known to have left; zero is never.
	At, LeftAt time.Time
	// By is who claimed it last, Attempt how often it was claimed.
	By      string
	Attempt int
	// Code is why it failed.
	Code string
}

// Ledger is the ledger in the control table.
type Ledger struct {
	DB    *dynamodb.Client
	Table string
	Now   func() time.Time
}

// NewClaimant is a name that nobody else has.
func NewClaimant() string { return rand.Text() }

// Claim is the answer to a claim.
type Claim struct {
	ledger *Ledger
	// Entry is the row as it is now.
	Entry
	// Mine says that whoever asked may send the copy now, and must say then what became of it.
	Mine bool
}

// ErrLeased says that somebody else is sending a copy, or was a moment ago: whoever wants it sent comes again later.
var ErrLeased = errors.New("ledger: somebody else is sending this copy")

// Begin claims a copy for someone. A copy that left or failed is not Mine, and no error; one that somebody else claimed less
// than a lease ago is ErrLeased. A claimant who has claimed it before has it again at once.
func (l *Ledger) Begin(ctx context.Context, c Copy, by string) (Claim, error) {
	now := l.Now()
	out, err := l.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.Table, Key: attr.Key(c.pk, c.sk), ReturnValues: types.ReturnValueAllNew,
		UpdateExpression: aws.String("SET #state = :leaving, #at = :now, #by = :by, #until = :until, revision = :revision" +
			" ADD attempt :one"),
		ConditionExpression:      aws.String("attribute_not_exists(pk) OR #state = :leaving AND (#until <= :now OR #by = :by)"),
		ExpressionAttributeNames: map[string]string{"#state": "state", "#at": "at", "#by": "by", "#until": "until"},
		ExpressionAttributeValues: attr.Item{
			":leaving": attr.S(Leaving), ":now": attr.Time(now), ":until": attr.Time(now.Add(Lease)), ":by": attr.S(by),
			":revision": attr.N(c.Revision), ":one": attr.N(1),
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		e := read(c, failed.Item)
		if e.State == Leaving {
			return Claim{}, ErrLeased
		}
		return Claim{ledger: l, Entry: e}, nil
	}
	if err != nil {
		return Claim{}, fmt.Errorf("claim copy: %w", err)
	}
	return Claim{ledger: l, Entry: read(c, out.Attributes), Mine: true}, nil
}

// Left says that the copy left. It is true whoever holds the claim by now.
func (c *Claim) Left(ctx context.Context) error {
	return c.update(ctx, "SET #state = :state, leftAt = :now", "",
		attr.Item{":state": attr.S(Left), ":now": attr.Time(c.ledger.Now())})
}

// Failed says that the copy cannot leave, ever, and why: a stable code. A claim that somebody has taken over is left alone.
func (c *Claim) Failed(ctx context.Context, code string) error {
	return c.update(ctx, "SET #state = :state, code = :code", "#state = :leaving AND #by = :by",
		attr.Item{":state": attr.S(Failed), ":code": attr.S(code), ":leaving": attr.S(Leaving), ":by": attr.S(c.By)})
}

// Release says that the copy has certainly not left: whoever comes next need not wait for the lease.
func (c *Claim) Release(ctx context.Context) error {
	return c.update(ctx, "SET #until = :now", "#state = :leaving AND #by = :by",
		attr.Item{":now": attr.Time(c.ledger.Now()), ":leaving": attr.S(Leaving), ":by": attr.S(c.By)})
}

func (c *Claim) update(ctx context.Context, set, condition string, values attr.Item) error {
	names := map[string]string{}
	for placeholder, name := range map[string]string{"#state": "state", "#until": "until", "#by": "by"} {
		if strings.Contains(set+condition, placeholder) {
			names[placeholder] = name
		}
	}
	in := &dynamodb.UpdateItemInput{
		TableName: &c.ledger.Table, Key: attr.Key(c.pk, c.sk), UpdateExpression: &set,
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}
	if condition != "" {
		in.ConditionExpression = &condition
	}
	_, err := c.ledger.DB.UpdateItem(ctx, in)
	if _, over := errors.AsType[*types.ConditionalCheckFailedException](err); over {
		return nil
	}
	if err != nil {
		return fmt.Errorf("keep the ledger: %w", err)
	}
	return nil
}

// pageSize is how many entries are read at a time.
const pageSize = 100

var cursorForm = lazyregexp.New(`^([a-z]+:[A-Za-z0-9-]+#[A-Za-z0-9#:-]+)?$`)

// ValidCursor says whether a text can be the next of a page; the empty one is before the first.
func ValidCursor(s string) bool { return len(s) <= 512 && cursorForm().MatchString(s) }

// Page reads what the ledger says of one life of a conversation, a hundred entries at a time. After is empty or the next of
// the page before; the next of the last page is empty.
func (l *Ledger) Page(ctx context.Context, account, record string, incarnation int, after string,
) (entries []Entry, next string, err error) {
	pk := partition(account, record)
	in := attr.Beginning(l.Table, pk, prefix(incarnation))
	in.Limit = aws.Int32(pageSize)
	if after != "" {
		in.ExclusiveStartKey = attr.Key(pk, prefix(incarnation)+after)
	}
	out, err := l.DB.Query(ctx, in)
	if err != nil {
		return nil, "", fmt.Errorf("read the ledger: %w", err)
	}
	for _, item := range out.Items {
		rest := strings.TrimPrefix(attr.GetS(item, "sk"), prefix(incarnation))
		destination, detail, _ := strings.Cut(rest, "#")
		entries = append(entries, read(OfRecord(account, record, incarnation, destination, detail, 0), item))
	}
	if out.LastEvaluatedKey != nil {
		next = strings.TrimPrefix(attr.GetS(out.LastEvaluatedKey, "sk"), prefix(incarnation))
	}
	return entries, next, nil
}

// List reads everything that the ledger says of one life of a conversation.
func (l *Ledger) List(ctx context.Context, account, record string, incarnation int) (all []Entry, err error) {
	for after := ""; ; {
		page, next, err := l.Page(ctx, account, record, incarnation, after)
		if all = append(all, page...); err != nil || next == "" {
			return all, err
		}
		after = next
	}
}

func read(c Copy, item attr.Item) Entry {
	c.Revision = int(attr.GetN(item, "revision"))
	return Entry{
		Copy: c, State: State(attr.GetS(item, "state")), At: attr.GetTime(item, "at"), LeftAt: attr.GetTime(item, "leftAt"),
		By: attr.GetS(item, "by"), Attempt: int(attr.GetN(item, "attempt")), Code: attr.GetS(item, "code"),
	}
}

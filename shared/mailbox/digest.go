package mailbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// Late is how long after a period's end something may still be put into its digest, and Grace how long after it the digest
// is begun at the earliest.
const (
	Late  = 5 * time.Minute
	Grace = 10 * time.Minute
)

// Period is what a digest is about; its end is not part of it.
type Period struct{ From, To time.Time }

// PeriodOf is the hour of UTC, or the day or the week from Monday in a zone, in which an instant lies.
func PeriodOf(at time.Time, when When, zone *time.Location) Period {
	if when == Hourly {
		from := at.UTC().Truncate(time.Hour)
		return Period{from, from.Add(time.Hour)}
	}
	today := dayOf(at, zone)
	if when == Daily {
		return Period{today.Start, today.End}
	}
	date, _ := time.Parse(time.DateOnly, today.ID)
	monday := date.AddDate(0, 0, -((int(date.Weekday()) + 6) % 7))
	return Period{startOf(monday, zone), startOf(monday.AddDate(0, 0, 7), zone)}
}

func dayOf(at time.Time, zone *time.Location) retention.Cohort {
	return retention.CohortOf(at, retention.Period(retention.FloorDay), zone)
}

// startOf is when a date begins in a zone.
func startOf(date time.Time, zone *time.Location) time.Time {
	y, m, d := date.Date()
	return dayOf(time.Date(y, m, d, 12, 0, 0, 0, zone), zone).Start // noon is in the middle of the day in every zone
}

// PeriodFor is the period of the digest into which something goes now that settled then: that in which it settled or, where
// it is too late for that, that of now.
func PeriodFor(settled, now time.Time, when When, zone *time.Location) Period {
	p := PeriodOf(settled, when, zone)
	if now.After(p.To.Add(Late)) {
		return PeriodOf(now, when, zone)
	}
	return p
}

// Digest is a digest that is due at its period's end.
type Digest struct {
	Account, Destination string
	When                 When
	Period
}

// Filed is a conversation in a digest.
type Filed struct {
	Record      string
	Incarnation int
	Kind        retention.Kind
	// Settled is when it did; the digest is in this order.
	Settled time.Time
	// Mailboxes are the blind indices of those whom it is for.
	Mailboxes []string
	// Content is what the letter was to hold of it, and Size how many bytes that takes at most.
	Content letter.Content
	Size    int
}

const instant = "2006-01-02T15:04:05Z"

func digestKey(end time.Time, destination string) string {
	return end.UTC().Format(instant) + "#" + destination
}

func (b *Book) digests() string { return b.ses.Account + "#digest#" }

// partition is that of what is in the digest. Permissions go by forms of partition keys such as *#mail#*, which no name of a
// destination may take on: hence the slash.
func (d Digest) partition() string {
	return d.Account + "#digest#" + d.To.UTC().Format(instant) + "/" + d.Destination + "#"
}

// File puts a conversation into a digest, in place of what was said of it before. The row of the digest comes last, so that
// none is begun which lacks what it was made for.
func (b *Book) File(ctx context.Context, d Digest, f Filed) error {
	item := attr.Key(d.partition(), f.Record+"#"+fmt.Sprintf("%04d", f.Incarnation))
	item["kind"], item["settled"], item["mailboxes"] = attr.S(f.Kind), attr.Time(f.Settled), attr.Strings(f.Mailboxes)
	item["content"], item["size"] = attr.S(f.Content), attr.N(f.Size)
	if _, err := b.store.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &b.store.Tables.Control, Item: item}); err != nil {
		return fmt.Errorf("put into digest: %w", err)
	}
	item = attr.Key(b.digests(), digestKey(d.To, d.Destination))
	item["when"], item["from"], item["to"] = attr.S(d.When), attr.Time(d.From), attr.Time(d.To)
	_, err := b.store.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &b.store.Tables.Control, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if err != nil && !vault.IsConditionFailed(err) {
		return fmt.Errorf("put digest: %w", err)
	}
	return nil
}

// Due are the digests that may be begun now, the oldest first.
func (b *Book) Due(ctx context.Context) (due []Digest, err error) {
	query := b.partition(b.digests())
	query.KeyConditionExpression = aws.String("pk = :pk AND sk < :now")
	query.ExpressionAttributeValues[":now"] = attr.S(digestKey(b.ses.Now().Add(-Grace), "~")) // behind every name
	err = b.store.Query(ctx, query, func(item attr.Item) (bool, error) {
		due = append(due, b.readDigest(item))
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read digests: %w", err)
	}
	return due, nil
}

func (b *Book) readDigest(item attr.Item) Digest {
	return Digest{
		Account: b.ses.Account, Destination: idOf(attr.GetS(item, "sk")), When: When(attr.GetS(item, "when")),
		Period: Period{attr.GetTime(item, "from"), attr.GetTime(item, "to")},
	}
}

// Taken is a digest that nobody else works on until the lease is over.
type Taken struct {
	Digest
	// Done says that everything of it was sent, and only its rows are left.
	Done bool
	book *Book
}

// Take takes a digest for a while; ok is false where there is none, or somebody else works on it.
func (b *Book) Take(ctx context.Context, destination string, end time.Time, lease time.Duration) (t *Taken, ok bool, err error) {
	now := b.ses.Now()
	if now.Before(end.Add(Grace)) {
		return nil, false, nil
	}
	out, err := b.store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &b.store.Tables.Control, Key: attr.Key(b.digests(), digestKey(end, destination)),
		ReturnValues:              types.ReturnValueAllNew,
		UpdateExpression:          aws.String("SET #until = :until"),
		ConditionExpression:       aws.String("attribute_exists(pk) AND (attribute_not_exists(#until) OR #until <= :now)"),
		ExpressionAttributeNames:  map[string]string{"#until": "until"},
		ExpressionAttributeValues: attr.Item{":until": attr.Time(now.Add(lease)), ":now": attr.Time(now)},
	})
	if vault.IsConditionFailed(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("take digest: %w", err)
	}
	return &Taken{Digest: b.readDigest(out.Attributes), Done: attr.GetN(out.Attributes, "done") == 1, book: b}, true, nil
}

// Release lets the next take the digest at once, also one whose clock is behind.
func (t *Taken) Release(ctx context.Context) error {
	return t.set(ctx, "until", attr.Time(time.Time{}))
}

// Sent says that everything of the digest was sent: from now on, only its rows are left to be deleted.
func (t *Taken) Sent(ctx context.Context) error { return t.set(ctx, "done", attr.N(1)) }

func (t *Taken) set(ctx context.Context, name string, value types.AttributeValue) error {
	_, err := t.book.store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &t.book.store.Tables.Control, Key: attr.Key(t.book.digests(), digestKey(t.To, t.Destination)),
		UpdateExpression: aws.String("SET #name = :value"), ConditionExpression: aws.String("attribute_exists(pk)"),
		ExpressionAttributeNames: map[string]string{"#name": name}, ExpressionAttributeValues: attr.Item{":value": value},
	})
	if err != nil && !vault.IsConditionFailed(err) {
		return fmt.Errorf("keep digest: %w", err)
	}
	return nil
}

// Conversations are what is in the digest, in the order in which they settled.
func (t *Taken) Conversations(ctx context.Context) (all []Filed, err error) {
	err = t.book.store.Query(ctx, t.book.partition(t.partition()), func(item attr.Item) (bool, error) {
		record, incarnation, _ := strings.Cut(attr.GetS(item, "sk"), "#")
		n, err := strconv.Atoi(incarnation)
		if err != nil {
			return false, errors.New("a row of a digest has another key")
		}
		all = append(all, Filed{
			Record: record, Incarnation: n, Kind: retention.Kind(attr.GetS(item, "kind")), Settled: attr.GetTime(item, "settled"),
			Mailboxes: attr.GetStrings(item, "mailboxes"),
			Content:   letter.Content(attr.GetS(item, "content")), Size: int(attr.GetN(item, "size")),
		})
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read digest: %w", err)
	}
	slices.SortFunc(all, func(a, b Filed) int {
		return cmp.Or(a.Settled.Compare(b.Settled), cmp.Compare(a.Record, b.Record), cmp.Compare(a.Incarnation, b.Incarnation))
	})
	return all, nil
}

// Delete deletes the digest, after what is in it.
func (t *Taken) Delete(ctx context.Context) error {
	if err := t.book.clear(ctx, t.partition()); err != nil {
		return fmt.Errorf("delete digest: %w", err)
	}
	_, err := t.book.delete(ctx, t.book.digests(), digestKey(t.To, t.Destination))
	return err
}

package mailbox

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/vault"
)

// Happening is what became of a message.
type Happening string

// What becomes of a message: SES took it; it came back, or was reported as unwanted, later; it was not sent because its
// address is suppressed, or because it cannot be.
const (
	LogSent       Happening = "sent"
	LogBounced    Happening = "bounced"
	LogComplained Happening = "complained"
	LogSuppressed Happening = "suppressed"
	LogFailed     Happening = "failed"
)

// LogKeeps is how long the log remembers.
const LogKeeps = 90 * 24 * time.Hour

// Logged is an entry of the log.
type Logged struct {
	At          time.Time
	Event       Happening
	Destination string
	// Conversation is the id of the one that the message was about; empty of a digest.
	Conversation string
	// Address is the account's own, as one of its destinations has it; empty where only the conversation has it, which may be
	// destroyed before the entry, and where the destination is no more.
	Address string
}

const logTime = "2006-01-02T15:04:05.000Z"

// Log writes an entry. The id tells entries of one instant apart; the same entry again, with the same id, is no second one.
func (b *Book) Log(ctx context.Context, e Logged, id string) error {
	pk, sk := b.log(e.At), e.At.UTC().Format(logTime)+"#"+id
	item := attr.Key(pk, sk)
	item["event"], item["destination"], item["conversation"] = attr.S(e.Event), attr.S(e.Destination), attr.S(e.Conversation)
	if e.Address != "" {
		item["address"] = b.wrap(pk, sk, []byte(e.Address))
	}
	_, err := b.store.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &b.store.Tables.Control, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if err != nil && !vault.IsConditionFailed(err) {
		return fmt.Errorf("write mail log: %w", err)
	}
	return nil
}

// ErrCursor is returned for a cursor that LogPage did not give.
var ErrCursor = errors.New("not a cursor of the mail log")

var cursorForm = lazyregexp.New(`^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d\.\d{3}Z#[A-Za-z0-9]{1,64}$`)

// LogPage reads up to limit entries of the log, the newest first, below a cursor; next is empty after the last.
func (b *Book) LogPage(ctx context.Context, limit int, cursor string) (entries []Logged, next string, err error) {
	now := b.ses.Now().UTC()
	day, below := now.AddDate(0, 0, 1), "" // clocks of other processes may be ahead
	if cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(cursor)
		m := cursorForm().FindStringSubmatch(string(raw))
		if err != nil || m == nil {
			return nil, "", ErrCursor
		}
		from, err := time.Parse(time.DateOnly, m[1])
		if err != nil {
			return nil, "", ErrCursor
		}
		if !from.After(day) { // from a later one, everything is below
			day, below = from, string(raw)
		}
	}
	oldest := now.Add(-LogKeeps)
	for ; !day.Before(oldest.Truncate(24 * time.Hour)); day, below = day.AddDate(0, 0, -1), "" {
		query := b.partition(b.log(day))
		query.ScanIndexForward, query.Limit = aws.Bool(false), aws.Int32(int32(limit)+1)
		if below != "" {
			query.KeyConditionExpression = aws.String("pk = :pk AND sk < :below")
			query.ExpressionAttributeValues[":below"] = attr.S(below)
		}
		full := false
		err := b.store.Query(ctx, query, func(item attr.Item) (bool, error) {
			e, ok, err := b.readLogged(item, now)
			if err != nil || !ok {
				return true, err
			}
			if full = len(entries) == limit; full {
				return false, nil
			}
			entries, next = append(entries, e), attr.GetS(item, "sk")
			return true, nil
		})
		if err != nil {
			return nil, "", fmt.Errorf("read mail log: %w", err)
		}
		if full {
			return entries, base64.RawURLEncoding.EncodeToString([]byte(next)), nil
		}
	}
	return entries, "", nil
}

// readLogged reads an entry; ok is false where its time is over.
func (b *Book) readLogged(item attr.Item, now time.Time) (e Logged, ok bool, err error) {
	stamp, _, _ := strings.Cut(attr.GetS(item, "sk"), "#")
	at, err := time.Parse(logTime, stamp)
	if err != nil {
		return Logged{}, false, errors.New("a row of the mail log has another key")
	}
	e = Logged{
		At: at, Event: Happening(attr.GetS(item, "event")), Destination: attr.GetS(item, "destination"),
		Conversation: attr.GetS(item, "conversation"),
	}
	if !now.Before(e.At.Add(LogKeeps)) {
		return Logged{}, false, nil
	}
	if item["address"] != nil {
		address, err := b.unwrap(item, "address")
		if err != nil {
			return Logged{}, false, err
		}
		e.Address = string(address)
	}
	return e, true, nil
}

// clearDays is of how many days Clear removes what is over: more than one, so that a day on which it did not run is made
// up for.
const clearDays = 3

// Clear removes the days of the log, and the links, whose time is over.
func (b *Book) Clear(ctx context.Context) error {
	var failures []error
	for days := range clearDays {
		back := func(keeps time.Duration) time.Time { return b.ses.Now().Add(-keeps).AddDate(0, 0, -1-days) }
		failures = append(failures, b.clear(ctx, b.log(back(LogKeeps))),
			b.clear(ctx, account.LinkPartition(b.ses.Account, back(account.LinkLife))))
	}
	return errors.Join(failures...)
}

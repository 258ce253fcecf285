package mailbox

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// Book is one account's mailboxes in the control table, opened for one request as the session is.
type Book struct {
	store *vault.Store
	ses   *vault.Session
}

// Open is the book of an account that was opened with its keys.
func Open(store *vault.Store, ses *vault.Session) *Book { return &Book{store, ses} }

func (b *Book) destinations() string { return b.ses.Account + "#mail#" }
func (b *Book) suppressed() string   { return b.ses.Account + "#mailbox#" }
func (b *Book) log(day time.Time) string {
	return b.ses.Account + "#maillog#" + day.UTC().Format(time.DateOnly) + "#"
}

// Blind is the name of an address in keys and tags.
func (b *Book) Blind(address string) string {
	return b.ses.Index.Subject("email", vault.NormalEmail(address))
}

var blindForm = lazyregexp.New(`^[a-z2-7]{32}$`)

// ValidBlind says whether a text has the form of a blind index; nothing else may reach a key.
func ValidBlind(s string) bool { return blindForm().MatchString(s) }

func (b *Book) wrap(pk, sk string, secret []byte) types.AttributeValue {
	return attr.B(b.ses.Key.Wrap(pk+"\x00"+sk, secret))
}

func (b *Book) unwrap(item attr.Item, name string) ([]byte, error) {
	return b.ses.Key.Unwrap(attr.GetS(item, "pk")+"\x00"+attr.GetS(item, "sk"), attr.GetB(item, name))
}

// Destinations are all destinations of the account, by their names.
func (b *Book) Destinations(ctx context.Context) (all []Destination, err error) {
	err = b.store.Query(ctx, b.partition(b.destinations()), func(item attr.Item) (bool, error) {
		d, err := b.readDestination(item)
		all = append(all, d)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("read destinations: %w", err)
	}
	return all, nil
}

// Destination is the destination of a name, if there is one.
func (b *Book) Destination(ctx context.Context, name string) (d Destination, ok bool, err error) {
	item, err := b.get(ctx, b.destinations(), name)
	if err != nil || item == nil {
		return Destination{}, false, err
	}
	d, err = b.readDestination(item)
	return d, err == nil, err
}

func (b *Book) readDestination(item attr.Item) (Destination, error) {
	d := Destination{
		Name: attr.GetS(item, "sk"), When: When(attr.GetS(item, "when")), Content: letter.Content(attr.GetS(item, "content")),
	}
	for _, kind := range attr.GetStrings(item, "kinds") {
		d.Kinds = append(d.Kinds, retention.Kind(kind))
	}
	to, err := b.unwrap(item, "to")
	if err != nil {
		return Destination{}, fmt.Errorf("destination %s: %w", d.Name, err)
	}
	if json.Unmarshal(to, &d.To) != nil {
		return Destination{}, fmt.Errorf("destination %s: of another form", d.Name) // the library's text may quote an address
	}
	return d, nil
}

// Put keeps a destination that ParseDestination has read, in place of the one of its name.
func (b *Book) Put(ctx context.Context, d Destination) error {
	to, err := json.Marshal(d.To)
	if err != nil {
		return fmt.Errorf("destination %s cannot be written", d.Name) // as above
	}
	kinds := make([]string, len(d.Kinds))
	for i, kind := range d.Kinds {
		kinds[i] = string(kind)
	}
	item := attr.Key(b.destinations(), d.Name)
	item["when"], item["content"], item["kinds"] = attr.S(d.When), attr.S(d.Content), attr.Strings(kinds)
	item["to"] = b.wrap(b.destinations(), d.Name, to)
	if _, err := b.store.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &b.store.Tables.Control, Item: item}); err != nil {
		return fmt.Errorf("keep destination: %w", err)
	}
	return nil
}

// Delete removes a destination; ok says whether there was one. What has left stays in the copy ledger.
func (b *Book) Delete(ctx context.Context, name string) (ok bool, err error) {
	return b.delete(ctx, b.destinations(), name)
}

// Reason is why nothing is sent to an address any more.
type Reason string

// The reasons.
const (
	Bounced    Reason = "bounced"
	Complained Reason = "complained"
)

// Suppression is an address to which nothing is sent any more.
type Suppression struct {
	// ID is the address's blind index.
	ID string
	// Address is the account's own, as one of its destinations has it. A suppression has no end, so it holds no address that
	// only a conversation has.
	Address string
	Reason  Reason
	At      time.Time
}

// IsSuppressed says whether nothing is sent to an address, by its blind index.
func (b *Book) IsSuppressed(ctx context.Context, blind string) (bool, error) {
	item, err := b.get(ctx, b.suppressed(), blind)
	return item != nil, err
}

// Suppress stops sending to an address. One that is suppressed already keeps why and since when.
func (b *Book) Suppress(ctx context.Context, s Suppression) error {
	item := attr.Key(b.suppressed(), s.ID)
	item["reason"], item["at"] = attr.S(s.Reason), attr.Time(s.At)
	if s.Address != "" {
		item["address"] = b.wrap(b.suppressed(), s.ID, []byte(s.Address))
	}
	_, err := b.store.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &b.store.Tables.Control, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if err != nil && !vault.IsConditionFailed(err) {
		return fmt.Errorf("suppress: %w", err)
	}
	return nil
}

// Suppressions are all suppressed addresses.
func (b *Book) Suppressions(ctx context.Context) (all []Suppression, err error) {
	err = b.store.Query(ctx, b.partition(b.suppressed()), func(item attr.Item) (bool, error) {
		s := Suppression{ID: attr.GetS(item, "sk"), Reason: Reason(attr.GetS(item, "reason")), At: attr.GetTime(item, "at")}
		if item["address"] != nil {
			address, err := b.unwrap(item, "address")
			if err != nil {
				return false, err
			}
			s.Address = string(address)
		}
		all = append(all, s)
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read suppressions: %w", err)
	}
	return all, nil
}

// Unsuppress lets mail go to an address again; ok says whether it was suppressed.
func (b *Book) Unsuppress(ctx context.Context, id string) (ok bool, err error) {
	return b.delete(ctx, b.suppressed(), id)
}

func (b *Book) partition(pk string) *dynamodb.QueryInput {
	return attr.Partition(b.store.Tables.Control, pk)
}

func (b *Book) get(ctx context.Context, pk, sk string) (attr.Item, error) {
	out, err := b.store.DB.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &b.store.Tables.Control, Key: attr.Key(pk, sk), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, fmt.Errorf("read mailboxes: %w", err)
	}
	return out.Item, nil
}

func (b *Book) delete(ctx context.Context, pk, sk string) (ok bool, err error) {
	_, err = b.store.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &b.store.Tables.Control, Key: attr.Key(pk, sk), ConditionExpression: aws.String("attribute_exists(pk)"),
	})
	if vault.IsConditionFailed(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("delete from mailboxes: %w", err)
	}
	return true, nil
}

// clear deletes all rows of a partition, one by one: nobody may delete rows of the control table in batches, which know no
// conditions.
func (b *Book) clear(ctx context.Context, pk string) error {
	query := b.partition(pk)
	query.ProjectionExpression = aws.String("pk, sk")
	return b.store.Query(ctx, query, func(item attr.Item) (bool, error) {
		_, err := b.store.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &b.store.Tables.Control, Key: item})
		return true, err
	})
}

// idOf cuts what a sort key has behind its time.
func idOf(sk string) string {
	_, id, _ := strings.Cut(sk, "#")
	return id
}

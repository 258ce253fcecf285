package mailbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/vault"
)

// MaxAdministrators is how many addresses an account may have told.
const MaxAdministrators = 20

// ErrAdministrators is returned for what cannot be a list of administrators.
var ErrAdministrators = fault.New(fault.Invalid, "administrators_invalid",
	fmt.Sprintf("The administrators are at most %d plain e-mail addresses, without names beside them.", MaxAdministrators))

// Administrators are the addresses that are told what hides or destroys something of the account.
type Administrators struct {
	Addresses []string
	// version is that of the row; 0 is none.
	version int64
}

// ParseAdministrators reads addresses as they are given, each once, in the form in which they are written to.
func ParseAdministrators(given []string) ([]string, error) {
	if len(given) > MaxAdministrators {
		return nil, ErrAdministrators
	}
	addresses, seen := []string{}, map[string]bool{}
	for _, a := range given {
		bare, err := letter.Address(a)
		if err != nil {
			return nil, ErrAdministrators
		}
		if name := vault.NormalEmail(bare); !seen[name] { // one mailbox, by whichever spelling
			addresses, seen[name] = append(addresses, bare), true
		}
	}
	return addresses, nil
}

const (
	administratorsForm = "#administrators#"
	administratorsKey  = "list"
)

// AdministratorsItem is the row of a new account's administrators.
func AdministratorsItem(key *keyring.Account, addresses []string) (attr.Item, error) {
	return administratorsItem(key, addresses, 1)
}

func administratorsItem(key *keyring.Account, addresses []string, version int64) (attr.Item, error) {
	list, err := json.Marshal(addresses)
	if err != nil {
		return nil, errors.New("administrators cannot be written") // the library's text may quote an address
	}
	pk := key.ID() + administratorsForm
	item := attr.Key(pk, administratorsKey)
	item["to"], item["version"] = attr.B(key.Wrap(pk+"\x00"+administratorsKey, list)), attr.N(version)
	return item, nil
}

// Administrators are the account's; there may be none.
func (b *Book) Administrators(ctx context.Context) (a Administrators, err error) {
	item, err := b.get(ctx, b.ses.Account+administratorsForm, administratorsKey)
	if err != nil || item == nil {
		return Administrators{}, err
	}
	list, err := b.unwrap(item, "to")
	if err != nil {
		return a, fmt.Errorf("administrators: %w", err)
	}
	if json.Unmarshal(list, &a.Addresses) != nil {
		return a, errors.New("administrators: of another form")
	}
	a.version = attr.GetN(item, "version")
	return a, nil
}

// AdministratorsWrite puts a list in place of the one that was read, if that still is the list.
func (b *Book) AdministratorsWrite(before Administrators, addresses []string) (types.TransactWriteItem, error) {
	item, err := administratorsItem(b.ses.Key, addresses, before.version+1)
	if err != nil {
		return types.TransactWriteItem{}, err
	}
	put := &types.Put{TableName: &b.store.Tables.Control, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)")}
	if before.version > 0 {
		put.ConditionExpression = aws.String("#version = :version")
		put.ExpressionAttributeNames = map[string]string{"#version": "version"}
		put.ExpressionAttributeValues = attr.Item{":version": attr.N(before.version)}
	}
	return types.TransactWriteItem{Put: put}, nil
}

// Notice is news that waits until every administrator has an e-mail of it.
type Notice struct {
	// ID is by NewNoticeID: notices are in the order in which they were made.
	ID string
	// To are those who are told; empty: whoever the administrators are when it is sent. Who has them written down here keeps
	// a change of the list that comes after it from deciding who hears of it.
	To []string `json:",omitzero"`
	letter.News
}

// Unsent is how old a notice is before the schedule sends it to the queue: whoever wrote it does so itself.
const Unsent = 5 * time.Minute

const noticeTime = "20060102T150405.000Z"

var noticeForm = lazyregexp.New(`^\d{8}T\d{6}\.\d{3}Z-[a-z2-7]{26}$`)

// NewNoticeID is the id of a notice of an instant.
func NewNoticeID(at time.Time) string {
	return at.UTC().Format(noticeTime) + "-" + strings.ToLower(rand.Text())
}

// Message is what the mail queue is told of a notice.
func (n Notice) Message(account string) string { return noticeMessage(account, n.ID) }

func noticeMessage(account, id string) string {
	b, err := json.Marshal(map[string]map[string]string{"notice": {"account": account, "id": id}})
	if err != nil {
		panic(err) // two strings always marshal
	}
	return string(b)
}

func (b *Book) notices() string { return b.ses.Account + "#notice#" }

// NoticeWrite is the put of a notice, for the transaction that does what it tells: so neither happens without the other.
func (b *Book) NoticeWrite(n Notice) (types.TransactWriteItem, error) {
	if !noticeForm().MatchString(n.ID) {
		return types.TransactWriteItem{}, errors.New("a notice has another id")
	}
	secret, err := json.Marshal(n)
	if err != nil {
		return types.TransactWriteItem{}, errors.New("a notice cannot be written") // as above
	}
	item := attr.Key(b.notices(), n.ID)
	item["notice"] = b.wrap(b.notices(), n.ID, secret)
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &b.store.Tables.Control, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}}, nil
}

// Notice is the notice of an id that still waits; ok is false where it does not, or there never was one.
func (b *Book) Notice(ctx context.Context, id string) (n Notice, ok bool, err error) {
	if !noticeForm().MatchString(id) {
		return Notice{}, false, nil
	}
	item, err := b.get(ctx, b.notices(), id)
	if err != nil || item == nil {
		return Notice{}, false, err
	}
	secret, err := b.unwrap(item, "notice")
	if err != nil {
		return Notice{}, false, fmt.Errorf("notice: %w", err)
	}
	if json.Unmarshal(secret, &n) != nil {
		return Notice{}, false, errors.New("notice: of another form")
	}
	return n, true, nil
}

// NoticeDone says that nobody is to be told any more of a notice. That they were stands in the copy ledger and in the log.
func (b *Book) NoticeDone(ctx context.Context, id string) error {
	_, err := b.delete(ctx, b.notices(), id)
	return err
}

// UnsentNotices are the messages of the notices that have waited longer than whoever wrote them needs.
func (b *Book) UnsentNotices(ctx context.Context) (messages []string, err error) {
	query := b.partition(b.notices())
	query.KeyConditionExpression = aws.String("pk = :pk AND sk < :before")
	query.ExpressionAttributeValues[":before"] = attr.S(b.ses.Now().Add(-Unsent).UTC().Format(noticeTime))
	query.ProjectionExpression = aws.String("pk, sk")
	err = b.store.Query(ctx, query, func(item attr.Item) (bool, error) {
		messages = append(messages, noticeMessage(b.ses.Account, attr.GetS(item, "sk")))
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	return messages, nil
}

package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/pause"
)

// Tables are the physical names of the tables.
type Tables struct{ Records, Keys, Control string }

// TablesOf reads the names of the tables from the environment of a function.
func TablesOf(env map[string]string) Tables {
	return Tables{Records: env["RECORDS_TABLE"], Keys: env["KEYS_TABLE"], Control: env["CONTROL_TABLE"]}
}

// Store reaches the tables. The zero Ring serves functions that open nothing.
type Store struct {
	DB      *dynamodb.Client
	Tables  Tables
	Objects *Objects
	Ring    *keyring.Ring
	Now     func() time.Time
}

// ErrNoAccount is returned for an account, or a source of one, that does not exist.
var ErrNoAccount = errors.New("vault: no such account or source")

// ErrUnreadable is returned for what a destroyed key, or none at all, was to open.
var ErrUnreadable = errors.New("vault: the key is gone")

// Session is an account opened for one request. It must not outlive the request: what it read of the account may change.
type Session struct {
	store   *Store
	Account string
	Policy  account.Policy
	// Key is nil where the session was opened without keys.
	Key   *keyring.Account
	Index keyring.Index
	// Secrets and Settings are those of the source for which the session was opened.
	Secrets  []account.Secret
	Settings account.SourceSettings
	// opened is an instant at which the policy had not been read yet.
	opened time.Time
}

// Open opens an account with its keys; with a source, also that source's secrets.
func (s *Store) Open(ctx context.Context, id, source string) (*Session, error) {
	if !account.ValidID(id) {
		return nil, ErrNoAccount
	}
	opened := s.Now()
	control := []attr.Item{attr.Key(account.Partition(id), account.PolicyKey)}
	if source != "" {
		control = append(control, attr.Key(account.Partition(id), account.SourceKey(source)))
	}
	rows, err := s.batchGet(ctx, map[string][]attr.Item{
		s.Tables.Control: control,
		s.Tables.Keys:    {attr.Key(keysPartition(id), accountRow), attr.Key(keysPartition(id), indexRow)},
	})
	if err != nil {
		return nil, fmt.Errorf("open account: %w", err)
	}
	found := map[string]attr.Item{}
	for _, items := range rows {
		for _, item := range items {
			found[attr.GetS(item, "sk")] = item
		}
	}
	policy, wrapped, index := found[account.PolicyKey], found[accountRow], found[indexRow]
	if policy == nil || wrapped == nil || index == nil || source != "" && !account.HasSource(found[account.SourceKey(source)]) {
		return nil, ErrNoAccount
	}
	ses := &Session{store: s, Account: id, opened: opened}
	if ses.Policy, err = account.ReadPolicy(policy); err != nil {
		return nil, err
	}
	if ses.Policy.Closed(opened) {
		return nil, ErrNoAccount
	}
	if ses.Key, err = s.Ring.Open(ctx, id, attr.GetB(wrapped, "key")); err != nil {
		return nil, err
	}
	key, err := ses.Key.Unwrap(place(keysPartition(id), indexRow), attr.GetB(index, "key"))
	if err != nil {
		return nil, err
	}
	ses.Index = keyring.NewIndex(key)
	if source != "" {
		b, err := ses.Key.Unwrap(account.SecretsPlace(id, source), attr.GetB(found[account.SourceKey(source)], "secrets"))
		if err != nil {
			return nil, err
		}
		if ses.Secrets, err = account.LiveSecrets(b, s.Now()); err != nil {
			return nil, err
		}
		if ses.Settings, err = ReadSettings(ses.Key, source, found[account.SourceKey(source)]); err != nil {
			return nil, err
		}
	}
	return ses, nil
}

// ReadSettings reads what an account chose for a source from the source's row.
func ReadSettings(key *keyring.Account, source string, row attr.Item) (settings account.SourceSettings, err error) {
	sealed := attr.GetB(row, "settings")
	if len(sealed) == 0 {
		return settings, nil
	}
	b, err := key.Unwrap(account.SettingsPlace(key.ID(), source), sealed)
	if err != nil {
		return settings, err
	}
	if err := json.Unmarshal(b, &settings); err != nil {
		return settings, fmt.Errorf("%w: settings of a source", account.ErrRow)
	}
	return settings, nil
}

// OpenPolicy opens an account without any key: enough to know what is past its time.
func (s *Store) OpenPolicy(ctx context.Context, id string) (*Session, error) {
	if !account.ValidID(id) {
		return nil, ErrNoAccount
	}
	opened := s.Now()
	out, err := s.get(ctx, s.Tables.Control, attr.Key(account.Partition(id), account.PolicyKey))
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	if out == nil {
		return nil, ErrNoAccount
	}
	policy, err := account.ReadPolicy(out)
	if err != nil {
		return nil, err
	}
	return &Session{store: s, Account: id, Policy: policy, opened: opened}, nil
}

// NewAccountItems are the two rows that make an account's keys; they must be put on the condition that they do not exist.
func NewAccountItems(id string, key *keyring.Account, wrapped []byte) []attr.Item {
	account := attr.Key(keysPartition(id), accountRow)
	account["key"] = attr.B(wrapped)
	index := attr.Key(keysPartition(id), indexRow)
	index["key"] = attr.B(key.Wrap(place(keysPartition(id), indexRow), keyring.NewKey()))
	return []attr.Item{account, index}
}

// AccountKeyItem is the key of the row of an account's wrapped key.
func AccountKeyItem(id string) attr.Item { return attr.Key(keysPartition(id), accountRow) }

// KeysGone says whether the account's keys are destroyed.
func (ses *Session) KeysGone(ctx context.Context) (bool, error) {
	item, err := ses.store.get(ctx, ses.store.Tables.Keys, attr.Key(keysPartition(ses.Account), accountRow))
	return item == nil || len(attr.GetB(item, "key")) == 0, err
}

// Opened is an instant at which the policy had not been read yet.
func (ses *Session) Opened() time.Time { return ses.opened }

// Now is the store's clock.
func (ses *Session) Now() time.Time { return ses.store.Now() }

func (s *Store) get(ctx context.Context, table string, key attr.Item) (attr.Item, error) {
	out, err := s.DB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// batchGet reads rows consistently, asking again for what was left out, for as long as the context lives.
func (s *Store) batchGet(ctx context.Context, keys map[string][]attr.Item) (map[string][]attr.Item, error) {
	request := map[string]types.KeysAndAttributes{}
	for table, k := range keys {
		request[table] = types.KeysAndAttributes{Keys: k, ConsistentRead: aws.Bool(true)}
	}
	found := map[string][]attr.Item{}
	for pause := 10 * time.Millisecond; len(request) > 0; pause *= 2 {
		out, err := s.DB.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: request})
		if err != nil {
			return nil, err
		}
		for table, items := range out.Responses {
			found[table] = append(found[table], items...)
		}
		if request = out.UnprocessedKeys; len(request) == 0 {
			break
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// DeleteAll deletes items by their keys, 25 at a time, for as long as the context lives. Deleting what is gone is no error.
func (s *Store) DeleteAll(ctx context.Context, table string, keys []attr.Item) error {
	for len(keys) > 0 {
		n := min(25, len(keys))
		requests := make([]types.WriteRequest, n)
		for i, k := range keys[:n] {
			requests[i] = types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: attr.Item{"pk": k["pk"], "sk": k["sk"]}}}
		}
		keys = keys[n:]
		left := map[string][]types.WriteRequest{table: requests}
		for pause := 10 * time.Millisecond; ; pause *= 2 {
			out, err := s.DB.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: left})
			if err != nil {
				return err
			}
			if left = out.UnprocessedItems; len(left) == 0 {
				break
			}
			if err := sleep(ctx, pause); err != nil {
				return err
			}
		}
	}
	return nil
}

// Query pages through a query, handing each item to the function until it answers false.
func (s *Store) Query(ctx context.Context, in *dynamodb.QueryInput, each func(attr.Item) (bool, error)) error {
	pages := dynamodb.NewQueryPaginator(s.DB, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if more, err := each(item); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	return pause.For(ctx, min(d, 5*time.Second))
}

// IsConditionFailed says whether a conditional write found its condition false.
func IsConditionFailed(err error) bool {
	_, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	return ok
}

// Accounts hands out the ids of all accounts until the function answers false.
func (s *Store) Accounts(ctx context.Context, each func(id string) (bool, error)) error {
	return s.Query(ctx, attr.Partition(s.Tables.Control, account.ListPartition), func(item attr.Item) (bool, error) {
		return each(attr.GetS(item, "sk"))
	})
}

// Swept is what a sweep found.
type Swept struct {
	Due int `json:"due"`
}

// Sweep looks at every account for what is due, of which it is told how much. Where one account fails, the others have their turn
// all the same.
func (s *Store) Sweep(ctx context.Context, look func(ctx context.Context, account string) (due int, err error)) (swept Swept, err error) {
	var failures []error
	err = s.Accounts(ctx, func(account string) (bool, error) {
		n, err := look(ctx, account)
		swept.Due += n
		if err != nil {
			failures = append(failures, fmt.Errorf("sweep %s: %w", account, err))
		}
		return true, nil
	})
	slog.InfoContext(ctx, "swept", slog.Int("due", swept.Due))
	return swept, errors.Join(append(failures, err)...)
}

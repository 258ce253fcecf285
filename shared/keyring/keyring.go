package keyring

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"golang.org/x/sync/singleflight"

	"github.com/supportvault/supportvault/shared/retention"
)

// Size is the length in bytes of every key.
const Size = 32

// Life is how long an account key is kept in memory.
const Life = 5 * time.Minute

// kmsTimeout bounds one call of KMS: the callers that wait for it have deadlines of their own.
const kmsTimeout = 5 * time.Second

// ErrUnwrap is returned for a wrapped key that does not belong to the row it was read from, or was altered.
var ErrUnwrap = errors.New("keyring: wrapped key does not open")

type decrypter interface {
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

// Ring unwraps account keys. It is safe for concurrent use.
type Ring struct {
	kms    decrypter
	now    func() time.Time
	flight singleflight.Group
	mu     sync.Mutex
	kept   map[[sha256.Size]byte]kept
}

type kept struct {
	key   []byte
	until time.Time
}

// New makes a ring that asks KMS through the client.
func New(client decrypter, now func() time.Time) *Ring {
	return &Ring{kms: client, now: now, kept: map[[sha256.Size]byte]kept{}}
}

// Account is an opened account key.
type Account struct {
	id  string
	key []byte
}

// Open unwraps an account key as its row holds it. Because the row is read for every request, an account whose row is
// gone opens nothing, whatever this ring keeps.
func (r *Ring) Open(ctx context.Context, account string, wrapped []byte) (*Account, error) {
	place := sha256.Sum256(append(append([]byte(account), '#'), wrapped...))
	if key, ok := r.recall(place); ok {
		return &Account{account, key}, nil
	}
	answer := r.flight.DoChan(string(place[:]), func() (any, error) {
		if key, ok := r.recall(place); ok {
			return key, nil
		}
		// The first caller's deadline must not fail the others that wait.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), kmsTimeout)
		defer cancel()
		out, err := r.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: wrapped, EncryptionContext: KMSContext(account)})
		if err != nil {
			return nil, fmt.Errorf("unwrap account key: %w", err)
		}
		if len(out.Plaintext) != Size {
			return nil, fmt.Errorf("unwrap account key: %d bytes", len(out.Plaintext))
		}
		r.keep(place, out.Plaintext)
		return out.Plaintext, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case a := <-answer:
		if a.Err != nil {
			return nil, a.Err
		}
		return &Account{account, a.Val.([]byte)}, nil
	}
}

func (r *Ring) recall(place [sha256.Size]byte) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.kept[place]
	if ok && !r.now().Before(k.until) {
		delete(r.kept, place)
		return nil, false
	}
	return k.key, ok
}

// keep remembers a key and forgets those whose time is over, so that the ring holds no more accounts than were read within
// one life.
func (r *Ring) keep(place [sha256.Size]byte, key []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for p, k := range r.kept {
		if !now.Before(k.until) {
			delete(r.kept, p)
		}
	}
	r.kept[place] = kept{key, now.Add(Life)}
}

// KMSContext is the encryption context of an account's key.
func KMSContext(account string) map[string]string { return map[string]string{"account": account} }

// NewAccount makes an account of a plaintext key that KMS has just generated.
func NewAccount(id string, key []byte) *Account { return &Account{id, key} }

// ID is the account's id.
func (a *Account) ID() string { return a.id }

// NewKey is a random key.
func NewKey() []byte {
	key := make([]byte, Size)
	rand.Read(key) // never fails: crypto/rand ends the process instead
	return key
}

// Wrap seals a small secret, such as a key, for one place: the keys of the row it will stand in.
func (a *Account) Wrap(place string, secret []byte) []byte {
	nonce := make([]byte, 12, 12+len(secret)+16)
	rand.Read(nonce)
	return a.aead(place).Seal(nonce, nonce, secret, nil)
}

// Unwrap opens what Wrap sealed for the same place.
func (a *Account) Unwrap(place string, wrapped []byte) ([]byte, error) {
	if len(wrapped) < 12+16 {
		return nil, ErrUnwrap
	}
	secret, err := a.aead(place).Open(nil, wrapped[:12], wrapped[12:], nil)
	if err != nil {
		return nil, ErrUnwrap
	}
	return secret, nil
}

func (a *Account) aead(place string) cipher.AEAD {
	block, err := aes.NewCipher(derive(a.key, "row", a.id, place))
	if err != nil {
		panic(err) // the key has the length of a key
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// QueueKey is the key of one message that waits in a queue.
func (a *Account) QueueKey(message string) []byte { return derive(a.key, "queue", a.id, message) }

// Record names one life of a conversation, or a fact.
type Record struct {
	Account     string
	Kind        retention.Kind
	ID          string
	Incarnation int
}

// RecordKey is the key of a revision of a record.
func RecordKey(cohort, own []byte, r Record, revision int) []byte {
	both := append(append(make([]byte, 0, 2*Size), cohort...), own...)
	return derive(both, "record", r.Account, string(r.Kind), r.ID, decimal(r.Incarnation), decimal(revision))
}

// EntryKey is the key of one event of an open conversation.
func EntryKey(own []byte, r Record, generation int64, entry string) []byte {
	return derive(own, "entry", r.Account, string(r.Kind), r.ID, decimal(r.Incarnation), decimal(generation), entry)
}

// FileKey is the key of a file of a conversation, which lives as the conversation does.
func FileKey(files []byte, r Record, file string) []byte {
	return derive(files, "file", r.Account, string(retention.Attachment), r.ID, decimal(r.Incarnation), file)
}

// DayKey is the key of a fact or a visit, which have no own key.
func DayKey(cohort []byte, r Record) []byte {
	return derive(cohort, "fact", r.Account, string(r.Kind), r.ID) // facts were the first
}

func decimal[N int | int64](n N) string { return fmt.Sprint(n) }

// derive is HKDF-SHA-256 with the parts, each behind its length, as info: no two lists of parts give the same info.
func derive(secret []byte, parts ...string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, join("supportvault/1", parts), Size)
	if err != nil {
		panic(err) // only a length over 255 hashes is refused
	}
	return key
}

func join(label string, parts []string) string {
	var b strings.Builder
	b.WriteString(label)
	for _, p := range parts {
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		b.WriteString(p)
	}
	return b.String()
}

// Index is an account's index key: it turns what must not be read into names that can be compared.
type Index struct{ key []byte }

// NewIndex makes an index of its key.
func NewIndex(key []byte) Index { return Index{key} }

// RecordID is the id of a conversation: ids of senders can be phone numbers, and a chat and a ticket may have the same.
// 32 characters of a–z and 2–7.
func (x Index) RecordID(source string, kind retention.Kind, conversation string) string {
	return x.name("record", source, string(kind), conversation)
}

// EntryID is the name under which an event of a conversation is stored.
func (x Index) EntryID(record, event string) string { return x.name("entry", record, event)[:26] }

// FileID is the id of a file of a conversation: the same in every form in which a sender tells of it, because where the file is
// makes no difference.
func (x Index) FileID(record, entry string, place int) string {
	return x.name("file", record, entry, decimal(place))[:26]
}

// FilePlace is from where a file comes, to be compared only.
func (x Index) FilePlace(address, upload string) []byte {
	return x.sum("file place", address, upload)[:12]
}

// FileSaid is what is said of a file, to be compared only.
func (x Index) FileSaid(name, contentType string, bytes int64) []byte {
	return x.sum("file said", name, contentType, decimal(bytes))[:12]
}

// Subject is the blind index of what is known of a person, such as an e-mail address.
func (x Index) Subject(field, value string) string { return x.name("subject", field, value) }

// Mark is what a rule or a hold compares.
func (x Index) Mark(field, value string) retention.Mark {
	return retention.Mark(x.sum("mark", field, value)[:retention.MarkSize])
}

// Visitor is whoever looks at pages from an address. There are so few addresses that a hash without a key tells which it was.
func (x Index) Visitor(address string) string { return x.name("visitor", address) }

// FactID is the id of a fact; without the index key it does not lead to the conversation.
func (x Index) FactID(record string, incarnation int) string {
	return x.name("fact", record, decimal(incarnation))
}

// Pseudonym stands for an agent in reports.
func (x Index) Pseudonym(source, agent string) string { return x.name("agent", source, agent)[:16] }

var lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func (x Index) name(parts ...string) string { return lower.EncodeToString(x.sum(parts...)[:20]) }

func (x Index) sum(parts ...string) []byte {
	mac := hmac.New(sha256.New, x.key)
	mac.Write([]byte(join("supportvault/1", parts)))
	return mac.Sum(nil)
}

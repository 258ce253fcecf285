package account

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/lazyregexp"
)

// A link is a bearer token for one conversation, which an e-mail carries: svl_<id>_<secret>. The id is the day on which it
// was made, in four characters, and ten that name its row; of the secret, 256 bits, only the SHA-256 is stored. The rows of
// a day stand in one partition, so that those whose time is over are found and removed.
var linkForm = lazyregexp.New(`^svl_([a-z2-7]{14})_([a-z2-7]{52})$`)

// LinkLife is how long a link opens its conversation.
const LinkLife = 7 * 24 * time.Hour

// ErrLink is returned for a text that is no link.
var ErrLink = errors.New("not a link")

// Link is a link taken apart.
type Link struct {
	ID     string
	secret string
}

// NewLink makes a random link, made now.
func NewLink(now time.Time) Link { return Link{ID: dayCode(now) + random(10), secret: random(52)} }

// ParseLink reads a link.
func ParseLink(s string) (Link, error) {
	m := linkForm().FindStringSubmatch(s)
	if m == nil {
		return Link{}, ErrLink
	}
	return Link{ID: m[1], secret: m[2]}, nil
}

// Reveal is the whole link, to be sent once.
func (l Link) Reveal() string { return "svl_" + l.ID + "_" + l.secret }

// Hash is what is stored of the link.
func (l Link) Hash() []byte {
	sum := sha256.Sum256([]byte(l.secret))
	return sum[:]
}

// Matches compares the link with a stored hash in constant time.
func (l Link) Matches(hash []byte) bool { return subtle.ConstantTimeCompare(l.Hash(), hash) == 1 }

// LinkPartition is the partition of the links that were made on the day of an instant, in UTC.
func LinkPartition(account string, at time.Time) string {
	return account + "#link#" + dayCode(at) + "#"
}

// Partition is the partition of the link's row, whose sort key is the id.
func (l Link) Partition(account string) string { return account + "#link#" + l.ID[:4] + "#" }

// dayCode is a day of UTC in four characters that sort as days do, for the next 2,800 years.
func dayCode(at time.Time) string {
	day := at.Unix() / (24 * 60 * 60)
	code := make([]byte, 4)
	for i := range code {
		code[len(code)-1-i] = linkDigits[day%32]
		day /= 32
	}
	return string(code)
}

const linkDigits = "234567abcdefghijklmnopqrstuvwxyz"

// Reader is who a link was sent to, which decides what it shows.
type Reader string

// The readers: a visitor is not shown what agents wrote among themselves.
const (
	Visitor Reader = "visitor"
	Staff   Reader = "staff"
)

// Opening is what the row of a link says: which conversation it opens, to whom, and until when.
type Opening struct {
	Conversation string
	Reader       Reader
	Until        time.Time
}

// Item is the row of a link without its keys.
func (l Link) Item(o Opening) attr.Item {
	return attr.Item{
		"hash": attr.B(l.Hash()), "conversation": attr.S(o.Conversation), "reader": attr.S(o.Reader), "until": attr.Time(o.Until),
	}
}

// Opens reads the row of a link; ok is false where it is not this link's, or its time is over.
func (l Link) Opens(row attr.Item, now time.Time) (o Opening, ok bool) {
	o = Opening{Conversation: attr.GetS(row, "conversation"), Reader: Reader(attr.GetS(row, "reader")), Until: attr.GetTime(row, "until")}
	return o, l.Matches(attr.GetB(row, "hash")) && o.Conversation != "" && now.Before(o.Until)
}

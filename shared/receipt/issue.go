package receipt

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
)

// ErrDraft is returned for what cannot become a receipt; the verifier would refuse it.
var ErrDraft = errors.New("receipt: not a statement that can be signed")

// Draft is what is to be stated: up to MaxParts parts and MaxRecords records. What is more is several receipts.
type Draft struct {
	Account string
	Act     Act
	// Done is when the last of it became unreadable.
	Done         time.Time
	What         []Lot
	NotDelivered []Undelivered
	// Salt is random unless it is given; only a test gives one.
	Salt Hash
}

// Lot is a part with the ids of its records, in any order; one that comes twice counts once. Its Records are counted.
type Lot struct {
	Part
	IDs []string
}

// Ready is a draft whose tree is made: all that does not depend on the place in the chain.
type Ready struct {
	receipt Receipt
	leaves  []Hash
}

// Prepare makes the tree. What it makes of one draft differs from time to time, because the salt does.
func (d Draft) Prepare() (*Ready, error) {
	p := &Ready{receipt: Receipt{
		Format: Format, Account: d.Account, Act: d.Act, Done: conversation.At(d.Done), Salt: d.Salt, What: []Part{},
		NotDelivered: slices.Clone(d.NotDelivered),
	}}
	named := 0
	for _, lot := range d.What {
		named += len(lot.IDs)
	}
	if named > MaxRecords {
		return nil, fmt.Errorf("%w: it names %d records", ErrDraft, named)
	}
	r := &p.receipt
	if r.Salt == (Hash{}) {
		rand.Read(r.Salt[:]) // never fails: crypto/rand ends the process instead
	}
	for _, lot := range d.What {
		leaves := make([]Hash, 0, len(lot.IDs))
		for _, id := range lot.IDs {
			if !nameForm().MatchString(id) {
				return nil, fmt.Errorf("%w: the id of a record has another form", ErrDraft)
			}
			leaves = append(leaves, leafOf(r.Salt, id))
		}
		slices.SortFunc(leaves, func(a, b Hash) int { return bytes.Compare(a[:], b[:]) })
		leaves = slices.Compact(leaves)
		part := lot.Part
		part.Records, part.Due = int64(len(leaves)), Due(part.Due.From.Time, part.Due.To.Time)
		r.What, p.leaves = append(r.What, part), append(p.leaves, leaves...)
	}
	r.Size, r.Root = int64(len(p.leaves)), root(p.leaves)
	first := *r
	first.Number, first.At = 1, r.Done
	if err := first.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDraft, err)
	}
	return p, nil
}

func root(leaves []Hash) Hash { return rootOf(len(leaves), hashedLeaf(leaves)) }

func hashedLeaf(leaves []Hash) func(int) Hash {
	return func(i int) Hash { return hashLeaf(leaves[i][:]) }
}

// Leaves are those of all parts.
func (p *Ready) Leaves() []Hash { return p.leaves }

// Root is that of the tree.
func (p *Ready) Root() Hash { return p.receipt.Root }

// Issued is a receipt with the head after it and the public key, in DER, that both are signed under.
type Issued struct {
	Signed
	Head   SignedHead
	Public []byte
}

// Issue signs the receipt that comes after a head, and the head after it. A clock that is behind the head's time does not
// turn the chain's time back.
func (p *Ready) Issue(ctx context.Context, signer Signer, after Head, now time.Time) (Issued, error) {
	r := p.receipt
	if after.Account != r.Account {
		return Issued{}, fmt.Errorf("%w: the head is another account's", ErrDraft)
	}
	r.Number, r.Previous, r.At = after.Number+1, after.Hash, later(now, after.At)
	if err := r.check(); err != nil {
		return Issued{}, fmt.Errorf("%w: %w", ErrDraft, err)
	}
	statement, err := r.Canonical()
	if err != nil {
		return Issued{}, fmt.Errorf("%w: %w", ErrDraft, err)
	}
	issued := Issued{Signed: Signed{Leaves: p.leaves, Receipt: r}}
	if issued.Signature, issued.Public, err = sign(ctx, signer, statement); err != nil {
		return Issued{}, err
	}
	issued.Key = KeyID(issued.Public)
	var public []byte
	head := Head{Account: r.Account, At: r.At, Format: HeadFormat, Hash: sha256.Sum256(statement), Number: r.Number}
	if issued.Head, public, err = head.sign(ctx, signer); err != nil {
		return Issued{}, err
	}
	if !bytes.Equal(public, issued.Public) {
		return Issued{}, errors.New("sign receipt: the key was rotated meanwhile; again")
	}
	return issued, nil
}

// Attest signs that a chain is still as a head says.
func (h Head) Attest(ctx context.Context, signer Signer, now time.Time) (signed SignedHead, public []byte, err error) {
	h.At = later(now, h.At)
	return h.sign(ctx, signer)
}

func (h Head) sign(ctx context.Context, signer Signer) (signed SignedHead, public []byte, err error) {
	if err := h.check(); err != nil {
		return SignedHead{}, nil, fmt.Errorf("%w: %w", ErrDraft, err)
	}
	statement, err := h.Canonical()
	if err != nil {
		return SignedHead{}, nil, fmt.Errorf("%w: %w", ErrDraft, err)
	}
	signed.Head = h
	if signed.Signature, public, err = sign(ctx, signer, statement); err != nil {
		return SignedHead{}, nil, err
	}
	signed.Key = KeyID(public)
	return signed, public, nil
}

// later is an instant, but not one before that of a head.
func later(now time.Time, head conversation.Time) conversation.Time {
	if at := conversation.At(now); at.After(head.Time) {
		return at
	}
	return head
}

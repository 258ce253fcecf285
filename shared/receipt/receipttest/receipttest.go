// Package receipttest gives tests a signer without KMS, and chains without a table.
package receipttest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"github.com/supportvault/supportvault/shared/receipt"
)

// Signer signs in memory, the same digest always alike.
type Signer struct {
	key    *ecdsa.PrivateKey
	public []byte
}

// NewSigner makes the signer that a name always gives.
func NewSigner(name string) *Signer {
	secret := sha256.Sum256([]byte("supportvault test key " + name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret[:])
	if err != nil {
		panic(err) // one name in 2^32
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	return &Signer{key, public}
}

// Sign signs a digest.
func (s *Signer) Sign(_ context.Context, digest []byte) (signature, public []byte, err error) {
	signature, err = s.key.Sign(nil, digest, crypto.SHA256)
	return signature, s.public, err
}

// Chain is a chain in memory.
type Chain struct {
	// Signer may be replaced: what comes next is signed by another key.
	Signer receipt.Signer
	// Lines are those of the receipts.
	Lines [][]byte
	Head  receipt.SignedHead
	Keys  receipt.Keys
}

// NewChain makes an empty one, attested at an instant.
func NewChain(t testing.TB, signer receipt.Signer, account string, at time.Time) *Chain {
	t.Helper()
	c := &Chain{Signer: signer, Keys: receipt.Keys{}, Head: receipt.SignedHead{Head: receipt.Begin(account)}}
	c.Attest(t, at)
	return c
}

// Append issues a receipt.
func (c *Chain) Append(t testing.TB, d receipt.Draft, at time.Time) receipt.Signed {
	t.Helper()
	ready, err := d.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ready.Issue(t.Context(), c.Signer, c.Head.Head, at)
	if err != nil {
		t.Fatal(err)
	}
	line, err := issued.Line()
	if err != nil {
		t.Fatal(err)
	}
	c.Lines, c.Head = append(c.Lines, line), issued.Head
	c.add(t, issued.Public)
	return issued.Signed
}

// Attest signs the head anew.
func (c *Chain) Attest(t testing.TB, at time.Time) {
	t.Helper()
	head, public, err := c.Head.Head.Attest(t.Context(), c.Signer, at)
	if err != nil {
		t.Fatal(err)
	}
	c.Head = head
	c.add(t, public)
}

func (c *Chain) add(t testing.TB, public []byte) {
	t.Helper()
	if err := c.Keys.Add(public); err != nil {
		t.Fatal(err)
	}
}

// Set is the chain as a file.
func (c *Chain) Set(t testing.TB) []byte {
	t.Helper()
	head, err := c.Head.Line()
	if err != nil {
		t.Fatal(err)
	}
	return append(head, bytes.Join(c.Lines, nil)...)
}

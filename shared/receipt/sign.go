package receipt

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
)

// Signer signs.
type Signer interface {
	// Sign signs a SHA-256 by ECDSA over P-256. It answers the signature in DER and the public key that it verifies under,
	// as SubjectPublicKeyInfo in DER: the one that this call used, because a name of a key can come to mean another.
	Sign(ctx context.Context, digest []byte) (signature, public []byte, err error)
}

// KeyID is the id of a public key in DER.
func KeyID(public []byte) Hash { return sha256.Sum256(public) }

// Keys are public keys by their id.
type Keys map[Hash]*ecdsa.PublicKey

// ErrKey is returned for what is not a public key that can have signed receipts.
var ErrKey = errors.New("receipt: not a public key of ECDSA over P-256")

// Add adds a public key in DER.
func (k Keys) Add(public []byte) error {
	parsed, err := x509.ParsePKIXPublicKey(public)
	key, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return ErrKey
	}
	// Its bytes are its id: there must be one way to write a key.
	if again, err := x509.MarshalPKIXPublicKey(key); err != nil || !bytes.Equal(again, public) {
		return ErrKey
	}
	k[KeyID(public)] = key
	return nil
}

const pemType = "PUBLIC KEY"

// ParseKeys reads a file of public keys. What stands between them is passed over; a block that is no such key is refused.
func ParseKeys(file []byte) (Keys, error) {
	keys := Keys{}
	for {
		block, rest := pem.Decode(file)
		if block == nil {
			break
		}
		if block.Type != pemType {
			return nil, ErrKey
		}
		if err := keys.Add(block.Bytes); err != nil {
			return nil, err
		}
		file = rest
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: there is none in the file", ErrKey)
	}
	return keys, nil
}

// PEM is a file of the keys, each under its id, in the order of their ids.
func (k Keys) PEM() ([]byte, error) {
	var file bytes.Buffer
	for _, id := range slices.SortedFunc(maps.Keys(k), func(a, b Hash) int { return bytes.Compare(a[:], b[:]) }) {
		public, err := x509.MarshalPKIXPublicKey(k[id])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&file, "key %s\n", id)
		if err := pem.Encode(&file, &pem.Block{Type: pemType, Bytes: public}); err != nil {
			return nil, err
		}
	}
	return file.Bytes(), nil
}

// sign signs a statement and checks what it got, so that nothing is ever kept that does not verify.
func sign(ctx context.Context, signer Signer, statement []byte) (signature, public []byte, err error) {
	digest := sha256.Sum256(statement)
	signature, public, err = signer.Sign(ctx, digest[:])
	if err != nil {
		return nil, nil, fmt.Errorf("sign receipt: %w", err)
	}
	if signature, err = lower(signature); err != nil {
		return nil, nil, fmt.Errorf("sign receipt: %w", err)
	}
	keys := Keys{}
	if err := keys.Add(public); err != nil {
		return nil, nil, fmt.Errorf("sign receipt: %w", err)
	}
	if !verified(keys[KeyID(public)], statement, signature) {
		return nil, nil, errors.New("sign receipt: the signature does not verify under the key that came with it")
	}
	return signature, public, nil
}

// verified says whether a signature is the one that the package would have written: in DER, with its s in the lower half.
func verified(key *ecdsa.PublicKey, statement, signature []byte) bool {
	if written, err := lower(signature); err != nil || !bytes.Equal(written, signature) {
		return false
	}
	digest := sha256.Sum256(statement)
	return ecdsa.VerifyASN1(key, digest[:], signature)
}

// lower writes a signature with the lower one of the two values of s that verify, so that nobody can make a second
// signature of one that they have.
func lower(signature []byte) ([]byte, error) {
	var v struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &v); err != nil || len(rest) > 0 {
		return nil, errors.New("not a signature")
	}
	n := elliptic.P256().Params().N
	if v.S.Cmp(new(big.Int).Rsh(n, 1)) > 0 {
		v.S.Sub(n, v.S)
	}
	return asn1.Marshal(v)
}

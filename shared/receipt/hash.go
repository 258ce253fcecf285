package receipt

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
)

// Hash is a SHA-256, or as many random bytes.
type Hash [sha256.Size]byte

var errHash = errors.New("not 64 lower-case hexadecimal digits")

// String is the hash as sha256sum prints it.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes 64 hexadecimal digits.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads what MarshalText wrote. Upper-case digits pass here: they are found where the line is made again.
func (h *Hash) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(h) || len(text)%2 != 0 {
		return errHash
	}
	if _, err := hex.Decode(h[:], text); err != nil {
		return errHash
	}
	return nil
}

// leafOf is the leaf of a record.
func leafOf(salt Hash, id string) (leaf Hash) {
	mac := hmac.New(sha256.New, salt[:])
	mac.Write([]byte(id))
	mac.Sum(leaf[:0])
	return leaf
}

// hashLeaf and hashNode are the two hashes of a tree; the byte in front keeps one from being taken for the other.
func hashLeaf(data []byte) Hash {
	return sha256.Sum256(append([]byte{0x00}, data...))
}

func hashNode(left, right Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 0x01
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// rootOf is the root of the tree over hashed leaves.
func rootOf(n int, hashed func(int) Hash) Hash {
	if n == 0 {
		return sha256.Sum256(nil)
	}
	return subtree(0, n, hashed)
}

func subtree(from, to int, hashed func(int) Hash) Hash {
	if to-from == 1 {
		return hashed(from)
	}
	middle := from + split(to-from)
	return hashNode(subtree(from, middle, hashed), subtree(middle, to, hashed))
}

// split is the largest power of two below n: how many leaves the left side of a tree over n has.
func split(n int) int {
	k := 1
	for k*2 < n {
		k *= 2
	}
	return k
}

// pathOf are the hashes by which a leaf is led up to the root, the nearest first.
func pathOf(n, index int, hashed func(int) Hash) (path []Hash) {
	from, to := 0, n
	for to-from > 1 {
		middle := from + split(to-from)
		if index < middle {
			path = append(path, subtree(middle, to, hashed))
			to = middle
		} else {
			path = append(path, subtree(from, middle, hashed))
			from = middle
		}
	}
	slices.Reverse(path)
	return path
}

// rootBy is the root to which a path leads a hashed leaf in a tree over n; ok is false where a path of another length
// would be needed.
func rootBy(n, index int, leaf Hash, path []Hash) (root Hash, ok bool) {
	if index < 0 || index >= n {
		return root, false
	}
	var left []bool // whether the way goes to the left, from the root on
	for from, to := 0, n; to-from > 1; {
		middle := from + split(to-from)
		if left = append(left, index < middle); index < middle {
			to = middle
		} else {
			from = middle
		}
	}
	if len(left) != len(path) {
		return root, false
	}
	for i, sibling := range path {
		if left[len(left)-1-i] {
			leaf = hashNode(leaf, sibling)
		} else {
			leaf = hashNode(sibling, leaf)
		}
	}
	return leaf, true
}

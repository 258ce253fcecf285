package retention

import (
	"bytes"
	"errors"
	"slices"
)

// MarkSize is the length of a mark in bytes: two of the billions of an account are not the same by chance.
const MarkSize = 12

// Mark is what a rule or a hold compares: a tag, the department, the source or a subject of a conversation, blind. Whoever
// has no key can tell whether a mark is there, and not of what it is.
type Mark [MarkSize]byte

// Marks are those of one conversation, in order and each once.
type Marks []Mark

// MarksOf puts marks in order.
func MarksOf(marks ...Mark) Marks {
	slices.SortFunc(marks, func(a, b Mark) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(marks)
}

// Has says whether a mark is among them.
func (m Marks) Has(mark Mark) bool {
	_, found := slices.BinarySearchFunc(m, mark, func(a, b Mark) int { return bytes.Compare(a[:], b[:]) })
	return found
}

// Bytes are the marks one behind the other.
func (m Marks) Bytes() []byte {
	b := make([]byte, 0, len(m)*MarkSize)
	for _, mark := range m {
		b = append(b, mark[:]...)
	}
	return b
}

// ErrMarks is returned for bytes that are no marks.
var ErrMarks = errors.New("not marks")

// ParseMarks reads what Bytes wrote.
func ParseMarks(b []byte) (Marks, error) {
	if len(b)%MarkSize != 0 {
		return nil, ErrMarks
	}
	marks := make(Marks, 0, len(b)/MarkSize)
	for mark := range slices.Chunk(b, MarkSize) {
		marks = append(marks, Mark(mark))
	}
	return marks, nil
}

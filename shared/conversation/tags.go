package conversation

import (
	"cmp"
	"log/slog"
	"slices"
)

// TagChange is the latest time that a single tag was set or, if it is gone, taken away.
type TagChange struct {
	Tag  string `json:"tag"`
	At   Time   `json:"at"`
	Gone bool   `json:"gone,omitzero"`
}

// LogValue keeps a tag out of every log.
func (c TagChange) LogValue() slog.Value { return slog.StringValue("tag") }

// change remembers that single tags were set or taken away. What says both of the same time says that it is set.
func (s *Said) change(e Event) {
	for i, tag := range slices.Concat(e.Tagged, e.Untagged) {
		change := TagChange{Tag: tag, At: e.Time, Gone: i >= len(e.Tagged)}
		at, known := slices.BinarySearchFunc(s.TagChanges, tag, func(c TagChange, tag string) int { return cmp.Compare(c.Tag, tag) })
		switch {
		case !known:
			s.TagChanges = slices.Insert(s.TagChanges, at, change)
		case cmp.Or(change.At.Compare(s.TagChanges[at].At.Time), compareBools(s.TagChanges[at].Gone, change.Gone)) > 0:
			s.TagChanges[at] = change
		}
	}
}

// listed are the tags of the latest list of all of them, without the changes since.
func (t Transcript) listed() []string {
	if len(t.Said.TagChanges) > 0 {
		return t.Said.Listed
	}
	return t.Tags
}

// changed makes the tags of a list and the single changes since: those of the list first, then the others as they were set.
// Changes from before the list are in it, and forgotten.
func (t *Transcript) changed(listed []string) {
	t.Said.TagChanges = slices.DeleteFunc(t.Said.TagChanges, func(c TagChange) bool { return c.At.Before(t.Said.Tags.Time) })
	t.Tags, t.Said.Listed = listed, nil
	if len(t.Said.TagChanges) == 0 {
		return
	}
	t.Said.Listed = listed
	changes := slices.SortedStableFunc(slices.Values(t.Said.TagChanges), func(a, b TagChange) int { return a.At.Compare(b.At.Time) })
	t.Tags = append([]string{}, listed...)
	for _, c := range changes {
		at := slices.Index(t.Tags, c.Tag)
		switch {
		case c.Gone:
			t.Tags = slices.DeleteFunc(t.Tags, func(tag string) bool { return tag == c.Tag })
		case at < 0:
			t.Tags = append(t.Tags, c.Tag)
		}
	}
}

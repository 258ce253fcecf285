package letter

import (
	"strings"
	"time"
	"unicode/utf8"
)

// What fits into one message. A conversation that is longer by itself is cut, and the letter says so.
const (
	MaxItems = 200
	MaxBytes = 5 << 20
)

// Bytes that come on top of what people wrote, more than enough.
const (
	frameBytes   = 48 << 10 // headers, heading, footer
	sectionBytes = 4 << 10
	factBytes    = 300
	dayBytes     = 400
	entryBytes   = 150 // and its style
	lineBytes    = 24
	// Wrapped lines have at least this many bytes on average.
	shortestWrapped = 30
)

// Size is how many bytes of a message an item takes at most, in the content.
func Size(item Item, c Content) int {
	w := writer{zone: time.UTC, content: c, private: true, left: Room}
	s := w.section(item)
	// In another time zone the entries of one day can be those of two.
	return min(Room-w.left+len(s.Days)*encoded(dayBytes), Room)
}

// Room is how much of a message the items may take together, as Size counts.
const Room = MaxBytes - frameBytes

// Parts splits a digest's items, in their order, into as many messages as are needed. A caller that does not want to hold
// all of them at once adds up Size itself: at most MaxItems, at most Room.
func Parts(items []Item, c Content) [][]Item {
	var parts [][]Item
	sum := 0
	for i, item := range items {
		size := Size(item, c)
		if n := len(parts); n == 0 || len(parts[n-1]) == MaxItems || sum+size > Room {
			parts, sum = append(parts, nil), 0
		}
		n := len(parts) - 1
		parts[n] = append(parts[n], items[i])
		sum += size
	}
	return parts
}

// encoded is how many bytes the raw ones take at most in a message, as base64 in lines of 76.
func encoded(raw int) int { return raw + raw*3/8 }

// spent is what a text takes in a message: once as it is and once escaped.
func spent(s string) int {
	n := len(s)
	for i := range len(s) {
		switch s[i] {
		case '&', '<', '>', '"', '\'', '+':
			n += len("&#34;") - 1
		}
	}
	return encoded(len(s) + n)
}

// headCost is what the section takes without its entries, its place in a table of contents included.
func (s section) headCost() int {
	cost := encoded(sectionBytes) + 3*spent(s.Heading) + 2*spent(s.Link)
	for _, f := range s.Facts {
		cost += encoded(factBytes)
		for _, value := range f.Values {
			cost += encoded(2*lineBytes) + spent(value)
		}
	}
	return cost
}

// fit takes the room that an entry needs. Where there is not enough, it cuts the entry and says false.
func (w *writer) fit(e *entry) bool {
	w.left -= encoded(entryBytes+len(looks[e.Look])) + spent(e.Name)
	for i, file := range e.Files {
		cost := encoded(2*lineBytes) + spent(file)
		if cost > w.left {
			e.Files, e.Lines = e.Files[:i], nil
			return false
		}
		w.left -= cost
	}
	for i, l := range e.Lines {
		cost := lineCost(l)
		if cost > w.left {
			e.Lines = e.Lines[:i]
			if some := beginning(l, w.left); some != "" {
				e.Lines = append(e.Lines, some)
			}
			w.left = 0
			return false
		}
		w.left -= cost
	}
	return true
}

// lineCost is what a line takes, wrapped and indented.
func lineCost(l string) int {
	return spent(l) + encoded((len(l)/shortestWrapped+1)*lineBytes)
}

// beginning is as much of a line as there is room for, perhaps nothing.
func beginning(l string, room int) string {
	n := encoded(lineBytes)
	for i, r := range l {
		if n += spent(string(r)) + encoded(utf8.RuneLen(r)*lineBytes/shortestWrapped) + 1; n > room {
			return strings.TrimRight(l[:i], " ")
		}
	}
	return l
}

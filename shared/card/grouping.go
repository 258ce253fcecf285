package card

// grouping describes how the digits of a number are spaced, group by group.
type grouping struct {
	groups      int
	first, last int // sizes; equal when there is one group
	lineBreaks  int
}

func (g *grouping) add(size int) {
	if g.groups++; g.groups == 1 {
		g.first = size
	}
	g.last = size
}

// spelt says that the digits come singly or in pairs, as somebody dictates them.
func (g *grouping) spelt() bool { return g.groups > 1 && g.first <= 2 }

// mayContinue says whether people write another group after these:
//
//	4111 1111 1111 1111 (111)              fours, and what begins with four: 4-6-5, 4-6-4, 4-4-4-1, 4-3-3-3, 4-12
//	411111 1111111111, 11111111 11111111   after the six or eight digits that name the issuer
//	4 1 1 1 …, 41 11 11 …                  spelt
//
// What begins otherwise is something else, such as 302-1234567-1234567 (an order) or 573 001 234 567 (a phone number).
func (g *grouping) mayContinue() bool {
	switch g.first {
	case 1, 2:
		return g.last == g.first
	case 4, 6, 8:
		return g.last >= 3
	}
	return false
}

// plausible says whether n digits may end here: mayContinue held after every group but the last.
func (g *grouping) plausible(n int) bool {
	switch {
	case g.groups == 1:
		return true
	case g.spelt():
		return g.last <= g.first && g.lineBreaks == 0
	case g.first == 4:
		return g.lineBreaks == 0 || g.lineBreaks == 1 && g.groups >= 3
	default:
		return g.last >= 3 && g.lineBreaks == 0 && n >= usual
	}
}

package conversation

import (
	"cmp"
	"slices"
)

// hear remembers whom an event names, what it says of single tags, and what it takes back or makes a note.
func (s *Said) hear(e Event) {
	for _, subject := range e.Subjects {
		if subject == (Subject{}) {
			continue
		}
		i, known := slices.BinarySearchFunc(s.Subjects, subject, func(have SaidSubject, want Subject) int {
			return compareSubjects(have.Subject, want)
		})
		if !known {
			s.Subjects = slices.Insert(s.Subjects, i, SaidSubject{Subject: subject})
		}
		s.Subjects[i].First = earlier(s.Subjects[i].First, e.Time)
		s.Subjects[i].Last = later(s.Subjects[i].Last, e.Time)
	}
	for place, id := range e.AgentIDs {
		named := SaidAgent{ID: id, First: e.Time, Place: place}
		if i := slices.IndexFunc(s.Agents, func(a SaidAgent) bool { return a.ID == id }); i < 0 {
			s.Agents = append(s.Agents, named)
		} else if compareAgents(named, s.Agents[i]) < 0 {
			s.Agents[i] = named
		}
	}
	slices.SortFunc(s.Agents, compareAgents)
	s.change(e)
	s.Redacted, s.Noted = withIDs(s.Redacted, e.Redacted), withIDs(s.Noted, e.Noted)
}

// withIDs puts ids among others, which are sorted.
func withIDs(sorted, ids []string) []string {
	for _, id := range ids {
		if i, known := slices.BinarySearch(sorted, id); !known {
			sorted = slices.Insert(sorted, i, id)
		}
	}
	return sorted
}

// people makes subjects of what was said of them, in the order in which they were first heard of. Who shares an id is one
// person, of whom the latest word counts. A name without any id is that of the person who has it, or else of one who has
// none, or else of somebody of whom nothing else is known.
func people(said []SaidSubject) []Subject {
	var groups [][]SaidSubject
	for _, s := range said {
		if s.anonymous() {
			continue
		}
		group, others := []SaidSubject{s}, groups[:0:0]
		for _, g := range groups {
			if slices.ContainsFunc(g, func(o SaidSubject) bool { return s.sharesID(o.Subject) }) {
				group = append(group, g...)
			} else {
				others = append(others, g)
			}
		}
		groups = append(others, group)
	}
	for _, g := range groups {
		slices.SortFunc(g, lastHeard)
	}
	slices.SortFunc(groups, byFirst)
	known := len(groups)
	for _, s := range slices.SortedFunc(slices.Values(said), firstHeard) {
		goesBy := func(name string) int {
			return slices.IndexFunc(groups[:known], func(g []SaidSubject) bool {
				return name == "" && merged(g).Name == "" || name != "" && slices.ContainsFunc(g, func(o SaidSubject) bool { return o.Name == name })
			})
		}
		if !s.anonymous() || goesBy(s.Name) >= 0 {
			continue
		}
		if i := goesBy(""); i >= 0 {
			groups[i] = append(groups[i], s)
		} else {
			groups = append(groups, []SaidSubject{s})
		}
	}
	slices.SortFunc(groups, byFirst)
	var subjects []Subject
	for _, g := range groups {
		subjects = append(subjects, merged(g))
	}
	return subjects
}

// merged is what is known of one person of whom several things were said, the latest last.
func merged(group []SaidSubject) (m Subject) {
	for _, s := range group {
		m = Subject{
			Name: cmp.Or(s.Name, m.Name), Email: cmp.Or(s.Email, m.Email), Phone: cmp.Or(s.Phone, m.Phone),
			VisitorID: cmp.Or(s.VisitorID, m.VisitorID), CustomID: cmp.Or(s.CustomID, m.CustomID),
		}
	}
	return m
}

func (s Subject) sharesID(o Subject) bool {
	shares := func(a, b string) bool { return a != "" && a == b }
	return shares(s.VisitorID, o.VisitorID) || shares(s.CustomID, o.CustomID) || shares(s.Email, o.Email) || shares(s.Phone, o.Phone)
}

func (s Subject) anonymous() bool {
	return s.Email == "" && s.Phone == "" && s.VisitorID == "" && s.CustomID == ""
}

func compareSubjects(a, b Subject) int {
	return cmp.Or(cmp.Compare(a.VisitorID, b.VisitorID), cmp.Compare(a.CustomID, b.CustomID), cmp.Compare(a.Email, b.Email),
		cmp.Compare(a.Phone, b.Phone), cmp.Compare(a.Name, b.Name))
}

func compareAgents(a, b SaidAgent) int {
	return cmp.Or(a.First.Compare(b.First.Time), cmp.Compare(a.Place, b.Place), cmp.Compare(a.ID, b.ID))
}

func lastHeard(a, b SaidSubject) int {
	return cmp.Or(a.Last.Compare(b.Last.Time), compareSubjects(a.Subject, b.Subject))
}

func firstHeard(a, b SaidSubject) int {
	return cmp.Or(a.First.Compare(b.First.Time), compareSubjects(a.Subject, b.Subject))
}

// byFirst orders persons by when they were first heard of.
func byFirst(a, b []SaidSubject) int {
	return firstHeard(slices.MinFunc(a, firstHeard), slices.MinFunc(b, firstHeard))
}

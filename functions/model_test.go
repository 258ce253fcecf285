package functions_test

import (
	"slices"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
)

// This file is what an account should hold and show, told as simply as possible: every life of a conversation with all that was
// said in it and the files that came with it, every day of visits, the policy in force with those before it that still keep
// something, and the holds. Its one rule is that what is
// over for good at any moment, because no policy that counts then keeps it and nothing holds it, stays so. Of package
// retention it takes the calendar only. sequence_test.go drives it beside the functions.

// life is one life of a conversation.
type life struct {
	conversation, id string
	number           int
	kind             retention.Kind
	department       string
	email            string
	tags             []string
	texts            []string
	files            []*filed
	// anchor is when somebody was last active, known up to when everything is known.
	anchor, known time.Time
	// ended says that the last thing that came was the end; status is a ticket's, told at an instant.
	ended    bool
	status   string
	statusAt time.Time
	settled  bool
	// of are what counted when it settled.
	settledAt, completes, delivered time.Time
	awaits                          bool
	// hand is when an administrator had it destroyed, from until on for good.
	hand, until time.Time
	// keyless says that somebody took its own keys away.
	keyless bool
	// gone says that it is over for good, destroyed that the tables say so.
	gone, destroyed bool
	destroyedAt     time.Time
}

// filed is a file that came with an entry of a life, and is looked for.
type filed struct {
	id      string
	entry   int
	content []byte
	// upload is the upload that it is; else it has an address. Put says that somebody has put it there.
	upload string
	put    bool
	state  conversation.FileState
}

// stored are the files of a life that can be read with it.
func (l *life) stored() (n int) {
	for _, f := range l.files {
		if f.state == conversation.FileStored {
			n++
		}
	}
	return n
}

// visitDay is a day of visits: what was told of each, by its id.
type visitDay struct {
	retention.Cohort
	visits map[string][]conversation.Page
	// gone says that all of it is over for good, destroyed that the tables say so.
	gone, destroyed bool
}

// terms are what a policy says of a life: its own or those of the first rule that matches.
type terms struct {
	keeps    string
	cadence  retention.Cadence
	unstored bool
}

// ruling is a rule of a policy.
type ruling struct {
	name, tag, department string
	kinds                 []retention.Kind
	terms
}

// regulation is a policy as an administrator wrote it. What it leaves out of keeps is as long as the plan says.
type regulation struct {
	plan     retention.Plan
	of       map[retention.Kind]terms
	rules    []ruling
	required map[retention.Kind]bool
	deadline time.Duration
	wait     time.Duration
}

var planned = map[retention.Plan]map[retention.Kind]string{
	retention.Standard: {
		retention.Chat: "P3M", retention.Ticket: "P2Y", retention.Call: "P2Y", retention.Article: "P100Y", retention.Visit: "P1Y", retention.Fact: "P1Y",
	},
	retention.Enterprise: {
		retention.Chat: "P2Y", retention.Ticket: "P3Y", retention.Call: "P3Y", retention.Article: "P100Y", retention.Visit: "P3Y", retention.Fact: "P3Y",
	},
}

// waiting is a policy that was in force before, and until when it still keeps something.
type waiting struct {
	regulation
	until time.Time
}

// holding is a hold.
type holding struct {
	id, from, to, tag, department, email string
	kinds                                []retention.Kind
	records                              []string
	until                                time.Time // zero is never
}

// ideal is an account as it should be.
type ideal struct {
	zone *time.Location
	// minimal says that it keeps nothing that identifies anybody, and no file.
	minimal bool
	policy  regulation
	before  regulation // what undoing the last change brings back, until undo
	undo    time.Time
	waiting []waiting
	holds   []holding
	lives   []*life
	days    map[string]*visitDay
}

func expires(c retention.Cohort, period string) time.Time {
	p, err := retention.ParsePeriod(period)
	if err != nil {
		panic(err)
	}
	return c.Expires(p)
}

func (m *ideal) day(at time.Time) retention.Cohort {
	return retention.CohortOf(at, retention.Period{Days: 1}, m.zone)
}

func (r regulation) terms(l *life) terms {
	for _, rule := range r.rules {
		if (len(rule.kinds) == 0 || slices.Contains(rule.kinds, l.kind)) &&
			(rule.tag != "" && slices.Contains(l.tags, rule.tag) || rule.department != "" && rule.department == l.department) {
			return r.with(l.kind, rule.terms)
		}
	}
	return r.with(l.kind, terms{})
}

// with fills up terms with those of the kind.
func (r regulation) with(kind retention.Kind, t terms) terms {
	of := r.of[kind]
	t.unstored = t.unstored || of.unstored
	if t.cadence == "" {
		t.cadence = of.cadence
	}
	if t.keeps == "" {
		t.keeps = of.keeps
	}
	if t.keeps == "" {
		t.keeps = planned[r.plan][kind]
	}
	return t
}

// kept is until when a cohort is kept by terms, without a cadence.
func (r regulation) kept(kind retention.Kind, c retention.Cohort, t terms) time.Time {
	at := expires(c, planned[r.plan][kind])
	if other := expires(c, t.keeps); other.Before(at) {
		at = other
	}
	if t.unstored && c.Start.Before(at) {
		at = c.Start
	}
	return at
}

// ends is when a life is over by a policy.
func (m *ideal) ends(r regulation, l *life) time.Time {
	t := r.terms(l)
	at := r.kept(l.kind, m.day(l.anchor), t)
	if !l.settled || l.completes.IsZero() {
		return at
	}
	due, early := t.cadence.Due(l.completes, m.zone)
	if !early {
		return at
	}
	if l.awaits || !l.delivered.IsZero() {
		until := l.settledAt.Add(r.deadline)
		if !l.awaits && l.delivered.Before(until) {
			until = l.delivered
		}
		if until.After(due) {
			due = until
		}
	}
	if due.Before(at) {
		return due
	}
	return at
}

// dayEnds is when what goes by the day is over by a policy.
func (m *ideal) dayEnds(r regulation, kind retention.Kind, c retention.Cohort) time.Time {
	t := r.with(kind, terms{})
	at := r.kept(kind, c, t)
	if due, ok := t.cadence.Due(c.End, m.zone); ok && due.Before(at) {
		return due
	}
	return at
}

// dayOver says whether all policies are over with what goes by the day, and whether a hold keeps it: one that asks for nothing that it
// does not have.
func (m *ideal) dayOver(kind retention.Kind, c retention.Cohort, now time.Time) (over, held bool) {
	over = !slices.ContainsFunc(m.inForce(now), func(r regulation) bool { return m.dayEnds(r, kind, c).After(now) })
	return over, slices.ContainsFunc(m.holds, func(h holding) bool {
		return h.may(kind, c.ID, now) && len(h.records) == 0 && h.tag+h.department+h.email == ""
	})
}

// shows says whether a day of visits can be read under a policy.
func (m *ideal) shows(r regulation, d *visitDay, now time.Time) bool {
	_, held := m.dayOver(retention.Visit, d.Cohort, now)
	return !d.gone && (held || now.Before(m.dayEnds(r, retention.Visit, d.Cohort)))
}

// visitDay is the day of visits of an instant.
func (m *ideal) visitDay(at time.Time) *visitDay {
	c := m.day(at)
	if m.days[c.ID] == nil {
		m.days[c.ID] = &visitDay{Cohort: c, visits: map[string][]conversation.Page{}}
	}
	return m.days[c.ID]
}

// takesFiles says whether files come to those that there are, keepsFiles whether these can be read.
func (m *ideal) takesFiles() bool { return m.keepsFiles() && !m.minimal }

func (m *ideal) keepsFiles() bool { return !m.policy.of[retention.Attachment].unstored }

// inForce are the policies that keep something at an instant.
func (m *ideal) inForce(now time.Time) []regulation {
	all := []regulation{m.policy}
	for _, w := range m.waiting {
		if now.Before(w.until) {
			all = append(all, w.regulation)
		}
	}
	return all
}

func (h holding) active(now time.Time) bool { return h.until.IsZero() || now.Before(h.until) }

func (h holding) may(kind retention.Kind, day string, now time.Time) bool {
	return h.active(now) && (len(h.kinds) == 0 || slices.Contains(h.kinds, kind)) && (h.from == "" || day >= h.from) && (h.to == "" || day <= h.to)
}

func (m *ideal) held(l *life, now time.Time) bool {
	if l.gone {
		return false
	}
	return slices.ContainsFunc(m.holds, func(h holding) bool {
		return h.may(l.kind, m.day(l.anchor).ID, now) &&
			(len(h.records) == 0 || slices.Contains(h.records, l.id)) &&
			(h.tag == "" || slices.Contains(l.tags, h.tag)) &&
			(h.department == "" || h.department == l.department) &&
			(h.email == "" || h.email == l.email)
	})
}

// pass says that it is now: what is over for good by now stays so.
func (m *ideal) pass(now time.Time) {
	for _, l := range m.lives {
		if !l.gone && !m.held(l, now) && !slices.ContainsFunc(m.inForce(now), func(r regulation) bool { return m.ends(r, l).After(now) }) {
			l.gone = true
		}
	}
	for ago := range 3 { // what is over before anybody tells of it is so too
		m.visitDay(now.Add(-time.Duration(ago) * 24 * time.Hour))
	}
	for _, d := range m.days {
		if over, held := m.dayOver(retention.Visit, d.Cohort, now); over && !held {
			d.gone = true
		}
	}
}

// readable says whether a life can be read.
func (m *ideal) readable(l *life, now time.Time) bool {
	return !l.gone && !l.keyless && l.hand.IsZero() && (now.Before(m.ends(m.policy, l)) || m.held(l, now))
}

// destroys says whether a purge destroys a settled life.
func (m *ideal) destroys(l *life, now time.Time) bool {
	return l.gone || !l.hand.IsZero() && !now.Before(l.until) && !m.held(l, now)
}

// cohort says what a purge does with a cohort: whether all policies are over with all of it, and whether a hold may be about it.
func (m *ideal) cohort(kind retention.Kind, c retention.Cohort, now time.Time) (over, mayHold bool) {
	over = true
	for _, r := range m.inForce(now) {
		all := []terms{r.with(kind, terms{})}
		for _, rule := range r.rules {
			if len(rule.kinds) == 0 || slices.Contains(rule.kinds, kind) {
				all = append(all, r.with(kind, rule.terms))
			}
		}
		for _, t := range all {
			over = over && !r.kept(kind, c, t).After(now)
		}
	}
	return over, slices.ContainsFunc(m.holds, func(h holding) bool { return h.may(kind, c.ID, now) })
}

func (m *ideal) newest(conversation string) *life {
	for _, l := range slices.Backward(m.lives) {
		if l.conversation == conversation {
			return l
		}
	}
	return nil
}

// said takes in what somebody wrote now.
func (m *ideal) said(to life, text string, tags []string, now time.Time) *life {
	l := m.newest(to.conversation)
	if l == nil || l.gone || l.destroyed || l.keyless || !l.hand.IsZero() || l.settled && now.After(l.known.Add(retention.Reopens(l.kind))) {
		to.number = 1
		if l != nil {
			to.number = l.number + 1
		}
		l = &to
		m.lives = append(m.lives, l)
	}
	if l.kind == retention.Article { // of which there is the last text, and nothing is waited for
		l.texts = nil
	}
	l.texts, l.anchor, l.known, l.settled = append(l.texts, text), now, now, false
	l.ended = l.kind == retention.Article || l.kind == retention.Call && l.ended // who hung up does not go on
	if tags != nil {
		l.tags = tags
	}
	return l
}

// settle makes a life settled.
func (m *ideal) settle(l *life, now time.Time) {
	l.settled, l.settledAt, l.completes, l.delivered, l.awaits = true, now, time.Time{}, time.Time{}, m.policy.required[l.kind]
	switch {
	case l.kind == retention.Chat, l.kind == retention.Call && l.ended, l.status == "closed", l.status == "withdrawn":
		l.completes = now
	case l.status == "solved":
		if l.completes = l.statusAt.Add(retention.SolvedWait); l.completes.Before(now) {
			l.completes = now
		}
	}
}

// change puts another policy in force.
func (m *ideal) change(next regulation, now time.Time, undoing bool) {
	m.pass(now)
	waits := max(m.policy.wait, next.wait)
	if m.policy.plan == retention.Enterprise && next.plan == retention.Standard {
		waits = max(waits, 30*24*time.Hour)
	}
	m.waiting = slices.DeleteFunc(m.waiting, func(w waiting) bool { return !now.Before(w.until) })
	m.undo = time.Time{}
	if waits > 0 {
		m.waiting = append(m.waiting, waiting{m.policy, now.Add(waits)})
		if !undoing {
			m.before, m.undo = m.policy, now.Add(waits)
		}
	}
	m.policy = next
}

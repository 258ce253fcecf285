package letter

import (
	"fmt"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/redact"
	"github.com/supportvault/supportvault/shared/retention"
)

// sheet is all that is read in a letter, clean and in order.
type sheet struct {
	Subject string
	// Preheader is what a list of letters shows after the subject.
	Preheader string
	// Heading, Period and Counts are a digest's.
	Heading, Period, Counts string
	Sections                []section
	Footer                  []string
	Zone                    *time.Location
}

// section is one conversation.
type section struct {
	// Number counts from 1 in a digest; 0 is the only one.
	Number int
	// Kind is "Chat" or "Ticket", Heading what it is called, Start when it began.
	Kind, Heading, Start string
	Facts                []fact
	Link                 string
	Days                 []day
	// Titled says that the heading is a title that somebody gave, Dated that it says when it began.
	Titled, Dated bool
	// Empty says that it has no entries, Cut how many were too many; either may be empty.
	Empty, Cut string
	// LinkOnly says that there is nothing of the conversation in it.
	LinkOnly bool
}

// What is what the conversation is called within a sentence.
func (s section) What() string { return strings.ToLower(s.Kind) }

// Elsewhere says why there is nothing of the conversation.
func (s section) Elsewhere() string {
	return "Nothing of the " + s.What() + " is in this mail; the link leads to it."
}

type fact struct {
	Label  string
	Values []string
}

// day is the entries of one day in the account's time zone.
type day struct {
	Name    string
	Entries []entry
}

type entry struct {
	// Look chooses how it is drawn.
	Look look
	Time string
	// Name is who wrote it, Role what they are; the name may be missing.
	Name, Role string
	Lines      []string
	Files      []string
}

type look string

const (
	byVisitor look = "visitor"
	byAgent   look = "agent"
	byBot     look = "bot"
	bySystem  look = "system"
	asNote    look = "note"
)

// IsSystem says that nobody wrote it.
func (e entry) IsSystem() bool { return e.Look == bySystem }

// Limits of what a letter lists in one place.
const (
	longestSubject = 120
	mostTags       = 30
	mostPeople     = 20
	mostFiles      = 50
)

func sheetOf(m Message) sheet {
	s := sheet{Zone: m.Zone}
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	account := line(m.Account, longestName)
	left := Room
	for i, item := range m.Items {
		w := writer{zone: s.Zone, content: m.Content, private: m.Private, account: account, left: left}
		section := w.section(item)
		if m.Digest != nil {
			section.Number = i + 1
		}
		s.Sections = append(s.Sections, section)
		left = w.left
	}
	if m.Digest == nil {
		s.Subject = s.Sections[0].subject(account)
		s.Preheader = s.Sections[0].preheader()
	} else {
		s.describe(*m.Digest)
	}
	s.Subject = cut(header(s.Subject), longestSubject)
	s.Footer = footer(m, account, s.Zone)
	return s
}

// describe says what a digest is.
func (s *sheet) describe(d Digest) {
	s.Heading = line(d.Title, longestName)
	if s.Heading == "" {
		s.Heading = "Digest"
	}
	counts := map[string]int{}
	for _, section := range s.Sections {
		counts[section.Kind]++
	}
	var said []string
	for _, kind := range []string{"Chat", "Ticket", "Conversation"} {
		switch n := counts[kind]; n {
		case 0:
		case 1:
			said = append(said, "1 "+strings.ToLower(kind))
		default:
			said = append(said, strconv.Itoa(n)+" "+strings.ToLower(kind)+"s")
		}
	}
	s.Counts = strings.Join(said, " and ")
	part := ""
	if d.Parts > 1 {
		part = fmt.Sprintf("part %d of %d", max(d.Part, 1), d.Parts)
		s.Counts += ", " + part
		part = " (" + part + ")"
	}
	s.Period = s.span(d.From, d.To)
	s.Subject = s.Heading + part
	if date := s.date(d.From, d.To); date != "" {
		s.Subject = s.Heading + ", " + date + part
	}
	s.Preheader = s.Counts
}

// span is a period in full; empty where there is none.
func (s *sheet) span(from, to time.Time) string {
	if from.IsZero() || !to.After(from) {
		return ""
	}
	return moment(from, s.Zone) + " to " + moment(to, s.Zone) + " (" + zoneName(s.Zone) + ")"
}

// date is the day or the days of a period.
func (s *sheet) date(from, to time.Time) string {
	if from.IsZero() || !to.After(from) {
		return ""
	}
	first, last := from.In(s.Zone).Format(dateForm), to.Add(-1).In(s.Zone).Format(dateForm)
	switch {
	case first == last && to.Sub(from) <= 2*time.Hour:
		return first + ", " + from.In(s.Zone).Format(timeForm)
	case first == last:
		return first
	}
	return first + " to " + last
}

const (
	dateForm = "2 January 2006"
	timeForm = "15:04"
)

func moment(t time.Time, zone *time.Location) string {
	return t.In(zone).Format(dateForm + ", " + timeForm)
}

func zoneName(zone *time.Location) string { return line(zone.String(), longestName) }

// writer makes sections of conversations, as long as there is room for them.
type writer struct {
	zone    *time.Location
	content Content
	private bool
	account string
	// left is for how many bytes of a message there is room.
	left int
}

func (w *writer) section(item Item) section {
	v := item.View
	kind := kindName(v.Kind)
	s := section{Kind: kind, Link: item.Link}
	if !v.StartedAt.IsZero() {
		s.Start = moment(v.StartedAt.Time, w.zone)
	}
	if w.content == Link {
		s.LinkOnly = true
		s.Heading, s.Dated = dated(kind, s.Start), true
		w.left -= s.headCost()
		return s
	}
	if w.content == Redacted {
		v = redact.View(v)
	}
	// A ticket is called by its title, others by who began it.
	if title := line(v.Title, longestLine); title != "" {
		s.Heading, s.Titled = title, true
	} else if name := w.visitor(v); name != "" {
		s.Heading = kind + " with " + name
	} else {
		s.Heading, s.Dated = dated(kind, s.Start), true
	}
	s.Facts = w.facts(v)
	w.left -= s.headCost()
	w.entries(v, &s)
	return s
}

func kindName(k retention.Kind) string {
	switch k {
	case retention.Chat:
		return "Chat"
	case retention.Ticket:
		return "Ticket"
	case retention.Call:
		return "Call"
	case retention.Article:
		return "Article"
	case retention.Visit:
		return "Visit"
	}
	return "Conversation"
}

func dated(kind, start string) string {
	if start == "" {
		return kind
	}
	return kind + " of " + start
}

// visitor is the name of the first subject that has one.
func (w *writer) visitor(v conversation.View) string {
	if w.content == Redacted {
		return ""
	}
	for _, s := range v.Subjects {
		if name := line(s.Name, longestName); name != "" {
			return name
		}
	}
	return ""
}

func (w *writer) facts(v conversation.View) (facts []fact) {
	add := func(label string, values ...string) {
		if values = slices.DeleteFunc(values, func(s string) bool { return s == "" }); len(values) > 0 {
			facts = append(facts, fact{label, values})
		}
	}
	for i, s := range v.Subjects {
		if i == mostPeople {
			add("Visitor", fmt.Sprintf("and %d more", len(v.Subjects)-i))
			break
		}
		known := []string{line(s.Name, longestName)}
		if w.private {
			known = append(known, line(s.Email, longestLine), line(s.Phone, longestName))
		}
		if w.content != Redacted {
			add("Visitor", known...)
		}
	}
	switch v.Status {
	case conversation.StatusOpen, conversation.StatusPending, conversation.StatusSolved, conversation.StatusClosed:
		add("Status", string(v.Status))
	}
	if !v.StartedAt.IsZero() {
		add("Started", moment(v.StartedAt.Time, w.zone)+" ("+zoneName(w.zone)+")")
	}
	if v.EndedAt != nil && !v.EndedAt.IsZero() {
		add("Ended", moment(v.EndedAt.Time, w.zone))
	} else if v.State == conversation.Open {
		add("Ended", "still open")
	}
	add("Department", line(v.Department, longestName))
	if w.private {
		var tags []string
		for i, tag := range v.Tags {
			if i == mostTags {
				tags = append(tags, fmt.Sprintf("and %d more", len(v.Tags)-i))
				break
			}
			tags = append(tags, line(tag, longestName))
		}
		add("Tags", tags...)
	}
	if v.Rating != nil {
		add("Rating", strconv.Itoa(*v.Rating))
	}
	return facts
}

// entries adds the entries by day, as far as there is room.
func (w *writer) entries(v conversation.View, s *section) {
	var all []conversation.Entry
	if v.Entries != nil {
		all = *v.Entries
	}
	all = slices.DeleteFunc(slices.Clone(all), func(e conversation.Entry) bool { return e.Private && !w.private })
	if len(all) == 0 {
		s.Empty = "There are no messages."
		return
	}
	for i, e := range all {
		made := w.entry(e)
		whole := w.fit(&made)
		rest := len(all) - i - 1
		shown := whole || len(made.Lines) > 0 || len(made.Files) > 0
		if shown {
			w.put(s, e.Time.Time, made)
		}
		switch {
		case whole:
			continue
		case !shown:
			s.Cut = fmt.Sprintf("This transcript is longer than a letter may be: %d more messages are left out.", rest+1)
		case rest == 0:
			s.Cut = "This transcript is longer than a letter may be: the rest of this message is left out."
		default:
			s.Cut = fmt.Sprintf("This transcript is longer than a letter may be: the rest of this message and %d more are left out.", rest)
		}
		return
	}
}

// put puts an entry under its day.
func (w *writer) put(s *section, at time.Time, e entry) {
	name := "No date"
	if !at.IsZero() {
		name = at.In(w.zone).Format("Monday, " + dateForm)
	}
	if n := len(s.Days); n == 0 || s.Days[n-1].Name != name {
		s.Days = append(s.Days, day{Name: name})
		w.left -= encoded(dayBytes)
	}
	last := &s.Days[len(s.Days)-1]
	last.Entries = append(last.Entries, e)
}

func (w *writer) entry(e conversation.Entry) entry {
	made := entry{Name: line(e.Author.Name, longestName), Lines: text(e.Text)}
	if !e.Time.IsZero() {
		made.Time = e.Time.In(w.zone).Format(timeForm)
	}
	switch e.Author.Role {
	case conversation.Visitor:
		made.Look, made.Role = byVisitor, "visitor"
	case conversation.Agent:
		made.Look, made.Role = byAgent, "agent"
	case conversation.Bot:
		made.Look, made.Role = byBot, "bot"
	default:
		made.Look, made.Name = bySystem, ""
	}
	if strings.EqualFold(made.Name, made.Role) {
		made.Name = ""
	}
	if e.Private {
		made.Look = asNote
		made.Role = strings.TrimPrefix(made.Role+", private note", ", ")
	}
	for i, a := range e.Attachments {
		if i == mostFiles {
			made.Files = append(made.Files, fmt.Sprintf("and %d more", len(e.Attachments)-i))
			break
		}
		made.Files = append(made.Files, file(a))
	}
	return made
}

// file says what is known of an attachment: its name, or else its type, and its size.
func file(a conversation.Attachment) string {
	said := line(a.Name, longestLine)
	if said == "" {
		// A type may be written by a sender's customer: only one that is a type is said.
		if t, _, err := mime.ParseMediaType(a.Type); err == nil && t != "file" {
			said = line(t, longestName)
		}
	}
	size := ""
	if a.Bytes > 0 {
		size = bytesOf(a.Bytes)
	}
	switch {
	case said == "":
		return strings.TrimSpace("without a name " + size)
	case size == "":
		return said
	}
	return said + " (" + size + ")"
}

// bytesOf is a size for people.
func bytesOf(size int64) string {
	switch n := float64(size); {
	case n < 1e3:
		return strconv.FormatInt(size, 10) + " bytes"
	case n < 1e6:
		return strconv.FormatFloat(n/1e3, 'f', 1, 64) + " kB"
	default:
		return strconv.FormatFloat(n/1e6, 'f', 1, 64) + " MB"
	}
}

// subject is the subject of a letter of this conversation alone.
func (s section) subject(account string) string {
	switch {
	case s.LinkOnly && account != "":
		return s.Heading + " (account " + account + ")"
	case s.LinkOnly:
		return s.Heading
	case s.Titled:
		return s.Kind + ": " + s.Heading
	case s.Start != "" && !s.Dated:
		day, _, _ := strings.Cut(s.Start, ",")
		return s.Heading + ", " + day
	}
	return s.Heading
}

// preheader is the beginning of what the visitor wrote first, or else of what anybody did.
func (s section) preheader() (said string) {
	const longest = 100
	for _, d := range s.Days {
		for _, e := range d.Entries {
			if len(e.Lines) == 0 || e.Look != byVisitor && (said != "" || e.Look != byAgent && e.Look != byBot) {
				continue
			}
			said = line(strings.Join(e.Lines[:min(len(e.Lines), 3)], " "), longest)
			if e.Look == byVisitor {
				return said
			}
		}
	}
	return said
}

// footer says why one gets the letter, which account it is about, and how long there is something to come back to.
func footer(m Message, account string, zone *time.Location) (lines []string) {
	add := func(s string) {
		if s != "" {
			lines = append(lines, s)
		}
	}
	add(line(m.Why, 2*longestLine))
	if account != "" {
		add("Account: " + account + ".")
	}
	first, last := time.Time{}, time.Time{}
	for _, item := range m.Items {
		at := item.View.ExpiresAt.Time
		if at.IsZero() {
			continue
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	name := " (" + zoneName(zone) + ")."
	switch {
	case first.IsZero():
	case m.Digest == nil:
		add("This " + strings.ToLower(kindName(m.Items[0].View.Kind)) + " is kept until " + moment(first, zone) + name)
	case first.Equal(last):
		add("These conversations are kept until " + moment(first, zone) + name)
	default:
		add("The first of these conversations is kept until " + moment(first, zone) + ", the last until " + moment(last, zone) + name)
	}
	return lines
}

package letter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/retention"
)

// NewsKind is what an account's administrators are told of.
type NewsKind string

// The kinds of news.
const (
	PolicyApplied         NewsKind = "policy.applied"
	PolicyUndone          NewsKind = "policy.undone"
	AdministratorsChanged NewsKind = "administrators.changed"
	RecordDestroying      NewsKind = "record.destroying"
	RecordRestored        NewsKind = "record.restored"
	HoldSet               NewsKind = "hold.set"
	HoldReleaseAsked      NewsKind = "hold.release-asked"
	HoldReleased          NewsKind = "hold.released"
	ClosureAnnounced      NewsKind = "closure.announced"
	ClosureUndone         NewsKind = "closure.undone"
)

// NewsKinds are all kinds of news.
func NewsKinds() []NewsKind {
	return []NewsKind{PolicyApplied, PolicyUndone, AdministratorsChanged, RecordDestroying, RecordRestored, HoldSet, HoldReleaseAsked,
		HoldReleased, ClosureAnnounced, ClosureUndone}
}

// News is what administrators are told: who did what, why, what it does to what the account has, and how it is undone. It holds
// nothing of a conversation but its id.
type News struct {
	Kind NewsKind
	At   time.Time
	// By is who did it, as the audit trail names them: "token:<id>", "operator" or "role:<function>".
	By     string
	Reason string `json:",omitzero"`
	// Version is that of the policy; 0 is none.
	Version int `json:",omitzero"`
	// Target is the id of the conversation or of the hold.
	Target string `json:",omitzero"`
	// Until is up to when it can be undone; zero: it cannot.
	Until time.Time `json:",omitzero"`
	// Undo is the request that undoes it.
	Undo  Call    `json:",omitzero"`
	Keeps []Kept  `json:",omitzero"`
	Hides []Count `json:",omitzero"`
	Shows []Count `json:",omitzero"`
	// Before and After are the administrators' addresses, where they changed.
	Before []string `json:",omitzero"`
	After  []string `json:",omitzero"`
}

// Count is how much of a kind is hidden, or can be read again. Open are conversations that have not settled; days are those of
// the account's time zone, as 2006-01-02.
type Count struct {
	Kind           retention.Kind
	Records, Open  int
	Bytes          int64
	Oldest, Newest string
}

// Kept is how long a kind is kept from now on, and was before.
type Kept struct {
	Kind        retention.Kind
	Now, Before string
}

// Call is a request of the API; Path follows the account's URL.
type Call struct{ Method, Path, Body string }

// Notice is a letter of news to one administrator.
type Notice struct {
	// ID, From, To, Account, Zone and Date are as in Message.
	ID, From, To, Account string
	Zone                  *time.Location
	Date                  time.Time
	// API is the base URL of the API.
	API string
	News
}

// words are what is said of a kind: in the subject and the heading of the account, and in a paragraph.
type words struct {
	heading, lead string
	// otherwise is what happens unless it is undone; empty where nothing can be undone or would happen.
	otherwise string
}

var newsWords = map[NewsKind]words{
	PolicyApplied: {"the retention policy of %s was changed",
		"It is in force now, for everything that the account has.",
		"what is hidden is destroyed after that, in every backup too"},
	PolicyUndone: {"the last change of the retention policy of %s was undone",
		"The policy before that change is in force again.", ""},
	AdministratorsChanged: {"the administrators of %s were changed",
		"These addresses are told when something of the account is hidden or is to be destroyed. This mail goes to those that were in " +
			"the list and to those that are now, so that nobody is taken out of it unawares.", ""},
	RecordDestroying: {"a conversation of %s is to be destroyed",
		"It is hidden now: it cannot be read any more.",
		"it is destroyed after that, in every backup too"},
	RecordRestored: {"a conversation of %s was restored",
		"It was to be destroyed, and can be read again.", ""},
	HoldSet: {"a hold was put on %s",
		"What is under it is not destroyed until the hold is released.", ""},
	HoldReleaseAsked: {"a hold on %s is to be released",
		"A second administrator has to agree. Until then it holds.", ""},
	HoldReleased: {"a hold on %s was released",
		"What only the hold has kept is destroyed from now on.", ""},
	ClosureAnnounced: {"the account %s is to be closed",
		"Until then everything can be read and taken out as before. A hold makes the closing wait.",
		"its keys are destroyed after that, and with them everything that it has, in every backup too"},
	ClosureUndone: {"the account %s is not closed",
		"The closing was undone.", ""},
}

// newsSheet is all that is read in a notice, clean and in order.
type newsSheet struct {
	Subject, Preheader, Heading string
	Lead                        []string
	Facts                       []fact
	Reason                      []string
	Tables                      []newsTable
	// Undo says whether and until when it can be undone; Command is how, line by line; Otherwise is what happens else.
	Undo      string
	Command   []string
	Otherwise string
	Footer    []string
}

// newsTable has a row a kind. The first row is its head, the first column the kinds.
type newsTable struct {
	Caption string
	Rows    [][]string
}

// ComposeNotice writes a complete message as Compose does.
func ComposeNotice(n Notice) ([]byte, error) {
	says, ok := newsWords[n.Kind]
	base := n.API + "/v1/accounts/" + n.Account
	switch {
	case n.ID == "":
		return nil, fmt.Errorf("%w: it has no id", ErrMessage)
	case n.Date.IsZero() || n.At.IsZero():
		return nil, fmt.Errorf("%w: it has no date", ErrMessage)
	case !ok:
		return nil, fmt.Errorf("%w: there is no such news", ErrMessage)
	case !isLabel(n.Account) || !isLink(base):
		return nil, fmt.Errorf("%w: the account has no URL", ErrMessage)
	case n.Undo != Call{} && (!methodForm().MatchString(n.Undo.Method) || !isLink(base+n.Undo.Path)):
		return nil, fmt.Errorf("%w: what undoes it is no request", ErrMessage)
	}
	from, to, err := mailboxes(n.From, n.To)
	if err != nil {
		return nil, err
	}
	if n.Zone == nil {
		n.Zone = time.UTC
	}
	s := n.sheet(says, base)
	html, err := s.html()
	if err != nil {
		return nil, err
	}
	return envelope{id: n.ID, from: from, to: to, date: n.Date.In(n.Zone), subject: s.Subject}.around(s.text(), html)
}

var methodForm = lazyregexp.New(`^[A-Z]{3,7}$`)

func (n Notice) sheet(says words, base string) newsSheet {
	heading := fmt.Sprintf(says.heading, n.Account)
	s := newsSheet{
		Subject: "supportvault: " + heading, Heading: strings.ToUpper(heading[:1]) + heading[1:], Lead: []string{says.lead},
		Reason: text(cut(strings.ToValidUTF8(n.Reason, "\ufffd"), longestReason)),
		Footer: []string{"You get this because your address is one of the administrators’ of the account.", "Account: " + n.Account + "."},
	}
	if n.Kind == AdministratorsChanged {
		s.Footer[0] = "You get this because your address is, or was, one of the administrators’ of the account."
	}
	s.Preheader = says.lead
	add := func(label string, values ...string) {
		if values = slices.DeleteFunc(values, func(s string) bool { return s == "" }); len(values) > 0 {
			s.Facts = append(s.Facts, fact{label, values})
		}
	}
	add("By", author(n.By))
	add("At", moment(n.At, n.Zone)+" ("+zoneName(n.Zone)+")")
	if n.Version > 0 {
		add("Version", strconv.Itoa(n.Version))
	}
	switch n.Kind {
	case RecordDestroying, RecordRestored:
		add("Conversation", line(n.Target, longestLine))
	default:
		add("Hold", line(n.Target, longestLine))
	}
	for _, k := range n.Keeps {
		kept := "kept for " + line(k.Now, longestName)
		if k.Before != "" && k.Before != k.Now {
			kept += ", before for " + line(k.Before, longestName)
		}
		add(plural(k.Kind), kept)
	}
	if n.Kind == AdministratorsChanged {
		add("Added", lacking(n.After, n.Before)...)
		add("Taken out", lacking(n.Before, n.After)...)
		if len(n.After) == 0 {
			s.Lead = append(s.Lead, "The list is empty now: from here on, nobody is told of anything.")
		}
	}
	s.count("Hidden now: it cannot be read any more", n.Hides)
	s.count("It can be read again", n.Shows)
	if n.Kind == PolicyApplied && len(s.Tables) == 0 {
		s.Lead = append(s.Lead, "Nothing that is there is hidden by it.")
	}
	if n.Undo != (Call{}) {
		s.Command = n.Undo.command(base)
	}
	switch {
	case !n.Until.IsZero():
		s.Undo = "It can be undone until " + moment(n.Until, n.Zone) + " (" + zoneName(n.Zone) + ")"
		if says.otherwise != "" {
			s.Otherwise = "Otherwise " + says.otherwise + "."
		}
	case len(s.Command) > 0:
		s.Undo = "It can be set back"
	case says.otherwise != "" && (n.Kind != PolicyApplied || len(s.Tables) > 0):
		s.Undo = "It cannot be undone: there is no wait."
	}
	switch {
	case len(s.Command) > 0:
		s.Undo += ", with a token of the account in TOKEN:"
	case !n.Until.IsZero():
		s.Undo += "."
	}
	return s
}

// longestReason is how much of a reason is shown; the API takes less.
const longestReason = 2000

// author is who did something, in words.
func author(by string) string {
	kind, id, _ := strings.Cut(by, ":")
	switch id = line(id, longestName); {
	case kind == "token" && id != "":
		return "the token " + id
	case kind == "role" && id != "":
		return "supportvault itself (" + id + ")"
	case by == "operator":
		return "the operator"
	}
	return line(by, longestName)
}

func plural(k retention.Kind) string {
	if k == retention.Fact {
		return "Facts"
	}
	return kindName(k) + "s"
}

// lacking are the addresses that are in one list and not in the other.
func lacking(in, other []string) (rest []string) {
	for _, address := range in {
		if !slices.Contains(other, address) {
			rest = append(rest, line(address, longestLine))
		}
	}
	return rest
}

// count adds a table of what there is anything of.
func (s *newsSheet) count(caption string, counts []Count) {
	t := newsTable{caption, [][]string{{"", "How many", "Size", "Oldest day", "Newest day"}}}
	for _, c := range counts {
		if c.Records+c.Open == 0 {
			continue
		}
		many := strconv.Itoa(c.Records)
		if c.Open > 0 {
			many += fmt.Sprintf(" and %d open", c.Open)
		}
		t.Rows = append(t.Rows, []string{plural(c.Kind), many, bytesOf(c.Bytes), dayOf(c.Oldest), dayOf(c.Newest)})
	}
	if len(t.Rows) > 1 {
		s.Tables = append(s.Tables, t)
	}
}

// dayOf is the day of a cohort, which may be of less than a day.
func dayOf(id string) string {
	if t, err := time.Parse(time.DateOnly, id); err == nil {
		return t.Format("2 Jan 2006")
	}
	return line(id, longestName)
}

// command is the request as lines for a shell. A URL that is a link has no quote in it.
func (c Call) command(base string) (lines []string) {
	lines = []string{"curl -X " + c.Method + " '" + base + c.Path + "'", `  -H "Authorization: Bearer $TOKEN"`}
	if c.Body != "" {
		lines = append(lines, "  -d '"+strings.ReplaceAll(line(c.Body, longestBody), "'", `'\''`)+"'")
	}
	for i := range lines[:len(lines)-1] {
		lines[i] += ` \`
	}
	return lines
}

// longestBody is more than the longest list of administrators has.
const longestBody = 8000

// text is the sheet as plain text, with CRLF line ends.
func (s *newsSheet) text() string {
	var t lines
	t.title(s.Heading, '=')
	for _, p := range s.Lead {
		t.add("", p)
		t.blank()
	}
	const label = "Conversation:  "
	for _, f := range s.Facts {
		t.add(strings.Repeat(" ", len(label)), (f.Label + ":" + strings.Repeat(" ", len(label)))[:len(label)]+strings.Join(f.Values, ", "))
	}
	t.blank()
	if len(s.Reason) > 0 {
		t.add("", "Reason:")
		for _, l := range s.Reason {
			if l == "" {
				t.blank()
				continue
			}
			t.add(indent, indent+l)
		}
		t.blank()
	}
	for _, table := range s.Tables {
		t.title(table.Caption, '-')
		for _, l := range columned(table.Rows) {
			t.raw(l)
		}
		t.blank()
	}
	t.add("", s.Undo)
	t.blank()
	for _, l := range s.Command {
		t.raw("  " + l)
	}
	t.blank()
	t.add("", s.Otherwise)
	t.blank()
	t.add("", strings.Repeat("-", columns))
	for _, l := range s.Footer {
		t.add("", l)
	}
	return t.String()
}

// columned sets rows in columns, of which the second and the third end in line.
func columned(rows [][]string) (out []string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-width(cell))
			if i == 1 || i == 2 {
				b.WriteString(pad + cell + "  ")
			} else {
				b.WriteString(cell + pad + "  ")
			}
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return out
}

// html is the sheet as a page.
func (s *newsSheet) html() (string, error) {
	var out strings.Builder
	if err := pages().ExecuteTemplate(&out, "notice", s); err != nil {
		return "", errWrite
	}
	return out.String(), nil
}

// notice is written as page is, with its top and bottom.
const notice = `
{{define "notice"}}
{{template "top" .}}
	<h1 style="font-size:22px;line-height:1.3;margin:0 0 16px" dir="auto">{{.Heading}}</h1>
	{{range .Lead}}<p style="margin:0 0 12px">{{.}}</p>{{end}}
	<table role="presentation" cellpadding="0" cellspacing="0" border="0" style="font-size:14px;line-height:1.4;margin:0 0 16px">
		{{range .Facts}}
			<tr><td valign="top" style="padding:1px 16px 1px 0;white-space:nowrap">{{.Label}}</td>
			<td valign="top" style="padding:1px 0;overflow-wrap:anywhere;word-break:break-word">
			<b>{{range $i, $v := .Values}}{{if $i}}, {{end}}<bdi>{{$v}}</bdi>{{end}}</b></td></tr>
		{{end}}
	</table>
	{{if .Reason}}
		<p style="margin:0 0 4px;font-size:13px;font-weight:bold">Reason</p>
		<div dir="auto" style="border-left:4px solid #8a8f98;padding:2px 0 2px 12px;margin:0 0 16px;white-space:pre-wrap">
		{{range $i, $l := .Reason}}{{if $i}}<br>{{end}}{{$l}}{{end}}</div>
	{{end}}
	{{range .Tables}}
		<p style="margin:24px 0 4px;font-size:13px;font-weight:bold">{{.Caption}}</p>
		<table width="100%" cellpadding="0" cellspacing="0" border="0"
			 style="width:100%;border-collapse:collapse;font-size:14px;line-height:1.4;margin:0 0 16px">
			{{range $i, $row := .Rows}}<tr>
				{{range $j, $cell := $row}}
					{{if not $i}}
						<th scope="col" align="{{if eq $j 1 2}}right{{else}}left{{end}}" valign="bottom"
							 style="padding:4px 12px 4px 0;border-bottom:1px solid #8a8f98;font-size:12px">{{$cell}}</th>
					{{else if not $j}}
						<th scope="row" align="left" valign="top" style="padding:4px 8px 4px 0;white-space:nowrap">{{$cell}}</th>
					{{else}}
						<td align="{{if eq $j 1 2}}right{{else}}left{{end}}" valign="top" style="padding:4px 12px 4px 0">{{$cell}}</td>
					{{end}}
				{{end}}
			</tr>{{end}}
		</table>
	{{end}}
	{{if .Undo}}<p style="margin:16px 0 8px;font-weight:bold">{{.Undo}}</p>{{end}}
	{{if .Command}}
		<div dir="ltr" style="border:1px solid #8a8f98;padding:8px 12px;margin:0 0 12px;white-space:pre-wrap;
			font-family:ui-monospace,Menlo,Consolas,monospace;font-size:13px">
		{{range $i, $l := .Command}}{{if $i}}<br>{{end}}{{$l}}{{end}}</div>
	{{end}}
	{{if .Otherwise}}<p style="margin:0 0 12px">{{.Otherwise}}</p>{{end}}
{{template "bottom" .}}
{{end}}
`

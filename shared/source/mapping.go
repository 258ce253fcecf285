package source

import (
	"bytes"
	"cmp"
	stdjson "encoding/json" // whose numbers keep all of their digits
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/theory/jsonpath"
	"github.com/theory/jsonpath/registry"
	"github.com/theory/jsonpath/spec"

	"github.com/supportvault/supportvault/shared/card"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// Mapping says what becomes of bodies that a sender's administrator wrote:
//
//	{"layouts": ["1/2/2006 3:04:05 PM"],                         forms of times beside those that every source knows
//	 "rules": [{                                                 the first that is for a body makes an event of it
//	   "name": "chat-closed",
//	   "when": [{"path": "$.event", "equals": ["closed"]},       all of them hold; without any, it is for every body
//	            {"path": "$.id", "exists": true}],
//	   "kind": "chat",                                           chat, ticket or call
//	   "fields": {"does": "ended", "conversation": "$.id", …},   eventFields has them all
//	   "entries": {"each": "$.lines[*]",                         without it the body is the one entry
//	               "fields": {"text": "$.text", …}}}]}           entryFields; paths begin at the entry
//
// Of a time in a layout without seconds, only the minute is known. What arrives in that minute, or up to a minute before or after it, has
// the time of its receipt, or a question and its answer would stand in any order; what arrives later has the beginning of the minute. Of
// a list of entries each has the minute that it tells. A delivery that comes again is known by its event, whenever it comes. But the same
// words of the same role in one minute are one entry, unless the sender tells ids.
//
// A field is a path of RFC 9535, another text, true or false for themselves, or an object:
//
//	{"path": "$.status", "values": {"Open": "open"}, "otherwise": "closed", "split": ","}
//
// in which the values say what stands for what was found, and otherwise what for everything else; split parts a text.
//
// Paths lead straight to what they find: no .. and no functions, one selector between brackets, up to three that may find several
// (*, slices and filters), and filters that compare members of what they look at with constants. A path of a condition finds one value
// at most. So no value of a body is looked at twice by one path; by all together, so many are (maxLooks), and then it is refused.
type Mapping struct {
	layouts []mappedLayout
	rules   []mappedRule
}

type mappedLayout struct {
	form string
	// minutes says that it has no seconds.
	minutes bool
}

type mappedRule struct {
	name    string
	when    []mappedCondition
	kind    retention.Kind
	fields  []boundField
	entries []boundField
	// has says that there are entries; each is where they are, nil where the body is the one.
	has  bool
	each mappedPath
}

type mappedCondition struct {
	path   mappedPath
	equals []string
	exists bool
}

// Limits of a mapping.
const (
	maxMapping    = 64 << 10 // bytes
	maxRules      = 50
	maxConditions = 10
	maxValues     = 100
	maxLayouts    = 10
	maxPath       = 200 // characters, and of constants
	maxMistakes   = 20
	// maxEntries is how many entries one body may have, maxFound how many tags, agents or files one path may find.
	maxEntries = 10_000
	maxFound   = 100
	// maxSeveral is how many selectors of a path may find several, maxLooks how many values of one body are looked at by all paths
	// together: three times what 10,000 entries with all their fields take.
	maxSeveral = 3
	maxLooks   = 1 << 20
)

// ErrMapping is the fault of a mapping that cannot be read any more.
var ErrMapping = fault.New(fault.Invalid, "mapping_invalid", "The mapping of this source is not one of this version; PUT …/sources/{source} says what is wrong.")

// Mistake is what is wrong in one place of what an administrator wrote.
type Mistake struct {
	// Place is a pointer of RFC 6901.
	Place string
	Says  string
}

func (m Mistake) String() string { return cmp.Or(m.Place, "/") + " " + m.Says }

// mappedReader holds what is made of one body, and of one entry.
type mappedReader struct {
	mapping *Mapping
	d       Delivery
	zone    *time.Location
	event   conversation.Event
	subject conversation.Subject
	call    conversation.Call
	does    string
	ended   bool
	entry   conversation.Entry
	html    bool
	names   []string
	looks   int // how many values of the body are looked at
	// minute says that of the time that was read last, no more than the minute is known.
	minute bool
	// when is what the body tells of the event's time; where it tells none, the id of the event.
	when string
}

// boundField is a field with where a mapping has it from.
type boundField struct {
	*mappedField
	from mappedValue
}

// mappedField is a field that a mapping can fill.
type mappedField struct {
	name string
	// needed says that a rule must have it.
	needed bool
	// several says that it takes all that a path finds.
	several bool
	// of is the one kind that has it; empty for all.
	of retention.Kind
	// fixed is what a constant may be; nil for anything.
	fixed []string
	// set takes what was found, of which there is at least one.
	set func(r *mappedReader, found []jsontext.Value) error
}

var (
	doesWords   = []string{"started", "message", "updated", "ended", "reopened", "transcript"}
	statusWords = []string{"open", "pending", "solved", "closed"}
	roleWords   = []string{"visitor", "agent", "bot", "system"}
	yesOrNo     = []string{"true", "false"}
	callers     = []string{"inbound", "outbound"}
	// mappedKinds are what a mapping can make.
	mappedKinds = []retention.Kind{retention.Chat, retention.Ticket, retention.Call}
)

// eventFields are the fields of an event. One that is missing in a body says nothing, unless the event cannot be without it.
var eventFields = []mappedField{
	// What the event is, as a word of doesWords; a word that is none makes nothing of the body.
	{name: "does", needed: true, fixed: doesWords, set: func(r *mappedReader, found []jsontext.Value) error {
		return fill(&r.does, mappedText, found[0])
	}},
	{name: "conversation", needed: true, set: func(r *mappedReader, found []jsontext.Value) error {
		return fill(&r.event.Conversation, parseID, found[0])
	}},
	// What tells it from other events of the conversation that do the same. Without it, the whole body does.
	{name: "event", set: func(r *mappedReader, found []jsontext.Value) error {
		return fill(&r.event.ID, optionalID, found[0])
	}},
	// When it happened; when it arrived, where the mapping has no time.
	{name: "time", set: func(r *mappedReader, found []jsontext.Value) error {
		return fill(&r.event.Time, r.time, found[0])
	}},
	{name: "ended", fixed: yesOrNo, set: func(r *mappedReader, found []jsontext.Value) error {
		return fill(&r.ended, mappedBool, found[0])
	}},
	{name: "title", of: retention.Ticket, set: func(r *mappedReader, found []jsontext.Value) error {
		return fill(&r.event.Title, mappedText, found[0])
	}},
	{name: "status", of: retention.Ticket, fixed: statusWords, set: func(r *mappedReader, found []jsontext.Value) error {
		text, err := mappedText(found[0])
		if slices.Contains(statusWords, text) {
			r.event.Status = conversation.Status(text)
		}
		return err
	}},
	{name: "department", set: func(r *mappedReader, found []jsontext.Value) error {
		return fill(&r.event.Department, mappedText, found[0])
	}},
	{name: "tags", several: true, set: func(r *mappedReader, found []jsontext.Value) error {
		r.event.Tags = []string{}
		return mappedTexts(found, func(tag string) { r.event.Tags = append(r.event.Tags, tag) })
	}},
	// 1 to 5; another number is none.
	{name: "rating", set: func(r *mappedReader, found []jsontext.Value) error {
		r.event.Rating, _ = parseRating(found[0])
		return nil
	}},
	{name: "agent", several: true, set: func(r *mappedReader, found []jsontext.Value) error {
		return mappedTexts(found, func(id string) { addAgent(&r.event, id) })
	}},
	subjectField("name", func(s *conversation.Subject) *string { return &s.Name }, mappedText),
	subjectField("email", func(s *conversation.Subject) *string { return &s.Email }, mappedText),
	subjectField("phone", func(s *conversation.Subject) *string { return &s.Phone }, mappedText),
	subjectField("visitorId", func(s *conversation.Subject) *string { return &s.VisitorID }, optionalID),
	subjectField("customId", func(s *conversation.Subject) *string { return &s.CustomID }, optionalID),
	{name: "call.direction", of: retention.Call, fixed: callers, set: func(r *mappedReader, found []jsontext.Value) error {
		text, err := mappedText(found[0])
		if slices.Contains(callers, text) {
			r.call.Direction = conversation.Direction(text)
		}
		return err
	}},
	{name: "call.outcome", of: retention.Call, set: func(r *mappedReader, found []jsontext.Value) error {
		return fill(&r.call.Outcome, mappedText, found[0])
	}},
	// Seconds, or hours, minutes and seconds with colons between them.
	{name: "call.seconds", of: retention.Call, set: func(r *mappedReader, found []jsontext.Value) error {
		return fill(&r.call.Seconds, mappedSeconds, found[0])
	}},
	// What names the recording at the sender.
	{name: "call.recording", of: retention.Call, set: func(r *mappedReader, found []jsontext.Value) error {
		text, err := mappedText(found[0])
		r.call.Recording = reference(text)
		return err
	}},
}

func subjectField(name string, of func(*conversation.Subject) *string, read func(jsontext.Value) (string, error)) mappedField {
	return mappedField{name: "subject." + name, set: func(r *mappedReader, found []jsontext.Value) error {
		return fill(of(&r.subject), read, found[0])
	}}
}

// entryFields are the fields of an entry. One without text and files is none.
var entryFields = []mappedField{
	// The same in every delivery of the entry. Without it, when it was written (where no time is told, the event's id) and what it
	// says tell it from others.
	{name: "id", set: func(r *mappedReader, found []jsontext.Value) error { return fill(&r.entry.ID, optionalID, found[0]) }},
	// When it was written; the event's time, where the mapping has none.
	{name: "time", set: func(r *mappedReader, found []jsontext.Value) error { return fill(&r.entry.Time, r.time, found[0]) }},
	// A word of roleWords; any other is a system line.
	{name: "role", needed: true, fixed: roleWords, set: func(r *mappedReader, found []jsontext.Value) error {
		text, err := mappedText(found[0])
		if slices.Contains(roleWords, text) {
			r.entry.Author.Role = conversation.Role(text)
		}
		return err
	}},
	{name: "author", set: func(r *mappedReader, found []jsontext.Value) error {
		return fill(&r.entry.Author.Name, mappedText, found[0])
	}},
	{name: "text", set: func(r *mappedReader, found []jsontext.Value) error { return fill(&r.entry.Text, mappedText, found[0]) }},
	// Whether the text has markup, which is taken out.
	{name: "html", fixed: yesOrNo, set: func(r *mappedReader, found []jsontext.Value) error { return fill(&r.html, mappedBool, found[0]) }},
	// Whether it is a note among agents; whatever is not said to be none is one.
	{name: "private", fixed: yesOrNo, set: func(r *mappedReader, found []jsontext.Value) error {
		text, err := mappedText(found[0])
		r.entry.Private = text != "false"
		return err
	}},
	// Links to files, and their names in the same order.
	{name: "files", several: true, set: func(r *mappedReader, found []jsontext.Value) error {
		return mappedTexts(found, func(link string) {
			r.entry.Attachments = append(r.entry.Attachments, conversation.Attachment{URL: fileLink(link)})
		})
	}},
	{name: "fileNames", several: true, set: func(r *mappedReader, found []jsontext.Value) error {
		return mappedTexts(found, func(name string) { r.names = append(r.names, fileName(name)) })
	}},
}

// mappedText reads a text, a number as its digits, true and false as words; null is empty.
func mappedText(raw jsontext.Value) (string, error) {
	if text, isText := unquoted(raw); isText {
		return text, nil
	}
	switch raw.Kind() {
	case 'n':
		return "", nil
	case '0', 't', 'f':
		return string(raw), nil
	}
	return "", strictjson.ErrShape
}

// mappedTexts reads all that was found, and what lists among it hold. Empty texts are left out.
func mappedTexts(found []jsontext.Value, each func(string)) error {
	if len(found) > maxFound {
		return strictjson.ErrShape
	}
	for _, raw := range found {
		if raw.Kind() == '[' {
			var list []jsontext.Value
			if json.Unmarshal(raw, &list) != nil || len(list) > maxFound {
				return strictjson.ErrShape
			}
			for _, one := range list {
				if err := mappedTexts([]jsontext.Value{one}, each); err != nil {
					return err
				}
			}
			continue
		}
		text, err := mappedText(raw)
		if err != nil {
			return err
		}
		if text = strings.TrimSpace(text); text != "" {
			each(text)
		}
	}
	return nil
}

// mappedSeconds reads how long something lasted: whole seconds, or parts with colons between them. An empty text is no time.
func mappedSeconds(raw jsontext.Value) (int, error) {
	text, err := mappedText(raw)
	if text = strings.TrimSpace(text); err != nil || text == "" {
		return 0, err
	}
	whole, _, _ := strings.Cut(text, ".")
	parts, seconds := strings.Split(whole, ":"), 0
	for _, part := range parts {
		n, err := strconv.ParseUint(part, 10, 20)
		if err != nil || len(parts) > 3 {
			return 0, strictjson.ErrShape
		}
		seconds = seconds*60 + int(n)
	}
	if seconds > maxSeconds {
		return 0, strictjson.ErrShape
	}
	return seconds, nil
}

// mappedBool is false where it is not said to be true.
func mappedBool(raw jsontext.Value) (bool, error) {
	text, err := mappedText(raw)
	return text == "true", err
}

// time reads a time in one of the mapping's layouts or in any form that every source knows.
func (r *mappedReader) time(raw jsontext.Value) (conversation.Time, error) {
	if text, isText := unquoted(raw); isText {
		for _, layout := range r.mapping.layouts {
			if t, err := time.ParseInLocation(layout.form, strings.TrimSpace(text), r.zone); err == nil {
				r.minute = layout.minutes
				return inRange(t, r.d.Received)
			}
		}
	}
	r.minute = false
	return parseTime(raw, r.d.Received)
}

// precise is the time of something of which the minute was told: that of its receipt, if that is about then.
func (r *mappedReader) precise(minute conversation.Time) conversation.Time {
	if since := r.d.Received.Sub(minute.Time); since > -time.Minute && since < 2*time.Minute {
		return r.event.Received
	}
	return minute
}

// adapt makes the event of a body that strictjson has checked.
func (m *Mapping) adapt(d Delivery, trace *Trace) (Adapted, error) {
	dec := stdjson.NewDecoder(bytes.NewReader(d.Body))
	dec.UseNumber()
	var body any
	if err := dec.Decode(&body); err != nil {
		return Adapted{}, strictjson.ErrJSON
	}
	zone := time.UTC
	if d.Settings.Zone != "" {
		var err error
		if zone, err = retention.Zone(d.Settings.Zone); err != nil {
			return Adapted{}, ErrMapping
		}
	}
	i := slices.IndexFunc(m.rules, func(rule mappedRule) bool { return rule.takes(body) })
	if i < 0 {
		return Adapted{Name: otherName}, nil
	}
	rule := m.rules[i]
	trace.rule(rule.name)
	r := &mappedReader{mapping: m, d: d, zone: zone, event: conversation.Event{Kind: rule.kind, Received: conversation.At(d.Received)}}
	timed := slices.ContainsFunc(rule.fields, func(f boundField) bool { return f.name == "time" })
	err := r.read("", rule.fields, body, trace)
	if !slices.Contains(doesWords, r.does) {
		return Adapted{Name: otherName}, nil
	}
	switch {
	case err != nil:
	case r.event.Conversation == "", timed && r.event.Time.IsZero():
		err = ErrMissing
	case !timed:
		r.event.Time, r.event.Untimed = r.event.Received, true
		r.when = r.event.ID // the same body may come again later
	default:
		if r.when = r.event.Time.String(); r.minute {
			r.event.Time, r.event.Untimed = r.precise(r.event.Time), true
		}
	}
	if entriesErr := r.entries(rule, body, trace); err == nil {
		err = entriesErr
	}
	if err == nil {
		err = r.turn()
	}
	if err != nil {
		return Adapted{}, err
	}
	return Adapted{Name: mappedTypeName(rule.kind, r.does), Events: []conversation.Event{r.event}}, nil
}

func (rule mappedRule) takes(body any) bool {
	for _, c := range rule.when {
		found, _ := c.path.nodes(body, 1)
		there := len(found) > 0 && found[0] != nil
		if c.equals == nil && there != c.exists || c.equals != nil && (len(found) == 0 || !c.isOne(found[0])) {
			return false
		}
	}
	return true
}

// isOne says whether a value is one of those that a condition has: a text, a number by its digits, true or false; null is empty.
func (c mappedCondition) isOne(value any) bool {
	switch v := value.(type) {
	case string:
		return slices.Contains(c.equals, v)
	case stdjson.Number:
		return slices.Contains(c.equals, string(v))
	case bool:
		return slices.Contains(c.equals, strconv.FormatBool(v))
	}
	return value == nil && slices.Contains(c.equals, "")
}

// read fills fields. The first that is wrong is the fault; the others are read all the same, for the trace.
func (r *mappedReader) read(place string, fields []boundField, from any, trace *Trace) error {
	var first error
	for _, f := range fields {
		found, err := r.find(f.from, from)
		if err != nil {
			found = nil
		} else if len(found) > 0 && (given(found[0]) || f.several) {
			if !f.several {
				found = found[:1]
			}
			err = f.set(r, found)
		} else if f.name == "private" {
			r.entry.Private = true
		}
		trace.field(place+f.name, found, err)
		first = cmp.Or(first, err)
	}
	return first
}

// entries reads the entries of a body.
func (r *mappedReader) entries(rule mappedRule, body any, trace *Trace) error {
	if !rule.has {
		return nil
	}
	all := []any{body}
	if rule.each != nil {
		var err error
		if all, err = r.nodes(rule.each, body, maxEntries); err != nil || len(all) > maxEntries {
			return strictjson.ErrShape
		}
	}
	var first error
	seen := map[string]int{}
	for i, from := range all {
		r.entry, r.html, r.names = conversation.Entry{Author: conversation.Author{Role: conversation.System}}, false, nil
		if i > 0 {
			trace = nil // one is enough to show
		}
		place := "entries."
		err := r.read(place, rule.entries, from, trace)
		when := r.entry.Time.String()
		if err == nil && r.entry.Time.IsZero() {
			if slices.ContainsFunc(rule.entries, func(f boundField) bool { return f.name == "time" }) {
				err = ErrMissing
			}
			r.entry.Time, when = r.event.Time, r.when
		} else if r.minute && rule.each == nil {
			r.entry.Time = r.precise(r.entry.Time)
		}
		first = cmp.Or(first, err)
		if first == nil {
			r.add(when, seen)
		}
	}
	return first
}

// add adds the entry that was read, unless there is nothing in it. When is what is known of its time, seen counts the entries of an id
// and of an instant: many senders tell no more than the minute, and what one body has of it is kept in its order, a millisecond apart.
func (r *mappedReader) add(when string, seen map[string]int) {
	e := r.entry
	if r.html {
		e.Text = plainText(e.Text)
	}
	for i, name := range r.names {
		if i >= len(e.Attachments) {
			e.Attachments = append(e.Attachments, conversation.Attachment{})
		}
		e.Attachments[i].Name = name
	}
	if strings.TrimSpace(e.Text) == "" && len(e.Attachments) == 0 {
		return
	}
	switch e.Author.Role {
	case conversation.Visitor:
		e.Author.Name = cmp.Or(e.Author.Name, r.subject.Name)
	case conversation.Agent:
		addAgent(&r.event, e.Author.Name)
	case conversation.System: // who it is stands nowhere, and so no name
		e.Author.Name = ""
	}
	if e.ID == "" { // of nothing that may not be kept, or the id could be tried against what somebody guesses
		said, _ := card.Mask(e.Text)
		e.ID = contentID([]byte(strings.Join([]string{when, string(e.Author.Role), said}, "\x00")))
		if seen[e.ID]++; seen[e.ID] > 1 { // the same words twice in one moment
			e.ID += "/" + strconv.Itoa(seen[e.ID])
		}
	}
	if r.does != "transcript" { // which has an order, as nothing else has within an instant
		at := e.Time.String()
		e.Time = conversation.At(e.Time.Add(time.Duration(seen[at]) * time.Millisecond))
		seen[at]++
	}
	r.event.Entries = append(r.event.Entries, e)
}

// turn says what the event does to its conversation. Where a status says the contrary, what it does counts.
func (r *mappedReader) turn() error {
	e := &r.event
	switch r.does {
	case "started":
		e.Ended = ends(e.Status)
		e.Status = cmp.Or(e.Status, conversation.StatusOpen)
	case "ended":
		e.Ended = true
	case "reopened":
		e.Reopened = true
		if !goesOn(e.Status) {
			e.Status = conversation.StatusOpen
		}
	case "transcript":
		e.Whole = len(e.Entries) > 0 // a transcript of nothing must not replace what is known
		e.Ended, e.Reopened = r.ended || ends(e.Status), goesOn(e.Status) && !r.ended
	default:
		e.Ended, e.Reopened = r.ended || ends(e.Status), goesOn(e.Status) && !r.ended
	}
	if e.Ended {
		if !ends(e.Status) {
			e.Status = conversation.StatusClosed
		}
		for _, entry := range e.Entries {
			if entry.Time.After(e.Time.Time) {
				e.Time = entry.Time // nothing ends before its last message
			}
		}
	}
	if e.Kind != retention.Ticket {
		e.Status = ""
	}
	if r.call != (conversation.Call{}) {
		e.Call = &r.call
	}
	addSubject(e, r.subject)
	if e.ID == "" {
		e.ID = contentID(r.d.Body)
		return nil
	}
	var err error
	e.ID, err = joinID(r.does, e.ID)
	return err
}

// mappedValue is where a field comes from: a path, or a constant.
type mappedValue struct {
	path      mappedPath
	constant  jsontext.Value
	values    map[string]string
	otherwise *string
	split     string
}

// nodes are up to as many as most and one of those that a path finds.
func (r *mappedReader) nodes(p mappedPath, from any, most int) ([]any, error) {
	if r.looks <= maxLooks {
		found, looks := p.nodes(from, most)
		if r.looks += looks; r.looks <= maxLooks {
			return found, nil
		}
	}
	return nil, strictjson.ErrShape
}

// find are the values that a field has.
func (r *mappedReader) find(v mappedValue, from any) ([]jsontext.Value, error) {
	if v.path == nil {
		return []jsontext.Value{v.constant}, nil
	}
	nodes, err := r.nodes(v.path, from, maxFound)
	var found []jsontext.Value
	for _, node := range nodes {
		found = append(found, rawOf(node))
	}
	return v.of(found), err
}

// of is what stands for what was found.
func (v mappedValue) of(found []jsontext.Value) []jsontext.Value {
	if v.split != "" {
		var parts []jsontext.Value
		for _, raw := range found {
			text, isText := unquoted(raw)
			if !isText {
				parts = append(parts, raw)
				continue
			}
			for part := range strings.SplitSeq(text, v.split) {
				if parts = append(parts, quote(part)); len(parts) > maxFound {
					return parts // more than a field takes
				}
			}
		}
		found = parts
	}
	if v.values == nil {
		return found
	}
	var said []jsontext.Value
	for _, raw := range found {
		text, err := mappedText(raw)
		if err != nil {
			return []jsontext.Value{raw} // which its field refuses
		}
		if word, ok := v.values[text]; ok {
			said = append(said, quote(word))
		} else if v.otherwise != nil {
			said = append(said, quote(*v.otherwise))
		}
	}
	if len(found) == 0 && v.otherwise != nil {
		said = append(said, quote(*v.otherwise))
	}
	return said
}

func quote(text string) jsontext.Value {
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil { // of a body that was checked, nothing is not UTF-8
		return jsontext.Value(`""`)
	}
	return quoted
}

// mappedPath is a path that leads straight to what it finds, a step for each level.
type mappedPath []mappedStep

type mappedStep struct {
	selector spec.Selector
	// filter is the selector, if it is one; each is how many looks it takes at what it chooses from.
	filter *spec.FilterSelector
	each   int
}

// nodes are what a path finds, up to as many as most and one: in order, in which members of an object have that of their names. Looks
// are how many values were looked at, of a filter once for each comparison; over maxLooks it is given up.
func (p mappedPath) nodes(from any, most int) (found []any, looks int) {
	var walk func(node any, rest mappedPath) bool
	walk = func(node any, rest mappedPath) bool {
		if len(rest) == 0 {
			found = append(found, node)
			return len(found) <= most
		}
		step := rest[0]
		if looks += 1 + step.each*sizeOf(node); looks > maxLooks {
			return false
		}
		var below []any
		switch selector := step.selector.(type) {
		case spec.Name, spec.Index, spec.SliceSelector:
			below = selector.Select(node, nil)
		default:
			below = childrenOf(node)
		}
		for _, child := range below {
			if (step.filter == nil || step.filter.Eval(child, nil)) && !walk(child, rest[1:]) {
				return false
			}
		}
		return true
	}
	walk(from, p)
	return found, looks
}

func sizeOf(node any) int {
	switch node := node.(type) {
	case []any:
		return len(node)
	case map[string]any:
		return len(node)
	}
	return 0
}

func childrenOf(node any) []any {
	switch node := node.(type) {
	case []any:
		return node
	case map[string]any:
		children := make([]any, 0, len(node))
		for _, name := range slices.Sorted(maps.Keys(node)) {
			children = append(children, node[name])
		}
		return children
	}
	return nil
}

// rawOf is a value as fields read it: none takes an object or what a list in a list holds, and none more than maxFound of a list.
func rawOf(value any) jsontext.Value {
	switch v := value.(type) {
	case string:
		return quote(v)
	case stdjson.Number:
		return jsontext.Value(v)
	case bool:
		return jsontext.Value(strconv.FormatBool(v))
	case map[string]any:
		return jsontext.Value("{}")
	case []any:
		list := jsontext.Value("[")
		for i, one := range v[:min(len(v), maxFound+1)] {
			if _, nested := one.([]any); nested {
				one = map[string]any{}
			}
			if i > 0 {
				list = append(list, ',')
			}
			list = append(list, rawOf(one)...)
		}
		return append(list, ']')
	}
	return jsontext.Value("null")
}

var (
	// The functions of RFC 9535 take lists and expressions of which nothing bounds the time.
	pathParser = jsonpath.NewParser(jsonpath.WithRegistry(&registry.Registry{}))
	quotedText = regexp.MustCompile(`"(\\.|[^"\\])*"`)
	errPath    = errors.New("must be a path of RFC 9535, up to 200 characters, without .. and functions, with one selector between brackets " +
		"and filters that compare members of what they look at with constants")
	errSeveral = errors.New("must have up to three selectors that may find several: *, slices and filters")
	errOne     = errors.New("must lead to one value: by names and numbers, without *, slices and filters")
)

// parsePath reads a path of which so many selectors may find more than one value.
func parsePath(text string, several int) (p mappedPath, err error) {
	if len(text) > maxPath {
		return nil, errPath
	}
	path, err := pathParser.Parse(text)
	if err != nil {
		return nil, errPath // the library's text quotes it
	}
	found := 0
	p = mappedPath{} // of $ alone, which is a path too
	for _, segment := range path.Query().Segments() {
		selectors := segment.Selectors()
		if segment.IsDescendant() || len(selectors) != 1 {
			return nil, errPath
		}
		step := mappedStep{selector: selectors[0]}
		switch selector := selectors[0].(type) {
		case spec.Name, spec.Index:
		case *spec.FilterSelector:
			if step.filter, step.each = selector, comparisons(selector); step.each == 0 {
				return nil, errPath
			}
		default:
			step.each = 1
		}
		if step.each > 0 {
			found++
		}
		p = append(p, step)
	}
	switch {
	case found > several && several == 0:
		return nil, errOne
	case found > several:
		return nil, errSeveral
	}
	return p, nil
}

// comparisons are how many members a filter compares, 0 if not with constants: comparing two with each other may take as long as both
// are.
func comparisons(filter *spec.FilterSelector) (n int) {
	looks := quotedText.ReplaceAllString(filter.String(), "")
	if strings.ContainsAny(looks[1:], "$*,:?") || strings.Contains(looks, "..") {
		return 0
	}
	for part := range strings.FieldsFuncSeq(looks, func(r rune) bool { return r == '&' || r == '|' }) {
		if n++; strings.Count(part, "@") > 1 {
			return 0
		}
	}
	return n
}

// ParseMapping reads a mapping, or says all that is wrong with it.
func ParseMapping(document []byte) (*Mapping, []Mistake) {
	r := &mappingReader{}
	if len(document) > maxMapping || strictjson.Check(document) != nil {
		return nil, []Mistake{{"", "must be one JSON object of up to 64 KB with unique keys"}}
	}
	m := r.mapping(document)
	if len(r.mistakes) > 0 {
		return nil, r.mistakes
	}
	return m, nil
}

// mappingReader reads a mapping and remembers what is wrong.
type mappingReader struct {
	place    []string
	mistakes []Mistake
}

func (r *mappingReader) wrong(says string) {
	if len(r.mistakes) < maxMistakes {
		r.mistakes = append(r.mistakes, Mistake{"/" + strings.Join(r.place, "/"), says})
	}
}

// at reads what stands in a place below.
func (r *mappingReader) at(place string, read func()) {
	r.place = append(r.place, strings.NewReplacer("~", "~0", "/", "~1").Replace(place))
	read()
	r.place = r.place[:len(r.place)-1]
}

// object reads an object of some members, those that are needed among them.
func (r *mappingReader) object(raw jsontext.Value, needed string, members ...string) map[string]jsontext.Value {
	var all map[string]jsontext.Value
	if raw.Kind() != '{' || json.Unmarshal(raw, &all) != nil {
		r.wrong("must be an object")
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !slices.Contains(members, name) {
			r.at(name, func() { r.wrong("is not known; there are " + strings.Join(members, ", ")) })
		}
	}
	for name := range strings.FieldsSeq(needed) {
		if _, ok := all[name]; !ok {
			r.at(name, func() { r.wrong("is missing") })
		}
	}
	return all
}

// list reads the elements of a list.
func (r *mappingReader) list(name string, raw jsontext.Value, most int, each func(jsontext.Value)) {
	if raw == nil {
		return
	}
	r.at(name, func() {
		var all []jsontext.Value
		if raw.Kind() != '[' || json.Unmarshal(raw, &all) != nil || len(all) > most {
			r.wrong(fmt.Sprintf("must be a list of up to %d", most))
			return
		}
		for i, one := range all {
			r.at(strconv.Itoa(i), func() { each(one) })
		}
	})
}

// text reads a text.
func (r *mappingReader) text(raw jsontext.Value) string {
	text, ok := unquoted(raw)
	if !ok || len(text) > maxPath {
		r.wrong("must be a text of up to 200 characters")
		return ""
	}
	return text
}

var ruleName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

func (r *mappingReader) mapping(raw jsontext.Value) *Mapping {
	m := &Mapping{}
	all := r.object(raw, "rules", "rules", "layouts")
	r.list("layouts", all["layouts"], maxLayouts, func(raw jsontext.Value) {
		layout := r.text(raw)
		at := time.Date(2021, 11, 23, 16, 45, 0, 0, time.UTC)
		if back, err := time.Parse(layout, at.Format(layout)); err != nil || !back.Equal(at) {
			r.wrong("must be how Go writes 2 January 2006, 15:04, with the year and the time of day to the minute")
		}
		at = at.Add(59 * time.Second)
		back, err := time.Parse(layout, at.Format(layout))
		m.layouts = append(m.layouts, mappedLayout{layout, err != nil || !back.Equal(at)})
	})
	r.list("rules", all["rules"], maxRules, func(raw jsontext.Value) { m.rules = append(m.rules, r.rule(raw)) })
	if len(r.mistakes) == 0 && len(m.rules) == 0 {
		r.at("rules", func() { r.wrong("must have one rule at least") })
	}
	return m
}

func (r *mappingReader) rule(raw jsontext.Value) (rule mappedRule) {
	all := r.object(raw, "name kind fields", "name", "when", "kind", "fields", "entries")
	if raw, ok := all["name"]; ok {
		r.at("name", func() {
			if rule.name = r.text(raw); !ruleName.MatchString(rule.name) {
				r.wrong("must be up to 40 of a–z, 0–9 and dashes between them")
			}
		})
	}
	if raw, ok := all["kind"]; ok {
		r.at("kind", func() {
			if rule.kind = retention.Kind(r.text(raw)); !slices.Contains(mappedKinds, rule.kind) {
				r.wrong("must be chat, ticket or call")
			}
		})
	}
	r.list("when", all["when"], maxConditions, func(raw jsontext.Value) { rule.when = append(rule.when, r.condition(raw)) })
	if raw, ok := all["fields"]; ok {
		r.at("fields", func() { rule.fields = r.fields(raw, eventFields, rule.kind) })
	}
	if raw, ok := all["entries"]; ok {
		rule.has = true
		r.at("entries", func() {
			all := r.object(raw, "fields", "each", "fields")
			if raw, ok := all["each"]; ok {
				r.at("each", func() { rule.each = r.path(raw, maxSeveral) })
			}
			if raw, ok := all["fields"]; ok {
				r.at("fields", func() { rule.entries = r.fields(raw, entryFields, rule.kind) })
			}
		})
	}
	return rule
}

func (r *mappingReader) condition(raw jsontext.Value) (c mappedCondition) {
	all := r.object(raw, "path", "path", "equals", "exists")
	if raw, ok := all["path"]; ok {
		r.at("path", func() { c.path = r.path(raw, 0) })
	}
	equals, exists := all["equals"], all["exists"]
	if (equals == nil) == (exists == nil) {
		r.wrong("must have either equals or exists")
		return c
	}
	if exists != nil {
		if c.exists = exists.Kind() == 't'; !c.exists && exists.Kind() != 'f' {
			r.at("exists", func() { r.wrong("must be true or false") })
		}
		return c
	}
	c.equals = []string{}
	if equals.Kind() != '[' {
		r.at("equals", func() { c.equals = append(c.equals, r.text(equals)) })
		return c
	}
	r.list("equals", equals, maxValues, func(raw jsontext.Value) { c.equals = append(c.equals, r.text(raw)) })
	return c
}

func (r *mappingReader) path(raw jsontext.Value, several int) mappedPath {
	path, err := parsePath(r.text(raw), several)
	if err != nil {
		r.wrong(err.Error())
	}
	return path
}

// fields reads fields of a table, in its order.
func (r *mappingReader) fields(raw jsontext.Value, table []mappedField, kind retention.Kind) (bound []boundField) {
	var names, needed []string
	for _, f := range table {
		if f.of == "" || f.of == kind {
			names = append(names, f.name)
		}
		if f.needed {
			needed = append(needed, f.name)
		}
	}
	all := r.object(raw, strings.Join(needed, " "), names...)
	for i, f := range table {
		if raw, ok := all[f.name]; ok && slices.Contains(names, f.name) {
			r.at(f.name, func() { bound = append(bound, boundField{&table[i], r.value(raw, f)}) })
		}
	}
	return bound
}

// value reads where a field comes from.
func (r *mappingReader) value(raw jsontext.Value, f mappedField) (v mappedValue) {
	word := func(text string) {
		if f.fixed != nil && !slices.Contains(f.fixed, text) {
			r.wrong("must be a path, or one of " + strings.Join(f.fixed, ", "))
		}
	}
	switch text, isText := unquoted(raw); {
	case isText && strings.HasPrefix(text, "$"):
		v.path = r.path(raw, maxSeveral)
	case isText:
		v.constant = quote(r.text(raw))
		word(text)
	case raw.Kind() == 't' || raw.Kind() == 'f':
		v.constant = raw
		word(string(raw))
	default:
		all := r.object(raw, "path", "path", "values", "otherwise", "split")
		if raw, ok := all["path"]; ok {
			r.at("path", func() { v.path = r.path(raw, maxSeveral) })
		}
		if raw, ok := all["values"]; ok {
			r.at("values", func() {
				var values map[string]jsontext.Value
				if raw.Kind() != '{' || json.Unmarshal(raw, &values) != nil || len(values) > maxValues {
					r.wrong(fmt.Sprintf("must be an object of up to %d members", maxValues))
				}
				v.values = map[string]string{}
				for _, name := range slices.Sorted(maps.Keys(values)) {
					r.at(name, func() { v.values[name] = r.text(values[name]); word(v.values[name]) })
				}
			})
		}
		if raw, ok := all["otherwise"]; ok {
			r.at("otherwise", func() {
				v.otherwise = new(r.text(raw))
				if word(*v.otherwise); v.values == nil {
					r.wrong("is for what the values do not have")
				}
			})
		}
		if raw, ok := all["split"]; ok {
			r.at("split", func() {
				if v.split = r.text(raw); v.split == "" || !f.several {
					r.wrong("must be a text, of a field that takes several")
				}
			})
		}
	}
	return v
}

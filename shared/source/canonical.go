package source

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	_ "embed" // for the schema
	"encoding/base64"
	"errors"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// canonical is the vault's own format, for anybody's integration: events/canonical.md tells it, and canonical.schema.json
// is it. A delivery has a version and 1 to 500 events, of which all are taken or none:
//
//	conversation.started     the opening
//	conversation.message     something was written
//	conversation.updated     something else is known: title, status, department, tags, rating, subjects, agents
//	conversation.ended       the end
//	conversation.reopened    it goes on after an end
//	conversation.transcript  everything that was written so far, with "ended" the end too
//	article.…, visit.recorded  what is no conversation: canonicalkinds.go
//
// Entries and what is known of the conversation may come with each of them. An event of another type is acknowledged and
// an unknown field passed over, so that a sender may be ahead of this vault. The signature is that of Standard Webhooks,
// www.standardwebhooks.com.
var canonical = Adapter{
	Verify: verifyCanonical, Adapt: adaptCanonical, Secret: canonicalSecret,
	Given: func(secret string) bool {
		return visible(secret) && strings.HasPrefix(secret, secretPrefix) && canonicalKey(secret) != nil
	},
	Setup: []string{
		"In your own integration: POST each delivery to {url}",
		"Sign it as Standard Webhooks do, with the secret {secret}",
		"events/canonical.md has the format and curl lines; the vault serves its JSON Schema at /v1/canonical.schema.json.",
	},
}

// CanonicalSchema is the JSON Schema of a delivery. What it cannot say is that times lie in range: ErrTime.
//
//go:embed canonical.schema.json
var CanonicalSchema []byte

// secretPrefix marks a secret of Standard Webhooks, whose key is base64.
const secretPrefix = "whsec_"

func canonicalSecret() string {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// canonicalKey is the key of a secret. One of another length than the specification's counts as empty, which signs nothing.
func canonicalKey(secret string) []byte {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil
	}
	return key
}

func verifyCanonical(d Delivery, secrets []string) error {
	id, reason := header(d.Header, "webhook-id")
	timestamp, noTime := header(d.Header, "webhook-timestamp")
	list, noList := header(d.Header, "webhook-signature")
	reason = cmp.Or(reason, noTime, noList)
	var codes [][]byte
	for _, signature := range strings.Split(list, " ") {
		// Other versions are signatures with other keys, or of days to come.
		if text, ok := strings.CutPrefix(signature, "v1,"); ok {
			if code, err := fromBase64(text, sha256.New); err == nil {
				codes = append(codes, code)
			}
		}
	}
	if reason == nil && len(codes) == 0 {
		reason = errMalformed
	}
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		keys[i] = canonicalKey(secret)
	}
	err := signedBy(sha256.New, keys, codes, []byte(id), []byte("."), []byte(timestamp), []byte("."), d.Body)
	if reason = cmp.Or(reason, err); reason == nil {
		reason = recent(timestamp, d.Received)
	}
	if reason != nil {
		return ErrSignature.Because(reason)
	}
	return nil
}

// The limits of the format; the schema has them too.
const (
	canonicalVersion = "1"
	maxEvents        = 500
	maxList          = 100 // tags, subjects, agents, and attachments of an entry
	maxURL           = 2048
	maxLine          = 1000 // characters of a name, a title and the like; texts are limited by the body's megabyte alone
	maxAgent         = 256  // characters of an agent's id
	maxSeconds       = 7 * 24 * 3600
)

// Fields that must not be missing are not null or empty either; of the others, null and empty say nothing.
type canonicalEvent struct {
	ID           string              `json:"id"`
	Type         string              `json:"type"`
	Time         string              `json:"time"`
	Kind         string              `json:"kind"`
	Conversation string              `json:"conversation"`
	Entries      []canonicalEntry    `json:"entries"`
	Ended        bool                `json:"ended"`
	Subjects     []*canonicalSubject `json:"subjects"`
	Title        string              `json:"title"`
	Status       string              `json:"status"`
	Department   string              `json:"department"`
	Tags         []string            `json:"tags"`
	Rating       jsontext.Value      `json:"rating"`
	Agents       []string            `json:"agents"`
	Call         *canonicalCall      `json:"call"`
}

type canonicalCall struct {
	Direction string         `json:"direction"`
	Outcome   string         `json:"outcome"`
	Seconds   jsontext.Value `json:"seconds"`
	Recording string         `json:"recording"`
}

type canonicalEntry struct {
	ID     string `json:"id"`
	Time   string `json:"time"`
	Author *struct {
		Role string `json:"role"`
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"author"`
	Text        string                 `json:"text"`
	Attachments []*canonicalAttachment `json:"attachments"`
	Private     bool                   `json:"private"`
}

type canonicalAttachment struct {
	Name  string         `json:"name"`
	Type  string         `json:"type"`
	Bytes jsontext.Value `json:"bytes"`
	// Where the file is: at an address, or an upload, which counts if both are said.
	URL    string `json:"url"`
	Upload string `json:"upload"`
}

type canonicalSubject struct {
	Name      string `json:"name"`
	Email     string `json:"email"`
	Phone     string `json:"phone"`
	VisitorID string `json:"visitorId"`
	CustomID  string `json:"customId"`
}

// canonicalTypes are the types of events, which are the names of deliveries too.
var canonicalTypes = []string{
	"conversation.started", "conversation.message", "conversation.updated", "conversation.ended", "conversation.reopened",
	"conversation.transcript", "article.published", "article.changed", "article.withdrawn", "visit.recorded",
}

// severalName is the name of a delivery with events of several types.
const severalName = "several"

func adaptCanonical(d Delivery) (Adapted, error) {
	var body struct {
		Version string           `json:"version"`
		Events  []jsontext.Value `json:"events"`
	}
	if err := strictjson.Unmarshal(d.Body, &body); err != nil {
		return Adapted{}, err
	}
	r := canonicalReader{received: d.Received}
	switch {
	case body.Version == "":
		r.refuse(ErrMissing, "version")
	case body.Version != canonicalVersion:
		r.refuse(strictjson.ErrShape, "version")
	case len(body.Events) == 0:
		r.refuse(ErrMissing, "events")
	case len(body.Events) > maxEvents:
		r.refuse(strictjson.ErrShape, "events")
	}
	var adapted Adapted
	for i, raw := range body.Events {
		if r.wrong != nil {
			return Adapted{}, r.wrong
		}
		var name string
		r.at("events", i, func() {
			var named struct {
				Type string `json:"type"`
			}
			if r.decode(raw, &named); named.Type == "" {
				r.refuse(ErrMissing, "type")
			}
			if name = named.Type; !slices.Contains(canonicalTypes, name) {
				name = otherName
				return
			}
			var e conversation.Event
			switch {
			case name == "visit.recorded":
				e = r.visit(decoded[canonicalVisit](&r, raw), raw)
			case strings.HasPrefix(name, "article."):
				e = r.article(decoded[canonicalArticle](&r, raw), raw)
			default:
				e = r.event(decoded[canonicalEvent](&r, raw), raw)
			}
			adapted.Events = append(adapted.Events, e)
		})
		if adapted.Name = cmp.Or(adapted.Name, name); adapted.Name != name {
			adapted.Name = severalName
		}
	}
	if r.wrong != nil {
		return Adapted{}, r.wrong
	}
	return adapted, nil
}

// canonicalReader reads the fields of a delivery. It remembers the first that is wrong and where it stands, as a pointer of
// RFC 6901, which is made of names of the format and numbers, never of what a body holds.
type canonicalReader struct {
	received time.Time
	place    []string
	wrong    error
}

// at reads the element of a list.
func (r *canonicalReader) at(list string, i int, read func()) {
	r.place = append(r.place, list, strconv.Itoa(i))
	read()
	r.place = r.place[:len(r.place)-2]
}

// errCanonical is ErrShape in other words: here the documentation is ours, and says more than types.
var errCanonical = fault.New(fault.Invalid, strictjson.ErrShape.Code,
	"A field of the body is not as the schema of the canonical events has it.")

// refuse says what is wrong with a field, or without one with the element that is read.
func (r *canonicalReader) refuse(err error, field ...string) {
	if r.wrong != nil {
		return
	}
	f := fault.Of(err)
	if errors.Is(f, strictjson.ErrShape) {
		f = errCanonical
	}
	r.wrong = fault.New(f.Kind, f.Code, f.Message+" It is /"+strings.Join(slices.Concat(r.place, field), "/")+".")
}

func decoded[T any](r *canonicalReader, raw jsontext.Value) (v T) {
	r.decode(raw, &v)
	return v
}

// decode reads a value that strictjson has checked.
func (r *canonicalReader) decode(raw jsontext.Value, v any) {
	err := json.Unmarshal(raw, v)
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok && wrong.JSONPointer != "" {
		r.refuse(strictjson.ErrShape, slices.Collect(wrong.JSONPointer.Tokens())...)
	} else if err != nil {
		r.refuse(strictjson.ErrShape)
	}
}

var (
	canonicalUpload = regexp.MustCompile(`^[a-z2-7]{26}$`)
	canonicalURL    = regexp.MustCompile(`^https://[!-~]+$`)
	canonicalID     = regexp.MustCompile(`^[!-~]+$`)
	// canonicalTime is what time.Parse leaves open: digits of a fraction, and what an offset may be.
	canonicalTime = regexp.MustCompile(`^[0-9T:-]{19}(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`)
)

func (r *canonicalReader) maybeID(id, field string) string {
	switch {
	case len(id) > maxID:
		r.refuse(ErrIDTooLong, field)
	case id != "" && !canonicalID.MatchString(id):
		r.refuse(strictjson.ErrShape, field)
	}
	return id
}

func (r *canonicalReader) id(id, field string) string {
	if id == "" {
		r.refuse(ErrMissing, field)
	}
	return r.maybeID(id, field)
}

func (r *canonicalReader) time(text, field string) (at conversation.Time) {
	t, err := time.Parse(time.RFC3339Nano, text)
	switch {
	case text == "":
		err = ErrMissing
	case err != nil || !canonicalTime.MatchString(text):
		err = strictjson.ErrShape
	default:
		at, err = inRange(t, r.received)
	}
	if err != nil {
		r.refuse(err, field)
	}
	return at
}

func (r *canonicalReader) line(text, field string, most int) string {
	if len(text) > most && utf8.RuneCountInString(text) > most {
		r.refuse(strictjson.ErrShape, field)
	}
	return text
}

// one reads a text that is one of several.
func one[T ~string](r *canonicalReader, text, field string, of ...T) T {
	if !slices.Contains(of, T(text)) {
		r.refuse(strictjson.ErrShape, field)
	}
	return T(text)
}

// number reads a whole number, in any way in which JSON can write it: 5, 5.0 and 5e0 are one.
func (r *canonicalReader) number(raw jsontext.Value, field string, least, most int64) int64 {
	if !given(raw) {
		return 0
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil && raw.Kind() == '0' {
		// Only what a float takes for one of the numbers, none of which is tiny or huge, is looked at digit by digit.
		if f, _ := strconv.ParseFloat(string(raw), 64); f >= 1 && f <= float64(most) {
			if exact, ok := new(big.Rat).SetString(string(raw)); ok && exact.IsInt() {
				n, err = exact.Num().Int64(), nil
			}
		} else if !bytes.ContainsAny(mantissa(raw), "123456789") {
			n, err = 0, nil
		}
	}
	if err != nil || n < least || n > most {
		r.refuse(strictjson.ErrShape, field)
		return 0
	}
	return n
}

// mantissa is what stands before a number's exponent.
func mantissa(raw jsontext.Value) []byte {
	if i := bytes.IndexAny(raw, "eE"); i >= 0 {
		return raw[:i]
	}
	return raw
}

// list checks how many elements there are before they are read.
func (r *canonicalReader) list(n int, field string) int {
	if n > maxList {
		r.refuse(strictjson.ErrShape, field)
	}
	return min(n, maxList)
}

func (r *canonicalReader) event(c canonicalEvent, raw jsontext.Value) conversation.Event {
	e := conversation.Event{
		ID: r.maybeID(c.ID, "id"), Conversation: r.id(c.Conversation, "conversation"),
		Time: r.time(c.Time, "time"), Received: conversation.At(r.received),
		Title: r.line(c.Title, "title", maxLine), Department: r.line(c.Department, "department", maxLine),
	}
	e.ID = cmp.Or(e.ID, contentID(raw))
	if c.Kind == "" {
		r.refuse(ErrMissing, "kind")
	}
	e.Kind = one(r, c.Kind, "kind", retention.Chat, retention.Ticket, retention.Call)
	e.Status = one(r, c.Status, "status", "",
		conversation.StatusOpen, conversation.StatusPending, conversation.StatusSolved, conversation.StatusClosed)
	if e.Kind != retention.Ticket && e.Title != "" {
		r.refuse(strictjson.ErrShape, "title") // which a chat would lose silently
	}
	if e.Kind != retention.Ticket && e.Status != "" {
		r.refuse(strictjson.ErrShape, "status")
	}
	if c.Call != nil {
		r.call(&e, *c.Call)
	}
	if rating := r.number(c.Rating, "rating", 1, 5); rating != 0 {
		e.Rating = new(int(rating))
	}
	for i := range r.list(len(c.Subjects), "subjects") {
		r.at("subjects", i, func() { r.subject(&e, c.Subjects[i]) })
	}
	r.lists(&e, c.Tags, c.Agents)
	for i := range c.Entries {
		r.at("entries", i, func() { r.entry(&e, c.Entries[i]) })
	}
	r.turn(&e, c)
	return e
}

// lists reads tags and agents.
func (r *canonicalReader) lists(e *conversation.Event, tags, agents []string) {
	if tags != nil {
		e.Tags = []string{}
	}
	for i := range r.list(len(tags), "tags") {
		e.Tags = append(e.Tags, r.word(tags[i], "tags", i, maxLine))
	}
	for i := range r.list(len(agents), "agents") {
		addAgent(e, r.word(agents[i], "agents", i, maxAgent))
	}
}

// call reads what is said of a call, which no other kind has.
func (r *canonicalReader) call(e *conversation.Event, c canonicalCall) {
	if e.Kind != retention.Call {
		r.refuse(strictjson.ErrShape, "call")
	}
	call := conversation.Call{
		Direction: one(r, c.Direction, "call/direction", "", conversation.Inbound, conversation.Outbound),
		Outcome:   r.line(c.Outcome, "call/outcome", maxLine), Recording: reference(r.line(c.Recording, "call/recording", maxLine)),
		Seconds: int(r.number(c.Seconds, "call/seconds", 0, maxSeconds)),
	}
	if call != (conversation.Call{}) {
		e.Call = &call
	}
}

// word is an element of a list of texts.
func (r *canonicalReader) word(text, field string, i, most int) string {
	r.place = append(r.place, field)
	if text == "" {
		r.refuse(ErrMissing, strconv.Itoa(i))
	}
	r.line(text, strconv.Itoa(i), most)
	r.place = r.place[:len(r.place)-1]
	return text
}

// turn reads from type and status what the event does to the conversation.
func (r *canonicalReader) turn(e *conversation.Event, c canonicalEvent) {
	status := e.Status
	switch c.Type {
	case "conversation.started":
		e.Ended = ends(status)
		status = cmp.Or(status, conversation.StatusOpen)
	case "conversation.ended":
		e.Ended = true
	case "conversation.reopened":
		e.Reopened = true
		status = cmp.Or(status, conversation.StatusOpen)
	case "conversation.transcript":
		e.Whole = true
		e.Ended = c.Ended || ends(status)
		e.Reopened = goesOn(status)
	default:
		e.Ended, e.Reopened = ends(status), goesOn(status)
	}
	if (c.Type == "conversation.message" || e.Whole) && len(e.Entries) == 0 {
		r.refuse(ErrMissing, "entries") // a transcript of nothing must not replace what is known
	}
	if c.Ended && !e.Whole && c.Type != "conversation.ended" {
		r.refuse(strictjson.ErrShape, "ended") // which would be lost silently
	}
	if e.Ended && goesOn(status) || e.Reopened && ends(status) {
		r.refuse(strictjson.ErrShape, "status")
	}
	if e.Ended {
		status = cmp.Or(status, conversation.StatusClosed)
		for _, entry := range e.Entries {
			if entry.Time.After(e.Time.Time) {
				e.Time = entry.Time // nothing ends before its last message
			}
		}
	}
	if e.Kind == retention.Ticket {
		e.Status = status
	}
}

func (r *canonicalReader) subject(e *conversation.Event, c *canonicalSubject) {
	if c == nil {
		c = &canonicalSubject{}
		r.refuse(ErrMissing)
	}
	addSubject(e, conversation.Subject{
		Name: r.line(c.Name, "name", maxLine), Email: r.line(c.Email, "email", maxLine), Phone: r.line(c.Phone, "phone", maxLine),
		VisitorID: r.maybeID(c.VisitorID, "visitorId"), CustomID: r.maybeID(c.CustomID, "customId"),
	})
}

func (r *canonicalReader) entry(e *conversation.Event, c canonicalEntry) {
	entry := conversation.Entry{ID: r.id(c.ID, "id"), Time: r.time(c.Time, "time"), Text: c.Text, Private: c.Private}
	if c.Author == nil || c.Author.Role == "" {
		r.refuse(ErrMissing, "author/role")
		return
	}
	id, name := r.maybeID(c.Author.ID, "author/id"), r.line(c.Author.Name, "author/name", maxLine)
	entry.Author.Role = one(r, c.Author.Role, "author/role",
		conversation.Visitor, conversation.Agent, conversation.Bot, conversation.System)
	entry.Author.Name = name
	switch entry.Author.Role {
	case conversation.Visitor:
		addSubject(e, conversation.Subject{Name: name, VisitorID: id})
	case conversation.Agent:
		addAgent(e, cmp.Or(id, name))
	}
	for i := range r.list(len(c.Attachments), "attachments") {
		r.at("attachments", i, func() { r.attachment(&entry, c.Attachments[i]) })
	}
	e.Entries = append(e.Entries, entry)
}

func (r *canonicalReader) attachment(entry *conversation.Entry, c *canonicalAttachment) {
	if c == nil {
		c = &canonicalAttachment{}
		r.refuse(ErrMissing)
	}
	name := r.line(c.Name, "name", maxLine)
	if c.URL != "" && (len(c.URL) > maxURL || !canonicalURL.MatchString(c.URL)) {
		r.refuse(strictjson.ErrShape, "url")
	}
	if c.Upload != "" && !canonicalUpload.MatchString(c.Upload) {
		r.refuse(strictjson.ErrShape, "upload")
	}
	entry.Attachments = append(entry.Attachments, conversation.Attachment{
		Name: name[strings.LastIndexByte(name, '/')+1:], // without the folders of a sender
		Type: r.line(c.Type, "type", maxLine), Bytes: r.number(c.Bytes, "bytes", 0, 1<<53-1), URL: c.URL, Upload: c.Upload,
	})
}

// addSubject names somebody, of whom something must be known, once.
func addSubject(e *conversation.Event, s conversation.Subject) {
	if s != (conversation.Subject{}) && !slices.Contains(e.Subjects, s) {
		e.Subjects = append(e.Subjects, s)
	}
}

// addAgent names an agent, of whom something must be known, once.
func addAgent(e *conversation.Event, id string) {
	if id != "" && !slices.Contains(e.AgentIDs, id) {
		e.AgentIDs = append(e.AgentIDs, id)
	}
}

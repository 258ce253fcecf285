package history

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// MaxLine is how many bytes a line may have, without its end: half as many again as vault seals of one conversation.
const MaxLine = 24 << 20

// maxDelivery is how many a delivery may have, as by a webhook.
const maxDelivery = 1 << 20

// The faults of lines, beside those of deliveries.
var (
	ErrLong    = fault.New(fault.Invalid, "line_too_long", "The line is longer than 24 MB, a delivery than 1 MB, or its conversation is larger than can be kept.")
	ErrUnknown = fault.New(fault.Invalid, "line_unknown", "The line is neither a delivery of the canonical format nor a line of an extract.")
	ErrSource  = fault.New(fault.Invalid, "line_source_unknown", "There is no source of the name that the line gives.")
)

// Line is what a line of an import turned out to be.
type Line struct {
	// Events are of one or several conversations, or of visits. None: the line is passed over.
	Events []conversation.Event
	// Settled says that they tell all of one life of a conversation, which had settled where they come from, Open that they tell
	// of one that had not.
	Settled, Open bool
}

// members are those of a line by which it is told what it is.
type members struct {
	Source  string         `json:"source"`
	Events  jsontext.Value `json:"events"`
	Entries jsontext.Value `json:"entries"`
	Pages   jsontext.Value `json:"pages"`
	// Of what is passed over.
	Fact        jsontext.Value `json:"visitorEntries"`
	Actor       jsontext.Value `json:"actor"`
	Regimes     jsontext.Value `json:"regimes"`
	Destination jsontext.Value `json:"destination"`
	Signature   jsontext.Value `json:"signature"`
}

// Read reads a line. Received is the time of the import: nothing can have happened much later.
func Read(line []byte, received time.Time) (Line, error) {
	if len(line) > MaxLine {
		return Line{}, ErrLong
	}
	if err := strictjson.Check(line); err != nil {
		return Line{}, err
	}
	if line[firstByte(line)] != '{' {
		return Line{}, ErrUnknown
	}
	var m members
	if err := strictjson.Read(line, &m); err != nil {
		return Line{}, err
	}
	there := func(values ...jsontext.Value) bool {
		return slices.ContainsFunc(values, func(v jsontext.Value) bool { return len(v) > 0 })
	}
	switch {
	case there(m.Events):
		return delivery(line, m.Source, received)
	case there(m.Entries):
		return told(line, received)
	case there(m.Pages):
		return visit(line, received)
	case there(m.Fact, m.Actor, m.Regimes, m.Destination, m.Signature):
		return Line{}, nil
	}
	return Line{}, ErrUnknown
}

func firstByte(line []byte) int {
	return slices.IndexFunc(line, func(b byte) bool { return b != ' ' && b != '\t' && b != '\r' && b != '\n' })
}

// delivery reads a canonical delivery of history, from any source.
func delivery(line []byte, from string, received time.Time) (Line, error) {
	if from == "" {
		from = canonical
	}
	if len(line) > maxDelivery {
		return Line{}, ErrLong
	}
	if _, ok := source.Lookup(from); !ok {
		return Line{}, ErrSource
	}
	adapter, _ := source.Lookup(canonical)
	adapted, err := adapter.Adapt(source.Delivery{Body: line, Received: received})
	if err != nil {
		return Line{}, err
	}
	for i := range adapted.Events {
		adapted.Events[i].Source = from
	}
	return Line{Events: adapted.Events}, nil
}

const canonical = "canonical"

// told reads a conversation.
func told(line []byte, received time.Time) (Line, error) {
	var c Conversation
	if err := strictjson.Read(line, &c); err != nil {
		return Line{}, err
	}
	if err := c.check(received); err != nil {
		return Line{}, err
	}
	settled := c.State == conversation.Settled
	return Line{Events: c.events(conversation.At(received)), Settled: settled, Open: !settled}, nil
}

// visitLine is a part of a visit as a line has it.
type visitLine struct {
	ID        string            `json:"id"`
	Source    string            `json:"source"`
	StartedAt conversation.Time `json:"startedAt"`
	EndedAt   conversation.Time `json:"endedAt"`
	conversation.Visit
	Told conversation.Told `json:"told"`
}

// visit reads a part of a visit. One that was stored without what told it is known by its own id.
func visit(line []byte, received time.Time) (Line, error) {
	var v visitLine
	if err := strictjson.Read(line, &v); err != nil {
		return Line{}, err
	}
	if v.Told == (conversation.Told{}) {
		v.Told = conversation.Told{Event: v.ID, Visit: v.ID, Time: v.EndedAt}
	}
	k := checker{received: received}
	k.source(v.Source)
	k.id(v.Told.Event)
	k.id(v.Told.Visit)
	k.maybeID(v.VisitorID)
	k.time(v.Told.Time)
	k.most(len(v.Pages), maxPages)
	for _, p := range v.Pages {
		k.time(p.Time)
	}
	if k.wrong != nil {
		return Line{}, k.wrong
	}
	return Line{Events: []conversation.Event{{
		ID: v.Told.Event, Source: v.Source, Conversation: v.Told.Visit, Kind: retention.Visit, Time: v.Told.Time, Received: v.Told.Time,
		Visit: &v.Visit,
	}}}, nil
}

package source

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/fault"
)

// Trace is what a mapping found in a body, for who tries it. A nil one takes no notice.
type Trace struct {
	// Rule is the name of the rule that was for the body, empty where none was.
	Rule   string
	Fields []TracedField
}

// TracedField is what became of one field; of several entries, the first is traced.
type TracedField struct {
	Field string
	// Found is how many values there were, First the first of them, cut to what can be shown.
	Found int
	First string
	// Wrong is the code of what is wrong with it, empty where nothing is.
	Wrong string
}

// maxShown is how many bytes of a value are shown.
const maxShown = 200

func (t *Trace) rule(name string) {
	if t != nil {
		t.Rule = name
	}
}

func (t *Trace) field(name string, found []jsontext.Value, err error) {
	if t == nil {
		return
	}
	f := TracedField{Field: name, Found: len(found)}
	if len(found) > 0 {
		f.First, _ = mappedText(found[0])
		f.First = strings.ToValidUTF8(f.First[:min(len(f.First), maxShown)], "")
	}
	if err != nil {
		f.Wrong = fault.Of(err).Code
	}
	t.Fields = append(t.Fields, f)
}

// Try makes of a body what the source would make of it, whoever sent it, and says what the mapping found, if it has one.
func Try(name string, d Delivery) (Adapted, Trace, error) {
	var trace Trace
	if Mapped(name) {
		adapted, err := adaptMapped(readyOf(name), d, &trace)
		return adapted, trace, err
	}
	a, _ := Lookup(name)
	adapted, err := a.Adapt(d)
	return adapted, trace, err
}

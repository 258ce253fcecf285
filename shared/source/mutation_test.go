package source_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// use is what an adapter does with a field.
type use struct {
	takes    string // the kinds of JSON that it understands, by their letters in the table mutations
	required bool   // without it nothing is made of the delivery
	optional bool   // null is one element less, though elements have required fields
	several  bool   // whether it is required depends on which of several events it is of
}

const anything = "snboa"

// uses are what the adapters do with every field, by the source and the name of the event, and the path; a star is any
// element.
func uses() map[string]map[string]use {
	all := map[string]map[string]use{}
	for source, t := range described {
		t.uses(func(name string) map[string]use {
			key := source + " " + name
			if all[key] == nil {
				all[key] = map[string]use{}
				if t.nameField != "" {
					all[key][t.nameField] = use{takes: "s", required: true}
				}
			}
			return all[key]
		})
	}
	return all
}

// mutations are what a field is replaced by, with the letter of its kind. No letter is null, a dash is no field at all.
var mutations = []struct{ kind, value string }{
	{"", "null"},
	{"-", ""},
	{"s", `"x"`},
	{"s", `""`},
	{"s", `"\u0000\u001b\ud83d\udeb2"`},
	{"n", "7"},
	{"n", "-1"},
	{"n", "0.5"},
	{"n", "1e400"},
	{"b", "true"},
	{"a", "[]"},
	{"a", "[null]"},
	{"o", "{}"},
	{"o", `{"id":{"id":1}}`},
}

// mark is a value that no sample has.
const mark = `"here comes the other value"`

// TestEveryFieldMayBeAnything puts every kind of value in every place of every sample.
func TestEveryFieldMayBeAnything(t *testing.T) {
	t.Parallel()
	uses, seen := uses(), map[string]map[string]bool{}
	for _, s := range readSamples(t) {
		if s.verdict != "ok" {
			continue
		}
		base, err := adapt(t, s.source, s.body)
		if err != nil {
			t.Fatal(err)
		}
		key := s.source + " " + base.Name
		if seen[key] == nil {
			seen[key] = map[string]bool{}
		}
		for _, path := range paths(t, s.body) {
			field := pattern(path)
			u, used := uses[key][field]
			bots := s.file == "ok-chatwoot-message-bot.json" || s.file == "ok-chatwoot-message-question.json"
			used = used && !(bots && field == "sender.id") // a bot's id is not kept
			seen[key][field] = true
			without, marked := mutate(t, s.body, path, ""), mutate(t, s.body, path, mark)
			for _, m := range mutations {
				body := without
				if m.kind != "-" {
					body = bytes.Replace(marked, []byte(mark), []byte(m.value), 1)
				}
				got, err := adapt(t, s.source, body)
				checkOutcome(t, s.source, got, err)
				where := s.file + ": " + strings.Join(path, ".") + " = " + m.value
				switch {
				case !used:
					if err != nil {
						t.Errorf("%s: %v, though the field does not matter", where, err)
					} else if want, got := anonymous(base), anonymous(got); !reflect.DeepEqual(want, got) { // much faster than cmp
						t.Errorf("%s: a field that is not taken changes something (-want +got):\n%s", where, cmp.Diff(want, got))
					}
				case (m.kind == "-" || m.kind == "") && u.several:
					if err != nil && !errors.Is(err, source.ErrMissing) {
						t.Errorf("%s: %v", where, err)
					}
				case m.kind == "-" && u.optional:
					if err != nil {
						t.Errorf("%s: %v", where, err)
					}
				case m.kind == "-" || m.kind == "":
					if want := map[bool]error{true: source.ErrMissing}[u.required]; !errors.Is(err, want) {
						t.Errorf("%s: %v, want %v", where, err, want)
					}
				case !strings.Contains(u.takes, m.kind):
					if !errors.Is(err, strictjson.ErrShape) {
						t.Errorf("%s: %v, want %v", where, err, strictjson.ErrShape)
					}
				}
			}
		}
	}
	for key := range uses {
		if seen[key] == nil {
			t.Errorf("no sample of %s", key)
		}
		if source, _, _ := strings.Cut(key, " "); described[source].nameField != "" && !seen[key][described[source].nameField] {
			t.Errorf("the samples of %s were not mutated", key)
		}
	}
}

// anonymous is what was adapted without the ids that are a hash of the body, or of a part of it.
func anonymous(a source.Adapted) source.Adapted {
	a.Events = slices.Clone(a.Events)
	for i, e := range a.Events {
		if name, _, _ := strings.Cut(e.ID, "/"); name == a.Name || name == "content" {
			a.Events[i].ID = name
		}
	}
	return a
}

func pattern(path []string) string {
	path = slices.Clone(path)
	for i, key := range path {
		if strings.Trim(key, "0123456789") == "" {
			path[i] = "*"
		}
	}
	return strings.Join(path, ".")
}

func tree(t testing.TB, body []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// paths are the places of a body, all but the body itself.
func paths(t testing.TB, body []byte) [][]string {
	var all [][]string
	var walk func(at []string, v any)
	walk = func(at []string, v any) {
		if len(at) > 0 {
			all = append(all, slices.Clone(at))
		}
		each(v, func(key string, child any) { walk(append(slices.Clone(at), key), child) })
	}
	walk(nil, tree(t, body))
	return all
}

func each(v any, visit func(key string, child any)) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			visit(key, v[key])
		}
	case []any:
		for i, child := range v {
			visit(strconv.Itoa(i), child)
		}
	}
}

// mutate is the body with another value in one place, or without the place where the value is empty.
func mutate(t testing.TB, body []byte, path []string, value string) []byte {
	t.Helper()
	var put func(v any, path []string) any
	put = func(v any, path []string) any {
		if len(path) == 0 {
			return json.RawMessage(value)
		}
		switch v := v.(type) {
		case map[string]any:
			if len(path) == 1 && value == "" {
				delete(v, path[0])
			} else {
				v[path[0]] = put(v[path[0]], path[1:])
			}
			return v
		case []any:
			for i := range v {
				if strconv.Itoa(i) != path[0] {
					continue
				}
				if len(path) == 1 && value == "" {
					return slices.Delete(v, i, i+1)
				}
				v[i] = put(v[i], path[1:])
			}
			return v
		}
		return v
	}
	b, err := json.Marshal(put(tree(t, body), path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// named is a body that says what it is and has other fields.
func named(t testing.TB, source string, name any, fields map[string]any) []byte {
	t.Helper()
	body := map[string]any{}
	switch field := described[source].nameField; field {
	case "events.*.type":
		event := map[string]any{}
		maps.Copy(event, fields)
		event["type"] = name
		body = map[string]any{"version": "1", "events": []any{event}}
	default:
		maps.Copy(body, fields)
		body[field] = name
	}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBodiesThatAreNoObject sends values of the wrong kind as whole bodies.
func TestBodiesThatAreNoObject(t *testing.T) {
	for name, about := range described {
		if about.nameField == "" {
			continue
		}
		bodies := map[string]error{
			` `: strictjson.ErrJSON, `null`: source.ErrMissing, `{}`: source.ErrMissing, `{"Event":"chat:end","Type":"x","Version":"1"}`: source.ErrMissing,
			`[]`: strictjson.ErrShape, `"chat:end"`: strictjson.ErrShape, `7`: strictjson.ErrShape, `true`: strictjson.ErrShape,
			`event=chat%3Aend`: strictjson.ErrJSON, `{"event":"chat:end"`: strictjson.ErrJSON,
			string(named(t, name, "", nil)): source.ErrMissing, string(named(t, name, nil, nil)): source.ErrMissing,
			string(named(t, name, 7, nil)): strictjson.ErrShape, string(named(t, name, []string{"chat:end"}, nil)): strictjson.ErrShape,
		}
		if !about.empty {
			bodies[``] = strictjson.ErrJSON
		}
		for body, want := range bodies {
			got, err := adapt(t, name, []byte(body))
			checkOutcome(t, name, got, err)
			if !errors.Is(err, want) {
				t.Errorf("%s of %q: %v, want %v", name, body, err, want)
			}
		}
	}
}

// TestNewEventsOfASenderAreAcknowledged: a vendor that adds an event must not see its deliveries refused and retried.
func TestNewEventsOfASenderAreAcknowledged(t *testing.T) {
	for name, about := range described {
		if about.nameField == "" {
			continue
		}
		for _, event := range []string{
			"chat:rated", "MESSAGE_CREATED", "automation_event.", "conversation.", "ticket.created.", "zen:event-type:", "zen:event-type:ticket.sung",
			"zen:event-type:zen:event-type:ticket.created", "other", "several", strings.Repeat("x", 4096),
		} {
			body := named(t, name, event, map[string]any{"chatId": true, "id": []int{1}, "conversation": 4182, "detail": []string{}})
			got, err := adapt(t, name, body)
			if diff := cmp.Diff(source.Adapted{Name: "other"}, got); err != nil || diff != "" {
				t.Errorf("%s of %.20s: %v (-want +got):\n%s", name, event, err, diff)
			}
		}
	}
}

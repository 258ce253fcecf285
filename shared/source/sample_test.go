package source_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
)

const (
	samples = "../../events/ingest"
	goldens = "testdata/golden"
)

// received is shortly after the latest time of the samples.
var received = time.Date(2026, 11, 20, 14, 0, 0, 123456789, time.UTC)

// sample is one file of events/ingest, named after its verdict, its source and what it shows.
type sample struct {
	file, verdict, source string
	body                  []byte
}

func readSamples(t testing.TB) []sample {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(samples, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples in %s: %v", samples, err)
	}
	var all []sample
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		parts := strings.SplitN(name, "-", 3)
		if len(parts) != 3 || parts[0] != "ok" && parts[0] != "reject" {
			t.Fatalf("%s is not named ok-SOURCE-VARIANT or reject-SOURCE-VARIANT", name)
		}
		if parts[1] == "mapped" { // of which the next word says which one
			ready, _, _ := strings.Cut(parts[2], "-")
			parts[1] += "-" + ready
		}
		all = append(all, sample{name, parts[0], parts[1], body})
	}
	return all
}

func lookup(t testing.TB, name string) source.Adapter {
	t.Helper()
	a, ok := source.Lookup(name)
	if !ok {
		t.Fatalf("no adapter %q", name)
	}
	return a
}

func adapt(t testing.TB, name string, body []byte) (source.Adapted, error) {
	t.Helper()
	return lookup(t, name).Adapt(source.Delivery{Body: body, Received: received})
}

// outcome is what a golden file holds: either a name with events or the code of a fault.
type outcome struct {
	Name   string               `json:"name,omitzero"`
	Events []conversation.Event `json:"events,omitzero"`
	Fault  string               `json:"fault,omitzero"`
}

func TestSamples(t *testing.T) {
	for _, name := range source.Names() {
		t.Run(name, func(t *testing.T) { testSamples(t, name) })
	}
}

func testSamples(t *testing.T, name string) {
	for _, s := range readSamples(t) {
		if s.source != name {
			continue
		}
		t.Run(s.file, func(t *testing.T) {
			got, err := adapt(t, name, s.body)
			checkOutcome(t, name, got, err)
			if rejected := s.verdict == "reject"; rejected != (err != nil) {
				t.Errorf("error %v, though the file is named %s", err, s.verdict)
			}
			o := outcome{Name: got.Name, Events: got.Events}
			if err != nil {
				o = outcome{Fault: fault.Of(err).Code}
				// One that is refused for a time ahead must not be taken once that time has come: the end-to-end tests deliver them by
				// the clock.
				later := source.Delivery{Body: s.body, Received: received.AddDate(50, 0, 0)}
				if _, err := lookup(t, name).Adapt(later); err == nil || fault.Of(err).Code != o.Fault {
					t.Errorf("in fifty years: %v, want %s", err, o.Fault)
				}
			}
			compareGolden(t, filepath.Join(goldens, s.file), o)
		})
	}
}

func compareGolden(t *testing.T, file string, got any) {
	t.Helper()
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(got); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; UPDATE_GOLDEN=1 writes it", err)
	}
	if diff := cmp.Diff(string(want), text.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestEveryGoldenHasItsSample(t *testing.T) {
	files, err := os.ReadDir(goldens)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, err := os.Stat(filepath.Join(samples, f.Name())); err != nil {
			t.Errorf("%s is an orphan: %v", f.Name(), err)
		}
	}
}

func TestEverySourceHasItsSamples(t *testing.T) {
	verdicts := map[string]bool{}
	for _, s := range readSamples(t) {
		lookup(t, s.source)
		verdicts[s.verdict+" "+s.source] = true
	}
	for _, name := range source.Names() {
		if !verdicts["ok "+name] || !verdicts["reject "+name] {
			t.Errorf("%s has not a sample of both verdicts", name)
		}
	}
}

// TestNothingOfWhatMustGoIsTaken looks for what the samples have of credentials, places, pages, addresses and custom fields.
func TestNothingOfWhatMustGoIsTaken(t *testing.T) {
	for _, s := range readSamples(t) {
		got, err := adapt(t, s.source, s.body)
		if err != nil {
			continue
		}
		for i := range got.Events {
			for j := range got.Events[i].Entries {
				for k := range got.Events[i].Entries[j].Attachments {
					got.Events[i].Entries[j].Attachments[k].URL = "" // which may open a file, and is dropped by package minimise
				}
			}
		}
		text := fmt.Sprintf("%+v", got)
		for _, word := range []string{
			"sample-of-a", "the-key-that-livechat-sends-along", "eyJfc2Ft", "203.0.113.57", "Leeds", "Uppsala", "HT-550871", "Fibre 500", "Firefox",
			"elif.demir@", "very kind", "late payer", "Twelve cafés", "tomasz.wrona@", "operator+", "image.crisp.chat",
		} {
			if strings.Contains(text, word) {
				t.Errorf("%s: %q was taken", s.file, word)
			}
		}
		// The texts of these are no markup: who writes of a script has written of it.
		plain := slices.Contains([]string{"crisp", "freshchat", "livechat"}, s.source)
		if !plain && (strings.Contains(text, "<script") || strings.Contains(text, "alert(1)")) {
			t.Errorf("%s: markup was taken", s.file)
		}
	}
}

// checkOutcome asserts what holds of every delivery, whatever is in it: a fault that blames the sender and quotes nothing,
// or events that the store can take.
func checkOutcome(t testing.TB, name string, got source.Adapted, err error) {
	t.Helper()
	if err != nil {
		f, ok := errors.AsType[*fault.Fault](err)
		if !ok || f.Status() < 400 || f.Status() > 499 || f.Retry() {
			t.Fatalf("error %v is no fault of the sender", err)
		}
		if f.Unwrap() != nil {
			t.Errorf("the fault %q has a cause, which may quote the body", err)
		}
		if diff := cmp.Diff(source.Adapted{}, got); diff != "" {
			t.Errorf("something beside the fault %v (-want +got):\n%s", err, diff)
		}
		return
	}
	known := false
	for _, n := range names(name) {
		known = known || n == got.Name
	}
	if !known {
		t.Errorf("name %q is not of the closed list", got.Name)
	}
	for _, e := range got.Events {
		checkID(t, "event", e.ID)
		checkID(t, "conversation", e.Conversation)
		checkTime(t, "event", e.Time)
		if want := conversation.At(received); !e.Received.Equal(want.Time) {
			t.Errorf("received %v, want %v", e.Received, want)
		}
		if !slices.Contains(described[name].kinds, e.Kind) {
			t.Errorf("kind %q", e.Kind)
		}
		if e.Kind != retention.Ticket && e.Kind != retention.Article && (e.Title != "" || e.Status != "") {
			t.Errorf("title %q, status %q of a %s", e.Title, e.Status, e.Kind)
		}
		switch e.Status {
		case "":
		case conversation.StatusOpen, conversation.StatusPending:
			if e.Ended {
				t.Errorf("ended, and %s", e.Status)
			}
		case conversation.StatusSolved, conversation.StatusClosed:
			if e.Reopened {
				t.Errorf("reopened, and %s", e.Status)
			}
		case conversation.StatusPublished, conversation.StatusWithdrawn:
			if e.Kind != retention.Article {
				t.Errorf("a %s is %s", e.Kind, e.Status)
			}
		default:
			t.Errorf("status %q", e.Status)
		}
		if e.Call != nil && (e.Kind != retention.Call || *e.Call == (conversation.Call{})) {
			t.Errorf("a %s has %+v", e.Kind, *e.Call)
		}
		if (e.Visit != nil) != (e.Kind == retention.Visit) || e.Visit != nil && len(e.Visit.Pages) == 0 {
			t.Errorf("a %s is a visit of %v", e.Kind, e.Visit)
		}
		if e.Visit != nil {
			for _, p := range append(e.Visit.Pages, conversation.Page{URL: e.Visit.Referrer, Time: e.Time}) {
				checkTime(t, "page", p.Time)
				_, rest, _ := strings.Cut(p.URL, "://")
				if host, _, _ := strings.Cut(rest, "/"); strings.ContainsAny(p.URL, "?# ") || strings.Contains(host, "@") {
					t.Errorf("the page %q", p.URL)
				}
			}
		}
		if e.Ended && e.Reopened {
			t.Error("ended and reopened at once")
		}
		if e.Whole && len(e.Entries) == 0 {
			t.Error("a whole of nothing")
		}
		if e.Rating != nil && (*e.Rating < 1 || *e.Rating > 5) {
			t.Errorf("rating %d", *e.Rating)
		}
		for _, entry := range e.Entries {
			checkID(t, "entry", entry.ID)
			checkTime(t, "entry", entry.Time)
			switch entry.Author.Role {
			case conversation.Visitor, conversation.Agent, conversation.Bot, conversation.System:
			default:
				t.Errorf("role %q", entry.Author.Role)
			}
			for _, a := range entry.Attachments {
				if a.Bytes < 0 || strings.Contains(a.Name, "/") {
					t.Errorf("attachment %+v", a)
				}
				if a.URL != source.FileLink(a.URL) {
					t.Errorf("a file would be looked for at %q", a.URL)
				}
			}
		}
		for _, s := range e.Subjects {
			if s == (conversation.Subject{}) {
				t.Error("a subject of whom nothing is known")
			}
			if len(s.VisitorID) > 256 || len(s.CustomID) > 256 {
				t.Errorf("ids of %d and %d bytes", len(s.VisitorID), len(s.CustomID))
			}
		}
		for _, id := range e.AgentIDs {
			if id == "" {
				t.Error("an agent without id")
			}
		}
		for _, tag := range slices.Concat(e.Tags, e.Tagged, e.Untagged) {
			if tag == "" {
				t.Error("an empty tag")
			}
		}
	}
	text, err := json.Marshal(got.Events)
	if err != nil || !utf8.Valid(text) {
		t.Errorf("events cannot be written: %v", err)
	}
}

func checkID(t testing.TB, what, id string) {
	t.Helper()
	if id == "" || len(id) > 256 {
		t.Errorf("%s id of %d bytes", what, len(id))
	}
}

func checkTime(t testing.TB, what string, at conversation.Time) {
	t.Helper()
	if at.Year() < 2000 || at.After(received.Add(24*time.Hour)) || !at.Equal(at.Truncate(time.Millisecond)) || at.Location() != time.UTC {
		t.Errorf("time of the %s: %v", what, at)
	}
}

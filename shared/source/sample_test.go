package source_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
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

func TestSamplesOfCanonical(t *testing.T) { testSamples(t, "canonical") }
func TestSamplesOfChatwoot(t *testing.T)  { testSamples(t, "chatwoot") }
func TestSamplesOfTawkto(t *testing.T)    { testSamples(t, "tawkto") }
func TestSamplesOfZendesk(t *testing.T)   { testSamples(t, "zendesk") }

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
	if diff := cmp.Diff(slices.Sorted(maps.Keys(names)), source.Names()); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
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

// names are the closed lists of the adapters: a metric's dimension has no other value.
var names = map[string][]string{
	"tawkto": {"chat:start", "chat:end", "chat:transcript_created", "ticket:create", "other"},
	"chatwoot": {
		"message_created", "message_updated", "conversation_created", "conversation_status_changed", "conversation_resolved",
		"conversation_opened", "conversation_updated", "automation_event.conversation_created",
		"automation_event.conversation_resolved", "automation_event.conversation_opened",
		"automation_event.conversation_updated", "automation_event.message_created", "contact_created", "contact_updated",
		"conversation_typing_on", "conversation_typing_off", "inbox_created", "inbox_updated", "macro.executed",
		"webwidget_triggered", "other",
	},
	"canonical": {
		"conversation.started", "conversation.message", "conversation.updated", "conversation.ended", "conversation.reopened",
		"conversation.transcript", "several", "other",
	},
	"zendesk": {
		"ticket.created", "ticket.comment_added", "ticket.status_changed", "ticket.subject_changed", "ticket.tags_changed",
		"ticket.agent_assignment_changed", "ticket.requester_changed", "ticket.marked_as_spam", "ticket.merged",
		"ticket.soft_deleted", "ticket.undeleted",
		"ticket.attachment_linked_to_comment", "ticket.attachment_redacted_from_comment", "ticket.brand_changed",
		"ticket.comment_made_private", "ticket.comment_redacted", "ticket.csat_received", "ticket.csat_requested",
		"ticket.custom_field_changed", "ticket.custom_status_changed", "ticket.description_changed", "ticket.email_ccs_changed",
		"ticket.external_id_changed", "ticket.followers_changed", "ticket.form_changed", "ticket.group_assignment_changed",
		"ticket.next_sla_breach_changed", "ticket.ola_policy_changed", "ticket.organization_changed", "ticket.permanently_deleted",
		"ticket.priority_changed", "ticket.problem_link_changed", "ticket.schedule_changed", "ticket.sla_policy_changed",
		"ticket.submitter_changed", "ticket.task_due_at_changed", "ticket.type_changed", "messaging_ticket.message_added", "other",
	},
}

// kinds are the kinds of conversation that a source tells of.
var kinds = map[string][]retention.Kind{
	"canonical": {retention.Chat, retention.Ticket}, "chatwoot": {retention.Chat}, "tawkto": {retention.Chat, retention.Ticket},
	"zendesk": {retention.Ticket},
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
	for _, n := range names[name] {
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
		if !slices.Contains(kinds[name], e.Kind) {
			t.Errorf("kind %q", e.Kind)
		}
		if e.Kind != retention.Ticket && (e.Title != "" || e.Status != "") {
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
		default:
			t.Errorf("status %q", e.Status)
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
		for _, tag := range e.Tags {
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

package conversation_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
)

// full is an event of which every field says something, all of it to be recognised.
func full() conversation.Event {
	return conversation.Event{
		ID: "canary-event", Source: "chatwoot", Conversation: "canary-conversation", Kind: retention.Chat, Time: at(2), Received: at(3), Anchor: at(2),
		Entries: []conversation.Entry{{
			ID: "canary-entry", Time: at(1), Author: conversation.Author{Role: conversation.Visitor, Name: "canary-author"}, Text: "canary-text",
			Attachments: []conversation.Attachment{{
				ID: "canary-file", Name: "canary-file.pdf", Type: "canary-type", Bytes: 4711, URL: "https://canary-url.example.com", Upload: "canary-upload",
				State: conversation.FileMissing, Reason: conversation.Gone,
			}}, Private: true, Redacted: true,
		}},
		Untimed: true, Whole: true, Redacted: []string{"canary-redacted"}, Noted: []string{"canary-noted"}, Ended: true, Reopened: true,
		Subjects: []conversation.Subject{{
			Name: "canary-name", Email: "canary-email@example.com", Phone: "canary-phone", VisitorID: "canary-visitor", CustomID: "canary-custom",
		}},
		Title: "canary-title", Status: "canary-status", Department: "canary-department", Tags: []string{"canary-tag"}, Tagged: []string{"canary-tagged"}, Untagged: []string{"canary-untagged"}, Rating: new(5), AgentIDs: []string{"canary-agent"},
		Call: &conversation.Call{Direction: "canary-direction", Outcome: "canary-outcome", Seconds: 4711, Recording: "canary-recording"},
		Visit: &conversation.Visit{VisitorID: "canary-visitor", Referrer: "canary-referrer", Pages: []conversation.Page{
			{Time: at(1), URL: "canary-url", Title: "canary-title"},
		}},
	}
}

func TestFullEventSaysSomethingInEveryField(t *testing.T) {
	var check func(name string, v reflect.Value)
	check = func(name string, v reflect.Value) {
		if v.IsZero() {
			t.Errorf("%s says nothing: the tests of what is kept out of logs would not notice it", name)
		}
		switch v.Kind() {
		case reflect.Pointer:
			check(name, v.Elem())
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[conversation.Time]() {
				return
			}
			for i := range v.NumField() {
				check(name+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			for i := range v.Len() {
				check(name+"[]", v.Index(i))
			}
		}
	}
	check("event", reflect.ValueOf(full()))
}

func TestNothingOfTheContentIsLogged(t *testing.T) {
	e := full()
	transcript := fold(e)
	for _, tc := range []struct {
		name  string
		value any
	}{
		{"an event", e},
		{"a pointer to an event", &e},
		{"an entry", e.Entries[0]},
		{"a subject", e.Subjects[0]},
		{"a call", e.Call},
		{"a visit", e.Visit},
		{"a page", e.Visit.Pages[0]},
		{"a transcript", transcript},
		{"a pointer to a transcript", &transcript},
		{"what a transcript remembers", transcript.Said},
		{"a subject as it was said", transcript.Said.Subjects[0]},
		{"an agent as they were said", transcript.Said.Agents[0]},
		{"a tag as it was said", transcript.Said.TagChanges[0]},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for format, handler := range map[string]func(*bytes.Buffer) slog.Handler{
				"JSON": func(b *bytes.Buffer) slog.Handler {
					return slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})
				},
				"text": func(b *bytes.Buffer) slog.Handler {
					return slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})
				},
			} {
				var log bytes.Buffer
				slog.New(handler(&log)).With("with", tc.value).Debug("done", "value", tc.value, slog.Group("in", "value", tc.value))
				if strings.Count(log.String(), "value") < 2 {
					t.Errorf("the %s log lacks the value: %s", format, log.String())
				}
				if strings.Contains(log.String(), "canary") {
					t.Errorf("content in the %s log: %s", format, log.String())
				}
			}
		})
	}
}

func TestTheLogSaysHowMuchThereIs(t *testing.T) {
	for name, value := range map[string]slog.LogValuer{"an event": full(), "a transcript": fold(full())} {
		if diff := cmp.Diff("[kind=chat entries=1]", value.LogValue().String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// golden compares JSON, indented, with a file of testdata; UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, name string, value any) {
	t.Helper()
	got, err := json.Marshal(value, jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".json")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestView(t *testing.T) {
	hello := message("1", 10, conversation.Visitor, "hello")
	hello.Entries[0].Author.Name = "Marta Example"
	hello.Subjects = []conversation.Subject{{Name: "Marta Example", Email: "marta@example.com", Phone: "+15550100", VisitorID: "17", CustomID: "c-1"}}
	answer := message("2", 20.5, conversation.Agent, "Good morning!")
	answer.Entries[0].Author.Name = "Jan"
	answer.Entries[0].Attachments = []conversation.Attachment{{Name: "label.pdf", Type: "file", Bytes: 1234}}
	answer.Department, answer.Tags, answer.Rating, answer.AgentIDs = "Sales", []string{"delivery"}, new(5), []string{"a1"}
	joined := message("3", 15, conversation.System, "Jan joined")
	note := message("4", 30, conversation.Agent, "a returning customer")
	note.Entries[0].Private = true
	add := func(v conversation.View, state conversation.State) conversation.View {
		v.ID, v.State, v.Incarnation, v.ExpiresAt = "abcdefghijklmnopqrstuvwxyz234567-1", state, 1, at(1e6)
		return v
	}
	settled := add(fold(hello, answer, joined, note, ended(40)).View(), conversation.Settled)
	settled.Revision, settled.SettledAt = 2, new(at(60))
	inList := settled
	inList.Entries = nil
	for _, tc := range []struct {
		name, file string
		view       conversation.View
	}{
		{"a settled conversation with everything", "view-settled", settled},
		{"the same without entries, as lists have it", "view-in-list", inList},
		{"an open one of which little is known", "view-open", add(fold(message("1", 10, conversation.Visitor, "hello")).View(), conversation.Open)},
		{"one that went on after its end", "view-reopened", add(fold(hello, ended(40), reopened(50)).View(), conversation.Open)},
	} {
		t.Run(tc.name, func(t *testing.T) { golden(t, tc.file, tc.view) })
	}
	t.Run("every golden file is used", func(t *testing.T) {
		files, err := os.ReadDir("testdata")
		if err != nil || len(files) != 4 {
			t.Errorf("testdata has %d files, %v, want 4", len(files), err)
		}
	})
}

// TestViewHasTheFieldsThatAreDocumented names them, so that none is added to or lost from what readers were promised.
func TestViewHasTheFieldsThatAreDocumented(t *testing.T) {
	names := func(of reflect.Type) string {
		var names []string
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
		return strings.Join(names, " ")
	}
	for _, tc := range []struct {
		name string
		of   reflect.Type
		want string
	}{
		{"a conversation", reflect.TypeFor[conversation.View](), "id kind state source conversation incarnation revision startedAt endedAt settledAt expiresAt held title status call subjects department tags rating entries"},
		{"a subject", reflect.TypeFor[conversation.Subject](), "name email phone visitorId customId"},
		{"an entry", reflect.TypeFor[conversation.Entry](), "id time author text attachments private redacted"},
		{"an author", reflect.TypeFor[conversation.Author](), "role name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, names(tc.of)); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTime(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       string // as it is written; empty: refused
	}{
		{"seconds get milliseconds", `"2026-11-20T09:00:00Z"`, `"2026-11-20T09:00:00.000Z"`},
		{"tenths get milliseconds", `"2026-11-20T09:00:00.5Z"`, `"2026-11-20T09:00:00.500Z"`},
		{"nanoseconds are cut, not rounded", `"2026-11-20T09:00:00.999999999Z"`, `"2026-11-20T09:00:00.999Z"`},
		{"another zone becomes UTC", `"2026-11-20T01:30:00.25-08:00"`, `"2026-11-20T09:30:00.250Z"`},
		{"and may move the day", `"2026-11-21T01:00:00+02:00"`, `"2026-11-20T23:00:00.000Z"`},
		{"before 1970 as well", `"1969-12-31T23:59:59.9995Z"`, `"1969-12-31T23:59:59.999Z"`},
		{"a number is refused", `1795179941`, ""},
		{"null is refused", `null`, ""},
		{"no text is refused", `""`, ""},
		{"a date is refused", `"2026-11-20"`, ""},
		{"a time without a zone is refused", `"2026-11-20T09:00:00"`, ""},
		{"a day that no calendar has is refused", `"2026-02-30T09:00:00Z"`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got conversation.Time
			err := got.UnmarshalJSON([]byte(tc.text))
			if tc.want == "" {
				if err == nil || strings.Contains(err.Error(), strings.Trim(tc.text, `"`)) && tc.text != `""` {
					t.Errorf("read %v, %v, want an error that quotes nothing", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := got.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(b)); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(strings.Trim(tc.want, `"`), got.String()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
	if got := conversation.At(time.Time{}); !got.IsZero() || got != (conversation.Time{}) {
		t.Errorf("never is %v", got)
	}
}

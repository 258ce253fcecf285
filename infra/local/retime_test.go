package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRetime(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)
	tests := []struct{ name, payload, want string }{
		{
			"makes the newest time now and keeps the distances",
			`{"time":"2026-06-28T14:03:04.646Z", "chat":{"messages":[{"time":"2026-06-28T14:02:04.646Z","msg":"x"}]}}`,
			`{"time":"2030-01-02T03:04:05.678Z", "chat":{"messages":[{"time":"2030-01-02T03:03:05.678Z","msg":"x"}]}}`,
		},
		{
			"keeps whole seconds and fractions in their notation",
			`{"created_at":1600000000,"updated_at": 1600000010.5,"contact_last_seen_at":0,"waiting_since":1600000000}`,
			`{"created_at":1893553435,"updated_at": 1893553445.7,"contact_last_seen_at":0,"waiting_since":1893553435}`,
		},
		{
			"reads a time in another zone and writes it in UTC",
			`{"created_at":"2026-06-28T16:03:04.000+02:00"}`,
			`{"created_at":"2030-01-02T03:04:05.678Z"}`,
		},
		{
			"keeps whole seconds and nine digits in their notation",
			`{"time":"2026-06-28T14:03:04.646111222Z","detail":{"created_at":"2026-06-28T14:03:03Z"}}`,
			`{"time":"2030-01-02T03:04:05.678000000Z","detail":{"created_at":"2030-01-02T03:04:04Z"}}`,
		},
		{
			"reads several events of one delivery",
			`{"events":[{"time":"2026-06-28T14:03:04Z","entries":[{"time":"2026-06-28T16:03:00+02:00"}]},{"time":"2026-06-28T14:03:05.5Z"}]}`,
			`{"events":[{"time":"2030-01-02T03:04:04Z","entries":[{"time":"2030-01-02T03:04:00Z"}]},{"time":"2030-01-02T03:04:05.6Z"}]}`,
		},
		{
			"moves milliseconds as milliseconds",
			`{"timestamp":1600000000123,"data":{"timestamp": 1599999999000,"fingerprint":160000000012345},"created_time":"2020-09-13T12:26:40.123Z"}`,
			`{"timestamp":1893553445678,"data":{"timestamp": 1893553444555,"fingerprint":160000000012345},"created_time":"2030-01-02T03:04:05.678Z"}`,
		},
		{
			"leaves numbers of other lengths, texts and other fields alone",
			`{"created_at":16000000000000,"text":"\"time\":\"2026-06-28T14:03:04Z\"","born":"2026-06-28T14:03:04Z"}`,
			`{"created_at":16000000000000,"text":"\"time\":\"2026-06-28T14:03:04Z\"","born":"2026-06-28T14:03:04Z"}`,
		},
		{
			"reads American times and minutes",
			`{"time":"6/28/2026 2:03:04 PM","message":{"time":"06/28/2026 2:01 PM"}}`,
			`{"time":"1/2/2030 3:04:05 AM","message":{"time":"1/2/2030 3:02 AM"}}`,
		},
		{"leaves what is no time alone", `{"time":"2026-99-99T00:00:00Z"}`, `{"time":"2026-99-99T00:00:00Z"}`},
		{"leaves what has no times alone", `not even JSON`, `not even JSON`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, string(retime([]byte(tt.payload), now))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestRetimeKeepsTheSamplesShape(t *testing.T) {
	paths, err := filepath.Glob("../../events/ingest/ok-*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	now := time.Now().Truncate(time.Millisecond)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			moved := retime(body, now)
			if !json.Valid(moved) {
				t.Fatalf("no JSON any more: %s", moved)
			}
			if newest(body).IsZero() {
				return
			}
			if got := newest(moved); now.Sub(got) < -time.Second || now.Sub(got) > time.Minute { // which some senders do not tell finer
				t.Errorf("the newest time is %s, want %s", got, now)
			}
			if got, want := len(timeField.FindAll(moved, -1)), len(timeField.FindAll(body, -1)); got != want {
				t.Errorf("%d times, want %d", got, want)
			}
		})
	}
}

func TestSamplesOfOneConversationKeepTheirDistances(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "events", "ingest")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"ok-tawkto-end.json":        `{"chatId":"a","time":"2026-01-01T00:10:00.000Z"}`,
		"ok-tawkto-start.json":      `{"chatId":"a","time":"2026-01-01T00:00:00.000Z"}`,
		"ok-tawkto-transcript.json": `{"chat":{"id":"b"},"time":"2026-05-01T00:00:00.000Z"}`,
		"ok-tawkto-ticket.json":     `{"ticket":{"id":"t"},"time":"2026-03-01T00:00:00.000Z"}`,
		"ok-canonical-one.json":     `{"events":[{"type":"x"},{"conversation":"k","time":"2026-02-01T00:00:00Z"}]}`,
		"ok-canonical-two.json":     `{"events":[{"conversation":"k","time":"2026-02-01T00:00:30Z"}]}`,
		"ok-zendesk-one.json":       `{"id":"1","detail":{"id":"7"},"time":"2026-04-01T00:00:00.000000000Z"}`,
		"ok-zendesk-two.json":       `{"id":"2","detail":{"id":"7"},"time":"2026-04-01T00:00:01.000000000Z"}`,
		"ok-livechat-one.json":      `{"payload":{"chat":{"id":"C","thread":{"id":"T","created_at":"2026-01-01T00:00:00.000000Z"}}}}`,
		"ok-livechat-two.json":      `{"payload":{"chat_id":"C","thread_id":"T","event":{"id":"1","created_at":"2026-01-01T00:00:30.000000Z"}}}`,
		"ok-freshdesk-one.json":     `{"freshdesk_webhook":{"ticket_id":8,"ticket_created_at":"2026-01-01T00:00:00Z"}}`,
		"ok-freshdesk-two.json":     `{"freshdesk_webhook":{"ticket_id":8,"ticket_updated_at":"2026-01-01T00:00:30Z"}}`,
		"ok-crisp-one.json":         `{"timestamp":1782864000000,"data":{"session_id":"s"}}`,
		"ok-crisp-two.json":         `{"timestamp":1782864001500,"data":{"session_id":"s"}}`,
		"ok-freshchat-one.json":     `{"action_time":"2026-08-01T00:00:00.000Z","data":{"message":{"conversation_id":"f"}}}`,
		"ok-freshchat-two.json":     `{"action_time":"2026-08-01T00:00:02.000Z","data":{"resolve":{"conversation":{"conversation_id":"f"}}}}`,
		"ok-intercom-one.json":      `{"id":"1","created_at":1788220800,"data":{"item":{"id":"i"}}}`,
		"ok-intercom-two.json":      `{"id":"2","created_at":1788220803,"data":{"item":{"id":"i"}}}`,
		"reject-tawkto-empty.json":  `{}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all, err := samples(root, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range all {
		got = append(got, s.name+" "+s.source+" "+string(s.body))
	}
	want := []string{
		`ok-freshdesk-one.json freshdesk {"freshdesk_webhook":{"ticket_id":8,"ticket_created_at":"2029-12-31T23:59:30Z"}}`,
		`ok-livechat-one.json livechat {"payload":{"chat":{"id":"C","thread":{"id":"T","created_at":"2029-12-31T23:59:30.000000Z"}}}}`,
		`ok-tawkto-start.json tawkto {"chatId":"a","time":"2029-12-31T23:50:00.000Z"}`,
		`ok-freshdesk-two.json freshdesk {"freshdesk_webhook":{"ticket_id":8,"ticket_updated_at":"2030-01-01T00:00:00Z"}}`,
		`ok-livechat-two.json livechat {"payload":{"chat_id":"C","thread_id":"T","event":{"id":"1","created_at":"2030-01-01T00:00:00.000000Z"}}}`,
		`ok-tawkto-end.json tawkto {"chatId":"a","time":"2030-01-01T00:00:00.000Z"}`,
		`ok-canonical-one.json canonical {"events":[{"type":"x"},{"conversation":"k","time":"2029-12-31T23:59:30Z"}]}`,
		`ok-canonical-two.json canonical {"events":[{"conversation":"k","time":"2030-01-01T00:00:00Z"}]}`,
		`ok-tawkto-ticket.json tawkto {"ticket":{"id":"t"},"time":"2030-01-01T00:00:00.000Z"}`,
		`ok-zendesk-one.json zendesk {"id":"1","detail":{"id":"7"},"time":"2029-12-31T23:59:59.000000000Z"}`,
		`ok-zendesk-two.json zendesk {"id":"2","detail":{"id":"7"},"time":"2030-01-01T00:00:00.000000000Z"}`,
		`ok-tawkto-transcript.json tawkto {"chat":{"id":"b"},"time":"2030-01-01T00:00:00.000Z"}`,
		`ok-crisp-one.json crisp {"timestamp":1893455998500,"data":{"session_id":"s"}}`,
		`ok-crisp-two.json crisp {"timestamp":1893456000000,"data":{"session_id":"s"}}`,
		`ok-freshchat-one.json freshchat {"action_time":"2029-12-31T23:59:58.000Z","data":{"message":{"conversation_id":"f"}}}`,
		`ok-freshchat-two.json freshchat {"action_time":"2030-01-01T00:00:00.000Z","data":{"resolve":{"conversation":{"conversation_id":"f"}}}}`,
		`ok-intercom-one.json intercom {"id":"1","created_at":1893455997,"data":{"item":{"id":"i"}}}`,
		`ok-intercom-two.json intercom {"id":"2","created_at":1893456000,"data":{"item":{"id":"i"}}}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

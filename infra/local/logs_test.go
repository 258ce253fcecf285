package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
)

func TestLogs(t *testing.T) {
	const path = "/2015-03-31/functions/"
	playAWS(t, answers{
		path + "fi/configuration": `{"LoggingConfig": {"LogGroup": "ingest-log"}}`,
		path + "fp/configuration": `{}`,
		"FilterLogEvents": `{"events": [
			{"eventId": "3", "timestamp": 1795304406000, "message": "REPORT RequestId: r\tDuration: 215 ms\n"},
			{"eventId": "2", "timestamp": 1795304405921, "message":
				"{\"level\": \"WARN\", \"msg\": \"message failed\", \"service\": \"ingest\", \"n\": 3, \"cause\": \"no luck\"}"},
			{"eventId": "1", "timestamp": 1795304405921, "message": "START RequestId: r"}]}`,
	})
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-east-2"))
	if err != nil {
		t.Fatal(err)
	}
	s := stack{outputs: outputs{Functions: map[string]string{"ingest": "fi", "purge": "fp"}}, aws: cfg}
	if _, err := s.logGroups(t.Context(), "purgatory"); err == nil || !strings.Contains(err.Error(), "there are ingest, purge") {
		t.Errorf("for a function that does not exist: %v", err)
	}
	groups, err := s.logGroups(t.Context(), "")
	if err != nil || groups["ingest"] != "ingest-log" || groups["purge"] != "/aws/lambda/fp" {
		t.Fatalf("groups %v, %v", groups, err)
	}
	lines, err := s.readLogs(context.Background(), map[string]string{"ingest": "ingest-log"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	for _, l := range lines {
		if err := writeLine(&printed, l); err != nil {
			t.Fatal(err)
		}
	}
	want := "2026-11-21T23:40:05.921Z  ingest     WARN   message failed cause=\"no luck\" n=3\n" +
		"2026-11-21T23:40:06.000Z  ingest            REPORT RequestId: r\tDuration: 215 ms\n"
	if printed.String() != want {
		t.Errorf("printed\n%swant\n%s", printed.String(), want)
	}
}

func TestLogLinesObeyNobody(t *testing.T) {
	tests := []struct{ name, message, want string }{
		{"leaves out what began", `{"type": "platform.start", "record": {}}`, ""},
		{"names what is nested", `{"type": "platform.report", "record": {"status": "success", "metrics": {"durationMs": 1.5}}}`,
			"platform.report record.metrics.durationMs=1.5 record.status=success\n"},
		{"quotes what a terminal would obey", `{"msg": "a\u001b[2Jb", "k": "c\nd"}`, `"a\x1b[2Jb" k="c\nd"` + "\n"},
		{"quotes what is empty or ambiguous", `{"msg": "m", "a": "", "b": "x=y", "c": null}`, `m a="" b="x=y" c=null` + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := writeLine(&b, logLine{Function: "f", Message: tt.message}); err != nil {
				t.Fatal(err)
			}
			if _, got, _ := strings.Cut(b.String(), "f                 "); got != tt.want {
				t.Errorf("got %q, want %q", b.String(), tt.want)
			}
		})
	}
}

package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/supportvault/supportvault/functions/purge"
)

// logged is what is written to the log meanwhile, line by line.
func logged(t testing.TB, f func()) (lines []map[string]any) {
	t.Helper()
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(before)
	f()
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fields)
	}
	return lines
}

// Drift says how late the destruction of the latest is, in one line of which CloudWatch makes a metric of the stage, and names
// nobody.
func TestStoreDriftIsMeasured(t *testing.T) {
	r := newRoad(t)
	demo, _ := r.daily(t, 2)
	event, err := os.ReadFile("../events/purge/ok-drift.json")
	if err != nil {
		t.Fatal(err)
	}
	over := r.one(t, demo, r.readable(t, demo)[0]).ExpiresAt // of one of the two days
	for _, id := range r.readable(t, demo) {
		if at := r.one(t, demo, id).ExpiresAt; at.Before(over.Time) {
			over = at
		}
	}
	measure := func() (overdue int64, lines []map[string]any) {
		t.Helper()
		lines = logged(t, func() {
			answer, err := r.purge.Handle(context.Background(), event)
			if err != nil {
				t.Fatal(err)
			}
			drift := answer.(purge.Drift)
			if drift.Accounts != 1 || len(drift.Failures) > 0 {
				t.Errorf("answered %+v", drift)
			}
			overdue = drift.OverdueSeconds
		})
		return overdue, lines
	}
	for _, of := range []struct {
		name   string
		at     time.Time
		purged bool
		want   int64
		lines  int
	}{
		{"nothing is over", noon, false, 0, 1},
		{"an hour over", over.Add(time.Hour), false, 3600, 1},
		{"three hours over, which is an error of each kind", over.Add(3 * time.Hour), false, 3 * 3600, 2},
		{"purged", over.Add(3 * time.Hour), true, 0, 1},
	} {
		r.Clock.Set(of.at)
		if of.purged {
			r.purgeAll(t)
		}
		overdue, lines := measure()
		if overdue != of.want || len(lines) != of.lines {
			t.Errorf("%s: %d seconds, %d lines %v, want %d and %d", of.name, overdue, len(lines), lines, of.want, of.lines)
		}
		metrics := 0
		for _, line := range lines {
			text, _ := json.Marshal(line)
			for _, personal := range []string{"Iris", "hello", demo.Token, "example.com"} {
				if strings.Contains(string(text), personal) {
					t.Errorf("%s: the log has %q", of.name, personal)
				}
			}
			if line["_aws"] == nil {
				continue
			}
			metrics++
			about, _ := json.Marshal(line["_aws"])
			var aws struct {
				Timestamp         int64
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name, Unit string }
				}
			}
			if err := json.Unmarshal(about, &aws); err != nil || len(aws.CloudWatchMetrics) != 1 || aws.Timestamp != of.at.UnixMilli() {
				t.Fatalf("%s: %s %v", of.name, about, err)
			}
			m := aws.CloudWatchMetrics[0]
			if m.Namespace != "supportvault" || len(m.Dimensions) != 1 || len(m.Dimensions[0]) != 1 || m.Dimensions[0][0] != "Stage" ||
				len(m.Metrics) != 1 || m.Metrics[0].Name != "OverdueSeconds" || m.Metrics[0].Unit != "Seconds" {
				t.Errorf("%s: %s", of.name, about)
			}
			if line["Stage"] != "test" || line["OverdueSeconds"] != float64(of.want) || line["account"] != nil {
				t.Errorf("%s: %v", of.name, line)
			}
		}
		if metrics != 1 {
			t.Errorf("%s: %d lines of metrics", of.name, metrics)
		}
	}
	if _, err := r.purge.Handle(context.Background(), []byte(`{"action":"drift","account":"demo"}`)); err == nil {
		t.Error("the drift of one account was measured, as that of all")
	}
}

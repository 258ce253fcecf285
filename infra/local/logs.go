package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// A logLine is what a function or the platform it runs on said at a time.
type logLine struct {
	Function string    `json:"function"`
	Time     time.Time `json:"time"`
	Message  string    `json:"message"` // as it stands in the log
	id       string
}

// logsCommand prints the functions' logs by time: once, or on and on.
func logsCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("logs", flag.ContinueOnError)
	stage := flags.String("stage", "local", "local, dev or prod")
	region := regionFlag(flags)
	only := flags.String("fn", "", "only this function's")
	since := flags.Duration("since", time.Hour, "how far back, as 90m or 24h")
	follow := flags.Bool("follow", false, "go on until Ctrl-C")
	asJSON := flags.Bool("json", false, "print each line as JSON, with the message as it stands in the log")
	if err := parse(flags, args); err != nil {
		return err
	}
	s, err := openStack(ctx, root, *stage, *region)
	if err != nil {
		return err
	}
	groups, err := s.logGroups(ctx, *only)
	if err != nil {
		return err
	}
	write := writeLine
	if *asJSON {
		write = func(out io.Writer, l logLine) error { return json.NewEncoder(out).Encode(l) }
	}
	from, seen, printed := time.Now().Add(-*since), map[string]bool{}, 0
	for {
		lines, err := s.readLogs(ctx, groups, from)
		if *follow && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, l := range lines {
			if !seen[l.id] {
				if err := write(os.Stdout, l); err != nil {
					return err
				}
				printed++
			}
		}
		if !*follow {
			if printed == 0 {
				fmt.Fprintf(os.Stderr, "no function logged anything in the last %s; SINCE=24h looks further back\n", *since)
			}
			return nil
		}
		// Lines come late and out of order: look a minute back, and leave out what was printed.
		if back := time.Now().Add(-time.Minute); back.After(from) {
			from = back
		}
		clear(seen)
		for _, l := range lines {
			seen[l.id] = true
		}
		if sleep(ctx, 2*time.Second) != nil {
			return nil
		}
	}
}

// logGroups are the log groups of the functions, or of one of them.
func (s stack) logGroups(ctx context.Context, only string) (map[string]string, error) {
	if _, ok := s.Functions[only]; !ok && only != "" {
		return nil, fmt.Errorf("there is no function %q; there are %s", only, strings.Join(slices.Sorted(maps.Keys(s.Functions)), ", "))
	}
	groups := map[string]string{}
	for name, id := range s.Functions {
		if only != "" && name != only {
			continue
		}
		f, err := lambda.NewFromConfig(s.aws).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &id})
		if err != nil {
			return nil, fmt.Errorf("the log group of %s: %w", name, err)
		}
		groups[name] = "/aws/lambda/" + id
		if f.LoggingConfig != nil && f.LoggingConfig.LogGroup != nil {
			groups[name] = *f.LoggingConfig.LogGroup
		}
	}
	return groups, nil
}

// readLogs reads the groups from a time on, merged.
func (s stack) readLogs(ctx context.Context, groups map[string]string, from time.Time) ([]logLine, error) {
	client := cloudwatchlogs.NewFromConfig(s.aws)
	var lines []logLine
	for name, group := range groups {
		pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, &cloudwatchlogs.FilterLogEventsInput{
			LogGroupName: &group, StartTime: aws.Int64(from.UnixMilli()),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("the log of %s: %w", name, err)
			}
			for _, e := range page.Events {
				at, message := aws.ToInt64(e.Timestamp), aws.ToString(e.Message)
				// The emulator gives no ids.
				id := cmp.Or(aws.ToString(e.EventId), fmt.Sprint(aws.ToString(e.LogStreamName), at, message))
				lines = append(lines, logLine{name, time.UnixMilli(at).UTC(), message, id})
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b logLine) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Function, b.Function)) })
	return lines, nil
}

// writeLine prints time, function, level, message and attributes. The platform's notes that an invocation began and ended
// are left out; its report says both.
func writeLine(out io.Writer, l logLine) error {
	said, level, attributes := strings.TrimSpace(l.Message), "", map[string]string{}
	var fields map[string]any
	if json.Unmarshal([]byte(said), &fields) == nil {
		flatten(attributes, "", fields)
		level = attributes["level"]
		said = cmp.Or(attributes["msg"], attributes["message"], attributes["type"])
		for _, key := range []string{"time", "level", "msg", "message", "type", "service"} {
			delete(attributes, key)
		}
	}
	for _, noise := range []string{"START RequestId:", "END RequestId:", "platform.start", "platform.runtimeDone"} {
		if strings.HasPrefix(said, noise) {
			return nil
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-10s %-5s  %s", l.Time.Format("2006-01-02T15:04:05.000Z"), l.Function, level, printable(said))
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		value := printable(attributes[key])
		if value == "" || strings.ContainsAny(value, " =\"") && value == attributes[key] {
			value = strconv.Quote(value)
		}
		fmt.Fprintf(&b, " %s=%s", dim(printable(key)), value)
	}
	text := b.String()
	switch level {
	case "ERROR":
		text = red(text)
	case "WARN":
		text = paint("33", text)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// flatten names what is nested by dots, as record.metrics.durationMs.
func flatten(to map[string]string, prefix string, fields map[string]any) {
	for key, value := range fields {
		switch v := value.(type) {
		case map[string]any:
			flatten(to, prefix+key+".", v)
		case string:
			to[prefix+key] = v
		default:
			b, _ := json.Marshal(v)
			to[prefix+key] = string(b)
		}
	}
}

// printable is the text itself, or quoted if it holds what a terminal would obey.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) && r != '\t' }) >= 0 {
		return strconv.Quote(s)
	}
	return s
}

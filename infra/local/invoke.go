package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// invokeCommand calls a function with a file of events/. A raw webhook for ingest is wrapped as API Gateway would, moved to
// now and signed with the secret of the account that outputs.json tells of.
func invokeCommand(ctx context.Context, root string, args []string) error {
	flags := flag.NewFlagSet("invoke", flag.ContinueOnError)
	stage := flags.String("stage", "local", "local, dev or prod")
	region := regionFlag(flags)
	function := flags.String("fn", "", "the function's name, as purge")
	event := flags.String("event", "", "a JSON file, as events/purge/ok-all.json")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *function == "" || *event == "" {
		return errors.New("usage: make invoke FN=purge EVENT=events/purge/ok-all.json [STAGE=dev|prod [REGION=…]]")
	}
	payload, err := os.ReadFile(*event)
	if err != nil {
		return err
	}
	s, err := openStack(ctx, root, *stage, *region)
	if err != nil {
		return err
	}
	if *function == "ingest" && !isLambdaEvent(payload) {
		if payload, err = s.wrap(delivery{sourceOf(filepath.Base(*event)), payload}, time.Now()); err != nil {
			return fmt.Errorf("%s: %w", *event, err)
		}
	}
	answer, log, err := s.invoke(ctx, *function, payload)
	if err != nil {
		return err
	}
	if log = strings.TrimSpace(log); log != "" {
		fmt.Fprintln(os.Stderr, dim(log))
	}
	var indented bytes.Buffer
	if json.Indent(&indented, answer, "", "  ") == nil {
		answer = indented.Bytes()
	}
	fmt.Printf("%s\n", answer)
	return nil
}

// isLambdaEvent tells a ready event (of API Gateway or SQS) from a raw webhook.
func isLambdaEvent(payload []byte) bool {
	var e struct {
		RequestContext json.RawMessage `json:"requestContext"`
		Records        json.RawMessage `json:"Records"`
	}
	return json.Unmarshal(payload, &e) == nil && (e.RequestContext != nil || e.Records != nil)
}

// wrap makes of a webhook the event that API Gateway's HTTP API hands to a function (payload format 2.0).
func (s stack) wrap(d delivery, now time.Time) ([]byte, error) {
	to, ok := s.Sources[d.source]
	if !ok {
		return nil, fmt.Errorf("no secret is known for the source %q; the name must be <verdict>-<source>-….json with one of %v, and the stack the local one",
			d.source, slices.Sorted(maps.Keys(s.Sources)))
	}
	d.body = retime(d.body, now)
	signed, err := d.headers(to.Secret, now)
	if err != nil {
		return nil, err
	}
	headers := map[string]string{}
	for name, value := range signed {
		headers[strings.ToLower(name)] = value
	}
	path := strings.TrimPrefix(to.URL, s.API)
	const route = "POST /v1/webhooks/{account}/{source}"
	return json.Marshal(map[string]any{
		"version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": "", "headers": headers,
		"pathParameters": map[string]string{"account": s.Account, "source": d.source},
		"requestContext": map[string]any{
			"apiId": "local", "stage": "$default", "routeKey": route, "requestId": uuid(), "timeEpoch": now.UnixMilli(),
			"http": map[string]string{"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": ""},
		},
		"body": string(d.sent(to.Secret)), "isBase64Encoded": false,
	})
}

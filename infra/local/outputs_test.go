package main

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func deployed() map[string]string {
	return map[string]string{
		"Api": "http://0a1b2c3d.execute-api.localhost:4566", "Region": "us-east-2",
		"RecordsTable": "r", "KeysTable": "k", "ControlTable": "c", "ObjectsBucket": "o", "ExportsBucket": "e", "ReceiptsBucket": "x", "StagingBucket": "g",
		"IngestQueue": "q", "FunctionIngest": "fi", "FunctionPurge": "fp",
	}
}

func TestOutputs(t *testing.T) {
	o, err := localOutputs(deployed(), "http://127.0.0.1:4567")
	if err != nil {
		t.Fatal(err)
	}
	var a account
	err = json.Unmarshal([]byte(`{"account":"demo","token":"t","sources":{"tawkto":{"path":"/v1/webhooks/demo/tawkto","secret":"s"}}}`), &a)
	if err != nil {
		t.Fatal(err)
	}
	o.take(a)
	h := home{root: t.TempDir()}
	h.dir = h.root
	if err := writeOutputs(h, o); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(h.dir, "outputs.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	const api = "http://127.0.0.1:4567/_aws/execute-api/0a1b2c3d"
	want := any(map[string]any{
		"api": api, "account": "demo", "token": "t",
		"sources":  map[string]any{"tawkto": map[string]any{"url": api + "/v1/webhooks/demo/tawkto", "secret": "s"}},
		"mail":     "http://127.0.0.1:4567/_ministack/ses/messages",
		"emulator": "http://127.0.0.1:4567", "region": "us-east-2",
		"tables":    map[string]any{"records": "r", "keys": "k", "control": "c"},
		"buckets":   map[string]any{"objects": "o", "exports": "e", "receipts": "x", "staging": "g"},
		"queues":    map[string]any{"ingest": "q"},
		"functions": map[string]any{"ingest": "fi", "purge": "fp"},
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	info, err := os.Stat(h.outputs())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; only the owner may read it", info.Mode(), err)
	}
	again, err := readOutputs(h)
	if diff := cmp.Diff(o, again); err != nil || diff != "" {
		t.Errorf("read again: %v (-want +got)\n%s", err, diff)
	}
}

func TestOutputsThatLackSomething(t *testing.T) {
	for _, key := range []string{"Api", "Region", "RecordsTable", "KeysTable", "ControlTable", "ObjectsBucket", "ExportsBucket"} {
		stack := maps.Clone(deployed())
		delete(stack, key)
		if _, err := localOutputs(stack, "http://127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("without %s: got %v, want an error that names it", key, err)
		}
	}
	if _, err := localAPI("https://example.com", "http://127.0.0.1:1"); err == nil {
		t.Error("takes an address that is no HTTP API's")
	}
}

func TestLocalStackStaysOnThisMachine(t *testing.T) {
	for _, emulator := range []string{"", "https://dynamodb.us-east-2.amazonaws.com", "http://127.0.0.1.example.com:4566"} {
		if _, err := localStack(outputs{Emulator: emulator}); err == nil {
			t.Errorf("took %q for the emulator", emulator)
		}
	}
}

func TestLocalEnviron(t *testing.T) {
	env := localEnviron([]string{"PATH=/bin", "AWS_PROFILE=prod", "AWS_ACCESS_KEY_ID=AKIAREAL", "AWS_SESSION_TOKEN=x", "CDK_DEFAULT_ACCOUNT=1"}, "http://127.0.0.1:1")
	for _, kv := range env {
		if strings.Contains(kv, "REAL") || strings.HasPrefix(kv, "AWS_PROFILE") || strings.HasPrefix(kv, "AWS_SESSION_TOKEN") || strings.HasPrefix(kv, "CDK_") {
			t.Errorf("%s came through", kv)
		}
	}
	for _, want := range []string{"PATH=/bin", "AWS_ACCESS_KEY_ID=test", "AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_CONFIG_FILE=/dev/null"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing from %v", want, env)
		}
	}
}

func TestExportIsReadByAShell(t *testing.T) {
	o := outputs{API: "http://127.0.0.1:4566/x", Account: "demo", Token: "svt_a_b", Emulator: "http://127.0.0.1:4566",
		Sources: map[string]source{"tawkto": {URL: "http://127.0.0.1:4566/x/v1/webhooks/demo/tawkto", Secret: "s$`\"x"}, "mapped-shop": {Secret: "hyphen"}}}
	var lines strings.Builder
	o.export(&lines)
	out, err := exec.CommandContext(t.Context(), "sh", "-c", lines.String()+`printf '%s|%s|%s|%s' "$TOKEN" "$TAWKTO_URL" "$TAWKTO_SECRET" "$MAPPED_SHOP_SECRET"`).Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := o.Token + "|" + o.Sources["tawkto"].URL + "|" + o.Sources["tawkto"].Secret + "|hyphen"; string(out) != want {
		t.Errorf("got %s, want %s", out, want)
	}
}

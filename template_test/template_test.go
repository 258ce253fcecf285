// Package template_test checks the synthesized templates, which are what is deployed, and the arrows between the packages.
//
// The templates are read as JSON from cdk.out/<stage>, where `make synth` puts them; nothing here starts a CDK process. A
// template that is missing or older than the code it was made from fails the tests.
package template_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var stages = []string{"local", "dev", "prod"}

type template struct {
	Stage     string `json:"-"`
	Resources map[string]resource
	Outputs   map[string]struct{ Value any }
}

type resource struct {
	Type                string
	Properties          map[string]any
	DeletionPolicy      string
	UpdateReplacePolicy string
}

// eachStage runs a test on the template of every stage.
func eachStage(t *testing.T, test func(t *testing.T, tpl template)) {
	t.Helper()
	for _, stage := range stages {
		t.Run(stage, func(t *testing.T) { test(t, load(t, stage)) })
	}
}

func load(t *testing.T, stage string) template {
	t.Helper()
	path := filepath.Join("..", "cdk.out", stage, "supportvault-"+stage+".template.json")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatalf("%v: run `make synth`", err)
	}
	if newest, source := newestSource(); newest > info.ModTime().UnixNano() {
		t.Fatalf("%s is older than %s: run `make synth`", path, source)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tpl := template{Stage: stage}
	if err := json.Unmarshal(raw, &tpl); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if len(tpl.Resources) == 0 {
		t.Fatalf("%s has no resources: run `make synth`", path)
	}
	return tpl
}

// newestSource is when a file that the templates are made from was changed last, in nanoseconds, and which it was.
var newestSource = sync.OnceValues(func() (int64, string) {
	var newest int64
	var name string
	for _, pattern := range []string{"../infra/*.go", "../infra/app/*.go", "../infra/go.mod"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			info, err := os.Stat(file)
			if err != nil || strings.HasSuffix(file, "_test.go") {
				continue
			}
			if at := info.ModTime().UnixNano(); at > newest {
				newest, name = at, file
			}
		}
	}
	return newest, name
})

// ofType gives the resources of a type by logical id; it fails the test when there is none, because a check over nothing
// passes.
func (tpl template) ofType(t *testing.T, kind string) map[string]resource {
	t.Helper()
	found := map[string]resource{}
	for id, r := range tpl.Resources {
		if r.Type == kind {
			found[id] = r
		}
	}
	if len(found) == 0 {
		t.Fatalf("the template has no %s", kind)
	}
	return found
}

// output gives the logical id that an output refers to.
func (tpl template) output(t *testing.T, key string) string {
	t.Helper()
	value, ok := tpl.Outputs[key]
	if !ok {
		t.Fatalf("the template has no output %s", key)
	}
	id, ok := reference(value.Value)
	if !ok {
		t.Fatalf("the output %s is %v, not a reference", key, value.Value)
	}
	return id
}

// functions gives the logical ids of the functions by their names.
func (tpl template) functions(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for key := range tpl.Outputs {
		if name, ok := strings.CutPrefix(key, "Function"); ok {
			found[strings.ToLower(name)] = tpl.output(t, key)
		}
	}
	if len(found) == 0 {
		t.Fatal("the template names no function in its outputs")
	}
	return found
}

// names gives a plain word for each logical id that the permissions and the environment speak of.
func (tpl template) names(t *testing.T) map[string]string {
	t.Helper()
	names := map[string]string{}
	for key, name := range map[string]string{
		"RecordsTable": "records", "KeysTable": "keys", "ControlTable": "control",
		"ObjectsBucket": "objects", "ExportsBucket": "exports", "StagingBucket": "staging", "ReceiptsBucket": "receipts",
		"IngestQueue": "ingest-queue", "SettleQueue": "settle-queue", "PurgeQueue": "purge-queue", "ExtractQueue": "extract-queue", "ImportQueue": "import-queue",
		"AttachQueue": "attach-queue", "MailQueue": "mail-queue", "Bus": "bus", "WrapKey": "wrap", "ReceiptsKey": "signing",
	} {
		names[tpl.output(t, key)] = name
	}
	names[tpl.output(t, "Api")] = "the API"
	if dead, ok := reference(dig(tpl.Resources[tpl.output(t, "MailQueue")].Properties, "RedrivePolicy", "deadLetterTargetArn")); ok {
		names[dead] = "mail-dead"
	}
	for id := range tpl.ofType(t, "AWS::KMS::Key") {
		if names[id] == "" {
			names[id] = "storage"
		}
	}
	for name, id := range tpl.functions(t) {
		names[id] = "function " + name
		properties := tpl.Resources[id].Properties
		if log, ok := reference(dig(properties, "LoggingConfig", "LogGroup")); ok {
			names[log] = "log of " + name
		}
		if dead, ok := reference(dig(properties, "DeadLetterConfig", "TargetArn")); ok {
			names[dead] = "schedules-dead"
		}
	}
	return names
}

// reference gives the logical id behind a Ref or a Fn::GetAtt.
func reference(value any) (string, bool) {
	m, _ := value.(map[string]any)
	if id, ok := m["Ref"].(string); ok {
		return id, true
	}
	if attribute, ok := m["Fn::GetAtt"].([]any); ok && len(attribute) == 2 {
		id, ok := attribute[0].(string)
		return id, ok
	}
	return "", false
}

// plain writes a value of the template as text, with the names of what it refers to.
func plain(value any, names map[string]string) string {
	if s, ok := value.(string); ok {
		return s
	}
	if id, ok := reference(value); ok {
		if name, ok := names[id]; ok {
			return name
		}
		return "${" + id + "}"
	}
	if m, ok := value.(map[string]any); ok {
		if join, ok := m["Fn::Join"].([]any); ok && len(join) == 2 {
			separator, _ := join[0].(string)
			var parts []string
			for _, part := range list(join[1]) {
				parts = append(parts, plain(part, names))
			}
			return strings.Join(parts, separator)
		}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(raw)
}

// dig follows keys into nested objects; it gives nil where the path ends early.
func dig(value any, path ...string) any {
	for _, key := range path {
		m, _ := value.(map[string]any)
		value = m[key]
	}
	return value
}

// list gives the elements of a list, or the value itself where a template writes a list of one without brackets.
func list(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// folders gives the names of the folders in a folder.
func folders(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	if len(names) == 0 {
		t.Fatalf("%s: %v", path, fs.ErrNotExist)
	}
	return names
}

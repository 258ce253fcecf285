package openapi_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/supportvault/supportvault/functions/openapi"
	"github.com/supportvault/supportvault/functions/openapi/openapitest"
	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/vault"
)

func request(route string) json.RawMessage {
	raw, err := json.Marshal(events.APIGatewayV2HTTPRequest{Version: "2.0", RouteKey: route})
	if err != nil {
		panic(err)
	}
	return raw
}

func TestHandle(t *testing.T) {
	const unknown = `{"error":{"code":"route_unknown","message":"There is nothing at this path, or not for this method; GET /v1/openapi.yaml lists what there is."},` +
		`"message":"There is nothing at this path, or not for this method; GET /v1/openapi.yaml lists what there is."}` + "\n"
	for _, tc := range []struct {
		name, route string
		status      int
		header      map[string]string
		body        string
	}{
		{"gives the description", "GET /v1/openapi.yaml", 200, map[string]string{
			"content-type": "application/yaml", "cache-control": "public, max-age=300", "x-content-type-options": "nosniff",
		}, string(openapi.Description)},
		{"gives the schema of the canonical source", "GET /v1/canonical.schema.json", 200, map[string]string{
			"content-type": "application/schema+json", "cache-control": "public, max-age=300", "x-content-type-options": "nosniff",
		}, string(source.CanonicalSchema)},
		{"says that there is nothing else", "$default", 404, map[string]string{
			"content-type": "application/json; charset=utf-8", "cache-control": "no-store", "x-content-type-options": "nosniff",
		}, unknown},
		{"says so for a route that it was given by mistake", "GET /v1/accounts/{account}/chats", 404, map[string]string{
			"content-type": "application/json; charset=utf-8", "cache-control": "no-store", "x-content-type-options": "nosniff",
		}, unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, err := openapi.Build()
			if err != nil {
				t.Fatal(err)
			}
			got, err := h.Handle(t.Context(), request(tc.route))
			if err != nil {
				t.Fatal(err)
			}
			want := events.APIGatewayV2HTTPResponse{StatusCode: tc.status, Headers: tc.header, Body: tc.body}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("fails on what is no request, and quotes nothing", func(t *testing.T) {
		if answer, err := openapi.New().Handle(t.Context(), json.RawMessage(`{"routeKey":{"canary":1}}`)); err == nil || answer != nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("answer %v, %v, want an error", answer, err)
		}
	})
}

// The document of the OpenAPI Initiative says what a description looks like; schemas in it are checked where they are used.
func TestDescriptionIsOpenAPI(t *testing.T) {
	f, err := os.Open("testdata/oas-3.1-schema-2022-10-07.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	document, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("oas.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("oas.json")
	if err != nil {
		t.Fatal(err)
	}
	d := openapitest.Read(t)
	if err := schema.Validate(d.Root); err != nil {
		t.Error(err)
	}
	d.Root.(map[string]any)["paths"].(map[string]any)["no-slash"] = map[string]any{}
	if schema.Validate(d.Root) == nil {
		t.Error("the check takes a path that does not begin with a slash")
	}
}

// each visits everything in the description with its JSON pointer.
func each(pointer string, value any, visit func(pointer string, value any)) {
	visit(pointer, value)
	escaped := strings.NewReplacer("~", "~0", "/", "~1")
	switch in := value.(type) {
	case map[string]any:
		for key, value := range in {
			each(pointer+"/"+escaped.Replace(key), value, visit)
		}
	case []any:
		for i, value := range in {
			each(pointer+"/"+strconv.Itoa(i), value, visit)
		}
	}
}

func TestReferencesLeadSomewhereAndComponentsAreUsed(t *testing.T) {
	d := openapitest.Read(t)
	used := map[string]bool{}
	each("", d.Root, func(pointer string, value any) {
		in, _ := value.(map[string]any)
		if reference, ok := in["$ref"].(string); ok {
			to, local := strings.CutPrefix(reference, "#")
			if !local || d.At(to) == nil {
				t.Errorf("%s leads to %s, where nothing is", pointer, reference)
			}
			used[to] = true
		}
	})
	components, _ := d.At("/components").(map[string]any)
	for kind, all := range components {
		for name := range all.(map[string]any) {
			if at := "/components/" + kind + "/" + name; !used[at] && kind != "securitySchemes" {
				t.Errorf("%s is not used", at)
			}
		}
	}
}

// schemas are the pointers of all schemas that stand at a use: in a media type, a parameter, a header or by name.
func schemas(d *openapitest.Description) (found []string) {
	named := regexp.MustCompile(`^/components/schemas/[^/]+$`)
	used := regexp.MustCompile(`/(content/[^/]+|headers/[^/]+|parameters/[^/]+)/schema$`)
	each("", d.Root, func(pointer string, value any) {
		if named.MatchString(pointer) || used.MatchString(pointer) {
			found = append(found, pointer)
		}
	})
	return found
}

func TestExamplesAreWhatTheirSchemasSay(t *testing.T) {
	d := openapitest.Read(t)
	checked := 0
	check := func(schema, example string) {
		checked++
		if err := d.Valid(schema, d.At(example)); err != nil {
			t.Errorf("the example %s: %v", example, err)
		}
	}
	for _, schema := range schemas(d) {
		if err := d.Valid(schema, nil); err != nil && !strings.Contains(err.Error(), "jsonschema validation failed") {
			t.Errorf("the schema %s: %v", schema, err)
		}
		own, _ := d.At(schema + "/examples").([]any)
		for i := range own {
			check(schema, schema+"/examples/"+strconv.Itoa(i))
		}
		use := strings.TrimSuffix(schema, "/schema")
		if use == schema {
			continue
		}
		if d.At(use+"/example") != nil {
			check(schema, use+"/example")
		}
		several, _ := d.At(use + "/examples").(map[string]any)
		for name := range several {
			check(schema, use+"/examples/"+name+"/value")
		}
	}
	if checked < 10 {
		t.Errorf("only %d examples were found", checked)
	}
}

// Objects of answers are closed, or what is answered beside what is described would never be found.
func TestObjectsOfAnswersAreClosed(t *testing.T) {
	d := openapitest.Read(t)
	foreign := regexp.MustCompile(`application~1(yaml|schema\+json)`)
	open := []string{"/components/schemas/Conversation"} // each of its uses is closed
	each("", d.Root, func(pointer string, value any) {
		in, _ := value.(map[string]any)
		if in["type"] != "object" || foreign.MatchString(pointer) || slices.Contains(open, pointer) || strings.Contains(pointer, "/example") {
			return
		}
		if _, described := in["additionalProperties"]; !described && in["unevaluatedProperties"] != false {
			t.Errorf("%s may have any property", pointer)
		}
	})
	for _, name := range []string{"ChatOfList", "Chat", "TicketOfList", "Ticket"} {
		if d.At("/components/schemas/"+name+"/unevaluatedProperties") != false {
			t.Errorf("%s may have any property", name)
		}
	}
}

func TestOperationsAreComplete(t *testing.T) {
	d := openapitest.Read(t)
	ids, tags := map[string]string{}, map[string]bool{}
	listed, _ := d.At("/tags").([]any)
	for i := range listed {
		tags[d.At(fmt.Sprintf("/tags/%d/name", i)).(string)] = false
	}
	for route, o := range d.Operations() {
		id, _ := d.At(o.Pointer + "/operationId").(string)
		if other, ok := ids[id]; ok || !regexp.MustCompile(`^[a-z]+([A-Z][a-z]+)*$`).MatchString(id) {
			t.Errorf("%s has the id %q; another with it: %q", route, id, other)
		}
		ids[id] = route
		if summary, _ := d.At(o.Pointer + "/summary").(string); summary == "" {
			t.Errorf("%s has no summary", route)
		}
		own, _ := d.At(o.Pointer + "/tags").([]any)
		if len(own) != 1 {
			t.Errorf("%s has the tags %v, want one", route, own)
		}
		for _, tag := range own {
			if _, ok := tags[tag.(string)]; !ok {
				t.Errorf("%s has the tag %v, which is not listed", route, tag)
			}
			tags[tag.(string)] = true
		}
		var inPath, declared []string
		for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(o.Path, -1) {
			inPath = append(inPath, m[1])
		}
		for _, p := range d.Parameters(o) {
			if p["in"] == "path" {
				declared = append(declared, p["name"].(string))
			}
			if p["description"] == nil {
				t.Errorf("%s: the parameter %v has no description", route, p["name"])
			}
		}
		slices.Sort(inPath)
		slices.Sort(declared)
		if diff := cmp.Diff(inPath, declared); diff != "" {
			t.Errorf("%s: parameters of the path (-in it +declared)\n%s", route, diff)
		}
		responses, _ := d.At(o.Pointer + "/responses").(map[string]any)
		want := []string{"429", "500"}
		if len(o.Security) > 0 {
			want = append(want, "401", "403")
		}
		for _, status := range want {
			if responses[status] == nil {
				t.Errorf("%s does not say what it answers with %s", route, status)
			}
		}
	}
	for tag, used := range tags {
		if !used {
			t.Errorf("the tag %s is not used", tag)
		}
	}
}

func TestSourcesAreTheVaults(t *testing.T) {
	d := openapitest.Read(t)
	form := regexp.MustCompile(d.At("/components/schemas/Source/pattern").(string))
	for _, name := range source.Names() {
		if !form.MatchString(name) {
			t.Errorf("%s is no source of the description", name)
		}
	}
	ready := texts(d.At("/components/schemas/SourceSettings/properties/ready/enum"))
	if diff := cmp.Diff(append([]string{""}, source.ReadyNames()...), ready); diff != "" {
		t.Errorf("ready mappings (-vault +description)\n%s", diff)
	}
	var kinds []string
	for _, kind := range retention.Conversations() {
		kinds = append(kinds, string(kind))
	}
	if diff := cmp.Diff(kinds, texts(d.At("/components/schemas/Conversation/properties/kind/enum"))); diff != "" {
		t.Errorf("kinds (-vault +description)\n%s", diff)
	}
}

func texts(list any) (out []string) {
	all, _ := list.([]any)
	for _, text := range all {
		out = append(out, text.(string))
	}
	return out
}

// What the code takes and what the description says of it is the same.
func TestFormsAreTheCodes(t *testing.T) {
	d := openapitest.Read(t)
	const record = "abcdefghijklmnopqrstuvwxyz234567"
	for schema, form := range map[string]struct {
		takes func(string) bool
		texts []string
	}{
		"AccountID": {account.ValidID, []string{"demo", "0000", "abc", "Demo", "", "demo#", "de mo", strings.Repeat("a", 32), strings.Repeat("a", 33)}},
		"ConversationID": {func(s string) bool { _, _, err := vault.ParseID(s); return err == nil }, []string{
			record + "-1", record + "-9999", record + "-10000", record + "-0", record + "-01", record, record + "-", record[1:] + "-1",
			record + "a-1", strings.ToUpper(record) + "-1", "1" + record[1:] + "-1", record + "-1\x00", record + "--1", "",
		}},
	} {
		for _, text := range form.texts {
			if err := d.Valid("/components/schemas/"+schema, text); (err == nil) != form.takes(text) {
				t.Errorf("%s: the code takes %q: %t; the description: %v", schema, text, form.takes(text), err)
			}
		}
	}
}

// invoked are the codes that only somebody gets who invokes a function directly, and those of which only lines of an import are
// refused.
var invoked = []string{
	"account_exists", "account_invalid", "account_or_source_unknown", "action_unknown", "extract_busy",
	"line_source_unknown", "line_too_long", "line_unknown", "regime_unknown", "request_invalid", "retention_invalid", "start_unknown",
	"time_zone_unknown",
}

// statuses by the kinds of faults, as fault.New names them.
var statuses = map[string]string{
	"Internal": "500", "Invalid": "400", "TooLarge": "413", "OutOfRange": "416", "Unauthorized": "401", "NotFound": "404", "Conflict": "409", "TooMany": "429", "Unavailable": "503",
}

func TestCodesAreTheCodes(t *testing.T) {
	d := openapitest.Read(t)
	made := faults(t)
	described := texts(d.At("/components/schemas/Code/enum"))
	if !slices.IsSorted(described) {
		t.Errorf("the codes are not sorted: %v", described)
	}
	for code := range made {
		if slices.Contains(described, code) == slices.Contains(invoked, code) {
			t.Errorf("%s is described: %t; answered to invocations only: %t", code, slices.Contains(described, code), slices.Contains(invoked, code))
		}
	}
	for _, code := range slices.Concat(described, invoked) {
		if made[code] == "" {
			t.Errorf("nothing answers with %s", code)
		}
	}

	// The table has every code with its status.
	tabled := map[string]string{}
	text, _ := d.At("/components/schemas/Code/description").(string)
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*`) \\| (\\d+) \\|").FindAllStringSubmatch(text, -1) {
		for _, code := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[1], -1) {
			tabled[code[1]] = row[2]
		}
	}
	want := map[string]string{}
	for _, code := range described {
		want[code] = made[code]
	}
	if diff := cmp.Diff(want, tabled); diff != "" {
		t.Errorf("the table of codes (-code +description)\n%s", diff)
	}

	// Every answer has codes of its status only, and every code is in an answer.
	answered := map[string]bool{}
	each("", d.Root, func(pointer string, value any) {
		in, _ := value.(map[string]any)
		if in["$ref"] != "#/components/schemas/Error" || strings.Contains(pointer, "/example") {
			return
		}
		codes := texts(d.At(pointer + "/properties/error/properties/code/enum"))
		if one, ok := d.At(pointer + "/properties/error/properties/code/const").(string); ok {
			codes = append(codes, one)
		}
		if len(codes) == 0 {
			t.Errorf("%s does not say with which codes", pointer)
		}
		status := regexp.MustCompile(`/responses/(\d+)/`).FindStringSubmatch(pointer)
		for _, code := range codes {
			answered[code] = true
			if status != nil && made[code] != status[1] {
				t.Errorf("%s has the code %s of the status %s", pointer, code, made[code])
			}
		}
	})
	for _, code := range described {
		if !answered[code] {
			t.Errorf("no answer is described with the code %s", code)
		}
	}
}

// faults are the codes of all faults that the code makes, with their statuses.
func faults(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{"internal": statuses["Internal"]} // package fault itself makes this one
	set := token.NewFileSet()
	for _, root := range []string{"../../shared", "../../functions"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || !selects(call.Fun, "fault", "New") || len(call.Args) != 3 {
					return true
				}
				kind, _ := call.Args[0].(*ast.SelectorExpr)
				if code, ok := call.Args[1].(*ast.SelectorExpr); ok && code.Sel.Name == "Code" {
					return true // another fault's, in other words
				}
				if kind == nil || statuses[kind.Sel.Name] == "" {
					t.Errorf("%s: the kind of a fault is not one of package fault", set.Position(call.Pos()))
					return true
				}
				codes := codesOf(call.Args[1])
				if len(codes) == 0 {
					t.Errorf("%s: this test cannot read the code of the fault", set.Position(call.Pos()))
				}
				for _, code := range codes {
					if other, ok := found[code]; ok && other != statuses[kind.Sel.Name] {
						t.Errorf("%s: the code %s has another status elsewhere", set.Position(call.Pos()), code)
					}
					found[code] = statuses[kind.Sel.Name]
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func selects(e ast.Expr, from, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	in, ok := s.X.(*ast.Ident)
	return ok && in.Name == from && s.Sel.Name == name
}

// codesOf reads the code of a fault: a text, or a text behind the kind of a conversation.
func codesOf(e ast.Expr) (codes []string) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if code, err := strconv.Unquote(e.Value); err == nil {
			codes = append(codes, code)
		}
	case *ast.BinaryExpr:
		for _, tail := range codesOf(e.Y) {
			for _, kind := range retention.Conversations() {
				codes = append(codes, string(kind)+tail)
			}
			if tail == "_not_found" { // the list of an account that is gone
				codes = append(codes, string(retention.Visit)+tail)
			}
		}
	}
	return codes
}

func TestAnswer(t *testing.T) {
	d := openapitest.Read(t)
	for _, tc := range []struct {
		name, route string
		status      int
		kind, body  string
		want        string // what the error says; empty: none
	}{
		{"takes what is described", "POST /v1/webhooks/{account}/{source}", 202, "application/json; charset=utf-8", `{"accepted":1,"duplicates":0}`, ""},
		{"refuses a route that is not described", "GET /v1/secrets", 200, "application/json", `{}`, "not described"},
		{"refuses a status that is not described", "POST /v1/webhooks/{account}/{source}", 418, "application/json", `{}`, "not described"},
		{"refuses another content type", "POST /v1/webhooks/{account}/{source}", 202, "text/html", `{"accepted":1,"duplicates":0}`, "text/html"},
		{"refuses no content type", "POST /v1/webhooks/{account}/{source}", 202, "", `{"accepted":1,"duplicates":0}`, `""`},
		{"refuses a field that is not described", "POST /v1/webhooks/{account}/{source}", 202, "application/json", `{"accepted":1,"duplicates":0,"more":1}`, "more"},
		{"refuses a missing field", "POST /v1/webhooks/{account}/{source}", 202, "application/json", `{"accepted":1}`, "duplicates"},
		{"refuses what is no JSON", "POST /v1/webhooks/{account}/{source}", 202, "application/json", `accepted`, "not application/json"},
		{"refuses a code of another answer", "POST /v1/webhooks/{account}/{source}", 401, "application/json", `{"error":{"code":"unavailable","message":"m"},"message":"m"}`, "signature_invalid"},
		{"refuses an error without the message at the top", "POST /v1/webhooks/{account}/{source}", 401, "application/json", `{"error":{"code":"signature_invalid","message":"m"}}`, "message"},
		{"takes API Gateway's own error", "GET /v1/accounts/{account}/chats", 403, "application/json", `{"message":"Forbidden"}`, ""},
		{"refuses a missing header", "GET /v1/openapi.yaml", 200, "application/yaml", `{"openapi":"3.1.1","info":{},"paths":{}}`, "Cache-Control"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			header := http.Header{}
			if tc.kind != "" {
				header.Set("Content-Type", tc.kind)
			}
			err := d.Answer(tc.route, tc.status, header, []byte(tc.body))
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

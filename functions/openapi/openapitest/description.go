// Package openapitest reads the description of the API for the tests that keep it true: what is deployed has the routes that
// are described, and what is answered has the form that is described.
package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/supportvault/supportvault/functions/openapi"
)

// Place is where schemas say that the description is.
const Place = "https://supportvault.invalid/v1/openapi.yaml"

// Description is the description of the API. Its methods may be called by many goroutines at once.
type Description struct {
	Root any

	operations map[string]Operation
	mu         sync.Mutex // of what follows
	compiler   *jsonschema.Compiler
	compiled   map[string]*jsonschema.Schema // by their pointers
}

// Read reads the description that is served.
func Read(t testing.TB) *Description {
	t.Helper()
	d, err := Parse(openapi.Description)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Parse reads a description.
func Parse(text []byte) (*Description, error) {
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return nil, err
	}
	d := &Description{Root: root, compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	d.compiler.AssertFormat()
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.operations = d.findOperations()
	return d, d.compiler.AddResource(Place, root)
}

// Operation is one method of a path.
type Operation struct {
	Method, Path string
	// Pointer is where the operation stands, as a JSON pointer.
	Pointer string
	// Security has the names of the security schemes of which one is needed; none is for anybody.
	Security []string
}

// Route is the operation as API Gateway names it.
func (o Operation) Route() string { return o.Method + " " + o.Path }

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// Operations are all operations by route.
func (d *Description) Operations() map[string]Operation { return maps.Clone(d.operations) }

func (d *Description) findOperations() map[string]Operation {
	found := map[string]Operation{}
	for path, item := range d.object("/paths") {
		methodsOf, _ := item.(map[string]any)
		for key := range methodsOf {
			if !slices.Contains(methods, key) {
				continue
			}
			o := Operation{strings.ToUpper(key), path, "/paths/" + escape(path) + "/" + key, nil}
			security, ok := d.At(o.Pointer + "/security").([]any)
			if !ok {
				security, _ = d.At("/security").([]any)
			}
			for _, s := range security {
				scheme, _ := s.(map[string]any)
				o.Security = slices.AppendSeq(o.Security, maps.Keys(scheme))
			}
			found[o.Route()] = o
		}
	}
	return found
}

// Parameters are those of an operation, with those of its path.
func (d *Description) Parameters(o Operation) (all []map[string]any) {
	for _, at := range []string{o.Pointer[:strings.LastIndex(o.Pointer, "/")], o.Pointer} {
		list, _ := d.At(at + "/parameters").([]any)
		for i := range list {
			all = append(all, d.object(d.follow(at+"/parameters/"+strconv.Itoa(i))))
		}
	}
	return all
}

// Answer says what of an answer is not as it is described: its status, its content type, a header or its body.
func (d *Description) Answer(route string, status int, header http.Header, body []byte) error {
	o, ok := d.operations[route]
	if !ok {
		return fmt.Errorf("%s is not described", route)
	}
	pointer := o.Pointer + "/responses/" + strconv.Itoa(status)
	if d.At(pointer) == nil {
		return fmt.Errorf("%s answers %d, which is not described", route, status)
	}
	pointer = d.follow(pointer)
	for name := range d.object(pointer + "/headers") {
		at := d.follow(pointer + "/headers/" + escape(name))
		value := header.Get(name)
		if value == "" {
			if required, _ := d.At(at + "/required").(bool); required {
				return fmt.Errorf("%s answers %d without the header %s", route, status, name)
			}
			continue
		}
		if err := d.Valid(at+"/schema", value); err != nil {
			return fmt.Errorf("%s answers %d with the header %s: %w", route, status, name, err)
		}
	}
	content := d.object(pointer + "/content")
	if len(content) == 0 {
		if len(body) > 0 {
			return fmt.Errorf("%s answers %d with a body", route, status)
		}
		return nil
	}
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err == nil && content[kind] == nil && content[anything] != nil {
		kind = anything
	}
	if err != nil || content[kind] == nil {
		return fmt.Errorf("%s answers %d as %q", route, status, header.Get("Content-Type"))
	}
	var value any = string(body)
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		value, err = jsonschema.UnmarshalJSON(bytes.NewReader(body))
	case kind == "application/yaml":
		var parsed *Description
		if parsed, err = Parse(body); err == nil {
			value = parsed.Root
		}
	}
	if err != nil {
		return fmt.Errorf("%s answers %d with what is not %s: %w", route, status, kind, err)
	}
	if err := d.Valid(pointer+"/content/"+escape(kind)+"/schema", value); err != nil {
		return fmt.Errorf("%s answers %d: %w", route, status, err)
	}
	return nil
}

// anything is the media type of an answer that can be of any.
const anything = "*/*"

// Valid says what of a value is not as the schema at a pointer has it.
func (d *Description) Valid(pointer string, value any) error {
	schema, err := d.compile(pointer)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func (d *Description) compile(pointer string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if schema, ok := d.compiled[pointer]; ok {
		return schema, nil
	}
	schema, err := d.compiler.Compile(Place + "#" + percent(pointer))
	d.compiled[pointer] = schema
	return schema, err
}

// At is what stands at a JSON pointer, or nil.
func (d *Description) At(pointer string) any {
	value := d.Root
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch in := value.(type) {
		case map[string]any:
			value = in[unescape(part)]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			value = in[i]
		default:
			return nil
		}
	}
	return value
}

func (d *Description) object(pointer string) map[string]any {
	object, _ := d.At(pointer).(map[string]any)
	return object
}

// follow is where the thing really stands that a pointer names.
func (d *Description) follow(pointer string) string {
	if reference, ok := d.object(pointer)["$ref"].(string); ok {
		return d.follow(strings.TrimPrefix(reference, "#"))
	}
	return pointer
}

func escape(part string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(part)
}

func unescape(part string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
}

// percent makes a pointer the fragment of a URI.
func percent(pointer string) string {
	return strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D", "+", "%2B").Replace(pointer)
}

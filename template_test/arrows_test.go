package template_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/supportvault/supportvault/"

// The arrows between the packages: functions/x uses shared and itself; shared uses shared; infra uses no function.
func TestArrows(t *testing.T) {
	packages := goList(t, "..", "./functions/...", "./shared/...")
	packages = append(packages, goList(t, "../infra", "./...")...)
	seen := map[string]bool{}
	for _, p := range packages {
		own, _ := strings.CutPrefix(p.ImportPath, module)
		kind, _, _ := strings.Cut(own, "/")
		seen[kind] = true
		for _, dependency := range p.Deps {
			if wrong := forbidden(p.ImportPath, dependency); wrong != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, dependency, wrong)
			}
		}
	}
	for _, kind := range []string{"functions", "shared", "infra"} {
		if !seen[kind] {
			t.Errorf("no package of %s was looked at", kind)
		}
	}
}

func TestArrowsThatAreForbidden(t *testing.T) {
	for _, test := range []struct {
		name, from, to string
		want           bool
	}{
		{"a function uses shared code", "functions/ingest", "shared/seal", false},
		{"a function's program uses the function", "functions/ingest/bootstrap", "functions/ingest", false},
		{"a function uses another function", "functions/ingest", "functions/settle", true},
		{"a function uses one whose name begins alike", "functions/report", "functions/reportx", true},
		{"a function uses the stack", "functions/ingest", "infra", true},
		{"a function uses the local runner", "functions/ingest", "infra/local", true},
		{"shared code uses shared code", "shared/seal", "shared/keyring", false},
		{"shared code uses a function", "shared/seal", "functions/ingest", true},
		{"shared code uses the stack", "shared/seal", "infra", true},
		{"the stack uses shared code", "infra", "shared/seal", false},
		{"the stack uses a function", "infra", "functions/ingest", true},
		{"the local runner uses a function", "infra/local", "functions/ingest", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := forbidden(module+test.from, module+test.to); (got != "") != test.want {
				t.Errorf("forbidden: %q", got)
			}
		})
	}
}

// forbidden says why a package may not depend on another, or nothing.
func forbidden(from, to string) string {
	from, ours := strings.CutPrefix(from, module)
	to, both := strings.CutPrefix(to, module)
	if !ours || !both {
		return ""
	}
	under := func(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }
	switch {
	case under(from, "functions"):
		parts := strings.SplitN(from, "/", 3)
		if own := strings.Join(parts[:min(2, len(parts))], "/"); !under(to, own) && !under(to, "shared") {
			return "a function uses shared code and itself"
		}
	case under(from, "shared"):
		if !under(to, "shared") {
			return "shared code uses shared code"
		}
	case under(from, "infra"):
		if under(to, "functions") {
			return "the stack uses no function"
		}
	}
	return ""
}

type listed struct {
	ImportPath string
	Deps       []string
}

// goList asks the go command for packages and everything that they depend on.
func goList(t *testing.T, folder string, patterns ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Deps"}, patterns...)...)
	cmd.Dir = folder
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list in %s: %v\n%s", folder, err, stderr.String())
	}
	var packages []listed
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

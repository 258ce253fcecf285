//go:build bench

package functions_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// benchStarts is how long each function's binary takes from being started to asking the runtime for its first request, beside
// an empty Go function. Every round starts them all, one after the other, so that a busy moment meets all alike.
func benchStarts(t *testing.T) []row {
	empty := filepath.Join(t.TempDir(), "bootstrap")
	if out, err := exec.Command("go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", empty, "./testdata/empty").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	binaries, err := filepath.Glob("../.build/local/*/bootstrap")
	if err != nil || len(binaries) == 0 {
		t.Fatalf("no function is built: make build FLAVOUR=local (%v)", err)
	}
	asked := make(chan time.Time, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "/invocation/next") {
			asked <- time.Now()
		}
		<-req.Context().Done() // there is no request for it
	}))
	defer server.Close()
	env := []string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(server.URL, "http://"), "AWS_REGION=us-east-2", "AWS_ACCESS_KEY_ID=test",
		"AWS_SECRET_ACCESS_KEY=test", "LOG_LEVEL=error"}
	env = append(env, environmentOfFunctions(t)...)
	start := func(binary string) float64 {
		cmd := exec.Command(binary)
		cmd.Env = env
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}()
		select {
		case at := <-asked:
			return float64(at.Sub(began).Microseconds()) / 1e3
		case <-time.After(10 * time.Second):
			t.Fatalf("%s does not ask for a request", binary)
		}
		return 0
	}
	took := map[string][]float64{}
	for range 6 * rounds {
		for _, binary := range append([]string{empty}, binaries...) {
			took[binary] = append(took[binary], start(binary))
		}
	}
	var rows []row
	slices.Sort(binaries)
	for _, binary := range binaries {
		rows = append(rows, beside("start of "+filepath.Base(filepath.Dir(binary)), median(took[binary]), "an empty Go function", median(took[empty]), "ms", 2))
	}
	return rows
}

// environmentOfFunctions is every variable that any function needs, with a value of the right form.
func environmentOfFunctions(t *testing.T) []string {
	values := map[string]string{
		"STAGE": "local", "SETTLE_DELAY": "2s", "MAIL_FROM": "supportvault <transcripts@vault.example>", "API_URL": "https://api.example.com",
	}
	files, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range strings.Split(string(b), "awsenv.Required(")[1:] {
			arguments, _, _ := strings.Cut(call, ")")
			for _, name := range strings.Split(arguments, ",") {
				if name = strings.Trim(strings.TrimSpace(name), `"`); name != "" && values[name] == "" {
					values[name] = "x"
				}
			}
		}
	}
	var env []string
	for name, value := range values {
		env = append(env, name+"="+value)
	}
	return env
}

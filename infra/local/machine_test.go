package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPorts(t *testing.T) {
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	if portTaken(port) {
		t.Errorf("port %d is free but called taken", port)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if taken := l.Addr().(*net.TCPAddr).Port; !portTaken(taken) {
		t.Errorf("port %d is taken but called free", taken)
	}
}

func TestForeignProcessIsNotOurs(t *testing.T) {
	h := home{root: t.TempDir()}
	h.dir = h.root
	for _, pid := range []int{0, 1, os.Getpid()} {
		if ours(h, pid) {
			t.Errorf("took process %d for the emulator", pid)
		}
	}
	cmd := exec.Command("sh", "-c", "sleep 60; : "+mark(h))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A process that has just been started may not show its command line yet.
	known := false
	for range 100 {
		if known = ours(h, cmd.Process.Pid); known {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !known {
		t.Error("did not know a process with the mark")
	}
	cmd.Process.Kill()
	cmd.Wait()
	if ours(h, cmd.Process.Pid) {
		t.Error("took a dead process for the emulator")
	}
}

func TestLockIsExclusive(t *testing.T) {
	h := home{root: t.TempDir()}
	h.dir = filepath.Join(h.root, ".local")
	unlock, err := lock(t.Context(), h, "stack", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, h, "stack", nil); err == nil {
		t.Error("got the lock twice")
	}
	unlock()
	if unlock, err = lock(t.Context(), h, "stack", nil); err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestFuzzTargets(t *testing.T) {
	printed := "FuzzA\nFuzzB\nok  \texample.com/x\t0.01s\n?   \texample.com/y\t[no test files]\nok  \texample.com/z\t0.01s\nFuzzC\nok  \texample.com/w\t0.02s\n"
	want := []fuzzTarget{{"example.com/x", "FuzzA"}, {"example.com/x", "FuzzB"}, {"example.com/w", "FuzzC"}}
	if diff := cmp.Diff(want, fuzzTargets(printed, ""), cmp.AllowUnexported(fuzzTarget{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(want[2:], fuzzTargets(printed, "/w"), cmp.AllowUnexported(fuzzTarget{})); diff != "" {
		t.Errorf("only /w (-want +got)\n%s", diff)
	}
}

// TestCheck runs check.sh with a PATH of its own, in which only the tools of the case stand.
func TestCheck(t *testing.T) {
	good := map[string]string{
		"go": "go1.26.8", "node": "v20.20.2", "npm": "11.19.1", "python3": "Python 3.11.7",
		"java": `Picked up JAVA_TOOL_OPTIONS: -Xmx2g\nopenjdk version "17.0.15" 2025-04-15`,
		"mvn":  `\033[1mApache Maven 3.8.7\033[m`, "cc": "cc (Debian 12.2.0-14) 12.2.0",
	}
	tests := []struct {
		name    string
		changed map[string]string // "" takes the tool away
		what    string
		says    []string
		silent  []string
	}{
		{name: "finds everything", says: []string{"go 1.26.8", "node 20.20.2", "java 17.0.15", "mvn 3.8.7"}},
		{
			name: "reports everything that is missing at once", changed: map[string]string{"node": "", "mvn": "", "java": ""},
			says: []string{"node 20 or newer: not found", "java 17 or newer: not found", "mvn 3.6 or newer: not found", "remedy:", "3 missing"},
		},
		{
			name: "does not ask for Java to run the stack", changed: map[string]string{"mvn": "", "java": ""}, what: "run",
			says: []string{"tools: go"}, silent: []string{"java"},
		},
		{
			name: "compares numbers, not texts", changed: map[string]string{"go": "go1.9", "python3": "Python 3.9.2", "npm": "10.1.0"},
			says: []string{"go 1.26 or newer: found 1.9", "python3 3.11 or newer: found 3.9.2", "2 missing"}, silent: []string{"npm 9 or newer"},
		},
		{
			name: "shows what a tool says instead of its version", changed: map[string]string{"go": "go: cannot find GOROOT"},
			says: []string{"it tells no version: go: cannot find GOROOT", "1 missing"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bin := t.TempDir()
			for _, tool := range []string{"sh", "sed"} {
				path, err := exec.LookPath(tool)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
					t.Fatal(err)
				}
			}
			for tool, says := range good {
				if changed, ok := tt.changed[tool]; ok {
					says = changed
				}
				if says == "" {
					continue
				}
				script := "#!/bin/sh\nprintf '" + says + "\\n'\n"
				if err := os.WriteFile(filepath.Join(bin, tool), []byte(script), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			what := tt.what
			if what == "" {
				what = "test"
			}
			cmd := exec.Command("./check.sh", what)
			cmd.Env = []string{"PATH=" + bin}
			printed, err := cmd.CombinedOutput()
			missing := strings.Contains(string(printed), " missing. Install")
			if (err != nil) != missing {
				t.Errorf("%v, but it says\n%s", err, printed)
			}
			for _, says := range tt.says {
				if !strings.Contains(string(printed), says) {
					t.Errorf("does not say %q but\n%s", says, printed)
				}
			}
			for _, silent := range tt.silent {
				if strings.Contains(string(printed), silent) {
					t.Errorf("speaks of %q:\n%s", silent, printed)
				}
			}
		})
	}
}

package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
)

// findRoot is the folder of the repository's root module, at or above the working directory.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.Contains(mod, []byte("module github.com/supportvault/supportvault\n")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("not inside the supportvault repository; change into it first")
		}
		dir = parent
	}
}

// A home is where one local stack keeps its state: the one of `make up`, or the isolated one of the end-to-end tests.
// Tools and binaries are shared by all homes.
type home struct {
	root string // the repository
	dir  string // root/.local or root/.local/e2e
}

func mainHome(root string) home { return home{root, filepath.Join(root, ".local")} }
func testHome(root string) home { return home{root, filepath.Join(root, ".local", "e2e")} }

func (h home) tools() string        { return filepath.Join(h.root, ".local") }
func (h home) python() string       { return filepath.Join(h.tools(), "venv", "bin", "python") }
func (h home) cdk() string          { return filepath.Join(h.tools(), "cdk", "node_modules", ".bin", "cdk") }
func (h home) app() string          { return filepath.Join(h.tools(), "bin", "app") }
func (h home) outputs() string      { return filepath.Join(h.dir, "outputs.json") }
func (h home) state() string        { return filepath.Join(h.dir, "emulator.json") }
func (h home) tmp() string          { return filepath.Join(h.dir, "tmp") }
func (h home) log(n string) string  { return filepath.Join(h.dir, "log", n+".log") }
func (h home) stackOutputs() string { return filepath.Join(h.dir, "stack.json") }

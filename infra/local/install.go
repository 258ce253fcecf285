package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
)

// A tool is installed into .local/<name> from a file that pins it. The stamp in there is the hash of that file, so that
// the second run does nothing and a changed pin installs anew.
type tool struct {
	name    string // folder in .local/
	title   string
	pin     string // in infra/
	install func(ctx context.Context, h home, dir string) error
}

var (
	miniStack = tool{"venv", "MiniStack", "local/requirements.txt", installMiniStack}
	cdkCLI    = tool{"cdk", "the CDK CLI", "cdk-cli/package-lock.json", installCDK}
	dynamoDB  = tool{"dynamodb", "DynamoDB Local", "local/dynamodb/pom.xml", installDynamoDB}
	// schemathesis is for the end-to-end tests only.
	schemathesis = tool{"schemathesis", "schemathesis", "local/requirements-schemathesis.txt", installSchemathesis}
)

func installCommand(ctx context.Context, root string, args []string) error {
	if err := parse(flag.NewFlagSet("install", flag.ContinueOnError), args); err != nil {
		return err
	}
	h, p := mainHome(root), newProgress()
	return together(
		func() error { return miniStack.ensure(ctx, h, p) },
		func() error { return cdkCLI.ensure(ctx, h, p) },
		func() error { return dynamoDB.ensure(ctx, h, p) },
		func() error { return schemathesis.ensure(ctx, h, p) },
	)
}

// ensure installs the tool unless it is there already.
func (t tool) ensure(ctx context.Context, h home, p *progress) error {
	unlock, err := lock(ctx, h, "install-"+t.name, p)
	if err != nil {
		return err
	}
	defer unlock()
	pin, err := os.ReadFile(filepath.Join(h.root, "infra", t.pin))
	if err != nil {
		return err
	}
	// The path counts as well: a virtual environment does not survive being moved.
	dir := filepath.Join(h.tools(), t.name)
	sum := sha256.Sum256(append(pin, dir...))
	want := hex.EncodeToString(sum[:])
	stamp := filepath.Join(dir, ".stamp")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == want {
		return nil
	}
	return p.step("installing "+t.title, func() error {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := t.install(ctx, h, dir); err != nil {
			return err
		}
		return os.WriteFile(stamp, []byte(want), 0o644)
	})
}

func installMiniStack(ctx context.Context, h home, dir string) error {
	return installPython(ctx, h, dir, "infra/local/requirements.txt", mainHome(h.root).log("install-ministack"))
}

func installSchemathesis(ctx context.Context, h home, dir string) error {
	return installPython(ctx, h, dir, "infra/local/requirements-schemathesis.txt", mainHome(h.root).log("install-schemathesis"))
}

// installPython makes a virtual environment of a list of packages with their hashes.
func installPython(ctx context.Context, h home, dir, requirements, log string) error {
	if err := quietly(child(ctx, h.root, nil, "python3", "-m", "venv", dir), log); err != nil {
		return err
	}
	return quietly(child(ctx, h.root, nil, filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--disable-pip-version-check",
		"--no-input", "--require-hashes", "--only-binary=:all:", "--no-compile", "-r", requirements), log)
}

func installCDK(ctx context.Context, h home, dir string) error {
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join(h.root, "infra", "cdk-cli", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return err
		}
	}
	return quietly(child(ctx, dir, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"),
		mainHome(h.root).log("install-cdk"))
}

func installDynamoDB(ctx context.Context, h home, dir string) error {
	return quietly(child(ctx, h.root, nil, "mvn", "--batch-mode", "--quiet", "--file", "infra/local/dynamodb/pom.xml",
		"org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+dir), mainHome(h.root).log("install-dynamodb"))
}

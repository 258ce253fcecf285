package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// An emulator is a MiniStack process of a home.
type emulator struct {
	PID  int `json:"pid"`
	Port int `json:"port"`
}

func (e emulator) url() string { return fmt.Sprintf("http://127.0.0.1:%d", e.Port) }

// running is the home's emulator if it runs. A state file left behind by a dead or foreign process counts for nothing.
func running(h home) (emulator, bool) {
	var e emulator
	b, err := os.ReadFile(h.state())
	if err != nil || json.Unmarshal(b, &e) != nil || !ours(h, e.PID) {
		return emulator{}, false
	}
	return e, true
}

// mark is the argument that tells this home's emulator from every other process; Python ignores options it does not know.
func mark(h home) string { return "supportvault=" + h.dir }

// ours tells whether the process is the home's emulator: a number alone may have gone to another process since.
func ours(h home, pid int) bool {
	if pid <= 1 {
		return false
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		line, err = exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	}
	return err == nil && bytes.Contains(line, []byte(mark(h)))
}

// start starts the home's emulator and waits until it answers; one that already runs is used as it is. The port 0 stands
// for any free one.
func start(ctx context.Context, h home, p *progress, port int) (emulator, error) {
	if e, ok := running(h); ok {
		if err := healthy(ctx, e, nil, 10*time.Second); err == nil {
			p.say("the emulator is up already: %s", e.url())
			return e, nil
		}
		p.say("the emulator does not answer; starting a new one")
		if err := stop(h, e); err != nil {
			return emulator{}, err
		}
	}
	if port != 0 && portTaken(port) {
		p.say("port %d is taken by something else; using another one (PORT=… chooses)", port)
		port = 0
	}
	var e emulator
	err := p.step("starting MiniStack", func() (err error) {
		for range 3 { // a port that was free may be taken a moment later
			if port == 0 {
				if port, err = freePort(); err != nil {
					return err
				}
			}
			if e, err = launch(ctx, h, port); err == nil || ctx.Err() != nil {
				return err
			}
			port = 0
		}
		return err
	})
	return e, err
}

func launch(ctx context.Context, h home, port int) (emulator, error) {
	e := emulator{Port: port}
	log := h.log("ministack")
	if err := os.RemoveAll(h.tmp()); err != nil {
		return e, err
	}
	for _, dir := range []string{h.tmp(), filepath.Dir(log)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return e, err
		}
	}
	f, err := os.OpenFile(log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return e, err
	}
	defer f.Close()
	// In a session of its own: it outlives this program, and Ctrl-C reaches this program alone, which then stops it.
	cmd := exec.Command(h.python(), "-X", mark(h), "-m", "ministack")
	cmd.Dir = h.tmp()
	cmd.Env = emulatorEnviron(h, e)
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return e, err
	}
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		close(exited)
	}()
	e.PID = cmd.Process.Pid
	b, err := json.Marshal(e)
	if err == nil {
		err = os.WriteFile(h.state(), b, 0o600)
	}
	if err == nil {
		err = healthy(ctx, e, exited, time.Minute)
	}
	if err != nil {
		stop(h, e)
		return e, fmt.Errorf("MiniStack: %w\n%s", err, tail(log))
	}
	return e, nil
}

// emulatorEnviron is a small environment: MiniStack hands its own to every function that it runs.
func emulatorEnviron(h home, e emulator) []string {
	return localEnviron([]string{
		"PATH=" + os.Getenv("PATH"),
		"LANG=C.UTF-8",
		"HOME=" + h.tmp(),
		"TMPDIR=" + h.tmp(),
		"GATEWAY_PORT=" + strconv.Itoa(e.Port),
		"BIND_HOST=127.0.0.1",
		"MINISTACK_HOST=localhost",
		"MINISTACK_REGION=" + localRegion,
		"MINISTACK_ACCOUNT_ID=" + localAWSAccount,
		"LAMBDA_EXECUTOR=local",
		"IOT_MTLS_ENABLED=0", // with cryptography, which its KMS signs with, it would take the port 8883 as well
	}, e.url())
}

// healthy waits until the emulator answers, it exits, or the time is over.
func healthy(ctx context.Context, e emulator, exited <-chan struct{}, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer at %s within %s", e.url(), limit))
	defer cancel()
	client := http.Client{Timeout: 5 * time.Second}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url()+"/_ministack/health", nil)
		if err != nil {
			return err
		}
		if res, err := client.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-exited:
			return errors.New("it ended at once")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop ends the emulator with every function process that it started, and removes what it left.
func stop(h home, e emulator) error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for end := time.Now().Add(5 * time.Second); ours(h, e.PID) && time.Now().Before(end); {
			syscall.Kill(-e.PID, signal)
			time.Sleep(100 * time.Millisecond)
		}
	}
	if ours(h, e.PID) {
		return fmt.Errorf("the emulator (process %d) does not end; look at it with: ps -fp %d", e.PID, e.PID)
	}
	return errors.Join(remove(h.state()), os.RemoveAll(h.tmp()))
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

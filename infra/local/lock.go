package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lock makes sure that two commands do not install, or start and stop the same stack, at the same time. The lock goes
// with the process, so that none is ever stale.
func lock(ctx context.Context, h home, name string, p *progress) (unlock func(), err error) {
	path := filepath.Join(h.tools(), "lock", filepath.Base(h.dir)+"-"+name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Minute); ; {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return func() { f.Close() }, nil
		}
		if p != nil {
			p.say("another command is at %s; waiting for it", name)
			p = nil
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			f.Close()
			return nil, err
		}
		if time.Now().After(deadline) {
			f.Close()
			return nil, fmt.Errorf("another command holds %s for ten minutes already; stop it first", path)
		}
	}
}

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// A progress tells a person what is being done, and for how long already. Steps may overlap.
type progress struct {
	out   io.Writer
	start time.Time
	beat  time.Duration // how often a long step says that it still goes on

	mu sync.Mutex
}

func newProgress() *progress {
	return &progress{out: os.Stdout, start: time.Now(), beat: 10 * time.Second}
}

func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, "%s %s\n", dim(fmt.Sprintf("[%6.1fs]", time.Since(p.start).Seconds())), fmt.Sprintf(format, args...))
}

// step runs f and tells its beginning, that it goes on, and its end.
func (p *progress) step(name string, f func() error) error {
	p.say("%s …", name)
	start := time.Now()
	done := make(chan struct{})
	var beats sync.WaitGroup
	beats.Go(func() {
		tick := time.NewTicker(p.beat)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				p.say("%s … still at it (%.0f s)", name, time.Since(start).Seconds())
			}
		}
	})
	err := f()
	close(done)
	beats.Wait()
	if err != nil {
		p.say("%s %s", red("✗"), name)
		return err
	}
	p.say("%s %s (%.1f s)", green("✓"), name, time.Since(start).Seconds())
	return nil
}

// together runs the functions at the same time and returns the first error by position.
func together(fs ...func() error) error {
	errs := make([]error, len(fs))
	var wg sync.WaitGroup
	for i, f := range fs {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Colour is for terminals only; NO_COLOR (no-color.org) turns it off there as well.
var colour = func() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}()

func paint(code, s string) string {
	if !colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func bold(s string) string  { return paint("1", s) }
func dim(s string) string   { return paint("2", s) }
func red(s string) string   { return paint("31", s) }
func green(s string) string { return paint("32", s) }

// table prints rows with aligned columns.
func table(out io.Writer, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString("  " + cell + strings.Repeat(" ", widths[i]-len([]rune(cell))))
		}
		fmt.Fprintln(out, strings.TrimRight(b.String(), " "))
	}
}

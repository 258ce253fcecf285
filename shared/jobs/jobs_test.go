package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/jobs"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// work is what the jobs of these tests keep.
type work struct {
	Steps int `json:"steps"`
}

type job = jobs.Job[work]

// bench is where jobs are worked on.
type bench struct {
	*vaulttest.Vault
	jobs jobs.Jobs[work]
	sent []string
	// gone are the ids of the jobs that were let go of.
	gone []string
}

func (b *bench) Send(_ context.Context, body string, delay time.Duration) error {
	b.sent = append(b.sent, fmt.Sprint(delay, " ", body))
	return nil
}

func newBench(t *testing.T, run func(context.Context, job) (job, error)) *bench {
	v, _ := vaulttest.NewMemory(noon)
	b := &bench{Vault: v}
	b.jobs = jobs.Jobs[work]{
		What: jobs.Extract, Store: v.Store, Queue: b, Run: run,
		Failed: func(_ context.Context, j job) { b.gone = append(b.gone, j.ID) },
	}
	return b
}

// begun is a job that runs.
func (b *bench) begun(t *testing.T) job {
	t.Helper()
	j := b.jobs.New("demo", "token:t1", jobs.Running, work{})
	if err := b.jobs.Put(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	return j
}

// receive hands over the message of a job and says whether it comes again.
func (b *bench) receive(t *testing.T, id string) (again bool, err error) {
	t.Helper()
	b.sent = nil
	res, err := b.jobs.Messages(t.Context(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "1", Body: fmt.Sprintf(`{"account":"demo","id":%q}`, id)},
	}})
	return len(res.BatchItemFailures) > 0, err
}

// at is a job as it is by now.
func (b *bench) at(t *testing.T, id string) job {
	t.Helper()
	j, ok, err := b.jobs.Get(t.Context(), "demo", id)
	if err != nil || !ok {
		t.Fatalf("there is no job: %v", err)
	}
	return j
}

func TestWhatBecomesOfAJob(t *testing.T) {
	broken := errors.New("the table is gone")
	for _, tc := range []struct {
		name   string
		run    func(*bench, job) (job, error)
		status jobs.Status
		reason string
		sent   string // what is sent next, but for the id
		alarms bool
		gone   bool
	}{
		{"it is complete", func(b *bench, j job) (job, error) {
			j.Status = jobs.Complete
			return j, b.jobs.Update(context.Background(), j)
		}, jobs.Complete, "", "", false, false},
		{"time runs out", func(b *bench, j job) (job, error) {
			j.BusyUntil = b.Clock.Now()
			return j, b.jobs.Update(context.Background(), j)
		}, jobs.Running, "", "0s", false, false},
		{"what it was given is wrong", func(_ *bench, j job) (job, error) {
			return j, fmt.Errorf("read: %w", jobs.Failure("file_gone"))
		}, jobs.Failed, "file_gone", "", false, true},
		{"its account is gone", func(_ *bench, j job) (job, error) { return j, vault.ErrNoAccount }, jobs.Failed, "account_unknown", "", true, true},
		{"it fails", func(_ *bench, j job) (job, error) { return j, broken }, jobs.Running, "", "30s", false, false},
		{"somebody else took over", func(_ *bench, j job) (job, error) { return j, jobs.ErrLost }, jobs.Running, "", "", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b *bench
			b = newBench(t, func(_ context.Context, j job) (job, error) { return tc.run(b, j) })
			id := b.begun(t).ID
			again, err := b.receive(t, id)
			if again != tc.alarms || (err != nil) != tc.alarms {
				t.Errorf("comes again %v, %v, want an alarm: %v", again, err, tc.alarms)
			}
			if j := b.at(t, id); j.Status != tc.status || j.Reason != tc.reason {
				t.Errorf("%s %q, want %s %q", j.Status, j.Reason, tc.status, tc.reason)
			}
			var sent []string
			if tc.sent != "" {
				sent = []string{fmt.Sprintf(`%s {"account":"demo","id":%q}`, tc.sent, id)}
			}
			if diff := cmp.Diff(sent, b.sent); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			if tc.gone != (len(b.gone) == 1) {
				t.Errorf("let go of: %v", b.gone)
			}
		})
	}
}

// Every failure waits longer than the one before; after five in a row the job has failed, and one step forward counts anew.
func TestTries(t *testing.T) {
	forward := false
	b := newBench(t, func(_ context.Context, j job) (job, error) {
		if forward {
			j.Work.Steps, j.Tries = j.Work.Steps+1, 0
		}
		return j, errors.New("the table is gone")
	})
	id := b.begun(t).ID
	fails := func(delays ...string) {
		t.Helper()
		for _, delay := range delays {
			if again, err := b.receive(t, id); again || err != nil || len(b.sent) != 1 || b.sent[0] != fmt.Sprintf(`%s {"account":"demo","id":%q}`, delay, id) {
				t.Fatalf("comes again %v, %v, sent %q, want after %s", again, err, b.sent, delay)
			}
		}
	}
	fails("30s", "1m0s", "2m0s")
	forward = true
	fails("15s")
	forward = false
	fails("30s", "1m0s", "2m0s", "4m0s")
	if again, err := b.receive(t, id); !again || err == nil {
		t.Errorf("the fifth: comes again %v, %v", again, err)
	}
	if j := b.at(t, id); j.Status != jobs.Failed || j.Reason != "tries_exhausted" || j.Work.Steps != 1 {
		t.Errorf("%+v", j)
	}
	if again, err := b.receive(t, id); again || err != nil || len(b.sent) > 0 {
		t.Errorf("of what has failed: comes again %v, %v, sent %q", again, err, b.sent)
	}
}

// A job that somebody worked on since it was read is not gone on with from where it was then.
func TestAJobIsTakenAsItWasRead(t *testing.T) {
	b := newBench(t, nil)
	id := b.begun(t).ID
	before := b.at(t, id)
	other, err := b.jobs.Take(t.Context(), b.at(t, id))
	if err != nil {
		t.Fatal(err)
	}
	other.Work.Steps, other.BusyUntil = 5, b.Clock.Now()
	if err := b.jobs.Update(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if _, err := b.jobs.Take(t.Context(), before); !errors.Is(err, jobs.ErrBusy) {
		t.Errorf("taken as it was: %v", err)
	}
	now, err := b.jobs.Take(t.Context(), b.at(t, id))
	if err != nil || now.Work.Steps != 5 {
		t.Errorf("%+v %v", now.Work, err)
	}
}

// A process that died has its job until its claim is over; what nobody works on for three hours has stalled, until a message
// comes for it all the same.
func TestStalled(t *testing.T) {
	b := newBench(t, nil)
	id := b.begun(t).ID
	died, err := b.jobs.Take(t.Context(), b.at(t, id))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.receive(t, id); !again || err != nil {
		t.Errorf("while somebody works on it: comes again %v, %v", again, err)
	}
	b.Clock.Advance(15*time.Minute + 3*time.Hour + time.Second)
	if j := b.at(t, id); j.Status != jobs.Failed || j.Reason != "stalled" || j.View().Reason != "stalled" {
		t.Errorf("after three hours: %+v", j)
	}
	b.jobs.Run = func(ctx context.Context, j job) (job, error) {
		if err := b.jobs.Update(ctx, died); !errors.Is(err, jobs.ErrLost) {
			t.Errorf("whoever lost it writes all the same: %v", err)
		}
		j.Progress, j.Status, j.BusyUntil = 1, jobs.Complete, b.Clock.Now()
		return j, b.jobs.Update(ctx, j)
	}
	if again, err := b.receive(t, id); again || err != nil {
		t.Errorf("comes again %v, %v", again, err)
	}
	if j := b.at(t, id); j.Status != jobs.Complete || j.Reason != "" || j.Progress != 1 {
		t.Errorf("at the end: %+v", j)
	}
}

func TestStart(t *testing.T) {
	b := newBench(t, nil)
	j := b.jobs.New("demo", "token:t1", jobs.Waiting, work{})
	if err := b.jobs.Put(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if again, err := b.receive(t, j.ID); again || err != nil || len(b.sent) > 0 {
		t.Errorf("a message of what waits: comes again %v, %v, sent %q", again, err, b.sent)
	}
	j.Work.Steps = 7
	for _, step := range []struct {
		name   string
		do     func() (ok bool, err error)
		ok     bool
		status jobs.Status
	}{
		{"started", func() (bool, error) { _, ok, err := b.jobs.Start(t.Context(), j); return ok, err }, true, jobs.Running},
		{"started twice", func() (bool, error) { _, ok, err := b.jobs.Start(t.Context(), j); return ok, err }, false, jobs.Running},
		{"taken back", func() (bool, error) { return true, b.jobs.Unstart(t.Context(), j) }, true, jobs.Waiting},
	} {
		b.Clock.Advance(time.Millisecond)
		if ok, err := step.do(); ok != step.ok || err != nil {
			t.Errorf("%s: %v %v", step.name, ok, err)
		}
		if now := b.at(t, j.ID); now.Status != step.status || now.Work.Steps != 7 || now.By != "token:t1" {
			t.Errorf("%s: %+v", step.name, now)
		}
	}
}

func TestAJobIsThereForADay(t *testing.T) {
	b := newBench(t, nil)
	first := b.begun(t).ID
	b.Clock.Advance(time.Hour)
	second := b.begun(t).ID
	list := func() (ids []string) {
		all, err := b.jobs.List(t.Context(), "demo")
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range all {
			ids = append(ids, j.ID)
		}
		return ids
	}
	if diff := cmp.Diff([]string{second, first}, list()); diff != "" {
		t.Errorf("the newest first (-want +got):\n%s", diff)
	}
	b.Clock.Advance(23 * time.Hour)
	if diff := cmp.Diff([]string{second}, list()); diff != "" {
		t.Errorf("after a day (-want +got):\n%s", diff)
	}
	for _, id := range []string{first, "../x", "20260301T120000Z-aaaaaaaa"} {
		if _, ok, err := b.jobs.Get(t.Context(), "demo", id); ok || err != nil {
			t.Errorf("%s: %v %v", id, ok, err)
		}
	}
	if again, err := b.receive(t, first); again || err != nil {
		t.Errorf("a message of what is over: comes again %v, %v", again, err)
	}
	if again, err := b.receive(t, "../x"); !again || err != nil {
		t.Errorf("a message that is none: comes again %v, %v", again, err)
	}
}

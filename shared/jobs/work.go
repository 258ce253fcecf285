package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/sqsqueue"
	"github.com/supportvault/supportvault/shared/vault"
)

// Jobs are the jobs of a function.
type Jobs[W any] struct {
	// What they are called: Extract or Import.
	What  string
	Store *vault.Store
	Queue Queue
	// Run works on a claimed job until it is complete, or time runs out and the job is released.
	Run func(context.Context, Job[W]) (Job[W], error)
	// Failed, if not nil, lets go of what a job leaves behind that has failed.
	Failed func(context.Context, Job[W])
}

// Queue is where the messages of jobs are sent, to be received after a delay of at most 15 minutes.
type Queue interface {
	Send(ctx context.Context, body string, delay time.Duration) error
}

// ErrBusy says that somebody else works on a job, ErrLost that somebody else does by now.
var (
	ErrBusy = errors.New("somebody works on this job")
	ErrLost = errors.New("somebody else works on this job now")
)

// Failure is an error of what a job was given: the reason for which it fails at once, and nobody is alarmed.
type Failure string

func (f Failure) Error() string { return string(f) }

// errGivenUp says that a job has failed through no fault of what it was given.
var errGivenUp = errors.New("a job has failed")

// message is what the queue carries.
type message struct {
	Account string `json:"account"`
	ID      string `json:"id"`
}

// Send sends the next message for a job.
func (js Jobs[W]) Send(ctx context.Context, j Job[W], delay time.Duration) error {
	b, err := json.Marshal(message{j.Account, j.ID})
	if err != nil {
		return err
	}
	return js.Queue.Send(ctx, string(b), delay)
}

// Messages works on the jobs of a batch, which has one. A job that is given up fails the invocation too, for its alarm; the
// message that comes again finds it failed.
func (js Jobs[W]) Messages(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	var given error
	res := edge.Queue(ctx, batch, func(ctx context.Context, m events.SQSMessage) error {
		err := js.message(ctx, m.Body)
		if errors.Is(err, errGivenUp) {
			given = err
		}
		return err
	})
	return res, given
}

// message works on a job. What it does not finish it sends the next message for.
func (js Jobs[W]) message(ctx context.Context, body string) error {
	var m message
	if err := json.Unmarshal([]byte(body), &m); err != nil || !account.ValidID(m.Account) || !ValidID(m.ID) {
		return fmt.Errorf("not a message of the %s queue", js.What)
	}
	j, ok, err := js.Get(ctx, m.Account, m.ID)
	if err != nil {
		return err
	}
	if !ok || j.Status != Running && j.Reason != stalled {
		return nil // it is done, or its day is over
	}
	if j, err = js.Take(ctx, j); err != nil {
		return err
	}
	if j.Tries > maxTries {
		return js.giveUp(ctx, j, triesExhausted)
	}
	j.Status, j.Reason = Running, "" // it may have been stalled
	j, err = js.Run(ctx, j)
	failure, failed := errors.AsType[Failure](err)
	switch {
	case err == nil && j.Status == Running:
		return js.Send(ctx, j, 0)
	case err == nil, errors.Is(err, ErrLost):
		return nil // it is complete, or whoever has it goes on
	case failed:
		return js.Fail(ctx, j, string(failure))
	case errors.Is(err, vault.ErrNoAccount):
		return js.giveUp(ctx, j, accountGone)
	}
	slog.ErrorContext(ctx, "interrupted", slog.String(js.What, j.ID), slog.Int("tries", j.Tries), slog.String("cause", edge.Cause(err)))
	if j.Tries >= maxTries {
		return js.giveUp(ctx, j, triesExhausted)
	}
	js.Release(ctx, j)
	return js.Send(context.WithoutCancel(ctx), j, min(pause<<j.Tries, sqsqueue.MaxDelay))
}

// pause is half of how long the first failure waits for the next try.
const pause = 15 * time.Second

// Release lets others work on a job of which this invocation has had enough. Where that fails too, its claim runs out.
func (js Jobs[W]) Release(ctx context.Context, j Job[W]) {
	j.BusyUntil = js.Store.Now()
	if err := js.Update(context.WithoutCancel(ctx), j); err != nil {
		slog.WarnContext(ctx, "not released", slog.String(js.What, j.ID), slog.String("cause", edge.Cause(err)))
	}
}

// Fail says that a claimed job has failed.
func (js Jobs[W]) Fail(ctx context.Context, j Job[W], reason string) error {
	ctx = context.WithoutCancel(ctx)
	j.Status, j.Reason, j.BusyUntil = Failed, reason, js.Store.Now()
	if err := js.Update(ctx, j); err != nil {
		return err
	}
	slog.WarnContext(ctx, "given up", slog.String(js.What, j.ID), slog.String("reason", reason))
	if js.Failed != nil {
		js.Failed(ctx, j)
	}
	return nil
}

func (js Jobs[W]) giveUp(ctx context.Context, j Job[W], reason string) error {
	if err := js.Fail(ctx, j, reason); err != nil {
		return err
	}
	return errGivenUp
}

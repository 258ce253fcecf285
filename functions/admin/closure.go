package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/letter"
)

// The faults of closing an account.
var (
	ErrClosing    = fault.New(fault.Conflict, "closure_announced", "The closing of this account is announced already.")
	ErrNotClosing = fault.New(fault.NotFound, "closure_unknown", "The closing of this account is not announced.")
)

// Closure is when an account closes. Until then everything is as before; then its keys go, and with them everything that it
// has. While anything is held, it waits.
type Closure struct {
	ClosesAt *conversation.Time `json:"closesAt"`
	// Holds is how many holds it would wait for.
	Holds int `json:"holds"`
}

func (d *desk) closure(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, closureOf(d.ses.Policy.Closes, len(d.ses.Policy.Expire(d.ses.Now()).Holds)), d.audit(ctx, "closure.read", "", 0)
}

func closureOf(at time.Time, holds int) Closure {
	c := Closure{Holds: holds}
	if !at.IsZero() {
		t := conversation.At(at)
		c.ClosesAt = &t
	}
	return c
}

// close announces the end of the account, as a version of its policy.
func (d *desk) close(ctx context.Context) (int, any, error) {
	return d.closing(ctx, "account.close", letter.ClosureAnnounced, ErrClosing, func(now time.Time) time.Time { return now.Add(d.Notice) })
}

// reopen takes the announcement back.
func (d *desk) reopen(ctx context.Context) (int, any, error) {
	return d.closing(ctx, "account.close-undo", letter.ClosureUndone, ErrNotClosing, func(time.Time) time.Time { return time.Time{} })
}

func (d *desk) closing(ctx context.Context, action string, kind letter.NewsKind, already error, at func(time.Time) time.Time) (int, any, error) {
	reason, err := d.reason()
	if err != nil {
		return 0, nil, err
	}
	now, p := d.ses.Now(), d.ses.Policy
	closes := at(now)
	if p.Closes.IsZero() == closes.IsZero() {
		return 0, nil, already
	}
	if !p.Closes.IsZero() && !now.Add(margin).Before(p.Closes) && len(p.Expire(now).Holds) == 0 { // a hold makes it wait
		return 0, nil, ErrUndoOver
	}
	rules, err := d.ses.Rules(p)
	if err != nil {
		return 0, nil, err
	}
	after := p
	after.Closes = closes
	news := func(version int) letter.News {
		n := letter.News{Kind: kind, Reason: reason, Version: version}
		if !closes.IsZero() {
			n.Until = closes.Add(-margin)
			n.Undo = letter.Call{Method: http.MethodPost, Path: "/closure/undo", Body: `{"reason":"Why it stays open"}`}
		}
		return n
	}
	if _, _, err := d.put(ctx, action, change{from: p, after: after, rules: rules}, news, p.UndoUntil, now, reason); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, closureOf(closes, len(p.Expire(now).Holds)), nil
}

package purge

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/vault"
)

// Drift is how late the destruction of the latest is.
type Drift struct {
	Accounts int `json:"accounts"`
	// OverdueSeconds is for how long something has been there that was to be destroyed, at most; below two hours is usual.
	OverdueSeconds int64    `json:"overdueSeconds"`
	Failures       []string `json:"failures"`
}

// late is for how long an account has been closed whose keys are there, or a wish of an administrator could have been fulfilled.
func (h *Handler) late(ctx context.Context, ses *vault.Session) (late time.Duration, err error) {
	now := h.Store.Now()
	if ses.Policy.Closed(now) {
		gone, err := ses.KeysGone(ctx)
		if err != nil {
			return 0, err
		}
		if !gone {
			late = now.Sub(ses.Policy.Closes)
		}
	}
	wishes, err := h.wishes(ctx, ses.Account)
	for _, wish := range wishes {
		until := attr.GetTime(wish, "until")
		if since := now.Sub(until); since > late && len(ses.Policy.Expire(now).Holds) == 0 { // with holds, only the row could tell
			late = since
		}
	}
	return late, err
}

// metric writes a line of which CloudWatch makes a metric: its embedded metric format.
func (h *Handler) metric(ctx context.Context, message, name, unit string, value int64, more ...any) {
	slog.InfoContext(ctx, message, append([]any{slog.Any("_aws", map[string]any{
		"Timestamp": h.Store.Now().UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace": "supportvault", "Dimensions": [][]string{{"Stage"}},
			"Metrics": []any{map[string]string{"Name": name, "Unit": unit}},
		}},
	}), slog.String("Stage", h.Stage), slog.Int64(name, value)}, more...)...)
}

// Drift looks for what should not be there any more, in every account, and writes it down as a metric. It is a run of its own: it
// says so where purge does not run, or runs and destroys nothing.
func (h *Handler) Drift(ctx context.Context) (Drift, error) {
	drift := Drift{Failures: []string{}}
	err := h.Store.Accounts(ctx, func(id string) (bool, error) {
		drift.Accounts++
		ses, err := h.Store.OpenPolicy(ctx, id)
		if err == nil {
			var late time.Duration
			late, err = h.late(ctx, ses)
			drift.OverdueSeconds = max(drift.OverdueSeconds, int64(late.Seconds()))
			for _, kind := range kinds {
				of, kindErr := ses.Drift(ctx, kind)
				err = errors.Join(err, kindErr)
				drift.OverdueSeconds = max(drift.OverdueSeconds, of.OverdueSeconds)
				if of.OverdueSeconds > int64((2 * time.Hour).Seconds()) {
					slog.ErrorContext(ctx, "overdue", slog.String("account", id), slog.String("kind", string(kind)),
						slog.Int64("seconds", of.OverdueSeconds))
				}
			}
		}
		if err != nil {
			drift.Failures = append(drift.Failures, id)
			slog.ErrorContext(ctx, "drift unknown", slog.String("account", id), slog.String("cause", edge.Cause(err)))
		}
		return ctx.Err() == nil, nil
	})
	if err = errors.Join(err, ctx.Err()); err != nil {
		return drift, err
	}
	h.metric(ctx, "drift", "OverdueSeconds", "Seconds", drift.OverdueSeconds, slog.Int("accounts", drift.Accounts))
	if len(drift.Failures) > 0 {
		return drift, errors.New("drift: not every account could be looked at")
	}
	return drift, nil
}

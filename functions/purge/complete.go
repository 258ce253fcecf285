package purge

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// Batch destroys what has completed, and has been delivered where it must be, of accounts that keep it no longer than that. It
// is unreadable since it completed; now its own key goes. The next hourly run states what went since the last, and deletes it.
func (h *Handler) Batch(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	return edge.Queue(ctx, batch, func(ctx context.Context, m events.SQSMessage) error {
		ref, err := vault.ParseReference(m.Body)
		if err != nil {
			return err
		}
		return h.Complete(ctx, ref)
	}), nil
}

// Complete takes the own key of a conversation if a cadence of completion has ended it. What is not over is left to a later
// run: a hold may keep it, or a destination may not have it yet.
func (h *Handler) Complete(ctx context.Context, ref vault.Reference) error {
	ses, err := h.open(ctx, ref.Account)
	if errors.Is(err, vault.ErrNoAccount) {
		return nil
	}
	if err != nil {
		return err
	}
	row, ok, err := ses.Row(ctx, ref.Record, ref.Incarnation)
	if err != nil || !ok || row.State != vault.Settled {
		return err
	}
	cohorts, err := ses.CohortAt(ctx, row.Kind, row.Cohort)
	if err != nil {
		return err
	}
	c, ok := cohorts.Find(row.Cohort)
	if !ok {
		return nil
	}
	end := cohorts.DestroyedBy(row.Item(c.Cohort))
	if !cohorts.Destroys(row.Item(c.Cohort)) || end.Why != retention.Why(retention.Completion) {
		return nil
	}
	f, err := ses.JoinFence(ctx)
	if err != nil {
		return err // the policy has just changed: again, under the new one
	}
	doomed := doom(row, end)
	// Not the act in which that run itself destroyed what had completed: that one is stated.
	doomed.Act, doomed.Policy, doomed.At = actOf(f.Run+vault.Late, end.Why), int64(ses.Policy.Version), h.Store.Now()
	ended, err := h.Store.End(ctx, f, []vault.Doomed{doomed})
	if len(ended) > 0 {
		slog.InfoContext(ctx, "completed", slog.String("record", row.ID))
	}
	return err
}

package extract

import (
	"context"
	"errors"
	"hash"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"github.com/supportvault/supportvault/shared/vault"
)

// counter writes lines and knows what they amount to.
type counter struct {
	w       io.Writer
	sum     hash.Hash
	bytes   int64
	records int
	damaged int
}

func (c *counter) line(b []byte) error {
	n, err := c.w.Write(append(b, '\n'))
	c.sum.Write(b)
	c.sum.Write([]byte{'\n'})
	c.bytes += int64(n)
	c.records++
	return err
}

// batch is how many conversations are opened together. Nearly all are some kilobytes; the largest that there can be is
// pack.MaxSize.
const batch = 16

// lines writes a line for each conversation of a part.
func (h *Handler) lines(ctx context.Context, ses *vault.Session, cohorts vault.Cohorts, p part, out *counter) error {
	var places []vault.Place
	flush := func() error {
		err := h.write(ctx, ses, cohorts, places, out)
		places = places[:0]
		return err
	}
	for _, listing := range p.listings {
		err := h.Store.Places(ctx, vault.Range{Listing: listing, NewestFirst: true}, func(at vault.Place, _ string) (bool, error) {
			if at.At.Before(p.since) {
				return false, nil
			}
			if places = append(places, at); len(places) == batch {
				return true, flush()
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return flush()
}

func (h *Handler) write(ctx context.Context, ses *vault.Session, cohorts vault.Cohorts, places []vault.Place, out *counter) error {
	rows, err := ses.RowsAt(ctx, places)
	if err != nil {
		return err
	}
	opened := make([][]byte, len(rows))
	var damaged atomic.Int64
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(batch)
	for i, row := range rows {
		group.Go(func() error {
			c, err := ses.Load(gctx, row, &cohorts)
			if errors.Is(err, vault.ErrUnreadable) {
				return nil // its time was over, or it was destroyed
			}
			if errors.Is(err, vault.ErrDamaged) {
				slog.ErrorContext(ctx, "left out", slog.String("record", row.ID), slog.String("cause", err.Error()))
				damaged.Add(1)
				return nil
			}
			if err != nil {
				return err
			}
			opened[i], err = json.Marshal(c.View())
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	out.damaged += int(damaged.Load())
	for _, b := range opened {
		if b == nil {
			continue
		}
		if err := out.line(b); err != nil {
			return err
		}
	}
	return nil
}

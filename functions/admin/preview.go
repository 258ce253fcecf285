package admin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// counters is how many cohorts are counted side by side.
const counters = 8

// Effect is what a change does to a day.
type Effect string

// The effects: what can be read now is hidden, or what is hidden and waits can be read again.
const (
	Hides Effect = "hides"
	Shows Effect = "shows"
)

// Preview is what a policy would hide at once, and from when it would be destroyed.
type Preview struct {
	Version int                       `json:"version"`
	AsOf    string                    `json:"asOf"`
	Hash    string                    `json:"hash"`
	Plan    retention.Plan            `json:"plan"`
	Keeps   map[retention.Kind]string `json:"retention"`
	// WaitHours is that of the account from then on, UndoUntil up to when this change could be undone.
	WaitHours int                `json:"waitHours"`
	UndoUntil *conversation.Time `json:"undoUntil"`
	Kinds     []KindPreview      `json:"kinds"`
}

// KindPreview is what becomes of one kind.
type KindPreview struct {
	Kind  retention.Kind `json:"kind"`
	Hides Sum            `json:"hides"`
	Shows Sum            `json:"shows"`
	Days  []Day          `json:"days"`
}

// Sum adds days up.
type Sum struct {
	Records int    `json:"records"`
	Open    int    `json:"open"`
	Bytes   int64  `json:"bytes"`
	Oldest  string `json:"oldest"`
	Newest  string `json:"newest"`
}

// Day is a cohort that a change hides or shows. Open are conversations that have not settled: nobody knows their bytes yet.
type Day struct {
	Day           string            `json:"day"`
	Effect        Effect            `json:"effect"`
	Records       int               `json:"records"`
	Open          int               `json:"open"`
	Bytes         int64             `json:"bytes"`
	DestroyedFrom conversation.Time `json:"destroyedFrom"`
}

func (d *desk) previewPolicy(ctx context.Context) (int, any, error) {
	var in Wanted
	if err := d.strict(&in); err != nil {
		return 0, nil, err
	}
	next, wait, err := d.wants(in)
	if err != nil {
		return 0, nil, err
	}
	now := d.ses.Now()
	c, err := d.change(ctx, next, wait, now)
	if err != nil {
		return 0, nil, err
	}
	p, err := d.preview(ctx, c, now, now.UTC().Format("2006-01-02T15:04:05.000Z"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, p, d.audit(ctx, "policy.preview", "", 0)
}

// preview counts what a change would do at an instant.
func (d *desk) preview(ctx context.Context, c change, now time.Time, asOf string) (Preview, error) {
	p := Preview{
		Version: c.from.Version, AsOf: asOf, Plan: c.after.Plan, Keeps: periodsOf(c.after.Policy), WaitHours: int(c.wait / time.Hour),
		Kinds: []KindPreview{},
	}
	if c.waits > 0 {
		until := conversation.At(now.Add(c.waits))
		p.UndoUntil = &until
	}
	for _, kind := range retention.Kinds() {
		days, err := d.days(ctx, c, kind, now)
		if err != nil {
			return p, err
		}
		of := KindPreview{Kind: kind, Days: days}
		for _, day := range days {
			if day.Effect == Hides {
				of.Hides.add(day)
			} else {
				of.Shows.add(day)
			}
		}
		p.Kinds = append(p.Kinds, of)
	}
	var err error
	p.Hash, err = d.hash(p)
	return p, err
}

func (s *Sum) add(day Day) {
	s.Records, s.Open, s.Bytes = s.Records+day.Records, s.Open+day.Open, s.Bytes+day.Bytes
	if s.Oldest == "" {
		s.Oldest = day.Day
	}
	s.Newest = day.Day
}

// hash freezes what a preview shows: the version that it changes, its moment, what is wanted, and every cohort with what is
// settled in it. Open conversations change all the time and are not part of it.
func (d *desk) hash(p Preview) (string, error) {
	p.Hash, p.UndoUntil = "", nil // the wait begins when it is applied
	p.Kinds = slices.Clone(p.Kinds)
	for i, of := range p.Kinds {
		var closed []Day
		for _, day := range of.Days {
			if day.Records > 0 {
				day.Open, day.DestroyedFrom = 0, conversation.Time{}
				closed = append(closed, day)
			}
		}
		p.Kinds[i] = KindPreview{Kind: of.Kind, Days: closed}
	}
	b, err := json.Marshal(struct {
		Account string
		Preview Preview
	}{d.ses.Account, p}, json.Deterministic(true))
	if err != nil {
		return "", errors.New("a preview cannot be written")
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// days are the cohorts of a kind that a change hides or shows, the oldest first.
func (d *desk) days(ctx context.Context, c change, kind retention.Kind, now time.Time) ([]Day, error) {
	cohorts, err := d.ses.Cohorts(ctx, kind)
	if err != nil {
		return nil, err
	}
	at := map[string]*Day{}
	day := func(of retention.Cohort, before, after bool) *Day {
		if before == after || !of.End.After(cohorts.Destroyed) {
			return nil
		}
		if at[of.ID] == nil {
			at[of.ID] = &Day{Day: of.ID, Effect: Shows, DestroyedFrom: conversation.At(c.after.DestroyedFrom(kind, of))}
			if after {
				at[of.ID].Effect = Hides
			}
		}
		return at[of.ID]
	}
	count, counting := errgroup.WithContext(ctx)
	count.SetLimit(counters)
	for _, cohort := range cohorts.List {
		found := day(cohort.Cohort, c.from.Hidden(kind, cohort.Cohort, now), c.after.Hidden(kind, cohort.Cohort, now))
		if found == nil || cohort.Destroyed() {
			continue
		}
		count.Go(func() error {
			t, err := d.ses.Tally(counting, cohort)
			found.Records, found.Bytes = t.Records, t.Bytes
			return err
		})
	}
	if err := count.Wait(); err != nil {
		return nil, err
	}
	if kind != retention.Fact {
		shortest := min(c.from.Keeps(kind).AtLeast(), c.after.Keeps(kind).AtLeast())
		in := vault.Range{Listing: vault.OpenListing(d.ses.Account, kind), Below: vault.Before(now.Add(-shortest))}
		err := d.Store.Places(ctx, in, func(p vault.Place, _ string) (bool, error) {
			was := retention.CohortOf(p.At, c.from.Keeps(kind), c.from.Zone)
			is := retention.CohortOf(p.At, c.after.Keeps(kind), c.from.Zone)
			if found := day(is, c.from.Hidden(kind, was, now), c.after.Hidden(kind, is, now)); found != nil {
				found.Open++
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	days := []Day{}
	for _, found := range at {
		if found.Records+found.Open > 0 {
			days = append(days, *found)
		}
	}
	slices.SortFunc(days, func(a, b Day) int { return cmp.Compare(a.Day, b.Day) })
	return days, nil
}

// Calendar is what the policy in force will destroy of one kind, day by day.
type Calendar struct {
	Kind retention.Kind `json:"kind"`
	Days []CalendarDay  `json:"days"`
}

// CalendarDay is what is destroyed on a day of the account's time zone, or was to be already.
type CalendarDay struct {
	Date    string `json:"date"`
	Cohorts int    `json:"cohorts"`
	Records int    `json:"records"`
	Bytes   int64  `json:"bytes"`
}

func (d *desk) calendar(ctx context.Context) (int, any, error) {
	said, err := d.parameters("kind")
	if err != nil {
		return 0, nil, err
	}
	kind := retention.Kind(said["kind"])
	if !slices.Contains(retention.Kinds(), kind) {
		return 0, nil, ErrParameter
	}
	cohorts, err := d.ses.Cohorts(ctx, kind)
	if err != nil {
		return 0, nil, err
	}
	tallies := make([]vault.Tally, len(cohorts.List))
	count, counting := errgroup.WithContext(ctx)
	count.SetLimit(counters)
	for i, cohort := range cohorts.List {
		if cohort.Destroyed() {
			continue
		}
		count.Go(func() (err error) {
			tallies[i], err = d.ses.Tally(counting, cohort)
			return err
		})
	}
	if err := count.Wait(); err != nil {
		return 0, nil, err
	}
	days := map[string]CalendarDay{}
	for i, cohort := range cohorts.List {
		if tallies[i].Records == 0 {
			continue
		}
		date := d.ses.Policy.DestroyedFrom(kind, cohort.Cohort).In(d.ses.Policy.Zone).Format(time.DateOnly)
		day := days[date]
		day.Date, day.Cohorts = date, day.Cohorts+1
		day.Records, day.Bytes = day.Records+tallies[i].Records, day.Bytes+tallies[i].Bytes
		days[date] = day
	}
	answer := Calendar{Kind: kind, Days: []CalendarDay{}}
	for _, day := range days {
		answer.Days = append(answer.Days, day)
	}
	slices.SortFunc(answer.Days, func(a, b CalendarDay) int { return cmp.Compare(a.Date, b.Date) })
	return http.StatusOK, answer, d.audit(ctx, "retention-calendar.read", "kind="+string(kind), 0)
}

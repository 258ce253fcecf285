package admin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"sync"
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
	Version int    `json:"version"`
	AsOf    string `json:"asOf"`
	Hash    string `json:"hash"`
	vault.TermsView
	// UndoUntil is up to when this change could be undone.
	UndoUntil *conversation.Time `json:"undoUntil"`
	Kinds     []KindPreview      `json:"kinds"`
	held      []string
}

// KindPreview is what becomes of one kind.
type KindPreview struct {
	Kind  retention.Kind `json:"kind"`
	Hides Sum            `json:"hides"`
	Shows Sum            `json:"shows"`
	// Held would be hidden if nothing held it.
	Held Amount `json:"held"`
	Days []Day  `json:"days"`
}

// Amount is how much something is.
type Amount struct {
	Records int   `json:"records"`
	Bytes   int64 `json:"bytes"`
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
	next, err := d.wants(ctx, in)
	if err != nil {
		return 0, nil, err
	}
	now := d.ses.Now()
	c, err := d.change(ctx, next, in.Rules, now)
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
	p := Preview{Version: c.from.Version, AsOf: asOf, TermsView: vault.Terms(c.after, c.rules), Kinds: []KindPreview{}}
	if c.waits > 0 {
		until := conversation.At(now.Add(c.waits))
		p.UndoUntil = &until
	}
	for _, kind := range retention.Kinds() {
		of, held, err := d.kind(ctx, c, kind, now)
		if err != nil {
			return p, err
		}
		p.held = append(p.held, held...)
		for _, day := range of.Days {
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
// settled in it, and what is held. Open conversations change all the time and are not part of it.
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
	slices.Sort(p.held)
	b, err := json.Marshal(struct {
		Account string
		Preview Preview
		Held    []string
	}{d.ses.Account, p, p.held}, json.Deterministic(true))
	if err != nil {
		return "", errors.New("a preview cannot be written")
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// tally adds up what a change does to a kind. Cohorts are counted side by side.
type tally struct {
	mu   sync.Mutex
	days map[string]*Day // by effect and day
	held Amount
	ids  []string
}

// add counts something that a change hides or shows, or neither. What goes together is counted as one that is destroyed first.
func (t *tally) add(of retention.Cohort, before, after bool, from time.Time, records, open int, bytes int64) {
	if before == after || records+open == 0 {
		return
	}
	effect := Shows
	if after {
		effect = Hides
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	day := t.days[string(effect)+of.ID]
	if day == nil {
		day = &Day{Day: of.ID, Effect: effect, DestroyedFrom: conversation.At(from)}
		t.days[string(effect)+of.ID] = day
	}
	if from.Before(day.DestroyedFrom.Time) {
		day.DestroyedFrom = conversation.At(from)
	}
	day.Records, day.Open, day.Bytes = day.Records+records, day.Open+open, day.Bytes+bytes
}

// kind is what becomes of a kind, its days the oldest first, and the ids of what is only held.
func (d *desk) kind(ctx context.Context, c change, kind retention.Kind, now time.Time) (KindPreview, []string, error) {
	of := KindPreview{Kind: kind, Days: []Day{}}
	cohorts, err := d.ses.Cohorts(ctx, kind)
	if err != nil {
		return of, nil, err
	}
	t := &tally{days: map[string]*Day{}}
	count, counting := errgroup.WithContext(ctx)
	count.SetLimit(counters)
	for _, cohort := range cohorts.List {
		if cohort.Destroyed() || !cohort.End.After(cohorts.Destroyed) {
			continue
		}
		count.Go(func() error { return d.cohort(counting, c, kind, cohort, now, t) })
	}
	if err := count.Wait(); err != nil {
		return of, nil, err
	}
	if !kind.ByDay() {
		in := vault.Range{Listing: vault.OpenListing(d.ses.Account, kind)}
		if c.from.Single(kind) && c.after.Single(kind) && !c.after.Unstored[kind] && !c.from.Unstored[kind] {
			in.Below = vault.Before(now.Add(-min(c.from.Shortest(kind), c.after.Shortest(kind))))
		}
		err := d.Store.Places(ctx, in, func(p vault.Place, _ string) (bool, error) {
			was := retention.CohortOf(p.At, c.from.Keeps(kind), c.from.Zone)
			is := retention.CohortOf(p.At, c.after.Keeps(kind), c.from.Zone)
			if is.End.After(cohorts.Destroyed) {
				t.add(is, c.from.CohortHidden(kind, was, now), c.after.CohortHidden(kind, is, now), c.after.CohortDestroyedFrom(kind, is), 0, 1, 0)
			}
			return true, nil
		})
		if err != nil {
			return of, nil, err
		}
	}
	for _, day := range t.days {
		of.Days = append(of.Days, *day)
	}
	slices.SortFunc(of.Days, func(a, b Day) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Effect, b.Effect)) })
	of.Held = t.held
	return of, t.ids, nil
}

// cohort counts what a change does to a cohort: all of it at once where all of it goes together, else one by one.
func (d *desk) cohort(ctx context.Context, c change, kind retention.Kind, cohort vault.Cohort, now time.Time, t *tally) error {
	of := cohort.Cohort
	together := c.from.Single(kind) && c.after.Single(kind) && !c.from.MayHold(kind, of, now)
	if together || kind.ByDay() {
		before, after := c.from.CohortHidden(kind, of, now), c.after.CohortHidden(kind, of, now)
		held := kind.ByDay() && !now.Before(c.after.CohortHiddenFrom(kind, of)) && !after
		if before == after && !held {
			return nil
		}
		sum, err := d.ses.Tally(ctx, cohort)
		if err != nil {
			return err
		}
		if held {
			t.holds(of.ID, sum.Records, sum.Bytes)
		}
		t.add(of, before, after, c.after.CohortDestroyedFrom(kind, of), sum.Records, 0, sum.Bytes)
		return nil
	}
	return d.ses.ListedIn(ctx, cohort, func(l vault.Listed) (bool, error) {
		it := l.Item(kind, of)
		if l.State == vault.Destroyed || !l.Hand.IsZero() {
			return true, nil
		}
		before, after := c.from.Hidden(it, now), c.after.Hidden(it, now)
		if !after && !now.Before(c.after.Ends(it).At) {
			t.holds(it.ID, 1, l.Bytes)
		}
		t.add(of, before, after, c.after.Destroyed(it).At, 1, 0, l.Bytes)
		return true, nil
	})
}

func (t *tally) holds(id string, records int, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held.Records, t.held.Bytes, t.ids = t.held.Records+records, t.held.Bytes+bytes, append(t.ids, id)
}

// Calendar is what the policy in force will destroy of one kind, day by day.
type Calendar struct {
	Kind retention.Kind `json:"kind"`
	Days []CalendarDay  `json:"days"`
}

// CalendarDay is what is destroyed on a day of the account's time zone, or was to be already. Held of it stays as long as it is
// held. A record that a cadence ends counts on the day of its turn, or of the deadline while a destination is waited for.
type CalendarDay struct {
	Date    string `json:"date"`
	Cohorts int    `json:"cohorts"`
	Records int    `json:"records"`
	Bytes   int64  `json:"bytes"`
	Held    int    `json:"held"`
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
	p, now := d.ses.Policy, d.ses.Now()
	var mu sync.Mutex
	days := map[string]CalendarDay{}
	in := map[string]map[string]bool{} // cohorts by date
	add := func(c vault.Cohort, at time.Time, records int, bytes int64, held bool) {
		if records == 0 {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		date := at.In(p.Zone).Format(time.DateOnly)
		day := days[date]
		if in[date] == nil {
			in[date] = map[string]bool{}
		}
		in[date][c.ID] = true
		day.Date, day.Cohorts, day.Records, day.Bytes = date, len(in[date]), day.Records+records, day.Bytes+bytes
		if held {
			day.Held += records
		}
		days[date] = day
	}
	count, counting := errgroup.WithContext(ctx)
	count.SetLimit(counters)
	for _, c := range cohorts.List {
		if c.Destroyed() {
			continue
		}
		count.Go(func() error {
			if kind.ByDay() {
				sum, err := d.ses.Tally(counting, c)
				add(c, cohorts.DestroysAllFrom(c.Cohort), sum.Records, sum.Bytes, cohorts.MayHold(c.Cohort))
				return err
			}
			return d.ses.ListedIn(counting, c, func(l vault.Listed) (bool, error) {
				if it := l.Item(kind, c.Cohort); l.State != vault.Destroyed {
					at := cohorts.DestroyedBy(it).At
					if by := l.Hand.Add(p.Wait); !l.Hand.IsZero() && by.Before(at) {
						at = by
					}
					add(c, at, 1, l.Bytes, cohorts.Held(it, now))
				}
				return true, nil
			})
		})
	}
	if err := count.Wait(); err != nil {
		return 0, nil, err
	}
	answer := Calendar{Kind: kind, Days: []CalendarDay{}}
	for _, day := range days {
		answer.Days = append(answer.Days, day)
	}
	slices.SortFunc(answer.Days, func(a, b CalendarDay) int { return cmp.Compare(a.Date, b.Date) })
	return http.StatusOK, answer, d.audit(ctx, "retention-calendar.read", "kind="+string(kind), 0)
}

// DriftOf is how a kind stands against its policy.
type DriftOf struct {
	Kind retention.Kind `json:"kind"`
	// Days, or null. Rules and holds may keep what is older than KeepsFrom.
	OldestReadable *string `json:"oldestReadable"`
	KeepsFrom      *string `json:"keepsFrom"`
	OldestPresent  *string `json:"oldestPresent"`
	OverdueSeconds int64   `json:"overdueSeconds"`
	Held           int     `json:"held"`
}

// Drifts is the answer of GET …/retention/drift.
type Drifts struct {
	Kinds []DriftOf `json:"kinds"`
}

func (d *desk) drift(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	answer := Drifts{[]DriftOf{}}
	date := func(t time.Time) *string {
		if t.IsZero() {
			return nil
		}
		s := t.In(d.ses.Policy.Zone).Format(time.DateOnly)
		return &s
	}
	for _, kind := range retention.Kinds() {
		of, err := d.ses.Drift(ctx, kind)
		if err != nil {
			return 0, nil, err
		}
		answer.Kinds = append(answer.Kinds, DriftOf{
			kind, date(of.OldestReadable), date(of.KeepsFrom), date(of.OldestPresent), of.OverdueSeconds, of.Held,
		})
	}
	return http.StatusOK, answer, d.audit(ctx, "retention-drift.read", "", 0)
}

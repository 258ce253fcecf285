package vault

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
)

// Visit is what was told of a visit at once. What is told of it later is another item beside it, so that nobody has to read what
// is there; a reader puts them together.
type Visit struct {
	Source    string            `json:"source"`
	StartedAt conversation.Time `json:"startedAt"`
	EndedAt   conversation.Time `json:"endedAt"`
	conversation.Visit
	Told conversation.Told `json:"told,omitzero"`
}

// visitWriters is how many visits of a delivery are written at a time.
const visitWriters = 8

// PutVisits writes visits, each into the cohort of its time, or of its receipt where the sender's clock is ahead: that then is its
// time, so that it goes to the same cohort when it comes again out of an extract. What stands there already is known, and a day that
// is over takes none; neither is among those that are stored.
func (ses *Session) PutVisits(ctx context.Context, events []conversation.Event) (stored, known int, err error) {
	days := map[string]Cohort{}
	var knew atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(visitWriters)
	for _, e := range events {
		if !e.Received.IsZero() && e.Received.Before(e.Time.Time) {
			e.Time = e.Received
		}
		day := retention.CohortOf(e.Time.Time, ses.Policy.Keeps(retention.Visit), ses.Policy.Zone).ID
		cohort, joined := days[day]
		if !joined {
			all, err := ses.JoinCohorts(ctx, e.Time.Time, retention.Visit)
			if err != nil {
				_ = group.Wait()
				return 0, 0, err
			}
			cohort = all[retention.Visit]
			days[day] = cohort
		}
		if cohort.ID == "" {
			continue
		}
		stored++
		group.Go(func() error {
			known, err := ses.putVisit(ctx, e, cohort)
			if known {
				knew.Add(1)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, 0, err
	}
	known = int(knew.Load())
	return stored - known, known, nil
}

// putVisit writes a visit unless it stands there already.
func (ses *Session) putVisit(ctx context.Context, e conversation.Event, c Cohort) (known bool, err error) {
	v := Visit{
		Source: e.Source, StartedAt: e.Time, EndedAt: e.Time, Visit: *e.Visit,
		Told: conversation.Told{Event: e.ID, Visit: e.Conversation, Time: e.Time},
	}
	for _, p := range v.Pages {
		if p.Time.Before(v.StartedAt.Time) {
			v.StartedAt = p.Time
		}
		if p.Time.After(v.EndedAt.Time) {
			v.EndedAt = p.Time
		}
	}
	record := ses.Index.RecordID(e.Source, retention.Visit, e.Conversation)
	item, err := ses.sealOfDay(c, record+"-"+ses.Index.EntryID(record, e.ID), v)
	if err != nil {
		return false, err
	}
	return ses.store.putRecord(ctx, item)
}

// JoinVisits is parts of one visit as one.
func JoinVisits(parts []Visit) Visit {
	v, pages := parts[0], 0
	for _, o := range parts {
		pages += len(o.Pages)
	}
	v.Pages = make([]conversation.Page, 0, pages)
	for _, o := range parts {
		if o.StartedAt.Before(v.StartedAt.Time) {
			v.StartedAt, v.Referrer = o.StartedAt, o.Referrer // what led to the first page led to the visit
		}
		if o.EndedAt.After(v.EndedAt.Time) {
			v.EndedAt = o.EndedAt
		}
		if v.VisitorID == "" {
			v.VisitorID = o.VisitorID
		}
		v.Pages = append(v.Pages, o.Pages...)
	}
	slices.SortFunc(v.Pages, func(a, b conversation.Page) int {
		return cmp.Or(a.Time.Compare(b.Time.Time), cmp.Compare(a.URL, b.URL), cmp.Compare(a.Title, b.Title))
	})
	v.Pages = slices.Compact(v.Pages)
	return v
}

// VisitOf is the id of the visit of which an item is a part.
func VisitOf(item string) string {
	if len(item) > recordLength {
		return item[:recordLength]
	}
	return item
}

// RecordOf is the id of the record of which an item is a part, in a cohort of a kind that goes by the day: what is told of a visit
// later is an item beside it, and a fact is one.
func (c Cohort) RecordOf(item string) string {
	if c.Kind == retention.Visit {
		return VisitOf(item)
	}
	return item
}

// recordLength is how long the ids of records are.
const recordLength = 32

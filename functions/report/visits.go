package report

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// Visit is a visit of a web site as a reader gets it: what was told of it within one day.
type Visit struct {
	ID string `json:"id"`
	vault.Visit
	ExpiresAt conversation.Time `json:"expiresAt"`
}

// visits lists visits, those of the newest day first and within a day in the order of their ids, which is none: what there is of
// a day is many small items that stand by visit, and to sort them all of it would have to be read.
func (h *Handler) visits(ctx context.Context, ses *vault.Session, entry audit.Entry, raw string) (int, any, error) {
	q, err := parseQuestion(retention.Visit, raw)
	if err != nil {
		return 0, nil, err
	}
	page, err := h.visitPage(ctx, ses, q)
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	entry.Action, entry.Records = "visit.list", len(page.Visits)
	entry.Target = fmt.Sprintf("from=%s to=%s limit=%d", stamp(q.from), stamp(q.to), q.limit)
	if err := h.Audit(ctx, entry); err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	return http.StatusOK, page, nil
}

// dayRead is how many items of a day are read at a time.
const dayRead = 200

// visitForm is a place among visits: a cohort, and an item of it.
var visitForm = regexp.MustCompile(`^([0-9TZ:-]{10,20})/([a-z2-7]{32}-[a-z2-7]{26})$`)

// errFull ends a page before the end of what there is.
var errFull = errors.New("the page is full")

func (h *Handler) visitPage(ctx context.Context, ses *vault.Session, q question) (Page, error) {
	page := Page{Visits: []Visit{}}
	cohorts, err := ses.Cohorts(ctx, retention.Visit)
	if err != nil {
		return page, err
	}
	b := visitBuilder{limit: q.limit}
	var day, after string
	if m := visitForm.FindStringSubmatch(q.below); m != nil {
		day, after = m[1], m[2]
	}
	for _, c := range cohorts.List {
		if day != "" && c.ID > day || c.Destroyed() || cohorts.Over(c.Cohort, h.Store.Now()) || !q.to.IsZero() && !c.Start.Before(q.to) {
			continue
		}
		if !c.End.After(q.from) {
			break // what follows is older
		}
		if c.ID != day {
			after = ""
		}
		open, err := ses.DayOpener(c)
		if errors.Is(err, vault.ErrUnreadable) {
			continue
		}
		if err != nil {
			return page, err
		}
		err = ses.OfDay(ctx, c, after, dayRead, func(s vault.SealedItem) (bool, error) {
			var v vault.Visit
			if err := open(s, &v); errors.Is(err, vault.ErrDamaged) {
				slog.ErrorContext(ctx, "left out", slog.String("visit", s.ID), slog.String("cause", edge.Cause(err)))
				return true, nil
			} else if err != nil {
				return false, err
			}
			if v.EndedAt.Before(q.from) || !q.to.IsZero() && !v.StartedAt.Before(q.to) {
				return true, nil
			}
			return true, b.add(c.ID, s.ID, v, cohorts.Expires(c.Cohort))
		})
		if err == nil {
			err = b.close()
		}
		if errors.Is(err, errFull) {
			break
		}
		if err != nil {
			return page, err
		}
	}
	page.Visits = append(page.Visits, b.done...)
	page.Next = b.next
	return page, nil
}

// A visit of more than this is listed as several of one id, so that however much is told of one, an answer has room for it.
const (
	maxVisitPages = 1000
	maxVisitBytes = 1 << 20
)

// visitBuilder puts the parts of visits together, which come one behind the other.
type visitBuilder struct {
	limit, bytes int
	done         []Visit
	open         *openVisit
	closed       string // the place of the last part of the last that is done
	next         *string
}

// openVisit is a visit of which more parts may come.
type openVisit struct {
	id           string
	parts        []vault.Visit
	pages, bytes int
	expires      time.Time
	place        string // of the last part
}

func (b *visitBuilder) add(cohort, item string, v vault.Visit, expires time.Time) error {
	id := vault.VisitOf(item)
	v.Told = conversation.Told{} // a reader gets what was told, and not by what
	text, err := json.Marshal(v)
	if err != nil {
		return errUnwritten
	}
	if o := b.open; o == nil || o.id != id || o.pages+len(v.Pages) > maxVisitPages || o.bytes+len(text) > maxVisitBytes {
		if err := b.close(); err != nil {
			return err
		}
		if len(b.done) == b.limit {
			return b.full()
		}
		b.open = &openVisit{id: id, expires: expires}
	}
	o := b.open
	o.parts, o.pages, o.bytes, o.place = append(o.parts, v), o.pages+len(v.Pages), o.bytes+len(text), cohort+"/"+item
	return nil
}

var errUnwritten = errors.New("a visit cannot be written")

// close counts the open visit as done, if there is room for it.
func (b *visitBuilder) close() error {
	if b.open == nil {
		return nil
	}
	v := Visit{ID: b.open.id, Visit: vault.JoinVisits(b.open.parts), ExpiresAt: conversation.At(b.open.expires)}
	text, err := json.Marshal(v)
	if err != nil {
		return errUnwritten
	}
	if b.bytes += len(text) + 1; b.bytes > MaxAnswer && len(b.done) > 0 {
		return b.full()
	}
	b.done, b.closed, b.open = append(b.done, v), b.open.place, nil
	return nil
}

func (b *visitBuilder) full() error {
	text := base64.RawURLEncoding.EncodeToString([]byte(b.closed))
	b.next, b.open = &text, nil
	return errFull
}

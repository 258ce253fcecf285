package report

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// Page is the answer of a list of one kind. Next is the cursor of the page that follows, or null.
type Page struct {
	Chats    []conversation.View `json:"chats,omitzero"`
	Tickets  []conversation.View `json:"tickets,omitzero"`
	Calls    []conversation.View `json:"calls,omitzero"`
	Articles []conversation.View `json:"articles,omitzero"`
	Visits   []Visit             `json:"visits,omitzero"`
	Next     *string             `json:"next"`
}

// of is the list of a kind of conversations; an empty one is not left out of the answer.
func (p *Page) of(kind retention.Kind) *[]conversation.View {
	list := map[retention.Kind]*[]conversation.View{
		retention.Chat: &p.Chats, retention.Ticket: &p.Tickets, retention.Call: &p.Calls, retention.Article: &p.Articles,
	}[kind]
	if *list == nil {
		*list = []conversation.View{}
	}
	return list
}

// question is what a list was asked for.
type question struct {
	kind     retention.Kind
	from, to time.Time // zero is no bound
	state    conversation.State
	limit    int
	below    string // the position after which the page begins
}

var parameters = []string{"from", "to", "state", "limit", "cursor"}

func parseQuestion(kind retention.Kind, raw string) (q question, err error) {
	q.kind, q.limit = kind, defaultLimit
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, ErrParameter
	}
	for name, all := range values {
		value := all[0]
		if len(all) > 1 {
			return q, ErrParameter
		}
		if value == "" && slices.Contains(parameters, name) {
			continue // as if it were not there
		}
		var err error
		switch name {
		case "from":
			q.from, err = parseTime(value)
		case "to":
			q.to, err = parseTime(value)
		case "state":
			if kind == retention.Visit {
				return q, ErrParameter // visits have none
			}
			if q.state = conversation.State(value); q.state != conversation.Open && q.state != conversation.Settled {
				err = ErrParameter
			}
		case "limit":
			if q.limit, err = strconv.Atoi(value); q.limit < 1 || q.limit > maxLimit {
				err = ErrParameter
			}
		case "cursor":
			q.below, err = parseCursor(kind, value)
		default:
			err = ErrParameter
		}
		if err != nil {
			return q, ErrParameter
		}
	}
	return q, nil
}

// parseTime takes a plus sign that was not escaped for what it was meant to be.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, strings.ReplaceAll(s, " ", "+"))
	if err == nil && (t.Year() < 1970 || t.Year() > 9999) {
		err = ErrParameter
	}
	return t, err
}

func cursor(position string) *string {
	s := base64.RawURLEncoding.EncodeToString([]byte(position))
	return &s
}

func parseCursor(kind retention.Kind, s string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return "", err
	}
	if kind == retention.Visit {
		if !visitForm.Match(b) {
			return "", ErrParameter
		}
		return string(b), nil
	}
	if _, err := vault.ParsePosition(string(b)); err != nil {
		return "", err
	}
	return string(b), nil
}

// candidate is a conversation that may stand on the page.
type candidate struct {
	vault.Place
	position string
}

func (h *Handler) list(ctx context.Context, ses *vault.Session, entry audit.Entry, kind retention.Kind, raw string) (int, any, error) {
	q, err := parseQuestion(kind, raw)
	if err != nil {
		return 0, nil, err
	}
	page, err := h.page(ctx, ses, q)
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	entry.Action, entry.Records = string(kind)+".list", len(*page.of(kind))
	entry.Target = fmt.Sprintf("from=%s to=%s state=%s limit=%d", stamp(q.from), stamp(q.to), q.state, q.limit)
	if err := h.Audit(ctx, entry); err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	return http.StatusOK, page, nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// rounds bounds how many times a page is filled up after conversations that turned out to be gone.
const rounds = 20

// page fills a page from the newest candidates below the cursor.
func (h *Handler) page(ctx context.Context, ses *vault.Session, q question) (Page, error) {
	var page Page
	chosen := page.of(q.kind)
	cohorts, err := ses.Cohorts(ctx, q.kind)
	if err != nil {
		return page, err
	}
	bytes := 0
	for range rounds {
		candidates, err := h.candidates(ctx, ses, cohorts, q)
		if err != nil {
			return page, err
		}
		views, err := h.open(ctx, ses, cohorts, candidates, q)
		if err != nil {
			return page, err
		}
		full := false
		for i, v := range views {
			if v != nil {
				b, err := json.Marshal(v)
				if err != nil {
					return page, err
				}
				if full = bytes+len(b) > MaxAnswer && len(*chosen) > 0; full {
					break
				}
				bytes += len(b) + 1
				*chosen = append(*chosen, *v)
			}
			q.below = candidates[i].position
			if len(*chosen) == q.limit {
				break
			}
		}
		page.Next = cursor(q.below)
		switch {
		case full:
			return page, nil
		case len(candidates) < q.limit && q.below == last(candidates, q.below):
			page.Next = nil // that was all
			return page, nil
		case len(*chosen) == q.limit:
			return page, nil
		}
	}
	return page, nil
}

func last(candidates []candidate, otherwise string) string {
	if len(candidates) == 0 {
		return otherwise
	}
	return candidates[len(candidates)-1].position
}

// candidates are the newest places below the cursor, at most as many as a page holds: those of open conversations and
// those of each cohort that can still be read, merged.
func (h *Handler) candidates(ctx context.Context, ses *vault.Session, cohorts vault.Cohorts, q question) ([]candidate, error) {
	var found []candidate
	gather := func(listing, below string, from time.Time) error {
		n := 0
		return h.Store.Places(ctx, vault.Range{Listing: listing, Below: below, NewestFirst: true, Page: int32(q.limit)},
			func(p vault.Place, position string) (bool, error) {
				if p.At.Before(from) {
					return false, nil
				}
				n++
				found = append(found, candidate{p, position})
				return n < q.limit, nil
			})
	}
	if q.state != conversation.Settled {
		if err := gather(vault.OpenListing(ses.Account, q.kind), q.below, time.Time{}); err != nil {
			return nil, err
		}
	}
	open := len(found)
	if q.state != conversation.Open {
		below := q.below
		if !q.to.IsZero() && (below == "" || vault.Before(q.to) < below) {
			below = vault.Before(q.to)
		}
		for _, c := range cohorts.List {
			if len(found)-open >= q.limit || !c.End.After(q.from) {
				break // what follows is older
			}
			if c.Destroyed() || cohorts.Over(c.Cohort, h.Store.Now()) || below != "" && vault.Before(c.Start) >= below {
				continue
			}
			for shard := range vault.Shards {
				if err := gather(vault.CohortListing(ses.Account, c.Kind, c.ID, shard), below, q.from); err != nil {
					return nil, err
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b candidate) int { return cmp.Compare(b.position, a.position) })
	return found[:min(len(found), q.limit)], nil
}

// openers is how many conversations are opened at a time.
const openers = 8

// open opens candidates; nil stands for one that is gone, or that the question leaves out.
func (h *Handler) open(ctx context.Context, ses *vault.Session, cohorts vault.Cohorts, candidates []candidate, q question) ([]*conversation.View, error) {
	places := make([]vault.Place, len(candidates))
	for i, c := range candidates {
		places[i] = c.Place
	}
	rows, err := ses.RowsAt(ctx, places)
	if err != nil {
		return nil, err
	}
	at := map[string]vault.Row{}
	for _, r := range rows {
		at[vault.ID(r.ID, r.Incarnation)] = r
	}
	views := make([]*conversation.View, len(candidates))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(openers)
	for i, p := range places {
		row, ok := at[vault.ID(p.Record, p.Incarnation)]
		if !ok || !wanted(row.State, q.state) {
			continue
		}
		delete(at, vault.ID(p.Record, p.Incarnation)) // the index may show a conversation at two places
		group.Go(func() error {
			c, err := ses.Load(ctx, row, &cohorts)
			if errors.Is(err, vault.ErrDamaged) {
				// One that does not open must not hide the others.
				slog.ErrorContext(ctx, "left out", slog.String("record", row.ID), slog.String("cause", edge.Cause(err)))
				return nil
			}
			if errors.Is(err, vault.ErrUnreadable) {
				return nil
			}
			if err != nil {
				return err
			}
			if c.Anchor.Before(q.from) || !q.to.IsZero() && !c.Anchor.Before(q.to) {
				return nil
			}
			v := c.View()
			v.Entries = nil
			views[i] = &v
			return nil
		})
	}
	return views, group.Wait()
}

func wanted(state vault.State, asked conversation.State) bool {
	return asked == "" || (state == vault.Settled) == (asked == conversation.Settled)
}

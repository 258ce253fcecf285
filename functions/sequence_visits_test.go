package functions_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/report"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/retention"
)

// The part of the random sequences that is about visits, which are kept and destroyed by the day, and about articles, of which the
// last text is kept.

// visit tells of pages of visits: of today or of yesterday, of one that is known or of another.
func (w *theatre) visit() {
	type told struct {
		visit string
		page  conversation.Page
	}
	var all []told
	var said []string
	for range 1 + w.random.IntN(3) {
		w.said++
		at := w.now()
		if w.random.IntN(4) == 0 {
			at = at.Add(-time.Duration(w.random.IntN(40)) * time.Hour)
		}
		of := told{fmt.Sprint("visit", w.random.IntN(3)), conversation.Page{Time: conversation.At(at), URL: fmt.Sprintf("https://shop.example.com/%d", w.said)}}
		all = append(all, of)
		said = append(said, fmt.Sprintf(`{"id":"v%[1]d","type":"visit.recorded","time":%[2]q,"visit":%[3]q,"visitorId":"v","pages":[{"time":%[2]q,"url":%[4]q}]}`,
			w.said, stamp(at), of.visit, of.page.URL))
	}
	body := canonicalDelivery(said...)
	w.tell("%d pages of visits", len(all))
	w.send(body)
	if w.model.policy.of[retention.Visit].unstored {
		return
	}
	for _, of := range all {
		if d := w.model.visitDay(of.page.Time.Time); !d.gone {
			id := w.index.RecordID("canonical", retention.Visit, of.visit)
			d.visits[id] = append(d.visits[id], of.page)
		}
	}
	w.bodies = append(w.bodies, posted{body: body, of: "visits"})
}

// article publishes, changes or withdraws one.
func (w *theatre) article() {
	c, now, l := w.knowledge, w.now(), w.model.newest(w.knowledge.name)
	w.said++
	head := fmt.Sprintf(`"id":"a%d","time":%q,"article":%q,"department":%q`, w.said, stamp(now), c.name, c.department)
	if l != nil && l.status == "published" && w.model.readable(l, now) && w.random.IntN(3) == 0 && !w.model.policy.of[c.kind].unstored {
		body := canonicalDelivery(`{"type":"article.withdrawn",` + head + `}`)
		w.tell("the article is withdrawn")
		w.send(body)
		l.anchor, l.known, l.settled, l.status, l.statusAt = now, now, false, "withdrawn", now
		w.bodies = append(w.bodies, posted{body: body, of: l.id})
		return
	}
	text := fmt.Sprint("text ", w.said)
	body := canonicalDelivery(fmt.Sprintf(`{"type":"article.%s",%s,"text":%q}`, pick(w.random, "published", "changed"), head, text))
	w.tell("an article")
	w.send(body)
	if l := w.say(c, text, nil, nil, body); l != nil {
		l.status, l.statusAt = "published", now
	}
}

// compareVisits compares the list of visits.
func (w *theatre) compareVisits() {
	status, body := w.read(retention.Visit, "", "limit=100")
	var page report.Page
	if status != 200 || json.Unmarshal([]byte(body), &page) != nil || page.Next != nil {
		w.wrong("visits: %d %s", status, body)
	}
	line := func(id string, pages []conversation.Page) string {
		slices.SortFunc(pages, func(a, b conversation.Page) int {
			return cmp.Or(a.Time.Compare(b.Time.Time), cmp.Compare(a.URL, b.URL))
		})
		for _, p := range pages {
			id += fmt.Sprint(" ", p.Time, " ", p.URL)
		}
		return id
	}
	var got, want []string
	for _, v := range page.Visits {
		got = append(got, line(v.ID, v.Pages))
	}
	for _, d := range w.model.days {
		if w.model.shows(w.model.policy, d, w.now()) {
			for id, pages := range d.visits {
				want = append(want, line(id, slices.Clone(pages)))
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.wrong("listed visits: %v, want %v\n%s", got, want, w.aboutDays())
	}
}

// aboutDays tells what the model thinks of the days of visits.
func (w *theatre) aboutDays() string {
	var b strings.Builder
	for _, d := range w.model.days {
		over, held := w.model.dayOver(retention.Visit, d.Cohort, w.now())
		fmt.Fprintf(&b, "  %s: %d visits, ends %s, over %v, held %v, gone %v, destroyed %v\n", d.ID, len(d.visits),
			w.model.dayEnds(w.model.policy, retention.Visit, d.Cohort).Format(time.RFC3339), over, held, d.gone, d.destroyed)
	}
	return b.String()
}

// dayRows compares the keys of the days of visits: what is destroyed was to be, and nothing else is.
func (w *theatre) dayRows() {
	keys := map[string]attr.Item{}
	for _, item := range w.items(w.Tables.Keys) {
		if attr.GetS(item, "pk") == "demo#cohort#visit#" {
			keys[attr.GetS(item, "sk")] = item
		}
	}
	for _, d := range w.model.days {
		switch has := len(attr.GetB(keys[d.ID], "key")) > 0; {
		case !has && !d.gone && len(d.visits) > 0:
			w.wrong("the visits of %s are destroyed and were not to be\n%s", d.ID, w.aboutDays())
		case !has && d.gone:
			d.destroyed = true
		case has && d.destroyed && len(d.visits) > 0:
			w.wrong("the visits of %s were destroyed and have a key\n%s", d.ID, w.aboutDays())
		}
	}
}

// statedVisits looks for the visits of every day that is destroyed, each in the part of its day and in no other, and counts them.
func (w *theatre) statedVisits(all []receipt.Signed) (named int) {
	for _, d := range w.model.days {
		for id := range d.visits {
			n := 0
			for _, s := range all {
				for part := range s.FindAll(id) {
					if part.Cohort == d.ID {
						n++
					}
				}
			}
			if d.destroyed && n != 1 || !d.destroyed && n > 0 {
				w.wrong("a visit of %s, destroyed %v, stands in %d receipts\n%s", d.ID, d.destroyed, n, w.aboutDays())
			}
			named += n
		}
	}
	return named
}

// extractedVisits compares the lines of an extract: a page is in it as long as its day can be read.
func (w *theatre) extractedVisits(lines string) {
	for _, d := range w.model.days {
		shown := w.model.shows(w.model.policy, d, w.now())
		for _, pages := range d.visits {
			for _, p := range pages {
				if strings.Contains(lines, `"`+p.URL+`"`) != shown {
					w.wrong("%s in the extract, which should be %v\n%s", p.URL, shown, w.aboutDays())
				}
			}
		}
	}
}

// previewed compares what a preview counts: what has settled, and the visits of a day, that can be read now and not under the policy
// that is wanted.
func (w *theatre) previewed(p admin.Preview, next regulation) {
	now, want := w.now(), map[retention.Kind]int{}
	for _, l := range w.model.lives {
		if before, after := w.model.ends(w.model.policy, l), w.model.ends(next, l); l.settled && !l.gone && !l.destroyed && l.hand.IsZero() &&
			!w.model.held(l, now) && now.Before(before) && !now.Before(after) {
			want[l.kind]++
		}
	}
	for _, d := range w.model.days {
		if w.model.shows(w.model.policy, d, now) && !w.model.shows(next, d, now) {
			want[retention.Visit] += len(d.visits)
		}
	}
	for _, k := range p.Kinds {
		if k.Kind != retention.Fact && k.Hides.Records != want[k.Kind] {
			w.wrong("a preview hides %d %ss, want %d\n%s%s", k.Hides.Records, k.Kind, want[k.Kind], w.about(), w.aboutDays())
		}
	}
}

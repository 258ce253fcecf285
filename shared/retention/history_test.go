package retention_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/supportvault/supportvault/shared/retention"
)

// TestHistories runs random histories of an account against a model that remembers all of it. One that fails is cut down to
// the acts that it needs, and can be run again by its seed:
//
//	RETENTION_SEED=17 go test ./shared/retention -run TestHistories
func TestHistories(t *testing.T) {
	first, n := rand.Uint64()>>16, uint64(1500)
	if s := os.Getenv("RETENTION_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first, n = seed, 1
	}
	t.Logf("seeds from %d on", first)
	for began, seed := time.Now(), first; seed < first+n && time.Since(began) < 2*time.Second; seed++ {
		acts := randomActs(seed)
		if play(seed, acts) == nil {
			continue
		}
		for cut := true; cut; {
			cut = false
			for i := len(acts) - 1; i >= 0; i-- {
				if fewer := slices.Delete(slices.Clone(acts), i, i+1); play(seed, fewer) != nil {
					acts, cut = fewer, true
				}
			}
		}
		h := play(seed, acts)
		t.Fatalf("RETENTION_SEED=%d: %s\n%s", seed, h.wrong, strings.Join(h.log, "\n"))
	}
}

// act is one thing that happens: what it is about is drawn from its own seed, so that it stays the same without the others.
type act struct {
	after time.Duration
	what  int
	seed  uint64
}

func randomActs(seed uint64) []act {
	r := rand.New(rand.NewPCG(seed, 1))
	acts := make([]act, 10+r.IntN(50))
	for i := range acts {
		after := time.Duration(r.IntN(90)) * time.Minute
		switch r.IntN(4) {
		case 0:
			after = time.Duration(r.IntN(40*24)) * time.Hour
		case 1:
			after = time.Duration(r.IntN(3*24*60)) * time.Minute
		case 2:
			after = 0
		}
		acts[i] = act{after, r.IntN(20), r.Uint64()}
	}
	return acts
}

// known is a record and what the model knows of it: whether it is over for good.
type known struct {
	retention.Item
	over bool
}

// keeper is a policy that keeps something from destruction, until it does no more; the one in force has no end.
type keeper struct {
	retention.Policy
	until time.Time
}

// limit is a hold and the records that were over for good when it was set.
type limit struct {
	retention.Hold
	without map[*known]bool
}

type history struct {
	floor   retention.Floor
	purges  bool // whether purge ever runs
	now     time.Time
	f       retention.InForce
	swept   time.Time
	records []*known
	before  []keeper
	holds   []limit
	log     []string
	wrong   string
}

// play is nil where the package and the model say the same.
func play(seed uint64, acts []act) *history {
	r := rand.New(rand.NewPCG(seed, 2))
	zone, err := time.LoadLocation([]string{"UTC", "Europe/Berlin", "Atlantic/Azores", "Australia/Lord_Howe", "Asia/Tokyo"}[r.IntN(5)])
	if err != nil {
		panic(err)
	}
	h := &history{floor: retention.FloorDay, purges: r.IntN(2) == 0, now: time.Date(2026, time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), 0, 0, zone)}
	if r.IntN(4) == 0 {
		h.floor = retention.FloorMinute
	}
	h.f = retention.InForce{Policy: h.policy(r), Zone: zone}
	h.says("begins in %s with %s", zone, terms(h.f.Policy))
	for _, a := range acts {
		h.now = h.now.Add(a.after)
		h.passes()
		h.do(a.what, rand.New(rand.NewPCG(a.seed, 3)))
		h.passes()
		if h.compare(); h.wrong != "" {
			return h
		}
	}
	return nil
}

func (h *history) says(form string, args ...any) {
	h.log = append(h.log, h.now.Format("2006-01-02 15:04:05 -07:00 ")+fmt.Sprintf(form, args...))
}

func (h *history) policy(r *rand.Rand) retention.Policy {
	lengths := []period{{Days: 1}, {Days: 2}, {Days: 7}, {Months: 1}, {Months: 3}, {Days: 1, Minutes: 90}}
	if h.floor == retention.FloorMinute {
		lengths = append(lengths, period{Minutes: 2}, period{Minutes: 45}, period{Minutes: 600})
	}
	for {
		p := retention.Policy{
			Plan:      []retention.Plan{retention.Standard, retention.Enterprise}[r.IntN(2)],
			Shortened: map[retention.Kind]period{}, Cadences: map[retention.Kind]retention.Cadence{}, Unstored: map[retention.Kind]bool{},
		}
		for _, kind := range retention.Kinds() {
			if r.IntN(3) > 0 {
				p.Shortened[kind] = lengths[r.IntN(len(lengths))]
			}
			if r.IntN(4) == 0 {
				p.Cadences[kind] = retention.Cadences()[r.IntN(5)]
			}
			if r.IntN(12) == 0 {
				p.Unstored[kind] = true
			}
		}
		for i := range max(0, r.IntN(5)-2) {
			rule := retention.Rule{Name: fmt.Sprintf("r%d", i), Mark: []retention.Mark{vip, spam, sales}[r.IntN(3)], Unstored: r.IntN(10) == 0}
			if r.IntN(3) == 0 {
				rule.Kinds = []retention.Kind{retention.Conversations()[r.IntN(2)]}
			}
			if r.IntN(2) == 0 {
				rule.Keeps = lengths[r.IntN(len(lengths))]
			}
			if r.IntN(3) == 0 {
				rule.Cadence = retention.Cadences()[r.IntN(5)]
			}
			p.Rules = append(p.Rules, rule)
		}
		if r.IntN(3) == 0 {
			p.Deadline = time.Duration(1+r.IntN(100)) * time.Hour
		}
		if p.Check(h.floor) == nil {
			return p
		}
	}
}

func terms(p retention.Policy) string {
	s := fmt.Sprintf("%s %v", p.Plan, p.Shortened)
	if len(p.Cadences) > 0 {
		s += fmt.Sprintf(" cadences %v", p.Cadences)
	}
	if len(p.Unstored) > 0 {
		s += fmt.Sprintf(" unstored %v", p.Unstored)
	}
	for _, r := range p.Rules {
		s += fmt.Sprintf(" rule(%v %x keeps %s %s unstored %t)", r.Kinds, r.Mark[:1], r.Keeps, r.Cadence, r.Unstored)
	}
	return s + fmt.Sprintf(" deadline %s", p.Deadline)
}

// held says whether a hold keeps a record: one that was set while it was not over.
func (h *history) held(k *known) bool {
	return slices.ContainsFunc(h.holds, func(l limit) bool {
		date := k.Cohort.ID[:10]
		switch {
		case l.without[k], !l.Until.IsZero() && !h.now.Before(l.Until):
			return false
		case len(l.Kinds) > 0 && !slices.Contains(l.Kinds, k.Kind), l.From != "" && date < l.From, l.To != "" && date > l.To:
			return false
		case k.Kind.ByDay():
			return len(l.Records) == 0 && len(l.Marks) == 0
		}
		for _, m := range l.Marks {
			if !slices.Contains(k.Marks, m) {
				return false
			}
		}
		return len(l.Records) == 0 || slices.Contains(l.Records, k.ID)
	})
}

// passes says of each record whether it has come to be over for good: nothing that was in force keeps it, and no hold.
func (h *history) passes() {
	for _, k := range h.records {
		if k.over || h.f.Policy.Ends(k.Item).At.After(h.now) || h.held(k) {
			continue
		}
		k.over = !slices.ContainsFunc(h.before, func(p keeper) bool { return h.now.Before(p.until) && p.Ends(k.Item).At.After(h.now) })
	}
}

func (h *history) do(what int, r *rand.Rand) {
	var k *known
	if len(h.records) > 0 {
		k = h.records[r.IntN(len(h.records))]
	}
	made := map[retention.Kind][]retention.Cohort{}
	for _, k := range h.records {
		made[k.Kind] = append(made[k.Kind], k.Cohort)
	}
	switch {
	case what < 6:
		h.now = h.now.Add(time.Millisecond) // not at the instant of a change: which came first would not be told
		h.settle(r)
	case what < 10 && k != nil && !k.Kind.ByDay() && !k.over && !h.f.Hidden(k.Item, h.now):
		h.now = h.now.Add(time.Millisecond)
		h.befalls(k, r)
	case what < 14:
		next, wait := h.policy(r), []time.Duration{0, time.Hour, dayLong, 30 * dayLong}[r.IntN(4)]
		if n := len(h.before); n > 0 && r.IntN(3) == 0 {
			next = h.before[r.IntN(n)].Policy // undone
		}
		h.before = append(h.before, keeper{h.f.Policy, h.now.Add(wait)})
		h.f = h.f.Change(next, made, h.swept, h.now, wait)
		h.says("changes, with a wait of %s, to %s", wait, terms(next))
	case what < 16:
		h.holdOn(k, made, r)
	case what < 17 && len(h.holds) > 0:
		i := r.IntN(len(h.holds))
		h.f = h.f.Expire(h.now).Release(h.holds[i].ID)
		h.says("releases %s", h.holds[i].ID)
		h.holds = slices.Delete(h.holds, i, i+1)
	case what < 18 && h.purges:
		h.purge()
	}
}

// settle makes a record, as the vault does: none of a cohort of which all is destroyed.
func (h *history) settle(r *rand.Rand) {
	kind := retention.Kinds()[r.IntN(3)]
	anchor := h.now.Add(-time.Duration(r.IntN(600)) * time.Minute)
	if r.IntN(6) == 0 {
		anchor = h.now.AddDate(0, 0, -r.IntN(100)) // an import
	}
	c := retention.CohortOf(anchor, h.f.Keeps(kind), h.f.Zone)
	k := &known{Item: item(kind, h.now)}
	k.ID, k.Cohort, k.Zone = fmt.Sprintf("k%d", len(h.log)), c, h.f.Zone
	if kind.ByDay() {
		if slices.ContainsFunc(h.records, func(k *known) bool { return k.Kind == kind && k.Cohort == c }) {
			return // facts of a day are one
		}
		id := k.ID
		k.Item = retention.OfDay(kind, c, h.f.Zone)
		k.ID = id
	}
	if h.f.CohortDestroyed(kind, c, h.now) {
		return
	}
	if !kind.ByDay() {
		h.settled(k, r)
	}
	h.records = append(h.records, k)
	h.says("settles %s, a %s of %s with %d marks, awaits %t, completes %s", k.ID, kind, c.ID, len(k.Marks), k.Awaits, k.Completes)
}

func (h *history) settled(k *known, r *rand.Rand) {
	var marks []retention.Mark
	for _, m := range []retention.Mark{vip, spam, sales} {
		if r.IntN(3) == 0 {
			marks = append(marks, m)
		}
	}
	k.Settled, k.Marks, k.Awaits, k.Delivered, k.Completes = h.now, retention.MarksOf(marks...), r.IntN(3) == 0, time.Time{}, time.Time{}
	switch r.IntN(3) {
	case 0:
		k.Completes = h.now
	case 1:
		k.Completes = h.now.Add(time.Duration(r.IntN(7*24)) * time.Hour)
	}
}

// befalls is what happens to one record that can be read.
func (h *history) befalls(k *known, r *rand.Rand) {
	switch r.IntN(4) {
	case 0:
		if k.Completes.IsZero() || k.Completes.After(h.now) {
			k.Completes = h.now
			h.says("completes %s", k.ID)
		}
	case 1:
		if k.Awaits {
			k.Awaits, k.Delivered = false, h.now
			h.says("delivers %s", k.ID)
		}
	case 2: // a tag, for instance
		h.settled(k, r)
		h.says("settles %s again, with %d marks, awaits %t, completes %s", k.ID, len(k.Marks), k.Awaits, k.Completes)
	default: // it goes on
		c := retention.CohortOf(h.now, h.f.Keeps(k.Kind), h.f.Zone)
		if h.f.CohortDestroyed(k.Kind, c, h.now) {
			return
		}
		k.Cohort = c
		h.settled(k, r)
		h.says("settles %s in %s, with %d marks, awaits %t, completes %s", k.ID, c.ID, len(k.Marks), k.Awaits, k.Completes)
	}
}

func (h *history) holdOn(k *known, made map[retention.Kind][]retention.Cohort, r *rand.Rand) {
	hold := retention.Hold{ID: fmt.Sprintf("h%d", len(h.log))}
	if k != nil && r.IntN(2) == 0 {
		hold.Records = []string{k.ID}
	}
	if r.IntN(3) == 0 {
		hold.Marks = []retention.Mark{[]retention.Mark{vip, spam, sales}[r.IntN(3)]}
	}
	if r.IntN(3) == 0 {
		hold.Kinds = []retention.Kind{retention.Kinds()[r.IntN(3)]}
	}
	if r.IntN(3) == 0 {
		hold.From = h.now.AddDate(0, 0, -r.IntN(40)).Format(time.DateOnly)
	}
	if r.IntN(3) == 0 {
		hold.To = h.now.AddDate(0, 0, -r.IntN(10)).Format(time.DateOnly)
	}
	if r.IntN(3) == 0 {
		hold.Until = h.now.Add(time.Duration(1+r.IntN(60*24)) * time.Hour)
	}
	if hold.Check() != nil {
		return
	}
	if r.IntN(2) == 0 {
		h.f = h.f.Expire(h.now)
	}
	h.f = h.f.Hold(hold, made, h.swept, h.now)
	l := limit{hold, map[*known]bool{}}
	for _, k := range h.records {
		l.without[k] = k.over
	}
	h.holds = append(h.holds, l)
	h.says("holds %+v", hold)
}

// purge destroys what may be, by cohorts and one by one, and says what is swept where it held nothing back.
func (h *history) purge() {
	held := false
	h.records = slices.DeleteFunc(h.records, func(k *known) bool {
		if !k.Kind.ByDay() && h.f.Held(k.Item, h.now) && !h.now.Before(h.f.Destroyed(k.Item).At) {
			held = true
		}
		gone := h.f.CohortDestroyed(k.Kind, k.Cohort, h.now) && !h.f.MayHold(k.Kind, k.Cohort, h.now) || h.f.Destroys(k.Item, h.now)
		if gone && !k.over {
			h.wrong = "purge destroys " + k.ID
		}
		return gone
	})
	if !held {
		h.swept = h.now
	}
	h.says("purges, swept %t", !held)
}

// compare says what the package and the model disagree on, or the package with itself.
func (h *history) compare() {
	for _, k := range h.records {
		f, c, now := h.f, k.Cohort, h.now
		ended := !h.f.Policy.Ends(k.Item).At.After(now)
		for _, says := range []struct {
			what      string
			got, want bool
		}{
			{"it is over for good, and destroyed", f.Destroys(k.Item, now), k.over},
			{"it is hidden", f.Hidden(k.Item, now), k.over || ended && !h.held(k)},
			{"it is held", !k.over && f.Held(k.Item, now), !k.over && h.held(k)},
			{"it is hidden with all of its cohort", f.CohortHidden(k.Kind, c, now) && !f.Hidden(k.Item, now), false},
			{"it is destroyed with all of its cohort", f.CohortDestroyed(k.Kind, c, now) && !f.Destroys(k.Item, now) && !f.Held(k.Item, now), false},
			{"something of its cohort may be over", !f.Begins(k.Kind, c, now) && f.Hidden(k.Item, now), false},
			{"something of its cohort may be held", !f.MayHold(k.Kind, c, now) && f.Held(k.Item, now), false},
			{"it goes with its cohort", f.Single(k.Kind) && !f.MayHold(k.Kind, c, now) && (f.Hidden(k.Item, now) != f.CohortHidden(k.Kind, c, now) || f.Destroys(k.Item, now) != f.CohortDestroyed(k.Kind, c, now)), false},
		} {
			if says.got != says.want && h.wrong == "" {
				h.wrong = fmt.Sprintf("at %s of %s, a %s of %s: %s: %t, want %t; it ends at %v, is destroyed at %v", now, k.ID, k.Kind, c.ID, says.what, says.got, says.want, f.Ends(k.Item), f.Destroyed(k.Item))
			}
		}
	}
}

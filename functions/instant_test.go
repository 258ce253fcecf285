package functions_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/extract"
	"github.com/supportvault/supportvault/shared/attr"
)

// From the instant at which something ends nothing of it is read through any path, in a process that has just read it, from tables
// from which nobody deletes anything; and nothing that was destroyed opens, with an older copy of the records put back.
func TestNothingIsReadFromTheInstantOn(t *testing.T) {
	midnight := time.Date(2026, time.November, 22, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		policy, tags string
		// ends is when it is over by itself; zero is that end ends it, which is right after at.
		ends, at time.Time
		end      func(t *testing.T, r *road, a admin.Created, id string)
		// over is when a purge destroys it, if that is not at once.
		over time.Time
	}{
		"an hourly cadence":   {policy: `"cadence":{"chat":"hourly"}`, ends: noon.Add(time.Hour)},
		"a daily cadence":     {policy: `"cadence":{"chat":"daily"}`, ends: midnight},
		"a monthly cadence":   {policy: `"cadence":{"chat":"monthly"}`, ends: time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC)},
		"a rule's period":     {policy: `"rules":[{"name":"brief","tag":"brief","retention":"P3D"}]`, tags: `"brief"`, ends: midnight.AddDate(0, 0, 3)},
		"a rule's cadence":    {policy: `"rules":[{"name":"brief","tag":"brief","cadence":"hourly"}]`, tags: `"brief"`, ends: noon.Add(time.Hour)},
		"a period":            {policy: `"retention":{"chat":"P30D"}`, ends: midnight.AddDate(0, 0, 30)},
		"a hold that expires": {policy: `"retention":{"chat":"P1D"}`, ends: midnight.AddDate(0, 0, 9), end: hold(`,"until":"2026-12-01T00:00:00Z"`)},
		"a cadence of completion": {policy: `"cadence":{"chat":"completion"}`, at: noon, end: func(t *testing.T, r *road, _ admin.Created, _ string) {
			r.settleAll(t)
		}},
		"the release of a hold": {policy: `"retention":{"chat":"P1D"}`, at: midnight.AddDate(0, 0, 9), end: func(t *testing.T, r *road, a admin.Created, _ string) {
			var all admin.Holds
			if code := r.asked(t, a, "GET holds", "", &all); code != "" || len(all.Holds) != 1 {
				t.Fatalf("%q %+v", code, all)
			}
			req := r.reading(a, "", "")
			req.RouteKey, req.Body = "POST /v1/accounts/{account}/holds/{hold}/release", `{"reason":"The case is over."}`
			req.PathParameters["hold"] = all.Holds[0].ID
			if res, err := r.admin.HTTP(context.Background(), req); err != nil || res.StatusCode != 200 {
				t.Fatalf("release: %d %s %v", res.StatusCode, res.Body, err)
			}
		}},
		"a destruction by hand": {at: noon, over: noon.Add(25 * time.Hour), end: func(t *testing.T, r *road, a admin.Created, id string) {
			if code := r.asked(t, a, "POST destructions", fmt.Sprintf(`{"id":%q,"reason":"It is wrong."}`, id), nil); code != "" {
				t.Fatal(code)
			}
		}},
		"a shorter policy": {at: noon.AddDate(0, 0, 5), over: noon.AddDate(0, 0, 7), end: func(t *testing.T, r *road, a admin.Created, _ string) {
			r.change(t, a, `"retention":{"chat":"P2D"}`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := inMemory()
			r.Clock.Set(noon.AddDate(0, 0, -2))
			demo := r.account(t, admin.Request{Account: "demo"})
			if c.policy != "" {
				r.change(t, demo, c.policy+`,"waitHours":24`)
			}
			r.Clock.Set(noon)
			begun := func(id, tags string) string {
				// The beginning and the end: it is open in between.
				at := stamp(noon)
				r.mustPost(t, demo, "canonical", fmt.Appendf(nil, `{"version":"1","events":[{"type":"conversation.started","time":%[1]q,"kind":"chat",
					"conversation":%[2]q,"tags":[%[3]s],"entries":[{"id":"1","time":%[1]q,"author":{"role":"visitor"},"text":"the text of %[2]s"}]}]}`, at, id, tags))
				return r.id(t, demo, "canonical", id, 1)
			}
			id, other := begun("c1", c.tags), begun("c2", "")
			older := r.Items(t, r.Tables.Records)
			r.shown(t, demo, id, "open")
			r.mustPost(t, demo, "canonical", fmt.Appendf(nil, `{"version":"1","events":[{"type":"conversation.ended","time":%q,"kind":"chat","conversation":"c1"}]}`, stamp(noon)))
			if name != "a cadence of completion" {
				r.settleAll(t)
				r.shown(t, demo, id, "settled")
			}
			if strings.Contains(name, "hold") {
				set := hold("")
				if !c.ends.IsZero() {
					set = c.end
				}
				set(t, r, demo, id)
			}
			newer := r.Items(t, r.Tables.Records)
			if !c.ends.IsZero() {
				r.Clock.Set(c.ends.Add(-time.Millisecond))
				r.shown(t, demo, id, "just before")
				r.Clock.Set(c.ends)
			} else {
				r.Clock.Set(c.at)
				r.shown(t, demo, id, "just before")
				c.end(t, r, demo, id)
			}
			r.hidden(t, demo, id, "at the instant")
			if name == "a cadence of completion" || name == "a rule's cadence" {
				r.shown(t, demo, other, "which is open, or of no rule")
			}
			if !c.over.IsZero() {
				r.Clock.Set(c.over)
			}
			newer = append(newer, r.Items(t, r.Tables.Records)...)
			if rep := r.purgeAll(t); rep.Conversations == 0 {
				t.Errorf("the purge: %+v", rep)
			}
			for when, items := range map[string][]attr.Item{"as it was open": older, "as it was settled": newer} {
				r.Restore(t, r.Tables.Records, items)
				r.hidden(t, demo, id, "destroyed, with the table put back "+when)
			}
		})
	}
}

func hold(more string) func(*testing.T, *road, admin.Created, string) {
	return func(t *testing.T, r *road, a admin.Created, id string) {
		if code := r.asked(t, a, "POST holds", fmt.Sprintf(`{"reason":"A case.","records":[%q]%s}`, id, more), nil); code != "" {
			t.Fatalf("hold: %s", code)
		}
	}
}

// From the instant at which an account closes nothing of it is read, and after a purge no copy of any table but keys helps.
func TestNothingIsReadOfAnAccountThatHasClosed(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	r.mustPost(t, demo, "canonical", wholeChat("c1", noon, "one", ""))
	r.settleAll(t)
	id := r.id(t, demo, "canonical", "c1", 1)
	if code := r.asked(t, demo, "POST closure", `{"reason":"The contract is over."}`, nil); code != "" {
		t.Fatal(code)
	}
	older := r.Items(t, r.Tables.Records)
	closes := noon.Add(30 * 24 * time.Hour)
	r.Clock.Set(closes.Add(-time.Millisecond))
	r.shown(t, demo, id, "just before")
	r.Clock.Set(closes)
	closed := func(when string) {
		t.Helper()
		for _, of := range []string{id, ""} {
			if status, body := r.get(t, demo, of, ""); status != 404 && (status != 503 || r.Clock.Now().Equal(closes)) {
				t.Errorf("%s: %q answers %d %.60s", when, of, status, body)
			}
		}
		if answer, err := r.extract.Extract(context.Background(), extract.Request{Account: "demo"}); err == nil || len(answer.Files) > 0 {
			t.Errorf("%s: extracted %+v", when, answer)
		}
	}
	closed("at the instant")
	r.purgeAll(t)
	r.Restore(t, r.Tables.Records, older)
	closed("destroyed, with the table put back")
	r.Clock.Set(closes.Add(-time.Hour)) // a clock that goes wrong
	closed("destroyed, an hour before")
}

// Ten thousand late duplicates around a purge, under a cadence and as many under a period: none brings anything back. What is new begins
// another life, and the duplicates do not get into it.
func TestLateDuplicatesAfterThePurge(t *testing.T) {
	const chats, times = 250, 20
	for _, way := range []int{0, 4} {
		t.Run(ways[way].name, func(t *testing.T) {
			r := inMemory()
			r.Clock.Set(noon.AddDate(0, 0, -2))
			demo := r.account(t, admin.Request{Account: "demo"})
			r.change(t, demo, ways[way].policy+`,"waitHours":0`)
			r.Clock.Set(noon)
			var bodies [][]byte
			for i := range chats {
				bodies = append(bodies, wootMessage(i+1, 2*i+1, noon, fmt.Sprint("text ", i)), wootResolved(i+1, noon.Add(time.Second)))
			}
			for _, body := range bodies {
				r.mustPost(t, demo, "chatwoot", body)
			}
			r.settleAll(t)
			r.Clock.Set(ways[way].over.Add(time.Hour))
			duplicates := func(n int) {
				var workers sync.WaitGroup
				for w := range 2 {
					workers.Go(func() {
						for i := w; i < n*len(bodies); i += 2 {
							if status, answer := r.post(demo, "chatwoot", bodies[i%len(bodies)]); status != 202 {
								t.Errorf("a late duplicate: %d %s", status, answer)
							}
						}
					})
				}
				workers.Wait()
				r.settleAll(t)
			}
			rows := func() int { return len(r.rows(t)) }
			duplicates(times / 4) // over, and not purged yet
			r.purgeAll(t)
			duplicates(times / 4)
			r.Clock.Advance(time.Hour)
			r.purgeAll(t)
			duplicates(times / 4)
			if n := rows(); n != chats {
				t.Errorf("%d rows of %d chats", n, chats)
			}
			if left := r.list(t, demo, ""); len(left) > 0 {
				t.Errorf("%d chats were revived", len(left))
			}
			again := r.Clock.Now()
			for i := range 50 {
				r.mustPost(t, demo, "chatwoot", wootMessage(i+1, 2*(chats+i)+1, again, fmt.Sprint("again ", i)))
			}
			duplicates(times - 3*(times/4))
			if n := rows(); n != chats+50 {
				t.Errorf("%d rows of %d chats, of which 50 came back", n, chats)
			}
			if left := r.list(t, demo, "limit=100"); len(left) != 50 {
				t.Errorf("%d chats, want those 50 that came back", len(left))
			}
			for i := range 50 {
				id := r.id(t, demo, "chatwoot", fmt.Sprint(i+1), 2)
				if v := r.one(t, demo, id); !cmp.Equal(texts(v), []string{fmt.Sprint("again ", i)}) {
					t.Errorf("chat %d says %q", i+1, texts(v))
				}
			}
			for _, item := range r.Items(t, r.Tables.Records) {
				pk := attr.GetS(item, "pk")
				if !strings.HasPrefix(pk, "demo#fact#") && !strings.HasPrefix(attr.GetS(item, "sk"), "entry#0002#") {
					t.Errorf("left: %s %s", pk, attr.GetS(item, "sk"))
				}
			}
		})
	}
}

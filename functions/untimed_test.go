package functions_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/conversation"
)

// untimed is an account with a source of each sender that tells no times, or not when in a minute, and a conversation of each with its deliveries in order.
func untimed(t *testing.T, r *road) (admin.Created, map[string][]string) {
	demo := r.account(t, admin.Request{Account: "demo", Start: "identified"})
	status, _, body := r.putSource(t, demo, "mapped-livehelpnow", `{"mapping":{"rules":[{"name":"said","kind":"chat",
		"fields":{"does":"$.does","conversation":"$.id"},"entries":{"fields":{"role":"visitor","text":"$.say"}}}]}}`)
	if status != 200 {
		t.Fatal(body)
	}
	fresh := func(happened, status, more string) string {
		return `{"freshdesk_webhook":{"ticket_id":7,"ticket_subject":"Size","ticket_requester_name":"Iris Vogel","triggered_event":"` + happened +
			`","ticket_status":"` + status + `"` + more + `}}`
	}
	live := func(action, more string) string {
		return `{"secret_key":"x","action":"` + action + `","payload":{"chat_id":"C","thread_id":"T"` + more + `}}`
	}
	minute := func(happened, status, more string) string {
		return `{"event":"` + happened + `","ticket":"9","time":"` + noon.Format("2006-01-02T15:04Z") + `","status":"` + status + `"` + more + `}`
	}
	return demo, map[string][]string{
		"mapped-livehelpnow": {`{"id":"c","does":"message","say":"Does it fit?"}`, `{"id":"c","does":"ended"}`},
		"freshdesk": {
			fresh("{ticket_action:created}", "Open", `,"ticket_description":"Does it fit?"`),
			fresh("{reply_sent:sent}", "Open", `,"ticket_latest_public_comment":"Iris Vogel : And in red?"`),
			fresh("{status:{from:2,to:5}}", "Closed", ""),
		},
		"mapped-zendesk": { // which tells no more than the minute
			minute("comment", "Open", `,"comment":{"by":"visitor","text":"Does it fit?"}`),
			minute("comment", "Solved", `,"comment":{"by":"agent","text":"It does."}`),
			minute("comment", "Open", `,"comment":{"by":"visitor","text":"Thank you."}`),
			minute("status", "Closed", ""),
		},
		"livechat": {
			live("incoming_event", `,"event":{"id":"1","type":"message","author_id":"3f0c9a52-7d1e-4b60-8a35-5be1f2c4d917","text":"Does it fit?","created_at":"`+stamp(noon)+`"}`),
			live("chat_deactivated", ""),
		},
	}
}

// What has no time of its own has that of its receipt. A delivery that comes again is none the later for it, in whatever state its
// conversation is.
func TestDeliveriesWithoutATimeComeAgain(t *testing.T) { deliveriesComeAgain(t, inMemory()) }

func TestStoreDeliveriesWithoutATimeComeAgain(t *testing.T) { deliveriesComeAgain(t, newRoad(t)) }

func deliveriesComeAgain(t *testing.T, r *road) {
	demo, told := untimed(t, r)
	again := func(when string) {
		t.Helper()
		want := r.lines(t, demo)
		for name, bodies := range told {
			for i, body := range bodies {
				if status, answer := r.post(demo, name, []byte(body)); status != 202 || !strings.Contains(answer, `"accepted":0`) {
					t.Errorf("%s: delivery %d of %s: %d %s, want nothing accepted", when, i, name, status, answer)
				}
				r.Clock.Advance(time.Minute)
				r.settleAll(t)
			}
		}
		if diff := cmp.Diff(want, r.lines(t, demo)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	for name, bodies := range told {
		for _, body := range bodies {
			r.mustPost(t, demo, name, []byte(body))
			r.Clock.Advance(time.Second)
		}
	}
	r.settleAll(t)
	all := r.lines(t, demo)
	if len(all) != len(told) || slices.ContainsFunc(all, func(v conversation.View) bool { return v.EndedAt == nil }) {
		t.Fatalf("%+v", all)
	}
	again("at once")
	r.Clock.Advance(5 * 24 * time.Hour)
	again("five days later")
	r.Clock.Advance(60 * 24 * time.Hour) // when a message would begin another life
	again("two months later")
	r.Clock.Advance(900 * 24 * time.Hour)
	if all := r.lines(t, demo); len(all) != 0 {
		t.Fatalf("%+v", all)
	}
	again("past its time")
	r.purgeAll(t)
	again("when it was destroyed")
	r.Clock.Advance(24 * time.Hour)
	r.purgeAll(t)
	again("when nothing is left of it")
}

// Of one minute, everything stands as it was delivered, and what was said last counts.
func TestDeliveriesOfAMinute(t *testing.T) {
	r := inMemory()
	demo, told := untimed(t, r)
	bodies := told["mapped-zendesk"]
	said := func(state conversation.State, status string, want ...string) {
		t.Helper()
		r.settleAll(t)
		got := r.lines(t, demo)[0]
		var texts []string
		for _, e := range *got.Entries {
			texts = append(texts, e.Text)
		}
		if diff := cmp.Diff(want, texts); diff != "" || got.State != state || string(got.Status) != status || got.Incarnation != 1 {
			t.Errorf("%s %s, want %s %s (-want +got):\n%s", got.State, got.Status, state, status, diff)
		}
	}
	for _, body := range bodies[:3] {
		r.Clock.Advance(time.Second)
		r.mustPost(t, demo, "mapped-zendesk", []byte(body))
	}
	said(conversation.Open, "open", "Does it fit?", "It does.", "Thank you.")
	r.Clock.Advance(time.Second)
	r.mustPost(t, demo, "mapped-zendesk", []byte(bodies[3]))
	said(conversation.Settled, "closed", "Does it fit?", "It does.", "Thank you.")
	r.Clock.Advance(10 * time.Minute) // one that the sender could not deliver until now
	r.mustPost(t, demo, "mapped-zendesk", []byte(strings.Replace(bodies[2], "Thank you.", "Great.", 1)))
	said(conversation.Settled, "closed", "Great.", "Does it fit?", "It does.", "Thank you.")
}

// A transcript that is written down at once is known again as well.
func TestWholeDeliveriesWithoutATimeComeAgain(t *testing.T) {
	r := inMemory()
	demo := r.account(t, admin.Request{Account: "demo"})
	r.putSource(t, demo, "mapped-livehelpnow", `{"mapping":{"rules":[{"name":"all","kind":"chat",
		"fields":{"does":"transcript","ended":"true","conversation":"$.id"},"entries":{"each":"$.said[*]","fields":{"role":"visitor","text":"$"}}}]}}`)
	body := []byte(`{"id":"c","said":["Does it fit?","And in red?"]}`)
	r.mustPost(t, demo, "mapped-livehelpnow", body)
	r.settleAll(t)
	want := r.lines(t, demo)
	if len(want) != 1 || want[0].Revision != 1 {
		t.Fatalf("%+v", want)
	}
	r.Clock.Advance(60 * 24 * time.Hour)
	r.mustPost(t, demo, "mapped-livehelpnow", body)
	r.settleAll(t)
	if diff := cmp.Diff(want, r.lines(t, demo)); diff != "" {
		t.Errorf("two months later (-want +got):\n%s", diff)
	}
}

// What ended and went on may end again, in just the same words, which were then said once.
func TestATicketIsClosedAgain(t *testing.T) {
	for name, closing := range map[string]struct {
		body    string
		entries int
	}{
		"by its status": {`{"ticket_id":7,"triggered_event":"{status:{from:2,to:5}}","ticket_status":"Closed"}`, 1},
		"by a reply":    {`{"ticket_id":7,"triggered_event":"{reply_sent:sent}","ticket_status":"Closed","ticket_latest_public_comment":"Noor Bakker : Done."}`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := inMemory()
			demo, told := untimed(t, r)
			tell := func(body string) {
				t.Helper()
				r.Clock.Advance(time.Hour)
				r.mustPost(t, demo, "freshdesk", []byte(`{"freshdesk_webhook":`+body+`}`))
				r.settleAll(t)
			}
			r.mustPost(t, demo, "freshdesk", []byte(told["freshdesk"][0]))
			for turn := range 3 {
				tell(closing.body)
				closed := r.lines(t, demo)[0]
				if closed.Status != conversation.StatusClosed || closed.State != conversation.Settled || !closed.EndedAt.Equal(r.Clock.Now()) {
					t.Fatalf("closed the %d. time: %+v", turn+1, closed)
				}
				if n := len(*closed.Entries); n != closing.entries {
					t.Errorf("closed the %d. time it has %d entries, want %d", turn+1, n, closing.entries)
				}
				tell(closing.body)
				if got := r.lines(t, demo)[0]; !got.EndedAt.Equal(closed.EndedAt.Time) || got.Revision != closed.Revision {
					t.Errorf("said again that it was closed the %d. time: %+v", turn+1, got)
				}
				tell(`{"ticket_id":7,"triggered_event":"{status:{from:5,to:2}}","ticket_status":"Open"}`)
				if open := r.lines(t, demo)[0]; open.Status != conversation.StatusOpen || open.EndedAt != nil || open.Incarnation != 1 {
					t.Errorf("opened the %d. time: %+v", turn+1, open)
				}
			}
		})
	}
}

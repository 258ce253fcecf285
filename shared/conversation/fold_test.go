package conversation_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// at is so many seconds after noon.
func at(seconds float64) conversation.Time {
	return conversation.At(noon.Add(time.Duration(seconds * float64(time.Second))))
}

func says(id string, seconds float64, role conversation.Role, text string) conversation.Entry {
	return conversation.Entry{ID: id, Time: at(seconds), Author: conversation.Author{Role: role}, Text: text}
}

// event happened, and was received, so many seconds after noon.
func event(id string, seconds float64, change func(*conversation.Event)) conversation.Event {
	e := conversation.Event{ID: id, Source: "chatwoot", Conversation: "4182", Kind: retention.Chat, Time: at(seconds), Received: at(seconds)}
	if change != nil {
		change(&e)
	}
	return e
}

func message(id string, seconds float64, role conversation.Role, text string) conversation.Event {
	return event("message/"+id, seconds, func(e *conversation.Event) { e.Entries = []conversation.Entry{says(id, seconds, role, text)} })
}

func ended(seconds float64) conversation.Event {
	return event("end", seconds, func(e *conversation.Event) { e.Ended = true })
}

func reopened(seconds float64) conversation.Event {
	return event("again", seconds, func(e *conversation.Event) { e.Reopened = true })
}

func whole(seconds float64, entries ...conversation.Entry) conversation.Event {
	return event("whole", seconds, func(e *conversation.Event) { e.Entries, e.Whole, e.Ended = entries, true, true })
}

func fold(events ...conversation.Event) conversation.Transcript {
	return conversation.Transcript{}.Fold(events)
}

// inEveryWay folds events in several orders and splits, and fails unless all make the same transcript.
func inEveryWay(t *testing.T, events ...conversation.Event) conversation.Transcript {
	t.Helper()
	want := fold(events...)
	const seed = 7
	r := rand.New(rand.NewPCG(seed, uint64(len(events))))
	for range 30 {
		if diff := cmp.Diff(want, shuffled(t, r, events), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("another order or split makes another transcript, seed %d (-want +got):\n%s", seed, diff)
		}
	}
	return want
}

// shuffled folds events in a random order, some repeated, in random portions; between two portions the transcript is
// stored and read again, as it is between two settlings.
func shuffled(t *testing.T, r *rand.Rand, events []conversation.Event) conversation.Transcript {
	t.Helper()
	all := slices.Clone(events)
	for range r.IntN(len(events) + 1) {
		all = append(all, events[r.IntN(len(events))])
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var got conversation.Transcript
	for len(all) > 0 {
		n := 1 + r.IntN(len(all))
		got, all = got.Fold(all[:n]), all[n:]
		b, err := json.Marshal(got, json.FormatNilSliceAsNull(true))
		if err != nil {
			t.Fatal(err)
		}
		got = conversation.Transcript{}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
	}
	return got.Fold(nil)
}

func TestFoldIsTheSameInAnyOrderAndSplit(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		events := random(r)
		// What a fold is given must stay as it is.
		before, err := json.Marshal(events)
		if err != nil {
			t.Fatal(err)
		}
		want := fold(events...)
		for range 6 {
			if diff := cmp.Diff(want, shuffled(t, r, events), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("seed %d (-want +got):\n%s\nevents %s", seed, diff, before)
			}
		}
		if after, err := json.Marshal(events); err != nil || string(before) != string(after) {
			t.Fatalf("seed %d: folding changed its events: %v", seed, err)
		}
		checkTranscript(t, want, events)
		if t.Failed() {
			t.Fatalf("seed %d, events %s", seed, before)
		}
	}
}

// checkTranscript asserts what holds of every transcript.
func checkTranscript(t *testing.T, got conversation.Transcript, events []conversation.Event) {
	t.Helper()
	if !slices.IsSortedFunc(got.Entries, func(a, b conversation.Entry) int { return a.Time.Compare(b.Time.Time) }) {
		t.Error("the entries are not in order of time")
	}
	ids := map[string]bool{}
	for _, e := range got.Entries {
		if ids[e.ID] {
			t.Errorf("the entry %s stands twice", e.ID)
		}
		ids[e.ID] = true
	}
	received := events[0].Received
	for _, e := range events {
		if e.Received.After(received.Time) {
			received = e.Received
		}
		if e.Time.Before(got.StartedAt.Time) {
			t.Errorf("it started at %s, with an event at %s", got.StartedAt, e.Time)
		}
	}
	if got.Anchor.After(received.Time) {
		t.Errorf("the anchor %s is later than the last receipt %s", got.Anchor, received)
	}
	if got.KnownUntil().Before(got.Anchor.Time) {
		t.Errorf("the anchor %s is later than what is known, %s", got.Anchor, got.KnownUntil())
	}
}

// random makes the events of one conversation, with as many coincidences as possible: few values, few instants. The whole
// deliveries of one conversation say the same of the same time, as those of senders do.
func random(r *rand.Rand) []conversation.Event {
	roles := []conversation.Role{conversation.Visitor, conversation.Agent, conversation.Bot, conversation.System}
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	written := map[string]conversation.Entry{}
	entry := func(id string, seconds float64) conversation.Entry {
		e, again := written[id]
		if !again {
			e = says(id, seconds, roles[r.IntN(len(roles))], pick("hello", "yes", "ok", "thanks "+id))
			e.Author.Name, e.Private = pick("", "Marta", "Jan"), r.IntN(5) == 0
			written[id] = e
		}
		e.Time = at(seconds)
		return e
	}
	var lines []conversation.Entry
	for i := range r.IntN(8) {
		lines = append(lines, entry(fmt.Sprint("m", i+1), float64(r.IntN(40))))
	}
	slices.SortStableFunc(lines, func(a, b conversation.Entry) int { return a.Time.Compare(b.Time.Time) })
	redacts := r.IntN(2) == 0
	events := make([]conversation.Event, 0, 12)
	for i := range 1 + r.IntN(12) {
		e := event(fmt.Sprint("event", i), float64(r.IntN(60)), nil)
		e.Received = at(float64(r.IntN(90)))
		switch r.IntN(6) {
		case 0, 1, 2:
			for range 1 + r.IntN(2) {
				id := r.IntN(14)
				e.Entries = append(e.Entries, entry(fmt.Sprint(id), float64(id*5)+float64(r.IntN(2))/4))
			}
		case 3:
			if n := r.IntN(len(lines) + 1); redacts {
				e.Redacted, e.Noted = []string{fmt.Sprint(r.IntN(14)), fmt.Sprint(r.IntN(14))}, []string{fmt.Sprint(r.IntN(14))}
			} else if n > 0 {
				e.Whole, e.Entries = true, lines[:n]
				e.Time = lines[n-1].Time
			}
		case 4:
			e.Ended = true
		case 5:
			e.Reopened = true
		}
		for range r.IntN(3) {
			e.Subjects = append(e.Subjects, conversation.Subject{
				Name: pick("", "Marta", "Jan"), Email: pick("", "", "marta@example.com", "jan@example.com"),
				Phone: pick("", "", "", "+15550100"), VisitorID: pick("", "", "v1", "v2"), CustomID: pick("", "", "", "", "c1"),
			})
		}
		e.Department = pick("", "", "Sales", "Support")
		switch r.IntN(4) {
		case 0:
			e.Tags = []string{}
		case 1:
			e.Tags = []string{pick("refund", "delivery")}
		}
		if r.IntN(5) == 0 {
			e.Tagged, e.Untagged = []string{pick("refund", "delivery", "vip")}, []string{pick("refund", "delivery", "vip")}
		}
		if r.IntN(4) == 0 {
			e.Rating = new(1 + r.IntN(5))
		}
		for range r.IntN(3) {
			e.AgentIDs = append(e.AgentIDs, pick("a1", "a2", "a3"))
		}
		events = append(events, e)
	}
	return events
}

func TestFoldOrdersEntries(t *testing.T) {
	system, visitor, agent := conversation.System, conversation.Visitor, conversation.Agent
	for _, tc := range []struct {
		name   string
		events []conversation.Event
		want   string // ids
	}{
		{"by time, whatever the order of arrival",
			[]conversation.Event{message("3", 30, visitor, "c"), message("1", 10, visitor, "a"), message("2", 20, agent, "b")}, "1 2 3"},
		{"as the sender counts within a millisecond, 9 before 10",
			[]conversation.Event{message("10", 5, visitor, "b"), message("9", 5, visitor, "a"), message("8", 6, visitor, "c")}, "9 10 8"},
		{"in the sender's order within a millisecond of a whole delivery",
			[]conversation.Event{whole(9, says("m1", 5, visitor, "a"), says("m10", 5, visitor, "b"), says("m2", 5, visitor, "c"))}, "m1 m10 m2"},
		{"a message that comes ten times once",
			[]conversation.Event{message("1", 1, visitor, "a"), message("1", 1, visitor, "a"), message("1", 1, visitor, "a")}, "1"},
		{"the more precise time of one message, which came with seconds as well",
			[]conversation.Event{message("1", 1, visitor, "a"), message("2", 1.2, visitor, "b"), message("1", 1.5, visitor, "a")}, "2 1"},
		{"a whole delivery in place of the single messages of its time",
			[]conversation.Event{message("start", 1, visitor, "a"), message("other", 2, agent, "said otherwise"), whole(9, says("m1", 1.2, visitor, "a"), says("m2", 3, agent, "b"))}, "m1 m2"},
		{"a whole delivery and what came after it",
			[]conversation.Event{whole(9, says("m1", 1, visitor, "a")), message("7", 10, agent, "more"), message("8", 100, visitor, "and more")}, "m1 7 8"},
		{"not the first message again, which a later clock stamped, behind the whole delivery",
			[]conversation.Event{whole(9, says("m1", 9, visitor, "a")), message("start", 40, visitor, "a")}, "m1"},
		{"the same words said again after a minute",
			[]conversation.Event{whole(9, says("m1", 9, visitor, "a")), message("start", 69, visitor, "a")}, "m1 start"},
		{"the same words of somebody else",
			[]conversation.Event{whole(9, says("m1", 9, visitor, "a")), message("start", 40, agent, "a")}, "m1 start"},
		{"the farther of two whole deliveries",
			[]conversation.Event{whole(9, says("m1", 1, visitor, "a")), whole(20, says("m1", 1, visitor, "a"), says("m2", 20, agent, "b"))}, "m1 m2"},
		{"the longer of two whole deliveries to the same time",
			[]conversation.Event{whole(20, says("m1", 20, agent, "b")), whole(20, says("m1", 1, visitor, "a"), says("m2", 20, agent, "b"))}, "m1 m2"},
		{"what was known, where a whole delivery is empty",
			[]conversation.Event{message("1", 1, visitor, "a"), whole(9)}, "1"},
		{"the same words twice in a whole delivery twice",
			[]conversation.Event{whole(9, says("m1", 1, visitor, "hello?"), says("m2", 8, visitor, "hello?"))}, "m1 m2"},
		{"system lines among the others",
			[]conversation.Event{message("2", 2, visitor, "b"), message("1", 1, system, "Jan joined")}, "1 2"},
		{"nothing of an event without entries", []conversation.Event{ended(1)}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var ids []string
			for _, e := range inEveryWay(t, tc.events...).Entries {
				ids = append(ids, e.ID)
			}
			if diff := cmp.Diff(tc.want, strings.Join(ids, " ")); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFoldTakesBackWhatWasRedacted(t *testing.T) {
	file := message("2", 20, conversation.Agent, "the card is 4111")
	file.Entries[0].Author.Name = "Jan"
	file.Entries[0].Attachments = []conversation.Attachment{{Name: "card.png", URL: "https://files.example.com/card.png"}}
	corrected := message("2", 20, conversation.Agent, "a card")
	redacted := func(ids ...string) conversation.Event {
		return event("redacted", 30, func(e *conversation.Event) { e.Redacted = ids })
	}
	gone := conversation.Entry{ID: "2", Time: at(20), Author: conversation.Author{Role: conversation.Agent, Name: "Jan"}, Redacted: true}
	hello := says("1", 10, conversation.Visitor, "hello")
	noted := func(id, text string) conversation.Entry {
		e := says(id, 20, conversation.Agent, text)
		e.Private = true
		return e
	}
	for _, tc := range []struct {
		name   string
		events []conversation.Event
		want   []conversation.Entry
	}{
		{"the text and the files, and nothing else", []conversation.Event{message("1", 10, conversation.Visitor, "hello"), file, redacted("2")}, []conversation.Entry{hello, gone}},
		{"of every form of it", []conversation.Event{corrected, file, redacted("2", "2")}, []conversation.Entry{gone}},
		{"nothing of what never came", []conversation.Event{message("1", 10, conversation.Visitor, "hello"), redacted("2")}, []conversation.Entry{hello}},
		{"a file by its own id", []conversation.Event{
			message("2", 20, conversation.Agent, "here"), message("2/file/7", 20, conversation.Agent, "secret.pdf"), message("2/file/77", 20, conversation.Agent, "not.pdf"),
			redacted("file/7"),
		}, []conversation.Entry{
			says("2", 20, conversation.Agent, "here"), {ID: "2/file/7", Time: at(20), Author: conversation.Author{Role: conversation.Agent}, Redacted: true},
			says("2/file/77", 20, conversation.Agent, "not.pdf"),
		}},
		{"or make notes, with their files", []conversation.Event{
			message("2", 20, conversation.Agent, "secret"), message("2/file", 20, conversation.Agent, "secret.pdf"), message("22", 20, conversation.Agent, "not"),
			event("noted", 30, func(e *conversation.Event) { e.Noted = []string{"2"} }),
		}, []conversation.Entry{noted("2", "secret"), says("22", 20, conversation.Agent, "not"), noted("2/file", "secret.pdf")}},
		{"a note too", []conversation.Event{event("note", 20, func(e *conversation.Event) {
			e.Entries = []conversation.Entry{says("2", 20, conversation.Agent, "secret")}
			e.Entries[0].Private, e.Entries[0].Author.Name = true, "Jan"
		}), redacted("2")}, []conversation.Entry{{ID: "2", Time: at(20), Author: gone.Author, Private: true, Redacted: true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, inEveryWay(t, tc.events...).Entries, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("and keeps neither a conversation open nor alive", func(t *testing.T) {
		got := fold(message("1", 10, conversation.Visitor, "hello"), ended(20), redacted("1"))
		if !got.Ended() || got.Anchor != at(20) || got.KnownUntil() != at(20) {
			t.Errorf("ended %t, anchor %s, known until %s", got.Ended(), got.Anchor, got.KnownUntil())
		}
	})
}

func TestFoldFindsTheAnchor(t *testing.T) {
	received := func(seconds float64, e conversation.Event) conversation.Event {
		e.Received = at(seconds)
		return e
	}
	note := message("9", 30, conversation.Agent, "a difficult one")
	note.Entries[0].Private = true
	first := message("1", 10, conversation.Visitor, "hello")
	for _, tc := range []struct {
		name   string
		events []conversation.Event
		want   conversation.Time
	}{
		{"a visitor's message", []conversation.Event{first}, at(10)},
		{"the last of several", []conversation.Event{first, message("2", 20, conversation.Agent, "hello"), message("3", 15, conversation.Visitor, "?")}, at(20)},
		{"a bot's message", []conversation.Event{first, message("2", 20, conversation.Bot, "hello")}, at(20)},
		{"the end", []conversation.Event{first, ended(40)}, at(40)},
		{"not a system line", []conversation.Event{first, message("2", 20, conversation.System, "Jan joined")}, at(10)},
		{"not a note among agents", []conversation.Event{first, note}, at(10)},
		{"not a tag", []conversation.Event{first, event("tag", 50, func(e *conversation.Event) { e.Tags = []string{"refund"} })}, at(10)},
		{"not a rating", []conversation.Event{first, event("rating", 50, func(e *conversation.Event) { e.Rating = new(5) })}, at(10)},
		{"not a reopening", []conversation.Event{first, ended(40), reopened(50)}, at(40)},
		{"the receipt of a message from the future", []conversation.Event{received(12, message("1", 200, conversation.Visitor, "hello"))}, at(12)},
		{"the receipt of an end in the future", []conversation.Event{first, received(12, ended(300))}, at(12)},
		{"the message, where the receipt is later", []conversation.Event{received(99, first)}, at(10)},
		{"the opening while nobody wrote", []conversation.Event{event("opened", 5, nil), message("2", 20, conversation.System, "Jan joined")}, at(5)},
		{"the receipt of an opening in the future", []conversation.Event{received(3, event("opened", 5, nil))}, at(3)},
		{"a message from before the opening, once there is one", []conversation.Event{event("opened", 15, nil), first}, at(10)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, inEveryWay(t, tc.events...).Anchor); diff != "" {
				t.Errorf("anchor (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnded(t *testing.T) {
	first := message("1", 10, conversation.Visitor, "hello")
	for _, tc := range []struct {
		name   string
		events []conversation.Event
		want   bool
	}{
		{"not before its end", []conversation.Event{first}, false},
		{"with its end", []conversation.Event{first, ended(20)}, true},
		{"with a whole delivery that ends it", []conversation.Event{whole(20, says("m1", 10, conversation.Visitor, "hello"))}, true},
		{"not when a visitor writes again", []conversation.Event{first, ended(20), message("2", 21, conversation.Visitor, "one more thing")}, false},
		{"when the visitor's last message is of the same millisecond", []conversation.Event{message("1", 20, conversation.Visitor, "bye"), ended(20)}, true},
		{"when an agent says goodbye afterwards", []conversation.Event{first, ended(20), message("2", 21, conversation.Agent, "bye")}, true},
		{"when a system line follows", []conversation.Event{first, ended(20), message("2", 21, conversation.System, "Jan left")}, true},
		{"not when it is reopened", []conversation.Event{first, ended(20), reopened(30)}, false},
		{"when it was reopened before", []conversation.Event{first, reopened(15), ended(20)}, true},
		{"when it ends again after a reopening", []conversation.Event{first, ended(20), reopened(30), ended(40)}, true},
		{"when it ended and was reopened at once, which says nothing of the order", []conversation.Event{first, ended(20), reopened(20)}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := inEveryWay(t, tc.events...)
			if got.Ended() != tc.want {
				t.Errorf("ended %t, want %t", got.Ended(), tc.want)
			}
			if view := got.View(); (view.EndedAt != nil) != tc.want {
				t.Errorf("a reader is told of an end: %v, want %t", view.EndedAt, tc.want)
			}
		})
	}
}

// A call is over when it was hung up, whatever was left on a machine or is written of it afterwards.
func TestACallHasEndedWhateverIsWrittenAfterwards(t *testing.T) {
	call := func(e conversation.Event) conversation.Event {
		e.Kind = retention.Call
		return e
	}
	voicemail := call(message("1", 30, conversation.Visitor, "please call me back"))
	if got := inEveryWay(t, call(ended(20)), voicemail); !got.Ended() {
		t.Error("not ended after a voicemail")
	}
	if got := inEveryWay(t, call(ended(20)), voicemail, call(reopened(40))); got.Ended() {
		t.Error("ended, though it was reopened")
	}
}

func TestFoldDescribes(t *testing.T) {
	department := func(seconds float64, name string) conversation.Event {
		return event("d"+name, seconds, func(e *conversation.Event) { e.Department = name })
	}
	tags := func(seconds float64, tags ...string) conversation.Event {
		return event("t"+strings.Join(tags, ","), seconds, func(e *conversation.Event) { e.Tags = append([]string{}, tags...) })
	}
	tagged := func(seconds float64, tag string) conversation.Event {
		return event("+"+tag, seconds, func(e *conversation.Event) { e.Tagged = []string{tag} })
	}
	untagged := func(seconds float64, tag string) conversation.Event {
		return event("-"+tag, seconds, func(e *conversation.Event) { e.Untagged = []string{tag} })
	}
	rating := func(seconds float64, n int) conversation.Event {
		return event(fmt.Sprint("r", n), seconds, func(e *conversation.Event) { e.Rating = &n })
	}
	agents := func(seconds float64, ids ...string) conversation.Event {
		return event("a"+strings.Join(ids, ","), seconds, func(e *conversation.Event) { e.AgentIDs = ids })
	}
	type described struct {
		Department string
		Tags       []string
		Rating     *int
		Agents     []string
		Started    conversation.Time
	}
	for _, tc := range []struct {
		name   string
		events []conversation.Event
		want   described
	}{
		{"the latest department", []conversation.Event{department(2, "Sales"), department(1, "Support")}, described{Department: "Sales", Started: at(1)}},
		{"the department that a later event does not mention", []conversation.Event{department(1, "Sales"), ended(2)}, described{Department: "Sales", Started: at(1)}},
		{"the latest tags, not all that there ever were", []conversation.Event{tags(1, "a", "b"), tags(2, "c")}, described{Tags: []string{"c"}, Started: at(1)}},
		{"that the tags were removed", []conversation.Event{tags(1, "a"), tags(2)}, described{Tags: []string{}, Started: at(1)}},
		{"the tags that a later event does not mention", []conversation.Event{tags(1, "a"), ended(2)}, described{Tags: []string{"a"}, Started: at(1)}},
		{"a tag that was added", []conversation.Event{tags(1, "a"), tagged(2, "b")}, described{Tags: []string{"a", "b"}, Started: at(1)}},
		{"a tag that was added to none", []conversation.Event{tagged(2, "b"), tagged(1, "c"), tagged(3, "b")}, described{Tags: []string{"c", "b"}, Started: at(1)}},
		{"no tag that was taken away", []conversation.Event{tags(1, "a", "b"), untagged(2, "a")}, described{Tags: []string{"b"}, Started: at(1)}},
		{"that the only tag was taken away", []conversation.Event{tagged(1, "a"), untagged(2, "a")}, described{Tags: []string{}, Started: at(1)}},
		{"a tag that was taken away and set once more", []conversation.Event{tags(1, "a"), untagged(2, "a"), tagged(3, "a")}, described{Tags: []string{"a"}, Started: at(1)}},
		{"the latest tags, whatever was added before", []conversation.Event{tagged(1, "b"), untagged(1, "a"), tags(2, "a")}, described{Tags: []string{"a"}, Started: at(1)}},
		{"a tag set and taken away in the same millisecond", []conversation.Event{tagged(1, "b"), untagged(1, "b")}, described{Tags: []string{"b"}, Started: at(1)}},
		{"the latest rating, better or worse", []conversation.Event{rating(1, 5), rating(2, 1)}, described{Rating: new(1), Started: at(1)}},
		{"one of two departments of the same millisecond", []conversation.Event{department(1, "Sales"), department(1, "Support")}, described{Department: "Support", Started: at(1)}},
		{"one of two ratings of the same millisecond", []conversation.Event{rating(1, 2), rating(1, 4)}, described{Rating: new(4), Started: at(1)}},
		{"agents as they first took part", []conversation.Event{agents(3, "a1"), agents(2, "a2", "a1"), agents(5, "a0")}, described{Agents: []string{"a2", "a1", "a0"}, Started: at(2)}},
		{"the start by the earliest entry", []conversation.Event{whole(20, says("m1", 3, conversation.System, "a"))}, described{Started: at(3)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := inEveryWay(t, tc.events...)
			if diff := cmp.Diff(tc.want, described{got.Department, got.Tags, got.Rating, got.AgentIDs, got.StartedAt}); diff != "" {
				t.Errorf("transcript (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFoldMergesSubjects(t *testing.T) {
	type subject = conversation.Subject
	of := func(seconds float64, subjects ...subject) conversation.Event {
		return event(fmt.Sprint("s", seconds), seconds, func(e *conversation.Event) { e.Subjects = subjects })
	}
	marta := subject{Name: "Marta", Email: "marta@example.com", VisitorID: "v1"}
	for _, tc := range []struct {
		name   string
		events []conversation.Event
		want   []subject
	}{
		{"one who is named again", []conversation.Event{of(1, marta), of(2, marta)}, []subject{marta}},
		{"what several events say of one visitor id",
			[]conversation.Event{of(1, subject{VisitorID: "v1"}), of(2, subject{VisitorID: "v1", Name: "Marta"}), of(3, subject{VisitorID: "v1", Email: "marta@example.com"})}, []subject{marta}},
		{"two ids by a third event that has both",
			[]conversation.Event{of(1, subject{Email: "marta@example.com"}), of(2, subject{Phone: "+15550100"}), of(3, subject{Email: "marta@example.com", Phone: "+15550100"})},
			[]subject{{Email: "marta@example.com", Phone: "+15550100"}}},
		{"a custom id", []conversation.Event{of(1, subject{CustomID: "c1", Name: "Marta"}), of(2, subject{CustomID: "c1", Phone: "+15550100"})},
			[]subject{{CustomID: "c1", Name: "Marta", Phone: "+15550100"}}},
		{"the latest name and address, when they change",
			[]conversation.Event{of(2, subject{VisitorID: "v1", Name: "Marta Two", Email: "new@example.com"}), of(1, subject{VisitorID: "v1", Name: "Marta", Email: "old@example.com"})},
			[]subject{{VisitorID: "v1", Name: "Marta Two", Email: "new@example.com"}}},
		{"one by an address that has changed since",
			[]conversation.Event{of(1, subject{VisitorID: "v1", Email: "old@example.com"}), of(2, subject{VisitorID: "v1", Email: "new@example.com"}), of(3, subject{Email: "old@example.com", Phone: "+15550100"})},
			[]subject{{VisitorID: "v1", Email: "old@example.com", Phone: "+15550100"}}},
		{"not two with the same name and other ids",
			[]conversation.Event{of(1, subject{VisitorID: "v1", Name: "Marta"}), of(2, subject{VisitorID: "v2", Name: "Marta"})},
			[]subject{{VisitorID: "v1", Name: "Marta"}, {VisitorID: "v2", Name: "Marta"}}},
		{"a name alone with who has it", []conversation.Event{of(1, subject{Name: "Marta"}), of(2, marta)}, []subject{marta}},
		{"a name alone with the one who has none", []conversation.Event{of(1, subject{Name: "Marta"}), of(2, subject{Email: "marta@example.com"})},
			[]subject{{Name: "Marta", Email: "marta@example.com"}}},
		{"not a name alone with who has another", []conversation.Event{of(1, marta), of(2, subject{Name: "Jan"})}, []subject{marta, {Name: "Jan"}}},
		{"nobody", []conversation.Event{of(1, subject{})}, nil},
		{"several, in the order in which they were first heard of",
			[]conversation.Event{of(3, subject{Email: "a@example.com"}), of(1, subject{Email: "c@example.com"}), of(2, subject{Email: "b@example.com"}), of(4, subject{Email: "c@example.com"})},
			[]subject{{Email: "c@example.com"}, {Email: "b@example.com"}, {Email: "a@example.com"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, inEveryWay(t, tc.events...).Subjects); diff != "" {
				t.Errorf("subjects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAdds(t *testing.T) {
	first := message("1", 10, conversation.Visitor, "hello")
	first.Subjects, first.AgentIDs = []conversation.Subject{{Name: "Marta", VisitorID: "v1"}}, []string{"a1"}
	first.Department, first.Tags, first.Rating = "Sales", []string{"refund"}, new(4)
	known := fold(first, whole(20, says("m1", 15, conversation.Agent, "hello, how are you?")))
	later := func(change func(*conversation.Event)) conversation.Event { return event("later", 50, change) }
	for _, tc := range []struct {
		name string
		e    conversation.Event
		want bool
	}{
		{"not by the same event again", first, false},
		{"not by the end again", ended(20), false},
		{"not by a message that a whole delivery has replaced", message("2", 18, conversation.Agent, "hello"), false},
		{"not by somebody who is named again", later(func(e *conversation.Event) { e.Subjects, e.AgentIDs = first.Subjects, first.AgentIDs }), false},
		{"not by an event that says nothing", later(nil), false},
		{"by a message", message("2", 50, conversation.Agent, "one more thing"), true},
		{"by an earlier beginning", event("opened", 1, nil), true},
		{"by a later end", ended(50), true},
		{"by a reopening", reopened(50), true},
		{"by what is new of somebody", later(func(e *conversation.Event) {
			e.Subjects = []conversation.Subject{{VisitorID: "v1", Email: "marta@example.com"}}
		}), true},
		{"by another agent", later(func(e *conversation.Event) { e.AgentIDs = []string{"a2"} }), true},
		{"by another department", later(func(e *conversation.Event) { e.Department = "Support" }), true},
		{"by another rating", later(func(e *conversation.Event) { e.Rating = new(1) }), true},
		{"by the tags being removed", later(func(e *conversation.Event) { e.Tags = []string{} }), true},
		{"by a message being taken back", later(func(e *conversation.Event) { e.Redacted = []string{"m1"} }), true},
		{"by a single tag", later(func(e *conversation.Event) { e.Tagged = []string{"vip"} }), true},
		{"not by tags of before", event("tags", 11, func(e *conversation.Event) { e.Tags = nil }), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := known.Adds(tc.e); got != tc.want {
				t.Errorf("adds %t, want %t", got, tc.want)
			}
		})
	}
}

func TestFoldSaysNothingNewOfADuplicate(t *testing.T) {
	first := message("1", 10, conversation.Visitor, "hello")
	first.Subjects, first.AgentIDs, first.Tags = []conversation.Subject{{Name: "Marta", VisitorID: "v1"}}, []string{"a1"}, []string{"refund"}
	known := fold(first, ended(20))
	if diff := cmp.Diff(known, known.Fold([]conversation.Event{first})); diff != "" {
		t.Errorf("a duplicate changes the transcript (-want +got):\n%s", diff)
	}
	before, err := json.Marshal(known)
	if err != nil {
		t.Fatal(err)
	}
	known.Fold([]conversation.Event{message("2", 5, conversation.Agent, "earlier"), event("more", 1, func(e *conversation.Event) {
		e.Subjects, e.AgentIDs = []conversation.Subject{{Name: "Jan", VisitorID: "v0"}, {Name: "Marta", VisitorID: "v1"}}, []string{"a0", "a1"}
	})})
	after, err := json.Marshal(known)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("folding changed the transcript that was folded onto (-want +got):\n%s", diff)
	}
}

func TestKnownUntil(t *testing.T) {
	for _, tc := range []struct {
		name   string
		events []conversation.Event
		want   conversation.Time
	}{
		{"the last entry", []conversation.Event{message("1", 10, conversation.Visitor, "a"), message("2", 20, conversation.System, "b")}, at(20)},
		{"the end", []conversation.Event{message("1", 10, conversation.Visitor, "a"), ended(30)}, at(30)},
		{"the opening", []conversation.Event{event("opened", 5, nil)}, at(5)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, fold(tc.events...).KnownUntil()); diff != "" {
				t.Errorf("known until (-want +got):\n%s", diff)
			}
		})
	}
}

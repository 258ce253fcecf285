package minimise_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/minimise"
	"github.com/supportvault/supportvault/shared/retention"
)

const (
	pan    = "4111 1111 1111 1111"
	masked = "**** **** **** 1111"
)

var noon = conversation.At(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))

// full says something in every field, with a card number wherever people write.
func full() conversation.Event {
	return conversation.Event{
		ID: "message/77", Source: "chatwoot", Conversation: "4182", Kind: retention.Chat, Time: noon, Received: noon,
		Entries: []conversation.Entry{
			{
				ID: "77", Time: noon, Author: conversation.Author{Role: conversation.Visitor, Name: "Marta Example " + pan}, Text: "my card is " + pan,
				Attachments: []conversation.Attachment{{Name: "Marta-passport " + pan + ".pdf", Type: "file " + pan, Bytes: 4711}}, Private: true,
			},
			{ID: "78", Time: noon, Author: conversation.Author{Role: conversation.Agent, Name: "Jan Agent"}, Text: "thank you"},
		},
		Whole: true, Ended: true, Reopened: true,
		Subjects: []conversation.Subject{{
			Name: "Marta Example " + pan, Email: "marta@example.com", Phone: "+15550100", VisitorID: "visitor-17", CustomID: "customer " + pan,
		}},
		Department: "Sales " + pan, Tags: []string{"refund", pan}, Rating: new(5), AgentIDs: []string{"agent-3"},
	}
}

func TestMinimalKeepsWhatWasSaidAndWhen(t *testing.T) {
	want := conversation.Event{
		ID: "message/77", Source: "chatwoot", Conversation: "4182", Kind: retention.Chat, Time: noon, Received: noon,
		Entries: []conversation.Entry{
			{
				ID: "77", Time: noon, Author: conversation.Author{Role: conversation.Visitor}, Text: "my card is " + masked,
				Attachments: []conversation.Attachment{{Type: "file " + masked, Bytes: 4711}}, Private: true,
			},
			{ID: "78", Time: noon, Author: conversation.Author{Role: conversation.Agent}, Text: "thank you", Attachments: []conversation.Attachment{}},
		},
		Whole: true, Ended: true, Reopened: true, Department: "Sales " + masked, Tags: []string{"refund", masked}, Rating: new(5),
	}
	got, cards := minimise.Minimal.Event(full())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if cards != 4 {
		t.Errorf("%d cards masked, want those in the text, the type of the file, the department and the tag: 4", cards)
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, personal := range []string{"Marta", "Example", "marta@example.com", "5550100", "visitor-17", "customer", "passport", "Jan", "agent-3", "4111"} {
		if strings.Contains(string(b), personal) {
			t.Errorf("%q is kept: %s", personal, b)
		}
	}
}

func TestIdentifiedKeepsNamesAndAddressesToo(t *testing.T) {
	want := full()
	want.Entries[0].Author.Name, want.Entries[0].Text = "Marta Example "+masked, "my card is "+masked
	want.Entries[0].Attachments[0] = conversation.Attachment{Name: "Marta-passport " + masked + ".pdf", Type: "file " + masked, Bytes: 4711}
	want.Entries[1].Attachments = []conversation.Attachment{}
	want.Subjects[0].Name, want.Subjects[0].CustomID = "Marta Example "+masked, "customer "+masked
	want.Department, want.Tags = "Sales "+masked, []string{"refund", masked}
	got, cards := minimise.Identified.Event(full())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if cards != 8 {
		t.Errorf("%d cards masked, want 8", cards)
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "4111") {
		t.Errorf("a card number is kept: %s", b)
	}
}

func TestCardsInAnAddressAreMasked(t *testing.T) {
	e := full()
	e.Subjects = []conversation.Subject{{Email: pan, Phone: pan}}
	got, _ := minimise.Identified.Event(e)
	if diff := cmp.Diff([]conversation.Subject{{Email: masked, Phone: masked}}, got.Subjects); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
}

func TestTheEventIsNotChanged(t *testing.T) {
	for _, start := range []minimise.Start{minimise.Minimal, minimise.Identified} {
		t.Run(string(start), func(t *testing.T) {
			given := full()
			kept, _ := start.Event(given)
			if diff := cmp.Diff(full(), given); diff != "" {
				t.Errorf("the event that was handed in (-want +got):\n%s", diff)
			}
			kept.Entries[0].Text, kept.Entries[0].Attachments[0].Name, kept.Tags[0] = "changed", "changed", "changed"
			if diff := cmp.Diff(full(), given); diff != "" {
				t.Errorf("what is kept shares memory with what was handed in (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsKeptOnceIsKeptTheSameAgain(t *testing.T) {
	for _, start := range []minimise.Start{minimise.Minimal, minimise.Identified} {
		once, _ := start.Event(full())
		twice, cards := start.Event(once)
		if diff := cmp.Diff(once, twice); diff != "" || cards != 0 {
			t.Errorf("%s: %d cards found in what was masked (-once +twice):\n%s", start, cards, diff)
		}
	}
}

func TestAnEventThatSaysLittle(t *testing.T) {
	for _, tc := range []struct {
		name string
		tags []string
	}{
		{"says nothing of tags, and so does what is kept", nil},
		{"says that there are no tags, and so does what is kept", []string{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			given := conversation.Event{ID: "end", Source: "tawkto", Conversation: "c", Kind: retention.Chat, Time: noon, Received: noon, Ended: true, Tags: tc.tags}
			for _, start := range []minimise.Start{minimise.Minimal, minimise.Identified} {
				got, cards := start.Event(given)
				if diff := cmp.Diff(given, got); diff != "" || cards != 0 {
					t.Errorf("%s: %d cards, event (-want +got):\n%s", start, cards, diff)
				}
			}
		})
	}
}

func TestCardsInTagsAreMasked(t *testing.T) {
	const tag = "card 4111 1111 1111 1111"
	got, cards := minimise.Minimal.Event(conversation.Event{Tags: []string{tag}, Tagged: []string{tag}, Untagged: []string{tag}})
	for _, tags := range [][]string{got.Tags, got.Tagged, got.Untagged} {
		if len(tags) != 1 || strings.Contains(tags[0], "4111 1111") || cards != 3 {
			t.Errorf("%d cards, tags %q", cards, tags)
		}
	}
}

func TestStartCheck(t *testing.T) {
	for _, tc := range []struct {
		name  string
		start minimise.Start
		err   error
	}{
		{"minimal", minimise.Minimal, nil},
		{"identified", minimise.Identified, nil},
		{"nothing", "", minimise.ErrStart},
		{"upper case", "Minimal", minimise.ErrStart},
		{"everything", "full", minimise.ErrStart},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.start.Check(); !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
		})
	}
	t.Run("a start that does not exist keeps the minimum", func(t *testing.T) {
		want, _ := minimise.Minimal.Event(full())
		got, _ := minimise.Start("").Event(full())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("event (-want +got):\n%s", diff)
		}
	})
}

func TestWhatIsSaidAboutAConversationIsBounded(t *testing.T) {
	long := strings.Repeat("ö", 5000)
	e := conversation.Event{Title: long, Department: long, Call: &conversation.Call{Outcome: long, Recording: long}}
	for i := range 40_000 {
		n := strconv.Itoa(i)
		e.Tags, e.Tagged, e.Untagged, e.AgentIDs = append(e.Tags, n+long[:20]), append(e.Tagged, n), append(e.Untagged, n), append(e.AgentIDs, n)
		e.Subjects = append(e.Subjects, conversation.Subject{Name: n, VisitorID: n})
	}
	e.Tags[0], e.AgentIDs[0] = long, long
	e.Subjects[0] = conversation.Subject{Name: long, Email: long, Phone: long, VisitorID: long, CustomID: long}
	want := long[:2*1000]
	for _, start := range []minimise.Start{minimise.Minimal, minimise.Identified} {
		got, _ := start.Event(e)
		if len(got.Tags) != 100 || len(got.Tagged) != 100 || len(got.Untagged) != 100 || len(got.Subjects) > 100 || len(got.AgentIDs) > 100 {
			t.Errorf("%s: %d tags, %d set, %d taken away, %d subjects, %d agents", start,
				len(got.Tags), len(got.Tagged), len(got.Untagged), len(got.Subjects), len(got.AgentIDs))
		}
		if got.Title != want || got.Department != want || got.Tags[0] != want || *got.Call != (conversation.Call{Outcome: want, Recording: want}) {
			t.Errorf("%s: longer than 1,000 characters: %d, %d, %d, %+v", start, len(got.Title), len(got.Department), len(got.Tags[0]), got.Call)
		}
		if start == minimise.Identified && (got.Subjects[0] != conversation.Subject{Name: want, Email: want, Phone: want, VisitorID: want, CustomID: want} ||
			got.AgentIDs[0] != want || len(got.Subjects) != 100 || len(got.AgentIDs) != 100) {
			t.Errorf("a subject and an agent: %+v, %d", got.Subjects[0], len(got.AgentIDs[0]))
		}
	}
}

package source_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
)

const transcripts = "testdata/transcripts"

// TestDeliveriesOfAConversationBecomeItsTranscript folds what the samples of each conversation make, in the order of their
// names, and shuffled and repeated: right order, roles, names, times to the millisecond, texts, whatever the order.
func TestDeliveriesOfAConversationBecomeItsTranscript(t *testing.T) {
	conversations := map[string][]conversation.Event{}
	for _, s := range readSamples(t) {
		got, err := adapt(t, s.source, s.body)
		if err != nil {
			continue
		}
		for _, e := range got.Events {
			if e.Visit != nil {
				continue // which is no conversation
			}
			key := s.source + "-" + string(e.Kind) + "-" + strings.ReplaceAll(e.Conversation, "/", "_") // a file of it
			e.Source = s.source
			conversations[key] = append(conversations[key], e)
		}
	}
	for key, events := range conversations {
		t.Run(key, func(t *testing.T) {
			want := conversation.Transcript{}.Fold(events)
			compareGolden(t, filepath.Join(transcripts, key+".json"), struct {
				conversation.View
				Anchor   conversation.Time `json:"anchor"`
				AgentIDs []string          `json:"agentIds"`
			}{want.View(), want.Anchor, want.AgentIDs})
			for seed := range uint64(100) {
				r := rand.New(rand.NewPCG(seed, 5))
				all := slices.Clone(events)
				for range r.IntN(3 * len(events)) {
					all = append(all, events[r.IntN(len(events))])
				}
				r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				var got conversation.Transcript
				for len(all) > 0 {
					n := 1 + r.IntN(len(all))
					got, all = got.Fold(all[:n]), all[n:]
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
				}
			}
		})
	}
	files, err := os.ReadDir(transcripts)
	if err != nil {
		t.Fatal(err)
	}
	several := map[string]bool{}
	for _, f := range files {
		key := strings.TrimSuffix(f.Name(), ".json")
		if conversations[key] == nil {
			t.Errorf("%s is an orphan", f.Name())
		}
		for _, name := range source.Names() {
			several[name] = several[name] || strings.HasPrefix(key, name+"-") && len(conversations[key]) > 2
		}
	}
	for _, name := range source.Names() {
		if !several[name] && !slices.Equal(described[name].kinds, []retention.Kind{retention.Visit}) {
			t.Errorf("no sample conversation of %s has several deliveries", name)
		}
	}
}

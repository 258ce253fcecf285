package source_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/source"
)

const (
	readme     = "../../README.md"
	setupBegin = "<!-- the steps of each adapter; UPDATE_GOLDEN=1 go test ./shared/source -run Readme writes them -->\n"
	setupEnd   = "<!-- the end of the steps -->\n"
)

// The README tells how each sender is set up, as the API does.
func TestReadmeHasTheStepsOfEverySender(t *testing.T) {
	var steps strings.Builder
	readable := strings.NewReplacer("{url}", "`URL`", "{secret}", "`SECRET`", "{script}", "$API/v1/beacon.js", "{account}", "$ACCOUNT",
		"<script", "`<script", "</script>", "</script>`")
	for _, name := range source.Names() {
		a := lookup(t, name)
		if len(a.Setup) == 0 {
			t.Errorf("%s does not say how it is set up", name)
		}
		fmt.Fprintf(&steps, "\n**`%s`**\n\n", name)
		for i, step := range a.Setup {
			fmt.Fprintf(&steps, "%d. %s\n", i+1, readable.Replace(strings.ReplaceAll(step, "{source}", name)))
		}
		if a.Weak != "" {
			fmt.Fprintf(&steps, "\n   *Weak:* %s\n", a.Weak)
		}
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), setupBegin)
	told, after, closed := strings.Cut(rest, setupEnd)
	if !ok || !closed {
		t.Fatal("the README has no place for the steps")
	}
	want := steps.String() + "\n"
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(readme, []byte(before+setupBegin+want+setupEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-adapters +README):\n%s", diff)
	}
}

package functions_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/supportvault/supportvault/functions/admin"
)

// Every sample of a function that is invoked directly ends as its name says.
func TestStoreSamplesOfInvocations(t *testing.T) {
	r := newRoad(t)
	p := postOver(r)
	r.account(t, admin.Request{Account: "demo"})
	invoked := map[string]func(context.Context, json.RawMessage) (any, error){
		"admin": r.admin.Handle, "extract": r.extract.Handle, "importer": r.importer.Handle, "purge": r.purge.Handle, "settle": r.settle.Handle,
		"attach": r.attach.Handle,
		"mail":   p.mail.Handle,
	}
	folders, err := filepath.Glob("../events/*/")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		name := filepath.Base(folder)
		handle, ok := invoked[name]
		if !ok {
			if name != "ingest" { // whose samples are bodies of webhooks: frontdoor_test.go
				t.Errorf("nothing tries the samples of %s", name)
			}
			continue
		}
		files, err := filepath.Glob(filepath.Join(folder, "*.json"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s has no samples: %v", name, err)
		}
		for _, file := range files {
			t.Run(name+"/"+filepath.Base(file), func(t *testing.T) {
				body, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := handle(context.Background(), body)
				said, marshalErr := json.Marshal(answer)
				if marshalErr != nil {
					t.Fatal(marshalErr)
				}
				refused := err != nil || strings.HasPrefix(string(said), `{"error":`)
				if want := strings.HasPrefix(filepath.Base(file), "reject-"); refused != want {
					t.Errorf("refused %t, want %t: %s %v", refused, want, said, err)
				}
			})
		}
	}
}

package source_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// testdata/vendors has what the vendors' own documents and other people's captures show of their deliveries; it says nothing of
// what they become here, which the samples of events/ingest do.
const vendors = "testdata/vendors"

// vendorTopics are of Intercom's objects, which its deliveries have inside, the topics that send them.
var vendorTopics = map[string]string{
	"object.conversation.v2.14.json":                              "conversation.admin.single.created",
	"object.conversation_part.admin_reply_with_a_note.v2.14.json": "conversation.admin.noted",
	"object.conversation_part.user_reply.v2.14.json":              "conversation.user.replied",
}

func TestDeliveriesThatVendorsShowAreTaken(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(vendors, "*", "*.json"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	taken := map[string]bool{}
	for _, file := range files {
		name, base := filepath.Base(filepath.Dir(file)), filepath.Base(file)
		if base == "vector.json" {
			continue
		}
		t.Run(name+"/"+base, func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if topic := vendorTopics[base]; topic != "" {
				body = fmt.Appendf(nil, `{"type":"notification_event","topic":%q,"id":"notif_1","created_at":1734537600,"data":{"item":%s}}`, topic, body)
			}
			d := signed(name, secretOf(name), body, received)
			if err := lookup(t, name).Verify(d, []string{"another", secretOf(name)}); err != nil {
				t.Errorf("rightly signed: %v", errors.Unwrap(err))
			}
			for _, secrets := range [][]string{{"another secret"}, {""}, nil} {
				if lookup(t, name).Verify(d, secrets) == nil {
					t.Errorf("accepted with %q", secrets)
				}
			}
			got, err := lookup(t, name).Adapt(d)
			checkOutcome(t, name, got, err)
			if base == "ticket_created.advanced-template.json" { // which nobody has filled in
				if !errors.Is(err, strictjson.ErrShape) {
					t.Errorf("a template was taken: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			taken[name] = taken[name] || len(got.Events) > 0
		})
	}
	for _, name := range source.Names() {
		if dir, _ := filepath.Glob(filepath.Join(vendors, name, "*")); len(dir) > 0 && !taken[name] {
			t.Errorf("nothing was made of what %s sends", name)
		}
	}
}

// The example of Freshchat's signature, made with a key of Freshchat's own.
func TestFreshchatsExampleVerifies(t *testing.T) {
	body, err := os.ReadFile(filepath.Join(vendors, "freshchat", "message_create.json"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(vendors, "freshchat", "vector.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vector struct {
		Header  string `json:"header"`
		Key     string `json:"public_key_pem_one_line"`
		Valid   string `json:"valid_signature"`
		Invalid string `json:"invalid_signature"`
	}
	if err := json.Unmarshal(text, &vector); err != nil {
		t.Fatal(err)
	}
	if !source.ValidSecret("freshchat", vector.Key) {
		t.Error("the key cannot be given")
	}
	for signature, right := range map[string]bool{vector.Valid: true, vector.Invalid: false, strings.ToLower(vector.Valid): false} {
		d := signed("freshchat", "", body, received)
		d.Header.Set(vector.Header, signature)
		if err := lookup(t, "freshchat").Verify(d, []string{vector.Key}); (err == nil) != right {
			t.Errorf("%.10s…: %v, want accepted: %v", signature, err, right)
		}
	}
}

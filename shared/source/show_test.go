package source_test

import (
	"testing"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/source"
)

// What the format refuses does not stand in a delivery that is shown in it, nor is it taken out of the event.
func TestCanonicalHasAddressesOfTheFormatAlone(t *testing.T) {
	files := []conversation.Attachment{{Name: "a", URL: "http://files.example.com/a"}, {Name: "b", URL: "https://files.example.com/b"}}
	shown := source.Canonical([]conversation.Event{{Entries: []conversation.Entry{{Attachments: files}}}})
	got := shown.Events[0].Entries[0].Attachments
	if got[0] != (conversation.Attachment{Name: "a"}) || got[1] != files[1] || files[0].URL == "" {
		t.Errorf("%+v of %+v", got, files)
	}
}

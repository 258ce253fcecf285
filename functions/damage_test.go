package functions_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/extract"
	"github.com/supportvault/supportvault/functions/purge"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
)

// One conversation that somebody damaged must not hide the others.
func TestStoreADamagedRecordIsLeftOut(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	for _, chat := range []string{"a", "b", "c"} {
		r.mustPost(t, demo, "tawkto", tawkStart(chat, noon, "Hello"))
		r.mustPost(t, demo, "tawkto", tawkEnd(chat, noon.Add(time.Second)))
	}
	r.settleAll(t)
	id := r.id(t, demo, "tawkto", "b", 1)
	for _, item := range r.Items(t, r.Tables.Records) {
		if strings.HasPrefix(id, strings.TrimPrefix(attr.GetS(item, "pk"), "demo#")) && strings.HasPrefix(attr.GetS(item, "sk"), "record#") {
			body := attr.GetB(item, "body")
			body[len(body)-1] ^= 1
			r.put(t, r.Tables.Records, item)
		}
	}
	if got := r.list(t, demo, ""); len(got) != 2 {
		t.Errorf("%d of the two that are whole are listed", len(got))
	}
	answer, err := r.extract.Extract(context.Background(), extract.Request{Account: "demo"})
	if err != nil || answer.Records != 2 || answer.Damaged != 1 || !answer.Done {
		t.Errorf("extract: %+v %v", answer, err)
	}
	if status, body := r.get(t, demo, id, ""); status != 503 {
		t.Errorf("the damaged one: %d %s", status, body)
	}
	// A new message of it is not lost.
	r.mustPost(t, demo, "tawkto", tawkTranscript("b", noon.Add(time.Minute), "Are you there?"))
	if got := r.list(t, demo, "state=open"); len(got) != 1 || got[0].Incarnation != 2 {
		t.Errorf("after a new message: %+v", got)
	}
}

// What settling cannot get to is destroyed by the purge all the same.
func TestStoreOpenConversationsPastTheirTimeArePurged(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo", Retention: "P1D"})
	r.mustPost(t, demo, "tawkto", tawkStart("old", noon, "Hello"))
	r.Clock.Advance(36 * time.Hour) // past its time: the day after is over at midnight
	r.mustPost(t, demo, "tawkto", tawkStart("new", r.Clock.Now(), "Hello"))
	if left := r.list(t, demo, ""); len(left) != 1 {
		t.Errorf("%d are listed, want the new one", len(left))
	}
	rep := r.purgeAll(t)
	if rep.Conversations != 1 {
		t.Errorf("the old one is not destroyed: %+v", rep)
	}
	r.Clock.Advance(24 * time.Hour)
	r.purgeAll(t)
	if left := r.entriesLeft(t); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	if got := r.list(t, demo, ""); len(got) != 1 || got[0].State != conversation.Open || got[0].Conversation != "new" {
		t.Errorf("listed: %+v", got)
	}
}

func TestStoreAPolicyBelowTheFloorDestroysNothing(t *testing.T) {
	r := newRoad(t)
	r.account(t, admin.Request{Account: "hasty", Retention: "PT2M"})
	steady := r.account(t, admin.Request{Account: "steady", Retention: "P1D"})
	hasty := steady
	hasty.Account = "hasty"
	r.mustPost(t, steady, "tawkto", tawkStart("a", noon, "Hello"))
	r.mustPost(t, steady, "tawkto", tawkEnd("a", noon))
	r.settleAll(t)
	r.Clock.Advance(72 * time.Hour)
	prod := purge.New(purge.Deps{Store: r.Store, Floor: retention.FloorDay, Chain: r.purge.Chain, Archive: r.purge.Archive, Extracts: r.purge.Extracts})
	rep, err := prod.Purge(context.Background(), purge.Request{})
	if err != nil || len(rep.Failures) == 0 || rep.Failures[0] != "hasty" || rep.Conversations != 1 || rep.Accounts != 2 {
		t.Errorf("purge: %+v %v", rep, err)
	}
}

// The list of accounts is a partition of its own, whatever accounts are called.
func TestStoreAnAccountMayBeCalledAccounts(t *testing.T) {
	r := newRoad(t)
	r.account(t, admin.Request{Account: "accounts"})
	r.account(t, admin.Request{Account: "policy"})
	rep := r.purgeAll(t)
	if rep.Accounts != 2 || len(rep.Failures) != 0 {
		t.Errorf("purge: %+v", rep)
	}
}

package functions_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/extract"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// Taking away a conversation's own keys, its row, its cohort's key or the account's makes it unreadable at the next read
// through every path, in the very process that opened it before, and an older copy of the records table does not help.
func TestStoreDestructionShowsInAWarmProcess(t *testing.T) {
	t.Parallel()
	row := func(r *road, id string) attr.Item {
		record, incarnation, err := vault.ParseID(id)
		if err != nil {
			t.Fatal(err)
		}
		return attr.Key("demo#conversation#"+record, fmt.Sprintf("%04d", incarnation))
	}
	for name, c := range map[string]struct {
		destroy func(r *road, id string)
		// others says that another conversation of the account stays readable.
		others, account bool
	}{
		"its own keys": {func(r *road, id string) { r.remove(t, r.Tables.Keys, row(r, id), "own") }, true, false},
		"its row":      {func(r *road, id string) { r.remove(t, r.Tables.Keys, row(r, id), "") }, true, false},
		"its cohort's key": {func(r *road, _ string) {
			r.remove(t, r.Tables.Keys, vault.CohortKeyItem("demo", retention.Chat, "2026-11-21"), "key")
		}, false, false},
		"its cohort's row": {func(r *road, _ string) {
			r.remove(t, r.Tables.Keys, vault.CohortKeyItem("demo", retention.Chat, "2026-11-21"), "")
		}, false, false},
		"the account's key": {func(r *road, _ string) { r.remove(t, r.Tables.Keys, vault.AccountKeyItem("demo"), "") }, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoad(t)
			demo := r.account(t, admin.Request{Account: "demo"})
			big := large(50_000, 5)
			for chat, text := range map[int]string{1: big, 2: "two"} {
				r.mustPost(t, demo, "chatwoot", wootMessage(chat, 1, noon, text))
				r.mustPost(t, demo, "chatwoot", wootResolved(chat, noon.Add(time.Second)))
			}
			older := r.Items(t, r.Tables.Records) // open
			r.settleAll(t)
			newer := r.Items(t, r.Tables.Records) // settled
			objects := r.S3.Objects()
			id, other := r.id(t, demo, "chatwoot", "1", 1), r.id(t, demo, "chatwoot", "2", 1)
			r.shown(t, demo, id, "before")
			r.shown(t, demo, other, "before")

			gone := func(when string) {
				t.Helper()
				if c.account {
					if status, body := r.get(t, demo, id, ""); status != 404 {
						t.Errorf("%s: one answers %d %.60s", when, status, body)
					}
					if status, body := r.get(t, demo, "", ""); status != 404 {
						t.Errorf("%s: the list answers %d %.60s", when, status, body)
					}
					if a, err := r.extract.Extract(context.Background(), extract.Request{Account: "demo"}); err == nil || len(a.Files) > 0 {
						t.Errorf("%s: extracted %+v", when, a)
					}
					return
				}
				r.hidden(t, demo, id, when)
				if c.others {
					if v := r.shown(t, demo, other, when); !cmp.Equal(texts(v), []string{"two"}) {
						t.Errorf("%s: the other is %+v", when, v)
					}
				} else {
					r.hidden(t, demo, other, when)
				}
			}
			c.destroy(r, id)
			gone("at the next read")
			r.Restore(t, r.Tables.Records, older)
			gone("with the entries put back")
			r.Restore(t, r.Tables.Records, newer)
			maps.Copy(objects, r.S3.Objects())
			r.S3.PutBack(objects)
			gone("with the record put back")
			r.Clock.Advance(6 * time.Minute) // a cold cache
			gone("later")
		})
	}
}

// What is sealed opens only where it was sealed: the same bytes under another conversation, another account, another
// generation or another entry's name do not open, and nothing of them comes out.
func TestStoreSealedItemsOpenNowhereElse(t *testing.T) {
	r := newRoad(t)
	demo, other := r.account(t, admin.Request{Account: "demo"}), r.account(t, admin.Request{Account: "other"})
	secret := "the sealed secret of the first"
	post := func(a admin.Created, chat int, text string, end bool) string {
		r.mustPost(t, a, "chatwoot", wootMessage(chat, 1, noon, text))
		if end {
			r.mustPost(t, a, "chatwoot", wootResolved(chat, noon.Add(time.Second)))
		}
		r.settleAll(t)
		return r.id(t, a, "chatwoot", fmt.Sprint(chat), 1)
	}
	find := func(a, id, prefix string) attr.Item {
		t.Helper()
		record, _, _ := vault.ParseID(id)
		for _, item := range r.Items(t, r.Tables.Records) {
			if attr.GetS(item, "pk") == vault.RecordPartition(a, record) && strings.HasPrefix(attr.GetS(item, "sk"), prefix) {
				return item
			}
		}
		t.Fatalf("no %s of %s", prefix, id)
		return nil
	}
	for i, c := range []struct {
		name   string
		victim admin.Created
		prefix string
		settle bool
	}{
		{"a record under another conversation", demo, "record#", true},
		{"a record under another account", other, "record#", true},
		{"an entry under another conversation", demo, "entry#", false},
		{"an entry under another account", other, "entry#", false},
	} {
		from, to := post(demo, 10*i+1, secret, c.settle), post(c.victim, 10*i+2, "the text of the second", c.settle)
		taken, kept := find("demo", from, c.prefix), find(c.victim.Account, to, c.prefix)
		moved := maps.Clone(taken)
		moved["pk"], moved["sk"] = kept["pk"], kept["sk"]
		if g, ok := kept["generation"]; ok {
			moved["generation"] = g
		}
		r.put(t, r.Tables.Records, moved)
		for _, query := range []string{to, ""} {
			if status, body := r.get(t, c.victim, query, ""); status == 200 && (query != "" || strings.Contains(body, to)) || strings.Contains(body, "sealed secret") {
				t.Errorf("%s: reading %q answers %d %s", c.name, query, status, body)
			}
		}
		if all, _ := r.extracted(context.Background(), c.victim); strings.Contains(all, to) {
			t.Errorf("%s is extracted", c.name)
		}
		if v := r.one(t, demo, from); !cmp.Equal(texts(v), []string{secret}) {
			t.Errorf("%s: the first is %+v", c.name, v)
		}
		r.put(t, r.Tables.Records, kept)
		if v := r.one(t, c.victim, to); !cmp.Equal(texts(v), []string{"the text of the second"}) {
			t.Errorf("%s: put right, it is %+v", c.name, v)
		}
	}

	// The row of one conversation under the name of another: its keys are wrapped for their place.
	a, b := post(demo, 91, secret, true), post(demo, 92, "the text of the second", true)
	ra, _, _ := vault.ParseID(a)
	rb, _, _ := vault.ParseID(b)
	rows := map[string]attr.Item{}
	for _, item := range r.rows(t) {
		rows[attr.GetS(item, "pk")] = item
	}
	moved := maps.Clone(rows["demo#conversation#"+rb])
	moved["own"] = rows["demo#conversation#"+ra]["own"]
	r.put(t, r.Tables.Keys, moved)
	if status, _ := r.get(t, demo, b, ""); status == 200 {
		t.Error("another conversation's own keys open it")
	}
	// One account's key row under another's name: KMS refuses the encryption context.
	var keys []attr.Item
	for _, item := range r.Items(t, r.Tables.Keys) {
		if attr.GetS(item, "sk") == "account" {
			keys = append(keys, item)
		}
	}
	if len(keys) != 2 {
		t.Fatalf("%d account keys", len(keys))
	}
	swapped := maps.Clone(keys[0])
	swapped["key"] = keys[1]["key"]
	r.put(t, r.Tables.Keys, swapped)
	which := map[string]admin.Created{"demo#": demo, "other#": other}[attr.GetS(swapped, "pk")]
	if status, body := r.get(t, which, "", ""); status == 200 {
		t.Errorf("another account's key opens it: %s", body)
	}
}

// An own key is replaced at every settling: the one before opens nothing any more, whatever copy of the tables comes back.
func TestStoreSettlingReplacesTheOwnKey(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 1, noon, "one"))
	r.mustPost(t, demo, "chatwoot", wootResolved(1, noon.Add(time.Second)))
	r.settleAll(t)
	id := r.id(t, demo, "chatwoot", "1", 1)
	before, own := r.Items(t, r.Tables.Records), attr.GetMap(r.rows(t)[0], "own")
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 2, noon.Add(2*time.Second), "two"))
	r.settleAll(t)
	for g, key := range attr.GetMap(r.rows(t)[0], "own") {
		if _, ok := own[g]; ok || bytes.Equal(attr.GetB(own, g), attr.GetB(attr.Item{"k": key}, "k")) {
			t.Errorf("generation %s has a key as before", g)
		}
	}
	if v := r.one(t, demo, id); v.Revision != 2 || v.State != conversation.Settled {
		t.Fatalf("%+v", v)
	}
	r.Restore(t, r.Tables.Records, before)
	r.hidden(t, demo, id, "with the revision before put back")
}

package functions_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/receipt/chain"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

func (r *road) destroy(t testing.TB, a admin.Created, id string, v any) (code string) {
	t.Helper()
	return r.asked(t, a, "POST destructions", fmt.Sprintf(`{"id":%q,"reason":"It holds a photograph of a passport."}`, id), v)
}

func (r *road) restore(t testing.TB, a admin.Created, id string) (code string) {
	t.Helper()
	return r.askedOf(t, a, "POST destructions/{id}/undo", map[string]string{"id": id}, `{"reason":"It was the wrong one."}`, nil)
}

// doomed are the ids of the records that wait for their destruction.
func (r *road) doomed(t testing.TB, a admin.Created) (ids []string) {
	t.Helper()
	var all admin.Destructions
	if code := r.asked(t, a, "GET destructions", "", &all); code != "" {
		t.Fatal(code)
	}
	for _, d := range all.Destructions {
		ids = append(ids, d.ID)
	}
	return ids
}

// receipts are those of an account with their leaves, the first one first.
func (r *road) receipts(t testing.TB, account string) (all []receipt.Signed) {
	t.Helper()
	r.stated(t, account) // verifies them
	for n := int64(1); ; n++ {
		signed, err := r.purge.Chain.Get(t.Context(), account, n)
		if errors.Is(err, chain.ErrNone) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, signed)
	}
}

func TestStoreDestructionHidesAtOnceAndDestroysAfterTheWait(t *testing.T) {
	r := newRoad(t)
	demo, ids := r.daily(t, 3)
	before := len(r.Items(t, r.Tables.Records))
	var told admin.Destruction
	if code := r.destroy(t, demo, ids[0], &told); code != "" {
		t.Fatal(code)
	}
	if told.ID != ids[0] || told.Kind != "chat" || !told.At.Equal(noon) || !told.DestroyedFrom.Equal(noon.Add(24*time.Hour)) ||
		told.UndoUntil == nil || !told.UndoUntil.Equal(noon.Add(24*time.Hour-time.Minute)) || told.Reason != "It holds a photograph of a passport." {
		t.Errorf("destroyed: %+v", told)
	}
	r.hidden(t, demo, ids[0], "at once, in a warm process")
	r.shown(t, demo, ids[1], "of the same account")
	r.Clock.Advance(time.Hour)
	if code := r.destroy(t, demo, ids[1], nil); code != "" {
		t.Fatal(code)
	}
	if diff := cmp.Diff([]string{ids[1], ids[0]}, r.doomed(t, demo)); diff != "" {
		t.Errorf("listed (-want +got)\n%s", diff)
	}
	r.Clock.Set(told.UndoUntil.Add(-time.Second))
	if rep := r.purgeAll(t); rep.Conversations+rep.Items != 0 {
		t.Errorf("within the wait a purge destroyed %+v", rep)
	}
	if after := len(r.Items(t, r.Tables.Records)); after != before {
		t.Errorf("%d of %d items are left", after, before)
	}
	if code := r.restore(t, demo, ids[0]); code != "" {
		t.Fatalf("undo: %s", code)
	}
	if got := texts(r.shown(t, demo, ids[0], "undone")); !cmp.Equal(got, []string{"hello"}) {
		t.Errorf("undone: %v", got)
	}
	if code := r.restore(t, demo, ids[0]); code != "destruction_unknown" {
		t.Errorf("undone again: %q", code)
	}

	// The other is not undone.
	r.Clock.Set(noon.Add(25*time.Hour - time.Minute))
	if code := r.restore(t, demo, ids[1]); code != "undo_over" {
		t.Errorf("in the last minute: %q", code)
	}
	r.Clock.Set(noon.Add(25 * time.Hour))
	if rep := r.purgeAll(t); rep.Conversations != 1 || rep.Receipts != 1 {
		t.Errorf("the purge after the wait: %+v", rep)
	}
	r.hidden(t, demo, ids[1], "purged")
	r.shown(t, demo, ids[0], "not purged")
	if got := r.doomed(t, demo); got != nil {
		t.Errorf("still listed: %v", got)
	}
	for _, item := range r.Items(t, r.Tables.Control) {
		if attr.GetS(item, "pk") == "demo#hand#" {
			t.Error("a wish is left")
		}
	}
	if code := r.restore(t, demo, ids[1]); code != "destruction_unknown" {
		t.Errorf("undone after the purge: %q", code)
	}
	if code := r.destroy(t, demo, ids[1], nil); code != "record_unknown" {
		t.Errorf("destroyed again: %q", code)
	}
	all := r.receipts(t, "demo")
	if len(all) != 1 || all[0].Receipt.Act != receipt.ByHand || all[0].Receipt.Size != 1 || len(all[0].Receipt.What) != 1 {
		t.Fatalf("stated: %+v", all)
	}
	if part := all[0].Receipt.What[0]; part.Why != "hand" || part.Kind != "chat" || part.Records != 1 || !part.Due.From.Equal(noon.Add(25*time.Hour)) {
		t.Errorf("stated: %+v", part)
	}
	if _, ok := all[0].Prove(ids[1]); !ok {
		t.Error("the receipt does not name the record")
	}
	r.Clock.Advance(time.Hour)
	r.purgeAll(t)
	if again := r.receipts(t, "demo"); len(again) != 1 {
		t.Errorf("%d receipts of one act", len(again))
	}
}

func TestStoreDestructionWithoutAWait(t *testing.T) {
	r := newRoad(t)
	demo, ids := r.daily(t, 1)
	r.change(t, demo, `"waitHours":0`)
	var told admin.Destruction
	if code := r.destroy(t, demo, ids[0], &told); code != "" || told.UndoUntil != nil || !told.DestroyedFrom.Equal(noon) {
		t.Errorf("destroyed: %+v %s", told, code)
	}
	if code := r.restore(t, demo, ids[0]); code != "undo_over" {
		t.Errorf("undone: %q", code)
	}
	if rep := r.purgeAll(t); rep.Conversations != 1 {
		t.Errorf("the next purge: %+v", rep)
	}
}

func TestStoreDestructionFaults(t *testing.T) {
	r := newRoad(t)
	demo, ids := r.daily(t, 2)
	r.mustPost(t, demo, "tawkto", tawkStart("open", noon, "stays open"))
	other := r.account(t, admin.Request{Account: "other"})
	held := r.holding(t, demo, fmt.Sprintf(`"records":[%q]`, ids[1]))
	for id, want := range map[string]string{
		"": "record_unknown", "everything": "record_unknown", ids[0][:32] + "-2": "record_unknown",
		r.id(t, demo, "tawkto", "open", 1): "record_open", ids[1]: "record_held",
	} {
		if code := r.destroy(t, demo, id, nil); code != want {
			t.Errorf("destroy %s: %q, want %q", id, code, want)
		}
		if code := r.restore(t, demo, id); code != "destruction_unknown" {
			t.Errorf("restore %s: %q", id, code)
		}
	}
	if code := r.destroy(t, other, ids[0], nil); code != "record_unknown" {
		t.Errorf("by another account: %q", code)
	}
	for body, want := range map[string]string{
		`{"id":"` + ids[0] + `"}`: "reason_invalid", `{"id":"` + ids[0] + `","reason":" "}`: "reason_invalid",
		`{"id":"` + ids[0] + `","reason":"x","now":true}`: "json_shape", `{"id":null,"reason":"x"}`: "json_shape", `[]`: "json_shape",
	} {
		if code := r.asked(t, demo, "POST destructions", body, nil); code != want {
			t.Errorf("%s: %q, want %q", body, code, want)
		}
	}
	if code := r.askedOf(t, demo, "POST destructions/{id}/undo", map[string]string{"id": ids[0]}, `{}`, nil); code != "reason_invalid" {
		t.Errorf("undone for no reason: %q", code)
	}
	r.shown(t, demo, ids[0], "after all of that")

	// Something happens to it between the reading and the writing.
	moved := false
	r.Fault.Set(func(_ context.Context, req vaulttest.Request) error {
		if req.Operation != "TransactWriteItems" || moved {
			return nil
		}
		moved = true
		_, err := r.DB.UpdateItem(context.Background(), &dynamodb.UpdateItemInput{
			TableName: &r.Tables.Keys, Key: attr.Key("demo#conversation#"+ids[0][:32], "0001"),
			UpdateExpression: aws.String("SET generation = generation + :one"), ExpressionAttributeValues: attr.Item{":one": attr.N(1)},
		})
		return err
	})
	if code := r.destroy(t, demo, ids[0], nil); code != "record_moved" || !moved {
		t.Errorf("moved meanwhile: %q", code)
	}
	r.Fault.Set(nil)
	if got := r.doomed(t, demo); got != nil {
		t.Errorf("waiting: %v", got)
	}

	if code := r.release(t, demo, held.ID, nil); code != "" {
		t.Fatal(code)
	}
	r.Clock.Set(noon.AddDate(0, 4, 0))
	if code := r.destroy(t, demo, ids[1], nil); code != "record_unknown" {
		t.Errorf("what is over: %q", code)
	}
}

// What is held later stays hidden and is not destroyed until it is released.
func TestStoreDestructionWaitsForAHold(t *testing.T) {
	r := newRoad(t)
	demo, ids := r.daily(t, 2)
	if code := r.destroy(t, demo, ids[0], nil); code != "" {
		t.Fatal(code)
	}
	h := r.holding(t, demo, `"kinds":["chat"]`)
	r.Clock.Set(noon.Add(48 * time.Hour))
	for range 2 {
		if rep := r.purgeAll(t); rep.Conversations != 0 {
			t.Errorf("a purge destroyed what is held: %+v", rep)
		}
	}
	r.hidden(t, demo, ids[0], "held after it was destroyed by hand")
	if code := r.release(t, demo, h.ID, nil); code != "" {
		t.Fatal(code)
	}
	if rep := r.purgeAll(t); rep.Conversations != 1 {
		t.Errorf("the purge after the release: %+v", rep)
	}
	r.shown(t, demo, ids[1], "of which nobody spoke")
}

// What goes on after an administrator had it destroyed does not come back by that.
func TestStoreDestructionOutlivesANewMessage(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 1, noon, "one"))
	r.mustPost(t, demo, "chatwoot", wootResolved(1, noon.Add(time.Second)))
	r.settleAll(t)
	id := r.id(t, demo, "chatwoot", "1", 1)
	if code := r.destroy(t, demo, id, nil); code != "" {
		t.Fatal(code)
	}
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 3, noon.Add(time.Minute), "two"))
	r.hidden(t, demo, id, "with a message since")
	r.mustPost(t, demo, "chatwoot", wootResolved(1, noon.Add(2*time.Minute)))
	r.settleAll(t)
	r.hidden(t, demo, id, "settled since")
	r.Clock.Set(noon.Add(25 * time.Hour))
	r.purgeAll(t)
	r.hidden(t, demo, id, "purged")
	if left := r.entriesLeft(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if got := r.doomed(t, demo); got != nil {
		t.Errorf("waiting: %v", got)
	}
}

// What an administrator had destroyed is hidden already: a preview does not count it once more, and the calendar has it on its own day.
func TestWhatIsDestroyedByHandIsCountedOnce(t *testing.T) {
	for name, hold := range map[string]string{"together": "", "one by one": `{"reason":"A case.","kinds":["chat"],"tag":"vip"}`} {
		r := inMemory()
		demo := r.account(t, admin.Request{Account: "demo"})
		for i := range 3 {
			r.mustPost(t, demo, "canonical", wholeChat(fmt.Sprint("c", i), noon, "hello", ""))
		}
		if hold != "" {
			if code := r.asked(t, demo, "POST holds", hold, nil); code != "" {
				t.Fatal(code)
			}
		}
		if code := r.destroy(t, demo, r.id(t, demo, "canonical", "c1", 1), nil); code != "" {
			t.Fatal(code)
		}
		r.Clock.Advance(10 * 24 * time.Hour)
		p, _ := r.preview(t, demo, `"retention":{"chat":"P1D"}`)
		i := slices.IndexFunc(p.Kinds, func(k admin.KindPreview) bool { return k.Kind == retention.Chat })
		if got := p.Kinds[i].Hides.Records; got != 2 {
			t.Errorf("%s: a preview hides %d", name, got)
		}
		var calendar admin.Calendar
		if code := r.asked(t, demo, "GET retention/calendar?kind=chat", "", &calendar); code != "" {
			t.Fatal(code)
		}
		days := map[string]int{}
		for _, day := range calendar.Days {
			days[day.Date] = day.Records
		}
		if diff := cmp.Diff(map[string]int{"2026-11-22": 1, "2027-02-22": 2}, days); diff != "" {
			t.Errorf("%s: the calendar (-want +got)\n%s", name, diff)
		}
	}
}

//go:build bench

package functions_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// brief writes short settled chats, as a settling leaves them, of the days before the clock's, one day after the other.
func (r *road) brief(t testing.TB, a admin.Created, n, days int) (ids []string) {
	t.Helper()
	ctx := context.Background()
	ses, err := r.Open(ctx, a.Account, "")
	if err != nil {
		t.Fatal(err)
	}
	cohorts := map[int]map[retention.Kind]vault.Cohort{}
	for i := range n {
		day := i % days
		end := r.Clock.Now().AddDate(0, 0, -day)
		if cohorts[day] == nil {
			if cohorts[day], err = ses.JoinCohorts(ctx, end, retention.Chat, retention.Fact); err != nil {
				t.Fatal(err)
			}
		}
		tr := conversation.Transcript{}.Fold([]conversation.Event{{
			ID: "all", Source: "tawkto", Conversation: fmt.Sprint(i), Kind: retention.Chat, Whole: true, Ended: true,
			Time: conversation.At(end), Received: conversation.At(end), Entries: []conversation.Entry{{
				ID: "1", Time: conversation.At(end), Author: conversation.Author{Role: conversation.Visitor}, Text: "hello", Attachments: []conversation.Attachment{},
			}},
		}})
		if err := r.settled(ctx, ses, tr, cohorts[day]); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.id(t, a, "tawkto", fmt.Sprint(i), 1))
	}
	return ids
}

// ofTwoDays are those of the two days that a policy of a day keeps.
func ofTwoDays(ids []string, days int) (kept []string) {
	for i, id := range ids {
		if i%days < 2 {
			kept = append(kept, id)
		}
	}
	return kept
}

const (
	manyRecords, manyDays = 100_000, 90
	oneCohort             = 1_000
)

// benchRetention is what a change of the policy writes, beside an expiry that stands in every record; and what it takes until
// nothing of a day opens any more, beside deleting the day's items one by one.
func benchRetention(t *testing.T) []row {
	v, _ := vaulttest.NewMemory(noon)
	r := roadOver(v)
	demo := r.account(t, admin.Request{Account: "demo"})
	ids := r.brief(t, demo, manyRecords, manyDays)
	preview, apply := r.preview(t, demo, `"retention":{"chat":"P1D"}`)
	items := 0
	r.After.Set(func(_ context.Context, req vaulttest.Request) error {
		if req.Writes() {
			items += len(req.Tables)
		}
		return nil
	})
	if code := r.asked(t, demo, "POST policy/apply", apply, nil); code != "" {
		t.Fatal(code)
	}
	r.After.Set(nil)
	hidden := 0
	for day := range manyDays { // one of each day
		if status, _ := r.get(t, demo, ids[day], ""); status == 404 {
			hidden++
		}
	}
	if of := preview.Kinds[0].Hides; hidden != manyDays-2 || of.Records != manyRecords-len(ofTwoDays(ids, manyDays)) {
		t.Fatalf("%d of %d days are hidden; the preview: %+v", hidden, manyDays, of)
	}
	var ours, theirs, oursUnits, theirsUnits, whole []float64
	for range rounds {
		u := &units{}
		r := newRoad(t)
		r.DB = dynamodb.New(r.DB.Options(), func(o *dynamodb.Options) { o.APIOptions = append(slices.Clone(o.APIOptions), u.count) })
		r.purge.Store.DB, r.purge.Chain.DB = r.DB, r.DB
		demo, other := r.account(t, admin.Request{Account: "demo", Retention: "P1D"}), r.account(t, admin.Request{Account: "other"})
		r.brief(t, demo, oneCohort, 1)
		r.brief(t, other, oneCohort, 1)
		r.Clock.Advance(72 * time.Hour)

		ctx := context.Background()
		ses, err := r.OpenPolicy(ctx, "demo")
		if err != nil {
			t.Fatal(err)
		}
		cohorts, err := ses.Cohorts(ctx, retention.Chat)
		if err != nil || len(cohorts.List) != 1 {
			t.Fatalf("%d cohorts, %v", len(cohorts.List), err)
		}
		*u = units{}
		begin := time.Now()
		f, err := ses.TakeFence(ctx, "bench")
		if err != nil {
			t.Fatal(err)
		}
		ended, err := r.EndCohort(ctx, f, cohorts.List[0], vault.Ending{Act: "bench", Why: retention.Retention, Due: noon, At: r.Clock.Now()})
		if err != nil || !ended {
			t.Fatalf("%t %v", ended, err)
		}
		ours, oursUnits = append(ours, time.Since(begin).Seconds()*1000), append(oursUnits, u.writes)

		var keys []attr.Item
		for _, item := range r.Items(t, r.Tables.Records) {
			if pk := attr.GetS(item, "pk"); len(pk) > 6 && pk[:6] == "other#" {
				keys = append(keys, item)
			}
		}
		*u = units{}
		begin = time.Now()
		for _, key := range keys {
			_, err := r.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &r.Tables.Records, Key: attr.Item{"pk": key["pk"], "sk": key["sk"]}})
			if err != nil {
				t.Fatal(err)
			}
		}
		theirs, theirsUnits = append(theirs, time.Since(begin).Seconds()*1000), append(theirsUnits, u.writes)

		*u = units{}
		r.purgeAll(t)
		whole = append(whole, u.writes/oneCohort)
	}
	return []row{
		beside("a policy over 100,000 records in 90 cohorts in force", float64(items), "an expiry in every record", manyRecords, "items written", 0.001),
		beside("a cohort of 1,000 chats that opens no more", median(ours), "its items deleted one by one", median(theirs), "ms", 0.1),
		beside("a cohort of 1,000 chats that opens no more", median(oursUnits), "its items deleted one by one", median(theirsUnits), "write units", 0.01),
		beside("a chat purged, stated in a receipt and forgotten", median(whole), "its items deleted", median(theirsUnits)/oneCohort, "write units", 0),
	}
}

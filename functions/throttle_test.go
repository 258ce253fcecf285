package functions_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// When a table refuses writes, what came is sealed in the ingest queue, and stored once when it takes them again.
func TestStoreThrottledTables(t *testing.T) {
	for _, name := range []string{"records", "keys"} {
		t.Run(name, func(t *testing.T) {
			r := newRoad(t)
			demo := r.account(t, admin.Request{Account: "demo"})
			r.mustPost(t, demo, "chatwoot", wootMessage(2, 1, noon, "before"))
			r.Fault.Set(refuses(names(r.Tables)[name]))
			// A new conversation, under keys; one that has a row takes no write of keys until it settles.
			big := large(250_000, 4)
			for i, text := range []string{"one", "and two", big} {
				r.mustPost(t, demo, "chatwoot", wootMessage(1, i+1, noon.Add(time.Duration(i)*time.Second), text))
			}
			r.mustPost(t, demo, "chatwoot", wootMessage(2, 2, noon.Add(time.Second), "after"))
			want := 4
			if name == "keys" {
				want = 3
			}
			if len(r.queues.waiting) != want {
				t.Fatalf("%d messages wait, want %d", len(r.queues.waiting), want)
			}
			objects := 0
			for name := range r.S3.Objects() {
				if strings.HasPrefix(name, "queue/demo/") {
					objects++
				}
			}
			if objects != 1 {
				t.Errorf("%d objects of queue messages, want one for the large", objects)
			}
			for _, body := range r.queues.waiting {
				var m map[string]any
				if err := json.Unmarshal([]byte(body), &m); err != nil || len(body) > 256<<10 || strings.Contains(body, "and two") {
					t.Errorf("a message of %d bytes: %v", len(body), err)
				}
			}
			if failed := r.deliver(t, r.queues.waiting); len(failed) != want {
				t.Errorf("while the table refuses, %d of %d messages come again", len(failed), want)
			}
			r.unharmed()
			twice := slices.Clone(r.queues.waiting)
			if failed := r.deliver(t, twice); len(failed) != 0 {
				t.Errorf("%d messages fail", len(failed))
			}
			slices.Reverse(twice)
			if failed := r.deliver(t, twice); len(failed) != 0 {
				t.Errorf("%d messages fail when they come twice", len(failed))
			}
			r.queues.waiting = nil
			for name := range r.S3.Objects() {
				if strings.HasPrefix(name, "queue/") {
					t.Errorf("left: %s", name)
				}
			}
			for range 2 { // open, then settled
				for chat, texted := range map[string][]string{"1": {"one", "and two", big}, "2": {"before", "after"}} {
					v := r.one(t, demo, r.id(t, demo, "chatwoot", chat, 1))
					if !cmp.Equal(texts(v), texted) {
						t.Errorf("chat %s, %s: %d entries", chat, v.State, len(*v.Entries))
					}
				}
				r.quiesce(t)
			}
			if all := r.list(t, demo, "state=settled"); len(all) != 2 {
				t.Errorf("%d conversations", len(all))
			}
			if left := r.entriesLeft(t); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// When the queue refuses as well, or the tables cannot be read, the sender is told to come again.
func TestStoreNothingTakesIt(t *testing.T) {
	r := newRoad(t)
	demo := r.account(t, admin.Request{Account: "demo"})
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 1, noon, "one"))
	before := r.tables(t)
	r.Clock.Advance(6 * time.Minute) // KMS is asked again
	reads := func(table string) func(context.Context, vaulttest.Request) error {
		return func(_ context.Context, req vaulttest.Request) error {
			if !req.Writes() && slices.Contains(req.Tables, table) {
				return &types.ProvisionedThroughputExceededException{}
			}
			return nil
		}
	}
	chat := 1
	for name, c := range map[string]struct {
		fault func(context.Context, vaulttest.Request) error
		queue error
	}{
		"records and queue refuse": {refuses(r.Tables.Records), errors.New("refused")},
		"keys and queue refuse":    {refuses(r.Tables.Keys), errors.New("refused")},
		"control cannot be read":   {reads(r.Tables.Control), nil},
		"keys cannot be read":      {reads(r.Tables.Keys), errors.New("refused")},
		"the bucket refuses and the tables too": {func(ctx context.Context, req vaulttest.Request) error {
			if req.Operation == "PutObject" {
				return errors.New("slow down")
			}
			return refuses(r.Tables.Records)(ctx, req)
		}, nil},
	} {
		chat++
		r.Fault.Set(c.fault)
		r.queues.refuseWith(c.queue)
		status, answer := r.post(demo, "chatwoot", wootMessage(chat, 2, noon, large(250_000, 2)))
		var e struct {
			Error struct{ Code, Message string }
		}
		if err := json.Unmarshal([]byte(answer), &e); err != nil || status != 503 || e.Error.Code != "unavailable" {
			t.Errorf("%s: %d %s", name, status, answer)
		}
		r.unharmed()
		if len(r.queues.waiting) != 0 {
			t.Errorf("%s: %d messages wait", name, len(r.queues.waiting))
		}
	}
	r.mustPost(t, demo, "chatwoot", wootMessage(1, 1, noon, "one")) // the process is well
	if v := r.one(t, demo, r.id(t, demo, "chatwoot", "1", 1)); v.State != conversation.Open || !cmp.Equal(texts(v), []string{"one"}) {
		t.Errorf("%+v", v)
	}
	// A row and a sealed body may have been begun, which the sender's next try goes on with; nothing waits that never is asked for.
	if diff := keysOf(before, r.tables(t)); strings.Contains(diff, "records") || strings.Contains(diff, "queue/") {
		t.Errorf("written:\n%s", diff)
	}
}

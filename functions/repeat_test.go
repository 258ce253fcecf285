package functions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/admin"
	"github.com/supportvault/supportvault/functions/extract"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// repeat has the nth request (from 1) that writes to a table made twice: the SDK repeats it where its answer was lost, and the
// second answer counts. Done says whether there were so many.
func (r *road) repeat(at int) (done func() bool) {
	made := 0
	r.After.Set(func(ctx context.Context, req vaulttest.Request) error {
		if ctx.Value(counting{}) != nil || !req.Writes() || len(req.Tables) == 0 {
			return nil
		}
		if made++; made == at {
			return vaulttest.ErrAgain
		}
		return nil
	})
	return func() bool {
		r.After.Set(nil)
		return made >= at
	}
}

// What was written, and is written again because the answer was lost, is done: nobody is told that somebody else did it.
func TestAWriteThatIsRepeatedIsDone(t *testing.T) {
	hold := `{"reason":"A dispute about an order.","tag":"order"}`
	for name, act := range map[string]func(t *testing.T, r *road, a admin.Created) (begin func() string){
		"an account is made": func(t *testing.T, r *road, _ admin.Created) func() string {
			return func() string {
				r.account(t, admin.Request{Account: "another"})
				return ""
			}
		},
		"a secret is rotated": func(t *testing.T, r *road, a admin.Created) func() string {
			return func() string {
				var rotated struct{ Secret string }
				code := r.askedOf(t, a, "POST sources/{source}/secrets", map[string]string{"source": "tawkto"}, "", &rotated)
				a.Sources["tawkto"] = admin.Source{Path: a.Sources["tawkto"].Path, Secret: rotated.Secret}
				r.mustPost(t, a, "tawkto", tawkStart("c1", noon, "Hello"))
				return code
			}
		},
		"a source is made and taken away": func(t *testing.T, r *road, a admin.Created) func() string {
			return func() string {
				of := map[string]string{"source": "mapped-shop"}
				if code := r.askedOf(t, a, "PUT sources/{source}", of, `{}`, nil); code != "" {
					return code
				}
				return r.askedOf(t, a, "DELETE sources/{source}", of, "", nil)
			}
		},
		"a hold is set and released": func(t *testing.T, r *road, a admin.Created) func() string {
			return func() string {
				var h admin.Hold
				if code := r.asked(t, a, "POST holds", hold, &h); code != "" {
					return code
				}
				return r.release(t, a, h.ID, nil)
			}
		},
		"a policy is applied and undone": func(t *testing.T, r *road, a admin.Created) func() string {
			return func() string {
				var shown struct{ AsOf, Hash string }
				if code := r.asked(t, a, "POST policy/previews", `{"waitHours":24,"retention":{"chat":"P60D"}}`, &shown); code != "" {
					return code
				}
				code := r.asked(t, a, "POST policy/apply", fmt.Sprintf(
					`{"waitHours":24,"retention":{"chat":"P60D"},"asOf":%q,"hash":%q,"reason":"It is shorter."}`, shown.AsOf, shown.Hash), nil)
				if code != "" {
					return code
				}
				return r.asked(t, a, "POST policy/undo", `{"reason":"It is not."}`, nil)
			}
		},
		"administrators are named": func(t *testing.T, r *road, a admin.Created) func() string {
			return func() string {
				return r.asked(t, a, "PUT administrators", `{"addresses":["iris@example.com"]}`, nil)
			}
		},
		"a destination is made": func(t *testing.T, r *road, a admin.Created) func() string {
			postOver(r)
			return func() string {
				of := map[string]string{"name": "archive"}
				to := `{"when":"settled","to":{"kind":"fixed","addresses":["archive@example.com"]},"content":"full"}`
				return r.askedOf(t, a, "PUT mail/{name}", of, to, nil)
			}
		},
		"an import": func(t *testing.T, r *road, _ admin.Created) func() string {
			line, err := json.Marshal(map[string]any{"version": "1", "events": []any{map[string]any{
				"type": "conversation.ended", "time": noon, "kind": "chat", "conversation": "c1",
			}}})
			if err != nil {
				t.Fatal(err)
			}
			return func() string {
				if j := r.imported(t, "demo", line); j.Status != "complete" || j.Accepted+j.Duplicates != 1 {
					return fmt.Sprintf("%+v", j)
				}
				return ""
			}
		},
		"an extract": func(t *testing.T, r *road, a admin.Created) func() string {
			r.mustPost(t, a, "tawkto", tawkStart("c1", noon, "Hello"))
			return func() string {
				answer, err := r.extract.Extract(context.Background(), extract.Request{Account: "demo"})
				if err != nil || !answer.Done {
					return fmt.Sprintf("%+v %v", answer, err)
				}
				return ""
			}
		},
		"a delivery and what settles it": func(t *testing.T, r *road, a admin.Created) func() string {
			return func() string {
				r.mustPost(t, a, "chatwoot", wootMessage(7, 1, noon, "one"))
				r.mustPost(t, a, "chatwoot", wootResolved(7, noon.Add(time.Second)))
				r.settleAll(t)
				got := r.one(t, a, r.id(t, a, "chatwoot", "7", 1))
				return cmp.Diff([]string{"one"}, texts(got))
			}
		},
		"a whole transcript": func(t *testing.T, r *road, a admin.Created) func() string {
			return func() string {
				r.mustPost(t, a, "tawkto", tawkTranscript("c1", noon, "one", "two"))
				r.drain(t)
				r.settleAll(t)
				return cmp.Diff([]string{"one", "two"}, texts(r.one(t, a, r.id(t, a, "tawkto", "c1", 1))))
			}
		},
		"a record is destroyed and brought back": func(t *testing.T, r *road, a admin.Created) func() string {
			r.mustPost(t, a, "tawkto", tawkTranscript("c1", noon, "one"))
			id := r.id(t, a, "tawkto", "c1", 1)
			return func() string {
				if code := r.asked(t, a, "POST destructions", fmt.Sprintf(`{"id":%q,"reason":"It was asked for."}`, id), nil); code != "" {
					return code
				}
				return r.askedOf(t, a, "POST destructions/{id}/undo", map[string]string{"id": id}, `{"reason":"It was not."}`, nil)
			}
		},
		"the end of an account is announced and undone": func(t *testing.T, r *road, a admin.Created) func() string {
			return func() string {
				if code := r.asked(t, a, "POST closure", `{"reason":"We leave."}`, nil); code != "" {
					return code
				}
				return r.asked(t, a, "POST closure/undo", `{"reason":"We stay."}`, nil)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			points, on := 0, true
			for at := 1; on; at++ {
				r := inMemory()
				do := act(t, r, r.account(t, admin.Request{Account: "demo"}))
				done := r.repeat(at)
				wrong := do()
				if on = done(); on {
					points++
				}
				if wrong != "" {
					t.Errorf("write %d made twice: %s", at, wrong)
				}
			}
			if points == 0 {
				t.Error("nothing was written")
			}
		})
	}
}

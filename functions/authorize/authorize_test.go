package authorize_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/authorize"
	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// control is a control table that remembers what was read.
type control struct {
	rows map[string]attr.Item
	err  error
	read []string
}

func (c *control) Get(_ context.Context, pk, sk string) (attr.Item, error) {
	c.read = append(c.read, pk+" "+sk)
	if c.err != nil {
		return nil, c.err
	}
	return c.rows[pk+" "+sk], nil
}

// put keeps a token's row as the account's administrator wrote it.
func (c *control) put(id string, token account.Token, change func(attr.Item)) {
	row := attr.Item{"hash": attr.B(token.Hash())}
	if change != nil {
		change(row)
	}
	c.rows[account.Partition(id)+" "+account.TokenKey(token.ID)] = row
}

func until(at time.Time) func(attr.Item) {
	return func(row attr.Item) { row["until"] = attr.Time(at) }
}

func TestAuthorize(t *testing.T) {
	demo, other, unknown := account.NewToken(), account.NewToken(), account.NewToken()
	temporary, ending, over, broken := account.NewToken(), account.NewToken(), account.NewToken(), account.NewToken()
	table := &control{rows: map[string]attr.Item{}}
	table.put("demo", demo, nil)
	table.put("other", other, nil)
	table.put("demo", temporary, until(now.Add(time.Millisecond)))
	table.put("demo", ending, until(now))
	table.put("demo", over, until(now.Add(-time.Hour)))
	table.put("demo", broken, func(row attr.Item) { delete(row, "hash") })
	wrong := strings.TrimSuffix(demo.Reveal(), demo.Reveal()[len(demo.Reveal())-1:]) + map[bool]string{true: "b", false: "a"}[strings.HasSuffix(demo.Reveal(), "a")]

	bearer := func(token account.Token) map[string]string {
		return map[string]string{"authorization": "Bearer " + token.Reveal()}
	}
	for _, tc := range []struct {
		name, account string
		headers       map[string]string
		token         string // the id that is handed on; empty: refused
		read          string // what may be read to decide; empty: nothing
	}{
		{"allows a token of the account", "demo", bearer(demo), demo.ID, "demo# token#" + demo.ID},
		{"allows a token of the other account there", "other", bearer(other), other.ID, "other# token#" + other.ID},
		{"allows a token whose time is not over", "demo", bearer(temporary), temporary.ID, "demo# token#" + temporary.ID},
		{"allows the scheme in lower case", "demo", map[string]string{"authorization": "bearer " + demo.Reveal()}, demo.ID, "demo# token#" + demo.ID},
		{"allows the header in canonical case", "demo", map[string]string{"Authorization": "Bearer " + demo.Reveal()}, demo.ID, "demo# token#" + demo.ID},

		{"refuses another account's token", "demo", bearer(other), "", "demo# token#" + other.ID},
		{"refuses a token that nobody knows", "demo", bearer(unknown), "", "demo# token#" + unknown.ID},
		{"refuses a wrong secret", "demo", map[string]string{"authorization": "Bearer " + wrong}, "", "demo# token#" + demo.ID},
		{"refuses a token of an account that does not exist", "nobody", bearer(demo), "", "nobody# token#" + demo.ID},
		{"refuses a token in the instant in which its time is over", "demo", bearer(ending), "", "demo# token#" + ending.ID},
		{"refuses a token whose time is long over", "demo", bearer(over), "", "demo# token#" + over.ID},
		{"refuses a token whose row lacks the hash", "demo", bearer(broken), "", "demo# token#" + broken.ID},

		{"refuses no header", "demo", nil, "", ""},
		{"refuses an empty header", "demo", map[string]string{"authorization": ""}, "", ""},
		{"refuses the scheme alone", "demo", map[string]string{"authorization": "Bearer"}, "", ""},
		{"refuses a token without its scheme", "demo", map[string]string{"authorization": demo.Reveal()}, "", ""},
		{"refuses another scheme", "demo", map[string]string{"authorization": "Basic " + demo.Reveal()}, "", ""},
		{"refuses another header", "demo", map[string]string{"x-authorization": "Bearer " + demo.Reveal()}, "", ""},
		{"refuses what is no token", "demo", map[string]string{"authorization": "Bearer letmein"}, "", ""},
		{"refuses a token that is cut off", "demo", map[string]string{"authorization": "Bearer " + demo.Reveal()[:40]}, "", ""},
		{"refuses a token with something behind", "demo", map[string]string{"authorization": "Bearer " + demo.Reveal() + " "}, "", ""},

		{"refuses no account", "", bearer(demo), "", ""},
		{"refuses an account that ends as a key does", "demo#", bearer(demo), "", ""},
		{"refuses an account that reaches another key", "demo#policy", bearer(demo), "", ""},
		{"refuses the account in upper case", "DEMO", bearer(demo), "", ""},
		{"refuses a path", "../demo", bearer(demo), "", ""},
		{"refuses a blank", "demo ", bearer(demo), "", ""},
		{"refuses a NUL", "demo\x00", bearer(demo), "", ""},
		{"refuses the list of accounts", "accounts#", bearer(demo), "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			log := logged(t)
			table.read = nil
			got, err := authorize.New(authorize.Deps{Control: table, Now: func() time.Time { return now }}).Authorize(t.Context(),
				events.APIGatewayV2CustomAuthorizerV2Request{PathParameters: map[string]string{"account": tc.account}, Headers: tc.headers})
			if err != nil {
				t.Fatal(err)
			}
			want := authorize.Answer{}
			if tc.token != "" {
				want = authorize.Answer{IsAuthorized: true, Context: map[string]any{"account": tc.account, "token": tc.token}}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.read, strings.Join(table.read, ", ")); diff != "" {
				t.Errorf("rows read (-want +got):\n%s", diff)
			}
			if strings.Contains(log.String(), "svt_") || strings.Contains(log.String(), demo.Reveal()[len("svt_0123456789_"):]) {
				t.Errorf("a token in the log: %s", log)
			}
			if refused := strings.Contains(log.String(), "refused"); refused != (tc.token == "") {
				t.Errorf("the log says that it was refused: %t", refused)
			}
		})
	}
}

func TestATokenThatIsRevokedIsRefusedAtTheNextRequest(t *testing.T) {
	logged(t)
	token, table := account.NewToken(), &control{rows: map[string]attr.Item{}}
	table.put("demo", token, nil)
	h := authorize.New(authorize.Deps{Control: table, Now: func() time.Time { return now }})
	for _, want := range []bool{true, false} {
		got, err := h.Authorize(t.Context(), request("demo", token))
		if err != nil || got.IsAuthorized != want {
			t.Errorf("answer %v, %v, want %t", got, err, want)
		}
		clear(table.rows)
	}
}

func TestAnErrorOfTheTableIsAnErrorAndAllowsNothing(t *testing.T) {
	token, table := account.NewToken(), &control{rows: map[string]attr.Item{}}
	table.put("demo", token, nil)
	table.err = errors.New("throttled")
	got, err := authorize.New(authorize.Deps{Control: table, Now: func() time.Time { return now }}).Authorize(t.Context(), request("demo", token))
	if !errors.Is(err, table.err) {
		t.Errorf("error %v, want %v", err, table.err)
	}
	if diff := cmp.Diff(authorize.Answer{}, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestHandle(t *testing.T) {
	token, table := account.NewToken(), &control{rows: map[string]attr.Item{}}
	table.put("demo", token, nil)
	h := authorize.New(authorize.Deps{Control: table, Now: func() time.Time { return now }})
	for _, tc := range []struct{ name, raw, want string }{
		{"answers as API Gateway reads it", `{"version":"2.0","headers":{"authorization":"Bearer ` + token.Reveal() + `"},"pathParameters":{"account":"demo"}}`,
			`{"isAuthorized":true,"context":{"account":"demo","token":"` + token.ID + `"}}`},
		{"refuses without a context", `{"version":"2.0","headers":{},"pathParameters":{"account":"demo"}}`, `{"isAuthorized":false}`},
		{"refuses an empty request", `{}`, `{"isAuthorized":false}`},
		{"fails on what is no request, and quotes nothing", `{"headers":"canary"}`, ""},
		{"fails on what is no JSON, and quotes nothing", `canary`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			logged(t)
			answer, err := h.Handle(t.Context(), json.RawMessage(tc.raw))
			if tc.want == "" {
				if err == nil || answer != nil || strings.Contains(err.Error(), "canary") {
					t.Errorf("answer %v, %v, want an error", answer, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(answer)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(b)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func request(id string, token account.Token) events.APIGatewayV2CustomAuthorizerV2Request {
	return events.APIGatewayV2CustomAuthorizerV2Request{
		PathParameters: map[string]string{"account": id}, Headers: map[string]string{"authorization": "Bearer " + token.Reveal()},
	}
}

// logged takes the log for the time of a test.
func logged(t *testing.T) *bytes.Buffer {
	t.Helper()
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &log
}

package authorize_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/functions/authorize"
	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
)

const linked = "GET /v1/accounts/{account}/transcripts/{id}"

func TestAuthorizeALink(t *testing.T) {
	table := &control{rows: map[string]attr.Item{}}
	put := func(id, conversation string, until time.Time, reader account.Reader) account.Link {
		link := account.NewLink(now)
		table.rows[link.Partition(id)+" "+link.ID] = link.Item(account.Opening{Conversation: conversation, Reader: reader, Until: until})
		return link
	}
	staff, visitor := put("demo", "abc-1", now.Add(time.Hour), account.Staff), put("demo", "abc-1", now.Add(time.Hour), account.Visitor)
	over, other := put("demo", "abc-1", now, account.Staff), put("other", "abc-1", now.Add(time.Hour), account.Staff)
	token := account.NewToken()
	table.put("demo", token, nil)
	read := func(id string, link account.Link) string { return link.Partition(id) + " " + link.ID }
	for _, tc := range []struct {
		name, account, id, link string
		want                    map[string]any // nil: refused
		read                    string
	}{
		{"allows a link to its conversation", "demo", "abc-1", staff.Reveal(),
			map[string]any{"account": "demo", "conversation": "abc-1", "link": staff.ID, "reader": "staff"}, read("demo", staff)},
		{"says whom it was sent to", "demo", "abc-1", visitor.Reveal(),
			map[string]any{"account": "demo", "conversation": "abc-1", "link": visitor.ID, "reader": "visitor"}, read("demo", visitor)},
		{"refuses another conversation", "demo", "abc-2", staff.Reveal(), nil, read("demo", staff)},
		{"refuses no conversation", "demo", "", staff.Reveal(), nil, read("demo", staff)},
		{"refuses a link whose time is over", "demo", "abc-1", over.Reveal(), nil, read("demo", over)},
		{"refuses another account's link", "demo", "abc-1", other.Reveal(), nil, read("demo", other)},
		{"refuses a link that nobody knows", "demo", "abc-1", strings.Replace(staff.Reveal(), staff.ID, visitor.ID, 1), nil, read("demo", visitor)},
		{"refuses a token", "demo", "abc-1", token.Reveal(), nil, ""},
		{"refuses nothing", "demo", "abc-1", "", nil, ""},
		{"refuses two links", "demo", "abc-1", staff.Reveal() + "," + visitor.Reveal(), nil, ""},
		{"refuses an account that reaches another key", "demo#link", "abc-1", staff.Reveal(), nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			log := logged(t)
			table.read = nil
			got, err := authorize.New(authorize.Deps{Control: table, Now: func() time.Time { return now }}).Authorize(t.Context(),
				events.APIGatewayV2CustomAuthorizerV2Request{
					RouteKey: linked, PathParameters: map[string]string{"account": tc.account, "id": tc.id}, QueryStringParameters: map[string]string{"link": tc.link},
					Headers: map[string]string{"authorization": "Bearer " + token.Reveal()}, // which opens no page
				})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(authorize.Answer{IsAuthorized: tc.want != nil, Context: tc.want}, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.read, strings.Join(table.read, ", ")); diff != "" {
				t.Errorf("rows read (-want +got):\n%s", diff)
			}
			if strings.Contains(log.String(), "svl_") || tc.link != "" && strings.Contains(log.String(), tc.link[len(tc.link)-52:]) {
				t.Errorf("a link in the log: %s", log)
			}
		})
	}
	t.Run("opens no other route", func(t *testing.T) {
		logged(t)
		got, err := authorize.New(authorize.Deps{Control: table, Now: func() time.Time { return now }}).Authorize(t.Context(),
			events.APIGatewayV2CustomAuthorizerV2Request{
				RouteKey:       "GET /v1/accounts/{account}/chats/{id}",
				PathParameters: map[string]string{"account": "demo", "id": "abc-1"}, QueryStringParameters: map[string]string{"link": staff.Reveal()},
			})
		if err != nil || got.IsAuthorized {
			t.Errorf("answer %v, %v", got, err)
		}
	})
	t.Run("an error of the table allows nothing", func(t *testing.T) {
		table.err = errors.New("throttled")
		got, err := authorize.New(authorize.Deps{Control: table, Now: func() time.Time { return now }}).Authorize(t.Context(),
			events.APIGatewayV2CustomAuthorizerV2Request{
				RouteKey: linked, PathParameters: map[string]string{"account": "demo", "id": "abc-1"}, QueryStringParameters: map[string]string{"link": staff.Reveal()},
			})
		if !errors.Is(err, table.err) || got.IsAuthorized {
			t.Errorf("answer %v, %v", got, err)
		}
	})
}

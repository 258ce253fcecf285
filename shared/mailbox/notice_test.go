package mailbox_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/retention"
)

func TestParseAdministrators(t *testing.T) {
	for _, tc := range []struct {
		name  string
		given []string
		want  []string // nil: refused
	}{
		{"none", nil, []string{}},
		{"each once, by whichever spelling", []string{"a@Example.com", " b@example.com", "A@example.com", "a@example.com"}, []string{"a@example.com", "b@example.com"}},
		{"a name beside it", []string{"Iris <a@example.com>"}, nil},
		{"two in one", []string{"a@example.com,b@example.com"}, nil},
		{"nothing", []string{"a@example.com", ""}, nil},
		{"a header", []string{"a@example.com\r\nBcc: b@example.com"}, nil},
		{"one too many", slices.Repeat([]string{"a@example.com"}, mailbox.MaxAdministrators+1), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := mailbox.ParseAdministrators(tc.given)
			if diff := cmp.Diff(tc.want, got); diff != "" || (err == nil) != (tc.want != nil) || err != nil && !errors.Is(err, mailbox.ErrAdministrators) {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestStoreANoticeWaitsUntilItIsDone(t *testing.T) {
	b, v := newBook(t)
	n := mailbox.Notice{ID: mailbox.NewNoticeID(noon), To: []string{"quibblethorn@example.com"}, News: letter.News{
		Kind: letter.PolicyApplied, At: noon, By: "token:x", Reason: "Zephyrwhistle", Version: 2, Until: noon.Add(24 * time.Hour),
		Undo:  letter.Call{Method: "POST", Path: "/policy/undo"},
		Keeps: []letter.Kept{{Kind: retention.Chat, Now: "P30D", Before: "P3M"}}, Hides: []letter.Count{{Kind: retention.Chat, Records: 7, Bytes: 9}},
	}}
	write := func() error {
		put, err := b.NoticeWrite(n)
		if err == nil {
			_, err = v.DB.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{put}})
		}
		return err
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	if err := write(); err == nil {
		t.Error("a notice was written over another")
	}
	got, ok, err := b.Notice(t.Context(), n.ID)
	if diff := cmp.Diff(n, got); err != nil || !ok || diff != "" {
		t.Errorf("%t %v (-want +got)\n%s", ok, err, diff)
	}
	for _, item := range v.Items(t, v.Tables.Control) {
		if said := fmt.Sprint(item); strings.Contains(said, "quibblethorn") || strings.Contains(said, "Zephyrwhistle") {
			t.Errorf("it is in the clear: %s", said)
		}
	}
	for at, want := range map[time.Duration]int{0: 0, mailbox.Unsent: 0, mailbox.Unsent + time.Millisecond: 1} {
		v.Clock.Set(noon.Add(at))
		messages, err := b.UnsentNotices(t.Context())
		if err != nil || len(messages) != want || want > 0 && messages[0] != n.Message("demo") {
			t.Errorf("after %v: %q %v", at, messages, err)
		}
	}
	for range 2 {
		if err := b.NoticeDone(t.Context(), n.ID); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := b.Notice(t.Context(), n.ID); ok || err != nil {
			t.Errorf("after it is done: %t %v", ok, err)
		}
	}
	for _, id := range []string{"", "list", n.ID + "x"} {
		n.ID = id
		if err := write(); err == nil {
			t.Errorf("%q is the id of a notice", id)
		}
	}
}

func TestStoreAdministratorsAreThoseThatWereWritten(t *testing.T) {
	b, v := newBook(t)
	write := func(before mailbox.Administrators, addresses ...string) error {
		put, err := b.AdministratorsWrite(before, addresses)
		if err == nil {
			_, err = v.DB.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{put}})
		}
		return err
	}
	none, err := b.Administrators(t.Context())
	if err != nil || len(none.Addresses) > 0 {
		t.Fatalf("%+v %v", none, err)
	}
	if err := write(none, "a@example.com"); err != nil {
		t.Fatal(err)
	}
	one, err := b.Administrators(t.Context())
	if err != nil || !slices.Equal(one.Addresses, []string{"a@example.com"}) {
		t.Errorf("%+v %v", one, err)
	}
	if err := write(none, "b@example.com"); err == nil {
		t.Error("a list was put over one that was not read")
	}
	if err := write(one, "b@example.com"); err != nil {
		t.Error(err)
	}
	if err := write(one, "c@example.com"); err == nil {
		t.Error("a list was put over one that came between")
	}
	// Of a new account it is the same row.
	item, err := mailbox.AdministratorsItem(keyring.NewAccount("demo", make([]byte, 32)), []string{"a@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	rows := slices.DeleteFunc(v.Items(t, v.Tables.Control), func(row attr.Item) bool {
		return attr.GetS(row, "pk") != attr.GetS(item, "pk") || attr.GetS(row, "sk") != attr.GetS(item, "sk")
	})
	if len(rows) != 1 {
		t.Errorf("%d rows", len(rows))
	}
}

package audit_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func read(t *testing.T, v *vaulttest.Vault, account string, from, to time.Time) (all []audit.Entry) {
	t.Helper()
	err := audit.Read(t.Context(), v.DB, v.Tables.Control, account, from, to, func(e audit.Entry) error {
		all = append(all, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEntriesAreReadAsTheyWereWritten(t *testing.T) {
	v, _ := vaulttest.NewMemory(noon)
	var want []audit.Entry
	for _, at := range []time.Time{
		noon.AddDate(0, 0, -40), noon.AddDate(0, 0, -1), noon.Add(-12 * time.Hour), noon, noon.Add(time.Millisecond), noon.Add(12*time.Hour - time.Millisecond),
		noon.AddDate(0, 2, 0),
	} {
		want = append(want, audit.Entry{Account: "demo", Actor: "token:a", Action: "chat.read", Target: "x-1", Records: 1, At: at})
	}
	for i := range want {
		e := want[len(want)-1-i]
		e.At = e.At.In(time.FixedZone("", 5*3600)) // the partition is a day of UTC all the same
		for _, account := range []string{"demo", "other"} {
			e.Account = account
			if err := audit.Write(t.Context(), v.DB, v.Tables.Control, e); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		name     string
		from, to time.Time
		want     []audit.Entry
	}{
		{"all of them", want[0].At, want[6].At, want},
		{"those of a day", noon, noon, want[2:6]},
		{"those of a day that begins in another zone", noon.Add(-12 * time.Hour).In(time.FixedZone("", -3600)), noon.Add(-12 * time.Hour), want[2:6]},
		{"none before", noon.AddDate(-1, 0, 0), noon.AddDate(0, 0, -41), nil},
		{"none where the end comes first", noon.AddDate(0, 0, 1), noon, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, read(t, v, "demo", tc.from, tc.to)); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
	if other := read(t, v, "othe", want[0].At, want[6].At); len(other) != 0 {
		t.Errorf("an account whose name is the beginning of another's has %v", other)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) Do(req *http.Request) (*http.Response, error) { return t(req) }

// The client repeats a request whose answer was lost; the entry is there then.
func TestALostAnswerIsNoFailure(t *testing.T) {
	asked := 0
	db := dynamodb.New(dynamodb.Options{
		Region: "us-east-2", Credentials: aws.AnonymousCredentials{},
		HTTPClient: transport(func(*http.Request) (*http.Response, error) {
			if asked++; asked == 1 {
				return nil, io.ErrUnexpectedEOF
			}
			failed := `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}`
			return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(failed))}, nil
		}),
	})
	if err := audit.Write(t.Context(), db, "control", audit.Entry{Account: "demo", At: noon}); err != nil || asked != 2 {
		t.Errorf("%v after %d requests", err, asked)
	}
}

func TestReadingStopsAtAnError(t *testing.T) {
	v, _ := vaulttest.NewMemory(noon)
	e := audit.Entry{Account: "demo", At: noon}
	for range 2 {
		if err := audit.Write(t.Context(), v.DB, v.Tables.Control, e); err != nil {
			t.Fatal(err)
		}
	}
	enough, n := errors.New("enough"), 0
	err := audit.Read(t.Context(), v.DB, v.Tables.Control, "demo", noon, noon, func(audit.Entry) error {
		n++
		return enough
	})
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("%d entries, %v", n, err)
	}
	v.Fault.Set(func(context.Context, vaulttest.Request) error { return enough })
	if err := audit.Write(t.Context(), v.DB, v.Tables.Control, e); !errors.Is(err, enough) {
		t.Errorf("write: %v", err)
	}
	if err := audit.Read(t.Context(), v.DB, v.Tables.Control, "demo", noon, noon, nil); !errors.Is(err, enough) {
		t.Errorf("read: %v", err)
	}
}

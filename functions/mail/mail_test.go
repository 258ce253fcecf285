package mail

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"

	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/mailbox"
)

func TestReadConfig(t *testing.T) {
	all := map[string]string{
		"RECORDS_TABLE": "r", "KEYS_TABLE": "k", "CONTROL_TABLE": "c", "OBJECTS_BUCKET": "o", "MAIL_QUEUE_URL": "q", "PURGE_QUEUE_URL": "p", "CONFIGURATION_SET": "s",
		"API_URL": "https://0a1b2c3d.execute-api.us-east-2.amazonaws.com", "MAIL_FROM": "m@example.com", "AWS_ENDPOINT_URL": "",
	}
	set := func(t *testing.T, but map[string]string) {
		t.Helper()
		for name, value := range all {
			if other, ok := but[name]; ok {
				value = other
			}
			t.Setenv(name, value)
		}
	}
	t.Run("takes everything", func(t *testing.T) {
		set(t, nil)
		c, err := ReadConfig()
		if err != nil || c.From != "m@example.com" || c.API != "https://0a1b2c3d.execute-api.us-east-2.amazonaws.com" || c.ConfigurationSet != "s" || c.QueueURL != "q" || c.PurgeQueueURL != "p" {
			t.Errorf("%+v %v", c, err)
		}
	})
	t.Run("needs no sender", func(t *testing.T) {
		set(t, map[string]string{"MAIL_FROM": ""})
		if c, err := ReadConfig(); err != nil || c.From != "" {
			t.Errorf("%+v %v", c, err)
		}
	})
	t.Run("says all that is missing", func(t *testing.T) {
		set(t, map[string]string{"MAIL_QUEUE_URL": "", "API_URL": ""})
		if _, err := ReadConfig(); err == nil || !strings.Contains(err.Error(), "MAIL_QUEUE_URL") || !strings.Contains(err.Error(), "API_URL") {
			t.Errorf("%v", err)
		}
	})
	t.Run("refuses an address that is none", func(t *testing.T) {
		for _, bad := range []string{"example.com", ":", "https://"} {
			set(t, map[string]string{"API_URL": bad})
			if _, err := ReadConfig(); err == nil {
				t.Errorf("took %q", bad)
			}
		}
	})
}

func TestLinksCanBeReached(t *testing.T) {
	for _, tc := range []struct{ name, api, emulator, want string }{
		{"on AWS", "https://0a1b2c3d.execute-api.us-east-2.amazonaws.com", "", "https://0a1b2c3d.execute-api.us-east-2.amazonaws.com"},
		{"by a domain of one's own", "https://api.example.com/", "", "https://api.example.com"},
		{"on the emulator", "http://0a1b2c3d.execute-api.localhost:4566", "http://127.0.0.1:4567", "http://127.0.0.1:4567/_aws/execute-api/0a1b2c3d"},
		{"on the emulator, of AWS's form", "https://0a1b2c3d.execute-api.us-east-2.amazonaws.com/", "http://127.0.0.1:4567/", "http://127.0.0.1:4567/_aws/execute-api/0a1b2c3d"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := reachable(tc.api, tc.emulator); err != nil || got != tc.want {
				t.Errorf("%s %v, want %s", got, err, tc.want)
			}
		})
	}
}

func TestRefusalQuotesNothing(t *testing.T) {
	const canary = "iris@example.com"
	for _, err := range []error{
		&types.MessageRejected{Message: aws.String(canary)}, &types.MessageRejected{Message: aws.String("not verified: " + canary)},
		&types.BadRequestException{Message: aws.String(canary)}, &types.TooManyRequestsException{Message: aws.String(canary)},
		&smithy.GenericAPIError{Code: "Teapot", Message: canary}, errors.New(canary), fmt.Errorf("wrapped: %w", errors.New(canary)),
	} {
		if got := refusal(err); got == nil || strings.Contains(got.Error(), canary) {
			t.Errorf("%T: %v", err, got)
		}
	}
	if refusal(nil) != nil {
		t.Error("no error is one")
	}
}

func filed(n, size int, blinds ...string) (all []mailbox.Filed) {
	for i := range n {
		all = append(all, mailbox.Filed{Record: fmt.Sprintf("%03d", i), Size: size, Mailboxes: blinds})
	}
	return all
}

func TestSplit(t *testing.T) {
	shape := func(parts []part) (out []string) {
		for _, p := range parts {
			out = append(out, fmt.Sprintf("%s %d/%d: %d", p.blind, p.number, p.of, len(p.filed)))
		}
		return out
	}
	for _, tc := range []struct {
		name string
		all  []mailbox.Filed
		want []string
	}{
		{"nothing", nil, nil},
		{"one", filed(1, 10, "a"), []string{"a 1/1: 1"}},
		{"as many as fit", filed(letter.MaxItems, 10, "a"), []string{"a 1/1: 200"}},
		{"one more", filed(letter.MaxItems+1, 10, "a"), []string{"a 1/2: 200", "a 2/2: 1"}},
		{"450 for two", filed(450, 10, "b", "a"), []string{"a 1/3: 200", "a 2/3: 200", "a 3/3: 50", "b 1/3: 200", "b 2/3: 200", "b 3/3: 50"}},
		{"large ones", filed(5, letter.Room/2, "a"), []string{"a 1/3: 2", "a 2/3: 2", "a 3/3: 1"}},
		{"one that fills a message by itself", filed(2, letter.Room, "a"), []string{"a 1/2: 1", "a 2/2: 1"}},
		{"one that is larger than a message, which the letter cuts", filed(2, 2*letter.Room, "a"), []string{"a 1/2: 1", "a 2/2: 1"}},
		{"for nobody", filed(3, 10), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for range 5 { // always the same
				if got := shape(split(tc.all)); !slices.Equal(got, tc.want) {
					t.Errorf("%q, want %q", got, tc.want)
				}
			}
		})
	}
}

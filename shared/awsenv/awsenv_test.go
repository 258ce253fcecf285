package awsenv_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/awsenv"
)

func TestRequired(t *testing.T) {
	for _, tc := range []struct {
		name    string
		set     map[string]string
		missing []string
	}{
		{"everything is set", map[string]string{"RECORDS_TABLE": "records", "KEYS_TABLE": "keys", "BUCKET": "objects"}, nil},
		{"one is missing", map[string]string{"RECORDS_TABLE": "records", "BUCKET": "objects"}, []string{"KEYS_TABLE"}},
		{"one is empty", map[string]string{"RECORDS_TABLE": "records", "KEYS_TABLE": "", "BUCKET": "objects"}, []string{"KEYS_TABLE"}},
		{"all are missing, and all are told at once", nil, []string{"RECORDS_TABLE", "KEYS_TABLE", "BUCKET"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, name := range []string{"RECORDS_TABLE", "KEYS_TABLE", "BUCKET"} {
				t.Setenv(name, tc.set[name])
			}
			values, err := awsenv.Required("RECORDS_TABLE", "KEYS_TABLE", "BUCKET")
			var missing []string
			if err != nil {
				for line := range strings.Lines(err.Error() + "\n") {
					missing = append(missing, strings.TrimSpace(line))
				}
			}
			var want []string
			for _, name := range tc.missing {
				want = append(want, "the environment variable "+name+" is not set")
			}
			if diff := cmp.Diff(want, missing); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
			for name, value := range tc.set {
				if values[name] != value {
					t.Errorf("%s is %q, want %q", name, values[name], value)
				}
			}
		})
	}
	t.Run("nothing is required", func(t *testing.T) {
		if values, err := awsenv.Required(); err != nil || len(values) != 0 {
			t.Errorf("values %v, %v", values, err)
		}
	})
}

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		name, endpoint, key, secret, token string
		fails                              bool
	}{
		{"on AWS", "", "AKIAEXAMPLE", "secret", "session", false},
		{"on an emulator", "http://127.0.0.1:4566", "test", "test", "", false},
		{"without a key", "", "", "secret", "", true},
		{"without a secret", "", "AKIAEXAMPLE", "", "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, value := range map[string]string{
				"AWS_REGION": "us-east-2", "AWS_ENDPOINT_URL": tc.endpoint, "AWS_ACCESS_KEY_ID": tc.key, "AWS_SECRET_ACCESS_KEY": tc.secret, "AWS_SESSION_TOKEN": tc.token,
			} {
				t.Setenv(name, value)
			}
			cfg := awsenv.Config()
			if cfg.Region != "us-east-2" {
				t.Errorf("region %q", cfg.Region)
			}
			endpoint := ""
			if cfg.BaseEndpoint != nil {
				endpoint = *cfg.BaseEndpoint
			}
			if endpoint != tc.endpoint || awsenv.Emulated() != (tc.endpoint != "") {
				t.Errorf("endpoint %q, emulated %t, want %q", endpoint, awsenv.Emulated(), tc.endpoint)
			}
			got, err := cfg.Credentials.Retrieve(t.Context())
			if tc.fails {
				if err == nil || strings.Contains(err.Error(), "AKIAEXAMPLE") {
					t.Errorf("error %v, want one that quotes nothing", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tc.key, tc.secret, tc.token}, []string{got.AccessKeyID, got.SecretAccessKey, got.SessionToken}); diff != "" {
				t.Errorf("credentials (-want +got):\n%s", diff)
			}
		})
	}
}

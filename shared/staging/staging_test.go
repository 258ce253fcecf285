package staging_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/supportvault/supportvault/shared/staging"
)

// bucketOf is a bucket whose requests a handler answers.
func bucketOf(t *testing.T, answer http.HandlerFunc) staging.Bucket {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return staging.New(s3.New(s3.Options{
		BaseEndpoint: &server.URL, UsePathStyle: true, Region: "us-east-2", RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
	}), "staging")
}

// What is signed into a link is all that it lets anybody put.
func TestLink(t *testing.T) {
	link, headers, err := bucketOf(t, http.NotFound).Link(t.Context(), "imports/demo/1", "application/x-ndjson", 4711, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(link)
	if err != nil || at.Path != "/staging/imports/demo/1" || at.Query().Get("X-Amz-Expires") != "3600" {
		t.Errorf("%s %v", link, err)
	}
	if headers["content-type"] != "application/x-ndjson" || headers["content-length"] != "4711" {
		t.Errorf("headers %v", headers)
	}
	signed := strings.Split(at.Query().Get("X-Amz-SignedHeaders"), ";")
	for name := range headers {
		if !slices.Contains(signed, name) {
			t.Errorf("%s is not signed: %v", name, signed)
		}
	}
}

func TestUploads(t *testing.T) {
	const content = "one\ntwo\n"
	b := bucketOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/staging/there" {
			w.WriteHeader(http.StatusNotFound)
			if r.Method == http.MethodGet {
				_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
			}
			return
		}
		w.Header().Set("ETag", `"tag"`)
		w.Header().Set("Content-Type", "image/png")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	})
	if size, tag, err := b.Size(t.Context(), "there"); size != int64(len(content)) || tag != `"tag"` || err != nil {
		t.Errorf("size %d %s %v", size, tag, err)
	}
	for _, tc := range []struct {
		from int64
		n    int
		want string
	}{{0, 3, "one"}, {4, 100, "two\n"}} {
		if some, tag, err := b.Read(t.Context(), "there", tc.from, tc.n); string(some) != tc.want || tag != `"tag"` || err != nil {
			t.Errorf("%d bytes from %d: %q %s %v", tc.n, tc.from, some, tag, err)
		}
	}
	body, kind, err := b.Open(t.Context(), "there")
	if err != nil || kind != "image/png" {
		t.Fatalf("%s %v", kind, err)
	}
	if all, err := io.ReadAll(body); string(all) != content || err != nil || body.Close() != nil {
		t.Errorf("%q %v", all, err)
	}
	_, _, size := b.Size(t.Context(), "gone")
	_, _, read := b.Read(t.Context(), "gone", 0, 1)
	_, _, open := b.Open(t.Context(), "gone")
	for _, err := range []error{size, read, open} {
		if !errors.Is(err, staging.ErrGone) {
			t.Errorf("of what is gone: %v", err)
		}
	}
}

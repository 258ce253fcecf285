//go:build e2e

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// request asks the API with the account's token.
func (o outputs) request(t *testing.T, method, path string, headers map[string]string, body []byte) (*http.Response, []byte) {
	t.Helper()
	address, token := o.API+"/v1/accounts/"+o.Account+path, o.Token
	if strings.Contains(path, "://") { // a link has what it needs
		address, token = path, ""
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	res, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, answer
}

// upload puts a file where an upload belongs, and is what an event calls it.
func (o outputs) upload(t *testing.T, kind string, body []byte) string {
	t.Helper()
	res, answer := o.request(t, http.MethodPost, "/uploads", nil, fmt.Appendf(nil, `{"type":%q,"bytes":%d}`, kind, len(body)))
	var place struct {
		Upload, URL string
		Headers     map[string]string
	}
	if err := json.Unmarshal(answer, &place); err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("a place for an upload: %d %s %v", res.StatusCode, answer, err)
	}
	if !strings.Contains(place.URL, "X-Amz-Expires=300") {
		t.Errorf("the place is at %s", place.URL)
	}
	if res, answer := o.request(t, http.MethodPut, place.URL, place.Headers, body); res.StatusCode != http.StatusOK {
		t.Fatalf("put: %d %s", res.StatusCode, answer)
	}
	return place.Upload
}

// attached delivers a chat with an upload, and waits until it is sealed: the ids of the chat and of its attachment.
func (o outputs) attached(t *testing.T, chat, upload string) (id, file string) {
	t.Helper()
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	body := fmt.Appendf(nil, `{"version":"1","events":[{"type":"conversation.transcript","ended":true,"time":%[1]q,"kind":"chat","conversation":%[2]q,"entries":
		[{"id":"1","time":%[1]q,"author":{"role":"visitor"},"text":"Here it is.","attachments":[{"name":"label.png","type":"image/png","upload":%[3]q}]}]}]}`,
		now, chat, upload)
	if status, answer, err := (delivery{"canonical", body}).send(t.Context(), o.Sources["canonical"]); err != nil || status != http.StatusAccepted {
		t.Fatalf("deliver: %d %s %v", status, answer, err)
	}
	var state string
	for deadline := time.Now().Add(time.Minute); state != "stored"; {
		if time.Now().After(deadline) {
			t.Fatalf("it is not stored within a minute, but %q", state)
		}
		if err := sleep(t.Context(), 300*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		var list struct {
			Chats []struct{ ID, Conversation string }
		}
		_, answer := o.request(t, http.MethodGet, "/chats?limit=100", nil, nil)
		if err := json.Unmarshal(answer, &list); err != nil {
			t.Fatal(err)
		}
		for _, c := range list.Chats {
			if c.Conversation == chat {
				id = c.ID
			}
		}
		if id == "" {
			continue
		}
		var of struct {
			Entries []struct {
				Attachments []struct{ ID, State string }
			}
		}
		_, answer = o.request(t, http.MethodGet, "/chats/"+id, nil, nil)
		if err := json.Unmarshal(answer, &of); err != nil || len(of.Entries) == 0 || len(of.Entries[0].Attachments) == 0 {
			t.Fatalf("%s %v", answer, err)
		}
		file, state = of.Entries[0].Attachments[0].ID, of.Entries[0].Attachments[0].State
	}
	return id, file
}

// A file that an integration uploads is sealed and read back, whole and in part, and lies nowhere in the clear.
func TestEndToEndAttachment(t *testing.T) {
	s := deployedStack(t)
	own := s.newAccount(t, accountRequest{Account: "attached", Plan: "standard", Start: "identified"})
	png := append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte("nightingale"), 20_000)...)
	id, file := own.attached(t, "with-a-label", own.upload(t, "image/png", png))
	res, body := own.request(t, http.MethodGet, "/attachments/"+id+"/"+file, nil, nil)
	if res.StatusCode != http.StatusOK || !bytes.Equal(body, png) || res.Header.Get("Content-Type") != "image/png" ||
		res.Header.Get("Content-Disposition") != "attachment; filename=label.png" {
		t.Errorf("%d, %d bytes, %v", res.StatusCode, len(body), res.Header)
	}
	res, body = own.request(t, http.MethodGet, "/attachments/"+id+"/"+file, map[string]string{"Range": "bytes=150000-150010"}, nil)
	if want := fmt.Sprintf("bytes 150000-150010/%d", len(png)); res.StatusCode != http.StatusPartialContent || !bytes.Equal(body, png[150_000:150_011]) ||
		res.Header.Get("Content-Range") != want {
		t.Errorf("%d %q %v", res.StatusCode, body, res.Header)
	}
	other := own
	other.Token = mirrored(own.Token)
	if res, body := other.request(t, http.MethodGet, "/attachments/"+id+"/"+file, nil, nil); res.StatusCode != http.StatusForbidden {
		t.Errorf("with another token: %d %.60q", res.StatusCode, body)
	}
	stored := s.stored(t, "files/attached/")
	for key, text := range stored {
		if strings.Contains(text, "nightingale") {
			t.Errorf("%s is in the clear", key)
		}
	}
	if len(stored) != 1 {
		t.Errorf("%d objects", len(stored))
	}
}

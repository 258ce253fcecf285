package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

// verifySender makes the domain of the stack's sender one that the emulator's SES sends for; on AWS, a person proves that it is
// theirs.
func (s stack) verifySender(ctx context.Context) error {
	from, err := mail.ParseAddress(s.MailFrom)
	if err != nil {
		return fmt.Errorf("the stack's sender %q: %w", s.MailFrom, err)
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	_, err = sesv2.NewFromConfig(s.aws).CreateEmailIdentity(ctx, &sesv2.CreateEmailIdentityInput{EmailIdentity: &domain})
	var known *types.AlreadyExistsException
	if errors.As(err, &known) {
		return nil
	}
	return err
}

// A message is what the emulator's SES has taken.
type message struct {
	MessageID string `json:"MessageId"`
	Source    string
	To        []string
	Subject   string
	BodyText  string
	BodyHTML  string `json:"BodyHtml"`
}

// messages are all that the emulator's SES has taken for a recipient, the oldest first.
func (o outputs) messages(ctx context.Context, to string) ([]message, error) {
	status, answer, err := get(ctx, o.Mail, "")
	if err != nil || status != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("GET %s: %d", o.Mail, status), err)
	}
	var all struct{ Messages map[string][]message }
	if err := json.Unmarshal(answer, &all); err != nil {
		return nil, fmt.Errorf("GET %s: %w", o.Mail, err)
	}
	var found []message
	for _, m := range all.Messages[localAWSAccount] {
		if len(m.To) == 1 && m.To[0] == to {
			found = append(found, m)
		}
	}
	return found, nil
}

// mailed waits for a message to a recipient whose text holds something.
func (o outputs) mailed(ctx context.Context, to, holds string) (message, error) {
	for start := time.Now(); time.Since(start) < time.Minute; {
		all, err := o.messages(ctx, to)
		if err != nil {
			return message{}, err
		}
		for _, m := range all {
			if strings.Contains(m.BodyText, holds) {
				return m, nil
			}
		}
		if err := sleep(ctx, 300*time.Millisecond); err != nil {
			return message{}, err
		}
	}
	return message{}, fmt.Errorf("no message to %s within a minute; see .local/log/ministack.log", to)
}

// idOf is the id of the chat that its sender calls so.
func (o outputs) idOf(ctx context.Context, conversation string) (string, error) {
	status, answer, err := get(ctx, o.chats()+"?limit=100", o.Token)
	if err != nil || status != http.StatusOK {
		return "", errors.Join(fmt.Errorf("GET %s: %d %s", o.chats(), status, bytes.TrimSpace(answer)), err)
	}
	var page struct {
		Chats []struct{ ID, Conversation string }
	}
	if err := json.Unmarshal(answer, &page); err != nil {
		return "", fmt.Errorf("GET %s: %w", o.chats(), err)
	}
	for _, c := range page.Chats {
		if c.Conversation == conversation {
			return c.ID, nil
		}
	}
	return "", fmt.Errorf("GET %s: no chat %s", o.chats(), conversation)
}

// link is the link of a text to a transcript.
func (m message) link() (string, error) {
	for word := range strings.FieldsSeq(m.BodyText) {
		if strings.Contains(word, "/transcripts/") && strings.Contains(word, "?link=svl_") {
			return strings.Trim(word, "<>."), nil
		}
	}
	return "", errors.New("the message holds no link")
}

// ask is a request of the API with the account's token.
func (o outputs) ask(ctx context.Context, method, path, body string) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, o.API+"/v1/accounts/"+o.Account+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+o.Token)
	req.Header.Set("Content-Type", "application/json")
	return do(req)
}

// mailTo makes a destination of the account.
func (o outputs) mailTo(ctx context.Context, name, setting string) error {
	status, answer, err := o.ask(ctx, http.MethodPut, "/mail/"+name, setting)
	if err != nil || status != http.StatusOK {
		return errors.Join(fmt.Errorf("PUT …/mail/%s: %d %s", name, status, bytes.TrimSpace(answer)), err)
	}
	return nil
}

// whole is a chat of tawk.to, delivered whole when it has ended, so that it settles at once.
func whole(id string, now time.Time, texts ...string) delivery {
	type sender struct {
		Type string `json:"t"`
		Name string `json:"n,omitempty"`
	}
	type said struct {
		Sender sender `json:"sender"`
		Type   string `json:"type"`
		Text   string `json:"msg"`
		Time   string `json:"time"`
	}
	first := now.Add(-time.Duration(len(texts)) * 20 * time.Second)
	at := func(i int) string {
		return first.Add(time.Duration(i) * 20 * time.Second).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	var messages []said
	for i, text := range texts {
		by := sender{Type: "v"}
		if i%2 == 1 {
			by = sender{Type: "a", Name: "Noor Bakker"}
		}
		messages = append(messages, said{by, "msg", text, at(i)})
	}
	body, err := json.Marshal(map[string]any{
		"event": "chat:transcript_created", "time": at(len(texts)), "property": map[string]string{"id": "p1", "name": "Shop"},
		"chat": map[string]any{"id": id, "visitor": map[string]string{"name": "Iris Vogel", "email": "iris@example.com"}, "messages": messages},
	})
	if err != nil {
		panic(err) // texts always marshal
	}
	return delivery{"tawkto", body}
}

package vault

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
)

// Pointers are the partitions of the pointers from each subject of a transcript, by everything they were ever known by.
func (ses *Session) Pointers(t conversation.Transcript) []string {
	var pointers []string
	add := func(field, value string) {
		if value != "" {
			pointers = append(pointers, SubjectPartition(ses.Account, ses.Index.Subject(field, value)))
		}
	}
	for _, s := range t.Said.Subjects {
		add("email", NormalEmail(s.Email))
		add("phone", NormalPhone(s.Phone))
		add("visitor", visitorOf(t.Source, s.VisitorID))
		add("custom", s.CustomID)
	}
	slices.Sort(pointers)
	return slices.Compact(pointers)
}

// NormalEmail is the form of an address by which it is found: mail systems that tell upper from lower case are not met
// in practice.
func NormalEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// NormalPhone is the form of a number by which it is found: its digits, and a leading plus.
func NormalPhone(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, s)
}

// visitorOf makes a sender's id of a visitor unique among senders.
func visitorOf(source, id string) string {
	if id == "" {
		return ""
	}
	return source + "/" + id
}

func pointerKey(r Row) string { return r.ID + "#" + incarnationKey(r.Incarnation) }

// PutPointers writes the pointers to a life of a conversation, and deletes those of before that are none any more.
func (ses *Session) PutPointers(ctx context.Context, r Row, pointers, before []string, c Cohort) error {
	for _, pointer := range pointers {
		item := attr.Key(pointer, pointerKey(r))
		item["ttl"] = attr.N(ses.garbage(r.Kind, c.Start))
		if _, err := ses.store.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &ses.store.Tables.Records, Item: item}); err != nil {
			return err
		}
	}
	var gone []attr.Item
	for _, pointer := range before {
		if !slices.Contains(pointers, pointer) {
			gone = append(gone, attr.Key(pointer, pointerKey(r)))
		}
	}
	return ses.store.DeleteAll(ctx, ses.store.Tables.Records, gone)
}

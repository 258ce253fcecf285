package vault

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
)

// Fact is what survives of a conversation for reporting; nothing in it identifies a visitor.
type Fact struct {
	Source     string            `json:"source"`
	Kind       retention.Kind    `json:"kind"`
	StartedAt  conversation.Time `json:"startedAt"`
	EndedAt    conversation.Time `json:"endedAt"`
	Seconds    int               `json:"seconds"`
	Visitor    int               `json:"visitorEntries"`
	Agent      int               `json:"agentEntries"`
	Bot        int               `json:"botEntries"`
	FirstReply int               `json:"firstReplySeconds,omitzero"`
	Department string            `json:"department,omitzero"`
	Rating     *int              `json:"rating,omitzero"`
	// Agent is a pseudonym.
	By string `json:"agent,omitzero"`
}

func (ses *Session) fact(t conversation.Transcript) Fact {
	f := Fact{
		Source: t.Source, Kind: t.Kind, StartedAt: t.StartedAt, EndedAt: t.Anchor, Seconds: int(t.Anchor.Sub(t.StartedAt.Time).Seconds()),
		Department: t.Department, Rating: t.Rating,
	}
	if t.Call != nil && t.Call.Seconds > 0 {
		f.Seconds = t.Call.Seconds // who measured it knows better, or tells all of the call in one moment
	}
	var asked conversation.Time
	for _, e := range t.Entries {
		if e.Private {
			continue
		}
		switch e.Author.Role {
		case conversation.Visitor:
			f.Visitor++
			if asked.IsZero() {
				asked = e.Time
			}
		case conversation.Agent:
			if f.Agent == 0 && !asked.IsZero() {
				f.FirstReply = int(e.Time.Sub(asked.Time).Seconds())
			}
			f.Agent++
		case conversation.Bot:
			f.Bot++
		}
	}
	if len(t.AgentIDs) > 0 {
		f.By = ses.Index.Pseudonym(t.Source, t.AgentIDs[0])
	}
	return f
}

// PutFact writes the fact of a conversation into a cohort, in place of that of the revision before, and answers the cohort's
// id; empty where there is no cohort, because the time of facts of that day is over already.
func (ses *Session) PutFact(ctx context.Context, r Row, t conversation.Transcript, c Cohort) (cohort string, err error) {
	if c.ID == "" {
		return "", ses.deleteFact(ctx, r, "")
	}
	item, err := ses.sealOfDay(c, ses.Index.FactID(r.ID, r.Incarnation), ses.fact(t))
	if err != nil {
		return "", err
	}
	item["generation"] = attr.N(r.Generation)
	_, err = ses.store.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &ses.store.Tables.Records, Item: item,
		ConditionExpression:       aws.String("attribute_not_exists(generation) OR generation <= :generation"),
		ExpressionAttributeValues: attr.Item{":generation": attr.N(r.Generation)},
	})
	if IsConditionFailed(err) {
		return "", ErrFenced
	}
	if err != nil {
		return "", err
	}
	return c.ID, ses.deleteFact(ctx, r, c.ID)
}

// deleteFact deletes the fact of the revision before where it does not stand in the cohort that is kept.
func (ses *Session) deleteFact(ctx context.Context, r Row, kept string) error {
	if r.FactCohort == "" || r.FactCohort == kept {
		return nil
	}
	old := attr.Key(DayPartition(ses.Account, retention.Fact, r.FactCohort), ses.Index.FactID(r.ID, r.Incarnation))
	return ses.store.DeleteAll(ctx, ses.store.Tables.Records, []attr.Item{old})
}

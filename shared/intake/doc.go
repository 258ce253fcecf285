// Package intake stores events: what comes by a webhook, what waited in a queue and what an import brings go the same way, so
// that what was destroyed stays so however it comes again. Package vault draws the protocol.
//
//	Event     one event, of a conversation that goes on
//	Together  several of one conversation, which may tell all of it
//	Apart     takes out visits, which vault.PutVisits writes
//
// What is to be settled is sent to a queue, which SettleQueue is in AWS.
//
// It does not verify, adapt or minimise: events come as they are to be kept.
package intake

import (
	"context"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/vault"
)

// Intake stores events.
type Intake struct {
	Store *vault.Store
	Queue settling
	// Files is where files are asked for; it is nil for who brings none.
	Files attaching
}

type settling interface {
	// Settle asks for a conversation to be settled.
	Settle(context.Context, vault.Reference) error
}

type attaching interface {
	// Attach asks for up to ten files to be fetched.
	Attach(context.Context, []vault.FileReference) error
}

// Apart takes the visits out of events; those that the account does not store are gone.
func Apart(ses *vault.Session, kept []conversation.Event) (visits, rest []conversation.Event) {
	for _, e := range kept {
		switch {
		case e.Visit == nil:
			rest = append(rest, e)
		case !ses.Policy.Refuses(e.Kind, ses.Mark(vault.MarkSource, e.Source)):
			visits = append(visits, e)
		}
	}
	return visits, rest
}

package mail

import (
	"slices"
	"strings"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/vault"
)

// recipient is a mailbox that a conversation goes to.
type recipient struct {
	// address is in the form in which it is written to or, where there is none, as it was given.
	address string
	// impossible says that nothing can be sent to the address.
	impossible bool
	blind      string
	// reader says whether what agents wrote among themselves may be shown.
	reader account.Reader
}

// recipients are the mailboxes that a conversation goes to, each once.
func (d *desk) recipients(to mailbox.Destination, c vault.Conversation) (all []recipient) {
	add := func(given string, reader account.Reader) {
		r := recipient{address: given, reader: reader}
		bare, err := letter.Address(given)
		if r.impossible = err != nil; !r.impossible {
			r.address = bare
		}
		r.blind = d.book.Blind(r.address)
		if isSubject(c, r.blind, d.book) {
			r.reader = account.Visitor // whatever else they are
		}
		if !slices.ContainsFunc(all, func(o recipient) bool { return o.blind == r.blind }) {
			all = append(all, r)
		}
	}
	switch to.To.Kind {
	case mailbox.Fixed:
		for _, address := range to.To.Addresses {
			add(address, account.Staff)
		}
	case mailbox.Visitor:
		// The first who is known: whoever was brought in later did not ask for it, and the others are strangers to them.
		for _, s := range c.Subjects {
			if strings.TrimSpace(s.Email) != "" {
				add(s.Email, account.Visitor)
				break
			}
		}
	case mailbox.Agent:
		for _, agent := range agents(c) {
			if address, ok := to.To.Agents[agent]; ok {
				add(address, account.Staff)
			} else if _, err := letter.Address(agent); err == nil {
				add(agent, account.Staff)
			}
		}
	}
	return all
}

// agents are the agents who took part, by everything that the sender calls them.
func agents(c vault.Conversation) []string {
	all := slices.Clone(c.AgentIDs)
	for _, e := range c.Entries {
		if e.Author.Role == conversation.Agent && e.Author.Name != "" && !slices.Contains(all, e.Author.Name) {
			all = append(all, e.Author.Name)
		}
	}
	return all
}

// isSubject says whether an address is that of an outside participant, by anything they were ever known by.
func isSubject(c vault.Conversation, blind string, book *mailbox.Book) bool {
	return slices.ContainsFunc(c.Said.Subjects, func(s conversation.SaidSubject) bool {
		return s.Email != "" && book.Blind(s.Email) == blind
	})
}

// tag is what a message carries to SES, so that what SES reports leads back to what it was: letters, digits, - and _ alone. Of is
// the conversation's id, or ofDigest.
func tag(to mailbox.Destination, of, blind string) string { return to.Name + "_" + of + "_" + blind }

// ofDigest stands in the tag of a digest, which is of no one conversation, and ofNotice in that of a notice.
const (
	ofDigest = "digest"
	ofNotice = "notice"
)

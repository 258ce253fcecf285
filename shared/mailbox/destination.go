package mailbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// When is when transcripts go to a destination.
type When string

// When each conversation settles, or many together.
const (
	Settled When = "settled"
	Hourly  When = "hourly"
	Daily   When = "daily"
	Weekly  When = "weekly"
)

// ToKind is whom a destination is for.
type ToKind string

// The recipients: addresses of the account's choice; the first outside participant whose address is known; the agents who
// took part.
const (
	Fixed   ToKind = "fixed"
	Visitor ToKind = "visitor"
	Agent   ToKind = "agent"
)

// To is whom a destination is for.
type To struct {
	Kind ToKind `json:"kind"`
	// Addresses are those of Fixed.
	Addresses []string `json:"addresses,omitzero"`
	// Agents are addresses by the id or the name that the sender gives an agent; an agent whose id is an address needs none.
	Agents map[string]string `json:"agents,omitzero"`
}

// Destination is where transcripts go.
type Destination struct {
	Name    string         `json:"name"`
	When    When           `json:"when"`
	To      To             `json:"to"`
	Content letter.Content `json:"content"`
	// Kinds are those of which transcripts go there.
	Kinds []retention.Kind `json:"kinds"`
}

// What a destination may have.
const (
	MaxAddresses    = 20
	MaxAgents       = 500
	MaxAgent        = 256 // bytes of an agent's id or name
	MaxDestinations = 20
)

// The faults of destinations.
var (
	ErrLinkOnly = fault.New(fault.Conflict, "link_only",
		"The account is under a regime under which an e-mail holds nothing of a conversation but a link to it: the content must be link.")
	ErrMany = fault.New(fault.Conflict, "destinations_full", fmt.Sprintf("An account has at most %d destinations.", MaxDestinations))
)

var nameForm = lazyregexp.New(`^[a-z0-9][a-z0-9-]{0,31}$`)

// ValidName says whether a name has the form of one; nothing else may reach a key.
func ValidName(name string) bool { return nameForm().MatchString(name) }

// ParseDestination reads a destination as an administrator gives it. All that is wrong with it is said at once, and nothing of
// it quoted. Addresses come out in the form in which they are written to.
func ParseDestination(name string, body []byte, p account.Policy) (Destination, error) {
	var d Destination
	if err := strictjson.Unmarshal(body, &d); err != nil {
		return Destination{}, err
	}
	if json.Unmarshal(body, &d, json.RejectUnknownMembers(true)) != nil {
		return Destination{}, invalid("it has a field that a destination does not have")
	}
	if d.Name == "" {
		d.Name = name
	}
	if len(d.Kinds) == 0 {
		d.Kinds = Kinds()
	}
	var wrong []string
	check := func(ok bool, says string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(says, args...))
		}
	}
	check(ValidName(name), "the name is 1 to 32 of the characters a–z, 0–9 and -, of which the first is no -")
	check(d.Name == name, "the name in the body is not the one in the path")
	check(slices.Contains([]When{Settled, Hourly, Daily, Weekly}, d.When), "when is settled, hourly, daily or weekly")
	check(slices.Contains([]letter.Content{letter.Full, letter.Redacted, letter.Link}, d.Content), "content is full, redacted or link")
	check(kindsOf(d.Kinds), "kinds are chat and ticket, each at most once")
	check(slices.Contains([]ToKind{Fixed, Visitor, Agent}, d.To.Kind), "to.kind is fixed, visitor or agent")
	if d.To.Kind == Fixed {
		check(len(d.To.Addresses) >= 1 && len(d.To.Addresses) <= MaxAddresses, "to.addresses of kind fixed are 1 to %d", MaxAddresses)
	} else {
		check(len(d.To.Addresses) == 0, "to.addresses belong to kind fixed")
	}
	check(d.To.Kind == Agent || len(d.To.Agents) == 0, "to.agents belong to kind agent")
	check(len(d.To.Agents) <= MaxAgents, "to.agents are at most %d", MaxAgents)
	check(agentsOf(d.To.Agents), "an agent's id or name in to.agents is 1 to %d bytes", MaxAgent)
	check(d.To.normalize(), "every address is one plain e-mail address, without a name beside it")
	if len(wrong) > 0 {
		return Destination{}, invalid(strings.Join(wrong, "; "))
	}
	if p.LinkOnly() && d.Content != letter.Link {
		return Destination{}, ErrLinkOnly
	}
	return d, nil
}

func invalid(says string) error {
	return fault.New(fault.Invalid, "destination_invalid", "The destination is not as it must be: "+says+".")
}

// Kinds are the kinds of conversations that are mailed.
func Kinds() []retention.Kind { return []retention.Kind{retention.Chat, retention.Ticket} }

func kindsOf(kinds []retention.Kind) bool {
	seen := map[retention.Kind]bool{}
	for _, k := range kinds {
		if seen[k] || !slices.Contains(Kinds(), k) {
			return false
		}
		seen[k] = true
	}
	return true
}

func agentsOf(agents map[string]string) bool {
	for agent := range agents {
		if agent == "" || len(agent) > MaxAgent {
			return false
		}
	}
	return true
}

// normalize brings every address into the form in which it is written to, each once; ok is false where one is none.
func (t *To) normalize() (ok bool) {
	var failures []error
	var addresses []string
	for _, a := range t.Addresses {
		bare, err := letter.Address(a)
		failures = append(failures, err)
		if !slices.Contains(addresses, bare) {
			addresses = append(addresses, bare)
		}
	}
	t.Addresses = addresses
	if len(t.Agents) == 0 {
		t.Agents = nil // an empty one would be answered to those who have none
	}
	for agent, a := range t.Agents {
		bare, err := letter.Address(a)
		failures = append(failures, err)
		t.Agents[agent] = bare
	}
	return errors.Join(failures...) == nil
}

// Contains is what a letter to the destination holds under the policy in force, whatever was possible when the destination
// was made.
func (d Destination) Contains(p account.Policy) letter.Content {
	if p.LinkOnly() {
		return letter.Link
	}
	return d.Content
}

// Takes says whether conversations of a kind go to the destination.
func (d Destination) Takes(kind retention.Kind) bool { return slices.Contains(d.Kinds, kind) }

// InLedger is the destination's name in the copy ledger.
func (d Destination) InLedger() string { return "mail:" + d.Name }

// Package account holds what the control table says of an account: its policy, the secrets of its sources and its
// tokens. Every partition key begins with the account's id and '#', so no id can be the beginning of another's.
//
//	demo#   policy              the policy in force
//	demo#   policy#00000001     every version of it
//	demo#   source#tawkto       up to two secrets and the settings, wrapped by the account key
//	demo#   token#<id>          the SHA-256 of a bearer token's secret
//	demo#link#<day>#   <id>     what a link opens, to whom, until when, and the SHA-256 of its secret
//	demo#fence#        fence    how often what may be destroyed has changed, and which run may destroy
//	demo#hold#         <id>     what a hold is about and who set it, sealed; what it matches is in the policy's row
//	demo#hand#         <id>     a record that an administrator had destroyed and that can be brought back
//	#accounts  demo             the list of accounts, for sweep and purge; no id begins with '#'
package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/minimise"
	"github.com/supportvault/supportvault/shared/retention"
)

var idForm = regexp.MustCompile(`^[a-z0-9]{4,32}$`)

// ValidID says whether an account's id has the form of one; nothing else may reach a key.
func ValidID(id string) bool { return idForm.MatchString(id) }

// Partition is the partition key of an account in the control table.
func Partition(id string) string { return id + "#" }

// ListPartition is the partition of the list of all accounts.
const ListPartition = "#accounts"

// PolicyKey is the sort key of the policy in force.
const PolicyKey = "policy"

// PolicyVersionKey is the sort key of one version of the policy.
func PolicyVersionKey(version int) string { return fmt.Sprintf("policy#%08d", version) }

// SourceKey is the sort key of a source.
func SourceKey(source string) string { return "source#" + source }

// Policy is what an account keeps and for how long. It is versioned: a change is a new row beside the old ones and
// replaces the one in force in the same write.
type Policy struct {
	Version int
	retention.InForce
	// Wait is how long what a change hides waits for its destruction.
	Wait time.Duration
	// UndoUntil is up to when this version can be undone, and UndoTo the version to which that goes back; zero where it cannot.
	UndoUntil time.Time
	UndoTo    int
	Start     minimise.Start
	// Required are the destinations that a cadence waits for, by kind, as the copy ledger names them.
	Required map[retention.Kind][]string
	// TwoToRelease says that a hold ends only when a second administrator says so too.
	TwoToRelease bool
	// SealedRules is what the marks of the rules are of, wrapped for RulesPlace of this version.
	SealedRules []byte
	// Fence counts the changes of what may be destroyed: of the policy, of holds, of the closing. Whoever destroys by this row
	// does so on the condition that FenceRow still says the same.
	Fence int64
	// Regimes are the laws under which the account is, beyond those that hold for everybody.
	Regimes []Regime
	// By, At and Reason say who wrote this version, when and why.
	By     string
	At     time.Time
	Reason string
	// Sealed is the reason where an administrator wrote it, wrapped for PolicyPlace of this version; Reason is then empty.
	Sealed []byte
}

// DefaultWait and DowngradeWait are how long what a change hides waits, unless the account says otherwise; what a smaller plan
// hides always waits the longer. MaxWait is the longest that an account may say.
const (
	DefaultWait   = 24 * time.Hour
	DowngradeWait = 30 * 24 * time.Hour
	MaxWait       = 30 * 24 * time.Hour
)

// PolicyPlace is the place for which the reason of a version of the policy is wrapped.
func PolicyPlace(account string, version int) string {
	return Partition(account) + "\x00" + PolicyVersionKey(version)
}

// RulesPlace is the place for which what the marks of a version's rules are of is wrapped.
func RulesPlace(account string, version int) string {
	return PolicyPlace(account, version) + "\x00rules"
}

// FencePartition is the partition of FenceRow, which has the Fence of the policy as n and the run of purge that may destroy.
func FencePartition(id string) string { return id + "#fence#" }

// HandPartition is the partition of the records that administrators had destroyed and that still can be brought back.
func HandPartition(id string) string { return id + "#hand#" }

// HoldPartition is the partition of what is said of holds.
func HoldPartition(id string) string { return id + "#hold#" }

// FenceRow is the sort key of the fence.
const FenceRow = "fence"

// Regime is a law or a standard under which an account is.
type Regime string

// The regimes: data on health, and on payment cards.
const (
	HIPAA Regime = "hipaa"
	PCI   Regime = "pci"
)

// Regimes are all that an account can be under.
func Regimes() []Regime { return []Regime{HIPAA, PCI} }

// LinkOnly says that nothing of a conversation may leave by e-mail but a link to it.
func (p Policy) LinkOnly() bool { return len(p.Regimes) > 0 }

// ErrRow is returned for a row that this package did not write.
var ErrRow = errors.New("account: unreadable row")

// Item is the policy as a row without its keys.
func (p Policy) Item() attr.Item {
	item := attr.Item{
		"version": attr.N(p.Version), "start": attr.S(p.Start), "zone": attr.S(p.Zone.String()),
		"terms": attr.S(p.terms()), "wait": attr.N(int64(p.Wait / time.Minute)), "by": attr.S(p.By), "at": attr.Time(p.At), "reason": attr.S(p.Reason),
	}
	if len(p.Regimes) > 0 {
		regimes := make([]string, len(p.Regimes))
		for i, r := range p.Regimes {
			regimes[i] = string(r)
		}
		item["regimes"] = attr.Strings(regimes)
	}
	if !p.UndoUntil.IsZero() {
		item["undoUntil"], item["undoTo"] = attr.Time(p.UndoUntil), attr.N(p.UndoTo)
	}
	if len(p.Sealed) > 0 {
		item["reasonSealed"] = attr.B(p.Sealed)
	}
	if len(p.SealedRules) > 0 {
		item["rulesSealed"] = attr.B(p.SealedRules)
	}
	if p.Fence > 0 {
		item["fence"] = attr.N(p.Fence)
	}
	return item
}

// ReadPolicy reads what Item wrote.
func ReadPolicy(item attr.Item) (Policy, error) {
	zone, err := retention.Zone(attr.GetS(item, "zone"))
	if err != nil {
		return Policy{}, fmt.Errorf("%w: zone", ErrRow)
	}
	p := Policy{
		Version: int(attr.GetN(item, "version")), Start: minimise.Start(attr.GetS(item, "start")),
		InForce: retention.InForce{Zone: zone}, SealedRules: attr.GetB(item, "rulesSealed"), Fence: attr.GetN(item, "fence"),
		By: attr.GetS(item, "by"), At: attr.GetTime(item, "at"), Reason: attr.GetS(item, "reason"),
		Sealed: attr.GetB(item, "reasonSealed"), UndoUntil: attr.GetTime(item, "undoUntil"), UndoTo: int(attr.GetN(item, "undoTo")),
	}
	if err := p.readTerms(attr.GetS(item, "terms")); err != nil {
		return Policy{}, err
	}
	if _, has := item["wait"]; has {
		p.Wait = time.Duration(attr.GetN(item, "wait")) * time.Minute
	} else {
		p.Wait = DefaultWait
	}
	regimes := attr.GetStrings(item, "regimes")
	if _, has := item["regimes"]; has && len(regimes) == 0 {
		return Policy{}, fmt.Errorf("%w: regimes", ErrRow)
	}
	for _, r := range regimes {
		if !slices.Contains(Regimes(), Regime(r)) {
			return Policy{}, fmt.Errorf("%w: regimes", ErrRow) // one that only a later version knows, perhaps: nothing goes out meanwhile
		}
		p.Regimes = append(p.Regimes, Regime(r))
	}
	if p.Version == 0 || p.Start.Check() != nil || p.Wait < 0 || p.Wait > MaxWait {
		return Policy{}, fmt.Errorf("%w: policy", ErrRow)
	}
	return p, nil
}

// Secret is one secret of a source. While one is rotated, the old one stays until its time is over.
type Secret struct {
	Value string    `json:"value"`
	Until time.Time `json:"until,omitzero"`
}

// SourceSettings are what an account chose for one of its sources.
type SourceSettings struct {
	// Hosts are from where files are fetched beside the sender's own: names, or *.names for all below.
	Hosts []string `json:"hosts,omitzero"`
	// Auth is how deliveries show whose they are, where their administrator chooses that; package source has a choice of its own.
	Auth *SourceAuth `json:"auth,omitzero"`
	// Ready names a mapping that package source has, Mapping is one of the account's own; at most one of them is given.
	Ready   string          `json:"ready,omitzero"`
	Mapping json.RawMessage `json:"mapping,omitzero"`
	// Zone is that of the times which come without one, as the IANA database names it.
	Zone string `json:"zone,omitzero"`
	// Origins are those of the sites whose pages may tell of visits, such as https://shop.example.com.
	Origins []string `json:"origins,omitzero"`
}

// SourceAuth is how a delivery shows whose it is. Which fields count depends on the kind; package source checks them.
type SourceAuth struct {
	Kind AuthKind `json:"kind"`
	// Header has the secret, or the code over the body, behind the prefix.
	Header string `json:"header,omitzero"`
	Prefix string `json:"prefix,omitzero"`
	// User goes with the password, which is the secret.
	User string `json:"user,omitzero"`
	// Hash is sha1, sha256 or sha512, Encoding hex or base64.
	Hash     string `json:"hash,omitzero"`
	Encoding string `json:"encoding,omitzero"`
	// TimeHeader has when it was signed, which lies within the tolerance in seconds of now. Signed is what is signed, in which
	// {time} and {body} stand for those.
	TimeHeader string `json:"timeHeader,omitzero"`
	Tolerance  int    `json:"tolerance,omitzero"`
	Signed     string `json:"signed,omitzero"`
}

// AuthKind is a way to show whose a delivery is.
type AuthKind string

// The ways: the secret in a header, behind key= in the address, or as a password; or a code made with it.
const (
	AuthHeader AuthKind = "header"
	AuthKey    AuthKind = "key"
	AuthBasic  AuthKind = "basic"
	AuthHMAC   AuthKind = "hmac"
)

// HasSource says whether a row is of a source that the account has. Of one that was taken away the row stays, without secrets.
func HasSource(row attr.Item) bool { return len(attr.GetB(row, "secrets")) > 0 }

// SettingsPlace is the place for which a source's settings are wrapped.
func SettingsPlace(account, source string) string {
	return SecretsPlace(account, source) + "\x00settings"
}

// SecretsPlace is the place for which a source's secrets are wrapped.
func SecretsPlace(account, source string) string {
	return Partition(account) + "\x00" + SourceKey(source)
}

// MarshalSecrets is the form in which secrets are wrapped.
func MarshalSecrets(secrets []Secret) ([]byte, error) { return json.Marshal(secrets) }

// LiveSecrets reads what MarshalSecrets wrote and answers those in force.
func LiveSecrets(b []byte, now time.Time) ([]Secret, error) {
	var all, live []Secret
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("%w: secrets", ErrRow)
	}
	for _, s := range all {
		if s.Until.IsZero() || now.Before(s.Until) {
			live = append(live, s)
		}
	}
	return live, nil
}

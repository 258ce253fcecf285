// Package account holds what the control table says of an account: its policy, the secrets of its sources and its
// tokens. Every partition key begins with the account's id and '#', so no id can be the beginning of another's.
//
//	demo#   policy              the policy in force
//	demo#   policy#00000001     every version of it
//	demo#   source#tawkto       up to two secrets, wrapped by the account key
//	demo#   token#<id>          the SHA-256 of a bearer token's secret
//	demo#link#<day>#   <id>     what a link opens, to whom, until when, and the SHA-256 of its secret
//	#accounts  demo             the list of accounts, for sweep and purge; no id begins with '#'
package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

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
	// UndoUntil is up to when this version can be undone; zero where it cannot.
	UndoUntil time.Time
	Start     minimise.Start
	Zone      *time.Location
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
		"version": attr.N(p.Version), "plan": attr.S(p.Plan), "start": attr.S(p.Start), "zone": attr.S(p.Zone.String()),
		"shortened": shortenedItem(p.Shortened), "wait": attr.N(int64(p.Wait / time.Minute)), "by": attr.S(p.By), "at": attr.Time(p.At), "reason": attr.S(p.Reason),
	}
	if len(p.Regimes) > 0 {
		regimes := make([]string, len(p.Regimes))
		for i, r := range p.Regimes {
			regimes[i] = string(r)
		}
		item["regimes"] = attr.Strings(regimes)
	}
	if !p.UndoUntil.IsZero() {
		item["undoUntil"] = attr.Time(p.UndoUntil)
	}
	if len(p.Sealed) > 0 {
		item["reasonSealed"] = attr.B(p.Sealed)
	}
	gone := attr.Item{}
	for kind, until := range p.Gone {
		gone[string(kind)] = attr.Time(until)
	}
	earlier := attr.Item{}
	for i, e := range p.Earlier {
		earlier[fmt.Sprintf("%03d", i)] = attr.Map(attr.Item{
			"plan": attr.S(e.Plan), "shortened": shortenedItem(e.Shortened), "until": attr.Time(e.Until),
		})
	}
	if len(gone) > 0 {
		item["gone"] = attr.Map(gone)
	}
	if len(earlier) > 0 {
		item["earlier"] = attr.Map(earlier)
	}
	return item
}

func shortenedItem(periods map[retention.Kind]retention.Period) types.AttributeValue {
	item := attr.Item{}
	for kind, period := range periods {
		item[string(kind)] = attr.S(period.String())
	}
	return attr.Map(item)
}

// readRetention reads a plan and what is shortened of it.
func readRetention(item attr.Item) (p retention.Policy, err error) {
	p.Plan, p.Shortened = retention.Plan(attr.GetS(item, "plan")), map[retention.Kind]retention.Period{}
	shortened := attr.GetMap(item, "shortened")
	for kind := range shortened {
		period, err := retention.ParsePeriod(attr.GetS(shortened, kind))
		if err != nil {
			return p, fmt.Errorf("%w: retention", ErrRow)
		}
		p.Shortened[retention.Kind(kind)] = period
	}
	if p.Check(retention.FloorMinute) != nil {
		return p, fmt.Errorf("%w: policy", ErrRow)
	}
	return p, nil
}

// readWaiting reads what is left of earlier policies. Where it cannot be read nothing may be destroyed, so it is an error.
func readWaiting(item attr.Item) (earlier []retention.Earlier, gone map[retention.Kind]time.Time, err error) {
	rows := attr.GetMap(item, "earlier")
	if _, has := item["earlier"]; has && len(rows) == 0 {
		return nil, nil, fmt.Errorf("%w: earlier policies", ErrRow)
	}
	for _, i := range slices.Sorted(maps.Keys(rows)) {
		row := attr.GetMap(rows, i)
		e := retention.Earlier{Until: attr.GetTime(row, "until")}
		if e.Policy, err = readRetention(row); err != nil || e.Until.IsZero() {
			return nil, nil, fmt.Errorf("%w: earlier policies", ErrRow)
		}
		earlier = append(earlier, e)
	}
	untils := attr.GetMap(item, "gone")
	if _, has := item["gone"]; has && len(untils) == 0 {
		return nil, nil, fmt.Errorf("%w: gone", ErrRow)
	}
	gone = map[retention.Kind]time.Time{}
	for kind := range untils {
		until := attr.GetTime(untils, kind)
		if until.IsZero() || !slices.Contains(retention.Kinds(), retention.Kind(kind)) {
			return nil, nil, fmt.Errorf("%w: gone", ErrRow)
		}
		gone[retention.Kind(kind)] = until
	}
	return earlier, gone, nil
}

// ReadPolicy reads what Item wrote.
func ReadPolicy(item attr.Item) (Policy, error) {
	zone, err := retention.Zone(attr.GetS(item, "zone"))
	if err != nil {
		return Policy{}, fmt.Errorf("%w: zone", ErrRow)
	}
	p := Policy{
		Version: int(attr.GetN(item, "version")), Start: minimise.Start(attr.GetS(item, "start")), Zone: zone,
		By: attr.GetS(item, "by"), At: attr.GetTime(item, "at"), Reason: attr.GetS(item, "reason"),
		Sealed: attr.GetB(item, "reasonSealed"), UndoUntil: attr.GetTime(item, "undoUntil"),
	}
	if p.Policy, err = readRetention(item); err != nil {
		return Policy{}, err
	}
	if p.Earlier, p.Gone, err = readWaiting(item); err != nil {
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

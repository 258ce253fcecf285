package vault

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
)

// TermsView is what a policy keeps, and for how long, as an administrator reads it.
type TermsView struct {
	Plan      retention.Plan                       `json:"plan"`
	Retention map[retention.Kind]string            `json:"retention"`
	Cadence   map[retention.Kind]retention.Cadence `json:"cadence"`
	Store     map[retention.Kind]bool              `json:"store"`
	Rules     []RuleView                           `json:"rules"`
	// Required are the destinations that a cadence waits for, for up to DeadlineHours after a record settled.
	Required      map[retention.Kind][]string `json:"required"`
	DeadlineHours int                         `json:"deadlineHours"`
	WaitHours     int                         `json:"waitHours"`
	TwoToRelease  bool                        `json:"twoToRelease"`
}

// RuleView is a rule: for conversations with a tag, of a department or from a source, of which one is said.
type RuleView struct {
	Name       string            `json:"name"`
	Kinds      []retention.Kind  `json:"kinds,omitempty"`
	Tag        string            `json:"tag,omitzero"`
	Department string            `json:"department,omitzero"`
	Source     string            `json:"source,omitzero"`
	Retention  string            `json:"retention,omitzero"`
	Cadence    retention.Cadence `json:"cadence,omitzero"`
	Store      *bool             `json:"store,omitzero"`
}

// Field is the field that a rule is about, and the value that it asks for; ok is false where it is about none, or several.
func (r RuleView) Field() (field, value string, ok bool) {
	n := 0
	for of, v := range map[string]string{MarkTag: r.Tag, MarkDepartment: r.Department, MarkSource: r.Source} {
		if v != "" {
			field, value, n = of, v, n+1
		}
	}
	return field, value, n == 1
}

// PolicyView is a version of the policy. Of an earlier version undoUntil is when it could be undone.
type PolicyView struct {
	Version int `json:"version"`
	TermsView
	Start     string             `json:"start"`
	TimeZone  string             `json:"timeZone"`
	Regimes   []account.Regime   `json:"regimes"`
	By        string             `json:"by"`
	At        conversation.Time  `json:"at"`
	Reason    string             `json:"reason"`
	UndoUntil *conversation.Time `json:"undoUntil"`
	ClosesAt  *conversation.Time `json:"closesAt"`
}

// SealRules wraps what the marks of rules are of, for a version of the policy.
func (ses *Session) SealRules(version int, rules []RuleView) ([]byte, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(rules)
	if err != nil {
		return nil, errors.New("vault: rules cannot be written")
	}
	return ses.Key.Wrap(account.RulesPlace(ses.Account, version), b), nil
}

// Rules are those of a version as an administrator wrote them.
func (ses *Session) Rules(p account.Policy) ([]RuleView, error) {
	rules := []RuleView{}
	if len(p.SealedRules) == 0 {
		return rules, nil
	}
	b, err := ses.Key.Unwrap(account.RulesPlace(ses.Account, p.Version), p.SealedRules)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &rules); err != nil {
		return nil, account.ErrRow
	}
	return rules, nil
}

// Terms are those of a policy whose rules were written so.
func Terms(p account.Policy, rules []RuleView) TermsView {
	t := TermsView{
		Plan: p.Plan, Retention: map[retention.Kind]string{}, Cadence: map[retention.Kind]retention.Cadence{}, Store: map[retention.Kind]bool{},
		Rules: append([]RuleView{}, rules...), Required: map[retention.Kind][]string{}, DeadlineHours: int(p.Deadline / time.Hour),
		WaitHours: int(p.Wait / time.Hour), TwoToRelease: p.TwoToRelease,
	}
	if p.Deadline == 0 {
		t.DeadlineHours = int(retention.DefaultDeadline / time.Hour)
	}
	for _, kind := range retention.Kinds() {
		of := p.Policy.Terms(kind, nil)
		t.Retention[kind], t.Cadence[kind], t.Store[kind] = of.Keeps.String(), of.Cadence, !of.Unstored
	}
	t.Store[retention.Attachment] = !p.Unstored[retention.Attachment]
	for kind, destinations := range p.Required {
		t.Required[kind] = destinations
	}
	return t
}

// PolicyView is a version as an administrator reads it.
func (ses *Session) PolicyView(p account.Policy) (PolicyView, error) {
	reason := []byte(p.Reason)
	if len(p.Sealed) > 0 {
		var err error
		if reason, err = ses.Key.Unwrap(account.PolicyPlace(ses.Account, p.Version), p.Sealed); err != nil {
			return PolicyView{}, err
		}
	}
	rules, err := ses.Rules(p)
	if err != nil {
		return PolicyView{}, err
	}
	v := PolicyView{
		Version: p.Version, TermsView: Terms(p, rules), Start: string(p.Start), TimeZone: p.Zone.String(),
		Regimes: append([]account.Regime{}, p.Regimes...), By: p.By, At: conversation.At(p.At), Reason: string(reason),
	}
	if !p.UndoUntil.IsZero() {
		until := conversation.At(p.UndoUntil)
		v.UndoUntil = &until
	}
	if !p.Closes.IsZero() {
		at := conversation.At(p.Closes)
		v.ClosesAt = &at
	}
	return v, nil
}

package vault

import (
	"encoding/json"
	"errors"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/retention"
)

// Reference names one life of a conversation in queues and events, which carry references only, never content.
type Reference struct {
	Account     string         `json:"account"`
	Kind        retention.Kind `json:"kind"`
	Record      string         `json:"record"`
	Incarnation int            `json:"incarnation"`
}

// String is the reference as JSON.
func (r Reference) String() string {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and a number always marshal
	}
	return string(b)
}

// ErrReference is returned for a text that is no reference.
var ErrReference = errors.New("not a reference to a conversation")

var recordForm = lazyregexp.New(`^[a-z2-7]{32}$`)

// ParseReference reads what String wrote.
func ParseReference(s string) (Reference, error) {
	var r Reference
	if err := json.Unmarshal([]byte(s), &r); err != nil || !account.ValidID(r.Account) || !recordForm().MatchString(r.Record) || r.Incarnation < 1 {
		return Reference{}, ErrReference
	}
	return r, nil
}

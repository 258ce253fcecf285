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

// FileReference names one file of a conversation.
type FileReference struct {
	Account     string `json:"account"`
	Record      string `json:"record"`
	Incarnation int    `json:"incarnation"`
	File        string `json:"file"`
}

// String is the reference as JSON.
func (r FileReference) String() string {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and a number always marshal
	}
	return string(b)
}

var fileForm = lazyregexp.New(`^[a-z2-7]{26}$`)

// ParseFileReference reads what String wrote.
func ParseFileReference(s string) (FileReference, error) {
	var r FileReference
	if err := json.Unmarshal([]byte(s), &r); err != nil || !account.ValidID(r.Account) || !recordForm().MatchString(r.Record) ||
		r.Incarnation < 1 || !fileForm().MatchString(r.File) {
		return FileReference{}, ErrReference
	}
	return r, nil
}

// ErrReference is returned for a text that is no reference.
var ErrReference = errors.New("not a reference to a conversation or a file")

var recordForm = lazyregexp.New(`^[a-z2-7]{32}$`)

// ParseReference reads what String wrote.
func ParseReference(s string) (Reference, error) {
	var r Reference
	if err := json.Unmarshal([]byte(s), &r); err != nil || !account.ValidID(r.Account) || !recordForm().MatchString(r.Record) || r.Incarnation < 1 {
		return Reference{}, ErrReference
	}
	return r, nil
}

// Package fault sorts errors into a handful of kinds, in one table to HTTP status and to whether the same request may be
// tried again. The edge of each function renders the kind's status, the code and the sentence; what has no kind is an
// internal error of which nothing is told.
package fault

import (
	"errors"
	"net/http"
)

// Kind is a coarse sort of error.
type Kind int

// The kinds. The zero value is an error that nobody classified.
const (
	Internal Kind = iota
	Invalid
	TooLarge
	OutOfRange
	Unauthorized
	NotFound
	Conflict
	TooMany
	Unavailable
)

var table = map[Kind]struct {
	status int
	retry  bool
}{
	Internal:     {http.StatusInternalServerError, true},
	Invalid:      {http.StatusBadRequest, false},
	TooLarge:     {http.StatusRequestEntityTooLarge, false},
	OutOfRange:   {http.StatusRequestedRangeNotSatisfiable, false},
	Unauthorized: {http.StatusUnauthorized, false},
	NotFound:     {http.StatusNotFound, false},
	Conflict:     {http.StatusConflict, false},
	TooMany:      {http.StatusTooManyRequests, false},
	Unavailable:  {http.StatusServiceUnavailable, true},
}

// Fault is an error with a stable code for programs and a sentence for people. Neither may hold anything of a payload.
type Fault struct {
	Kind    Kind
	Code    string
	Message string
	cause   error
}

// New makes a fault. The code is lower case with underscores and never changes its meaning.
func New(kind Kind, code, message string) *Fault {
	return &Fault{Kind: kind, Code: code, Message: message}
}

// Because is the same fault with a cause, for the log only.
func (f *Fault) Because(err error) *Fault {
	g := *f
	g.cause = err
	return &g
}

func (f *Fault) Error() string {
	if f.cause != nil {
		return f.Code + ": " + f.cause.Error()
	}
	return f.Code
}

func (f *Fault) Unwrap() error { return f.cause }

// Is makes errors.Is compare faults by their code.
func (f *Fault) Is(target error) bool {
	g, ok := target.(*Fault)
	return ok && g.Code == f.Code
}

// Of is the fault in an error's chain; an error without one is internal.
func Of(err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return New(Internal, "internal", "Something went wrong here; the request id in the answer's header names it in the log.").Because(err)
}

// Status is the HTTP status of the fault's kind.
func (f *Fault) Status() int { return table[f.Kind].status }

// Retry says whether the same request may succeed later.
func (f *Fault) Retry() bool { return table[f.Kind].retry }

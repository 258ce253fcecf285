// Package lazyregexp compiles a regular expression when it is first needed. One with counted repetitions takes up to a fifth of
// a millisecond, at every start of every function, and most invocations never need most of them.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New answers the expression, compiled at the first call; one that does not compile panics there.
func New(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

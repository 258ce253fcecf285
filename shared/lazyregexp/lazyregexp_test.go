package lazyregexp_test

import (
	"testing"

	"github.com/supportvault/supportvault/shared/lazyregexp"
)

func TestNew(t *testing.T) {
	form := lazyregexp.New(`^[a-z]{4,32}$`)
	if !form().MatchString("demo") || form().MatchString("no") {
		t.Error("it does not match as it should")
	}
	if once, again := form(), form(); once != again {
		t.Error("it is compiled at every call")
	}
	broken := lazyregexp.New(`(`)
	defer func() {
		if recover() == nil {
			t.Error("a broken expression does not panic")
		}
	}()
	broken()
}

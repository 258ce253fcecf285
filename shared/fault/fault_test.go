package fault_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/supportvault/supportvault/shared/fault"
)

func TestKinds(t *testing.T) {
	for _, tc := range []struct {
		name   string
		kind   fault.Kind
		status int
		retry  bool
	}{
		{"internal", fault.Internal, http.StatusInternalServerError, true},
		{"invalid", fault.Invalid, http.StatusBadRequest, false},
		{"too large", fault.TooLarge, http.StatusRequestEntityTooLarge, false},
		{"unauthorized", fault.Unauthorized, http.StatusUnauthorized, false},
		{"not found", fault.NotFound, http.StatusNotFound, false},
		{"conflict", fault.Conflict, http.StatusConflict, false},
		{"unavailable", fault.Unavailable, http.StatusServiceUnavailable, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := fault.New(tc.kind, "code", "A sentence.")
			if f.Status() != tc.status || f.Retry() != tc.retry {
				t.Errorf("status %d, retry %t, want %d, %t", f.Status(), f.Retry(), tc.status, tc.retry)
			}
		})
	}
	t.Run("there are no others", func(t *testing.T) {
		if status := fault.New(fault.Unavailable+1, "code", "").Status(); status != 0 {
			t.Errorf("a kind that no case tests has the status %d", status)
		}
	})
}

func TestOf(t *testing.T) {
	known := fault.New(fault.Conflict, "taken", "It is taken.")
	for _, tc := range []struct {
		name, code string
		err        error
		status     int
	}{
		{"a fault is itself", "taken", known, http.StatusConflict},
		{"a fault with a cause", "taken", known.Because(errors.New("canary")), http.StatusConflict},
		{"a fault that was wrapped", "taken", fmt.Errorf("put: %w", known), http.StatusConflict},
		{"a fault among joined errors", "taken", errors.Join(errors.New("canary"), known), http.StatusConflict},
		{"the outermost of two faults", "other", fault.New(fault.Invalid, "other", "").Because(known), http.StatusBadRequest},
		{"another error is internal", "internal", errors.New("canary"), http.StatusInternalServerError},
		{"no error is internal", "internal", nil, http.StatusInternalServerError},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := fault.Of(tc.err)
			if f.Code != tc.code || f.Status() != tc.status {
				t.Errorf("code %q, status %d, want %q, %d", f.Code, f.Status(), tc.code, tc.status)
			}
			if strings.Contains(f.Message, "canary") || strings.Contains(f.Code, "canary") {
				t.Errorf("the cause is told: %q %q", f.Code, f.Message)
			}
		})
	}
}

func TestBecause(t *testing.T) {
	cause := errors.New("table is gone")
	plain := fault.New(fault.Unavailable, "unavailable", "Try again.")
	f := plain.Because(cause)
	if !errors.Is(f, cause) || !errors.Is(f, plain) || !errors.Is(fmt.Errorf("read: %w", f), plain) {
		t.Error("the fault is not its cause and itself")
	}
	if errors.Is(f, fault.New(fault.Unavailable, "other", "Try again.")) || errors.Is(cause, plain) {
		t.Error("the fault is another")
	}
	if got := f.Error(); got != "unavailable: table is gone" {
		t.Errorf("text %q", got)
	}
	if got := plain.Error(); got != "unavailable" || plain.Unwrap() != nil {
		t.Errorf("the fault without a cause was changed: %q, %v", got, plain.Unwrap())
	}
}

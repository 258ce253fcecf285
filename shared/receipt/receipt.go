package receipt

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/retention"
)

// The formats. They are part of what is signed. What was signed in the first format of receipts says nothing of files, and counts of
// a visit each part that was told.
const (
	Format      = "supportvault-receipt/2"
	FirstFormat = "supportvault-receipt/1"
	HeadFormat  = "supportvault-head/1"
)

// The largest receipt: a million leaves are a line of 67 MB.
const (
	MaxRecords = 1_000_000
	MaxParts   = 500
	maxNames   = 100
	maxCount   = 1<<53 - 1 // what every reader of JSON takes as it is
)

// Act is what was done.
type Act string

// The acts.
const (
	Purge      Act = "purge"      // a run of purge
	Completion Act = "completion" // an hour of an account that destroys what is completed
	ByHand     Act = "hand"       // one record, by an administrator
	Erasure    Act = "erasure"    // what concerns one person
	Closure    Act = "closure"    // an account
)

// Why is what made it due.
type Why string

// The reasons: the period of keeping was over, a cadence, or somebody's decision.
const (
	Retained     Why = "retention"
	OnCompletion Why = "completion"
	Hourly       Why = "hourly"
	Daily        Why = "daily"
	Monthly      Why = "monthly"
	OnHand       Why = "hand"
	OnErasure    Why = "erasure"
	OnClosure    Why = "closure"
)

// Span is from when to when a part became due; both are the same where all of it became due at once.
type Span struct {
	From conversation.Time `json:"from"`
	To   conversation.Time `json:"to"`
}

// Due is a span.
func Due(from, to time.Time) Span { return Span{conversation.At(from), conversation.At(to)} }

// Part is what was destroyed of one kind and cohort for one reason.
type Part struct {
	// Bytes are those of the records, sealed and without their files.
	Bytes int64 `json:"bytes"`
	// Cohort is empty where what was destroyed was not chosen by its day.
	Cohort string `json:"cohort,omitzero"`
	Due    Span   `json:"due"`
	// Files are those that could be read with the records and were destroyed with them, FileBytes what they had together.
	FileBytes int64          `json:"fileBytes,omitzero"`
	Files     int64          `json:"files,omitzero"`
	Kind      retention.Kind `json:"kind"`
	// Policy is the version that was in force, Rule the name of the one that matched; empty is the policy's own period.
	Policy  int64  `json:"policy"`
	Records int64  `json:"records"`
	Rule    string `json:"rule,omitzero"`
	Why     Why    `json:"why"`
}

// Undelivered are records that were destroyed although a required destination did not have them by the deadline.
type Undelivered struct {
	Destination string `json:"destination"`
	Records     int64  `json:"records"`
}

// Receipt is one statement.
type Receipt struct {
	Account      string            `json:"account"`
	Act          Act               `json:"act"`
	At           conversation.Time `json:"at"`
	Done         conversation.Time `json:"done"`
	Format       string            `json:"format"`
	NotDelivered []Undelivered     `json:"notDelivered,omitempty"`
	Number       int64             `json:"number"`
	Previous     Hash              `json:"previous,omitzero"`
	Root         Hash              `json:"root"`
	Salt         Hash              `json:"salt"`
	Size         int64             `json:"size"`
	What         []Part            `json:"what"`
}

// Head says how long a chain is, and that it was no longer at that moment.
type Head struct {
	Account string            `json:"account"`
	At      conversation.Time `json:"at"`
	Format  string            `json:"format"`
	// Hash is absent where there is no receipt.
	Hash   Hash  `json:"hash,omitzero"`
	Number int64 `json:"number"`
}

// Begin is the head of a chain without receipts.
func Begin(account string) Head { return Head{Account: account, Format: HeadFormat} }

// Canonical are the bytes that are hashed and signed.
func (r Receipt) Canonical() ([]byte, error) { return canonical(r) }

// Canonical are the bytes that are signed.
func (h Head) Canonical() ([]byte, error) { return canonical(h) }

// Hash is what the next receipt, or the head, says of this one.
func (r Receipt) Hash() (Hash, error) {
	b, err := r.Canonical()
	return sha256.Sum256(b), err
}

// Bytes are those of all parts.
func (r Receipt) Bytes() (sum int64) {
	for _, p := range r.What {
		sum += p.Bytes
	}
	return sum
}

// Files are those of all parts; counted says whether they were.
func (r Receipt) Files() (sum int64, counted bool) {
	for _, p := range r.What {
		sum += p.Files
	}
	return sum, r.Format != FirstFormat
}

var (
	accountForm = lazyregexp.New(`^[a-z0-9]{4,32}$`)
	kindForm    = lazyregexp.New(`^[a-z]{1,16}$`)
	cohortForm  = lazyregexp.New(`^[0-9A-Za-z:+-]{0,32}$`)
	nameForm    = lazyregexp.New(`^[!-~]{1,128}$`)
	acts        = []Act{Purge, Completion, ByHand, Erasure, Closure}
	reasons     = []Why{Retained, OnCompletion, Hourly, Daily, Monthly, OnHand, OnErasure, OnClosure}
)

// check finds what cannot be meant in what a receipt says by itself.
func (r Receipt) check() error {
	switch {
	case r.Format != Format && r.Format != FirstFormat:
		return fmt.Errorf("it has another format than %s", Format)
	case !accountForm().MatchString(r.Account):
		return errors.New("the account is not the id of one")
	case r.Number < 1 || r.Number > maxCount:
		return errors.New("the number is not one of a receipt")
	case !slices.Contains(acts, r.Act):
		return errors.New("the act is none that there is")
	case len(r.What) > MaxParts:
		return fmt.Errorf("it has more than %d parts", MaxParts)
	case len(r.NotDelivered) > maxNames:
		return fmt.Errorf("it names more than %d destinations", maxNames)
	case !sane(r.Done) || !sane(r.At):
		return errors.New("it does not say when")
	case r.Done.After(r.At.Time):
		return errors.New("it says that something was destroyed later than it says so")
	}
	var sum int64
	for _, p := range r.What {
		if err := p.check(); err != nil {
			return err
		}
		if p.Due.To.After(r.Done.Time) {
			return errors.New("something was destroyed before it was due")
		}
		if r.Format == FirstFormat && p.Files+p.FileBytes > 0 {
			return fmt.Errorf("it counts files, and %s does not", FirstFormat)
		}
		sum += p.Records
	}
	switch {
	case sum != r.Size:
		return fmt.Errorf("its parts have %d records, its tree %d", sum, r.Size)
	case r.Size > MaxRecords:
		return fmt.Errorf("it has more than %d records", MaxRecords)
	}
	for _, u := range r.NotDelivered {
		if !nameForm().MatchString(u.Destination) || u.Records < 1 || u.Records > r.Size {
			return errors.New("what was not delivered is not of a destination, or of another number of records than there can be")
		}
	}
	return nil
}

func (p Part) check() error {
	for _, n := range []int64{p.Records, p.Bytes, p.Files, p.FileBytes, p.Policy} {
		if n < 0 || n > maxCount {
			return errors.New("a count is below zero or over 2^53")
		}
	}
	switch {
	case !kindForm().MatchString(string(p.Kind)) || !cohortForm().MatchString(p.Cohort):
		return errors.New("a kind or a cohort has another form")
	case !slices.Contains(reasons, p.Why):
		return errors.New("a reason is none that there is")
	case !printable(p.Rule):
		return errors.New("the name of a rule is over 200 bytes or does not print")
	case !sane(p.Due.From) || !sane(p.Due.To):
		return errors.New("it does not say when a part was due")
	case p.Due.To.Before(p.Due.From.Time):
		return errors.New("a part became due last before it became due first")
	case p.Files == 0 && p.FileBytes > 0:
		return errors.New("it says how large files were, and that there was none")
	}
	return nil
}

// sane says whether an instant was set, and is written with four digits.
func sane(t conversation.Time) bool { return t.Year() >= 2000 && t.Year() <= 9999 }

// printable says whether a name can stand in a table without changing what stands beside it.
func printable(s string) bool {
	if len(s) > 200 || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func (h Head) check() error {
	switch {
	case h.Format != HeadFormat:
		return fmt.Errorf("it has another format than %s", HeadFormat)
	case !accountForm().MatchString(h.Account):
		return errors.New("the account is not the id of one")
	case !sane(h.At):
		return errors.New("it does not say when it was signed")
	case h.Number < 0 || h.Number > maxCount || (h.Number == 0) != (h.Hash == Hash{}):
		return errors.New("the number and the hash do not belong together")
	}
	return nil
}

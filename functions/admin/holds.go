package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// The faults of holds.
var (
	ErrHoldUnknown = fault.New(fault.NotFound, "hold_unknown", "There is no such hold, or it is over.")
	ErrHoldsFull   = fault.New(fault.Conflict, "holds_full", fmt.Sprintf("An account has at most %d holds.", retention.MaxHolds))
	ErrSecond      = fault.New(fault.Conflict, "second_administrator_needed",
		"The release of this hold was asked for with this token already; another administrator has to agree.")
)

// HoldWanted is a hold as an administrator asks for it: everything that is said must be true of a record.
type HoldWanted struct {
	Reason     string           `json:"reason"`
	Until      string           `json:"until,omitzero"`
	Kinds      []retention.Kind `json:"kinds,omitempty"`
	From       string           `json:"from,omitzero"`
	To         string           `json:"to,omitzero"`
	Records    []string         `json:"records,omitempty"`
	Subject    *HoldSubject     `json:"subject,omitzero"`
	Tag        string           `json:"tag,omitzero"`
	Department string           `json:"department,omitzero"`
	Source     string           `json:"source,omitzero"`
}

// HoldSubject is a person by what is known of them, of which one is said. A visitor is named as source/id.
type HoldSubject struct {
	Email   string `json:"email,omitzero"`
	Phone   string `json:"phone,omitzero"`
	Visitor string `json:"visitor,omitzero"`
	Custom  string `json:"custom,omitzero"`
}

// Hold is a hold.
type Hold struct {
	ID string `json:"id"`
	HoldWanted
	By    string            `json:"by"`
	Since conversation.Time `json:"since"`
	// State is in_force, release_asked (a second administrator has to agree), released or over.
	State         string `json:"state"`
	ReleaseBy     string `json:"releaseBy,omitzero"`
	ReleaseReason string `json:"releaseReason,omitzero"`
	ReleasedBy    string `json:"releasedBy,omitzero"`
	// ReleasedReason is that of the second administrator.
	ReleasedReason string             `json:"releasedReason,omitzero"`
	ReleasedAt     *conversation.Time `json:"releasedAt"`
	// Matches is what it keeps now; absent in lists.
	Matches *Amount `json:"matches,omitzero"`
}

// Holds is the answer of GET …/holds, the newest first.
type Holds struct {
	Holds []Hold `json:"holds"`
}

var holdForm = lazyregexp.New(`^[a-z2-7]{16}$`)

func holdPlace(account, id string) string { return account + "#hold#\x00" + id }

// holdKey is the row that says what a hold is about, for whom it may be read.
func holdKey(id, hold string) attr.Item { return attr.Key(account.HoldPartition(id), hold) }

func (d *desk) holdItem(h Hold) (attr.Item, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return nil, errors.New("a hold cannot be written")
	}
	item := holdKey(d.ses.Account, h.ID)
	item["sealed"], item["state"] = attr.B(d.ses.Key.Wrap(holdPlace(d.ses.Account, h.ID), b)), attr.S(h.State)
	return item, nil
}

func (d *desk) readHold(item attr.Item) (h Hold, err error) {
	b, err := d.ses.Key.Unwrap(holdPlace(d.ses.Account, attr.GetS(item, "sk")), attr.GetB(item, "sealed"))
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(b, &h); err != nil {
		return h, account.ErrRow
	}
	if until, err := time.Parse(time.RFC3339, h.Until); err == nil && h.State != "released" && !d.ses.Now().Before(until) {
		h.State = "over"
	}
	return h, nil
}

func (d *desk) holds(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	answer := Holds{[]Hold{}}
	err := d.Store.Query(ctx, attr.Partition(d.Store.Tables.Control, account.HoldPartition(d.ses.Account)), func(item attr.Item) (bool, error) {
		h, err := d.readHold(item)
		answer.Holds = append(answer.Holds, h)
		return true, err
	})
	if err != nil {
		return 0, nil, err
	}
	slices.SortFunc(answer.Holds, func(a, b Hold) int { return b.Since.Compare(a.Since.Time) })
	return http.StatusOK, answer, d.audit(ctx, "holds.read", "", len(answer.Holds))
}

func holdImpossible(says string) error { return fault.New(fault.Invalid, "hold_not_possible", says) }

// maxHeld is the most characters of what a hold is about: as many as there are in what is taken in.
const maxHeld = 1000

// wantsHold reads a hold that an administrator asks for.
func (d *desk) wantsHold(w *HoldWanted, now time.Time) (h retention.Hold, err error) {
	if w.Reason, err = reasonOf(w.Reason); err != nil {
		return h, err
	}
	h = retention.Hold{ID: strings.ToLower(rand.Text()[:16]), Since: now, Kinds: w.Kinds, From: w.From, To: w.To, Records: w.Records}
	if w.Until != "" {
		if h.Until, err = time.Parse(time.RFC3339, w.Until); err != nil || !h.Until.After(now) {
			return h, holdImpossible("The end of a hold is an instant in the future, as RFC 3339 writes it.")
		}
		h.Until = conversation.At(h.Until).Time
		w.Until = h.Until.Format(time.RFC3339Nano)
	}
	for _, id := range w.Records {
		if _, _, err := vault.ParseID(id); err != nil {
			return h, holdImpossible("A record is named by its id, such as that of a chat.")
		}
	}
	var marks []retention.Mark
	mark := func(field, value string) error {
		if value == "" {
			return nil
		}
		if utf8.RuneCountInString(value) > maxHeld || strings.TrimSpace(value) == "" {
			return holdImpossible(fmt.Sprintf("A tag, a department, a source and what a subject is known by have 1 to %d characters.", maxHeld))
		}
		marks = append(marks, d.ses.Mark(field, value))
		return nil
	}
	if s := w.Subject; s != nil {
		n := 0
		for field, value := range map[string]string{
			vault.MarkEmail: s.Email, vault.MarkPhone: s.Phone, vault.MarkVisitor: s.Visitor, vault.MarkCustom: s.Custom,
		} {
			if value != "" {
				n++
			}
			err = errors.Join(err, mark(field, value))
		}
		if n != 1 {
			return h, holdImpossible("A subject is known by one of email, phone, visitor and custom.")
		}
	}
	if err = errors.Join(err, mark(vault.MarkTag, w.Tag), mark(vault.MarkDepartment, w.Department), mark(vault.MarkSource, w.Source)); err != nil {
		return h, err
	}
	if len(marks) > 0 {
		h.Marks = retention.MarksOf(marks...)
	}
	if err := h.Check(); err != nil {
		return h, holdImpossible(err.Error())
	}
	return h, nil
}

// setHold sets a hold: in force from the answer on. What purge has not destroyed by then and what is not over for good is kept.
func (d *desk) setHold(ctx context.Context) (int, any, error) {
	var in HoldWanted
	if err := d.strict(&in); err != nil {
		return 0, nil, err
	}
	now, from := d.ses.Now(), d.ses.Policy
	want, err := d.wantsHold(&in, now)
	if err != nil {
		return 0, nil, err
	}
	made, swept, err := d.made(ctx)
	if err != nil {
		return 0, nil, err
	}
	after := from
	after.InForce = from.Expire(now).Hold(want, made, swept, now)
	switch {
	case len(after.Holds) > retention.MaxHolds:
		return 0, nil, ErrHoldsFull
	case len(after.Ended) > maxEnded:
		return 0, nil, ErrPolicyOften
	}
	h := Hold{ID: want.ID, HoldWanted: in, By: d.actor, Since: conversation.At(now), State: "in_force"}
	item, err := d.holdItem(h)
	if err != nil {
		return 0, nil, err
	}
	if err := d.audit(ctx, "hold.set", "hold="+h.ID, 0); err != nil {
		return 0, nil, err
	}
	notice, tell, err := d.announce(ctx, letter.News{Kind: letter.HoldSet, Reason: in.Reason, Target: h.ID})
	if err != nil {
		return 0, nil, err
	}
	err = d.putInForce(ctx, from, after, notice, types.TransactWriteItem{Put: &types.Put{
		TableName: &d.Store.Tables.Control, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}})
	if err != nil {
		return 0, nil, err
	}
	tell(ctx)
	matches, err := d.matches(ctx, after.InForce, want.ID, now)
	h.Matches = &matches
	return http.StatusCreated, h, err
}

// matches counts what one hold keeps of what has settled.
func (d *desk) matches(ctx context.Context, f retention.InForce, id string, now time.Time) (a Amount, err error) {
	f.Holds = slices.DeleteFunc(slices.Clone(f.Holds), func(h retention.Hold) bool { return h.ID != id })
	for _, kind := range retention.Kinds() {
		cohorts, err := d.ses.Cohorts(ctx, kind)
		if err != nil {
			return a, err
		}
		for _, c := range cohorts.List {
			if c.Destroyed() || !f.MayHold(kind, c.Cohort, now) {
				continue
			}
			if kind.ByDay() {
				sum, err := d.ses.Tally(ctx, c)
				if err != nil {
					return a, err
				}
				a.Records, a.Bytes = a.Records+sum.Records, a.Bytes+sum.Bytes
				continue
			}
			err := d.ses.ListedIn(ctx, c, func(l vault.Listed) (bool, error) {
				if l.State != vault.Destroyed && f.Held(l.Item(kind, c.Cohort), now) {
					a.Records, a.Bytes = a.Records+1, a.Bytes+l.Bytes
				}
				return true, nil
			})
			if err != nil {
				return a, err
			}
		}
	}
	return a, nil
}

// releaseHold releases a hold; where the account asks for two administrators, the first asks and the second agrees. What was
// kept by it alone goes with the next purge.
func (d *desk) releaseHold(ctx context.Context) (int, any, error) {
	reason, err := d.reason()
	if err != nil {
		return 0, nil, err
	}
	id := d.req.PathParameters["hold"]
	if !holdForm().MatchString(id) {
		return 0, nil, ErrHoldUnknown
	}
	from := d.ses.Policy
	out, err := d.Store.DB.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &d.Store.Tables.Control, Key: holdKey(d.ses.Account, id), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return 0, nil, err
	}
	inForce := func(h retention.Hold) bool { return h.ID == id }
	if out.Item == nil || !slices.ContainsFunc(from.Holds, inForce) {
		return 0, nil, ErrHoldUnknown
	}
	h, err := d.readHold(out.Item)
	if err != nil {
		return 0, nil, err
	}
	me, action := d.actor, "hold.release"
	switch {
	case !from.TwoToRelease:
		h.State, h.ReleasedBy, h.ReleaseReason = "released", me, reason
	case h.ReleaseBy == "":
		h.State, h.ReleaseBy, h.ReleaseReason, action = "release_asked", me, reason, "hold.release-ask"
	case h.ReleaseBy == me:
		return 0, nil, ErrSecond
	default:
		h.State, h.ReleasedBy, h.ReleasedReason = "released", me, reason
	}
	before := attr.GetS(out.Item, "state")
	if err := d.audit(ctx, action, "hold="+id, 0); err != nil {
		return 0, nil, err
	}
	if h.State == "released" {
		at := conversation.At(d.ses.Now())
		h.ReleasedAt = &at
	}
	item, err := d.holdItem(h)
	if err != nil {
		return 0, nil, err
	}
	write := types.TransactWriteItem{Put: &types.Put{
		TableName: &d.Store.Tables.Control, Item: item, ConditionExpression: aws.String("#state = :state"),
		ExpressionAttributeNames: map[string]string{"#state": "state"}, ExpressionAttributeValues: attr.Item{":state": attr.S(before)},
	}}
	kind := letter.HoldReleased
	if h.State != "released" {
		kind = letter.HoldReleaseAsked
	}
	notice, tell, err := d.announce(ctx, letter.News{Kind: kind, Reason: reason, Target: id})
	if err != nil {
		return 0, nil, err
	}
	if h.State != "released" {
		err = d.transact(ctx, []types.TransactWriteItem{write, notice}, ErrPolicyMoved)
	} else {
		after := from
		after.InForce = from.Expire(d.ses.Now()).Release(id)
		err = d.putInForce(ctx, from, after, write, notice)
	}
	if err == nil {
		tell(ctx)
	}
	return http.StatusOK, h, err
}

package admin

import (
	"context"
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
	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// The faults of policies.
var (
	ErrPolicyMoved    = fault.New(fault.Conflict, "policy_moved", "Somebody else changed the policy at the same moment; nothing was changed.")
	ErrPreviewChanged = fault.New(fault.Conflict, "preview_changed",
		"What the policy would hide is not what the preview showed, or the preview is older than a day; make another one.")
	ErrUndoOver = fault.New(fault.Conflict, "undo_over",
		"The last change cannot be undone: its wait is over, it had none, or it was itself an undoing.")
	ErrPolicyOften = fault.New(fault.Conflict, "policy_changes_waiting",
		"The policy was changed too often for what still waits; try again when a wait is over.")
	ErrReason = fault.New(fault.Invalid, "reason_invalid", "A reason of 1 to 500 characters is needed.")
)

// margin is how much earlier than its end a wait counts as over for whoever wants to change the policy: a purge may have read
// the policy as it was, and its clock may go before ours.
const margin = time.Minute

// maxEarlier bounds how many earlier policies a row remembers.
const maxEarlier = 50

// maxReason is the most characters of a reason.
const maxReason = 500

// Policy is a version of the policy. Of an earlier version undoUntil is when it could be undone.
type Policy struct {
	Version   int                       `json:"version"`
	Plan      retention.Plan            `json:"plan"`
	Retention map[retention.Kind]string `json:"retention"`
	WaitHours int                       `json:"waitHours"`
	Start     string                    `json:"start"`
	TimeZone  string                    `json:"timeZone"`
	Regimes   []account.Regime          `json:"regimes"`
	By        string                    `json:"by"`
	At        conversation.Time         `json:"at"`
	Reason    string                    `json:"reason"`
	UndoUntil *conversation.Time        `json:"undoUntil"`
}

// Versions is the answer of GET …/policy/versions, the newest first.
type Versions struct {
	Versions []Policy `json:"versions"`
}

func periodsOf(p retention.Policy) map[retention.Kind]string {
	keeps := map[retention.Kind]string{}
	for _, kind := range retention.Kinds() {
		keeps[kind] = p.Keeps(kind).String()
	}
	return keeps
}

func (d *desk) told(p account.Policy) (Policy, error) {
	reason := []byte(p.Reason)
	if len(p.Sealed) > 0 {
		var err error
		if reason, err = d.ses.Key.Unwrap(account.PolicyPlace(d.ses.Account, p.Version), p.Sealed); err != nil {
			return Policy{}, err
		}
	}
	t := Policy{
		Version: p.Version, Plan: p.Plan, Retention: periodsOf(p.Policy), WaitHours: int(p.Wait / time.Hour), Start: string(p.Start),
		TimeZone: p.Zone.String(), Regimes: append([]account.Regime{}, p.Regimes...), By: p.By, At: conversation.At(p.At), Reason: string(reason),
	}
	if !p.UndoUntil.IsZero() {
		until := conversation.At(p.UndoUntil)
		t.UndoUntil = &until
	}
	return t, nil
}

func (d *desk) policy(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	told, err := d.told(d.ses.Policy)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, told, d.audit(ctx, "policy.read", "", 0)
}

func (d *desk) versions(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	rows, err := d.ses.PolicyVersions(ctx)
	if err != nil {
		return 0, nil, err
	}
	answer := Versions{[]Policy{}}
	for _, row := range slices.Backward(rows) {
		p, err := account.ReadPolicy(row)
		if err != nil {
			return 0, nil, err
		}
		told, err := d.told(p)
		if err != nil {
			return 0, nil, err
		}
		answer.Versions = append(answer.Versions, told)
	}
	return http.StatusOK, answer, d.audit(ctx, "policy-versions.read", "", 0)
}

// Wanted is a policy as an administrator asks for it. What is left out of the retention is kept for as long as the plan says;
// the plan and the wait, left out, stay as they are.
type Wanted struct {
	Plan      *retention.Plan            `json:"plan"`
	Retention map[retention.Kind]*string `json:"retention"`
	WaitHours *int                       `json:"waitHours"`
}

// change is a policy that is wanted, and what is in force with it.
type change struct {
	from  account.Policy
	after retention.InForce
	wait  time.Duration // of the account from now on
	waits time.Duration // what this change hides
}

func impossible(says string) error { return fault.New(fault.Invalid, "policy_not_possible", says) }

// wants reads a policy that an administrator asks for.
func (d *desk) wants(w Wanted) (next retention.Policy, wait time.Duration, err error) {
	next = retention.Policy{Plan: d.ses.Policy.Plan, Shortened: map[retention.Kind]retention.Period{}}
	if w.Plan != nil {
		next.Plan = *w.Plan
	}
	for kind, text := range w.Retention {
		if text == nil {
			continue
		}
		if next.Shortened[kind], err = retention.ParsePeriod(*text); err != nil {
			return next, 0, impossible("A retention is an ISO 8601 duration of more than nothing, such as P30D or P3M.")
		}
	}
	if err := next.Check(d.Floor); err != nil {
		return next, 0, impossible(err.Error())
	}
	wait = d.ses.Policy.Wait
	if w.WaitHours != nil {
		if *w.WaitHours < 0 || *w.WaitHours > int(account.MaxWait/time.Hour) {
			return next, 0, impossible(fmt.Sprintf("The wait is 0 to %d hours.", int(account.MaxWait/time.Hour)))
		}
		wait = time.Duration(*w.WaitHours) * time.Hour
	}
	return next, wait, nil
}

// change makes what would be in force. Of two waits the longer counts, so that nobody takes away the way back of a change in
// the change itself; what a smaller plan hides waits for at least thirty days.
func (d *desk) change(ctx context.Context, next retention.Policy, wait time.Duration, now time.Time) (change, error) {
	from := d.ses.Policy
	c := change{from: from, wait: wait, waits: max(from.Wait, wait)}
	if from.Plan == retention.Enterprise && next.Plan != from.Plan {
		c.waits = max(c.waits, account.DowngradeWait)
	}
	made := map[retention.Kind][]retention.Cohort{}
	for _, kind := range retention.Kinds() {
		cohorts, err := d.ses.Cohorts(ctx, kind)
		if err != nil {
			return c, err
		}
		for _, cohort := range cohorts.List {
			made[kind] = append(made[kind], cohort.Cohort)
		}
	}
	// What purge destroys at this moment by the policy before is gone under the one that follows.
	c.after = from.Change(next, from.Zone, made, now.Add(margin), max(0, c.waits-margin))
	return c, nil
}

// strict reads a body of known members only: one that is misspelt would count as left out, and keep what should go.
func (d *desk) strict(v any) error {
	body, err := edge.Body(d.req, maxBody)
	if err != nil {
		return err
	}
	if err := strictjson.Check(body); err != nil {
		return err
	}
	// Null is no body, and no member is null: it could mean "as it is" or "none".
	var members map[string]jsontext.Value
	if json.Unmarshal(body, &members) != nil || members == nil {
		return strictjson.ErrShape
	}
	for _, value := range members {
		if value.Kind() == 'n' {
			return strictjson.ErrShape
		}
	}
	if json.Unmarshal(body, v, json.RejectUnknownMembers(true)) != nil {
		return strictjson.ErrShape
	}
	return nil
}

// reasonOf is a reason without blanks around it.
func reasonOf(said string) (string, error) {
	said = strings.TrimSpace(said)
	if n := utf8.RuneCountInString(said); n == 0 || n > maxReason {
		return "", ErrReason
	}
	return said, nil
}

// Apply is a policy that is wanted as a preview showed it, and why.
type Apply struct {
	Wanted
	AsOf   string `json:"asOf"`
	Hash   string `json:"hash"`
	Reason string `json:"reason"`
}

func (d *desk) applyPolicy(ctx context.Context) (int, any, error) {
	var in Apply
	if err := d.strict(&in); err != nil {
		return 0, nil, err
	}
	reason, err := reasonOf(in.Reason)
	if err != nil {
		return 0, nil, err
	}
	next, wait, err := d.wants(in.Wanted)
	if err != nil {
		return 0, nil, err
	}
	now := d.ses.Now()
	asOf, err := time.Parse(time.RFC3339, in.AsOf)
	if err != nil || asOf.After(now) || now.Sub(asOf) > 24*time.Hour {
		return 0, nil, ErrPreviewChanged
	}
	c, err := d.change(ctx, next, wait, now)
	if err != nil {
		return 0, nil, err
	}
	if len(c.after.Earlier) > maxEarlier {
		return 0, nil, ErrPolicyOften
	}
	// What is hidden now counts, and not what was when the preview was made: a day may have ended since.
	p, err := d.preview(ctx, c, now, in.AsOf)
	if err != nil {
		return 0, nil, err
	}
	if p.Hash != in.Hash {
		return 0, nil, ErrPreviewChanged
	}
	var undo time.Time
	if c.waits > 0 {
		undo = now.Add(c.waits)
	}
	return d.put(ctx, "policy.apply", c, p, undo, now, reason)
}

// Undo says why a change is undone.
type Undo struct {
	Reason string `json:"reason"`
}

// undoPolicy makes the policy before the last change the one in force again, as one more version. An undoing cannot be
// undone: what it brought back is wanted by somebody, and can be hidden again by a change with its preview.
func (d *desk) undoPolicy(ctx context.Context) (int, any, error) {
	var in Undo
	if err := d.strict(&in); err != nil {
		return 0, nil, err
	}
	reason, err := reasonOf(in.Reason)
	if err != nil {
		return 0, nil, err
	}
	now, last := d.ses.Now(), d.ses.Policy
	if last.UndoUntil.IsZero() || !now.Add(margin).Before(last.UndoUntil) {
		return 0, nil, ErrUndoOver
	}
	rows, err := d.ses.PolicyVersions(ctx)
	if err != nil {
		return 0, nil, err
	}
	i := slices.IndexFunc(rows, func(row attr.Item) bool { return int(attr.GetN(row, "version")) == last.Version-1 })
	if i < 0 {
		return 0, nil, account.ErrRow
	}
	before, err := account.ReadPolicy(rows[i])
	if err != nil {
		return 0, nil, err
	}
	c, err := d.change(ctx, before.Policy, before.Wait, now)
	if err != nil {
		return 0, nil, err
	}
	shown, err := d.preview(ctx, c, now, "")
	if err != nil {
		return 0, nil, err
	}
	return d.put(ctx, "policy.undo", c, shown, time.Time{}, now, reason)
}

// put makes a policy the one in force, in one transaction with its version and the notice of it, if the one that it was made
// from still is.
func (d *desk) put(ctx context.Context, action string, c change, shown Preview, undo, now time.Time, reason string) (int, any, error) {
	p := c.from
	p.Version++
	p.InForce, p.Wait, p.UndoUntil = c.after, c.wait, undo
	p.By, p.At, p.Reason = "token:"+d.actor, now, ""
	p.Sealed = d.ses.Key.Wrap(account.PolicyPlace(d.ses.Account, p.Version), []byte(reason))
	told, err := d.told(p)
	if err != nil {
		return 0, nil, err
	}
	notice, tell, err := d.announce(ctx, ofPolicy(action, c, shown, p.Version, undo, reason))
	if err != nil {
		return 0, nil, err
	}
	if err := d.audit(ctx, action, fmt.Sprintf("version=%d", p.Version), 0); err != nil {
		return 0, nil, err
	}
	row := func(sk string) attr.Item {
		item := p.Item()
		item["pk"], item["sk"] = attr.S(account.Partition(d.ses.Account)), attr.S(sk)
		return item
	}
	_, err = d.Store.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{
			TableName: &d.Store.Tables.Control, Item: row(account.PolicyKey),
			ConditionExpression:       aws.String("#version = :version"),
			ExpressionAttributeNames:  map[string]string{"#version": "version"},
			ExpressionAttributeValues: attr.Item{":version": attr.N(c.from.Version)},
		}},
		{Put: &types.Put{
			TableName: &d.Store.Tables.Control, Item: row(account.PolicyVersionKey(p.Version)),
			ConditionExpression: aws.String("attribute_not_exists(pk)"),
		}},
		notice,
	}})
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		for _, reason := range canceled.CancellationReasons {
			if code := aws.ToString(reason.Code); code == "ConditionalCheckFailed" || code == "TransactionConflict" {
				return 0, nil, ErrPolicyMoved
			}
		}
	}
	if err == nil {
		tell(ctx)
	}
	return http.StatusOK, told, err
}

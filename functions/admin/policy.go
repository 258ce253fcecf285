package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
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
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/pause"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
	"github.com/supportvault/supportvault/shared/vault"
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
	ErrHoldsInForce = fault.New(fault.Conflict, "holds_in_force",
		"While there are holds, one administrator alone cannot be made enough to release them.")
	ErrReason = fault.New(fault.Invalid, "reason_invalid", "A reason of 1 to 500 characters is needed.")
)

// margin is how much earlier than its end a wait counts as over for whoever wants to undo something: the clock of a purge may
// go before ours.
const margin = time.Minute

// maxEarlier bounds how many earlier policies a row remembers, maxEnded how many moments at which something ended.
const (
	maxEarlier = 50
	maxEnded   = 200
	// maxTerms bounds what a row says in bytes; an item has at most 400 KB.
	maxTerms = 300 << 10
)

// maxReason is the most characters of a reason.
const maxReason = 500

// Versions is the answer of GET …/policy/versions, the newest first.
type Versions struct {
	Versions []vault.PolicyView `json:"versions"`
	Next     *string            `json:"next"`
}

func (d *desk) policy(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	told, err := d.ses.PolicyView(d.ses.Policy)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, told, d.audit(ctx, "policy.read", "", 0)
}

func (d *desk) versions(ctx context.Context) (int, any, error) {
	said, err := d.parameters("limit", "cursor")
	if err != nil {
		return 0, nil, err
	}
	limit, err := limitOf(said["limit"])
	if err != nil {
		return 0, nil, err
	}
	last := d.ses.Policy.Version
	if cursor := said["cursor"]; cursor != "" {
		below, ok := numberOf(cursor)
		if !ok {
			return 0, nil, ErrParameter
		}
		last = int(min(int64(last), below-1))
	}
	rows, err := d.ses.PolicyVersions(ctx, last-limit+1, last)
	if err != nil {
		return 0, nil, err
	}
	answer := Versions{Versions: []vault.PolicyView{}}
	if first := last - limit + 1; first > 1 {
		answer.Next = next(strconv.Itoa(first))
	}
	for _, row := range slices.Backward(rows) {
		p, err := account.ReadPolicy(row)
		if err != nil {
			return 0, nil, err
		}
		told, err := d.ses.PolicyView(p)
		if err != nil {
			return 0, nil, err
		}
		answer.Versions = append(answer.Versions, told)
	}
	return http.StatusOK, answer, d.audit(ctx, "policy-versions.read", "", 0)
}

// Wanted is a policy as an administrator asks for it, as a whole: what is left out of the retention is kept for as long as the
// plan says, and the cadence is never, everything is stored, there are no rules and no destination is waited for. The plan, the
// deadline, the wait and who releases a hold stay, left out, as they are.
type Wanted struct {
	Plan          *retention.Plan                      `json:"plan"`
	Retention     map[retention.Kind]*string           `json:"retention"`
	Cadence       map[retention.Kind]retention.Cadence `json:"cadence"`
	Store         map[retention.Kind]bool              `json:"store"`
	Rules         []vault.RuleView                     `json:"rules"`
	Required      map[retention.Kind][]string          `json:"required"`
	DeadlineHours *int                                 `json:"deadlineHours"`
	WaitHours     *int                                 `json:"waitHours"`
	TwoToRelease  *bool                                `json:"twoToRelease"`
}

// change is a policy that is wanted, and what is in force with it.
type change struct {
	from, after account.Policy
	rules       []vault.RuleView
	waits       time.Duration // what this change hides
}

func impossible(says string) error { return fault.New(fault.Invalid, "policy_not_possible", says) }

// Bounds of what a rule asks for and of how many destinations are waited for.
const (
	maxMarked   = 200 // characters
	maxRequired = 10
)

// wants reads a policy that an administrator asks for.
func (d *desk) wants(ctx context.Context, w Wanted) (next account.Policy, err error) {
	next = d.ses.Policy
	next.Policy = retention.Policy{
		Plan: next.Plan, Shortened: map[retention.Kind]retention.Period{}, Cadences: map[retention.Kind]retention.Cadence{},
		Unstored: map[retention.Kind]bool{}, Deadline: next.Deadline,
	}
	if w.Plan != nil {
		next.Plan = *w.Plan
	}
	for kind, text := range w.Retention {
		if text == nil {
			continue
		}
		if next.Shortened[kind], err = period(*text); err != nil {
			return next, err
		}
	}
	for kind, cadence := range w.Cadence {
		if next.Cadences[kind] = cadence; cadence == "" {
			return next, impossible("A cadence is never, completion, hourly, daily or monthly.")
		}
	}
	for kind, stored := range w.Store {
		if next.Unstored[kind] = !stored; stored {
			delete(next.Unstored, kind)
			if !slices.Contains(retention.Storable(), kind) {
				return next, impossible("What is stored are chats, tickets, calls, articles, visits, facts and attachments.")
			}
		}
	}
	for _, rule := range w.Rules {
		r, err := d.rule(rule)
		if err != nil {
			return next, err
		}
		next.Rules = append(next.Rules, r)
	}
	if next.Deadline, err = hours(w.DeadlineHours, next.Deadline, 1, retention.MaxDeadline, "deadline of deliveries"); err != nil {
		return next, err
	}
	if next.Wait, err = hours(w.WaitHours, next.Wait, 0, account.MaxWait, "wait"); err != nil {
		return next, err
	}
	if w.TwoToRelease != nil {
		if next.TwoToRelease && !*w.TwoToRelease && len(next.Holds) > 0 {
			return next, ErrHoldsInForce
		}
		next.TwoToRelease = *w.TwoToRelease
	}
	if err := next.Check(d.Floor); err != nil {
		return next, impossible(err.Error())
	}
	next.Required, err = d.required(ctx, w.Required)
	return next, err
}

func period(text string) (retention.Period, error) {
	p, err := retention.ParsePeriod(text)
	if err != nil {
		return p, impossible("A retention is an ISO 8601 duration of more than nothing, such as P30D or P3M.")
	}
	return p, nil
}

func hours(said *int, as time.Duration, least int, most time.Duration, name string) (time.Duration, error) {
	if said == nil {
		return as, nil
	}
	if *said < least || *said > int(most/time.Hour) {
		return as, impossible(fmt.Sprintf("The %s is %d to %d hours.", name, least, int(most/time.Hour)))
	}
	return time.Duration(*said) * time.Hour, nil
}

// rule reads a rule.
func (d *desk) rule(v vault.RuleView) (r retention.Rule, err error) {
	field, value, ok := v.Field()
	if !ok || utf8.RuneCountInString(value) > maxMarked || strings.TrimSpace(value) == "" {
		return r, impossible(fmt.Sprintf("A rule is about one tag, one department or one source, of at most %d characters.", maxMarked))
	}
	r = retention.Rule{Name: v.Name, Kinds: v.Kinds, Mark: d.ses.Mark(field, value), Cadence: v.Cadence, Unstored: v.Store != nil && !*v.Store}
	if v.Retention != "" {
		r.Keeps, err = period(v.Retention)
	}
	return r, err
}

// required reads which destinations are waited for: those that there are, and to which the kind goes.
func (d *desk) required(ctx context.Context, said map[retention.Kind][]string) (map[retention.Kind][]string, error) {
	if len(said) == 0 {
		return nil, nil
	}
	all, err := d.book.Destinations(ctx)
	if err != nil {
		return nil, err
	}
	wrong := impossible(fmt.Sprintf("What is required of chats and tickets are up to %d destinations, such as mail:archive, that there are and that "+
		"take the kind, each once.", maxRequired))
	required := map[retention.Kind][]string{}
	for kind, names := range said {
		if !slices.Contains(mailbox.Kinds(), kind) || len(names) > maxRequired {
			return nil, wrong
		}
		for i, name := range names {
			takes := func(to mailbox.Destination) bool { return to.InLedger() == name && to.Takes(kind) }
			if slices.Contains(names[:i], name) || !slices.ContainsFunc(all, takes) {
				return nil, wrong
			}
		}
		if len(names) > 0 {
			required[kind] = slices.Sorted(slices.Values(names))
		}
	}
	return required, nil
}

// stillThere are those required destinations that there are.
func (d *desk) stillThere(ctx context.Context, required map[retention.Kind][]string) (map[retention.Kind][]string, error) {
	all, err := d.book.Destinations(ctx)
	there := map[retention.Kind][]string{}
	for kind, names := range required {
		for _, name := range names {
			if slices.ContainsFunc(all, func(to mailbox.Destination) bool { return to.InLedger() == name && to.Takes(kind) }) {
				there[kind] = append(there[kind], name)
			}
		}
	}
	return there, err
}

// made are the cohorts that there are, and up to when nothing is left of what was over for good.
func (d *desk) made(ctx context.Context) (made map[retention.Kind][]retention.Cohort, swept time.Time, err error) {
	made = map[retention.Kind][]retention.Cohort{}
	for i, kind := range retention.Kinds() {
		cohorts, err := d.ses.Cohorts(ctx, kind)
		if err != nil {
			return nil, swept, err
		}
		for _, cohort := range cohorts.List {
			made[kind] = append(made[kind], cohort.Cohort)
		}
		if i == 0 || cohorts.Swept.Before(swept) {
			swept = cohorts.Swept
		}
	}
	return made, swept, nil
}

// change makes what would be in force. Of two waits the longer counts, so that nobody takes away the way back of a change in
// the change itself; what a smaller plan hides waits for at least thirty days.
func (d *desk) change(ctx context.Context, next account.Policy, rules []vault.RuleView, now time.Time) (change, error) {
	from := d.ses.Policy
	c := change{from: from, after: next, rules: rules, waits: max(from.Wait, next.Wait)}
	if from.Plan == retention.Enterprise && next.Plan != from.Plan {
		c.waits = max(c.waits, account.DowngradeWait)
	}
	made, swept, err := d.made(ctx)
	if err != nil {
		return c, err
	}
	// Purge may be destroying by the policy before until this one is in force, and no longer: the fence sees to that.
	c.after.InForce = from.Change(next.Policy, made, swept, now, c.waits)
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
	if !object(body) {
		return strictjson.ErrShape
	}
	if json.Unmarshal(body, v, json.RejectUnknownMembers(true)) != nil {
		return strictjson.ErrShape
	}
	return nil
}

// object says whether a body is one, in which nothing is null: it could mean "as it is" or "none", and of what is stored it would
// mean no. A period may be, which is the plan's then.
func object(body []byte) bool {
	in := jsontext.NewDecoder(bytes.NewReader(body))
	if in.PeekKind() != '{' {
		return false
	}
	for {
		token, err := in.ReadToken()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		if token.Kind() == 'n' && in.StackPointer().Parent() != "/retention" {
			return false
		}
	}
}

// reasonOf is a reason without blanks around it.
func reasonOf(said string) (string, error) {
	if utf8.RuneCountInString(said) > maxReason {
		return "", ErrReason
	}
	if said = strings.TrimSpace(said); said == "" {
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
	next, err := d.wants(ctx, in.Wanted)
	if err != nil {
		return 0, nil, err
	}
	now := d.ses.Now()
	asOf, err := time.Parse(time.RFC3339, in.AsOf)
	if err != nil || asOf.After(now) || now.Sub(asOf) > 24*time.Hour {
		return 0, nil, ErrPreviewChanged
	}
	c, err := d.change(ctx, next, in.Rules, now)
	if err != nil {
		return 0, nil, err
	}
	if len(c.after.Earlier) > maxEarlier || len(c.after.Ended) > maxEnded {
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
	return d.put(ctx, "policy.apply", c, func(version int) letter.News {
		return ofPolicy("policy.apply", c, p, version, undo, reason)
	}, undo, now, reason)
}

// reason reads a body that says why, and nothing else.
func (d *desk) reason() (string, error) {
	var in struct {
		Reason string `json:"reason"`
	}
	if err := d.strict(&in); err != nil {
		return "", err
	}
	return reasonOf(in.Reason)
}

// undoPolicy makes the policy before the last change the one in force again, as one more version. An undoing cannot be
// undone: what it brought back is wanted by somebody, and can be hidden again by a change with its preview.
func (d *desk) undoPolicy(ctx context.Context) (int, any, error) {
	reason, err := d.reason()
	if err != nil {
		return 0, nil, err
	}
	now, last := d.ses.Now(), d.ses.Policy
	if last.UndoUntil.IsZero() || !now.Add(margin).Before(last.UndoUntil) {
		return 0, nil, ErrUndoOver
	}
	rows, err := d.ses.PolicyVersions(ctx, last.UndoTo, last.UndoTo)
	if err != nil {
		return 0, nil, err
	}
	i := slices.IndexFunc(rows, func(row attr.Item) bool { return int(attr.GetN(row, "version")) == last.UndoTo })
	if i < 0 {
		return 0, nil, account.ErrRow
	}
	before, err := account.ReadPolicy(rows[i])
	if err != nil {
		return 0, nil, err
	}
	rules, err := d.ses.Rules(before)
	if err != nil {
		return 0, nil, err
	}
	next := last
	next.Policy, next.Wait = before.Policy, before.Wait
	if next.Required, err = d.stillThere(ctx, before.Required); err != nil {
		return 0, nil, err
	}
	c, err := d.change(ctx, next, rules, now)
	if err != nil {
		return 0, nil, err
	}
	shown, err := d.preview(ctx, c, now, "")
	if err != nil {
		return 0, nil, err
	}
	return d.put(ctx, "policy.undo", c, func(version int) letter.News {
		return ofPolicy("policy.undo", c, shown, version, time.Time{}, reason)
	}, time.Time{}, now, reason)
}

// put makes a policy the one in force, in one transaction with its version and the notice of it, if the one that it was made
// from still is.
func (d *desk) put(ctx context.Context, action string, c change, news func(version int) letter.News, undo, now time.Time, reason string) (int, any, error) {
	p := c.after
	p.Version, p.UndoUntil = c.from.Version+1, undo
	if p.UndoTo = c.from.Version; p.UndoUntil.Equal(c.from.UndoUntil) { // what only announces the end takes away no way back
		p.UndoTo = c.from.UndoTo
	}
	if p.UndoUntil.IsZero() {
		p.UndoTo = 0
	}
	p.By, p.At, p.Reason = d.actor, now, ""
	p.Sealed = d.ses.Key.Wrap(account.PolicyPlace(d.ses.Account, p.Version), []byte(reason))
	var err error
	if p.SealedRules, err = d.ses.SealRules(p.Version, c.rules); err != nil {
		return 0, nil, err
	}
	told, err := d.ses.PolicyView(p)
	if err != nil {
		return 0, nil, err
	}
	if err := d.audit(ctx, action, fmt.Sprintf("version=%d", p.Version), 0); err != nil {
		return 0, nil, err
	}
	notice, tell, err := d.announce(ctx, news(p.Version))
	if err != nil {
		return 0, nil, err
	}
	p.Fence++
	version := p.Item()
	version["pk"], version["sk"] = attr.S(account.Partition(d.ses.Account)), attr.S(account.PolicyVersionKey(p.Version))
	p.Fence--
	err = d.putInForce(ctx, c.from, p, notice, types.TransactWriteItem{Put: &types.Put{
		TableName: &d.Store.Tables.Control, Item: version, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}})
	if err == nil {
		tell(ctx)
	}
	return http.StatusOK, told, err
}

// conflicts is how often a change is tried that a run of purge is in the way of.
const conflicts = 10

// putInForce makes a policy the one in force, with more writes, if the one that it was made from still is. Whoever destroys by
// that one can do so no more.
func (d *desk) putInForce(ctx context.Context, from, p account.Policy, more ...types.TransactWriteItem) error {
	p.Fence = from.Fence + 1
	item := p.Item()
	item["pk"], item["sk"] = attr.S(account.Partition(d.ses.Account)), attr.S(account.PolicyKey)
	in := &types.Put{
		TableName: &d.Store.Tables.Control, Item: item, ConditionExpression: aws.String("#version = :version AND fence = :fence"),
		ExpressionAttributeNames:  map[string]string{"#version": "version"},
		ExpressionAttributeValues: attr.Item{":version": attr.N(from.Version), ":fence": attr.N(from.Fence)},
	}
	if from.Fence == 0 {
		in.ConditionExpression = aws.String("#version = :version AND attribute_not_exists(fence)")
		delete(in.ExpressionAttributeValues, ":fence")
	}
	writes := append([]types.TransactWriteItem{{Put: in}, vault.MoveFence(d.Store.Tables.Control, d.ses.Account, from.Fence)}, more...)
	if len(attr.GetS(item, "terms")) > maxTerms {
		return ErrPolicyOften
	}
	return d.transact(ctx, writes, ErrPolicyMoved)
}

// transact writes, and answers a fault where a condition is false. Where another transaction is in the way, it waits for it. A
// transaction has a token: one that the SDK repeats because its answer was lost does not find its own conditions false.
func (h *Handler) transact(ctx context.Context, writes []types.TransactWriteItem, moved error) error {
	for try := 1; ; try++ {
		_, err := h.Store.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
		canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
		if !ok {
			return err
		}
		codes := vault.Codes(canceled, len(writes))
		switch {
		case slices.Contains(codes, "ConditionalCheckFailed"):
			return moved
		case !slices.Contains(codes, "TransactionConflict") || try == conflicts:
			return edge.ErrUnavailable.Because(err)
		}
		if err := pause.For(ctx, time.Duration(try)*20*time.Millisecond); err != nil {
			return err
		}
	}
}

package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/retention"
)

// This file makes things unreadable for good. Whoever does so holds the fence of the account: every removal of a key is one
// transaction with the condition that neither the policy nor a hold has changed since they were read, and that no later run
// has taken over. So what a hold that is set now matches is either gone before or kept, and what an act destroyed is all
// there is of it once a later run states it.

// Ending says in what act something was destroyed, why and when it was due, under which version of the policy.
type Ending struct {
	Act    string
	Why    retention.Why
	Rule   string
	Due    time.Time
	Policy int64
	At     time.Time
}

func (e Ending) set(item attr.Item) (expression string) {
	item[":act"], item[":why"], item[":due"], item[":byPolicy"], item[":endedAt"] =
		attr.S(e.Act), attr.S(e.Why), attr.Time(e.Due), attr.N(e.Policy), attr.Time(e.At)
	expression = "act = :act, why = :why, due = :due, byPolicy = :byPolicy, endedAt = :endedAt"
	if e.Rule != "" {
		item[":byRule"] = attr.S(e.Rule)
		expression += ", byRule = :byRule"
	}
	return expression
}

func readEnding(item attr.Item) Ending {
	return Ending{
		Act: attr.GetS(item, "act"), Why: retention.Why(attr.GetS(item, "why")), Rule: attr.GetS(item, "byRule"),
		Due: attr.GetTime(item, "due"), Policy: attr.GetN(item, "byPolicy"), At: attr.GetTime(item, "endedAt"),
	}
}

// Fence is the right to destroy something of an account, as long as nothing changes.
type Fence struct {
	Account string
	// Run is who destroys, N the policy's count of changes.
	Run string
	N   int64
	// Before is the run that held the fence before; Archived is up to which receipt all are where nobody can delete them.
	Before   string
	Archived int64
}

// ErrFence is returned where the policy or a hold has changed, or somebody else has taken over; nothing was destroyed.
var ErrFence = errors.New("vault: the fence has moved")

// TakeFence takes the fence of an account for a run, under the policy that was read. Whoever held it can destroy nothing more.
func (ses *Session) TakeFence(ctx context.Context, run string) (Fence, error) {
	return ses.takeFence(ctx, run, "attribute_not_exists(#n) OR #n = :n")
}

func (ses *Session) takeFence(ctx context.Context, run, condition string) (Fence, error) {
	n := ses.Policy.Fence
	var out *dynamodb.UpdateItemOutput
	var err error
	for try := range conflicts { // the SDK does not repeat what a transaction is in the way of
		out, err = ses.store.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &ses.store.Tables.Control, Key: fenceKey(ses.Account), ReturnValues: types.ReturnValueAllOld,
			UpdateExpression:          aws.String("SET #run = :run, #n = :n"),
			ConditionExpression:       &condition,
			ExpressionAttributeNames:  map[string]string{"#run": "run", "#n": "n"},
			ExpressionAttributeValues: attr.Item{":run": attr.S(run), ":n": attr.N(n)},
		})
		if _, conflict := errors.AsType[*types.TransactionConflictException](err); !conflict {
			break
		}
		if err := sleep(ctx, 10*time.Millisecond<<try); err != nil {
			return Fence{}, err
		}
	}
	if IsConditionFailed(err) {
		return Fence{}, ErrFence
	}
	if err != nil {
		return Fence{}, fmt.Errorf("take fence: %w", err)
	}
	return Fence{Account: ses.Account, Run: run, N: n, Before: attr.GetS(out.Attributes, "run"), Archived: attr.GetN(out.Attributes, "archived")}, nil
}

// first is the run before the first.
const first = "first"

// JoinFence is the fence as the last run took it: what is destroyed under it is part of what the next run states.
func (ses *Session) JoinFence(ctx context.Context) (Fence, error) {
	item, err := ses.store.get(ctx, ses.store.Tables.Control, fenceKey(ses.Account))
	if err != nil {
		return Fence{}, err
	}
	if attr.GetS(item, "run") == "" {
		f, err := ses.takeFence(ctx, first, "(attribute_not_exists(#n) OR #n = :n) AND attribute_not_exists(#run)")
		if !errors.Is(err, ErrFence) {
			return f, err
		}
		if item, err = ses.store.get(ctx, ses.store.Tables.Control, fenceKey(ses.Account)); err != nil {
			return Fence{}, err
		}
	}
	if attr.GetN(item, "n") != ses.Policy.Fence || attr.GetS(item, "run") == "" {
		return Fence{}, ErrFence
	}
	return Fence{Account: ses.Account, Run: attr.GetS(item, "run"), N: ses.Policy.Fence, Archived: attr.GetN(item, "archived")}, nil
}

func fenceKey(id string) attr.Item { return attr.Key(account.FencePartition(id), account.FenceRow) }

// MoveFence is the write by which a change of the policy, or of a hold, keeps out whoever destroys by what was before.
func MoveFence(control, id string, from int64) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName: &control, Key: fenceKey(id),
		UpdateExpression:          aws.String("SET #n = :next"),
		ConditionExpression:       aws.String("attribute_not_exists(#n) OR #n = :n"),
		ExpressionAttributeNames:  map[string]string{"#n": "n"},
		ExpressionAttributeValues: attr.Item{":n": attr.N(from), ":next": attr.N(from + 1)},
	}}
}

// The marks of a kind: everything up to it is destroyed; nothing is left of what was over for good up to it.
const (
	DestroyedUntil = "until"
	SweptUntil     = "swept"
)

// Mark moves a mark of a kind on; it never goes back.
func (s *Store) Mark(ctx context.Context, f Fence, kind retention.Kind, mark string, until time.Time) error {
	_, err := s.fenced(ctx, f, []types.Update{{
		TableName: &s.Tables.Keys, Key: DestroyedKeyItem(f.Account, kind),
		UpdateExpression:          aws.String("SET #until = :until"),
		ConditionExpression:       aws.String("attribute_not_exists(#until) OR #until < :until"),
		ExpressionAttributeNames:  map[string]string{"#until": mark},
		ExpressionAttributeValues: attr.Item{":until": attr.Time(until)},
	}})
	return err
}

// Archived notes up to which receipt all are where nobody can delete them.
func (s *Store) Archived(ctx context.Context, f Fence, number int64) error {
	_, err := s.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.Tables.Control, Key: fenceKey(f.Account),
		UpdateExpression: aws.String("SET archived = :number"), ConditionExpression: aws.String("#run = :run"),
		ExpressionAttributeNames:  map[string]string{"#run": "run"},
		ExpressionAttributeValues: attr.Item{":number": attr.N(number), ":run": attr.S(f.Run)},
	})
	if IsConditionFailed(err) {
		return nil // the next run does it again
	}
	return err
}

// FenceArchived is up to which receipt all are where nobody can delete them.
func (ses *Session) FenceArchived(ctx context.Context) (int64, error) {
	item, err := ses.store.get(ctx, ses.store.Tables.Control, fenceKey(ses.Account))
	return attr.GetN(item, "archived"), err
}

// Freeze keeps an open conversation from taking in anything behind the back of who looks at it: who writes to it meanwhile opens
// it again, and it is not destroyed. ok is false where it has moved.
func (s *Store) Freeze(ctx context.Context, r Row) (frozen Row, ok bool, err error) {
	if r.State != Open {
		return r, true, nil
	}
	_, err = s.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.Tables.Keys, Key: r.Key(), UpdateExpression: aws.String("SET #state = :settling"),
		ConditionExpression:      aws.String("generation = :generation AND #state = :open"),
		ExpressionAttributeNames: map[string]string{"#state": "state"},
		ExpressionAttributeValues: attr.Item{
			":generation": attr.N(r.Generation), ":open": attr.S(Open), ":settling": attr.S(Settling),
		},
	})
	if IsConditionFailed(err) {
		return r, false, nil
	}
	r.State = Settling
	return r, err == nil, err
}

// EndCohort removes a cohort's key. ok is false where it has none any more.
func (s *Store) EndCohort(ctx context.Context, f Fence, c Cohort, e Ending) (ok bool, err error) {
	values := attr.Item{":now": attr.Time(e.At)}
	ended, err := s.fenced(ctx, f, []types.Update{{
		TableName: &s.Tables.Keys, Key: CohortKeyItem(f.Account, c.Kind, c.ID),
		UpdateExpression:          aws.String("SET destroyedAt = :now, " + e.set(values) + " REMOVE #key"),
		ConditionExpression:       aws.String("attribute_exists(#key)"),
		ExpressionAttributeNames:  map[string]string{"#key": "key"},
		ExpressionAttributeValues: values,
	}})
	return err == nil && ended[0], err
}

// EndAccount removes an account's keys: nothing of it opens any more, in any table.
func (s *Store) EndAccount(ctx context.Context, f Fence, at time.Time) error {
	var updates []types.Update
	for _, row := range []string{accountRow, indexRow} {
		updates = append(updates, types.Update{
			TableName: &s.Tables.Keys, Key: attr.Key(keysPartition(f.Account), row),
			UpdateExpression:          aws.String("SET destroyedAt = :now REMOVE #key"),
			ConditionExpression:       aws.String("attribute_exists(#key)"),
			ExpressionAttributeNames:  map[string]string{"#key": "key"},
			ExpressionAttributeValues: attr.Item{":now": attr.Time(at)},
		})
	}
	_, err := s.fenced(ctx, f, updates)
	return err
}

// Doomed is a row that is to be destroyed, as it was read, and why.
type Doomed struct {
	Row
	Ending
}

// endedTogether is how many rows lose their keys in one transaction: what one of them fails for is done again for all.
const endedTogether = 25

// End removes the own keys of lives of conversations. The rows keep their places in the index until Forget: the list of what
// an act has destroyed. Answered are those that were destroyed; the others have moved since they were read.
func (s *Store) End(ctx context.Context, f Fence, doomed []Doomed) (ended []Doomed, err error) {
	for len(doomed) > 0 {
		n := min(endedTogether, len(doomed))
		updates := make([]types.Update, n)
		for i, d := range doomed[:n] {
			values := attr.Item{
				":destroyed": attr.S(Destroyed), ":state": attr.S(d.State), ":generation": attr.N(d.Generation), ":known": attr.Time(d.Known),
			}
			set := "SET #state = :destroyed, known = :known, " + d.Ending.set(values)
			if len(d.files) > 0 { // rows of before say so by their files key alone
				set, values[":one"] = set+", "+hasFiles+" = :one", attr.N(1)
			}
			updates[i] = types.Update{
				TableName: &s.Tables.Keys, Key: d.Key(),
				UpdateExpression:         aws.String(set + " REMOVE own, " + filesKey),
				ConditionExpression:      aws.String("generation = :generation AND #state = :state"),
				ExpressionAttributeNames: map[string]string{"#state": "state"}, ExpressionAttributeValues: values,
			}
			if d.Why == Hand { // it may have been undone
				values[":hand"] = attr.Time(d.Hand)
				updates[i].ConditionExpression = aws.String(*updates[i].ConditionExpression + " AND hand = :hand")
			}
		}
		done, err := s.fenced(ctx, f, updates)
		for i, d := range doomed[:n] {
			if done != nil && done[i] {
				d.State, d.Own, d.HasFiles = Destroyed, nil, d.HasFiles || len(d.files) > 0
				d.Row.Ending = d.Ending
				ended = append(ended, d)
			}
		}
		if err != nil {
			return ended, err
		}
		doomed = doomed[n:]
	}
	return ended, nil
}

// Late is what the act of a run has behind it under which others destroy what is past its time, until the next run states it.
const Late = "/late"

// Hand and Closing are why something goes that no policy ends: an administrator's decision, and the end of the account.
const (
	Hand    retention.Why = "hand"
	Closing retention.Why = "closure"
)

// conflicts bounds how often a transaction is tried that another is in the way of.
const conflicts = 8

// fenced makes updates in one transaction, if the fence stands. Those whose own condition is false are left out, and done says
// which were made.
func (s *Store) fenced(ctx context.Context, f Fence, updates []types.Update) (done []bool, err error) {
	done = make([]bool, len(updates))
	left := make([]int, len(updates))
	for i := range left {
		left[i] = i
	}
	for try := 0; len(left) > 0; {
		writes := []types.TransactWriteItem{{ConditionCheck: &types.ConditionCheck{
			TableName: &s.Tables.Control, Key: fenceKey(f.Account), ConditionExpression: aws.String("#n = :n AND #run = :run"),
			ExpressionAttributeNames:  map[string]string{"#n": "n", "#run": "run"},
			ExpressionAttributeValues: attr.Item{":n": attr.N(f.N), ":run": attr.S(f.Run)},
		}}}
		for _, i := range left {
			writes = append(writes, types.TransactWriteItem{Update: &updates[i]})
		}
		_, err := s.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
		if err == nil {
			for _, i := range left {
				done[i] = true
			}
			return done, nil
		}
		canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
		if !ok {
			return nil, fmt.Errorf("destroy: %w", err)
		}
		codes := Codes(canceled, len(writes))
		if codes[0] == "ConditionalCheckFailed" {
			return nil, ErrFence
		}
		var rest []int
		for n, i := range left {
			if codes[n+1] != "ConditionalCheckFailed" {
				rest = append(rest, i)
			}
		}
		if len(rest) == len(left) { // a conflict, or a throttle
			if try++; try > conflicts {
				return nil, fmt.Errorf("destroy: %w", err)
			}
			if err := sleep(ctx, 10*time.Millisecond<<try); err != nil {
				return nil, err
			}
		}
		left = rest
	}
	return done, nil
}

// Codes are why each of n writes of a canceled transaction was not made.
func Codes(canceled *types.TransactionCanceledException, n int) []string {
	codes := make([]string, n)
	for i, reason := range canceled.CancellationReasons {
		if i < n {
			codes[i] = aws.ToString(reason.Code)
		}
	}
	return codes
}

// Forget takes a destroyed row out of the index, once nothing is left of it and its act is stated. What remains is its name,
// which is an HMAC, up to when everything was known, and the marks of what has no time of its own, so that late duplicates are
// recognised.
func (s *Store) Forget(ctx context.Context, r Row) error {
	_, err := s.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.Tables.Keys, Key: r.Key(),
		UpdateExpression: aws.String("REMOVE listing, #position, #bytes, cohort, factCohort, revision, settledAt, marks, completes, awaits," +
			" delivered, hand, handUntil, " + hasFiles + ", act, why, byRule, due, byPolicy, endedAt"),
		ConditionExpression: aws.String("#state = :destroyed"),
		ExpressionAttributeNames: map[string]string{
			"#state": "state", "#position": "position", "#bytes": "bytes",
		},
		ExpressionAttributeValues: attr.Item{":destroyed": attr.S(Destroyed)},
	})
	return err
}

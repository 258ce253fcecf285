package vaulttest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/vault"
)

// Memory is tables in memory that take the requests of a DynamoDB client before they are serialized: for tests that
// need tens of thousands of requests, or a table put back as it was a thousand times. It knows the operations and the
// expressions that this project uses and refuses every other, so that it cannot answer wrongly what it does not know.
// DynamoDB Local is the reference: what both can run is run on both and must end in the same items.
type Memory struct {
	mu     sync.Mutex
	tables map[string]Table
}

// Table is a table's items by partition and sort key. Items are never changed in place, so a copy of the maps is a copy of
// the table.
type Table map[string]map[string]attr.Item

// NewMemory makes a vault on tables in memory; it needs no server.
func NewMemory(now time.Time) (*Vault, *Memory) {
	m := &Memory{tables: map[string]Table{}}
	v := connect(now, "http://nowhere.invalid", m.answer)
	for _, table := range []string{v.Tables.Records, v.Tables.Keys, v.Tables.Control} {
		m.tables[table] = Table{}
	}
	return v, m
}

// Snapshot is a copy of all tables.
func (m *Memory) Snapshot() map[string]Table {
	m.mu.Lock()
	defer m.mu.Unlock()
	return clone(m.tables)
}

// PutBack makes the tables what a snapshot holds.
func (m *Memory) PutBack(tables map[string]Table) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tables = clone(tables)
}

func clone(tables map[string]Table) map[string]Table {
	all := make(map[string]Table, len(tables))
	for name, table := range tables {
		copied := make(Table, len(table))
		for pk, partition := range table {
			copied[pk] = maps.Clone(partition)
		}
		all[name] = copied
	}
	return all
}

func (m *Memory) answer(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("memory", func(
		_ context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler,
	) (out middleware.InitializeOutput, md middleware.Metadata, err error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		out.Result, err = m.do(in.Parameters)
		return out, md, err
	}), middleware.After)
}

func (m *Memory) do(parameters any) (any, error) {
	switch in := parameters.(type) {
	case *dynamodb.GetItemInput:
		return &dynamodb.GetItemOutput{Item: m.get(*in.TableName, in.Key)}, nil
	case *dynamodb.PutItemInput:
		return &dynamodb.PutItemOutput{}, m.put(*in.TableName, in.Item, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	case *dynamodb.UpdateItemInput:
		return m.update(in)
	case *dynamodb.DeleteItemInput:
		return &dynamodb.DeleteItemOutput{}, m.delete(in)
	case *dynamodb.QueryInput:
		return m.query(in)
	case *dynamodb.ScanInput:
		var all []attr.Item
		for _, pk := range slices.Sorted(maps.Keys(m.tables[*in.TableName])) {
			for _, sk := range slices.Sorted(maps.Keys(m.tables[*in.TableName][pk])) {
				all = append(all, m.tables[*in.TableName][pk][sk])
			}
		}
		return &dynamodb.ScanOutput{Items: all}, nil
	case *dynamodb.BatchGetItemInput:
		out := &dynamodb.BatchGetItemOutput{Responses: map[string][]attr.Item{}}
		for table, wanted := range in.RequestItems {
			for _, key := range wanted.Keys {
				if item := m.get(table, key); item != nil {
					out.Responses[table] = append(out.Responses[table], item)
				}
			}
		}
		return out, nil
	case *dynamodb.BatchWriteItemInput:
		for table, writes := range in.RequestItems {
			for _, w := range writes {
				if w.DeleteRequest == nil {
					return nil, errors.New("memory: a batch that puts")
				}
				m.remove(table, w.DeleteRequest.Key)
			}
		}
		return &dynamodb.BatchWriteItemOutput{}, nil
	case *dynamodb.TransactWriteItemsInput:
		for _, w := range in.TransactItems {
			if w.Put == nil {
				return nil, errors.New("memory: a transaction of another kind")
			}
			err := holds(w.Put.ConditionExpression, m.get(*w.Put.TableName, w.Put.Item), w.Put.ExpressionAttributeNames, w.Put.ExpressionAttributeValues)
			if vault.IsConditionFailed(err) {
				return nil, &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: aws.String("ConditionalCheckFailed")}}}
			}
			if err != nil {
				return nil, err
			}
		}
		for _, w := range in.TransactItems {
			m.keep(*w.Put.TableName, w.Put.Item)
		}
		return &dynamodb.TransactWriteItemsOutput{}, nil
	}
	return nil, fmt.Errorf("memory: unknown operation %T", parameters)
}

func (m *Memory) get(table string, key attr.Item) attr.Item {
	return m.tables[table][attr.GetS(key, "pk")][attr.GetS(key, "sk")]
}

func (m *Memory) keep(table string, item attr.Item) {
	pk, sk := attr.GetS(item, "pk"), attr.GetS(item, "sk")
	if m.tables[table][pk] == nil {
		m.tables[table][pk] = map[string]attr.Item{}
	}
	m.tables[table][pk][sk] = item
}

func (m *Memory) remove(table string, key attr.Item) {
	pk := attr.GetS(key, "pk")
	delete(m.tables[table][pk], attr.GetS(key, "sk"))
	if len(m.tables[table][pk]) == 0 {
		delete(m.tables[table], pk)
	}
}

func (m *Memory) put(table string, item attr.Item, condition *string, names map[string]string, values attr.Item) error {
	if err := holds(condition, m.get(table, item), names, values); err != nil {
		return err
	}
	m.keep(table, maps.Clone(item))
	return nil
}

func (m *Memory) delete(in *dynamodb.DeleteItemInput) error {
	if err := holds(in.ConditionExpression, m.get(*in.TableName, in.Key), in.ExpressionAttributeNames, in.ExpressionAttributeValues); err != nil {
		return err
	}
	m.remove(*in.TableName, in.Key)
	return nil
}

func (m *Memory) update(in *dynamodb.UpdateItemInput) (*dynamodb.UpdateItemOutput, error) {
	old := m.get(*in.TableName, in.Key)
	if err := holds(in.ConditionExpression, old, in.ExpressionAttributeNames, in.ExpressionAttributeValues); err != nil {
		failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
		if ok && in.ReturnValuesOnConditionCheckFailure == types.ReturnValuesOnConditionCheckFailureAllOld {
			failed.Item = maps.Clone(old)
		}
		return nil, err
	}
	item := maps.Clone(old)
	if item == nil {
		item = maps.Clone(in.Key)
	}
	expression := *in.UpdateExpression
	if before, after, ok := strings.Cut(expression, "REMOVE "); ok {
		for name := range strings.SplitSeq(after, ", ") {
			delete(item, real(name, in.ExpressionAttributeNames))
		}
		expression = strings.TrimSpace(before)
	}
	if before, after, ok := strings.Cut(expression, " ADD "); ok {
		name, value, ok := strings.Cut(after, " ")
		if !ok || strings.Contains(value, " ") {
			return nil, fmt.Errorf("memory: unknown update %q", expression)
		}
		name = real(name, in.ExpressionAttributeNames)
		item[name] = attr.N(attr.GetN(item, name) + attr.GetN(in.ExpressionAttributeValues, value))
		expression = before
	}
	if expression != "" {
		sets, ok := strings.CutPrefix(expression, "SET ")
		if !ok {
			return nil, fmt.Errorf("memory: unknown update %q", expression)
		}
		for set := range strings.SplitSeq(sets, ", ") {
			name, value, ok := strings.Cut(set, " = ")
			if !ok || in.ExpressionAttributeValues[value] == nil {
				return nil, fmt.Errorf("memory: unknown update %q", expression)
			}
			item[real(name, in.ExpressionAttributeNames)] = in.ExpressionAttributeValues[value]
		}
	}
	m.keep(*in.TableName, item)
	out := &dynamodb.UpdateItemOutput{}
	if in.ReturnValues == types.ReturnValueAllNew {
		out.Attributes = maps.Clone(item)
	}
	return out, nil
}

func real(name string, names map[string]string) string { return cmp.Or(names[name], name) }

// holds says that a condition is true of an item, or fails as DynamoDB does.
func holds(condition *string, item attr.Item, names map[string]string, values attr.Item) error {
	if condition == nil {
		return nil
	}
	for alternative := range strings.SplitSeq(spread(*condition), " OR ") {
		all := true
		for term := range strings.SplitSeq(alternative, " AND ") {
			ok, err := termHolds(term, item, names, values)
			if err != nil {
				return err
			}
			all = all && ok
		}
		if all {
			return nil
		}
	}
	return &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed")}
}

// spread takes apart the one form with alternatives in brackets that this project uses: x AND (y OR z) at the end.
func spread(condition string) string {
	before, both, ok := strings.Cut(condition, " AND (")
	if !ok || !strings.HasSuffix(both, ")") {
		return condition
	}
	first, second, ok := strings.Cut(strings.TrimSuffix(both, ")"), " OR ")
	if !ok {
		return condition
	}
	earlier, common := "", before
	if i := strings.LastIndex(before, " OR "); i >= 0 {
		earlier, common = before[:i+len(" OR ")], before[i+len(" OR "):]
	}
	return earlier + common + " AND " + first + " OR " + common + " AND " + second
}

func termHolds(term string, item attr.Item, names map[string]string, values attr.Item) (bool, error) {
	if arg, ok := strings.CutPrefix(term, "attribute_not_exists("); ok {
		return item[real(strings.TrimSuffix(arg, ")"), names)] == nil, nil
	}
	if arg, ok := strings.CutPrefix(term, "attribute_exists("); ok {
		return item[real(strings.TrimSuffix(arg, ")"), names)] != nil, nil
	}
	if name, list, ok := strings.Cut(term, " IN ("); ok {
		for value := range strings.SplitSeq(strings.TrimSuffix(list, ")"), ", ") {
			if order, ok := compare(item[real(name, names)], values[value]); ok && order == 0 {
				return true, nil
			}
		}
		return false, nil
	}
	fields := strings.Fields(term)
	if len(fields) != 3 || values[fields[2]] == nil {
		return false, fmt.Errorf("memory: unknown condition %q", term)
	}
	order, comparable := compare(item[real(fields[0], names)], values[fields[2]])
	switch fields[1] {
	case "=":
		return comparable && order == 0, nil
	case "<":
		return comparable && order < 0, nil
	case "<=":
		return comparable && order <= 0, nil
	}
	return false, fmt.Errorf("memory: unknown condition %q", term)
}

// compare orders two values of the same type; others are neither equal nor ordered.
func compare(a, b types.AttributeValue) (int, bool) {
	switch a := a.(type) {
	case *types.AttributeValueMemberS:
		if b, ok := b.(*types.AttributeValueMemberS); ok {
			return strings.Compare(a.Value, b.Value), true
		}
	case *types.AttributeValueMemberN:
		if b, ok := b.(*types.AttributeValueMemberN); ok {
			x, okX := new(big.Int).SetString(a.Value, 10)
			y, okY := new(big.Int).SetString(b.Value, 10)
			if okX && okY {
				return x.Cmp(y), true
			}
		}
	case *types.AttributeValueMemberB:
		if b, ok := b.(*types.AttributeValueMemberB); ok {
			return bytes.Compare(a.Value, b.Value), true
		}
	}
	return 0, false
}

// query answers everything in one page; where a limit was asked for, as many and where to go on.
func (m *Memory) query(in *dynamodb.QueryInput) (any, error) {
	sk, match := "sk", func(string) bool { return true }
	value := func(name string) string { return attr.GetS(in.ExpressionAttributeValues, name) }
	var items []attr.Item
	switch condition := *in.KeyConditionExpression; {
	case in.IndexName == nil && condition == "pk = :pk":
	case in.IndexName == nil && condition == "pk = :pk AND begins_with(sk, :prefix)":
		match = func(s string) bool { return strings.HasPrefix(s, value(":prefix")) }
	case aws.ToString(in.IndexName) == vault.Listing && condition == "listing = :listing":
		sk = "position"
	case aws.ToString(in.IndexName) == vault.Listing && condition == "listing = :listing AND #position < :below":
		sk, match = "position", func(s string) bool { return s < value(":below") }
	default:
		return nil, fmt.Errorf("memory: unknown query %q", condition)
	}
	if sk == "sk" {
		for _, item := range m.tables[*in.TableName][value(":pk")] {
			items = append(items, item)
		}
	} else {
		for _, partition := range m.tables[*in.TableName] {
			for _, item := range partition {
				if attr.GetS(item, "listing") == value(":listing") {
					place := attr.Item{"pk": item["pk"], "sk": item["sk"], "listing": item["listing"], "position": item["position"]}
					if item["bytes"] != nil {
						place["bytes"] = item["bytes"]
					}
					items = append(items, place)
				}
			}
		}
	}
	items = slices.DeleteFunc(items, func(item attr.Item) bool { return !match(attr.GetS(item, sk)) })
	sign := 1
	if in.ScanIndexForward != nil && !*in.ScanIndexForward {
		sign = -1
	}
	slices.SortFunc(items, func(a, b attr.Item) int {
		return sign * cmp.Or(cmp.Compare(attr.GetS(a, sk), attr.GetS(b, sk)), cmp.Compare(attr.GetS(a, "pk"), attr.GetS(b, "pk")))
	})
	if in.ExclusiveStartKey != nil {
		for i, item := range items {
			if reflect.DeepEqual(item["pk"], in.ExclusiveStartKey["pk"]) && reflect.DeepEqual(item["sk"], in.ExclusiveStartKey["sk"]) {
				items = items[i+1:]
				break
			}
		}
	}
	out := &dynamodb.QueryOutput{Items: items}
	if limit := int(aws.ToInt32(in.Limit)); limit > 0 && len(items) > limit {
		last := items[limit-1]
		out.Items, out.LastEvaluatedKey = items[:limit], attr.Item{"pk": last["pk"], "sk": last["sk"], sk: last[sk]}
	}
	return out, nil
}

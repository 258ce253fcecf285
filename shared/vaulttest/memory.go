package vaulttest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
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

// Projected are the attributes that the index of the keys' table has beside the keys of table and index.
var Projected = []string{"bytes", "marks", "completes", "settledAt", "awaits", "delivered", "hand", "act", "state"}

// Memory is tables in memory that take the requests of a DynamoDB client before they are serialized: for tests that
// need tens of thousands of requests, or a table put back as it was a thousand times. It knows the operations of single
// items, queries, scans, batches and transactions with the expressions that expression.go draws, and refuses everything
// else, so that it cannot answer wrongly what it does not know. DynamoDB Local is the reference: what both can run is run on
// both and must end in the same items. Other than DynamoDB it reads an index as fresh as the table and puts everything that
// a query finds in one page, unless a limit was asked for.
type Memory struct {
	mu     sync.Mutex
	tables map[string]*shelf
	// What was written under a token is not written again.
	tokens map[string][]types.TransactWriteItem
	recent []string
}

// Table is a table's items by partition and sort key. Items are never changed in place, so a copy of the maps is a copy of
// the table.
type Table map[string]map[string]attr.Item

// shelf is a table with what is sorted of it.
type shelf struct {
	items   Table
	indexed bool
	sorted  map[string][]string // the sort keys of partitions that were asked for
	index   map[string][]place  // nil until it is asked for
}

// place is where an item stands in the index.
type place struct{ position, pk, sk string }

func (a place) compare(b place) int {
	return cmp.Or(cmp.Compare(a.position, b.position), cmp.Compare(a.pk, b.pk), cmp.Compare(a.sk, b.sk))
}

// NewMemory makes a vault on tables in memory; it needs no server.
func NewMemory(now time.Time) (*Vault, *Memory) {
	m := &Memory{}
	v := connect(now, "http://nowhere.invalid", m.answer)
	empty := map[string]Table{}
	for _, table := range []string{v.Tables.Records, v.Tables.Keys, v.Tables.Control} {
		empty[table] = Table{}
	}
	m.PutBack(empty)
	m.tables[v.Tables.Keys].indexed = true
	return v, m
}

// Snapshot is a copy of all tables.
func (m *Memory) Snapshot() map[string]Table {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[string]Table, len(m.tables))
	for name, t := range m.tables {
		all[name] = clone(t.items)
	}
	return all
}

// PutBack makes the tables what a snapshot holds.
func (m *Memory) PutBack(tables map[string]Table) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[string]*shelf, len(tables))
	for name, table := range tables {
		before := m.tables[name]
		all[name] = &shelf{items: clone(table), sorted: map[string][]string{}, indexed: before != nil && before.indexed}
	}
	m.tables, m.tokens, m.recent = all, map[string][]types.TransactWriteItem{}, nil
}

func clone(table Table) Table {
	copied := make(Table, len(table))
	for pk, partition := range table {
		copied[pk] = maps.Clone(partition)
	}
	return copied
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
		if in.AttributesToGet != nil {
			return nil, unknown("AttributesToGet")
		}
		item, err := m.read(in.TableName, in.Key, in.ProjectionExpression, in.ExpressionAttributeNames)
		return &dynamodb.GetItemOutput{Item: item}, err
	case *dynamodb.PutItemInput:
		if in.Expected != nil || in.ConditionalOperator != "" {
			return nil, unknown("Expected")
		}
		before, _, err := m.single(write{
			table: in.TableName, put: in.Item, condition: in.ConditionExpression, env: env{in.ExpressionAttributeNames, in.ExpressionAttributeValues},
			failed: in.ReturnValuesOnConditionCheckFailure,
		}, in.ReturnValues, types.ReturnValueAllOld)
		return &dynamodb.PutItemOutput{Attributes: before}, err
	case *dynamodb.UpdateItemInput:
		if in.Expected != nil || in.ConditionalOperator != "" || in.AttributeUpdates != nil {
			return nil, unknown("Expected or AttributeUpdates")
		}
		before, after, err := m.single(write{
			table: in.TableName, key: in.Key, update: in.UpdateExpression, updates: true, condition: in.ConditionExpression,
			env: env{in.ExpressionAttributeNames, in.ExpressionAttributeValues}, failed: in.ReturnValuesOnConditionCheckFailure,
		}, in.ReturnValues, types.ReturnValueAllOld, types.ReturnValueAllNew)
		if in.ReturnValues == types.ReturnValueAllNew {
			before = after
		}
		return &dynamodb.UpdateItemOutput{Attributes: before}, err
	case *dynamodb.DeleteItemInput:
		if in.Expected != nil || in.ConditionalOperator != "" {
			return nil, unknown("Expected")
		}
		before, _, err := m.single(write{
			table: in.TableName, key: in.Key, condition: in.ConditionExpression, env: env{in.ExpressionAttributeNames, in.ExpressionAttributeValues},
			failed: in.ReturnValuesOnConditionCheckFailure,
		}, in.ReturnValues, types.ReturnValueAllOld)
		return &dynamodb.DeleteItemOutput{Attributes: before}, err
	case *dynamodb.QueryInput:
		return m.query(in)
	case *dynamodb.ScanInput:
		return m.scan(in)
	case *dynamodb.BatchGetItemInput:
		return m.batchGet(in)
	case *dynamodb.BatchWriteItemInput:
		return m.batchWrite(in)
	case *dynamodb.TransactWriteItemsInput:
		return m.transact(in)
	case *dynamodb.TransactGetItemsInput:
		return m.transactGet(in)
	}
	return nil, unknown(fmt.Sprintf("%T", parameters))
}

func unknown(what string) error { return fmt.Errorf("memory: %s is not known here", what) }

func (m *Memory) table(name *string) (*shelf, error) {
	if t := m.tables[aws.ToString(name)]; t != nil {
		return t, nil
	}
	return nil, &types.ResourceNotFoundException{Message: aws.String("Cannot do operations on a non-existent table")}
}

// keyOf reads a key, and with exactly says that there is nothing beside it.
func keyOf(item attr.Item, exactly bool) (pk, sk string, err error) {
	pk, sk = attr.GetS(item, "pk"), attr.GetS(item, "sk")
	if pk == "" || sk == "" || exactly && len(item) != 2 {
		return "", "", invalid("the provided key element does not match the schema")
	}
	if len(pk) > 2048 || len(sk) > 1024 {
		return "", "", invalid("size of a key has exceeded its limit")
	}
	return pk, sk, nil
}

func (m *Memory) read(table *string, key attr.Item, wanted *string, names map[string]string) (attr.Item, error) {
	t, err := m.table(table)
	if err != nil {
		return nil, err
	}
	pk, sk, err := keyOf(key, true)
	if err != nil {
		return nil, err
	}
	x, err := parse(projection, wanted)
	if err != nil {
		return nil, err
	}
	e := env{names: names}
	if err := e.check(x); err != nil {
		return nil, err
	}
	return e.project(t.items[pk][sk], x), nil
}

// write is a write of one item, alone or in a transaction.
type write struct {
	table *string
	// put is the item of a Put, key that of any other.
	put, key          attr.Item
	updates, checks   bool
	condition, update *string
	env               env
	failed            types.ReturnValuesOnConditionCheckFailure
}

// judged is a write whose condition was asked.
type judged struct {
	shelf         *shelf
	pk, sk        string
	before, after attr.Item
	// refused is why it is not made: a condition, or an update that does not fit the item.
	refused error
	apply   func()
}

// look reads a write: what is wrong with it whatever the tables hold, and whether its condition holds.
func (m *Memory) look(w write) (j judged, err error) {
	if j.shelf, err = m.table(w.table); err != nil {
		return j, err
	}
	if w.put != nil {
		j.pk, j.sk, err = keyOf(w.put, false)
	} else {
		j.pk, j.sk, err = keyOf(w.key, true)
	}
	if err != nil {
		return j, err
	}
	if w.put != nil {
		if err := j.shelf.fits(w.put); err != nil {
			return j, err
		}
	}
	where, err := parse(condition, w.condition)
	if err != nil {
		return j, err
	}
	set, err := parse(updating, w.update)
	if err != nil {
		return j, err
	}
	if err := w.env.check(where, set); err != nil {
		return j, err
	}
	j.before = j.shelf.items[j.pk][j.sk]
	if where != nil && !where.condition.holds(w.env, j.before) {
		failed := &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed")}
		if w.failed == types.ReturnValuesOnConditionCheckFailureAllOld {
			failed.Item = ownItem(j.before)
		}
		j.refused = failed
		return j, nil
	}
	switch {
	case w.checks:
		j.apply = func() {}
	case w.put != nil:
		j.after = ownItem(w.put)
		j.apply = func() { j.shelf.keep(j.pk, j.sk, j.after) }
	case w.updates:
		j.after = ownItem(j.before)
		if j.after == nil {
			j.after = ownItem(w.key)
		}
		if set != nil {
			j.refused = set.update.apply(w.env, j.after)
		}
		if j.refused == nil {
			j.refused = j.shelf.fits(j.after)
		}
		j.apply = func() { j.shelf.keep(j.pk, j.sk, j.after) }
	default:
		j.apply = func() { j.shelf.remove(j.pk, j.sk) }
	}
	return j, nil
}

// fits says what is wrong with an item for a table.
func (t *shelf) fits(item attr.Item) error {
	for name, v := range item {
		if name == "" {
			return invalid("an attribute has no name")
		}
		if err := sound(v, 0); err != nil {
			return err
		}
		if t.indexed && (name == "listing" || name == "position") && attr.GetS(item, name) == "" {
			return invalid("type mismatch for index key %s", name)
		}
	}
	if weight(item) > 400<<10 {
		return invalid("item size has exceeded the maximum allowed size")
	}
	return nil
}

// single makes a write; returns are what may be asked for.
func (m *Memory) single(w write, asked types.ReturnValue, returns ...types.ReturnValue) (before, after attr.Item, err error) {
	if asked != "" && asked != types.ReturnValueNone && !slices.Contains(returns, asked) {
		return nil, nil, unknown(string(asked))
	}
	j, err := m.look(w)
	if err == nil {
		err = j.refused
	}
	if err == nil {
		j.apply()
	}
	if err != nil || !slices.Contains(returns, asked) {
		return nil, nil, err
	}
	return ownItem(j.before), ownItem(j.after), nil
}

func (t *shelf) keep(pk, sk string, item attr.Item) {
	if t.items[pk] == nil {
		t.items[pk] = map[string]attr.Item{}
	}
	old, known := t.items[pk][sk]
	t.items[pk][sk] = item
	if order, ok := t.sorted[pk]; ok && !known {
		i, _ := slices.BinarySearch(order, sk)
		t.sorted[pk] = slices.Insert(order, i, sk)
	}
	if t.index != nil && (!known || attr.GetS(old, "listing") != attr.GetS(item, "listing") || attr.GetS(old, "position") != attr.GetS(item, "position")) {
		t.unlist(pk, sk, old)
		t.list(pk, sk, item)
	}
}

func (t *shelf) remove(pk, sk string) {
	old, known := t.items[pk][sk]
	if !known {
		return
	}
	delete(t.items[pk], sk)
	if order, ok := t.sorted[pk]; ok {
		i, _ := slices.BinarySearch(order, sk)
		t.sorted[pk] = slices.Delete(order, i, i+1)
	}
	if len(t.items[pk]) == 0 {
		delete(t.items, pk)
		delete(t.sorted, pk)
	}
	if t.index != nil {
		t.unlist(pk, sk, old)
	}
}

// list puts an item in the index, if it has what the index goes by.
func (t *shelf) list(pk, sk string, item attr.Item) {
	listing, at := attr.GetS(item, "listing"), place{attr.GetS(item, "position"), pk, sk}
	if listing == "" || at.position == "" {
		return
	}
	i, _ := slices.BinarySearchFunc(t.index[listing], at, place.compare)
	t.index[listing] = slices.Insert(t.index[listing], i, at)
}

func (t *shelf) unlist(pk, sk string, item attr.Item) {
	listing := attr.GetS(item, "listing")
	if i, ok := slices.BinarySearchFunc(t.index[listing], place{attr.GetS(item, "position"), pk, sk}, place.compare); ok {
		t.index[listing] = slices.Delete(t.index[listing], i, i+1)
	}
}

// partition is the sort keys of a partition, in order.
func (t *shelf) partition(pk string) []string {
	order, ok := t.sorted[pk]
	if !ok && t.items[pk] != nil {
		order = slices.Sorted(maps.Keys(t.items[pk]))
		t.sorted[pk] = order
	}
	return order
}

// listing is a partition of the index, in order.
func (t *shelf) listing(of string) []place {
	if t.index == nil {
		t.index = map[string][]place{}
		for pk, partition := range t.items {
			for sk, item := range partition {
				if listing, position := attr.GetS(item, "listing"), attr.GetS(item, "position"); listing != "" && position != "" {
					t.index[listing] = append(t.index[listing], place{position, pk, sk})
				}
			}
		}
		for _, places := range t.index {
			slices.SortFunc(places, place.compare)
		}
	}
	return t.index[of]
}

func (m *Memory) batchGet(in *dynamodb.BatchGetItemInput) (any, error) {
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]attr.Item{}, UnprocessedKeys: map[string]types.KeysAndAttributes{}}
	n := 0
	for table, wanted := range in.RequestItems {
		if wanted.AttributesToGet != nil {
			return nil, unknown("AttributesToGet")
		}
		out.Responses[table] = []attr.Item{}
		seen := map[place]bool{}
		for _, key := range wanted.Keys {
			item, err := m.read(&table, key, wanted.ProjectionExpression, wanted.ExpressionAttributeNames)
			if err != nil {
				return nil, err
			}
			at := place{"", attr.GetS(key, "pk"), attr.GetS(key, "sk")}
			if n++; seen[at] {
				return nil, invalid("provided list of item keys contains duplicates")
			}
			seen[at] = true
			if item != nil {
				out.Responses[table] = append(out.Responses[table], item)
			}
		}
	}
	if n == 0 || n > 100 {
		return nil, invalid("%d keys in a batch", n)
	}
	return out, nil
}

func (m *Memory) batchWrite(in *dynamodb.BatchWriteItemInput) (any, error) {
	var all []judged
	for table, writes := range in.RequestItems {
		seen := map[place]bool{}
		for _, w := range writes {
			c := write{table: &table}
			switch {
			case w.DeleteRequest != nil && w.PutRequest == nil:
				c.key = w.DeleteRequest.Key
			case w.PutRequest != nil && w.DeleteRequest == nil && w.PutRequest.Item != nil:
				c.put = w.PutRequest.Item
			default:
				return nil, invalid("a write of a batch is not one of put and delete")
			}
			j, err := m.look(c)
			if err != nil {
				return nil, err
			}
			if at := (place{"", j.pk, j.sk}); seen[at] {
				return nil, invalid("provided list of item keys contains duplicates")
			} else {
				seen[at] = true
			}
			all = append(all, j)
		}
	}
	if len(all) == 0 || len(all) > 25 {
		return nil, invalid("%d writes in a batch", len(all))
	}
	for _, j := range all {
		j.apply()
	}
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}, nil
}

func (m *Memory) transact(in *dynamodb.TransactWriteItemsInput) (any, error) {
	if n := len(in.TransactItems); n == 0 || n > 100 {
		return nil, invalid("%d items in a transaction", n)
	}
	// The SDK gives every request a token and leaves it in what it was given, so who sends that again sends the same token.
	token := aws.ToString(in.ClientRequestToken)
	if done, ok := m.tokens[token]; ok && token != "" {
		if !reflect.DeepEqual(done, in.TransactItems) {
			return nil, &types.IdempotentParameterMismatchException{Message: aws.String("another request had this token")}
		}
		return &dynamodb.TransactWriteItemsOutput{}, nil
	}
	type at struct {
		shelf  *shelf
		pk, sk string
	}
	seen, total, canceled := map[at]bool{}, 0, false
	all, reasons := make([]judged, len(in.TransactItems)), make([]types.CancellationReason, len(in.TransactItems))
	codes := make([]string, len(reasons))
	for i, item := range in.TransactItems {
		w, err := changeOf(item)
		if err != nil {
			return nil, err
		}
		j, err := m.look(w)
		if err != nil {
			return nil, err
		}
		if seen[at{j.shelf, j.pk, j.sk}] {
			return nil, invalid("transaction request cannot include multiple operations on one item")
		}
		seen[at{j.shelf, j.pk, j.sk}] = true
		total += weight(j.after)
		all[i], codes[i] = j, "None"
		switch refused := j.refused.(type) {
		case nil:
		case *types.ConditionalCheckFailedException:
			codes[i], reasons[i].Message, reasons[i].Item = "ConditionalCheckFailed", refused.Message, refused.Item
		default:
			codes[i], reasons[i].Message = "ValidationError", aws.String(refused.Error())
		}
		reasons[i].Code = &codes[i]
		canceled = canceled || j.refused != nil
	}
	if total > 4<<20 {
		return nil, invalid("the items of a transaction have more than 4 MB")
	}
	if canceled {
		return nil, &types.TransactionCanceledException{
			Message:             aws.String("Transaction cancelled, please refer cancellation reasons for specific reasons [" + strings.Join(codes, ", ") + "]"),
			CancellationReasons: reasons,
		}
	}
	for _, j := range all {
		j.apply()
	}
	if token != "" {
		m.tokens[token], m.recent = slices.Clone(in.TransactItems), append(m.recent, token)
		if len(m.recent) > 1000 {
			delete(m.tokens, m.recent[0])
			m.recent = m.recent[1:]
		}
	}
	return &dynamodb.TransactWriteItemsOutput{}, nil
}

// changeOf is one item of a transaction.
func changeOf(item types.TransactWriteItem) (c write, err error) {
	n := 0
	if in := item.Put; in != nil && in.Item != nil {
		n++
		c = write{
			table: in.TableName, put: in.Item, condition: in.ConditionExpression,
			env: env{in.ExpressionAttributeNames, in.ExpressionAttributeValues}, failed: in.ReturnValuesOnConditionCheckFailure,
		}
	}
	if in := item.Update; in != nil {
		n++
		if in.UpdateExpression == nil {
			return c, invalid("an update of a transaction has no expression")
		}
		c = write{
			table: in.TableName, key: in.Key, update: in.UpdateExpression, updates: true, condition: in.ConditionExpression,
			env: env{in.ExpressionAttributeNames, in.ExpressionAttributeValues}, failed: in.ReturnValuesOnConditionCheckFailure,
		}
	}
	if in := item.Delete; in != nil {
		n++
		c = write{
			table: in.TableName, key: in.Key, condition: in.ConditionExpression,
			env: env{in.ExpressionAttributeNames, in.ExpressionAttributeValues}, failed: in.ReturnValuesOnConditionCheckFailure,
		}
	}
	if in := item.ConditionCheck; in != nil {
		n++
		if in.ConditionExpression == nil {
			return c, invalid("a check of a transaction has no condition")
		}
		c = write{
			table: in.TableName, key: in.Key, condition: in.ConditionExpression, checks: true,
			env: env{in.ExpressionAttributeNames, in.ExpressionAttributeValues}, failed: in.ReturnValuesOnConditionCheckFailure,
		}
	}
	if n != 1 {
		return c, invalid("an item of a transaction is not one of put, update, delete and check")
	}
	return c, nil
}

func (m *Memory) transactGet(in *dynamodb.TransactGetItemsInput) (any, error) {
	if n := len(in.TransactItems); n == 0 || n > 100 {
		return nil, invalid("%d items in a transaction", n)
	}
	out := &dynamodb.TransactGetItemsOutput{}
	seen := map[[3]string]bool{}
	for _, wanted := range in.TransactItems {
		if wanted.Get == nil {
			return nil, invalid("an item of a transaction has no get")
		}
		item, err := m.read(wanted.Get.TableName, wanted.Get.Key, wanted.Get.ProjectionExpression, wanted.Get.ExpressionAttributeNames)
		if err != nil {
			return nil, err
		}
		at := [3]string{aws.ToString(wanted.Get.TableName), attr.GetS(wanted.Get.Key, "pk"), attr.GetS(wanted.Get.Key, "sk")}
		if seen[at] {
			return nil, invalid("transaction request cannot include multiple operations on one item")
		}
		seen[at] = true
		out.Responses = append(out.Responses, types.ItemResponse{Item: item})
	}
	return out, nil
}

// span is what a query's key condition asks for: a partition, and what of its sort keys.
type span struct {
	partition string
	sort      node
}

// spanOf reads a key condition on keys of these names.
func (e env) spanOf(n node, hash, sort string) (s span, err error) {
	var terms []node
	var flatten func(n node)
	flatten = func(n node) {
		switch n := n.(type) {
		case grouped:
			flatten(n.node)
		case both:
			flatten(n.a)
			flatten(n.b)
		default:
			terms = append(terms, n)
		}
	}
	flatten(n)
	on := func(o operand, name string) bool { return len(o.path) == 1 && !o.size && e.name(o.path[0]) == name }
	text := func(all ...operand) bool {
		for _, o := range all {
			if s, ok := e.values[o.value].(*types.AttributeValueMemberS); !ok || s.Value == "" {
				return false
			}
		}
		return true
	}
	for _, n := range terms {
		ok := false
		switch n := n.(type) {
		case compared:
			if on(n.a, hash) && n.op == "=" && text(n.b) && s.partition == "" {
				s.partition = attr.GetS(e.values, n.b.value)
				continue
			}
			ok = on(n.a, sort) && n.op != "<>" && text(n.b)
		case between:
			ok = on(n.v, sort) && text(n.low, n.high)
		case begins:
			ok = on(operand{path: n.p}, sort) && text(n.v)
		}
		if !ok || s.sort != nil {
			return s, invalid("query key condition not supported")
		}
		s.sort = n
	}
	if s.partition == "" {
		return s, invalid("query condition missed key schema element: %s", hash)
	}
	return s, nil
}

// covers says that a sort key is among what is asked for.
func (s span) covers(e env, name, value string) bool {
	return s.sort == nil || s.sort.holds(e, attr.Item{name: attr.S(value)})
}

// end is the sort key with which a range ends in one direction, if it includes one.
func (s span) end(e env, forward bool) types.AttributeValue {
	switch n := s.sort.(type) {
	case between:
		if forward {
			return e.values[n.high.value]
		}
		return e.values[n.low.value]
	case compared:
		if n.op == "<=" && forward || n.op == ">=" && !forward {
			return e.values[n.b.value]
		}
	}
	return nil
}

// query answers everything in one page; where a limit was asked for, as many and where to go on.
func (m *Memory) query(in *dynamodb.QueryInput) (any, error) {
	switch {
	case in.KeyConditions != nil || in.QueryFilter != nil || in.AttributesToGet != nil || in.ConditionalOperator != "":
		return nil, unknown("KeyConditions, QueryFilter or AttributesToGet")
	case in.Select != "" && in.Select != types.SelectCount:
		return nil, unknown("Select " + string(in.Select))
	case in.KeyConditionExpression == nil:
		return nil, invalid("a query has no key condition")
	}
	t, err := m.table(in.TableName)
	if err != nil {
		return nil, err
	}
	hash, sort := "pk", "sk"
	if in.IndexName != nil {
		if *in.IndexName != vault.Listing || !t.indexed {
			return nil, invalid("the table does not have the specified index: %s", *in.IndexName)
		}
		if aws.ToBool(in.ConsistentRead) {
			return nil, invalid("consistent reads are not supported on global secondary indexes")
		}
		hash, sort = "listing", "position"
	}
	e := env{in.ExpressionAttributeNames, in.ExpressionAttributeValues}
	key, err := parse(condition, in.KeyConditionExpression)
	if err != nil {
		return nil, err
	}
	f, err := e.filter(in.FilterExpression, in.ProjectionExpression, hash, sort, key)
	if err != nil {
		return nil, err
	}
	s, err := e.spanOf(key.condition, hash, sort)
	if err != nil {
		return nil, err
	}
	f.limit, f.count = in.Limit, in.Select == types.SelectCount
	out := &dynamodb.QueryOutput{}
	if in.IndexName == nil {
		order := t.partition(s.partition)
		i, forward, err := begin(order, in.ScanIndexForward, in.ExclusiveStartKey, []string{"pk", "sk"}, func(key attr.Item) (string, error) {
			if attr.GetS(key, "pk") != s.partition || !s.covers(e, "sk", attr.GetS(key, "sk")) {
				return "", invalid("the provided starting key is outside query boundaries based on provided conditions")
			}
			return attr.GetS(key, "sk"), nil
		}, cmp.Compare[string])
		if err != nil {
			return nil, err
		}
		for ; i >= 0 && i < len(order) && !f.full(); i += forward {
			if s.covers(e, "sk", order[i]) {
				f.take(t.items[s.partition][order[i]], hash, sort)
			}
		}
	} else {
		places := t.listing(s.partition)
		i, forward, err := begin(places, in.ScanIndexForward, in.ExclusiveStartKey, []string{"pk", "sk", "listing", "position"}, func(key attr.Item) (place, error) {
			at := place{attr.GetS(key, "position"), attr.GetS(key, "pk"), attr.GetS(key, "sk")}
			if attr.GetS(key, "listing") != s.partition || !s.covers(e, "position", at.position) {
				return at, invalid("the provided starting key is outside query boundaries based on provided conditions")
			}
			return at, nil
		}, place.compare)
		if err != nil {
			return nil, err
		}
		for ; i >= 0 && i < len(places) && !f.full(); i += forward {
			if at := places[i]; s.covers(e, "position", at.position) {
				f.take(shown(t.items[at.pk][at.sk]), hash, sort)
			}
		}
	}
	// Where the last that a range could hold was seen, there is nothing to go on with.
	if end := s.end(e, in.ScanIndexForward == nil || *in.ScanIndexForward); end != nil {
		if in.ExclusiveStartKey != nil && equal(in.ExclusiveStartKey[sort], end) {
			return nil, invalid("the provided starting key does not match the range key predicate")
		}
		if f.full() && equal(f.last[sort], end) {
			f.last = nil
		}
	}
	out.Items, out.Count, out.ScannedCount, out.LastEvaluatedKey = f.items, f.matched, f.seen, f.last
	return out, nil
}

// shown is what the index has of an item.
func shown(item attr.Item) attr.Item {
	part := attr.Item{"pk": item["pk"], "sk": item["sk"], "listing": item["listing"], "position": item["position"]}
	for _, name := range Projected {
		if v := item[name]; v != nil {
			part[name] = v
		}
	}
	return part
}

// begin is where a query begins, and in which direction it goes on.
func begin[K any](order []K, forward *bool, start attr.Item, keys []string, of func(attr.Item) (K, error), compare func(a, b K) int) (i, step int, err error) {
	step = 1
	if forward != nil && !*forward {
		i, step = len(order)-1, -1
	}
	if start == nil {
		return i, step, nil
	}
	for _, name := range keys {
		if attr.GetS(start, name) == "" || len(start) != len(keys) {
			return 0, 0, invalid("the provided starting key is invalid")
		}
	}
	at, err := of(start)
	if err != nil {
		return 0, 0, err
	}
	i, found := slices.BinarySearchFunc(order, at, compare)
	switch {
	case step < 0:
		i--
	case found:
		i++
	}
	return i, step, nil
}

// page collects what a query or a scan finds.
type page struct {
	env           env
	filter, part  *parsed
	limit         *int32
	count         bool
	items         []attr.Item
	last          attr.Item
	matched, seen int32
}

// filter begins a page of what a filter lets through.
func (e env) filter(filter, part *string, hash, sort string, others ...*parsed) (*page, error) {
	f, err := parse(condition, filter)
	if err != nil {
		return nil, err
	}
	p, err := parse(projection, part)
	if err != nil {
		return nil, err
	}
	if err := e.check(append(others, f, p)...); err != nil {
		return nil, err
	}
	if f != nil && hash != "" {
		for _, n := range f.firsts {
			if name := e.name(n); name == hash || name == sort {
				return nil, invalid("filter expression can only contain non-primary key attributes: %s", name)
			}
		}
	}
	if hash == "listing" {
		for _, x := range []*parsed{f, p} {
			for i := 0; x != nil && i < len(x.firsts); i++ {
				name := e.name(x.firsts[i])
				if !slices.Contains(Projected, name) && !slices.Contains([]string{"pk", "sk", hash, sort}, name) {
					return nil, invalid("the index does not project %s", name)
				}
			}
		}
	}
	return &page{env: e, filter: f, part: p}, nil
}

func (p *page) full() bool { return p.last != nil }

// take sees an item; the keys of the index that is read, if any, are part of where to go on.
func (p *page) take(item attr.Item, keys ...string) {
	p.seen++
	if p.filter == nil || p.filter.condition.holds(p.env, item) {
		if p.matched++; !p.count {
			p.items = append(p.items, p.env.project(item, p.part))
		}
	}
	if p.limit != nil && p.seen == *p.limit {
		p.last = attr.Item{"pk": item["pk"], "sk": item["sk"]}
		for _, name := range keys {
			p.last[name] = item[name]
		}
	}
}

// scan goes by partition and sort key.
func (m *Memory) scan(in *dynamodb.ScanInput) (any, error) {
	switch {
	case in.IndexName != nil || in.Segment != nil || in.TotalSegments != nil:
		return nil, unknown("a scan of an index or a segment")
	case in.ScanFilter != nil || in.AttributesToGet != nil || in.ConditionalOperator != "":
		return nil, unknown("ScanFilter or AttributesToGet")
	case in.Select != "" && in.Select != types.SelectCount:
		return nil, unknown("Select " + string(in.Select))
	}
	t, err := m.table(in.TableName)
	if err != nil {
		return nil, err
	}
	e := env{in.ExpressionAttributeNames, in.ExpressionAttributeValues}
	f, err := e.filter(in.FilterExpression, in.ProjectionExpression, "", "")
	if err != nil {
		return nil, err
	}
	f.limit, f.count = in.Limit, in.Select == types.SelectCount
	pk, sk := "", ""
	if in.ExclusiveStartKey != nil {
		if pk, sk, err = keyOf(in.ExclusiveStartKey, true); err != nil {
			return nil, err
		}
	}
	for _, p := range slices.Sorted(maps.Keys(t.items)) {
		if p < pk {
			continue
		}
		for _, s := range t.partition(p) {
			if !f.full() && (p > pk || s > sk) {
				f.take(t.items[p][s])
			}
		}
	}
	return &dynamodb.ScanOutput{Items: f.items, Count: f.matched, ScannedCount: f.seen, LastEvaluatedKey: f.last}, nil
}

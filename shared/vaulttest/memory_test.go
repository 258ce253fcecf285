package vaulttest_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// plain is a value as it can be compared: sets have no order.
func plain(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberSS:
		return append([]string{"SS"}, slices.Sorted(slices.Values(v.Value))...)
	case *types.AttributeValueMemberNS:
		return append([]string{"NS"}, slices.Sorted(slices.Values(v.Value))...)
	case *types.AttributeValueMemberM:
		return plainItem(v.Value)
	case *types.AttributeValueMemberL:
		list := []any{}
		for _, e := range v.Value {
			list = append(list, plain(e))
		}
		return list
	case *types.AttributeValueMemberS:
		return "S " + v.Value
	case *types.AttributeValueMemberN:
		return "N " + v.Value
	case *types.AttributeValueMemberB:
		return "B " + string(v.Value)
	case *types.AttributeValueMemberBOOL:
		return v.Value
	}
	return fmt.Sprintf("%T", v)
}

func plainItem(item attr.Item) map[string]any {
	if len(item) == 0 {
		return nil
	}
	all := map[string]any{}
	for name, v := range item {
		all[name] = plain(v)
	}
	return all
}

func plainItems(items []attr.Item) (all []map[string]any) {
	for _, item := range items {
		all = append(all, plainItem(item))
	}
	return all
}

// outcome is what a request was answered, without the words of errors.
type outcome struct {
	Error  string
	Items  []map[string]any
	Last   map[string]any
	Counts [2]int32
}

// made makes one request, given as the input of an operation without its tables.
func made(v *vaulttest.Vault, input any) (o outcome, words string) {
	ctx, table := context.Background(), &v.Tables.Keys
	var err error
	switch in := input.(type) {
	case dynamodb.PutItemInput:
		in.TableName = table
		var out *dynamodb.PutItemOutput
		if out, err = v.DB.PutItem(ctx, &in); err == nil {
			o.Items = plainItems([]attr.Item{out.Attributes})
		}
	case dynamodb.UpdateItemInput:
		in.TableName = table
		var out *dynamodb.UpdateItemOutput
		if out, err = v.DB.UpdateItem(ctx, &in); err == nil {
			o.Items = plainItems([]attr.Item{out.Attributes})
		}
	case dynamodb.DeleteItemInput:
		in.TableName = table
		var out *dynamodb.DeleteItemOutput
		if out, err = v.DB.DeleteItem(ctx, &in); err == nil {
			o.Items = plainItems([]attr.Item{out.Attributes})
		}
	case dynamodb.GetItemInput:
		in.TableName = table
		var out *dynamodb.GetItemOutput
		if out, err = v.DB.GetItem(ctx, &in); err == nil {
			o.Items = plainItems([]attr.Item{out.Item})
		}
	case dynamodb.QueryInput:
		in.TableName = table
		var out *dynamodb.QueryOutput
		if out, err = v.DB.Query(ctx, &in); err == nil {
			o.Items, o.Last, o.Counts = plainItems(out.Items), plainItem(out.LastEvaluatedKey), [2]int32{out.Count, out.ScannedCount}
		}
	case dynamodb.TransactWriteItemsInput:
		in.TransactItems = slices.Clone(in.TransactItems)
		for i, w := range in.TransactItems {
			if w.Put != nil {
				c := *w.Put
				c.TableName, w.Put = table, &c
			}
			if w.Update != nil {
				c := *w.Update
				c.TableName, w.Update = table, &c
			}
			if w.Delete != nil {
				c := *w.Delete
				c.TableName, w.Delete = table, &c
			}
			if w.ConditionCheck != nil {
				c := *w.ConditionCheck
				c.TableName, w.ConditionCheck = table, &c
			}
			in.TransactItems[i] = w
		}
		_, err = v.DB.TransactWriteItems(ctx, &in)
	case dynamodb.TransactGetItemsInput:
		in.TransactItems = slices.Clone(in.TransactItems)
		for i, w := range in.TransactItems {
			c := *w.Get
			c.TableName = table
			in.TransactItems[i].Get = &c
		}
		var out *dynamodb.TransactGetItemsOutput
		if out, err = v.DB.TransactGetItems(ctx, &in); err == nil {
			for _, r := range out.Responses {
				o.Items = append(o.Items, plainItem(r.Item))
			}
		}
	default:
		panic(fmt.Sprintf("%T", input))
	}
	if err == nil {
		return o, ""
	}
	o.Error = "another error"
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		o.Error = api.ErrorCode()
	}
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		o.Items = plainItems([]attr.Item{failed.Item})
	}
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		for _, r := range canceled.CancellationReasons {
			// DynamoDB says of an update that does not fit its item that the transaction is canceled, as memory does; DynamoDB
			// Local says that the request is not valid.
			if aws.ToString(r.Code) == "ValidationError" {
				return outcome{Error: "ValidationException"}, err.Error()
			}
			o.Error += " " + aws.ToString(r.Code)
			o.Items = append(o.Items, plainItem(r.Item))
		}
	}
	return o, err.Error()
}

func scanned(t *testing.T, v *vaulttest.Vault) map[string]any {
	all := map[string]any{}
	for _, item := range v.Items(t, v.Tables.Keys) {
		all[attr.GetS(item, "pk")+" "+attr.GetS(item, "sk")] = plainItem(item)
	}
	return all
}

// script writes expressions at random.
type script struct {
	*rand.Rand
	// projected keeps to attributes that the index has.
	projected bool
	names     map[string]string
	values    attr.Item
}

func (s *script) begin() { s.projected, s.names, s.values = false, map[string]string{}, attr.Item{} }

func pick[T any](s *script, all ...T) T { return all[s.IntN(len(all))] }

func (s *script) chance(percent int) bool { return s.IntN(100) < percent }

// given is the names and values of a request, nil if there are none.
func (s *script) given() (names map[string]string, values attr.Item) {
	if len(s.names) > 0 {
		names = s.names
	}
	if len(s.values) > 0 {
		values = s.values
	}
	return names, values
}

func (s *script) name(n string) string {
	reserved := slices.Contains([]string{"state", "position", "number", "data", "inner", "count"}, n)
	if reserved && !s.chance(1) || s.chance(40) {
		s.names["#"+n] = n
		return "#" + n
	}
	return n
}

func (s *script) value(v types.AttributeValue) string {
	name := ":v" + strconv.Itoa(len(s.values))
	s.values[name] = v
	return name
}

func (s *script) path() string {
	if s.projected {
		return s.name(pick(s, "state", "bytes", "marks", "awaits"))
	}
	if s.chance(25) {
		path := s.name("inner") + "." + s.name(pick(s, "count", "word", "deep"))
		if s.chance(20) {
			path += "." + s.name("x")
		}
		return path
	}
	return s.name(pick(s, "number", "word", "tags", "numbers", "data", "state", "bytes", "flag", "listed", "missing", "inner"))
}

func (s *script) number() types.AttributeValue { return attr.N(s.IntN(7) - 2) }
func (s *script) word() types.AttributeValue {
	return attr.S(pick(s, "", "a", "ab", "abc", "b", "ba", "c", "open", "äö"))
}

func (s *script) tags() types.AttributeValue {
	set := []string{"a", "b", "c", "open"}
	s.Shuffle(4, func(i, j int) { set[i], set[j] = set[j], set[i] })
	return &types.AttributeValueMemberSS{Value: set[:1+s.IntN(3)]}
}

func (s *script) numbers() types.AttributeValue {
	set := []string{"-1", "0", "2", "12345678901234567890"}
	s.Shuffle(4, func(i, j int) { set[i], set[j] = set[j], set[i] })
	return &types.AttributeValueMemberNS{Value: set[:1+s.IntN(3)]}
}

func (s *script) data() types.AttributeValue { return attr.B([]byte(pick(s, "x", "xy", "y"))) }

func (s *script) inner() types.AttributeValue {
	m := attr.Item{}
	for name, v := range map[string]types.AttributeValue{"count": s.number(), "word": s.word(), "deep": attr.Map(attr.Item{"x": s.number()})} {
		if s.chance(60) {
			m[name] = v
		}
	}
	return attr.Map(m)
}

func (s *script) any() types.AttributeValue {
	switch s.IntN(20) {
	case 0, 1, 2, 3, 4, 5:
		return s.number()
	case 6, 7, 8, 9, 10, 11:
		return s.word()
	case 12, 13:
		return s.tags()
	case 14:
		return s.numbers()
	case 15, 16:
		return s.data()
	case 17:
		return s.inner()
	case 18:
		return attr.Strings([]string{"a", "ab"})
	}
	return &types.AttributeValueMemberBOOL{Value: s.chance(50)}
}

func (s *script) key() attr.Item {
	return attr.Key(pick(s, "p", "q"), pick(s, "a", "a1", "a2", "b", "b1", "c"))
}

func (s *script) item() attr.Item {
	item := s.key()
	for name, v := range map[string]types.AttributeValue{
		"number": s.number(), "word": s.word(), "tags": s.tags(), "numbers": s.numbers(), "data": s.data(), "state": s.word(), "bytes": s.number(),
		"flag": &types.AttributeValueMemberBOOL{Value: s.chance(50)}, "listed": attr.Strings([]string{"a", "ab"}), "inner": s.inner(), "marks": s.tags(),
		"listing": attr.S(pick(s, "l", "m")), "position": s.position(),
	} {
		if s.chance(60) {
			item[name] = v
		}
	}
	return item
}

// position is different every time: what the index does with two at one position is its own affair.
func (s *script) position() types.AttributeValue {
	return attr.S(fmt.Sprintf("%06d", s.IntN(1_000_000)))
}

func (s *script) operand() string {
	switch s.IntN(10) {
	case 0, 1:
		return s.path()
	case 2:
		return "size(" + s.path() + ")"
	}
	return s.value(s.any())
}

// scalar is a path or a value that has an order.
func (s *script) scalar() string {
	if s.chance(10) {
		return s.operand()
	}
	return s.value(pick(s, s.number(), s.word(), s.data()))
}

// fitting is a path and a value that goes with it, most of the time.
func (s *script) fitting() (path, value string) {
	n := s.IntN(6)
	if s.projected {
		n = 5
	}
	switch n {
	case 0:
		return s.name("number"), s.value(s.number())
	case 1:
		return s.name("word"), s.value(s.word())
	case 2:
		return s.name("data"), s.value(s.data())
	case 3:
		return "size(" + s.path() + ")", s.value(s.number())
	case 4:
		return s.name("inner") + "." + s.name("count"), s.value(s.number())
	}
	return s.path(), s.scalar()
}

func (s *script) predicate() string {
	switch s.IntN(9) {
	case 0:
		return pick(s, "attribute_exists", "attribute_not_exists") + "(" + s.path() + ")"
	case 1:
		return "begins_with(" + s.path() + ", " + s.value(pick(s, s.word(), s.word(), s.data(), s.any())) + ")"
	case 2:
		return "contains(" + s.path() + ", " + s.operand() + ")"
	case 3:
		if s.chance(20) {
			path, value := s.fitting()
			return path + " BETWEEN " + value + " AND " + s.scalar()
		}
		if s.chance(50) {
			return s.path() + " BETWEEN " + s.value(attr.N(s.IntN(3)-2)) + " AND " + s.value(attr.N(1+s.IntN(4)))
		}
		return s.path() + " BETWEEN " + s.value(attr.S(pick(s, "a", "ab"))) + " AND " + s.value(attr.S(pick(s, "b", "c")))
	case 4:
		path, value := s.fitting()
		return path + " IN (" + value + ", " + s.operand() + ")"
	}
	a, b := s.fitting()
	if s.chance(10) {
		a, b = b, a
	}
	return a + pick(s, " = ", " <> ", " < ", " <= ", " > ", " >= ", "=", "<>", "<=") + b
}

func (s *script) condition(depth int) string {
	if depth == 0 || s.chance(40) {
		return s.predicate()
	}
	switch a := s.condition(depth - 1); s.IntN(6) {
	case 0, 1:
		return a + " AND " + s.condition(depth-1)
	case 2, 3:
		return a + pick(s, " OR ", " or ") + s.condition(depth-1)
	case 4:
		return "NOT " + a
	default:
		return "(" + a + ") AND " + s.condition(depth-1)
	}
}

func (s *script) sum() string {
	t := func() string {
		switch s.IntN(4) {
		case 0:
			return s.name("number")
		case 1:
			return "if_not_exists(" + s.path() + ", " + s.value(s.number()) + ")"
		}
		return s.value(s.number())
	}
	switch s.IntN(6) {
	case 0, 1:
		return t() + pick(s, " + ", " - ", "+") + t()
	case 2:
		return s.path()
	case 3:
		return "if_not_exists(" + s.path() + ", " + s.value(s.any()) + ")"
	}
	return s.value(s.any())
}

func (s *script) update() string {
	var clauses []string
	some := func(one func() string) string {
		all := []string{one()}
		for s.chance(25) {
			all = append(all, one())
		}
		return strings.Join(all, ", ")
	}
	if s.chance(60) {
		clauses = append(clauses, "SET "+some(func() string {
			switch s.IntN(8) {
			case 0:
				return s.name("listing") + " = " + s.value(attr.S(pick(s, "l", "m")))
			case 1:
				return s.name("position") + " = " + s.value(s.position())
			case 2:
				return s.name("number") + " = " + s.name("number") + " + " + s.value(s.number())
			case 3:
				return s.name("inner") + " = " + s.value(s.inner())
			}
			return s.path() + " = " + s.sum()
		}))
	}
	if s.chance(25) {
		clauses = append(clauses, "REMOVE "+some(func() string {
			if s.chance(60) {
				return s.path()
			}
			return s.name(pick(s, "listing", "position"))
		}))
	}
	if s.chance(30) {
		clauses = append(clauses, "ADD "+some(func() string {
			switch s.IntN(4) {
			case 0:
				return s.name("tags") + " " + s.value(s.tags())
			case 1:
				return s.name("number") + " " + s.value(s.number())
			case 2:
				return s.name("numbers") + " " + s.value(s.numbers())
			}
			if s.chance(80) {
				return s.path() + " " + s.value(pick(s, s.number(), s.tags()))
			}
			return s.path() + " " + s.value(s.any())
		}))
	}
	if s.chance(25) {
		clauses = append(clauses, "DELETE "+some(func() string {
			switch s.IntN(4) {
			case 0, 1:
				return s.name("tags") + " " + s.value(s.tags())
			case 2:
				return s.name("numbers") + " " + s.value(s.numbers())
			}
			return s.path() + " " + s.value(s.any())
		}))
	}
	s.Shuffle(len(clauses), func(i, j int) { clauses[i], clauses[j] = clauses[j], clauses[i] })
	if len(clauses) == 0 {
		return "REMOVE " + s.path()
	}
	return strings.Join(clauses, " ")
}

// request is any request. A name or value that turns out not to be used is part of the game.
func (s *script) request() any {
	s.begin()
	var where *string
	if s.chance(60) {
		where = aws.String(s.condition(2))
	}
	old := types.ReturnValuesOnConditionCheckFailureNone
	if s.chance(30) {
		old = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	returns := pick(s, types.ReturnValueNone, types.ReturnValueAllOld)
	switch s.IntN(12) {
	case 0, 1:
		names, values := s.given()
		return dynamodb.PutItemInput{Item: s.item(), ConditionExpression: where, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
			ReturnValues: returns, ReturnValuesOnConditionCheckFailure: old}
	case 2, 3, 4, 5:
		update := s.update()
		names, values := s.given()
		return dynamodb.UpdateItemInput{Key: s.key(), UpdateExpression: &update, ConditionExpression: where, ExpressionAttributeNames: names,
			ExpressionAttributeValues: values, ReturnValues: pick(s, returns, types.ReturnValueAllNew), ReturnValuesOnConditionCheckFailure: old}
	case 6:
		names, values := s.given()
		return dynamodb.DeleteItemInput{Key: s.key(), ConditionExpression: where, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
			ReturnValues: returns, ReturnValuesOnConditionCheckFailure: old}
	case 7, 8:
		return s.transaction()
	case 9:
		if s.chance(30) {
			in := dynamodb.TransactGetItemsInput{}
			for range 1 + s.IntN(3) {
				in.TransactItems = append(in.TransactItems, types.TransactGetItem{Get: &types.Get{Key: s.key()}})
			}
			return in
		}
		s.begin()
		in := dynamodb.GetItemInput{Key: s.key(), ConsistentRead: aws.Bool(true)}
		if s.chance(60) {
			in.ProjectionExpression = aws.String(s.path() + ", " + s.path())
			in.ExpressionAttributeNames, _ = s.given()
		}
		return in
	}
	return s.query()
}

func (s *script) transaction() any {
	in := dynamodb.TransactWriteItemsInput{}
	taken := map[string]bool{}
	for range 1 + s.IntN(4) {
		s.begin()
		// The same item twice is seen before conditions by DynamoDB, and after them by DynamoDB Local.
		item := s.item()
		key := attr.Item{"pk": item["pk"], "sk": item["sk"]}
		if at := attr.GetS(key, "pk") + attr.GetS(key, "sk"); taken[at] {
			continue
		} else {
			taken[at] = true
		}
		var where *string
		if s.chance(40) {
			where = aws.String(s.condition(1))
		}
		old := types.ReturnValuesOnConditionCheckFailureNone
		if s.chance(30) {
			old = types.ReturnValuesOnConditionCheckFailureAllOld
		}
		var w types.TransactWriteItem
		switch s.IntN(4) {
		case 0:
			names, values := s.given()
			w.Put = &types.Put{Item: item, ConditionExpression: where, ExpressionAttributeNames: names, ExpressionAttributeValues: values, ReturnValuesOnConditionCheckFailure: old}
		case 1:
			update := s.update()
			names, values := s.given()
			w.Update = &types.Update{Key: key, UpdateExpression: &update, ConditionExpression: where, ExpressionAttributeNames: names, ExpressionAttributeValues: values, ReturnValuesOnConditionCheckFailure: old}
		case 2:
			names, values := s.given()
			w.Delete = &types.Delete{Key: key, ConditionExpression: where, ExpressionAttributeNames: names, ExpressionAttributeValues: values, ReturnValuesOnConditionCheckFailure: old}
		default:
			if where == nil {
				where = aws.String(s.condition(1))
			}
			names, values := s.given()
			w.ConditionCheck = &types.ConditionCheck{Key: key, ConditionExpression: where, ExpressionAttributeNames: names, ExpressionAttributeValues: values, ReturnValuesOnConditionCheckFailure: old}
		}
		in.TransactItems = append(in.TransactItems, w)
	}
	return in
}

func (s *script) query() any {
	s.begin()
	in := dynamodb.QueryInput{}
	hash, sort, partition := "pk", "sk", pick(s, "p", "q")
	at := func() types.AttributeValue { return attr.S(pick(s, "a", "a1", "b", "bb", "c")) }
	if s.chance(50) {
		in.IndexName, hash, sort, partition, at = aws.String(vault.Listing), "listing", "position", pick(s, "l", "m"), s.position
	} else {
		in.ConsistentRead = aws.Bool(s.chance(50))
	}
	terms := []string{s.name(hash) + " = " + s.value(attr.S(partition))}
	switch s.IntN(4) {
	case 0:
		terms = append(terms, s.name(sort)+pick(s, " = ", " < ", " <= ", " > ", " >= ")+s.value(at()))
	case 1:
		low, high := at(), at()
		if cmp.Less(low.(*types.AttributeValueMemberS).Value, high.(*types.AttributeValueMemberS).Value) || s.chance(5) {
			terms = append(terms, s.name(sort)+" BETWEEN "+s.value(low)+" AND "+s.value(high))
		}
	case 2:
		terms = append(terms, "begins_with("+s.name(sort)+", "+s.value(attr.S(pick(s, "a", "b", "0", "1", "12")))+")")
	}
	s.Shuffle(len(terms), func(i, j int) { terms[i], terms[j] = terms[j], terms[i] })
	in.KeyConditionExpression = aws.String(strings.Join(terms, " AND "))
	if s.projected = in.IndexName != nil && s.chance(90); s.chance(50) {
		in.FilterExpression = aws.String(s.condition(2))
	}
	if s.chance(40) {
		in.ScanIndexForward = aws.Bool(s.chance(30))
	}
	if s.chance(40) {
		in.Limit = aws.Int32(int32(1 + s.IntN(4)))
	}
	if s.chance(10) {
		in.Select = types.SelectCount
	}
	if s.chance(15) {
		start := s.item()
		if start["listing"] != nil && start["position"] != nil && in.IndexName != nil {
			start = attr.Item{"pk": start["pk"], "sk": start["sk"], "listing": start["listing"], "position": start["position"]}
		} else {
			start = attr.Item{"pk": start["pk"], "sk": start["sk"]}
		}
		in.ExclusiveStartKey = start
	}
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = s.given()
	return in
}

// Thousands of requests at random are answered in memory as by DynamoDB Local and leave the same items.
func TestStoreMemoryAnswersAsDynamoDB(t *testing.T) {
	local := vaulttest.New(t, noon)
	memory, _ := vaulttest.NewMemory(noon)
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SUPPORTVAULT_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("seed %d (SUPPORTVAULT_SEED repeats it)", seed)
	n := 3000
	if s := os.Getenv("SUPPORTVAULT_REQUESTS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	s := &script{Rand: rand.New(rand.NewPCG(seed, 1))}
	answers, wrong := map[string]int{}, 0
	for i := range n {
		in := s.request()
		want, why := made(local, in)
		got, gotWhy := made(memory, in)
		answers[fmt.Sprintf("%T %.30s", in, want.Error)]++
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("request %d (-want +got):\n%s\nwant: %s\ngot: %s\n%s", i, diff, why, gotWhy, told(in))
			if wrong++; wrong == 8 {
				t.Fatal("more would follow")
			}
		}
	}
	if diff := gocmp.Diff(scanned(t, local), scanned(t, memory)); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range answers {
			if !yield(k) {
				return
			}
		}
	}) {
		t.Logf("%5d %s", answers[k], k)
	}
}

// What chance seldom finds is answered as by DynamoDB Local, too.
func TestStoreMemoryAtTheEdges(t *testing.T) {
	local := vaulttest.New(t, noon)
	memory, _ := vaulttest.NewMemory(noon)
	key := attr.Key("p", "a")
	put := func(item attr.Item) any { return dynamodb.PutItemInput{Item: item} }
	with := func(name string, v types.AttributeValue) attr.Item {
		return attr.Item{"pk": key["pk"], "sk": key["sk"], name: v}
	}
	update := func(expression string, values attr.Item) any {
		return dynamodb.UpdateItemInput{Key: key, UpdateExpression: &expression, ExpressionAttributeValues: values, ReturnValues: types.ReturnValueAllNew}
	}
	where := func(expression string, values attr.Item) any {
		return dynamodb.DeleteItemInput{Key: attr.Key("p", "none"), ConditionExpression: &expression, ExpressionAttributeValues: values}
	}
	one := attr.Item{":v": attr.N(1)}
	deletes := func(n int) any {
		in := dynamodb.TransactWriteItemsInput{}
		for i := range n {
			in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Delete: &types.Delete{Key: attr.Key("t", strconv.Itoa(i))}})
		}
		return in
	}
	// Twice with one token.
	increment := func(token string, by int) any {
		return dynamodb.TransactWriteItemsInput{ClientRequestToken: &token, TransactItems: []types.TransactWriteItem{{Update: &types.Update{
			Key: attr.Key("p", "token"), UpdateExpression: aws.String("ADD n :v"), ExpressionAttributeValues: attr.Item{":v": attr.N(by)},
		}}}}
	}
	for _, c := range []struct {
		name string
		in   any
	}{
		{"puts an item of exactly 400 KB", put(with("blob", attr.S(strings.Repeat("x", 400<<10-10))))},
		{"refuses an item of a byte more", put(with("blob", attr.S(strings.Repeat("x", 400<<10-9))))},
		{"puts an item of 400 KB with maps, numbers and sets", put(attr.Item{"pk": key["pk"], "sk": key["sk"], "m": attr.Map(attr.Item{
			"n": attr.N(-12300), "l": attr.Strings([]string{"a"}), "s": &types.AttributeValueMemberSS{Value: []string{"b"}}}),
			"blob": attr.S(strings.Repeat("x", 400<<10-60))})},
		{"refuses an empty sort key", put(attr.Key("p", ""))},
		{"refuses an empty listing", put(with("listing", attr.S("")))},
		{"refuses a listing that is a number", put(with("listing", attr.N(1)))},
		{"refuses an empty set", put(with("s", &types.AttributeValueMemberSS{Value: []string{}}))},
		{"refuses a set with the same twice", put(with("s", &types.AttributeValueMemberSS{Value: []string{"a", "a"}}))},
		{"refuses to change the key", update("SET pk = :v", one)},
		{"refuses a reserved word", update("SET state = :v", one)},
		{"refuses the same path twice", update("SET a = :v REMOVE a", one)},
		{"refuses a path into a path", update("SET a = :v REMOVE a.b", one)},
		{"refuses a clause twice", update("SET a = :v SET b = :v", one)},
		{"refuses a value that is not used", update("REMOVE a", one)},
		{"refuses a value that is not given", update("SET a = :w", nil)},
		{"refuses an empty expression", update("", nil)},
		{"refuses redundant parentheses", where("((a = :v))", one)},
		{"takes parentheses around all", where("(a <> :v)", one)},
		{"refuses an unknown function", where("attribute_is(a, :v)", one)},
		{"refuses half an expression", where("a = :v AND", one)},
		{"refuses a value in a function of paths", where("attribute_exists(:v)", one)},
		{"reads small keywords", where("not a = :v and (b <> :v or attribute_exists(c))", one)},
		{"an item that is not there has no attribute", where("attribute_not_exists(pk) AND a <> :v", one)},
		{"refuses 101 items of a transaction", deletes(101)},
		{"takes 100 items of a transaction", deletes(100)},
		{"refuses the same item twice in a transaction", dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{Item: key}}, {Delete: &types.Delete{Key: key}}}}},
		{"refuses a check without a condition", dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{ConditionCheck: &types.ConditionCheck{Key: key}}}}},
		{"removing from an item that is not there", dynamodb.UpdateItemInput{Key: attr.Key("p", "new"), UpdateExpression: aws.String("REMOVE a"), ReturnValues: types.ReturnValueAllNew}},
		{"updating nothing", dynamodb.UpdateItemInput{Key: attr.Key("p", "newer")}},
		{"counts in a transaction", increment("one", 1)},
		{"does not count again with the same token", increment("one", 1)},
		{"refuses another request with the same token", increment("one", 2)},
		{"counted once", dynamodb.GetItemInput{Key: attr.Key("p", "token")}},
	} {
		want, why := made(local, c.in)
		got, gotWhy := made(memory, c.in)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%.2000s\nwant: %s\ngot: %s", c.name, diff, why, gotWhy)
		}
	}
	if diff := gocmp.Diff(scanned(t, local), scanned(t, memory)); diff != "" {
		t.Errorf("items (-want +got):\n%.2000s", diff)
	}
}

// What DynamoDB knows and Memory does not is refused, and what is handed out is not what is kept.
func TestMemoryRefusesWhatItDoesNotKnow(t *testing.T) {
	v, _ := vaulttest.NewMemory(noon)
	key := attr.Key("p", "a")
	for _, in := range []any{
		dynamodb.PutItemInput{Item: attr.Item{"pk": key["pk"], "sk": key["sk"], "n": &types.AttributeValueMemberN{Value: "1.5"}}},
		dynamodb.UpdateItemInput{Key: key, UpdateExpression: aws.String("REMOVE a[0]")},
		// DynamoDB refuses it too, DynamoDB Local does not.
		dynamodb.UpdateItemInput{Key: key, UpdateExpression: aws.String("SET listing = :v"), ExpressionAttributeValues: attr.Item{":v": attr.N(1)}},
		dynamodb.UpdateItemInput{Key: key, UpdateExpression: aws.String("SET a = list_append(a, :v)"), ExpressionAttributeValues: attr.Item{":v": attr.Strings(nil)}},
		dynamodb.UpdateItemInput{Key: key, UpdateExpression: aws.String("REMOVE a"), ReturnValues: types.ReturnValueUpdatedNew},
		dynamodb.DeleteItemInput{Key: key, ConditionExpression: aws.String("attribute_type(a, :v)"), ExpressionAttributeValues: attr.Item{":v": attr.S("S")}},
		dynamodb.QueryInput{KeyConditionExpression: aws.String("pk = :v"), ExpressionAttributeValues: attr.Item{":v": attr.S("p")}, Select: types.SelectAllAttributes},
	} {
		if o, _ := made(v, in); o.Error == "" {
			t.Errorf("%s was answered", told(in))
		}
	}
	item := attr.Item{"pk": key["pk"], "sk": key["sk"], "m": attr.Map(attr.Item{"a": attr.N(1)})}
	want := plainItem(item)
	v.Restore(t, v.Tables.Keys, []attr.Item{item})
	attr.GetMap(item, "m")["a"] = attr.N(2)
	attr.GetMap(v.Items(t, v.Tables.Keys)[0], "m")["a"] = attr.N(3)
	if diff := gocmp.Diff(want, plainItem(v.Items(t, v.Tables.Keys)[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// told is a request as a failed test shows it.
func told(in any) string {
	expression := func(update, where *string, names map[string]string, values attr.Item) string {
		return fmt.Sprintf("%s | %s %v %v", aws.ToString(update), aws.ToString(where), names, plainItem(values))
	}
	switch in := in.(type) {
	case dynamodb.PutItemInput:
		return fmt.Sprint("put ", plainItem(in.Item), expression(nil, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues))
	case dynamodb.UpdateItemInput:
		return fmt.Sprint("update ", plainItem(in.Key), expression(in.UpdateExpression, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues))
	case dynamodb.DeleteItemInput:
		return fmt.Sprint("delete ", plainItem(in.Key), expression(nil, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues))
	case dynamodb.GetItemInput:
		return fmt.Sprint("get ", plainItem(in.Key), expression(in.ProjectionExpression, nil, in.ExpressionAttributeNames, nil))
	case dynamodb.QueryInput:
		return fmt.Sprint("query ", aws.ToString(in.IndexName), aws.ToInt32(in.Limit), in.Select, plainItem(in.ExclusiveStartKey), in.ScanIndexForward != nil && !*in.ScanIndexForward,
			expression(in.KeyConditionExpression, in.FilterExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues))
	case dynamodb.TransactWriteItemsInput:
		all := ""
		for _, w := range in.TransactItems {
			if u := w.Update; u != nil {
				all += "\n" + told(dynamodb.UpdateItemInput{Key: u.Key, UpdateExpression: u.UpdateExpression, ConditionExpression: u.ConditionExpression,
					ExpressionAttributeNames: u.ExpressionAttributeNames, ExpressionAttributeValues: u.ExpressionAttributeValues})
			}
			if u := w.Put; u != nil {
				all += "\n" + told(dynamodb.PutItemInput{Item: u.Item, ConditionExpression: u.ConditionExpression,
					ExpressionAttributeNames: u.ExpressionAttributeNames, ExpressionAttributeValues: u.ExpressionAttributeValues})
			}
			if u := w.Delete; u != nil {
				all += "\n" + told(dynamodb.DeleteItemInput{Key: u.Key, ConditionExpression: u.ConditionExpression,
					ExpressionAttributeNames: u.ExpressionAttributeNames, ExpressionAttributeValues: u.ExpressionAttributeValues})
			}
			if u := w.ConditionCheck; u != nil {
				all += "\ncheck: " + told(dynamodb.DeleteItemInput{Key: u.Key, ConditionExpression: u.ConditionExpression,
					ExpressionAttributeNames: u.ExpressionAttributeNames, ExpressionAttributeValues: u.ExpressionAttributeValues})
			}
		}
		return all
	}
	return fmt.Sprintf("%+v", in)
}

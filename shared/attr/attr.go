// Package attr builds and reads the attribute values of DynamoDB items, and the queries of partitions of them. An attribute that
// is absent or of another type reads as its zero value: what a row must have is checked where the row is understood.
package attr

import (
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item is a DynamoDB item, a key or the values of an expression.
type Item = map[string]types.AttributeValue

// S is a string.
func S[T ~string](v T) types.AttributeValue { return &types.AttributeValueMemberS{Value: string(v)} }

// N is a number.
func N[T ~int | ~int64](v T) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(v), 10)}
}

// B is bytes.
func B(v []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: v} }

// Time is an instant as milliseconds since 1970.
func Time(t time.Time) types.AttributeValue { return N(t.UnixMilli()) }

// Strings is a list of strings.
func Strings(v []string) types.AttributeValue {
	list := &types.AttributeValueMemberL{Value: make([]types.AttributeValue, len(v))}
	for i, s := range v {
		list.Value[i] = S(s)
	}
	return list
}

// Set is a set of strings, which cannot be empty.
func Set(v ...string) types.AttributeValue { return &types.AttributeValueMemberSS{Value: v} }

// Map is a map.
func Map(v Item) types.AttributeValue { return &types.AttributeValueMemberM{Value: v} }

// Key is the primary key of a table of this project.
func Key(pk, sk string) Item { return Item{"pk": S(pk), "sk": S(sk)} }

// Partition asks for all items of a partition of such a table, consistently.
func Partition(table, pk string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: &table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :pk"), ExpressionAttributeValues: Item{":pk": S(pk)},
	}
}

// Beginning asks for those items of a partition whose sort key begins so, consistently.
func Beginning(table, pk, prefix string) *dynamodb.QueryInput {
	in := Partition(table, pk)
	in.KeyConditionExpression = aws.String("pk = :pk AND begins_with(sk, :prefix)")
	in.ExpressionAttributeValues[":prefix"] = S(prefix)
	return in
}

// GetS reads a string.
func GetS(item Item, name string) string {
	if v, ok := item[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

// GetN reads a whole number.
func GetN(item Item, name string) int64 {
	if v, ok := item[name].(*types.AttributeValueMemberN); ok {
		n, _ := strconv.ParseInt(v.Value, 10, 64)
		return n
	}
	return 0
}

// GetB reads bytes.
func GetB(item Item, name string) []byte {
	if v, ok := item[name].(*types.AttributeValueMemberB); ok {
		return v.Value
	}
	return nil
}

// GetTime reads an instant; absent is the zero time.
func GetTime(item Item, name string) time.Time {
	if _, ok := item[name].(*types.AttributeValueMemberN); !ok {
		return time.Time{}
	}
	return time.UnixMilli(GetN(item, name)).UTC()
}

// GetStrings reads a list of strings.
func GetStrings(item Item, name string) []string {
	v, ok := item[name].(*types.AttributeValueMemberL)
	if !ok {
		return nil
	}
	out := make([]string, 0, len(v.Value))
	for _, e := range v.Value {
		if s, ok := e.(*types.AttributeValueMemberS); ok {
			out = append(out, s.Value)
		}
	}
	return out
}

// GetSet reads a set of strings, in order.
func GetSet(item Item, name string) []string {
	if v, ok := item[name].(*types.AttributeValueMemberSS); ok {
		return slices.Sorted(slices.Values(v.Value))
	}
	return nil
}

// GetMap reads a map.
func GetMap(item Item, name string) Item {
	if v, ok := item[name].(*types.AttributeValueMemberM); ok {
		return v.Value
	}
	return nil
}

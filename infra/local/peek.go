package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

var errNothing = errors.New("the records table holds nothing of the account")

// item finds the sealed item of a record and prints it as the table holds it, binary as base64.
func (s stack) item(ctx context.Context, record string) ([]string, error) {
	found, err := s.itemOf(ctx, s.Account, record)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		lines = append(lines, name+"  "+shown(found[name]))
	}
	return lines, nil
}

// itemOf is the item of the account in the records table that is most likely the sealed content of the record.
func (s stack) itemOf(ctx context.Context, account, record string) (map[string]types.AttributeValue, error) {
	client := dynamodb.NewFromConfig(s.aws)
	pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{
		TableName:                 aws.String(s.Tables["records"]),
		FilterExpression:          aws.String("begins_with(pk, :account)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":account": &types.AttributeValueMemberS{Value: account + "#"}},
	})
	record, _, _ = strings.Cut(record, "-") // the incarnation is not part of the key
	var found map[string]types.AttributeValue
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the records table: %w", err)
		}
		for _, item := range page.Items {
			if found == nil || likeness(item, record) > likeness(found, record) {
				found = item
			}
		}
	}
	if found == nil {
		return nil, errNothing
	}
	return found, nil
}

// inKey is a likeness that only an item with the record's id in its key has.
const inKey = 1 << 20

// likeness tells how likely an item is the sealed content of the record: its id in the key, then the size of what is sealed.
func likeness(item map[string]types.AttributeValue, record string) int {
	n := 0
	for name, value := range item {
		switch v := value.(type) {
		case *types.AttributeValueMemberB:
			n += len(v.Value)
		case *types.AttributeValueMemberS:
			if (name == "pk" || name == "sk") && strings.Contains(v.Value, record) {
				n += inKey
			}
		}
	}
	return n
}

func shown(value types.AttributeValue) string {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberBOOL:
		return fmt.Sprint(v.Value)
	case *types.AttributeValueMemberB:
		return fmt.Sprintf("%s (%d bytes)", cut(base64.StdEncoding.EncodeToString(v.Value), 150), len(v.Value))
	case *types.AttributeValueMemberL:
		all := make([]string, len(v.Value))
		for i, value := range v.Value {
			all[i] = shown(value)
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	return fmt.Sprintf("(%s)", strings.TrimPrefix(fmt.Sprintf("%T", value), "*types.AttributeValueMember"))
}

// head reads the first lines of an object, and no more of it than they need.
func (s stack) head(ctx context.Context, bucket, key string, n int) ([]string, error) {
	res, err := s.s3().GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	defer res.Body.Close()
	r := bufio.NewReaderSize(res.Body, 64<<10)
	var lines []string
	for len(lines) < n {
		line, err := r.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			break
		}
		lines = append(lines, strings.TrimRight(string(line), "\r\n"))
		if err != nil { // the end, or a line longer than what is shown of it
			break
		}
	}
	return lines, nil
}

// cut shortens a text for a line of the terminal.
func cut(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return s
}

// wrap breaks lines that are too wide.
func wrap(lines []string, width int) []string {
	var out []string
	for _, line := range lines {
		r := []rune(line)
		for len(r) > width {
			out = append(out, string(r[:width]))
			r = append([]rune("    "), r[width:]...)
		}
		out = append(out, string(r))
	}
	return out
}

// beside prints two texts in two columns.
func beside(out io.Writer, width int, left, right []string) {
	left = wrap(left, width)
	for i := range max(len(left), len(right)) {
		var l, r string
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		fmt.Fprintf(out, "  %s%s │ %s\n", l, strings.Repeat(" ", width-len([]rune(l))), r)
	}
}

package vaulttest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/vault"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

// What a request to tables in memory takes, with 2,000 rows of conversations in them.
func BenchmarkMemory(b *testing.B) {
	ctx := context.Background()
	v, _ := vaulttest.NewMemory(time.Unix(1_800_000_000, 0))
	table := &v.Tables.Keys
	row := func(i int) attr.Item {
		item := attr.Key(fmt.Sprintf("demo#conversation#%06d", i), "row")
		item["listing"], item["position"] = attr.S(fmt.Sprintf("demo#chat#%d", i%100)), attr.S(fmt.Sprintf("%06d", i))
		item["state"], item["generation"], item["bytes"] = attr.S("settled"), attr.N(1), attr.N(i)
		item["own"] = attr.Map(attr.Item{"1": attr.B(make([]byte, 60))})
		return item
	}
	const rows = 2000
	for i := range rows {
		if _, err := v.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: row(i)}); err != nil {
			b.Fatal(err)
		}
	}
	for name, do := range map[string]func(i int) error{
		"get": func(i int) error {
			_, err := v.DB.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: attr.Key(fmt.Sprintf("demo#conversation#%06d", i%rows), "row")})
			return err
		},
		"put": func(i int) error {
			_, err := v.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: row(i % rows), ConditionExpression: aws.String("attribute_exists(pk)")})
			return err
		},
		"update": func(i int) error {
			_, err := v.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
				TableName: table, Key: attr.Key(fmt.Sprintf("demo#conversation#%06d", i%rows), "row"),
				UpdateExpression:          aws.String("SET #state = :settled, #position = :position REMOVE gone"),
				ConditionExpression:       aws.String("generation = :generation AND #state IN (:open, :settled)"),
				ExpressionAttributeNames:  map[string]string{"#state": "state", "#position": "position"},
				ExpressionAttributeValues: attr.Item{":settled": attr.S("settled"), ":open": attr.S("open"), ":generation": attr.N(1), ":position": attr.S(fmt.Sprintf("%06d", i%rows))},
			})
			return err
		},
		"index": func(i int) error {
			_, err := v.DB.Query(ctx, &dynamodb.QueryInput{
				TableName: table, IndexName: aws.String(vault.Listing), KeyConditionExpression: aws.String("listing = :listing"),
				ExpressionAttributeValues: attr.Item{":listing": attr.S(fmt.Sprintf("demo#chat#%d", i%100))},
			})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if err := do(i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package vaulttest_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/vaulttest"
)

func TestFaultsAreWhatTheSDKRepeats(t *testing.T) {
	throttles, retries := retry.IsErrorThrottles(retry.DefaultThrottles), retry.IsErrorRetryables(retry.DefaultRetryables)
	for name, err := range map[string]error{"throttled": vaulttest.Throttled(), "throttling": vaulttest.Throttling(), "slow down": vaulttest.SlowDown()} {
		if !throttles.IsErrorThrottle(err).Bool() || !retries.IsErrorRetryable(err).Bool() || !vaulttest.IsFault(err) {
			t.Errorf("%s is not throttling: %v", name, err)
		}
	}
	if _, ok := errors.AsType[*types.ProvisionedThroughputExceededException](vaulttest.Throttled()); !ok {
		t.Error("throttled is another error")
	}
}

func TestConflictsByOperation(t *testing.T) {
	v, m := vaulttest.NewMemory(noon)
	v.Fault.Set(func(_ context.Context, r vaulttest.Request) error { return vaulttest.Conflict(r) })
	ctx, table, key := context.Background(), &v.Tables.Keys, attr.Key("p", "a")
	_, err := v.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: key})
	if _, ok := errors.AsType[*types.TransactionConflictException](err); !ok || !vaulttest.IsFault(err) {
		t.Errorf("a put: %v", err)
	}
	_, err = v.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: table, Item: key}}, {Delete: &types.Delete{TableName: table, Key: attr.Key("p", "b")}},
	}})
	canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		t.Fatalf("a transaction: %v", err)
	}
	var codes []string
	for _, r := range canceled.CancellationReasons {
		codes = append(codes, aws.ToString(r.Code))
	}
	if want := []string{"None", "TransactionConflict"}; !slices.Equal(codes, want) {
		t.Errorf("reasons are %v, want %v", codes, want)
	}
	if len(m.Snapshot()[*table]) > 0 {
		t.Error("it was written")
	}
}

func TestFaultyRaisesTheSameAgain(t *testing.T) {
	raised := func(seed uint64, rate float64) (all []string, faults int) {
		hook := vaulttest.Faulty(seed, rate)
		for i := range 2000 {
			operation := []string{"PutItem", "GetItem", "TransactWriteItems", "Query", "PutObject"}[i%5]
			err := hook(context.Background(), vaulttest.Request{Operation: operation, Tables: []string{"a", "b"}})
			if err == nil {
				all = append(all, "")
				continue
			}
			faults++
			all = append(all, err.Error())
			_, conflict := errors.AsType[*types.TransactionConflictException](err)
			_, transaction := errors.AsType[*types.TransactionCanceledException](err)
			if conflict && operation != "PutItem" || transaction != (operation == "TransactWriteItems") || !vaulttest.IsFault(err) {
				t.Errorf("%s: %v", operation, err)
			}
		}
		return all, faults
	}
	a, n := raised(1, 0.1)
	b, _ := raised(1, 0.1)
	c, _ := raised(2, 0.1)
	if n < 140 || n > 260 || !slices.Equal(a, b) || slices.Equal(a, c) {
		t.Errorf("%d faults of 2000 at a tenth", n)
	}
	if _, none := raised(1, 0); none != 0 {
		t.Errorf("%d faults at none", none)
	}
}

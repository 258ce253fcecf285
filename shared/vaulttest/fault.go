package vaulttest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Errors for hooks, in the shape in which they come out of the SDK. Hooks stand outside of the SDK's repetitions, so an error
// that the SDK repeats at stands for the last of its tries.

// Throttled is what a partition or a table answers that has more requests than it was given capacity for.
func Throttled() error {
	return lastOf(answered(http.StatusBadRequest, &types.ProvisionedThroughputExceededException{Message: aws.String(
		"The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.")}))
}

// Throttling is what a table on demand answers while it grows, or an account at its limit.
func Throttling() error {
	return lastOf(answered(http.StatusBadRequest, &smithy.GenericAPIError{
		Code: "ThrottlingException", Message: "Throughput exceeds the current capacity of your table or index.", Fault: smithy.FaultClient}))
}

// SlowDown is what a bucket answers that has too many requests.
func SlowDown() error {
	return lastOf(answered(http.StatusServiceUnavailable, &smithy.GenericAPIError{Code: "SlowDown", Message: "Please reduce your request rate.", Fault: smithy.FaultServer}))
}

// Conflict is what a request is answered while a transaction holds an item that it wants; of a transaction it is the last
// item. A read of one item never meets it.
func Conflict(r Request) error {
	if strings.HasPrefix(r.Operation, "Transact") {
		return canceled(r, "TransactionConflict", "Transaction is ongoing for the item")
	}
	return answered(http.StatusBadRequest, &types.TransactionConflictException{Message: aws.String("Transaction is ongoing for the item")})
}

// canceled is a transaction of which the last item could not be had.
func canceled(r Request, code, message string) error {
	codes, reasons := make([]string, max(1, len(r.Tables))), make([]types.CancellationReason, max(1, len(r.Tables)))
	for i := range reasons {
		codes[i] = "None"
		if i == len(reasons)-1 {
			codes[i], reasons[i].Message = code, &message
		}
		reasons[i].Code = &codes[i]
	}
	return answered(http.StatusBadRequest, &types.TransactionCanceledException{
		Message:             aws.String("Transaction cancelled, please refer cancellation reasons for specific reasons [" + strings.Join(codes, ", ") + "]"),
		CancellationReasons: reasons,
	})
}

// answered is an error as an answer of HTTP brings it.
func answered(status int, err error) error {
	return &awshttp.ResponseError{
		RequestID: "FAULTOFATEST",
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody}}, Err: err,
		},
	}
}

func lastOf(err error) error {
	return &retry.MaxAttemptsError{Attempt: retry.DefaultMaxAttempts, Err: err}
}

// Faulty is a hook for Fault that answers this share of requests, from 0 to 1, with one of the errors that they may meet when
// others make requests too: throttling all, a conflict also writes of one item and transactions. The same seed raises the
// same errors in the same order of requests. Nothing of a request that it answers was done.
func Faulty(seed uint64, rate float64) func(context.Context, Request) error {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 7))
	return func(_ context.Context, r Request) error {
		mu.Lock()
		defer mu.Unlock()
		hit, which := random.Float64() < rate, random.IntN(4) // two numbers for every request
		if !hit {
			return nil
		}
		switch r.Operation {
		case "PutObject", "GetObject", "DeleteObject":
			return SlowDown()
		case "PutItem", "UpdateItem", "DeleteItem":
			return [](func() error){Throttled, Throttling, func() error { return Conflict(r) }, func() error { return Conflict(r) }}[which]()
		case "TransactWriteItems", "TransactGetItems":
			switch which {
			case 0:
				return canceled(r, "ThrottlingError", "Throughput exceeds the current capacity of your table or index.")
			case 1:
				return canceled(r, "ProvisionedThroughputExceeded", "The level of configured provisioned throughput for the table was exceeded.")
			}
			return Conflict(r)
		}
		return [](func() error){Throttled, Throttling}[which%2]()
	}
}

// IsFault says whether an error is one of those above.
func IsFault(err error) bool {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	return ok && answer.RequestID == "FAULTOFATEST"
}

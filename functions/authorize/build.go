package authorize

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/awsenv"
)

// Build makes the handler of the deployed function; it is the only place that names clients of AWS.
func Build() (*Handler, error) {
	env, err := awsenv.Required("CONTROL_TABLE")
	if err != nil {
		return nil, err
	}
	return New(Deps{Control: Table{dynamodb.NewFromConfig(awsenv.Config()), env["CONTROL_TABLE"]}, Now: time.Now}), nil
}

// Table is the control table.
type Table struct {
	DB   *dynamodb.Client
	Name string
}

// Get reads a row consistently.
func (t Table) Get(ctx context.Context, pk, sk string) (attr.Item, error) {
	out, err := t.DB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.Name, Key: attr.Key(pk, sk), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// Handle reads the request.
func (h *Handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var req events.APIGatewayV2CustomAuthorizerV2Request
	if err := json.Unmarshal(raw, &req); err != nil {
		return nil, errors.New("not a request of an authorizer")
	}
	return h.Authorize(ctx, req)
}

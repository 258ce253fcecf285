package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

var awsStages = []string{"dev", "prod"}

// awsRegion is where the stacks of awsStages are unless the person names another Region: the deployment and all that look
// for a stack go by the same flag, and never by AWS_REGION, which another project may have set.
const awsRegion = "us-east-2"

func regionFlag(flags *flag.FlagSet) *string {
	return flags.String("region", awsRegion, "the Region of the stages dev and prod")
}

// A stack is a deployed stack and how to reach it.
type stack struct {
	outputs
	aws aws.Config
}

// openStack is the stack of the stage: the one of `make up`, or one on AWS in the Region, with the person's own
// credentials.
func openStack(ctx context.Context, root, stage, region string) (stack, error) {
	if stage == "" || stage == "local" {
		h := mainHome(root)
		o, err := readOutputs(h)
		if _, ok := running(h); err != nil || !ok {
			return stack{}, errors.New("the local stack is not up; remedy: make up (or give STAGE=dev|prod for the stack on AWS)")
		}
		return localStack(o)
	}
	if !slices.Contains(awsStages, stage) {
		return stack{}, fmt.Errorf("unknown stage %q; say local, dev or prod", stage)
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return stack{}, fmt.Errorf("AWS configuration: %w", err)
	}
	name := stackName(stage)
	res, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return stack{}, fmt.Errorf("read the outputs of %s in %s (is it deployed there? REGION=… names another Region): %w", name, region, err)
	}
	told := map[string]string{}
	for _, s := range res.Stacks {
		for _, o := range s.Outputs {
			told[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
		}
	}
	o, err := stackOutputs(told)
	return stack{outputs: o, aws: cfg}, err
}

// localStack reaches the emulator and nothing else, with credentials that are worth nothing.
func localStack(o outputs) (stack, error) {
	u, err := url.Parse(o.Emulator)
	if err != nil || u.Hostname() != "127.0.0.1" {
		return stack{}, fmt.Errorf("the emulator's address %q is not on this machine; remedy: make down, make up", o.Emulator)
	}
	return stack{outputs: o, aws: aws.Config{
		Region:       o.Region,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		BaseEndpoint: aws.String(o.Emulator),
	}}, nil
}

func (s stack) s3() *s3.Client {
	return s3.NewFromConfig(s.aws, func(o *s3.Options) { o.UsePathStyle = s.Emulator != "" })
}

// A functionError is how a function says that it will not: a stable code and a sentence.
type functionError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *functionError) Error() string { return e.Message + " (" + e.Code + ")" }

// call invokes the function directly and reads its answer.
func (s stack) call(ctx context.Context, function string, request, response any) error {
	payload, err := json.Marshal(request)
	if err != nil {
		return err
	}
	answer, _, err := s.invoke(ctx, function, payload)
	if err != nil {
		return err
	}
	var refused struct {
		Error *functionError `json:"error"`
	}
	if json.Unmarshal(answer, &refused) == nil && refused.Error != nil {
		return refused.Error
	}
	if err := json.Unmarshal(answer, response); err != nil {
		return fmt.Errorf("%s answered what cannot be read: %w", function, err)
	}
	return nil
}

// invoke calls the function with the bytes and returns its answer and the end of its log.
func (s stack) invoke(ctx context.Context, function string, payload []byte) (answer []byte, log string, err error) {
	name, ok := s.Functions[function]
	if !ok {
		names := make([]string, 0, len(s.Functions))
		for name := range s.Functions {
			names = append(names, name)
		}
		slices.Sort(names)
		return nil, "", fmt.Errorf("there is no function %q; there are %s", function, strings.Join(names, ", "))
	}
	// One attempt: a function that works for long must not be called again.
	client := lambda.NewFromConfig(s.aws, func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
	ctx, cancel := context.WithTimeout(ctx, 16*time.Minute)
	defer cancel()
	res, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Payload: payload, LogType: types.LogTypeTail})
	if err != nil {
		return nil, "", fmt.Errorf("call %s: %w", function, err)
	}
	if b, err := base64.StdEncoding.DecodeString(aws.ToString(res.LogResult)); err == nil {
		log = string(b)
	}
	if res.FunctionError != nil {
		return res.Payload, log, fmt.Errorf("%s failed: %s\n%s", function, res.Payload, log)
	}
	return res.Payload, log, nil
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// A deployment is what CloudFormation knows of a stack. Without a status there is none.
type deployment struct {
	status, reason string
	created        time.Time
	outputs        map[string]string
	resources      []resource
}

type resource struct{ kind, logical, physical string }

func describe(ctx context.Context, cfg aws.Config, name string) (deployment, error) {
	client := cloudformation.NewFromConfig(cfg)
	d := deployment{outputs: map[string]string{}}
	res, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	var told smithy.APIError
	if errors.As(err, &told) && strings.Contains(told.ErrorMessage(), "does not exist") {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	for _, s := range res.Stacks {
		d.status, d.reason, d.created = string(s.StackStatus), aws.ToString(s.StackStatusReason), aws.ToTime(s.CreationTime)
		for _, o := range s.Outputs {
			d.outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
		}
	}
	pages := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return d, err
		}
		for _, r := range page.StackResourceSummaries {
			d.resources = append(d.resources,
				resource{aws.ToString(r.ResourceType), aws.ToString(r.LogicalResourceId), aws.ToString(r.PhysicalResourceId)})
		}
	}
	return d, nil
}

// of are the physical ids of a kind's resources whose logical id holds the word.
func (d deployment) of(kind, word string) (ids []string) {
	for _, r := range d.resources {
		if r.kind == kind && strings.Contains(r.logical, word) && r.physical != "" {
			ids = append(ids, r.physical)
		}
	}
	return ids
}

// faults collects what look says about each of the ids.
func faults(ids []string, look func(id string) (fault string, err error)) (string, error) {
	var all []string
	for _, id := range ids {
		fault, err := look(id)
		if err != nil {
			return "", err
		}
		if fault != "" {
			all = append(all, fault)
		}
	}
	return strings.Join(all, "; "), nil
}

func (d *doctor) tools(ctx context.Context) (finding, error) {
	printed, err := exec.CommandContext(ctx, filepath.Join(d.root, "infra", "local", "check.sh"), "run").CombinedOutput()
	if ctx.Err() != nil {
		return finding{}, ctx.Err()
	}
	if err == nil {
		return ok("%s", strings.TrimPrefix(strings.TrimSpace(string(printed)), "tools: "))
	}
	var lines []string
	for line := range strings.Lines(string(printed)) {
		if strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lacks("make check tells how to get them", "%s", strings.Join(lines, "; "))
}

func (d *doctor) emulates(ctx context.Context) (finding, error) {
	if d.emulator == nil {
		return lacks("make up", "MiniStack is not running")
	}
	if err := healthy(ctx, *d.emulator, nil, d.limit/2); err != nil {
		return lacks("make down, then make up", "%v", err)
	}
	return ok("%s", d.emulator.url())
}

// credentials asks a Region that no AWS account can switch off, so that regionEnabled can tell one reason from the other.
func (d *doctor) credentials(ctx context.Context) (finding, error) {
	const remedy = "aws sso login, or AWS_PROFILE=…, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
	if d.awsErr != nil {
		return lacks(remedy, "none that can be used: %v", d.awsErr)
	}
	home := "us-east-1"
	switch {
	case strings.HasPrefix(d.region, "us-gov-"):
		home = "us-gov-west-1"
	case strings.HasPrefix(d.region, "cn-"):
		home = "cn-north-1"
	}
	who, err := d.caller(ctx, home)
	var told smithy.APIError
	if errors.As(err, &told) {
		return lacks(remedy, "AWS refuses them: %s: %s", told.ErrorCode(), told.ErrorMessage())
	}
	if err != nil {
		return finding{}, err
	}
	return ok("AWS account %s, as %s", aws.ToString(who.Account), aws.ToString(who.Arn))
}

func (d *doctor) caller(ctx context.Context, region string) (*sts.GetCallerIdentityOutput, error) {
	return sts.NewFromConfig(d.aws, func(o *sts.Options) { o.Region = region }).GetCallerIdentity(ctx, nil)
}

func (d *doctor) regionEnabled(ctx context.Context) (finding, error) {
	_, err := d.caller(ctx, d.region)
	var told smithy.APIError
	if errors.As(err, &told) && told.ErrorCode() == "InvalidClientTokenId" {
		return lacks("aws account enable-region --region-name "+d.region+", or REGION=… for another one",
			"%s is not enabled for the AWS account, or knows nothing of the credentials", d.region)
	}
	if err != nil {
		return finding{}, err
	}
	return ok("%s is enabled", d.region)
}

// cdkRelease is the one that infra/cdk-cli pins.
const cdkRelease = "2.1148.1"

// bootstrapped compares the Region's bootstrap with what the synthesized stack asks for.
func (d *doctor) bootstrapped(ctx context.Context) (finding, error) {
	account := "ACCOUNT"
	if who, err := d.caller(ctx, d.region); err == nil {
		account = aws.ToString(who.Account)
	}
	// Elsewhere, for the CLI would start the app of a cdk.json beside it, which wants a stage.
	remedy := fmt.Sprintf("cd / && npx aws-cdk@%s bootstrap aws://%s/%s", cdkRelease, account, d.region)
	if d.stage == "local" {
		remedy = "make down, then make up"
	}
	needed := d.neededBootstrap()
	res, err := ssm.NewFromConfig(d.aws).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/cdk-bootstrap/hnb659fds/version")})
	var none *ssmtypes.ParameterNotFound
	if errors.As(err, &none) {
		return lacks(remedy, "the CDK is not bootstrapped in %s", d.region)
	}
	if err != nil {
		return finding{}, err
	}
	found := aws.ToString(res.Parameter.Value)
	if version, err := strconv.Atoi(found); err != nil || version < needed {
		return lacks(remedy, "the CDK's bootstrap has version %s; %d is needed", found, needed)
	}
	return ok("version %s; %d is needed", found, needed)
}

// neededBootstrap reads the stage's manifest. Before the first synthesis it is the version that lets the CLI look things up.
func (d *doctor) neededBootstrap() int {
	type requires struct{ RequiresBootstrapStackVersion int }
	needed := 8
	for _, dir := range []string{"cdk.out/" + d.stage, "cdk.out/deploy-" + d.stage} {
		var manifest struct {
			Artifacts map[string]struct {
				Properties struct {
					requires
					LookupRole requires
				}
			}
		}
		b, err := os.ReadFile(filepath.Join(d.root, dir, "manifest.json"))
		if err == nil && json.Unmarshal(b, &manifest) == nil {
			stack := manifest.Artifacts[stackName(d.stage)].Properties
			needed = max(needed, stack.RequiresBootstrapStackVersion, stack.LookupRole.RequiresBootstrapStackVersion)
		}
	}
	return needed
}

// concurrency: webhooks, readers and queues share what the AWS account may run at the same time.
func (d *doctor) concurrency(ctx context.Context) (finding, error) {
	res, err := lambda.NewFromConfig(d.aws).GetAccountSettings(ctx, nil)
	if err != nil {
		return finding{}, err
	}
	free := int32(0)
	if res.AccountLimit != nil {
		free = aws.ToInt32(res.AccountLimit.UnreservedConcurrentExecutions)
	}
	if free < 100 {
		return warn("aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384"+
			" --desired-value 1000 --region "+d.region,
			"%d functions may run at the same time, too few for a busy day; new AWS accounts begin with 10", free)
	}
	return ok("%d functions may run at the same time", free)
}

func (d *doctor) sendsAs() string { return cmp.Or(d.mailFrom, d.deployed.outputs["MailFrom"]) }

// mail is about SES in this AWS account and Region. Without a sender, nothing of it is needed.
func (d *doctor) mail(ctx context.Context) (finding, error) {
	res, err := sesv2.NewFromConfig(d.aws).GetAccount(ctx, nil)
	if err != nil {
		return finding{}, err
	}
	complain := warn
	if d.sendsAs() != "" && d.stage == "prod" {
		complain = lacks
	}
	switch standing := aws.ToString(res.EnforcementStatus); {
	case !res.SendingEnabled:
		return complain("SES console → Account dashboard tells why, and what to do",
			"SES does not send for this AWS account (%s)", standing)
	case !res.ProductionAccessEnabled:
		return complain("SES console → Account dashboard → Request production access; it takes a day or so",
			"SES is in its sandbox: 200 messages a day, to verified addresses only")
	case standing == "PROBATION":
		return warn("SES console → Reputation metrics", "SES has this AWS account on probation, for bounces or complaints")
	}
	return ok("SES sends, out of its sandbox")
}

// sender looks for the identity of the address, then for that of its domain and of the domains above.
func (d *doctor) sender(ctx context.Context) (finding, error) {
	if d.sendsAs() == "" {
		return warn("MAIL_FROM=archive@example.com, an address of a domain that SES has verified", "none: nothing is mailed")
	}
	parsed, err := mail.ParseAddress(d.sendsAs())
	if err != nil {
		return lacks("MAIL_FROM=archive@example.com", "%q is not an e-mail address", d.sendsAs())
	}
	from := parsed.Address
	_, domain, _ := strings.Cut(from, "@")
	identities := []string{from}
	for rest := domain; strings.Contains(rest, "."); _, rest, _ = strings.Cut(rest, ".") {
		identities = append(identities, rest)
	}
	records := "put into DNS the CNAME records of aws sesv2 get-email-identity --email-identity " + domain + " --region " + d.region
	for _, identity := range identities {
		res, err := sesv2.NewFromConfig(d.aws).GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: &identity})
		var none *sestypes.NotFoundException
		if errors.As(err, &none) {
			continue
		}
		if err != nil {
			return finding{}, err
		}
		switch {
		case !res.VerifiedForSendingStatus && identity == from:
			return lacks("open the link in the message that AWS sent to it; verifying its domain is better", "SES has not verified %s", from)
		case !res.VerifiedForSendingStatus:
			return lacks(records, "SES has not verified %s", identity)
		case res.DkimAttributes == nil || !res.DkimAttributes.SigningEnabled || res.DkimAttributes.Status != sestypes.DkimStatusSuccess:
			return warn(records, "%s is verified, but its mail is not signed (DKIM), so that many mailboxes refuse it", identity)
		}
		return ok("%s, verified as %s, signed (DKIM)", from, identity)
	}
	return lacks("aws sesv2 create-email-identity --email-identity "+domain+" --region "+d.region+"; then "+records,
		"SES in %s knows neither %s nor its domain", d.region, from)
}

func (d *doctor) stack(context.Context) (finding, error) {
	name, deploy, none := stackName(d.stage), "make deploy STAGE="+d.stage+" REGION="+d.region, warn
	if d.stage == "local" {
		deploy, none = "make up", lacks
	}
	why := "aws cloudformation describe-stack-events --stack-name " + name + " --region " + d.region + " tells why; then "
	switch s := d.deployed; {
	case d.deployedErr != nil:
		return finding{}, d.deployedErr
	case s.status == "" || s.status == "REVIEW_IN_PROGRESS":
		return none(deploy, "%s is not deployed in %s", name, d.region)
	case s.status == "ROLLBACK_COMPLETE" || s.status == "ROLLBACK_FAILED":
		return warn(why+deploy+", which removes what is left first", "%s: its first deployment failed", s.status)
	case s.status == "UPDATE_ROLLBACK_COMPLETE":
		return warn(why+deploy, "%s: the last deployment failed and was undone", s.status)
	case s.status == "UPDATE_ROLLBACK_FAILED":
		return lacks(why+"aws cloudformation continue-update-rollback --stack-name "+name+" --region "+d.region,
			"%s: a deployment failed, and so did undoing it", s.status)
	case strings.HasSuffix(s.status, "_IN_PROGRESS"):
		return lacks("wait until it is done", "%s: somebody deploys or deletes it right now", s.status)
	case strings.HasSuffix(s.status, "_FAILED"):
		return lacks(why+deploy, "%s: %s", s.status, s.reason)
	default:
		return ok("%s, %s", name, s.status)
	}
}

func (d *doctor) api(ctx context.Context) (finding, error) {
	api := strings.TrimRight(d.deployed.outputs["Api"], "/")
	if d.emulator != nil {
		var err error
		if api, err = localAPI(api, d.emulator.url()); err != nil {
			return finding{}, err
		}
	}
	return d.answers(ctx, api)
}

// answers asks for what anybody may read.
func (d *doctor) answers(ctx context.Context, api string) (finding, error) {
	url := api + "/v1/openapi.yaml"
	status, err := d.status(ctx, url)
	if err == nil && status != http.StatusOK {
		return lacks("make logs STAGE="+d.stage+" FN=openapi", "%s answers %d", url, status)
	}
	f, _ := ok("%s answers", url)
	return f, err
}

func (d *doctor) functions(ctx context.Context) (finding, error) {
	client, ids := lambda.NewFromConfig(d.aws), d.deployed.of("AWS::Lambda::Function", "")
	bad, err := faults(ids, func(id string) (string, error) {
		f, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &id})
		if err != nil {
			return "", err
		}
		// An inactive one was not called for weeks; the next call wakes it.
		usable := f.State == lambdatypes.StateActive || f.State == lambdatypes.StateInactive
		if usable && f.LastUpdateStatus != lambdatypes.LastUpdateStatusFailed {
			return "", nil
		}
		return fmt.Sprintf("%s is %s, its last update %s: %s", id, f.State, f.LastUpdateStatus,
			cmp.Or(aws.ToString(f.LastUpdateStatusReason), aws.ToString(f.StateReason))), nil
	})
	if err != nil || bad == "" {
		f, _ := ok("%d, all ready", len(ids))
		return f, err
	}
	return lacks("the same deployment again", "%s", bad)
}

func (d *doctor) tables(ctx context.Context) (finding, error) {
	client, ids := dynamodb.NewFromConfig(d.aws), d.deployed.of("AWS::DynamoDB::GlobalTable", "")
	bad, err := faults(ids, func(id string) (string, error) {
		res, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &id})
		switch {
		case err != nil:
			return "", err
		case res.Table.TableStatus != dynamodbtypes.TableStatusActive && res.Table.TableStatus != dynamodbtypes.TableStatusUpdating:
			return fmt.Sprintf("%s is %s", id, res.Table.TableStatus), nil
		case d.stage == "prod" && !aws.ToBool(res.Table.DeletionProtectionEnabled):
			return id + " is not protected against deletion", nil
		}
		return "", nil
	})
	if err != nil || bad == "" {
		f, _ := ok("%d, all active", len(ids))
		return f, err
	}
	return lacks("aws dynamodb update-table --deletion-protection-enabled --region "+d.region+" --table-name …", "%s", bad)
}

func (d *doctor) deadLetters(ctx context.Context) (finding, error) {
	client, ids := sqs.NewFromConfig(d.aws), d.deployed.of("AWS::SQS::Queue", "Dead")
	bad, err := faults(ids, func(id string) (string, error) {
		const waiting = sqstypes.QueueAttributeNameApproximateNumberOfMessages
		const taken = sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible
		res, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: &id, AttributeNames: []sqstypes.QueueAttributeName{waiting, taken},
		})
		if err != nil {
			return "", err
		}
		n, _ := strconv.Atoi(res.Attributes[string(waiting)])
		m, _ := strconv.Atoi(res.Attributes[string(taken)])
		if n+m == 0 {
			return "", nil
		}
		return fmt.Sprintf("%d in %s", n+m, filepath.Base(id)), nil
	})
	if err != nil || bad == "" {
		f, _ := ok("none in %d queues", len(ids))
		return f, err
	}
	return lacks("make logs STAGE="+d.stage+" SINCE=24h; mend the cause, then aws sqs start-message-move-task --source-arn …", "%s", bad)
}

func (d *doctor) alarms(ctx context.Context) (finding, error) {
	client, ids := cloudwatch.NewFromConfig(d.aws), d.deployed.of("AWS::CloudWatch::Alarm", "")
	var raised []string
	young := d.now.Sub(d.deployed.created) < 3*time.Hour
	for some := range slices.Chunk(ids, 100) {
		res, err := client.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: some, MaxRecords: aws.Int32(100)})
		if err != nil {
			return finding{}, err
		}
		for _, a := range res.MetricAlarms {
			// The hourly runs of a new stack are still to come.
			early := young && strings.Contains(aws.ToString(a.AlarmName), "MissedAlarm")
			if a.StateValue == cloudwatchtypes.StateValueAlarm && !early {
				raised = append(raised, aws.ToString(a.AlarmName)+": "+aws.ToString(a.AlarmDescription))
			}
		}
	}
	if raised != nil {
		return lacks("make logs STAGE="+d.stage+" SINCE=24h", "%s", strings.Join(raised, "; "))
	}
	return ok("%d, none raised", len(ids))
}

func (d *doctor) subscribers(ctx context.Context) (finding, error) {
	complain := warn
	if d.stage == "prod" {
		complain = lacks
	}
	var confirmed, waiting []string
	for _, topic := range d.deployed.of("AWS::SNS::Topic", "Alarms") {
		pages := sns.NewListSubscriptionsByTopicPaginator(sns.NewFromConfig(d.aws), &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return finding{}, err
			}
			for _, s := range page.Subscriptions {
				if strings.HasPrefix(aws.ToString(s.SubscriptionArn), "arn:") {
					confirmed = append(confirmed, aws.ToString(s.Endpoint))
				} else {
					waiting = append(waiting, aws.ToString(s.Endpoint))
				}
			}
		}
	}
	switch {
	case confirmed != nil:
		return ok("%s", strings.Join(confirmed, ", "))
	case waiting != nil:
		return warn("open the link in the message that AWS sent there", "%s has not confirmed yet", strings.Join(waiting, ", "))
	}
	return complain("make deploy ALARM_EMAIL=ops@example.com, or subscribe to the topic what you use", "nobody")
}

// domainReady looks at a domain of the operator's own; the stack makes none.
func (d *doctor) domainReady(ctx context.Context) (finding, error) {
	pages := acm.NewListCertificatesPaginator(acm.NewFromConfig(d.aws), &acm.ListCertificatesInput{
		CertificateStatuses: []acmtypes.CertificateStatus{acmtypes.CertificateStatusIssued},
		// Without them only RSA is listed.
		Includes: &acmtypes.Filters{KeyTypes: acmtypes.KeyAlgorithm("").Values()},
	})
	_, parent, _ := strings.Cut(d.domain, ".")
	issued := false
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return finding{}, err
		}
		for _, c := range page.CertificateSummaryList {
			names := append(c.SubjectAlternativeNameSummaries, aws.ToString(c.DomainName))
			issued = issued || slices.Contains(names, d.domain) || slices.Contains(names, "*."+parent)
		}
	}
	if !issued {
		return lacks("aws acm request-certificate --domain-name "+d.domain+" --validation-method DNS --region "+d.region,
			"ACM in %s has issued no certificate for %s", d.region, d.domain)
	}
	if _, err := d.resolve(ctx, d.domain); err != nil {
		return lacks("make a custom domain name in API Gateway, map it to the API, point a DNS record at it",
			"%s does not resolve", d.domain)
	}
	return d.answers(ctx, "https://"+d.domain)
}

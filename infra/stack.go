package infra

import (
	"cmp"
	"fmt"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// DefaultRegion is the primary Region unless the context names another.
const DefaultRegion = "us-east-2"

// Props is what a deployment may choose.
type Props struct {
	Stage Stage
	// Region is the primary Region. It must be a name, not a token: the tables are global tables, whose keys are looked
	// up by Region when the template is made.
	Region string
	// AlarmEmail gets every alarm. Empty: the topic has no subscriber, and the operator subscribes what they use.
	AlarmEmail string
	// MailFrom is the sender of e-mail, with or without a display name. SES must know its domain or itself as verified. Empty:
	// nothing is sent.
	MailFrom string
	// ClosureNotice is how long before its end the closing of an account is announced, as an ISO 8601 duration of days, hours and
	// minutes. In production it is seven days at least.
	ClosureNotice string
	// Build is the folder that holds the functions' binaries, as <flavour>/<function>/bootstrap.
	Build string
}

// ReadProps takes the properties from the context: stage, region, alarmEmail, mailFrom and closureNotice.
func ReadProps(node constructs.Node) (Props, error) {
	p := Props{Region: DefaultRegion, Build: "../.build"}
	value := func(key string) string {
		s, _ := node.TryGetContext(jsii.String(key)).(string)
		return s
	}
	stage, err := ParseStage(value("stage"))
	if err != nil {
		return Props{}, err
	}
	p.Stage = stage
	if r := value("region"); r != "" {
		if !regionName.MatchString(r) {
			return Props{}, fmt.Errorf("region %q is not the name of a Region: give -c region=us-east-2 or the like", r)
		}
		p.Region = r
	}
	p.AlarmEmail = value("alarmEmail")
	if p.MailFrom = cmp.Or(value("mailFrom"), stage.mailFrom()); p.MailFrom != "" {
		if _, err := mail.ParseAddress(p.MailFrom); err != nil {
			return Props{}, fmt.Errorf("mailFrom %q is not an e-mail address: give -c mailFrom=transcripts@example.com or the like", p.MailFrom)
		}
	}
	p.ClosureNotice = cmp.Or(value("closureNotice"), stage.closureNotice())
	if minutes, ok := minutesOf(p.ClosureNotice); !ok || minutes < stage.leastNotice() {
		return Props{}, fmt.Errorf("closureNotice %q is not a duration of days, hours and minutes, or too short: give -c closureNotice=P30D or the like, "+
			"in prod P7D at least", p.ClosureNotice)
	}
	return p, nil
}

// day is one in minutes.
const day = 24 * 60

var noticeForm = regexp.MustCompile(`^P(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?)?$`)

// minutesOf reads an ISO 8601 duration of days, hours and minutes, as the function reads it, and of at most a hundred years.
func minutesOf(text string) (minutes int, ok bool) {
	m := noticeForm.FindStringSubmatch(text)
	if m == nil || strings.HasSuffix(text, "T") {
		return 0, false
	}
	for i, of := range []int{day, 60, 1} {
		n, _ := strconv.Atoi(m[i+1]) // the form bounds the digits; none are zero
		minutes += n * of
	}
	return minutes, minutes <= 36_525*day
}

var regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)

// vault is the stack while it is put together: what the functions' files draw on.
type vault struct {
	stack awscdk.Stack
	props Props

	wrap, storage, signing awskms.Key
	records, keys, control table
	objects, exports       bucket
	staging, receipts      bucket
	ingestQueue            queue
	settleQueue            queue
	attachQueue            queue
	mailQueue, mailDead    queue
	purgeQueue             queue
	extractQueue           queue
	importQueue            queue
	schedulesDead          queue
	bus                    awsevents.EventBus
	api                    awsapigatewayv2.HttpApi
	alarms                 awssns.Topic
	functions              map[string]awslambda.Function
}

// NewStack makes the stack supportvault-<stage>.
func NewStack(scope constructs.Construct, props Props) awscdk.Stack {
	name := "supportvault-" + string(props.Stage)
	v := &vault{
		stack: awscdk.NewStack(scope, jsii.String(name), &awscdk.StackProps{
			Description:           jsii.String("supportvault: an organisation's support data, sealed, kept as long as it may be, then destroyed"),
			Env:                   &awscdk.Environment{Account: props.Stage.account(), Region: jsii.String(props.Region)},
			StackName:             jsii.String(name),
			TerminationProtection: jsii.Bool(props.Stage.keepsData()),
			Tags:                  &map[string]*string{"application": jsii.String("supportvault"), "stage": jsii.String(string(props.Stage))},
		}),
		props:     props,
		functions: map[string]awslambda.Function{},
	}
	v.addKeys()
	v.addTables()
	v.addBuckets()
	v.addAlarms()
	v.addQueues()
	v.addBus()
	v.addAPI()

	authorizer, linkAuthorizer := v.addAuthorize()
	v.addIngest()
	v.addSettle()
	v.addAttach(authorizer)
	v.addMail()
	v.addReport(authorizer, linkAuthorizer)
	v.addPurge()
	v.addExtract(authorizer)
	v.addImporter(authorizer)
	v.addAdmin(authorizer)
	v.addOpenapi()

	v.addOutputs()
	return v.stack
}

// addOutputs names what a person or the local runner needs to reach the stack. The keys are part of the contract with
// infra/local and with scripts of operators.
func (v *vault) addOutputs() {
	scope := constructs.NewConstruct(v.stack, jsii.String("Outputs"))
	output := func(key string, value *string) {
		awscdk.NewCfnOutput(scope, jsii.String(key), &awscdk.CfnOutputProps{Value: value}).OverrideLogicalId(jsii.String(key))
	}
	output("Api", v.api.ApiEndpoint())
	output("Region", v.stack.Region())
	output("RecordsTable", v.records.TableName())
	output("KeysTable", v.keys.TableName())
	output("ControlTable", v.control.TableName())
	output("ObjectsBucket", v.objects.BucketName())
	output("ExportsBucket", v.exports.BucketName())
	output("StagingBucket", v.staging.BucketName())
	output("ReceiptsBucket", v.receipts.BucketName())
	output("IngestQueue", v.ingestQueue.QueueUrl())
	output("SettleQueue", v.settleQueue.QueueUrl())
	output("AttachQueue", v.attachQueue.QueueUrl())
	output("MailQueue", v.mailQueue.QueueUrl())
	output("PurgeQueue", v.purgeQueue.QueueUrl())
	output("ExtractQueue", v.extractQueue.QueueUrl())
	output("ImportQueue", v.importQueue.QueueUrl())
	if v.props.MailFrom != "" {
		output("MailFrom", jsii.String(v.props.MailFrom))
	}
	output("Bus", v.bus.EventBusName())
	output("WrapKey", v.wrap.KeyId())
	output("ReceiptsKey", v.signing.KeyId())
	for _, name := range slices.Sorted(maps.Keys(v.functions)) {
		output("Function"+camelCase(name), v.functions[name].FunctionName())
	}
}

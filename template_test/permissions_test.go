package template_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A permission is one action on one resource. Resources have plain names: "records", "keys/index/listing",
// "objects/bodies/*", "wrap".
type permission struct {
	Action, On, When string
}

// Conditions have plain names as well; an unknown one stands as its JSON.
const (
	forAccount   = "for an account" // the encryption context is {account} and nothing else
	auditRows    = "audit rows"     // the partition key is an account's audit trail
	otherRows    = "rows that no other function writes"
	cohorts      = "rows of cohorts"
	chats        = "rows of conversations"
	both         = "rows of cohorts and conversations"
	neither      = "rows other than those of cohorts and conversations"
	jobs         = "rows of extracts"
	jobsAudit    = "rows of extracts and audit rows"
	imports      = "rows of imports"
	importsAudit = "rows of imports and audit rows"
	jobsCopies   = "rows of extracts and of copies of everything"
	jobsGets     = "rows of extracts and receipts"
	jobsReads    = "rows of extracts, of copies of everything, receipts and audit rows"
	mailPuts     = "rows of digests, log, links and suppressed addresses"
	mailKeeps    = "rows of copies and digests"
	mailClears   = "rows of digests, log, links and notices"
	settings     = "rows of destinations, suppressed addresses and destructions by hand"
	wishes       = "rows of destructions by hand"
	fences       = "rows of fences"
	fencesJobs   = "rows of fences and of extracts"
	receipts     = "rows of receipts"
	closes       = "keys of rows other than those of cohorts and conversations"
	delivers     = "what is delivered of a conversation"
	byHand       = "whose hand is on a conversation"
	facts        = "rows of facts"
	dueFiles     = "rows of files that are due"
	ofChats      = "rows other than those of facts, visits and subjects"
	accounts     = "the list of accounts"
	howFar       = "how far a file is"
	healths      = "rows of the health of sources"
	asSender     = "as the sender"
	via          = "via " // and the service through which the key is used
)

var conditions = map[string]string{
	`null`: "",
	`{"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["account"]},"Null":{"kms:EncryptionContext:account":"false"}}`:                                                                                                                                  forAccount,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#audit#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                                auditRows,
	`{"ForAllValues:StringNotLike":{"dynamodb:LeadingKeys":["*#audit#*","*#copy#*","*#digest#*","*#extract#*","*#health#*","*#import#*","*#link#*","*#mailbox#*","*#maillog#*","*#receipt#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                        otherRows,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#health#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                               healths,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#cohort#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                               cohorts,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#conversation#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                         chats,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#cohort#*","*#conversation#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                            both,
	`{"ForAllValues:StringNotLike":{"dynamodb:LeadingKeys":["*#cohort#*","*#conversation#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                         neither,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#extract#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                              jobs,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#import#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                               imports,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#audit#*","*#import#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                   importsAudit,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#audit#*","*#extract#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                  jobsAudit,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#extract#*","*#copy#account#"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                            jobsCopies,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#audit#*","*#extract#*","*#copy#account#","*#receipt#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                  jobsReads,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#mailbox#*","*#maillog#*","*#digest#*","*#link#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                        mailPuts,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#copy#*","*#digest#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                    mailKeeps,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#maillog#*","*#digest#*","*#link#*","*#notice#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                         mailClears,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#mail#*","*#mailbox#*","*#hand#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                        settings,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#hand#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                                 wishes,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#fence#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                                fences,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#fence#*","*#extract#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                  fencesJobs,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#extract#*","*#receipt#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                jobsGets,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#receipt#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                              receipts,
	`{"ForAllValues:StringEquals":{"dynamodb:Attributes":["pk","sk","key","destroyedAt"]},"ForAllValues:StringNotLike":{"dynamodb:LeadingKeys":["*#cohort#*","*#conversation#*"]},"Null":{"dynamodb:Attributes":"false","dynamodb:LeadingKeys":"false"}}`:       closes,
	`{"ForAllValues:StringEquals":{"dynamodb:Attributes":["pk","sk","state","generation","awaits","delivered"]},"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#conversation#*"]},"Null":{"dynamodb:Attributes":"false","dynamodb:LeadingKeys":"false"}}`: delivers,
	`{"ForAllValues:StringEquals":{"dynamodb:Attributes":["pk","sk","state","generation","hand","handUntil"]},"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#conversation#*"]},"Null":{"dynamodb:Attributes":"false","dynamodb:LeadingKeys":"false"}}`:   byHand,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#fact#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                                 facts,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["*#due#"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                                   dueFiles,
	`{"ForAllValues:StringNotLike":{"dynamodb:LeadingKeys":["*#fact#*","*#visit#*","*#subject#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                    ofChats,
	`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["#accounts"]},"Null":{"dynamodb:LeadingKeys":"false"}}`:                                                                                                                                                accounts,
	`{"ForAllValues:StringEquals":{"dynamodb:Attributes":["pk","sk","state","attempts","due","reason","file","fileBytes"]},"Null":{"dynamodb:Attributes":"false"}}`:                                                                                             howFar,
	`{"StringEquals":{"ses:FromAddress":"transcripts@vault.example"}}`:                                                                                                                                                                                          asSender,
	`{"StringEquals":{"kms:ViaService":"dynamodb.us-east-2.amazonaws.com"}}`:                                                                                                                                                                                    via + "dynamodb",
	`{"StringEquals":{"kms:ViaService":"sqs.us-east-2.amazonaws.com"}}`:                                                                                                                                                                                         via + "sqs",
	`{"StringEquals":{"kms:ViaService":"s3.us-east-2.amazonaws.com"}}`:                                                                                                                                                                                          via + "s3",
}

// A grant is what the table below says in one line: actions of one service, separated by blanks.
type grant struct {
	on      string
	actions string
	when    string
}

func (g grant) permissions() []permission {
	var out []permission
	for action := range strings.FieldsSeq(g.actions) {
		out = append(out, permission{Action: action, On: g.on, When: g.when})
	}
	return out
}

const readItems = "dynamodb:GetItem dynamodb:BatchGetItem "

// granted is everything that each function may do, besides writing its own log and its traces.
var granted = map[string][]grant{
	"ingest": {
		{on: "control", actions: "dynamodb:BatchGetItem"},
		{on: "control", actions: "dynamodb:UpdateItem", when: healths},
		{on: "keys", actions: readItems + "dynamodb:Query"},
		{on: "keys", actions: "dynamodb:PutItem", when: both},
		{on: "keys", actions: "dynamodb:UpdateItem", when: chats},
		{on: "records", actions: "dynamodb:GetItem dynamodb:Query dynamodb:PutItem"},
		{on: "wrap", actions: "kms:Decrypt", when: forAccount},
		{on: "ingest-queue", actions: "sqs:SendMessage sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes"},
		{on: "settle-queue", actions: "sqs:SendMessage"},
		{on: "attach-queue", actions: "sqs:SendMessage"},
		{on: "objects/queue/*", actions: "s3:GetObject s3:PutObject s3:DeleteObject"},
		{on: "objects/bodies/*", actions: "s3:GetObject s3:PutObject s3:DeleteObject"},
		{on: "objects", actions: "s3:ListBucket"},
		{on: "storage", actions: "kms:Decrypt", when: via + "dynamodb"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "sqs"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "s3"},
	},
	"settle": {
		{on: "control", actions: readItems + "dynamodb:Query"},
		{on: "control", actions: "dynamodb:UpdateItem dynamodb:ConditionCheckItem", when: fences},
		{on: "keys", actions: readItems + "dynamodb:Query"},
		{on: "keys", actions: "dynamodb:PutItem", when: cohorts},
		{on: "keys", actions: "dynamodb:UpdateItem", when: chats},
		{on: "keys/index/listing", actions: "dynamodb:Query"},
		{on: "records", actions: "dynamodb:GetItem dynamodb:Query dynamodb:PutItem dynamodb:BatchWriteItem"},
		{on: "wrap", actions: "kms:Decrypt", when: forAccount},
		{on: "settle-queue", actions: "sqs:SendMessage sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes"},
		{on: "purge-queue", actions: "sqs:SendMessage"},
		{on: "schedules-dead", actions: "sqs:SendMessage"},
		{on: "bus", actions: "events:PutEvents"},
		{on: "objects/bodies/*", actions: "s3:GetObject s3:PutObject s3:DeleteObject"},
		{on: "objects/files/*", actions: "s3:DeleteObject"},
		{on: "objects", actions: "s3:ListBucket"},
		{on: "storage", actions: "kms:Decrypt", when: via + "dynamodb"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "sqs"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "s3"},
	},
	"attach": {
		{on: "control", actions: "dynamodb:BatchGetItem"},
		{on: "control", actions: "dynamodb:Query", when: accounts},
		{on: "keys", actions: readItems},
		{on: "records", actions: "dynamodb:GetItem dynamodb:DeleteItem", when: ofChats},
		{on: "records", actions: "dynamodb:Query dynamodb:PutItem", when: dueFiles},
		{on: "records", actions: "dynamodb:UpdateItem", when: howFar},
		{on: "wrap", actions: "kms:Decrypt", when: forAccount},
		{on: "attach-queue", actions: "sqs:SendMessage sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes"},
		{on: "schedules-dead", actions: "sqs:SendMessage"},
		{on: "objects/files/*", actions: "s3:PutObject s3:DeleteObject"},
		{on: "staging/uploads/*", actions: "s3:GetObject s3:PutObject s3:DeleteObject"},
		{on: "staging", actions: "s3:ListBucket"},
		{on: "storage", actions: "kms:Decrypt", when: via + "dynamodb"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "sqs"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "s3"},
	},
	"report": {
		{on: "control", actions: "dynamodb:BatchGetItem"},
		{on: "control", actions: "dynamodb:PutItem", when: auditRows},
		{on: "keys", actions: readItems + "dynamodb:Query"},
		{on: "keys/index/listing", actions: "dynamodb:Query"},
		{on: "records", actions: "dynamodb:GetItem dynamodb:Query"},
		{on: "wrap", actions: "kms:Decrypt", when: forAccount},
		{on: "objects/bodies/*", actions: "s3:GetObject"},
		{on: "objects/files/*", actions: "s3:GetObject"},
		{on: "objects", actions: "s3:ListBucket"},
		{on: "storage", actions: "kms:Decrypt", when: via + "dynamodb"},
		{on: "storage", actions: "kms:Decrypt", when: via + "s3"},
	},
	"purge": {
		{on: "control", actions: readItems + "dynamodb:Query"},
		{on: "control", actions: "dynamodb:ConditionCheckItem", when: fences},
		{on: "control", actions: "dynamodb:UpdateItem", when: fencesJobs},
		{on: "control", actions: "dynamodb:PutItem", when: receipts},
		{on: "control", actions: "dynamodb:DeleteItem", when: wishes},
		{on: "keys", actions: readItems + "dynamodb:Query"},
		{on: "keys", actions: "dynamodb:UpdateItem", when: both},
		{on: "keys", actions: "dynamodb:UpdateItem", when: closes},
		{on: "keys", actions: "dynamodb:DeleteItem", when: cohorts},
		{on: "keys/index/listing", actions: "dynamodb:Query"},
		{on: "records", actions: "dynamodb:GetItem dynamodb:Query dynamodb:BatchWriteItem"},
		{on: "objects/bodies/*", actions: "s3:DeleteObject"},
		{on: "objects/files/*", actions: "s3:DeleteObject"},
		{on: "exports/*", actions: "s3:DeleteObject"},
		{on: "exports", actions: "s3:ListBucket"},
		{on: "receipts/receipts/*", actions: "s3:PutObject"},
		{on: "signing", actions: "kms:Sign kms:GetPublicKey"},
		{on: "purge-queue", actions: "sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "s3"},
		{on: "schedules-dead", actions: "sqs:SendMessage"},
		{on: "storage", actions: "kms:Decrypt", when: via + "dynamodb"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "sqs"},
	},
	"extract": {
		{on: "control", actions: "dynamodb:BatchGetItem"},
		{on: "control", actions: "dynamodb:Query", when: jobsReads},
		{on: "control", actions: "dynamodb:GetItem", when: jobsGets},
		{on: "control", actions: "dynamodb:PutItem", when: jobsAudit},
		{on: "control", actions: "dynamodb:UpdateItem", when: jobsCopies},
		{on: "extract-queue", actions: "sqs:SendMessage sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "sqs"},
		{on: "keys", actions: readItems + "dynamodb:Query"},
		{on: "keys/index/listing", actions: "dynamodb:Query"},
		{on: "records", actions: readItems + "dynamodb:Query"},
		{on: "wrap", actions: "kms:Decrypt", when: forAccount},
		{on: "objects/bodies/*", actions: "s3:GetObject"},
		{on: "objects/files/*", actions: "s3:GetObject"},
		{on: "objects", actions: "s3:ListBucket"},
		{on: "exports/*", actions: "s3:GetObject s3:PutObject s3:AbortMultipartUpload"},
		{on: "storage", actions: "kms:Decrypt", when: via + "dynamodb"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "s3"},
	},
	"importer": {
		{on: "control", actions: "dynamodb:BatchGetItem"},
		{on: "control", actions: "dynamodb:GetItem dynamodb:Query dynamodb:UpdateItem", when: imports},
		{on: "control", actions: "dynamodb:PutItem", when: importsAudit},
		{on: "keys", actions: readItems + "dynamodb:Query"},
		{on: "keys", actions: "dynamodb:PutItem", when: both},
		{on: "keys", actions: "dynamodb:UpdateItem", when: chats},
		{on: "records", actions: "dynamodb:GetItem dynamodb:Query dynamodb:PutItem"},
		{on: "wrap", actions: "kms:Decrypt", when: forAccount},
		{on: "import-queue", actions: "sqs:SendMessage sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes"},
		{on: "settle-queue", actions: "sqs:SendMessage"},
		{on: "objects/bodies/*", actions: "s3:GetObject s3:PutObject s3:DeleteObject"},
		{on: "objects", actions: "s3:ListBucket"},
		{on: "staging/imports/*", actions: "s3:GetObject s3:PutObject s3:DeleteObject"},
		{on: "staging", actions: "s3:ListBucket"},
		{on: "storage", actions: "kms:Decrypt", when: via + "dynamodb"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "sqs"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "s3"},
	},
	"authorize": {
		{on: "control", actions: "dynamodb:GetItem"},
		{on: "storage", actions: "kms:Decrypt", when: via + "dynamodb"},
	},
	"mail": {
		{on: "control", actions: readItems + "dynamodb:Query"},
		{on: "control", actions: "dynamodb:PutItem", when: mailPuts},
		{on: "control", actions: "dynamodb:UpdateItem", when: mailKeeps},
		{on: "control", actions: "dynamodb:DeleteItem", when: mailClears},
		{on: "keys", actions: readItems + "dynamodb:Query"},
		{on: "keys", actions: "dynamodb:UpdateItem", when: delivers},
		{on: "records", actions: "dynamodb:GetItem dynamodb:Query"},
		{on: "wrap", actions: "kms:Decrypt", when: forAccount},
		{on: "mail-queue", actions: "sqs:SendMessage sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes"},
		{on: "purge-queue", actions: "sqs:SendMessage"},
		{on: "schedules-dead", actions: "sqs:SendMessage"},
		{on: "objects/bodies/*", actions: "s3:GetObject"},
		{on: "objects", actions: "s3:ListBucket"},
		{on: "storage", actions: "kms:Decrypt", when: via + "dynamodb"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "sqs"},
		{on: "storage", actions: "kms:Decrypt", when: via + "s3"},
	},
	"admin": {
		{on: "control", actions: readItems + "dynamodb:Query"},
		{on: "control", actions: "dynamodb:PutItem dynamodb:UpdateItem", when: otherRows},
		{on: "control", actions: "dynamodb:PutItem", when: auditRows},
		{on: "control", actions: "dynamodb:DeleteItem", when: settings},
		{on: "keys", actions: readItems + "dynamodb:Query"},
		{on: "keys/index/listing", actions: "dynamodb:Query"},
		{on: "keys", actions: "dynamodb:PutItem", when: neither},
		{on: "keys", actions: "dynamodb:UpdateItem", when: byHand},
		{on: "records", actions: "dynamodb:Query", when: facts},
		{on: "wrap", actions: "kms:GenerateDataKey kms:Decrypt", when: forAccount},
		{on: "mail-queue", actions: "sqs:SendMessage"},
		{on: "storage", actions: "kms:Decrypt", when: via + "dynamodb"},
		{on: "storage", actions: "kms:Decrypt kms:GenerateDataKey", when: via + "sqs"},
	},
	"openapi": {}, // anybody may ask it
}

// sending is what mail may do besides where a sender is configured, as in the stage local: send as that sender through its
// configuration set.
var sending = []grant{
	{on: "arn:${AWS::Partition}:ses:us-east-2:000000000000:identity/transcripts@vault.example", actions: "ses:SendEmail ses:SendRawEmail", when: asSender},
	{on: "arn:${AWS::Partition}:ses:us-east-2:000000000000:identity/vault.example", actions: "ses:SendEmail ses:SendRawEmail", when: asSender},
	{on: "arn:${AWS::Partition}:ses:us-east-2:000000000000:configuration-set/${MailSet}", actions: "ses:SendEmail ses:SendRawEmail", when: asSender},
}

// scheduled are the functions with a schedule, whose role may start them.
var scheduled = []string{"settle", "attach", "purge", "mail"}

func TestFunctionsMayDoExactlyWhatTheTableSays(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		for _, name := range slices.Sorted(maps.Keys(tpl.functions(t))) {
			want := append(grant{on: "log of " + name, actions: "logs:CreateLogStream logs:PutLogEvents"}.permissions(),
				grant{on: "*", actions: "xray:PutTraceSegments xray:PutTelemetryRecords"}.permissions()...)
			all := granted[name]
			if name == "mail" && tpl.Stage == "local" {
				all = slices.Concat(all, sending)
			}
			for _, g := range all {
				want = append(want, g.permissions()...)
			}
			got := tpl.permissionsOf(t, tpl.functions(t)[name])
			if diff := cmp.Diff(ordered(want), ordered(got)); diff != "" {
				t.Errorf("%s (-want +got)\n%s", name, diff)
			}
		}
	})
}

func TestSchedulesMayStartTheirFunctionAndNothingElse(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		var started []string
		for id, schedule := range tpl.ofType(t, "AWS::Scheduler::Schedule") {
			names := tpl.names(t)
			target := plain(dig(schedule.Properties, "Target", "Arn"), names)
			role, _ := reference(dig(schedule.Properties, "Target", "RoleArn"))
			want := append(grant{on: target, actions: "lambda:InvokeFunction"}.permissions(),
				permission{Action: "sqs:SendMessage", On: "schedules-dead"},
				permission{Action: "kms:Decrypt", On: "storage", When: via + "sqs"},
				permission{Action: "kms:GenerateDataKey", On: "storage", When: via + "sqs"})
			if diff := cmp.Diff(ordered(want), ordered(tpl.permissionsOfRole(t, role))); diff != "" {
				t.Errorf("%s (-want +got)\n%s", id, diff)
			}
			started = append(started, strings.TrimPrefix(target, "function "))
		}
		slices.Sort(started)
		started = slices.Compact(started) // a function may have several
		if diff := cmp.Diff(slices.Sorted(slices.Values(scheduled)), started); diff != "" {
			t.Errorf("scheduled functions (-want +got)\n%s", diff)
		}
	})
}

// The rules hold for every function there will ever be, whatever the table above says.
func TestNoFunctionMayDoWhatTheRulesForbid(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		for name, id := range tpl.functions(t) {
			for _, violation := range violations(name, tpl.permissionsOf(t, id)) {
				t.Errorf("%s: %s", name, violation)
			}
		}
	})
}

// Every permission stands in a policy of its role's own: no inline policy that this package would not read, and none of
// AWS's managed ones.
func TestPermissionsStandNowhereElse(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		attached := map[string]int{}
		for id, role := range tpl.ofType(t, "AWS::IAM::Role") {
			if role.Properties["Policies"] != nil {
				t.Errorf("the role %s has inline policies", id)
			}
			policies := list(role.Properties["ManagedPolicyArns"])
			if len(policies) != 1 {
				t.Errorf("the role %s has %d policies, not its one", id, len(policies))
			}
			for _, arn := range policies {
				policy, ok := reference(arn)
				if !ok {
					t.Errorf("the role %s has the foreign policy %v", id, arn)
				}
				attached[policy]++
			}
		}
		for id := range tpl.ofType(t, "AWS::IAM::ManagedPolicy") {
			if attached[id] != 1 {
				t.Errorf("the policy %s is attached to %d roles, not to one", id, attached[id])
			}
		}
		for id, r := range tpl.Resources {
			if slices.Contains([]string{"AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::User", "AWS::IAM::Group"}, r.Type) {
				t.Errorf("%s is an %s", id, r.Type)
			}
		}
		used := map[string]string{}
		for name, id := range tpl.functions(t) {
			role, _ := reference(tpl.Resources[id].Properties["Role"])
			if other, ok := used[role]; ok {
				t.Errorf("%s and %s share a role", name, other)
			}
			used[role] = name
		}
	})
}

// IAM takes at most 6,144 characters of a managed policy, and the deployment of more fails at the end. An ARN of these names has
// 100 at most.
func TestPoliciesAreShortEnough(t *testing.T) {
	const most, arn = 6_144, 100
	var length func(value any) int
	length = func(value any) int {
		if _, ok := reference(value); ok {
			return arn + len(`""`)
		}
		n := len(`{}`)
		switch v := value.(type) {
		case map[string]any:
			if _, ok := v["Fn::Join"]; ok {
				return arn + len(`""`)
			}
			for key, value := range v {
				n += len(key) + len(`"":,`) + length(value)
			}
		case []any:
			for _, value := range v {
				n += length(value) + len(`,`)
			}
		default:
			return len(plain(v, nil)) + len(`""`)
		}
		return n
	}
	eachStage(t, func(t *testing.T, tpl template) {
		for id, policy := range tpl.ofType(t, "AWS::IAM::ManagedPolicy") {
			if n := length(policy.Properties["PolicyDocument"]); n > most {
				t.Errorf("%s has %d characters", id, n)
			}
		}
	})
}

const (
	cloudWatch  = `{"Service":"cloudwatch.amazonaws.com"}`
	eventBridge = `{"Service":"events.amazonaws.com"}`
)

// ofThisAccount is the condition of a service that acts for the stack's own AWS account; the emulator's has a known number.
func ofThisAccount(stage string) string {
	if stage == "local" {
		return `{"StringEquals":{"aws:SourceAccount":"000000000000"}}`
	}
	return `{"StringEquals":{"aws:SourceAccount":{"Ref":"AWS::AccountId"}}}`
}

// Resource policies open a resource from its own side, past every table above.
func TestResourcePoliciesOpenNothing(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		for id, r := range tpl.Resources {
			var document any
			switch r.Type {
			case "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy":
				document = r.Properties["PolicyDocument"]
			case "AWS::DynamoDB::GlobalTable":
				for _, replica := range list(r.Properties["Replicas"]) {
					if dig(replica, "ResourcePolicy") != nil {
						t.Errorf("the table %s has a policy of its own", id)
					}
				}
			case "AWS::KMS::Key":
				document = r.Properties["KeyPolicy"]
			case "AWS::Lambda::Permission":
				if r.Properties["Principal"] != "apigateway.amazonaws.com" || r.Properties["SourceArn"] == nil {
					t.Errorf("%s lets %v call a function", id, r.Properties["Principal"])
				}
			case "AWS::Lambda::Url":
				t.Errorf("%s makes a function public", id)
			}
			for _, statement := range list(dig(document, "Statement")) {
				if dig(statement, "Effect") == "Deny" {
					continue
				}
				principal := plain(dig(statement, "Principal"), nil)
				switch {
				case r.Type == "AWS::KMS::Key" && strings.Contains(principal, ":root"):
					// The AWS account itself: its identity policies decide.
				case r.Type == "AWS::KMS::Key" && principal == cloudWatch && tpl.names(t)[id] == "storage",
					r.Type == "AWS::SNS::TopicPolicy" && principal == cloudWatch && dig(statement, "Action") == "sns:Publish":
					// Alarms reach their topic. CloudWatch asks KMS itself: nothing but this condition may stand in its way.
					if got := plain(dig(statement, "Condition"), nil); got != ofThisAccount(tpl.Stage) {
						t.Errorf("%s lets CloudWatch in under %s, want the alarms of this AWS account and no other condition", id, got)
					}
				case r.Type == "AWS::KMS::Key" && principal == eventBridge && tpl.names(t)[id] == "storage",
					r.Type == "AWS::SQS::QueuePolicy" && principal == eventBridge && dig(statement, "Action") == "sqs:SendMessage" &&
						slices.Contains([]string{"mail-queue", "mail-dead"}, plain(dig(statement, "Resource"), tpl.names(t))):
					// What the rules hand on reaches the mail queue.
					if got := plain(dig(statement, "Condition"), nil); got != ofThisAccount(tpl.Stage) {
						t.Errorf("%s lets EventBridge in under %s, want the rules of this AWS account and no other condition", id, got)
					}
				default:
					t.Errorf("%s allows %s to %v", id, principal, dig(statement, "Action"))
				}
			}
		}
	})
}

// permissionsOf gives what the role of a function allows.
func (tpl template) permissionsOf(t *testing.T, function string) []permission {
	t.Helper()
	role, ok := reference(tpl.Resources[function].Properties["Role"])
	if !ok {
		t.Fatalf("%s has no role of this template", function)
	}
	return tpl.permissionsOfRole(t, role)
}

func (tpl template) permissionsOfRole(t *testing.T, role string) []permission {
	t.Helper()
	var all []permission
	for _, arn := range list(tpl.Resources[role].Properties["ManagedPolicyArns"]) {
		policy, _ := reference(arn)
		all = append(all, flatten(t, tpl.Resources[policy].Properties["PolicyDocument"], tpl.names(t))...)
	}
	if len(all) == 0 {
		t.Fatalf("the role %s allows nothing at all", role)
	}
	return all
}

// flatten lists the permissions of a policy document.
func flatten(t *testing.T, document any, names map[string]string) []permission {
	t.Helper()
	var out []permission
	for _, statement := range list(dig(document, "Statement")) {
		if dig(statement, "Effect") != "Allow" {
			continue
		}
		if dig(statement, "NotAction") != nil || dig(statement, "NotResource") != nil {
			t.Errorf("a statement allows all but something: %v", statement)
		}
		raw, err := json.Marshal(dig(statement, "Condition"))
		if err != nil {
			t.Fatal(err)
		}
		when, known := conditions[string(raw)]
		if !known {
			when = string(raw)
		}
		for _, action := range list(dig(statement, "Action")) {
			for _, on := range list(dig(statement, "Resource")) {
				out = append(out, permission{Action: plain(action, names), On: plain(on, names), When: when})
			}
		}
	}
	return out
}

func ordered(permissions []permission) []permission {
	return slices.SortedFunc(slices.Values(permissions), func(a, b permission) int {
		return strings.Compare(a.On+" "+a.Action+" "+a.When, b.On+" "+b.Action+" "+b.When)
	})
}

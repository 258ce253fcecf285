package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
)

// statement is an Allow of an identity policy while it is written down.
type statement struct{ awsiam.PolicyStatement }

// allow lists actions on resources; neither may be a wildcard of its own (template_test watches over it).
func allow(actions []string, resources ...*string) statement {
	return statement{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings(actions...),
		Resources: &resources,
	})}
}

func (s statement) under(conditions map[string]any) awsiam.PolicyStatement {
	s.AddConditions(&conditions)
	return s.PolicyStatement
}

func (s statement) always() awsiam.PolicyStatement { return s.PolicyStatement }

// Rows by the form of their partition keys. Whoever writes keys may write only those of its own work: nothing but admin
// can touch the rows of account and index keys, and admin no others. Nobody may update or delete an audit entry. Whoever
// may put one could put it over another, for a permission does not tell the two apart; that the entry must be new is the
// condition of the put itself, in shared/audit.
const (
	auditRows        = "*#audit#*"
	conversationRows = "*#conversation#*"
	cohortRows       = "*#cohort#*"

	copyRows    = "*#copy#*"    // the copy ledger
	mailRows    = "*#mail#*"    // destinations
	mailboxRows = "*#mailbox#*" // suppressed addresses
	mailLogRows = "*#maillog#*"
	digestRows  = "*#digest#*"
	linkRows    = "*#link#*"
	noticeRows  = "*#notice#*" // what administrators are to be told

	factRows    = "*#fact#*"
	visitRows   = "*#visit#*"
	subjectRows = "*#subject#*" // who is in which conversation
	dueRows     = "*#due#"      // files that are to be fetched

	accountsRows = "#accounts" // the list of accounts

	healthRows = "*#health#*" // how sources do

	accountCopyRows = "*#copy#account#" // the ledger of copies of everything
	extractRows     = "*#extract#*"     // jobs
	importRows      = "*#import#*"      // jobs
	receiptRows     = "*#receipt#*"

	fenceRows = "*#fence#*" // what keeps a destruction and a change of the policy apart
	handRows  = "*#hand#*"  // destructions by hand
	holdRows  = "*#hold#*"  // what must not be destroyed
)

// mayOnRows allows actions on the rows of a table whose partition keys have one of the forms.
func (v *vault) mayOnRows(t table, forms []string, actions ...string) awsiam.PolicyStatement {
	return allow(actions, t.TableArn()).under(map[string]any{
		"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": forms},
		"Null":                    map[string]any{"dynamodb:LeadingKeys": "false"},
	})
}

// mayOnOtherRows allows actions on the rows of a table whose partition keys have none of the forms.
func (v *vault) mayOnOtherRows(t table, forms []string, actions ...string) awsiam.PolicyStatement {
	return allow(actions, t.TableArn()).under(map[string]any{
		"ForAllValues:StringNotLike": map[string]any{"dynamodb:LeadingKeys": forms},
		"Null":                       map[string]any{"dynamodb:LeadingKeys": "false"},
	})
}

// only allows no other attributes of the rows to be written or asked for: the row's keys are among those that are named.
func only(s awsiam.PolicyStatement, attributes ...string) awsiam.PolicyStatement {
	s.AddConditions(&map[string]any{
		// ForAllValues also passes when there are none, hence the second condition.
		"ForAllValues:StringEquals": map[string]any{"dynamodb:Attributes": append([]string{"pk", "sk"}, attributes...)},
		"Null":                      map[string]any{"dynamodb:Attributes": "false"},
	})
	return s
}

// appendsAudit allows a put into the control table for audit entries alone.
func (v *vault) appendsAudit() awsiam.PolicyStatement {
	return v.mayOnRows(v.control, []string{auditRows}, "dynamodb:PutItem")
}

// knowsMissing makes S3 answer "no such key" for an object that is gone; without the permission to list it answers "access
// denied", which could be anything. All that the names in a bucket tell are accounts: the rest are HMACs and random ids.
func (v *vault) knowsMissing(b bucket) awsiam.PolicyStatement { return v.mayList(b) }

// mayList allows to list a bucket, which shows names and sizes.
func (v *vault) mayList(b bucket) awsiam.PolicyStatement {
	return allow([]string{"s3:ListBucket"}, b.BucketArn()).always()
}

func (v *vault) mayOnTable(t table, actions ...string) awsiam.PolicyStatement {
	return allow(actions, t.TableArn()).always()
}

// mayOnListing allows actions on the keys table and its index.
func (v *vault) mayOnListing(actions ...string) awsiam.PolicyStatement {
	return allow(actions, v.keys.TableArn(), jsii.String(*v.keys.TableArn()+"/index/"+listingIndex)).always()
}

// mayOnObjects allows actions on the objects of a bucket whose key begins so.
func (v *vault) mayOnObjects(b bucket, prefix string, actions ...string) awsiam.PolicyStatement {
	return allow(actions, b.ArnForObjects(jsii.String(prefix+"*"))).always()
}

func (v *vault) maySend(queues ...queue) awsiam.PolicyStatement {
	return allow([]string{"sqs:SendMessage"}, arns(queues)...).always()
}

// mayConsume is what an event source mapping needs of its function's role.
func (v *vault) mayConsume(q queue) awsiam.PolicyStatement {
	return allow([]string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}, q.QueueArn()).always()
}

func arns(queues []queue) []*string {
	out := make([]*string, len(queues))
	for i, q := range queues {
		out[i] = q.QueueArn()
	}
	return out
}

package template_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// A rule says what is wrong about a permission of a function, or nothing.
type rule func(function string, p permission) string

var rules = []rule{
	func(_ string, p permission) string {
		if strings.ContainsAny(p.Action, "*?") {
			return "the action is a wildcard"
		}
		return ""
	},
	func(_ string, p permission) string {
		service, _, _ := strings.Cut(p.Action, ":")
		objects := service == "s3" && slices.Contains([]string{"objects/bodies/*", "objects/files/*", "objects/queue/*", "exports/*", "staging/imports/*", "staging/uploads/*", "receipts/receipts/*"}, p.On)
		if strings.ContainsAny(p.On, "*?") && service != "xray" && !objects {
			return "the resource is a wildcard"
		}
		return ""
	},
	func(_ string, p permission) string {
		if slices.Contains([]string{"iam:", "sts:", "lambda:", "scheduler:"}, p.Action[:strings.Index(p.Action, ":")+1]) {
			return "a function may not change who may do what, nor call another function"
		}
		return ""
	},
	func(_ string, p permission) string {
		service, operation, _ := strings.Cut(p.Action, ":")
		harmless := []string{"GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "ConditionCheckItem"}
		if service == "dynamodb" && !slices.Contains(harmless, operation) {
			return "tables are neither scanned nor exported nor changed"
		}
		return ""
	},
	func(function string, p permission) string {
		if p.Action == "dynamodb:DeleteItem" && strings.HasPrefix(p.On, "keys") && function != "purge" {
			return "only purge removes keys"
		}
		return ""
	},
	func(_ string, p permission) string {
		if p.Action == "dynamodb:BatchWriteItem" && p.On != "records" {
			return "a batch writes without conditions, which keys and control need"
		}
		return ""
	},
	func(function string, p permission) string {
		if p.On == "control" && p.Action == "dynamodb:UpdateItem" && function != "admin" && !(function == "extract" && p.When == jobsCopies) &&
			!(function == "importer" && p.When == imports) && !(function == "ingest" && p.When == healths) && !(function == "mail" && p.When == mailKeeps) &&
			!(function == "purge" && p.When == fencesJobs) && !(function == "settle" && p.When == fences) {
			return "only admin updates control rows; extract those of its jobs and of the copies that they are, importer those of its jobs, mail those of " +
				"copies and digests, purge fences and the jobs of what it destroys, settle fences, ingest the health of sources"
		}
		return ""
	},
	func(function string, p permission) string {
		if p.On == "control" && p.Action == "dynamodb:DeleteItem" && !(function == "admin" && p.When == settings) && !(function == "mail" && p.When == mailClears) &&
			!(function == "purge" && p.When == wishes) {
			return "nobody deletes control rows, audit entries and holds among them, but admin settings of mail and its own hand, mail what is done with, " +
				"and purge the wishes that it fulfilled"
		}
		return ""
	},
	func(function string, p permission) string {
		if p.On == "control" && p.Action == "dynamodb:PutItem" && function != "admin" && p.When != auditRows && !(function == "extract" && p.When == jobsAudit) &&
			!(function == "importer" && p.When == importsAudit) && !(function == "mail" && p.When == mailPuts) && !(function == "purge" && p.When == receipts) {
			return "only admin puts control rows other than audit entries, and extract and importer their jobs, mail what it notes, and purge receipts"
		}
		return ""
	},
	func(function string, p permission) string {
		writes := slices.Contains([]string{"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}, p.Action)
		switch {
		case p.On != "keys" || !writes:
			return ""
		case function == "admin" && p.Action == "dynamodb:UpdateItem" && p.When == byHand:
			return ""
		case function == "admin" && (p.Action != "dynamodb:PutItem" || p.When != neither):
			return "admin puts the rows of account and index keys, and touches no others, but to lay its hand on a conversation"
		case function == "mail" && (p.Action != "dynamodb:UpdateItem" || p.When != delivers):
			return "mail notes what it delivered, and touches no key"
		case function == "purge" && p.Action == "dynamodb:UpdateItem" && p.When == closes:
			return "" // it takes the key of an account that is closed; one that it put in its place would open nothing
		case function != "admin" && !slices.Contains([]string{cohorts, chats, both, delivers}, p.When):
			return "only admin writes the rows of account and index keys"
		}
		return ""
	},
	func(function string, p permission) string {
		updates := p.Action == "dynamodb:UpdateItem" || p.Action == "dynamodb:PutItem" && function == "admin"
		appends := function == "admin" && p.Action == "dynamodb:PutItem" && p.When == auditRows
		if p.On == "control" && updates && p.When != otherRows && !appends && !(function == "extract" && p.When == jobsCopies) &&
			!(function == "importer" && p.When == imports) && !(function == "ingest" && p.When == healths) && !(function == "mail" && p.When == mailKeeps) &&
			!(function == "purge" && p.When == fencesJobs) && !(function == "settle" && p.When == fences) {
			return "nobody updates audit entries, and admin writes no rows of other functions"
		}
		return ""
	},
	func(function string, p permission) string {
		if p.On == "wrap" && (function == "purge" || function == "authorize") {
			return "what destroys or admits cannot read"
		}
		return ""
	},
	func(function string, p permission) string {
		if p.On == "wrap" && p.Action != "kms:Decrypt" && !(function == "admin" && p.Action == "kms:GenerateDataKey") {
			return "the wrap key only opens account keys, and makes them for admin"
		}
		return ""
	},
	func(_ string, p permission) string {
		if p.On == "wrap" && p.When != forAccount {
			return "the wrap key opens for an account only"
		}
		return ""
	},
	func(_ string, p permission) string {
		if p.On == "storage" && !strings.HasPrefix(p.When, via) {
			return "the storage key opens for its services only"
		}
		return ""
	},
	func(function string, p permission) string {
		deletes := function == "purge" && (p.Action == "s3:DeleteObject" || p.Action == "s3:ListBucket")
		if strings.HasPrefix(p.On, "exports") && function != "extract" && !deletes {
			return "extracts are written by extract, which leads to them, and reached by no other function, but that purge deletes them"
		}
		return ""
	},
	func(function string, p permission) string {
		if strings.HasPrefix(p.On, "staging") && !(function == "attach" && p.On == "staging/uploads/*") && !(function == "importer" && p.On == "staging/imports/*") && p.On != "staging" {
			return "what is uploaded is reached by who seals or stores it alone"
		}
		return ""
	},
	func(function string, p permission) string {
		reads, deletes := p.Action == "s3:GetObject", p.Action == "s3:DeleteObject"
		destroys := deletes && (function == "settle" || function == "purge")
		if p.On == "objects/files/*" && !destroys && !(function == "attach" && !reads) && !(reads && (function == "report" || function == "extract")) {
			return "files are written by attach, which reads none, read by those who answer readers, and deleted by those who destroy"
		}
		return ""
	},
	func(function string, p permission) string {
		updates := p.Action == "dynamodb:UpdateItem" && p.When == howFar
		puts := p.Action == "dynamodb:PutItem" && p.When == dueFiles
		harmless := slices.Contains([]string{"dynamodb:GetItem", "dynamodb:DeleteItem"}, p.Action) && p.When == ofChats || p.Action == "dynamodb:Query" && p.When == dueFiles
		if function == "attach" && p.On == "records" && !updates && !puts && !harmless {
			return "attach speaks to strangers: it writes of records how far a file is, and lists what is due"
		}
		return ""
	},
	func(function string, p permission) string {
		service, _, _ := strings.Cut(p.Action, ":")
		if service == "logs" && p.On != "log of "+function {
			return "a function writes its own log"
		}
		return ""
	},
	func(function string, p permission) string {
		if strings.HasPrefix(p.On, "receipts") && (function != "purge" || p.Action != "s3:PutObject") {
			return "receipts are written by purge, and nobody deletes them or lifts their lock"
		}
		return ""
	},
	func(function string, p permission) string {
		if p.On == "signing" && (function != "purge" || p.Action != "kms:Sign" && p.Action != "kms:GetPublicKey") {
			return "what destroys signs for it, and nobody else does"
		}
		return ""
	},
	func(function string, p permission) string {
		if strings.HasPrefix(p.Action, "ses:") && (function != "mail" || p.When != asSender) {
			return "e-mail is sent by mail, as the sender and nobody else"
		}
		return ""
	},
	func(function string, p permission) string {
		if function == "openapi" && !strings.HasPrefix(p.Action, "logs:") && !strings.HasPrefix(p.Action, "xray:") {
			return "what answers anybody reaches nothing"
		}
		return ""
	},
}

func violations(function string, permissions []permission) []string {
	var out []string
	for _, p := range permissions {
		for _, r := range rules {
			if says := r(function, p); says != "" {
				out = append(out, p.Action+" on "+p.On+": "+says)
			}
		}
	}
	return out
}

// The rules are only worth something when they refuse what they are for.
func TestRulesRefuseTooMuch(t *testing.T) {
	names := map[string]string{"Records1": "records", "Keys1": "keys", "Control1": "control", "Wrap1": "wrap", "Storage1": "storage", "Exports1": "exports", "Staging1": "staging", "Objects1": "objects", "Receipts1": "receipts", "Signing1": "signing", "Log1": "log of ingest"}
	arn := func(id string) string { return `{"Fn::GetAtt": ["` + id + `", "Arn"]}` }
	for _, test := range []struct {
		name, function, statement, says string
	}{
		{"refuses a wildcard action", "settle", `{"Action": "dynamodb:*", "Resource": ` + arn("Records1") + `}`, "the action is a wildcard"},
		{"refuses an action with a wildcard's tail", "settle", `{"Action": ["dynamodb:GetItem", "s3:GetObject*"], "Resource": ` + arn("Records1") + `}`, "the action is a wildcard"},
		{"refuses every resource", "settle", `{"Action": "dynamodb:GetItem", "Resource": "*"}`, "the resource is a wildcard"},
		{"refuses every index", "report", `{"Action": "dynamodb:Query", "Resource": {"Fn::Join": ["", [` + arn("Keys1") + `, "/index/*"]]}}`, "the resource is a wildcard"},
		{"refuses a scan", "extract", `{"Action": "dynamodb:Scan", "Resource": ` + arn("Records1") + `}`, "neither scanned"},
		{"refuses a query language that scans", "extract", `{"Action": "dynamodb:PartiQLSelect", "Resource": ` + arn("Records1") + `}`, "neither scanned"},
		{"refuses the removal of keys by settle", "settle", `{"Action": "dynamodb:DeleteItem", "Resource": ` + arn("Keys1") + `}`, "only purge removes keys"},
		{"refuses the removal of keys in a batch", "purge", `{"Action": "dynamodb:BatchWriteItem", "Resource": ` + arn("Keys1") + `}`, "without conditions"},
		{"refuses settle an update of any row of keys", "settle", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Keys1") + `}`, "only admin writes the rows"},
		{"refuses admin the rows of cohorts and conversations", "admin", `{"Action": "dynamodb:PutItem", "Resource": ` + arn("Keys1") + `}`, "touches no others"},
		{"refuses admin a condition that spares the rows of cohorts alone", "admin", `{"Action": "dynamodb:PutItem", "Resource": ` + arn("Keys1") + `, "Condition": {"ForAllValues:StringNotLike": {"dynamodb:LeadingKeys": ["*#cohort#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "touches no others"},
		{"refuses admin an update of account keys", "admin", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Keys1") + `, "Condition": {"ForAllValues:StringNotLike": {"dynamodb:LeadingKeys": ["*#cohort#*", "*#conversation#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "touches no others"},
		{"refuses admin a put of audit entries", "admin", `{"Action": "dynamodb:PutItem", "Resource": ` + arn("Control1") + `}`, "rows of other functions"},
		{"refuses admin an update of audit entries", "admin", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Control1") + `}`, "nobody updates audit"},
		{"refuses purge more of the rows of account keys than to take the key", "purge", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Keys1") + `, "Condition": {"ForAllValues:StringNotLike": {"dynamodb:LeadingKeys": ["*#cohort#*", "*#conversation#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "only admin writes the rows"},
		{"refuses settle to take the keys of accounts", "settle", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Keys1") + `, "Condition": {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "sk", "key", "destroyedAt"]}, "ForAllValues:StringNotLike": {"dynamodb:LeadingKeys": ["*#cohort#*", "*#conversation#*"]}, "Null": {"dynamodb:Attributes": "false", "dynamodb:LeadingKeys": "false"}}}`, "only admin writes the rows"},
		{"refuses mail the keys of conversations", "mail", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Keys1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#conversation#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "touches no key"},
		{"refuses mail to put what it delivered", "mail", `{"Action": "dynamodb:PutItem", "Resource": ` + arn("Keys1") + `, "Condition": {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "sk", "state", "generation", "awaits", "delivered"]}, "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#conversation#*"]}, "Null": {"dynamodb:Attributes": "false", "dynamodb:LeadingKeys": "false"}}}`, "touches no key"},
		{"refuses admin the keys of conversations", "admin", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Keys1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#conversation#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "lay its hand"},
		{"refuses admin to note what was delivered", "admin", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Keys1") + `, "Condition": {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "sk", "state", "generation", "awaits", "delivered"]}, "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#conversation#*"]}, "Null": {"dynamodb:Attributes": "false", "dynamodb:LeadingKeys": "false"}}}`, "lay its hand"},
		{"refuses purge to update a receipt", "purge", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#receipt#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "only admin updates"},
		{"refuses purge to put any row of control", "purge", `{"Action": "dynamodb:PutItem", "Resource": ` + arn("Control1") + `}`, "and purge receipts"},
		{"refuses purge to lift a hold", "purge", `{"Action": "dynamodb:DeleteItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#hold#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "nobody deletes"},
		{"refuses admin to delete a hold, of which something is known after its release", "admin", `{"Action": "dynamodb:DeleteItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#hold#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "nobody deletes"},
		{"refuses purge to wish", "purge", `{"Action": "dynamodb:PutItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#hand#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "and purge receipts"},
		{"refuses purge to fulfil wishes in a batch, by which it could wish", "purge", `{"Action": "dynamodb:BatchWriteItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#hand#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "without conditions"},
		{"refuses settle to forget a wish", "settle", `{"Action": "dynamodb:DeleteItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#hand#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "nobody deletes"},
		{"refuses ingest to read uploads", "ingest", `{"Action": "s3:GetObject", "Resource": {"Fn::Join": ["", [` + arn("Staging1") + `, "/*"]]}}`, "by who seals or stores it alone"},
		{"refuses attach to read files", "attach", `{"Action": "s3:GetObject", "Resource": {"Fn::Join": ["", [` + arn("Objects1") + `, "/files/*"]]}}`, "which reads none"},
		{"refuses ingest to write files", "ingest", `{"Action": "s3:PutObject", "Resource": {"Fn::Join": ["", [` + arn("Objects1") + `, "/files/*"]]}}`, "written by attach"},
		{"refuses mail to read files", "mail", `{"Action": "s3:GetObject", "Resource": {"Fn::Join": ["", [` + arn("Objects1") + `, "/files/*"]]}}`, "read by those"},
		{"refuses attach an update of what is sealed of a record", "attach", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Records1") + `}`, "how far a file is"},
		{"refuses attach to put records", "attach", `{"Action": "dynamodb:PutItem", "Resource": ` + arn("Records1") + `}`, "how far a file is"},
		{"refuses attach to write records in a batch", "attach", `{"Action": "dynamodb:BatchWriteItem", "Resource": ` + arn("Records1") + `}`, "how far a file is"},
		{"refuses attach to delete facts", "attach", `{"Action": "dynamodb:DeleteItem", "Resource": ` + arn("Records1") + `}`, "how far a file is"},
		{"refuses attach the events of conversations", "attach", `{"Action": "dynamodb:Query", "Resource": ` + arn("Records1") + `}`, "how far a file is"},
		{"refuses report to list extracts", "report", `{"Action": "s3:ListBucket", "Resource": ` + arn("Exports1") + `}`, "reached by no other function"},
		{"refuses admin to put a receipt", "admin", `{"Action": "dynamodb:PutItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#receipt#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "rows of other functions"},
		{"refuses admin to sign a receipt", "admin", `{"Action": "kms:Sign", "Resource": ` + arn("Signing1") + `}`, "nobody else does"},
		{"refuses purge to end the key that signs", "purge", `{"Action": "kms:ScheduleKeyDeletion", "Resource": ` + arn("Signing1") + `}`, "nobody else does"},
		{"refuses purge to delete receipts", "purge", `{"Action": "s3:DeleteObject", "Resource": {"Fn::Join": ["", [` + arn("Receipts1") + `, "/receipts/*"]]}}`, "lifts their lock"},
		{"refuses purge to lift the lock of receipts", "purge", `{"Action": "s3:BypassGovernanceRetention", "Resource": {"Fn::Join": ["", [` + arn("Receipts1") + `, "/receipts/*"]]}}`, "lifts their lock"},
		{"refuses extract to write receipts", "extract", `{"Action": "s3:PutObject", "Resource": {"Fn::Join": ["", [` + arn("Receipts1") + `, "/receipts/*"]]}}`, "written by purge"},
		{"refuses purge to read extracts", "purge", `{"Action": "s3:GetObject", "Resource": {"Fn::Join": ["", [` + arn("Exports1") + `, "/*"]]}}`, "reached by no other function"},
		{"refuses the wrap key for purge", "purge", `{"Action": "kms:Decrypt", "Resource": ` + arn("Wrap1") + `, "Condition": {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["account"]}, "Null": {"kms:EncryptionContext:account": "false"}}}`, "cannot read"},
		{"refuses the wrap key for authorize", "authorize", `{"Action": "kms:DescribeKey", "Resource": ` + arn("Wrap1") + `}`, "cannot read"},
		{"refuses the wrap key without a context", "ingest", `{"Action": "kms:Decrypt", "Resource": ` + arn("Wrap1") + `}`, "for an account only"},
		{"refuses new account keys to ingest", "ingest", `{"Action": "kms:GenerateDataKey", "Resource": ` + arn("Wrap1") + `}`, "makes them for admin"},
		{"refuses the storage key without a service", "report", `{"Action": "kms:Decrypt", "Resource": ` + arn("Storage1") + `}`, "its services only"},
		{"refuses report to write other rows than audit entries", "report", `{"Action": "dynamodb:PutItem", "Resource": ` + arn("Control1") + `}`, "other than audit entries"},
		{"refuses report a looser audit condition", "report", `{"Action": "dynamodb:PutItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*"]}}}`, "other than audit entries"},
		{"refuses purge an update of control rows", "purge", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Control1") + `}`, "only admin updates"},
		{"refuses admin to delete control rows", "admin", `{"Action": "dynamodb:DeleteItem", "Resource": ` + arn("Control1") + `}`, "nobody deletes"},
		{"refuses admin to delete any row of control but settings of mail", "admin", `{"Action": "dynamodb:DeleteItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#maillog#*", "*#digest#*", "*#link#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "nobody deletes"},
		{"refuses admin to write the copy ledger", "admin", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#copy#*", "*#digest#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "rows of other functions"},
		{"refuses mail any row of control", "mail", `{"Action": "dynamodb:PutItem", "Resource": ` + arn("Control1") + `}`, "mail what it notes"},
		{"refuses mail to delete any row of control", "mail", `{"Action": "dynamodb:DeleteItem", "Resource": ` + arn("Control1") + `}`, "nobody deletes"},
		{"refuses mail to lift a suppression", "mail", `{"Action": "dynamodb:DeleteItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#mail#*", "*#mailbox#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "nobody deletes"},
		{"refuses mail to put audit entries or destinations", "mail", `{"Action": "dynamodb:PutItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#mail#*", "*#mailbox#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "mail what it notes"},
		{"refuses mail another sender", "mail", `{"Action": "ses:SendEmail", "Resource": "arn:aws:ses:us-east-2:1:identity/vault.example"}`, "as the sender"},
		{"refuses report to send e-mail", "report", `{"Action": "ses:SendEmail", "Resource": "arn:aws:ses:us-east-2:1:identity/vault.example", "Condition": {"StringEquals": {"ses:FromAddress": "transcripts@vault.example"}}}`, "is sent by mail"},
		{"refuses report what was extracted", "report", `{"Action": "s3:GetObject", "Resource": {"Fn::Join": ["", [` + arn("Exports1") + `, "/*"]]}}`, "reached by no other function"},
		{"refuses extract any row of control", "extract", `{"Action": "dynamodb:PutItem", "Resource": ` + arn("Control1") + `}`, "and extract and importer their jobs"},
		{"refuses extract an update of any row of control", "extract", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Control1") + `}`, "extract those of its jobs"},
		{"refuses mail the jobs of extract", "mail", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#extract#*", "*#copy#account#"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "extract those of its jobs"},
		{"refuses extract the uploads", "extract", `{"Action": "s3:GetObject", "Resource": {"Fn::Join": ["", [` + arn("Staging1") + `, "/imports/*"]]}}`, "by who seals or stores it alone"},
		{"refuses importer the jobs of extract", "importer", `{"Action": "dynamodb:UpdateItem", "Resource": ` + arn("Control1") + `, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#extract#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}}}`, "importer those of its jobs"},
		{"refuses report the extracts", "report", `{"Action": "s3:PutObject", "Resource": {"Fn::Join": ["", [` + arn("Exports1") + `, "/*"]]}}`, "written by extract"},
		{"refuses another function's log", "settle", `{"Action": "logs:PutLogEvents", "Resource": ` + arn("Log1") + `}`, "its own log"},
		{"refuses openapi whatever there is", "openapi", `{"Action": "dynamodb:GetItem", "Resource": ` + arn("Control1") + `}`, "reaches nothing"},
		{"refuses a role change", "admin", `{"Action": "iam:PassRole", "Resource": "arn:aws:iam::1:role/x"}`, "who may do what"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var statement map[string]any
			if err := json.Unmarshal([]byte(test.statement), &statement); err != nil {
				t.Fatal(err)
			}
			statement["Effect"] = "Allow"
			found := violations(test.function, flatten(t, map[string]any{"Statement": statement}, names))
			if !slices.ContainsFunc(found, func(s string) bool { return strings.Contains(s, test.says) }) {
				t.Errorf("got %q, want one that says %q", found, test.says)
			}
		})
	}
}

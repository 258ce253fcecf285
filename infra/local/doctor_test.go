package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// answers are what a played AWS says: by operation, or by operation and what it is about, which goes first.
type answers map[string]string

// playAWS makes a server that every client of the SDK talks to. An answer that begins with "! " is an error: its code.
func playAWS(t *testing.T, said answers) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, target, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		about := ""
		switch path := r.URL.Path; {
		case target != "":
		case strings.Contains(path, "/operation/"):
			target = filepath.Base(path)
			w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		case strings.HasPrefix(path, "/v2/email/identities/"):
			target, about = "GetEmailIdentity", filepath.Base(path)
		case r.Method == http.MethodGet:
			target = path
		default:
			_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "/")
			target, about = r.FormValue("Action"), strings.Split(scope, "/")[1]
		}
		answer, ok := said[target+" "+about]
		if !ok {
			answer, ok = said[target]
		}
		if !ok {
			t.Errorf("nobody plays %s %s", target, about)
		}
		code, failed := strings.CutPrefix(answer, "! ")
		if !failed {
			w.Header().Set("X-Amz-Crc32", fmt.Sprint(crc32.ChecksumIEEE([]byte(answer))))
			fmt.Fprint(w, answer)
			return
		}
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(http.StatusBadRequest)
		if r.Header.Get("X-Amz-Target") != "" || about == "" || target == "GetEmailIdentity" {
			fmt.Fprintf(w, `{"__type": %q, "message": "told so"}`, code)
		} else {
			said := strings.ReplaceAll(code, "ValidationError", "it does not exist")
			fmt.Fprintf(w, "<R><Error><Code>%s</Code><Message>%s</Message></Error></R>", code, said)
		}
	}))
	t.Cleanup(server.Close)
	said["/api/v1/openapi.yaml"] = "openapi: 3.1.0"
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "",
		"AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	return server.URL
}

func stackIs(status, api string) string {
	return fmt.Sprintf(`<R><DescribeStacksResult><Stacks><member>
		<StackName>s</StackName><StackStatus>%s</StackStatus><CreationTime>2026-11-01T12:00:00Z</CreationTime><Outputs>
			<member><OutputKey>Api</OutputKey><OutputValue>%s</OutputValue></member>
			<member><OutputKey>MailFrom</OutputKey><OutputValue>Archive &lt;archive@mail.example.com&gt;</OutputValue></member>
		</Outputs></member></Stacks></DescribeStacksResult></R>`, status, api)
}

func alarmIs(name, state string) string {
	return string(cbor.Encode(cbor.Map{"MetricAlarms": cbor.List{cbor.Map{
		"AlarmName": cbor.String(name), "StateValue": cbor.String(state), "AlarmDescription": cbor.String("look there")}}}))
}

func subscribed(arn string) string {
	return "<R><ListSubscriptionsByTopicResult><Subscriptions><member><Endpoint>ops@example.com</Endpoint><SubscriptionArn>" + arn +
		"</SubscriptionArn></member></Subscriptions></ListSubscriptionsByTopicResult></R>"
}

// inOrder is an AWS account in which nothing is missing.
func inOrder() answers {
	resources := "<StackResourceSummaries>"
	for _, r := range [][2]string{
		{"Lambda::Function", "IngestFunction"}, {"DynamoDB::GlobalTable", "Keys"}, {"SQS::Queue", "IngestDeadQueue"},
		{"SQS::Queue", "IngestQueue"}, {"CloudWatch::Alarm", "IngestErrorsAlarm"}, {"SNS::Topic", "Alarms"},
	} {
		resources += fmt.Sprintf("<member><ResourceType>AWS::%s</ResourceType><LogicalResourceId>%[2]s</LogicalResourceId>"+
			"<PhysicalResourceId>%[2]s</PhysicalResourceId></member>", r[0], r[1])
	}
	resources += "</StackResourceSummaries>"
	const signedIdentity = `{"VerifiedForSendingStatus": true, "DkimAttributes": {"SigningEnabled": true, "Status": "SUCCESS"}}`
	return answers{
		"GetCallerIdentity":            "<R><GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult></R>",
		"GetParameter":                 `{"Parameter": {"Value": "33"}}`,
		"/2016-08-19/account-settings": `{"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}}`,
		"/v2/email/account":            `{"SendingEnabled": true, "ProductionAccessEnabled": true, "EnforcementStatus": "HEALTHY"}`,
		"GetEmailIdentity":             "! NotFoundException",
		"GetEmailIdentity example.com": signedIdentity,
		"ListStackResources":           "<R><ListStackResourcesResult>" + resources + "</ListStackResourcesResult></R>",
		"/2015-03-31/functions/IngestFunction/configuration": `{"State": "Active", "LastUpdateStatus": "Successful"}`,
		"DescribeTable":            `{"Table": {"TableStatus": "ACTIVE", "DeletionProtectionEnabled": true}}`,
		"GetQueueAttributes":       `{"Attributes": {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}}`,
		"DescribeAlarms":           alarmIs("IngestErrorsAlarm", "OK"),
		"ListSubscriptionsByTopic": subscribed("arn:aws:sns:us-east-2:111122223333:alarms:1"),
		"ListCertificates":         `{"CertificateSummaryList": [{"DomainName": "*.example.com"}]}`,
	}
}

func TestDoctor(t *testing.T) {
	const (
		settings = "/2016-08-19/account-settings"
		function = "/2015-03-31/functions/IngestFunction/configuration"
		ses      = "/v2/email/account"
		identity = "GetEmailIdentity example.com"
	)
	tests := []struct {
		name              string
		operation, answer string // that differs from inOrder's
		want              string // the one check that is not ok, its state, and a part of what it says
	}{
		{name: "finds an account in order"},
		{"tells a Region that is not enabled from bad credentials",
			"GetCallerIdentity us-east-2", "! InvalidClientTokenId", "region missing enable-region"},
		{"tells a Region without a bootstrap", "GetParameter", "! ParameterNotFound", "bootstrap missing npx aws-cdk@"},
		{"compares the bootstrap with what the stack asks for",
			"GetParameter", `{"Parameter": {"Value": "29"}}`, "bootstrap missing version 29; 30 is needed"},
		{"warns of a new account's concurrency",
			settings, `{"AccountLimit": {"UnreservedConcurrentExecutions": 10}}`, "concurrency warning L-B99A9384"},
		{"does not let a sandbox pass in prod", ses, `{"SendingEnabled": true}`, "mail missing Request production access"},
		{"tells that SES was made to stop",
			ses, `{"ProductionAccessEnabled": true, "EnforcementStatus": "SHUTDOWN"}`, "mail missing SHUTDOWN"},
		{"tells of probation",
			ses, `{"SendingEnabled": true, "ProductionAccessEnabled": true, "EnforcementStatus": "PROBATION"}`,
			"mail warning probation"},
		{"takes what it may not look at for a warning", ses, "! AccessDeniedException", "mail warning not allowed to look"},
		{"shows what else AWS answers", ses, "! OutOfOrder", "mail missing OutOfOrder: told so"},
		{"tells an identity that SES does not know",
			identity, "! NotFoundException", "sender missing create-email-identity --email-identity mail.example.com"},
		{"tells an identity that is not verified",
			identity, `{"DkimAttributes": {"Status": "PENDING"}}`, "sender missing has not verified example.com"},
		{"warns of mail without DKIM", identity, `{"VerifiedForSendingStatus": true}`, "sender warning DKIM"},
		{"tells an address that is not verified",
			"GetEmailIdentity archive@mail.example.com", `{}`, "sender missing open the link"},
		{"tells a stack that could not be undone",
			"DescribeStacks", stackIs("UPDATE_ROLLBACK_FAILED", ""), "stack missing continue-update-rollback"},
		{"tells a stack that was undone", "DescribeStacks", stackIs("UPDATE_ROLLBACK_COMPLETE", ""), "stack warning was undone"},
		{"tells a stack that never was",
			"DescribeStacks", stackIs("ROLLBACK_COMPLETE", ""), "stack warning first deployment failed"},
		{"tells that somebody deploys", "DescribeStacks", stackIs("UPDATE_IN_PROGRESS", ""), "stack missing wait"},
		{"sees that the API does not answer",
			"DescribeStacks", stackIs("UPDATE_COMPLETE", "http://127.0.0.1:1"), "api missing connection refused"},
		{"sees that the API answers errors", "/api/v1/openapi.yaml", "! Any", "api missing answers 400"},
		{"sees a failed function",
			function, `{"State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no such key"}`,
			"functions missing no such key"},
		{"lets a function sleep", function, `{"State": "Inactive", "LastUpdateStatus": "Successful"}`, ""},
		{"sees an unprotected table",
			"DescribeTable", `{"Table": {"TableStatus": "ACTIVE"}}`, "tables missing Keys is not protected"},
		{"sees a table that goes", "DescribeTable", `{"Table": {"TableStatus": "DELETING"}}`, "tables missing Keys is DELETING"},
		{"counts dead letters",
			"GetQueueAttributes", `{"Attributes": {"ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesNotVisible": "1"}}`,
			"dead letters missing 3 in IngestDeadQueue"},
		{"sees a raised alarm", "DescribeAlarms", alarmIs("IngestErrorsAlarm", "ALARM"), "alarms missing look there"},
		{"sees missed runs", "DescribeAlarms", alarmIs("PurgeMissedAlarm", "ALARM"), "alarms missing look there"},
		{"warns of alarms that reach nobody yet",
			"ListSubscriptionsByTopic", subscribed("PendingConfirmation"), "subscribers warning ops@example.com has not confirmed"},
		{"does not let alarms reach nobody in prod",
			"ListSubscriptionsByTopic", "<R><ListSubscriptionsByTopicResult/></R>", "subscribers missing ALARM_EMAIL"},
		{"tells a domain without a certificate", "ListCertificates", "{}", "domain missing request-certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := doctorIn(t, "prod", answers{tt.operation: tt.answer})
			for _, f := range d.examine(t.Context(), append(d.before(), d.after()...)) {
				want, says := good, ""
				if rest, mine := strings.CutPrefix(tt.want, f.Check+" "); mine {
					word, text, _ := strings.Cut(rest, " ")
					want, says, tt.want = state(word), text, ""
				}
				if f.State != want || !strings.Contains(f.Found+" → "+f.Remedy, says) {
					t.Errorf("%s: got %s: %s → %s, want %s: %s", f.Check, f.State, f.Found, f.Remedy, want, says)
				}
			}
			if tt.want != "" {
				t.Errorf("did not come to %s", tt.want)
			}
		})
	}
}

// states are the findings without their words.
func states(d *doctor, t *testing.T) map[string]state {
	t.Helper()
	found := map[string]state{}
	for _, f := range d.examine(t.Context(), append(d.before(), d.after()...)) {
		found[f.Check] = f.State
	}
	return found
}

func TestDoctorLooksOnAfterAFault(t *testing.T) {
	tests := []struct {
		name    string
		stage   string
		changed answers
		alter   func(*doctor)
		want    map[string]state // all others are good
	}{
		{
			name: "with expired credentials", changed: answers{"GetCallerIdentity": "! ExpiredToken"},
			want: map[string]state{"credentials": missing, "region": missing},
		},
		{
			name: "before the first deployment", changed: answers{"DescribeStacks": "! ValidationError"},
			want: map[string]state{"stack": doubtful, "sender": doubtful},
		},
		{
			name: "with what only prod must not lack", stage: "dev",
			changed: answers{
				"/v2/email/account": `{"SendingEnabled": true}`, "DescribeTable": `{"Table": {"TableStatus": "ACTIVE"}}`,
				"ListSubscriptionsByTopic": "<R><ListSubscriptionsByTopicResult/></R>",
			},
			want: map[string]state{"mail": doubtful, "subscribers": doubtful},
		},
		{
			name: "with a sender that is still to be deployed", want: map[string]state{"sender": missing},
			alter: func(d *doctor) { d.mailFrom = "archive@example.net" },
		},
		{
			name:    "with a new stack, whose hourly runs are still to come",
			changed: answers{"DescribeAlarms": alarmIs("PurgeMissedAlarm", "ALARM")},
			alter:   func(d *doctor) { d.now = d.deployed.created.Add(time.Hour) },
		},
		{name: "with a sender that is none", alter: func(d *doctor) { d.mailFrom = "archive" }, want: map[string]state{"sender": missing}},
		{
			name: "with a domain that leads nowhere", want: map[string]state{"domain": missing}, alter: func(d *doctor) {
				d.resolve = func(context.Context, string) ([]string, error) { return nil, errors.New("no such host") }
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := doctorIn(t, cmp.Or(tt.stage, "prod"), tt.changed)
			if tt.alter != nil {
				tt.alter(d)
			}
			found := states(d, t)
			maps.DeleteFunc(found, func(_ string, s state) bool { return s == good })
			if diff := gocmp.Diff(tt.want, found, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// doctorIn is a doctor of inOrder's AWS account with some answers changed, for whom a domain of its own is set up.
func doctorIn(t *testing.T, stage string, changed answers) *doctor {
	t.Helper()
	said := inOrder()
	url := playAWS(t, said)
	said["DescribeStacks"] = stackIs("UPDATE_COMPLETE", url+"/api")
	maps.Copy(said, changed)
	d := doctorOf(t, stage)
	d.domain = "vault.example.com"
	d.resolve = func(context.Context, string) ([]string, error) { return []string{"192.0.2.1"}, nil }
	d.status = func(ctx context.Context, url string) (int, error) {
		if strings.HasPrefix(url, "https://vault.example.com/") {
			return http.StatusOK, nil
		}
		return getStatus(ctx, url)
	}
	return d
}

// doctorOf is a doctor whose tools are all there, and whose stack asks for version 30 of the bootstrap.
func doctorOf(t *testing.T, stage string) *doctor {
	t.Helper()
	root := t.TempDir()
	for path, content := range map[string]string{
		"infra/local/check.sh": "#!/bin/sh\necho tools: go 1.26\n",
		"cdk.out/" + stage + "/manifest.json": `{"artifacts": {"supportvault-` + stage + `": {"properties": {
			"requiresBootstrapStackVersion": 6, "lookupRole": {"requiresBootstrapStackVersion": 30}}}}}`,
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d, err := newDoctor(t.Context(), root, stage, "us-east-2")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDoctorDoesNotWaitForEver(t *testing.T) {
	d := &doctor{limit: 10 * time.Millisecond}
	findings := d.examine(t.Context(), []check{
		{"slow", everywhere, func(ctx context.Context) (finding, error) { <-ctx.Done(); return finding{}, ctx.Err() }},
		{"quick", everywhere, func(context.Context) (finding, error) { return ok("there") }},
	})
	if findings[0].State != missing || findings[0].Found != "no answer within 10ms" || findings[1].State != good {
		t.Errorf("found %v", findings)
	}
}

func TestDoctorWithoutCredentials(t *testing.T) {
	playAWS(t, answers{})
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	d := doctorOf(t, "dev")
	findings := d.examine(t.Context(), append(d.before(), d.after()...))
	var printed bytes.Buffer
	printFindings(&printed, findings)
	for _, says := range []string{"✗ credentials", "→ aws sso login", "! bootstrap     not looked at"} {
		if !anyMissing(findings) || !strings.Contains(printed.String(), says) {
			t.Errorf("does not say %q but\n%s", says, printed.String())
		}
	}
}

func TestDoctorOfAStackThatIsNotUp(t *testing.T) {
	d := doctorOf(t, "local")
	var got []string
	for _, f := range d.examine(t.Context(), append(d.before(), d.after()...)) {
		got = append(got, f.Check+" "+string(f.State)+" "+f.Remedy)
	}
	want := []string{"tools ok ", "emulator missing make up", "bootstrap warning ", "stack warning "}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestCDKRelease(t *testing.T) {
	b, err := os.ReadFile("../cdk-cli/package.json")
	var pin struct{ Dependencies map[string]string }
	if err != nil || json.Unmarshal(b, &pin) != nil || pin.Dependencies["aws-cdk"] != cdkRelease {
		t.Errorf("the doctor says %s, infra/cdk-cli pins %v (%v)", cdkRelease, pin.Dependencies, err)
	}
}

package template_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTables(t *testing.T) {
	type rules struct {
		ttl, recovery string
		indexes       string
	}
	want := map[string]rules{
		"records": {ttl: "ttl", recovery: "true"},
		"keys":    {recovery: "false", indexes: "listing(listing,position) INCLUDE bytes marks completes settledAt awaits delivered hand act state"},
		"control": {ttl: "ttl", recovery: "true"},
	}
	eachStage(t, func(t *testing.T, tpl template) {
		names := tpl.names(t)
		got := map[string]rules{}
		for id, table := range tpl.ofType(t, "AWS::DynamoDB::GlobalTable") {
			name, p := names[id], table.Properties
			var r rules
			if dig(p, "TimeToLiveSpecification", "Enabled") == true {
				r.ttl = plain(dig(p, "TimeToLiveSpecification", "AttributeName"), nil)
			}
			for _, index := range list(p["GlobalSecondaryIndexes"]) {
				r.indexes += plain(dig(index, "IndexName"), nil) + "(" + attributes(dig(index, "KeySchema")) + ") " +
					plain(dig(index, "Projection", "ProjectionType"), nil)
				for _, attribute := range list(dig(index, "Projection", "NonKeyAttributes")) {
					r.indexes += " " + plain(attribute, nil)
				}
			}
			if p["LocalSecondaryIndexes"] != nil {
				t.Errorf("%s has local indexes", name)
			}
			replicas := list(p["Replicas"])
			if len(replicas) != 1 {
				t.Errorf("%s is in %d Regions", name, len(replicas))
			}
			for _, replica := range replicas {
				r.recovery = plain(dig(replica, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"), nil)
				if key := plain(dig(replica, "SSESpecification", "KMSMasterKeyId"), names); key != "storage" {
					t.Errorf("%s is encrypted with %s, want the storage key", name, key)
				}
				if got, want := dig(replica, "DeletionProtectionEnabled"), tpl.Stage == "prod"; got != want {
					t.Errorf("%s: deletion protection is %v, want %v", name, got, want)
				}
			}
			got[name] = r
			if keys := attributes(p["KeySchema"]); keys != "pk,sk" {
				t.Errorf("%s has the key %s", name, keys)
			}
			if p["BillingMode"] != "PAY_PER_REQUEST" {
				t.Errorf("%s is billed by %v", name, p["BillingMode"])
			}
			if dig(p, "SSESpecification", "SSEType") != "KMS" {
				t.Errorf("%s is not encrypted with a key of ours", name)
			}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(rules{})); diff != "" {
			t.Errorf("tables (-want +got)\n%s", diff)
		}
		for id, r := range tpl.Resources {
			// A plain table would have to be replaced, and its data with it, to get a replica. A backup plan would bring keys
			// back that were destroyed.
			if r.Type == "AWS::DynamoDB::Table" || strings.HasPrefix(r.Type, "AWS::Backup::") {
				t.Errorf("%s is an %s", id, r.Type)
			}
		}
	})
}

func attributes(schema any) string {
	var names []string
	for _, key := range list(schema) {
		names = append(names, plain(dig(key, "AttributeName"), nil))
	}
	return strings.Join(names, ",")
}

func TestQueues(t *testing.T) {
	tries := map[string]float64{
		"ingest-queue": 100, "settle-queue": 10, "purge-queue": 10, "extract-queue": 10, "import-queue": 10, "mail-queue": 60, "attach-queue": 10,
	}
	// With these TestThrottledForTwoMinutes, in functions, reckons.
	back := map[string]float64{"ingest-queue": 120, "settle-queue": 180}
	const concurrency = 10.0
	eachStage(t, func(t *testing.T, tpl template) {
		names := tpl.names(t)
		queues := tpl.ofType(t, "AWS::SQS::Queue")
		dead := map[string]bool{} // the queues that are dead-letter queues
		for _, r := range tpl.Resources {
			for _, arn := range []any{dig(r.Properties, "RedrivePolicy", "deadLetterTargetArn"), dig(r.Properties, "DeadLetterConfig", "TargetArn")} {
				if id, ok := reference(arn); ok {
					dead[id] = true
				}
			}
		}
		secured := map[string]bool{}
		for _, policy := range tpl.ofType(t, "AWS::SQS::QueuePolicy") {
			if deniesPlaintext(policy.Properties["PolicyDocument"]) {
				for _, url := range list(policy.Properties["Queues"]) {
					id, _ := reference(url)
					secured[id] = true
				}
			}
		}
		var live []string
		for id, queue := range queues {
			p := queue.Properties
			if key := plain(p["KmsMasterKeyId"], names); key != "storage" {
				t.Errorf("%s is encrypted with %s, want the storage key", id, key)
			}
			if !secured[id] {
				t.Errorf("%s may be used without TLS", id)
			}
			if p["MessageRetentionPeriod"] != 14*24*3600.0 {
				t.Errorf("%s keeps messages for %v seconds, want 14 days", id, p["MessageRetentionPeriod"])
			}
			if dead[id] {
				continue
			}
			live = append(live, names[id])
			if dig(p, "RedrivePolicy", "maxReceiveCount") != tries[names[id]] {
				t.Errorf("%s gives up after %v tries, want %v", names[id], dig(p, "RedrivePolicy", "maxReceiveCount"), tries[names[id]])
			}
			if want, ok := back[names[id]]; ok && p["VisibilityTimeout"] != want {
				t.Errorf("%s: messages come back after %v seconds, want %v", names[id], p["VisibilityTimeout"], want)
			}
		}
		slices.Sort(live)
		if diff := cmp.Diff(sorted(tries), live); diff != "" {
			t.Errorf("queues with a dead-letter queue (-want +got)\n%s", diff)
		}
		for id, mapping := range tpl.ofType(t, "AWS::Lambda::EventSourceMapping") {
			p := mapping.Properties
			queue, _ := reference(p["EventSourceArn"])
			function, _ := reference(p["FunctionName"])
			visible, _ := queues[queue].Properties["VisibilityTimeout"].(float64)
			timeout, _ := tpl.Resources[function].Properties["Timeout"].(float64)
			if visible < 6*timeout || timeout == 0 {
				t.Errorf("%s: messages come back after %v seconds, want at least six times the function's %v", id, visible, timeout)
			}
			if got := plain(p["FunctionResponseTypes"], nil); got != `["ReportBatchItemFailures"]` {
				t.Errorf("%s: a failed message fails its whole batch", id)
			}
			if size, ok := p["BatchSize"].(float64); size != 10 && (!slices.Contains([]string{"extract-queue", "import-queue", "mail-queue", "attach-queue"}, names[queue]) || size != 1) || !ok {
				t.Errorf("%s takes %v messages", id, p["BatchSize"])
			}
			if n := dig(p, "ScalingConfig", "MaximumConcurrency"); n != concurrency {
				t.Errorf("%s hands its queue to %v invocations at once, want %v", id, n, concurrency)
			}
		}
		watched := map[string]bool{}
		for _, alarm := range tpl.ofType(t, "AWS::CloudWatch::Alarm") {
			for _, dimension := range list(alarm.Properties["Dimensions"]) {
				id, _ := reference(dig(dimension, "Value"))
				watched[id] = true
			}
		}
		for id := range dead {
			if !watched[id] {
				t.Errorf("no alarm tells that %s holds something", id)
			}
		}
	})
}

func TestBuckets(t *testing.T) {
	lifecycles := map[string]map[string]string{
		"objects": {
			"": "noncurrent 1, uploads 1", "queue/": "expires 30",
		},
		"exports": {
			"": "expires 1, uploads 1",
		},
		"staging": {
			"": "expires 1, uploads 1",
		},
		"receipts": {},
	}
	eachStage(t, func(t *testing.T, tpl template) {
		secured := map[string]bool{}
		for _, policy := range tpl.ofType(t, "AWS::S3::BucketPolicy") {
			id, _ := reference(policy.Properties["Bucket"])
			secured[id] = deniesPlaintext(policy.Properties["PolicyDocument"])
		}
		names := tpl.names(t)
		got := map[string]map[string]string{}
		for id, bucket := range tpl.ofType(t, "AWS::S3::Bucket") {
			name, p := names[id], bucket.Properties
			for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
				if dig(p, "PublicAccessBlockConfiguration", block) != true {
					t.Errorf("%s: %s is not set", name, block)
				}
			}
			if !secured[id] {
				t.Errorf("%s may be used without TLS", name)
			}
			for _, rule := range list(dig(p, "BucketEncryption", "ServerSideEncryptionConfiguration")) {
				if key := plain(dig(rule, "ServerSideEncryptionByDefault", "KMSMasterKeyID"), names); key != "storage" {
					t.Errorf("%s is encrypted with %s, want the storage key", name, key)
				}
			}
			if dig(p, "BucketEncryption") == nil {
				t.Errorf("%s is not encrypted with a key of ours", name)
			}
			if versioned := dig(p, "VersioningConfiguration", "Status") == "Enabled"; versioned != (name != "exports" && name != "staging") {
				t.Errorf("%s: versioning is %v", name, versioned)
			}
			// Seven years, which nobody can shorten; outside of production a lock that nobody set would keep the stack from going.
			lock := ""
			if name == "receipts" {
				lock = "true null"
				if tpl.Stage == "prod" {
					lock = `true {"Days":2557,"Mode":"COMPLIANCE"}`
				}
			}
			if got := locked(p); got != lock {
				t.Errorf("%s: its objects are locked by %q, want %q", name, got, lock)
			}
			got[name] = map[string]string{}
			for _, rule := range list(dig(p, "LifecycleConfiguration", "Rules")) {
				if dig(rule, "Status") != "Enabled" {
					t.Errorf("%s: a lifecycle rule is off", name)
				}
				var does []string
				for _, term := range []struct {
					word string
					path []string
				}{
					{"expires", []string{"ExpirationInDays"}},
					{"noncurrent", []string{"NoncurrentVersionExpiration", "NoncurrentDays"}},
					{"uploads", []string{"AbortIncompleteMultipartUpload", "DaysAfterInitiation"}},
				} {
					if days := dig(rule, term.path...); days != nil {
						does = append(does, term.word+" "+plain(days, nil))
					}
				}
				prefix, _ := dig(rule, "Prefix").(string)
				got[name][prefix] = strings.Join(does, ", ")
			}
		}
		if diff := cmp.Diff(lifecycles, got); diff != "" {
			t.Errorf("lifecycles (-want +got)\n%s", diff)
		}
	})
}

// locked is whether objects of a bucket can be locked, and how they are by themselves.
func locked(bucket map[string]any) string {
	if bucket["ObjectLockEnabled"] == nil && bucket["ObjectLockConfiguration"] == nil {
		return ""
	}
	return plain(bucket["ObjectLockEnabled"], nil) + " " + plain(dig(bucket, "ObjectLockConfiguration", "Rule", "DefaultRetention"), nil)
}

// deniesPlaintext reports whether a policy refuses everything that comes without TLS.
func deniesPlaintext(document any) bool {
	return slices.ContainsFunc(list(dig(document, "Statement")), func(statement any) bool {
		return dig(statement, "Effect") == "Deny" && dig(statement, "Condition", "Bool", "aws:SecureTransport") == "false" &&
			plain(dig(statement, "Principal"), nil) == `{"AWS":"*"}`
	})
}

func TestKeysOfKMS(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		names := tpl.names(t)
		got := map[string]string{}
		for id, key := range tpl.ofType(t, "AWS::KMS::Key") {
			var does []string
			for _, property := range []string{"KeySpec", "KeyUsage"} {
				if value := key.Properties[property]; value != nil {
					does = append(does, plain(value, nil))
				}
			}
			for _, property := range []string{"EnableKeyRotation", "MultiRegion"} {
				if key.Properties[property] == true {
					does = append(does, property)
				}
			}
			got[names[id]] = strings.Join(does, " ")
		}
		want := map[string]string{
			"wrap": "EnableKeyRotation MultiRegion", "storage": "EnableKeyRotation",
			"signing": "ECC_NIST_P256 SIGN_VERIFY", // KMS rotates none of these
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("keys (-want +got)\n%s", diff)
		}
	})
}

// What holds data stays in production when the stack goes, and goes with it elsewhere.
func TestDataOutlivesOnlyTheProductionStack(t *testing.T) {
	holds := []string{"AWS::DynamoDB::GlobalTable", "AWS::KMS::Key", "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::Logs::LogGroup"}
	eachStage(t, func(t *testing.T, tpl template) {
		want := "Delete"
		if tpl.Stage == "prod" {
			want = "Retain"
		}
		for id, r := range tpl.Resources {
			if slices.Contains(holds, r.Type) && (r.DeletionPolicy != want || r.UpdateReplacePolicy != want) {
				t.Errorf("%s: %s when the stack goes, %s when it is replaced; want %s", id, r.DeletionPolicy, r.UpdateReplacePolicy, want)
			}
		}
	})
}

// The laptop's stack is the one of AWS: the same resources, which differ in names, sizes and times at most.
func TestStagesAreTheSameStack(t *testing.T) {
	shape := func(stage string) map[string]string {
		out := map[string]string{}
		for id, r := range load(t, stage).Resources {
			if r.Type == "AWS::Lambda::Permission" {
				continue // the construct library puts the stack's name into the id of the authorizer's
			}
			out[id] = r.Type
		}
		return out
	}
	want := shape("prod")
	for _, stage := range []string{"local", "dev"} {
		if diff := cmp.Diff(want, shape(stage)); diff != "" {
			t.Errorf("resources (-prod +%s)\n%s", stage, diff)
		}
	}
}

func TestOutputs(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		want := []string{"Api", "Region", "RecordsTable", "KeysTable", "ControlTable", "ObjectsBucket", "ExportsBucket", "StagingBucket", "ReceiptsBucket",
			"IngestQueue", "SettleQueue", "PurgeQueue", "ExtractQueue", "ImportQueue", "MailQueue", "AttachQueue", "Bus", "WrapKey", "ReceiptsKey", "FunctionIngest", "FunctionSettle", "FunctionReport",
			"FunctionPurge", "FunctionExtract", "FunctionImporter", "FunctionAuthorize", "FunctionAdmin", "FunctionMail", "FunctionAttach", "FunctionOpenapi"}
		if tpl.Stage == "local" { // elsewhere, whoever deploys says who sends
			want = append(want, "MailFrom")
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, sorted(tpl.Outputs)); diff != "" {
			t.Errorf("outputs (-want +got)\n%s", diff)
		}
	})
}

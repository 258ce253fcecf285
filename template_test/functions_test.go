package template_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every folder under functions/ is deployed, and nothing is deployed that has no folder.
func TestFunctionsAndFoldersAreTheSame(t *testing.T) {
	want := slices.DeleteFunc(folders(t, "../functions"), func(name string) bool { return name == "testdata" })
	slices.Sort(want)
	eachStage(t, func(t *testing.T, tpl template) {
		named := tpl.functions(t)
		if diff := cmp.Diff(want, sorted(named)); diff != "" {
			t.Errorf("functions (-folders +template)\n%s", diff)
		}
		ids := slices.Sorted(maps.Values(named))
		if diff := cmp.Diff(ids, sorted(tpl.ofType(t, "AWS::Lambda::Function"))); diff != "" {
			t.Errorf("functions (-outputs +resources)\n%s", diff)
		}
	})
}

// environments is what each function is told, besides STAGE and LOG_LEVEL.
var environments = map[string]map[string]string{
	"ingest": {"RECORDS_TABLE": "records", "KEYS_TABLE": "keys", "CONTROL_TABLE": "control", "INGEST_QUEUE_URL": "ingest-queue",
		"SETTLE_QUEUE_URL": "settle-queue", "ATTACH_QUEUE_URL": "attach-queue", "OBJECTS_BUCKET": "objects", "SETTLE_DELAY": "30s"},
	"attach": {"RECORDS_TABLE": "records", "KEYS_TABLE": "keys", "CONTROL_TABLE": "control", "ATTACH_QUEUE_URL": "attach-queue",
		"OBJECTS_BUCKET": "objects", "STAGING_BUCKET": "staging"},
	"settle": {"RECORDS_TABLE": "records", "KEYS_TABLE": "keys", "CONTROL_TABLE": "control", "SETTLE_QUEUE_URL": "settle-queue",
		"PURGE_QUEUE_URL": "purge-queue", "OBJECTS_BUCKET": "objects", "BUS_NAME": "bus"},
	"report": {"RECORDS_TABLE": "records", "KEYS_TABLE": "keys", "CONTROL_TABLE": "control", "OBJECTS_BUCKET": "objects"},
	"purge": {"RECORDS_TABLE": "records", "KEYS_TABLE": "keys", "CONTROL_TABLE": "control", "OBJECTS_BUCKET": "objects", "EXPORTS_BUCKET": "exports",
		"RECEIPTS_BUCKET": "receipts", "SIGNING_KEY_ID": "signing"},
	"extract": {"RECORDS_TABLE": "records", "KEYS_TABLE": "keys", "CONTROL_TABLE": "control", "OBJECTS_BUCKET": "objects", "EXPORTS_BUCKET": "exports",
		"EXTRACT_QUEUE_URL": "extract-queue"},
	"importer": {"RECORDS_TABLE": "records", "KEYS_TABLE": "keys", "CONTROL_TABLE": "control", "OBJECTS_BUCKET": "objects", "STAGING_BUCKET": "staging",
		"IMPORT_QUEUE_URL": "import-queue", "SETTLE_QUEUE_URL": "settle-queue", "SETTLE_DELAY": "30s"},
	"mail": {"RECORDS_TABLE": "records", "KEYS_TABLE": "keys", "CONTROL_TABLE": "control", "OBJECTS_BUCKET": "objects",
		"MAIL_QUEUE_URL": "mail-queue", "PURGE_QUEUE_URL": "purge-queue", "CONFIGURATION_SET": "${MailSet}", "API_URL": "the API"},
	"authorize": {"CONTROL_TABLE": "control"},
	"admin": {"RECORDS_TABLE": "records", "KEYS_TABLE": "keys", "CONTROL_TABLE": "control", "WRAP_KEY_ID": "wrap",
		"MAIL_QUEUE_URL": "mail-queue", "CLOSURE_NOTICE": "P30D"},
}

func TestFunctionsAreToldWhatTheyNeed(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		for name, id := range tpl.functions(t) {
			want := map[string]string{"STAGE": tpl.Stage, "LOG_LEVEL": "info"}
			maps.Copy(want, environments[name])
			if want["SETTLE_DELAY"] != "" && tpl.Stage == "local" {
				want["SETTLE_DELAY"] = "2s"
			}
			if want["CLOSURE_NOTICE"] != "" && tpl.Stage == "local" {
				want["CLOSURE_NOTICE"] = "PT10M"
			}
			if tpl.Stage == "local" && (name == "mail" || name == "admin") { // elsewhere, whoever deploys says who sends
				want["MAIL_FROM"] = "supportvault <transcripts@vault.example>"
			}
			got := map[string]string{}
			variables, _ := dig(tpl.Resources[id].Properties, "Environment", "Variables").(map[string]any)
			for key, value := range variables {
				got[key] = plain(value, tpl.names(t))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got)\n%s", name, diff)
			}
		}
	})
}

func TestFunctionsRunAsTheyShould(t *testing.T) {
	retention := map[string]float64{"local": 7, "dev": 7, "prod": 90}
	eachStage(t, func(t *testing.T, tpl template) {
		logs := map[string]string{}
		for name, id := range tpl.functions(t) {
			f := tpl.Resources[id].Properties
			for _, check := range []struct {
				what string
				path []string
				want any
			}{
				{"runtime", []string{"Runtime"}, "provided.al2023"},
				{"tracing", []string{"TracingConfig", "Mode"}, "Active"},
				{"log format", []string{"LoggingConfig", "LogFormat"}, "JSON"},
			} {
				if got := dig(f, check.path...); got != check.want {
					t.Errorf("%s: %s is %v, want %v", name, check.what, got, check.want)
				}
			}
			if got := plain(f["Architectures"], nil); tpl.Stage != "local" && got != `["arm64"]` {
				t.Errorf("%s: the architecture is %s, want arm64", name, got)
			}
			group, ok := reference(dig(f, "LoggingConfig", "LogGroup"))
			if !ok {
				t.Errorf("%s has no log group of its own", name)
				continue
			}
			if other, ok := logs[group]; ok {
				t.Errorf("%s and %s share a log group", name, other)
			}
			logs[group] = name
		}
		for id, group := range tpl.ofType(t, "AWS::Logs::LogGroup") {
			if got := group.Properties["RetentionInDays"]; got != retention[tpl.Stage] {
				t.Errorf("the log group %s is kept for %v days, want %v", id, got, retention[tpl.Stage])
			}
		}
	})
}

func TestScheduledFunctionsHaveADeadLetterQueue(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		for _, name := range scheduled {
			id := tpl.functions(t)[name]
			if _, ok := reference(dig(tpl.Resources[id].Properties, "DeadLetterConfig", "TargetArn")); !ok {
				t.Errorf("%s is invoked asynchronously and has no dead-letter queue", name)
			}
		}
		sweep := "rate(5 minutes)"
		if tpl.Stage == "local" {
			sweep = "rate(1 minute)"
		}
		want := []string{
			`function attach ` + sweep + ` {"action":"sweep"}`,
			`function mail cron(12 * * * ? *) {"action":"digest"}`,
			`function purge rate(1 hour) {"action":"drift"}`,
			`function purge rate(1 hour) {"action":"purge"}`,
			`function settle ` + sweep + ` {"action":"sweep"}`,
		}
		var got []string
		for id, schedule := range tpl.ofType(t, "AWS::Scheduler::Schedule") {
			p := schedule.Properties
			got = append(got, strings.Join([]string{
				plain(dig(p, "Target", "Arn"), tpl.names(t)), plain(p["ScheduleExpression"], nil), plain(dig(p, "Target", "Input"), nil),
			}, " "))
			if dig(p, "Target", "DeadLetterConfig", "Arn") == nil {
				t.Errorf("the schedule %s has no dead-letter queue", id)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("schedules (-want +got)\n%s", diff)
		}
	})
}

func TestEveryFunctionHasAnAlarm(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		watched := map[string]bool{}
		for id, alarm := range tpl.ofType(t, "AWS::CloudWatch::Alarm") {
			if len(list(alarm.Properties["AlarmActions"])) == 0 {
				t.Errorf("the alarm %s tells nobody", id)
			}
			for _, dimension := range list(alarm.Properties["Dimensions"]) {
				watched[plain(alarm.Properties["MetricName"], nil)+" "+plain(dig(dimension, "Value"), tpl.names(t))] = true
			}
		}
		for name := range tpl.functions(t) {
			if !watched["Errors function "+name] {
				t.Errorf("no alarm tells of errors of %s", name)
			}
		}
	})
}

// That purge got through, and what it left, is known by its own measurement alone; where there is none, nothing is known to be on
// time.
func TestWhatIsOverdueRaisesAnAlarm(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		wanted := map[string]map[string]string{
			"Purges":         {"Statistic": "Sum", "Threshold": "1", "ComparisonOperator": "LessThanThreshold"},
			"OverdueSeconds": {"Statistic": "Maximum", "Threshold": "7200", "ComparisonOperator": "GreaterThanThreshold"},
		}
		for id, alarm := range tpl.ofType(t, "AWS::CloudWatch::Alarm") {
			p := alarm.Properties
			if p["Namespace"] != "supportvault" {
				continue
			}
			got := map[string]string{}
			for _, key := range []string{"MetricName", "Dimensions", "Statistic", "Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold",
				"ComparisonOperator", "TreatMissingData"} {
				got[key] = plain(p[key], nil)
			}
			want := map[string]string{
				"MetricName": got["MetricName"], "Dimensions": `[{"Name":"Stage","Value":"` + tpl.Stage + `"}]`, "Period": "3600",
				"EvaluationPeriods": "2", "DatapointsToAlarm": "2", "TreatMissingData": "breaching",
			}
			maps.Copy(want, wanted[got["MetricName"]])
			delete(wanted, got["MetricName"])
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got)\n%s", id, diff)
			}
			if len(list(p["AlarmActions"])) == 0 {
				t.Errorf("%s tells nobody", id)
			}
		}
		if len(wanted) > 0 {
			t.Errorf("no alarm watches %v", slices.Sorted(maps.Keys(wanted)))
		}
	})
}

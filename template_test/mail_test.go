package template_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What reaches the mail queue, from which bus, and what of it.
func TestRulesBringToTheMailQueueReferencesOnly(t *testing.T) {
	set := `{"Ref":"MailSet"}`
	want := map[string]string{
		"bus": `{"detail-type":["record.settled"],"source":["supportvault"]} $.detail, else mail-dead`,
		"default Bounce": `{"detail":{"eventType":["Bounce"],"mail":{"tags":{"ses:configuration-set":[` + set + `]}}},"source":["aws.ses"]} ` +
			`{"report":{"event":"bounce","account":<account>,"copy":<copy>,"message":<message>,"at":<at>,"type":<type>,"subtype":<subtype>}}`,
		"default Complaint": `{"detail":{"eventType":["Complaint"],"mail":{"tags":{"ses:configuration-set":[` + set + `]}}},"source":["aws.ses"]} ` +
			`{"report":{"event":"complaint","account":<account>,"copy":<copy>,"message":<message>,"at":<at>}}`,
	}
	// What of an event of SES may be looked at: nothing of these holds an address or a subject.
	harmless := []string{"$.detail.mail.tags.account", "$.detail.mail.tags.copy", "$.detail.mail.messageId", "$.time",
		"$.detail.bounce.bounceType", "$.detail.bounce.bounceSubType"}
	eachStage(t, func(t *testing.T, tpl template) {
		names, got := tpl.names(t), map[string]string{}
		for id, rule := range tpl.ofType(t, "AWS::Events::Rule") {
			pattern, err := json.Marshal(rule.Properties["EventPattern"])
			if err != nil {
				t.Fatal(err)
			}
			from := "default " + strings.Trim(plain(dig(rule.Properties, "EventPattern", "detail", "eventType"), nil), `[]"`)
			if bus := rule.Properties["EventBusName"]; bus != nil {
				from = plain(bus, names)
			}
			targets := list(rule.Properties["Targets"])
			if len(targets) != 1 || plain(dig(targets[0], "Arn"), names) != "mail-queue" {
				t.Errorf("%s brings to %v", id, targets)
				continue
			}
			passes := plain(dig(targets[0], "InputTransformer", "InputTemplate"), nil)
			if path := dig(targets[0], "InputPath"); path != nil {
				passes = plain(path, nil)
			}
			if dead := dig(targets[0], "DeadLetterConfig", "Arn"); dead != nil {
				passes += ", else " + plain(dead, names)
			}
			paths, _ := dig(targets[0], "InputTransformer", "InputPathsMap").(map[string]any)
			for name, path := range paths {
				if !slices.Contains(harmless, plain(path, nil)) {
					t.Errorf("%s passes on %s", id, path)
				}
				if !strings.Contains(passes, "<"+name+">") {
					t.Errorf("%s looks at %s and passes it on nowhere", id, name)
				}
			}
			got[from] = string(pattern) + " " + passes
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("rules (-want +got)\n%s", diff)
		}
	})
}

// The AWS account's own suppression list is off: it would cross accounts, and outlast what an administrator takes off theirs.
func TestMailLeavesEncryptedAndComesBack(t *testing.T) {
	eachStage(t, func(t *testing.T, tpl template) {
		sets, reports := tpl.ofType(t, "AWS::SES::ConfigurationSet"), tpl.ofType(t, "AWS::SES::ConfigurationSetEventDestination")
		if len(sets) != 1 || len(reports) != 1 {
			t.Errorf("%d configuration sets, %d destinations of their events", len(sets), len(reports))
		}
		for id, set := range sets {
			if got := dig(set.Properties, "DeliveryOptions", "TlsPolicy"); got != "REQUIRE" {
				t.Errorf("%s delivers with the TLS policy %v", id, got)
			}
			if reasons, ok := dig(set.Properties, "SuppressionOptions", "SuppressedReasons").([]any); !ok || len(reasons) != 0 {
				t.Errorf("%s has the suppression options %v, want an empty list of reasons", id, set.Properties["SuppressionOptions"])
			}
		}
		for id, report := range reports {
			to := dig(report.Properties, "EventDestination")
			if got := plain(dig(to, "MatchingEventTypes"), nil); got != `["bounce","complaint"]` || dig(to, "Enabled") != true {
				t.Errorf("%s reports %s, enabled: %v", id, got, dig(to, "Enabled"))
			}
			if bus := plain(dig(to, "EventBridgeDestination", "EventBusArn"), nil); !strings.HasSuffix(bus, ":event-bus/default") {
				t.Errorf("%s reports to %s", id, bus)
			}
		}
	})
}

package main

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsStayAsDeployed(t *testing.T) {
	const template = `{"Resources": {
		"A": {"Type": "AWS::SNS::Subscription", "Properties": {"Protocol": "email", "Endpoint": "ops@example.com"}},
		"B": {"Type": "AWS::SNS::Subscription", "Properties": {"Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Q", "Arn"]}}}}}`
	said := inOrder()
	said["DescribeStacks"] = stackIs("UPDATE_COMPLETE", "https://example.com")
	said["GetTemplate"] = "<R><GetTemplateResult><TemplateBody>" + template + "</TemplateBody></GetTemplateResult></R>"
	playAWS(t, said)
	d := doctorOf(t, "prod")
	deployed, err := d.settings(t.Context())
	if want := (settings{"ops@example.com", "Archive <archive@mail.example.com>"}); err != nil || deployed != want {
		t.Fatalf("got %v, %v, want %v", deployed, err, want)
	}
	tests := []struct {
		name     string
		said     settings
		deployed settings
		want     []string
	}{
		{name: "begins with nothing"},
		{
			name: "takes what is said", said: settings{"a@example.com", "m@example.com"},
			want: []string{"-c", "alarmEmail=a@example.com", "-c", "mailFrom=m@example.com"},
		},
		{
			name: "keeps what is not said", deployed: deployed,
			want: []string{"-c", "alarmEmail=ops@example.com", "-c", "mailFrom=Archive <archive@mail.example.com>"},
		},
		{
			name: "changes one and keeps the other", said: settings{mailFrom: "m@example.com"}, deployed: deployed,
			want: []string{"-c", "alarmEmail=ops@example.com", "-c", "mailFrom=m@example.com"},
		},
		{name: "takes away what is said to go", said: settings{"none", "none"}, deployed: deployed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newProgress()
			p.out = io.Discard
			if diff := cmp.Diff(tt.want, tt.said.context(tt.deployed, p)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	said["DescribeStacks"] = "! AccessDenied"
	if _, err := doctorOf(t, "prod").settings(t.Context()); err == nil {
		t.Error("takes what it may not see for nothing")
	}
}

package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// addAdmin makes the function that opens accounts and changes what belongs to them. It has no trigger: an administrator
// invokes it. It alone makes account keys.
func (v *vault) addAdmin() {
	v.function(functionProps{
		name:      "admin",
		does:      "Creates accounts, their sources, tokens and keys",
		seconds:   60,
		megabytes: 256,
		environment: map[string]*string{
			"KEYS_TABLE":    v.keys.TableName(),
			"CONTROL_TABLE": v.control.TableName(),
			"WRAP_KEY_ID":   v.wrap.KeyId(),
		},
		may: []awsiam.PolicyStatement{
			v.mayOnTable(v.control, "dynamodb:GetItem", "dynamodb:BatchGetItem"),
			v.mayOnOtherRows(v.control, []string{auditRows}, "dynamodb:PutItem", "dynamodb:UpdateItem"),
			v.mayOnTable(v.keys, "dynamodb:GetItem", "dynamodb:BatchGetItem"),
			v.mayOnOtherRows(v.keys, []string{cohortRows, conversationRows}, "dynamodb:PutItem"),
			v.wraps("kms:GenerateDataKey", "kms:Decrypt"),
			v.storageVia("dynamodb", "kms:Decrypt"),
		},
	})
}

package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// addExtract makes the function that writes everything of an account into the exports bucket. It has no trigger: an
// administrator invokes it.
func (v *vault) addExtract() {
	v.function(functionProps{
		name:      "extract",
		does:      "Writes every conversation of an account as raw files",
		seconds:   15 * 60,
		megabytes: 256,
		environment: map[string]*string{
			"RECORDS_TABLE":  v.records.TableName(),
			"KEYS_TABLE":     v.keys.TableName(),
			"CONTROL_TABLE":  v.control.TableName(),
			"OBJECTS_BUCKET": v.objects.BucketName(),
			"EXPORTS_BUCKET": v.exports.BucketName(),
		},
		may: []awsiam.PolicyStatement{
			v.mayOnTable(v.control, "dynamodb:BatchGetItem"),
			v.appendsAudit(),
			v.mayOnTable(v.keys, "dynamodb:GetItem", "dynamodb:BatchGetItem"),
			v.mayOnListing("dynamodb:Query"),
			v.mayOnTable(v.records, "dynamodb:GetItem", "dynamodb:Query"),
			v.wraps("kms:Decrypt"),
			v.mayOnObjects(v.objects, bodiesPrefix, "s3:GetObject"),
			v.knowsMissing(v.objects),
			v.mayOnObjects(v.exports, "", "s3:PutObject", "s3:AbortMultipartUpload"),
			v.storageVia("dynamodb", "kms:Decrypt"),
			v.storageVia("s3", "kms:Decrypt", "kms:GenerateDataKey"),
		},
	})
}

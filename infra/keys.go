package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"
)

// addKeys makes the three KMS keys. "wrap" wraps the account keys and nothing else; it is a multi-Region key, which cannot
// be changed afterwards, so that the backup Region can open what this one sealed. "storage" encrypts tables, queues,
// buckets and the alarm topic at rest. "receipts" signs receipts of destruction: KMS rotates no asymmetric key, and a receipt
// must verify under the public key that it was signed with, for as long as anybody keeps it.
func (v *vault) addKeys() {
	pending := awscdk.Duration_Days(jsii.Number(7))
	if v.props.Stage.keepsData() {
		pending = awscdk.Duration_Days(jsii.Number(30))
	}
	key := func(id, description string, props awskms.KeyProps) awskms.Key {
		props.Alias = jsii.String(*v.stack.StackName() + "/" + description)
		props.Description = jsii.String("supportvault " + string(v.props.Stage) + ": " + description)
		props.PendingWindow = pending
		props.RemovalPolicy = v.props.Stage.removal()
		return awskms.NewKey(v.stack, jsii.String(id), &props)
	}
	v.wrap = key("WrapKey", "wrap", awskms.KeyProps{EnableKeyRotation: jsii.Bool(true), MultiRegion: jsii.Bool(true)})
	v.storage = key("StorageKey", "storage", awskms.KeyProps{EnableKeyRotation: jsii.Bool(true), MultiRegion: jsii.Bool(false)})
	v.signing = key("ReceiptsKey", "receipts", awskms.KeyProps{KeySpec: awskms.KeySpec_ECC_NIST_P256, KeyUsage: awskms.KeyUsage_SIGN_VERIFY})
}

// signs allows to sign receipts, and to ask for the public key that goes with them.
func (v *vault) signs() awsiam.PolicyStatement {
	return allow([]string{"kms:Sign", "kms:GetPublicKey"}, v.signing.KeyArn()).always()
}

// wraps allows actions on the wrap key. Only a call whose encryption context is an account, and nothing else, passes.
func (v *vault) wraps(actions ...string) awsiam.PolicyStatement {
	return allow(actions, v.wrap.KeyArn()).under(map[string]any{
		// ForAllValues also passes when there is no context at all, hence the second condition.
		"ForAllValues:StringEquals": map[string]any{"kms:EncryptionContextKeys": []string{"account"}},
		"Null":                      map[string]any{"kms:EncryptionContext:account": "false"},
	})
}

// storageVia allows actions on the storage key, when the service uses it on the caller's behalf; a function that calls
// KMS itself gets nothing from it. DynamoDB asks for the caller's kms:Decrypt when it opens a table's key; SQS and S3
// also for kms:GenerateDataKey when they take something.
func (v *vault) storageVia(service string, actions ...string) awsiam.PolicyStatement {
	return allow(actions, v.storage.KeyArn()).under(map[string]any{
		"StringEquals": map[string]any{"kms:ViaService": service + "." + v.props.Region + ".amazonaws.com"},
	})
}

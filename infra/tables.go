package infra

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/jsii-runtime-go"
)

type table = awsdynamodb.TableV2

// listingIndex is the index of the keys table: what is due or listed, and in which order.
const listingIndex = "listing"

// addTables makes the three tables. They are global tables with one Region (AWS::DynamoDB::GlobalTable): a replica can be
// added in place later, while a plain table would have to be replaced, and its data with it.
func (v *vault) addTables() {
	v.records = v.table("Records", awsdynamodb.TablePropsV2{
		TimeToLiveAttribute:              jsii.String("ttl"),
		PointInTimeRecoverySpecification: recovery(true),
	})
	// The keys table has neither TTL nor recovery nor a backup: a removed key must be gone for good, and only a conditional
	// delete of purge may remove one.
	v.keys = v.table("Keys", awsdynamodb.TablePropsV2{
		PointInTimeRecoverySpecification: recovery(false),
		GlobalSecondaryIndexes: &[]*awsdynamodb.GlobalSecondaryIndexPropsV2{{
			IndexName:    jsii.String(listingIndex),
			PartitionKey: text("listing"),
			SortKey:      text("position"),
			// The size beside the keys: what a policy would destroy is counted and added up by one query. And what a rule asks of
			// a conversation, and how far its destruction is: what is due, and what waits, is found without reading the rows.
			ProjectionType:   awsdynamodb.ProjectionType_INCLUDE,
			NonKeyAttributes: jsii.Strings("bytes", "marks", "completes", "settledAt", "awaits", "delivered", "hand", "act", "state"),
		}},
	})
	v.control = v.table("Control", awsdynamodb.TablePropsV2{
		TimeToLiveAttribute:              jsii.String("ttl"), // of counts of deliveries, and of nothing else
		PointInTimeRecoverySpecification: recovery(true),
	})
}

func (v *vault) table(id string, props awsdynamodb.TablePropsV2) table {
	props.PartitionKey = text("pk")
	props.SortKey = text("sk")
	props.Billing = awsdynamodb.Billing_OnDemand(nil)
	props.Encryption = awsdynamodb.TableEncryptionV2_CustomerManagedKey(v.storage, nil)
	props.DeletionProtection = jsii.Bool(v.props.Stage.keepsData())
	props.RemovalPolicy = v.props.Stage.removal()
	return awsdynamodb.NewTableV2(v.stack, jsii.String(id), &props)
}

func text(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
}

func recovery(on bool) *awsdynamodb.PointInTimeRecoverySpecification {
	return &awsdynamodb.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: jsii.Bool(on)}
}

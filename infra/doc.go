// Package infra is the AWS stack of supportvault, one CDK stack for every stage: a laptop's emulator, a development
// account and production.
//
// It holds the constructs and nothing that runs: the functions are built beforehand (make build) and taken as they stand.
// Every function has a role of its own whose statements are written out beside it; the Grant methods of the construct
// library are not used, because they allow more than is needed (s3:GetObject*, kms:ReEncrypt*).
//
// A mistake that only the person who deploys can put right is a panic whose text says the remedy, as is usual in
// constructs.
package infra

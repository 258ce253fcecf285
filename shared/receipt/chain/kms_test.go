package chain_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/receipt/chain"
	"github.com/supportvault/supportvault/shared/receipt/receipttest"
)

// service is a KMS with an alias.
type service struct {
	alias string
	keys  map[string]*receipttest.Signer
	asked []string
	// down is what Sign answers, hidden what GetPublicKey does.
	down, hidden error
}

func (s *service) Sign(ctx context.Context, in *kms.SignInput, _ ...func(*kms.Options)) (*kms.SignOutput, error) {
	want := &kms.SignInput{
		KeyId: aws.String("alias/receipts"), MessageType: types.MessageTypeDigest,
		SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256, Message: in.Message,
	}
	if diff := cmp.Diff(want, in, cmpopts.IgnoreUnexported(kms.SignInput{})); diff != "" || len(in.Message) != 32 {
		return nil, errors.New("ValidationException: " + diff)
	}
	if s.down != nil {
		return nil, s.down
	}
	signature, _, err := s.keys[s.alias].Sign(ctx, in.Message)
	return &kms.SignOutput{KeyId: &s.alias, Signature: signature}, err
}

func (s *service) GetPublicKey(ctx context.Context, in *kms.GetPublicKeyInput, _ ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error) {
	s.asked = append(s.asked, *in.KeyId)
	if s.hidden != nil {
		return nil, s.hidden
	}
	_, public, err := s.keys[*in.KeyId].Sign(ctx, make([]byte, 32))
	return &kms.GetPublicKeyOutput{PublicKey: public}, err
}

func TestKMSSigns(t *testing.T) {
	s := &service{alias: "arn:1", keys: map[string]*receipttest.Signer{
		"arn:1": receipttest.NewSigner("1"), "arn:2": receipttest.NewSigner("2"),
	}}
	c := receipttest.NewChain(t, chain.NewKMS(s, "alias/receipts"), "demo", noon)
	add := func() {
		c.Append(t, receipt.Draft{Account: "demo", Act: receipt.Purge, Done: noon}, noon.Add(time.Hour))
	}
	add()
	add()
	s.alias = "arn:2" // the alias is moved: the next signatures are another key's, without a restart
	add()
	s.alias = "arn:1"
	add()
	if diff := cmp.Diff([]string{"arn:1", "arn:2"}, s.asked); diff != "" {
		t.Errorf("public keys asked for (-want +got)\n%s", diff)
	}
	if len(c.Keys) != 2 || len(c.Lines) != 4 {
		t.Errorf("%d receipts under %d keys", len(c.Lines), len(c.Keys))
	}
}

func TestKMSFails(t *testing.T) {
	down := errors.New("KMSInternalException")
	one := map[string]*receipttest.Signer{"arn:1": receipttest.NewSigner("1")}
	for _, tc := range []struct {
		name string
		kms  *service
	}{
		{"to sign", &service{alias: "arn:1", keys: one, down: down}},
		{"to answer the public key", &service{alias: "arn:1", keys: one, hidden: down}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := chain.NewKMS(tc.kms, "alias/receipts")
			if _, _, err := k.Sign(t.Context(), make([]byte, 32)); !errors.Is(err, down) {
				t.Errorf("%v, want %v", err, down)
			}
			tc.kms.down, tc.kms.hidden = nil, nil
			if _, public, err := k.Sign(t.Context(), make([]byte, 32)); err != nil || len(public) == 0 {
				t.Errorf("when it is up again: %x, %v", public, err)
			}
		})
	}
}

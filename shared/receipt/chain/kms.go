package chain

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

type kmsClient interface {
	Sign(context.Context, *kms.SignInput, ...func(*kms.Options)) (*kms.SignOutput, error)
	GetPublicKey(context.Context, *kms.GetPublicKeyInput, ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error)
}

// KMS signs by an asymmetric key of KMS (ECC_NIST_P256, SIGN_VERIFY), whose private half never leaves it. It needs
// kms:Sign and kms:GetPublicKey. It is safe for concurrent use.
type KMS struct {
	client kmsClient
	key    string
	mu     sync.Mutex
	public map[string][]byte
}

// NewKMS makes a signer by a key's id, ARN or alias.
func NewKMS(client kmsClient, key string) *KMS {
	return &KMS{client: client, key: key, public: map[string][]byte{}}
}

// Sign signs a digest, and asks for the public half of the key that did, once in the life of the process: an alias may have
// been moved to another.
func (k *KMS) Sign(ctx context.Context, digest []byte) (signature, public []byte, err error) {
	out, err := k.client.Sign(ctx, &kms.SignInput{
		KeyId: &k.key, Message: digest, MessageType: types.MessageTypeDigest, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	})
	if err != nil {
		return nil, nil, err
	}
	public, err = k.publicKey(ctx, aws.ToString(out.KeyId))
	return out.Signature, public, err
}

func (k *KMS) publicKey(ctx context.Context, arn string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if public := k.public[arn]; public != nil {
		return public, nil
	}
	out, err := k.client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &arn})
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	k.public[arn] = out.PublicKey
	return out.PublicKey, nil
}

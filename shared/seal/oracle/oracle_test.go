// Package oracle_test checks package seal against the official AWS Encryption SDK for Go.
package oracle_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	mpl "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygenerated"
	mpltypes "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygeneratedtypes"
	esdk "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygenerated"
	esdktypes "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygeneratedtypes"

	"github.com/supportvault/supportvault/shared/seal"
)

const (
	suite       = mpltypes.ESDKAlgorithmSuiteIdAlgAes256GcmHkdfSha512CommitKey
	signedSuite = mpltypes.ESDKAlgorithmSuiteIdAlgAes256GcmHkdfSha512CommitKeyEcdsaP384
	v1Suite     = mpltypes.ESDKAlgorithmSuiteIdAlgAes256GcmIv12Tag16HkdfSha256
)

var (
	testKey  = []byte("0123456789abcdef0123456789abcdef")
	otherKey = []byte("0123456789abcdef0123456789abcdeF")
	contexts = map[string]seal.Context{
		"no pairs": {},
		"one pair": {"account": "acc_7Q2M9K"},
		"five pairs": {
			"account": "acc_7Q2M9K", "kind": "conversation", "record": "01K5X0J9T2W4Y6Z8A0B2C4D6E8",
			"incarnation": "1", "revision": "42",
		},
		"not ASCII, an empty value, keys on both sides of schema": {
			"größe": "☃ 😀", "𝄞": "z", "leer": "", "tail": "ﬀ", "sch": "1", "schemb": "2",
		},
	}
)

// client is the official SDK with one wrapping key. A client that is shared races, so each test makes its own.
type client struct {
	t         testing.TB
	sdk       *esdk.Client
	materials *mpl.Client
}

func newClient(t testing.TB, policy mpltypes.ESDKCommitmentPolicy) *client {
	t.Helper()
	sdk, err := esdk.NewClient(esdktypes.AwsEncryptionSdkConfig{CommitmentPolicy: &policy})
	if err != nil {
		t.Fatal(err)
	}
	materials, err := mpl.NewClient(mpltypes.MaterialProvidersConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return &client{t, sdk, materials}
}

func strict(t testing.TB) *client {
	return newClient(t, mpltypes.ESDKCommitmentPolicyRequireEncryptRequireDecrypt)
}

func (c *client) keyring(key []byte, name string) mpltypes.IKeyring {
	c.t.Helper()
	keyring, err := c.materials.CreateRawAesKeyring(c.t.Context(), mpltypes.CreateRawAesKeyringInput{
		KeyNamespace: "supportvault", KeyName: name, WrappingKey: key,
		WrappingAlg: mpltypes.AesWrappingAlgAlgAes256GcmIv12Tag16,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return keyring
}

// manager requires the pairs of ctx, so that a message does not store them.
func (c *client) manager(keyring mpltypes.IKeyring, ctx seal.Context) mpltypes.ICryptographicMaterialsManager {
	c.t.Helper()
	manager, err := c.materials.CreateDefaultCryptographicMaterialsManager(c.t.Context(),
		mpltypes.CreateDefaultCryptographicMaterialsManagerInput{Keyring: keyring})
	if err == nil && len(ctx) > 0 {
		manager, err = c.materials.CreateRequiredEncryptionContextCMM(c.t.Context(),
			mpltypes.CreateRequiredEncryptionContextCMMInput{
				UnderlyingCMM: manager, RequiredEncryptionContextKeys: slices.Sorted(maps.Keys(ctx)),
			})
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return manager
}

type options struct {
	suite  mpltypes.ESDKAlgorithmSuiteId
	frame  int64
	schema string
	stored bool // the context's pairs are stored in the message
	keys   []mpltypes.IKeyring
	name   string
}

func (c *client) seal(key []byte, ctx seal.Context, plaintext []byte, change ...func(*options)) []byte {
	c.t.Helper()
	o := options{suite: suite, frame: 64 << 10, schema: seal.Schema, name: "record"}
	for _, f := range change {
		f(&o)
	}
	keyring := c.keyring(key, o.name)
	if len(o.keys) > 0 {
		var err error
		if keyring, err = c.materials.CreateMultiKeyring(c.t.Context(), mpltypes.CreateMultiKeyringInput{
			Generator: keyring, ChildKeyrings: o.keys,
		}); err != nil {
			c.t.Fatal(err)
		}
	}
	required := ctx
	if o.stored {
		required = nil
	}
	full := maps.Clone(map[string]string(ctx))
	if full == nil {
		full = map[string]string{}
	}
	if o.schema != "" {
		full["schema"] = o.schema
	}
	out, err := c.sdk.Encrypt(c.t.Context(), esdktypes.EncryptInput{
		Plaintext: plaintext, EncryptionContext: full, AlgorithmSuiteId: &o.suite, FrameLength: &o.frame,
		MaterialsManager: c.manager(keyring, required),
	})
	if err != nil {
		c.t.Fatalf("official seal: %v", err)
	}
	return out.Ciphertext
}

func (c *client) open(key []byte, ctx seal.Context, message []byte) ([]byte, error) {
	c.t.Helper()
	out, err := c.sdk.Decrypt(c.t.Context(), esdktypes.DecryptInput{
		Ciphertext: message, EncryptionContext: ctx, MaterialsManager: c.manager(c.keyring(key, "record"), ctx),
	})
	if err != nil {
		return nil, err
	}
	if out.AlgorithmSuiteId != suite {
		return nil, fmt.Errorf("official open: suite %s", out.AlgorithmSuiteId)
	}
	return out.Plaintext, nil
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func TestEachOpensWhatTheOtherSealed(t *testing.T) {
	sizes := []int{0, 1, 16, 1024, 65535, 65536, 65537, 200000}
	for name, ctx := range contexts {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s, %d bytes", name, size), func(t *testing.T) {
				official, plaintext := strict(t), pattern(size)
				ours, err := seal.Seal(testKey, ctx, plaintext)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := official.open(testKey, ctx, ours); err != nil || !bytes.Equal(got, plaintext) {
					t.Errorf("the official SDK opened ours: %d bytes, %v", len(got), err)
				}
				theirs := official.seal(testKey, ctx, plaintext)
				if got, err := seal.Open(testKey, ctx, theirs); err != nil || !bytes.Equal(got, plaintext) {
					t.Errorf("seal opened the official message: %d bytes, %v", len(got), err)
				}
				if len(ours) != len(theirs) || !bytes.Equal(ours[35:82], theirs[35:82]) {
					t.Errorf("lengths %d and %d, fixed part\n%x\n%x", len(ours), len(theirs), ours[35:82], theirs[35:82])
				}
			})
		}
	}
}

func TestBothRefuseAnotherKeyOrContext(t *testing.T) {
	ctx := contexts["five pairs"]
	with := func(change func(seal.Context)) seal.Context {
		c := maps.Clone(ctx)
		change(c)
		return c
	}
	for _, tt := range []struct {
		name string
		key  []byte
		ctx  seal.Context
	}{
		{"another key", otherKey, ctx},
		{"another value", testKey, with(func(c seal.Context) { c["revision"] = "43" })},
		{"a missing pair", testKey, with(func(c seal.Context) { delete(c, "kind") })},
		{"an added pair", testKey, with(func(c seal.Context) { c["more"] = "x" })},
		{"no context", testKey, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			official, plaintext := strict(t), pattern(100)
			ours, err := seal.Seal(testKey, ctx, plaintext)
			if err != nil {
				t.Fatal(err)
			}
			for maker, message := range map[string][]byte{"ours": ours, "theirs": official.seal(testKey, ctx, plaintext)} {
				if _, err := official.open(tt.key, tt.ctx, message); err == nil {
					t.Errorf("the official SDK opened %s", maker)
				}
				if _, err := seal.Open(tt.key, tt.ctx, message); !errors.Is(err, seal.ErrAuth) {
					t.Errorf("seal opened %s: %v, want ErrAuth", maker, err)
				}
			}
		})
	}
}

func TestBothRefuseEveryFlippedByte(t *testing.T) {
	official, ctx := strict(t), contexts["one pair"]
	message := official.seal(testKey, ctx, pattern(40), func(o *options) { o.frame = 16 })
	for i := range message {
		altered := bytes.Clone(message)
		altered[i] ^= 0x10
		if _, err := official.open(testKey, ctx, altered); err == nil {
			t.Errorf("byte %d altered: the official SDK opened it", i)
		}
		if _, err := seal.Open(testKey, ctx, altered); err == nil {
			t.Errorf("byte %d altered: seal opened it", i)
		}
	}
}

type vector struct {
	Name      string       `json:"name"`
	Key       []byte       `json:"key"`
	Context   seal.Context `json:"context"`
	Message   []byte       `json:"message"`
	Plaintext *[]byte      `json:"plaintext,omitempty"`
	Error     string       `json:"error,omitempty"`
}

// TestVectors checks the pinned vectors of package seal against the official SDK. UPDATE_GOLDEN=1 makes those of the
// official SDK anew: its random bytes cannot be given, so every message in the file changes.
func TestVectors(t *testing.T) {
	const dir = "../testdata/vectors"
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		b, err := json.MarshalIndent(officialVectors(t), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "official.json"), append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(dir + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var vectors []vector
		if err := json.Unmarshal(b, &vectors); err != nil || len(vectors) == 0 {
			t.Fatalf("%s: %d vectors, %v", file, len(vectors), err)
		}
		for _, v := range vectors {
			t.Run(filepath.Base(file)+"/"+v.Name, func(t *testing.T) {
				if v.Error == "unsupported" || v.Error == "input" {
					return // the official SDK reads more than seal does
				}
				got, err := strict(t).open(v.Key, v.Context, v.Message)
				switch {
				case v.Plaintext == nil && err == nil:
					t.Errorf("the official SDK opened it, want it refused as %q", v.Error)
				case v.Plaintext != nil && (err != nil || !bytes.Equal(got, *v.Plaintext)):
					t.Errorf("the official SDK got %x, %v, want %x", got, err, *v.Plaintext)
				}
			})
		}
	}
}

func officialVectors(t *testing.T) []vector {
	var vectors []vector
	add := func(name string, ctx seal.Context, plaintext []byte, class string, message []byte) {
		v := vector{Name: name, Key: testKey, Context: ctx, Message: message, Error: class}
		if class == "" {
			v.Plaintext = &plaintext
		}
		vectors = append(vectors, v)
	}
	five := contexts["five pairs"]
	frame := func(n int64) func(*options) { return func(o *options) { o.frame = n } }
	c := strict(t)
	for _, size := range []int{0, 1, 1024} {
		add(fmt.Sprintf("%d bytes in one frame", size), five, pattern(size), "", c.seal(testKey, five, pattern(size)))
	}
	add("several frames of 16 bytes", five, pattern(40), "", c.seal(testKey, five, pattern(40), frame(16)))
	add("exactly three frames", five, pattern(48), "", c.seal(testKey, five, pattern(48), frame(16)))
	add("frames of one byte", five, pattern(3), "", c.seal(testKey, five, pattern(3), frame(1)))
	for _, name := range []string{"no pairs", "one pair", "not ASCII, an empty value, keys on both sides of schema"} {
		add("context: "+name, contexts[name], pattern(20), "", c.seal(testKey, contexts[name], pattern(20)))
	}

	add("sealed under another key", five, nil, "auth", c.seal(otherKey, five, pattern(20)))
	add("sealed for another context", five, nil, "auth", c.seal(testKey, contexts["one pair"], pattern(20)))
	for _, v := range []struct {
		name   string
		change func(*options)
	}{
		{"another schema", func(o *options) { o.schema = "2" }},
		{"a longer schema", func(o *options) { o.schema = "10" }},
		{"no schema", func(o *options) { o.schema = "" }},
		{"the context is stored", func(o *options) { o.stored = true }},
		{"another key name", func(o *options) { o.name = "rec0rd" }},
		{"two data keys", func(o *options) { o.keys = []mpltypes.IKeyring{c.keyring(otherKey, "record")} }},
		{"a signed suite", func(o *options) { o.suite = signedSuite }},
		{"a frame length too long", frame(seal.MaxPlaintext + 1)},
	} {
		add(v.name, five, nil, "unsupported", c.seal(testKey, five, pattern(20), v.change))
	}
	old := newClient(t, mpltypes.ESDKCommitmentPolicyForbidEncryptAllowDecrypt)
	add("message version 1", five, nil, "unsupported",
		old.seal(testKey, five, pattern(20), func(o *options) { o.suite = v1Suite }))
	return vectors
}

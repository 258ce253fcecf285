package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
)

// ownKeys are the sources whose senders sign with a private key of their own, of which the vault gets the public one.
var ownKeys = []string{"freshchat"}

// createOwnAccount is createAccount of an account for every source of which this machine can send: where only the sender has the
// private key, it makes a pair in its place, and the site of the samples may tell of visits. The account's secret of such a source is the private key, in PEM.
func (s stack) createOwnAccount(ctx context.Context, r accountRequest) (account, error) {
	a, err := s.createAccount(ctx, r)
	if err != nil {
		return a, err
	}
	for _, name := range ownKeys {
		private, public, err := keyPair()
		if err != nil {
			return a, err
		}
		request := map[string]string{"action": "rotate-secret", "account": a.Account, "source": name, "secret": public}
		if err := s.call(ctx, "admin", request, new(struct{})); err != nil {
			return a, fmt.Errorf("give the source %s a public key: %w", name, err)
		}
		known := a.Sources[name]
		known.Secret = private
		a.Sources[name] = known
	}
	settings := fmt.Sprintf(`{"origins":[%q]}`, sampleOrigin)
	status, answer, err := outputs{API: s.API, Account: a.Account, Token: a.Token}.ask(ctx, http.MethodPut, "/sources/beacon", settings)
	if err != nil || status != http.StatusOK {
		return a, errors.Join(err, fmt.Errorf("name the site of the source beacon: %d %s", status, answer))
	}
	return a, nil
}

// sampleOrigin is the site of which the samples tell visits.
const sampleOrigin = "https://shop.example.com"

// keyPair is a new RSA key, in PEM.
func keyPair() (private, public string, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", err
	}
	publicDER, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", "", err
	}
	text := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return text("PRIVATE KEY", der), text("PUBLIC KEY", publicDER), nil
}

// privateKey reads what keyPair made.
func privateKey(secret string) (*rsa.PrivateKey, error) {
	err := errors.New("the secret of the source is not the private key of an account that this machine made")
	block, _ := pem.Decode([]byte(secret))
	if block == nil {
		return nil, err
	}
	parsed, _ := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, err
	}
	return key, nil
}

package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/keyring"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/minimise"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/sqsqueue"
	"github.com/supportvault/supportvault/shared/vault"
)

// The faults of administration.
var (
	ErrAction  = fault.New(fault.Invalid, "action_unknown", "The action must be create-account, rotate-secret or receipts.")
	ErrID      = fault.New(fault.Invalid, "account_invalid", "The id of an account is 4 to 32 of the characters a–z and 0–9.")
	ErrRegime  = fault.New(fault.Invalid, "regime_unknown", "The regimes are hipaa and pci, each at most once.")
	ErrZone    = fault.New(fault.Invalid, "time_zone_unknown", "The time zone must be a name of the IANA database such as Europe/Berlin.")
	ErrExists  = fault.New(fault.Conflict, "account_exists", "There is an account of this id already.")
	ErrBusy    = fault.New(fault.Conflict, "rotated_meanwhile", "Somebody else rotated this secret at the same moment; nothing was changed.")
	ErrSecret  = fault.New(fault.Invalid, "secret_invalid", "A given secret has 8 to 256 visible characters; that of canonical is whsec_ and the base64 of 24 to 64 bytes, that of freshchat an RSA public key of 2048 to 8192 bits in PEM.")
	ErrMissing = fault.New(fault.NotFound, "account_or_source_unknown", "There is no such account, or it has no such source.")
)

// rotation is how long the old secret of a source is still taken: long enough for a settings page at the sender to be
// changed by hand, and for what is retried meanwhile.
const rotation = 7 * 24 * time.Hour

type generator interface {
	GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
}

// Deps are what a handler needs.
type Deps struct {
	Store   *vault.Store
	KMS     generator
	WrapKey string
	Floor   retention.Floor
	// Notice is how long before its end the closing of an account is announced.
	Notice time.Duration
	// Sends says that a sender of e-mail is configured; without one there can be no destination.
	Sends bool
	// Queue is the mail queue.
	Queue queue
}

// Handler administers.
type Handler struct{ Deps }

// New makes a handler.
func New(deps Deps) *Handler { return &Handler{deps} }

// Build makes the handler of the deployed function; it is the only place that names clients of AWS.
func Build() (*Handler, error) {
	env, err := awsenv.Required("STAGE", "RECORDS_TABLE", "KEYS_TABLE", "CONTROL_TABLE", "WRAP_KEY_ID", "CLOSURE_NOTICE", "MAIL_QUEUE_URL")
	if err != nil {
		return nil, err
	}
	notice, err := retention.ParsePeriod(env["CLOSURE_NOTICE"])
	if err != nil || notice.Months > 0 {
		return nil, errors.New("CLOSURE_NOTICE must be an ISO 8601 duration of days, hours or minutes, such as P30D")
	}
	cfg := awsenv.Config()
	return New(Deps{
		Store: vault.Connect(cfg, vault.TablesOf(env), ""),
		KMS:   kms.NewFromConfig(cfg), WrapKey: env["WRAP_KEY_ID"], Floor: retention.FloorOf(env["STAGE"]),
		Notice: time.Duration(notice.Days)*24*time.Hour + time.Duration(notice.Minutes)*time.Minute,
		Sends:  os.Getenv("MAIL_FROM") != "", Queue: sqsqueue.Queue{Client: sqs.NewFromConfig(cfg), URL: env["MAIL_QUEUE_URL"]},
	}), nil
}

// Request is what an operator asks.
type Request struct {
	Action    string           `json:"action"`
	Account   string           `json:"account"`
	Plan      string           `json:"plan"`
	Start     string           `json:"start"`
	Retention string           `json:"retention"`
	TimeZone  string           `json:"timeZone"`
	Regimes   []account.Regime `json:"regimes"`
	// Administrators are the e-mail addresses that are told what hides or destroys something.
	Administrators []string `json:"administrators"`
	Source         string   `json:"source"`
	// Secret is one that the sender made; without it a new one is made here.
	Secret string `json:"secret"`
	// Number and Offset are those of the part of a set that is asked for; zero is the first.
	Number int64 `json:"number"`
	Offset int   `json:"offset"`
}

// Created is a new account. Token and secrets are shown this once.
type Created struct {
	Account string            `json:"account"`
	Plan    string            `json:"plan"`
	Start   string            `json:"start"`
	Keeps   string            `json:"retention"`
	Regimes []account.Regime  `json:"regimes,omitempty"`
	Token   string            `json:"token"`
	Sources map[string]Source `json:"sources"`
}

// Source is where a sender posts to and with what it signs.
type Source struct {
	Path   string `json:"path"`
	Secret string `json:"secret"`
}

// Rotated is the new secret of a source.
type Rotated struct {
	Account            string    `json:"account"`
	Source             string    `json:"source"`
	Secret             string    `json:"secret"`
	PreviousValidUntil time.Time `json:"previousValidUntil"`
}

// Handle tells the triggers apart.
func (h *Handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	return edge.Triggers{HTTP: h.HTTP, Otherwise: h.Invoked}.Handle(ctx, raw)
}

// Invoked answers one request of the operator; what is wrong with it is part of the answer.
func (h *Handler) Invoked(ctx context.Context, raw json.RawMessage) (any, error) {
	var req Request
	if err := json.Unmarshal(raw, &req); err != nil {
		return edge.ErrorAnswer(ErrAction), nil
	}
	answer, err := h.act(ctx, req)
	if err == nil {
		slog.InfoContext(ctx, "done", slog.String("action", req.Action))
		return answer, nil
	}
	f := fault.Of(err)
	slog.WarnContext(ctx, "refused", slog.String("code", f.Code), slog.String("cause", edge.Cause(err)))
	if f.Retry() {
		return nil, err
	}
	return edge.ErrorAnswer(err), nil
}

func (h *Handler) act(ctx context.Context, req Request) (any, error) {
	switch req.Action {
	case "create-account":
		return h.Create(ctx, req)
	case "rotate-secret":
		return h.Rotate(ctx, req)
	case "receipts":
		return h.Receipts(ctx, req)
	default:
		return nil, ErrAction
	}
}

func (h *Handler) policy(req Request) (account.Policy, error) {
	p := account.Policy{Version: 1, Start: minimise.Start(req.Start), Wait: account.DefaultWait, By: "operator", At: h.Store.Now(), Reason: "account created"}
	p.Plan, p.Shortened = retention.Plan(req.Plan), map[retention.Kind]retention.Period{}
	if err := p.Start.Check(); err != nil {
		return p, fault.New(fault.Invalid, "start_unknown", "The start must be minimal or identified.")
	}
	if req.Retention != "" {
		period, err := retention.ParsePeriod(req.Retention)
		if err != nil {
			return p, fault.New(fault.Invalid, "retention_invalid", "The retention must be an ISO 8601 duration such as P30D or P3M.")
		}
		p.Shortened[retention.Chat] = period
	}
	if err := p.Check(h.Floor); err != nil {
		return p, fault.New(fault.Invalid, "policy_not_possible", err.Error())
	}
	for i, r := range req.Regimes {
		if !slices.Contains(account.Regimes(), r) || slices.Contains(req.Regimes[:i], r) {
			return p, ErrRegime
		}
	}
	p.Regimes = req.Regimes
	zone, err := time.LoadLocation(req.TimeZone) // empty is UTC
	if err != nil || req.TimeZone == "Local" {
		return p, ErrZone
	}
	p.Zone = zone
	return p, nil
}

// Create makes an account with every source that exists and one token.
func (h *Handler) Create(ctx context.Context, req Request) (Created, error) {
	if !account.ValidID(req.Account) {
		return Created{}, ErrID
	}
	policy, err := h.policy(req)
	if err != nil {
		return Created{}, err
	}
	administrators, err := mailbox.ParseAdministrators(req.Administrators)
	if err != nil {
		return Created{}, err
	}
	created := Created{
		Account: req.Account, Plan: req.Plan, Start: req.Start, Keeps: policy.Keeps(retention.Chat).String(), Regimes: policy.Regimes,
		Sources: map[string]Source{},
	}
	if _, err := h.Store.OpenPolicy(ctx, req.Account); err == nil {
		return Created{}, ErrExists
	}
	generated, err := h.KMS.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &h.WrapKey, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: keyring.KMSContext(req.Account),
	})
	if err != nil {
		return Created{}, fmt.Errorf("generate account key: %w", err)
	}
	key := keyring.NewAccount(req.Account, generated.Plaintext)
	pk := account.Partition(req.Account)

	var writes []types.TransactWriteItem
	put := func(table, pk, sk string, item attr.Item) {
		item["pk"], item["sk"] = attr.S(pk), attr.S(sk)
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{
			TableName: &table, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
		}})
	}
	for _, item := range vault.NewAccountItems(req.Account, key, generated.CiphertextBlob) {
		put(h.Store.Tables.Keys, attr.GetS(item, "pk"), attr.GetS(item, "sk"), item)
	}
	control := h.Store.Tables.Control
	put(control, pk, account.PolicyKey, policy.Item())
	put(control, pk, account.PolicyVersionKey(policy.Version), policy.Item())
	put(control, account.ListPartition, req.Account, attr.Item{"createdAt": attr.Time(policy.At)})
	if len(administrators) > 0 {
		item, err := mailbox.AdministratorsItem(key, administrators)
		if err != nil {
			return Created{}, err
		}
		put(control, attr.GetS(item, "pk"), attr.GetS(item, "sk"), item)
	}
	for _, name := range source.Names() {
		secret := source.NewSecret(name)
		wrapped, err := wrapSecrets(key, name, []account.Secret{{Value: secret}})
		if err != nil {
			return Created{}, err
		}
		put(control, pk, account.SourceKey(name), attr.Item{"secrets": attr.B(wrapped), "version": attr.N(1)})
		created.Sources[name] = Source{Path: "/v1/webhooks/" + req.Account + "/" + name, Secret: secret}
	}
	token := account.NewToken()
	put(control, pk, account.TokenKey(token.ID), attr.Item{"hash": attr.B(token.Hash()), "createdAt": attr.Time(policy.At)})
	created.Token = token.Reveal()

	_, err = h.Store.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		for _, reason := range canceled.CancellationReasons {
			if aws.ToString(reason.Code) == "ConditionalCheckFailed" {
				return Created{}, ErrExists
			}
		}
	}
	if err != nil {
		return Created{}, fmt.Errorf("create account: %w", err)
	}
	return created, nil
}

func wrapSecrets(key *keyring.Account, name string, secrets []account.Secret) ([]byte, error) {
	b, err := account.MarshalSecrets(secrets)
	if err != nil {
		return nil, err
	}
	return key.Wrap(account.SecretsPlace(key.ID(), name), b), nil
}

// Rotate gives a source a new secret, one that the sender made or one of its own; the last one is taken for another week. A
// source that there was not yet when the account was made is given its first.
func (h *Handler) Rotate(ctx context.Context, req Request) (Rotated, error) {
	if _, ok := source.Lookup(req.Source); !ok || !account.ValidID(req.Account) {
		return Rotated{}, ErrMissing
	}
	secret := req.Secret
	if secret == "" {
		secret = source.NewSecret(req.Source)
	} else if !source.ValidSecret(req.Source, secret) {
		return Rotated{}, ErrSecret
	}
	key := attr.Key(account.Partition(req.Account), account.SourceKey(req.Source))
	before, err := h.Store.DB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &h.Store.Tables.Control, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return Rotated{}, fmt.Errorf("rotate secret: %w", err)
	}
	from := req.Source
	if !account.HasSource(before.Item) {
		from = ""
	}
	ses, err := h.Store.Open(ctx, req.Account, from)
	if errors.Is(err, vault.ErrNoAccount) {
		return Rotated{}, ErrMissing
	}
	if err != nil {
		return Rotated{}, err
	}
	until := h.Store.Now().Add(rotation).UTC().Truncate(time.Second)
	secrets := []account.Secret{{Value: secret}}
	for _, s := range ses.Secrets {
		if s.Until.IsZero() && s.Value != secret {
			secrets = append(secrets, account.Secret{Value: s.Value, Until: until})
		}
	}
	wrapped, err := wrapSecrets(ses.Key, req.Source, secrets)
	if err != nil {
		return Rotated{}, err
	}
	version := attr.GetN(before.Item, "version")
	update := &types.Update{
		TableName: &h.Store.Tables.Control, Key: key,
		UpdateExpression:          aws.String("SET secrets = :secrets, version = :next"),
		ConditionExpression:       aws.String("attribute_not_exists(version)"),
		ExpressionAttributeValues: attr.Item{":secrets": attr.B(wrapped), ":next": attr.N(version + 1)},
	}
	if before.Item != nil {
		update.ConditionExpression, update.ExpressionAttributeValues[":version"] = aws.String("version = :version"), attr.N(version)
	}
	if err := h.transact(ctx, []types.TransactWriteItem{{Update: update}}, ErrBusy); err != nil {
		return Rotated{}, fmt.Errorf("rotate secret: %w", err)
	}
	return Rotated{Account: req.Account, Source: req.Source, Secret: secrets[0].Value, PreviousValidUntil: until}, nil
}

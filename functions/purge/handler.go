package purge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// Deps are what a handler needs.
type Deps struct {
	Store *vault.Store
	// Floor is the shortest retention there can be: a row that says less is a mistake, and nothing is destroyed by it.
	Floor retention.Floor
}

// Handler purges.
type Handler struct{ Deps }

// New makes a handler.
func New(deps Deps) *Handler { return &Handler{deps} }

// Build makes the handler of the deployed function; it is the only place that names clients of AWS.
func Build() (*Handler, error) {
	env, err := awsenv.Required("STAGE", "RECORDS_TABLE", "KEYS_TABLE", "CONTROL_TABLE", "OBJECTS_BUCKET")
	if err != nil {
		return nil, err
	}
	cfg := awsenv.Config()
	return New(Deps{Floor: retention.FloorOf(env["STAGE"]), Store: &vault.Store{
		DB: dynamodb.NewFromConfig(cfg), Now: time.Now, // no ring: this function opens nothing
		Tables: vault.Tables{Records: env["RECORDS_TABLE"], Keys: env["KEYS_TABLE"], Control: env["CONTROL_TABLE"]},
		Objects: &vault.Objects{
			Bucket: env["OBJECTS_BUCKET"],
			Client: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = awsenv.Emulated() }),
		},
	}}), nil
}

// Request is what the schedule sends.
type Request struct {
	Action  string `json:"action"`
	Account string `json:"account,omitempty"`
}

// Report counts what a run did.
type Report struct {
	Accounts int `json:"accounts"`
	// Cohorts lost their key in this run; Waiting are past their time, and keep it for a conversation that goes on.
	Cohorts       int `json:"cohorts"`
	Waiting       int `json:"waiting"`
	Conversations int `json:"conversations"`
	Facts         int `json:"facts"`
	Items         int `json:"items"`
	Objects       int `json:"objects"`
	// Failures name accounts and cohorts; the next run takes them up.
	Failures []string `json:"failures"`
}

// Handle reads the request.
func (h *Handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var req Request
	if err := json.Unmarshal(raw, &req); err != nil || req.Action != "purge" {
		return nil, errors.New(`the request must be {"action": "purge"}, with an account or without`)
	}
	report, err := h.Purge(ctx, req)
	slog.InfoContext(ctx, "purged", slog.Int("accounts", report.Accounts), slog.Int("cohorts", report.Cohorts),
		slog.Int("waiting", report.Waiting), slog.Int("conversations", report.Conversations), slog.Int("facts", report.Facts),
		slog.Int("items", report.Items), slog.Int("objects", report.Objects), slog.Int("failures", len(report.Failures)))
	if err != nil {
		return nil, err
	}
	if len(report.Failures) > 0 {
		return nil, fmt.Errorf("%d failures; see the log", len(report.Failures)) // the function's error alarm
	}
	return report, nil
}

// Purge destroys what is past its time, of one account or of all. The keys of every account go before the rest of any, so
// that a large account keeps nobody's data readable for longer.
func (h *Handler) Purge(ctx context.Context, req Request) (Report, error) {
	report := Report{Failures: []string{}}
	for _, step := range []func(context.Context, *vault.Session, *Report) error{h.keys, h.rest} {
		report.Accounts = 0
		purge := func(account string) (bool, error) {
			report.Accounts++
			ses, err := h.open(ctx, account)
			if errors.Is(err, vault.ErrNoAccount) && req.Account != "" {
				return false, err
			}
			if err == nil {
				err = step(ctx, ses, &report)
			}
			if err != nil {
				report.Failures = append(report.Failures, account)
				slog.ErrorContext(ctx, "purge failed", slog.String("account", account), slog.String("cause", edge.Cause(err)))
			}
			return ctx.Err() == nil, nil
		}
		var err error
		if req.Account != "" {
			_, err = purge(req.Account)
		} else {
			err = h.Store.Accounts(ctx, purge)
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return report, err
		}
	}
	return report, nil
}

func (h *Handler) open(ctx context.Context, account string) (*vault.Session, error) {
	ses, err := h.Store.OpenPolicy(ctx, account)
	if err != nil {
		return nil, err
	}
	return ses, ses.Policy.Check(h.Floor)
}

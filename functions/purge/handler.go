package purge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/supportvault/supportvault/shared/awsenv"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/receipt/chain"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// Deps are what a handler needs.
type Deps struct {
	Store *vault.Store
	// Floor is the shortest retention there can be: a row that says less is a mistake, and nothing is destroyed by it.
	Floor retention.Floor
	Stage string
	// Chain states what was destroyed, Archive keeps it where nobody can delete it.
	Chain   *chain.Chain
	Archive interface {
		Put(ctx context.Context, name string, body []byte) error
	}
	// Extracts are those of administrators, which must not outlive what they hold.
	Extracts interface {
		DeleteAll(ctx context.Context, prefix string) error
	}
	// Pace is how many items are deleted in a second at most; zero is no bound.
	Pace int
	// Deleters are how many conversations are deleted at a time, or have their files counted; zero is 8.
	Deleters int
}

const deleters = 8

// pace is a quarter of the writes that a new table takes in a second, and all that one partition takes.
const pace = 1_000

// Handler purges.
type Handler struct{ Deps }

// New makes a handler.
func New(deps Deps) *Handler { return &Handler{deps} }

// Build makes the handler of the deployed function; it is the only place that names clients of AWS.
func Build() (*Handler, error) {
	env, err := awsenv.Required("STAGE", "RECORDS_TABLE", "KEYS_TABLE", "CONTROL_TABLE", "OBJECTS_BUCKET", "RECEIPTS_BUCKET", "EXPORTS_BUCKET",
		"SIGNING_KEY_ID")
	if err != nil {
		return nil, err
	}
	cfg := awsenv.Config()
	objects := vault.NewS3(cfg)
	db := dynamodb.NewFromConfig(cfg)
	return New(Deps{
		Floor: retention.FloorOf(env["STAGE"]), Stage: env["STAGE"], Pace: pace,
		Store: &vault.Store{
			DB: db, Now: time.Now, // no ring: this function opens nothing
			Tables:  vault.TablesOf(env),
			Objects: &vault.Objects{Bucket: env["OBJECTS_BUCKET"], Client: objects},
		},
		Chain: &chain.Chain{
			DB: db, Table: env["CONTROL_TABLE"], Signer: chain.NewKMS(kms.NewFromConfig(cfg), env["SIGNING_KEY_ID"]), Now: time.Now,
		},
		Archive: Bucket{objects, env["RECEIPTS_BUCKET"]}, Extracts: Bucket{objects, env["EXPORTS_BUCKET"]},
	}), nil
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
	Visits        int `json:"visits"`
	Items         int `json:"items"`
	Objects       int `json:"objects"`
	// Receipts state what was destroyed; Extracts held something of it and went too.
	Receipts int `json:"receipts"`
	Extracts int `json:"extracts"`
	// Failures name accounts and cohorts; the next run takes them up.
	Failures []string `json:"failures"`
}

// Handle tells the triggers apart.
func (h *Handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	return edge.Triggers{Batch: h.Batch, Otherwise: h.scheduled}.Handle(ctx, raw)
}

func (h *Handler) scheduled(ctx context.Context, raw json.RawMessage) (any, error) {
	var req Request
	err := json.Unmarshal(raw, &req)
	switch {
	case err == nil && req.Action == "drift" && req.Account == "":
		return h.Drift(ctx)
	case err != nil || req.Action != "purge":
		return nil, errors.New(`the request must be {"action": "purge"}, with an account or without, or {"action": "drift"}`)
	}
	report, err := h.Purge(ctx, req)
	slog.InfoContext(ctx, "purged", slog.Int("accounts", report.Accounts), slog.Int("cohorts", report.Cohorts),
		slog.Int("waiting", report.Waiting), slog.Int("conversations", report.Conversations), slog.Int("facts", report.Facts), slog.Int("visits", report.Visits),
		slog.Int("items", report.Items), slog.Int("objects", report.Objects), slog.Int("receipts", report.Receipts),
		slog.Int("extracts", report.Extracts), slog.Int("failures", len(report.Failures)))
	if err != nil {
		return nil, err
	}
	h.metric(ctx, "purge ran", "Purges", "Count", 1)
	if len(report.Failures) > 0 {
		return nil, fmt.Errorf("%d failures; see the log", len(report.Failures)) // the function's error alarm
	}
	return report, nil
}

// Purge destroys what is past its time, of one account or of all. The keys of every account go before the rest of any, so
// that a large account keeps nobody's data readable for longer.
func (h *Handler) Purge(ctx context.Context, req Request) (Report, error) {
	report := Report{Failures: []string{}}
	fences := map[string]*vault.Fence{}
	for _, step := range []func(*run, context.Context) error{(*run).keys, (*run).rest} {
		report.Accounts = 0
		purge := func(account string) (bool, error) {
			report.Accounts++
			err := h.step(ctx, account, fences, &report, step)
			if errors.Is(err, vault.ErrNoAccount) && req.Account != "" {
				return false, err
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
			err = h.shuffled(ctx, purge)
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return report, err
		}
	}
	return report, nil
}

// shuffled hands out all accounts in another order each time: a run that does not get through lacks others than the one before.
func (h *Handler) shuffled(ctx context.Context, each func(string) (bool, error)) error {
	var all []string
	err := h.Store.Accounts(ctx, func(account string) (bool, error) {
		all = append(all, account)
		return true, nil
	})
	if err != nil {
		return err
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, account := range all {
		if more, err := each(account); err != nil || !more {
			return err
		}
	}
	return nil
}

// moves bounds how often a step begins again because the policy, or a hold, changed under it.
const moves = 5

// step does a step of one account, by the policy as it is. Where another run has taken over, that one goes on.
func (h *Handler) step(ctx context.Context, account string, fences map[string]*vault.Fence, report *Report, step func(*run, context.Context) error) error {
	for range moves {
		ses, err := h.open(ctx, account)
		if err != nil {
			return err
		}
		r := &run{Handler: h, ses: ses, report: report, fence: fences[account]}
		err = step(r, ctx)
		fences[account] = r.fence
		if !errors.Is(err, vault.ErrFence) {
			return err
		}
		if r.fence != nil {
			now, err := ses.JoinFence(ctx)
			if err == nil && now.Run != r.fence.Run {
				return nil
			}
			if err != nil && !errors.Is(err, vault.ErrFence) {
				return err
			}
		}
	}
	return vault.ErrFence
}

func (h *Handler) open(ctx context.Context, account string) (*vault.Session, error) {
	ses, err := h.Store.OpenPolicy(ctx, account)
	if err != nil {
		return nil, err
	}
	return ses, ses.Policy.Check(h.Floor)
}

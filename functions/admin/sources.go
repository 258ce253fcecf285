package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/health"
	"github.com/supportvault/supportvault/shared/source"
	"github.com/supportvault/supportvault/shared/vault"
)

// ErrNoSource is the fault of a source that the account does not have.
var ErrNoSource = fault.New(fault.NotFound, "source_unknown", "The account has no source of this name; GET …/sources lists those that it has.")

// Sources is the answer of GET …/sources, in the order of their names.
type Sources struct {
	Sources []SourceView `json:"sources"`
}

// SourceView is all that is known of a source but its secret, which nothing shows again.
type SourceView struct {
	Source string `json:"source"`
	// Path is where its sender posts to, below the address of the API.
	Path string `json:"path"`
	// Setup are the steps by which its sender is made to deliver.
	Setup []string `json:"setup"`
	// Weak says what the signature does not give; empty where nothing is missing.
	Weak string `json:"weak"`
	// Hosts are from where files are fetched, the sender's own and the account's.
	Hosts  []string     `json:"hosts"`
	Health SourceHealth `json:"health"`
}

// SourceHealth is how a source does.
type SourceHealth struct {
	LastAccepted *LastAccepted `json:"lastAccepted"`
	LastRefused  *LastRefused  `json:"lastRefused"`
	Days         []SourceDay   `json:"days"`
}

// LastAccepted is when a delivery was taken for the last time, and of which type it was.
type LastAccepted struct {
	At   conversation.Time `json:"at"`
	Type string            `json:"type"`
}

// LastRefused is when a delivery was refused for the last time, and why.
type LastRefused struct {
	At   conversation.Time `json:"at"`
	Code string            `json:"code"`
}

// SourceDay is what came on a day of UTC. Those whose every event had come before are among the accepted.
type SourceDay struct {
	Day        string `json:"day"`
	Accepted   int64  `json:"accepted"`
	Duplicates int64  `json:"duplicates"`
	Refused    int64  `json:"refused"`
}

func (d *desk) sources(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	rows, err := d.sourceRows(ctx)
	if err != nil {
		return 0, nil, err
	}
	answer := Sources{[]SourceView{}}
	for _, row := range rows {
		view, err := d.sourceView(ctx, row)
		if err != nil {
			return 0, nil, err
		}
		answer.Sources = append(answer.Sources, view)
	}
	return http.StatusOK, answer, d.audit(ctx, "sources.read", "", 0)
}

func (d *desk) source(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	row, err := d.sourceRow(ctx, d.req.PathParameters["source"])
	if err != nil {
		return 0, nil, err
	}
	view, err := d.sourceView(ctx, row)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, view, d.audit(ctx, "source.read", view.Source, 0)
}

// sourceRows are the rows of the account's sources, in the order of their names.
func (d *desk) sourceRows(ctx context.Context) (rows []attr.Item, err error) {
	err = d.Store.Query(ctx, &dynamodb.QueryInput{
		TableName: &d.Store.Tables.Control, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :pk AND begins_with(sk, :source)"),
		ExpressionAttributeValues: attr.Item{":pk": attr.S(account.Partition(d.ses.Account)), ":source": attr.S(account.SourceKey(""))},
	}, func(row attr.Item) (bool, error) {
		if _, known := source.Lookup(sourceOf(row)); known && account.HasSource(row) {
			rows = append(rows, row)
		}
		return true, nil
	})
	return rows, err
}

// sourceRow is the row of a source that the account has.
func (d *desk) sourceRow(ctx context.Context, name string) (attr.Item, error) {
	if _, known := source.Lookup(name); !known {
		return nil, ErrNoSource
	}
	out, err := d.Store.DB.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &d.Store.Tables.Control, ConsistentRead: aws.Bool(true), Key: attr.Key(account.Partition(d.ses.Account), account.SourceKey(name)),
	})
	if err != nil {
		return nil, err
	}
	if !account.HasSource(out.Item) {
		return nil, ErrNoSource
	}
	return out.Item, nil
}

func sourceOf(row attr.Item) string {
	return strings.TrimPrefix(attr.GetS(row, "sk"), account.SourceKey(""))
}

// sourceView is what is shown of a source.
func (d *desk) sourceView(ctx context.Context, row attr.Item) (SourceView, error) {
	name := sourceOf(row)
	settings, err := vault.ReadSettings(d.ses.Key, name, row)
	if err != nil {
		return SourceView{}, err
	}
	adapter, _ := source.Lookup(name)
	view := SourceView{
		Source: name, Path: "/v1/webhooks/" + d.ses.Account + "/" + name, Weak: adapter.Weak, Setup: []string{},
		Hosts: append(append([]string{}, adapter.Hosts...), settings.Hosts...),
	}
	for _, step := range adapter.Setup {
		view.Setup = append(view.Setup, strings.NewReplacer("{url}", view.Path, "{secret}", "that was shown when it was made").Replace(step))
	}
	h, err := health.Read(ctx, d.Store.DB, d.Store.Tables.Control, d.ses.Account, name, d.ses.Now())
	if err != nil {
		return SourceView{}, err
	}
	view.Health.Days = make([]SourceDay, len(h.Days))
	for i, day := range h.Days {
		view.Health.Days[i] = SourceDay(day)
	}
	if !h.LastAccepted.IsZero() {
		view.Health.LastAccepted = &LastAccepted{conversation.At(h.LastAccepted), h.AcceptedName}
	}
	if !h.LastRefused.IsZero() {
		view.Health.LastRefused = &LastRefused{conversation.At(h.LastRefused), h.RefusedCode}
	}
	slices.Sort(view.Hosts)
	return view, nil
}

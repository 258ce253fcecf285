package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/edge"
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
	Hosts []string `json:"hosts"`
	// Settings are what the account chose.
	Settings account.SourceSettings `json:"settings"`
	Health   SourceHealth           `json:"health"`
	// Secret is there once, when it was made.
	Secret string `json:"secret,omitzero"`
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
	err = d.Store.Query(ctx, attr.Beginning(d.Store.Tables.Control, account.Partition(d.ses.Account), account.SourceKey("")), func(row attr.Item) (bool, error) {
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
	row, err := d.anySourceRow(ctx, name)
	if err == nil && !account.HasSource(row) {
		err = ErrNoSource
	}
	return row, err
}

// anySourceRow is the row of a source, nil if there never was one.
func (d *desk) anySourceRow(ctx context.Context, name string) (attr.Item, error) {
	out, err := d.Store.DB.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &d.Store.Tables.Control, ConsistentRead: aws.Bool(true), Key: attr.Key(account.Partition(d.ses.Account), account.SourceKey(name)),
	})
	if err != nil {
		return nil, err
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
	adapter := source.ForSettings(name, settings)
	view := SourceView{
		Source: name, Path: "/v1/webhooks/" + d.ses.Account + "/" + name + source.Query(name, settings), Weak: adapter.Weak, Setup: []string{},
		Settings: settings,
		Hosts:    append(append([]string{}, adapter.Hosts...), settings.Hosts...),
	}
	for _, step := range adapter.Setup {
		view.Setup = append(view.Setup, strings.NewReplacer("{url}", view.Path, "{secret}", "(shown when it was made)",
			"{script}", "/v1/beacon.js", "{account}", d.ses.Account, "{source}", name).Replace(step))
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

// The faults of sources.
var (
	ErrSourcesFull = fault.New(fault.Conflict, "sources_full", fmt.Sprintf("An account has at most %d mapped sources.", maxMapped))
	ErrSourceMoved = fault.New(fault.Conflict, "source_moved", "Somebody else changed this source at the same moment; nothing was changed.")
)

// maxMapped is how many mapped sources an account has at most.
const maxMapped = 20

// settingsImpossible says all that is wrong.
func settingsImpossible(mistakes []source.Mistake) error {
	all := make([]string, len(mistakes))
	for i, m := range mistakes {
		all[i] = m.String()
	}
	return fault.New(fault.Invalid, "source_settings_invalid", "The source cannot have these settings: "+strings.Join(all, "; ")+".")
}

// putSource gives a source its settings, and a source that the account does not have yet a secret.
func (d *desk) putSource(ctx context.Context) (int, any, error) {
	name := d.req.PathParameters["source"]
	if _, known := source.Lookup(name); !known {
		return 0, nil, ErrNoSource
	}
	var settings account.SourceSettings
	if err := d.strict(&settings); err != nil {
		return 0, nil, err
	}
	if mistakes := source.CheckSettings(name, settings); len(mistakes) > 0 {
		return 0, nil, settingsImpossible(mistakes)
	}
	row, err := d.anySourceRow(ctx, name)
	if err != nil {
		return 0, nil, err
	}
	change := attr.Item{}
	secret := ""
	if !account.HasSource(row) {
		if err := d.roomFor(ctx, name); err != nil {
			return 0, nil, err
		}
		secret = source.NewSecret(name)
		wrapped, err := wrapSecrets(d.ses.Key, name, []account.Secret{{Value: secret}})
		if err != nil {
			return 0, nil, err
		}
		change["secrets"] = attr.B(wrapped)
	}
	b, err := json.Marshal(settings)
	if err != nil {
		return 0, nil, err
	}
	change["settings"] = attr.B(d.ses.Key.Wrap(account.SettingsPlace(d.ses.Account, name), b))
	if err := d.audit(ctx, "source.set", name, 0); err != nil {
		return 0, nil, err
	}
	if err := d.changeSource(ctx, row, name, change); err != nil {
		return 0, nil, err
	}
	maps.Copy(change, attr.Key(account.Partition(d.ses.Account), account.SourceKey(name)))
	view, err := d.sourceView(ctx, change)
	view.Secret = secret
	return http.StatusOK, view, err
}

// roomFor says whether there may be another mapped source.
func (d *desk) roomFor(ctx context.Context, name string) error {
	if !source.Mapped(name) {
		return nil
	}
	rows, err := d.sourceRows(ctx)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(row attr.Item) bool { return !source.Mapped(sourceOf(row)) })
	if len(rows) >= maxMapped {
		return ErrSourcesFull
	}
	return nil
}

// deleteSource takes a source away: nothing of it is accepted any more. Its row stays, without anything in it, since nobody may
// delete rows of the partition that has the policy.
func (d *desk) deleteSource(ctx context.Context) (int, any, error) {
	name := d.req.PathParameters["source"]
	row, err := d.sourceRow(ctx, name)
	if err != nil {
		return 0, nil, err
	}
	if err := d.audit(ctx, "source.delete", name, 0); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, d.changeSource(ctx, row, name, nil)
}

// changeSource changes a source, as long as it is as it was read; without a change everything goes.
func (d *desk) changeSource(ctx context.Context, row attr.Item, name string, change attr.Item) error {
	version := attr.GetN(row, "version")
	expression, values := "SET version = :next", attr.Item{":next": attr.N(version + 1)}
	for attribute, value := range change {
		expression += ", " + attribute + " = :" + attribute
		values[":"+attribute] = value
	}
	if change == nil {
		expression += " REMOVE secrets, settings"
	}
	update := &types.Update{
		TableName: &d.Store.Tables.Control, Key: attr.Key(account.Partition(d.ses.Account), account.SourceKey(name)),
		UpdateExpression: &expression, ConditionExpression: aws.String("attribute_not_exists(version)"), ExpressionAttributeValues: values,
	}
	if row != nil {
		update.ConditionExpression, values[":version"] = aws.String("version = :version"), attr.N(version)
	}
	return d.transact(ctx, []types.TransactWriteItem{{Update: update}}, ErrSourceMoved)
}

// rotateSource gives a source a new secret; the one before is taken for another week.
func (d *desk) rotateSource(ctx context.Context) (int, any, error) {
	name := d.req.PathParameters["source"]
	var given struct {
		Secret *string `json:"secret"` // without one, it is made here
	}
	if d.req.Body != "" {
		if err := d.strict(&given); err != nil {
			return 0, nil, err
		}
	}
	if _, err := d.sourceRow(ctx, name); err != nil {
		return 0, nil, err
	}
	wanted := ""
	if given.Secret != nil {
		if wanted = *given.Secret; !source.ValidSecret(name, wanted) {
			return 0, nil, ErrSecret
		}
	}
	if err := d.audit(ctx, "source.rotate", name, 0); err != nil {
		return 0, nil, err
	}
	rotated, err := d.Rotate(ctx, Request{Account: d.ses.Account, Source: name, Secret: wanted})
	if errors.Is(err, ErrMissing) { // it was taken away meanwhile
		err = ErrNoSource
	}
	return http.StatusOK, rotated, err
}

// Tried is what a body would become.
type Tried struct {
	// Type is the type of the delivery, empty where there is an error.
	Type string `json:"type"`
	// Rule is the rule of the mapping that was for the body, empty without one.
	Rule string `json:"rule"`
	// Delivery is what would be kept, in the canonical format.
	Delivery source.CanonicalDelivery `json:"delivery"`
	Fields   []TriedField             `json:"fields"`
	// Error is with what it would be refused.
	Error *TriedError `json:"error"`
}

// TriedField is what a mapping found of a field.
type TriedField struct {
	Field string `json:"field"`
	Found int    `json:"found"`
	First string `json:"first"`
	Wrong string `json:"wrong"`
}

// TriedError is the error of a body.
type TriedError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// trySource shows what a body would become, and stores nothing of it.
func (d *desk) trySource(ctx context.Context) (int, any, error) {
	name := d.req.PathParameters["source"]
	body, err := edge.Body(d.req, maxBody)
	if err != nil {
		return 0, nil, err
	}
	row, err := d.sourceRow(ctx, name)
	if err != nil {
		return 0, nil, err
	}
	settings, err := vault.ReadSettings(d.ses.Key, name, row)
	if err != nil {
		return 0, nil, err
	}
	if err := d.audit(ctx, "source.try", name, 0); err != nil {
		return 0, nil, err
	}
	adapted, trace, err := source.Try(name, source.Delivery{
		Header: http.Header{}, Query: url.Values{}, Body: body, Received: d.ses.Now(), Settings: settings,
	})
	tried := Tried{Type: adapted.Name, Rule: trace.Rule, Fields: make([]TriedField, len(trace.Fields))}
	if err != nil {
		f := fault.Of(err)
		tried.Error = &TriedError{f.Code, f.Message}
	}
	for i, f := range trace.Fields {
		tried.Fields[i] = TriedField(f)
	}
	for i, e := range adapted.Events {
		adapted.Events[i], _ = d.ses.Policy.Start.Event(e)
	}
	tried.Delivery = source.Canonical(adapted.Events)
	return http.StatusOK, tried, nil
}

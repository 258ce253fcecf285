package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

type queue interface {
	// SendAll sends up to ten messages to the mail queue.
	SendAll(ctx context.Context, bodies []string) error
}

// announce makes of news the notice that is written in the transaction that does what it tells. Tell is called after that has
// succeeded; who does not come to call it has the schedule do so. Also tells more than the administrators.
func (d *desk) announce(ctx context.Context, news letter.News, also ...string,
) (write types.TransactWriteItem, tell func(context.Context), err error) {
	administrators, err := d.book.Administrators(ctx)
	if err != nil {
		return write, nil, err
	}
	news.By, news.At = d.actor, d.ses.Now()
	n := mailbox.Notice{ID: mailbox.NewNoticeID(news.At), To: slices.Concat(administrators.Addresses, also), News: news}
	write, err = d.book.NoticeWrite(n)
	return write, func(ctx context.Context) {
		if err := d.Queue.SendAll(ctx, []string{n.Message(d.ses.Account)}); err != nil {
			slog.WarnContext(ctx, "a notice waits for the schedule", slog.String("cause", edge.Cause(err)))
		}
	}, err
}

// ofPolicy is the news of a policy that is put in force: what it hides, what it shows again, and how it is undone.
func ofPolicy(action string, c change, p Preview, version int, undo time.Time, reason string) letter.News {
	news := letter.News{Kind: letter.PolicyApplied, Reason: reason, Version: version}
	if action == "policy.undo" {
		news.Kind = letter.PolicyUndone
	}
	if !undo.IsZero() {
		news.Until = undo.Add(-margin) // by when undoPolicy must be asked
		news.Undo = letter.Call{Method: http.MethodPost, Path: "/policy/undo", Body: `{"reason":"Why it is undone"}`}
	}
	for _, kind := range retention.Kinds() {
		news.Keeps = append(news.Keeps, letter.Kept{Kind: kind, Now: keeps(c.after.Policy, kind), Before: keeps(c.from.Policy, kind)})
	}
	if before, now := c.from.Unstored[retention.Attachment], c.after.Unstored[retention.Attachment]; before != now {
		said := map[bool]string{true: "not stored", false: "as long as their conversations"}
		news.Keeps = append(news.Keeps, letter.Kept{Kind: retention.Attachment, Now: said[now], Before: said[before]})
	}
	count := func(kind retention.Kind, s Sum) letter.Count {
		return letter.Count{Kind: kind, Records: s.Records, Open: s.Open, Bytes: s.Bytes, Oldest: s.Oldest, Newest: s.Newest}
	}
	for _, of := range p.Kinds {
		news.Hides, news.Shows = append(news.Hides, count(of.Kind, of.Hides)), append(news.Shows, count(of.Kind, of.Shows))
	}
	return news
}

// keeps says how long a kind is kept: its period, and the cadence that ends it earlier.
func keeps(p retention.Policy, kind retention.Kind) string {
	t := p.Terms(kind, nil)
	switch {
	case t.Unstored:
		return "not stored"
	case t.Cadence != retention.Never:
		return t.Keeps.String() + ", cadence " + string(t.Cadence)
	}
	return t.Keeps.String()
}

// Administrators is the answer of GET and PUT …/administrators.
type Administrators struct {
	Addresses []string `json:"addresses"`
	// Told says whether anybody hears of anything.
	Told    bool   `json:"told"`
	Message string `json:"message"`
}

func (d *desk) toldOf(addresses []string) Administrators {
	a := Administrators{Addresses: append([]string{}, addresses...), Told: len(addresses) > 0 && d.Sends}
	switch {
	case a.Told:
		a.Message = "Each of them gets an e-mail when something is hidden or is to be destroyed."
	case len(addresses) > 0:
		a.Message = "Nobody is told for now: the operator has configured no sender of e-mail. What they are to be told waits for one."
	default:
		a.Message = "Nobody is told when something is hidden or is to be destroyed: there is no address."
	}
	return a
}

func (d *desk) administrators(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	now, err := d.book.Administrators(ctx)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, d.toldOf(now.Addresses), d.audit(ctx, "administrators.read", "", len(now.Addresses))
}

// tries is how often a list is put that somebody else changes at the same moment.
const tries = 5

// putAdministrators keeps the list that is given, and tells both those who were in the one before and those who are now.
func (d *desk) putAdministrators(ctx context.Context) (int, any, error) {
	var in struct {
		Addresses *[]string `json:"addresses"`
	}
	if err := d.strict(&in); err != nil {
		return 0, nil, err
	}
	if in.Addresses == nil {
		return 0, nil, strictjson.ErrShape
	}
	addresses, err := mailbox.ParseAdministrators(*in.Addresses)
	if err != nil {
		return 0, nil, err
	}
	if err := d.audit(ctx, "administrators.set", fmt.Sprintf("addresses=%d", len(addresses)), 0); err != nil {
		return 0, nil, err
	}
	for range tries {
		switch moved, err := d.replaceAdministrators(ctx, addresses); {
		case err != nil:
			return 0, nil, err
		case !moved:
			return http.StatusOK, d.toldOf(addresses), nil
		}
	}
	return 0, nil, edge.ErrUnavailable.Because(errors.New("the administrators change all the time"))
}

// replaceAdministrators puts a list in place of the one there is; moved says that this changed meanwhile, and nothing was put.
func (d *desk) replaceAdministrators(ctx context.Context, addresses []string) (moved bool, err error) {
	before, err := d.book.Administrators(ctx)
	if err != nil || slices.Equal(before.Addresses, addresses) {
		return false, err
	}
	news := letter.News{Kind: letter.AdministratorsChanged, Before: before.Addresses, After: addresses}
	if len(before.Addresses) > 0 {
		body, err := json.Marshal(map[string]any{"addresses": before.Addresses})
		if err != nil {
			return false, errors.New("administrators cannot be written") // the library's text may quote an address
		}
		news.Undo = letter.Call{Method: http.MethodPut, Path: "/administrators", Body: string(body)}
	}
	list, err := d.book.AdministratorsWrite(before, addresses)
	if err != nil {
		return false, err
	}
	notice, tell, err := d.announce(ctx, news, slices.Concat(before.Addresses, addresses)...)
	if err != nil {
		return false, err
	}
	_, err = d.Store.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{list, notice}})
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		for _, reason := range canceled.CancellationReasons {
			if code := aws.ToString(reason.Code); code == "ConditionalCheckFailed" || code == "TransactionConflict" {
				return true, nil
			}
		}
	}
	if err != nil {
		return false, err
	}
	tell(ctx)
	return false, nil
}

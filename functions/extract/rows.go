package extract

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/receipt/chain"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// dayOf is a cohort of a kind that goes by the day with what opens it, as it was when its turn came, and the first of it.
type dayOf struct {
	cohort vault.Cohort
	all    vault.Cohorts
	ses    *vault.Session
	open   func(s vault.SealedItem, v any) error
	first  []vault.SealedItem
}

// sealedItem is a fact or a visit that may go into the files.
type sealedItem struct {
	*dayOf
	vault.SealedItem
}

// days writes what goes by the day, cohort by cohort.
func (r *run) days(ctx context.Context, out *set, at *cursor) error {
	from := at.Part
	cohorts := func(ctx context.Context, give func(vault.Cohort) error) error {
		all, err := r.readable(ctx, retention.Kind(at.Kind))
		if err != nil {
			return err
		}
		for _, c := range all {
			if c.ID < from {
				continue
			}
			if err := give(c); err != nil {
				return err
			}
		}
		return nil
	}
	sealed := func(ctx context.Context, give func(sealedItem) error) error {
		ahead := pool{workers: listers, ahead: 2 * listers, bytes: 2 * listers}
		return ordered(ctx, ahead, cohorts, func(vault.Cohort) int { return 1 }, r.dayOf, func(of *dayOf) error {
			for _, f := range of.first {
				if err := give(sealedItem{of, f}); err != nil {
					return err
				}
			}
			if len(of.first) < readAhead {
				return nil
			}
			return of.ses.OfDay(ctx, of.cohort, of.first[readAhead-1].ID, 0, func(f vault.SealedItem) (bool, error) {
				return true, give(sealedItem{of, f})
			})
		})
	}
	weight := func(f sealedItem) int { return unfold * f.Size() }
	return ordered(ctx, pool{workers: openers, ahead: 10 * pageSize, bytes: inFlight}, sealed, weight, openedItem, func(p piece) error {
		if p.at.Part != at.Part {
			r.passed(at.Kind, r.partsBefore(at.Kind, p.at.Part))
			at.Part = p.at.Part
			if out.bytes() >= r.FileLimit || out.bytes() > 0 && edge.Late(ctx, r.Reserve) {
				return errTurn // and go on with this cohort
			}
		}
		if p.damaged != "" {
			r.damaged = append(r.damaged, p.damaged)
			return nil
		}
		if err := r.hint(ctx); err != nil {
			return err
		}
		return out.write(p)
	})
}

// dayOf reads a cohort's key and the first of it; nothing where it is over by now.
func (r *run) dayOf(ctx context.Context, c vault.Cohort) (*dayOf, error) {
	ses, err := r.Store.Open(ctx, r.job.Account, "")
	if err != nil {
		return nil, err
	}
	of := &dayOf{ses: ses}
	if of.all, err = ses.CohortAt(ctx, c.Kind, c.ID); err != nil {
		return nil, err
	}
	now, ok := of.all.Find(c.ID)
	if !ok || of.all.Over(now.Cohort, r.Store.Now()) {
		return of, nil
	}
	of.cohort = now
	if of.open, err = ses.DayOpener(now); errors.Is(err, vault.ErrUnreadable) {
		return of, nil
	}
	if err != nil {
		return nil, err
	}
	return of, ses.OfDay(ctx, now, "", readAhead, func(f vault.SealedItem) (bool, error) {
		of.first = append(of.first, f)
		return len(of.first) < readAhead, nil
	})
}

func openedItem(ctx context.Context, s sealedItem) (piece, error) {
	p := piece{at: cursor{Part: s.cohort.ID}}
	var fact vault.Fact
	var visit vault.Visit
	into := map[retention.Kind]any{retention.Fact: &fact, retention.Visit: &visit}[s.cohort.Kind]
	err := s.open(s.SealedItem, into)
	if errors.Is(err, vault.ErrDamaged) {
		slog.ErrorContext(ctx, "left out", slog.String("kind", string(s.cohort.Kind)), slog.String("item", s.ID), slog.String("cause", err.Error()))
		p.damaged = s.ID
		return p, nil
	}
	if err != nil {
		return p, err
	}
	expires := s.all.Expires(s.cohort.Cohort)
	if s.cohort.Kind == retention.Visit {
		return p, p.visit(s.ID, visit, expires)
	}
	return p, p.fact(s.ID, fact, expires)
}

// line writes what stands in the control table as a line.
func line(out *set, v any) error {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return errors.New("a row cannot be written")
	}
	return out.write(piece{forms: [4][]byte{append(b, '\n')}, records: [4]int{1}})
}

// policies writes every version of the policy, with what it comes to for each kind.
func (r *run) policies(ctx context.Context, out *set) error {
	ses, err := r.Store.Open(ctx, r.job.Account, "")
	if err != nil {
		return err
	}
	rows, err := ses.PolicyVersions(ctx, 1, ses.Policy.Version)
	if err != nil {
		return err
	}
	for _, row := range rows {
		p, err := account.ReadPolicy(row)
		if err != nil {
			return err
		}
		v, err := ses.PolicyView(p)
		if err != nil {
			return err
		}
		if err := line(out, v); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) policyRows(ctx context.Context) ([]attr.Item, error) {
	ses, err := r.Store.Open(ctx, r.job.Account, "")
	if err != nil {
		return nil, err
	}
	return ses.PolicyVersions(ctx, 1, ses.Policy.Version)
}

// act is an audit entry as a line has it.
type act struct {
	At      conversation.Time `json:"at"`
	Actor   string            `json:"actor"`
	Action  string            `json:"action"`
	Target  string            `json:"target"`
	Records int               `json:"records"`
}

// audit writes every audit entry, from the account's first day on.
func (r *run) audit(ctx context.Context, out *set) error {
	rows, err := r.policyRows(ctx)
	if err != nil {
		return err
	}
	from := r.job.CreatedAt
	if len(rows) > 0 {
		from = attr.GetTime(rows[0], "at")
	}
	return audit.Read(ctx, r.Store.DB, r.Store.Tables.Control, r.job.Account, from, r.Store.Now(), func(e audit.Entry) error {
		return line(out, act{conversation.At(e.At), e.Actor, e.Action, e.Target, e.Records})
	})
}

// copies writes what the ledger says of copies of everything.
func (r *run) copies(ctx context.Context, out *set) error {
	return r.rows(ctx, r.job.Account+"#copy#account#", func(item attr.Item) error {
		v := plain(item)
		v["destination"] = attr.GetS(item, "sk")
		delete(v, "until")
		return line(out, v)
	})
}

// receipts writes the set of receipts of destruction, once there are any, as `make verify` takes it: the head, the receipts, and
// the public keys beside them.
func (r *run) receipts(ctx context.Context, out *set) error {
	c := chain.Chain{DB: r.Store.DB, Table: r.Store.Tables.Control, Now: r.Store.Now} // without a signer: this function signs nothing
	to := &receiptLines{out: out}
	keys, err := c.Export(ctx, r.job.Account, to)
	if errors.Is(err, chain.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	pem, err := keys.PEM()
	if err != nil {
		return err
	}
	return out.write(piece{forms: [4][]byte{1: pem}})
}

// receiptLines takes a set a line at a time. The first is the head's, which is no record.
type receiptLines struct {
	out  *set
	head bool
}

func (to *receiptLines) Write(line []byte) (int, error) {
	p := piece{forms: [4][]byte{line}}
	if to.head {
		p.records[0] = 1
	}
	to.head = true
	return len(line), to.out.write(p)
}

// rows hands out the rows of a partition of the control table.
func (r *run) rows(ctx context.Context, pk string, each func(attr.Item) error) error {
	return r.Store.Query(ctx, attr.Partition(r.Store.Tables.Control, pk), func(item attr.Item) (bool, error) { return true, each(item) })
}

// plain is a row as JSON has it, without its keys. Attributes of the control table that are called so are times.
func plain(item attr.Item) map[string]any {
	v := map[string]any{}
	for name, value := range item {
		switch {
		case name == "pk" || name == "sk":
		case name == "at" || strings.HasSuffix(name, "At"):
			if at := attr.GetTime(item, name); !at.IsZero() {
				v[name] = conversation.At(at)
				break
			}
			fallthrough
		default:
			v[name] = plainValue(value)
		}
	}
	return v
}

func plainValue(value types.AttributeValue) any {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return jsontext.Value(v.Value)
	case *types.AttributeValueMemberB:
		return v.Value
	case *types.AttributeValueMemberBOOL:
		return v.Value
	case *types.AttributeValueMemberL:
		all := make([]any, len(v.Value))
		for i, e := range v.Value {
			all[i] = plainValue(e)
		}
		return all
	case *types.AttributeValueMemberM:
		return plain(v.Value)
	case *types.AttributeValueMemberSS:
		return v.Value
	}
	return nil
}

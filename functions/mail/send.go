package mail

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/ledger"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/mailbox"
	"github.com/supportvault/supportvault/shared/vault"
)

// send sends a conversation to every mailbox of a destination. What fails for one does not keep it from the others.
func (d *desk) send(ctx context.Context, to mailbox.Destination, c vault.Conversation) error {
	var failures []error
	for _, r := range d.recipients(to, c) {
		if edge.Late(ctx, reserveOne) {
			failures = append(failures, errLate)
			break
		}
		failures = append(failures, d.sendTo(ctx, to, c, r))
	}
	return errors.Join(failures...)
}

// How much time must be left to begin one more message, or one more part of a digest. What ends between SES and the ledger is
// sent twice.
const (
	reserveOne  = 10 * time.Second
	reservePart = 25 * time.Second
)

// errLate is returned where the time is up: the message comes again, and what has left does not.
var errLate = errors.New("the time is up, and not everything was sent")

func (d *desk) sendTo(ctx context.Context, to mailbox.Destination, c vault.Conversation, r recipient) error {
	id := vault.ID(c.Row.ID, c.Incarnation)
	claim, err := d.ledger.Begin(ctx, copyOf(to, c, r.blind), ledger.NewClaimant())
	if err != nil || !claim.Mine {
		return err
	}
	content := to.Contains(d.ses.Policy)
	item, err := d.item(ctx, c, content, r.reader)
	if err != nil {
		return errors.Join(err, claim.Release(ctx))
	}
	m := d.letter(strings.Join([]string{d.ses.Account, to.Name, id, r.blind}, "/"), r, content, to.To.Kind)
	m.Items = []letter.Item{item}
	raw, err := d.compose(r, m)
	if err != nil {
		return errors.Join(err, claim.Release(ctx))
	}
	return d.leave(ctx, outgoing{
		recipient: r, tag: tag(to, id, r.blind), raw: raw, copies: claims{claim},
		log: mailbox.Logged{Destination: to.Name, Conversation: id, Address: d.own(to, r.blind)},
	})
}

func copyOf(to mailbox.Destination, c vault.Conversation, blind string) ledger.Copy {
	return ledger.OfRecord(c.Account, c.Row.ID, c.Incarnation, to.InLedger(), blind, c.Revision)
}

// letter is what every letter to a mailbox has. The same id makes the same Message-ID, so that a mailbox can tell that it has
// one already.
func (d *desk) letter(id string, r recipient, content letter.Content, kind mailbox.ToKind) letter.Message {
	return letter.Message{
		ID: id, From: d.From, To: r.address, Account: d.ses.Account, Zone: d.ses.Policy.Zone, Date: d.ses.Now(), Content: content,
		Private: r.reader == account.Staff, Why: why[kind],
	}
}

var why = map[mailbox.ToKind]string{
	mailbox.Fixed:   "You get this because your address is one to which the account has its transcripts sent.",
	mailbox.Visitor: "You get this because you wrote to this support.",
	mailbox.Agent:   "You get this because you took part as an agent.",
}

// item is a conversation in a letter; where the letter holds nothing of it, with a link that opens it for a week.
func (d *desk) item(ctx context.Context, c vault.Conversation, content letter.Content, reader account.Reader) (letter.Item, error) {
	item := letter.Item{View: c.View()}
	if content != letter.Link {
		return item, nil
	}
	link := account.NewLink(d.ses.Now())
	row := link.Item(account.Opening{Conversation: item.View.ID, Reader: reader, Until: d.ses.Now().Add(account.LinkLife)})
	row["pk"], row["sk"] = attr.S(link.Partition(d.ses.Account)), attr.S(link.ID)
	_, err := d.Store.DB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &d.Store.Tables.Control, Item: row, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	if err != nil {
		return letter.Item{}, fmt.Errorf("put link: %w", err)
	}
	item.Link = d.url(item.View.ID, link)
	return item, nil
}

func (d *desk) url(id string, link account.Link) string {
	return d.API + "/v1/accounts/" + d.ses.Account + "/transcripts/" + id + "?link=" + link.Reveal()
}

// Codes in the ledger of what could not be sent.
const (
	codeAddress    = "address"    // nothing can be sent to it
	codeSuppressed = "suppressed" // nothing is sent to it any more
	codeRejected   = "rejected"   // SES will not take it
	codeEmpty      = "empty"      // nothing is left of it
	codeLetter     = "letter"     // no letter can be made of it
)

// claims are the copies that one message is of. The last is that of a message as a whole, if it is of several conversations:
// what is said of the others is said first, because nobody looks at them any more once it is done with.
type claims []ledger.Claim

// hands is how many requests a digest makes at a time.
const hands = 8

func (all claims) each(ctx context.Context, does func(*ledger.Claim, context.Context) error) error {
	last := len(all) - 1
	if err := together(ctx, last, func(ctx context.Context, i int) error { return does(&all[i], ctx) }); err != nil {
		return err
	}
	return does(&all[last], ctx)
}

// compose writes a letter; there is none to a recipient to whom nothing can be sent.
func (d *desk) compose(r recipient, m letter.Message) ([]byte, error) {
	if r.impossible {
		return nil, nil
	}
	raw, err := d.Compose(m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotNow, err) // the recipient is possible, so it is ours to mend
	}
	return raw, nil
}

// outgoing is a letter that is about to leave.
type outgoing struct {
	recipient
	tag    string
	raw    []byte
	log    mailbox.Logged
	copies claims
}

// leave sends a letter whose copies are claimed, and says in the log and then in the ledger what became of it. A log that
// cannot be written keeps nobody from saying that the copies left: else they would leave again.
func (d *desk) leave(ctx context.Context, o outgoing) error {
	e, copies := o.log, o.copies
	e.At = d.ses.Now()
	suppressed, err := d.book.IsSuppressed(ctx, o.blind)
	if err != nil {
		return errors.Join(err, copies.each(ctx, (*ledger.Claim).Release))
	}
	switch {
	case o.impossible:
		return d.giveUp(ctx, e, mailbox.LogFailed, codeAddress, copies)
	case suppressed:
		return d.giveUp(ctx, e, mailbox.LogSuppressed, codeSuppressed, copies)
	}
	switch err := d.dispatch(ctx, o); {
	case errors.Is(err, errRejected):
		return d.giveUp(ctx, e, mailbox.LogFailed, codeRejected, copies)
	case errors.Is(err, errNotNow):
		return errors.Join(err, copies.each(ctx, (*ledger.Claim).Release))
	case err != nil:
		return err // nobody knows: when the lease is over, it is sent again
	}
	e.Event = mailbox.LogSent
	if err := d.book.Log(ctx, e, rand.Text()); err != nil {
		slog.ErrorContext(ctx, "sent, and not in the mail log", slog.String("cause", edge.Cause(err)))
	}
	slog.InfoContext(ctx, "sent", slog.String("destination", e.Destination), slog.Int("copies", len(copies)))
	return copies.each(ctx, (*ledger.Claim).Left)
}

// giveUp says that copies can never leave: in the log first, because who reads the ledger does not come again.
func (d *desk) giveUp(ctx context.Context, e mailbox.Logged, event mailbox.Happening, code string, copies claims) error {
	e.Event = event
	if err := d.book.Log(ctx, e, rand.Text()); err != nil {
		return errors.Join(err, copies.each(ctx, (*ledger.Claim).Release))
	}
	slog.WarnContext(ctx, "not sent", slog.String("destination", e.Destination), slog.String("code", code))
	return copies.each(ctx, func(claim *ledger.Claim, ctx context.Context) error { return claim.Failed(ctx, code) })
}

// What SES says of a message that it does not take: never, or not for now. Any other error leaves open whether it was taken.
var (
	errRejected = errors.New("SES rejects the message")
	errNotNow   = errors.New("the message cannot be sent for now")
)

// dispatch hands a letter to SES.
func (d *desk) dispatch(ctx context.Context, o outgoing) error {
	_, err := d.SES.SendEmail(ctx, &sesv2.SendEmailInput{
		FromEmailAddress: &d.From, Destination: &types.Destination{ToAddresses: []string{o.address}},
		Content:              &types.EmailContent{Raw: &types.RawMessage{Data: o.raw}},
		ConfigurationSetName: &d.ConfigurationSet,
		EmailTags: []types.MessageTag{
			{Name: aws.String("account"), Value: &d.ses.Account}, {Name: aws.String("copy"), Value: &o.tag},
		},
	})
	return refusal(err)
}

// refusal sorts what SES answers. Its texts may quote addresses, so only its codes go on.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	said, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return errors.New("SES did not answer")
	}
	switch code := said.ErrorCode(); {
	case code == "MessageRejected" && strings.Contains(said.ErrorMessage(), "not verified"):
		return fmt.Errorf("%w: %s: an identity is not verified", errNotNow, code) // for the operator to mend
	case code == "MessageRejected", code == "BadRequestException":
		return fmt.Errorf("%w: %s", errRejected, code)
	case said.ErrorFault() == smithy.FaultClient:
		return fmt.Errorf("%w: %s", errNotNow, code)
	default:
		return fmt.Errorf("SES failed: %s", code)
	}
}

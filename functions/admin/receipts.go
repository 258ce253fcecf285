package admin

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/account"
	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/receipt"
	"github.com/supportvault/supportvault/shared/receipt/chain"
)

// The faults of receipts.
var (
	ErrNoReceipt    = fault.New(fault.NotFound, "receipt_unknown", "There is no receipt of this number, or none at all yet.")
	ErrLargeReceipt = fault.New(fault.TooLarge, "receipt_too_large",
		"The receipt is larger than an answer can be (4 MB); make receipts writes all of them to a file.")
)

// MaxAnswer bounds an answer, in bytes. Lambda takes up to 6 MB.
const MaxAnswer = 4 << 20

// leafBytes is what a leaf takes in a line: its digits, two quotes and a comma.
const leafBytes = 67

var numberForm = lazyregexp.New(`^[1-9][0-9]{0,9}$`)

// numberOf reads the number of a receipt; there is one way to write it.
func numberOf(said string) (int64, bool) {
	n, err := strconv.ParseInt(said, 10, 64)
	return n, err == nil && numberForm().MatchString(said)
}

func (h *Handler) chain() *chain.Chain {
	return &chain.Chain{DB: h.Store.DB, Table: h.Store.Tables.Control, Now: h.Store.Now} // no signer: this function signs nothing
}

// Receipts is the answer of GET …/receipts, the newest first.
type Receipts struct {
	Receipts []Receipt `json:"receipts"`
	Next     *string   `json:"next"`
}

// Receipt is a receipt in short.
type Receipt struct {
	Number  int64             `json:"number"`
	Act     receipt.Act       `json:"act"`
	At      conversation.Time `json:"at"`
	Done    conversation.Time `json:"done"`
	Parts   int               `json:"parts"`
	Records int64             `json:"records"`
	Bytes   int64             `json:"bytes"`
	// Files is null in a receipt of the first format, which does not count them.
	Files        *int64                `json:"files"`
	NotDelivered []receipt.Undelivered `json:"notDelivered"`
}

func (d *desk) receipts(ctx context.Context) (int, any, error) {
	said, err := d.parameters("limit", "cursor")
	if err != nil {
		return 0, nil, err
	}
	limit, err := limitOf(said["limit"])
	if err != nil {
		return 0, nil, err
	}
	below := int64(0)
	if cursor := said["cursor"]; cursor != "" {
		var ok bool
		if below, ok = numberOf(cursor); !ok {
			return 0, nil, ErrParameter
		}
	}
	all, err := d.chain().Newest(ctx, d.ses.Account, below, int32(limit))
	if err != nil {
		return 0, nil, err
	}
	answer := Receipts{Receipts: []Receipt{}}
	for _, signed := range all {
		r := signed.Receipt
		short := Receipt{
			Number: r.Number, Act: r.Act, At: r.At, Done: r.Done, Parts: len(r.What), Records: r.Size, Bytes: r.Bytes(),
			NotDelivered: append([]receipt.Undelivered{}, r.NotDelivered...),
		}
		if files, counted := r.Files(); counted {
			short.Files = &files
		}
		answer.Receipts = append(answer.Receipts, short)
		// A page may be shorter than its limit and not the last; the last has the first receipt.
		answer.Next = nil
		if r.Number > 1 {
			answer.Next = next(strconv.FormatInt(r.Number, 10))
		}
	}
	return http.StatusOK, answer, d.audit(ctx, "receipts.read", "limit="+strconv.Itoa(limit), 0)
}

// receipt answers a receipt's line, byte for byte as it stands in a set.
func (d *desk) receipt(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	said := d.req.PathParameters["number"]
	number, ok := numberOf(said)
	if !ok {
		return 0, nil, ErrNoReceipt
	}
	// A large one is refused before its leaves are read.
	short, err := d.chain().Newest(ctx, d.ses.Account, number+1, 1)
	switch {
	case err != nil:
		return 0, nil, err
	case len(short) == 0 || short[0].Receipt.Number != number:
		return 0, nil, ErrNoReceipt
	case short[0].Receipt.Size > MaxAnswer/leafBytes:
		return 0, nil, ErrLargeReceipt
	}
	signed, err := d.chain().Get(ctx, d.ses.Account, number)
	if err != nil {
		return 0, nil, err
	}
	line, err := signed.Line()
	if err != nil {
		return 0, nil, err
	}
	if len(line) > MaxAnswer {
		return 0, nil, ErrLargeReceipt
	}
	return http.StatusOK, value(line), d.audit(ctx, "receipt.read", said, 0)
}

// value is a line as an answer: the same bytes, whose end the edge writes.
func value(line []byte) jsontext.Value { return jsontext.Value(bytes.TrimSuffix(line, []byte("\n"))) }

// Head is the answer of GET …/receipts/head: the line that begins a set, and the file of keys that goes with it.
type Head struct {
	Head       jsontext.Value `json:"head"`
	PublicKeys string         `json:"publicKeys"`
}

func (d *desk) receiptsHead(ctx context.Context) (int, any, error) {
	if _, err := d.parameters(); err != nil {
		return 0, nil, err
	}
	_, line, keys, err := d.head(ctx, d.ses.Account)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, Head{value(line), string(keys)}, d.audit(ctx, "receipts-head.read", "", 0)
}

// head is the head of a chain with its line, and the keys that signed something in it.
func (h *Handler) head(ctx context.Context, id string) (head receipt.Head, line, keys []byte, err error) {
	signed, err := h.chain().Head(ctx, id)
	if errors.Is(err, chain.ErrNone) {
		return head, nil, nil, ErrNoReceipt
	}
	if err != nil {
		return head, nil, nil, err
	}
	if line, err = signed.Line(); err != nil {
		return head, nil, nil, err
	}
	all, err := h.chain().Keys(ctx, id)
	if err != nil {
		return head, nil, nil, err
	}
	keys, err = all.PEM()
	return signed.Head, line, keys, err
}

// Part is a part of a set of receipts, for whoever writes the file: Lines follow those of the parts before. The next one begins
// Offset bytes into the line of the receipt Number; a receipt may be longer than an answer. The first part has the head, its line
// and the keys.
type Part struct {
	Lines      []byte `json:"lines"`
	PublicKeys string `json:"publicKeys,omitempty"`
	// Last is the number of the last receipt that the head counts, in the first part.
	Last   int64 `json:"last,omitempty"`
	Number int64 `json:"number"`
	Offset int   `json:"offset"`
}

// partBytes bounds the lines of a part; in base64 they are a third longer.
const partBytes = 3 << 20

// Receipts gives a set to the operator, part by part. Lines of receipts never change, so that the parts fit together. The chain of
// an account that is closed is still there.
func (h *Handler) Receipts(ctx context.Context, req Request) (Part, error) {
	if !account.ValidID(req.Account) || req.Number < 0 || req.Offset < 0 {
		return Part{}, ErrNoReceipt
	}
	if req.Number == 0 {
		head, line, keys, err := h.head(ctx, req.Account)
		if err != nil {
			return Part{}, err
		}
		entry := audit.Entry{Account: req.Account, Actor: "operator", Action: "receipts.read", At: h.Store.Now()}
		if err := audit.Write(ctx, h.Store.DB, h.Store.Tables.Control, entry); err != nil {
			return Part{}, err
		}
		return Part{Lines: line, PublicKeys: string(keys), Last: head.Number, Number: 1}, nil
	}
	p := Part{Number: req.Number, Offset: req.Offset}
	for len(p.Lines) < partBytes {
		signed, err := h.chain().Get(ctx, req.Account, p.Number)
		if errors.Is(err, chain.ErrNone) && len(p.Lines) > 0 {
			return p, nil
		}
		if errors.Is(err, chain.ErrNone) {
			return Part{}, ErrNoReceipt
		}
		if err != nil {
			return Part{}, err
		}
		line, err := signed.Line()
		if err != nil {
			return Part{}, err
		}
		if p.Offset > len(line) {
			return Part{}, ErrNoReceipt
		}
		rest := line[p.Offset:]
		take := min(len(rest), partBytes-len(p.Lines))
		p.Lines, p.Offset = append(p.Lines, rest[:take]...), p.Offset+take
		if take == len(rest) {
			p.Number, p.Offset = p.Number+1, 0
		}
	}
	return p, nil
}

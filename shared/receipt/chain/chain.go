package chain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/attr"
	"github.com/supportvault/supportvault/shared/lazyregexp"
	"github.com/supportvault/supportvault/shared/pause"
	"github.com/supportvault/supportvault/shared/receipt"
)

// Chain reaches the chains of all accounts.
type Chain struct {
	DB    *dynamodb.Client
	Table string
	// Signer is not needed to read.
	Signer receipt.Signer
	Now    func() time.Time
}

// The errors.
var (
	// ErrNone is returned where there is no such chain or receipt.
	ErrNone = errors.New("chain: no such receipt")
	// ErrAlso is returned when what was to be written with a receipt could not be: its condition was false.
	ErrAlso = errors.New("chain: what was to be written with the receipt could not be")
	// ErrBusy is returned when others were faster every time. Nothing is written.
	ErrBusy = errors.New("chain: others append to it all the time")
	// ErrAct is returned for an id of an act of another form, ErrRow for a row that this package did not write.
	ErrAct = errors.New("chain: not the id of an act")
	ErrRow = errors.New("chain: unreadable row")
)

const (
	headRow = "~head"
	// inline is how many leaves a receipt's own row takes, packed how many another; an item has at most 400 KB.
	inline, packed = 1_000, 10_000
	// tries is how often an append starts again.
	tries = 20
	// together is how many writes a transaction takes, own how many of them are of this package, and fenced how many of these,
	// the first, have conditions.
	together, own, fenced = 100, 4, 3
)

// MaxAlso is how many writes can go with a receipt.
const MaxAlso = together - own

var actForm = lazyregexp.New(`^[!-~]{1,200}$`)

func partition(account string) string { return account + "#receipt#" }

func numberKey(number int64) string { return fmt.Sprintf("%012d", number) }

// numbers is how the sort keys of receipts begin: there are fewer than a hundred billion.
const numbers = "0"

func actKey(act string) string { return "act#" + act }

func keyRow(id receipt.Hash) string { return "~key#" + id.String() }

func leavesPartition(account string, root receipt.Hash) string {
	return partition(account) + "leaves#" + root.String() + "#"
}

// Append makes the next receipt of the draft's account. The act is the caller's name of what was done: appended again, it
// answers the receipt that it has. What also answers is written in the same transaction, given the receipt's number; it may
// be asked more than once.
func (c *Chain) Append(
	ctx context.Context, act string, d receipt.Draft, also func(number int64) []types.TransactWriteItem,
) (receipt.Receipt, error) {
	if !actForm().MatchString(act) {
		return receipt.Receipt{}, ErrAct
	}
	ready, err := d.Prepare()
	if err != nil {
		return receipt.Receipt{}, err
	}
	kept := false // whether the leaves are, where they do not fit into the receipt's row
	for try := range tries {
		if err := sleep(ctx, try); err != nil {
			return receipt.Receipt{}, err
		}
		if r, ok, err := c.ofAct(ctx, d.Account, act); err != nil || ok {
			return r, err
		}
		head, err := c.head(ctx, d.Account)
		if err != nil {
			return receipt.Receipt{}, err
		}
		issued, err := ready.Issue(ctx, c.Signer, head.Head, c.Now())
		if err != nil {
			return receipt.Receipt{}, err
		}
		if !kept {
			if err := c.keepLeaves(ctx, issued); err != nil {
				return receipt.Receipt{}, err
			}
			kept = true
		}
		writes, err := c.writes(act, head, issued)
		if err != nil {
			return receipt.Receipt{}, err
		}
		if also != nil {
			more := also(issued.Receipt.Number)
			if len(more) > MaxAlso {
				return receipt.Receipt{}, fmt.Errorf("%w: %d writes, %d are possible", ErrAlso, len(more), MaxAlso)
			}
			writes = append(writes, more...)
		}
		switch again, err := c.transact(ctx, writes); {
		case err != nil:
			return receipt.Receipt{}, err
		case !again:
			return issued.Receipt, nil
		}
	}
	return receipt.Receipt{}, ErrBusy
}

// writes are those of a receipt.
func (c *Chain) writes(act string, before receipt.SignedHead, issued receipt.Issued) ([]types.TransactWriteItem, error) {
	r, account := issued.Receipt, issued.Receipt.Account
	statement, err := r.Canonical()
	if err != nil {
		return nil, err
	}
	row := attr.Key(partition(account), numberKey(r.Number))
	row["statement"], row["key"], row["signature"] = attr.S(string(statement)), attr.B(issued.Key[:]), attr.B(issued.Signature)
	if len(issued.Leaves) <= inline {
		row["leaves"] = attr.B(pack(issued.Leaves))
	}
	done := attr.Key(partition(account), actKey(act))
	done["number"] = attr.N(r.Number)
	head, err := c.putHead(before, issued.Head)
	if err != nil {
		return nil, err
	}
	writes := []types.TransactWriteItem{c.putNew(done), head, c.putNew(row)}
	if issued.Key != before.Key {
		writes = append(writes, c.putKey(account, issued.Public))
	}
	return writes, nil
}

func (c *Chain) putNew(item attr.Item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &c.Table, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
	}}
}

// putKey keeps a public key; put again, it is the same, since its id is its hash.
func (c *Chain) putKey(account string, public []byte) types.TransactWriteItem {
	item := attr.Key(partition(account), keyRow(receipt.KeyID(public)))
	item["public"] = attr.B(public)
	return types.TransactWriteItem{Put: &types.Put{TableName: &c.Table, Item: item}}
}

// putHead puts a head in place of another.
func (c *Chain) putHead(before, after receipt.SignedHead) (types.TransactWriteItem, error) {
	statement, err := after.Head.Canonical()
	if err != nil {
		return types.TransactWriteItem{}, err
	}
	item := attr.Key(partition(after.Head.Account), headRow)
	item["number"], item["statement"] = attr.N(after.Head.Number), attr.S(string(statement))
	item["key"], item["signature"] = attr.B(after.Key[:]), attr.B(after.Signature)
	if before.Signature == nil {
		return c.putNew(item), nil
	}
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &c.Table, Item: item, ConditionExpression: aws.String("#number = :number"),
		ExpressionAttributeNames:  map[string]string{"#number": "number"},
		ExpressionAttributeValues: attr.Item{":number": attr.N(before.Head.Number)},
	}}, nil
}

// transact writes. Again says that the chain is not any more as it was read.
func (c *Chain) transact(ctx context.Context, writes []types.TransactWriteItem) (again bool, err error) {
	_, err = c.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
	canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		if err != nil {
			err = fmt.Errorf("append receipt: %w", err)
		}
		return false, err
	}
	refused := false
	for i, reason := range canceled.CancellationReasons {
		switch code := aws.ToString(reason.Code); {
		case code == "ConditionalCheckFailed" && i < fenced, code == "TransactionConflict", code == "ThrottlingError",
			code == "ProvisionedThroughputExceeded":
			again = true
		case code == "ConditionalCheckFailed":
			refused = true
		case code != "None" && code != "":
			return false, fmt.Errorf("append receipt: %w", err)
		}
	}
	switch {
	case again:
		return true, nil
	case refused:
		return false, ErrAlso
	}
	return false, fmt.Errorf("append receipt: %w", err)
}

// sleep waits before a try, for longer before each.
func sleep(ctx context.Context, try int) error {
	if try == 0 {
		return ctx.Err()
	}
	return pause.For(ctx, min(5*time.Millisecond<<min(try, 10), 250*time.Millisecond))
}

// Attest signs that a chain is as it is, now: whoever reads the head then knows that nothing was left out up to this moment.
// An account without receipts gets a chain without any.
func (c *Chain) Attest(ctx context.Context, account string) (receipt.SignedHead, error) {
	for try := range tries {
		if err := sleep(ctx, try); err != nil {
			return receipt.SignedHead{}, err
		}
		before, err := c.head(ctx, account)
		if err != nil {
			return receipt.SignedHead{}, err
		}
		after, public, err := before.Head.Attest(ctx, c.Signer, c.Now())
		if err != nil {
			return receipt.SignedHead{}, err
		}
		head, err := c.putHead(before, after)
		if err != nil {
			return receipt.SignedHead{}, err
		}
		writes := []types.TransactWriteItem{head}
		if after.Key != before.Key {
			writes = append(writes, c.putKey(account, public))
		}
		switch again, err := c.transact(ctx, writes); {
		case err != nil:
			return receipt.SignedHead{}, err
		case !again:
			return after, nil
		}
	}
	return receipt.SignedHead{}, ErrBusy
}

// Head is the head of a chain as it was signed last.
func (c *Chain) Head(ctx context.Context, account string) (receipt.SignedHead, error) {
	head, err := c.head(ctx, account)
	if err == nil && head.Signature == nil {
		return receipt.SignedHead{}, ErrNone
	}
	return head, err
}

// head is one without a signature where there is none yet.
func (c *Chain) head(ctx context.Context, account string) (head receipt.SignedHead, err error) {
	item, err := c.get(ctx, account, headRow)
	if err != nil {
		return head, err
	}
	if item == nil {
		head.Head = receipt.Begin(account)
		return head, nil
	}
	if err := json.Unmarshal([]byte(attr.GetS(item, "statement")), &head.Head); err != nil || head.Head.Account != account {
		return head, fmt.Errorf("%w: head", ErrRow)
	}
	head.Signature = attr.GetB(item, "signature")
	return head, readKey(item, &head.Key)
}

func (c *Chain) get(ctx context.Context, account, sk string) (attr.Item, error) {
	out, err := c.DB.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &c.Table, Key: attr.Key(partition(account), sk), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, fmt.Errorf("read receipts: %w", err)
	}
	return out.Item, nil
}

// ofAct is the receipt of an act, if it has one.
func (c *Chain) ofAct(ctx context.Context, account, act string) (receipt.Receipt, bool, error) {
	item, err := c.get(ctx, account, actKey(act))
	if err != nil || item == nil {
		return receipt.Receipt{}, false, err
	}
	row, err := c.get(ctx, account, numberKey(attr.GetN(item, "number")))
	if err != nil {
		return receipt.Receipt{}, false, err
	}
	signed, err := readReceipt(account, row)
	return signed.Receipt, err == nil, err
}

// Get is a receipt with its leaves, as its line in a set is made.
func (c *Chain) Get(ctx context.Context, account string, number int64) (receipt.Signed, error) {
	row, err := c.get(ctx, account, numberKey(number))
	if err != nil {
		return receipt.Signed{}, err
	}
	if row == nil {
		return receipt.Signed{}, ErrNone
	}
	return c.whole(ctx, account, row)
}

// Newest are up to limit receipts below a number, or the last ones if it is 0, the newest first, without their leaves.
func (c *Chain) Newest(ctx context.Context, account string, below int64, limit int32) (all []receipt.Signed, err error) {
	in := c.receipts(account)
	in.ScanIndexForward, in.Limit = aws.Bool(false), &limit
	if below > 0 {
		in.ExclusiveStartKey = attr.Key(partition(account), numberKey(below))
	}
	out, err := c.DB.Query(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("read receipts: %w", err)
	}
	for _, row := range out.Items {
		signed, err := readReceipt(account, row)
		if err != nil {
			return nil, err
		}
		signed.Leaves = nil
		all = append(all, signed)
	}
	return all, nil
}

func (c *Chain) receipts(account string) *dynamodb.QueryInput {
	return attr.Beginning(c.Table, partition(account), numbers)
}

// Export writes the set of an account, as package receipt draws it, and answers the keys for the file beside it. Whatever is
// appended meanwhile is not in it.
func (c *Chain) Export(ctx context.Context, account string, set io.Writer) (receipt.Keys, error) {
	head, err := c.Head(ctx, account)
	if err != nil {
		return nil, err
	}
	line, err := head.Line()
	if err != nil {
		return nil, err
	}
	if _, err := set.Write(line); err != nil {
		return nil, err
	}
	pages := dynamodb.NewQueryPaginator(c.DB, c.receipts(account))
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read receipts: %w", err)
		}
		for _, row := range page.Items {
			if attr.GetS(row, "sk") > numberKey(head.Head.Number) {
				break
			}
			signed, err := c.whole(ctx, account, row)
			if err != nil {
				return nil, err
			}
			line, err := signed.Line()
			if err != nil {
				return nil, err
			}
			if _, err := set.Write(line); err != nil {
				return nil, err
			}
		}
	}
	return c.Keys(ctx, account)
}

// Keys are the public keys that signed something in an account's chain.
func (c *Chain) Keys(ctx context.Context, account string) (receipt.Keys, error) {
	in := c.receipts(account)
	in.ExpressionAttributeValues[":prefix"] = attr.S("~key#")
	keys := receipt.Keys{}
	pages := dynamodb.NewQueryPaginator(c.DB, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read keys of receipts: %w", err)
		}
		for _, row := range page.Items {
			if err := keys.Add(attr.GetB(row, "public")); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrRow, err)
			}
		}
	}
	return keys, nil
}

func readReceipt(account string, row attr.Item) (signed receipt.Signed, err error) {
	if err := json.Unmarshal([]byte(attr.GetS(row, "statement")), &signed.Receipt); err != nil {
		return signed, fmt.Errorf("%w: receipt", ErrRow)
	}
	if r := signed.Receipt; r.Account != account || numberKey(r.Number) != attr.GetS(row, "sk") {
		return signed, fmt.Errorf("%w: a receipt stands in the place of another", ErrRow)
	}
	signed.Signature = attr.GetB(row, "signature")
	return signed, readKey(row, &signed.Key)
}

func readKey(row attr.Item, key *receipt.Hash) error {
	b := attr.GetB(row, "key")
	if len(b) != len(key) {
		return fmt.Errorf("%w: key", ErrRow)
	}
	copy(key[:], b)
	return nil
}

// whole reads a receipt with its leaves.
func (c *Chain) whole(ctx context.Context, account string, row attr.Item) (signed receipt.Signed, err error) {
	if signed, err = readReceipt(account, row); err != nil {
		return signed, err
	}
	if signed.Receipt.Size <= inline {
		signed.Leaves, err = unpack(nil, attr.GetB(row, "leaves"))
		return signed, err
	}
	signed.Leaves = make([]receipt.Hash, 0, signed.Receipt.Size)
	pages := dynamodb.NewQueryPaginator(c.DB, attr.Partition(c.Table, leavesPartition(account, signed.Receipt.Root)))
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return signed, fmt.Errorf("read leaves: %w", err)
		}
		for _, item := range page.Items {
			if signed.Leaves, err = unpack(signed.Leaves, attr.GetB(item, "leaves")); err != nil {
				return signed, err
			}
		}
	}
	return signed, nil
}

// keepLeaves writes the rows of leaves that the receipt's own row does not take. Under their root nobody else writes others.
func (c *Chain) keepLeaves(ctx context.Context, issued receipt.Issued) error {
	if len(issued.Leaves) <= inline {
		return nil
	}
	pk := leavesPartition(issued.Receipt.Account, issued.Receipt.Root)
	i := 0
	for leaves := range slices.Chunk(issued.Leaves, packed) {
		item := attr.Key(pk, fmt.Sprintf("%06d", i))
		item["leaves"] = attr.B(pack(leaves))
		if _, err := c.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &c.Table, Item: item}); err != nil {
			return fmt.Errorf("write leaves: %w", err)
		}
		i++
	}
	return nil
}

func pack(leaves []receipt.Hash) []byte {
	b := make([]byte, 0, len(leaves)*len(receipt.Hash{}))
	for _, l := range leaves {
		b = append(b, l[:]...)
	}
	return b
}

func unpack(leaves []receipt.Hash, b []byte) ([]receipt.Hash, error) {
	const size = len(receipt.Hash{})
	if len(b)%size != 0 {
		return nil, fmt.Errorf("%w: leaves", ErrRow)
	}
	for l := range slices.Chunk(b, size) {
		leaves = append(leaves, receipt.Hash(l))
	}
	return leaves, nil
}

// Object is the name under which a receipt is kept where objects cannot be overwritten; a folder of such objects, the line of
// the head as head.json and the keys as receipts.pem are a set too.
func Object(account string, number int64) string {
	return "receipts/" + account + "/" + numberKey(number) + ".json"
}

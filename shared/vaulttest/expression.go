package vaulttest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/supportvault/supportvault/shared/attr"
)

// The expressions of DynamoDB, as far as Memory knows them:
//
//	condition = condition OR condition | condition AND condition | NOT condition | "(" condition ")"
//	          | operand ( "=" | "<>" | "<" | "<=" | ">" | ">=" ) operand
//	          | operand BETWEEN operand AND operand | operand IN "(" operand { "," operand } ")"
//	          | attribute_exists(path) | attribute_not_exists(path) | begins_with(path, operand) | contains(path, operand)
//	operand   = path | :value | size(path)
//	path      = name { "." name }, where a name is a word that is not reserved, or a #placeholder
//	update    = { SET path "=" sum { "," … } | REMOVE path { "," … } | ADD path :value { "," … } | DELETE path :value { "," … } }
//	sum       = term [ ( "+" | "-" ) term ];  term = path | :value | if_not_exists(path, term)
//
// What DynamoDB knows beyond that (elements of lists, attribute_type, list_append, numbers that are not whole) is refused.

// parsed is an expression that was read.
type parsed struct {
	condition     node
	update        *update
	paths         []path // of a projection
	names, values []string
	firsts        []string // the names with which paths begin
}

type grammar byte

const (
	condition grammar = iota
	updating
	projection
)

type text struct {
	grammar grammar
	text    string
}

var expressions sync.Map // of text to *parsed

// parse reads an expression; nil is none.
func parse(g grammar, s *string) (*parsed, error) {
	if s == nil {
		return nil, nil
	}
	if known, ok := expressions.Load(text{g, *s}); ok {
		return known.(*parsed), nil
	}
	p := &parser{out: &parsed{}}
	if err := p.read(g, *s); err != nil {
		return nil, fmt.Errorf("%w, in %q", err, *s)
	}
	expressions.Store(text{g, *s}, p.out)
	return p.out, nil
}

// invalid is what DynamoDB says of a request that it does not understand.
func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

type (
	path []string

	// operand is a path, a value or the size of what is at a path.
	operand struct {
		path  path
		value string
		size  bool
	}

	node interface {
		check(e env) error
		holds(e env, item attr.Item) bool
	}
	both   struct{ a, b node }
	either struct{ a, b node }
	not    struct{ a node }
	// grouped is in parentheses of its own.
	grouped  struct{ node }
	compared struct {
		a, b operand
		op   string
	}
	between struct{ v, low, high operand }
	among   struct {
		v   operand
		all []operand
	}
	exists struct {
		p    path
		want bool
	}
	begins struct {
		p path
		v operand
	}
	contained struct {
		p path
		v operand
	}

	update struct {
		set         []set
		remove      []path
		add, delete []change
	}
	set struct {
		at   path
		a, b *term
		op   string
	}
	term struct {
		path  path
		value string
		// or is what stands for a path at which nothing is; without it that is an error.
		or *term
	}
	change struct {
		at    path
		value string
	}
)

type parser struct {
	tokens []string
	out    *parsed
}

const single = "=<>(),.+-"

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

func (p *parser) lex(s string) error {
	for i := 0; i < len(s); {
		c, end := s[i], i+1
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case letter(c) || (c == '#' || c == ':') && end < len(s) && (letter(s[end]) || digit(s[end])):
			for end < len(s) && (letter(s[end]) || digit(s[end])) {
				end++
			}
		case strings.HasPrefix(s[i:], "<>") || strings.HasPrefix(s[i:], "<=") || strings.HasPrefix(s[i:], ">="):
			end++
		case strings.IndexByte(single, c) < 0:
			return invalid("memory: unknown character %q", c)
		}
		p.tokens = append(p.tokens, s[i:end])
		i = end
	}
	return nil
}

func (p *parser) read(g grammar, s string) (err error) {
	if err := p.lex(s); err != nil {
		return err
	}
	if len(p.tokens) == 0 {
		return invalid("the expression is empty")
	}
	switch g {
	case condition:
		p.out.condition, err = p.or()
	case updating:
		p.out.update, err = p.clauses()
	case projection:
		p.out.paths, err = list(p, p.path)
	}
	if err == nil && len(p.tokens) > 0 {
		err = invalid("unexpected %q", p.tokens[0])
	}
	return err
}

func (p *parser) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *parser) next() string {
	t := p.peek()
	if t != "" {
		p.tokens = p.tokens[1:]
	}
	return t
}

// took takes a keyword or a sign if it comes next.
func (p *parser) took(t string) bool {
	if strings.EqualFold(p.peek(), t) {
		p.next()
		return true
	}
	return false
}

func (p *parser) must(t string) error {
	if !p.took(t) {
		return invalid("%q where %q belongs", p.peek(), t)
	}
	return nil
}

// calls takes the name of a function and its parenthesis; names of functions are written small.
func (p *parser) calls(name string) bool {
	if len(p.tokens) > 1 && p.tokens[0] == name && p.tokens[1] == "(" {
		p.tokens = p.tokens[2:]
		return true
	}
	return false
}

func list[T any](p *parser, one func() (T, error)) (all []T, err error) {
	for {
		v, err := one()
		if err != nil {
			return nil, err
		}
		if all = append(all, v); !p.took(",") {
			return all, nil
		}
	}
}

func (p *parser) or() (node, error) {
	a, err := p.and()
	for err == nil && p.took("OR") {
		var b node
		b, err = p.and()
		a = either{a, b}
	}
	return a, err
}

func (p *parser) and() (node, error) {
	a, err := p.not()
	for err == nil && p.took("AND") {
		var b node
		b, err = p.not()
		a = both{a, b}
	}
	return a, err
}

func (p *parser) not() (node, error) {
	switch {
	case p.took("NOT"):
		a, err := p.not()
		return not{a}, err
	case p.took("("):
		a, err := p.or()
		if err != nil {
			return nil, err
		}
		if _, ok := a.(grouped); ok {
			return nil, invalid("the expression has redundant parentheses")
		}
		return grouped{a}, p.must(")")
	}
	return p.predicate()
}

// pathThen reads a path, and after a comma an operand, up to the closing parenthesis.
func (p *parser) pathThen() (at path, v operand, err error) {
	if at, err = p.path(); err != nil {
		return nil, v, err
	}
	if err = p.must(","); err != nil {
		return nil, v, err
	}
	if v, err = p.operand(); err != nil {
		return nil, v, err
	}
	return at, v, p.must(")")
}

func (p *parser) predicate() (node, error) {
	switch {
	case p.peek() == "attribute_exists" || p.peek() == "attribute_not_exists":
		want := p.next() == "attribute_exists"
		if err := p.must("("); err != nil {
			return nil, err
		}
		at, err := p.path()
		if err != nil {
			return nil, err
		}
		return exists{at, want}, p.must(")")
	case p.calls("begins_with"):
		at, v, err := p.pathThen()
		return begins{at, v}, err
	case p.calls("contains"):
		at, v, err := p.pathThen()
		return contained{at, v}, err
	}
	a, err := p.operand()
	if err != nil {
		return nil, err
	}
	switch op := p.next(); {
	case slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, op):
		b, err := p.operand()
		return compared{a, b, op}, err
	case strings.EqualFold(op, "BETWEEN"):
		low, err := p.operand()
		if err == nil {
			err = p.must("AND")
		}
		if err != nil {
			return nil, err
		}
		high, err := p.operand()
		return between{a, low, high}, err
	case strings.EqualFold(op, "IN"):
		if err := p.must("("); err != nil {
			return nil, err
		}
		all, err := list(p, p.operand)
		if err != nil {
			return nil, err
		}
		if len(all) > 100 {
			return nil, invalid("IN has more than 100 operands")
		}
		return among{a, all}, p.must(")")
	default:
		return nil, invalid("unexpected %q", op)
	}
}

func (p *parser) operand() (o operand, err error) {
	if p.calls("size") {
		if o.path, err = p.path(); err != nil {
			return o, err
		}
		o.size = true
		return o, p.must(")")
	}
	if strings.HasPrefix(p.peek(), ":") {
		o.value = p.value()
		return o, nil
	}
	o.path, err = p.path()
	return o, err
}

func (p *parser) value() string {
	v := p.next()
	if !slices.Contains(p.out.values, v) {
		p.out.values = append(p.out.values, v)
	}
	return v
}

func (p *parser) path() (all path, err error) {
	for {
		name := p.next()
		switch {
		case strings.HasPrefix(name, "#"):
			if !slices.Contains(p.out.names, name) {
				p.out.names = append(p.out.names, name)
			}
		case name == "" || !letter(name[0]) || name[0] == '_':
			return nil, invalid("%q where a name belongs", name)
		case reserved(name):
			return nil, invalid("%s is a reserved word", name)
		}
		if all = append(all, name); !p.took(".") {
			p.out.firsts = append(p.out.firsts, all[0])
			return all, nil
		}
	}
}

func (p *parser) clauses() (*update, error) {
	u := &update{}
	seen := map[string]bool{}
	for len(p.tokens) > 0 {
		clause := strings.ToUpper(p.next())
		if seen[clause] {
			return nil, invalid("%s stands twice", clause)
		}
		seen[clause] = true
		var err error
		switch clause {
		case "SET":
			u.set, err = list(p, p.set)
		case "REMOVE":
			u.remove, err = list(p, p.path)
		case "ADD":
			u.add, err = list(p, p.change)
		case "DELETE":
			u.delete, err = list(p, p.change)
		default:
			err = invalid("unexpected %q", clause)
		}
		if err != nil {
			return nil, err
		}
	}
	return u, nil
}

func (p *parser) change() (c change, err error) {
	if c.at, err = p.path(); err != nil {
		return c, err
	}
	if !strings.HasPrefix(p.peek(), ":") {
		return c, invalid("%q where a value belongs", p.peek())
	}
	c.value = p.value()
	return c, nil
}

func (p *parser) set() (s set, err error) {
	if s.at, err = p.path(); err != nil {
		return s, err
	}
	if err = p.must("="); err != nil {
		return s, err
	}
	if s.a, err = p.term(); err != nil {
		return s, err
	}
	if op := p.peek(); op == "+" || op == "-" {
		s.op = p.next()
		s.b, err = p.term()
	}
	return s, err
}

func (p *parser) term() (*term, error) {
	if p.calls("if_not_exists") {
		at, err := p.path()
		if err != nil {
			return nil, err
		}
		if err := p.must(","); err != nil {
			return nil, err
		}
		or, err := p.term()
		if err != nil {
			return nil, err
		}
		return &term{path: at, or: or}, p.must(")")
	}
	if strings.HasPrefix(p.peek(), ":") {
		return &term{value: p.value()}, nil
	}
	at, err := p.path()
	return &term{path: at}, err
}

// env is what the placeholders of a request's expressions stand for.
type env struct {
	names  map[string]string
	values attr.Item
}

// check says what is wrong with a request's expressions, some of which may be nil, whatever items are.
func (e env) check(all ...*parsed) error {
	if e.names != nil && len(e.names) == 0 || e.values != nil && len(e.values) == 0 {
		return invalid("names or values of expressions are given and empty")
	}
	for _, x := range all {
		if x == nil {
			continue
		}
		for _, name := range x.names {
			if e.names[name] == "" {
				return invalid("%s is not defined", name)
			}
		}
		for _, value := range x.values {
			if e.values[value] == nil {
				return invalid("%s is not defined", value)
			}
		}
	}
	for name := range e.names {
		if !slices.ContainsFunc(all, func(x *parsed) bool { return x != nil && slices.Contains(x.names, name) }) {
			return invalid("%s is not used", name)
		}
	}
	for name, value := range e.values {
		if !slices.ContainsFunc(all, func(x *parsed) bool { return x != nil && slices.Contains(x.values, name) }) {
			return invalid("%s is not used", name)
		}
		if err := sound(value, 0); err != nil {
			return err
		}
	}
	for _, x := range all {
		if x == nil {
			continue
		}
		var err error
		switch {
		case x.condition != nil:
			err = x.condition.check(e)
		case x.update != nil:
			err = x.update.check(e)
		default:
			err = e.distinct(x.paths)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e env) name(n string) string {
	if n[0] == '#' {
		return e.names[n]
	}
	return n
}

// at is what stands at a path, or nil.
func (e env) at(item attr.Item, p path) types.AttributeValue {
	v := item[e.name(p[0])]
	for _, n := range p[1:] {
		m, ok := v.(*types.AttributeValueMemberM)
		if !ok {
			return nil
		}
		v = m.Value[e.name(n)]
	}
	return v
}

// of is an operand's value, or nil.
func (e env) of(item attr.Item, o operand) types.AttributeValue {
	if o.value != "" {
		return e.values[o.value]
	}
	v := e.at(item, o.path)
	if !o.size || v == nil {
		return v
	}
	n, ok := sizeOf(v)
	if !ok {
		return nil
	}
	return attr.N(n)
}

func sizeOf(v types.AttributeValue) (int, bool) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return utf8.RuneCountInString(v.Value), true
	case *types.AttributeValueMemberB:
		return len(v.Value), true
	case *types.AttributeValueMemberSS:
		return len(v.Value), true
	case *types.AttributeValueMemberNS:
		return len(v.Value), true
	case *types.AttributeValueMemberBS:
		return len(v.Value), true
	case *types.AttributeValueMemberM:
		return len(v.Value), true
	case *types.AttributeValueMemberL:
		return len(v.Value), true
	}
	return 0, false
}

// same says that two operands are written as the same path.
func (e env) same(a, b operand) bool {
	if a.value != "" || b.value != "" {
		return a.value != "" && a.value == b.value
	}
	return !a.size && !b.size && slices.EqualFunc(a.path, b.path, func(x, y string) bool { return e.name(x) == e.name(y) })
}

func ordered(v types.AttributeValue) bool {
	switch v.(type) {
	case *types.AttributeValueMemberS, *types.AttributeValueMemberN, *types.AttributeValueMemberB:
		return true
	}
	return false
}

// orderable says that an operand, if it is a value, has an order.
func (e env) orderable(all ...operand) error {
	for _, o := range all {
		if o.value != "" && !ordered(e.values[o.value]) {
			return invalid("incorrect operand type: %s", o.value)
		}
	}
	return nil
}

func (n both) check(e env) error   { return cmp.Or(n.a.check(e), n.b.check(e)) }
func (n either) check(e env) error { return cmp.Or(n.a.check(e), n.b.check(e)) }
func (n not) check(e env) error    { return n.a.check(e) }
func (n exists) check(env) error   { return nil }
func (n compared) check(e env) error {
	if e.same(n.a, n.b) {
		return invalid("both operands of %s are the same", n.op)
	}
	if n.op == "=" || n.op == "<>" {
		return nil
	}
	return e.orderable(n.a, n.b)
}

func (n between) check(e env) error {
	if err := e.orderable(n.v, n.low, n.high); err != nil {
		return err
	}
	if e.same(n.v, n.low) || e.same(n.v, n.high) {
		return invalid("operands of BETWEEN are the same")
	}
	if n.low.value != "" && n.high.value != "" {
		if c, ok := order(e.values[n.low.value], e.values[n.high.value]); !ok || c > 0 {
			return invalid("BETWEEN has bounds that are of different types or not in order")
		}
	}
	return nil
}

func (n among) check(e env) error {
	for _, o := range n.all {
		if e.same(n.v, o) {
			return invalid("operands of IN are the same")
		}
	}
	return nil
}

func (n begins) check(e env) error {
	if e.same(operand{path: n.p}, n.v) {
		return invalid("operands of begins_with are the same")
	}
	if n.v.value != "" {
		switch e.values[n.v.value].(type) {
		case *types.AttributeValueMemberS, *types.AttributeValueMemberB:
		default:
			return invalid("begins_with of a value that is neither string nor bytes")
		}
	}
	if n.v.size {
		return invalid("begins_with of a size")
	}
	return nil
}

func (n contained) check(e env) error {
	if e.same(operand{path: n.p}, n.v) {
		return invalid("operands of contains are the same")
	}
	return nil
}

func (n both) holds(e env, item attr.Item) bool   { return n.a.holds(e, item) && n.b.holds(e, item) }
func (n either) holds(e env, item attr.Item) bool { return n.a.holds(e, item) || n.b.holds(e, item) }
func (n not) holds(e env, item attr.Item) bool    { return !n.a.holds(e, item) }
func (n exists) holds(e env, item attr.Item) bool { return (e.at(item, n.p) != nil) == n.want }

func (n compared) holds(e env, item attr.Item) bool {
	a, b := e.of(item, n.a), e.of(item, n.b)
	switch n.op {
	case "=":
		return a != nil && b != nil && equal(a, b)
	case "<>":
		return a == nil || b == nil || !equal(a, b)
	}
	c, ok := order(a, b)
	switch n.op {
	case "<":
		return ok && c < 0
	case "<=":
		return ok && c <= 0
	case ">":
		return ok && c > 0
	}
	return ok && c >= 0
}

func (n between) holds(e env, item attr.Item) bool {
	v := e.of(item, n.v)
	low, ok1 := order(e.of(item, n.low), v)
	high, ok2 := order(v, e.of(item, n.high))
	return ok1 && ok2 && low <= 0 && high <= 0
}

func (n among) holds(e env, item attr.Item) bool {
	v := e.of(item, n.v)
	return v != nil && slices.ContainsFunc(n.all, func(o operand) bool {
		w := e.of(item, o)
		return w != nil && equal(v, w)
	})
}

func (n begins) holds(e env, item attr.Item) bool {
	switch v := e.at(item, n.p).(type) {
	case *types.AttributeValueMemberS:
		prefix, ok := e.of(item, n.v).(*types.AttributeValueMemberS)
		return ok && strings.HasPrefix(v.Value, prefix.Value)
	case *types.AttributeValueMemberB:
		prefix, ok := e.of(item, n.v).(*types.AttributeValueMemberB)
		return ok && bytes.HasPrefix(v.Value, prefix.Value)
	}
	return false
}

func (n contained) holds(e env, item attr.Item) bool {
	part := e.of(item, n.v)
	switch v := e.at(item, n.p).(type) {
	case *types.AttributeValueMemberS:
		part, ok := part.(*types.AttributeValueMemberS)
		return ok && strings.Contains(v.Value, part.Value)
	case *types.AttributeValueMemberB:
		part, ok := part.(*types.AttributeValueMemberB)
		return ok && bytes.Contains(v.Value, part.Value)
	case *types.AttributeValueMemberSS:
		part, ok := part.(*types.AttributeValueMemberS)
		return ok && slices.Contains(v.Value, part.Value)
	case *types.AttributeValueMemberNS:
		part, ok := part.(*types.AttributeValueMemberN)
		return ok && slices.Contains(v.Value, part.Value)
	case *types.AttributeValueMemberBS:
		part, ok := part.(*types.AttributeValueMemberB)
		return ok && slices.ContainsFunc(v.Value, func(b []byte) bool { return bytes.Equal(b, part.Value) })
	case *types.AttributeValueMemberL:
		return part != nil && slices.ContainsFunc(v.Value, func(el types.AttributeValue) bool { return equal(el, part) })
	}
	return false
}

// order compares two strings, numbers or bytes; others have no order.
func order(a, b types.AttributeValue) (int, bool) {
	switch a := a.(type) {
	case *types.AttributeValueMemberS:
		if b, ok := b.(*types.AttributeValueMemberS); ok {
			return strings.Compare(a.Value, b.Value), true
		}
	case *types.AttributeValueMemberN:
		if b, ok := b.(*types.AttributeValueMemberN); ok {
			x, errX := strconv.ParseInt(a.Value, 10, 64)
			y, errY := strconv.ParseInt(b.Value, 10, 64)
			if errX != nil || errY != nil {
				return whole(a.Value).Cmp(whole(b.Value)), true
			}
			return cmp.Compare(x, y), true
		}
	case *types.AttributeValueMemberB:
		if b, ok := b.(*types.AttributeValueMemberB); ok {
			return bytes.Compare(a.Value, b.Value), true
		}
	}
	return 0, false
}

// whole is a number that is known to be sound.
func whole(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 10)
	return n
}

// equal says that two values are the same; sets have no order.
func equal(a, b types.AttributeValue) bool {
	switch a := a.(type) {
	case *types.AttributeValueMemberS, *types.AttributeValueMemberN, *types.AttributeValueMemberB:
		c, ok := order(a, b)
		return ok && c == 0
	case *types.AttributeValueMemberBOOL:
		b, ok := b.(*types.AttributeValueMemberBOOL)
		return ok && a.Value == b.Value
	case *types.AttributeValueMemberNULL:
		_, ok := b.(*types.AttributeValueMemberNULL)
		return ok
	case *types.AttributeValueMemberM:
		b, ok := b.(*types.AttributeValueMemberM)
		return ok && maps.EqualFunc(a.Value, b.Value, equal)
	case *types.AttributeValueMemberL:
		b, ok := b.(*types.AttributeValueMemberL)
		return ok && slices.EqualFunc(a.Value, b.Value, equal)
	}
	kind, elements := elementsOf(a)
	kindB, elementsB := elementsOf(b)
	return kind == kindB && len(elements) == len(elementsB) && len(without(elements, elementsB)) == 0
}

// elementsOf is a set as strings, and of what it is; 0 is no set.
func elementsOf(v types.AttributeValue) (kind byte, elements []string) {
	switch v := v.(type) {
	case *types.AttributeValueMemberSS:
		return 'S', v.Value
	case *types.AttributeValueMemberNS:
		return 'N', v.Value
	case *types.AttributeValueMemberBS:
		for _, b := range v.Value {
			elements = append(elements, string(b))
		}
		return 'B', elements
	}
	return 0, nil
}

func setOf(kind byte, elements []string) types.AttributeValue {
	switch kind {
	case 'S':
		return &types.AttributeValueMemberSS{Value: elements}
	case 'N':
		return &types.AttributeValueMemberNS{Value: elements}
	}
	set := &types.AttributeValueMemberBS{}
	for _, b := range elements {
		set.Value = append(set.Value, []byte(b))
	}
	return set
}

// without is the elements of a that are not in b.
func without(a, b []string) (left []string) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			left = append(left, x)
		}
	}
	return left
}

var errNumber = errors.New("memory: a number that is not whole, has more than 38 digits or is not written as it is kept")

func soundNumber(s string) error {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || len(digits) > 38 || digits[0] == '0' && s != "0" {
		return errNumber
	}
	for i := range len(digits) {
		if !digit(digits[i]) {
			return errNumber
		}
	}
	return nil
}

// sound says what is wrong with a value.
func sound(v types.AttributeValue, depth int) error {
	if depth > 31 {
		return invalid("nesting levels have exceeded supported limits")
	}
	switch v := v.(type) {
	case *types.AttributeValueMemberS, *types.AttributeValueMemberB, *types.AttributeValueMemberBOOL:
		return nil
	case *types.AttributeValueMemberNULL:
		if !v.Value {
			return invalid("null attribute value types must have the value of true")
		}
		return nil
	case *types.AttributeValueMemberN:
		return soundNumber(v.Value)
	case *types.AttributeValueMemberM:
		for _, e := range v.Value {
			if err := sound(e, depth+1); err != nil {
				return err
			}
		}
		return nil
	case *types.AttributeValueMemberL:
		for _, e := range v.Value {
			if err := sound(e, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	kind, elements := elementsOf(v)
	if kind == 0 {
		return fmt.Errorf("memory: unknown value %T", v)
	}
	if len(elements) == 0 {
		return invalid("a set may not be empty")
	}
	for i, e := range elements {
		if slices.Contains(elements[:i], e) {
			return invalid("input collection contains duplicates")
		}
		if kind == 'N' {
			if err := soundNumber(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// distinct says that no path is another or leads into it.
func (e env) distinct(all []path) error {
	for i, a := range all {
		for _, b := range all[:i] {
			same := true
			for k := range min(len(a), len(b)) {
				same = same && e.name(a[k]) == e.name(b[k])
			}
			if same {
				return invalid("two document paths overlap with each other: %s", strings.Join(a, "."))
			}
		}
	}
	return nil
}

func (u *update) check(e env) error {
	all := slices.Clone(u.remove)
	for _, s := range u.set {
		all = append(all, s.at)
		if s.op == "" {
			continue
		}
		for _, t := range []*term{s.a, s.b} {
			for ; t != nil; t = t.or {
				if _, ok := e.values[t.value].(*types.AttributeValueMemberN); t.value != "" && !ok {
					return invalid("incorrect operand type: %s", t.value)
				}
			}
		}
	}
	for _, c := range u.add {
		all = append(all, c.at)
		kind, _ := elementsOf(e.values[c.value])
		if _, ok := e.values[c.value].(*types.AttributeValueMemberN); !ok && kind == 0 {
			return invalid("incorrect operand type: ADD %s", c.value)
		}
	}
	for _, c := range u.delete {
		all = append(all, c.at)
		if kind, _ := elementsOf(e.values[c.value]); kind == 0 {
			return invalid("incorrect operand type: DELETE %s", c.value)
		}
	}
	for _, p := range all {
		if name := e.name(p[0]); name == "pk" || name == "sk" {
			return invalid("cannot update attribute %s: it is part of the key", name)
		}
	}
	return e.distinct(all)
}

var (
	errPath    = invalid("the document path provided in the update expression is invalid for update")
	errOperand = invalid("an operand in the update expression has an incorrect data type")
	errMissing = invalid("the provided expression refers to an attribute that does not exist in the item")
)

// apply makes of an item what the update says. The item may be changed, so it is the caller's own.
func (u *update) apply(e env, item attr.Item) error {
	type result struct {
		at path
		v  types.AttributeValue
	}
	// Everything is read before anything is written.
	var results []result
	for _, s := range u.set {
		v, err := s.value(e, item)
		if err != nil {
			return err
		}
		results = append(results, result{s.at, v})
	}
	for _, c := range u.add {
		old, v := e.at(item, c.at), e.values[c.value]
		switch {
		case old == nil:
			v = own(v)
		default:
			kind, more := elementsOf(v)
			oldKind, elements := elementsOf(old)
			switch {
			case kind == 0:
				sum, err := add(old, v, "+")
				if err != nil {
					return err
				}
				v = sum
			case kind != oldKind:
				return errOperand
			default:
				v = setOf(kind, slices.Concat(elements, without(more, elements)))
			}
		}
		results = append(results, result{c.at, v})
	}
	for _, c := range u.delete {
		old := e.at(item, c.at)
		if old == nil {
			if e.parent(item, c.at) == nil {
				return errPath
			}
			continue
		}
		kind, less := elementsOf(e.values[c.value])
		oldKind, elements := elementsOf(old)
		if kind != oldKind {
			return errOperand
		}
		if elements = without(elements, less); len(elements) == 0 {
			results = append(results, result{c.at, nil})
		} else {
			results = append(results, result{c.at, setOf(kind, elements)})
		}
	}
	for _, p := range u.remove {
		results = append(results, result{p, nil})
	}
	for _, r := range results {
		m := e.parent(item, r.at)
		if m == nil {
			return errPath
		}
		if name := e.name(r.at[len(r.at)-1]); r.v == nil {
			delete(m, name)
		} else {
			m[name] = r.v
		}
	}
	return nil
}

// parent is the map in which a path ends, or nil.
func (e env) parent(item attr.Item, p path) attr.Item {
	if len(p) == 1 {
		return item
	}
	m, ok := e.at(item, p[:len(p)-1]).(*types.AttributeValueMemberM)
	if !ok {
		return nil
	}
	return m.Value
}

func (s set) value(e env, item attr.Item) (types.AttributeValue, error) {
	a, err := s.a.of(e, item)
	if err != nil || s.op == "" {
		return a, err
	}
	b, err := s.b.of(e, item)
	if err != nil {
		return nil, err
	}
	return add(a, b, s.op)
}

func (t *term) of(e env, item attr.Item) (types.AttributeValue, error) {
	if t.value != "" {
		return own(e.values[t.value]), nil
	}
	switch v := e.at(item, t.path); {
	case v != nil:
		return own(v), nil
	case t.or != nil:
		return t.or.of(e, item)
	}
	return nil, errMissing
}

func add(a, b types.AttributeValue, op string) (types.AttributeValue, error) {
	x, okX := a.(*types.AttributeValueMemberN)
	y, okY := b.(*types.AttributeValueMemberN)
	if !okX || !okY {
		return nil, errOperand
	}
	n := whole(y.Value)
	if op == "-" {
		n.Neg(n)
	}
	sum := n.Add(n, whole(x.Value)).String()
	return &types.AttributeValueMemberN{Value: sum}, soundNumber(sum)
}

// own is a value whose maps and lists are nobody else's. What is neither is never changed, so it may be shared.
func own(v types.AttributeValue) types.AttributeValue {
	switch v := v.(type) {
	case *types.AttributeValueMemberM:
		return &types.AttributeValueMemberM{Value: ownItem(v.Value)}
	case *types.AttributeValueMemberL:
		list := make([]types.AttributeValue, len(v.Value))
		for i, e := range v.Value {
			list[i] = own(e)
		}
		return &types.AttributeValueMemberL{Value: list}
	}
	return v
}

func ownItem(item attr.Item) attr.Item {
	if item == nil {
		return nil
	}
	copied := make(attr.Item, len(item))
	for name, v := range item {
		copied[name] = own(v)
	}
	return copied
}

// project is the part of an item that an expression names, all of it without one.
func (e env) project(item attr.Item, x *parsed) attr.Item {
	if x == nil || item == nil {
		return ownItem(item)
	}
	part := attr.Item{}
	for _, p := range x.paths {
		v := e.at(item, p)
		if v == nil {
			continue
		}
		m := part
		for _, n := range p[:len(p)-1] {
			inner, ok := m[e.name(n)].(*types.AttributeValueMemberM)
			if !ok {
				inner = &types.AttributeValueMemberM{Value: attr.Item{}}
				m[e.name(n)] = inner
			}
			m = inner.Value
		}
		m[e.name(p[len(p)-1])] = own(v)
	}
	return part
}

// weight is what an item counts of the 400 KB that it may have.
func weight(item attr.Item) (n int) {
	for name, v := range item {
		n += len(name) + weightOf(v)
	}
	return n
}

func weightOf(v types.AttributeValue) (n int) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return numberWeight(v.Value)
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + weight(v.Value)
	case *types.AttributeValueMemberL:
		n = 3 + len(v.Value)
		for _, e := range v.Value {
			n += weightOf(e)
		}
		return n
	case *types.AttributeValueMemberBOOL, *types.AttributeValueMemberNULL:
		return 1
	}
	kind, elements := elementsOf(v)
	for _, e := range elements {
		if kind == 'N' {
			n += numberWeight(e)
		} else {
			n += len(e)
		}
	}
	return n
}

func numberWeight(s string) int {
	digits := strings.TrimRight(strings.TrimPrefix(s, "-"), "0")
	return (len(digits)+1)/2 + 1 + len(s) - len(strings.TrimPrefix(s, "-"))
}

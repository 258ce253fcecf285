package account

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/retention"
)

// The form in which a row keeps what is in force: times in milliseconds since 1970, marks in base 64. What ended names its policies
// and holds by their places in two lists, where each stands once.
type (
	termsRow struct {
		policyRow
		Required     map[retention.Kind][]string `json:"required,omitzero"`
		TwoToRelease bool                        `json:"twoToRelease,omitzero"`
		Earlier      []earlierRow                `json:"earlier,omitzero"`
		Gone         map[retention.Kind]int64    `json:"gone,omitzero"`
		Ended        []endedRow                  `json:"ended,omitzero"`
		Holds        []holdRow                   `json:"holds,omitzero"`
		Closes       int64                       `json:"closes,omitzero"`
		// Once are the policies and holds of what ended.
		OncePolicies []policyRow `json:"oncePolicies,omitzero"`
		OnceHolds    []holdRow   `json:"onceHolds,omitzero"`
	}
	policyRow struct {
		Plan      retention.Plan                       `json:"plan"`
		Shortened map[retention.Kind]retention.Period  `json:"shortened,omitzero"`
		Cadences  map[retention.Kind]retention.Cadence `json:"cadences,omitzero"`
		Unstored  map[retention.Kind]bool              `json:"unstored,omitzero"`
		Rules     []ruleRow                            `json:"rules,omitzero"`
		Deadline  int64                                `json:"deadlineMinutes,omitzero"`
	}
	ruleRow struct {
		Name     string            `json:"name"`
		Kinds    []retention.Kind  `json:"kinds,omitzero"`
		Mark     []byte            `json:"mark"`
		Keeps    string            `json:"keeps,omitzero"`
		Cadence  retention.Cadence `json:"cadence,omitzero"`
		Unstored bool              `json:"unstored,omitzero"`
	}
	earlierRow struct {
		policyRow
		Until int64 `json:"until"`
	}
	endedRow struct {
		At       int64                    `json:"at"`
		Policies []int                    `json:"policies"`
		Gone     map[retention.Kind]int64 `json:"gone,omitzero"`
		Holds    []int                    `json:"holds,omitzero"`
	}
	holdRow struct {
		ID      string           `json:"id"`
		Since   int64            `json:"since"`
		Until   int64            `json:"until,omitzero"`
		Kinds   []retention.Kind `json:"kinds,omitzero"`
		From    string           `json:"from,omitzero"`
		To      string           `json:"to,omitzero"`
		Records []string         `json:"records,omitzero"`
		Marks   []byte           `json:"marks,omitzero"`
	}
)

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (p Policy) terms() string {
	row := termsRow{
		policyRow: rowOf(p.Policy), Required: p.Required, TwoToRelease: p.TwoToRelease, Gone: millis(p.Gone), Holds: holdRows(p.Holds), Closes: milli(p.Closes),
	}
	for _, e := range p.Earlier {
		row.Earlier = append(row.Earlier, earlierRow{rowOf(e.Policy), milli(e.Until)})
	}
	for _, e := range p.Ended {
		ended := endedRow{At: milli(e.At), Gone: millis(e.Gone)}
		for _, p := range e.Policies {
			ended.Policies = append(ended.Policies, once(&row.OncePolicies, rowOf(p)))
		}
		for _, h := range holdRows(e.Holds) {
			ended.Holds = append(ended.Holds, once(&row.OnceHolds, h))
		}
		row.Ended = append(row.Ended, ended)
	}
	b, err := json.Marshal(row, json.Deterministic(true))
	if err != nil {
		panic(err) // names, numbers and bytes always marshal
	}
	return string(b)
}

// once is the place of something in a list in which it stands once.
func once[T any](list *[]T, v T) int {
	i := slices.IndexFunc(*list, func(other T) bool { return reflect.DeepEqual(other, v) })
	if i < 0 {
		i, *list = len(*list), append(*list, v)
	}
	return i
}

func rowOf(p retention.Policy) policyRow {
	row := policyRow{Plan: p.Plan, Shortened: p.Shortened, Cadences: p.Cadences, Unstored: p.Unstored, Deadline: int64(p.Deadline / time.Minute)}
	for _, r := range p.Rules {
		rule := ruleRow{Name: r.Name, Kinds: r.Kinds, Mark: r.Mark[:], Cadence: r.Cadence, Unstored: r.Unstored}
		if r.Keeps != (retention.Period{}) {
			rule.Keeps = r.Keeps.String()
		}
		row.Rules = append(row.Rules, rule)
	}
	return row
}

func millis(instants map[retention.Kind]time.Time) map[retention.Kind]int64 {
	if len(instants) == 0 {
		return nil
	}
	ms := map[retention.Kind]int64{}
	for kind, t := range instants {
		ms[kind] = milli(t)
	}
	return ms
}

func holdRows(holds []retention.Hold) (rows []holdRow) {
	for _, h := range holds {
		rows = append(rows, holdRow{
			ID: h.ID, Since: milli(h.Since), Until: milli(h.Until), Kinds: h.Kinds, From: h.From, To: h.To, Records: h.Records,
			Marks: retention.Marks(h.Marks).Bytes(),
		})
	}
	return rows
}

// readTerms reads what terms wrote. Where anything of it cannot be read nothing may be destroyed, so it is an error.
func (p *Policy) readTerms(s string) error {
	var row termsRow
	if err := json.Unmarshal([]byte(s), &row, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%w: terms", ErrRow)
	}
	var err error
	if p.Policy, err = row.policyRow.read(); err != nil {
		return err
	}
	p.Required, p.TwoToRelease, p.Closes = row.Required, row.TwoToRelease, instant(row.Closes)
	if p.Gone, err = instants(row.Gone); err != nil {
		return err
	}
	if p.Holds, err = readHolds(row.Holds); err != nil {
		return err
	}
	for _, e := range row.Earlier {
		earlier := retention.Earlier{Until: instant(e.Until)}
		if earlier.Policy, err = e.policyRow.read(); err != nil || e.Until == 0 {
			return fmt.Errorf("%w: earlier policies", ErrRow)
		}
		p.Earlier = append(p.Earlier, earlier)
	}
	holds, err := readHolds(row.OnceHolds)
	if err != nil {
		return err
	}
	policies := make([]retention.Policy, len(row.OncePolicies))
	for i, of := range row.OncePolicies {
		if policies[i], err = of.read(); err != nil {
			return err
		}
	}
	for _, e := range row.Ended {
		ended := retention.Ended{At: instant(e.At)}
		if ended.Gone, err = instants(e.Gone); err != nil {
			return err
		}
		for _, i := range e.Holds {
			if i < 0 || i >= len(holds) {
				return fmt.Errorf("%w: what ended", ErrRow)
			}
			ended.Holds = append(ended.Holds, holds[i])
		}
		for _, i := range e.Policies {
			if i < 0 || i >= len(policies) {
				return fmt.Errorf("%w: what ended", ErrRow)
			}
			ended.Policies = append(ended.Policies, policies[i])
		}
		if e.At == 0 || len(ended.Policies) == 0 {
			return fmt.Errorf("%w: what ended", ErrRow)
		}
		p.Ended = append(p.Ended, ended)
	}
	return nil
}

func (row policyRow) read() (retention.Policy, error) {
	p := retention.Policy{
		Plan: row.Plan, Shortened: row.Shortened, Cadences: row.Cadences, Unstored: row.Unstored, Deadline: time.Duration(row.Deadline) * time.Minute,
	}
	if p.Shortened == nil {
		p.Shortened = map[retention.Kind]retention.Period{}
	}
	for _, r := range row.Rules {
		rule := retention.Rule{Name: r.Name, Kinds: r.Kinds, Cadence: r.Cadence, Unstored: r.Unstored}
		if len(r.Mark) != retention.MarkSize {
			return p, fmt.Errorf("%w: rules", ErrRow)
		}
		rule.Mark = retention.Mark(r.Mark)
		if r.Keeps != "" {
			var err error
			if rule.Keeps, err = retention.ParsePeriod(r.Keeps); err != nil {
				return p, fmt.Errorf("%w: rules", ErrRow)
			}
		}
		p.Rules = append(p.Rules, rule)
	}
	if p.Check(retention.FloorMinute) != nil {
		return p, fmt.Errorf("%w: policy", ErrRow)
	}
	return p, nil
}

func instants(ms map[retention.Kind]int64) (map[retention.Kind]time.Time, error) {
	all := map[retention.Kind]time.Time{}
	for kind, at := range ms {
		if at <= 0 || !slices.Contains(retention.Kinds(), kind) {
			return nil, fmt.Errorf("%w: gone", ErrRow)
		}
		all[kind] = instant(at)
	}
	return all, nil
}

func readHolds(rows []holdRow) (holds []retention.Hold, err error) {
	for _, row := range rows {
		h := retention.Hold{
			ID: row.ID, Since: instant(row.Since), Until: instant(row.Until), Kinds: row.Kinds, From: row.From, To: row.To, Records: row.Records,
		}
		marks, err := retention.ParseMarks(row.Marks)
		if err != nil {
			return nil, fmt.Errorf("%w: holds", ErrRow)
		}
		if len(marks) > 0 {
			h.Marks = marks
		}
		if h.ID == "" || h.Since.IsZero() || h.Check() != nil {
			return nil, fmt.Errorf("%w: holds", ErrRow)
		}
		holds = append(holds, h)
	}
	return holds, nil
}

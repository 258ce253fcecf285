// Package health keeps how the sources of an account do: what was taken and refused on each day, and the last of both.
//
//	table control: demo#health#tawkto    2026-11-21#3
//
//	attribute                                what
//	accepted, duplicates, refused            how many deliveries of the day (of UTC)
//	lastAccepted, acceptedName               when the last was accepted, and its type's name, of the adapter's closed list
//	lastRefused, refusedCode                 when the last was refused, and with which code
//	ttl                                      when the row goes
//
// A row is a day and one of a few shards: each process writes to one of them, so that no item is written by all. Nothing in
// it is a sender's word.
package health

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/time/rate"

	"github.com/supportvault/supportvault/shared/attr"
)

const (
	// Days are how many days are shown, today among them.
	Days = 31
	// life is how long a row stays.
	life = 40 * 24 * time.Hour
	// shards are over how many rows a day's counts are spread.
	shards = 8
	// atOnce is how many deliveries of a source a process writes down as they come, every how often it may after that: where little
	// comes, nothing is lost with a process that ends or is never asked again. What is taken after refusals, or refused after that,
	// is written at once: whoever has just set a source up looks whether it works.
	atOnce = 6
	every  = 10 * time.Second
	// patience is how long a delivery waits at most for what is counted of it.
	patience = 250 * time.Millisecond
	// known bounds of how many sources a process remembers what it counted.
	known = 10_000
)

// Partition is the partition of what is counted of a source.
func Partition(account, source string) string { return account + "#health#" + source }

const dayForm = time.DateOnly

// Counter counts the deliveries of one process and writes the counts down now and then.
type Counter struct {
	db    *dynamodb.Client
	table string
	now   func() time.Time
	shard string

	mu sync.Mutex
	of map[place]*tally
}

// NewCounter makes a counter.
func NewCounter(db *dynamodb.Client, table string, now func() time.Time) *Counter {
	return &Counter{db: db, table: table, now: now, shard: strconv.Itoa(rand.IntN(shards))}
}

type place struct{ account, source string }

// counts are what is not written down yet, all of one day.
type counts struct {
	day                           string
	accepted, duplicates, refused int64
	lastAccepted, lastRefused     time.Time
	acceptedName, refusedCode     string
}

// tally is what a process counts of a source, when it may write, and whether the last delivery was taken.
type tally struct {
	counts
	writes *rate.Limiter
	taken  bool
}

// Accepted counts a delivery that was taken; duplicate says that everything in it had come before. The name is that of its
// type. The source is one that the account has.
func (c *Counter) Accepted(ctx context.Context, account, source, name string, duplicate bool) error {
	return c.count(ctx, place{account, source}, true, func(n *counts, now time.Time) {
		n.accepted++
		if duplicate {
			n.duplicates++
		}
		n.lastAccepted, n.acceptedName = now, name
	})
}

// Refused counts a delivery that was not, and why. The source is one that the account has: what strangers send to others is
// not counted, so that they cannot fill the table.
func (c *Counter) Refused(ctx context.Context, account, source, code string) error {
	return c.count(ctx, place{account, source}, false, func(n *counts, now time.Time) {
		n.refused++
		n.lastRefused, n.refusedCode = now, code
	})
}

// count adds to what is remembered and, when that is due, writes it down. What could not be written is remembered.
func (c *Counter) count(ctx context.Context, p place, taken bool, add func(*counts, time.Time)) error {
	now := c.now()
	c.mu.Lock()
	if c.of == nil || len(c.of) > known {
		c.of = map[place]*tally{}
	}
	today, n := now.UTC().Format(dayForm), c.of[p]
	if n == nil {
		n = &tally{writes: rate.NewLimiter(rate.Every(every), atOnce)}
		c.of[p] = n
	}
	var written []counts
	if n.day != today { // what is left of a day before is its own
		if n.day != "" && n.accepted+n.refused > 0 {
			written = append(written, n.counts)
		}
		n.counts = counts{day: today}
	}
	add(&n.counts, now)
	turned := n.taken != taken
	n.taken = taken
	if !n.writes.AllowN(now, 1) && !turned && len(written) == 0 {
		c.mu.Unlock()
		return nil
	}
	written = append(written, n.counts)
	n.counts = counts{day: today}
	c.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var failed error
	for _, w := range written {
		if err := c.write(ctx, p, w, now); err != nil {
			failed = err
			c.mu.Lock()
			n.back(w)
			c.mu.Unlock()
		}
	}
	return failed
}

// back adds what could not be written, unless another day has begun meanwhile.
func (n *counts) back(lost counts) {
	if n.day != lost.day {
		return
	}
	n.accepted += lost.accepted
	n.duplicates += lost.duplicates
	n.refused += lost.refused
	if n.lastAccepted.Before(lost.lastAccepted) {
		n.lastAccepted, n.acceptedName = lost.lastAccepted, lost.acceptedName
	}
	if n.lastRefused.Before(lost.lastRefused) {
		n.lastRefused, n.refusedCode = lost.lastRefused, lost.refusedCode
	}
}

func (c *Counter) write(ctx context.Context, p place, n counts, now time.Time) error {
	set := []string{"#ttl = :ttl"}
	values := attr.Item{
		":accepted": attr.N(n.accepted), ":duplicates": attr.N(n.duplicates), ":refused": attr.N(n.refused),
		":ttl": attr.N(now.Add(life).Unix()),
	}
	if !n.lastAccepted.IsZero() {
		set = append(set, "lastAccepted = :lastAccepted, acceptedName = :acceptedName")
		values[":lastAccepted"], values[":acceptedName"] = attr.Time(n.lastAccepted), attr.S(n.acceptedName)
	}
	if !n.lastRefused.IsZero() {
		set = append(set, "lastRefused = :lastRefused, refusedCode = :refusedCode")
		values[":lastRefused"], values[":refusedCode"] = attr.Time(n.lastRefused), attr.S(n.refusedCode)
	}
	_, err := c.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &c.table, Key: attr.Key(Partition(p.account, p.source), n.day+"#"+c.shard),
		UpdateExpression:         aws.String("SET " + strings.Join(set, ", ") + " ADD accepted :accepted, duplicates :duplicates, refused :refused"),
		ExpressionAttributeNames: map[string]string{"#ttl": "ttl"}, ExpressionAttributeValues: values,
	})
	if err != nil {
		return fmt.Errorf("write the health of a source: %w", err)
	}
	return nil
}

// Health is how a source does.
type Health struct {
	// LastAccepted and LastRefused are the zero time where nothing of the last Days was.
	LastAccepted, LastRefused time.Time
	AcceptedName, RefusedCode string
	// Days are those on which something came, the newest first.
	Days []Day
}

// Day is what came on one day of UTC. Duplicates are among the accepted.
type Day struct {
	Day                           string
	Accepted, Duplicates, Refused int64
}

// Read reads how a source does.
func Read(ctx context.Context, db *dynamodb.Client, table, account, source string, now time.Time) (Health, error) {
	var h Health
	pages := dynamodb.NewQueryPaginator(db, &dynamodb.QueryInput{
		TableName: &table, KeyConditionExpression: aws.String("pk = :pk AND sk >= :from"), ScanIndexForward: aws.Bool(false),
		ExpressionAttributeValues: attr.Item{
			":pk": attr.S(Partition(account, source)), ":from": attr.S(now.UTC().AddDate(0, 0, 1-Days).Format(dayForm)),
		},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return h, fmt.Errorf("read the health of a source: %w", err)
		}
		for _, item := range page.Items {
			name, _, _ := strings.Cut(attr.GetS(item, "sk"), "#")
			i := slices.IndexFunc(h.Days, func(d Day) bool { return d.Day == name })
			if i < 0 {
				i, h.Days = len(h.Days), append(h.Days, Day{Day: name})
			}
			d := &h.Days[i]
			d.Accepted += attr.GetN(item, "accepted")
			d.Duplicates += attr.GetN(item, "duplicates")
			d.Refused += attr.GetN(item, "refused")
			if at := attr.GetTime(item, "lastAccepted"); at.After(h.LastAccepted) {
				h.LastAccepted, h.AcceptedName = at, attr.GetS(item, "acceptedName")
			}
			if at := attr.GetTime(item, "lastRefused"); at.After(h.LastRefused) {
				h.LastRefused, h.RefusedCode = at, attr.GetS(item, "refusedCode")
			}
		}
	}
	return h, nil
}

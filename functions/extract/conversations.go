package extract

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// The parts of a kind of conversations, in this order: what is open; the cohorts from the oldest on, by their ids; and both
// again, the cohorts as far back as something settled goes on, for what came to another place meanwhile. A conversation can settle
// while the extract runs, so the open ones come first. It can be opened again, too, and settle into a later cohort, or the
// same: it is found the second time, if it was not seen the first.
const (
	openPart = ""
	again    = "~" // before the name of a part; behind every digit
)

const (
	// pageSize is how many conversations are read together, and pageCohorts of how many cohorts at most: their keys are read
	// with every page, so that what is destroyed is not read from the next page on.
	pageSize    = 100
	pageCohorts = 50
	// pagesAhead are read at a time.
	pagesAhead = 2
	// listers read the beginnings of partitions ahead, up to so many of each: most have less.
	listers   = 4
	readAhead = 500
	// openers open conversations side by side. Few compute at a time; the others wait for what is in S3, or for events.
	openers = 8
	// inFlight bounds what is opened and not yet written, in bytes.
	inFlight = 24 << 20
	// unfold is how many bytes become of a sealed one: the text, compressed to a third or a fourth, as lines and rows.
	// unknownSize is for what does not stand in its item.
	unfold      = 8
	unknownSize = 4 << 20
)

// listing is a place of the index, and where it was found.
type listing struct {
	vault.Place
	at     cursor
	cohort string
}

// opener is what conversations of a page are opened with.
type opener struct {
	ses     *vault.Session
	cohorts vault.Cohorts
}

// candidate is a conversation that may go into the files.
type candidate struct {
	*opener
	fetched vault.Fetched
	at      cursor
}

// conversations writes the conversations of a kind.
func (r *run) conversations(ctx context.Context, out *set, at *cursor) error {
	if at.Part < again {
		if err := r.read(ctx, out, at, r.parts); err != nil {
			return err
		}
		*at = cursor{Kind: at.Kind, Number: at.Number, Part: again + openPart}
	}
	return r.read(ctx, out, at, r.partsAgain)
}

// read lists, reads, opens and writes, side by side and in order.
func (r *run) read(ctx context.Context, out *set, at *cursor, parts func(ctx context.Context, kind retention.Kind) ([]part, error)) error {
	all, err := parts(ctx, retention.Kind(at.Kind))
	if err != nil {
		return err
	}
	from := *at
	all = slices.DeleteFunc(all, func(p part) bool {
		return p.at.Part < from.Part || p.at.Part == from.Part && p.at.Shard < from.Shard
	})
	for i, p := range all {
		all[i].at.Kind, all[i].at.Number = from.Kind, from.Number
		if p.at.Part == from.Part && p.at.Shard == from.Shard {
			all[i].at.Below = from.Below
		}
	}
	pages := func(ctx context.Context, give func([]listing) error) error {
		return paged(func(give func(listing) error) error { return r.places(ctx, all, give) }, give)
	}
	candidates := func(ctx context.Context, give func(candidate) error) error {
		ahead := pool{workers: pagesAhead, ahead: pagesAhead, bytes: pagesAhead}
		return ordered(ctx, ahead, pages, func([]listing) int { return 1 }, r.fetch, func(page []candidate) error {
			for _, c := range page {
				if err := give(c); err != nil {
					return err
				}
			}
			return nil
		})
	}
	weight := func(c candidate) int {
		if n := c.fetched.Size(); n > 0 {
			return unfold * n
		}
		return unknownSize
	}
	return ordered(ctx, pool{workers: openers, ahead: 2 * pageSize, bytes: inFlight}, candidates, weight, opened,
		func(p piece) error { return r.add(ctx, out, at, p) })
}

// add writes an opened conversation, unless it is in the files already.
func (r *run) add(ctx context.Context, out *set, at *cursor, p piece) error {
	if p.at.Part != at.Part {
		r.passed(at.Kind, r.partsBefore(at.Kind, p.at.Part))
	}
	*at = p.at
	if err := r.hint(ctx); err != nil {
		return err
	}
	if p.damaged == "" && p.forms[0] == nil || !r.known.add(p.id, r.recent(retention.Kind(at.Kind), p.at.Part)) {
		return nil
	}
	if p.damaged != "" {
		r.damaged = append(r.damaged, p.damaged)
		return nil
	}
	if err := out.write(p); err != nil {
		return err
	}
	if p.files {
		if err := r.attachments(ctx, out, p); err != nil {
			return err
		}
	}
	if out.bytes() >= r.FileLimit || edge.Late(ctx, r.Reserve) {
		return errTurn
	}
	return nil
}

// paged puts places together into pages.
func paged(list func(func(listing) error) error, give func([]listing) error) error {
	var page []listing
	cohorts := 0
	err := list(func(l listing) error {
		if len(page) == 0 || page[len(page)-1].cohort != l.cohort {
			cohorts++
		}
		if page = append(page, l); len(page) < pageSize && cohorts < pageCohorts {
			return nil
		}
		full := page
		page, cohorts = nil, 0
		return give(full)
	})
	if err != nil || len(page) == 0 {
		return err
	}
	return give(page)
}

// fetch reads a page. The account is opened anew for it, and the keys of its cohorts are read anew.
func (r *run) fetch(ctx context.Context, page []listing) ([]candidate, error) {
	ses, err := r.Store.Open(ctx, r.job.Account, "")
	if err != nil {
		return nil, err
	}
	var ids []string
	places, at := make([]vault.Place, len(page)), make(map[string]cursor, len(page))
	for i, l := range page {
		if !slices.Contains(ids, l.cohort) {
			ids = append(ids, l.cohort)
		}
		places[i], at[vault.ID(l.Record, l.Incarnation)] = l.Place, l.at
	}
	cohorts, err := ses.CohortsAt(ctx, retention.Kind(page[0].at.Kind), ids)
	if err != nil {
		return nil, err
	}
	fetched, err := ses.Fetch(ctx, places)
	if err != nil {
		return nil, err
	}
	with, found := &opener{ses, cohorts}, make([]candidate, len(fetched))
	for i, f := range fetched {
		found[i] = candidate{with, f, at[vault.ID(f.ID, f.Incarnation)]}
	}
	return found, nil
}

// part is a partition of the index, from a place on and back to a time, and begun one with its first places.
type (
	part struct {
		name, cohort string
		at           cursor
		since        time.Time
		// unknown are the only ones that are wanted.
		unknown bool
	}
	begun struct {
		part
		first []listing
		all   bool // of it
	}
)

// parts are all of a kind, for the first time.
func (r *run) parts(ctx context.Context, kind retention.Kind) ([]part, error) {
	all := []part{{name: vault.OpenListing(r.job.Account, kind)}}
	cohorts, err := r.readable(ctx, kind)
	for _, c := range cohorts {
		all = append(all, r.shards(kind, c, c.ID)...)
	}
	return all, err
}

// partsAgain are those that are read once more. Where more was written than known remembers, what is new since the beginning
// is all that is looked for.
func (r *run) partsAgain(ctx context.Context, kind retention.Kind) ([]part, error) {
	all := []part{{name: vault.OpenListing(r.job.Account, kind), at: cursor{Part: again + openPart}}}
	cohorts, err := r.readable(ctx, kind)
	for _, c := range cohorts {
		if r.recent(kind, c.ID) {
			all = append(all, r.shards(kind, c, again+c.ID)...)
		}
	}
	for i := range all {
		all[i].unknown = true
		if r.known.forgets() {
			all[i].since = r.job.CreatedAt.Truncate(time.Second)
		}
	}
	return all, err
}

func (r *run) shards(kind retention.Kind, c vault.Cohort, as string) (all []part) {
	for shard := range vault.Shards {
		all = append(all, part{name: vault.CohortListing(r.job.Account, kind, c.ID, shard), cohort: c.ID, at: cursor{Part: as, Shard: shard}})
	}
	return all
}

// recent says whether conversations of a part may go on, or have come to it since the beginning.
func (r *run) recent(kind retention.Kind, name string) bool {
	return name == openPart || strings.HasPrefix(name, again) || name >= r.job.CreatedAt.Add(-retention.Reopens(kind)-48*time.Hour).UTC().Format(time.DateOnly)
}

// places lists parts.
func (r *run) places(ctx context.Context, parts []part, give func(listing) error) error {
	produce := func(_ context.Context, give func(part) error) error {
		for _, p := range parts {
			if err := give(p); err != nil {
				return err
			}
		}
		return nil
	}
	begin := func(ctx context.Context, p part) (begun, error) {
		b := begun{part: p, all: true}
		err := r.list(ctx, p, readAhead, func(l listing) (bool, error) {
			b.first = append(b.first, l)
			b.all = len(b.first) < readAhead
			return b.all, nil
		})
		return b, err
	}
	ahead := pool{workers: listers, ahead: 2 * listers, bytes: 2 * listers}
	return ordered(ctx, ahead, produce, func(part) int { return 1 }, begin, func(b begun) error {
		for _, l := range b.first {
			if err := give(l); err != nil {
				return err
			}
		}
		if b.all {
			return nil
		}
		b.at = b.first[readAhead-1].at
		return r.list(ctx, b.part, 0, func(l listing) (bool, error) { return true, give(l) })
	})
}

// list lists a part; page as of vault.Range.
func (r *run) list(ctx context.Context, p part, page int32, each func(listing) (bool, error)) error {
	in := vault.Range{Listing: p.name, Below: p.at.Below, NewestFirst: true, Page: page}
	return r.Store.Places(ctx, in, func(place vault.Place, position string) (bool, error) {
		switch {
		case place.At.Before(p.since):
			return false, nil
		case p.unknown && r.known.has(vault.ID(place.Record, place.Incarnation)):
			return true, nil
		}
		at := p.at
		at.Below = position
		return each(listing{place, at, p.cohort})
	})
}

// readable are the cohorts of a kind that can be read, the oldest first.
func (r *run) readable(ctx context.Context, kind retention.Kind) ([]vault.Cohort, error) {
	ses, err := r.Store.Open(ctx, r.job.Account, "")
	if err != nil {
		return nil, err
	}
	all, err := ses.Cohorts(ctx, kind)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(all.List, func(c vault.Cohort) bool { return c.Destroyed() || all.Over(c.Cohort, r.Store.Now()) })
	slices.Reverse(list)
	return list, nil
}

// partsBefore is how many parts of a kind come before one.
func (r *run) partsBefore(kind, part string) int {
	if part == openPart {
		return 0
	}
	n, _ := slices.BinarySearch(r.cohorts[kind], part)
	return 1 + n
}

// known remembers which conversations of a kind are in the files, by eight bytes of each: all that this invocation has
// written, up to a million, and of those before it the recent ones, which may be met again.
type known struct {
	mu     sync.Mutex
	ids    map[uint64]struct{}
	recent []uint64
	missed bool
}

const (
	mostKnown = 1 << 20
	// mostKept are in the job's row, which DynamoDB bounds at 400 KB.
	mostKept = 20_000
)

// newKnown makes one of what the row has kept.
func newKnown(kept []byte) *known {
	k := &known{ids: map[uint64]struct{}{}}
	for ; len(kept) >= 8; kept = kept[8:] {
		k.recent = append(k.recent, binary.BigEndian.Uint64(kept))
		k.ids[k.recent[len(k.recent)-1]] = struct{}{}
	}
	k.missed = len(k.recent) >= mostKept
	return k
}

// keep is what the next invocation has to know.
func (k *known) keep() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	var b []byte
	for _, n := range k.recent {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func hashed(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return h.Sum64()
}

// add says whether an id is new.
func (k *known) add(id string, recent bool) bool {
	n := hashed(id)
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.ids[n]; ok {
		return false
	}
	if len(k.ids) < mostKnown {
		k.ids[n] = struct{}{}
	} else {
		k.missed = true
	}
	if recent && len(k.recent) < mostKept {
		k.recent = append(k.recent, n)
	}
	return true
}

func (k *known) has(id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.ids[hashed(id)]
	return ok
}

// forgets says that there is more than it knows.
func (k *known) forgets() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.missed
}

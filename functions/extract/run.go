package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/jobs"
	"github.com/supportvault/supportvault/shared/ledger"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/vault"
)

// Deps are what a handler needs.
type Deps struct {
	Store  *vault.Store
	Files  files
	Queue  jobs.Queue
	Ledger *ledger.Ledger
	Audit  func(context.Context, audit.Entry) error
}

type files interface {
	// Put writes a file of what the reader gives, in parts, so that it is never in memory whole.
	Put(ctx context.Context, key, contentType string, r io.Reader) error
	// Link is a URL that leads to a file, under a name, for a while.
	Link(ctx context.Context, key, name string, life time.Duration) (string, error)
}

// Handler extracts.
type Handler struct {
	Config
	Deps
}

// New makes a handler.
func New(config Config, deps Deps) *Handler {
	if config.FileLimit == 0 {
		config.FileLimit = fileLimit
	}
	if config.Reserve == 0 {
		config.Reserve = reserve
	}
	return &Handler{config, deps}
}

// cursor is where to go on: at a kind, and within it in which files, after what.
type cursor struct {
	Kind string `json:"kind"`
	// Number is that of the kind's next files.
	Number int `json:"file"`
	// Part is what of the kind is being read (see parts), Shard and Below where in it.
	Part  string `json:"part,omitempty"`
	Shard int    `json:"shard,omitempty"`
	Below string `json:"below,omitempty"`
}

// kinds are what an extract is made of, in this order, with the files of each.
var kinds = []struct {
	name  string
	forms []form
}{
	{string(retention.Chat), conversationForms(retention.Chat)},
	{string(retention.Ticket), conversationForms(retention.Ticket)},
	{string(retention.Call), conversationForms(retention.Call)},
	{string(retention.Article), conversationForms(retention.Article)},
	{string(retention.Visit), visitForms},
	{string(retention.Fact), factForms},
	{"policy", lines("policies")},
	{"audit", lines("audit")},
	{"copy", lines("copies")},
	{"receipt", []form{{name: "receipts", ext: ".ndjson"}, {name: "receipts", ext: ".pem"}}},
}

func lines(name string) []form { return []form{{name: name, ext: ".ndjson"}} }

// write writes a kind from a cursor on. It moves the cursor on with all that it writes, and ends with errTurn where files are
// to be finished before the end of the kind.
func (r *run) write(ctx context.Context, out *set, at *cursor) error {
	switch at.Kind {
	case string(retention.Fact), string(retention.Visit):
		return r.days(ctx, out, at)
	case "policy":
		return r.policies(ctx, out)
	case "audit":
		return r.audit(ctx, out)
	case "copy":
		return r.copies(ctx, out)
	case "receipt":
		return r.receipts(ctx, out)
	}
	return r.conversations(ctx, out, at)
}

// errTurn ends a kind before its end: its files are long enough, or time runs out.
var errTurn = errors.New("other files, or another time")

// begin is where a job begins.
func begin(policy int) work {
	return work{Policy: policy, Cursor: cursor{Kind: kinds[0].name, Number: 1}, Files: []File{}, Records: map[string]int{}, LeftOut: []string{}}
}

// run is what one invocation does of a job.
type run struct {
	*Handler
	job job
	// known are the conversations of the kind that are in its files, as far as this invocation knows.
	known *known
	// damaged are those of the files that are being written that did not open.
	damaged []string
	// cohorts are the ids of those of each kind, for the progress, and told is when the row last said it.
	cohorts map[string][]string
	told    time.Time
}

// run works on a claimed job until it is complete or time runs out. The job is then released.
func (h *Handler) run(ctx context.Context, j job) (job, error) {
	r := &run{Handler: h, job: j, told: h.Store.Now()}
	if err := r.measure(ctx); err != nil {
		return r.job, err
	}
	for begun := false; r.job.Work.Cursor.Kind != ""; begun = true {
		if begun && edge.Late(ctx, r.Reserve) {
			r.job.BusyUntil = h.Store.Now()
			return r.job, h.jobs().Update(ctx, r.job)
		}
		if err := r.files(ctx); err != nil {
			return r.job, fmt.Errorf("%s: %w", r.job.Work.Cursor.Kind, err)
		}
		r.job.Tries, r.told = 0, h.Store.Now()
		if err := h.jobs().Update(ctx, r.job); err != nil {
			return r.job, err
		}
	}
	return r.job, r.finish(ctx)
}

// files writes the next files: all of a kind, or a part of one. Only when they are finished the job is any further.
func (r *run) files(ctx context.Context) error {
	w := &r.job.Work
	at := w.Cursor
	i := kindAt(at.Kind)
	if i < 0 {
		return errors.New("the row of an extract names an unknown kind")
	}
	if r.known == nil {
		r.known = newKnown(w.Known)
	}
	r.damaged = nil
	out := r.newSet(ctx, prefix(r.job), at.Kind, at.Number, kinds[i].forms)
	err := r.write(ctx, out, &at)
	turned := errors.Is(err, errTurn)
	if turned {
		err = nil
	}
	finished, err := out.end(err)
	if err != nil {
		return err
	}
	w.Files, w.Damaged = append(w.Files, finished...), w.Damaged+len(r.damaged)
	w.LeftOut = append(w.LeftOut, r.damaged[:min(len(r.damaged), leftOut-len(w.LeftOut))]...)
	if len(finished) > 0 {
		w.Records[at.Kind] += finished[0].Records
		at.Number++
	}
	if w.Cursor = at; turned {
		w.Known = r.known.keep()
	} else {
		r.passed(at.Kind, r.units(at.Kind))
		w.Cursor, w.Known, r.known = cursor{}, nil, nil
		if i+1 < len(kinds) {
			w.Cursor = cursor{Kind: kinds[i+1].name, Number: 1}
		}
	}
	return nil
}

func kindAt(name string) int {
	for i, k := range kinds {
		if k.name == name {
			return i
		}
	}
	return -1
}

// leftOut is how many of the damaged are named.
const leftOut = 1000

// measure finds what there is to read, for the progress.
func (r *run) measure(ctx context.Context) error {
	r.cohorts = map[string][]string{}
	for _, kind := range retention.Kinds() {
		cohorts, err := r.readable(ctx, kind)
		if err != nil {
			return err
		}
		for _, c := range cohorts {
			r.cohorts[string(kind)] = append(r.cohorts[string(kind)], c.ID)
		}
	}
	return nil
}

// units is how many parts a kind has, about.
func (r *run) units(kind string) int { return 1 + len(r.cohorts[kind]) }

// passed says that so many parts of a kind are read. The progress never goes back, though cohorts come and go, and is below
// one until the job is complete.
func (r *run) passed(kind string, parts int) {
	before, all := 0, 1
	for _, k := range kinds {
		if k.name == kind {
			before = all - 1
		}
		all += r.units(k.name)
	}
	r.job.Progress = max(r.job.Progress, min(0.999, float64(before+parts)/float64(all)))
}

// hintEvery is how often the row tells the progress while files are written.
const hintEvery = 5 * time.Second

// hint tells the row the progress, but not too often.
func (r *run) hint(ctx context.Context) error {
	now := r.Store.Now()
	if now.Sub(r.told) < hintEvery {
		return nil
	}
	r.told = now
	return r.jobs().Update(ctx, r.job)
}

// finish writes what speaks of all the files, and says that the job is complete.
func (r *run) finish(ctx context.Context) error {
	j := &r.job
	content, err := manifestOf(*j)
	if err != nil {
		return err
	}
	files := slices.Clone(j.Work.Files)
	manifest, err := r.small(ctx, prefix(*j), form{name: "manifest", ext: ".json"}, content)
	if err != nil {
		return err
	}
	files = append(files, manifest)
	sums, err := r.small(ctx, prefix(*j), form{name: "SHA256SUMS"}, checksums(files))
	if err != nil {
		return err
	}
	if err := r.left(ctx, *j); err != nil {
		return err
	}
	j.Work.Files = append(files, sums)
	j.Status, j.Progress, j.BusyUntil = jobs.Complete, 1, r.Store.Now()
	if err := r.jobs().Update(ctx, *j); err != nil {
		return err
	}
	slog.InfoContext(ctx, "extracted", slog.String("extract", j.ID), slog.Int("records", j.Work.conversations()),
		slog.Int("files", len(j.Work.Files)), slog.Int("damaged", j.Work.Damaged))
	return nil
}

// leaving says in the ledger that a copy of everything is about to leave.
func (h *Handler) leaving(ctx context.Context, j job) (ledger.Claim, error) {
	return h.Ledger.Begin(ctx, ledger.OfAccount(j.Account, "extract:"+j.ID), j.By)
}

// left says in the ledger that it has left.
func (h *Handler) left(ctx context.Context, j job) error {
	claim, err := h.leaving(ctx, j)
	if err != nil || !claim.Mine {
		return err
	}
	return claim.Left(ctx)
}

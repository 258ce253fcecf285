package importer

import (
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/jobs"
)

// job is an import.
type job = jobs.Job[work]

func (h *Handler) jobs() jobs.Jobs[work] {
	return jobs.Jobs[work]{What: jobs.Import, Store: h.Store, Queue: h.Queue, Run: h.run, Failed: h.forget}
}

// object is the name of a job's file.
func object(j job) string { return "imports/" + j.Account + "/" + j.ID }

// work is how far a job is. It moves on as a whole: what is done again after an interruption is counted again from here.
type work struct {
	StartedAt conversation.Time `json:"startedAt,omitzero"`
	// Bytes is the size of the file, Tag that of its content when it was started.
	Bytes int64  `json:"bytes"`
	Tag   string `json:"tag"`
	// Second says that the file is read for the second time, now for what had not settled; Offset and Line are where.
	Second bool  `json:"second,omitempty"`
	Offset int64 `json:"offset"`
	Line   int   `json:"line"`
	// Long says that the offset is within a line that is too long.
	Long bool `json:"long,omitempty"`
	// Lines are all of the file, as far as it was read once; Open those left for the second time.
	Lines      int       `json:"lines"`
	Open       int       `json:"open"`
	Accepted   int       `json:"accepted"`
	Duplicates int       `json:"duplicates"`
	PassedOver int       `json:"passedOver"`
	Refused    int       `json:"refused"`
	Refusals   []Refusal `json:"refusals"`
}

// refusals is how many refused lines are named.
const refusals = 100

func (w *work) refuse(line int, code string) {
	if w.Refused++; len(w.Refusals) < refusals {
		w.Refusals = append(w.Refusals, Refusal{line, code})
	}
}

// moved measures the progress, which never goes back, and is below one until the job is complete.
func moved(j *job) {
	w := &j.Work
	read, all := w.Offset, w.Bytes
	if w.Open > 0 {
		all *= 2
	}
	if w.Second {
		read += w.Bytes
	}
	if all > 0 {
		j.Progress = max(j.Progress, min(0.999, float64(read)/float64(all)))
	}
}

package extract

import (
	"encoding/json"
	"fmt"

	"github.com/supportvault/supportvault/shared/conversation"
)

// manifest is manifest.json.
type manifest struct {
	Account   string            `json:"account"`
	ID        string            `json:"id"`
	CreatedAt conversation.Time `json:"createdAt"`
	// Policy is the version of the policy in force when the extract began.
	Policy int    `json:"policyVersion"`
	Files  []File `json:"files"`
	// Records counts each record once, by kind; Bytes is of all files.
	Records map[string]int `json:"records"`
	Bytes   int64          `json:"bytes"`
	LeftOut leftOutOf      `json:"leftOut"`
}

// leftOutOf are the conversations that did not open though their keys are there, and the ids of the first thousand.
type leftOutOf struct {
	Damaged int      `json:"damaged"`
	IDs     []string `json:"ids"`
}

func manifestOf(j job) ([]byte, error) {
	m := manifest{
		Account: j.Account, ID: j.ID, CreatedAt: conversation.At(j.CreatedAt), Policy: j.Work.Policy, Files: j.Work.Files,
		Records: j.Work.Records, LeftOut: leftOutOf{j.Work.Damaged, j.Work.LeftOut},
	}
	for _, f := range m.Files {
		m.Bytes += f.Bytes
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return append(b, '\n'), nil
}

package extract

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/jobs"
)

// Job is an extract as the API answers it.
type Job struct {
	jobs.View
	// Records are the conversations in the files.
	Records int `json:"records"`
	// Files are there once it is complete.
	Files []File `json:"files"`
}

// Jobs is the answer of a list.
type Jobs struct {
	Extracts []Job `json:"extracts"`
}

func path(account, id string) string {
	return "/v1/accounts/" + account + "/extracts/" + id
}

func view(j job) Job {
	v := Job{View: j.View(), Records: j.Work.conversations(), Files: []File{}}
	if j.Status == jobs.Complete {
		for _, f := range j.Work.Files {
			f.Href = path(j.Account, j.ID) + "/files/" + f.Name
			v.Files = append(v.Files, f)
		}
	}
	return v
}

const (
	// mostRunning is how many extracts of an account may be under way.
	mostRunning = 3
	// linkLife is how long a link leads to a file.
	linkLife = time.Minute
)

// HTTP answers one request.
func (h *Handler) HTTP(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return edge.Located(ctx, req, h.route), nil
}

func (h *Handler) route(ctx context.Context, req events.APIGatewayV2HTTPRequest) (status int, answer any, location string, err error) {
	account, actor, err := edge.Actor(req)
	if err != nil {
		return 0, nil, "", err
	}
	id, name := req.PathParameters["id"], req.PathParameters["name"]
	switch {
	case strings.HasPrefix(req.RouteKey, "POST "):
		return h.begin(ctx, account, actor)
	case id == "":
		return h.all(ctx, account)
	case name == "":
		return h.one(ctx, account, id)
	}
	return h.file(ctx, account, actor, id, name)
}

// begin begins a job and hands it to the queue.
func (h *Handler) begin(ctx context.Context, account, actor string) (int, any, string, error) {
	all, err := h.jobs().List(ctx, account)
	if err != nil {
		return 0, nil, "", edge.ErrUnavailable.Because(err)
	}
	running := 0
	for _, j := range all {
		if j.Status == jobs.Running && j.By != byRole {
			running++
		}
	}
	if running >= mostRunning {
		return 0, nil, "", ErrRunning
	}
	j, err := h.start(ctx, account, actor)
	if errors.Is(err, ErrAccount) {
		return 0, nil, "", err
	}
	if err == nil {
		if err = h.jobs().Send(ctx, j, 0); err != nil {
			h.abandon(ctx, j)
		}
	}
	if err != nil {
		return 0, nil, "", edge.ErrUnavailable.Because(err)
	}
	return http.StatusAccepted, view(j), path(account, j.ID), nil
}

func (h *Handler) all(ctx context.Context, account string) (int, any, string, error) {
	all, err := h.jobs().List(ctx, account)
	if err != nil {
		return 0, nil, "", edge.ErrUnavailable.Because(err)
	}
	answer := Jobs{Extracts: []Job{}}
	for _, j := range all {
		answer.Extracts = append(answer.Extracts, view(j))
	}
	return http.StatusOK, answer, "", nil
}

func (h *Handler) one(ctx context.Context, account, id string) (int, any, string, error) {
	j, ok, err := h.jobs().Get(ctx, account, id)
	if err != nil {
		return 0, nil, "", edge.ErrUnavailable.Because(err)
	}
	if !ok {
		return 0, nil, "", ErrNotFound
	}
	return http.StatusOK, view(j), "", nil
}

// file leads to one of the job's files, and to nothing else in the bucket.
func (h *Handler) file(ctx context.Context, account, actor, id, name string) (int, any, string, error) {
	j, ok, err := h.jobs().Get(ctx, account, id)
	if err != nil {
		return 0, nil, "", edge.ErrUnavailable.Because(err)
	}
	if !ok || j.Status != jobs.Complete || !slices.ContainsFunc(j.Work.Files, func(f File) bool { return f.Name == name }) {
		return 0, nil, "", ErrNoFile
	}
	now := h.Store.Now()
	link, err := h.Files.Link(ctx, prefix(j)+name, name, min(linkLife, j.Expires().Sub(now)))
	if err != nil {
		return 0, nil, "", edge.ErrUnavailable.Because(err)
	}
	entry := audit.Entry{Account: account, Actor: actor, Action: "extract.file", Target: id + "/" + name, Records: j.Work.conversations(), At: now}
	if err := h.Audit(ctx, entry); err != nil {
		return 0, nil, "", edge.ErrUnavailable.Because(err)
	}
	return http.StatusFound, nil, link, nil
}

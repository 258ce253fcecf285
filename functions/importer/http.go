package importer

import (
	"context"
	"math"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/jobs"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// Job is an import as the API answers it.
type Job struct {
	jobs.View
	// Bytes is the size of the file, once it is started; Lines are those that were read of it.
	Bytes int64 `json:"bytes"`
	Lines int   `json:"lines"`
	// Of every line, one is counted: something of it is stored; all of it was known; there is nothing to store; it cannot be read.
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
	PassedOver int `json:"passedOver"`
	Refused    int `json:"refused"`
	// Refusals are the first of them.
	Refusals []Refusal `json:"refusals"`
	// Upload is how to put the file there; the answer that begins a job has it.
	Upload *Upload `json:"upload,omitzero"`
}

// Refusal is a line that could not be read, counted from 1, and the code of why.
type Refusal struct {
	Line int    `json:"line"`
	Code string `json:"code"`
}

// Upload is a request that puts a file there. Who has it may put one, until the time is over.
type Upload struct {
	URL       string            `json:"url"`
	Method    string            `json:"method"`
	Headers   map[string]string `json:"headers"`
	ExpiresAt conversation.Time `json:"expiresAt"`
}

// Jobs is the answer of a list.
type Jobs struct {
	Imports []Job `json:"imports"`
}

func path(account, id string) string { return "/v1/accounts/" + account + "/imports/" + id }

func view(j job) Job {
	w := j.Work
	return Job{
		View: j.View(), Bytes: w.Bytes, Lines: w.Lines,
		Accepted: w.Accepted, Duplicates: w.Duplicates, PassedOver: w.PassedOver, Refused: w.Refused, Refusals: w.Refusals,
	}
}

// HTTP answers one request.
func (h *Handler) HTTP(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return edge.Located(ctx, req, h.route), nil
}

func (h *Handler) route(ctx context.Context, req events.APIGatewayV2HTTPRequest) (status int, answer any, location string, err error) {
	account, actor, err := edge.Actor(req)
	if err != nil {
		return 0, nil, "", err
	}
	id := req.PathParameters["id"]
	switch {
	case strings.HasSuffix(req.RouteKey, "/start"):
		j, err := h.launch(ctx, account, id, actor)
		return http.StatusAccepted, j, path(account, j.ID), err
	case strings.HasPrefix(req.RouteKey, "POST "):
		announced, err := announcedBy(req)
		if err != nil {
			return 0, nil, "", err
		}
		j, err := h.begin(ctx, account, actor, announced)
		return http.StatusCreated, j, path(account, j.ID), err
	case id != "":
		j, err := h.status(ctx, account, id)
		return http.StatusOK, j, "", err
	}
	return h.all(ctx, account)
}

// maxBody is the largest body that is read.
const maxBody = 1 << 20

// announcedBy is how many bytes the file of an import has, as its request says: an integer in any form of one.
func announcedBy(req events.APIGatewayV2HTTPRequest) (int64, error) {
	body, err := edge.Body(req, maxBody)
	if err != nil {
		return 0, err
	}
	if err := strictjson.Check(body); err != nil {
		return 0, err
	}
	var wanted struct {
		Bytes float64 `json:"bytes"`
	}
	if err := json.Unmarshal(body, &wanted, json.RejectUnknownMembers(true)); err != nil || wanted.Bytes != math.Trunc(wanted.Bytes) ||
		wanted.Bytes > MaxFile {
		return 0, ErrSize
	}
	return int64(wanted.Bytes), nil
}

func (h *Handler) all(ctx context.Context, account string) (int, any, string, error) {
	all, err := h.jobs().List(ctx, account)
	if err != nil {
		return 0, nil, "", edge.ErrUnavailable.Because(err)
	}
	answer := Jobs{Imports: []Job{}}
	for _, j := range all {
		answer.Imports = append(answer.Imports, view(j))
	}
	return http.StatusOK, answer, "", nil
}

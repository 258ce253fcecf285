package attach

import (
	"context"
	"crypto/rand"
	"errors"
	"math"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/strictjson"
	"github.com/supportvault/supportvault/shared/vault"
)

// The faults of uploads.
var (
	ErrAccount = fault.New(fault.NotFound, "account_unknown", "There is no such account.")
	ErrUpload  = fault.New(fault.Invalid, "upload_invalid", "An upload is announced by its type, a media type such as image/png, and its bytes, 1 to 26214400.")
	ErrNoFiles = fault.New(fault.Conflict, "attachments_not_stored", "This account stores no attachments.")
)

const (
	maxBody = 1 << 20
	// linkLife is for how long an upload can be put.
	linkLife = 5 * time.Minute
)

var typeForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.+-]{0,99}/[a-z0-9][a-z0-9.+-]{0,99}$`)

// Wanted announces an upload. Its bytes are an integer in any form of one: 228.0 is 228.
type Wanted struct {
	Type  string  `json:"type"`
	Bytes float64 `json:"bytes"`
}

// Place is where an upload is put, with which headers, and how it is called in an event.
type Place struct {
	Upload    string            `json:"upload"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	ExpiresAt conversation.Time `json:"expiresAt"`
}

// HTTP answers one request.
func (h *Handler) HTTP(ctx context.Context, req events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return edge.HTTP(ctx, req, h.upload), nil
}

func (h *Handler) upload(ctx context.Context, req events.APIGatewayV2HTTPRequest) (int, any, error) {
	asked, _, err := edge.Actor(req)
	if err != nil {
		return 0, nil, err
	}
	body, err := edge.Body(req, maxBody)
	if err != nil {
		return 0, nil, err
	}
	if err := strictjson.Check(body); err != nil {
		return 0, nil, err
	}
	var wanted Wanted
	if err := json.Unmarshal(body, &wanted, json.RejectUnknownMembers(true)); err != nil || !typeForm.MatchString(wanted.Type) ||
		wanted.Bytes < 1 || wanted.Bytes > vault.MaxFile || wanted.Bytes != math.Trunc(wanted.Bytes) {
		return 0, nil, ErrUpload
	}
	ses, err := h.Store.Open(ctx, asked, "")
	if errors.Is(err, vault.ErrNoAccount) {
		return 0, nil, ErrAccount
	}
	if err != nil {
		return 0, nil, edge.ErrUnavailable.Because(err)
	}
	if !ses.TakesFiles() {
		return 0, nil, ErrNoFiles
	}
	id := strings.ToLower(rand.Text()) // 26 characters of a–z and 2–7
	url, headers, err := h.Uploads.Link(ctx, uploadKey(asked, id), wanted.Type, int64(wanted.Bytes), linkLife)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, Place{Upload: id, URL: url, Headers: headers, ExpiresAt: conversation.At(h.Store.Now().Add(linkLife))}, nil
}

// uploadKey is the name of the object of an upload: an account's uploads are nobody else's.
func uploadKey(account, upload string) string { return "uploads/" + account + "/" + upload }

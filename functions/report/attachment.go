package report

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/aws/aws-lambda-go/events"

	"github.com/supportvault/supportvault/shared/audit"
	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/edge"
	"github.com/supportvault/supportvault/shared/fault"
	"github.com/supportvault/supportvault/shared/vault"
)

// attachmentRoute is the route that answers a file of a conversation.
const attachmentRoute = "GET /v1/accounts/{account}/attachments/{id}/{file}"

// The faults of attachments. Why one cannot be read the conversation says, as long as that can be read.
var (
	ErrNoAttachment = fault.New(fault.NotFound, "attachment_not_found",
		"There is no such attachment, it is not there (the conversation says why), or its time is over.")
	ErrLongAttachment = fault.New(fault.TooLarge, "attachment_too_large",
		"The attachment is larger than an answer can be (4 MB): ask for it in parts, with Range: bytes=0-4194303 and so on.")
	ErrRange = fault.New(fault.OutOfRange, "range_not_satisfiable", "The attachment ends before the bytes that are asked for.")
)

// file is an attachment, or a part of one.
type file struct {
	body           []byte
	name, kind     string
	size, from, to int64
}

// attachment answers a request of the route of attachments: an error as everywhere, else the bytes.
func (h *Handler) attachment(ctx context.Context, req events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPResponse {
	var f file
	res := edge.HTTP(ctx, req, func(ctx context.Context, req events.APIGatewayV2HTTPRequest) (status int, _ any, err error) {
		status, f, err = h.file(ctx, req)
		return status, nil, err
	})
	switch res.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
		res.Body, res.IsBase64Encoded = base64.StdEncoding.EncodeToString(f.body), true
		// Nobody is to run it, whatever it is.
		res.Headers["content-type"], res.Headers["content-disposition"] = f.kind, disposition(f.name)
		res.Headers["content-security-policy"] = "default-src 'none'; sandbox"
		res.Headers["accept-ranges"] = "bytes"
		if res.StatusCode == http.StatusPartialContent {
			res.Headers["content-range"] = fmt.Sprintf("bytes %d-%d/%d", f.from, f.to-1, f.size)
		}
	case http.StatusRequestedRangeNotSatisfiable:
		res.Headers["content-range"] = fmt.Sprintf("bytes */%d", f.size)
	case http.StatusRequestEntityTooLarge:
		res.Headers["accept-ranges"] = "bytes"
	}
	return res
}

func (h *Handler) file(ctx context.Context, req events.APIGatewayV2HTTPRequest) (status int, f file, err error) {
	asked, actor, err := edge.Actor(req)
	if err != nil {
		return 0, f, err
	}
	id := req.PathParameters["id"]
	record, incarnation, err := vault.ParseID(id)
	if err != nil {
		return 0, f, ErrNoAttachment
	}
	ref, err := vault.ParseFileReference(vault.FileReference{Account: asked, Record: record, Incarnation: incarnation, File: req.PathParameters["file"]}.String())
	if err != nil {
		return 0, f, ErrNoAttachment
	}
	ses, err := h.Store.Open(ctx, asked, "")
	if errors.Is(err, vault.ErrNoAccount) {
		return 0, f, ErrNoAttachment
	}
	if err != nil {
		return 0, f, edge.ErrUnavailable.Because(err)
	}
	row, content, err := h.stored(ctx, ses, ref)
	if err != nil {
		return 0, f, err
	}
	f = file{name: content.Name, kind: content.Type, size: content.Bytes}
	if f.name == "" {
		f.name = ref.File
	}
	// Whatever is answered from here on says that it is there.
	entry := audit.Entry{
		Account: asked, Actor: actor, Action: "attachment.read", Target: id + "/" + ref.File, Records: 1, At: h.Store.Now(),
	}
	if err := h.Audit(ctx, entry); err != nil {
		return 0, f, edge.ErrUnavailable.Because(err)
	}
	part, given := ranged(edge.Header(req).Get("Range"), f.size)
	switch {
	case given && part == nil:
		return 0, f, ErrRange
	case !given && f.size > MaxAnswer:
		return 0, f, ErrLongAttachment
	case given:
		status, f.from, f.to = http.StatusPartialContent, part[0], min(part[1], part[0]+MaxAnswer)
	default:
		status, f.from, f.to = http.StatusOK, 0, f.size
	}
	f.body, err = ses.ReadFile(ctx, row, ref.File, f.size, f.from, f.to)
	if errors.Is(err, vault.ErrUnreadable) {
		return 0, f, ErrNoAttachment
	}
	if err != nil {
		return 0, f, edge.ErrUnavailable.Because(err)
	}
	return status, f, nil
}

// stored is what is known of a file that is there, of a conversation that can be read and tells of it.
func (h *Handler) stored(ctx context.Context, ses *vault.Session, ref vault.FileReference) (row vault.Row, content vault.FileContent, err error) {
	row, ok, err := ses.Row(ctx, ref.Record, ref.Incarnation)
	if err != nil {
		return row, content, edge.ErrUnavailable.Because(err)
	}
	if !ok || !ses.KeepsFiles() {
		return row, content, ErrNoAttachment
	}
	c, err := ses.Load(ctx, row, nil)
	if errors.Is(err, vault.ErrUnreadable) || err == nil && !c.HasFile(ref.File) {
		return row, content, ErrNoAttachment
	}
	if err != nil {
		return row, content, edge.ErrUnavailable.Because(err)
	}
	f, ok, err := h.Store.File(ctx, ref)
	if err != nil {
		return row, content, edge.ErrUnavailable.Because(err)
	}
	if !ok || f.State != conversation.FileStored {
		return row, content, ErrNoAttachment
	}
	content, err = ses.OpenFile(c.Row, f)
	if errors.Is(err, vault.ErrUnreadable) {
		return row, content, ErrNoAttachment
	}
	if err != nil {
		return row, content, edge.ErrUnavailable.Because(err)
	}
	return c.Row, content, nil
}

// ranged reads a Range header of one range of bytes: from and before to. given is false where there is none, or one of a form that
// is not for us, which is the same; nothing is answered for a range behind the end.
func ranged(header string, size int64) (part *[2]int64, given bool) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, two := strings.Cut(spec, "-")
	if !ok || !two || strings.Contains(spec, ",") {
		return nil, false
	}
	from, fromErr := strconv.ParseUint(first, 10, 62)
	to, toErr := strconv.ParseUint(last, 10, 62)
	switch {
	case first == "" && toErr == nil: // the last so many
		if to == 0 || size == 0 {
			return nil, true
		}
		return &[2]int64{max(0, size-int64(to)), size}, true
	case fromErr != nil || last != "" && (toErr != nil || to < from):
		return nil, false
	case int64(from) >= size:
		return nil, true
	case last == "":
		return &[2]int64{int64(from), size}, true
	}
	return &[2]int64{int64(from), min(int64(to)+1, size)}, true
}

// maxName is the longest name in characters that an answer gives a file.
const maxName = 200

// disposition has a file saved and never shown, under its name without what a file system or a reader could take for something else.
func disposition(name string) string {
	clean := []rune(strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`/\:*?"<>|`, r), unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return '_'
		}
		return r
	}, name))
	return mime.FormatMediaType("attachment", map[string]string{"filename": string(clean[:min(maxName, len(clean))])})
}

package extract

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"unicode"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/vault"
)

// archived is the place of the archive of attachments among the forms of a conversation, block the size of what it consists of.
const (
	archived = 3
	block    = 512
)

func hasFiles(v conversation.View) bool {
	return v.Entries != nil && slices.ContainsFunc(*v.Entries, func(e conversation.Entry) bool {
		return slices.ContainsFunc(e.Attachments, func(a conversation.Attachment) bool { return a.State == conversation.FileStored })
	})
}

// attachments writes the files of a conversation into the archive, one after the other: each is in memory whole, so that one that is
// damaged, or destroyed in between, leaves no half of it.
func (r *run) attachments(ctx context.Context, out *set, p piece) error {
	for _, e := range p.of.Entries {
		for _, a := range e.Attachments {
			if a.ID == "" {
				continue
			}
			content, body, err := p.ses.WholeFile(ctx, p.of.Row, a.ID)
			gone := errors.Is(err, vault.ErrUnreadable) && !errors.Is(err, vault.ErrObjectGone)
			switch {
			case errors.Is(err, vault.ErrNoFile), gone: // it is not there, or was destroyed since the conversation was read
				continue
			case errors.Is(err, vault.ErrDamaged), errors.Is(err, vault.ErrObjectGone):
				slog.ErrorContext(ctx, "left out", slog.String("record", p.id), slog.String("file", a.ID), slog.String("cause", err.Error()))
				r.damaged = append(r.damaged, p.id+"/"+a.ID)
				continue
			case err != nil:
				return err
			}
			packed, err := packed(p.id+"/"+a.ID+safeName(content.Name), e.Time, body)
			if err != nil {
				return err
			}
			for i, part := range packed {
				one := piece{forms: [4][]byte{archived: part}}
				if i == 0 {
					one.records[archived] = 1
				}
				if err := out.write(one); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// packed is a file as an archive has it: a header, the file, and as much of nothing as fills the last block.
func packed(name string, at conversation.Time, body []byte) ([][]byte, error) {
	var head bytes.Buffer
	err := tar.NewWriter(&head).WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: int64(len(body)), Mode: 0o600, ModTime: at.UTC(), Format: tar.FormatPAX,
	})
	if err != nil {
		return nil, errors.New("an attachment cannot be archived") // the library's text may quote its name
	}
	return [][]byte{head.Bytes(), body, make([]byte, (block-len(body)%block)%block)}, nil
}

// longestName is the longest name in characters that a file gets behind its id.
const longestName = 100

// safeName is a file's name behind its id, without what leads elsewhere or is read as something else; nothing where it has none.
func safeName(name string) string {
	safe := []rune(strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsNumber(c) || strings.ContainsRune("._- ()", c) {
			return c
		}
		return '_'
	}, name))
	if len(safe) == 0 {
		return ""
	}
	return "-" + string(safe[max(0, len(safe)-longestName):])
}

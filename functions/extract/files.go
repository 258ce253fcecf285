package extract

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// File is one file of an extract.
type File struct {
	Name string `json:"name"`
	// Kind is what its records are; empty of manifest.json and SHA256SUMS.
	Kind    string `json:"kind,omitzero"`
	Bytes   int64  `json:"bytes"`
	Records int    `json:"records"`
	SHA256  string `json:"sha256"`
	// Href is the path of the route that leads to the file.
	Href string `json:"href,omitzero"`
}

// form is one of the files in which a kind is written: NDJSON, or CSV with a heading.
type form struct {
	name, ext string
	heading   []byte
}

func (f form) contentType() string {
	switch f.ext {
	case ".ndjson":
		return "application/x-ndjson"
	case ".json":
		return "application/json"
	case ".tar":
		return "application/x-tar"
	case ".pem":
		return "application/x-pem-file"
	case ".csv":
		return "text/csv; charset=utf-8; header=present"
	}
	return "text/plain; charset=utf-8"
}

// ending is what a file of the form ends with: an archive with two blocks of nothing.
func (f form) ending() []byte {
	if f.ext == ".tar" {
		return make([]byte, 2*block)
	}
	return nil
}

// called is the name of the first file of a form, and of those that follow it.
func (f form) called(number int) string {
	if number > 1 {
		return fmt.Sprintf("%s-%d%s", f.name, number, f.ext)
	}
	return f.name + f.ext
}

// set is the files of a kind that are being written side by side. A file that gets nothing is not there.
type set struct {
	put    func(name, contentType string, r io.Reader) error
	kind   string
	number int
	forms  []form
	open   []*output
}

func (h *Handler) newSet(ctx context.Context, prefix, kind string, number int, forms []form) *set {
	return &set{
		put: func(name, contentType string, r io.Reader) error {
			return h.Files.Put(ctx, prefix+name, contentType, r)
		},
		kind: kind, number: number, forms: forms, open: make([]*output, len(forms)),
	}
}

// write adds what a record is in each form.
func (s *set) write(p piece) error {
	for i, f := range s.forms {
		if len(p.forms[i]) == 0 {
			continue
		}
		if s.open[i] == nil {
			s.open[i] = s.begin(f)
		}
		if err := s.open[i].write(p.forms[i], p.records[i]); err != nil {
			return err
		}
	}
	return nil
}

// bytes is how long the longest of the files is.
func (s *set) bytes() (longest int64) {
	for _, o := range s.open {
		if o != nil {
			longest = max(longest, o.file.Bytes)
		}
	}
	return longest
}

// end finishes the files, or gives them up because of an error.
func (s *set) end(err error) ([]File, error) {
	var finished []File
	for i, o := range s.open {
		if o != nil {
			if err == nil {
				err = o.write(s.forms[i].ending(), 0)
			}
			err = errors.Join(err, o.end(err))
			finished = append(finished, o.file)
		}
	}
	if err != nil {
		return nil, err
	}
	return finished, nil
}

// output is a file while it is written: what goes in comes out at its upload.
type output struct {
	file     File
	sum      hash.Hash
	buffer   *bufio.Writer
	pipe     *io.PipeWriter
	uploaded chan error
}

// bufferSize is how much is handed to an upload at a time.
const bufferSize = 64 << 10

func (s *set) begin(f form) *output {
	r, w := io.Pipe()
	o := &output{
		file: File{Name: f.called(s.number), Kind: s.kind}, sum: sha256.New(), buffer: bufio.NewWriterSize(w, bufferSize),
		pipe: w, uploaded: make(chan error, 1),
	}
	go func() {
		err := s.put(o.file.Name, f.contentType(), r)
		if err == nil {
			_, err = io.Copy(io.Discard, r) // whoever puts a file reads it to its end
		}
		r.CloseWithError(errors.Join(errors.New("the upload has ended"), err)) // wakes the writer if the upload failed
		o.uploaded <- err
	}()
	_ = o.write(f.heading, 0) // into the buffer
	return o
}

func (o *output) write(b []byte, records int) error {
	o.sum.Write(b)
	o.file.Bytes += int64(len(b))
	o.file.Records += records
	_, err := o.buffer.Write(b)
	return err
}

func (o *output) end(err error) error {
	if err == nil {
		err = o.buffer.Flush()
	}
	o.pipe.CloseWithError(err) // nil is the end of the file
	o.file.SHA256 = hex.EncodeToString(o.sum.Sum(nil))
	if uploadErr := <-o.uploaded; uploadErr != nil {
		return fmt.Errorf("write %s: %w", o.file.Name, uploadErr)
	}
	return err
}

// small writes a file that is made at once.
func (h *Handler) small(ctx context.Context, prefix string, f form, content []byte) (File, error) {
	sum := sha256.Sum256(content)
	file := File{Name: f.called(1), Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	if err := h.Files.Put(ctx, prefix+file.Name, f.contentType(), bytes.NewReader(content)); err != nil {
		return file, fmt.Errorf("write %s: %w", file.Name, err)
	}
	return file, nil
}

// checksums is a file that `sha256sum -c` takes.
func checksums(files []File) []byte {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "%s  %s\n", f.SHA256, f.Name)
	}
	return []byte(b.String())
}

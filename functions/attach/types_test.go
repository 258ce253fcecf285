package attach_test

import (
	"strings"
	"testing"

	"github.com/supportvault/supportvault/functions/attach"
)

const (
	jpeg     = "\xff\xd8\xff\xe0\x00\x10JFIF"
	mp4      = "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
	heic     = "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
	zipped   = "PK\x03\x04\x14\x00"
	compound = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
	docx     = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
)

func TestTypeOf(t *testing.T) {
	for _, tc := range []struct {
		name, first string
		said        []string
		want        string
		ok          bool
	}{
		{"an image", jpeg, []string{"image/jpeg"}, "image/jpeg", true},
		{"an image of which the host says more", jpeg, []string{"image/jpeg; q=1"}, "image/jpeg", true},
		{"an image of which the host says nothing", jpeg, []string{"application/octet-stream", ""}, "image/jpeg", true},
		{"an image of which the sender alone says something", jpeg, []string{"binary/octet-stream", "image/jpeg"}, "image/jpeg", true},
		{"an image of which the sender says that it is a file", jpeg, []string{"", "file"}, "image/jpeg", true},
		{"an image of another type than it says", jpeg, []string{"image/png"}, "image/png", true},
		{"an image that is not told by its first bytes", heic, []string{"image/heic"}, "image/heic", true},
		{"a film", mp4, []string{"video/mp4"}, "video/mp4", true},
		{"a recording in a film's wrapping", mp4, []string{"audio/mp4"}, "audio/mp4", true},
		{"a recording that is not told by its first bytes", "#!AMR\n\x00\x01", []string{"audio/amr"}, "audio/amr", true},
		{"a voice message", "OggS\x00", []string{"audio/ogg; codecs=opus"}, "audio/ogg", true},
		{"text", "hello\n", []string{"text/plain; charset=utf-8"}, "text/plain", true},
		{"an empty text", "", []string{"text/plain"}, "text/plain", true},
		{"a table", "a,b\n1,2\n", []string{"text/csv"}, "text/csv", true},
		{"PDF", "%PDF-1.7\n", []string{"application/pdf"}, "application/pdf", true},
		{"ZIP", zipped, []string{"application/x-zip-compressed"}, "application/zip", true},
		{"a document", zipped, []string{docx}, docx, true},
		{"an old document", compound, []string{"application/msword"}, "application/msword", true},

		{"a page", "<!DOCTYPE html><p>", []string{"text/html"}, "text/html", false},
		{"a page that says that it is text", "<html><script>", []string{"text/plain"}, "text/plain", false},
		{"a page that says that it is an image", "<html><script>", []string{"image/png"}, "image/png", false},
		{"a page behind blanks", strings.Repeat(" ", 100) + "<script>", []string{"text/csv"}, "text/csv", false},
		{"XML", "<?xml version=\"1.0\"?>", []string{"text/xml"}, "text/xml", false},
		{"SVG", "<svg xmlns=\"http://www.w3.org/2000/svg\">", []string{"image/svg+xml"}, "image/svg+xml", false},
		{"SVG that says that it is another image", "<svg xmlns=\"http://www.w3.org/2000/svg\">", []string{"image/png"}, "image/png", false},
		{"a script", "alert(1)", []string{"text/javascript"}, "text/javascript", false},
		{"a program", "MZ\x90\x00", []string{"application/x-msdownload"}, "application/x-msdownload", false},
		{"a program of which nobody says anything", "\x7fELF\x02", nil, "application/octet-stream", false},
		{"PDF that says that it is an image", "%PDF-1.7\n", []string{"image/png"}, "image/png", false},
		{"an image that says that it is PDF", jpeg, []string{"application/pdf"}, "application/pdf", false},
		{"an archive that says that it is text", zipped, []string{"text/plain"}, "text/plain", false},
		{"a program that says that it is a document", "MZ\x90\x00", []string{docx}, docx, false},
		{"a program that says that it is an old document", "MZ\x90\x00", []string{"application/msword"}, "application/msword", false},
		{"a font", "wOF2\x00", []string{"font/woff2"}, "font/woff2", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, ok := attach.TypeOf([]byte(tc.first), tc.said...); got != tc.want || ok != tc.ok {
				t.Errorf("%s, %t; want %s, %t", got, ok, tc.want, tc.ok)
			}
		})
	}
}

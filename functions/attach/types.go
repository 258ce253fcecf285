package attach

import (
	"bytes"
	"mime"
	"net/http"
	"strings"
)

// peek is how many bytes a type is told by.
const peek = 512

// office are the types of documents of offices: of old ones, which are compound files, and of those that are archives.
var office = map[string]string{
	"application/msword": "", "application/vnd.ms-excel": "", "application/vnd.ms-powerpoint": "", "application/vnd.ms-outlook": "",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   zip,
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         zip,
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": zip,
	"application/vnd.oasis.opendocument.text":                                   zip,
	"application/vnd.oasis.opendocument.spreadsheet":                            zip,
	"application/vnd.oasis.opendocument.presentation":                           zip,
}

const (
	zip     = "application/zip"
	pdf     = "application/pdf"
	unknown = "application/octet-stream" // what says nothing
)

// compound is how a compound file begins.
var compound = []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")

// typeOf is the type of a file, by the first that says one of what its host, or its sender, says of it, and by its first bytes. Kept
// are images, sound, films, plain text and CSV, PDF, documents of offices and ZIP. Nothing is kept that a browser runs (HTML, XML,
// SVG), and nothing whose bytes say that it is something else than it is said to be.
func typeOf(first []byte, said ...string) (string, bool) {
	sniffed := media(http.DetectContentType(first))
	declared := sniffed
	for _, s := range said {
		if m := media(s); m != "" && m != unknown && m != "binary/octet-stream" {
			declared = m
			break
		}
	}
	if declared == "application/x-zip-compressed" {
		declared = zip
	}
	of, isOffice := office[declared]
	top, _, _ := strings.Cut(declared, "/")
	sniffedTop, _, _ := strings.Cut(sniffed, "/")
	known := sniffed != unknown
	ok := false
	switch {
	case declared == "image/svg+xml" || sniffed == "text/html" || sniffed == "text/xml":
	case top == "image":
		ok = sniffedTop == "image" || !known && declared != sniffed
	case top == "audio" || top == "video":
		ok = !known || sniffedTop == "audio" || sniffedTop == "video" || sniffed == "application/ogg"
	case declared == "application/ogg":
		ok = sniffed == declared
	case declared == "text/plain" || declared == "text/csv":
		ok = sniffed == "text/plain"
	case declared == pdf || declared == zip:
		ok = sniffed == declared
	case isOffice && of == zip:
		ok = sniffed == zip
	case isOffice:
		ok = bytes.HasPrefix(first, compound)
	}
	return declared, ok
}

// media is a media type without its parameters; empty where it is none, as of senders that say "file" or "image".
func media(said string) string {
	m, _, err := mime.ParseMediaType(said)
	if err != nil || !strings.Contains(m, "/") {
		return ""
	}
	return m
}

package source

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/retention"
	"github.com/supportvault/supportvault/shared/strictjson"
)

// The events of the canonical format that are of no conversation:
//
//	article.published, .changed, .withdrawn   an article of a knowledge base; each text replaces the one before
//	visit.recorded                            pages of a web site that somebody looked at; more of the same visit may follow
//
// An article is kept as a conversation whose one entry is its text: it has revisions, marks and a key of its own like any other.

type canonicalArticle struct {
	ID         string   `json:"id"`
	Type       string   `json:"type"`
	Time       string   `json:"time"`
	Article    string   `json:"article"`
	Title      string   `json:"title"`
	Text       string   `json:"text"`
	Department string   `json:"department"`
	Tags       []string `json:"tags"`
	Agents     []string `json:"agents"`
}

// articleText is the id of the entry that is an article's text.
const articleText = "text"

func (r *canonicalReader) article(c canonicalArticle, raw jsontext.Value) conversation.Event {
	e := conversation.Event{
		ID: r.maybeID(c.ID, "id"), Conversation: r.id(c.Article, "article"), Kind: retention.Article,
		Time: r.time(c.Time, "time"), Received: conversation.At(r.received),
		Title: r.line(c.Title, "title", maxLine), Department: r.line(c.Department, "department", maxLine),
		Status: conversation.StatusPublished, Ended: true, // there is nothing to wait for
	}
	e.ID = cmp.Or(e.ID, contentID(raw))
	r.lists(&e, c.Tags, c.Agents)
	switch {
	case c.Type == "article.withdrawn":
		e.Status = conversation.StatusWithdrawn
	case c.Type == "article.published" && c.Text == "":
		r.refuse(ErrMissing, "text")
	}
	if c.Text != "" {
		e.Whole = true
		e.Entries = []conversation.Entry{{ID: articleText, Time: e.Time, Author: conversation.Author{Role: conversation.Agent}, Text: c.Text}}
	}
	return e
}

type canonicalVisit struct {
	ID        string           `json:"id"`
	Time      string           `json:"time"`
	Visit     string           `json:"visit"`
	VisitorID string           `json:"visitorId"`
	Referrer  string           `json:"referrer"`
	Pages     []*canonicalPage `json:"pages"`
}

type canonicalPage struct {
	Time  string `json:"time"`
	URL   string `json:"url"`
	Title string `json:"title"`
}

func (r *canonicalReader) visit(c canonicalVisit, raw jsontext.Value) conversation.Event {
	e := conversation.Event{
		ID: r.maybeID(c.ID, "id"), Conversation: r.id(c.Visit, "visit"), Kind: retention.Visit,
		Time: r.time(c.Time, "time"), Received: conversation.At(r.received),
		Visit: &conversation.Visit{VisitorID: r.maybeID(c.VisitorID, "visitorId")},
	}
	e.ID = cmp.Or(e.ID, contentID(raw))
	if c.Referrer != "" {
		e.Visit.Referrer = r.page(c.Referrer, "referrer")
	}
	if len(c.Pages) == 0 {
		r.refuse(ErrMissing, "pages")
	}
	for i := range r.list(len(c.Pages), "pages") {
		r.at("pages", i, func() {
			p := c.Pages[i]
			if p == nil {
				p = &canonicalPage{}
				r.refuse(ErrMissing)
			}
			e.Visit.Pages = append(e.Visit.Pages, conversation.Page{
				Time: r.time(p.Time, "time"), URL: r.page(p.URL, "url"), Title: r.line(p.Title, "title", maxLine),
			})
		})
	}
	return e
}

// pageForm is the address of a page, and maxPage how many characters it may have.
var pageForm = regexp.MustCompile(`^https?://[!-~]+$`)

const maxPage = 2000

func isPage(address string) bool { return len(address) <= maxPage && pageForm.MatchString(address) }

func (r *canonicalReader) page(address, field string) string {
	switch {
	case address == "":
		r.refuse(ErrMissing, field)
	case !isPage(address):
		r.refuse(strictjson.ErrShape, field)
	}
	return pageOnly(address)
}

// pageOnly is the address of a page without what may hold anything: user, query and fragment.
func pageOnly(address string) string {
	address, _, _ = strings.Cut(address, "#")
	address, _, _ = strings.Cut(address, "?")
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	host, path, slash := strings.Cut(rest, "/")
	host = host[strings.LastIndexByte(host, '@')+1:]
	if slash {
		host += "/" + path
	}
	return scheme + "://" + host
}

var looksLikeLink = regexp.MustCompile(`(?i)^\s*https?:`)

// reference is what names something at its sender. Of a link only the page is kept: the rest may open it to anybody.
func reference(text string) string {
	if looksLikeLink.MatchString(text) {
		return pageOnly(strings.TrimSpace(text))
	}
	return text
}

// contentID is the id of an event that has none: it is known by all that it says.
func contentID(raw jsontext.Value) string {
	return "content/" + shortHash(string(raw))
}

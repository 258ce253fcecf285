package source

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// plainText is what somebody reads of a text with HTML markup, as senders write answers and mails. Blocks begin on a line of
// their own, paragraphs behind an empty one; items of lists have a dash, pictures (of emoji, above all) their alternative text,
// links their address unless it is what they say. Scripts, styles and comments are gone. A text without markup stays as it is.
// What only looks like a tag, since HTML has none of its name, is what somebody wrote, such as <file.txt> or <ana@example.com>.
//
// It reads tokens, not trees, so that its time and the length of what it gives grow with the text alone, however it nests.
func plainText(markup string) string {
	if !strings.ContainsAny(markup, "<&") {
		return markup
	}
	var p page
	hidden := false
	z := html.NewTokenizer(strings.NewReader(markup))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken: // the end: nothing else stops a reader of a text
			if raw := z.Raw(); !isTag(nameIn(raw)) { // a tag that is cut off
				p.write(raw)
			}
			p.endLink()
			return string(bytes.TrimRight(p.text, " \t\n"))
		case html.TextToken:
			if !hidden {
				p.write(z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			raw := z.Raw()
			name, attributes := z.TagName()
			if hidden = false; !isTag(name) {
				p.write(raw)
				continue
			}
			tag, begins := atom.Lookup(name), kind != html.EndTagToken
			// The tokenizer gives what stands in one of these as a single text, so whatever tag comes next is behind it.
			hidden = begins && slices.Contains(unseen, tag)
			p.tag(z, tag, begins, attributes)
		}
	}
}

var (
	unseen = []atom.Atom{atom.Iframe, atom.Noembed, atom.Noframes, atom.Noscript, atom.Script, atom.Style, atom.Title}
	blocks = []atom.Atom{
		atom.Address, atom.Article, atom.Aside, atom.Body, atom.Center, atom.Dd, atom.Details, atom.Dialog, atom.Div, atom.Dt,
		atom.Fieldset, atom.Figcaption, atom.Figure, atom.Footer, atom.Form, atom.Header, atom.Hr, atom.Li, atom.Main, atom.Nav,
		atom.Option, atom.Pre, atom.Section, atom.Summary, atom.Tr,
	}
	paragraphs = []atom.Atom{
		atom.Blockquote, atom.Dl, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ol, atom.P, atom.Table, atom.Ul,
	}
)

// tags are the names of HTML's elements, those of former times too. atom.Lookup knows those of attributes as well.
var tags = func() map[string]bool {
	all := map[string]bool{}
	for name := range strings.FieldsSeq(`a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big blink
		blockquote body br button canvas caption center cite code col colgroup command data datalist dd del details dfn dialog dir div dl dt em
		embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe image img input
		ins isindex kbd keygen label legend li link listing main map mark marquee math menu menuitem meta meter nav nobr noembed noframes
		noscript object ol optgroup option output p param picture plaintext pre progress q rb rp rt rtc ruby s samp script search section
		select slot small source span strike strong style sub summary sup svg table tbody td template textarea tfoot th thead time title tr
		track tt u ul var video wbr xmp`) {
		all[name] = true
	}
	return all
}()

// foreign is a name of another namespace, of which programs for mail and texts put some into their HTML: o:p, v:shape.
var foreign = regexp.MustCompile(`^[a-z][a-z0-9]*:[a-z][a-z0-9-]*$`)

// isTag says whether a tag of the name, in lower case, is markup.
func isTag(name []byte) bool { return tags[string(name)] || foreign.Match(name) }

// nameIn is the name of a tag that is cut off.
func nameIn(raw []byte) []byte {
	name := bytes.TrimPrefix(bytes.TrimPrefix(raw, []byte("<")), []byte("/"))
	if end := bytes.IndexAny(name, " \t\r\n\f/"); end >= 0 {
		name = name[:end]
	}
	return bytes.ToLower(name)
}

// page is the text so far, and what stands between it and the next word.
type page struct {
	text   []byte
	breaks int  // ends of lines, two at most: one empty line
	space  bool // white space, however much
	item   bool // the dash of a list
	pre    int  // how many pre are open: in them white space is as it stands
	inLink bool
	href   string
	from   int // where what the link says begins; -1 while it says nothing
}

func (p *page) tag(z *html.Tokenizer, tag atom.Atom, begins, attributes bool) {
	switch {
	case tag == atom.Br:
		p.breaks = min(p.breaks+1, 2)
	case tag == atom.A:
		p.endLink() // links do not nest
		if begins {
			p.inLink, p.href, p.from = true, attribute(z, "href", attributes), -1
		}
	case tag == atom.Img && begins:
		p.write([]byte(attribute(z, "alt", attributes)))
	case tag == atom.Td || tag == atom.Th:
		p.space = true
	case slices.Contains(paragraphs, tag):
		p.breaks = 2
	case slices.Contains(blocks, tag):
		p.breaks = max(p.breaks, 1)
	}
	switch {
	case tag == atom.Li:
		p.item = begins
	case tag == atom.Pre && begins:
		p.pre++
	case tag == atom.Pre:
		p.pre = max(p.pre-1, 0)
	}
}

// write adds words.
func (p *page) write(words []byte) {
	for len(words) > 0 {
		r, size := utf8.DecodeRune(words)
		switch {
		case r == '\n' && p.pre > 0:
			p.breaks = min(p.breaks+1, 2)
		case p.pre == 0 && strings.ContainsRune(" \t\n\r\f\u00a0", r):
			p.space = true
		default:
			p.begin()
			p.text = append(p.text, words[:size]...)
		}
		words = words[size:]
	}
}

// begin writes what has to stand before the next word. Before the first nothing has.
func (p *page) begin() {
	switch {
	case len(p.text) == 0:
	case p.breaks > 0:
		p.text = append(p.text, "\n\n"[:p.breaks]...)
	case p.space:
		p.text = append(p.text, ' ')
	}
	if p.item {
		p.text = append(p.text, "- "...)
	}
	p.breaks, p.space, p.item = 0, false, false
	if p.inLink && p.from < 0 {
		p.from = len(p.text)
	}
}

// endLink adds the address of a link that ends, unless the text of it is the same.
func (p *page) endLink() {
	if !p.inLink {
		return
	}
	p.inLink = false
	u, err := url.Parse(p.href)
	if err != nil || u.Scheme == "" || strings.ContainsAny(p.href, " \t\n") {
		return
	}
	address := p.href
	if u.Scheme != "http" && u.Scheme != "https" {
		address = u.Opaque
		if u.Scheme != "mailto" && u.Scheme != "tel" {
			return // a script, say, or a file of the writer's
		}
	}
	if p.from < 0 { // a picture, say
		p.begin()
		p.text = append(p.text, address...)
		return
	}
	says := strings.TrimSuffix(string(p.text[p.from:]), "/")
	whole := strings.TrimSuffix(address, "/")
	if says != whole && says != strings.TrimPrefix(strings.TrimPrefix(whole, "https://"), "http://") {
		p.text = append(append(append(p.text, " ("...), address...), ')')
	}
}

// attribute is the value of an attribute of the tag that the tokenizer has just read.
func attribute(z *html.Tokenizer, name string, more bool) string {
	for more {
		var key, value []byte
		if key, value, more = z.TagAttr(); string(key) == name {
			return strings.TrimSpace(string(value))
		}
	}
	return ""
}

// pictures are the addresses of the pictures in a text with markup, for senders that show files so and in no list.
func pictures(markup string) []string {
	if !strings.Contains(markup, "<") {
		return nil
	}
	var found []string
	z := html.NewTokenizer(strings.NewReader(markup))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			continue
		}
		name, attributes := z.TagName()
		if address := attribute(z, "src", attributes); atom.Lookup(name) == atom.Img && address != "" {
			found = append(found, address)
		}
	}
	return found
}

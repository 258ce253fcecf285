package source_test

import (
	"html"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/supportvault/supportvault/shared/source"
)

func TestPlainText(t *testing.T) {
	for _, tc := range []struct{ name, markup, want string }{
		{"a text without markup stays as it is", "  one\n\n\n two ", "  one\n\n\n two "},
		{"nothing is nothing", "", ""},
		{"markup of nothing is nothing", "<p> </p><div><br></div>", ""},
		{"paragraphs have an empty line between them", "<p>Hello.</p>\n<p>Bye.</p>", "Hello.\n\nBye."},
		{"divisions have a line each", "<div>one</div><div>two</div>three", "one\ntwo\nthree"},
		{"a line breaks where it is broken", "one<br>two<br/>three", "one\ntwo\nthree"},
		{"two breaks are an empty line", "one<br><br>two", "one\n\ntwo"},
		{"ten breaks are one empty line", "one" + strings.Repeat("<br>", 10) + "two", "one\n\ntwo"},
		{"a division of a break is an empty line", "<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"},
		{"a break at the end of a paragraph is none more", "<p>one<br></p><p>two</p>", "one\n\ntwo"},
		{"white space is one blank", "<b>one</b> \n\t&nbsp; two", "one two"},
		{"no blank where there is none", "w<b>or</b>d", "word"},
		{"blanks around elements are kept", "<i>one </i><b> two</b>", "one two"},
		{"entities are characters", "<p>1 &lt; 2 &amp;&amp; caf&eacute; &#128690; &#x5d0; &quot;q&quot;</p>", "1 < 2 && café 🚲 א \"q\""},
		{"an entity of an entity is read once", "&amp;lt;b&amp;gt;", "&lt;b&gt;"},
		{"what only looks like an entity stays", "AT&T &unknown; &", "AT&T &unknown; &"},
		{"a less than is no tag", "1 < 2 and 3 <4", "1 < 2 and 3 <4"},
		{"scripts and styles are gone", `a<script>if (x < 1) alert("<p>hi</p>")</script><style>p { color: red }</style>b`, "ab"},
		{"so is a script that closes itself", `a<script src="https://example.com/x.js"/>b</script>c`, "ac"},
		{"so is a script without end", `a<script>alert(1)`, "a"},
		{"so is a script in capitals", `a<SCRIPT>alert(1)</ScRiPt>b`, "ab"},
		{"so are comments, frames and titles", `a<!-- b --><!--[if mso]><p>c</p><![endif]--><iframe src="x">d</iframe><title>e</title><noscript><img alt="f"></noscript>g`, "ag"},
		{"an attribute with a script is gone", `<img src=x onerror="alert(1)"><b onclick='alert(2)'>a</b>`, "a"},
		{"what a field holds is read", `<textarea>one <b>two</b></textarea>`, "one <b>two</b>"},
		{"lists have dashes", "<ul>\n<li>one</li>\n<li><p>two</p></li><li></li></ul><p>three</p>", "- one\n\n- two\n\nthree"},
		{"rows have lines", "<table><tr><th>Item</th><th>Price</th></tr><tr><td>Lamp</td><td>30</td></tr></table>", "Item Price\nLamp 30"},
		{"pre keeps its lines and blanks", "<p>see</p><pre>\nif x {\n\ty   z\n}\n</pre>then", "see\n\nif x {\n\ty   z\n}\nthen"},
		{"a pre that never began does not end", "</pre></pre>a  b", "a b"},
		{"a picture has its other text", `<p>Hi <img class="emoji" alt="😀" src="https://example.com/1.png">!</p>`, "Hi 😀!"},
		{"a picture without says nothing", `a<img src="https://example.com/1.png"/>b`, "ab"},
		{"a link has its address", `see <a href="https://example.com/a?b=c&amp;d=e">the page</a>.`, "see the page (https://example.com/a?b=c&d=e)."},
		{"unless it says so itself", `<a href="https://example.com/">https://example.com</a> <a href="http://example.com">example.com/</a>`, "https://example.com example.com/"},
		{"a mail address is one", `<a href="mailto:ana@example.com">ana@example.com</a> <a href="mailto:ana@example.com">Ana</a> <a href="tel:+15550100">call</a>`,
			"ana@example.com Ana (ana@example.com) call (+15550100)"},
		{"a link that is a script has none", `<a href="javascript:alert(1)">click</a> <a href="data:text/html,x">here</a> <a href="file:///etc/x">or here</a>`, "click here or here"},
		{"a link without address has none", `<a>one</a> <a name="x">two</a> <a href="#x">three</a> <a href="/x">four</a> <a href="://%zz">five</a>`, "one two three four five"},
		{"a link of a picture is its address", `a <a href="https://example.com/x"><img src="y"></a> b`, "a https://example.com/x b"},
		{"a link in a list", `<ul><li><a href="https://example.com">example.com</a></li></ul>`, "- example.com"},
		{"a link over blocks", `<a href="https://example.com/x"><div>one</div><div>two</div></a>`, "one\ntwo (https://example.com/x)"},
		{"a link that does not end ends with the text", `<a href="https://example.com/x">one`, "one (https://example.com/x)"},
		{"or with the next", `<a href="https://example.com/x">one<a href="https://example.com/y">two</a>`, "one (https://example.com/x)two (https://example.com/y)"},
		{"right to left stays so", "<p dir=\"rtl\">שלום, מה שלומך?</p>", "שלום, מה שלומך?"},
		{"joined emoji stay joined", "<p>👩‍👩‍👧</p>", "👩‍👩‍👧"},
		{"a tag that is cut off is gone", "one <b", "one"},
		{"so is one of a link, which may open something", `one <A href="https://example.com/opens`, "one"},
		{"so is the end of a script that is cut off", "one<script>two</scr", "one"},
		{"but not what only looks like a tag", "if x<y", "if x<y"},
		{"nor the end of one", "it says </Frob", "it says </Frob"},
		{"a tag of former times is nothing", "<o:p>one</o:p><blink>two</blink><v:shape-type x=1/>", "onetwo"},
		{"what HTML has no tag for is what was written", "I <3 you, see <File.txt>, <name>  and </your-Name x='&lt;'> of &lt;b&gt;",
			"I <3 you, see <File.txt>, <name> and </your-Name x='&lt;'> of <b>"},
		{"so is an address between brackets", "Ana <ana@example.com> of <https://example.com/a?b=c>, <mailto:x@example.com>",
			"Ana <ana@example.com> of <https://example.com/a?b=c>, <mailto:x@example.com>"},
		{"between tags it is too", "<p>from <i>Ana <ana@example.com></i></p><p>two</p>", "from Ana <ana@example.com>\n\ntwo"},
		{"what looks like the tag of a script is none of it", "a<script>b<x></script>c<scripts>d", "ac<scripts>d"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := source.PlainText(tc.markup); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestPictures(t *testing.T) {
	for _, tc := range []struct {
		name, markup string
		want         []string
	}{
		{"none in a text", "https://example.com/1.png", nil},
		{"none in markup", "<p>x</p>", nil},
		{"each, in its place", `<p><img src="https://example.com/1.png?a=1&amp;b=2" alt="x">y<IMG SRC='cid:2'/></p>`, []string{"https://example.com/1.png?a=1&b=2", "cid:2"}},
		{"none without an address", `<img alt="x"><img src=" ">`, nil},
		{"none of a script, a comment, a link or a frame", `<script>"<img src=x>"</script><!-- <img src=x> --><a src=x><iframe src="x"><img src=x></iframe>`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, source.Pictures(tc.markup)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlainTextIsLinear would take minutes if anything in it grew with the square of the length.
func TestPlainTextIsLinear(t *testing.T) {
	for _, piece := range []string{
		"<", "&", "<a href=https://example.com/x>", "<a href=https://example.com/x>y</a>", "<p>", "<pre>\n", "<div>x", "<!--", "<script>", "<script>x", "<x>", "<x y=",
		"</a", "<li>", "<b x=", `<b x="`, "&amp;", "<textarea>", "<title><", "<td> x", "<br>",
	} {
		began := time.Now()
		markup := strings.Repeat(piece, 1<<20/len(piece))
		if got := source.PlainText(markup); len(got) > 2*len(markup) {
			t.Errorf("%q: %d bytes of %d", piece, len(got), len(markup))
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("a megabyte of %q took %v", piece, took)
		}
	}
}

func FuzzPlainText(f *testing.F) {
	for _, markup := range []string{
		"<p>Hello <a href=\"https://example.com\">there</a></p>", "<ul><li>a<li>b</ul>", "<pre> a\n\n\nb</pre>", "a<script>b</script>c", "&lt;b&gt;&#0;",
		"<a href='x'><a href=mailto:y>", "<table><tr><td>a<td>b", "\x00\xff<br>", "<title>a", "<img alt='🚲'>",
		"a<b and c>d", "<x@example.com", "</o:p><y", "a<script>b</scr",
	} {
		f.Add(markup)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := source.PlainText(text)
		if len(got) > 2*len(text) {
			t.Errorf("%d bytes of %d", len(got), len(text))
		}
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
		// What is escaped says what it said, but for white space.
		blank := func(r rune) bool { return strings.ContainsRune(" \t\n\r\f\u00a0", r) }
		if want, got := strings.Join(strings.FieldsFunc(text, blank), " "), source.PlainText("<b>"+html.EscapeString(text)+"</b>"); got != want {
			t.Errorf("%q escaped is %q", want, got)
		}
	})
}

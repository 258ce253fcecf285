package letter

import (
	"html/template"
	"strings"
	"sync"
)

// looks are how entries of different authors are drawn. Colour is not all that tells them apart: the line at their side
// differs, and who wrote stands above each.
var looks = map[look]template.CSS{
	byVisitor: "border-left:4px solid #2f7fd6;padding:2px 0 2px 12px",
	byAgent:   "border-left:6px double #2a9d5c;padding:2px 0 2px 10px",
	byBot:     "border-left:4px dotted #9b6bd3;padding:2px 0 2px 12px",
	bySystem:  "padding:0 0 0 16px;font-size:13px",
	asNote:    "border-left:4px dashed #c98a00;padding:2px 0 2px 12px;background:rgba(201,138,0,.13)",
}

// pages is parsed when it is first needed: most invocations of a function that imports this package write no letter.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"style": func(l look) template.CSS { return looks[l] },
		"upper": func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
		// Outlook draws with Word's engine, which knows no max-width; nobody else reads these comments.
		"outlook": func(s string) template.HTML { return template.HTML("<!--[if mso]>" + s + "<![endif]-->") },
	}).Parse(strings.NewReplacer("\n", "", "\t", "").Replace(page + notice)))
})

// html is the sheet as a page.
func (s *sheet) html() (string, error) {
	var out strings.Builder
	if err := pages().Execute(&out, s); err != nil {
		return "", errWrite
	}
	return out.String(), nil
}

// page is written without the line ends and tabs. It sets no colour of text or ground, so that both are the reader's own,
// light or dark; its lines and the little ground there is are readable on either.
const page = `
{{define "files"}}{{range .}}
	<div style="font-size:13px">File: <bdi>{{.}}</bdi></div>
{{end}}{{end}}

{{define "section"}}
	{{if .Number}}
		<h2 id="c{{.Number}}" dir="auto"
			 style="font-size:18px;line-height:1.3;margin:32px 0 8px;padding-top:16px;border-top:2px solid #8a8f98">
			{{.Number}}. {{.Heading}}
		</h2>
	{{end}}
	{{if .Facts}}
		<table role="presentation" cellpadding="0" cellspacing="0" border="0" style="font-size:14px;line-height:1.4;margin:0 0 16px">
			{{$last := ""}}{{range .Facts}}
				<tr><td valign="top" style="padding:1px 16px 1px 0;white-space:nowrap">{{if ne $last .Label}}{{.Label}}{{end}}</td>
				<td valign="top" style="padding:1px 0;overflow-wrap:anywhere;word-break:break-word">
				<b>{{range $i, $v := .Values}}{{if $i}}, {{end}}<bdi>{{$v}}</bdi>{{end}}</b></td></tr>
			{{$last = .Label}}{{end}}
		</table>
	{{end}}
	{{if .LinkOnly}}<p style="margin:16px 0">{{.Elsewhere}}</p>{{end}}
	{{if .Link}}<p style="margin:16px 0"><a href="{{.Link}}" style="font-weight:bold">Open the {{.What}}</a></p>{{end}}
	{{range .Days}}
		<p style="margin:24px 0 8px;padding:0 0 4px;border-bottom:1px solid #8a8f98;font-size:13px;font-weight:bold">{{.Name}}</p>
		<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"
			 style="width:100%;border-spacing:0 10px;border-collapse:separate;white-space:pre-wrap">
			{{range .Entries}}
				<tr><td style="{{style .Look}}">
				{{if .IsSystem}}
					{{.Time}} <bdi>{{range $i, $l := .Lines}}{{if $i}}<br>{{end}}{{$l}}{{end}}</bdi>
				{{else}}
				<small>{{.Time}} {{if .Name}}<b dir="auto">{{.Name}}</b> ({{.Role}}){{else}}<b>{{upper .Role}}</b>{{end}}</small>
				{{if .Lines}}<div dir="auto">{{range $i, $l := .Lines}}{{if $i}}<br>{{end}}{{$l}}{{end}}</div>{{end}}
				{{end}}
				{{template "files" .Files}}
				</td></tr>
			{{end}}
		</table>
	{{end}}
	{{if .Empty}}<p style="margin:16px 0"><i>{{.Empty}}</i></p>{{end}}
	{{if .Cut}}<p style="margin:16px 0"><i>{{.Cut}}</i></p>{{end}}
{{end}}

{{define "top"}}
<!DOCTYPE html>
<html lang="en">
<head>
	<meta charset="utf-8">
	<meta name="viewport" content="width=device-width, initial-scale=1">
	<meta name="color-scheme" content="light dark">
	<meta name="supported-color-schemes" content="light dark">
	<meta name="referrer" content="no-referrer">
	<meta name="robots" content="noindex">
	<title>{{.Subject}}</title>
</head>
<body style="margin:0;padding:0">
{{if .Preheader}}<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">{{.Preheader}}</div>{{end}}
{{outlook "<table role=\"presentation\" width=\"640\" align=\"center\"><tr><td>"}}
<table role="presentation" align="center" width="100%" cellpadding="0" cellspacing="0" border="0"
	 style="width:100%;max-width:640px;margin:0 auto;table-layout:fixed;
	font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:15px;line-height:1.5">
	<tr><td style="padding:24px 16px;overflow-wrap:anywhere;word-break:break-word">
{{end}}

{{define "bottom"}}
	{{if .Footer}}
		<div style="margin:32px 0 0;padding:12px 0 0;border-top:1px solid #8a8f98;font-size:12px;line-height:1.5">
		{{range .Footer}}<p style="margin:0 0 4px" dir="auto">{{.}}</p>{{end}}
		</div>
	{{end}}
	</td></tr>
</table>
{{outlook "</td></tr></table>"}}
</body>
</html>
{{end}}

{{template "top" .}}
	{{if .Heading}}
		<h1 style="font-size:22px;line-height:1.3;margin:0 0 4px" dir="auto">{{.Heading}}</h1>
		{{if .Period}}<p style="margin:0;font-size:14px">{{.Period}}</p>{{end}}
		<p style="margin:0 0 16px;font-size:14px">{{.Counts}}</p>
		<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"
			 style="width:100%;font-size:14px;line-height:1.4">
			{{range .Sections}}
				<tr><td valign="top" width="32" style="padding:4px 8px 4px 0;width:32px" align="right">{{.Number}}.</td>
				<td valign="top" style="padding:4px 0;overflow-wrap:anywhere;word-break:break-word">
				{{if .LinkOnly}}<a href="{{.Link}}">{{.Heading}}</a>{{else}}<a href="#c{{.Number}}" dir="auto">{{.Heading}}</a>{{end}}
				{{if not .Dated}}<br><small>{{.Start}}</small>{{end}}
				</td></tr>
			{{end}}
		</table>
		{{range .Sections}}{{if not .LinkOnly}}{{template "section" .}}{{end}}{{end}}
	{{else}}
		{{range .Sections}}
			{{if .Titled}}
				<p style="margin:0;font-size:13px;font-weight:bold;letter-spacing:.06em;text-transform:uppercase">{{.Kind}}</p>
			{{end}}
			<h1 style="font-size:22px;line-height:1.3;margin:0 0 16px" dir="auto">{{.Heading}}</h1>
			{{template "section" .}}
		{{end}}
	{{end}}
{{template "bottom" .}}
`

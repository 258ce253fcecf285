// Package letter writes the e-mails that carry transcripts or tell administrators what happens to them, and the page that
// shows one transcript in a browser.
//
//	Message ─► sheet ─┬─ text ─┐
//	                  └─ html ─┴─► multipart/alternative, one To, no attachment
//
// A sheet is everything that will be read, in order and in the account's time zone, already clean: of what came from
// outside nothing is left that could end a line of a header, open a tag, turn the direction of the text around it, or pass
// for a line of the letter itself. Text and HTML are two ways to write the same sheet.
//
// # What a letter says
//
//	full      kind, title, participants, start and end, department, rating, link, entries, names and sizes of attachments
//	redacted  the same of what package redact leaves
//	link      account, kind, date and link; nothing of the conversation, in no header either
//
// Letters that stay among agents (Private) have private notes, tags, and the visitors' e-mail addresses and phone numbers
// too. A digest has a table of contents and one section a conversation.
//
// A notice tells an administrator what a change hides, how much, and how it is undone. Of a conversation it has the id.
//
// # What it looks like
//
// The text is wrapped at 76 columns. Lines of entries are indented and lines of the letter are not, so that no entry can
// pretend to be another. The HTML has styles as attributes only, loads nothing, and takes its colours from the reader's:
// it sets none but those that are readable on light and on dark.
//
// # What it does not do
//
// It sends nothing, knows no destinations and no suppressed addresses, and does not make links in what people wrote. It
// does not vouch for the text: that an entry lies is not to be seen in a letter.
package letter

package redact

import (
	"strconv"

	"github.com/supportvault/supportvault/shared/conversation"
)

// What participants are called.
var callings = map[conversation.Role]string{
	conversation.Visitor: "Visitor",
	conversation.Agent:   "Agent",
	conversation.Bot:     "Bot",
}

// View is the redacted copy of a conversation. The one handed in is not changed. Private notes are still in the copy and
// still marked.
func View(v conversation.View) conversation.View {
	known := knownOf(v)
	v.Conversation = ""
	v.Title, v.Department = known.redact(v.Title), known.redact(v.Department)
	v.Subjects = each(v.Subjects, func(conversation.Subject) conversation.Subject {
		return conversation.Subject{Name: callings[conversation.Visitor]}
	})
	v.Tags = each(v.Tags, known.redact)
	if v.Call != nil {
		v.Call = &conversation.Call{Direction: v.Call.Direction, Outcome: known.redact(v.Call.Outcome), Seconds: v.Call.Seconds}
	}
	if v.Entries != nil {
		n := 0
		v.Entries = new(each(*v.Entries, func(e conversation.Entry) conversation.Entry {
			n++
			e.ID = strconv.Itoa(n)
			e.Author.Name = callings[e.Author.Role]
			e.Text = known.redact(e.Text)
			e.Attachments = each(e.Attachments, func(a conversation.Attachment) conversation.Attachment {
				return conversation.Attachment{Type: mediaType(a.Type), Bytes: a.Bytes}
			})
			return e
		}))
	}
	return v
}

// each is a new slice of what f makes of each; nil stays nil.
func each[T any](list []T, f func(T) T) []T {
	if list == nil {
		return nil
	}
	made := make([]T, len(list))
	for i, item := range list {
		made[i] = f(item)
	}
	return made
}

// mediaType is s if it could be a type of file, such as "image/png" or "file": senders can write anything there.
func mediaType(s string) string {
	const longest = 100
	if len(s) > longest {
		return ""
	}
	for i := range len(s) {
		switch c := s[i]; {
		case isAlphanumeric(c), i > 0 && (c == '/' || c == '-' || c == '+' || c == '.'):
		default:
			return ""
		}
	}
	return s
}

package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The vendors' fields that hold a time: as a quoted RFC 3339 time, as American mapped sources write one, or as seconds since 1970
// with or without a fraction, or as milliseconds. The bytes around the times stay as they are.
var timeField = regexp.MustCompile(`"(?:time|timestamp|\w+_at|\w+_since|\w+_time)"\s*:\s*("\d{4}-\d\d-\d\d[T ][^"]*"|"\d\d?/\d\d?/\d{4} [^"]*"|[1-9]\d{9}(?:\d{3}|\.\d+)?\b)`)

// retime moves every time of the payload by the same amount, so that the newest becomes now.
func retime(payload []byte, now time.Time) []byte {
	last := newest(payload)
	if last.IsZero() {
		return payload
	}
	return shift(payload, now.Sub(last))
}

// newest is the latest time of the payload, or the zero time.
func newest(payload []byte) time.Time {
	var last time.Time
	for _, m := range timeField.FindAllSubmatch(payload, -1) {
		if t, _, ok := readTime(string(m[1])); ok && t.After(last) {
			last = t
		}
	}
	return last
}

// shift moves every time of the payload, each in its own notation.
func shift(payload []byte, by time.Duration) []byte {
	var out []byte
	done := 0
	for _, m := range timeField.FindAllSubmatchIndex(payload, -1) {
		t, write, ok := readTime(string(payload[m[2]:m[3]]))
		if !ok {
			continue
		}
		out = append(out, payload[done:m[2]]...)
		out = append(out, write(t.Add(by))...)
		done = m[3]
	}
	return append(out, payload[done:]...)
}

// readTime reads a JSON value as a time and tells how to write another one in the same notation.
func readTime(value string) (t time.Time, write func(time.Time) string, ok bool) {
	if value[0] != '"' && len(value) == 13 && !strings.Contains(value, ".") {
		ms, err := strconv.ParseInt(value, 10, 64)
		return time.UnixMilli(ms), func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }, err == nil
	}
	if value[0] != '"' {
		seconds, err := strconv.ParseFloat(value, 64)
		decimals := 0
		for i := range value {
			if value[i] == '.' {
				decimals = len(value) - i - 1
			}
		}
		return time.UnixMicro(int64(seconds * 1e6)), func(t time.Time) string {
			return strconv.FormatFloat(float64(t.UnixMicro())/1e6, 'f', decimals, 64)
		}, err == nil
	}
	// As many digits behind the point as there are.
	fraction := ""
	if point := strings.IndexByte(value, '.'); point > 0 {
		digits := len(value[point+1:]) - len(strings.TrimLeft(value[point+1:], "0123456789"))
		fraction = "." + strings.Repeat("0", digits)
	}
	for _, layout := range []string{"2006-01-02T15:04:05" + fraction + "Z07:00", "2006-01-02 15:04:05 MST",
		"2006-01-02T15:04Z07:00", "2006-01-02 15:04:05", "1/2/2006 3:04:05 PM", "1/2/2006 3:04 PM"} {
		if t, err := time.Parse(`"`+layout+`"`, value); err == nil {
			return t, func(t time.Time) string { return t.UTC().Format(`"` + layout + `"`) }, true
		}
	}
	return time.Time{}, nil, false
}

// conversation is the vendor's id of the conversation that a delivery belongs to, or "".
func conversation(payload []byte) string {
	type id struct {
		ID any `json:"id"`
	}
	type turn struct {
		Conversation struct {
			ID any `json:"conversation_id"`
		} `json:"conversation"`
	}
	var p struct {
		Payload struct { // LiveChat's; a conversation is one thread of a chat
			ThreadID string `json:"thread_id"`
			Chat     struct {
				Thread id `json:"thread"`
			} `json:"chat"`
		} `json:"payload"`
		Freshdesk struct {
			TicketID any `json:"ticket_id"`
		} `json:"freshdesk_webhook"`
		ChatID       string `json:"chatId"`
		Chat         id     `json:"chat"`
		Ticket       id     `json:"ticket"`
		Conversation id     `json:"conversation"`
		Detail       id     `json:"detail"` // before the id beside it, which is the event's
		Data         struct {
			Session any `json:"session_id"`
			Item    id  `json:"item"`
			Message struct {
				Conversation any `json:"conversation_id"`
			} `json:"message"`
			Assignment turn `json:"assignment"`
			Resolve    turn `json:"resolve"`
			Reopen     turn `json:"reopen"`
		} `json:"data"`
		Events []struct {
			Conversation any `json:"conversation"`
		} `json:"events"`
		id
	}
	if json.Unmarshal(payload, &p) != nil {
		return ""
	}
	candidates := []any{p.Payload.ThreadID, p.Payload.Chat.Thread.ID, p.Freshdesk.TicketID, p.ChatID, p.Chat.ID, p.Ticket.ID, p.Conversation.ID, p.Detail.ID,
		p.Data.Session, p.Data.Item.ID, p.Data.Message.Conversation, p.Data.Assignment.Conversation.ID, p.Data.Resolve.Conversation.ID,
		p.Data.Reopen.Conversation.ID}
	for _, e := range p.Events {
		candidates = append(candidates, e.Conversation)
	}
	for _, candidate := range append(candidates, p.ID) {
		if candidate != nil && candidate != "" {
			return fmt.Sprint(candidate)
		}
	}
	return ""
}

package letter_test

import (
	"fmt"
	"time"

	"github.com/supportvault/supportvault/shared/conversation"
	"github.com/supportvault/supportvault/shared/letter"
	"github.com/supportvault/supportvault/shared/retention"
)

var berlin = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
}()

// begin is a Saturday evening, 21:20 in Berlin.
var begin = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)

func at(minutes float64) conversation.Time {
	return conversation.At(begin.Add(time.Duration(minutes * float64(time.Minute))))
}

// entry is one line of a conversation; its author is written as "visitor Marta Example".
func entry(minutes float64, role conversation.Role, name, text string, files ...conversation.Attachment) conversation.Entry {
	return conversation.Entry{
		ID: fmt.Sprint(minutes), Time: at(minutes), Author: conversation.Author{Role: role, Name: name}, Text: text, Attachments: files,
	}
}

func note(minutes float64, name, text string) conversation.Entry {
	e := entry(minutes, conversation.Agent, name, text)
	e.Private = true
	return e
}

func chat() conversation.View {
	return conversation.View{
		ID: "abcdefghijklmnopqrstuvwxyz234567-1", Kind: retention.Chat, State: conversation.Settled, Source: "chatwoot", Conversation: "4711",
		Incarnation: 1, Revision: 1, StartedAt: at(0), EndedAt: new(at(14)), SettledAt: new(at(15)), ExpiresAt: at(60 * 24 * 92),
		Subjects:   []conversation.Subject{{Name: "Marta Example", Email: "marta@example.com", Phone: "+49 30 555 0100", VisitorID: "17"}},
		Department: "Shipping", Tags: []string{"delivery", "parcel lost?"}, Rating: new(4),
		Entries: &[]conversation.Entry{
			entry(0, conversation.System, "", "Marta Example started the chat on the page “Where is my parcel?”"),
			entry(0.5, conversation.Bot, "Parcel bot", "Hello! I can look up parcels. What is your order number?"),
			entry(1, conversation.Visitor, "Marta Example", "order 12345"),
			entry(1.5, conversation.Bot, "Parcel bot", "I found nothing, and am calling a colleague."),
			entry(3, conversation.System, "", "Jan Vorbild joined"),
			entry(4, conversation.Agent, "Jan Vorbild", "Good evening Ms Example, this is Jan. I am sorry that you have to wait: the parcel left our "+
				"warehouse on Wednesday, and the carrier has not scanned it since.\n\nMay I ask for\n  1. the address,\n  2. a phone number for the driver?"),
			entry(7, conversation.Visitor, "Marta Example", "Sure: call me at +49 30 555 0100 or write to marta@example.com. Here is the label and what the page says:\n"+
				"https://parcels.example/track/00340434161094015902/a/very/long/address/that/no/mail/program/can/break/anywhere?session=3f2b8c6a9d5e4f70",
				conversation.Attachment{Name: "label.pdf", Type: "application/pdf", Bytes: 48_213}, conversation.Attachment{Type: "image/png", Bytes: 1_204_000}),
			note(8, "Jan Vorbild", "Third complaint about this carrier today. Offer a replacement if she asks."),
			entry(11, conversation.Agent, "Jan Vorbild", "Thank you! If it is not there by Monday, we send another one — free of charge. 📦🙂"),
			entry(13, conversation.Visitor, "Marta Example", "شكرا جزيلا! That is “thank you” in Arabic."),
			entry(14, conversation.System, "", "Marta Example left the chat"),
		},
	}
}

func ticket() conversation.View {
	day := 60.0 * 24
	return conversation.View{
		ID: "bcdefghijklmnopqrstuvwxyz234567a-1", Kind: retention.Ticket, State: conversation.Settled, Source: "zendesk", Conversation: "35436",
		Incarnation: 1, Revision: 2, StartedAt: at(0), EndedAt: new(at(9*day + 30)), SettledAt: new(at(9*day + 31)), ExpiresAt: at(730 * day),
		Title: "Invoice 2026-1042 shows the wrong VAT number", Status: conversation.StatusSolved, Department: "Accounting",
		Subjects: []conversation.Subject{
			{Name: "דנה דוגמה", Email: "dana@example.org"}, {Name: "Tomás Ejemplo", Email: "tomas@example.org", Phone: "+34 91 555 01 00"},
		},
		Tags: []string{"invoice", "vat"},
		Entries: &[]conversation.Entry{
			entry(0, conversation.Visitor, "דנה דוגמה", "שלום,\nבחשבונית 2026-1042 מופיע מספר עוסק שגוי. אפשר לתקן בבקשה?\nתודה, דנה"),
			entry(day, conversation.Agent, "Ana Vorbild", "Hello Dana,\n\nthank you for telling us. I have asked our accountants and will be back tomorrow.\n\nAna"),
			note(day+1, "Ana Vorbild", "VAT number in the master data is that of the branch. @Accounting please confirm."),
			entry(2*day, conversation.Agent, "Ana Vorbild", "Here is the corrected invoice.", conversation.Attachment{Name: "invoice-2026-1042-corrected.pdf", Bytes: 88_000}),
			entry(9*day+30, conversation.System, "", "Status changed to solved"),
		},
	}
}

// short is the n-th of many chats.
func short(n int) conversation.View {
	v := chat()
	v.ID = fmt.Sprintf("cdefghijklmnopqrstuvwxyz%08d-1", n)
	v.StartedAt, v.EndedAt = at(float64(n)), new(at(float64(n)+2))
	v.Subjects = []conversation.Subject{{Name: fmt.Sprintf("Visitor the %dth", n)}}
	v.Entries = &[]conversation.Entry{
		entry(float64(n), conversation.Visitor, "", "Are you open on Sunday?"), entry(float64(n)+1, conversation.Agent, "Jan Vorbild", "No, on Monday again."),
	}
	return v
}

func message(content letter.Content, views ...conversation.View) letter.Message {
	m := letter.Message{
		ID: "demo1#archive#1", From: "Example Support <support@example.com>", To: "archive@example.net", Account: "demo1", Zone: berlin,
		Date: begin.Add(20 * time.Minute), Content: content, Private: true,
		Why: "You get this mail because archive@example.net is a destination of the account’s transcripts.",
	}
	for i, v := range views {
		m.Items = append(m.Items, letter.Item{View: v, Link: fmt.Sprintf("https://vault.example.com/v1/accounts/demo1/transcripts/%s?link=svl_invented%d", v.ID, i)})
	}
	if content != letter.Link {
		for i := range m.Items {
			m.Items[i].Link = ""
		}
	}
	return m
}

func digestOf(content letter.Content, views ...conversation.View) letter.Message {
	m := message(content, views...)
	m.Digest = &letter.Digest{Title: "Daily digest", From: begin.Add(-20*time.Hour - 20*time.Minute - time.Hour), To: begin.Add(2*time.Hour + 40*time.Minute), Part: 2, Parts: 3}
	return m
}

// Package redact makes the redacted form of a conversation: what was said, without saying by whom or about whom.
//
//	Marta Example: Hi, I'm Marta, write to marta@example.com   →   Visitor: Hi, I'm [name], write to [e-mail]
//
// # What goes
//
// Every participant is called by their role: Visitor, Agent, Bot. Their e-mail addresses, phone numbers and ids, the
// sender's ids of the conversation and of its entries (these can be phone numbers), and the names of attachments are gone.
// In titles, entries, tags and departments a mark stands in place of
//
//	[name]        a visitor's or agent's name as the conversation has it, whole or a part of three letters and more
//	[id]          a visitor's id of six characters and more
//	[e-mail]      an e-mail address, anybody's
//	[phone]       a phone number: a participant's in any spelling; anybody's where it begins with +, 00, a zero or an area
//	              code in parentheses, is grouped as in North America or China, or follows a word such as "call"
//	[card]        a payment card as package card finds it, or one that it masked before
//	[IBAN]        an IBAN whose length and check digits hold
//	[IP address]  an address of IP version 4 or 6
//	[login]       name and password in a URL
//	[query]       the query string of a URL, and a fragment that looks like one
//
// Names are found as whole words, whatever their case and accents; in scripts without spaces anywhere in a line. A name
// that is an ordinary word too (Will, Rose) takes that word with it.
//
// # What stays
//
// Dates, times, prices, version numbers, references and order numbers, unless they look just like one of the above.
//
// # What it does not find
//
// Names of people who do not take part; nicknames, inflected and misspelt names, names joined to other words
// (martaexample85); postal addresses, dates of birth; numbers of passports, taxes, social security, vehicles and accounts
// that are no IBAN; MAC addresses, user agents; addresses spelt in words (marta at example dot com); phone numbers in other
// groups without a word that says so, or in digits that are not ASCII; what is spread over several entries; what the path
// of a URL says; passwords; and everything that the story itself gives away. It makes a copy less telling, not anonymous.
package redact

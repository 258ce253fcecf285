// Package history is what the lines of an import are: canonical deliveries, and what an extract wrote.
//
//	{"version":"1","events":[…]}           a delivery of the canonical format; "source" names whose conversations they are
//	{"kind":"chat",…,"entries":[…]}        a conversation, as in chats, tickets, calls and articles.ndjson
//	{"source":…,"pages":[…],"told":{…}}    a part of a visit, as in visits.ndjson
//	facts, policies, audit, copies, receipts   passed over: facts come of conversations, the others are statements of their account
//
// A conversation's line has, beside what the API answers of it, the rest of its transcript:
//
//	View ──────────────┐
//	Rest "transcript" ─┴─ Events ─► Fold ─► the same Transcript
//
// So it says when what was said, and a line that is imported where more is known changes nothing of it. A line without the rest,
// such as an answer of the API, is taken at its word: it settled at its end, and everything was said at its beginning.
//
// It knows nothing of keys, tables or clocks, minimises nothing, and quotes nothing in an error.
package history

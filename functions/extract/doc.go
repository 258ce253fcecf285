// Package extract hands an administrator every conversation of an account as raw files.
//
// Trigger: direct invocation.
//
//	{"account": "demo"}
//	{"account": "demo", "id": …, "next": …}     where the last answer was not done
//
// Writes: newline-delimited JSON into the folder <account>/<id>/ of the exports bucket, chats-open.ndjson for what
// is not settled, one file for each cohort, and chats-open-late.ndjson for what was opened while the others were written.
// A line is a conversation as the API answers it, with its entries. None is left out; one that changes its state
// meanwhile may stand in two files. What is past its time or destroyed is in no file. An audit entry comes before the
// first byte.
//
// It streams: memory does not grow with the account. Where time runs out it answers "done": false with the place to go on
// from, between two files.
//
// Retry and idempotency: a file that is written again replaces itself.
//
// May: read the three tables; put audit entries, and nothing else, into the control table; decrypt with the wrap key
// under an account's context; read objects under bodies/; put objects into the exports bucket.
//
// Alarms: errors.
package extract

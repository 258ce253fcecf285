// Package report answers who may read.
//
// Trigger: GET /v1/accounts/{account}/chats and …/chats/{id}, and the same of tickets, calls and articles, …/visits, and …/attachments/{id}/{file}, behind
// authorize; and …/transcripts/{id}?link=, which shows one conversation as a page to whoever was sent a link to it.
//
// Answers: {"chats": […], "next": …} or {"tickets": …} and so on, newest first, without entries; or one conversation with them. What is past its
// time, destroyed or without its keys is not found, whatever the tables still hold.
//
// An attachment is answered as its bytes, to be saved and not shown, if its conversation can be read and has it: whole up to 4 MB, or
// a range of it, of which at most 4 MB are answered at a time. Only the frames that hold the range are read and opened.
//
// Order: settled conversations stand at their last activity (endedAt), open ones at when they were last known to be
// active, which may lag behind their last message by up to half an hour. from (inclusive) and to (exclusive) select by
// last activity. A conversation that settles while pages are read may be met twice or not at all.
//
// Writes: an audit entry for every answer, before it is given; without the entry there is no answer.
//
// May: read the three tables; put audit entries, and nothing else, into the control table; decrypt with the wrap key
// under an account's context; read objects under bodies/ and files/, and list their bucket, to know which are gone.
//
// Alarms: errors.
package report

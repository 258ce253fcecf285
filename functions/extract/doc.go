// Package extract hands an administrator everything of an account as raw files.
//
// Triggers:
//
//	POST /v1/accounts/{account}/extracts                    begins one: 202, its Location and the job
//	GET  /v1/accounts/{account}/extracts                    the jobs whose files are still there, the newest first
//	GET  /v1/accounts/{account}/extracts/{id}               one job
//	GET  /v1/accounts/{account}/extracts/{id}/files/{name}  302 to a file, by a link of 60 seconds
//	the extract queue: {"account", "id"}                    works on a job
//	direct invocation: {"account": "demo"}                  begins one and works on it
//	                   {"account": "demo", "id", "next"}    goes on where the last answer was not done
//
// # Files
//
// They stand in the folder <account>/<id>/ of the exports bucket:
//
//	chats.ndjson    chats.csv    chat-entries.csv     a conversation a line, as the API answers it, with its entries and what an
//	tickets.ndjson  tickets.csv  ticket-entries.csv   import needs (shared/history); a row, without them; an entry a row
//	chat-attachments.tar  ticket-attachments.tar      the files that are stored, as <conversation>/<attachment>-<name>;
//	                                                  of calls and articles too
//	facts.ndjson    facts.csv                         a fact a line or row
//	policies.ndjson                                   every version of the policy
//	audit.ndjson                                      every audit entry
//	copies.ndjson                                     what the copy ledger says of copies of everything, this one among
//	                                                  them; copies of one conversation stand at GET …/copies
//	receipts.ndjson receipts.pem                      receipts of destruction, once there are any, as make verify takes them
//	manifest.json                                     records, bytes and SHA-256 of each file, and what was left out
//	SHA256SUMS                                        the same for `sha256sum -c`
//
// A kind of which there is nothing has no file. At 512 MB, or where time runs out, a kind goes on in chats-2.ndjson,
// chats-2.csv and so on. In CSV, what people wrote is made inert (shared/sheet); NDJSON has it as it was.
//
// A conversation that settles, goes on or is opened while the extract runs is in it once, as it was when it was read, and
// none that was there at the beginning is left out. (There are bounds to what is remembered of the files: over a million
// conversations of a kind, or over 20,000 recent ones in a job of several invocations, one that changed meanwhile may stand
// twice, under one id. And one whose sender delivers a message more than a day late, so that it is opened and settled again in
// the moment in which its old day is read, is not looked for there again.) What is past its time or destroyed is in no file
// from the page on that follows; a page is 100 conversations.
//
// # Jobs
//
//	table control: demo#extract#   <id>   status running | complete | failed, and how far it is (shared/jobs)
//
// A copy of everything is in the copy ledger, and an audit entry says who wants it, before the first byte is written. A job
// and its files are there for a day from its beginning: then it is not found, whatever its status, and the bucket's
// lifecycle forgets each file a day or two after it was written. At most three are under way for an account, begun by
// POST; where several begin at the same instant, it may be one more.
//
// Retry and idempotency: package jobs says who works on a job, how what fails is tried again, and when a job has failed.
// Whoever works on one says after each kind, or part of one, which files are finished and where to go on; a file that is
// written again from there replaces itself. A message of a process that died comes again after the queue's 90 minutes.
//
// It streams: a hundred rows and records are read at a time, opened side by side and written in order. Memory does not grow
// with the account, but for what is remembered, of which a million are 40 MB.
//
// May: read the rows of accounts, conversations and records; query audit entries, receipts, its own jobs and the ledger of
// copies of everything; put audit entries and jobs, update jobs and that ledger; decrypt with the wrap key under an
// account's context; read objects under bodies/ and files/, and list their bucket, to know which are gone; put and read objects of
// the exports bucket (a presigned link has the permissions of who signs it); send to and consume its queue.
//
// Alarms: errors, of which a job that was given up is one; messages in the dead-letter queue.
package extract

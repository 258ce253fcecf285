// Package importer brings history into an account, from a file that an administrator uploads.
//
// Triggers:
//
//	POST /v1/accounts/{account}/imports             begins a job for a file of so many bytes: 201, its Location, and how to upload it
//	POST /v1/accounts/{account}/imports/{id}/start  starts it, once the file is there: 202
//	GET  /v1/accounts/{account}/imports             the jobs of the last day, the newest first
//	GET  /v1/accounts/{account}/imports/{id}        how far one is
//	the import queue: {"account", "id"}             works on a job
//	direct invocation: {"account", "action": "begin", "bytes"}, and with "id" the actions "start" and "status"
//
// A file is NDJSON of at most 1 GB, whose lines shared/history reads: canonical deliveries, or what an extract wrote. Each event is
// minimised by the account's policy and stored as one that came by a webhook is (shared/intake): what was destroyed stays so,
// and what is known is not stored twice, however often a file is imported. No file that came with a message is. Retention counts from the original anchor. A line
// whose time is over here is passed over. What a line tells from its beginning to its end is stored at once and sent to no
// destination; what goes on is settled as if it had come today.
//
// Lines of one conversation are stored in their order, so its lives come out as they were. An extract has those first that had
// not settled; such lines wait for a second reading of the file.
//
// A line that cannot be read is counted, with its number and a code, and never with what it holds; the rest is imported.
//
// # Jobs
//
//	table control: demo#import#   <id>   status waiting | running | complete | failed, and how far it is (shared/jobs)
//	staging bucket: imports/demo/<id>    the file, deleted at the end, and forgotten by the bucket after a day or two
//
// One import of an account runs at a time. A job is there for a day from its beginning: then it is not found.
//
// Retry and idempotency: package jobs says who works on a job, how what fails is tried again, and when a job has failed. Whoever
// works on one says every three seconds how many bytes of the file are done. What is done again after a process died finds what
// it stored: it counts as known then, and nothing else is different. A message of a process that died comes again after the
// queue's 90 minutes. A file that is gone, or was replaced after the start, fails its job and alarms nobody: its bytes are not
// those that were counted.
//
// May: read the control table; put audit entries and its jobs, query and update its jobs; read rows of keys, put those of cohorts
// and conversations, update those of conversations; put and read items of records; decrypt with the wrap key under an account's
// context; send to the settle queue; send to and consume its own; put, read and delete objects under bodies/, and under imports/
// of the staging bucket (a presigned upload has the permissions of who signs it); list both buckets,
// to know which are gone.
//
// Alarms: errors, of which a job that was given up is one; messages in the dead-letter queue.
package importer

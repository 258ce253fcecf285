// Package settle makes one record of the events of a conversation that is over.
//
// Trigger: the settle queue, with a reference to a conversation; EventBridge Scheduler with {"action":"sweep"}, which
// sends what went idle, and what was left half destroyed, to that queue.
//
// Writes: the conversation's row (keys), the record, its pointers from subjects and its fact (records, or an object over
// 32 KB), cohorts where they begin (keys). Deletes the events that it has read, and files of entries that were taken back. Publishes record.settled, a reference, to
// the event bus, and sends one to purge where a cadence ends the conversation at once. An open conversation whose day is over
// loses its own keys, unless it is held, under the fence of the account; purge states that and deletes it. What no key opens
// any more is deleted.
//
// Retry and idempotency: package vault draws the protocol. Done again after any interruption it ends in the same state and
// publishes the same event id. A message of the queue that fails is reported and comes again; after ten times it is in
// the dead-letter queue, and the next sweep after that sends the conversation anew.
//
// May: read the control table, check and take the fence of an account there; read rows of keys, put those of cohorts, update those of conversations; read, put and
// delete items of records; decrypt with the wrap key under an account's context; put, read and delete objects under
// bodies/, delete those under files/, and list their bucket, to know which are gone; put events to its bus; send to and receive from
// its queue, and send to that of purge.
//
// Alarms: errors, and anything in the dead-letter queue.
package settle

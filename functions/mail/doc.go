// Package mail sends transcripts by e-mail, and tells administrators what happens to them, through SES.
//
// Trigger: the mail queue, with what the event bus says of a conversation that has settled (a reference), with what SES
// reports of a message (no address), with digests that are due, and with notices; EventBridge Scheduler, every hour,
// with {"action":"digest"}, which sends the due digests to that queue and the notices that have waited for five minutes, and in the run of 03 UTC clears what is over.
//
// Sends: one message for each mailbox of a destination when a conversation settles, or one for each mailbox and period: as
// text and HTML, whole, redacted, or a link. Where the account is under a regime, a link and nothing else, whatever the
// destination says.
//
// Writes, all in the control table: the copy ledger, before anything leaves; the mail log; digests and what is in them;
// links; suppressed addresses. Deletes digests and notices that were sent, and log and links that are over.
//
// Notices: one message for each administrator of the account, of which none leaves twice either. A notice waits in the control
// table until all of them have left, whatever became of the queue's message; without a sender, until there is one.
//
// Retry and idempotency: package ledger draws the protocol. A conversation goes to a mailbox of a destination once, whatever
// comes again, also when its next revision settles: the revision is not part of the copy's name. A process that ends
// between SES and the ledger costs one message twice, with the same Message-ID; nothing is lost. What SES does not take for
// now (its throttle, a paused account, an identity that is not verified) fails the queue's message, which comes again after
// six minutes, sixty times, and then is in the dead-letter queue. What SES will never take is in the log as failed.
//
// What SES reports: a permanent bounce and a complaint suppress the address and stand in the log, a transient bounce stands in
// the log. The report brings the tag of the message, which leads back to destination, conversation (none of a digest) and
// blind index. An address is kept with it only where the destination has it; one that only the conversation has, such as a
// visitor's, must not outlive it, and is suppressed by its blind index alone.
//
// A conversation in a digest that cannot be opened although its keys are there, or of which no letter can be made, is left
// out and told to the operator: the others do not wait for it.
//
// May: read the three tables; put and update rows of the copy ledger, digests, log, links and suppressed addresses, delete
// those of digests, log, links and notices, and touch no others of the control table; note on the row of a conversation what was
// delivered of it, and touch no key; decrypt with the wrap key under an account's context; read objects under bodies/, and list
// their bucket, to know which are gone; send to and receive from its queue, and send to that of purge; send e-mail as the
// configured sender only, through its configuration set.
//
// Alarms: errors, and anything in the dead-letter queue.
package mail

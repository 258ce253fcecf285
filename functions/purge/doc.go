// Package purge destroys what is past its time.
//
// Triggers: EventBridge Scheduler, hourly, with {"action": "purge"}, and with {"action": "drift"}; an administrator of the AWS
// account may send the same, or add "account" to the first, at any time. The purge queue, with references to conversations that a
// cadence ends as they complete.
//
// Steps 1 and 2 for every account, then the others, so that a large account keeps nobody's data readable for longer:
//
//  1. mark: everything up to the end of the last cohort that may be destroyed counts as destroyed from now on, so that a
//     policy made longer never brings it back. What only a change of the policy hides waits until the change cannot be
//     undone any more;
//  2. key: each such cohort loses its key, one small write. No record of it opens any more;
//  3. rest: its conversations lose their own keys and those of their files, as do those of other days that a rule or a cadence
//     ends; what is held stays. Then all that has lost its keys is listed, with how many files it had, and stated in receipts, one
//     for each act and kind, and only then its items and objects go, and its places in the index. The row stays with the time up
//     to which everything was known, so that late duplicates are recognised;
//  4. row: the cohort's row goes when a later run finds nothing left of it.
//
// What others destroy under the fence of a run, as it completes or because nobody settled it in time, the next run states. A run
// takes the fence before it lists what it states: nobody can add to it any more.
//
// Open conversations that are past their time, because settling has not got to them or cannot, go in step 3 too. An
// account whose policy is below the operator's floor is a mistake: it is reported and nothing of it destroyed.
//
// A conversation that was settled and goes on again is not in its old cohort any more, but what it said before is still
// sealed under that cohort's key: the key then stays until the conversation settles anew, while the others lose their own
// keys.
//
// What an administrator destroyed by hand loses its own keys once that cannot be undone; where an account's time is over, its
// account and index keys go first. Every removal of a key is one transaction with the fence of the account: it fails where the
// policy or a hold has changed since they were read, and the step begins again.
//
// Drift is a run of its own, which destroys nothing: for how long the first has been there that was to be destroyed, as a metric in
// the log. It says so where purge does not run, or runs and destroys nothing.
//
// The due row of a file that somebody is getting outlives its conversation by some minutes: by it attach finds an object that was put
// after the others were deleted. It names the file by HMACs.
//
// Writes: rows of keys; fences; a receipt for each act, before anything of it is deleted, and a copy of the receipt in the bucket
// that nobody can empty; that an extract is not there any more. Deletes: items of records, objects under bodies/ and files/, extracts that
// hold something of what went, and the wishes that are fulfilled.
//
// Retry and idempotency: a run that is killed is taken up by the next where it stood, because what is left stands in the
// index until it is gone. Every step may be done again. What fails in one account or cohort is reported and does not keep
// the others.
//
// May: read the control table; check and update fences there, update the jobs of extracts, put receipts, delete wishes to destroy
// a record, and touch no policy and no hold; read rows of keys with their index, update those of cohorts and conversations, delete
// those of cohorts, and of those of account and index keys take the key; read and delete items of records; delete objects under
// bodies/ and files/; list and delete extracts; put receipts into their bucket; sign with the signing key; receive from its queue. It has no
// permission for the wrap key: it can open nothing.
//
// Alarms: errors, no run within two hours, something that is two hours late, and anything in the dead-letter queue.
package purge

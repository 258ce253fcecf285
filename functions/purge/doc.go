// Package purge destroys what is past its time.
//
// Trigger: EventBridge Scheduler, hourly, with {"action": "purge"}; an administrator of the AWS account may send the same,
// or add "account", at any time.
//
// Steps 1 and 2 for every account, then the others, so that a large account keeps nobody's data readable for longer:
//
//  1. mark: everything up to the end of the last cohort that may be destroyed counts as destroyed from now on, so that a
//     policy made longer never brings it back. What only a change of the policy hides waits until the change cannot be
//     undone any more;
//  2. key: each such cohort loses its key, one small write. Nothing of it opens any more;
//  3. rest: its conversations lose their own keys, then their items and objects go, then their places in the index.
//     The row stays with the time up to which everything was known, so that late duplicates are recognised;
//  4. row: the cohort's row goes when a later run finds nothing left of it.
//
// Open conversations that are past their time, because settling has not got to them or cannot, go in step 3 too. An
// account whose policy is below the operator's floor is a mistake: it is reported and nothing of it destroyed.
//
// A conversation that was settled and goes on again is not in its old cohort any more, but what it said before is still
// sealed under that cohort's key: the key then stays until the conversation settles anew, while the others lose their own
// keys.
//
// Writes: rows of keys. Deletes: items of records, objects under bodies/.
//
// Retry and idempotency: a run that is killed is taken up by the next where it stood, because what is left stands in the
// index until it is gone. Every step may be done again. What fails in one account or cohort is reported and does not keep
// the others.
//
// May: read the control table; read rows of keys, update those of cohorts and conversations, delete those of cohorts; read
// and delete items of records; delete objects under bodies/. It has no permission for the wrap key: it can open nothing.
//
// Alarms: errors, and no run within two hours.
package purge

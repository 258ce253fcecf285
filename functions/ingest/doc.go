// Package ingest takes webhooks in: it verifies, adapts, minimises, seals and writes them, and answers only when they are
// durable. How an event is stored is in shared/intake.
//
// Trigger: POST /v1/webhooks/{account}/{source}, and the ingest queue. GET and HEAD of the same say that there is something at
// the address, for every account alike, without looking whether there is such an account.
//
// Writes: the row of a conversation (keys), its sealed events (records, or objects over 32 KB). A conversation that comes
// whole, and of which nothing is known yet, becomes its record at once, with pointers and fact (records) and, where they begin,
// cohorts (keys): a third of the write units. Sends a message to the settle queue when a conversation ended; a sealed
// message, of up to 50 events, to the ingest queue (over 150 KB by way of an object) when the tables refuse.
//
// Files that an event tells of are rows of their own (records), sealed with where they can be fetched, which is then in no event;
// a message to the attach queue has them fetched. A file that no message tells of is found by attach.
//
// Answers: 202 {"accepted", "duplicates"} when every event of the delivery is durable; 4xx with a stable code for what
// can never be taken; 503 when neither tables nor queue take it, so that the sender tries again.
//
// Retry and idempotency: an event is stored under an id that its sender gave it, so a delivery may come any number of
// times, in any order, by either trigger. A message of the queue that fails is reported and comes again after two minutes;
// after a hundred times it is in the dead-letter queue.
//
// Of every source that an account has, deliveries are counted (control, package health): in memory, and the first six that the
// process sees are written down as they come, then one every ten seconds, each with all that was not, and the first that is taken
// after refusals or refused after that; before it is answered and for a quarter of a second at most. A count that cannot be written
// stays in memory; the delivery is answered all the same. What was counted of a busy source in the last seconds before a process
// ended, or was not asked again, may be missing. Strangers can cause no more writes than that, but one for each delivery that is
// taken, and none for accounts that do not exist or sources that an account does not have.
//
// So the time that an answer takes may tell a stranger whether there is an account, though the answer does not: of one that there is, counts
// are written and KMS opens the key. The ids of accounts are no secrets; they stand in the addresses that senders are given.
//
// When a table throttles, nobody waits for it: the client repeats twice within 150 ms (vault.Impatient), then the events go
// to the queue and the sender has its answer. If ingest waited as the SDK does, a hundred webhooks a second would keep more
// than 300 processes busy instead of some 20, and senders would give up. Only the account's own rows there is no way
// around: as long as they cannot be read nothing is known to be genuine, and the answer is 503.
//
// Ten invocations at a time, with up to ten messages each, store what is in the queue, some 300 messages a second. The last
// that a table refused come again two minutes later (the queue's visibility timeout), and then the queue is empty.
// TestThrottledForTwoMinutes, in functions, plays it.
//
// May: read the control table and update its rows of the health of sources; read rows of keys, put those of cohorts and conversations, update those of conversations;
// put and read items of records; decrypt with the wrap key under an account's context; send to the queues of ingest, settle and
// attach, and receive from its own; put, read and delete objects under bodies/ and, of its queue, under queue/,
// and list their bucket, to know which are gone.
//
// Alarms: errors, and anything in the dead-letter queue.
package ingest

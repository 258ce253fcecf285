// Package ingest takes webhooks in: it verifies, adapts, minimises, seals and writes them, and answers only when they are
// durable.
//
// Trigger: POST /v1/webhooks/{account}/{source}, and the ingest queue.
//
// Writes: the row of a conversation (keys), its sealed events (records, or objects over 32 KB). A conversation that comes
// whole, and of which nothing is known yet, becomes its record at once, with pointers and fact (records) and, where they begin,
// cohorts (keys): a third of the write units. Sends a message to the settle queue when a conversation ended; a sealed message to the ingest queue (over 200 KB by way of an object) when the tables
// refuse.
//
// Answers: 202 {"accepted", "duplicates"} when every event of the delivery is durable; 4xx with a stable code for what
// can never be taken; 503 when neither tables nor queue take it, so that the sender tries again.
//
// Retry and idempotency: an event is stored under an id that its sender gave it, so a delivery may come any number of
// times, in any order, by either trigger. A message of the queue that fails is reported and comes again; after a hundred
// times it is in the dead-letter queue.
//
// May: read the control table; read rows of keys, put those of cohorts and conversations, update those of conversations; put and read items of records;
// decrypt with the wrap key under an account's context; send to both queues and receive from its own; put and read
// objects under bodies/; put, read and delete those of its queue under queue/.
//
// Alarms: errors, and anything in the dead-letter queue.
package ingest

// Package mailbox holds what the control table says of an account's e-mail: where transcripts go, to whom nothing is sent any
// more, what became of what was sent, the digests that are due, and who is to be told what. It sends nothing.
//
//	demo#mail#                                   archive                         a destination; its addresses wrapped
//	demo#mailbox#                                <blind index>                   a suppressed address; wrapped, if a destination's
//	demo#maillog#2026-11-21#                     2026-11-21T20:27:00.123Z#<id>   what became of a message; its address likewise
//	demo#digest#                                 2026-11-22T00:00:00Z#archive    a digest that is due then
//	demo#digest#2026-11-22T00:00:00Z/archive#    <record>#0001                   a conversation in it, and for which mailboxes
//	demo#administrators#                         list                            who is told what hides or destroys; wrapped
//	demo#notice#                                 20261121T202700.123Z-<random>   what they are to be told, until they were; wrapped
//
// No address stands in a table in the clear. One is found again by its blind index, which only the account's index key
// makes, and read only where it is wrapped, for the row in which it stands. Log and suppressed addresses may outlive the
// conversation, so an address that only the conversation has is in neither: of a visitor they have the blind index, or nothing.
//
// # Notices
//
// What administrators are to be told is written in the transaction that does it, and deleted when each of them has it. Between
// the two, the queue brings it at once, and an hourly run what the queue has lost.
//
// # Digests
//
// A digest is of a period: an hour of UTC, or a day or a week (from Monday) in the account's time zone. What settled in it is
// put into it, at the latest Late after its end; what comes later goes into the next. A digest is begun Grace after its end at
// the earliest. Grace is longer than Late and the minute that a function may run, so what is in a digest does not change
// any more once it is begun, and one that was interrupted goes on with the same messages.
package mailbox

// Package vault knows where conversations stand in the tables and how they are sealed there. It holds what more than one
// function needs of that: opening an account, the row of a conversation, cohorts, sealed events, records and facts, reading
// a conversation whole and destroying it. When each of these is done (taking in, settling, purging) stands in the functions.
//
//	table keys
//	demo#                          account           account key, wrapped by KMS
//	demo#                          index             index key
//	demo#cohort#chat#              2026-11-21        cohort key, boundaries, zone
//	demo#cohort#chat#              ~destroyed        everything before this instant is destroyed
//	demo#conversation#<record>     0001              state, generation, own keys of one incarnation, bytes of its sealed record
//	  index listing: demo#open#chat#                 position 1763757000000#<record>#0001    (last known activity)
//	                 demo#chat#2026-11-21#3#         position (anchor)                        (settled)
//
//	table records
//	demo#<record>                  entry#0001#<generation>#<entry>     one event of an open conversation, sealed
//	demo#<record>                  record#0001                         the settled revision, sealed
//	demo#<record>                  file#0001#<file>                    how far a file is, and sealed where it is fetched from
//	demo#due#                      1763757000000#<record>#0001#<file>  a file that is to be fetched by then
//	demo#subject#<blind index>     <record>#0001                       a pointer from a person to a conversation
//	demo#fact#2026-11-21#          <fact>                              a fact, sealed
//
// # Generations
//
// A conversation's row has a generation and, for each generation that may still be read, an own key. An event is sealed
// under the own key of the generation it was written in. Settling raises the generation first, so that what it reads
// and what arrives meanwhile are told apart:
//
//	settle                                   ingest
//	raise: generation g+1, its own key        read the row: generation g
//	read every event, fold, seal, write       write the event under g
//	commit if the generation is still g+1:    read the row again: moved? write again under g+1
//	  own keys of g and before go             not open? open it, if the generation has not moved
//	delete the events of g and before
//
// An event whose writer saw the generation unmoved after the write was written before the raise, so settling reads it;
// one that was written under g+1 stays readable under the key that the commit keeps. Two settlings of one conversation
// are fenced by the generation: a record is only written over one of an earlier generation, and only the owner of the
// row's generation commits.
//
// A record names the generation whose own key sealed it; while a settling is under way the row has the keys of both.
//
// # Files
//
// A file lives as its conversation does, through all its revisions: it has a key of its own, derived of the files key of the
// conversation's row, which is made with its first file and goes with the own keys. Its row and a due row are written before the event
// that tells of it: whatever fails, somebody looks for it again. Whoever fetches it claims the row for a
// while, so that two never write one object. The object is one message of package seal, whose frames open one by one.
//
// Whoever reads a file comes by an entry that names it. Where an event comes again with other files than the first time, it is written
// beside the first, and the entry has those of the form that names more. A file that no entry names nobody reads, and it goes with its
// conversation, whose receipt counts it: its writer died before the event was written, and the sender never came again; or what
// speaks for the whole conversation since knows nothing of the entry that named it.
//
//	state    waiting ──► stored      the object is there; the row does not have the address any more
//	         waiting ──► missing     with a reason; an object that is there goes before
//	         missing ──► waiting     its sender tells of it anew
//	         stored  ──► waiting     its sender tells of another file in its place; the object goes when that is there, or missing
//
// The files key is wrapped with the account key, and is not bound to the key of a cohort, as a record's is. A file comes while its
// conversation is open, which is in no cohort and whose events have own keys alone; and the conversation may settle into another
// cohort each time, where its objects stay as they are. So a cohort's key does not take the files with it: the conversation's row
// loses the files key with its own keys, in the same run of purge, and until then no reader opens what is hidden. Both keys stand in
// the table keys, of which there is no backup: no copy has one without the other.
//
// A due row leads to every object that may be put: that of a claim stays until it is known whether the object stays.
//
//	attach                                    purge, or settle of what was taken back
//	claim: due row, then the row              take the keys, or make the row missing
//	put the object                            delete the object
//	stored, if the row is still waiting       delete the row, and its due row unless it is one of a claim
//	  or, if the file is not to be had,
//	  delete the object, then missing
//	read both rows: gone? delete the object
//	delete the due row                        dead before? the sweep deletes the object, then the due row
//
// # What a policy asks
//
// A row says of its settled revision what rules, cadences and holds compare: marks (HMACs of source, department, tags and what
// its subjects are known by), when it completes, which required destinations it awaits. Whoever has no key can tell by the row,
// and nearly always by the index, when its time is over; package retention says how. Of an open conversation only who opens it can.
//
// # Destroying
//
//	fence: n, run                 n counts the changes of the policy and of holds, run is the purge that may destroy
//	every removal of a key        is one transaction with the condition that n and run are still these
//	a change, or a hold           raises n in its own transaction
//
// So nothing is destroyed by what was in force before. A destroyed row keeps its place in the index with the act in which it was
// destroyed and why, until the act is stated in a receipt and its items are deleted.
package vault

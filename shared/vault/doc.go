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
package vault

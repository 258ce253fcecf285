// Package attach gets the files that came with messages, and seals them.
//
// Triggers:
//
//	the attach queue: {"account", "record", "incarnation", "file"}   a file that an event told of, or that is tried again
//	EventBridge Scheduler: {"action": "sweep"}                       sends to that queue what is due, of every account
//	POST /v1/accounts/{account}/uploads                              a place for an integration to put a file: 201
//
// A file comes from the address that its sender gave, or from an upload. An address must be https, of a host that the source's
// adapter knows as its sender's or that the account allows for the source, and lead to an address in the open (package guard).
// What comes has 30 seconds, at most 25 MB, and one of the types of types.go, by what it says of itself and by its first bytes.
//
// An upload is put by a presigned link of five minutes, which takes as many bytes of the type as were announced; it stays in the
// staging bucket until it is sealed or refused, or for a day or two, and is one attachment's. The name of a file is never part of a key.
//
// Ten files are got at once, of all accounts. A message names its account as its group, by which SQS, where one account takes up most
// of the time, hands out the messages of others first: a slow host delays the files of its own account. Of one account sweeps have
// at most 1000 files in the queue, each for an hour before it is sent again.
//
// Writes: the object, sealed under a key that goes with the conversation's (objects, under files/), then the row of the file
// (records). What cannot be had is waiting, with the reason, and is tried again after 1, 10 and 60 minutes, 6 and 24 hours, then
// missing; what will not be otherwise by itself (too_large, type_not_allowed, gone, not_stored, a row that does not open) is missing
// at once. An object that is there by then, of what was told before or of a process that died, is deleted before the row says that the
// file is missing. What its sender tells of anew starts anew, unless the file itself is what is not kept, or is there and only its
// address is another. Nothing waits for a file: a conversation settles, is read and is destroyed with or without it. Nothing is fetched
// for one that nobody may read, as far as its row tells, which is once it has settled: it is looked at again after a day, for that may
// be undone.
//
// Retry and idempotency: a file is claimed for five minutes, longer than an invocation can take, so that a message may come any
// number of times and nobody writes an object beside somebody else. Until it is there or given up, a due row leads to it: a message
// that was lost costs an hour, a process that died a wait until the sweep. A conversation that is destroyed meanwhile takes its files
// with it: who put an object looks at the row once more, and deletes the object where the conversation is gone. The due row of the
// claim, which purge leaves, goes after that; where the process died before, the sweep finds the row without its file ten minutes
// after the claim, and deletes the object, then the row.
//
// May: read the rows of an account and of its sources; list accounts; read rows of conversations; list and put rows of due files;
// read and delete items of records but facts, visits and pointers from subjects (rows of files of conversations that are gone, and due
// ones; rows of files stand among the other items of their conversation, which a permission cannot tell apart); update of a row of
// records only what says how far a file is; decrypt with the wrap key under an account's context; put and delete objects under files/; put, read
// and delete objects of the staging bucket under uploads/ (a presigned link may what its signer may), and list that
// bucket, to know which are gone; send to its queue and receive from it.
//
// Alarms: errors; anything in the dead-letter queue.
package attach

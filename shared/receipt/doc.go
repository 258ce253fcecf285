// Package receipt makes and checks signed statements of destruction. Each account has one chain of them: a purge run, an
// hour of completion, a destruction by hand, an erasure and a closure are one receipt each. Nothing here reaches AWS: where
// a chain is kept and what signs it stands in package chain, and whoever was handed a set checks it offline with verify.
//
// A receipt is a signed statement, not more than it is. A set that verifies shows that whoever holds the key said this at
// that time, that nothing of what was said was changed, removed, reordered or put in since, and that a record is among those
// that were named. It does not show that no copy exists elsewhere, that what was said is true, or that the key is the
// operator's: its id has to be compared with one from another hand.
//
// # A set
//
//	receipts.ndjson   one head, then every receipt of the account, from number 1, one a line
//	receipts.pem      the public keys, as SubjectPublicKeyInfo; more than one after a rotation
//
//	{"head":{…},"key":K,"signature":S}                        the head: the chain as a whole, at a moment
//	{"key":K,"leaves":[…],"receipt":{…},"signature":S}        a receipt
//	{"key":K,"proof":{…},"receipt":{…},"signature":S}         a proof: a file of its own, of one record
//
//	head                                    receipt
//	format    supportvault-head/1           format        supportvault-receipt/2
//	account   demo                          account       demo
//	number    of the last receipt, or 0     number        from 1, without a gap
//	hash      of the last receipt           previous      hash of the one before; absent in the first
//	at        when this was said            act           purge | completion | hand | erasure | closure
//	                                        what          [{kind, cohort, records, bytes, files, fileBytes,
//	proof                                                   why, policy, rule, due: {from, to}}]
//	record    its id                        notDelivered  [{destination, records}], absent if there is nothing
//	index     of its leaf                   salt          32 random bytes
//	path      hashes up to the root         size, root    of the tree over all records
//	                                        done, at      when it was destroyed, when this was said
//
// # What is counted
//
// A record is a conversation (one life of it), a fact, or a visit as it is listed: all that was told of it within one day. One that
// went on past midnight is two records of one id, each in the part of its day. Bytes are those of the records, sealed. Files are the
// attachments that were kept, had been got and went with the records of the part: how many, and their bytes as they came. Their ids
// are no leaves: they were part of the conversation whose id is one. Files that were never got are none.
//
// The first format, supportvault-receipt/1, does not count files, and where there is no count in it there may have been some; in the
// second, where there is none there was none. Visits of the first are the parts in which they were told, each under an id of its
// own. A chain may begin with the first and go on with the second.
//
// # Encoding
//
// Every line is canonical JSON by RFC 8785: members sorted, no white space, shortest numbers, which are whole and below
// 2^53. Times are UTC with milliseconds, hashes 64 lower-case hexadecimal digits. What is empty and may be absent is
// absent. A reader makes the line again of what it understood and refuses one that differs in any byte, so there is one
// way to write a set, and nothing in it is unread.
//
//	hash       SHA-256 of the canonical bytes of the value of "receipt"
//	signature  ECDSA over P-256 of that hash (or of the head's): DER, its s in the lower half of the group, base64
//	key        SHA-256 of the public key's SubjectPublicKeyInfo in DER: an id that cannot be given to another key
//
// The format stands inside of what is signed, so that no head can be taken for a receipt. Any tool can check a signature:
//
//	sed -n 2p receipts.ndjson | jq -cjS .receipt > statement
//	sed -n 2p receipts.ndjson | jq -r .signature | base64 -d > signature
//	openssl dgst -sha256 -verify receipts.pem -signature signature statement
//
// (jq sorts as RFC 8785 does as long as the members' names are ASCII, as these are; openssl reads only the first key of a file.)
//
// # Records
//
//	leaf   HMAC-SHA-256(salt, id of the record)
//	tree   SHA-256(0x00 ‖ leaf), SHA-256(0x01 ‖ left ‖ right), as in RFC 6962; that of nothing is SHA-256 of nothing
//	order  the lines of "what" one after the other, the leaves of each line ascending
//
// So the place of a leaf says which line it belongs to, and the count of every line is checked against its leaves. The id of
// a record is itself an HMAC, of 160 bits, under the account's index key: leaves tell nothing to whoever does not know an id,
// and not even that two receipts name the same record. Whoever knows the id (it is in every address of the conversation)
// needs no key to find it, only the set; or, where the set is long or not for their eyes, the proof.
//
// # Why there is a head
//
// A chain from which the last receipts are cut off is a chain. The head is signed with every receipt and says how many there
// are; it is signed again when nothing happened, so that its time shows up to when the set is complete. Whoever keeps an
// old set can still show that one, with its old head: the verifier prints the time.
package receipt

// Package chain keeps each account's chain of receipts in the control table, and has KMS sign it.
//
//	table control
//	demo#receipt#                  000000000001     receipt 1: its statement, key and signature, and its leaves if they are few
//	demo#receipt#                  act#<id>         the number of the receipt of an act
//	demo#receipt#                  ~head            the signed head
//	demo#receipt#                  ~key#<id>        a public key that signed something here
//	demo#receipt#leaves#<root>#    000000           ten thousand leaves of a larger receipt, packed
//
// # Appending
//
//	the act has a receipt already?  that is the answer, and nothing is signed
//	read the head, sign the next receipt and the next head
//	in one transaction, if the head is still that one and the act has no receipt:
//	  the receipt, the act, the head, the key if it is new, and what the caller wants written with it
//	the head moved? again, after the new one
//
// Two that append at once come one after the other, and an act that is appended again, by whoever takes up what was
// interrupted, is one receipt: the first, whatever the second would have said. Leaves that are rows of their own are written
// before the transaction under the root that they have; those of a receipt that was never appended stay behind and name
// nobody.
//
// # For whoever destroys
//
// A receipt must name what it is about, and what is deleted cannot be named any more. So:
//
//	mark what is to go            the key goes: unreadable from here on
//	list it                       nothing of it is deleted yet, so the list is whole
//	Append                        with the marks "receipted" in the same transaction
//	delete what is receipted
//
// Interrupted anywhere, the next run finds what is marked and not receipted, and lists it whole again. What goes record by
// record, under an act that lasts an hour, is noted in rows of the caller's before its key goes; they are the list.
package chain

// Package conversation is the vocabulary of what is kept: the events that adapters make of deliveries, the transcript
// that settling folds them into, and the form in which a conversation is read.
//
//	delivery ─adapter─► Event… ─Fold─► Transcript ─View─► what a reader gets
//
// It knows nothing of keys, tables or clocks.
package conversation

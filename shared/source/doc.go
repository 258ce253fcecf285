// Package source knows the senders of webhooks: how each signs and what each of its deliveries means. An adapter is one
// file with two functions; the list in source.go is the only other place that names it.
//
//	raw bytes ─Verify (constant time, over the raw bytes)─► Adapt ─► []conversation.Event
//
// An adapter takes from a body only the fields that it names: everything else, credentials of the sender among it, is
// gone when Adapt returns. It neither minimises (that is the account's choice, package minimise) nor stores.
//
// Senders whose administrator writes the body have mapped sources, of which an account has as many as it wants (mapped.go).
//
// Ids by which duplicates are known come from the signed body, never from a header that the signature does not cover.
package source

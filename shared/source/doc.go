// Package source knows the senders of webhooks: how each signs and what each of its deliveries means. An adapter is one
// file with two functions; the list in source.go is the only other place that names it.
//
//	raw bytes ─Verify (constant time, over the raw bytes)─► Adapt ─► []conversation.Event
//
// A new sender is one file, such as
//
//	// pigeon knows Pigeon Post: pigeon.example.com/webhooks.
//	var pigeon = Adapter{Verify: verifyPigeon, Adapt: adaptPigeon, Setup: []string{"In Pigeon Post: Settings → Webhooks: {url}"}}
//
//	func verifyPigeon(d Delivery, secrets []string) error {
//		text, err := header(d.Header, "X-Pigeon-Signature")
//		if err != nil {
//			return ErrSignature.Because(err)
//		}
//		code, err := fromHex(text, sha256.New)
//		if err == nil {
//			err = signed(sha256.New, secrets, code, d.Body)
//		}
//		…
//	}
//
//	func adaptPigeon(d Delivery) (Adapted, error) { … }
//
// and the line "pigeon": pigeon in the list. Its test describes it (describe in traits_test.go says what the tests of all senders
// must know), package sourcetest signs as it does, and events/ingest has a sample of each of its deliveries; what those become
// is compared with testdata/golden and, folded in any order, with testdata/transcripts.
//
// An adapter takes from a body only the fields that it names: everything else, credentials of the sender among it, is
// gone when Adapt returns. It neither minimises (that is the account's choice, package minimise) nor stores.
//
// Senders whose administrator writes the body have mapped sources, of which an account has as many as it wants (mapped.go).
//
// Ids by which duplicates are known come from the signed body, never from a header that the signature does not cover.
package source

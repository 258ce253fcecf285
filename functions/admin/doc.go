// Package admin makes accounts and changes what belongs to them.
//
// Triggers: direct invocation by the operator, whose permission is lambda:InvokeFunction on this function;
//
//	{"action": "create-account", "account", "plan", "start", "retention"?, "timeZone"?, "regimes"?, "administrators"?}
//	{"action": "rotate-secret", "account", "source"}
//	{"action": "receipts", "account", "number"?, "offset"?}
//
// and the HTTP API behind authorize, for an account's administrator:
//
//	GET            /v1/accounts/{account}/mail                  destinations of transcripts
//	PUT, DELETE    /v1/accounts/{account}/mail/{name}           one of them
//	GET            /v1/accounts/{account}/mail-log              what became of messages
//	GET            /v1/accounts/{account}/suppressions          addresses to which nothing is sent any more
//	DELETE         /v1/accounts/{account}/suppressions/{id}
//	GET            /v1/accounts/{account}/copies?conversation=  where copies of a conversation are
//	GET            /v1/accounts/{account}/sources               who sends, how to set them up, and how they do
//	GET, PUT, DELETE  /v1/accounts/{account}/sources/{source}   one of them: its settings, whether the account has it
//	POST           /v1/accounts/{account}/sources/{source}/secrets  another secret; the one before is taken for another week
//	POST           /v1/accounts/{account}/sources/{source}/try  what a body would become
//	GET, PUT       /v1/accounts/{account}/administrators        who is told what hides or destroys something
//	GET            /v1/accounts/{account}/policy                the policy in force
//	GET            /v1/accounts/{account}/policy/versions       every version of it
//	POST           /v1/accounts/{account}/policy/previews       what another one would hide, and when it would be destroyed
//	POST           /v1/accounts/{account}/policy/apply          makes it the one in force, if the preview still holds
//	POST           /v1/accounts/{account}/policy/undo           makes the one before the last change the one in force again
//	GET            /v1/accounts/{account}/retention/calendar    what the policy in force will destroy, day by day
//	GET            /v1/accounts/{account}/retention/drift       how what is there stands against the policy
//	GET, POST      /v1/accounts/{account}/holds                 what is kept whatever the policy says
//	POST           /v1/accounts/{account}/holds/{hold}/release  keeps it no longer; two administrators, where the policy says so
//	GET, POST      /v1/accounts/{account}/destructions          records that are hidden, and destroyed after the wait
//	POST           /v1/accounts/{account}/destructions/{id}/undo
//	GET, POST      /v1/accounts/{account}/closure               when everything of the account goes
//	POST           /v1/accounts/{account}/closure/undo
//	GET            /v1/accounts/{account}/receipts              receipts of destruction, in short
//	GET            /v1/accounts/{account}/receipts/{number}     one of them as it was signed, with the hashes of its records
//	GET            /v1/accounts/{account}/receipts/head         how many there are, signed, and the public keys
//
// Answers to the operator hold the token and the secrets; nothing shows them again.
//
// Answers to the operator and to administrators hold a new secret once. Settings of sources are sealed like their secrets.
//
// Writes: the account's keys (keys), its policy, its sources and a token (control), all of them on the condition that
// they do not exist; sources, whose settings and secrets change on the condition that nobody else changed them meanwhile, and which
// lose both when they are taken away; destinations; versions of the policy and holds, in one transaction on the condition that the policy in force
// is still the one that was changed, and with the fence, so that no purge goes on by the one before; the administrators, likewise;
// with a version of the policy and with the administrators, in the same transaction, a notice of it, which it tells the mail queue
// afterwards. Where that fails, the request has succeeded all the same, and mail finds the notice within the hour. Wishes to destroy
// a record, in one transaction with the record's row (keys), on which it lays its hand and touches nothing else. Deletes
// destinations, suppressed addresses and wishes that were taken back. An audit entry before everything that is
// changed or shown by way of the HTTP API, and before receipts are given to the operator: without the entry, neither happens.
//
// Retry and idempotency: an account is made in one transaction, so never by half. A repeated rotation makes one more
// secret; the one before the last stops at once. A destination put again is the same; one deleted again is not found.
//
// May: read the control table; put and update its rows but audit entries and what other functions write (the copy
// ledger, extracts, receipts, digests, mail log, links, suppressed addresses, health of sources); put audit entries; delete destinations,
// suppressed addresses and wishes to destroy a record, and no holds: those that were released are shown; read rows of keys with
// their index, put those of account and index keys, and update of those of conversations whose hand is on them; query items of
// facts, to count them; send to the mail queue; generate and decrypt account keys with the wrap key under an account's context.
//
// Alarms: errors.
package admin

// Package keyring holds the hierarchy of keys under which everything is sealed.
//
//	KMS key "wrap"
//	└─ account key    random, wrapped by KMS under the encryption context {account}; kept in memory for five minutes
//	   ├─ cohort key  random, one per account, kind and cohort      ┐ rows of the table keys, wrapped under a key
//	   ├─ own key     random, one per conversation and generation   │
//	   ├─ files key   random, one per conversation that has files   │ derived of the account key and the place of
//	   └─ index key   random, one per account                       ┘ the row, so that no wrapped key fits elsewhere
//
//	record key = HKDF-SHA-256(cohort key ‖ own key; account, kind, record id, incarnation, revision)
//	entry key  = HKDF-SHA-256(own key; account, kind, record id, incarnation, generation, entry id)
//	file key   = HKDF-SHA-256(files key; account, attachment, record id, incarnation, file id)
//	fact key   = HKDF-SHA-256(cohort key; account, kind, record id)
//	queue key  = HKDF-SHA-256(account key; message id)
//
// A record opens only while its cohort's key and its own key both exist: they are read from the table for every request
// and never kept. Only the account key is kept, so that KMS is asked at most once per account and life of the cache in
// each process, however many requests wait for the answer.
//
// A wrapped key is nonce (12 bytes) ‖ AES-256-GCM(key) with tag, 60 bytes. Every wrapping key serves one row, whose
// random nonces can therefore not repeat within any number of writes that a row sees.
package keyring

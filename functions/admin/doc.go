// Package admin makes accounts and replaces the secrets of their sources.
//
// Trigger: direct invocation by the operator, whose permission is lambda:InvokeFunction on this function.
//
//	{"action": "create-account", "account", "plan", "start", "retention"?, "timeZone"?}
//	{"action": "rotate-secret", "account", "source"}
//
// Answers hold the token and the secrets; nothing shows them again.
//
// Writes: the account's keys (keys), its policy, its sources and a token (control), all of them on the condition that
// they do not exist.
//
// Retry and idempotency: an account is made in one transaction, so never by half. A repeated rotation makes one more secret; the one before the last stops at once.
//
// May: read, put and update items of the control table but audit entries; read rows of keys and put those of account and
// index keys; generate
// and decrypt account keys with the wrap key under an account's context.
//
// Alarms: errors.
package admin

// Package authorize says who is asking: it is the Lambda authorizer of every route that reads or changes something.
//
// Trigger: HTTP API, payload format 2.0, simple responses, nothing cached: a token that is revoked is refused at the next
// request.
//
// Input: the Authorization header (Bearer) and the account in the path. Allowed is a token of that account only; the
// functions behind it are told the account and the token's id. On the one route that shows a transcript to whoever was sent
// a link, the link in the query and nothing else: allowed is one whose time is not over, for the conversation in the path;
// the function behind is told the account, the link's id, the conversation and whom the link was sent to.
//
// Writes nothing. Retry and idempotency: none needed. An error refuses.
//
// May: get items of the control table. It can open nothing.
//
// Alarms: errors.
package authorize

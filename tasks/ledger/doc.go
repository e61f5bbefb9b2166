// Package ledger is the durable record of every cancellation: what was asked, what was sent, what
// came back, and what follows. It decides alone whether a request may be sent; the queue only
// decides when somebody asks.
//
// # One payment, one document
//
// All cancellations of one original payment (mchtId and orgTrdNo) are one JSON document under one
// Redis key, a [Payment], behind which an [Intent] stands while an attempt is under way: the lease,
// the sum that is known to be cancelled and the next round belong to the payment, and move together
// with the cancellation. The rules are Go: pure functions on that value, in the files rule_*.go.
// One script, store.lua, writes what came of a rule, if the document is still the one that was
// read; else the rule is applied anew. Payments are spread over shards; the open set, the dead
// letters, the outbox and the indexes of a shard live in the slot of its payments and move in the
// same script, so no crash can come between. An index from idempotency key to payment lies outside;
// Accept claims it first, so that one key never names two cancellations.
//
// The states, and which rule leads from one to another, are drawn in this package's README.
//
// # Lease and token
//
// Begin grants the payment to one attempt, named by a token, until the lease ends, which the holder
// renews. It must begin its request before Grant.Deadline, which lies before the end of the lease
// by the clock of this process; after the end, another worker may take the attempt for lost. Every
// later write names the token: a stale attempt cannot change what a newer one did, but its evidence
// is kept. A lease that ended while sending leaves an unknown outcome, never a second request.
//
// While an outcome is unknown its cancellation holds the payment, without a worker: others wait
// until it is settled.
//
// # Epochs
//
// Every write of a shard counts. A count below one that was answered before means that Redis has
// forgotten confirmed writes: the shard's epoch is raised, and what is unsettled in it is based
// anew on what the gateway shows before anything is sent.
//
// # Clock
//
// Leases and due times are in the time of the Redis server, which all workers share.
package ledger

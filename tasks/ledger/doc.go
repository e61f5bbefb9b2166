// Package ledger is the durable record of every cancellation: what was asked, what was sent, what
// came back, and what follows. It decides alone whether a request may be sent; the queue only
// decides when somebody asks.
//
//	              Begin                 Finish
//	queued ──────────────► sending ──────────────► cancelled, already_cancelled      ended, kept for Options.Retention
//	  ▲                       │  │
//	  │ transient, not        │  └───────────────► rejected, exhausted, review       dead letters, kept for ever
//	  │ applied               │ lease ended, or
//	  │                       ▼ outcome not known
//	  └─────────────────── unknown ──────────────► cancelled, rejected, review
//	                        (Begin grants inquiries)
//
// A person takes a dead letter back with Retry (to queued; from review to unknown) or ends it with
// Resolve.
//
// # One transaction, one key
//
// All cancellations of one original payment (mchtId and orgTrdNo) are one JSON document under one
// Redis key, written by Lua scripts alone: the lease, the sum cancelled so far and the next round
// belong to the payment, and one script moves them together with the cancellation. txn.lua
// documents the format. Keys are spread over shards; the open set and the dead letters of a shard
// live in the slot of its transactions and move in the same script, so no crash can come between.
// An index from idempotency key to transaction lies outside; Accept claims it first, so that one
// key never names two cancellations.
//
// # Lease and token
//
// Begin grants the transaction to one attempt, named by a token, until the lease ends. The holder
// must have written its last byte to the gateway before Grant.Deadline, which lies before the end
// of the lease by the clock of this process; after it, another worker may take the attempt for
// lost. Every later write names the token: a stale attempt cannot change what a newer one did. A
// lease that ended while sending leaves an unknown outcome, never a second request.
//
// While an outcome is unknown its cancellation holds the transaction, without a worker: others wait
// until it is settled.
//
// # Clock
//
// Leases and due times are in the time of the Redis server, which all workers share.
package ledger

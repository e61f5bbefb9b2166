// Package model walks every order in which the rules of the ledger, the real policy, a gateway, two
// workers, people and a Redis can meet, within bounds, and checks the one promise in each state.
//
// It runs the rules themselves (tasks/ledger: Accept, Begin, Renew, Finish, Retry, Resolve, Prove)
// and the policy itself (worker/policy). Only what stands between them is told again here, in a few
// lines: the loop of a worker (worker.go), the gateway (bank.go), people (people.go), and a clock
// that moves on to the next time at which anything could change (clock.go).
//
// # What may happen
//
// A run is bounded by how much may go wrong in it (Bounds.Faults): an answer that is lost, a
// request that has its effect late, a refusal, a lie, a failing inquiry, an old state shown, a
// worker that freezes (it may thaw at any time, or be dead), a reply of Redis that is lost, each
// costs one. Within that, every combination in every order is walked. Cancellations elsewhere,
// decisions of people, evidence from lists, and failovers of a Redis that forgets have bounds of
// their own.
//
// # What is assumed
//
//   - A request has its effect, if ever, at most lateBound after its grant, and the gateway shows
//     an old sum for at most staleBound; together they are shorter than the time to the second
//     inquiry, which comes two VERIFY_AFTER after the attempt's end. With Bounds.Unbounded an
//     effect may come at any time, save between the last look before the next request and that
//     request, or after the next one that reaches the gateway: what is told as rejected may then be
//     wrong, but nothing is applied twice.
//   - No amount that is cancelled elsewhere meanwhile equals a part of ours, or a sum of ours. One
//     that was cancelled before may, and the whole payment may be cancelled elsewhere: a whole one
//     of ours is then told as cancelled, or as already cancelled.
//   - The gateway refuses a second whole cancellation (flat); it refuses an id that it has applied,
//     and a round that is not greater (0A19).
//   - Redis is noticed to have forgotten writes before anything else is written (the store counts
//     them).
//
// # What is checked
//
// In each state: no cancellation is applied more often than it was meant; what is told as cancelled
// was applied; what is told as rejected or exhausted was not; the ledger never takes more for
// cancelled than the gateway has cancelled; no two workers are at a payment. Over all states: no
// run goes round in circles, and each that can go no further has ended or waits for people.
package model

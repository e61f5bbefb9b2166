package model

import (
	"time"

	"settlecancel/tasks/ledger"
	"settlecancel/worker/policy"
)

// maxCancellations is how many cancellations a payment of the model can have.
const maxCancellations = 3

// Bounds say how far a walk goes.
type Bounds struct {
	Name    string
	Payment int64   // amount of the payment
	Amounts []int64 // its cancellations, in the order of their acceptance
	Rounds  bool    // protocol 0A19: the gateway knows ids and rounds
	Blind   bool    // the producer gave neither method nor the payment's amount: no inquiry is possible
	SoFar   *int64  // what the producer of the last one took for cancelled

	Faults    int     // how much may go wrong in one run
	Before    int64   // what others have cancelled of the payment before
	Elsewhere []int64 // what others may cancel of the payment, in this order, at any time
	People    int     // decisions on dead letters
	Impatient bool    // people decide on open cancellations as well
	Wrong     bool    // people may say what is not so
	Evidence  int     // proofs from lists and notifications
	Forgets   int     // failovers to a Redis that lacks the last writes
	Forgotten int     // how many writes it may lack
	Remembers bool    // a process says again what it knows that Redis has forgotten
	Unbounded bool    // a late effect may come at any time, see the package's comment
	RetryMax  int     // retries that the budget allows

	MaxStates int // the walk is given up beyond it; 0 is no bound
}

// The settings of the model. All times are multiples of tick, so that few distances in time exist;
// every tick is longer than an inquiry that showed nothing counts as fresh.
const (
	tick        = 20 * time.Second
	leaseTime   = tick
	requestTime = 2 * tick
	verifyAfter = 3 * tick
	lateBound   = 3 * tick         // after its grant, a request has no effect any more
	staleBound  = 2 * tick         // how long the gateway may show an old sum
	remembered  = 3 * tick         // after it was noticed that Redis forgot, who still knew has said it again
	caution     = 1_000_000 * tick // how long after it forgot writes Redis is distrusted: no run lasts so long
)

func ms(d time.Duration) int64 { return d.Milliseconds() }

func (b Bounds) rules() ledger.Rules {
	return ledger.Rules{Lease: leaseTime, Request: requestTime, VerifyAfter: verifyAfter,
		Caution: caution, Farthest: 24 * time.Hour, Inquiry: !b.Blind}
}

func (b Bounds) policy() policy.Policy {
	return policy.Policy{RetryMax: b.RetryMax, RetryInitial: tick, RetryCap: tick, VerifyAfter: verifyAfter, HoldFor: tick,
		Rounds: func(ledger.Record) bool { return b.Rounds }, Jitter: func() float64 { return 0.5 }}
}

// name calls a cancellation A, B, C.
func name(c int) string { return string(rune('A' + c)) }

// entries are the cancellations as their producers ask for them.
func (b Bounds) entries() []ledger.Entry {
	var all []ledger.Entry
	for c, amount := range b.Amounts {
		e := ledger.Entry{Key: name(c), MchtID: "m", OrgTrdNo: "t", Amount: amount, Method: "CA", PaymentAmount: b.Payment}
		if b.Blind {
			e.Method = ""
			if amount != b.Payment {
				e.PaymentAmount = 0
			}
		}
		if c == len(b.Amounts)-1 {
			e.CancelledSoFar = b.SoFar
		}
		all = append(all, e)
	}
	return all
}

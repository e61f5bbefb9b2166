package model

import (
	"slices"

	"settlecancel/tasks/ledger"
)

// start is the time at which every run begins, in ms.
const start = int64(1_000_000_000_000)

// world is one state of everything.
type world struct {
	now            int64
	epoch, epochAt int64
	payment        *ledger.Payment
	bank           bank
	workers        [2]worker

	safe    *ledger.Payment // what a failover brings back; nil while Redis forgets nothing
	safeAge int             // writes since
	known   *ledger.Payment // what a process knows that Redis has forgotten, for a while

	faults, people, evidence, forgets int // what may still happen

	word    [maxCancellations]word // what people said
	excused [maxCancellations]bool // Redis forgot what it had been told since
	broken  string                 // what the last step broke
}

// word is what a person said of a cancellation.
type word uint8

const (
	noWord word = iota
	trueWord
	wrongWord
)

// first returns the world in which nothing has happened.
func (m *Model) first() *world {
	w := &world{now: start, payment: &ledger.Payment{MchtID: "m", OrgTrdNo: "t"},
		faults: m.bounds.Faults, people: m.bounds.People, evidence: m.bounds.Evidence, forgets: m.bounds.Forgets}
	if w.bank.sum = m.bounds.Before; w.bank.sum > 0 {
		w.bank.round = 1
	}
	for c := range m.entries {
		m.accept(w, c)
	}
	return w
}

func (w *world) moment() ledger.Moment {
	return ledger.Moment{Now: w.now, Epoch: w.epoch, EpochAt: w.epochAt}
}

// clone returns a copy that shares nothing that changes.
func (w *world) clone() *world {
	n := *w
	n.payment = clonePayment(w.payment)
	n.bank.flights = slices.Clone(w.bank.flights)
	n.bank.old = slices.Clone(w.bank.old)
	return &n
}

// clonePayment copies what is stored of a payment, and nothing of what a rule has noted beside.
func clonePayment(p *ledger.Payment) *ledger.Payment {
	n := &ledger.Payment{Write: p.Write, Format: p.Format, MchtID: p.MchtID, OrgTrdNo: p.OrgTrdNo, Amount: p.Amount,
		Sum: p.Sum, Basis: p.Basis, Round: p.Round}
	if p.Lease != nil {
		l := *p.Lease
		n.Lease = &l
	}
	all := make([]ledger.Cancellation, len(p.Cancellations))
	n.Cancellations = make([]*ledger.Cancellation, len(p.Cancellations))
	for i, c := range p.Cancellations {
		all[i] = *c
		all[i].Attempts, all[i].Acts = slices.Clone(c.Attempts), slices.Clone(c.Acts)
		n.Cancellations[i] = &all[i]
	}
	return n
}

// find returns cancellation c of the model as the ledger knows it, or nil.
func (w *world) find(c int) *ledger.Cancellation { return w.payment.Find(name(c)) }

// apply lets a rule change the payment, notes which transitions it made, and drops what no rule
// reads: the history of attempts and acts.
func (m *Model) apply(w *world, by string, rule func(p *ledger.Payment)) {
	var before [maxCancellations]ledger.Status
	for c := range m.entries {
		if x := w.find(c); x != nil {
			before[c] = x.Status
		}
	}
	rule(w.payment)
	for c := range m.entries {
		x := w.find(c)
		if x == nil {
			continue
		}
		if x.Status != before[c] {
			m.Seen[ledger.Transition{From: before[c], To: x.Status, By: by}] = true
		}
		if n := len(x.Attempts); n > 0 {
			if x.Attempts[n-1].UnderWay {
				x.Attempts = x.Attempts[n-1:]
			} else {
				x.Attempts = nil
			}
		}
		x.Acts, x.Dropped, x.Message = nil, 0, ""
	}
	if w.safe != nil {
		if w.safeAge++; w.safeAge > m.bounds.Forgotten {
			w.safe, w.safeAge = nil, 0
		}
	}
}

// spend takes faults from what may still go wrong, and reports whether so many were left.
func (w *world) spend(faults int) bool {
	w.faults -= faults
	return w.faults >= 0
}

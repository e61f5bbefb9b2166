package model

import (
	"slices"
)

// tickOn moves the clock on to the next time at which anything can change. A worker whose lease
// goes by meanwhile is frozen; that is a fault.
func (m *Model) tickOn(w *world, yield func(*world, string)) {
	next := int64(0)
	at := func(t int64) {
		if t > w.now && (next == 0 || t < next) {
			next = t
		}
	}
	if l := w.payment.Lease; l != nil {
		at(l.Expires)
	}
	for _, c := range w.payment.Cancellations {
		if open(c.Status) && !c.Closed {
			at(c.Due)
		}
	}
	for _, f := range w.bank.flights {
		if !m.bounds.Unbounded {
			at(f.latest + 1)
		}
	}
	for _, p := range w.bank.old {
		at(p.until)
	}
	if w.epochAt > 0 {
		at(w.epochAt + ms(requestTime+verifyAfter))
	}
	for i := range w.workers {
		if w.workers[i].doing == granted && w.workers[i].grant.Step == stepSend {
			at(w.workers[i].latest + 1)
		}
	}
	if next == 0 {
		return
	}
	n := w.clone()
	n.now = next
	if next > w.epochAt+ms(remembered) {
		n.known = nil
	}
	for i := range n.workers {
		x := &n.workers[i]
		if x.doing == idle || x.frozen || n.holds(i) {
			continue
		}
		if !n.spend(1) {
			return
		}
		x.frozen = true
	}
	n.bank.flights = slices.DeleteFunc(n.bank.flights, func(f flight) bool { return !m.bounds.Unbounded && f.latest < next })
	n.bank.old = slices.DeleteFunc(n.bank.old, func(p past) bool { return p.until <= next })
	yield(n, "time goes by")
}

// holds reports whether the lease of a worker still lasts.
func (w *world) holds(i int) bool {
	l := w.payment.Lease
	return l != nil && l.Token == token(i) && l.Expires > w.now
}

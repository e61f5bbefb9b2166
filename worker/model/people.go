package model

import (
	"slices"

	"settlecancel/tasks/ledger"
)

const stepSend = ledger.StepSend

func open(s ledger.Status) bool {
	return s == ledger.Queued || s == ledger.Sending || s == ledger.Unknown
}

func dead(c *ledger.Cancellation) bool {
	return !c.Closed && (c.Status == ledger.Rejected || c.Status == ledger.Exhausted || c.Status == ledger.Review)
}

func ended(c *ledger.Cancellation) bool { return !dead(c) && !open(c.Status) || c.Closed }

func (m *Model) accept(w *world, c int) {
	m.apply(w, "Accept", func(p *ledger.Payment) {
		if _, err := p.Accept(w.moment(), m.entries[c]); err != nil {
			w.broken = "it is not accepted: " + err.Error()
		}
	})
}

// acceptAgain lets a producer repeat what Redis has forgotten.
func (m *Model) acceptAgain(w *world, yield func(*world, string)) {
	for c := range m.entries {
		if w.find(c) == nil {
			n := w.clone()
			m.accept(n, c)
			n.broken = ""
			yield(n, name(c)+" is asked for again")
		}
	}
}

// decide lets people retry and resolve.
func (m *Model) decide(w *world, yield func(*world, string)) {
	if w.people == 0 {
		return
	}
	for c := range m.entries {
		x := w.find(c)
		if x == nil || ended(x) {
			continue
		}
		if dead(x) {
			n := w.clone()
			n.people--
			m.apply(n, "Retry", func(p *ledger.Payment) { _ = p.Retry(w.moment(), m.rules, name(c), ledger.Decision{}) })
			yield(n, "a person retries "+name(c))
		} else if !m.bounds.Impatient {
			continue
		}
		for _, as := range ledger.Resolutions() {
			word := m.word(w, c, as)
			if word == wrongWord && !m.bounds.Wrong {
				continue
			}
			n := w.clone()
			n.people--
			n.word[c] = word
			var err error
			m.apply(n, "Resolve", func(p *ledger.Payment) { err = p.Resolve(w.moment(), m.rules, name(c), ledger.Decision{As: as}) })
			what := "a person resolves " + name(c) + " as " + string(as)
			if word == wrongWord {
				what += ", which is not so"
			}
			if err == nil {
				yield(n, what)
			}
		}
	}
}

// word reports whether a resolution is true, and stays so.
func (m *Model) word(w *world, c int, as ledger.Status) word {
	under := slices.ContainsFunc(w.bank.flights, func(f flight) bool { return f.c == c })
	for _, o := range w.workers {
		under = under || o.doing == granted && o.c == c && o.grant.Step == stepSend
	}
	switch {
	case as == ledger.Cancelled && w.bank.applied[c] == 1, as != ledger.Cancelled && w.bank.applied[c] == 0 && !under:
		return trueWord
	}
	return wrongWord
}

// prove lets a list or a notification show a cancellation.
func (m *Model) prove(w *world, yield func(*world, string)) {
	if w.evidence == 0 {
		return
	}
	for c := range m.entries {
		x := w.find(c)
		if x == nil || w.bank.applied[c] == 0 {
			continue
		}
		n := w.clone()
		n.evidence--
		var err error
		m.apply(n, "Prove", func(p *ledger.Payment) {
			err = p.Prove(w.moment(), m.rules, name(c), ledger.Evidence{CanTrdNo: number(c, 0)})
		})
		if err == nil {
			yield(n, "a list shows "+name(c))
		}
	}
}

// forget lets Redis go back to what it had some writes ago.
func (m *Model) forget(w *world, yield func(*world, string)) {
	switch {
	case w.safe == nil && w.forgets > 0:
		n := w.clone()
		n.forgets--
		n.safe = clonePayment(w.payment)
		yield(n, "from now on Redis will forget what is written")
	case w.safe != nil && w.safeAge > 0:
		n := w.clone()
		n.payment, n.safe, n.safeAge = clonePayment(w.safe), nil, 0
		n.epoch++
		n.epochAt = w.now
		if m.bounds.Remembers {
			n.known = clonePayment(w.payment)
		}
		for c := range m.entries {
			x := n.find(c)
			n.excused[c] = x != nil && (x.Status == ledger.Rejected || x.Status == ledger.Exhausted) && w.bank.applied[c] > 0
			if x == nil || !x.Closed {
				n.word[c] = noWord
			}
		}
		yield(n, "Redis forgets the last writes, and that is noticed")
	}
}

// sayAgain lets a process restore what it knows that Redis has forgotten.
func (m *Model) sayAgain(w *world, yield func(*world, string)) {
	if w.known == nil {
		return
	}
	for c := range m.entries {
		n := w.clone()
		changed := false
		m.apply(n, "Restore", func(p *ledger.Payment) {
			before := p.Find(name(c))
			was := ledger.Cancellation{}
			if before != nil {
				was = *before
			}
			err := p.Restore(w.moment(), m.rules, clonePayment(w.known), name(c))
			after := p.Find(name(c))
			changed = err == nil && after != nil && (before == nil || was.Status != after.Status || was.SentAt != after.SentAt)
		})
		if changed {
			yield(n, "a process says again what it knows of "+name(c))
		}
	}
}

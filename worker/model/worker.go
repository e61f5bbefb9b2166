package model

import (
	"slices"

	"settlecancel/tasks/ledger"
)

// worker is what one worker does at the payment.
type worker struct {
	doing  doing
	c      int
	frozen bool  // the time of its lease has gone by
	epoch  int64 // of the grant
	latest int64 // ms, after which its request has no effect any more
	renew  bool  // it has renewed its lease
	repeat bool  // it finishes again, because a reply got lost
	grant  *ledger.Grant
	finish *ledger.Finishing
}

type doing uint8

const (
	idle    doing = iota
	granted       // it may send, or inquire
	done          // it knows the outcome, and has not stored it
)

// stale is the token of an attempt that no worker holds any more.
const stale = "x"

func token(i int) string { return string(rune('0' + i)) }

// work are the steps of the workers. This is what the handler does, and no more.
func (m *Model) work(w *world, yield func(*world, string)) {
	begun := false
	for i := range w.workers {
		switch w.workers[i].doing {
		case idle:
			if !begun { // idle workers are alike
				m.begin(w, i, yield)
			}
			begun = true
		case granted:
			m.proceed(w, i, yield)
		case done:
			m.store(w, i, yield)
		}
	}
}

func (m *Model) begin(w *world, i int, yield func(*world, string)) {
	for c := range m.entries {
		m.beginBarred(w, i, c, ledger.Barred{}, yield)
		if x := w.find(c); x != nil && x.Status == ledger.Queued && x.Doubts == 0 && !w.payment.Based(w.moment()) {
			m.beginBarred(w, i, c, ledger.Barred{Inquiries: true}, yield)
		}
	}
}

// beginBarred begins a cancellation, perhaps while the merchant's inquiries are held back because
// others fail, which is a fault.
func (m *Model) beginBarred(w *world, i, c int, barred ledger.Barred, yield func(*world, string)) {
	n := w.clone()
	if barred.Inquiries && !n.spend(1) {
		return
	}
	var g ledger.Grant
	m.apply(n, "Begin", func(p *ledger.Payment) {
		g = p.Begin(w.moment(), m.rules, ledger.Beginning{Entry: m.entries[c], Token: token(i), Barred: barred})
	})
	switch g.Step {
	case ledger.StepSend, ledger.StepInquire:
		n.workers[i] = worker{doing: granted, c: c, grant: &g, epoch: w.epoch, latest: w.now + ms(lateBound)}
		n.broken = m.checkGrant(w, c, g)
		what := "may send"
		if g.Step == ledger.StepInquire {
			what = [...]string{"", "may verify", "may look before it sends again", "may look before the first part"}[g.Purpose]
		}
		yield(n, m.say("worker %d begins %s: it %s", i+1, name(c), what))
	default:
		if (n.payment.Lease == nil) != (w.payment.Lease == nil) || due(n, c) != due(w, c) {
			yield(n, m.say("worker %d begins %s: it has to wait", i+1, name(c)))
		}
	}
}

func due(w *world, c int) int64 {
	if x := w.find(c); x != nil {
		return x.Due
	}
	return 0
}

// checkGrant looks at a grant by itself.
func (m *Model) checkGrant(w *world, c int, g ledger.Grant) string {
	x := w.find(c)
	for _, o := range w.workers {
		if g.Step == ledger.StepSend && o.doing == granted && !o.frozen && o.grant.Step == ledger.StepSend && w.epochAt == 0 {
			return "two workers may send at a time"
		}
	}
	if g.Step == ledger.StepSend && (x.Closed || x.Status == ledger.Cancelled || x.Status == ledger.AlreadyCancelled) {
		return name(c) + " may be sent, though it has ended"
	}
	return ""
}

// proceed lets a worker use its grant, or step back.
func (m *Model) proceed(w *world, i int, yield func(*world, string)) {
	x := &w.workers[i]
	if x.frozen {
		n := w.clone()
		n.leave(i)
		yield(n, m.say("worker %d is dead", i+1))
	} else if !x.renew && w.payment.Lease != nil && w.payment.Lease.Expires < w.now+ms(leaseTime) {
		n := w.clone()
		n.workers[i].renew = true
		m.apply(n, "Renew", func(p *ledger.Payment) { p.Renew(w.moment(), m.rules, name(x.c), token(i)) })
		yield(n, m.say("worker %d renews its lease", i+1))
	}
	m.release(w, i, yield)
	if x.grant.Step == ledger.StepInquire {
		m.inquire(w, i, yield)
	} else if w.now <= x.latest {
		m.send(w, i, yield)
	}
}

// release gives a grant back that was not used. A worker that thaws does so for sure.
func (m *Model) release(w *world, i int, yield func(*world, string)) {
	n := w.clone()
	if !w.workers[i].frozen && !n.spend(1) {
		return
	}
	r := w.workers[i].grant.Record
	next := ledger.Next{Status: r.Status, Reason: r.Reason, Verification: r.Verification}
	if w.workers[i].grant.Step == ledger.StepSend {
		next.Status = ledger.Queued
	}
	n.decided(i, ledger.Attempt{Class: ledger.Unsent}, next)
	yield(n, m.say("worker %d steps back", i+1))
}

func (m *Model) send(w *world, i int, yield func(*world, string)) {
	x := &w.workers[i]
	r := x.grant.Record
	q := request{c: x.c, id: r.RequestID, round: r.Round}
	for _, reply := range m.replies(w, q) {
		n := w.clone()
		if !n.spend(reply.faults) {
			continue
		}
		if m.bounds.Unbounded && (reply.effect || reply.flight) { // what comes after its successor is beyond any bound
			n.bank.flights = slices.DeleteFunc(n.bank.flights, func(f flight) bool { return f.c == x.c })
		}
		if reply.effect {
			m.carry(n, q)
		}
		if reply.flight {
			n.bank.flights = append(n.bank.flights, flight{q, x.latest})
		}
		n.decided(i, ledger.Attempt{Class: string(reply.outcome.Class)}, m.policy.AfterRequest(*x.grant, reply.outcome))
		yield(n, m.say("worker %d sends %s; %s", i+1, name(x.c), reply.what))
	}
}

func (m *Model) inquire(w *world, i int, yield func(*world, string)) {
	x := &w.workers[i]
	if !x.grant.Record.Inquirable {
		n := w.clone()
		n.decided(i, ledger.Attempt{Class: "impossible"}, m.policy.WithoutInquiry(*x.grant))
		yield(n, m.say("worker %d cannot inquire after %s", i+1, name(x.c)))
		return
	}
	for _, s := range m.showings(w) {
		n := w.clone()
		if !n.spend(s.faults) {
			continue
		}
		n.bank.inquiries = s.outage
		n.decided(i, ledger.Attempt{Class: string(s.answer.Class)}, m.policy.AfterInquiry(*x.grant, s.answer))
		yield(n, m.say("worker %d inquires after %s; %s: %d %s", i+1, name(x.c), s.what, s.answer.Cancelled, s.answer.State))
	}
}

// decided notes what a worker will store.
func (w *world) decided(i int, a ledger.Attempt, next ledger.Next) {
	x := &w.workers[i]
	next.Message = ""
	x.finish = &ledger.Finishing{Key: name(x.c), Token: token(i), Inquiry: x.grant.Step == ledger.StepInquire,
		Sum: x.grant.Record.ConfirmedCancelled, Epoch: x.epoch, Attempt: a, Next: next}
	x.doing, x.grant = done, nil
}

// store lets a worker write the outcome that it knows, or never come to that.
func (m *Model) store(w *world, i int, yield func(*world, string)) {
	x := w.workers[i]
	if x.frozen && !x.repeat {
		n := w.clone()
		n.leave(i)
		yield(n, m.say("worker %d is dead", i+1))
	}
	for lost := range 2 {
		n := w.clone()
		if lost == 1 && (x.repeat || !n.spend(1)) {
			continue
		}
		var err error
		m.apply(n, "Finish", func(p *ledger.Payment) { err = p.Finish(w.moment(), *x.finish) })
		what := ""
		if err != nil {
			what = m.say(" (%v)", err)
		}
		if lost == 1 {
			n.workers[i].repeat = true
			what += "; the reply is lost"
		} else {
			n.leave(i)
		}
		yield(n, m.say("worker %d stores that %s is %s%s", i+1, name(x.c), x.finish.Next.Status, what))
	}
}

// leave makes a worker idle. Nobody has its token any more.
func (w *world) leave(i int) {
	w.workers[i] = worker{}
	for _, at := range []**ledger.Payment{&w.payment, &w.safe, &w.known} {
		p := *at
		if p == nil {
			continue
		}
		if p != w.payment { // which is this world's own
			p = clonePayment(p)
			*at = p
		}
		if p.Lease != nil && p.Lease.Token == token(i) {
			p.Lease.Token = stale
		}
		for _, c := range p.Cancellations {
			if c.Token == token(i) {
				c.Token = stale
			}
		}
	}
}

// looked reports whether a worker is between the last look at a cancellation and its request.
func (w *world) looked(c int) bool {
	x := w.find(c)
	if x != nil && (x.Status == ledger.Queued || x.Status == ledger.Sending) && x.Asked > 0 && w.now < x.Asked+ms(tick) {
		return true
	}
	for _, o := range w.workers {
		if o.doing != idle && o.c == c {
			return true
		}
	}
	return false
}

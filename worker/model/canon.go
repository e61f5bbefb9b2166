package model

import (
	"bytes"
	"encoding/binary"

	"settlecancel/tasks/ledger"
)

// encoder writes what of a world can make a difference for anything that follows. Times are written
// as distances from now, cut off where they make no difference any more; what is only kept for
// people (messages, times of acceptance and end, acts, old attempts) is left out.
type encoder struct {
	buf   []byte
	now   int64
	epoch int64
	since int64   // ms, of the epoch
	names [2]byte // what the tokens of the workers are called
}

func (e *encoder) int(v int64)     { e.buf = binary.AppendVarint(e.buf, v) }
func (e *encoder) text(s string)   { e.int(int64(len(s))); e.buf = append(e.buf, s...) }
func (e *encoder) bools(b ...bool) { e.int(bits(b)) }

func bits(b []bool) (v int64) {
	for i, x := range b {
		if x {
			v |= 1 << i
		}
	}
	return v
}

// distance writes a time, cut off where it lies long ago.
func (e *encoder) distance(t, longAgo int64) { e.int(max(t-e.now, -longAgo)) }

func (e *encoder) token(t string) {
	for i, name := range e.names {
		if t == token(i) {
			e.buf = append(e.buf, name)
			return
		}
	}
	e.buf = append(e.buf, 0)
}

// canon returns the same bytes for two worlds from which the same can follow. Workers are alike: of
// their two orders the one with the lesser bytes is taken.
func (m *Model) canon(w *world) []byte {
	a := m.encode(w, [2]int{0, 1}, m.buffers[0][:0])
	m.buffers[0] = a
	if w.workers[0].doing == idle && w.workers[1].doing == idle {
		return a
	}
	b := m.encode(w, [2]int{1, 0}, m.buffers[1][:0])
	m.buffers[1] = b
	if bytes.Compare(b, a) < 0 {
		return b
	}
	return a
}

func (m *Model) encode(w *world, order [2]int, buf []byte) []byte {
	e := &encoder{buf: buf, now: w.now, epoch: w.epoch, since: w.epochAt}
	e.names[order[0]], e.names[order[1]] = 1, 2
	e.int(int64(w.faults)<<24 | int64(w.people)<<16 | int64(w.evidence)<<8 | int64(w.forgets))
	e.bools(w.epochAt > 0, w.safe != nil)
	if w.epochAt > 0 {
		e.distance(w.epochAt, ms(requestTime+verifyAfter))
	}
	e.payment(w.payment)
	if w.safe != nil {
		e.int(int64(w.safeAge))
		e.payment(w.safe)
	}
	e.bools(w.known != nil)
	if w.known != nil {
		e.payment(w.known)
		for _, c := range w.known.Cancellations { // no other rule looks at when it was sent
			stored := w.payment.Find(c.Key)
			e.bools(stored != nil && c.SentAt > stored.SentAt)
		}
	}
	for c := range m.entries {
		e.int(int64(w.word[c]))
	}
	e.bools(w.excused[:]...)
	e.bank(&w.bank, m)
	for _, i := range order {
		e.worker(&w.workers[i])
	}
	return e.buf
}

func (e *encoder) payment(p *ledger.Payment) {
	e.int(p.Amount)
	e.int(p.Sum)
	e.int(int64(p.Round))
	kind := p.Basis.Kind
	if p.Basis.Epoch != e.epoch {
		kind = ""
	}
	e.text(string(kind))
	e.bools(p.Lease != nil)
	if l := p.Lease; l != nil {
		e.text(l.Key)
		e.token(l.Token)
		e.distance(l.Expires, ms(verifyAfter))
	}
	e.int(int64(len(p.Cancellations)))
	for _, c := range p.Cancellations {
		e.cancellation(c)
	}
}

func (e *encoder) cancellation(c *ledger.Cancellation) {
	e.text(c.Key)
	e.text(string(c.Status))
	e.text(string(c.Reason))
	e.text(c.CanTrdNo)
	e.token(c.Token)
	if !ended(c) && !dead(c) {
		e.distance(c.Due, 0)
	}
	if c.Status == ledger.Sending {
		e.distance(c.SentAt, ms(requestTime))
	}
	e.int(int64(c.Spent))
	e.int(int64(c.RequestID))
	e.int(int64(c.Doubts))
	underWay := ""
	if n := len(c.Attempts); n > 0 && c.Attempts[n-1].UnderWay {
		underWay = c.Attempts[n-1].Kind
	}
	e.text(underWay)
	e.bools(c.Accepted < e.since, c.Answered, c.Closed, c.Settled, c.Blind, c.SentBlind, c.SoFar != nil, c.Asked > 0)
	if c.SoFar != nil {
		e.int(*c.SoFar)
	}
	if c.Asked > 0 {
		e.distance(c.Asked, ms(tick))
	}
	e.verification(c.Verify)
}

func (e *encoder) verification(v ledger.Verification) {
	e.int(int64(v.Failed))
	e.int(int64(v.Seen))
	e.int(int64(v.Resent))
	e.int(int64(v.Steps))
	e.text(string(v.Then))
	e.bools(v.Based)
}

func (e *encoder) bank(b *bank, m *Model) {
	e.int(b.sum)
	e.int(int64(b.round))
	for c := range m.entries {
		e.int(int64(b.applied[c])<<8 | int64(b.used[c]))
	}
	e.int(int64(b.elsewhere)<<8 | int64(b.inquiries))
	e.int(int64(len(b.flights)))
	for _, f := range b.flights {
		e.int(int64(f.c)<<16 | int64(f.id)<<8 | int64(f.round))
		e.distance(f.latest, ms(lateBound))
	}
	e.int(int64(len(b.old)))
	for _, p := range b.old {
		e.int(p.sum)
		e.distance(p.until, 0)
	}
}

func (e *encoder) worker(x *worker) {
	e.int(int64(x.doing))
	if x.doing == idle {
		return
	}
	e.int(int64(x.c))
	e.bools(x.frozen, x.renew, x.repeat, x.epoch == e.epoch)
	if x.doing == done {
		e.finishing(x.finish)
		return
	}
	if x.grant.Step == stepSend {
		e.distance(x.latest, 1)
	}
	e.grant(x.grant)
}

func (e *encoder) grant(g *ledger.Grant) {
	e.int(int64(g.Step)<<8 | int64(g.Purpose))
	e.bools(g.Cautious, g.Twin)
	e.int(int64(len(g.Doubts)))
	for _, d := range g.Doubts {
		e.text(d.Key)
		e.bools(d.Claimed)
	}
	e.int(int64(len(g.Numbers)))
	for _, n := range g.Numbers {
		e.text(n)
	}
	r := &g.Record
	e.text(string(r.Status))
	e.text(string(r.Reason))
	e.text(string(r.Basis))
	e.int(int64(r.Spent))
	e.int(int64(r.RequestID))
	e.int(int64(r.Round))
	e.int(r.ConfirmedCancelled)
	e.int(r.PaymentAmount)
	e.int(r.Ahead)
	e.bools(r.Full, r.Doubted, r.Doubtful, r.Blind, r.Inquirable, r.SoFar != nil)
	if r.SoFar != nil {
		e.int(*r.SoFar)
	}
	e.verification(r.Verification)
}

func (e *encoder) finishing(f *ledger.Finishing) {
	n := &f.Next
	e.int(f.Sum)
	e.text(string(n.Status))
	e.text(string(n.Basis))
	e.text(string(n.Reason))
	e.text(n.CanTrdNo)
	e.int(ms(n.After))
	e.int(int64(n.Spend)<<8 | int64(n.Rounds))
	e.int(n.Credit)
	e.bools(f.Inquiry, n.Doubt, n.Asked, n.NewID, n.Unbased, n.Sum != nil, f.Attempt.Class == ledger.Unsent)
	if n.Sum != nil {
		e.int(*n.Sum)
	}
	e.int(int64(len(n.Claims)))
	for _, c := range n.Claims {
		e.text(c)
	}
	e.verification(n.Verification)
}

package model

import (
	"slices"

	"settlecancel/gateway"
)

// bank is the truth: what the gateway has cancelled.
type bank struct {
	sum       int64
	round     int                     // highest that was used
	applied   [maxCancellations]int8  // how often each cancellation had its effect
	used      [maxCancellations]uint8 // ids under which it had one, as bits
	elsewhere int                     // how many cancellations of others were made
	flights   []flight
	old       []past
	inquiries outage
}

// flight is a request that may still arrive.
type flight struct {
	request
	latest int64 // ms
}

// request is what a worker sends.
type request struct {
	c, id, round int
}

// past is a sum that the gateway may still show.
type past struct {
	sum   int64
	until int64 // ms
}

// outage is how inquiries fail for good.
type outage int8

const (
	answering outage = iota
	failing
	refusing
)

// reply is one way in which a request can go.
type reply struct {
	what    string
	faults  int
	effect  bool // it is applied now
	flight  bool // it may be applied later
	outcome gateway.Outcome
}

func answered(class gateway.Class, code string) gateway.Outcome {
	return gateway.Outcome{Class: class, Code: code, Listed: true, HTTPStatus: 200, Written: true}
}

var (
	silence  = gateway.Outcome{Class: gateway.Unknown, Written: true}
	unlisted = gateway.Outcome{Class: gateway.Unknown, Code: "QQ99", HTTPStatus: 200, Written: true}
	unsent   = gateway.Outcome{Class: gateway.Transient}
)

// number is that of an effect of a cancellation.
func number(c int, nth int8) string { return name(c) + string(rune('0'+nth)) }

// refusals are the answers to a request that the gateway's own rules refuse; none where it may
// apply it.
func (m *Model) refusals(b *bank, q request) []reply {
	refused := func(code string, class gateway.Class) reply {
		return reply{what: "SettleBank refuses it (" + code + ")", outcome: answered(class, code)}
	}
	amount := m.entries[q.c].Amount
	switch {
	case m.bounds.Rounds && b.used[q.c]>>q.id&1 == 1:
		return []reply{refused("ST50", gateway.Duplicate), refused("ST25", gateway.Already)}
	case m.bounds.Rounds && q.round <= b.round:
		return []reply{refused("ST56", gateway.Rejected)}
	case b.sum == m.bounds.Payment:
		return []reply{refused("CA12", gateway.Already), refused("1002", gateway.Rejected)}
	case amount > m.bounds.Payment-b.sum:
		if m.bounds.Blind { // without an inquiry, such an "already" has to be believed
			return []reply{refused("1002", gateway.Rejected)}
		}
		return []reply{refused("CA12", gateway.Already), refused("1002", gateway.Rejected)}
	}
	return nil
}

// replies are all the ways in which a request can go that arrives now, or later, or never.
func (m *Model) replies(w *world, q request) []reply {
	b := &w.bank
	lost := reply{what: "the request is held up on the wire, and the answer lost", faults: 1, flight: true, outcome: silence}
	never := reply{what: "the connection breaks before the first byte", faults: 1, outcome: unsent}
	if refused := m.refusals(b, q); refused != nil {
		gone := reply{what: "SettleBank refuses it, and the answer is lost", faults: 1, outcome: silence}
		return append(refused, gone, lost, never)
	}
	ok := answered(gateway.OK, "0000")
	ok.CanTrdNo = number(q.c, b.applied[q.c])
	all := []reply{
		{what: "SettleBank applies it and says so", effect: true, outcome: ok},
		{what: "SettleBank applies it, and the answer is lost", faults: 1, effect: true, outcome: silence},
		{what: "SettleBank applies it, and answers with a code that nobody knows", faults: 1, effect: true, outcome: unlisted},
		{what: "SettleBank holds it up, and answers with a code that nobody knows", faults: 1, flight: true, outcome: unlisted},
		{what: "SettleBank is busy (ST41)", faults: 1, outcome: answered(gateway.Transient, "ST41")},
		{what: "SettleBank refuses it for good (ST45)", faults: 1, outcome: answered(gateway.Rejected, "ST45")},
		{what: "SettleBank refuses the keys (1901)", faults: 1, outcome: answered(gateway.Misconfigured, "1901")},
		{what: "SettleBank takes it for a duplicate (ST50)", faults: 1, outcome: answered(gateway.Duplicate, "ST50")},
		lost, never,
	}
	if m.bounds.Rounds {
		left := m.bounds.Payment - b.sum - m.entries[q.c].Amount
		told := all[0]
		told.what += ", with blcAmt"
		told.outcome.Detail.BalanceAmt = &left
		all = append(all, told)
	}
	if amount := m.entries[q.c].Amount; m.bounds.Rounds || b.sum+amount == m.bounds.Payment { // else the second is applied, too
		all = append(all, reply{what: "it comes there twice, SettleBank applies it and answers the second one (ST25)", faults: 1, effect: true,
			outcome: answered(gateway.Already, "ST25")})
	}
	for c, e := range m.entries {
		if c != q.c && e.Amount == m.entries[q.c].Amount && b.applied[c] > 0 && !m.bounds.Rounds {
			twin := answered(gateway.OK, "0000")
			twin.CanTrdNo = number(c, 0)
			all = append(all, reply{what: "SettleBank takes it for " + name(c) + " again, applies nothing and answers 0000", faults: 1, outcome: twin})
		}
	}
	return all
}

// carry applies a request now.
func (m *Model) carry(w *world, q request) {
	b := &w.bank
	m.change(w, m.entries[q.c].Amount)
	b.applied[q.c]++
	b.used[q.c] |= 1 << q.id
	if m.bounds.Rounds {
		b.round = q.round
	}
}

// change moves the sum, and keeps the old one for who is shown it.
func (m *Model) change(w *world, amount int64) {
	b := &w.bank
	if !m.bounds.Unbounded {
		b.old = append(b.old, past{b.sum, w.now + ms(staleBound)})
	}
	b.sum += amount
}

// land lets requests arrive that were held up on the wire.
func (m *Model) land(w *world, yield func(*world, string)) {
	for i, f := range w.bank.flights {
		if m.refusals(&w.bank, f.request) != nil || m.bounds.Unbounded && w.looked(f.c) {
			continue
		}
		n := w.clone()
		n.bank.flights = slices.Delete(n.bank.flights, i, i+1)
		m.carry(n, f.request)
		yield(n, "an earlier request of "+name(f.c)+" arrives late, and is applied")
	}
}

// cancelElsewhere lets others cancel a part.
func (m *Model) cancelElsewhere(w *world, yield func(*world, string)) {
	n := w.bank.elsewhere // the next one
	if n == len(m.bounds.Elsewhere) || m.bounds.Elsewhere[n] > m.bounds.Payment-w.bank.sum {
		return
	}
	next := w.clone()
	m.change(next, m.bounds.Elsewhere[n])
	next.bank.elsewhere++
	next.bank.round++
	yield(next, "somebody cancels a part in another place")
}

// shown is one answer to an inquiry.
type shown struct {
	what   string
	faults int
	outage outage
	answer gateway.Inquiry
}

// showings are all the answers to an inquiry now.
func (m *Model) showings(w *world) []shown {
	b := &w.bank
	failed := func(class gateway.Class, code string) gateway.Inquiry {
		return gateway.Inquiry{Outcome: answered(class, code)}
	}
	switch b.inquiries {
	case failing:
		return []shown{{what: "inquiries still fail", outage: failing, answer: failed(gateway.Transient, "ST41")}}
	case refusing:
		return []shown{{what: "inquiries are still refused", outage: refusing, answer: failed(gateway.Rejected, "ST06")}}
	}
	all := m.sums("SettleBank shows what is cancelled", 0, b.sum)
	for _, p := range b.old {
		if p.until > w.now && p.sum != b.sum {
			all = append(all, m.sums("SettleBank shows an old sum", 1, p.sum)...)
		}
	}
	return append(all, shown{what: "the inquiry fails", faults: 1, answer: failed(gateway.Transient, "ST41")},
		shown{what: "inquiries fail from now on", faults: 1, outage: failing, answer: failed(gateway.Transient, "ST41")},
		shown{what: "inquiries are refused from now on", faults: 1, outage: refusing, answer: failed(gateway.Rejected, "ST06")})
}

// sums are the ways in which one sum is shown: as normal or as cancelled, and the whole of it
// perhaps without a sum.
func (m *Model) sums(what string, faults int, sum int64) []shown {
	show := func(state string, sum int64, told bool) shown {
		return shown{what: what, faults: faults, answer: gateway.Inquiry{Outcome: answered(gateway.OK, "0000"), Cancelled: sum, CancelledKnown: told, State: state}}
	}
	all := []shown{show(gateway.StateNormal, sum, true)}
	if sum > 0 {
		all = append(all, show(gateway.StateCancelled, sum, true))
	}
	if sum == m.bounds.Payment {
		all = append(all, show(gateway.StateCancelled, 0, false))
	}
	return all
}

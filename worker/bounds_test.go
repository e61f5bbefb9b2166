package worker

import (
	"slices"
	"testing"
	"time"

	"settlecancel/gateway"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
)

// What never works ends: neither resends nor rounds go on for ever, whatever comes between two of
// them.
func TestResendsAndRoundsAreBounded(t *testing.T) {
	t.Parallel()
	wrong := simulator.Fault{Kind: simulator.KindCode, Code: "ST56"}
	busy := simulator.Fault{Kind: simulator.KindCode, Code: "9999"} // an inquiry that fails
	seen := simulator.Fault{Kind: simulator.KindStale, Delay: time.Hour}
	often := func(faults ...simulator.Fault) []simulator.Fault { return slices.Repeat(faults, 20) }
	for name, c := range map[string]struct {
		protocol           gateway.Protocol
		cancels, inquiries []simulator.Fault
		want               ledger.Status
		sent, asked        int
	}{
		"never applied":                 {gateway.Flat, often(lostRequest), nil, ledger.Exhausted, 3, 6},
		"never the right round":         {gateway.Standard, often(wrong), nil, ledger.Review, maxSteps + 1, 2 * (maxSteps + 1)},
		"never applied, inquiries fail": {gateway.Flat, often(lostRequest), often(busy, seen), ledger.Exhausted, 3, 12},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, setup{protocol: c.protocol, options: Options{RetryMax: 2}})
			x := b.pay(1000, 500)
			b.script(simulator.PathCancel, x, c.cancels...)
			b.script(simulator.PathInquiry, x, c.inquiries...)
			b.accept(x)
			b.drive(x)
			b.check(x, c.want, c.sent, c.asked, 0)
		})
	}
}

// What was counted towards a bound is carried along, whichever answer comes next.
func TestCountsAreCarriedAlong(t *testing.T) {
	t.Parallel()
	p := testPolicy()
	p.Rounds = func(ledger.Record) bool { return true }
	blind := p
	blind.CanInquire = func(ledger.Record) bool { return false }
	r := ledger.Record{Amount: 500, Verification: ledger.Verification{Resent: 2, Steps: 3}}
	with := func(reason string) ledger.Record {
		r := r
		r.Verification.Reason = reason
		return r
	}
	shown := gateway.Inquiry{Outcome: gateway.Outcome{Class: gateway.OK}, State: gateway.StateNormal}
	for name, c := range map[string]struct {
		next          ledger.Next
		resent, steps int
	}{
		"unknown":          {p.AfterRequest(r, gateway.Outcome{Class: gateway.Unknown}), 2, 3},
		"transient":        {p.AfterRequest(r, gateway.Outcome{Class: gateway.Transient, Code: "ST41"}), 2, 3},
		"misconfigured":    {p.AfterRequest(r, gateway.Outcome{Class: gateway.Misconfigured}), 2, 3},
		"not applied once": {p.AfterInquiry(with("unknown"), shown, 0), 2, 3},
		"inquiry fails":    {p.AfterInquiry(with("unknown"), gateway.Inquiry{Outcome: gateway.Outcome{Class: gateway.Transient}}, 0), 2, 3},
		"the next round":   {p.nextRound(ledger.Next{Verification: r.Verification}), 2, 4},
		"a blind round":    {blind.wrongRound(ledger.Record{}, ledger.Next{Verification: r.Verification}), 2, 4},
	} {
		if v := c.next.Verification; v.Resent != c.resent || v.Steps != c.steps {
			t.Errorf("%s: %d resends and %d rounds, want %d and %d", name, v.Resent, v.Steps, c.resent, c.steps)
		}
	}
}

// Only failed inquiries in a row count: one that succeeds begins anew.
func TestFailedInquiriesInARow(t *testing.T) {
	t.Parallel()
	busy := simulator.Fault{Kind: simulator.KindCode, Code: "9999"}
	old := simulator.Fault{Kind: simulator.KindStale, Delay: time.Hour} // it is answered, and shows nothing
	b := newBench(t, setup{options: Options{RetryMax: 2}})
	x := b.pay(1000, 500)
	b.script(simulator.PathCancel, x, lostRequest)
	b.script(simulator.PathInquiry, x, busy, busy, old, busy, busy, old)
	b.accept(x)
	b.drive(x)
	b.check(x, ledger.Cancelled, 2, 6, 1)
}

// A payment that is cancelled already is our doing only where a request of ours may have been
// applied.
func TestWhoseCancellation(t *testing.T) {
	t.Parallel()
	inquiry := []ledger.Attempt{{Kind: ledger.Inquiry, Class: string(gateway.Unknown)}, {Kind: ledger.Inquiry, Class: ledger.Lost}}
	refused := []ledger.Attempt{{Kind: ledger.Request, Class: string(gateway.Transient)}}
	for name, c := range map[string]struct {
		record ledger.Record
		want   ledger.Status
	}{
		"sent again, the attempts no longer kept": {ledger.Record{Verification: ledger.Verification{Resent: 1}, Attempts: refused}, ledger.Cancelled},
		"inquiries without an answer":             {ledger.Record{Attempts: inquiry}, ledger.AlreadyCancelled},
		"refused before":                          {ledger.Record{Attempts: refused}, ledger.AlreadyCancelled},
	} {
		c.record.Full, c.record.Amount = true, 1000
		if n := testPolicy().AfterRequest(c.record, gateway.Outcome{Class: gateway.Already, Code: "CA12"}); n.Status != c.want {
			t.Errorf("%s: %s, want %s", name, n.Status, c.want)
		}
	}
}

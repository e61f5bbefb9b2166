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
		"never the right round":         {gateway.Protocol0A19, often(wrong), nil, ledger.Rejected, 6, 5},
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

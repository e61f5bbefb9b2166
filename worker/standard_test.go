package worker

import (
	"fmt"
	"strings"
	"testing"

	"settlecancel/gateway"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
)

// Five parts of a payment take the rounds 001 to 005, though a worker dies between.
func TestStandardRounds(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{protocol: gateway.Standard})
	x := b.pay(1000, 100)
	for n := range 5 {
		part := sibling(x, fmt.Sprint("-", n), int64(100+n))
		b.accept(part)
		if n == 2 { // its worker sends, and dies
			g, err := b.worker.begin(t.Context(), mustEntry(t, part))
			if err != nil {
				t.Fatal(err)
			}
			b.worker.gateway.Cancel(t.Context(), cancelRequest(part, g.Record.Round))
		}
		if r := b.drive(part); r.Status != ledger.Cancelled || r.Round != n+2 {
			t.Errorf("part %d is %s, the next round %d", n, r.Status, r.Round)
		}
	}
	if n, sum := b.effects(x); n != 5 || sum != 510 {
		t.Errorf("%d effects of %d KRW", n, sum)
	}
	for n, e := range b.sim.Effects() {
		if e.Round != n+1 {
			t.Errorf("effect %d has round %d", n, e.Round)
		}
	}
}

// A repeated request is refused as a duplicate, which leads to an inquiry and not to a second effect.
func TestStandardDuplicate(t *testing.T) {
	t.Parallel()
	for _, amount := range []int64{500, 1000} {
		b := newBench(t, setup{protocol: gateway.Standard})
		x := b.pay(1000, amount)
		b.accept(x)
		b.worker.gateway.Cancel(t.Context(), cancelRequest(x, 1)) // a request that nobody remembers
		b.drive(x)
		b.check(x, ledger.Cancelled, 2, 1, 1)
		if codes := b.sim.Stats().Codes; codes["ST25"] != 1 {
			t.Errorf("%d won: the gateway answered %v", amount, codes)
		}
	}
}

// A part that was cancelled elsewhere has taken the round: its sum is adopted, and the next round tried.
func TestStandardCancelledElsewhere(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{protocol: gateway.Standard})
	x := b.pay(1000, 500)
	for range 2 {
		if _, err := b.sim.CancelElsewhere(x.MchtID, x.OrgTrdNo, 100); err != nil {
			t.Fatal(err)
		}
	}
	b.accept(x)
	r := b.drive(x)
	if r.Status != ledger.Cancelled || r.Sum != 700 || r.Spent != 0 {
		t.Errorf("%s with %d KRW known, %d spent: %+v", r.Status, r.Sum, r.Spent, r.Attempts)
	}
	ours := 0
	for _, e := range b.sim.Effects() {
		if !e.Elsewhere {
			ours++
		}
	}
	if ours != 1 {
		t.Errorf("applied %d times", ours)
	}
}

// A lost answer is verified under this protocol as under the other.
func TestStandardLostAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{protocol: gateway.Standard})
	x, y := b.pay(1000, 500), b.pay(1000, 500)
	b.script(simulator.PathCancel, x, lostAnswer)
	b.script(simulator.PathCancel, y, lostRequest)
	b.accept(x, y)
	b.drive(x)
	b.drive(y)
	b.check(x, ledger.Cancelled, 1, 1, 1)
	b.check(y, ledger.Cancelled, 2, 2, 1)
	for _, r := range b.sim.Received() {
		if strings.Contains(string(r.Body), `"0A19"`) && !strings.Contains(string(r.Body), "CNCL-refund-") {
			t.Errorf("a request without the cancellation's own id: %s", r.Body)
		}
	}
}

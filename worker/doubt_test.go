package worker

import (
	"testing"

	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
)

// While one part of a payment is in review, a sum that could be another part's doing proves nothing
// of that one: neither that it was applied, nor that it was not.
func TestDoubtAboutAnotherPart(t *testing.T) {
	t.Parallel()
	already := simulator.Fault{Kind: simulator.KindCode, Code: "CA12"}
	for name, c := range map[string]struct {
		amount int64 // of the second part; the first one's 300 are applied
		fault  simulator.Fault
	}{
		"the sum could be either's":           {300, lostRequest},
		"the sum is the other's":              {200, lostRequest},
		"called cancelled, of the same sum":   {300, already},
		"called cancelled, of another amount": {200, already},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, setup{})
			y := b.pay(1000, c.amount)
			x := sibling(y, "-first", 300)
			x.OrgTrdAmt = 0 // nobody can ask what became of it
			b.script(simulator.PathCancel, x, lostAnswer)
			b.accept(x)
			b.drive(x)
			b.check(x, ledger.Review, 1, 0, 1)
			b.script(simulator.PathCancel, y, c.fault)
			b.accept(y)
			b.drive(y)
			b.check(y, ledger.Review, 2, 1, 1)
		})
	}
}

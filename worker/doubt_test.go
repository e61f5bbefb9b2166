package worker

import (
	"testing"

	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
)

// While one part of a payment is in review, a sum that could be its doing proves nothing of another
// part. A sum that only one of them explains tells them apart.
func TestDoubtAboutAnotherPart(t *testing.T) {
	t.Parallel()
	already := simulator.Fault{Kind: simulator.KindCode, Code: "CA12"}
	for name, c := range map[string]struct {
		amount int64 // of the second part; the first one's 300 are applied
		fault  simulator.Fault

		want                 ledger.Status
		sent, asked, effects int
	}{
		"the sum could be either's":           {300, lostRequest, ledger.Review, 2, 1, 1},
		"the sum is the other's":              {200, lostRequest, ledger.Cancelled, 3, 2, 2},
		"called cancelled, of the same sum":   {300, already, ledger.Review, 2, 1, 1},
		"called cancelled, of another amount": {200, already, ledger.Rejected, 2, 2, 1},
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
			b.check(y, c.want, c.sent, c.asked, c.effects)
		})
	}
}

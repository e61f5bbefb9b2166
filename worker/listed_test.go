package worker

import (
	"fmt"
	"testing"

	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
)

// A code that the table lists as unknown says nothing: what was not applied is sent again. Only of
// a code that nobody knows is it taken for a refusal.
func TestListedUnknownIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code   string
		cancel int64
		want   ledger.Status
		sent   int
	}{
		{"ST60", 500, ledger.Cancelled, 2}, {"ST60", 1000, ledger.Cancelled, 2}, {"9999", 500, ledger.Cancelled, 2},
		{"QQ01", 500, ledger.Rejected, 1}, {"QQ01", 1000, ledger.Rejected, 1},
	} {
		t.Run(fmt.Sprintf("%s of %d", c.code, c.cancel), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, setup{})
			x := b.pay(1000, c.cancel)
			b.script(simulator.PathCancel, x, simulator.Fault{Kind: simulator.KindCode, Code: c.code})
			b.accept(x)
			b.drive(x)
			b.check(x, c.want, c.sent, 2, c.sent-1)
		})
	}
}

package worker

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/tasktest"
)

// Five parts of a payment take the rounds 001 to 005, though a worker dies between.
func Test0A19Rounds(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{protocol: gateway.Protocol0A19})
	x := b.pay(1000, 100)
	for n := range 5 {
		part := sibling(x, fmt.Sprint("-", n), int64(100+n))
		b.accept(part)
		if n == 2 { // its worker sends, and dies
			g, err := b.worker.begin(t.Context(), part, tasktest.Entry(t, part))
			if err != nil {
				t.Fatal(err)
			}
			b.worker.gateway.Cancel(t.Context(), cancelRequest(part, g.Record))
		}
		r := b.drive(part)
		if r.Status != ledger.Cancelled || r.Round != n+2 {
			t.Errorf("part %d is %s, the next round %d", n, r.Status, r.Round)
		}
		if n == 0 && !strings.Contains(r.Attempts[0].Message, "blcAmt 900") {
			t.Errorf("what is left was not kept: %q", r.Attempts[0].Message)
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

// A repeated request is refused as a duplicate, which leads to an inquiry and not to a second
// effect.
func Test0A19Duplicate(t *testing.T) {
	t.Parallel()
	for _, amount := range []int64{500, 1000} {
		b := newBench(t, setup{protocol: gateway.Protocol0A19})
		x := b.pay(1000, amount)
		b.accept(x)
		b.worker.gateway.Cancel(t.Context(), cancelRequest(x, ledger.Record{})) // a request that nobody remembers
		b.drive(x)
		want := ledger.Cancelled
		if amount == 1000 { // another request had reached the goal
			want = ledger.AlreadyCancelled
		}
		b.check(x, want, 2, 1, 1)
		if codes := b.sim.Stats().Codes; codes["ST25"] != 1 {
			t.Errorf("%d won: the gateway answered %v", amount, codes)
		}
	}
}

// A part that was cancelled elsewhere has taken the round: its sum is adopted, and the next round
// tried.
func Test0A19CancelledElsewhere(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{protocol: gateway.Protocol0A19})
	x := b.pay(1000, 500)
	for range 2 {
		if _, err := b.sim.CancelElsewhere(x.MchtID, x.OrgTrdNo, 100); err != nil {
			t.Fatal(err)
		}
	}
	b.unseeded = true
	b.accept(x)
	r := b.drive(x)
	if r.Status != ledger.Cancelled || r.ConfirmedCancelled != 700 || r.Spent != 0 {
		t.Errorf("%s with %d KRW known, %d spent: %+v", r.Status, r.ConfirmedCancelled, r.Spent, r.Attempts)
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
func Test0A19LostAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{protocol: gateway.Protocol0A19})
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

// One worker serves two merchants, each with a protocol and keys of its own.
func TestTwoMerchantsTwoProtocols(t *testing.T) {
	t.Parallel()
	sim, err := simulator.New(simulator.Options{AutoAmount: 1000, Merchants: []simulator.Merchant{
		{ID: "shop_flat", HashKey: "hash-key-of-flat", AESKey: "11111111111111111111111111111111"},
		{ID: "shop_0A19", HashKey: "hash-key-of-0A19", AESKey: "22222222222222222222222222222222"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	gw, err := gateway.New(gateway.Options{BaseURL: web.URL, Merchants: []gateway.Merchant{
		{ID: "shop_flat", HashKey: settlebank.NewSecret("hash-key-of-flat"), AESKey: settlebank.NewSecret("11111111111111111111111111111111")},
		{ID: "shop_0A19", HashKey: settlebank.NewSecret("hash-key-of-0A19"), AESKey: settlebank.NewSecret("22222222222222222222222222222222"), Protocol: gateway.Protocol0A19},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gw.Close)
	b := newBench(t, setup{options: Options{Gateway: gw}})
	for _, mchtID := range []string{"shop_flat", "shop_0A19"} {
		x := b.pay(1000, 400)
		x.MchtID = mchtID
		b.accept(x)
		if r := b.drive(x); r.Status != ledger.Cancelled || r.CanTrdNo == "" {
			t.Errorf("%s: %s %s %s", mchtID, r.Status, r.Code, r.Message)
		}
	}
	received := sim.Received()
	if len(received) != 2 || strings.Contains(string(received[0].Body), "params") || !strings.Contains(string(received[1].Body), `"ver":"0A19"`) {
		t.Errorf("the gateway received %d requests: %+v", len(received), received)
	}
}

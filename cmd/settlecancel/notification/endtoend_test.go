package notification

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"settlecancel/cmd/settlecancel/evidence"
	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
)

// TestEndToEnd: a simulated SettleBank tells of a cancellation whose answer was lost, again until
// it is taken.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	for _, p := range []gateway.Protocol{gateway.Flat, gateway.Protocol0A19} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.handler.opts.Addresses = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
			sim, err := simulator.New(simulator.Options{Now: func() time.Time { return b.now }, NotiRetry: 10 * time.Millisecond, NotiAttempts: 500})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(sim.Close)
			bank, ours := httptest.NewServer(sim), httptest.NewServer(b.handler)
			t.Cleanup(ours.Close)
			t.Cleanup(bank.Close)
			gw, err := gateway.New(gateway.Options{BaseURL: bank.URL, Merchants: []gateway.Merchant{{ID: shop, HashKey: settlebank.NewSecret(hashKey), AESKey: settlebank.NewSecret(aesKey), Protocol: p}}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(gw.Close)
			if err := sim.SetNoti(ours.URL + "/noti"); err != nil {
				t.Fatal(err)
			}
			if err := sim.Register(simulator.Original{MchtID: shop, OrgTrdNo: "P1", OrgMchtTrdNo: "ORDER-P1", OrgTrdDt: "20231215", Amount: 1000, Method: "CA"}); err != nil {
				t.Fatal(err)
			}
			if _, err := sim.Script(simulator.Rule{Path: simulator.PathCancel, Fault: simulator.Fault{Kind: simulator.KindDrop, Apply: simulator.ApplyYes}}); err != nil {
				t.Fatal(err)
			}
			g := b.begin(refund("r1", "P1"))
			o := gw.Cancel(t.Context(), gateway.CancelRequest{ID: settlebank.CancelID("r1", 1), Round: 1, MchtID: shop, OrgTrdNo: "P1",
				OrgMchtTrdNo: "ORDER-P1", OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA"})
			if o.Class != gateway.Unknown {
				t.Fatalf("outcome %+v", o)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := sim.Await(ctx, func(s simulator.Stats) bool { return s.Notis.Attempts > 0 }); err != nil { // before the outcome is stored
				t.Fatal(err)
			}
			if _, err := b.ledger.Finish(t.Context(), g, ledger.Attempt{Class: "unknown", Duration: time.Second}, ends(ledger.Unknown)); err != nil {
				t.Fatal(err)
			}
			if err := sim.Await(ctx, func(s simulator.Stats) bool { return s.Notis.Delivered == 1 }); err != nil {
				t.Fatalf("%v\n%s", err, b.log)
			}
			r := b.record("r1")
			if number := sim.Effects()[0].CanTrdNo; r.Status != ledger.Cancelled || evidence.NumberOf(r) != number {
				t.Errorf("record %+v, want number %s", r, number)
			}
		})
	}
}

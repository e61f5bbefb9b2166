package simulator_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks/secrettest"
)

var hashes = regexp.MustCompile(`[0-9a-fA-F]{40}|[A-Za-z0-9+/]{20}==`)

// TestRawAnswersOfRefunds: whatever SettleBank repeats of a refund, in its many manners, neither the
// account nor its holder, nor a hash or a key, is in what is kept of the answer.
func TestRawAnswersOfRefunds(t *testing.T) {
	t.Parallel()
	const account, holder = "1109876543210000", "홍길동"
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			p := newPair(t, simulator.Options{Temper: simulator.TemperReal, Seed: seed}, gateway.Protocol0A19)
			for n := range 3 {
				r := p.pay(n, settlebank.VirtualAccount)
				r.RefundAcntNo, r.RefundDpstrNm = account, holder
				for _, out := range []gateway.Outcome{
					p.Cancel(context.Background(), r), p.Cancel(context.Background(), r), p.inquire(fmt.Sprint("INQ-", n), r).Outcome,
				} {
					if out.Raw == "" {
						t.Errorf("nothing is kept of %s %s", out.Class, out.Message)
					}
					secrettest.Hidden(t, out.Code, out.Raw, account, holder, settlebank.TestbedHashKey, settlebank.TestbedAESKey)
					if hashes.MatchString(out.Raw) {
						t.Errorf("a hash, or something encrypted, is in %s", out.Raw)
					}
				}
			}
		})
	}
}

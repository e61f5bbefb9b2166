package simulator_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
)

// pair is our client in front of a simulator.
type pair struct {
	*gateway.Client
	sim *simulator.Simulator
	t   *testing.T
}

// noon is in the month in which the payments of these tests were made, and no bank is closed.
var noon = time.Date(2023, 12, 16, 12, 0, 0, 0, settlebank.KST)

func newPair(t *testing.T, o simulator.Options, protocol gateway.Protocol) *pair {
	t.Helper()
	o.Now = func() time.Time { return noon }
	sim, err := simulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	client, err := gateway.New(gateway.Options{
		BaseURL: server.URL, CollationURL: server.URL, Now: func() time.Time { return noon.Add(-3 * time.Minute) },
		Merchants: []gateway.Merchant{{ID: settlebank.TestbedCard, Protocol: protocol,
			HashKey: settlebank.NewSecret(settlebank.TestbedHashKey), AESKey: settlebank.NewSecret(settlebank.TestbedAESKey)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &pair{client, sim, t}
}

// pay registers the nth payment of 1000 won by a method and returns its cancellation.
func (p *pair) pay(n int, method string) gateway.CancelRequest {
	p.t.Helper()
	o := simulator.Original{MchtID: settlebank.TestbedCard, OrgTrdNo: fmt.Sprintf("STFP_PG%s%06d", method, n),
		OrgMchtTrdNo: fmt.Sprintf("ORDER%06d", n), OrgTrdDt: "20231215", Amount: 1000, Method: method}
	if err := p.sim.Register(o); err != nil {
		p.t.Fatal(err)
	}
	r := gateway.CancelRequest{ID: fmt.Sprintf("CNCL-%d", n), Round: 1, MchtID: o.MchtID, OrgTrdNo: o.OrgTrdNo,
		OrgMchtTrdNo: o.OrgMchtTrdNo, OrgTrdDt: o.OrgTrdDt, CanAmt: 1000, OrgTrdAmt: 1000, Method: method, Operation: settlebank.OpCancel}
	if method == settlebank.VirtualAccount {
		r.Operation, r.RefundBankCd, r.RefundAcntNo, r.RefundDpstrNm = settlebank.OpRefund, "004", "0000000000000000", "홍길동"
	}
	return r
}

// inquire asks what the sum of a cancellation's payment is.
func (p *pair) inquire(id string, r gateway.CancelRequest) gateway.Inquiry {
	return p.Inquire(context.Background(), gateway.InquiryRequest{ID: id, MchtID: r.MchtID, OrgTrdNo: r.OrgTrdNo,
		OrgMchtTrdNo: r.OrgMchtTrdNo, OrgTrdDt: r.OrgTrdDt, Method: r.Method, OrgTrdAmt: r.OrgTrdAmt})
}

// wholeOnly are the methods that allow no part.
var wholeOnly = []string{"TC", "HM", "CG", "SG", "BG", "TM"}

// TestOurClientMeetsTheRealGateway cancels payments by every method, whole and in part, in every
// manner that many seeds draw: one request each suffices, and each conclusion is the truth.
func TestOurClientMeetsTheRealGateway(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			p := newPair(t, simulator.Options{Temper: simulator.TemperReal, Seed: seed}, gateway.Protocol0A19)
			n := 0
			for _, method := range settlebank.Methods() {
				for _, amount := range []int64{1000, 400} {
					if amount < 1000 && slices.Contains(wholeOnly, method) {
						continue
					}
					n++
					p.cancels(n, method, amount)
				}
			}
		})
	}
}

// cancels carries one cancellation out, looks at it, and has two more refused.
func (p *pair) cancels(n int, method string, amount int64) {
	p.t.Helper()
	r := p.pay(n, method)
	what := fmt.Sprintf("%s, %d of 1000", method, amount)
	if q := p.inquire(fmt.Sprint("B", n), r); q.Class != gateway.OK || !q.CancelledKnown || q.Cancelled != 0 {
		p.t.Errorf("%s: inquiry before: %+v", what, q)
	}
	r.CanAmt = amount
	o := p.Cancel(context.Background(), r)
	state, _ := p.sim.Original(r.MchtID, r.OrgTrdNo)
	if o.Class != gateway.OK || len(state.Effects) != 1 || o.CanTrdNo != state.Effects[0].CanTrdNo || state.CancelledAmount != amount {
		p.t.Errorf("%s: concluded %+v; the gateway has %+v", what, o, state)
	}
	if q := p.inquire(fmt.Sprint("A", n), r); q.Class != gateway.OK || !q.CancelledKnown || q.Cancelled != amount ||
		(q.State == gateway.StateCancelled) != (amount == 1000) {
		p.t.Errorf("%s: inquiry after: %+v", what, q)
	}
	p.isRefusedAgain(what, r)
	r.OrgTrdNo, r.OrgMchtTrdNo = "gone", "gone"
	if q := p.inquire(fmt.Sprint("G", n), r); !q.Final() {
		p.t.Errorf("%s: inquiry after a payment that does not exist: %+v, want it refused for good", what, q)
	}
}

// isRefusedAgain asks for the whole again: it was cancelled before, or more than is left.
func (p *pair) isRefusedAgain(what string, r gateway.CancelRequest) {
	p.t.Helper()
	code := "ST57"
	switch whole := r.CanAmt == 1000; {
	case whole && r.Method == settlebank.VirtualAccount:
		code = "CA12"
	case whole:
		code = "ST25"
	}
	if r.ID, r.CanAmt = r.ID+"-2", 1000; !slices.Contains(wholeOnly, r.Method) {
		r.Round = 2
	}
	class, _ := settlebank.Classify(code)
	if o := p.Cancel(context.Background(), r); o.Class != class || o.Code != code {
		p.t.Errorf("%s: once more: %+v, want %s, %s", what, o, class, code)
	}
}

// TestOurClientMeetsTheOtherProtocol: whoever speaks what the gateway does not know is told that it
// is a matter of settings.
func TestOurClientMeetsTheOtherProtocol(t *testing.T) {
	t.Parallel()
	for _, temper := range []simulator.Temper{simulator.TemperStrict, simulator.TemperReal} {
		for protocol, knows := range map[gateway.Protocol]simulator.Protocols{
			gateway.Flat: simulator.Protocols0A19, gateway.Protocol0A19: simulator.ProtocolsFlat,
		} {
			t.Run(fmt.Sprint(temper, " ", protocol), func(t *testing.T) {
				t.Parallel()
				p := newPair(t, simulator.Options{Temper: temper, Protocol: knows}, protocol)
				for n := range 20 {
					if o := p.Cancel(context.Background(), p.pay(n, settlebank.Card)); o.Class != gateway.Misconfigured {
						t.Fatalf("concluded %+v, want %s", o, gateway.Misconfigured)
					}
				}
				if n := len(p.sim.Effects()); n != 0 {
					t.Errorf("%d effects", n)
				}
			})
		}
	}
}

// TestClientLongNumber: flat takes a longer number of a payment than the inquiry, and yet what is
// accepted can be asked after.
func TestClientLongNumber(t *testing.T) {
	t.Parallel()
	for _, n := range []int{settlebank.MaxOrgTrdNo0A19, settlebank.MaxOrgTrdNo0A19 + 1, settlebank.MaxOrgTrdNo} {
		p := newPair(t, simulator.Options{}, gateway.Flat)
		o := simulator.Original{MchtID: settlebank.TestbedCard, OrgTrdNo: strings.Repeat("T", n), OrgMchtTrdNo: "ORDER", OrgTrdDt: "20231215",
			Amount: 1000, Method: settlebank.Card}
		if err := p.sim.Register(o); err != nil {
			t.Fatal(err)
		}
		r := gateway.CancelRequest{MchtID: o.MchtID, OrgTrdNo: o.OrgTrdNo, OrgMchtTrdNo: o.OrgMchtTrdNo, OrgTrdDt: o.OrgTrdDt, CanAmt: 300}
		if out := p.Cancel(t.Context(), r); out.Class != gateway.OK {
			t.Errorf("%d characters: %+v", n, out)
		}
		q := p.Inquire(t.Context(), gateway.InquiryRequest{ID: "Q1", MchtID: o.MchtID, OrgTrdNo: o.OrgTrdNo, OrgMchtTrdNo: o.OrgMchtTrdNo,
			OrgTrdDt: o.OrgTrdDt, Method: o.Method, OrgTrdAmt: o.Amount})
		if q.Class != gateway.OK || q.Cancelled != 300 {
			t.Errorf("%d characters: %+v", n, q)
		}
	}
}

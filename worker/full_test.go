package worker

import (
	"context"
	"testing"

	"settlecancel/gateway"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
)

// saying is a gateway that answers what it is told to; what it is told nothing of is the other's.
type saying struct {
	Gateway
	cancel  *gateway.Outcome
	inquiry *gateway.Inquiry
}

func (s saying) Cancel(ctx context.Context, r gateway.CancelRequest) gateway.Outcome {
	if s.cancel != nil {
		return *s.cancel
	}
	return s.Gateway.Cancel(ctx, r)
}

func (s saying) Inquire(ctx context.Context, r gateway.InquiryRequest) gateway.Inquiry {
	if s.inquiry != nil {
		return *s.inquiry
	}
	return s.Gateway.Inquire(ctx, r)
}

// A whole cancellation behind a part is done where the gateway says so, or shows the whole sum
// behind a refusal. Where its own outcome is not known, the sum cannot be its doing alone.
func TestFullAfterAPart(t *testing.T) {
	t.Parallel()
	lost := &gateway.Outcome{Class: gateway.Unknown}
	cancelled := &gateway.Inquiry{Outcome: gateway.Outcome{Class: gateway.OK, Code: "0001"}, State: gateway.StateCancelled}
	for name, c := range map[string]struct {
		says saying
		want ledger.Status
	}{
		"cancelled":                    {saying{cancel: &gateway.Outcome{Class: gateway.OK, Code: "0000", CanTrdNo: "N1"}}, ledger.Cancelled},
		"cancelled already":            {saying{cancel: &gateway.Outcome{Class: gateway.Already, Code: "CA12", Listed: true}, inquiry: cancelled}, ledger.AlreadyCancelled},
		"cancelled already, in part":   {saying{cancel: &gateway.Outcome{Class: gateway.Already, Code: "CA12", Listed: true}}, ledger.Rejected},
		"unknown, and shown cancelled": {saying{cancel: lost, inquiry: cancelled}, ledger.Review},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, setup{})
			x := b.pay(1000, 300)
			y := sibling(x, "-full", 1000)
			b.accept(x)
			b.drive(x)
			c.says.Gateway = b.worker.gateway
			b.worker.gateway = c.says
			b.accept(y)
			sum, round := int64(1000), 3
			if c.want == ledger.Rejected || c.want == ledger.Review {
				sum, round = 300, 2
			}
			if r := b.drive(y); r.Status != c.want || r.ConfirmedCancelled != sum || r.Round != round {
				t.Errorf("%s, %d KRW known as cancelled, the next round is %d; want %s, %d and %d", r.Status, r.ConfirmedCancelled, r.Round, c.want, sum, round)
			}
		})
	}
}

// A payment that is shown as cancelled is enough for a full cancellation, whatever its sum, and for
// a withdrawal, which has none.
func TestShownAsCancelled(t *testing.T) {
	t.Parallel()
	t.Run("full", func(t *testing.T) {
		t.Parallel()
		for state, want := range map[string]ledger.Status{gateway.StateCancelled: ledger.Cancelled, gateway.StateNormal: ledger.Exhausted} {
			b := newBench(t, setup{options: Options{RetryMax: 1}})
			x := b.pay(1000, 1000)
			b.worker.gateway = saying{b.worker.gateway, &gateway.Outcome{Class: gateway.Unknown},
				&gateway.Inquiry{Outcome: gateway.Outcome{Class: gateway.OK}, State: state, CancelledKnown: state == gateway.StateNormal}}
			b.accept(x)
			if r := b.drive(x); r.Status != want {
				t.Errorf("shown as %s it is %s, want %s", state, r.Status, want)
			}
		}
	})
	t.Run("withdrawal", func(t *testing.T) {
		t.Parallel()
		v := newVault(t)
		x := v.withdrawal()
		x.OrgTrdAmt = 1000 // so that it can be inquired after
		v.script(simulator.PathCancel, x, lostAnswer)
		v.accept(x)
		if _, err := v.work(x); err != nil {
			t.Error(err)
		}
		v.check(x, ledger.Cancelled, 0, 2, 1)
		if r := v.record(x); len(r.Attempts) != 2 || r.ConfirmedCancelled != 0 {
			t.Errorf("%d KRW after %+v", r.ConfirmedCancelled, r.Attempts)
		}
	})
}

package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"settlecancel/gateway"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/tasktest"
)

// Rule 3: an unknown outcome is never simply sent again.
func TestRule03UnknownIsVerified(t *testing.T) {
	t.Parallel()
	code := func(c string, apply simulator.Apply) simulator.Fault {
		return simulator.Fault{Kind: simulator.KindCode, Code: c, Apply: apply}
	}
	stale := simulator.Fault{Kind: simulator.KindCode, Code: "9999"} // an inquiry that fails
	for name, c := range map[string]struct {
		of, cancel         int64
		unverifiable       bool
		cancels, inquiries []simulator.Fault
		want               ledger.Status
		sent, asked, moved int
	}{
		"partial, applied, answer lost":           {1000, 500, false, []simulator.Fault{lostAnswer}, nil, ledger.Cancelled, 1, 1, 1},
		"partial, not applied, connection lost":   {1000, 500, false, []simulator.Fault{lostRequest}, nil, ledger.Cancelled, 2, 2, 1},
		"partial, lost twice, then fine":          {1000, 500, false, []simulator.Fault{lostRequest, lostAnswer}, nil, ledger.Cancelled, 2, 3, 1},
		"partial, unverifiable, applied":          {1000, 500, true, []simulator.Fault{lostAnswer}, nil, ledger.Review, 1, 0, 1},
		"partial, unverifiable, not applied":      {1000, 500, true, []simulator.Fault{lostRequest}, nil, ledger.Review, 1, 0, 0},
		"partial, inquiry fails at first":         {1000, 500, false, []simulator.Fault{lostAnswer}, []simulator.Fault{stale, lostAnswer}, ledger.Cancelled, 1, 3, 1},
		"full, applied, answer lost":              {1000, 1000, false, []simulator.Fault{lostAnswer}, nil, ledger.Cancelled, 1, 1, 1},
		"full, not applied":                       {1000, 1000, false, []simulator.Fault{lostRequest}, nil, ledger.Cancelled, 2, 2, 1},
		"partial, unlisted code, nothing moved":   {1000, 500, false, []simulator.Fault{code("QQ01", simulator.ApplyNo)}, nil, ledger.Rejected, 1, 2, 0},
		"partial, unlisted code, applied":         {1000, 500, false, []simulator.Fault{code("QQ01", simulator.ApplyYes)}, nil, ledger.Cancelled, 1, 1, 1},
		"partial, duplicate, nothing moved":       {1000, 500, false, []simulator.Fault{code("ST50", simulator.ApplyNo)}, nil, ledger.Review, 1, 2, 0},
		"partial, duplicate, applied":             {1000, 500, false, []simulator.Fault{code("ST50", simulator.ApplyYes)}, nil, ledger.Cancelled, 1, 1, 1},
		"partial, already, nothing moved":         {1000, 500, false, []simulator.Fault{code("CA12", simulator.ApplyNo)}, nil, ledger.Rejected, 1, 2, 0},
		"partial, already, applied":               {1000, 500, false, []simulator.Fault{code("CA12", simulator.ApplyYes)}, nil, ledger.Cancelled, 1, 1, 1},
		"full, already":                           {1000, 1000, false, []simulator.Fault{code("CA12", simulator.ApplyYes)}, nil, ledger.AlreadyCancelled, 1, 1, 1},
		"partial, redirected":                     {1000, 500, false, []simulator.Fault{{Kind: simulator.KindRedirect}}, nil, ledger.Cancelled, 2, 2, 1},
		"partial, 502 after applying":             {1000, 500, false, []simulator.Fault{{Kind: simulator.KindStatus, Apply: simulator.ApplyYes}}, nil, ledger.Cancelled, 1, 1, 1},
		"partial, answer cut":                     {1000, 500, false, []simulator.Fault{{Kind: simulator.KindCut}}, nil, ledger.Cancelled, 1, 1, 1},
		"partial, inquiry shows an old state":     {1000, 500, false, []simulator.Fault{lostAnswer}, []simulator.Fault{{Kind: simulator.KindStale, Delay: time.Hour}}, ledger.Cancelled, 1, 2, 1},
		"partial, wrong echo, then a good answer": {1000, 500, false, []simulator.Fault{lostAnswer}, []simulator.Fault{{Kind: simulator.KindWrongEcho}}, ledger.Cancelled, 1, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, setup{})
			x := b.pay(c.of, c.cancel)
			if c.unverifiable {
				x.OrgTrdAmt = 0
			}
			b.script(simulator.PathCancel, x, c.cancels...)
			b.script(simulator.PathInquiry, x, c.inquiries...)
			b.accept(x)
			r := b.drive(x)
			b.check(x, c.want, c.sent, c.asked, c.moved)
			if r.Spent != 0 {
				t.Errorf("verification spent %d of the budget", r.Spent)
			}
			for i, a := range r.Attempts[1:] {
				before := r.Attempts[i]
				wait := a.StartedAt.Sub(before.StartedAt)
				if a.Kind == ledger.Inquiry && before.Kind == ledger.Request && before.Class == "unknown" && wait < b.worker.policy.VerifyAfter {
					t.Errorf("inquired %v after the attempt, want %v at least", wait, b.worker.policy.VerifyAfter)
				}
				if a.Kind == ledger.Request && wait < 0 {
					t.Errorf("attempts are out of order: %+v", r.Attempts)
				}
			}
		})
	}
}

// Rule 3: what waits for verification holds the other cancellations of its payment, and only those.
func TestRule03UnknownHoldsItsPaymentOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	x := b.pay(1000, 100)
	y, z := sibling(x, "-b", 200), b.pay(1000, 300)
	b.script(simulator.PathCancel, x, lostAnswer)
	b.accept(x, y, z)
	var p *postponed
	if err := b.run(b.worker, x); !errors.As(err, &p) || b.record(x).Status != ledger.Unknown {
		t.Fatalf("%v, %s", err, b.record(x).Status)
	}
	if err := b.run(b.worker, y); !errors.As(err, &p) || b.record(y).Status != ledger.Queued {
		t.Errorf("the other cancellation of the payment: %v, %s", err, b.record(y).Status)
	}
	b.drive(z)
	b.check(z, ledger.Cancelled, 1, 0, 1)
	b.drive(x)
	b.drive(y)
	if n, sum := b.effects(x); n != 2 || sum != 300 {
		t.Errorf("%d effects of %d KRW", n, sum)
	}
	if r := b.record(y); r.ConfirmedCancelled != 300 || r.Spent != 0 {
		t.Errorf("the ledger knows %d KRW as cancelled; waiting spent %d", r.ConfirmedCancelled, r.Spent)
	}
}

// Rule 4: a worker that dies while sending, or cannot store what came back, leaves an unknown
// outcome.
func TestRule04LostWorkerIsUnknown(t *testing.T) {
	t.Parallel()
	for name, applied := range map[string]bool{"applied": true, "not applied": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, setup{})
			x := b.pay(1000, 500)
			b.accept(x)
			g, err := b.worker.begin(context.Background(), x, tasktest.Entry(t, x))
			if err != nil || g.Step != ledger.StepSend {
				t.Fatal(err, g.Step)
			}
			if applied { // and then the worker is gone
				b.worker.gateway.Cancel(context.Background(), cancelRequest(x, g.Record))
			}
			r := b.drive(x)
			if r.Attempts[0].Class != ledger.Lost {
				t.Errorf("the lost attempt is called %q", r.Attempts[0].Class)
			}
			if applied {
				b.check(x, ledger.Cancelled, 1, 1, 1)
			} else {
				b.check(x, ledger.Cancelled, 1, 2, 1)
			}
		})
	}
	t.Run("Redis away when the outcome is to be written", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, setup{redis: ownRedis(t), ledger: ledger.Options{Lease: 300 * time.Millisecond, Request: 300 * time.Millisecond}})
		x := b.pay(1000, 500)
		b.accept(x)
		real := b.worker.gateway
		b.worker.gateway = spy{real, func(gateway.CancelRequest) { b.redis.Kill() }}
		var p *postponed
		if err := b.run(b.worker, x); !errors.As(err, &p) {
			t.Fatalf("%v, want a postponement", err)
		}
		if err := b.redis.Restart(); err != nil {
			t.Fatal(err)
		}
		b.worker.gateway = real
		if s := b.record(x).Status; s != ledger.Sending {
			t.Errorf("after the restart it is %s, want sending", s)
		}
		b.clock.Advance(time.Second)
		b.drive(x)
		b.check(x, ledger.Cancelled, 1, 1, 1)
	})
	t.Run("Redis away for a moment", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, setup{redis: ownRedis(t)})
		x := b.pay(1000, 500)
		b.accept(x)
		b.worker.gateway = spy{b.worker.gateway, func(gateway.CancelRequest) {
			if err := b.redis.Restart(); err != nil {
				t.Error(err)
			}
		}}
		b.drive(x)
		b.check(x, ledger.Cancelled, 1, 0, 1)
	})
}

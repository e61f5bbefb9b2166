package worker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/gateway"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

var (
	overloaded  = simulator.Fault{Kind: simulator.KindCode, Code: "ST41"}
	lostAnswer  = simulator.Fault{Kind: simulator.KindDrop, Apply: simulator.ApplyYes}
	lostRequest = simulator.Fault{Kind: simulator.KindDrop, Apply: simulator.ApplyNo}
)

// spy looks at the ledger at the moment in which the gateway is asked.
type spy struct {
	Gateway
	before func(gateway.CancelRequest)
}

func (s spy) Cancel(ctx context.Context, r gateway.CancelRequest) gateway.Outcome {
	s.before(r)
	return s.Gateway.Cancel(ctx, r)
}

// Rule 1: the intent is stored before the first byte of a request; no intent, no request.
func TestRule01IntentBeforeRequest(t *testing.T) {
	t.Parallel()
	t.Run("OK", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, setup{})
		x := b.pay(1000, 500)
		b.accept(x)
		looked := false
		b.worker.gateway = spy{b.worker.gateway, func(gateway.CancelRequest) {
			looked = true
			if r := b.record(x); r.Status != ledger.Sending || len(r.Attempts) != 1 || !r.Attempts[0].UnderWay {
				t.Errorf("while the request is made, the ledger says %s with attempts %+v", r.Status, r.Attempts)
			}
		}}
		b.drive(x)
		if !looked {
			t.Error("no request was made")
		}
		b.check(x, ledger.Cancelled, 1, 0, 1)
	})
	t.Run("ErrRedisAway", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, setup{redis: ownRedis(t), ledger: ledger.Options{Lease: 200 * time.Millisecond}})
		x := b.pay(1000, 500)
		b.accept(x)
		b.redis.Kill()
		var p *postponed
		if err := b.run(b.worker, x); !errors.As(err, &p) {
			t.Errorf("without Redis: %v, want a postponement", err)
		}
		if c, _ := b.requests(x); c != 0 {
			t.Errorf("%d requests were sent without a stored intent", c)
		}
	})
	t.Run("ErrReplicasMissing", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, setup{})
		x := b.pay(1000, 500)
		b.accept(x)
		demanding := tasks.NewClient(b.rdb, tasks.ClientOptions{Ledger: ledger.Options{
			WaitReplicas: 1, WaitTimeout: 10 * time.Millisecond, Now: b.clock.Now}})
		if _, err := demanding.Enqueue(context.Background(), sibling(x, "-b", 100), tasks.EnqueueOptions{}); !errors.Is(err, ledger.ErrNotReplicated) {
			t.Errorf("accepted without its replica: %v", err)
		}
		b.worker.ledger = demanding.Ledger()
		var p *postponed
		if err := b.run(b.worker, x); !errors.As(err, &p) {
			t.Errorf("without its replica: %v, want a postponement", err)
		}
		b.check(x, ledger.Queued, 0, 0, 0)
		b.worker.ledger = b.client.Ledger()
		b.drive(x)
		b.check(x, ledger.Cancelled, 1, 0, 1)
	})
	t.Run("ErrContextEnded", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, setup{})
		x := b.pay(1000, 500)
		b.accept(x)
		ctx, cancel := context.WithCancel(context.Background())
		g, err := b.worker.begin(ctx, mustEntry(t, x))
		if err != nil {
			t.Fatal(err)
		}
		cancel() // asynq takes the task back before the request
		if _, _, err := b.worker.request(ctx, tasks.Task{Cancellation: x}, g); err == nil {
			t.Error("the request was made though asynq had given the run up")
		}
		b.check(x, ledger.Queued, 0, 0, 0)
	})
	t.Run("ErrLeaseTooOld", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, setup{})
		x := b.pay(1000, 500)
		b.accept(x)
		g, err := b.worker.begin(context.Background(), mustEntry(t, x))
		if err != nil {
			t.Fatal(err)
		}
		g.Deadline = time.Now()
		if _, _, err := b.worker.request(context.Background(), tasks.Task{Cancellation: x}, g); err == nil {
			t.Error("the request was made on a lease that may soon be another's")
		}
		b.check(x, ledger.Queued, 0, 0, 0)
	})
}

// Rule 2: one request at a time per original transaction, across all workers.
func TestRule02OneRequestAtATime(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	other := b.newWorker(setup{})
	x := b.pay(1000, 100)
	y := sibling(x, "-b", 200)
	b.accept(x, y)
	entered, leave := make(chan struct{}), make(chan struct{})
	b.worker.gateway = spy{b.worker.gateway, func(gateway.CancelRequest) { close(entered); <-leave }}
	done := make(chan error)
	go func() { done <- b.run(b.worker, x) }()
	<-entered
	for _, z := range []tasks.Cancellation{x, y} { // the same task again, and another one of the payment
		var p *postponed
		if err := b.run(other, z); !errors.As(err, &p) || p.after > 2*time.Second {
			t.Errorf("%s while a request is under way: %v", z.IdempotencyKey, err)
		}
	}
	if r := b.record(y); r.Spent != 0 || len(r.Attempts) != 0 {
		t.Errorf("stepping back cost %d of the budget and left attempts %v", r.Spent, r.Attempts)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b.worker = other
	b.drive(y)
	if n, sum := b.effects(x); n != 2 || sum != 300 || b.sim.Stats().MaxConcurrent != 1 {
		t.Errorf("%d effects of %d KRW, at most %d at once", n, sum, b.sim.Stats().MaxConcurrent)
	}
}

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
		"partial, duplicate, nothing moved":       {1000, 500, false, []simulator.Fault{code("ST25", simulator.ApplyNo)}, nil, ledger.Review, 1, 2, 0},
		"partial, duplicate, applied":             {1000, 500, false, []simulator.Fault{code("ST25", simulator.ApplyYes)}, nil, ledger.Cancelled, 1, 1, 1},
		"partial, already, nothing moved":         {1000, 500, false, []simulator.Fault{code("CA12", simulator.ApplyNo)}, nil, ledger.Rejected, 1, 2, 0},
		"partial, already, applied":               {1000, 500, false, []simulator.Fault{code("CA12", simulator.ApplyYes)}, nil, ledger.Cancelled, 1, 1, 1},
		"full, already":                           {1000, 1000, false, []simulator.Fault{code("CA12", simulator.ApplyYes)}, nil, ledger.AlreadyCancelled, 1, 0, 1},
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
				if a.Kind == ledger.Inquiry && before.Kind == ledger.Request && wait < b.worker.policy.VerifyAfter {
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
	if r := b.record(y); r.Sum != 300 || r.Spent != 0 {
		t.Errorf("the ledger knows %d KRW as cancelled; waiting spent %d", r.Sum, r.Spent)
	}
}

// Rule 4: a worker that dies while sending, or cannot store what came back, leaves an unknown outcome.
func TestRule04LostWorkerIsUnknown(t *testing.T) {
	t.Parallel()
	for name, applied := range map[string]bool{"applied": true, "not applied": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, setup{})
			x := b.pay(1000, 500)
			b.accept(x)
			g, err := b.worker.begin(context.Background(), mustEntry(t, x))
			if err != nil || g.Step != ledger.StepSend {
				t.Fatal(err, g.Step)
			}
			if applied { // and then the worker is gone
				b.worker.gateway.Cancel(context.Background(), cancelRequest(x, g.Record.Round))
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
		b := newBench(t, setup{redis: ownRedis(t), ledger: ledger.Options{Lease: 300 * time.Millisecond}})
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
		b.clock.advance(time.Second)
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

// Rule 5: the cancellation's own id is the same at every attempt, and the round moves with what was cancelled.
func TestRule05IDAndRound(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	x := b.pay(1000, 100)
	y := sibling(x, "-b", 100)
	b.script(simulator.PathCancel, x, overloaded)
	b.accept(x, y)
	var sent []string
	b.worker.gateway = spy{b.worker.gateway, func(r gateway.CancelRequest) { sent = append(sent, fmt.Sprint(r.ID, " ", r.Round)) }}
	b.drive(x)
	b.drive(y)
	id := "CNCL-" + x.IdempotencyKey
	if want := fmt.Sprint([]string{id + " 1", id + " 1", id + "-b 2"}); fmt.Sprint(sent) != want {
		t.Errorf("sent %v, want %v", sent, want)
	}
}

// Rule 6: the same key is the same cancellation; with other parameters it is refused.
func TestRule06SameKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	x := b.pay(1000, 500)
	ctx := context.Background()
	errs := make(chan error)
	for range 50 {
		go func() { _, err := b.client.Enqueue(ctx, x, tasks.EnqueueOptions{}); errs <- err }()
	}
	for range 50 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	b.drive(x)
	b.drive(x) // the task is delivered once more
	before := b.record(x)
	again, err := b.client.Enqueue(ctx, x, tasks.EnqueueOptions{})
	if err != nil || !again.Replayed || again.Record.CanTrdNo != before.CanTrdNo {
		t.Errorf("a late repeat: %+v, %v", again, err)
	}
	for _, other := range []tasks.Cancellation{sibling(x, "", 400), b.pay(1000, 500)} {
		other.IdempotencyKey = x.IdempotencyKey
		if _, err := b.client.Enqueue(ctx, other, tasks.EnqueueOptions{}); !errors.Is(err, tasks.ErrConflict) {
			t.Errorf("other parameters: %v", err)
		}
		if err := b.run(b.worker, other); !errors.Is(err, asynq.SkipRetry) && other.OrgTrdNo == x.OrgTrdNo {
			t.Errorf("a task with other parameters: %v", err)
		}
		if n, _ := b.effects(other); other.OrgTrdNo != x.OrgTrdNo && n != 0 {
			t.Error("a task with a used key moved money of another payment")
		}
	}
	b.check(x, ledger.Cancelled, 1, 0, 1)
}

// Rule 7: only a person takes a dead letter back; whether it was applied decides how.
func TestRule07DeadLetters(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	person := ledger.Decision{Who: "kim", Note: "called the bank"}
	t.Run("rejected", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, setup{})
		x := b.pay(1000, 500)
		b.script(simulator.PathCancel, x, simulator.Fault{Kind: simulator.KindCode, Code: "ST69"})
		b.accept(x)
		b.drive(x)
		b.drive(x) // a second delivery is no person
		b.check(x, ledger.Rejected, 1, 0, 0)
		if r := b.record(x); r.Code != "ST69" || r.Message == "" {
			t.Errorf("the dead letter says %q %q", r.Code, r.Message)
		}
		if _, err := b.client.Retry(ctx, x.IdempotencyKey, person); err != nil {
			t.Fatal(err)
		}
		b.drive(x)
		b.check(x, ledger.Cancelled, 2, 0, 1)
		if acts := b.record(x).Acts; len(acts) != 1 || acts[0].Who != "kim" || acts[0].Note != "called the bank" || acts[0].At.IsZero() {
			t.Errorf("the record does not tell who did what: %+v", acts)
		}
	})
	t.Run("exhausted", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, setup{options: Options{RetryMax: 3}})
		x := b.pay(1000, 500)
		b.script(simulator.PathCancel, x, overloaded, overloaded, overloaded, overloaded, overloaded)
		b.accept(x)
		b.drive(x)
		b.check(x, ledger.Exhausted, 4, 0, 0)
		if _, err := b.client.Retry(ctx, x.IdempotencyKey, person); err != nil {
			t.Fatal(err)
		}
		b.drive(x)
		b.check(x, ledger.Cancelled, 6, 0, 1)
	})
	t.Run("review is verified, never sent blindly", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, setup{})
		x := b.pay(1000, 500)
		b.script(simulator.PathCancel, x, lostAnswer)
		if _, err := b.sim.Script(simulator.Rule{Path: simulator.PathInquiry, OrgTrdNo: x.OrgTrdNo, Times: 31,
			Fault: simulator.Fault{Kind: simulator.KindCode, Code: "9999"}}); err != nil {
			t.Fatal(err)
		}
		b.accept(x)
		b.drive(x)
		b.check(x, ledger.Review, 1, 31, 1)
		if _, err := b.client.Retry(ctx, x.IdempotencyKey, person); err != nil {
			t.Fatal(err)
		}
		b.drive(x)
		b.check(x, ledger.Cancelled, 1, 32, 1)
	})
	t.Run("review without a way to inquire", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, setup{})
		x := b.pay(1000, 500)
		x.OrgTrdAmt = 0
		b.script(simulator.PathCancel, x, lostAnswer)
		b.accept(x)
		b.drive(x)
		if _, err := b.client.Retry(ctx, x.IdempotencyKey, person); err != nil {
			t.Fatal(err)
		}
		b.drive(x)
		b.check(x, ledger.Review, 1, 0, 1)
		person := person
		person.As = ledger.Cancelled
		if _, err := b.client.Ledger().Resolve(ctx, x.IdempotencyKey, person); err != nil {
			t.Fatal(err)
		}
		b.check(x, ledger.Cancelled, 1, 0, 1)
		if r := b.drive(x); !r.Ended() || r.Sum != 500 {
			t.Errorf("resolved, it is %s with %d KRW known as cancelled", r.Status, r.Sum)
		}
	})
}

// Rule 9: nothing but the worker repeats a request.
func TestRule09NoHiddenRepeat(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	for _, f := range []simulator.Fault{lostRequest, {Kind: simulator.KindRedirect}, {Kind: simulator.KindStatus, Status: 503}} {
		x := b.pay(1000, 500)
		b.script(simulator.PathCancel, x, f)
		b.accept(x)
		if err := b.run(b.worker, x); err == nil {
			t.Errorf("%s: done at once", f.Kind)
		}
		b.check(x, ledger.Unknown, 1, 0, 0)
	}
}

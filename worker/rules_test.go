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
	"settlecancel/tasks/tasktest"
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
		g, err := b.worker.begin(ctx, x, tasktest.Entry(t, x))
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
		g, err := b.worker.begin(context.Background(), x, tasktest.Entry(t, x))
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

// Rule 5: the cancellation's own id changes after a definite refusal of what was never in doubt,
// and only then; the round moves with what was cancelled.
func TestRule05IDAndRound(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	x := b.pay(1000, 100)
	y := sibling(x, "-b", 100)
	b.script(simulator.PathCancel, x, overloaded, lostRequest, overloaded)
	b.accept(x, y)
	var sent []string
	b.worker.gateway = spy{b.worker.gateway, func(r gateway.CancelRequest) { sent = append(sent, fmt.Sprint(r.ID, " ", r.Round)) }}
	b.drive(x)
	b.drive(y)
	id, second := "CNCL-"+x.IdempotencyKey, "CNCL2-"+x.IdempotencyKey // which stays, once it was in doubt
	if want := fmt.Sprint([]string{id + " 1", second + " 1", second + " 1", second + " 1", id + "-b 2"}); fmt.Sprint(sent) != want {
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
	b.check(x, ledger.Cancelled, 1, 1, 1) // after a look at what is cancelled
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
		if r := b.drive(x); !r.Ended() || r.ConfirmedCancelled != 0 { // the gateway has not shown it yet
			t.Errorf("resolved, it is %s with %d KRW known as cancelled", r.Status, r.ConfirmedCancelled)
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

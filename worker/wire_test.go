package worker

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

// abandoned is a gateway that is asked at the very moment in which the task is taken back.
type abandoned struct {
	Gateway
	takeBack func()
}

func (a abandoned) Cancel(ctx context.Context, r gateway.CancelRequest) gateway.Outcome {
	a.takeBack()
	return a.Gateway.Cancel(ctx, r)
}

func (a abandoned) Inquire(ctx context.Context, r gateway.InquiryRequest) gateway.Inquiry {
	a.takeBack()
	return a.Gateway.Inquire(ctx, r)
}

// What is on the wire is seen to its end, and its answer counts, though the task's context has
// ended.
func TestTaskEndsWhileOnTheWire(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cancels   []simulator.Fault
		inquiries int
	}{"request": {nil, 0}, "inquiry": {[]simulator.Fault{lostAnswer}, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, setup{})
			x := b.pay(1000, 500)
			b.script(simulator.PathCancel, x, c.cancels...)
			b.accept(x)
			if c.inquiries > 0 {
				var p *postponed
				if err := b.run(b.worker, x); !errors.As(err, &p) {
					t.Fatal(err)
				}
				b.clock.Advance(p.after)
			}
			ctx, cancel := context.WithCancel(t.Context())
			b.worker.gateway = abandoned{b.worker.gateway, cancel}
			payload, err := x.Payload()
			if err != nil {
				t.Fatal(err)
			}
			if err := b.worker.route(ctx, asynq.NewTask(tasks.TypeCancel, payload)); err != nil {
				t.Errorf("its answer does not count: %v", err)
			}
			if ctx.Err() == nil {
				t.Error("the task was not taken back")
			}
			b.check(x, ledger.Cancelled, 1, c.inquiries, 1)
		})
	}
}

// An inquiry that was stopped before it was sent leaves what the ones before it have shown.
func TestStoppedInquiryKeepsWhatWasSeen(t *testing.T) {
	t.Parallel()
	var b *bench
	stop := false
	b = newBench(t, setup{options: Options{Closed: func(gateway.CancelRequest, time.Time) (time.Time, string) {
		if stop {
			b.worker.gate.paused.Store(&map[string]pause.Pause{b.mchtID: {Who: "kim"}})
		}
		return time.Time{}, ""
	}}})
	x := b.pay(1000, 500)
	b.script(simulator.PathCancel, x, lostRequest)
	b.accept(x)
	for range 2 { // the request, and an inquiry that shows nothing
		var p *postponed
		if err := b.run(b.worker, x); !errors.As(err, &p) {
			t.Fatal(err)
		}
		b.clock.Advance(p.after)
	}
	before := b.record(x)
	if before.Verification.Seen != 1 {
		t.Fatalf("after one inquiry: %+v", before.Verification)
	}
	stop = true
	var p *postponed
	if err := b.run(b.worker, x); !errors.As(err, &p) || !strings.Contains(p.reason, "stopped before the inquiry") {
		t.Fatalf("paused: %v", err)
	}
	if r := b.record(x); r.Verification != before.Verification || r.Status != ledger.Unknown {
		t.Errorf("%s with %+v, want %+v as before", r.Status, r.Verification, before.Verification)
	}
	stop = false
	b.worker.gate.paused.Store(nil)
	b.drive(x)
	b.check(x, ledger.Cancelled, 2, 2, 1)
}

// The record keeps what an inquiry showed, and of one that failed nothing.
func TestRecordKeepsWhatWasShown(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	x := b.pay(1000, 500)
	b.script(simulator.PathCancel, x, lostAnswer)
	b.script(simulator.PathInquiry, x, simulator.Fault{Kind: simulator.KindCode, Code: "9999"})
	b.accept(x)
	r := b.drive(x)
	if len(r.Attempts) != 3 || r.Attempts[1].Shown != nil || r.Attempts[2].Shown == nil || *r.Attempts[2].Shown != 500 {
		t.Errorf("attempts %+v, want nothing shown by the first inquiry and 500 by the second", r.Attempts)
	}
}

// comeback brings Redis back once the first command has failed for want of it.
type comeback struct {
	restart func() error
	failed  atomic.Int32
}

func (c *comeback) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *comeback) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { return c.after(next(ctx, cmd)) }
}

func (c *comeback) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { return c.after(next(ctx, cmds)) }
}

func (c *comeback) after(err error) error {
	var said redis.Error
	if err != nil && !errors.As(err, &said) && c.failed.Add(1) == 1 {
		return errors.Join(err, c.restart())
	}
	return err
}

// Redis goes while the gateway answers, and is back within the lease: the outcome is stored, and
// nobody has to ask for it.
func TestOutcomeOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t)})
	x := b.pay(1000, 500)
	b.accept(x)
	b.worker.gateway = spy{b.worker.gateway, func(gateway.CancelRequest) { b.redis.Kill() }}
	back := &comeback{restart: b.redis.Restart}
	b.rdb.AddHook(back)
	if err := b.run(b.worker, x); err != nil {
		t.Errorf("the outcome was not stored: %v", err)
	}
	if back.failed.Load() == 0 {
		t.Error("Redis was never missed")
	}
	b.check(x, ledger.Cancelled, 1, 0, 1)
}

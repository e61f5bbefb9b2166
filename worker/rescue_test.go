package worker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// queued counts the tasks that wait in the default queue.
func (b *bench) queued() int {
	b.t.Helper()
	n, err := b.rdb.LLen(b.t.Context(), "asynq:{default}:pending").Result()
	if err != nil {
		b.t.Fatal(err)
	}
	return int(n)
}

// forget takes all of asynq's tasks away.
func (b *bench) forget() {
	b.t.Helper()
	keys, err := b.rdb.Keys(b.t.Context(), "asynq:*").Result()
	if err == nil {
		err = b.rdb.Del(b.t.Context(), keys...).Err()
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// A task that asynq takes for active, though it is long overdue, is not waited for: its worker may
// be gone.
func TestSweepBesideAnActiveTask(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t)})
	x := b.pay(1000, 500)
	b.accept(x)
	if _, err := b.rdb.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
		p.HSet(t.Context(), "asynq:{default}:t:"+x.IdempotencyKey, "state", "active")
		p.LMove(t.Context(), "asynq:{default}:pending", "asynq:{default}:active", "RIGHT", "LEFT")
		p.ZAdd(t.Context(), "asynq:{default}:lease", redis.Z{Score: float64(time.Now().Add(time.Hour).Unix()), Member: x.IdempotencyKey})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	b.sweep()
	if n := b.queued(); n != 0 {
		t.Fatalf("%d tasks beside one that runs in time", n)
	}
	b.clock.Advance(time.Hour)
	b.sweep()
	if n := b.queued(); n != 1 {
		t.Errorf("%d tasks wait, want a second one beside the active one", n)
	}
}

// One cancellation that cannot be queued, or read, keeps no other from it. The sweep tells of it.
func TestSweepGoesOn(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(b *bench, txn string) error{
		"its queue is damaged": func(b *bench, _ string) error {
			return b.rdb.Set(b.t.Context(), "asynq:{urgent}:pending", "no list", 0).Err()
		},
		"its record is damaged": func(b *bench, txn string) error { return b.rdb.Set(b.t.Context(), txn, "not JSON", 0).Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, setup{redis: ownRedis(t)})
			x := b.pay(1000, 500)
			if _, err := b.client.Enqueue(t.Context(), x, tasks.EnqueueOptions{Queue: tasks.QueueUrgent}); err != nil {
				t.Fatal(err)
			}
			txns, err := b.rdb.Keys(t.Context(), "settlecancel:{*}:p:*").Result()
			if err != nil || len(txns) != 1 {
				t.Fatalf("%q, %v", txns, err)
			}
			b.clock.Advance(time.Minute) // x is due first
			b.accept(b.pay(1000, 500), b.pay(1000, 500))
			b.forget()
			if err := harm(b, txns[0]); err != nil {
				t.Fatal(err)
			}
			b.clock.Advance(time.Hour)
			if err := b.worker.newSweeper().once(t.Context()); err == nil {
				t.Error("the sweep says nothing of the one that it could not help")
			}
			if n := b.queued(); n != 2 {
				t.Errorf("%d of the two others were queued", n)
			}
		})
	}
}

// More are overdue than one sweep looks at: the next one goes on where it ended.
func TestSweepPages(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t), options: Options{SweepEvery: time.Millisecond}})
	all := make([]tasks.Submission, sweepPage+10)
	for i := range all {
		all[i].Cancellation = tasks.Cancellation{IdempotencyKey: fmt.Sprint("page-", i), MchtID: b.mchtID, OrgTrdNo: fmt.Sprint("PAGE_", i),
			OrgMchtTrdNo: fmt.Sprint("ORDER_", i), OrgTrdDt: "20260105", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA"}
	}
	for _, o := range b.client.EnqueueMany(t.Context(), all) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	b.forget()
	b.clock.Advance(time.Hour)
	s := b.worker.newSweeper()
	if ok, err := s.turn.take(t.Context()); err != nil || !ok {
		t.Fatal(ok, err)
	}
	err := s.once(t.Context())
	if n := b.queued(); err != nil || s.cursor == "" || n != sweepPage {
		t.Fatalf("the first page: %d were queued, cursor %q, %v", n, s.cursor, err)
	}
	if err = s.once(t.Context()); err != nil || s.cursor != "" || b.queued() != len(all) {
		t.Fatalf("the second page: %d are queued, cursor %q, %v", b.queued(), s.cursor, err)
	}
	if err := s.turn.leave(); err != nil {
		t.Fatal(err)
	}
	b.forget()
	done := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	go func() { defer close(done); b.worker.newSweeper().run(ctx) }()
	b.until("all pages are swept", func() bool { return b.queued() == len(all) })
	stop()
	<-done
}

// A cancellation that waited for long, and is worked at now, needs no second task, until its lease
// has ended.
func TestSweepBesideAnAttempt(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t)})
	x := b.pay(1000, 500)
	b.accept(x)
	b.clock.Advance(time.Hour)
	entry, err := x.Entry()
	if err != nil {
		t.Fatal(err)
	}
	if g, err := b.worker.ledger.Begin(t.Context(), entry); err != nil || g.Step != ledger.StepSend {
		t.Fatalf("%+v, %v", g, err)
	}
	b.forget()
	b.sweep()
	if n := b.queued(); n != 0 {
		t.Errorf("%d tasks beside an attempt that has its lease", n)
	}
	b.clock.Advance(b.worker.ledger.Lease() + b.worker.opts.SweepAfter + time.Second)
	b.sweep()
	if n := b.queued(); n != 1 {
		t.Errorf("%d tasks wait after the lease has ended, want 1", n)
	}
}

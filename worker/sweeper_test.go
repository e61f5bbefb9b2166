package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// Rule 8: every open cancellation whose task asynq no longer has is queued again.
func TestRule08SweeperHeals(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(*bench, *asynq.Inspector, tasks.Cancellation) error{
		"deleted": func(_ *bench, i *asynq.Inspector, x tasks.Cancellation) error {
			return i.DeleteTask(tasks.QueueDefault, x.IdempotencyKey)
		},
		"archived behind our back": func(_ *bench, i *asynq.Inspector, x tasks.Cancellation) error {
			return i.ArchiveTask(tasks.QueueDefault, x.IdempotencyKey)
		},
		"lost with the whole queue": func(b *bench, _ *asynq.Inspector, _ tasks.Cancellation) error {
			keys, err := b.rdb.Keys(context.Background(), "asynq:*").Result()
			if err != nil {
				return err
			}
			return b.rdb.Del(context.Background(), keys...).Err()
		},
		"damaged": func(b *bench, _ *asynq.Inspector, x tasks.Cancellation) error {
			key := "asynq:{default}:t:" + x.IdempotencyKey
			return errors.Join(b.rdb.HSet(context.Background(), key, "msg", "\xff\xff").Err(),
				b.rdb.LRem(context.Background(), "asynq:{default}:pending", 0, x.IdempotencyKey).Err())
		},
		"a ghost in no list": func(b *bench, _ *asynq.Inspector, x tasks.Cancellation) error {
			key := "asynq:{default}:t:" + x.IdempotencyKey
			return errors.Join(b.rdb.HSet(context.Background(), key, "state", "archived").Err(),
				b.rdb.LRem(context.Background(), "asynq:{default}:pending", 0, x.IdempotencyKey).Err())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, setup{redis: ownRedis(t)})
			x, y := b.pay(1000, 500), b.pay(1000, 500)
			b.accept(x, y)
			inspector := asynq.NewInspectorFromRedisClient(b.rdb)
			if err := harm(b, inspector, x); err != nil {
				t.Fatal(err)
			}
			b.sweep()
			if pending, err := inspector.ListPendingTasks(tasks.QueueDefault); err == nil && len(pending) > 1 {
				t.Errorf("swept before it was overdue: %d tasks", len(pending))
			}
			b.clock.Advance(time.Hour)
			b.sweep()
			b.sweep() // finds nothing more to do
			pending, err := inspector.ListPendingTasks(tasks.QueueDefault)
			if err != nil || len(pending) != 2 {
				t.Fatalf("%d tasks are pending, %v; want one of each cancellation", len(pending), err)
			}
			for _, p := range pending {
				if err := b.worker.route(context.Background(), asynq.NewTask(p.Type, p.Payload)); err != nil {
					t.Errorf("%s: %v", p.ID, err)
				}
			}
			b.check(x, ledger.Cancelled, 1, 0, 1)
			b.check(y, ledger.Cancelled, 1, 0, 1)
		})
	}
}

func (b *bench) sweep() {
	b.t.Helper()
	s := b.worker.newSweeper()
	for first := true; first || s.cursor != ""; first = false {
		if err := s.once(context.Background()); err != nil {
			b.t.Fatal(err)
		}
	}
}

func TestSweepersTakeTurns(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t)})
	ctx := context.Background()
	turns := map[string]*turn{"a": b.worker.newSweeper().turn, "b": b.newWorker(setup{}).newSweeper().turn}
	for range 2 {
		if mine, err := turns["a"].take(ctx); err != nil || !mine {
			t.Errorf("the first: %v, %v", mine, err)
		}
	}
	if mine, err := turns["b"].take(ctx); err != nil || mine {
		t.Errorf("two sweep at once: %v, %v", mine, err)
	}
	if ttl := b.rdb.PTTL(ctx, sweeperKey).Val(); ttl <= 0 || ttl > 3*b.worker.opts.SweepEvery {
		t.Errorf("the turn lasts %v", ttl)
	}
	for _, who := range []string{"b", "a"} { // the turn of another cannot be ended
		if err := turns[who].leave(); err != nil {
			t.Error(err)
		}
		if mine, err := turns["b"].take(ctx); err != nil || mine != (who == "a") {
			t.Errorf("after %s left: %v, %v", who, mine, err)
		}
	}
}

package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// justBefore does something once, right before asynq is asked about a task.
type justBefore struct {
	do   func() error
	done atomic.Bool
}

func (h *justBefore) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *justBefore) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if (cmd.Name() == "sismember" || strings.HasPrefix(cmd.Name(), "eval")) && h.done.CompareAndSwap(false, true) {
			if err := h.do(); err != nil {
				cmd.SetErr(err)
				return err
			}
		}
		return next(ctx, cmd)
	}
}

func (h *justBefore) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// A task that blocked its id, and is gone when it is looked for, is put again: else the
// cancellation would have none.
func TestEnqueueVanishedTask(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(*desk, string) error{
		"the task":  func(d *desk, key string) error { return d.inspector.DeleteTask(tasks.QueueDefault, key) },
		"the queue": func(d *desk, _ string) error { return d.inspector.DeleteQueue(tasks.QueueDefault, true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			all := partials(1)
			d.accept(all, false)
			vanish := &justBefore{do: func() error { return harm(d, all[0].IdempotencyKey) }}
			rdb := d.server.Client(t)
			rdb.AddHook(vanish)
			again := *d
			again.client = tasks.NewClient(rdb, tasks.ClientOptions{})
			again.accept(all, true)
			if !vanish.done.Load() {
				t.Fatal("nobody looked for the task")
			}
			d.wantTasks(tasks.QueueDefault, all)
		})
	}
}

// Of two with the same key the first is accepted, however far apart they stand and however many go
// at once, also by a Redis that does not know our scripts yet.
func TestEnqueueManyKeepsTheOrderOfAKey(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const n = 151 // odd, so that no simple way to deal them out puts the two of each key together
	all := make([]tasks.Submission, 2*n)
	for i := range all {
		all[i] = partial(fmt.Sprint("twice-", i%n))
		all[i].CanAmt += int64(i / n)
	}
	if err := d.rdb.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for i, o := range d.client.EnqueueMany(t.Context(), all) {
		if first := i < n; first != (o.Err == nil) || !first && !errors.Is(o.Err, ledger.ErrConflict) {
			t.Errorf("%d: %v", i, o.Err)
		}
	}
	d.wantTasks(tasks.QueueDefault, all[:n])
}

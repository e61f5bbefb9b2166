package worker

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"settlecancel/worker/pause"
)

// unreadable makes the reading of what is paused fail while it is set.
type unreadable struct {
	is atomic.Bool
}

func (*unreadable) DialHook(next redis.DialHook) redis.DialHook { return next }

func (*unreadable) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (u *unreadable) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "hgetall" && u.is.Load() {
			err := errors.New("unreadable")
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

// A worker takes no task before it knows what is paused: `pause --all` holds it from its first
// moment.
func TestPausedBeforeStart(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t)})
	paused := &unreadable{}
	b.worker.opts.Redis.AddHook(paused)
	if err := pause.Begin(context.Background(), b.rdb, pause.Pause{MchtID: pause.AllMerchants, Who: "kim"}); err != nil {
		t.Fatal(err)
	}
	x := b.pay(1000, 500)
	b.accept(x)
	paused.is.Store(true)
	if err := b.worker.Start(); err == nil {
		b.worker.Shutdown()
		t.Error("started without knowing what is paused")
	}
	paused.is.Store(false)
	w := b.newWorker(setup{})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Shutdown()
	if w.gate.pause(b.mchtID) == nil {
		t.Error("a paused worker has started, and would send")
	}
}

package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
)

// breakage makes one command fail, before Redis has it or after.
type breakage struct {
	fits  func(redis.Cmder) bool
	after bool
	armed atomic.Bool
}

var errBroken = errors.New("connection lost")

func (f *breakage) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f *breakage) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !f.fits(cmd) || !f.armed.CompareAndSwap(true, false) {
			return next(ctx, cmd)
		}
		if f.after {
			_ = next(ctx, cmd)
		}
		cmd.SetErr(errBroken)
		return errBroken
	}
}

func (f *breakage) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if !slices.ContainsFunc(cmds, f.fits) || !f.armed.CompareAndSwap(true, false) {
			return next(ctx, cmds)
		}
		if f.after {
			_ = next(ctx, cmds)
		}
		return errBroken
	}
}

// Nothing is crossed out that was not told, whichever step Redis fails at: it is told again, under
// the same id.
func TestRelaySurvivesRedis(t *testing.T) {
	t.Parallel()
	script := func(cmd redis.Cmder, part string) bool {
		return strings.HasPrefix(cmd.Name(), "eval") && strings.Contains(fmt.Sprint(cmd.Args()...), part)
	}
	for name, c := range map[string]struct {
		fits func(redis.Cmder) bool
		told [2]int // times in the stream where it fails before, and after
	}{
		"read":    {func(cmd redis.Cmder) bool { return cmd.Name() == "xrange" }, [2]int{1, 1}},
		"webhook": {func(cmd redis.Cmder) bool { return script(cmd, "asynq:{webhooks}") }, [2]int{1, 1}},
		"stream":  {func(cmd redis.Cmder) bool { return cmd.Name() == "xadd" }, [2]int{1, 2}},
		"ack":     {func(cmd redis.Cmder) bool { return cmd.Name() == "xdel" }, [2]int{2, 2}},
	} {
		for i, after := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " after=", after), func(t *testing.T) {
				t.Parallel()
				b := newBench(t, setup{redis: ownRedis(t), options: Options{Webhook: mustWebhook(t, "http://127.0.0.1:1/")}})
				first, x := b.pay(1000, 500), b.pay(1000, 500)
				b.accept(first, x)
				b.drive(first)
				b.relay(b.worker) // Redis has heard all scripts
				b.drive(x)
				f := &breakage{fits: c.fits, after: after}
				f.armed.Store(true)
				b.rdb.AddHook(f)
				b.worker.opts.Redis.AddHook(f)
				if n, err := b.worker.newRelay().once(context.Background()); n != 0 || err == nil || !strings.Contains(err.Error(), errBroken.Error()) { // asynq wraps as text
					t.Fatalf("told %d, %v", n, err)
				}
				wantLeft := 1
				if name == "ack" && after {
					wantLeft = 0
				}
				if b.outbox() != wantLeft {
					t.Errorf("%d events are left, want %d", b.outbox(), wantLeft)
				}
				b.relay(b.worker)
				want := c.told[i] - (1 - wantLeft)
				told := b.told(x)
				if b.outbox() != 0 || len(told) != want || told[0].ID != told[len(told)-1].ID {
					t.Errorf("%d are left; told %+v", b.outbox(), told)
				}
				if n := len(b.webhooks(x)); n != 1 {
					t.Errorf("%d webhooks are queued, want 1", n)
				}
			})
		}
	}
}

// Where Redis fails at the second event, the first is told, and the second when its time comes.
func TestRelayTellsWhatItCan(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t), options: Options{Webhook: mustWebhook(t, "http://127.0.0.1:1/")}})
	x := b.twice()
	f := &breakage{fits: func(cmd redis.Cmder) bool { return strings.Contains(fmt.Sprint(cmd.Args()...), x.IdempotencyKey+"@2") }}
	f.armed.Store(true)
	b.rdb.AddHook(f)
	b.worker.opts.Redis.AddHook(f)
	n, err := b.worker.newRelay().once(context.Background())
	if n != 1 || err == nil || b.outbox() != 1 || story(b.told(x)) != "1 rejected" {
		t.Errorf("told %d (%s), %d left, %v", n, story(b.told(x)), b.outbox(), err)
	}
	if n := b.relay(b.worker); n != 1 || story(b.told(x)) != "1 rejected, 2 cancelled" || len(b.webhooks(x)) != 2 {
		t.Errorf("told %d more: %s, %d webhooks", n, story(b.told(x)), len(b.webhooks(x)))
	}
}

// Two workers relay one at a time: nothing is told twice, and each cancellation's events in their
// order. A worker that leaves makes way at once.
func TestRelaysTakeTurns(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t), options: Options{RelayEvery: time.Millisecond}})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var both sync.WaitGroup
	for _, w := range []*Worker{b.worker, b.newWorker(setup{options: Options{RelayEvery: time.Millisecond}})} {
		both.Go(func() { w.newRelay().run(ctx) })
	}
	var xs []tasks.Cancellation
	for range 20 {
		xs = append(xs, b.twice())
	}
	b.until("all are told", func() bool { return b.outbox() == 0 })
	cancel()
	both.Wait()
	for _, x := range xs {
		if got := story(b.told(x)); got != "1 rejected, 2 cancelled" {
			t.Errorf("%s: told %s", x.IdempotencyKey, got)
		}
	}
	if n := b.rdb.Exists(context.Background(), relayKey).Val(); n != 0 {
		t.Error("the turn is kept by a worker that has left")
	}
}

// While another worker relays, this one does not.
func TestRelayWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t), options: Options{RelayEvery: time.Millisecond}})
	x := b.pay(1000, 500)
	b.accept(x)
	b.drive(x)
	another := newTurn(b.rdb, relayKey, time.Hour)
	if mine, err := another.take(context.Background()); err != nil || !mine {
		t.Fatal(mine, err)
	}
	asked := make(chan struct{}, 100)
	b.worker.opts.Redis.AddHook(&breakage{fits: func(cmd redis.Cmder) bool {
		if strings.Contains(fmt.Sprint(cmd.Args()...), relayKey) {
			select {
			case asked <- struct{}{}:
			default:
			}
		}
		return false
	}})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); b.worker.newRelay().run(ctx) }()
	for range 3 {
		<-asked
	}
	if b.outbox() != 1 || len(b.told(x)) != 0 {
		t.Error("it was told in another worker's turn")
	}
	if err := another.leave(); err != nil {
		t.Fatal(err)
	}
	b.until("it is told in its own turn", func() bool { return b.outbox() == 0 })
	cancel()
	<-done
}

// A round that took too long stops before it tells: another worker's turn may have come.
func TestRelayTooLate(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t)})
	x := b.pay(1000, 500)
	b.accept(x)
	b.drive(x)
	ctx, cancel := context.WithCancel(context.Background())
	b.rdb.AddHook(&breakage{fits: func(cmd redis.Cmder) bool {
		if cmd.Name() == "xrange" {
			cancel()
		}
		return false
	}})
	if n, err := b.worker.newRelay().once(ctx); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("told %d, %v", n, err)
	}
	if b.outbox() != 1 || len(b.told(x)) != 0 {
		t.Error("it was told")
	}
}

package worker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// started runs the bench's worker on real queues until the test ends.
func (b *bench) started(w *Worker) *Worker {
	b.t.Helper()
	if err := w.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(sync.OnceFunc(w.Shutdown))
	return w
}

// until looks again and again at what asynq's own clock brings about. Only a hang fails it.
func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			b.t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

func (b *bench) task(x tasks.Cancellation) *asynq.TaskInfo {
	b.t.Helper()
	info, err := asynq.NewInspectorFromRedisClient(b.rdb).GetTaskInfo(tasks.QueueDefault, x.IdempotencyKey)
	if err != nil && !errors.Is(err, asynq.ErrTaskNotFound) && !errors.Is(err, asynq.ErrQueueNotFound) {
		b.t.Fatal(err)
	}
	return info
}

// quick are the pauses of workers that run in real time.
var quick = Options{RetryInitial: time.Millisecond, RetryCap: 20 * time.Millisecond, VerifyAfter: time.Millisecond,
	IdlePoll: 10 * time.Millisecond, DelayedPoll: 50 * time.Millisecond}

func realTime(s setup) setup {
	s.ledger.Now, s.ledger.VerifyAfter = time.Now, time.Millisecond
	if s.options.RetryInitial == 0 {
		s.options = quick
	}
	return s
}

func TestQueueEndToEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, realTime(setup{redis: ownRedis(t)}))
	good, bad, slow := b.pay(1000, 500), b.pay(1000, 500), b.pay(1000, 1000)
	b.script(simulator.PathCancel, bad, simulator.Fault{Kind: simulator.KindCode, Code: "CA10", Message: "no such\n transaction"})
	b.script(simulator.PathCancel, slow, overloaded, overloaded, overloaded)
	b.started(b.worker)
	b.accept(good, bad, slow)
	b.until("all three have ended", func() bool {
		return b.record(good).Ended() && b.record(bad).Dead() && b.record(slow).Ended() &&
			b.task(good).State == asynq.TaskStateCompleted && b.task(slow).State == asynq.TaskStateCompleted && b.task(bad).State == asynq.TaskStateArchived
	})
	b.check(good, ledger.Cancelled, 1, 0, 1)
	b.check(bad, ledger.Rejected, 1, 0, 0)
	b.check(slow, ledger.Cancelled, 4, 0, 1)
	if got := b.record(slow); got.Spent != 0 || len(got.Attempts) != 4 {
		t.Errorf("the record of the slow one: %+v", got)
	}
	if info := b.task(good); !strings.Contains(string(info.Result), b.record(good).CanTrdNo) || info.Retention != 24*time.Hour ||
		info.MaxRetry < 1<<30 || info.Timeout < 10*time.Minute {
		t.Errorf("the task of the good one: %+v, result %s", info, info.Result)
	}
	if info := b.task(bad); !strings.HasPrefix(info.LastErr, "rejected CA10 no such transaction") {
		t.Errorf("the dashboard shows %q", info.LastErr)
	}
	if info := b.task(slow); info.Retried != 0 {
		t.Errorf("asynq counted %d retries; the ledger does that", info.Retried)
	}
}

// A cancellation that a plain asynq client put in the queue is accepted by the worker.
func TestPlainAsynqTask(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	x := b.pay(1000, 500)
	b.drive(x) // never accepted by our client
	b.check(x, ledger.Cancelled, 1, 0, 1)
	for name, payload := range map[string]string{"no JSON": "\xff", "unknown field": `{"idempotencyKey":"a","bogus":1}`, "empty": ""} {
		err := b.worker.route(context.Background(), asynq.NewTask(tasks.TypeCancel, []byte(payload)))
		if !errors.Is(err, asynq.SkipRetry) || len(err.Error()) > 300 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.worker.route(context.Background(), asynq.NewTask("other:type", nil)); !errors.Is(err, asynq.SkipRetry) {
		t.Errorf("a task of another type: %v", err)
	}
}

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
			b.clock.advance(time.Hour)
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
	for cursor, first := "", true; first || cursor != ""; first = false {
		var err error
		if cursor, err = b.worker.sweepOnce(context.Background(), cursor); err != nil {
			b.t.Fatal(err)
		}
	}
}

func TestSweepersTakeTurns(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t)})
	other := b.newWorker(setup{})
	ctx, life := context.Background(), 3*b.worker.opts.SweepEvery
	for range 2 {
		if mine, err := b.worker.takeTurn(ctx, sweeperKey, "a", life); err != nil || !mine {
			t.Errorf("the first: %v, %v", mine, err)
		}
	}
	if mine, err := other.takeTurn(ctx, sweeperKey, "b", life); err != nil || mine {
		t.Errorf("two sweep at once: %v, %v", mine, err)
	}
	if ttl := b.rdb.PTTL(ctx, sweeperKey).Val(); ttl <= 0 || ttl > life {
		t.Errorf("the turn lasts %v", ttl)
	}
	for _, who := range []string{"b", "a"} { // the turn of another cannot be ended
		if err := b.worker.leaveTurn(ctx, sweeperKey, who); err != nil {
			t.Error(err)
		}
		if mine, err := other.takeTurn(ctx, sweeperKey, "b", life); err != nil || mine != (who == "a") {
			t.Errorf("after %s left: %v, %v", who, mine, err)
		}
	}
}

// Rule 10: a request that runs outlives a shutdown; its outcome is written.
func TestRule10ShutdownLetsRequestsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, realTime(setup{redis: ownRedis(t)}))
	x := b.pay(1000, 500)
	entered, leave := make(chan struct{}), make(chan struct{})
	b.worker.gateway = spy{b.worker.gateway, func(r gateway.CancelRequest) {
		if r.OrgTrdNo == x.OrgTrdNo {
			close(entered)
			<-leave
		}
	}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.worker.Run(ctx) }()
	b.accept(x)
	<-entered
	cancel()
	y := b.pay(1000, 500)
	b.accept(y) // may come too late for this worker
	select {
	case <-done:
		close(leave)
		t.Fatal("the worker left while its request was on the wire")
	case <-time.After(300 * time.Millisecond): // long enough to catch one that does not wait, harmless for one that does
	}
	close(leave)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b.check(x, ledger.Cancelled, 1, 0, 1)
	if state := b.task(x).State; state != asynq.TaskStateCompleted {
		t.Errorf("its task is %s", state)
	}
	b.worker.gateway = b.worker.gateway.(spy).Gateway
	b.drive(y)
	b.check(y, ledger.Cancelled, 1, 0, 1)
}

// blip fails the first acknowledgement of a finished task, as a Redis that is away for a moment would.
type blip struct {
	left  *atomic.Int32
	tried *atomic.Int32
}

func (blip) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h blip) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if args := cmd.Args(); len(args) > 5 && args[0] == "evalsha" && strings.Contains(joined(args), ":processed:") {
			h.tried.Add(1)
			if h.left.Add(-1) >= 0 {
				err := errors.New("simulated blip")
				cmd.SetErr(err)
				return err
			}
		}
		return next(ctx, cmd)
	}
}

func (blip) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func joined(args []any) string {
	var all []string
	for _, a := range args {
		if s, ok := a.(string); ok {
			all = append(all, s)
		}
	}
	return strings.Join(all, " ")
}

// A failed acknowledgement is repeated until asynq has it: its own repeat carries a dead context.
func TestFailedAcknowledgementIsRepeated(t *testing.T) {
	t.Parallel()
	b := newBench(t, realTime(setup{redis: ownRedis(t)}))
	x := b.pay(1000, 500)
	var left, tried atomic.Int32
	left.Store(1)
	b.worker.opts.Redis.AddHook(blip{&left, &tried})
	b.started(b.worker)
	b.accept(x)
	b.until("the task is completed", func() bool { return b.task(x).State == asynq.TaskStateCompleted })
	if tried.Load() < 2 {
		t.Errorf("the acknowledgement was tried %d times", tried.Load())
	}
	b.check(x, ledger.Cancelled, 1, 0, 1)
}

func TestFreshContext(t *testing.T) {
	t.Parallel()
	rdb := shared.Client(t)
	rdb.AddHook(freshContext{})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := rdb.Set(ended, "fresh", "1", time.Minute).Err(); err != nil {
		t.Errorf("with a cancelled context: %v", err)
	}
	late, cancel := context.WithTimeout(context.Background(), -1)
	defer cancel()
	if err := rdb.Get(late, "fresh").Err(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a deadline must hold: %v", err)
	}
}

// All answers blame the merchant's keys: no dead letters, no budget spent, requests drop to probes; healed, it flows again. The
// other merchants never notice.
func TestMisconfiguredMerchantIsHeld(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b := newBench(t, setup{key: "wrong", options: Options{HoldFor: time.Hour, Logger: slog.New(slog.NewTextHandler(&log, nil))}})
	var xs []tasks.Cancellation
	for range 30 {
		xs = append(xs, b.pay(1000, 500))
	}
	b.accept(xs...)
	for range 3 {
		for _, x := range xs {
			var p *postponed
			if err := b.run(b.worker, x); !errors.As(err, &p) || p.after < 30*time.Minute {
				t.Fatalf("%s: %v", x.IdempotencyKey, err)
			}
		}
	}
	sent := 0
	for _, x := range xs {
		cancels, _ := b.requests(x)
		sent += cancels
		if r := b.record(x); r.Status != ledger.Queued || r.Spent != 0 {
			t.Errorf("%s is %s and has spent %d", x.IdempotencyKey, r.Status, r.Spent)
		}
	}
	if sent != tripAfter {
		t.Errorf("%d requests were sent before the merchant was held, want %d", sent, tripAfter)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "mcht_id=nxca_jt_bi") {
		t.Errorf("the log is not loud: %s", log.String())
	}
	other := b.pay(1000, 500)
	other.MchtID, other.OrgTrdNo, other.OrgMchtTrdNo = "nxca_jt_il", other.OrgTrdNo+"_il", other.OrgMchtTrdNo+"_il"
	if err := b.sim.Register(simulator.Original{MchtID: other.MchtID, OrgTrdNo: other.OrgTrdNo, OrgMchtTrdNo: other.OrgMchtTrdNo,
		OrgTrdDt: other.OrgTrdDt, Amount: 1000}); err != nil {
		t.Fatal(err)
	}
	b.accept(other)
	b.drive(other)
	b.check(other, ledger.Cancelled, 1, 0, 1)

	b.worker = b.newWorker(setup{}) // restarted with the right key
	b.clock.advance(2 * time.Hour)
	for _, x := range xs {
		b.drive(x)
		if n, _ := b.effects(x); b.record(x).Status != ledger.Cancelled || n != 1 {
			t.Errorf("%s is %s, applied %d times", x.IdempotencyKey, b.record(x).Status, n)
		}
	}
}

func TestBreakerProbes(t *testing.T) {
	t.Parallel()
	now := newBreakers(time.Nanosecond, slog.New(slog.NewTextHandler(io.Discard, nil)), unobserved{}.Breaker)
	visits := 0
	visit := func(h health) func() health { return func() health { visits++; return h } }
	for range tripAfter {
		if held := now.pass("m", visit(failing)); held != nil {
			t.Fatal(held)
		}
	}
	for range 5 { // the pause is over at once: each visit is a probe, and says nothing
		if held := now.pass("m", visit(healthUntold)); held != nil {
			t.Fatalf("a probe that learned nothing must not block the next one: %v", held)
		}
	}
	if held := now.pass("m", visit(healthy)); held != nil || now.of("m").State().String() != "closed" {
		t.Errorf("healed: %v, %s", held, now.of("m").State())
	}
	hour := newBreakers(time.Hour, slog.New(slog.NewTextHandler(io.Discard, nil)), unobserved{}.Breaker)
	for range tripAfter {
		_ = hour.pass("m", visit(failing))
	}
	visits = 0
	if held := hour.pass("m", visit(healthy)); held == nil || visits != 0 {
		t.Error("a held merchant's request went through")
	}
	if held := hour.pass("other", visit(healthy)); held != nil || visits != 1 {
		t.Error("another merchant is held too")
	}
}

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

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/clocktest"
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
	clocktest.WaitFor(b.t, what, ok)
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
			b.task(good) == nil && b.task(slow) == nil && b.task(bad).State == asynq.TaskStateArchived
	})
	b.check(good, ledger.Cancelled, 1, 0, 1)
	b.check(bad, ledger.Rejected, 1, 0, 0)
	b.check(slow, ledger.Cancelled, 4, 0, 1)
	if got := b.record(slow); got.Spent != 0 || len(got.Attempts) != 4 {
		t.Errorf("the record of the slow one: %+v", got)
	}
	if info := b.task(bad); info.Retention != 0 || info.MaxRetry < 1<<30 || info.Timeout < 10*time.Minute {
		t.Errorf("the task of the bad one: %+v", info)
	}
	if info := b.task(bad); !strings.HasPrefix(info.LastErr, "rejected CA10 no such transaction") {
		t.Errorf("the dashboard shows %q", info.LastErr)
	}
	if info := b.task(bad); info.Retried != 0 {
		t.Errorf("asynq counted %d retries; the ledger does that", info.Retried)
	}
}

// A cancellation that a plain asynq client put in the queue is accepted by the worker.
func TestPlainAsynqTask(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	x := b.pay(1000, 500)
	b.drive(x) // never accepted by our client
	b.check(x, ledger.Cancelled, 1, 1, 1)
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
	if info := b.task(x); info != nil {
		t.Errorf("its task is %s", info.State)
	}
	b.worker.gateway = b.worker.gateway.(spy).Gateway
	b.drive(y)
	b.check(y, ledger.Cancelled, 1, 0, 1)
}

// blip fails the first acknowledgement of a finished task, as a Redis that is away for a moment
// would.
type blip struct {
	left  *atomic.Int32
	tried *atomic.Int32
}

func (blip) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h blip) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if h.fails(cmd) {
			return cmd.Err()
		}
		return next(ctx, cmd)
	}
}

func (h blip) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return next(ctx, slices.DeleteFunc(slices.Clone(cmds), h.fails))
	}
}

// fails reports whether cmd is an acknowledgement that fails.
func (h blip) fails(cmd redis.Cmder) bool {
	if args := cmd.Args(); len(args) <= 5 || args[0] != "evalsha" || !strings.Contains(joined(args), ":processed:") {
		return false
	}
	h.tried.Add(1)
	if h.left.Add(-1) < 0 {
		return false
	}
	cmd.SetErr(errors.New("simulated blip"))
	return true
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
	b.until("the task is done", func() bool { return b.task(x) == nil })
	if tried.Load() < 2 {
		t.Errorf("the acknowledgement was tried %d times", tried.Load())
	}
	b.check(x, ledger.Cancelled, 1, 0, 1)
}

// asynq calls both outside of any recovery.
func TestRetryDelayIsTotal(t *testing.T) {
	t.Parallel()
	var none *postponed
	for _, err := range []error{nil, errors.New("x"), none, fmt.Errorf("y: %w", &postponed{after: -1}), &postponed{after: 1500 * time.Millisecond}} {
		if d := retryDelay(0, err, nil); d < 0 || d > 5*time.Second {
			t.Errorf("%v: %v", err, d)
		}
		if noFailure(err) {
			t.Errorf("%v counts as a failure", err)
		}
	}
	if d := retryDelay(0, &postponed{after: 1500 * time.Millisecond}, nil); d < 1500*time.Millisecond {
		t.Errorf("a pause of 1.5 s became %v", d)
	}
}

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

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

var refuses = simulator.Fault{Kind: simulator.KindCode, Code: "CA10", Message: "no such transaction"}

// relay tells what the outbox holds, once.
func (b *bench) relay(w *Worker) int {
	b.t.Helper()
	n, err := (&relay{Worker: w}).once(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// told answers the entries of the stream of a cancellation, repetitions included.
func (b *bench) told(x tasks.Cancellation) (told []tasks.Event) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := b.rdb.XLen(ctx, tasks.EventStream).Val()
	if n == 0 {
		return nil
	}
	for e, err := range b.client.FollowEvents(ctx, true) {
		if err != nil {
			b.t.Fatal(err)
		}
		if e.Data.IdempotencyKey == x.IdempotencyKey {
			told = append(told, e)
		}
		if n--; n == 0 {
			break
		}
	}
	return told
}

// story writes events as "seq status".
func story(events []tasks.Event) string {
	var parts []string
	for _, e := range events {
		parts = append(parts, fmt.Sprint(e.Seq, " ", e.Data.Status))
	}
	return strings.Join(parts, ", ")
}

// outbox counts what has not been told.
func (b *bench) outbox() int {
	b.t.Helper()
	events, err := b.client.Ledger().Outbox(context.Background(), 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	return len(events)
}

// twice makes a cancellation that is refused, retried by a person, and done.
func (b *bench) twice() tasks.Cancellation {
	b.t.Helper()
	x := b.pay(1000, 500)
	b.script(simulator.PathCancel, x, refuses)
	b.accept(x)
	b.drive(x)
	if _, err := b.client.Retry(context.Background(), x.IdempotencyKey, ledger.Decision{Who: "kim"}); err != nil {
		b.t.Fatal(err)
	}
	b.drive(x)
	return x
}

func TestRelayTellsInOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t)})
	open := b.pay(1000, 500)
	b.accept(open)
	x := b.twice()
	if n := b.relay(b.worker); n != 2 {
		t.Errorf("told %d events, want 2", n)
	}
	if n := b.relay(b.worker); n != 0 || b.outbox() != 0 {
		t.Errorf("told %d events again, and %d are left", n, b.outbox())
	}
	told, r := b.told(x), b.record(x)
	if len(told) != 2 || len(b.told(open)) != 0 {
		t.Fatalf("the stream holds %+v, and of the open one %+v", told, b.told(open))
	}
	want := []tasks.Event{
		{ID: told[0].ID, Type: "cancellation.rejected", Timestamp: told[0].Timestamp, Seq: 1, Data: tasks.EventData{
			IdempotencyKey: x.IdempotencyKey, MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo, OrgTrdDt: x.OrgTrdDt,
			CanAmt: 500, Status: ledger.Rejected, Code: "CA10", Message: "no such transaction"}},
		{ID: told[1].ID, Type: "cancellation.cancelled", Timestamp: r.EndedAt.UTC(), Seq: 2, Data: tasks.EventData{
			IdempotencyKey: x.IdempotencyKey, MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo, OrgTrdDt: x.OrgTrdDt,
			CanAmt: 500, Status: ledger.Cancelled, CanTrdNo: r.CanTrdNo, Code: r.Code, Message: r.Message}},
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if told[0].ID == told[1].ID || strings.Contains(told[0].ID, ".") || told[0].Timestamp.IsZero() || told[0].Timestamp.After(told[1].Timestamp) {
		t.Errorf("told as %s of %v and %s of %v", told[0].ID, told[0].Timestamp, told[1].ID, told[1].Timestamp)
	}
}

// No event is lost with the worker that brought it about.
func TestRelayAfterDeath(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t)})
	x := b.pay(1000, 500)
	b.accept(x)
	b.drive(x) // and nothing more is heard of b.worker
	if err := b.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	if n := b.relay(b.newWorker(setup{})); n != 1 || story(b.told(x)) != "1 cancelled" {
		t.Errorf("the next worker told %d events: %s", n, story(b.told(x)))
	}
}

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

// Nothing is crossed out that was not told, whichever step Redis fails at: it is told again, under the same id.
func TestRelaySurvivesRedis(t *testing.T) {
	t.Parallel()
	script := func(cmd redis.Cmder, part string) bool {
		return strings.HasPrefix(cmd.Name(), "eval") && strings.Contains(fmt.Sprint(cmd.Args()...), part)
	}
	for name, c := range map[string]struct {
		fits func(redis.Cmder) bool
		told [2]int // times in the stream where it fails before, and after
	}{
		"read":      {func(cmd redis.Cmder) bool { return cmd.Name() == "xrange" }, [2]int{1, 1}},
		"webhook":   {func(cmd redis.Cmder) bool { return script(cmd, "asynq:{webhooks}") }, [2]int{1, 1}},
		"stream":    {func(cmd redis.Cmder) bool { return cmd.Name() == "xadd" }, [2]int{1, 2}},
		"cross out": {func(cmd redis.Cmder) bool { return script(cmd, "}:out") }, [2]int{2, 2}},
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
				if n, err := (&relay{Worker: b.worker}).once(context.Background()); n != 0 || err == nil || !strings.Contains(err.Error(), errBroken.Error()) { // asynq wraps as text
					t.Fatalf("told %d, %v", n, err)
				}
				wantLeft := 1
				if name == "cross out" && after {
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

// webhooks answers the tasks for a cancellation's events, whatever their state.
func (b *bench) webhooks(x tasks.Cancellation) (found []*asynq.TaskInfo) {
	b.t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(b.rdb)
	for _, suffix := range []string{"#1", "#2", "#1~replay-1", "#2~replay-1"} {
		info, err := inspector.GetTaskInfo(tasks.QueueWebhooks, x.IdempotencyKey+suffix)
		if err == nil {
			found = append(found, info)
		} else if !errors.Is(err, asynq.ErrTaskNotFound) && !errors.Is(err, asynq.ErrQueueNotFound) {
			b.t.Fatal(err)
		}
	}
	return found
}

// Two workers relay one at a time: nothing is told twice, and each cancellation's events in their order. A worker that leaves
// makes way at once.
func TestRelaysTakeTurns(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t), options: Options{RelayEvery: time.Millisecond}})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var both sync.WaitGroup
	for _, w := range []*Worker{b.worker, b.newWorker(setup{options: Options{RelayEvery: time.Millisecond}})} {
		both.Go(func() { (&relay{Worker: w}).run(ctx) })
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
	if mine, err := b.worker.takeTurn(context.Background(), relayKey, "another", time.Hour); err != nil || !mine {
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
	go func() { defer close(done); (&relay{Worker: b.worker}).run(ctx) }()
	for range 3 {
		<-asked
	}
	if b.outbox() != 1 || len(b.told(x)) != 0 {
		t.Error("it was told in another worker's turn")
	}
	if err := b.worker.leaveTurn(ctx, relayKey, "another"); err != nil {
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
	if n, err := (&relay{Worker: b.worker}).once(ctx); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("told %d, %v", n, err)
	}
	if b.outbox() != 1 || len(b.told(x)) != 0 {
		t.Error("it was told")
	}
}

// A damaged event stays, and does not keep the others from being told.
func TestRelayDamaged(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t)})
	x := b.pay(1000, 500)
	b.accept(x)
	b.drive(x)
	for shard := range 16 {
		if err := b.rdb.XAdd(context.Background(), &redis.XAddArgs{Stream: fmt.Sprintf("settlecancel:{%d}:out", shard), ID: "1-1", Values: []string{"m", "bad"}}).Err(); err != nil && !strings.Contains(err.Error(), "smaller") {
			t.Fatal(err)
		}
	}
	if n := b.relay(b.worker); n != 1 || story(b.told(x)) != "1 cancelled" {
		t.Errorf("told %d: %s", n, story(b.told(x)))
	}
	if _, err := b.client.Ledger().Outbox(context.Background(), 10); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("the damaged ones are gone: %v", err)
	}
}

func TestRelayTrimsTheStream(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t), options: Options{EventsKeep: 100}})
	old := make([]tasks.Event, 2000)
	for i := range old {
		old[i] = tasks.Event{ID: fmt.Sprint("old-", i), Seq: 1}
	}
	if err := b.client.AppendEvents(context.Background(), old, 1_000_000); err != nil {
		t.Fatal(err)
	}
	x := b.pay(1000, 500)
	b.accept(x)
	b.drive(x)
	b.relay(b.worker)
	if n := b.rdb.XLen(context.Background(), tasks.EventStream).Val(); n < 100 || n > 300 {
		t.Errorf("the stream keeps %d events, want about 100", n)
	}
	if got := story(b.told(x)); got != "1 cancelled" {
		t.Errorf("told %s", got)
	}
}

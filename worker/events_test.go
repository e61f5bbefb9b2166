package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

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

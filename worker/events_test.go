package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/secrettest"
)

var refuses = simulator.Fault{Kind: simulator.KindCode, Code: "CA10", Message: "no such transaction"}

// relay tells what the outbox holds, once.
func (b *bench) relay(w *Worker) int {
	b.t.Helper()
	n, err := w.newRelay().once(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// told returns the entries of the stream of a cancellation, repetitions included.
func (b *bench) told(x tasks.Cancellation) (told []events.Event) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := b.rdb.XLen(ctx, events.Stream).Val()
	if n == 0 {
		return nil
	}
	for e, err := range events.Follow(ctx, b.rdb, true) {
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
func story(events []events.Event) string {
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
	want := []events.Event{
		{ID: told[0].ID, Type: "cancellation.rejected", Timestamp: told[0].Timestamp, Seq: 1, Data: events.Data{
			IdempotencyKey: x.IdempotencyKey, MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo, OrgTrdDt: x.OrgTrdDt,
			CanAmt: 500, Status: ledger.Rejected, Code: "CA10", Message: "no such transaction"}},
		{ID: told[1].ID, Type: "cancellation.cancelled", Timestamp: r.EndedAt.UTC(), Seq: 2, Data: events.Data{
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

// webhooks returns the tasks for a cancellation's events, whatever their state.
func (b *bench) webhooks(x tasks.Cancellation) (found []*asynq.TaskInfo) {
	b.t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(b.rdb)
	for _, suffix := range []string{"@1", "@2", "@1~replay-1", "@2~replay-1"} {
		info, err := inspector.GetTaskInfo(events.QueueWebhooks, x.IdempotencyKey+suffix)
		if err == nil {
			found = append(found, info)
		} else if !errors.Is(err, asynq.ErrTaskNotFound) && !errors.Is(err, asynq.ErrQueueNotFound) {
			b.t.Fatal(err)
		}
	}
	return found
}

// logged keeps what a JSON handler writes.
type logged struct{ secrettest.Log }

// lines returns each line, read.
func (l *logged) lines(t *testing.T) (lines []map[string]any) {
	t.Helper()
	for text := range strings.Lines(l.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		lines = append(lines, line)
	}
	return lines
}

// Damaged events at the head of each shard, more than a round reads, keep no other from being told.
// Each is logged once and kept.
func TestRelayDamaged(t *testing.T) {
	t.Parallel()
	var log logged
	b := newBench(t, setup{redis: ownRedis(t), options: Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))}})
	const each = 2*relayPage + 1
	_, err := b.rdb.Pipelined(context.Background(), func(p redis.Pipeliner) error {
		for i := range 16 * each {
			bad := []string{"m", "bad"}
			if i%2 == 1 { // reads like an event, whose parameters cannot be read
				bad = []string{"m", "key shop:trd", "n", "1", "c", `{"st":"rejected","p":{"d":7}}`}
			}
			p.XAdd(context.Background(), &redis.XAddArgs{Stream: fmt.Sprintf("settlecancel:{%d}:out", i/each), Values: bad})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	x := b.pay(1000, 500)
	b.accept(x)
	b.drive(x)
	rounds := 0
	for told := 0; told == 0 && rounds < 10; rounds++ {
		told = b.relay(b.worker)
	}
	if rounds != 3 || story(b.told(x)) != "1 cancelled" {
		t.Errorf("after %d rounds: %q is told", rounds, story(b.told(x)))
	}
	b.relay(b.worker)
	left, err := b.client.Ledger().Backlog(context.Background())
	if err != nil || left != (ledger.Backlog{Damaged: 16 * each}) {
		t.Errorf("%+v, %v", left, err)
	}
	ids, lines := map[string]bool{}, 0
	for _, line := range log.lines(t) {
		if line["level"] == "ERROR" {
			ids[fmt.Sprint(line["event"])] = true
			lines++
		}
	}
	if len(ids) != 16*each || lines != 16*each {
		t.Errorf("%d lines of %d events, want %d", lines, len(ids), 16*each)
	}
}

// Where the damaged ones of a shard cannot be set aside, the other shards are told all the same.
func TestRelayCannotSetAside(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t)})
	x := b.pay(1000, 500)
	b.accept(x)
	b.drive(x)
	for shard := range 16 {
		b.rdb.Set(context.Background(), fmt.Sprintf("settlecancel:{%d}:out-damaged", shard), "in the way", 0)
		b.rdb.XAdd(context.Background(), &redis.XAddArgs{Stream: fmt.Sprintf("settlecancel:{%d}:out", shard), Values: []string{"m", "bad"}})
	}
	n, err := b.worker.newRelay().once(context.Background())
	if n != 1 || err == nil || !strings.Contains(err.Error(), "WRONGTYPE") || story(b.told(x)) != "1 cancelled" {
		t.Errorf("told %d: %s, %v", n, story(b.told(x)), err)
	}
	if b.outbox() != 16 {
		t.Errorf("%d damaged ones are left, want 16", b.outbox())
	}
}

func TestRelayTrimsTheStream(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t), options: Options{EventsKeep: 100}})
	old := make([]events.Event, 2000)
	for i := range old {
		old[i] = events.Event{ID: fmt.Sprint("old-", i), Seq: 1}
	}
	if err := events.Append(context.Background(), b.rdb, old, 1_000_000); err != nil {
		t.Fatal(err)
	}
	x := b.pay(1000, 500)
	b.accept(x)
	b.drive(x)
	b.relay(b.worker)
	if n := b.rdb.XLen(context.Background(), events.Stream).Val(); n < 100 || n > 300 {
		t.Errorf("the stream keeps %d events, want about 100", n)
	}
	if got := story(b.told(x)); got != "1 cancelled" {
		t.Errorf("told %s", got)
	}
}

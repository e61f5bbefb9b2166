package metrics

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/tasks"
	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/worker/pause"
)

// work counts what a healthy minute brings.
func (b *bench) work() {
	request := ledger.Record{MchtID: shop, Status: ledger.Sending, Amount: 500, Params: []byte("{}")}
	for range 20 {
		b.metrics.Attempt(b.Context(), request, "CA", ledger.Attempt{Class: string(gateway.OK), Code: "0000", Duration: 90 * time.Millisecond})
		request.Status = ledger.Cancelled
		b.metrics.Settled(b.Context(), request, "CA")
		request.Status = ledger.Sending
	}
	inquiry := ledger.Record{MchtID: shop, Status: ledger.Unknown}
	b.metrics.Attempt(b.Context(), inquiry, "CA", ledger.Attempt{Class: string(gateway.OK), Code: "0000", Duration: 90 * time.Millisecond})
	b.metrics.Postponed("waiting for another cancellation of the payment", time.Second)
}

// redisForgets loses one confirmed write, which the next one notices.
func (b *bench) redisForgets(t *testing.T) {
	x := sample("forgotten")
	b.put(x, ledger.Cancelled)
	if err := b.rdb.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	b.sweeps(true)
	b.enqueue(x)
	b.advance(time.Minute)
	if raised, lost := b.one("settlecancel_epoch"), b.one("settlecancel_forgotten_writes"); raised != 1 || lost < 1 {
		t.Errorf("epoch %v, %v writes forgotten", raised, lost)
	}
}

// sweeps lets a worker sweep, or none.
func (b *bench) sweeps(present bool) {
	b.Helper()
	err := b.rdb.Del(b.Context(), sweeperKey).Err()
	if present {
		err = b.rdb.Set(b.Context(), sweeperKey, "a worker", 0).Err()
	}
	if err != nil {
		b.Fatal(err)
	}
}

// gatewayFails counts what a minute brings in which SettleBank and Redis fail, and wrong keys hold
// a merchant that has work.
func (b *bench) gatewayFails(t *testing.T) {
	request := ledger.Record{MchtID: shop, Status: ledger.Sending}
	for _, class := range []gateway.Class{gateway.Transient, gateway.Unknown, gateway.Misconfigured} {
		for range 10 {
			b.metrics.Attempt(t.Context(), request, "CA", ledger.Attempt{Class: string(class), Duration: 29 * time.Second})
		}
	}
	b.metrics.Breaker(shop, "open")
	b.put(sample("held"), ledger.Queued)
	full := redistest.Start(t, redistest.Options{Args: []string{"--maxmemory", "1", "--maxmemory-policy", "noeviction"}})
	rdb := redis.NewClient(&redis.Options{Addr: full.Addr()})
	defer rdb.Close()
	rdb.AddHook(b.metrics.RedisHook())
	for range 5 {
		if err := rdb.Eval(context.Background(), "return redis.call('SET', KEYS[1], 'x')", []string{"k"}).Err(); err == nil {
			t.Fatal("a full Redis takes writes")
		}
	}
}

// moneyWaits leaves cancellations in every state in which somebody has to act, for days.
func (b *bench) moneyWaits(t *testing.T) {
	other := func(name, mchtID string) tasks.Cancellation {
		x := sample(name)
		x.MchtID = mchtID
		return x
	}
	for i := range 10 {
		b.put(sample(fmt.Sprint("rejected-", i)), ledger.Rejected)
	}
	b.put(sample("exhausted"), ledger.Exhausted)
	b.put(sample("review"), ledger.Review)
	b.put(sample("doubt"), ledger.Unknown)
	b.put(other("stuck", "nxca_jt_il"), ledger.Queued)
	b.put(other("broken", "broken"), ledger.Queued)
	keys, err := b.rdb.Keys(t.Context(), "settlecancel:{*}:p:broken:*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("%q, %v", keys, err)
	}
	if err := b.rdb.Set(t.Context(), keys[0], "{", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := pause.Begin(t.Context(), b.rdb, pause.Pause{MchtID: shop, Who: "kim"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.client.Enqueue(t.Context(), other("bulk", "nxca_jt_il"), tasks.EnqueueOptions{Queue: tasks.QueueBulk}); err != nil {
		t.Fatal(err)
	}
	if err := b.inspector.PauseQueue(tasks.QueueBulk); err != nil {
		t.Fatal(err)
	}
	archived := make([]redis.Z, 8001)
	for i := range archived {
		archived[i] = redis.Z{Score: float64(i), Member: fmt.Sprint("task-", i)}
		b.rdb.HSet(t.Context(), "asynq:{default}:t:"+fmt.Sprint("task-", i), "msg", "x")
	}
	if err := b.rdb.ZAdd(t.Context(), "asynq:{default}:archived", archived...).Err(); err != nil {
		t.Fatal(err)
	}
	b.relays()
	b.survey.most = 14 // of the dead letters, and of the open ones those that are due first
	for i := range 14 {
		b.attempt(b.enqueue(sample(fmt.Sprint("later-", i))), ledger.Attempt{Class: "transient"}, ledger.Next{Status: ledger.Queued, After: time.Hour})
	}
	b.sweeps(false)
	b.advance(4 * 24 * time.Hour)
}

// relays tells all events, as a worker does.
func (b *bench) relays() {
	b.Helper()
	events, err := b.client.Ledger().Outbox(b.Context(), 1000)
	if err == nil {
		err = b.client.Ledger().Ack(b.Context(), events)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// nobodyIsTold leaves an event in the outbox, one that cannot be read, a webhook that is late, and
// one that was given up.
func (b *bench) nobodyIsTold() {
	b.Helper()
	b.put(sample("read"), ledger.Cancelled)
	outbox, err := b.client.Ledger().Outbox(b.Context(), 1)
	if err != nil || len(outbox) != 1 {
		b.Fatalf("%+v, %v", outbox, err)
	}
	if _, err := b.client.Ledger().SetAside(b.Context(), outbox); err != nil {
		b.Fatal(err)
	}
	b.metrics.Refused() // whoever put the task in the queue is not told either
	b.put(sample("untold"), ledger.Cancelled)
	b.hook("late", time.Minute)
	if err := b.inspector.ArchiveTask(events.QueueWebhooks, b.hook("given-up", time.Minute)); err != nil {
		b.Fatal(err)
	}
	b.advance(2 * time.Hour)
}

package worker

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/tasks/secrettest"
	"settlecancel/worker/pause"
)

// chosen are options by which a producer keeps its task from every handler, or lets asynq drop it.
func chosen() map[string][]asynq.Option {
	past := time.Now().Add(-time.Minute)
	return map[string][]asynq.Option{
		"group":          {asynq.Group("orders")},
		"group too late": {asynq.Group("refunds"), asynq.Deadline(past), asynq.Queue(tasks.QueueBulk)},
		"late":           {asynq.Deadline(past)},
		"late once":      {asynq.Deadline(past), asynq.MaxRetry(0), asynq.Queue(tasks.QueueUrgent)},
		"late, planned":  {asynq.Deadline(past), asynq.ProcessIn(time.Second)},
		"short":          {asynq.Timeout(time.Second), asynq.MaxRetry(0)},
		"kept":           {asynq.Retention(time.Hour), asynq.Group("orders"), asynq.Unique(time.Hour)},
	}
}

// Whatever options a producer chose: what is a cancellation is carried out once, and the rest is
// refused once, where people see it.
func TestUnseen(t *testing.T) {
	t.Parallel()
	var log secrettest.Log
	seen := &refusals{}
	o := quick
	o.SweepEvery = 20 * time.Millisecond
	o.Observer, o.Logger = seen, slog.New(slog.NewTextHandler(&log, nil))
	b := newBench(t, realTime(setup{redis: redistest.Start(t, redistest.Options{}), options: o}))
	producer := asynq.NewClientFromRedisClient(b.rdb)
	var xs []tasks.Cancellation
	refused := 0
	for name, options := range chosen() {
		x := b.pay(1000, 1000)
		payload, err := x.Payload()
		if err != nil {
			t.Fatal(err)
		}
		xs = append(xs, x)
		wrong := fmt.Appendf(nil, `{"mchtId":"shop","orgTrdNo":%q}`, name)
		refused++
		for _, p := range [][]byte{payload, wrong} {
			if _, err := producer.EnqueueContext(t.Context(), asynq.NewTask(tasks.TypeCancel, p), options...); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	b.started(b.worker)
	b.until("all are carried out", func() bool {
		return !slices.ContainsFunc(xs, func(x tasks.Cancellation) bool {
			r, err := b.client.Ledger().Get(t.Context(), x.IdempotencyKey)
			return err != nil || r.Status != ledger.Cancelled
		})
	})
	b.until("all others are refused", func() bool { return seen.n.Load() >= int64(refused) })
	archived := func() (n int) {
		for queue := range tasks.Queues() {
			left, err := b.worker.inspector.ListArchivedTasks(queue, asynq.PageSize(1000))
			if err != nil {
				return -1
			}
			for _, t := range left {
				if strings.HasPrefix(t.LastErr, refusedMark) {
					n++
				}
			}
		}
		return n
	}
	b.until("the refused ones stand in the archive", func() bool { return archived() == refused })
	for _, x := range xs {
		if n, sum := b.effects(x); n != 1 || sum != 1000 {
			t.Errorf("%s: applied %d times, %d", x.IdempotencyKey, n, sum)
		}
	}
	if n := seen.n.Load(); n != int64(refused) {
		t.Errorf("%d refusals were told of, want %d", n, refused)
	}
	if n := strings.Count(log.String(), "task refused"); n != refused {
		t.Errorf("%d refusals are logged, want %d", n, refused)
	}
}

// What asynq dropped because its merchant was paused, after the only try that its producer allowed,
// is carried out after the pause.
func TestUnseenPaused(t *testing.T) {
	t.Parallel()
	o := quick
	o.SweepEvery = 20 * time.Millisecond
	b := newBench(t, realTime(setup{redis: redistest.Start(t, redistest.Options{}), options: o}))
	x := b.pay(1000, 1000)
	payload, err := x.Payload()
	if err != nil {
		t.Fatal(err)
	}
	if err := pause.Begin(t.Context(), b.rdb, pause.Pause{MchtID: x.MchtID, Who: "kim", Note: "audit", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := asynq.NewClientFromRedisClient(b.rdb).EnqueueContext(t.Context(), asynq.NewTask(tasks.TypeCancel, payload),
		asynq.MaxRetry(0), asynq.TaskID("once")); err != nil {
		t.Fatal(err)
	}
	b.started(b.worker)
	b.until("it is queued once more", func() bool {
		waiting, err := b.worker.inspector.ListRetryTasks(tasks.QueueDefault)
		return err == nil && len(waiting) == 1 && waiting[0].ID != "once"
	})
	if _, err := pause.End(t.Context(), b.rdb, x.MchtID); err != nil {
		t.Fatal(err)
	}
	b.until("it is carried out", func() bool {
		r, err := b.client.Ledger().Get(t.Context(), x.IdempotencyKey)
		return err == nil && r.Status == ledger.Cancelled
	})
}

// A task that was queued once more, and whose deletion failed, is not carried out twice; nor does
// what is refused come back.
func TestRequeueAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t)})
	x := b.pay(1000, 1000)
	payload, err := x.Payload()
	if err != nil {
		t.Fatal(err)
	}
	producer := asynq.NewClientFromRedisClient(b.rdb)
	f := &breakage{fits: func(cmd redis.Cmder) bool {
		args := fmt.Sprint(cmd.Args()...)
		return strings.HasPrefix(cmd.Name(), "eval") && strings.Contains(args, ":t:mine") && strings.Contains(args, ":groups")
	}}
	b.rdb.AddHook(f)
	if _, err := producer.EnqueueContext(t.Context(), asynq.NewTask(tasks.TypeCancel, payload), asynq.Group("g"), asynq.TaskID("mine")); err != nil {
		t.Fatal(err)
	}
	f.armed.Store(true)
	u := b.worker.newUnseen()
	if err := u.look(t.Context()); err == nil || !strings.Contains(err.Error(), "mine is queued once more, and cannot be deleted") {
		t.Fatal(err)
	}
	for range 2 {
		if err := u.look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	pending, err := b.worker.inspector.ListPendingTasks(tasks.QueueDefault)
	if err != nil || len(pending) != 1 || string(pending[0].Payload) != string(payload) {
		t.Fatalf("%d tasks are pending, %v; want one", len(pending), err)
	}
	if groups, err := b.worker.inspector.Groups(tasks.QueueDefault); err != nil || len(groups) != 0 {
		t.Errorf("%d groups are left, %v", len(groups), err)
	}
	if tasks.Foreign(pending[0]) || tasks.Unseen(pending[0], time.Now().Add(1000*time.Hour)) {
		t.Errorf("the new task has a producer's options: %+v", pending[0])
	}
}

// decided tells a handler's last word from asynq's.
func TestDecided(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		(&refusal{ledger.ErrConflict}).Error():   true,
		"rejected ST46 no such payment":          true,
		"unknown: transport  connection reset":   true,
		"":                                       false,
		"context deadline exceeded":              false,
		"asynq: task lease expired":              false,
		"held: the merchant is paused":           false,
		"dial tcp 127.0.0.1: connection refused": false,
	} {
		if got := decided(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// A task of a plain asynq client that no configured merchant can send is refused where people see
// it, and nothing of it is accepted.
func TestPlainTaskOfNoMerchant(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	b.client = tasks.NewClient(b.rdb, tasks.ClientOptions{Merchants: func(id string) (settlebank.Protocol, bool) {
		return settlebank.Flat, id == settlebank.TestbedCard
	}})
	seen := &refusals{}
	b.worker = b.newWorker(setup{options: Options{Observer: seen}})
	unknown, dollars := b.pay(1000, 1000), b.pay(1000, 1000)
	unknown.MchtID, dollars.Currency = "nobody", tasks.CurrencyUSD
	for _, x := range []tasks.Cancellation{unknown, dollars} {
		if err := b.run(b.worker, x); !errors.Is(err, asynq.SkipRetry) {
			t.Errorf("%s: %v", x, err)
		}
		if _, err := b.client.Ledger().Get(t.Context(), x.IdempotencyKey); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("%s was accepted: %v", x, err)
		}
	}
	if n := seen.n.Load(); n != 2 {
		t.Errorf("%d refusals were told of, want 2", n)
	}
}

package doctor

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/tasktest"
	"settlecancel/worker/pause"
)

func TestQueues(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.accept("refund-1", time.Now())
	inspector := asynq.NewInspectorFromRedisClient(p.rdb)
	p.examine().want("queues", OK, "queue default: 1 waiting", "")
	p.must(inspector.PauseQueue("default"))
	p.examine().want("queues", Danger, "queue default is paused: 1 waiting task", "resume it")
	p.must(inspector.UnpauseQueue("default"))

	// The task has waited for two minutes; then it is damaged.
	since := time.Now().Add(-2 * time.Minute).UnixNano()
	p.must(p.rdb.HSet(context.Background(), "asynq:{default}:t:refund-1", "pending_since", since).Err())
	p.examine().want("queues", Note, "the oldest of 1 task has waited for", "WORKER_CONCURRENCY")
	p.must(p.rdb.Del(context.Background(), "asynq:{default}:t:refund-1").Err())
	p.examine().want("queues", Danger, "queue default cannot be read", "may be damaged")
}

// Cancellations in a queue that no worker of ours serves are told of, whatever their state.
func TestStrays(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]asynq.Option{
		"pending":     nil,
		"scheduled":   {asynq.ProcessIn(time.Hour)},
		"aggregating": {asynq.Group("orders")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			producer := asynq.NewClientFromRedisClient(p.rdb)
			_, err := producer.Enqueue(asynq.NewTask("mail", nil), asynq.Queue("letters"))
			p.must(err)
			p.examine().wantNoWorse(OK, "workers")
			_, err = producer.Enqueue(asynq.NewTask(tasks.TypeCancel, []byte("{}")), append(options, asynq.Queue("refunds"))...)
			p.must(err)
			p.examine().want("queues", Danger, "queue refunds is not ours, and holds 1 settlebank:cancel task at least", "urgent, default or bulk")
		})
	}
}

func TestArchive(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	ctx := context.Background()
	archive := func(n int) {
		archived := make([]redis.Z, n)
		for i := range archived {
			archived[i] = redis.Z{Score: float64(i), Member: fmt.Sprint("task-", i)}
		}
		p.must(p.rdb.ZAdd(ctx, "asynq:{bulk}:archived", archived...).Err())
	}
	p.must(p.rdb.SAdd(ctx, "asynq:queues", "bulk").Err())
	for i := range 20 { // asynq measures so many
		p.must(p.rdb.HSet(ctx, fmt.Sprint("asynq:{bulk}:t:task-", i), "msg", "x").Err())
	}
	archive(archiveNoted - 1)
	p.examine().wantNoWorse(OK, "workers")
	archive(archiveNoted)
	p.examine().want("queues", Note, "5000 archived tasks of 10000", "deadletter ls")
	archive(archiveDangerous)
	p.examine().want("queues", Danger, "9000 archived tasks of 10000", "deadletter ls")
}

func TestOverdue(t *testing.T) {
	t.Parallel()
	p, now := newPatient(t), time.Now()
	clock := func() time.Time { return now }
	p.o.Now, p.o.Client = clock, tasks.NewClient(p.rdb, tasks.ClientOptions{Now: clock})
	p.accept("refund-new", now)
	found := p.examine()
	found.want("open", OK, "1 open cancellation, none overdue", "")
	found.want("workers", Danger, "no worker is at work, and 1 open cancellation waiting", "settlecancel worker")

	p.accept("refund-late", now.Add(-time.Hour))
	p.accept("refund-later", now.Add(-10*time.Minute))
	found = p.examine()
	found.want("open", Danger, "2 of 3 open cancellations are overdue by more than 5m; the first, refund-late, is queued and was due 1h0m ago", "settlecancel status refund-late")

	// What a person bade wait is not overdue, but a pause that lasts too long looks forgotten.
	stop := pause.Pause{MchtID: "shop", Who: "kim", Note: "audit", At: now}
	p.must(pause.Begin(context.Background(), p.rdb, stop))
	found = p.examine()
	found.want("open", OK, "(2 wait for the end of a pause", "")
	found.want("pauses", Note, "merchant shop has been paused for 0s, by kim (audit)", "settlecancel resume shop")
	_, err := pause.End(context.Background(), p.rdb, "shop")
	p.must(err)
	stop.MchtID, stop.At = pause.AllMerchants, now.Add(-50*time.Hour)
	p.must(pause.Begin(context.Background(), p.rdb, stop))
	p.examine().want("pauses", Danger, "every merchant has been paused for 2 days", "resume --all")
}

// A refund that waits for the banks is not overdue.
func TestBankMaintenance(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	night := time.Date(2026, 1, 5, 23, 50, 0, 0, settlebank.KST)
	p.o.Now = func() time.Time { return night }
	p.o.Settings.Merchants[0].Protocol = gateway.Protocol0A19
	x := &examiner{Options: p.o}
	refund := tasks.Cancellation{IdempotencyKey: "refund-va", MchtID: "shop", OrgTrdNo: "TRD", OrgMchtTrdNo: "ORDER", OrgTrdDt: "20260101",
		CanAmt: 500, OrgTrdAmt: 500, Method: "VA", Operation: "refund"}
	for name, c := range map[string]struct {
		spoil func(*tasks.Cancellation)
		want  bool
	}{
		"OK":       {func(*tasks.Cancellation) {}, true},
		"Card":     {func(x *tasks.Cancellation) { x.Method, x.Operation = "CA", "" }, false},
		"Stranger": {func(x *tasks.Cancellation) { x.MchtID = "stranger" }, false},
	} {
		r := refund
		c.spoil(&r)
		e, err := r.Entry()
		p.must(err)
		if got := x.bidden(ledger.Record{Key: e.Key, MchtID: e.MchtID, Amount: e.Amount, Method: e.Method, Params: e.Params}, nil); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	p, now := newPatient(t), time.Now()
	p.o.Now = func() time.Time { return now }
	die := func(key string, when time.Time) {
		c := p.accept(key, when)
		tasktest.Attempt(p, p.at(when).Ledger(), c, ledger.Attempt{Class: "rejected", Code: "ST46", HTTPStatus: 200}, ledger.Next{Status: ledger.Rejected, Code: "ST46"})
	}
	die("refund-new", now.Add(-3*time.Hour))
	p.examine().want("dead-letters", Note, "1 dead letter waiting for a person; the oldest, refund-new, has been rejected for 3h0m", "settlecancel deadletter ls")
	die("refund-old", now.Add(-10*24*time.Hour))
	p.examine().want("dead-letters", Danger, "2 dead letters waiting for a person; the oldest, refund-old, has been rejected for 10 days", "retry or resolve")
}

// A record that cannot be read is a danger of its own, and hides no other.
func TestDamaged(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.accept("refund-1", time.Now().Add(-time.Hour))
	p.accept("refund-2", time.Now().Add(-time.Hour))
	key := p.rdb.Keys(context.Background(), "settlecancel:{*}:p:shop:TRD-refund-1").Val()
	if len(key) != 1 {
		t.Fatalf("keys %q", key)
	}
	p.must(p.rdb.Set(context.Background(), key[0], "{", 0).Err())
	found := p.examine()
	found.want("open", Danger, "the record cannot be read: payment shop:TRD-refund-1", "ask SettleBank")
	found.want("open", Danger, "1 of 2 open cancellations are overdue", "refund-2")
}

func TestRetention(t *testing.T) {
	t.Parallel()
	p := newPatient(t) // of 512 MiB
	ctx := context.Background()
	p.must(p.rdb.SAdd(ctx, "asynq:queues", "default", "urgent", "other").Err())
	carry := func(queue string, daysAgo, n int) {
		day := time.Now().UTC().AddDate(0, 0, -daysAgo).Format("2006-01-02")
		p.must(p.rdb.Set(ctx, "asynq:{"+queue+"}:processed:"+day, n, 0).Err())
	}
	carry("other", 1, 1_000_000) // not ours
	p.examine().want("retention", OK, "nothing was carried out", "")
	carry("default", 1, 1000)
	carry("urgent", 0, 1000)
	p.examine().want("retention", OK, "1000 cancellations a day, kept for 180 days (LEDGER_RETENTION), take some 120.2 MiB of memory of 512.0 MiB", "")
	carry("default", 1, 5000)
	p.examine().want("retention", Note, "3000 cancellations a day", "LEDGER_RETENTION")
	carry("default", 1, 9000)
	p.examine().want("retention", Danger, "5000 cancellations a day", "three times as much")
	p.o.Settings.Retention = 24 * time.Hour
	p.examine().want("retention", OK, "5000 cancellations a day, kept for 24h0m", "")
}

func TestWords(t *testing.T) {
	t.Parallel()
	got := strings.Join([]string{
		size(999), size(1024), size(3 << 30), age(30 * time.Second), age(90 * time.Minute), age(72 * time.Hour), plural(1, "day"), plural(0, "day"),
		round(1234567).String(), round(1234567890).String(), round(-time.Hour).String(),
	}, ", ")
	if want := "999 bytes, 1.0 KiB, 3.0 GiB, 30s, 1h30m, 3 days, 1 day, 0 days, 1ms, 1.2s, 1h0m0s"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestForgottenWrites(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.examine().want("forgotten", OK, "no write that was noticed", "")
	p.must(ledger.New(p.rdb, ledger.Options{}).Recover(context.Background(), ledger.Decision{Who: "kim", Note: "the backup of 03:00"}))
	p.examine().want("forgotten", Danger, "an old copy of it was put in place", "settlecancel reconcile")
}

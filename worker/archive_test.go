package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/tasks/secrettest"
)

// archived runs x to its end as a dead letter of the gateway's word, with its task in asynq's
// archive.
func (b *bench) archived(xs ...tasks.Cancellation) {
	b.t.Helper()
	for _, x := range xs {
		b.script(simulator.PathCancel, x, simulator.Fault{Kind: simulator.KindCode, Code: "CA10", Message: "no"})
		b.accept(x)
		if r := b.drive(x); !r.Dead() {
			b.t.Fatalf("%s is %s", x.IdempotencyKey, r.Status)
		}
		b.shelve(x.IdempotencyKey)
	}
}

// shelve puts a task into the archive as asynq does with one that was given up.
func (b *bench) shelve(id string) {
	b.t.Helper()
	if err := b.worker.inspector.ArchiveTask(tasks.QueueDefault, id); err != nil {
		b.t.Fatal(err)
	}
}

// foreign puts a payload into the archive, as a plain asynq client may bring it there.
func (b *bench) foreign(id string, payload []byte) {
	b.t.Helper()
	_, err := asynq.NewClientFromRedisClient(b.rdb).Enqueue(asynq.NewTask(tasks.TypeCancel, payload), asynq.TaskID(id))
	if err != nil {
		b.t.Fatal(err)
	}
	b.shelve(id)
}

// trims lets a go round the whole archive.
func (b *bench) trims(a *archive) (failed error) {
	for range 10 {
		failed = errors.Join(failed, a.trim(b.t.Context()))
	}
	return failed
}

// wantArchived checks whose tasks are left.
func (b *bench) wantArchived(want ...string) {
	b.t.Helper()
	left, err := b.worker.inspector.ListArchivedTasks(tasks.QueueDefault, asynq.PageSize(1000))
	if err != nil {
		b.t.Fatal(err)
	}
	var got []string
	for _, t := range left {
		got = append(got, t.ID)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		b.t.Errorf("archived are %q, want %q", got, want)
	}
}

func (b *bench) resolve(x tasks.Cancellation) {
	b.t.Helper()
	_, err := b.client.Ledger().Resolve(b.t.Context(), x.IdempotencyKey, ledger.Decision{Who: "kim", Note: "seen", As: ledger.Rejected})
	if err != nil {
		b.t.Fatal(err)
	}
}

// The tasks of what has ended go, more than one page of them; their records stay. What got into the
// archive without a handler's word is queued once more. Everything else stays as it is.
func TestArchiveEnded(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: redistest.Start(t, redistest.Options{})})
	var all []tasks.Cancellation
	for range 2*archivePage + 5 {
		all = append(all, b.pay(1000, 500))
	}
	b.archived(all...)
	dead, conflict, retried := all[0], sibling(all[1], "", 400), all[2]
	for _, x := range append(all[1:2:2], all[3:]...) {
		b.resolve(x)
	}
	if _, err := b.client.Ledger().Retry(t.Context(), retried.IdempotencyKey, ledger.Decision{Who: "kim", Note: "again"}); err != nil {
		t.Fatal(err)
	}
	other, err := conflict.Payload()
	if err != nil {
		t.Fatal(err)
	}
	b.foreign("in-conflict", other)
	unknown, err := b.pay(1000, 500).Payload()
	if err != nil {
		t.Fatal(err)
	}
	b.foreign("without-record", unknown)
	b.foreign("nonsense", []byte("nonsense"))
	if err := b.trims(b.worker.newArchive()); err != nil {
		t.Error(err)
	}
	b.wantArchived(dead.IdempotencyKey, retried.IdempotencyKey)
	pending, err := b.worker.inspector.ListPendingTasks(tasks.QueueDefault)
	if err != nil {
		t.Fatal(err)
	}
	var again []string
	for _, p := range pending {
		again = append(again, string(p.Payload))
	}
	slices.Sort(again)
	if want := []string{"nonsense", string(other), string(unknown)}; !slices.Equal(again, slices.Sorted(slices.Values(want))) {
		t.Errorf("queued once more are %q, want %q", again, want)
	}
	for _, x := range all[3:] {
		if r := b.record(x); !r.Closed {
			t.Errorf("%s is %s", x.IdempotencyKey, r.Status)
		}
	}
	if r := b.record(retried); !r.Open() {
		t.Errorf("%s is %s", r.Key, r.Status)
	}
}

// Copies of dead letters stay as long as there is room; then the oldest go, and no more than have
// to.
func TestArchiveLimit(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: redistest.Start(t, redistest.Options{})})
	var keys []string
	var order []redis.Z // asynq's is that of seconds
	for i := range 8 {
		x := b.pay(1000, 500)
		b.archived(x)
		keys = append(keys, x.IdempotencyKey)
		order = append(order, redis.Z{Score: float64(i), Member: x.IdempotencyKey})
	}
	if err := b.rdb.ZAddXX(t.Context(), "asynq:{default}:archived", order...).Err(); err != nil {
		t.Fatal(err)
	}
	a := b.worker.newArchive()
	for _, limit := range []int64{8, 5} {
		a.limit = limit
		if err := b.trims(a); err != nil {
			t.Error(err)
		}
		b.wantArchived(slices.Clone(keys[8-limit:])...)
	}
	if _, dead, err := b.client.Ledger().Counts(t.Context()); dead != 8 || err != nil {
		t.Errorf("%d dead letters, %v; want all 8", dead, err)
	}
}

// A ghost, which no command deletes, keeps none of the others; nor does an entry without its task.
func TestArchiveGhosts(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: redistest.Start(t, redistest.Options{})})
	var all []tasks.Cancellation
	for range archivePage + 2 {
		all = append(all, b.pay(1000, 500))
	}
	b.archived(all...)
	var ghosts []string
	for i, x := range all {
		b.resolve(x)
		if i%2 == 0 {
			ghosts = append(ghosts, x.IdempotencyKey)
			if err := b.rdb.HSet(t.Context(), "asynq:{default}:t:"+x.IdempotencyKey, "state", "completed").Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.rdb.ZAdd(t.Context(), "asynq:{default}:archived", redis.Z{Score: 0, Member: "orphan"}).Err(); err != nil {
		t.Fatal(err)
	}
	if err := b.trims(b.worker.newArchive()); err == nil || !strings.Contains(err.Error(), ghosts[0]) {
		t.Errorf("%v, want it to name %s", err, ghosts[0])
	}
	b.wantArchived(append(ghosts, "")...) // the orphan has no id that asynq could read
}

// An account number that a plain asynq client put into Redis leaves it in the next round, whatever
// it stands in.
func TestArchiveAccount(t *testing.T) {
	t.Parallel()
	var log secrettest.Log
	server := redistest.Start(t, redistest.Options{})
	b := newBench(t, setup{redis: server, options: Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}})
	x := b.pay(1000, 500)
	x.Operation, x.Method, x.RefundBankCd, x.RefundAcntNo, x.RefundDpstrNm = tasks.OperationRefund, "VA", "004", secretAccount, secretHolder
	plain, err := x.Payload()
	if err != nil {
		t.Fatal(err)
	}
	twice, err := json.Marshal(string(plain))
	if err != nil {
		t.Fatal(err)
	}
	b.foreign("plain", plain)
	b.foreign("twice", twice)
	b.foreign("broken", plain[:len(plain)-1])
	b.foreign("harmless", []byte(`{"orgTrdNo": 3, "vAcntNo": ""}`))
	if server.Find(t, secretAccount) == nil || server.Find(t, secretHolder) == nil {
		t.Fatal("nothing to be found from the start")
	}
	a := b.worker.newArchive()
	for range 2 {
		if err := a.trim(t.Context()); err != nil {
			t.Error(err)
		}
	}
	server.Hidden(t, secretAccount, secretHolder)
	b.wantArchived()
	secrettest.Hidden(t, "the log", log.String(), secretAccount, secretHolder)
	for _, id := range []string{"plain", "twice", "broken"} {
		if n := strings.Count(log.String(), "task="+id+" "); n != 1 {
			t.Errorf("%s is logged %d times:\n%s", id, n, &log)
		}
	}
}

func TestHoldsAccount(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]bool{
		`{"vAcntNo":"790"}`:                           true,
		`{"vAcntNo":790}`:                             true,
		`{"vacntno":"790"}`:                           true,
		`{"vAcnt\u004eo":"790"}`:                      true,
		`{"vAcntNo":["790"]}`:                         true,
		`{"vAcntNo":"","vAcntNo":"790"}`:              true,
		`{"data":[{"refundDpstrNm":"Kim"}]}`:          true,
		`"{\"refundAcntNo\":\"314\"}"`:                true,
		`{"refundAcntNo":"314"`:                       true,
		`refundAcntNo=314`:                            true,
		`{"vAcntNo":""}`:                              false,
		`{"vAcntNo":null,"method":"VA"}`:              false,
		`{"reason":"no vAcntNo was given"}`:           false,
		`{"refundBankCd":"004","orgTrdNo":"STFP_VA"}`: false,
		`nonsense`:                                    false,
		``:                                            false,
	} {
		if got := holdsAccount(payload); got != want {
			t.Errorf("%s: %v, want %v", payload, got, want)
		}
	}
}

// refusals counts what an Observer is told of.
type refusals struct {
	unobserved
	n atomic.Int64
}

func (r *refusals) Refused() { r.n.Add(1) }

// What a plain asynq client put in a queue and is refused is told of with its task id, and is
// counted.
func TestRefused(t *testing.T) {
	t.Parallel()
	var log secrettest.Log
	seen := &refusals{}
	o := quick
	o.Observer, o.Logger = seen, slog.New(slog.NewTextHandler(&log, nil))
	b := newBench(t, realTime(setup{redis: redistest.Start(t, redistest.Options{}), options: o}))
	x := b.pay(1000, 500)
	b.accept(x)
	other, err := sibling(x, "", 400).Payload()
	if err != nil {
		t.Fatal(err)
	}
	producer := asynq.NewClientFromRedisClient(b.rdb)
	for id, task := range map[string]*asynq.Task{"no-json": asynq.NewTask(tasks.TypeCancel, []byte("{")),
		"conflict": asynq.NewTask(tasks.TypeCancel, other), "type": asynq.NewTask("settlebank:cancle", other)} {
		if _, err := producer.EnqueueContext(context.Background(), task, asynq.TaskID(id), asynq.Queue(tasks.QueueUrgent)); err != nil {
			t.Fatal(err)
		}
	}
	b.started(b.worker)
	b.until("three refusals", func() bool {
		archived, err := b.worker.inspector.ListArchivedTasks(tasks.QueueUrgent)
		return err == nil && len(archived) == 3
	})
	if n := seen.n.Load(); n != 3 {
		t.Errorf("%d refusals were told of", n)
	}
	for _, id := range []string{"no-json", "conflict", "type"} {
		if want := fmt.Sprintf("task=%s queue=urgent ", id); !strings.Contains(log.String(), want) {
			t.Errorf("no %q in\n%s", want, &log)
		}
	}
}

// A sealed refund's task goes too once it has ended, though its account has left the ledger by
// then; the sweeper does that by itself.
func TestArchiveSweep(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.worker.opts.SweepEvery = quick.DelayedPoll
	x := v.refund(1000, 1000)
	v.accept(x)
	if _, err := v.work(x); err != nil {
		t.Fatal(err)
	}
	v.checkEnded(x)
	v.shelve(x.IdempotencyKey)
	v.foreign("nonsense", []byte("nonsense"))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { v.worker.newSweeper().run(ctx); close(ended) }()
	v.until("the task of an ended cancellation is gone", func() bool { return v.task(x) == nil })
	stop()
	<-ended
	v.wantArchived()
}

package tasks_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

// desk is a client on a Redis of its own, and what asynq shows of it.
type desk struct {
	*testing.T
	server    *redistest.Server
	rdb       *redis.Client
	client    *tasks.Client
	inspector *asynq.Inspector
}

func newDesk(t *testing.T, args ...string) *desk {
	t.Helper()
	server := redistest.Start(t, redistest.Options{Args: args})
	rdb := server.Client(t)
	return &desk{T: t, server: server, rdb: rdb, client: tasks.NewClient(rdb, tasks.ClientOptions{}),
		inspector: asynq.NewInspectorFromRedisClient(rdb)}
}

// partial is a valid cancellation, and unlike any of another key.
func partial(key string) tasks.Submission {
	return tasks.Submission{Cancellation: tasks.Cancellation{IdempotencyKey: key, MchtID: "shop", OrgTrdNo: "TRD-" + key,
		OrgMchtTrdNo: "ORDER-" + key, OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA"}}
}

func partials(n int) []tasks.Submission {
	all := make([]tasks.Submission, n)
	for i := range all {
		all[i] = partial(fmt.Sprintf("refund-%d", i))
	}
	return all
}

// accept enqueues what must be accepted, all for the first time or all again.
func (d *desk) accept(all []tasks.Submission, replayed bool) {
	d.Helper()
	for i, o := range d.client.EnqueueMany(d.Context(), all) {
		if o.Err != nil || o.Receipt.Replayed != replayed || o.Receipt.Record.Key != all[i].IdempotencyKey {
			d.Fatalf("%d: %+v", i, o)
		}
	}
}

// pending returns the ids of the tasks that wait in a queue, in the order in which they will be
// taken.
func (d *desk) pending(queue string) (ids []string) {
	d.Helper()
	ids, err := d.rdb.LRange(d.Context(), "asynq:{"+queue+"}:pending", 0, -1).Result()
	if err != nil {
		d.Fatal(err)
	}
	slices.Reverse(ids)
	return ids
}

// wantTasks checks that the queue holds one task for each, and that it reads as the cancellation.
func (d *desk) wantTasks(queue string, all []tasks.Submission) {
	d.Helper()
	got, want := d.pending(queue), make([]string, len(all))
	for i, s := range all {
		want[i] = s.IdempotencyKey
		info, err := d.inspector.GetTaskInfo(queue, s.IdempotencyKey)
		if err != nil {
			d.Fatal(err)
		}
		x, err := tasks.Parse(info.Payload, tasks.ParseOptions{})
		if err != nil || info.Type != tasks.TypeCancel || info.MaxRetry < 1<<30 {
			d.Fatalf("task %+v: %v", info, err)
		}
		if diff := cmp.Diff(s.Cancellation, x); diff != "" {
			d.Errorf("payload (-want +got):\n%s", diff)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		d.Errorf("tasks (-want +got):\n%s", diff)
	}
}

func TestEnqueueMany(t *testing.T) {
	t.Parallel()
	t.Run("OK", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		all := partials(950)
		d.accept(all, false)
		d.wantTasks(tasks.QueueDefault, all)
		d.accept(all, true)
		d.wantTasks(tasks.QueueDefault, all)
		if open, _, err := d.client.Ledger().Counts(t.Context()); open != int64(len(all)) || err != nil {
			t.Errorf("%d open, %v", open, err)
		}
	})
	t.Run("OK none", func(t *testing.T) {
		t.Parallel()
		if got := newDesk(t).client.EnqueueMany(t.Context(), nil); len(got) != 0 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("OK queues and producers", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		a, b, c := partial("a"), partial("b"), partial("c")
		a.Queue, b.Queue, b.By = tasks.QueueUrgent, tasks.QueueBulk, "shop-backend"
		d.accept([]tasks.Submission{a, b, c}, false)
		d.wantTasks(tasks.QueueUrgent, []tasks.Submission{a})
		d.wantTasks(tasks.QueueBulk, []tasks.Submission{b})
		d.wantTasks(tasks.QueueDefault, []tasks.Submission{c})
		queues, err := d.inspector.Queues()
		slices.Sort(queues)
		if diff := cmp.Diff([]string{tasks.QueueBulk, tasks.QueueDefault, tasks.QueueUrgent}, queues); diff != "" || err != nil {
			t.Errorf("queues (-want +got): %v\n%s", err, diff)
		}
		if r, err := d.client.Ledger().Get(t.Context(), "b"); err != nil || r.AcceptedBy != "shop-backend" || r.Queue != tasks.QueueBulk {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// Each submission is judged by itself, wherever it stands.
func TestEnqueueManyMixed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.accept([]tasks.Submission{partial("known"), partial("other"), partial("ended")}, false)
	if _, err := d.client.Ledger().Resolve(t.Context(), "ended", ledger.Decision{Who: "kim", As: ledger.Cancelled}); err != nil {
		t.Fatal(err)
	}
	if err := d.inspector.DeleteTask(tasks.QueueDefault, "ended"); err != nil {
		t.Fatal(err)
	}

	invalid, conflict, elsewhere, queue := partial("invalid"), partial("other"), partial("twice"), partial("queue")
	invalid.OrgTrdDt, invalid.CanAmt = "20231315", 0
	conflict.CanAmt = 501
	elsewhere.OrgTrdNo = "TRD-elsewhere"
	queue.Queue = "express"
	tests := []struct {
		submission tasks.Submission
		want       string
	}{
		{partial("new"), "accepted queued"},
		{invalid, "invalid orgTrdDt canAmt"},
		{partial("known"), "replayed queued"},
		{conflict, "conflict"},
		{partial("twice"), "accepted queued"},
		{partial("twice"), "replayed queued"},
		{elsewhere, "conflict"},
		{partial("ended"), "replayed cancelled"},
		{queue, "invalid queue"},
		{partial("last"), "accepted queued"},
	}
	all := make([]tasks.Submission, len(tests))
	for i, test := range tests {
		all[i] = test.submission
	}
	for i, o := range d.client.EnqueueMany(t.Context(), all) {
		if got := verdict(o); got != tests[i].want {
			t.Errorf("%d, %s: %s, want %s (%v)", i, all[i].IdempotencyKey, got, tests[i].want, o.Err)
		}
		if o.Err != nil && !strings.Contains(o.Err.Error(), all[i].IdempotencyKey) {
			t.Errorf("%d: the error does not name %s: %v", i, all[i].IdempotencyKey, o.Err)
		}
		// One by one, the same is said; what was new is known by now.
		_, err := d.client.Enqueue(t.Context(), all[i].Cancellation, all[i].EnqueueOptions)
		if fmt.Sprint(err) != fmt.Sprint(o.Err) {
			t.Errorf("%d: Enqueue says %v, EnqueueMany %v", i, err, o.Err)
		}
	}
	want := []tasks.Submission{partial("known"), partial("other"), partial("new"), partial("twice"), partial("last")}
	d.wantTasks(tasks.QueueDefault, want)
}

// verdict is an outcome in short.
func verdict(o tasks.Outcome) string {
	var invalid *tasks.InvalidError
	switch {
	case errors.As(o.Err, &invalid):
		text := "invalid"
		for _, f := range invalid.Faults {
			text += " " + f.Field
		}
		return text
	case errors.Is(o.Err, tasks.ErrConflict):
		return "conflict"
	case o.Err != nil:
		return o.Err.Error()
	case o.Receipt.Replayed:
		return "replayed " + string(o.Receipt.Record.Status)
	}
	return "accepted " + string(o.Receipt.Record.Status)
}

// What lies in the way in Redis is dealt with, or befalls one submission alone.
func TestEnqueueManyObstacles(t *testing.T) {
	t.Parallel()
	t.Run("OK task id taken", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		all := partials(40)
		d.accept(all, false)
		for i, s := range all {
			var err error
			switch i % 3 {
			case 0:
				err = d.inspector.ArchiveTask(tasks.QueueDefault, s.IdempotencyKey)
			case 1:
				err = d.inspector.DeleteTask(tasks.QueueDefault, s.IdempotencyKey)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		d.accept(all, true)
		d.wantTasks(tasks.QueueDefault, all)
	})
	t.Run("OK Redis forgot scripts and queues", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		d.accept(partials(3), false)
		if err := errors.Join(d.rdb.ScriptFlush(t.Context()).Err(), d.rdb.Del(t.Context(), "asynq:queues").Err()); err != nil {
			t.Fatal(err)
		}
		d.accept([]tasks.Submission{partial("x"), partial("y")}, false)
		d.wantTasks(tasks.QueueDefault, append(partials(3), partial("x"), partial("y")))
		if queues, err := d.inspector.Queues(); err != nil || len(queues) != 1 {
			t.Errorf("queues %v, %v", queues, err)
		}
	})
	t.Run("ErrDamaged of one", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		all := partials(30)
		d.accept(all[17:18], false)
		keys := d.rdb.Keys(t.Context(), "settlecancel:{*}:p:*").Val()
		if len(keys) != 1 {
			t.Fatalf("keys %q", keys)
		}
		if err := d.rdb.Set(t.Context(), keys[0], "not JSON", 0).Err(); err != nil {
			t.Fatal(err)
		}
		for i, o := range d.client.EnqueueMany(t.Context(), all) {
			if (o.Err != nil) != (i == 17) {
				t.Errorf("%d: %v", i, o.Err)
			}
		}
		d.wantTasks(tasks.QueueDefault, all)
	})
	t.Run("ErrQueue", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		if err := d.rdb.Set(t.Context(), "asynq:queues", "no set", 0).Err(); err != nil {
			t.Fatal(err)
		}
		for i, o := range d.client.EnqueueMany(t.Context(), partials(3)) {
			if o.Err == nil || !strings.Contains(o.Err.Error(), "WRONGTYPE") {
				t.Errorf("%d: %v", i, o.Err)
			}
		}
	})
}

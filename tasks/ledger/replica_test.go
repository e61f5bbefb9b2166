package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger/redistest"
)

// replicated is a ledger whose writes a second Redis must hold.
func replicated(t *testing.T) (e *env, replica *redistest.Server) {
	t.Helper()
	master := ownServer(t, "--repl-diskless-sync-delay", "0")
	replica = ownServer(t, "--replicaof", "127.0.0.1", fmt.Sprint(master.Port))
	e = on(t, master, redis.Options{})
	e.opts.WaitReplicas, e.opts.WaitTimeout = 1, 5*time.Second
	clocktest.WaitFor(t, "the replica is linked", func() bool {
		info := e.rdb.InfoMap(e.ctx, "replication")
		return info.Err() == nil && info.Item("Replication", "connected_slaves") == "1"
	})
	// Linked is not yet in step.
	clocktest.WaitFor(t, "the replica is in step", func() bool { return e.rdb.Do(e.ctx, "WAIT", 1, 1000).Val() == int64(1) })
	return e, replica
}

func TestWaitReplicas(t *testing.T) {
	t.Parallel()
	e, replica := replicated(t)
	x := partial("refund-1", "pay-1")

	// Reached: what was confirmed stands in the replica.
	e.accept(x)
	reader := redis.NewClient(&redis.Options{Addr: replica.Addr(), DB: e.rdb.(*redis.Client).Options().DB})
	t.Cleanup(func() { _ = reader.Close() })
	there := envOn(t, reader, Options{})
	if r, err := there.Get(e.ctx, x.Key); err != nil || r.Status != Queued {
		t.Errorf("at the replica: %s, %v", r.Status, err)
	}
	g := e.begin(x, StepSend)
	if r, err := there.Get(e.ctx, x.Key); err != nil || r.Status != Sending {
		t.Errorf("at the replica: %s, %v", r.Status, err)
	}
	e.finish(g, Next{Status: Review})
	_, err := e.Retry(e.ctx, x.Key, Decision{Who: "kim"})
	e.must(err)
	e.must(e.rdb.ScriptFlush(e.ctx).Err())
	if _, known, err := e.Accept(e.ctx, x); !known || err != nil {
		t.Errorf("after the scripts were forgotten: %v, %v", known, err)
	}

	// Gone: nothing is confirmed, however often it is asked for.
	y, z := partial("refund-2", "pay-2"), partial("refund-3", "pay-3")
	e.accept(y)
	replica.Kill()
	e.opts.WaitTimeout = 50 * time.Millisecond
	for i := range 3 {
		_, _, err := e.Accept(e.ctx, z)
		wantErr(t, err, ErrNotReplicated)
		_, _, err = e.Accept(e.ctx, x)
		wantErr(t, err, ErrNotReplicated)
		if i == 1 {
			e.must(e.rdb.ScriptFlush(e.ctx).Err())
		}
	}
	g, err = e.Begin(e.ctx, y)
	wantErr(t, err, ErrNotReplicated)
	if g.Step != StepSend {
		t.Errorf("step %d", g.Step)
	}
	again, err := e.Begin(e.ctx, y)
	wantErr(t, err, ErrNotReplicated)
	if again.Step != StepHeld {
		t.Errorf("another attempt: step %d", again.Step)
	}
	// Outcomes are kept nevertheless: what was granted and not sent goes back.
	e.must(e.Finish(e.ctx, g, Attempt{Class: Unsent}, Next{Status: Queued}))
	_, err = e.Resolve(e.ctx, x.Key, Decision{As: Rejected})
	wantErr(t, err, ErrNotReplicated)

	// Back: the same calls are confirmed.
	e.must(replica.Restart())
	e.opts.WaitTimeout = 5 * time.Second
	clocktest.WaitFor(t, "the replica is in step", func() bool { return e.rdb.Do(e.ctx, "WAIT", 1, 1000).Val() == int64(1) })
	if _, known, err := e.Accept(e.ctx, z); !known || err != nil {
		t.Errorf("repeated: known %v, %v", known, err)
	}
	e.begin(y, StepSend)
}

// Redis's WAIT speaks of what its connection wrote. The repeat of a call may come on another one,
// and has to write again: else a replica that never saw the first would confirm the second.
func TestRepeatsWrite(t *testing.T) {
	t.Parallel()
	e := on(t, ownServer(t), redis.Options{})
	x := partial("refund-1", "pay-1")
	e.reach(x, Rejected)
	for _, c := range []*call{
		{script: acceptScript, args: []any{x.Amount, "", string(x.Params), "", "", 1000}},
		{script: retryScript, args: []any{"kim", "", newToken()}},
		{script: beginScript, args: []any{x.Amount, "", string(x.Params), newToken(), lease.Milliseconds(), 1000}},
		{script: resolveScript, args: []any{"kim", "", "rejected", retention.Milliseconds(), newToken()}},
	} {
		c.place = locate(x.Key, x.MchtID, x.OrgTrdNo)
		if c.script == resolveScript {
			e.clock.Advance(lease) // a request is no longer on the wire
		}
		e.must(e.run(e.ctx, false, c))
		first, before := c.reply.word(), e.changes()
		e.must(e.run(e.ctx, false, c))
		if again := c.reply.word(); again != first || e.changes() == before {
			t.Errorf("answered %s, then %s; %d changes", first, again, e.changes()-before)
		}
	}
}

// changes counts what was written since the server started.
func (e *env) changes() (n int) {
	e.Helper()
	info := e.rdb.InfoMap(e.ctx, "persistence")
	e.must(info.Err())
	if _, err := fmt.Sscan(info.Item("Persistence", "rdb_changes_since_last_save"), &n); err != nil {
		e.Fatal(err)
	}
	return n
}

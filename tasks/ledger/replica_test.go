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
	e = envOn(t, clientOn(t, master, redis.Options{}), Options{WaitReplicas: 1, WaitTimeout: 5 * time.Second})
	e.inStep()
	return e, replica
}

// inStep waits until one replica holds all.
func (e *env) inStep() {
	e.Helper()
	clocktest.WaitFor(e, "the replica is in step", func() bool { return e.rdb.Do(e.ctx, "WAIT", 1, 1000).Val() == int64(1) })
}

// impatient is the same process, which waits for replicas for a moment only.
func (e *env) impatient() {
	e.opts.WaitTimeout = 50 * time.Millisecond
	e.store.opts.WaitTimeout = 50 * time.Millisecond
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
	if r := there.get(x.Key); r.Status != Queued {
		t.Errorf("at the replica: %s", r.Status)
	}
	g := e.begin(x, StepSend)
	if r := there.get(x.Key); r.Status != Sending {
		t.Errorf("at the replica: %s", r.Status)
	}
	e.finish(g, Next{Status: Review})
	_, err := e.Retry(e.ctx, x.Key, kim)
	e.must(err)
	if r := there.get(x.Key); r.Status != Unknown {
		t.Errorf("at the replica: %s", r.Status)
	}
	e.must(e.rdb.ScriptFlush(e.ctx).Err())
	if _, known, err := e.Accept(e.ctx, x); !known || err != nil {
		t.Errorf("after the script was forgotten: %v, %v", known, err)
	}

	// Gone: nothing is confirmed, however often it is asked for.
	y, z := partial("refund-2", "pay-2"), partial("refund-3", "pay-3")
	e.accept(y)
	replica.Kill()
	e.impatient()
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
	if g.Step != 0 {
		t.Errorf("step %d: it could be sent", g.Step)
	}
	e.begin(y, StepHeld) // the intent stands
	// What was granted and not sent goes back.
	_, err = e.Finish(e.ctx, g, Attempt{Class: Unsent}, Next{Status: Queued})
	e.must(err)
	_, err = e.Resolve(e.ctx, x.Key, as(Rejected))
	wantErr(t, err, ErrNotReplicated)

	// Back: the same calls are confirmed.
	e.must(replica.Restart())
	e.store.opts.WaitTimeout = 5 * time.Second
	e.inStep()
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
	e.opts.WaitReplicas, e.store.opts.WaitReplicas = 1, 1 // there is none: each call fails, and has written
	e.impatient()
	x := partial("refund-1", "pay-1")
	for i := range 3 {
		before := e.changes()
		_, _, err := e.Accept(e.ctx, x)
		wantErr(t, err, ErrNotReplicated)
		if e.changes() == before {
			t.Errorf("acceptance %d wrote nothing", i+1)
		}
	}
	// A run of the script whose write is there already counts, and so writes.
	p := e.payment(x)
	c := &change{at: placeOfEntry(x), moment: Moment{Now: e.clock.Now().UnixMilli()}}
	was := e.rdb.Get(e.ctx, c.at.paymentKey()).Val()
	for _, keep := range []any{0, ""} { // all of it anew, or behind what is stored
		w := writing{keys: []string{c.at.paymentKey(), shardStateKey(c.at.shard)}, args: []any{"before", p.Write, "{}", keep, 0, 0, "", "", 0}}
		before := e.changes()
		a, err := e.store.run(e.ctx, c, w)
		e.must(err)
		if now := e.rdb.Get(e.ctx, c.at.paymentKey()).Val(); a.word != "ok" || e.changes() == before || now != was {
			t.Errorf("answered %q, %d changes, stored:\n%s", a.word, e.changes()-before, now)
		}
	}
}

// Safe waits for the replicas to hold what others wrote, too; without demands it asks nobody.
func TestSafe(t *testing.T) {
	t.Parallel()
	e, replica := replicated(t)
	e.must(e.Safe(e.ctx))
	replica.Kill()
	e.impatient()
	wantErr(t, e.Safe(e.ctx), ErrNotReplicated)
	before := e.changes()
	e.must(New(e.rdb, Options{}).Safe(e.ctx))
	if e.changes() != before {
		t.Error("a ledger without demands has written")
	}
	e.must(replica.Restart())
	e.opts.WaitTimeout = 5 * time.Second
	e.inStep()
	e.must(e.Safe(e.ctx))
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

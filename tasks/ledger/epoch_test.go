package ledger

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/clocktest"
)

// copyOf dumps everything that Redis holds.
func (e *env) copyOf() map[string]string {
	e.Helper()
	all := map[string]string{}
	for _, key := range e.rdb.Keys(e.ctx, "*").Val() {
		raw, err := e.rdb.Dump(e.ctx, key).Result()
		e.must(err)
		all[key] = raw
	}
	return all
}

// putBack replaces what Redis holds by an older copy.
func (e *env) putBack(old map[string]string) {
	e.Helper()
	e.must(e.rdb.FlushDB(e.ctx).Err())
	for key, raw := range old {
		e.must(e.rdb.Restore(e.ctx, key, 0, raw).Err())
	}
}

// nowadays lets the clock show the time of Redis, by which epochs begin.
func (e *env) nowadays() *env {
	e.Helper()
	e.clock.Set(e.rdb.Time(e.ctx).Val())
	return e
}

// calmDown waits until nothing that was forgotten can be on the wire any more.
func (e *env) calmDown() { e.clock.Advance(e.opts.Request + e.opts.VerifyAfter + time.Minute) }

func (e *env) epochs() Epochs {
	e.Helper()
	all, err := e.another().Epochs(e.ctx) // by a process that knows nothing
	e.must(err)
	return all
}

// Redis is put back to an older copy. Whoever writes first notices, whichever call it is, once; the
// call is then carried out on what is there, and in the new epoch.
func TestForgotten(t *testing.T) {
	t.Parallel()
	for i, s := range stepsOfAll() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if s.name == "begin a dead letter" {
				return // it writes nothing
			}
			s := stepsOfAll()[i]
			e := newEnv(t)
			s.given(e)
			e.nowadays()
			z := partial("forgotten", stepEntry.OrgTrdNo)
			old := e.copyOf()
			before := e.payment0()
			e.accept(z) // in the same shard
			e.putBack(old)
			_, err := s.do(e)
			if doubtful := []string{"finish queued", "finish unknown", "finish rejected"}; slices.Contains(doubtful, s.name) {
				wantErr(t, err, ErrStale) // a later request may be forgotten: it proves nothing
			} else {
				e.must(err)
			}
			if got := e.epochs(); got.Raised != 1 || got.Forgotten != 1 || got.Since.IsZero() || !got.Cautious {
				t.Errorf("epochs %+v", got)
			}
			p := e.payment0()
			if p.Find(z.Key) != nil {
				t.Error("what was forgotten came back")
			}
			if before != nil && p.Write == before.Write {
				t.Error("the call was not carried out")
			}
			if p.Basis.Kind != "" && p.Basis.Epoch != 1 {
				t.Errorf("based on %+v", p.Basis)
			}
			// Nobody notices it again: neither who knows less, nor who knew the highest count.
			for j, l := range []*env{e, e.another(), e} {
				l.accept(partial(fmt.Sprint("later-", j), stepEntry.OrgTrdNo))
			}
			if got := e.epochs(); got.Raised != 1 || got.Forgotten != 1 {
				t.Errorf("later: epochs %+v", got)
			}
		})
	}
}

// payment0 is the payment of the steps, nil for none.
func (e *env) payment0() *Payment {
	e.Helper()
	p, err := e.store.load(e.ctx, placeOfEntry(stepEntry))
	e.must(err)
	return p
}

// What is written once writes were found missing goes by what is there, not by what the caller
// knew: an intent that would have been based is judged anew.
func TestForgottenJudgesAnew(t *testing.T) {
	t.Parallel()
	rdb := shared.Client(t)
	e := envOn(t, rdb, Options{Inquiry: true}).nowadays()
	x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
	e.accept(x)
	e.accept(y)
	_, err := e.Seed(e.ctx, x.MchtID, x.OrgTrdNo, 0, 0)
	e.must(err)
	old := e.copyOf()
	e.finish(e.begin(x, StepSend), cancelled(x)) // what will be forgotten
	e.putBack(old)
	if g := e.begin(y, StepWait); g.Wait < e.opts.Request+e.opts.VerifyAfter-time.Minute {
		t.Errorf("wait %v: what was forgotten may be on the wire", g.Wait)
	}
	e.calmDown()
	g := e.begin(y, StepInquire)
	if g.Purpose != ToBase || !g.Cautious || g.Record.Basis != "" || g.Record.ConfirmedCancelled != 0 {
		t.Errorf("purpose %d, cautious %v, %q %d", g.Purpose, g.Cautious, g.Record.Basis, g.Record.ConfirmedCancelled)
	}
	sum := int64(500)
	e.finish(g, Next{Status: Queued, Sum: &sum, Basis: BasisInquiry})
	if g := e.begin(y, StepSend); g.Record.Basis != BasisInquiry || g.Record.ConfirmedCancelled != 500 || !g.Cautious {
		t.Errorf("based anew: %+v", g.Record)
	}
}

// A process that finishes what Redis has forgotten, by the payment that it remembers from the
// grant, writes nothing of that memory.
func TestForgottenBetweenBeginAndFinish(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := stepEntry
	e.accept(x)
	old := e.copyOf()
	g := e.begin(x, StepSend)
	e.putBack(old)
	_, err := e.Finish(e.ctx, g, Attempt{Class: "ok"}, cancelled(x))
	wantErr(t, err, ErrStale)
	r := e.get(x.Key)
	if r.Status != Queued || r.ConfirmedCancelled != 0 || len(r.Attempts) != 1 || r.Attempts[0].Kind != Late || len(e.told()) != 0 {
		t.Errorf("record %+v", r)
	}
	if got := e.epochs(); got.Raised != 1 {
		t.Errorf("epochs %+v", got)
	}
}

// Everything is gone: that is noticed, too.
func TestForgottenAll(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.accept(stepEntry)
	e.accept(partial("refund-2", "pay-1"))
	e.must(e.rdb.FlushDB(e.ctx).Err())
	e.accept(stepEntry)
	if got := e.epochs(); got.Raised != 1 || got.Forgotten != 2 {
		t.Errorf("epochs %+v", got)
	}
}

// Who knows less than Redis holds, or nothing, raises nothing.
func TestNothingForgotten(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.accept(stepEntry)
	other := e.another()
	for i := range 10 {
		e.accept(partial(fmt.Sprint("e-", i), "pay-1"))
	}
	other.accept(partial("other", "pay-1"))
	e.accept(partial("refund-2", "pay-1"))
	if got := e.epochs(); got != (Epochs{}) {
		t.Errorf("epochs %+v", got)
	}
}

// The copy is older than the epoch that is known, or the process knows the epoch from a look alone:
// the next one lies above.
func TestForgottenEpoch(t *testing.T) {
	t.Parallel()
	for _, looked := range []bool{true, false} {
		t.Run(fmt.Sprint("looked ", looked), func(t *testing.T) {
			t.Parallel()
			e := envOn(t, shared.Client(t), Options{Inquiry: true}).nowadays()
			x := stepEntry
			e.accept(x)
			_, err := e.Seed(e.ctx, x.MchtID, x.OrgTrdNo, 0, 0)
			e.must(err)
			old := e.copyOf()
			e.must(e.Recover(e.ctx, kim))
			last := e
			if looked {
				last = e.another()
				_, err := last.Epochs(e.ctx)
				e.must(err)
			} else {
				e.accept(partial("refund-2", "pay-1"))
			}
			e.putBack(old)
			last.begin(x, StepWait)
			e.calmDown()
			g := last.begin(x, StepInquire) // what was based in the copy is based no more
			if g.Purpose != ToBase {
				t.Errorf("purpose %d", g.Purpose)
			}
			state := e.rdb.HGet(e.ctx, shardStateKey(placeOfEntry(x).shard), "e").Val()
			if state != "2" {
				t.Errorf("the epoch is %s, want 2", state)
			}
			last.finish(g, queuedAgain)
			if got := e.rdb.HGet(e.ctx, shardStateKey(placeOfEntry(x).shard), "e").Val(); got != "2" {
				t.Errorf("then it is %s", got)
			}
		})
	}
}

// Two processes that both know more than Redis holds, one more than the other, find one loss.
func TestForgottenByTwo(t *testing.T) {
	t.Parallel()
	for _, higherFirst := range []bool{true, false} {
		e := newEnv(t)
		other := e.another()
		e.accept(stepEntry)
		old := e.copyOf()
		other.accept(partial("refund-2", "pay-1"))
		e.accept(partial("refund-3", "pay-1"))
		e.putBack(old)
		first, second := other, e
		if higherFirst {
			first, second = e, other
		}
		for i := range 3 {
			first.accept(partial(fmt.Sprint("first-", i), "pay-1"))
			second.accept(partial(fmt.Sprint("second-", i), "pay-1"))
		}
		if got := e.epochs(); got.Raised != 1 {
			t.Errorf("higher first %v: epochs %+v", higherFirst, got)
		}
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	e := envOn(t, shared.Client(t), Options{Inquiry: true})
	x := stepEntry
	e.accept(x)
	_, err := e.Seed(e.ctx, x.MchtID, x.OrgTrdNo, 0, 0)
	e.must(err)
	if err := e.Recover(e.ctx, Decision{Who: "kim"}); err == nil || !strings.Contains(err.Error(), "note") {
		t.Errorf("without a note: %v", err)
	}
	if got := e.epochs(); got != (Epochs{}) {
		t.Errorf("epochs %+v", got)
	}
	e.must(e.Recover(e.ctx, kim))
	want := Epochs{Raised: shards, Since: start, Cautious: true}
	if d := cmp.Diff(want, e.epochs()); d != "" {
		t.Errorf("epochs (-want +got):\n%s", d)
	}
	by := e.rdb.HGetAll(e.ctx, recoveredKey).Val()
	if by["by"] != "kim" || by["note"] != kim.Note || by["at"] != fmt.Sprint(start.UnixMilli()) {
		t.Errorf("who said so: %v", by)
	}
	e.begin(x, StepWait)
	e.calmDown()
	if g := e.begin(x, StepInquire); g.Purpose != ToBase || !g.Cautious {
		t.Errorf("purpose %d, cautious %v", g.Purpose, g.Cautious)
	}
	// Those who remember higher counts do not find it again.
	for i := range 3 {
		e.accept(partial(fmt.Sprint("later-", i), "pay-1"))
	}
	if got := e.epochs(); got.Raised != shards {
		t.Errorf("later: epochs %+v", got)
	}
	e.clock.Advance(e.opts.Caution)
	if got := e.epochs(); got.Cautious {
		t.Errorf("after the time of caution: %+v", got)
	}
}

// A replica that was cut off is promoted: what it never had is noticed by who wrote it.
func TestForgottenByPromotion(t *testing.T) {
	t.Parallel()
	master := ownServer(t, "--repl-diskless-sync-delay", "0")
	replica := ownServer(t, "--replicaof", "127.0.0.1", fmt.Sprint(master.Port))
	var addr atomic.Value
	addr.Store(master.Addr())
	rdb := redis.NewClient(&redis.Options{Dialer: dialerTo(&addr)})
	t.Cleanup(func() { _ = rdb.Close() })
	e := envOn(t, rdb, Options{})
	there := replica.Client(t)
	clocktest.WaitFor(t, "the replica is in step", func() bool { return e.rdb.Do(e.ctx, "WAIT", 1, 1000).Val() == int64(1) })
	x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
	e.accept(x)
	clocktest.WaitFor(t, "the replica has it", func() bool { return there.Exists(e.ctx, placeOfEntry(x).paymentKey()).Val() == 1 })
	e.must(there.ReplicaOf(e.ctx, "NO", "ONE").Err())
	e.accept(y) // the old master confirms it
	master.Kill()
	addr.Store(replica.Addr())
	clocktest.WaitFor(t, "the client has the new master", func() bool { return e.rdb.Ping(e.ctx).Err() == nil })
	e.accept(y)
	if got := e.epochs(); got.Raised != 1 || got.Forgotten != 1 || time.Since(got.Since) > time.Hour {
		t.Errorf("epochs %+v", got)
	}
	e.begin(x, StepWait)
	if got := e.epochs(); got.Raised != 1 {
		t.Errorf("later: epochs %+v", got)
	}
}

// A lease that a clock which was ahead has stored holds up a person once, and not for a year: what
// was repaired is stored although the decision has to be taken again.
func TestResolveAfterClockAhead(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.accept(stepEntry)
	e.clock.Advance(10000 * time.Hour)
	e.begin(stepEntry, StepSend)
	e.clock.Advance(-10000 * time.Hour)
	_, err := e.Resolve(e.ctx, stepEntry.Key, as(Rejected))
	wantErr(t, err, ErrBusy)
	e.clock.Advance(lease)
	r, err := e.Resolve(e.ctx, stepEntry.Key, as(Rejected))
	wantErr(t, err, nil)
	if !r.Closed {
		t.Errorf("%+v", r)
	}
}

package ledger

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks/clocktest"
)

// keysOf lists the two keys of each cancellation, and the sets that hold one of them.
func keysOf(sets []string, entries ...Entry) []string {
	keys := slices.Clone(sets)
	for _, x := range entries {
		p := locate(x.Key, x.MchtID, x.OrgTrdNo)
		keys = append(keys, p.txnKey(), indexKey(p.key))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// In every state the ledger holds a transaction, an index entry and at most one member of one set;
// what has ended expires, and all of it.
func TestRetention(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	p := locate(x.Key, x.MchtID, x.OrgTrdNo)
	for _, s := range Statuses() {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.reach(x, s)
			r, err := e.Get(e.ctx, x.Key)
			e.must(err)
			var sets []string
			switch {
			case r.Open():
				sets = []string{p.openKey()}
			case r.Dead():
				sets = []string{p.deadKey()}
			}
			e.told()
			if d := cmp.Diff(keysOf(sets, x), e.keys()); d != "" {
				t.Errorf("keys (-want +got):\n%s", d)
			}
			if got := e.stand(x); got.Expires != r.Ended() || got.Index != r.Ended() {
				t.Errorf("transaction expires: %v, index expires: %v", got.Expires, got.Index)
			}
		})
	}
}

// A transaction lives as long as any of its cancellations is not ended; the index entry of an ended
// one does not wait for that.
func TestRetentionOfSiblings(t *testing.T) {
	t.Parallel()
	x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
	e := newEnv(t)
	e.reach(x, Cancelled)
	e.reach(y, Rejected)
	if a, b := e.stand(x), e.stand(y); a.Expires || !a.Index || b.Index {
		t.Errorf("with a dead letter: %+v, %+v", a, b)
	}
	_, err := e.Retry(e.ctx, y.Key, kim)
	e.must(err)
	if a := e.stand(x); a.Expires {
		t.Error("with an open one it expires")
	}
	e.finish(e.begin(y, StepSend), cancelled(y))
	if a, b := e.stand(x), e.stand(y); !a.Expires || !a.Index || !b.Index {
		t.Errorf("both ended: %+v, %+v", a, b)
	}
	z := partial("refund-3", "pay-1")
	e.accept(z)
	if a, b := e.stand(x), e.stand(z); a.Expires || !a.Index || b.Index {
		t.Errorf("with a new one: %+v, %+v", a, b)
	}
}

// What asks for an ended one again does not let its index entry live for ever.
func TestRetentionOfRepeats(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	other, elsewhere := x, x
	other.Amount++
	elsewhere.OrgTrdNo = "pay-2"
	for _, s := range []Status{Cancelled, AlreadyCancelled, Rejected} {
		e := newEnv(t)
		e.reach(x, s)
		if s == Rejected {
			_, err := e.Resolve(e.ctx, x.Key, as(Rejected))
			e.must(err)
		}
		for _, y := range []Entry{x, other, elsewhere} {
			_, _, _ = e.Accept(e.ctx, y)
			if got := e.stand(x); !got.Expires || !got.Index {
				t.Errorf("%s: transaction expires: %v, index expires: %v", s, got.Expires, got.Index)
			}
		}
		_, err := e.Resolve(e.ctx, x.Key, as(Cancelled))
		wantErr(t, err, ErrEnded)
		if got := e.stand(x); !got.Expires || !got.Index {
			t.Errorf("%s: transaction expires: %v, index expires: %v", s, got.Expires, got.Index)
		}
	}
}

// Expired, a key is free again.
func TestRetentionEnds(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.opts.Retention = time.Millisecond
	x := partial("refund-1", "pay-1")
	e.reach(x, Cancelled)
	e.told()
	clocktest.WaitFor(t, "what has ended is gone", func() bool { return len(e.keys()) == 0 })
	e.opts.Retention = retention
	_, err := e.Get(e.ctx, x.Key)
	wantErr(t, err, ErrNotFound)
	e.begin(x, StepNotFound)
	x.OrgTrdNo = "pay-2"
	e.accept(x)
}

// An index entry that got lost, or would expire, is there again when a person has to find the
// cancellation by it.
func TestIndexOfDeadLetters(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for name, harm := range map[string]func(*env){
		"gone":     func(e *env) { e.must(e.rdb.Del(e.ctx, indexKey(x.Key)).Err()) },
		"expiring": func(e *env) { e.must(e.rdb.PExpire(e.ctx, indexKey(x.Key), claimLife).Err()) },
	} {
		for _, s := range []Status{Rejected, Exhausted, Review} {
			t.Run(fmt.Sprintf("%s %s", name, s), func(t *testing.T) {
				t.Parallel()
				e := newEnv(t)
				e.accept(x)
				g := e.begin(x, StepSend)
				harm(e)
				e.finish(g, Next{Status: s})
				if e.expires(indexKey(x.Key)) {
					t.Error("the index entry expires")
				}
				_, err := e.Retry(e.ctx, x.Key, kim)
				e.must(err)
			})
		}
	}
	// What came too late to be true must not have set the life of the entry.
	for _, n := range []Next{{Status: Cancelled, CanTrdNo: "C-late"}, rejectedCode} {
		t.Run("stale "+string(n.Status), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			stale := e.sendAndLose(x)
			e.disprove(x)
			g := e.begin(x, StepSend)
			wantErr(t, e.Finish(e.ctx, stale, Attempt{}, n), ErrStale)
			if e.expires(indexKey(x.Key)) {
				t.Error("of an open one the index entry expires")
			}
			e.finish(g, cancelled(x))
			wantErr(t, e.Finish(e.ctx, stale, Attempt{}, n), ErrStale)
			if !e.expires(indexKey(x.Key)) {
				t.Error("of an ended one the index entry does not expire")
			}
		})
	}
}

// The defaults are those of the documentation.
func TestDefaults(t *testing.T) {
	t.Parallel()
	o := New(nil, Options{}).opts
	got := []time.Duration{o.Retention, o.Lease, o.Margin, o.VerifyAfter, o.WaitTimeout}
	want := []time.Duration{4320 * time.Hour, time.Minute, 15 * time.Second, time.Minute, 2 * time.Second}
	if d := cmp.Diff(want, got); d != "" || o.WaitReplicas != 0 || o.Now != nil {
		t.Errorf("defaults (-want +got):\n%s", d)
	}
}

// Without a clock of its own the ledger goes by that of Redis.
func TestClockOfRedis(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.opts.Now = nil
	before := e.rdb.Time(e.ctx).Val().Truncate(time.Millisecond)
	r := e.accept(partial("refund-1", "pay-1"))
	after := e.rdb.Time(e.ctx).Val()
	if r.AcceptedAt.Before(before) || r.AcceptedAt.After(after) {
		t.Errorf("accepted at %v, not between %v and %v", r.AcceptedAt, before, after)
	}
	e.begin(partial("refund-1", "pay-1"), StepSend)
	e.begin(partial("refund-1", "pay-1"), StepHeld)
}

package ledger

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks/clocktest"
)

// In every state the ledger holds a payment, an index entry and at most one member of one set,
// beside the indexes of the day, of the order and the counters; what has ended expires, and all of
// it.
func TestRetention(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	p := placeOfEntry(x)
	day := dayOf(start.UnixMilli())
	for _, s := range Statuses() {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.reach(x, s)
			r := e.get(x.Key)
			indexes := []string{dayKey(p.shard, day), orderKey(p.shard, monthOf(start.UnixMilli()), x.OrgMchtTrdNo)}
			want := append(slices.Clone(indexes), p.paymentKey(), indexKey(x.Key))
			switch {
			case r.Open():
				want = append(want, openKey(p.shard))
			case r.Dead():
				want = append(want, deadKey(p.shard))
			}
			if !r.Open() {
				want = append(want, countersKey(p.shard, day))
			}
			slices.Sort(want)
			if d := cmp.Diff(want, e.keys()); d != "" {
				t.Errorf("keys (-want +got):\n%s", d)
			}
			if got := e.stand(x); got.Expires != r.Ended() || got.Index != r.Ended() {
				t.Errorf("payment expires: %v, index expires: %v", got.Expires, got.Index)
			}
			for i, key := range indexes {
				slack := []time.Duration{48 * time.Hour, 32 * 24 * time.Hour}[i]
				if ttl := e.rdb.PTTL(e.ctx, key).Val(); ttl > retention+slack || ttl < retention+slack-time.Minute {
					t.Errorf("%s lives for %v", key, ttl)
				}
			}
			if ttl := e.rdb.PTTL(e.ctx, countersKey(p.shard, day)).Val(); !r.Open() && (ttl < countersKept || ttl > countersKept+48*time.Hour) {
				t.Errorf("the counters live for %v", ttl)
			}
		})
	}
}

// A payment lives as long as any of its cancellations is not ended; the index entry of an ended one
// does not wait for that.
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

// What asks for an ended one again does not let it live for ever, or its index entry.
func TestRetentionOfRepeats(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	other, elsewhere := x, x
	other.Amount++
	elsewhere.OrgTrdNo = "pay-2"
	for _, s := range []Status{Cancelled, AlreadyCancelled, RefundedElsewhere} {
		e := newEnv(t)
		e.reach(x, s)
		check := func(after string) {
			t.Helper()
			if got := e.stand(x); !got.Expires || !got.Index {
				t.Errorf("%s, after %s: payment expires: %v, index expires: %v", s, after, got.Expires, got.Index)
			}
		}
		for _, y := range []Entry{x, other, elsewhere} {
			_, _, _ = e.Accept(e.ctx, y)
			check("an acceptance")
		}
		_, err := e.Resolve(e.ctx, x.Key, as(Cancelled))
		wantErr(t, err, ErrEnded)
		check("a resolution")
		e.begin(x, StepEnded)
		check("a look")
	}
	// A person's word that the gateway confirms afterwards, and a late answer.
	e := newEnv(t)
	e.accept(x)
	late := e.begin(x, StepSend)
	e.clock.Advance(lease)
	_, err := e.Resolve(e.ctx, x.Key, as(Cancelled))
	e.must(err)
	_, err = e.Prove(e.ctx, x.Key, Evidence{CanTrdNo: "C-1"})
	e.must(err)
	_, err = e.Finish(e.ctx, late, Attempt{Class: "late"}, rejectedCode)
	wantErr(t, err, ErrStale)
	if got := e.stand(x); !got.Expires || !got.Index {
		t.Errorf("proved: %+v", got)
	}
}

// Expired, a key is free again.
func TestRetentionEnds(t *testing.T) {
	t.Parallel()
	e := envOn(t, shared.Client(t), Options{Retention: time.Millisecond})
	x := partial("refund-1", "pay-1")
	e.reach(x, Cancelled)
	e.told()
	clocktest.WaitFor(t, "what has ended is gone", func() bool {
		return !slices.ContainsFunc(e.keys(), func(key string) bool { return strings.Contains(key, ":p:") || strings.Contains(key, ":k:") })
	})
	_, err := e.Get(e.ctx, x.Key)
	wantErr(t, err, ErrNotFound)
	e.begin(x, StepNotFound)
	for name, q := range map[string]Query{"day": {}, "order": {OrgMchtTrdNo: x.OrgMchtTrdNo}} {
		if records, _, err := e.Search(e.ctx, q); len(records) != 0 || err != nil {
			t.Errorf("found by its %s: %v, %v", name, records, err)
		}
	}
	x.OrgTrdNo = "pay-2"
	e.accept(x)
}

// The indexes are told anew to expire as long as something is added to them, about once an hour,
// and at once after Redis has forgotten what it was told.
func TestRetentionOfIndexes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := stepEntry
	day := dayKey(placeOfEntry(x).shard, dayOf(start.UnixMilli()))
	e.accept(x)
	e.accept(partial("refund-2", "pay-1"))
	e.must(e.rdb.FlushDB(e.ctx).Err())
	e.accept(x)
	if ttl := e.rdb.PTTL(e.ctx, day).Val(); ttl <= 0 {
		t.Errorf("written anew it lives for %v", ttl)
	}
	if n := len(e.store.expiring); n != 2 {
		t.Errorf("remembered for %d indexes, want the day's and the order's", n)
	}
}

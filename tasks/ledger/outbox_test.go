package ledger

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// Every final status and every dead letter is told once, in order, in the step that brought it
// about; nothing else is.
func TestOutbox(t *testing.T) {
	t.Parallel()
	for _, s := range Statuses() {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			x := partial("refund-1", "pay-1")
			e.reach(x, s)
			r := e.get(x.Key)
			told := e.told()
			if s == RefundedElsewhere { // it was in review before
				if len(told) != 2 || told[0].Record.Status != Review || told[1].Seq != 2 || told[1].Record.Status != s {
					t.Errorf("told %+v", told)
				}
				return
			}
			if r.Open() {
				if len(told) != 0 {
					t.Errorf("told of an open one: %+v", told)
				}
				return
			}
			if len(told) != 1 {
				t.Fatalf("told %d times, want once", len(told))
			}
			ev := told[0]
			if ev.Seq != 1 || ev.Record.Status != s || ev.Record.Key != x.Key || ev.Record.OrgTrdNo != x.OrgTrdNo ||
				ev.Record.MchtID != x.MchtID || ev.Record.Amount != x.Amount || ev.Record.CanTrdNo != r.CanTrdNo || ev.Record.Code != r.Code || !ev.Record.EndedAt.Equal(r.EndedAt) {
				t.Errorf("told %+v of %+v", ev, r)
			}
			if len(ev.Record.Attempts)+len(ev.Record.Acts) != 0 || len(r.Attempts) == 0 {
				t.Errorf("the event has %d attempts, the record %d", len(ev.Record.Attempts), len(r.Attempts))
			}
		})
	}
}

func TestOutboxOrder(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := partial("refund-1", "pay-1")
	e.reach(x, Rejected)
	_, err := e.Retry(e.ctx, x.Key, kim)
	e.must(err)
	_, err = e.Resolve(e.ctx, x.Key, as(Cancelled))
	e.must(err)
	_, err = e.Prove(e.ctx, x.Key, Evidence{CanTrdNo: "C"})
	e.must(err)
	seen, ids := "", map[string]bool{}
	again, err := e.Outbox(e.ctx, 10)
	e.must(err)
	for i, ev := range e.told() {
		seen += fmt.Sprint(ev.Seq, " ", ev.Record.Status, " ", ev.Record.Closed, "; ")
		ids[ev.ID] = true
		if ev.ID != again[i].ID {
			t.Errorf("told again, it is called %s, not %s", ev.ID, again[i].ID)
		}
	}
	if seen != "1 rejected false; 2 cancelled true; 3 cancelled true; " || len(ids) != 3 {
		t.Errorf("told %s with ids %v", seen, ids)
	}
}

// Account numbers stay unreadable, take no part in telling two cancellations apart, and go once it
// has ended.
func TestSealed(t *testing.T) {
	t.Parallel()
	for _, s := range Statuses() {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			x := partial("refund-1", "pay-1")
			x.Sealed = "sealed-1"
			e.reach(x, s)
			x.Sealed = "sealed-2"
			r, known, err := e.Accept(e.ctx, x)
			if err != nil || !known {
				t.Errorf("accepted again under another seal: known %v, %v", known, err)
			}
			if want := map[bool]string{true: "", false: "sealed-1"}[r.Ended()]; r.Sealed != want {
				t.Errorf("sealed %q, want %q", r.Sealed, want)
			}
			for _, ev := range e.told() {
				if ev.Record.Sealed != "" {
					t.Error("the event holds account numbers")
				}
			}
		})
	}
}

// litter puts entries into the outbox of a shard that cannot be read.
func (e *env) litter(shard, n int) {
	e.Helper()
	_, err := e.rdb.Pipelined(e.ctx, func(p redis.Pipeliner) error {
		for i := range n {
			p.XAdd(e.ctx, &redis.XAddArgs{Stream: outboxKey(shard), Values: []string{"m", fmt.Sprint("bad \xff\"", i), "n", "x"}})
		}
		return nil
	})
	e.must(err)
}

// What cannot be read is set aside, whole and once; the others come up.
func TestSetAside(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := partial("refund-1", "pay-1")
	shard := placeOfEntry(x).shard
	e.litter(shard, 2)
	e.reach(x, Rejected)
	page, err := e.Outbox(e.ctx, 2)
	e.must(err)
	if len(page) != 2 {
		t.Fatalf("%d events, want 2", len(page))
	}
	for _, ev := range page {
		if !errors.Is(ev.Damage, ErrDamaged) || !strings.Contains(ev.Damage.Error(), outboxKey(shard)) || ev.ID == "" || ev.Seq != 0 {
			t.Errorf("damaged: %+v", ev)
		}
	}
	for range 2 { // a reply got lost
		moved, err := e.SetAside(e.ctx, page)
		e.must(err)
		if len(moved) != 2 || moved[0].ID != page[0].ID || moved[1].ID != page[1].ID {
			t.Errorf("moved %+v", moved)
		}
	}
	page, err = e.Outbox(e.ctx, 2)
	e.must(err)
	if len(page) != 1 || page[0].Damage != nil || page[0].Record.Key != x.Key {
		t.Errorf("behind them: %+v", page)
	}
	kept, err := e.rdb.XRange(e.ctx, damagedKey(shard), "-", "+").Result()
	e.must(err)
	if len(kept) != 2 || kept[1].Values["m"] != "bad \xff\"1" || kept[1].Values["n"] != "x" || kept[1].Values["entry"] == "" {
		t.Errorf("kept: %+v", kept)
	}
	if told := e.told(); len(told) != 1 {
		t.Errorf("told %+v", told)
	}
}

// What was acknowledged is not told again; the rest is, in its order.
func TestAck(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for i := range 5 {
		e.reach(partial(fmt.Sprint("refund-", i), "pay-1"), Rejected)
	}
	all, err := e.Outbox(e.ctx, 10)
	e.must(err)
	e.must(e.Ack(e.ctx, []Event{all[1], all[3]}))
	e.must(e.Ack(e.ctx, []Event{all[1]})) // a reply got lost
	e.must(e.Ack(e.ctx, nil))
	var left []string
	for _, ev := range e.told() {
		left = append(left, ev.Record.Key)
	}
	if d := cmp.Diff([]string{"refund-0", "refund-2", "refund-4"}, left); d != "" {
		t.Errorf("left (-want +got):\n%s", d)
	}
}

// An outbox that held nothing but damage is gone with it, and what is kept of it is bounded.
func TestSetAsideMany(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.litter(3, keptDamaged+5)
	page, err := e.Outbox(e.ctx, keptDamaged+5)
	e.must(err)
	_, err = e.SetAside(e.ctx, page)
	e.must(err)
	if got := e.keys(); len(got) != 1 || got[0] != damagedKey(3) {
		t.Errorf("keys %q", got)
	}
	b, err := e.Backlog(e.ctx)
	e.must(err)
	first := e.rdb.XRangeN(e.ctx, damagedKey(3), "-", "+", 1).Val()[0]
	if b != (Backlog{Damaged: keptDamaged}) || !strings.HasSuffix(fmt.Sprint(first.Values["m"]), `"5`) {
		t.Errorf("backlog %+v, the first kept is %+v", b, first)
	}
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	backlog := func() Backlog {
		t.Helper()
		b, err := e.Backlog(e.ctx)
		e.must(err)
		return b
	}
	if b := backlog(); b != (Backlog{}) {
		t.Errorf("of nothing: %+v", b)
	}
	now, err := e.rdb.Time(e.ctx).Result()
	e.must(err)
	for i := range 20 { // over several shards
		e.reach(partial(fmt.Sprint("refund-", i), fmt.Sprint("pay-", i)), Rejected)
	}
	b := backlog()
	if age := b.Oldest.Sub(now); b.Waiting != 20 || b.Damaged != 0 || age < -time.Millisecond || age > time.Minute {
		t.Errorf("of 20: %+v, the oldest %v after the first", b, age)
	}
	old := &redis.XAddArgs{Stream: outboxKey(15), ID: "1700000000123-4", Values: []string{"m", "x"}}
	e.must(e.rdb.Del(e.ctx, outboxKey(15)).Err())
	e.must(e.rdb.XAdd(e.ctx, old).Err())
	if b := backlog(); b.Oldest.UnixMilli() != 1700000000123 {
		t.Errorf("the oldest waits since %v", b.Oldest)
	}
	e.told()
	if b := backlog(); b != (Backlog{}) {
		t.Errorf("after all are told: %+v", b)
	}
}
